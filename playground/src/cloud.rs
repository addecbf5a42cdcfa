//! The AWS side: buckets, private CAs, the Lambdas, and the events between them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use testkit::events;
use testkit::lambda::{Binaries, Echo, Function, FunctionError, Invocation, Options};
use testkit::pki::{Ca, CrlBuilder, GeneralName, Leaf, LeafOptions};
use testkit::s3::S3Server;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{RwLock, mpsc, watch};

use crate::files::Files;
use crate::now;

/// Everything behind the gateway.
pub struct Cloud {
    s3: S3Server,
    files: Arc<Files>,
    root: Ca,
    issuing: Ca,
    unknown: Ca,
    server_ca: Ca,
    certificates: Mutex<BTreeMap<String, Certificate>>,
    last_crl_number: Mutex<u64>,
    fetcher: Lambda,
    authorizer: Arc<Lambda>,
    sample_api: Lambda,
    schedule: Duration,
    retries: [Duration; 2],
    triggers: Triggers,
    listeners: Mutex<Vec<Listener>>,
}

/// What can be set of it.
#[derive(Clone)]
pub struct Settings {
    /// Environment variables of the authorizer, besides those that name the snapshot.
    pub authorizer: Vec<(String, String)>,
    /// Whether a function is frozen while it is idle, as Lambda does it.
    pub freezes: bool,
    /// How often the fetcher is invoked although no event asks for it.
    pub schedule: Duration,
    /// How long after a failed refresh Lambda tries it again, and how long after that once more.
    pub retries: [Duration; 2],
    /// Hears each line that a function writes.
    pub echo: Option<Echo>,
}

impl Default for Settings {
    fn default() -> Self {
        // A person at a terminal wants the next call after a revocation denied.
        let ages = ["SNAPSHOT_SOFT_AGE_SECONDS", "SNAPSHOT_HARD_AGE_SECONDS"];
        Self {
            authorizer: ages.map(|name| (name.to_owned(), "1".to_owned())).to_vec(),
            freezes: false,
            schedule: Duration::from_secs(30),
            // What Lambda does with asynchronous invocations.
            retries: [Duration::from_secs(60), Duration::from_secs(120)],
            echo: None,
        }
    }
}

impl Cloud {
    /// Creates CAs and certificates, publishes truststore and CRLs, and starts the Lambdas.
    ///
    /// # Errors
    /// A function does not start, the first refresh fails, or certificates cannot be written.
    pub async fn start(
        binaries: &Binaries,
        files: Arc<Files>,
        settings: Settings,
    ) -> Result<Arc<Self>, StartError> {
        let Settings {
            authorizer,
            freezes,
            schedule,
            retries,
            echo,
        } = settings;
        let s3 = S3Server::start().await;
        for bucket in [TRUSTSTORE_BUCKET, CRL_BUCKET, SNAPSHOT_BUCKET] {
            s3.create_bucket(bucket);
        }
        let root = Ca::root("Playground Root CA");
        let lambda = |binary, name, variables: &[(&str, &str)], timeout| {
            let mut environment = s3.environment();
            let variables = variables
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            environment.extend(variables);
            let options = Options {
                timeout,
                freezes,
                echo: echo.clone(),
                ..Options::default()
            };
            Lambda::start(binary, name, environment, options)
        };
        let (triggers, received) = Triggers::new();
        let snapshot = [
            ("SNAPSHOT_BUCKET", SNAPSHOT_BUCKET),
            ("SNAPSHOT_KEY", SNAPSHOT_KEY),
        ];
        let own = authorizer
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let authorizer_variables: Vec<_> = snapshot.into_iter().chain(own).collect();
        let cloud = Arc::new(Self {
            files,
            issuing: root.subordinate("Playground Issuing CA"),
            root,
            unknown: Ca::root("Unknown CA"),
            server_ca: Ca::root("Playground Server CA"),
            certificates: Mutex::default(),
            last_crl_number: Mutex::default(),
            fetcher: lambda(
                binaries.crl_fetcher.clone(),
                "crl-fetcher",
                &[
                    ("TRUSTSTORE_BUCKET", TRUSTSTORE_BUCKET),
                    ("TRUSTSTORE_KEY", TRUSTSTORE_KEY),
                    ("CRL_BUCKET", CRL_BUCKET),
                    ("CRL_PREFIXES", CRL_PREFIX),
                    ("SNAPSHOT_BUCKET", SNAPSHOT_BUCKET),
                    ("SNAPSHOT_KEY", SNAPSHOT_KEY),
                ],
                FETCHER_TIMEOUT,
            )
            .await?,
            authorizer: lambda(
                binaries.authorizer.clone(),
                "authorizer",
                &authorizer_variables,
                AUTHORIZER_TIMEOUT,
            )
            .await
            .map(Arc::new)?,
            sample_api: lambda(binaries.sample_api.clone(), "sample-api", &[], API_TIMEOUT).await?,
            schedule,
            retries,
            triggers,
            listeners: Mutex::default(),
            s3,
        });
        cloud.populate().map_err(StartError::Files)?;
        cloud.connect_triggers(received);
        cloud.first_refresh().await?;
        Ok(cloud)
    }

    /// Revokes a certificate: a new CRL, with one more entry, lands in S3. Returns when the fetcher
    /// has answered the event that this causes.
    ///
    /// # Errors
    /// Nobody has that name, or has a certificate of ours that is valid.
    pub async fn revoke(&self, name: &str) -> Result<Refresh, ActError> {
        self.mark_revoked(name)?;
        Ok(self.publish().await)
    }

    /// Revokes a certificate and announces it, as AWS Private CA does: the CRL that lists it is yet to be
    /// published. Returns when the fetcher has answered the event.
    ///
    /// # Errors
    /// As of [`Self::revoke`].
    pub async fn announce(&self, name: &str) -> Result<Refresh, ActError> {
        self.mark_revoked(name)?;
        let serial = self.leaf(name).map(|leaf| leaf.serial());
        let serial = serial.unwrap_or_default();
        let digits: String = serial.iter().map(|octet| format!("{octet:02x}")).collect();
        let mut event = events::certificate_revocation(self.issuing.id(), &digits);
        event["time"] = now().format(&Rfc3339).unwrap_or_default().into();
        let before = self.triggers.queued();
        self.triggers.queue("announcement".to_owned(), event, 0);
        Ok(self.triggers.answered(before).await)
    }

    /// Publishes the CRL of all that was revoked. Returns when the fetcher has answered S3's event.
    pub async fn publish(&self) -> Refresh {
        let before = self.triggers.queued();
        self.publish_issuing_crl();
        self.triggers.answered(before).await
    }

    /// As [`Self::revoke`], without waiting for the fetcher. Returns the number of the new CRL.
    ///
    /// # Errors
    /// As of [`Self::revoke`].
    pub fn publish_revocation(&self, name: &str) -> Result<u64, ActError> {
        self.mark_revoked(name)?;
        Ok(self.publish_issuing_crl())
    }

    /// Publishes the issuing CA's CRL once more, under a new number, which is returned.
    pub fn republish(&self) -> u64 {
        self.publish_issuing_crl()
    }

    /// Puts octets where the issuing CA's CRL is. The fetcher hears of it, as of any other object.
    pub fn replace_crl(&self, octets: impl Into<Vec<u8>>) {
        self.s3.put(CRL_BUCKET, &self.issuing.crl_key(), octets);
    }

    /// The issuing CA's CRL as it is in S3.
    pub fn crl(&self) -> Option<Vec<u8>> {
        self.s3.get(CRL_BUCKET, &self.issuing.crl_key())
    }

    /// A CRL of the issuing CA with the next number and without entries, signed by a CA that is not in
    /// the truststore.
    pub fn forged_crl(&self) -> Vec<u8> {
        let crl = self.issuing.crl().current().number(self.next_crl_number());
        crl.signed_by(&self.unknown).der()
    }

    /// Issues a certificate. The truststore has its CA already, so this needs no refresh.
    ///
    /// # Errors
    /// The name is taken or unusable, or the certificate cannot be written.
    pub fn issue(&self, name: &str) -> Result<(), ActError> {
        let usable = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 32 || !name.chars().all(usable) {
            return Err(ActError::UnusableName(name.to_owned()));
        }
        // The CA's own files have names too.
        if ["truststore", "server-ca"].contains(&name) || self.certificates().contains_key(name) {
            return Err(ActError::NameTaken(name.to_owned()));
        }
        self.issue_by(&self.issuing, name, Standing::Valid)
            .map_err(ActError::Files)
    }

    /// Who has a certificate, and how each stands.
    pub fn standings(&self) -> Vec<(String, &'static str)> {
        let certificates = self.certificates();
        let text = |certificate: &Certificate| match certificate.standing {
            Standing::Valid => "valid",
            Standing::Revoked => "revoked",
            Standing::Foreign => "of an unknown CA",
        };
        certificates
            .iter()
            .map(|(name, c)| (name.clone(), text(c)))
            .collect()
    }

    /// Certificate and key of a client.
    pub fn leaf(&self, name: &str) -> Option<Leaf> {
        self.certificates()
            .get(name)
            .map(|certificate| certificate.leaf.clone())
    }

    /// The CAs whose clients the gateway lets in: those of the truststore.
    pub fn trusted_cas(&self) -> [&Ca; 2] {
        [&self.root, &self.issuing]
    }

    /// The CA that issues the clients' certificates.
    pub fn issuing_ca(&self) -> &Ca {
        &self.issuing
    }

    /// The CA of the gateway's own certificate.
    pub fn server_ca(&self) -> &Ca {
        &self.server_ca
    }

    /// A certificate for the gateway itself.
    pub fn server_leaf(&self) -> Leaf {
        // iPAddress (RFC 5280 §4.2.1.6) is [7] with the address octets.
        let loopback = GeneralName::Der(vec![0x87, 4, 127, 0, 0, 1]);
        self.server_ca.issue_with(
            "localhost",
            LeafOptions {
                extended_key_usage: vec![SERVER_AUTH.to_owned()],
                subject_alt_names: Some(vec![GeneralName::Dns("localhost".to_owned()), loopback]),
                ..LeafOptions::current()
            },
        )
    }

    /// The S3.
    pub fn s3(&self) -> &S3Server {
        &self.s3
    }

    /// The folder with certificates and keys.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The authorizer.
    pub fn authorizer(&self) -> &Arc<Lambda> {
        &self.authorizer
    }

    /// Another one beside it, with an execution environment of its own: Lambda has as many as it has
    /// requests at a time, and each has its own copy of the snapshot.
    ///
    /// # Errors
    /// It does not start.
    pub async fn another_authorizer(&self) -> Result<Arc<Lambda>, StartError> {
        let environment = self.authorizer.environment.clone();
        Lambda::of(environment).await.map(Arc::new)
    }

    /// The fetcher.
    pub fn fetcher(&self) -> &Lambda {
        &self.fetcher
    }

    /// The API behind the gateway.
    pub fn sample_api(&self) -> &Lambda {
        &self.sample_api
    }

    /// The ETag and size of the snapshot in S3.
    pub fn snapshot(&self) -> Option<(String, usize)> {
        let etag = self.s3.etag(SNAPSHOT_BUCKET, SNAPSHOT_KEY)?;
        Some((etag, self.s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY)?.len()))
    }

    /// Calls back with the octets of each snapshot from now on, in the moment in which it is stored.
    pub fn on_snapshot(self: &Arc<Self>, callback: impl Fn(&[u8]) + Send + Sync + 'static) {
        // The store of the S3 keeps the callback, so it must not keep the S3.
        let cloud = Arc::downgrade(self);
        self.s3.on_put(move |bucket, key, _etag| {
            let cloud = match (bucket, key) {
                (SNAPSHOT_BUCKET, SNAPSHOT_KEY) => cloud.upgrade(),
                _ => None,
            };
            if let Some(octets) = cloud.and_then(|cloud| cloud.s3.get(bucket, key)) {
                callback(&octets);
            }
        });
    }

    /// The fetcher's last answer.
    pub fn last_refresh(&self) -> Refresh {
        self.triggers.done.borrow().last.clone()
    }

    /// Calls back with the fetcher's last answer, and with each one from now on.
    pub fn on_refresh(&self, callback: impl Fn(&Refresh) + Send + 'static) {
        callback(&self.last_refresh());
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        listeners.push(Box::new(callback));
    }

    /// The clients of the story, the truststore, and the CRLs.
    fn populate(&self) -> io::Result<()> {
        let truststore = self.trusted_cas().map(Ca::certificate_pem).concat();
        self.files.write("truststore.pem", &truststore)?;
        self.files
            .write("server-ca.pem", &self.server_ca.certificate_pem())?;
        self.s3.put(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, truststore);
        self.issue_by(&self.issuing, "alice", Standing::Valid)?;
        self.issue_by(&self.issuing, "bob", Standing::Revoked)?;
        self.issue_by(&self.issuing, "carol", Standing::Valid)?;
        self.issue_by(&self.unknown, "mallory", Standing::Foreign)?;
        self.publish_crl(&self.root, self.root.crl());
        self.publish_issuing_crl();
        Ok(())
    }

    fn issue_by(&self, ca: &Ca, name: &str, standing: Standing) -> io::Result<()> {
        let leaf = ca.issue_with(name, LeafOptions::current());
        self.files
            .write(&format!("{name}.pem"), &leaf.certificate_pem())?;
        self.files
            .write_private(&format!("{name}.key"), &leaf.key_pem())?;
        self.certificates()
            .insert(name.to_owned(), Certificate { leaf, standing });
        Ok(())
    }

    fn mark_revoked(&self, name: &str) -> Result<(), ActError> {
        let mut certificates = self.certificates();
        let Some(certificate) = certificates.get_mut(name) else {
            let names = certificates.keys().cloned().collect();
            return Err(ActError::UnknownName {
                name: name.to_owned(),
                names,
            });
        };
        match certificate.standing {
            Standing::Valid => certificate.standing = Standing::Revoked,
            Standing::Revoked => return Err(ActError::AlreadyRevoked(name.to_owned())),
            Standing::Foreign => return Err(ActError::Foreign(name.to_owned())),
        }
        Ok(())
    }

    /// Writes the issuing CA's complete CRL, as AWS Private CA does after a revocation. Returns its
    /// number.
    fn publish_issuing_crl(&self) -> u64 {
        let date = now().unix_timestamp();
        let mut crl = self.issuing.crl();
        for certificate in self.certificates().values() {
            if matches!(certificate.standing, Standing::Revoked) {
                crl = crl.revoke_with(&certificate.leaf.serial(), date, Some(KEY_COMPROMISE));
            }
        }
        self.publish_crl(&self.issuing, crl)
    }

    fn publish_crl(&self, ca: &Ca, crl: CrlBuilder) -> u64 {
        let number = self.next_crl_number();
        let crl = crl.current().number(number);
        self.s3.put(CRL_BUCKET, &ca.crl_key(), crl.der());
        number
    }

    /// AWS Private CA's numbers are milliseconds since 1970; ours never repeat within one either.
    fn next_crl_number(&self) -> u64 {
        let mut last = self
            .last_crl_number
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let milliseconds = now().unix_timestamp_nanos() / 1_000_000;
        *last = u64::try_from(milliseconds)
            .unwrap_or_default()
            .max(*last + 1);
        *last
    }

    /// The first refresh happens before the gateway opens, so its failure is the playground's.
    async fn first_refresh(&self) -> Result<(), StartError> {
        let before = self.triggers.queued();
        self.triggers
            .queue("schedule".to_owned(), events::schedule(), 0);
        let refresh = self.triggers.answered(before).await;
        match &refresh.result {
            Ok(_) => Ok(()),
            Err(error) => Err(StartError::FirstRefresh(error.clone())),
        }
    }

    /// From now on the fetcher is invoked as the template has it: by S3's events and by a schedule.
    fn connect_triggers(self: &Arc<Self>, mut received: mpsc::UnboundedReceiver<Trigger>) {
        let triggers = self.triggers.clone();
        self.s3.on_put(move |bucket, key, _etag| {
            if bucket == CRL_BUCKET && key.starts_with(CRL_PREFIX) {
                triggers.queue(key.to_owned(), events::object_created(bucket, key), 0);
            }
        });
        let (triggers, schedule) = (self.triggers.clone(), self.schedule);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(schedule).await;
                triggers.queue("schedule".to_owned(), events::schedule(), 0);
            }
        });
        let cloud = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(trigger) = received.recv().await {
                let Some(cloud) = cloud.upgrade() else { return };
                let Trigger {
                    number,
                    cause,
                    event,
                    failures,
                } = trigger;
                let Invocation { result, elapsed } = cloud.fetcher.invoke(event.clone()).await;
                if result.is_err() {
                    cloud.retry(&cause, event, failures);
                }
                cloud.record(Refresh {
                    number,
                    cause,
                    result,
                    elapsed,
                });
            }
        });
    }

    /// Lambda invokes again what has failed, twice.
    fn retry(&self, cause: &str, event: Value, failures: usize) {
        let Some(delay) = self.retries.get(failures).copied() else {
            return;
        };
        let (triggers, cause) = (self.triggers.clone(), cause.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            triggers.queue(cause, event, failures + 1);
        });
    }

    fn record(&self, refresh: Refresh) {
        for listener in self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            listener(&refresh);
        }
        self.triggers.done.send_modify(|done| {
            if refresh.published() {
                done.last_published = Some(refresh.clone());
            }
            done.last = refresh;
        });
    }

    fn certificates(&self) -> MutexGuard<'_, BTreeMap<String, Certificate>> {
        self.certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who hears of the fetcher's answers.
type Listener = Box<dyn Fn(&Refresh) + Send>;

/// A function, with one execution environment at a time; after a crash the next call gets a new
/// one, as on Lambda.
pub struct Lambda {
    environment: Environment,
    current: tokio::sync::Mutex<Arc<Function>>,
    /// Whoever invokes it reads.
    gate: RwLock<()>,
}

/// What an execution environment is made of.
#[derive(Clone)]
struct Environment {
    binary: PathBuf,
    name: &'static str,
    variables: Vec<(String, String)>,
    options: Options,
}

impl Environment {
    async fn start(&self) -> Result<Function, StartError> {
        let function = self.start_unchecked().await;
        match function.init_error().await {
            None => Ok(function),
            Some(error) => Err(StartError::Init {
                name: self.name,
                error,
                logs: function.logs(),
            }),
        }
    }

    /// One that fails in its Init phase answers with that failure.
    async fn start_unchecked(&self) -> Function {
        let options = self.options.clone();
        Function::start_with(&self.binary, self.name, &self.variables, options).await
    }
}

impl Lambda {
    async fn start(
        binary: PathBuf,
        name: &'static str,
        variables: Vec<(String, String)>,
        options: Options,
    ) -> Result<Self, StartError> {
        Self::of(Environment {
            binary,
            name,
            variables,
            options,
        })
        .await
    }

    async fn of(environment: Environment) -> Result<Self, StartError> {
        let function = environment.start().await?;
        Ok(Self {
            environment,
            current: tokio::sync::Mutex::new(Arc::new(function)),
            gate: RwLock::default(),
        })
    }

    /// Invokes it and waits for the answer.
    pub async fn invoke(&self, event: Value) -> Invocation {
        let _open = self.gate.read().await;
        self.running().await.invoke(event).await
    }

    /// What the function has written.
    pub async fn logs(&self) -> Vec<String> {
        self.current().await.logs()
    }

    /// The execution environment, which may have ended.
    pub async fn current(&self) -> Arc<Function> {
        Arc::clone(&*self.current.lock().await)
    }

    /// Puts a new execution environment in the place of the one there is, which ends when it has
    /// answered. Returns when the next invocation will be the new one's.
    ///
    /// # Errors
    /// The new one does not start; then everything stays as it is.
    pub async fn replace(&self) -> Result<(), StartError> {
        let function = self.environment.start().await?;
        *self.current.lock().await = Arc::new(function);
        Ok(())
    }

    /// Freezes the execution environment for so long, between two invocations, as if nobody called.
    /// Who does call waits.
    pub async fn freeze_idle(&self, duration: Duration) {
        let _closed = self.gate.write().await;
        let current = self.current().await;
        current.freeze();
        tokio::time::sleep(duration).await;
        current.thaw();
    }

    /// Stops the execution environment for so long in whatever it does. One that was idle goes on with
    /// the next invocation.
    pub async fn freeze_anywhere(&self, duration: Duration) {
        let current = self.current().await;
        current.freeze();
        tokio::time::sleep(duration).await;
        current.thaw();
    }

    /// Ends the execution environment in whatever it does. The next invocation gets a new one.
    pub async fn kill(&self) {
        self.current().await.kill().await;
    }

    async fn running(&self) -> Arc<Function> {
        let mut current = self.current.lock().await;
        if !current.is_running() {
            *current = Arc::new(self.environment.start_unchecked().await);
        }
        Arc::clone(&current)
    }
}

struct Certificate {
    leaf: Leaf,
    standing: Standing,
}

#[derive(Clone, Copy)]
enum Standing {
    Valid,
    Revoked,
    Foreign,
}

/// One answer of the fetcher.
#[derive(Clone, Debug)]
pub struct Refresh {
    number: u64,
    cause: String,
    /// Its report, or why it failed.
    pub result: Result<Value, FunctionError>,
    /// How long the invocation took.
    pub elapsed: Duration,
}

impl Refresh {
    /// Whether it put a new snapshot into S3.
    pub fn published(&self) -> bool {
        self.result
            .as_ref()
            .is_ok_and(|answer| answer["snapshot"]["published"] == true)
    }
}

impl fmt::Display for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.elapsed.as_secs_f64() * 1e3;
        write!(f, "crl-fetcher ({}): ", self.cause)?;
        match &self.result {
            Ok(answer) if self.published() => {
                let id = answer["snapshot"]["id"].as_str().unwrap_or("?");
                write!(f, "published snapshot {id}, {milliseconds:.1} ms")
            }
            Ok(_) => write!(f, "nothing new, {milliseconds:.1} ms"),
            Err(error) => write!(f, "failed, {milliseconds:.1} ms: {error}"),
        }
    }
}

/// The queue in front of the fetcher: Lambda's own for asynchronous events.
#[derive(Clone)]
struct Triggers {
    queue: mpsc::UnboundedSender<Trigger>,
    queued: Arc<Mutex<u64>>,
    done: watch::Sender<Done>,
}

impl Triggers {
    fn new() -> (Self, mpsc::UnboundedReceiver<Trigger>) {
        let (queue, received) = mpsc::unbounded_channel();
        let last = Refresh {
            number: 0,
            cause: "not yet invoked".to_owned(),
            result: Ok(Value::Null),
            elapsed: Duration::ZERO,
        };
        let done = watch::Sender::new(Done {
            last,
            last_published: None,
        });
        (
            Self {
                queue,
                queued: Arc::default(),
                done,
            },
            received,
        )
    }

    fn queue(&self, cause: String, event: Value, failures: usize) {
        let mut queued = self.queued.lock().unwrap_or_else(PoisonError::into_inner);
        *queued += 1;
        let _ = self.queue.send(Trigger {
            number: *queued,
            cause,
            event,
            failures,
        });
    }

    /// The number of the last event queued.
    fn queued(&self) -> u64 {
        *self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything queued so far was answered. Of the answers to what came after number
    /// `before`, returns the one that published a snapshot, or else the last one.
    async fn answered(&self, before: u64) -> Refresh {
        let queued = self.queued();
        let mut done = self.done.subscribe();
        let done = match done.wait_for(|done| done.last.number >= queued).await {
            Ok(done) => done.clone(),
            Err(_) => self.done.borrow().clone(),
        };
        done.last_published
            .filter(|published| published.number > before)
            .unwrap_or(done.last)
    }
}

#[derive(Clone)]
struct Done {
    last: Refresh,
    last_published: Option<Refresh>,
}

struct Trigger {
    number: u64,
    cause: String,
    event: Value,
    /// How often it has failed before.
    failures: usize,
}

/// The playground could not start.
#[derive(Debug)]
pub enum StartError {
    /// A Lambda did not get through its Init phase.
    Init {
        /// Which.
        name: &'static str,
        /// Why not.
        error: String,
        /// What it has written.
        logs: Vec<String>,
    },
    /// The fetcher could not make the first snapshot.
    FirstRefresh(FunctionError),
    /// Certificates could not be written.
    Files(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Init { name, error, logs } => {
                write!(f, "{name} does not start: {error}\n{}", logs.join("\n"))
            }
            Self::FirstRefresh(error) => write!(f, "crl-fetcher made no snapshot: {error}"),
            Self::Files(error) => write!(f, "cannot write certificates: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A command that cannot be carried out.
#[derive(Debug)]
pub enum ActError {
    /// Nobody has that name.
    UnknownName {
        /// Whose certificate was meant.
        name: String,
        /// Who has one.
        names: Vec<String>,
    },
    /// It is revoked already.
    AlreadyRevoked(String),
    /// It is of an unknown CA.
    Foreign(String),
    /// Somebody has that name.
    NameTaken(String),
    /// It cannot be a name.
    UnusableName(String),
    /// The certificate cannot be written.
    Files(io::Error),
}

impl std::error::Error for ActError {}

impl fmt::Display for ActError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName { name, names } => {
                write!(
                    f,
                    "nobody is called {name}; there are: {}",
                    names.join(", ")
                )
            }
            Self::AlreadyRevoked(name) => write!(f, "{name} is revoked already"),
            Self::Foreign(name) => {
                write!(
                    f,
                    "{name}'s certificate is of a CA that is not ours to revoke for"
                )
            }
            Self::NameTaken(name) => write!(f, "{name} exists already; choose another name"),
            Self::UnusableName(name) => {
                write!(f, "{name:?} is no usable name: 1 to 32 of a-z, 0-9 and -")
            }
            Self::Files(error) => write!(f, "cannot write the certificate: {error}"),
        }
    }
}

const TRUSTSTORE_BUCKET: &str = "truststore-bucket";
const TRUSTSTORE_KEY: &str = "truststore.pem";
const CRL_BUCKET: &str = "crl-bucket";
const CRL_PREFIX: &str = "crl/";
const SNAPSHOT_BUCKET: &str = "snapshot-bucket";
const SNAPSHOT_KEY: &str = "revocation.snapshot";
const FETCHER_TIMEOUT: Duration = Duration::from_secs(60);
/// What an HTTP API gives its authorizer.
const AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(10);
const API_TIMEOUT: Duration = Duration::from_secs(30);
/// id-kp-serverAuth, RFC 5280 §4.2.1.12.
const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
/// CRLReason keyCompromise, RFC 5280 §5.3.1.
const KEY_COMPROMISE: u8 = 1;
