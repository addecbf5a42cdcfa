//! The entries (RFC 5280 §5.1.2.6) and their extensions (§5.3).

use crl_fetcher::refusal::Refusal;
use revocation::SerialNumberError;
use revocation::der::DerError;
use testkit::pki::{CrlBuilder, der, oid};

use super::{Defect, NOW, Pki, SERIAL, duplicate, malformed, tag, unknown_critical};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let mut defects = of_entry(pki);
    defects.extend(of_serial_number(pki));
    defects.extend(of_reason(pki));
    defects.extend(of_extensions(pki));
    defects
}

fn of_entry(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.1.2.6";
    let entry = |fields: &[&[u8]]| pki.ca.crl().entry_der(&der::sequence(fields)).der();
    let serial = der::integer(SERIAL);
    let date = der::time(NOW.seconds());
    let extensions = der::sequence(&[&extension(oid::REASON_CODE, false, &der::enumerated(1))]);
    let many = (1000..1999_u16).map(|number| (number.to_be_bytes(), NOW.seconds(), None));
    let without_date = der::sequence(&[&serial]);
    let defects: Vec<(_, _, Vec<u8>, DerError)> = vec![
        (
            "an entry of nothing",
            clause,
            entry(&[]),
            DerError::Truncated,
        ),
        (
            "an entry without a date",
            clause,
            entry(&[&serial]),
            DerError::Truncated,
        ),
        (
            "an entry without a serial number",
            clause,
            entry(&[&date]),
            tag(0x02, 0x17),
        ),
        (
            "an entry whose date comes before its serial number",
            clause,
            entry(&[&date, &serial]),
            tag(0x02, 0x17),
        ),
        (
            "an entry whose extensions come before its date",
            clause,
            entry(&[&serial, &extensions, &date]),
            tag(0x17, 0x30),
        ),
        (
            "an entry with two serial numbers",
            clause,
            entry(&[&serial, &serial, &date]),
            tag(0x17, 0x02),
        ),
        (
            "an entry with two dates",
            clause,
            entry(&[&serial, &date, &date]),
            tag(0x30, 0x17),
        ),
        (
            "an entry of four fields",
            clause,
            entry(&[&serial, &date, &extensions, &extensions]),
            DerError::TrailingOctets,
        ),
        (
            "an entry whose extensions are no SEQUENCE",
            clause,
            entry(&[&serial, &date, &der::null()]),
            tag(0x30, 0x05),
        ),
        (
            "an entry whose extensions are under [0] as those of the CRL",
            clause,
            entry(&[&serial, &date, &der::explicit(0, &extensions)]),
            tag(0x30, 0xa0),
        ),
        (
            "an entry with an empty list of extensions",
            "RFC 5280 §5.3",
            entry(&[&serial, &date, &der::sequence(&[])]),
            DerError::Truncated,
        ),
        (
            "an entry in another entry",
            clause,
            entry(&[&der::sequence(&[&serial, &date])]),
            tag(0x02, 0x30),
        ),
        (
            "an entry whose serial number is an OCTET STRING",
            clause,
            entry(&[&der::octet_string(SERIAL), &date]),
            tag(0x02, 0x04),
        ),
        (
            "a last entry of a thousand that has no date",
            clause,
            pki.ca.crl().entries(many).entry_der(&without_date).der(),
            DerError::Truncated,
        ),
        (
            "an octet behind the last entry",
            clause,
            pki.sound().entry_der(&[0x30]).der(),
            DerError::Truncated,
        ),
    ];
    defects
        .into_iter()
        .map(|(name, clause, crl, error)| pki.defect(name, clause, crl, error))
        .collect()
}

fn of_serial_number(pki: &Pki) -> Vec<Defect> {
    let (minimal, number) = ("X.690 §8.3.2", "RFC 5280 §4.1.2.2");
    let too_long = SerialNumberError::TooLong { octets: 21 };
    let defects: [(_, _, &[u8], SerialNumberError); 9] = [
        (
            "a serial number without octets",
            "X.690 §8.3.1",
            &[],
            SerialNumberError::Empty,
        ),
        (
            "a serial number with a leading zero",
            minimal,
            &[0, 1],
            SerialNumberError::NotMinimal,
        ),
        (
            "a serial number of two zero octets",
            minimal,
            &[0, 0],
            SerialNumberError::NotMinimal,
        ),
        (
            "a serial number with two sign octets",
            minimal,
            &[0, 0, 0x80],
            SerialNumberError::NotMinimal,
        ),
        (
            "a negative serial number with a leading ff",
            minimal,
            &[0xff, 0x80],
            SerialNumberError::NotMinimal,
        ),
        (
            "a serial number of -1 in two octets",
            minimal,
            &[0xff, 0xff],
            SerialNumberError::NotMinimal,
        ),
        ("a serial number of 21 octets", number, &[1; 21], too_long),
        (
            "a serial number of 21 octets and a sign octet",
            number,
            &[
                0, 0x80, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
            ],
            too_long,
        ),
        (
            "a negative serial number of 21 octets",
            number,
            &[0x80; 21],
            too_long,
        ),
    ];
    let of_value = defects.into_iter().map(|(name, clause, content, error)| {
        // Sound entries before and after do not help.
        let crl = pki.sound().revoke_content(content).revoke(&[0x55]);
        pki.defect(name, clause, crl.der(), Refusal::SerialNumber(error))
    });
    let twice = |crl: CrlBuilder| crl.revoke(SERIAL).der();
    let of_number = [
        ("a serial number that is listed twice", twice(pki.sound())),
        (
            "a serial number that is listed twice, not one after the other",
            twice(pki.sound().revoke(&[0x55])),
        ),
        (
            "a serial number that is listed for two reasons",
            twice(pki.ca.crl().revoke_with(SERIAL, NOW.seconds(), Some(1))),
        ),
    ];
    let of_number = of_number.into_iter().map(|(name, crl)| {
        let serial = crate::serial(SERIAL);
        let refusal = Refusal::DuplicateSerialNumber { serial };
        pki.defect(name, "RFC 5280 §5.1.2.6", crl, refusal)
    });
    of_value.chain(of_number).collect()
}

fn of_reason(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.3.1";
    let reason = |value: &[u8]| {
        let crl = pki.ca.crl();
        crl.entry_extension(SERIAL, oid::REASON_CODE, false, value)
            .der()
    };
    let malformed = malformed("cRLReason");
    let defects: Vec<(_, _, Vec<u8>, Refusal)> = vec![
        (
            "an entry to be removed",
            clause,
            reason(&der::enumerated(8)),
            Refusal::RemoveFromCrl,
        ),
        (
            "an entry for reason 7, which is not used",
            clause,
            reason(&der::enumerated(7)),
            malformed(DerError::Value),
        ),
        (
            "an entry for reason 11",
            clause,
            reason(&der::enumerated(11)),
            malformed(DerError::Value),
        ),
        (
            "an entry for reason 127",
            clause,
            reason(&der::enumerated(127)),
            malformed(DerError::Value),
        ),
        (
            "an entry for reason -1",
            clause,
            reason(&der::enumerated(0xff)),
            malformed(DerError::Value),
        ),
        (
            "an entry for reason 255",
            clause,
            reason(&der::tlv(0x0a, &[0, 0xff])),
            malformed(DerError::Value),
        ),
        (
            "an entry for a reason with a leading zero",
            "X.690 §8.3.2",
            reason(&der::tlv(0x0a, &[0, 1])),
            malformed(DerError::Value),
        ),
        (
            "an entry for a reason of two octets that ends like keyCompromise",
            clause,
            reason(&der::tlv(0x0a, &[1, 1])),
            malformed(DerError::Value),
        ),
        (
            "an entry for a reason without octets",
            "X.690 §8.4",
            reason(&der::tlv(0x0a, &[])),
            malformed(DerError::Value),
        ),
        (
            "an entry for a reason that is no ENUMERATED",
            clause,
            reason(&der::integer(&[1])),
            malformed(tag(0x0a, 0x02)),
        ),
        (
            "an entry for a reason that is a BIT STRING as in a distribution point",
            clause,
            reason(&der::tlv(0x03, &der::named_bits(&[1]))),
            malformed(tag(0x0a, 0x03)),
        ),
        (
            "an entry for a reason that octets follow",
            clause,
            reason(&[der::enumerated(1), vec![0]].concat()),
            malformed(DerError::TrailingOctets),
        ),
        (
            "an entry for two reasons in one extension",
            clause,
            reason(&der::enumerated(1).repeat(2)),
            malformed(DerError::TrailingOctets),
        ),
        (
            "an entry for a reason extension without a value",
            clause,
            reason(&[]),
            malformed(DerError::Truncated),
        ),
    ];
    defects
        .into_iter()
        .map(|(name, clause, crl, refusal)| pki.defect(name, clause, crl, refusal))
        .collect()
}

fn of_extensions(pki: &Pki) -> Vec<Defect> {
    let crl = |extensions: &[Vec<u8>]| with_extensions(pki.ca.crl(), extensions).der();
    let reason = || extension(oid::REASON_CODE, false, &der::enumerated(1));
    let invalidity = || {
        let date = der::generalized_time(NOW.seconds());
        extension(oid::INVALIDITY_DATE, false, &date)
    };
    let unknown = |critical| extension(oid::UNKNOWN, critical, &der::null());
    let names = der::sequence(&[&der::explicit(4, pki.foreign.name_der())]);
    let issuer = |critical| extension(oid::CERTIFICATE_ISSUER, critical, &names);
    let own_name = der::sequence(&[&der::explicit(4, pki.ca.name_der())]);
    let critical = |oid: &str| crl(&[extension(oid, true, &der::null())]);
    let bent = |fields: &[&[u8]]| crl(&[der::sequence(fields)]);
    let (oid_of_reason, value) = (
        der::oid(oid::REASON_CODE),
        der::octet_string(&der::enumerated(1)),
    );
    let many: Vec<_> = (0..33)
        .map(|arc| extension(&format!("{}.{arc}", oid::UNKNOWN), false, &der::null()))
        .collect();
    let (of_entry, form) = ("RFC 5280 §5.3", "RFC 5280 §4.1");
    let defects: Vec<(_, _, Vec<u8>, Refusal)> = vec![
        (
            "an entry of another issuer",
            "RFC 5280 §5.3.3",
            crl(&[issuer(true)]),
            Refusal::IndirectCrl,
        ),
        (
            "an entry of another issuer, which is not critical",
            "RFC 5280 §5.3.3",
            crl(&[issuer(false)]),
            Refusal::IndirectCrl,
        ),
        (
            "an entry of another issuer after a reason",
            "RFC 5280 §5.3.3",
            crl(&[reason(), issuer(true)]),
            Refusal::IndirectCrl,
        ),
        (
            "an entry that names the CRL's own issuer",
            "RFC 5280 §5.3.3",
            crl(&[extension(oid::CERTIFICATE_ISSUER, true, &own_name)]),
            Refusal::IndirectCrl,
        ),
        (
            "an entry with an unknown critical extension",
            of_entry,
            crl(&[unknown(true)]),
            unknown_critical(oid::UNKNOWN),
        ),
        (
            "an entry with an unknown critical extension after a reason",
            of_entry,
            crl(&[reason(), unknown(true)]),
            unknown_critical(oid::UNKNOWN),
        ),
        (
            "an entry with an unknown critical extension before a reason",
            of_entry,
            crl(&[unknown(true), reason()]),
            unknown_critical(oid::UNKNOWN),
        ),
        (
            "a critical hold instruction",
            of_entry,
            critical(HOLD_INSTRUCTION_CODE),
            unknown_critical(HOLD_INSTRUCTION_CODE),
        ),
        (
            "a critical CRL number in an entry",
            of_entry,
            critical(oid::CRL_NUMBER),
            unknown_critical(oid::CRL_NUMBER),
        ),
        (
            "a critical issuing distribution point in an entry",
            of_entry,
            critical(oid::ISSUING_DISTRIBUTION_POINT),
            unknown_critical(oid::ISSUING_DISTRIBUTION_POINT),
        ),
        (
            "a critical delta CRL indicator in an entry",
            of_entry,
            critical(oid::DELTA_CRL_INDICATOR),
            unknown_critical(oid::DELTA_CRL_INDICATOR),
        ),
        (
            "an entry with two reasons",
            "RFC 5280 §4.2",
            crl(&[reason(), reason()]),
            duplicate(oid::REASON_CODE),
        ),
        (
            "an entry with two invalidity dates",
            "RFC 5280 §4.2",
            crl(&[invalidity(), invalidity()]),
            duplicate(oid::INVALIDITY_DATE),
        ),
        (
            "an entry with an unknown extension twice",
            "RFC 5280 §4.2",
            crl(&[unknown(false), reason(), unknown(false)]),
            duplicate(oid::UNKNOWN),
        ),
        (
            "an entry with 33 extensions",
            of_entry,
            crl(&many),
            Refusal::TooManyExtensions { limit: 32 },
        ),
        (
            "an entry's critical FALSE written out",
            "X.690 §11.5",
            bent(&[&oid_of_reason, &der::boolean(false), &value]),
            DerError::Boolean.into(),
        ),
        (
            "an entry's critical TRUE as 01",
            "X.690 §11.1",
            bent(&[&oid_of_reason, &der::tlv(0x01, &[1]), &value]),
            DerError::Boolean.into(),
        ),
        (
            "an entry's extension without extnID",
            form,
            bent(&[&value]),
            tag(0x06, 0x04).into(),
        ),
        (
            "an entry's extension without extnValue",
            form,
            bent(&[&oid_of_reason]),
            DerError::Truncated.into(),
        ),
        (
            "an entry's extension with two values",
            form,
            bent(&[&oid_of_reason, &value, &value]),
            DerError::TrailingOctets.into(),
        ),
        (
            "an entry's invalidity date as UTCTime",
            "RFC 5280 §5.3.2",
            crl(&[extension(
                oid::INVALIDITY_DATE,
                false,
                &der::time(NOW.seconds()),
            )]),
            malformed("invalidityDate")(tag(0x18, 0x17)),
        ),
        (
            "an entry's invalidity date with a fraction, critical",
            "RFC 5280 §5.3.2",
            crl(&[extension(
                oid::INVALIDITY_DATE,
                true,
                &der::tlv(0x18, b"20261101000000.5Z"),
            )]),
            malformed("invalidityDate")(DerError::Time),
        ),
        (
            "an entry's invalidity date that octets follow",
            "RFC 5280 §5.3.2",
            crl(&[extension(
                oid::INVALIDITY_DATE,
                false,
                &[der::generalized_time(NOW.seconds()), der::null()].concat(),
            )]),
            malformed("invalidityDate")(DerError::TrailingOctets),
        ),
        (
            "an entry's reason without an OCTET STRING around it",
            form,
            bent(&[&oid_of_reason, &der::enumerated(1)]),
            tag(0x04, 0x0a).into(),
        ),
    ];
    defects
        .into_iter()
        .map(|(name, clause, crl, refusal)| pki.defect(name, clause, crl, refusal))
        .collect()
}

/// With an entry of these extensions.
pub(super) fn with_extensions(crl: CrlBuilder, extensions: &[Vec<u8>]) -> CrlBuilder {
    crl.entry_der(&der::sequence(&[
        &der::integer(SERIAL),
        &der::time(NOW.seconds()),
        &der::sequence(&[&extensions.concat()]),
    ]))
}

pub(super) fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = match critical {
        true => der::boolean(true),
        false => vec![],
    };
    der::sequence(&[&der::oid(oid), &critical, &der::octet_string(value)])
}

pub(super) const HOLD_INSTRUCTION_CODE: &str = "2.5.29.23";
