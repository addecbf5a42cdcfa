//! What goes wrong, at random.

use std::sync::Arc;
use std::time::Duration;

use benches::Random;
use testkit::s3::{Fault, Operation};

use crate::oracle::Cause;
use crate::run::Run;

/// Has S3 fail, time and again: calls of one kind, in one way, for a while; or all of it.
pub(crate) async fn of_s3(run: Arc<Run>, mut dice: Random) {
    loop {
        run.wait(dice.between(seconds(1), seconds(9))).await;
        if run.is_over() {
            return;
        }
        match dice.below(5) {
            0 => stop_s3(&run, &mut dice).await,
            _ => fail_calls(&run, &mut dice).await,
        }
    }
}

/// Ends, freezes and stops functions, and replaces CRLs by what is none.
pub(crate) async fn of_processes(run: Arc<Run>, mut dice: Random) {
    // Its number is lower than any that follows.
    let old_crl = run.cloud.crl().unwrap_or_default();
    loop {
        // An environment that was frozen is to have had a chance to ask before the next time.
        run.wait(dice.between(seconds(3), seconds(8))).await;
        if run.is_over() {
            return;
        }
        let may_end_processes = !run.has_passed(PROCESSES_END_UNTIL_PERCENT);
        match dice.below(5) {
            0 => freeze_idle(&run, &mut dice).await,
            1 => freeze_anywhere(&run, &mut dice).await,
            2 if may_end_processes => kill_fetcher(&run, &mut dice).await,
            3 if may_end_processes => replace_authorizer(&run, &mut dice).await,
            _ => replace_crl(&run, &mut dice, &old_crl).await,
        }
    }
}

async fn stop_s3(run: &Run, dice: &mut Random) {
    let s3 = run.cloud.s3();
    let interrupted = run.interrupt(Cause::Outage);
    s3.stop().await;
    run.wait(dice.between(milliseconds(300), seconds(4))).await;
    s3.resume().await;
    run.resume(interrupted);
    run.records().tally.count_fault("S3 stopped", 1);
}

async fn fail_calls(run: &Run, dice: &mut Random) {
    let target = dice.pick(TARGETS);
    let (fault, name) = fault(target, dice);
    let times = 1 + dice.below(6);
    let interrupted = (target.key == SNAPSHOT && target.operation == Operation::GetObject)
        .then(|| run.interrupt(Cause::Outage));
    let s3 = run.cloud.s3();
    s3.fail_next(target.operation, target.key, fault, times);
    run.wait(dice.between(milliseconds(500), seconds(3))).await;
    let happened = times - s3.clear_faults().min(times);
    if let Some(interrupted) = interrupted {
        // The last one may just have begun.
        if let Fault::StallBody(_, pause) | Fault::Delay(pause) = fault {
            tokio::time::sleep(pause).await;
        }
        run.resume(interrupted);
    }
    let kind = format!("S3, {}: {name}", target.name);
    run.records().tally.count_fault(&kind, happened);
}

/// A way in which such a call can fail, and what it is called.
fn fault(target: &Target, dice: &mut Random) -> (Fault, String) {
    let octets = dice.below(200);
    let pause = dice.between(milliseconds(100), seconds(4));
    let (status, code) = *dice.pick(STATUSES);
    match dice.below(11) {
        0..3 => (Fault::Status(status, code), format!("{status} {code}")),
        3 => (Fault::DropConnection, "connection dropped".to_owned()),
        4 => (Fault::ResetConnection, "connection reset".to_owned()),
        5 => (Fault::LoseResponse, "response lost".to_owned()),
        6 => (Fault::TruncateBody(octets), "body cut short".to_owned()),
        7 => (Fault::CorruptBody(octets), "wrong octet".to_owned()),
        8 => (Fault::StallBody(octets, pause), "body stalled".to_owned()),
        // An earlier snapshot is decided from, as where an operator restores it: it lets people in again.
        9 if target.key != SNAPSHOT => (Fault::ServeEarlier, "earlier version".to_owned()),
        _ => (Fault::Delay(pause), "answer delayed".to_owned()),
    }
}

async fn freeze_idle(run: &Run, dice: &mut Random) {
    let interrupted = run.interrupt(Cause::Freeze);
    let duration = dice.between(milliseconds(500), seconds(8));
    run.cloud.authorizer().freeze_idle(duration).await;
    run.resume(interrupted);
    let mut records = run.records();
    records.tally.count_fault("authorizer frozen while idle", 1);
}

async fn freeze_anywhere(run: &Run, dice: &mut Random) {
    let interrupted = run.interrupt(Cause::Freeze);
    let duration = dice.between(milliseconds(100), seconds(3));
    run.cloud.authorizer().freeze_anywhere(duration).await;
    run.resume(interrupted);
    let kind = "authorizer stopped in whatever it did";
    run.records().tally.count_fault(kind, 1);
}

/// In a refresh, most times.
async fn kill_fetcher(run: &Run, dice: &mut Random) {
    run.cloud.republish();
    tokio::time::sleep(dice.between(Duration::ZERO, milliseconds(80))).await;
    run.cloud.fetcher().kill().await;
    run.records().tally.count_fault("fetcher killed", 1);
}

/// With S3 there, or with none until there were some requests.
async fn replace_authorizer(run: &Run, dice: &mut Random) {
    if dice.below(2) == 0 {
        replace_environment(run).await;
        return run.records().tally.count_fault("authorizer replaced", 1);
    }
    let s3 = run.cloud.s3();
    let interrupted = run.interrupt(Cause::Outage);
    s3.stop().await;
    replace_environment(run).await;
    run.wait(dice.between(Duration::ZERO, seconds(2))).await;
    s3.resume().await;
    run.resume(interrupted);
    let kind = "authorizer replaced while S3 was stopped";
    run.records().tally.count_fault(kind, 1);
}

async fn replace_environment(run: &Run) {
    let began = run.now();
    let replaced = run.cloud.authorizer().replace().await;
    let mut records = run.records();
    let now = run.now();
    match replaced {
        Ok(()) => records.oracle.replace_environment(began, now),
        Err(error) => records.tally.fail(error.to_string()),
    }
}

/// Until the next revocation, or not much longer.
async fn replace_crl(run: &Run, dice: &mut Random, old: &[u8]) {
    let good = run.cloud.crl().unwrap_or_default();
    let (octets, kind) = match dice.below(4) {
        0 => (run.cloud.forged_crl(), "CRL forged"),
        1 => (old.to_vec(), "CRL replaced by an old one"),
        2 => (good[..good.len() / 2].to_vec(), "CRL cut short"),
        _ => (b"not a CRL".to_vec(), "CRL replaced by something else"),
    };
    run.cloud.replace_crl(octets);
    run.wait(dice.between(milliseconds(300), seconds(3))).await;
    run.cloud.republish();
    run.records().tally.count_fault(kind, 1);
}

/// Calls that are made to fail.
struct Target {
    operation: Operation,
    /// The end of the key.
    key: &'static str,
    name: &'static str,
}

const TARGETS: &[Target] = &[
    Target {
        operation: Operation::GetObject,
        key: SNAPSHOT,
        name: "GET of the snapshot",
    },
    Target {
        operation: Operation::PutObject,
        key: SNAPSHOT,
        name: "PUT of the snapshot",
    },
    Target {
        operation: Operation::GetObject,
        key: ".crl",
        name: "GET of a CRL",
    },
    Target {
        operation: Operation::GetObject,
        key: "truststore.pem",
        name: "GET of the truststore",
    },
    Target {
        operation: Operation::ListObjectsV2,
        key: "",
        name: "listing",
    },
];

const STATUSES: &[(u16, &str)] = &[
    (403, "AccessDenied"),
    (404, "NoSuchKey"),
    (409, "OperationAborted"),
    (412, "PreconditionFailed"),
    (500, "InternalError"),
    (503, "SlowDown"),
];

const SNAPSHOT: &str = "revocation.snapshot";
/// After that, processes live on, so that they can be seen to grow.
pub(crate) const PROCESSES_END_UNTIL_PERCENT: u32 = 66;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}
