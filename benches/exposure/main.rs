//! How long a revoked client goes on being let in: the distribution from event to deny, everywhere.
//!
//! `cargo run --release -p benches --bin exposure -- --help`
//!
//! Four moments of each revocation, all by the clock of this process:
//!
//! - the **event**: before AWS Private CA's announcement is put into the queue in front of the fetcher.
//!   What it waits there, behind other events, is counted;
//! - it is **published**: when S3 stores the first snapshot that lists the certificate, be it as announced
//!   or by its CRL;
//! - an environment **denies**: when the client has that environment's first denial in its hands. The
//!   true moment is between the question of the last permission before and that denial: the resolution,
//!   which is measured too. What is reported is its later end;
//! - it is **denied everywhere**: when the last environment denies.
//!
//! A permission of an environment after a denial of the same is wrong, and so is every denial of
//! somebody who is not revoked.

mod exposures;
mod load;
mod revocations;
mod run;
mod summary;

use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use playground::cloud::{Cloud, Lambda, Settings};
use playground::files::Files;
use playground::gateway::Gateway;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::run::{Run, Terms};

/// Measures how long revoked clients are let in, from the announcement of their CA to the denial
/// everywhere.
///
/// The real functions run under a Lambda simulator that freezes them while they are idle, on an S3 in
/// this process. Each execution environment of the authorizer is behind a gateway of the playground's of
/// its own, so that it is known who answers: clients with certificates of their own call all of them over
/// mutual TLS, all the time. Meanwhile some are revoked, at random moments (Poisson): AWS Private CA's
/// event goes to the fetcher, of which one refresh runs at a time. The CRL follows later, so that each
/// announcement is taken over by a CRL while requests go on.
///
/// Every answer is checked, and at the end everybody is asked once more.
#[derive(Parser)]
#[command(name = "exposure", after_help = EXIT)]
struct Options {
    /// The age, in seconds, from which on an environment asks for a newer snapshot
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = soft_age)]
    soft_age: Duration,
    /// How many clients are revoked
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    revocations: u16,
    /// How many execution environments of the authorizer there are
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    environments: u16,
    /// How many requests a second there are, over all environments; a first denial is followed by some
    /// more
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: u32,
    /// How many milliseconds there are between two revocations, on the average
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    every: u64,
    /// When who is revoked, and who is asked, follows from it
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

const EXIT: &str = "\
The target: 99 % of the revoked are denied everywhere within the soft age and a second, and with a soft age
of 0.5 s or less within a second. It is told of in every build and checked in an optimized one only.

Exit status: 0 no wrong answer, and the target is reached; 1 otherwise; 2 it could not run.

Examples:
  cargo run --release -p benches --bin exposure
  cargo run --release -p benches --bin exposure -- --soft-age 30
  cargo run --bin exposure -- --revocations 30";

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match exposure(&options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was wrong, and, in an optimized build, all of it soon enough.
async fn exposure(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let terms = Terms {
        soft_age: options.soft_age,
        revocations: options.revocations.into(),
        environments: options.environments.into(),
        rate: options.rate,
        every: Duration::from_millis(options.every),
        seed: options.seed,
    };
    allow_open_connections();
    eprintln!("building the functions (the first time takes some minutes)");
    let binaries = tokio::task::spawn_blocking(benches::build_for_the_playground).await??;
    let directory = std::env::temp_dir().join(format!("exposure-{}", std::process::id()));
    let files = Arc::new(Files::create(&directory)?);
    let settings = Settings {
        authorizer: vec![(
            "SNAPSHOT_SOFT_AGE_SECONDS".to_owned(),
            terms.soft_age.as_secs_f64().to_string(),
        )],
        freezes: true,
        ..Settings::default()
    };
    let cloud = Cloud::start(&binaries, files, settings).await?;
    let outcome = measure(&cloud, terms).await;
    cloud.files().remove();
    outcome
}

async fn measure(cloud: &Arc<Cloud>, terms: Terms) -> Result<bool, Box<dyn std::error::Error>> {
    let authorizers = start_one_after_the_other(cloud, terms).await?;
    let run = Run::new(Arc::clone(cloud), terms)?;
    let mut gateways = Vec::new();
    for (environment, authorizer) in authorizers.into_iter().enumerate() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let heard = Arc::clone(&run);
        let report = move |report: &_| heard.hear(environment, report);
        let cloud = Arc::clone(cloud);
        gateways.push(Gateway::start_with(authorizer, listener, cloud, report)?);
    }
    let ports: Vec<_> = gateways.iter().map(Gateway::port).collect();
    let outcome = tokio::time::timeout(terms.at_most(), run.play(&ports)).await;
    drop(gateways);
    match outcome {
        Ok(()) => Ok(summary::print(&run)),
        Err(_) => Err("it did not come to an end".into()),
    }
}

/// So that their snapshots are of different ages, as those of environments that began when there were
/// requests for them.
async fn start_one_after_the_other(
    cloud: &Cloud,
    terms: Terms,
) -> Result<Vec<Arc<Lambda>>, Box<dyn std::error::Error>> {
    let count = u32::try_from(terms.environments)?;
    let mut authorizers = vec![Arc::clone(cloud.authorizer())];
    for _ in 1..count {
        tokio::time::sleep(terms.soft_age / count).await;
        authorizers.push(cloud.another_authorizer().await?);
    }
    Ok(authorizers)
}

/// As many as this process may have. Both ends of each connection are here, and with a long soft age
/// there are hundreds.
fn allow_open_connections() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Where it cannot be raised, the connections that fail will tell.
    let _ = setrlimit(Resource::Nofile, all);
}

fn soft_age(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|it| (0.01..=60.0).contains(it));
    let milliseconds = seconds.map(|it: f64| (it * 1e3).round());
    milliseconds
        .map(|it| Duration::from_secs_f64(it / 1e3))
        .ok_or_else(|| "it must be a number from 0.01 to 60".to_owned())
}
