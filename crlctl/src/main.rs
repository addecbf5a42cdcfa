//! The operator's command line: what the Lambdas would make of these files, and why.
//!
//! Exit status: 0 all accepted and, with a certificate, allow; 1 a CRL refused, or deny; 2 unusable
//! arguments or files; 3 where the authorizer Lambda would answer with an error.

mod arguments;
mod evaluation;
mod files;
mod report;

use std::process::ExitCode;

use authorizer::decision::Policy;
use authorizer::recent::RecentClients;
use clap::Parser;
use serde_json::value::RawValue;

use crate::arguments::{Arguments, Authorize, Check, Command, Format, Inspect};
use crate::evaluation::{Evaluation, Inspection};
use crate::files::FileError;
use crate::report::{CertificateReport, Report};

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Inspect(arguments) => inspect(&arguments),
        Command::Check(arguments) => check(&arguments),
        Command::Authorize(arguments) => authorize(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("crlctl: {error}");
        ExitCode::from(UNUSABLE)
    })
}

fn inspect(arguments: &Inspect) -> Result<ExitCode, FileError> {
    let mut crls = Vec::new();
    for path in &arguments.crl {
        let octets = files::read(path)?;
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

fn check(arguments: &Check) -> Result<ExitCode, FileError> {
    let at = arguments.verification.at;
    let Evaluation { crls, snapshot } = Evaluation::new(&arguments.verification)?;
    let certificate = match &arguments.cert {
        Some(path) => {
            let certificate = files::certificate(path)?;
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
fn authorize(arguments: &Authorize) -> Result<ExitCode, FileError> {
    let at = arguments.verification.at;
    let Evaluation { crls, snapshot } = Evaluation::new(&arguments.verification)?;
    let event = files::read(&arguments.event)?;
    let event: Box<RawValue> = serde_json::from_slice(&event)
        .map_err(|error| FileError::new(&arguments.event, format!("it is not JSON: {error}")))?;
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

fn finish(report: Report, format: Format) -> ExitCode {
    match format {
        Format::Text => print!("{report}"),
        Format::Json => match serde_json::to_string(&report) {
            Ok(text) => println!("{text}"),
            Err(error) => {
                eprintln!("crlctl: the report cannot be written: {error}");
                return ExitCode::from(UNUSABLE);
            }
        },
    }
    if report.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(REFUSED_OR_DENIED)
    }
}

/// A CRL is refused, or the certificate is denied.
const REFUSED_OR_DENIED: u8 = 1;
/// The arguments or the files are unusable. The same as of the argument parser.
const UNUSABLE: u8 = 2;
/// The authorizer Lambda would answer with an error.
const LAMBDA_ERROR: u8 = 3;
