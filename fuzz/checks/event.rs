//! Octets as an authorizer event, and as one that starts a refresh.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use authorizer::decision::{Decision, Effect, Policy, Reason};
use authorizer::recent::RecentClients;
use authorizer::respond;
use authorizer::response::Format;
use crl_fetcher::crl::{CertificateList, crls_in};
use crl_fetcher::ledger::Ledger;
use crl_fetcher::trigger::describe;
use revocation::{ObjectRef, Snapshot};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use serde_json::value::RawValue;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::fixed::{self, NOW};

/// The CRLs of the snapshot that requests are decided from: seeds of the target `crl`.
pub const CRLS: [&str; 3] = ["complete.der", "partition-a.der", "partition-b-expired.der"];

/// Where the certificates of the partition say that their CRL is, which is not expired.
pub const PARTITION_A: &str = "http://crl.example.com/a.crl";

/// What the authorizer decided; `None` where the octets are not JSON, which Lambda does not pass on.
///
/// Nothing panics, JSON or not. Every request is answered, by the word of its decision; and none is allowed unless
/// the certificate at the one place where API Gateway puts it is good, by an independent reader.
pub fn check(octets: &[u8]) -> Option<Decision> {
    if let Ok(event) = serde_json::from_slice::<Value>(octets) {
        assert!(!describe(&event).is_empty());
    }
    let event: Option<Box<RawValue>> = serde_json::from_slice(octets).ok();
    let [simple, iam] = [Format::Simple, Format::Iam].map(|format| {
        let (clients, policy) = (RecentClients::forgotten(), Policy::default());
        let Ok(answer) = respond(octets, &clients, known(), NOW, &policy, format);
        let response = serde_json::to_value(&answer.response).expect("a response is JSON");
        check_words(&response, answer.decision);
        if answer.decision.effect == Effect::Allow {
            assert_eq!(answer.decision.reason, Reason::NotRevoked);
            let event = event.as_deref().expect("what is allowed is JSON");
            let certificate = certificate_in(event).expect("what is allowed has a certificate");
            assert!(is_good(&certificate), "{response}");
        }
        answer.decision
    });
    // With an IAM policy a request must also say what it is for.
    assert!(iam == simple || iam.reason == Reason::EventUnreadable);
    event.is_some().then_some(simple)
}

fn check_words(response: &Value, decision: Decision) {
    let allowed = decision.effect == Effect::Allow;
    match response.get("isAuthorized") {
        Some(is_authorized) => assert_eq!(is_authorized, allowed),
        None => {
            let effect = if allowed { "Allow" } else { "Deny" };
            let document = &response["policyDocument"];
            assert_eq!(document["Statement"][0]["Effect"], effect);
        }
    }
    assert_eq!(response["context"]["decision"], decision.effect.code());
    assert_eq!(response["context"]["reason"], decision.reason.code());
}

/// The certificate of an event, read in another way than the authorizer does: `authentication` in
/// events of version 2.0, `identity` in all others.
fn certificate_in(event: &RawValue) -> Option<CertificateDer<'static>> {
    type Object<'a> = BTreeMap<String, &'a RawValue>;
    fn object(value: &RawValue) -> Option<Object<'_>> {
        serde_json::from_str(value.get()).ok()
    }
    let text = |value: &RawValue| serde_json::from_str::<String>(value.get()).ok();
    let event = object(event)?;
    let version = event.get("version").and_then(|version| text(version));
    let holder = match version.as_deref() {
        Some("2.0") => "authentication",
        _ => "identity",
    };
    let context = object(event.get("requestContext")?)?;
    let client_cert = object(object(context.get(holder)?)?.get("clientCert")?)?;
    let pem = text(client_cert.get("clientCertPem")?)?;
    CertificateDer::from_pem_slice(pem.as_bytes()).ok()
}

/// Whether a certificate is to be allowed: it is valid, names a CA of [`CRLS`], and that CA's CRLs
/// do not list it. That the CA really signed it is what API Gateway has verified.
fn is_good(der: &[u8]) -> bool {
    let (_, certificate) = X509Certificate::from_der(der).expect("a certificate");
    let is_listed = |crl: &&Listed| {
        crl.issuer == certificate.issuer().as_raw()
            && crl.serials.contains(certificate.raw_serial())
    };
    let issued_it = |crl: &&Listed| crl.issuer == certificate.issuer().as_raw();
    let is_covered = |crl: &Listed| {
        !crl.is_partition
            || der
                .windows(PARTITION_A.len())
                .any(|window| window == PARTITION_A.as_bytes())
    };
    let now = NOW.seconds();
    let validity = certificate.validity();
    (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
        && LISTED.iter().filter(issued_it).any(is_covered)
        && LISTED.iter().find(is_listed).is_none()
}

/// A CRL of [`CRLS`], by the independent reader.
struct Listed {
    issuer: Vec<u8>,
    serials: BTreeSet<Vec<u8>>,
    is_partition: bool,
}

static LISTED: LazyLock<Vec<Listed>> = LazyLock::new(|| {
    let read = |name: &str| {
        let der = fixed::seed("crl", name);
        let (_, crl) = CertificateRevocationList::from_der(&der).expect("a CRL");
        Listed {
            issuer: crl.issuer().as_raw().to_vec(),
            serials: crl
                .iter_revoked_certificates()
                .map(|entry| entry.raw_serial().to_vec())
                .collect(),
            is_partition: name.starts_with("partition"),
        }
    };
    CRLS.map(read).into()
});

/// The snapshot that requests are decided from.
pub fn known() -> &'static Snapshot<Vec<u8>> {
    static KNOWN: LazyLock<Snapshot<Vec<u8>>> =
        LazyLock::new(|| Snapshot::decode(snapshot_of(&CRLS)).expect("a snapshot"));
    &KNOWN
}

/// The snapshot that the fetcher makes of these seeds of the target `crl`.
pub fn snapshot_of(crls: &[&str]) -> Vec<u8> {
    let truststore = fixed::truststore();
    let mut ledger = Ledger::new(truststore, None);
    for name in crls {
        let octets = fixed::seed("crl", name);
        for der in crls_in(&octets).expect("a sound seed") {
            let list = CertificateList::from_der(&der).expect("a sound seed");
            let crl = list.verify(truststore, NOW).expect("a sound seed");
            let source = ObjectRef {
                key: format!("crl/{name}"),
                etag: "\"etag\"".to_owned(),
            };
            ledger.adopt(crl, source).expect("one of each scope");
        }
    }
    let truststore = ObjectRef {
        key: fixed::TRUSTSTORE.to_owned(),
        etag: "\"etag\"".to_owned(),
    };
    ledger
        .into_contents(NOW, truststore)
        .encode()
        .expect("its encoding")
}
