//! The structure around everything: `CertificateList` and `TBSCertList` (RFC 5280 §5.1).

use crl_fetcher::refusal::Refusal;
use revocation::der::DerError;
use testkit::pki::der;

use super::{Defect, NEXT_UPDATE, Pki, SERIAL, THIS_UPDATE, at, content, extended, retagged, tag};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let mut defects = of_certificate_list(pki);
    defects.extend(of_version(pki));
    defects.extend(of_fields(pki));
    defects
}

fn of_certificate_list(pki: &Pki) -> Vec<Defect> {
    let whole = pki.sound().der();
    let inside = content(&whole);
    let tbs_cert_list = nth(inside, 0);
    let length = u32::try_from(inside.len()).unwrap().to_be_bytes();
    let signature_value = |change: fn(&[u8]) -> Vec<u8>| der::bend(&whole, &[2], change);
    vec![
        pki.defect("no octets", "RFC 5280 §5.1", vec![], DerError::Truncated),
        pki.defect(
            "the last octet is missing",
            "X.690 §8.1.3",
            whole[..whole.len() - 1].to_vec(),
            DerError::Truncated,
        ),
        pki.defect(
            "an octet follows",
            "RFC 5280 §5.1",
            [&whole[..], &[0]].concat(),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "two CRLs in DER, one after the other",
            "RFC 5280 §5.1",
            whole.repeat(2),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "no DER",
            "RFC 5280 §5.1",
            b"no CRL today".to_vec(),
            DerError::Truncated,
        ),
        pki.defect(
            "another type",
            "RFC 5280 §5.1",
            der::null(),
            tag(0x30, 0x05),
        ),
        pki.defect(
            "indefinite length and nothing in it",
            "X.690 §10.1",
            vec![0x30, 0x80, 0, 0],
            DerError::Length,
        ),
        pki.defect(
            "a length of five octets",
            "X.690 §10.1",
            [&[0x30, 0x85, 0], &length[..], inside].concat(),
            DerError::Length,
        ),
        pki.defect(
            "the first length octet that is reserved",
            "X.690 §8.1.3.5",
            [&[0x30, 0xff], inside].concat(),
            DerError::Length,
        ),
        pki.defect(
            "a tag number below 31 in the form for greater ones",
            "X.690 §8.1.2.2",
            [&[0x3f, 0x10], &der::header(0x30, inside.len())[1..], inside].concat(),
            DerError::TagNumber,
        ),
        pki.defect(
            "end-of-contents octets after a definite length",
            "X.690 §8.1.3.3",
            extended(&whole, &[0, 0]),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "a certificate",
            "RFC 5280 §5.1",
            pki.ca.certificate_der().to_vec(),
            tag(0x30, 0xa0),
        ),
        pki.defect(
            "tbsCertList without CertificateList around it",
            "RFC 5280 §5.1",
            tbs_cert_list.to_vec(),
            tag(0x30, 0x02),
        ),
        pki.defect(
            "no signatureAlgorithm",
            "RFC 5280 §5.1.1.2",
            der::bend(&whole, &[1], |_| vec![]),
            tag(0x30, 0x03),
        ),
        pki.defect(
            "no signatureValue",
            "RFC 5280 §5.1.1.3",
            signature_value(|_| vec![]),
            DerError::Truncated,
        ),
        pki.defect(
            "two signatureValues",
            "RFC 5280 §5.1.1.3",
            signature_value(|value| value.repeat(2)),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "signatureValue before signatureAlgorithm",
            "RFC 5280 §5.1.1",
            der::sequence(&[tbs_cert_list, nth(inside, 2), nth(inside, 1)]),
            tag(0x30, 0x03),
        ),
        pki.defect(
            "signatureValue as an OCTET STRING",
            "RFC 5280 §5.1.1.3",
            signature_value(|value| retagged(value, 0x04)),
            tag(0x03, 0x04),
        ),
        pki.defect(
            "signatureValue with unused bits",
            "RFC 5280 §5.1.1.3",
            signature_value(|value| [&value[..2], &[1], &value[3..]].concat()),
            DerError::BitString,
        ),
        pki.defect(
            "signatureValue with eight unused bits",
            "X.690 §8.6.2.2",
            signature_value(|value| [&value[..2], &[8], &value[3..]].concat()),
            DerError::BitString,
        ),
        pki.defect(
            "signatureValue without the octet for unused bits",
            "X.690 §8.6.2.1",
            signature_value(|_| der::tlv(0x03, &[])),
            DerError::BitString,
        ),
    ]
}

fn of_version(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.1.2.1";
    let version = |encoded: Vec<u8>| pki.sound().bend(at::VERSION, |_| encoded).der();
    vec![
        pki.defect(
            "version 1",
            clause,
            pki.sound().version(None).der(),
            Refusal::Version,
        ),
        pki.defect(
            "version 1, written out",
            clause,
            pki.sound().version(Some(0)).der(),
            Refusal::Version,
        ),
        pki.defect(
            "version 3",
            clause,
            pki.sound().version(Some(2)).der(),
            Refusal::Version,
        ),
        pki.defect(
            "version 2 with a leading zero",
            "X.690 §8.3.2",
            version(der::integer(&[0, 1])),
            Refusal::Version,
        ),
        pki.defect(
            "version of two octets that begins like version 2",
            clause,
            version(der::integer(&[1, 0])),
            Refusal::Version,
        ),
        pki.defect(
            "version without octets",
            "X.690 §8.3.1",
            version(der::integer(&[])),
            Refusal::Version,
        ),
        pki.defect(
            "version under [0] as in a certificate",
            clause,
            version(der::explicit(0, &der::integer(&[1]))),
            tag(0x30, 0xa0),
        ),
        pki.defect(
            "version twice",
            clause,
            pki.sound().bend(at::VERSION, |one| one.repeat(2)).der(),
            tag(0x30, 0x02),
        ),
    ]
}

fn of_fields(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.1.2";
    let tbs = |path: &[usize], change: fn(&[u8]) -> Vec<u8>| pki.sound().bend(path, change).der();
    let swapped = |first: &[usize], second: &[usize]| {
        let mut taken = Vec::new();
        let without = pki.sound().bend(second, |element| {
            taken = element.to_vec();
            vec![]
        });
        let moved = without.bend(first, |element| [&taken, element].concat());
        moved.der()
    };
    vec![
        pki.defect(
            "nothing in tbsCertList",
            clause,
            tbs(at::TBS_CERT_LIST, |_| der::sequence(&[])),
            DerError::Truncated,
        ),
        pki.defect(
            "no signature in tbsCertList",
            "RFC 5280 §5.1.2.2",
            tbs(at::SIGNATURE, |_| vec![]),
            tag(0x30, 0x17),
        ),
        pki.defect(
            "no issuer",
            "RFC 5280 §5.1.2.3",
            tbs(at::ISSUER, |_| vec![]),
            tag(0x30, 0x17),
        ),
        pki.defect(
            "two issuers",
            "RFC 5280 §5.1.2.3",
            tbs(at::ISSUER, |name| name.repeat(2)),
            tag(0x17, 0x30),
        ),
        pki.defect(
            "neither thisUpdate nor nextUpdate",
            "RFC 5280 §5.1.2.4",
            pki.sound()
                .bend(at::NEXT_UPDATE, |_| vec![])
                .bend(at::THIS_UPDATE, |_| vec![])
                .der(),
            tag(0x17, 0x30),
        ),
        pki.defect(
            "thisUpdate is missing, so that nextUpdate is in its place",
            "RFC 5280 §5.1.2.4",
            tbs(at::THIS_UPDATE, |_| vec![]),
            Refusal::NotYetIssued {
                this_update: NEXT_UPDATE,
            },
        ),
        pki.defect(
            "three times",
            clause,
            tbs(at::NEXT_UPDATE, |time| time.repeat(2)),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "the signature algorithm before version",
            clause,
            swapped(at::VERSION, at::SIGNATURE),
            tag(0x30, 0x02),
        ),
        pki.defect(
            "the issuer before the signature algorithm",
            clause,
            swapped(at::SIGNATURE, at::ISSUER),
            Refusal::ForeignIssuer,
        ),
        pki.defect(
            "thisUpdate before the issuer",
            clause,
            swapped(at::ISSUER, at::THIS_UPDATE),
            tag(0x30, 0x17),
        ),
        pki.defect(
            "nextUpdate before thisUpdate, by its place",
            clause,
            swapped(at::THIS_UPDATE, at::NEXT_UPDATE),
            Refusal::NotYetIssued {
                this_update: NEXT_UPDATE,
            },
        ),
        pki.defect(
            "revokedCertificates before nextUpdate",
            clause,
            swapped(at::NEXT_UPDATE, at::REVOKED_CERTIFICATES),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "crlExtensions before revokedCertificates",
            clause,
            swapped(at::REVOKED_CERTIFICATES, at::CRL_EXTENSIONS),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "an empty list of revoked certificates",
            "RFC 5280 §5.1.2.6",
            pki.ca.crl().empty_revoked_certificates().der(),
            DerError::Value,
        ),
        pki.defect(
            "a NULL instead of revoked certificates",
            "RFC 5280 §5.1.2.6",
            pki.ca.crl().revoked_certificates_der(&der::null()).der(),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "a serial number outside of an entry",
            "RFC 5280 §5.1.2.6",
            pki.sound().entry_der(&der::integer(SERIAL)).der(),
            tag(0x30, 0x02),
        ),
        pki.defect(
            "two lists of revoked certificates",
            "RFC 5280 §5.1.2.6",
            tbs(at::REVOKED_CERTIFICATES, |list| list.repeat(2)),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "crlExtensions twice",
            "RFC 5280 §5.1.2.7",
            tbs(at::CRL_EXTENSIONS, |extensions| extensions.repeat(2)),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "crlExtensions without an extension",
            "RFC 5280 §4.1",
            tbs(at::EXTENSIONS, |_| der::sequence(&[])),
            DerError::Truncated,
        ),
        pki.defect(
            "crlExtensions of two lists",
            "RFC 5280 §5.1.2.7",
            tbs(at::EXTENSIONS, |list| list.repeat(2)),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "crlExtensions with nothing in its [0]",
            "RFC 5280 §5.1.2.7",
            tbs(at::CRL_EXTENSIONS, |_| der::explicit(0, &[])),
            DerError::Truncated,
        ),
        pki.defect(
            "crlExtensions with an implicit tag",
            "RFC 5280 §5.1.2.7",
            tbs(at::EXTENSIONS, |list| content(list).to_vec()),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "crlExtensions without its [0]",
            "RFC 5280 §5.1.2.7",
            tbs(at::CRL_EXTENSIONS, |extensions| {
                content(extensions).to_vec()
            }),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "crlExtensions in primitive form",
            "X.690 §8.14.2",
            tbs(at::CRL_EXTENSIONS, |extensions| retagged(extensions, 0x80)),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "a time after crlExtensions",
            clause,
            tbs(at::CRL_EXTENSIONS, |extensions| {
                [extensions, &der::time(THIS_UPDATE.seconds())].concat()
            }),
            DerError::TrailingOctets,
        ),
    ]
}

/// The whole encoding of one element of several.
fn nth(elements: &[u8], number: usize) -> &[u8] {
    let mut elements = revocation::der::Reader::new(elements);
    for _ in 0..number {
        elements.element().unwrap();
    }
    elements.element().unwrap().raw
}
