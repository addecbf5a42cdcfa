//! The verdict of the `openssl` command, version 3.0: others may differ from us in other ways.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;

use crate::pki::Pki;
use crate::plan::{CaCertificate, NOW};
use crate::verdict::{Judgement, Rival, Verdict};

/// The command, and a folder for the files it reads.
pub(crate) struct Openssl {
    pub(crate) version: String,
    folder: PathBuf,
}

impl Openssl {
    /// `None`, and a word about it, where there is no such command of that version.
    pub(crate) fn find(purpose: &str) -> Option<Self> {
        let output = Command::new("openssl").arg("version").output();
        let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let version = match version {
            Ok(version) if version.starts_with("OpenSSL 3.0.") => version,
            Ok(other) => {
                say_once(&format!("version 3.0 is needed, this is {other}"));
                return None;
            }
            Err(error) => {
                say_once(&format!("the command does not run: {error}"));
                return None;
            }
        };
        let name = format!("differential-{purpose}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder for temporary files");
        Some(Self {
            version: version.trim().to_owned(),
            folder,
        })
    }

    /// As [`Rival::OpensslLeaf`] the issuer is the anchor, as every CA of API Gateway's truststore
    /// is; as [`Rival::OpensslChain`] the root is, and each path is tried alone, because openssl
    /// tries one only.
    pub(crate) fn judge(&self, pki: &Pki<'_>, rival: Rival) -> Judgement {
        pki.write_crls(&self.file("crls.pem"))
            .expect("a file written");
        fs::write(self.file("client.pem"), pki.leaf.certificate_pem()).expect("a file written");
        let paths = pki.plan.paths();
        if rival.is_chain() {
            let judge = |path: &Vec<CaCertificate>| {
                let (root, intermediates) = path.split_last().expect("a root");
                self.verify(pki, root, intermediates, "-crl_check_all")
            };
            Judgement::of_paths(paths.iter().map(judge).collect())
        } else {
            self.verify(pki, &paths[0][0], &[], "-crl_check")
        }
    }

    fn verify(
        &self,
        pki: &Pki<'_>,
        anchor: &CaCertificate,
        intermediates: &[CaCertificate],
        check: &str,
    ) -> Judgement {
        let pem = |ca: &CaCertificate| pki.ca(ca).certificate_pem();
        let untrusted: String = intermediates.iter().map(pem).collect();
        fs::write(self.file("anchor.pem"), pem(anchor)).expect("a file written");
        fs::write(self.file("untrusted.pem"), untrusted).expect("a file written");
        let mut command = Command::new("openssl");
        command
            .current_dir(&self.folder)
            .args(["verify", "-no-CApath", "-no-CAstore"]);
        command.args(["-CAfile", "anchor.pem", "-purpose", "sslclient", check]);
        command.args(["-attime", &NOW.to_string()]);
        if !anchor.is_root() {
            command.arg("-partial_chain");
        }
        // It takes an empty file for an error.
        if !intermediates.is_empty() {
            command.args(["-untrusted", "untrusted.pem"]);
        }
        if !pki.crls.is_empty() {
            command.args(["-CRLfile", "crls.pem"]);
        }
        let output = command.arg("client.pem").output().expect("openssl run");
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        read(output.status.success(), &text)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Past the test harness, which shows nothing of tests that pass.
fn say_once(why: &str) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let said = writeln!(io::stderr(), "NOT COMPARED WITH OPENSSL: {why}");
        said.expect("a standard error stream");
    });
}

/// Reads the lines `error NUMBER at DEPTH depth lookup: …`. After some errors it goes on, so there
/// may be several.
fn read(success: bool, text: &str) -> Judgement {
    let error = |line: &str| {
        let (_, rest) = line.split_once("error ")?;
        let (number, rest) = rest.split_once(" at ")?;
        let (depth, message) = rest.split_once(" depth lookup: ")?;
        Some((number.parse::<u32>().ok()?, format!("{message} ({depth})")))
    };
    let errors: Vec<_> = text.lines().filter_map(error).collect();
    let reason: Vec<_> = errors.iter().map(|(_, message)| message.as_str()).collect();
    let reason = reason.join(", ");
    if errors.iter().any(|(number, _)| *number == CERT_REVOKED) {
        return Judgement::new(Verdict::Revoked, reason);
    }
    if success && errors.is_empty() {
        return Judgement::new(Verdict::Good, "OK");
    }
    let is_about_crl = |number: &u32| CRL_ERRORS.contains(number);
    if success || errors.is_empty() || !errors.iter().all(|(number, _)| is_about_crl(number)) {
        panic!("openssl did not come to the CRLs:\n{text}");
    }
    Judgement::new(Verdict::Unknown, reason)
}

const CERT_REVOKED: u32 = 23;

/// `X509_V_ERR_*`: no CRL, signature, not yet valid, expired, no CRL issuer, unhandled critical
/// extension, another scope.
const CRL_ERRORS: [u32; 7] = [3, 8, 11, 12, 33, 36, 44];
