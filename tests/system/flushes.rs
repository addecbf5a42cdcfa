//! Authorizer caches are flushed when revocations are added, whatever happens in between.

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::{
    Deployment, SNAPSHOT_BUCKET, SNAPSHOT_KEY, client, failed_refresh, metrics, refresh, total,
};
use testkit::api_gateway::{ApiGateway, Fault};
use testkit::events::certificate_revocation;
use testkit::lambda::Function;
use testkit::pki::{Ca, LeafOptions};
use testkit::s3::{self, Operation};

const HTTP: &str = "http:a1b2c3/$default";
const REST: &str = "rest:d4e5f6/live";
/// No authorizer that is still to get the snapshot.
const SETTLED: [(&str, &str); 2] = settle("0");

const fn settle(seconds: &str) -> [(&str, &str); 2] {
    [
        ("SNAPSHOT_HARD_AGE_SECONDS", seconds),
        ("CACHE_SETTLE_SECONDS", "0"),
    ]
}

struct Setting {
    deployment: Deployment,
    api_gateway: ApiGateway,
    ca: Ca,
}

impl Setting {
    /// With a CRL that revokes nobody.
    async fn start() -> Self {
        let ca = Ca::root("Issuing CA");
        let setting = Self {
            deployment: Deployment::start(&[&ca]).await,
            api_gateway: ApiGateway::start().await,
            ca,
        };
        setting.publish(1, 0);
        setting
    }

    /// A CRL with so many entries.
    fn publish(&self, number: u64, revoked: u8) {
        let crl = self.ca.crl().current().number(number);
        let crl = (1..=revoked).fold(crl, |crl, serial| crl.revoke(&[serial]));
        self.deployment.publish(&self.ca.crl_key(), crl.der());
    }

    async fn fetcher(&self, caches: &str, variables: &[(&str, &str)]) -> Function {
        let endpoints = self.api_gateway.environment();
        let endpoints = endpoints
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let own = [("AUTHORIZER_CACHES", caches)].into_iter();
        let variables: Vec<_> = own
            .chain(variables.iter().copied())
            .chain(endpoints)
            .collect();
        self.deployment.fetcher_with(&variables).await
    }

    /// One that has flushed everything there was to flush.
    async fn fetcher_after_flush(&self, caches: &str) -> Function {
        let fetcher = self.fetcher(caches, &SETTLED).await;
        let report = refresh(&fetcher).await;
        assert!(outcomes(&report).iter().all(|outcome| outcome == "flushed"));
        fetcher
    }

    fn flushes(&self) -> usize {
        self.api_gateway.flushed().len()
    }

    fn state(&self) -> Value {
        let octets = self.deployment.s3.get(SNAPSHOT_BUCKET, &state_key());
        serde_json::from_slice(&octets.expect("a state")).unwrap()
    }
}

fn state_key() -> String {
    format!("{SNAPSHOT_KEY}.flushed")
}

fn outcomes(report: &Value) -> Vec<String> {
    let caches = report["flush"]["caches"].as_array().expect("caches");
    caches
        .iter()
        .map(|cache| cache["outcome"].as_str().unwrap().to_owned())
        .collect()
}

fn message(report: &Value, cache: usize) -> &str {
    report["flush"]["caches"][cache]["message"]
        .as_str()
        .unwrap()
}

#[tokio::test]
async fn a_publication_that_adds_revocations_flushes_once_and_no_other_does() {
    let setting = Setting::start().await;
    let fetcher = setting
        .fetcher_after_flush(&format!("{HTTP}, {REST}"))
        .await;
    let mut flushed = setting.api_gateway.flushed();
    flushed.sort();
    assert_eq!(flushed, [HTTP, REST]);
    let mut requests: Vec<_> = setting.api_gateway.calls();
    requests.sort_by(|a, b| a.request.cmp(&b.request));
    assert_eq!(
        requests[0].request,
        "DELETE /restapis/d4e5f6/stages/live/cache/authorizers"
    );
    assert_eq!(requests[0].status, Some(202));
    assert_eq!(
        requests[1].request,
        "DELETE /v2/apis/a1b2c3/stages/%24default/cache/authorizers"
    );
    assert_eq!(requests[1].status, Some(204));

    // Nothing new, then a new CRL that lists nobody.
    let report = refresh(&fetcher).await;
    assert_eq!(report["snapshot"]["published"], false);
    assert_eq!(outcomes(&report), ["unchanged", "unchanged"]);
    setting.publish(2, 0);
    let report = refresh(&fetcher).await;
    assert_eq!(report["snapshot"]["published"], true);
    assert_eq!(outcomes(&report), ["unchanged", "unchanged"]);
    assert_eq!(setting.state()["snapshot"], report["snapshot"]["etag"]);
    assert_eq!(setting.flushes(), 2);

    setting.publish(3, 2);
    let report = refresh(&fetcher).await;
    assert_eq!(outcomes(&report), ["flushed", "flushed"]);
    assert_eq!(setting.flushes(), 4);
    // What is listed no more is no revocation, and what is listed still is not a new one.
    setting.publish(4, 1);
    let report = refresh(&fetcher).await;
    assert_eq!(outcomes(&report), ["unchanged", "unchanged"]);
    assert_eq!(setting.flushes(), 4);

    let metrics = metrics(&fetcher);
    assert_eq!(total(&metrics, "CacheFlushes"), 4);
    assert_eq!(total(&metrics, "CacheFlushFailed"), 0);
}

#[tokio::test]
async fn without_caches_nothing_is_asked_for() {
    let setting = Setting::start().await;
    let fetcher = setting.fetcher(" ", &[]).await;
    let report = refresh(&fetcher).await;
    assert_eq!(report.get("flush"), None);
    assert_eq!(setting.api_gateway.calls(), []);
    let requests = setting.deployment.s3.requests();
    assert!(requests.iter().all(|request| request.key != state_key()));
    let lines = metrics(&fetcher);
    assert!(lines.iter().all(|line| line.get("CacheFlushes").is_none()));
}

#[tokio::test]
async fn an_announcement_flushes_at_once_and_the_crl_after_it_does_not() {
    let setting = Setting::start().await;
    let fetcher = setting.fetcher_after_flush(HTTP).await;
    let alice = client(&setting.ca, "alice");
    let digits: String = alice.serial().iter().map(|o| format!("{o:02x}")).collect();
    let mut event = certificate_revocation(setting.ca.id(), &digits);
    let now = LeafOptions::current().not_before + 3600;
    event["time"] = json!(revocation::UnixTime::from_seconds(now).to_string());
    let report = fetcher.invoke(event.clone()).await.result.unwrap();
    assert_eq!(report["announcement"]["outcome"], "noted");
    assert_eq!(outcomes(&report), ["flushed"]);
    let again = fetcher.invoke(event).await.result.unwrap();
    assert_eq!(outcomes(&again), ["unchanged"]);

    let crl = setting.ca.crl().current().number(2).revoke(&alice.serial());
    setting.deployment.publish(&setting.ca.crl_key(), crl.der());
    let report = refresh(&fetcher).await;
    assert_eq!(report["snapshot"]["published"], true);
    assert_eq!(outcomes(&report), ["unchanged"]);
    assert_eq!(setting.flushes(), 2);
}

/// Authorizers decide from the old snapshot for a while, and what they allow is cached.
#[tokio::test]
async fn until_every_authorizer_has_the_snapshot_each_refresh_flushes() {
    let setting = Setting::start().await;
    let settle = settle("3");
    let fetcher = setting.fetcher(REST, &settle).await;
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
    assert_eq!(setting.state()["flushed"][REST]["settled"], false);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
    // A publication that adds nothing neither ends nor renews that.
    let published_at = setting.state()["publishedAt"].clone();
    setting.publish(2, 0);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
    assert_eq!(setting.state()["publishedAt"], published_at);

    tokio::time::sleep(Duration::from_secs(4)).await;
    // Of whichever environment.
    let fetcher = setting.fetcher(REST, &settle).await;
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
    assert_eq!(setting.state()["flushed"][REST]["settled"], true);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["unchanged"]);
    setting.publish(3, 1);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
    assert_eq!(setting.state()["flushed"][REST]["settled"], false);
    assert_eq!(setting.flushes(), 5);
}

#[tokio::test]
async fn what_is_refused_is_told_with_the_remedy_and_owed_to_the_next_refresh() {
    for (cache, api_id, fault, remedy) in [
        (
            HTTP,
            "a1b2c3",
            Fault::Status(403, "AccessDeniedException"),
            "apigateway:DELETE on /apis/a1b2c3/stages/$default/cache/authorizers",
        ),
        (
            REST,
            "d4e5f6",
            Fault::Status(403, "AccessDeniedException"),
            "apigateway:DELETE on /restapis/d4e5f6/stages/live/cache/authorizers",
        ),
        (
            REST,
            "d4e5f6",
            Fault::Status(404, "NotFoundException"),
            "AUTHORIZER_CACHES",
        ),
    ] {
        let setting = Setting::start().await;
        let fetcher = setting.fetcher_after_flush(cache).await;
        setting.publish(2, 1);
        setting.api_gateway.fail_next(api_id, fault, 1);
        let report = refresh(&fetcher).await;
        // The revocation counts, and the answer would be the same if it were asked for again.
        assert_eq!(report["snapshot"]["published"], true, "{fault:?}");
        assert_eq!(outcomes(&report), ["failed"], "{fault:?}");
        let message = message(&report, 0);
        assert!(message.contains(cache), "{message}");
        assert!(message.contains(remedy), "{message}");
        assert!(message.contains("as the test asked for"), "{message}");
        assert_eq!(setting.api_gateway.calls().len(), 2, "{fault:?}");
        assert_eq!(total(&metrics(&fetcher), "CacheFlushFailed"), 1);
        let logged = fetcher.logged("cannot flush", Duration::from_secs(5)).await;
        assert!(logged.is_some_and(|line| line.contains("ERROR")));

        assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"], "{fault:?}");
        assert_eq!(outcomes(&refresh(&fetcher).await), ["unchanged"]);
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_at_once() {
    let setting = Setting::start().await;
    let fetcher = setting.fetcher_after_flush(HTTP).await;
    let busy = Fault::Status(429, "TooManyRequestsException");
    let down = Fault::Status(503, "ServiceUnavailableException");
    let faults = [busy, down, Fault::ResetConnection, Fault::Hang];
    for (number, fault) in (2..).zip(faults) {
        let calls = setting.api_gateway.calls().len();
        setting.publish(u64::from(number), number);
        setting.api_gateway.fail_next("a1b2c3", fault, 1);
        let report = refresh(&fetcher).await;
        assert_eq!(outcomes(&report), ["flushed"], "{fault:?}: {report}");
        assert_eq!(setting.api_gateway.calls().len(), calls + 2, "{fault:?}");
    }
}

#[tokio::test]
async fn what_does_not_pass_is_given_up_and_owed_to_the_next_refresh() {
    let setting = Setting::start().await;
    let fetcher = setting.fetcher_after_flush(HTTP).await;
    setting.publish(2, 1);
    for fault in [
        Fault::Status(503, "ServiceUnavailableException"),
        Fault::Hang,
    ] {
        let calls = setting.api_gateway.calls().len();
        setting.api_gateway.fail_next("a1b2c3", fault, 100);
        let report = refresh(&fetcher).await;
        assert_eq!(outcomes(&report), ["failed"], "{report}");
        let tries = setting.api_gateway.calls().len() - calls;
        assert!((2..=4).contains(&tries), "{tries} of {fault:?}");
        setting.api_gateway.clear_faults();
    }
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
}

#[tokio::test]
async fn one_cache_that_fails_keeps_no_other_from_it_and_is_owed_alone() {
    let setting = Setting::start().await;
    let fetcher = setting.fetcher_after_flush(&format!("{HTTP},{REST}")).await;
    setting.publish(2, 1);
    let fault = Fault::Status(404, "NotFoundException");
    setting.api_gateway.fail_next("a1b2c3", fault, 2);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["failed", "flushed"]);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["failed", "unchanged"]);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed", "unchanged"]);

    // One that is configured later has never been flushed.
    let new = "http:new/live";
    let fetcher = setting.fetcher(&format!("{HTTP},{new}"), &SETTLED).await;
    assert_eq!(outcomes(&refresh(&fetcher).await), ["unchanged", "flushed"]);
    assert_eq!(
        outcomes(&refresh(&fetcher).await),
        ["unchanged", "unchanged"]
    );
}

#[tokio::test]
async fn a_refresh_that_ends_before_the_flush_is_made_up_for() {
    let setting = Setting::start().await;
    let fetcher = setting.fetcher_after_flush(HTTP).await;

    // Killed while it flushes, after it published.
    setting.publish(2, 1);
    setting.api_gateway.fail_next("a1b2c3", Fault::Hang, 1);
    tokio::select! {
        _ = fetcher.invoke(testkit::events::schedule()) => panic!("it should hang"),
        () = setting.api_gateway.hung(1) => fetcher.stop().await,
    }
    assert_eq!(setting.flushes(), 1);
    let fetcher = setting.fetcher(HTTP, &SETTLED).await;
    let report = refresh(&fetcher).await;
    assert_eq!(report["snapshot"]["published"], false);
    assert_eq!(outcomes(&report), ["flushed"]);

    // Killed before it knows that it has published, and with one that adds nothing in between.
    setting.publish(3, 2);
    let s3 = &setting.deployment.s3;
    s3.fail_next(
        Operation::PutObject,
        SNAPSHOT_KEY,
        s3::Fault::HangAfterwards,
        1,
    );
    tokio::select! {
        _ = fetcher.invoke(testkit::events::schedule()) => panic!("it should hang"),
        () = s3.hung(1) => fetcher.stop().await,
    }
    setting.publish(4, 2);
    let fetcher = setting.fetcher(HTTP, &SETTLED).await;
    let report = refresh(&fetcher).await;
    assert_eq!(report["snapshot"]["published"], true);
    assert_eq!(outcomes(&report), ["flushed"]);

    // Killed when it has flushed, but not noted that: once too often is no harm.
    setting.publish(5, 3);
    s3.fail_next(Operation::PutObject, &state_key(), s3::Fault::Hang, 1);
    tokio::select! {
        _ = fetcher.invoke(testkit::events::schedule()) => panic!("it should hang"),
        () = s3.hung(2) => fetcher.stop().await,
    }
    assert_eq!(setting.flushes(), 4);
    let fetcher = setting.fetcher(HTTP, &SETTLED).await;
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["unchanged"]);
}

#[tokio::test]
async fn a_snapshot_that_was_put_back_by_hand_is_flushed_for() {
    let setting = Setting::start().await;
    let fetcher = setting.fetcher_after_flush(HTTP).await;
    let s3 = &setting.deployment.s3;
    let first = s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY).unwrap();
    setting.publish(2, 1);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
    s3.put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, first);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
}

#[tokio::test]
async fn a_state_that_cannot_be_used_means_that_everything_is_owed() {
    let setting = Setting::start().await;
    let fetcher = setting.fetcher_after_flush(HTTP).await;
    let s3 = &setting.deployment.s3;
    let mut more = setting.state();
    more["more"] = json!(1);
    for octets in ["", "{}", "no JSON", &more.to_string()] {
        s3.put(SNAPSHOT_BUCKET, &state_key(), octets);
        let report = refresh(&fetcher).await;
        assert_eq!(outcomes(&report), ["flushed"], "{octets}");
        assert_eq!(report["flush"].get("error"), None);
        assert_eq!(outcomes(&refresh(&fetcher).await), ["unchanged"]);
    }
    s3.remove(SNAPSHOT_BUCKET, &state_key());
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);

    // It cannot be read, and so not be replaced, or cannot be written.
    let denied = s3::Fault::Status(403, "AccessDenied");
    for (number, operation) in [(2, Operation::GetObject), (3, Operation::PutObject)] {
        setting.publish(number, 0);
        s3.fail_next(operation, &state_key(), denied, 1);
        let report = refresh(&fetcher).await;
        assert_eq!(outcomes(&report), ["flushed"], "{operation:?}");
        let error = report["flush"]["error"].as_str().unwrap();
        assert!(error.contains(&state_key()), "{error}");
    }
    assert_eq!(total(&metrics(&fetcher), "CacheFlushFailed"), 2);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["flushed"]);
    assert_eq!(outcomes(&refresh(&fetcher).await), ["unchanged"]);
}

#[tokio::test]
async fn a_refused_crl_and_a_flush_do_not_get_in_each_others_way() {
    let setting = Setting::start().await;
    let fetcher = setting.fetcher_after_flush(HTTP).await;
    setting.publish(2, 1);
    setting.deployment.publish("crl/junk.crl", "junk");
    assert_eq!(failed_refresh(&fetcher).await.error_type, "RefusedSources");
    assert_eq!(setting.flushes(), 2);
}
