//! The story: what the product promises, told by real clients, each step passed or failed.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::net::TcpStream;

use crate::client::{Answer, Client};
use crate::cloud::{ActError, Cloud, Refresh};
use crate::gateway::{Gateway, Report};

/// Plays every step, also after one has failed; `true` if all passed.
///
/// # Errors
/// The gateway cannot be opened, or a certificate cannot be issued.
pub async fn play(cloud: &Arc<Cloud>, listener: TcpListener) -> Result<bool, Box<dyn Error>> {
    let story = Story::start(cloud, listener)?;
    let mut steps = Steps::default();

    steps
        .step(
            "alice is let in",
            story.expect("alice", 200, "allow: not-revoked"),
        )
        .await;
    steps
        .step("the API learns who called", story.expect_context("alice"))
        .await;
    steps
        .step(
            "bob, revoked, is denied",
            story.expect("bob", 403, "deny: revoked"),
        )
        .await;
    steps
        .step(
            "alice is revoked: a new snapshot is published",
            story.revoke("alice"),
        )
        .await;
    steps
        .step(
            "alice is denied soon after",
            story.expect_soon("alice", 403, "deny: revoked"),
        )
        .await;
    steps
        .step(
            "a client of an unknown CA is refused",
            story.expect_refusal(Some("mallory")),
        )
        .await;
    steps
        .step(
            "a client without certificate is refused",
            story.expect_refusal(None),
        )
        .await;

    cloud.s3().stop().await;
    steps
        .step(
            "S3 is stopped: nobody answers there",
            story.expect_s3_down(),
        )
        .await;
    // Long enough for the snapshot to be due, and for a revalidation to fail.
    steps
        .step(
            "S3 is down: carol is let in",
            story.expect("carol", 200, "allow: not-revoked"),
        )
        .await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    steps
        .step(
            "and a while later, too",
            story.expect("carol", 200, "allow: not-revoked"),
        )
        .await;
    steps
        .step("bob is denied", story.expect("bob", 403, "deny: revoked"))
        .await;
    cloud.s3().resume().await;

    cloud.issue("dave").map_err(|error| error.to_string())?;
    steps
        .step(
            "S3 is back: dave, new, is let in",
            story.expect("dave", 200, "allow: not-revoked"),
        )
        .await;
    steps
        .step(
            "carol's CA announces that she is revoked: a new snapshot is published",
            story.announce("carol"),
        )
        .await;
    steps
        .step(
            "carol is denied soon after, without a CRL",
            story.expect_soon("carol", 403, "deny: revocation-announced"),
        )
        .await;
    steps
        .step(
            "the CRL follows: a new snapshot is published",
            story.publish(),
        )
        .await;
    steps
        .step(
            "carol is denied by the CRL now",
            story.expect_soon("carol", 403, "deny: revoked"),
        )
        .await;
    steps
        .step(
            "dave is let in as before",
            story.expect("dave", 200, "allow: not-revoked"),
        )
        .await;

    let passed = steps.summary();
    if !passed {
        story.print_logs().await;
    }
    Ok(passed)
}

/// Steps taken, with their outcomes.
#[derive(Default)]
struct Steps {
    taken: usize,
    failed: usize,
}

impl Steps {
    async fn step(&mut self, what: &str, step: impl Future<Output = Result<String, Failure>>) {
        let started = Instant::now();
        let outcome = step.await;
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        self.taken += 1;
        match outcome {
            Ok(seen) => println!("PASS  {milliseconds:8.1} ms  {what}: {seen}"),
            Err(failure) => {
                self.failed += 1;
                println!("FAIL  {milliseconds:8.1} ms  {what}: {failure}");
            }
        }
    }

    fn summary(&self) -> bool {
        println!(
            "\n{} of {} steps passed",
            self.taken - self.failed,
            self.taken
        );
        self.failed == 0
    }
}

struct Story {
    cloud: Arc<Cloud>,
    gateway: Gateway,
    last: Arc<Mutex<Option<Report>>>,
}

impl Story {
    fn start(cloud: &Arc<Cloud>, listener: TcpListener) -> Result<Self, Box<dyn Error>> {
        let last = Arc::new(Mutex::new(None));
        let heard = Arc::clone(&last);
        let gateway = Gateway::start(listener, Arc::clone(cloud), move |report| {
            *heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
        })?;
        Ok(Self {
            cloud: Arc::clone(cloud),
            gateway,
            last,
        })
    }

    /// Expects this status, and this reason for it.
    async fn expect(&self, client: &str, status: u16, reason: &str) -> Result<String, Failure> {
        let answer = self.call(Some(client)).await?;
        let seen = format!("{}, {}", answer.status, self.last_reason());
        let body_fits = status != 403 || answer.body == "{\"message\":\"Forbidden\"}";
        let fits = answer.status == status && self.last_reason() == reason && body_fits;
        if fits {
            Ok(seen)
        } else {
            Err(Failure(format!("{seen}: {}", answer.body)))
        }
    }

    /// As [`Self::expect`], with some time for the snapshot to get around.
    async fn expect_soon(
        &self,
        client: &str,
        status: u16,
        reason: &str,
    ) -> Result<String, Failure> {
        let started = Instant::now();
        loop {
            let outcome = self.expect(client, status, reason).await;
            if outcome.is_ok() || started.elapsed() > SOON {
                return outcome;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Expects the API to be told the subject the authorizer read from the certificate.
    async fn expect_context(&self, client: &str) -> Result<String, Failure> {
        let answer = self.call(Some(client)).await?;
        let body: Value = serde_json::from_str(&answer.body)
            .map_err(|error| Failure(format!("{error}: {}", answer.body)))?;
        match body["authorizer"]["subject"].as_str() {
            Some(subject) if subject.contains(client) => Ok(subject.to_owned()),
            _ => Err(Failure(answer.body)),
        }
    }

    /// Expects the handshake to fail, because the gateway ended it.
    async fn expect_refusal(&self, client: Option<&str>) -> Result<String, Failure> {
        match self.call(client).await {
            Ok(answer) => Err(Failure(format!("let in, {}", answer.status))),
            Err(Failure(error)) if error.contains("received fatal alert") => Ok(error),
            Err(failure) => Err(failure),
        }
    }

    async fn expect_s3_down(&self) -> Result<String, Failure> {
        let endpoint = self.cloud.s3().endpoint();
        let address = endpoint.trim_start_matches("http://");
        match TcpStream::connect(address).await {
            Ok(_) => Err(Failure(format!("{address} answers"))),
            Err(error) => Ok(error.to_string()),
        }
    }

    async fn revoke(&self, client: &str) -> Result<String, Failure> {
        published(self.cloud.revoke(client).await)
    }

    async fn announce(&self, client: &str) -> Result<String, Failure> {
        published(self.cloud.announce(client).await)
    }

    async fn publish(&self) -> Result<String, Failure> {
        published(Ok(self.cloud.publish().await))
    }

    /// One request over a connection of its own.
    async fn call(&self, client: Option<&str>) -> Result<Answer, Failure> {
        let leaf = client.and_then(|name| self.cloud.leaf(name));
        let answer = async {
            let client = Client::new(self.cloud.server_ca(), leaf.as_ref())?;
            client
                .connect(self.gateway.port())
                .await?
                .get("/hello")
                .await
        };
        answer
            .await
            .map_err(|error: io::Error| Failure(error.to_string()))
    }

    fn last_reason(&self) -> String {
        match &*self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Report::Answered { reason, .. }) => reason.clone(),
            Some(Report::Refused { reason }) => reason.clone(),
            None => "nothing heard".to_owned(),
        }
    }

    /// What the functions have logged, for whoever has to find out why.
    async fn print_logs(&self) {
        let functions = [
            ("crl-fetcher", self.cloud.fetcher()),
            ("authorizer", self.cloud.authorizer()),
            ("sample-api", self.cloud.sample_api()),
        ];
        for (name, function) in functions {
            println!("\n{name}:");
            let logs = function.logs().await;
            for line in &logs[logs.len().saturating_sub(LOG_LINES)..] {
                println!("    {line}");
            }
        }
    }
}

/// What a refresh says that published a snapshot.
fn published(refresh: Result<Refresh, ActError>) -> Result<String, Failure> {
    let refresh = refresh.map_err(|error| Failure(error.to_string()))?;
    match refresh.published() {
        true => Ok(refresh.to_string()),
        false => Err(Failure(refresh.to_string())),
    }
}

/// Why a step failed.
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const SOON: Duration = Duration::from_secs(15);
const LOG_LINES: usize = 40;
