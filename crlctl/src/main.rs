//! The operator's command line: what the Lambdas would make of these files, or make of a snapshot, and
//! why.
//!
//! Exit status: 0 all accepted and, with a certificate, allow; 1 a CRL refused, deny, snapshots that
//! differ, a block without effect, or none to take back; 2 unusable arguments, files or objects; 3 where
//! the authorizer Lambda would answer with an error.

mod arguments;
mod blocks;
mod diff;
mod evaluation;
mod explain;
mod facts;
mod input;
mod report;
mod show;

use std::fmt;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use authorizer::decision::Policy;
use authorizer::recent::RecentClients;
use clap::Parser;
use serde::Serialize;

use crate::arguments::{
    Arguments, Authorize, Check, Command, Diff, Explain, Format, Inspect, Show, SnapshotCommand,
    blocks::{Block, Blocks, Unblock},
};
use crate::diff::Difference;
use crate::evaluation::{Evaluation, Inspection};
use crate::input::InputError;
use crate::report::{CertificateReport, Report};
use crate::show::Contents;

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Inspect(arguments) => inspect(&arguments),
        Command::Check(arguments) => check(&arguments),
        Command::Authorize(arguments) => authorize(&arguments),
        Command::Explain(arguments) => explain(&arguments),
        Command::Block(arguments) => block(&arguments),
        Command::Unblock(arguments) => unblock(&arguments),
        Command::Blocks(arguments) => list_blocks(&arguments),
        Command::Snapshot(SnapshotCommand::Show(arguments)) => show(&arguments),
        Command::Snapshot(SnapshotCommand::Diff(arguments)) => diff(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("crlctl: {error}");
        ExitCode::from(UNUSABLE)
    })
}

fn inspect(arguments: &Inspect) -> Result<ExitCode, InputError> {
    let mut crls = Vec::new();
    for path in &arguments.crl {
        let octets = input::read(path)?;
        crls.extend(
            Inspection::of_file(&octets)
                .iter()
                .map(|crl| crl.report(path, arguments.at)),
        );
    }
    Ok(finish(
        Report {
            crls,
            certificate: None,
            decision: None,
        },
        arguments.format,
    ))
}

fn check(arguments: &Check) -> Result<ExitCode, InputError> {
    let at = arguments.verification.at;
    let Evaluation { crls, snapshot } = Evaluation::new(&arguments.verification)?;
    let certificate = match &arguments.cert {
        Some(path) => {
            let certificate = input::certificate(path)?;
            Some(CertificateReport::new(
                certificate.as_ref().map_err(|_| ()),
                &snapshot,
                at,
            ))
        }
        None => None,
    };
    let (certificate, decision) = certificate.unzip();
    Ok(finish(
        Report {
            crls,
            certificate,
            decision,
        },
        arguments.format,
    ))
}

/// Standard output gets exactly what API Gateway would get.
fn authorize(arguments: &Authorize) -> Result<ExitCode, InputError> {
    let at = arguments.verification.at;
    let Evaluation { crls, snapshot } = Evaluation::new(&arguments.verification)?;
    let event = input::event(&arguments.event)?;
    for crl in &crls {
        if let Some(refusal) = &crl.refusal {
            eprintln!(
                "{}: refused: {}: {}",
                crl.file, refusal.code, refusal.message
            );
        }
    }
    let format = arguments.response.into();
    let (clients, policy) = (RecentClients::forgotten(), Policy::default());
    let Ok(answer) = authorizer::respond(&event, &clients, &snapshot, at, &policy, format);
    let effect = answer.decision.effect.code();
    let detail = answer
        .unreadable
        .map(|error| format!(": {error}"))
        .unwrap_or_default();
    eprintln!("{effect}: {}{detail}", answer.decision.reason.code());
    match serde_json::to_string(&answer.response) {
        Ok(response) => {
            println!("{response}");
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("crlctl: the response cannot be written: {error}");
            Ok(ExitCode::from(LAMBDA_ERROR))
        }
    }
}

fn explain(arguments: &Explain) -> Result<ExitCode, InputError> {
    let explanation = explain::explain(arguments)?;
    let is_allowed = explanation.is_allowed();
    Ok(print(&explanation, arguments.format, is_allowed))
}

fn block(arguments: &Block) -> Result<ExitCode, InputError> {
    let blocked = blocks::block(arguments)?;
    let is_good = blocked.is_good();
    Ok(print(&blocked, arguments.format, is_good))
}

fn unblock(arguments: &Unblock) -> Result<ExitCode, InputError> {
    let unblocked = blocks::unblock(arguments)?;
    let is_good = unblocked.is_good();
    Ok(print(&unblocked, arguments.format, is_good))
}

fn list_blocks(arguments: &Blocks) -> Result<ExitCode, InputError> {
    Ok(print(&blocks::list(arguments)?, arguments.format, true))
}

fn show(arguments: &Show) -> Result<ExitCode, InputError> {
    let Show {
        snapshot: source,
        at,
        format,
    } = arguments;
    let contents = Contents::new(&source.snapshot()?, source, *at);
    Ok(print(&contents, *format, true))
}

fn diff(arguments: &Diff) -> Result<ExitCode, InputError> {
    let Diff {
        old,
        new,
        limit,
        format,
    } = arguments;
    let snapshots = [&old.snapshot()?, &new.snapshot()?];
    let difference = Difference::new(snapshots, [old, new], *limit);
    let is_same = !difference.differ();
    Ok(print(&difference, *format, is_same))
}

fn finish(report: Report, format: Format) -> ExitCode {
    let is_good = report.is_good();
    print(&report, format, is_good)
}

/// Prints a report, for people or for scripts.
fn print<R: fmt::Display + Serialize>(report: &R, format: Format, is_good: bool) -> ExitCode {
    let text = match format {
        Format::Text => Ok(report.to_string()),
        Format::Json => serde_json::to_string(report).map(|text| text + "\n"),
    };
    let written = text
        .map_err(std::io::Error::other)
        .and_then(|text| std::io::stdout().lock().write_all(text.as_bytes()));
    match written {
        // Whoever reads no further, as head(1), has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("crlctl: the report cannot be written: {error}");
            ExitCode::from(UNUSABLE)
        }
        _ if is_good => ExitCode::SUCCESS,
        _ => ExitCode::from(NOT_GOOD),
    }
}

/// A CRL is refused, the certificate is denied, the snapshots differ, a block has no effect, or there is
/// none to take back.
const NOT_GOOD: u8 = 1;
/// The arguments, files or objects are unusable. The same as of the argument parser.
const UNUSABLE: u8 = 2;
/// The authorizer Lambda would answer with an error.
const LAMBDA_ERROR: u8 = 3;
