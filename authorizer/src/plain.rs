//! The authorizer as one would write it first: `serde_json::Value`, rustls-pki-types, x509-parser and
//! derived serialization. The real one must answer with the same octets.

use std::sync::LazyLock;

use proptest::prelude::*;
use revocation::{
    Contents, CrlNumber, CrlRecord, Issuer, IssuerRecord, ObjectRef, RevokedSet, Scope, Snapshot,
    UnixTime,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;
use serde_json::Value;
use testkit::events;
use testkit::pki::{Ca, LeafOptions, der};

use crate::client_cert::ClientCert;
use crate::decision::{Decision, Effect, Policy, Reason, decide};
use crate::recent::RecentClients;
use crate::respond;
use crate::response::Format;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Simple {
    is_authorized: bool,
    context: Context,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Iam {
    principal_id: String,
    policy_document: PolicyDocument,
    context: Context,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDocument {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: &'static str,
    resource: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    decision: &'static str,
    reason: &'static str,
    #[serde(flatten)]
    certificate: Option<CertificateContext>,
    snapshot: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateContext {
    serial_number: String,
    subject: String,
    issuer: String,
    fingerprint_sha256: String,
    not_after: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    sans: String,
}

fn answer(event: &str, now: UnixTime, policy: &Policy, format: Format) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    let holder = match event["version"].as_str() {
        Some("2.0") => "authentication",
        _ => "identity",
    };
    let pem = event["requestContext"][holder]["clientCert"]["clientCertPem"].as_str();
    let certificate = pem.map(read).ok_or(Reason::NoClientCertificate);
    let certificate = certificate.and_then(|read| read.ok_or(Reason::CertificateUnreadable));
    let Ok(decision) = decide(
        certificate.as_ref().map_err(|reason| *reason),
        &*SNAPSHOT,
        now,
        policy,
    );
    let certificate = certificate.ok();
    let fingerprint = certificate.as_ref().map(|certificate| {
        let digits = certificate
            .fingerprint
            .iter()
            .map(|octet| format!("{octet:02x}"));
        digits.collect::<String>()
    });
    let context = |decision: Decision| Context {
        decision: decision.effect.code(),
        reason: decision.reason.code(),
        certificate: certificate.as_ref().map(|certificate| CertificateContext {
            serial_number: certificate.serial.to_string(),
            subject: shortened(&certificate.subject),
            issuer: shortened(&certificate.issuer),
            fingerprint_sha256: fingerprint.clone().unwrap(),
            not_after: certificate.not_after.to_string(),
            sans: shortened(&certificate.sans),
        }),
        snapshot: SNAPSHOT.id().to_string(),
    };
    if (holder, format) == ("authentication", Format::Simple) {
        let simple = Simple {
            is_authorized: decision.effect == Effect::Allow,
            context: context(decision),
        };
        return serde_json::to_string(&simple).unwrap();
    }
    let arn = event["routeArn"]
        .as_str()
        .or_else(|| event["methodArn"].as_str())
        .unwrap();
    let stage: Vec<&str> = arn.split('/').take(2).collect();
    let iam = Iam {
        principal_id: fingerprint
            .clone()
            .unwrap_or_else(|| "no-certificate".to_owned()),
        policy_document: PolicyDocument {
            version: "2012-10-17",
            statement: [Statement {
                action: "execute-api:Invoke",
                effect: match decision.effect {
                    Effect::Allow => "Allow",
                    Effect::Deny => "Deny",
                },
                resource: format!("{}/*", stage.join("/")),
            }],
        },
        context: context(decision),
    };
    serde_json::to_string(&iam).unwrap()
}

fn read(pem: &str) -> Option<ClientCert> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    ClientCert::from_any_der(&der).ok()
}

fn shortened(text: &str) -> String {
    let start: String = text.chars().take(512).collect();
    match start.len() < text.len() {
        true => start + "…",
        false => start,
    }
}

static CA: LazyLock<Ca> = LazyLock::new(|| Ca::root("Issuing CA"));

/// Lists the first of [`PEMS`].
static SNAPSHOT: LazyLock<Snapshot<Vec<u8>>> = LazyLock::new(|| {
    let revoked = ClientCert::from_pem(PEMS[0].as_bytes()).unwrap();
    let crl = CrlRecord {
        scope: Scope::complete(),
        number: CrlNumber::from_der_integer(&[1]).unwrap(),
        this_update: NOW.plus(-1),
        next_update: NOW.plus(1),
        source: ObjectRef::default(),
        digest: [0; 32],
        revoked: RevokedSet::from_serials(vec![revoked.serial]).unwrap(),
    };
    let issuer = Issuer {
        name: CA.name_der().to_vec(),
        key_id: CA.key_id().to_vec(),
    };
    let contents = Contents {
        built_at: NOW,
        builder: String::new(),
        truststore: ObjectRef::default(),
        blocked_keys: Vec::new(),
        issuers: vec![IssuerRecord {
            crls: vec![crl],
            ..IssuerRecord::new(issuer)
        }],
    };
    Snapshot::decode(contents.encode().unwrap()).unwrap()
});

/// Within the year that the test PKI's certificates are valid in.
const NOW: UnixTime = UnixTime::from_seconds(1_793_600_000);

static CLIENTS: LazyLock<RecentClients> = LazyLock::new(RecentClients::default);

/// What may stand in the place of the certificate, the usual and the unusual.
static PEMS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let (revoked, good) = (CA.issue("mallory"), CA.issue("alice \"é\" \u{7f}"));
    let with_subject = |subject| {
        let options = LeafOptions {
            subject_name_der: Some(subject),
            ..LeafOptions::default()
        };
        CA.issue_with("client", options).certificate_pem()
    };
    let attribute = |value: &[u8]| der::set(&[&der::attribute("2.5.4.3", value)]);
    let long = "é".repeat(600);
    vec![
        revoked.certificate_pem(),
        good.certificate_pem(),
        good.certificate_pem() + &CA.certificate_pem(),
        CA.certificate_pem(),
        good.certificate_pem().replace('\n', "\r\n"),
        good.certificate_pem().trim_end().to_owned(),
        good.certificate_pem().replace("-----END", "-----EMD"),
        Ca::root("Another CA").issue("client").certificate_pem(),
        with_subject(der::sequence(&[&attribute(&der::utf8_string(&long))])),
        with_subject(der::sequence(&[&attribute(&der::tlv(0x1e, b"\0b\0m\0p"))])),
        der::pem("CERTIFICATE", &[0x30, 0]),
        String::new(),
    ]
});

/// The octets of both answers to one event.
fn answers(event: &str, format: Format) -> [String; 2] {
    let policy = Policy::default();
    let ours = || {
        let Ok(ours) = respond(event.as_bytes(), &CLIENTS, &*SNAPSHOT, NOW, &policy, format);
        serde_json::to_string(&ours.response).unwrap()
    };
    let first = ours();
    assert_eq!(ours(), first, "a client that comes again");
    [first, answer(event, NOW, &policy, format)]
}

#[test]
fn every_event_is_answered_with_the_octets_of_the_plain_authorizer() {
    let mut reasons = std::collections::BTreeSet::new();
    for pem in PEMS.iter() {
        let [v2, v1, rest] = [
            events::http_api_v2(pem),
            events::http_api_v1(pem),
            events::rest_request(pem),
        ];
        let mut without = v2.clone();
        without["requestContext"]["authentication"] = Value::Null;
        for event in [v2, v1, rest, without] {
            for text in [
                event.to_string(),
                format!("{event:#}"),
                event.to_string().replace('/', r"\/"),
                event.to_string().replace('=', r"\u003d"),
            ] {
                for format in [Format::Simple, Format::Iam] {
                    let [ours, plain] = answers(&text, format);
                    assert_eq!(ours, plain, "{text}");
                    let answer: Value = serde_json::from_str(&ours).unwrap();
                    reasons.insert(answer["context"]["reason"].as_str().unwrap().to_owned());
                }
            }
        }
    }
    let expected = [
        "certificate-unreadable",
        "no-client-certificate",
        "not-revoked",
        "revoked",
        "unknown-issuer",
    ];
    assert!(reasons.iter().eq(expected), "{reasons:?}");
}

proptest! {
    #[test]
    fn a_changed_certificate_is_answered_as_by_the_plain_authorizer(
        at: prop::sample::Index,
        octet: u8,
        is_iam: bool,
    ) {
        let mut der = CertificateDer::from_pem_slice(PEMS[1].as_bytes()).unwrap().to_vec();
        let at = at.index(der.len());
        der[at] = octet;
        let event = events::http_api_v2(&der::pem("CERTIFICATE", &der)).to_string();
        let format = if is_iam { Format::Iam } else { Format::Simple };
        let [ours, plain] = answers(&event, format);
        prop_assert_eq!(ours, plain);
    }
}
