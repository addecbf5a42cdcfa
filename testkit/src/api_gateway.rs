//! API Gateway's own API, as far as authorizer caches go: it checks what AWS would check of a call that
//! flushes one, and its failures can be chosen.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use aws_lc_rs::{digest, hmac};
use hyper::body::{Body, Incoming};
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::connection::{Connection, Reset};
use crate::s3::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};

/// A server on a port of the loopback interface. It ends with this value.
pub struct ApiGateway {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: AbortHandle,
}

impl ApiGateway {
    /// Starts a server that knows every API and stage.
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

    /// The environment variables that point an unchanged AWS SDK at this server. Credentials and region
    /// are those of [`S3Server::environment`](crate::s3::S3Server::environment).
    pub fn environment(&self) -> [(String, String); 2] {
        let endpoint = format!("http://{}", self.address);
        [
            "AWS_ENDPOINT_URL_APIGATEWAYV2",
            "AWS_ENDPOINT_URL_API_GATEWAY",
        ]
        .map(|name| (name.to_owned(), endpoint.clone()))
    }

    /// Makes the next `times` calls fail that are about an API of that id.
    pub fn fail_next(&self, api_id: &str, fault: Fault, times: usize) {
        let mut faults = self.shared.faults.lock().unwrap();
        faults.extend(std::iter::repeat_n((api_id.to_owned(), fault), times));
    }

    /// Takes back the faults that have not been used up.
    pub fn clear_faults(&self) {
        self.shared.faults.lock().unwrap().clear();
    }

    /// Waits until so many calls have been left hanging since the server was made.
    pub async fn hung(&self, count: usize) {
        let mut hung = self.shared.hung.subscribe();
        let _ = hung.wait_for(|hung| *hung >= count).await;
    }

    /// Every call so far, failed and refused ones too.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// The caches that were flushed so far, each as often as it was: `http:API_ID/STAGE` or
    /// `rest:API_ID/STAGE`.
    pub fn flushed(&self) -> Vec<String> {
        let calls = self.calls().into_iter();
        calls
            .filter(|call| call.status.is_some_and(|status| status < 300))
            .map(|call| call.cache)
            .collect()
    }
}

impl Drop for ApiGateway {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for ApiGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiGateway")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// How a call is made to fail. No cache is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this HTTP status and this error code.
    Status(u16, &'static str),
    /// There is never an answer.
    Hang,
    /// The connection is reset (RST) without an answer.
    ResetConnection,
}

/// A call that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Method and path as sent.
    pub request: String,
    /// The cache it is about: `http:API_ID/STAGE` or `rest:API_ID/STAGE`; empty for another path.
    pub cache: String,
    /// The status answered; `None` if there was no answer.
    pub status: Option<u16>,
}

#[derive(Default)]
struct Shared {
    faults: Mutex<VecDeque<(String, Fault)>>,
    calls: Mutex<Vec<Call>>,
    hung: watch::Sender<usize>,
}

impl Shared {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        reset: Reset,
    ) -> Result<Response<String>, Lost> {
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let named = cache_of(&path);
        let mut call = Call {
            request: format!("{method} {path}"),
            cache: named
                .as_ref()
                .map(|cache| cache.name.clone())
                .unwrap_or_default(),
            status: None,
        };
        let fault = named
            .as_ref()
            .and_then(|cache| self.take_fault(&cache.api_id));
        let (status, error) = match (named, fault) {
            (_, Some(Fault::Hang)) => {
                self.calls.lock().unwrap().push(call);
                self.hung.send_modify(|hung| *hung += 1);
                return std::future::pending().await;
            }
            (_, Some(Fault::ResetConnection)) => {
                self.calls.lock().unwrap().push(call);
                reset.demand();
                return Err(Lost);
            }
            (_, Some(Fault::Status(status, code))) => (status, Some(code)),
            (None, None) => (404, Some("NotFoundException")),
            // As API Gateway answers what it has no operation for.
            (Some(_), None) if method != Method::DELETE => {
                (403, Some("MissingAuthenticationTokenException"))
            }
            (Some(_), None) if !request.body().is_end_stream() => {
                (400, Some("BadRequestException"))
            }
            (Some(cache), None) => match is_signed(request.headers(), &path) {
                false => (403, Some("InvalidSignatureException")),
                true => (cache.success, None),
            },
        };
        call.status = Some(status);
        self.calls.lock().unwrap().push(call);
        let status = StatusCode::from_u16(status).expect("a status");
        let mut response = Response::new(String::new());
        if let Some(code) = error {
            let code_header = code.parse().expect("a header's value");
            response
                .headers_mut()
                .insert("x-amzn-errortype", code_header);
            *response.body_mut() = format!(r#"{{"message":"{code}, as the test asked for"}}"#);
        }
        *response.status_mut() = status;
        Ok(response)
    }

    fn take_fault(&self, api_id: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let index = faults.iter().position(|(id, _)| id == api_id)?;
        Some(faults.remove(index)?.1)
    }
}

struct Cache {
    name: String,
    api_id: String,
    /// The status when it was flushed: each kind of API has another.
    success: u16,
}

fn cache_of(path: &str) -> Option<Cache> {
    let (kind, success, rest) = match path.strip_prefix("/v2/apis/") {
        Some(rest) => ("http", 204, rest),
        None => ("rest", 202, path.strip_prefix("/restapis/")?),
    };
    let (api_id, rest) = rest.split_once("/stages/")?;
    let stage = rest.strip_suffix("/cache/authorizers")?.replace("%24", "$");
    Some(Cache {
        name: format!("{kind}:{api_id}/{stage}"),
        api_id: api_id.to_owned(),
        success,
    })
}

/// Whether the headers are signed with our credentials, for this service and region: AWS Signature
/// Version 4, of a request without query and body.
fn is_signed(headers: &HeaderMap, path: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(parts) = text(AUTHORIZATION.as_str())
        .and_then(|authorization| authorization.strip_prefix("AWS4-HMAC-SHA256 "))
    else {
        return false;
    };
    let part = |name: &str| {
        let mut parts = parts.split(", ");
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let parts = (part("Credential"), part("SignedHeaders"), part("Signature"));
    let ((Some(credential), Some(signed), Some(signature)), Some(date)) =
        (parts, text("x-amz-date"))
    else {
        return false;
    };
    let day = &date[..8.min(date.len())];
    let scope = format!("{day}/{REGION}/apigateway/aws4_request");
    if credential != format!("{ACCESS_KEY_ID}/{scope}") || !signed.split(';').any(|h| h == "host") {
        return false;
    }
    let canonical_headers: String = signed
        .split(';')
        .map(|name| format!("{name}:{}\n", text(name).unwrap_or_default().trim()))
        .collect();
    let canonical = format!(
        "DELETE\n{}\n\n{canonical_headers}\n{signed}\n{}",
        encoded(path),
        sha256(b"")
    );
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        sha256(canonical.as_bytes())
    );
    let secret = format!("AWS4{SECRET_ACCESS_KEY}").into_bytes();
    let key = [day, REGION, "apigateway", "aws4_request"]
        .into_iter()
        .fold(secret, |key, part| mac(&key, part));
    hexadecimal(&mac(&key, &to_sign)) == signature
}

/// The path is encoded once more than it is on its way, but for S3.
fn encoded(path: &str) -> String {
    let encode = |octet: u8| match octet {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(octet).to_string()
        }
        octet => format!("%{octet:02X}"),
    };
    path.bytes().map(encode).collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn sha256(octets: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, octets).as_ref())
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[derive(Debug)]
struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset by the test")
    }
}

impl std::error::Error for Lost {}

async fn accept(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let reset = Reset::default();
            let stream = Connection::new(stream, reset.clone());
            let service =
                service_fn(move |request| Arc::clone(&shared).answer(request, reset.clone()));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away is the client's business.
            let _ = connection.await;
        });
    }
}
