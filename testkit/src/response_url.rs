//! Where a custom resource answers CloudFormation: the presigned URL of an object, on a server whose
//! failures can be chosen.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

/// A server that takes the answers to one request. It ends with this value.
pub struct ResponseUrl {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: AbortHandle,
}

impl ResponseUrl {
    /// Starts a server on a free port of the loopback interface.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("bind a free port");
        let address = listener.local_addr().expect("a bound socket's address");
        let shared = Arc::new(Shared::default());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self {
            shared,
            address,
            accepting,
        }
    }

    /// The URL of a server that is not there.
    pub async fn of_nobody() -> String {
        let server = Self::start().await;
        let url = server.url();
        server.accepting.abort();
        while tokio::net::TcpStream::connect(server.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        url
    }

    /// The URL, shaped as CloudFormation's: escaped characters in the path, and a signature.
    pub fn url(&self) -> String {
        format!("http://{}{PATH_AND_QUERY}", self.address)
    }

    /// What becomes of the next requests, one each; those after are answered with 200.
    pub fn behave(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.shared.behaviours.lock().unwrap().extend(behaviours);
    }

    /// Every request so far, refused ones too.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// The one answer that was accepted. Panics where there is none or more than one, or where it
    /// is not as CloudFormation and S3 need it.
    pub fn answer(&self) -> Value {
        let received = self.received();
        let accepted: Vec<_> = received.iter().filter(|request| request.accepted).collect();
        let [answer] = accepted.as_slice() else {
            panic!("{} answers: {received:?}", accepted.len());
        };
        assert_eq!(answer.method, "PUT");
        assert_eq!(answer.path_and_query, PATH_AND_QUERY);
        // The signature is over no content type.
        assert_eq!(answer.content_type.as_deref().unwrap_or_default(), "");
        // S3 takes no body of unknown length, and CloudFormation none that is longer.
        assert_eq!(answer.content_length, Some(answer.body.len()));
        assert!(answer.body.len() <= 4096, "{} octets", answer.body.len());
        serde_json::from_slice(&answer.body).expect("the answer is JSON")
    }

    /// Waits until that many requests have come.
    pub async fn has_received(&self, count: usize) {
        loop {
            let added = self.shared.added.notified();
            if self.received().len() >= count {
                return;
            }
            added.await;
        }
    }
}

impl Drop for ResponseUrl {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseUrl")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It is answered with this status.
    Status(u16),
    /// The connection is closed without an answer.
    DropConnection,
    /// It is accepted, but so much later.
    Delay(Duration),
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its method.
    pub method: String,
    /// Path and query as sent.
    pub path_and_query: String,
    /// The `Content-Type` header as sent.
    pub content_type: Option<String>,
    /// The `Content-Length` header as sent.
    pub content_length: Option<usize>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it was answered with success.
    pub accepted: bool,
}

/// The signature in [`ResponseUrl::url`], which nobody may log.
pub const SIGNATURE: &str = "5f1c0d7e3b2a49689c77aa51d0c2e4b8f6a1093d2c4b5e6f708192a3b4c5d6e7";

const PATH_AND_QUERY: &str = "/arn%3Aaws%3Acloudformation%3Aus-east-1%3A123456789012%3Astack/crl-\
    authorizer/51af3dc0%7CTruststore%7C8f7a5d2c?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=\
    20261101T120000Z&X-Amz-SignedHeaders=host&X-Amz-Expires=7200&X-Amz-Credential=AKIAEXAMPLE%2F\
    20261101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=\
    5f1c0d7e3b2a49689c77aa51d0c2e4b8f6a1093d2c4b5e6f708192a3b4c5d6e7";

#[derive(Default)]
struct Shared {
    behaviours: Mutex<VecDeque<Behaviour>>,
    received: Mutex<Vec<Received>>,
    added: Notify,
}

impl Shared {
    async fn take(&self, request: Request<Incoming>) -> Result<Response<String>, Dropped> {
        let behaviour = self.behaviours.lock().unwrap().pop_front();
        let (head, body) = request.into_parts();
        let header = |name| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
        let body = collected(body).await.ok_or(Dropped)?;
        let status = match behaviour {
            Some(Behaviour::Status(status)) => status,
            _ => 200,
        };
        self.received.lock().unwrap().push(Received {
            method: head.method.to_string(),
            path_and_query: head.uri.to_string(),
            content_type: header(CONTENT_TYPE),
            content_length: header(CONTENT_LENGTH).and_then(|length| length.parse().ok()),
            body,
            accepted: status == 200 && behaviour != Some(Behaviour::DropConnection),
        });
        self.added.notify_waiters();
        match behaviour {
            Some(Behaviour::DropConnection) => return Err(Dropped),
            Some(Behaviour::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(Behaviour::Status(_)) | None => {}
        }
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        Ok(response)
    }
}

#[derive(Debug)]
struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection dropped by the test")
    }
}

impl std::error::Error for Dropped {}

async fn accept(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(|request| shared.take(request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            let _ = connection.await;
        });
    }
}

async fn collected(body: Incoming) -> Option<Vec<u8>> {
    let mut body = std::pin::pin!(body);
    let mut octets = Vec::new();
    let mut frames = futures::stream::poll_fn(|context| body.as_mut().poll_frame(context));
    while let Some(frame) = frames.next().await {
        if let Ok(data) = frame.ok()?.into_data() {
            octets.extend_from_slice(&data);
        }
    }
    Some(octets)
}
