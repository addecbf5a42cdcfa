//! What CA and client certificates have in common: `TBSCertificate` and its signature.

use aws_lc_rs::rand;

use super::key::{Scheme, SigningKey};
use super::{der, oid};

/// One extension of a certificate, a CRL or a CRL entry.
#[derive(Clone, Debug)]
pub struct Extension {
    /// `extnID`, dotted.
    pub oid: String,
    /// `critical`; FALSE is the default and therefore not written.
    pub critical: bool,
    /// What `extnValue` wraps: the DER of the extension's own type, or anything.
    pub value: Vec<u8>,
}

impl Extension {
    /// An extension from its three fields.
    pub fn new(oid: &str, critical: bool, value: impl Into<Vec<u8>>) -> Self {
        Self {
            oid: oid.to_owned(),
            critical,
            value: value.into(),
        }
    }

    pub(crate) fn to_der(&self) -> Vec<u8> {
        let critical = if self.critical {
            der::boolean(true)
        } else {
            Vec::new()
        };
        der::sequence(&[
            &der::oid(&self.oid),
            &critical,
            &der::octet_string(&self.value),
        ])
    }

    /// AuthorityKeyIdentifier with the key identifier only, as AWS Private CA writes it.
    pub(crate) fn authority_key_identifier(key_identifier: &[u8]) -> Self {
        let value = der::sequence(&[&der::implicit(0, key_identifier)]);
        Self::new(oid::AUTHORITY_KEY_IDENTIFIER, false, value)
    }
}

/// A key identifier extension of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyIdentifier {
    /// The right one: for the subject, the SHA-1 of its key; for the authority, the issuer's.
    #[default]
    Matching,
    /// No such extension.
    Absent,
    /// These octets.
    Octets(Vec<u8>),
}

/// A serial number to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Serial {
    /// 128 random bits, as AWS Private CA's are.
    #[default]
    Random,
    /// A positive number from big-endian octets: padded with a zero octet where the first octet
    /// has its high bit set, else kept as given.
    Number(Vec<u8>),
    /// DER INTEGER content octets as they are: negative, empty or too long if they are.
    Content(Vec<u8>),
}

impl Serial {
    pub(crate) fn into_content(self) -> Vec<u8> {
        match self {
            Self::Random => {
                let mut octets = [0; 16];
                rand::fill(&mut octets).expect("the system's random numbers");
                der::minimal_content(&octets)
            }
            Self::Number(octets) => der::positive_content(&octets),
            Self::Content(octets) => octets,
        }
    }
}

impl From<u64> for Serial {
    fn from(number: u64) -> Self {
        Self::Content(der::minimal_content(&number.to_be_bytes()))
    }
}

impl From<&[u8]> for Serial {
    fn from(octets: &[u8]) -> Self {
        Self::Number(octets.to_vec())
    }
}

impl From<Vec<u8>> for Serial {
    fn from(octets: Vec<u8>) -> Self {
        Self::Number(octets)
    }
}

/// 2020-01-01T00:00:00Z.
pub(crate) const YEAR_2020: i64 = 1_577_836_800;
/// 2026-01-01T00:00:00Z.
pub(crate) const YEAR_2026: i64 = 1_767_225_600;
/// 2027-01-01T00:00:00Z.
pub(crate) const YEAR_2027: i64 = 1_798_761_600;
/// 2045-01-01T00:00:00Z.
pub(crate) const YEAR_2045: i64 = 2_366_841_600;

/// The fields of a certificate, encoded but not yet signed.
pub(crate) struct TbsCertificate<'a> {
    /// The INTEGER's value: 2 is v3, `None` (the default) is v1.
    pub(crate) version: Option<u8>,
    pub(crate) serial_content: &'a [u8],
    pub(crate) issuer: &'a [u8],
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    pub(crate) subject: &'a [u8],
    pub(crate) spki: &'a [u8],
    pub(crate) extensions: &'a [Extension],
}

impl TbsCertificate<'_> {
    pub(crate) fn sign(&self, key: &SigningKey, scheme: Scheme) -> Vec<u8> {
        let algorithm = scheme.algorithm_identifier_der();
        let version = self
            .version
            .map(|number| der::explicit(0, &der::integer(&[number])));
        let tbs = der::sequence(&[
            &version.unwrap_or_default(),
            &der::integer(self.serial_content),
            &algorithm,
            self.issuer,
            &der::sequence(&[&der::time(self.not_before), &der::time(self.not_after)]),
            self.subject,
            self.spki,
            &self.extensions_der(),
        ]);
        let signature = key.sign(scheme, &tbs);
        der::sequence(&[&tbs, &algorithm, &der::bit_string(0, &signature)])
    }

    fn extensions_der(&self) -> Vec<u8> {
        if self.extensions.is_empty() {
            return Vec::new();
        }
        let list: Vec<u8> = self.extensions.iter().flat_map(Extension::to_der).collect();
        der::explicit(3, &der::sequence(&[&list]))
    }
}
