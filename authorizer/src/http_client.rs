//! HTTP/1.1 over TLS for the S3 client: hyper's client and rustls, put together for the SDK.
//!
//! The SDK's own way to do so brings HTTP/2 and proxies along, a tenth of the whole binary, which is
//! loaded at each cold start, while S3 speaks HTTP/1.1. What is here is what the two sides expect of
//! each other: timeouts, which errors are worth a retry, and that a connection that failed is not
//! used again.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{
    CaptureConnection, HttpConnector as Tcp, capture_connection,
};
use hyper_util::client::legacy::{Client, Error as HyperError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};

/// A client that believes servers by these CAs.
///
/// # Errors
/// The TLS provider lacks a protocol version that rustls asks for.
pub(crate) fn http_client(roots: RootCertStore) -> Result<SharedHttpClient, rustls::Error> {
    // Instead of AWS-LC, which gathers entropy for tens of milliseconds first.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // One for all: the SDK asks for one to check its configuration, and for one with each request.
    let connector = OnceLock::new();
    Ok(http_client_fn(move |settings, _| {
        let connector = connector.get_or_init(|| {
            SharedHttpConnector::new(Http1 {
                client: client(tls.clone(), settings),
                read_timeout: settings.read_timeout(),
            })
        });
        connector.clone()
    }))
}

fn client(
    tls: ClientConfig,
    settings: &HttpConnectorSettings,
) -> Client<HttpsConnector<Tcp>, SdkBody> {
    let mut tcp = Tcp::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(settings.connect_timeout());
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        // What the endpoint's URL says; S3's own endpoints say https.
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(https)
}

#[derive(Debug)]
struct Http1 {
    client: Client<HttpsConnector<Tcp>, SdkBody>,
    /// Up to the answer's head; a connection that is new, and its handshake, are within it too.
    read_timeout: Option<Duration>,
}

impl HttpConnector for Http1 {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let answer = self.client.request(request);
        let read_timeout = self.read_timeout;
        HttpConnectorFuture::new(async move {
            let answer = match read_timeout {
                Some(limit) => tokio::time::timeout(limit, answer)
                    .await
                    .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?,
                None => answer.await,
            };
            let answer = answer.map_err(connector_error)?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// By which the SDK keeps a connection on which a request failed from being used again.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let connection = connection.clone();
    let poison = move || {
        if let Some(connection) = connection.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    Some(
        ConnectionMetadata::builder()
            .proxied(false)
            .poison_fn(poison)
            .build(),
    )
}

/// What kind of error it is decides whether the SDK tries again: an error of the network, yes.
fn connector_error(error: HyperError) -> ConnectorError {
    let hyper = source_of::<hyper::Error>(&error);
    let io = source_of::<std::io::Error>(&error);
    if io.is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut) {
        ConnectorError::timeout(error.into())
    } else if hyper.is_some_and(hyper::Error::is_user) {
        ConnectorError::user(error.into())
    } else {
        // Among them an answer that ends before its time, which S3 is known for.
        ConnectorError::io(error.into())
    }
}

fn source_of<E: Error + 'static>(error: &HyperError) -> Option<&E> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}
