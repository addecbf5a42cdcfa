//! Sound variations: what RFC 5280 allows, or asks users of CRLs to put up with, however unusual.

use revocation::{Covers, Scope, UnixTime};
use testkit::pki::{
    Ca, CaOptions, DistributionPointName, GeneralName, IssuingDistributionPoint, KeyIdentifier,
    der, oid,
};

use super::entries::{HOLD_INSTRUCTION_CODE, extension, with_extensions};
use super::issuer::{certificate_issuer, with_authority};
use super::signature::{algorithm, both, pss};
use super::{NOW, Pki, SERIAL, Said, THIS_UPDATE, URI, Variation, number};
use crate::serial;

pub(super) fn variations(pki: &Pki) -> Vec<Variation> {
    let mut variations = of_issuer(pki);
    variations.extend(of_times(pki));
    variations.extend(of_number(pki));
    variations.extend(of_extensions(pki));
    variations.extend(of_distribution_point(pki));
    variations.extend(of_entries(pki));
    variations.extend(of_serial_numbers(pki));
    variations.extend(of_form(pki));
    variations
}

fn of_issuer(pki: &Pki) -> Vec<Variation> {
    let clause = "RFC 5280 §4.2.1.1";
    let key_id = der::implicit(0, pki.ca.key_id());
    let issuer = certificate_issuer(pki.ca.name_der());
    let serial = der::implicit(2, &pki.ca.serial());
    let uri = der::implicit(6, b"http://ca.example.com");
    let uri_and_issuer = der::explicit(1, &[uri, der::explicit(4, pki.ca.name_der())].concat());
    let aki = |fields: &[&[u8]]| with_authority(pki.sound(), &der::sequence(fields)).der();

    let subordinate = pki.foreign.subordinate("Subordinate CA");
    let of_subordinate = der::sequence(&[
        &certificate_issuer(pki.foreign.name_der()),
        &der::implicit(2, &subordinate.serial()),
    ]);
    let without_key_id = Ca::self_signed(
        "Issuing CA",
        CaOptions {
            subject_key_identifier: KeyIdentifier::Absent,
            ..CaOptions::default()
        },
    );
    let until_now = Ca::self_signed(
        "Issuing CA",
        CaOptions {
            not_before: THIS_UPDATE.seconds(),
            not_after: NOW.seconds(),
            ..CaOptions::default()
        },
    );
    let said_by = |ca: &Ca| Said {
        issuer: crate::issuer(ca),
        serials: vec![],
        ..pki.said()
    };
    vec![
        pki.case(
            "as AWS Private CA writes it",
            "RFC 5280 §5.1",
            pki.sound().der(),
            pki.said(),
        ),
        pki.case(
            "no authority key identifier",
            "RFC 5280 §6.3.3",
            pki.sound().no_aki().der(),
            pki.said(),
        ),
        pki.case(
            "an authority key identifier of issuer and serial number",
            clause,
            aki(&[&issuer, &serial]),
            pki.said(),
        ),
        pki.case(
            "an authority key identifier of key, issuer and serial number",
            clause,
            aki(&[&key_id, &issuer, &serial]),
            pki.said(),
        ),
        pki.case(
            "an authority whose issuer has a URI too",
            clause,
            aki(&[&uri_and_issuer, &serial]),
            pki.said(),
        ),
        pki.case(
            "a subordinate CA, named by its issuer and its serial number",
            clause,
            with_authority(subordinate.crl(), &of_subordinate).der(),
            said_by(&subordinate),
        )
        .trusting(&[&subordinate]),
        pki.case(
            "a key identifier of the CA's own making, which its certificate does not have",
            "RFC 5280 §4.2.1.2",
            without_key_id.crl().aki_key_id(&[1, 2, 3]).der(),
            said_by(&without_key_id),
        )
        .trusting(&[&without_key_id]),
        pki.case(
            "a CA whose certificate expires now",
            "RFC 5280 §4.1.2.5",
            until_now.crl().der(),
            said_by(&until_now),
        )
        .trusting(&[&until_now]),
        pki.case(
            "PSS whose digests have no parameters",
            "RFC 4055 §2.1",
            both(pki.rsa.crl().pss(), &pss_without_nulls()).der(),
            said_by(&pki.rsa),
        ),
    ]
}

fn of_times(pki: &Pki) -> Vec<Variation> {
    // 2049-12-31T23:59:59Z and a second later, when UTCTime ends.
    let last_utc_time = UnixTime::from_seconds(2_524_607_999);
    let first_generalized_time = last_utc_time.plus(1);
    let last_moment = UnixTime::from_seconds(253_402_300_799);
    let leap_day = UnixTime::from_seconds(1_835_438_400);
    let until = |next_update: UnixTime| {
        let crl = pki.sound().next_update(next_update.seconds());
        let said = Said {
            next_update,
            ..pki.said()
        };
        (crl.der(), said)
    };
    // The number follows thisUpdate unless given.
    let from = |this_update: UnixTime, next_update: UnixTime| {
        let crl = pki.sound().number(7).this_update(this_update.seconds());
        let said = Said {
            number: number(7),
            this_update,
            next_update,
            ..pki.said()
        };
        (crl.next_update(next_update.seconds()).der(), said)
    };
    let revoked = |date: i64| {
        let crl = pki.ca.crl().revoke_with(SERIAL, date, None);
        (crl.der(), pki.said())
    };
    let (next, this) = ("RFC 5280 §5.1.2.5", "RFC 5280 §5.1.2.4");
    let date = "RFC 5280 §5.1.2.6";
    let year_1950 = UnixTime::from_seconds(-631_152_000);
    let variations = [
        (
            "nextUpdate in the last second of 2049",
            next,
            until(last_utc_time),
        ),
        (
            "nextUpdate in the first second of 2050",
            next,
            until(first_generalized_time),
        ),
        (
            "nextUpdate in the year 9999",
            "RFC 5280 §4.1.2.5",
            until(last_moment),
        ),
        ("nextUpdate on 29 February 2028", next, until(leap_day)),
        (
            "expired",
            "RFC 5280 §6.3.3",
            from(NOW.plus(-86_400), NOW.plus(-1)),
        ),
        ("expires now", next, from(NOW.plus(-86_400), NOW)),
        ("thisUpdate now", this, from(NOW, NOW.plus(60))),
        (
            "thisUpdate 5 minutes from now",
            this,
            from(NOW.plus(300), NOW.plus(600)),
        ),
        ("nextUpdate the same as thisUpdate", next, from(NOW, NOW)),
        ("thisUpdate in 1950", this, from(year_1950, NOW)),
        ("revoked in 1950", date, revoked(year_1950.seconds())),
        (
            "revoked in the last second of 2049",
            date,
            revoked(last_utc_time.seconds()),
        ),
        (
            "revoked in 2050",
            date,
            revoked(first_generalized_time.seconds()),
        ),
        ("revoked after thisUpdate", date, revoked(NOW.seconds())),
    ];
    variations
        .into_iter()
        .map(|(name, clause, (crl, said))| pki.case(name, clause, crl, said))
        .collect()
}

fn of_number(pki: &Pki) -> Vec<Variation> {
    let numbers = [
        ("0", vec![0]),
        ("127", vec![0x7f]),
        ("128", vec![0, 0x80]),
        ("2^64", vec![1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("20 octets", vec![0x7f; 20]),
        (
            "20 octets with the high bit set",
            [vec![0], vec![0xff; 20]].concat(),
        ),
    ];
    numbers
        .into_iter()
        .map(|(name, content)| {
            pki.case(
                format!("CRL number {name}"),
                "RFC 5280 §5.2.3",
                pki.sound().number_der(&der::integer(&content)).der(),
                Said {
                    number: revocation::CrlNumber::from_der_integer(&content).unwrap(),
                    ..pki.said()
                },
            )
        })
        .collect()
}

fn of_extensions(pki: &Pki) -> Vec<Variation> {
    let names = |names: &[&[u8]]| der::sequence(names);
    let uri = der::implicit(6, URI.as_bytes());
    let freshest = der::sequence(&[&der::sequence(&[&der::explicit(
        0,
        &der::explicit(0, &uri),
    )])]);
    let access = der::sequence(&[&der::sequence(&[&der::oid("1.3.6.1.5.5.7.48.2"), &uri])]);
    let with = |oid, value: &[u8]| pki.sound().extension(oid, false, value).der();
    let many = (0..30).fold(pki.sound(), |crl, arc| {
        crl.extension(&format!("{}.{arc}", oid::UNKNOWN), false, &der::null())
    });
    let authority = der::sequence(&[&der::implicit(0, pki.ca.key_id())]);
    let reversed = pki
        .sound()
        .no_extensions()
        .extension(oid::CRL_NUMBER, false, &der::unsigned(1_793_494_800_000))
        .extension(oid::AUTHORITY_KEY_IDENTIFIER, false, &authority);
    let variations = [
        (
            "an unknown extension that is not critical",
            "RFC 5280 §5.2",
            with(oid::UNKNOWN, &der::null()),
        ),
        (
            "an unknown extension of no octets that is not critical",
            "RFC 5280 §5.2",
            with(oid::UNKNOWN, &[]),
        ),
        (
            "where to find delta CRLs",
            "RFC 5280 §5.2.6",
            with(oid::FRESHEST_CRL, &freshest),
        ),
        (
            "other names of the issuer",
            "RFC 5280 §5.2.2",
            with("2.5.29.18", &names(&[&uri])),
        ),
        (
            "where to find the issuer's certificate",
            "RFC 5280 §5.2.7",
            with("1.3.6.1.5.5.7.1.1", &access),
        ),
        ("32 extensions", "RFC 5280 §5.2", many.der()),
        (
            "the CRL number before the authority key identifier",
            "RFC 5280 §4.2",
            reversed.der(),
        ),
    ];
    variations
        .into_iter()
        .map(|(name, clause, crl)| pki.case(name, clause, crl, pki.said()))
        .collect()
}

fn of_distribution_point(pki: &Pki) -> Vec<Variation> {
    let none = IssuingDistributionPoint::default;
    let full_name = |names| IssuingDistributionPoint {
        name: Some(DistributionPointName::FullName(names)),
        ..none()
    };
    let directory = |name: &[u8]| GeneralName::DirectoryName(name.to_vec());
    let (a, b) = (URI, "http://crl.example.com/b");
    let uri = |text: &str| der::implicit(6, text.as_bytes());

    // A relative name is the issuer's name and one more relative distinguished name.
    let attribute = der::attribute("2.5.4.3", &der::utf8_string("P1"));
    let below_issuer = super::extended(pki.ca.name_der(), &der::set(&[&attribute]));
    let relative = IssuingDistributionPoint {
        name: Some(DistributionPointName::RelativeToCrlIssuer("P1".to_owned())),
        ..none()
    };
    let at_partition = der::name("Partition 1");
    let user_only = |idp| IssuingDistributionPoint {
        only_contains_user_certs: true,
        ..idp
    };
    let ca_only = |idp| IssuingDistributionPoint {
        only_contains_ca_certs: true,
        ..idp
    };
    let (all, user, ca) = (
        Covers::AllCertificates,
        Covers::UserCertificates,
        Covers::CaCertificates,
    );
    let variations = [
        (
            "a partition at one URI",
            IssuingDistributionPoint::uris(&[a]),
            vec![uri(a)],
            all,
        ),
        (
            "a partition at several URIs, one of them twice",
            IssuingDistributionPoint::uris(&[b, a, b]),
            vec![uri(a), uri(b)],
            all,
        ),
        (
            "a partition at a directory name",
            full_name(vec![directory(&at_partition)]),
            vec![der::explicit(4, &at_partition)],
            all,
        ),
        (
            "a partition at a directory name and a URI",
            full_name(vec![
                directory(&at_partition),
                GeneralName::Uri(a.to_owned()),
            ]),
            vec![uri(a), der::explicit(4, &at_partition)],
            all,
        ),
        (
            "a partition at a name relative to the issuer",
            relative,
            vec![der::explicit(4, &below_issuer)],
            all,
        ),
        (
            "a partition at the same name in full",
            full_name(vec![directory(&below_issuer)]),
            vec![der::explicit(4, &below_issuer)],
            all,
        ),
        ("user certificates only", user_only(none()), vec![], user),
        ("CA certificates only", ca_only(none()), vec![], ca),
        (
            "a partition of user certificates only",
            user_only(IssuingDistributionPoint::uris(&[a])),
            vec![uri(a)],
            user,
        ),
        (
            "a partition of CA certificates only",
            ca_only(IssuingDistributionPoint::uris(&[a])),
            vec![uri(a)],
            ca,
        ),
    ];
    variations
        .into_iter()
        .map(|(name, idp, mut names, covers)| {
            names.sort();
            pki.case(
                name,
                "RFC 5280 §5.2.5",
                pki.sound().idp_der(true, &idp.to_der()).der(),
                Said {
                    scope: Scope { names, covers },
                    ..pki.said()
                },
            )
        })
        .collect()
}

fn of_entries(pki: &Pki) -> Vec<Variation> {
    let entry = |extensions: &[Vec<u8>]| with_extensions(pki.ca.crl(), extensions).der();
    let invalidity = der::generalized_time(THIS_UPDATE.seconds());
    let invalidity = || extension(oid::INVALIDITY_DATE, false, &invalidity);
    let reason = |reason| extension(oid::REASON_CODE, false, &der::enumerated(reason));
    let hold_instruction = der::oid("1.2.840.10040.2.2");
    let hold = [
        reason(6),
        extension(HOLD_INSTRUCTION_CODE, false, &hold_instruction),
    ];
    let unknown = |arc| extension(&format!("{}.{arc}", oid::UNKNOWN), false, &der::null());
    let many: Vec<_> = (0..32).map(unknown).collect();
    let of_entry = "RFC 5280 §5.3";
    let mut variations = vec![
        pki.case(
            "no revoked certificates",
            "RFC 5280 §5.1.2.6",
            pki.ca.crl().der(),
            Said {
                serials: vec![],
                ..pki.said()
            },
        ),
        pki.case(
            "an entry with an unknown extension that is not critical",
            of_entry,
            entry(&[unknown(1)]),
            pki.said(),
        ),
        pki.case(
            "an entry with 32 extensions",
            of_entry,
            entry(&many),
            pki.said(),
        ),
        pki.case(
            "an entry with a date of invalidity",
            "RFC 5280 §5.3.2",
            entry(&[invalidity()]),
            pki.said(),
        ),
        pki.case(
            "an entry with a reason and a date of invalidity",
            "RFC 5280 §5.3.2",
            entry(&[reason(1), invalidity()]),
            pki.said(),
        ),
        pki.case(
            "an entry with a hold instruction",
            of_entry,
            entry(&hold),
            pki.said(),
        ),
        pki.case(
            "a thousand entries, not in order",
            "RFC 5280 §5.1.2.6",
            pki.ca
                .crl()
                .entries((1..=1000_u16).rev().map(|number| {
                    let serial = der::minimal_content(&number.to_be_bytes());
                    (serial, NOW.seconds(), Some(4))
                }))
                .der(),
            Said {
                serials: (1..=1000_u16)
                    .map(|number| serial(&der::minimal_content(&number.to_be_bytes())))
                    .collect(),
                ..pki.said()
            },
        ),
    ];
    variations.extend([0, 1, 2, 3, 4, 5, 6, 9, 10].map(|code| {
        pki.case(
            format!("an entry for reason {code}"),
            "RFC 5280 §5.3.1",
            entry(&[reason(code)]),
            pki.said(),
        )
    }));
    variations
}

fn of_serial_numbers(pki: &Pki) -> Vec<Variation> {
    let high_bits = (1..=20)
        .map(|length| [vec![0], vec![0xff; length]].concat())
        .collect();
    let low_bits: Vec<_> = (1..=20).map(|length| vec![0x7f; length]).collect();
    let negative: Vec<_> = (1..=20).map(|length| vec![0x80; length]).collect();
    let clause = "RFC 5280 §4.1.2.2";
    let variations = [
        ("serial number 0", vec![vec![0]]),
        ("serial number -1", vec![vec![0xff]]),
        (
            "serial numbers 128 and -128",
            vec![vec![0, 0x80], vec![0x80]],
        ),
        ("serial numbers of 1 to 20 octets", low_bits),
        (
            "serial numbers of 1 to 20 octets with the high bit set",
            high_bits,
        ),
        ("negative serial numbers of 1 to 20 octets", negative),
    ];
    variations
        .into_iter()
        .map(|(name, contents)| {
            let crl = contents
                .iter()
                .fold(pki.ca.crl(), |crl, content| crl.revoke_content(content));
            let mut serials: Vec<_> = contents.iter().map(|content| serial(content)).collect();
            serials.sort();
            pki.case(
                name,
                clause,
                crl.der(),
                Said {
                    serials,
                    ..pki.said()
                },
            )
        })
        .collect()
}

fn of_form(pki: &Pki) -> Vec<Variation> {
    let pem = pki.sound().pem();
    let one_line = pem.replace('\n', "").replace("CRL-----", "CRL-----\n");
    let one_line = one_line.replace("-----END", "\n-----END");
    let pem_inside = pki
        .sound()
        .extension(oid::UNKNOWN, false, pki.foreign.crl().pem().as_bytes());
    let clause = "RFC 7468 §2";
    let objects = [
        ("in PEM", clause, pem.clone().into_bytes()),
        (
            "in PEM with CR LF",
            clause,
            pem.replace('\n', "\r\n").into_bytes(),
        ),
        (
            "in PEM with CR",
            clause,
            pem.replace('\n', "\r").into_bytes(),
        ),
        (
            "in PEM without a last line feed",
            clause,
            pem.trim_end().as_bytes().to_vec(),
        ),
        ("in PEM of one long line", clause, one_line.into_bytes()),
        (
            "in PEM with text before and after",
            "RFC 7468 §5.2",
            format!("The CRL of today:\n\n{pem}\nand no other.\n").into_bytes(),
        ),
        (
            "in PEM behind its CA's certificate",
            clause,
            format!("{}{pem}", pki.ca.certificate_pem()).into_bytes(),
        ),
        (
            "in DER with PEM in an extension",
            "RFC 5280 §5.2",
            pem_inside.der(),
        ),
    ];
    objects
        .into_iter()
        .map(|(name, clause, object)| pki.case(name, clause, object, pki.said()))
        .collect()
}

/// RFC 4055 §2.1: absent parameters of a digest mean the same as NULL.
fn pss_without_nulls() -> Vec<u8> {
    let sha256 = algorithm("2.16.840.1.101.3.4.2.1", &[]);
    let mgf1 = algorithm("1.2.840.113549.1.1.8", &sha256);
    let parameters = [
        der::explicit(0, &sha256),
        der::explicit(1, &mgf1),
        der::explicit(2, &der::unsigned(32)),
    ];
    pss(&parameters.concat())
}
