//! One PUT to CloudFormation's presigned URL, as often as it takes.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::header::CONTENT_TYPE;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::aws_lc_rs;
use tokio::time::{Instant, sleep, timeout};

use crate::request::ResponseUrl;

/// Sends an answer until it is accepted, and says at which try that was.
///
/// The CAs are those that the AWS SDK believes S3 by: the system's, or those of `SSL_CERT_FILE`.
///
/// # Errors
/// No try was accepted before `deadline`, or as many as there are.
pub async fn respond(
    url: &ResponseUrl,
    body: &str,
    deadline: Instant,
) -> Result<u32, RespondError> {
    let client = client().map_err(RespondError::NoClient)?;
    let mut last = String::new();
    for attempt in 1..=MAX_ATTEMPTS {
        let left = deadline.saturating_duration_since(Instant::now());
        // However late it is, there is a first one.
        if left.is_zero() && attempt > 1 {
            break;
        }
        // One that hangs must leave time for another.
        let patience = (left / 2).clamp(MIN_PATIENCE, MAX_PATIENCE);
        match timeout(patience, put(&client, url, body)).await {
            Ok(Ok(())) => return Ok(attempt),
            Ok(Err(failure)) => last = failure,
            Err(_) => last = format!("no answer within {} ms", patience.as_millis()),
        }
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1);
        sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
    Err(RespondError::NotAccepted(last))
}

type HttpsClient = Client<HttpsConnector<HttpConnector>, String>;

fn client() -> Result<HttpsClient, std::io::Error> {
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(Arc::new(aws_lc_rs::default_provider()))?
        .https_or_http()
        .enable_http1()
        .build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// What fails is described without the URL.
fn put(
    client: &HttpsClient,
    url: &ResponseUrl,
    body: &str,
) -> impl Future<Output = Result<(), String>> {
    let request = Request::put(url.0.clone())
        // The signature is over an empty one.
        .header(CONTENT_TYPE, "")
        .body(body.to_owned());
    let response = request.map(|request| client.request(request));
    async {
        let response = response.map_err(|error| describe(&error))?.await;
        match response.map_err(|error| describe(&error))?.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("HTTP status {}", status.as_u16())),
        }
    }
}

fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

const MAX_ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MIN_PATIENCE: Duration = Duration::from_millis(500);
const MAX_PATIENCE: Duration = Duration::from_secs(5);

/// CloudFormation was not told.
#[derive(Debug)]
#[non_exhaustive]
pub enum RespondError {
    /// There are no CAs to believe a server by.
    NoClient(std::io::Error),
    /// What became of the last try.
    NotAccepted(String),
}

impl fmt::Display for RespondError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClient(error) => write!(
                f,
                "CloudFormation cannot be answered: the system's CA certificates are unusable: {error}"
            ),
            Self::NotAccepted(last) => {
                write!(f, "CloudFormation did not take the answer: {last}")
            }
        }
    }
}

impl Error for RespondError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoClient(error) => Some(error),
            Self::NotAccepted(_) => None,
        }
    }
}
