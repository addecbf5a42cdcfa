//! Extensions of CRLs (RFC 5280 §5.2): their form, which must not occur twice, which must be known.

use crl_fetcher::refusal::Refusal;
use revocation::der::DerError;
use testkit::pki::{der, oid};

use super::{Defect, Pki, at, content, duplicate, tag, unknown_critical};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let mut defects = of_extension(pki);
    defects.extend(of_duplicates(pki));
    defects.extend(of_unknown(pki));
    defects.extend(of_delta_crl_indicator(pki));
    defects
}

fn of_extension(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §4.1";
    let critical = |encoded: Vec<u8>| pki.full().bend(at::IDP_CRITICAL, |_| encoded).der();
    let number = |change: fn(&[u8]) -> Vec<u8>| pki.full().bend(at::NUMBER_EXTENSION, change).der();
    let extn_id = |name: &'static str, content: &[u8]| {
        let value = der::octet_string(&der::unsigned(1));
        let extension = der::sequence(&[&der::tlv(0x06, content), &value]);
        let crl = pki.full().bend(at::NUMBER_EXTENSION, |number| {
            [number, &extension[..]].concat()
        });
        pki.defect(name, "X.690 §8.19.2", crl.der(), DerError::Value)
    };
    vec![
        pki.defect(
            "critical FALSE written out",
            "X.690 §11.5",
            critical(der::boolean(false)),
            DerError::Boolean,
        ),
        pki.defect(
            "critical TRUE as 01",
            "X.690 §11.1",
            critical(der::tlv(0x01, &[1])),
            DerError::Boolean,
        ),
        pki.defect(
            "critical of two octets",
            "X.690 §8.2.1",
            critical(der::tlv(0x01, &[0xff, 0xff])),
            DerError::Boolean,
        ),
        pki.defect(
            "critical without octets",
            "X.690 §8.2.1",
            critical(der::tlv(0x01, &[])),
            DerError::Boolean,
        ),
        pki.defect(
            "critical as an INTEGER",
            clause,
            critical(der::unsigned(1)),
            tag(0x04, 0x02),
        ),
        pki.defect(
            "critical twice",
            clause,
            critical(der::boolean(true).repeat(2)),
            tag(0x04, 0x01),
        ),
        pki.defect(
            "critical after extnValue",
            clause,
            number(|extension| super::extended(extension, &der::boolean(true))),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "critical before extnID",
            clause,
            number(|extension| der::sequence(&[&der::boolean(true), content(extension)])),
            tag(0x06, 0x01),
        ),
        pki.defect(
            "an extension without extnID",
            clause,
            pki.full().bend(at::IDP_EXTN_ID, |_| vec![]).der(),
            tag(0x06, 0x01),
        ),
        pki.defect(
            "an extension without extnValue",
            clause,
            pki.full().bend(at::IDP_EXTN_VALUE, |_| vec![]).der(),
            DerError::Truncated,
        ),
        pki.defect(
            "an extension with two values",
            clause,
            pki.full()
                .bend(at::IDP_EXTN_VALUE, |value| value.repeat(2))
                .der(),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "an extension of nothing",
            clause,
            number(|_| der::sequence(&[])),
            DerError::Truncated,
        ),
        pki.defect(
            "an extension that is its OBJECT IDENTIFIER alone",
            clause,
            number(|_| der::oid(oid::CRL_NUMBER)),
            tag(0x30, 0x06),
        ),
        pki.defect(
            "extnID as a relative object identifier",
            clause,
            pki.full()
                .bend(at::IDP_EXTN_ID, |id| super::retagged(id, 0x0d))
                .der(),
            tag(0x06, 0x0d),
        ),
        extn_id("extnID without octets", &[]),
        extn_id("extnID that is cut short", &[0x2a, 0x83]),
        // Else a delta CRL could pass for a complete one that has something unknown in it.
        extn_id(
            "the delta CRL indicator with a leading 80 in its last component",
            &[0x55, 0x1d, 0x80, 27],
        ),
        extn_id(
            "an unknown extnID with a leading 80 in its second component",
            &[0x2a, 0x80, 0x01],
        ),
        pki.defect(
            "33 extensions",
            "RFC 5280 §5.2",
            (0..31)
                .fold(pki.sound(), |crl, arc| {
                    crl.extension(&format!("{}.{arc}", oid::UNKNOWN), false, &der::null())
                })
                .der(),
            Refusal::TooManyExtensions { limit: 32 },
        ),
    ]
}

fn of_duplicates(pki: &Pki) -> Vec<Defect> {
    let twice = |oid, critical, value: &[u8]| {
        let crl = pki.sound().extension(oid, critical, value);
        crl.extension(oid, critical, value).der()
    };
    let number = der::unsigned(1);
    let idp = der::sequence(&[&der::implicit(1, &[0xff])]);
    let authority = der::sequence(&[&der::implicit(0, pki.ca.key_id())]);
    let crls = [
        (
            "two CRL numbers",
            oid::CRL_NUMBER,
            pki.sound().extension(oid::CRL_NUMBER, false, &number).der(),
        ),
        (
            "two authority key identifiers",
            oid::AUTHORITY_KEY_IDENTIFIER,
            pki.sound()
                .extension(oid::AUTHORITY_KEY_IDENTIFIER, false, &authority)
                .der(),
        ),
        (
            "two issuing distribution points",
            oid::ISSUING_DISTRIBUTION_POINT,
            twice(oid::ISSUING_DISTRIBUTION_POINT, true, &idp),
        ),
        (
            "two delta CRL indicators",
            oid::DELTA_CRL_INDICATOR,
            twice(oid::DELTA_CRL_INDICATOR, true, &number),
        ),
        (
            "an unknown extension twice",
            oid::UNKNOWN,
            twice(oid::UNKNOWN, false, &der::null()),
        ),
        (
            "an unknown critical extension twice",
            oid::UNKNOWN,
            twice(oid::UNKNOWN, true, &der::null()),
        ),
        (
            "an unknown extension twice, once critical",
            oid::UNKNOWN,
            pki.sound()
                .extension(oid::UNKNOWN, false, &der::null())
                .extension(oid::UNKNOWN, true, &der::null())
                .der(),
        ),
        (
            "an unknown extension twice with others between",
            oid::UNKNOWN,
            pki.ca
                .crl()
                .no_extensions()
                .extension(oid::UNKNOWN, false, &der::null())
                .extension(oid::AUTHORITY_KEY_IDENTIFIER, false, &authority)
                .extension(oid::CRL_NUMBER, false, &number)
                .extension(oid::UNKNOWN, false, &der::boolean(true))
                .der(),
        ),
    ];
    crls.into_iter()
        .map(|(name, oid, crl)| pki.defect(name, "RFC 5280 §4.2", crl, duplicate(oid)))
        .collect()
}

fn of_unknown(pki: &Pki) -> Vec<Defect> {
    let critical = |oid| pki.sound().extension(oid, true, &der::null());
    let other_unknown = format!("{}.1", oid::UNKNOWN);
    let bare = || pki.ca.crl().no_extensions();
    let crls = [
        (
            "an unknown critical extension",
            oid::UNKNOWN,
            critical(oid::UNKNOWN),
        ),
        (
            "an unknown critical extension before all others",
            oid::UNKNOWN,
            bare()
                .extension(oid::UNKNOWN, true, &der::null())
                .extension(oid::CRL_NUMBER, false, &der::unsigned(1)),
        ),
        (
            "an unknown critical extension after an issuing distribution point",
            oid::UNKNOWN,
            pki.full().extension(oid::UNKNOWN, true, &der::null()),
        ),
        (
            "an unknown critical extension among ones that are not",
            oid::UNKNOWN,
            pki.sound()
                .extension(&other_unknown, false, &der::null())
                .extension(oid::UNKNOWN, true, &der::null())
                .extension(oid::FRESHEST_CRL, false, &der::sequence(&[])),
        ),
        (
            "two unknown critical extensions",
            &other_unknown,
            critical(&other_unknown).extension(oid::UNKNOWN, true, &der::null()),
        ),
        (
            "an unknown critical extension without a value",
            oid::UNKNOWN,
            pki.sound().extension(oid::UNKNOWN, true, &[]),
        ),
        (
            "a critical freshest CRL",
            oid::FRESHEST_CRL,
            critical(oid::FRESHEST_CRL),
        ),
        (
            "a critical issuer alternative name",
            ISSUER_ALT_NAME,
            critical(ISSUER_ALT_NAME),
        ),
        (
            "a critical authority information access",
            AUTHORITY_INFO_ACCESS,
            critical(AUTHORITY_INFO_ACCESS),
        ),
        (
            "a critical extension of certificates",
            oid::KEY_USAGE,
            critical(oid::KEY_USAGE),
        ),
        (
            "a critical certificate issuer among the CRL's own extensions",
            oid::CERTIFICATE_ISSUER,
            critical(oid::CERTIFICATE_ISSUER),
        ),
        (
            "a critical reason code among the CRL's own extensions",
            oid::REASON_CODE,
            critical(oid::REASON_CODE),
        ),
    ];
    crls.into_iter()
        .map(|(name, oid, crl)| pki.defect(name, "RFC 5280 §5.2", crl.der(), unknown_critical(oid)))
        .collect()
}

/// Whatever is in it, its presence says that the CRL is not complete for its scope.
fn of_delta_crl_indicator(pki: &Pki) -> Vec<Defect> {
    let indicator = |critical, value: &[u8]| {
        pki.sound()
            .extension(oid::DELTA_CRL_INDICATOR, critical, value)
    };
    let crls = [
        ("a delta CRL", pki.sound().delta(1)),
        (
            "a delta CRL whose indicator is not critical",
            indicator(false, &der::unsigned(1)),
        ),
        (
            "a delta CRL whose indicator has no value",
            indicator(true, &[]),
        ),
        (
            "a delta CRL whose indicator is no INTEGER",
            indicator(true, &der::null()),
        ),
        (
            "a delta CRL to a CRL that is newer than itself",
            pki.sound().number(5).delta(6),
        ),
        (
            "a delta CRL of a partition",
            pki.ca.crl().partition(&[super::URI]).delta(1),
        ),
        ("a delta CRL without entries", pki.ca.crl().delta(1)),
    ];
    crls.into_iter()
        .map(|(name, crl)| pki.defect(name, "RFC 5280 §5.2.4", crl.der(), Refusal::DeltaCrl))
        .collect()
}

const ISSUER_ALT_NAME: &str = "2.5.29.18";
const AUTHORITY_INFO_ACCESS: &str = "1.3.6.1.5.5.7.1.1";
