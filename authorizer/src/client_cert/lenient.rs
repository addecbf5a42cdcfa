//! The careful way: any certificate that x509-parser can read.

use revocation::distribution_point::read_crl_distribution_points;
use revocation::{CertificateKind, SerialNumber, UnixTime};
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER as AUTHORITY_KEY_IDENTIFIER,
    OID_X509_EXT_BASIC_CONSTRAINTS as BASIC_CONSTRAINTS,
    OID_X509_EXT_CRL_DISTRIBUTION_POINTS as CRL_DISTRIBUTION_POINTS,
};
use x509_parser::prelude::FromDer;

use super::{ClientCert, ClientCertError};

/// Reads a DER certificate.
pub(super) fn read(der: &[u8]) -> Result<ClientCert, ClientCertError> {
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| ClientCertError::NotX509)?;
    if !rest.is_empty() {
        return Err(ClientCertError::NotX509);
    }
    let serial = SerialNumber::from_der_integer(certificate.raw_serial())?;
    let validity = certificate.validity();
    let mut client_cert = ClientCert {
        serial,
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        sans: String::new(),
        fingerprint: Sha256::digest(der).into(),
        not_before: UnixTime::from_seconds(validity.not_before.timestamp()),
        not_after: UnixTime::from_seconds(validity.not_after.timestamp()),
        is_for_client_auth: false,
        issuer_name: certificate.issuer().as_raw().to_vec(),
        authority_key_id: None,
        distribution_points: Vec::new(),
        kind: CertificateKind::EndEntity,
        public_key: certificate.public_key().raw.to_vec(),
    };
    client_cert.read_extensions(&certificate)?;
    Ok(client_cert)
}

impl ClientCert {
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
        if let Ok(Some(usage)) = certificate.extended_key_usage() {
            self.is_for_client_auth = usage.value.client_auth || usage.value.any;
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
