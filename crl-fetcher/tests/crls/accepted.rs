//! CRLs that must be accepted, and that what they say arrives unchanged. More of them, one unusual
//! thing each, are in the catalogue.

use std::collections::BTreeSet;

use crl_fetcher::refusal::Refusal;
use crl_fetcher::signature::SignatureError;
use crl_fetcher::verify_all;
use proptest::prelude::*;
use revocation::der::Reader;
use revocation::{CrlNumber, IssuerRecord, Scope, SerialNumber, UnixTime};
use testkit::pki::{Ca, CaOptions, Digest, KeyIdentifier, KeyKind, LeafOptions, Serial, der, oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::{NOW, issuer, record, serial, truststore, verify};

#[test]
fn every_signature_algorithm_of_aws_private_ca_verifies() {
    for key in KeyKind::ALL {
        let ca = Ca::root_with("Issuing CA", key);
        let forger = Ca::root_with("Issuing CA", key);
        let truststore = truststore(&[&ca]);
        let digests: Vec<Option<Digest>> = match key.digests() {
            [] => vec![None],
            digests => digests.iter().copied().map(Some).collect(),
        };
        for digest in digests {
            let sound = match digest {
                Some(digest) => ca.crl().revoke(&[7]).digest(digest),
                None => ca.crl().revoke(&[7]),
            };
            let verified = verify(&sound.der(), &truststore)
                .unwrap_or_else(|refusal| panic!("{key:?} {digest:?}: {refusal}"));
            assert_eq!(verified.issuer(), &issuer(&ca), "{key:?} {digest:?}");
            assert_eq!(verified.profile().entries(), 1);

            let forged = sound.signed_by(&forger).der();
            assert_eq!(
                verify(&forged, &truststore).err(),
                Some(Refusal::Signature(SignatureError::Invalid)),
                "{key:?} {digest:?}"
            );
        }
    }
}

/// RFC 4055 §5: "the parameters MUST be NULL. Implementations MUST accept the parameters being
/// absent as well as present."
#[test]
fn the_parameters_of_rsa_may_be_absent() {
    let ca = Ca::root_with("Issuing CA", KeyKind::Rsa2048);
    let algorithm = der::sequence(&[&der::oid("1.2.840.113549.1.1.11")]);
    let crl = ca.crl().revoke(&[7]);
    let crl = crl
        .inner_algorithm_der(&algorithm)
        .outer_algorithm_der(&algorithm);
    let revoked = record(&crl.der(), &truststore(&[&ca])).revoked;
    assert_eq!(revoked.iter().collect::<Vec<_>>(), [serial(&[7])]);
}

#[test]
fn der_pem_and_bundles_say_the_same() {
    let (one, two) = (Ca::root("CA one"), Ca::root("CA two"));
    let truststore = truststore(&[&one, &two]);
    let crl = one.crl().revoke(&[1]);
    let records = |octets: &[u8]| -> Vec<_> {
        verify_all(octets, &truststore, NOW)
            .into_iter()
            .map(|verified| {
                verified
                    .unwrap()
                    .into_record(super::object("k", "e"))
                    .unwrap()
            })
            .collect()
    };
    // Signatures are randomised, so every form must be of one and the same DER.
    let octets = crl.der();
    let pem = der::pem("X509 CRL", &octets);
    let alone = records(&octets);
    assert_eq!(records(pem.as_bytes()), alone);
    let explained = format!("The CRL of CA one:\n\n{}", pem.replace('\n', "\r\n"));
    assert_eq!(records(explained.as_bytes()), alone);

    let other = two.crl().revoke(&[2]).der();
    let bundle = format!(
        "{}{pem}{}",
        two.certificate_pem(),
        der::pem("X509 CRL", &other)
    );
    let expected = [alone, records(&other)].concat();
    assert_eq!(records(bundle.as_bytes()), expected);
}

#[test]
fn all_that_a_crl_says_arrives() {
    let ca = Ca::root("Issuing CA");
    let truststore = truststore(&[&ca]);
    let der = ca.crl().number(1_793_494_800_000).revoke(&[5]).der();
    let record = record(&der, &truststore);
    assert_eq!(record.scope, Scope::complete());
    assert_eq!(record.number.to_string(), "1793494800000");
    assert_eq!(record.this_update, UnixTime::from_seconds(1_793_491_200));
    let thirty_days = 30 * 86_400;
    assert_eq!(record.next_update, record.this_update.plus(thirty_days));
    assert_eq!(record.source, super::object("crl/a.crl", "1"));
    let tbs_cert_list = Reader::new(&der).sequence().unwrap().element().unwrap().raw;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, tbs_cert_list);
    assert_eq!(record.digest, digest.as_ref());
    assert_eq!(record.revoked.iter().collect::<Vec<_>>(), [serial(&[5])]);
}

/// After a rollover two CAs share a name; each signs CRLs of its own.
#[test]
fn two_cas_of_one_name_are_told_apart_by_their_keys() {
    let (old, new) = (Ca::root("Issuing CA"), Ca::root("Issuing CA"));
    let truststore = truststore(&[&old, &new]);
    for ca in [&old, &new] {
        for crl in [ca.crl(), ca.crl().no_aki()] {
            let verified = verify(&crl.der(), &truststore).unwrap();
            assert_eq!(verified.issuer(), &issuer(ca));
        }
    }
}

/// A renewed CA certificate and the one before it are of one CA: either is good for its CRLs.
#[test]
fn a_renewed_ca_keeps_its_crls() {
    let expired = CaOptions {
        not_after: NOW.seconds() - 1,
        ..CaOptions::default()
    };
    let old = Ca::self_signed("Issuing CA", expired);
    let renewed = CaOptions {
        key_of: Some(old.clone()),
        ..CaOptions::default()
    };
    let new = Ca::self_signed("Issuing CA", renewed);
    for cas in [[&old, &new], [&new, &old]] {
        let truststore = truststore(&cas);
        assert_eq!(truststore.issuers(), [IssuerRecord::new(issuer(&old))]);
        assert!(verify(&old.crl().der(), &truststore).is_ok());
    }
}

#[test]
fn a_ca_without_a_subject_key_identifier_is_named_by_its_key() {
    let options = CaOptions {
        subject_key_identifier: KeyIdentifier::Absent,
        ..CaOptions::default()
    };
    let ca = Ca::self_signed("Issuing CA", options);
    let verified = verify(&ca.crl().der(), &truststore(&[&ca])).unwrap();
    assert_eq!(verified.issuer(), &issuer(&ca));
}

#[test]
fn a_certificate_and_the_entry_that_revokes_it_meet() {
    let ca = Ca::root("Issuing CA");
    let truststore = truststore(&[&ca]);
    let positive = (1..=20).map(|length| [vec![0x01], vec![0x80; length - 1]].concat());
    let high_bit = (1..=20).map(|length| [vec![0x00, 0xff], vec![0; length - 1]].concat());
    let negative = (1..=20).map(|length| [vec![0x80], vec![0x01; length - 1]].concat());
    let contents: Vec<Vec<u8>> = positive
        .chain(high_bit)
        .chain(negative)
        .chain([vec![0], vec![0xff]])
        .collect();
    for content in &contents {
        let options = LeafOptions {
            serial: Serial::Content(content.clone()),
            ..LeafOptions::default()
        };
        let leaf = ca.issue_with("client", options);
        let (_, certificate) = X509Certificate::from_der(leaf.certificate_der()).unwrap();
        let of_certificate = SerialNumber::from_der_integer(certificate.raw_serial()).unwrap();

        let revoked = record(&ca.crl().revoke_content(content).der(), &truststore).revoked;
        for other in &contents {
            let found = revoked.contains(&serial(other));
            assert_eq!(found, other == content, "{other:02x?} in {content:02x?}");
        }
        assert!(revoked.contains(&of_certificate), "{content:02x?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// x509-parser is an independent reader of the same standard.
    #[test]
    fn entries_are_those_that_x509_parser_reads(
        entries in proptest::collection::btree_map(
            serial_content(),
            (0_i64..4_000_000_000, reason()),
            0..200,
        ),
        number in any::<u64>(),
    ) {
        let ca = ca();
        let mut crl = ca.crl().number(number);
        for (content, (date, reason)) in &entries {
            let entry = [
                der::integer(content),
                der::time(*date),
                reason.map(reason_extensions).unwrap_or_default(),
            ];
            crl = crl.entry_der(&der::sequence(&[&entry.concat()]));
        }
        let octets = crl.der();
        let ours = record(&octets, &truststore(&[&ca]));

        let (rest, theirs) = CertificateRevocationList::from_der(&octets).unwrap();
        prop_assert!(rest.is_empty());
        let serials: BTreeSet<_> = theirs
            .iter_revoked_certificates()
            .map(|entry| serial(entry.raw_serial()))
            .collect();
        prop_assert_eq!(ours.revoked.iter().collect::<BTreeSet<_>>(), serials);
        let members = u64::try_from(ours.revoked.iter().count()).unwrap();
        prop_assert_eq!(ours.revoked.len(), members);
        prop_assert_eq!(ours.this_update.seconds(), theirs.last_update().timestamp());
        let next_update = theirs.next_update().unwrap().timestamp();
        prop_assert_eq!(ours.next_update.seconds(), next_update);
        let number = CrlNumber::from_der_integer(&der::minimal_content(&number.to_be_bytes()));
        prop_assert_eq!(Ok(ours.number.clone()), number);
        prop_assert_eq!(ours.number.to_string(), theirs.crl_number().unwrap().to_string());
    }

    /// Whatever stands in an object, there is a result.
    #[test]
    fn no_octets_make_it_panic(
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
        cut in any::<prop::sample::Index>(),
    ) {
        let ca = ca();
        let truststore = truststore(&[&ca]);
        let sound = ca.crl().partition(&["http://crl.example.com/a"]).revoke(&[1, 2, 3]).der();
        let mut bent = sound.clone();
        bent[at.index(sound.len())] ^= flip;
        // Whatever is changed is signed, or around what is signed.
        prop_assert!(verify(&bent, &truststore).is_err());
        prop_assert!(verify(&sound[..cut.index(sound.len())], &truststore).is_err());
    }
}

/// One key for all cases.
fn ca() -> Ca {
    static CA: std::sync::OnceLock<Ca> = std::sync::OnceLock::new();
    CA.get_or_init(|| Ca::root("Issuing CA")).clone()
}

/// Content octets of INTEGERs of up to 20 octets of value, in the shortest form.
fn serial_content() -> impl Strategy<Value = Vec<u8>> {
    let octets = prop::collection::vec(any::<u8>(), 1..=20);
    (octets, any::<bool>()).prop_map(|(octets, negative)| {
        let positive = der::minimal_content(&octets);
        let inverted: Vec<u8> = positive.iter().map(|octet| !octet).collect();
        // The complement of a shortest form is one; 21 octets only ever are a positive number's.
        match negative && inverted.len() <= 20 {
            true => inverted,
            false => positive,
        }
    })
}

fn reason() -> impl Strategy<Value = Option<u8>> {
    prop::option::of(prop::sample::select(vec![0, 1, 2, 3, 4, 5, 6, 9, 10]))
}

fn reason_extensions(reason: u8) -> Vec<u8> {
    let extension = der::sequence(&[
        &der::oid(oid::REASON_CODE),
        &der::octet_string(&der::enumerated(reason)),
    ]);
    der::sequence(&[&extension])
}
