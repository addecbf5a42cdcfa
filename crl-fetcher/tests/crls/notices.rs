//! What becomes of announcements: each revokes until a CRL does, in whatever order they come.

use crl_fetcher::announcement::{Announcement, KnownCas};
use crl_fetcher::ledger::Ledger;
use proptest::prelude::*;
use revocation::{Contents, ObjectRef, Origin, RevokedBy, Status, UnixTime};
use testkit::pki::Ca;

use super::{NOW, contents_of, issuer, object, serial, truststore, verify};

const KEEP: i64 = 1000;

fn announcement(ca: &Ca, number: u8, at: UnixTime) -> Announcement {
    Announcement {
        ca_id: ca.id().to_owned(),
        account: "123456789012".to_owned(),
        serial: serial(&[number]),
        at,
    }
}

/// One refresh that an announcement triggers.
fn announced(ca: &Ca, held: Contents, announcement: &Announcement, now: UnixTime) -> Contents {
    let truststore = truststore(&[ca]);
    let mut ledger = Ledger::new(&truststore, Some(held));
    let issuers = announcement.issuers(ledger.issuers(), &KnownCas::default());
    for issuer in issuers.into_iter().cloned().collect::<Vec<_>>() {
        ledger.notice(&issuer, announcement.notice(KEEP, now));
    }
    ledger.into_contents(now, ObjectRef::default())
}

/// One refresh that finds this CRL where AWS Private CA puts it.
fn published(
    ca: &Ca,
    held: Option<Contents>,
    number: u64,
    revoked: &[u8],
    now: UnixTime,
) -> Contents {
    let truststore = truststore(&[ca]);
    let mut ledger = Ledger::new(&truststore, held);
    let crl = revoked.iter().fold(ca.crl().number(number), |crl, serial| {
        crl.revoke(&[*serial])
    });
    let verified = verify(&crl.der(), &truststore).unwrap();
    let _ = ledger.adopt(verified, object(&ca.crl_key(), &number.to_string()));
    ledger.into_contents(now, ObjectRef::default())
}

fn status(contents: &Contents, ca: &Ca, number: u8, now: UnixTime) -> Status {
    super::status(contents, ca, number, 0, now)
}

const ANNOUNCED: Status = Status::Revoked(RevokedBy::Notice(Origin::Announcement));
const LISTED: Status = Status::Revoked(RevokedBy::Listing);

#[test]
fn an_announcement_revokes_until_a_crl_lists_the_certificate() {
    let ca = Ca::root("Issuing CA");
    let contents = published(&ca, None, 1, &[], NOW);
    assert_eq!(status(&contents, &ca, 5, NOW), Status::NotRevoked);
    let contents = announced(&ca, contents, &announcement(&ca, 5, NOW), NOW);
    assert_eq!(status(&contents, &ca, 5, NOW), ANNOUNCED);
    assert_eq!(status(&contents, &ca, 6, NOW), Status::NotRevoked);
    // A CRL that does not list it yet takes nothing back.
    let contents = published(&ca, Some(contents), 2, &[9], NOW);
    assert_eq!(status(&contents, &ca, 5, NOW), ANNOUNCED);
    let contents = published(&ca, Some(contents), 3, &[5, 9], NOW);
    assert_eq!(status(&contents, &ca, 5, NOW), LISTED);
    assert_eq!(contents.issuers[0].notices, []);
    // It comes again, late.
    let again = announced(&ca, contents.clone(), &announcement(&ca, 5, NOW), NOW);
    assert_eq!(again.issuers, contents.issuers);
}

#[test]
fn one_that_is_never_confirmed_counts_for_as_long_as_it_is_kept() {
    let ca = Ca::root("Issuing CA");
    let contents = published(&ca, None, 1, &[], NOW);
    let of_the_future = announcement(&ca, 5, NOW.plus(500));
    let contents = announced(&ca, contents, &of_the_future, NOW);
    // It is as old as the first time that it came.
    let later = NOW.plus(900);
    let contents = announced(&ca, contents, &announcement(&ca, 5, later), later);
    assert_eq!(contents.issuers[0].notices.len(), 1);
    assert_eq!(contents.issuers[0].notices[0].since, NOW);
    let end = NOW.plus(KEEP);
    assert_eq!(status(&contents, &ca, 5, end), ANNOUNCED);
    assert_eq!(status(&contents, &ca, 5, end.plus(1)), Status::NotRevoked);
    let contents = published(&ca, Some(contents), 2, &[], end.plus(1));
    assert_eq!(contents.issuers[0].notices, []);
    // One that is as old as that when it comes is none.
    let old = announced(&ca, contents, &announcement(&ca, 6, NOW), end.plus(1));
    assert_eq!(old.issuers[0].notices, []);
}

#[test]
fn it_is_about_the_ca_whose_id_is_in_the_key_or_in_the_configuration() {
    let (ca, other) = (Ca::root("Issuing CA"), Ca::root("Other CA"));
    let truststore = truststore(&[&ca, &other]);
    let of = |key: &str, known: &str| {
        let mut ledger = Ledger::new(&truststore, None);
        for (ca, key) in [(&ca, key), (&other, "crl/0000.crl")] {
            let verified = verify(&ca.crl().der(), &truststore).unwrap();
            ledger.adopt(verified, object(key, "1")).unwrap();
        }
        let announcement = announcement(&ca, 5, NOW);
        let known = KnownCas::read(known).unwrap();
        let issuers = announcement.issuers(ledger.issuers(), &known);
        issuers.into_iter().cloned().collect::<Vec<_>>()
    };
    let expected = [issuer(&ca)];
    assert_eq!(of(&ca.crl_key(), ""), expected);
    assert_eq!(of(&ca.partition_key("1f"), ""), expected);
    assert_eq!(of("custom/path.crl", ""), []);
    assert_eq!(of(&format!("crl/{}x.crl", ca.id()), ""), []);
    let key_id = |ca: &Ca| {
        ca.key_id()
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect::<String>()
    };
    let known = format!("{}={}", ca.id(), key_id(&ca));
    assert_eq!(of("custom/path.crl", &known), expected);
    // The configuration knows better than the key.
    let known = format!("{}={}", ca.id(), key_id(&other));
    assert_eq!(of(&ca.crl_key(), &known), [issuer(&other)]);
}

#[test]
fn a_ca_that_is_announced_as_revoked_is() {
    let root = Ca::root("Root CA");
    let issuing = root.subordinate("Issuing CA");
    let truststore = truststore(&[&root, &issuing]);
    let held = contents_of(&truststore, None, &[root.crl(), issuing.crl()]);
    let mut ledger = Ledger::new(&truststore, Some(held));
    let mut announcement = announcement(&root, 0, NOW);
    announcement.serial = serial(&issuing.serial());
    ledger.notice(&issuer(&root), announcement.notice(KEEP, NOW));
    let contents = ledger.into_contents(NOW, ObjectRef::default());
    let issuer_revoked = Status::Revoked(RevokedBy::Issuer);
    assert_eq!(status(&contents, &issuing, 5, NOW), issuer_revoked);
}

#[derive(Clone, Debug)]
enum Step {
    Revoke(u8),
    /// The CA publishes what it has revoked so far.
    Publish,
    /// An announcement that was made arrives: lost ones never do, doubled ones more than once.
    Arrive(usize),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Announcements are lost, doubled and reordered; once the CA has published, it is as if there were
    /// none. Until then whatever was announced is denied, and nothing else is denied that is not listed.
    #[test]
    fn in_the_end_announcements_and_crls_agree(steps in prop::collection::vec(prop_oneof![
        (1_u8..20).prop_map(Step::Revoke),
        Just(Step::Publish),
        any::<usize>().prop_map(Step::Arrive),
    ], 0..30)) {
        static CA: std::sync::LazyLock<Ca> = std::sync::LazyLock::new(|| Ca::root("Issuing CA"));
        let ca = &*CA;
        let mut contents = published(ca, None, 1, &[], NOW);
        let (mut revoked, mut arrived, mut listed) = (Vec::new(), Vec::new(), Vec::new());
        let mut number = 1;
        let mut publish = |held: Contents, revoked: &[u8]| {
            number += 1;
            published(ca, Some(held), number, revoked, NOW)
        };
        for step in steps {
            match step {
                Step::Revoke(serial) if !revoked.contains(&serial) => revoked.push(serial),
                Step::Revoke(_) => {}
                Step::Publish => {
                    contents = publish(contents, &revoked);
                    listed.clone_from(&revoked);
                }
                Step::Arrive(_) if revoked.is_empty() => {}
                Step::Arrive(which) => {
                    let serial = revoked[which % revoked.len()];
                    arrived.push(serial);
                    contents = announced(ca, contents, &announcement(ca, serial, NOW), NOW);
                }
            }
            for serial in 1..20 {
                let expected = if listed.contains(&serial) {
                    LISTED
                } else if arrived.contains(&serial) {
                    ANNOUNCED
                } else {
                    Status::NotRevoked
                };
                prop_assert_eq!(status(&contents, ca, serial, NOW), expected);
            }
        }
        let end = publish(contents, &revoked);
        prop_assert_eq!(&end.issuers[0].notices, &[]);
        for serial in 1..20 {
            let expected = if revoked.contains(&serial) { LISTED } else { Status::NotRevoked };
            prop_assert_eq!(status(&end, ca, serial, NOW), expected);
        }
    }
}
