//! A newer snapshot cannot be had: decisions go on from the one held, whether the request waits for the
//! revalidation or not, and the newer one arrives when it can.

use super::*;
use testkit::s3::Request;

#[tokio::test]
async fn forbidden() {
    while_revalidating(FORBIDDEN, "S3 denies access to the snapshot").await;
}

#[tokio::test]
async fn missing() {
    while_revalidating(MISSING, "there is no snapshot yet").await;
}

#[tokio::test]
async fn conflict() {
    while_revalidating(CONFLICT, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn precondition_failed() {
    while_revalidating(PRECONDITION, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn internal_error() {
    while_revalidating(INTERNAL_ERROR, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn slow_down() {
    while_revalidating(SLOW_DOWN, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn reset() {
    while_revalidating(RESET, "Connection reset by peer").await;
}

#[tokio::test]
async fn cut_short() {
    while_revalidating(CUT_SHORT, "the snapshot cannot be read").await;
}

#[tokio::test]
async fn corrupt() {
    while_revalidating(CORRUPT, "the checksum is").await;
}

#[tokio::test]
async fn stall() {
    while_revalidating(STALL, "S3 did not answer within 2 s").await;
}

#[tokio::test]
async fn no_answer() {
    while_revalidating(Fault::Hang, "S3 did not answer within 2 s").await;
}

/// S3 says that nothing has changed, though it has.
#[tokio::test]
async fn earlier_version() {
    let world = World::start().await;
    let authorizers = both(&world).await;
    world.revoke_bob().await;
    world.fail(GET, SNAPSHOT_KEY, Fault::ServeEarlier, ALWAYS);
    for authorizer in &authorizers {
        decide_by_what_is_held(&world, authorizer).await;
    }
    world.deployment.s3.clear_faults();
    for authorizer in authorizers {
        until_decided(&authorizer, &world.bob, "deny revoked").await;
        assert_counted(authorizer, &["RevalidationsReplaced"]).await;
    }
}

/// Whoever was revoked in both stays so, and the newer one is back with the next revalidation.
#[tokio::test]
async fn earlier_version_than_the_one_held() {
    let world = World::start().await;
    world.revoke_bob().await;
    for authorizer in both(&world).await {
        let replaced = || {
            let requests = world.deployment.s3.requests();
            let is_replacement =
                |request: &&Request| request.if_none_match.is_some() && request.status == Some(200);
            let of_snapshot = requests.iter().filter(|request| request.operation == GET);
            of_snapshot.filter(is_replacement).count()
        };
        let before = replaced();
        world.fail(GET, SNAPSHOT_KEY, Fault::ServeEarlier, 1);
        assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
        until("the earlier version is served", async || {
            replaced() > before
        })
        .await;
        assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
        until_decided(&authorizer, &world.bob, "deny revoked").await;
        assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
        assert_eq!(decide(&authorizer, &world.carol).await, "allow not-revoked");
    }
}

#[tokio::test]
async fn one_failure_that_passes() {
    let world = World::start().await;
    let authorizers = both(&world).await;
    world.revoke_bob().await;
    for authorizer in &authorizers {
        for fault in [INTERNAL_ERROR, RESET] {
            world.fail(GET, SNAPSHOT_KEY, fault, 1);
        }
        until_decided(authorizer, &world.bob, "deny revoked").await;
        let logs = authorizer.logs().join("\n");
        assert!(!logs.contains("WARN"), "{logs}");
    }
}

async fn while_revalidating(fault: Fault, message: &str) {
    let world = World::start().await;
    let authorizers = both(&world).await;
    world.revoke_bob().await;
    world.fail(GET, SNAPSHOT_KEY, fault, ALWAYS);
    for authorizer in &authorizers {
        decide_by_what_is_held(&world, authorizer).await;
        let warning = line(authorizer, "the last good snapshot is used on").await;
        assert!(warning.contains(message), "{warning}");
        decide_by_what_is_held(&world, authorizer).await;
    }
    world.deployment.s3.clear_faults();
    for authorizer in authorizers {
        until_decided(&authorizer, &world.bob, "deny revoked").await;
        assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
        assert_eq!(decide(&authorizer, &world.carol).await, "allow not-revoked");
        let metrics = ["RevalidationsFailed", "RevalidationsReplaced"];
        assert_counted(authorizer, &metrics).await;
    }
}

/// One that revalidates behind its answers, and one that does before them.
async fn both(world: &World) -> [Function; 2] {
    let deployment = &world.deployment;
    [
        deployment.authorizer_with(&REVALIDATE_BEHIND).await,
        deployment.authorizer_with(&ALWAYS_REVALIDATE).await,
    ]
}

async fn decide_by_what_is_held(world: &World, authorizer: &Function) {
    assert_eq!(decide(authorizer, &world.alice).await, "deny revoked");
    assert_eq!(decide(authorizer, &world.bob).await, "allow not-revoked");
}
