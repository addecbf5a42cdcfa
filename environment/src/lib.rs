//! What a function is given by its surroundings: variables, the time, a log and, in it, metrics.
//!
//! A misconfigured function stops in its Init phase with one message that names every variable that
//! is missing or wrong and what it accepts.

pub mod emf;

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::tracing::Level;
use lambda_runtime::tracing::subscriber::fmt::writer::MakeWriterExt;

/// Reads variables and collects the problems.
pub struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: RefCell<Vec<String>>,
}

impl<'a> Environment<'a> {
    /// `lookup` is `|name| std::env::var(name).ok()` outside of tests.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            lookup,
            problems: RefCell::default(),
        }
    }

    /// The value of a variable; one that is empty counts as not set.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// The value of a variable that has to be set. `meaning` completes "it is …".
    pub fn required(&self, name: &str, meaning: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(format!("{name} is not set: it is {meaning}"));
            String::new()
        })
    }

    /// A whole number within `range`, or `default`.
    pub fn number<T>(&self, name: &str, range: RangeInclusive<T>, default: T) -> T
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        let Some(text) = self.optional(name) else {
            return default;
        };
        match text.parse() {
            Ok(value) if range.contains(&value) => value,
            _ => {
                let (least, most) = range.into_inner();
                self.problem(format!(
                    "{name} is {text:?}: it must be a whole number from {least} to {most}"
                ));
                default
            }
        }
    }

    /// A number of seconds within `range`, to the millisecond, or `default`.
    pub fn seconds(
        &self,
        name: &str,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        let Some(text) = self.optional(name) else {
            return default;
        };
        match seconds(&text) {
            Some(value) if range.contains(&value) => value,
            _ => {
                let (least, most) = range.into_inner();
                self.problem(format!(
                    "{name} is {text:?}: it must be a number from {} to {}, with three decimals at \
                     most, such as 0.5",
                    least.as_secs_f64(),
                    most.as_secs_f64()
                ));
                default
            }
        }
    }

    /// One of the words in `choices`, or the first of them where the variable is not set.
    pub fn choice<T: Copy>(&self, name: &str, choices: [(&str, T); 2]) -> T {
        let [(default_word, default), (_, _)] = choices;
        let text = self
            .optional(name)
            .unwrap_or_else(|| default_word.to_owned());
        choices.iter().find(|(word, _)| *word == text).map_or_else(
            || {
                let [(first, _), (second, _)] = choices;
                self.problem(format!(
                    "{name} is {text:?}: it must be {first} or {second}"
                ));
                default
            },
            |(_, value)| *value,
        )
    }

    /// Adds a problem with the values read so far.
    pub fn problem(&self, problem: String) {
        self.problems.borrow_mut().push(problem);
    }

    /// `value`, if every variable it was made of was right.
    ///
    /// # Errors
    /// All the problems.
    pub fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        let problems = self.problems.into_inner();
        if problems.is_empty() {
            Ok(value)
        } else {
            Err(ConfigError { problems })
        }
    }
}

/// Digits, and with a point up to three behind it. No sign and no exponent, and nothing else that a
/// number with a floating point may be.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 3 {
        return None;
    }
    let milliseconds = format!("{decimals:0<3}").parse().ok()?;
    Duration::from_secs(whole.parse().ok()?).checked_add(Duration::from_millis(milliseconds))
}

/// Seconds since 1970-01-01T00:00:00Z. The functions read the clock here and nowhere else: from here
/// on time is an argument.
pub fn unix_seconds() -> i64 {
    i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX)
}

/// The same in milliseconds, for a function that compares ages below a second.
pub fn unix_milliseconds() -> i64 {
    i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)
}

/// The function's name, as Lambda gives it.
pub fn function_name() -> String {
    std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()
}

/// The function's memory in octets, as Lambda gives it.
pub fn memory() -> Option<usize> {
    let megabytes = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok()?;
    megabytes.parse::<usize>().ok()?.checked_mul(1 << 20)
}

/// How long it is until a moment that is given in milliseconds since 1970-01-01T00:00:00Z, as
/// Lambda gives the deadline of an invocation.
pub fn time_until(unix_milliseconds: u64) -> Duration {
    Duration::from_millis(unix_milliseconds).saturating_sub(since_1970())
}

fn since_1970() -> Duration {
    #[expect(
        clippy::disallowed_methods,
        reason = "time enters here and travels down"
    )]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Starts the log, in the form and from the level on that Lambda's variables ask for, but without what
/// is TRACE: there the runtime writes each event as a whole, with certificates and presigned URLs.
pub fn start_log() {
    let writer = std::io::stdout.with_max_level(Level::DEBUG);
    lambda_runtime::tracing::init_default_subscriber_with_writer(writer);
}

/// What is wrong with the environment, one sentence a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// In the order the variables were read.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the configuration is unusable: {}",
            self.problems.join("; ")
        )
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Duration, ConfigError> {
        let lookup = |_: &str| Some(text.to_owned());
        let environment = Environment::new(&lookup);
        let range = Duration::ZERO..=Duration::from_secs(86_400);
        let value = environment.seconds("AGE", range, Duration::from_secs(30));
        environment.finish(value)
    }

    #[test]
    fn seconds_may_have_decimals() {
        for (text, milliseconds) in [
            ("0", 0),
            ("30", 30_000),
            ("0.5", 500),
            ("0.05", 50),
            ("1.234", 1234),
            ("30.000", 30_000),
            ("86400.0", 86_400_000),
            (" 2.5 ", 2500),
            ("", 30_000),
        ] {
            assert_eq!(
                read(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_else_a_number_may_be_is_refused() {
        for text in [
            "-1",
            "+1",
            "-0.5",
            ".5",
            "5.",
            ".",
            "1e3",
            "5e-1",
            "0.5e0",
            "NaN",
            "inf",
            "0.0005",
            "0.5000",
            "1.2.3",
            "1,5",
            "1_000",
            "0x1",
            "0.+5",
            "0.-5",
            "0. 5",
            "½",
            "١",
            "30s",
            "86400.001",
            "99999999999999999999",
        ] {
            let problems = read(text).unwrap_err().problems;
            let expected = format!(
                "AGE is {text:?}: it must be a number from 0 to 86400, with three decimals at most, \
                 such as 0.5"
            );
            assert_eq!(problems, [expected]);
        }
    }
}
