//! The truststore cannot be read: the refresh fails, and what is published stays.

use super::*;
use system_tests::{TRUSTSTORE_BUCKET, TRUSTSTORE_KEY};

#[tokio::test]
async fn forbidden() {
    without_the_truststore(FORBIDDEN, "S3", "access denied").await;
}

#[tokio::test]
async fn missing() {
    without_the_truststore(MISSING, "TruststoreUnusable", "there is no truststore at").await;
}

#[tokio::test]
async fn conflict() {
    without_the_truststore(CONFLICT, "S3", "ConditionalRequestConflict").await;
}

#[tokio::test]
async fn precondition_failed() {
    without_the_truststore(PRECONDITION, "S3", "PreconditionFailed").await;
}

#[tokio::test]
async fn internal_error() {
    without_the_truststore(INTERNAL_ERROR, "S3", "InternalError").await;
}

#[tokio::test]
async fn slow_down() {
    without_the_truststore(SLOW_DOWN, "S3", "SlowDown").await;
}

#[tokio::test]
async fn reset() {
    without_the_truststore(RESET, "S3", "Connection reset by peer").await;
}

#[tokio::test]
async fn cut_short() {
    without_the_truststore(CUT_SHORT, "S3", "cannot read s3://truststore-bucket").await;
}

#[tokio::test]
async fn corrupt() {
    without_the_truststore(CORRUPT, "S3", "checksum mismatch").await;
}

#[tokio::test]
async fn stall() {
    without_the_truststore(STALL, "S3", "minimum throughput").await;
}

/// Of a CA that is not in it yet nothing is known, until the next refresh.
#[tokio::test]
async fn earlier_version() {
    let world = World::start().await;
    let other = Ca::root("Other CA");
    world.deployment.trust(&[&world.ca, &other]);
    world.fail(GET, TRUSTSTORE_KEY, Fault::ServeEarlier, 1);
    world.publish_news();
    let fetcher = world.deployment.fetcher().await;
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
    assert_eq!(world.deployment.snapshot().issuers().count(), 1);
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
    assert_eq!(world.deployment.snapshot().issuers().count(), 2);
}

/// The CA's clients are denied while it is away, though not as revoked, and its revocations come back
/// with it.
#[tokio::test]
async fn a_ca_lost_and_found() {
    let world = World::start().await;
    let other = Ca::root("Other CA");
    let fetcher = world.deployment.fetcher().await;
    let authorizer = world.deployment.authorizer().await;
    world.deployment.trust(&[&other]);
    refresh(&fetcher).await;
    for client in [&world.alice, &world.bob] {
        assert_eq!(decide(&authorizer, client).await, "deny unknown-issuer");
    }
    // An empty truststore is not believed at all.
    let before = world.deployment.s3.etag(SNAPSHOT_BUCKET, SNAPSHOT_KEY);
    world
        .deployment
        .s3
        .put(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, "");
    let error = failed_refresh(&fetcher).await;
    assert_eq!(error.error_type, "TruststoreUnusable");
    let after = world.deployment.s3.etag(SNAPSHOT_BUCKET, SNAPSHOT_KEY);
    assert_eq!(after, before);

    world.deployment.trust(&[&world.ca, &other]);
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice"]);
    assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
    assert_eq!(decide(&authorizer, &world.bob).await, "allow not-revoked");
    assert_counted(fetcher, &["RefreshFailed", "Published"]).await;
}

#[tokio::test]
async fn one_failure_that_passes() {
    let world = World::start().await;
    world.fail(GET, TRUSTSTORE_KEY, INTERNAL_ERROR, 1);
    world.fail(GET, TRUSTSTORE_KEY, RESET, 1);
    world.revoke_bob().await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
}

async fn without_the_truststore(fault: Fault, error_type: &str, message: &str) {
    without(GET, TRUSTSTORE_KEY, fault, error_type, message).await;
}
