//! The few calls to S3: bounded reads, a listing, and a write over what was read.

use std::fmt;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;

use crate::config::Location;

/// A client by the SDK's own configuration, and patient: for functions that no API's client waits for.
pub async fn s3_client() -> Client {
    Client::new(&sdk_config().await)
}

/// What such a client is made of.
pub async fn sdk_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(2))
                .read_timeout(Duration::from_secs(10))
                .build(),
        )
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .load()
        .await
}

/// An object that was read.
#[derive(Clone, Debug)]
pub struct Object {
    /// All of it.
    pub octets: Vec<u8>,
    /// Its entity tag, in quotation marks.
    pub etag: String,
}

/// One line of a listing.
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) etag: String,
}

/// Reads an object of at most `limit` octets; `None` where there is none.
pub(crate) async fn get(
    client: &Client,
    location: &Location,
    limit: u64,
) -> Result<Option<Object>, S3Error> {
    get_version(client, location, None, limit).await
}

/// Reads an object, or an earlier version of it, of at most `limit` octets; `None` where there is no
/// such object.
///
/// # Errors
/// The call failed, there is no such version, or it has more octets.
pub async fn get_version(
    client: &Client,
    location: &Location,
    version_id: Option<&str>,
    limit: u64,
) -> Result<Option<Object>, S3Error> {
    let Location { bucket, key } = location;
    let request = client
        .get_object()
        .bucket(bucket)
        .key(key)
        .set_version_id(version_id.map(str::to_owned));
    let output = match request.send().await {
        Ok(output) => output,
        // Only where S3 itself says so: from the absence of a snapshot it follows that there is
        // nothing to lose.
        Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
        Err(error) => return Err(S3Error::new("read", location, &error)),
    };
    let etag = output.e_tag.unwrap_or_default();
    let expected = output
        .content_length
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or(0);
    if expected > limit {
        return Err(S3Error::too_large(location, limit));
    }
    let mut octets = Vec::new();
    // An allocation that fails ends the process, without a word on the object that was to blame.
    octets
        .try_reserve_exact(usize::try_from(expected).unwrap_or(usize::MAX))
        .map_err(|_| S3Error::out_of_memory(location, expected))?;
    let mut body = output.body;
    // A wrong checksum or a body that ends early comes as an error of the last chunk.
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| S3Error::body(location, &error))?;
        octets.extend_from_slice(&chunk);
        if u64::try_from(octets.len()).is_ok_and(|length| length > limit) {
            return Err(S3Error::too_large(location, limit));
        }
    }
    Ok(Some(Object { octets, etag }))
}

/// Every object below a prefix.
pub(crate) async fn list(
    client: &Client,
    bucket: &str,
    prefix: &str,
) -> Result<Vec<Listed>, S3Error> {
    let mut pages = client
        .list_objects_v2()
        .bucket(bucket)
        .prefix(prefix)
        .into_paginator()
        .send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        let location = || Location {
            bucket: bucket.to_owned(),
            key: prefix.to_owned(),
        };
        let page = page.map_err(|error| S3Error::new("list", &location(), &error))?;
        listed.extend(
            page.contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(|object| {
                    Some(Listed {
                        key: object.key?,
                        etag: object.e_tag.unwrap_or_default(),
                    })
                }),
        );
    }
    Ok(listed)
}

/// What a conditional write came to.
#[derive(Clone, Debug)]
pub enum Written {
    /// The object is there, with this entity tag.
    Published(String),
    /// Another writer was faster: nothing was written.
    Conflict,
}

/// Writes an object over the one with the entity tag `replaced`, or where there is none.
///
/// # Errors
/// The call failed.
pub async fn put(
    client: &Client,
    location: &Location,
    octets: Vec<u8>,
    replaced: Option<&str>,
) -> Result<Written, S3Error> {
    let Location { bucket, key } = location;
    let request = client
        .put_object()
        .bucket(bucket)
        .key(key)
        .content_type("application/octet-stream")
        .body(ByteStream::from(octets));
    let request = match replaced {
        Some(etag) => request.if_match(etag),
        None => request.if_none_match("*"),
    };
    match request.send().await {
        Ok(output) => Ok(Written::Published(output.e_tag.unwrap_or_default())),
        // 412: the condition failed. 409: another conditional write is under way. 404: the object
        // to replace is gone.
        Err(error)
            if matches!(status(&error), Some(404 | 409 | 412))
                && error.code() != Some("NoSuchBucket") =>
        {
            Ok(Written::Conflict)
        }
        Err(error) => Err(S3Error::new("write", location, &error)),
    }
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// A call that failed: which, on what, and what S3 said.
#[derive(Clone, Debug)]
pub struct S3Error {
    action: &'static str,
    object: String,
    cause: String,
    limit: Option<u64>,
}

impl S3Error {
    fn new<E>(action: &'static str, location: &Location, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let cause = match (error.code(), status(error)) {
            (Some("AccessDenied"), _) => {
                "access denied: grant this action on the object, and s3:ListBucket on the bucket, or \
                 a missing object looks like a forbidden one"
                    .to_owned()
            }
            (Some(code), _) => format!("{code}: {}", error.message().unwrap_or_default()),
            (None, Some(status)) => format!("HTTP status {status}"),
            (None, None) => DisplayErrorContext(error).to_string(),
        };
        Self {
            action,
            object: show(location),
            cause,
            limit: None,
        }
    }

    fn body(location: &Location, error: &dyn std::error::Error) -> Self {
        let cause = DisplayErrorContext(error).to_string();
        Self {
            action: "read",
            object: show(location),
            cause,
            limit: None,
        }
    }

    fn too_large(location: &Location, limit: u64) -> Self {
        let cause = format!("it has more than {limit} octets");
        Self {
            action: "read",
            object: show(location),
            cause,
            limit: Some(limit),
        }
    }

    fn out_of_memory(location: &Location, octets: u64) -> Self {
        let cause = format!(
            "its {octets} octets do not fit into the function's memory: give it more of it"
        );
        Self {
            action: "read",
            object: show(location),
            cause,
            limit: None,
        }
    }

    /// The limit that the object exceeds, where that is what is wrong.
    pub(crate) const fn exceeded_limit(&self) -> Option<u64> {
        self.limit
    }
}

fn show(location: &Location) -> String {
    format!("s3://{}/{}", location.bucket, location.key)
}

impl fmt::Display for S3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.object, self.cause)
    }
}

impl std::error::Error for S3Error {}
