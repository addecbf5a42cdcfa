//! `crlctl snapshot diff`: what changed from one snapshot to another. When and by what a snapshot was
//! built is no difference, as it is no reason for the fetcher to publish one.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;

use revocation::{CrlView, IssuerView, SerialNumber, Snapshot, UnixTime};
use serde::Serialize;

use crate::facts::{BlockedKeyFacts, CrlFacts, IssuerFacts, Period, Plain, SnapshotFacts};
use crate::input::Source;

/// What changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Difference {
    differ: bool,
    old: SnapshotFacts,
    new: SnapshotFacts,
    /// The truststore is another one, or another version of it.
    truststore_changed: bool,
    /// What changed of the public keys that the operator has blocked.
    blocked_keys: Vec<BlockedKeyChange>,
    /// Those that changed in any way.
    issuers: Vec<IssuerChange>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct IssuerChange {
    change: Change,
    old: Option<IssuerFacts>,
    new: Option<IssuerFacts>,
    crls: Vec<CrlChange>,
    /// Serial numbers that a CRL of the issuer lists now, and none did.
    newly_listed: Listed,
    /// Serial numbers that a CRL of the issuer listed, and none does now.
    no_longer_listed: Listed,
}

#[derive(Debug, Serialize)]
struct BlockedKeyChange {
    change: Change,
    old: Option<BlockedKeyFacts>,
    new: Option<BlockedKeyFacts>,
}

#[derive(Debug, Serialize)]
struct CrlChange {
    change: Change,
    old: Option<CrlFacts>,
    new: Option<CrlFacts>,
}

/// What became of an issuer, of a blocked key, or of the CRL of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Change {
    Added,
    Removed,
    /// Of an issuer: something about it, or its CRLs. Of a blocked key: how long it is blocked.
    Changed,
    /// By a CRL of a greater number.
    Superseded,
    /// By a CRL of a lower number, which no fetcher does while it has the old snapshot.
    PutBack,
    /// By a CRL of the same number, which no fetcher does while it has the old snapshot.
    Replaced,
    /// It is the same CRL, in another object or version of it.
    Moved,
}

/// How many serial numbers there are, and the first of them in hexadecimal.
#[derive(Debug, Default, Serialize)]
struct Listed {
    count: u64,
    first: Vec<String>,
}

impl Difference {
    /// Compares two snapshots; of the serial numbers names the first `limit`.
    pub(crate) fn new(
        [old, new]: [&Snapshot<Vec<u8>>; 2],
        sources: [&Source; 2],
        limit: usize,
    ) -> Self {
        let truststore_changed = old.truststore() != new.truststore();
        // Whether a CA is in doubt is seen from one moment, so that only what is known makes a
        // difference.
        let at = new.built_at();
        let issuers = pairs(old.issuers(), new.issuers(), |issuer| {
            (issuer.name.to_vec(), issuer.key_id.to_vec())
        });
        let issuers: Vec<_> = issuers
            .into_values()
            .filter_map(|[old, new]| IssuerChange::new(old, new, at, limit))
            .collect();
        let blocked_keys = pairs(
            old.blocked_keys().iter(),
            new.blocked_keys().iter(),
            |blocked| blocked.key,
        );
        let blocked_keys: Vec<_> = blocked_keys
            .into_values()
            .filter_map(|keys| BlockedKeyChange::new(keys.map(|key| key.map(Into::into))))
            .collect();
        Self {
            differ: truststore_changed || !blocked_keys.is_empty() || !issuers.is_empty(),
            old: SnapshotFacts::new(old, sources[0]),
            new: SnapshotFacts::new(new, sources[1]),
            truststore_changed,
            blocked_keys,
            issuers,
        }
    }

    pub(crate) const fn differ(&self) -> bool {
        self.differ
    }
}

impl IssuerChange {
    /// `None` if there is none.
    fn new(
        old: Option<IssuerView<'_>>,
        new: Option<IssuerView<'_>>,
        at: UnixTime,
        limit: usize,
    ) -> Option<Self> {
        let facts = |issuer: &IssuerView<'_>| IssuerFacts::new(issuer, at, 0);
        let [old_crls, new_crls] =
            [&old, &new].map(|issuer| issuer.iter().flat_map(IssuerView::crls).collect::<Vec<_>>());
        let crls = pairs(old_crls.iter(), new_crls.iter(), |crl| crl.scope());
        let crls: Vec<_> = crls.into_values().filter_map(CrlChange::new).collect();
        let (old, new) = (old.as_ref().map(facts), new.as_ref().map(facts));
        let change = match (&old, &new) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            (Some(_), Some(_)) => Change::Changed,
        };
        if old == new && crls.is_empty() {
            return None;
        }
        let (newly_listed, no_longer_listed) = compare(&old_crls, &new_crls, limit);
        Some(Self {
            change,
            old,
            new,
            crls,
            newly_listed,
            no_longer_listed,
        })
    }
}

impl BlockedKeyChange {
    /// `None` if there is none.
    fn new([old, new]: [Option<BlockedKeyFacts>; 2]) -> Option<Self> {
        let change = match (&old, &new) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            (Some(_), Some(_)) => Change::Changed,
        };
        (old != new).then_some(Self { change, old, new })
    }
}

impl CrlChange {
    /// `None` if there is none.
    fn new([old, new]: [Option<&CrlView<'_>>; 2]) -> Option<Self> {
        let change = match (old, new) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            (Some(old), Some(new)) => match new.number().cmp(&old.number()) {
                Ordering::Greater => Change::Superseded,
                Ordering::Less => Change::PutBack,
                Ordering::Equal if new.digest != old.digest => Change::Replaced,
                Ordering::Equal if new.source != old.source => Change::Moved,
                Ordering::Equal => return None,
            },
        };
        Some(Self {
            change,
            old: old.map(CrlFacts::new),
            new: new.map(CrlFacts::new),
        })
    }
}

/// What two sides have, side by side by what they are known by.
fn pairs<T: Copy, K: Ord>(
    old: impl Iterator<Item = T>,
    new: impl Iterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> BTreeMap<K, [Option<T>; 2]> {
    let mut pairs: BTreeMap<K, [Option<T>; 2]> = BTreeMap::new();
    for old in old {
        pairs.entry(key(&old)).or_insert([None, None])[0] = Some(old);
    }
    for new in new {
        pairs.entry(key(&new)).or_insert([None, None])[1] = Some(new);
    }
    pairs
}

/// What only the new CRLs list, and what only the old ones do: O(n log k) for n numbers in k CRLs.
fn compare(old: &[CrlView<'_>], new: &[CrlView<'_>], limit: usize) -> (Listed, Listed) {
    let (mut newly, mut no_longer) = (Listed::default(), Listed::default());
    let (mut old, mut new) = (Union::new(old).peekable(), Union::new(new).peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(old), Some(new)) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return (newly, no_longer),
        };
        if order.is_le() {
            let serial = old.next().filter(|_| order.is_lt());
            serial
                .iter()
                .for_each(|serial| no_longer.add(serial, limit));
        }
        if order.is_ge() {
            let serial = new.next().filter(|_| order.is_gt());
            serial.iter().for_each(|serial| newly.add(serial, limit));
        }
    }
}

impl Listed {
    fn add(&mut self, serial: &SerialNumber, limit: usize) {
        self.count += 1;
        if self.first.len() < limit {
            self.first.push(serial.to_string());
        }
    }
}

/// The serial numbers of several CRLs in ascending order, each once.
struct Union<I> {
    sets: Vec<I>,
    /// The next number of each set that has one.
    next: BinaryHeap<Reverse<(SerialNumber, usize)>>,
}

impl<'c> Union<Box<dyn Iterator<Item = SerialNumber> + 'c>> {
    fn new(crls: &'c [CrlView<'_>]) -> Self {
        let boxed = |crl: &'c CrlView<'_>| -> Box<dyn Iterator<Item = SerialNumber> + 'c> {
            Box::new(crl.revoked.iter())
        };
        let mut union = Self {
            sets: crls.iter().map(boxed).collect(),
            next: BinaryHeap::new(),
        };
        (0..union.sets.len()).for_each(|index| union.advance(index));
        union
    }
}

impl<I: Iterator<Item = SerialNumber>> Union<I> {
    fn advance(&mut self, index: usize) {
        let next = self.sets.get_mut(index).and_then(Iterator::next);
        self.next
            .extend(next.map(|serial| Reverse((serial, index))));
    }
}

impl<I: Iterator<Item = SerialNumber>> Iterator for Union<I> {
    type Item = SerialNumber;

    fn next(&mut self) -> Option<SerialNumber> {
        let Reverse((serial, index)) = self.next.pop()?;
        self.advance(index);
        while let Some(&Reverse((other, index))) = self.next.peek()
            && other == serial
        {
            self.next.pop();
            self.advance(index);
        }
        Some(serial)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, facts) in [("old", &self.old), ("new", &self.new)] {
            let SnapshotFacts {
                source,
                id,
                built_at,
                ..
            } = facts;
            writeln!(
                f,
                "{label:<14} {id}, built {built_at}, from {}",
                Plain(source)
            )?;
        }
        if !self.differ {
            return writeln!(f, "no difference");
        }
        if self.truststore_changed {
            let (old, new) = (&self.old.truststore, &self.new.truststore);
            writeln!(f, "truststore     {old} -> {new}")?;
        }
        self.blocked_keys
            .iter()
            .try_for_each(|key| write!(f, "{key}"))?;
        self.issuers
            .iter()
            .try_for_each(|issuer| write!(f, "{issuer}"))
    }
}

impl fmt::Display for IssuerChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (old, new) = (self.old.as_ref(), self.new.as_ref());
        if let Some(facts) = new.or(old) {
            writeln!(f, "{} issuer {facts}", self.change.mark())?;
        }
        if let (Some(old), Some(new)) = (old, new)
            && old != new
        {
            for (label, facts) in [("was", old), ("is", new)] {
                let signs = match facts.signs_crls_only {
                    true => "; signs CRLs only",
                    false => "",
                };
                writeln!(f, "  {label:<12} {}{signs}", facts.standing_in_words())?;
            }
            let [before, now] = [old, new].map(|facts| &facts.announced);
            for (label, these, those) in [("announced", now, before), ("settled", before, now)] {
                let only: Vec<_> = these
                    .iter()
                    .filter(|serial| !those.contains(serial))
                    .collect();
                for serial in only {
                    writeln!(f, "  {label:<12} {serial}")?;
                }
            }
        }
        self.write_blocked(f)?;
        self.crls.iter().try_for_each(|crl| write!(f, "{crl}"))?;
        for (label, Listed { count, first }) in [
            ("newly listed", &self.newly_listed),
            ("not any more", &self.no_longer_listed),
        ] {
            if *count > 0 {
                let are_all = u64::try_from(first.len()) == Ok(*count);
                let more = if are_all { "" } else { " ..." };
                writeln!(f, "  {label:<12} {count}: {}{more}", first.join(" "))?;
            }
        }
        Ok(())
    }
}

impl IssuerChange {
    /// The certificates that are blocked newly, not any more, or for another time. A CA that has just
    /// come may have some, and those of one that goes go with it.
    fn write_blocked(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [old, new] = [&self.old, &self.new].map(|facts| {
            let blocked = facts.iter().flat_map(|facts| &facts.blocked);
            blocked.map(|blocked| (blocked.serial_number.as_str(), blocked.period))
        });
        for [old, new] in pairs(old, new, |(serial, _)| *serial).into_values() {
            write_block(f, old, new)?;
        }
        Ok(())
    }
}

fn write_block(
    f: &mut fmt::Formatter<'_>,
    old: Option<(&str, Period)>,
    new: Option<(&str, Period)>,
) -> fmt::Result {
    match (old, new) {
        (Some((_, old)), Some((_, new))) if old == new => Ok(()),
        (Some((_, old)), Some((what, new))) => {
            writeln!(f, "  blocked      {what}, {new}, was {old}")
        }
        (None, Some((what, new))) => writeln!(f, "  blocked      {what}, {new}"),
        (Some((what, _)), None) => writeln!(f, "  unblocked    {what}"),
        (None, None) => Ok(()),
    }
}

impl fmt::Display for BlockedKeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = self.change.mark();
        match (&self.old, &self.new) {
            (Some(old), Some(BlockedKeyFacts { key, period })) => {
                writeln!(f, "{mark} blocked key {key}, {period}, was {}", old.period)
            }
            (None, Some(BlockedKeyFacts { key, period })) => {
                writeln!(f, "{mark} blocked key {key}, {period}")
            }
            (Some(BlockedKeyFacts { key, .. }), None) => writeln!(f, "{mark} blocked key {key}"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Display for CrlChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, what) = (self.change.mark(), self.change.in_words());
        let Some(facts) = self.new.as_ref().or(self.old.as_ref()) else {
            return Ok(());
        };
        writeln!(f, "  {mark} CRL, {}: {what}", Plain(&facts.scope))?;
        for (label, facts) in [("was", &self.old), ("is", &self.new)] {
            if let Some(facts) = facts {
                let number = facts.crl_number.as_ref().map(ToString::to_string);
                let (number, entries) = (number.unwrap_or_default(), facts.entries);
                let CrlFacts {
                    this_update,
                    next_update,
                    source,
                    ..
                } = facts;
                writeln!(
                    f,
                    "    {label:<10} number {number}, {this_update} to {next_update}, {entries} \
                     entries, from {source}"
                )?;
            }
        }
        Ok(())
    }
}

impl Change {
    const fn mark(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Changed | Self::Superseded | Self::PutBack | Self::Replaced | Self::Moved => '~',
        }
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Superseded => "superseded",
            Self::PutBack => "put back to a lower number, as only a snapshot built anew can be",
            Self::Replaced => {
                "replaced under the same number, as only a snapshot built anew can be"
            }
            Self::Moved => "the same, from another object or version",
        }
    }
}
