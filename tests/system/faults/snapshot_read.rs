//! The fetcher cannot read the snapshot, without which it would forget which CRLs are the newest: the
//! refresh fails and writes nothing.

use super::*;
use testkit::s3::Request;

#[tokio::test]
async fn forbidden() {
    without_the_snapshot(FORBIDDEN, "S3", "access denied").await;
}

/// It would begin anew, but finds when it writes that there is a snapshot after all.
#[tokio::test]
async fn missing() {
    without_the_snapshot(MISSING, "Contended", "other refreshes kept publishing").await;
}

#[tokio::test]
async fn conflict() {
    without_the_snapshot(CONFLICT, "S3", "ConditionalRequestConflict").await;
}

#[tokio::test]
async fn precondition_failed() {
    without_the_snapshot(PRECONDITION, "S3", "PreconditionFailed").await;
}

#[tokio::test]
async fn internal_error() {
    without_the_snapshot(INTERNAL_ERROR, "S3", "InternalError").await;
}

#[tokio::test]
async fn slow_down() {
    without_the_snapshot(SLOW_DOWN, "S3", "SlowDown").await;
}

#[tokio::test]
async fn reset() {
    without_the_snapshot(RESET, "S3", "Connection reset by peer").await;
}

#[tokio::test]
async fn cut_short() {
    without_the_snapshot(CUT_SHORT, "S3", "cannot read s3://snapshot-bucket").await;
}

#[tokio::test]
async fn corrupt() {
    without_the_snapshot(CORRUPT, "S3", "checksum mismatch").await;
}

#[tokio::test]
async fn stall() {
    without_the_snapshot(STALL, "S3", "minimum throughput").await;
}

/// What is written on top of it is refused, and built again from the current one.
#[tokio::test]
async fn earlier_version() {
    let world = World::start().await;
    world.revoke_bob().await;
    world.publish_crl(3, &[&world.alice, &world.bob, &world.carol]);
    world.fail(GET, SNAPSHOT_KEY, Fault::ServeEarlier, 1);
    let fetcher = world.deployment.fetcher().await;
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob", "carol"]);
    let requests = world.deployment.s3.requests();
    let is_refused_write =
        |request: &Request| request.operation == PUT && request.status == Some(412);
    assert!(requests.iter().any(is_refused_write), "{requests:#?}");
    assert_counted(fetcher, &["Published"]).await;
}

#[tokio::test]
async fn one_failure_that_passes() {
    let world = World::start().await;
    for fault in [INTERNAL_ERROR, RESET, MISSING] {
        world.fail(GET, SNAPSHOT_KEY, fault, 1);
    }
    world.revoke_bob().await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
}

async fn without_the_snapshot(fault: Fault, error_type: &str, message: &str) {
    without(GET, SNAPSHOT_KEY, fault, error_type, message).await;
}
