//! Every fault of `docs/reliability.md`: what is decided under it, what is said and counted, that nothing
//! is lost, and that its end is enough to recover, without a restart.

mod at_start;
#[cfg(target_os = "linux")]
mod clock;
mod crl_read;
mod frozen;
mod killed;
#[cfg(target_os = "linux")]
mod limits;
mod listing;
mod newer_format;
mod no_answer;
mod revalidation;
mod snapshot_read;
mod snapshot_write;
mod table;
mod truststore_read;

use std::time::{Duration, Instant};

use revocation::SerialNumber;
use serde_json::Value;
use system_tests::{
    ALWAYS_REVALIDATE, Deployment, SNAPSHOT_BUCKET, SNAPSHOT_KEY, client, decide, failed_refresh,
    metrics, refresh, total,
};
use testkit::events;
use testkit::lambda::{Function, FunctionError};
use testkit::pki::{Ca, Leaf};
use testkit::s3::{Fault, Operation};

const GET: Operation = Operation::GetObject;
const PUT: Operation = Operation::PutObject;
const LIST: Operation = Operation::ListObjectsV2;

const FORBIDDEN: Fault = Fault::Status(403, "AccessDenied");
const MISSING: Fault = Fault::Status(404, "NoSuchKey");
const CONFLICT: Fault = Fault::Status(409, "ConditionalRequestConflict");
const PRECONDITION: Fault = Fault::Status(412, "PreconditionFailed");
const INTERNAL_ERROR: Fault = Fault::Status(500, "InternalError");
const SLOW_DOWN: Fault = Fault::Status(503, "SlowDown");
const RESET: Fault = Fault::ResetConnection;
const CUT_SHORT: Fault = Fault::TruncateBody(40);
const CORRUPT: Fault = Fault::CorruptBody(40);
/// For longer than anybody waits.
const STALL: Fault = Fault::StallBody(40, Duration::from_secs(600));

/// More often than anybody tries.
const ALWAYS: usize = 1000;

/// Makes an authorizer ask S3 at each request, though not before it has answered.
const REVALIDATE_BEHIND: [(&str, &str); 1] = [("SNAPSHOT_SOFT_AGE_SECONDS", "0")];

/// A CA with three clients, the first of which is revoked, and the snapshot that says so.
struct World {
    deployment: Deployment,
    ca: Ca,
    alice: Leaf,
    bob: Leaf,
    carol: Leaf,
}

impl World {
    async fn start() -> Self {
        let ca = Ca::root("Issuing CA");
        let world = Self {
            deployment: Deployment::start(&[&ca]).await,
            alice: client(&ca, "alice"),
            bob: client(&ca, "bob"),
            carol: client(&ca, "carol"),
            ca,
        };
        world.publish_crl(1, &[&world.alice]);
        refresh(&world.deployment.fetcher().await).await;
        world
    }

    /// A CRL, of which no fetcher has heard yet.
    fn publish_crl(&self, number: u64, revoked: &[&Leaf]) {
        let crl = self.ca.crl().current().number(number);
        let crl = revoked
            .iter()
            .fold(crl, |crl, client| crl.revoke(&client.serial()));
        self.deployment.publish(&self.ca.crl_key(), crl.der());
    }

    /// A CRL number 2 with bob on it, and no snapshot of it yet.
    fn publish_news(&self) {
        self.publish_crl(2, &[&self.alice, &self.bob]);
    }

    /// A snapshot in which bob is revoked too.
    async fn revoke_bob(&self) {
        self.publish_news();
        refresh(&self.deployment.fetcher().await).await;
    }

    /// Who of the three is revoked by the snapshot as it is published now.
    fn revoked(&self) -> Vec<&str> {
        let snapshot = self.deployment.snapshot();
        let is_listed = |client: &&Leaf| {
            let serial = SerialNumber::from_der_integer(&client.serial()).unwrap();
            let mut crls = snapshot.issuers().flat_map(|issuer| issuer.crls());
            crls.any(|crl| crl.revoked.contains(&serial))
        };
        let clients = [&self.alice, &self.bob, &self.carol];
        clients
            .into_iter()
            .filter(is_listed)
            .map(Leaf::common_name)
            .collect()
    }

    fn fail(&self, operation: Operation, key: &str, fault: Fault, times: usize) {
        self.deployment.s3.fail_next(operation, key, fault, times);
    }
}

/// Waits for what a function does when its answer is already here.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the decision on a client is this one.
async fn until_decided(authorizer: &Function, client: &Leaf, decision: &str) {
    let what = format!("{}: {decision}", client.common_name());
    until(&what, async || decide(authorizer, client).await == decision).await;
}

/// A line of the function's log that contains `text`.
async fn line(function: &Function, text: &str) -> String {
    let line = function.logged(text, PATIENCE).await;
    line.unwrap_or_else(|| panic!("no line with {text:?}: {:#?}", function.logs()))
}

/// Shuts the function down, at which it writes what it has counted, and looks that each of these
/// metrics is among it and not zero.
async fn assert_counted(function: Function, names: &[&str]) {
    function.shut_down().await;
    let printed = metrics(&function);
    for name in names {
        assert!(total(&printed, name) > 0, "{name}: {printed:#?}");
    }
}

async fn no_decision(authorizer: &Function, client: &Leaf) -> FunctionError {
    let event = events::http_api_v2(&client.certificate_pem());
    let invocation = authorizer.invoke(event).await;
    invocation
        .result
        .expect_err("there is nothing to decide from")
}

/// On a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a refresh cannot do without fails: the refresh fails and writes nothing, and the next one goes
/// through.
async fn without(operation: Operation, key: &str, fault: Fault, error_type: &str, message: &str) {
    let world = World::start().await;
    world.publish_news();
    let fetcher = world.deployment.fetcher().await;
    world.fail(operation, key, fault, ALWAYS);
    let error = failed_refresh(&fetcher).await;
    assert_eq!(error.error_type, error_type, "{error}");
    assert!(error.message.contains(message), "{error}");
    let logged = line(&fetcher, "ERROR").await;
    assert!(logged.contains(message), "{logged}");
    assert_eq!(world.revoked(), ["alice"]);

    world.deployment.s3.clear_faults();
    let report = refresh(&fetcher).await;
    assert_eq!(report["counts"]["accepted"], 1, "{report}");
    assert_eq!(world.revoked(), ["alice", "bob"]);
    assert_counted(fetcher, &["RefreshFailed", "Published"]).await;
}
