//! Revocations that no CRL lists yet.
//!
//! A CA publishes its CRL minutes after it revokes a certificate; AWS Private CA about 30. A notice
//! fills that gap. It can only deny: no notice takes a revocation back, and none makes a certificate
//! good.

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
}

impl Notice {
    /// Notices of one CA are told apart by it, and are in its order.
    pub fn key(&self) -> (SerialNumber, Origin) {
        (self.serial, self.origin)
    }
}
