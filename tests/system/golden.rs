//! A snapshot object of each version of the format, as published objects have it: what a release
//! wrote must be read on, and be written the same way until the version changes.

use std::path::PathBuf;

use revocation::distribution_point::DistributionPoint;
use revocation::{
    BlockedKey, Certificate, CertificateKind, Contents, Covers, CrlNumber, CrlRecord, Issuer,
    IssuerRecord, Notice, ObjectRef, Origin, RevokedBy, RevokedSet, Role, Scope, SerialNumber,
    Snapshot, Status, UnixTime, UnknownReason,
};
use testkit::pki::der;

#[test]
fn version_6_is_written_and_read_as_ever() {
    let golden = golden("snapshot-v6.bin");
    let snapshot = Snapshot::decode(golden.clone()).unwrap();
    assert_eq!(snapshot.to_contents(), contents());
    assert_eq!(contents().encode().unwrap(), golden);
}

#[test]
fn every_version_answers_as_ever() {
    let (not_revoked, listed) = (Status::NotRevoked, Status::Revoked(RevokedBy::Listing));
    let notice = |origin| Status::Revoked(RevokedBy::Notice(origin));
    let (announced, blocked) = (notice(Origin::Announcement), notice(Origin::Override));
    let cases = [
        ("Complete CA", &[2_u8][..], None, not_revoked),
        ("Complete CA", &[0], None, listed),
        ("Complete CA", &[1], None, listed),
        ("Complete CA", &[0, 0x80], None, listed),
        ("Complete CA", &[0x80], None, listed),
        ("Complete CA", &[0x7f; 20], None, listed),
        ("Complete CA", &[0x7f; 19], None, not_revoked),
        ("Partitioned CA", &[5], Some(PARTITION_A), not_revoked),
        ("Partitioned CA", &[6], Some(PARTITION_A), listed),
        // Wherever it is listed.
        ("Partitioned CA", &[6], Some(PARTITION_B), listed),
        (
            "Partitioned CA",
            &[5],
            Some(PARTITION_B),
            Status::from(UnknownReason::Expired),
        ),
        (
            "Partitioned CA",
            &[5],
            Some("http://crl.example.com/c.crl"),
            Status::from(UnknownReason::Partition),
        ),
        ("Revoked CA", &[5], None, Status::Revoked(RevokedBy::Issuer)),
        ("Silent CA", &[5], None, Status::from(UnknownReason::NoCrl)),
        ("Hasty CA", &[5], None, announced),
        ("Hasty CA", &[0, 0x85], None, announced),
        ("Hasty CA", &[0x85], None, announced),
        ("Hasty CA", &[6], None, listed),
        ("Hasty CA", &[8], None, blocked),
        // The time is over that it counted.
        ("Hasty CA", &[7], None, not_revoked),
        ("Other CA", &[5], None, Status::from(UnknownReason::Issuer)),
        ("Two-key CA", &[5], None, not_revoked),
        ("Two-key CA", &[6], None, listed),
        ("Doubtful CA", &[6], None, listed),
        (
            "Doubtful CA",
            &[5],
            None,
            Status::from(UnknownReason::IssuerStatus),
        ),
    ];
    answers_as_expected("snapshot-v6.bin", &cases);
}

fn answers_as_expected(file: &str, cases: &[(&str, &[u8], Option<&str>, Status)]) {
    let snapshot = Snapshot::decode(golden(file)).unwrap();
    for &(ca, serial, uri, expected) in cases {
        let distribution_points: Vec<_> = uri
            .into_iter()
            .map(|uri| DistributionPoint {
                names: vec![general_name(uri)],
                ..DistributionPoint::default()
            })
            .collect();
        let certificate = Certificate {
            issuer: &der::name(ca),
            authority_key_id: Some(&key_id(ca)),
            serial: SerialNumber::from_der_integer(serial).unwrap(),
            distribution_points: &distribution_points,
            kind: CertificateKind::EndEntity,
            public_key: &[],
        };
        let status = snapshot.status(&certificate, NOW, 0);
        assert_eq!(status, expected, "{file}: {ca} {serial:02x?} {uri:?}");
    }
}

/// The file. With `WRITE_GOLDEN` set it is made, but never replaced: for a new version of the format.
fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")).join(name);
    if std::env::var_os("WRITE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, contents().encode().unwrap()).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; restore it from version control, or make it with \
             WRITE_GOLDEN=1 cargo test --workspace --test system golden",
            path.display()
        )
    })
}

fn contents() -> Contents {
    let serials = |contents: &[&[u8]]| {
        let serials = contents
            .iter()
            .map(|content| SerialNumber::from_der_integer(content).unwrap());
        RevokedSet::from_serials(serials.collect()).unwrap()
    };
    let many: Vec<[u8; 16]> = (1..=1000_u64)
        .map(|n| {
            let high = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
            let low = n.wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mut octets = [0; 16];
            octets[..8].copy_from_slice(&(high | 1 << 62).to_be_bytes());
            octets[8..].copy_from_slice(&low.to_be_bytes());
            octets
        })
        .collect();
    let mut all: Vec<&[u8]> = vec![&[0], &[1], &[0, 0x80], &[0x80], &[0x7f; 20]];
    all.extend(many.iter().map(|serial| &serial[..]));

    let record = |name: &str, revoked, mut crls: Vec<CrlRecord>| {
        crls.sort_by(|a, b| a.scope.cmp(&b.scope));
        let issuer = Issuer {
            name: der::name(name),
            key_id: key_id(name),
        };
        IssuerRecord {
            revoked,
            crls,
            ..IssuerRecord::new(issuer)
        }
    };
    let crl = |scope: Scope, number: &[u8], next_update: UnixTime, revoked| CrlRecord {
        scope,
        number: CrlNumber::from_der_integer(number).unwrap(),
        this_update: NOW.plus(-86_400),
        next_update,
        source: object("crl/0123.crl", "\"b1946ac92492d2347c6235b4d2611184\""),
        digest: [0xd1; 32],
        revoked,
    };
    let partition = |uri: &str, covers| Scope {
        names: vec![general_name(uri)],
        covers,
    };
    let (fresh, expired) = (NOW.plus(86_400), NOW.plus(-1));
    let notice = |content: &[u8], until| Notice {
        serial: SerialNumber::from_der_integer(content).unwrap(),
        origin: Origin::Announcement,
        since: NOW.plus(-60),
        until,
    };
    let blocked_key = |octet, until| BlockedKey {
        key: [octet; 32],
        since: NOW.plus(-60),
        until,
    };
    let mut issuers = vec![
        record(
            "Complete CA",
            false,
            vec![crl(
                Scope::complete(),
                &[0x01, 0xa1, 0x90, 0x5d, 0x2c, 0x00],
                fresh,
                serials(&all),
            )],
        ),
        record(
            "Partitioned CA",
            false,
            vec![
                crl(
                    partition(PARTITION_A, Covers::AllCertificates),
                    &[7],
                    fresh,
                    serials(&[&[6]]),
                ),
                crl(
                    partition(PARTITION_B, Covers::UserCertificates),
                    &[0],
                    expired,
                    serials(&[]),
                ),
                crl(
                    partition(PARTITION_B, Covers::CaCertificates),
                    &[0x7f; 20],
                    fresh,
                    serials(&[&[0xff, 0x7f]]),
                ),
            ],
        ),
        record(
            "Revoked CA",
            true,
            vec![crl(Scope::complete(), &[1], fresh, serials(&[]))],
        ),
        record("Silent CA", false, vec![]),
        IssuerRecord {
            notices: vec![
                notice(&[5], fresh),
                notice(&[7], expired),
                Notice {
                    origin: Origin::Override,
                    ..notice(&[8], fresh)
                },
                notice(&[0, 0x85], fresh),
                notice(&[0x85], fresh),
            ],
            ..record(
                "Hasty CA",
                false,
                vec![crl(Scope::complete(), &[4], fresh, serials(&[&[6]]))],
            )
        },
        IssuerRecord {
            key_id_is_derived: true,
            ..record("Two-key CA", false, vec![])
        },
        IssuerRecord {
            issuer: Issuer {
                name: der::name("Two-key CA"),
                key_id: vec![0xc0; 32],
            },
            role: Role::CrlSigner,
            ..record(
                "Two-key CA",
                false,
                vec![crl(Scope::complete(), &[2], fresh, serials(&[&[6]]))],
            )
        },
        IssuerRecord {
            good_until: expired,
            ..record(
                "Doubtful CA",
                false,
                vec![crl(Scope::complete(), &[3], fresh, serials(&[&[6]]))],
            )
        },
    ];
    issuers.sort_by(|a, b| a.issuer.cmp(&b.issuer));
    Contents {
        built_at: NOW,
        builder: "crl-fetcher 0.1.0".to_owned(),
        truststore: object("truststore.pem", "\"5d41402abc4b2a76b9719d911017c592\""),
        blocked_keys: vec![blocked_key(0x0b, fresh), blocked_key(0xb1, expired)],
        issuers,
    }
}

fn object(key: &str, etag: &str) -> ObjectRef {
    ObjectRef {
        key: key.to_owned(),
        etag: etag.to_owned(),
    }
}

fn general_name(uri: &str) -> Vec<u8> {
    der::implicit(6, uri.as_bytes())
}

/// 20 octets that differ from CA to CA.
fn key_id(ca: &str) -> Vec<u8> {
    ca.bytes().cycle().take(20).collect()
}

const PARTITION_A: &str = "http://crl.example.com/a.crl";
const PARTITION_B: &str = "http://crl.example.com/b.crl";
/// 2026-11-15T00:00:00Z.
const NOW: UnixTime = UnixTime::from_seconds(1_794_700_800);
