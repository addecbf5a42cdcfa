//! How things are measured: in turn, in CPU time of one thread, with every answer checked.

use std::fmt;
use std::time::Duration;

use benches::median;
use indicatif::{ProgressBar, ProgressStyle};
use peak_alloc::PeakAlloc;
use rustix::param::clock_ticks_per_second;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What the product's own figure is called among its rivals'.
pub(crate) const OURS: &str = "crl-authorizer";

/// Why there is no figure.
pub(crate) struct Failure(pub(crate) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One of those that do the same work in turn.
pub(crate) struct Contender<'a> {
    name: &'static str,
    /// Done before each run, and no part of it.
    prepare: Option<Box<dyn FnMut() + 'a>>,
    run: Box<dyn FnMut() -> Option<u64> + 'a>,
    clock: Clock,
}

/// Whose CPU time counts.
#[derive(Clone, Copy)]
enum Clock {
    /// This thread's, to the nanosecond.
    Thread,
    /// That of child processes that have ended, to the hundredth of a second.
    Children,
}

/// What one contender took.
pub(crate) struct Timing {
    pub(crate) name: &'static str,
    /// Median over the rounds.
    pub(crate) seconds: f64,
    /// The most that was allocated at one time, above what was before; in octets. Nothing for a
    /// child process.
    pub(crate) peak: Option<usize>,
}

/// What the contenders of one contest took, in their order.
pub(crate) struct Timings(Vec<Timing>);

/// One run of the report.
pub(crate) struct Session {
    quick: bool,
    bar: ProgressBar,
}

impl<'a> Contender<'a> {
    /// Work done in this thread. It returns an answer, which must be the same from all contenders.
    pub(crate) fn new(name: &'static str, run: impl FnMut() -> Option<u64> + 'a) -> Self {
        Self {
            name,
            prepare: None,
            run: Box::new(run),
            clock: Clock::Thread,
        }
    }

    /// Work done in a child process that `run` waits for.
    pub(crate) fn child(name: &'static str, run: impl FnMut() -> Option<u64> + 'a) -> Self {
        Self {
            clock: Clock::Children,
            ..Self::new(name, run)
        }
    }

    /// The same work with `prepare` done before it each time, which is not measured.
    pub(crate) fn after(self, prepare: impl FnMut() + 'a) -> Self {
        Self {
            prepare: Some(Box::new(prepare)),
            ..self
        }
    }
}

impl Timings {
    /// Median seconds of the contender of that name.
    pub(crate) fn seconds(&self, name: &str) -> Result<f64, Failure> {
        let timing = self.0.iter().find(|timing| timing.name == name);
        let missing = || Failure(format!("{name} was not measured"));
        timing.map(|timing| timing.seconds).ok_or_else(missing)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Timing> {
        self.0.iter()
    }
}

impl Session {
    /// Measures with few rounds if `quick`.
    pub(crate) fn new(quick: bool) -> Self {
        let bar = ProgressBar::new(0);
        let template = "{spinner} {msg} {wide_bar} {pos}/{len} {elapsed}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { quick, bar }
    }

    pub(crate) const fn is_quick(&self) -> bool {
        self.quick
    }

    /// Tells who waits what is being done.
    pub(crate) fn saying(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
        self.bar.tick();
    }

    /// Tells what is being done, and how often.
    pub(crate) fn counting(&self, what: &str, times: usize) {
        self.bar.reset();
        self.bar
            .set_length(u64::try_from(times).unwrap_or(u64::MAX));
        self.saying(what);
    }

    /// It was done once more.
    pub(crate) fn counted(&self) {
        self.bar.inc(1);
    }

    /// Takes the progress bar away.
    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Runs the contenders once to check their answers and what they allocate, then so many rounds
    /// in turn, so that a change of the machine's speed meets all of them. A quick session makes do
    /// with a quarter of the rounds.
    pub(crate) fn in_turn(
        &self,
        rounds: usize,
        expected: u64,
        contenders: Vec<Contender<'_>>,
    ) -> Result<Timings, Failure> {
        let rounds = if self.quick {
            rounds.div_ceil(4).max(3)
        } else {
            rounds
        };
        let length = u64::try_from((rounds + 1) * contenders.len()).unwrap_or(u64::MAX);
        self.bar.reset();
        self.bar.set_length(length);
        let mut contenders = contenders;
        let mut peaks = Vec::new();
        for contender in &mut contenders {
            let before = HEAP.current_usage();
            HEAP.reset_peak_usage();
            contender.prepare();
            contender.answer(expected)?;
            let peak = HEAP.peak_usage().saturating_sub(before);
            peaks.push(matches!(contender.clock, Clock::Thread).then_some(peak));
            self.bar.inc(1);
        }
        let mut durations = vec![Vec::with_capacity(rounds); contenders.len()];
        for _ in 0..rounds {
            for (contender, durations) in contenders.iter_mut().zip(&mut durations) {
                contender.prepare();
                let start = contender.clock.now()?;
                contender.answer(expected)?;
                durations.push(contender.clock.now()?.saturating_sub(start));
                self.bar.inc(1);
            }
        }
        let timings = contenders.iter().zip(durations).zip(peaks);
        let timings = timings.map(|((contender, mut durations), peak)| Timing {
            name: contender.name,
            seconds: median(&mut durations).as_secs_f64(),
            peak,
        });
        Ok(Timings(timings.collect()))
    }
}

impl Contender<'_> {
    fn prepare(&mut self) {
        if let Some(prepare) = &mut self.prepare {
            prepare();
        }
    }

    fn answer(&mut self, expected: u64) -> Result<(), Failure> {
        let answer = (self.run)();
        if answer == Some(expected) {
            return Ok(());
        }
        let answer = answer.map_or_else(|| "nothing".to_owned(), |answer| answer.to_string());
        Err(Failure(format!(
            "{} answered {answer} where {expected} is right",
            self.name
        )))
    }
}

impl Clock {
    fn now(self) -> Result<Duration, Failure> {
        match self {
            Self::Thread => {
                let time = clock_gettime(ClockId::ThreadCPUTime);
                let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
                let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
                Ok(Duration::new(seconds, nanoseconds))
            }
            Self::Children => children().ok_or_else(|| {
                Failure("/proc/self/stat does not tell the CPU time of children".to_owned())
            }),
        }
    }
}

/// The CPU time of children that have ended: the fields cutime and cstime of proc_pid_stat(5), the
/// 14th and 15th behind the name, which is in parentheses and may hold anything.
fn children() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(13);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_millis(
        (user + system) * 1000 / clock_ticks_per_second().max(1),
    ))
}

/// A count for reckoning with; one that no measurement comes to is infinite.
pub(crate) fn float(count: impl TryInto<u32>) -> f64 {
    count.try_into().map_or(f64::INFINITY, f64::from)
}

/// So many octets.
pub(crate) fn mebibytes(octets: impl TryInto<u32>) -> f64 {
    float(octets) / 1_048_576.0
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn a_wrong_answer_is_no_figure() {
        let session = Session::new(true);
        let mut calls = 0;
        let contenders = vec![
            Contender::new("right", || Some(1)),
            Contender::new("wrong in the end", || {
                calls += 1;
                Some(if calls < 3 { 1 } else { 2 })
            }),
        ];
        let failure = session
            .in_turn(1, 1, contenders)
            .map_err(|failure| failure.0);
        let expected = "wrong in the end answered 2 where 1 is right";
        assert!(failure.is_err_and(|failure| failure == expected));
    }

    #[test]
    fn time_and_memory_are_those_of_the_work() {
        let session = Session::new(true);
        let contenders = vec![
            Contender::new("idle", || Some(0)),
            Contender::new("busy", || {
                let octets = black_box(vec![1_u8; 1 << 20]);
                Some(octets.iter().map(|octet| u64::from(*octet)).sum::<u64>() >> 21)
            }),
            Contender::child("child", || {
                let status = std::process::Command::new("true").status();
                status.is_ok_and(|status| status.success()).then_some(0)
            }),
        ];
        let Ok(timings) = session.in_turn(5, 0, contenders) else {
            panic!("all answers are right");
        };
        let seconds = |name| timings.seconds(name).unwrap_or(f64::NAN);
        assert!(seconds("busy") > seconds("idle"));
        assert!(seconds("unknown").is_nan());
        let peaks: Vec<_> = timings.iter().map(|timing| timing.peak).collect();
        // Other tests of this process allocate and free at the same time, but no half of it.
        assert!(peaks[1] > Some(1 << 19) && peaks[2].is_none(), "{peaks:?}");
    }
}
