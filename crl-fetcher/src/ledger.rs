//! What the next snapshot will say: what the last one said, plus every CRL that supersedes a part
//! of it. Pure: CRLs come in verified, contents go out.
//!
//! Knowledge only grows: a CRL is replaced by a newer one of its scope and by nothing else; what a CA
//! has announced is kept until one of its CRLs lists it.

use std::collections::BTreeMap;

use revocation::{
    Contents, CrlRecord, Issuer, IssuerRecord, Notice, ObjectRef, Role, UnixTime, UnknownReason,
    UnknownReasons,
};

use crate::crl::VerifiedCrl;
use crate::refusal::Refusal;
use crate::truststore::{CaCertificate, Truststore};

/// The CAs of a truststore and the newest CRL of each scope.
#[derive(Debug)]
pub struct Ledger<'t> {
    truststore: &'t Truststore,
    issuers: BTreeMap<Issuer, IssuerRecord>,
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
    pub fn new(truststore: &'t Truststore, held: Option<Contents>) -> Self {
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
        let builder = concat!("crl-fetcher ", env!("CARGO_PKG_VERSION")).to_owned();
        let mut contents = Contents {
            built_at,
            builder,
            truststore,
            issuers,
        };
        judge_cas(&mut contents, self.truststore);
        contents
    }
}

/// Those whose certificate a CRL lists by now, and those that have ended.
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
            .filter(|notice| now <= notice.until && !is_listed(ca, notice))
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
    if outlook.revoked.is_some() || outlook.notice.is_some() {
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
