//! The arguments of `crlctl block`, `unblock` and `blocks`.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgGroup, Args};
use crl_fetcher::overrides::{is_note, read_key, read_serial};
use revocation::{SerialNumber, UnixTime};

use super::{Format, moment, now, source};
use crate::blocks::place::Place;
use crate::input::Source;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true).args(TARGETS))]
pub(crate) struct Block {
    /// The overrides to write to
    #[arg(long, value_name = "OVERRIDES", value_parser = place())]
    pub(crate) overrides: Place,
    #[command(flatten)]
    pub(crate) naming: Naming,
    /// The truststore of the API, a file or s3://BUCKET/KEY: exit status 1 if the certificate's CA is not
    /// in it, for such a block has no effect. It is written all the same
    #[arg(long, value_name = "TRUSTSTORE", value_parser = source(), conflicts_with_all = ["key", "key_of"])]
    pub(crate) truststore: Option<Source>,
    /// Up to when it counts: for how long (90min, 12h, 30d, 2w), Unix seconds or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = end)]
    pub(crate) until: UnixTime,
    /// Why, for those who find it later: one line of up to 500 characters. It is in no log and no answer
    #[arg(long, value_name = "TEXT", value_parser = note)]
    pub(crate) note: String,
    #[arg(skip = now())]
    pub(crate) since: UnixTime,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true).args(TARGETS).arg("ended"))]
pub(crate) struct Unblock {
    /// The overrides to write to
    #[arg(long, value_name = "OVERRIDES", value_parser = place())]
    pub(crate) overrides: Place,
    #[command(flatten)]
    pub(crate) naming: Naming,
    /// Every block that has ended: nobody is let in by it
    #[arg(long, conflicts_with = "issuer")]
    pub(crate) ended: bool,
    #[arg(skip = now())]
    pub(crate) at: UnixTime,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Blocks {
    /// The overrides
    #[arg(long, value_name = "OVERRIDES", value_parser = source())]
    pub(crate) overrides: Source,
    /// The moment to count from: Unix seconds or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment, default_value_t = now(), hide_default_value = true)]
    pub(crate) at: UnixTime,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// What is meant, by one of them.
#[derive(Debug, Args)]
pub(crate) struct Naming {
    /// The certificate in this file, DER or PEM; its CA is found by its authority key identifier
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// The certificate with this serial number in hexadecimal, as `openssl x509 -serial` prints it
    #[arg(long, value_name = "HEX", value_parser = serial, requires = "issuer")]
    pub(crate) serial: Option<SerialNumber>,
    /// The certificate's CA: its key identifier in hexadecimal, or a file with its certificate. With
    /// --serial, and with --cert where the certificate has no authority key identifier
    #[arg(long, value_name = "KEY-ID|FILE", conflicts_with_all = ["key", "key_of"])]
    pub(crate) issuer: Option<PathBuf>,
    /// Every certificate with the public key of the certificate in this file, whoever issued it
    #[arg(long, value_name = "FILE")]
    pub(crate) key_of: Option<PathBuf>,
    /// Every certificate with this public key: the SHA-256 of its DER SubjectPublicKeyInfo, in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = key)]
    pub(crate) key: Option<[u8; 32]>,
}

const TARGETS: [&str; 4] = ["cert", "serial", "key_of", "key"];

pub(super) const OVERRIDES: &str =
    "The overrides are one JSON object, s3://BUCKET/KEY as OVERRIDES_BUCKET and
OVERRIDES_KEY of crl-fetcher have it, or a file. It is read, changed and written
only if nobody else has written it meanwhile, or else once more; that takes
s3:GetObject, s3:PutObject and, where there is none yet, s3:ListBucket. A file
has no such protection: change it one at a time. What cannot be read is never
written over.

A block stays in the overrides when it has ended, until it is taken out.";

pub(super) const OF_BLOCKS: &str =
    "The overrides are a file, s3://BUCKET/KEY, or s3://BUCKET/KEY?versionId=ID for an
earlier version.";

fn place() -> impl TypedValueParser<Value = Place> {
    OsStringValueParser::new().try_map(Place::new)
}

/// The end of a block, which is yet to come.
fn end(text: &str) -> Result<UnixTime, String> {
    let now = now();
    let until = match duration(text) {
        Some(seconds) => now.plus(seconds),
        None => moment(text).map_err(|_| {
            "it is neither a duration (90min, 12h, 30d, 2w) nor Unix seconds (1795300000) nor RFC \
             3339 (2026-11-22T10:00:00Z)"
        })?,
    };
    if until <= now {
        return Err(format!("it is not in the future: {until}"));
    }
    // RFC 3339 has no later years.
    match UnixTime::from_civil(9999, 12, 31, (23, 59, 59)) {
        Some(last) if last < until => Err(format!("the last moment is {last}")),
        _ => Ok(until),
    }
}

/// `m` is not among the units: it might be minutes or months.
fn duration(text: &str) -> Option<i64> {
    let digits = text.find(|char: char| !char.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let unit = match unit {
        "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    // Too many of them are after the last moment in any case.
    let count: i64 = count.parse().ok()?;
    Some(count.saturating_mul(unit))
}

fn note(text: &str) -> Result<String, &'static str> {
    match is_note(text) {
        true => Ok(text.to_owned()),
        false => Err("it is not one line of 1 to 500 characters"),
    }
}

fn serial(text: &str) -> Result<SerialNumber, &'static str> {
    let text = text.strip_prefix("serial=").unwrap_or(text);
    without_colons(text)
        .and_then(|digits| read_serial(&digits))
        .ok_or("it is not a number of up to 20 octets in hexadecimal")
}

fn key(text: &str) -> Result<[u8; 32], &'static str> {
    without_colons(text)
        .and_then(|digits| read_key(&digits))
        .ok_or("it is not the 64 hexadecimal digits of a SHA-256")
}

/// Hexadecimal digits, of which each two may be set apart by a colon. `None`: a pair is not one, so that
/// a digit was lost.
pub(crate) fn without_colons(text: &str) -> Option<String> {
    let has_colons = text.contains(':');
    let are_pairs = text.split(':').all(|pair| pair.len() == 2);
    (!has_colons || are_pairs).then(|| text.replace(':', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_durations_or_moments_to_come() {
        let before = now();
        for (text, seconds) in [
            ("90min", 5400),
            ("12h", 43_200),
            ("30d", 2_592_000),
            ("2w", 1_209_600),
        ] {
            let found = end(text).unwrap().since(before);
            assert!((seconds..seconds + 60).contains(&found), "{text}: {found}");
        }
        let moment = UnixTime::from_civil(2100, 1, 1, (0, 0, 0));
        assert_eq!(end("2100-01-01T00:00:00Z").ok(), moment);
        assert_eq!(end("4102444800").ok(), moment);
        for text in [
            "",
            "d",
            "30",
            "0d",
            "-1d",
            "30m",
            "30 d",
            "1.5h",
            "1d12h",
            "tomorrow",
            "2026-01-01T00:00:00Z",
            "253402300800",
            "9999999999999999d",
            "99999999999999999999d",
        ] {
            assert!(end(text).is_err(), "{text}");
        }
    }

    #[test]
    fn serial_numbers_are_hexadecimal_as_openssl_prints_them() {
        let expected = SerialNumber::from_magnitude(&[0x0a, 0xbc]);
        for text in ["0ABC", "abc", "0a:bc", "00:0A:BC", "serial=0ABC"] {
            assert_eq!(serial(text).ok(), expected, "{text}");
        }
        assert_eq!(serial("-01").unwrap().to_string(), "-01");
        for text in ["", "0x0a", "a:bc", "0a:bc:", ":", "0a bc", "serial=", "xyz"] {
            assert!(serial(text).is_err(), "{text}");
        }
    }

    #[test]
    fn keys_are_sha_256_in_hexadecimal() {
        let colons = vec!["aB"; 32].join(":");
        assert_eq!(key(&colons), Ok([0xab; 32]));
        assert_eq!(key(&"ab".repeat(32)), Ok([0xab; 32]));
        for text in ["", "ab", &"ab".repeat(33), &"g".repeat(64)] {
            assert!(key(text).is_err(), "{text}");
        }
    }
}
