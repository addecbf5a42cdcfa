//! The revoked set: exact, near the information-theoretic bound, searched in the stored octets.
//!
//! Serial numbers are split into classes by sign and length, which costs nothing since the length
//! follows from the value, and keeps short serial numbers from being stored like long ones. Each
//! class is one Elias–Fano sequence (`elias_fano`). For random 16-octet serial numbers that is
//! about 1 % over the bound `log2 C(2^128, n)`, and a look-up costs three or four cache misses.
//!
//! All integers are little-endian, numbers of 20 octets big-endian as in the certificate.
//!
//! ```text
//! struct {
//!     uint64  present;            // bit c: the set has members of class c; bits 41.. are 0
//!     Class   classes[popcount(present)];     // ascending
//!     opaque  sequences[];        // of each class in turn, see elias_fano
//! } RevokedSet;
//!
//! struct {
//!     uint32  count;              // > 0
//!     uint8   low_bits;           // follows from count and span
//!     uint8   zero[3];
//!     uint64  end;                // of this class's sequence, counted from the first sequence
//!     opaque  minimum[20];        // the least member
//!     opaque  span[20];           // the greatest member minus the least
//! } Class;
//! ```
//!
//! Class 0 is the number zero, 1 to 20 are positive numbers of that many octets, 20 + n are negative
//! numbers of n content octets. A set has exactly one encoding.

mod elias_fano;
mod wide;

use std::fmt;

use crate::serial::SerialNumber;
use elias_fano::{Sequence, Shape};
use wide::Wide;

/// Serial numbers, in the octets of their stored form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RevokedSet<D> {
    /// Checked by [`RevokedSet::decode`], or written by [`RevokedSet::from_serials`].
    octets: D,
}

impl RevokedSet<Vec<u8>> {
    /// Packs serial numbers, in any order, duplicates allowed. Sorts them in place: O(n log n).
    ///
    /// # Errors
    /// More than 2^32 − 1 of one length.
    pub fn from_serials(mut serials: Vec<SerialNumber>) -> Result<Self, SetError> {
        serials.sort_unstable();
        serials.dedup();
        let mut present = 0_u64;
        let mut classes = Vec::new();
        let mut sequences = Vec::new();
        for members in serials.chunk_by(|a, b| class(a) == class(b)) {
            let (minimum, maximum) = (
                Wide::from(&members[0]),
                Wide::from(&members[members.len() - 1]),
            );
            let shape =
                Shape::new(members.len(), maximum.minus(minimum)).ok_or(SetError::TooMany)?;
            let offsets = members
                .iter()
                .map(|member| Wide::from(member).minus(minimum));
            shape.write(offsets, &mut sequences);
            present |= 1 << class(&members[0]);
            classes.extend_from_slice(&shape.count().to_le_bytes());
            classes.extend_from_slice(&[shape.low_bits(), 0, 0, 0]);
            classes.extend_from_slice(
                &u64::try_from(sequences.len())
                    .map_err(|_| SetError::TooMany)?
                    .to_le_bytes(),
            );
            classes.extend_from_slice(&minimum.to_be_20());
            classes.extend_from_slice(&shape.span().to_be_20());
        }
        let octets = [&present.to_le_bytes()[..], &classes, &sequences].concat();
        Ok(Self { octets })
    }
}

impl<D: AsRef<[u8]>> RevokedSet<D> {
    /// Takes octets for a set after checking that they are the encoding of one: O(n), and no memory.
    ///
    /// # Errors
    /// They are not, or octets follow.
    pub fn decode(octets: D) -> Result<Self, SetError> {
        let set = Self { octets };
        set.check()?;
        Ok(set)
    }

    /// For octets that [`Self::decode`] has accepted before, as a part of a larger value. With any
    /// others the answers are meaningless, but there still are answers.
    pub(crate) const fn decoded_before(octets: D) -> Self {
        Self { octets }
    }

    /// Whether the number is in the set. O(log n) for any distribution, no allocation.
    #[inline]
    pub fn contains(&self, serial: &SerialNumber) -> bool {
        let Some((class, sequence)) = self.find(class(serial)) else {
            return false;
        };
        match Wide::from(serial).checked_minus(class.minimum) {
            Some(offset) => sequence.contains(offset),
            None => false,
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
        self.present() == 0
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

    /// The stored form.
    pub fn as_octets(&self) -> &[u8] {
        self.octets.as_ref()
    }

    /// The same set with octets of its own.
    pub fn to_owned(&self) -> RevokedSet<Vec<u8>> {
        RevokedSet {
            octets: self.as_octets().to_vec(),
        }
    }

    fn present(&self) -> u64 {
        self.as_octets()
            .first_chunk()
            .copied()
            .map_or(0, u64::from_le_bytes)
    }

    /// The class of that number and its sequence, if the set has members of it.
    #[inline]
    fn find(&self, number: u32) -> Option<(Class, Sequence<'_>)> {
        let present = self.present();
        if present & (1 << number) == 0 {
            return None;
        }
        self.class_at(present & ((1 << number) - 1), present)
    }

    fn classes(&self) -> impl Iterator<Item = (u32, Class, Sequence<'_>)> {
        let present = self.present();
        (0..CLASSES)
            .filter(move |number| present & (1 << number) != 0)
            .filter_map(move |number| {
                let (class, sequence) = self.class_at(present & ((1 << number) - 1), present)?;
                Some((number, class, sequence))
            })
    }

    /// The class that follows those whose bits are set in `before`.
    #[inline]
    fn class_at(&self, before: u64, present: u64) -> Option<(Class, Sequence<'_>)> {
        let octets = self.as_octets();
        let index = usize::try_from(before.count_ones()).ok()?;
        let count = usize::try_from(present.count_ones()).ok()?;
        let (header, sequences) = octets.split_at_checked(8 + count * Class::OCTETS)?;
        let at = 8 + index * Class::OCTETS;
        let class = Class::read(header.get(at..at + Class::OCTETS)?.first_chunk()?)?;
        let start = match index {
            0 => 0,
            _ => Class::end_of(header.get(at - Class::OCTETS..at)?.first_chunk()?)?,
        };
        Some((
            class,
            Sequence::new(class.shape, sequences.get(start..class.end)?),
        ))
    }

    fn check(&self) -> Result<(), SetError> {
        let octets = self.as_octets();
        let present = octets
            .first_chunk()
            .copied()
            .map(u64::from_le_bytes)
            .ok_or(SetError::Truncated)?;
        if present >= 1 << CLASSES {
            return Err(SetError::NotCanonical);
        }
        let count = usize::try_from(present.count_ones()).map_err(|_| SetError::Truncated)?;
        let header = 8 + count * Class::OCTETS;
        let sequences = octets.get(header..).ok_or(SetError::Truncated)?;
        let mut end = 0;
        for (index, number) in (0..CLASSES)
            .filter(|number| present & (1 << number) != 0)
            .enumerate()
        {
            let at = 8 + index * Class::OCTETS;
            let stored = octets[at..].first_chunk().ok_or(SetError::Truncated)?;
            let class = Class::read(stored).ok_or(SetError::NotCanonical)?;
            let least = serial_of_class(number, class.minimum);
            let greatest = class
                .minimum
                .plus(class.shape.span())
                .and_then(|maximum| serial_of_class(number, maximum));
            if least.is_none() || greatest.is_none() {
                return Err(SetError::NotCanonical);
            }
            let length = class.shape.octets().ok_or(SetError::Truncated)?;
            if class.end.checked_sub(end) != Some(length) {
                return Err(SetError::NotCanonical);
            }
            let sequence = sequences.get(end..class.end).ok_or(SetError::Truncated)?;
            if !Sequence::new(class.shape, sequence).is_canonical() {
                return Err(SetError::NotCanonical);
            }
            end = class.end;
        }
        if end == sequences.len() {
            Ok(())
        } else {
            Err(SetError::TrailingOctets)
        }
    }
}

impl<D: AsRef<[u8]>> fmt::Debug for RevokedSet<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RevokedSet {{ len: {}, octets: {} }}",
            self.len(),
            self.as_octets().len()
        )
    }
}

/// The description of one class, see the grammar above.
#[derive(Clone, Copy)]
struct Class {
    shape: Shape,
    minimum: Wide,
    end: usize,
}

impl Class {
    const OCTETS: usize = 56;

    /// `None` where the parts contradict each other.
    #[inline]
    fn read(stored: &[u8; Self::OCTETS]) -> Option<Self> {
        let count = u32::from_le_bytes(*stored.first_chunk()?);
        let [low_bits, 0, 0, 0] = stored[4..8] else {
            return None;
        };
        let span = Wide::from_be_20(stored[36..].first_chunk()?);
        let shape = Shape::stored(count, low_bits, span)?;
        let minimum = Wide::from_be_20(stored[16..].first_chunk()?);
        Some(Self {
            shape,
            minimum,
            end: Self::end_of(stored)?,
        })
    }

    #[inline]
    fn end_of(stored: &[u8; Self::OCTETS]) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(*stored[8..].first_chunk()?)).ok()
    }
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
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn serial(content: &[u8]) -> SerialNumber {
        SerialNumber::from_der_integer(content).unwrap()
    }

    fn packed(serials: &BTreeSet<SerialNumber>) -> RevokedSet<Vec<u8>> {
        RevokedSet::from_serials(serials.iter().copied().collect()).unwrap()
    }

    /// Every member is found, nothing else is, and the octets survive a round trip.
    fn assert_same(model: &BTreeSet<SerialNumber>, probes: impl IntoIterator<Item = SerialNumber>) {
        let set = packed(model);
        let decoded = RevokedSet::decode(set.as_octets()).expect("what was packed is canonical");
        assert_eq!(decoded.len(), u64::try_from(model.len()).unwrap());
        assert_eq!(decoded.is_empty(), model.is_empty());
        assert!(decoded.iter().eq(model.iter().copied()));
        for member in model {
            assert!(decoded.contains(member), "{member}");
        }
        for probe in probes {
            assert_eq!(decoded.contains(&probe), model.contains(&probe), "{probe}");
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
            let mut octets = packed(&model).as_octets().to_vec();
            for (index, value) in flips {
                let at = index.index(octets.len());
                octets[at] ^= value;
            }
            if let Ok(set) = RevokedSet::decode(&octets[..]) {
                let again = RevokedSet::from_serials(set.iter().collect()).unwrap();
                prop_assert_eq!(again.as_octets(), &octets[..]);
            }
        }

        #[test]
        fn any_octets_give_a_set_or_an_error(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = RevokedSet::decode(&octets[..]);
            // Even unchecked, a look-up ends.
            let _ = RevokedSet::decoded_before(&octets[..]).contains(&serial(&[0x42]));
        }
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
        let mut state = 1_u128;
        let mut random = || {
            state = state
                .wrapping_mul(0xda94_2042_e4dd_58b5)
                .wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed =
                (state ^ (state >> 64)).wrapping_mul(0xd6e8_feb8_6659_fd93_a076_1d64_78bd_642f);
            (mixed ^ (mixed >> 61)) | (1 << 127)
        };
        for (count, bound) in [(10_000, 14.519), (100_000, 14.104)] {
            let serials = (0..count)
                .map(|_| serial(&[&[0][..], &random().to_be_bytes()].concat()))
                .collect();
            let set = RevokedSet::from_serials(serials).unwrap();
            let octets = f64::from(u32::try_from(set.as_octets().len()).unwrap());
            let ratio = octets / f64::from(count) / bound;
            assert!(ratio < 1.02, "{count}: {ratio}");
        }
    }

    #[test]
    fn octets_after_the_end_are_refused() {
        let mut octets = packed(&BTreeSet::from([serial(&[7])])).as_octets().to_vec();
        octets.push(0);
        assert_eq!(
            RevokedSet::decode(&octets[..]),
            Err(SetError::TrailingOctets)
        );
        assert_eq!(RevokedSet::decode(&octets[..5]), Err(SetError::Truncated));
    }
}
