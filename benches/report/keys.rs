//! Which figures there are, what each has to reach, and what it must never fall back behind.

use clap::ValueEnum;

use crate::figures::Report;
use crate::measure::{Failure, OURS};

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// CRL octets to a verified, sorted, packed set
    Ingest,
    /// Stored octets per serial number
    Set,
    /// Snapshot octets in memory to the first look-up
    Ready,
    /// One look-up
    Lookup,
    /// An event's octets to the response's
    Request,
    /// Exec to the end of the Init phase, of the real binary
    Cold,
    /// A whole warm invocation of the real binary
    Invoke,
    /// How large the binary is
    Size,
    /// Everything as the number of serial numbers grows
    Growth,
}

/// One figure.
pub(crate) struct Key {
    /// Its name in JSON.
    pub(crate) name: &'static str,
    /// What it is, with its unit.
    pub(crate) what: &'static str,
    /// At most this.
    pub(crate) target: f64,
    /// Better still.
    pub(crate) stretch: Option<f64>,
    /// Decimals that mean something.
    pub(crate) decimals: usize,
}

const fn key(
    name: &'static str,
    what: &'static str,
    target: f64,
    stretch: Option<f64>,
    decimals: usize,
) -> Key {
    Key {
        name,
        what,
        target,
        stretch,
        decimals,
    }
}

/// Every figure, in the order of the tables.
#[rustfmt::skip]
pub(crate) const KEYS: [Key; 16] = [
    key("ingest_x_sha256", "1 M-entry CRL: octets → verified, sorted, packed; CPU, × SHA-256 of the same octets", 3.0, Some(2.4), 2),
    key("ingest_peak_mib", "heap for it above the CRL itself, MiB", 48.0, Some(40.0), 1),
    key("set_x_bound_10k", "stored octets, 10 k serial numbers, × information bound", 1.02, None, 4),
    key("set_x_bound_1m", "the same, 1 M", 1.02, None, 4),
    key("set_x_bound_10m", "the same, 10 M", 1.02, None, 4),
    key("ready_ms_1m", "snapshot of 1 M in memory → first look-up, checksum included, ms", 1.0, None, 3),
    key("lookup_hit_ns", "one look-up among 1 M random numbers, hit, ns", 200.0, None, 0),
    key("lookup_miss_ns", "the same, miss, ns", 200.0, None, 0),
    key("lookup_worst_ns", "the same, slowest of all skewed distributions, ns", 1_000.0, None, 0),
    key("request_us", "event (HTTP API 2.0, RSA-2048 certificate that came before) → response, warm, µs", 3.0, Some(1.5), 2),
    key("request_x_value_parse", "the same, × parsing the event into a serde_json::Value", 0.5, None, 2),
    key("invoke_cpu_x_noop", "whole warm invocation of the binary, CPU, × a function that does nothing", 1.10, None, 2),
    key("cold_x_noop_small", "exec → Init done, 1 k serial numbers, × a function that does nothing", 2.5, None, 2),
    key("cold_x_noop_1m", "the same, 1 M serial numbers", 12.0, Some(4.0), 2),
    key("binary_mib", "the authorizer's binary, MiB", 8.0, None, 2),
    key("zip_mib", "the same as a deployment package, MiB", 3.5, None, 2),
];

impl Key {
    /// The value as a table shows it.
    pub(crate) fn shown(&self, value: f64) -> String {
        shown(value, self.decimals)
    }

    /// What the value is worth.
    pub(crate) fn verdict(&self, value: f64) -> &'static str {
        if self.stretch.is_some_and(|stretch| value <= stretch) {
            "beyond the target"
        } else if value <= self.target {
            "reached"
        } else {
            "MISSED"
        }
    }

    /// The target as a table shows it.
    pub(crate) fn aim(&self) -> String {
        match self.stretch {
            Some(stretch) => format!("≤ {}, better ≤ {stretch}", self.target),
            None => format!("≤ {}", self.target),
        }
    }
}

/// With that many decimals, or fewer where the number is large, since they mean nothing there.
pub(crate) fn shown(value: f64, decimals: usize) -> String {
    let decimals = match value.abs() {
        magnitude if magnitude >= 100.0 => 0,
        magnitude if magnitude >= 20.0 => decimals.min(1),
        _ => decimals,
    };
    format!("{value:.decimals$}")
}

/// What a change must not break: generous, so that a busy machine does not break it, and a ratio of
/// two things measured in the same run wherever it is a time.
struct Guard {
    key: &'static str,
    /// Whose figure ours is divided by.
    over: Option<&'static str>,
    at_most: f64,
}

const GUARDS: [Guard; 15] = [
    guard("ingest_x_sha256", None, 5.0),
    guard("ingest_peak_mib", None, 48.0),
    guard("set_x_bound_10k", None, 1.02),
    guard("set_x_bound_1m", None, 1.02),
    guard("set_x_bound_10m", None, 1.02),
    guard("ready_ms_1m", Some("rebuild a std HashSet"), 0.1),
    guard("lookup_hit_ns", Some("std HashSet"), 4.0),
    guard("lookup_miss_ns", Some("std HashSet"), 8.0),
    guard("lookup_worst_ns", Some("std HashSet"), 12.0),
    guard("request_x_value_parse", None, 1.0),
    guard("invoke_cpu_x_noop", None, 1.5),
    guard("cold_x_noop_small", None, 5.0),
    guard("cold_x_noop_1m", None, 25.0),
    guard("binary_mib", None, 8.0),
    guard("zip_mib", None, 3.5),
];

const fn guard(key: &'static str, over: Option<&'static str>, at_most: f64) -> Guard {
    Guard { key, over, at_most }
}

/// One line for each bound that was checked, and whether all of them hold.
///
/// # Errors
/// Nothing was measured that has a bound.
pub(crate) fn check(report: &Report) -> Result<(Vec<String>, bool), Failure> {
    let mut lines = Vec::new();
    let mut all_hold = true;
    for guard in &GUARDS {
        let Some(ours) = report.value(guard.key, OURS) else {
            continue;
        };
        let divisor = match guard.over {
            Some(rival) => report
                .value(guard.key, rival)
                .ok_or_else(|| Failure(format!("{} has no figure of {rival}", guard.key)))?,
            None => 1.0,
        };
        let (value, bound) = (ours / divisor, guard.at_most);
        // Not a number is not within bounds either.
        let holds = value <= bound;
        all_hold &= holds;
        let verdict = if holds { "ok    " } else { "BROKEN" };
        let over = guard
            .over
            .map(|rival| format!(" over that of {rival}"))
            .unwrap_or_default();
        lines.push(format!(
            "{verdict} {}{over}: {value:.3}, at most {bound}",
            guard.key
        ));
    }
    if lines.is_empty() {
        return Err(Failure("nothing was measured that has a bound".to_owned()));
    }
    Ok((lines, all_hold))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(value: f64, rival: f64) -> Option<bool> {
        let mut report = Report::default();
        report.record("lookup_hit_ns", OURS, value);
        report.record("lookup_hit_ns", "std HashSet", rival);
        check(&report).ok().map(|(_, all_hold)| all_hold)
    }

    #[test]
    fn a_guard_holds_up_to_its_bound_and_no_further() {
        assert_eq!(verdict(400.0, 100.0), Some(true));
        assert_eq!(verdict(401.0, 100.0), Some(false));
        assert_eq!(verdict(f64::NAN, 100.0), Some(false));
        assert_eq!(verdict(0.0, 0.0), Some(false));
    }

    #[test]
    fn nothing_to_check_is_a_failure() {
        assert!(check(&Report::default()).is_err());
        let mut report = Report::default();
        report.record("lookup_hit_ns", OURS, 1.0);
        let missing = check(&report).map_err(|failure| failure.0);
        assert!(missing.is_err_and(|missing| missing.contains("std HashSet")));
    }

    #[test]
    fn every_guard_guards_a_figure() {
        for guard in &GUARDS {
            assert!(
                KEYS.iter().any(|key| key.name == guard.key),
                "{}",
                guard.key
            );
        }
    }
}
