//! The signature and its algorithm (RFC 5280 §5.1.1.2, §5.1.1.3; RFC 4055, 5758, 8410, 9881).

use crl_fetcher::refusal::Refusal;
use crl_fetcher::signature::SignatureError;
use revocation::der::DerError;
use testkit::pki::{Ca, CrlBuilder, Digest, KeyKind, der, oid};

use super::{Defect, Pki, SERIAL, content, extended, tag};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let mut defects = of_what_is_signed(pki);
    defects.extend(of_signature_value(pki));
    defects.extend(of_two_algorithms(pki));
    defects.extend(of_algorithm(pki));
    defects.extend(of_pss(pki));
    defects
}

/// Genuine signatures, but not of this CRL by this CA.
fn of_what_is_signed(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.1.1.3";
    let sound = pki.sound().der();
    let flipped = |at: usize| {
        let mut flipped = sound.clone();
        flipped[at] ^= 1;
        flipped
    };
    let serial = sound.windows(SERIAL.len()).position(|at| at == SERIAL);
    let number = sound.windows(3).position(|at| at == [0x55, 0x1d, 20]);
    let other = pki.ca.crl().revoke(SERIAL).number(1).der();
    let mut swapped = Vec::new();
    der::bend(&other, &[2], |signature| {
        swapped = der::bend(&sound, &[2], |_| signature.to_vec());
        vec![]
    });
    let on_p256 = Ca::root("Another CA");
    let subordinate = pki.ca.subordinate("Subordinate CA");
    vec![
        pki.defect(
            "a bit of a serial number flipped",
            clause,
            flipped(serial.unwrap()),
            SignatureError::Invalid,
        ),
        // The octets of the number follow its object identifier, a tag and a length twice.
        pki.defect(
            "a bit of the CRL number flipped",
            clause,
            flipped(number.unwrap() + 3 + 4),
            SignatureError::Invalid,
        ),
        pki.defect(
            "the last bit of the signature flipped",
            clause,
            flipped(sound.len() - 1),
            SignatureError::Invalid,
        ),
        pki.defect(
            "an entry removed after signing",
            clause,
            der::bend(&sound, &[0, 5], |_| vec![]),
            SignatureError::Invalid,
        ),
        pki.defect(
            "the signature of another CRL of the same CA",
            clause,
            swapped,
            SignatureError::Invalid,
        ),
        pki.defect(
            "forged by another CA of the same name",
            clause,
            pki.sound().signed_by(&pki.namesake).der(),
            SignatureError::Invalid,
        ),
        pki.defect(
            "forged by another CA of the truststore",
            clause,
            pki.sound().signed_by(&on_p256).der(),
            SignatureError::Invalid,
        )
        .trusting(&[&pki.ca, &on_p256]),
        pki.defect(
            "signed by a subordinate CA in its issuer's name",
            clause,
            pki.sound().signed_by(&subordinate).der(),
            SignatureError::Invalid,
        ),
    ]
}

/// Octets that are no signature of the algorithm.
fn of_signature_value(pki: &Pki) -> Vec<Defect> {
    let ecdsa = |change: &dyn Fn(&[u8]) -> Vec<u8>| with_signature(&pki.sound(), change);
    let ed25519 = |change: &dyn Fn(&[u8]) -> Vec<u8>| with_signature(&pki.ed25519.crl(), change);
    let rsa = |change: &dyn Fn(&[u8]) -> Vec<u8>| with_signature(&pki.rsa.crl(), change);
    let ml_dsa = |change: &dyn Fn(&[u8]) -> Vec<u8>| with_signature(&pki.ml_dsa.crl(), change);
    let cut = |signature: &[u8]| signature[..signature.len() - 1].to_vec();
    let one_more = |signature: &[u8]| [signature, &[0]].concat();
    let ecdsa_clause = "RFC 3279 §2.2.3";
    let defects = [
        ("no signature", "RFC 5280 §5.1.1.3", ecdsa(&|_| vec![])),
        ("an ECDSA signature cut short", ecdsa_clause, ecdsa(&cut)),
        (
            "an ECDSA signature that an octet follows",
            ecdsa_clause,
            ecdsa(&one_more),
        ),
        (
            "an ECDSA signature of r alone",
            ecdsa_clause,
            ecdsa(&|signature| der::bend(signature, &[1], |_| vec![])),
        ),
        (
            "an ECDSA signature of three numbers",
            ecdsa_clause,
            ecdsa(&|signature| der::bend(signature, &[1], |s| s.repeat(2))),
        ),
        (
            "an ECDSA signature whose r is zero",
            "RFC 3279 §2.2.3",
            ecdsa(&|signature| der::bend(signature, &[0], |_| der::unsigned(0))),
        ),
        (
            "an ECDSA signature whose r has a leading zero",
            "X.690 §8.3.2",
            ecdsa(&|signature| {
                der::bend(signature, &[0], |r| {
                    der::integer(&[&[0], content(r)].concat())
                })
            }),
        ),
        (
            "an ECDSA signature of indefinite length",
            "X.690 §10.1",
            ecdsa(&|signature| [&[0x30, 0x80], content(signature), &[0, 0]].concat()),
        ),
        (
            "an ECDSA signature of r and s without encoding",
            ecdsa_clause,
            ecdsa(&|_| vec![0x11; 64]),
        ),
        (
            "an Ed25519 signature cut short",
            "RFC 8032 §5.1.7",
            ed25519(&cut),
        ),
        (
            "an Ed25519 signature that an octet follows",
            "RFC 8032 §5.1.7",
            ed25519(&one_more),
        ),
        (
            "an Ed25519 signature whose S is not below the order",
            "RFC 8032 §5.1.7",
            ed25519(&with_order_added),
        ),
        (
            "an Ed25519 signature in an OCTET STRING",
            "RFC 8410 §6",
            ed25519(&der::octet_string),
        ),
        ("an RSA signature cut short", "RFC 8017 §8.2.2", rsa(&cut)),
        (
            "an RSA signature with a leading zero",
            "RFC 8017 §8.2.2",
            rsa(&|signature| [&[0], signature].concat()),
        ),
        (
            "an RSA signature of zeros",
            "RFC 8017 §8.2.2",
            rsa(&|signature| vec![0; signature.len()]),
        ),
        (
            "an RSA signature not below the modulus",
            "RFC 8017 §5.2.2",
            rsa(&|signature| vec![0xff; signature.len()]),
        ),
        ("an ML-DSA signature cut short", "RFC 9881 §3", ml_dsa(&cut)),
        (
            "an ML-DSA signature that an octet follows",
            "RFC 9881 §3",
            ml_dsa(&one_more),
        ),
    ];
    defects
        .into_iter()
        .map(|(name, clause, object)| pki.defect(name, clause, object, SignatureError::Invalid))
        .collect()
}

/// What is signed names another algorithm than what is around it.
fn of_two_algorithms(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.1.1.2";
    let ecdsa_sha384 = algorithm("1.2.840.10045.4.3.3", &[]);
    let ecdsa_with_null = algorithm("1.2.840.10045.4.3.2", &der::null());
    let rsa_without_null = algorithm("1.2.840.113549.1.1.11", &[]);
    let other_salt = pss(&pss_parameters(SHA256, SHA256, 48));
    let mismatches = [
        (
            "the algorithm outside is another",
            pki.sound().outer_algorithm_der(&ecdsa_sha384),
        ),
        (
            "the algorithm inside is another",
            pki.sound().inner_algorithm_der(&ecdsa_sha384),
        ),
        (
            "the ECDSA algorithm has a NULL outside only",
            pki.sound().outer_algorithm_der(&ecdsa_with_null),
        ),
        (
            "the ECDSA algorithm has a NULL inside only",
            pki.sound().inner_algorithm_der(&ecdsa_with_null),
        ),
        (
            "the RSA algorithm has a NULL inside only",
            pki.rsa.crl().outer_algorithm_der(&rsa_without_null),
        ),
        (
            "the RSA algorithm has a NULL outside only",
            pki.rsa.crl().inner_algorithm_der(&rsa_without_null),
        ),
        (
            "the PSS parameters outside are others",
            pki.rsa.crl().pss().outer_algorithm_der(&other_salt),
        ),
    ];
    mismatches
        .into_iter()
        .map(|(name, crl)| pki.defect(name, clause, crl.der(), Refusal::AlgorithmMismatch))
        .collect()
}

fn of_algorithm(pki: &Pki) -> Vec<Defect> {
    let ecdsa = |algorithm: &[u8]| both(pki.sound(), algorithm).der();
    let ed25519 = |algorithm: &[u8]| both(pki.ed25519.crl(), algorithm).der();
    let ml_dsa = |algorithm: &[u8]| both(pki.ml_dsa.crl(), algorithm).der();
    let rsa = |algorithm: &[u8]| both(pki.rsa.crl(), algorithm).der();
    let short = Ca::root_with("RSA CA", KeyKind::Rsa1024);
    let mut defects = vec![
        pki.defect(
            "another algorithm than the signature's, inside and outside",
            "RFC 5280 §5.1.1.3",
            ecdsa(&algorithm("1.2.840.10045.4.3.3", &[])),
            SignatureError::Invalid,
        ),
        pki.defect(
            "PKCS #1 v1.5 said to be PSS",
            "RFC 4055 §3",
            rsa(&pss(&pss_parameters(SHA256, SHA256, 32))),
            SignatureError::Invalid,
        ),
        pki.defect(
            "PSS said to be PKCS #1 v1.5",
            "RFC 4055 §5",
            both(
                pki.rsa.crl().pss(),
                &algorithm("1.2.840.113549.1.1.11", &der::null()),
            )
            .der(),
            SignatureError::Invalid,
        ),
        pki.defect(
            "PSS of another digest than it is said to be",
            "RFC 4055 §3.1",
            both(
                pki.rsa.crl().pss(),
                &pss(&pss_parameters(SHA384, SHA384, 48)),
            )
            .der(),
            SignatureError::Invalid,
        ),
        pki.defect(
            "an algorithm that is not one for the key",
            "RFC 8410 §3",
            ecdsa(&algorithm("1.3.101.112", &[])),
            SignatureError::KeyMismatch,
        ),
        pki.defect(
            "a genuine signature of an RSA key of 1024 bits",
            "RFC 9325 §4.5",
            short.crl().der(),
            SignatureError::Invalid,
        )
        .trusting(&[&short]),
        pki.defect(
            "RSA for a key on an elliptic curve",
            "RFC 4055 §5",
            ecdsa(&algorithm("1.2.840.113549.1.1.11", &der::null())),
            SignatureError::KeyMismatch,
        ),
        pki.defect(
            "ECDSA for an RSA key",
            "RFC 5758 §3.2",
            rsa(&algorithm("1.2.840.10045.4.3.2", &[])),
            SignatureError::KeyMismatch,
        ),
        pki.defect(
            "ML-DSA-65 for an ML-DSA-44 key",
            "RFC 9881 §3",
            ml_dsa(&algorithm("2.16.840.1.101.3.4.3.18", &[])),
            SignatureError::KeyMismatch,
        ),
        pki.defect(
            "ECDSA with parameters",
            "RFC 5758 §3.2",
            ecdsa(&algorithm("1.2.840.10045.4.3.2", &der::null())),
            SignatureError::Parameters,
        ),
        pki.defect(
            "Ed25519 with parameters",
            "RFC 8410 §3",
            ed25519(&algorithm("1.3.101.112", &der::null())),
            SignatureError::Parameters,
        ),
        pki.defect(
            "ML-DSA with parameters",
            "RFC 9881 §2",
            ml_dsa(&algorithm("2.16.840.1.101.3.4.3.17", &der::null())),
            SignatureError::Parameters,
        ),
        pki.defect(
            "RSA with other parameters than NULL",
            "RFC 4055 §5",
            rsa(&algorithm("1.2.840.113549.1.1.11", &der::sequence(&[]))),
            SignatureError::Parameters,
        ),
        pki.defect(
            "RSA with a NULL that has content",
            "X.690 §8.8.2",
            rsa(&algorithm("1.2.840.113549.1.1.11", &der::tlv(0x05, &[0]))),
            SignatureError::Parameters,
        ),
        pki.defect(
            "an algorithm with a third element",
            "RFC 5280 §4.1.1.2",
            rsa(&algorithm("1.2.840.113549.1.1.11", &der::null().repeat(2))),
            SignatureError::Parameters,
        ),
        pki.defect(
            "an empty algorithm",
            "RFC 5280 §4.1.1.2",
            ecdsa(&der::sequence(&[])),
            SignatureError::Der(DerError::Truncated),
        ),
        pki.defect(
            "an algorithm that begins with its parameters",
            "RFC 5280 §4.1.1.2",
            ecdsa(&der::sequence(&[
                &der::null(),
                &der::oid("1.2.840.113549.1.1.11"),
            ])),
            SignatureError::Der(tag(0x06, 0x05)),
        ),
        pki.defect(
            "a genuine signature over SHA-1 with ECDSA",
            "RFC 6194 §3.1",
            pki.sound().digest(Digest::Sha1).der(),
            SignatureError::WeakDigest,
        ),
        pki.defect(
            "a genuine signature over SHA-1 with RSA",
            "RFC 6194 §3.1",
            pki.rsa.crl().digest(Digest::Sha1).der(),
            SignatureError::WeakDigest,
        ),
        pki.defect(
            "MD5",
            "RFC 6151 §2.1",
            rsa(&algorithm("1.2.840.113549.1.1.4", &der::null())),
            SignatureError::WeakDigest,
        ),
    ];
    let unsupported = [
        ("MD2", "RFC 6149 §1", "1.2.840.113549.1.1.2"),
        ("MD4", "RFC 6150 §1", "1.2.840.113549.1.1.3"),
        (
            "SHA-224 with RSA",
            "RFC 5280 §5.1.1.2",
            "1.2.840.113549.1.1.14",
        ),
        (
            "rsaEncryption as an algorithm of signatures",
            "RFC 4055 §5",
            "1.2.840.113549.1.1.1",
        ),
        (
            "SHA-224 with ECDSA",
            "RFC 5280 §5.1.1.2",
            "1.2.840.10045.4.3.1",
        ),
        ("SHA-1 with DSA", "RFC 5280 §5.1.1.2", "1.2.840.10040.4.3"),
        (
            "SHA-256 with DSA",
            "RFC 5280 §5.1.1.2",
            "2.16.840.1.101.3.4.3.2",
        ),
        ("Ed448", "RFC 5280 §5.1.1.2", "1.3.101.113"),
        (
            "pre-hashed ML-DSA-44",
            "RFC 9881 §2",
            "2.16.840.1.101.3.4.3.32",
        ),
        (
            "an algorithm that nobody knows",
            "RFC 5280 §5.1.1.2",
            oid::UNKNOWN,
        ),
    ];
    defects.extend(unsupported.map(|(name, clause, oid)| {
        let refusal = SignatureError::Unsupported {
            oid: oid.to_owned(),
        };
        pki.defect(name, clause, ecdsa(&algorithm(oid, &[])), refusal)
    }));
    defects
}

/// The parameters of RSASSA-PSS, around a genuine signature over SHA-256 with a salt of 32 octets.
fn of_pss(pki: &Pki) -> Vec<Defect> {
    let crl = |parameters: &[&[u8]]| {
        let algorithm = pss(&parameters.concat());
        both(pki.rsa.crl().pss(), &algorithm).der()
    };
    let hash = |oid| der::explicit(0, &algorithm(oid, &der::null()));
    let mask = |function, oid| {
        let hash = algorithm(oid, &der::null());
        der::explicit(1, &algorithm(function, &hash))
    };
    let salt = |length: &[u8]| der::explicit(2, &der::integer(length));
    let (sha256, mgf1, salt_32) = (hash(SHA256), mask(MGF1, SHA256), salt(&[32]));
    let unsupported = |oid: &str| SignatureError::Unsupported {
        oid: oid.to_owned(),
    };
    let clause = "RFC 4055 §3.1";
    let defects: Vec<(_, _, Vec<u8>, SignatureError)> = vec![
        (
            "PSS without parameters",
            "RFC 4055 §3",
            both(pki.rsa.crl().pss(), &algorithm(PSS, &[])).der(),
            SignatureError::Der(DerError::Truncated),
        ),
        (
            "PSS with a NULL as its parameters",
            "RFC 4055 §3",
            both(pki.rsa.crl().pss(), &algorithm(PSS, &der::null())).der(),
            SignatureError::Der(tag(0x30, 0x05)),
        ),
        (
            "PSS with octets behind its parameters",
            "RFC 4055 §3",
            {
                let algorithm = pss(&[sha256.clone(), mgf1.clone(), salt_32.clone()].concat());
                both(pki.rsa.crl().pss(), &extended(&algorithm, &der::null())).der()
            },
            SignatureError::Der(DerError::TrailingOctets),
        ),
        (
            "PSS with the default parameters, SHA-1 all of them",
            "RFC 6194 §3.1",
            crl(&[]),
            SignatureError::WeakDigest,
        ),
        (
            "PSS with SHA-1 written out",
            "RFC 6194 §3.1",
            crl(&[&hash(SHA1), &mask(MGF1, SHA1), &salt(&[20])]),
            SignatureError::WeakDigest,
        ),
        (
            "PSS with the default mask generation, over SHA-1",
            clause,
            crl(&[&sha256, &salt_32]),
            SignatureError::WeakDigest,
        ),
        (
            "PSS with mask generation over SHA-1",
            clause,
            crl(&[&sha256, &mask(MGF1, SHA1), &salt_32]),
            SignatureError::WeakDigest,
        ),
        (
            "PSS with two digests",
            clause,
            crl(&[&sha256, &mask(MGF1, SHA384), &salt_32]),
            SignatureError::Parameters,
        ),
        (
            "PSS with SHA-224",
            clause,
            crl(&[&hash(SHA224), &mask(MGF1, SHA224), &salt(&[28])]),
            unsupported(SHA224),
        ),
        (
            "PSS with a digest whose parameters are no NULL",
            "RFC 4055 §2.1",
            crl(&[
                &der::explicit(0, &algorithm(SHA256, &der::sequence(&[]))),
                &mgf1,
                &salt_32,
            ]),
            SignatureError::Parameters,
        ),
        (
            "PSS with another mask generation function than MGF1",
            "RFC 4055 §2.2",
            crl(&[&sha256, &mask(oid::UNKNOWN, SHA256), &salt_32]),
            SignatureError::Parameters,
        ),
        (
            "PSS with MGF1 that has no digest",
            "RFC 4055 §2.2",
            crl(&[&sha256, &der::explicit(1, &algorithm(MGF1, &[])), &salt_32]),
            SignatureError::Der(DerError::Truncated),
        ),
        (
            "PSS with a salt of the default length",
            clause,
            crl(&[&sha256, &mgf1]),
            SignatureError::Der(DerError::Truncated),
        ),
        (
            "PSS with a salt of 20 octets",
            clause,
            crl(&[&sha256, &mgf1, &salt(&[20])]),
            SignatureError::Parameters,
        ),
        (
            "PSS with a salt of 33 octets",
            clause,
            crl(&[&sha256, &mgf1, &salt(&[33])]),
            SignatureError::Parameters,
        ),
        (
            "PSS with a salt longer than the key",
            clause,
            crl(&[&sha256, &mgf1, &salt(&[1, 0])]),
            SignatureError::Parameters,
        ),
        (
            "PSS with a salt of negative length",
            clause,
            crl(&[&sha256, &mgf1, &salt(&[0xe0])]),
            SignatureError::Parameters,
        ),
        (
            "PSS with a salt whose length has a leading zero",
            "X.690 §8.3.2",
            crl(&[&sha256, &mgf1, &salt(&[0, 32])]),
            SignatureError::Parameters,
        ),
        (
            "PSS with trailer field 2",
            clause,
            crl(&[
                &sha256,
                &mgf1,
                &salt_32,
                &der::explicit(3, &der::unsigned(2)),
            ]),
            SignatureError::Parameters,
        ),
        (
            "PSS with the default trailer field written out",
            "X.690 §11.5",
            crl(&[
                &sha256,
                &mgf1,
                &salt_32,
                &der::explicit(3, &der::unsigned(1)),
            ]),
            SignatureError::Parameters,
        ),
        (
            "PSS with the salt before the mask generation",
            clause,
            crl(&[&sha256, &salt_32, &mgf1]),
            SignatureError::WeakDigest,
        ),
    ];
    defects
        .into_iter()
        .map(|(name, clause, object, error)| pki.defect(name, clause, object, error))
        .collect()
}

/// The algorithm both inside and outside of what is signed.
pub(super) fn both(crl: CrlBuilder, algorithm: &[u8]) -> CrlBuilder {
    crl.inner_algorithm_der(algorithm)
        .outer_algorithm_der(algorithm)
}

pub(super) fn algorithm(oid: &str, parameters: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(oid), parameters])
}

pub(super) fn pss(parameters: &[u8]) -> Vec<u8> {
    algorithm(PSS, &der::sequence(&[parameters]))
}

fn pss_parameters(hash: &str, mask_hash: &str, salt: u64) -> Vec<u8> {
    let mask = algorithm(MGF1, &algorithm(mask_hash, &der::null()));
    [
        der::explicit(0, &algorithm(hash, &der::null())),
        der::explicit(1, &mask),
        der::explicit(2, &der::unsigned(salt)),
    ]
    .concat()
}

/// A CRL whose genuine signature is changed.
fn with_signature(crl: &CrlBuilder, change: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    der::bend(&crl.der(), &[2], |value| {
        let signature = &content(value)[1..];
        der::bit_string(0, &change(signature))
    })
}

/// S + L, which is S for anyone who forgets to compare it with the order L of the group.
fn with_order_added(signature: &[u8]) -> Vec<u8> {
    let mut changed = signature.to_vec();
    let mut carry = 0;
    for (octet, of_order) in changed[32..].iter_mut().zip(ED25519_ORDER) {
        let sum = u16::from(*octet) + u16::from(of_order) + carry;
        *octet = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    changed
}

const MGF1: &str = "1.2.840.113549.1.1.8";
const PSS: &str = "1.2.840.113549.1.1.10";
const SHA1: &str = "1.3.14.3.2.26";
const SHA224: &str = "2.16.840.1.101.3.4.2.4";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA384: &str = "2.16.840.1.101.3.4.2.2";
/// 2^252 + 27742317777372353535851937790883648493 (RFC 8032 §5.1), least significant octet first.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
