//! The first snapshot cannot be had: a function error, not a denial, until it can.

use super::*;

#[tokio::test]
async fn forbidden() {
    at_start(FORBIDDEN, "S3 denies access to the snapshot").await;
}

#[tokio::test]
async fn missing() {
    at_start(MISSING, "there is no snapshot yet").await;
}

#[tokio::test]
async fn conflict() {
    at_start(CONFLICT, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn precondition_failed() {
    at_start(PRECONDITION, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn internal_error() {
    at_start(INTERNAL_ERROR, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn slow_down() {
    at_start(SLOW_DOWN, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn reset() {
    at_start(RESET, "Connection reset by peer").await;
}

#[tokio::test]
async fn cut_short() {
    at_start(CUT_SHORT, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn corrupt() {
    at_start(CORRUPT, "the checksum is").await;
}

#[tokio::test]
async fn stall() {
    at_start(STALL, "S3 did not answer within 3 s").await;
}

/// The decision is by what was served, until the next revalidation.
#[tokio::test]
async fn earlier_version() {
    let world = World::start().await;
    world.revoke_bob().await;
    world.fail(GET, SNAPSHOT_KEY, Fault::ServeEarlier, 1);
    let authorizer = world.deployment.authorizer_with(&REVALIDATE_BEHIND).await;
    assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
    until_decided(&authorizer, &world.bob, "deny revoked").await;
    assert_eq!(decide(&authorizer, &world.carol).await, "allow not-revoked");
    assert_counted(authorizer, &["RevalidationsReplaced"]).await;
}

/// What passes, the Init phase tries again itself.
#[tokio::test]
async fn one_failure_that_passes() {
    let world = World::start().await;
    for fault in [INTERNAL_ERROR, SLOW_DOWN, RESET, Fault::DropConnection] {
        world.fail(GET, SNAPSHOT_KEY, fault, 2);
        let authorizer = world.deployment.authorizer_with(&[]).await;
        assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
        assert_eq!(decide(&authorizer, &world.bob).await, "allow not-revoked");
        let logs = authorizer.logs().join("\n");
        assert!(!logs.contains("WARN"), "{fault:?}: {logs}");
    }
}

async fn at_start(fault: Fault, message: &str) {
    let world = World::start().await;
    world.fail(GET, SNAPSHOT_KEY, fault, ALWAYS);
    let authorizer = world.deployment.authorizer_with(&[]).await;
    assert_eq!(authorizer.init_error().await, None);
    let warning = line(&authorizer, "no snapshot at the start").await;
    assert!(warning.contains(message), "{warning}");
    let error = no_decision(&authorizer, &world.bob).await;
    assert_eq!(error.error_type, "NoSnapshot");
    assert!(error.message.contains(message), "{error}");

    world.deployment.s3.clear_faults();
    assert_eq!(decide(&authorizer, &world.bob).await, "allow not-revoked");
    assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
    assert_counted(authorizer, &["NoSnapshot", "Allowed", "Denied"]).await;
}
