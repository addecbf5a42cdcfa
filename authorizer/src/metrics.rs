//! What an execution environment counts, and prints now and then: never for each request.

mod histogram;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use environment::emf::{self, Unit};

use self::histogram::Histogram;
use crate::decision::{Decision, Effect, Reason};
use crate::moment::Moment;
use crate::snapshots::Observed;

/// The metrics of this function, besides one of the name [`Reason::metric`] for each reason.
pub const NAMES: &[&str] = &[
    "Allowed",
    "Denied",
    "NoSnapshot",
    "RequestTime",
    "RevalidationsFailed",
    "RevalidationsReplaced",
    "RevalidationsUnchanged",
    "SnapshotAge",
];

/// Counts since the last line.
#[derive(Debug)]
pub struct Metrics {
    function_name: String,
    interval: Duration,
    printed_at: Mutex<Option<Moment>>,
    allowed: AtomicU64,
    denied: AtomicU64,
    reasons: [AtomicU64; Reason::ALL.len()],
    without_snapshot: AtomicU64,
    request_time: Histogram,
}

impl Metrics {
    /// Of the function with that name, printed that often at most.
    pub fn new(function_name: String, interval: Duration) -> Self {
        Self {
            function_name,
            interval,
            printed_at: Mutex::default(),
            allowed: AtomicU64::default(),
            denied: AtomicU64::default(),
            reasons: std::array::from_fn(|_| AtomicU64::default()),
            without_snapshot: AtomicU64::default(),
            request_time: Histogram::default(),
        }
    }

    /// Counts a decision, and how long the request took.
    pub(crate) fn decided(&self, decision: Decision, took: Duration) {
        let effect = match decision.effect {
            Effect::Allow => &self.allowed,
            Effect::Deny => &self.denied,
        };
        add(effect);
        let places = Reason::ALL.iter().zip(&self.reasons);
        for (_, count) in places.filter(|(reason, _)| **reason == decision.reason) {
            add(count);
        }
        self.request_time.record(took);
    }

    /// Counts a request that no snapshot could be had for.
    pub(crate) fn without_snapshot(&self) {
        add(&self.without_snapshot);
    }

    /// Prints a line, unless the last one was printed just now.
    pub(crate) fn print_if_due(&self, observed: &Observed, now: Moment) {
        let is_due = {
            let mut printed_at = crate::locked(&self.printed_at);
            let is_due = match *printed_at {
                Some(then) => !now.is_within(self.interval, then),
                None => true,
            };
            if is_due {
                *printed_at = Some(now);
            }
            is_due
        };
        if is_due {
            self.print(observed, now);
        }
    }

    /// Prints a line, if there is anything in it.
    pub(crate) fn print(&self, observed: &Observed, now: Moment) {
        if let Some(metrics) = self.take(observed, now) {
            metrics.print();
        }
    }

    /// What was counted, which from now on is counted anew. Of what is counted at the same time
    /// nothing is lost: it is in this line or in the next.
    fn take(&self, observed: &Observed, now: Moment) -> Option<emf::Metrics> {
        let (allowed, denied) = (take(&self.allowed), take(&self.denied));
        let without_snapshot = take(&self.without_snapshot);
        if allowed + denied + without_snapshot == 0 {
            return None;
        }
        let mut metrics = emf::Metrics::new(&self.function_name, now.unix_time().seconds());
        metrics.count("Allowed", allowed);
        metrics.count("Denied", denied);
        for (reason, count) in Reason::ALL.iter().zip(&self.reasons) {
            let count = take(count);
            if count > 0 {
                metrics.count(reason.metric(), count);
            }
        }
        if without_snapshot > 0 {
            metrics.count("NoSnapshot", without_snapshot);
        }
        let request_time = self.request_time.take();
        if !request_time.is_empty() {
            metrics.distribution("RequestTime", Unit::Microseconds, &request_time);
        }
        let revalidations = observed.take();
        if let Some(age) = revalidations.greatest_age {
            metrics.gauge("SnapshotAge", Unit::Seconds, age);
        }
        metrics.count("RevalidationsUnchanged", revalidations.unchanged);
        metrics.count("RevalidationsReplaced", revalidations.replaced);
        metrics.count("RevalidationsFailed", revalidations.failed);
        Some(metrics)
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn take(counter: &AtomicU64) -> u64 {
    counter.swap(0, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn taken(metrics: &Metrics, observed: &Observed) -> Option<Value> {
        let line = metrics
            .take(observed, Moment::from_unix_milliseconds(10_000))?
            .to_line();
        Some(serde_json::from_str(&line).unwrap())
    }

    #[test]
    fn what_was_counted_is_in_one_line() {
        let metrics = Metrics::new("authorizer".to_owned(), Duration::ZERO);
        let observed = Observed::default();
        assert_eq!(taken(&metrics, &observed), None);

        let decision = |effect, reason| Decision { effect, reason };
        let allow = decision(Effect::Allow, Reason::NotRevoked);
        let deny = decision(Effect::Deny, Reason::UnknownIssuer);
        for decision in [allow, allow, deny] {
            metrics.decided(decision, Duration::from_micros(10));
        }
        metrics.without_snapshot();
        let line = taken(&metrics, &observed).unwrap();
        for (name, value) in [
            ("FunctionName", json!("authorizer")),
            ("Allowed", json!(2)),
            ("Denied", json!(1)),
            ("NotRevoked", json!(2)),
            ("UnknownIssuer", json!(1)),
            ("NoSnapshot", json!(1)),
            ("RevalidationsFailed", json!(0)),
        ] {
            assert_eq!(line[name], value, "{name}: {line}");
        }
        assert_eq!(line["RequestTime"]["Counts"], json!([3]));
        assert_eq!(line.get("Revoked"), None);
        // From now on they are counted anew.
        assert_eq!(taken(&metrics, &observed), None);
    }

    #[test]
    fn every_metric_has_a_name_of_its_own_that_is_listed() {
        let metrics = Metrics::new("authorizer".to_owned(), Duration::ZERO);
        for reason in Reason::ALL {
            let effect = Effect::Deny;
            metrics.decided(Decision { effect, reason }, Duration::ZERO);
        }
        metrics.without_snapshot();
        let observed = Observed::default();
        observed.decided_at_age(3);
        let line = taken(&metrics, &observed).unwrap();
        let definitions = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
        let names = definitions.unwrap().iter().map(|metric| &metric["Name"]);
        let mut names: Vec<_> = names.map(|name| name.as_str().unwrap()).collect();
        let reasons = Reason::ALL.iter().map(|reason| reason.metric());
        let mut expected: Vec<_> = NAMES.iter().copied().chain(reasons).collect();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_line_is_due_at_once_and_then_after_the_interval() {
        let metrics = Metrics::new("authorizer".to_owned(), Duration::from_secs(10));
        let counted = |seconds: i64| {
            metrics.without_snapshot();
            metrics.print_if_due(
                &Observed::default(),
                Moment::from_unix_milliseconds(seconds * 1000),
            );
            metrics.without_snapshot.load(Ordering::Relaxed)
        };
        assert_eq!(counted(100), 0);
        assert_eq!(counted(101), 1);
        assert_eq!(counted(109), 2);
        assert_eq!(counted(110), 0);
        // A clock that went back does not silence it.
        assert_eq!(counted(50), 0);
    }
}
