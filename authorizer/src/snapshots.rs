//! The snapshot that decisions are made from: loaded once, held in memory, revalidated by age.
//!
//! A request that finds a snapshot younger than the soft age uses it. Between the soft and the hard
//! age it uses it too, and a revalidation goes on beside it. Past the hard age, as in an execution
//! environment that was frozen for long, the request waits for the revalidation first. A snapshot
//! that was good once is never given up: each CRL's own nextUpdate ends it, at decision time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use moka::future::Cache;
use moka::ops::compute::Op;
use revocation::{Snapshot, SnapshotError, UnixTime};

use crate::config::Config;

/// Holds the current snapshot.
#[derive(Clone)]
pub struct Snapshots {
    client: Client,
    bucket: Arc<str>,
    key: Arc<str>,
    soft_age: Duration,
    hard_age: Duration,
    /// One entry. The cache makes the load single-flight: of several requests that find it too old
    /// one calls S3, and the others wait for that or go on.
    held: Cache<(), Held>,
}

/// A snapshot and how sure we are that it is the current one.
#[derive(Clone)]
struct Held {
    snapshot: Arc<Snapshot<Vec<u8>>>,
    etag: Arc<str>,
    /// When S3 last said that this is the current object.
    validated_at: UnixTime,
    /// When a revalidation last failed, since `validated_at`.
    failed_at: Option<UnixTime>,
}

impl Snapshots {
    /// For the object that the configuration names. Nothing is loaded yet.
    pub fn new(client: Client, config: &Config) -> Self {
        Self {
            client,
            bucket: config.bucket.as_str().into(),
            key: config.key.as_str().into(),
            soft_age: config.soft_age,
            hard_age: config.hard_age,
            held: Cache::new(1),
        }
    }

    /// The snapshot to decide from at the moment `now`.
    ///
    /// # Errors
    /// None could be had, now or before.
    pub async fn current(&self, now: UnixTime) -> Result<Arc<Snapshot<Vec<u8>>>, LoadError> {
        match self.held.get(&()).await {
            Some(held) if !held.is_older_than(self.hard_age, now) => {
                if held.is_older_than(self.soft_age, now) {
                    let beside = self.clone();
                    tokio::spawn(async move { beside.revalidate_unless_under_way(now).await });
                }
                Ok(held.snapshot)
            }
            _ => self.load(now).await,
        }
    }

    /// Waits until the snapshot is known to be current, or cannot be known to be.
    async fn load(&self, now: UnixTime) -> Result<Arc<Snapshot<Vec<u8>>>, LoadError> {
        let result = self
            .held
            .entry(())
            .and_try_compute_with(async |entry| {
                let held = entry.map(moka::Entry::into_value);
                match &held {
                    // Another request waited for the same and had it done.
                    Some(held) if !held.is_older_than(self.hard_age, now) => Ok(Op::Nop),
                    _ => self.read(held, now).await.map(Op::Put),
                }
            })
            .await?;
        let held = result.into_entry().map(moka::Entry::into_value);
        held.map(|held| held.snapshot).ok_or(LoadError::Missing)
    }

    async fn revalidate_unless_under_way(&self, now: UnixTime) {
        let result = self
            .held
            .entry(())
            .and_try_compute_if_nobody_else(async |entry| {
                let held = entry.map(moka::Entry::into_value);
                match &held {
                    Some(held) if !held.is_older_than(self.soft_age, now) => Ok(Op::Nop),
                    _ => self.read(held, now).await.map(Op::Put),
                }
            });
        if let Err(error) = result.await {
            tracing::warn!(%error, "snapshot");
        }
    }

    /// Asks S3 for the object unless it is the one held, which is kept where that fails.
    async fn read(&self, held: Option<Held>, now: UnixTime) -> Result<Held, LoadError> {
        let timeout = if held.is_some() {
            REVALIDATION_TIMEOUT
        } else {
            FIRST_LOAD_TIMEOUT
        };
        let etag = held.as_ref().map(|held| &*held.etag);
        let read = tokio::time::timeout(timeout, self.get(etag)).await;
        let result = match read.unwrap_or(Err(LoadError::Timeout(timeout))) {
            Ok(Read::NotModified) => match held.clone() {
                Some(held) => Ok(Held {
                    validated_at: now,
                    failed_at: None,
                    ..held
                }),
                None => Err(LoadError::Missing),
            },
            Ok(Read::Object { octets, etag }) => match Snapshot::open(octets) {
                Ok(snapshot) => {
                    tracing::info!(snapshot = snapshot.id(), built_at = %snapshot.built_at(), "snapshot");
                    let snapshot = Arc::new(snapshot);
                    Ok(Held {
                        snapshot,
                        etag,
                        validated_at: now,
                        failed_at: None,
                    })
                }
                Err(error) => Err(LoadError::Unusable(error)),
            },
            Err(error) => Err(error),
        };
        match (result, held) {
            (Err(error), Some(held)) => {
                let snapshot = held.snapshot.id();
                tracing::warn!(%error, snapshot, "the last good snapshot is used on");
                Ok(Held {
                    failed_at: Some(now),
                    ..held
                })
            }
            (result, _) => result,
        }
    }

    async fn get(&self, etag: Option<&str>) -> Result<Read, LoadError> {
        let request = self
            .client
            .get_object()
            .bucket(&*self.bucket)
            .key(&*self.key);
        let output = match request
            .set_if_none_match(etag.map(str::to_owned))
            .send()
            .await
        {
            Ok(output) => output,
            Err(error) => {
                let status = error
                    .raw_response()
                    .map(|response| response.status().as_u16());
                return match (status, error.code()) {
                    (Some(304), _) => Ok(Read::NotModified),
                    (Some(404), Some("NoSuchKey")) => Err(LoadError::Missing),
                    (Some(403), _) => Err(LoadError::Forbidden),
                    _ => Err(unanswered(DisplayErrorContext(&error).to_string())),
                };
            }
        };
        let expected = output
            .content_length
            .and_then(|length| usize::try_from(length).ok());
        let mut octets = Vec::with_capacity(expected.unwrap_or(0).min(MAX_PREALLOCATION));
        let mut body = output.body;
        // A wrong checksum or a body that ends early comes as an error of the last chunk.
        while let Some(chunk) = body.next().await {
            octets.extend_from_slice(
                &chunk.map_err(|error| LoadError::S3(DisplayErrorContext(&error).to_string()))?,
            );
        }
        Ok(Read::Object {
            octets,
            etag: output.e_tag.unwrap_or_default().into(),
        })
    }
}

impl Held {
    /// Whether it was last validated that long ago. A clock that went back makes it old; a failure
    /// just now makes it young, so that a failing S3 does not slow down every request.
    fn is_older_than(&self, age: Duration, now: UnixTime) -> bool {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let just_failed = self
            .failed_at
            .is_some_and(|failed_at| (0..seconds(RETRY_AFTER)).contains(&now.since(failed_at)));
        !just_failed && !(0..seconds(age)).contains(&now.since(self.validated_at))
    }
}

fn unanswered(error: String) -> LoadError {
    match error.contains("invalid peer certificate") {
        true => LoadError::Untrusted(error),
        false => LoadError::S3(error),
    }
}

enum Read {
    NotModified,
    Object { octets: Vec<u8>, etag: Arc<str> },
}

/// A request may wait for it, and API Gateway waits 10 s for the request.
const REVALIDATION_TIMEOUT: Duration = Duration::from_secs(2);
const FIRST_LOAD_TIMEOUT: Duration = Duration::from_secs(8);
const RETRY_AFTER: Duration = Duration::from_secs(2);
const MAX_PREALLOCATION: usize = 1 << 30;

/// Why no snapshot can be had.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LoadError {
    /// S3 forbids reading it, or hides that it is not there.
    Forbidden,
    /// It does not exist.
    Missing,
    /// The call failed.
    S3(String),
    /// The call took too long.
    Timeout(Duration),
    /// S3, or whoever answers in its place, has a certificate of an unknown CA.
    Untrusted(String),
    /// It is not a snapshot that can be used.
    Unusable(SnapshotError),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden => f.write_str(
                "S3 denies access to the snapshot: either crl-fetcher has not published one yet, or \
                 this function lacks s3:GetObject on it",
            ),
            Self::Missing => f.write_str("there is no snapshot yet; invoke crl-fetcher"),
            Self::S3(error) => write!(f, "the snapshot cannot be read: {error}"),
            Self::Timeout(after) => {
                write!(f, "S3 did not answer within {} s", after.as_secs())
            }
            Self::Untrusted(error) => write!(
                f,
                "S3 is not believed to be S3: {error}; for an endpoint whose certificate is not of \
                 Amazon Trust Services, name a PEM file with its CA in AWS_CA_BUNDLE"
            ),
            Self::Unusable(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for LoadError {}
