//! The snapshot: one immutable, self-describing object with everything an authorizer needs to know.
//!
//! The fetcher builds [`Contents`] and publishes their encoding. The authorizer keeps the octets
//! and searches the revoked sets where they lie ([`Snapshot`]). It need not wait for all of them:
//! the first part of the object has an answer to nearly every question ([`FirstPart`]).
//!
//! All integers are little-endian; `opaque x<m..n>` is a `uint16` length and that many octets.
//!
//! ```text
//! struct {
//!     opaque     magic[8];                 // "crl-snap"
//!     uint32     version;                  // 6
//!     uint32     issuer_count;
//!     uint64     length;                   // of this whole object, in octets
//!     uint64     first_length;             // of its first part, down to the checksum
//!     uint64     second_checksum;          // CRC-64/NVME of the second part
//!     int64      built_at;                 // Unix time
//!     opaque     builder<0..2^16-1>;       // UTF-8: the program and version that built it
//!     ObjectRef  truststore;
//!     uint32     blocked_key_count;
//!     BlockedKey blocked_keys[blocked_key_count];  // strictly ascending by key
//!     Issuer     issuers[issuer_count];    // strictly ascending by name, then key_id
//!     FirstPlaneOfSet sets[];              // of every CRL of every issuer, in that order
//!     uint64     checksum;                 // CRC-64/NVME of all octets before it
//! } FirstPart;
//!
//! struct {
//!     SecondPlaneOfSet sets[];             // in the same order
//! } SecondPart;
//!
//! struct {
//!     opaque     key[32];                  // SHA-256 of a DER SubjectPublicKeyInfo
//!     int64      since, until;             // Unix time
//! } BlockedKey;
//!
//! struct {
//!     opaque     name<1..4096>;            // DER Name
//!     opaque     key_id<0..255>;
//!     uint8      flags;                    // 1: every certificate of this CA is revoked itself
//!                                          // 2: signs CRLs only, no certificates
//!                                          // 4: key_id is derived from the key
//!     int64      good_until;               // Unix time, see IssuerRecord
//!     uint32     notice_count;
//!     Notice     notices[notice_count];    // strictly ascending by serial number, then origin
//!     uint32     crl_count;
//!     Crl        crls[crl_count];          // strictly ascending by names, then covers
//! } Issuer;
//!
//! struct {
//!     uint8      negative;                 // 0 or 1
//!     uint8      length;                   // of the serial number, in octets
//!     uint8      serial[20];               // big-endian, zeros before it; see SerialNumber
//!     uint8      origin;                   // 1 the CA announced it, 2 the operator
//!     int64      since, until;             // Unix time
//! } Notice;
//!
//! struct {
//!     uint16     name_count;
//!     opaque     names<1..2^16-1>[name_count];     // DER GeneralNames, strictly ascending
//!     uint8      covers;                   // 0 all certificates, 1 user, 2 CA certificates
//!     opaque     number<0..20>;            // big-endian, no leading zero
//!     int64      this_update, next_update; // Unix time
//!     ObjectRef  source;
//!     opaque     digest[32];               // SHA-256 of the CRL's tbsCertList
//!     uint64     first_length;             // of its set's planes, in octets
//!     uint64     second_length;
//! } Crl;
//!
//! struct { opaque key<0..2^16-1>; opaque etag<0..2^16-1>; } ObjectRef;     // UTF-8
//! ```
//!
//! A version is read for as long as some published object may have it: a release first reads
//! version N + 1, the next one writes it. `tests/golden/` keeps an object of each version. Versions
//! 1 to 5 were never in a release.

mod contents;
mod parser;

use std::fmt;

use crc_fast::{CrcAlgorithm, checksum};

pub use self::contents::{Contents, CrlRecord, EncodeError, IssuerRecord, ObjectRef};
use self::parser::Parser;
use crate::issuer::{Issuer, Role};
use crate::notice::{BlockedKey, Notice};
use crate::scope::{Covers, CrlNumber, Scope};
use crate::serial::SerialNumber;
use crate::set::{RevokedSet, SetError, check_classes};
use crate::time::UnixTime;

/// The version of the format that is written and read. See the grammar above.
pub const VERSION: u32 = 6;

/// A snapshot in its stored octets. Besides these, it takes 8 octets for each issuer and 24 for each
/// CRL: less than they take in the stored form.
pub struct Snapshot<D> {
    first: FirstPart<D>,
    /// The second part, where it is not in the octets of the first.
    second: Option<D>,
}

impl<D: AsRef<[u8]>> Snapshot<D> {
    /// Takes octets for a snapshot after checking that they are the encoding of one, checksums,
    /// order and all: O(n). Allocates less than the octets take.
    ///
    /// # Errors
    /// They are not, or their version is not the one that is read.
    pub fn decode(octets: D) -> Result<Self, SnapshotError> {
        let snapshot = Self::open(octets)?;
        for crl in snapshot.issuers().flat_map(|issuer| issuer.crls()) {
            RevokedSet::decode(crl.revoked.first_plane(), crl.revoked.second_plane())?;
        }
        Ok(snapshot)
    }

    /// As [`Self::decode`], for octets that were decoded before they were published: what the
    /// checksums do not vouch for is only checked as far as look-ups need it to end. No number of a
    /// set is looked at, which makes it as fast as the checksums.
    ///
    /// # Errors
    /// The octets have changed since, or their version is not the one that is read.
    pub fn open(octets: D) -> Result<Self, SnapshotError> {
        let first = FirstPart::open(octets)?;
        let found = first.octets.as_ref().len();
        if found == first.length {
            first.check_second(&first.octets.as_ref()[first.first_length..])?;
            Ok(Self {
                first,
                second: None,
            })
        } else {
            Err(wrong_length(first.length, found))
        }
    }

    /// What a log line or a response calls this snapshot.
    pub const fn id(&self) -> SnapshotId {
        self.first.id()
    }

    /// The length of the stored form, in octets.
    pub const fn len_octets(&self) -> usize {
        self.first.length
    }

    /// When it was built.
    pub const fn built_at(&self) -> UnixTime {
        self.first.built_at
    }

    /// The program that built it, and its version.
    pub fn builder(&self) -> &str {
        read_again(self.first.parser(BUILDER_AT).text())
    }

    /// The truststore whose CAs the issuers are.
    pub fn truststore(&self) -> ObjectView<'_> {
        let mut parser = self.first.parser(BUILDER_AT);
        read_again(parser.text());
        read_again(parser.object())
    }

    /// The public keys that the operator has blocked.
    pub fn blocked_keys(&self) -> BlockedKeys<'_> {
        self.first.blocked_keys()
    }

    /// Every CA of the truststore, ascending by name and key identifier.
    pub fn issuers(&self) -> impl Iterator<Item = IssuerView<'_>> + Clone {
        (0..self.first.issuers.len()).map(|index| self.first.issuer(index, self.second()))
    }

    /// The CAs of that name: O(log n) in the number of CAs.
    pub fn issuers_named(&self, name: &[u8]) -> impl Iterator<Item = IssuerView<'_>> + Clone {
        self.first.issuers_named(name, self.second())
    }

    /// The same contents with parts of their own.
    pub fn to_contents(&self) -> Contents {
        Contents {
            built_at: self.built_at(),
            builder: self.builder().to_owned(),
            truststore: self.truststore().to_owned(),
            blocked_keys: self.blocked_keys().iter().collect(),
            issuers: self.issuers().map(IssuerView::to_record).collect(),
        }
    }

    fn second(&self) -> &[u8] {
        match &self.second {
            Some(second) => second.as_ref(),
            None => &self.first.octets.as_ref()[self.first.first_length..],
        }
    }
}

/// What log lines and responses call a snapshot: the checksum of its first part, which has the digests
/// of all CRLs in it. Shown as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotId(u64);

impl SnapshotId {
    /// The one of a snapshot whose first part has that checksum.
    pub const fn from_checksum(checksum: u64) -> Self {
        Self(checksum)
    }
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The first part of a snapshot, which can answer nearly every question while the second part, nine
/// tenths of it, is still on its way.
#[derive(Clone)]
pub struct FirstPart<D> {
    /// At least the first part.
    octets: D,
    /// Of the whole snapshot, in octets.
    length: usize,
    /// Of the first part.
    first_length: usize,
    built_at: UnixTime,
    checksum: u64,
    second_checksum: u64,
    /// Where the blocked keys stand in the octets.
    blocked_keys_at: u32,
    /// Ascending by name, then key identifier.
    issuers: Vec<IssuerEntry>,
    crls: Vec<CrlEntry>,
}

/// Where an issuer stands in the octets, and where its CRLs begin among the snapshot's.
#[derive(Clone, Copy)]
struct IssuerEntry {
    at: u32,
    first_crl: u32,
}

/// Where a CRL stands in the octets, and where the planes of its set do in theirs.
#[derive(Clone, Copy)]
struct CrlEntry {
    at: u32,
    first_plane: usize,
    second_plane: usize,
}

impl<D: AsRef<[u8]>> FirstPart<D> {
    /// Takes octets that begin with the first part of a snapshot, as [`Snapshot::open`] does.
    ///
    /// # Errors
    /// They do not, or their version is not the one that is read.
    pub fn open(octets: D) -> Result<Self, SnapshotError> {
        let all = octets.as_ref();
        let lengths = Lengths::read(all)?;
        let part = all
            .get(..lengths.first)
            .ok_or_else(|| wrong_length(lengths.first, all.len()))?;
        let (body, checksum) = part.split_last_chunk().ok_or(SnapshotError::Truncated)?;
        let checksum = u64::from_le_bytes(*checksum);
        check(body, checksum)?;
        let mut parser = Parser {
            octets: body,
            at: ISSUER_COUNT_AT,
        };
        let issuer_count = u32::from_le_bytes(parser.array()?);
        parser.at = SECOND_CHECKSUM_AT;
        let second_checksum = u64::from_le_bytes(parser.array()?);
        let built_at = parser.time()?;
        parser.text()?;
        parser.object()?;
        let blocked_keys_at = position(&parser)?;
        check_blocked_keys(parser.blocked_keys()?)?;
        let (issuers, crls) = directory(&mut parser, issuer_count, lengths)?;
        Ok(Self {
            length: lengths.whole,
            first_length: lengths.first,
            built_at,
            checksum,
            second_checksum,
            blocked_keys_at,
            issuers,
            crls,
            octets,
        })
    }

    /// The whole snapshot, once its second part is there.
    ///
    /// # Errors
    /// The octets are not its second part.
    pub fn complete(self, second: D) -> Result<Snapshot<D>, SnapshotError> {
        self.check_second(second.as_ref())?;
        Ok(Snapshot {
            first: self,
            second: Some(second),
        })
    }

    /// What a log line or a response calls the snapshot.
    pub const fn id(&self) -> SnapshotId {
        SnapshotId(self.checksum)
    }

    /// When the snapshot was built.
    pub const fn built_at(&self) -> UnixTime {
        self.built_at
    }

    /// The length of the whole snapshot, in octets.
    pub const fn len_octets(&self) -> usize {
        self.length
    }

    /// See [`Snapshot::blocked_keys`].
    pub(crate) fn blocked_keys(&self) -> BlockedKeys<'_> {
        read_again(self.parser(self.blocked_keys_at).blocked_keys())
    }

    /// As [`Snapshot::issuers_named`]; the sets of the CRLs lack their second planes.
    pub(crate) fn issuers_here(&self, name: &[u8]) -> impl Iterator<Item = IssuerView<'_>> + Clone {
        self.issuers_named(name, &[])
    }

    fn issuers_named<'a>(
        &'a self,
        name: &[u8],
        second: &'a [u8],
    ) -> impl Iterator<Item = IssuerView<'a>> + Clone + use<'a, D> {
        let name_of = |entry: &IssuerEntry| read_again(self.parser(entry.at).issuer_name());
        let first = self.issuers.partition_point(|entry| name_of(entry) < name);
        let count = self.issuers[first..].partition_point(|entry| name_of(entry) == name);
        (first..first + count).map(move |index| self.issuer(index, second))
    }

    fn issuer<'a>(&'a self, index: usize, second: &'a [u8]) -> IssuerView<'a> {
        let first = |entry: &IssuerEntry| usize::try_from(entry.first_crl).unwrap_or(usize::MAX);
        let entry = &self.issuers[index];
        let end = self.issuers.get(index + 1).map_or(self.crls.len(), first);
        IssuerView {
            crls: &self.crls[first(entry)..end],
            second,
            ..read_again(self.parser(entry.at).issuer()).view
        }
    }

    fn parser(&self, at: u32) -> Parser<'_> {
        Parser {
            octets: self.octets.as_ref(),
            at: usize::try_from(at).unwrap_or(usize::MAX),
        }
    }

    fn check_second(&self, second: &[u8]) -> Result<(), SnapshotError> {
        let expected = self.length - self.first_length;
        if second.len() == expected {
            check(second, self.second_checksum)
        } else {
            Err(wrong_length(expected, second.len()))
        }
    }
}

/// How long a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// All of it, in octets.
    pub whole: usize,
    /// Its first part: at least [`Self::OCTETS`], at most all of it.
    pub first: usize,
}

impl Lengths {
    /// How many octets of a snapshot have its lengths in them.
    pub const OCTETS: usize = 32;

    /// Reads the lengths at the beginning of a snapshot. No checksum vouches for them yet.
    ///
    /// # Errors
    /// The octets are fewer than [`Self::OCTETS`] or not the beginning of a snapshot, or its version
    /// is not the one that is read.
    pub fn read(octets: &[u8]) -> Result<Self, SnapshotError> {
        let mut parser = Parser { octets, at: 0 };
        if parser.take(MAGIC.len())? != MAGIC {
            return Err(SnapshotError::Magic);
        }
        let version = u32::from_le_bytes(parser.array()?);
        if version != VERSION {
            return Err(SnapshotError::Version { found: version });
        }
        parser.at = LENGTH_AT;
        let (whole, first) = (parser.length()?, parser.length()?);
        if (Self::OCTETS..=whole).contains(&first) {
            Ok(Self { whole, first })
        } else {
            Err(SnapshotError::NotCanonical(
                "its first part is shorter than its head or longer than the whole",
            ))
        }
    }
}

fn position(parser: &Parser<'_>) -> Result<u32, SnapshotError> {
    u32::try_from(parser.at).map_err(|_| SnapshotError::Truncated)
}

/// Reads all issuers and their CRLs and checks their order, then what there is of the sets.
fn directory(
    parser: &mut Parser<'_>,
    issuer_count: u32,
    lengths: Lengths,
) -> Result<(Vec<IssuerEntry>, Vec<CrlEntry>), SnapshotError> {
    // The counts are not believed: each issuer takes some octets.
    let possible = parser.left() / MIN_ISSUER_OCTETS;
    let count = usize::try_from(issuer_count).map_err(|_| SnapshotError::Truncated)?;
    let mut issuers = Vec::with_capacity(count.min(possible));
    let mut crls: Vec<CrlEntry> = Vec::new();
    let mut previous: Option<(&[u8], &[u8])> = None;
    for _ in 0..issuer_count {
        let at = position(parser)?;
        let first_crl = u32::try_from(crls.len()).map_err(|_| SnapshotError::Truncated)?;
        let issuer = parser.issuer()?;
        let key = (issuer.view.name, issuer.view.key_id);
        if previous.is_some_and(|previous| previous >= key) {
            return Err(SnapshotError::NotCanonical("issuers are out of order"));
        }
        previous = Some(key);
        check_notices(issuer.view.notices)?;
        issuers.push(IssuerEntry { at, first_crl });
        let mut previous: Option<(Names<'_>, Covers)> = None;
        for _ in 0..issuer.crl_count {
            let at = position(parser)?;
            let crl = parser.crl()?;
            let scope = (crl.view.names, crl.view.covers);
            if previous.is_some_and(|previous| {
                previous
                    .0
                    .iter()
                    .cmp(scope.0.iter())
                    .then(previous.1.cmp(&scope.1))
                    .is_ge()
            }) {
                return Err(SnapshotError::NotCanonical("scopes are out of order"));
            }
            previous = Some(scope);
            crls.push(CrlEntry {
                at,
                first_plane: 0,
                second_plane: 0,
            });
        }
    }
    let mut record = *parser;
    let mut second_end = 0_usize;
    for entry in &mut crls {
        record.at = usize::try_from(entry.at).map_err(|_| SnapshotError::Truncated)?;
        let crl = record.crl()?;
        entry.first_plane = parser.at;
        entry.second_plane = second_end;
        if check_classes(parser.take(crl.first_length)?)? != crl.second_length {
            return Err(SnapshotError::NotCanonical(
                "a second plane is of another length",
            ));
        }
        second_end = second_end
            .checked_add(crl.second_length)
            .ok_or(SnapshotError::Truncated)?;
    }
    if parser.left() != 0 || second_end != lengths.whole - lengths.first {
        return Err(SnapshotError::NotCanonical("octets follow the last set"));
    }
    Ok((issuers, crls))
}

fn check_notices(notices: Notices<'_>) -> Result<(), SnapshotError> {
    let mut previous = None;
    for octets in notices.0 {
        let key = Some(Parser::notice(octets)?.key());
        if previous >= key {
            return Err(SnapshotError::NotCanonical("notices are out of order"));
        }
        previous = key;
    }
    Ok(())
}

fn check_blocked_keys(blocked: BlockedKeys<'_>) -> Result<(), SnapshotError> {
    let mut previous = None;
    for octets in blocked.0 {
        let key = Some(Parser::blocked_key(octets)?.key);
        if previous >= key {
            return Err(SnapshotError::NotCanonical("blocked keys are out of order"));
        }
        previous = key;
    }
    Ok(())
}

/// Finds what was damaged on its way or at rest, but nobody who changes the octets on purpose.
fn checksum_of(octets: &[u8]) -> u64 {
    checksum(CrcAlgorithm::Crc64Nvme, octets)
}

fn check(octets: &[u8], stated: u64) -> Result<(), SnapshotError> {
    let computed = checksum_of(octets);
    if stated == computed {
        Ok(())
    } else {
        Err(SnapshotError::Checksum { stated, computed })
    }
}

fn wrong_length(stated: usize, found: usize) -> SnapshotError {
    let octets = |length| u64::try_from(length).unwrap_or(u64::MAX);
    SnapshotError::Length {
        stated: octets(stated),
        found: octets(found),
    }
}

/// For what [`FirstPart::open`] has read before, in octets that cannot have changed since.
fn read_again<T>(read: Result<T, SnapshotError>) -> T {
    read.unwrap_or_else(|error| unreachable!("it has been read before: {error}"))
}

impl<D> fmt::Debug for Snapshot<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot {:?}", self.first)
    }
}

impl<D> fmt::Debug for FirstPart<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            built_at, checksum, ..
        } = self;
        let (issuers, crls) = (self.issuers.len(), self.crls.len());
        write!(
            f,
            "{checksum:016x} of {built_at}: {issuers} issuers, {crls} CRLs"
        )
    }
}

/// A CA of a snapshot. See [`IssuerRecord`] for its parts.
#[derive(Clone, Copy)]
pub struct IssuerView<'a> {
    /// Its DER `Name`.
    pub name: &'a [u8],
    /// Its subject key identifier, or one derived from its key.
    pub key_id: &'a [u8],
    /// What it signs.
    pub role: Role,
    /// Whether its certificates state no key identifier.
    pub key_id_is_derived: bool,
    /// Whether the CA itself is revoked.
    pub revoked: bool,
    /// Until when it is known that it is not, grace not included.
    pub good_until: UnixTime,
    /// Revocations that none of its CRLs lists yet.
    pub notices: Notices<'a>,
    crls: &'a [CrlEntry],
    /// The octets of the snapshot's first part at least.
    first: &'a [u8],
    /// Those of its second part; empty while it is missing.
    second: &'a [u8],
}

impl<'a> IssuerView<'a> {
    /// Its CRLs, ascending by scope.
    pub fn crls(&self) -> impl Iterator<Item = CrlView<'a>> + Clone + use<'a> {
        let (first, second) = (self.first, self.second);
        self.crls.iter().map(move |entry| {
            let mut parser = Parser {
                octets: first,
                at: usize::try_from(entry.at).unwrap_or(usize::MAX),
            };
            let crl = read_again(parser.crl());
            parser.at = entry.first_plane;
            let first_plane = read_again(parser.take(crl.first_length));
            let second_plane = second
                .get(entry.second_plane..)
                .and_then(|octets| octets.get(..crl.second_length));
            CrlView {
                revoked: RevokedSet::checked_before(first_plane, second_plane.unwrap_or_default()),
                ..crl.view
            }
        })
    }

    fn to_record(self) -> IssuerRecord {
        IssuerRecord {
            issuer: Issuer {
                name: self.name.to_vec(),
                key_id: self.key_id.to_vec(),
            },
            role: self.role,
            key_id_is_derived: self.key_id_is_derived,
            revoked: self.revoked,
            good_until: self.good_until,
            notices: self.notices.iter().collect(),
            crls: self.crls().map(CrlView::to_record).collect(),
        }
    }
}

/// A CRL of a snapshot. See [`CrlRecord`] for its parts.
#[derive(Clone, Copy)]
pub struct CrlView<'a> {
    /// The names of its distribution point; none for a complete CRL.
    pub names: Names<'a>,
    /// Which certificates it is limited to.
    pub covers: Covers,
    number: &'a [u8],
    /// When it was issued.
    pub this_update: UnixTime,
    /// When the next one is due at the latest.
    pub next_update: UnixTime,
    /// The object it was read from.
    pub source: ObjectView<'a>,
    /// SHA-256 of its tbsCertList.
    pub digest: [u8; 32],
    /// The serial numbers it lists.
    pub revoked: RevokedSet<&'a [u8]>,
}

impl CrlView<'_> {
    /// What it covers.
    pub fn scope(&self) -> Scope {
        Scope {
            names: self.names.iter().map(<[u8]>::to_vec).collect(),
            covers: self.covers,
        }
    }

    /// Its CRL number.
    pub fn number(&self) -> CrlNumber {
        let number = CrlNumber::from_magnitude(self.number);
        read_again(number.ok_or(SnapshotError::NotCanonical("a CRL number")))
    }

    fn to_record(self) -> CrlRecord {
        CrlRecord {
            scope: self.scope(),
            number: self.number(),
            this_update: self.this_update,
            next_update: self.next_update,
            source: self.source.to_owned(),
            digest: self.digest,
            revoked: self.revoked.to_owned(),
        }
    }
}

/// The names of a distribution point in a snapshot, each a DER `GeneralName`, ascending.
#[derive(Clone, Copy)]
pub struct Names<'a>(&'a [u8]);

impl<'a> Names<'a> {
    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut parser = Parser {
            octets: self.0,
            at: 0,
        };
        std::iter::from_fn(move || {
            (parser.left() > 0).then(|| read_again(parser.opaque(1, MAX_OPAQUE)))
        })
    }
}

/// The notices of a CA in a snapshot, ascending by serial number and origin.
#[derive(Clone, Copy)]
pub struct Notices<'a>(&'a [[u8; NOTICE_OCTETS]]);

impl<'a> Notices<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Notice> + use<'a> {
        self.0
            .iter()
            .map(|octets| read_again(Parser::notice(octets)))
    }

    /// Those about that certificate: O(log n).
    pub fn about(&self, serial: &SerialNumber) -> impl Iterator<Item = Notice> + use<'a> {
        let serial_of = |octets: &[u8; NOTICE_OCTETS]| read_again(Parser::notice(octets)).serial;
        let first = self.0.partition_point(|octets| serial_of(octets) < *serial);
        let serial = *serial;
        Self(&self.0[first..])
            .iter()
            .take_while(move |notice| notice.serial == serial)
    }
}

/// The blocked keys of a snapshot, ascending.
#[derive(Clone, Copy)]
pub struct BlockedKeys<'a>(&'a [[u8; BLOCKED_KEY_OCTETS]]);

impl<'a> BlockedKeys<'a> {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = BlockedKey> + use<'a> {
        let blocked = self.0.iter();
        blocked.map(|octets| read_again(Parser::blocked_key(octets)))
    }

    /// The one with that hash: O(log n).
    pub fn find(&self, key: &[u8; 32]) -> Option<BlockedKey> {
        let blocked = |octets| read_again(Parser::blocked_key(octets));
        let found = self
            .0
            .binary_search_by(|octets| blocked(octets).key.cmp(key));
        Some(blocked(self.0.get(found.ok()?)?))
    }
}

/// An object in S3, as a snapshot refers to it. See [`ObjectRef`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectView<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its entity tag. Empty: unknown.
    pub etag: &'a str,
}

impl ObjectView<'_> {
    fn to_owned(self) -> ObjectRef {
        ObjectRef {
            key: self.key.to_owned(),
            etag: self.etag.to_owned(),
        }
    }
}

const MAGIC: &[u8; 8] = b"crl-snap";
const ISSUER_COUNT_AT: usize = 12;
const LENGTH_AT: usize = 16;
const FIRST_LENGTH_AT: usize = 24;
const SECOND_CHECKSUM_AT: usize = 32;
const BUILT_AT_AT: usize = 40;
const BUILDER_AT: u32 = 48;
const MAX_OPAQUE: usize = 0xffff;
/// An issuer with a name of one octet.
const MIN_ISSUER_OCTETS: usize = 22;
const NOTICE_OCTETS: usize = 2 + SerialNumber::MAX_OCTETS + 1 + 16;
const BLOCKED_KEY_OCTETS: usize = 32 + 16;

/// Of a notice.
mod origin {
    pub(super) const ANNOUNCEMENT: u8 = 1;
    pub(super) const OVERRIDE: u8 = 2;
}

/// Of an issuer.
mod flag {
    pub(super) const REVOKED: u8 = 1;
    pub(super) const SIGNS_CRLS_ONLY: u8 = 2;
    pub(super) const KEY_ID_IS_DERIVED: u8 = 4;
    pub(super) const ALL: u8 = REVOKED | SIGNS_CRLS_ONLY | KEY_ID_IS_DERIVED;
}

/// Why octets are not a snapshot that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The octets have changed since they were written.
    Checksum {
        /// The checksum that is stored.
        stated: u64,
        /// The checksum of the octets.
        computed: u64,
    },
    /// The object is not as long as it says.
    Length {
        /// The length that is stored, in octets.
        stated: u64,
        /// The length of the object.
        found: u64,
    },
    /// It does not begin as snapshots do.
    Magic,
    /// A part contradicts the grammar.
    NotCanonical(&'static str),
    /// A revoked set is not one.
    Set(SetError),
    /// It ends in the middle of a part.
    Truncated,
    /// It is of another version of the format.
    Version {
        /// Its version.
        found: u32,
    },
}

impl From<SetError> for SnapshotError {
    fn from(error: SetError) -> Self {
        Self::Set(error)
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum { stated, computed } => {
                write!(
                    f,
                    "the checksum is {computed:016x}, the snapshot says {stated:016x}"
                )
            }
            Self::Length { stated, found } => {
                write!(
                    f,
                    "the object has {found} octets, the snapshot says {stated}"
                )
            }
            Self::Magic => f.write_str("the object is not a snapshot"),
            Self::NotCanonical(what) => write!(f, "the snapshot is malformed: {what}"),
            Self::Set(error) => write!(f, "{error}"),
            Self::Truncated => f.write_str("the snapshot is cut short"),
            Self::Version { found } => {
                write!(
                    f,
                    "the snapshot has format version {found}, this program reads {VERSION}"
                )
            }
        }
    }
}

impl std::error::Error for SnapshotError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Origin;
    use crate::serial::SerialNumber;
    use proptest::prelude::*;

    fn number(value: u8) -> CrlNumber {
        CrlNumber::from_magnitude(if value == 0 {
            &[]
        } else {
            std::slice::from_ref(&value)
        })
        .unwrap()
    }

    fn crl() -> impl Strategy<Value = CrlRecord> {
        let names = prop::collection::btree_set(prop::collection::vec(any::<u8>(), 1..20), 0..3);
        let covers = prop_oneof![
            Just(Covers::AllCertificates),
            Just(Covers::UserCertificates),
            Just(Covers::CaCertificates)
        ];
        let serials = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..18), 0..30);
        let times = (any::<i64>(), any::<i64>());
        (
            names,
            covers,
            any::<u8>(),
            times,
            "[a-z/.]{0,20}",
            any::<[u8; 32]>(),
            serials,
        )
            .prop_map(
                |(names, covers, value, times, key, digest, serials)| CrlRecord {
                    scope: Scope {
                        names: names.into_iter().collect(),
                        covers,
                    },
                    number: number(value),
                    this_update: UnixTime::from_seconds(times.0),
                    next_update: UnixTime::from_seconds(times.1),
                    source: ObjectRef {
                        key,
                        etag: "\"é\"".to_owned(),
                    },
                    digest,
                    revoked: RevokedSet::from_serials(
                        serials
                            .iter()
                            .flat_map(|octets| SerialNumber::from_der_integer(octets))
                            .collect(),
                    )
                    .unwrap(),
                },
            )
    }

    fn notices() -> impl Strategy<Value = Vec<Notice>> {
        let serial = prop::collection::vec(any::<u8>(), 1..20)
            .prop_filter_map("no serial number", |octets| {
                SerialNumber::from_der_integer(&octets).ok()
            });
        let origin = prop::sample::select(vec![Origin::Announcement, Origin::Override]);
        let parts = (serial, origin, any::<i64>(), any::<i64>());
        let notice = parts.prop_map(|(serial, origin, since, until)| Notice {
            serial,
            origin,
            since: UnixTime::from_seconds(since),
            until: UnixTime::from_seconds(until),
        });
        prop::collection::vec(notice, 0..6).prop_map(|mut notices| {
            notices.sort();
            notices.dedup_by_key(|notice| notice.key());
            notices
        })
    }

    fn blocked_keys() -> impl Strategy<Value = Vec<BlockedKey>> {
        let blocked = (any::<[u8; 32]>(), any::<i64>(), any::<i64>());
        let blocked = blocked.prop_map(|(key, since, until)| BlockedKey {
            key,
            since: UnixTime::from_seconds(since),
            until: UnixTime::from_seconds(until),
        });
        prop::collection::vec(blocked, 0..4).prop_map(|mut blocked| {
            blocked.sort_unstable();
            blocked
        })
    }

    fn contents() -> impl Strategy<Value = Contents> {
        let name = prop::collection::vec(any::<u8>(), 1..40);
        let key_id = prop::collection::vec(any::<u8>(), 0..21);
        let issuer = (
            name,
            key_id,
            any::<[bool; 3]>(),
            any::<i64>(),
            (prop::collection::vec(crl(), 0..4), notices()),
        );
        let parts = (prop::collection::vec(issuer, 0..4), blocked_keys());
        parts.prop_map(|(mut issuers, blocked_keys)| {
            issuers.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
            issuers.dedup_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1));
            type Parts = (Vec<CrlRecord>, Vec<Notice>);
            let record = |(name, key_id, flags, until, parts): (_, _, _, _, Parts)| {
                let (mut crls, notices) = parts;
                crls.sort_by(|a, b| a.scope.cmp(&b.scope));
                crls.dedup_by(|a, b| a.scope == b.scope);
                let [revoked, signs_crls_only, key_id_is_derived] = flags;
                IssuerRecord {
                    issuer: Issuer { name, key_id },
                    role: if signs_crls_only {
                        Role::CrlSigner
                    } else {
                        Role::Ca
                    },
                    key_id_is_derived,
                    revoked,
                    good_until: UnixTime::from_seconds(until),
                    notices,
                    crls,
                }
            };
            Contents {
                built_at: UnixTime::from_seconds(1_800_000_000),
                builder: "test".to_owned(),
                truststore: ObjectRef {
                    key: "truststore.pem".to_owned(),
                    etag: String::new(),
                },
                blocked_keys,
                issuers: issuers.into_iter().map(record).collect(),
            }
        })
    }

    /// Which octet is changed, and which of its bits.
    type Flip = (prop::sample::Index, u8);

    /// The checksums are put right, so that the flips reach the structure behind them.
    fn flipped(mut octets: Vec<u8>, flips: &[Flip]) -> Vec<u8> {
        for (index, bits) in flips {
            let at = index.index(octets.len());
            octets[at] ^= bits;
        }
        with_checksums(octets)
    }

    /// With the checksums that belong to the octets.
    fn with_checksums(mut octets: Vec<u8>) -> Vec<u8> {
        let first_length = Lengths::read(&octets).map(|lengths| lengths.first);
        let first_length = first_length.unwrap_or(octets.len()).min(octets.len());
        let second = checksum_of(&octets[first_length..]);
        octets[SECOND_CHECKSUM_AT..SECOND_CHECKSUM_AT + 8].copy_from_slice(&second.to_le_bytes());
        if let Some(end) = first_length.checked_sub(8) {
            let first = checksum_of(&octets[..end]);
            octets[end..first_length].copy_from_slice(&first.to_le_bytes());
        }
        octets
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(contents in contents()) {
            let octets = contents.encode().unwrap();
            let snapshot = Snapshot::decode(&octets[..]).unwrap();
            prop_assert_eq!(&snapshot.to_contents(), &contents);
            for issuer in &contents.issuers {
                let found = snapshot.issuers_named(&issuer.issuer.name);
                let mut found = found.filter(|found| found.key_id == issuer.issuer.key_id);
                let found = found.next().unwrap();
                prop_assert_eq!(found.revoked, issuer.revoked);
                prop_assert_eq!(found.notices.len(), issuer.notices.len());
                for notice in &issuer.notices {
                    let about: Vec<_> = found.notices.about(&notice.serial).collect();
                    prop_assert_eq!(about, [*notice]);
                }
                let other = SerialNumber::from_der_integer(&[0x33; 20]).unwrap();
                prop_assert_eq!(found.notices.about(&other).count(), 0);
            }
        }

        #[test]
        fn what_decodes_encodes_to_the_same_octets(
            contents in contents(),
            flips in prop::collection::vec(any::<Flip>(), 1..4),
        ) {
            let octets = flipped(contents.encode().unwrap(), &flips);
            if let Ok(snapshot) = Snapshot::decode(&octets[..]) {
                prop_assert_eq!(snapshot.to_contents().encode().unwrap(), octets);
            }
        }

        /// The numbers of a set are not looked at, and still every look-up ends.
        #[test]
        fn what_opens_can_be_searched(
            contents in contents(),
            flips in prop::collection::vec(any::<Flip>(), 1..4),
        ) {
            let octets = flipped(contents.encode().unwrap(), &flips);
            if let Ok(snapshot) = Snapshot::open(&octets[..]) {
                let serial = SerialNumber::from_der_integer(&[0x11; 16]).unwrap();
                for crl in snapshot.issuers().flat_map(|issuer| issuer.crls()) {
                    let _ = crl.revoked.contains(&serial);
                    prop_assert!(crl.revoked.iter().count() <= octets.len() * 64);
                }
            }
        }

        #[test]
        fn the_parts_make_the_whole(contents in contents()) {
            let octets = contents.encode().unwrap();
            let lengths = Lengths::read(&octets[..Lengths::OCTETS]).unwrap();
            prop_assert_eq!(lengths.whole, octets.len());
            let (first, second) = octets.split_at(lengths.first);
            let whole = FirstPart::open(first).unwrap().complete(second).unwrap();
            prop_assert_eq!(&whole.to_contents(), &contents);
            prop_assert_eq!(whole.id(), Snapshot::decode(&octets[..]).unwrap().id());
            let cut = FirstPart::open(first).unwrap().complete(&second[..second.len() / 2]);
            prop_assert!(second.is_empty() || cut.is_err());
            prop_assert!(FirstPart::open(&first[..first.len() - 1]).is_err());
        }

        #[test]
        fn a_changed_octet_is_noticed(contents in contents(), at: prop::sample::Index, flip in 1_u8..) {
            let mut octets = contents.encode().unwrap();
            let at = at.index(octets.len());
            octets[at] ^= flip;
            prop_assert!(Snapshot::decode(&octets[..]).is_err());
        }

        #[test]
        fn a_cut_is_noticed(contents in contents(), at: prop::sample::Index) {
            let octets = contents.encode().unwrap();
            let at = at.index(octets.len());
            prop_assert!(Snapshot::decode(&octets[..at]).is_err());
        }

        #[test]
        fn any_octets_give_a_snapshot_or_an_error(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Snapshot::decode(&octets[..]);
        }
    }

    fn empty() -> Contents {
        Contents {
            built_at: UnixTime::from_seconds(0),
            builder: String::new(),
            truststore: ObjectRef::default(),
            blocked_keys: Vec::new(),
            issuers: Vec::new(),
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut octets = empty().encode().unwrap();
        for version in [0, 5, 7] {
            octets[8] = version;
            let error = Snapshot::decode(with_checksums(octets.clone())).unwrap_err();
            let found = u32::from(version);
            assert_eq!(error, SnapshotError::Version { found });
        }
    }

    #[test]
    fn the_first_part_is_neither_shorter_than_its_head_nor_longer_than_the_whole() {
        let mut octets = empty().encode().unwrap();
        let length = octets.len();
        for (first, is_possible) in [(0, false), (31, false), (32, true), (length + 1, false)] {
            let stated = u64::try_from(first).unwrap().to_le_bytes();
            octets[FIRST_LENGTH_AT..FIRST_LENGTH_AT + 8].copy_from_slice(&stated);
            assert_eq!(Lengths::read(&octets).is_ok(), is_possible, "{first}");
            assert!(FirstPart::open(&octets[..]).is_err());
        }
    }

    #[test]
    fn a_count_without_the_parts_allocates_nothing_and_fails() {
        let mut octets = empty().encode().unwrap();
        octets[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Snapshot::decode(with_checksums(octets)).unwrap_err();
        assert_eq!(error, SnapshotError::Truncated);
    }

    #[test]
    fn what_occurs_twice_is_refused() {
        let issuer = Issuer {
            name: vec![1],
            key_id: vec![2],
        };
        let record = IssuerRecord::new(issuer);
        let contents = Contents {
            issuers: vec![record.clone(), record],
            ..empty()
        };
        assert_eq!(contents.encode(), Err(EncodeError::DuplicateIssuer));

        let blocked = BlockedKey {
            key: [1; 32],
            since: UnixTime::MIN,
            until: UnixTime::MAX,
        };
        let contents = Contents {
            blocked_keys: vec![
                blocked,
                BlockedKey {
                    until: UnixTime::MIN,
                    ..blocked
                },
            ],
            ..empty()
        };
        assert_eq!(contents.encode(), Err(EncodeError::DuplicateKey));
    }

    #[test]
    fn blocked_keys_are_found_and_are_in_order() {
        let blocked = |octet| BlockedKey {
            key: [octet; 32],
            since: UnixTime::MIN,
            until: UnixTime::MAX,
        };
        let contents = Contents {
            blocked_keys: vec![blocked(7), blocked(3), blocked(5)],
            ..empty()
        };
        let mut octets = contents.encode().unwrap();
        let snapshot = Snapshot::decode(&octets[..]).unwrap();
        for octet in 0..9 {
            let expected = [3, 5, 7].contains(&octet).then(|| blocked(octet));
            assert_eq!(snapshot.blocked_keys().find(&[octet; 32]), expected);
        }
        let out_of_order = SnapshotError::NotCanonical("blocked keys are out of order");
        let mut places = octets.windows(32);
        let first = places.position(|octets| octets == [3; 32]).unwrap();
        octets[first..first + 32].fill(5);
        let error = Snapshot::decode(with_checksums(octets)).unwrap_err();
        assert_eq!(error, out_of_order);
    }
}
