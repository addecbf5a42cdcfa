//! How often which time was measured: a fixed number of places, four to each doubling.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of times up to four seconds, each to an eighth of itself; longer ones count as four.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: [AtomicU64; PLACES],
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: array::from_fn(|_| AtomicU64::default()),
        }
    }
}

impl Histogram {
    pub(super) fn record(&self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get(place_of(nanoseconds)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Microseconds and how often they were measured, in ascending order; never more than CloudWatch
    /// takes. From now on they are counted anew.
    pub(super) fn take(&self) -> Vec<(f64, u64)> {
        let counts = self.counts.iter().enumerate();
        let taken =
            counts.map(|(place, count)| (middle_of(place), count.swap(0, Ordering::Relaxed)));
        taken.filter(|(_, count)| *count > 0).collect()
    }
}

/// The first place is for less than 256 ns; the two bits below the highest one choose among four.
fn place_of(nanoseconds: u64) -> usize {
    let Some(octave) = nanoseconds
        .checked_ilog2()
        .and_then(|log| log.checked_sub(FIRST))
    else {
        return 0;
    };
    let quarter = (nanoseconds >> (octave + FIRST - 2)) & 3;
    let place = u64::from(octave) * 4 + quarter + 1;
    usize::try_from(place).map_or(PLACES - 1, |place| place.min(PLACES - 1))
}

/// In microseconds.
fn middle_of(place: usize) -> f64 {
    let Some(place) = place
        .checked_sub(1)
        .and_then(|place| u32::try_from(place).ok())
    else {
        return 0.128;
    };
    let (octave, quarter) = (place / 4, place % 4);
    let start = 0.256 * f64::from(1_u32 << octave.min(31));
    let middle = start * (1.0 + (f64::from(quarter) + 0.5) / 4.0);
    // To the nanosecond, which is short in print.
    (middle * 1000.0).round() / 1000.0
}

/// 2⁸ ns.
const FIRST: u32 = 8;
/// CloudWatch takes 100 values.
const PLACES: usize = 1 + 4 * 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_counted_near_itself() {
        for nanoseconds in (300..4_000_000_000_u64).step_by(999_983).chain(256..10_000) {
            let micros = f64::from(u32::try_from(nanoseconds).unwrap()) / 1000.0;
            let counted = middle_of(place_of(nanoseconds));
            let error = (counted - micros).abs() / micros;
            assert!(error <= 0.1251, "{micros}: {counted}");
        }
    }

    #[test]
    fn the_shortest_and_the_longest_times_have_a_place() {
        let histogram = Histogram::default();
        histogram.record(Duration::ZERO);
        histogram.record(Duration::from_nanos(255));
        histogram.record(Duration::from_secs(4));
        histogram.record(Duration::MAX);
        let taken = histogram.take();
        assert_eq!(taken.iter().map(|(_, count)| count).sum::<u64>(), 4);
        assert_eq!(taken.first().unwrap(), &(0.128, 2));
        assert!(taken.last().unwrap().0 > 3_000_000.0);
        assert_eq!(histogram.take(), []);
    }

    #[test]
    fn places_ascend() {
        let middles: Vec<_> = (0..PLACES).map(middle_of).collect();
        assert!(middles.is_sorted());
        assert!(middles.len() <= 100);
    }
}
