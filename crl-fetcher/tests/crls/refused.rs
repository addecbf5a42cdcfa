//! Who may sign CRLs and until when, and how a refusal is told; what else is refused is in the
//! catalogue.

use crl_fetcher::refusal::Refusal;
use crl_fetcher::verify_all;
use testkit::pki::{Ca, CaOptions, KeyUsage, der};

use super::{NOW, truststore, verify};

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

/// Whoever may write to the bucket could else fill the log, or make the function's answer too large
/// for Lambda, with what nobody has signed.
#[test]
fn a_message_stays_short_whatever_the_crl_says() {
    let ca = Ca::root("Issuing CA");
    let long = der::tlv(0x06, &[0x2a; 100_000]);
    let algorithm = der::sequence(&[&long]);
    let crl = ca
        .crl()
        .inner_algorithm_der(&algorithm)
        .outer_algorithm_der(&algorithm);
    let refusal = verify(&crl.der(), &truststore(&[&ca])).unwrap_err();
    assert_eq!(refusal.code(), "signature-algorithm-unsupported");
    assert!(refusal.to_string().len() < 1000);
}

#[test]
fn a_message_about_pem_stays_short_too() {
    let ours = truststore(&[&Ca::root("Issuing CA")]);
    let long = "A".repeat(100_000);
    for pem in [
        // The line that begins a block lacks its hyphens.
        format!("-----BEGIN {long}\n"),
        format!("-----BEGIN {long}-----\n"),
    ] {
        let refusals = verify_all(pem.as_bytes(), &ours, NOW);
        let refusals: Vec<_> = refusals.into_iter().map(Result::unwrap_err).collect();
        let codes: Vec<_> = refusals.iter().map(Refusal::code).collect();
        assert_eq!(codes, ["pem"]);
        let length = refusals[0].to_string().len();
        assert!(length < 1000, "{length}");
    }
}
