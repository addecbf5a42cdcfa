//! A snapshot whose second part is still on its way.

use std::sync::Arc;

use bytes::Bytes;
use revocation::{FirstPart, Snapshot};
use tokio::sync::{Mutex, MutexGuard};

use super::object::{Body, SnapshotObject};
use super::{LoadError, RETRY_AFTER};
use crate::moment::Moment;

/// The first part of a snapshot, and what has come of the second one.
pub struct EarlySnapshot {
    first: FirstPart<Bytes>,
    first_length: usize,
    second_length: usize,
    object: SnapshotObject,
    etag: Arc<str>,
    progress: Mutex<Progress>,
}

struct Progress {
    octets: Vec<u8>,
    /// What the octets come from; where there is none, S3 is asked again.
    body: Option<Body>,
    /// When somebody last began to read on.
    attempted_at: Option<Moment>,
    whole: Option<Arc<Snapshot<Bytes>>>,
}

/// Why the second part is not there.
pub(super) enum Incomplete {
    /// The object was replaced before all of it was read.
    Replaced,
    Failed(LoadError),
}

impl EarlySnapshot {
    /// With the rest of the body that the first part came from.
    pub(super) fn new(
        first: FirstPart<Bytes>,
        first_length: usize,
        body: Body,
        object: SnapshotObject,
        etag: Arc<str>,
    ) -> Self {
        Self {
            first,
            first_length,
            second_length: body.length().saturating_sub(first_length),
            object,
            etag,
            progress: Mutex::new(Progress {
                octets: Vec::new(),
                body: Some(body),
                attempted_at: None,
                whole: None,
            }),
        }
    }

    /// What there is from the beginning.
    pub const fn first_part(&self) -> &FirstPart<Bytes> {
        &self.first
    }

    /// Reads what is missing of the second part; of several callers one does, and the others wait for
    /// it. A caller that goes away loses no octet. Octets with a wrong checksum are thrown away.
    pub(super) async fn complete(&self, now: Moment) -> Result<Arc<Snapshot<Bytes>>, Incomplete> {
        self.attempt(self.progress.lock().await, now).await
    }

    /// The same for a caller that can do without: `None` where the last attempt failed just now, be it
    /// one that it has waited for.
    pub(super) async fn complete_if_due(
        &self,
        now: Moment,
    ) -> Option<Result<Arc<Snapshot<Bytes>>, Incomplete>> {
        let progress = self.progress.lock().await;
        let was_attempted = progress
            .attempted_at
            .is_some_and(|attempted_at| now.is_within(RETRY_AFTER, attempted_at));
        match progress.whole {
            None if was_attempted => None,
            _ => Some(self.attempt(progress, now).await),
        }
    }

    async fn attempt(
        &self,
        mut progress: MutexGuard<'_, Progress>,
        now: Moment,
    ) -> Result<Arc<Snapshot<Bytes>>, Incomplete> {
        if let Some(whole) = &progress.whole {
            return Ok(Arc::clone(whole));
        }
        progress.attempted_at = Some(now);
        let is_resumed = progress.body.is_some();
        let mut result = self.read_on(&mut progress).await;
        if is_resumed && matches!(result, Err(Incomplete::Failed(ref error)) if error.is_passing())
        {
            // The connection may have died long ago, in an environment that was frozen.
            progress.body = None;
            result = self.read_on(&mut progress).await;
        }
        match &result {
            Ok(whole) => progress.whole = Some(Arc::clone(whole)),
            Err(_) => progress.body = None,
        }
        result
    }

    async fn read_on(&self, progress: &mut Progress) -> Result<Arc<Snapshot<Bytes>>, Incomplete> {
        let Progress { octets, body, .. } = progress;
        // Whoever answers a ranged request with too much is found out by the checksum, not here.
        octets.reserve_exact(self.second_length.saturating_sub(octets.len()));
        let body = match body {
            Some(body) => body,
            None => {
                let offset = self.first_length + octets.len();
                let rest = self.object.get_from(offset, &self.etag).await?;
                body.insert(rest.ok_or(Incomplete::Replaced)?)
            }
        };
        while octets.len() < self.second_length {
            let Some(chunk) = body.next().await? else {
                break;
            };
            octets.extend_from_slice(&chunk);
            // One thread does everything, and requests come first.
            tokio::task::yield_now().await;
        }
        let second = Bytes::from(std::mem::take(octets));
        let whole = self.first.clone().complete(second);
        let whole = whole.map_err(|error| Incomplete::Failed(LoadError::Unusable(error)))?;
        Ok(Arc::new(whole))
    }
}

impl From<LoadError> for Incomplete {
    fn from(error: LoadError) -> Self {
        Self::Failed(error)
    }
}
