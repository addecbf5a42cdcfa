//! Serial numbers on their way from a CRL into a [`RevokedSet`](crate::RevokedSet): as many as there
//! are, in 16 octets each where they fit, soon in order.

mod sort;

use crate::serial::SerialNumber;

/// Any number of serial numbers, in any order, each as often as it was added.
#[derive(Clone, Debug, Default)]
pub struct Serials {
    /// Zero and the positive numbers of up to 16 octets.
    short: Vec<Short>,
    /// All others.
    long: Vec<SerialNumber>,
    /// Both are known to be strictly ascending.
    is_ascending: bool,
}

/// A `u128` in the octets it has in memory, which a revoked set can be written over.
pub(crate) type Short = [u8; 16];

impl Serials {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            short: Vec::new(),
            long: Vec::new(),
            is_ascending: false,
        }
    }

    /// Adds one.
    pub fn push(&mut self, serial: SerialNumber) {
        match serial.to_u128() {
            Some(value) => self.push_u128(value),
            None => {
                self.is_ascending = false;
                self.long.push(serial);
            }
        }
    }

    /// Adds one that was read from octets. Where there is no room it is made for the numbers to be
    /// expected in what is left of them.
    pub fn push_read(&mut self, serial: SerialNumber, progress: Progress) {
        match serial.to_u128() {
            Some(value) => self.push_read_u128(value, progress),
            None => {
                make_room(&mut self.long, progress);
                self.push(serial);
            }
        }
    }

    /// As [`Self::push_read`], for one that is zero or positive and has up to 16 octets.
    #[inline]
    pub fn push_read_u128(&mut self, value: u128, progress: Progress) {
        make_room(&mut self.short, progress);
        self.push_u128(value);
    }

    #[inline]
    fn push_u128(&mut self, value: u128) {
        self.is_ascending = false;
        self.short.push(value.to_ne_bytes());
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sorts them, O(n log n) at worst and in place, and says which is the least one that is there
    /// more than once.
    pub fn sort(&mut self) -> Option<SerialNumber> {
        if self.is_ascending {
            return None;
        }
        let mut duplicate = None;
        if sort::sort(&mut self.short) {
            let pairs = self.short.windows(2);
            duplicate = pairs
                .filter(|pair| pair[0] == pair[1])
                .map(|pair| SerialNumber::from_u128(value(pair[0])))
                .next();
        }
        self.long.sort_unstable();
        duplicate = duplicate.or_else(|| {
            let mut pairs = self.long.windows(2);
            pairs.find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
        });
        self.is_ascending = duplicate.is_none();
        duplicate
    }

    /// In the order they have now.
    pub fn iter(&self) -> impl Iterator<Item = SerialNumber> + '_ {
        let short = self.short.iter().map(|&short| value(short));
        let short = short.map(SerialNumber::from_u128);
        short.chain(self.long.iter().copied())
    }

    /// Sorted, each once: those of up to 16 octets, and those above them in the order of the set.
    pub(crate) fn into_sorted(mut self) -> (Vec<Short>, Vec<SerialNumber>) {
        if self.sort().is_some() {
            self.short.dedup();
            self.long.dedup();
        }
        (self.short, self.long)
    }
}

/// How far octets have been read that serial numbers are found in.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// How many octets have been read.
    pub read: usize,
    /// How many have not, the one number included that is being added.
    pub left: usize,
}

impl FromIterator<SerialNumber> for Serials {
    fn from_iter<I: IntoIterator<Item = SerialNumber>>(serials: I) -> Self {
        let mut all = Self::new();
        serials.into_iter().for_each(|serial| all.push(serial));
        all
    }
}

#[inline]
fn make_room<T>(numbers: &mut Vec<T>, progress: Progress) {
    if numbers.len() == numbers.capacity() {
        numbers.reserve_exact(expected_more(numbers.len(), progress));
    }
}

/// As many in proportion as there were, and a few more: once for all, if the octets are alike.
#[inline(never)]
fn expected_more(numbers: usize, Progress { read, left }: Progress) -> usize {
    let expected = match read.checked_div(numbers) {
        Some(octets) if numbers >= SAMPLE => left / octets.max(1),
        _ => 3 * numbers,
    };
    let with_some_more = (expected + expected / 64).max(numbers / 4).max(16);
    with_some_more.min(left / SHORTEST_INTEGER + 1)
}

#[inline]
pub(crate) const fn value(short: Short) -> u128 {
    u128::from_ne_bytes(short)
}

/// So many numbers tell how many octets there are for each.
const SAMPLE: usize = 4096;
const SHORTEST_INTEGER: usize = 3;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sorted, and found double, as the plain way would.
    fn assert_sorted_as_plainly(serials: &[SerialNumber]) {
        let mut plain = serials.to_vec();
        let mut compact: Serials = serials.iter().copied().collect();
        assert_eq!(compact.len(), plain.len());
        plain.sort_unstable();
        let pair = plain.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(compact.sort(), pair.map(|pair| pair[0]));
        assert!(compact.iter().eq(plain.iter().copied()));
        assert_eq!(compact.sort(), pair.map(|pair| pair[0]));
        plain.dedup();
        let (short, long) = compact.into_sorted();
        let short = short
            .into_iter()
            .map(|short| SerialNumber::from_u128(value(short)));
        assert!(short.chain(long).eq(plain));
    }

    /// Numbers of every kind, many of them with the same upper or the same lower octets.
    fn any_serial() -> impl Strategy<Value = SerialNumber> {
        let any_length = prop::collection::vec(any::<u8>(), 1..=21);
        let clustered = (1..=20_usize, any::<u8>(), any::<bool>(), any::<bool>()).prop_map(
            |(length, octet, is_last, is_negative)| {
                let mut content = vec![if is_negative { 0x80 } else { 0x11 }; length];
                content[if is_last { length - 1 } else { 0 }] ^= octet & 0x7f;
                content
            },
        );
        let few = (0..4_u8).prop_map(|value| vec![value]);
        prop_oneof![2 => any_length, 2 => clustered, 1 => few]
            .prop_filter_map("not a serial number", |content| {
                SerialNumber::from_der_integer(&content).ok()
            })
    }

    /// Numbers that look random, and are the same at each run.
    pub(crate) fn random_numbers() -> impl Iterator<Item = u128> {
        let mut state = 7_u128;
        std::iter::repeat_with(move || {
            state = state
                .wrapping_mul(0xda94_2042_e4dd_58b5)
                .wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed =
                (state ^ (state >> 64)).wrapping_mul(0xd6e8_feb8_6659_fd93_a076_1d64_78bd_642f);
            mixed ^ (mixed >> 61)
        })
    }

    proptest! {
        #[test]
        fn few_numbers_are_sorted_as_plainly(serials in prop::collection::vec(any_serial(), 0..200)) {
            assert_sorted_as_plainly(&serials);
        }

        #[test]
        fn a_short_number_is_its_value(value: u128, bits in 0_u32..=128) {
            let value = value.checked_shr(bits).unwrap_or(0);
            let serial = SerialNumber::from_u128(value);
            prop_assert_eq!(serial.to_u128(), Some(value));
            let content = [&[0][..], &value.to_be_bytes()].concat();
            let first = content.iter().position(|&octet| octet != 0).unwrap_or(16);
            let first = first - usize::from(content[first] >= 0x80);
            prop_assert_eq!(SerialNumber::from_der_integer(&content[first..]), Ok(serial));
        }
    }

    /// However many there are, and of whatever kind, at most a moment's worth of moving.
    #[test]
    fn room_is_made_for_what_the_octets_will_have() {
        let long = SerialNumber::from_der_integer(&[0x11; 20]).unwrap();
        let count = 100_000;
        for (serial, octets) in [(SerialNumber::from_u128(1), 20), (long, 40)] {
            let mut serials = Serials::new();
            for index in 0..count {
                let read = index * octets;
                let left = count * octets - read;
                serials.push_read(serial, Progress { read, left });
            }
            assert_eq!(serials.len(), count);
            let room = serials.short.capacity() + serials.long.capacity();
            assert!(room <= count + count / 32, "{room}");
        }
    }

    #[test]
    fn a_number_without_a_short_form_has_none() {
        for content in [&[0x80][..], &[0xff; 1], &[0x11; 17], &[0x80; 16]] {
            let serial = SerialNumber::from_der_integer(content).unwrap();
            assert_eq!(serial.to_u128(), None);
        }
    }

    #[test]
    fn many_numbers_of_any_distribution_are_sorted_as_plainly() {
        let count = 40_000;
        let random: Vec<u128> = random_numbers().take(count).collect();
        let low = |&number: &u128| number & u128::from(u64::MAX);
        let map = |shape: &dyn Fn(&u128) -> u128| random.iter().map(shape).collect::<Vec<_>>();
        let ascending = {
            let mut ascending = random.clone();
            ascending.sort_unstable();
            ascending
        };
        let mut outlier = map(&low);
        outlier[count / 2] = u128::MAX;
        let mut twice = random.clone();
        twice[count - 1] = twice[0];
        for numbers in [
            random.clone(),
            ascending.iter().rev().copied().collect(),
            ascending,
            outlier,
            twice,
            map(&|number| number % 40_000),
            map(&|number| number >> 120),
            map(&|_| 42),
            map(&|number| number >> 124 << 124 | low(number)),
            map(&|number| number >> (low(number) % 128)),
            map(&|number| 1 << (number % 127)),
            map(&|number| u128::MAX - (1 << (number % 127))),
        ] {
            let serials: Vec<_> = numbers.into_iter().map(SerialNumber::from_u128).collect();
            assert_sorted_as_plainly(&serials);
        }
    }
}
