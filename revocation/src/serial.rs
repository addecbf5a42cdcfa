//! Serial numbers: the value of a DER INTEGER and nothing else.
//!
//! API Gateway's event also carries the serial as text, decimal in some AWS documents and colon-hex
//! in others. A digits-only string is ambiguous between the two, so no text is ever parsed here.

use std::fmt;

use crate::hex::hex;

/// A certificate's serial number (RFC 5280 §4.1.2.2): the value of its INTEGER.
///
/// Positive numbers up to 20 octets, as the RFC demands of users, and negative ones up to 20
/// octets, which it asks users to be "prepared to gracefully handle". Two serial numbers are equal
/// exactly when the INTEGERs have the same value. The order is that of the revoked set: zero and
/// positive numbers by value, then negative ones by length and content octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SerialNumber {
    // The derived order compares the sign, then the length, then the octets.
    negative: bool,
    length: u8,
    /// Right-aligned, big-endian: the magnitude of a non-negative number without leading zeros, the
    /// content octets (two's complement) of a negative one.
    octets: [u8; Self::MAX_OCTETS],
}

impl SerialNumber {
    /// The longest serial number that conforming CAs use (RFC 5280 §4.1.2.2).
    pub const MAX_OCTETS: usize = 20;

    /// From the content octets of a DER INTEGER: big-endian two's complement, shortest form.
    ///
    /// # Errors
    /// No octets, a redundant first octet, or more than 20 octets of value.
    pub fn from_der_integer(content: &[u8]) -> Result<Self, SerialNumberError> {
        let minimal = match content {
            [] => return Err(SerialNumberError::Empty),
            [0x00, next, ..] => *next >= 0x80,
            [0xff, next, ..] => *next < 0x80,
            _ => true,
        };
        if !minimal {
            return Err(SerialNumberError::NotMinimal);
        }
        let negative = content[0] >= 0x80;
        let value = match content {
            [0x00, value @ ..] => value,
            value => value,
        };
        Self::from_parts(negative, value).ok_or(SerialNumberError::TooLong {
            octets: value.len(),
        })
    }

    /// The octets of the value, most significant first: the magnitude without leading zeros (none
    /// for zero), or a negative number's content octets.
    pub fn octets(&self) -> &[u8] {
        &self.octets[Self::MAX_OCTETS - usize::from(self.length)..]
    }

    /// Whether the number is below zero.
    pub const fn is_negative(&self) -> bool {
        self.negative
    }

    /// From the magnitude of a number that is not negative, most significant octet first; leading zeros
    /// make no difference. `None`: more than 20 octets are left without them.
    pub fn from_magnitude(octets: &[u8]) -> Option<Self> {
        let zeros = octets.iter().take_while(|octet| **octet == 0).count();
        Self::from_parts(false, &octets[zeros..])
    }

    /// `value` must have no redundant first octet; checked by the callers.
    pub(crate) fn from_parts(negative: bool, value: &[u8]) -> Option<Self> {
        let start = Self::MAX_OCTETS.checked_sub(value.len())?;
        let mut octets = [0; Self::MAX_OCTETS];
        octets[start..].copy_from_slice(value);
        Some(Self {
            negative,
            length: u8::try_from(value.len()).ok()?,
            octets,
        })
    }

    /// Of that value.
    pub(crate) fn from_u128(value: u128) -> Self {
        let mut octets = [0; Self::MAX_OCTETS];
        octets[Self::MAX_OCTETS - 16..].copy_from_slice(&value.to_be_bytes());
        let bits = 128 - value.leading_zeros();
        Self {
            negative: false,
            length: u8::try_from(bits.div_ceil(8)).unwrap_or(u8::MAX),
            octets,
        }
    }

    /// The value, unless it is negative or has more than 16 octets.
    pub(crate) fn to_u128(self) -> Option<u128> {
        let is_short = !self.negative && self.length <= 16;
        let octets = self.octets.last_chunk().copied()?;
        is_short.then_some(u128::from_be_bytes(octets))
    }

    /// All 20 octets, right-aligned.
    pub(crate) const fn padded(&self) -> &[u8; Self::MAX_OCTETS] {
        &self.octets
    }
}

/// Lower-case hexadecimal, two digits an octet, `00` for zero, a leading `-` for negative numbers.
impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut magnitude = self.octets;
        if self.negative {
            // Two's complement: invert, then add one from the last octet upwards.
            let mut carry = true;
            let start = Self::MAX_OCTETS - usize::from(self.length);
            for octet in magnitude[start..].iter_mut().rev() {
                let (value, overflow) = (!*octet).overflowing_add(u8::from(carry));
                *octet = value;
                carry = overflow;
            }
        }
        let first = magnitude
            .iter()
            .position(|&octet| octet != 0)
            .unwrap_or(magnitude.len() - 1);
        // Written at once: every decision shows one.
        let significant = &magnitude[first..];
        let mut digits = [0; 2 * Self::MAX_OCTETS];
        if self.negative {
            f.write_str("-")?;
        }
        f.write_str(hex(significant, &mut digits))
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SerialNumber({self})")
    }
}

/// Why octets are not a serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SerialNumberError {
    /// An INTEGER has at least one content octet.
    Empty,
    /// The first nine bits are equal, so the encoding is not the shortest (X.690 §8.3.2).
    NotMinimal,
    /// More than 20 octets of value.
    TooLong {
        /// How many there are.
        octets: usize,
    },
}

impl fmt::Display for SerialNumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the serial number has no octets"),
            Self::NotMinimal => f.write_str("the serial number is not in its shortest form"),
            Self::TooLong { octets } => write!(
                f,
                "the serial number has {octets} octets, RFC 5280 allows at most {}",
                SerialNumber::MAX_OCTETS
            ),
        }
    }
}

impl std::error::Error for SerialNumberError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn serial(content: &[u8]) -> SerialNumber {
        SerialNumber::from_der_integer(content).unwrap()
    }

    #[test]
    fn values_are_shown_in_hexadecimal() {
        let cases: [(&[u8], &str); 8] = [
            (&[0], "00"),
            (&[1], "01"),
            (&[0x7f, 0xff], "7fff"),
            (&[0x00, 0x80], "80"),
            (&[0xff], "-01"),
            (&[0x80], "-80"),
            (&[0x80, 0x00], "-8000"),
            (&[0xff, 0x7f], "-81"),
        ];
        for (content, text) in cases {
            assert_eq!(serial(content).to_string(), text);
        }
    }

    #[test]
    fn twenty_octets_with_the_high_bit_set_fit_and_twenty_one_do_not() {
        let mut content = vec![0x00];
        content.extend([0xff; 20]);
        assert_eq!(serial(&content).octets(), [0xff; 20]);
        let longer = [0x7f; 21];
        let expected = Err(SerialNumberError::TooLong { octets: 21 });
        assert_eq!(SerialNumber::from_der_integer(&longer), expected);
        let negative = [0x80; 21];
        assert_eq!(SerialNumber::from_der_integer(&negative), expected);
    }

    #[test]
    fn only_the_shortest_form_is_read() {
        for content in [
            &[0x00, 0x7f][..],
            &[0x00, 0x00],
            &[0xff, 0x80],
            &[0xff, 0xff],
        ] {
            let result = SerialNumber::from_der_integer(content);
            assert_eq!(result, Err(SerialNumberError::NotMinimal));
        }
        assert_eq!(
            SerialNumber::from_der_integer(&[]),
            Err(SerialNumberError::Empty)
        );
    }

    proptest! {
        /// The same octets always meet, different ones never do: -128 (80) is not 128 (00 80).
        #[test]
        fn equal_exactly_when_the_content_octets_are(
            a in prop::collection::vec(any::<u8>(), 1..22),
            b in prop::collection::vec(any::<u8>(), 1..22),
        ) {
            let (x, y) = (SerialNumber::from_der_integer(&a), SerialNumber::from_der_integer(&b));
            if let (Ok(x), Ok(y)) = (x, y) {
                prop_assert_eq!(x == y, a == b);
                prop_assert_eq!(x.cmp(&y) == std::cmp::Ordering::Equal, a == b);
            }
        }
    }
}
