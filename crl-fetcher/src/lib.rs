//! The Lambda that turns the CRLs in a bucket into one verified snapshot.
//!
//! The path of one CRL, top to bottom: [`Fetcher::refresh`] lists and reads it (`s3`),
//! [`crl::CertificateList::verify`] believes it or not, [`ledger::Ledger::adopt`] puts it in the
//! place of an older one, and the refresh publishes the whole by compare-and-swap.
//!
//! Whatever triggers it, one refresh does the same thing: look at everything, publish if anything
//! changed. A CA's announcement that it has revoked a certificate ([`announcement`]) is noted besides,
//! and so is what the operator has blocked ([`overrides`]). A source that fails keeps what the last
//! snapshot held for it; the others go on; and the invocation fails after the publish, so that it is
//! retried and an alarm fires.

mod additions;
pub mod announcement;
mod api_gateway;
pub mod caches;
pub mod config;
pub mod crl;
pub mod ledger;
pub mod metrics;
pub mod overrides;
mod pem;
pub mod refusal;
pub mod report;
mod s3;
pub mod signature;
pub mod trigger;
pub mod truststore;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use futures::stream::{self, StreamExt};
use revocation::{
    Contents, EncodeError, Issuer, ObjectRef, Origin, Snapshot, SnapshotError, UnixTime,
};
use serde_json::Value;

use crate::additions::adds_revocations;
use crate::announcement::Announcement;
use crate::caches::{Caches, Change};
use crate::config::{Config, Location};
use crate::crl::{CertificateList, VerifiedCrl, crls_in};
use crate::ledger::{Adopted, Ledger};
use crate::overrides::{Block, MAX_OVERRIDES_OCTETS, Overrides};
pub use crate::pem::is_pem;
use crate::refusal::Refusal;
use crate::report::{
    Announced, AnnouncementReport, CaReport, Counts, FlushReport, IssuerReport, Outcome,
    OverridesOutcome, OverridesReport, Report, SnapshotReport, SourceReport,
};
pub use crate::s3::{Object, S3Error, Written, get_version, put, s3_client, sdk_config};
use crate::truststore::{Truststore, TruststoreError};

/// Refreshes one snapshot.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    config: Config,
    caches: Option<Caches>,
}

impl Fetcher {
    /// A fetcher for that configuration.
    pub fn from_sdk(sdk: &SdkConfig, config: Config) -> Self {
        Self {
            caches: Caches::new(sdk, &config),
            ..Self::new(Client::new(sdk), config)
        }
    }

    /// A fetcher for that configuration, which leaves authorizer caches alone.
    pub const fn new(client: Client, config: Config) -> Self {
        Self {
            client,
            config,
            caches: None,
        }
    }

    /// Looks at every CRL and publishes a snapshot if anything changed.
    ///
    /// # Errors
    /// There is no truststore, listing or snapshot to work with, or publishing failed. Refused CRLs
    /// are no error here but part of the report: see [`Report::refused`].
    pub async fn refresh(&self, trigger: &str, now: UnixTime) -> Result<Report, RefreshError> {
        self.refresh_with(trigger, None, now).await
    }

    /// The same for the event that triggered it: where a CA announces a revocation by it, that is noted.
    /// `own_account` is the one the function runs in.
    ///
    /// # Errors
    /// See [`Self::refresh`].
    pub async fn refresh_on(
        &self,
        trigger: &str,
        event: &Value,
        own_account: &str,
        now: UnixTime,
    ) -> Result<Report, RefreshError> {
        let ignored = AnnouncementReport::ignored;
        let (announcement, ignored) = match Announcement::of(event) {
            None => (None, None),
            Some(Err(error)) => (None, Some(ignored(None, error.to_string()))),
            Some(Ok(announcement)) if self.counts(&announcement, own_account) => {
                (Some(announcement), None)
            }
            Some(Ok(announcement)) => {
                let message = format!(
                    "it is of account {}; name that in CA_ACCOUNTS if its CAs' announcements are to \
                     count",
                    announcement.account
                );
                (None, Some(ignored(Some(&announcement), message)))
            }
        };
        let report = self.refresh_with(trigger, announcement.as_ref(), now);
        let report = report.await?;
        Ok(Report {
            announcement: report.announcement.or(ignored),
            ..report
        })
    }

    fn counts(&self, announcement: &Announcement, own_account: &str) -> bool {
        match self.config.ca_accounts.as_slice() {
            [] => announcement.account == own_account,
            accounts => accounts.contains(&announcement.account),
        }
    }

    async fn refresh_with(
        &self,
        trigger: &str,
        announcement: Option<&Announcement>,
        now: UnixTime,
    ) -> Result<Report, RefreshError> {
        let started = Instant::now();
        for attempt in 0..MAX_ATTEMPTS {
            // In a box, or the futures within futures are deeper than the compiler goes.
            let attempt_made = Box::pin(self.attempt(trigger, announcement, now)).await?;
            if let Some((report, change)) = attempt_made {
                // Rounded up: what was published was so by then.
                let took = i64::try_from(started.elapsed().as_secs() + 1).unwrap_or(i64::MAX);
                let flush = Box::pin(self.flush(change, now.plus(took))).await;
                return Ok(Report { flush, ..report });
            }
            // Another fetcher published in between: start over from its snapshot, and let several
            // that collided fall out of step.
            let jitter = u64::from(std::process::id().wrapping_mul(attempt + 1) % 50);
            tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 50 + jitter)).await;
        }
        Err(RefreshError::Contended)
    }

    /// One compare-and-swap; `None` if another fetcher was faster.
    async fn attempt(
        &self,
        trigger: &str,
        announcement: Option<&Announcement>,
        now: UnixTime,
    ) -> Result<Option<(Report, Change)>, RefreshError> {
        let (truststore, truststore_ref) = self.truststore().await?;
        let current = self.current_snapshot().await?;
        let held = current.as_ref().map(|(snapshot, _)| snapshot.to_contents());

        let mut ledger = Ledger::new(&truststore, held.clone());
        let listed = self.list().await?;
        let sources = self.take_in(&mut ledger, listed, &truststore, now).await;

        let overrides = self.override_in(&mut ledger, now).await;
        let announced = announcement.map(|announcement| {
            let issuers = self.note(&mut ledger, announcement, now);
            (announcement, issuers)
        });

        let contents = ledger.into_contents(now, truststore_ref);
        let announcement = announced.map(|(announcement, issuers)| {
            AnnouncementReport::new(announcement, &issuers, &contents)
        });
        // When and by what it was built is no reason to write it again.
        let published = held.as_ref().is_none_or(|held| {
            contents.truststore != held.truststore
                || contents.blocked_keys != held.blocked_keys
                || contents.issuers != held.issuers
        });
        // Whether to look at every serial number once more depends on whether anybody asks.
        let adds = self.caches.is_some()
            && published
            && held.is_none_or(|held| adds_revocations(&held, &contents));
        let replaced = current.as_ref().map(|(_, etag)| etag.clone());
        let (snapshot, etag) = match current {
            Some(current) if !published => current,
            _ => {
                let octets = contents.encode()?;
                let snapshot =
                    Snapshot::decode(octets.clone()).map_err(RefreshError::OwnSnapshot)?;
                let written = put(
                    &self.client,
                    &self.config.snapshot,
                    octets,
                    replaced.as_deref(),
                );
                match written.await? {
                    Written::Published(etag) => (snapshot, etag),
                    Written::Conflict => return Ok(None),
                }
            }
        };
        let change = Change {
            etag: etag.clone(),
            adds_nothing_to: replaced.filter(|_| !adds),
        };
        let counts = Counts::of(&sources);
        let in_trouble = |issuer| IssuerReport::new(&issuer, now);
        let with_crl = |issuer| CaReport::new(&issuer, now);
        let report = Report {
            trigger: trigger.to_owned(),
            announcement,
            overrides,
            cas: snapshot.issuers().filter_map(with_crl).collect(),
            issuers: snapshot.issuers().filter_map(in_trouble).collect(),
            snapshot: self.report_snapshot(&snapshot, etag, published, now),
            sources,
            counts,
            flush: None,
        };
        Ok(Some((report, change)))
    }

    async fn flush(&self, change: Change, now: UnixTime) -> Option<FlushReport> {
        let caches = self.caches.as_ref()?;
        Some(caches.flush(&self.client, change, now).await)
    }

    /// Has what the operator blocked denied; where that cannot be read, what was blocked before.
    async fn override_in(&self, ledger: &mut Ledger<'_>, now: UnixTime) -> Option<OverridesReport> {
        let Some(location) = &self.config.overrides else {
            ledger.forget_overrides();
            return None;
        };
        let read = s3::get(&self.client, location, MAX_OVERRIDES_OCTETS).await;
        let overrides = match read {
            Ok(Some(object)) => Overrides::read(&object.octets).map_err(|error| error.to_string()),
            Ok(None) if !ledger.has_overrides() => {
                return Some(OverridesReport::new(location, OverridesOutcome::Absent));
            }
            Ok(None) => return Some(OverridesReport::new(location, OverridesOutcome::Vanished)),
            Err(error) => Err(error.to_string()),
        };
        Some(match overrides {
            Ok(overrides) => {
                let without_ca = ledger.override_with(&overrides).into_iter();
                let counts = |block: &&Block| now <= block.until;
                let names = without_ca
                    .filter(counts)
                    .map(|block| block.target.to_string());
                OverridesReport {
                    without_ca: names.collect(),
                    ..OverridesReport::new(location, OverridesOutcome::Taken)
                }
            }
            Err(error) => OverridesReport::new(location, OverridesOutcome::Refused(error)),
        })
    }

    /// Has what a CA announced denied, and names the CAs that it may be.
    fn note(
        &self,
        ledger: &mut Ledger<'_>,
        announcement: &Announcement,
        now: UnixTime,
    ) -> Vec<Issuer> {
        let issuers = announcement.issuers(ledger.issuers(), &self.config.known_cas);
        let issuers: Vec<_> = issuers.into_iter().cloned().collect();
        let notice = announcement.notice(self.config.announcement_keep, now);
        for issuer in &issuers {
            ledger.notice(issuer, notice);
        }
        issuers
    }

    fn report_snapshot(
        &self,
        snapshot: &Snapshot<Vec<u8>>,
        etag: String,
        published: bool,
        now: UnixTime,
    ) -> SnapshotReport {
        let crls = || snapshot.issuers().flat_map(|issuer| issuer.crls());
        let all_notices = || snapshot.issuers().flat_map(|issuer| issuer.notices.iter());
        let notices = |origin| all_notices().filter(move |notice| notice.origin == origin);
        let announced = || notices(Origin::Announcement);
        let is_late = |since: UnixTime| now.since(since) > self.config.unconfirmed_after;
        SnapshotReport {
            id: snapshot.id().to_string(),
            etag,
            published,
            issuers: snapshot.issuers().count(),
            crls: crls().count(),
            revoked: crls().map(|crl| crl.revoked.len()).sum(),
            announced: announced().count(),
            unconfirmed: announced().filter(|notice| is_late(notice.since)).count(),
            blocked: notices(Origin::Override).count() + snapshot.blocked_keys().len(),
            octets: snapshot.len_octets(),
        }
    }

    async fn truststore(&self) -> Result<(Truststore, ObjectRef), RefreshError> {
        let location = &self.config.truststore;
        let object = s3::get(&self.client, location, MAX_TRUSTSTORE_OCTETS).await?;
        let Object { octets, etag } =
            object.ok_or_else(|| RefreshError::NoTruststore(location.clone()))?;
        let truststore = Truststore::read(&octets)
            .map_err(|error| RefreshError::Truststore(location.clone(), error))?;
        Ok((
            truststore,
            ObjectRef {
                key: location.key.clone(),
                etag,
            },
        ))
    }

    async fn current_snapshot(&self) -> Result<Option<(Snapshot<Vec<u8>>, String)>, RefreshError> {
        let location = &self.config.snapshot;
        let Some(object) = s3::get(&self.client, location, MAX_SNAPSHOT_OCTETS).await? else {
            return Ok(None);
        };
        // Without it we would not know which CRLs have been replaced by older ones since.
        let snapshot = Snapshot::decode(object.octets)
            .map_err(|error| RefreshError::Snapshot(location.clone(), error))?;
        Ok(Some((snapshot, object.etag)))
    }

    /// The CRL objects below the prefixes: key → entity tag. AWS Private CA also writes objects to
    /// test its permissions, which do not end in `.crl`.
    async fn list(&self) -> Result<BTreeMap<String, String>, RefreshError> {
        let mut objects = BTreeMap::new();
        for prefix in &self.config.crl_prefixes {
            let listed = s3::list(&self.client, &self.config.crl_bucket, prefix).await?;
            let crls = listed
                .into_iter()
                .filter(|object| object.key.ends_with(".crl"));
            objects.extend(crls.map(|object| (object.key, object.etag)));
        }
        Ok(objects)
    }

    /// Reads what has changed, believes what verifies, and tells what became of each object.
    async fn take_in(
        &self,
        ledger: &mut Ledger<'_>,
        listed: BTreeMap<String, String>,
        truststore: &Truststore,
        now: UnixTime,
    ) -> Vec<SourceReport> {
        let vanished = ledger.find_vanished(|key| listed.contains_key(key));
        let mut reports: Vec<_> = vanished.iter().map(|key| report_vanished(key)).collect();
        let is_held = |key: &str, etag: &str| {
            !etag.is_empty()
                && ledger
                    .from_object(key)
                    .any(|record| record.source.etag == etag)
        };
        let (held, changed): (Vec<_>, Vec<_>) = listed
            .into_iter()
            .partition(|(key, etag)| is_held(key, etag));
        reports.extend(held.into_iter().map(|(key, _)| SourceReport {
            key,
            outcome: Outcome::Unchanged,
            code: None,
            message: None,
        }));

        let mut sources: Vec<Source> = stream::iter(changed)
            .map(|(key, _)| self.read_source(key, truststore, now))
            .buffer_unordered(self.config.max_concurrent_gets)
            .filter_map(std::future::ready)
            .collect()
            .await;
        // Newest first, so that of two objects with one scope the older one is refused, in whatever
        // order they were read.
        sources.sort_by(|a, b| {
            b.greatest_number()
                .cmp(&a.greatest_number())
                .then(a.key.cmp(&b.key))
        });
        reports.extend(sources.into_iter().map(|source| source.adopt_into(ledger)));
        reports.sort_by(|a, b| a.key.cmp(&b.key));
        reports
    }

    /// Reads and verifies the CRLs of one object; `None` if it has gone since it was listed.
    async fn read_source(
        &self,
        key: String,
        truststore: &Truststore,
        now: UnixTime,
    ) -> Option<Source> {
        let location = Location {
            bucket: self.config.crl_bucket.clone(),
            key,
        };
        let read = s3::get(&self.client, &location, self.config.max_crl_bytes).await;
        let key = location.key;
        let object = match read {
            Ok(object) => object?,
            Err(error) => {
                let refusal = match error.exceeded_limit() {
                    Some(limit) => Refusal::TooLarge { limit },
                    None => Refusal::Unreadable(error.to_string()),
                };
                return Some(Source {
                    key,
                    etag: String::new(),
                    crls: vec![Err(refusal)],
                });
            }
        };
        Some(Source {
            key,
            etag: object.etag,
            crls: verify_all(&object.octets, truststore, now),
        })
    }
}

/// Verifies every CRL in an object, in DER or PEM.
pub fn verify_all(
    octets: &[u8],
    truststore: &Truststore,
    now: UnixTime,
) -> Vec<Result<VerifiedCrl, Refusal>> {
    match crls_in(octets) {
        Ok(crls) => crls
            .iter()
            .map(|der| CertificateList::from_der(der)?.verify(truststore, now))
            .collect(),
        Err(refusal) => vec![Err(refusal)],
    }
}

/// One object that was read, and the CRLs in it.
struct Source {
    key: String,
    etag: String,
    crls: Vec<Result<VerifiedCrl, Refusal>>,
}

impl Source {
    fn greatest_number(&self) -> Option<revocation::CrlNumber> {
        self.crls
            .iter()
            .flatten()
            .map(|crl| crl.profile().number.clone())
            .max()
    }

    /// The gravest of what became of its CRLs is what became of the object.
    fn adopt_into(self, ledger: &mut Ledger<'_>) -> SourceReport {
        let Self { key, etag, crls } = self;
        let source = ObjectRef { key, etag };
        let mut adopted = Vec::new();
        let mut refusals = Vec::new();
        for crl in crls {
            match crl.and_then(|crl| ledger.adopt(crl, source.clone())) {
                Ok(outcome) => adopted.push(outcome),
                Err(refusal) => refusals.push(refusal),
            }
        }
        if !refusals.is_empty() {
            ledger.mark_unfinished(&source);
        }
        let gravest = refusals
            .iter()
            .find(|refusal| !refusal.is_foreign())
            .or_else(|| refusals.first());
        // In the place of a CRL that we hold, somebody else's is no neighbour but a replacement.
        let replaces_held = adopted.is_empty() && ledger.from_object(&source.key).next().is_some();
        let outcome = match gravest {
            Some(refusal) if refusal.is_foreign() && !replaces_held => Outcome::Foreign,
            Some(_) => Outcome::Refused,
            None if adopted.contains(&Adopted::New) => Outcome::Accepted,
            None => Outcome::Unchanged,
        };
        SourceReport {
            key: source.key,
            outcome,
            code: gravest.map(Refusal::code),
            message: gravest.map(Refusal::to_string),
        }
    }
}

fn report_vanished(key: &str) -> SourceReport {
    let message = "the object is gone; what its CRL revoked stays revoked until a newer one comes";
    SourceReport {
        key: key.to_owned(),
        outcome: Outcome::Vanished,
        code: Some("vanished"),
        message: Some(message.to_owned()),
    }
}

impl AnnouncementReport {
    fn new(announcement: &Announcement, issuers: &[Issuer], contents: &Contents) -> Self {
        let mut records = contents.issuers.iter();
        let is_noted = records.any(|record| {
            let mut notices = record.notices.iter();
            issuers.contains(&record.issuer)
                && notices.any(|notice| notice.key() == (announcement.serial, Origin::Announcement))
        });
        let (outcome, message) = match issuers {
            [] => (
                Announced::Foreign,
                "no CRL of a CA in the truststore comes from an object with its id in the key; if it is \
                 one of these CAs, name its key in CA_KEY_IDS",
            ),
            _ if is_noted => (
                Announced::Noted,
                "the certificate is denied until a CRL of its CA lists it",
            ),
            _ => (
                Announced::Settled,
                "a CRL lists the certificate already, or it was announced too long ago",
            ),
        };
        Self {
            outcome,
            ..Self::ignored(Some(announcement), message.to_owned())
        }
    }

    fn ignored(announcement: Option<&Announcement>, message: String) -> Self {
        let of = |part: fn(&Announcement) -> String| announcement.map(part).unwrap_or_default();
        Self {
            ca_id: of(|announcement| announcement.ca_id.clone()),
            serial: of(|announcement| announcement.serial.to_string()),
            outcome: Announced::Ignored,
            message,
        }
    }
}

/// The largest truststore that is read: API Gateway takes those of up to 1 MB.
pub const MAX_TRUSTSTORE_OCTETS: u64 = 4 << 20;

/// The largest snapshot that is read: about 70 million random serial numbers.
pub const MAX_SNAPSHOT_OCTETS: u64 = 1 << 30;

/// How often a refresh starts over when other fetchers publish at the same time.
const MAX_ATTEMPTS: u32 = 10;

/// Why a refresh came to nothing. The published snapshot is untouched.
#[derive(Debug)]
#[non_exhaustive]
pub enum RefreshError {
    /// Other fetchers kept publishing in between.
    Contended,
    /// The contents do not fit into a snapshot.
    Encode(EncodeError),
    /// There is no truststore.
    NoTruststore(Location),
    /// What was encoded does not decode: an error of ours.
    OwnSnapshot(SnapshotError),
    /// A call to S3 failed.
    S3(S3Error),
    /// The published snapshot cannot be read.
    Snapshot(Location, SnapshotError),
    /// The truststore cannot be used.
    Truststore(Location, TruststoreError),
}

impl RefreshError {
    /// The error type that Lambda reports, for alarms.
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::Contended => "Contended",
            Self::Encode(_) | Self::OwnSnapshot(_) => "SnapshotNotBuilt",
            Self::NoTruststore(_) | Self::Truststore(..) => "TruststoreUnusable",
            Self::S3(_) => "S3",
            Self::Snapshot(..) => "SnapshotUnusable",
        }
    }
}

impl From<S3Error> for RefreshError {
    fn from(error: S3Error) -> Self {
        Self::S3(error)
    }
}

impl From<EncodeError> for RefreshError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contended => f.write_str(
                "other refreshes kept publishing at the same time; set the function's reserved \
                 concurrency to 1",
            ),
            Self::Encode(error) => write!(f, "the snapshot cannot be built: {error}"),
            Self::NoTruststore(Location { bucket, key }) => write!(
                f,
                "there is no truststore at s3://{bucket}/{key}; set TRUSTSTORE_BUCKET and \
                 TRUSTSTORE_KEY to the one of the API's domain name"
            ),
            Self::OwnSnapshot(error) => {
                write!(f, "the snapshot that was built is unusable: {error}")
            }
            Self::S3(error) => write!(f, "{error}"),
            Self::Snapshot(Location { bucket, key }, error) => write!(
                f,
                "the published snapshot s3://{bucket}/{key} is unusable: {error}; restore an earlier \
                 version of the object, or delete it to have it built from the CRLs alone"
            ),
            Self::Truststore(Location { bucket, key }, error) => {
                write!(f, "s3://{bucket}/{key}: {error}")
            }
        }
    }
}

impl std::error::Error for RefreshError {}
