//! Signature verification: every algorithm AWS Private CA signs with, and no other.
//!
//! RSA PKCS#1 v1.5 and PSS, ECDSA over P-256, P-384 and P-521, each with SHA-256, SHA-384 and
//! SHA-512 in any combination; Ed25519; ML-DSA-44, -65 and -87. RSA keys have 2048 to 8192 bits.
//! SHA-1 and MD5 are refused: collisions in them are practical.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature as algorithms;
use aws_lc_rs::signature::{UnparsedPublicKey, VerificationAlgorithm};
use revocation::der::{DerError, Reader, tag};

/// An `AlgorithmIdentifier` that signatures are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 4055 §5).
    RsaPkcs1(Digest),
    /// RSASSA-PSS with MGF1 over the same digest and a salt of its length (RFC 4055 §3.1).
    RsaPss(Digest),
    /// ECDSA (RFC 5758 §3.2).
    Ecdsa(Digest),
    /// Ed25519 (RFC 8410).
    Ed25519,
    /// ML-DSA (RFC 9881).
    MlDsa(MlDsa),
}

/// A member of the SHA-2 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Digest {
    Sha256,
    Sha384,
    Sha512,
}

/// A parameter set of FIPS 204.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum MlDsa {
    MlDsa44,
    MlDsa65,
    MlDsa87,
}

impl SignatureAlgorithm {
    /// Reads a DER `AlgorithmIdentifier`, tag and length included.
    ///
    /// # Errors
    /// It is none of the algorithms above, or its parameters are not those the algorithm has.
    pub fn from_der(algorithm_identifier: &[u8]) -> Result<Self, SignatureError> {
        let mut outer = Reader::new(algorithm_identifier);
        let mut fields = outer.sequence()?;
        outer.finish()?;
        let oid = fields.element()?.object_identifier()?;
        // RFC 4055 §5: both forms of the parameters must be accepted, NULL and none.
        let parameters = match (oid, fields.rest()) {
            (oid::SHA256_WITH_RSA | oid::SHA384_WITH_RSA | oid::SHA512_WITH_RSA, NULL) => ABSENT,
            (_, parameters) => parameters,
        };
        let algorithm = match oid {
            oid::SHA256_WITH_RSA => Self::RsaPkcs1(Digest::Sha256),
            oid::SHA384_WITH_RSA => Self::RsaPkcs1(Digest::Sha384),
            oid::SHA512_WITH_RSA => Self::RsaPkcs1(Digest::Sha512),
            oid::RSASSA_PSS => return read_pss_parameters(parameters).map(Self::RsaPss),
            oid::ECDSA_WITH_SHA256 => Self::Ecdsa(Digest::Sha256),
            oid::ECDSA_WITH_SHA384 => Self::Ecdsa(Digest::Sha384),
            oid::ECDSA_WITH_SHA512 => Self::Ecdsa(Digest::Sha512),
            oid::ED25519 => Self::Ed25519,
            oid::ML_DSA_44 => Self::MlDsa(MlDsa::MlDsa44),
            oid::ML_DSA_65 => Self::MlDsa(MlDsa::MlDsa65),
            oid::ML_DSA_87 => Self::MlDsa(MlDsa::MlDsa87),
            oid::MD5_WITH_RSA | oid::SHA1_WITH_RSA | oid::ECDSA_WITH_SHA1 => {
                return Err(SignatureError::WeakDigest);
            }
            other => {
                return Err(SignatureError::Unsupported {
                    oid: show_oid(other),
                });
            }
        };
        if parameters == ABSENT {
            Ok(algorithm)
        } else {
            Err(SignatureError::Parameters)
        }
    }
}

/// A DER `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), split into its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    /// The content of the BIT STRING.
    octets: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyKind {
    Rsa,
    RsaPssOnly,
    P256,
    P384,
    P521,
    Ed25519,
    MlDsa(MlDsa),
    Other,
}

impl PublicKey {
    /// Reads a DER `SubjectPublicKeyInfo`, tag and length included. A key of an unknown kind is read
    /// too: it verifies nothing.
    ///
    /// # Errors
    /// The octets are not DER of that type.
    pub fn from_der(subject_public_key_info: &[u8]) -> Result<Self, DerError> {
        let mut outer = Reader::new(subject_public_key_info);
        let mut fields = outer.sequence()?;
        outer.finish()?;
        let mut algorithm = fields.sequence()?;
        let oid = algorithm.expect(tag::OID)?.content;
        let kind = match (oid, algorithm.rest()) {
            (oid::RSA_ENCRYPTION, NULL) => KeyKind::Rsa,
            (oid::RSASSA_PSS, _) => KeyKind::RsaPssOnly,
            (oid::EC_PUBLIC_KEY, oid::CURVE_P256) => KeyKind::P256,
            (oid::EC_PUBLIC_KEY, oid::CURVE_P384) => KeyKind::P384,
            (oid::EC_PUBLIC_KEY, oid::CURVE_P521) => KeyKind::P521,
            (oid::ED25519, ABSENT) => KeyKind::Ed25519,
            (oid::ML_DSA_44, ABSENT) => KeyKind::MlDsa(MlDsa::MlDsa44),
            (oid::ML_DSA_65, ABSENT) => KeyKind::MlDsa(MlDsa::MlDsa65),
            (oid::ML_DSA_87, ABSENT) => KeyKind::MlDsa(MlDsa::MlDsa87),
            _ => KeyKind::Other,
        };
        let octets = fields.expect(tag::BIT_STRING)?.whole_octets()?.to_vec();
        fields.finish()?;
        Ok(Self { kind, octets })
    }

    /// The octets that a key identifier is derived from (RFC 5280 §4.2.1.2, method 1).
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Verifies a signature over `message`.
    ///
    /// # Errors
    /// The key is not one for the message's algorithm, or the signature is not by this key.
    pub fn verify(&self, message: &Message<'_>, signature: &[u8]) -> Result<(), SignatureError> {
        let verification = verification(self.kind, message.algorithm);
        let verification = verification.ok_or(SignatureError::KeyMismatch)?;
        let key = UnparsedPublicKey::new(verification, &self.octets);
        let verified = match &message.digest {
            Some(digest) => key.verify_digest(digest, signature),
            None => key.verify(message.octets, signature),
        };
        verified.map_err(|_| SignatureError::Invalid)
    }
}

/// What a signature is over, hashed once however many keys are tried.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    algorithm: SignatureAlgorithm,
    octets: &'a [u8],
    /// `None` where the algorithm hashes together with the key.
    digest: Option<digest::Digest>,
}

impl<'a> Message<'a> {
    /// These octets, to be verified with that algorithm. Hashes them, where that is its first step.
    pub fn new(algorithm: SignatureAlgorithm, octets: &'a [u8]) -> Self {
        let hash = match algorithm {
            SignatureAlgorithm::RsaPkcs1(hash)
            | SignatureAlgorithm::RsaPss(hash)
            | SignatureAlgorithm::Ecdsa(hash) => Some(hash),
            SignatureAlgorithm::Ed25519 | SignatureAlgorithm::MlDsa(_) => None,
        };
        Self {
            algorithm,
            octets,
            digest: hash.map(|hash| digest::digest(hash.algorithm(), octets)),
        }
    }

    /// The SHA-256 of the octets, which need not be hashed again if the signature is over it.
    pub fn sha256(&self) -> [u8; 32] {
        let known = self
            .digest
            .filter(|digest| *digest.algorithm() == digest::SHA256);
        let digest = known.unwrap_or_else(|| digest::digest(&digest::SHA256, self.octets));
        let mut octets = [0; 32];
        octets.copy_from_slice(digest.as_ref());
        octets
    }
}

impl Digest {
    const fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

fn verification(
    kind: KeyKind,
    algorithm: SignatureAlgorithm,
) -> Option<&'static dyn VerificationAlgorithm> {
    use Digest::{Sha256, Sha384, Sha512};
    use SignatureAlgorithm::{Ecdsa, RsaPkcs1, RsaPss};
    Some(match (kind, algorithm) {
        (KeyKind::Rsa, RsaPkcs1(Sha256)) => &algorithms::RSA_PKCS1_2048_8192_SHA256,
        (KeyKind::Rsa, RsaPkcs1(Sha384)) => &algorithms::RSA_PKCS1_2048_8192_SHA384,
        (KeyKind::Rsa, RsaPkcs1(Sha512)) => &algorithms::RSA_PKCS1_2048_8192_SHA512,
        (KeyKind::Rsa | KeyKind::RsaPssOnly, RsaPss(Sha256)) => {
            &algorithms::RSA_PSS_2048_8192_SHA256
        }
        (KeyKind::Rsa | KeyKind::RsaPssOnly, RsaPss(Sha384)) => {
            &algorithms::RSA_PSS_2048_8192_SHA384
        }
        (KeyKind::Rsa | KeyKind::RsaPssOnly, RsaPss(Sha512)) => {
            &algorithms::RSA_PSS_2048_8192_SHA512
        }
        (KeyKind::P256, Ecdsa(Sha256)) => &algorithms::ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, Ecdsa(Sha384)) => &algorithms::ECDSA_P256_SHA384_ASN1,
        (KeyKind::P256, Ecdsa(Sha512)) => &algorithms::ECDSA_P256_SHA512_ASN1,
        (KeyKind::P384, Ecdsa(Sha256)) => &algorithms::ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, Ecdsa(Sha384)) => &algorithms::ECDSA_P384_SHA384_ASN1,
        (KeyKind::P384, Ecdsa(Sha512)) => &algorithms::ECDSA_P384_SHA512_ASN1,
        (KeyKind::P521, Ecdsa(Sha256)) => &algorithms::ECDSA_P521_SHA256_ASN1,
        (KeyKind::P521, Ecdsa(Sha384)) => &algorithms::ECDSA_P521_SHA384_ASN1,
        (KeyKind::P521, Ecdsa(Sha512)) => &algorithms::ECDSA_P521_SHA512_ASN1,
        (KeyKind::Ed25519, SignatureAlgorithm::Ed25519) => &algorithms::ED25519,
        (KeyKind::MlDsa(key), SignatureAlgorithm::MlDsa(signature)) if key == signature => {
            match key {
                MlDsa::MlDsa44 => &algorithms::ML_DSA_44,
                MlDsa::MlDsa65 => &algorithms::ML_DSA_65,
                MlDsa::MlDsa87 => &algorithms::ML_DSA_87,
            }
        }
        _ => return None,
    })
}

/// ```text
/// RSASSA-PSS-params ::= SEQUENCE {
///     hashAlgorithm     [0] HashAlgorithm      DEFAULT sha1Identifier,
///     maskGenAlgorithm  [1] MaskGenAlgorithm   DEFAULT mgf1SHA1Identifier,
///     saltLength        [2] INTEGER            DEFAULT 20,
///     trailerField      [3] INTEGER            DEFAULT 1 }
/// ```
///
/// RFC 4055 §3.1 recommends the same digest twice and a salt of its length, which is what AWS
/// Private CA and OpenSSL write. We take nothing else.
fn read_pss_parameters(parameters: &[u8]) -> Result<Digest, SignatureError> {
    let mut outer = Reader::new(parameters);
    let mut fields = outer.sequence()?;
    outer.finish()?;
    let Some(hash) = fields.optional(tag::context_constructed(0))? else {
        return Err(SignatureError::WeakDigest);
    };
    let digest = read_digest(hash.content)?;
    let Some(mask) = fields.optional(tag::context_constructed(1))? else {
        return Err(SignatureError::WeakDigest);
    };
    let mut mask_outer = Reader::new(mask.content);
    let mut mask_fields = mask_outer.sequence()?;
    mask_outer.finish()?;
    if mask_fields.expect(tag::OID)?.content != oid::MGF1 {
        return Err(SignatureError::Parameters);
    }
    let salt = fields.expect(tag::context_constructed(2))?;
    let salt_length = match digest {
        Digest::Sha256 => [tag::INTEGER, 1, 32],
        Digest::Sha384 => [tag::INTEGER, 1, 48],
        Digest::Sha512 => [tag::INTEGER, 1, 64],
    };
    let as_recommended = read_digest(mask_fields.rest())? == digest && salt.content == salt_length;
    if as_recommended && fields.is_empty() {
        Ok(digest)
    } else {
        Err(SignatureError::Parameters)
    }
}

fn read_digest(algorithm_identifier: &[u8]) -> Result<Digest, SignatureError> {
    let mut outer = Reader::new(algorithm_identifier);
    let mut fields = outer.sequence()?;
    outer.finish()?;
    let digest = match fields.element()?.object_identifier()? {
        oid::SHA256 => Digest::Sha256,
        oid::SHA384 => Digest::Sha384,
        oid::SHA512 => Digest::Sha512,
        oid::SHA1 => return Err(SignatureError::WeakDigest),
        other => {
            return Err(SignatureError::Unsupported {
                oid: show_oid(other),
            });
        }
    };
    // RFC 4055 §2.1: both forms of the parameters must be accepted.
    match fields.rest() {
        ABSENT | NULL => Ok(digest),
        _ => Err(SignatureError::Parameters),
    }
}

/// The dotted form of an object identifier's content octets.
pub(crate) fn show_oid(content: &[u8]) -> String {
    // It is shown before any signature is verified, so it must not grow with the input.
    if content.len() > MAX_OID_OCTETS {
        return format!("of {} octets", content.len());
    }
    let mut arcs: Vec<u64> = Vec::new();
    let mut arc = 0_u64;
    for octet in content {
        arc = (arc << 7) | u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            match arcs.is_empty() {
                true => arcs.extend([(arc / 40).min(2), arc - (arc / 40).min(2) * 40]),
                false => arcs.push(arc),
            }
            arc = 0;
        }
    }
    arcs.iter()
        .map(u64::to_string)
        .collect::<Vec<_>>()
        .join(".")
}

const MAX_OID_OCTETS: usize = 32;
const ABSENT: &[u8] = &[];
const NULL: &[u8] = &[0x05, 0x00];

/// Content octets of object identifiers.
mod oid {
    pub(super) const MD5_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04];
    pub(super) const SHA1_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05];
    pub(super) const RSA_ENCRYPTION: &[u8] =
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    pub(super) const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08];
    pub(super) const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    pub(super) const SHA256_WITH_RSA: &[u8] =
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
    pub(super) const SHA384_WITH_RSA: &[u8] =
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c];
    pub(super) const SHA512_WITH_RSA: &[u8] =
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0d];
    pub(super) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    pub(super) const ECDSA_WITH_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
    pub(super) const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    pub(super) const ECDSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
    pub(super) const ECDSA_WITH_SHA512: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04];
    pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    pub(super) const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
    pub(super) const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    pub(super) const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
    pub(super) const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
    pub(super) const ML_DSA_44: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11];
    pub(super) const ML_DSA_65: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12];
    pub(super) const ML_DSA_87: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x13];
    /// The whole `ECParameters` of a named curve (RFC 5480 §2.1.1).
    pub(super) const CURVE_P256: &[u8] =
        &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    pub(super) const CURVE_P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
    pub(super) const CURVE_P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
}

/// Why a signature is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureError {
    /// The algorithm identifier is not DER.
    Der(DerError),
    /// The signature is not by that key over that message.
    Invalid,
    /// The key is not one for that algorithm.
    KeyMismatch,
    /// The algorithm's parameters are not those it is used with.
    Parameters,
    /// The algorithm is unknown.
    Unsupported {
        /// Its object identifier, dotted.
        oid: String,
    },
    /// SHA-1 or MD5.
    WeakDigest,
}

impl From<DerError> for SignatureError {
    fn from(error: DerError) -> Self {
        Self::Der(error)
    }
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Der(error) => write!(f, "the signature algorithm is malformed: {error}"),
            Self::Invalid => f.write_str("the signature is not by the CA's key"),
            Self::KeyMismatch => {
                f.write_str("the CA's key is not one for the signature algorithm, or too short")
            }
            Self::Parameters => f.write_str("the signature algorithm has unusual parameters"),
            Self::Unsupported { oid } => write!(f, "the algorithm {oid} is not supported"),
            Self::WeakDigest => f.write_str("SHA-1 and MD5 signatures are not accepted"),
        }
    }
}

impl std::error::Error for SignatureError {}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::pki::{Ca, CrlBuilder, KeyKind};
    use x509_parser::certificate::X509Certificate;
    use x509_parser::prelude::FromDer;

    #[test]
    fn what_was_hashed_before_verifies_where_the_octets_do() {
        for kind in KeyKind::ALL {
            let ca = Ca::root_with("Issuing CA", kind);
            let (_, certificate) = X509Certificate::from_der(ca.certificate_der()).unwrap();
            let key = PublicKey::from_der(certificate.public_key().raw).unwrap();
            for crl in signed_in_every_way(&ca, kind) {
                let der = crl.der();
                let mut outer = Reader::new(&der).sequence().unwrap();
                let octets = outer.element().unwrap().raw;
                let algorithm = SignatureAlgorithm::from_der(outer.element().unwrap().raw).unwrap();
                let signature = outer.element().unwrap().whole_octets().unwrap();
                assert_eq!(verify_both_ways(&key, algorithm, octets, signature), Ok(()));
                for at in (0..octets.len()).step_by(17) {
                    let invalid =
                        verify_both_ways(&key, algorithm, &flipped(octets, at), signature);
                    assert_eq!(invalid, Err(SignatureError::Invalid), "{algorithm:?}");
                }
                for at in (0..signature.len()).step_by(signature.len() / 16) {
                    let signature = flipped(signature, at);
                    let invalid = verify_both_ways(&key, algorithm, octets, &signature);
                    assert_eq!(invalid, Err(SignatureError::Invalid), "{algorithm:?}");
                }
            }
        }
    }

    #[test]
    fn the_sha256_of_a_message_does_not_depend_on_the_algorithm() {
        let expected = digest::digest(&digest::SHA256, b"message");
        for algorithm in [
            SignatureAlgorithm::RsaPkcs1(Digest::Sha256),
            SignatureAlgorithm::RsaPss(Digest::Sha384),
            SignatureAlgorithm::Ecdsa(Digest::Sha512),
            SignatureAlgorithm::Ed25519,
            SignatureAlgorithm::MlDsa(MlDsa::MlDsa44),
        ] {
            let message = Message::new(algorithm, b"message");
            assert_eq!(message.sha256(), expected.as_ref());
        }
    }

    fn signed_in_every_way(ca: &Ca, kind: KeyKind) -> Vec<CrlBuilder> {
        if kind.digests().is_empty() {
            return vec![ca.crl()];
        }
        let with_digest = |&digest| ca.crl().digest(digest);
        kind.digests().iter().map(with_digest).collect()
    }

    fn verify_both_ways(
        key: &PublicKey,
        algorithm: SignatureAlgorithm,
        octets: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let hashed = Message::new(algorithm, octets);
        let plain = Message {
            digest: None,
            ..hashed.clone()
        };
        let result = key.verify(&hashed, signature);
        assert_eq!(key.verify(&plain, signature), result, "{algorithm:?}");
        result
    }

    fn flipped(octets: &[u8], at: usize) -> Vec<u8> {
        let mut octets = octets.to_vec();
        octets[at] ^= 1;
        octets
    }
}
