//! PEM → what is needed of the client certificate to look it up and to name it.
//!
//! API Gateway has verified the certificate's signature; nothing here does. What decides (serial
//! number, issuer, distribution points) is read from the DER, never from the event's other strings.
//!
//! A certificate of the usual form is read by a short walk (`walk`), any other by x509-parser
//! (`lenient`). Where the walk gives something, it is what x509-parser would have given.

mod lenient;
mod name;
mod walk;

use std::fmt;

use revocation::der::DerError;
use revocation::distribution_point::DistributionPoint;
use revocation::{Certificate, CertificateKind, SerialNumber, SerialNumberError, UnixTime};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};

use crate::event::JsonString;
use crate::pem::first_certificate;

/// A client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCert {
    /// Its serial number.
    pub serial: SerialNumber,
    /// Its subject, for people.
    pub subject: String,
    /// Its issuer, for people.
    pub issuer: String,
    /// Its subject alternative names, for people: `DNS:a, URI:b`.
    pub sans: String,
    /// SHA-256 of its DER encoding.
    pub fingerprint: [u8; 32],
    /// Start of its validity.
    pub not_before: UnixTime,
    /// End of its validity.
    pub not_after: UnixTime,
    /// Whether its extended key usage, which is one that can be read, names clientAuth or any usage.
    pub is_for_client_auth: bool,
    issuer_name: Vec<u8>,
    authority_key_id: Option<Vec<u8>>,
    distribution_points: Vec<DistributionPoint>,
    kind: CertificateKind,
    /// DER SubjectPublicKeyInfo.
    public_key: Vec<u8>,
}

impl ClientCert {
    /// Reads the first certificate in a PEM text: the leaf, should a chain follow.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, ClientCertError> {
        if pem.len() > MAX_PEM_OCTETS {
            return Err(ClientCertError::TooLarge);
        }
        match first_certificate(pem, b"\n") {
            Some(der) => Self::from_der(&der),
            None => Self::from_any_pem(pem),
        }
    }

    /// As [`Self::from_pem`], from a JSON string; `None` where that stands for no text at all.
    pub fn from_json_pem(pem: JsonString<'_>) -> Option<Result<Self, ClientCertError>> {
        let escaped = pem.escaped().as_bytes();
        if escaped.len() <= MAX_PEM_OCTETS
            && let Some(der) = first_certificate(escaped, br"\n")
        {
            return Some(Self::from_der(&der));
        }
        pem.text().map(|text| Self::from_pem(text.as_bytes()))
    }

    /// Reads a DER certificate.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn from_der(der: &[u8]) -> Result<Self, ClientCertError> {
        walk::read(der).map_or_else(|| Self::from_any_der(der), Ok)
    }

    /// As [`Self::from_der`], whatever the form of the certificate.
    pub(crate) fn from_any_der(der: &[u8]) -> Result<Self, ClientCertError> {
        lenient::read(der)
    }

    fn from_any_pem(pem: &[u8]) -> Result<Self, ClientCertError> {
        let der =
            CertificateDer::from_pem_slice(pem).map_err(|error| ClientCertError::pem(&error))?;
        Self::from_der(&der)
    }

    /// The certificate as something to look up.
    pub fn as_certificate(&self) -> Certificate<'_> {
        Certificate {
            issuer: &self.issuer_name,
            authority_key_id: self.authority_key_id.as_deref(),
            serial: self.serial,
            distribution_points: &self.distribution_points,
            kind: self.kind,
            public_key: &self.public_key,
        }
    }
}

/// Far more than API Gateway passes on.
const MAX_PEM_OCTETS: usize = 256 * 1024;

/// Why a client certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientCertError {
    /// An extension that decides is malformed or occurs twice.
    Extensions,
    /// The certificate is not X.509.
    NotX509,
    /// The PEM is broken, or has no certificate in it.
    Pem(&'static str),
    /// The serial number is not one.
    SerialNumber(SerialNumberError),
    /// The text is larger than any certificate.
    TooLarge,
}

impl ClientCertError {
    /// In words of our own: the library's quote the text, which belongs into no log.
    const fn pem(error: &pem::Error) -> Self {
        Self::Pem(match error {
            pem::Error::MissingSectionEnd { .. } => "a block has no end of the same label",
            pem::Error::IllegalSectionStart { .. } => "a block begins with a malformed line",
            pem::Error::Base64Decode(_) => "a block is not Base64",
            pem::Error::NoItemsFound => "there is no block of a certificate",
            _ => "a block is too large",
        })
    }
}

impl From<SerialNumberError> for ClientCertError {
    fn from(error: SerialNumberError) -> Self {
        Self::SerialNumber(error)
    }
}

impl From<DerError> for ClientCertError {
    fn from(_: DerError) -> Self {
        Self::Extensions
    }
}

impl fmt::Display for ClientCertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extensions => f.write_str("an extension is malformed or occurs twice"),
            Self::NotX509 => f.write_str("it is not an X.509 certificate"),
            Self::Pem(error) => write!(f, "no certificate can be read from the PEM: {error}"),
            Self::SerialNumber(error) => write!(f, "{error}"),
            Self::TooLarge => write!(f, "the PEM has more than {MAX_PEM_OCTETS} octets"),
        }
    }
}

impl std::error::Error for ClientCertError {}
