//! Stored octets per serial number, over the information bound.

use std::io::{self, Write};

use benches::bound::octets_per_serial;
use benches::{LARGE, ours, revoked_set, rivals, serials};

use crate::figures::Report;
use crate::measure::{Failure, OURS, Session, float};

/// Sets of random numbers, from ten thousand to ten million, beside other stored forms.
pub(crate) fn measure(session: &Session, report: &mut Report) -> Result<(), Failure> {
    let sizes = [
        ("set_x_bound_10k", 10_000),
        ("set_x_bound_1m", LARGE),
        ("set_x_bound_10m", 10 * LARGE),
    ];
    for (key, count) in sizes {
        session.saying(format!("packing {count} serial numbers"));
        let members = rivals::sorted(&serials(count, 1));
        let number = u32::try_from(count).map_err(|_| Failure("too many".to_owned()))?;
        let bound = octets_per_serial(number);
        let mut record = |name: &str, octets: u64| {
            let per_serial = float(octets) / f64::from(number);
            report.record(key, name, per_serial / bound);
            report.detail(key, &format!("{name}, octets each"), per_serial);
        };
        let set = revoked_set(&members);
        let octets = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        record(OURS, octets(ours::stored_octets(&set)));
        record("sorted array", 16 * u64::from(number));
        record("JSON of AWS's sample", json_octets(&members)?);
        // The transducer of ten million takes most of a minute to build, to say the same again.
        if count <= LARGE {
            record("fst::Set", fst_octets(&members)?);
        }
        report.detail(key, "bound, octets each", bound);
        report.detail(
            key,
            "crl-authorizer, of these in the first plane",
            float(ours::first_plane_octets(&set)) / f64::from(number),
        );
    }
    Ok(())
}

/// Ours and the bound, in octets for each of so many serial numbers.
pub(crate) fn growth(members: &[[u8; 16]]) -> Option<[(&'static str, f64); 3]> {
    let count = u32::try_from(members.len()).ok()?;
    let octets = u32::try_from(ours::stored_octets(&revoked_set(members))).ok()?;
    Some([
        (OURS, f64::from(octets) / f64::from(count)),
        ("information bound", octets_per_serial(count)),
        ("sorted array", 16.0),
    ])
}

fn json_octets(members: &[[u8; 16]]) -> Result<u64, Failure> {
    let mut octets = Counted(0);
    rivals::write_json(members, &mut octets)
        .map_err(|error| Failure(format!("JSON of the set: {error}")))?;
    Ok(octets.0)
}

fn fst_octets(members: &[[u8; 16]]) -> Result<u64, Failure> {
    let mut octets = Counted(0);
    rivals::write_fst(members, &mut octets)
        .map_err(|error| Failure(format!("fst of the set: {error}")))?;
    Ok(octets.0)
}

/// Counts what is written, and keeps none of it.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 += u64::try_from(octets.len()).unwrap_or(u64::MAX);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
