//! Unsigned integers of up to 192 bits: room for 20 octets and the carry of an addition.

use crate::serial::SerialNumber;

/// Most significant word first, so that the derived order is that of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wide([u64; 3]);

impl Wide {
    pub(super) const ZERO: Self = Self([0; 3]);

    pub(super) fn from_be_20(octets: &[u8; 20]) -> Self {
        let mut padded = [0; 24];
        padded[4..].copy_from_slice(octets);
        Self::from_be_24(&padded)
    }

    /// The low 160 bits.
    pub(super) fn to_be_20(self) -> [u8; 20] {
        let [high, middle, low] = self.0.map(u64::to_be_bytes);
        let mut octets = [0; 20];
        octets[..4].copy_from_slice(&high[4..]);
        octets[4..12].copy_from_slice(&middle);
        octets[12..].copy_from_slice(&low);
        octets
    }

    /// From three words, least significant first, as [`super::elias_fano`] stores them.
    pub(super) const fn from_low_first(words: [u64; 3]) -> Self {
        Self([words[2], words[1], words[0]])
    }

    /// Least significant word first.
    pub(super) const fn to_low_first(self) -> [u64; 3] {
        [self.0[2], self.0[1], self.0[0]]
    }

    /// `None` above 20 octets, where no serial number is.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let [a, b] = [self.to_low_first(), other.to_low_first()];
        let (low, carry) = a[0].overflowing_add(b[0]);
        let (middle, carry_1) = a[1].overflowing_add(b[1]);
        let (middle, carry_2) = middle.overflowing_add(u64::from(carry));
        let high = a[2]
            .checked_add(b[2])?
            .checked_add(u64::from(carry_1 | carry_2))?;
        (high >> 32 == 0).then_some(Self([high, middle, low]))
    }

    #[inline]
    pub(super) fn checked_minus(self, other: Self) -> Option<Self> {
        (self >= other).then(|| self.minus(other))
    }

    /// Wraps below zero: for values known to be in order.
    #[inline]
    pub(super) fn minus(self, other: Self) -> Self {
        let [a, b] = [self.to_low_first(), other.to_low_first()];
        let (low, borrow) = a[0].overflowing_sub(b[0]);
        let (middle, borrow_1) = a[1].overflowing_sub(b[1]);
        let (middle, borrow_2) = middle.overflowing_sub(u64::from(borrow));
        let high = a[2]
            .wrapping_sub(b[2])
            .wrapping_sub(u64::from(borrow_1 | borrow_2));
        Self([high, middle, low])
    }

    /// `self >> bits`, if it fits into 64 bits.
    #[inline]
    pub(super) fn shifted_down(self, bits: u8) -> Option<u64> {
        let shifted = self.shift_right(bits);
        (shifted.0[0] == 0 && shifted.0[1] == 0).then_some(shifted.0[2])
    }

    /// The low `bits` bits.
    #[inline]
    pub(super) fn low(self, bits: u8) -> Self {
        let mask = |word: usize| {
            let from = word * 64;
            match usize::from(bits).saturating_sub(from) {
                0 => 0,
                kept @ 1..=63 => (1_u64 << kept) - 1,
                _ => u64::MAX,
            }
        };
        Self([
            self.0[0] & mask(2),
            self.0[1] & mask(1),
            self.0[2] & mask(0),
        ])
    }

    #[inline]
    pub(super) fn shift_right(self, bits: u8) -> Self {
        let words = self.to_low_first();
        let (skip, shift) = (usize::from(bits / 64), u32::from(bits % 64));
        let word = |index: usize| words.get(index + skip).copied().unwrap_or(0);
        let shifted = |index: usize| match shift {
            0 => word(index),
            _ => (word(index) >> shift) | (word(index + 1) << (64 - shift)),
        };
        Self::from_low_first([shifted(0), shifted(1), shifted(2)])
    }

    /// `high << bits | self`, for a number of `bits` bits.
    #[inline]
    pub(super) fn with_high(self, high: u64, bits: u8) -> Self {
        let (skip, shift) = (usize::from(bits / 64), u32::from(bits % 64));
        let mut words = self.to_low_first();
        let above = high.checked_shr(64 - shift).unwrap_or(0);
        for (index, part) in [(skip, high << shift), (skip + 1, above)] {
            if let Some(word) = words.get_mut(index) {
                *word |= part;
            }
        }
        Self::from_low_first(words)
    }

    /// The position after the highest one bit.
    pub(super) fn bit_length(self) -> u32 {
        match self.0 {
            [0, 0, low] => 64 - low.leading_zeros(),
            [0, middle, _] => 128 - middle.leading_zeros(),
            [high, ..] => 192 - high.leading_zeros(),
        }
    }

    fn from_be_24(octets: &[u8; 24]) -> Self {
        let word = |at: usize| {
            octets[at..]
                .first_chunk()
                .copied()
                .map_or(0, u64::from_be_bytes)
        };
        Self([word(0), word(8), word(16)])
    }
}

impl From<&SerialNumber> for Wide {
    #[inline]
    fn from(serial: &SerialNumber) -> Self {
        Self::from_be_20(serial.padded())
    }
}

impl From<u64> for Wide {
    fn from(value: u64) -> Self {
        Self([0, 0, value])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small(value: u128) -> Wide {
        let (high, low) = (
            (value >> 64) & u128::from(u64::MAX),
            value & u128::from(u64::MAX),
        );
        Wide([0, u64::try_from(high).unwrap(), u64::try_from(low).unwrap()])
    }

    proptest! {
        #[test]
        fn agrees_with_u128(a: u128, b: u128, bits in 0_u8..128) {
            let (least, greatest) = (a.min(b), a.max(b));
            prop_assert_eq!(small(greatest).minus(small(least)), small(greatest - least));
            prop_assert_eq!(small(least).checked_minus(small(greatest)).is_some(), a == b);
            if let Some(sum) = a.checked_add(b) {
                prop_assert_eq!(small(a).plus(small(b)), Some(small(sum)));
            }
            prop_assert_eq!(small(a).shift_right(bits), small(a >> bits));
            prop_assert_eq!(small(a).low(bits), small(a & ((1 << bits) - 1)));
            prop_assert_eq!(small(a).bit_length(), 128 - a.leading_zeros());
        }

        #[test]
        fn twenty_octets_survive(octets: [u8; 20], bits in 0_u8..=160) {
            let value = Wide::from_be_20(&octets);
            prop_assert_eq!(value.to_be_20(), octets);
            let high = value.shift_right(bits).to_be_20();
            let low = value.low(bits).to_be_20();
            // What is shifted out and what stays are the two halves of the number.
            for bit in 0..160_usize {
                let read = |octets: &[u8; 20], bit: usize| octets[19 - bit / 8] >> (bit % 8) & 1;
                let expected = read(&octets, bit);
                let found = match bit.checked_sub(usize::from(bits)) {
                    Some(shifted) => read(&high, shifted),
                    None => read(&low, bit),
                };
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn sums_over_twenty_octets_are_refused() {
        let greatest = Wide::from_be_20(&[0xff; 20]);
        assert_eq!(greatest.plus(Wide::from(1)), None);
        assert_eq!(greatest.plus(Wide::ZERO), Some(greatest));
    }
}
