//! The API's truststore: the only anchors. Every CA in it may issue CRLs, and so may a certificate
//! beside it that its holder signs CRLs with.

use std::fmt;

use aws_lc_rs::digest;
use revocation::distribution_point::{DistributionPoint, read_crl_distribution_points};
use revocation::{
    Certificate, CertificateKind, Issuer, IssuerRecord, MAX_KEY_ID_OCTETS, MAX_NAME_OCTETS, Role,
    SerialNumber, UnixTime,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::OID_X509_EXT_CRL_DISTRIBUTION_POINTS as CRL_DISTRIBUTION_POINTS;
use x509_parser::prelude::FromDer;

use crate::pem;
use crate::signature::PublicKey;

/// The CA certificates of a truststore.
#[derive(Clone, Debug)]
pub struct Truststore {
    cas: Vec<CaCertificate>,
}

/// One CA certificate, or one that CRLs are signed with.
#[derive(Clone, Debug)]
pub struct CaCertificate {
    /// How CRLs and certificates refer to this CA. Several certificates of one CA (renewed, or
    /// cross-signed) have it in common.
    pub issuer: Issuer,
    /// What keyUsage lets it sign (RFC 5280 §4.2.1.3).
    pub role: Role,
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
    pub has_crl_sign: bool,
    /// Its serial number, which its own issuer's CRL may list.
    pub serial: SerialNumber,
    /// The DER `Name` of its own issuer.
    pub issued_by: Vec<u8>,
    /// The key identifier of its own issuer, where it names one.
    pub authority_key_id: Option<Vec<u8>>,
    /// Where its own issuer's CRL is.
    pub distribution_points: Vec<DistributionPoint>,
    /// Whether it is the certificate of a CA.
    pub kind: CertificateKind,
    /// Its key as the certificate has it: a DER `SubjectPublicKeyInfo`.
    pub public_key_info: Vec<u8>,
}

impl Truststore {
    /// Reads a PEM bundle of certificates, or the DER of a single one. Certificates that may sign
    /// neither certificates nor CRLs are left out; duplicates are dropped.
    ///
    /// # Errors
    /// Nothing is left, or one cannot be read.
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

    /// The certificates of one CA: renewed or cross-signed, the same name and key.
    pub fn certificates_of<'a>(
        &'a self,
        issuer: &'a Issuer,
    ) -> impl Iterator<Item = &'a CaCertificate> + Clone {
        self.cas.iter().filter(move |ca| ca.issuer == *issuer)
    }

    /// Every CA once, in the order of their first certificates, and everybody who signs CRLs for
    /// one: all that they have published is still to come.
    pub fn issuers(&self) -> Vec<IssuerRecord> {
        let mut records: Vec<IssuerRecord> = Vec::new();
        for ca in self
            .cas
            .iter()
            .filter(|ca| ca.role == Role::Ca || self.may_sign_crls(ca))
        {
            match records.iter_mut().find(|record| record.issuer == ca.issuer) {
                Some(record) => {
                    record.key_id_is_derived &= !ca.states_key_id;
                    if ca.role == Role::Ca {
                        record.role = Role::Ca;
                    }
                }
                None => records.push(IssuerRecord {
                    role: ca.role,
                    key_id_is_derived: !ca.states_key_id,
                    ..IssuerRecord::new(ca.issuer.clone())
                }),
            }
        }
        records
    }

    /// Whether CRLs may be signed with that certificate's key. One that may sign nothing else must
    /// be of the same entity as each CA it would speak for.
    pub fn may_sign_crls(&self, ca: &CaCertificate) -> bool {
        let mut namesakes = self
            .named(&ca.issuer.name)
            .filter(|namesake| namesake.role == Role::Ca)
            .peekable();
        ca.has_crl_sign
            && match ca.role {
                Role::Ca => true,
                Role::CrlSigner => {
                    namesakes.peek().is_some()
                        && namesakes.all(|namesake| ca.is_of_the_entity_of(namesake))
                }
            }
    }
}

impl CaCertificate {
    /// `None` for a certificate without basic constraints cA (RFC 5280 §4.2.1.9) that may not sign
    /// CRLs either.
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
        let is_ca = basic_constraints.is_some_and(|extension| extension.value.ca);
        let may_issue = is_ca
            && key_usage
                .as_ref()
                .is_none_or(|extension| extension.value.key_cert_sign());
        let has_crl_sign = key_usage.map_or(is_ca, |extension| extension.value.crl_sign());
        if !is_ca && !has_crl_sign {
            return Ok(None);
        }
        let public_key = PublicKey::from_der(certificate.public_key().raw)
            .map_err(|error| format!("its public key is malformed: {error}"))?;
        let mut key_id = None;
        let mut authority_key_id = None;
        let mut distribution_points = Vec::new();
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                _ if extension.oid == CRL_DISTRIBUTION_POINTS => {
                    let issuer = certificate.issuer().as_raw();
                    // One that cannot be read names no place, but promises a CRL all the same.
                    distribution_points = read_crl_distribution_points(extension.value, issuer)
                        .unwrap_or_else(|_| vec![DistributionPoint::default()]);
                }
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
            role: if may_issue { Role::Ca } else { Role::CrlSigner },
            states_key_id,
            public_key,
            not_before: UnixTime::from_seconds(validity.not_before.timestamp()),
            not_after: UnixTime::from_seconds(validity.not_after.timestamp()),
            has_crl_sign,
            serial: SerialNumber::from_der_integer(certificate.raw_serial())
                .map_err(|error| error.to_string())?,
            issued_by: certificate.issuer().as_raw().to_vec(),
            authority_key_id,
            distribution_points,
            kind: match is_ca {
                true => CertificateKind::Ca,
                false => CertificateKind::EndEntity,
            },
            public_key_info: certificate.public_key().raw.to_vec(),
        }))
    }

    /// The certificate as something to look up.
    pub fn as_certificate(&self) -> Certificate<'_> {
        // §4.2.1.1: only a self-signed certificate may do without the key identifier of its issuer,
        // which is its own. A namesake with another key is not asked about it.
        let own_key_id = self.is_self_signed().then_some(&self.issuer.key_id);
        Certificate {
            issuer: &self.issued_by,
            authority_key_id: self
                .authority_key_id
                .as_ref()
                .or(own_key_id)
                .map(Vec::as_slice),
            serial: self.serial,
            distribution_points: &self.distribution_points,
            kind: self.kind,
            public_key: &self.public_key_info,
        }
    }

    /// Whether it is issued by its own key.
    pub fn is_self_signed(&self) -> bool {
        self.issued_by == self.issuer.name
            && self
                .authority_key_id
                .as_ref()
                .is_none_or(|key_id| *key_id == self.issuer.key_id)
    }

    /// Whether both certificates are of one entity and not only of one name. RFC 5280 §4.1.2.6: a
    /// name "MUST be unique for each subject entity certified by the one CA as defined by the issuer
    /// name field", so two certificates of one issuer and name are; and so is one that the other
    /// issued to its own name (§3.2, self-issued). Who issued it, its authority key identifier must
    /// say: a name alone would do for anybody's self-signed certificate.
    fn is_of_the_entity_of(&self, ca: &Self) -> bool {
        let is_issued_with =
            |key_id: Option<&Vec<u8>>| key_id.is_some() && key_id == self.authority_key_id.as_ref();
        let have_one_issuer =
            self.issued_by == ca.issued_by && is_issued_with(ca.authority_key_id.as_ref());
        let is_issued_by_it =
            self.issued_by == ca.issuer.name && is_issued_with(Some(&ca.issuer.key_id));
        self.issuer == ca.issuer || have_one_issuer || is_issued_by_it
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
    blocks.map_err(|error| TruststoreError::Pem(pem::describe(&error)))
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
