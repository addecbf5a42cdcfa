//! A point in time, as an argument: nothing in this crate reads a clock.

use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted; negative before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// Before everything.
    pub const MIN: Self = Self(i64::MIN);
    /// After everything.
    pub const MAX: Self = Self(i64::MAX);

    /// From seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// From a date of the proleptic Gregorian calendar and a time of day in UTC, or `None` where
    /// there is no such moment (month 13, 30 February, 24:00:00, a leap second).
    pub fn from_civil(year: i64, month: u8, day: u8, time: (u8, u8, u8)) -> Option<Self> {
        let (hour, minute, second) = time;
        let valid = (0..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !valid {
            return None;
        }
        // Years are counted from March, so that the leap day comes last and every month's first
        // day has a closed form: (153 m + 2) / 5 for m = 0 (March) .. 11 (February).
        let (year, month) = match i64::from(month) {
            month @ 1..=2 => (year - 1, month + 9),
            month => (year, month - 3),
        };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
        let days = 365 * year + leap_days + day_of_year - DAYS_TO_EPOCH;
        let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        Some(Self(days * SECONDS_PER_DAY + seconds))
    }

    /// Seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This moment `seconds` later, held at the ends of the range.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` until this moment; negative where `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// RFC 3339 in UTC, to the second; `@SECONDS` for years outside 0 to 9999, which it cannot write.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0.div_euclid(SECONDS_PER_DAY) + DAYS_TO_EPOCH;
        let second_of_day = self.0.rem_euclid(SECONDS_PER_DAY);
        // 400 Gregorian years are 146 097 days; within them the estimate is off by at most one year.
        let mut year = (days * 400).div_euclid(146_097);
        let first_day = |y: i64| 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
        while first_day(year + 1) <= days {
            year += 1;
        }
        while first_day(year) > days {
            year -= 1;
        }
        let day_of_year = days - first_day(year);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (year, month) = if month < 10 {
            (year, month + 3)
        } else {
            (year + 1, month - 9)
        };
        if !(0..=9999).contains(&year) {
            return write!(f, "@{}", self.0);
        }
        let (hour, minute, second) = (
            second_of_day / 3600,
            second_of_day / 60 % 60,
            second_of_day % 60,
        );
        // Written at once: every decision shows one.
        let mut text = *b"0000-00-00T00:00:00Z";
        let numbers = [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, hour),
            (14, minute),
            (17, second),
        ];
        for (at, number) in numbers {
            // All of them are below 100.
            let number = u8::try_from(number).map_err(|_| fmt::Error)?;
            text[at] += number / 10;
            text[at + 1] += number % 10;
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const SECONDS_PER_DAY: i64 = 86_400;
/// Days from 0000-03-01, where the formulas above start, to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        let cases = [
            (0, (1970, 1, 1), (0, 0, 0), "1970-01-01T00:00:00Z"),
            (
                951_782_400,
                (2000, 2, 29),
                (0, 0, 0),
                "2000-02-29T00:00:00Z",
            ),
            (
                1_519_676_905,
                (2018, 2, 26),
                (20, 28, 25),
                "2018-02-26T20:28:25Z",
            ),
            (-1, (1969, 12, 31), (23, 59, 59), "1969-12-31T23:59:59Z"),
            (
                253_402_300_799,
                (9999, 12, 31),
                (23, 59, 59),
                "9999-12-31T23:59:59Z",
            ),
            (
                -62_167_219_200,
                (0, 1, 1),
                (0, 0, 0),
                "0000-01-01T00:00:00Z",
            ),
        ];
        for (seconds, (year, month, day), time, text) in cases {
            let moment = UnixTime::from_civil(year, month, day, time);
            assert_eq!(moment, Some(UnixTime::from_seconds(seconds)), "{text}");
            assert_eq!(UnixTime::from_seconds(seconds).to_string(), text);
        }
    }

    #[test]
    fn impossible_dates_are_refused() {
        for (year, month, day, time) in [
            (2023, 2, 29, (0, 0, 0)),
            (1900, 2, 29, (0, 0, 0)),
            (2024, 0, 1, (0, 0, 0)),
            (2024, 13, 1, (0, 0, 0)),
            (2024, 4, 31, (0, 0, 0)),
            (2024, 1, 0, (0, 0, 0)),
            (2024, 1, 1, (24, 0, 0)),
            (2024, 1, 1, (0, 60, 0)),
            (2024, 1, 1, (0, 0, 60)),
            (10_000, 1, 1, (0, 0, 0)),
        ] {
            assert_eq!(UnixTime::from_civil(year, month, day, time), None);
        }
    }

    proptest! {
        #[test]
        fn written_and_read_again(seconds in -62_167_219_200_i64..=253_402_300_799) {
            let text = UnixTime::from_seconds(seconds).to_string();
            let number = |range: std::ops::Range<usize>| text[range].parse::<u8>().unwrap();
            let year = text[0..4].parse::<i64>().unwrap();
            let time = (number(11..13), number(14..16), number(17..19));
            let moment = UnixTime::from_civil(year, number(5..7), number(8..10), time);
            prop_assert_eq!(moment, Some(UnixTime::from_seconds(seconds)));
        }

        #[test]
        fn any_moment_can_be_shown(seconds: i64) {
            prop_assert!(!UnixTime::from_seconds(seconds).to_string().is_empty());
        }
    }
}
