//! What is done between a response and the next event: no client waits for it, and an execution
//! environment that is frozen whenever Lambda would freeze it gets it done.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use system_tests::{Deployment, SNAPSHOT_KEY, client, decide, decision, metrics, refresh, total};
use testkit::events;
use testkit::lambda::{Function, Options};
use testkit::pki::{Ca, Leaf};
use testkit::s3::{Fault, Operation};

/// Two clients of one CA, of which Alice is revoked.
struct Setting {
    deployment: Deployment,
    ca: Ca,
    alice: Leaf,
    bob: Leaf,
}

impl Setting {
    async fn start() -> Self {
        let ca = Ca::root("Issuing CA");
        let deployment = Deployment::start(&[&ca]).await;
        let [alice, bob] = ["alice", "bob"].map(|name| client(&ca, name));
        let setting = Self {
            deployment,
            ca,
            alice,
            bob,
        };
        setting.publish(1, &[&setting.alice]).await;
        setting
    }

    async fn publish(&self, number: u64, revoked: &[&Leaf]) {
        let crl = self.ca.crl().current().number(number);
        let crl = revoked
            .iter()
            .fold(crl, |crl, leaf| crl.revoke(&leaf.serial()));
        self.deployment.publish(&self.ca.crl_key(), crl.der());
        refresh(&self.deployment.fetcher().await).await;
    }

    async fn freezing(&self, variables: &[(&str, &str)]) -> Function {
        let options = Options {
            freezes: true,
            ..Options::default()
        };
        self.deployment.authorizer_in(options, variables).await
    }

    /// The statuses of the answers to GETs of the snapshot.
    fn gets(&self) -> Vec<Option<u16>> {
        let requests = self.deployment.s3.requests();
        let gets = requests.into_iter().filter(|request| {
            request.operation == Operation::GetObject
                && request.key == SNAPSHOT_KEY
                && request.if_none_match.is_some()
        });
        gets.map(|request| request.status).collect()
    }

    fn fail_gets(&self, fault: Fault, times: usize) {
        let s3 = &self.deployment.s3;
        s3.fail_next(Operation::GetObject, SNAPSHOT_KEY, fault, times);
    }
}

const SOON: Duration = Duration::from_secs(10);
const REVALIDATE_ALWAYS: (&str, &str) = ("SNAPSHOT_SOFT_AGE_SECONDS", "0");
const PRINT_ALWAYS: (&str, &str) = ("METRICS_INTERVAL_SECONDS", "0");

#[tokio::test]
async fn the_client_has_its_answer_before_s3_has_answered() {
    let setting = Setting::start().await;
    let authorizer = setting.freezing(&[REVALIDATE_ALWAYS]).await;
    setting.publish(2, &[&setting.alice, &setting.bob]).await;

    let slow = Duration::from_secs(1);
    setting.fail_gets(Fault::Delay(slow), 1);
    let event = events::http_api_v2(&setting.bob.certificate_pem());
    let invocation = authorizer.invoke(event).await;
    assert!(invocation.elapsed < slow, "{:?}", invocation.elapsed);
    assert_eq!(decision(&invocation.result.unwrap()), "allow not-revoked");
    // The next event comes when the environment has asked for it, which it does with the news.
    assert_eq!(decide(&authorizer, &setting.bob).await, "deny revoked");
    assert_eq!(decide(&authorizer, &setting.bob).await, "deny revoked");
    // Each time S3 was asked once, the last time perhaps not yet.
    let gets = setting.gets();
    assert!(gets.len() >= 2, "{gets:?}");
    assert_eq!(gets[..2], [Some(200), Some(304)]);
}

#[tokio::test]
async fn what_is_young_enough_is_not_revalidated() {
    let setting = Setting::start().await;
    let authorizer = setting.freezing(&[]).await;
    for _ in 0..20 {
        assert_eq!(decide(&authorizer, &setting.bob).await, "allow not-revoked");
    }
    assert_eq!(setting.gets(), []);
}

/// Between whole seconds too, and no sooner than that.
#[tokio::test]
async fn an_age_may_be_half_a_second() {
    let setting = Setting::start().await;
    let age = ("SNAPSHOT_SOFT_AGE_SECONDS", "0.5");
    let mut seen = vec![Instant::now()];
    let authorizer = setting.freezing(&[age]).await;
    let in_less_than_a_second = |pair: &[Instant]| pair[1] - pair[0] < Duration::from_secs(1);
    // A slow machine may take longer, now and then.
    while !seen.windows(2).any(in_less_than_a_second) {
        assert!(seen.len() <= 20, "{seen:?}");
        assert_eq!(decide(&authorizer, &setting.bob).await, "allow not-revoked");
        if setting.gets().len() >= seen.len() {
            seen.push(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let times = u32::try_from(setting.gets().len()).unwrap();
    let (rounded, took) = (Duration::from_millis(499), seen[0].elapsed());
    assert!(took >= rounded * times, "{times} times in {took:?}");

    setting.publish(2, &[&setting.alice, &setting.bob]).await;
    let denied = async {
        while decide(&authorizer, &setting.bob).await != "deny revoked" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let denied = tokio::time::timeout(SOON, denied).await;
    denied.expect("the news arrive");
}

/// The clock of a frozen environment goes on.
#[tokio::test]
async fn an_environment_frozen_past_the_hard_age_revalidates_before_it_decides() {
    let setting = Setting::start().await;
    let ages = [
        ("SNAPSHOT_SOFT_AGE_SECONDS", "1"),
        ("SNAPSHOT_HARD_AGE_SECONDS", "2"),
    ];
    let authorizer = setting.freezing(&ages).await;
    assert_eq!(decide(&authorizer, &setting.bob).await, "allow not-revoked");
    setting.publish(2, &[&setting.alice, &setting.bob]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(decide(&authorizer, &setting.bob).await, "deny revoked");
}

/// Each attempt may take its whole time limit, and an environment takes no request meanwhile.
#[tokio::test]
async fn a_failing_s3_is_asked_less_and_less_often() {
    let setting = Setting::start().await;
    let authorizer = setting.freezing(&[REVALIDATE_ALWAYS, PRINT_ALWAYS]).await;
    setting.deployment.s3.stop().await;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        let event = events::http_api_v2(&setting.bob.certificate_pem());
        let invocation = authorizer.invoke(event).await;
        assert_eq!(decision(&invocation.result.unwrap()), "allow not-revoked");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // At 0, 2 and 6 s; the line that tells of an attempt comes with the next request.
    let failed = total(&metrics(&authorizer), "RevalidationsFailed");
    assert!((1..=3).contains(&failed), "{failed}");

    setting.deployment.s3.resume().await;
    setting.publish(2, &[&setting.alice, &setting.bob]).await;
    let recovered = async {
        while decide(&authorizer, &setting.bob).await != "deny revoked" {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let recovered = tokio::time::timeout(Duration::from_secs(30), recovered).await;
    recovered.expect("it comes back by itself");
}

#[tokio::test]
async fn metrics_are_printed_now_and_then_and_at_the_end() {
    let setting = Setting::start().await;
    let seldom = [("METRICS_INTERVAL_SECONDS", "3600")];
    let authorizer = setting.freezing(&seldom).await;
    for (client, expected) in [
        (&setting.bob, "allow not-revoked"),
        (&setting.bob, "allow not-revoked"),
        (&setting.alice, "deny revoked"),
    ] {
        assert_eq!(decide(&authorizer, client).await, expected);
    }
    authorizer.logged("_aws", SOON).await.expect("a line");
    assert!(authorizer.shut_down().await, "it ends by itself");

    let [first, last] = metrics(&authorizer).try_into().unwrap();
    let counts = |line: &Value| {
        let names = ["Allowed", "Denied", "NotRevoked", "Revoked"];
        names.map(|name| line[name].as_u64())
    };
    assert_eq!(counts(&first), [Some(1), Some(0), Some(1), None]);
    assert_eq!(counts(&last), [Some(1), Some(1), Some(1), Some(1)]);
    for line in [&first, &last] {
        assert_eq!(line["FunctionName"], "authorizer");
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "CrlAuthorizer");
        assert_eq!(directive["Dimensions"], json!([["FunctionName"]]));
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            assert!(line.get(name).is_some(), "{name}: {line}");
        }
        let requests = line["RequestTime"]["Counts"].as_array().unwrap();
        let requests: u64 = requests.iter().filter_map(Value::as_u64).sum();
        assert_eq!(
            Some(requests),
            line["Allowed"]
                .as_u64()
                .zip(line["Denied"].as_u64())
                .map(|(a, d)| a + d)
        );
    }
}

#[tokio::test]
async fn revalidations_and_failures_are_counted() {
    let setting = Setting::start().await;
    let authorizer = setting.freezing(&[REVALIDATE_ALWAYS, PRINT_ALWAYS]).await;
    decide(&authorizer, &setting.bob).await;
    setting.publish(2, &[&setting.alice, &setting.bob]).await;
    decide(&authorizer, &setting.bob).await;
    assert_eq!(decide(&authorizer, &setting.bob).await, "deny revoked");
    let fault = Fault::Status(403, "AccessDenied");
    setting.fail_gets(fault, 1);
    decide(&authorizer, &setting.bob).await;
    decide(&authorizer, &setting.bob).await;
    let is_last = "\"RevalidationsFailed\":1";
    authorizer.logged(is_last, SOON).await.expect("a line");
    let metrics = metrics(&authorizer);
    let total = |name| total(&metrics, name);
    assert_eq!(total("RevalidationsFailed"), 1);
    assert_eq!(total("RevalidationsReplaced"), 1);
    assert!(total("RevalidationsUnchanged") >= 1);
    assert_eq!(total("Allowed"), 2);
}

#[tokio::test]
async fn what_fails_without_a_snapshot_is_counted() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    let authorizer = deployment.authorizer_with(&[PRINT_ALWAYS]).await;
    let event = events::http_api_v2(&client(&ca, "alice").certificate_pem());
    let error = authorizer.invoke(event).await.result.unwrap_err();
    assert_eq!(error.error_type, "NoSnapshot");
    authorizer.logged("_aws", SOON).await.expect("a line");
    let metrics = metrics(&authorizer);
    assert_eq!(total(&metrics, "NoSnapshot"), 1);
    assert_eq!(total(&metrics, "Denied"), 0);
}

/// As in Lambda Managed Instances: several requests at a time, in an environment that never freezes.
#[tokio::test]
async fn concurrent_requests_are_answered_and_revalidate_once() {
    let setting = Setting::start().await;
    let options = Options {
        concurrency: 8,
        ..Options::default()
    };
    let ages = [
        // Longer than a slow machine takes for all of them.
        ("SNAPSHOT_SOFT_AGE_SECONDS", "4"),
        ("SNAPSHOT_HARD_AGE_SECONDS", "60"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
    ];
    let authorizer = setting.deployment.authorizer_in(options, &ages).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let slow = Duration::from_millis(800);
    setting.fail_gets(Fault::Delay(slow), 1);
    let answers = join_all((0..40).map(|number| {
        let client = if number % 2 == 0 {
            &setting.alice
        } else {
            &setting.bob
        };
        decide(&authorizer, client)
    }))
    .await;
    for (number, answer) in answers.iter().enumerate() {
        let expected = ["deny revoked", "allow not-revoked"][number % 2];
        assert_eq!(answer, expected);
    }
    assert!(authorizer.is_running());
    // All of them found it too old; one of them asked, and its answer is still to come.
    let answered = async {
        while setting.gets().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answered = tokio::time::timeout(SOON, answered).await;
    answered.expect("a conditional GET");
    tokio::time::sleep(slow / 2).await;
    assert_eq!(setting.gets(), [Some(304)]);
    // Each line names the invocation that it is of.
    let logs = authorizer.logs();
    let lines = logs
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok());
    let denials = lines.filter(|line: &Value| line["fields"]["message"] == "decision");
    let ids: HashSet<String> = denials
        .filter_map(|line| line["span"]["requestId"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(ids.len(), 20, "{logs:?}");
}
