//! The Runtime API and the Extensions API of one execution environment, over HTTP.
//!
//! `/next` is a long poll on a channel; an answer wakes the caller of [`RuntimeApi::invoke`] at
//! once. Nothing of an invocation is kept when it is over.
//!
//! As with Lambda, the caller has the answer before the runtime asks for the next event. Only when it
//! has asked, and every extension too, is the environment idle, and may be frozen.

use std::collections::{BTreeMap, VecDeque};
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
use super::process::Process;

/// The server side of one environment. Clones share it; it ends with the last one.
#[derive(Clone)]
pub(super) struct RuntimeApi {
    environment: Arc<Environment>,
    server: Arc<Server>,
}

impl RuntimeApi {
    /// For a function of that name; whether it is frozen whenever it is idle.
    pub(super) async fn start(function_name: &str, freezes: bool) -> Self {
        let environment = Arc::new(Environment::new(function_name, freezes));
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
        let work = environment.work(payload, timeout);
        let (id, (reply, replied)) = (work.request_id.clone(), oneshot::channel());
        let in_flight = &environment.in_flight;
        in_flight.lock().unwrap().insert(id.clone(), reply);

        let started = match environment.hand_over(work, timeout).await {
            Ok(started) => started,
            Err(error) => {
                in_flight.lock().unwrap().remove(&id);
                return Answer {
                    result: Err(error),
                    elapsed: Duration::ZERO,
                    timed_out: false,
                };
            }
        };
        let (result, timed_out) = tokio::select! {
            Ok(reply) = replied => {
                let elapsed = reply.arrived - started;
                return Answer { result: reply.result, elapsed, timed_out: false };
            }
            exit = environment.exited() => (Err(exit_error(&id, &exit)), false),
            () = tokio::time::sleep(timeout) => (Err(timeout_error(&id, timeout)), true),
        };
        in_flight.lock().unwrap().remove(&id);
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
            .update(|status| status.init_error = Some(error));
    }

    pub(super) fn process_started(&self, pid: u32) {
        self.environment
            .update(|status| status.process.started(pid));
    }

    /// It has ended, though not all of its output need have been read.
    pub(super) fn process_reaped(&self) {
        self.environment.update(|status| status.process.has_ended());
    }

    pub(super) fn process_ended(&self, exit: &str) {
        self.environment
            .update(|status| status.exit = Some(exit.to_owned()));
    }

    /// Stops the process where it is, until it is thawed or gets an event.
    pub(super) fn freeze(&self) {
        self.environment.update(|status| status.process.freeze());
    }

    /// Lets the process go on, although it may be idle.
    pub(super) fn thaw(&self) {
        // Not by `update`, which would freeze it again.
        self.environment
            .status
            .send_modify(|status| status.process.thaw());
    }

    /// Tells the process that the environment ends, as Lambda does where there is an extension.
    /// Whether it has been told, or has ended before.
    pub(super) fn terminate(&self) -> bool {
        let mut is_told = false;
        self.environment.update(|status| {
            status.is_shutting_down = true;
            status.process.thaw();
            is_told = !status.extensions.is_empty() || !status.process.is_there();
            if is_told {
                status.process.terminate();
            }
        });
        is_told
    }

    pub(super) async fn idle(&self) {
        let mut status = self.environment.status.subscribe();
        let is_settled = |status: &Status| status.is_idle() || status.unusable().is_some();
        let _ = status.wait_for(is_settled).await;
    }

    pub(super) async fn reaped(&self) {
        let mut status = self.environment.status.subscribe();
        let _ = status.wait_for(|status| !status.process.is_there()).await;
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
    freezes: bool,
    in_flight: Mutex<BTreeMap<String, oneshot::Sender<Reply>>>,
    status: watch::Sender<Status>,
    invocations: AtomicU64,
}

impl Environment {
    fn new(function_name: &str, freezes: bool) -> Self {
        Self {
            function_name: function_name.to_owned(),
            freezes,
            in_flight: Mutex::default(),
            status: watch::Sender::default(),
            invocations: AtomicU64::new(0),
        }
    }

    /// The one way in which the status changes: with it, an idle environment is frozen at once.
    fn update(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_modify(|status| {
            change(status);
            if self.freezes && status.is_idle() && !status.is_shutting_down {
                status.process.freeze();
            }
        });
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

    /// Waits until a runtime and every extension wait for an event, and gives them this one. Returns
    /// when that was.
    async fn hand_over(&self, work: Work, timeout: Duration) -> Result<Instant, FunctionError> {
        let mut changes = self.status.subscribe();
        let mut work = Some(work);
        let mut handed_over = None;
        loop {
            let unusable = changes
                .wait_for(|status| status.is_idle() || status.unusable().is_some())
                .await
                .expect("the sender is ours")
                .unusable();
            if let Some(error) = unusable {
                return Err(error);
            }
            // Of several invocations that have waited for this, one finds it still so.
            self.update(|status| {
                if !status.no_extension_is_busy() {
                    return;
                }
                if let Some(next) = status.take_waiting()
                    && let Some(mut event) = work.take()
                {
                    event.deadline_ms = deadline_ms(timeout);
                    let for_extensions = event.for_extensions();
                    status.process.thaw();
                    let now = Instant::now();
                    match next.send(event) {
                        Ok(()) => {
                            status.tell_extensions(&for_extensions);
                            handed_over = Some(now);
                        }
                        Err(unsent) => work = Some(unsent),
                    }
                }
            });
            if let Some(at) = handed_over {
                return Ok(at);
            }
        }
    }

    async fn exited(&self) -> String {
        let mut status = self.status.subscribe();
        let status = status.wait_for(|status| status.exit.is_some()).await;
        status
            .ok()
            .and_then(|status| status.exit.clone())
            .unwrap_or_default()
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

impl Work {
    fn for_extensions(&self) -> Value {
        json!({
            "eventType": "INVOKE",
            "deadlineMs": self.deadline_ms,
            "requestId": self.request_id,
            "invokedFunctionArn": self.function_arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": self.trace_id},
        })
    }
}

struct Reply {
    result: Result<Bytes, FunctionError>,
    arrived: Instant,
}

struct Extension {
    invoke: bool,
    is_busy: bool,
    events: mpsc::UnboundedSender<Value>,
    received: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Value>>>,
}

/// Where the environment stands.
#[derive(Default)]
struct Status {
    process: Process,
    /// The calls of `/next` that have no event yet.
    waiting: VecDeque<oneshot::Sender<Work>>,
    initialized: bool,
    extensions: BTreeMap<String, Extension>,
    is_shutting_down: bool,
    init_error: Option<FunctionError>,
    exit: Option<String>,
}

impl Status {
    fn is_idle(&self) -> bool {
        self.waiting.iter().any(|next| !next.is_closed()) && self.no_extension_is_busy()
    }

    fn no_extension_is_busy(&self) -> bool {
        !self.extensions.values().any(|extension| extension.is_busy)
    }

    fn take_waiting(&mut self) -> Option<oneshot::Sender<Work>> {
        self.waiting.retain(|next| !next.is_closed());
        self.waiting.pop_front()
    }

    fn tell_extensions(&mut self, event: &Value) {
        let extensions = self.extensions.values_mut();
        for extension in extensions.filter(|extension| extension.invoke) {
            extension.is_busy = true;
            let _ = extension.events.send(event.clone());
        }
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
    let (give, given) = oneshot::channel();
    environment.update(|status| {
        status.initialized = true;
        status.waiting.retain(|next| !next.is_closed());
        status.waiting.push_back(give);
    });
    let Ok(work) = given.await else {
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
    environment.update(|status| status.init_error = Some(error));
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
    let subscribed: Vec<_> = request["events"].as_array().into_iter().flatten().collect();
    let unsupported = subscribed.iter().find(|event| **event != "INVOKE");
    if let Some(event) = unsupported {
        let why = match event.as_str() {
            Some("SHUTDOWN") => "ShutdownEventNotSupportedForInternalExtension",
            _ => "ErrorInvalidEventType",
        };
        let message = format!("{}: {why}", event.as_str().unwrap_or_default());
        return refusal(
            StatusCode::FORBIDDEN,
            "Extension.InvalidEventType",
            &message,
        );
    }
    // A name is registered once, so it can serve as the identifier's only variable part.
    let id = format!("extension-{name}");
    let (events, received) = mpsc::unbounded_channel();
    let extension = Extension {
        invoke: !subscribed.is_empty(),
        is_busy: true,
        events,
        received: Arc::new(tokio::sync::Mutex::new(received)),
    };
    let mut is_too_late = false;
    environment.update(|status| {
        is_too_late = status.initialized;
        if !is_too_late {
            status.extensions.insert(id.clone(), extension);
        }
    });
    if is_too_late {
        return refusal(
            StatusCode::FORBIDDEN,
            "Extension.RegistrationClosed",
            "Extension registration closed already",
        );
    }
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
    let mut received = None;
    environment.update(|status| {
        received = status.extensions.get_mut(id).map(|extension| {
            extension.is_busy = false;
            Arc::clone(&extension.received)
        });
    });
    let Some(received) = received else {
        return refusal(
            StatusCode::FORBIDDEN,
            "InvalidExtensionState",
            "unknown extension",
        );
    };
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
