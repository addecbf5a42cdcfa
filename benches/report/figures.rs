//! What a run has found out, in the form in which it is kept and handed on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::OURS;

/// The figures of one run. As JSON, the keys of `keys::KEYS` stand at the top.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Ours, by key.
    #[serde(flatten)]
    pub(crate) figures: BTreeMap<String, f64>,
    /// The same figure of others: key, name, value.
    #[serde(default)]
    pub(crate) rivals: BTreeMap<String, BTreeMap<String, f64>>,
    /// What stands behind a figure, each with its unit in its name.
    #[serde(default)]
    pub(crate) details: BTreeMap<String, BTreeMap<String, f64>>,
    /// What grows, whose, and the pairs of size and value.
    #[serde(default)]
    pub(crate) growth: BTreeMap<String, BTreeMap<String, Vec<(u32, f64)>>>,
    /// The machine, the date, the versions.
    #[serde(default)]
    pub(crate) conditions: BTreeMap<String, String>,
    /// What is missing, and why.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// Takes a figure down: ours at the top, that of others among the rivals.
    pub(crate) fn record(&mut self, key: &str, name: &str, value: f64) {
        self.place(key, name, value, |_, new| new);
    }

    /// The same, but of several values the greatest stays.
    pub(crate) fn record_if_more(&mut self, key: &str, name: &str, value: f64) {
        self.place(key, name, value, f64::max);
    }

    /// Takes down what stands behind a figure.
    pub(crate) fn detail(&mut self, key: &str, name: &str, value: f64) {
        let details = self.details.entry(key.to_owned()).or_default();
        details.insert(name.to_owned(), value);
    }

    /// Takes one point of a curve down.
    pub(crate) fn grow(&mut self, what: &str, name: &str, count: usize, value: f64) {
        let curves = self.growth.entry(what.to_owned()).or_default();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        curves
            .entry(name.to_owned())
            .or_default()
            .push((count, value));
    }

    /// Takes down what is missing.
    pub(crate) fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    /// A figure: ours, or that of a rival.
    pub(crate) fn value(&self, key: &str, name: &str) -> Option<f64> {
        if name == OURS {
            return self.figures.get(key).copied();
        }
        self.rivals.get(key)?.get(name).copied()
    }

    /// Everybody's figure for that key, the best first.
    pub(crate) fn ranked(&self, key: &str) -> Vec<(&str, f64)> {
        let rivals = self.rivals.get(key).into_iter().flatten();
        let mut ranked: Vec<_> = rivals.map(|(name, &value)| (&**name, value)).collect();
        ranked.extend(self.figures.get(key).map(|&value| (OURS, value)));
        ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
        ranked
    }

    fn place(&mut self, key: &str, name: &str, value: f64, chosen: impl Fn(f64, f64) -> f64) {
        let place = if name == OURS {
            self.figures.entry(key.to_owned())
        } else {
            let rivals = self.rivals.entry(key.to_owned()).or_default();
            rivals.entry(name.to_owned())
        };
        place
            .and_modify(|old| *old = chosen(*old, value))
            .or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_the_same_after_json() {
        let mut report = Report::default();
        report.record("zip_mib", OURS, 2.5);
        report.record("zip_mib", "theirs", 4.0);
        report.record_if_more("zip_mib", "theirs", 3.0);
        report.detail("zip_mib", "files", 1.0);
        report.grow("ready_ms", OURS, 1_000, 0.25);
        report.note("a note");
        let json = serde_json::to_string(&report).unwrap_or_default();
        assert!(json.contains("\"zip_mib\":2.5"), "{json}");
        let again: Report = serde_json::from_str(&json).unwrap_or_default();
        assert_eq!(again.ranked("zip_mib"), [(OURS, 2.5), ("theirs", 4.0)]);
        assert_eq!(serde_json::to_string(&again).unwrap_or_default(), json);
    }
}
