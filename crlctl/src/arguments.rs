//! The command line. Scripts rely on it: options are added, never changed.

pub(crate) mod blocks;

use std::path::PathBuf;

use authorizer::config::{Config, VARIABLES};
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use revocation::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use self::blocks::{Block, Blocks, OF_BLOCKS, OVERRIDES, Unblock};
use crate::input::{InputError, Source};

/// Shows what crl-authorizer makes of CRLs, snapshots, certificates and authorizer events, with the code
/// of the Lambda functions themselves.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_STATUS)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Reads CRLs and checks all that needs no issuer. Signatures are NOT verified.
    Inspect(Inspect),
    /// Verifies CRLs against CA certificates, and looks a certificate up in them.
    Check(Check),
    /// Prints the answer of the authorizer Lambda to an event; the reason goes to standard error.
    Authorize(Authorize),
    /// Says what the authorizer decides by a snapshot, why, and what would change it.
    #[command(after_help = SOURCES)]
    Explain(Explain),
    /// Blocks a certificate or a public key, whatever the CA says.
    #[command(after_help = OVERRIDES)]
    Block(Block),
    /// Takes the blocks of a certificate or a public key back. Exit status 1 where there is none.
    #[command(after_help = OVERRIDES)]
    Unblock(Unblock),
    /// Lists what is blocked.
    #[command(after_help = OF_BLOCKS)]
    Blocks(Blocks),
    /// Shows and compares snapshots.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Shows a snapshot: what it was built from, its CAs and their CRLs.
    #[command(after_help = SOURCES)]
    Show(Show),
    /// Shows what changed from one snapshot to another. Exit status 1 where something did.
    #[command(after_help = SOURCES)]
    Diff(Diff),
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A file with CRLs, DER or PEM
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) crl: Vec<PathBuf>,
    /// The moment to judge at: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment, default_value_t = now(), hide_default_value = true)]
    pub(crate) at: UnixTime,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) verification: Verification,
    /// The client certificate to look up, DER or PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Authorize {
    #[command(flatten)]
    pub(crate) verification: Verification,
    /// A file with the authorizer event, JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) event: PathBuf,
    /// What payload 2.0 events are answered with, as RESPONSE_FORMAT of the function
    #[arg(long, value_enum, default_value = "simple")]
    pub(crate) response: ResponseFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The snapshot to decide by
    #[arg(long, value_name = "SNAPSHOT", value_parser = source())]
    pub(crate) snapshot: Source,
    #[command(flatten)]
    pub(crate) client: Client,
    /// A variable of the authorizer function, such as ON_EXPIRED_CRL=allow; may be repeated. What is not
    /// set has the function's default
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    variables: Vec<(String, String)>,
    /// The moment to judge at: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment, default_value_t = now(), hide_default_value = true)]
    pub(crate) at: UnixTime,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// Who asks.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Client {
    /// A file with the authorizer event, JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// The client certificate, DER or PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The snapshot
    #[arg(value_name = "SNAPSHOT", value_parser = source())]
    pub(crate) snapshot: Source,
    /// The moment to count from: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment, default_value_t = now(), hide_default_value = true)]
    pub(crate) at: UnixTime,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The snapshot before
    #[arg(value_name = "OLD", value_parser = source())]
    pub(crate) old: Source,
    /// The snapshot after
    #[arg(value_name = "NEW", value_parser = source())]
    pub(crate) new: Source,
    /// How many serial numbers to name, of those that each CA lists newly and of those that it does not
    /// list any more
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Verification {
    /// A file with CA certificates, DER or PEM: the truststore of the API
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) truststore: Vec<PathBuf>,
    /// A file with CRLs, DER or PEM
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) crl: Vec<PathBuf>,
    /// The moment to judge at: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment, default_value_t = now(), hide_default_value = true)]
    pub(crate) at: UnixTime,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For scripts: one object
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ResponseFormat {
    /// isAuthorized
    Simple,
    /// An IAM policy
    Iam,
}

impl From<ResponseFormat> for authorizer::response::Format {
    fn from(format: ResponseFormat) -> Self {
        match format {
            ResponseFormat::Simple => Self::Simple,
            ResponseFormat::Iam => Self::Iam,
        }
    }
}

impl Explain {
    /// The configuration of the function with those variables.
    pub(crate) fn configuration(&self) -> Result<Config, InputError> {
        configuration(&self.variables)
    }
}

/// The configuration of an authorizer function with those variables, by its own code.
pub(crate) fn configuration(variables: &[(String, String)]) -> Result<Config, InputError> {
    let lookup = |name: &str| {
        let set = variables
            .iter()
            .rev()
            .find(|(variable, _)| variable == name);
        match set {
            Some((_, value)) => Some(value.clone()),
            // Where the snapshot is, is said elsewhere.
            None => (name == "SNAPSHOT_BUCKET").then(|| "unused".to_owned()),
        }
    };
    Config::from_environment(&lookup).map_err(|error| InputError::new("--set", error))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("it is not NAME=VALUE".to_owned());
    };
    if VARIABLES.contains(&name) {
        return Ok((name.to_owned(), value.to_owned()));
    }
    Err(format!(
        "the function has no such variable, but {}",
        VARIABLES.join(", ")
    ))
}

fn source() -> impl TypedValueParser<Value = Source> {
    OsStringValueParser::new().try_map(Source::new)
}

fn moment(text: &str) -> Result<UnixTime, String> {
    let seconds = text
        .parse()
        .or_else(|_| OffsetDateTime::parse(text, &Rfc3339).map(OffsetDateTime::unix_timestamp));
    seconds.map(UnixTime::from_seconds).map_err(|_| {
        "it is neither Unix seconds (1795300000) nor RFC 3339 (2026-11-22T10:00:00Z)".to_owned()
    })
}

/// The one place that reads the clock.
fn now() -> UnixTime {
    UnixTime::from_seconds(OffsetDateTime::now_utc().unix_timestamp())
}

const EXIT_STATUS: &str = "Exit status:
  0  every CRL is accepted and, with --cert, the certificate is allowed
     (authorize: an answer was printed, allow or deny; explain: the decision
     is allow; snapshot show: always; snapshot diff: there is no difference;
     block, unblock: it is done; blocks: always)
  1  a CRL is refused, or the certificate is denied (snapshot diff: there are
     differences; block: it is written but has no effect, for --truststore has
     no such CA; unblock: there was no such block)
  2  unusable arguments, files or objects
  3  authorize: the function would answer with an error";

const SOURCES: &str =
    "A snapshot is a file, s3://BUCKET/KEY, or s3://BUCKET/KEY?versionId=ID for an
earlier version, which takes s3:GetObject or s3:GetObjectVersion. Credentials,
region and endpoint are found as by the AWS CLI: AWS_PROFILE, AWS_REGION,
AWS_ENDPOINT_URL_S3 and so on.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn variables_are_those_of_the_function() {
        let read = |text| variable(text).map_err(|_| ());
        let expected = ("ON_EXPIRED_CRL".to_owned(), "a=b".to_owned());
        assert_eq!(read("ON_EXPIRED_CRL=a=b"), Ok(expected));
        assert_eq!([read("ON_EXPIRED_CRL"), read("PATH=/")], [Err(()), Err(())]);
    }

    #[test]
    fn moments_are_seconds_or_rfc_3339() {
        let expected = Ok(UnixTime::from_seconds(1_795_341_600));
        assert_eq!(moment("1795341600"), expected);
        assert_eq!(moment("2026-11-22T10:00:00Z"), expected);
        assert_eq!(moment("2026-11-22T11:00:00+01:00"), expected);
        assert_eq!(moment("-1"), Ok(UnixTime::from_seconds(-1)));
        for text in ["", "yesterday", "2026-11-22", "1e9"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
