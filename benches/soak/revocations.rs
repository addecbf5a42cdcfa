//! Revocations, as they arrive all the time.

use std::sync::Arc;
use std::time::Duration;

use benches::Random;

use crate::run::{Run, name};

/// Revokes one client after the other, or some at a time, until the time is nearly over: those who call
/// are to find the last ones out. For each a new one is issued.
pub(crate) async fn revoke(run: Arc<Run>, mut dice: Random) {
    loop {
        run.wait(dice.between(SHORTEST, LONGEST)).await;
        if run.now() + UNTIL_THE_END >= run.terms.length {
            return;
        }
        let at_a_time = if dice.below(6) == 0 { 4 } else { 1 };
        for _ in 0..at_a_time {
            revoke_one(&run, &mut dice);
        }
    }
}

fn revoke_one(run: &Run, dice: &mut Random) {
    let good = run.records().oracle.standings().good;
    let client = *dice.pick(&good);
    run.records().oracle.revoke(client, run.now());
    match run.cloud.publish_revocation(&name(client)) {
        Ok(crl) => run.records().oracle.list(client, crl),
        Err(error) => run.records().tally.fail(error.to_string()),
    }
    run.issue();
}

const UNTIL_THE_END: Duration = Duration::from_secs(5);
const SHORTEST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_millis(2700);
