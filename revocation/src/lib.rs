//! What the two Lambdas must agree on: how a certificate's serial number, its issuer and the reach
//! of a CRL are named, how the revoked serial numbers are packed, and what a snapshot says about a
//! certificate.
//!
//! ```text
//! crl-fetcher ──> Contents::encode ──> snapshot object in S3 ──> Snapshot::open ──> authorizer
//!                                                                Snapshot::status
//! ```
//!
//! The crate is pure: no AWS, no async, no clock. Bytes and a [`UnixTime`] come in, values go out.
//!
//! * [`SerialNumber`]: the value of a DER INTEGER, the one form both sides compare.
//! * [`Issuer`]: a CA's raw DER `Name` plus its key identifier.
//! * [`Scope`]: what one CRL covers (RFC 5280 §5.2.5).
//! * [`Serials`]: serial numbers that are to become a set.
//! * [`RevokedSet`]: the serial numbers of one CRL, searched in the bytes they were stored in.
//! * [`Notice`]: a revocation that no CRL lists yet.
//! * [`BlockedKey`]: a public key, all of whose certificates count as revoked.
//! * [`Contents`] and [`Snapshot`]: the object that is published, built and read.
//! * [`FirstPart`]: what there is of a snapshot while the rest is still on its way.
//! * [`Outlook`]: what is known of a certificate, and until when.
//! * [`Status`]: `NotRevoked`, `Revoked` or `Unknown` at a moment, and why.
//! * [`Explanation`]: which CAs and CRLs an outlook follows from.

pub mod der;
pub mod distribution_point;
mod hex;
mod issuer;
mod notice;
mod scope;
mod serial;
mod serials;
mod set;
mod snapshot;
mod status;
mod time;

pub use crate::hex::{hex, hexadecimal, read_hexadecimal};
pub use crate::issuer::{Issuer, MAX_KEY_ID_OCTETS, MAX_NAME_OCTETS, Role};
pub use crate::notice::{BlockedKey, Notice, Origin};
pub use crate::scope::{CertificateKind, Covers, CrlNumber, CrlNumberError, Scope};
pub use crate::serial::{SerialNumber, SerialNumberError};
pub use crate::serials::{Progress, Serials};
pub use crate::set::{RevokedSet, SetError};
pub use crate::snapshot::{
    BlockedKeys, Contents, CrlRecord, CrlView, EncodeError, FirstPart, IssuerRecord, IssuerView,
    Lengths, Names, ObjectRef, ObjectView, Snapshot, SnapshotError, SnapshotId, VERSION,
};
pub use crate::status::{
    Authority, Certificate, CrlFinding, Explanation, IssuerFinding, Outlook, ReferredBy, RevokedBy,
    SecondPartNeeded, Status, StatusSource, UnknownReason, UnknownReasons,
};
pub use crate::time::UnixTime;
