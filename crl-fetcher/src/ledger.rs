//! What the next snapshot will say: what the last one said, plus every CRL that supersedes a part
//! of it. Pure: CRLs come in verified, contents go out.
//!
//! Knowledge only grows: a CRL is replaced by a newer one of its scope and by nothing else; what a CA
//! has announced is kept until one of its CRLs lists it; and what the operator has blocked is what
//! the overrides say that could be read last.

use std::collections::BTreeMap;

use revocation::{
    BlockedKey, Contents, CrlRecord, Issuer, IssuerRecord, Notice, ObjectRef, Origin, Role,
    UnixTime, UnknownReason, UnknownReasons,
};

use crate::crl::VerifiedCrl;
use crate::overrides::{Block, Overrides};
use crate::refusal::Refusal;
use crate::truststore::{CaCertificate, Truststore};

/// The CAs of a truststore and the newest CRL of each scope.
#[derive(Debug)]
pub struct Ledger<'t> {
    truststore: &'t Truststore,
    issuers: BTreeMap<Issuer, IssuerRecord>,
    blocked_keys: Vec<BlockedKey>,
    /// Keys of objects that CRLs are held from and that are not there any more.
    vanished: Vec<String>,
}

/// What became of a CRL that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// It is the first of its scope, or supersedes the one held.
    New,
    /// It is the one held.
    Unchanged,
}

impl<'t> Ledger<'t> {
    /// Begins with every CA of the truststore and what `held` knows of it. What it knows of other
    /// CAs is dropped: they may not vouch for anything any more.
    pub fn new(truststore: &'t Truststore, mut held: Option<Contents>) -> Self {
        let blocked_keys = held
            .as_mut()
            .map(|contents| std::mem::take(&mut contents.blocked_keys));
        let mut held: BTreeMap<Issuer, IssuerRecord> = held
            .map(|contents| contents.issuers)
            .unwrap_or_default()
            .into_iter()
            .map(|record| (record.issuer.clone(), record))
            .collect();
        let carried = |mut record: IssuerRecord| {
            if let Some(held) = held.remove(&record.issuer) {
                (record.crls, record.notices) = (held.crls, held.notices);
            }
            (record.issuer.clone(), record)
        };
        Self {
            issuers: truststore.issuers().into_iter().map(carried).collect(),
            blocked_keys: blocked_keys.unwrap_or_default(),
            vanished: Vec::new(),
            truststore,
        }
    }

    /// Takes a CRL in, if it supersedes the one held for its scope.
    ///
    /// # Errors
    /// Its number is lower than the one held, or the same with other content: somebody put an old
    /// or a second list in place of the current one.
    pub fn adopt(&mut self, crl: VerifiedCrl, source: ObjectRef) -> Result<Adopted, Refusal> {
        let (issuer, record) = crl
            .into_record(source)
            .map_err(|error| Refusal::Unreadable(error.to_string()))?;
        let Some(IssuerRecord { crls, .. }) = self.issuers.get_mut(&issuer) else {
            return Err(Refusal::ForeignIssuer);
        };
        let Some(held) = crls.iter_mut().find(|held| held.scope == record.scope) else {
            crls.push(record);
            return Ok(Adopted::New);
        };
        match record.number.cmp(&held.number) {
            std::cmp::Ordering::Greater => {
                *held = record;
                Ok(Adopted::New)
            }
            std::cmp::Ordering::Equal if held.digest == record.digest => {
                // Of two objects with the same CRL the first one stays the source, or each refresh
                // would find the other one changed.
                if held.source.key == record.source.key || self.vanished.contains(&held.source.key)
                {
                    held.source = record.source;
                }
                Ok(Adopted::Unchanged)
            }
            std::cmp::Ordering::Equal => Err(Refusal::CrlNumberReused {
                number: record.number,
            }),
            std::cmp::Ordering::Less => Err(Refusal::CrlNumberLower {
                held: held.number.clone(),
                found: record.number,
            }),
        }
    }

    /// Takes a notice about a certificate of that CA in. One that is there already stays as it is, so
    /// that an announcement which comes twice is as old as the first.
    pub fn notice(&mut self, issuer: &Issuer, notice: Notice) {
        if let Some(IssuerRecord { notices, .. }) = self.issuers.get_mut(issuer)
            && !notices.iter().any(|held| held.key() == notice.key())
        {
            notices.push(notice);
        }
    }

    /// Takes the operator's overrides in the place of those held. Returns the blocks that have no
    /// effect, because the truststore has no CA with that key identifier.
    pub fn override_with<'o>(&mut self, overrides: &'o Overrides) -> Vec<&'o Block> {
        self.forget_overrides();
        let mut without_ca = Vec::new();
        for block in &overrides.blocks {
            if let Some(blocked) = block.blocked_key() {
                self.block_key(blocked);
            }
            let Some((key_id, notice)) = block.notice() else {
                continue;
            };
            let mut has_ca = false;
            for record in self.issuers.values_mut() {
                if record.issuer.key_id == key_id {
                    has_ca = true;
                    override_one(&mut record.notices, notice);
                }
            }
            if !has_ca {
                without_ca.push(block);
            }
        }
        without_ca
    }

    /// Of several blocks of one key, the one that ends last counts.
    fn block_key(&mut self, blocked: BlockedKey) {
        let mut held = self.blocked_keys.iter_mut();
        match held.find(|held| held.key == blocked.key) {
            Some(held) if held.until < blocked.until => *held = blocked,
            Some(_) => {}
            None => self.blocked_keys.push(blocked),
        }
    }

    /// Whether any override is held.
    pub fn has_overrides(&self) -> bool {
        let mut notices = self.issuers.values().flat_map(|record| &record.notices);
        !self.blocked_keys.is_empty() || notices.any(|notice| notice.origin == Origin::Override)
    }

    /// Drops the operator's overrides.
    pub fn forget_overrides(&mut self) {
        self.blocked_keys.clear();
        for record in self.issuers.values_mut() {
            let notices = &mut record.notices;
            notices.retain(|notice| notice.origin != Origin::Override);
        }
    }

    /// The CAs, with what is known of them.
    pub fn issuers(&self) -> impl Iterator<Item = &IssuerRecord> {
        self.issuers.values()
    }

    /// The keys of objects that CRLs are held from and that are not listed any more. What they
    /// revoked stays revoked; from now on the same CRL under another key takes their place.
    pub fn find_vanished(&mut self, is_listed: impl Fn(&str) -> bool) -> &[String] {
        let keys = self.records().map(|record| &record.source.key);
        let mut vanished: Vec<_> = keys.filter(|key| !is_listed(key)).cloned().collect();
        vanished.sort_unstable();
        vanished.dedup();
        self.vanished = vanished;
        &self.vanished
    }

    /// The CRLs held that were read from the object with that key.
    pub fn from_object<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a CrlRecord> {
        self.records()
            .filter(move |record| record.source.key == key)
    }

    /// Every CRL held.
    pub fn records(&self) -> impl Iterator<Item = &CrlRecord> {
        self.issuers.values().flat_map(|record| &record.crls)
    }

    /// Has that version of an object read again by the next refresh, though it will not have
    /// changed: only a part of it was taken.
    pub fn mark_unfinished(&mut self, object: &ObjectRef) {
        let crls = self
            .issuers
            .values_mut()
            .flat_map(|record| &mut record.crls);
        for crl in crls.filter(|crl| crl.source == *object) {
            crl.source.etag.clear();
        }
    }

    /// The contents of a snapshot, with what is known of each CA's own status.
    pub fn into_contents(self, built_at: UnixTime, truststore: ObjectRef) -> Contents {
        let mut issuers: Vec<_> = self.issuers.into_values().collect();
        forget_notices(&mut issuers, built_at);
        for record in &mut issuers {
            // The order of the encoding, so that equal contents compare as equal.
            record.crls.sort_by(|a, b| a.scope.cmp(&b.scope));
            record.notices.sort_unstable();
        }
        let mut blocked_keys = self.blocked_keys;
        blocked_keys.retain(|blocked| built_at <= blocked.until);
        blocked_keys.sort_unstable();
        let builder = concat!("crl-fetcher ", env!("CARGO_PKG_VERSION")).to_owned();
        let mut contents = Contents {
            built_at,
            builder,
            truststore,
            blocked_keys,
            issuers,
        };
        judge_cas(&mut contents, self.truststore);
        contents
    }
}

/// Of several blocks of one certificate, the one that ends last counts.
fn override_one(notices: &mut Vec<Notice>, notice: Notice) {
    match notices.iter_mut().find(|held| held.key() == notice.key()) {
        Some(held) if held.until < notice.until => *held = notice,
        Some(_) => {}
        None => notices.push(notice),
    }
}

/// The announcements whose certificate a CRL lists by now, and all that have ended. What the operator
/// has blocked stays, listed or not: it does not depend on what a CA says later.
fn forget_notices(issuers: &mut [IssuerRecord], now: UnixTime) {
    let speaks_for = |signer: &IssuerRecord, ca: &IssuerRecord| {
        signer.issuer == ca.issuer
            || signer.role == Role::CrlSigner && signer.issuer.name == ca.issuer.name
    };
    let is_listed = |ca: &IssuerRecord, notice: &Notice| {
        let mut signers = issuers.iter().filter(|signer| speaks_for(signer, ca));
        signers.any(|signer| {
            let mut crls = signer.crls.iter();
            crls.any(|crl| crl.revoked.contains(&notice.serial))
        })
    };
    let kept_of = |ca: &IssuerRecord| -> Vec<_> {
        let notices = ca.notices.iter().copied();
        notices
            .filter(|notice| {
                let is_announced = notice.origin == Origin::Announcement;
                now <= notice.until && !(is_announced && is_listed(ca, notice))
            })
            .collect()
    };
    let kept: Vec<_> = issuers.iter().map(kept_of).collect();
    for (ca, kept) in issuers.iter_mut().zip(kept) {
        ca.notices = kept;
    }
}

/// Looks every CA certificate up in the CRLs of its own issuers.
fn judge_cas(contents: &mut Contents, truststore: &Truststore) {
    loop {
        // What becomes known of one CA may concern those that it issued, so look again until nothing
        // changes. Judgements only get worse, so that ends.
        let judge = |record: &IssuerRecord| judge_ca(record, contents, truststore);
        let judgements: Vec<_> = contents.issuers.iter().map(judge).collect();
        let mut changed = false;
        for (record, judgement) in contents.issuers.iter_mut().zip(judgements) {
            changed |= (record.revoked, record.good_until) != judgement;
            (record.revoked, record.good_until) = judgement;
        }
        if !changed {
            return;
        }
    }
}

/// Whether a CA is revoked, and until when it is known that it is not.
///
/// It is revoked when each of its certificates is that is valid now: as long as one of them stands,
/// there is a valid path through it. Of a CA without a valid one, any that is revoked is enough.
fn judge_ca(
    record: &IssuerRecord,
    contents: &Contents,
    truststore: &Truststore,
) -> (bool, UnixTime) {
    let certificates = || {
        truststore
            .certificates_of(&record.issuer)
            .filter(|ca| ca.role == record.role)
    };
    let is_valid = |ca: &CaCertificate| ca.is_valid_at(contents.built_at);
    let some_are_valid = certificates().any(is_valid);
    let judged: Vec<_> = certificates()
        .filter(|ca| !some_are_valid || is_valid(ca))
        .map(|ca| judge_certificate(ca, contents))
        .collect();
    let mut standing = judged.iter().flatten().peekable();
    let revoked = match some_are_valid {
        true => standing.peek().is_none(),
        false => judged.contains(&None),
    };
    (revoked, standing.max().copied().unwrap_or(UnixTime::MIN))
}

/// Until when it is known that a CA certificate is not revoked; `None` if it is.
///
/// Every CA of a truststore is an anchor, which nobody is asked about (RFC 5280 §6.1.1 (d)). But
/// where a CRL of its own issuer is to be had, that CRL is believed, and missed when it is stale.
fn judge_certificate(ca: &CaCertificate, contents: &Contents) -> Option<UnixTime> {
    let certificate = ca.as_certificate();
    let outlook = match ca.role {
        Role::Ca => contents.outlook(&certificate),
        Role::CrlSigner => contents.outlook_without(&ca.issuer, &certificate),
    };
    // The time until which it is noticed does not matter: the next refresh judges anew.
    let is_blocked = outlook.notice.is_some() || outlook.blocked_key.is_some();
    if outlook.revoked.is_some() || is_blocked {
        return None;
    }
    let unknown = |reason: UnknownReason| outlook.unknown == UnknownReasons::from(reason);
    let is_unpromised = unknown(UnknownReason::NoCrl) && ca.distribution_points.is_empty();
    Some(if ca.is_self_signed() || unknown(UnknownReason::Issuer) {
        UnixTime::MAX
    } else if outlook.unknown.is_empty() || is_unpromised {
        outlook.fresh_until.min(outlook.issuer_good_until)
    } else {
        UnixTime::MIN
    })
}
