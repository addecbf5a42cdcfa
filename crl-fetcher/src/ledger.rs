//! What the next snapshot will say: what the last one said, plus every CRL that supersedes a part
//! of it. Pure: CRLs come in verified, contents go out.
//!
//! Knowledge only grows: a CRL is replaced by a newer one of its scope and by nothing else.

use std::collections::BTreeMap;

use revocation::{Contents, CrlRecord, Issuer, IssuerRecord, ObjectRef, UnixTime};

use crate::crl::VerifiedCrl;
use crate::refusal::Refusal;
use crate::truststore::{CaCertificate, Truststore};

/// The CAs of a truststore and the newest CRL of each scope.
#[derive(Debug)]
pub struct Ledger<'t> {
    truststore: &'t Truststore,
    crls: BTreeMap<Issuer, Vec<CrlRecord>>,
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
        let mut held: BTreeMap<Issuer, Vec<CrlRecord>> = held
            .map(|contents| contents.issuers)
            .unwrap_or_default()
            .into_iter()
            .map(|record| (record.issuer, record.crls))
            .collect();
        let carried = |issuer: &Issuer| (issuer.clone(), held.remove(issuer).unwrap_or_default());
        Self {
            crls: truststore.issuers().into_iter().map(carried).collect(),
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
        let Some(crls) = self.crls.get_mut(&issuer) else {
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
        self.crls.values().flatten()
    }

    /// Has that version of an object read again by the next refresh, though it will not have
    /// changed: only a part of it was taken.
    pub fn mark_unfinished(&mut self, object: &ObjectRef) {
        for record in self
            .crls
            .values_mut()
            .flatten()
            .filter(|record| record.source == *object)
        {
            record.source.etag.clear();
        }
    }

    /// The contents of a snapshot, with the CAs marked that are revoked themselves.
    pub fn into_contents(self, built_at: UnixTime, truststore: ObjectRef) -> Contents {
        let record = |(issuer, mut crls): (Issuer, Vec<CrlRecord>)| {
            // The order of the encoding, so that equal contents compare as equal.
            crls.sort_by(|a, b| a.scope.cmp(&b.scope));
            IssuerRecord {
                issuer,
                revoked: false,
                crls,
            }
        };
        let mut issuers: Vec<_> = self.crls.into_iter().map(record).collect();
        mark_revoked_cas(&mut issuers, self.truststore, built_at);
        let builder = concat!("crl-fetcher ", env!("CARGO_PKG_VERSION")).to_owned();
        Contents {
            built_at,
            builder,
            truststore,
            issuers,
        }
    }
}

/// A CA is revoked when each of its certificates is that is valid now: as long as one of them stands,
/// there is a valid path through it. Of a CA without a valid one, any that is revoked is enough.
fn mark_revoked_cas(issuers: &mut [IssuerRecord], truststore: &Truststore, now: UnixTime) {
    loop {
        // A mark may revoke what that CA issued, so look again until nothing changes. Each round
        // marks at least one CA, so there are no more rounds than CAs.
        let is_to_mark = |record: &IssuerRecord| {
            let certificates = || {
                truststore
                    .named(&record.issuer.name)
                    .filter(|ca| ca.issuer == record.issuer)
            };
            let mut valid = certificates().filter(|ca| ca.is_valid_at(now)).peekable();
            match valid.peek() {
                Some(_) => valid.all(|ca| is_revoked(ca, issuers)),
                None => certificates().any(|ca| is_revoked(ca, issuers)),
            }
        };
        let marks: Vec<_> = issuers.iter().map(is_to_mark).collect();
        let mut changed = false;
        for (record, mark) in issuers.iter_mut().zip(marks) {
            changed |= mark && !record.revoked;
            record.revoked |= mark;
        }
        if !changed {
            return;
        }
    }
}

/// Whether a CRL of the certificate's issuer lists it, or its issuer is revoked.
fn is_revoked(ca: &CaCertificate, issuers: &[IssuerRecord]) -> bool {
    let issued_it = |record: &&IssuerRecord| {
        let key_id = &record.issuer.key_id;
        record.issuer.name == ca.issued_by
            && ca
                .authority_key_id
                .as_ref()
                .is_none_or(|named| named == key_id)
    };
    issuers.iter().filter(issued_it).any(|parent| {
        parent.revoked
            || parent
                .crls
                .iter()
                .any(|crl| crl.revoked.contains(&ca.serial))
    })
}
