//! The snapshot cannot be written: the one that is published stays, and the next refresh writes.

use super::*;

#[tokio::test]
async fn forbidden() {
    without_a_write(FORBIDDEN, "S3", "access denied").await;
}

#[tokio::test]
async fn missing() {
    without_a_write(MISSING, "Contended", "other refreshes kept publishing").await;
}

#[tokio::test]
async fn conflict() {
    without_a_write(CONFLICT, "Contended", "other refreshes kept publishing").await;
}

#[tokio::test]
async fn precondition_failed() {
    without_a_write(PRECONDITION, "Contended", "other refreshes kept publishing").await;
}

#[tokio::test]
async fn internal_error() {
    without_a_write(INTERNAL_ERROR, "S3", "InternalError").await;
}

#[tokio::test]
async fn slow_down() {
    without_a_write(SLOW_DOWN, "S3", "SlowDown").await;
}

#[tokio::test]
async fn reset() {
    without_a_write(RESET, "S3", "Connection reset by peer").await;
}

/// It was written, though nobody was told: the next attempt finds it.
#[tokio::test]
async fn lost_answer() {
    let world = World::start().await;
    world.fail(PUT, SNAPSHOT_KEY, Fault::LoseResponse, 1);
    world.revoke_bob().await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
    let s3 = &world.deployment.s3;
    assert_eq!(s3.versions(SNAPSHOT_BUCKET, SNAPSHOT_KEY).len(), 2);
}

#[tokio::test]
async fn one_failure_that_passes() {
    let world = World::start().await;
    for fault in [INTERNAL_ERROR, RESET, MISSING, CONFLICT, PRECONDITION] {
        world.fail(PUT, SNAPSHOT_KEY, fault, 1);
    }
    world.revoke_bob().await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
}

async fn without_a_write(fault: Fault, error_type: &str, message: &str) {
    without(PUT, SNAPSHOT_KEY, fault, error_type, message).await;
}
