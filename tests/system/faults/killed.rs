//! SIGKILL of the fetcher at any of its S3 calls: another one goes on where it was.

use super::*;

#[tokio::test]
async fn before_any_call() {
    at_every_call(Fault::Hang).await;
}

#[tokio::test]
async fn after_any_call() {
    at_every_call(Fault::HangAfterwards).await;
}

async fn at_every_call(fault: Fault) {
    let world = World::start().await;
    let s3 = &world.deployment.s3;
    let mut revoked = vec![client(&world.ca, "first victim")];
    for call in 0.. {
        // Each round revokes one client more.
        revoked.push(client(&world.ca, "victim"));
        let number = u64::try_from(revoked.len()).unwrap();
        world.publish_crl(number, &revoked.iter().collect::<Vec<_>>());
        s3.fail_after(call, fault);
        let fetcher = world.deployment.fetcher().await;
        tokio::select! {
            invocation = fetcher.invoke(events::schedule()) => {
                // So many calls it does not make.
                assert!(invocation.result.is_ok(), "{invocation:?}");
                assert_eq!(call, CALLS);
                return;
            }
            () = s3.hung(call + 1) => fetcher.stop().await,
        }
        // What is published is whole, and it is the snapshot from before or the one from after.
        let published = count(&world);
        let is_written = call == CALLS - 1 && matches!(fault, Fault::HangAfterwards);
        let expected = match is_written {
            true => number,
            false => number - 1,
        };
        assert_eq!(published, expected, "call {call}");

        refresh(&world.deployment.fetcher().await).await;
        assert_eq!(count(&world), number, "call {call}");
    }
}

/// How many are revoked by the snapshot as it is published now.
fn count(world: &World) -> u64 {
    let snapshot = world.deployment.snapshot();
    let crls = snapshot.issuers().flat_map(|issuer| issuer.crls());
    crls.map(|crl| crl.revoked.len()).sum()
}

/// Truststore, snapshot, listing, CRL, and the write.
const CALLS: usize = 5;
