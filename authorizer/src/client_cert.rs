//! PEM → what is needed of the client certificate to look it up and to name it.
//!
//! API Gateway has verified the certificate's signature; nothing here does. What decides (serial
//! number, issuer, distribution points) is read from the DER, never from the event's other strings.

use std::fmt;

use revocation::der::DerError;
use revocation::distribution_point::{DistributionPoint, read_crl_distribution_points};
use revocation::{Certificate, CertificateKind, SerialNumber, SerialNumberError, UnixTime};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER as AUTHORITY_KEY_IDENTIFIER,
    OID_X509_EXT_BASIC_CONSTRAINTS as BASIC_CONSTRAINTS,
    OID_X509_EXT_CRL_DISTRIBUTION_POINTS as CRL_DISTRIBUTION_POINTS,
};
use x509_parser::prelude::FromDer;

/// A client certificate.
#[derive(Clone, Debug)]
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
    issuer_name: Vec<u8>,
    authority_key_id: Option<Vec<u8>>,
    distribution_points: Vec<DistributionPoint>,
    kind: CertificateKind,
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
        let der =
            CertificateDer::from_pem_slice(pem).map_err(|error| ClientCertError::pem(&error))?;
        Self::from_der(&der)
    }

    /// Reads a DER certificate.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn from_der(der: &[u8]) -> Result<Self, ClientCertError> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| ClientCertError::NotX509)?;
        if !rest.is_empty() {
            return Err(ClientCertError::NotX509);
        }
        let serial = SerialNumber::from_der_integer(certificate.raw_serial())?;
        let validity = certificate.validity();
        let mut client_cert = Self {
            serial,
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            sans: String::new(),
            fingerprint: Sha256::digest(der).into(),
            not_before: UnixTime::from_seconds(validity.not_before.timestamp()),
            not_after: UnixTime::from_seconds(validity.not_after.timestamp()),
            issuer_name: certificate.issuer().as_raw().to_vec(),
            authority_key_id: None,
            distribution_points: Vec::new(),
            kind: CertificateKind::EndEntity,
        };
        client_cert.read_extensions(&certificate)?;
        Ok(client_cert)
    }

    /// The certificate as something to look up.
    pub fn as_certificate(&self) -> Certificate<'_> {
        Certificate {
            issuer: &self.issuer_name,
            authority_key_id: self.authority_key_id.as_deref(),
            serial: self.serial,
            distribution_points: &self.distribution_points,
            kind: self.kind,
        }
    }

    /// Reads the extensions that decide. One of those must not be passed over because it is malformed
    /// or occurs twice; any other may be as odd as it likes.
    fn read_extensions(
        &mut self,
        certificate: &X509Certificate<'_>,
    ) -> Result<(), ClientCertError> {
        for oid in [
            AUTHORITY_KEY_IDENTIFIER,
            BASIC_CONSTRAINTS,
            CRL_DISTRIBUTION_POINTS,
        ] {
            let found = certificate.get_extension_unique(&oid);
            let Some(extension) = found.map_err(|_| ClientCertError::Extensions)? else {
                continue;
            };
            match extension.parsed_extension() {
                // x509-parser loses what follows a relative name, so these are read from the octets.
                _ if oid == CRL_DISTRIBUTION_POINTS => {
                    self.distribution_points =
                        read_crl_distribution_points(extension.value, &self.issuer_name)?;
                }
                ParsedExtension::AuthorityKeyIdentifier(authority) => {
                    self.authority_key_id =
                        authority.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                ParsedExtension::BasicConstraints(constraints) if constraints.ca => {
                    self.kind = CertificateKind::Ca;
                }
                ParsedExtension::BasicConstraints(_) => {}
                _ => return Err(ClientCertError::Extensions),
            }
        }
        if let Ok(Some(names)) = certificate.subject_alternative_name() {
            let names = names.value.general_names.iter().filter_map(show_name);
            self.sans = names.collect::<Vec<_>>().join(", ");
        }
        Ok(())
    }
}

fn show_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(format!("DNS:{name}")),
        GeneralName::RFC822Name(name) => Some(format!("email:{name}")),
        GeneralName::URI(name) => Some(format!("URI:{name}")),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets)
                .ok()
                .map(|ip| format!("IP:{}", std::net::Ipv4Addr::from(ip))),
            16 => <[u8; 16]>::try_from(*octets)
                .ok()
                .map(|ip| format!("IP:{}", std::net::Ipv6Addr::from(ip))),
            _ => None,
        },
        _ => None,
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
