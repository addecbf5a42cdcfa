//! The real binaries: how long they take to start, what an invocation costs, how large they are.

use std::time::Duration;

use benches::LARGE;
use benches::processes::{ColdStart, Processes, Programs, Quota, Size, Start};

use crate::figures::Report;
use crate::keys::Part;
use crate::measure::{Failure, OURS, Session, float, mebibytes};

const NO_OP: &str = "a function that does nothing";
const SDK_DEFAULTS: &str = "SDK defaults, JSON into a HashMap";

const SIZES: [usize; 3] = [LARGE / 1_000, LARGE / 10, LARGE];

/// In percent of a CPU: about what functions of 128, 512 and 1024 MB get.
const QUOTAS: [u32; 3] = [7, 29, 57];

/// Those of the parts that need the binaries: cold starts, invocations, sizes. A quick session leaves
/// out the rival, which takes minutes to build, and the runs on a part of a CPU.
pub(crate) fn measure(
    session: &Session,
    report: &mut Report,
    parts: &[Part],
) -> Result<(), Failure> {
    session.saying("building the functions");
    let needs_rival = !session.is_quick() && parts != [Part::Size];
    let programs = Programs::build(needs_rival, |line| session.saying(line.trim()))
        .map_err(|error| Failure(error.to_string()))?;
    if parts.contains(&Part::Size) {
        sizes(&programs, report)?;
    }
    if parts == [Part::Size] {
        return Ok(());
    }
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure(format!("the asynchronous runtime: {error}")))?;
    runtime.block_on(async {
        session.saying("making snapshots");
        let processes = Processes::prepare(programs, &SIZES).await;
        if parts.contains(&Part::Cold) {
            cold(session, report, &processes).await;
        }
        if parts.contains(&Part::Invoke) {
            invoke(session, report, &processes).await;
        }
    });
    Ok(())
}

fn sizes(programs: &Programs, report: &mut Report) -> Result<(), Failure> {
    let size = Size::of(&programs.authorizer)
        .map_err(|error| Failure(format!("{}: {error}", programs.authorizer.display())))?;
    report.record("binary_mib", OURS, mebibytes(size.octets));
    report.record("zip_mib", OURS, mebibytes(size.zipped));
    Ok(())
}

async fn cold(session: &Session, report: &mut Report, processes: &Processes) {
    let rounds = if session.is_quick() { 5 } else { 21 };
    session.counting("cold starts", rounds);
    let starts = processes.cold_starts(rounds, || session.counted()).await;
    for start in &starts {
        let (name, count) = name_and_count(start.start);
        report.grow("cold_start_ms", name, count, milliseconds(start.wall));
        report.grow("cold_start_cpu_ms", name, count, milliseconds(start.cpu));
        if let Some(key) = key(start.start) {
            report.record(key, name, start.wall_x_no_op);
            report.detail(key, &format!("{name}, CPU, × no-op"), start.cpu_x_no_op);
        }
    }
    for start in [Start::NoOp, Start::Authorizer(SIZES[0])] {
        let (name, _) = name_and_count(start);
        match processes.system_calls(start).await {
            Some(calls) => {
                let what = format!("{name}, system calls");
                report.detail("cold_x_noop_small", &what, float(calls));
            }
            None => report.note("There is no strace here: system calls were not counted."),
        }
    }
    if session.is_quick() {
        return;
    }
    for percent in QUOTAS {
        let quota = match Quota::new(percent) {
            Ok(quota) => quota,
            Err(error) => {
                report.note(&format!("No run on a part of a CPU: {error}."));
                return;
            }
        };
        session.counting(&format!("cold starts on {percent} % of a CPU"), 5);
        let starts = processes
            .cold_starts_under(&quota, 5, || session.counted())
            .await;
        for start in &starts {
            restrained(report, percent, start);
        }
    }
}

/// A start on a part of a CPU, in milliseconds.
fn restrained(report: &mut Report, percent: u32, start: &ColdStart) {
    let (name, count) = name_and_count(start.start);
    let what = format!("cold_start_ms_on_{percent}_percent");
    report.grow(&what, name, count, milliseconds(start.wall));
}

async fn invoke(session: &Session, report: &mut Report, processes: &Processes) {
    let (rounds, count) = if session.is_quick() {
        (7, 300)
    } else {
        (21, 500)
    };
    session.counting("warm invocations", rounds);
    let cost = processes
        .invocation_cpu(rounds, count, || session.counted())
        .await;
    let key = "invoke_cpu_x_noop";
    report.record(key, OURS, cost.authorizer_x_no_op);
    let no_op = cost.no_op.as_secs_f64();
    report.detail(key, "a function that does nothing, µs", no_op * 1e6);
    report.detail(
        key,
        "crl-authorizer, µs",
        cost.authorizer.as_secs_f64() * 1e6,
    );
    let largest = Start::Authorizer(LARGE);
    match (
        processes.invocation_instructions(Start::NoOp).await,
        processes.invocation_instructions(largest).await,
    ) {
        (Some(no_op), Some(ours)) => {
            report.detail(
                key,
                "a function that does nothing, instructions",
                float(no_op),
            );
            report.detail(key, "crl-authorizer, instructions", float(ours));
        }
        _ => report.note("There is no valgrind here: instructions were not counted."),
    }
    if let Some(rival) = cost.sdk_defaults {
        report.record(key, SDK_DEFAULTS, rival.as_secs_f64() / no_op);
    }
}

/// The figure that a start is, if it is one.
fn key(start: Start) -> Option<&'static str> {
    match start {
        Start::Authorizer(count) | Start::SdkDefaults(count) if count == SIZES[0] => {
            Some("cold_x_noop_small")
        }
        Start::Authorizer(count) | Start::SdkDefaults(count) if count == LARGE => {
            Some("cold_x_noop_1m")
        }
        _ => None,
    }
}

const fn name_and_count(start: Start) -> (&'static str, usize) {
    match start {
        Start::NoOp => (NO_OP, SIZES[0]),
        Start::Authorizer(count) => (OURS, count),
        Start::SdkDefaults(count) => (SDK_DEFAULTS, count),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
