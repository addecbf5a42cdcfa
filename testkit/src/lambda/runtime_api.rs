//! The Runtime API and the Extensions API of one execution environment, over HTTP.
//!
//! `/next` is a long poll on a channel; an answer wakes the caller of [`RuntimeApi::invoke`] at
//! once. Nothing of an invocation is kept when it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::AbortHandle;

use super::FunctionError;

/// The server side of one environment. Clones share it; it ends with the last one.
#[derive(Clone)]
pub(super) struct RuntimeApi {
    environment: Arc<Environment>,
    server: Arc<Server>,
}

impl RuntimeApi {
    pub(super) async fn start(function_name: &str) -> Self {
        let environment = Arc::new(Environment::new(function_name));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("bound socket has an address");
        // With Nagle's algorithm, an answer in two segments waits 40 ms for the delayed ACK.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let router = router(Arc::clone(&environment));
        let serving = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        let server = Arc::new(Server {
            address,
            serving: serving.abort_handle(),
        });
        Self {
            environment,
            server,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Hands the payload to the runtime when it next waits for one, and waits for the answer.
    pub(super) async fn invoke(&self, payload: Vec<u8>, timeout: Duration) -> Answer {
        let environment = &self.environment;
        if let Err(error) = environment.idle().await {
            return Answer {
                result: Err(error),
                elapsed: Duration::ZERO,
                timed_out: false,
            };
        }
        let work = environment.work(payload, timeout);
        let (id, (reply, replied)) = (work.request_id.clone(), oneshot::channel());
        environment
            .in_flight
            .lock()
            .unwrap()
            .insert(id.clone(), reply);
        environment
            .status
            .send_modify(|status| status.runtime_waits = false);
        environment.tell_extensions(&work);

        let started = Instant::now();
        let _ = environment.work.send(work);
        let (result, timed_out) = tokio::select! {
            Ok(reply) = replied => {
                let elapsed = reply.arrived - started;
                return Answer { result: reply.result, elapsed, timed_out: false };
            }
            exit = environment.exited() => (Err(exit_error(&id, &exit)), false),
            () = tokio::time::sleep(timeout) => (Err(timeout_error(&id, timeout)), true),
        };
        environment.in_flight.lock().unwrap().remove(&id);
        Answer {
            result,
            elapsed: started.elapsed(),
            timed_out,
        }
    }

    /// Waits for the end of the Init phase, however it ends.
    pub(super) async fn init_ended(&self) {
        let mut status = self.environment.status.subscribe();
        let _ = status.wait_for(Status::init_ended).await;
    }

    pub(super) fn init_error(&self) -> Option<FunctionError> {
        self.environment.status.borrow().init_error()
    }

    pub(super) fn fail_init(&self, error_type: &str, message: &str) {
        let error = FunctionError {
            error_type: error_type.into(),
            message: message.into(),
        };
        self.environment
            .status
            .send_modify(|status| status.init_error = Some(error));
    }

    pub(super) fn process_ended(&self, exit: &str) {
        self.environment
            .status
            .send_modify(|status| status.exit = Some(exit.to_owned()));
    }

    pub(super) fn is_running(&self) -> bool {
        self.environment.status.borrow().exit.is_none()
    }

    pub(super) async fn exited(&self) {
        self.environment.exited().await;
    }
}

/// What came of an invocation.
pub(super) struct Answer {
    pub(super) result: Result<Bytes, FunctionError>,
    pub(super) elapsed: Duration,
    pub(super) timed_out: bool,
}

struct Server {
    address: SocketAddr,
    serving: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What the HTTP handlers and the invoking side share.
struct Environment {
    function_name: String,
    work: mpsc::UnboundedSender<Work>,
    works: tokio::sync::Mutex<mpsc::UnboundedReceiver<Work>>,
    in_flight: Mutex<BTreeMap<String, oneshot::Sender<Reply>>>,
    extensions: Mutex<BTreeMap<String, Extension>>,
    status: watch::Sender<Status>,
    invocations: AtomicU64,
}

impl Environment {
    fn new(function_name: &str) -> Self {
        let (work, works) = mpsc::unbounded_channel();
        Self {
            function_name: function_name.to_owned(),
            work,
            works: tokio::sync::Mutex::new(works),
            in_flight: Mutex::default(),
            extensions: Mutex::default(),
            status: watch::Sender::default(),
            invocations: AtomicU64::new(0),
        }
    }

    fn work(&self, payload: Vec<u8>, timeout: Duration) -> Work {
        let number = self.invocations.fetch_add(1, Ordering::Relaxed) + 1;
        Work {
            request_id: format!("8476a536-e9f4-4e53-8f3c-{number:012x}"),
            deadline_ms: deadline_ms(timeout),
            trace_id: format!("Root=1-5bef4de7-{number:024x};Parent={number:016x};Sampled=0"),
            function_arn: format!(
                "arn:aws:lambda:us-east-1:123456789012:function:{}",
                self.function_name
            ),
            payload: payload.into(),
        }
    }

    /// Waits until the runtime and every extension wait for an event.
    async fn idle(&self) -> Result<(), FunctionError> {
        let mut status = self.status.subscribe();
        let status = status
            .wait_for(|status| status.is_idle() || status.unusable().is_some())
            .await
            .expect("the sender is ours");
        status.unusable().map_or(Ok(()), Err)
    }

    async fn exited(&self) -> String {
        let mut status = self.status.subscribe();
        let status = status.wait_for(|status| status.exit.is_some()).await;
        status
            .ok()
            .and_then(|status| status.exit.clone())
            .unwrap_or_default()
    }

    fn tell_extensions(&self, work: &Work) {
        let extensions = self.extensions.lock().unwrap();
        let subscribed = extensions.iter().filter(|(_, extension)| extension.invoke);
        for (id, extension) in subscribed {
            self.status.send_modify(|status| {
                status.busy_extensions.insert(id.clone());
            });
            let _ = extension.events.send(json!({
                "eventType": "INVOKE",
                "deadlineMs": work.deadline_ms,
                "requestId": work.request_id,
                "invokedFunctionArn": work.function_arn,
                "tracing": {"type": "X-Amzn-Trace-Id", "value": work.trace_id},
            }));
        }
    }

    fn reply(&self, id: &str, result: Result<Bytes, FunctionError>) -> Response {
        let Some(reply) = self.in_flight.lock().unwrap().remove(id) else {
            return refusal(
                StatusCode::BAD_REQUEST,
                "InvalidRequestID",
                "Invalid request ID",
            );
        };
        let _ = reply.send(Reply {
            result,
            arrived: Instant::now(),
        });
        accepted()
    }
}

struct Work {
    request_id: String,
    deadline_ms: u64,
    trace_id: String,
    function_arn: String,
    payload: Bytes,
}

struct Reply {
    result: Result<Bytes, FunctionError>,
    arrived: Instant,
}

struct Extension {
    invoke: bool,
    events: mpsc::UnboundedSender<Value>,
    received: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Value>>>,
}

/// Where the environment stands.
#[derive(Default)]
struct Status {
    runtime_waits: bool,
    initialized: bool,
    busy_extensions: BTreeSet<String>,
    init_error: Option<FunctionError>,
    exit: Option<String>,
}

impl Status {
    fn is_idle(&self) -> bool {
        self.runtime_waits && self.busy_extensions.is_empty()
    }

    fn init_ended(&self) -> bool {
        self.is_idle() || self.init_error.is_some() || self.exit.is_some()
    }

    fn init_error(&self) -> Option<FunctionError> {
        match (&self.init_error, &self.exit) {
            (Some(error), _) => Some(error.clone()),
            (None, Some(exit)) if !self.initialized => Some(FunctionError {
                error_type: "Runtime.ExitError".to_owned(),
                message: format!("the runtime ended before its first /next: {exit}"),
            }),
            _ => None,
        }
    }

    fn unusable(&self) -> Option<FunctionError> {
        self.init_error().or_else(|| {
            Some(FunctionError {
                error_type: "Runtime.ExitError".to_owned(),
                message: format!("the runtime has ended: {}", self.exit.as_ref()?),
            })
        })
    }
}

fn router(environment: Arc<Environment>) -> Router {
    let runtime = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        .route("/init/error", post(init_error));
    let extension = Router::new()
        .route("/register", post(register_extension))
        .route("/event/next", get(next_event));
    Router::new()
        .nest("/2018-06-01/runtime", runtime)
        .nest("/2020-01-01/extension", extension)
        .layer(DefaultBodyLimit::max(MAX_RESPONSE_BYTES))
        .with_state(environment)
}

async fn next(State(environment): State<Arc<Environment>>) -> Response {
    environment.status.send_modify(|status| {
        status.runtime_waits = true;
        status.initialized = true;
    });
    let Some(work) = environment.works.lock().await.recv().await else {
        return refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Shutdown",
            "no more invocations",
        );
    };
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", work.request_id),
        ("lambda-runtime-deadline-ms", work.deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", work.function_arn),
        ("lambda-runtime-trace-id", work.trace_id),
    ];
    (headers, work.payload).into_response()
}

async fn response(
    State(environment): State<Arc<Environment>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    environment.reply(&id, Ok(body))
}

async fn error(
    State(environment): State<Arc<Environment>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    environment.reply(&id, Err(reported_error(&headers, &body)))
}

async fn init_error(
    State(environment): State<Arc<Environment>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let error = reported_error(&headers, &body);
    environment
        .status
        .send_modify(|status| status.init_error = Some(error));
    accepted()
}

async fn register_extension(
    State(environment): State<Arc<Environment>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(name) = headers
        .get("lambda-extension-name")
        .and_then(|name| name.to_str().ok())
    else {
        return refusal(
            StatusCode::BAD_REQUEST,
            "InvalidExtensionName",
            "no name header",
        );
    };
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let subscribed = request["events"].as_array().into_iter().flatten();
    let (events, received) = mpsc::unbounded_channel();
    let extension = Extension {
        invoke: subscribed.into_iter().any(|event| event == "INVOKE"),
        events,
        received: Arc::new(tokio::sync::Mutex::new(received)),
    };
    // A name is registered once, so it can serve as the identifier's only variable part.
    let id = format!("extension-{name}");
    environment
        .extensions
        .lock()
        .unwrap()
        .insert(id.clone(), extension);
    environment.status.send_modify(|status| {
        status.busy_extensions.insert(id.clone());
    });
    let body = json!({
        "functionName": environment.function_name,
        "functionVersion": "$LATEST",
        "handler": "bootstrap",
    });
    ([(EXTENSION_IDENTIFIER, id)], body.to_string()).into_response()
}

async fn next_event(State(environment): State<Arc<Environment>>, headers: HeaderMap) -> Response {
    let id = headers
        .get(EXTENSION_IDENTIFIER)
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default();
    let received = {
        let extensions = environment.extensions.lock().unwrap();
        extensions
            .get(id)
            .map(|extension| Arc::clone(&extension.received))
    };
    let Some(received) = received else {
        return refusal(
            StatusCode::FORBIDDEN,
            "InvalidExtensionState",
            "unknown extension",
        );
    };
    environment.status.send_modify(|status| {
        status.busy_extensions.remove(id);
    });
    match received.lock().await.recv().await {
        Some(event) => event.to_string().into_response(),
        None => refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Shutdown",
            "no more events",
        ),
    }
}

/// The error a runtime reports: in the body, or else in its header.
fn reported_error(headers: &HeaderMap, body: &[u8]) -> FunctionError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let header = headers
        .get("lambda-runtime-function-error-type")
        .and_then(|error_type| error_type.to_str().ok());
    FunctionError {
        error_type: body["errorType"]
            .as_str()
            .or(header)
            .unwrap_or("Unknown")
            .to_owned(),
        message: body["errorMessage"].as_str().unwrap_or_default().to_owned(),
    }
}

fn exit_error(id: &str, exit: &str) -> FunctionError {
    FunctionError {
        error_type: "Runtime.ExitError".to_owned(),
        message: format!("RequestId: {id} Error: Runtime exited with error: {exit}"),
    }
}

fn timeout_error(id: &str, timeout: Duration) -> FunctionError {
    FunctionError {
        error_type: "Sandbox.Timedout".to_owned(),
        message: format!(
            "RequestId: {id} Error: Task timed out after {:.2} seconds",
            timeout.as_secs_f64()
        ),
    }
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, "{\"status\":\"OK\"}\n").into_response()
}

fn refusal(status: StatusCode, error_type: &str, message: &str) -> Response {
    let body = json!({"errorType": error_type, "errorMessage": message});
    (status, body.to_string()).into_response()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the deadline is a promise about the wall clock, made here"
)]
fn deadline_ms(timeout: Duration) -> u64 {
    let deadline = std::time::SystemTime::now() + timeout;
    let since_epoch = deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

const EXTENSION_IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-identifier");
/// Lambda's limit for a buffered response.
const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;
