//! What the operator blocks is denied with the next refresh, whatever the CA says, and nobody is let in
//! because the overrides cannot be read.

use crl_fetcher::overrides::{Block, Overrides, Target};
use revocation::{BlockedKey, SerialNumber};
use serde_json::Value;
use system_tests::{SNAPSHOT_BUCKET, decide, failed_refresh, metrics, refresh, total};
use testkit::events::object_created;
use testkit::pki::{Ca, Leaf, LeafOptions};

use crate::setting::{Setting, now};

const KEY: &str = "overrides/overrides.json";
const VARIABLES: [(&str, &str); 1] = [("OVERRIDES_BUCKET", SNAPSHOT_BUCKET)];

impl Setting {
    fn put(&self, octets: impl Into<Vec<u8>>) {
        self.deployment.s3.put(SNAPSHOT_BUCKET, KEY, octets);
    }

    /// Writes the overrides, and S3's event starts a refresh.
    async fn block(&self, targets: Vec<Target>) -> Value {
        let block = |target| Block {
            target,
            since: now(),
            until: now().plus(3600),
            note: "a test".to_owned(),
        };
        let blocks = targets.into_iter().map(block).collect();
        self.put(Overrides { blocks }.to_json());
        let event = object_created(SNAPSHOT_BUCKET, KEY);
        let report = self.fetcher.invoke(event).await.result;
        report.unwrap_or_else(|error| panic!("{error}"))
    }

    fn certificate(&self, leaf: &Leaf) -> Target {
        Target::Certificate {
            issuer: self.ca.key_id().to_vec(),
            serial: SerialNumber::from_magnitude(&leaf.serial()).unwrap(),
        }
    }
}

const GOOD: &str = "allow not-revoked";

#[tokio::test]
async fn a_blocked_certificate_is_denied_until_it_is_unblocked() {
    let setting = Setting::start(&VARIABLES).await;
    assert_eq!(setting.decisions().await, [GOOD, GOOD]);
    let alice = setting.certificate(&setting.alice);
    let report = setting.block(vec![alice]).await;
    assert_eq!(report["trigger"], format!("s3 {KEY}"));
    assert_eq!(report["overrides"]["outcome"], "taken", "{report}");
    let object = format!("s3://{SNAPSHOT_BUCKET}/{KEY}");
    assert_eq!(report["overrides"]["object"], object);
    assert_eq!(report["snapshot"]["blocked"], 1);
    assert_eq!(report["snapshot"]["announced"], 0);
    assert_eq!(setting.decisions().await, ["deny blocked", GOOD]);

    // A CRL without it takes nothing back.
    let crl = setting.ca.crl().current().number(2);
    setting.deployment.publish(&setting.ca.crl_key(), crl.der());
    refresh(&setting.fetcher).await;
    assert_eq!(setting.decisions().await, ["deny blocked", GOOD]);

    let report = setting.block(vec![]).await;
    assert_eq!(report["snapshot"]["blocked"], 0, "{report}");
    assert_eq!(setting.decisions().await, [GOOD, GOOD]);
    let metrics = metrics(&setting.fetcher);
    assert_eq!(total(&metrics, "OverridesRefused"), 0);
    // In the first refresh with it, and in that of the CRL.
    assert_eq!(total(&metrics, "BlocksInForce"), 2);
}

#[tokio::test]
async fn a_blocked_key_is_denied_in_every_certificate_that_has_it() {
    let setting = Setting::start(&VARIABLES).await;
    let other_ca = Ca::root("Other CA");
    setting.deployment.trust(&[&setting.ca, &other_ca]);
    let crl = other_ca.crl().current().number(1);
    setting.deployment.publish(&other_ca.crl_key(), crl.der());
    let of_key_of = |ca: &Ca, leaf: &Leaf| {
        let options = LeafOptions {
            key_of: Some(leaf.clone()),
            ..LeafOptions::current()
        };
        ca.issue_with("the same key", options)
    };
    let same_ca = of_key_of(&setting.ca, &setting.alice);
    let another_ca = of_key_of(&other_ca, &setting.alice);
    let key = Target::Key(BlockedKey::hash(&setting.alice.spki_der()));
    let report = setting.block(vec![key]).await;
    assert_eq!(report["snapshot"]["blocked"], 1, "{report}");
    assert_eq!(setting.decisions().await, ["deny key-blocked", GOOD]);
    for leaf in [same_ca, another_ca] {
        let decision = decide(&setting.authorizer, &leaf).await;
        assert_eq!(decision, "deny key-blocked");
    }
}

#[tokio::test]
async fn what_cannot_be_read_takes_nothing_back_and_is_told() {
    let setting = Setting::start(&VARIABLES).await;
    let alice = setting.certificate(&setting.alice);
    setting.block(vec![alice]).await;
    let mut refused = 0;
    for octets in [
        &b"{\"version\": 1, \"blocks\": [{}]}"[..],
        b"{\"version\": 1, \"blocks\": []",
        b"{\"version\": 2, \"blocks\": []}",
        &vec![b' '; (1 << 20) + 1],
    ] {
        setting.put(octets);
        let error = failed_refresh(&setting.fetcher).await;
        assert_eq!(error.error_type, "RefusedSources");
        let object = format!("s3://{SNAPSHOT_BUCKET}/{KEY}: overrides-refused: ");
        assert!(error.message.starts_with(&object), "{}", error.message);
        assert_eq!(setting.decisions().await, ["deny blocked", GOOD]);
        refused += 1;
        assert_eq!(
            total(&metrics(&setting.fetcher), "OverridesRefused"),
            refused
        );
    }
    // The rest of the refresh is not held up.
    let crl = setting.ca.crl().current().number(2);
    let crl = crl.revoke(&setting.bob.serial());
    setting.deployment.publish(&setting.ca.crl_key(), crl.der());
    failed_refresh(&setting.fetcher).await;
    assert_eq!(setting.decisions().await, ["deny blocked", "deny revoked"]);

    setting.deployment.s3.remove(SNAPSHOT_BUCKET, KEY);
    let error = failed_refresh(&setting.fetcher).await;
    assert!(error.message.contains("overrides-vanished"));
    assert_eq!(setting.decisions().await, ["deny blocked", "deny revoked"]);
    let report = setting.block(vec![]).await;
    assert_eq!(report["overrides"]["outcome"], "taken", "{report}");
    assert_eq!(setting.decisions().await, [GOOD, "deny revoked"]);
}

#[tokio::test]
async fn a_fetcher_without_a_place_for_them_has_none() {
    let setting = Setting::start(&VARIABLES).await;
    let alice = setting.certificate(&setting.alice);
    setting.block(vec![alice]).await;
    let without = setting.deployment.fetcher().await;
    let report = refresh(&without).await;
    assert_eq!(report.get("overrides"), None);
    assert_eq!(report["snapshot"]["blocked"], 0);
    assert_eq!(setting.decisions().await, [GOOD, GOOD]);
    // And where there is a place with nothing in it, nothing is wrong.
    setting.deployment.s3.remove(SNAPSHOT_BUCKET, KEY);
    let report = refresh(&setting.fetcher).await;
    assert_eq!(report["overrides"]["outcome"], "absent");
}

#[tokio::test]
async fn a_block_that_has_no_ca_is_told() {
    let setting = Setting::start(&VARIABLES).await;
    let nobody = Target::Certificate {
        issuer: vec![7; 20],
        serial: SerialNumber::from_magnitude(&[1]).unwrap(),
    };
    let report = setting.block(vec![nobody]).await;
    let expected = format!("serial number 01 of CA {}", "07".repeat(20));
    assert_eq!(report["overrides"]["withoutCa"][0], expected, "{report}");
    assert_eq!(total(&metrics(&setting.fetcher), "BlocksWithoutCa"), 1);
    assert_eq!(setting.decisions().await, [GOOD, GOOD]);
}
