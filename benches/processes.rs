//! The real binaries as processes, beside a function that does nothing: how long they take to start,
//! what an invocation costs, how large they are.
//!
//! Each figure stands beside its yardstick of the same rounds, taken in turn, so that a change of the
//! machine's speed meets both. S3 is the testkit's, over HTTPS on loopback with a private CA.

mod quota;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rustix::process::{Pid, Signal, kill_process};
use testkit::events;
use testkit::lambda::{BuildError, Function, Options, build_packages};
use testkit::pki::{Ca, Leaf, LeafOptions};
use testkit::s3::S3Server;

pub use self::quota::{NoQuota, Quota};
use crate::{median, serials, snapshot};

/// The executables.
#[derive(Clone, Debug)]
pub struct Programs {
    /// A function that does nothing: the yardstick.
    pub no_op: PathBuf,
    /// Ours.
    pub authorizer: PathBuf,
    /// The straightforward authorizer with the SDK's defaults and a map made of JSON.
    pub sdk_defaults: Option<PathBuf>,
}

impl Programs {
    /// Builds them in the caller's own profile, the rival only if it is asked for: it brings the SDK
    /// with other features, and with them minutes of compiling. `progress` hears cargo's lines.
    ///
    /// # Errors
    /// They do not build.
    pub fn build(with_rival: bool, progress: impl FnMut(&str)) -> Result<Self, BuildError> {
        let packages = ["no-op", "authorizer", "sdk-defaults"];
        let packages = &packages[..if with_rival { 3 } else { 2 }];
        let mut built = build_packages(packages, progress)?;
        Ok(Self {
            no_op: built.remove("no-op").unwrap_or_default(),
            authorizer: built.remove("authorizer").unwrap_or_default(),
            sdk_defaults: built.remove("sdk-defaults"),
        })
    }
}

/// What is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The function that does nothing.
    NoOp,
    /// The authorizer, with a snapshot of so many revoked serial numbers.
    Authorizer(usize),
    /// The straightforward authorizer, with so many.
    SdkDefaults(usize),
}

/// What starting one of them took: medians.
#[derive(Clone, Copy, Debug)]
pub struct ColdStart {
    /// What was started.
    pub start: Start,
    /// From exec to the end of the Init phase.
    pub wall: Duration,
    /// Of that, on a CPU. A start that goes on loading after its Init phase may seem a clock tick
    /// cheaper than it is.
    pub cpu: Duration,
    /// `wall` over the no-op's.
    pub wall_x_no_op: f64,
    /// `cpu` over the no-op's.
    pub cpu_x_no_op: f64,
}

/// What one warm invocation costs: CPU time of the whole process, medians.
#[derive(Clone, Copy, Debug)]
pub struct InvocationCpu {
    /// The no-op's.
    pub no_op: Duration,
    /// The authorizer's, with the largest snapshot.
    pub authorizer: Duration,
    /// The straightforward authorizer's, where it was built.
    pub sdk_defaults: Option<Duration>,
    /// The authorizer's over the no-op's.
    pub authorizer_x_no_op: f64,
}

/// How large a program is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The executable, stripped as it ships.
    pub octets: u64,
    /// In a zip file as Lambda takes it.
    pub zipped: u64,
}

impl Size {
    /// Of that executable.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(program: &Path) -> std::io::Result<Self> {
        let octets = std::fs::read(program)?;
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
        deflated.write_all(&octets)?;
        let length = |octets: &[u8]| u64::try_from(octets.len()).unwrap_or(u64::MAX);
        Ok(Self {
            octets: length(&octets),
            zipped: length(&deflated.finish()?) + ZIP_OVERHEAD,
        })
    }
}

/// Everything to measure with: the programs, and an S3 that has a snapshot of each size.
pub struct Processes {
    programs: Programs,
    s3: S3Server,
    client: Leaf,
    sizes: Vec<usize>,
}

impl Processes {
    /// With snapshots of so many random serial numbers each; at least one.
    pub async fn prepare(programs: Programs, sizes: &[usize]) -> Self {
        let s3 = S3Server::start_https().await;
        s3.create_bucket(BUCKET);
        let ca = Ca::root("Bench CA");
        for &count in sizes {
            let members = serials(count, 1);
            s3.put(
                BUCKET,
                &Start::Authorizer(count).key(),
                snapshot(&ca, &members),
            );
            if programs.sdk_defaults.is_some() {
                s3.put(BUCKET, &Start::SdkDefaults(count).key(), json(&members));
            }
        }
        Self {
            programs,
            s3,
            client: ca.issue_with("alice", LeafOptions::current()),
            sizes: sizes.to_vec(),
        }
    }

    /// Starts each program with each size, so many rounds in turn; `progress` is called after each
    /// round. The no-op's row comes first.
    pub async fn cold_starts(&self, rounds: usize, progress: impl FnMut()) -> Vec<ColdStart> {
        self.cold_starts_in(None, rounds, progress).await
    }

    /// The same with so much of a CPU only.
    pub async fn cold_starts_under(
        &self,
        quota: &Quota,
        rounds: usize,
        progress: impl FnMut(),
    ) -> Vec<ColdStart> {
        self.cold_starts_in(Some(quota), rounds, progress).await
    }

    /// What one invocation costs, over `rounds` rounds in turn of `count` invocations each, with the
    /// same event octets for all; `progress` is called after each round.
    pub async fn invocation_cpu(
        &self,
        rounds: usize,
        count: u32,
        mut progress: impl FnMut(),
    ) -> InvocationCpu {
        let event = events::http_api_v2(&self.client.certificate_pem()).to_string();
        let largest = self.sizes.iter().copied().max().unwrap_or_default();
        let mut starts = vec![Start::NoOp, Start::Authorizer(largest)];
        starts.extend(self.rival().map(|_| Start::SdkDefaults(largest)));
        let mut functions = Vec::new();
        for start in starts {
            let function = self.function(start, None).await;
            // What the first ones still set up, and what may still be on its way, is not meant.
            for _ in 0..WARM_UP {
                answered(&function, &event, start).await;
            }
            functions.push((start, function, Vec::new()));
        }
        for _ in 0..rounds {
            for (start, function, costs) in &mut functions {
                let before = cpu_time(function).await;
                for _ in 0..count {
                    answered(function, &event, *start).await;
                }
                costs.push((cpu_time(function).await - before) / count);
            }
            progress();
        }
        let mut medians = Vec::new();
        for (_, function, mut costs) in functions {
            medians.push(median(&mut costs));
            function.stop().await;
        }
        InvocationCpu {
            no_op: medians[0],
            authorizer: medians[1],
            sdk_defaults: medians.get(2).copied(),
            authorizer_x_no_op: ratio(medians[1], medians[0]),
        }
    }

    /// The instructions that one warm invocation executes, the kernel's not among them: the difference
    /// between two runs, so that the start is not counted. `None` where there is no valgrind.
    pub async fn invocation_instructions(&self, start: Start) -> Option<u64> {
        let valgrind = which("valgrind")?;
        let event = events::http_api_v2(&self.client.certificate_pem()).to_string();
        let counts = self.s3_directory_file("callgrind")?;
        let mut executed = [0; 2];
        for (executed, invocations) in executed.iter_mut().zip([WARM_UP, WARM_UP + COUNTED]) {
            let options = Options {
                arguments: vec![
                    "--tool=callgrind".to_owned(),
                    format!("--callgrind-out-file={}", counts.display()),
                    self.program(start).to_str()?.to_owned(),
                ],
                ..Options::default()
            };
            let environment = self.environment(start);
            let function = Function::start_with(&valgrind, "counted", &environment, options).await;
            assert_eq!(function.init_error().await, None, "{start:?} starts");
            for _ in 0..invocations {
                answered(&function, &event, start).await;
            }
            *executed = counted(&function, &counts).await?;
        }
        Some((executed[1] - executed[0]) / u64::try_from(COUNTED).ok()?)
    }

    /// The system calls of a start up to the end of the Init phase, exec included. `None` where there
    /// is no strace.
    pub async fn system_calls(&self, start: Start) -> Option<usize> {
        let calls = self.s3_directory_file("strace")?;
        let strace = which("strace")?;
        let options = Options {
            // As a grandchild, so that the function is the process that is started and ended.
            arguments: [
                "-D",
                "-f",
                "-qq",
                "-o",
                calls.to_str()?,
                self.program(start).to_str()?,
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Options::default()
        };
        let environment = self.environment(start);
        let function = Function::start_with(&strace, "traced", &environment, options).await;
        self.assert_started(&function, start).await;
        tokio::time::sleep(SETTLED).await;
        let traced = std::fs::read_to_string(&calls).ok()?;
        function.stop().await;
        let _ = std::fs::remove_file(&calls);
        Some(traced.lines().count())
    }

    async fn cold_starts_in(
        &self,
        quota: Option<&Quota>,
        rounds: usize,
        mut progress: impl FnMut(),
    ) -> Vec<ColdStart> {
        let ours = self.sizes.iter().copied().map(Start::Authorizer);
        let theirs = self.rival().into_iter().flat_map(|_| &self.sizes);
        let mut measured: Vec<_> = [Start::NoOp]
            .into_iter()
            .chain(ours)
            .chain(theirs.copied().map(Start::SdkDefaults))
            .map(|start| (start, Vec::new(), Vec::new()))
            .collect();
        for _ in 0..rounds {
            for (start, walls, cpus) in &mut measured {
                let function = self.function(*start, quota).await;
                walls.push(function.init_duration());
                cpus.extend(function.init_cpu_time());
                function.stop().await;
                if quota.is_some() {
                    // What it overdrew is not the next one's to pay.
                    tokio::time::sleep(QUOTA_REGAINED).await;
                }
            }
            progress();
        }
        let medians = measured
            .iter_mut()
            .map(|(start, walls, cpus)| (*start, median(walls), median(cpus)));
        let medians: Vec<_> = medians.collect();
        let (_, no_op_wall, no_op_cpu) = medians[0];
        medians
            .into_iter()
            .map(|(start, wall, cpu)| ColdStart {
                start,
                wall,
                cpu,
                wall_x_no_op: ratio(wall, no_op_wall),
                cpu_x_no_op: ratio(cpu, no_op_cpu),
            })
            .collect()
    }

    /// Starts it and sees that it does what we mean to measure.
    async fn function(&self, start: Start, quota: Option<&Quota>) -> Function {
        let (program, arguments) = match quota {
            None => (self.program(start).to_owned(), Vec::new()),
            Some(quota) => quota.command(self.program(start)),
        };
        let options = Options {
            arguments,
            ..Options::default()
        };
        let environment = self.environment(start);
        let function = Function::start_with(&program, "measured", &environment, options).await;
        self.assert_started(&function, start).await;
        function
    }

    async fn assert_started(&self, function: &Function, start: Start) {
        assert_eq!(function.init_error().await, None, "{start:?} starts");
        let expected = match start {
            Start::NoOp => return,
            Start::Authorizer(_) => "built_at",
            Start::SdkDefaults(_) => "revoked",
        };
        let line = function.logged(expected, Duration::from_secs(5)).await;
        assert!(
            line.is_some(),
            "{start:?} has loaded: {:?}",
            function.logs()
        );
    }

    fn program(&self, start: Start) -> &Path {
        match start {
            Start::NoOp => &self.programs.no_op,
            Start::Authorizer(_) => &self.programs.authorizer,
            Start::SdkDefaults(_) => self.rival().expect("it was built"),
        }
    }

    fn environment(&self, start: Start) -> Vec<(String, String)> {
        let own = [
            ("SNAPSHOT_BUCKET", BUCKET.to_owned()),
            ("SNAPSHOT_KEY", start.key()),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        self.s3.environment().into_iter().chain(own).collect()
    }

    fn rival(&self) -> Option<&Path> {
        self.programs.sdk_defaults.as_deref()
    }

    fn s3_directory_file(&self, name: &str) -> Option<PathBuf> {
        let port = self.s3.endpoint().rsplit(':').next()?.to_owned();
        Some(std::env::temp_dir().join(format!("{name}-{}-{port}", std::process::id())))
    }
}

impl Start {
    fn key(self) -> String {
        match self {
            Self::NoOp => "none".to_owned(),
            Self::Authorizer(count) => format!("{count}.snapshot"),
            Self::SdkDefaults(count) => format!("{count}.json"),
        }
    }
}

/// What the rival reads: an object of serial numbers and dates.
fn json(members: &[[u8; 16]]) -> String {
    let entries = members.iter().map(|serial| {
        let serial = u128::from_be_bytes(*serial);
        format!("\"{serial:x}\":\"2026-11-01\"")
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

async fn answered(function: &Function, event: &str, start: Start) {
    let answer = function.invoke_bytes(event).await.result;
    let answer = answer.unwrap_or_else(|error| panic!("{start:?} answers: {error}"));
    let expected = start != Start::NoOp;
    assert_eq!(
        answer["isAuthorized"] == true,
        expected,
        "{start:?}: {answer}"
    );
}

/// Ends a function under callgrind, which then writes what it has counted.
async fn counted(function: &Function, counts: &Path) -> Option<u64> {
    let process = Pid::from_raw(i32::try_from(function.pid()).ok()?)?;
    kill_process(process, Signal::TERM).ok()?;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let written = std::fs::read_to_string(counts).unwrap_or_default();
        if let Some((_, total)) = written.rsplit_once("\ntotals: ") {
            let _ = std::fs::remove_file(counts);
            return total.trim().parse().ok();
        }
    }
    None
}

/// As soon as the process waits again: only then has the kernel counted everything.
async fn cpu_time(function: &Function) -> Duration {
    tokio::time::sleep(SETTLED).await;
    function.cpu_time().expect("the kernel keeps schedstat")
}

fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

const BUCKET: &str = "snapshots";
const WARM_UP: usize = 200;
/// Invocations whose instructions are counted.
const COUNTED: usize = 500;
/// Some periods of the quota.
const QUOTA_REGAINED: Duration = Duration::from_millis(150);
const SETTLED: Duration = Duration::from_millis(20);
/// Local header, central directory and its end, for one file called `bootstrap`.
const ZIP_OVERHEAD: u64 = 30 + 46 + 22 + 2 * 9;

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is timed here: that they start, load and answer is what the figures rest on.
    #[tokio::test(flavor = "multi_thread")]
    async fn every_program_starts_and_answers() {
        let programs = Programs::build(true, |_| {}).unwrap();
        assert!(Size::of(&programs.authorizer).unwrap().zipped > ZIP_OVERHEAD);
        let processes = Processes::prepare(programs, &[100]).await;
        let starts = processes.cold_starts(1, || {}).await;
        let started: Vec<_> = starts.iter().map(|row| row.start).collect();
        let expected = [Start::NoOp, Start::Authorizer(100), Start::SdkDefaults(100)];
        assert_eq!(started, expected);
        if let Some(calls) = processes.system_calls(Start::NoOp).await {
            assert!(calls > 10, "{calls}");
        }
        if let Some(executed) = processes.invocation_instructions(Start::NoOp).await {
            assert!(executed > 1_000, "{executed}");
        }
        let costs = processes.invocation_cpu(1, 3, || {}).await;
        assert!(costs.sdk_defaults.is_some());
    }
}
