//! A call of the fetcher that is never answered: it is made again, and nothing is lost if the first one
//! was carried out.

use futures::future::join_all;

use super::*;
use system_tests::TRUSTSTORE_KEY;

/// All at once, since each takes as long as the fetcher waits for an answer.
#[tokio::test]
async fn to_any_call() {
    let (lost, late) = (Fault::Hang, Fault::HangAfterwards);
    let calls = [
        (GET, TRUSTSTORE_KEY, lost),
        (GET, SNAPSHOT_KEY, lost),
        (LIST, "", lost),
        (GET, ".crl", lost),
        (PUT, SNAPSHOT_KEY, lost),
        (PUT, SNAPSHOT_KEY, late),
    ];
    join_all(calls.map(async |(operation, key, fault)| {
        let world = World::start().await;
        world.publish_news();
        world.fail(operation, key, fault, 1);
        let fetcher = world.deployment.fetcher().await;
        refresh(&fetcher).await;
        assert_eq!(world.revoked(), ["alice", "bob"], "{operation:?} {key}");
        let s3 = &world.deployment.s3;
        let versions = s3.versions(SNAPSHOT_BUCKET, SNAPSHOT_KEY).len();
        assert_eq!(versions, 2, "{operation:?} {key}");
    }))
    .await;
}
