//! The AWS side: buckets, private CAs, the Lambdas, and the events between them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use testkit::events;
use testkit::lambda::{Binaries, Echo, Function, FunctionError, Invocation, Options};
use testkit::pki::{Ca, CrlBuilder, GeneralName, Leaf, LeafOptions};
use testkit::s3::S3Server;
use tokio::sync::{mpsc, watch};

use crate::files::Files;
use crate::now;

/// Everything behind the gateway.
pub(crate) struct Cloud {
    s3: S3Server,
    files: Arc<Files>,
    root: Ca,
    issuing: Ca,
    unknown: Ca,
    server_ca: Ca,
    certificates: Mutex<BTreeMap<String, Certificate>>,
    last_crl_number: Mutex<u64>,
    fetcher: Lambda,
    authorizer: Lambda,
    sample_api: Lambda,
    triggers: Triggers,
    listeners: Mutex<Vec<Listener>>,
}

impl Cloud {
    /// Creates CAs and certificates, publishes truststore and CRLs, and starts the Lambdas.
    pub(crate) async fn start(
        binaries: &Binaries,
        files: Arc<Files>,
        echo: Option<Echo>,
    ) -> Result<Arc<Self>, StartError> {
        let s3 = S3Server::start().await;
        for bucket in [TRUSTSTORE_BUCKET, CRL_BUCKET, SNAPSHOT_BUCKET] {
            s3.create_bucket(bucket);
        }
        let root = Ca::root("Playground Root CA");
        let lambda = |binary, name, settings: &[(&str, &str)], timeout| {
            let mut environment = s3.environment();
            let settings = settings
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            environment.extend(settings);
            let options = Options {
                timeout,
                echo: echo.clone(),
                ..Options::default()
            };
            Lambda::start(binary, name, environment, options)
        };
        let (triggers, received) = Triggers::new();
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
                &[
                    ("SNAPSHOT_BUCKET", SNAPSHOT_BUCKET),
                    ("SNAPSHOT_KEY", SNAPSHOT_KEY),
                    // A person at a terminal wants the next call after a revocation denied.
                    ("SNAPSHOT_SOFT_AGE_SECONDS", "1"),
                    ("SNAPSHOT_HARD_AGE_SECONDS", "1"),
                ],
                AUTHORIZER_TIMEOUT,
            )
            .await?,
            sample_api: lambda(binaries.sample_api.clone(), "sample-api", &[], API_TIMEOUT).await?,
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
    pub(crate) async fn revoke(&self, name: &str) -> Result<Refresh, ActError> {
        {
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
        }
        let before = self.triggers.queued();
        self.publish_issuing_crl();
        Ok(self.triggers.answered(before).await)
    }

    /// Issues a certificate. The truststore has its CA already, so this needs no refresh.
    pub(crate) fn issue(&self, name: &str) -> Result<(), ActError> {
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
    pub(crate) fn standings(&self) -> Vec<(String, &'static str)> {
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
    pub(crate) fn leaf(&self, name: &str) -> Option<Leaf> {
        self.certificates()
            .get(name)
            .map(|certificate| certificate.leaf.clone())
    }

    /// The CAs whose clients the gateway lets in: those of the truststore.
    pub(crate) fn trusted_cas(&self) -> [&Ca; 2] {
        [&self.root, &self.issuing]
    }

    /// The CA of the gateway's own certificate.
    pub(crate) fn server_ca(&self) -> &Ca {
        &self.server_ca
    }

    /// A certificate for the gateway itself.
    pub(crate) fn server_leaf(&self) -> Leaf {
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

    pub(crate) fn s3(&self) -> &S3Server {
        &self.s3
    }

    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    pub(crate) fn authorizer(&self) -> &Lambda {
        &self.authorizer
    }

    pub(crate) fn fetcher(&self) -> &Lambda {
        &self.fetcher
    }

    pub(crate) fn sample_api(&self) -> &Lambda {
        &self.sample_api
    }

    /// The ETag and size of the snapshot in S3.
    pub(crate) fn snapshot(&self) -> Option<(String, usize)> {
        let etag = self.s3.etag(SNAPSHOT_BUCKET, SNAPSHOT_KEY)?;
        Some((etag, self.s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY)?.len()))
    }

    /// The fetcher's last answer.
    pub(crate) fn last_refresh(&self) -> Refresh {
        self.triggers.done.borrow().last.clone()
    }

    /// Calls back with the fetcher's last answer, and with each one from now on.
    pub(crate) fn on_refresh(&self, callback: impl Fn(&Refresh) + Send + 'static) {
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

    /// Writes the issuing CA's complete CRL, as AWS Private CA does after a revocation.
    fn publish_issuing_crl(&self) {
        let date = now().unix_timestamp();
        let mut crl = self.issuing.crl();
        for certificate in self.certificates().values() {
            if matches!(certificate.standing, Standing::Revoked) {
                crl = crl.revoke_with(&certificate.leaf.serial(), date, Some(KEY_COMPROMISE));
            }
        }
        self.publish_crl(&self.issuing, crl);
    }

    fn publish_crl(&self, ca: &Ca, crl: CrlBuilder) {
        let crl = crl.current().number(self.next_crl_number());
        self.s3.put(CRL_BUCKET, &ca.crl_key(), crl.der());
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
            .queue("schedule".to_owned(), events::schedule());
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
                triggers.queue(key.to_owned(), events::object_created(bucket, key));
            }
        });
        let triggers = self.triggers.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SCHEDULE).await;
                triggers.queue("schedule".to_owned(), events::schedule());
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
                } = trigger;
                let Invocation { result, elapsed } = cloud.fetcher.invoke(event).await;
                cloud.record(Refresh {
                    number,
                    cause,
                    result,
                    elapsed,
                });
            }
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
pub(crate) struct Lambda {
    binary: std::path::PathBuf,
    name: &'static str,
    environment: Vec<(String, String)>,
    options: Options,
    current: tokio::sync::Mutex<Arc<Function>>,
}

impl Lambda {
    async fn start(
        binary: std::path::PathBuf,
        name: &'static str,
        environment: Vec<(String, String)>,
        options: Options,
    ) -> Result<Self, StartError> {
        let function = Function::start_with(&binary, name, &environment, options.clone()).await;
        if let Some(error) = function.init_error().await {
            return Err(StartError::Init {
                name,
                error,
                logs: function.logs(),
            });
        }
        let current = tokio::sync::Mutex::new(Arc::new(function));
        Ok(Self {
            binary,
            name,
            environment,
            options,
            current,
        })
    }

    pub(crate) async fn invoke(&self, event: Value) -> Invocation {
        self.running().await.invoke(event).await
    }

    /// What the function has written.
    pub(crate) async fn logs(&self) -> Vec<String> {
        self.current.lock().await.logs()
    }

    async fn running(&self) -> Arc<Function> {
        let mut current = self.current.lock().await;
        if !current.is_running() {
            let options = self.options.clone();
            let function =
                Function::start_with(&self.binary, self.name, &self.environment, options).await;
            *current = Arc::new(function);
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
pub(crate) struct Refresh {
    number: u64,
    cause: String,
    pub(crate) result: Result<Value, FunctionError>,
    pub(crate) elapsed: Duration,
}

impl Refresh {
    /// Whether it put a new snapshot into S3.
    pub(crate) fn published(&self) -> bool {
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

    fn queue(&self, cause: String, event: Value) {
        let mut queued = self.queued.lock().unwrap_or_else(PoisonError::into_inner);
        *queued += 1;
        let _ = self.queue.send(Trigger {
            number: *queued,
            cause,
            event,
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
}

/// The playground could not start.
#[derive(Debug)]
pub(crate) enum StartError {
    /// A Lambda did not get through its Init phase.
    Init {
        name: &'static str,
        error: String,
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
pub(crate) enum ActError {
    UnknownName { name: String, names: Vec<String> },
    AlreadyRevoked(String),
    Foreign(String),
    NameTaken(String),
    UnusableName(String),
    Files(io::Error),
}

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
const SCHEDULE: Duration = Duration::from_secs(30);
const FETCHER_TIMEOUT: Duration = Duration::from_secs(60);
/// What an HTTP API gives its authorizer.
const AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(10);
const API_TIMEOUT: Duration = Duration::from_secs(30);
/// id-kp-serverAuth, RFC 5280 §4.2.1.12.
const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
/// CRLReason keyCompromise, RFC 5280 §5.3.1.
const KEY_COMPROMISE: u8 = 1;
