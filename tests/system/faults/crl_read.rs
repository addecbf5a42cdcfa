//! One CRL cannot be read: what was held of it stays, the other CAs' go on, and the invocation fails
//! behind the publication.

use super::*;
use system_tests::outcomes;

#[tokio::test]
async fn forbidden() {
    without_a_crl(FORBIDDEN, "access denied").await;
}

#[tokio::test]
async fn conflict() {
    without_a_crl(CONFLICT, "ConditionalRequestConflict").await;
}

#[tokio::test]
async fn precondition_failed() {
    without_a_crl(PRECONDITION, "PreconditionFailed").await;
}

#[tokio::test]
async fn internal_error() {
    without_a_crl(INTERNAL_ERROR, "InternalError").await;
}

#[tokio::test]
async fn slow_down() {
    without_a_crl(SLOW_DOWN, "SlowDown").await;
}

#[tokio::test]
async fn reset() {
    without_a_crl(RESET, "Connection reset by peer").await;
}

#[tokio::test]
async fn cut_short() {
    without_a_crl(CUT_SHORT, "cannot read s3://crl-bucket").await;
}

#[tokio::test]
async fn corrupt() {
    without_a_crl(CORRUPT, "checksum mismatch").await;
}

#[tokio::test]
async fn stall() {
    without_a_crl(STALL, "minimum throughput").await;
}

/// It has gone since it was listed, which is nothing to fail for.
#[tokio::test]
async fn missing() {
    let world = World::start().await;
    world.publish_news();
    world.fail(GET, ".crl", MISSING, 1);
    let fetcher = world.deployment.fetcher().await;
    let report = refresh(&fetcher).await;
    assert_eq!(report["sources"].as_array().unwrap().len(), 0, "{report}");
    assert_eq!(world.revoked(), ["alice"]);
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
}

/// It is what is held already, and the newer one is read with the next refresh.
#[tokio::test]
async fn earlier_version() {
    let world = World::start().await;
    world.publish_news();
    world.fail(GET, ".crl", Fault::ServeEarlier, 1);
    let fetcher = world.deployment.fetcher().await;
    let report = refresh(&fetcher).await;
    assert_eq!(report["counts"]["unchanged"], 1, "{report}");
    assert_eq!(world.revoked(), ["alice"]);
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
}

#[tokio::test]
async fn one_failure_that_passes() {
    let world = World::start().await;
    world.fail(GET, ".crl", INTERNAL_ERROR, 1);
    world.fail(GET, ".crl", RESET, 1);
    world.revoke_bob().await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
}

async fn without_a_crl(fault: Fault, message: &str) {
    let world = World::start().await;
    let other = Ca::root("Other CA");
    world.deployment.trust(&[&world.ca, &other]);
    let crl = other.crl().current().revoke(&world.carol.serial());
    world.deployment.publish(&other.crl_key(), crl.der());
    world.publish_news();
    let fetcher = world.deployment.fetcher().await;
    let key = world.ca.crl_key();
    world.fail(GET, &key, fault, ALWAYS);
    let error = failed_refresh(&fetcher).await;
    assert_eq!(error.error_type, "RefusedSources", "{error}");
    let refused = format!("{key}: unreadable: ");
    assert!(error.message.contains(&refused), "{error}");
    assert!(error.message.contains(message), "{error}");
    let logged = line(&fetcher, "refusals").await;
    assert!(logged.contains(&key), "{logged}");
    assert_eq!(world.revoked(), ["alice", "carol"]);

    world.deployment.s3.clear_faults();
    let report = refresh(&fetcher).await;
    assert_eq!(outcomes(&report)[key.as_str()], "accepted");
    assert_eq!(world.revoked(), ["alice", "bob", "carol"]);
    let metrics = ["SourcesRefused", "Refused.unreadable", "Published"];
    assert_counted(fetcher, &metrics).await;
}
