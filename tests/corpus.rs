//! The checks of the fuzz targets, over what is in version control: the seeds, and what fuzzing found
//! worth keeping. A finding that was mended stays mended.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how these tests fail"
)]

#[path = "../fuzz/checks/lib.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the fuzz targets see it as a crate"
)]
mod checks;
#[path = "corpus/seeds.rs"]
mod seeds;

use std::collections::BTreeMap;
use std::panic::{RefUnwindSafe, catch_unwind};
use std::path::Path;

use authorizer::client_cert::ClientCert;
use authorizer::decision::{Decision, Effect, Reason};
use checks::{certificate, crl, event, fixed, snapshot};
use crl_fetcher::truststore::Truststore;
use crl_fetcher::verify_all;

#[test]
fn crls() {
    let reached = run("crl", crl::check);
    for name in [
        "complete.der",
        "empty.der",
        "partition-a.der",
        "partition-b-expired.der",
        "partition-relative.der",
        "user-certificates.der",
        "ca-certificates.der",
        "entry-extensions.der",
        "many.der",
        "one.pem",
        "p256.der",
        "p384.der",
        "p521.der",
        "rsa.der",
        "rsa-pss.der",
        "ml-dsa-44.der",
    ] {
        assert_eq!(reached[name].verified, 1, "{name}");
    }
    assert_eq!(reached["two.pem"].verified, 2);
    let unsigned = reached["signature-of-another.der"];
    assert_eq!((unsigned.verified, unsigned.verified_once_signed), (0, 1));
    for name in [
        "delta.der",
        "unknown-critical.der",
        "version-1.der",
        "another-issuer.der",
    ] {
        assert_eq!(reached[name], crl::Reached::default(), "{name}");
    }
    run_neighbours("crl", "complete.der", crl::check);
    run_neighbours("crl", "user-certificates.der", crl::check);
}

#[test]
fn certificates() {
    let reached = run("certificate", certificate::check);
    for name in [
        "client.der",
        "client.pem",
        "chain.pem",
        "negative-serial.der",
        "long-serial.der",
        "distribution-points.der",
        "version-1.der",
        "ca.der",
        "truststore.pem",
        "truststore-other-keys.pem",
    ] {
        assert!(reached[name].client_certificate, "{name}");
    }
    for name in ["ca.der", "truststore.pem", "truststore-other-keys.pem"] {
        assert!(reached[name].truststore, "{name}");
    }
    for name in ["cdp.der", "cdp-relative.der", "cdp-reasons.der"] {
        assert!(reached[name].distribution_points, "{name}");
    }
    let twice = reached["distribution-points-twice.der"];
    assert!(!twice.client_certificate);
    run_neighbours("certificate", "distribution-points.der", certificate::check);
    run_neighbours("certificate", "ca.der", certificate::check);
    run_neighbours("certificate", "cdp-reasons.der", certificate::check);
}

#[test]
fn events() {
    let reached = run("event", event::check);
    let decided = |effect, reason| Some(Decision { effect, reason });
    let allowed = decided(Effect::Allow, Reason::NotRevoked);
    for name in [
        "http-api-2.json",
        "http-api-1.json",
        "rest.json",
        "partition-a.json",
    ] {
        assert_eq!(reached[name], allowed, "{name}");
    }
    for (name, reason) in [
        ("revoked.json", Reason::Revoked),
        ("revoked-ca.json", Reason::IssuerRevoked),
        ("partition-b-expired.json", Reason::CrlExpired),
        ("partition-unknown.json", Reason::MissingPartition),
        ("unknown-issuer.json", Reason::UnknownIssuer),
        ("issuer-without-crl.json", Reason::IssuerWithoutCrl),
        ("expired.json", Reason::CertificateExpired),
        ("garbage.json", Reason::CertificateUnreadable),
        ("without-certificate.json", Reason::NoClientCertificate),
        ("identity-in-2.json", Reason::NoClientCertificate),
        ("authentication-in-1.json", Reason::NoClientCertificate),
        ("schedule.json", Reason::NoClientCertificate),
    ] {
        assert_eq!(reached[name], decided(Effect::Deny, reason), "{name}");
    }
    run_neighbours("event", "http-api-2.json", event::check);
    run_neighbours("event", "partition-a.json", event::check);
}

#[test]
fn snapshots() {
    let reached = run("snapshot", snapshot::check);
    for name in ["snapshot.bin", "snapshot-without-crls.bin"] {
        let whole = reached[name];
        assert!(whole.snapshot && whole.snapshot_once_repaired, "{name}");
    }
    let changed = reached["snapshot-changed-time.bin"];
    assert!(!changed.snapshot && changed.snapshot_once_repaired);
    for name in [
        "set-empty.bin",
        "set-one.bin",
        "set-classes.bin",
        "set-dense.bin",
    ] {
        assert!(reached[name].set, "{name}");
    }
    run_neighbours("snapshot", "snapshot.bin", snapshot::check);
    run_neighbours("snapshot", "set-classes.bin", snapshot::check);
}

/// Without it the seeds would prove nothing: every check fails where it should.
#[test]
fn what_must_not_verify_does_not() {
    let complete = fixed::seed("crl", "complete.der");
    let mut changed = complete.clone();
    let last = changed.last_mut().unwrap();
    *last ^= 1;
    let reached = crl::check(&changed);
    assert_eq!((reached.verified, reached.verified_once_signed), (0, 1));
    assert_eq!(fixed::signed(&changed), Some(complete));
}

/// Messages are logged and answered before anything is verified.
#[test]
fn what_is_said_about_octets_does_not_grow_with_them() {
    let long = "A".repeat(60_000);
    for octets in [
        format!("-----BEGIN {long}-----\nAAAA\n"),
        format!("-----BEGIN {long}\n"),
        format!("-----BEGIN X509 CRL-----\n{long}!\n-----END X509 CRL-----\n"),
        format!("-----BEGIN CERTIFICATE-----\n{long}!\n-----END CERTIFICATE-----\n"),
        long,
    ] {
        let octets = octets.as_bytes();
        let refusals = verify_all(octets, fixed::truststore(), fixed::NOW);
        let mut said: Vec<String> = refusals
            .into_iter()
            .map(|refusal| refusal.unwrap_err().to_string())
            .collect();
        said.push(Truststore::read(octets).unwrap_err().to_string());
        said.push(ClientCert::from_pem(octets).unwrap_err().to_string());
        said.push(ClientCert::from_der(octets).unwrap_err().to_string());
        for message in said {
            let (start, length) = (message.get(..80).unwrap_or(&message), message.len());
            assert!(length <= 512, "a message of {length} octets: {start}…");
        }
    }
}

/// Writes every seed; those of keys that nobody has any more only where they are missing.
#[test]
#[ignore = "writes into fuzz/seeds"]
fn write_seeds() {
    seeds::write();
}

/// Writes the seeds of the target `snapshot` alone: for a new version of the format.
#[test]
#[ignore = "writes into fuzz/seeds"]
fn write_snapshot_seeds() {
    seeds::write_snapshots();
}

/// Changes each bit of a sound seed, one at a time: what is one step from sound is what a check that
/// is left out would let through.
fn run_neighbours<T>(target: &str, name: &str, check: impl Fn(&[u8]) -> T + RefUnwindSafe) {
    let seed = fixed::seed(target, name);
    for bit in 0..seed.len() * 8 {
        let mut octets = seed.clone();
        octets[bit / 8] ^= 1 << (bit % 8);
        let result = catch_unwind(|| check(&octets));
        assert!(result.is_ok(), "finding: {name} with bit {bit} changed");
    }
}

/// What the check said of each seed, by file name, after it has gone through the corpus too.
fn run<T>(target: &str, check: impl Fn(&[u8]) -> T + RefUnwindSafe) -> BTreeMap<String, T> {
    let check_all = |folder: &Path| -> BTreeMap<String, T> {
        let files = std::fs::read_dir(folder);
        let files = files.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let checked = files.map(|file| {
            let path = file.unwrap().path();
            let octets = std::fs::read(&path).unwrap();
            let result = catch_unwind(|| check(&octets));
            let result = result.unwrap_or_else(|_| panic!("finding: {}", path.display()));
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, result)
        });
        let checked: BTreeMap<_, _> = checked.collect();
        assert!(!checked.is_empty(), "{} is empty", folder.display());
        checked
    };
    let seeds = fixed::seeds(target);
    check_all(&seeds.join("../../corpus").join(target));
    check_all(&seeds)
}
