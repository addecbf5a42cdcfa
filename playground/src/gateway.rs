//! The HTTPS front: what API Gateway does between a client and the two functions.

use std::convert::Infallible;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls_pki_types::CertificateDer;
use serde_json::Value;
use testkit::pki::der;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use crate::cloud::{Cloud, Lambda};
use crate::event::{self, Source};
use crate::now;
use crate::tls::server_config;

/// The open gateway. It closes when this value goes.
pub struct Gateway {
    port: u16,
    accepting: AbortHandle,
}

impl Gateway {
    /// Opens the gateway; `report` hears of each request, before it is answered, and of each refused
    /// handshake.
    ///
    /// # Errors
    /// TLS cannot be set up, or the listener cannot be used.
    pub fn start(
        listener: TcpListener,
        cloud: Arc<Cloud>,
        report: impl Fn(&Report) + Send + Sync + 'static,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let authorizer = Arc::clone(cloud.authorizer());
        Self::start_with(authorizer, listener, cloud, report)
    }

    /// The same for a gateway that asks this authorizer, which may be
    /// [another one](Cloud::another_authorizer).
    ///
    /// # Errors
    /// See [`Self::start`].
    pub fn start_with(
        authorizer: Arc<Lambda>,
        listener: TcpListener,
        cloud: Arc<Cloud>,
        report: impl Fn(&Report) + Send + Sync + 'static,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let config = server_config(&cloud.trusted_cas(), &cloud.server_leaf())
            .map_err(|error| format!("cannot set up TLS: {error}"))?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let port = listener.local_addr()?.port();
        let front = Arc::new(Front {
            cloud,
            authorizer,
            port,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            report: Box::new(report),
            requests: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(async move {
            loop {
                if let Ok((stream, address)) = listener.accept().await {
                    tokio::spawn(Arc::clone(&front).connection(stream, address));
                }
            }
        });
        Ok(Self {
            port,
            accepting: accepting.abort_handle(),
        })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What happened at the gateway.
#[derive(Clone, Debug)]
pub enum Report {
    /// A client that did not get through the handshake.
    Refused {
        /// Why.
        reason: String,
    },
    /// A request, and what the authorizer decided.
    Answered {
        /// The value of `apigw-requestid`.
        request_id: String,
        /// The common name of the client's certificate.
        client: String,
        /// Method and path.
        request: String,
        /// What the client is answered.
        status: StatusCode,
        /// `allow` or `deny` and the authorizer's reason, or `authorizer` and its error.
        reason: String,
        /// How long the authorizer took.
        authorizer: Duration,
        /// How long it took in all.
        total: Duration,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { reason } => write!(f, "handshake refused: {reason}"),
            Self::Answered {
                request_id: _,
                client,
                request,
                status,
                reason,
                authorizer,
                total,
            } => write!(
                f,
                "{request}  {client}  {}  {reason}  (authorizer {:.2} ms, in all {:.2} ms)",
                status.as_u16(),
                authorizer.as_secs_f64() * 1e3,
                total.as_secs_f64() * 1e3,
            ),
        }
    }
}

struct Front {
    cloud: Arc<Cloud>,
    authorizer: Arc<Lambda>,
    port: u16,
    acceptor: TlsAcceptor,
    report: Box<dyn Fn(&Report) + Send + Sync>,
    requests: AtomicU64,
}

impl Front {
    async fn connection(self: Arc<Self>, stream: TcpStream, address: SocketAddr) {
        let _ = stream.set_nodelay(true);
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream));
        let stream = match handshake.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return (self.report)(&Report::Refused {
                    reason: error.to_string(),
                });
            }
            Err(_) => return,
        };
        let client = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(|chain| chain.first());
        // The verifier lets nobody in without one.
        let Some(client) = client.map(certificate_pem) else {
            return;
        };
        let client: Arc<str> = client.into();
        let service = service_fn(move |request| {
            let (front, client) = (Arc::clone(&self), Arc::clone(&client));
            async move { Ok::<_, Infallible>(front.answer(request, &client, address).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        // A client that goes away is the client's business.
        let _ = connection.await;
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        certificate_pem: &str,
        address: SocketAddr,
    ) -> Response<Body> {
        let started = Instant::now();
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let request_id = format!("playground-{number:08}");
        let source_ip = address.ip().to_string();
        let source = Source {
            request_id: &request_id,
            source_ip: &source_ip,
            port: self.port,
            time: now(),
        };

        let (request, body) = request.into_parts();
        let event = event::authorizer_event(&request, certificate_pem, &source);
        let client_cert = event["requestContext"]["authentication"].clone();
        let invocation = self.authorizer.invoke(event).await;
        let (mut response, reason) = match Decision::from(invocation.result) {
            Decision::Allow(context) => {
                let reason = reason_of("allow", &context);
                (
                    self.call_api(&request, body, &client_cert, &context, &source)
                        .await,
                    reason,
                )
            }
            Decision::Deny(context) => {
                let reason = reason_of("deny", &context);
                (event::message(StatusCode::FORBIDDEN, "Forbidden"), reason)
            }
            Decision::Failure(why) => (internal_server_error(), format!("authorizer: {why}")),
        };
        if let Ok(id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        (self.report)(&Report::Answered {
            request_id,
            client: common_name(&client_cert["clientCert"]["subjectDN"]),
            request: format!("{} {}", request.method, request.uri.path()),
            status: response.status(),
            reason,
            authorizer: invocation.elapsed,
            total: started.elapsed(),
        });
        response.map(Body::from)
    }

    /// Calls the API for a request that was let in.
    async fn call_api(
        &self,
        request: &Parts,
        body: Incoming,
        authentication: &Value,
        context: &Value,
        source: &Source<'_>,
    ) -> Response<Vec<u8>> {
        let Ok(body) = to_bytes(Body::new(body), MAX_BODY).await else {
            return event::message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let event = event::proxy_event(request, &body, authentication, context, source);
        let answer = self.cloud.sample_api().invoke(event).await.result.ok();
        answer
            .as_ref()
            .and_then(event::response)
            .unwrap_or_else(internal_server_error)
    }
}

/// What the authorizer's answer comes to.
enum Decision {
    Allow(Value),
    Deny(Value),
    /// Neither: API Gateway answers 500 and does not call the API.
    Failure(String),
}

impl<E: fmt::Display> From<Result<Value, E>> for Decision {
    fn from(result: Result<Value, E>) -> Self {
        match result {
            Ok(mut answer) => match answer["isAuthorized"].as_bool() {
                Some(true) => Self::Allow(answer["context"].take()),
                Some(false) => Self::Deny(answer["context"].take()),
                None => Self::Failure("answer without isAuthorized".to_owned()),
            },
            Err(error) => Self::Failure(error.to_string()),
        }
    }
}

fn reason_of(decision: &str, context: &Value) -> String {
    format!(
        "{decision}: {}",
        context["reason"].as_str().unwrap_or("no reason given")
    )
}

/// The last `CN=` of a subject, which is who the playground's clients are.
fn common_name(subject: &Value) -> String {
    let subject = subject.as_str().unwrap_or_default();
    subject
        .rsplit_once("CN=")
        .map_or(subject, |(_, name)| name)
        .to_owned()
}

fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    der::pem("CERTIFICATE", certificate)
}

fn internal_server_error() -> Response<Vec<u8>> {
    event::message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A function's event is 6 MB at most, and Base64 takes a third more than the body.
const MAX_BODY: usize = 4 * 1024 * 1024;
