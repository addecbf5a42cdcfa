//! Environment → [`Config`].

use std::time::Duration;

use environment::{ConfigError, Environment};

use crate::decision::{Mode, OnUnknown, Policy};
use crate::response::Format;

/// The environment variables this function reads, besides those of AWS and Lambda themselves.
pub const VARIABLES: &[&str] = &[
    "EXPIRED_CRL_GRACE_SECONDS",
    "METRICS_INTERVAL_SECONDS",
    "MODE",
    "ON_EXPIRED_CRL",
    "ON_ISSUER_STATUS_UNKNOWN",
    "ON_ISSUER_WITHOUT_CRL",
    "ON_MISSING_PARTITION",
    "ON_UNKNOWN_ISSUER",
    "REQUIRE_CLIENT_AUTH_EKU",
    "RESPONSE_FORMAT",
    "SNAPSHOT_BUCKET",
    "SNAPSHOT_HARD_AGE_SECONDS",
    "SNAPSHOT_KEY",
    "SNAPSHOT_SOFT_AGE_SECONDS",
];

/// What one authorizer works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The bucket of the snapshot.
    pub bucket: String,
    /// The key of the snapshot.
    pub key: String,
    /// From this age on the snapshot is revalidated when a response has been sent.
    pub soft_age: Duration,
    /// From this age on a request waits for the revalidation.
    pub hard_age: Duration,
    /// Metrics are printed that often at most.
    pub metrics_interval: Duration,
    /// What payload 2.0 events are answered with.
    pub format: Format,
    /// What is done with certificates whose status is unknown.
    pub policy: Policy,
}

impl Config {
    /// From the environment variables that `lookup` finds.
    ///
    /// # Errors
    /// Everything that is missing or wrong.
    pub fn from_environment(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = Environment::new(lookup);
        let on_unknown = |name| {
            environment.choice(
                name,
                [("deny", OnUnknown::Deny), ("allow", OnUnknown::Allow)],
            )
        };
        let age = |name, default| {
            environment.seconds(name, Duration::ZERO..=A_DAY, Duration::from_secs(default))
        };
        let config = Self {
            bucket: environment.required("SNAPSHOT_BUCKET", "the bucket crl-fetcher publishes to"),
            key: environment
                .optional("SNAPSHOT_KEY")
                .unwrap_or_else(|| "revocation.snapshot".to_owned()),
            soft_age: age("SNAPSHOT_SOFT_AGE_SECONDS", 30),
            hard_age: age("SNAPSHOT_HARD_AGE_SECONDS", 300),
            metrics_interval: Duration::from_secs(environment.number(
                "METRICS_INTERVAL_SECONDS",
                0..=3600,
                10,
            )),
            format: environment.choice(
                "RESPONSE_FORMAT",
                [("simple", Format::Simple), ("iam", Format::Iam)],
            ),
            policy: Policy {
                mode: environment.choice(
                    "MODE",
                    [("enforce", Mode::Enforce), ("shadow", Mode::Shadow)],
                ),
                unknown_issuer: on_unknown("ON_UNKNOWN_ISSUER"),
                issuer_without_crl: on_unknown("ON_ISSUER_WITHOUT_CRL"),
                missing_partition: on_unknown("ON_MISSING_PARTITION"),
                expired_crl: on_unknown("ON_EXPIRED_CRL"),
                issuer_status_unknown: on_unknown("ON_ISSUER_STATUS_UNKNOWN"),
                expired_crl_grace: environment.number(
                    "EXPIRED_CRL_GRACE_SECONDS",
                    0..=31_536_000,
                    0,
                ),
                requires_client_auth: environment
                    .choice("REQUIRE_CLIENT_AUTH_EKU", [("no", false), ("yes", true)]),
            },
        };
        if config.soft_age > config.hard_age {
            environment.problem(format!(
                "SNAPSHOT_SOFT_AGE_SECONDS ({}) is more than SNAPSHOT_HARD_AGE_SECONDS ({})",
                config.soft_age.as_secs_f64(),
                config.hard_age.as_secs_f64()
            ));
        }
        environment.finish(config)
    }
}

const A_DAY: Duration = Duration::from_secs(86_400);

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
    fn a_bucket_is_enough_and_the_defaults_deny() {
        let expected = Config {
            bucket: "snapshots".to_owned(),
            key: "revocation.snapshot".to_owned(),
            soft_age: Duration::from_secs(30),
            hard_age: Duration::from_secs(300),
            metrics_interval: Duration::from_secs(10),
            format: Format::Simple,
            policy: Policy {
                mode: Mode::Enforce,
                unknown_issuer: OnUnknown::Deny,
                issuer_without_crl: OnUnknown::Deny,
                missing_partition: OnUnknown::Deny,
                expired_crl: OnUnknown::Deny,
                issuer_status_unknown: OnUnknown::Deny,
                expired_crl_grace: 0,
                requires_client_auth: false,
            },
        };
        assert_eq!(config(&[("SNAPSHOT_BUCKET", "snapshots")]), Ok(expected));
    }

    #[test]
    fn each_switch_has_a_variable_of_its_own() {
        let with = |name, value| config(&[("SNAPSHOT_BUCKET", "s"), (name, value)]).unwrap();
        assert_eq!(with("MODE", "shadow").policy.mode, Mode::Shadow);
        assert_eq!(
            with("ON_UNKNOWN_ISSUER", "allow").policy.unknown_issuer,
            OnUnknown::Allow
        );
        assert_eq!(
            with("ON_ISSUER_WITHOUT_CRL", "allow")
                .policy
                .issuer_without_crl,
            OnUnknown::Allow
        );
        assert_eq!(
            with("ON_MISSING_PARTITION", "allow")
                .policy
                .missing_partition,
            OnUnknown::Allow
        );
        assert_eq!(
            with("ON_EXPIRED_CRL", "allow").policy.expired_crl,
            OnUnknown::Allow
        );
        assert_eq!(
            with("EXPIRED_CRL_GRACE_SECONDS", "60")
                .policy
                .expired_crl_grace,
            60
        );
        assert!(
            with("REQUIRE_CLIENT_AUTH_EKU", "yes")
                .policy
                .requires_client_auth
        );
        assert_eq!(with("RESPONSE_FORMAT", "iam").format, Format::Iam);
        assert_eq!(
            with("METRICS_INTERVAL_SECONDS", "0").metrics_interval,
            Duration::ZERO
        );
    }

    #[test]
    fn ages_may_be_parts_of_a_second() {
        let ages = |soft, hard| {
            config(&[
                ("SNAPSHOT_BUCKET", "s"),
                ("SNAPSHOT_SOFT_AGE_SECONDS", soft),
                ("SNAPSHOT_HARD_AGE_SECONDS", hard),
            ])
        };
        let set = ages("0.5", "2.125").unwrap();
        assert_eq!(set.soft_age, Duration::from_millis(500));
        assert_eq!(set.hard_age, Duration::from_millis(2125));
        assert_eq!(
            ages("0.5", "0.499").unwrap_err().problems,
            ["SNAPSHOT_SOFT_AGE_SECONDS (0.5) is more than SNAPSHOT_HARD_AGE_SECONDS (0.499)"]
        );
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let error = config(&[
            ("MODE", "dry-run"),
            ("ON_EXPIRED_CRL", "true"),
            ("SNAPSHOT_SOFT_AGE_SECONDS", "600"),
            ("EXPIRED_CRL_GRACE_SECONDS", "-1"),
        ])
        .unwrap_err();
        assert_eq!(error.problems.len(), 5, "{error}");
        assert!(
            error
                .to_string()
                .contains("MODE is \"dry-run\": it must be enforce or shadow")
        );
    }
}
