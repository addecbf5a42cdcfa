//! Snapshot octets in memory → the first look-up answered.
//!
//! In memory means that they have just been received: they are written there before each run, as far as
//! the processor's caches hold them they are in there, as they are after a download. What it takes where
//! other work has come in between is told too: then it is the memory that is measured.

use std::cell::{Ref, RefCell};

use benches::{LARGE, ours, rivals, serial_number, serials, snapshot};
use testkit::pki::Ca;

use crate::figures::Report;
use crate::measure::{Contender, Failure, OURS, Session};

/// What a cold start waits for.
const FIRST_PART: &str = "the first part alone";
const HASH_SET: &str = "rebuild a std HashSet";
/// No checksum can take less.
const READING: &str = "reading the octets alone";
/// What was received long ago, before the other contenders' tens of megabytes.
const PUSHED_OUT: &str = "octets pushed out of the caches";

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
    let (snapshot, members, json) = (Sent::new(&octets), Sent::new(&members), Sent::new(&json));
    let contenders = vec![
        Contender::new(OURS, || {
            ours::first_lookup(&snapshot.received(), &number).map(u64::from)
        })
        .after(|| snapshot.receive()),
        Contender::new(FIRST_PART, || {
            Some(ours::first_part(&snapshot.received()).into())
        })
        .after(|| snapshot.receive()),
        Contender::new(HASH_SET, || {
            Some(
                rivals::hash_set(&members.received())
                    .contains(&wanted)
                    .into(),
            )
        })
        .after(|| members.receive()),
        Contender::new("rebuild a hashbrown set", || {
            Some(
                rivals::hashbrown_set(&members.received())
                    .contains(&wanted)
                    .into(),
            )
        })
        .after(|| members.receive()),
        Contender::new("JSON of AWS's sample into a HashMap", || {
            Some(
                rivals::read_json(&json.received())?
                    .contains_key(&key)
                    .into(),
            )
        })
        .after(|| json.receive()),
        Contender::new(READING, || Some(is_any_set(&snapshot.received()).into()))
            .after(|| snapshot.receive()),
        Contender::new(PUSHED_OUT, || {
            ours::first_lookup(&octets, &number).map(u64::from)
        }),
    ];
    let timings = session.in_turn(9, 1, contenders)?;
    for timing in timings.iter() {
        let milliseconds = timing.seconds * 1e3;
        match timing.name {
            FIRST_PART | READING | PUSHED_OUT => {
                report.detail("ready_ms_1m", &format!("{}, ms", timing.name), milliseconds);
            }
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
    let (snapshot, members) = (Sent::new(&octets), Sent::new(members));
    let contenders = vec![
        Contender::new(OURS, || {
            ours::first_lookup(&snapshot.received(), &number).map(u64::from)
        })
        .after(|| snapshot.receive()),
        Contender::new(HASH_SET, || {
            Some(
                rivals::hash_set(&members.received())
                    .contains(&wanted)
                    .into(),
            )
        })
        .after(|| members.receive()),
    ];
    let timings = session.in_turn(9, 1, contenders)?;
    Ok([
        (OURS, timings.seconds(OURS)? * 1e3),
        (HASH_SET, timings.seconds(HASH_SET)? * 1e3),
    ])
}

/// Whether any bit is set, from all octets.
fn is_any_set(octets: &[u8]) -> bool {
    let (words, rest) = octets.as_chunks();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    words.fold(0, |all, word| all | word) != 0 || rest.iter().any(|octet| *octet != 0)
}

/// As TLS delivers octets: in one piece, memcpy would go past the caches.
const RECORD: usize = 1 << 14;

/// What is stored, and the place in memory where it is received again and again.
struct Sent<'a, T> {
    stored: &'a [T],
    memory: RefCell<Vec<T>>,
}

impl<'a, T: Copy> Sent<'a, T> {
    fn new(stored: &'a [T]) -> Self {
        Self {
            stored,
            memory: RefCell::new(stored.to_vec()),
        }
    }

    fn receive(&self) {
        let mut memory = self.memory.borrow_mut();
        let records = memory.chunks_mut(RECORD).zip(self.stored.chunks(RECORD));
        records.for_each(|(memory, stored)| memory.copy_from_slice(stored));
    }

    fn received(&self) -> Ref<'_, Vec<T>> {
        self.memory.borrow()
    }
}
