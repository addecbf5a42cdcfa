//! The PKI judged by two readers that did not write it: x509-parser and, where it is installed,
//! the `openssl` command. Signatures are verified with AWS-LC under the algorithm's own name, so
//! that a signature made by way of another digest (see `key.rs`) has to be the real thing.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::LazyLock;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA1_ASN1, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1,
    ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA1_ASN1,
    ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519, ML_DSA_44,
    ML_DSA_65, ML_DSA_87, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{
    DistributionPointName as ParsedName, GeneralName as ParsedGeneralName, ParsedExtension,
};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::*;

#[test]
fn every_key_and_digest_signs_certificates_and_crls() {
    for kind in KeyKind::ALL {
        let digests: Vec<Option<Digest>> = match kind.digests() {
            [] => vec![None],
            some => some.iter().copied().map(Some).collect(),
        };
        for digest in digests {
            let ca = ca_with(kind, digest);
            assert_signs(&ca, kind, digest);
        }
    }
}

#[test]
fn sha_1_signatures_are_genuine() {
    for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P521] {
        assert_signs(&ca_with(kind, Some(Digest::Sha1)), kind, Some(Digest::Sha1));
    }
}

#[test]
fn a_crl_may_be_signed_otherwise_than_certificates() {
    let ca = ca_with(KeyKind::Rsa2048, None);
    let der = ca.crl().pss().digest(Digest::Sha512).der();
    let crl = parse_crl(&der);
    let spki = ca.spki_der();
    verify(
        &RSA_PSS_2048_8192_SHA512,
        &spki,
        crl.tbs_cert_list.as_ref(),
        &crl.signature_value.data,
    );
    assert!(openssl_verifies_crl(&der, &ca).unwrap_or(true));
}

/// AWS-LC verifies with so short a key when told to, so the signature is not what is wrong with it.
#[test]
fn the_short_rsa_key_signs_too() {
    let ca = ca_with(KeyKind::Rsa1024, None);
    let der = ca.crl().revoke(&[7]).der();
    let crl = parse_crl(&der);
    verify(
        &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        &ca.spki_der(),
        crl.tbs_cert_list.as_ref(),
        &crl.signature_value.data,
    );
    let certificate = parse_certificate(ca.certificate_der());
    verify(
        &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        certificate.public_key().raw,
        certificate.tbs_certificate.as_ref(),
        &certificate.signature_value.data,
    );
    assert!(openssl_verifies_crl(&der, &ca).unwrap_or(true));
}

#[test]
fn a_crl_is_bent_before_it_is_signed() {
    let ca = Ca::root("Issuing CA");
    // Without nextUpdate, and the entry's serial number another.
    let crl = ca
        .crl()
        .revoke(&[7])
        .bend(&[5, 0, 0], |_| der::integer(&[8]))
        .bend(&[4], |_| vec![]);
    let der = crl.der();
    let crl = parse_crl(&der);
    assert!(crl.next_update().is_none());
    let mut serials = crl.iter_revoked_certificates();
    assert_eq!(
        serials.next().map(|entry| entry.raw_serial()),
        Some(&[8][..])
    );
    assert!(serials.next().is_none());
    verify(
        &ECDSA_P256_SHA256_ASN1,
        &ca.spki_der(),
        crl.tbs_cert_list.as_ref(),
        &crl.signature_value.data,
    );
}

#[test]
fn the_wrong_key_under_the_right_name_does_not_verify() {
    let ca = Ca::root("Twin");
    let twin = Ca::root("Twin");
    assert_eq!(ca.crl_key(), twin.crl_key());
    assert_ne!(ca.spki_der(), twin.spki_der());

    let der = ca.crl().signed_by(&twin).der();
    let crl = parse_crl(&der);
    assert_eq!(crl.issuer().as_raw(), ca.name_der());
    assert_eq!(
        authority_key_id(crl.extensions()),
        Some(ca.key_id().to_vec())
    );
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, ca.spki_der());
    assert!(
        key.verify(crl.tbs_cert_list.as_ref(), &crl.signature_value.data)
            .is_err()
    );
    assert!(!openssl_verifies_crl(&der, &ca).unwrap_or(false));
    verify(
        &ECDSA_P256_SHA256_ASN1,
        &twin.spki_der(),
        crl.tbs_cert_list.as_ref(),
        &crl.signature_value.data,
    );
}

#[test]
fn a_crl_without_more_is_what_aws_private_ca_writes() {
    let ca = Ca::root("Root");
    let der = ca.crl().der();
    let crl = parse_crl(&der);
    assert_eq!(crl.version().map(|version| version.0), Some(1));
    assert_eq!(crl.issuer().to_string(), "C=US, O=Example, CN=Root");
    assert_eq!(crl.last_update().timestamp(), 1_793_491_200);
    assert_eq!(
        crl.next_update().map(|at| at.timestamp()),
        Some(1_796_083_200)
    );
    assert_eq!(crl.iter_revoked_certificates().count(), 0);
    assert_eq!(
        authority_key_id(crl.extensions()),
        Some(ca.key_id().to_vec())
    );
    assert_eq!(
        crl.crl_number().map(ToString::to_string).as_deref(),
        Some("1793494800000")
    );
    assert_eq!(crl.extensions().len(), 2);
    assert!(crl.extensions().iter().all(|extension| !extension.critical));
    // An empty list must not be written at all (RFC 5280 §5.1.2.6).
    assert_eq!(
        tags_in_tbs_cert_list(&der),
        [0x02, 0x30, 0x30, 0x17, 0x17, 0xa0]
    );
}

#[test]
fn entries_carry_serial_date_and_reason() {
    let crl = Ca::root("Root")
        .crl()
        .revoke(&[0x01])
        .revoke_with(&[0x82, 0x01], 1_767_225_600, Some(1))
        .entries((2..4).map(|n: u8| (vec![n; 20], 2_524_608_000, Some(4))))
        .entry_extension(
            &[0x05],
            oid::INVALIDITY_DATE,
            true,
            &der::generalized_time(0),
        )
        .der();
    let crl = parse_crl(&crl);
    let entries: Vec<_> = crl
        .iter_revoked_certificates()
        .map(|entry| {
            let reason = entry.reason_code().map(|(_, reason)| reason.0);
            (
                entry.raw_serial().to_vec(),
                entry.revocation_date.timestamp(),
                reason,
            )
        })
        .collect();
    let default_date = 1_793_448_000;
    assert_eq!(
        entries,
        [
            (vec![0x01], default_date, None),
            (vec![0x00, 0x82, 0x01], 1_767_225_600, Some(1)),
            (vec![2; 20], 2_524_608_000, Some(4)),
            (vec![3; 20], 2_524_608_000, Some(4)),
            (vec![0x05], default_date, None),
        ]
    );
    let last = crl.iter_revoked_certificates().last().unwrap();
    assert_eq!(
        last.extensions()[0].oid.to_id_string(),
        oid::INVALIDITY_DATE
    );
    assert!(last.extensions()[0].critical);
}

#[test]
fn many_entries_are_written_as_one_by_one() {
    let ca = Ca::root("Root");
    let serials: Vec<[u8; 16]> = (0..3000_u128)
        .map(|n| (n * 0x0123_4567_89ab_cdef_0123_4567).to_be_bytes())
        .collect();
    let dates = |n: usize| 1_767_225_600 + i64::try_from(n / 7).unwrap();
    let at_once = ca
        .crl()
        .signature(b"same")
        .entries(
            serials
                .iter()
                .enumerate()
                .map(|(n, serial)| (serial, dates(n), Some(1))),
        )
        .der();
    let one_by_one = serials
        .iter()
        .enumerate()
        .fold(ca.crl().signature(b"same"), |crl, (n, serial)| {
            crl.revoke_with(serial, dates(n), Some(1))
        })
        .der();
    assert!(at_once == one_by_one);
    assert_eq!(
        parse_crl(&at_once).iter_revoked_certificates().count(),
        3000
    );
}

#[test]
fn entries_of_any_size_keep_their_lengths_right() {
    let ca = Ca::root("Root");
    for octets in [
        0, 1, 0x5f, 0x60, 0x61, 0x6d, 0x6e, 0x7f, 0x80, 0x100, 0x1_0000,
    ] {
        let serial = vec![0x81; octets];
        let der = ca.crl().revoke_with(&serial, 0, None).der();
        let entries = tbs_cert_list_parts(&der).remove(5);
        let pad: &[u8] = if octets == 0 { &[] } else { &[0] };
        let expected = der::sequence(&[&der::sequence(&[
            &der::integer(&[pad, &serial].concat()),
            &der::utc_time(0),
        ])]);
        assert!(entries == expected, "{octets} octets");
    }
}

#[test]
fn serial_numbers_stay_as_given() {
    let ca = Ca::root("Root");
    for (serial, content) in [
        (
            Serial::Number(vec![0x80, 1, 2, 3]),
            vec![0x00, 0x80, 1, 2, 3],
        ),
        (Serial::Number(vec![0x7f, 1]), vec![0x7f, 1]),
        (Serial::Number(vec![0x00, 0x80]), vec![0x00, 0x80]),
        (
            Serial::Number(vec![0x00, 0x00, 0x01]),
            vec![0x00, 0x00, 0x01],
        ),
        (
            Serial::Number(vec![0xff; 20]),
            [&[0][..], &[0xff; 20]].concat(),
        ),
        (Serial::Content(vec![0x80, 1]), vec![0x80, 1]),
        (0x80.into(), vec![0x00, 0x80]),
        (0.into(), vec![0x00]),
    ] {
        let options = LeafOptions {
            serial: serial.clone(),
            ..LeafOptions::default()
        };
        let leaf = ca.issue_with("client", options);
        assert_eq!(leaf.serial(), content, "{serial:?}");
        let certificate = parse_certificate(leaf.certificate_der());
        assert_eq!(certificate.raw_serial(), content, "{serial:?}");
        // What a certificate has is what its CRL entry has, except that `revoke` does not go
        // negative of itself.
        let crl = ca.crl().revoke_content(&leaf.serial()).der();
        let entries = parse_crl(&crl);
        assert_eq!(
            entries
                .iter_revoked_certificates()
                .next()
                .unwrap()
                .raw_serial(),
            content
        );
    }
    let negative = ca.crl().revoke(&[0x80]).der();
    let entry = parse_crl(&negative);
    assert_eq!(
        entry
            .iter_revoked_certificates()
            .next()
            .unwrap()
            .raw_serial(),
        [0x00, 0x80]
    );
}

#[test]
fn random_serial_numbers_have_128_bits_and_differ() {
    let ca = Ca::root("Root");
    let serials: Vec<Vec<u8>> = (0..64).map(|_| ca.issue("client").serial()).collect();
    for serial in &serials {
        assert!(serial.len() <= 17 && serial[0] < 0x80, "{serial:02x?}");
    }
    let sign_octets = serials.iter().filter(|serial| serial.len() == 17).count();
    assert!(
        sign_octets > 0,
        "half of all random serials need a sign octet"
    );
    let distinct: std::collections::BTreeSet<_> = serials.iter().collect();
    assert_eq!(distinct.len(), serials.len());
}

#[test]
fn a_client_certificate_is_what_aws_private_ca_issues() {
    let ca = Ca::root("Root").subordinate("Issuing CA");
    let leaf = ca.issue("Client 1");
    let certificate = parse_certificate(leaf.certificate_der());
    assert_eq!(
        certificate.subject().to_string(),
        "C=US, O=Example, CN=Client 1"
    );
    assert_eq!(certificate.issuer().as_raw(), ca.name_der());
    assert_eq!(certificate.validity().not_before.timestamp(), 1_767_225_600);
    assert_eq!(certificate.validity().not_after.timestamp(), 1_798_761_600);
    assert!(!certificate.is_ca());
    let usage = certificate.extended_key_usage().unwrap().unwrap();
    assert!(usage.value.client_auth && !usage.value.server_auth);
    assert_eq!(
        authority_key_id(certificate.extensions()),
        Some(ca.key_id().to_vec())
    );
    assert_eq!(distribution_uris(&certificate), [ca.crl_url()]);
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    assert_eq!(
        names.value.general_names,
        [ParsedGeneralName::DNSName("client-1.clients.example.com")]
    );
}

#[test]
fn openssl_accepts_the_chain_and_the_keys() {
    for kind in KeyKind::ALL {
        let root = ca_with(kind, None);
        let subordinate = root.subordinate_with(
            "Issuing CA",
            CaOptions {
                key_of: Some(ca_with(kind, None)),
                ..CaOptions::default()
            },
        );
        let leaf = subordinate.issue_with(
            "client",
            LeafOptions {
                key: if kind == KeyKind::RsaPss2048 {
                    KeyKind::P256
                } else {
                    kind
                },
                ..LeafOptions::default()
            },
        );
        if !openssl_knows(kind) {
            continue;
        }
        let files = Files::new();
        let root = files.write("root.pem", root.certificate_pem());
        let subordinate = files.write("subordinate.pem", subordinate.certificate_pem());
        let certificate = files.write("leaf.pem", leaf.certificate_pem());
        let verified = openssl(&[
            "verify",
            "-x509_strict",
            "-purpose",
            "sslclient",
            "-attime",
            "1793534400",
            "-CAfile",
            &root,
            "-untrusted",
            &subordinate,
            &certificate,
        ]);
        assert!(verified.status.success(), "{kind:?}: {}", text(&verified));
        let key = files.write("key.pem", leaf.key_pem());
        let public = openssl(&["pkey", "-in", &key, "-pubout"]);
        let certified = openssl(&["x509", "-in", &certificate, "-noout", "-pubkey"]);
        assert!(public.status.success(), "{kind:?}: {}", text(&public));
        assert_eq!(public.stdout, certified.stdout, "{kind:?}");
    }
}

#[test]
fn ca_options_bend_one_thing_each() {
    let root = Ca::root("Root");
    let parsed = |options: CaOptions| {
        let ca = root.subordinate_with("Issuing CA", options);
        let certificate = parse_certificate(ca.certificate_der());
        let usage = certificate.key_usage().unwrap().map(|usage| {
            (
                usage.value.key_cert_sign(),
                usage.value.crl_sign(),
                usage.value.digital_signature(),
            )
        });
        (
            certificate.version().0,
            certificate
                .basic_constraints()
                .unwrap()
                .map(|it| it.value.ca),
            usage,
            certificate.extensions().len(),
        )
    };
    let sound = (2, Some(true), Some((true, true, true)), 5);
    let default = CaOptions::default;
    assert_eq!(parsed(default()), sound);
    assert_eq!(
        parsed(CaOptions {
            key_usage: KeyUsage::CertSign,
            ..default()
        }),
        (2, Some(true), Some((true, false, false)), 5)
    );
    assert_eq!(
        parsed(CaOptions {
            key_usage: KeyUsage::Absent,
            ..default()
        }),
        (2, Some(true), None, 4)
    );
    assert_eq!(
        parsed(CaOptions {
            basic_constraints: BasicConstraints::NotCa,
            ..default()
        }),
        (2, Some(false), Some((true, true, true)), 5)
    );
    assert_eq!(
        parsed(CaOptions {
            basic_constraints: BasicConstraints::Absent,
            ..default()
        }),
        (2, None, Some((true, true, true)), 4)
    );
    assert_eq!(
        parsed(CaOptions {
            version: None,
            ..default()
        }),
        (0, None, None, 0)
    );
    assert_eq!(
        parsed(CaOptions {
            subject_key_identifier: KeyIdentifier::Absent,
            authority_key_identifier: KeyIdentifier::Absent,
            crl_distribution_points: CrlDistributionPoints::Absent,
            ..default()
        }),
        (2, Some(true), Some((true, true, true)), 2)
    );
    let subordinate = root.subordinate("Issuing CA");
    let certificate = parse_certificate(subordinate.certificate_der());
    let constraints = certificate.basic_constraints().unwrap().unwrap().value;
    assert_eq!(constraints.path_len_constraint, Some(0));
    assert_eq!(certificate.raw_serial(), subordinate.serial());
}

#[test]
fn a_renewed_ca_has_the_old_key() {
    let old = Ca::root("Root");
    let renewed = Ca::self_signed(
        "Root",
        CaOptions {
            key_of: Some(old.clone()),
            ..CaOptions::default()
        },
    );
    assert_eq!(old.spki_der(), renewed.spki_der());
    assert_eq!(old.key_id(), renewed.key_id());
    assert_ne!(old.certificate_der(), renewed.certificate_der());
    assert_ne!(old.serial(), renewed.serial());
}

#[test]
fn the_key_id_of_a_ca_without_identifier_is_derived() {
    let ca = Ca::self_signed(
        "Root",
        CaOptions {
            subject_key_identifier: KeyIdentifier::Absent,
            ..CaOptions::default()
        },
    );
    let own = Ca::self_signed(
        "Root",
        CaOptions {
            key_of: Some(ca.clone()),
            subject_key_identifier: KeyIdentifier::Octets(vec![7; 8]),
            ..CaOptions::default()
        },
    );
    let derived = Ca::self_signed(
        "Root",
        CaOptions {
            key_of: Some(ca.clone()),
            ..CaOptions::default()
        },
    );
    assert_eq!(ca.key_id(), derived.key_id());
    assert_eq!(own.key_id(), [7; 8]);
    let der = own.crl().der();
    assert_eq!(
        authority_key_id(parse_crl(&der).extensions()),
        Some(vec![7; 8])
    );
}

#[test]
fn leaf_options_bend_one_thing_each() {
    let ca = Ca::root("Root");
    let issue = |options: LeafOptions| ca.issue_with("client", options);
    let default = LeafOptions::default;

    let leaf = issue(LeafOptions {
        version: None,
        ..default()
    });
    let certificate = parse_certificate(leaf.certificate_der());
    assert_eq!(
        (certificate.version().0, certificate.extensions().len()),
        (0, 0)
    );

    let leaf = issue(LeafOptions {
        authority_key_identifier: KeyIdentifier::Absent,
        crl_distribution_points: CrlDistributionPoints::Absent,
        ..default()
    });
    let certificate = parse_certificate(leaf.certificate_der());
    assert_eq!(authority_key_id(certificate.extensions()), None);
    assert!(distribution_uris(&certificate).is_empty());

    let leaf = issue(LeafOptions {
        basic_constraints: BasicConstraints::Ca { path_length: None },
        issuer_name_der: Some(der::name("Somebody Else")),
        subject_name_der: Some(der::sequence(&[])),
        ..default()
    });
    let certificate = parse_certificate(leaf.certificate_der());
    assert!(certificate.is_ca());
    assert_eq!(certificate.issuer().as_raw(), der::name("Somebody Else"));
    assert_eq!(certificate.subject().iter().count(), 0);

    let uris = vec![ca.partition_url("1"), ca.partition_url("2")];
    let leaf = issue(LeafOptions {
        crl_distribution_points: CrlDistributionPoints::Uris(uris.clone()),
        not_before: 0,
        not_after: 4_102_444_800,
        ..default()
    });
    let certificate = parse_certificate(leaf.certificate_der());
    assert_eq!(distribution_uris(&certificate), uris);
    assert_eq!(certificate.validity().not_before.timestamp(), 0);
    assert_eq!(certificate.validity().not_after.timestamp(), 4_102_444_800);
}

#[test]
fn distribution_points_have_every_shape() {
    let ca = Ca::root("Root");
    let points = vec![
        DistributionPoint {
            name: Some(DistributionPointName::FullName(vec![
                GeneralName::DirectoryName(ca.name_der().to_vec()),
                GeneralName::Uri(ca.crl_url()),
            ])),
            reasons: Some(vec![Reason::KeyCompromise, Reason::AaCompromise]),
            crl_issuer: vec![GeneralName::DirectoryName(der::name("CRL Issuer"))],
        },
        DistributionPoint {
            name: Some(DistributionPointName::RelativeToCrlIssuer(
                "Group 1".to_owned(),
            )),
            ..DistributionPoint::default()
        },
    ];
    let options = LeafOptions {
        crl_distribution_points: CrlDistributionPoints::Points(points),
        ..LeafOptions::default()
    };
    let leaf = ca.issue_with("client", options);
    let certificate = parse_certificate(leaf.certificate_der());
    let parsed = distribution_points(&certificate);
    assert_eq!(parsed.len(), 2);
    // By hand (and by openssl, below): x509-parser 0.18 reads a relative name as no name at all,
    // and then nothing of what follows it in the same value.
    let relative_name = [
        &[0xa0, 18, 0xa1, 16, 0x30, 14, 6, 3, 0x55, 4, 3, 0x0c, 7][..],
        b"Group 1",
    ];
    let relative_name = relative_name.concat();
    assert!(
        leaf.certificate_der()
            .windows(relative_name.len())
            .any(|it| it == relative_name)
    );
    let reasons = parsed[0].reasons.as_ref().unwrap();
    assert!(reasons.key_compromise() && reasons.aa_compromise() && !reasons.superseded());
    assert_eq!(parsed[0].crl_issuer.as_ref().unwrap().len(), 1);
    let Some(ParsedName::FullName(names)) = &parsed[0].distribution_point else {
        panic!("a full name: {parsed:?}");
    };
    assert!(
        matches!(&names[0], ParsedGeneralName::DirectoryName(n) if n.as_raw() == ca.name_der())
    );
    assert_eq!(names[1], ParsedGeneralName::URI(&ca.crl_url()));

    if let Some(text) = openssl_text("x509", leaf.certificate_der()) {
        for expected in [
            "Relative Name:",
            "CN = Group 1",
            "Key Compromise, AA Compromise",
            "CN = CRL Issuer",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}

#[test]
fn a_partition_has_a_critical_issuing_distribution_point() {
    let ca = Ca::root("Root");
    let (one, two) = (ca.partition_url("1"), ca.partition_url("2"));
    assert_ne!(one, two);
    assert_eq!(one, ca.partition_url("1"));
    assert!(
        ca.partition_key("1")
            .starts_with(&format!("crl/{}/", ca.id()))
    );
    let der = ca.crl().partition(&[&one, &two]).der();
    let crl = parse_crl(&der);
    let extension = crl
        .extensions()
        .iter()
        .find(|it| it.oid.to_id_string() == "2.5.29.28")
        .unwrap();
    assert!(extension.critical);
    let ParsedExtension::IssuingDistributionPoint(idp) = extension.parsed_extension() else {
        panic!("{extension:?}");
    };
    let Some(ParsedName::FullName(names)) = &idp.distribution_point else {
        panic!("{idp:?}")
    };
    assert_eq!(
        names,
        &[ParsedGeneralName::URI(&one), ParsedGeneralName::URI(&two)]
    );
    assert!(!idp.only_contains_user_certs && !idp.indirect_crl && !idp.only_contains_ca_certs);
}

#[test]
fn issuing_distribution_points_have_every_field() {
    let idp = IssuingDistributionPoint {
        only_contains_user_certs: true,
        only_contains_ca_certs: true,
        only_some_reasons: Some(vec![Reason::CaCompromise]),
        indirect_crl: true,
        only_contains_attribute_certs: true,
        ..IssuingDistributionPoint::uris(&["http://example.com/1.crl"])
    };
    let der = Ca::root("Root").crl().idp_der(false, &idp.to_der()).der();
    let crl = parse_crl(&der);
    let extension = &crl.extensions()[2];
    assert!(!extension.critical);
    let ParsedExtension::IssuingDistributionPoint(parsed) = extension.parsed_extension() else {
        panic!("{extension:?}");
    };
    assert!(parsed.only_contains_user_certs && parsed.only_contains_ca_certs);
    assert!(parsed.indirect_crl && parsed.only_contains_attribute_certs);
    assert!(parsed.only_some_reasons.as_ref().unwrap().ca_compromise());
    if let Some(text) = openssl_text("crl", &der) {
        for expected in [
            "Only User Certificates",
            "Only CA Certificates",
            "Indirect CRL",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(text.contains("Only Attribute Certificates") && text.contains("CA Compromise"));
    }
}

#[test]
fn malformed_crls_are_malformed_in_the_way_they_say() {
    let ca = Ca::root("Root");
    let sound = [0x02, 0x30, 0x30, 0x17, 0x17, 0x30, 0xa0];
    let tags = |crl: CrlBuilder| tags_in_tbs_cert_list(&crl.revoke(&[1]).der());
    assert_eq!(tags(ca.crl()), sound);
    assert_eq!(
        tags(ca.crl().version(None)),
        [0x30, 0x30, 0x17, 0x17, 0x30, 0xa0]
    );
    assert_eq!(
        tags(ca.crl().no_next_update()),
        [0x02, 0x30, 0x30, 0x17, 0x30, 0xa0]
    );
    assert_eq!(
        tags(ca.crl().no_extensions()),
        [0x02, 0x30, 0x30, 0x17, 0x17, 0x30]
    );
    assert_eq!(
        tags(ca.crl().no_aki().no_number()),
        [0x02, 0x30, 0x30, 0x17, 0x17, 0x30]
    );
    assert_eq!(
        tags(
            ca.crl()
                .this_update(2_524_608_000)
                .next_update(2_524_608_001)
        ),
        [0x02, 0x30, 0x30, 0x18, 0x18, 0x30, 0xa0]
    );
    assert_eq!(
        tags(
            ca.crl()
                .this_update_der(&der::generalized_time(0))
                .next_update_der(&der::null())
        ),
        [0x02, 0x30, 0x30, 0x18, 0x05, 0x30, 0xa0]
    );
    assert_eq!(
        tags(ca.crl().revoked_certificates_der(&der::set(&[]))),
        [0x02, 0x30, 0x30, 0x17, 0x17, 0x31, 0xa0]
    );

    let part = |crl: CrlBuilder, index: usize| tbs_cert_list_parts(&crl.der()).remove(index);
    assert_eq!(part(ca.crl().version(Some(2)), 0), [2, 1, 2]);
    assert_eq!(
        part(ca.crl().issuer_name_der(&der::name("X")), 2),
        der::name("X")
    );
    assert_eq!(part(ca.crl().empty_revoked_certificates(), 5), [0x30, 0]);
    assert_eq!(
        part(ca.crl().revoke_content(&[0x80]).revoke_content(&[]), 5),
        der::sequence(&[
            &der::sequence(&[&der::integer(&[0x80]), &der::utc_time(1_793_448_000)]),
            &der::sequence(&[&der::integer(&[]), &der::utc_time(1_793_448_000)]),
        ])
    );
    assert_eq!(part(ca.crl().entry_der(&der::null()), 5), [0x30, 2, 5, 0]);

    // The two algorithms can be told apart from each other and from the signature.
    let ecdsa_with_sha256 = der::sequence(&[&der::oid("1.2.840.10045.4.3.2")]);
    let other = der::sequence(&[&der::oid("1.2.840.10045.4.3.3")]);
    let algorithms = |crl: CrlBuilder| {
        let der = crl.der();
        (tbs_cert_list_parts(&der).remove(1), parts(&der).remove(1))
    };
    let same = ecdsa_with_sha256.clone();
    assert_eq!(algorithms(ca.crl()), (same.clone(), same.clone()));
    assert_eq!(
        algorithms(ca.crl().inner_algorithm_der(&other)),
        (other.clone(), same.clone())
    );
    assert_eq!(
        algorithms(ca.crl().outer_algorithm_der(&other)),
        (same, other)
    );
    assert_eq!(
        parts(&ca.crl().signature(&[1, 2]).der()).remove(2),
        [3, 3, 0, 1, 2]
    );
}

#[test]
fn crl_extensions_come_in_the_order_asked_for() {
    let ca = Ca::root("Root");
    let extensions = |crl: CrlBuilder| -> Vec<(String, bool, Vec<u8>)> {
        let der = crl.der();
        parse_crl(&der)
            .extensions()
            .iter()
            .map(|it| (it.oid.to_id_string(), it.critical, it.value.to_vec()))
            .collect()
    };
    let aki = |key_id: &[u8]| {
        let value = der::sequence(&[&der::implicit(0, key_id)]);
        (oid::AUTHORITY_KEY_IDENTIFIER.to_owned(), false, value)
    };
    let number = |value: &[u8]| (oid::CRL_NUMBER.to_owned(), false, value.to_vec());
    assert_eq!(
        extensions(
            ca.crl()
                .number(u64::MAX)
                .delta(7)
                .extension(oid::UNKNOWN, true, &[5, 0])
        ),
        [
            aki(ca.key_id()),
            number(&[2, 9, 0, 255, 255, 255, 255, 255, 255, 255, 255]),
            (oid::DELTA_CRL_INDICATOR.to_owned(), true, vec![2, 1, 7]),
            (oid::UNKNOWN.to_owned(), true, vec![5, 0]),
        ]
    );
    assert_eq!(
        extensions(ca.crl().no_aki().number(1)),
        [number(&[2, 1, 1])]
    );
    assert_eq!(
        extensions(ca.crl().no_number().aki_key_id(&[9])),
        [aki(&[9])]
    );
    assert_eq!(
        extensions(ca.crl().no_aki().number_der(&[2, 1, 0xff])),
        [number(&[2, 1, 0xff])]
    );
    assert_eq!(
        extensions(ca.crl().no_extensions().number(1).extension(
            oid::CRL_NUMBER,
            false,
            &[2, 1, 2]
        )),
        [number(&[2, 1, 1]), number(&[2, 1, 2])]
    );
}

#[test]
fn current_objects_are_valid_by_the_real_clock() {
    let now = leaf::unix_now();
    let ca = Ca::root("Root");
    let der = ca.crl().current().der();
    let crl = parse_crl(&der);
    assert!(crl.last_update().timestamp() < now);
    assert!(crl.next_update().unwrap().timestamp() > now + 6 * 86_400);
    let number: i64 = crl.crl_number().unwrap().to_string().parse().unwrap();
    assert!(
        (now * 1000..now * 1000 + 60_000).contains(&number),
        "{number}"
    );
    let leaf = ca.issue_with("client", LeafOptions::current());
    let validity = parse_certificate(leaf.certificate_der()).validity().clone();
    assert!(validity.not_before.timestamp() < now && now < validity.not_after.timestamp());
}

#[test]
fn pem_is_what_openssl_reads() {
    let ca = Ca::root("Root");
    let crl = ca.crl().revoke(&[1]);
    let pem = crl.pem();
    assert!(pem.starts_with("-----BEGIN X509 CRL-----\n"), "{pem}");
    assert!(pem.ends_with("-----END X509 CRL-----\n") && pem.lines().all(|it| it.len() <= 64));
    if !openssl_is_installed() {
        return;
    }
    let files = Files::new();
    let path = files.write("crl.pem", &pem);
    let root = files.write("root.pem", ca.certificate_pem());
    let verified = openssl(&["crl", "-in", &path, "-noout", "-verify", "-CAfile", &root]);
    assert!(text(&verified).contains("verify OK"), "{}", text(&verified));
}

/// The same RSA key for all tests of this process: only its generation takes long.
fn ca_with(kind: KeyKind, digest: Option<Digest>) -> Ca {
    static RSA: LazyLock<Ca> = LazyLock::new(|| Ca::root_with("RSA", KeyKind::Rsa2048));
    static RSA_PSS: LazyLock<Ca> = LazyLock::new(|| Ca::root_with("RSA", KeyKind::RsaPss2048));
    let key_of = match kind {
        KeyKind::Rsa2048 => Some(RSA.clone()),
        KeyKind::RsaPss2048 => Some(RSA_PSS.clone()),
        _ => None,
    };
    Ca::self_signed(
        "Root",
        CaOptions {
            key: kind,
            key_of,
            digest,
            ..CaOptions::default()
        },
    )
}

fn assert_signs(ca: &Ca, kind: KeyKind, digest: Option<Digest>) {
    let algorithm = algorithm(kind, digest);
    let spki = ca.spki_der();
    let leaf = ca.issue("client");
    let crl_der = ca.crl().revoke(&leaf.serial()).der();

    let root = parse_certificate(ca.certificate_der());
    assert_eq!(root.public_key().raw, spki);
    verify(
        algorithm,
        &spki,
        root.tbs_certificate.as_ref(),
        &root.signature_value.data,
    );
    let certificate = parse_certificate(leaf.certificate_der());
    let tbs = certificate.tbs_certificate.as_ref();
    verify(algorithm, &spki, tbs, &certificate.signature_value.data);
    let crl = parse_crl(&crl_der);
    verify(
        algorithm,
        &spki,
        crl.tbs_cert_list.as_ref(),
        &crl.signature_value.data,
    );
    assert_eq!(crl.signature_algorithm, crl.tbs_cert_list.signature);
    assert_eq!(crl.signature_algorithm, certificate.signature_algorithm);
    assert_eq!(
        crl.iter_revoked_certificates().next().unwrap().raw_serial(),
        leaf.serial()
    );

    if openssl_knows(kind) {
        let verified = openssl_verifies_crl(&crl_der, ca);
        assert_eq!(verified, Some(true), "{kind:?} {digest:?}");
    }
}

fn algorithm(kind: KeyKind, digest: Option<Digest>) -> &'static dyn VerificationAlgorithm {
    use Digest::{Sha1, Sha256, Sha384, Sha512};
    match (kind, digest) {
        (KeyKind::Rsa2048, Some(Sha1)) => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (KeyKind::Rsa2048, Some(Sha256)) => &RSA_PKCS1_2048_8192_SHA256,
        (KeyKind::Rsa2048, Some(Sha384)) => &RSA_PKCS1_2048_8192_SHA384,
        (KeyKind::Rsa2048, Some(Sha512)) => &RSA_PKCS1_2048_8192_SHA512,
        (KeyKind::RsaPss2048, Some(Sha256)) => &RSA_PSS_2048_8192_SHA256,
        (KeyKind::RsaPss2048, Some(Sha384)) => &RSA_PSS_2048_8192_SHA384,
        (KeyKind::RsaPss2048, Some(Sha512)) => &RSA_PSS_2048_8192_SHA512,
        (KeyKind::P256, Some(Sha1)) => &ECDSA_P256_SHA1_ASN1,
        (KeyKind::P256, Some(Sha256)) => &ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, Some(Sha384)) => &ECDSA_P256_SHA384_ASN1,
        (KeyKind::P256, Some(Sha512)) => &ECDSA_P256_SHA512_ASN1,
        (KeyKind::P384, Some(Sha256)) => &ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, Some(Sha384)) => &ECDSA_P384_SHA384_ASN1,
        (KeyKind::P384, Some(Sha512)) => &ECDSA_P384_SHA512_ASN1,
        (KeyKind::P521, Some(Sha1)) => &ECDSA_P521_SHA1_ASN1,
        (KeyKind::P521, Some(Sha256)) => &ECDSA_P521_SHA256_ASN1,
        (KeyKind::P521, Some(Sha384)) => &ECDSA_P521_SHA384_ASN1,
        (KeyKind::P521, Some(Sha512)) => &ECDSA_P521_SHA512_ASN1,
        (KeyKind::Ed25519, None) => &ED25519,
        (KeyKind::MlDsa44, None) => &ML_DSA_44,
        (KeyKind::MlDsa65, None) => &ML_DSA_65,
        (KeyKind::MlDsa87, None) => &ML_DSA_87,
        other => panic!("no such signature: {other:?}"),
    }
}

fn verify(
    algorithm: &'static dyn VerificationAlgorithm,
    spki: &[u8],
    message: &[u8],
    signature: &[u8],
) {
    let bits = x509_parser::x509::SubjectPublicKeyInfo::from_der(spki)
        .unwrap()
        .1;
    UnparsedPublicKey::new(algorithm, &bits.subject_public_key.data)
        .verify(message, signature)
        .unwrap_or_else(|_| panic!("{algorithm:?} verifies"));
}

fn parse_certificate(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty());
    certificate
}

fn parse_crl(der: &[u8]) -> CertificateRevocationList<'_> {
    let (rest, crl) = CertificateRevocationList::from_der(der).unwrap();
    assert!(rest.is_empty());
    crl
}

fn authority_key_id(extensions: &[x509_parser::extensions::X509Extension<'_>]) -> Option<Vec<u8>> {
    extensions
        .iter()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(aki) => {
                Some(aki.key_identifier.as_ref()?.0.to_vec())
            }
            _ => None,
        })
}

fn distribution_points<'a>(
    certificate: &'a X509Certificate<'a>,
) -> &'a [x509_parser::extensions::CRLDistributionPoint<'a>] {
    certificate
        .extensions()
        .iter()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::CRLDistributionPoints(points) => Some(points.points.as_slice()),
            _ => None,
        })
        .unwrap_or_default()
}

fn distribution_uris(certificate: &X509Certificate<'_>) -> Vec<String> {
    distribution_points(certificate)
        .iter()
        .filter_map(|point| match &point.distribution_point {
            Some(ParsedName::FullName(names)) => Some(names),
            _ => None,
        })
        .flatten()
        .filter_map(|name| match name {
            ParsedGeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        })
        .collect()
}

/// The values in the first SEQUENCE, each with its tag and length.
fn parts(sequence: &[u8]) -> Vec<Vec<u8>> {
    let (_, mut rest, _) = der::read(sequence);
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (tag, contents, behind) = der::read(rest);
        parts.push(der::tlv(tag, contents));
        rest = behind;
    }
    parts
}

fn tbs_cert_list_parts(crl: &[u8]) -> Vec<Vec<u8>> {
    parts(&parts(crl)[0])
}

fn tags_in_tbs_cert_list(crl: &[u8]) -> Vec<u8> {
    tbs_cert_list_parts(crl)
        .iter()
        .map(|part| part[0])
        .collect()
}

/// `None` where there is no `openssl` to ask.
fn openssl_verifies_crl(crl: &[u8], ca: &Ca) -> Option<bool> {
    if !openssl_is_installed() {
        return None;
    }
    let files = Files::new();
    let crl = files.write("crl.der", crl);
    let ca = files.write("ca.pem", ca.certificate_pem());
    let output = openssl(&[
        "crl", "-inform", "DER", "-in", &crl, "-noout", "-verify", "-CAfile", &ca,
    ]);
    let text = text(&output);
    assert!(
        text.contains("verify OK") != text.contains("verify failure"),
        "{text}"
    );
    Some(text.contains("verify OK"))
}

fn openssl_text(command: &str, der: &[u8]) -> Option<String> {
    if !openssl_is_installed() {
        return None;
    }
    let files = Files::new();
    let path = files.write("object.der", der);
    let output = openssl(&[command, "-inform", "DER", "-in", &path, "-noout", "-text"]);
    assert!(output.status.success(), "{}", text(&output));
    // Newer versions print `CN=x` where older ones print `CN = x`.
    Some(text(&output).replace("CN=", "CN = "))
}

fn openssl_knows(kind: KeyKind) -> bool {
    static ML_DSA_IS_KNOWN: LazyLock<bool> = LazyLock::new(|| {
        let known = text(&openssl(&["list", "-signature-algorithms"])).contains("ML-DSA");
        if !known {
            eprintln!("SKIPPED: this openssl has no ML-DSA; only AWS-LC verified it");
        }
        known
    });
    let ml_dsa = matches!(kind, KeyKind::MlDsa44 | KeyKind::MlDsa65 | KeyKind::MlDsa87);
    openssl_is_installed() && (!ml_dsa || *ML_DSA_IS_KNOWN)
}

fn openssl_is_installed() -> bool {
    static IS_INSTALLED: LazyLock<bool> = LazyLock::new(|| {
        let installed = Command::new("openssl").arg("version").output().is_ok();
        if !installed {
            eprintln!("SKIPPED: no openssl command; nothing was shown to it");
        }
        installed
    });
    *IS_INSTALLED
}

fn openssl(arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]]
        .map(String::from_utf8_lossy)
        .concat()
}

/// A folder of its own for each use, removed with it.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let mut unique = [0; 8];
        aws_lc_rs::rand::fill(&mut unique).unwrap();
        let name = format!("testkit-pki-{:016x}", u64::from_be_bytes(unique));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
