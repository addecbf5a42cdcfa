//! One run: who knows what, and what happens in which order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use benches::Random;
use indicatif::{ProgressBar, ProgressStyle};
use playground::client::Client;
use playground::cloud::Cloud;
use playground::gateway::Report;
use revocation::{CrlNumber, Snapshot};

use crate::footprint::Footprints;
use crate::oracle::{Cause, Interrupted, Oracle, Rules};
use crate::tally::Tally;
use crate::{faults, footprint, load, revocations};

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) length: Duration,
    pub(crate) seed: u64,
    pub(crate) clients: u16,
}

/// What all that goes on in a run share.
pub(crate) struct Run {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) terms: Terms,
    started: Instant,
    records: Mutex<Records>,
    clients: Mutex<Vec<Client>>,
    /// The authorizer's decision or error, by request, until the client has its answer.
    reasons: Mutex<BTreeMap<String, String>>,
}

/// What was seen.
pub(crate) struct Records {
    pub(crate) oracle: Oracle,
    pub(crate) tally: Tally,
    pub(crate) footprints: Footprints,
}

impl Run {
    pub(crate) fn new(cloud: Arc<Cloud>, terms: Terms) -> Arc<Self> {
        let run = Arc::new(Self {
            cloud,
            terms,
            started: Instant::now(),
            records: Mutex::new(Records {
                oracle: Oracle::new(RULES),
                tally: Tally::default(),
                footprints: Footprints::default(),
            }),
            clients: Mutex::default(),
            reasons: Mutex::default(),
        });
        // The cloud keeps the callbacks, so these must not keep the run, which keeps the cloud.
        let heard = Arc::downgrade(&run);
        run.cloud.on_snapshot(move |octets| {
            if let Some(run) = heard.upgrade() {
                run.snapshot_was_published(octets);
            }
        });
        let heard = Arc::downgrade(&run);
        run.cloud.on_refresh(move |refresh| {
            if let Some(run) = heard.upgrade() {
                run.records().tally.count_refresh(refresh);
            }
        });
        run
    }

    /// All of it.
    pub(crate) async fn play(self: &Arc<Self>, port: u16) {
        for _ in 0..GOOD_CLIENTS {
            self.issue();
        }
        let bar = self.progress_bar();
        let mut dice = Random::new(self.terms.seed);
        let mut next = || Random::new(dice.word());
        let mut tasks = vec![
            tokio::spawn(revocations::revoke(Arc::clone(self), next())),
            tokio::spawn(faults::of_s3(Arc::clone(self), next())),
            tokio::spawn(faults::of_processes(Arc::clone(self), next())),
        ];
        for _ in 0..self.terms.clients {
            tasks.push(tokio::spawn(load::call(Arc::clone(self), port, next())));
        }
        let watching = [
            tokio::spawn(footprint::watch(Arc::clone(self))),
            tokio::spawn(show_progress(Arc::clone(self), bar.clone())),
        ];
        for task in tasks {
            // Whoever panics has nothing to say for the answers that were not asked for.
            if let Err(error) = task.await {
                self.records().tally.fail(format!("a task ended: {error}"));
            }
        }
        for task in watching {
            task.abort();
        }
        bar.finish_and_clear();
        footprint::look(self).await;
        eprintln!("the load is over; everybody is asked once more");
        self.settle().await;
        load::ask_everybody(self, port).await;
    }

    /// Waits until nothing can be excused any more.
    async fn settle(&self) {
        let last = self.cloud.republish();
        let is_published = || {
            let published = self.records().oracle.last_published();
            published.is_some_and(|(number, _)| number >= last)
        };
        let deadline = Instant::now() + PUBLISHED_WITHIN;
        while !is_published() {
            if Instant::now() > deadline {
                let text = format!("CRL {last} was not published within {PUBLISHED_WITHIN:?}");
                return self.records().tally.fail(text);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while !self.records().oracle.everything_is_due(self.now()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Since the run began.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether so many hundredths of the time have passed.
    pub(crate) fn has_passed(&self, percent: u32) -> bool {
        self.now() >= self.terms.length * percent / 100
    }

    pub(crate) fn is_over(&self) -> bool {
        self.has_passed(100)
    }

    /// Waits so long, or until the time is over.
    pub(crate) async fn wait(&self, duration: Duration) {
        let left = self.terms.length.saturating_sub(self.now());
        tokio::time::sleep(duration.min(left)).await;
    }

    pub(crate) fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn interrupt(&self, cause: Cause) -> Interrupted {
        let mut records = self.records();
        // Read under the lock: the oracle wants them in order.
        let now = self.now();
        records.oracle.interrupt(cause, now)
    }

    pub(crate) fn resume(&self, interrupted: Interrupted) {
        self.records().oracle.resume(interrupted, self.now());
    }

    /// Issues one more certificate.
    pub(crate) fn issue(&self) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let name = name(clients.len());
        let issued = self.cloud.issue(&name).map_err(std::io::Error::other);
        let leaf = self.cloud.leaf(&name);
        let client = issued.and_then(|()| Client::new(self.cloud.server_ca(), leaf.as_ref()));
        match client {
            Ok(client) => {
                clients.push(client);
                self.records().oracle.add(&name);
            }
            Err(error) => self
                .records()
                .tally
                .fail(format!("no certificate for {name}: {error}")),
        }
    }

    pub(crate) fn client(&self, index: usize) -> Client {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)[index].clone()
    }

    pub(crate) fn count_clients(&self) -> usize {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.len()
    }

    /// The gateway tells what the authorizer has answered before it answers itself.
    pub(crate) fn heard(&self, report: &Report) {
        if let Report::Answered {
            request_id, reason, ..
        } = report
        {
            self.reasons().insert(request_id.clone(), reason.clone());
        }
    }

    /// What the authorizer has said to that request.
    pub(crate) fn reason(&self, request_id: &str) -> Option<String> {
        self.reasons().remove(request_id)
    }

    fn reasons(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot_was_published(&self, octets: &[u8]) {
        let at = self.now();
        match crl_number(octets, self.cloud.issuing_ca().name_der()) {
            Ok(number) => self.records().oracle.publish(number, at),
            Err(problem) => {
                let text = format!("the published snapshot cannot be used: {problem}");
                self.records().tally.fail(text);
            }
        }
    }

    fn progress_bar(&self) -> ProgressBar {
        let bar = ProgressBar::new(self.terms.length.as_secs());
        let template = "{spinner} {wide_bar} {pos}/{len} s  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }
}

/// How the client of that index is called.
pub(crate) fn name(index: usize) -> String {
    format!("client-{index:05}")
}

async fn show_progress(run: Arc<Run>, bar: ProgressBar) {
    let mut shown = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let line = {
            let records = run.records();
            let revoked = records.oracle.revocations().count;
            format!("{}, {revoked} revoked", records.tally.in_short())
        };
        bar.set_position(run.now().as_secs().min(run.terms.length.as_secs()));
        bar.set_message(line.clone());
        // A log has no bar.
        if bar.is_hidden() && shown.elapsed() >= LINE_EVERY {
            shown = Instant::now();
            eprintln!("{:4.0} s  {line}", run.now().as_secs_f64());
        }
    }
}

/// The number of the CRL of the CA with this name.
fn crl_number(snapshot: &[u8], issuer: &[u8]) -> Result<u64, String> {
    let snapshot = Snapshot::decode(snapshot).map_err(|error| error.to_string())?;
    let crls = snapshot.issuers_named(issuer).flat_map(|it| it.crls());
    let number = crls.map(|crl| crl.number()).max();
    number
        .as_ref()
        .and_then(to_u64)
        .ok_or_else(|| "there is no CRL of the issuing CA in it".to_owned())
}

fn to_u64(number: &CrlNumber) -> Option<u64> {
    number.to_string().parse().ok()
}

pub(crate) const HARD_AGE: Duration = Duration::from_secs(3);

/// What the authorizer's own limits allow: a revalidation that a request waits for takes two seconds at
/// most, and so does the pause after the first one that fails. One more is for a busy machine.
const RULES: Rules = Rules {
    staleness: Duration::from_secs(HARD_AGE.as_secs() + 1 + 2),
    recovery: Duration::from_secs(2 + 1 + 2 + 2),
    longest_pause: Duration::from_secs(32),
    load: Duration::from_secs(8),
};

const GOOD_CLIENTS: usize = 20;
const PUBLISHED_WITHIN: Duration = Duration::from_secs(90);
const LINE_EVERY: Duration = Duration::from_secs(10);
