//! What is known of the CAs themselves: which are revoked, of which it is known that they are not, and
//! who signs CRLs for whom.

use crl_fetcher::refusal::Refusal;
use revocation::{Certificate, CertificateKind, RevokedBy, UnixTime};
use revocation::{Contents, Issuer, IssuerRecord, Role, SerialNumber, Status, UnknownReason};
use testkit::pki::{
    BasicConstraints, Ca, CaOptions, CrlBuilder, CrlDistributionPoints, IssuingDistributionPoint,
    KeyIdentifier, KeyUsage,
};

use super::{NOW, contents_of, issuer, truststore, verify};

#[test]
fn a_revoked_ca_takes_everything_below_it_along() {
    let root = Ca::root("Root CA");
    let middle = root.subordinate_with("Middle CA", CaOptions::default());
    let issuing = middle.subordinate("Issuing CA");
    let beside = root.subordinate("Other CA");
    let cas = [&issuing, &beside, &middle, &root];
    let truststore = truststore(&cas);

    let none = contents_of(&truststore, None, &[root.crl(), issuing.crl()]);
    assert_eq!(revoked(&none), Vec::<Issuer>::new());

    let crls = [root.crl().revoke(&middle.serial()), issuing.crl()];
    let contents = contents_of(&truststore, None, &crls);
    // In the order of their encoded names, of which the shorter one comes first.
    assert_eq!(revoked(&contents), [issuer(&middle), issuer(&issuing)]);

    // A newer CRL that does not list it takes it back: the CA was only on hold.
    let lifted = [root.crl().this_update(NOW.seconds() - 60)];
    let contents = contents_of(&truststore, Some(contents), &lifted);
    assert_eq!(revoked(&contents), Vec::<Issuer>::new());
}

#[test]
fn another_ca_cannot_revoke_a_ca() {
    let (root, other) = (Ca::root("Root CA"), Ca::root("Other CA"));
    let issuing = root.subordinate("Issuing CA");
    let truststore = truststore(&[&root, &other, &issuing]);
    let crl = other.crl().revoke(&issuing.serial());
    let contents = contents_of(&truststore, None, &[crl]);
    assert_eq!(revoked(&contents), Vec::<Issuer>::new());
}

/// Which of two keys of one name issued a certificate, its authority key identifier says.
#[test]
fn a_ca_of_the_issuers_name_with_another_key_cannot_revoke_a_ca() {
    let (root, impostor) = (Ca::root("Root CA"), Ca::root("Root CA"));
    let issuing = root.subordinate("Issuing CA");
    let truststore = truststore(&[&root, &impostor, &issuing]);
    let crl = impostor.crl().revoke(&issuing.serial());
    let contents = contents_of(&truststore, None, &[crl]);
    assert_eq!(revoked(&contents), Vec::<Issuer>::new());
}

#[test]
fn a_cross_certified_ca_is_revoked_with_the_last_of_its_certificates() {
    let (one, two) = (Ca::root("Root one"), Ca::root("Root two"));
    let under_one = one.subordinate("Issuing CA");
    let under_two = two.subordinate_with("Issuing CA", same_key_as(&under_one));
    let truststore = truststore(&[&one, &two, &under_one, &under_two]);

    let first = [one.crl().revoke(&under_one.serial())];
    let contents = contents_of(&truststore, None, &first);
    assert_eq!(revoked(&contents), Vec::<Issuer>::new());

    let second = [two.crl().revoke(&under_two.serial())];
    let contents = contents_of(&truststore, Some(contents), &second);
    assert_eq!(revoked(&contents), [issuer(&under_one)]);
}

/// There is no path through an expired certificate, so it does not keep a CA from being revoked.
#[test]
fn an_expired_certificate_of_a_ca_does_not_save_it() {
    let root = Ca::root("Root CA");
    let expired = CaOptions {
        not_after: NOW.seconds() - 1,
        ..CaOptions::default()
    };
    let old = root.subordinate_with("Issuing CA", expired);
    let renewed = root.subordinate_with("Issuing CA", same_key_as(&old));
    let truststore = truststore(&[&root, &old, &renewed]);
    let contents = contents_of(&truststore, None, &[root.crl().revoke(&renewed.serial())]);
    assert_eq!(revoked(&contents), [issuer(&renewed)]);
}

/// Nobody is asked about an anchor; where a CRL of a CA's issuer is to be had, or promised, it is
/// missed when it is not there or stale.
#[test]
fn a_ca_is_known_to_be_good_as_long_as_the_crl_of_its_issuer_is_fresh() {
    let root = Ca::root("Root CA");
    let promised = root.subordinate("Issuing CA");
    let unpromised = root.subordinate_with("Issuing CA", without_crl_distribution_points());
    let soon = NOW.plus(3600);
    let fresh = || root.crl().next_update(soon.seconds());
    let only_users = IssuingDistributionPoint {
        only_contains_user_certs: true,
        ..IssuingDistributionPoint::default()
    };
    let of_users = || fresh().idp_der(true, &only_users.to_der());
    let elsewhere = || fresh().partition(&["http://crl.example.com/elsewhere"]);
    let stale = || {
        root.crl()
            .this_update(NOW.seconds() - 2)
            .next_update(NOW.seconds() - 1)
    };
    for (case, crls, expected) in [
        ("none", vec![], [UnixTime::MIN, UnixTime::MAX]),
        ("a fresh one", vec![fresh()], [soon, soon]),
        ("a stale one", vec![stale()], [NOW.plus(-1), NOW.plus(-1)]),
        ("users only", vec![of_users()], [UnixTime::MIN; 2]),
        ("a partition", vec![elsewhere()], [UnixTime::MIN; 2]),
    ] {
        let until = [&promised, &unpromised].map(|ca| {
            let contents = contents_of(&truststore(&[&root, ca]), None, &crls);
            assert_eq!(known_good_until(&contents, &root), UnixTime::MAX);
            known_good_until(&contents, ca)
        });
        assert_eq!(until, expected, "{case}");
    }

    // Distribution points that cannot be read promise a CRL too.
    let garbled = CaOptions {
        crl_distribution_points: CrlDistributionPoints::Der(vec![0x05, 0x00]),
        ..CaOptions::default()
    };
    let garbled = root.subordinate_with("Issuing CA", garbled);
    let until = |crls: &[CrlBuilder]| {
        let contents = contents_of(&truststore(&[&root, &garbled]), None, crls);
        known_good_until(&contents, &garbled)
    };
    assert_eq!(until(&[]), UnixTime::MIN);
    assert_eq!(until(&[fresh()]), soon);

    // A CA whose issuer is not in the truststore is an anchor too.
    let contents = contents_of(&truststore(&[&promised]), None, &[]);
    assert_eq!(known_good_until(&contents, &promised), UnixTime::MAX);
}

#[test]
fn doubt_about_a_ca_is_doubt_about_everything_below_it() {
    let root = Ca::root("Root CA");
    let middle = root.subordinate_with("Middle CA", CaOptions::default());
    let issuing = middle.subordinate("Issuing CA");
    let truststore = truststore(&[&issuing, &middle, &root]);
    let (sooner, later) = (NOW.plus(60), NOW.plus(120));
    let until = |root_crl: UnixTime, middle_crl: UnixTime| {
        let crls = [
            root.crl().next_update(root_crl.seconds()),
            middle.crl().next_update(middle_crl.seconds()),
        ];
        let contents = contents_of(&truststore, None, &crls);
        [&middle, &issuing].map(|ca| known_good_until(&contents, ca))
    };
    assert_eq!(until(sooner, later), [sooner, sooner]);
    assert_eq!(until(later, sooner), [later, sooner]);
}

/// Without its issuer's key identifier, a CA certificate may be of either of two namesakes.
#[test]
fn a_ca_that_either_of_two_may_have_issued_is_as_good_as_both_say() {
    let (one, two) = (Ca::root("Root CA"), Ca::root("Root CA"));
    let options = CaOptions {
        authority_key_identifier: KeyIdentifier::Absent,
        ..without_crl_distribution_points()
    };
    let issuing = one.subordinate_with("Issuing CA", options);
    let truststore = truststore(&[&one, &two, &issuing]);
    let soon = NOW.plus(60);
    let until =
        |crls: &[CrlBuilder]| known_good_until(&contents_of(&truststore, None, crls), &issuing);
    let of_two = || two.crl().next_update(soon.seconds());
    assert_eq!(until(&[]), UnixTime::MAX);
    assert_eq!(until(&[of_two()]), soon);
    assert_eq!(until(&[of_two(), one.crl()]), soon);
    let listing = contents_of(&truststore, None, &[of_two().revoke(&issuing.serial())]);
    assert_eq!(revoked(&listing), [issuer(&issuing)]);
}

#[test]
fn one_certificate_that_is_known_to_be_good_is_enough_for_a_ca() {
    let (one, two) = (Ca::root("Root one"), Ca::root("Root two"));
    let under_one = one.subordinate("Issuing CA");
    let under_two = two.subordinate_with("Issuing CA", same_key_as(&under_one));
    let truststore = truststore(&[&one, &two, &under_one, &under_two]);
    let soon = NOW.plus(60);
    let contents = contents_of(&truststore, None, &[two.crl().next_update(soon.seconds())]);
    assert_eq!(known_good_until(&contents, &under_one), soon);
}

#[test]
fn a_key_that_signs_crls_only_speaks_for_the_ca_it_belongs_to() {
    let root = Ca::root("Root CA");
    let ca = root.subordinate("Issuing CA");
    let beside = root.subordinate_with("Issuing CA", crl_signer());
    let below = ca.subordinate_with(
        "Issuing CA",
        CaOptions {
            crl_distribution_points: CrlDistributionPoints::Absent,
            ..crl_signer()
        },
    );
    let no_ca = root.subordinate_with(
        "Issuing CA",
        CaOptions {
            basic_constraints: BasicConstraints::Absent,
            ..crl_signer()
        },
    );
    for signer in [&beside, &below, &no_ca] {
        let truststore = truststore(&[&root, &ca, signer]);
        let crls = [root.crl(), signer.crl().revoke(&[7])];
        let contents = contents_of(&truststore, None, &crls);
        let roles = [&ca, signer].map(|ca| record(&contents, ca).role);
        assert_eq!(roles, [Role::Ca, Role::CrlSigner]);
        let listed = Status::Revoked(RevokedBy::Listing);
        assert_eq!(status(&contents, &ca, 7), listed);
        assert_eq!(status(&contents, &ca, 8), Status::NotRevoked);
        // It issues no certificates: API Gateway accepts none, and neither do we.
        let unknown = Status::from(UnknownReason::Issuer);
        assert_eq!(status(&contents, signer, 8), unknown);
    }
}

/// A stolen key could else go on as if its certificate had never been revoked.
#[test]
fn a_crl_signer_does_not_vouch_for_itself() {
    let ca = Ca::root("Issuing CA");
    let signer = ca.subordinate_with("Issuing CA", crl_signer());
    let truststore = truststore(&[&ca, &signer]);
    let alone = contents_of(&truststore, None, &[signer.crl()]);
    assert_eq!(known_good_until(&alone, &signer), UnixTime::MIN);
    assert_eq!(status(&alone, &ca, 8), UnknownReason::Expired.into());

    let number = signer.crl().number(1);
    let vouched_for = contents_of(&truststore, None, &[number, ca.crl()]);
    assert_eq!(status(&vouched_for, &ca, 8), Status::NotRevoked);
}

/// Anybody may give a key the name of a CA.
#[test]
fn a_key_that_signs_crls_only_speaks_for_nobody_elses_ca() {
    let (root, other) = (Ca::root("Root CA"), Ca::root("Other root CA"));
    let ca = root.subordinate("Issuing CA");
    let stranger = other.subordinate_with("Issuing CA", crl_signer());
    let of_both = root.subordinate_with("Issuing CA", crl_signer());
    let namesake = other.subordinate("Issuing CA");
    let without_key = CaOptions {
        authority_key_identifier: KeyIdentifier::Absent,
        ..crl_signer()
    };
    let self_signed = Ca::self_signed("Issuing CA", without_key.clone());
    let of_some_root = root.subordinate_with("Issuing CA", without_key);
    for (cas, signer) in [
        (vec![&root, &other, &ca, &stranger], &stranger),
        (vec![&root, &other, &stranger], &stranger),
        // Neither says whose key signed it.
        (vec![&root, &ca, &self_signed], &self_signed),
        (vec![&root, &ca, &of_some_root], &of_some_root),
        // Of which of the two it would speak is not to be told.
        (vec![&root, &other, &ca, &namesake, &of_both], &of_both),
    ] {
        let refusal = verify(&signer.crl().der(), &truststore(&cas)).err();
        assert_eq!(refusal, Some(Refusal::NotACrlSigner));
    }
}

#[test]
fn a_crl_signer_that_is_revoked_vouches_for_nothing_any_more() {
    let root = Ca::root("Root CA");
    let ca = root.subordinate("Issuing CA");
    let signer = root.subordinate_with("Issuing CA", crl_signer());
    let truststore = truststore(&[&root, &ca, &signer]);
    let crls = [
        root.crl().revoke(&signer.serial()),
        signer.crl().revoke(&[7]),
    ];
    let contents = contents_of(&truststore, None, &crls);
    assert_eq!(revoked(&contents), [issuer(&signer)]);
    assert_eq!(
        status(&contents, &ca, 7),
        Status::Revoked(RevokedBy::Listing)
    );
    assert_eq!(status(&contents, &ca, 8), UnknownReason::Expired.into());
}

#[test]
fn a_ca_that_may_not_sign_certificates_has_issued_none() {
    let root = Ca::root("Root CA");
    for key_usage in [KeyUsage::CrlSign, KeyUsage::EndEntity] {
        let options = CaOptions {
            key_usage,
            ..CaOptions::default()
        };
        let ca = root.subordinate_with("Issuing CA", options);
        let contents = contents_of(&truststore(&[&root, &ca]), None, &[root.crl()]);
        assert_eq!(status(&contents, &ca, 8), UnknownReason::Issuer.into());
    }
}

#[test]
fn a_ca_without_a_key_identifier_is_known_to_have_none() {
    let options = CaOptions {
        subject_key_identifier: KeyIdentifier::Absent,
        ..CaOptions::default()
    };
    let (silent, named) = (Ca::self_signed("Silent CA", options), Ca::root("Named CA"));
    let contents = contents_of(&truststore(&[&silent, &named]), None, &[]);
    let derived = [&silent, &named].map(|ca| record(&contents, ca).key_id_is_derived);
    assert_eq!(derived, [true, false]);
}

fn record<'a>(contents: &'a Contents, ca: &Ca) -> &'a IssuerRecord {
    let mut records = contents.issuers.iter();
    records.find(|record| record.issuer == issuer(ca)).unwrap()
}

fn known_good_until(contents: &Contents, ca: &Ca) -> UnixTime {
    record(contents, ca).good_until
}

/// Of a client certificate with that serial number, whose authority key identifier names this CA.
fn status(contents: &Contents, ca: &Ca, serial: u8) -> Status {
    let certificate = Certificate {
        issuer: ca.name_der(),
        authority_key_id: Some(ca.key_id()),
        serial: SerialNumber::from_der_integer(&[serial]).unwrap(),
        distribution_points: &[],
        kind: CertificateKind::EndEntity,
        public_key: &[],
    };
    contents.outlook(&certificate).at(NOW, 0)
}

fn crl_signer() -> CaOptions {
    CaOptions {
        key_usage: KeyUsage::CrlSign,
        ..CaOptions::default()
    }
}

fn without_crl_distribution_points() -> CaOptions {
    CaOptions {
        crl_distribution_points: CrlDistributionPoints::Absent,
        ..CaOptions::default()
    }
}

fn same_key_as(ca: &Ca) -> CaOptions {
    CaOptions {
        key_of: Some(ca.clone()),
        ..CaOptions::default()
    }
}

fn revoked(contents: &Contents) -> Vec<Issuer> {
    let revoked = contents.issuers.iter().filter(|record| record.revoked);
    revoked.map(|record| record.issuer.clone()).collect()
}
