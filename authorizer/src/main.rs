//! Cold start: configuration, S3 client and the first snapshot, then one decision an invocation.

mod http_client;
mod s3_client;

use authorizer::Authorizer;
use authorizer::config::Config;
use authorizer::response::Response;
use authorizer::snapshots::{LoadError, Snapshots};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use revocation::UnixTime;
use serde_json::value::RawValue;

use crate::s3_client::s3_client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    environment::start_log();
    let variable = |name: &str| std::env::var(name).ok();
    let config = Config::from_environment(&variable)
        .inspect_err(|error| tracing::error!(%error, "configuration"))?;
    let client =
        s3_client(&variable).inspect_err(|error| tracing::error!(%error, "configuration"))?;
    let snapshots = Snapshots::new(client, &config);
    if let Err(error) = snapshots.current(now()).await {
        // Not fatal: the first request tries again.
        tracing::warn!(%error, "no snapshot at the start");
    }
    let authorizer = Authorizer::new(snapshots, config.policy, config.format);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| {
        authorize(&authorizer, event.payload)
    }))
    .await
}

async fn authorize(authorizer: &Authorizer, event: Box<RawValue>) -> Result<Response, NoSnapshot> {
    authorizer.authorize(&event, now()).await.map_err(|error| {
        tracing::error!(%error, "no snapshot");
        NoSnapshot(error)
    })
}

fn now() -> UnixTime {
    UnixTime::from_seconds(environment::unix_seconds())
}

#[derive(Debug)]
struct NoSnapshot(LoadError);

impl From<NoSnapshot> for Diagnostic {
    fn from(NoSnapshot(error): NoSnapshot) -> Self {
        Self {
            error_type: "NoSnapshot".to_owned(),
            error_message: error.to_string(),
        }
    }
}
