//! What one refresh did: the function's answer, its one log line, and what an operator reads.

use revocation::{CrlView, IssuerView, UnixTime, hexadecimal};
use serde::{Serialize, Serializer};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use crate::config::Location;

/// The outcome of a refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What started it.
    pub trigger: String,
    /// The snapshot that is published now.
    pub snapshot: SnapshotReport,
    /// What became of the announcement of a revocation, where that started the refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announcement: Option<AnnouncementReport>,
    /// What became of the operator's overrides, where there is a place for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overrides: Option<OverridesReport>,
    /// The CAs in it that have a CRL, and how fresh it is.
    pub cas: Vec<CaReport>,
    /// The CAs in it whose certificates are denied because of what is known, or not, of themselves.
    pub issuers: Vec<IssuerReport>,
    /// Every object below the prefixes, and every one that is held but not there any more.
    pub sources: Vec<SourceReport>,
    /// How many of them had which outcome.
    pub counts: Counts,
    /// What became of the authorizer caches, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush: Option<FlushReport>,
}

/// What became of an announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnouncementReport {
    /// The CA's id; empty where it could not be read.
    pub ca_id: String,
    /// The certificate's serial number in hexadecimal; empty where it could not be read.
    pub serial: String,
    /// What became of it.
    pub outcome: Announced,
    /// What that means, and the remedy where it needs one.
    pub message: String,
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Announced {
    /// The certificate is denied from this snapshot on.
    Noted,
    /// A CRL lists it already, or it was announced longer ago than announcements are kept.
    Settled,
    /// No CA of the truststore is known to be the one that it is about.
    Foreign,
    /// It comes from an account whose announcements do not count, or cannot be read.
    Ignored,
}

impl Announced {
    /// The word for it in log lines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Noted => "noted",
            Self::Settled => "settled",
            Self::Foreign => "foreign",
            Self::Ignored => "ignored",
        }
    }
}

/// What became of the operator's overrides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OverridesReport {
    /// The object.
    pub object: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: OverridesOutcome,
    /// The blocks that have no effect, because the truststore has no CA with their key identifier.
    pub without_ca: Vec<String>,
}

/// What became of the operator's overrides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome", content = "message")]
pub enum OverridesOutcome {
    /// The snapshot has them.
    Taken,
    /// There are none, and there were none.
    Absent,
    /// They cannot be used, and this is why. Those held stay until they end.
    Refused(String),
    /// They are gone. Those held stay until they end.
    Vanished,
}

impl OverridesReport {
    pub(crate) fn new(location: &Location, outcome: OverridesOutcome) -> Self {
        Self {
            object: format!("s3://{}/{}", location.bucket, location.key),
            outcome,
            without_ca: Vec::new(),
        }
    }

    /// What is wrong with them, and the remedy.
    pub fn trouble(&self) -> Option<String> {
        let object = &self.object;
        match &self.outcome {
            OverridesOutcome::Taken | OverridesOutcome::Absent => None,
            OverridesOutcome::Refused(why) => Some(format!(
                "{object}: overrides-refused: {why}; the last good ones stay; mend the object, or \
                 restore its earlier version"
            )),
            OverridesOutcome::Vanished => Some(format!(
                "{object}: overrides-vanished: the object is gone; the blocks that it had stay until \
                 they end; restore it, or take them out with crlctl unblock"
            )),
        }
    }
}

/// The snapshot after a refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotReport {
    /// Its identifier, as in the authorizer's log lines.
    pub id: String,
    /// Its entity tag in S3.
    pub etag: String,
    /// Whether this refresh wrote it.
    pub published: bool,
    /// How many CAs it knows.
    pub issuers: usize,
    /// How many CRLs it holds.
    pub crls: usize,
    /// How many serial numbers are in them.
    pub revoked: u64,
    /// How many certificates are denied because their revocation was announced, and no CRL lists them
    /// yet.
    pub announced: usize,
    /// How many of these should have been confirmed by a CRL by now.
    pub unconfirmed: usize,
    /// How many certificates and public keys the operator has blocked.
    pub blocked: usize,
    /// Its size in octets.
    pub octets: usize,
}

/// How fresh the CRLs of one CA are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaReport {
    /// Its name, for people.
    pub subject: String,
    /// Its key identifier in hexadecimal.
    pub key_id: String,
    /// How many CRLs of it are held: more than one where they are partitioned.
    pub crls: usize,
    /// How many serial numbers are in them.
    pub revoked: u64,
    /// When the oldest of them was issued.
    #[serde(serialize_with = "as_text")]
    pub this_update: UnixTime,
    /// When the first of them is past its nextUpdate.
    #[serde(serialize_with = "as_text")]
    pub next_update: UnixTime,
    /// How much of the time from thisUpdate to nextUpdate has passed, in percent, rounded down, of
    /// the one where it is the most; more than 100 past nextUpdate.
    pub life_elapsed: i64,
}

impl CaReport {
    /// `None` for a CA without a CRL.
    pub fn new(issuer: &IssuerView<'_>, now: UnixTime) -> Option<Self> {
        let crls = || issuer.crls();
        let life_elapsed = |crl: CrlView<'_>| {
            let life = crl.next_update.since(crl.this_update).max(1);
            now.since(crl.this_update).saturating_mul(100) / life
        };
        Some(Self {
            subject: show_name(issuer.name),
            key_id: hexadecimal(issuer.key_id),
            crls: crls().count(),
            revoked: crls().map(|crl| crl.revoked.len()).sum(),
            this_update: crls().map(|crl| crl.this_update).min()?,
            next_update: crls().map(|crl| crl.next_update).min()?,
            life_elapsed: crls().map(life_elapsed).max()?,
        })
    }

    /// What tells it from the other CAs in metrics, for people: two may have the same name.
    pub(crate) fn dimension(&self) -> String {
        let Self {
            subject, key_id, ..
        } = self;
        format!("{subject} {}", key_id.get(..8).unwrap_or(key_id))
    }
}

fn as_text<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// A CA that is revoked, or of which it is not known that it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerReport {
    /// Its name, for people.
    pub subject: String,
    /// Its key identifier in hexadecimal.
    pub key_id: String,
    /// `issuer-revoked` or `issuer-status-unknown`, as in the authorizer's decisions.
    pub code: &'static str,
    /// What that means, and the remedy.
    pub message: &'static str,
}

impl IssuerReport {
    /// `None` for a CA that is in order at the moment `now`.
    pub fn new(issuer: &IssuerView<'_>, now: UnixTime) -> Option<Self> {
        let (code, message) = if issuer.revoked {
            (
                "issuer-revoked",
                "the CRL of its own issuer lists it, its issuer announced it, or the operator blocked it or \
                 its key; take it out of the truststore",
            )
        } else if issuer.good_until < now {
            (
                "issuer-status-unknown",
                "the CRL of its own issuer is missing, stale, or not for CA certificates; publish it \
                 below CRL_PREFIXES, or set ON_ISSUER_STATUS_UNKNOWN of the authorizer",
            )
        } else {
            return None;
        };
        Some(Self {
            subject: show_name(issuer.name),
            key_id: hexadecimal(issuer.key_id),
            code,
            message,
        })
    }
}

/// A DER `Name` for people.
pub fn show_name(der: &[u8]) -> String {
    X509Name::from_der(der).map_or_else(|_| "unreadable".to_owned(), |(_, name)| name.to_string())
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// Its key.
    pub key: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was not taken, for scripts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why it was not taken, for people; or what was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// A CRL in it supersedes what was held.
    Accepted,
    /// It is what was held.
    Unchanged,
    /// Its issuer is not in the truststore.
    Foreign,
    /// It, or a part of it, is not usable. What was held stays.
    Refused,
    /// It is held but not there any more. What was held stays.
    Vanished,
}

/// Objects by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are those of Outcome")]
pub struct Counts {
    pub accepted: usize,
    pub unchanged: usize,
    pub foreign: usize,
    pub refused: usize,
    pub vanished: usize,
}

impl Counts {
    /// Of these objects.
    pub fn of(sources: &[SourceReport]) -> Self {
        let mut counts = Self::default();
        for source in sources {
            *match source.outcome {
                Outcome::Accepted => &mut counts.accepted,
                Outcome::Unchanged => &mut counts.unchanged,
                Outcome::Foreign => &mut counts.foreign,
                Outcome::Refused => &mut counts.refused,
                Outcome::Vanished => &mut counts.vanished,
            } += 1;
        }
        counts
    }
}

/// What became of the authorizer caches. None of it fails a refresh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlushReport {
    /// Each of them.
    pub caches: Vec<CacheReport>,
    /// Why it could not be read or noted what was flushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of one authorizer cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CacheReport {
    /// Its name, as it is configured.
    pub cache: String,
    /// What became of it.
    pub outcome: CacheOutcome,
    /// Why it was not flushed, and the remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of an authorizer cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CacheOutcome {
    /// No allow in it can be older than the revocations that are published.
    Unchanged,
    /// It was emptied.
    Flushed,
    /// It may have allows in it that are. The next refresh tries again.
    Failed,
}

impl FlushReport {
    /// How many caches had that outcome.
    pub fn count(&self, outcome: CacheOutcome) -> usize {
        let outcomes = self.caches.iter().map(|cache| cache.outcome);
        outcomes.filter(|other| *other == outcome).count()
    }
}

impl Report {
    /// The objects that were refused, in words; `None` if none was. Names no more than 50, and the
    /// overrides first.
    pub fn refused(&self) -> Option<String> {
        let refused = || {
            self.sources
                .iter()
                .filter(|source| source.outcome == Outcome::Refused)
        };
        let in_words = |source: &SourceReport| {
            let (code, message) = (source.code.unwrap_or_default(), source.message.as_deref());
            format!("{}: {code}: {}", source.key, message.unwrap_or_default())
        };
        let overrides = self.overrides.as_ref().and_then(OverridesReport::trouble);
        let mut lines: Vec<_> = overrides.into_iter().collect();
        lines.extend(refused().take(MAX_NAMED).map(in_words));
        if let Some(more) = refused().count().checked_sub(MAX_NAMED + 1) {
            lines.push(format!("and {} more", more + 1));
        }
        (!lines.is_empty()).then(|| lines.join(" | "))
    }
}

/// Lambda takes error messages of a limited size.
const MAX_NAMED: usize = 50;
