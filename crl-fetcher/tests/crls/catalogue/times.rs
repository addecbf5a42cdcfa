//! The times of a CRL and of its entries (RFC 5280 §5.1.2.4 to §5.1.2.6).

use crl_fetcher::refusal::Refusal;
use revocation::der::DerError;
use testkit::pki::{CrlBuilder, der};

use super::{Defect, NOW, Pki, SERIAL, THIS_UPDATE, tag};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let this_update = |crl: CrlBuilder, time: &[u8]| crl.this_update_der(time).der();
    let next_update = |crl: CrlBuilder, time: &[u8]| crl.next_update_der(time).der();
    let revocation_date = |crl: CrlBuilder, time: &[u8]| {
        let entry = der::sequence(&[&der::integer(SERIAL), time]);
        crl.entry_der(&entry).der()
    };
    let places: [(_, &CrlWithTime<'_>); 3] = [
        ("thisUpdate", &this_update),
        ("nextUpdate", &next_update),
        ("revocationDate", &revocation_date),
    ];
    let mut defects = of_order(pki);
    for (place, crl_with) in places {
        defects.extend(FORMS.iter().map(|(defect, clause, tag, text)| {
            pki.defect(
                format!("{place} {defect}"),
                clause,
                crl_with(pki.ca.crl(), &der::tlv(*tag, text.as_bytes())),
                DerError::Time,
            )
        }));
        let refusal = match place {
            // It is optional, so that anything else is not taken for one.
            "nextUpdate" => DerError::TrailingOctets,
            _ => tag(UTC_TIME, VISIBLE_STRING),
        };
        defects.push(pki.defect(
            format!("{place} that is a VisibleString"),
            "RFC 5280 §4.1",
            crl_with(pki.ca.crl(), &der::tlv(VISIBLE_STRING, b"261101000000Z")),
            refusal,
        ));
    }
    defects
}

fn of_order(pki: &Pki) -> Vec<Defect> {
    let this_update = NOW.seconds();
    vec![
        pki.defect(
            "thisUpdate 5 minutes and a second from now",
            "RFC 5280 §5.1.2.4",
            pki.sound().this_update(this_update + 301).der(),
            Refusal::NotYetIssued {
                this_update: NOW.plus(301),
            },
        ),
        pki.defect(
            "a CRL read 5 minutes and a second before it was issued",
            "RFC 5280 §5.1.2.4",
            pki.sound().der(),
            Refusal::NotYetIssued {
                this_update: THIS_UPDATE,
            },
        )
        .at(THIS_UPDATE.plus(-301)),
        pki.defect(
            "no nextUpdate",
            "RFC 5280 §5.1.2.5",
            pki.sound().no_next_update().der(),
            Refusal::NextUpdateMissing,
        ),
        pki.defect(
            "nextUpdate a second before thisUpdate",
            "RFC 5280 §5.1.2.5",
            pki.sound()
                .this_update(this_update)
                .next_update(this_update - 1)
                .der(),
            Refusal::NextUpdateBeforeThisUpdate,
        ),
        // As UTCTime, 50 is 1950.
        pki.defect(
            "nextUpdate in 2050 as UTCTime",
            "RFC 5280 §5.1.2.5",
            pki.sound()
                .next_update_der(&der::tlv(UTC_TIME, b"500101000000Z"))
                .der(),
            Refusal::NextUpdateBeforeThisUpdate,
        ),
    ]
}

/// A CRL with this whole encoded value as one of its times.
type CrlWithTime<'a> = dyn Fn(CrlBuilder, &[u8]) -> Vec<u8> + 'a;

/// What is wrong, the clause it offends, and the time.
const FORMS: [(&str, &str, u8, &str); 30] = [
    ("without octets", UTC, UTC_TIME, ""),
    ("without seconds", UTC, UTC_TIME, "2611010000Z"),
    ("without Z", UTC, UTC_TIME, "261101000000"),
    ("with a lower-case z", UTC, UTC_TIME, "261101000000z"),
    ("with an offset of zero", UTC, UTC_TIME, "261101000000+0000"),
    ("with an offset", UTC, UTC_TIME, "261101010000+0100"),
    ("with a fraction", UTC, UTC_TIME, "261101000000.0Z"),
    ("with a letter for a digit", UTC, UTC_TIME, "2611O1000000Z"),
    ("with a space for a digit", UTC, UTC_TIME, "261101 00000Z"),
    ("with a sign for a digit", UTC, UTC_TIME, "26110100+000Z"),
    ("that begins with a space", UTC, UTC_TIME, " 261101000000Z"),
    (
        "that ends with a zero octet",
        UTC,
        UTC_TIME,
        "261101000000Z\0",
    ),
    (
        "with four digits of the year",
        UTC,
        UTC_TIME,
        "20261101000000Z",
    ),
    ("in month 0", MOMENT, UTC_TIME, "260001000000Z"),
    ("in month 13", MOMENT, UTC_TIME, "261301000000Z"),
    ("on day 0", MOMENT, UTC_TIME, "261100000000Z"),
    ("on 31 November", MOMENT, UTC_TIME, "261131000000Z"),
    ("on 30 February", MOMENT, UTC_TIME, "270230000000Z"),
    (
        "on 29 February of no leap year",
        MOMENT,
        UTC_TIME,
        "270229000000Z",
    ),
    ("at 24:00:00", MIDNIGHT, UTC_TIME, "261101240000Z"),
    ("in minute 60", MOMENT, UTC_TIME, "261101006000Z"),
    ("in second 60", MOMENT, UTC_TIME, "261101000060Z"),
    (
        "before 2050 as GeneralizedTime",
        "RFC 5280 §5.1.2.4",
        GENERALIZED_TIME,
        "20261101000000Z",
    ),
    (
        "from 2050 on, with a fraction",
        GENERALIZED,
        GENERALIZED_TIME,
        "20500101000000.5Z",
    ),
    (
        "from 2050 on, with an offset",
        GENERALIZED,
        GENERALIZED_TIME,
        "20500101000000+0000",
    ),
    (
        "from 2050 on, in local time",
        GENERALIZED,
        GENERALIZED_TIME,
        "20500101000000",
    ),
    (
        "from 2050 on, without seconds",
        GENERALIZED,
        GENERALIZED_TIME,
        "205001010000Z",
    ),
    (
        "from 2050 on, with a lower-case z",
        GENERALIZED,
        GENERALIZED_TIME,
        "20500101000000z",
    ),
    (
        "as GeneralizedTime of a short year",
        GENERALIZED,
        GENERALIZED_TIME,
        "500101000000Z",
    ),
    (
        "on 29 February 2100",
        MOMENT,
        GENERALIZED_TIME,
        "21000229000000Z",
    ),
];

const UTC: &str = "RFC 5280 §4.1.2.5.1";
const GENERALIZED: &str = "RFC 5280 §4.1.2.5.2";
const MIDNIGHT: &str = "X.690 §11.8";
const MOMENT: &str = "RFC 5280 §4.1.2.5";
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VISIBLE_STRING: u8 = 0x1a;
