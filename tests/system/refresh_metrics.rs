//! What a refresh tells in metrics, and in its answer of each CA.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use system_tests::{
    Deployment, TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, client, failed_refresh, metrics, refresh,
};
use testkit::api_gateway::ApiGateway;
use testkit::lambda::Function;
use testkit::pki::{Ca, LeafOptions};

/// The metrics printed since there were so many lines of them, as soon as there are `count` more.
async fn next_metrics(fetcher: &Function, seen: usize, count: usize) -> Vec<Value> {
    let printed = async {
        loop {
            let metrics = metrics(fetcher);
            if metrics.len() >= seen + count {
                return metrics[seen..].to_vec();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let printed = tokio::time::timeout(Duration::from_secs(10), printed).await;
    printed.expect("lines of metrics")
}

#[tokio::test]
async fn a_refresh_tells_what_became_of_each_source_and_how_fresh_each_ca_is() {
    let (fresh, stale) = (Ca::root("Fresh CA"), Ca::root("Stale CA"));
    let deployment = Deployment::start(&[&fresh, &stale, &Ca::root("Silent CA")]).await;
    let alice = client(&fresh, "alice");
    let now = LeafOptions::current().not_before + 3600;
    let crl = fresh.crl().this_update(now - 300).next_update(now + 900);
    let crl = crl.number(1).revoke(&alice.serial());
    deployment.publish(&fresh.crl_key(), crl.der());
    // Past its nextUpdate for half as long as its time was.
    let crl = stale.crl().this_update(now - 900).next_update(now - 300);
    deployment.publish(&stale.crl_key(), crl.number(1).der());
    deployment.publish(
        "crl/other.crl",
        Ca::root("Foreign CA").crl().current().der(),
    );
    let fetcher = deployment.fetcher().await;
    let report = refresh(&fetcher).await;

    let lines = next_metrics(&fetcher, 0, 3).await;
    let number = |line: &Value, name: &str| line[name].as_i64();
    for (name, expected) in [
        ("SourcesAccepted", 2),
        ("SourcesForeign", 1),
        ("SourcesRefused", 0),
        ("SourcesUnchanged", 0),
        ("SourcesVanished", 0),
        ("RefreshFailed", 0),
        ("Published", 1),
        ("RevokedCertificates", 1),
    ] {
        assert_eq!(number(&lines[0], name), Some(expected), "{name}");
    }
    assert!(number(&lines[0], "SnapshotSize") > Some(100));
    assert!(number(&lines[0], "RefreshTime") >= Some(0));

    let of = |name: &str| {
        let is_of = |line: &&Value| line["Issuer"].as_str().is_some_and(|i| i.contains(name));
        lines.iter().find(is_of).unwrap()
    };
    // The tests take their time, too.
    let (line, slack) = (of("Fresh CA"), 120);
    assert!(
        (300..300 + slack).contains(&number(line, "CrlAge").unwrap()),
        "{line}"
    );
    let left = number(line, "TimeToNextUpdate").unwrap();
    assert!((900 - slack..=900).contains(&left), "{line}");
    assert!(
        (25..36).contains(&number(line, "CrlLifeElapsed").unwrap()),
        "{line}"
    );
    let line = of("Stale CA");
    assert!(number(line, "TimeToNextUpdate").unwrap() <= -300, "{line}");
    assert!(number(line, "CrlLifeElapsed").unwrap() >= 150, "{line}");
    let dimensions = &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
    let expected = serde_json::json!([["FunctionName"], ["FunctionName", "Issuer"]]);
    assert_eq!(dimensions, &expected);

    let cas = report["cas"].as_array().unwrap();
    assert_eq!(cas.len(), 2, "{report}");
    let ca = cas.iter().find(|ca| ca["revoked"] == 1).unwrap();
    assert!(ca["subject"].as_str().unwrap().contains("Fresh CA"), "{ca}");
    assert_eq!(ca["crls"], 1);
    assert!(ca["nextUpdate"].as_str().unwrap().ends_with('Z'), "{ca}");
}

#[tokio::test]
async fn a_refresh_that_fails_tells_that_too() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    deployment.publish(&ca.crl_key(), ca.crl().current().no_number().der());
    deployment.publish("crl/junk.crl", "junk");
    let fetcher = deployment.fetcher().await;
    assert_eq!(failed_refresh(&fetcher).await.error_type, "RefusedSources");
    let [line] = next_metrics(&fetcher, 0, 1).await.try_into().unwrap();
    for name in [
        "Refused.crl-number-missing",
        "Refused.malformed",
        "RefreshFailed",
    ] {
        assert_eq!(line[name], 1, "{name}: {line}");
    }
    assert_eq!(line["SourcesRefused"], 2);

    deployment.s3.remove(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY);
    failed_refresh(&fetcher).await;
    let [line] = next_metrics(&fetcher, 1, 1).await.try_into().unwrap();
    assert_eq!(line["RefreshFailed"], 1, "{line}");
    assert_eq!(line.get("Published"), None, "{line}");
}

/// So that alarms and documentation can be held to the list.
#[tokio::test]
async fn every_metric_is_in_the_list() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    deployment.publish(&ca.crl_key(), ca.crl().current().number(1).der());
    let api_gateway = ApiGateway::start().await;
    let [(endpoint, url), _] = &api_gateway.environment();
    let caches = ("AUTHORIZER_CACHES", "http:a1b2c3/$default");
    let fetcher = deployment.fetcher_with(&[(endpoint, url), caches]).await;
    refresh(&fetcher).await;
    let lines = next_metrics(&fetcher, 0, 2).await;
    let names: BTreeSet<_> = lines
        .iter()
        .flat_map(|line| {
            line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
                .as_array()
                .unwrap()
        })
        .map(|metric| metric["Name"].as_str().unwrap())
        .collect();
    let listed: BTreeSet<_> = crl_fetcher::metrics::NAMES.iter().copied().collect();
    assert_eq!(names, listed);
}
