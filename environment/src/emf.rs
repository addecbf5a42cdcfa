//! Metrics as lines of the log: CloudWatch's [embedded metric format].
//!
//! A line is one JSON object, written as it is: within a line of the log's own format CloudWatch would
//! not find it. Nothing of it costs a call to anybody.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::io::Write;

use serde_json::{Map, Value, json};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "CrlAuthorizer";

/// Metrics of one moment that share their dimensions.
#[derive(Clone, Debug)]
pub struct Metrics {
    unix_milliseconds: i64,
    /// The names in it are of members of `members`.
    dimension_sets: Vec<Vec<&'static str>>,
    definitions: Vec<Value>,
    members: Map<String, Value>,
}

/// What a value counts or measures, in CloudWatch's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unit {
    Bytes,
    Count,
    Microseconds,
    Milliseconds,
    Percent,
    Seconds,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "Bytes",
            Self::Count => "Count",
            Self::Microseconds => "Microseconds",
            Self::Milliseconds => "Milliseconds",
            Self::Percent => "Percent",
            Self::Seconds => "Seconds",
        }
    }
}

impl Metrics {
    /// None yet, of that function at that moment, in seconds since 1970-01-01T00:00:00Z.
    pub fn new(function_name: &str, unix_seconds: i64) -> Self {
        let mut metrics = Self {
            unix_milliseconds: unix_seconds.saturating_mul(1000),
            dimension_sets: vec![vec![FUNCTION_NAME]],
            definitions: Vec::new(),
            members: Map::new(),
        };
        metrics.set_dimension(FUNCTION_NAME, function_name);
        metrics
    }

    /// The same, with each metric told apart by this dimension too, besides as a whole.
    #[must_use]
    pub fn by(mut self, dimension: &'static str, value: &str) -> Self {
        self.dimension_sets.push(vec![FUNCTION_NAME, dimension]);
        self.set_dimension(dimension, value);
        self
    }

    /// CloudWatch takes printable ASCII of limited length and refuses what is blank.
    fn set_dimension(&mut self, dimension: &str, value: &str) {
        let printable = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
        let mut value: String = value.chars().take(MAX_DIMENSION).map(printable).collect();
        if value.trim().is_empty() {
            "unknown".clone_into(&mut value);
        }
        self.members.insert(dimension.to_owned(), value.into());
    }

    /// Adds so many of something.
    pub fn count(&mut self, name: &str, count: u64) {
        self.add(name, Unit::Count, count.into());
    }

    /// Adds one measured value.
    pub fn gauge(&mut self, name: &str, unit: Unit, value: i64) {
        self.add(name, unit, value.into());
    }

    /// Adds values that were measured so many times each. CloudWatch takes up to 100 of them.
    pub fn distribution(&mut self, name: &str, unit: Unit, values: &[(f64, u64)]) {
        let (values, counts): (Vec<_>, Vec<_>) = values.iter().copied().unzip();
        self.add(name, unit, json!({"Values": values, "Counts": counts}));
    }

    fn add(&mut self, name: &str, unit: Unit, value: Value) {
        let definition = json!({"Name": name, "Unit": unit.name()});
        self.definitions.push(definition);
        self.members.insert(name.to_owned(), value);
    }

    /// As one line, without its end.
    pub fn to_line(mut self) -> String {
        let metadata = json!({
            "Timestamp": self.unix_milliseconds,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": self.dimension_sets,
                "Metrics": self.definitions,
            }],
        });
        self.members.insert("_aws".to_owned(), metadata);
        Value::Object(self.members).to_string()
    }

    /// Writes them to the standard output, which is the log of a Lambda function. A log that cannot be
    /// written is nobody's to repair.
    pub fn print(self) {
        let line = self.to_line() + "\n";
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

const FUNCTION_NAME: &str = "FunctionName";
/// CloudWatch's limit, in characters.
const MAX_DIMENSION: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_cloudwatch_asks_for() {
        let mut metrics = Metrics::new("fetcher", 1_800_000_000).by("Issuer", "CN=A");
        metrics.count("Accepted", 3);
        metrics.gauge("Left", Unit::Seconds, -5);
        metrics.distribution("Time", Unit::Microseconds, &[(1.5, 2), (3.0, 1)]);
        let line: Value = serde_json::from_str(&metrics.to_line()).unwrap();
        let expected = json!({
            "_aws": {
                "Timestamp": 1_800_000_000_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "CrlAuthorizer",
                    "Dimensions": [["FunctionName"], ["FunctionName", "Issuer"]],
                    "Metrics": [
                        {"Name": "Accepted", "Unit": "Count"},
                        {"Name": "Left", "Unit": "Seconds"},
                        {"Name": "Time", "Unit": "Microseconds"},
                    ],
                }],
            },
            "FunctionName": "fetcher",
            "Issuer": "CN=A",
            "Accepted": 3,
            "Left": -5,
            "Time": {"Values": [1.5, 3.0], "Counts": [2, 1]},
        });
        assert_eq!(line, expected);
    }

    #[test]
    fn a_dimension_is_printable_and_never_blank() {
        let of = |value: &str| {
            let line = Metrics::new("f", 0).by("Issuer", value).to_line();
            assert!(!line.contains('\n'));
            let line: Value = serde_json::from_str(&line).unwrap();
            line["Issuer"].as_str().unwrap().to_owned()
        };
        assert_eq!(of("CN=Zoë\n\u{1b}[0m"), "CN=Zo???[0m");
        assert_eq!(of(" "), "unknown");
        assert_eq!(of(""), "unknown");
        assert_eq!(of(&"a".repeat(2000)).len(), 1024);
    }
}
