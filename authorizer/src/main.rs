//! Cold start: configuration, S3 client and the first snapshot, then one decision an invocation.

use std::time::Duration;

use authorizer::Authorizer;
use authorizer::config::Config;
use authorizer::response::Response;
use authorizer::snapshots::{LoadError, Snapshots};
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Region};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use revocation::UnixTime;
use serde_json::value::RawValue;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let config = Config::from_environment(&|name| std::env::var(name).ok())
        .inspect_err(|error| tracing::error!(%error, "configuration"))?;
    let snapshots = Snapshots::new(s3_client()?, &config);
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

/// Lambda passes region and credentials in the environment, so the SDK's search for them in files
/// and metadata services is left out, and with it a good part of the cold start. `ring` instead of
/// AWS-LC for the same reason: AWS-LC gathers entropy for tens of milliseconds first.
fn s3_client() -> Result<Client, Error> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let required = |name| {
        variable(name)
            .ok_or_else(|| format!("{name} is not set: Lambda sets it for every function"))
    };
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        variable("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let endpoint = variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL"));
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(credentials)
        .http_client(http_client)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(3)
                .with_initial_backoff(Duration::from_millis(50)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(1))
                .read_timeout(Duration::from_secs(3))
                .build(),
        );
    config.set_endpoint_url(endpoint);
    Ok(Client::from_conf(config.build()))
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
