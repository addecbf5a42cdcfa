//! SIGSTOP of the authorizer in the middle of a revalidation, for longer than any of its timeouts.

use super::*;
use testkit::lambda::{Options, binaries};

#[tokio::test]
async fn before_the_answer_of_s3() {
    amid_a_revalidation(Fault::Hang).await;
}

#[tokio::test]
async fn amid_the_body() {
    // The rest is there by the time that the function goes on.
    let pause = PAUSE / 2;
    amid_a_revalidation(Fault::StallBody(40, pause)).await;
}

/// An environment that Lambda freezes while it is idle, and whose connections die meanwhile.
#[tokio::test]
async fn between_two_invocations() {
    let world = World::start().await;
    let options = Options {
        freezes: true,
        ..Options::default()
    };
    let variables = [("SNAPSHOT_BUCKET", SNAPSHOT_BUCKET), REVALIDATE_BEHIND[0]];
    let environment = world.deployment.environment(&variables);
    let binary = &binaries().authorizer;
    let authorizer = Function::start_with(binary, "authorizer", &environment, options).await;
    assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
    assert_eq!(decide(&authorizer, &world.bob).await, "allow not-revoked");
    let s3 = &world.deployment.s3;
    s3.stop().await;
    s3.resume().await;
    world.revoke_bob().await;
    assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
    until_decided(&authorizer, &world.bob, "deny revoked").await;
    assert_eq!(decide(&authorizer, &world.carol).await, "allow not-revoked");
}

async fn amid_a_revalidation(fault: Fault) {
    let world = World::start().await;
    let deployment = &world.deployment;
    let behind = deployment.authorizer_with(&REVALIDATE_BEHIND).await;
    let before = deployment.authorizer_with(&ALWAYS_REVALIDATE).await;
    world.revoke_bob().await;
    world.fail(GET, SNAPSHOT_KEY, fault, 2);

    let asked = deployment.s3.requests().len();
    let is_asked = async |count: usize| match fault {
        Fault::Hang => deployment.s3.hung(count).await,
        _ => {
            until("a revalidation", async || {
                deployment.s3.requests().len() >= asked + count
            })
            .await;
        }
    };
    assert_eq!(decide(&behind, &world.bob).await, "allow not-revoked");
    is_asked(1).await;
    behind.freeze();
    let waiting = decide(&before, &world.alice);
    let thawed = async {
        is_asked(2).await;
        before.freeze();
        tokio::time::sleep(PAUSE).await;
        behind.thaw();
        before.thaw();
    };
    let (decision, ()) = tokio::join!(waiting, thawed);
    assert_eq!(decision, "deny revoked");
    for authorizer in [behind, before] {
        assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
        until_decided(&authorizer, &world.bob, "deny revoked").await;
        assert_eq!(decide(&authorizer, &world.carol).await, "allow not-revoked");
        assert_counted(authorizer, &["RevalidationsReplaced"]).await;
    }
}

/// Longer than the authorizer waits for the next octet, for an answer, or for a revalidation.
const PAUSE: Duration = Duration::from_millis(3500);
