//! The Lambda behind the template's truststore: a CloudFormation custom resource.
//!
//! CloudFormation sends a request and waits, up to an hour, for an answer at a presigned URL.
//! [`answer()`] is what sees to it that there is one, whatever becomes of the work: a refusal, an
//! error of S3, a panic, a deadline. The work is [`Resource::carry_out`]: check the certificates
//! ([`bundle`]) and write them, or delete what was written.
//!
//! The resource's physical id is `BUCKET/KEY`. A Create that wrote nothing answers with
//! [`NOT_CREATED`] instead: CloudFormation sends a Delete of that id next, and the object that
//! would have been written may be somebody else's.

pub mod answer;
pub mod bundle;
pub mod request;
pub mod respond;
mod s3;

use std::cell::RefCell;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_sdk_s3::Client;
use futures::FutureExt;
use revocation::UnixTime;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Attributes};
use crate::bundle::{Bundle, Refusal};
use crate::request::{Location, NoResponseUrl, Properties, PropertiesError, Request, RequestType};
use crate::respond::{RespondError, respond};
pub use crate::s3::S3Error;

/// The physical id of a resource that wrote nothing.
pub const NOT_CREATED: &str = "not-created";

/// Does the work of an event's request, answers CloudFormation, and logs both in one line.
///
/// `time_left` is what the invocation has. The work gets all of it but the end, which is for the
/// answer; work that is not done by then is dropped where it stands.
///
/// # Errors
/// CloudFormation has not been told what became of the request. Lambda tries again later.
pub async fn answer<W>(event: &Value, time_left: Duration, work: W) -> Result<(), Unanswered>
where
    W: AsyncFnOnce(&Request, &Progress) -> Result<Done, Failure>,
{
    let begun = Instant::now();
    let request =
        Request::read(event).inspect_err(|error| tracing::error!(%error, "no request"))?;
    let for_answer = (time_left / 3).min(MAX_TIME_FOR_ANSWER);
    // Until then the function can still report that there was no answer.
    let last_moment = begun + (time_left - for_answer / 5);

    let progress = Progress::default();
    // Boxed, because the SDK's futures are large.
    let work = Box::pin(async { work(&request, &progress).await });
    let work = AssertUnwindSafe(work).catch_unwind();
    let outcome = match timeout_at(begun + (time_left - for_answer), work).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Failure::Panicked),
        Err(_) => Err(Failure::OutOfTime),
    };
    let answer = answer_to(&request, &progress, &outcome);
    let sent = respond(
        &request.response_url,
        &answer.to_body(&request),
        last_moment,
    )
    .await;
    log(&request, &outcome, &answer, &sent);
    sent?;
    Ok(())
}

fn answer_to(request: &Request, progress: &Progress, outcome: &Result<Done, Failure>) -> Answer {
    let id_of_request = || {
        let id = request.physical_resource_id.clone();
        id.unwrap_or_else(|| NOT_CREATED.to_owned())
    };
    match outcome {
        Ok(Done::Written { attributes, .. }) => Answer::Success {
            physical_resource_id: attributes.location.physical_resource_id(),
            attributes: Some(attributes.clone()),
        },
        Ok(Done::Deleted { .. } | Done::NothingToDelete) => Answer::Success {
            physical_resource_id: id_of_request(),
            attributes: None,
        },
        Err(failure) => Answer::Failed {
            physical_resource_id: match (&request.request_type, progress.written()) {
                (RequestType::Create, Some(location)) => location.physical_resource_id(),
                _ => id_of_request(),
            },
            reason: failure.to_string(),
        },
    }
}

/// One line a request, always with the same keys.
fn log(
    request: &Request,
    outcome: &Result<Done, Failure>,
    answer: &Answer,
    sent: &Result<u32, RespondError>,
) {
    let (status, reason) = match outcome {
        Ok(_) => ("SUCCESS", String::new()),
        Err(failure) => ("FAILED", failure.to_string()),
    };
    let (certificates, written, deleted) = match outcome {
        Ok(Done::Written { attributes, is_new }) => {
            (attributes.certificates, usize::from(*is_new), 0)
        }
        Ok(Done::Deleted { versions }) => (0, 0, *versions),
        Ok(Done::NothingToDelete) | Err(_) => (0, 0, 0),
    };
    let (tries, unanswered) = match sent {
        Ok(tries) => (*tries, String::new()),
        Err(error) => (0, error.to_string()),
    };
    tracing::info!(
        request_type = %request.request_type,
        logical_resource_id = request.logical_resource_id,
        physical_resource_id = answer.physical_resource_id(),
        outcome = status,
        reason,
        certificates,
        versions_written = written,
        versions_deleted = deleted,
        tries,
        unanswered,
        "request"
    );
}

/// What a request has done so far, for whoever has to answer when it is cut short.
#[derive(Debug, Default)]
pub struct Progress {
    written: RefCell<Writing>,
}

#[derive(Debug, Default)]
enum Writing {
    #[default]
    NotBegun,
    /// Where nothing was before, so that whatever is there now is ours.
    Begun(Location),
    Finished(Location),
}

impl Progress {
    fn begin_writing(&self, location: &Location) {
        let mut written = self.written.borrow_mut();
        if !matches!(*written, Writing::Finished(_)) {
            *written = Writing::Begun(location.clone());
        }
    }

    fn forget_writing(&self) {
        self.written.replace(Writing::NotBegun);
    }

    fn finish_writing(&self, location: &Location) {
        self.written.replace(Writing::Finished(location.clone()));
    }

    fn is_written(&self) -> bool {
        !matches!(*self.written.borrow(), Writing::NotBegun)
    }

    /// What was written, or may have been.
    fn written(&self) -> Option<Location> {
        match &*self.written.borrow() {
            Writing::NotBegun => None,
            Writing::Begun(location) | Writing::Finished(location) => Some(location.clone()),
        }
    }
}

/// The truststore's object, as CloudFormation wants it.
#[derive(Clone, Debug)]
pub struct Resource {
    client: Client,
}

impl Resource {
    /// A resource in that S3.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Does what a request asks for.
    ///
    /// # Errors
    /// The request cannot be fulfilled. `progress` knows whether something was written all the same.
    pub async fn carry_out(
        &self,
        request: &Request,
        now: UnixTime,
        progress: &Progress,
    ) -> Result<Done, Failure> {
        match &request.request_type {
            RequestType::Create | RequestType::Update => {
                let properties = Properties::read(&request.resource_properties)?;
                self.write(properties, now, progress).await
            }
            RequestType::Delete => self.delete(request).await,
            RequestType::Unknown(text) => Err(Failure::RequestType(text.clone())),
        }
    }

    async fn write(
        &self,
        properties: Properties,
        now: UnixTime,
        progress: &Progress,
    ) -> Result<Done, Failure> {
        let Properties {
            location,
            certificates,
        } = properties;
        // Beside the timers: a thousand signatures must not keep the answer waiting.
        let bundle = tokio::task::spawn_blocking(move || Bundle::new(&certificates, now));
        let bundle = bundle.await.map_err(|_| Failure::Panicked)??;
        let octets = bundle.pem().as_bytes();
        let written = s3::write(&self.client, &location, octets, progress).await?;
        Ok(Done::Written {
            attributes: Attributes {
                location,
                version: written.version,
                certificates: bundle.certificates(),
            },
            is_new: written.is_new,
        })
    }

    /// The id alone decides: on the way back of a failed Update the properties may name another
    /// object.
    async fn delete(&self, request: &Request) -> Result<Done, Failure> {
        let id = request.physical_resource_id.as_deref().unwrap_or_default();
        match Location::from_physical_resource_id(id) {
            None => Ok(Done::NothingToDelete),
            Some(location) => {
                let versions = s3::delete(&self.client, &location).await?;
                Ok(Done::Deleted { versions })
            }
        }
    }
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// The truststore is there.
    Written {
        /// Where, and what of it.
        attributes: Attributes,
        /// Whether it was not there before.
        is_new: bool,
    },
    /// It is gone.
    Deleted {
        /// How many versions and delete markers it had.
        versions: usize,
    },
    /// The id is not of an object of ours.
    NothingToDelete,
}

/// Why a request was not fulfilled.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The invocation is about to end.
    OutOfTime,
    /// An error of ours.
    Panicked,
    /// The properties are not those of a truststore.
    Properties(PropertiesError),
    /// The certificates are no truststore.
    Refused(Refusal),
    /// A request that custom resources do not know.
    RequestType(String),
    /// A call to S3 failed.
    S3(S3Error),
}

impl From<PropertiesError> for Failure {
    fn from(error: PropertiesError) -> Self {
        Self::Properties(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<S3Error> for Failure {
    fn from(error: S3Error) -> Self {
        Self::S3(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfTime => f.write_str(
                "the function's time was nearly over; see whether it can reach S3, and give it a \
                 longer timeout",
            ),
            Self::Panicked => {
                f.write_str("the function panicked, which is an error in it; its log says where")
            }
            Self::Properties(error) => write!(f, "{error}"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::RequestType(text) => {
                let shown: String = text.chars().take(40).collect();
                write!(
                    f,
                    "the request type {shown:?} is unknown: it must be Create, Update or Delete"
                )
            }
            Self::S3(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Failure {}

/// Nobody was told what became of a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unanswered {
    /// There is nowhere to answer.
    NoResponseUrl(NoResponseUrl),
    /// The answer was not accepted.
    Respond(RespondError),
}

impl Unanswered {
    /// The error type that Lambda reports, for alarms.
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::NoResponseUrl(_) => "NoResponseUrl",
            Self::Respond(_) => "Unanswered",
        }
    }
}

impl From<NoResponseUrl> for Unanswered {
    fn from(error: NoResponseUrl) -> Self {
        Self::NoResponseUrl(error)
    }
}

impl From<RespondError> for Unanswered {
    fn from(error: RespondError) -> Self {
        Self::Respond(error)
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoResponseUrl(error) => write!(f, "{error}"),
            Self::Respond(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Unanswered {}

const MAX_TIME_FOR_ANSWER: Duration = Duration::from_secs(10);
