//! What the ledger carries from snapshot to snapshot: knowledge only grows.

use crl_fetcher::ledger::{Adopted, Ledger};
use crl_fetcher::refusal::Refusal;
use revocation::CrlNumber;
use testkit::pki::{Ca, der};

use super::{NOW, contents_of, issuer, object, serial, truststore, verify};

#[test]
fn a_greater_number_supersedes_and_nothing_else_does() {
    let ca = Ca::root("Issuing CA");
    let truststore = truststore(&[&ca]);
    let adopt = |ledger: &mut Ledger<'_>, crl: &[u8], etag: &str| {
        let verified = verify(crl, &truststore).unwrap();
        ledger.adopt(verified, object("crl/a.crl", etag))
    };
    let first = ca.crl().number(10).revoke(&[1]).der();
    let second = ca.crl().number(11).revoke(&[2]).der();

    let mut ledger = Ledger::new(&truststore, None);
    assert_eq!(adopt(&mut ledger, &first, "1"), Ok(Adopted::New));
    assert_eq!(adopt(&mut ledger, &second, "2"), Ok(Adopted::New));
    let sources: Vec<_> = ledger.records().map(|record| &record.source).collect();
    assert_eq!(sources, [&object("crl/a.crl", "2")]);

    let lower = Refusal::CrlNumberLower {
        held: number(11),
        found: number(10),
    };
    assert_eq!(adopt(&mut ledger, &first, "3"), Err(lower));
    let reused = Refusal::CrlNumberReused { number: number(11) };
    let other = ca.crl().number(11).revoke(&[3]).der();
    assert_eq!(adopt(&mut ledger, &other, "4"), Err(reused));
    assert_eq!(adopt(&mut ledger, &second, "5"), Ok(Adopted::Unchanged));

    let contents = ledger.into_contents(NOW, object("truststore.pem", "t"));
    let held = &contents.issuers[0].crls;
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].number, number(11));
    assert_eq!(held[0].source, object("crl/a.crl", "5"));
    assert!(held[0].revoked.contains(&serial(&[2])));
}

/// ECDSA signatures are randomized: each time a CA signs a list the octets are others.
#[test]
fn the_same_list_signed_anew_is_the_same_crl() {
    let ca = Ca::root("Issuing CA");
    let truststore = truststore(&[&ca]);
    let crl = ca.crl().number(10).revoke(&[1]);
    let (first, second) = (crl.der(), crl.der());
    assert_ne!(first, second);
    let mut ledger = Ledger::new(&truststore, None);
    for (der, etag, expected) in [
        (first, "1", Adopted::New),
        (second, "2", Adopted::Unchanged),
    ] {
        let verified = verify(&der, &truststore).unwrap();
        let adopted = ledger.adopt(verified, object("crl/a.crl", etag));
        assert_eq!(adopted, Ok(expected));
    }
    let sources: Vec<_> = ledger.records().map(|record| &record.source).collect();
    assert_eq!(sources, [&object("crl/a.crl", "2")]);
}

/// An object that was moved is not missed for ever, and of two copies the first stays the source.
#[test]
fn the_same_crl_under_another_key_takes_the_place_of_a_vanished_one() {
    let ca = Ca::root("Issuing CA");
    let truststore = truststore(&[&ca]);
    let crl = ca.crl().number(10).der();
    let source_after = |listed: &[&str]| {
        let adopt = |ledger: &mut Ledger<'_>, source| {
            let verified = verify(&crl, &truststore).unwrap();
            ledger.adopt(verified, source)
        };
        let mut ledger = Ledger::new(&truststore, None);
        let first = adopt(&mut ledger, object("crl/0.crl", "1"));
        assert_eq!(first, Ok(Adopted::New));
        let vanished = ledger.find_vanished(|key| listed.contains(&key)).to_vec();
        let second = adopt(&mut ledger, object("crl/moved.crl", "2"));
        assert_eq!(second, Ok(Adopted::Unchanged));
        let sources: Vec<_> = ledger
            .records()
            .map(|record| record.source.clone())
            .collect();
        (vanished, sources)
    };
    let moved = source_after(&["crl/moved.crl"]);
    assert_eq!(moved.0, ["crl/0.crl"]);
    assert_eq!(moved.1, [object("crl/moved.crl", "2")]);
    let copied = source_after(&["crl/0.crl", "crl/moved.crl"]);
    assert_eq!(copied.0, [""; 0]);
    assert_eq!(copied.1, [object("crl/0.crl", "1")]);
}

/// CRL numbers are compared as numbers: AWS Private CA's have 48 bits and grow longer.
#[test]
fn a_longer_number_is_greater() {
    let ca = Ca::root("Issuing CA");
    let crls = [
        ca.crl().number(0xff),
        ca.crl().number(0x100),
        ca.crl().number_der(&der::integer(&[0x7f; 20])),
    ];
    let contents = contents_of(&truststore(&[&ca]), None, &crls);
    let held = &contents.issuers[0].crls;
    assert_eq!(
        held[0].number,
        CrlNumber::from_der_integer(&[0x7f; 20]).unwrap()
    );
}

#[test]
fn each_scope_has_numbers_of_its_own() {
    let ca = Ca::root("Issuing CA");
    let crls = [
        ca.crl().number(10).revoke(&[1]),
        ca.crl()
            .number(3)
            .partition(&["http://crl.example.com/a"])
            .revoke(&[2]),
        ca.crl()
            .number(2)
            .partition(&["http://crl.example.com/b"])
            .revoke(&[3]),
    ];
    let contents = contents_of(&truststore(&[&ca]), None, &crls);
    let numbers: Vec<_> = contents.issuers[0]
        .crls
        .iter()
        .map(|crl| crl.number.to_string())
        .collect();
    assert_eq!(numbers, ["10", "3", "2"]);
}

#[test]
fn what_was_held_stays_without_its_objects() {
    let ca = Ca::root("Issuing CA");
    let truststore = truststore(&[&ca]);
    let partition = ca.crl().partition(&["http://crl.example.com/a"]);
    let before = contents_of(&truststore, None, &[ca.crl().number(5), partition]);
    assert_eq!(before.issuers[0].crls.len(), 2);

    let after = contents_of(&truststore, Some(before.clone()), &[]);
    assert_eq!(after, before);
    let newer = contents_of(&truststore, Some(before.clone()), &[ca.crl().number(6)]);
    assert_eq!(newer.issuers[0].crls[0].number, number(6));
    assert_eq!(newer.issuers[0].crls[1], before.issuers[0].crls[1]);
}

#[test]
fn every_ca_of_the_truststore_is_known_also_without_a_crl() {
    let (one, two) = (Ca::root("CA one"), Ca::root("CA two"));
    let contents = contents_of(&truststore(&[&two, &one]), None, &[two.crl()]);
    let known: Vec<_> = contents
        .issuers
        .iter()
        .map(|record| (&record.issuer, record.revoked, record.crls.len()))
        .collect();
    let (one, two) = (issuer(&one), issuer(&two));
    assert_eq!(known, [(&one, false, 0), (&two, false, 1)]);
}

#[test]
fn a_ca_that_left_the_truststore_is_forgotten() {
    let (stays, leaves) = (Ca::root("CA one"), Ca::root("CA two"));
    let before = contents_of(
        &truststore(&[&stays, &leaves]),
        None,
        &[stays.crl(), leaves.crl()],
    );
    assert_eq!(before.issuers.len(), 2);
    let after = contents_of(&truststore(&[&stays]), Some(before.clone()), &[]);
    assert_eq!(after.issuers, before.issuers[..1]);
}

/// The same name is not enough to inherit what another key's CRL said.
#[test]
fn a_ca_of_the_same_name_with_another_key_inherits_nothing() {
    let (old, new) = (Ca::root("Issuing CA"), Ca::root("Issuing CA"));
    let before = contents_of(&truststore(&[&old]), None, &[old.crl().revoke(&[1])]);
    let after = contents_of(&truststore(&[&new]), Some(before), &[]);
    assert_eq!(after.issuers[0].issuer, issuer(&new));
    assert_eq!(after.issuers[0].crls, []);
}

fn number(value: u64) -> CrlNumber {
    CrlNumber::from_der_integer(&der::minimal_content(&value.to_be_bytes())).unwrap()
}
