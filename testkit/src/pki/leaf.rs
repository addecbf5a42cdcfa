//! Client certificates.

use std::time::{SystemTime, UNIX_EPOCH};

use super::ca::{authority_key_identifier, subject_key_identifier};
use super::certificate::{TbsCertificate, YEAR_2026, YEAR_2027};
use super::distribution_point::general_names;
use super::key::SigningKey;
use super::{
    BasicConstraints, Ca, DistributionPoint, Extension, GeneralName, KeyIdentifier, KeyKind,
    KeyUsage, Serial, der, oid,
};

/// A client certificate with its private key.
#[derive(Clone, Debug)]
pub struct Leaf {
    common_name: String,
    serial_content: Vec<u8>,
    certificate_der: Vec<u8>,
    key: SigningKey,
}

impl Leaf {
    /// The certificate.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// The certificate as PEM, with a newline at the end.
    pub fn certificate_pem(&self) -> String {
        der::pem("CERTIFICATE", &self.certificate_der)
    }

    /// The private key as PKCS #8 PEM.
    pub fn key_pem(&self) -> String {
        der::pem("PRIVATE KEY", &self.key.pkcs8_der())
    }

    /// The serial number, as DER INTEGER content octets: what [`super::CrlBuilder::revoke`] takes.
    pub fn serial(&self) -> Vec<u8> {
        self.serial_content.clone()
    }

    /// The public key, as DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> Vec<u8> {
        self.key.spki_der()
    }

    /// The common name the certificate was issued with.
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    pub(crate) fn issue(issuer: &Ca, common_name: &str, options: LeafOptions) -> Self {
        let key = match &options.key_of {
            Some(other) => other.key.clone(),
            None => SigningKey::generate(options.key),
        };
        let extensions = options.extensions(issuer, common_name, &key);
        let serial_content = options.serial.into_content();
        let certificate_der = TbsCertificate {
            version: options.version,
            serial_content: &serial_content,
            issuer: options
                .issuer_name_der
                .as_deref()
                .unwrap_or_else(|| issuer.name_der()),
            not_before: options.not_before,
            not_after: options.not_after,
            subject: &options
                .subject_name_der
                .unwrap_or_else(|| der::name(common_name)),
            spki: &key.spki_der(),
            extensions: if options.version == Some(2) {
                &extensions
            } else {
                &[]
            },
        }
        .sign(issuer.key(), issuer.scheme());
        Self {
            common_name: common_name.to_owned(),
            serial_content,
            certificate_der,
            key,
        }
    }
}

/// What a client certificate is to be; the default is a sound one, valid through 2026.
#[derive(Clone, Debug)]
pub struct LeafOptions {
    /// The kind of the certificate's own key.
    pub key: KeyKind,
    /// Somebody whose key it has, in the place of one of its own.
    pub key_of: Option<Leaf>,
    /// The serial number.
    pub serial: Serial,
    /// `notBefore`, in seconds since 1970.
    pub not_before: i64,
    /// `notAfter`, in seconds since 1970.
    pub not_after: i64,
    /// The INTEGER of `version`: `Some(2)` is v3; `None` is v1, which has no extensions.
    pub version: Option<u8>,
    /// basicConstraints; [`BasicConstraints::Ca`] makes a client certificate that claims to be a
    /// CA.
    pub basic_constraints: BasicConstraints,
    /// keyUsage.
    pub key_usage: KeyUsage,
    /// extKeyUsage: object identifiers, dotted; not written when empty.
    pub extended_key_usage: Vec<String>,
    /// subjectAltName; `None` for one DNS name made of the common name, empty for none.
    pub subject_alt_names: Option<Vec<GeneralName>>,
    /// subjectKeyIdentifier.
    pub subject_key_identifier: KeyIdentifier,
    /// authorityKeyIdentifier.
    pub authority_key_identifier: KeyIdentifier,
    /// cRLDistributionPoints.
    pub crl_distribution_points: CrlDistributionPoints,
    /// An issuer name other than the issuer's.
    pub issuer_name_der: Option<Vec<u8>>,
    /// A subject name other than `C=US, O=Example, CN=<common name>`.
    pub subject_name_der: Option<Vec<u8>>,
    /// Further extensions, behind the usual ones.
    pub extensions: Vec<Extension>,
}

impl Default for LeafOptions {
    fn default() -> Self {
        Self {
            key: KeyKind::P256,
            key_of: None,
            serial: Serial::Random,
            not_before: YEAR_2026,
            not_after: YEAR_2027,
            version: Some(2),
            basic_constraints: BasicConstraints::NotCa,
            key_usage: KeyUsage::EndEntity,
            extended_key_usage: vec![oid::CLIENT_AUTH.to_owned()],
            subject_alt_names: None,
            subject_key_identifier: KeyIdentifier::Matching,
            authority_key_identifier: KeyIdentifier::Matching,
            crl_distribution_points: CrlDistributionPoints::OfIssuer,
            issuer_name_der: None,
            subject_name_der: None,
            extensions: Vec::new(),
        }
    }
}

impl LeafOptions {
    /// The defaults, but valid by the real clock: from an hour ago, for a year.
    pub fn current() -> Self {
        let now = unix_now();
        Self {
            not_before: now - 3600,
            not_after: now + 365 * 86_400,
            ..Self::default()
        }
    }

    fn extensions(&self, issuer: &Ca, common_name: &str, key: &SigningKey) -> Vec<Extension> {
        let mut extensions = Vec::new();
        extensions.extend(self.basic_constraints.extension());
        extensions.extend(authority_key_identifier(
            &self.authority_key_identifier,
            Some(issuer),
        ));
        extensions.extend(subject_key_identifier(&self.subject_key_identifier, key));
        extensions.extend(self.key_usage.extension());
        extensions.extend(self.extended_key_usage());
        extensions.extend(self.crl_distribution_points.extension(issuer));
        extensions.extend(self.subject_alt_name(common_name));
        extensions.extend(self.extensions.iter().cloned());
        extensions
    }

    fn extended_key_usage(&self) -> Option<Extension> {
        if self.extended_key_usage.is_empty() {
            return None;
        }
        let purposes: Vec<u8> = self
            .extended_key_usage
            .iter()
            .flat_map(|purpose| der::oid(purpose))
            .collect();
        Some(Extension::new(
            oid::EXTENDED_KEY_USAGE,
            false,
            der::sequence(&[&purposes]),
        ))
    }

    fn subject_alt_name(&self, common_name: &str) -> Option<Extension> {
        let names = match &self.subject_alt_names {
            Some(names) if names.is_empty() => return None,
            Some(names) => names.clone(),
            None => vec![GeneralName::Dns(dns_name(common_name))],
        };
        let value = der::sequence(&[&general_names(&names)]);
        Some(Extension::new(oid::SUBJECT_ALT_NAME, false, value))
    }
}

/// The cRLDistributionPoints extension of a certificate.
#[derive(Clone, Debug, Default)]
pub enum CrlDistributionPoints {
    /// The issuer's complete CRL.
    #[default]
    OfIssuer,
    /// No such extension.
    Absent,
    /// One distribution point whose full name is these URIs.
    Uris(Vec<String>),
    /// These distribution points.
    Points(Vec<DistributionPoint>),
    /// This extension value.
    Der(Vec<u8>),
}

impl CrlDistributionPoints {
    /// The partition of this URI and nothing else.
    pub fn uri(uri: impl Into<String>) -> Self {
        Self::Uris(vec![uri.into()])
    }

    pub(crate) fn extension(&self, issuer: &Ca) -> Option<Extension> {
        let points = match self {
            Self::OfIssuer => vec![DistributionPoint::uris(&[issuer.crl_url()])],
            Self::Absent => return None,
            Self::Uris(uris) => vec![DistributionPoint::uris(uris)],
            Self::Points(points) => points.clone(),
            Self::Der(value) => {
                return Some(Extension::new(
                    oid::CRL_DISTRIBUTION_POINTS,
                    false,
                    value.clone(),
                ));
            }
        };
        let list: Vec<u8> = points.iter().flat_map(DistributionPoint::to_der).collect();
        Some(Extension::new(
            oid::CRL_DISTRIBUTION_POINTS,
            false,
            der::sequence(&[&list]),
        ))
    }
}

/// The real clock, for objects that programs with a real clock will judge.
#[expect(
    clippy::disallowed_methods,
    reason = "the one edge where testkit reads the clock, on request only"
)]
pub(crate) fn unix_now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970");
    i64::try_from(elapsed.as_secs()).expect("a clock before the year 292 billion")
}

fn dns_name(common_name: &str) -> String {
    let label: String = common_name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    format!("{label}.clients.example.com")
}
