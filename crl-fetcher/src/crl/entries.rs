//! The serial numbers in revokedCertificates (RFC 5280 §5.1.2.6).
//!
//! A CRL may have millions of entries, nearly all of the same few shapes. [`regular_entry`] takes
//! those at sight; whatever it does not take is read step by step, and that way of reading is what
//! defines which entries there are.

use revocation::der::{Reader, tag};
use revocation::{Progress, SerialNumber, Serials};

use super::extensions;
use crate::refusal::Refusal;

/// The serial numbers in the content of revokedCertificates, ascending. Takes 16 octets for each of
/// up to 16 octets, and 22 for a longer one.
///
/// ```text
/// SEQUENCE OF SEQUENCE {
///     userCertificate     CertificateSerialNumber,
///     revocationDate      Time,
///     crlEntryExtensions  Extensions OPTIONAL }
/// ```
///
/// # Errors
/// The first entry that is not one that we take, or else the least serial number listed twice.
pub(super) fn read(revoked_certificates: &[u8]) -> Result<Serials, Refusal> {
    let mut serials = Serials::new();
    let mut rest = revoked_certificates;
    let mut time_check = TimeCheck::new();
    while !rest.is_empty() {
        let progress = Progress {
            read: revoked_certificates.len() - rest.len(),
            left: rest.len(),
        };
        let regular = rest
            .first_chunk()
            .and_then(|window| regular_entry(window, &mut time_check));
        if let Some(entry) = regular {
            serials.push_read_u128(entry.serial, progress);
            rest = rest.get(entry.octets..).unwrap_or_default();
        } else {
            let mut entries = Reader::new(rest);
            serials.push_read(read_entry(&mut entries)?, progress);
            rest = entries.rest();
        }
    }
    // §5.1.2.6: certificates "are uniquely identified by the certificate serial number". Two entries
    // for one of them cannot both be right, and which reason or date is meant nobody knows.
    match serials.sort() {
        Some(serial) => Err(Refusal::DuplicateSerialNumber { serial }),
        None => Ok(serials),
    }
}

#[inline(never)]
fn read_entry(entries: &mut Reader<'_>) -> Result<SerialNumber, Refusal> {
    let mut entry = entries.sequence()?;
    let serial = entry.expect(tag::INTEGER)?.content;
    let serial = SerialNumber::from_der_integer(serial).map_err(Refusal::SerialNumber)?;
    entry.element()?.time()?;
    if !entry.is_empty() {
        extensions::check_entry(entry.sequence()?)?;
        entry.finish()?;
    }
    Ok(serial)
}

/// An entry that [`read_entry`] would take, with the number it would make of it.
struct RegularEntry {
    serial: u128,
    /// Identifier and length octets included.
    octets: usize,
}

/// Takes an entry with a positive serial number of up to 16 octets, a `UTCTime`, and no extension or
/// only a reason code, if the octets begin with one. `None` says nothing about them.
///
/// ```text
/// 30 xx | 02 ss serial | 17 0d time | 30 0c 30 0a 06 03 55 1d 15 04 03 0a 01 reason
/// ```
#[inline]
fn regular_entry(window: &[u8; WINDOW], time_check: &mut TimeCheck) -> Option<RegularEntry> {
    let [tag::SEQUENCE, length, tag::INTEGER, serial_length, ..] = *window else {
        return None;
    };
    let (length, serial_length) = (usize::from(length), usize::from(serial_length));
    if !(2..=17).contains(&serial_length) {
        return None;
    }
    // A first octet of zero is there only where the next one would make the number negative. Nothing
    // predicts which of the two forms a random number has, so there is no branch for it.
    let padding = (serial_length >> 4) & serial_length & 1;
    let start = u16::from_be_bytes([window[4], window[5]]);
    let is_serial = (start >= 0x0080) & (start <= 0x7fff >> (7 * padding));
    let shift = 8 * (16 + padding - serial_length);
    let octets: &[u8; 16] = window[4 + padding..].first_chunk()?;
    let serial = u128::from_be_bytes(*octets) >> shift;

    let after_serial = &window[4 + serial_length..];
    let time: &[u8; 16] = after_serial.first_chunk()?;
    let is_reason = is_reason_code(after_serial[TIME_OCTETS..].first_chunk()?);
    let shortest = 2 + serial_length + TIME_OCTETS;
    let is_whole = (length == shortest) | ((length == shortest + REASON_OCTETS) & is_reason);

    (is_serial & is_whole && time_check.passes(time)).then_some(RegularEntry {
        serial,
        octets: 2 + length,
    })
}

/// Remembers which `UTCTime` was right last: revocations come in batches.
struct TimeCheck {
    /// 15 octets; none yet where it is more than they can be.
    passed: u128,
}

impl TimeCheck {
    const fn new() -> Self {
        Self { passed: u128::MAX }
    }

    /// Whether the first 15 octets are a `UTCTime` of a day that every year has.
    #[inline]
    fn passes(&mut self, octets: &[u8; 16]) -> bool {
        let time = u128::from_be_bytes(*octets) >> 8;
        if time != self.passed {
            if !is_utc_time(time) {
                return false;
            }
            self.passed = time;
        }
        true
    }
}

/// Whether 15 octets are a `UTCTime` of a day that every year has: `17 0d YYMMDDHHMMSSZ`.
#[inline(never)]
fn is_utc_time(time: u128) -> bool {
    // Each digit in an octet of its own; one that is greater than it may be carries into the top bit.
    let digits = ((time >> 8) & DIGITS) ^ ASCII_DIGITS;
    let excess = digits | (digits + (0x7f7f_7f7f_7f7f_7f7f_7f7f_7f7f - GREATEST_DIGITS));
    let [_, _, _, _, _, _, m0, m1, d0, d1, h0, h1, ..] = digits.to_be_bytes();
    let [month, day, hour] = [[m0, m1], [d0, d1], [h0, h1]]
        .map(|[tens, units]| tens.wrapping_mul(10).wrapping_add(units));
    let days = DAYS.get(usize::from(month)).copied().unwrap_or(0);
    time & !(DIGITS << 8) == 0x0017_0d00_0000_0000_0000_0000_0000_005a
        && excess & TOP_BITS == 0
        && day.wrapping_sub(1) < days
        && hour < 24
}

/// Whether octets are `Extensions` of nothing but a reason code, of a reason that an entry may have.
#[inline]
fn is_reason_code(octets: &[u8; REASON_OCTETS]) -> bool {
    let [start @ .., reason] = octets;
    let [first, last] = [start.first_chunk(), start.last_chunk()];
    // Two words that overlap and no branch: which entries have a reason nothing predicts either.
    let word = |octets: Option<&[u8; 8]>| octets.map_or(0, |octets| u64::from_be_bytes(*octets));
    let differing = (word(first) ^ REASON_CODE_FIRST) | (word(last) ^ REASON_CODE_LAST);
    (differing == 0) & (*reason < 16) & ((REASONS >> (reason & 15)) & 1 == 1)
}

/// The longest regular entry.
const WINDOW: usize = 4 + 17 + TIME_OCTETS + REASON_OCTETS;
/// Identifier and length octets included.
const TIME_OCTETS: usize = 15;
/// `Extensions` of nothing but a reason code: `30 0c 30 0a 06 03 55 1d 15 04 03 0a 01 reason`.
const REASON_OCTETS: usize = 14;
const REASON_CODE_FIRST: u64 = 0x300c_300a_0603_551d;
const REASON_CODE_LAST: u64 = 0x0355_1d15_0403_0a01;
/// The reasons that an entry of a complete CRL may have: bits 0 to 6, 9 and 10.
const REASONS: u16 = 0b110_0111_1111;
/// Twelve octets, and what they are compared with.
const DIGITS: u128 = (1 << 96) - 1;
const ASCII_DIGITS: u128 = 0x3030_3030_3030_3030_3030_3030;
const GREATEST_DIGITS: u128 = 0x0909_0109_0309_0209_0509_0509;
const TOP_BITS: u128 = 0x8080_8080_8080_8080_8080_8080;
/// How many days a month has in every year; there is no month 0.
const DAYS: [u8; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use revocation::der::{Element, write_element};
    use x509_parser::prelude::FromDer;
    use x509_parser::revocation_list::RevokedCertificate;

    /// As [`read`], with nothing taken at sight.
    fn read_plainly(revoked_certificates: &[u8]) -> Result<Vec<SerialNumber>, Refusal> {
        let mut serials = Vec::new();
        let mut entries = Reader::new(revoked_certificates);
        while !entries.is_empty() {
            serials.push(read_entry(&mut entries)?);
        }
        serials.sort_unstable();
        match serials.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Refusal::DuplicateSerialNumber { serial: pair[0] }),
            None => Ok(serials),
        }
    }

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut octets = Vec::new();
        write_element(&mut octets, tag, content);
        octets
    }

    fn entry(serial: &[u8], time: &[u8], extensions: &[u8]) -> Vec<u8> {
        let serial = element(tag::INTEGER, serial);
        element(tag::SEQUENCE, &[&serial, time, extensions].concat())
    }

    fn utc_time(text: &str) -> Vec<u8> {
        element(tag::UTC_TIME, text.as_bytes())
    }

    fn reason_code(reason: u8) -> Vec<u8> {
        let start = [
            0x30, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x1d, 0x15, 0x04, 0x03, 0x0a, 0x01,
        ];
        [&start[..], &[reason]].concat()
    }

    /// Mostly 16 octets with or without a zero before them; also what is no serial number.
    fn any_serial() -> impl Strategy<Value = Vec<u8>> {
        let usual = any::<[u8; 16]>().prop_map(|octets| match octets[0] {
            0x80.. => [&[0][..], &octets].concat(),
            _ => octets.to_vec(),
        });
        let near = (0_u8..=3).prop_map(|last| vec![0x11, last]);
        let any_length = prop::collection::vec(any::<u8>(), 0..23);
        let padded = prop::collection::vec(any::<u8>(), 0..21)
            .prop_map(|octets| [&[0][..], &octets].concat());
        prop_oneof![8 => usual, 1 => near, 2 => any_length, 1 => padded]
    }

    fn any_time() -> impl Strategy<Value = Vec<u8>> {
        const TEXTS: [&str; 13] = [
            "261101000000Z",
            "491231235959Z",
            "500101000000Z",
            "240229120000Z",
            "230228120000Z",
            "230229120000Z",
            "261301000000Z",
            "260431000000Z",
            "261101240000Z",
            "261101006000Z",
            "261101000060Z",
            "26110100000Z",
            "2611010000000",
        ];
        let listed = prop::sample::select(&TEXTS[..]).prop_map(utc_time);
        let day = (0..100_u8, 1..13_u8, 1..32_u8, 0..86_400_u32);
        let random = day.prop_map(|(year, month, day, second)| {
            let (hour, minute) = (second / 3600, second / 60 % 60);
            let second = second % 60;
            utc_time(&format!(
                "{year:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z"
            ))
        });
        let generalized = Just(element(tag::GENERALIZED_TIME, b"20500101000000Z"));
        prop_oneof![8 => Just(utc_time("261101000000Z")), 4 => listed, 4 => random, 1 => generalized]
    }

    fn any_extensions() -> impl Strategy<Value = Vec<u8>> {
        let extension = |fields: &[&[u8]]| {
            let extension = element(tag::SEQUENCE, &fields.concat());
            element(tag::SEQUENCE, &extension)
        };
        let reason = [0x06, 0x03, 0x55, 0x1d, 0x15];
        let odd = [
            extension(&[&reason, &[0x01, 0x01, 0xff, 0x04, 0x03, 0x0a, 0x01, 0x01]]),
            extension(&[&reason, &[0x04, 0x04, 0x0a, 0x02, 0x00, 0x01]]),
            extension(&[
                &[0x06, 0x03, 0x55, 0x1d, 0x17],
                &[0x04, 0x03, 0x06, 0x01, 0x2a],
            ]),
            [reason_code(1), reason_code(1)].concat(),
            element(tag::SEQUENCE, &[]),
        ];
        prop_oneof![
            8 => Just(Vec::new()),
            8 => prop::sample::select(vec![0, 1, 2, 3, 4, 5, 6, 9, 10]).prop_map(reason_code),
            1 => any::<u8>().prop_map(reason_code),
            1 => prop::sample::select(odd.to_vec()),
        ]
    }

    fn any_entries(count: usize) -> impl Strategy<Value = Vec<u8>> {
        let sound = any::<[u8; 16]>().prop_map(|octets| {
            let serial = [&[0][..], &[octets[0] | 0x80], &octets[1..]].concat();
            entry(
                &serial,
                &utc_time("261101000000Z"),
                &reason_code(octets[1] % 7),
            )
        });
        let odd = (any_serial(), any_time(), any_extensions())
            .prop_map(|(serial, time, extensions)| entry(&serial, &time, &extensions));
        let entries = prop::collection::vec(prop_oneof![12 => sound, 1 => odd], 0..count);
        entries.prop_map(|entries| entries.concat())
    }

    /// Longer than a window, so that what stands before them may be taken at sight.
    fn two_sound_entries() -> Vec<u8> {
        let sound = |serial| entry(serial, &utc_time("261101000000Z"), &[]);
        [sound(&[0x44; 16]), sound(&[0x55; 16])].concat()
    }

    fn assert_read_as_plainly(octets: &[u8]) {
        let serials = read(octets).map(|serials| serials.iter().collect::<Vec<_>>());
        assert_eq!(serials, read_plainly(octets));
    }

    proptest! {
        #[test]
        fn one_entry_is_read_as_plainly(
            serial in any_serial(),
            time in any_time(),
            extensions in any_extensions(),
            what_follows in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let octets = entry(&serial, &time, &extensions);
            assert_read_as_plainly(&octets);
            // Alone it is too near to the end to be taken at sight.
            assert_read_as_plainly(&[octets.clone(), two_sound_entries()].concat());
            assert_read_as_plainly(&[octets, what_follows].concat());
        }

        #[test]
        fn entries_are_read_as_plainly(octets in any_entries(60)) {
            assert_read_as_plainly(&octets);
        }

        #[test]
        fn changed_entries_are_read_as_plainly(
            octets in any_entries(8),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut octets = octets;
            for (index, value) in changes {
                let at = index.index(octets.len().max(1));
                octets.iter_mut().skip(at).take(1).for_each(|octet| *octet = value);
            }
            assert_read_as_plainly(&octets);
            octets.truncate(cut.index(octets.len() + 1));
            assert_read_as_plainly(&octets);
        }

        #[test]
        fn an_independent_reader_reads_the_same(octets in any_entries(30)) {
            let Ok(serials) = read(&octets) else {
                return Ok(());
            };
            let mut independent = Vec::new();
            let mut rest = &octets[..];
            while !rest.is_empty() {
                let (after, entry) = RevokedCertificate::from_der(rest).unwrap();
                independent.push(SerialNumber::from_der_integer(entry.raw_serial()).unwrap());
                rest = after;
            }
            independent.sort_unstable();
            prop_assert!(serials.iter().eq(independent));
        }
    }

    #[test]
    fn every_octet_of_a_regular_entry_counts() {
        let serials = [
            &[0x11; 16][..],
            &[0, 0x91, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
            &[0x11, 0x22],
            &[0x7f; 15],
        ];
        let after = two_sound_entries();
        assert_eq!(read(&after).unwrap().len(), 2);
        for serial in serials {
            for extensions in [Vec::new(), reason_code(4)] {
                let sound = entry(serial, &utc_time("240331195847Z"), &extensions);
                for at in 0..sound.len() {
                    for value in 0..=u8::MAX {
                        let mut octets = [&sound[..], &after].concat();
                        octets[at] = value;
                        assert_read_as_plainly(&octets);
                    }
                }
            }
        }
    }

    /// Only 29 February is left to the plain way of reading.
    #[test]
    fn times_are_checked_as_plainly() {
        let is_time = |text: &str| {
            let octets = utc_time(text);
            let element = Element {
                tag: tag::UTC_TIME,
                content: text.as_bytes(),
                raw: &[],
            };
            let padded = [&octets[..], &[0xff]].concat();
            let at_sight = TimeCheck::new().passes(padded.first_chunk().unwrap());
            (at_sight, element.time().is_ok())
        };
        for first in 0..100 {
            for second in 0..100 {
                let (at_sight, plainly) = is_time(&format!("24{first:02}{second:02}000000Z"));
                assert_eq!(at_sight, plainly && (first, second) != (2, 29));
            }
            for text in [
                format!("{first:02}1231000000Z"),
                format!("241231{first:02}0000Z"),
                format!("24123100{first:02}00Z"),
                format!("2412310000{first:02}Z"),
            ] {
                let (at_sight, plainly) = is_time(&text);
                assert_eq!(at_sight, plainly, "{text}");
            }
        }
        let mut zeros = TimeCheck::new();
        assert!(!zeros.passes(&[0; 16]));
    }
}
