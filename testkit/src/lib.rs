//! What the tests, benches and the playground stand on: a test PKI with CRLs as AWS Private CA
//! writes them, and the events of API Gateway, EventBridge and S3.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "only tests use this crate; there a panic is the right way to fail"
)]

pub mod events;
pub mod lambda;
pub mod pki;
pub mod s3;
