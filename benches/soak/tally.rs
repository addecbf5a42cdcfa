//! What is counted.

use std::collections::BTreeMap;
use std::time::Duration;

use playground::cloud::Refresh;

use crate::oracle::{Answer, Exchange, Verdict, Wrong};

/// Counts of one run.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) allowed: u64,
    pub(crate) denied: u64,
    /// Answers to revoked clients where a permission would have been wrong.
    pub(crate) denials_required: u64,
    /// Permissions of revoked clients who might still be allowed.
    pub(crate) allowed_in_time: u64,
    /// Errors by kind, and whether they were excused.
    pub(crate) errors: BTreeMap<(String, bool), u64>,
    pub(crate) wrong: u64,
    /// The first ones.
    pub(crate) wrong_answers: Vec<Wrong>,
    /// What is wrong besides answers.
    pub(crate) failures: Vec<String>,
    pub(crate) faults: BTreeMap<String, usize>,
    /// Refreshes by outcome.
    pub(crate) refreshes: BTreeMap<String, u64>,
    /// From the question to the answer, in microseconds.
    pub(crate) times: Vec<u32>,
}

impl Tally {
    pub(crate) fn count(&mut self, exchange: &Exchange, verdict: Result<Verdict, Wrong>) {
        let took = exchange.answered - exchange.asked;
        self.times.push(microseconds(took));
        match (&exchange.answer, &verdict) {
            (Answer::Allowed, _) => {
                self.allowed += 1;
                self.allowed_in_time += u64::from(matches!(verdict, Ok(Verdict::Either)));
            }
            (Answer::Denied(_), _) => {
                self.denied += 1;
                self.denials_required += u64::from(matches!(verdict, Ok(Verdict::Required)));
            }
            (Answer::Error(kind), verdict) => {
                let key = (kind.clone(), verdict.is_ok());
                *self.errors.entry(key).or_default() += 1;
            }
        }
        if let Err(wrong) = verdict {
            self.wrong += 1;
            if self.wrong_answers.len() < KEPT {
                self.wrong_answers.push(wrong);
            }
        }
    }

    pub(crate) fn count_fault(&mut self, kind: &str, times: usize) {
        *self.faults.entry(kind.to_owned()).or_default() += times;
    }

    pub(crate) fn count_refresh(&mut self, refresh: &Refresh) {
        let outcome = match &refresh.result {
            Ok(_) if refresh.published() => "published".to_owned(),
            Ok(_) => "nothing new".to_owned(),
            Err(error) => format!("failed: {}", error.error_type),
        };
        *self.refreshes.entry(outcome).or_default() += 1;
    }

    /// Something went wrong that is no answer.
    pub(crate) fn fail(&mut self, what: String) {
        self.failures.push(what);
    }

    pub(crate) fn requests(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn in_short(&self) -> String {
        let errors: u64 = self.errors.values().sum();
        let faults: usize = self.faults.values().sum();
        format!(
            "{} requests, {} allowed, {} denied, {errors} errors, {} WRONG, {faults} faults",
            self.requests(),
            self.allowed,
            self.denied,
            self.wrong + u64::try_from(self.failures.len()).unwrap_or(u64::MAX),
        )
    }
}

fn microseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// The first wrong answers tell what is wrong; millions of them would fill the memory.
const KEPT: usize = 50;
