//! Every level of a CRL, encoded in ways that the Basic Encoding Rules allow and DER does not, or
//! that nothing allows.

use crl_fetcher::refusal::Refusal;
use revocation::der::DerError;
use testkit::pki::der;

use super::{Defect, Pki, at, content, extended, malformed, retagged, tag};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let constructed = signed_levels().into_iter().flat_map(|level| {
        let bent = |change: fn(&[u8]) -> Vec<u8>| pki.full().bend(level.path, change).der();
        defects_of_level(pki, &level, bent)
    });
    let primitive = signed_values().into_iter().flat_map(|value| {
        let bent = |change: fn(&[u8]) -> Vec<u8>| pki.full().bend(value.path, change).der();
        defects_of_value(pki, &value, bent)
    });
    // What the signature is not over.
    let whole = pki.full().der();
    let around = levels_around().into_iter().flat_map(|level| {
        let bent = |change: fn(&[u8]) -> Vec<u8>| der::bend(&whole, level.path, change);
        defects_of_level(pki, &level, bent)
    });
    let signature = value("signatureValue", &[2], "X.690 §10.2", tag(0x03, 0x23));
    let signature = defects_of_value(pki, &signature, |change| der::bend(&whole, &[2], change));
    constructed
        .chain(primitive)
        .chain(around)
        .chain(signature)
        .collect()
}

/// An element of a constructed type.
struct Level {
    name: &'static str,
    path: &'static [usize],
    /// What defines its type.
    clause: &'static str,
    /// What an encoding error in it leads to.
    refusal: Box<dyn Fn(DerError) -> Refusal>,
    /// The refusal where a NULL follows what it consists of.
    with_null: Refusal,
    /// Another identifier octet, and the refusal of it.
    other_tag: (u8, Refusal),
}

/// An element of a primitive type.
struct Value {
    name: &'static str,
    path: &'static [usize],
    /// What forbids the constructed form of it.
    clause: &'static str,
    /// What an encoding error in it leads to.
    refusal: Box<dyn Fn(DerError) -> Refusal>,
    /// The refusal of the constructed form.
    constructed: Refusal,
}

fn levels_around() -> Vec<Level> {
    let not_a_sequence = || (SET, tag(SEQUENCE, SET).into());
    vec![
        level(
            "CertificateList",
            &[],
            "RFC 5280 §5.1.1",
            DerError::TrailingOctets,
            not_a_sequence(),
        ),
        level(
            "signatureAlgorithm",
            &[1],
            "RFC 5280 §5.1.1.2",
            Refusal::AlgorithmMismatch,
            not_a_sequence(),
        ),
    ]
}

fn signed_levels() -> Vec<Level> {
    let not_a_sequence = || (SET, tag(SEQUENCE, SET).into());
    let aki = malformed("authorityKeyIdentifier");
    let idp = malformed("issuingDistributionPoint");
    vec![
        level(
            "tbsCertList",
            at::TBS_CERT_LIST,
            "RFC 5280 §5.1.2",
            DerError::TrailingOctets,
            not_a_sequence(),
        ),
        level(
            "signature",
            at::SIGNATURE,
            "RFC 5280 §5.1.2.2",
            Refusal::AlgorithmMismatch,
            not_a_sequence(),
        ),
        level(
            "issuer",
            at::ISSUER,
            "RFC 5280 §5.1.2.3",
            Refusal::ForeignIssuer,
            not_a_sequence(),
        ),
        level(
            "revokedCertificates",
            at::REVOKED_CERTIFICATES,
            "RFC 5280 §5.1.2.6",
            tag(SEQUENCE, NULL),
            (SET, DerError::TrailingOctets.into()),
        ),
        level(
            "an entry",
            at::ENTRY,
            "RFC 5280 §5.1.2.6",
            DerError::TrailingOctets,
            not_a_sequence(),
        ),
        level(
            "crlEntryExtensions",
            at::ENTRY_EXTENSIONS,
            "RFC 5280 §5.3",
            tag(SEQUENCE, NULL),
            not_a_sequence(),
        ),
        level(
            "an entry's Extension",
            at::ENTRY_EXTENSION,
            "RFC 5280 §4.1",
            DerError::TrailingOctets,
            not_a_sequence(),
        ),
        level(
            "crlExtensions [0]",
            at::CRL_EXTENSIONS,
            "RFC 5280 §5.1.2.7",
            DerError::TrailingOctets,
            (0xa1, DerError::TrailingOctets.into()),
        ),
        level(
            "the Extensions in crlExtensions",
            at::EXTENSIONS,
            "RFC 5280 §5.1.2.7",
            tag(SEQUENCE, NULL),
            not_a_sequence(),
        ),
        level(
            "an Extension",
            at::IDP_EXTENSION,
            "RFC 5280 §4.1",
            DerError::TrailingOctets,
            not_a_sequence(),
        ),
        Level {
            refusal: Box::new(malformed("authorityKeyIdentifier")),
            ..level(
                "AuthorityKeyIdentifier",
                at::AUTHORITY_KEY_IDENTIFIER,
                "RFC 5280 §5.2.1",
                aki(DerError::TrailingOctets),
                (SET, aki(tag(SEQUENCE, SET))),
            )
        },
        Level {
            refusal: Box::new(malformed("issuingDistributionPoint")),
            ..level(
                "IssuingDistributionPoint",
                at::IDP,
                "RFC 5280 §5.2.5",
                idp(DerError::TrailingOctets),
                (SET, idp(tag(SEQUENCE, SET))),
            )
        },
        Level {
            refusal: Box::new(malformed("issuingDistributionPoint")),
            ..level(
                "distributionPoint [0]",
                at::DISTRIBUTION_POINT,
                "RFC 5280 §5.2.5",
                idp(DerError::TrailingOctets),
                (0xa1, idp(DerError::TrailingOctets)),
            )
        },
    ]
}

fn signed_values() -> Vec<Value> {
    let in_aki = malformed("authorityKeyIdentifier");
    let in_idp = malformed("issuingDistributionPoint");
    vec![
        value("version", at::VERSION, "X.690 §8.3.1", tag(SEQUENCE, 0x22)),
        value(
            "thisUpdate",
            at::THIS_UPDATE,
            "X.690 §10.2",
            tag(0x17, 0x37),
        ),
        value(
            "nextUpdate",
            at::NEXT_UPDATE,
            "X.690 §10.2",
            DerError::TrailingOctets,
        ),
        value(
            "userCertificate",
            at::USER_CERTIFICATE,
            "X.690 §8.3.1",
            tag(0x02, 0x22),
        ),
        value(
            "revocationDate",
            at::REVOCATION_DATE,
            "X.690 §10.2",
            tag(0x17, 0x37),
        ),
        value(
            "an entry's extnID",
            at::ENTRY_EXTN_ID,
            "X.690 §8.19.1",
            tag(0x06, 0x26),
        ),
        value(
            "an entry's extnValue",
            at::ENTRY_EXTN_VALUE,
            "X.690 §10.2",
            tag(0x04, 0x24),
        ),
        Value {
            refusal: Box::new(malformed("cRLReason")),
            ..value(
                "CRLReason",
                at::REASON,
                "X.690 §8.4",
                malformed("cRLReason")(tag(0x0a, 0x2a)),
            )
        },
        value("extnID", at::IDP_EXTN_ID, "X.690 §8.19.1", tag(0x06, 0x26)),
        value(
            "critical",
            at::IDP_CRITICAL,
            "X.690 §8.2.1",
            tag(0x04, 0x21),
        ),
        value(
            "extnValue",
            at::IDP_EXTN_VALUE,
            "X.690 §10.2",
            tag(0x04, 0x24),
        ),
        Value {
            refusal: Box::new(malformed("cRLNumber")),
            ..value(
                "CRLNumber",
                at::NUMBER,
                "X.690 §8.3.1",
                malformed("cRLNumber")(tag(0x02, 0x22)),
            )
        },
        Value {
            refusal: Box::new(malformed("authorityKeyIdentifier")),
            ..value(
                "keyIdentifier",
                at::KEY_IDENTIFIER,
                "X.690 §10.2",
                in_aki(DerError::TrailingOctets),
            )
        },
        Value {
            refusal: Box::new(malformed("issuingDistributionPoint")),
            ..value(
                "onlyContainsUserCerts",
                at::ONLY_CONTAINS_USER_CERTS,
                "X.690 §8.2.1",
                in_idp(DerError::TrailingOctets),
            )
        },
    ]
}

fn level(
    name: &'static str,
    path: &'static [usize],
    clause: &'static str,
    with_null: impl Into<Refusal>,
    other_tag: (u8, Refusal),
) -> Level {
    Level {
        name,
        path,
        clause,
        refusal: Box::new(Refusal::Malformed),
        with_null: with_null.into(),
        other_tag,
    }
}

fn value(
    name: &'static str,
    path: &'static [usize],
    clause: &'static str,
    constructed: impl Into<Refusal>,
) -> Value {
    Value {
        name,
        path,
        clause,
        refusal: Box::new(Refusal::Malformed),
        constructed: constructed.into(),
    }
}

fn defects_of_level(
    pki: &Pki,
    level: &Level,
    bent: impl Fn(fn(&[u8]) -> Vec<u8>) -> Vec<u8>,
) -> Vec<Defect> {
    let name = level.name;
    let (other_tag, refusal_of_it) = &level.other_tag;
    let mistagged = match *other_tag {
        SET => bent(|element| retagged(element, SET)),
        _ => bent(|element| retagged(element, 0xa1)),
    };
    vec![
        pki.defect(
            format!("{name} whose length is not in the shortest form"),
            "X.690 §10.1",
            bent(with_padded_length),
            (level.refusal)(DerError::Length),
        ),
        pki.defect(
            format!("{name} of indefinite length"),
            "X.690 §10.1",
            bent(with_indefinite_length),
            (level.refusal)(DerError::Length),
        ),
        pki.defect(
            format!("{name} that ends before its length says"),
            "X.690 §8.1.3",
            bent(with_excessive_length),
            (level.refusal)(DerError::Truncated),
        ),
        pki.defect(
            format!("{name} with a NULL at its end"),
            level.clause,
            bent(|element| extended(element, &der::null())),
            level.with_null.clone(),
        ),
        pki.defect(
            format!("{name} under tag {other_tag:02x}"),
            level.clause,
            mistagged,
            refusal_of_it.clone(),
        ),
    ]
}

fn defects_of_value(
    pki: &Pki,
    value: &Value,
    bent: impl Fn(fn(&[u8]) -> Vec<u8>) -> Vec<u8>,
) -> Vec<Defect> {
    let name = value.name;
    vec![
        pki.defect(
            format!("{name} whose length is not in the shortest form"),
            "X.690 §10.1",
            bent(with_padded_length),
            (value.refusal)(DerError::Length),
        ),
        pki.defect(
            format!("{name} that ends before its length says"),
            "X.690 §8.1.3",
            bent(with_excessive_length),
            (value.refusal)(DerError::Truncated),
        ),
        pki.defect(
            format!("{name} in constructed form"),
            value.clause,
            bent(|element| der::tlv(element[0] | 0x20, element)),
            value.constructed.clone(),
        ),
    ]
}

/// One more length octet than needed.
pub(super) fn with_padded_length(element: &[u8]) -> Vec<u8> {
    let content = content(element);
    let octets = content.len().to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let padded = match content.len() {
        0..=0x7f => &octets[zeros..],
        _ => &octets[zeros - 1..],
    };
    let count = u8::try_from(padded.len()).unwrap();
    [&[element[0], 0x80 | count], padded, content].concat()
}

pub(super) fn with_indefinite_length(element: &[u8]) -> Vec<u8> {
    [&[element[0], 0x80], content(element), &[0, 0]].concat()
}

/// More than the whole CRL has.
pub(super) fn with_excessive_length(element: &[u8]) -> Vec<u8> {
    let content = content(element);
    let header = der::header(element[0], content.len() + 0x1000);
    [&header, content].concat()
}

const NULL: u8 = 0x05;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
