//! Unsigned integers of up to 192 bits: room for 20 octets and the carry of an addition.

use crate::serial::SerialNumber;

/// The derived order is that of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wide {
    high: u64,
    low: u128,
}

impl Wide {
    pub(super) const ZERO: Self = Self { high: 0, low: 0 };

    #[inline]
    pub(super) fn from_be_20(octets: &[u8; 20]) -> Self {
        let mut high = [0; 4];
        let mut low = [0; 16];
        high.copy_from_slice(&octets[..4]);
        low.copy_from_slice(&octets[4..]);
        Self {
            high: u64::from(u32::from_be_bytes(high)),
            low: u128::from_be_bytes(low),
        }
    }

    /// The low 160 bits.
    pub(super) fn to_be_20(self) -> [u8; 20] {
        let mut octets = [0; 20];
        octets[..4].copy_from_slice(&self.high.to_be_bytes()[4..]);
        octets[4..].copy_from_slice(&self.low.to_be_bytes());
        octets
    }

    /// From three words, least significant first, as [`super::elias_fano`] stores them.
    #[inline]
    pub(super) fn from_low_first(words: [u64; 3]) -> Self {
        Self {
            high: words[2],
            low: u128::from(words[1]) << 64 | u128::from(words[0]),
        }
    }

    /// Least significant word first.
    pub(super) fn to_low_first(self) -> [u64; 3] {
        [low_word(self.low), low_word(self.low >> 64), self.high]
    }

    /// `None` above 20 octets, where no serial number is.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let (low, carry) = self.low.overflowing_add(other.low);
        let high = self
            .high
            .checked_add(other.high)?
            .checked_add(u64::from(carry))?;
        (high >> 32 == 0).then_some(Self { high, low })
    }

    #[inline]
    pub(super) fn checked_minus(self, other: Self) -> Option<Self> {
        (self >= other).then(|| self.minus(other))
    }

    /// Wraps below zero: for values known to be in order.
    #[inline]
    pub(super) const fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        let high = self.high.wrapping_sub(other.high);
        Self {
            high: if borrow { high.wrapping_sub(1) } else { high },
            low,
        }
    }

    /// `self >> bits`, if it fits into 64 bits.
    #[inline]
    pub(super) fn shifted_down(self, bits: u8) -> Option<u64> {
        let shifted = self.shift_right(bits);
        match u64::try_from(shifted.low) {
            Ok(word) if shifted.high == 0 => Some(word),
            _ => None,
        }
    }

    /// The low `bits` bits.
    #[inline]
    pub(super) fn low(self, bits: u8) -> Self {
        let bits = u32::from(bits);
        match bits.checked_sub(128) {
            None => Self {
                high: 0,
                low: self.low & !u128::MAX.checked_shl(bits).unwrap_or(0),
            },
            Some(bits) => Self {
                high: self.high & !u64::MAX.checked_shl(bits).unwrap_or(0),
                low: self.low,
            },
        }
    }

    #[inline]
    pub(super) fn shift_right(self, bits: u8) -> Self {
        let bits = u32::from(bits);
        match bits {
            0..=127 if self.high == 0 => Self {
                high: 0,
                low: self.low >> bits,
            },
            0 => self,
            1..=127 => Self {
                high: self.high.checked_shr(bits).unwrap_or(0),
                low: self.low >> bits | u128::from(self.high) << (128 - bits),
            },
            _ => Self {
                high: 0,
                low: u128::from(self.high.checked_shr(bits - 128).unwrap_or(0)),
            },
        }
    }

    /// `high << bits | self`, for a number of `bits` bits.
    #[inline]
    pub(super) fn with_high(self, high: u64, bits: u8) -> Self {
        let bits = u32::from(bits);
        let high = u128::from(high);
        match bits {
            0 => Self {
                high: self.high,
                low: self.low | high,
            },
            1..=127 => Self {
                high: self.high | low_word(high >> (128 - bits)),
                low: self.low | high << bits,
            },
            _ => Self {
                high: self.high | low_word(high.checked_shl(bits - 128).unwrap_or(0)),
                low: self.low,
            },
        }
    }

    /// The position after the highest one bit.
    pub(super) const fn bit_length(self) -> u32 {
        match self.high {
            0 => 128 - self.low.leading_zeros(),
            high => 192 - high.leading_zeros(),
        }
    }
}

/// The low 64 bits.
#[inline]
fn low_word(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or(0)
}

impl From<&SerialNumber> for Wide {
    #[inline]
    fn from(serial: &SerialNumber) -> Self {
        Self::from_be_20(serial.padded())
    }
}

impl From<u128> for Wide {
    #[inline]
    fn from(low: u128) -> Self {
        Self { high: 0, low }
    }
}

impl From<u64> for Wide {
    fn from(value: u64) -> Self {
        Self {
            high: 0,
            low: u128::from(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn small(low: u128) -> Wide {
        Wide { high: 0, low }
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
            prop_assert_eq!(Wide::from_low_first(value.to_low_first()), value);
            if let Some(high) = value.shifted_down(bits) {
                prop_assert_eq!(value.low(bits).with_high(high, bits), value);
            }
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
        assert_eq!(greatest.plus(Wide::from(1_u64)), None);
        assert_eq!(greatest.plus(Wide::ZERO), Some(greatest));
    }
}
