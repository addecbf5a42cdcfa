//! x509-limbo, `crl::`. A suite for servers' certificates: what it rejects by the CA/Browser Forum's
//! Baseline Requirements alone is rejected here too.

use authorizer::decision::Reason;
use testkit::pki::{
    Ca, CaOptions, CrlBuilder, CrlDistributionPoints, DistributionPoint, DistributionPointName,
    GeneralName, IssuingDistributionPoint, KeyUsage, Leaf, LeafOptions, der, oid,
};

use super::{Case, Invalid, NOW, Valid, ValidButRefused, check};

#[test]
fn the_verdicts_of_x509_limbo() {
    let cases = [
        structure(),
        temporal(),
        distribution_points(),
        numbers_and_usages(),
    ];
    check(cases.into_iter().flatten().collect(), 36);
}

fn structure() -> Vec<Case> {
    let (root, other) = (Ca::root("Root CA 1"), Ca::root("Root CA 2"));
    let client = without_cdp(&root);
    let random = || root.crl().revoke(&[0x55; 16]);
    let no_crl = Invalid(Reason::IssuerWithoutCrl);
    let ignored = "a CRL that is not usable leaves the status unknown, which is denied";
    let case = |name, crl: CrlBuilder, verdict| Case {
        name,
        cas: vec![root.clone(), other.clone()],
        crls: vec![crl.der()],
        client: client.clone(),
        verdict,
    };
    let revoking = || root.crl().revoke(&client.serial());
    let entries = |count: u32| {
        let serial = |n: u32| [&[0x41][..], &n.to_be_bytes()].concat();
        (0..count).map(move |n| (serial(n), 1_790_000_000, None))
    };
    vec![
        case(
            "revoked_certificate_with_crl",
            revoking(),
            Invalid(Reason::Revoked),
        ),
        case("crl_invalid_signature", random().signed_by(&other), no_crl),
        case(
            "crl_wrong_signing_key",
            random().signed_by(&other).no_aki(),
            no_crl,
        ),
        case("crl_empty", root.crl(), Valid),
        case("crl_very_large", root.crl().entries(entries(10_000)), Valid),
        case(
            "crl_unknown_critical_extension",
            random().extension(oid::UNKNOWN, true, &[]),
            no_crl,
        ),
        case(
            "crl_unknown_noncritical_extension",
            random().extension(oid::UNKNOWN, false, &[]),
            Valid,
        ),
        case(
            "crl_duplicate_revoked_serial",
            random().revoke(&[0x55; 16]),
            no_crl,
        ),
        case(
            "crl_invalid_version",
            revoking().version(Some(2)),
            ValidButRefused(Reason::IssuerWithoutCrl, ignored),
        ),
        case(
            "crl_update_generalizedtime_2025",
            revoking().this_update_der(&der::generalized_time(NOW.seconds())),
            ValidButRefused(Reason::IssuerWithoutCrl, ignored),
        ),
        case(
            "crl_missing_next_update",
            revoking().no_next_update(),
            ValidButRefused(Reason::IssuerWithoutCrl, ignored),
        ),
    ]
}

fn temporal() -> Vec<Case> {
    const DAY: i64 = 86_400;
    let root = Ca::root("Root CA");
    let client = without_cdp(&root);
    let now = NOW.seconds();
    let case = |name, crl: CrlBuilder, verdict| Case {
        name,
        cas: vec![root.clone()],
        crls: vec![crl.der()],
        client: client.clone(),
        verdict,
    };
    let between = |from, until| {
        root.crl()
            .this_update(now + from * DAY)
            .next_update(now + until * DAY)
    };
    let revoked_on = |date| between(-1, 30).revoke_with(&client.serial(), date, None);
    vec![
        case(
            "this_update_in_future",
            between(1, 30),
            Invalid(Reason::IssuerWithoutCrl),
        ),
        case(
            "next_update_in_past",
            between(-60, -30),
            Invalid(Reason::CrlExpired),
        ),
        case(
            "crl_validity_no_overlap",
            between(-1000, -700),
            Invalid(Reason::CrlExpired),
        ),
        case(
            "revocation_date_in_future",
            revoked_on(now + DAY),
            Invalid(Reason::Revoked),
        ),
        case(
            "revocation_date_before_not_before",
            revoked_on(now - 1000 * DAY),
            Invalid(Reason::Revoked),
        ),
    ]
}

fn distribution_points() -> Vec<Case> {
    const PARTITION: &str = "http://example.com/partition.crl";
    let root = Ca::root("Root CA");
    let uri = |text: &str| GeneralName::Uri(text.to_owned());
    let host = || GeneralName::Dns("example.com".to_owned());
    let full_name = |names: &[GeneralName]| Some(DistributionPointName::FullName(names.to_vec()));
    let none = IssuingDistributionPoint::default;
    let named = |names: &[GeneralName]| IssuingDistributionPoint {
        name: full_name(names),
        ..none()
    };
    let client = |names: &[GeneralName]| {
        let point = DistributionPoint {
            name: full_name(names),
            ..DistributionPoint::default()
        };
        with_cdp(&root, CrlDistributionPoints::Points(vec![point]))
    };
    let case = |name, idp: IssuingDistributionPoint, client: Leaf, verdict| Case {
        name,
        cas: vec![root.clone()],
        crls: vec![root.crl().idp_der(true, &idp.to_der()).der()],
        client,
        verdict,
    };
    let missing = Invalid(Reason::MissingPartition);
    let no_crl = Invalid(Reason::IssuerWithoutCrl);
    let partition = || named(&[uri(PARTITION)]);
    let user_certs = IssuingDistributionPoint {
        only_contains_user_certs: true,
        ..none()
    };
    let intermediate = root.subordinate_with(
        "Intermediate CA",
        CaOptions {
            crl_distribution_points: CrlDistributionPoints::Absent,
            ..CaOptions::default()
        },
    );
    vec![
        case(
            "idp_cdp_scope_mismatch",
            named(&[uri("http://example.com/other.crl")]),
            client(&[uri("http://example.com/cdp.crl")]),
            missing,
        ),
        case(
            "idp_cdp_scope_match",
            partition(),
            client(&[uri(PARTITION)]),
            Valid,
        ),
        Case {
            name: "idp_only_contains_user_certs_ca_target",
            cas: vec![root.clone(), intermediate.clone()],
            crls: vec![
                root.crl().idp_der(true, &user_certs.to_der()).der(),
                intermediate.crl().der(),
            ],
            client: without_cdp(&intermediate),
            verdict: Invalid(Reason::IssuerStatusUnknown),
        },
        case(
            "idp_only_contains_ca_certs_ee_target",
            IssuingDistributionPoint {
                only_contains_ca_certs: true,
                ..none()
            },
            without_cdp(&root),
            missing,
        ),
        case(
            "idp_present_certificate_missing_cdp",
            partition(),
            without_cdp(&root),
            missing,
        ),
        case(
            "idp_present_certificate_cdp_non_uri_generalname",
            partition(),
            client(&[uri(PARTITION), host()]),
            missing,
        ),
        case(
            "idp_only_contains_attribute_certs",
            IssuingDistributionPoint {
                only_contains_attribute_certs: true,
                ..none()
            },
            without_cdp(&root),
            no_crl,
        ),
        case(
            "idp_name_relative_to_crl_issuer",
            IssuingDistributionPoint {
                name: Some(DistributionPointName::RelativeToCrlIssuer(
                    "partition".to_owned(),
                )),
                ..none()
            },
            without_cdp(&root),
            missing,
        ),
        case(
            "idp_fullname_non_uri_generalname",
            named(&[uri(PARTITION), host()]),
            client(&[uri(PARTITION)]),
            no_crl,
        ),
        case(
            "idp_indirect_crl",
            IssuingDistributionPoint {
                indirect_crl: true,
                ..partition()
            },
            client(&[uri(PARTITION)]),
            no_crl,
        ),
        case(
            "idp_only_some_reasons_no_complete_crl",
            IssuingDistributionPoint {
                only_some_reasons: Some(vec![testkit::pki::Reason::KeyCompromise]),
                ..partition()
            },
            client(&[uri(PARTITION)]),
            no_crl,
        ),
        case(
            "idp_uri_not_byte_identical",
            named(&[uri("http://example.com/crls/shard.crl")]),
            client(&[uri("http://example.com/crls/%73hard.crl")]),
            missing,
        ),
    ]
}

/// The cases of the suite's earlier releases.
fn numbers_and_usages() -> Vec<Case> {
    let root = Ca::root("Root CA");
    let other = Ca::root("Other CA");
    let client = without_cdp(&root);
    let no_crl = Invalid(Reason::IssuerWithoutCrl);
    let case = |name, crls: Vec<CrlBuilder>, verdict| Case {
        name,
        cas: vec![root.clone(), other.clone()],
        crls: crls.iter().map(CrlBuilder::der).collect(),
        client: client.clone(),
        verdict,
    };
    let under = |name, key_usage, verdict| {
        let options = CaOptions {
            key_usage,
            ..CaOptions::default()
        };
        let ca = Ca::self_signed("Root CA", options);
        Case {
            name,
            crls: vec![ca.crl().der()],
            client: without_cdp(&ca),
            cas: vec![ca],
            verdict,
        }
    };
    let number = der::unsigned(7);
    vec![
        case("crlnumber_missing", vec![root.crl().no_number()], no_crl),
        case(
            "crlnumber_critical",
            vec![
                root.crl()
                    .no_number()
                    .extension(oid::CRL_NUMBER, true, &number),
            ],
            no_crl,
        ),
        case(
            "certificate_not_on_crl",
            vec![root.crl().revoke(&[1])],
            Valid,
        ),
        case(
            "certificate_serial_on_crl_different_issuer",
            vec![root.crl(), other.crl().revoke(&client.serial())],
            Valid,
        ),
        case(
            "certificate_serial_on_crl_different_issuer, alone",
            vec![other.crl().revoke(&client.serial())],
            ValidButRefused(
                Reason::IssuerWithoutCrl,
                "the certificate's own issuer has said nothing",
            ),
        ),
        under("issuer_missing_crlsign", KeyUsage::CertSign, no_crl),
        under("issuer_no_keyusage", KeyUsage::Absent, Valid),
        under("issuer_with_crlsign", KeyUsage::CertSignAndCrlSign, Valid),
    ]
}

fn without_cdp(ca: &Ca) -> Leaf {
    with_cdp(ca, CrlDistributionPoints::Absent)
}

fn with_cdp(ca: &Ca, crl_distribution_points: CrlDistributionPoints) -> Leaf {
    let options = LeafOptions {
        crl_distribution_points,
        ..LeafOptions::default()
    };
    ca.issue_with("example.com", options)
}
