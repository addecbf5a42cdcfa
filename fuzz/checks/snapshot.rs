//! Octets as a snapshot, and as a revoked set.

use revocation::{
    Certificate, CertificateKind, RevokedSet, Role, SerialNumber, Snapshot, Status, UnixTime,
    VERSION,
};
use twox_hash::XxHash3_64;

use super::fixed::NOW;

/// What the octets are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// A snapshot as they are.
    pub snapshot: bool,
    /// A snapshot once magic, version, length and checksum are right.
    pub snapshot_once_repaired: bool,
    /// A revoked set.
    pub set: bool,
}

/// Nothing panics; octets that decode are the one encoding of what they say; and every question can
/// be asked of them.
pub fn check(octets: &[u8]) -> Reached {
    let set = RevokedSet::decode(octets);
    if let Ok(set) = &set {
        check_set(set);
    }
    let is_snapshot = |octets: &[u8]| match Snapshot::decode(octets) {
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
        set: set.is_ok(),
    }
}

/// The octets with the parts that say nothing put right: a fuzzer would not find a checksum.
pub fn repaired(octets: &[u8]) -> Option<Vec<u8>> {
    let mut octets = octets.to_vec();
    let length = u64::try_from(octets.len()).ok()?;
    let body = octets.len().checked_sub(8)?;
    octets.get_mut(..8)?.copy_from_slice(b"crl-snap");
    if octets.get(8..12)? != 1_u32.to_le_bytes() {
        octets[8..12].copy_from_slice(&VERSION.to_le_bytes());
    }
    octets
        .get_mut(16..24)?
        .copy_from_slice(&length.to_le_bytes());
    let checksum = XxHash3_64::oneshot(&octets[..body]);
    octets[body..].copy_from_slice(&checksum.to_le_bytes());
    Some(octets)
}

fn check_snapshot(octets: &[u8], snapshot: &Snapshot<&[u8]>) {
    assert_eq!(snapshot.octets(), octets);
    let contents = snapshot.to_contents();
    let encoded = contents.encode().expect("it was one before");
    if octets[8..12] == VERSION.to_le_bytes() {
        assert_eq!(encoded, octets, "not the one encoding of what it says");
    } else {
        let again = Snapshot::decode(encoded).expect("it has just been written");
        assert_eq!(again.to_contents(), contents);
    }
    let _ = snapshot.truststore();
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
    assert_eq!(again.as_octets(), set.as_octets());
}

/// How many members of a set are looked up through the snapshot.
const LOOK_UPS: usize = 8;
