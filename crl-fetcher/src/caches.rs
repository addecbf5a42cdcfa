//! What API Gateway has cached of the authorizer's answers, and when that is to be forgotten.
//!
//! A cached allow outlives a revocation, so a publication that adds one has the caches flushed. That is
//! not the end of it: until an execution environment has the new snapshot it decides from its old one,
//! and what it allows is cached after the flush. So every refresh flushes again until no environment can
//! do so any more.
//!
//! An object beside the snapshot says what was flushed for it, and is written when it was. Whatever ends
//! a refresh before that, the next one finds a snapshot that the object does not speak of, and flushes.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use futures::future::join_all;
use revocation::UnixTime;
use serde::{Deserialize, Serialize};

use crate::api_gateway::ApiGateway;
use crate::config::{Config, Location};
use crate::report::{CacheOutcome, CacheReport, FlushReport};
use crate::s3::{self, Object, S3Error, Written};

/// The authorizer cache of one API's stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuthorizerCache {
    /// The kind of API.
    pub kind: Kind,
    /// Its id.
    pub api_id: String,
    /// The name of the stage.
    pub stage: String,
}

/// The kinds of API that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An HTTP API.
    Http,
    /// A REST API.
    Rest,
}

impl FromStr for AuthorizerCache {
    type Err = ();

    /// `http:API_ID/STAGE` or `rest:API_ID/STAGE`. Only what API Gateway takes for a name, so that none
    /// is a part of another path.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, name) = text.split_once(':').ok_or(())?;
        let (api_id, stage) = name.split_once('/').ok_or(())?;
        let kind = match kind {
            "http" => Kind::Http,
            "rest" => Kind::Rest,
            _ => return Err(()),
        };
        let of = |text: &str, is_usable: fn(u8) -> bool| {
            (1..=128).contains(&text.len()) && text.bytes().all(is_usable)
        };
        let is_in_stage = |octet: u8| octet.is_ascii_alphanumeric() || b"_-".contains(&octet);
        let is_default = kind == Kind::Http && stage == "$default";
        if !of(api_id, |octet| octet.is_ascii_alphanumeric())
            || !(is_default || of(stage, is_in_stage))
        {
            return Err(());
        }
        Ok(Self {
            kind,
            api_id: api_id.to_owned(),
            stage: stage.to_owned(),
        })
    }
}

impl fmt::Display for AuthorizerCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Http => "http",
            Kind::Rest => "rest",
        };
        write!(f, "{kind}:{}/{}", self.api_id, self.stage)
    }
}

/// The caches of the configuration, and how they are flushed.
#[derive(Clone, Debug)]
pub(crate) struct Caches {
    api_gateway: ApiGateway,
    caches: Vec<AuthorizerCache>,
    /// How many seconds after a publication an authorizer may still decide without it.
    settle: i64,
    state: Location,
}

/// What a refresh has made of the snapshot.
#[derive(Debug)]
pub(crate) struct Change {
    /// The entity tag of the one that is published now.
    pub(crate) etag: String,
    /// That of the one that was published before, which denied everything that this one does: what was
    /// flushed for that need not be flushed again. The same where nothing was published.
    pub(crate) adds_nothing_to: Option<String>,
}

impl Caches {
    /// `None` where no caches are configured.
    pub(crate) fn new(sdk: &SdkConfig, config: &Config) -> Option<Self> {
        let Location { bucket, key } = &config.snapshot;
        let caches = &config.authorizer_caches;
        (!caches.is_empty()).then(|| Self {
            api_gateway: ApiGateway::new(sdk),
            caches: caches.clone(),
            settle: config.cache_settle,
            state: Location {
                bucket: bucket.clone(),
                key: format!("{key}.flushed"),
            },
        })
    }

    /// Flushes what may hold an allow that the published snapshot would not give. What fails is part of
    /// the report, and owed to the next refresh.
    pub(crate) async fn flush(
        &self,
        client: &Client,
        change: Change,
        now: UnixTime,
    ) -> FlushReport {
        let (held, unreadable) = match s3::get(client, &self.state, MAX_STATE_OCTETS).await {
            Ok(held) => (held, None),
            Err(error) => (None, Some(error)),
        };
        let before = held.as_ref().and_then(State::decode);
        let mut state = State::carried(before.clone(), change, now);
        let reports = self.flush_owed(&mut state, now).await;
        let unwritten = match unreadable {
            None if before.as_ref() == Some(&state) => None,
            None => self.write(client, &state, held.as_ref()).await.err(),
            // It cannot be replaced without its entity tag.
            Some(error) => Some(error),
        };
        FlushReport {
            caches: reports,
            error: unwritten.map(|error| {
                format!("{error}; until then each refresh flushes all authorizer caches")
            }),
        }
    }

    /// All at the same time: one that fails keeps none of the others waiting.
    async fn flush_owed(&self, state: &mut State, now: UnixTime) -> Vec<CacheReport> {
        let settled = now.since(state.published_at()) >= self.settle;
        let flushes = self
            .caches
            .iter()
            .map(async |cache| match state.owes(cache) {
                true => Some(self.api_gateway.flush(cache).await),
                false => None,
            });
        let results = join_all(flushes).await;
        let mut flushed = BTreeMap::new();
        let mut reports = Vec::new();
        for (cache, result) in self.caches.iter().zip(results) {
            let name = cache.to_string();
            let (outcome, message) = match &result {
                None => (CacheOutcome::Unchanged, None),
                Some(Ok(())) => (CacheOutcome::Flushed, None),
                Some(Err(error)) => (CacheOutcome::Failed, Some(error.to_string())),
            };
            let last = match result {
                Some(Ok(())) => Some(Flushed {
                    at: now.seconds(),
                    settled,
                }),
                _ => state.flushed.remove(&name),
            };
            flushed.extend(last.map(|last| (name.clone(), last)));
            reports.push(CacheReport {
                cache: name,
                outcome,
                message,
            });
        }
        // Without those that are configured no more: should one come back, it is owed.
        state.flushed = flushed;
        reports
    }

    /// Another refresh that was faster has flushed, too; if for another snapshot, the next one will see.
    async fn write(
        &self,
        client: &Client,
        state: &State,
        replaced: Option<&Object>,
    ) -> Result<(), S3Error> {
        let replaced = replaced.map(|object| object.etag.as_str());
        match s3::put(client, &self.state, state.encode(), replaced).await? {
            Written::Published(_) | Written::Conflict => Ok(()),
        }
    }
}

/// What was flushed for which snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct State {
    version: u32,
    /// The entity tag of the snapshot.
    snapshot: String,
    /// When the last one was published that added revocations, or was first seen. In seconds since
    /// 1970, as all times here.
    published_at: i64,
    /// By cache.
    flushed: BTreeMap<String, Flushed>,
}

/// The last flush since then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Flushed {
    at: i64,
    /// No authorizer had another snapshot by then.
    settled: bool,
}

impl State {
    /// `None` for what is not one of this version: then everything is owed.
    fn decode(object: &Object) -> Option<Self> {
        let state = serde_json::from_slice::<Self>(&object.octets).ok();
        state.filter(|state| state.version == VERSION)
    }

    fn encode(&self) -> Vec<u8> {
        // Of strings and numbers: it cannot fail, and nothing would be noted if it did.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// What `before` says of the snapshot that is published now.
    fn carried(before: Option<Self>, change: Change, now: UnixTime) -> Self {
        let Change {
            etag,
            adds_nothing_to,
        } = change;
        let speaks_of_it = |state: &Self| adds_nothing_to.as_ref() == Some(&state.snapshot);
        let (published_at, flushed) = match before.filter(speaks_of_it) {
            // A clock that was ahead must not put the settling off.
            Some(state) => (state.published_at.min(now.seconds()), state.flushed),
            None => (now.seconds(), BTreeMap::new()),
        };
        Self {
            version: VERSION,
            snapshot: etag,
            published_at,
            flushed,
        }
    }

    const fn published_at(&self) -> UnixTime {
        UnixTime::from_seconds(self.published_at)
    }

    fn owes(&self, cache: &AuthorizerCache) -> bool {
        let last = self.flushed.get(&cache.to_string());
        !last.is_some_and(|last| last.settled)
    }
}

const VERSION: u32 = 1;
/// For some hundred caches.
const MAX_STATE_OCTETS: u64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1000);

    fn cache(name: &str) -> AuthorizerCache {
        name.parse().unwrap()
    }

    /// A settled flush of `http:a/$default` for the snapshot `"1"`, and one of `rest:b/live` that is not.
    fn state() -> State {
        let flushed = |settled| Flushed { at: 700, settled };
        State {
            version: 1,
            snapshot: "\"1\"".to_owned(),
            published_at: 700,
            flushed: [
                ("http:a/$default".to_owned(), flushed(true)),
                ("rest:b/live".to_owned(), flushed(false)),
            ]
            .into(),
        }
    }

    fn change(etag: &str, adds_nothing_to: Option<&str>) -> Change {
        Change {
            etag: etag.to_owned(),
            adds_nothing_to: adds_nothing_to.map(str::to_owned),
        }
    }

    fn read(text: &str) -> Option<State> {
        State::decode(&Object {
            octets: text.as_bytes().to_vec(),
            etag: String::new(),
        })
    }

    #[test]
    fn what_was_flushed_for_the_snapshot_is_not_owed() {
        let same = change("\"1\"", Some("\"1\""));
        let carried = State::carried(Some(state()), same, NOW);
        assert_eq!(carried, state());
        assert!(!carried.owes(&cache("http:a/$default")));
        assert!(carried.owes(&cache("rest:b/live")));
        assert!(carried.owes(&cache("rest:new/live")));
    }

    #[test]
    fn a_snapshot_that_adds_nothing_takes_over_what_was_flushed() {
        let carried = State::carried(Some(state()), change("\"2\"", Some("\"1\"")), NOW);
        let expected = State {
            snapshot: "\"2\"".to_owned(),
            ..state()
        };
        assert_eq!(carried, expected);
    }

    #[test]
    fn everything_is_owed_where_the_state_does_not_speak_of_the_snapshot() {
        for (before, change) in [
            (None, change("\"2\"", Some("\"1\""))),
            // It adds revocations.
            (Some(state()), change("\"2\"", None)),
            // It replaced another one, which nobody flushed for.
            (Some(state()), change("\"3\"", Some("\"2\""))),
            // It was published by a refresh that did not get as far as to flush.
            (Some(state()), change("\"2\"", Some("\"2\""))),
            // It came back after one that lacked its revocations.
            (Some(state()), change("\"1\"", None)),
        ] {
            let etag = change.etag.clone();
            let carried = State::carried(before, change, NOW);
            assert_eq!(carried.snapshot, etag);
            assert_eq!(carried.published_at, 1000);
            assert!(carried.owes(&cache("http:a/$default")));
        }
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_put_the_settling_off() {
        let ahead = State {
            published_at: 5000,
            ..state()
        };
        let carried = State::carried(Some(ahead), change("\"1\"", Some("\"1\"")), NOW);
        assert_eq!(carried.published_at, 1000);
    }

    #[test]
    fn a_state_is_read_as_it_was_written_and_no_other() {
        let text = String::from_utf8(state().encode()).unwrap();
        assert_eq!(read(&text), Some(state()));
        for (from, to) in [
            ("\"version\": 1", "\"version\": 2"),
            ("\"version\": 1", "\"version\": 1, \"more\": 1"),
            ("\"settled\": true", "\"settled\": 1"),
            ("\"settled\": true", "\"settled\": true, \"more\": 1"),
            ("}", ""),
        ] {
            assert!(text.contains(from));
            assert_eq!(read(&text.replacen(from, to, 1)), None, "{to}");
        }
        assert_eq!(read(""), None);
    }
}
