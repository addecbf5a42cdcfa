//! What there is to tell of the snapshot: how old it was, and what came of asking for a newer one.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Counted since the last time it was taken.
#[derive(Debug)]
pub struct Observed {
    unchanged: AtomicU64,
    replaced: AtomicU64,
    failed: AtomicU64,
    greatest_age: AtomicI64,
}

/// What was counted.
pub(crate) struct Taken {
    /// Revalidations that S3 answered with 304.
    pub(crate) unchanged: u64,
    /// Revalidations that brought another snapshot.
    pub(crate) replaced: u64,
    /// Revalidations that failed.
    pub(crate) failed: u64,
    /// In whole seconds, of all snapshots that a decision was made from, since S3 last said that it is the
    /// current one. `None` without a decision.
    pub(crate) greatest_age: Option<i64>,
}

impl Default for Observed {
    fn default() -> Self {
        Self {
            unchanged: AtomicU64::default(),
            replaced: AtomicU64::default(),
            failed: AtomicU64::default(),
            greatest_age: AtomicI64::new(NONE),
        }
    }
}

impl Observed {
    pub(crate) fn unchanged(&self) {
        self.unchanged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn replaced(&self) {
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn decided_at_age(&self, seconds: i64) {
        self.greatest_age.fetch_max(seconds, Ordering::Relaxed);
    }

    pub(crate) fn take(&self) -> Taken {
        let count = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let greatest_age = self.greatest_age.swap(NONE, Ordering::Relaxed);
        Taken {
            unchanged: count(&self.unchanged),
            replaced: count(&self.replaced),
            failed: count(&self.failed),
            greatest_age: Some(greatest_age).filter(|age| *age != NONE),
        }
    }
}

const NONE: i64 = i64::MIN;
