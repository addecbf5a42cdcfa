//! Cold start: configuration, S3 client and the first snapshot, then one decision an invocation.

mod after_response;
mod http_client;
mod s3_client;
mod shutdown;

use std::sync::Arc;

use authorizer::Authorizer;
use authorizer::config::Config;
use authorizer::invocation;
use authorizer::metrics::Metrics;
use authorizer::moment::Moment;
use authorizer::response::Response;
use authorizer::snapshots::{LoadError, Snapshots};
use lambda_runtime::{Context, Diagnostic, Error, LambdaEvent, Runtime, service_fn};

use crate::after_response::AfterResponse;
use crate::s3_client::s3_client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    environment::start_log();
    let variable = |name: &str| std::env::var(name).ok();
    let config = Config::from_environment(&variable)
        .inspect_err(|error| tracing::error!(%error, "configuration"))?;
    let client =
        s3_client(&variable).inspect_err(|error| tracing::error!(%error, "configuration"))?;
    let memory = environment::memory().unwrap_or(usize::MAX);
    let snapshots = Snapshots::new(client, &config).within(memory);
    let (loaded, is_announced) = tokio::join!(snapshots.current(now()), shutdown::announced());
    if let Err(error) = loaded {
        // Not fatal: the first request tries again.
        tracing::warn!(%error, "no snapshot at the start");
    }
    let metrics = Metrics::new(environment::function_name(), config.metrics_interval);
    let authorizer = Authorizer::new(snapshots, config.policy, config.format, metrics);
    let authorizer = Arc::new(authorizer);
    if is_announced {
        tokio::spawn(shutdown::print_metrics_at_the_end(Arc::clone(&authorizer)));
    }
    let handler = service_fn({
        let authorizer = Arc::clone(&authorizer);
        // The event is kept at hand elsewhere, and was replaced by `null`.
        move |event: LambdaEvent<()>| authorize(Arc::clone(&authorizer), event.context)
    });
    Runtime::new(handler)
        .layer(AfterResponse { authorizer })
        // One at a time, but for Lambda Managed Instances.
        .run_concurrent()
        .await
}

async fn authorize(authorizer: Arc<Authorizer>, context: Context) -> Result<Response, NoSnapshot> {
    let event = invocation::begin(context);
    authorizer.authorize(&event, now()).await.map_err(|error| {
        let _of_the_invocation = invocation::span().entered();
        tracing::error!(%error, "no snapshot");
        NoSnapshot(error)
    })
}

fn now() -> Moment {
    Moment::from_unix_milliseconds(environment::unix_milliseconds())
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
