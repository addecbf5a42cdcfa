//! The revoked set: exact, near the information-theoretic bound, searched in the stored octets.
//!
//! Serial numbers are split into classes by sign and length, which costs nothing since the length
//! follows from the value, and keeps short serial numbers from being stored like long ones. Each
//! class is one Elias–Fano sequence (`elias_fano`). For random 16-octet serial numbers that is
//! about 1 % over the bound `log2 C(2^128, n)`, and a look-up costs three or four cache misses.
//!
//! A set is in two planes. The first one can be searched while the second, nine tenths of it, is
//! still on its way: then it answers nearly always. Both together answer always.
//!
//! All integers are little-endian, numbers of 20 octets big-endian as in the certificate.
//!
//! ```text
//! struct {
//!     uint64      present;        // bit c: the set has members of class c; bits 41.. are 0
//!     Class       classes[popcount(present)];     // ascending
//!     FirstPlane  sequences[];    // of each class in turn, see elias_fano
//! } FirstPlaneOfSet;
//!
//! struct {
//!     SecondPlane sequences[];    // of each class in turn
//! } SecondPlaneOfSet;
//!
//! struct {
//!     uint32  count;              // > 0
//!     uint8   low_bits;           // follows from count and span
//!     uint8   zero[3];
//!     uint64  first_end;          // of this class's sequence, counted from the first sequence
//!     uint64  second_end;         // the same in the second plane
//!     opaque  minimum[20];        // the least member
//!     opaque  span[20];           // the greatest member minus the least
//! } Class;
//! ```
//!
//! Class 0 is the number zero, 1 to 20 are positive numbers of that many octets, 20 + n are negative
//! numbers of n content octets. A set has exactly one encoding.

mod elias_fano;
mod pack;
mod wide;

use std::cmp::Ordering;
use std::fmt;

use crate::serial::SerialNumber;
use elias_fano::{Sequence, Shape};
use wide::Wide;

/// Serial numbers, in the octets of their stored form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RevokedSet<D> {
    /// Checked by [`RevokedSet::decode`], or written by [`RevokedSet::pack`].
    first: D,
    /// The same; or empty, where only the first plane is there.
    second: D,
}

impl<D: AsRef<[u8]>> RevokedSet<D> {
    /// Takes the octets of two planes for a set after checking that they are the encoding of one:
    /// O(n), and no memory.
    ///
    /// # Errors
    /// They are not, or octets follow.
    pub fn decode(first: D, second: D) -> Result<Self, SetError> {
        let set = Self { first, second };
        let second_octets = check_classes(set.first.as_ref())?;
        match set.second.as_ref().len().cmp(&second_octets) {
            Ordering::Less => return Err(SetError::Truncated),
            Ordering::Equal => {}
            Ordering::Greater => return Err(SetError::TrailingOctets),
        }
        let is_canonical = set
            .classes()
            .all(|(_, _, sequence)| sequence.is_canonical());
        if is_canonical {
            Ok(set)
        } else {
            Err(SetError::NotCanonical)
        }
    }

    /// For octets whose classes [`check_classes`] has accepted before, as a part of a larger value;
    /// `second` may be empty. With any others the answers are meaningless, but there still are
    /// answers.
    pub(crate) const fn checked_before(first: D, second: D) -> Self {
        Self { first, second }
    }

    /// Whether the number is in the set. O(log n) for any distribution, no allocation.
    #[inline]
    pub fn contains(&self, serial: &SerialNumber) -> bool {
        // A whole set always knows. Should it not, nobody is let in by that.
        self.find(serial).unwrap_or(true)
    }

    /// As [`Self::contains`]; `None`: only the second plane can tell, and it is missing.
    #[inline]
    pub(crate) fn find(&self, serial: &SerialNumber) -> Option<bool> {
        let Some((class, sequence)) = self.class(class(serial)) else {
            return Some(false);
        };
        match Wide::from(serial).checked_minus(class.minimum) {
            Some(offset) => sequence.find(offset),
            None => Some(false),
        }
    }

    /// How many numbers are in the set.
    pub fn len(&self) -> u64 {
        self.classes()
            .map(|(_, class, _)| u64::from(class.shape.count()))
            .sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        present(self.first.as_ref()) == 0
    }

    /// The members in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = SerialNumber> + '_ {
        self.classes().flat_map(|(number, class, sequence)| {
            let minimum = class.minimum;
            sequence
                .iter()
                .filter_map(move |offset| serial_of_class(number, minimum.plus(offset)?))
        })
    }

    /// The first plane in its stored form.
    pub fn first_plane(&self) -> &[u8] {
        self.first.as_ref()
    }

    /// The second plane in its stored form.
    pub fn second_plane(&self) -> &[u8] {
        self.second.as_ref()
    }

    /// The same set with octets of its own.
    pub fn to_owned(&self) -> RevokedSet<Vec<u8>> {
        RevokedSet {
            first: self.first_plane().to_vec(),
            second: self.second_plane().to_vec(),
        }
    }

    /// The class of that number and its sequence, if the set has members of it.
    #[inline]
    fn class(&self, number: u32) -> Option<(Class, Sequence<'_>)> {
        let present = present(self.first.as_ref());
        if present & (1 << number) == 0 {
            return None;
        }
        self.class_at(present & ((1 << number) - 1), present)
    }

    fn classes(&self) -> impl Iterator<Item = (u32, Class, Sequence<'_>)> {
        let present = present(self.first.as_ref());
        classes_of(present).filter_map(move |number| {
            let (class, sequence) = self.class_at(present & ((1 << number) - 1), present)?;
            Some((number, class, sequence))
        })
    }

    /// The class that follows those whose bits are set in `before`.
    #[inline]
    fn class_at(&self, before: u64, present: u64) -> Option<(Class, Sequence<'_>)> {
        let index = usize::try_from(before.count_ones()).ok()?;
        let count = usize::try_from(present.count_ones()).ok()?;
        let (header, sequences) = self
            .first
            .as_ref()
            .split_at_checked(8 + count * Class::OCTETS)?;
        let at = 8 + index * Class::OCTETS;
        let class = Class::read(header.get(at..)?.first_chunk()?);
        let (first_start, second_start) = match index {
            0 => (0, 0),
            _ => Class::read(header.get(at - Class::OCTETS..)?.first_chunk()?).ends(),
        };
        let (first_end, second_end) = class.ends();
        let first = sequences.get(first_start..first_end)?;
        let second = self.second.as_ref().get(second_start..second_end);
        let sequence = Sequence::new(class.shape, first, second.unwrap_or_default());
        Some((class, sequence))
    }
}

/// Checks everything of a set's first plane but the sequences, and how long these are: O(1).
/// Returns how many octets the second plane has.
///
/// # Errors
/// The octets are not of a first plane, or octets follow.
pub(crate) fn check_classes(first: &[u8]) -> Result<usize, SetError> {
    let octets = first.first_chunk().ok_or(SetError::Truncated)?;
    let present = u64::from_le_bytes(*octets);
    if present >= 1 << CLASSES {
        return Err(SetError::NotCanonical);
    }
    let count = usize::try_from(present.count_ones()).map_err(|_| SetError::Truncated)?;
    let sequences = first
        .get(8 + count * Class::OCTETS..)
        .ok_or(SetError::Truncated)?;
    let (mut first_end, mut second_end) = (0_usize, 0_usize);
    for (index, number) in classes_of(present).enumerate() {
        let stored = first.get(8 + index * Class::OCTETS..);
        let stored = stored
            .and_then(|stored| stored.first_chunk())
            .ok_or(SetError::Truncated)?;
        let class = Class::read(stored);
        let greatest = class.minimum.plus(class.shape.span());
        let is_possible = stored[5..8] == [0; 3]
            && class.shape.is_possible()
            && serial_of_class(number, class.minimum).is_some()
            && greatest.is_some_and(|greatest| serial_of_class(number, greatest).is_some());
        if !is_possible {
            return Err(SetError::NotCanonical);
        }
        first_end = class
            .shape
            .first_octets()
            .and_then(|octets| first_end.checked_add(octets))
            .ok_or(SetError::Truncated)?;
        second_end = second_end
            .checked_add(class.shape.second_octets())
            .ok_or(SetError::Truncated)?;
        if class.ends() != (first_end, second_end) {
            return Err(SetError::NotCanonical);
        }
    }
    match sequences.len().cmp(&first_end) {
        Ordering::Less => Err(SetError::Truncated),
        Ordering::Equal => Ok(second_end),
        Ordering::Greater => Err(SetError::TrailingOctets),
    }
}

#[inline]
fn present(first: &[u8]) -> u64 {
    first.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

/// The numbers of the classes whose bits are set.
fn classes_of(present: u64) -> impl Iterator<Item = u32> {
    (0..CLASSES).filter(move |number| present & (1 << number) != 0)
}

impl<D: AsRef<[u8]>> fmt::Debug for RevokedSet<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RevokedSet {{ len: {}, octets: {} + {} }}",
            self.len(),
            self.first_plane().len(),
            self.second_plane().len()
        )
    }
}

/// The description of one class, see the grammar above.
#[derive(Clone, Copy)]
struct Class {
    shape: Shape,
    minimum: Wide,
    first_end: u64,
    second_end: u64,
}

impl Class {
    const OCTETS: usize = 64;

    /// Takes the parts as they are. See [`check_classes`].
    #[inline]
    fn read(stored: &[u8; Self::OCTETS]) -> Self {
        let count = u32::from_le_bytes(part(stored, 0));
        let [low_bits] = part(stored, 4);
        Self {
            shape: Shape::stored(count, low_bits, Wide::from_be_20(&part(stored, 44))),
            minimum: Wide::from_be_20(&part(stored, 24)),
            first_end: u64::from_le_bytes(part(stored, 8)),
            second_end: u64::from_le_bytes(part(stored, 16)),
        }
    }

    /// Where its sequence ends in both planes.
    #[inline]
    fn ends(&self) -> (usize, usize) {
        let end = |end| usize::try_from(end).unwrap_or(usize::MAX);
        (end(self.first_end), end(self.second_end))
    }
}

/// `N` octets from `at`, which must be among those of the class.
#[inline]
fn part<const N: usize>(stored: &[u8; Class::OCTETS], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&stored[at..at + N]);
    part
}

/// The class of a serial number: 0 to 20 by length, 21 to 40 where it is negative.
#[inline]
fn class(serial: &SerialNumber) -> u32 {
    let length = u32::try_from(serial.octets().len()).unwrap_or(0);
    if serial.is_negative() {
        20 + length
    } else {
        length
    }
}

/// The serial number of that class with those octets, `None` where they belong to another class.
fn serial_of_class(number: u32, value: Wide) -> Option<SerialNumber> {
    let octets = value.to_be_20();
    let first = octets
        .iter()
        .position(|&octet| octet != 0)
        .unwrap_or(octets.len());
    let magnitude = &octets[first..];
    let serial = if number <= 20 {
        SerialNumber::from_parts(false, magnitude)?
    } else {
        SerialNumber::from_der_integer(magnitude)
            .ok()
            .filter(SerialNumber::is_negative)?
    };
    (class(&serial) == number).then_some(serial)
}

const CLASSES: u32 = 41;

/// Why octets are not a revoked set, or serial numbers cannot become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// A value contradicts another or is not in its one form.
    NotCanonical,
    /// More than 2^32 − 1 serial numbers of one length.
    TooMany,
    /// Octets follow the end of the set.
    TrailingOctets,
    /// The octets end before the set does.
    Truncated,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCanonical => "the revoked set is not in its canonical form",
            Self::TooMany => "the revoked set has more than 2^32 - 1 serial numbers of one length",
            Self::TrailingOctets => "octets follow the end of the revoked set",
            Self::Truncated => "the revoked set is cut short",
        })
    }
}

impl std::error::Error for SetError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serials::tests::random_numbers;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn serial(content: &[u8]) -> SerialNumber {
        SerialNumber::from_der_integer(content).unwrap()
    }

    fn packed(serials: &BTreeSet<SerialNumber>) -> RevokedSet<Vec<u8>> {
        let set = RevokedSet::from_serials(serials.iter().copied().collect()).unwrap();
        assert_eq!(set, packed_plainly(serials));
        set
    }

    /// One number at a time, each as one of 20 octets.
    fn packed_plainly(serials: &BTreeSet<SerialNumber>) -> RevokedSet<Vec<u8>> {
        let serials: Vec<_> = serials.iter().copied().collect();
        let mut present = 0_u64;
        let (mut classes, mut sequences, mut second) = (Vec::new(), Vec::new(), Vec::new());
        for members in serials.chunk_by(|a, b| class(a) == class(b)) {
            let minimum = Wide::from(&members[0]);
            let span = Wide::from(&members[members.len() - 1]).minus(minimum);
            let shape = Shape::new(members.len(), span).unwrap();
            let offsets = members
                .iter()
                .map(|member| Wide::from(member).minus(minimum));
            shape.write(offsets, &mut sequences, &mut second);
            present |= 1 << class(&members[0]);
            classes.extend_from_slice(&shape.count().to_le_bytes());
            classes.extend_from_slice(&[shape.low_bits(), 0, 0, 0]);
            for end in [sequences.len(), second.len()] {
                classes.extend_from_slice(&u64::try_from(end).unwrap().to_le_bytes());
            }
            classes.extend_from_slice(&minimum.to_be_20());
            classes.extend_from_slice(&span.to_be_20());
        }
        let first = [&present.to_le_bytes()[..], &classes, &sequences].concat();
        RevokedSet { first, second }
    }

    /// Serial numbers of 16 octets that look random and are the same at each run.
    fn random_serials() -> impl Iterator<Item = SerialNumber> {
        random_numbers().map(|number| SerialNumber::from_u128(number | 1 << 127))
    }

    /// Every member is found, nothing else is, and the octets survive a round trip.
    fn assert_same(model: &BTreeSet<SerialNumber>, probes: impl IntoIterator<Item = SerialNumber>) {
        let set = packed(model);
        let decoded = RevokedSet::decode(set.first_plane(), set.second_plane());
        let decoded = decoded.expect("what was packed is canonical");
        let first = RevokedSet::checked_before(set.first_plane(), &[]);
        assert_eq!(decoded.len(), u64::try_from(model.len()).unwrap());
        assert_eq!(decoded.is_empty(), model.is_empty());
        assert!(decoded.iter().eq(model.iter().copied()));
        for member in model {
            assert!(decoded.contains(member), "{member}");
            assert_ne!(first.find(member), Some(false), "{member}");
        }
        for probe in probes {
            assert_eq!(decoded.contains(&probe), model.contains(&probe), "{probe}");
            let early = first.find(&probe);
            assert!(
                early.is_none_or(|found| found == model.contains(&probe)),
                "{probe}"
            );
        }
    }

    /// Serial numbers of every length and sign; many of them close to each other.
    fn any_serial() -> impl Strategy<Value = SerialNumber> {
        let random = prop::collection::vec(any::<u8>(), 1..=21);
        let clustered =
            (1..=20_usize, any::<u16>(), any::<bool>()).prop_map(|(length, low, high)| {
                let mut content = vec![if high { 0x80 } else { 0x11 }; length.max(3)];
                let end = content.len();
                content[end - 2..].copy_from_slice(&low.to_be_bytes());
                content
            });
        prop_oneof![random, clustered].prop_filter_map("not a serial number", |content| {
            SerialNumber::from_der_integer(&content).ok()
        })
    }

    proptest! {
        #[test]
        fn equals_a_btree_set(
            model in prop::collection::btree_set(any_serial(), 0..300),
            probes in prop::collection::vec(any_serial(), 0..100),
        ) {
            let near = model.iter().flat_map(|serial| {
                let mut content = vec![u8::from(serial.is_negative()) * 0xff];
                content.extend_from_slice(serial.octets());
                let last = content.len() - 1;
                [1_u8, 0xff].map(|step| {
                    let mut content = content.clone();
                    content[last] = content[last].wrapping_add(step);
                    SerialNumber::from_der_integer(&content[1..])
                })
            });
            assert_same(&model, near.flatten().chain(probes).collect::<Vec<_>>());
        }

        #[test]
        fn what_decodes_encodes_to_the_same_octets(
            model in prop::collection::btree_set(any_serial(), 0..40),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let set = packed(&model);
            let middle = set.first_plane().len();
            let mut octets = [set.first_plane(), set.second_plane()].concat();
            for (index, value) in flips {
                let at = index.index(octets.len());
                octets[at] ^= value;
            }
            let (first, second) = octets.split_at(middle);
            if let Ok(set) = RevokedSet::decode(first, second) {
                let again = RevokedSet::from_serials(set.iter().collect()).unwrap();
                prop_assert_eq!((again.first_plane(), again.second_plane()), (first, second));
            }
        }

        #[test]
        fn any_octets_give_a_set_or_an_error(
            first in prop::collection::vec(any::<u8>(), 0..300),
            second in prop::collection::vec(any::<u8>(), 0..50),
            present in 0..CLASSES,
        ) {
            let _ = RevokedSet::decode(&first[..], &second);
            // Even unchecked, a look-up ends.
            let mut first = first;
            first.splice(..first.len().min(8), (1_u64 << present).to_le_bytes());
            let members = [&[0x42][..], &[0x42; 8], &[0x42; 16], &[0x42; 20], &[0x82; 16]];
            for member in members {
                let _ = RevokedSet::checked_before(&first[..], &second).contains(&serial(member));
            }
        }
    }

    #[test]
    fn the_first_plane_alone_answers_nearly_always() {
        let mut numbers = random_serials();
        let members: BTreeSet<_> = numbers.by_ref().take(5000).collect();
        let set = packed(&members);
        let first = RevokedSet::checked_before(set.first_plane(), &[]);
        assert!(members.iter().all(|member| first.find(member).is_none()));
        let others = numbers.take(5000);
        let unanswered = others.filter(|other| first.find(other).is_none()).count();
        assert!((1..60).contains(&unanswered), "{unanswered} of 5000");
    }

    #[test]
    fn runs_steps_and_outliers_are_found() {
        let counted = |numbers: Vec<u64>| {
            numbers
                .into_iter()
                .map(|number| serial(&[&[0x01][..], &number.to_be_bytes()].concat()))
                .collect()
        };
        for model in [
            counted((0..5000).collect()),
            counted((0..5000).map(|number| number * 1000).collect()),
            // One bucket holds nearly everything: a scan of its run would be linear.
            counted((0..5000).chain([u64::MAX]).collect()),
            counted(
                [0].into_iter()
                    .chain((0..5000).map(|number| u64::MAX - number))
                    .collect(),
            ),
            counted(
                (0..2000)
                    .chain((0..2000).map(|number| 1 << 40 | number))
                    .collect(),
            ),
        ] {
            let probes = (0..6000)
                .map(|number: u64| serial(&[&[0x01][..], &(number * 500).to_be_bytes()].concat()));
            assert_same(&model, probes);
        }
    }

    #[test]
    fn the_size_stays_within_two_percent_of_the_information_bound() {
        // log2 C(2^128, n) / n bits, from Stirling: 128 - log2 n + log2 e - log2(2 pi n) / 2 n.
        for (count, bound) in [(10_000, 14.519), (100_000, 14.104)] {
            let serials = random_serials().take(count).collect();
            let set = RevokedSet::from_serials(serials).unwrap();
            let octets = set.first_plane().len() + set.second_plane().len();
            let float = |value: usize| f64::from(u32::try_from(value).unwrap());
            let ratio = float(octets) / float(count) / bound;
            assert!(ratio < 1.02, "{count}: {ratio}");
        }
    }

    #[test]
    fn octets_after_the_end_are_refused() {
        let set = packed(&BTreeSet::from([serial(&[7]), serial(&[0x11; 16])]));
        let (first, second) = (set.first_plane(), set.second_plane());
        let longer = |octets: &[u8]| [octets, &[0]].concat();
        let decode = |first: &[u8], second: &[u8]| RevokedSet::decode(first, second).map(|_| ());
        assert_eq!(decode(first, second), Ok(()));
        assert_eq!(
            decode(&longer(first), second),
            Err(SetError::TrailingOctets)
        );
        assert_eq!(
            decode(first, &longer(second)),
            Err(SetError::TrailingOctets)
        );
        assert_eq!(decode(&first[..5], second), Err(SetError::Truncated));
    }
}
