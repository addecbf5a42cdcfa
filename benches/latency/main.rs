//! Whether revalidating the snapshot can be felt in the latency of warm invocations.
//!
//! `cargo run --release -p benches --bin latency -- --help`

mod measure;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::measure::{Plan, measure};

/// Measures warm invocations of the real authorizer, with and without revalidation of its snapshot.
///
/// Three execution environments take turns, block by block, so that a change of the machine's speed meets
/// all of them: one that never revalidates, one that does so every second, and a second one of the first
/// kind, whose difference from the first is what this machine cannot tell apart. Each process is frozen
/// (SIGSTOP) whenever it is idle and thawed with the next event, as Lambda does it. Every answer is
/// checked, and the S3 counts the revalidations. S3 is the testkit's, over HTTPS on loopback.
///
/// "Handed over" is what Lambda reports as the duration, and what an API's client waits for: from the
/// event's being handed to the waiting runtime to its answer. "Asked" begins earlier, when the event is
/// there: it includes the wait for the environment to be idle again, for which Lambda would take another
/// one.
#[derive(Parser)]
#[command(name = "latency", after_help = EXIT)]
struct Options {
    /// How many invocations of each environment
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(u32).range(1_000..=100_000_000))]
    invocations: u32,
    /// How many revoked serial numbers the snapshot has
    #[arg(long, value_name = "N", default_value_t = 10_000,
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    revoked: u32,
}

const EXIT: &str = "\
It takes 45 seconds at least, so that there are 30 revalidations.

Exit status: 0 measured, whether or not the target is reached; 1 a wrong answer, or revalidations where
there must be none, or fewer than 30 where there must be some; 2 it could not run.";

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match latency(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether what was measured is what was meant.
async fn latency(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    eprintln!("building the authorizer (the first time takes some minutes)");
    let built =
        tokio::task::spawn_blocking(|| testkit::lambda::build_packages(&["authorizer"], |_| {}));
    let built = built.await??;
    let program = built.get("authorizer").ok_or("no authorizer was built")?;
    let plan = Plan::new(options.invocations, options.revoked)?;
    let sides = measure(program, &plan).await?;
    Ok(table::print(&plan, &sides))
}
