//! What the system tests share: one deployment of both Lambdas, as real processes, on an S3 of its
//! own. Every test starts its own, so that they can run side by side.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test fails"
)]

use std::collections::BTreeMap;
use std::path::Path;

use revocation::Snapshot;
use serde_json::Value;
use testkit::lambda::{Function, FunctionError, Options, binaries};
use testkit::pki::{Ca, Leaf, LeafOptions};
use testkit::s3::S3Server;

/// The bucket of the truststore.
pub const TRUSTSTORE_BUCKET: &str = "truststore-bucket";
/// The bucket AWS Private CA would publish to.
pub const CRL_BUCKET: &str = "crl-bucket";
/// The bucket of the snapshot.
pub const SNAPSHOT_BUCKET: &str = "snapshot-bucket";
/// The key of the snapshot.
pub const SNAPSHOT_KEY: &str = "revocation.snapshot";
/// The key of the truststore.
pub const TRUSTSTORE_KEY: &str = "truststore.pem";

/// Makes an authorizer ask S3 before each decision.
pub const ALWAYS_REVALIDATE: [(&str, &str); 2] = [
    ("SNAPSHOT_SOFT_AGE_SECONDS", "0"),
    ("SNAPSHOT_HARD_AGE_SECONDS", "0"),
];

/// S3 with its three buckets, and a truststore in it.
pub struct Deployment {
    /// The S3.
    pub s3: S3Server,
}

impl Deployment {
    /// With a truststore of these CAs, and nothing else.
    pub async fn start(cas: &[&Ca]) -> Self {
        Self::on(S3Server::start().await, cas)
    }

    /// The same over HTTPS.
    pub async fn start_https(cas: &[&Ca]) -> Self {
        Self::on(S3Server::start_https().await, cas)
    }

    fn on(s3: S3Server, cas: &[&Ca]) -> Self {
        for bucket in [TRUSTSTORE_BUCKET, CRL_BUCKET, SNAPSHOT_BUCKET] {
            s3.create_bucket(bucket);
        }
        let deployment = Self { s3 };
        deployment.trust(cas);
        deployment
    }

    /// Replaces the truststore.
    pub fn trust(&self, cas: &[&Ca]) {
        let pem: String = cas.iter().map(|ca| ca.certificate_pem()).collect();
        self.s3.put(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, pem);
    }

    /// Puts a CRL, or what passes for one, where AWS Private CA would.
    pub fn publish(&self, key: &str, crl: impl Into<Vec<u8>>) {
        self.s3.put(CRL_BUCKET, key, crl);
    }

    /// Starts a fetcher.
    pub async fn fetcher(&self) -> Function {
        self.fetcher_with(&[]).await
    }

    /// Starts a fetcher with these variables on top of the buckets.
    pub async fn fetcher_with(&self, variables: &[(&str, &str)]) -> Function {
        self.fetcher_of(&binaries().crl_fetcher, variables).await
    }

    /// The same from this executable.
    pub async fn fetcher_of(&self, binary: &Path, variables: &[(&str, &str)]) -> Function {
        let buckets = [
            ("TRUSTSTORE_BUCKET", TRUSTSTORE_BUCKET),
            ("CRL_BUCKET", CRL_BUCKET),
            ("SNAPSHOT_BUCKET", SNAPSHOT_BUCKET),
        ];
        let environment = self.environment(&[&buckets[..], variables].concat());
        Function::start(binary, "crl-fetcher", &environment).await
    }

    /// Starts an authorizer that asks S3 before each decision.
    pub async fn authorizer(&self) -> Function {
        self.authorizer_with(&ALWAYS_REVALIDATE).await
    }

    /// Starts an authorizer with these variables on top of the bucket.
    pub async fn authorizer_with(&self, variables: &[(&str, &str)]) -> Function {
        self.authorizer_of(&binaries().authorizer, variables).await
    }

    /// The same in an execution environment of that kind.
    pub async fn authorizer_in(&self, options: Options, variables: &[(&str, &str)]) -> Function {
        let environment = self.authorizer_environment(variables);
        let binary = &binaries().authorizer;
        Function::start_with(binary, "authorizer", &environment, options).await
    }

    /// The usual one from this executable.
    pub async fn authorizer_of(&self, binary: &Path, variables: &[(&str, &str)]) -> Function {
        let environment = self.authorizer_environment(variables);
        Function::start(binary, "authorizer", &environment).await
    }

    fn authorizer_environment(&self, variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let bucket = [("SNAPSHOT_BUCKET", SNAPSHOT_BUCKET)];
        self.environment(&[&bucket[..], variables].concat())
    }

    /// This S3's variables and these, for functions that are started by hand.
    pub fn environment(&self, variables: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.s3.environment().into_iter().chain(own).collect()
    }

    /// The snapshot as it is published now.
    pub fn snapshot(&self) -> Snapshot<Vec<u8>> {
        let octets = self.s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY);
        Snapshot::decode(octets.expect("a snapshot is published")).unwrap()
    }
}

/// A client certificate that is valid by the real clock.
pub fn client(ca: &Ca, name: &str) -> Leaf {
    ca.issue_with(name, LeafOptions::current())
}

/// Invokes a fetcher, for which nothing may be refused.
pub async fn refresh(fetcher: &Function) -> Value {
    let invocation = fetcher.invoke(testkit::events::schedule()).await;
    invocation.result.unwrap_or_else(|error| panic!("{error}"))
}

/// Invokes a fetcher that has to fail.
pub async fn failed_refresh(fetcher: &Function) -> FunctionError {
    let invocation = fetcher.invoke(testkit::events::schedule()).await;
    invocation.result.expect_err("the refresh fails")
}

/// Outcome by key, of a fetcher's answer.
pub fn outcomes(report: &Value) -> BTreeMap<&str, &str> {
    let sources = report["sources"].as_array().expect("a list of sources");
    sources
        .iter()
        .map(|source| {
            (
                source["key"].as_str().unwrap(),
                source["outcome"].as_str().unwrap(),
            )
        })
        .collect()
}

/// The metrics that a function has printed so far, oldest first.
pub fn metrics(function: &Function) -> Vec<Value> {
    let lines = function.logs().into_iter();
    lines
        .filter_map(|line| serde_json::from_str(&line).ok())
        .filter(|line: &Value| line.get("_aws").is_some())
        .collect()
}

/// What they say of one metric, added up; zero where none does.
pub fn total(metrics: &[Value], name: &str) -> u64 {
    metrics.iter().filter_map(|line| line[name].as_u64()).sum()
}

/// `allow` or `deny` and the reason, of an authorizer's simple answer to a payload 2.0 event.
pub async fn decide(authorizer: &Function, client: &Leaf) -> String {
    let event = testkit::events::http_api_v2(&client.certificate_pem());
    let invocation = authorizer.invoke(event).await;
    let answer = invocation.result.unwrap_or_else(|error| panic!("{error}"));
    decision(&answer)
}

/// `allow` or `deny` and the reason, of a simple answer; its two halves must agree.
pub fn decision(answer: &Value) -> String {
    let effect = match answer["isAuthorized"].as_bool() {
        Some(true) => "allow",
        Some(false) => "deny",
        None => panic!("no simple answer: {answer}"),
    };
    let context = &answer["context"];
    assert_eq!(context["decision"], effect, "{answer}");
    format!("{effect} {}", context["reason"].as_str().unwrap())
}
