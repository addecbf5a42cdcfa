//! The report for people to read in a terminal.

use std::fmt::Write;

use crate::figures::Report;
use crate::keys::{KEYS, shown};

/// Every figure that was measured with its target, and below it everybody else's.
pub(crate) fn table(report: &Report) -> String {
    let mut text = String::new();
    for key in &KEYS {
        let Some(&value) = report.figures.get(key.name) else {
            continue;
        };
        let (figure, aim, verdict) = (key.shown(value), key.aim(), key.verdict(value));
        let _ = writeln!(text, "{}\n  {}", key.name, key.what);
        let _ = writeln!(text, "  {figure:>10}  {verdict} ({aim})");
        for (name, rival) in report.ranked(key.name) {
            if report
                .rivals
                .get(key.name)
                .is_some_and(|rivals| rivals.contains_key(name))
            {
                let figure = shown(rival, key.decimals);
                let _ = writeln!(text, "  {figure:>10}  {name}: × {:.2}", rival / value);
            }
        }
        for (name, value) in report.details.get(key.name).into_iter().flatten() {
            let _ = writeln!(text, "  {:>10}  · {name}", shown(*value, 3));
        }
        text.push('\n');
    }
    for (what, curves) in &report.growth {
        let _ = writeln!(text, "growth of {what}");
        for (name, points) in curves {
            let points: Vec<_> = points
                .iter()
                .map(|(count, value)| format!("{count}: {}", shown(*value, 3)))
                .collect();
            let _ = writeln!(text, "  {name}: {}", points.join(", "));
        }
        text.push('\n');
    }
    for (name, value) in &report.conditions {
        let _ = writeln!(text, "{name}: {value}");
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}
