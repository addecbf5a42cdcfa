//! The API's truststore: the only anchors. Every CA in it may issue CRLs.

use std::fmt;

use aws_lc_rs::digest;
use revocation::{Issuer, MAX_KEY_ID_OCTETS, MAX_NAME_OCTETS, SerialNumber, UnixTime};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use crate::signature::PublicKey;

/// The CA certificates of a truststore.
#[derive(Clone, Debug)]
pub struct Truststore {
    cas: Vec<CaCertificate>,
}

/// One CA certificate.
#[derive(Clone, Debug)]
pub struct CaCertificate {
    /// How CRLs and certificates refer to this CA. Several certificates of one CA (renewed, or
    /// cross-signed) have it in common.
    pub issuer: Issuer,
    /// Whether the key identifier is the certificate's own, not one derived from the key because it
    /// has none.
    pub states_key_id: bool,
    /// Its key.
    pub public_key: PublicKey,
    /// Start of its validity.
    pub not_before: UnixTime,
    /// End of its validity.
    pub not_after: UnixTime,
    /// Whether keyUsage, where there is one, includes cRLSign.
    pub may_sign_crls: bool,
    /// Its serial number, which its own issuer's CRL may list.
    pub serial: SerialNumber,
    /// The DER `Name` of its own issuer.
    pub issued_by: Vec<u8>,
    /// The key identifier of its own issuer, where it names one.
    pub authority_key_id: Option<Vec<u8>>,
}

impl Truststore {
    /// Reads a PEM bundle of certificates, or the DER of a single one. Certificates that are not
    /// those of CAs are left out; duplicates are dropped.
    ///
    /// # Errors
    /// No CA certificate, or one that cannot be read.
    pub fn read(octets: &[u8]) -> Result<Self, TruststoreError> {
        let mut cas: Vec<CaCertificate> = Vec::new();
        let mut seen: Vec<CertificateDer<'_>> = Vec::new();
        for (index, certificate) in certificates(octets)?.into_iter().enumerate() {
            if seen.contains(&certificate) {
                continue;
            }
            let ca = CaCertificate::from_der(&certificate).map_err(|what| {
                TruststoreError::Certificate {
                    position: index + 1,
                    what,
                }
            })?;
            cas.extend(ca);
            seen.push(certificate);
        }
        if cas.is_empty() {
            Err(TruststoreError::NoCa)
        } else {
            Ok(Self { cas })
        }
    }

    /// A truststore of the CAs of several.
    pub fn merge(truststores: impl IntoIterator<Item = Self>) -> Self {
        Self {
            cas: truststores
                .into_iter()
                .flat_map(|truststore| truststore.cas)
                .collect(),
        }
    }

    /// Every CA certificate.
    pub fn cas(&self) -> &[CaCertificate] {
        &self.cas
    }

    /// The CA certificates with that DER `Name` as their subject.
    pub fn named(&self, name: &[u8]) -> impl Iterator<Item = &CaCertificate> {
        self.cas.iter().filter(move |ca| ca.issuer.name == name)
    }

    /// Every CA once, in the order of their first certificates.
    pub fn issuers(&self) -> Vec<&Issuer> {
        let mut issuers: Vec<&Issuer> = Vec::new();
        for ca in &self.cas {
            if !issuers.contains(&&ca.issuer) {
                issuers.push(&ca.issuer);
            }
        }
        issuers
    }
}

impl CaCertificate {
    /// `None` for a certificate without basic constraints cA (RFC 5280 §4.2.1.9).
    fn from_der(der: &[u8]) -> Result<Option<Self>, String> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        if !rest.is_empty() {
            return Err("octets follow its end".to_owned());
        }
        // Both look-ups fail where the extension occurs twice.
        let basic_constraints = certificate
            .basic_constraints()
            .map_err(|error| error.to_string())?;
        let key_usage = certificate.key_usage().map_err(|error| error.to_string())?;
        if !basic_constraints.is_some_and(|extension| extension.value.ca) {
            return Ok(None);
        }
        let public_key = PublicKey::from_der(certificate.public_key().raw)
            .map_err(|error| format!("its public key is malformed: {error}"))?;
        let mut key_id = None;
        let mut authority_key_id = None;
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => key_id = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(authority) => {
                    authority_key_id = authority.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        let states_key_id = key_id.is_some();
        let issuer = Issuer {
            name: certificate.subject().as_raw().to_vec(),
            key_id: key_id.unwrap_or_else(|| derived_key_id(&public_key)),
        };
        if issuer.name.len() > MAX_NAME_OCTETS || issuer.key_id.len() > MAX_KEY_ID_OCTETS {
            return Err("its subject or its key identifier is too long".to_owned());
        }
        let validity = certificate.validity();
        Ok(Some(Self {
            issuer,
            states_key_id,
            public_key,
            not_before: UnixTime::from_seconds(validity.not_before.timestamp()),
            not_after: UnixTime::from_seconds(validity.not_after.timestamp()),
            may_sign_crls: key_usage.is_none_or(|extension| extension.value.crl_sign()),
            serial: SerialNumber::from_der_integer(certificate.raw_serial())
                .map_err(|error| error.to_string())?,
            issued_by: certificate.issuer().as_raw().to_vec(),
            authority_key_id,
        }))
    }

    /// Whether the moment is within its validity, both ends included (RFC 5280 §4.1.2.5).
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// A CA without a subject key identifier is referred to by the SHA-1 of its key (RFC 5280 §4.2.1.2,
/// method 1). Here the digest only names the key; nothing is believed because of it.
fn derived_key_id(public_key: &PublicKey) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, public_key.octets())
        .as_ref()
        .to_vec()
}

fn certificates(octets: &[u8]) -> Result<Vec<CertificateDer<'_>>, TruststoreError> {
    if octets.is_empty() {
        return Err(TruststoreError::NoCa);
    }
    if !crate::is_pem(octets) {
        return Ok(vec![CertificateDer::from(octets)]);
    }
    let blocks: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(octets).collect();
    blocks.map_err(|error| TruststoreError::Pem(error.to_string()))
}

/// Why a truststore cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TruststoreError {
    /// A certificate cannot be read.
    Certificate {
        /// Which one, counted from 1.
        position: usize,
        /// What is wrong with it.
        what: String,
    },
    /// There is no CA certificate in it.
    NoCa,
    /// The PEM is broken.
    Pem(String),
}

impl fmt::Display for TruststoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { position, what } => {
                write!(
                    f,
                    "certificate {position} of the truststore cannot be read: {what}"
                )
            }
            Self::NoCa => f.write_str("the truststore holds no CA certificate"),
            Self::Pem(what) => write!(f, "the truststore's PEM is broken: {what}"),
        }
    }
}

impl std::error::Error for TruststoreError {}
