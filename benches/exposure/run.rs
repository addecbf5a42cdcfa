//! One run: who knows what, and what happens in which order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use benches::Random;
use indicatif::{ProgressBar, ProgressStyle};
use playground::client::Client;
use playground::cloud::{Cloud, Refresh};
use playground::gateway::Report;
use revocation::{SerialNumber, Snapshot};

use crate::exposures::Exposures;
use crate::load::Caller;
use crate::revocations;

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) soft_age: Duration,
    pub(crate) revocations: usize,
    pub(crate) environments: usize,
    /// Requests a second, of all environments together.
    pub(crate) rate: u32,
    /// Between two revocations, on the average.
    pub(crate) every: Duration,
    pub(crate) seed: u64,
}

/// What all that goes on in a run share.
pub(crate) struct Run {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) terms: Terms,
    started: Instant,
    /// Those who are revoked, in their order, and then those who never are.
    clients: Vec<Client>,
    exposures: Mutex<Exposures>,
    fetched: Mutex<Fetched>,
    failures: Mutex<Vec<String>>,
    /// What the authorizer has said last, by environment.
    reasons: Vec<Mutex<String>>,
    is_over: AtomicBool,
    load: Mutex<Load>,
}

/// What there was before everybody was asked once more.
#[derive(Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) duration: Duration,
    pub(crate) requests: u64,
}

/// What the fetcher has done.
#[derive(Default)]
pub(crate) struct Fetched {
    /// How long refreshes took that published a snapshot.
    pub(crate) published: Vec<Duration>,
    pub(crate) nothing_new: u64,
    pub(crate) failed: u64,
    /// Certificates in the last snapshot that no CRL lists.
    pub(crate) announced: usize,
    /// The most of them there were at a time.
    pub(crate) most_announced: usize,
}

impl Terms {
    /// Of one environment.
    pub(crate) fn pace(self) -> Duration {
        let environments = u32::try_from(self.environments).unwrap_or(u32::MAX);
        Duration::from_secs(1) * environments / self.rate
    }

    /// Late enough for most to be denied as announced before.
    pub(crate) fn crl_every(self) -> Duration {
        Duration::from_secs(10) + self.soft_age * 2
    }

    /// By the time that 99 % of the revoked have to be denied everywhere.
    pub(crate) fn target(self) -> Duration {
        match self.soft_age <= Duration::from_millis(500) {
            true => Duration::from_secs(1),
            false => self.soft_age + Duration::from_secs(1),
        }
    }

    /// By the time that all have to be, or the run has failed.
    fn denied_within(self) -> Duration {
        self.soft_age + Duration::from_secs(30)
    }

    /// For everything.
    pub(crate) fn at_most(self) -> Duration {
        let revocations = u32::try_from(self.revocations).unwrap_or(u32::MAX);
        self.every * revocations * 2 + self.denied_within() * 4 + Duration::from_secs(300)
    }
}

impl Run {
    pub(crate) fn new(
        cloud: Arc<Cloud>,
        terms: Terms,
    ) -> Result<Arc<Self>, Box<dyn std::error::Error>> {
        let mut exposures = Exposures::new(terms.environments);
        let mut clients = Vec::new();
        for index in 0..terms.revocations + GOOD_CLIENTS {
            let name = name(index);
            cloud.issue(&name)?;
            let leaf = cloud.leaf(&name).ok_or("it was just issued")?;
            clients.push(Client::new(cloud.server_ca(), Some(&leaf))?);
            exposures.add(name, SerialNumber::from_der_integer(&leaf.serial())?);
        }
        let run = Arc::new(Self {
            cloud,
            terms,
            started: Instant::now(),
            clients,
            exposures: Mutex::new(exposures),
            fetched: Mutex::default(),
            failures: Mutex::default(),
            reasons: (0..terms.environments).map(|_| Mutex::default()).collect(),
            is_over: AtomicBool::default(),
            load: Mutex::default(),
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
                run.fetched().count(refresh);
            }
        });
        Ok(run)
    }

    /// All of it.
    pub(crate) async fn play(self: &Arc<Self>, ports: &[u16]) {
        let bar = self.progress_bar();
        let mut dice = Random::new(self.terms.seed);
        let mut next = || Random::new(dice.word());
        let revoking = tokio::spawn(revocations::revoke(Arc::clone(self), next()));
        let publishing = tokio::spawn(revocations::publish_crls(Arc::clone(self)));
        let showing = tokio::spawn(show_progress(Arc::clone(self), bar.clone()));
        let callers = ports.iter().enumerate().map(|(environment, port)| {
            let caller = Caller::new(Arc::clone(self), environment, *port, next());
            tokio::spawn(caller.call())
        });
        let callers: Vec<_> = callers.collect();

        self.joined(revoking).await;
        self.until_denied_everywhere().await;
        self.settle().await;
        *locked(&self.load) = Load {
            duration: self.now(),
            requests: self.exposures().counts.requests,
        };
        self.is_over.store(true, Ordering::Relaxed);
        self.joined(publishing).await;
        let mut idle = Vec::new();
        for caller in callers {
            idle.extend(self.joined(caller).await);
        }
        self.exposures().settle();
        let asking = idle.into_iter().map(Caller::ask_everybody);
        let asking: Vec<_> = asking.map(tokio::spawn).collect();
        for asked in asking {
            self.joined(asked).await;
        }
        showing.abort();
        bar.finish_and_clear();
    }

    async fn until_denied_everywhere(&self) {
        let deadline = Instant::now() + self.terms.denied_within();
        while !self.exposures().is_decided() && Instant::now() < deadline {
            self.pause().await;
        }
    }

    /// Publishes the last CRL, and waits until every environment has it.
    async fn settle(&self) {
        if let Err(error) = self.cloud.publish().await.result {
            self.fail(format!("the last refresh: {error}"));
        }
        tokio::time::sleep(self.terms.soft_age + Duration::from_secs(2)).await;
        let announced = self.fetched().announced;
        if announced > 0 {
            let text = format!("{announced} announcements are left, and the CRL lists everybody");
            self.fail(text);
        }
    }

    /// Whoever panics has nothing to say for the answers that were not asked for.
    async fn joined<T>(&self, task: tokio::task::JoinHandle<T>) -> Option<T> {
        let result = task.await;
        result
            .map_err(|error| self.fail(format!("a task ended: {error}")))
            .ok()
    }

    /// Since the run began.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether the load is.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// A moment for those who wait for something.
    pub(crate) async fn pause(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    /// How much there was.
    pub(crate) fn load(&self) -> Load {
        *locked(&self.load)
    }

    pub(crate) fn exposures(&self) -> MutexGuard<'_, Exposures> {
        locked(&self.exposures)
    }

    pub(crate) fn fetched(&self) -> MutexGuard<'_, Fetched> {
        locked(&self.fetched)
    }

    /// What is wrong besides answers.
    pub(crate) fn failures(&self) -> MutexGuard<'_, Vec<String>> {
        locked(&self.failures)
    }

    pub(crate) fn fail(&self, what: String) {
        self.failures().push(what);
    }

    pub(crate) fn client(&self, index: usize) -> &Client {
        &self.clients[index]
    }

    /// Somebody who is to be revoked soon, when so many are.
    pub(crate) fn one_of_the_next(&self, revoked: usize, dice: &mut Random) -> usize {
        (revoked + dice.below(NEXT)).min(self.clients.len() - 1)
    }

    pub(crate) fn one_of_the_good(&self, dice: &mut Random) -> usize {
        self.terms.revocations + dice.below(GOOD_CLIENTS)
    }

    /// The gateway tells what the authorizer has answered before it answers itself.
    pub(crate) fn hear(&self, environment: usize, report: &Report) {
        if let Report::Answered { reason, .. } = report {
            locked(&self.reasons[environment]).clone_from(reason);
        }
    }

    /// What the authorizer has said to the last request of its only caller.
    pub(crate) fn reason(&self, environment: usize) -> String {
        locked(&self.reasons[environment]).clone()
    }

    fn snapshot_was_published(&self, octets: &[u8]) {
        let at = self.now();
        let snapshot = match Snapshot::decode(octets) {
            Ok(snapshot) => snapshot,
            Err(error) => return self.fail(format!("the published snapshot: {error}")),
        };
        let issuers = || snapshot.issuers_named(self.cloud.issuing_ca().name_der());
        let lists = |serial: &SerialNumber| {
            issuers().any(|issuer| {
                let is_announced = issuer.notices.about(serial).next().is_some();
                is_announced || issuer.crls().any(|crl| crl.revoked.contains(serial))
            })
        };
        self.exposures().publish(lists, at);
        let announced = issuers().map(|issuer| issuer.notices.len()).sum();
        let mut fetched = self.fetched();
        fetched.announced = announced;
        fetched.most_announced = fetched.most_announced.max(announced);
    }

    fn progress_bar(&self) -> ProgressBar {
        let bar = ProgressBar::new(u64::try_from(self.terms.revocations).unwrap_or(u64::MAX));
        let template = "{spinner} {wide_bar} {pos}/{len} denied everywhere  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }
}

impl Fetched {
    fn count(&mut self, refresh: &Refresh) {
        match &refresh.result {
            Ok(_) if refresh.published() => self.published.push(refresh.elapsed),
            Ok(_) => self.nothing_new += 1,
            Err(_) => self.failed += 1,
        }
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
        let (line, denied) = {
            let exposures = run.exposures();
            let counts = &exposures.counts;
            let (ended, others) = exposures.results();
            let (requests, wrong, waiting) = (counts.requests, counts.wrong, others.len());
            let line = format!("{requests} requests, {waiting} to be denied, {wrong} WRONG");
            (line, ended.len())
        };
        bar.set_position(u64::try_from(denied).unwrap_or(u64::MAX));
        bar.set_message(line.clone());
        // A log has no bar.
        if bar.is_hidden() && shown.elapsed() >= LINE_EVERY {
            shown = Instant::now();
            let seconds = run.now().as_secs_f64();
            eprintln!("{seconds:4.0} s  {denied} denied everywhere, {line}");
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// They are never revoked.
const GOOD_CLIENTS: usize = 8;
/// So many of those who are revoked next are let in by all environments before.
const NEXT: usize = 3;
const LINE_EVERY: Duration = Duration::from_secs(10);
