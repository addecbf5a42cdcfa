//! The CRLs cannot be listed: the refresh fails, and what is published stays.

use super::*;

#[tokio::test]
async fn forbidden() {
    without_a_listing(FORBIDDEN, "access denied").await;
}

#[tokio::test]
async fn missing() {
    without_a_listing(Fault::Status(404, "NoSuchBucket"), "NoSuchBucket").await;
}

#[tokio::test]
async fn conflict() {
    without_a_listing(CONFLICT, "ConditionalRequestConflict").await;
}

#[tokio::test]
async fn precondition_failed() {
    without_a_listing(PRECONDITION, "PreconditionFailed").await;
}

#[tokio::test]
async fn internal_error() {
    without_a_listing(INTERNAL_ERROR, "InternalError").await;
}

#[tokio::test]
async fn slow_down() {
    without_a_listing(SLOW_DOWN, "SlowDown").await;
}

#[tokio::test]
async fn reset() {
    without_a_listing(RESET, "Connection reset by peer").await;
}

#[tokio::test]
async fn cut_short() {
    without_a_listing(CUT_SHORT, "cannot list s3://crl-bucket").await;
}

/// A listing has no checksum: what is not XML any more is noticed.
#[tokio::test]
async fn corrupt() {
    without_a_listing(Fault::CorruptBody(0), "cannot list s3://crl-bucket").await;
}

/// It is asked for again.
#[tokio::test]
async fn stall() {
    let world = World::start().await;
    world.fail(LIST, "", STALL, 1);
    world.revoke_bob().await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
}

/// A CRL that is not listed as changed is not read, and is with the next refresh.
#[tokio::test]
async fn earlier_version() {
    let world = World::start().await;
    world.publish_news();
    world.fail(LIST, "", Fault::ServeEarlier, 1);
    let fetcher = world.deployment.fetcher().await;
    let report = refresh(&fetcher).await;
    assert_eq!(report["counts"]["unchanged"], 1, "{report}");
    assert_eq!(world.revoked(), ["alice"]);
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
}

/// An empty listing, as of before the first CRL, takes nothing away.
#[tokio::test]
async fn earlier_than_the_first_crl() {
    let world = World::start().await;
    world.fail(LIST, "", Fault::ServeEarlier, 1);
    let fetcher = world.deployment.fetcher().await;
    let report = refresh(&fetcher).await;
    assert_eq!(report["counts"]["vanished"], 1, "{report}");
    assert_eq!(world.revoked(), ["alice"]);
    let report = refresh(&fetcher).await;
    assert_eq!(report["counts"]["unchanged"], 1, "{report}");
    assert_eq!(world.revoked(), ["alice"]);
}

#[tokio::test]
async fn one_failure_that_passes() {
    let world = World::start().await;
    world.fail(LIST, "", INTERNAL_ERROR, 1);
    world.fail(LIST, "", RESET, 1);
    world.revoke_bob().await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
}

async fn without_a_listing(fault: Fault, message: &str) {
    without(LIST, "", fault, "S3", message).await;
}
