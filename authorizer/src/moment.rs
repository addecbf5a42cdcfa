//! When a request came, as finely as the ages of a snapshot are set.

use std::time::Duration;

use revocation::UnixTime;

/// Milliseconds since 1970-01-01T00:00:00Z by the wall clock, which goes on while an execution
/// environment is frozen. It may also be set, so a later moment can have a smaller number. What CRLs and
/// certificates say is in seconds: [`Self::unix_time`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(i64);

impl Moment {
    /// From milliseconds since the epoch.
    pub const fn from_unix_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// The second that it is in.
    pub const fn unix_time(self) -> UnixTime {
        UnixTime::from_seconds(self.0.div_euclid(1000))
    }

    /// Whole seconds from `earlier` until this moment; negative where `earlier` is in fact later.
    pub(crate) const fn seconds_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0) / 1000
    }

    /// Whether it is not so long after `then`. A duration counts in whole milliseconds.
    ///
    /// `then` may be later by as much as a request takes: of two that are under way at the same time, the
    /// one that began last may be the first to do what the other asks about, which is as recent as can be.
    /// Where it is later by more, the clock went back, and nothing is known of the time in between.
    pub(crate) fn is_within(self, duration: Duration, then: Self) -> bool {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        (-LONGEST_REQUEST..milliseconds).contains(&self.0.saturating_sub(then.0))
    }
}

/// API Gateway waits so many milliseconds for an authorizer.
const LONGEST_REQUEST: i64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_A_SECOND: Duration = Duration::from_millis(500);

    fn at(milliseconds: i64) -> Moment {
        Moment::from_unix_milliseconds(milliseconds)
    }

    #[test]
    fn an_age_ends_to_the_millisecond() {
        let then = at(1_793_600_000_750);
        for (later, expected) in [
            (0, true),
            (1, true),
            (499, true),
            (500, false),
            (501, false),
        ] {
            let now = at(1_793_600_000_750 + later);
            assert_eq!(now.is_within(HALF_A_SECOND, then), expected, "{later}");
        }
        assert!(!then.is_within(Duration::ZERO, then));
    }

    #[test]
    fn what_a_request_did_that_began_later_is_as_recent_as_can_be() {
        let then = at(1_000_000);
        for now in [999_999, 990_000] {
            assert!(at(now).is_within(HALF_A_SECOND, then), "{now}");
            assert!(at(now).is_within(Duration::ZERO, then), "{now}");
        }
    }

    #[test]
    fn a_clock_that_went_back_is_within_nothing() {
        let then = at(1_000_000);
        for now in [989_999, 0, i64::MIN] {
            assert!(!at(now).is_within(HALF_A_SECOND, then), "{now}");
            assert!(!at(now).is_within(Duration::MAX, then), "{now}");
        }
    }

    #[test]
    fn seconds_are_whole_ones() {
        for (milliseconds, expected) in [(0, 0), (999, 0), (1000, 1), (-1, -1), (-1000, -1)] {
            assert_eq!(at(milliseconds).unix_time().seconds(), expected);
        }
        for (from, to, expected) in [(500, 1499, 0), (500, 1500, 1), (5000, 2000, -3)] {
            assert_eq!(at(to).seconds_since(at(from)), expected);
        }
    }
}
