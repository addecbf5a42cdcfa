//! An in-process S3, over real HTTP or HTTPS, for the real SDK client and the real Lambda binaries.
//!
//! `s3s` does the protocol: routing, XML, SigV4 verification, aws-chunked bodies. The store behind
//! it is ours (`store.rs`), because what the product leans on is exactly what ready-made backends
//! get wrong: conditional GET and HEAD, atomic conditional PUT, versions, checksums. Faults and the
//! request log sit in front of both, so a test can also see requests that never reached the store.

mod https;
mod store;

use std::collections::VecDeque;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use futures::{StreamExt, stream};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH, RANGE};
use hyper::service::service_fn;
use hyper::{Method, Uri};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::dto::StreamingBlob;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{HttpError, HttpRequest, HttpResponse, S3Error, S3ErrorCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::connection::{Connection, Reset};
use https::Https;
use store::{Earlier, Store};

/// An S3 endpoint on a port of the loopback interface. Clones share it; it ends with the last one.
#[derive(Clone)]
pub struct S3Server {
    shared: Arc<Shared>,
}

impl S3Server {
    /// Starts an empty S3 on a free port, over HTTP.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts an empty S3 on a free port, over HTTPS, with a certificate of a private CA of its own.
    pub async fn start_https() -> Self {
        Self::start_with(Some(Https::new())).await
    }

    async fn start_with(https: Option<Https>) -> Self {
        // This socket never listens. It keeps the port ours while the server is stopped, so that
        // connections are refused then, and nobody else can be given the port.
        let reservation = reusable_socket();
        reservation
            .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .expect("bind a free port");
        let address = reservation
            .local_addr()
            .expect("bound socket has an address");

        let store = Store::default();
        let mut builder = S3ServiceBuilder::new(store.clone());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        let front = Front {
            service: builder.build(),
            faults: Arc::default(),
            hung: watch::Sender::default(),
            requests: Arc::default(),
        };
        let server = Self {
            shared: Arc::new(Shared {
                store,
                front,
                address,
                https,
                accepting: Mutex::new(None),
                _reservation: reservation,
            }),
        };
        server.resume().await;
        server
    }

    /// The endpoint URL, `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        let scheme = match self.shared.https {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.shared.address)
    }

    /// Creates a bucket, versioned; an existing one is left as it is.
    pub fn create_bucket(&self, name: &str) {
        self.shared.store.create_bucket(name);
    }

    /// Creates a bucket that keeps no versions, as buckets do that nothing else was said of.
    pub fn create_unversioned_bucket(&self, name: &str) {
        self.shared.store.create_unversioned_bucket(name);
    }

    /// Stores an object as its owner would, without HTTP, and returns its ETag in the quotes in
    /// which S3 returns it. Panics if there is no such bucket.
    pub fn put(&self, bucket: &str, key: &str, bytes: impl Into<Vec<u8>>) -> String {
        self.shared.store.put(bucket, key, bytes.into())
    }

    /// The current version of an object.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.shared.store.get(bucket, key)
    }

    /// All versions of an object, oldest first; `None` is a delete marker.
    pub fn versions(&self, bucket: &str, key: &str) -> Vec<Option<Vec<u8>>> {
        self.shared.store.versions(bucket, key)
    }

    /// Deletes an object: a delete marker becomes its current version.
    pub fn remove(&self, bucket: &str, key: &str) {
        self.shared.store.remove(bucket, key);
    }

    /// Puts an object's current version under a legal hold of S3 Object Lock: it cannot be deleted.
    /// Panics if there is no such object.
    pub fn hold(&self, bucket: &str, key: &str) {
        self.shared.store.hold(bucket, key);
    }

    /// The ETag of an object's current version, in quotes.
    pub fn etag(&self, bucket: &str, key: &str) -> Option<String> {
        self.shared.store.etag(bucket, key)
    }

    /// The environment variables that point an unchanged AWS SDK at this server, and, over HTTPS, make
    /// it trust the server's CA and no other.
    pub fn environment(&self) -> Vec<(String, String)> {
        let endpoint = self.endpoint();
        let ca_bundle = self.shared.https.as_ref().map(Https::ca_bundle);
        [
            ("AWS_ENDPOINT_URL_S3", endpoint.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
        .into_iter()
        .chain(ca_bundle.map(|path| ("SSL_CERT_FILE", path)))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    /// A client with this server's credentials.
    pub fn client(&self) -> aws_sdk_s3::Client {
        self.client_with_secret(SECRET_ACCESS_KEY)
    }

    /// A client that signs with another secret.
    pub fn client_with_secret(&self, secret_access_key: &str) -> aws_sdk_s3::Client {
        let credentials = Credentials::new(ACCESS_KEY_ID, secret_access_key, None, None, "testkit");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials)
            .endpoint_url(self.endpoint())
            .http_client(match &self.shared.https {
                Some(https) => https.client(),
                None => aws_smithy_http_client::Builder::new().build_http(),
            })
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// Makes the next `times` requests for `operation` on a key with this ending fail. Faults are
    /// used up in the order in which they were set. An SDK client retries most of them, two more
    /// times.
    pub fn fail_next(&self, operation: Operation, key_suffix: &str, fault: Fault, times: usize) {
        let mut faults = self.shared.front.faults.lock().unwrap();
        for _ in 0..times {
            faults.push_back(PendingFault {
                target: Target::Next(operation, key_suffix.to_owned()),
                fault,
            });
        }
    }

    /// Makes one request fail, whatever it asks for: the one that comes after so many others.
    pub fn fail_after(&self, others: usize, fault: Fault) {
        let target = Target::After(others);
        let mut faults = self.shared.front.faults.lock().unwrap();
        faults.push_back(PendingFault { target, fault });
    }

    /// Waits until so many requests have been left hanging ([`Fault::Hang`],
    /// [`Fault::HangAfterwards`]) since the server was made.
    pub async fn hung(&self, count: usize) {
        let mut hung = self.shared.front.hung.subscribe();
        let _ = hung.wait_for(|hung| *hung >= count).await;
    }

    /// Takes back the faults that have not been used up, and says how many these are.
    pub fn clear_faults(&self) -> usize {
        let mut faults = self.shared.front.faults.lock().unwrap();
        faults.drain(..).count()
    }

    /// The requests answered so far, oldest first, refused and failed ones too.
    pub fn requests(&self) -> Vec<Request> {
        self.shared
            .front
            .requests
            .lock()
            .unwrap()
            .iter()
            .cloned()
            .collect()
    }

    /// Calls back with bucket, key and ETag (bare, as in S3's own events) after each object stored,
    /// through the API or by [`Self::put`]: what S3 event notifications hang on.
    pub fn on_put(&self, callback: impl Fn(&str, &str, &str) + Send + Sync + 'static) {
        self.shared.store.on_put(Arc::new(callback));
    }

    /// Stops serving: open connections are closed and new ones refused until [`Self::resume`].
    pub async fn stop(&self) {
        let accepting = self.shared.accepting.lock().unwrap().take();
        if let Some(accepting) = accepting {
            accepting.abort();
            // The abort is asynchronous; the listener is closed when its task has been dropped.
            while tokio::net::TcpStream::connect(self.shared.address)
                .await
                .is_ok()
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// Serves again, on the same port and with the same objects.
    pub async fn resume(&self) {
        let mut accepting = self.shared.accepting.lock().unwrap();
        if accepting.is_none() {
            let socket = reusable_socket();
            socket
                .bind(self.shared.address)
                .expect("bind the reserved port");
            let listener = socket.listen(1024).expect("listen on the reserved port");
            let acceptor = self.shared.https.as_ref().map(Https::acceptor);
            let task = tokio::spawn(accept(listener, acceptor, self.shared.front.clone()));
            *accepting = Some(task.abort_handle());
        }
    }
}

impl fmt::Debug for S3Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Server")
            .field("endpoint", &self.endpoint())
            .finish_non_exhaustive()
    }
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// GET of an object.
    GetObject,
    /// HEAD of an object.
    HeadObject,
    /// PUT of an object.
    PutObject,
    /// DELETE of an object.
    DeleteObject,
    /// POST to a bucket with `delete`. Its key, in log and faults, is empty.
    DeleteObjects,
    /// GET of a bucket with `versions`. Its key, in log and faults, is empty.
    ListObjectVersions,
    /// GET of a bucket with `list-type=2`. Its key, in log and faults, is empty.
    ListObjectsV2,
    /// Anything else.
    Other,
}

impl Operation {
    fn of(method: &Method, uri: &Uri, key: &str) -> Self {
        let asks = |name: &str| {
            let mut parameters = uri.query().unwrap_or_default().split('&');
            parameters.any(|parameter| parameter.split('=').next() == Some(name))
        };
        match (method, key.is_empty()) {
            (&Method::GET, false) => Self::GetObject,
            (&Method::HEAD, false) => Self::HeadObject,
            (&Method::PUT, false) => Self::PutObject,
            (&Method::DELETE, false) => Self::DeleteObject,
            (&Method::GET, true) if uri.query().is_some_and(|q| q.contains("list-type=2")) => {
                Self::ListObjectsV2
            }
            (&Method::GET, true) if asks("versions") => Self::ListObjectVersions,
            (&Method::POST, true) if asks("delete") => Self::DeleteObjects,
            _ => Self::Other,
        }
    }
}

/// How a request is made to fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// An error answer with this HTTP status and S3 error code; nothing is read or stored.
    Status(u16, &'static str),
    /// The connection is closed without an answer; nothing is read or stored.
    DropConnection,
    /// The connection is reset (RST) without an answer; nothing is read or stored.
    ResetConnection,
    /// There is never an answer; nothing is read or stored.
    Hang,
    /// The request is carried out, and there is never an answer.
    HangAfterwards,
    /// The request is carried out, then the connection is closed without an answer.
    LoseResponse,
    /// The answer ends after so many bytes of its body, although its length promised more.
    TruncateBody(usize),
    /// One bit of the body's octet at this index, counted round, is another one. The headers, with
    /// ETag and checksum, are those of the right body.
    CorruptBody(usize),
    /// What is read is what was there before: the version before the current one of an object, the
    /// listing of a bucket without the last write to it.
    ServeEarlier,
    /// The body of the answer pauses after so many bytes, for so long.
    StallBody(usize, Duration),
    /// The answer comes, but so much later.
    Delay(Duration),
}

/// One line of the request log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// What was asked for.
    pub operation: Operation,
    /// The bucket.
    pub bucket: String,
    /// The key, empty for requests on the bucket.
    pub key: String,
    /// The status answered; `None` if the connection was closed instead.
    pub status: Option<u16>,
    /// The `If-Match` header as sent.
    pub if_match: Option<String>,
    /// The `If-None-Match` header as sent.
    pub if_none_match: Option<String>,
    /// The `Range` header as sent.
    pub range: Option<String>,
}

struct Shared {
    store: Store,
    front: Front,
    address: SocketAddr,
    https: Option<Https>,
    accepting: Mutex<Option<AbortHandle>>,
    _reservation: TcpSocket,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.get_mut().unwrap().take() {
            accepting.abort();
        }
    }
}

/// What stands between a connection and the store.
#[derive(Clone)]
struct Front {
    service: S3Service,
    faults: Arc<Mutex<VecDeque<PendingFault>>>,
    hung: watch::Sender<usize>,
    requests: Arc<Mutex<VecDeque<Request>>>,
}

impl Front {
    async fn answer(
        self,
        request: HttpRequest<Incoming>,
        reset: Reset,
    ) -> Result<HttpResponse, HttpError> {
        let (bucket, key) = bucket_and_key(request.uri().path());
        let mut entry = Request {
            operation: Operation::of(request.method(), request.uri(), &key),
            bucket,
            key,
            status: None,
            if_match: header(request.headers(), &IF_MATCH),
            if_none_match: header(request.headers(), &IF_NONE_MATCH),
            range: header(request.headers(), &RANGE),
        };
        let fault = self.take_fault(&entry);
        let answer = self.answer_with(fault, request, &reset).await;
        entry.status = answer
            .as_ref()
            .ok()
            .map(|response| response.status().as_u16());

        let mut requests = self.requests.lock().unwrap();
        if requests.len() == REQUESTS_KEPT {
            requests.pop_front();
        }
        requests.push_back(entry);
        answer
    }

    fn take_fault(&self, entry: &Request) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let mut first = None;
        for (index, pending) in faults.iter_mut().enumerate() {
            let is_meant = match &mut pending.target {
                Target::Next(operation, suffix) => {
                    *operation == entry.operation && entry.key.ends_with(&*suffix)
                }
                Target::After(0) => true,
                Target::After(others) => {
                    *others -= 1;
                    false
                }
            };
            if is_meant && first.is_none() {
                first = Some(index);
            }
        }
        faults.remove(first?).map(|pending| pending.fault)
    }

    async fn answer_with(
        &self,
        fault: Option<Fault>,
        mut request: HttpRequest<Incoming>,
        reset: &Reset,
    ) -> Result<HttpResponse, HttpError> {
        if let Some(Fault::ServeEarlier) = fault {
            request.extensions_mut().insert(Earlier);
        }
        let carry_out = || self.service.call(request.map(Into::into));
        match fault {
            None | Some(Fault::ServeEarlier) => carry_out().await,
            Some(Fault::Status(status, code)) => Ok(error_response(status, code)),
            Some(Fault::DropConnection) => Err(lost("connection dropped by the test")),
            Some(Fault::ResetConnection) => {
                reset.demand();
                Err(lost("connection reset by the test"))
            }
            Some(Fault::Hang) => self.hang().await,
            Some(Fault::HangAfterwards) => {
                carry_out().await?;
                self.hang().await
            }
            Some(Fault::LoseResponse) => {
                carry_out().await?;
                Err(lost("response lost by the test"))
            }
            Some(Fault::TruncateBody(length)) => truncated(carry_out().await?, length).await,
            Some(Fault::CorruptBody(index)) => corrupted(carry_out().await?, index).await,
            Some(Fault::StallBody(length, pause)) => {
                stalled(carry_out().await?, length, pause).await
            }
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                carry_out().await
            }
        }
    }

    async fn hang(&self) -> Result<HttpResponse, HttpError> {
        self.hung.send_modify(|hung| *hung += 1);
        std::future::pending().await
    }
}

struct PendingFault {
    target: Target,
    fault: Fault,
}

enum Target {
    /// The next request for an operation on a key that ends so.
    Next(Operation, String),
    /// The request after so many others.
    After(usize),
}

/// Accepts until aborted; its connections end with it.
async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, front: Front) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Without it, an answer in two segments waits for the client's delayed ACK.
                let _ = stream.set_nodelay(true);
                let (acceptor, front) = (acceptor.clone(), front.clone());
                let reset = Reset::default();
                let stream = Connection::new(stream, reset.clone());
                connections.spawn(async move {
                    match acceptor {
                        None => serve(stream, front, reset).await,
                        // Without a handshake there is nobody to answer.
                        Some(acceptor) => if let Ok(stream) = acceptor.accept(stream).await {
                            serve(stream, front, reset).await;
                        }
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, front: Front, reset: Reset) {
    let service = service_fn(move |request| front.clone().answer(request, reset.clone()));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that goes away is the client's business.
    let _ = connection.await;
}

fn reusable_socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("create a socket");
    socket.set_reuseaddr(true).expect("SO_REUSEADDR");
    socket.set_reuseport(true).expect("SO_REUSEPORT");
    socket
}

fn error_response(status: u16, code: &'static str) -> HttpResponse {
    let known = S3ErrorCode::from_bytes(code.as_bytes()).expect("an S3 error code");
    let mut error = S3Error::with_message(known, format!("{code}, as the test asked for"));
    error.set_status_code(status.try_into().expect("valid HTTP status"));
    error
        .to_http_response()
        .expect("an error without exotic fields serialises")
}

async fn truncated(response: HttpResponse, length: usize) -> Result<HttpResponse, HttpError> {
    let (parts, mut body) = response.into_parts();
    let mut bytes = body
        .store_all_limited(usize::MAX)
        .await
        .map_err(HttpError::new)?;
    bytes.truncate(length);
    let end = async {
        // Head and first part must be on their way before the connection breaks, or the client sees
        // a lost response instead, and tries again.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("truncated by the test"))
    };
    let chunks = stream::once(async { Ok(bytes) }).chain(stream::once(end));
    let body = StreamingBlob::wrap(chunks);
    Ok(HttpResponse::from_parts(parts, body.into()))
}

async fn corrupted(response: HttpResponse, index: usize) -> Result<HttpResponse, HttpError> {
    let (parts, mut body) = response.into_parts();
    let bytes = body
        .store_all_limited(usize::MAX)
        .await
        .map_err(HttpError::new)?;
    let mut bytes = bytes.to_vec();
    let length = bytes.len();
    if let Some(octet) = index.checked_rem(length).and_then(|i| bytes.get_mut(i)) {
        *octet ^= 1;
    }
    Ok(HttpResponse::from_parts(parts, bytes.into()))
}

async fn stalled(
    response: HttpResponse,
    length: usize,
    pause: Duration,
) -> Result<HttpResponse, HttpError> {
    let (parts, mut body) = response.into_parts();
    let mut bytes = body
        .store_all_limited(usize::MAX)
        .await
        .map_err(HttpError::new)?;
    let rest = bytes.split_off(length.min(bytes.len()));
    let late = async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::io::Error>(rest)
    };
    let chunks = stream::once(async { Ok(bytes) }).chain(stream::once(late));
    let body = StreamingBlob::wrap(chunks);
    Ok(HttpResponse::from_parts(parts, body.into()))
}

fn lost(reason: &str) -> HttpError {
    HttpError::new(reason.into())
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Splits a path-style request path.
fn bucket_and_key(path: &str) -> (String, String) {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    (bucket.to_owned(), percent_decoded(key))
}

fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [high, low, ..] if *first == b'%' => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        decoded.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

pub(crate) const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET_ACCESS_KEY: &str = "in-process-secret-access-key";
pub(crate) const REGION: &str = "us-east-1";
/// A long-running playground must not grow by its own log.
const REQUESTS_KEPT: usize = 1 << 16;

#[cfg(test)]
mod tests;
