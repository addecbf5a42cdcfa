//! What is measured: the product's own calls, each from the octets that arrive to the answer.

use authorizer::decision::Policy;
use authorizer::recent::RecentClients;
use authorizer::response::Format;
use crl_fetcher::crl::CertificateList;
use crl_fetcher::truststore::Truststore;
use revocation::{FirstPart, ObjectRef, RevokedSet, SerialNumber, Snapshot};

use crate::NOW;

/// A CRL's octets → verified, sorted, packed; how many serial numbers that are.
pub fn ingest(der: &[u8], truststore: &Truststore) -> Option<u64> {
    let list = CertificateList::from_der(der).ok()?;
    let verified = list.verify(truststore, NOW).ok()?;
    let (_, record) = verified.into_record(ObjectRef::default()).ok()?;
    Some(record.revoked.len())
}

/// How many octets a set takes where it is stored, everything of its own included.
pub fn stored_octets(set: &RevokedSet<Vec<u8>>) -> usize {
    set.first_plane().len() + set.second_plane().len()
}

/// The same of its first plane, which is what an answer to nearly every question needs.
pub fn first_plane_octets(set: &RevokedSet<Vec<u8>>) -> usize {
    set.first_plane().len()
}

/// The octets of a snapshot's first part, or more → ready for nearly every question; whether they
/// are sound.
pub fn first_part(octets: &[u8]) -> bool {
    FirstPart::open(octets).is_ok()
}

/// A snapshot's octets in memory → ready, and the first look-up answered: whether the first CRL of
/// the first CA lists that number.
pub fn first_lookup(snapshot: &[u8], serial: &SerialNumber) -> Option<bool> {
    let snapshot = Snapshot::open(snapshot).ok()?;
    let crl = snapshot.issuers().next()?.crls().next()?;
    Some(crl.revoked.contains(serial))
}

/// An event's octets → the response's octets, by that policy.
pub fn respond(
    event: &str,
    clients: &RecentClients,
    snapshot: &Snapshot<Vec<u8>>,
    policy: &Policy,
) -> Option<Vec<u8>> {
    let Ok(answer) = authorizer::respond(
        event.as_bytes(),
        clients,
        snapshot,
        NOW,
        policy,
        Format::Simple,
    );
    serde_json::to_vec(&answer.response).ok()
}
