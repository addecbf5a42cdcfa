//! The laptop cloud: S3, two private CAs, the real Lambdas, and a gateway with mutual TLS.
//!
//! `cargo run --bin playground` starts it and prints `curl` lines to try; while it runs,
//! `revoke NAME`, `issue NAME` and `status` act on it. `--once` plays the whole story without a
//! person.

use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use playground::cloud::{Cloud, Settings};
use playground::control::{self, Command, Control};
use playground::files::Files;
use playground::gateway::{Gateway, Report};
use playground::{now, story};
use testkit::lambda::{Binaries, Echo, build};

/// CRL in S3, verified snapshot, allow or deny over mutual TLS: all of it on this machine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen: https://localhost:PORT
    #[arg(long, default_value_t = 8443)]
    port: u16,
    /// Where certificates and keys are written, and where the commands find the running playground
    #[arg(long, default_value = "playground-files", global = true)]
    directory: PathBuf,
    /// Show every line the Lambdas log
    #[arg(long)]
    logs: bool,
    /// Play the story on a free port, in a directory of its own; exit with 0 if every step passed
    #[arg(long, conflicts_with_all = ["port", "directory"])]
    once: bool,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Subcommand)]
enum Act {
    /// Revoke a client certificate of the running playground
    Revoke {
        /// Whose certificate
        name: String,
    },
    /// Issue a client certificate in the running playground
    Issue {
        /// For whom
        name: String,
    },
    /// Show certificates, CRLs and snapshot of the running playground
    Status,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let command = match &arguments.act {
        Some(Act::Revoke { name }) => Some(Command::Revoke(name.clone())),
        Some(Act::Issue { name }) => Some(Command::Issue(name.clone())),
        Some(Act::Status) => Some(Command::Status),
        None => None,
    };
    let outcome = match command {
        Some(command) => control::send(&arguments.directory, &command).await,
        None if arguments.once => play_story(arguments.logs).await,
        None => run(&arguments).await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs until interrupted.
async fn run(arguments: &Arguments) -> Result<bool, Box<dyn Error>> {
    let port = arguments.port;
    // Everything that can be in the way is looked at before the Lambdas are built.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        format!("cannot listen on port {port}: {error}; choose another one with --port PORT")
    })?;
    let files = Arc::new(Files::create(&arguments.directory)?);

    let binaries = built().await?;
    let cloud = Cloud::start(&binaries, files, settings(arguments.logs)).await?;
    cloud.on_refresh(|refresh| println!("{}  {refresh}", clock()));
    let report = |report: &Report| println!("{}  {report}", clock());
    let gateway = Gateway::start(listener, Arc::clone(&cloud), report)?;
    let control = Control::start(Arc::clone(&cloud)).await?;
    print_welcome(gateway.port(), &arguments.directory);

    interrupted().await;
    println!("\nstopping");
    drop((gateway, control));
    cloud.files().remove();
    Ok(true)
}

/// Plays the story; `true` if every step passed.
async fn play_story(logs: bool) -> Result<bool, Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("playground-{}", std::process::id()));
    let files = Arc::new(Files::create(&directory)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let binaries = built().await?;
    let cloud = Cloud::start(&binaries, files, settings(logs)).await?;
    let passed = story::play(&cloud, listener).await;
    cloud.files().remove();
    passed
}

/// Builds the Lambdas with cargo, showing that something happens.
async fn built() -> Result<Binaries, Box<dyn Error>> {
    println!("building the Lambda functions (the first time takes some minutes)");
    let started = Instant::now();
    let binaries = tokio::task::spawn_blocking(move || {
        let (mut crates, mut told) = (0, Instant::now());
        build(|line| {
            let line = line.trim_start();
            if line.starts_with("Blocking ") {
                println!("  another cargo is at work: {line}");
            }
            let Some(krate) = line.strip_prefix("Compiling ") else {
                return;
            };
            crates += 1;
            if told.elapsed() >= Duration::from_secs(5) {
                told = Instant::now();
                let krate = krate.split(" (").next().unwrap_or(krate);
                println!("  {crates} crates compiled, now {krate}");
            }
        })
    })
    .await??;
    println!("built in {:.1} s\n", started.elapsed().as_secs_f32());
    Ok(binaries)
}

fn settings(logs: bool) -> Settings {
    Settings {
        echo: logs.then(|| -> Echo { Arc::new(|line| println!("    {line}")) }),
        ..Settings::default()
    }
}

fn print_welcome(port: u16, directory: &Path) {
    let directory = directory.display();
    let curl = |name: &str| {
        format!(
            "curl --cacert {directory}/server-ca.pem --cert {directory}/{name}.pem \
             --key {directory}/{name}.key https://localhost:{port}/hello"
        )
    };
    println!("https://localhost:{port} asks for a client certificate. Try:\n");
    println!("  # alice is let in");
    println!("  {}\n", curl("alice"));
    println!("  # bob is revoked: 403");
    println!("  {}\n", curl("bob"));
    println!("  # mallory's CA is not in the truststore: refused in the handshake");
    println!("  {}\n", curl("mallory"));
    let option = match directory.to_string().as_str() {
        "playground-files" => String::new(),
        directory => format!(" --directory {directory}"),
    };
    println!("and, in another terminal:\n");
    println!("  cargo run --bin playground --{option} revoke alice");
    println!("  cargo run --bin playground --{option} issue dave");
    println!("  cargo run --bin playground --{option} status\n");
    println!("Every decision shows below; Ctrl-C ends it.\n");
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}

/// The time of day (UTC), for a line of output.
fn clock() -> String {
    let now = now();
    format!("{:02}:{:02}:{:02}", now.hour(), now.minute(), now.second())
}
