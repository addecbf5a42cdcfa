//! What becomes of the operator's overrides: they deny, whatever the CAs say, and nothing else.

use crl_fetcher::ledger::Ledger;
use crl_fetcher::overrides::{Block, Overrides, Target};
use proptest::prelude::*;
use revocation::{BlockedKey, Contents, ObjectRef, Origin, RevokedBy, Status, UnixTime};
use testkit::pki::Ca;

use super::{NOW, contents_of, object, serial, status, truststore, verify};

const BLOCKED: Status = Status::Revoked(RevokedBy::Notice(Origin::Override));
const KEY_BLOCKED: Status = Status::Revoked(RevokedBy::BlockedKey);
const LISTED: Status = Status::Revoked(RevokedBy::Listing);

fn block(target: Target, until: i64) -> Block {
    Block {
        target,
        since: NOW.plus(-10),
        until: NOW.plus(until),
        note: "a test".to_owned(),
    }
}

fn certificate(ca: &Ca, number: u8) -> Target {
    Target::Certificate {
        issuer: ca.key_id().to_vec(),
        serial: serial(&[number]),
    }
}

fn key(public_key: u8) -> Target {
    Target::Key(BlockedKey::hash(&[public_key]))
}

/// One refresh that reads these overrides, and how many of them have no CA.
fn overridden(ca: &Ca, held: Contents, blocks: &[Block]) -> (Contents, usize) {
    let truststore = truststore(&[ca]);
    let mut ledger = Ledger::new(&truststore, Some(held));
    let overrides = Overrides {
        blocks: blocks.to_vec(),
    };
    let without_ca = ledger.override_with(&overrides).len();
    (ledger.into_contents(NOW, ObjectRef::default()), without_ca)
}

/// One refresh that reads none, and this CRL if there is one.
fn refreshed(ca: &Ca, held: Contents, crl: Option<(u64, u8)>, now: UnixTime) -> Contents {
    let truststore = truststore(&[ca]);
    let mut ledger = Ledger::new(&truststore, Some(held));
    if let Some((number, revoked)) = crl {
        let crl = ca.crl().number(number).revoke(&[revoked]);
        let verified = verify(&crl.der(), &truststore).unwrap();
        ledger
            .adopt(verified, object(&ca.crl_key(), &number.to_string()))
            .unwrap();
    }
    ledger.into_contents(now, ObjectRef::default())
}

#[test]
fn blocks_deny_until_they_end() {
    let ca = Ca::root("Issuing CA");
    let held = contents_of(&truststore(&[&ca]), None, &[ca.crl()]);
    let blocks = [block(certificate(&ca, 1), 5), block(key(2), 7)];
    let (contents, without_ca) = overridden(&ca, held, &blocks);
    assert_eq!(without_ca, 0);
    let good = Status::NotRevoked;
    for (number, public_key, after, expected) in [
        (1, 1, 5, BLOCKED),
        (1, 1, 6, good),
        (3, 2, 7, KEY_BLOCKED),
        (3, 2, 8, good),
        (3, 3, 0, good),
    ] {
        let now = NOW.plus(after);
        let status = status(&contents, &ca, number, public_key, now);
        assert_eq!(status, expected, "{number} {public_key} {after}");
    }
    // Nor are they kept for longer.
    let later = refreshed(&ca, contents, None, NOW.plus(8));
    assert_eq!(later.issuers[0].notices, []);
    assert_eq!(later.blocked_keys, []);
}

#[test]
fn a_block_of_no_ca_of_the_truststore_is_told() {
    let (ca, other) = (Ca::root("Issuing CA"), Ca::root("Other CA"));
    let held = contents_of(&truststore(&[&ca]), None, &[ca.crl()]);
    let blocks = [block(certificate(&other, 1), 5), block(key(2), 5)];
    let (contents, without_ca) = overridden(&ca, held, &blocks);
    assert_eq!(without_ca, 1);
    let good = Status::NotRevoked;
    assert_eq!(status(&contents, &ca, 1, 1, NOW), good);
    assert_eq!(status(&contents, &ca, 1, 2, NOW), KEY_BLOCKED);
}

#[test]
fn of_two_blocks_of_one_target_the_longer_counts() {
    let ca = Ca::root("Issuing CA");
    for (first, second) in [(5, 9), (9, 5)] {
        let held = contents_of(&truststore(&[&ca]), None, &[ca.crl()]);
        let blocks = [
            block(certificate(&ca, 1), first),
            block(certificate(&ca, 1), second),
            block(key(2), first),
            block(key(2), second),
        ];
        let (contents, _) = overridden(&ca, held, &blocks);
        assert_eq!(status(&contents, &ca, 1, 1, NOW.plus(9)), BLOCKED);
        assert_eq!(status(&contents, &ca, 3, 2, NOW.plus(9)), KEY_BLOCKED);
    }
}

#[test]
fn a_block_outlasts_a_crl_that_takes_the_certificate_back() {
    let ca = Ca::root("Issuing CA");
    let held = contents_of(&truststore(&[&ca]), None, &[ca.crl().number(1)]);
    let (contents, _) = overridden(&ca, held, &[block(certificate(&ca, 1), 5)]);
    let contents = refreshed(&ca, contents, Some((2, 1)), NOW);
    assert_eq!(status(&contents, &ca, 1, 1, NOW), LISTED);
    // As from certificateHold.
    let contents = refreshed(&ca, contents, Some((3, 7)), NOW);
    assert_eq!(status(&contents, &ca, 1, 1, NOW), BLOCKED);
    let (contents, _) = overridden(&ca, contents, &[]);
    assert_eq!(status(&contents, &ca, 1, 1, NOW), Status::NotRevoked);
}

#[test]
fn with_the_key_of_a_ca_all_that_it_issued_is_blocked() {
    let root = Ca::root("Root CA");
    let issuing = root.subordinate("Issuing CA");
    let truststore = truststore(&[&root, &issuing]);
    let held = contents_of(&truststore, None, &[root.crl(), issuing.crl()]);
    let public_key = truststore
        .cas()
        .iter()
        .find(|ca| ca.issuer.name == issuing.name_der())
        .map(|ca| BlockedKey::hash(&ca.public_key_info))
        .unwrap();
    for target in [Target::Key(public_key), {
        Target::Certificate {
            issuer: root.key_id().to_vec(),
            serial: serial(&issuing.serial()),
        }
    }] {
        let mut ledger = Ledger::new(&truststore, Some(held.clone()));
        let overrides = Overrides {
            blocks: vec![block(target, 5)],
        };
        assert!(ledger.override_with(&overrides).is_empty());
        let contents = ledger.into_contents(NOW, ObjectRef::default());
        let of_issuer = Status::Revoked(RevokedBy::Issuer);
        assert_eq!(status(&contents, &issuing, 5, 1, NOW), of_issuer);
        assert_eq!(status(&contents, &root, 5, 1, NOW), Status::NotRevoked);
    }
}

fn any_blocks() -> impl Strategy<Value = Vec<(bool, u8, i64)>> {
    prop::collection::vec((any::<bool>(), 1_u8..6, -5_i64..9), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever was blocked before, and whatever a CRL lists: what is denied as blocked is what the
    /// last overrides block, and what is denied without them still is.
    #[test]
    fn overrides_add_denials_and_the_last_ones_count(
        before in any_blocks(),
        last in any_blocks(),
        revoked in 1_u8..6,
        after in 0_i64..9,
    ) {
        static CA: std::sync::LazyLock<Ca> = std::sync::LazyLock::new(|| Ca::root("Issuing CA"));
        let ca = &*CA;
        let blocks = |drawn: &[(bool, u8, i64)]| -> Vec<Block> {
            let target = |is_key, number| if is_key { key(number) } else { certificate(ca, number) };
            drawn
                .iter()
                .map(|&(is_key, number, until)| block(target(is_key, number), until))
                .collect()
        };
        let held = contents_of(&truststore(&[ca]), None, &[ca.crl().number(1).revoke(&[revoked])]);
        let (contents, _) = overridden(ca, held, &blocks(&before));
        let (contents, _) = overridden(ca, contents, &blocks(&last));
        let counts = |is_key: bool, number: u8| {
            last.iter().any(|block| (block.0, block.1) == (is_key, number) && after <= block.2)
        };
        for number in 1..6 {
            for public_key in 1..6 {
                let expected = if number == revoked {
                    LISTED
                } else if counts(false, number) {
                    BLOCKED
                } else if counts(true, public_key) {
                    KEY_BLOCKED
                } else {
                    Status::NotRevoked
                };
                let now = NOW.plus(after);
                prop_assert_eq!(status(&contents, ca, number, public_key, now), expected);
            }
        }
    }
}
