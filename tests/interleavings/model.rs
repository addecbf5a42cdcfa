//! What may be published: the bucket's history, the snapshot's versions, and the rules that each
//! version and each answer of a fetcher must obey.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crl_fetcher::RefreshError;
use crl_fetcher::report::Report;
use revocation::Snapshot;

use crate::pool::{Crl, CrlId, Held, ObjectId, Pool, ScopeId};

/// The bucket and the snapshot of one interleaving.
pub(crate) struct Model<'p> {
    pool: &'p Pool,
    /// Every change of the bucket, oldest first.
    changes: Vec<Change>,
    /// Every version of the snapshot, oldest first.
    pub(crate) versions: Vec<Version>,
}

/// A rule, and how it is broken.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) how: String,
}

/// What must hold after each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// A fetcher tells what it did, and fails only where something else failed.
    Answer,
    /// Every version replaced the one that its writer had read.
    Chain,
    /// When all is quiet, a refresh publishes the greatest of all, and the next one nothing.
    Convergence,
    /// In a scope the CRL number never goes down, and one number never has two contents.
    NumberGrows,
    /// What is revoked stays so until a newer CRL of the scope does not list it.
    RevokedStays,
    /// Each version is what one refresh makes of the version before and the bucket's valid CRLs.
    Sequential,
}

/// One version of the snapshot.
pub(crate) struct Version {
    pub(crate) octets: Vec<u8>,
    etag: String,
    held: BTreeMap<ScopeId, Held>,
}

struct Change {
    step: usize,
    key: String,
    now: Option<ObjectId>,
}

/// What a fetcher has been told since it began or started over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attempt {
    /// The step at which it began.
    pub(crate) began: usize,
    /// Its time, in seconds since 1970.
    pub(crate) clock: i64,
    /// The version it read, if it has read: `None` where there was none.
    pub(crate) read: Option<Option<usize>>,
    /// The objects whose keys it was told.
    pub(crate) listed: BTreeMap<String, ObjectId>,
    /// What became of the CRLs it asked for.
    pub(crate) asked: BTreeMap<String, Reading>,
}

/// What a fetcher was told about an object.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// It was given a whole object, of the pool unless it was tampered with.
    Whole(Option<ObjectId>),
    /// The object is gone.
    Gone,
    /// Nothing, or too little.
    Failed,
}

/// A refresh that came to its end, and what happened to it on the way.
pub(crate) struct Finished<'a> {
    pub(crate) result: &'a Result<Report, RefreshError>,
    pub(crate) attempt: &'a Attempt,
    /// The last version that it wrote.
    pub(crate) wrote: Option<usize>,
    /// How many of its calls failed by a fault.
    pub(crate) faults: usize,
    /// How many of its writes were refused for their condition.
    pub(crate) conflicts: usize,
}

impl<'p> Model<'p> {
    pub(crate) const fn new(pool: &'p Pool) -> Self {
        Self {
            pool,
            changes: Vec::new(),
            versions: Vec::new(),
        }
    }

    pub(crate) fn change(&mut self, step: usize, key: &str, now: Option<ObjectId>) {
        self.changes.push(Change {
            step,
            key: key.to_owned(),
            now,
        });
    }

    /// What is in the bucket.
    pub(crate) fn bucket(&self) -> BTreeMap<String, ObjectId> {
        let mut bucket = BTreeMap::new();
        for Change { key, now, .. } in &self.changes {
            match now {
                Some(object) => bucket.insert(key.clone(), *object),
                None => bucket.remove(key),
            };
        }
        bucket
    }

    /// The objects that a fetcher is told about when it lists the bucket.
    pub(crate) fn listing(&self) -> BTreeMap<String, ObjectId> {
        let mut listing = self.bucket();
        listing.retain(|key, _| key.ends_with(".crl"));
        listing
    }

    /// What a version holds, in the words of the trace.
    pub(crate) fn describe(&self, version: usize) -> String {
        let held = self.versions[version].held.values();
        let names: Vec<_> = held
            .map(|held| self.pool.name_of_crl(&held.digest))
            .collect();
        format!("v{version} {{{}}}", names.join(", "))
    }

    /// Takes a new version in, written at step `until` by a fetcher after that attempt.
    pub(crate) fn publish(
        &mut self,
        octets: Vec<u8>,
        etag: String,
        attempt: &Attempt,
        until: usize,
    ) -> Vec<Violation> {
        let mut violations = Vec::new();
        let decoded = Snapshot::decode(octets.clone()).map_err(|error| error.to_string());
        let held = decoded.and_then(|snapshot| self.pool.held(&snapshot.to_contents()));
        let held = held.unwrap_or_else(|how| {
            violations.push(Violation::new(Rule::Sequential, how));
            BTreeMap::new()
        });

        let replaced = self.versions.len().checked_sub(1);
        if attempt.read != Some(replaced) {
            let name = |version: Option<usize>| match version {
                Some(version) => format!("v{version}"),
                None => "no version".to_owned(),
            };
            let read = attempt.read.map_or_else(|| "nothing".to_owned(), name);
            let how = format!(
                "it replaced {}, but its writer had read {read}",
                name(replaced)
            );
            violations.push(Violation::new(Rule::Chain, how));
        }
        if let Some(replaced) = replaced {
            violations.extend(self.compare(&self.versions[replaced].held, &held));
        }
        violations.extend(self.explain(&held, attempt, until));
        self.versions.push(Version { octets, etag, held });
        violations
    }

    /// Judges what a refresh answered.
    pub(crate) fn finish(&self, finished: &Finished<'_>) -> Option<Violation> {
        let Finished { attempt, .. } = finished;
        let answer = |how| Some(Violation::new(Rule::Answer, how));
        match finished.result {
            Ok(report) if report.snapshot.published => match finished.wrote {
                Some(wrote) if self.versions[wrote].etag == report.snapshot.etag => None,
                wrote => answer(format!(
                    "it says it published {}, but wrote {wrote:?}",
                    report.snapshot.etag
                )),
            },
            Ok(report) => {
                let Some(Some(read)) = attempt.read else {
                    return answer("it published nothing, though there is no snapshot".to_owned());
                };
                let version = &self.versions[read];
                if version.etag != report.snapshot.etag {
                    let etag = &report.snapshot.etag;
                    return answer(format!("it read v{read}, but says {etag} is published"));
                }
                let how = self.unlike_a_refresh(&version.held, attempt)?;
                answer(format!("it published nothing, but {how}"))
            }
            Err(RefreshError::Contended) if finished.conflicts >= ATTEMPTS => None,
            Err(_) if finished.faults > 0 => None,
            Err(error) => answer(format!("it failed though no call did: {error}")),
        }
    }

    /// Judges the last version once a quiet refresh is through.
    pub(crate) fn converge(&self) -> Vec<Violation> {
        let broken = |how| Violation::new(Rule::Convergence, how);
        let Some(last) = self.versions.last() else {
            return vec![broken("there is no snapshot".to_owned())];
        };
        let mut violations = Vec::new();
        for (scope, of) in self.pool.scopes.iter().enumerate() {
            let published = self.versions.iter().filter_map(|one| one.held.get(&scope));
            let ever_published: BTreeMap<_, _> =
                published.map(|held| (held.number, held.digest)).collect();
            let there: BTreeSet<_> = self
                .listing()
                .values()
                .flat_map(|&object| self.valid_in(object))
                .filter(|(_, crl)| crl.scope == scope)
                .map(|(_, crl)| crl.number)
                .collect();
            let greatest = ever_published.keys().chain(&there).max();
            let held = last.held.get(&scope).map(|held| held.number);
            if held.as_ref() != greatest {
                let how = format!("{} is at {held:?}, not {greatest:?}", of.name);
                violations.push(broken(how));
            }
        }
        violations
    }

    /// From one version to the next nothing gets lost.
    fn compare(
        &self,
        before: &BTreeMap<ScopeId, Held>,
        after: &BTreeMap<ScopeId, Held>,
    ) -> Vec<Violation> {
        let mut violations = Vec::new();
        for (&scope, old) in before {
            let name = self.pool.scopes[scope].name;
            let Some(new) = after.get(&scope) else {
                let how = format!("{name} is gone");
                violations.push(Violation::new(Rule::RevokedStays, how));
                continue;
            };
            if new.number < old.number {
                let how = format!("{name} went from {} to {}", old.number, new.number);
                violations.push(Violation::new(Rule::NumberGrows, how));
            }
            if new.number == old.number && new.digest != old.digest {
                let how = format!("{name} has another CRL {}", old.number);
                violations.push(Violation::new(Rule::NumberGrows, how));
            }
            let lost: Vec<_> = old.serials.difference(&new.serials).collect();
            let is_taken_off = new.number > old.number && self.lists_none(&new.digest, &lost);
            if !lost.is_empty() && !is_taken_off {
                let how = format!("{name} lost {lost:?}");
                violations.push(Violation::new(Rule::RevokedStays, how));
            }
        }
        violations
    }

    fn lists_none(&self, digest: &[u8; 32], serials: &[&Vec<u8>]) -> bool {
        let crl = self.pool.crls.iter().find(|crl| crl.digest == *digest);
        crl.is_some_and(|crl| !serials.iter().any(|serial| crl.serials.contains(*serial)))
    }

    /// Whether one refresh may make `held` of the version that it read and of what was in the
    /// bucket in the meantime.
    fn explain(
        &self,
        held: &BTreeMap<ScopeId, Held>,
        attempt: &Attempt,
        until: usize,
    ) -> Vec<Violation> {
        let mut violations = Vec::new();
        let nothing = BTreeMap::new();
        let base = match attempt.read {
            Some(Some(read)) => &self.versions[read].held,
            _ => &nothing,
        };
        for (scope, new) in held {
            if base.get(scope) == Some(new) {
                continue;
            }
            let name = self.pool.name_of_crl(&new.digest);
            let crl = self.pool.crls.iter().position(|crl| as_held(crl) == *new);
            if !crl.is_some_and(|crl| self.was_there(crl, attempt.began, until)) {
                let how = format!(
                    "{name} was not in the bucket from step {} to {until}",
                    attempt.began
                );
                violations.push(Violation::new(Rule::Sequential, how));
            }
        }
        if let Some(how) = self.unlike_a_refresh_to(base, held, attempt) {
            violations.push(Violation::new(Rule::Sequential, how));
        }
        violations
    }

    fn unlike_a_refresh(
        &self,
        unchanged: &BTreeMap<ScopeId, Held>,
        attempt: &Attempt,
    ) -> Option<String> {
        self.unlike_a_refresh_to(unchanged, unchanged, attempt)
    }

    /// How `after` differs from what a refresh makes of `base` and of what it was told.
    fn unlike_a_refresh_to(
        &self,
        base: &BTreeMap<ScopeId, Held>,
        after: &BTreeMap<ScopeId, Held>,
        attempt: &Attempt,
    ) -> Option<String> {
        for (scope, of) in self.pool.scopes.iter().enumerate() {
            let allowed = self.refreshed(scope, base.get(&scope), attempt);
            let found = after.get(&scope);
            let is_allowed = match found {
                Some(found) => allowed.contains(found),
                None => allowed.is_empty(),
            };
            if !is_allowed {
                let name = |held: &Held| self.pool.name_of_crl(&held.digest).to_owned();
                return Some(format!(
                    "for {} it holds {:?}, and a refresh with what it read would hold {:?}",
                    of.name,
                    found.map(name),
                    allowed.iter().map(name).collect::<Vec<_>>(),
                ));
            }
        }
        // What it did not ask for, it must have taken in before.
        for (key, &object) in &attempt.listed {
            if attempt.asked.contains_key(key) {
                continue;
            }
            for crl in self.believed_in(object, attempt.clock) {
                let held = after.get(&crl.scope).map(|held| held.number);
                if held.is_none_or(|held| held < crl.number) {
                    return Some(format!(
                        "it holds {held:?} and did not read {}, which was listed",
                        crl.name
                    ));
                }
            }
        }
        None
    }

    /// What a refresh may hold of a scope: the greatest of what was held and what it was given; of
    /// several with a new number any one.
    fn refreshed(&self, scope: ScopeId, base: Option<&Held>, attempt: &Attempt) -> Vec<Held> {
        let given: Vec<_> = attempt
            .asked
            .values()
            .filter_map(|reading| match reading {
                Reading::Whole(object) => *object,
                Reading::Gone | Reading::Failed => None,
            })
            .flat_map(|object| self.believed_in(object, attempt.clock))
            .filter(|crl| crl.scope == scope)
            .map(as_held)
            .collect();
        let greatest = given.iter().map(|held| held.number).max();
        match (base, greatest) {
            (Some(base), greatest) if greatest.is_none_or(|number| number <= base.number) => {
                vec![base.clone()]
            }
            (_, greatest) => given
                .into_iter()
                .filter(|held| Some(held.number) == greatest)
                .collect(),
        }
    }

    fn valid_in(&self, object: ObjectId) -> impl Iterator<Item = (CrlId, &Crl)> {
        let valid = self.pool.objects[object].valid.iter();
        valid.map(|&crl| (crl, &self.pool.crls[crl]))
    }

    /// The CRLs in an object that a fetcher with that clock believes.
    fn believed_in(&self, object: ObjectId, clock: i64) -> impl Iterator<Item = &Crl> {
        let valid = self.valid_in(object).map(|(_, crl)| crl);
        valid.filter(move |crl| crl.believed_from <= clock)
    }

    /// Whether some object had that CRL at some step between these.
    fn was_there(&self, crl: CrlId, from: usize, until: usize) -> bool {
        self.changes.iter().enumerate().any(|(index, change)| {
            let next = self.changes[index + 1..]
                .iter()
                .find(|next| next.key == change.key);
            let has_it = |object: ObjectId| self.valid_in(object).any(|(id, _)| id == crl);
            change.step <= until
                && next.is_none_or(|next| next.step >= from)
                && change.now.is_some_and(has_it)
        })
    }
}

impl Violation {
    pub(crate) const fn new(rule: Rule, how: String) -> Self {
        Self { rule, how }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.rule, self.how)
    }
}

fn as_held(crl: &Crl) -> Held {
    Held {
        number: crl.number,
        digest: crl.digest,
        serials: crl.serials.clone(),
    }
}

/// How often a refresh starts over before it gives up.
const ATTEMPTS: usize = 10;
