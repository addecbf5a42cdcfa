//! Snapshot octets in memory → the first look-up answered.

use benches::{LARGE, ours, rivals, serial_number, serials, snapshot};
use testkit::pki::Ca;

use crate::figures::Report;
use crate::measure::{Contender, Failure, OURS, Session};

/// What a cold start waits for.
const FIRST_PART: &str = "the first part alone";
const HASH_SET: &str = "rebuild a std HashSet";

/// A snapshot of a million numbers, beside structures that must be built from what was stored.
pub(crate) fn measure(session: &Session, report: &mut Report) -> Result<(), Failure> {
    session.saying(format!("making a snapshot of {LARGE} serial numbers"));
    let members = serials(LARGE, 1);
    let octets = snapshot(&Ca::root("Bench CA"), &members);
    let mut json = Vec::new();
    rivals::write_json(&members, &mut json)
        .map_err(|error| Failure(format!("JSON of the set: {error}")))?;
    let wanted = members[LARGE / 2];
    let number = serial_number(&wanted);
    let key = format!("0x{:032x}", u128::from_be_bytes(wanted));
    session.saying(format!("ready with {LARGE} serial numbers"));
    let contenders = vec![
        Contender::new(OURS, || ours::first_lookup(&octets, &number).map(u64::from)),
        Contender::new(FIRST_PART, || Some(ours::first_part(&octets).into())),
        Contender::new(HASH_SET, || {
            Some(rivals::hash_set(&members).contains(&wanted).into())
        }),
        Contender::new("rebuild a hashbrown set", || {
            Some(rivals::hashbrown_set(&members).contains(&wanted).into())
        }),
        Contender::new("JSON of AWS's sample into a HashMap", || {
            Some(rivals::read_json(&json)?.contains_key(&key).into())
        }),
    ];
    let timings = session.in_turn(9, 1, contenders)?;
    for timing in timings.iter() {
        let milliseconds = timing.seconds * 1e3;
        match timing.name {
            FIRST_PART => report.detail("ready_ms_1m", "the first part alone, ms", milliseconds),
            name => report.record("ready_ms_1m", name, milliseconds),
        }
    }
    Ok(())
}

/// Milliseconds for these numbers: ours, and building a hash set.
pub(crate) fn growth(
    session: &Session,
    members: &[[u8; 16]],
) -> Result<[(&'static str, f64); 2], Failure> {
    let octets = snapshot(&Ca::root("Bench CA"), members);
    let wanted = members[members.len() / 2];
    let number = serial_number(&wanted);
    let contenders = vec![
        Contender::new(OURS, || ours::first_lookup(&octets, &number).map(u64::from)),
        Contender::new(HASH_SET, || {
            Some(rivals::hash_set(members).contains(&wanted).into())
        }),
    ];
    let timings = session.in_turn(9, 1, contenders)?;
    Ok([
        (OURS, timings.seconds(OURS)? * 1e3),
        (HASH_SET, timings.seconds(HASH_SET)? * 1e3),
    ])
}
