//! So much of a CPU as a Lambda function of a small memory size gets: a control group of the kernel's.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A control group that gives its processes a share of one CPU. It is removed with this value.
#[derive(Debug)]
pub struct Quota {
    directory: PathBuf,
    /// In percent of one CPU.
    pub percent: u32,
}

impl Quota {
    /// A share of `percent` of one CPU, handed out every 20 ms.
    ///
    /// # Errors
    /// The kernel or its administrator does not let us.
    pub fn new(percent: u32) -> Result<Self, NoQuota> {
        // cgroup v2, else v1 with its controller apart.
        let hierarchies = ["/sys/fs/cgroup", "/sys/fs/cgroup/cpu"];
        let name = format!("crl-authorizer-{}-{percent}", std::process::id());
        let mut problem = NoQuota("there is no control group for CPUs".to_owned());
        for hierarchy in hierarchies.map(Path::new) {
            if !hierarchy.join("cgroup.procs").exists() {
                continue;
            }
            let quota = Self {
                directory: hierarchy.join(&name),
                percent,
            };
            match quota.create() {
                Ok(()) => return Ok(quota),
                Err(error) => {
                    problem = NoQuota(format!("{}: {error}", quota.directory.display()));
                }
            }
        }
        Err(problem)
    }

    fn create(&self) -> std::io::Result<()> {
        std::fs::create_dir(&self.directory)?;
        let quota = PERIOD_US * u64::from(self.percent) / 100;
        let write = |file: &str, text: String| std::fs::write(self.directory.join(file), text);
        if self.directory.join("cpu.cfs_quota_us").exists() {
            write("cpu.cfs_period_us", PERIOD_US.to_string())?;
            write("cpu.cfs_quota_us", quota.to_string())
        } else {
            write("cpu.max", format!("{quota} {PERIOD_US}"))
        }
    }

    /// The command that runs `program` in the group: a shell that enters it and then becomes the
    /// program. Its own start, about a millisecond, is in every figure.
    pub(super) fn command(&self, program: &Path) -> (PathBuf, Vec<String>) {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let arguments = vec![
            "-c".to_owned(),
            "echo $$ > \"$0\" && exec \"$1\"".to_owned(),
            text(&self.directory.join("cgroup.procs")),
            text(program),
        ];
        (PathBuf::from("/bin/sh"), arguments)
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // A process that has just ended may still be listed.
        for _ in 0..50 {
            if std::fs::remove_dir(&self.directory).is_ok() || !self.directory.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Why there is no quota here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoQuota(String);

impl fmt::Display for NoQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no CPU quota: {}", self.0)
    }
}

impl std::error::Error for NoQuota {}

/// Lambda's own period is not published; with a shorter one the steps show less.
const PERIOD_US: u64 = 20_000;
