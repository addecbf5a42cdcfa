//! CRLs as AWS Private CA writes them, and as it never would.

use std::borrow::Cow;

use super::key::{RsaPadding, Scheme};
use super::leaf::unix_now;
use super::{Ca, Digest, Extension, IssuingDistributionPoint, der, oid};

/// A CRL being written; every method takes the builder and gives it back bent in one way.
///
/// As it comes from [`Ca::crl`] it is what AWS Private CA writes for a CA without revocations: v2,
/// authority key identifier, CRL number, `thisUpdate` 2026-11-01T00:00:00Z, `nextUpdate` 30 days
/// later.
///
/// Serial numbers are DER INTEGER content octets. Octets that would read as a negative number get
/// the zero octet in front that makes them positive, all others are written as given;
/// [`CrlBuilder::revoke_content`] writes the rest.
#[derive(Clone, Debug)]
pub struct CrlBuilder {
    ca: Ca,
    signer: Ca,
    version: Option<u8>,
    this_update: i64,
    next_update: Option<i64>,
    this_update_der: Option<Vec<u8>>,
    next_update_der: Option<Vec<u8>>,
    issuer_name_der: Option<Vec<u8>>,
    revoked_certificates: RevokedCertificates,
    entries: Vec<u8>,
    authority_key_id: Option<Vec<u8>>,
    number: Number,
    extensions: Vec<Extension>,
    digest: Option<Digest>,
    padding: Option<RsaPadding>,
    inner_algorithm_der: Option<Vec<u8>>,
    outer_algorithm_der: Option<Vec<u8>>,
    signature: Option<Vec<u8>>,
    tbs_cert_list_der: Option<Vec<u8>>,
}

impl CrlBuilder {
    pub(crate) fn new(ca: Ca) -> Self {
        Self {
            authority_key_id: Some(ca.key_id().to_vec()),
            digest: None,
            signer: ca.clone(),
            ca,
            version: Some(1),
            this_update: THIS_UPDATE,
            next_update: Some(THIS_UPDATE + 30 * DAY),
            this_update_der: None,
            next_update_der: None,
            issuer_name_der: None,
            revoked_certificates: RevokedCertificates::IfAny,
            entries: Vec::new(),
            number: Number::OfThisUpdate,
            extensions: Vec::new(),
            padding: None,
            inner_algorithm_der: None,
            outer_algorithm_der: None,
            signature: None,
            tbs_cert_list_der: None,
        }
    }

    // Times and number.

    /// Dates by the real clock, as if generated now: `thisUpdate` an hour ago (AWS Private CA
    /// backdates it), `nextUpdate` in 7 days, the CRL number the milliseconds since 1970.
    pub fn current(self) -> Self {
        let now = unix_now();
        self.this_update(now - HOUR).next_update(now + 7 * DAY)
    }

    /// `thisUpdate`, in seconds since 1970. The CRL number follows it unless set.
    pub fn this_update(mut self, unix: i64) -> Self {
        self.this_update = unix;
        self
    }

    /// `thisUpdate` as this whole encoded value.
    pub fn this_update_der(mut self, time: &[u8]) -> Self {
        self.this_update_der = Some(time.to_vec());
        self
    }

    /// `nextUpdate`, in seconds since 1970.
    pub fn next_update(mut self, unix: i64) -> Self {
        self.next_update = Some(unix);
        self
    }

    /// `nextUpdate` as this whole encoded value.
    pub fn next_update_der(mut self, time: &[u8]) -> Self {
        self.next_update_der = Some(time.to_vec());
        self
    }

    /// No `nextUpdate`, which RFC 5280 §5.1.2.5 forbids.
    pub fn no_next_update(mut self) -> Self {
        self.next_update = None;
        self
    }

    /// The CRL number. Unset, it is AWS Private CA's: the milliseconds since 1970 of the
    /// generation, an hour after `thisUpdate`.
    pub fn number(mut self, number: u64) -> Self {
        self.number = Number::Value(der::unsigned(number));
        self
    }

    /// The CRL number extension with this value: any whole encoded value, or none.
    pub fn number_der(mut self, value: &[u8]) -> Self {
        self.number = Number::Value(value.to_vec());
        self
    }

    /// No CRL number.
    pub fn no_number(mut self) -> Self {
        self.number = Number::Absent;
        self
    }

    // Entries.

    /// Revokes a serial number on the default date, without a reason code.
    pub fn revoke(self, serial: &[u8]) -> Self {
        self.revoke_with(serial, REVOCATION_DATE, None)
    }

    /// Revokes a serial number on a date (seconds since 1970) and for a reason (RFC 5280 §5.3.1).
    pub fn revoke_with(self, serial: &[u8], date: i64, reason: Option<u8>) -> Self {
        self.entries([(serial, date, reason)])
    }

    /// Revokes many: serial number, date, reason. Encodes as it goes, so that a million cost
    /// little more than their 50 MB.
    pub fn entries<S: AsRef<[u8]>>(
        mut self,
        entries: impl IntoIterator<Item = (S, i64, Option<u8>)>,
    ) -> Self {
        let entries = entries.into_iter();
        self.entries.reserve(entries.size_hint().0 * ENTRY_LENGTH);
        let mut time = (REVOCATION_DATE, der::time(REVOCATION_DATE));
        let reasons: Vec<Vec<u8>> = (0..=u8::MAX).map(reason_code_extensions).collect();
        for (serial, date, reason) in entries {
            if date != time.0 {
                time = (date, der::time(date));
            }
            let extensions = reason.map_or(&[][..], |reason| &reasons[usize::from(reason)]);
            push_entry(&mut self.entries, serial.as_ref(), &time.1, extensions);
        }
        self
    }

    /// Revokes a serial number of exactly these content octets: negative or empty if they are.
    pub fn revoke_content(self, content: &[u8]) -> Self {
        self.entry_der(&der::sequence(&[
            &der::integer(content),
            &der::time(REVOCATION_DATE),
        ]))
    }

    /// Revokes a serial number in an entry with this one extension.
    pub fn entry_extension(self, serial: &[u8], oid: &str, critical: bool, value: &[u8]) -> Self {
        let extension = Extension::new(oid, critical, value).to_der();
        self.entry_der(&der::sequence(&[
            &der::integer(&der::positive_content(serial)),
            &der::time(REVOCATION_DATE),
            &der::sequence(&[&extension]),
        ]))
    }

    /// An entry as this whole encoded value.
    pub fn entry_der(mut self, entry: &[u8]) -> Self {
        self.entries.extend_from_slice(entry);
        self
    }

    /// Writes `revokedCertificates` although it is empty, which RFC 5280 §5.1.2.6 forbids.
    pub fn empty_revoked_certificates(mut self) -> Self {
        self.revoked_certificates = RevokedCertificates::EvenIfEmpty;
        self
    }

    /// What stands in the place of `revokedCertificates`, whole; entries are left out.
    pub fn revoked_certificates_der(mut self, value: &[u8]) -> Self {
        self.revoked_certificates = RevokedCertificates::Der(value.to_vec());
        self
    }

    // Extensions.

    /// Makes it a partition of AWS Private CA: a critical issuing distribution point whose full
    /// name is these URIs.
    pub fn partition(self, uris: &[&str]) -> Self {
        self.idp_der(true, &IssuingDistributionPoint::uris(uris).to_der())
    }

    /// An issuing distribution point with this value; see [`IssuingDistributionPoint`].
    pub fn idp_der(self, critical: bool, value: &[u8]) -> Self {
        self.extension(oid::ISSUING_DISTRIBUTION_POINT, critical, value)
    }

    /// Makes it a delta CRL to the complete CRL of this number (critical, RFC 5280 §5.2.4).
    pub fn delta(self, base_crl_number: u64) -> Self {
        self.extension(
            oid::DELTA_CRL_INDICATOR,
            true,
            &der::unsigned(base_crl_number),
        )
    }

    /// One more extension, behind those already there; the same one twice if asked twice.
    pub fn extension(mut self, oid: &str, critical: bool, value: &[u8]) -> Self {
        self.extensions.push(Extension::new(oid, critical, value));
        self
    }

    /// No extensions at all: also no authority key identifier and no CRL number.
    pub fn no_extensions(mut self) -> Self {
        self.extensions.clear();
        self.authority_key_id = None;
        self.number = Number::Absent;
        self
    }

    /// No authority key identifier.
    pub fn no_aki(mut self) -> Self {
        self.authority_key_id = None;
        self
    }

    /// Another key identifier than the issuer's.
    pub fn aki_key_id(mut self, key_id: &[u8]) -> Self {
        self.authority_key_id = Some(key_id.to_vec());
        self
    }

    // Fields and signature.

    /// The INTEGER of `version`: `Some(1)` is v2, the default; `None` leaves it out, which is v1.
    pub fn version(mut self, version: Option<u8>) -> Self {
        self.version = version;
        self
    }

    /// An issuer name other than the CA's.
    pub fn issuer_name_der(mut self, name: &[u8]) -> Self {
        self.issuer_name_der = Some(name.to_vec());
        self
    }

    /// Signs with the key of another CA; issuer name and key identifier stay this one's.
    pub fn signed_by(mut self, other: &Ca) -> Self {
        self.signer = other.clone();
        self
    }

    /// The digest to sign with. Ed25519 and ML-DSA have no choice of it.
    pub fn digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Signs with RSASSA-PSS; for RSA keys.
    pub fn pss(mut self) -> Self {
        self.padding = Some(RsaPadding::Pss);
        self
    }

    /// `signature` inside `TBSCertList`: an AlgorithmIdentifier that need not be what was done.
    pub fn inner_algorithm_der(mut self, algorithm: &[u8]) -> Self {
        self.inner_algorithm_der = Some(algorithm.to_vec());
        self
    }

    /// `signatureAlgorithm` behind `TBSCertList`: need not be what was done.
    pub fn outer_algorithm_der(mut self, algorithm: &[u8]) -> Self {
        self.outer_algorithm_der = Some(algorithm.to_vec());
        self
    }

    /// These octets as the signature.
    pub fn signature(mut self, signature: &[u8]) -> Self {
        self.signature = Some(signature.to_vec());
        self
    }

    /// Bends one element below `TBSCertList` as [`der::bend`] does, before it is signed. The last
    /// method to call but [`CrlBuilder::signature`] and this one again: what is set afterwards no
    /// longer gets into the CRL.
    ///
    /// # Panics
    /// If there is no such element, and as [`CrlBuilder::der`].
    pub fn bend(mut self, path: &[usize], change: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        let algorithm = self.scheme().algorithm_identifier_der();
        self.tbs_cert_list_der = Some(der::bend(&self.tbs_cert_list(&algorithm), path, change));
        self
    }

    /// The CRL.
    ///
    /// # Panics
    /// If the signing key has no signature with the digest or padding asked for.
    pub fn der(&self) -> Vec<u8> {
        let scheme = self.scheme();
        let algorithm = scheme.algorithm_identifier_der();
        let tbs = self.tbs_cert_list(&algorithm);
        let signature = match &self.signature {
            Some(signature) => signature.clone(),
            None => self.signer.key().sign(scheme, &tbs),
        };
        wrap(&[
            &tbs,
            self.outer_algorithm_der.as_ref().unwrap_or(&algorithm),
            &der::bit_string(0, &signature),
        ])
    }

    /// The CRL as PEM.
    ///
    /// # Panics
    /// As [`CrlBuilder::der`].
    pub fn pem(&self) -> String {
        der::pem("X509 CRL", &self.der())
    }

    fn scheme(&self) -> Scheme {
        let digest = self.digest.or_else(|| self.signer.digest());
        self.signer.key().scheme(digest, self.padding)
    }

    fn tbs_cert_list(&self, algorithm: &[u8]) -> Cow<'_, [u8]> {
        if let Some(bent) = &self.tbs_cert_list_der {
            return Cow::Borrowed(bent);
        }
        let version = self
            .version
            .map(|version| der::integer(&[version]))
            .unwrap_or_default();
        let this_update = or_time(&self.this_update_der, Some(self.this_update));
        let next_update = or_time(&self.next_update_der, self.next_update);
        let entries_header = match &self.revoked_certificates {
            RevokedCertificates::IfAny if self.entries.is_empty() => Vec::new(),
            RevokedCertificates::IfAny | RevokedCertificates::EvenIfEmpty => {
                der::header(der::SEQUENCE, self.entries.len())
            }
            RevokedCertificates::Der(value) => value.clone(),
        };
        let entries = match &self.revoked_certificates {
            RevokedCertificates::Der(_) => &[],
            _ => self.entries.as_slice(),
        };
        wrap(&[
            &version,
            self.inner_algorithm_der.as_deref().unwrap_or(algorithm),
            self.issuer_name_der
                .as_deref()
                .unwrap_or_else(|| self.ca.name_der()),
            &this_update,
            &next_update,
            &entries_header,
            entries,
            &self.crl_extensions(),
        ])
        .into()
    }

    fn crl_extensions(&self) -> Vec<u8> {
        let aki = self
            .authority_key_id
            .as_deref()
            .map(Extension::authority_key_identifier);
        let number = match &self.number {
            Number::Absent => None,
            Number::Value(value) => Some(value.clone()),
            Number::OfThisUpdate => {
                let milliseconds = (self.this_update + HOUR).saturating_mul(1000);
                Some(der::unsigned(u64::try_from(milliseconds).unwrap_or(0)))
            }
        }
        .map(|value| Extension::new(oid::CRL_NUMBER, false, value));
        let list: Vec<u8> = aki
            .iter()
            .chain(&number)
            .chain(&self.extensions)
            .flat_map(Extension::to_der)
            .collect();
        if list.is_empty() {
            return Vec::new();
        }
        der::explicit(0, &der::sequence(&[&list]))
    }
}

#[derive(Clone, Debug)]
enum RevokedCertificates {
    IfAny,
    EvenIfEmpty,
    Der(Vec<u8>),
}

#[derive(Clone, Debug)]
enum Number {
    OfThisUpdate,
    Value(Vec<u8>),
    Absent,
}

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// 2026-11-01T00:00:00Z.
const THIS_UPDATE: i64 = 1_793_491_200;
/// 2026-10-31T12:00:00Z.
const REVOCATION_DATE: i64 = THIS_UPDATE - 12 * HOUR;
/// A 16-octet serial number with its sign octet, a UTCTime and a reason code.
const ENTRY_LENGTH: usize = 50;

/// A SEQUENCE of parts that may be large: one allocation, one copy.
fn wrap(parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let header = der::header(der::SEQUENCE, length);
    let mut out = Vec::with_capacity(header.len() + length);
    out.extend(header);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// One entry without an allocation of its own, as long as all lengths fit in one octet.
fn push_entry(out: &mut Vec<u8>, serial: &[u8], time: &[u8], extensions: &[u8]) {
    let pad = usize::from(serial.first().is_some_and(|first| *first >= 0x80));
    let content = pad + serial.len();
    match (
        u8::try_from(2 + content + time.len() + extensions.len()),
        u8::try_from(content),
    ) {
        (Ok(length @ ..=0x7f), Ok(content)) => {
            out.extend_from_slice(&[der::SEQUENCE, length, der::INTEGER, content]);
            out.extend_from_slice(&[0][..pad]);
            out.extend_from_slice(serial);
            out.extend_from_slice(time);
            out.extend_from_slice(extensions);
        }
        _ => {
            let serial = der::integer(&der::positive_content(serial));
            out.extend(der::sequence(&[&serial, time, extensions]));
        }
    }
}

fn reason_code_extensions(reason: u8) -> Vec<u8> {
    let reason = Extension::new(oid::REASON_CODE, false, der::enumerated(reason));
    der::sequence(&[&reason.to_der()])
}

fn or_time(whole: &Option<Vec<u8>>, unix: Option<i64>) -> Vec<u8> {
    whole
        .clone()
        .or_else(|| unix.map(der::time))
        .unwrap_or_default()
}
