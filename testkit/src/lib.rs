//! What the tests, benches and the playground stand on: a test PKI with CRLs as AWS Private CA
//! writes them, the events of API Gateway, EventBridge, S3 and CloudFormation, and both ends of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "only tests use this crate; there a panic is the right way to fail"
)]

pub mod api_gateway;
mod connection;
pub mod events;
pub mod lambda;
pub mod pki;
pub mod response_url;
pub mod s3;
