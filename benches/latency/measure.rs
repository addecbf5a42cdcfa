//! The environments, in turn.

use std::path::Path;
use std::time::{Duration, Instant};

use benches::{serials, snapshot};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use testkit::events;
use testkit::lambda::{Function, FunctionError, Options};
use testkit::pki::{Ca, LeafOptions, Serial};
use testkit::s3::S3Server;

/// How much is measured.
pub(crate) struct Plan {
    pub(crate) revoked: usize,
    /// How often each environment has its turn.
    pub(crate) rounds: u32,
    /// Invocations of one turn.
    pub(crate) block: u32,
}

/// What was seen of one environment.
pub(crate) struct Side {
    pub(crate) kind: Kind,
    /// From the event's being handed over to the answer.
    pub(crate) handed_over: Vec<Duration>,
    /// From the event's being there to the answer.
    pub(crate) asked: Vec<Duration>,
    /// Conditional GETs of its snapshot.
    pub(crate) revalidations: usize,
    pub(crate) wrong: Wrong,
}

/// Which environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It never revalidates.
    Off,
    /// It revalidates every second.
    EverySecond,
    /// The same as the first one, to be compared with it.
    Control,
}

/// Answers that were not what they had to be.
#[derive(Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) count: usize,
    pub(crate) first: Option<String>,
}

impl Plan {
    pub(crate) fn new(invocations: u32, revoked: u32) -> Result<Self, std::num::TryFromIntError> {
        let block = (invocations / LEAST_ROUNDS).clamp(1, LARGEST_BLOCK);
        Ok(Self {
            revoked: usize::try_from(revoked)?,
            rounds: invocations / block,
            block,
        })
    }

    /// So long takes a round at least, for there to be enough revalidations in all.
    fn pace(&self) -> Duration {
        LEAST_TIME / self.rounds
    }
}

impl Kind {
    const ALL: [Self; 3] = [Self::Off, Self::EverySecond, Self::Control];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::EverySecond => "every second",
            Self::Control => "off again",
        }
    }

    /// A key of its own tells S3 who asks.
    const fn snapshot_key(self) -> &'static str {
        match self {
            Self::Off => "off.snapshot",
            Self::EverySecond => "every-second.snapshot",
            Self::Control => "control.snapshot",
        }
    }

    const fn soft_age_seconds(self) -> &'static str {
        match self {
            Self::Off | Self::Control => NEVER,
            Self::EverySecond => "1",
        }
    }
}

impl Wrong {
    /// Compares an answer with what it has to be.
    fn check(&mut self, answer: &Result<Value, FunctionError>, expected: &Expected) {
        let is_right = answer.as_ref().is_ok_and(|answer| {
            answer["isAuthorized"] == expected.is_authorized
                && answer["context"]["reason"] == expected.reason
        });
        if !is_right {
            self.count += 1;
            self.first.get_or_insert_with(|| format!("{answer:?}"));
        }
    }
}

struct Expected {
    is_authorized: bool,
    reason: &'static str,
}

const GOOD: Expected = Expected {
    is_authorized: true,
    reason: "not-revoked",
};

const REVOKED: Expected = Expected {
    is_authorized: false,
    reason: "revoked",
};

/// Measures all environments.
///
/// # Errors
/// One does not start.
pub(crate) async fn measure(program: &Path, plan: &Plan) -> Result<Vec<Side>, String> {
    let ca = Ca::root("Latency CA");
    let members = serials(plan.revoked, 1);
    let event = |name, serial| {
        let options = LeafOptions {
            serial,
            ..LeafOptions::current()
        };
        events::http_api_v2(&ca.issue_with(name, options).certificate_pem()).to_string()
    };
    let good = event("alice", Serial::Random);
    let revoked = event("bob", Serial::Number(members[0].to_vec()));
    let s3 = S3Server::start_https().await;
    s3.create_bucket(BUCKET);
    let mut sides = Vec::new();
    for kind in Kind::ALL {
        s3.put(BUCKET, kind.snapshot_key(), snapshot(&ca, &members));
        let function = start(program, &s3, kind).await?;
        let mut wrong = Wrong::default();
        let answer = function.invoke_bytes(revoked.as_str()).await.result;
        wrong.check(&answer, &REVOKED);
        for _ in 0..WARM_UP {
            let answer = function.invoke_bytes(good.as_str()).await.result;
            wrong.check(&answer, &GOOD);
        }
        let side = Side {
            kind,
            handed_over: Vec::new(),
            asked: Vec::new(),
            revalidations: 0,
            wrong,
        };
        sides.push((function, side));
    }
    let asked_before: Vec<_> = Kind::ALL.map(|kind| revalidations(&s3, kind)).to_vec();

    let bar = progress_bar(plan);
    for round in 0..plan.rounds {
        let started = Instant::now();
        // Each one is the first as often as the others.
        for (function, side) in &mut sides {
            block(function, side, &good, plan.block).await;
        }
        sides.rotate_left(1);
        bar.set_position((round + 1).into());
        tokio::time::sleep(plan.pace().saturating_sub(started.elapsed())).await;
    }
    bar.finish_and_clear();

    let mut measured = Vec::new();
    for (function, mut side) in sides {
        let answer = function.invoke_bytes(revoked.as_str()).await.result;
        side.wrong.check(&answer, &REVOKED);
        function.stop().await;
        measured.push(side);
    }
    measured.sort_by_key(|side| Kind::ALL.iter().position(|kind| *kind == side.kind));
    for (side, before) in measured.iter_mut().zip(asked_before) {
        side.revalidations = revalidations(&s3, side.kind) - before;
    }
    Ok(measured)
}

async fn start(program: &Path, s3: &S3Server, kind: Kind) -> Result<Function, String> {
    let own = [
        ("SNAPSHOT_BUCKET", BUCKET),
        ("SNAPSHOT_KEY", kind.snapshot_key()),
        ("SNAPSHOT_SOFT_AGE_SECONDS", kind.soft_age_seconds()),
        ("SNAPSHOT_HARD_AGE_SECONDS", NEVER),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let environment: Vec<_> = s3.environment().into_iter().chain(own).collect();
    let options = Options {
        freezes: true,
        ..Options::default()
    };
    let function = Function::start_with(program, kind.name(), &environment, options).await;
    match function.init_error().await {
        None => Ok(function),
        Some(error) => Err(format!("the authorizer does not start: {error}")),
    }
}

async fn block(function: &Function, side: &mut Side, event: &str, count: u32) {
    for _ in 0..count {
        let asked = Instant::now();
        let invocation = function.invoke_bytes(event).await;
        side.asked.push(asked.elapsed());
        side.handed_over.push(invocation.elapsed);
        side.wrong.check(&invocation.result, &GOOD);
    }
}

/// How often S3 was asked whether this environment's snapshot is still the current one.
fn revalidations(s3: &S3Server, kind: Kind) -> usize {
    let requests = s3.requests();
    let asked = requests
        .iter()
        .filter(|request| request.key == kind.snapshot_key() && request.if_none_match.is_some());
    asked.count()
}

fn progress_bar(plan: &Plan) -> ProgressBar {
    let bar = ProgressBar::new(plan.rounds.into());
    let template = "{spinner} {wide_bar} {pos}/{len} rounds  {elapsed}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

const BUCKET: &str = "snapshots";
/// A day, which is the most that can be set.
const NEVER: &str = "86400";
const WARM_UP: usize = 500;
const LEAST_ROUNDS: u32 = 45;
/// Short, so that whatever else this machine does meets all environments alike.
const LARGEST_BLOCK: u32 = 100;
/// In each second and each round there is one revalidation at most.
const LEAST_TIME: Duration = Duration::from_secs(45);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wrong_answer_is_noticed() {
        let answer = |is_authorized: bool, reason: &str| {
            Ok(json!({"isAuthorized": is_authorized, "context": {"reason": reason}}))
        };
        let error = FunctionError {
            error_type: "NoSnapshot".to_owned(),
            message: String::new(),
        };
        let mut wrong = Wrong::default();
        wrong.check(&answer(true, "not-revoked"), &GOOD);
        wrong.check(&answer(false, "revoked"), &REVOKED);
        assert_eq!(wrong.count, 0);
        wrong.check(&answer(false, "revoked"), &GOOD);
        assert!(wrong.first.as_ref().unwrap().contains("revoked"));
        wrong.check(&answer(true, "not-revoked"), &REVOKED);
        wrong.check(&answer(true, "crl-expired"), &GOOD);
        wrong.check(&Ok(json!(null)), &GOOD);
        wrong.check(&Err(error), &GOOD);
        assert_eq!(wrong.count, 5);
    }

    #[test]
    fn every_plan_has_rounds_and_time_for_enough_revalidations() {
        for invocations in [1000, 4500, 100_000, 10_000_000] {
            let plan = Plan::new(invocations, 1).unwrap();
            assert!(plan.rounds >= LEAST_ROUNDS && plan.block <= LARGEST_BLOCK);
            assert!(plan.rounds * plan.block <= invocations);
            assert!(plan.pace() * plan.rounds + Duration::from_secs(1) > LEAST_TIME);
        }
    }
}
