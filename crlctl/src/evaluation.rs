//! CRL files → a snapshot as crl-fetcher would publish it, and what became of each CRL.

use std::path::Path;

use crl_fetcher::crl::{ALLOWED_SKEW, CertificateList, Profile, VerifiedCrl, crls_in};
use crl_fetcher::ledger::Ledger;
use crl_fetcher::refusal::Refusal;
use crl_fetcher::report::show_name;
use crl_fetcher::truststore::Truststore;
use revocation::{CrlNumber, ObjectRef, Snapshot, UnixTime};

use crate::arguments::Verification;
use crate::input::{self, InputError};
use crate::report::{CrlReport, RefusalReport};

/// What the Lambdas would know from these files.
pub(crate) struct Evaluation {
    pub(crate) crls: Vec<CrlReport>,
    pub(crate) snapshot: Snapshot<Vec<u8>>,
}

impl Evaluation {
    pub(crate) fn new(arguments: &Verification) -> Result<Self, InputError> {
        let Verification {
            truststore,
            crl: paths,
            at,
        } = arguments;
        let truststore = input::truststore(truststore)?;
        let mut crls = Vec::new();
        let mut verified: Vec<(usize, &Path, VerifiedCrl)> = Vec::new();
        for path in paths {
            let octets = input::read(path)?;
            for mut inspection in Inspection::of_file(&octets) {
                match inspection.verify(&truststore, *at) {
                    Ok(crl) => verified.push((crls.len(), path, crl)),
                    Err(refusal) => inspection.refusal = Some(refusal),
                }
                crls.push(inspection.report(path, *at));
            }
        }
        // Oldest first: without a published snapshot to go back behind, an older CRL beside a newer
        // one is superseded, not refused.
        verified.sort_by_key(|(_, _, crl)| crl.profile().number.clone());
        let mut ledger = Ledger::new(&truststore, None);
        for (index, path, crl) in verified {
            if let Err(refusal) = ledger.adopt(crl, stand_in(path)) {
                crls[index].refuse(&refusal);
            }
        }
        let contents = ledger.into_contents(*at, ObjectRef::default());
        let unusable = |error: &dyn std::fmt::Display| {
            let what = format_args!("no snapshot can be built: {error}");
            InputError::new(paths[0].display(), what)
        };
        let octets = contents.encode().map_err(|error| unusable(&error))?;
        let snapshot = Snapshot::decode(octets).map_err(|error| unusable(&error))?;
        Ok(Self { crls, snapshot })
    }
}

/// One CRL of a file and what it says, as far as it can be read.
pub(crate) struct Inspection {
    der: Vec<u8>,
    issuer: Option<String>,
    number: Option<CrlNumber>,
    this_update: Option<UnixTime>,
    next_update: Option<UnixTime>,
    entries: Option<usize>,
    scope: Option<String>,
    refusal: Option<Refusal>,
}

impl Inspection {
    /// Each CRL of a file, or the reason why there is none.
    pub(crate) fn of_file(octets: &[u8]) -> Vec<Self> {
        match crls_in(octets) {
            Ok(crls) => crls.iter().map(|der| Self::new(der)).collect(),
            Err(refusal) => vec![Self {
                refusal: Some(refusal),
                ..Self::unread(&[])
            }],
        }
    }

    fn new(der: &[u8]) -> Self {
        let unread = Self::unread(der);
        let list = match CertificateList::from_der(der) {
            Ok(list) => list,
            Err(refusal) => {
                return Self {
                    refusal: Some(refusal),
                    ..unread
                };
            }
        };
        let read = Self {
            issuer: Some(show_name(list.issuer())),
            this_update: Some(list.this_update()),
            next_update: list.next_update(),
            ..unread
        };
        match list.profile() {
            Ok(profile) => read.with_profile(profile),
            Err(refusal) => Self {
                refusal: Some(refusal),
                ..read
            },
        }
    }

    fn unread(der: &[u8]) -> Self {
        Self {
            der: der.to_vec(),
            issuer: None,
            number: None,
            this_update: None,
            next_update: None,
            entries: None,
            scope: None,
            refusal: None,
        }
    }

    fn with_profile(self, profile: Profile) -> Self {
        Self {
            entries: Some(profile.entries()),
            scope: Some(profile.scope.to_string()),
            number: Some(profile.number),
            ..self
        }
    }

    fn verify(&self, truststore: &Truststore, at: UnixTime) -> Result<VerifiedCrl, Refusal> {
        match &self.refusal {
            Some(refusal) if self.der.is_empty() => Err(refusal.clone()),
            _ => CertificateList::from_der(&self.der)?.verify(truststore, at),
        }
    }

    pub(crate) fn report(&self, path: &Path, at: UnixTime) -> CrlReport {
        let is_current = |(this_update, next_update): (UnixTime, UnixTime)| {
            this_update <= at.plus(ALLOWED_SKEW) && at <= next_update
        };
        CrlReport {
            file: path.display().to_string(),
            accepted: self.refusal.is_none(),
            current: self
                .this_update
                .zip(self.next_update)
                .is_some_and(is_current),
            refusal: self.refusal.as_ref().map(RefusalReport::new),
            issuer: self.issuer.clone(),
            crl_number: self.number.clone(),
            this_update: self.this_update.map(|moment| moment.to_string()),
            next_update: self.next_update.map(|moment| moment.to_string()),
            entries: self.entries,
            scope: self.scope.clone(),
        }
    }
}

/// The file stands for the object of its name, wherever it lies here.
fn stand_in(path: &Path) -> ObjectRef {
    let name = path.file_name().unwrap_or_default();
    ObjectRef {
        key: name.to_string_lossy().into_owned(),
        etag: String::new(),
    }
}
