//! System tests: the real binaries, each in an execution environment of its own, against an S3.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how these tests fail"
)]

#[path = "system/abuse.rs"]
mod abuse;
#[path = "system/after_response.rs"]
mod after_response;
#[path = "system/announcements.rs"]
mod announcements;
#[path = "system/degraded.rs"]
mod degraded;
#[path = "system/early.rs"]
mod early;
#[path = "system/events.rs"]
mod events;
#[path = "system/faults/mod.rs"]
mod faults;
#[path = "system/flushes.rs"]
mod flushes;
#[path = "system/golden.rs"]
mod golden;
#[path = "system/issuers.rs"]
mod issuers;
#[path = "system/overrides.rs"]
mod overrides;
#[path = "system/policies.rs"]
mod policies;
#[path = "system/refresh_metrics.rs"]
mod refresh_metrics;
#[path = "system/refused_crls.rs"]
mod refused_crls;
#[path = "system/revoke_then_deny.rs"]
mod revoke_then_deny;
#[path = "system/setting.rs"]
mod setting;
#[path = "system/start.rs"]
mod start;
#[path = "system/triggers.rs"]
mod triggers;
#[path = "system/truststore.rs"]
mod truststore;
