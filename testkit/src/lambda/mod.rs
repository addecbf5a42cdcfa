//! Lambda on a laptop: the real binaries, each in an execution environment of its own.
//!
//! A [`Function`] is one process under a Runtime API of ours (`runtime_api.rs`). The ready-made
//! simulator we tried kept every payload for ever, now and then missed that an answer was there,
//! and cost more per call than the function under test. Ours hands the payload's bytes through
//! unchanged, waits without polling, and stays well under a millisecond for a function that does
//! nothing.

mod binaries;
mod process;
mod runtime_api;

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;

pub use binaries::{Binaries, BuildError, binaries, build, build_packages};
use runtime_api::RuntimeApi;

/// One execution environment: a process that talks to its own Runtime API. It ends with this value.
pub struct Function {
    api: RuntimeApi,
    turns: Semaphore,
    logs: Arc<Logs>,
    process: JoinHandle<()>,
    kill: mpsc::Sender<()>,
    pid: u32,
    timeout: Duration,
    init_duration: Duration,
    init_cpu_time: Option<Duration>,
}

impl Function {
    /// Starts `binary` with this environment and no other (besides what Lambda itself sets), and
    /// waits for the end of its Init phase: the first `/next`, or an init error.
    pub async fn start(binary: &Path, name: &str, environment: &[(String, String)]) -> Self {
        Self::start_with(binary, name, environment, Options::default()).await
    }

    /// As [`Self::start`], with options.
    pub async fn start_with(
        binary: &Path,
        name: &str,
        environment: &[(String, String)],
        options: Options,
    ) -> Self {
        let freezes = options.freezes && options.concurrency == 1;
        let api = RuntimeApi::start(name, freezes).await;
        let logs = Arc::new(Logs {
            echo: options.echo.clone(),
            ..Logs::default()
        });
        let started = Instant::now();
        let mut child = Command::new(binary)
            .args(&options.arguments)
            .env_clear()
            .envs(inherited_variables())
            .envs(lambda_variables(name, &options, api.address().to_string()))
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
        let pid = child
            .id()
            .expect("a process that was not waited for has an id");
        api.process_started(pid);
        let readers = [
            tokio::spawn(Arc::clone(&logs).read(child.stdout.take().expect("stdout is piped"))),
            tokio::spawn(Arc::clone(&logs).read(child.stderr.take().expect("stderr is piped"))),
        ];
        let (kill, killed) = mpsc::channel(1);
        let process = tokio::spawn(supervise(child, readers, killed, api.clone()));

        let ended = tokio::time::timeout(INIT_TIMEOUT, api.init_ended()).await;
        let init_duration = started.elapsed();
        let init_cpu_time = cpu_time(pid);
        if ended.is_err() {
            api.fail_init("Sandbox.Timedout", "the Init phase did not end");
        }
        Self {
            api,
            turns: Semaphore::new(options.concurrency),
            logs,
            process,
            kill,
            pid,
            timeout: options.timeout,
            init_duration,
            init_cpu_time,
        }
    }

    /// Invokes the function and waits for its answer. Invocations queue: an environment has one at
    /// a time, or as many as its [`Options::concurrency`], and gets the next when the runtime and its
    /// extensions have asked for it.
    pub async fn invoke(&self, payload: Value) -> Invocation {
        self.invoke_bytes(payload.to_string()).await
    }

    /// As [`Self::invoke`], with a payload that need not be JSON.
    pub async fn invoke_bytes(&self, payload: impl Into<Vec<u8>>) -> Invocation {
        let _turn = self.turns.acquire().await.expect("it is never closed");
        let answer = self.api.invoke(payload.into(), self.timeout).await;
        if answer.timed_out {
            // Lambda ends the environment too.
            let _ = self.kill.send(()).await;
            self.api.exited().await;
        }
        Invocation {
            result: answer.result.and_then(|body| {
                serde_json::from_slice(&body).map_err(|error| FunctionError {
                    error_type: "Runtime.InvalidResponse".to_owned(),
                    message: format!("the response is not JSON: {error}"),
                })
            }),
            elapsed: answer.elapsed,
        }
    }

    /// The lines written to stdout and stderr so far, the last 65,536 of them. A line can arrive here a moment after the
    /// answer of the invocation that wrote it: wait for it with [`Self::logged`].
    pub fn logs(&self) -> Vec<String> {
        self.logs.lines.lock().unwrap().iter().cloned().collect()
    }

    /// The first line that contains `text`, as soon as there is one.
    pub async fn logged(&self, text: &str, within: Duration) -> Option<String> {
        tokio::time::timeout(within, self.logs.first_with(text))
            .await
            .ok()
    }

    /// What ended the Init phase, if it was not the first `/next`.
    pub async fn init_error(&self) -> Option<String> {
        self.api.init_error().map(|error| error.to_string())
    }

    /// How long the Init phase took, from the start of the process on.
    pub fn init_duration(&self) -> Duration {
        self.init_duration
    }

    /// How long the process had been on a CPU at the end of the Init phase. Of a process that does
    /// not wait then, the kernel may be a clock tick behind.
    pub fn init_cpu_time(&self) -> Option<Duration> {
        self.init_cpu_time
    }

    /// How long the process has been on a CPU so far, with all of its threads that are still there,
    /// to the nanosecond where it waits. `None` where the kernel keeps no such account, or after the
    /// process has ended.
    pub fn cpu_time(&self) -> Option<Duration> {
        cpu_time(self.pid)
    }

    /// Whether the process has not ended.
    pub fn is_running(&self) -> bool {
        self.api.is_running()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the runtime and every extension wait for an event, or the process has ended. With
    /// an answer that is not so yet: what the function does behind it is still to come.
    pub async fn idle(&self) {
        self.api.idle().await;
    }

    /// Freezes the process (SIGSTOP), wherever it is. An invocation finds it frozen if it was idle,
    /// thaws it and is answered; if it was not, the invocation waits for [`Self::thaw`].
    pub fn freeze(&self) {
        self.api.freeze();
    }

    /// Lets a frozen process go on (SIGCONT).
    pub fn thaw(&self) {
        self.api.thaw();
    }

    /// Ends the environment as Lambda does one that it no longer needs. A process with an internal
    /// extension gets a SIGTERM, and half a second later a SIGKILL; one without gets the latter at
    /// once. Returns whether it ended before that.
    pub async fn shut_down(&self) -> bool {
        let ended = self.api.terminate()
            && tokio::time::timeout(SHUTDOWN_TIME, self.api.reaped())
                .await
                .is_ok();
        if !ended {
            let _ = self.kill.send(()).await;
        }
        self.api.exited().await;
        ended
    }

    /// Ends the process in whatever it does (SIGKILL), and waits until it is gone.
    pub async fn kill(&self) {
        let _ = self.kill.send(()).await;
        self.api.exited().await;
    }

    /// Ends the process and waits until it is gone.
    pub async fn stop(self) {
        let _ = self.kill.send(()).await;
        self.api.exited().await;
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // The task owns the process, which is killed when its handle is dropped.
        self.process.abort();
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// How an environment differs from the usual.
#[derive(Clone)]
pub struct Options {
    /// The function's timeout; API Gateway gives an authorizer 10 s.
    pub timeout: Duration,
    /// The memory size the function is told.
    pub memory_mb: u32,
    /// Whether it is frozen while it is idle, as Lambda does it: from the moment when the runtime has
    /// asked for the next event, and every extension too, until there is one.
    pub freezes: bool,
    /// How many invocations it has at a time. More than one makes it an environment of Lambda Managed
    /// Instances, which is never frozen.
    pub concurrency: usize,
    /// Command line arguments. A Lambda function has none.
    pub arguments: Vec<String>,
    /// Called with each line of stdout and stderr.
    pub echo: Option<Echo>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            memory_mb: 256,
            freezes: false,
            concurrency: 1,
            arguments: Vec::new(),
            echo: None,
        }
    }
}

/// Who hears each line a function writes.
pub type Echo = Arc<dyn Fn(&str) + Send + Sync>;

/// An invocation's outcome.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The function's answer.
    pub result: Result<Value, FunctionError>,
    /// From the event being handed to a waiting runtime to its answer being here.
    pub elapsed: Duration,
}

/// A function error, as Lambda reports it to the caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FunctionError {
    /// `errorType`.
    pub error_type: String,
    /// `errorMessage`.
    pub message: String,
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)
    }
}

impl std::error::Error for FunctionError {}

/// Waits for the end of the process, or ends it when told to.
async fn supervise(
    mut child: Child,
    readers: [JoinHandle<()>; 2],
    mut killed: mpsc::Receiver<()>,
    api: RuntimeApi,
) {
    let status = tokio::select! {
        status = child.wait() => status,
        _ = killed.recv() => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    api.process_reaped();
    // The pipes are at their end now: whoever learns of the exit finds the logs complete.
    for reader in readers {
        let _ = reader.await;
    }
    api.process_ended(&status.map_or_else(|error| error.to_string(), |status| status.to_string()));
}

/// The first number of each thread's `schedstat`: nanoseconds on a CPU.
fn cpu_time(pid: u32) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    threads
        .map(|thread| {
            let schedstat = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            let nanoseconds = schedstat.split_ascii_whitespace().next()?.parse().ok()?;
            Some(Duration::from_nanos(nanoseconds))
        })
        .sum()
}

#[derive(Default)]
struct Logs {
    lines: Mutex<VecDeque<String>>,
    added: Notify,
    echo: Option<Echo>,
}

impl Logs {
    async fn read(self: Arc<Self>, pipe: impl AsyncRead + Unpin) {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while let Ok(1..) = pipe.read_until(b'\n', &mut line).await {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if let Some(echo) = &self.echo {
                echo(text);
            }
            self.add(text);
            self.added.notify_waiters();
            line.clear();
        }
    }

    fn add(&self, line: &str) {
        let mut lines = self.lines.lock().unwrap();
        if lines.len() == LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    async fn first_with(&self, text: &str) -> String {
        loop {
            // Made before the look, so that it also hears of what is added during it.
            let added = self.added.notified();
            if let Some(line) = self.find(text) {
                return line;
            }
            added.await;
        }
    }

    fn find(&self, text: &str) -> Option<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().find(|line| line.contains(text)).cloned()
    }
}

/// What Lambda sets in every environment.
fn lambda_variables(name: &str, options: &Options, runtime_api: String) -> Vec<(String, String)> {
    let is_managed_instance = options.concurrency > 1;
    let concurrency = options.concurrency.to_string();
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.as_str()),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            &options.memory_mb.to_string(),
        ),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{name}")),
        (
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "2026/11/01/[$LATEST]0123456789abcdef",
        ),
        (
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            match is_managed_instance {
                true => "lambda-managed-instances",
                false => "on-demand",
            },
        ),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_rust"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("_HANDLER", "bootstrap"),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
    ]
    .into_iter()
    .chain(is_managed_instance.then_some(("AWS_LAMBDA_MAX_CONCURRENCY", concurrency.as_str())))
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// What a process needs from this machine: where programs and coverage profiles are.
fn inherited_variables() -> Vec<(String, String)> {
    ["PATH", "LLVM_PROFILE_FILE", "RUST_BACKTRACE"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
        .collect()
}

/// A function that runs for hours must not grow this process by its log.
const LINES_KEPT: usize = 1 << 16;
/// What Lambda gives internal extensions from SIGTERM to SIGKILL.
const SHUTDOWN_TIME: Duration = Duration::from_millis(500);
/// Lambda gives 10 s. A debug build on a busy machine may need more; only a hang needs this much.
const INIT_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
