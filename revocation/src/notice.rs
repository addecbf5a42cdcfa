//! Revocations that no CRL lists yet.
//!
//! A CA publishes its CRL minutes after it revokes a certificate; AWS Private CA about 30. A notice
//! fills that gap, and an operator need not wait for the CA at all. Both can only deny: nothing here
//! takes a revocation back, and nothing makes a certificate good.

use sha2::{Digest, Sha256};

use crate::serial::SerialNumber;
use crate::time::UnixTime;

/// One certificate of a CA that is to count as revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// Its serial number.
    pub serial: SerialNumber,
    /// Who says so.
    pub origin: Origin,
    /// When it was said.
    pub since: UnixTime,
    /// Up to when it counts.
    pub until: UnixTime,
}

/// Who says that a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The CA, ahead of its CRL.
    Announcement,
    /// The operator, whatever the CA says.
    Override,
}

/// A public key whose certificates all count as revoked, whoever issued them: the operator knows that
/// it was stolen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockedKey {
    /// SHA-256 of its DER `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), as RFC 7469 §2.4 has it.
    pub key: [u8; 32],
    /// When it was said.
    pub since: UnixTime,
    /// Up to when it counts.
    pub until: UnixTime,
}

impl BlockedKey {
    /// [`Self::key`] of a DER `SubjectPublicKeyInfo`.
    pub fn hash(public_key: &[u8]) -> [u8; 32] {
        Sha256::digest(public_key).into()
    }
}

impl Notice {
    /// Notices of one CA are told apart by it, and are in its order.
    pub fn key(&self) -> (SerialNumber, Origin) {
        (self.serial, self.origin)
    }
}
