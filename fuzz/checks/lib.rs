//! What must hold for any octets: one module for each fuzz target, each with a `check` that panics
//! where it does not. The fuzz targets run them on what the fuzzer finds, the test `corpus` on what
//! it has found before.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is a finding"
)]

pub mod certificate;
pub mod crl;
pub mod event;
pub mod fixed;
pub mod snapshot;
