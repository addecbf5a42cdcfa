//! DER writing (X.690), as far as X.509 needs it: values in, octets out, nothing checked.
//!
//! Public, because tests that bend a certificate or a CRL have to write the bent value themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

/// Any value with a one-octet identifier and a definite length.
pub fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = header(tag, contents.len());
    out.extend_from_slice(contents);
    out
}

/// The identifier and length octets of a value, for those who copy large contents only once.
pub fn header(tag: u8, length: usize) -> Vec<u8> {
    let octets = length.to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let significant = &octets[zeros..];
    match significant {
        [] => vec![tag, 0],
        [short] if *short < 0x80 => vec![tag, *short],
        long => {
            let count = u8::try_from(long.len()).expect("a length has at most 8 octets");
            let mut out = vec![tag, 0x80 | count];
            out.extend_from_slice(long);
            out
        }
    }
}

/// SEQUENCE of already encoded values.
pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

/// SET of already encoded values, in the order given.
pub fn set(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SET, &parts.concat())
}

/// INTEGER with exactly these content octets: negative, padded or empty if they are.
pub fn integer(content: &[u8]) -> Vec<u8> {
    tlv(INTEGER, content)
}

/// INTEGER of a small non-negative number.
pub fn unsigned(value: u64) -> Vec<u8> {
    integer(&minimal_content(&value.to_be_bytes()))
}

/// The shortest INTEGER content octets of a big-endian non-negative number.
pub fn minimal_content(magnitude: &[u8]) -> Vec<u8> {
    let zeros = magnitude.iter().take_while(|octet| **octet == 0).count();
    match &magnitude[zeros..] {
        [] => vec![0],
        significant => positive_content(significant),
    }
}

/// The octets given, behind a zero octet if they would else read as a negative number.
pub fn positive_content(octets: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(octets.len() + 1);
    if octets.first().is_some_and(|first| *first >= 0x80) {
        content.push(0);
    }
    content.extend_from_slice(octets);
    content
}

/// BOOLEAN TRUE or FALSE.
pub fn boolean(value: bool) -> Vec<u8> {
    vec![0x01, 1, if value { 0xff } else { 0x00 }]
}

/// ENUMERATED of one octet.
pub fn enumerated(value: u8) -> Vec<u8> {
    vec![0x0a, 1, value]
}

/// NULL.
pub fn null() -> Vec<u8> {
    vec![0x05, 0]
}

/// OBJECT IDENTIFIER from its dotted form.
///
/// # Panics
/// If the text is not an object identifier.
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted
        .split('.')
        .map(|arc| {
            arc.parse()
                .expect("an object identifier is numbers and dots")
        })
        .collect();
    let [first, second, rest @ ..] = arcs.as_slice() else {
        panic!("an object identifier has two arcs at least: {dotted}");
    };
    let mut content = base_128(first * 40 + second);
    for arc in rest {
        content.extend(base_128(*arc));
    }
    tlv(0x06, &content)
}

/// OCTET STRING.
pub fn octet_string(contents: &[u8]) -> Vec<u8> {
    tlv(0x04, contents)
}

/// BIT STRING whose last octet has `unused` bits that do not count.
pub fn bit_string(unused: u8, bits: &[u8]) -> Vec<u8> {
    tlv(0x03, &bit_string_content(unused, bits))
}

/// Content octets of a BIT STRING, for implicit tags.
pub fn bit_string_content(unused: u8, bits: &[u8]) -> Vec<u8> {
    [&[unused], bits].concat()
}

/// Content octets of a named bit list: the bits given are set, trailing zero bits are left out
/// (X.690 §11.2.2).
pub fn named_bits(bits: &[u8]) -> Vec<u8> {
    let Some(last) = bits.iter().copied().max() else {
        return vec![0];
    };
    let mut octets = vec![0; usize::from(last / 8) + 1];
    for bit in bits {
        octets[usize::from(bit / 8)] |= 0x80 >> (bit % 8);
    }
    bit_string_content(7 - last % 8, &octets)
}

/// UTF8String.
pub fn utf8_string(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// PrintableString.
pub fn printable_string(text: &str) -> Vec<u8> {
    tlv(0x13, text.as_bytes())
}

/// `[number]` around an encoded value or several: EXPLICIT, or an IMPLICIT constructed type.
pub fn explicit(number: u8, contents: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, contents)
}

/// `[number]` IMPLICIT for a primitive type, from its content octets.
pub fn implicit(number: u8, contents: &[u8]) -> Vec<u8> {
    tlv(0x80 | number, contents)
}

/// `Time` as RFC 5280 §4.1.2.5 has it: UTCTime through 2049, GeneralizedTime from 2050.
///
/// # Panics
/// If the year has not four digits.
pub fn time(unix: i64) -> Vec<u8> {
    if (1950..2050).contains(&date_time(unix).year()) {
        utc_time(unix)
    } else {
        generalized_time(unix)
    }
}

/// UTCTime `YYMMDDHHMMSSZ`, whatever the century.
///
/// # Panics
/// If the year has not four digits.
pub fn utc_time(unix: i64) -> Vec<u8> {
    tlv(0x17, &digits(unix).as_bytes()[2..])
}

/// GeneralizedTime `YYYYMMDDHHMMSSZ`.
///
/// # Panics
/// If the year has not four digits.
pub fn generalized_time(unix: i64) -> Vec<u8> {
    tlv(0x18, digits(unix).as_bytes())
}

/// `Name` of the shape `C=US, O=Example, CN=<common name>`.
pub fn name(common_name: &str) -> Vec<u8> {
    sequence(&[
        &set(&[&attribute(
            super::oid::COUNTRY_NAME,
            &printable_string("US"),
        )]),
        &set(&[&attribute(
            super::oid::ORGANIZATION_NAME,
            &utf8_string("Example"),
        )]),
        &set(&[&attribute(
            super::oid::COMMON_NAME,
            &utf8_string(common_name),
        )]),
    ])
}

/// `AttributeTypeAndValue` of a name.
pub fn attribute(oid_dotted: &str, value: &[u8]) -> Vec<u8> {
    sequence(&[&oid(oid_dotted), value])
}

/// One element of well-formed DER bent, and the lengths of all that it is in written anew.
///
/// `path` leads to it from the outermost element: the number of the child at each level, counted
/// from 0; into an OCTET STRING that holds DER too. `change` makes of its whole encoding what is to
/// stand in its place: other octets, several elements or none.
///
/// # Panics
/// If there is no such element.
pub fn bend(der: &[u8], path: &[usize], change: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let Some((&number, deeper)) = path.split_first() else {
        return change(der);
    };
    let (tag, contents, _) = read(der);
    let after = |children| read(children).2;
    let child = (0..number).fold(contents, |children, _| after(children));
    let start = contents.len() - child.len();
    let end = contents.len() - after(child).len();
    let bent = bend(&contents[start..end], deeper, change);
    tlv(tag, &[&contents[..start], &bent, &contents[end..]].concat())
}

/// PEM (RFC 7468) with lines of 64 characters.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(std::str::from_utf8(line).expect("Base64 is ASCII"));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The first value of well-formed DER: its tag, its contents, and what follows it.
///
/// # Panics
/// If the octets are no such value: this reads only what testkit or a key generator wrote.
pub(crate) fn read(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (tag, first) = (der[0], der[1]);
    let (length, start) = if first < 0x80 {
        (usize::from(first), 2)
    } else {
        let start = 2 + usize::from(first & 0x7f);
        (
            der[2..start]
                .iter()
                .fold(0, |length, octet| length << 8 | usize::from(*octet)),
            start,
        )
    };
    (tag, &der[start..start + length], &der[start + length..])
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

fn base_128(mut value: u64) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let septet = u8::try_from(value & 0x7f).expect("seven bits");
        octets.push(if octets.is_empty() {
            septet
        } else {
            0x80 | septet
        });
        value >>= 7;
        if value == 0 {
            break;
        }
    }
    octets.reverse();
    octets
}

fn digits(unix: i64) -> String {
    let at = date_time(unix);
    let text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    assert_eq!(text.len(), 15, "a year of four digits, not {}", at.year());
    text
}

fn date_time(unix: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(unix).expect("a date within the time crate's range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_minimal() {
        assert_eq!(header(0x30, 0), [0x30, 0]);
        assert_eq!(header(0x30, 0x7f), [0x30, 0x7f]);
        assert_eq!(header(0x30, 0x80), [0x30, 0x81, 0x80]);
        assert_eq!(header(0x30, 0x1_0000), [0x30, 0x83, 1, 0, 0]);
    }

    #[test]
    fn object_identifiers_are_base_128() {
        assert_eq!(oid("2.5.29.20"), [0x06, 3, 0x55, 0x1d, 0x14]);
        assert_eq!(
            oid("1.2.840.10045.4.3.2"),
            [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]
        );
        assert_eq!(oid("2.999.1"), [6, 3, 0x88, 0x37, 1]);
    }

    #[test]
    fn time_changes_its_type_with_the_year_2050() {
        assert_eq!(time(2_524_607_999), tlv(0x17, b"491231235959Z"));
        assert_eq!(time(2_524_608_000), tlv(0x18, b"20500101000000Z"));
        assert_eq!(time(-631_152_001), tlv(0x18, b"19491231235959Z"));
    }

    #[test]
    fn integers_are_minimal_and_positive_unless_given_otherwise() {
        assert_eq!(unsigned(0), [2, 1, 0]);
        assert_eq!(unsigned(0x80), [2, 2, 0, 0x80]);
        assert_eq!(minimal_content(&[0, 0, 1, 2]), [1, 2]);
        assert_eq!(positive_content(&[0, 0, 1]), [0, 0, 1]);
        assert_eq!(integer(&[0xff]), [2, 1, 0xff]);
    }

    #[test]
    fn what_is_bent_has_right_lengths_around_it() {
        let inside = sequence(&[&null(), &octet_string(&unsigned(5))]);
        let whole = sequence(&[&boolean(true), &inside, &null()]);
        let bent = bend(&whole, &[1, 1, 0], |five| {
            assert_eq!(five, unsigned(5));
            [five, &[0; 200]].concat()
        });
        let longer = octet_string(&[&unsigned(5)[..], &[0; 200]].concat());
        let inside = sequence(&[&null(), &longer]);
        assert_eq!(bent, sequence(&[&boolean(true), &inside, &null()]));

        let without = bend(&whole, &[1], |_| Vec::new());
        assert_eq!(without, sequence(&[&boolean(true), &null()]));
        assert_eq!(bend(&whole, &[], |whole| whole[1..].to_vec()), whole[1..]);
    }

    #[test]
    fn named_bits_end_with_the_last_set_bit() {
        assert_eq!(named_bits(&[5, 6]), [1, 0b0000_0110]);
        assert_eq!(named_bits(&[8]), [7, 0, 0x80]);
        assert_eq!(named_bits(&[]), [0]);
    }
}
