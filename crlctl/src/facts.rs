//! What stands in a snapshot, for people and for scripts.

use std::fmt::{self, Write};

use crl_fetcher::report::show_name;
use revocation::{
    BlockedKey, CrlNumber, CrlView, IssuerView, Notice, ObjectView, Origin, Role, Snapshot,
    UnixTime, hexadecimal,
};
use serde::{Serialize, Serializer};

use crate::input::Source;
use crate::report::as_json_number;

/// A snapshot as a whole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotFacts {
    /// The file or object it was read from.
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) built_at: String,
    pub(crate) builder: String,
    pub(crate) truststore: ObjectFacts,
    pub(crate) octets: usize,
}

/// An object in S3 that something was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ObjectFacts {
    pub(crate) key: String,
    pub(crate) etag: String,
}

/// A CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuerFacts {
    pub(crate) subject: String,
    pub(crate) key_id: String,
    /// The CA's certificates state none, so it is derived from the key.
    pub(crate) key_id_is_derived: bool,
    /// It signs CRLs for the CAs of its name, and no certificates.
    pub(crate) signs_crls_only: bool,
    pub(crate) standing: Standing,
    /// Until when it is known not to be revoked, without grace; `None` where that depends on no
    /// moment.
    pub(crate) good_until: Option<String>,
    /// The serial numbers of certificates that it announced to be revoked, which no CRL lists yet.
    pub(crate) announced: Vec<String>,
    /// Its certificates that the operator has blocked.
    pub(crate) blocked: Vec<BlockedCertificateFacts>,
}

/// A certificate that an override blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockedCertificateFacts {
    pub(crate) serial_number: String,
    #[serde(flatten)]
    pub(crate) period: Period,
}

/// A public key that an override blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BlockedKeyFacts {
    /// SHA-256 of its DER SubjectPublicKeyInfo.
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) period: Period,
}

/// From when to when an override counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Period {
    #[serde(serialize_with = "as_text")]
    pub(crate) since: UnixTime,
    #[serde(serialize_with = "as_text")]
    pub(crate) until: UnixTime,
}

/// Whether a CA is revoked itself, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    Good,
    Revoked,
    InDoubt,
}

/// A CRL.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CrlFacts {
    pub(crate) scope: String,
    #[serde(serialize_with = "as_json_number")]
    pub(crate) crl_number: Option<CrlNumber>,
    pub(crate) this_update: String,
    pub(crate) next_update: String,
    pub(crate) entries: u64,
    pub(crate) source: ObjectFacts,
    /// SHA-256 of its tbsCertList.
    pub(crate) digest: String,
}

impl SnapshotFacts {
    pub(crate) fn new(snapshot: &Snapshot<Vec<u8>>, source: &Source) -> Self {
        Self {
            source: source.to_string(),
            id: snapshot.id().to_string(),
            built_at: snapshot.built_at().to_string(),
            builder: snapshot.builder().to_owned(),
            truststore: snapshot.truststore().into(),
            octets: snapshot.len_octets(),
        }
    }
}

impl From<ObjectView<'_>> for ObjectFacts {
    fn from(object: ObjectView<'_>) -> Self {
        Self {
            key: object.key.to_owned(),
            etag: object.etag.to_owned(),
        }
    }
}

impl IssuerFacts {
    /// As it stands at the moment `at`, if a CRL counts until `grace` seconds after its nextUpdate.
    pub(crate) fn new(issuer: &IssuerView<'_>, at: UnixTime, grace: i64) -> Self {
        let standing = if issuer.revoked {
            Standing::Revoked
        } else if at > issuer.good_until.plus(grace) {
            Standing::InDoubt
        } else {
            Standing::Good
        };
        let depends = !matches!(issuer.good_until, UnixTime::MIN | UnixTime::MAX);
        let notices = |origin| {
            let notices = issuer.notices.iter();
            notices.filter(move |notice| notice.origin == origin)
        };
        Self {
            subject: show_name(issuer.name),
            key_id: hexadecimal(issuer.key_id),
            key_id_is_derived: issuer.key_id_is_derived,
            signs_crls_only: issuer.role == Role::CrlSigner,
            standing,
            good_until: depends.then(|| issuer.good_until.to_string()),
            announced: notices(Origin::Announcement)
                .map(|notice| notice.serial.to_string())
                .collect(),
            blocked: notices(Origin::Override)
                .map(BlockedCertificateFacts::from)
                .collect(),
        }
    }

    /// Completes "the CA is".
    pub(crate) fn standing_in_words(&self) -> String {
        match (self.standing, &self.good_until) {
            (Standing::Revoked, _) => {
                "revoked: a CRL of its own issuer lists it, or it is announced or blocked"
                    .to_owned()
            }
            (Standing::Good, None) => "good: no CRL is to be asked about it".to_owned(),
            (Standing::Good, Some(until)) => {
                format!("good: by the CRL of its own issuer, until {until}")
            }
            (Standing::InDoubt, Some(until)) => {
                format!("in doubt: by the CRL of its own issuer it was good until {until}")
            }
            (Standing::InDoubt, None) => {
                "in doubt: the CRL of its own issuer is missing, or not for CA certificates"
                    .to_owned()
            }
        }
    }
}

impl From<Notice> for BlockedCertificateFacts {
    fn from(notice: Notice) -> Self {
        Self {
            serial_number: notice.serial.to_string(),
            period: Period {
                since: notice.since,
                until: notice.until,
            },
        }
    }
}

impl From<BlockedKey> for BlockedKeyFacts {
    fn from(blocked: BlockedKey) -> Self {
        Self {
            key: hexadecimal(&blocked.key),
            period: Period {
                since: blocked.since,
                until: blocked.until,
            },
        }
    }
}

/// As that of a CRL.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.since, self.until)
    }
}

impl CrlFacts {
    pub(crate) fn new(crl: &CrlView<'_>) -> Self {
        Self {
            scope: crl.scope().to_string(),
            crl_number: Some(crl.number()),
            this_update: crl.this_update.to_string(),
            next_update: crl.next_update.to_string(),
            entries: crl.revoked.len(),
            source: crl.source.into(),
            digest: hexadecimal(&crl.digest),
        }
    }
}

impl fmt::Display for SnapshotFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            id,
            built_at,
            builder,
            truststore,
            octets,
        } = self;
        writeln!(f, "snapshot       {id}")?;
        writeln!(f, "  from         {}, {octets} octets", Plain(source))?;
        writeln!(f, "  built        {built_at} by {}", Plain(builder))?;
        writeln!(f, "  truststore   {truststore}")
    }
}

/// Key and entity tag.
impl fmt::Display for ObjectFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, etag } = self;
        match etag.as_str() {
            "" => write!(f, "{} (ETag unknown)", Plain(key)),
            etag => write!(f, "{} (ETag {})", Plain(key), Plain(etag)),
        }
    }
}

/// Name and key identifier.
impl fmt::Display for IssuerFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, key {}", Plain(&self.subject), self.key_id)
    }
}

/// All but nextUpdate, which comes last for what is said of it.
impl fmt::Display for CrlFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.crl_number.as_ref().map(ToString::to_string);
        writeln!(f, "  CRL {}", number.unwrap_or_default())?;
        writeln!(f, "    scope      {}", Plain(&self.scope))?;
        writeln!(f, "    entries    {}", self.entries)?;
        writeln!(f, "    from       {}", self.source)?;
        writeln!(f, "    thisUpdate {}", self.this_update)
    }
}

pub(crate) fn as_text<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// A text of somebody else's, which must not command the terminal.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char.is_control() {
            true => write!(f, "{}", char.escape_default()),
            false => f.write_char(char),
        })
    }
}

/// A duration in the two greatest units that it has: `3 d 4 h`.
pub(crate) fn duration(seconds: i64) -> String {
    let seconds = seconds.unsigned_abs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let shown = parts.iter().skip(first).take(2);
    let shown = shown.filter(|(count, unit)| *count > 0 || first == 3 && *unit == "s");
    let shown: Vec<_> = shown
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    shown.join(" ")
}

/// How far a moment is away.
pub(crate) fn distance(moment: UnixTime, at: UnixTime) -> String {
    match moment.since(at) {
        seconds @ 0.. => format!("in {}", duration(seconds)),
        seconds => format!("{} ago", duration(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (-3661, "1 h 1 min"),
            (86_399, "23 h 59 min"),
            (86_400, "1 d"),
            (86_459, "1 d"),
            (1_900_800, "22 d"),
            (i64::MIN, "106751991167300 d 15 h"),
        ] {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn nobody_commands_the_terminal() {
        let text = "CN=\u{1b}[2J\u{7}é\n";
        assert_eq!(Plain(text).to_string(), "CN=\\u{1b}[2J\\u{7}é\\n");
    }
}
