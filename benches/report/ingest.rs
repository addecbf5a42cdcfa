//! CRL octets → verified, sorted, packed set.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use benches::{LARGE, crl, ours, rivals, serials};
use crl_fetcher::truststore::Truststore;
use testkit::pki::Ca;

use crate::figures::Report;
use crate::measure::{Contender, Failure, OURS, Session, Timings, float, mebibytes};

const SHA256: &str = "SHA-256 of the same octets";

/// The million-entry CRL, beside every reader of CRLs at hand.
pub(crate) fn measure(session: &Session, report: &mut Report) -> Result<(), Failure> {
    session.saying(format!("making a CRL of {LARGE} entries"));
    let input = Input::new(LARGE)?;
    let der = &input.der[..];
    let file = CrlFile::write(der)?;
    let mut contenders = input.ours_and_yardstick();
    contenders.push(Contender::new("x509-parser, parse only", || {
        rivals::x509_parser(der)
    }));
    contenders.push(Contender::new("x509-cert, parse only", || {
        rivals::x509_cert(der)
    }));
    contenders.push(Contender::new(
        "rustls-webpki borrowed, read through",
        || rivals::webpki_borrowed(der),
    ));
    contenders.push(Contender::new(
        "rustls-webpki owned, parsed into a map",
        || rivals::webpki_owned(der).map(|_| input.count),
    ));
    if has_openssl() {
        contenders.push(Contender::child("openssl crl, parse only", || {
            file.parsed_by_openssl().then_some(input.count)
        }));
    } else {
        report.note("openssl is not on the PATH: its row of ingest is missing.");
    }
    session.saying(format!("ingest of {LARGE} entries"));
    let timings = session.in_turn(11, input.count, contenders)?;

    let yardstick = timings.seconds(SHA256)?;
    for timing in timings.iter().filter(|timing| timing.name != SHA256) {
        report.record("ingest_x_sha256", timing.name, timing.seconds / yardstick);
        if let Some(peak) = timing.peak {
            report.record("ingest_peak_mib", timing.name, mebibytes(peak));
        }
    }
    let per_octet = yardstick / float(der.len());
    report.detail("ingest_x_sha256", "CRL, MiB", mebibytes(der.len()));
    report.detail("ingest_x_sha256", "SHA-256, ns an octet", per_octet * 1e9);
    report.detail("ingest_x_sha256", "CPU, ms", timings.seconds(OURS)? * 1e3);
    Ok(())
}

/// Seconds for a CRL of so many entries: ours, and SHA-256.
pub(crate) fn growth(session: &Session, count: usize) -> Result<[(&'static str, f64); 2], Failure> {
    let input = Input::new(count)?;
    let rounds = if count > LARGE { 3 } else { 11 };
    let timings: Timings = session.in_turn(rounds, input.count, input.ours_and_yardstick())?;
    Ok([
        (OURS, timings.seconds(OURS)?),
        ("SHA-256 alone", timings.seconds(SHA256)?),
    ])
}

struct Input {
    der: Vec<u8>,
    truststore: Truststore,
    count: u64,
    digest: [u8; 32],
}

impl Input {
    fn new(count: usize) -> Result<Self, Failure> {
        let ca = Ca::root("Bench CA");
        let unreadable = |_| Failure("the CA certificate is unreadable".to_owned());
        let der = crl(&ca, &serials(count, 1));
        Ok(Self {
            digest: rivals::sha256(&der),
            truststore: Truststore::read(ca.certificate_der()).map_err(unreadable)?,
            count: u64::try_from(count).unwrap_or(u64::MAX),
            der,
        })
    }

    fn ours_and_yardstick(&self) -> Vec<Contender<'_>> {
        vec![
            Contender::new(OURS, || ours::ingest(&self.der, &self.truststore)),
            Contender::new(SHA256, || {
                (rivals::sha256(&self.der) == self.digest).then_some(self.count)
            }),
        ]
    }
}

/// A CRL for another program to read; removed in the end.
struct CrlFile(PathBuf);

impl CrlFile {
    fn write(der: &[u8]) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("report-{}.crl", std::process::id()));
        std::fs::write(&path, der)
            .map_err(|error| Failure(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self(path))
    }

    fn parsed_by_openssl(&self) -> bool {
        openssl(&["crl", "-inform", "DER", "-noout", "-in"], Some(&self.0))
    }
}

impl Drop for CrlFile {
    fn drop(&mut self) {
        // A file left behind in the temporary directory is no reason to lose the figures.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn has_openssl() -> bool {
    openssl(&["version"], None)
}

fn openssl(arguments: &[&str], file: Option<&Path>) -> bool {
    let mut command = Command::new("openssl");
    command.args(arguments).args(file);
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
