//! How long the real authorizer binary takes from exec to the end of its Init phase, the first
//! snapshot loaded, beside a function that does nothing (`sample-api`).
//!
//! `cargo run --release -p benches --bin cold-start`

use std::path::Path;
use std::time::Duration;

use benches::{serials, snapshot};
use indicatif::{ProgressBar, ProgressStyle};
use testkit::lambda::{Function, build_packages};
use testkit::pki::Ca;
use testkit::s3::S3Server;

const ROUNDS: usize = 21;
const BUCKET: &str = "snapshots";

#[tokio::main]
async fn main() {
    if cfg!(debug_assertions) {
        eprintln!("this is an unoptimized build: add --release for figures that mean something");
    }
    let built = build_packages(&["authorizer", "sample-api"], |_| {});
    let built = built.unwrap_or_else(|error| panic!("{error}"));
    let (authorizer_binary, no_op_binary) = (&built["authorizer"], &built["sample-api"]);
    let s3 = S3Server::start().await;
    s3.create_bucket(BUCKET);
    let ca = Ca::root("Bench CA");
    let sizes = [1_000, 100_000, 1_000_000];
    for count in sizes {
        s3.put(BUCKET, &key(count), snapshot(&ca, &serials(count, 1)));
    }

    let progress = ProgressBar::new(u64::try_from(ROUNDS).unwrap_or(0));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} rounds") {
        progress.set_style(style);
    }
    let mut no_op = Vec::new();
    let mut authorizer = sizes.map(|count| (count, Vec::new()));
    // In turn, so that a change of the machine's speed meets all of them.
    for _ in 0..ROUNDS {
        no_op.push(init(no_op_binary, &[], None).await);
        for (count, durations) in &mut authorizer {
            let mut environment = s3.environment();
            environment.push(("SNAPSHOT_BUCKET".to_owned(), BUCKET.to_owned()));
            environment.push(("SNAPSHOT_KEY".to_owned(), key(*count)));
            let loaded = Some("snapshot");
            durations.push(init(authorizer_binary, &environment, loaded).await);
        }
        progress.inc(1);
    }
    progress.finish_and_clear();

    let yardstick = median(&mut no_op);
    println!("exec to Init done, median of {ROUNDS} runs in turn, S3 over HTTP on loopback\n");
    println!("{:<32} {:>9} {:>8}", "", "ms", "x no-op");
    let row = |name: &str, duration: Duration| {
        let ratio = duration.as_secs_f64() / yardstick.as_secs_f64();
        println!(
            "{name:<32} {:>9.2} {ratio:>8.2}",
            duration.as_secs_f64() * 1000.0
        );
    };
    row("no-op function", yardstick);
    for (count, mut durations) in authorizer {
        row(
            &format!("authorizer, {count} serials"),
            median(&mut durations),
        );
    }
}

/// One start; `expected` must be in what the function logs, or it was not what we mean to measure.
async fn init(binary: &Path, environment: &[(String, String)], expected: Option<&str>) -> Duration {
    let function = Function::start(binary, "cold-start", environment).await;
    assert_eq!(function.init_error().await, None, "the function starts");
    if let Some(expected) = expected {
        let line = function.logged(expected, Duration::from_secs(1)).await;
        assert!(
            line.is_some_and(|line| line.contains("built_at")),
            "the snapshot is loaded"
        );
    }
    let duration = function.init_duration();
    function.stop().await;
    duration
}

fn key(count: usize) -> String {
    format!("{count}.snapshot")
}

fn median(durations: &mut [Duration]) -> Duration {
    durations.sort_unstable();
    durations[durations.len() / 2]
}
