//! The laptop cloud as a library: S3, two private CAs, the real Lambdas, and a gateway with mutual TLS.
//!
//! The command `playground` shows it to people; the soak test of `benches` puts it under load.

pub mod client;
pub mod cloud;
pub mod control;
mod event;
pub mod files;
pub mod gateway;
pub mod story;
mod tls;

use time::OffsetDateTime;

/// The moment, by the real clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the playground runs by the real clock, from here"
)]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::from(std::time::SystemTime::now())
}
