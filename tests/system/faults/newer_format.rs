//! A snapshot of a format version to come, as after an update of the fetcher alone, or its way back.

use super::*;

#[tokio::test]
async fn is_not_used() {
    let world = World::start().await;
    let authorizers = [
        world.deployment.authorizer_with(&REVALIDATE_BEHIND).await,
        world.deployment.authorizer_with(&ALWAYS_REVALIDATE).await,
    ];
    let s3 = &world.deployment.s3;
    let good = s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY).unwrap();
    s3.put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, newer(&good));
    for authorizer in &authorizers {
        assert_eq!(decide(authorizer, &world.alice).await, "deny revoked");
        let warning = line(authorizer, "the last good snapshot is used on").await;
        assert!(warning.contains("has format version"), "{warning}");
        assert_eq!(decide(authorizer, &world.bob).await, "allow not-revoked");
    }
    let beginner = world.deployment.authorizer_with(&[]).await;
    let error = no_decision(&beginner, &world.bob).await;
    assert_eq!(error.error_type, "NoSnapshot");
    assert!(error.message.contains("has format version"), "{error}");

    s3.put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, good);
    world.revoke_bob().await;
    assert_eq!(decide(&beginner, &world.bob).await, "deny revoked");
    for authorizer in authorizers {
        until_decided(&authorizer, &world.bob, "deny revoked").await;
        let metrics = ["RevalidationsFailed", "RevalidationsReplaced"];
        assert_counted(authorizer, &metrics).await;
    }
}

#[tokio::test]
async fn is_not_overwritten() {
    let world = World::start().await;
    let s3 = &world.deployment.s3;
    let good = s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY).unwrap();
    let newer = newer(&good);
    s3.put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, newer.clone());
    world.publish_news();
    let fetcher = world.deployment.fetcher().await;
    let error = failed_refresh(&fetcher).await;
    assert_eq!(error.error_type, "SnapshotUnusable");
    assert!(error.message.contains("has format version"), "{error}");
    assert_eq!(s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY), Some(newer));

    s3.put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, good);
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
    assert_counted(fetcher, &["RefreshFailed", "Published"]).await;
}

/// The version follows the eight octets of the magic.
fn newer(snapshot: &[u8]) -> Vec<u8> {
    let mut octets = snapshot.to_vec();
    octets[8] += 1;
    octets
}
