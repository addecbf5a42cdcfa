//! Load through the mutual TLS front, revocations and faults, for as long as one likes, and an oracle
//! that checks every answer.
//!
//! `cargo run --release -p benches --bin soak -- --help`

mod faults;
mod footprint;
mod load;
mod oracle;
mod revocations;
mod run;
mod summary;
mod tally;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser};
use playground::cloud::{Cloud, Settings};
use playground::files::Files;
use playground::gateway::Gateway;

use crate::run::{Run, Terms};

/// Puts the whole system under load and faults, and checks every answer.
///
/// The real functions run under a Lambda simulator that freezes them while they are idle, on an S3 in
/// this process, behind the playground's gateway: clients with certificates of their own call it over
/// mutual TLS. All the time some of them are revoked, which has AWS invoke the fetcher; and at random S3
/// fails, call by call or wholly, the fetcher is killed, the authorizer is frozen, stopped in the middle
/// or replaced, and CRLs are forged. In the first two thirds, that is for whatever ends a process, so
/// that growth is to be seen in the last one.
///
/// An oracle knows who was revoked when, and when the snapshot that says so was published. A wrong
/// answer is a good client denied; a revoked one allowed longer than the hard age of a snapshot and a
/// revalidation after that, S3 having been there to ask; one allowed again; an error although there could
/// be a snapshot. At the end every client is asked once more, and nothing is excused.
#[derive(Parser)]
#[command(name = "soak", after_help = EXIT)]
struct Options {
    #[command(flatten)]
    duration: Length,
    /// What is revoked and what fails, and in which order, follows from it
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How many clients call at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    clients: u16,
    /// Write what the functions log into this file
    #[arg(long, value_name = "FILE")]
    logs: Option<PathBuf>,
    /// Run the authorizer in shadow mode, in which it lets revoked clients in: the soak has to fail,
    /// which shows that it can
    #[arg(long)]
    sabotage: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Length {
    /// How long, in minutes; building the functions, and asking everybody at the end, is not in it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: Option<u64>,
    /// How long, in seconds: for a smoke test
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(10..=600_000))]
    seconds: Option<u64>,
}

const EXIT: &str = "\
Exit status: 0 no wrong answer; 1 some, or a run that proves nothing; 2 it could not run.

Examples:
  cargo run --release -p benches --bin soak -- --minutes 15
  cargo run --bin soak -- --seconds 20";

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match soak(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was wrong.
async fn soak(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let terms = Terms {
        length: options.duration.get(),
        seed: options.seed,
        clients: options.clients,
    };
    eprintln!("building the functions (the first time takes some minutes)");
    let binaries = tokio::task::spawn_blocking(benches::build_for_the_playground).await??;
    let directory = std::env::temp_dir().join(format!("soak-{}", std::process::id()));
    let files = Arc::new(Files::create(&directory)?);
    let settings = Settings {
        authorizer: authorizer_variables(options.sabotage),
        freezes: true,
        schedule: SCHEDULE,
        retries: RETRIES,
        echo: options.logs.as_deref().map(load::log_into).transpose()?,
    };
    let cloud = Cloud::start(&binaries, files, settings).await?;
    let run = Run::new(Arc::clone(&cloud), terms);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let gateway = Gateway::start(listener, Arc::clone(&cloud), {
        let run = Arc::clone(&run);
        move |report| run.heard(report)
    })?;
    let outcome = tokio::time::timeout(terms.length + AT_MOST_LONGER, run.play(gateway.port()));
    let outcome = outcome.await;
    drop(gateway);
    cloud.files().remove();
    match outcome {
        Ok(()) => Ok(summary::print(&run)),
        Err(_) => Err("it did not come to an end".into()),
    }
}

fn authorizer_variables(sabotage: bool) -> Vec<(String, String)> {
    let mode = if sabotage { "shadow" } else { "enforce" };
    [
        ("SNAPSHOT_SOFT_AGE_SECONDS", "1".to_owned()),
        (
            "SNAPSHOT_HARD_AGE_SECONDS",
            run::HARD_AGE.as_secs().to_string(),
        ),
        ("MODE", mode.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

impl Length {
    fn get(&self) -> Duration {
        let minutes = self.minutes.map(|minutes| minutes * 60);
        Duration::from_secs(minutes.or(self.seconds).unwrap_or_default())
    }
}

/// Everything takes its turn sooner than on AWS, so that minutes see it often.
const SCHEDULE: Duration = Duration::from_secs(10);
const RETRIES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(4)];
/// For what comes after the load.
const AT_MOST_LONGER: Duration = Duration::from_secs(300);
