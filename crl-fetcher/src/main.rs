//! Cold start: configuration and client, then one refresh an invocation.

use std::time::Instant;

use crl_fetcher::config::Config;
use crl_fetcher::report::{
    Announced, AnnouncementReport, CacheOutcome, CacheReport, Counts, IssuerReport,
    OverridesReport, Report, SnapshotReport,
};
use crl_fetcher::{Fetcher, RefreshError, metrics, sdk_config, trigger};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use revocation::UnixTime;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    environment::start_log();
    let config = Config::from_environment(&|name| std::env::var(name).ok())
        .inspect_err(|error| tracing::error!(%error, "configuration"))?;
    let fetcher = Fetcher::from_sdk(&sdk_config().await, config);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        // arn:aws:lambda:REGION:ACCOUNT:function:NAME
        let account = event.context.invoked_function_arn.split(':').nth(4);
        let account = account.unwrap_or_default().to_owned();
        refresh(&fetcher, event.payload, account)
    }))
    .await
}

/// A refused source fails the invocation after the rest was published: Lambda tries again, and the
/// alarm on the function's errors fires.
async fn refresh(fetcher: &Fetcher, event: Value, own_account: String) -> Result<Report, Failure> {
    let trigger = trigger::describe(&event);
    let (started, now) = (Instant::now(), now());
    let result = fetcher
        .refresh_on(&trigger, &event, &own_account, now)
        .await;
    let function_name = environment::function_name();
    for metrics in metrics::of_refresh(&function_name, result.as_ref(), started.elapsed(), now) {
        metrics.print();
    }
    let report = result.map_err(|error| {
        tracing::error!(trigger, error_type = error.error_type(), %error, "refresh");
        Failure::Refresh(error)
    })?;
    let refused = report.refused();
    log(&report, refused.as_deref());
    match refused {
        Some(refused) => Err(Failure::RefusedSources(refused)),
        None => Ok(report),
    }
}

/// One line a refresh, and one for each CA in trouble, announcement, block without effect and authorizer
/// cache that was to be flushed, always with the same keys. None of these is `message`, which is what
/// each line begins with: twice in one object, a reader may take the second.
fn log(report: &Report, refused: Option<&str>) {
    if let Some(AnnouncementReport {
        ca_id,
        serial,
        outcome,
        message: detail,
    }) = &report.announcement
    {
        let code = outcome.code();
        match outcome {
            Announced::Ignored => {
                tracing::warn!(ca_id, serial, outcome = code, detail, "announcement");
            }
            _ => tracing::info!(ca_id, serial, outcome = code, detail, "announcement"),
        }
    }
    for IssuerReport {
        subject,
        key_id,
        code,
        message: detail,
    } in &report.issuers
    {
        tracing::warn!(subject, key_id, code, detail, "issuer");
    }
    if let Some(OverridesReport {
        object, without_ca, ..
    }) = &report.overrides
    {
        for block in without_ca {
            tracing::warn!(object, block, "the truststore has no such CA");
        }
    }
    for CacheReport {
        cache,
        outcome,
        message,
    } in report.flush.iter().flat_map(|flush| &flush.caches)
    {
        let detail = message.as_deref().unwrap_or_default();
        match outcome {
            CacheOutcome::Unchanged => {}
            CacheOutcome::Flushed => tracing::info!(cache, outcome = "flushed", detail, "flush"),
            CacheOutcome::Failed => tracing::error!(cache, outcome = "failed", detail, "flush"),
        }
    }
    if let Some(detail) = report.flush.as_ref().and_then(|flush| flush.error.as_ref()) {
        tracing::error!(cache = "", outcome = "failed", detail, "flush");
    }
    let SnapshotReport {
        id,
        published,
        issuers,
        crls,
        revoked,
        announced,
        unconfirmed,
        blocked,
        octets,
        ..
    } = &report.snapshot;
    let Counts {
        accepted,
        unchanged,
        foreign,
        refused: refusals,
        vanished,
    } = report.counts;
    tracing::info!(
        trigger = report.trigger,
        snapshot = id,
        published,
        issuers,
        crls,
        revoked,
        announced,
        unconfirmed,
        blocked,
        octets,
        accepted,
        unchanged,
        foreign,
        refusals,
        vanished,
        refused = refused.unwrap_or_default(),
        "refresh"
    );
}

fn now() -> UnixTime {
    UnixTime::from_seconds(environment::unix_seconds())
}

#[derive(Debug)]
enum Failure {
    Refresh(RefreshError),
    RefusedSources(String),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let (error_type, error_message) = match failure {
            Failure::Refresh(error) => (error.error_type(), error.to_string()),
            Failure::RefusedSources(refused) => ("RefusedSources", refused),
        };
        Self {
            error_type: error_type.to_owned(),
            error_message,
        }
    }
}
