//! Environment → [`Config`].

use std::time::Duration;

use environment::{ConfigError, Environment};

use crate::announcement::KnownCas;
use crate::caches::AuthorizerCache;

/// The environment variables this function reads, besides those of AWS and Lambda themselves.
pub const VARIABLES: &[&str] = &[
    "ANNOUNCEMENT_KEEP_DAYS",
    "AUTHORIZER_CACHES",
    "CACHE_SETTLE_SECONDS",
    "CA_ACCOUNTS",
    "CA_KEY_IDS",
    "CRL_BUCKET",
    "CRL_PREFIXES",
    "MAX_CONCURRENT_GETS",
    "MAX_CRL_BYTES",
    "OVERRIDES_BUCKET",
    "OVERRIDES_KEY",
    "SNAPSHOT_BUCKET",
    "SNAPSHOT_HARD_AGE_SECONDS",
    "SNAPSHOT_KEY",
    "TRUSTSTORE_BUCKET",
    "TRUSTSTORE_KEY",
    "UNCONFIRMED_AFTER_SECONDS",
];

/// What one fetcher works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The truststore of the API: the only anchors.
    pub truststore: Location,
    /// The bucket CRLs are published to.
    pub crl_bucket: String,
    /// Where in it CRLs are looked for.
    pub crl_prefixes: Vec<String>,
    /// The snapshot that is read and published.
    pub snapshot: Location,
    /// The operator's overrides; none: there are no such.
    pub overrides: Option<Location>,
    /// Objects with more octets are refused.
    pub max_crl_bytes: u64,
    /// How many CRLs are read at the same time.
    pub max_concurrent_gets: usize,
    /// The accounts whose CAs' announcements count; none: the function's own.
    pub ca_accounts: Vec<String>,
    /// The CAs whose id is not in the key of the object that their CRL is in.
    pub known_cas: KnownCas,
    /// How many seconds an announcement counts that no CRL confirms.
    pub announcement_keep: i64,
    /// After how many seconds it should have been confirmed.
    pub unconfirmed_after: i64,
    /// The caches to flush when revocations are added; none: nothing is flushed.
    pub authorizer_caches: Vec<AuthorizerCache>,
    /// For how many seconds after a publication an authorizer may decide from the snapshot before.
    pub cache_settle: i64,
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
}

impl Config {
    /// From the environment variables that `lookup` finds.
    ///
    /// # Errors
    /// Everything that is missing or wrong.
    pub fn from_environment(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = Environment::new(lookup);
        let prefixes = environment
            .optional("CRL_PREFIXES")
            .unwrap_or_else(|| "crl/".to_owned());
        let config = Self {
            truststore: Location {
                bucket: environment.required("TRUSTSTORE_BUCKET", "the bucket of the truststore"),
                key: environment
                    .optional("TRUSTSTORE_KEY")
                    .unwrap_or_else(|| "truststore.pem".to_owned()),
            },
            crl_bucket: environment.required("CRL_BUCKET", "the bucket CRLs are published to"),
            crl_prefixes: listed(&prefixes),
            snapshot: Location {
                bucket: environment.required("SNAPSHOT_BUCKET", "the bucket of the snapshot"),
                key: environment
                    .optional("SNAPSHOT_KEY")
                    .unwrap_or_else(|| "revocation.snapshot".to_owned()),
            },
            overrides: environment
                .optional("OVERRIDES_BUCKET")
                .map(|bucket| Location {
                    bucket,
                    key: environment
                        .optional("OVERRIDES_KEY")
                        .unwrap_or_else(|| "overrides/overrides.json".to_owned()),
                }),
            max_crl_bytes: environment.number("MAX_CRL_BYTES", 1024..=1 << 30, 64 << 20),
            max_concurrent_gets: environment.number("MAX_CONCURRENT_GETS", 1..=64, 8),
            ca_accounts: listed(&environment.optional("CA_ACCOUNTS").unwrap_or_default()),
            known_cas: environment
                .optional("CA_KEY_IDS")
                .map_or_else(|| Ok(KnownCas::default()), |text| KnownCas::read(&text))
                .unwrap_or_else(|part| {
                    environment.problem(format!(
                        "CA_KEY_IDS has {part:?} in it: each part must be the id of a CA, =, and its \
                         key identifier in hexadecimal"
                    ));
                    KnownCas::default()
                }),
            announcement_keep: 86_400 * environment.number("ANNOUNCEMENT_KEEP_DAYS", 1..=3650, 30),
            unconfirmed_after: environment.number("UNCONFIRMED_AFTER_SECONDS", 60..=604_800, 7200),
            authorizer_caches: authorizer_caches(&environment),
            // Besides the hard age there is the request that is under way when it ends.
            cache_settle: hard_age_in_seconds(&environment)
                + environment.number("CACHE_SETTLE_SECONDS", 0..=3600, 60),
        };
        let is_account =
            |text: &String| text.len() == 12 && text.bytes().all(|c| c.is_ascii_digit());
        if let Some(text) = config.ca_accounts.iter().find(|text| !is_account(text)) {
            environment.problem(format!(
                "CA_ACCOUNTS has {text:?} in it: an account has twelve digits"
            ));
        }
        if config.crl_prefixes.is_empty() {
            environment.problem(format!(
                "CRL_PREFIXES is {prefixes:?}: it must name at least one prefix, such as crl/"
            ));
        }
        let named = [
            ("truststore", Some(&config.truststore)),
            ("snapshot", Some(&config.snapshot)),
            ("object of overrides", config.overrides.as_ref()),
        ];
        let named: Vec<_> = named
            .into_iter()
            .filter_map(|(what, location)| Some((what, location?)))
            .collect();
        for (what, location) in &named {
            if config.is_among_crls(location) {
                environment.problem(format!(
                    "the {what} s3://{}/{} is among the CRLs: whoever may write a CRL could replace \
                     it; move it to a bucket of its own",
                    location.bucket, location.key
                ));
            }
        }
        for (index, (one, location)) in named.iter().enumerate() {
            let mut others = named[index + 1..].iter();
            if let Some((other, _)) = others.find(|(_, other)| other == location)
                && !location.bucket.is_empty()
            {
                environment.problem(format!(
                    "{one} and {other} are the same object, s3://{}/{}",
                    location.bucket, location.key
                ));
            }
        }
        environment.finish(config)
    }

    fn is_among_crls(&self, location: &Location) -> bool {
        let in_prefix = |prefix: &String| location.key.starts_with(prefix);
        !self.crl_bucket.is_empty()
            && location.bucket == self.crl_bucket
            && self.crl_prefixes.iter().any(in_prefix)
    }
}

fn authorizer_caches(environment: &Environment<'_>) -> Vec<AuthorizerCache> {
    let mut caches = Vec::new();
    for name in listed(
        &environment
            .optional("AUTHORIZER_CACHES")
            .unwrap_or_default(),
    ) {
        match name.parse() {
            Ok(cache) if caches.contains(&cache) => {
                environment.problem(format!("AUTHORIZER_CACHES names {name} twice"));
            }
            Ok(cache) => caches.push(cache),
            Err(()) => environment.problem(format!(
                "AUTHORIZER_CACHES has {name:?} in it: each part must be http:API_ID/STAGE, where \
                 STAGE may be $default, or rest:API_ID/STAGE"
            )),
        }
    }
    caches
}

/// The authorizer's, rounded up.
fn hard_age_in_seconds(environment: &Environment<'_>) -> i64 {
    let longest = Duration::from_secs(86_400);
    let name = "SNAPSHOT_HARD_AGE_SECONDS";
    let hard_age = environment.seconds(name, Duration::ZERO..=longest, Duration::from_secs(300));
    i64::try_from(hard_age.as_millis().div_ceil(1000)).unwrap_or(i64::MAX)
}

/// What is separated by commas.
fn listed(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim);
    let named = parts.filter(|part| !part.is_empty());
    named.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_environment(&|name| {
            assert!(
                VARIABLES.contains(&name),
                "{name} is not in the list of variables"
            );
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn three_buckets_are_enough() {
        let buckets = [
            ("TRUSTSTORE_BUCKET", "trust"),
            ("CRL_BUCKET", "crls"),
            ("SNAPSHOT_BUCKET", "snapshots"),
        ];
        let location = |bucket: &str, key: &str| Location {
            bucket: bucket.into(),
            key: key.into(),
        };
        let expected = Config {
            truststore: location("trust", "truststore.pem"),
            crl_bucket: "crls".to_owned(),
            crl_prefixes: vec!["crl/".to_owned()],
            snapshot: location("snapshots", "revocation.snapshot"),
            overrides: None,
            max_crl_bytes: 67_108_864,
            max_concurrent_gets: 8,
            ca_accounts: Vec::new(),
            known_cas: KnownCas::default(),
            announcement_keep: 2_592_000,
            unconfirmed_after: 7200,
            authorizer_caches: Vec::new(),
            cache_settle: 360,
        };
        assert_eq!(config(&buckets), Ok(expected));
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let error = config(&[
            ("CRL_BUCKET", " "),
            ("SNAPSHOT_BUCKET", "snapshots"),
            ("MAX_CRL_BYTES", "64MB"),
            ("MAX_CONCURRENT_GETS", "0"),
            ("CA_ACCOUNTS", "123456789012, 12345"),
            ("CA_KEY_IDS", "id"),
            (
                "AUTHORIZER_CACHES",
                "http:a/$default,a/live,http:a/$default",
            ),
            ("CACHE_SETTLE_SECONDS", "-1"),
        ])
        .unwrap_err();
        let named = |name: &str| {
            error
                .problems
                .iter()
                .any(|problem| problem.starts_with(name))
        };
        assert_eq!(error.problems.len(), 9, "{error}");
        for name in [
            "TRUSTSTORE_BUCKET",
            "CRL_BUCKET",
            "MAX_CRL_BYTES",
            "MAX_CONCURRENT_GETS",
            "CA_ACCOUNTS",
            "CA_KEY_IDS",
            "AUTHORIZER_CACHES has \"a/live\"",
            "AUTHORIZER_CACHES names http:a/$default twice",
            "CACHE_SETTLE_SECONDS",
        ] {
            assert!(named(name), "{name}: {error}");
        }
    }

    #[test]
    fn caches_settle_after_the_hard_age_whatever_part_of_a_second_it_has() {
        let buckets = [
            ("TRUSTSTORE_BUCKET", "t"),
            ("CRL_BUCKET", "c"),
            ("SNAPSHOT_BUCKET", "s"),
        ];
        for (hard_age, settle) in [("0", 60), ("0.5", 61), ("2", 62), ("86400", 86_460)] {
            let hard_age = ("SNAPSHOT_HARD_AGE_SECONDS", hard_age);
            let config = config(&[&buckets[..], &[hard_age]].concat()).unwrap();
            assert_eq!(config.cache_settle, settle);
        }
    }

    #[test]
    fn prefixes_are_never_the_whole_bucket_by_mistake() {
        let buckets = [
            ("TRUSTSTORE_BUCKET", "t"),
            ("CRL_BUCKET", "c"),
            ("SNAPSHOT_BUCKET", "s"),
        ];
        let prefixes = |text| config(&[&buckets[..], &[("CRL_PREFIXES", text)]].concat());
        assert_eq!(
            prefixes("crl/, pki/a/ ,").unwrap().crl_prefixes,
            ["crl/", "pki/a/"]
        );
        assert_eq!(prefixes(" , ").unwrap_err().problems.len(), 1);
    }

    #[test]
    fn a_snapshot_that_a_crl_writer_could_replace_is_refused() {
        let variables = [
            ("TRUSTSTORE_BUCKET", "t"),
            ("CRL_BUCKET", "b"),
            ("SNAPSHOT_BUCKET", "b"),
            ("SNAPSHOT_KEY", "crl/snapshot"),
        ];
        assert_eq!(config(&variables).unwrap_err().problems.len(), 1);
    }

    #[test]
    fn overrides_are_an_object_of_their_own() {
        let others = [
            ("TRUSTSTORE_BUCKET", "t"),
            ("CRL_BUCKET", "c"),
            ("SNAPSHOT_BUCKET", "s"),
        ];
        let in_bucket = |bucket| [&others[..], &[("OVERRIDES_BUCKET", bucket)]].concat();
        let expected = Location {
            bucket: "s".to_owned(),
            key: "overrides/overrides.json".to_owned(),
        };
        assert_eq!(config(&in_bucket("s")).unwrap().overrides, Some(expected));
        let with = |bucket, key| [&in_bucket(bucket)[..], &[("OVERRIDES_KEY", key)]].concat();
        assert!(config(&with("t", "o.json")).is_ok());
        for (bucket, key) in [
            ("t", "truststore.pem"),
            ("s", "revocation.snapshot"),
            ("c", "crl/o.json"),
        ] {
            assert_eq!(config(&with(bucket, key)).unwrap_err().problems.len(), 1);
        }
    }

    #[test]
    fn a_truststore_that_a_crl_writer_could_replace_is_refused() {
        let shared = [
            ("TRUSTSTORE_BUCKET", "b"),
            ("CRL_BUCKET", "b"),
            ("SNAPSHOT_BUCKET", "s"),
        ];
        let beside = [&shared[..], &[("TRUSTSTORE_KEY", "trust/ca.pem")]].concat();
        assert!(config(&beside).is_ok());
        let within = [&shared[..], &[("TRUSTSTORE_KEY", "crl/ca.pem")]].concat();
        assert_eq!(config(&within).unwrap_err().problems.len(), 1);
    }

    #[test]
    fn caches_are_named_as_api_gateway_names_them() {
        let buckets = [
            ("TRUSTSTORE_BUCKET", "t"),
            ("CRL_BUCKET", "c"),
            ("SNAPSHOT_BUCKET", "s"),
        ];
        let caches = |text| {
            let config = config(&[&buckets[..], &[("AUTHORIZER_CACHES", text)]].concat())?;
            let caches = config.authorizer_caches.iter();
            Ok::<_, ConfigError>(caches.map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            caches("http:a1b2c3/$default, rest:d4e5/live_2-b ,").unwrap(),
            ["http:a1b2c3/$default", "rest:d4e5/live_2-b"]
        );
        let long = format!("rest:a/{}", "s".repeat(129));
        for unusable in [
            "http:a",
            "http:/live",
            "http:a/",
            "http:a/b/c",
            "http:a/../b",
            "http:a/%24default",
            "http:a/$live",
            "http:a?/live",
            "rest:a/$default",
            "HTTP:a/live",
            "websocket:a/live",
            "https://a/live",
            "a/live",
            long.as_str(),
        ] {
            assert_eq!(
                caches(unusable).unwrap_err().problems.len(),
                1,
                "{unusable}"
            );
        }
    }
}
