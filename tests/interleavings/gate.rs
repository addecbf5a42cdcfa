//! The gate that every S3 call of a fetcher waits at: an HTTP client for the SDK that hands each
//! request, and each wait before a retry, to the scheduler in the place of carrying it out.
//!
//! So a fetcher itself does no input or output. What a call comes to is the scheduler's choice: it
//! is carried out by the SDK's own HTTP client, or not, and the answer is told, or not.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::config::{
    AsyncSleep, HttpClient, RuntimeComponents, SharedAsyncSleep, SharedHttpClient, Sleep,
};
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use futures::channel::oneshot;
use hyper::Uri;
use hyper::body::{Body, Bytes, Frame};

/// Where the calls of one fetcher wait. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<Vec<Waiting>>>);

/// What a fetcher waits for.
pub(crate) enum Waiting {
    Call(Box<Call>),
    /// The time before the SDK tries once more.
    Backoff(oneshot::Sender<()>),
}

/// A request that has not left the fetcher yet.
pub(crate) struct Call {
    pub(crate) operation: Operation,
    request: HttpRequest,
    real: SharedHttpConnector,
    answer: oneshot::Sender<Result<HttpResponse, ConnectorError>>,
}

/// A request on its way without anybody who waits for its answer.
pub(crate) struct Straggler {
    request: HttpRequest,
    real: SharedHttpConnector,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// GET of an object; its key.
    Get(String),
    /// PUT of an object; its key.
    Put(String),
    /// The listing.
    List,
}

/// What S3 answered, whole.
pub(crate) struct Answer {
    pub(crate) response: HttpResponse,
    pub(crate) body: Vec<u8>,
}

impl Gate {
    /// The HTTP client whose calls wait here until `real` carries them out.
    pub(crate) fn http_client(&self, real: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(GatedClient {
            gate: self.clone(),
            real,
        })
    }

    /// The clock whose waits end when the scheduler says so.
    pub(crate) fn sleep(&self) -> SharedAsyncSleep {
        SharedAsyncSleep::new(self.clone())
    }

    /// What waits now, in an order that does not depend on who came first.
    pub(crate) fn waiting(&self) -> Vec<Option<Operation>> {
        let mut waiting = self.0.lock().unwrap();
        waiting.retain(|one| match one {
            Waiting::Call(call) => !call.answer.is_canceled(),
            Waiting::Backoff(over) => !over.is_canceled(),
        });
        waiting.sort_by(|a, b| a.operation().cmp(&b.operation()));
        waiting.iter().map(|one| one.operation().cloned()).collect()
    }

    /// Takes one out, by its place in [`Self::waiting`].
    pub(crate) fn take(&self, index: usize) -> Waiting {
        self.0.lock().unwrap().remove(index)
    }

    fn push(&self, waiting: Waiting) {
        self.0.lock().unwrap().push(waiting);
    }
}

impl Waiting {
    fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Call(call) => Some(&call.operation),
            Self::Backoff(_) => None,
        }
    }
}

impl Call {
    /// Has S3 carry it out and reads the whole answer; telling it is another matter.
    pub(crate) async fn carry_out(self) -> (Answer, Reply) {
        let answer = carry_out(&self.real, self.request).await;
        (answer, Reply(self.answer))
    }

    /// Nobody carries it out.
    pub(crate) fn lose(self) -> Reply {
        Reply(self.answer)
    }

    /// It is carried out some time, but its answer goes nowhere.
    pub(crate) fn leave_behind(self) -> (Straggler, Reply) {
        let straggler = Straggler {
            request: self.request,
            real: self.real,
        };
        (straggler, Reply(self.answer))
    }
}

impl Straggler {
    pub(crate) async fn carry_out(self) -> Answer {
        carry_out(&self.real, self.request).await
    }
}

/// The fetcher's end of a call. Dropped without a word when the fetcher crashes.
pub(crate) struct Reply(oneshot::Sender<Result<HttpResponse, ConnectorError>>);

impl Reply {
    pub(crate) fn whole(self, answer: Answer) {
        let _ = self.0.send(Ok(answer.into_response(SdkBody::from)));
    }

    /// The first `length` octets of the body; then the connection breaks.
    pub(crate) fn truncated(self, answer: Answer, length: usize) {
        let cut = |mut body: Vec<u8>| {
            body.truncate(length);
            SdkBody::from_body_1_x(Cut {
                head: Some(body.into()),
            })
        };
        let _ = self.0.send(Ok(answer.into_response(cut)));
    }

    /// An error answer of S3.
    pub(crate) fn error(self, status: u16, code: &str) {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
             <Message>as the test asked for</Message></Error>"
        );
        let status = StatusCode::try_from(status).unwrap();
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        response
            .headers_mut()
            .insert("content-type", "application/xml");
        let _ = self.0.send(Ok(response));
    }

    /// The connection breaks before an answer.
    pub(crate) fn disconnected(self) {
        let error = io::Error::new(io::ErrorKind::ConnectionReset, "as the test asked for");
        let _ = self.0.send(Err(ConnectorError::io(error.into())));
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Another body for the same answer, without what S3 said about the old one.
    pub(crate) fn replace_body(&mut self, body: Vec<u8>) {
        let headers = self.response.headers_mut();
        let names = headers.iter().map(|(name, _)| name.to_owned());
        let checksums: Vec<_> = names
            .filter(|name| name.starts_with("x-amz-checksum"))
            .collect();
        for name in checksums {
            headers.remove(name);
        }
        headers.insert("content-length", body.len().to_string());
        self.body = body;
    }

    fn into_response(mut self, body: impl FnOnce(Vec<u8>) -> SdkBody) -> HttpResponse {
        *self.response.body_mut() = body(self.body);
        self.response
    }
}

async fn carry_out(real: &SharedHttpConnector, request: HttpRequest) -> Answer {
    let mut response = real.call(request).await.expect("S3 answers");
    let body = ByteStream::new(response.take_body()).collect().await;
    let body = body.expect("the whole body arrives").to_vec();
    Answer { response, body }
}

impl Operation {
    fn of(request: &HttpRequest) -> Self {
        let uri: Uri = request.uri().parse().expect("the URI of a request");
        let path = uri.path().trim_start_matches('/');
        let (_, key) = path.split_once('/').unwrap_or((path, ""));
        match (request.method(), key) {
            ("GET", "") => Self::List,
            ("GET", key) => Self::Get(key.to_owned()),
            ("PUT", key) => Self::Put(key.to_owned()),
            (method, key) => panic!("fetchers do not {method} {key}"),
        }
    }
}

#[derive(Debug)]
struct GatedClient {
    gate: Gate,
    real: SharedHttpClient,
}

impl HttpClient for GatedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(GatedConnector {
            gate: self.gate.clone(),
            real: self.real.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct GatedConnector {
    gate: Gate,
    real: SharedHttpConnector,
}

impl HttpConnector for GatedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, answered) = oneshot::channel();
        self.gate.push(Waiting::Call(Box::new(Call {
            operation: Operation::of(&request),
            request,
            real: self.real.clone(),
            answer,
        })));
        HttpConnectorFuture::new(async {
            answered
                .await
                .unwrap_or_else(|canceled| Err(ConnectorError::io(canceled.into())))
        })
    }
}

impl AsyncSleep for Gate {
    fn sleep(&self, _: Duration) -> Sleep {
        let gate = self.clone();
        Sleep::new(async move {
            let (over, is_over) = oneshot::channel();
            gate.push(Waiting::Backoff(over));
            let _ = is_over.await;
        })
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

/// A body that breaks off.
struct Cut {
    head: Option<Bytes>,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(match self.head.take() {
            Some(head) => Ok(Frame::data(head)),
            None => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "as the test asked for",
            )),
        }))
    }
}
