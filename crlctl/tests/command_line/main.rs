//! The interface that scripts rely on: options, output and exit status of the real binary.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod blocks;
mod explain;
mod snapshots;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use testkit::events;
use testkit::pki::{Ca, CaOptions, CrlBuilder, CrlDistributionPoints, Leaf, LeafOptions};

/// A moment within the validity of everything the test PKI makes.
const AT: &str = "2026-11-10T00:00:00Z";

/// A folder of its own for each test, removed afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, octets: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Run {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

fn crlctl(arguments: &[&str]) -> Run {
    crlctl_with(&[], arguments)
}

/// With these environment variables and, of AWS's, no others.
fn crlctl_with(variables: &[(String, String)], arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crlctl"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let output = command
        .args(arguments)
        .envs(variables.iter().cloned())
        .output()
        .unwrap();
    Run {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

struct Scene {
    folder: Folder,
    root: Ca,
    ca: Ca,
    alice: Leaf,
    bob: Leaf,
    truststore: String,
}

impl Scene {
    fn new(test: &str) -> Self {
        let root = Ca::root("Test Root");
        // No CRL of the root is promised, so none is missed.
        let ca = root.subordinate_with(
            "Test CA",
            CaOptions {
                crl_distribution_points: CrlDistributionPoints::Absent,
                ..CaOptions::default()
            },
        );
        let [alice, bob] = ["alice", "bob"].map(|name| ca.issue(name));
        let folder = Folder::new(test);
        let bundle = root.certificate_pem() + &ca.certificate_pem();
        let truststore = folder.write("truststore.pem", bundle);
        Self {
            folder,
            root,
            ca,
            alice,
            bob,
            truststore,
        }
    }

    fn crl(&self) -> CrlBuilder {
        self.ca.crl().number(7).revoke(&self.bob.serial())
    }

    fn check(&self, crl: &str, certificate: &Leaf) -> Run {
        let cert = self
            .folder
            .write("client.pem", certificate.certificate_pem());
        let arguments = [
            "--truststore",
            &self.truststore,
            "--crl",
            crl,
            "--cert",
            &cert,
        ];
        crlctl(&[&["check", "--at", AT, "--format", "json"][..], &arguments].concat())
    }
}

#[test]
fn check_tells_the_status_and_the_decision() {
    let scene = Scene::new("check");
    let crl = scene.folder.write("ca.crl", scene.crl().der());
    let expected_crl = json!({
        "file": crl, "accepted": true, "current": true, "refusal": null,
        "issuer": "C=US, O=Example, CN=Test CA", "crlNumber": 7,
        "thisUpdate": "2026-11-01T00:00:00Z", "nextUpdate": "2026-12-01T00:00:00Z",
        "entries": 1, "scope": "complete",
    });
    let allowed = scene.check(&crl, &scene.alice);
    assert_eq!(
        allowed.json(),
        json!({"crls": [expected_crl],
               "certificate": {"status": "not-revoked", "reason": "not-revoked"},
               "decision": "allow"})
    );
    assert_eq!(allowed.status, 0);
    let denied = scene.check(&crl, &scene.bob);
    assert_eq!(
        denied.json(),
        json!({"crls": [expected_crl],
               "certificate": {"status": "revoked", "reason": "revoked"},
               "decision": "deny"})
    );
    assert_eq!(denied.status, 1);
}

#[test]
fn a_crl_of_no_ca_given_is_refused_and_nobody_is_known_good() {
    let scene = Scene::new("forged");
    let impostor = Ca::root("Impostor");
    let forged = scene
        .folder
        .write("ca.crl", scene.crl().signed_by(&impostor).der());
    let run = scene.check(&forged, &scene.alice);
    assert_eq!(run.status, 1);
    let report = run.json();
    assert_eq!(report["crls"][0]["accepted"], false);
    assert_eq!(report["crls"][0]["refusal"]["code"], "signature-invalid");
    assert_eq!(
        report["certificate"],
        json!({"status": "unknown", "reason": "issuer-without-crl"})
    );
    assert_eq!(report["decision"], "deny");
}

#[test]
fn an_expired_crl_is_accepted_and_not_current() {
    let scene = Scene::new("expired");
    let crl = scene
        .folder
        .write("ca.crl", scene.crl().next_update(1_793_500_000).der());
    let run = scene.check(&crl, &scene.alice);
    let report = run.json();
    assert_eq!(report["crls"][0]["accepted"], true);
    assert_eq!(report["crls"][0]["current"], false);
    assert_eq!(
        report["certificate"],
        json!({"status": "unknown", "reason": "crl-expired"})
    );
    assert_eq!(
        scene.check(&crl, &scene.bob).json()["certificate"]["status"],
        "revoked"
    );
}

#[test]
fn an_older_crl_beside_a_newer_one_is_superseded_in_any_order() {
    let scene = Scene::new("superseded");
    let new = scene.folder.write("new.crl", scene.crl().der());
    let old = scene
        .folder
        .write("old.crl", scene.ca.crl().number(6).der());
    let cert = scene.folder.write("bob.pem", scene.bob.certificate_pem());
    for crls in [[&new, &old], [&old, &new]] {
        let run = crlctl(&[
            "check",
            "--truststore",
            &scene.truststore,
            "--crl",
            crls[0],
            "--crl",
            crls[1],
            "--cert",
            &cert,
            "--at",
            AT,
            "--format",
            "json",
        ]);
        let report = run.json();
        assert_eq!(report["certificate"]["status"], "revoked");
        assert_eq!(
            [
                &report["crls"][0]["accepted"],
                &report["crls"][1]["accepted"]
            ],
            [true, true]
        );
    }
}

#[test]
fn bundles_are_read_whole_and_options_repeat() {
    let scene = Scene::new("bundles");
    let bundle = scene.crl().pem() + &scene.root.crl().pem();
    let crls = scene.folder.write("both.pem", bundle);
    let [first, second] = [&scene.root, &scene.ca]
        .map(|ca| scene.folder.write(ca.common_name(), ca.certificate_der()));
    let run = crlctl(&[
        "check",
        "--truststore",
        &first,
        "--truststore",
        &second,
        "--crl",
        &crls,
        "--at",
        AT,
        "--format",
        "json",
    ]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    let report = run.json();
    assert_eq!(report["crls"].as_array().unwrap().len(), 2);
    assert_eq!(
        [&report["certificate"], &report["decision"]],
        [&Value::Null, &Value::Null]
    );
}

#[test]
fn inspect_needs_no_issuer() {
    let scene = Scene::new("inspect");
    let crl = scene.folder.write("ca.crl", scene.crl().der());
    let run = crlctl(&["inspect", "--crl", &crl, "--at", AT]);
    assert_eq!(run.status, 0);
    let expected = format!(
        "{crl}: accepted, current\n  issuer       C=US, O=Example, CN=Test CA\n  CRL number   7\n  \
         thisUpdate   2026-11-01T00:00:00Z\n  nextUpdate   2026-12-01T00:00:00Z\n  entries      1\n  \
         scope        complete\n"
    );
    assert_eq!(run.stdout, expected);
    let cut = scene.folder.write("cut.crl", &scene.crl().der()[..100]);
    let run = crlctl(&["inspect", "--crl", &cut, "--format", "json"]);
    assert_eq!(run.status, 1);
    assert_eq!(run.json()["crls"][0]["refusal"]["code"], "malformed");
}

#[test]
fn authorize_prints_the_answer_of_the_lambda() {
    let scene = Scene::new("authorize");
    let crl = scene.folder.write("ca.crl", scene.crl().der());
    let authorize = |event: &Value, response: &str| {
        let event = scene.folder.write("event.json", event.to_string());
        crlctl(&[
            "authorize",
            "--truststore",
            &scene.truststore,
            "--crl",
            &crl,
            "--event",
            &event,
            "--at",
            AT,
            "--response",
            response,
        ])
    };
    let allowed = authorize(
        &events::http_api_v2(&scene.alice.certificate_pem()),
        "simple",
    );
    assert_eq!(
        (allowed.status, allowed.stderr.as_str()),
        (0, "allow: not-revoked\n")
    );
    assert_eq!(allowed.json()["isAuthorized"], true);
    let denied = authorize(&events::http_api_v2(&scene.bob.certificate_pem()), "simple");
    assert_eq!(
        (denied.status, denied.stderr.as_str()),
        (0, "deny: revoked\n")
    );
    assert_eq!(denied.json()["isAuthorized"], false);
    let policy = authorize(&events::http_api_v2(&scene.bob.certificate_pem()), "iam").json();
    assert_eq!(policy["policyDocument"]["Statement"][0]["Effect"], "Deny");
    let rest = authorize(
        &events::rest_request(&scene.alice.certificate_pem()),
        "simple",
    )
    .json();
    assert_eq!(rest["policyDocument"]["Statement"][0]["Effect"], "Allow");
    for odd in [json!(null), json!([]), json!({"version": "2.0"})] {
        let run = authorize(&odd, "simple");
        assert_eq!(
            (run.status, run.stderr.as_str()),
            (0, "deny: no-client-certificate\n")
        );
        assert_eq!(run.json()["isAuthorized"], false);
    }
}

#[test]
fn what_cannot_be_used_is_named() {
    let scene = Scene::new("unusable");
    let crl = scene.folder.write("ca.crl", scene.crl().der());
    let text = scene.folder.write("notes.txt", "hello");
    let leaf = scene
        .folder
        .write("leaf.pem", scene.alice.certificate_pem());
    let missing = scene.folder.0.join("missing.crl");
    let missing = missing.to_str().unwrap();
    let cases: [(&[&str], &str); 7] = [
        (&["check", "--crl", &crl], "--truststore"),
        (
            &["check", "--truststore", &scene.truststore, "--crl", missing],
            missing,
        ),
        (&["check", "--truststore", &text, "--crl", &crl], &text),
        (
            &["check", "--truststore", &leaf, "--crl", &crl],
            "holds no CA certificate",
        ),
        (
            &[
                "check",
                "--truststore",
                &scene.truststore,
                "--crl",
                &crl,
                "--cert",
                &text,
            ],
            &text,
        ),
        (&["inspect", "--crl", &crl, "--at", "noon"], "RFC 3339"),
        (
            &[
                "authorize",
                "--truststore",
                &scene.truststore,
                "--crl",
                &crl,
                "--event",
                &text,
            ],
            "it is not JSON",
        ),
    ];
    for (arguments, named) in cases {
        let run = crlctl(arguments);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(run.stderr.contains(named), "{named}: {}", run.stderr);
    }
}

#[test]
fn a_certificate_that_the_authorizer_cannot_read_is_denied() {
    let scene = Scene::new("unreadable");
    let crl = scene.folder.write("ca.crl", scene.crl().der());
    let cut = scene
        .folder
        .write("cut.der", &scene.alice.certificate_der()[..100]);
    let run = crlctl(&[
        "check",
        "--truststore",
        &scene.truststore,
        "--crl",
        &crl,
        "--cert",
        &cut,
        "--at",
        AT,
        "--format",
        "json",
    ]);
    assert_eq!(run.status, 1);
    let report = run.json();
    assert_eq!(
        report["certificate"],
        json!({"status": "unknown", "reason": "certificate-unreadable"})
    );
    let expired = LeafOptions {
        not_before: 0,
        not_after: 1_000_000,
        ..LeafOptions::default()
    };
    let run = scene.check(&crl, &scene.ca.issue_with("old", expired));
    assert_eq!(
        run.json()["certificate"],
        json!({"status": "not-revoked", "reason": "certificate-expired"})
    );
    assert_eq!(run.status, 1);
}
