//! Key pairs and signatures: every pair of key and digest that AWS Private CA can sign with.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING,
    ML_DSA_87_SIGNING, PqdsaKeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair, RsaSignatureEncoding,
};
use num_bigint::BigUint;

use super::der;

/// The key of a CA or a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA, 1024 bits: shorter than any reader should take. Always the same key, since AWS-LC makes
    /// none so short; for CAs, not for client certificates. Not in [`KeyKind::ALL`].
    Rsa1024,
    /// RSA, 2048 bits, signing with PKCS #1 v1.5.
    Rsa2048,
    /// RSA, 2048 bits, signing with PSS. The key itself is an ordinary RSA key (rsaEncryption).
    RsaPss2048,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
}

impl KeyKind {
    /// Every kind that is sound, for tests that go through all of them.
    pub const ALL: [Self; 9] = [
        Self::Rsa2048,
        Self::RsaPss2048,
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Ed25519,
        Self::MlDsa44,
        Self::MlDsa65,
        Self::MlDsa87,
    ];

    /// The digests a CA with such a key may choose from; none where the algorithm brings its own.
    pub fn digests(self) -> &'static [Digest] {
        match self {
            Self::Rsa1024
            | Self::Rsa2048
            | Self::RsaPss2048
            | Self::P256
            | Self::P384
            | Self::P521 => &[Digest::Sha256, Digest::Sha384, Digest::Sha512],
            Self::Ed25519 | Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[],
        }
    }
}

/// The digest below an RSA or ECDSA signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-1: genuine signatures that must be refused all the same. Not with PSS.
    Sha1,
}

/// A private key with its public half; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SigningKey {
    kind: KeyKind,
    private: Arc<PrivateKey>,
}

impl SigningKey {
    pub(crate) fn generate(kind: KeyKind) -> Self {
        let private = match kind {
            KeyKind::Rsa1024 => Ok(PrivateKey::ShortRsa(RsaNumbers::short())),
            KeyKind::Rsa2048 | KeyKind::RsaPss2048 => {
                RsaKeyPair::generate(KeySize::Rsa2048).map(PrivateKey::Rsa)
            }
            KeyKind::P256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(PrivateKey::Ecdsa)
            }
            KeyKind::P384 => {
                EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map(PrivateKey::Ecdsa)
            }
            KeyKind::P521 => {
                EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).map(PrivateKey::Ecdsa)
            }
            KeyKind::Ed25519 => Ed25519KeyPair::generate().map(PrivateKey::Ed25519),
            KeyKind::MlDsa44 => PqdsaKeyPair::generate(&ML_DSA_44_SIGNING).map(PrivateKey::MlDsa),
            KeyKind::MlDsa65 => PqdsaKeyPair::generate(&ML_DSA_65_SIGNING).map(PrivateKey::MlDsa),
            KeyKind::MlDsa87 => PqdsaKeyPair::generate(&ML_DSA_87_SIGNING).map(PrivateKey::MlDsa),
        };
        Self {
            kind,
            private: Arc::new(private.expect("AWS-LC generates a key pair")),
        }
    }

    /// SubjectPublicKeyInfo.
    pub(crate) fn spki_der(&self) -> Vec<u8> {
        let spki: Result<PublicKeyX509Der<'static>, _> = match &*self.private {
            PrivateKey::ShortRsa(numbers) => return numbers.spki_der(),
            PrivateKey::Rsa(pair) => pair.public_key().as_der(),
            PrivateKey::Ecdsa(pair) => pair.public_key().as_der(),
            PrivateKey::Ed25519(pair) => pair.public_key().as_der(),
            PrivateKey::MlDsa(pair) => pair.public_key().as_der(),
        };
        spki.expect("AWS-LC writes the SubjectPublicKeyInfo of its own key")
            .as_ref()
            .to_vec()
    }

    /// RFC 5280 §4.2.1.2 (1): the SHA-1 of the public key's bits.
    pub(crate) fn key_identifier(&self) -> Vec<u8> {
        let spki = self.spki_der();
        let (_, contents, _) = der::read(&spki);
        let (_, _algorithm, rest) = der::read(contents);
        let (_, bit_string, _) = der::read(rest);
        digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &bit_string[1..])
            .as_ref()
            .to_vec()
    }

    /// PKCS #8 v1.
    ///
    /// # Panics
    /// For the short RSA key, which nothing but CRLs and certificates is signed with.
    pub(crate) fn pkcs8_der(&self) -> Vec<u8> {
        let as_der: Result<Pkcs8V1Der<'static>, _> = match &*self.private {
            PrivateKey::ShortRsa(_) => panic!("the short RSA key is for CAs only"),
            PrivateKey::Rsa(pair) => pair.as_der(),
            PrivateKey::Ed25519(pair) => pair.as_der(),
            PrivateKey::MlDsa(pair) => pair.private_key().as_der(),
            PrivateKey::Ecdsa(pair) => {
                let document = pair.to_pkcs8v1().expect("AWS-LC writes its own key");
                return document.as_ref().to_vec();
            }
        };
        as_der.expect("AWS-LC writes its own key").as_ref().to_vec()
    }

    /// What this key signs with: its usual digest and padding unless others are asked for.
    ///
    /// # Panics
    /// If the key has no such signature: a digest for Ed25519, PSS for an elliptic curve key.
    pub(crate) fn scheme(&self, digest: Option<Digest>, padding: Option<RsaPadding>) -> Scheme {
        let kind = self.kind;
        assert!(
            digest.is_none() || !kind.digests().is_empty(),
            "{kind:?} brings its own digest; {digest:?} cannot be chosen"
        );
        assert!(
            padding.is_none() || matches!(&*self.private, PrivateKey::Rsa(_)),
            "{kind:?} has no RSA padding"
        );
        match kind {
            KeyKind::Rsa1024 => Scheme::Rsa(RsaPadding::Pkcs1, digest.unwrap_or(Digest::Sha256)),
            KeyKind::Rsa2048 => Scheme::Rsa(
                padding.unwrap_or(RsaPadding::Pkcs1),
                digest.unwrap_or(Digest::Sha256),
            ),
            KeyKind::RsaPss2048 => Scheme::Rsa(
                padding.unwrap_or(RsaPadding::Pss),
                digest.unwrap_or(Digest::Sha256),
            ),
            KeyKind::P256 => Scheme::Ecdsa(digest.unwrap_or(Digest::Sha256)),
            KeyKind::P384 => Scheme::Ecdsa(digest.unwrap_or(Digest::Sha384)),
            KeyKind::P521 => Scheme::Ecdsa(digest.unwrap_or(Digest::Sha512)),
            KeyKind::Ed25519 => Scheme::Pure("1.3.101.112"),
            KeyKind::MlDsa44 => Scheme::Pure("2.16.840.1.101.3.4.3.17"),
            KeyKind::MlDsa65 => Scheme::Pure("2.16.840.1.101.3.4.3.18"),
            KeyKind::MlDsa87 => Scheme::Pure("2.16.840.1.101.3.4.3.19"),
        }
    }

    /// Signs; `scheme` is one that [`SigningKey::scheme`] of this key gave.
    pub(crate) fn sign(&self, scheme: Scheme, message: &[u8]) -> Vec<u8> {
        match (&*self.private, scheme) {
            (PrivateKey::Rsa(pair), Scheme::Rsa(padding, digest)) => {
                sign_rsa(pair, padding, digest, message)
            }
            (PrivateKey::ShortRsa(numbers), Scheme::Rsa(RsaPadding::Pkcs1, digest)) => {
                numbers.sign_pkcs1(digest, message)
            }
            (PrivateKey::Ecdsa(pair), Scheme::Ecdsa(digest)) => {
                sign_ecdsa(pair, self.kind, digest, message)
            }
            (PrivateKey::Ed25519(pair), Scheme::Pure(_)) => pair.sign(message).as_ref().to_vec(),
            (PrivateKey::MlDsa(pair), Scheme::Pure(_)) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                pair.sign(message, &mut signature)
                    .expect("AWS-LC signs with ML-DSA");
                signature
            }
            (_, scheme) => panic!("{:?} cannot sign {scheme:?}", self.kind),
        }
    }
}

/// How an RSA signature is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RsaPadding {
    Pkcs1,
    Pss,
}

/// One signature algorithm with its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Rsa(RsaPadding, Digest),
    Ecdsa(Digest),
    /// Signs the message itself; the identifier says all.
    Pure(&'static str),
}

impl Scheme {
    /// AlgorithmIdentifier: RFC 4055 (RSA), RFC 5758 (ECDSA), RFC 8410 (Ed25519), RFC 9881
    /// (ML-DSA).
    pub(crate) fn algorithm_identifier_der(self) -> Vec<u8> {
        match self {
            Self::Rsa(RsaPadding::Pkcs1, digest) => {
                let last_arc = match digest {
                    Digest::Sha1 => 5,
                    Digest::Sha256 => 11,
                    Digest::Sha384 => 12,
                    Digest::Sha512 => 13,
                };
                der::sequence(&[
                    &der::oid(&format!("1.2.840.113549.1.1.{last_arc}")),
                    &der::null(),
                ])
            }
            Self::Rsa(RsaPadding::Pss, digest) => {
                let hash = digest.algorithm_identifier_der();
                let mgf1 = der::sequence(&[&der::oid("1.2.840.113549.1.1.8"), &hash]);
                let salt_length = u64::try_from(digest.aws_lc().output_len()).expect("small");
                let parameters = der::sequence(&[
                    &der::explicit(0, &hash),
                    &der::explicit(1, &mgf1),
                    &der::explicit(2, &der::unsigned(salt_length)),
                ]);
                der::sequence(&[&der::oid("1.2.840.113549.1.1.10"), &parameters])
            }
            Self::Ecdsa(digest) => {
                let arcs = match digest {
                    Digest::Sha1 => "1",
                    Digest::Sha256 => "3.2",
                    Digest::Sha384 => "3.3",
                    Digest::Sha512 => "3.4",
                };
                der::sequence(&[&der::oid(&format!("1.2.840.10045.4.{arcs}"))])
            }
            Self::Pure(oid) => der::sequence(&[&der::oid(oid)]),
        }
    }
}

impl Digest {
    fn aws_lc(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }

    fn algorithm_identifier_der(self) -> Vec<u8> {
        let oid = match self {
            Self::Sha1 => "1.3.14.3.2.26",
            Self::Sha256 => "2.16.840.1.101.3.4.2.1",
            Self::Sha384 => "2.16.840.1.101.3.4.2.2",
            Self::Sha512 => "2.16.840.1.101.3.4.2.3",
        };
        der::sequence(&[&der::oid(oid), &der::null()])
    }
}

#[derive(Debug)]
enum PrivateKey {
    ShortRsa(RsaNumbers),
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    MlDsa(PqdsaKeyPair),
}

/// Every curve with every digest, although AWS-LC's Rust interface has one digest per curve and
/// way of signing: FIPS 186-5 §6.4 reads a longer digest's leftmost bits as the number to sign, and
/// a shorter one as a smaller number, so the number can be handed over at the length it expects.
fn sign_ecdsa(pair: &EcdsaKeyPair, kind: KeyKind, digest: Digest, message: &[u8]) -> Vec<u8> {
    let native = match kind {
        KeyKind::P256 => &SHA256,
        KeyKind::P384 => &SHA384,
        _ => &SHA512,
    };
    let hashed = digest::digest(digest.aws_lc(), message);
    let mut octets = hashed.as_ref().to_vec();
    octets.truncate(native.output_len());
    let mut number = vec![0; native.output_len() - octets.len()];
    number.append(&mut octets);
    let number = digest::Digest::import_less_safe(&number, native).expect("a digest's length");
    pair.sign_digest(&number)
        .expect("AWS-LC signs with ECDSA")
        .as_ref()
        .to_vec()
}

fn sign_rsa(pair: &RsaKeyPair, padding: RsaPadding, digest: Digest, message: &[u8]) -> Vec<u8> {
    let encoding: &'static RsaSignatureEncoding = match (padding, digest) {
        (RsaPadding::Pkcs1, Digest::Sha256) => &RSA_PKCS1_SHA256,
        (RsaPadding::Pkcs1, Digest::Sha384) => &RSA_PKCS1_SHA384,
        (RsaPadding::Pkcs1, Digest::Sha512) => &RSA_PKCS1_SHA512,
        (RsaPadding::Pss, Digest::Sha256) => &RSA_PSS_SHA256,
        (RsaPadding::Pss, Digest::Sha384) => &RSA_PSS_SHA384,
        (RsaPadding::Pss, Digest::Sha512) => &RSA_PSS_SHA512,
        (RsaPadding::Pkcs1, Digest::Sha1) => {
            return RsaNumbers::of(pair).sign_pkcs1(digest, message);
        }
        (RsaPadding::Pss, Digest::Sha1) => panic!("PSS with SHA-1 is not written here"),
    };
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .expect("AWS-LC signs with RSA");
    signature
}

/// An RSA private key as numbers, for what AWS-LC does not do any more: its Rust interface verifies
/// SHA-1 for old data's sake, but does not sign with it, and takes no keys below 2048 bits.
#[derive(Debug)]
struct RsaNumbers {
    modulus: BigUint,
    private_exponent: BigUint,
}

impl RsaNumbers {
    /// `n` and `d` of an RSAPrivateKey inside PKCS #8.
    fn of(pair: &RsaKeyPair) -> Self {
        let pkcs8: Pkcs8V1Der<'static> = pair.as_der().expect("AWS-LC writes its own key");
        let (_, private_key_info, _) = der::read(pkcs8.as_ref());
        let (_, _version, rest) = der::read(private_key_info);
        let (_, _algorithm, rest) = der::read(rest);
        let (_, octets, _) = der::read(rest);
        let (_, rsa_private_key, _) = der::read(octets);
        let (_, _version, rest) = der::read(rsa_private_key);
        let (_, modulus, rest) = der::read(rest);
        let (_, _public_exponent, rest) = der::read(rest);
        let (_, private_exponent, _) = der::read(rest);
        Self {
            modulus: BigUint::from_bytes_be(modulus),
            private_exponent: BigUint::from_bytes_be(private_exponent),
        }
    }

    /// The key of 1024 bits.
    fn short() -> Self {
        let number = |hex: &str| BigUint::parse_bytes(hex.as_bytes(), 16).expect("hexadecimal");
        Self {
            modulus: number(SHORT_MODULUS),
            private_exponent: number(SHORT_PRIVATE_EXPONENT),
        }
    }

    /// SubjectPublicKeyInfo (RFC 4055 §1.2), the public exponent being 65537.
    fn spki_der(&self) -> Vec<u8> {
        let algorithm = der::sequence(&[&der::oid("1.2.840.113549.1.1.1"), &der::null()]);
        let public_key = der::sequence(&[
            &der::integer(&der::positive_content(&self.modulus.to_bytes_be())),
            &der::unsigned(65537),
        ]);
        der::sequence(&[&algorithm, &der::bit_string(0, &public_key)])
    }

    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.1).
    fn sign_pkcs1(&self, digest: Digest, message: &[u8]) -> Vec<u8> {
        let hashed = digest::digest(digest.aws_lc(), message);
        let digest_info = der::sequence(&[
            &digest.algorithm_identifier_der(),
            &der::octet_string(hashed.as_ref()),
        ]);
        let length = self.modulus.to_bytes_be().len();
        let mut encoded = vec![0x00, 0x01];
        encoded.resize(length - digest_info.len() - 1, 0xff);
        encoded.push(0x00);
        encoded.extend(digest_info);

        let signature = BigUint::from_bytes_be(&encoded)
            .modpow(&self.private_exponent, &self.modulus)
            .to_bytes_be();
        let mut padded = vec![0; length - signature.len()];
        padded.extend(signature);
        padded
    }
}

/// `n` of the key of 1024 bits. It protects nothing: it is only ever refused.
const SHORT_MODULUS: &str = "\
    d0560e79e13d724d3cc831ee01a298030d5411547faf62c15a5129c0e6300a46\
    ca3a78efc2eb2f1a337cfeb63471f9d0a263a34693214daa12cdfe3cc0136d7e\
    3f42039aad3af12072085cc64bb7e9b4835cca9915167a99cc4bc86dfc4351f9\
    1761184cf1b2ab056ec2e8273b85d97857ae2dc9ba11c3df5f66bdd904dead07";
/// `d` of the same key.
const SHORT_PRIVATE_EXPONENT: &str = "\
    8e2fad81913016aa902931aa768339ac1b949c9f46e5b448b21362a3bc765d0d\
    2347f4f1edde052fa4a452529848916ecae5a5b1ad08b5b0b554d18734b00db1\
    383ba3e6773177dbdf169e1087353afde71315415ce6ef83afb8285bf82ac844\
    a8e111900e9202862fc65de411fa099c7e8835719f7cbb37043179f7393c63c1";
