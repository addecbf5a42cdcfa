//! The snapshot that decisions are made from: loaded once, held in memory, revalidated by age.
//!
//! A request that finds a snapshot younger than the hard age uses it. Where it is older than the soft
//! age, it is revalidated when the response has been sent. Past the hard age, as in an execution
//! environment that was frozen for long, the request waits for the revalidation first. A snapshot
//! that was good once is never given up: each CRL's own nextUpdate ends it, at decision time. While S3
//! fails, it is asked less and less often, so that neither requests nor what is between them go
//! into waiting for it.
//!
//! Of a large snapshot only the first part, about a tenth, is waited for at first. It has the answer
//! to nearly every question; the second part follows beside the requests, and one that cannot be
//! answered without it waits for it. Whatever replaces a snapshot later is read wholly before it does.

mod early;
mod object;
mod observed;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_s3::Client;
use bytes::Bytes;
use moka::future::Cache;
use moka::ops::compute::Op;
use revocation::{FirstPart, Lengths, Snapshot, SnapshotError, SnapshotId, UnixTime};
use tracing::Instrument;
use tracing::instrument::Instrumented;

pub use self::early::EarlySnapshot;
use self::early::Incomplete;
use self::object::{Body, Found, SnapshotObject};
pub use self::observed::Observed;
use crate::config::Config;
use crate::invocation;
use crate::locked;
use crate::moment::Moment;

/// Holds the current snapshot.
#[derive(Clone)]
pub struct Snapshots {
    object: SnapshotObject,
    soft_age: Duration,
    hard_age: Duration,
    /// One entry. The cache makes the load single-flight: of several requests that find it too old
    /// one calls S3, and the others wait for that or go on.
    held: Cache<(), Held>,
    /// What was last put into the cache. To read it there takes a microsecond, which the cache needs to
    /// know what is used, and each invocation reads it twice.
    at_hand: Arc<Mutex<Option<Held>>>,
    observed: Arc<Observed>,
    /// How many octets there is memory for, of the snapshot held and the one that takes its place.
    room: usize,
}

/// What there is of the current snapshot.
#[derive(Clone)]
pub enum Available {
    /// All of it.
    Whole(Arc<Snapshot<Bytes>>),
    /// Its first part; [`Snapshots::whole`] waits for the second one.
    Early(Arc<EarlySnapshot>),
}

/// A snapshot and how sure we are that it is the current one.
#[derive(Clone)]
struct Held {
    snapshot: Available,
    etag: Arc<str>,
    /// When S3 last said that this is the current object.
    validated_at: Moment,
    /// The revalidations that failed since then.
    failures: Failures,
}

/// What there is to do for the snapshot when no request waits.
enum Upkeep {
    Nothing,
    /// To read its second part.
    Completion(Arc<EarlySnapshot>),
    /// To ask S3 whether it is the current one.
    Revalidation,
}

/// Failures in a row.
#[derive(Clone, Copy, Default)]
struct Failures {
    count: u32,
    /// When the last attempt was begun.
    last_at: Option<Moment>,
}

impl Snapshots {
    /// For the object that the configuration names. Nothing is loaded yet.
    pub fn new(client: Client, config: &Config) -> Self {
        Self {
            object: SnapshotObject::new(client, &config.bucket, &config.key),
            soft_age: config.soft_age,
            hard_age: config.hard_age,
            held: Cache::new(1),
            at_hand: Arc::default(),
            observed: Arc::default(),
            room: usize::MAX,
        }
    }

    /// The same in a function with that memory, in octets: a snapshot that has no room in it is an
    /// error, and not the end of the process.
    #[must_use]
    pub fn within(self, memory: usize) -> Self {
        Self {
            room: memory.saturating_sub(MEMORY_FOR_ALL_ELSE),
            ..self
        }
    }

    /// What there is to tell of the snapshot.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// The snapshot to decide from at the moment `now`, as far as it is there.
    ///
    /// # Errors
    /// None could be had, now or before.
    pub async fn current(&self, now: Moment) -> Result<Available, LoadError> {
        match self.at_hand(now) {
            Some(snapshot) => Ok(snapshot),
            None => asking_s3(self.load(now)).await,
        }
    }

    /// Revalidates a snapshot that is older than the soft age, and reads what is missing of one that is
    /// not there as a whole. To be called when no request waits. Takes two seconds at most; what was
    /// read until then is not lost.
    pub async fn keep_fresh(&self, now: Moment) {
        match self.upkeep(now) {
            Upkeep::Nothing => {}
            Upkeep::Completion(early) => {
                let completed = asking_s3(self.complete_unless_it_just_failed(&early, now));
                let _ = tokio::time::timeout(REVALIDATION_TIMEOUT, completed).await;
            }
            Upkeep::Revalidation => asking_s3(self.revalidate_unless_under_way(now)).await,
        }
    }

    /// All of the snapshot to decide from at the moment `now`. Waits for what is missing of it.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn whole(&self, now: Moment) -> Result<Arc<Snapshot<Bytes>>, LoadError> {
        let completed = asking_s3(self.complete(now));
        let whole = tokio::time::timeout(LOAD_TIMEOUT, completed).await;
        whole.unwrap_or(Err(LoadError::Timeout(LOAD_TIMEOUT)))
    }

    /// Waits until the snapshot is known to be current, or cannot be known to be.
    async fn load(&self, now: Moment) -> Result<Available, LoadError> {
        let result = self
            .held
            .entry(())
            .and_try_compute_with(async |entry| {
                let held = entry.map(moka::Entry::into_value);
                match &held {
                    // Another request waited for the same and had it done.
                    Some(held) if !held.is_due(self.hard_age, now) => Ok(Op::Nop),
                    _ => self.read(held, now).await.map(|held| self.put(held)),
                }
            })
            .await?;
        let is_news = matches!(result, moka::ops::compute::CompResult::Inserted(_));
        let held = result.into_entry().map(moka::Entry::into_value);
        let held = held.ok_or(LoadError::Missing)?;
        self.observed
            .decided_at_age(now.seconds_since(held.validated_at));
        if is_news && let Available::Early(early) = &held.snapshot {
            self.complete_beside(early, now);
        }
        Ok(held.snapshot)
    }

    async fn revalidate_unless_under_way(&self, now: Moment) {
        let result = self
            .held
            .entry(())
            .and_try_compute_if_nobody_else(async |entry| {
                let held = entry.map(moka::Entry::into_value);
                match &held {
                    Some(held) if !held.is_due(self.soft_age, now) => Ok(Op::Nop),
                    _ => self.read(held, now).await.map(|held| self.put(held)),
                }
            });
        if let Err(error) = result.await {
            tracing::warn!(%error, "snapshot");
        }
    }

    /// Reads the second part beside the requests.
    fn complete_beside(&self, early: &Arc<EarlySnapshot>, now: Moment) {
        let (beside, early) = (self.clone(), Arc::clone(early));
        tokio::spawn(async move {
            tokio::time::sleep(HEAD_START).await;
            beside.complete_unless_it_just_failed(&early, now).await;
        });
    }

    async fn complete_unless_it_just_failed(&self, early: &Arc<EarlySnapshot>, now: Moment) {
        if let Some(completed) = early.complete_if_due(now).await
            && let Err(error) = self.settle(early, completed, now).await
        {
            tracing::warn!(%error, "second part of the snapshot");
        }
    }

    async fn complete(&self, now: Moment) -> Result<Arc<Snapshot<Bytes>>, LoadError> {
        let held = locked(&self.at_hand).clone();
        let available = match held {
            Some(held) => held.snapshot,
            None => self.load(now).await?,
        };
        let early = match available {
            Available::Whole(snapshot) => return Ok(snapshot),
            Available::Early(early) => early,
        };
        let completed = early.complete(now).await;
        self.settle(&early, completed, now).await
    }

    /// Puts the whole snapshot in the place of its first part, or a newer one where that is gone.
    async fn settle(
        &self,
        early: &Arc<EarlySnapshot>,
        completed: Result<Arc<Snapshot<Bytes>>, Incomplete>,
        now: Moment,
    ) -> Result<Arc<Snapshot<Bytes>>, LoadError> {
        let result = self
            .held
            .entry(())
            .and_try_compute_with(async |entry| {
                let held = entry.map(moka::Entry::into_value);
                let Some(held) = held.filter(|held| held.is_of(early)) else {
                    // A newer one has taken its place.
                    return Ok(Op::Nop);
                };
                match completed {
                    Ok(whole) => Ok(self.put(Held {
                        snapshot: Available::Whole(whole),
                        ..held
                    })),
                    Err(Incomplete::Replaced) => {
                        let read = self.read(Some(held), now).await;
                        read.map(|held| self.put(held))
                    }
                    Err(Incomplete::Failed(error)) => Err(error),
                }
            })
            .await?;
        let held = result.into_entry().map(moka::Entry::into_value);
        match held.map(|held| held.snapshot) {
            Some(Available::Whole(snapshot)) => Ok(snapshot),
            Some(Available::Early(_)) => Err(LoadError::Incomplete),
            None => Err(LoadError::Missing),
        }
    }

    /// The snapshot that a request can use as it is.
    fn at_hand(&self, now: Moment) -> Option<Available> {
        let held = locked(&self.at_hand);
        let held = held.as_ref()?;
        if held.is_due(self.hard_age, now) {
            return None;
        }
        self.observed
            .decided_at_age(now.seconds_since(held.validated_at));
        Some(held.snapshot.clone())
    }

    fn upkeep(&self, now: Moment) -> Upkeep {
        match &*locked(&self.at_hand) {
            None => Upkeep::Nothing,
            Some(held) => match &held.snapshot {
                Available::Early(early) => Upkeep::Completion(Arc::clone(early)),
                // Where every request revalidates, there is nothing left to do.
                Available::Whole(_)
                    if self.soft_age < self.hard_age && held.is_due(self.soft_age, now) =>
                {
                    Upkeep::Revalidation
                }
                Available::Whole(_) => Upkeep::Nothing,
            },
        }
    }

    /// For computations of the cache's entry, of which there is one at a time.
    fn put(&self, held: Held) -> Op<Held> {
        *locked(&self.at_hand) = Some(held.clone());
        Op::Put(held)
    }

    /// Asks S3 for the object unless it is the one held, which is kept where that fails.
    async fn read(&self, held: Option<Held>, now: Moment) -> Result<Held, LoadError> {
        let timeout = match held.as_ref().map(|held| &held.snapshot) {
            Some(Available::Whole(_)) => REVALIDATION_TIMEOUT,
            // There is something that it could not answer, and that a client may be waiting for.
            Some(Available::Early(_)) | None => LOAD_TIMEOUT,
        };
        let read = tokio::time::timeout(timeout, self.get(held.as_ref(), now)).await;
        match (read.unwrap_or(Err(LoadError::Timeout(timeout))), held) {
            (Err(error), Some(held)) => {
                let snapshot = held.snapshot.id();
                tracing::warn!(%error, %snapshot, "the last good snapshot is used on");
                self.observed.failed();
                Ok(Held {
                    failures: held.failures.and_one_at(now),
                    ..held
                })
            }
            (Ok(read), Some(held)) => {
                match read.etag == held.etag {
                    true => self.observed.unchanged(),
                    false => self.observed.replaced(),
                }
                Ok(read)
            }
            (result, None) => result,
        }
    }

    async fn get(&self, held: Option<&Held>, now: Moment) -> Result<Held, LoadError> {
        let (etag, snapshot) = match self.object.get(held.map(|held| &*held.etag)).await? {
            Found::NotModified => {
                let held = held.ok_or(LoadError::Missing)?;
                (Arc::clone(&held.etag), held.snapshot.clone())
            }
            Found::Object { etag, body } => {
                let taken = held.map_or(0, |held| held.snapshot.len_octets());
                if body.length() > self.room.saturating_sub(taken) {
                    return Err(LoadError::TooLarge(body.length()));
                }
                let snapshot = match held {
                    Some(_) => read_wholly(body, Vec::new()).await,
                    None => self.read_first_part(body, &etag).await,
                }?;
                let (id, built_at) = (snapshot.id(), snapshot.built_at());
                tracing::info!(snapshot = %id, %built_at, "snapshot");
                (etag, snapshot)
            }
        };
        Ok(Held {
            snapshot,
            etag,
            validated_at: now,
            failures: Failures::default(),
        })
    }

    /// Or all, where what follows is not worth a second look.
    async fn read_first_part(
        &self,
        mut body: Body,
        etag: &Arc<str>,
    ) -> Result<Available, LoadError> {
        let mut octets = Vec::with_capacity(Lengths::OCTETS);
        body.fill(&mut octets, Lengths::OCTETS).await?;
        // Nothing vouches for the lengths yet, and nothing depends on them but how much is read.
        let lengths = Lengths::read(&octets).ok().filter(|lengths| {
            lengths.whole == body.length() && lengths.whole - lengths.first > SECOND_PART_WAITED_FOR
        });
        let Some(lengths) = lengths else {
            return read_wholly(body, octets).await;
        };
        octets.reserve_exact(lengths.first - octets.len());
        body.fill(&mut octets, lengths.first).await?;
        let first = FirstPart::open(Bytes::from(octets)).map_err(LoadError::Unusable)?;
        let (object, etag) = (self.object.clone(), Arc::clone(etag));
        let early = EarlySnapshot::new(first, lengths.first, body, object, etag);
        Ok(Available::Early(Arc::new(early)))
    }
}

/// For what may ask S3, and rarely has to: in a box of its own, since its future takes some 8,000
/// octets, which would be moved about with every request that holds a snapshot already; and in the
/// invocation's span, since it may log.
fn asking_s3<F: Future>(work: F) -> Pin<Box<Instrumented<F>>> {
    Box::pin(work.instrument(invocation::span()))
}

/// Reads all octets behind those that are there.
async fn read_wholly(mut body: Body, mut octets: Vec<u8>) -> Result<Available, LoadError> {
    let length = body.length();
    let missing = length.saturating_sub(octets.len());
    if octets.try_reserve_exact(missing).is_err() {
        return Err(LoadError::TooLarge(length));
    }
    body.fill(&mut octets, usize::MAX).await?;
    let snapshot = Snapshot::open(Bytes::from(octets)).map_err(LoadError::Unusable)?;
    Ok(Available::Whole(Arc::new(snapshot)))
}

impl Available {
    fn id(&self) -> SnapshotId {
        match self {
            Self::Whole(snapshot) => snapshot.id(),
            Self::Early(early) => early.first_part().id(),
        }
    }

    fn len_octets(&self) -> usize {
        match self {
            Self::Whole(snapshot) => snapshot.len_octets(),
            Self::Early(early) => early.first_part().len_octets(),
        }
    }

    fn built_at(&self) -> UnixTime {
        match self {
            Self::Whole(snapshot) => snapshot.built_at(),
            Self::Early(early) => early.first_part().built_at(),
        }
    }
}

impl Held {
    /// Whether it was last validated that long ago, and is to be revalidated now. A clock that went
    /// back makes it old.
    fn is_due(&self, age: Duration, now: Moment) -> bool {
        !now.is_within(age, self.validated_at) && !self.failures.want_a_pause(now)
    }

    fn is_of(&self, early: &Arc<EarlySnapshot>) -> bool {
        match &self.snapshot {
            Available::Whole(_) => false,
            Available::Early(held) => Arc::ptr_eq(held, early),
        }
    }
}

impl Failures {
    const fn and_one_at(self, now: Moment) -> Self {
        Self {
            count: self.count.saturating_add(1),
            last_at: Some(now),
        }
    }

    /// A failing S3 may take each attempt's time limit, so each attempt doubles the pause.
    fn want_a_pause(self, now: Moment) -> bool {
        let doublings = self.count.saturating_sub(1).min(MAX_DOUBLINGS);
        let pause = RETRY_AFTER * (1 << doublings);
        self.last_at
            .is_some_and(|last_at| now.is_within(pause, last_at))
    }
}

/// A request may wait for it, and API Gateway waits 10 s for the request.
const REVALIDATION_TIMEOUT: Duration = Duration::from_secs(2);
const LOAD_TIMEOUT: Duration = Duration::from_secs(8);
/// For the end of the Init phase, or the request at hand: there is one thread.
const HEAD_START: Duration = Duration::from_millis(5);
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Up to 32 s.
const MAX_DOUBLINGS: u32 = 4;
/// A second part of no more octets than these is read along with the first one.
const SECOND_PART_WAITED_FOR: usize = 1 << 20;
/// The process, its libraries and what requests take: about 10 MB at rest.
const MEMORY_FOR_ALL_ELSE: usize = 40 << 20;

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
    /// The second part of the snapshot, which alone can tell, is not there.
    Incomplete,
    /// It has so many octets, for which there is no memory.
    TooLarge(usize),
    /// It is not a snapshot that can be used.
    Unusable(SnapshotError),
}

impl LoadError {
    /// Whether the next attempt may end otherwise, the object being the same.
    const fn is_passing(&self) -> bool {
        matches!(self, Self::S3(_) | Self::Timeout(_))
    }
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
            Self::Incomplete => f.write_str(
                "the second part of the snapshot, which alone can tell, could not be read",
            ),
            Self::TooLarge(octets) => write!(
                f,
                "the snapshot has {octets} octets, for which there is no memory beside the one it takes \
                 the place of; give this function more"
            ),
            Self::Unusable(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for LoadError {}
