//! The truststore in S3: written over what was read, and removed with all of its history.

use std::fmt;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::Progress;
use crate::request::Location;

/// Makes those octets the object's current version and returns the version's id. What is there
/// already is not written again.
///
/// Each write is conditional on what was read before. When the answer to one is lost and the SDK
/// repeats it, the second meets the first instead of making another version.
pub(crate) async fn write(
    client: &Client,
    location: &Location,
    octets: &[u8],
    progress: &Progress,
) -> Result<Written, S3Error> {
    for _ in 0..MAX_ATTEMPTS {
        let current = get(client, location, octets.len()).await?;
        let replaced = match current {
            Some(Object {
                octets: Some(held),
                version: Some(version),
                ..
            }) if held == octets => {
                let is_new = progress.is_written();
                return Ok(Written { version, is_new });
            }
            Some(object) => {
                progress.forget_writing();
                Some(object.etag)
            }
            None => {
                progress.begin_writing(location);
                None
            }
        };
        match put(client, location, octets, replaced.as_deref()).await {
            Ok(Put::Done(version)) => {
                progress.finish_writing(location);
                let version = version.ok_or_else(|| S3Error::not_versioned(location))?;
                return Ok(Written {
                    version,
                    is_new: true,
                });
            }
            // Another writer, or an earlier try of our own: look again.
            Ok(Put::Conflict) => {}
            Err(error) => {
                if error.is_refusal {
                    progress.forget_writing();
                }
                return Err(error);
            }
        }
    }
    Err(S3Error::contended(location))
}

/// The object as it is to be.
pub(crate) struct Written {
    pub(crate) version: String,
    /// Whether this request wrote it.
    pub(crate) is_new: bool,
}

/// Removes every version and every delete marker of the object, and returns how many there were. An
/// object or a bucket that is not there has none.
pub(crate) async fn delete(client: &Client, location: &Location) -> Result<usize, S3Error> {
    let Location { bucket, key } = location;
    let mut deleted = 0;
    let (mut key_marker, mut version_id_marker) = (None, None);
    loop {
        let page = client
            .list_object_versions()
            .bucket(bucket)
            .prefix(key)
            .set_key_marker(key_marker)
            .set_version_id_marker(version_id_marker)
            .send()
            .await;
        let page = match page {
            Ok(page) => page,
            Err(error) if error.code() == Some("NoSuchBucket") => return Ok(deleted),
            Err(error) => return Err(S3Error::new("list the versions of", location, &error)),
        };
        let versions = page.versions.unwrap_or_default().into_iter();
        let markers = page.delete_markers.unwrap_or_default().into_iter();
        let (own, others): (Vec<_>, Vec<_>) = versions
            .map(|version| (version.key, version.version_id))
            .chain(markers.map(|marker| (marker.key, marker.version_id)))
            .partition(|(listed, _)| listed.as_ref() == Some(key));
        deleted += own.len();
        let ids = own.into_iter().map(|(_, version_id)| version_id);
        delete_versions(client, location, ids.collect()).await?;
        // A key sorts before all others that begin with it, so with these its own are at an end.
        let is_last = !others.is_empty() || page.is_truncated != Some(true);
        (key_marker, version_id_marker) = (page.next_key_marker, page.next_version_id_marker);
        if is_last || key_marker.is_none() {
            return Ok(deleted);
        }
    }
}

/// At most as many as one page of a listing, which is what one request takes.
async fn delete_versions(
    client: &Client,
    location: &Location,
    version_ids: Vec<Option<String>>,
) -> Result<(), S3Error> {
    const ACTION: &str = "delete the versions of";
    if version_ids.is_empty() {
        return Ok(());
    }
    let Location { bucket, key } = location;
    let objects: Result<Vec<_>, _> = version_ids
        .into_iter()
        .map(|id| {
            let object = ObjectIdentifier::builder().key(key);
            object.set_version_id(id).build()
        })
        .collect();
    let delete = objects.and_then(|objects| {
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true);
        delete.build()
    });
    let delete = delete.map_err(|error| S3Error::body(ACTION, location, &error))?;
    let output = client.delete_objects().bucket(bucket).delete(delete);
    let output = match output.send().await {
        Ok(output) => output,
        Err(error) if error.code() == Some("NoSuchBucket") => return Ok(()),
        Err(error) => return Err(S3Error::new(ACTION, location, &error)),
    };
    // The request as a whole succeeds even where none of its objects could be deleted.
    let errors = output.errors.unwrap_or_default();
    let is_gone = |code: Option<&str>| matches!(code, Some("NoSuchKey" | "NoSuchVersion"));
    let mut left = errors.iter().filter(|error| !is_gone(error.code()));
    match left.next() {
        None => Ok(()),
        Some(first) => Err(S3Error::left_over(location, first, left.count() + 1)),
    }
}

/// An object that was read.
struct Object {
    /// `None` where it is longer than was asked for.
    octets: Option<Vec<u8>>,
    etag: String,
    /// `None` for what was written without versioning.
    version: Option<String>,
}

async fn get(
    client: &Client,
    location: &Location,
    limit: usize,
) -> Result<Option<Object>, S3Error> {
    let Location { bucket, key } = location;
    let output = match client.get_object().bucket(bucket).key(key).send().await {
        Ok(output) => output,
        Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
        Err(error) => return Err(S3Error::new("read", location, &error)),
    };
    let mut octets = Some(Vec::new());
    let mut body = output.body;
    while let Some(read) = octets.as_mut() {
        let Some(chunk) = body.next().await else {
            break;
        };
        let chunk = chunk.map_err(|error| S3Error::body("read", location, &error))?;
        read.extend_from_slice(&chunk);
        if read.len() > limit {
            octets = None;
        }
    }
    Ok(Some(Object {
        octets,
        etag: output.e_tag.unwrap_or_default(),
        version: output.version_id.filter(|id| is_version(id)),
    }))
}

enum Put {
    /// With the version's id.
    Done(Option<String>),
    Conflict,
}

async fn put(
    client: &Client,
    location: &Location,
    octets: &[u8],
    replaced: Option<&str>,
) -> Result<Put, S3Error> {
    let Location { bucket, key } = location;
    let request = client
        .put_object()
        .bucket(bucket)
        .key(key)
        .content_type("application/x-pem-file")
        .body(ByteStream::from(octets.to_vec()));
    let request = match replaced {
        Some(etag) => request.if_match(etag),
        None => request.if_none_match("*"),
    };
    match request.send().await {
        Ok(output) => Ok(Put::Done(output.version_id.filter(|id| is_version(id)))),
        // 412: the condition failed. 409: another conditional write is under way. 404: the object
        // to replace is gone.
        Err(error)
            if matches!(status(&error), Some(404 | 409 | 412))
                && error.code() != Some("NoSuchBucket") =>
        {
            Ok(Put::Conflict)
        }
        Err(error) => Err(S3Error::new("write", location, &error)),
    }
}

/// What a bucket without versioning holds has this id, or none.
fn is_version(id: &str) -> bool {
    !matches!(id, "" | "null")
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// How often a write starts over when somebody else writes at the same time.
const MAX_ATTEMPTS: u32 = 5;

/// A call that failed: which, on what, and what S3 said.
#[derive(Clone, Debug)]
pub struct S3Error {
    action: &'static str,
    location: Location,
    cause: String,
    /// Whether S3 itself said no, so that nothing has happened.
    is_refusal: bool,
}

impl S3Error {
    fn new<E>(action: &'static str, location: &Location, error: &SdkError<E>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        let status = status(error);
        let cause = match (error.code(), status) {
            (Some("AccessDenied"), _) => {
                "access denied; grant the function s3:GetObject, s3:PutObject and \
                 s3:DeleteObjectVersion on the object, and s3:ListBucket and \
                 s3:ListBucketVersions on the bucket"
                    .to_owned()
            }
            (Some("NoSuchBucket"), _) => {
                "there is no such bucket; create it before this resource".to_owned()
            }
            (Some(code), _) => format!("{code}: {}", error.message().unwrap_or_default()),
            (None, Some(status)) => format!("HTTP status {status}"),
            (None, None) => DisplayErrorContext(error).to_string(),
        };
        Self {
            action,
            location: location.clone(),
            cause,
            // After an internal error the write may have happened all the same.
            is_refusal: status.is_some_and(|status| status < 500),
        }
    }

    fn body(
        action: &'static str,
        location: &Location,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        Self {
            action,
            location: location.clone(),
            cause: DisplayErrorContext(error).to_string(),
            is_refusal: false,
        }
    }

    fn not_versioned(location: &Location) -> Self {
        let cause = "it was written, but the bucket keeps no versions and the API's domain name is \
                     given one; set VersioningConfiguration to Enabled";
        Self {
            action: "find the version of",
            location: location.clone(),
            cause: cause.to_owned(),
            is_refusal: false,
        }
    }

    fn contended(location: &Location) -> Self {
        Self {
            action: "write",
            location: location.clone(),
            cause: "somebody else kept writing it; let only one stack write it".to_owned(),
            is_refusal: true,
        }
    }

    fn left_over(location: &Location, first: &aws_sdk_s3::types::Error, count: usize) -> Self {
        let code = first.code().unwrap_or("error");
        let message = first.message().unwrap_or_default();
        Self {
            action: "delete the versions of",
            location: location.clone(),
            cause: format!(
                "{count} of them remain, the first because of {code}: {message}; the function needs \
                 s3:DeleteObjectVersion, and no Object Lock may hold them"
            ),
            is_refusal: false,
        }
    }
}

impl fmt::Display for S3Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot {} {}: {}",
            self.action, self.location, self.cause
        )
    }
}

impl std::error::Error for S3Error {}
