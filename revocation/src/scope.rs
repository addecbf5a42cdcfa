//! What one CRL covers, and which of two CRLs of one scope is the newer.

use std::cmp::Ordering;
use std::fmt;

/// What one CRL of an issuer covers, from its issuing distribution point (RFC 5280 §5.2.5).
///
/// Within a scope the CRL with the greatest [`CrlNumber`] supersedes the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The names of the distribution point, each a DER `GeneralName`, in ascending order. None: a
    /// complete CRL, as AWS Private CA writes it without an issuing distribution point.
    pub names: Vec<Vec<u8>>,
    /// Which certificates it is limited to.
    pub covers: Covers,
}

impl Scope {
    /// A CRL for every certificate of its issuer.
    pub const fn complete() -> Self {
        Self {
            names: Vec::new(),
            covers: Covers::AllCertificates,
        }
    }

    /// Whether the CRL is tied to a distribution point, as AWS Private CA's partitions are.
    pub const fn is_partition(&self) -> bool {
        !self.names.is_empty()
    }
}

/// `complete` or `partition URI …`, with the limit to user or CA certificates where there is one.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_partition() {
            "partition"
        } else {
            "complete"
        })?;
        for name in &self.names {
            write!(f, " {}", crate::distribution_point::DisplayName(name))?;
        }
        match self.covers {
            Covers::AllCertificates => Ok(()),
            Covers::UserCertificates => f.write_str(" (user certificates)"),
            Covers::CaCertificates => f.write_str(" (CA certificates)"),
        }
    }
}

/// `onlyContainsUserCerts` and `onlyContainsCACerts` (RFC 5280 §5.2.5): at most one is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Covers {
    /// Neither is set.
    AllCertificates,
    /// `onlyContainsUserCerts`.
    UserCertificates,
    /// `onlyContainsCACerts`.
    CaCertificates,
}

impl Covers {
    /// Whether a certificate of that kind is within the limit.
    pub const fn includes(self, kind: CertificateKind) -> bool {
        match (self, kind) {
            (Self::AllCertificates, _)
            | (Self::UserCertificates, CertificateKind::EndEntity)
            | (Self::CaCertificates, CertificateKind::Ca) => true,
            (Self::UserCertificates, CertificateKind::Ca)
            | (Self::CaCertificates, CertificateKind::EndEntity) => false,
        }
    }
}

/// What a certificate's basic constraints (RFC 5280 §4.2.1.9) say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// No basic constraints, or `cA` false.
    EndEntity,
    /// `cA` true.
    Ca,
}

/// The CRL number (RFC 5280 §5.2.3): a non-negative INTEGER of up to 20 octets that grows with
/// every CRL of a scope. AWS Private CA uses milliseconds since 1970, so 32 bits are not enough.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CrlNumber {
    /// Big-endian magnitude without leading zeros.
    octets: Vec<u8>,
}

impl CrlNumber {
    /// The longest number that users must handle (RFC 5280 §5.2.3).
    pub const MAX_OCTETS: usize = 20;

    /// From the content octets of a DER INTEGER.
    ///
    /// # Errors
    /// No octets, a redundant first octet, a negative number, or more than 20 octets of value.
    pub fn from_der_integer(content: &[u8]) -> Result<Self, CrlNumberError> {
        let octets = match content {
            [] => return Err(CrlNumberError::Empty),
            [first, ..] if *first >= 0x80 => return Err(CrlNumberError::Negative),
            [0x00, next, ..] if *next < 0x80 => return Err(CrlNumberError::NotMinimal),
            [0x00, magnitude @ ..] => magnitude,
            magnitude => magnitude,
        };
        Self::from_magnitude(octets).ok_or(CrlNumberError::TooLong)
    }

    /// The magnitude, big-endian, without leading zeros; empty for zero.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    pub(crate) fn from_magnitude(octets: &[u8]) -> Option<Self> {
        let canonical = octets.len() <= Self::MAX_OCTETS && octets.first() != Some(&0);
        canonical.then(|| Self {
            octets: octets.to_vec(),
        })
    }
}

impl Ord for CrlNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.octets.len().cmp(&other.octets.len());
        by_length.then_with(|| self.octets.cmp(&other.octets))
    }
}

impl PartialOrd for CrlNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Decimal.
impl fmt::Display for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Long division by ten, octet by octet; the remainders are the digits from the last one on.
        let mut rest = self.octets.clone();
        let mut digits = Vec::new();
        while rest.iter().any(|&octet| octet != 0) {
            let mut remainder = 0_u16;
            for octet in &mut rest {
                let value = remainder * 256 + u16::from(*octet);
                *octet = u8::try_from(value / 10).unwrap_or_default();
                remainder = value % 10;
            }
            digits.push(char::from(
                b'0' + u8::try_from(remainder).unwrap_or_default(),
            ));
        }
        if digits.is_empty() {
            digits.push('0');
        }
        digits
            .iter()
            .rev()
            .try_for_each(|digit| write!(f, "{digit}"))
    }
}

impl fmt::Debug for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CrlNumber({self})")
    }
}

/// Why octets are not a CRL number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CrlNumberError {
    /// An INTEGER has at least one content octet.
    Empty,
    /// CRL numbers are `INTEGER (0..MAX)`.
    Negative,
    /// The encoding is not the shortest.
    NotMinimal,
    /// More than 20 octets.
    TooLong,
}

impl fmt::Display for CrlNumberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the CRL number has no octets",
            Self::Negative => "the CRL number is negative",
            Self::NotMinimal => "the CRL number is not in its shortest form",
            Self::TooLong => "the CRL number has more than 20 octets",
        })
    }
}

impl std::error::Error for CrlNumberError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(content: &[u8]) -> CrlNumber {
        CrlNumber::from_der_integer(content).unwrap()
    }

    #[test]
    fn numbers_compare_by_value_and_show_in_decimal() {
        let ascending: [(&[u8], &str); 6] = [
            (&[0], "0"),
            (&[9], "9"),
            (&[0x00, 0xff], "255"),
            (&[0x01, 0x00], "256"),
            (&[0x01, 0x61, 0xd3, 0xcd, 0x5a, 0x00], "1519676905984"),
            (
                &[0x7f; 20],
                "727885129180488904360266563744972327436484050815",
            ),
        ];
        for (content, decimal) in ascending {
            assert_eq!(number(content).to_string(), decimal);
        }
        for pair in ascending.windows(2) {
            assert!(
                number(pair[0].0) < number(pair[1].0),
                "{} < {}",
                pair[0].1,
                pair[1].1
            );
        }
    }

    #[test]
    fn what_is_not_a_crl_number() {
        let cases: [(&[u8], CrlNumberError); 5] = [
            (&[], CrlNumberError::Empty),
            (&[0x80], CrlNumberError::Negative),
            (&[0x00, 0x01], CrlNumberError::NotMinimal),
            (&[0x00, 0x00], CrlNumberError::NotMinimal),
            (&[0x01; 21], CrlNumberError::TooLong),
        ];
        for (content, error) in cases {
            assert_eq!(CrlNumber::from_der_integer(content), Err(error));
        }
    }
}
