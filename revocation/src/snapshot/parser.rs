//! One part of a snapshot after another, out of its octets: nothing is copied, nothing allocated.

use super::{
    BLOCKED_KEY_OCTETS, BlockedKeys, CrlView, IssuerView, MAX_OPAQUE, NOTICE_OCTETS, Names,
    Notices, ObjectView, SnapshotError, flag, origin,
};
use crate::issuer::{MAX_KEY_ID_OCTETS, MAX_NAME_OCTETS, Role};
use crate::notice::{BlockedKey, Notice, Origin};
use crate::scope::{Covers, CrlNumber};
use crate::serial::SerialNumber;
use crate::set::RevokedSet;
use crate::time::UnixTime;

/// Where the reading of a snapshot's octets stands.
#[derive(Clone, Copy)]
pub(super) struct Parser<'a> {
    pub(super) octets: &'a [u8],
    pub(super) at: usize,
}

/// An issuer, as far as its CRLs, which follow.
pub(super) struct ParsedIssuer<'a> {
    pub(super) view: IssuerView<'a>,
    pub(super) crl_count: u32,
}

/// A CRL, as far as its set, which is elsewhere.
pub(super) struct ParsedCrl<'a> {
    pub(super) view: CrlView<'a>,
    /// Of the planes of the set, in octets.
    pub(super) first_length: usize,
    pub(super) second_length: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn issuer(&mut self) -> Result<ParsedIssuer<'a>, SnapshotError> {
        let name = self.issuer_name()?;
        let key_id = self.opaque(0, MAX_KEY_ID_OCTETS)?;
        let [flags] = self.array()?;
        if flags & !flag::ALL != 0 {
            return Err(SnapshotError::NotCanonical("an unknown flag is set"));
        }
        let good_until = self.time()?;
        let notices = self.notices()?;
        let is_set = |flag| flags & flag != 0;
        let crl_count = u32::from_le_bytes(self.array()?);
        let view = IssuerView {
            name,
            key_id,
            role: if is_set(flag::SIGNS_CRLS_ONLY) {
                Role::CrlSigner
            } else {
                Role::Ca
            },
            key_id_is_derived: is_set(flag::KEY_ID_IS_DERIVED),
            revoked: is_set(flag::REVOKED),
            good_until,
            notices,
            crls: &[],
            first: self.octets,
            second: &[],
        };
        Ok(ParsedIssuer { view, crl_count })
    }

    /// What an issuer begins with.
    pub(super) fn issuer_name(&mut self) -> Result<&'a [u8], SnapshotError> {
        self.opaque(1, MAX_NAME_OCTETS)
    }

    /// Their order is checked when the snapshot is opened: here they are only found.
    fn notices(&mut self) -> Result<Notices<'a>, SnapshotError> {
        self.counted::<NOTICE_OCTETS>().map(Notices)
    }

    /// As for the notices.
    pub(super) fn blocked_keys(&mut self) -> Result<BlockedKeys<'a>, SnapshotError> {
        self.counted::<BLOCKED_KEY_OCTETS>().map(BlockedKeys)
    }

    /// A count, and that many parts of one size.
    fn counted<const OCTETS: usize>(&mut self) -> Result<&'a [[u8; OCTETS]], SnapshotError> {
        let count = u32::from_le_bytes(self.array()?);
        let length = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(OCTETS));
        let octets = self.take(length.ok_or(SnapshotError::Truncated)?)?;
        let (parts, _) = octets.as_chunks();
        Ok(parts)
    }

    pub(super) fn blocked_key(
        octets: &[u8; BLOCKED_KEY_OCTETS],
    ) -> Result<BlockedKey, SnapshotError> {
        let mut parser = Parser { octets, at: 0 };
        Ok(BlockedKey {
            key: parser.array()?,
            since: parser.time()?,
            until: parser.time()?,
        })
    }

    pub(super) fn notice(octets: &[u8; NOTICE_OCTETS]) -> Result<Notice, SnapshotError> {
        let mut parser = Parser { octets, at: 0 };
        let not_canonical = SnapshotError::NotCanonical("a notice is malformed");
        let [negative, length] = parser.array()?;
        let padded: [u8; SerialNumber::MAX_OCTETS] = parser.array()?;
        let start = padded.len().checked_sub(usize::from(length));
        let value = start.and_then(|start| padded.get(start..));
        let serial = match negative {
            0 => value.and_then(SerialNumber::from_magnitude),
            1 => value.and_then(|content| {
                let serial = SerialNumber::from_der_integer(content).ok()?;
                serial.is_negative().then_some(serial)
            }),
            _ => None,
        };
        let serial = serial.filter(|serial| {
            *serial.padded() == padded && serial.octets().len() == usize::from(length)
        });
        let origin = match parser.array()? {
            [origin::ANNOUNCEMENT] => Some(Origin::Announcement),
            [origin::OVERRIDE] => Some(Origin::Override),
            [_] => None,
        };
        let (Some(serial), Some(origin)) = (serial, origin) else {
            return Err(not_canonical);
        };
        Ok(Notice {
            serial,
            origin,
            since: parser.time()?,
            until: parser.time()?,
        })
    }

    pub(super) fn crl(&mut self) -> Result<ParsedCrl<'a>, SnapshotError> {
        let names = self.names()?;
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
        if number.first() == Some(&0) {
            return Err(SnapshotError::NotCanonical(
                "a CRL number has a leading zero",
            ));
        }
        let this_update = self.time()?;
        let next_update = self.time()?;
        let source = self.object()?;
        let digest = self.array()?;
        let (first_length, second_length) = (self.length()?, self.length()?);
        let view = CrlView {
            names,
            covers,
            number,
            this_update,
            next_update,
            source,
            digest,
            revoked: RevokedSet::checked_before(&[], &[]),
        };
        Ok(ParsedCrl {
            view,
            first_length,
            second_length,
        })
    }

    fn names(&mut self) -> Result<Names<'a>, SnapshotError> {
        let count = u16::from_le_bytes(self.array()?);
        let start = self.at;
        let mut previous: &[u8] = &[];
        for _ in 0..count {
            let name = self.opaque(1, MAX_OPAQUE)?;
            if previous >= name {
                return Err(SnapshotError::NotCanonical(
                    "names of a scope are out of order",
                ));
            }
            previous = name;
        }
        Ok(Names(&self.octets[start..self.at]))
    }

    pub(super) fn object(&mut self) -> Result<ObjectView<'a>, SnapshotError> {
        Ok(ObjectView {
            key: self.text()?,
            etag: self.text()?,
        })
    }

    pub(super) fn text(&mut self) -> Result<&'a str, SnapshotError> {
        std::str::from_utf8(self.opaque(0, MAX_OPAQUE)?)
            .map_err(|_| SnapshotError::NotCanonical("a text is not UTF-8"))
    }

    pub(super) fn time(&mut self) -> Result<UnixTime, SnapshotError> {
        Ok(UnixTime::from_seconds(i64::from_le_bytes(self.array()?)))
    }

    pub(super) fn length(&mut self) -> Result<usize, SnapshotError> {
        let length = u64::from_le_bytes(self.array()?);
        usize::try_from(length).map_err(|_| SnapshotError::Truncated)
    }

    pub(super) fn opaque(&mut self, least: usize, most: usize) -> Result<&'a [u8], SnapshotError> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        if !(least..=most).contains(&length) {
            return Err(SnapshotError::NotCanonical("a length is out of its range"));
        }
        self.take(length)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        self.take(N)?
            .first_chunk()
            .copied()
            .ok_or(SnapshotError::Truncated)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], SnapshotError> {
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

    /// How many octets are left.
    pub(super) const fn left(&self) -> usize {
        self.octets.len() - self.at
    }
}
