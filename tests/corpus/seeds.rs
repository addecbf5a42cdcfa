//! The seeds of the fuzz targets. What the fixed CAs sign comes out the same at each writing.

use revocation::{RevokedSet, SerialNumber};
use serde_json::Value;
use testkit::events;
use testkit::pki::{
    Ca, CaOptions, CrlBuilder, CrlDistributionPoints, DistributionPoint, DistributionPointName,
    Extension, GeneralName, IssuingDistributionPoint, KeyIdentifier, KeyKind, Leaf, LeafOptions,
    Reason, Serial, der, oid,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::checks::event::{CRLS, PARTITION_A, snapshot_of};
use crate::checks::{fixed, snapshot};

/// Writes all of them, in the order in which they depend on each other.
pub(crate) fn write() {
    let cas = Cas::new();
    write_certificates(&cas);
    write_other_keys();
    write_crls(&cas);
    write_events(&cas);
    write_snapshots();
}

/// Writes those of the target `snapshot`, from those of the target `crl`.
pub(crate) fn write_snapshots() {
    let snapshot = snapshot_of(&[&CRLS[..], &MORE_CRLS].concat());
    put("snapshot", "snapshot.bin", &snapshot);
    put("snapshot", "snapshot-without-crls.bin", snapshot_of(&[]));
    // The time it was built at; the checksum is that of another time.
    let mut changed = snapshot;
    changed[40] ^= 1;
    assert!(snapshot::repaired(&changed).is_some());
    put("snapshot", "snapshot-changed-time.bin", changed);

    let long: Vec<_> = (1..=40_u8).map(long_serial).collect();
    let classes = [&[0][..], &[1], &[0, 0x80], &[0x7f; 20], &[0xff], &[0x80, 0]];
    let dense: Vec<_> = (0..=u8::MAX).map(|octet| vec![1, octet]).collect();
    put("snapshot", "set-empty.bin", set(&[]));
    put("snapshot", "set-one.bin", set(&[long[0].clone()]));
    put("snapshot", "set-long.bin", set(&long));
    put("snapshot", "set-dense.bin", set(&dense));
    let classes: Vec<_> = classes.iter().map(|content| content.to_vec()).collect();
    put(
        "snapshot",
        "set-classes.bin",
        set(&[classes, long].concat()),
    );
}

/// Stand-ins: what they issue has every octet right but those of the key, see [`certificate`].
struct Cas {
    complete: Ca,
    partitioned: Ca,
    revoked: Ca,
    without_crl: Ca,
}

impl Cas {
    fn new() -> Self {
        let options = |serial: u64| CaOptions {
            key: KeyKind::Ed25519,
            serial: serial.into(),
            subject_key_identifier: KeyIdentifier::Octets(KEY_ID.to_vec()),
            ..CaOptions::default()
        };
        let complete = Ca::self_signed("Complete CA", options(1));
        Self {
            partitioned: Ca::self_signed("Partitioned CA", options(2)),
            revoked: complete.subordinate_with("Revoked CA", options(REVOKED_CA)),
            without_crl: Ca::self_signed("Silent CA", options(4)),
            complete,
        }
    }

    fn all(&self) -> [&Ca; 4] {
        let Self {
            complete,
            partitioned,
            revoked,
            without_crl,
        } = self;
        [complete, partitioned, revoked, without_crl]
    }
}

fn write_certificates(cas: &Cas) {
    let pem = |der: Vec<u8>| der::pem("CERTIFICATE", &der);
    let ca = |ca: &&Ca| pem(certificate(ca.certificate_der()));
    let bundle: String = cas.all().iter().map(ca).collect();
    put("certificate", fixed::TRUSTSTORE, bundle);
    put(
        "certificate",
        "ca.der",
        certificate(cas.complete.certificate_der()),
    );
    let write = |name: &str, options: LeafOptions| {
        put(
            "certificate",
            name,
            client(&cas.complete, "client", options),
        );
    };
    let sound = client(&cas.complete, "client", leaf(CLIENT));
    put("certificate", "client.pem", pem(sound.clone()));
    let chain = [pem(sound), ca(&&cas.complete)].concat();
    put("certificate", "chain.pem", format!("text before\n{chain}"));
    write("client.der", leaf(CLIENT));
    write(
        "negative-serial.der",
        LeafOptions {
            serial: Serial::Content(vec![0x80, 0x01]),
            ..leaf(CLIENT)
        },
    );
    write(
        "long-serial.der",
        LeafOptions {
            serial: vec![0xff; 20].into(),
            ..leaf(CLIENT)
        },
    );
    write(
        "version-1.der",
        LeafOptions {
            version: None,
            ..leaf(CLIENT)
        },
    );
    write(
        "distribution-points.der",
        LeafOptions {
            crl_distribution_points: CrlDistributionPoints::Points(distribution_points()),
            authority_key_identifier: KeyIdentifier::Absent,
            subject_alt_names: Some(vec![
                GeneralName::Dns("client.example.com".to_owned()),
                GeneralName::Uri("spiffe://example.com/client".to_owned()),
                GeneralName::DirectoryName(der::name("alternative")),
                GeneralName::Der(der::implicit(7, &[203, 0, 113, 7])),
            ]),
            ..leaf(CLIENT)
        },
    );
    let again = Extension::new(oid::CRL_DISTRIBUTION_POINTS, false, cdp(&[&[PARTITION_A]]));
    write(
        "distribution-points-twice.der",
        LeafOptions {
            extensions: vec![again],
            ..leaf(CLIENT)
        },
    );

    put(
        "certificate",
        "cdp.der",
        cdp(&[&[PARTITION_A, PARTITION_B]]),
    );
    let points: Vec<_> = distribution_points()
        .iter()
        .map(DistributionPoint::to_der)
        .collect();
    put(
        "certificate",
        "cdp-relative.der",
        der::sequence(&[&points[1]]),
    );
    put(
        "certificate",
        "cdp-reasons.der",
        der::sequence(&[&points.concat()]),
    );
}

fn write_crls(cas: &Cas) {
    let crl = |name: &str, builder: CrlBuilder| put("crl", name, signed(&builder));
    let (complete, partitioned) = (&cas.complete, &cas.partitioned);
    let full = complete
        .crl()
        .number(7)
        .revoke(&[REVOKED])
        .revoke_content(&der::minimal_content(&REVOKED_CA.to_be_bytes()))
        .revoke_with(&long_serial(1), 1_793_500_000, Some(1))
        .revoke_with(&long_serial(2), 1_793_500_000, Some(6))
        .revoke(&long_serial(3))
        .revoke_content(&[0])
        .revoke_content(&[0x80, 0x00])
        .revoke(&[0xff; 20]);
    crl("complete.der", full.clone());
    crl("empty.der", complete.crl());
    crl(
        "partition-a.der",
        partitioned
            .crl()
            .partition(&[PARTITION_A])
            .revoke(&[REVOKED]),
    );
    crl(
        "partition-b-expired.der",
        partitioned
            .crl()
            .partition(&[PARTITION_B, "ldap://crl.example.com/cn=b?list"])
            .next_update(1_793_580_000),
    );
    let idp = |builder: CrlBuilder, point: IssuingDistributionPoint| {
        builder.idp_der(true, &point.to_der())
    };
    crl(
        "partition-relative.der",
        idp(
            partitioned.crl(),
            IssuingDistributionPoint {
                name: Some(DistributionPointName::RelativeToCrlIssuer("3".to_owned())),
                ..IssuingDistributionPoint::default()
            },
        ),
    );
    crl(
        "user-certificates.der",
        idp(
            partitioned.crl().revoke(&[3]),
            IssuingDistributionPoint {
                only_contains_user_certs: true,
                ..IssuingDistributionPoint::uris(&[PARTITION_A])
            },
        ),
    );
    crl(
        "ca-certificates.der",
        idp(
            partitioned.crl().revoke(&[3]),
            IssuingDistributionPoint {
                only_contains_ca_certs: true,
                ..IssuingDistributionPoint::default()
            },
        ),
    );
    let invalidity = der::tlv(0x18, b"20261101000000Z");
    crl(
        "entry-extensions.der",
        complete
            .crl()
            .entry_extension(&[9], oid::INVALIDITY_DATE, false, &invalidity)
            .entry_extension(&[8], oid::REASON_CODE, false, &der::enumerated(1))
            .extension(oid::UNKNOWN, false, &[5, 0]),
    );
    let many = (1..=120_u8).map(|n| (long_serial(n), 1_793_500_000, Some(1)));
    crl("many.der", complete.crl().entries(many));

    let pem = |builder: &CrlBuilder| der::pem("X509 CRL", &signed(builder));
    put("crl", "one.pem", pem(&full));
    let partition = pem(&partitioned.crl().partition(&[PARTITION_A]));
    put("crl", "two.pem", format!("text\n{}{partition}", pem(&full)));

    let another_signature = full.clone().signature(&[0x55; 64]);
    put("crl", "signature-of-another.der", another_signature.der());
    crl("delta.der", complete.crl().delta(6));
    crl(
        "unknown-critical.der",
        complete.crl().extension(oid::UNKNOWN, true, &[5, 0]),
    );
    crl(
        "version-1.der",
        complete.crl().version(None).no_extensions().revoke(&[9]),
    );
    let elsewhere = der::name("CA of somebody else");
    crl(
        "another-issuer.der",
        complete.crl().issuer_name_der(&elsewhere),
    );
    crl(
        "after-2050.der",
        complete.crl().next_update(2_540_000_000).revoke(&[9]),
    );
    crl(
        "indirect.der",
        idp(
            partitioned.crl(),
            IssuingDistributionPoint {
                indirect_crl: true,
                only_some_reasons: Some(vec![Reason::KeyCompromise]),
                ..IssuingDistributionPoint::uris(&[PARTITION_A])
            },
        ),
    );
}

/// CAs with keys of other kinds and a CRL of each. Their keys are gone when this returns, so that
/// files which are there stay as they are.
fn write_other_keys() {
    if fixed::seeds("certificate").join(fixed::OTHER_KEYS).exists() {
        return;
    }
    let mut bundle = String::new();
    for (name, key) in [
        ("p256", KeyKind::P256),
        ("p384", KeyKind::P384),
        ("p521", KeyKind::P521),
        ("rsa", KeyKind::Rsa2048),
        ("rsa-pss", KeyKind::RsaPss2048),
        ("ml-dsa-44", KeyKind::MlDsa44),
    ] {
        let ca = Ca::root_with(&format!("CA {name}"), key);
        bundle.push_str(&ca.certificate_pem());
        let crl = ca.crl().revoke(&[REVOKED]).der();
        put("crl", &format!("{name}.der"), crl);
    }
    put("certificate", fixed::OTHER_KEYS, bundle);
}

fn write_events(cas: &Cas) {
    let pem = |ca: &Ca, options: LeafOptions| {
        let pem = der::pem("CERTIFICATE", &client(ca, "client", options));
        events::http_api_v2(&pem)
    };
    let at = |uri: &str| LeafOptions {
        crl_distribution_points: CrlDistributionPoints::uri(uri),
        ..leaf(CLIENT)
    };
    let sound = der::pem(
        "CERTIFICATE",
        &client(&cas.complete, "client", leaf(CLIENT)),
    );
    let stranger = Ca::self_signed(
        "CA of somebody else",
        CaOptions {
            key: KeyKind::Ed25519,
            subject_key_identifier: KeyIdentifier::Octets(KEY_ID.to_vec()),
            ..CaOptions::default()
        },
    );
    let expired = LeafOptions {
        not_after: fixed::NOW.seconds() - 1,
        ..leaf(CLIENT)
    };
    // The certificate where events of the other version have it.
    let other_version = |event: Value, version: &str| {
        let mut event = event;
        event["version"] = version.into();
        event
    };
    let key = "crl/complete CA+ü.crl";
    for (name, event) in [
        ("http-api-2.json", events::http_api_v2(&sound)),
        ("http-api-1.json", events::http_api_v1(&sound)),
        ("rest.json", events::rest_request(&sound)),
        ("revoked.json", pem(&cas.complete, leaf(REVOKED))),
        ("revoked-ca.json", pem(&cas.revoked, leaf(CLIENT))),
        ("partition-a.json", pem(&cas.partitioned, at(PARTITION_A))),
        (
            "partition-b-expired.json",
            pem(&cas.partitioned, at(PARTITION_B)),
        ),
        (
            "partition-unknown.json",
            pem(&cas.partitioned, at("http://crl.example.com/c.crl")),
        ),
        ("unknown-issuer.json", pem(&stranger, leaf(CLIENT))),
        (
            "issuer-without-crl.json",
            pem(&cas.without_crl, leaf(CLIENT)),
        ),
        ("expired.json", pem(&cas.complete, expired)),
        ("garbage.json", events::http_api_v2("garbage")),
        (
            "without-certificate.json",
            events::without_client_cert(events::rest_request(&sound)),
        ),
        (
            "identity-in-2.json",
            other_version(events::http_api_v1(&sound), "2.0"),
        ),
        (
            "authentication-in-1.json",
            other_version(events::http_api_v2(&sound), "1.0"),
        ),
        ("schedule.json", events::schedule()),
        (
            "object-created.json",
            events::object_created("crl-bucket", key),
        ),
        (
            "s3-notification.json",
            events::s3_notification("crl-bucket", key),
        ),
        ("s3-test-event.json", events::s3_test_event("crl-bucket")),
        ("null.json", Value::Null),
    ] {
        put("event", name, event.to_string());
    }
}

/// A certificate of a stand-in, with the key that everybody has in the place of its own and of its
/// issuer's.
fn certificate(stand_in: &[u8]) -> Vec<u8> {
    let (_, parsed) = X509Certificate::from_der(stand_in).unwrap();
    let own = &parsed.public_key().subject_public_key.data;
    let at = stand_in
        .windows(own.len())
        .position(|window| window == &own[..])
        .unwrap();
    let mut octets = stand_in.to_vec();
    let public_key = aws_lc_rs::signature::KeyPair::public_key(fixed::key());
    octets[at..at + own.len()].copy_from_slice(public_key.as_ref());
    fixed::signed(&octets).unwrap()
}

fn client(ca: &Ca, common_name: &str, options: LeafOptions) -> Vec<u8> {
    let leaf: Leaf = ca.issue_with(common_name, options);
    certificate(leaf.certificate_der())
}

fn leaf(serial: u8) -> LeafOptions {
    LeafOptions {
        key: KeyKind::Ed25519,
        serial: Serial::Content(vec![serial]),
        subject_key_identifier: KeyIdentifier::Octets(vec![0x1e; 20]),
        ..LeafOptions::default()
    }
}

fn signed(builder: &CrlBuilder) -> Vec<u8> {
    fixed::signed(&builder.der()).unwrap()
}

fn cdp(points: &[&[&str]]) -> Vec<u8> {
    let points = points
        .iter()
        .flat_map(|uris| DistributionPoint::uris(uris).to_der());
    der::sequence(&[&points.collect::<Vec<u8>>()])
}

fn distribution_points() -> Vec<DistributionPoint> {
    vec![
        DistributionPoint::uris(&[PARTITION_A, PARTITION_B]),
        DistributionPoint {
            name: Some(DistributionPointName::RelativeToCrlIssuer("3".to_owned())),
            ..DistributionPoint::default()
        },
        DistributionPoint {
            reasons: Some(vec![Reason::KeyCompromise, Reason::AaCompromise]),
            ..DistributionPoint::uris(&[PARTITION_B])
        },
        DistributionPoint {
            crl_issuer: vec![GeneralName::DirectoryName(der::name("CRL issuer"))],
            ..DistributionPoint::default()
        },
    ]
}

/// 16 octets that look random, for a positive number.
fn long_serial(n: u8) -> Vec<u8> {
    let mut octets: Vec<u8> = (0..16_u8)
        .map(|at| n.wrapping_mul(37).wrapping_add(at.wrapping_mul(73)))
        .collect();
    octets[0] = octets[0] & 0x3f | 0x40;
    octets
}

fn set(contents: &[Vec<u8>]) -> Vec<u8> {
    let serials = contents
        .iter()
        .map(|content| SerialNumber::from_der_integer(content).unwrap());
    let set = RevokedSet::from_serials(serials.collect()).unwrap();
    let length = u32::try_from(set.first_plane().len()).unwrap();
    [
        &length.to_le_bytes()[..],
        set.first_plane(),
        set.second_plane(),
    ]
    .concat()
}

fn put(target: &str, name: &str, octets: impl AsRef<[u8]>) {
    let folder = fixed::seeds(target);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), octets).unwrap();
}

/// The serial number of the sound client certificate.
const CLIENT: u8 = 0x42;
/// One that each of the CAs with a CRL has revoked.
const REVOKED: u8 = 0x13;
/// The serial number of the CA that is revoked.
const REVOKED_CA: u64 = 0x77;
/// The subject key identifier of every fixed CA.
const KEY_ID: [u8; 20] = [0x5e; 20];
const PARTITION_B: &str = "http://crl.example.com/b.crl";
/// Beside those of the target `event`.
const MORE_CRLS: [&str; 4] = [
    "partition-relative.der",
    "ca-certificates.der",
    "p256.der",
    "ml-dsa-44.der",
];
