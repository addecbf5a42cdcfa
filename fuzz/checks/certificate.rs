//! Octets as a certificate, for the authorizer as for the fetcher, and as the value of a CRL
//! distribution points extension.

use authorizer::client_cert::ClientCert;
use crl_fetcher::truststore::Truststore;
use revocation::der::{Reader, tag};
use revocation::distribution_point::{
    DisplayName, DistributionPoint, read_crl_distribution_points,
};
use revocation::{CertificateKind, SerialNumber, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

/// What could be read of the octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// A client certificate.
    pub client_certificate: bool,
    /// A truststore.
    pub truststore: bool,
    /// CRL distribution points.
    pub distribution_points: bool,
}

/// Nothing panics; an independent reader reads the same of a client certificate; and the two Lambdas
/// read of one certificate what they must agree on.
pub fn check(octets: &[u8]) -> Reached {
    let from_pem = ClientCert::from_pem(octets);
    let from_der = ClientCert::from_der(octets);
    let truststore = Truststore::read(octets);
    if let Ok(certificate) = &from_der {
        check_client_cert(octets, certificate);
        if let Ok(truststore) = &truststore {
            check_agreement(certificate, truststore);
        }
    }
    if let Ok(certificate) = &from_pem {
        show(certificate);
    }
    if let Ok(truststore) = &truststore {
        check_truststore(truststore);
    }
    let distribution_points = read_crl_distribution_points(octets, &[tag::SEQUENCE, 0]);
    if let Ok(points) = &distribution_points {
        check_distribution_points(points);
    }
    Reached {
        client_certificate: from_pem.is_ok() || from_der.is_ok(),
        truststore: truststore.is_ok(),
        distribution_points: distribution_points.is_ok(),
    }
}

fn check_client_cert(der: &[u8], certificate: &ClientCert) {
    show(certificate);
    let (rest, independent) = X509Certificate::from_der(der).expect("it was read before");
    assert!(rest.is_empty());
    let serial = SerialNumber::from_der_integer(independent.raw_serial());
    assert_eq!(serial, Ok(certificate.serial));
    if let Some(content) = serial_content(der) {
        assert_eq!(
            SerialNumber::from_der_integer(content),
            Ok(certificate.serial)
        );
    }
    assert_eq!(certificate.subject, independent.subject().to_string());
    assert_eq!(certificate.issuer, independent.issuer().to_string());
    let validity = independent.validity();
    let moments = [validity.not_before, validity.not_after].map(|moment| moment.timestamp());
    let read = [certificate.not_before, certificate.not_after].map(UnixTime::seconds);
    assert_eq!(read, moments);
    let looked_up = certificate.as_certificate();
    assert_eq!(looked_up.issuer, independent.issuer().as_raw());
    let is_ca = looked_up.kind == CertificateKind::Ca;
    assert_eq!(is_ca, independent.is_ca());
    assert_eq!(looked_up.authority_key_id, key_id(&independent));
    check_distribution_points(looked_up.distribution_points);
    for uri in uris(&independent) {
        let has_it = |point: &DistributionPoint| {
            // x509-parser also takes a constructed string, which DER does not allow, for a URI.
            let is_it = |name: &Vec<u8>| {
                let name = Reader::new(name).element();
                name.is_ok_and(|name| {
                    name.tag & !CONSTRUCTED == tag::context(6) && name.content == uri.as_bytes()
                })
            };
            point.names.iter().any(is_it)
        };
        assert!(looked_up.distribution_points.iter().any(has_it), "{uri:?}");
    }
}

/// What the fetcher takes for a CA certificate is one for the authorizer too, by the same names.
fn check_agreement(certificate: &ClientCert, truststore: &Truststore) {
    let looked_up = certificate.as_certificate();
    let [ca] = truststore.cas() else {
        panic!("one certificate is {} CAs", truststore.cas().len());
    };
    assert_eq!(looked_up.kind, ca.kind);
    assert_eq!(looked_up.serial, ca.serial);
    assert_eq!(looked_up.issuer, ca.issued_by);
    assert_eq!(looked_up.authority_key_id, ca.authority_key_id.as_deref());
    assert_eq!(certificate.not_before, ca.not_before);
    assert_eq!(certificate.not_after, ca.not_after);
}

fn check_truststore(truststore: &Truststore) {
    assert!(!truststore.cas().is_empty());
    for issuer in truststore.issuers() {
        let mut named = truststore.named(&issuer.issuer.name);
        assert!(named.any(|ca| ca.issuer == issuer.issuer));
    }
}

/// Names are elements of DER, in ascending order, once each.
fn check_distribution_points(points: &[DistributionPoint]) {
    for point in points {
        for name in &point.names {
            let mut reader = Reader::new(name);
            assert!(reader.element().is_ok() && reader.is_empty());
            let _ = DisplayName(name).to_string();
        }
        assert!(point.names.is_sorted_by(|a, b| a < b));
        assert!(point.uri_paths().all(|path| path.starts_with('/')));
    }
}

/// Whatever is for people can be shown to them.
fn show(certificate: &ClientCert) {
    let shown = [certificate.serial.to_string(), format!("{certificate:?}")];
    assert!(shown.iter().all(|text| !text.is_empty()));
    let validity = [certificate.not_before, certificate.not_after];
    let _ = validity.map(|moment| moment.to_string());
}

/// The serial number's content octets, by the strict reader; `None` where that refuses an encoding
/// which is not DER.
fn serial_content(der: &[u8]) -> Option<&[u8]> {
    let mut certificate = Reader::new(der).sequence().ok()?;
    let mut fields = certificate.sequence().ok()?;
    fields.optional(tag::context_constructed(0)).ok()?;
    Some(fields.expect(tag::INTEGER).ok()?.content)
}

/// The authority's key identifier, by the independent reader.
fn key_id<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a [u8]> {
    let mut extensions = certificate.extensions().iter();
    extensions.find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(authority) => {
            authority.key_identifier.as_ref().map(|id| id.0)
        }
        _ => None,
    })
}

/// The URIs of the distribution points, by the independent reader.
fn uris<'a>(certificate: &'a X509Certificate<'_>) -> impl Iterator<Item = &'a str> {
    let extensions = certificate.extensions().iter();
    let points = extensions.filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::CRLDistributionPoints(points) => Some(points.points.iter()),
        _ => None,
    });
    let names = points
        .flatten()
        .filter_map(|point| match &point.distribution_point {
            Some(DistributionPointName::FullName(names)) => Some(names.iter()),
            _ => None,
        });
    names.flatten().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    })
}

const CONSTRUCTED: u8 = 0x20;
