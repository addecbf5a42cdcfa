//! How a CA is named: never by a DN string.

use std::fmt;

/// A CA as CRLs and certificates refer to it: its raw DER `Name` and its key identifier.
///
/// The name alone is not enough: after a key rollover two CAs share it, and each signs its own CRL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issuer {
    /// The DER encoding of the CA's subject `Name` (RFC 5280 §4.1.2.4), tag and length included.
    /// Compared octet by octet: CAs copy their own name into what they sign.
    pub name: Vec<u8>,
    /// The CA's subject key identifier (RFC 5280 §4.2.1.2).
    pub key_id: Vec<u8>,
}

/// What an issuer signs, by the key usage of its certificates (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Certificates, and CRLs unless its key usage forbids it.
    Ca,
    /// CRLs, but no certificates: some CAs sign these with a key of their own. It speaks for the CAs
    /// of its name.
    CrlSigner,
}

/// The longest `Name` that is taken into a snapshot, in octets.
pub const MAX_NAME_OCTETS: usize = 4096;

/// The longest key identifier that is taken into a snapshot, in octets. Common ones have 20 or 32.
pub const MAX_KEY_ID_OCTETS: usize = 255;

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, key_id } = self;
        write!(
            f,
            "Issuer {{ name: {}, key_id: {} }}",
            Hex(name),
            Hex(key_id)
        )
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
