//! One look-up: whether a serial number is in the set.

use std::collections::HashSet;
use std::hint::black_box;

use benches::{
    LARGE, Random, crl, der_integer, distributions, revoked_set, rivals, serial_number, serials,
};
use revocation::RevokedSet;
use testkit::pki::Ca;
use webpki::CertRevocationList;

use crate::figures::Report;
use crate::measure::{Contender, Failure, OURS, Session, Timings, float};

/// Different questions each time and all over the set, so that no cache holds all that they need.
const QUERIES: usize = if cfg!(debug_assertions) {
    2_000
} else {
    200_000
};

const ROUNDS: usize = 15;

/// Random numbers, hits and misses, then the slowest answers that skewed numbers can cause.
pub(crate) fn measure(session: &Session, report: &mut Report) -> Result<(), Failure> {
    session.saying(format!("building sets of {LARGE} serial numbers"));
    let members = serials(LARGE, 1);
    let mut structures = Structures::new(&members);
    structures.webpki = rivals::webpki_owned(&crl(&Ca::root("Bench CA"), &members));
    let hits = picked(&members, 8);
    let misses = serials(QUERIES, 2);
    for (key, queries, found) in [
        ("lookup_hit_ns", &hits, true),
        ("lookup_miss_ns", &misses, false),
    ] {
        session.saying(key);
        for timing in structures.time(session, queries, found)?.iter() {
            report.record(key, timing.name, per_query(timing.seconds));
        }
    }
    drop(structures);
    worst(session, report)
}

/// Nanoseconds for a hit among these numbers.
pub(crate) fn growth(
    session: &Session,
    members: &[[u8; 16]],
) -> Result<Vec<(&'static str, f64)>, Failure> {
    let structures = Structures::new(members);
    let timings = structures.time(session, &picked(members, 8), true)?;
    let timings = timings.iter();
    Ok(timings
        .map(|timing| (timing.name, per_query(timing.seconds)))
        .collect())
}

/// The slowest of all distributions, hits and near misses, for each structure by itself.
fn worst(session: &Session, report: &mut Report) -> Result<(), Failure> {
    let key = "lookup_worst_ns";
    let count = u32::try_from(LARGE).unwrap_or(u32::MAX);
    for distribution in distributions::all(count) {
        session.saying(format!("look-ups, {}", distribution.name));
        let structures = Structures::new(&distribution.members);
        for (kind, numbers, found) in [
            ("hit", &distribution.members, true),
            ("near miss", &distribution.near_misses, false),
        ] {
            for timing in structures.time(session, &picked(numbers, 9), found)?.iter() {
                let nanoseconds = per_query(timing.seconds);
                report.record_if_more(key, timing.name, nanoseconds);
                if timing.name == OURS {
                    report.detail(key, &format!("{}, {kind}", distribution.name), nanoseconds);
                }
            }
        }
    }
    Ok(())
}

/// The same numbers in every structure.
struct Structures {
    set: RevokedSet<Vec<u8>>,
    hash_set: HashSet<[u8; 16]>,
    hashbrown: hashbrown::HashSet<[u8; 16]>,
    sorted: Vec<[u8; 16]>,
    webpki: Option<CertRevocationList<'static>>,
}

impl Structures {
    fn new(members: &[[u8; 16]]) -> Self {
        Self {
            set: revoked_set(members),
            hash_set: rivals::hash_set(members),
            hashbrown: rivals::hashbrown_set(members),
            sorted: rivals::sorted(members),
            webpki: None,
        }
    }

    /// All queries must be answered alike. The time is that of all of them.
    fn time(
        &self,
        session: &Session,
        queries: &[[u8; 16]],
        found: bool,
    ) -> Result<Timings, Failure> {
        let expected = if found {
            u64::try_from(queries.len()).unwrap_or(u64::MAX)
        } else {
            0
        };
        // Each in the form that the structure is asked in; making it is no part of the look-up.
        let numbers: Vec<_> = queries.iter().map(serial_number).collect();
        let contents: Vec<_> = queries.iter().map(der_integer).collect();
        let mut contenders = vec![
            Contender::new(OURS, || {
                Some(look_ups(&numbers, |number| self.set.contains(number)))
            }),
            Contender::new("std HashSet", || {
                Some(look_ups(queries, |query| self.hash_set.contains(query)))
            }),
            Contender::new("hashbrown", || {
                Some(look_ups(queries, |query| self.hashbrown.contains(query)))
            }),
            Contender::new("binary search", || {
                Some(look_ups(queries, |query| {
                    self.sorted.binary_search(query).is_ok()
                }))
            }),
        ];
        if let Some(webpki) = &self.webpki {
            contenders.push(Contender::new("rustls-webpki find_serial", || {
                Some(look_ups(&contents, |content| {
                    rivals::webpki_finds(webpki, content)
                }))
            }));
        }
        session.in_turn(ROUNDS, expected, contenders)
    }
}

/// How many queries are answered with yes. Where the next one is read depends on the last answer,
/// as far as the processor can know, so that one look-up does not begin before another ends.
fn look_ups<Q>(queries: &[Q], contains: impl Fn(&Q) -> bool) -> u64 {
    let never = black_box(0_usize);
    let mut answer = 0;
    let mut found = 0;
    for index in 0..queries.len() {
        let is_found = contains(&queries[index ^ answer]);
        answer = usize::from(is_found) & never;
        found += u64::from(is_found);
    }
    found
}

fn picked(numbers: &[[u8; 16]], seed: u64) -> Vec<[u8; 16]> {
    let mut random = Random::new(seed);
    let count = u128::try_from(numbers.len()).unwrap_or(u128::MAX);
    let picked = (0..QUERIES).filter_map(|_| {
        let index = usize::try_from((random.number() >> 32) % count).ok()?;
        numbers.get(index).copied()
    });
    picked.collect()
}

fn per_query(seconds: f64) -> f64 {
    seconds * 1e9 / float(QUERIES)
}
