//! The report as tables within a Markdown file that is written by hand otherwise.
//!
//! What lies between `<!-- report: NAME -->` and `<!-- end of report -->` is written anew, for each
//! of the names that [`section`] knows.

use std::fmt::Write;
use std::path::Path;

use crate::figures::Report;
use crate::keys::{KEYS, shown};
use crate::measure::{Failure, OURS};

const BEGIN: &str = "<!-- report: ";
const BEGIN_ENDS: &str = " -->";
const END: &str = "<!-- end of report -->";

/// Writes every section of that file anew.
///
/// # Errors
/// It cannot be read or written, has no section, one that does not end, or one of an unknown name.
pub(crate) fn update(report: &Report, file: &Path) -> Result<(), Failure> {
    let failure = |what: String| Failure(format!("{}: {what}", file.display()));
    let old = std::fs::read_to_string(file).map_err(|error| failure(error.to_string()))?;
    let new = updated(report, &old).map_err(|Failure(what)| failure(what))?;
    std::fs::write(file, new).map_err(|error| failure(error.to_string()))
}

fn updated(report: &Report, old: &str) -> Result<String, Failure> {
    let (mut new, mut rest) = (String::new(), old);
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let unfinished = || Failure(format!("a line \"{BEGIN}NAME{BEGIN_ENDS}\" has no end"));
        let (name, after) = after.split_once(BEGIN_ENDS).ok_or_else(unfinished)?;
        let (_, after) = after.split_once(END).ok_or_else(unfinished)?;
        let content = section(report, name)?;
        let _ = write!(new, "{before}{BEGIN}{name}{BEGIN_ENDS}\n\n{content}\n{END}");
        rest = after;
    }
    if new.is_empty() {
        return Err(Failure(format!(
            "no line \"{BEGIN}NAME{BEGIN_ENDS}\" in it"
        )));
    }
    new.push_str(rest);
    Ok(new)
}

fn section(report: &Report, name: &str) -> Result<String, Failure> {
    match name {
        "conditions" => Ok(conditions(report)),
        "targets" => Ok(targets(report)),
        "rivals" => Ok(rivals(report)),
        "details" => Ok(details(report)),
        "growth" => Ok(growth(report)),
        _ => Err(Failure(format!("there is no section named {name}"))),
    }
}

fn conditions(report: &Report) -> String {
    let mut text = "| | |\n|---|---|\n".to_owned();
    for (name, value) in &report.conditions {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text
}

fn targets(report: &Report) -> String {
    let mut text = "| | | target | |\n|---|---|---|---|\n".to_owned();
    for key in &KEYS {
        let (figure, verdict) = match report.figures.get(key.name) {
            Some(&value) => (key.shown(value), key.verdict(value)),
            None => ("–".to_owned(), "not measured"),
        };
        let _ = writeln!(
            text,
            "| {} | **{figure}** | {} | {verdict} |",
            key.what,
            key.aim()
        );
    }
    text
}

fn rivals(report: &Report) -> String {
    let mut text = String::new();
    for key in KEYS
        .iter()
        .filter(|key| report.rivals.contains_key(key.name))
    {
        let _ = writeln!(
            text,
            "`{}`: {}\n\n| | | × ours |\n|---|---|---|",
            key.name, key.what
        );
        let ours = report.figures.get(key.name).copied();
        for (name, value) in report.ranked(key.name) {
            let figure = key.shown(value);
            let ratio = ours.map_or_else(String::new, |ours| shown(value / ours, 2));
            let _ = match name == OURS {
                true => writeln!(text, "| **{name}** | **{figure}** | 1 |"),
                false => writeln!(text, "| {name} | {figure} | {ratio} |"),
            };
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn details(report: &Report) -> String {
    let mut text = "| figure | what stands behind it | |\n|---|---|---|\n".to_owned();
    for key in &KEYS {
        for (name, value) in report.details.get(key.name).into_iter().flatten() {
            let _ = writeln!(text, "| `{}` | {name} | {} |", key.name, shown(*value, 3));
        }
    }
    text
}

fn growth(report: &Report) -> String {
    let mut text = String::new();
    for (what, curves) in &report.growth {
        let mut sizes: Vec<u32> = curves.values().flatten().map(|(count, _)| *count).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let heads: Vec<_> = sizes.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "| `{what}` | {} |", heads.join(" | "));
        let _ = writeln!(text, "|---{}|", "|---".repeat(sizes.len()));
        for (name, points) in curves {
            let cell = |size: &u32| {
                let point = points.iter().find(|(count, _)| count == size);
                point.map_or_else(|| "–".to_owned(), |(_, value)| shown(*value, 3))
            };
            let cells: Vec<_> = sizes.iter().map(cell).collect();
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "before\n<!-- report: targets -->\nold\n<!-- end of report -->\nafter\n";

    fn report() -> Report {
        let mut report = Report::default();
        report.record("zip_mib", OURS, 2.5);
        report
    }

    #[test]
    fn only_what_lies_between_the_marks_is_written_anew() {
        let Ok(new) = updated(&report(), PAGE) else {
            panic!("it is updated");
        };
        assert!(new.starts_with("before\n<!-- report: targets -->\n\n| "));
        assert!(
            new.ends_with("|\n\n<!-- end of report -->\nafter\n"),
            "{new}"
        );
        assert!(new.contains("**2.50**") && !new.contains("old"));
        assert!(updated(&report(), &new).is_ok_and(|again| again == new));
    }

    #[test]
    fn a_page_that_cannot_be_updated_is_refused() {
        for (page, problem) in [
            ("no mark", "no line"),
            ("<!-- report: targets -->", "has no end"),
            ("<!-- report: targets", "has no end"),
            (
                "<!-- report: poems --><!-- end of report -->",
                "no section named poems",
            ),
        ] {
            let refusal = updated(&report(), page).map_err(|failure| failure.0);
            assert!(
                refusal.is_err_and(|refusal| refusal.contains(problem)),
                "{page}"
            );
        }
    }
}
