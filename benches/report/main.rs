//! Every figure of the product's speed and size beside what else one could use, measured in one run.
//!
//! `cargo run --release -p benches --bin report -- --help`

mod bars;
mod charts;
mod figures;
mod growth;
mod ingest;
mod keys;
mod lookup;
mod machine;
mod markdown;
mod measure;
mod processes;
mod ready;
mod request;
mod set;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::figures::Report;
use crate::keys::Part;
use crate::measure::{Failure, Session};

/// Measures crl-authorizer beside its rivals, in one run, and prints a table.
///
/// Times are CPU time of one thread, medians over rounds in which all contenders take turns; each
/// answer is checked. On a busy machine look at ratios, not at times.
#[derive(Parser)]
#[command(name = "report", after_help = EXAMPLES)]
struct Options {
    /// Measure these parts only
    #[arg(long, value_name = "PART", num_args = 1.., value_enum)]
    only: Vec<Part>,
    /// Fewer rounds and smaller sizes of growth: for a first look, and for --check
    #[arg(long)]
    quick: bool,
    /// Print the figures as JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Measure nothing: take the figures from this file, which --json wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["only", "quick"])]
    from: Option<PathBuf>,
    /// Draw charts of the figures into this directory, as SVG
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
    /// Write the tables of this file anew, between their marks; may be given more than once
    #[arg(long, value_name = "FILE")]
    markdown: Vec<PathBuf>,
    /// Fail with exit status 1 where a figure is worse than the regression guard allows
    #[arg(long)]
    check: bool,
}

const EXAMPLES: &str = "\
Examples, behind `cargo run --release -p benches --bin report --`:
  --json > figures.json                     everything, kept
  --from figures.json --charts docs/charts --markdown BENCHMARKS.md
  --only ingest lookup                      two parts, as a table
  --quick --check --only set ready lookup   what a change must not break";

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Failure(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

/// Whether all bounds hold that were to be checked.
fn run(options: &Options) -> Result<bool, Failure> {
    let report = match &options.from {
        Some(file) => kept(file)?,
        None => measured(options)?,
    };
    if options.json {
        let json = serde_json::to_string_pretty(&report);
        println!(
            "{}",
            json.map_err(|error| Failure(format!("JSON: {error}")))?
        );
    } else {
        print!("{}", table::table(&report));
    }
    if let Some(directory) = &options.charts {
        charts::draw(&report, directory)?;
    }
    for file in &options.markdown {
        markdown::update(&report, file)?;
    }
    if !options.check {
        return Ok(true);
    }
    let (lines, all_hold) = keys::check(&report)?;
    for line in lines {
        eprintln!("{line}");
    }
    Ok(all_hold)
}

fn kept(file: &PathBuf) -> Result<Report, Failure> {
    let failure = |error: String| Failure(format!("{}: {error}", file.display()));
    let json = std::fs::read_to_string(file).map_err(|error| failure(error.to_string()))?;
    serde_json::from_str(&json).map_err(|error| failure(error.to_string()))
}

fn measured(options: &Options) -> Result<Report, Failure> {
    let mut report = Report {
        conditions: machine::conditions(std::env::args().skip(1)),
        ..Report::default()
    };
    if cfg!(debug_assertions) {
        let note =
            "An unoptimized build with a fiftieth of the numbers: these figures mean nothing.";
        eprintln!("{note} Add --release.");
        report.note(note);
    }
    let session = Session::new(options.quick);
    let parts = if options.only.is_empty() {
        Part::value_variants()
    } else {
        &options.only
    };
    for part in parts {
        match part {
            Part::Ingest => ingest::measure(&session, &mut report)?,
            Part::Set => set::measure(&session, &mut report)?,
            Part::Ready => ready::measure(&session, &mut report)?,
            Part::Lookup => lookup::measure(&session, &mut report)?,
            Part::Request => request::measure(&session, &mut report)?,
            Part::Growth => growth::measure(&session, &mut report)?,
            Part::Cold | Part::Invoke | Part::Size => {}
        }
    }
    let processes = [Part::Cold, Part::Invoke, Part::Size];
    let processes: Vec<_> = processes
        .into_iter()
        .filter(|part| parts.contains(part))
        .collect();
    if !processes.is_empty() {
        processes::measure(&session, &mut report, &processes)?;
    }
    session.end();
    Ok(report)
}
