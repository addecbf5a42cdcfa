//! The snapshot as an object of S3.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::LoadError;

/// Where the snapshot is.
#[derive(Clone)]
pub(super) struct SnapshotObject {
    client: Client,
    bucket: Arc<str>,
    key: Arc<str>,
}

/// What S3 answered about the object.
pub(super) enum Found {
    /// It is the one whose ETag was sent.
    NotModified,
    /// It is another one.
    Object {
        /// Its ETag.
        etag: Arc<str>,
        /// Its octets, still on their way.
        body: Body,
    },
}

impl SnapshotObject {
    pub(super) fn new(client: Client, bucket: &str, key: &str) -> Self {
        Self {
            client,
            bucket: bucket.into(),
            key: key.into(),
        }
    }

    /// Asks for the object, unless it has the ETag.
    pub(super) async fn get(&self, held: Option<&str>) -> Result<Found, LoadError> {
        let request = self.client.get_object();
        let request = request.bucket(&*self.bucket).key(&*self.key);
        let answer = request.set_if_none_match(held.map(str::to_owned)).send();
        match answer.await {
            Ok(output) => Ok(Found::Object {
                etag: output.e_tag.as_deref().unwrap_or_default().into(),
                body: Body::of(output),
            }),
            Err(error) if status(&error) == Some(304) => Ok(Found::NotModified),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Asks for the octets from `offset` on, of the object with that ETag; `None`: it is there no
    /// more.
    pub(super) async fn get_from(
        &self,
        offset: usize,
        etag: &str,
    ) -> Result<Option<Body>, LoadError> {
        let request = self.client.get_object();
        let request = request.bucket(&*self.bucket).key(&*self.key);
        let answer = request
            .if_match(etag)
            .range(format!("bytes={offset}-"))
            .send();
        match answer.await {
            Ok(output) => Ok(Some(Body::of(output))),
            Err(error) if status(&error) == Some(412) => Ok(None),
            Err(error) => Err(failure(&error)),
        }
    }
}

/// Octets on their way.
pub(super) struct Body {
    stream: ByteStream,
    /// What S3 says how many come.
    length: usize,
    /// Came with others that were asked for.
    surplus: Bytes,
}

impl Body {
    fn of(output: GetObjectOutput) -> Self {
        let length = output.content_length.unwrap_or_default();
        Self {
            stream: output.body,
            length: usize::try_from(length).unwrap_or_default(),
            surplus: Bytes::new(),
        }
    }

    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// The next octets, never none; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, LoadError> {
        if !self.surplus.is_empty() {
            return Ok(Some(std::mem::take(&mut self.surplus)));
        }
        loop {
            let next = tokio::time::timeout(STALL_TIMEOUT, self.stream.next());
            return match next.await {
                Ok(Some(Ok(chunk))) if chunk.is_empty() => continue,
                Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
                // A body that ends early comes as an error of the last chunk.
                Ok(Some(Err(error))) => Err(LoadError::S3(DisplayErrorContext(&error).to_string())),
                Ok(None) => Ok(None),
                Err(_) => Err(LoadError::Timeout(STALL_TIMEOUT)),
            };
        }
    }

    /// Reads on until `octets` are so many, or there are no more.
    pub(super) async fn fill(
        &mut self,
        octets: &mut Vec<u8>,
        length: usize,
    ) -> Result<(), LoadError> {
        while octets.len() < length {
            let Some(mut chunk) = self.next().await? else {
                break;
            };
            let wanted = chunk.len().min(length - octets.len());
            octets.extend_from_slice(&chunk.split_to(wanted));
            self.surplus = chunk;
        }
        Ok(())
    }
}

fn status(error: &SdkError<GetObjectError>) -> Option<u16> {
    let response = error.raw_response()?;
    Some(response.status().as_u16())
}

fn failure(error: &SdkError<GetObjectError>) -> LoadError {
    match (status(error), error.code()) {
        (Some(404), Some("NoSuchKey")) => LoadError::Missing,
        (Some(403), _) => LoadError::Forbidden,
        _ => {
            let error = DisplayErrorContext(error).to_string();
            match error.contains("invalid peer certificate") {
                true => LoadError::Untrusted(error),
                false => LoadError::S3(error),
            }
        }
    }
}

/// So long without an octet, and the connection is taken for dead.
const STALL_TIMEOUT: Duration = Duration::from_secs(3);
