//! Our verdict against those of two independent implementations, rustls-webpki and the `openssl`
//! command, on random hierarchies, CRLs and client certificates.
//!
//! Where the verdicts differ, a row of the table in `differences` must say why ours is right;
//! besides there are rules without any such table (see [`Comparison::check`]). Whatever breaks them
//! is shrunk, printed, and written to a folder as PEM files.
//!
//! The usual run compares the same cases each time. More of them, and others each time:
//!
//! ```text
//! DIFFERENTIAL_CASES=20000 cargo test --workspace --test differential -- --nocapture
//! ```
//!
//! One in sixteen of that number is compared with openssl, where a case takes two processes or
//! three. Without an `openssl` of version 3.0 that comparison is left out, and says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how these tests fail"
)]

#[path = "differential/differences.rs"]
mod differences;
#[path = "differential/examples.rs"]
mod examples;
#[path = "differential/facts.rs"]
mod facts;
#[path = "differential/openssl.rs"]
mod openssl;
#[path = "differential/ours.rs"]
mod ours;
#[path = "differential/pki.rs"]
mod pki;
#[path = "differential/plan.rs"]
mod plan;
#[path = "differential/rustls_webpki.rs"]
mod rustls_webpki;
#[path = "differential/verdict.rs"]
mod verdict;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::differences::Difference;
use crate::openssl::Openssl;
use crate::pki::Pki;
use crate::plan::{Plan, any_plan};
use crate::verdict::{Judgement, Rival, Verdict};

#[test]
fn our_verdict_is_that_of_rustls_webpki_or_better() {
    let tally = compare_random(webpki_cases(), |plan| Comparison::new(plan, None));
    println!("rustls-webpki: {tally}");
    assert_eq!(tally.cases, webpki_cases());
    tally.assert_not_one_sided();
}

#[test]
fn our_verdict_is_that_of_openssl_or_better() {
    let Some(openssl) = Openssl::find("random") else {
        return;
    };
    let cases = webpki_cases() / 16;
    let tally = compare_random(cases, |plan| Comparison::new(plan, Some(&openssl)));
    println!("{}: {tally}", openssl.version);
    assert_eq!(tally.cases, cases);
    tally.assert_not_one_sided();
}

/// How many cases are compared with rustls-webpki.
fn webpki_cases() -> u32 {
    chosen_cases().unwrap_or(2400)
}

fn chosen_cases() -> Option<u32> {
    let text = std::env::var("DIFFERENTIAL_CASES").ok()?;
    Some(text.parse().expect("DIFFERENTIAL_CASES is a number"))
}

/// Compares random plans; the first that fails is made as small as it gets.
fn compare_random(cases: u32, compare: impl Fn(&Plan) -> Comparison<'_>) -> Tally {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: u32::MAX,
        max_shrink_time: 30_000,
        ..Config::default()
    };
    let mut runner = match chosen_cases() {
        Some(_) => TestRunner::new(config),
        None => {
            let same_each_time = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
            TestRunner::new_with_rng(config, same_each_time)
        }
    };
    let tally = RefCell::new(Tally::default());
    let result = runner.run(&any_plan(), |plan| {
        let comparison = compare(&plan);
        tally.borrow_mut().add(&comparison);
        comparison.check().map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => tally.into_inner(),
        Err(TestError::Fail(_, plan)) => compare(&plan).fail(),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// What everybody says of one plan.
struct Comparison<'p> {
    plan: &'p Plan,
    ours: Judgement,
    theirs: Vec<(Rival, Judgement)>,
}

impl<'p> Comparison<'p> {
    fn new(plan: &'p Plan, openssl: Option<&Openssl>) -> Self {
        let pki = Pki::new(plan);
        let webpki = [Rival::WebpkiLeaf, Rival::WebpkiChain];
        let mut theirs = webpki
            .map(|rival| (rival, rustls_webpki::judge(&pki, rival)))
            .to_vec();
        if let Some(openssl) = openssl {
            let rivals = [Rival::OpensslLeaf, Rival::OpensslChain];
            theirs.extend(rivals.map(|rival| (rival, openssl.judge(&pki, rival))));
        }
        Self {
            plan,
            ours: ours::judge(&pki),
            theirs,
        }
    }

    /// Whether every difference is one of the table; and, table or not:
    ///
    /// * Nobody is let in without a CRL that counts, covers the certificate and has not expired.
    /// * Where each CRL is sound, fresh and the newest of its scope, nobody is let in whom a rival
    ///   knows to be revoked.
    /// * Nobody is let in whom both rivals turn away, but for the reasons of
    ///   [`Difference::excuses_good`].
    fn check(&self) -> Result<(), String> {
        let ours = self.ours.verdict;
        let is = |rival: Rival, verdict: Verdict| {
            let mut theirs = self.theirs.iter();
            theirs.any(|(other, judgement)| *other == rival && judgement.verdict == verdict)
        };
        if ours == Verdict::Good && !self.plan.may_be_good() {
            return Err("no CRL vouches for it".to_owned());
        }
        for (rival, theirs) in &self.theirs {
            if ours == Verdict::Good && theirs.verdict == Verdict::Revoked && self.plan.is_orderly()
            {
                return Err(format!("{rival:?} knows that it is revoked"));
            }
            let verdicts = (ours, theirs.verdict);
            if verdicts.0 != verdicts.1 && self.explanation(*rival, theirs).is_none() {
                return Err(format!("{rival:?}: nothing explains {verdicts:?}"));
            }
        }
        let openssl_says_something = self.theirs.iter().any(|(rival, _)| rival.is_openssl());
        if ours == Verdict::Good
            && openssl_says_something
            && !is(Rival::WebpkiLeaf, Verdict::Good)
            && !is(Rival::OpensslLeaf, Verdict::Good)
            && !Difference::excuses_good(self.plan)
        {
            return Err("both rivals turn it away".to_owned());
        }
        Ok(())
    }

    fn explanation(&self, rival: Rival, theirs: &Judgement) -> Option<&'static Difference> {
        let verdicts = (self.ours.verdict, theirs.verdict);
        Difference::explaining(self.plan, rival, verdicts)
    }

    /// Fails the test, with all there is to know.
    fn fail(&self) -> ! {
        let folder = Pki::new(self.plan).write_files();
        let result = self.check();
        let mut text = format!("{result:?}\n{:?}\nours: {:?}\n", self.plan, self.ours);
        for (rival, judgement) in &self.theirs {
            writeln!(text, "{rival:?}: {judgement:?}").unwrap();
        }
        panic!("{text}PEM files: {folder:?}");
    }
}

/// What was compared.
#[derive(Default)]
struct Tally {
    cases: u32,
    ours: BTreeMap<String, u32>,
    same: BTreeMap<String, u32>,
    /// By the name of the row and why ours is right.
    differences: BTreeMap<(&'static str, &'static str), BTreeMap<String, u32>>,
}

impl Tally {
    fn add(&mut self, comparison: &Comparison<'_>) {
        self.cases += 1;
        let ours = comparison.ours.verdict;
        *self.ours.entry(format!("{ours:?}")).or_default() += 1;
        for (rival, judgement) in &comparison.theirs {
            let theirs = judgement.verdict;
            if theirs == ours {
                *self.same.entry(format!("{rival:?} {ours:?}")).or_default() += 1;
            } else if let Some(row) = comparison.explanation(*rival, judgement) {
                let times = self.differences.entry((row.name, row.why)).or_default();
                *times
                    .entry(format!("{rival:?} {theirs:?}, ours {ours:?}"))
                    .or_default() += 1;
            }
        }
    }

    /// A comparison in which all are unknown would prove nothing.
    fn assert_not_one_sided(&self) {
        for verdict in [Verdict::Good, Verdict::Revoked, Verdict::Unknown] {
            let times = self.ours.get(&format!("{verdict:?}")).copied().unwrap_or(0);
            assert!(
                times >= self.cases / 10,
                "{verdict:?} {times} times of {}",
                self.cases
            );
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} cases, ours: {:?}\nthe same:", self.cases, self.ours)?;
        for (what, times) in &self.same {
            writeln!(f, "{times:8} {what}")?;
        }
        for ((name, why), differences) in &self.differences {
            writeln!(f, "{name}: {why}")?;
            for (what, times) in differences {
                writeln!(f, "{times:8} {what}")?;
            }
        }
        Ok(())
    }
}
