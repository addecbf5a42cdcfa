//! Octets as a snapshot, and as a revoked set.

use crc_fast::{CrcAlgorithm, checksum};
use revocation::{
    Certificate, CertificateKind, FirstPart, Lengths, RevokedSet, Role, SerialNumber, Snapshot,
    Status, StatusSource, UnixTime, VERSION,
};

use super::fixed::NOW;

/// What the octets are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// A snapshot as they are.
    pub snapshot: bool,
    /// A snapshot once magic, version, lengths and checksums are right.
    pub snapshot_once_repaired: bool,
    /// A revoked set: see [`planes`].
    pub set: bool,
}

/// Nothing panics; octets that decode are the one encoding of what they say; and every question can
/// be asked of them.
pub fn check(octets: &[u8]) -> Reached {
    let set = planes(octets).and_then(|(first, second)| RevokedSet::decode(first, second).ok());
    if let Some(set) = &set {
        check_set(set);
    }
    let is_snapshot = |octets: &[u8]| match Snapshot::decode(octets) {
        // What opens is searched without another look at its sets.
        Err(_) if Snapshot::open(octets).is_ok_and(|opened| search(&opened)) => false,
        Ok(snapshot) => {
            check_snapshot(octets, &snapshot);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    };
    Reached {
        snapshot: is_snapshot(octets),
        snapshot_once_repaired: repaired(octets).is_some_and(|octets| is_snapshot(&octets)),
        set: set.is_some(),
    }
}

/// The octets with the parts that say nothing put right: a fuzzer would not find a checksum.
pub fn repaired(octets: &[u8]) -> Option<Vec<u8>> {
    let mut octets = octets.to_vec();
    let length = octets.len();
    octets.get_mut(..8)?.copy_from_slice(b"crl-snap");
    octets
        .get_mut(8..12)?
        .copy_from_slice(&VERSION.to_le_bytes());
    let in_octets = |length: usize| u64::try_from(length).ok().map(u64::to_le_bytes);
    octets.get_mut(16..24)?.copy_from_slice(&in_octets(length)?);
    let first_length = Lengths::read(&octets).map_or(length, |lengths| lengths.first);
    octets
        .get_mut(24..32)?
        .copy_from_slice(&in_octets(first_length)?);
    let second_checksum = checksum(CrcAlgorithm::Crc64Nvme, &octets[first_length..]);
    octets
        .get_mut(32..40)?
        .copy_from_slice(&second_checksum.to_le_bytes());
    let body = first_length.checked_sub(8)?;
    let checksum = checksum(CrcAlgorithm::Crc64Nvme, &octets[..body]);
    octets[body..first_length].copy_from_slice(&checksum.to_le_bytes());
    Some(octets)
}

/// The planes of a set in one string of octets: the length of the first one in 4 octets, and both.
pub fn planes(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, planes) = octets.split_first_chunk()?;
    planes.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// Asks for what may or may not be there; every look-up ends.
fn search(snapshot: &Snapshot<&[u8]>) -> bool {
    let serials = [&[1][..], &[0x42; 8], &[0x42; 16], &[0x42; 20], &[0x82; 16]];
    for crl in snapshot.issuers().flat_map(|issuer| issuer.crls()) {
        for content in serials {
            let serial = SerialNumber::from_der_integer(content).expect("a serial number");
            let _ = crl.revoked.contains(&serial);
        }
    }
    true
}

fn check_snapshot(octets: &[u8], snapshot: &Snapshot<&[u8]>) {
    assert_eq!(snapshot.len_octets(), octets.len());
    let (first, second) = octets.split_at(Lengths::read(octets).expect("a snapshot").first);
    let first = FirstPart::open(first).expect("it is the first part of a snapshot");
    let whole = first
        .clone()
        .complete(second)
        .expect("and so is the second");
    assert_eq!(whole.id(), snapshot.id());
    let contents = snapshot.to_contents();
    let encoded = contents.encode().expect("it was one before");
    assert_eq!(encoded, octets, "not the one encoding of what it says");
    assert_eq!(whole.to_contents(), contents);
    let _ = snapshot.truststore();
    for blocked in snapshot.blocked_keys().iter() {
        assert_eq!(snapshot.blocked_keys().find(&blocked.key), Some(blocked));
    }
    assert!(!format!("{snapshot:?} {}", snapshot.id()).is_empty());
    let _ = snapshot.built_at().to_string();
    for issuer in snapshot.issuers() {
        let mut named = snapshot.issuers_named(issuer.name);
        assert!(named.any(|other| other.key_id == issuer.key_id));
        let certificate = |serial| Certificate {
            issuer: issuer.name,
            authority_key_id: Some(issuer.key_id),
            serial,
            distribution_points: &[],
            kind: CertificateKind::EndEntity,
            public_key: &[],
        };
        let one = SerialNumber::from_der_integer(&[1]).expect("a serial number");
        let _ = snapshot.status(&certificate(one), NOW, 0);
        let by_name = Certificate {
            authority_key_id: None,
            ..certificate(one)
        };
        let _ = snapshot.status(&by_name, UnixTime::from_seconds(i64::MAX), i64::MAX);
        for crl in issuer.crls() {
            let _ = crl.number().to_string();
            assert!(!crl.scope().to_string().is_empty());
            let _ = [crl.this_update, crl.next_update].map(|moment| moment.to_string());
            check_set(&crl.revoked);
            if issuer.role == Role::CrlSigner {
                continue;
            }
            for serial in crl.revoked.iter().take(LOOK_UPS) {
                let status = snapshot.status(&certificate(serial), NOW, 0);
                assert!(matches!(status, Status::Revoked(_)), "{serial}: {status}");
                let early = StatusSource::status(&first, &certificate(serial), NOW, 0);
                assert!(early.is_err() || early == Ok(status), "{serial}: {early:?}");
            }
        }
    }
}

/// The members are those that a look-up finds, and the set is the one encoding of them.
fn check_set<D: AsRef<[u8]>>(set: &RevokedSet<D>) {
    let members: Vec<SerialNumber> = set.iter().collect();
    assert_eq!(u64::try_from(members.len()), Ok(set.len()));
    assert_eq!(members.is_empty(), set.is_empty());
    assert!(members.is_sorted_by(|a, b| a < b));
    assert!(members.iter().all(|member| set.contains(member)));
    let again = RevokedSet::from_serials(members).expect("there is room for them");
    assert_eq!(again.first_plane(), set.first_plane());
    assert_eq!(again.second_plane(), set.second_plane());
}

/// How many members of a set are looked up through the snapshot.
const LOOK_UPS: usize = 8;
