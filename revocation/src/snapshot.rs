//! The snapshot: one immutable, self-describing object with everything an authorizer needs to know.
//!
//! The fetcher builds [`Contents`] and publishes their encoding. The authorizer keeps the octets
//! and searches the revoked sets where they lie ([`Snapshot`]).
//!
//! All integers are little-endian; `opaque x<m..n>` is a `uint16` length and that many octets.
//!
//! ```text
//! struct {
//!     opaque     magic[8];                 // "crl-snap"
//!     uint32     version;                  // 1
//!     uint32     issuer_count;
//!     uint64     length;                   // of this whole object, in octets
//!     int64      built_at;                 // Unix time
//!     opaque     builder<0..2^16-1>;       // UTF-8: the program and version that built it
//!     ObjectRef  truststore;
//!     Issuer     issuers[issuer_count];    // strictly ascending by name, then key_id
//!     RevokedSet sets[];                   // of every CRL of every issuer, in that order
//!     uint64     checksum;                 // XXH3-64 of all octets before it
//! } Snapshot;
//!
//! struct {
//!     opaque     name<1..4096>;            // DER Name
//!     opaque     key_id<0..255>;
//!     uint8      revoked;                  // 0, or 1: every certificate of this CA is revoked itself
//!     uint32     crl_count;
//!     Crl        crls[crl_count];          // strictly ascending by names, then covers
//! } Issuer;
//!
//! struct {
//!     uint16     name_count;
//!     opaque     names<1..2^16-1>[name_count];     // DER GeneralNames, strictly ascending
//!     uint8      covers;                   // 0 all certificates, 1 user, 2 CA certificates
//!     opaque     number<0..20>;            // big-endian, no leading zero
//!     int64      this_update, next_update; // Unix time
//!     ObjectRef  source;
//!     opaque     digest[32];               // SHA-256 of the CRL's DER
//!     uint64     set_length;               // in octets
//! } Crl;
//!
//! struct { opaque key<0..2^16-1>; opaque etag<0..2^16-1>; } ObjectRef;     // UTF-8
//! ```
//!
//! A version is read for as long as some published object may have it: a release first reads
//! version N + 1, the next one writes it. `tests/golden/` keeps an object of each version.

use std::fmt;
use std::ops::Range;

use twox_hash::XxHash3_64;

use crate::issuer::{Issuer, MAX_KEY_ID_OCTETS, MAX_NAME_OCTETS};
use crate::scope::{Covers, CrlNumber, Scope};
use crate::set::{RevokedSet, SetError};
use crate::time::UnixTime;

/// The version of the format that is written. See the grammar above.
pub const VERSION: u32 = 1;

/// What a snapshot says, with owned parts: what the fetcher carries from one refresh to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// When it was built.
    pub built_at: UnixTime,
    /// The program that built it, and its version.
    pub builder: String,
    /// The truststore whose CAs the issuers are.
    pub truststore: ObjectRef,
    /// Every CA of the truststore, in any order, also those without a CRL.
    pub issuers: Vec<IssuerRecord>,
}

/// A CA of the truststore and its CRLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRecord {
    /// How its certificates and CRLs refer to it.
    pub issuer: Issuer,
    /// Whether the CA itself is revoked, and with it everything it issued.
    pub revoked: bool,
    /// One for each scope, in any order.
    pub crls: Vec<CrlRecord>,
}

/// What is kept of one CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlRecord {
    /// What it covers.
    pub scope: Scope,
    /// Its CRL number.
    pub number: CrlNumber,
    /// When it was issued.
    pub this_update: UnixTime,
    /// When the next one is due at the latest.
    pub next_update: UnixTime,
    /// The object it was read from.
    pub source: ObjectRef,
    /// SHA-256 of its DER encoding.
    pub digest: [u8; 32],
    /// The serial numbers it lists.
    pub revoked: RevokedSet<Vec<u8>>,
}

/// An object in S3, in one of its versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectRef {
    /// Its key.
    pub key: String,
    /// Its entity tag. Empty: unknown, the object must be read again.
    pub etag: String,
}

impl Contents {
    /// The one encoding of these contents; issuers and CRLs are put in order.
    ///
    /// # Errors
    /// An issuer or a scope occurs twice, or a part is longer than the format has room for.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut issuers: Vec<_> = self.issuers.iter().collect();
        issuers.sort_unstable_by(|a, b| a.issuer.cmp(&b.issuer));
        if issuers
            .windows(2)
            .any(|pair| pair[0].issuer == pair[1].issuer)
        {
            return Err(EncodeError::DuplicateIssuer);
        }
        let mut out = Writer(MAGIC.to_vec());
        out.extend(&VERSION.to_le_bytes());
        out.extend(&count(issuers.len())?.to_le_bytes());
        out.extend(&[0; 8]);
        out.extend(&self.built_at.seconds().to_le_bytes());
        out.opaque("builder", self.builder.as_bytes(), MAX_OPAQUE)?;
        out.object(&self.truststore)?;
        let mut sets = Vec::new();
        for record in issuers {
            if record.issuer.name.is_empty() {
                return Err(EncodeError::TooLong {
                    part: "empty issuer name",
                });
            }
            out.opaque("issuer name", &record.issuer.name, MAX_NAME_OCTETS)?;
            out.opaque("key identifier", &record.issuer.key_id, MAX_KEY_ID_OCTETS)?;
            out.extend(&[u8::from(record.revoked)]);
            let mut crls: Vec<_> = record.crls.iter().collect();
            crls.sort_unstable_by(|a, b| a.scope.cmp(&b.scope));
            if crls.windows(2).any(|pair| pair[0].scope == pair[1].scope) {
                return Err(EncodeError::DuplicateScope);
            }
            out.extend(&count(crls.len())?.to_le_bytes());
            for crl in crls {
                out.crl(crl)?;
                sets.push(crl.revoked.as_octets());
            }
        }
        sets.iter().for_each(|set| out.extend(set));
        let length = u64::try_from(out.0.len() + 8).map_err(|_| EncodeError::TooMany)?;
        out.0[LENGTH_AT..LENGTH_AT + 8].copy_from_slice(&length.to_le_bytes());
        let checksum = XxHash3_64::oneshot(&out.0);
        out.extend(&checksum.to_le_bytes());
        Ok(out.0)
    }
}

/// A snapshot in its stored octets.
pub struct Snapshot<D> {
    octets: D,
    header: Header,
    issuers: Vec<IssuerEntry>,
    crls: Vec<CrlEntry>,
}

impl<D: AsRef<[u8]>> Snapshot<D> {
    /// Takes octets for a snapshot after checking that they are the encoding of one, checksum,
    /// order and all: O(n). Allocates for each issuer and CRL, not for serial numbers.
    ///
    /// # Errors
    /// They are not, or their version is not [`VERSION`].
    pub fn decode(octets: D) -> Result<Self, SnapshotError> {
        let all = octets.as_ref();
        let mut reader = SnapshotReader { octets: all, at: 0 };
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(SnapshotError::Magic);
        }
        let version = u32::from_le_bytes(reader.array()?);
        if version != VERSION {
            return Err(SnapshotError::Version { found: version });
        }
        let issuer_count = u32::from_le_bytes(reader.array()?);
        let length = u64::from_le_bytes(reader.array()?);
        let found = u64::try_from(all.len()).map_err(|_| SnapshotError::Truncated)?;
        if length != found {
            return Err(SnapshotError::Length {
                stated: length,
                found,
            });
        }
        let (body, checksum) = all.split_last_chunk().ok_or(SnapshotError::Truncated)?;
        let (stated, computed) = (u64::from_le_bytes(*checksum), XxHash3_64::oneshot(body));
        if stated != computed {
            return Err(SnapshotError::Checksum { stated, computed });
        }
        reader.octets = body;
        let built_at = UnixTime::from_seconds(i64::from_le_bytes(reader.array()?));
        let builder = reader.text()?;
        let truststore = reader.object()?;
        let header = Header {
            built_at,
            builder,
            truststore,
            checksum: stated,
        };
        let (issuers, mut crls) = reader.issuers(issuer_count)?;
        for crl in &mut crls {
            let length = crl.set.len();
            crl.set = reader.at..reader.at.saturating_add(length);
            RevokedSet::decode(reader.take(length)?)?;
        }
        if reader.at != body.len() {
            return Err(SnapshotError::NotCanonical("octets follow the last set"));
        }
        Ok(Self {
            octets,
            header,
            issuers,
            crls,
        })
    }

    /// What a log line or a response calls this snapshot: its checksum, 16 hexadecimal digits.
    pub fn id(&self) -> String {
        format!("{:016x}", self.header.checksum)
    }

    /// The stored form.
    pub fn octets(&self) -> &[u8] {
        self.octets.as_ref()
    }

    /// When it was built.
    pub const fn built_at(&self) -> UnixTime {
        self.header.built_at
    }

    /// The program that built it, and its version.
    pub fn builder(&self) -> &str {
        &self.header.builder
    }

    /// The truststore whose CAs the issuers are.
    pub const fn truststore(&self) -> &ObjectRef {
        &self.header.truststore
    }

    /// Every CA of the truststore, ascending by name and key identifier.
    pub fn issuers(&self) -> impl Iterator<Item = IssuerView<'_>> {
        self.issuers.iter().map(|entry| self.view(entry))
    }

    /// The CAs of that name: O(log n) in the number of CAs.
    pub fn issuers_named(&self, name: &[u8]) -> impl Iterator<Item = IssuerView<'_>> {
        let octets = self.octets.as_ref();
        let first = self
            .issuers
            .partition_point(|entry| octets[entry.name.clone()] < *name);
        let named = self.issuers[first..].iter().map(|entry| self.view(entry));
        let name = name.to_vec();
        named.take_while(move |issuer| issuer.name == name)
    }

    /// The same contents with parts of their own.
    pub fn to_contents(&self) -> Contents {
        let issuers = self.issuers().map(|issuer| IssuerRecord {
            issuer: Issuer {
                name: issuer.name.to_vec(),
                key_id: issuer.key_id.to_vec(),
            },
            revoked: issuer.revoked,
            crls: issuer.crls().map(CrlView::to_record).collect(),
        });
        Contents {
            built_at: self.header.built_at,
            builder: self.header.builder.clone(),
            truststore: self.header.truststore.clone(),
            issuers: issuers.collect(),
        }
    }

    fn view(&self, entry: &IssuerEntry) -> IssuerView<'_> {
        let octets = self.octets.as_ref();
        IssuerView {
            name: &octets[entry.name.clone()],
            key_id: &octets[entry.key_id.clone()],
            revoked: entry.revoked,
            crls: &self.crls[entry.crls.clone()],
            octets,
        }
    }
}

impl<D> fmt::Debug for Snapshot<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header {
            built_at, checksum, ..
        } = &self.header;
        let (issuers, crls) = (self.issuers.len(), self.crls.len());
        write!(
            f,
            "Snapshot {checksum:016x} of {built_at}: {issuers} issuers, {crls} CRLs"
        )
    }
}

/// A CA of a snapshot.
#[derive(Clone, Copy)]
pub struct IssuerView<'a> {
    /// Its DER `Name`.
    pub name: &'a [u8],
    /// Its subject key identifier.
    pub key_id: &'a [u8],
    /// Whether the CA itself is revoked.
    pub revoked: bool,
    crls: &'a [CrlEntry],
    octets: &'a [u8],
}

impl<'a> IssuerView<'a> {
    /// Its CRLs, ascending by scope.
    pub fn crls(&self) -> impl Iterator<Item = CrlView<'a>> + use<'a> {
        let octets = self.octets;
        self.crls.iter().map(move |entry| CrlView {
            entry,
            revoked: RevokedSet::decoded_before(&octets[entry.set.clone()]),
        })
    }
}

/// A CRL of a snapshot.
#[derive(Clone, Copy)]
pub struct CrlView<'a> {
    entry: &'a CrlEntry,
    /// The serial numbers it lists.
    pub revoked: RevokedSet<&'a [u8]>,
}

impl<'a> CrlView<'a> {
    /// What it covers.
    pub const fn scope(&self) -> &'a Scope {
        &self.entry.scope
    }

    /// Its CRL number.
    pub const fn number(&self) -> &'a CrlNumber {
        &self.entry.number
    }

    /// When it was issued.
    pub const fn this_update(&self) -> UnixTime {
        self.entry.this_update
    }

    /// When the next one is due at the latest.
    pub const fn next_update(&self) -> UnixTime {
        self.entry.next_update
    }

    /// The object it was read from.
    pub const fn source(&self) -> &'a ObjectRef {
        &self.entry.source
    }

    /// SHA-256 of its DER encoding.
    pub const fn digest(&self) -> &'a [u8; 32] {
        &self.entry.digest
    }

    fn to_record(self) -> CrlRecord {
        CrlRecord {
            scope: self.entry.scope.clone(),
            number: self.entry.number.clone(),
            this_update: self.entry.this_update,
            next_update: self.entry.next_update,
            source: self.entry.source.clone(),
            digest: self.entry.digest,
            revoked: self.revoked.to_owned(),
        }
    }
}

struct Header {
    built_at: UnixTime,
    builder: String,
    truststore: ObjectRef,
    checksum: u64,
}

struct IssuerEntry {
    name: Range<usize>,
    key_id: Range<usize>,
    revoked: bool,
    /// Of the snapshot's CRLs.
    crls: Range<usize>,
}

struct CrlEntry {
    scope: Scope,
    number: CrlNumber,
    this_update: UnixTime,
    next_update: UnixTime,
    source: ObjectRef,
    digest: [u8; 32],
    /// Of the snapshot's octets.
    set: Range<usize>,
}

struct SnapshotReader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> SnapshotReader<'a> {
    /// The issuers and all their CRLs; the range of a CRL's set is right in its length only.
    fn issuers(&mut self, count: u32) -> Result<(Vec<IssuerEntry>, Vec<CrlEntry>), SnapshotError> {
        let mut issuers: Vec<IssuerEntry> = Vec::new();
        let mut crls = Vec::new();
        for _ in 0..count {
            let issuer = self.issuer(&mut crls)?;
            if let Some(previous) = issuers.last() {
                let of = |entry: &IssuerEntry| {
                    (
                        &self.octets[entry.name.clone()],
                        &self.octets[entry.key_id.clone()],
                    )
                };
                if of(previous) >= of(&issuer) {
                    return Err(SnapshotError::NotCanonical("issuers are out of order"));
                }
            }
            issuers.push(issuer);
        }
        Ok((issuers, crls))
    }

    fn issuer(&mut self, crls: &mut Vec<CrlEntry>) -> Result<IssuerEntry, SnapshotError> {
        let name = self.opaque(1, MAX_NAME_OCTETS)?;
        let key_id = self.opaque(0, MAX_KEY_ID_OCTETS)?;
        let revoked = match self.array()? {
            [0] => false,
            [1] => true,
            [_] => return Err(SnapshotError::NotCanonical("a flag is neither 0 nor 1")),
        };
        let count = u32::from_le_bytes(self.array()?);
        let first = crls.len();
        for _ in 0..count {
            let crl = self.crl()?;
            if crls[first..]
                .last()
                .is_some_and(|previous| previous.scope >= crl.scope)
            {
                return Err(SnapshotError::NotCanonical("scopes are out of order"));
            }
            crls.push(crl);
        }
        Ok(IssuerEntry {
            name,
            key_id,
            revoked,
            crls: first..crls.len(),
        })
    }

    fn crl(&mut self) -> Result<CrlEntry, SnapshotError> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        for _ in 0..u16::from_le_bytes(self.array()?) {
            let name = self.opaque(1, MAX_OPAQUE)?;
            let name = self.octets[name].to_vec();
            if names.last().is_some_and(|previous| *previous >= name) {
                return Err(SnapshotError::NotCanonical(
                    "names of a scope are out of order",
                ));
            }
            names.push(name);
        }
        let covers = match self.array()? {
            [0] => Covers::AllCertificates,
            [1] => Covers::UserCertificates,
            [2] => Covers::CaCertificates,
            [_] => {
                return Err(SnapshotError::NotCanonical(
                    "a scope covers an unknown kind",
                ));
            }
        };
        let number = self.opaque(0, CrlNumber::MAX_OCTETS)?;
        let number = CrlNumber::from_magnitude(&self.octets[number]).ok_or(
            SnapshotError::NotCanonical("a CRL number has a leading zero"),
        )?;
        let this_update = UnixTime::from_seconds(i64::from_le_bytes(self.array()?));
        let next_update = UnixTime::from_seconds(i64::from_le_bytes(self.array()?));
        let source = self.object()?;
        let digest = self.array()?;
        let length = u64::from_le_bytes(self.array()?);
        let length = usize::try_from(length).map_err(|_| SnapshotError::Truncated)?;
        Ok(CrlEntry {
            scope: Scope { names, covers },
            number,
            this_update,
            next_update,
            source,
            digest,
            set: 0..length,
        })
    }

    fn object(&mut self) -> Result<ObjectRef, SnapshotError> {
        Ok(ObjectRef {
            key: self.text()?,
            etag: self.text()?,
        })
    }

    fn text(&mut self) -> Result<String, SnapshotError> {
        let range = self.opaque(0, MAX_OPAQUE)?;
        let text = std::str::from_utf8(&self.octets[range]);
        text.map(str::to_owned)
            .map_err(|_| SnapshotError::NotCanonical("a text is not UTF-8"))
    }

    fn opaque(&mut self, least: usize, most: usize) -> Result<Range<usize>, SnapshotError> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        if !(least..=most).contains(&length) {
            return Err(SnapshotError::NotCanonical("a length is out of its range"));
        }
        let start = self.at;
        self.take(length).map(|_| start..self.at)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        self.take(N)?
            .first_chunk()
            .copied()
            .ok_or(SnapshotError::Truncated)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], SnapshotError> {
        let end = self
            .at
            .checked_add(length)
            .ok_or(SnapshotError::Truncated)?;
        let taken = self
            .octets
            .get(self.at..end)
            .ok_or(SnapshotError::Truncated)?;
        self.at = end;
        Ok(taken)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn crl(&mut self, crl: &CrlRecord) -> Result<(), EncodeError> {
        let names = u16::try_from(crl.scope.names.len()).map_err(|_| EncodeError::TooMany)?;
        self.extend(&names.to_le_bytes());
        for name in &crl.scope.names {
            self.opaque("distribution point name", name, MAX_OPAQUE)?;
        }
        self.extend(&[match crl.scope.covers {
            Covers::AllCertificates => 0,
            Covers::UserCertificates => 1,
            Covers::CaCertificates => 2,
        }]);
        self.opaque("CRL number", crl.number.octets(), CrlNumber::MAX_OCTETS)?;
        self.extend(&crl.this_update.seconds().to_le_bytes());
        self.extend(&crl.next_update.seconds().to_le_bytes());
        self.object(&crl.source)?;
        self.extend(&crl.digest);
        let length = crl.revoked.as_octets().len();
        self.extend(
            &u64::try_from(length)
                .map_err(|_| EncodeError::TooMany)?
                .to_le_bytes(),
        );
        Ok(())
    }

    fn object(&mut self, object: &ObjectRef) -> Result<(), EncodeError> {
        self.opaque("object key", object.key.as_bytes(), MAX_OPAQUE)?;
        self.opaque("entity tag", object.etag.as_bytes(), MAX_OPAQUE)
    }

    fn opaque(
        &mut self,
        part: &'static str,
        octets: &[u8],
        most: usize,
    ) -> Result<(), EncodeError> {
        let length = u16::try_from(octets.len())
            .ok()
            .filter(|_| octets.len() <= most);
        self.extend(&length.ok_or(EncodeError::TooLong { part })?.to_le_bytes());
        self.extend(octets);
        Ok(())
    }

    fn extend(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }
}

fn count(length: usize) -> Result<u32, EncodeError> {
    u32::try_from(length).map_err(|_| EncodeError::TooMany)
}

const MAGIC: &[u8; 8] = b"crl-snap";
const LENGTH_AT: usize = 16;
const MAX_OPAQUE: usize = 0xffff;

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

/// Why contents cannot be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// Two records of one issuer.
    DuplicateIssuer,
    /// Two CRLs of one scope.
    DuplicateScope,
    /// A part has more octets than the format has room for.
    TooLong {
        /// Which one.
        part: &'static str,
    },
    /// More issuers, CRLs or names than the format can count.
    TooMany,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateIssuer => f.write_str("an issuer occurs twice"),
            Self::DuplicateScope => f.write_str("a scope of an issuer occurs twice"),
            Self::TooLong { part } => write!(f, "a part is too long for the snapshot: {part}"),
            Self::TooMany => f.write_str("there are more parts than the snapshot can count"),
        }
    }
}

impl std::error::Error for EncodeError {}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn contents() -> impl Strategy<Value = Contents> {
        let name = prop::collection::vec(any::<u8>(), 1..40);
        let key_id = prop::collection::vec(any::<u8>(), 0..21);
        let issuer = (
            name,
            key_id,
            any::<bool>(),
            prop::collection::vec(crl(), 0..4),
        );
        prop::collection::vec(issuer, 0..4).prop_map(|mut issuers| {
            issuers.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
            issuers.dedup_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1));
            let record = |(name, key_id, revoked, mut crls): (_, _, _, Vec<CrlRecord>)| {
                crls.sort_by(|a, b| a.scope.cmp(&b.scope));
                crls.dedup_by(|a, b| a.scope == b.scope);
                IssuerRecord {
                    issuer: Issuer { name, key_id },
                    revoked,
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
                issuers: issuers.into_iter().map(record).collect(),
            }
        })
    }

    fn with_checksum(mut octets: Vec<u8>) -> Vec<u8> {
        let end = octets.len() - 8;
        let checksum = XxHash3_64::oneshot(&octets[..end]);
        octets[end..].copy_from_slice(&checksum.to_le_bytes());
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
                prop_assert_eq!(found.next().map(|found| found.revoked), Some(issuer.revoked));
            }
        }

        /// The checksum is put right, so that the flips reach the structure behind it.
        #[test]
        fn what_decodes_encodes_to_the_same_octets(
            contents in contents(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut octets = contents.encode().unwrap();
            for (index, value) in flips {
                let at = index.index(octets.len());
                octets[at] ^= value;
            }
            let octets = with_checksum(octets);
            if let Ok(snapshot) = Snapshot::decode(&octets[..]) {
                prop_assert_eq!(snapshot.to_contents().encode().unwrap(), octets);
            }
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
            issuers: Vec::new(),
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut octets = empty().encode().unwrap();
        octets[8] = 2;
        let error = Snapshot::decode(with_checksum(octets)).unwrap_err();
        assert_eq!(error, SnapshotError::Version { found: 2 });
    }

    #[test]
    fn a_count_without_the_parts_allocates_nothing_and_fails() {
        let mut octets = empty().encode().unwrap();
        octets[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = Snapshot::decode(with_checksum(octets)).unwrap_err();
        assert_eq!(error, SnapshotError::Truncated);
    }

    #[test]
    fn what_occurs_twice_is_refused() {
        let issuer = Issuer {
            name: vec![1],
            key_id: vec![2],
        };
        let record = IssuerRecord {
            issuer,
            revoked: false,
            crls: Vec::new(),
        };
        let contents = Contents {
            issuers: vec![record.clone(), record],
            ..empty()
        };
        assert_eq!(contents.encode(), Err(EncodeError::DuplicateIssuer));
    }
}
