//! The memory of a function of 128 MB, and no disk at all.

use std::path::Path;

use super::*;
use system_tests::{CRL_BUCKET, TRUSTSTORE_BUCKET};
use testkit::lambda::{Options, binaries};

/// The address space is counted in KiB, and the functions are of debug builds.
const LITTLE_MEMORY: &str = "ulimit -v 131072";
/// Not an octet can be written to any file, as on a disk that is full or read-only; whoever tries is
/// ended by a signal.
const NO_DISK: &str = "ulimit -f 0";

#[tokio::test]
async fn little_memory() {
    goes_round(LITTLE_MEMORY).await;
}

#[tokio::test]
async fn no_disk() {
    goes_round(NO_DISK).await;
}

/// A snapshot that does not fit into the memory is not read, and the last good one is used on.
#[tokio::test]
async fn too_large_a_snapshot() {
    let world = World::start().await;
    let authorizer = authorizer(&world, LITTLE_MEMORY).await;
    let fetcher = fetcher(&world, LITTLE_MEMORY).await;
    let s3 = &world.deployment.s3;
    let good = s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY).unwrap();
    let too_large = s3.put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, vec![0; 140 << 20]);
    for (client, decision) in [
        (&world.alice, "deny revoked"),
        (&world.bob, "allow not-revoked"),
    ] {
        assert_eq!(decide(&authorizer, client).await, decision);
    }
    line(
        &authorizer,
        "has 146800640 octets, for which there is no memory",
    )
    .await;
    // A new environment says so too, and fails rather than denies.
    let next = self::authorizer(&world, LITTLE_MEMORY).await;
    let error = no_decision(&next, &world.alice).await;
    assert_eq!(error.error_type, "NoSnapshot");
    assert!(error.message.contains("no memory"), "{error}");
    // The fetcher does not write over what it cannot read.
    world.publish_news();
    let error = failed_refresh(&fetcher).await;
    assert!(
        ["S3", "SnapshotUnusable"].contains(&error.error_type.as_str()),
        "{error}"
    );
    assert_eq!(s3.etag(SNAPSHOT_BUCKET, SNAPSHOT_KEY), Some(too_large));

    s3.put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, good);
    refresh(&fetcher).await;
    let revalidations = ["RevalidationsFailed", "RevalidationsReplaced"];
    for (authorizer, counted) in [(authorizer, &revalidations[..]), (next, &["NoSnapshot"])] {
        until_decided(&authorizer, &world.bob, "deny revoked").await;
        assert_eq!(decide(&authorizer, &world.alice).await, "deny revoked");
        assert_eq!(decide(&authorizer, &world.carol).await, "allow not-revoked");
        assert_counted(authorizer, counted).await;
    }
}

async fn goes_round(limit: &str) {
    let world = World::start().await;
    let authorizer = authorizer(&world, limit).await;
    let fetcher = fetcher(&world, limit).await;
    assert_eq!(decide(&authorizer, &world.bob).await, "allow not-revoked");
    world.publish_news();
    refresh(&fetcher).await;
    assert_eq!(world.revoked(), ["alice", "bob"]);
    for (client, decision) in [
        (&world.alice, "deny revoked"),
        (&world.bob, "deny revoked"),
        (&world.carol, "allow not-revoked"),
    ] {
        assert_eq!(decide(&authorizer, client).await, decision);
    }
}

async fn authorizer(world: &World, limit: &str) -> Function {
    let variables = [
        &[("SNAPSHOT_BUCKET", SNAPSHOT_BUCKET)][..],
        &ALWAYS_REVALIDATE,
    ];
    limited(world, &binaries().authorizer, limit, &variables.concat()).await
}

async fn fetcher(world: &World, limit: &str) -> Function {
    let variables = [
        ("TRUSTSTORE_BUCKET", TRUSTSTORE_BUCKET),
        ("CRL_BUCKET", CRL_BUCKET),
        ("SNAPSHOT_BUCKET", SNAPSHOT_BUCKET),
    ];
    limited(world, &binaries().crl_fetcher, limit, &variables).await
}

/// Starts a function under what a shell limits.
async fn limited(
    world: &World,
    binary: &Path,
    limit: &str,
    variables: &[(&str, &str)],
) -> Function {
    let nowhere = [("TMPDIR", "/nowhere"), ("HOME", "/nowhere")];
    let environment = world
        .deployment
        .environment(&[variables, &nowhere].concat());
    let script = format!("{limit} && exec \"$0\"");
    let options = Options {
        memory_mb: 128,
        arguments: vec!["-c".to_owned(), script, binary.to_str().unwrap().to_owned()],
        ..Options::default()
    };
    let function =
        Function::start_with(Path::new("/bin/sh"), "limited", &environment, options).await;
    assert_eq!(function.init_error().await, None, "{:?}", function.logs());
    function
}
