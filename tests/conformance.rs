//! The verdicts of two public test suites about CRLs, on PKIs of our own that have the same shape:
//! NIST's PKITS (sections 4.4, 4.5, 4.7 and 4.14) and C2SP's x509-limbo (`crl::`).
//!
//! Every case states the suite's verdict beside ours. Where the suite accepts and we do not, the case
//! says why: that is refused on purpose (docs/revocation-semantics.md). The other way round there is
//! no exception: what a suite rejects is never allowed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test fails"
)]

#[path = "conformance/limbo.rs"]
mod limbo;
#[path = "conformance/pkits.rs"]
mod pkits;

use authorizer::client_cert::ClientCert;
use authorizer::decision::{Policy, Reason, decide};
use crl_fetcher::ledger::Ledger;
use crl_fetcher::truststore::Truststore;
use crl_fetcher::verify_all;
use revocation::{ObjectRef, Snapshot, UnixTime};
use testkit::pki::{Ca, Leaf};

/// 2026-11-15T00:00:00Z: two weeks into the life of the CRLs that testkit writes.
const NOW: UnixTime = UnixTime::from_seconds(1_794_700_800);

/// What the suite says, and what follows here.
#[derive(Clone, Copy)]
enum Verdict {
    /// Both accept.
    Valid,
    /// Both reject, and this is our reason.
    Invalid(Reason),
    /// The suite accepts and we do not: our reason, and why that is on purpose.
    ValidButRefused(Reason, &'static str),
}
use Verdict::{Invalid, Valid, ValidButRefused};

struct Case {
    /// As the suite names it.
    name: &'static str,
    cas: Vec<Ca>,
    crls: Vec<Vec<u8>>,
    client: Leaf,
    verdict: Verdict,
}

/// Runs the cases and lists all that are not as stated.
fn check(cases: Vec<Case>, expected_count: usize) {
    assert_eq!(cases.len(), expected_count, "a case was lost");
    let wrong: Vec<_> = cases
        .into_iter()
        .filter_map(|case| {
            let expected = match case.verdict {
                Valid => Reason::NotRevoked,
                Invalid(reason) => reason,
                ValidButRefused(reason, why) => {
                    assert!(
                        !why.is_empty() && reason != Reason::NotRevoked,
                        "{}",
                        case.name
                    );
                    reason
                }
            };
            assert!(
                matches!(case.verdict, Valid) || expected != Reason::NotRevoked,
                "{}: what is not valid is never allowed",
                case.name
            );
            let found = judge(&case.cas, &case.crls, &case.client);
            (found != expected).then(|| format!("{}: {found:?}, not {expected:?}", case.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What the authorizer's default policy makes of a client, knowing these CAs and CRLs.
fn judge(cas: &[Ca], crls: &[Vec<u8>], client: &Leaf) -> Reason {
    let pem: String = cas.iter().map(Ca::certificate_pem).collect();
    let truststore = Truststore::read(pem.as_bytes()).unwrap();
    let mut ledger = Ledger::new(&truststore, None);
    for (index, crl) in crls.iter().enumerate() {
        for verified in verify_all(crl, &truststore, NOW).into_iter().flatten() {
            let source = ObjectRef {
                key: format!("{index}.crl"),
                etag: String::new(),
            };
            // One that is older than another stays out; that is no concern of these suites.
            let _ = ledger.adopt(verified, source);
        }
    }
    let contents = ledger.into_contents(NOW, ObjectRef::default());
    let snapshot = Snapshot::decode(contents.encode().unwrap()).unwrap();
    let client = ClientCert::from_pem(client.certificate_pem().as_bytes());
    let client = client.as_ref().map_err(|_| Reason::CertificateUnreadable);
    let Ok(decision) = decide(client, &snapshot, NOW, &Policy::default());
    decision.reason
}
