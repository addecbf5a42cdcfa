//! The short way: one walk through a certificate whose parts are all where RFC 5280 §4.1 puts them
//! and strict DER as far as it looks.
//!
//! It gives what [`super::lenient`] does, or nothing. That is more than being strict: what
//! x509-parser would refuse or read otherwise must not be passed over here either.

use revocation::der::{Reader, tag};
use revocation::distribution_point::read_crl_distribution_points;
use revocation::{CertificateKind, SerialNumber};
use sha2::{Digest, Sha256};

use super::ClientCert;
use super::name::{alternative_names, distinguished_name};

/// Reads a DER certificate of version 3 without unique identifiers.
///
/// ```text
/// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
/// TBSCertificate ::= SEQUENCE {
///     version [0], serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo,
///     extensions [3] OPTIONAL }
/// ```
pub(super) fn read(der: &[u8]) -> Option<ClientCert> {
    let mut outer = Reader::new(der);
    let mut certificate = outer.sequence().ok()?;
    outer.finish().ok()?;
    let mut fields = certificate.sequence().ok()?;
    pass_algorithm(&mut certificate)?;
    pass_bit_string(&mut certificate)?;
    certificate.finish().ok()?;

    if fields.element().ok()?.raw != VERSION_3 {
        return None;
    }
    let serial = fields.expect(tag::INTEGER).ok()?.content;
    pass_algorithm(&mut fields)?;
    let issuer = fields.expect(tag::SEQUENCE).ok()?;
    let mut validity = fields.sequence().ok()?;
    let (not_before, not_after) = (validity.element().ok()?, validity.element().ok()?);
    validity.finish().ok()?;
    let subject = fields.expect(tag::SEQUENCE).ok()?;
    let public_key = fields.expect(tag::SEQUENCE).ok()?;
    let mut key = Reader::new(public_key.content);
    pass_algorithm(&mut key)?;
    pass_bit_string(&mut key)?;
    key.finish().ok()?;
    let extensions = match fields.is_empty() {
        true => Extensions::default(),
        false => Extensions::read(fields.expect(tag::context_constructed(3)).ok()?.content)?,
    };
    fields.finish().ok()?;

    let distribution_points = match extensions.crl_distribution_points {
        Some(value) => read_crl_distribution_points(value, issuer.raw).ok()?,
        None => Vec::new(),
    };
    Some(ClientCert {
        serial: SerialNumber::from_der_integer(serial).ok()?,
        subject: distinguished_name(subject.content)?,
        issuer: distinguished_name(issuer.content)?,
        sans: match extensions.subject_alternative_name {
            Some(value) => alternative_names(value)?,
            None => String::new(),
        },
        fingerprint: Sha256::digest(der).into(),
        not_before: not_before.time().ok()?,
        not_after: not_after.time().ok()?,
        is_for_client_auth: match extensions.extended_key_usage {
            Some(value) => names_client_auth(value)?,
            None => false,
        },
        issuer_name: issuer.raw.to_vec(),
        authority_key_id: match extensions.authority_key_identifier {
            Some(value) => Some(key_identifier(value)?.to_vec()),
            None => None,
        },
        distribution_points,
        kind: match extensions.basic_constraints {
            Some(value) => kind(value)?,
            None => CertificateKind::EndEntity,
        },
        public_key: public_key.raw.to_vec(),
    })
}

/// The values of the extensions that are read.
#[derive(Default)]
struct Extensions<'a> {
    authority_key_identifier: Option<&'a [u8]>,
    basic_constraints: Option<&'a [u8]>,
    crl_distribution_points: Option<&'a [u8]>,
    extended_key_usage: Option<&'a [u8]>,
    subject_alternative_name: Option<&'a [u8]>,
}

impl<'a> Extensions<'a> {
    /// ```text
    /// Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension
    /// Extension ::= SEQUENCE {
    ///     extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }
    /// ```
    fn read(explicit: &'a [u8]) -> Option<Self> {
        let mut outer = Reader::new(explicit);
        let mut extensions = outer.sequence().ok()?;
        outer.finish().ok()?;
        let mut found = Self::default();
        while !extensions.is_empty() {
            let mut extension = extensions.sequence().ok()?;
            let oid = extension.expect(tag::OID).ok()?.content;
            extension.default_false(tag::BOOLEAN).ok()?;
            let value = extension.expect(tag::OCTET_STRING).ok()?.content;
            extension.finish().ok()?;
            let place = match oid {
                // id-ce (RFC 5280 §4.2)
                [0x55, 0x1d, 17] => &mut found.subject_alternative_name,
                [0x55, 0x1d, 19] => &mut found.basic_constraints,
                [0x55, 0x1d, 31] => &mut found.crl_distribution_points,
                [0x55, 0x1d, 35] => &mut found.authority_key_identifier,
                [0x55, 0x1d, 37] => &mut found.extended_key_usage,
                _ => continue,
            };
            // Twice.
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some(found)
    }
}

/// Of an authority key identifier (§4.2.1.1) that is nothing else: `SEQUENCE { keyIdentifier [0] }`.
fn key_identifier(value: &[u8]) -> Option<&[u8]> {
    let mut outer = Reader::new(value);
    let mut fields = outer.sequence().ok()?;
    outer.finish().ok()?;
    let key_id = fields.expect(tag::context(0)).ok()?;
    fields.finish().ok()?;
    Some(key_id.content)
}

/// By basic constraints (§4.2.1.9) without a path length. That FALSE is written out, which DER does
/// not allow, is common.
const fn kind(value: &[u8]) -> Option<CertificateKind> {
    match value {
        [0x30, 0] | [0x30, 3, 0x01, 1, 0x00] => Some(CertificateKind::EndEntity),
        [0x30, 3, 0x01, 1, 0xff] => Some(CertificateKind::Ca),
        _ => None,
    }
}

/// ```text
/// ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF OBJECT IDENTIFIER
/// ```
fn names_client_auth(value: &[u8]) -> Option<bool> {
    let mut outer = Reader::new(value);
    let mut purposes = outer.sequence().ok()?;
    outer.finish().ok()?;
    let mut found = false;
    while !purposes.is_empty() {
        let purpose = purposes.expect(tag::OID).ok()?.content;
        found |= purpose == CLIENT_AUTH || purpose == ANY_EXTENDED_KEY_USAGE;
    }
    Some(found)
}

/// ```text
/// AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }
/// ```
fn pass_algorithm(reader: &mut Reader<'_>) -> Option<()> {
    let mut algorithm = reader.sequence().ok()?;
    algorithm.expect(tag::OID).ok()?;
    if !algorithm.is_empty() {
        algorithm.element().ok()?;
    }
    algorithm.finish().ok()
}

fn pass_bit_string(reader: &mut Reader<'_>) -> Option<()> {
    let bits = reader.expect(tag::BIT_STRING).ok()?;
    bits.whole_octets().is_ok().then_some(())
}

/// id-kp-clientAuth, 1.3.6.1.5.5.7.3.2
const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// 2.5.29.37.0
const ANY_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
/// `version [0] EXPLICIT INTEGER`
const VERSION_3: &[u8] = &[0xa0, 3, tag::INTEGER, 1, 2];

#[cfg(test)]
mod tests {
    use super::super::lenient;
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;
    use testkit::pki::{
        BasicConstraints, Ca, CrlDistributionPoints, Extension, GeneralName, KeyIdentifier,
        KeyKind, LeafOptions, Serial, der, oid,
    };

    /// Certificates of all the forms that the walk knows, and some that it leaves alone.
    static CERTIFICATES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let ca = Ca::root("Issuing CA");
        let issue = |options| ca.issue_with("client", options).certificate_der().to_vec();
        let default = LeafOptions::default;
        let utf16 = der::tlv(0x1e, b"\0c\0n");
        let [several, other] =
            ["a", "b"].map(|text| der::attribute("2.5.4.3", &der::utf8_string(text)));
        let names = vec![
            GeneralName::Dns("a.example.com".to_owned()),
            GeneralName::Uri("spiffe://example.com/b".to_owned()),
            GeneralName::Der([&[0x81, 3][..], b"a@b"].concat()),
            GeneralName::Der(vec![0x87, 4, 192, 0, 2, 1]),
            GeneralName::Der([&[0x87, 16, 0x20, 0x01, 0x0d, 0xb8][..], &[0; 12]].concat()),
            GeneralName::Der(vec![0x87, 1, 1]),
            GeneralName::Der(vec![0xa0, 2, 0x06, 0]),
            GeneralName::Der(vec![0xa4, 2, 0x30, 0]),
        ];
        vec![
            issue(default()),
            issue(LeafOptions {
                key: KeyKind::Ed25519,
                serial: Serial::Content(vec![0xff, 0x7f]),
                not_after: 4_000_000_000,
                subject_alt_names: Some(names),
                subject_name_der: Some(der::sequence(&[
                    &der::set(&[&several, &other]),
                    &der::set(&[&other]),
                ])),
                ..default()
            }),
            issue(LeafOptions {
                basic_constraints: BasicConstraints::Ca { path_length: None },
                subject_name_der: Some(der::sequence(&[])),
                subject_alt_names: Some(Vec::new()),
                authority_key_identifier: KeyIdentifier::Absent,
                crl_distribution_points: CrlDistributionPoints::Absent,
                ..default()
            }),
            issue(LeafOptions {
                subject_name_der: Some(der::sequence(&[&der::set(&[&der::attribute(
                    "2.5.4.3", &utf16,
                )])])),
                ..default()
            }),
            issue(LeafOptions {
                version: None,
                ..default()
            }),
            issue(LeafOptions {
                extensions: vec![Extension::new(oid::SUBJECT_ALT_NAME, false, [0x30, 0])],
                ..default()
            }),
            ca.certificate_der().to_vec(),
        ]
    });

    /// What the walk gives is what x509-parser gives.
    fn agrees(der: &[u8]) -> Result<(), TestCaseError> {
        if let Some(certificate) = read(der) {
            prop_assert_eq!(Ok(certificate), lenient::read(der));
        }
        Ok(())
    }

    #[test]
    fn usual_certificates_are_walked() {
        let walked = CERTIFICATES.iter().map(|der| read(der).is_some());
        let expected = [true, true, true, false, false, false];
        assert_eq!(walked.take(6).collect::<Vec<_>>(), expected);
        for der in CERTIFICATES.iter() {
            agrees(der).unwrap();
        }
    }

    #[test]
    fn every_attribute_has_the_name_that_x509_parser_gives_it() {
        let ca = Ca::root("CA");
        let types = (0..=128)
            .map(|number| format!("2.5.4.{number}"))
            .chain(["1.2.840.113549.1.9.1".to_owned()])
            .chain((0..=30).map(|number| format!("0.9.2342.19200300.100.1.{number}")));
        let mut walked = 0;
        for dotted in types {
            for tag in [0x0c, 0x13, 0x16, 0x14, 0x1e, 0x04] {
                let attribute = der::attribute(&dotted, &der::tlv(tag, "aé".as_bytes()));
                let options = LeafOptions {
                    key: KeyKind::Ed25519,
                    subject_name_der: Some(der::sequence(&[&der::set(&[&attribute])])),
                    ..LeafOptions::default()
                };
                let leaf = ca.issue_with("client", options);
                agrees(leaf.certificate_der()).unwrap();
                walked += usize::from(read(leaf.certificate_der()).is_some());
            }
        }
        assert_eq!(walked, 18 * 3);
    }

    #[test]
    fn every_single_octet_changed_gives_what_x509_parser_gives() {
        for der in CERTIFICATES.iter() {
            for at in 0..der.len() {
                for change in [0x01, 0x02, 0x20, 0x80, 0xff] {
                    let mut changed = der.clone();
                    changed[at] ^= change;
                    agrees(&changed).unwrap();
                }
            }
        }
    }

    proptest! {
        #[test]
        fn changed_certificates_give_what_x509_parser_gives(
            which in 0_usize..7,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in prop::option::weighted(0.1, any::<prop::sample::Index>()),
        ) {
            let mut der = CERTIFICATES[which].clone();
            for (at, octet) in changes {
                let at = at.index(der.len());
                der[at] = octet;
            }
            if let Some(cut) = cut {
                der.truncate(cut.index(der.len()));
            }
            agrees(&der)?;
        }

        #[test]
        fn changed_extensions_give_what_x509_parser_gives(
            kind in prop::sample::select(vec![17_u8, 19, 31, 35, 37]),
            critical: bool,
            value in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..8),
                prop::collection::vec(
                    prop::sample::select(vec![
                        0x30_u8, 0, 1, 2, 3, 4, 5, 0xff, 0x80, 0x82, 0x86, 0x87, 0xa0, b'a',
                    ]),
                    0..12,
                ),
            ],
            is_wrapped: bool,
        ) {
            static CA: LazyLock<Ca> = LazyLock::new(|| Ca::root("CA"));
            let value = if is_wrapped { der::sequence(&[&value]) } else { value };
            let options = LeafOptions {
                key: KeyKind::Ed25519,
                basic_constraints: BasicConstraints::Absent,
                authority_key_identifier: KeyIdentifier::Absent,
                crl_distribution_points: CrlDistributionPoints::Absent,
                subject_alt_names: Some(Vec::new()),
                extensions: vec![Extension::new(&format!("2.5.29.{kind}"), critical, value)],
                ..LeafOptions::default()
            };
            agrees(CA.issue_with("client", options).certificate_der())?;
        }
    }
}
