//! A model test of publishing: no interleaving of fetchers, changes of the bucket, failing calls
//! and crashes takes a revocation back, loses an update or publishes what was never valid.
//!
//! The fetchers are real, and so are the SDK's client and the S3 that it speaks to; only what comes
//! next is chosen, by a seed. After every step that wrote the snapshot, `model.rs` judges it.
//!
//! The ordinary run explores a few hundred interleavings. The full run:
//!
//! ```text
//! INTERLEAVINGS=10000 cargo test --workspace --test interleavings -- --nocapture every
//! ```
//!
//! A violation prints every step and the command that repeats just that interleaving.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how these tests fail"
)]

#[path = "interleavings/dice.rs"]
mod dice;
#[path = "interleavings/gate.rs"]
mod gate;
#[path = "interleavings/model.rs"]
mod model;
#[path = "interleavings/pool.rs"]
mod pool;
#[path = "interleavings/scheduler.rs"]
mod scheduler;
#[path = "interleavings/tally.rs"]
mod tally;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::Instant;

use futures::StreamExt;
use testkit::s3::S3Server;

use model::Rule;
use pool::Pool;
use scheduler::{Breakage, Outcome};
use tally::Tally;

#[tokio::test(flavor = "multi_thread")]
async fn every_interleaving_keeps_what_was_published() {
    if let Some(seed) = variable("INTERLEAVING") {
        let outcome = scheduler::run(seed, S3Server::start().await, &POOL, None, true).await;
        return assert!(outcome.violations.is_empty(), "{}", describe(&outcome));
    }
    let count = variable("INTERLEAVINGS").unwrap_or(ORDINARY_COUNT);
    // Nine of ten are the same in every run; the others may find what these do not.
    let fixed = 1..=count - count / 10;
    let random = RandomState::new().hash_one(count) >> 1;
    let seeds = fixed.chain(random..random + count / 10).collect();
    let began = Instant::now();
    let (tally, broken) = explore(seeds, None).await;
    println!("{tally}{:>8} s", began.elapsed().as_secs());
    assert!(broken.is_empty(), "{}", describe(&broken[0]));
    // They reach what they are there for.
    for what in [
        "publishes",
        "PUT answered 412",
        "crashes between two calls",
        "faults: answer lost",
        "faults: body truncated",
        "faults: crash before the answer",
        "faults: request late",
        "retries of the SDK",
    ] {
        assert!(tally.of(what) > 0, "{what}: {tally}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_repeats_its_interleaving() {
    for seed in 1..=4 {
        let mut traces = Vec::new();
        for _ in 0..2 {
            let outcome = scheduler::run(seed, S3Server::start().await, &POOL, None, false).await;
            traces.push(outcome.trace);
        }
        assert_eq!(traces[0], traces[1], "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_notices_a_lost_update() {
    notices(Breakage::NoConditions, &[Rule::Chain]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_notices_a_revocation_taken_back() {
    let rules = [Rule::Chain, Rule::NumberGrows, Rule::RevokedStays];
    notices(Breakage::StaleSnapshot, &rules).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_notices_what_was_never_valid() {
    notices(Breakage::ForeignTruststore, &[Rule::Sequential]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_notices_a_crl_that_is_overlooked() {
    let rules = [Rule::Answer, Rule::Sequential];
    notices(Breakage::HiddenObject, &rules).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_notices_publishing_without_end() {
    notices(Breakage::ChangingEntityTags, &[Rule::Convergence]).await;
}

/// Fails unless fetchers that are broken in this way are found to break these rules.
async fn notices(breakage: Breakage, rules: &[Rule]) {
    let mut noticed = BTreeSet::new();
    let seeds: Vec<_> = (1..=BROKEN_COUNT).collect();
    for seeds in seeds.chunks(20) {
        let (_, broken) = explore(seeds.to_vec(), Some(breakage)).await;
        let violations = broken.iter().flat_map(|outcome| &outcome.violations);
        noticed.extend(violations.map(|violation| violation.rule));
        if rules.iter().all(|rule| noticed.contains(rule)) {
            return;
        }
    }
    panic!("{breakage:?}: only {noticed:?} in {BROKEN_COUNT} interleavings");
}

/// Runs many interleavings side by side: while one of them sleeps, the others go on.
async fn explore(seeds: Vec<u64>, breakage: Option<Breakage>) -> (Tally, Vec<Outcome>) {
    let (mut tally, mut broken) = (Tally::default(), Vec::new());
    // A new S3 from time to time, since it never forgets a version.
    for seeds in seeds.chunks(SEEDS_PER_S3) {
        let s3 = S3Server::start().await;
        let runs = seeds.iter().map(|&seed| {
            let run = scheduler::run(seed, s3.clone(), &POOL, breakage, false);
            async move {
                let run = tokio::spawn(run).await;
                run.unwrap_or_else(|error| panic!("{error}\n{}", repeat(seed)))
            }
        });
        let mut outcomes = futures::stream::iter(runs).buffer_unordered(SIDE_BY_SIDE);
        while let Some(outcome) = outcomes.next().await {
            tally += &outcome.tally;
            if !outcome.violations.is_empty() {
                broken.push(outcome);
            }
        }
    }
    (tally, broken)
}

fn describe(outcome: &Outcome) -> String {
    let trace = outcome.trace.join("\n");
    format!("seed {}:\n{trace}\n{}", outcome.seed, repeat(outcome.seed))
}

fn repeat(seed: u64) -> String {
    format!(
        "repeat it: INTERLEAVING={seed} cargo test --workspace --test interleavings -- \
         --nocapture every"
    )
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

static POOL: LazyLock<Pool> = LazyLock::new(Pool::new);

/// How many interleavings the ordinary run explores.
const ORDINARY_COUNT: u64 = 400;

/// In how many interleavings a broken fetcher must be found out; most are in the first twenty.
const BROKEN_COUNT: u64 = 200;

const SEEDS_PER_S3: usize = 500;
const SIDE_BY_SIDE: usize = 16;
