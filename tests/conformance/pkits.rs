//! PKITS, sections 4.4, 4.5, 4.7 and 4.14: what each case is about, and its verdict. The suite signs
//! with RSA, these PKIs with ECDSA, which makes no difference here. Of the indirect CRLs, all of them
//! refused, 4.14.29, 30 and 33 are left out: they differ from 28 in nothing that we look at.

use authorizer::decision::Reason;
use testkit::pki::{
    BasicConstraints, Ca, CaOptions, CrlBuilder, CrlDistributionPoints, DistributionPoint,
    DistributionPointName, GeneralName, IssuingDistributionPoint, KeyUsage, Leaf, LeafOptions,
    Serial, der, oid,
};

use super::{Case, Invalid, NOW, Valid, ValidButRefused, Verdict, check};

#[test]
fn the_verdicts_of_pkits() {
    let cases = [
        basic_revocation(),
        serial_numbers(),
        separate_keys(),
        self_issued(),
        key_usage(),
        distribution_points(),
        limited_crls(),
        some_reasons(),
        indirect_crls(),
    ];
    check(cases.into_iter().flatten().collect(), 67);
}

const NO_CRL: Verdict = Invalid(Reason::IssuerWithoutCrl);
const REVOKED: Verdict = Invalid(Reason::Revoked);
const PARTITION: Verdict = Invalid(Reason::MissingPartition);

/// The trust anchor, and a CA below it. As in the suite, neither certificate has distribution points.
struct Pki {
    anchor: Ca,
    ca: Ca,
}

impl Pki {
    fn new(options: CaOptions) -> Self {
        let anchor = Ca::root("Trust Anchor");
        let ca = anchor.subordinate_with("Some CA", without_points(options));
        Self { anchor, ca }
    }

    /// With the anchor's CRL, and these ones.
    fn case(
        &self,
        name: &'static str,
        crls: &[CrlBuilder],
        client: &Leaf,
        verdict: Verdict,
    ) -> Case {
        let crls = [&[self.anchor.crl()], crls].concat();
        Case {
            name,
            cas: vec![self.anchor.clone(), self.ca.clone()],
            crls: crls.iter().map(CrlBuilder::der).collect(),
            client: client.clone(),
            verdict,
        }
    }
}

fn basic_revocation() -> Vec<Case> {
    let pki = Pki::new(CaOptions::default());
    let Pki { anchor, ca } = &pki;
    let other = Ca::root("Bad CRL Issuer Name");
    let client = leaf(ca, CrlDistributionPoints::Absent);
    let crl = || ca.crl();
    let listed = || ca.crl().revoke(&client.serial());
    let now = NOW.seconds();
    let entry = [0x11, 0x22];
    vec![
        pki.case("4.4.1 Missing CRL", &[], &client, NO_CRL),
        Case {
            crls: vec![anchor.crl().revoke(&ca.serial()).der(), crl().der()],
            ..pki.case(
                "4.4.2 Revoked CA",
                &[],
                &client,
                Invalid(Reason::IssuerRevoked),
            )
        },
        pki.case("4.4.3 Revoked EE", &[listed()], &client, REVOKED),
        pki.case(
            "4.4.4 Bad CRL Signature",
            &[crl().signature(&[0x30, 0x00])],
            &client,
            NO_CRL,
        ),
        pki.case(
            "4.4.5 Bad CRL Issuer Name",
            &[crl().issuer_name_der(other.name_der())],
            &client,
            NO_CRL,
        ),
        pki.case("4.4.6 Wrong CRL", &[anchor.crl()], &client, NO_CRL),
        pki.case(
            "4.4.7 Two CRLs, good",
            &[crl(), crl().issuer_name_der(other.name_der())],
            &client,
            Valid,
        ),
        pki.case(
            "4.4.8 Unknown CRL Entry Extension",
            &[crl().entry_extension(&entry, oid::UNKNOWN, true, &der::null())],
            &client,
            NO_CRL,
        ),
        pki.case(
            "4.4.9 Unknown CRL Extension",
            &[crl()
                .revoke(&entry)
                .extension(oid::UNKNOWN, true, &der::null())],
            &client,
            NO_CRL,
        ),
        pki.case(
            "4.4.10 Unknown CRL Extension, beside the revocation",
            &[listed().extension(oid::UNKNOWN, true, &der::null())],
            &client,
            NO_CRL,
        ),
        pki.case(
            "4.4.11 Old CRL nextUpdate",
            &[crl().this_update(now - 200).next_update(now - 100)],
            &client,
            Invalid(Reason::CrlExpired),
        ),
        // 1998 and 1999.
        pki.case(
            "4.4.12 pre2000 CRL nextUpdate",
            &[crl().this_update(883_612_800).next_update(915_148_800)],
            &client,
            Invalid(Reason::CrlExpired),
        ),
        // 2050.
        pki.case(
            "4.4.13 GeneralizedTime CRL nextUpdate",
            &[crl().next_update(2_524_651_200)],
            &client,
            Valid,
        ),
    ]
}

fn serial_numbers() -> Vec<Case> {
    let pki = Pki::new(CaOptions::default());
    let with_serial = |content: &[u8]| {
        let options = LeafOptions {
            serial: Serial::Content(content.to_vec()),
            crl_distribution_points: CrlDistributionPoints::Absent,
            ..LeafOptions::default()
        };
        pki.ca.issue_with("client", options)
    };
    let listing = |content: &[u8]| [pki.ca.crl().revoke_content(content)];
    let long: Vec<u8> = (1..=20).collect();
    let [mut other_head, mut other_tail] = [long.clone(), long.clone()];
    other_head[0] += 1;
    other_tail[19] += 1;
    let negative = with_serial(&[0xff]);
    vec![
        // 255 is revoked, not -1.
        pki.case(
            "4.4.14 Negative Serial Number, good",
            &listing(&[0x00, 0xff]),
            &negative,
            Valid,
        ),
        pki.case(
            "4.4.15 Negative Serial Number, revoked",
            &listing(&[0xff]),
            &negative,
            REVOKED,
        ),
        pki.case(
            "4.4.16 Long Serial Number, good",
            &listing(&long),
            &with_serial(&other_head),
            Valid,
        ),
        pki.case(
            "4.4.17 Long Serial Number, good",
            &listing(&long),
            &with_serial(&other_tail),
            Valid,
        ),
        pki.case(
            "4.4.18 Long Serial Number, revoked",
            &listing(&long),
            &with_serial(&long),
            REVOKED,
        ),
    ]
}

/// One key signs certificates, another one CRLs; the anchor has certified both under one name.
fn separate_keys() -> Vec<Case> {
    let pki = Pki::new(CaOptions {
        key_usage: KeyUsage::CertSign,
        ..CaOptions::default()
    });
    let options = CaOptions {
        key_usage: KeyUsage::CrlSign,
        basic_constraints: BasicConstraints::Absent,
        ..without_points(CaOptions::default())
    };
    let signer = pki.anchor.subordinate_with("Some CA", options);
    let client = leaf(&pki.ca, CrlDistributionPoints::Absent);
    let case = |name, anchor_crl: CrlBuilder, crl: CrlBuilder, verdict| Case {
        cas: vec![pki.anchor.clone(), pki.ca.clone(), signer.clone()],
        crls: vec![anchor_crl.der(), crl.der()],
        ..pki.case(name, &[], &client, verdict)
    };
    vec![
        case(
            "4.4.19 Separate Certificate and CRL Keys, good",
            pki.anchor.crl(),
            signer.crl(),
            Valid,
        ),
        case(
            "4.4.20 Separate Certificate and CRL Keys, revoked",
            pki.anchor.crl(),
            signer.crl().revoke(&client.serial()),
            REVOKED,
        ),
        case(
            "4.4.21 Separate Certificate and CRL Keys, the latter revoked",
            pki.anchor.crl().revoke(&signer.serial()),
            signer.crl(),
            Invalid(Reason::CrlExpired),
        ),
    ]
}

fn self_issued() -> Vec<Case> {
    let anchor = Ca::root("Trust Anchor");
    let first = anchor.subordinate_with("Some CA", without_points(CaOptions::default()));
    let point = vec![GeneralName::DirectoryName(der::name(
        "Self-issued certificates",
    ))];
    let at_point = CrlDistributionPoints::Points(vec![DistributionPoint {
        name: Some(DistributionPointName::FullName(point.clone())),
        ..DistributionPoint::default()
    }]);
    let of_point = IssuingDistributionPoint {
        name: Some(DistributionPointName::FullName(point)),
        ..IssuingDistributionPoint::default()
    };
    let linked = |key_usage| {
        let options = CaOptions {
            key_usage,
            crl_distribution_points: at_point.clone(),
            ..CaOptions::default()
        };
        first.subordinate_with("Some CA", options)
    };
    let second = linked(KeyUsage::CertSignAndCrlSign);
    let crl_key = linked(KeyUsage::CrlSign);
    let case = |name, key: &Ca, crl: CrlBuilder, client: &Leaf, verdict| Case {
        name,
        cas: vec![anchor.clone(), first.clone(), key.clone()],
        crls: vec![
            anchor.crl().der(),
            first.crl().idp_der(true, &of_point.to_der()).der(),
            crl.der(),
        ],
        client: client.clone(),
        verdict,
    };
    let client = |ca: &Ca| leaf(ca, CrlDistributionPoints::Absent);
    let (of_first, of_second) = (client(&first), client(&second));
    let by_name = "a CRL by one key of a CA does not vouch for what another of its keys signed: \
                   with AWS Private CA, each of the two has a CRL of its own";
    let refused = ValidButRefused(Reason::MissingPartition, by_name);
    vec![
        case(
            "4.5.1 Old With New, good: the CRL is by the other key",
            &second,
            second.crl(),
            &of_first,
            refused,
        ),
        case(
            "4.5.2 Old With New, revoked",
            &second,
            second.crl().revoke(&of_first.serial()),
            &of_first,
            PARTITION,
        ),
        case(
            "4.5.3 New With Old, good: certificate and CRL by the new key",
            &second,
            second.crl(),
            &of_second,
            Valid,
        ),
        case(
            "4.5.4 New With Old, good: the CRL is by the other key",
            &second,
            second.crl(),
            &of_first,
            refused,
        ),
        case(
            "4.5.5 New With Old, revoked",
            &second,
            second.crl().revoke(&of_second.serial()),
            &of_second,
            REVOKED,
        ),
        case(
            "4.5.6 CRL Signing Key, good",
            &crl_key,
            crl_key.crl(),
            &of_first,
            Valid,
        ),
        case(
            "4.5.7 CRL Signing Key, revoked",
            &crl_key,
            crl_key.crl().revoke(&of_first.serial()),
            &of_first,
            REVOKED,
        ),
        case(
            "4.5.8 CRL Signing Key, which signed the certificate too",
            &crl_key,
            crl_key.crl(),
            &client(&crl_key),
            Invalid(Reason::UnknownIssuer),
        ),
    ]
}

fn key_usage() -> Vec<Case> {
    let case = |name, key_usage, verdict| {
        let pki = Pki::new(CaOptions {
            key_usage,
            ..CaOptions::default()
        });
        let client = leaf(&pki.ca, CrlDistributionPoints::Absent);
        pki.case(name, &[pki.ca.crl()], &client, verdict)
    };
    let unknown = Invalid(Reason::UnknownIssuer);
    vec![
        case("4.7.1 keyCertSign False", KeyUsage::CrlSign, unknown),
        case("4.7.2 keyCertSign False", KeyUsage::CrlSign, unknown),
        case("4.7.3 keyUsage", KeyUsage::CertSignAndCrlSign, Valid),
        case("4.7.4 cRLSign False", KeyUsage::CertSign, NO_CRL),
        case("4.7.5 cRLSign False", KeyUsage::CertSign, NO_CRL),
    ]
}

fn distribution_points() -> Vec<Case> {
    let pki = Pki::new(CaOptions::default());
    let ca = &pki.ca;
    let full = |last: &str| {
        // The CA's own name with one more relative name, as a relative name is completed to.
        let mut names = ca.name_der()[2..].to_vec();
        let attribute = der::attribute("2.5.4.3", &der::utf8_string(last));
        names.extend(der::tlv(0x31, &attribute));
        let name = GeneralName::DirectoryName(der::sequence(&[&names]));
        DistributionPointName::FullName(vec![name])
    };
    let relative = |last: &str| DistributionPointName::RelativeToCrlIssuer(last.to_owned());
    let crl = |name: DistributionPointName| {
        let idp = IssuingDistributionPoint {
            name: Some(name),
            ..IssuingDistributionPoint::default()
        };
        ca.crl().idp_der(true, &idp.to_der())
    };
    let client = |name: DistributionPointName| leaf(ca, at(name));
    let revoking = |crl: CrlBuilder, client: &Leaf| [crl.revoke(&client.serial())];
    let (one_full, one_relative) = (client(full("1")), client(relative("1")));
    vec![
        pki.case(
            "4.14.1 distributionPoint, good: full names",
            &[crl(full("1"))],
            &one_full,
            Valid,
        ),
        pki.case(
            "4.14.2 distributionPoint, revoked",
            &revoking(crl(full("1")), &one_full),
            &one_full,
            REVOKED,
        ),
        pki.case(
            "4.14.3 distributionPoint, another name",
            &[crl(full("1"))],
            &client(full("2")),
            PARTITION,
        ),
        pki.case(
            "4.14.4 distributionPoint, good: relative to the CRL issuer",
            &[crl(full("1"))],
            &one_relative,
            Valid,
        ),
        pki.case(
            "4.14.5 distributionPoint, good: both relative",
            &[crl(relative("1"))],
            &one_relative,
            Valid,
        ),
        pki.case(
            "4.14.6 distributionPoint, revoked: both relative",
            &revoking(crl(relative("1")), &one_relative),
            &one_relative,
            REVOKED,
        ),
        pki.case(
            "4.14.7 distributionPoint, good: full and relative",
            &[crl(relative("1"))],
            &one_full,
            Valid,
        ),
        pki.case(
            "4.14.8 distributionPoint, another name",
            &[crl(relative("1"))],
            &client(full("2")),
            PARTITION,
        ),
        pki.case(
            "4.14.9 distributionPoint, another relative name",
            &[crl(relative("1"))],
            &client(relative("2")),
            PARTITION,
        ),
        pki.case(
            "4.14.10 No issuingDistributionPoint",
            &[ca.crl()],
            &one_full,
            Valid,
        ),
    ]
}

fn limited_crls() -> Vec<Case> {
    let pki = Pki::new(CaOptions::default());
    let ca = &pki.ca;
    let limited = |limit: fn(&mut IssuingDistributionPoint)| {
        let mut idp = IssuingDistributionPoint::default();
        limit(&mut idp);
        [ca.crl().idp_der(true, &idp.to_der())]
    };
    let user = leaf(ca, CrlDistributionPoints::Absent);
    let options = LeafOptions {
        basic_constraints: BasicConstraints::Ca { path_length: None },
        crl_distribution_points: CrlDistributionPoints::Absent,
        ..LeafOptions::default()
    };
    let subordinate = ca.issue_with("Subordinate CA", options);
    vec![
        pki.case(
            "4.14.11 onlyContainsUserCerts, and the certificate is a CA's",
            &limited(|idp| idp.only_contains_user_certs = true),
            &subordinate,
            PARTITION,
        ),
        pki.case(
            "4.14.12 onlyContainsCACerts, and the certificate is a user's",
            &limited(|idp| idp.only_contains_ca_certs = true),
            &user,
            PARTITION,
        ),
        pki.case(
            "4.14.13 onlyContainsCACerts, good",
            &limited(|idp| idp.only_contains_ca_certs = true),
            &subordinate,
            Valid,
        ),
        pki.case(
            "4.14.14 onlyContainsAttributeCerts",
            &limited(|idp| idp.only_contains_attribute_certs = true),
            &user,
            NO_CRL,
        ),
    ]
}

/// Refused on purpose: AWS Private CA publishes no CRL for some reasons only.
fn some_reasons() -> Vec<Case> {
    use testkit::pki::Reason::{
        AffiliationChanged, CaCompromise, CertificateHold, CessationOfOperation, KeyCompromise,
        PrivilegeWithdrawn, Superseded,
    };
    let pki = Pki::new(CaOptions::default());
    let ca = &pki.ca;
    let client = leaf(ca, CrlDistributionPoints::Absent);
    let of = |reasons: &[testkit::pki::Reason]| {
        let idp = IssuingDistributionPoint {
            only_some_reasons: Some(reasons.to_vec()),
            ..IssuingDistributionPoint::default()
        };
        ca.crl().idp_der(true, &idp.to_der())
    };
    let compromised = || of(&[KeyCompromise, CaCompromise]);
    let others = || {
        of(&[
            AffiliationChanged,
            Superseded,
            CessationOfOperation,
            CertificateHold,
            PrivilegeWithdrawn,
        ])
    };
    let revoking = |crl: CrlBuilder, reason| crl.revoke_with(&client.serial(), 0, Some(reason));
    let why = "CRLs for some reasons only are refused";
    let refused = ValidButRefused(Reason::IssuerWithoutCrl, why);
    let both = [compromised(), others()];
    let first = [revoking(compromised(), 1), others()];
    let second = [compromised(), revoking(others(), 6)];
    let cases: [(_, &[CrlBuilder], _); 7] = [
        ("4.14.15 onlySomeReasons, revoked for one", &first, NO_CRL),
        ("4.14.16 onlySomeReasons, on hold", &second, NO_CRL),
        (
            "4.14.17 onlySomeReasons, not all of them",
            &both[..1],
            NO_CRL,
        ),
        ("4.14.18 onlySomeReasons, good", &both, refused),
        ("4.14.19 onlySomeReasons, good", &both, refused),
        (
            "4.14.20 onlySomeReasons, revoked in the first",
            &first,
            NO_CRL,
        ),
        (
            "4.14.21 onlySomeReasons, revoked in the second",
            &second,
            NO_CRL,
        ),
    ];
    cases
        .map(|(name, crls, verdict)| pki.case(name, crls, &client, verdict))
        .into()
}

/// Refused on purpose: AWS Private CA publishes no indirect CRLs.
fn indirect_crls() -> Vec<Case> {
    let pki = Pki::new(CaOptions::default());
    let ca = &pki.ca;
    let other = pki
        .anchor
        .subordinate_with("Indirect CRL CA", without_points(CaOptions::default()));
    let indirect = |ca: &Ca| {
        let idp = IssuingDistributionPoint {
            indirect_crl: true,
            ..IssuingDistributionPoint::default()
        };
        ca.crl().idp_der(true, &idp.to_der())
    };
    let plain = leaf(ca, CrlDistributionPoints::Absent);
    let with_issuer = |name: Option<DistributionPointName>| {
        let point = DistributionPoint {
            name,
            crl_issuer: vec![GeneralName::DirectoryName(other.name_der().to_vec())],
            ..DistributionPoint::default()
        };
        leaf(ca, CrlDistributionPoints::Points(vec![point]))
    };
    let issuer_only = with_issuer(None);
    let with_name = with_issuer(Some(DistributionPointName::RelativeToCrlIssuer(
        "CRL1".to_owned(),
    )));
    let of_ca = |client: &Leaf| {
        let names = der::sequence(&[&der::explicit(4, ca.name_der())]);
        indirect(&other).entry_extension(&client.serial(), oid::CERTIFICATE_ISSUER, true, &names)
    };
    let why = "indirect CRLs are refused";
    let refused = ValidButRefused(Reason::IssuerWithoutCrl, why);
    let case = |name, crls: &[CrlBuilder], client: &Leaf, verdict| Case {
        cas: vec![pki.anchor.clone(), ca.clone(), other.clone()],
        ..pki.case(name, crls, client, verdict)
    };
    vec![
        case(
            "4.14.22 IDP with indirectCRL, good: the CA's own",
            &[indirect(ca)],
            &plain,
            refused,
        ),
        case(
            "4.14.23 IDP with indirectCRL, revoked",
            &[indirect(ca).revoke(&plain.serial())],
            &plain,
            NO_CRL,
        ),
        case(
            "4.14.24 IDP with indirectCRL, good: another's",
            &[indirect(&other)],
            &issuer_only,
            refused,
        ),
        case(
            "4.14.25 IDP with indirectCRL, good: another's",
            &[indirect(&other)],
            &with_name,
            refused,
        ),
        case(
            "4.14.26 IDP with indirectCRL, and the certificate names no CRL issuer",
            &[indirect(&other)],
            &plain,
            NO_CRL,
        ),
        case(
            "4.14.27 cRLIssuer, whose CRL is not indirect",
            &[other.crl()],
            &issuer_only,
            NO_CRL,
        ),
        case(
            "4.14.28 cRLIssuer, good",
            &[indirect(&other)],
            &with_name,
            refused,
        ),
        case(
            "4.14.31 cRLIssuer, revoked",
            &[of_ca(&issuer_only)],
            &issuer_only,
            NO_CRL,
        ),
        case(
            "4.14.32 cRLIssuer, revoked",
            &[of_ca(&with_name)],
            &with_name,
            NO_CRL,
        ),
        case(
            "4.14.34 cRLIssuer, revoked, beside the CRL issuer's own CRL",
            &[other.crl(), of_ca(&issuer_only)],
            &issuer_only,
            NO_CRL,
        ),
        case(
            "4.14.35 cRLIssuer, whose CRL does not cover it",
            &[other.crl()],
            &with_name,
            NO_CRL,
        ),
        // As far as our own description goes: the CA's own complete CRL answers for its
        // certificates, whatever their distribution points say (RFC 5280 §6.3.3, after the steps).
        case(
            "a certificate that names another CRL issuer, and its own issuer's CRL",
            &[ca.crl()],
            &issuer_only,
            Valid,
        ),
    ]
}

fn leaf(ca: &Ca, crl_distribution_points: CrlDistributionPoints) -> Leaf {
    let options = LeafOptions {
        crl_distribution_points,
        ..LeafOptions::default()
    };
    ca.issue_with("client", options)
}

fn at(name: DistributionPointName) -> CrlDistributionPoints {
    CrlDistributionPoints::Points(vec![DistributionPoint {
        name: Some(name),
        ..DistributionPoint::default()
    }])
}

fn without_points(options: CaOptions) -> CaOptions {
    CaOptions {
        crl_distribution_points: CrlDistributionPoints::Absent,
        ..options
    }
}
