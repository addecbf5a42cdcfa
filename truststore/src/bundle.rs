//! PEM texts → the truststore as API Gateway takes it, or everything that is wrong with them.
//!
//! API Gateway itself would only warn, and that only when the domain name is created or updated. A
//! truststore with an expired, incomplete or unreadable chain then turns clients away one by one.
//! What is refused here never gets so far.
//!
//! The same certificates give the same octets, in whatever order and however often they were given,
//! so that what has not changed is not written again. Each certificate stands before the one that
//! its chain goes on with, as in the chain files that AWS Private CA and TLS servers hand out;
//! certificates of one rank follow the order of their subjects' DER.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use crl_fetcher::report::show_name;
use crl_fetcher::signature::{Message, PublicKey, SignatureAlgorithm, SignatureError};
use crl_fetcher::truststore::{CaCertificate, Truststore, TruststoreError};
use revocation::UnixTime;
use revocation::der::{DerError, Reader, tag};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{Error as PemError, PemObject};
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
    OID_PKCS1_RSAENCRYPTION,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Version};

/// A truststore that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    pem: String,
    certificates: usize,
}

impl Bundle {
    /// Checks and orders the certificates of these PEM texts.
    ///
    /// Every one must be a CA's, valid now, with a signature and a key that API Gateway accepts
    /// (SHA-256 or better; RSA of 2048 bits or more, ECDSA on P-256 or better), and its chain must
    /// end at a self-signed certificate among them. Each subject has one issuer only.
    ///
    /// # Errors
    /// Everything that is wrong: nothing is left out to make the rest fit.
    pub fn new(texts: &[String], now: UnixTime) -> Result<Self, Refusal> {
        let mut problems = Vec::new();
        let mut certificates = read(texts, now, &mut problems);
        if certificates.is_empty() && problems.is_empty() {
            problems.push(Problem::of_all(Defect::Empty));
        }
        if certificates.len() > MAX_CERTIFICATES {
            let count = certificates.len();
            problems.push(Problem::of_all(Defect::TooMany { count }));
        }
        if !problems.is_empty() {
            return Err(Refusal { problems });
        }
        let ranks = rank(&certificates, &mut problems);
        refuse_conflicts(&certificates, &mut problems);
        for (certificate, rank) in certificates.iter_mut().zip(ranks) {
            certificate.rank = rank;
        }
        certificates.sort_by(|a, b| a.order().cmp(&b.order()));
        let pem: String = certificates.iter().map(|it| encode(&it.der)).collect();
        if pem.len() > MAX_OCTETS {
            let octets = pem.len();
            problems.push(Problem::of_all(Defect::TooLarge { octets }));
        }
        if !problems.is_empty() {
            return Err(Refusal { problems });
        }
        Ok(Self {
            pem,
            certificates: certificates.len(),
        })
    }

    /// What is to be written: blocks labelled CERTIFICATE, 64 columns, LF, and nothing else.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// How many certificates there are in it.
    pub const fn certificates(&self) -> usize {
        self.certificates
    }
}

/// Every certificate once. What cannot be used is a problem instead.
fn read(texts: &[String], now: UnixTime, problems: &mut Vec<Problem>) -> Vec<Certificate> {
    let mut seen = BTreeSet::new();
    let mut certificates = Vec::new();
    for (item, text) in texts.iter().enumerate() {
        let place = |certificate| Place {
            item: item + 1,
            certificate,
            subject: None,
        };
        let blocks = match blocks(text) {
            Ok(blocks) => blocks,
            Err(defect) => {
                problems.push(Problem::new(place(None), defect));
                continue;
            }
        };
        for (index, der) in blocks.into_iter().enumerate() {
            if !seen.insert(der.clone()) {
                continue;
            }
            let place = place(Some(index + 1));
            match Certificate::read(der, &place, now) {
                Ok(certificate) => certificates.push(certificate),
                Err(problem) => problems.push(problem),
            }
        }
    }
    certificates
}

/// The contents of a text's PEM blocks, all of which must be certificates. What stands between them
/// is explanatory text (RFC 7468 §5.2), which is not written.
fn blocks(text: &str) -> Result<Vec<Vec<u8>>, Defect> {
    let mut begun = 0;
    for (at, begin) in text.match_indices(BEGIN) {
        let label = text[at + begin.len()..].split("-----").next();
        let label = label.unwrap_or_default();
        if label != "CERTIFICATE" {
            return Err(Defect::Label(show_label(label)));
        }
        begun += 1;
    }
    if begun == 0 {
        return Err(Defect::NoPem);
    }
    // Templates indent.
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let text = lines.join("\n");
    let blocks: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes())
        .map(|block| block.map(|der| der.to_vec()))
        .collect();
    let blocks = blocks.map_err(|error| Defect::Pem(describe(&error)))?;
    if blocks.len() == begun {
        Ok(blocks)
    } else {
        Err(Defect::Pem(
            "a block does not begin and end with lines of their own",
        ))
    }
}

/// A label, if that is what it is: nothing that could be the content of a block is ever shown.
fn show_label(label: &str) -> String {
    let is_of_label =
        |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == ' ';
    if label.len() <= 40 && label.chars().all(is_of_label) {
        label.to_owned()
    } else {
        "unreadable".to_owned()
    }
}

const fn describe(error: &PemError) -> &'static str {
    match error {
        PemError::MissingSectionEnd { .. } => "a block has no end of the same label",
        PemError::IllegalSectionStart { .. } => "a block begins with a malformed line",
        PemError::Base64Decode(_) => "a block is not Base64",
        PemError::NoItemsFound => "there is no block",
        _ => "a block is too large",
    }
}

/// A certificate that is sound in itself.
struct Certificate {
    place: Place,
    der: Vec<u8>,
    ca: CaCertificate,
    algorithm: SignatureAlgorithm,
    tbs_certificate: Vec<u8>,
    signature: Vec<u8>,
    /// How many certificates its chain has, itself included.
    rank: usize,
}

impl Certificate {
    fn read(der: Vec<u8>, place: &Place, now: UnixTime) -> Result<Self, Problem> {
        let nameless = |defect| Problem::new(place.clone(), defect);
        let malformed = |what: String| nameless(Defect::Malformed(what));
        let (rest, parsed) =
            X509Certificate::from_der(&der).map_err(|error| malformed(error.to_string()))?;
        if !rest.is_empty() {
            return Err(malformed("octets follow its end".to_owned()));
        }
        let place = Place {
            subject: Some(show(parsed.subject().as_raw())),
            ..place.clone()
        };
        let refuse = |defect| Problem::new(place.clone(), defect);
        check_role(&parsed).map_err(refuse)?;
        check_key(parsed.public_key()).map_err(refuse)?;
        let Signed {
            tbs_certificate,
            algorithm,
            signature,
        } = Signed::read(&der).map_err(|error| refuse(Defect::Malformed(error.to_string())))?;
        // RFC 5280 §4.1.1.2: this field "MUST contain the same algorithm identifier as the signature
        // field in the sequence tbsCertificate".
        if parsed.signature_algorithm != parsed.tbs_certificate.signature {
            return Err(refuse(Defect::AlgorithmsDiffer));
        }
        let algorithm = SignatureAlgorithm::from_der(algorithm)
            .map_err(|error| refuse(Defect::Algorithm(error)))?;
        if let SignatureAlgorithm::Ed25519 | SignatureAlgorithm::MlDsa(_) = algorithm {
            return Err(refuse(Defect::NotOfApiGateway));
        }
        let (tbs_certificate, signature) = (tbs_certificate.to_vec(), signature.to_vec());
        // The fetcher takes its trust anchors from the same object.
        let truststore = Truststore::read(&der).map_err(|error| match error {
            TruststoreError::Certificate { what, .. } => refuse(Defect::Malformed(what)),
            error => refuse(Defect::Malformed(error.to_string())),
        })?;
        let ca = truststore.cas().first().cloned();
        let ca = ca.ok_or_else(|| refuse(Defect::NotCa))?;
        if now < ca.not_before {
            return Err(refuse(Defect::NotYetValid(ca.not_before)));
        }
        if now > ca.not_after {
            return Err(refuse(Defect::Expired(ca.not_after)));
        }
        Ok(Self {
            place,
            der,
            ca,
            algorithm,
            tbs_certificate,
            signature,
            rank: 0,
        })
    }

    /// Whether its chain ends with itself.
    fn is_self_signed(&self) -> bool {
        self.ca.issued_by == self.ca.issuer.name && self.is_signed_by(&self.ca.public_key)
    }

    /// Whether that certificate, which has the name of its issuer, also has the key, and the key
    /// identifier where both state one (RFC 5280 §4.2.1.1): a chain that goes on with another is
    /// none for most who follow it.
    fn is_issued_by(&self, namesake: &Self) -> bool {
        let CaCertificate {
            issuer,
            states_key_id,
            public_key,
            ..
        } = &namesake.ca;
        let may_be_meant = |id: &Vec<u8>| *id == issuer.key_id || !states_key_id;
        self.ca.authority_key_id.as_ref().is_none_or(may_be_meant) && self.is_signed_by(public_key)
    }

    fn is_signed_by(&self, key: &PublicKey) -> bool {
        let message = Message::new(self.algorithm, &self.tbs_certificate);
        key.verify(&message, &self.signature).is_ok()
    }

    fn order(&self) -> impl Ord + '_ {
        (Reverse(self.rank), &self.ca.issuer.name, &self.der)
    }
}

/// The three fields of a `Certificate` (RFC 5280 §4.1).
struct Signed<'a> {
    tbs_certificate: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    fn read(der: &'a [u8]) -> Result<Self, DerError> {
        let mut fields = Reader::new(der).sequence()?;
        Ok(Self {
            tbs_certificate: fields.element()?.raw,
            algorithm: fields.element()?.raw,
            signature: fields.expect(tag::BIT_STRING)?.whole_octets()?,
        })
    }
}

fn check_role(certificate: &X509Certificate<'_>) -> Result<(), Defect> {
    if certificate.version() != X509Version::V3 {
        return Err(Defect::NotV3);
    }
    // Both look-ups fail where the extension occurs twice.
    let malformed = |error: x509_parser::error::X509Error| Defect::Malformed(error.to_string());
    let basic_constraints = certificate.basic_constraints().map_err(malformed)?;
    let key_usage = certificate.key_usage().map_err(malformed)?;
    if !basic_constraints.is_some_and(|extension| extension.value.ca) {
        return Err(Defect::NotCa);
    }
    // RFC 5280 §4.2.1.9: cA with a keyUsage that does not assert keyCertSign contradicts itself.
    if key_usage.is_some_and(|extension| !extension.value.key_cert_sign()) {
        return Err(Defect::NoKeyCertSign);
    }
    Ok(())
}

/// "RSA-2048 or stronger", "ECDSA-256 or stronger" (API Gateway's guide to mutual TLS). REST APIs
/// stop at P-384, HTTP APIs do not; which of them the truststore is for cannot be seen here.
fn check_key(key: &SubjectPublicKeyInfo<'_>) -> Result<(), Defect> {
    let kind = &key.algorithm.algorithm;
    if *kind == OID_PKCS1_RSAENCRYPTION {
        let Ok(ParsedKey::RSA(rsa)) = key.parsed() else {
            return Err(Defect::Malformed("its RSA key is malformed".to_owned()));
        };
        let bits = bits(rsa.modulus);
        return match bits {
            MIN_RSA_BITS.. => Ok(()),
            _ => Err(Defect::ShortKey { bits }),
        };
    }
    let parameters = key.algorithm.parameters.as_ref();
    let curve = parameters.and_then(|parameters| parameters.as_oid().ok());
    let is_accepted = *kind == OID_KEY_TYPE_EC_PUBLIC_KEY
        && [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521]
            .iter()
            .any(|accepted| curve.as_ref() == Some(accepted));
    match is_accepted {
        true => Ok(()),
        false => Err(Defect::NotOfApiGateway),
    }
}

/// The length of an unsigned number without its leading zeros.
fn bits(octets: &[u8]) -> usize {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let significant = &octets[zeros..];
    let first = significant.first().copied().unwrap_or_default();
    let unused = usize::try_from(first.leading_zeros()).unwrap_or_default();
    (significant.len() * 8).saturating_sub(unused)
}

/// How many certificates each chain has, from the certificate itself to its root, by the shortest
/// way. API Gateway: "the certificate's issuer and the complete chain of trust up to the root CA
/// certificate must be in your truststore".
fn rank(certificates: &[Certificate], problems: &mut Vec<Problem>) -> Vec<usize> {
    let mut by_subject: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (index, certificate) in certificates.iter().enumerate() {
        let subject = certificate.ca.issuer.name.as_slice();
        by_subject.entry(subject).or_default().push(index);
    }
    let namesakes_of_issuer = |certificate: &Certificate| {
        let issuer = certificate.ca.issued_by.as_slice();
        by_subject.get(issuer).map_or(&[][..], Vec::as_slice)
    };
    let issuers: Vec<Vec<usize>> = certificates
        .iter()
        .enumerate()
        .map(|(index, certificate)| {
            if certificate.is_self_signed() {
                return vec![index];
            }
            let candidates = namesakes_of_issuer(certificate).iter().copied();
            candidates
                .filter(|candidate| certificate.is_issued_by(&certificates[*candidate]))
                .collect()
        })
        .collect();

    let mut ranks: Vec<_> = issuers
        .iter()
        .enumerate()
        .map(|(index, issuers)| usize::from(issuers.contains(&index)))
        .collect();
    for rank in 2..=certificates.len() {
        let of_last = |issuer: &usize| ranks[*issuer] == rank - 1;
        let next: Vec<_> = (0..ranks.len())
            .filter(|index| ranks[*index] == 0 && issuers[*index].iter().any(of_last))
            .collect();
        if next.is_empty() {
            break;
        }
        for index in next {
            ranks[index] = rank;
        }
    }

    let mut without_end = Vec::new();
    for (index, certificate) in certificates.iter().enumerate() {
        let issuer = || show(&certificate.ca.issued_by);
        let defect = match ranks[index] {
            1..=MAX_CHAIN => continue,
            0 if namesakes_of_issuer(certificate).is_empty() => Defect::NoIssuer(issuer()),
            0 if issuers[index].is_empty() => Defect::NotByIssuer(issuer()),
            0 => {
                without_end.push(Problem::new(certificate.place.clone(), Defect::NoRoot));
                continue;
            }
            length => Defect::LongChain { length },
        };
        problems.push(Problem::new(certificate.place.clone(), defect));
    }
    // Else it is the chain of somebody above, which has its own problem.
    if problems.is_empty() {
        problems.append(&mut without_end);
    }
    ranks
}

/// API Gateway refuses a subject that "conflicts with an existing certificate from a different
/// issuer".
fn refuse_conflicts(certificates: &[Certificate], problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<&[u8], &Certificate> = BTreeMap::new();
    for certificate in certificates {
        let ca = &certificate.ca;
        let other = first.entry(&ca.issuer.name).or_insert(certificate);
        if other.ca.issued_by != ca.issued_by {
            let defect = Defect::SecondIssuer {
                issuer: show(&ca.issued_by),
                other: show(&other.ca.issued_by),
            };
            problems.push(Problem::new(certificate.place.clone(), defect));
        }
    }
}

/// A distinguished name for a message, which is no place for all of a long one.
fn show(name: &[u8]) -> String {
    let name: String = show_name(name)
        .chars()
        .map(|char| if char.is_control() { '?' } else { char })
        .collect();
    match name.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}

fn encode(der: &[u8]) -> String {
    let base64 = BASE64.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// API Gateway's limits: "1,000 certificates", "1 MB". Its other document says 1000 KB, so the
/// smaller megabyte is meant to be safe.
const MAX_CERTIFICATES: usize = 1000;
const MAX_OCTETS: usize = 1_000_000;

/// API Gateway: "a maximum chain length of four". Whether the client's own certificate counts is
/// left open; here it does not.
const MAX_CHAIN: usize = 4;

const MIN_RSA_BITS: usize = 2048;

const MAX_SHOWN_CHARS: usize = 120;

const BEGIN: &str = "-----BEGIN ";

/// Why certificates are no truststore: all of the reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In the order in which the certificates were given.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    place: Option<Place>,
    defect: Defect,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Counted from 1, as are the certificates in it.
    item: usize,
    certificate: Option<usize>,
    subject: Option<String>,
}

/// What can be wrong with certificates, or with all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// It is signed with an algorithm that nobody should believe or that is unknown.
    Algorithm(SignatureError),
    /// Its two signature algorithms are not the same.
    AlgorithmsDiffer,
    /// There is no certificate at all.
    Empty,
    /// Its validity has ended.
    Expired(UnixTime),
    /// A PEM block is none of a certificate: its label.
    Label(String),
    /// Its chain is longer than API Gateway follows.
    LongChain {
        /// How many certificates it has.
        length: usize,
    },
    /// It is no certificate.
    Malformed(String),
    /// Its issuer is not among the certificates.
    NoIssuer(String),
    /// Its keyUsage does not let it sign certificates.
    NoKeyCertSign,
    /// There is no PEM in the text.
    NoPem,
    /// Its chain goes in a circle.
    NoRoot,
    /// Its issuer's key has not signed it.
    NotByIssuer(String),
    /// Its basicConstraints do not make it a CA's.
    NotCa,
    /// Its key or signature is of a kind that API Gateway does not accept.
    NotOfApiGateway,
    /// It has no extensions.
    NotV3,
    /// Its validity has not begun.
    NotYetValid(UnixTime),
    /// The PEM is broken.
    Pem(&'static str),
    /// Its subject occurs with another issuer too.
    SecondIssuer {
        /// The issuer of this certificate.
        issuer: String,
        /// The issuer of the earlier one.
        other: String,
    },
    /// Its RSA key is too short.
    ShortKey {
        /// Its length.
        bits: usize,
    },
    /// Together they have more octets than API Gateway takes.
    TooLarge {
        /// How many.
        octets: usize,
    },
    /// There are more than API Gateway takes.
    TooMany {
        /// How many.
        count: usize,
    },
}

impl Problem {
    const fn new(place: Place, defect: Defect) -> Self {
        Self {
            place: Some(place),
            defect,
        }
    }

    const fn of_all(defect: Defect) -> Self {
        Self {
            place: None,
            defect,
        }
    }

    /// What is wrong.
    pub const fn defect(&self) -> &Defect {
        &self.defect
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.defect)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(certificate) = self.certificate {
            write!(f, "certificate {certificate} of ")?;
        }
        write!(f, "item {} of Certificates", self.item)?;
        match &self.subject {
            Some(subject) => write!(f, " ({subject})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Algorithm(error) => write!(
                f,
                "{error}; API Gateway accepts SHA-256 and better, so have the certificate reissued"
            ),
            Self::AlgorithmsDiffer => f.write_str(
                "its two signature algorithms differ; pass the certificate as its CA issued it",
            ),
            Self::Empty => f.write_str(
                "Certificates is empty; pass the chain of the CA that issues the client \
                 certificates, down from its root",
            ),
            Self::Expired(at) => write!(
                f,
                "it expired on {at}; remove it, or pass the one it was renewed with"
            ),
            Self::Label(label) if label.contains("PRIVATE KEY") => write!(
                f,
                "it holds a PEM block labelled {label}; pass certificates only, and replace that \
                 key: it was disclosed to the stack"
            ),
            Self::Label(label) => write!(
                f,
                "it holds a PEM block with the label \"{label}\"; pass only blocks labelled CERTIFICATE"
            ),
            Self::LongChain { length } => write!(
                f,
                "its chain has {length} certificates and API Gateway follows {MAX_CHAIN}; trust the \
                 CAs nearer to the root"
            ),
            Self::Malformed(what) => write!(
                f,
                "it is not an X.509 certificate: {what}; pass it as its CA issued it"
            ),
            Self::NoIssuer(issuer) => write!(
                f,
                "its issuer, {issuer}, is missing; API Gateway needs every chain up to the \
                 self-signed root, so add that CA's certificate"
            ),
            Self::NoKeyCertSign => f.write_str(
                "its keyUsage lacks keyCertSign; pass the certificate that the CA issues with",
            ),
            Self::NoPem => f.write_str(
                "it holds no PEM; pass the text from -----BEGIN CERTIFICATE----- to the end line",
            ),
            Self::NoRoot => f.write_str(
                "its chain leads in a circle; add the self-signed certificate of its root",
            ),
            Self::NotByIssuer(issuer) => write!(
                f,
                "no certificate of its issuer, {issuer}, has the key that signed it; add the one \
                 that has"
            ),
            Self::NotCa => f.write_str(
                "it is not a CA's (basicConstraints without cA); pass the certificate of the CA that \
                 issued it",
            ),
            Self::NotOfApiGateway => f.write_str(
                "API Gateway accepts RSA and ECDSA on P-256, P-384 and P-521 only; use a CA with such \
                 a key",
            ),
            Self::NotV3 => f.write_str(
                "it is not of X.509 version 3 and cannot say that it is a CA's; have it reissued",
            ),
            Self::NotYetValid(from) => {
                write!(f, "it is valid from {from} on; deploy it after that")
            }
            Self::Pem(what) => write!(
                f,
                "its PEM is broken: {what}; pass it with its line breaks, as it was issued"
            ),
            Self::SecondIssuer { issuer, other } => write!(
                f,
                "it is issued by {issuer}, and another certificate of the same subject by {other}; \
                 API Gateway takes one issuer a subject, so remove one of them"
            ),
            Self::ShortKey { bits } => write!(
                f,
                "its RSA key has {bits} bits and API Gateway accepts {MIN_RSA_BITS} and more; use a \
                 CA with a longer key"
            ),
            Self::TooLarge { octets } => write!(
                f,
                "the truststore would have {octets} octets and API Gateway takes {MAX_OCTETS}; \
                 remove certificates"
            ),
            Self::TooMany { count } => write!(
                f,
                "there are {count} certificates and API Gateway takes {MAX_CERTIFICATES}; remove some"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
