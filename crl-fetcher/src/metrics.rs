//! What one refresh came to, as metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use environment::emf::{Metrics, Unit};
use revocation::UnixTime;

use crate::RefreshError;
use crate::report::{Announced, CaReport, CacheOutcome, Counts, FlushReport, Outcome, Report};

/// The metrics of this function, besides one of the name `Refused.` and [`crate::refusal::Refusal::code`]
/// for each code that occurs. Those of caches are there where caches are configured.
pub const NAMES: &[&str] = &[
    "AnnouncedRevocations",
    "AnnouncementsIgnored",
    "BlocksInForce",
    "BlocksWithoutCa",
    "CacheFlushFailed",
    "CacheFlushes",
    "CrlAge",
    "CrlLifeElapsed",
    "OverridesRefused",
    "Published",
    "RefreshFailed",
    "RefreshTime",
    "RevokedCertificates",
    "SnapshotSize",
    "SourcesAccepted",
    "SourcesForeign",
    "SourcesRefused",
    "SourcesUnchanged",
    "SourcesVanished",
    "TimeToNextUpdate",
    "UnconfirmedRevocations",
];

/// One line for the refresh, and one for each CA that has a CRL.
pub fn of_refresh(
    function_name: &str,
    result: Result<&Report, &RefreshError>,
    took: Duration,
    now: UnixTime,
) -> Vec<Metrics> {
    let start = || Metrics::new(function_name, now.seconds());
    let mut refresh = start();
    let milliseconds = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    refresh.gauge("RefreshTime", Unit::Milliseconds, milliseconds);
    let Ok(report) = result else {
        refresh.count("RefreshFailed", 1);
        return vec![refresh];
    };
    let Counts {
        accepted,
        unchanged,
        foreign,
        refused,
        vanished,
    } = report.counts;
    let snapshot = &report.snapshot;
    let overrides = report.overrides.as_ref();
    let without_ca = overrides.map_or(0, |overrides| overrides.without_ca.len());
    let overrides_refused = overrides.is_some_and(|overrides| overrides.trouble().is_some());
    for (name, count) in [
        ("RefreshFailed", u64::from(report.refused().is_some())),
        ("SourcesAccepted", number(accepted)),
        ("SourcesUnchanged", number(unchanged)),
        ("SourcesForeign", number(foreign)),
        ("SourcesRefused", number(refused)),
        ("SourcesVanished", number(vanished)),
        ("Published", u64::from(snapshot.published)),
        ("RevokedCertificates", snapshot.revoked),
        ("AnnouncedRevocations", number(snapshot.announced)),
        ("UnconfirmedRevocations", number(snapshot.unconfirmed)),
        ("AnnouncementsIgnored", u64::from(was_ignored(report))),
        ("BlocksInForce", number(snapshot.blocked)),
        ("BlocksWithoutCa", number(without_ca)),
        ("OverridesRefused", u64::from(overrides_refused)),
    ] {
        refresh.count(name, count);
    }
    if let Some(flush) = &report.flush {
        refresh.count("CacheFlushes", number(flush.count(CacheOutcome::Flushed)));
        refresh.count("CacheFlushFailed", number(failures(flush)));
    }
    let octets = i64::try_from(snapshot.octets).unwrap_or(i64::MAX);
    refresh.gauge("SnapshotSize", Unit::Bytes, octets);
    for (code, count) in refusals_by_code(report) {
        refresh.count(&format!("Refused.{code}"), count);
    }
    let of_ca = |ca: &CaReport| {
        let mut metrics = start().by("Issuer", &ca.dimension());
        let (age, left) = (now.since(ca.this_update), ca.next_update.since(now));
        metrics.gauge("CrlAge", Unit::Seconds, age);
        metrics.gauge("TimeToNextUpdate", Unit::Seconds, left);
        metrics.gauge("CrlLifeElapsed", Unit::Percent, ca.life_elapsed);
        metrics
    };
    let cas = report.cas.iter().map(of_ca);
    std::iter::once(refresh).chain(cas).collect()
}

fn was_ignored(report: &Report) -> bool {
    let outcome = report.announcement.as_ref().map(|report| report.outcome);
    outcome == Some(Announced::Ignored)
}

/// Caches that were not flushed, and one where it is not known which must be.
fn failures(flush: &FlushReport) -> usize {
    flush.count(CacheOutcome::Failed) + usize::from(flush.error.is_some())
}

fn refusals_by_code(report: &Report) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    let is_refused = |outcome| outcome == Outcome::Refused;
    for source in report.sources.iter().filter(|s| is_refused(s.outcome)) {
        *counts.entry(source.code.unwrap_or("unknown")).or_default() += 1;
    }
    counts
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
