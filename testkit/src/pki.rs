//! A test PKI shaped like AWS Private CA's: CAs, client certificates and CRLs.
//!
//! Certificates and CRLs come from an own small DER writer, not from a certificate library: a
//! library refuses to write what the fetcher and the authorizer must refuse to read (a negative
//! serial number, two algorithms that differ, a delta CRL, an empty `revokedCertificates`, ...),
//! and none of those at hand writes RSASSA-PSS or ML-DSA. Every default is a valid object as
//! AWS Private CA would write it; every builder method bends it in one way.
//!
//! The defaults have fixed dates, so that tests which pass the time in are reproducible. Programs
//! that read the real clock want [`CrlBuilder::current`] and [`LeafOptions::current`].

mod ca;
mod certificate;
mod crl;
pub mod der;
mod distribution_point;
mod key;
mod leaf;
pub mod oid;
#[cfg(test)]
mod tests;

pub use ca::{BasicConstraints, Ca, CaOptions, KeyUsage};
pub use certificate::{Extension, KeyIdentifier, Serial};
pub use crl::CrlBuilder;
pub use distribution_point::{
    DistributionPoint, DistributionPointName, GeneralName, IssuingDistributionPoint, Reason,
};
pub use key::{Digest, KeyKind};
pub use leaf::{CrlDistributionPoints, Leaf, LeafOptions};
