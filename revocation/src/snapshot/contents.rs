//! What a snapshot says, with owned parts, and its one encoding.

use std::fmt;

use super::{
    BUILT_AT_AT, FIRST_LENGTH_AT, LENGTH_AT, MAGIC, MAX_OPAQUE, SECOND_CHECKSUM_AT, VERSION,
    checksum_of, flag, origin,
};
use crate::issuer::{Issuer, MAX_KEY_ID_OCTETS, MAX_NAME_OCTETS, Role};
use crate::notice::{BlockedKey, Notice, Origin};
use crate::scope::{Covers, CrlNumber, Scope};
use crate::set::RevokedSet;
use crate::time::UnixTime;

/// What a snapshot says, with owned parts: what the fetcher carries from one refresh to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// When it was built.
    pub built_at: UnixTime,
    /// The program that built it, and its version.
    pub builder: String,
    /// The truststore whose CAs the issuers are.
    pub truststore: ObjectRef,
    /// The public keys that the operator has blocked, in any order.
    pub blocked_keys: Vec<BlockedKey>,
    /// Every CA of the truststore, in any order, also those without a CRL.
    pub issuers: Vec<IssuerRecord>,
}

/// A CA of the truststore and its CRLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRecord {
    /// How its certificates and CRLs refer to it.
    pub issuer: Issuer,
    /// What it signs.
    pub role: Role,
    /// Whether its certificates state no key identifier, so that the one of `issuer` is derived from
    /// its key, and what it issued may refer to the key by another one.
    pub key_id_is_derived: bool,
    /// Whether the CA itself is revoked, and with it everything it issued.
    pub revoked: bool,
    /// Until when it is known that the CA is not revoked, grace not included: the CRLs of its own
    /// issuers end then. [`UnixTime::MAX`] where nobody is asked, as for a root; [`UnixTime::MIN`]
    /// where it is not known at all.
    pub good_until: UnixTime,
    /// Revocations that none of its CRLs lists yet, in any order.
    pub notices: Vec<Notice>,
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
    /// SHA-256 of its tbsCertList.
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

impl IssuerRecord {
    /// A CA that is not revoked, as far as anybody was asked, and has published nothing.
    pub const fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            role: Role::Ca,
            key_id_is_derived: false,
            revoked: false,
            good_until: UnixTime::MAX,
            notices: Vec::new(),
            crls: Vec::new(),
        }
    }
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
        out.extend(&[0; BUILT_AT_AT - LENGTH_AT]);
        out.extend(&self.built_at.seconds().to_le_bytes());
        out.opaque("builder", self.builder.as_bytes(), MAX_OPAQUE)?;
        out.object(&self.truststore)?;
        out.blocked_keys(&self.blocked_keys)?;
        let mut sets = Vec::new();
        for record in issuers {
            sets.extend(out.issuer(record)?);
        }
        let lengths = |plane: fn(&RevokedSet<Vec<u8>>) -> &[u8]| {
            sets.iter().map(move |set| plane(set).len()).sum::<usize>()
        };
        let first_length = out.0.len() + lengths(RevokedSet::first_plane) + 8;
        let length = first_length + lengths(RevokedSet::second_plane);
        out.0.reserve_exact(length - out.0.len());
        sets.iter().for_each(|set| out.extend(set.first_plane()));
        out.extend(&[0; 8]);
        sets.iter().for_each(|set| out.extend(set.second_plane()));
        let second_checksum = checksum_of(&out.0[first_length..]);
        out.put(LENGTH_AT, length)?;
        out.put(FIRST_LENGTH_AT, first_length)?;
        out.0[SECOND_CHECKSUM_AT..BUILT_AT_AT].copy_from_slice(&second_checksum.to_le_bytes());
        let checksum = checksum_of(&out.0[..first_length - 8]);
        out.0[first_length - 8..first_length].copy_from_slice(&checksum.to_le_bytes());
        Ok(out.0)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    /// Writes an issuer without the sets of its CRLs, which it returns.
    fn issuer<'a>(
        &mut self,
        record: &'a IssuerRecord,
    ) -> Result<Vec<&'a RevokedSet<Vec<u8>>>, EncodeError> {
        if record.issuer.name.is_empty() {
            return Err(EncodeError::TooLong {
                part: "empty issuer name",
            });
        }
        self.opaque("issuer name", &record.issuer.name, MAX_NAME_OCTETS)?;
        self.opaque("key identifier", &record.issuer.key_id, MAX_KEY_ID_OCTETS)?;
        let signs_crls_only = record.role == Role::CrlSigner;
        let flags = [
            (record.revoked, flag::REVOKED),
            (signs_crls_only, flag::SIGNS_CRLS_ONLY),
            (record.key_id_is_derived, flag::KEY_ID_IS_DERIVED),
        ];
        let set = flags.into_iter().filter(|(is_set, _)| *is_set);
        self.extend(&[set.fold(0, |flags, (_, flag)| flags | flag)]);
        self.extend(&record.good_until.seconds().to_le_bytes());
        let mut notices = record.notices.clone();
        notices.sort_unstable();
        if notices
            .windows(2)
            .any(|pair| pair[0].key() == pair[1].key())
        {
            return Err(EncodeError::DuplicateNotice);
        }
        self.extend(&count(notices.len())?.to_le_bytes());
        for notice in &notices {
            self.notice(notice);
        }
        let mut crls: Vec<_> = record.crls.iter().collect();
        crls.sort_unstable_by(|a, b| a.scope.cmp(&b.scope));
        if crls.windows(2).any(|pair| pair[0].scope == pair[1].scope) {
            return Err(EncodeError::DuplicateScope);
        }
        self.extend(&count(crls.len())?.to_le_bytes());
        for crl in &crls {
            self.crl(crl)?;
        }
        Ok(crls.into_iter().map(|crl| &crl.revoked).collect())
    }

    fn blocked_keys(&mut self, blocked: &[BlockedKey]) -> Result<(), EncodeError> {
        let mut blocked = blocked.to_vec();
        blocked.sort_unstable();
        if blocked.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return Err(EncodeError::DuplicateKey);
        }
        self.extend(&count(blocked.len())?.to_le_bytes());
        for BlockedKey { key, since, until } in blocked {
            self.extend(&key);
            self.extend(&since.seconds().to_le_bytes());
            self.extend(&until.seconds().to_le_bytes());
        }
        Ok(())
    }

    fn notice(&mut self, notice: &Notice) {
        let Notice {
            serial,
            origin,
            since,
            until,
        } = notice;
        let length = u8::try_from(serial.octets().len()).unwrap_or(u8::MAX);
        self.extend(&[u8::from(serial.is_negative()), length]);
        self.extend(serial.padded());
        self.extend(&[match origin {
            Origin::Announcement => origin::ANNOUNCEMENT,
            Origin::Override => origin::OVERRIDE,
        }]);
        self.extend(&since.seconds().to_le_bytes());
        self.extend(&until.seconds().to_le_bytes());
    }

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
        for plane in [crl.revoked.first_plane(), crl.revoked.second_plane()] {
            self.extend(&stored(plane.len())?);
        }
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

    /// Writes a length over what stands at that place.
    fn put(&mut self, at: usize, length: usize) -> Result<(), EncodeError> {
        self.0[at..at + 8].copy_from_slice(&stored(length)?);
        Ok(())
    }

    fn extend(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }
}

fn stored(length: usize) -> Result<[u8; 8], EncodeError> {
    let length = u64::try_from(length).map_err(|_| EncodeError::TooMany)?;
    Ok(length.to_le_bytes())
}

fn count(length: usize) -> Result<u32, EncodeError> {
    u32::try_from(length).map_err(|_| EncodeError::TooMany)
}

/// Why contents cannot be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// Two records of one issuer.
    DuplicateIssuer,
    /// One public key blocked twice.
    DuplicateKey,
    /// Two notices of one issuer, serial number and origin.
    DuplicateNotice,
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
            Self::DuplicateKey => f.write_str("a public key is blocked twice"),
            Self::DuplicateNotice => f.write_str("a notice of an issuer occurs twice"),
            Self::DuplicateScope => f.write_str("a scope of an issuer occurs twice"),
            Self::TooLong { part } => write!(f, "a part is too long for the snapshot: {part}"),
            Self::TooMany => f.write_str("there are more parts than the snapshot can count"),
        }
    }
}

impl std::error::Error for EncodeError {}
