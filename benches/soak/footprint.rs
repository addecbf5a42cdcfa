//! What the functions take of memory and CPU.

use std::sync::Arc;
use std::time::Duration;

use testkit::lambda::Function;

use crate::run::Run;

/// Of each function.
#[derive(Default)]
pub(crate) struct Footprints {
    pub(crate) authorizer: Footprint,
    pub(crate) fetcher: Footprint,
    pub(crate) sample_api: Footprint,
}

/// Of the execution environments of one function.
#[derive(Default)]
pub(crate) struct Footprint {
    /// How many there were; some may have been too short-lived to be seen.
    pub(crate) environments: usize,
    /// The last one.
    pub(crate) last: Option<Environment>,
    cpu_of_former: Duration,
}

/// One execution environment.
pub(crate) struct Environment {
    pid: u32,
    since: Duration,
    /// Its memory (RSS) when it was seen first, in KiB.
    pub(crate) at_start: u64,
    /// The same after some time of work.
    pub(crate) warm: Option<u64>,
    /// The same when it was seen last.
    pub(crate) now: u64,
    cpu: Duration,
}

impl Footprint {
    pub(crate) fn cpu(&self) -> Duration {
        let last = self.last.as_ref().map(|last| last.cpu);
        self.cpu_of_former + last.unwrap_or_default()
    }

    fn see(&mut self, function: &Function, at: Duration, warm_after: Duration) {
        let pid = function.pid();
        let (Some(rss), Some(cpu)) = (rss(pid), function.cpu_time()) else {
            return;
        };
        match &mut self.last {
            Some(last) if last.pid == pid => {
                last.now = rss;
                last.cpu = cpu;
                if at.saturating_sub(last.since) >= warm_after {
                    last.warm.get_or_insert(rss);
                }
            }
            _ => {
                self.cpu_of_former = self.cpu();
                self.environments += 1;
                self.last = Some(Environment {
                    pid,
                    since: at,
                    at_start: rss,
                    warm: None,
                    now: rss,
                    cpu,
                });
            }
        }
    }
}

/// Looks at the functions until it is stopped.
pub(crate) async fn watch(run: Arc<Run>) {
    loop {
        look(&run).await;
        tokio::time::sleep(EVERY).await;
    }
}

/// Looks at each function once.
pub(crate) async fn look(run: &Run) {
    let warm_after = (run.terms.length / 10).min(LONGEST_WARM_UP);
    let authorizer = run.cloud.authorizer().current().await;
    let fetcher = run.cloud.fetcher().current().await;
    let sample_api = run.cloud.sample_api().current().await;
    let at = run.now();
    let footprints = &mut run.records().footprints;
    footprints.authorizer.see(&authorizer, at, warm_after);
    footprints.fetcher.see(&fetcher, at, warm_after);
    footprints.sample_api.see(&sample_api, at, warm_after);
}

/// `VmRSS`, in KiB.
fn rss(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line?.trim().strip_suffix("kB")?.trim().parse().ok()
}

const EVERY: Duration = Duration::from_millis(250);
const LONGEST_WARM_UP: Duration = Duration::from_secs(60);
