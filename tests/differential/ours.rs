//! Our verdict: octets → crl-fetcher → snapshot → authorizer, everything but S3 and Lambda.

use authorizer::client_cert::ClientCert;
use authorizer::decision::{Policy, Reason, decide};
use crl_fetcher::crl::{CertificateList, VerifiedCrl};
use crl_fetcher::ledger::Ledger;
use crl_fetcher::refusal::Refusal;
use crl_fetcher::truststore::Truststore;
use revocation::{ObjectRef, Snapshot, UnixTime};

use crate::pki::{EncodedCrl, Pki};
use crate::plan::NOW;
use crate::verdict::{Judgement, Verdict};

const AT: UnixTime = UnixTime::from_seconds(NOW);

pub(crate) fn judge(pki: &Pki<'_>) -> Judgement {
    let snapshot = Snapshot::decode(snapshot(pki)).expect("what was encoded decodes");
    let certificate = ClientCert::from_pem(pki.leaf.certificate_pem().as_bytes())
        .expect("a certificate that can be read");
    let Ok(decision) = decide(Ok(&certificate), &snapshot, AT, &Policy::default());
    let verdict = match decision.reason {
        Reason::NotRevoked => Verdict::Good,
        Reason::Revoked | Reason::IssuerRevoked => Verdict::Revoked,
        Reason::NoClientCertificate
        | Reason::CertificateUnreadable
        | Reason::CertificateNotYetValid
        | Reason::CertificateExpired
        | Reason::EventUnreadable => panic!("no status was asked for: {}", decision.reason.code()),
        _ => Verdict::Unknown,
    };
    Judgement::new(verdict, decision.reason.code())
}

fn snapshot(pki: &Pki<'_>) -> Vec<u8> {
    let truststore = Truststore::read(pki.truststore_pem().as_bytes()).expect("CA certificates");
    let mut ledger = Ledger::new(&truststore, None);
    let mut verified: Vec<_> = pki
        .crls
        .iter()
        .filter_map(|crl| verify(crl, &truststore))
        .collect();
    // As the fetcher does: newest first.
    verified.sort_by(|(a, _), (b, _)| b.profile().number.cmp(&a.profile().number));
    for (crl, source) in verified {
        match ledger.adopt(crl, source) {
            Ok(_) | Err(Refusal::CrlNumberLower { .. }) => {}
            Err(refusal) => panic!("{refusal}"),
        }
    }
    let contents = ledger.into_contents(AT, ObjectRef::default());
    contents.encode().expect("contents that fit")
}

/// What the fetcher believes. That it refuses what the plan calls a flaw, and nothing else, shows
/// in the verdicts.
fn verify(crl: &EncodedCrl<'_>, truststore: &Truststore) -> Option<(VerifiedCrl, ObjectRef)> {
    let list = CertificateList::from_der(&crl.der).expect("well-formed DER");
    let source = ObjectRef {
        key: crl.key.clone(),
        etag: format!("{:?} {}", crl.crl.ca, crl.crl.index),
    };
    Some((list.verify(truststore, AT).ok()?, source))
}
