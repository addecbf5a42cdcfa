//! Cold start: a client, then one answered request an invocation.

use crl_fetcher::s3_client;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use revocation::UnixTime;
use serde_json::Value;
use truststore::{Resource, Unanswered, answer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    environment::start_log();
    let resource = Resource::new(s3_client().await);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        handle(&resource, event)
    }))
    .await
}

/// Fails only where CloudFormation has not been answered: Lambda would repeat what has been.
async fn handle(resource: &Resource, event: LambdaEvent<Value>) -> Result<(), Failure> {
    let time_left = environment::time_until(event.context.deadline);
    let now = UnixTime::from_seconds(environment::unix_seconds());
    answer(&event.payload, time_left, async |request, progress| {
        resource.carry_out(request, now, progress).await
    })
    .await
    .map_err(Failure)
}

#[derive(Debug)]
struct Failure(Unanswered);

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Self {
        Self {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}
