//! How long the real authorizer binary takes from exec to the end of its Init phase, the first
//! snapshot loaded, beside a function that does nothing; what an invocation costs; how large it is.
//!
//! `cargo run --release -p benches --bin cold-start -- [--rivals] [--quota]`

use std::time::Duration;

use benches::processes::{ColdStart, Processes, Programs, Quota, Size, Start};
use indicatif::{ProgressBar, ProgressStyle};

const ROUNDS: usize = 21;
const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
/// In percent of a CPU: about what functions of 128, 512 and 1024 MB get.
const QUOTAS: [u32; 3] = [7, 29, 57];

#[tokio::main]
async fn main() {
    if cfg!(debug_assertions) {
        eprintln!("this is an unoptimized build: add --release for figures that mean something");
    }
    let asked_for = |flag: &str| std::env::args().any(|argument| argument == flag);
    let programs = Programs::build(asked_for("--rivals"), |_| {});
    let programs = programs.unwrap_or_else(|error| panic!("{error}"));
    let sizes = Size::of(&programs.authorizer);
    let sizes = sizes.unwrap_or_else(|error| panic!("the binary is readable: {error}"));
    let processes = Processes::prepare(programs, &SIZES).await;

    let progress = bar(ROUNDS);
    let starts = processes.cold_starts(ROUNDS, || progress.inc(1)).await;
    progress.finish_and_clear();
    println!("exec to Init done, medians of {ROUNDS} rounds in turn, S3 over HTTPS on loopback\n");
    table(&starts);

    if asked_for("--quota") {
        for percent in QUOTAS {
            match Quota::new(percent) {
                Err(error) => println!("\n{error}"),
                Ok(quota) => {
                    let progress = bar(5);
                    let starts = processes.cold_starts_under(&quota, 5, || progress.inc(1));
                    let starts = starts.await;
                    progress.finish_and_clear();
                    println!("\nwith {percent} % of a CPU\n");
                    table(&starts);
                }
            }
        }
    }

    let progress = bar(ROUNDS);
    let cost = processes.invocation_cpu(ROUNDS, 500, || progress.inc(1));
    let cost = cost.await;
    progress.finish_and_clear();
    println!(
        "\nCPU of a warm invocation: authorizer {:.1} µs, no-op {:.1} µs, {:.3} x",
        us(cost.authorizer),
        us(cost.no_op),
        cost.authorizer_x_no_op
    );
    if let Some(rival) = cost.sdk_defaults {
        println!("SDK defaults {:.1} µs", us(rival));
    }
    for start in [Start::NoOp, Start::Authorizer(SIZES[0])] {
        match processes.system_calls(start).await {
            Some(calls) => println!("system calls to Init done, {start:?}: {calls}"),
            None => println!("system calls: no strace here"),
        }
    }
    println!(
        "binary {:.2} MiB, zipped {:.2} MiB",
        mib(sizes.octets),
        mib(sizes.zipped)
    );
}

fn table(starts: &[ColdStart]) {
    println!(
        "{:<28} {:>9} {:>8} {:>9} {:>8}",
        "", "wall ms", "x no-op", "CPU ms", "x no-op"
    );
    for row in starts {
        let name = match row.start {
            Start::NoOp => "no-op".to_owned(),
            Start::Authorizer(count) => format!("authorizer, {count}"),
            Start::SdkDefaults(count) => format!("SDK defaults, {count}"),
        };
        println!(
            "{name:<28} {:>9.2} {:>8.2} {:>9.2} {:>8.2}",
            us(row.wall) / 1000.0,
            row.wall_x_no_op,
            us(row.cpu) / 1000.0,
            row.cpu_x_no_op
        );
    }
}

fn bar(rounds: usize) -> ProgressBar {
    let progress = ProgressBar::new(u64::try_from(rounds).unwrap_or(0));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rounds") {
        progress.set_style(style);
    }
    progress
}

fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn mib(octets: u64) -> f64 {
    f64::from(u32::try_from(octets).unwrap_or(u32::MAX)) / (1024.0 * 1024.0)
}
