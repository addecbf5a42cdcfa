//! How it ended.

use std::fmt::Display;
use std::time::Duration;

use benches::permille;
use testkit::s3::Operation;

use crate::exposures::Exposure;
use crate::run::Run;

/// Prints the figures; whether nothing was wrong, and, in an optimized build, all of it soon enough.
pub(crate) fn print(run: &Run) -> bool {
    let terms = run.terms;
    let exposures = run.exposures();
    let (ended, others) = exposures.results();
    let counts = &exposures.counts;
    let load = run.load();
    let seconds = load.duration.as_secs_f64();
    println!(
        "exposure: {} revocations in {seconds:.0} s, soft age {} s, {} environments, seed {}",
        terms.revocations,
        terms.soft_age.as_secs_f64(),
        terms.environments,
        terms.seed
    );
    if cfg!(debug_assertions) {
        println!("an unoptimized build, slower than what is deployed: the target is not checked");
    }
    count("requests", &counts.requests);
    let requests = u32::try_from(load.requests).unwrap_or(u32::MAX);
    count(
        "  a second, until everybody is asked once more",
        &format!("{:.0}", f64::from(requests) / seconds),
    );
    count("  allowed", &counts.allowed);
    count("    of these after the event", &counts.exposed);
    for (reason, times) in &counts.denied {
        count(&format!("  denied, {reason}"), times);
    }
    count("WRONG ANSWERS", &counts.wrong);
    let fetched = run.fetched();
    count("refreshes, published", &fetched.published.len());
    count("refreshes, nothing new", &fetched.nothing_new);
    count("refreshes, failed", &fetched.failed);
    count(
        "announcements without a CRL, the most at a time",
        &fetched.most_announced,
    );
    count("conditional GETs of the snapshot", &conditional_gets(run));

    println!(
        "\n{:<52} {:>9} {:>9} {:>9} {:>9}",
        "milliseconds", "p50", "p90", "p99", "max"
    );
    let of = |part: fn(&Exposure) -> Duration| ended.iter().map(part).collect::<Vec<_>>();
    row("event → snapshot published", of(|it| it.published));
    row(
        "  of this a refresh that publishes",
        fetched.published.clone(),
    );
    row(
        "snapshot published → the first environment denies",
        of(|it| it.first_denied.saturating_sub(it.published)),
    );
    row(
        "snapshot published → the last environment denies",
        of(|it| it.denied_everywhere.saturating_sub(it.published)),
    );
    let all = of(|it| it.denied_everywhere);
    let p99 = row("event → denied everywhere", all);
    row(
        "resolution: last permission asked → first denial",
        counts.resolutions.clone(),
    );

    let is_reached = p99.is_some_and(|p99| p99 <= terms.target());
    let (target, verdict) = (
        terms.target().as_millis(),
        if is_reached { "reached" } else { "MISSED" },
    );
    println!("\ntarget: p99 of \"event → denied everywhere\" at most {target} ms: {verdict}");
    for wrong in &counts.wrong_answers {
        println!("\nWRONG: {wrong}");
    }
    let mut failures = run.failures().clone();
    if fetched.failed > 0 {
        failures.push(format!("{} refreshes failed", fetched.failed));
    }
    if !others.is_empty() {
        failures.push(format!("not denied everywhere: {}", others.join(", ")));
    }
    for failure in &failures {
        println!("\nFAILED: {failure}");
    }
    let is_right = counts.wrong == 0 && failures.is_empty() && counts.allowed > 0;
    let is_good = is_right && (is_reached || cfg!(debug_assertions));
    println!("\n{}", if is_good { "OK" } else { "FAILED" });
    is_good
}

fn count(name: &str, count: &dyn Display) {
    println!("{name:<52} {count:>9}");
}

/// Prints it, and returns the 99th percentile.
fn row(name: &str, mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort_unstable();
    let of = |thousandths| permille(&durations, thousandths);
    let shown = [500, 900, 990, 1000].map(|thousandths| match of(thousandths) {
        Some(duration) => format!("{:.1}", duration.as_secs_f64() * 1e3),
        None => "–".to_owned(),
    });
    let [p50, p90, p99, max] = shown;
    println!("{name:<52} {p50:>9} {p90:>9} {p99:>9} {max:>9}");
    of(990)
}

fn conditional_gets(run: &Run) -> usize {
    let requests = run.cloud.s3().requests();
    let gets = requests.iter().filter(|request| {
        request.operation == Operation::GetObject && request.if_none_match.is_some()
    });
    gets.count()
}
