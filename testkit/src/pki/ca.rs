//! Certificate authorities.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256};

use super::certificate::{TbsCertificate, YEAR_2020, YEAR_2045};
use super::key::{Scheme, SigningKey};
use super::leaf::{CrlDistributionPoints, Leaf, LeafOptions};
use super::{CrlBuilder, Digest, Extension, KeyIdentifier, KeyKind, Serial, der, oid};

/// A certificate authority: its certificate and its key. Cheap to clone.
///
/// Every call makes a new key, so two CAs of the same name are two CAs; only [`Ca::id`] and what
/// follows from it are the same.
#[derive(Clone, Debug)]
pub struct Ca(Arc<Inner>);

impl Ca {
    /// A self-signed CA with a P-256 key, valid from 2020-01-01 to 2045-01-01.
    pub fn root(common_name: &str) -> Self {
        Self::root_with(common_name, KeyKind::P256)
    }

    /// A self-signed CA with a key of this kind.
    pub fn root_with(common_name: &str, key: KeyKind) -> Self {
        Self::self_signed(
            common_name,
            CaOptions {
                key,
                ..CaOptions::default()
            },
        )
    }

    /// A self-signed CA, bent as the options say.
    pub fn self_signed(common_name: &str, options: CaOptions) -> Self {
        Self::build(common_name, None, options)
    }

    /// A CA below this one, with a P-256 key and a path length of 0.
    pub fn subordinate(&self, common_name: &str) -> Self {
        let basic_constraints = BasicConstraints::Ca {
            path_length: Some(0),
        };
        self.subordinate_with(
            common_name,
            CaOptions {
                basic_constraints,
                ..CaOptions::default()
            },
        )
    }

    /// A CA below this one, bent as the options say.
    pub fn subordinate_with(&self, common_name: &str, options: CaOptions) -> Self {
        Self::build(common_name, Some(self), options)
    }

    /// The CA certificate.
    pub fn certificate_der(&self) -> &[u8] {
        &self.0.certificate_der
    }

    /// The CA certificate, as a truststore holds it.
    pub fn certificate_pem(&self) -> String {
        der::pem("CERTIFICATE", self.certificate_der())
    }

    /// The last part of the CA's ARN: a UUID, the same for the same common name.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Where AWS Private CA puts the complete CRL: `crl/<CA-ID>.crl`.
    pub fn crl_key(&self) -> String {
        format!("crl/{}.crl", self.0.id)
    }

    /// The distribution point of the complete CRL, in every certificate this CA issues.
    pub fn crl_url(&self) -> String {
        url(&self.crl_key())
    }

    /// A place for a partition: `crl/<CA-ID>/<GUID>.crl`, the same GUID for the same name.
    pub fn partition_key(&self, partition: &str) -> String {
        let guid = uuid(&format!("{} {partition}", self.0.id));
        format!("crl/{}/{guid}.crl", self.0.id)
    }

    /// The distribution point of a partition, for certificates and for [`CrlBuilder::partition`].
    pub fn partition_url(&self, partition: &str) -> String {
        url(&self.partition_key(partition))
    }

    /// The CA certificate's own serial number, as DER INTEGER content octets.
    pub fn serial(&self) -> Vec<u8> {
        self.0.serial_content.clone()
    }

    /// The common name the CA was made with.
    pub fn common_name(&self) -> &str {
        &self.0.common_name
    }

    /// The CA's `Name`.
    pub fn name_der(&self) -> &[u8] {
        &self.0.name_der
    }

    /// What issued certificates and CRLs carry as authority key identifier: the subject key
    /// identifier, or the SHA-1 of the key where the CA certificate has none.
    pub fn key_id(&self) -> &[u8] {
        &self.0.key_id
    }

    /// The CA key's SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> Vec<u8> {
        self.0.key.spki_der()
    }

    /// A client certificate as AWS Private CA issues it, valid through 2026.
    pub fn issue(&self, common_name: &str) -> Leaf {
        self.issue_with(common_name, LeafOptions::default())
    }

    /// A client certificate, bent as the options say.
    pub fn issue_with(&self, common_name: &str, options: LeafOptions) -> Leaf {
        Leaf::issue(self, common_name, options)
    }

    /// A complete CRL of this CA without entries, to be filled and bent.
    pub fn crl(&self) -> CrlBuilder {
        CrlBuilder::new(self.clone())
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.0.key
    }

    /// The digest this CA was told to sign with, if any.
    pub(crate) fn digest(&self) -> Option<Digest> {
        self.0.digest
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.0.key.scheme(self.0.digest, None)
    }

    fn build(common_name: &str, parent: Option<&Self>, options: CaOptions) -> Self {
        let key = match &options.key_of {
            Some(other) => other.0.key.clone(),
            None => SigningKey::generate(options.key),
        };
        let name_der = der::name(common_name);
        let serial_content = options.serial.clone().into_content();
        let (issuer, signing_key, scheme) = match parent {
            Some(parent) => (parent.name_der(), parent.key(), parent.scheme()),
            None => (name_der.as_slice(), &key, key.scheme(options.digest, None)),
        };
        let extensions = options.extensions(&key, parent);
        let certificate_der = TbsCertificate {
            version: options.version,
            serial_content: &serial_content,
            issuer,
            not_before: options.not_before,
            not_after: options.not_after,
            subject: &name_der,
            spki: &key.spki_der(),
            extensions: if options.version == Some(2) {
                &extensions
            } else {
                &[]
            },
        }
        .sign(signing_key, scheme);
        let key_id = match options.subject_key_identifier {
            KeyIdentifier::Octets(octets) => octets,
            KeyIdentifier::Matching | KeyIdentifier::Absent => key.key_identifier(),
        };
        Self(Arc::new(Inner {
            common_name: common_name.to_owned(),
            id: uuid(common_name),
            name_der,
            key,
            digest: options.digest,
            key_id,
            serial_content,
            certificate_der,
        }))
    }
}

/// What a CA certificate is to be; the default is a sound CA with a P-256 key.
#[derive(Clone, Debug)]
pub struct CaOptions {
    /// The kind of the new key.
    pub key: KeyKind,
    /// Takes this CA's key instead of a new one: a renewed or a cross certificate.
    pub key_of: Option<Ca>,
    /// The digest this CA signs certificates and CRLs with; `None` for the usual one of its key.
    pub digest: Option<Digest>,
    /// The CA certificate's serial number.
    pub serial: Serial,
    /// `notBefore`, in seconds since 1970.
    pub not_before: i64,
    /// `notAfter`, in seconds since 1970.
    pub not_after: i64,
    /// The INTEGER of `version`: `Some(2)` is v3; `None` is v1, which has no extensions.
    pub version: Option<u8>,
    /// basicConstraints.
    pub basic_constraints: BasicConstraints,
    /// keyUsage.
    pub key_usage: KeyUsage,
    /// subjectKeyIdentifier.
    pub subject_key_identifier: KeyIdentifier,
    /// authorityKeyIdentifier of a subordinate; a root has none unless octets are given.
    pub authority_key_identifier: KeyIdentifier,
    /// cRLDistributionPoints of a subordinate; a root has none.
    pub crl_distribution_points: CrlDistributionPoints,
    /// Further extensions, behind the usual ones.
    pub extensions: Vec<Extension>,
}

impl Default for CaOptions {
    fn default() -> Self {
        Self {
            key: KeyKind::P256,
            key_of: None,
            digest: None,
            serial: Serial::Random,
            not_before: YEAR_2020,
            not_after: YEAR_2045,
            version: Some(2),
            basic_constraints: BasicConstraints::Ca { path_length: None },
            key_usage: KeyUsage::CertSignAndCrlSign,
            subject_key_identifier: KeyIdentifier::Matching,
            authority_key_identifier: KeyIdentifier::Matching,
            crl_distribution_points: CrlDistributionPoints::OfIssuer,
            extensions: Vec::new(),
        }
    }
}

impl CaOptions {
    fn extensions(&self, key: &SigningKey, parent: Option<&Ca>) -> Vec<Extension> {
        let mut extensions = Vec::new();
        extensions.extend(self.basic_constraints.extension());
        extensions.extend(authority_key_identifier(
            &self.authority_key_identifier,
            parent,
        ));
        extensions.extend(subject_key_identifier(&self.subject_key_identifier, key));
        extensions.extend(self.key_usage.extension());
        if let Some(parent) = parent {
            extensions.extend(self.crl_distribution_points.extension(parent));
        }
        extensions.extend(self.extensions.iter().cloned());
        extensions
    }
}

/// The basicConstraints extension, critical where written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BasicConstraints {
    /// No such extension.
    Absent,
    /// An empty SEQUENCE: `cA` is FALSE.
    NotCa,
    /// `cA` TRUE.
    Ca {
        /// `pathLenConstraint`.
        path_length: Option<u8>,
    },
}

impl BasicConstraints {
    pub(crate) fn extension(self) -> Option<Extension> {
        let value = match self {
            Self::Absent => return None,
            Self::NotCa => der::sequence(&[]),
            Self::Ca { path_length: None } => der::sequence(&[&der::boolean(true)]),
            Self::Ca {
                path_length: Some(length),
            } => der::sequence(&[&der::boolean(true), &der::unsigned(u64::from(length))]),
        };
        Some(Extension::new(oid::BASIC_CONSTRAINTS, true, value))
    }
}

/// The keyUsage extension, critical where written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUsage {
    /// No such extension: every use is allowed.
    Absent,
    /// `digitalSignature`, `keyCertSign` and `cRLSign`, as AWS Private CA writes it.
    CertSignAndCrlSign,
    /// `keyCertSign` without `cRLSign`: may issue certificates, but no CRL.
    CertSign,
    /// `cRLSign` alone.
    CrlSign,
    /// `digitalSignature` and `keyEncipherment`: an end entity.
    EndEntity,
}

impl KeyUsage {
    pub(crate) fn extension(self) -> Option<Extension> {
        const DIGITAL_SIGNATURE: u8 = 0;
        const KEY_ENCIPHERMENT: u8 = 2;
        const KEY_CERT_SIGN: u8 = 5;
        const CRL_SIGN: u8 = 6;
        let bits: &[u8] = match self {
            Self::Absent => return None,
            Self::CertSignAndCrlSign => &[DIGITAL_SIGNATURE, KEY_CERT_SIGN, CRL_SIGN],
            Self::CertSign => &[KEY_CERT_SIGN],
            Self::CrlSign => &[CRL_SIGN],
            Self::EndEntity => &[DIGITAL_SIGNATURE, KEY_ENCIPHERMENT],
        };
        Some(Extension::new(
            oid::KEY_USAGE,
            true,
            der::tlv(0x03, &der::named_bits(bits)),
        ))
    }
}

pub(crate) fn subject_key_identifier(
    identifier: &KeyIdentifier,
    key: &SigningKey,
) -> Option<Extension> {
    let octets = match identifier {
        KeyIdentifier::Absent => return None,
        KeyIdentifier::Matching => key.key_identifier(),
        KeyIdentifier::Octets(octets) => octets.clone(),
    };
    Some(Extension::new(
        oid::SUBJECT_KEY_IDENTIFIER,
        false,
        der::octet_string(&octets),
    ))
}

pub(crate) fn authority_key_identifier(
    identifier: &KeyIdentifier,
    issuer: Option<&Ca>,
) -> Option<Extension> {
    let octets = match identifier {
        KeyIdentifier::Absent => return None,
        KeyIdentifier::Matching => issuer?.key_id(),
        KeyIdentifier::Octets(octets) => octets,
    };
    Some(Extension::authority_key_identifier(octets))
}

#[derive(Debug)]
struct Inner {
    common_name: String,
    id: String,
    name_der: Vec<u8>,
    key: SigningKey,
    digest: Option<Digest>,
    key_id: Vec<u8>,
    serial_content: Vec<u8>,
    certificate_der: Vec<u8>,
}

fn url(key: &str) -> String {
    format!("http://crl-bucket.s3.us-east-1.amazonaws.com/{key}")
}

/// A UUID (version 8: made of a digest) that is the same for the same text.
fn uuid(text: &str) -> String {
    let hashed = digest::digest(&SHA256, text.as_bytes());
    let mut octets = hashed.as_ref()[..16].to_vec();
    octets[6] = 0x80 | octets[6] & 0x0f;
    octets[8] = 0x80 | octets[8] & 0x3f;
    let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
