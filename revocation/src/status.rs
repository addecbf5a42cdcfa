//! What a snapshot says about a certificate: RFC 5280 §6.3.3, for the CRLs that AWS Private CA and
//! its like publish. What follows from `Unknown` is the authorizer's policy, not decided here.
//!
//! [`Outlook`] is what is known at any time; [`Status`] is what follows from it at one moment;
//! [`Explanation`] is what it follows from.

mod explanation;

use std::convert::Infallible;
use std::fmt;

pub use self::explanation::{CrlFinding, Explanation, IssuerFinding, ReferredBy};
use crate::distribution_point::DistributionPoint;
use crate::issuer::{Issuer, Role};
use crate::notice::{BlockedKey, Notice, Origin};
use crate::scope::{CertificateKind, Covers};
use crate::serial::SerialNumber;
use crate::snapshot::{
    BlockedKeys, Contents, CrlRecord, CrlView, FirstPart, IssuerRecord, IssuerView, Snapshot,
    SnapshotId,
};
use crate::time::UnixTime;

/// What is needed of a certificate to look it up.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// Its issuer, a DER `Name`.
    pub issuer: &'a [u8],
    /// The key identifier of its authority key identifier extension (RFC 5280 §4.2.1.1).
    pub authority_key_id: Option<&'a [u8]>,
    /// Its serial number.
    pub serial: SerialNumber,
    /// Its CRL distribution points.
    pub distribution_points: &'a [DistributionPoint],
    /// What it is.
    pub kind: CertificateKind,
    /// Its DER `SubjectPublicKeyInfo`.
    pub public_key: &'a [u8],
}

/// Whether a certificate is revoked, as far as a snapshot knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Status {
    /// A CRL that covers it is fresh and does not list it.
    NotRevoked,
    /// It must not be accepted.
    Revoked(RevokedBy),
    /// The snapshot cannot tell, for at least one reason.
    Unknown(UnknownReasons),
}

/// How a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedBy {
    /// A CRL of its issuer lists it.
    Listing,
    /// Its issuer is revoked itself.
    Issuer,
    /// No CRL of its issuer lists it yet, but there is a notice.
    Notice(Origin),
    /// The operator has blocked its public key.
    BlockedKey,
}

/// Why a snapshot cannot tell whether a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownReason {
    /// No CA of the truststore has the name and key identifier of its issuer.
    Issuer,
    /// The issuer has published no CRL. AWS Private CA writes none before the first certificate
    /// that refers to it.
    NoCrl,
    /// None of the issuer's CRLs covers it: the partition it belongs to is not there.
    Partition,
    /// The CRL that covers it is past its nextUpdate, grace included.
    Expired,
    /// Whether the issuer itself is revoked is not known: the CRL of *its* issuer is missing or past
    /// its nextUpdate, grace included.
    IssuerStatus,
}

/// Several reasons at once: whoever wants to let one of them pass must not let the others.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct UnknownReasons(u8);

/// What is known of a certificate, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// Whether it is revoked, which nothing can change.
    pub revoked: Option<RevokedBy>,
    /// The notice about it that counts the longest.
    pub notice: Option<Notice>,
    /// The block of its public key.
    pub blocked_key: Option<BlockedKey>,
    /// Why it cannot be told, whatever the time.
    pub unknown: UnknownReasons,
    /// Until when the CRLs that cover it are fresh, grace not included; [`UnixTime::MAX`] where there
    /// is none, which is one of the reasons above.
    pub fresh_until: UnixTime,
    /// Until when it is known that its issuer is not revoked, grace not included.
    pub issuer_good_until: UnixTime,
}

/// Which CRLs of an issuer are authoritative for a certificate: where these are fresh and no CRL lists
/// it, it is not revoked. The first of these rules that some CRL meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// Those whose issuing distribution point has a name in common with one of the certificate's
    /// distribution points. The freshest counts.
    DistributionPoint,
    /// The complete ones, of an issuer without partitions. The freshest counts.
    Complete,
    /// The complete ones, of an issuer with partitions, that were read from the object which one of the
    /// certificate's distribution points leads to. The freshest counts.
    Object,
    /// All of them, where there are complete ones and partitions and the certificate has no
    /// distribution point. The stalest counts.
    Every,
}

/// What can be asked for the status of certificates: a snapshot, or the first part of one.
pub trait StatusSource {
    /// Why there is no answer, where there may be none.
    type Undecided;

    /// See [`Snapshot::id`].
    fn id(&self) -> SnapshotId;

    /// See [`Snapshot::status`].
    ///
    /// # Errors
    /// There is no answer yet.
    fn status(
        &self,
        certificate: &Certificate<'_>,
        now: UnixTime,
        grace: i64,
    ) -> Result<Status, Self::Undecided>;
}

/// Only the second part of the snapshot can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondPartNeeded;

impl<D: AsRef<[u8]>> StatusSource for Snapshot<D> {
    type Undecided = Infallible;

    fn id(&self) -> SnapshotId {
        self.id()
    }

    fn status(
        &self,
        certificate: &Certificate<'_>,
        now: UnixTime,
        grace: i64,
    ) -> Result<Status, Infallible> {
        Ok(self.status(certificate, now, grace))
    }
}

impl<D: AsRef<[u8]>> StatusSource for FirstPart<D> {
    type Undecided = SecondPartNeeded;

    fn id(&self) -> SnapshotId {
        self.id()
    }

    fn status(
        &self,
        certificate: &Certificate<'_>,
        now: UnixTime,
        grace: i64,
    ) -> Result<Status, SecondPartNeeded> {
        let outlook = outlook(self.issuers_here(certificate.issuer), certificate)?;
        let outlook = outlook.with_key(blocked_key(self.blocked_keys(), certificate));
        Ok(outlook.at(now, grace))
    }
}

impl<D: AsRef<[u8]>> Snapshot<D> {
    /// The status of a certificate at the moment `now`. A CRL counts as fresh until `grace` seconds
    /// after its nextUpdate. O(log n) for each CRL of the issuer.
    ///
    /// Without an authority key identifier in the certificate, any CA of its issuer's name may have
    /// signed it: one that revokes it is enough, and all of them must know that it is not revoked.
    pub fn status(&self, certificate: &Certificate<'_>, now: UnixTime, grace: i64) -> Status {
        self.outlook(certificate).at(now, grace)
    }

    /// What is known of a certificate at any time. See [`Self::status`].
    pub fn outlook(&self, certificate: &Certificate<'_>) -> Outlook {
        whole(outlook(self.issuers_named(certificate.issuer), certificate))
            .with_key(blocked_key(self.blocked_keys(), certificate))
    }
}

/// Hashes the certificate's key only where one is blocked.
fn blocked_key(blocked: BlockedKeys<'_>, certificate: &Certificate<'_>) -> Option<BlockedKey> {
    match blocked.is_empty() {
        true => None,
        false => blocked.find(&BlockedKey::hash(certificate.public_key)),
    }
}

impl Contents {
    /// As [`Snapshot::outlook`], of a snapshot with these contents; O(n) in the number of issuers.
    pub fn outlook(&self, certificate: &Certificate<'_>) -> Outlook {
        let is_named = |record: &&IssuerRecord| record.issuer.name == certificate.issuer;
        whole(outlook(self.issuers.iter().filter(is_named), certificate))
            .with_key(self.blocked_key(certificate))
    }

    /// As [`Self::outlook`], but without what that issuer says: nobody vouches for himself.
    pub fn outlook_without(&self, issuer: &Issuer, certificate: &Certificate<'_>) -> Outlook {
        let is_named = |record: &&IssuerRecord| {
            record.issuer.name == certificate.issuer && record.issuer != *issuer
        };
        whole(outlook(self.issuers.iter().filter(is_named), certificate))
            .with_key(self.blocked_key(certificate))
    }

    fn blocked_key(&self, certificate: &Certificate<'_>) -> Option<BlockedKey> {
        if self.blocked_keys.is_empty() {
            return None;
        }
        let key = BlockedKey::hash(certificate.public_key);
        let mut blocked = self.blocked_keys.iter();
        blocked.find(|blocked| blocked.key == key).copied()
    }
}

impl Outlook {
    /// The status at the moment `now`. A CRL counts as fresh until `grace` seconds after its
    /// nextUpdate.
    pub fn at(&self, now: UnixTime, grace: i64) -> Status {
        if let Some(by) = self.revoked {
            return Status::Revoked(by);
        }
        if let Some(notice) = self.notice
            && now <= notice.until
        {
            return Status::Revoked(RevokedBy::Notice(notice.origin));
        }
        if self.blocked_key.is_some_and(|blocked| now <= blocked.until) {
            return Status::Revoked(RevokedBy::BlockedKey);
        }
        let mut reasons = self.unknown;
        if now > self.fresh_until.plus(grace) {
            reasons = reasons.with(UnknownReason::Expired);
        }
        if now > self.issuer_good_until.plus(grace) {
            reasons = reasons.with(UnknownReason::IssuerStatus);
        }
        if reasons.is_empty() {
            Status::NotRevoked
        } else {
            Status::Unknown(reasons)
        }
    }

    fn with_key(self, blocked_key: Option<BlockedKey>) -> Self {
        Self {
            blocked_key,
            ..self
        }
    }

    /// For a certificate that either of two CAs may have issued.
    fn or(self, other: Self) -> Self {
        Self {
            revoked: self.revoked.or(other.revoked),
            notice: longest(self.notice.into_iter().chain(other.notice)),
            blocked_key: self.blocked_key.or(other.blocked_key),
            unknown: self.unknown.union(other.unknown),
            fresh_until: self.fresh_until.min(other.fresh_until),
            issuer_good_until: self.issuer_good_until.min(other.issuer_good_until),
        }
    }

    fn unknown(reason: UnknownReason) -> Self {
        Self {
            revoked: None,
            notice: None,
            blocked_key: None,
            unknown: reason.into(),
            fresh_until: UnixTime::MAX,
            issuer_good_until: UnixTime::MAX,
        }
    }
}

/// An issuer with its CRLs, of a snapshot or of what will become one.
trait Issuing: Copy {
    type Crl: Listing;
    fn key_id(&self) -> &[u8];
    fn role(&self) -> Role;
    fn key_id_is_derived(&self) -> bool;
    fn is_revoked(&self) -> bool;
    fn good_until(&self) -> UnixTime;
    fn notices_about(&self, serial: &SerialNumber) -> impl Iterator<Item = Notice>;
    fn listings(&self) -> impl Iterator<Item = Self::Crl>;
}

/// A CRL of an issuer.
trait Listing: Copy {
    /// `None`: only the second plane of its set can tell, and it is missing.
    fn lists(&self, serial: &SerialNumber) -> Option<bool>;
    fn is_partition(&self) -> bool;
    fn is_for(&self, name: &[u8]) -> bool;
    fn covers(&self) -> Covers;
    fn next_update(&self) -> UnixTime;
    fn source_key(&self) -> &str;
}

/// Where the second planes are there, there is always an outlook.
fn whole(outlook: Result<Outlook, SecondPartNeeded>) -> Outlook {
    outlook.unwrap_or_else(|_| unreachable!("no set lacks its second plane"))
}

fn outlook<I: Issuing>(
    named: impl Iterator<Item = I> + Clone,
    certificate: &Certificate<'_>,
) -> Result<Outlook, SecondPartNeeded> {
    candidates(named.clone(), certificate)
        .map(|issuer| outlook_under(issuer, crl_signers(named.clone()), certificate))
        .reduce(|one, other| Ok(one?.or(other?)))
        .unwrap_or_else(|| Ok(Outlook::unknown(UnknownReason::Issuer)))
}

/// Those CAs among the ones of its issuer's name that may have issued a certificate.
fn candidates<I: Issuing>(
    named: impl Iterator<Item = I> + Clone,
    certificate: &Certificate<'_>,
) -> impl Iterator<Item = I> {
    let authority_key_id = certificate.authority_key_id;
    let is_meant = move |issuer: &I| authority_key_id == Some(issuer.key_id());
    let one_is_meant = named.clone().any(|issuer| is_meant(&issuer));
    // A CA that states no key identifier may be referred to by one that it derived in a way of its
    // own, and one that is not referred to by its key may be any.
    let is_possible = move |issuer: &I| match authority_key_id {
        Some(_) if one_is_meant => is_meant(issuer),
        Some(_) => issuer.key_id_is_derived(),
        None => true,
    };
    named.filter(move |issuer| issuer.role() == Role::Ca && is_possible(issuer))
}

/// Those that speak for the CAs of their name.
fn crl_signers<I: Issuing>(
    named: impl Iterator<Item = I> + Clone,
) -> impl Iterator<Item = I> + Clone {
    named.filter(|issuer| issuer.role() == Role::CrlSigner)
}

/// A CRL is as good as its signer: while that is not known to be good, it cannot vouch.
fn vouches_until(signer: impl Issuing) -> UnixTime {
    match signer.is_revoked() {
        true => UnixTime::MIN,
        false => signer.good_until(),
    }
}

fn outlook_under<I: Issuing>(
    issuer: I,
    signers: impl Iterator<Item = I>,
    certificate: &Certificate<'_>,
) -> Result<Outlook, SecondPartNeeded> {
    let of_signer = |signer: I| {
        let signer_until = vouches_until(signer);
        signer
            .listings()
            .map(move |crl| (crl, crl.next_update().min(signer_until)))
            .collect::<Vec<_>>()
    };
    let own = issuer.listings().map(|crl| (crl, crl.next_update()));
    let crls: Vec<_> = own.chain(signers.flat_map(of_signer)).collect();
    // Serial numbers are unique within an issuer (§4.1.2.2), and a revocation stays true: any CRL
    // of the issuer that lists the number is enough, however old it is and whatever it covers.
    let revoked = match issuer.is_revoked() {
        true => Some(RevokedBy::Issuer),
        false => is_listed(crls.iter().map(|(crl, _)| crl), &certificate.serial)?
            .then_some(RevokedBy::Listing),
    };
    let fresh_until = fresh_until(&crls, certificate).map(|(_, until)| until);
    let unknown = match fresh_until {
        _ if crls.is_empty() => UnknownReason::NoCrl.into(),
        None => UnknownReason::Partition.into(),
        Some(_) => UnknownReasons::default(),
    };
    Ok(Outlook {
        revoked,
        notice: longest(issuer.notices_about(&certificate.serial)),
        blocked_key: None,
        unknown,
        fresh_until: fresh_until.unwrap_or(UnixTime::MAX),
        issuer_good_until: issuer.good_until(),
    })
}

fn longest(notices: impl Iterator<Item = Notice>) -> Option<Notice> {
    notices.max_by_key(|notice| notice.until)
}

/// Whether one of the CRLs lists the number.
fn is_listed<'c, C: Listing + 'c>(
    crls: impl Iterator<Item = &'c C>,
    serial: &SerialNumber,
) -> Result<bool, SecondPartNeeded> {
    let mut answer = Ok(false);
    for crl in crls {
        match crl.lists(serial) {
            Some(true) => return Ok(true),
            Some(false) => {}
            None => answer = Err(SecondPartNeeded),
        }
    }
    answer
}

/// Until when "not listed" means "not revoked", by the CRLs that are authoritative for the
/// certificate, each with the moment up to which it is fresh itself; and which ones these are.
/// `None`: none of them is.
fn fresh_until<C: Listing>(
    crls: &[(C, UnixTime)],
    certificate: &Certificate<'_>,
) -> Option<(Authority, UnixTime)> {
    let of = |authority: Authority| {
        crls.iter()
            .filter(move |(crl, _)| authority.includes(crl, certificate))
            .map(|(_, until)| *until)
    };
    let latest = |authority| Some((authority, of(authority).max()?));
    let earliest = |authority| Some((authority, of(authority).min()?));
    if let Some(met) = latest(Authority::DistributionPoint) {
        return Some(met);
    }
    // AWS Private CA's complete CRLs carry no IDP while its certificates name a distribution point,
    // so without partitions the complete CRL answers for them too.
    let complete = latest(Authority::Complete);
    if complete.is_none() || !crls.iter().any(|(crl, _)| crl.is_partition()) {
        return complete;
    }
    // A CA that was switched to partitions: its earlier certificates are in the complete CRL, the
    // later ones in partitions.
    if certificate.distribution_points.is_empty() {
        return earliest(Authority::Every);
    }
    latest(Authority::Object)
}

impl Authority {
    /// Whether a CRL is one of those, where this is the rule.
    fn includes<C: Listing>(self, crl: &C, certificate: &Certificate<'_>) -> bool {
        // §6.3.3 (b)(2)(ii) and (iii): onlyContainsUserCerts and onlyContainsCACerts.
        let is_covering = crl.covers().includes(certificate.kind);
        let mut conclusive = certificate
            .distribution_points
            .iter()
            .filter(|point| point.is_conclusive());
        match self {
            // §6.3.3 (b)(2)(i): one of the names in the IDP must match one of the names in the DP.
            Self::DistributionPoint => {
                let mut names = conclusive.flat_map(|point| &point.names);
                is_covering && names.any(|name| crl.is_for(name))
            }
            Self::Complete => is_covering && !crl.is_partition(),
            Self::Object => {
                let leads_there = |path| is_path_of(path, crl.source_key());
                let is_complete = is_covering && !crl.is_partition();
                is_complete && conclusive.any(|point| point.uri_paths().any(leads_there))
            }
            Self::Every => true,
        }
    }
}

/// Whether a URI's path leads to that object: `/KEY`, or `/BUCKET/KEY` in path-style addresses.
fn is_path_of(path: &str, key: &str) -> bool {
    path.strip_suffix(key)
        .is_some_and(|before| before.ends_with('/'))
}

impl<'a> Issuing for IssuerView<'a> {
    type Crl = CrlView<'a>;

    fn key_id(&self) -> &[u8] {
        self.key_id
    }

    fn role(&self) -> Role {
        self.role
    }

    fn key_id_is_derived(&self) -> bool {
        self.key_id_is_derived
    }

    fn is_revoked(&self) -> bool {
        self.revoked
    }

    fn good_until(&self) -> UnixTime {
        self.good_until
    }

    fn notices_about(&self, serial: &SerialNumber) -> impl Iterator<Item = Notice> {
        self.notices.about(serial)
    }

    fn listings(&self) -> impl Iterator<Item = CrlView<'a>> {
        self.crls()
    }
}

impl Listing for CrlView<'_> {
    fn lists(&self, serial: &SerialNumber) -> Option<bool> {
        self.revoked.find(serial)
    }

    fn is_partition(&self) -> bool {
        !self.names.is_empty()
    }

    fn is_for(&self, name: &[u8]) -> bool {
        self.names.iter().any(|own| own == name)
    }

    fn covers(&self) -> Covers {
        self.covers
    }

    fn next_update(&self) -> UnixTime {
        self.next_update
    }

    fn source_key(&self) -> &str {
        self.source.key
    }
}

impl<'a> Issuing for &'a IssuerRecord {
    type Crl = &'a CrlRecord;

    fn key_id(&self) -> &[u8] {
        &self.issuer.key_id
    }

    fn role(&self) -> Role {
        self.role
    }

    fn key_id_is_derived(&self) -> bool {
        self.key_id_is_derived
    }

    fn is_revoked(&self) -> bool {
        self.revoked
    }

    fn good_until(&self) -> UnixTime {
        self.good_until
    }

    fn notices_about(&self, serial: &SerialNumber) -> impl Iterator<Item = Notice> {
        let serial = *serial;
        let notices = self.notices.iter().copied();
        notices.filter(move |notice| notice.serial == serial)
    }

    fn listings(&self) -> impl Iterator<Item = &'a CrlRecord> {
        self.crls.iter()
    }
}

impl Listing for &CrlRecord {
    fn lists(&self, serial: &SerialNumber) -> Option<bool> {
        self.revoked.find(serial)
    }

    fn is_partition(&self) -> bool {
        self.scope.is_partition()
    }

    fn is_for(&self, name: &[u8]) -> bool {
        self.scope.names.iter().any(|own| own == name)
    }

    fn covers(&self) -> Covers {
        self.scope.covers
    }

    fn next_update(&self) -> UnixTime {
        self.next_update
    }

    fn source_key(&self) -> &str {
        &self.source.key
    }
}

impl UnknownReason {
    const ALL: [Self; 5] = [
        Self::Issuer,
        Self::NoCrl,
        Self::Partition,
        Self::Expired,
        Self::IssuerStatus,
    ];

    const fn bit(self) -> u8 {
        match self {
            Self::Issuer => 1,
            Self::NoCrl => 2,
            Self::Partition => 4,
            Self::Expired => 8,
            Self::IssuerStatus => 16,
        }
    }
}

impl UnknownReasons {
    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`UnknownReason`].
    pub fn iter(self) -> impl Iterator<Item = UnknownReason> {
        UnknownReason::ALL
            .into_iter()
            .filter(move |reason| self.0 & reason.bit() != 0)
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, reason: UnknownReason) -> Self {
        Self(self.0 | reason.bit())
    }

    const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl From<UnknownReason> for UnknownReasons {
    fn from(reason: UnknownReason) -> Self {
        Self::default().with(reason)
    }
}

impl fmt::Debug for UnknownReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl From<UnknownReason> for Status {
    fn from(reason: UnknownReason) -> Self {
        Self::Unknown(reason.into())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRevoked => "not-revoked",
            Self::Revoked(_) => "revoked",
            Self::Unknown(_) => "unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::write_element;
    use crate::snapshot::Lengths;
    use crate::{CrlNumber, Issuer, ObjectRef, RevokedSet, Scope};
    use proptest::prelude::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_000_000);
    const CA: &[u8] = b"a DER name";
    const KEY: &[u8] = b"key 1";

    fn serial(value: u8) -> SerialNumber {
        SerialNumber::from_der_integer(&[value]).unwrap()
    }

    fn uri(text: &str) -> Vec<u8> {
        let mut name = Vec::new();
        write_element(&mut name, 0x86, text.as_bytes());
        name
    }

    fn scope(uris: &[&str]) -> Scope {
        let mut names: Vec<_> = uris.iter().map(|text| uri(text)).collect();
        names.sort();
        Scope {
            names,
            covers: Covers::AllCertificates,
        }
    }

    fn crl(scope: Scope, key: &str, revoked: &[u8]) -> CrlRecord {
        CrlRecord {
            scope,
            number: CrlNumber::from_der_integer(&[1]).unwrap(),
            this_update: NOW.plus(-100),
            next_update: NOW.plus(100),
            source: ObjectRef {
                key: key.to_owned(),
                etag: String::new(),
            },
            digest: [0; 32],
            revoked: RevokedSet::from_serials(revoked.iter().map(|&value| serial(value)).collect())
                .unwrap(),
        }
    }

    fn expired(record: CrlRecord) -> CrlRecord {
        CrlRecord {
            next_update: NOW.plus(-1),
            ..record
        }
    }

    fn ca(key_id: &[u8], crls: &[CrlRecord]) -> IssuerRecord {
        let issuer = Issuer {
            name: CA.to_vec(),
            key_id: key_id.to_vec(),
        };
        IssuerRecord {
            crls: crls.to_vec(),
            ..IssuerRecord::new(issuer)
        }
    }

    fn snapshot(issuers: &[IssuerRecord]) -> Snapshot<Vec<u8>> {
        let contents = Contents {
            built_at: NOW,
            builder: String::new(),
            truststore: ObjectRef::default(),
            blocked_keys: Vec::new(),
            issuers: issuers.to_vec(),
        };
        Snapshot::decode(contents.encode().unwrap()).unwrap()
    }

    fn point(uris: &[&str]) -> DistributionPoint {
        DistributionPoint {
            names: uris.iter().map(|text| uri(text)).collect(),
            ..Default::default()
        }
    }

    fn leaf(value: u8, distribution_points: &[DistributionPoint]) -> Certificate<'_> {
        Certificate {
            issuer: CA,
            authority_key_id: Some(KEY),
            serial: serial(value),
            distribution_points,
            kind: CertificateKind::EndEntity,
            public_key: &[],
        }
    }

    const ANNOUNCED: Status = Status::Revoked(RevokedBy::Notice(Origin::Announcement));
    const REVOKED: Status = Status::Revoked(RevokedBy::Listing);
    const EXPIRED: Status = Status::Unknown(UnknownReasons(UnknownReason::Expired.bit()));
    const PARTITION: Status = Status::Unknown(UnknownReasons(UnknownReason::Partition.bit()));

    #[test]
    fn a_notice_revokes_until_it_ends_and_nothing_takes_it_back() {
        let notice = Notice {
            serial: serial(5),
            origin: Origin::Announcement,
            since: NOW.plus(-10),
            until: NOW.plus(50),
        };
        let complete = crl(Scope::complete(), "crl/ca.crl", &[7]);
        let record = |crls: &[CrlRecord]| IssuerRecord {
            notices: vec![notice],
            ..ca(KEY, crls)
        };
        for (crls, otherwise) in [
            (vec![complete.clone()], Status::NotRevoked),
            (vec![expired(complete.clone())], EXPIRED),
            (Vec::new(), Status::from(UnknownReason::NoCrl)),
        ] {
            let known = snapshot(&[record(&crls)]);
            let contents = known.to_contents();
            let announced = leaf(5, &[]);
            for (at, expected) in [
                (NOW, ANNOUNCED),
                (notice.until, ANNOUNCED),
                (notice.until.plus(1), otherwise),
            ] {
                assert_eq!(known.status(&announced, at, 0), expected);
                assert_eq!(contents.outlook(&announced).at(at, 0), expected);
            }
            assert_eq!(known.status(&leaf(6, &[]), NOW, 0), otherwise);
        }
        // What a CRL lists needs no notice.
        let known = snapshot(&[record(&[crl(Scope::complete(), "crl/ca.crl", &[5])])]);
        assert_eq!(known.status(&leaf(5, &[]), NOW, 0), REVOKED);
    }

    #[test]
    fn a_complete_crl_without_idp_answers_for_certificates_with_a_distribution_point() {
        let known = snapshot(&[ca(KEY, &[crl(Scope::complete(), "crl/ca.crl", &[7])])]);
        let points = [point(&["http://bucket.s3.amazonaws.com/crl/ca.crl"])];
        for points in [&points[..], &[]] {
            assert_eq!(known.status(&leaf(7, points), NOW, 0), REVOKED);
            assert_eq!(known.status(&leaf(8, points), NOW, 0), Status::NotRevoked);
        }
    }

    #[test]
    fn an_issuer_must_match_in_name_and_key() {
        let known = snapshot(&[
            ca(KEY, &[crl(Scope::complete(), "k", &[7])]),
            ca(b"key 2", &[]),
        ]);
        let with_key = |key_id| Certificate {
            authority_key_id: key_id,
            ..leaf(8, &[])
        };
        let status = |certificate| known.status(&certificate, NOW, 0);
        assert_eq!(status(with_key(Some(KEY))), Status::NotRevoked);
        assert_eq!(
            status(with_key(Some(b"key 2"))),
            Status::from(UnknownReason::NoCrl)
        );
        assert_eq!(
            status(with_key(Some(b"key 3"))),
            Status::from(UnknownReason::Issuer)
        );
        let renamed = Certificate {
            issuer: b"another name",
            ..leaf(8, &[])
        };
        assert_eq!(status(renamed), Status::from(UnknownReason::Issuer));
        // Without a key identifier either CA may have signed it.
        assert_eq!(status(with_key(None)), Status::from(UnknownReason::NoCrl));
        let listed = Certificate {
            serial: serial(7),
            ..with_key(None)
        };
        assert_eq!(status(listed), REVOKED);
    }

    /// Numbers of 16 octets all over their range.
    fn long_serial(seed: u64) -> SerialNumber {
        let spread = u128::from(seed).wrapping_mul(0xda94_2042_e4dd_58b5_d1b5_4a32_d192_ed03);
        let magnitude = (spread >> 1 | 1 << 126).to_be_bytes();
        SerialNumber::from_der_integer(&magnitude).unwrap()
    }

    #[test]
    fn everything_below_a_revoked_ca_is_revoked() {
        let revoked = IssuerRecord {
            revoked: true,
            ..ca(KEY, &[crl(Scope::complete(), "k", &[])])
        };
        let status = snapshot(&[revoked]).status(&leaf(8, &[]), NOW, 0);
        assert_eq!(status, Status::Revoked(RevokedBy::Issuer));
    }

    #[test]
    fn an_expired_crl_still_denies_what_it_lists_and_knows_nothing_else() {
        let known = snapshot(&[ca(KEY, &[expired(crl(Scope::complete(), "k", &[7]))])]);
        assert_eq!(known.status(&leaf(7, &[]), NOW, 0), REVOKED);
        assert_eq!(known.status(&leaf(8, &[]), NOW, 0), EXPIRED);
        assert_eq!(known.status(&leaf(8, &[]), NOW, 1), Status::NotRevoked);
        assert_eq!(
            known.status(&leaf(8, &[]), NOW.plus(-1), 0),
            Status::NotRevoked
        );
    }

    #[test]
    fn a_partition_answers_only_for_its_own_certificates() {
        let (a, b) = ("http://c/a.crl", "http://c/b.crl");
        let known = snapshot(&[ca(
            KEY,
            &[
                crl(scope(&[a, "http://d/a.crl"]), "a.crl", &[7]),
                expired(crl(scope(&[b]), "b.crl", &[9])),
            ],
        )]);
        let status =
            |value, points: &[DistributionPoint]| known.status(&leaf(value, points), NOW, 0);
        assert_eq!(status(8, &[point(&[a])]), Status::NotRevoked);
        assert_eq!(
            status(8, &[point(&["http://x/y.crl"]), point(&["http://d/a.crl"])]),
            Status::NotRevoked
        );
        assert_eq!(status(8, &[point(&[b])]), EXPIRED);
        assert_eq!(status(8, &[point(&["http://c/new.crl"])]), PARTITION);
        assert_eq!(status(8, &[]), PARTITION);
        // A listing counts wherever it stands.
        assert_eq!(status(7, &[point(&[b])]), REVOKED);
        assert_eq!(status(9, &[]), REVOKED);
    }

    #[test]
    fn complete_and_partitioned_crls_side_by_side() {
        let uri = "http://c/crl/ca/p1.crl";
        let complete = crl(Scope::complete(), "crl/ca.crl", &[]);
        let partition = crl(scope(&[uri]), "crl/ca/p1.crl", &[]);
        let names_complete = [point(&["http://s3.amazonaws.com/bucket/crl/ca.crl"])];
        let names_other = [point(&["http://c/crl/ca/p2.crl"])];
        let status = |crls: &[CrlRecord], points: &[DistributionPoint]| {
            snapshot(&[ca(KEY, crls)]).status(&leaf(8, points), NOW, 0)
        };
        let both = [complete.clone(), partition.clone()];
        assert_eq!(status(&both, &names_complete), Status::NotRevoked);
        assert_eq!(status(&both, &[point(&[uri])]), Status::NotRevoked);
        assert_eq!(status(&both, &names_other), PARTITION);
        assert_eq!(status(&both, &[]), Status::NotRevoked);
        let stale_partition = [complete.clone(), expired(partition.clone())];
        assert_eq!(
            status(&stale_partition, &names_complete),
            Status::NotRevoked
        );
        assert_eq!(status(&stale_partition, &[]), EXPIRED);
        let stale_complete = [expired(complete), partition];
        assert_eq!(status(&stale_complete, &names_complete), EXPIRED);
        assert_eq!(
            status(&stale_complete, &[point(&[uri])]),
            Status::NotRevoked
        );
    }

    #[test]
    fn a_crl_for_ca_certificates_says_nothing_of_users() {
        let limited = |covers| {
            crl(
                Scope {
                    covers,
                    ..Scope::complete()
                },
                "k",
                &[],
            )
        };
        let status = |covers, kind| {
            let certificate = Certificate {
                kind,
                ..leaf(8, &[])
            };
            snapshot(&[ca(KEY, &[limited(covers)])]).status(&certificate, NOW, 0)
        };
        let (user, authority) = (CertificateKind::EndEntity, CertificateKind::Ca);
        assert_eq!(status(Covers::UserCertificates, user), Status::NotRevoked);
        assert_eq!(status(Covers::UserCertificates, authority), PARTITION);
        assert_eq!(status(Covers::CaCertificates, user), PARTITION);
        assert_eq!(
            status(Covers::CaCertificates, authority),
            Status::NotRevoked
        );
    }

    #[test]
    fn points_for_some_reasons_or_another_issuer_are_not_conclusive() {
        let uri = "http://c/a.crl";
        let known = snapshot(&[ca(KEY, &[crl(scope(&[uri]), "a.crl", &[])])]);
        let some_reasons = DistributionPoint {
            only_some_reasons: true,
            ..point(&[uri])
        };
        let indirect = DistributionPoint {
            names_crl_issuer: true,
            ..point(&[uri])
        };
        for point in [some_reasons, indirect] {
            assert_eq!(known.status(&leaf(8, &[point]), NOW, 0), PARTITION);
        }
    }

    #[test]
    fn a_key_is_matched_at_a_path_boundary() {
        assert!(is_path_of("/crl/ca.crl", "crl/ca.crl"));
        assert!(is_path_of("/bucket/crl/ca.crl", "crl/ca.crl"));
        assert!(!is_path_of("/xcrl/ca.crl", "crl/ca.crl"));
        assert!(!is_path_of("/other/ca.crl", "crl/ca.crl"));
        assert!(!is_path_of("crl/ca.crl", "crl/ca.crl"));
    }

    /// The key that signs certificates and the key that signs CRLs may be two.
    #[test]
    fn a_crl_signer_speaks_for_the_cas_of_its_name_and_issues_nothing() {
        let complete = || crl(Scope::complete(), "k", &[7]);
        let signer = |crls: &[CrlRecord]| IssuerRecord {
            role: Role::CrlSigner,
            ..ca(b"crl key", crls)
        };
        let status = |signer: IssuerRecord, value| {
            snapshot(&[ca(KEY, &[]), signer]).status(&leaf(value, &[]), NOW, 0)
        };
        assert_eq!(status(signer(&[complete()]), 7), REVOKED);
        assert_eq!(status(signer(&[complete()]), 8), Status::NotRevoked);
        assert_eq!(status(signer(&[expired(complete())]), 8), EXPIRED);
        assert_eq!(status(signer(&[]), 8), UnknownReason::NoCrl.into());

        // One that is revoked, or may be, vouches for nothing; what it listed stays revoked.
        let revoked = IssuerRecord {
            revoked: true,
            ..signer(&[complete()])
        };
        let doubtful = IssuerRecord {
            good_until: NOW.plus(-1),
            ..signer(&[complete()])
        };
        for record in [revoked, doubtful] {
            assert_eq!(status(record.clone(), 7), REVOKED);
            assert_eq!(status(record, 8), EXPIRED);
        }

        // Nobody else's CRL counts, and what it seems to have issued is nobody's.
        let known = snapshot(&[ca(KEY, &[complete()]), signer(&[complete()])]);
        let of_crl_key = Certificate {
            authority_key_id: Some(b"crl key"),
            ..leaf(8, &[])
        };
        let status = known.status(&of_crl_key, NOW, 0);
        assert_eq!(status, UnknownReason::Issuer.into());

        // Not even where the CA's own key identifier is not known.
        let nameless = IssuerRecord {
            key_id_is_derived: true,
            ..ca(b"derived", &[complete()])
        };
        let known = snapshot(&[nameless, signer(&[complete()])]);
        let status = known.status(&of_crl_key, NOW, 0);
        assert_eq!(status, UnknownReason::Issuer.into());
    }

    #[test]
    fn a_ca_without_a_key_identifier_may_be_referred_to_by_any() {
        let nameless = IssuerRecord {
            key_id_is_derived: true,
            ..ca(b"derived", &[crl(Scope::complete(), "k", &[7])])
        };
        let with_key = |key_id| Certificate {
            authority_key_id: Some(key_id),
            ..leaf(8, &[])
        };
        let known = snapshot(&[nameless, ca(KEY, &[])]);
        let status = |key_id| known.status(&with_key(key_id), NOW, 0);
        assert_eq!(status(b"derived"), Status::NotRevoked);
        assert_eq!(status(b"another way"), Status::NotRevoked);
        assert_eq!(status(KEY), UnknownReason::NoCrl.into());
    }

    #[test]
    fn an_issuer_whose_own_status_is_not_known_leaves_its_certificates_in_doubt() {
        let until = |good_until| IssuerRecord {
            good_until,
            ..ca(KEY, &[crl(Scope::complete(), "k", &[7])])
        };
        let status = |record: IssuerRecord, value, grace| {
            snapshot(&[record]).status(&leaf(value, &[]), NOW, grace)
        };
        let in_doubt = Status::from(UnknownReason::IssuerStatus);
        assert_eq!(status(until(NOW), 8, 0), Status::NotRevoked);
        assert_eq!(status(until(NOW.plus(-1)), 8, 0), in_doubt);
        assert_eq!(status(until(NOW.plus(-1)), 8, 1), Status::NotRevoked);
        assert_eq!(status(until(NOW.plus(-1)), 7, 0), REVOKED);
        assert_eq!(status(until(UnixTime::MIN), 8, i64::MAX), in_doubt);
    }

    /// Whoever lets one of them pass by policy must not let the other one pass unseen.
    #[test]
    fn every_reason_is_told() {
        let stale = IssuerRecord {
            good_until: UnixTime::MIN,
            ..ca(KEY, &[expired(crl(Scope::complete(), "k", &[]))])
        };
        let reasons =
            |issuers: &[IssuerRecord], certificate: &Certificate<'_>| match snapshot(issuers)
                .status(certificate, NOW, 0)
            {
                Status::Unknown(reasons) => reasons.iter().collect::<Vec<_>>(),
                status => panic!("{status}"),
            };
        let expected = [UnknownReason::Expired, UnknownReason::IssuerStatus];
        assert_eq!(
            reasons(std::slice::from_ref(&stale), &leaf(8, &[])),
            expected
        );

        let of_any_key = Certificate {
            authority_key_id: None,
            ..leaf(8, &[])
        };
        let expected = [
            UnknownReason::NoCrl,
            UnknownReason::Expired,
            UnknownReason::IssuerStatus,
        ];
        assert_eq!(reasons(&[stale, ca(b"key 2", &[])], &of_any_key), expected);
    }

    /// Of the public key with that one octet.
    fn blocked_key(key: u8, until: UnixTime) -> BlockedKey {
        BlockedKey {
            key: BlockedKey::hash(&[key]),
            since: NOW.plus(-10),
            until,
        }
    }

    #[test]
    fn a_blocked_key_denies_whoever_issued_the_certificate_until_it_ends() {
        let contents = Contents {
            built_at: NOW,
            builder: String::new(),
            truststore: ObjectRef::default(),
            blocked_keys: vec![blocked_key(1, NOW.plus(5))],
            issuers: vec![ca(KEY, &[crl(scope(&[]), "k/0", &[2])])],
        };
        let octets = contents.encode().unwrap();
        let known = Snapshot::decode(&octets[..]).unwrap();
        let first = FirstPart::open(&octets[..]).unwrap();
        let with_key = |public_key, value| Certificate {
            public_key,
            ..leaf(value, &[])
        };
        let of_nobody = Certificate {
            issuer: b"nobody",
            ..with_key(&[1], 1)
        };
        let blocked = Status::Revoked(RevokedBy::BlockedKey);
        let listed = Status::Revoked(RevokedBy::Listing);
        for (certificate, after, expected) in [
            (with_key(&[1], 1), 5, blocked),
            (with_key(&[1], 1), 6, Status::NotRevoked),
            (with_key(&[2], 1), 5, Status::NotRevoked),
            (with_key(&[1], 2), 5, listed),
            (of_nobody, 5, blocked),
            (of_nobody, 6, UnknownReason::Issuer.into()),
        ] {
            let now = NOW.plus(after);
            assert_eq!(known.status(&certificate, now, 0), expected);
            assert_eq!(contents.outlook(&certificate).at(now, 0), expected);
            assert_eq!(first.status(&certificate, now, 0), Ok(expected));
        }
    }

    const KEYS: [&[u8]; 3] = [KEY, b"key 2", b"key 3"];

    /// One of a few, so that several of a name and several CRLs of a kind come together often.
    fn any_issuer() -> impl Strategy<Value = IssuerRecord> {
        let parts = (0_u8..6, -9_i64..9, any::<[bool; 3]>(), 0_u8..3);
        let record = parts.prop_map(|(listed, until, [partition, other, here], limit)| {
            let uri = if other {
                "http://c/1.crl"
            } else {
                "http://c/2.crl"
            };
            let key = if here { "k/0" } else { "k/1" };
            let names: &[&str] = if partition { &[uri] } else { &[] };
            let mut record = crl(scope(names), key, &[listed]);
            record.next_update = NOW.plus(until);
            record.scope.covers = match limit {
                0 => Covers::AllCertificates,
                1 => Covers::UserCertificates,
                _ => Covers::CaCertificates,
            };
            record
        });
        let good_until = prop_oneof![
            Just(UnixTime::MAX),
            Just(UnixTime::MIN),
            (-9_i64..9).prop_map(|until| NOW.plus(until)),
        ];
        let rarely = || prop::bool::weighted(0.2);
        (
            prop_oneof![2 => Just(0_usize), 1 => 1_usize..3],
            good_until,
            [rarely(), rarely(), rarely()],
            prop::collection::vec(record, 0..4),
            prop::option::weighted(0.3, (0_u8..6, -9_i64..9)),
        )
            .prop_map(|(key, good_until, flags, mut crls, notice)| {
                let notice = notice.map(|(value, until)| Notice {
                    serial: serial(value),
                    origin: if until % 2 == 0 {
                        Origin::Announcement
                    } else {
                        Origin::Override
                    },
                    since: NOW.plus(-10),
                    until: NOW.plus(until),
                });
                let [revoked, signs_crls_only, key_id_is_derived] = flags;
                crls.sort_by(|a, b| a.scope.cmp(&b.scope));
                crls.dedup_by(|a, b| a.scope == b.scope);
                IssuerRecord {
                    role: if signs_crls_only {
                        Role::CrlSigner
                    } else {
                        Role::Ca
                    },
                    key_id_is_derived,
                    revoked,
                    good_until,
                    notices: notice.into_iter().collect(),
                    ..ca(KEYS[key], &crls)
                }
            })
    }

    /// What follows from what is said of an issuer and its CRLs, worked out from that alone.
    fn outlook_of_facts(finding: &IssuerFinding<'_>) -> Outlook {
        let authoritative = finding.crls.iter().filter(|crl| crl.is_authoritative);
        let fresh_until = authoritative.map(|crl| crl.fresh_until);
        let fresh_until = match finding.authority {
            Some(Authority::Every) => fresh_until.min(),
            _ => fresh_until.max(),
        };
        assert_eq!(fresh_until.is_some(), finding.authority.is_some());
        let is_listed = finding.crls.iter().any(|crl| crl.lists);
        Outlook {
            revoked: match finding.issuer.revoked {
                true => Some(RevokedBy::Issuer),
                false => is_listed.then_some(RevokedBy::Listing),
            },
            notice: finding
                .notices
                .iter()
                .copied()
                .max_by_key(|notice| notice.until),
            blocked_key: None,
            unknown: match fresh_until {
                Some(_) => UnknownReasons::default(),
                None if finding.crls.is_empty() => UnknownReason::NoCrl.into(),
                None => UnknownReason::Partition.into(),
            },
            fresh_until: fresh_until.unwrap_or(UnixTime::MAX),
            issuer_good_until: finding.issuer.good_until,
        }
    }

    proptest! {
        // Quick ones, and there is much to combine.
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// The fetcher asks the contents, the authorizer their encoding, the operator why.
        #[test]
        fn contents_their_snapshot_and_its_explanation_say_the_same(
            issuers in prop::collection::vec(any_issuer(), 1..4),
            value in 0_u8..9,
            key in prop_oneof![2 => Just(0_usize), 1 => 1_usize..4],
            point_count in 0_usize..3,
            is_ca: bool,
            moment in -12_i64..12,
            grace in 0_i64..4,
            blocked in prop::option::of((0_u8..3, -9_i64..9)),
        ) {
            let mut issuers = issuers;
            issuers.sort_by(|a, b| a.issuer.cmp(&b.issuer));
            issuers.dedup_by(|a, b| a.issuer == b.issuer);
            let contents = Contents {
                built_at: NOW,
                builder: String::new(),
                truststore: ObjectRef::default(),
                blocked_keys: blocked
                    .map(|(key, until)| blocked_key(key, NOW.plus(until)))
                    .into_iter()
                    .collect(),
                issuers,
            };
            let known = Snapshot::decode(contents.encode().unwrap()).unwrap();
            let points = [point(&["http://c/2.crl", "http://c/3.crl"]), point(&["http://c/k/0"])];
            let certificate = Certificate {
                authority_key_id: KEYS.get(key).copied(),
                kind: if is_ca { CertificateKind::Ca } else { CertificateKind::EndEntity },
                public_key: &[1],
                ..leaf(value, &points[..point_count])
            };
            let outlook = known.outlook(&certificate);
            prop_assert_eq!(contents.outlook(&certificate), outlook);

            let explanation = known.explain(&certificate);
            prop_assert_eq!(explanation.outlook(), outlook);
            for finding in &explanation.issuers {
                prop_assert_eq!(outlook_of_facts(finding), finding.outlook);
            }
            let now = NOW.plus(moment);
            let status = known.status(&certificate, now, grace);
            prop_assert_eq!(explanation.outlook().at(now, grace), status);
            if blocked.is_some_and(|(key, until)| key == 1 && moment <= until) {
                prop_assert!(matches!(status, Status::Revoked(_)));
            }
        }

    }

    proptest! {
        /// It says the same, or nothing.
        #[test]
        fn the_first_part_never_contradicts_the_whole(seeds in prop::collection::btree_set(any::<u64>(), 1..200)) {
            let serials: Vec<_> = seeds.iter().map(|&seed| long_serial(seed)).collect();
            let (listed, others) = serials.split_at(serials.len() / 2);
            let mut record = crl(Scope::complete(), "k", &[]);
            record.revoked = RevokedSet::from_serials(listed.to_vec()).unwrap();
            let contents = Contents {
                built_at: NOW,
                builder: String::new(),
                truststore: ObjectRef::default(),
                blocked_keys: Vec::new(),
                issuers: vec![ca(KEY, &[record])],
            };
            let octets = contents.encode().unwrap();
            let (first, second) = octets.split_at(Lengths::read(&octets).unwrap().first);
            let first = FirstPart::open(first).unwrap();
            let whole = first.clone().complete(second).unwrap();
            for serial in serials.iter().copied() {
                let certificate = Certificate { serial, ..leaf(0, &[]) };
                let status = whole.status(&certificate, NOW, 0);
                let is_listed = listed.contains(&serial);
                prop_assert_eq!(status, if is_listed { REVOKED } else { Status::NotRevoked });
                if let Ok(early) = first.status(&certificate, NOW, 0) {
                    prop_assert_eq!(early, status);
                }
            }
            let is_answered = |serial: &SerialNumber| {
                let certificate = Certificate { serial: *serial, ..leaf(0, &[]) };
                first.status(&certificate, NOW, 0).is_ok()
            };
            prop_assert!(others.len() < 20 || others.iter().any(is_answered));
        }
    }
}
