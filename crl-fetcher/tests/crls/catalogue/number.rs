//! The CRL number (RFC 5280 §5.2.3).

use crl_fetcher::refusal::Refusal;
use revocation::CrlNumberError;
use revocation::der::DerError;
use testkit::pki::{der, oid};

use super::{Defect, Pki, at, malformed, retagged, tag};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.2.3";
    let value = |value: &[u8]| pki.sound().number_der(value).der();
    let invalid = |name, clause, content: &[u8], error| {
        let refusal = Refusal::CrlNumberInvalid(error);
        pki.defect(name, clause, value(&der::integer(content)), refusal)
    };
    let malformed = malformed("cRLNumber");
    vec![
        pki.defect(
            "no CRL number",
            clause,
            pki.sound().no_number().der(),
            Refusal::CrlNumberMissing,
        ),
        pki.defect(
            "no extensions",
            clause,
            pki.sound().no_extensions().der(),
            Refusal::CrlNumberMissing,
        ),
        pki.defect(
            "a critical CRL number",
            clause,
            pki.sound()
                .no_number()
                .extension(oid::CRL_NUMBER, true, &der::unsigned(7))
                .der(),
            Refusal::CrlNumberCritical,
        ),
        invalid(
            "a CRL number without octets",
            "X.690 §8.3.1",
            &[],
            CrlNumberError::Empty,
        ),
        invalid(
            "a CRL number of -1",
            clause,
            &[0xff],
            CrlNumberError::Negative,
        ),
        invalid(
            "a CRL number whose sign octet is missing",
            clause,
            &[0x80, 0x00],
            CrlNumberError::Negative,
        ),
        invalid(
            "a CRL number with a leading zero",
            "X.690 §8.3.2",
            &[0, 1],
            CrlNumberError::NotMinimal,
        ),
        invalid(
            "a CRL number of two zero octets",
            "X.690 §8.3.2",
            &[0, 0],
            CrlNumberError::NotMinimal,
        ),
        invalid(
            "a CRL number of 21 octets",
            clause,
            &[1; 21],
            CrlNumberError::TooLong,
        ),
        invalid(
            "a CRL number of 21 octets and a sign octet",
            clause,
            &[&[0, 0x80][..], &[0; 20]].concat(),
            CrlNumberError::TooLong,
        ),
        pki.defect(
            "a CRL number that is no INTEGER",
            clause,
            value(&der::octet_string(&[1])),
            malformed(tag(0x02, 0x04)),
        ),
        pki.defect(
            "a CRL number that is an ENUMERATED",
            clause,
            value(&der::enumerated(1)),
            malformed(tag(0x02, 0x0a)),
        ),
        pki.defect(
            "a CRL number in a SEQUENCE",
            clause,
            value(&der::sequence(&[&der::unsigned(1)])),
            malformed(tag(0x02, 0x30)),
        ),
        pki.defect(
            "a CRL number extension without a value",
            clause,
            value(&[]),
            malformed(DerError::Truncated),
        ),
        pki.defect(
            "a CRL number that octets follow",
            clause,
            value(&[der::unsigned(1), vec![0]].concat()),
            malformed(DerError::TrailingOctets),
        ),
        pki.defect(
            "two CRL numbers in one extension",
            clause,
            value(&der::unsigned(1).repeat(2)),
            malformed(DerError::TrailingOctets),
        ),
        pki.defect(
            "a CRL number without an OCTET STRING around it",
            "RFC 5280 §4.1",
            pki.full()
                .bend(at::NUMBER_EXTN_VALUE, |_| der::unsigned(1))
                .der(),
            tag(0x04, 0x02),
        ),
        pki.defect(
            "a CRL number in a BIT STRING",
            "RFC 5280 §4.1",
            pki.full()
                .bend(at::NUMBER_EXTN_VALUE, |value| retagged(value, 0x03))
                .der(),
            tag(0x04, 0x03),
        ),
    ]
}
