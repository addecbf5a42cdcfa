//! What becomes of every cost as the number of serial numbers grows.

use benches::{LARGE, serials};

use crate::figures::Report;
use crate::measure::{Failure, Session};
use crate::{ingest, lookup, ready, set};

/// From a thousand to ten million serial numbers; a quick session ends at a hundred thousand.
pub(crate) fn measure(session: &Session, report: &mut Report) -> Result<(), Failure> {
    let largest = if session.is_quick() {
        LARGE / 10
    } else {
        LARGE * 10
    };
    let sizes = std::iter::successors(Some(1_000), |size| Some(size * 10));
    for count in sizes.take_while(|&count| count <= largest) {
        session.saying(format!("growth: {count} serial numbers"));
        let members = serials(count, 1);
        let mut point = |what: &str, (name, value): (&'static str, f64)| {
            report.grow(what, name, count, value);
        };
        for octets in set::growth(&members).into_iter().flatten() {
            point("octets_per_serial", octets);
        }
        for nanoseconds in lookup::growth(session, &members)? {
            point("lookup_hit_ns", nanoseconds);
        }
        for milliseconds in ready::growth(session, &members)? {
            point("ready_ms", milliseconds);
        }
        drop(members);
        for (name, seconds) in ingest::growth(session, count)? {
            point("ingest_ms", (name, seconds * 1e3));
        }
    }
    Ok(())
}
