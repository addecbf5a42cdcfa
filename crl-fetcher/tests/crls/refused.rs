//! One defect each: a valid CRL, bent in exactly one way, signed anew unless the signature is the
//! defect, and the whole refusal that follows.

use std::collections::BTreeSet;

use crl_fetcher::refusal::Refusal;
use crl_fetcher::signature::SignatureError;
use crl_fetcher::verify_all;
use revocation::der::DerError;
use revocation::{CrlNumberError, SerialNumberError};
use testkit::pki::{
    Ca, CaOptions, CrlBuilder, Digest, IssuingDistributionPoint, KeyKind, KeyUsage, Reason, der,
    oid,
};

use super::{NOW, serial, truststore, verify};

const SERIAL: &[u8] = &[0x11, 0x22, 0x33];

/// Each case bends a CRL that is accepted without its bend.
#[test]
fn every_defect_has_its_own_refusal() {
    let ca = Ca::root("Issuing CA");
    let other = Ca::root("Issuing CA");
    let foreign = Ca::root("Foreign CA");
    let truststore = truststore(&[&ca]);
    let sound = || ca.crl().revoke(SERIAL);
    assert!(verify(&sound().der(), &truststore).is_ok());

    let truncated = sound().der();
    let truncated = &truncated[..truncated.len() - 1];
    let trailing = [sound().der(), vec![0]].concat();
    let mut flipped = sound().der();
    let at = flipped
        .windows(SERIAL.len())
        .position(|window| window == SERIAL);
    flipped[at.unwrap()] ^= 1;
    let ecdsa_sha384 = algorithm("1.2.840.10045.4.3.3", &[]);
    let ed25519 = algorithm("1.3.101.112", &[]);

    let cases: Vec<(&str, Vec<u8>, Refusal)> = vec![
        // The encoding.
        ("no octets", vec![], Refusal::Malformed(DerError::Truncated)),
        (
            "the last octet is missing",
            truncated.to_vec(),
            Refusal::Malformed(DerError::Truncated),
        ),
        (
            "an octet follows",
            trailing,
            Refusal::Malformed(DerError::TrailingOctets),
        ),
        (
            "no DER",
            b"no CRL today".to_vec(),
            Refusal::Malformed(DerError::Truncated),
        ),
        (
            "another type",
            der::null(),
            Refusal::Malformed(DerError::Tag {
                expected: 0x30,
                found: 0x05,
            }),
        ),
        (
            "indefinite length",
            vec![0x30, 0x80, 0, 0],
            Refusal::Malformed(DerError::Length),
        ),
        (
            "a certificate",
            ca.certificate_der().to_vec(),
            Refusal::Malformed(DerError::Tag {
                expected: 0x30,
                found: 0xa0,
            }),
        ),
        (
            "an empty list of revoked certificates",
            ca.crl().empty_revoked_certificates().der(),
            Refusal::Malformed(DerError::Value),
        ),
        (
            "an entry without a date",
            ca.crl()
                .entry_der(&der::sequence(&[&der::integer(SERIAL)]))
                .der(),
            Refusal::Malformed(DerError::Truncated),
        ),
        (
            "an entry with an empty list of extensions",
            ca.crl()
                .entry_der(&der::sequence(&[
                    &der::integer(SERIAL),
                    &der::time(NOW.seconds()),
                    &der::sequence(&[]),
                ]))
                .der(),
            Refusal::Malformed(DerError::Truncated),
        ),
        (
            "thisUpdate as GeneralizedTime before 2050",
            sound()
                .this_update_der(&der::generalized_time(NOW.seconds()))
                .der(),
            Refusal::Malformed(DerError::Time),
        ),
        (
            "nextUpdate on 30 February",
            sound()
                .next_update_der(&der::tlv(0x17, b"270230000000Z"))
                .der(),
            Refusal::Malformed(DerError::Time),
        ),
        ("version 1", sound().version(None).der(), Refusal::Version),
        (
            "version 1, written out",
            sound().version(Some(0)).der(),
            Refusal::Version,
        ),
        (
            "version 3",
            sound().version(Some(2)).der(),
            Refusal::Version,
        ),
        // Issuer and signature.
        (
            "the algorithm outside is another",
            sound().outer_algorithm_der(&ecdsa_sha384).der(),
            Refusal::AlgorithmMismatch,
        ),
        (
            "the algorithm inside is another",
            sound().inner_algorithm_der(&ecdsa_sha384).der(),
            Refusal::AlgorithmMismatch,
        ),
        (
            "a CA that is not in the truststore",
            foreign.crl().revoke(SERIAL).der(),
            Refusal::ForeignIssuer,
        ),
        (
            "the name of another CA",
            sound().issuer_name_der(foreign.name_der()).der(),
            Refusal::ForeignIssuer,
        ),
        (
            "the key identifier of another CA",
            sound().aki_key_id(other.key_id()).der(),
            Refusal::AuthorityKeyIdentifier,
        ),
        (
            "forged by another CA of the same name",
            sound().signed_by(&other).der(),
            Refusal::Signature(SignatureError::Invalid),
        ),
        (
            "a bit of a serial number flipped",
            flipped,
            Refusal::Signature(SignatureError::Invalid),
        ),
        (
            "no signature",
            sound().signature(&[]).der(),
            Refusal::Signature(SignatureError::Invalid),
        ),
        (
            "another algorithm than the signature's, inside and outside",
            both(sound(), &ecdsa_sha384).der(),
            Refusal::Signature(SignatureError::Invalid),
        ),
        (
            "an algorithm that is not one for the key",
            both(sound(), &ed25519).der(),
            Refusal::Signature(SignatureError::KeyMismatch),
        ),
        (
            "ECDSA with parameters",
            both(sound(), &algorithm("1.2.840.10045.4.3.2", &der::null())).der(),
            Refusal::Signature(SignatureError::Parameters),
        ),
        (
            "an unknown algorithm",
            both(sound(), &algorithm("1.2.840.113549.1.1.14", &der::null())).der(),
            Refusal::Signature(SignatureError::Unsupported {
                oid: "1.2.840.113549.1.1.14".to_owned(),
            }),
        ),
        (
            "an empty algorithm",
            both(sound(), &der::sequence(&[])).der(),
            Refusal::Signature(SignatureError::Der(DerError::Truncated)),
        ),
        (
            "SHA-1",
            sound().digest(Digest::Sha1).der(),
            Refusal::Signature(SignatureError::WeakDigest),
        ),
        (
            "MD5",
            both(sound(), &algorithm("1.2.840.113549.1.1.4", &der::null())).der(),
            Refusal::Signature(SignatureError::WeakDigest),
        ),
        (
            "PSS with the default parameters, SHA-1 all of them",
            both(sound(), &pss(&[])).der(),
            Refusal::Signature(SignatureError::WeakDigest),
        ),
        (
            "PSS with two digests",
            both(sound(), &pss(&pss_parameters(SHA256, SHA384, 32))).der(),
            Refusal::Signature(SignatureError::Parameters),
        ),
        (
            "PSS with a salt of 20 octets",
            both(sound(), &pss(&pss_parameters(SHA256, SHA256, 20))).der(),
            Refusal::Signature(SignatureError::Parameters),
        ),
        // Times.
        (
            "thisUpdate 5 minutes and a second from now",
            sound().this_update(NOW.seconds() + 301).der(),
            Refusal::NotYetIssued {
                this_update: NOW.plus(301),
            },
        ),
        (
            "no nextUpdate",
            sound().no_next_update().der(),
            Refusal::NextUpdateMissing,
        ),
        (
            "nextUpdate before thisUpdate",
            sound()
                .this_update(NOW.seconds())
                .next_update(NOW.seconds() - 1)
                .der(),
            Refusal::NextUpdateBeforeThisUpdate,
        ),
        // The CRL number.
        (
            "no CRL number",
            sound().no_number().der(),
            Refusal::CrlNumberMissing,
        ),
        (
            "no extensions",
            sound().no_extensions().der(),
            Refusal::CrlNumberMissing,
        ),
        (
            "a critical CRL number",
            sound()
                .no_number()
                .extension(oid::CRL_NUMBER, true, &der::unsigned(7))
                .der(),
            Refusal::CrlNumberCritical,
        ),
        (
            "a CRL number without octets",
            sound().number_der(&der::integer(&[])).der(),
            Refusal::CrlNumberInvalid(CrlNumberError::Empty),
        ),
        (
            "a negative CRL number",
            sound().number_der(&der::integer(&[0xff])).der(),
            Refusal::CrlNumberInvalid(CrlNumberError::Negative),
        ),
        (
            "a CRL number with a leading zero",
            sound().number_der(&der::integer(&[0, 1])).der(),
            Refusal::CrlNumberInvalid(CrlNumberError::NotMinimal),
        ),
        (
            "a CRL number of 21 octets",
            sound().number_der(&der::integer(&[1; 21])).der(),
            Refusal::CrlNumberInvalid(CrlNumberError::TooLong),
        ),
        (
            "a CRL number that is no INTEGER",
            sound().number_der(&der::octet_string(&[1])).der(),
            malformed(
                "cRLNumber",
                DerError::Tag {
                    expected: 0x02,
                    found: 0x04,
                },
            ),
        ),
        // Other extensions.
        (
            "two CRL numbers",
            sound()
                .extension(oid::CRL_NUMBER, false, &der::unsigned(1))
                .der(),
            Refusal::DuplicateExtension {
                oid: "2.5.29.20".to_owned(),
            },
        ),
        (
            "an unknown critical extension",
            sound().extension(oid::UNKNOWN, true, &der::null()).der(),
            Refusal::UnknownCriticalExtension {
                oid: "1.3.6.1.4.1.32473.1".to_owned(),
            },
        ),
        (
            "33 extensions",
            (0..31)
                .fold(sound(), |crl, arc| {
                    crl.extension(&format!("{}.{arc}", oid::UNKNOWN), false, &der::null())
                })
                .der(),
            Refusal::TooManyExtensions { limit: 32 },
        ),
        (
            "an authority key identifier that is no SEQUENCE",
            sound()
                .no_aki()
                .extension(oid::AUTHORITY_KEY_IDENTIFIER, false, &der::null())
                .der(),
            malformed(
                "authorityKeyIdentifier",
                DerError::Tag {
                    expected: 0x30,
                    found: 0x05,
                },
            ),
        ),
        (
            "an authority's serial number without its issuer",
            sound()
                .no_aki()
                .extension(
                    oid::AUTHORITY_KEY_IDENTIFIER,
                    false,
                    &der::sequence(&[&der::implicit(2, &ca.serial())]),
                )
                .der(),
            malformed("authorityKeyIdentifier", DerError::Value),
        ),
        ("a delta CRL", sound().delta(1).der(), Refusal::DeltaCrl),
        // The issuing distribution point.
        (
            "an empty issuing distribution point",
            sound().idp_der(true, &der::sequence(&[])).der(),
            malformed("issuingDistributionPoint", DerError::Value),
        ),
        (
            "an issuing distribution point that says FALSE",
            sound()
                .idp_der(true, &der::sequence(&[&der::implicit(1, &[0])]))
                .der(),
            malformed("issuingDistributionPoint", DerError::Boolean),
        ),
        (
            "only user and only CA certificates",
            with_idp(sound(), |idp| {
                idp.only_contains_user_certs = true;
                idp.only_contains_ca_certs = true;
            }),
            malformed("issuingDistributionPoint", DerError::Value),
        ),
        (
            "an indirect CRL",
            with_idp(sound(), |idp| idp.indirect_crl = true),
            Refusal::IndirectCrl,
        ),
        (
            "attribute certificates only",
            with_idp(sound(), |idp| idp.only_contains_attribute_certs = true),
            Refusal::AttributeCertificatesOnly,
        ),
        (
            "only some reasons",
            with_idp(sound(), |idp| {
                idp.only_some_reasons = Some(vec![Reason::KeyCompromise]);
            }),
            Refusal::OnlySomeReasons,
        ),
        // Entries.
        (
            "an entry of another issuer",
            sound()
                .entry_extension(
                    &[1],
                    oid::CERTIFICATE_ISSUER,
                    true,
                    &der::sequence(&[&der::explicit(4, foreign.name_der())]),
                )
                .der(),
            Refusal::IndirectCrl,
        ),
        (
            "an entry to be removed",
            sound().revoke_with(&[1], NOW.seconds(), Some(8)).der(),
            Refusal::RemoveFromCrl,
        ),
        (
            "an entry for reason 7, which is not used",
            sound().revoke_with(&[1], NOW.seconds(), Some(7)).der(),
            malformed("cRLReason", DerError::Value),
        ),
        (
            "an entry for a reason that is no ENUMERATED",
            sound()
                .entry_extension(&[1], oid::REASON_CODE, false, &der::integer(&[1]))
                .der(),
            malformed(
                "cRLReason",
                DerError::Tag {
                    expected: 0x0a,
                    found: 0x02,
                },
            ),
        ),
        (
            "an entry with an unknown critical extension",
            sound()
                .entry_extension(&[1], oid::UNKNOWN, true, &der::null())
                .der(),
            Refusal::UnknownCriticalExtension {
                oid: "1.3.6.1.4.1.32473.1".to_owned(),
            },
        ),
        (
            "a serial number without octets",
            sound().revoke_content(&[]).der(),
            Refusal::SerialNumber(SerialNumberError::Empty),
        ),
        (
            "a serial number with a leading zero",
            sound().revoke_content(&[0, 1]).der(),
            Refusal::SerialNumber(SerialNumberError::NotMinimal),
        ),
        (
            "a serial number of 21 octets",
            sound().revoke_content(&[1; 21]).der(),
            Refusal::SerialNumber(SerialNumberError::TooLong { octets: 21 }),
        ),
        (
            "a serial number that is listed twice",
            sound().revoke(&[1]).revoke(SERIAL).der(),
            Refusal::DuplicateSerialNumber {
                serial: serial(SERIAL),
            },
        ),
        (
            "a distribution point that is a host",
            sound()
                .idp_der(
                    true,
                    &der::sequence(&[&der::explicit(
                        0,
                        &der::explicit(0, &der::implicit(2, b"crl.example.com")),
                    )]),
                )
                .der(),
            Refusal::DistributionPointName,
        ),
    ];
    let wrong: Vec<_> = cases
        .iter()
        .map(|(defect, crl, expected)| (defect, verify(crl, &truststore).err(), expected))
        .filter(|(_, refusal, expected)| refusal.as_ref() != Some(expected))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");

    let seen: BTreeSet<_> = cases.iter().map(|(_, _, refusal)| refusal.code()).collect();
    let elsewhere = [
        // In this file.
        "ca-certificate-not-valid",
        "no-crl",
        "not-a-crl-signer",
        "pem",
        // In the ledger's tests.
        "crl-number-lower",
        "crl-number-reused",
        // In the system tests, since they are about S3.
        "too-large",
        "unreadable",
    ];
    let tested: BTreeSet<_> = seen.into_iter().chain(elsewhere).collect();
    assert_eq!(tested, all_codes());
}

#[test]
fn a_ca_certificate_is_good_for_crls_within_its_validity_only() {
    let valid_until = |not_after: i64| {
        let options = CaOptions {
            not_before: NOW.seconds() - 60,
            not_after,
            ..CaOptions::default()
        };
        Ca::self_signed("Issuing CA", options)
    };
    let refusal = |ca: &Ca| verify(&ca.crl().der(), &truststore(&[ca])).err();
    assert_eq!(refusal(&valid_until(NOW.seconds())), None);
    let expired = Refusal::CaCertificateNotValid {
        not_before: NOW.plus(-60),
        not_after: NOW.plus(-1),
    };
    assert_eq!(refusal(&valid_until(NOW.seconds() - 1)), Some(expired));

    let to_come = CaOptions {
        not_before: NOW.seconds() + 1,
        not_after: NOW.seconds() + 60,
        ..CaOptions::default()
    };
    let not_yet = Refusal::CaCertificateNotValid {
        not_before: NOW.plus(1),
        not_after: NOW.plus(60),
    };
    let ca = Ca::self_signed("Issuing CA", to_come);
    assert_eq!(refusal(&ca), Some(not_yet));
}

#[test]
fn a_ca_must_be_allowed_to_sign_crls() {
    let with = |key_usage| {
        let options = CaOptions {
            key_usage,
            ..CaOptions::default()
        };
        let ca = Ca::self_signed("Issuing CA", options);
        verify(&ca.crl().der(), &truststore(&[&ca])).err()
    };
    assert_eq!(with(KeyUsage::CertSign), Some(Refusal::NotACrlSigner));
    assert_eq!(with(KeyUsage::Absent), None);
    // There is no CA that it could speak for.
    assert_eq!(with(KeyUsage::CrlSign), Some(Refusal::NotACrlSigner));
}

#[test]
fn rsa_signatures_with_sha_1_are_refused_though_they_are_genuine() {
    let ca = Ca::root_with("Issuing CA", KeyKind::Rsa2048);
    let crl = ca.crl().digest(Digest::Sha1).der();
    assert_eq!(
        verify(&crl, &truststore(&[&ca])).err(),
        Some(Refusal::Signature(SignatureError::WeakDigest))
    );
}

#[test]
fn pem_that_is_broken_or_holds_no_crl_is_refused() {
    let ca = Ca::root("Issuing CA");
    let truststore = truststore(&[&ca]);
    let refusals = |pem: &str| -> Vec<_> {
        let verified = verify_all(pem.as_bytes(), &truststore, NOW);
        verified.into_iter().map(Result::err).collect()
    };
    assert_eq!(refusals(&ca.certificate_pem()), [Some(Refusal::NoCrl)]);

    let sound = ca.crl().pem();
    assert_eq!(refusals(&sound), [None]);
    let codes = |pem: &str| -> Vec<_> {
        let refusals = refusals(pem).into_iter();
        refusals.map(|refusal| refusal.unwrap().code()).collect()
    };
    let cut = &sound[..sound.len() - 30];
    assert_eq!(codes(cut), ["pem"]);
    let garbled = sound.replacen("MII", "M!I", 1).replacen("\nMI", "\nM!", 1);
    assert_ne!(garbled, sound);
    assert_eq!(codes(&garbled), ["pem"]);
}

#[test]
fn a_bundle_has_a_result_for_each_of_its_crls() {
    let (ca, foreign) = (Ca::root("Issuing CA"), Ca::root("Foreign CA"));
    let bundle = [
        ca.crl().pem(),
        foreign.crl().pem(),
        ca.crl().no_number().pem(),
    ];
    let verified = verify_all(bundle.concat().as_bytes(), &truststore(&[&ca]), NOW);
    let refusals: Vec<_> = verified.into_iter().map(Result::err).collect();
    let expected = [
        None,
        Some(Refusal::ForeignIssuer),
        Some(Refusal::CrlNumberMissing),
    ];
    assert_eq!(refusals, expected);
}

/// CRL buckets are shared: what is wrong with a CRL of a CA that is none of ours is not our concern.
#[test]
fn a_crl_of_a_foreign_ca_is_foreign_whatever_else_is_wrong_with_it() {
    let ours = truststore(&[&Ca::root("Issuing CA")]);
    let foreign = Ca::root("Foreign CA");
    let unknown = algorithm("1.2.840.113549.1.1.14", &der::null());
    for (defect, crl) in [
        ("no nextUpdate", foreign.crl().no_next_update()),
        ("a delta CRL", foreign.crl().delta(1)),
        ("SHA-1", foreign.crl().digest(Digest::Sha1)),
        ("an unknown algorithm", both(foreign.crl(), &unknown)),
    ] {
        let refusal = verify(&crl.der(), &ours).err();
        assert_eq!(refusal, Some(Refusal::ForeignIssuer), "{defect}");
    }
}

/// Whoever may write to the bucket could else fill the log, or make the function's answer too large
/// for Lambda, with what nobody has signed.
#[test]
fn a_message_stays_short_whatever_the_crl_says() {
    let ca = Ca::root("Issuing CA");
    let long = der::tlv(0x06, &[0x2a; 100_000]);
    let crl = both(ca.crl(), &der::sequence(&[&long])).der();
    let refusal = verify(&crl, &truststore(&[&ca])).unwrap_err();
    assert_eq!(refusal.code(), "signature-algorithm-unsupported");
    assert!(refusal.to_string().len() < 1000);
}

/// Every code in the source, so that a new refusal does not go untested.
fn all_codes() -> BTreeSet<&'static str> {
    let source = include_str!("../../src/refusal.rs");
    let (_, code) = source.split_once("pub const fn code").unwrap();
    let (code, _) = code.split_once("\n    }\n").unwrap();
    code.split('"').skip(1).step_by(2).collect()
}

fn malformed(extension: &'static str, error: DerError) -> Refusal {
    Refusal::ExtensionMalformed { extension, error }
}

fn with_idp(crl: CrlBuilder, bend: impl FnOnce(&mut IssuingDistributionPoint)) -> Vec<u8> {
    let mut idp = IssuingDistributionPoint::default();
    bend(&mut idp);
    crl.idp_der(true, &idp.to_der()).der()
}

/// The algorithm both inside and outside of what is signed.
fn both(crl: CrlBuilder, algorithm: &[u8]) -> CrlBuilder {
    crl.inner_algorithm_der(algorithm)
        .outer_algorithm_der(algorithm)
}

fn algorithm(oid: &str, parameters: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(oid), parameters])
}

fn pss(parameters: &[u8]) -> Vec<u8> {
    algorithm("1.2.840.113549.1.1.10", &der::sequence(&[parameters]))
}

fn pss_parameters(hash: &str, mask_hash: &str, salt: u64) -> Vec<u8> {
    let mask = algorithm("1.2.840.113549.1.1.8", &algorithm(mask_hash, &der::null()));
    [
        der::explicit(0, &algorithm(hash, &der::null())),
        der::explicit(1, &mask),
        der::explicit(2, &der::unsigned(salt)),
    ]
    .concat()
}

const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";
