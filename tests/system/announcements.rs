//! A revocation that AWS Private CA announces counts at once, and the CRL takes over when it comes.

use std::time::Duration;

use revocation::SerialNumber;
use serde_json::{Value, json};
use system_tests::refresh;
use testkit::events::certificate_revocation;
use testkit::pki::{Ca, Leaf};

use crate::setting::{Setting, now};

impl Setting {
    /// Invokes the fetcher with the announcement of that certificate's revocation, changed by `change`.
    async fn announce(&self, leaf: &Leaf, change: impl FnOnce(&mut Value)) -> Value {
        let serial = leaf.serial();
        let digits: String = serial.iter().map(|octet| format!("{octet:02x}")).collect();
        let mut event = certificate_revocation(self.ca.id(), &digits);
        event["time"] = time(0);
        change(&mut event);
        let report = self.fetcher.invoke(event).await.result;
        report.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// So many seconds ago, as events have it.
fn time(seconds: i64) -> Value {
    json!(now().plus(-seconds).to_string())
}

#[tokio::test]
async fn an_announced_revocation_counts_at_once_until_the_crl_lists_it() {
    let setting = Setting::start(&[]).await;
    let good = "allow not-revoked";
    assert_eq!(setting.decisions().await, [good, good]);

    let report = setting.announce(&setting.alice, |_| {}).await;
    assert_eq!(report["announcement"]["outcome"], "noted", "{report}");
    assert_eq!(report["announcement"]["caId"], setting.ca.id());
    assert_eq!(report["snapshot"]["published"], true);
    assert_eq!(report["snapshot"]["announced"], 1);
    assert_eq!(report["snapshot"]["unconfirmed"], 0);
    let denied = "deny revocation-announced";
    assert_eq!(setting.decisions().await, [denied, good]);

    // Twice is once.
    let report = setting.announce(&setting.alice, |_| {}).await;
    assert_eq!(report["snapshot"]["published"], false, "{report}");
    // A CRL without it takes nothing back.
    let crl = |number| setting.ca.crl().current().number(number);
    setting
        .deployment
        .publish(&setting.ca.crl_key(), crl(2).der());
    refresh(&setting.fetcher).await;
    assert_eq!(setting.decisions().await, [denied, good]);

    let listing = crl(3).revoke(&setting.alice.serial());
    setting
        .deployment
        .publish(&setting.ca.crl_key(), listing.der());
    let report = refresh(&setting.fetcher).await;
    assert_eq!(report["snapshot"]["announced"], 0);
    assert_eq!(setting.decisions().await, ["deny revoked", good]);
    let report = setting.announce(&setting.alice, |_| {}).await;
    assert_eq!(report["announcement"]["outcome"], "settled", "{report}");
    assert_eq!(report["snapshot"]["announced"], 0);
}

#[tokio::test]
async fn what_is_not_an_announcement_of_a_ca_of_ours_denies_nobody() {
    let setting = Setting::start(&[]).await;
    let set = |pointer: &'static str, value: Value| {
        move |event: &mut Value| *event.pointer_mut(pointer).unwrap() = value
    };
    let (good, ours) = ("allow not-revoked", "123456789012");
    // An account that is not the function's, in all of the event.
    let elsewhere = |event: &mut Value| {
        let text = event.to_string().replace(ours, "210987654321");
        *event = serde_json::from_str(&text).unwrap();
    };
    let report = setting.announce(&setting.alice, elsewhere).await;
    assert_eq!(report["announcement"]["outcome"], "ignored", "{report}");
    let message = report["announcement"]["message"].as_str().unwrap();
    assert!(message.contains("CA_ACCOUNTS"), "{message}");
    let report = setting.announce(&setting.alice, set("/account", json!("210987654321")));
    assert_eq!(report.await["announcement"]["outcome"], "ignored");
    let report = setting.announce(&setting.alice, set("/resources", json!([])));
    assert_eq!(report.await["announcement"]["outcome"], "ignored");
    let report = setting.announce(&setting.alice, set("/source", json!("mine")));
    assert_eq!(report.await.get("announcement"), None);
    let report = setting.announce(&setting.alice, set("/detail/result", json!("failure")));
    assert_eq!(report.await.get("announcement"), None);
    let other = |event: &mut Value| {
        let text = event.to_string().replace(setting.ca.id(), "0123-other-ca");
        *event = serde_json::from_str(&text).unwrap();
    };
    let report = setting.announce(&setting.alice, other).await;
    assert_eq!(report["announcement"]["outcome"], "foreign", "{report}");
    assert_eq!(setting.decisions().await, [good, good]);
}

#[tokio::test]
async fn accounts_and_cas_can_be_named() {
    let key_id = |ca: &Ca| {
        ca.key_id()
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect::<String>()
    };
    let setting = Setting::start(&[("CA_ACCOUNTS", "210987654321")]).await;
    let elsewhere = |event: &mut Value| {
        let text = event.to_string().replace("123456789012", "210987654321");
        *event = serde_json::from_str(&text).unwrap();
    };
    let report = setting.announce(&setting.alice, elsewhere).await;
    assert_eq!(report["announcement"]["outcome"], "noted", "{report}");

    // Its CRL is where its id is not.
    let known = format!("the-id={}", key_id(&setting.ca));
    let named = setting
        .deployment
        .fetcher_with(&[("CA_KEY_IDS", &known)])
        .await;
    let mut event = certificate_revocation("the-id", "0badcafe");
    event["time"] = time(3 * 3600);
    let report = named.invoke(event).await.result.unwrap();
    assert_eq!(report["announcement"]["outcome"], "noted", "{report}");
    // Two hours are enough for a CA to publish.
    assert_eq!(report["snapshot"]["announced"], 2);
    assert_eq!(report["snapshot"]["unconfirmed"], 1);
}

/// By the keys that the template's query asks for.
#[tokio::test]
async fn each_announcement_is_a_line_of_the_log_that_can_be_found() {
    let setting = Setting::start(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    setting.announce(&setting.alice, |_| {}).await;
    let nowhere = |event: &mut Value| event["resources"] = json!([]);
    setting.announce(&setting.bob, nowhere).await;

    let last = r#""outcome":"ignored""#;
    let logged = setting.fetcher.logged(last, Duration::from_secs(5)).await;
    assert!(logged.is_some());
    let lines = setting.fetcher.logs();
    let lines = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let lines: Vec<_> = lines
        .filter(|line| line["fields"]["message"] == "announcement")
        .collect();
    let [noted, ignored] = lines.as_slice() else {
        panic!("{:?}", setting.fetcher.logs());
    };
    assert_eq!(noted["level"], "INFO");
    let fields = &noted["fields"];
    assert_eq!(fields["outcome"], "noted");
    assert_eq!(fields["ca_id"], setting.ca.id());
    // The value, without the zero that DER puts before a high bit.
    let serial = SerialNumber::from_der_integer(&setting.alice.serial()).unwrap();
    assert_eq!(fields["serial"], serial.to_string());
    assert_eq!(ignored["level"], "WARN");
    assert_eq!(ignored["fields"]["outcome"], "ignored");
    let detail = ignored["fields"]["detail"].as_str().unwrap();
    assert!(detail.contains("resources"), "{detail}");
}
