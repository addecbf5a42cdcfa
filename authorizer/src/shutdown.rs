//! The last line of metrics, when Lambda is about to end the execution environment.
//!
//! Lambda announces the end, by SIGTERM, only to functions with an extension. This one is in the process
//! of the function and wants no events, so that no invocation costs anything for it. It says so with the
//! client that the runtime has anyway: the crate for extensions brings an HTTP server along.

use std::sync::Arc;

use authorizer::Authorizer;
use hyper::Request;
use hyper::header::HeaderValue;
use lambda_runtime::Error;
use lambda_runtime_api_client::PooledClient;
use lambda_runtime_api_client::body::Body;
use tokio::signal::unix::{SignalKind, signal};

use crate::now;

/// Asks Lambda to announce the end. Has to be done before the first event is asked for. Where it cannot,
/// the counts of the last few seconds are lost at the end, and nothing else is.
pub(crate) async fn announced() -> bool {
    let client = PooledClient::builder().build();
    match register(&client).await {
        Ok(identifier) => {
            tokio::spawn(wait(client, identifier));
            true
        }
        Err(error) => {
            tracing::warn!(%error, "no extension: the last metrics will be lost at shutdown");
            false
        }
    }
}

/// Registers an extension without events, and returns what identifies it from then on.
async fn register(client: &PooledClient) -> Result<HeaderValue, Error> {
    let request = Request::post("/2020-01-01/extension/register")
        .header("lambda-extension-name", "crl-authorizer")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"events":[]}"#))?;
    let response = client.call(request).await?;
    let status = response.status();
    let identifier = response.headers().get(IDENTIFIER).cloned();
    // Read to its end, it leaves the connection to the next request.
    Body::new(response.into_body()).collect().await?;
    match identifier {
        Some(identifier) if status.is_success() => Ok(identifier),
        _ => Err(format!("Lambda answers {status}").into()),
    }
}

/// Says that the extension has begun, and waits for an event that never comes.
async fn wait(client: PooledClient, identifier: HeaderValue) {
    let request = Request::get("/2020-01-01/extension/event/next")
        .header(IDENTIFIER, identifier)
        .body(Body::empty());
    let answer = match request {
        Ok(request) => client.call(request).await.map(drop),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = answer {
        tracing::warn!(%error, "the extension has ended");
    }
}

/// Prints the last metrics on SIGTERM, and ends the process.
pub(crate) async fn print_metrics_at_the_end(authorizer: Arc<Authorizer>) {
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => {
            terminated.recv().await;
            authorizer.print_metrics(now());
            std::process::exit(0);
        }
        Err(error) => tracing::warn!(%error, "no SIGTERM: the last metrics will be lost"),
    }
}

const IDENTIFIER: &str = "lambda-extension-identifier";
