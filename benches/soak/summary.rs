//! How it ended.

use std::time::Duration;

use benches::permille;

use crate::footprint::Footprint;
use crate::run::{Records, Run};

/// Prints the counts; whether nothing was wrong.
pub(crate) fn print(run: &Run) -> bool {
    let records = run.records();
    let Records {
        oracle,
        tally,
        footprints,
    } = &*records;
    let revocations = oracle.revocations();
    let terms = run.terms;
    let seconds = terms.length.as_secs();
    println!(
        "soak: {seconds} s, seed {}, {} clients",
        terms.seed, terms.clients
    );
    if cfg!(debug_assertions) {
        println!("an unoptimized build: times, CPU and memory mean nothing");
    }
    let count = |name: &str, count: &dyn std::fmt::Display| println!("{name:<52} {count:>10}");
    count("requests", &tally.requests());
    count("  allowed", &tally.allowed);
    count(
        "    of these revoked ones, within their time",
        &tally.allowed_in_time,
    );
    count("  denied", &tally.denied);
    count(
        "    of these where nothing else was right",
        &tally.denials_required,
    );
    for ((kind, is_excused), times) in &tally.errors {
        let excused = if *is_excused {
            "no snapshot could be had"
        } else {
            "WRONG"
        };
        count(&format!("  error {kind}, {excused}"), times);
    }
    count("WRONG ANSWERS", &tally.wrong);
    count("revocations", &revocations.count);
    for (outcome, times) in &tally.refreshes {
        count(&format!("refreshes, {outcome}"), times);
    }
    println!("faults");
    for (kind, times) in &tally.faults {
        count(&format!("  {kind}"), times);
    }

    println!(
        "\n{:<40} {:>9} {:>9} {:>9}",
        "milliseconds", "p50", "p99", "max"
    );
    let times = tally
        .times
        .iter()
        .map(|us| Duration::from_micros((*us).into()));
    row("request, as the client sees it", times.collect());
    row(
        "CRL published → snapshot published",
        revocations.to_publication,
    );
    row("snapshot published → first denial", revocations.to_denial);

    println!(
        "\n{:<14} {:>10} {:>12} {:>12} {:>12} {:>12} {:>10} {:>12}",
        "", "", "RSS, KiB:", "warmed up", "at the end", "growth", "CPU, s", "CPU, ms"
    );
    println!(
        "{:<14} {:>10} {:>12} {:>12} {:>12} {:>12} {:>10} {:>12}",
        "", "started", "at start", "", "", "since warm", "", "a request"
    );
    for (name, footprint) in [
        ("authorizer", &footprints.authorizer),
        ("crl-fetcher", &footprints.fetcher),
        ("sample-api", &footprints.sample_api),
    ] {
        print_footprint(name, footprint, tally.requests());
    }

    if let Some(slowest) = revocations.slowest {
        println!("\nslowest denial: {slowest}");
    }
    for wrong in &tally.wrong_answers {
        println!("\nWRONG: {}: {}", wrong.kind, wrong.details);
    }
    for failure in &tally.failures {
        println!("\nFAILED: {failure}");
    }
    let proves_something = tally.allowed > 0
        && tally.denials_required > 0
        && revocations.count > 0
        && tally.faults.values().sum::<usize>() > 0;
    if !proves_something {
        println!("\nFAILED: too little happened for the run to prove anything");
    }
    let is_right = tally.wrong == 0 && tally.failures.is_empty() && proves_something;
    println!("\n{}", if is_right { "OK" } else { "FAILED" });
    is_right
}

fn row(name: &str, mut durations: Vec<Duration>) {
    durations.sort_unstable();
    let shown = |thousandths: usize| {
        let duration = permille(&durations, thousandths);
        duration.map_or_else(
            || "–".to_owned(),
            |it| format!("{:.1}", it.as_secs_f64() * 1e3),
        )
    };
    println!(
        "{name:<40} {:>9} {:>9} {:>9}",
        shown(500),
        shown(990),
        shown(1000)
    );
}

fn print_footprint(name: &str, footprint: &Footprint, requests: usize) {
    let Some(last) = &footprint.last else {
        return println!("{name:<14} never seen");
    };
    let warm = last
        .warm
        .map_or_else(|| "–".to_owned(), |rss| rss.to_string());
    let growth = last.warm.map(|warm| {
        let growth = i128::from(last.now) - i128::from(warm);
        format!("{growth:+}")
    });
    let cpu = footprint.cpu();
    let requests = u32::try_from(requests).unwrap_or(u32::MAX).max(1);
    println!(
        "{name:<14} {:>10} {:>12} {warm:>12} {:>12} {:>12} {:>10.2} {:>12.3}",
        footprint.environments,
        last.at_start,
        last.now,
        growth.unwrap_or_else(|| "–".to_owned()),
        cpu.as_secs_f64(),
        (cpu / requests).as_secs_f64() * 1e3,
    );
}
