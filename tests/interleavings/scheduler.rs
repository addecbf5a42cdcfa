//! One interleaving: a few fetchers, a bucket that changes, and a scheduler that decides at each
//! step who goes on, what fails and who crashes.
//!
//! The scheduler polls the fetchers itself, in one task. A fetcher that is not polled does nothing,
//! and one that is polled runs until all it can do is wait at its gate. So an interleaving depends
//! on nothing but its seed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::box_error::BoxError;
use crl_fetcher::announcement::KnownCas;
use crl_fetcher::config::{Config, Location};
use crl_fetcher::report::Report;
use crl_fetcher::{Fetcher, RefreshError};
use revocation::UnixTime;
use testkit::s3::S3Server;
use tokio::sync::Notify;

use crate::dice::Dice;
use crate::gate::{Answer, Call, Gate, Operation, Straggler, Waiting};
use crate::model::{Attempt, Finished, Model, Reading, Rule, Violation};
use crate::pool::{GREATEST_NUMBER, NOW, ObjectId, Pool};
use crate::tally::Tally;

/// What came of one interleaving.
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) tally: Tally,
    /// Every step, in words.
    pub(crate) trace: Vec<String>,
    /// The rules broken at the first step that broke any.
    pub(crate) violations: Vec<Violation>,
}

/// A way in which a fetcher's view of S3 is wrong, for tests of the rules themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// The entity tag of a CRL is another one each time it is read.
    ChangingEntityTags,
    /// Listings leave out the CRL of CA A.
    HiddenObject,
    /// Writes have no conditions.
    NoConditions,
    /// Reads give the version before the current one, with the entity tag of the current one.
    StaleSnapshot,
    /// The truststore has one more CA.
    ForeignTruststore,
}

/// Runs the interleaving of a seed in a bucket of its own. With `live`, prints each step at once.
pub(crate) async fn run(
    seed: u64,
    s3: S3Server,
    pool: &'static Pool,
    breakage: Option<Breakage>,
    live: bool,
) -> Outcome {
    let mut dice = Dice::new(seed);
    let plan = Plan::new(&mut dice);
    let bucket = format!("interleaving-{seed}");
    s3.create_bucket(&bucket);
    s3.put(&bucket, TRUSTSTORE_KEY, pool.truststore.clone());
    let mut scheduler = Scheduler {
        client: s3.client(),
        s3,
        bucket,
        pool,
        breakage,
        model: Model::new(pool),
        running: Vec::new(),
        stragglers: Vec::new(),
        triggers: Vec::new(),
        last: None,
        started: 0,
        step: 0,
        is_quiet: false,
        outcome: Outcome {
            seed,
            tally: Tally::default(),
            trace: Vec::new(),
            violations: Vec::new(),
        },
        live,
        plan,
        dice,
    };
    scheduler.explore().await;
    scheduler.calm_down().await;
    scheduler.outcome.tally.count("interleavings");
    scheduler.outcome
}

/// What kind of an interleaving it is to be.
#[derive(Debug)]
struct Plan {
    /// How many fetchers there are at most at the same time.
    fetchers: usize,
    /// How many refreshes are started before all becomes quiet.
    starts: usize,
    /// How many times the bucket changes.
    changes: usize,
    /// How many crashes there may be between two calls.
    crashes: usize,
    /// How many of a hundred calls fail.
    fault_percent: usize,
    /// How many of a hundred steps go to the same fetcher as the one before.
    same_percent: usize,
    /// Whether the SDK tries again.
    retries: bool,
}

impl Plan {
    fn new(dice: &mut Dice) -> Self {
        Self {
            fetchers: dice.between(1, 4),
            starts: dice.between(2, 7),
            changes: dice.between(3, 12),
            crashes: dice.below(4),
            fault_percent: *dice.pick(&[0, 5, 15, 30]),
            same_percent: *dice.pick(&[0, 40, 80, 95]),
            retries: dice.chance(35),
        }
    }
}

struct Scheduler {
    s3: S3Server,
    client: Client,
    bucket: String,
    pool: &'static Pool,
    breakage: Option<Breakage>,
    plan: Plan,
    dice: Dice,
    model: Model<'static>,
    running: Vec<Running>,
    /// Writes on their way, with the attempt that each of them ends.
    stragglers: Vec<(Straggler, Attempt)>,
    /// Notifications that have not been delivered, or will be once more.
    triggers: Vec<String>,
    /// Who went last.
    last: Option<usize>,
    started: usize,
    step: usize,
    is_quiet: bool,
    outcome: Outcome,
    live: bool,
}

/// A refresh under way.
struct Running {
    id: usize,
    refresh: Pin<Box<dyn Future<Output = Result<Report, RefreshError>> + Send>>,
    gate: Gate,
    alarm: Arc<Alarm>,
    clock: i64,
    attempt: Attempt,
    wrote: Option<usize>,
    faults: usize,
    conflicts: usize,
}

enum Step {
    /// What waits there at the gate of that fetcher may go on.
    Grant(usize, usize),
    /// That fetcher sleeps before it starts over: until then.
    Sleep(usize),
    Start,
    Crash(usize),
    Change,
    /// That write arrives.
    Arrive(usize),
}

/// How a call fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// S3 answers with an error.
    Status(u16, &'static str),
    /// The connection breaks before S3 has heard of it.
    Drop,
    /// S3 does it, and the connection breaks before its answer.
    LostAnswer,
    /// S3 does it, and the connection breaks within the body, after about so many hundredths.
    Truncated(usize),
    /// The fetcher gives up, and S3 does it later.
    Late,
    /// S3 does it, and the fetcher crashes before it hears of it.
    Crash,
}

impl Scheduler {
    /// Steps until everything planned has happened and every refresh has come to its end.
    async fn explore(&mut self) {
        for _ in 0..self.dice.below(4) {
            self.change();
        }
        self.say(format!("{:?}", self.plan));
        while self.outcome.violations.is_empty() {
            let Some(step) = self.next_step() else {
                return;
            };
            self.step += 1;
            assert!(
                self.step < MAX_STEPS,
                "it never ends: {:#?}",
                self.outcome.trace
            );
            self.take(step).await;
        }
    }

    /// One refresh without disturbance must bring everything up to date, and the next one finds
    /// nothing to do.
    async fn calm_down(&mut self) {
        for is_last in [false, true] {
            if !self.outcome.violations.is_empty() {
                return;
            }
            self.say("all is quiet".to_owned());
            self.is_quiet = true;
            (self.plan.fault_percent, self.plan.crashes) = (0, 0);
            let versions = self.model.versions.len();
            self.start("schedule").await;
            while let Some(step) = self.next_step() {
                self.step += 1;
                self.take(step).await;
            }
            let mut violations = self.model.converge();
            if is_last && self.model.versions.len() > versions {
                let how = "a second refresh found something to publish".to_owned();
                violations.push(Violation::new(Rule::Convergence, how));
            }
            self.report(violations);
        }
    }

    fn next_step(&mut self) -> Option<Step> {
        let mut steps = Vec::new();
        for (index, running) in self.running.iter().enumerate() {
            let waiting = running.gate.waiting().len();
            let is_same = self.last == Some(running.id);
            if waiting > 0 && is_same && self.dice.chance(self.plan.same_percent) {
                return Some(Step::Grant(index, self.dice.below(waiting)));
            }
            // In a refresh that reads many CRLs each one counts less, or it would run ahead.
            let grants = (0..waiting).map(|call| (24 / waiting.max(1), Step::Grant(index, call)));
            steps.extend(grants);
            if waiting == 0 {
                steps.push((12, Step::Sleep(index)));
            }
            if self.plan.crashes > 0 {
                steps.push((1, Step::Crash(index)));
            }
        }
        if self.plan.starts > 0 && self.running.len() < self.plan.fetchers {
            steps.push((12, Step::Start));
        }
        if self.plan.changes > 0 {
            steps.push((6, Step::Change));
        }
        steps.extend((0..self.stragglers.len()).map(|index| (6, Step::Arrive(index))));
        let sum = steps.iter().map(|(weight, _)| weight).sum();
        if sum == 0 {
            return None;
        }
        let mut chosen = self.dice.below(sum);
        steps.into_iter().find_map(|(weight, step)| {
            let is_it = chosen < weight;
            chosen = chosen.saturating_sub(weight);
            is_it.then_some(step)
        })
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Grant(index, waiting) => {
                self.last = Some(self.running[index].id);
                match self.running[index].gate.take(waiting) {
                    Waiting::Backoff(over) => {
                        self.tell(index, "waits before the SDK tries again");
                        self.outcome.tally.count("retries of the SDK");
                        let _ = over.send(());
                        self.settle(index).await;
                    }
                    Waiting::Call(call) => self.grant(index, *call).await,
                }
            }
            Step::Sleep(index) => {
                self.tell(index, "sleeps before it starts over");
                self.sleep(index).await;
            }
            Step::Start => {
                self.plan.starts -= 1;
                let trigger = self.trigger();
                self.start(&trigger).await;
            }
            Step::Crash(index) => {
                self.plan.crashes -= 1;
                self.tell(index, "crashes");
                self.outcome.tally.count("crashes between two calls");
                self.running.remove(index);
            }
            Step::Change => {
                self.plan.changes -= 1;
                self.change();
            }
            Step::Arrive(index) => {
                let (straggler, attempt) = self.stragglers.remove(index);
                let versions = self.model.versions.len();
                let answer = straggler.carry_out().await;
                let outcome = self.note_write(versions, &answer, &attempt);
                self.say(format!("a late PUT arrives: {outcome}"));
            }
        }
    }

    async fn start(&mut self, trigger: &str) {
        self.started += 1;
        let gate = Gate::default();
        // Clocks differ; but once all is quiet, time has passed.
        let clock = match self.is_quiet {
            true => NOW + 3600,
            false => NOW + i64::try_from(self.dice.below(200)).unwrap() - 100,
        };
        let now = UnixTime::from_seconds(clock);
        let fetcher = Fetcher::new(self.client_behind(&gate), self.config());
        let owned = trigger.to_owned();
        self.running.push(Running {
            id: self.started,
            refresh: Box::pin(async move { fetcher.refresh(&owned, now).await }),
            gate,
            alarm: Arc::default(),
            clock,
            attempt: Attempt::default(),
            wrote: None,
            faults: 0,
            conflicts: 0,
        });
        self.outcome.tally.count("refreshes");
        let index = self.running.len() - 1;
        let skew = clock - NOW;
        self.tell(
            index,
            &format!("starts with its clock at {skew:+} s: {trigger}"),
        );
        self.settle(index).await;
    }

    /// One S3 call, and what becomes of it.
    async fn grant(&mut self, index: usize, call: Call) {
        self.outcome.tally.count("S3 calls");
        if call.operation == Operation::Get(TRUSTSTORE_KEY.to_owned()) {
            let running = &mut self.running[index];
            running.attempt = Attempt {
                began: self.step,
                clock: running.clock,
                ..Attempt::default()
            };
        }
        let fault = self.fault(&call.operation);
        if let Some(fault) = fault {
            self.running[index].faults += 1;
            let what = format!("faults: {}", fault.name());
            self.outcome.tally.count(what);
        }
        match fault {
            Some(Fault::Status(status, code)) => {
                self.note_failure(index, &call, &format!("{status} {code} by fault"));
                call.lose().error(status, code);
            }
            Some(Fault::Drop) => {
                self.note_failure(index, &call, "connection dropped");
                call.lose().disconnected();
            }
            Some(Fault::Late) => {
                self.note_failure(index, &call, "gives up, but it is on its way");
                let (straggler, reply) = call.leave_behind();
                let attempt = self.running[index].attempt.clone();
                self.stragglers.push((straggler, attempt));
                reply.disconnected();
            }
            Some(Fault::LostAnswer | Fault::Truncated(_) | Fault::Crash) | None => {
                self.carry_out(index, call, fault).await;
            }
        }
        if matches!(fault, Some(Fault::Crash)) {
            self.running.remove(index);
        } else {
            self.settle(index).await;
        }
    }

    /// Has S3 do what it is asked, and tells the fetcher as much of the answer as the fault leaves.
    async fn carry_out(&mut self, index: usize, call: Call, fault: Option<Fault>) {
        let operation = call.operation.clone();
        let versions = self.model.versions.len();
        let (mut answer, reply) = call.carry_out().await;
        self.tamper(&operation, &mut answer);
        let outcome = if matches!(operation, Operation::Put(_)) {
            let attempt = self.running[index].attempt.clone();
            let outcome = self.note_write(versions, &answer, &attempt);
            let running = &mut self.running[index];
            if self.model.versions.len() > versions {
                running.wrote = Some(versions);
            }
            running.conflicts += usize::from(answer.status() == 412);
            outcome
        } else {
            self.describe(&operation, &answer)
        };
        let fate = fault.map_or_else(String::new, |fault| format!(", {}", fault.name()));
        let name = self.name(&operation);
        self.tell(index, &format!("{name}: {outcome}{fate}"));
        // That there is no such object, the status line alone says.
        let is_told = match fault {
            None => true,
            Some(Fault::Truncated(_)) => answer.status() == 404,
            Some(_) => false,
        };
        self.note_reading(index, &operation, is_told.then_some(&answer));
        match fault {
            None => reply.whole(answer),
            Some(Fault::Truncated(percent)) => {
                let length = cut(&answer.body, percent);
                reply.truncated(answer, length);
            }
            Some(_) => reply.disconnected(),
        }
    }

    fn fault(&mut self, operation: &Operation) -> Option<Fault> {
        // A write is where it matters most what the fetcher knows of its fate.
        let percent = match operation {
            Operation::Put(_) => self.plan.fault_percent * 2,
            _ => self.plan.fault_percent,
        };
        if !self.dice.chance(percent) {
            return None;
        }
        let common = [
            Fault::Status(500, "InternalError"),
            Fault::Status(503, "SlowDown"),
            Fault::Status(403, "AccessDenied"),
            Fault::Drop,
            Fault::LostAnswer,
            Fault::Crash,
        ];
        let special = match operation {
            Operation::Put(_) => vec![
                Fault::Status(409, "ConditionalRequestConflict"),
                Fault::Late,
                Fault::LostAnswer,
                Fault::LostAnswer,
            ],
            _ => vec![Fault::Truncated(self.dice.below(100)), Fault::Truncated(0)],
        };
        Some(*self.dice.pick(&[&common[..], &special].concat()))
    }

    /// Compares the versions of the snapshot before and after a write.
    fn note_write(&mut self, before: usize, answer: &Answer, attempt: &Attempt) -> String {
        let versions = self.s3.versions(&self.bucket, SNAPSHOT_KEY);
        self.outcome
            .tally
            .count(format!("PUT answered {}", answer.status()));
        match versions.len().checked_sub(before) {
            Some(0) if answer.status() != 200 => format!("{}", answer.status()),
            Some(1) if answer.status() == 200 => {
                let octets = versions.into_iter().next_back().flatten().unwrap();
                let etag = self.s3.etag(&self.bucket, SNAPSHOT_KEY).unwrap();
                let violations = self.model.publish(octets, etag, attempt, self.step);
                self.report(violations);
                self.outcome.tally.count("publishes");
                format!("200, {}", self.model.describe(before))
            }
            // The snapshot has no other writer, and S3 does what it says.
            other => panic!("{} wrote {other:?} versions", answer.status()),
        }
    }

    /// What an answer tells the fetcher; `None` if it does not get there.
    fn note_reading(&mut self, index: usize, operation: &Operation, answer: Option<&Answer>) {
        let attempt = &mut self.running[index].attempt;
        let status = answer.map(Answer::status);
        let body = answer.map_or(&[][..], |answer| &answer.body);
        match (operation, status) {
            (Operation::Put(_), _) | (Operation::List, None) => {}
            (Operation::List, _) => attempt.listed = self.model.listing(),
            (Operation::Get(key), _) if key == TRUSTSTORE_KEY => {}
            (Operation::Get(key), None) if key == SNAPSHOT_KEY => {}
            (Operation::Get(key), Some(404)) if key == SNAPSHOT_KEY => attempt.read = Some(None),
            (Operation::Get(key), Some(_)) if key == SNAPSHOT_KEY => {
                let mut versions = self.model.versions.iter();
                attempt.read = Some(versions.rposition(|version| version.octets == body));
            }
            (Operation::Get(key), status) => {
                let reading = match status {
                    None => Reading::Failed,
                    Some(404) => Reading::Gone,
                    Some(_) => Reading::Whole(self.pool.with_octets(body)),
                };
                attempt.asked.insert(key.clone(), reading);
            }
        }
    }

    fn note_failure(&mut self, index: usize, call: &Call, how: &str) {
        let name = self.name(&call.operation);
        self.tell(index, &format!("{name}: {how}"));
        self.note_reading(index, &call.operation, None);
    }

    /// Polls a fetcher until it waits for us, or is done.
    async fn settle(&mut self, index: usize) {
        let result = loop {
            let Running { refresh, alarm, .. } = &mut self.running[index];
            alarm.rang.store(false, Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(alarm));
            match refresh.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(result) => break result,
                Poll::Pending if alarm.rang.load(Ordering::SeqCst) => {}
                Poll::Pending => return,
            }
            // Also for a new budget of cooperation, or its own clock could never ring.
            tokio::task::yield_now().await;
        };
        let what = match &result {
            Ok(report) if report.snapshot.published => "is done and says it published".to_owned(),
            Ok(_) => "is done and says it published nothing".to_owned(),
            Err(error) => format!("fails: {}", error.error_type()),
        };
        self.tell(index, &what);
        let Running {
            attempt,
            wrote,
            faults,
            conflicts,
            ..
        } = self.running.remove(index);
        self.outcome.tally.count(match &result {
            Ok(_) => "refreshes that succeeded".to_owned(),
            Err(error) => format!("refreshes that failed: {}", error.error_type()),
        });
        let violation = self.model.finish(&Finished {
            result: &result,
            attempt: &attempt,
            wrote,
            faults,
            conflicts,
        });
        self.report(violation.into_iter().collect());
    }

    /// Until the fetcher's own sleep is over.
    async fn sleep(&mut self, index: usize) {
        self.outcome.tally.count("sleeps before starting over");
        let id = self.running[index].id;
        loop {
            let Running { alarm, .. } = &self.running[index];
            let alarm = Arc::clone(alarm);
            let rings = tokio::time::timeout(Duration::from_secs(60), alarm.rings.notified());
            rings
                .await
                .expect("a fetcher waits for us, or sleeps for a short time");
            self.settle(index).await;
            let is_same = |running: &Running| running.id == id;
            match self.running.get(index).filter(|one| is_same(one)) {
                Some(running) if running.gate.waiting().is_empty() => {}
                _ => return,
            }
        }
    }

    /// Changes the bucket in one of the ways of CAs, operators and attackers.
    fn change(&mut self) {
        let pool = self.pool;
        let scope = self.dice.below(pool.scopes.len());
        let home = pool.scopes[scope].home.clone();
        let bucket = self.model.bucket();
        let greatest = bucket
            .values()
            .flat_map(|&object| &pool.objects[object].valid)
            .map(|&crl| &pool.crls[crl])
            .filter(|crl| crl.scope == scope)
            .map(|crl| crl.number)
            .max();
        let numbered = |number: u64, is_second| {
            let number = number.clamp(1, GREATEST_NUMBER);
            Some(pool.numbered(scope, number, is_second))
        };
        let skipped = u64::try_from(self.dice.below(3)).unwrap();
        let mut keys: Vec<_> = pool.scopes.iter().map(|scope| scope.home.clone()).collect();
        keys.extend(pool.other_keys.iter().map(|(key, _)| key.clone()));
        let anywhere = self.dice.pick(&keys).clone();
        let is_second = self.dice.chance(20);
        let existing: Vec<_> = bucket.into_iter().collect();
        let (what, key, object) = match (self.dice.below(100), greatest) {
            (0..40, greatest) => {
                let number = greatest.map_or(1 + skipped, |greatest| greatest + 1 + skipped / 2);
                ("newer", home, numbered(number, is_second))
            }
            (40..50, Some(greatest)) => {
                let number = greatest.saturating_sub(1 + skipped);
                ("replayed", home, numbered(number, is_second))
            }
            (50..58, Some(greatest)) => {
                let is_second = self.dice.chance(50);
                ("same number", home, numbered(greatest, is_second))
            }
            (58..68, _) => ("junk", anywhere, Some(*self.dice.pick(&pool.junk))),
            (68..78, _) if !existing.is_empty() => {
                ("deleted", self.dice.pick(&existing).0.clone(), None)
            }
            (78..86, _) if !existing.is_empty() => {
                let copied = self.dice.pick(&existing).1;
                ("copied", anywhere, Some(copied))
            }
            (86..93, _) => ("bundle", anywhere, Some(*self.dice.pick(&pool.bundles))),
            (93.., _) | (40..86, _) => ("misplaced", anywhere, numbered(1 + skipped, is_second)),
        };
        self.set(what, &key, object);
    }

    fn set(&mut self, what: &str, key: &str, object: Option<ObjectId>) {
        let name = self.pool.name_of_key(key).to_owned();
        match object {
            Some(object) => {
                let Self { pool, s3, .. } = self;
                s3.put(&self.bucket, key, pool.objects[object].octets.clone());
                let found = pool.objects[object].name.clone();
                self.say(format!("bucket: {what}: {name} is now {found}"));
                self.triggers.push(format!("s3 {name} is {found}"));
            }
            None => {
                self.s3.remove(&self.bucket, key);
                self.say(format!("bucket: {what}: {name}"));
            }
        }
        self.outcome.tally.count(format!("changes: {what}"));
        self.model.change(self.step, key, object);
    }

    /// Notifications come in any order, more than once, and besides the schedule.
    fn trigger(&mut self) -> String {
        if self.triggers.is_empty() || self.dice.chance(20) {
            return "schedule".to_owned();
        }
        let index = self.dice.below(self.triggers.len());
        if self.dice.chance(30) {
            self.triggers[index].clone()
        } else {
            self.triggers.remove(index)
        }
    }

    fn tamper(&self, operation: &Operation, answer: &mut Answer) {
        let is_get_of = |key| *operation == Operation::Get(String::from(key));
        let is_get_of_crl = matches!(operation, Operation::Get(key) if key.starts_with(PREFIX));
        match self.breakage {
            Some(Breakage::ForeignTruststore) if is_get_of(TRUSTSTORE_KEY) => {
                answer.replace_body(self.pool.truststore_with_foreign.clone());
            }
            Some(Breakage::StaleSnapshot) if is_get_of(SNAPSHOT_KEY) => {
                let versions = &self.model.versions;
                if let Some(stale) = versions.len().checked_sub(2) {
                    answer.replace_body(versions[stale].octets.clone());
                }
            }
            Some(Breakage::HiddenObject) if *operation == Operation::List => {
                let hidden = &self.pool.scopes[0].home;
                let listing = String::from_utf8(answer.body.clone()).unwrap();
                answer.replace_body(listing.replace(hidden, "crl/hidden").into());
            }
            Some(Breakage::ChangingEntityTags) if is_get_of_crl => {
                let etag = format!("\"{}\"", self.step);
                answer.response.headers_mut().insert("etag", etag);
            }
            _ => {}
        }
    }

    fn client_behind(&self, gate: &Gate) -> Client {
        let config = self.client.config();
        let real = config.http_client().expect("testkit's client has one");
        let retries = match self.plan.retries {
            true => RetryConfig::standard(),
            false => RetryConfig::disabled(),
        };
        let mut config = config
            .to_builder()
            .http_client(gate.http_client(real))
            .sleep_impl(gate.sleep())
            .retry_config(retries)
            // Its own: or how often others failed would decide whether it tries again.
            .retry_partition(RetryPartition::custom("interleaving").build())
            // A call that waits for its turn is not stalled.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if self.breakage == Some(Breakage::NoConditions) {
            config = config.interceptor(NoConditions);
        }
        Client::from_conf(config.build())
    }

    fn config(&self) -> Config {
        let location = |key: &str| Location {
            bucket: self.bucket.clone(),
            key: key.to_owned(),
        };
        Config {
            truststore: location(TRUSTSTORE_KEY),
            crl_bucket: self.bucket.clone(),
            crl_prefixes: vec![PREFIX.to_owned()],
            snapshot: location(SNAPSHOT_KEY),
            overrides: None,
            max_crl_bytes: 1 << 20,
            max_concurrent_gets: 3,
            ca_accounts: Vec::new(),
            known_cas: KnownCas::default(),
            announcement_keep: 0,
            unconfirmed_after: 0,
            authorizer_caches: Vec::new(),
            cache_settle: 0,
        }
    }

    fn name(&self, operation: &Operation) -> String {
        match operation {
            Operation::Get(key) => format!("GET {}", self.pool.name_of_key(key)),
            Operation::Put(key) => format!("PUT {key}"),
            Operation::List => "LIST".to_owned(),
        }
    }

    fn describe(&self, operation: &Operation, answer: &Answer) -> String {
        let status = answer.status();
        let read = self.pool.with_octets(&answer.body);
        match (operation, read) {
            (Operation::Get(key), _) if key == SNAPSHOT_KEY && status == 200 => {
                let mut versions = self.model.versions.iter();
                let read = versions.rposition(|version| version.octets == answer.body);
                let read = read.map(|read| self.model.describe(read));
                format!("{status}, {}", read.unwrap_or_default())
            }
            (Operation::Get(_), Some(object)) => {
                format!("{status}, {}", self.pool.objects[object].name)
            }
            (Operation::List, _) => {
                let listing = self.model.listing();
                let keys: Vec<_> = listing
                    .keys()
                    .map(|key| self.pool.name_of_key(key))
                    .collect();
                format!("{status}, {}", keys.join(" "))
            }
            _ => status.to_string(),
        }
    }

    fn tell(&mut self, index: usize, what: &str) {
        self.say(format!("fetcher {} {what}", self.running[index].id));
    }

    fn say(&mut self, what: String) {
        let line = format!("{:>4} {what}", self.step);
        if self.live {
            println!("{line}");
        }
        self.outcome.trace.push(line);
    }

    fn report(&mut self, violations: Vec<Violation>) {
        for violation in &violations {
            self.say(format!("VIOLATION {violation}"));
        }
        self.outcome.violations.extend(violations);
    }
}

impl Fault {
    const fn name(self) -> &'static str {
        match self {
            Self::Status(500, _) => "500",
            Self::Status(503, _) => "503",
            Self::Status(403, _) => "403",
            Self::Status(..) => "409",
            Self::Drop => "connection dropped",
            Self::LostAnswer => "answer lost",
            Self::Truncated(_) => "body truncated",
            Self::Late => "request late",
            Self::Crash => "crash before the answer",
        }
    }
}

/// Where a body breaks off. A PEM file does so behind its first block, where what has come looks
/// like all of it; anything else after so many hundredths.
fn cut(body: &[u8], percent: usize) -> usize {
    const END: &[u8] = b"-----END ";
    let end = body.windows(END.len()).position(|window| window == END);
    let line = end.map(|end| {
        let rest = body[end..].iter();
        end + rest.take_while(|&&octet| octet != b'\n').count() + 1
    });
    match line {
        Some(line) if percent > 0 && line < body.len() => line,
        _ => body.len() * percent / 100,
    }
}

/// Tells whether a fetcher can go on.
#[derive(Default)]
struct Alarm {
    rang: AtomicBool,
    rings: Notify,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rang.store(true, Ordering::SeqCst);
        self.rings.notify_one();
    }
}

/// Takes the conditions off every request before it is signed.
#[derive(Debug)]
struct NoConditions;

impl Intercept for NoConditions {
    fn name(&self) -> &'static str {
        "NoConditions"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        for condition in ["if-match", "if-none-match"] {
            context.request_mut().headers_mut().remove(condition);
        }
        Ok(())
    }
}

const TRUSTSTORE_KEY: &str = "truststore.pem";
const SNAPSHOT_KEY: &str = "revocation.snapshot";
const PREFIX: &str = "crl/";

/// Far more than any plan leads to.
const MAX_STEPS: usize = 5_000;
