//! Revocations, as AWS tells of them: each by an event at once, and by a CRL later.

use std::sync::Arc;
use std::time::Instant;

use benches::Random;

use crate::run::{Run, name};

/// Revokes one client after the other, at random moments. Returns when the last event is emitted.
pub(crate) async fn revoke(run: Arc<Run>, mut dice: Random) {
    let mut due = Instant::now();
    for client in 0..run.terms.revocations {
        // By the clock, and not by pauses, which would add up to more.
        due += dice.until_next(run.terms.every);
        tokio::time::sleep_until(due.into()).await;
        run.exposures().revoke(client, run.now());
        tokio::spawn(announce(Arc::clone(&run), client));
    }
}

async fn announce(run: Arc<Run>, client: usize) {
    if let Err(error) = run.cloud.announce(&name(client)).await {
        run.fail(error.to_string());
    }
}

/// Publishes the CRL of all that were revoked so far, now and then, until the load is over.
pub(crate) async fn publish_crls(run: Arc<Run>) {
    let mut last = Instant::now();
    while !run.is_over() {
        run.pause().await;
        if last.elapsed() >= run.terms.crl_every() {
            last = Instant::now();
            run.cloud.republish();
        }
    }
}
