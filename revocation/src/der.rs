//! A strict reader of the Distinguished Encoding Rules (X.690 §10), for the parts of CRLs and
//! certificates that decide: every encoding that DER does not allow is an error, nothing is copied,
//! and no input makes it panic.

use std::fmt;

use crate::time::UnixTime;

/// Reads one element after another from the content octets of a constructed encoding.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

/// One element: identifier, length and content octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet: class, constructed bit and tag number. See [`tag`].
    pub tag: u8,
    /// The content octets.
    pub content: &'a [u8],
    /// The whole encoding, identifier and length octets included.
    pub raw: &'a [u8],
}

/// The identifier octets that CRLs and certificates use.
pub mod tag {
    #![expect(missing_docs, reason = "the names are those of X.680")]
    pub const BOOLEAN: u8 = 0x01;
    pub const INTEGER: u8 = 0x02;
    pub const BIT_STRING: u8 = 0x03;
    pub const OCTET_STRING: u8 = 0x04;
    pub const OID: u8 = 0x06;
    pub const ENUMERATED: u8 = 0x0a;
    pub const UTC_TIME: u8 = 0x17;
    pub const GENERALIZED_TIME: u8 = 0x18;
    pub const SEQUENCE: u8 = 0x30;
    pub const SET: u8 = 0x31;

    /// `[number]` of a primitive type, or IMPLICIT of one.
    pub const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// `[number]` EXPLICIT, or IMPLICIT of a constructed type.
    pub const fn context_constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

impl<'a> Reader<'a> {
    /// Reads from `octets`.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// Whether every octet has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The octets that have not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The identifier octet of the next element, if there is one.
    pub fn peek_tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next element, whatever its tag.
    ///
    /// # Errors
    /// There is none, it is cut short, its tag number needs more than one octet, or its length is
    /// indefinite, not the shortest form, or over 2^32 − 1.
    #[inline]
    pub fn element(&mut self) -> Result<Element<'a>, DerError> {
        let [tag, first_length, body @ ..] = self.rest else {
            return Err(DerError::Truncated);
        };
        if tag & 0x1f == 0x1f {
            return Err(DerError::TagNumber);
        }
        let (length, content_start) = match first_length {
            0..=0x7f => (usize::from(*first_length), 2),
            0x81..=0x84 => {
                let count = usize::from(first_length & 0x7f);
                let octets = body.get(..count).ok_or(DerError::Truncated)?;
                let mut length = 0_usize;
                for octet in octets {
                    length = length.checked_mul(256).ok_or(DerError::Length)? + usize::from(*octet);
                }
                // X.690 §10.1: the definite form, in the minimum number of octets.
                if octets[0] == 0 || length < 0x80 {
                    return Err(DerError::Length);
                }
                (length, 2 + count)
            }
            _ => return Err(DerError::Length),
        };
        let end = content_start.checked_add(length).ok_or(DerError::Length)?;
        let (raw, rest) = self.rest.split_at_checked(end).ok_or(DerError::Truncated)?;
        self.rest = rest;
        Ok(Element {
            tag: *tag,
            content: &raw[content_start..],
            raw,
        })
    }

    /// The next element, which must have that tag.
    ///
    /// # Errors
    /// As [`Self::element`], or another tag.
    #[inline]
    pub fn expect(&mut self, tag: u8) -> Result<Element<'a>, DerError> {
        let element = self.element()?;
        if element.tag == tag {
            Ok(element)
        } else {
            Err(DerError::Tag {
                expected: tag,
                found: element.tag,
            })
        }
    }

    /// The next element if it has that tag; nothing is read otherwise.
    ///
    /// # Errors
    /// As [`Self::element`].
    pub fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, DerError> {
        if self.peek_tag() == Some(tag) {
            self.element().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The content of the next element, which must be a SEQUENCE.
    ///
    /// # Errors
    /// As [`Self::expect`].
    pub fn sequence(&mut self) -> Result<Self, DerError> {
        self.expect(tag::SEQUENCE)
            .map(|element| Self::new(element.content))
    }

    /// A BOOLEAN with DEFAULT FALSE: absent, or TRUE. DER does not encode a default (X.690 §11.5).
    ///
    /// # Errors
    /// As [`Self::element`]; FALSE, or TRUE as anything but `ff`.
    pub fn default_false(&mut self, tag: u8) -> Result<bool, DerError> {
        match self.optional(tag)? {
            None => Ok(false),
            Some(Element {
                content: [0xff], ..
            }) => Ok(true),
            Some(_) => Err(DerError::Boolean),
        }
    }

    /// Ends the reading: nothing may be left.
    ///
    /// # Errors
    /// Octets are left.
    pub const fn finish(self) -> Result<(), DerError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DerError::TrailingOctets)
        }
    }
}

impl<'a> Element<'a> {
    /// The value of a BIT STRING that must be a whole number of octets, such as a signature.
    ///
    /// # Errors
    /// No octet, or unused bits.
    pub fn whole_octets(&self) -> Result<&'a [u8], DerError> {
        match self.content {
            [0, octets @ ..] => Ok(octets),
            _ => Err(DerError::BitString),
        }
    }

    /// The content of an OBJECT IDENTIFIER.
    ///
    /// # Errors
    /// Another tag; no octet, a component that is not in its shortest form or cut short (X.690
    /// §8.19.2): the same identifier would else have more than one encoding.
    pub fn object_identifier(&self) -> Result<&'a [u8], DerError> {
        if self.tag != tag::OID {
            return Err(DerError::Tag {
                expected: tag::OID,
                found: self.tag,
            });
        }
        let is_last = |octet: &u8| *octet < 0x80;
        let mut begins = true;
        for octet in self.content {
            if begins && *octet == 0x80 {
                return Err(DerError::Value);
            }
            begins = is_last(octet);
        }
        match self.content.last() {
            Some(last) if is_last(last) => Ok(self.content),
            _ => Err(DerError::Value),
        }
    }

    /// The moment of a `GeneralizedTime` as RFC 5280 §4.1.2.5.2 profiles it, of any year:
    /// `YYYYMMDDHHMMSSZ`.
    ///
    /// # Errors
    /// Another tag, another form, or no such date.
    pub fn generalized_time(&self) -> Result<UnixTime, DerError> {
        if self.tag != tag::GENERALIZED_TIME {
            return Err(DerError::Tag {
                expected: tag::GENERALIZED_TIME,
                found: self.tag,
            });
        }
        self.year_and_moment().map(|(_, moment)| moment)
    }

    /// The moment of a `Time` as RFC 5280 §5.1.2.4 profiles it: `YYMMDDHHMMSSZ` for 1950 to 2049,
    /// `YYYYMMDDHHMMSSZ` from 2050 on; seconds always there, no fraction, no offset.
    ///
    /// # Errors
    /// Another tag, another form, no such date, or GeneralizedTime for a year before 2050.
    pub fn time(&self) -> Result<UnixTime, DerError> {
        let (year, moment) = self.year_and_moment()?;
        // "CAs conforming to this profile MUST always encode certificate validity dates through
        // the year 2049 as UTCTime" (§4.1.2.5), and the same for CRLs (§5.1.2.4).
        if self.tag == tag::GENERALIZED_TIME && year < 2050 {
            return Err(DerError::Time);
        }
        Ok(moment)
    }

    fn year_and_moment(&self) -> Result<(i64, UnixTime), DerError> {
        let digits = match (self.tag, self.content) {
            (tag::UTC_TIME, [digits @ .., b'Z']) if digits.len() == 12 => digits,
            (tag::GENERALIZED_TIME, [digits @ .., b'Z']) if digits.len() == 14 => digits,
            (tag::UTC_TIME | tag::GENERALIZED_TIME, _) => return Err(DerError::Time),
            (found, _) => {
                return Err(DerError::Tag {
                    expected: tag::UTC_TIME,
                    found,
                });
            }
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(DerError::Time);
        }
        let pair = |at: usize| (digits[at] - b'0') * 10 + (digits[at + 1] - b'0');
        let (year, at) = match (self.tag, pair(0)) {
            (tag::UTC_TIME, year @ 50..) => (1900 + i64::from(year), 2),
            (tag::UTC_TIME, year) => (2000 + i64::from(year), 2),
            (_, century) => (i64::from(century) * 100 + i64::from(pair(2)), 4),
        };
        let time = (pair(at + 4), pair(at + 6), pair(at + 8));
        let moment = UnixTime::from_civil(year, pair(at), pair(at + 2), time);
        moment.map(|moment| (year, moment)).ok_or(DerError::Time)
    }
}

/// Appends one element to `out`.
pub fn write_element(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    match content.len() {
        length @ 0..=0x7f => out.extend(u8::try_from(length)),
        length => {
            let octets = length.to_be_bytes();
            let first = octets.iter().position(|&octet| octet != 0).unwrap_or(0);
            let significant = &octets[first..];
            out.extend(u8::try_from(significant.len()).map(|count| 0x80 | count));
            out.extend_from_slice(significant);
        }
    }
    out.extend_from_slice(content);
}

/// Why octets are not the DER that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DerError {
    /// A BIT STRING that should be whole octets has unused bits, or no first octet.
    BitString,
    /// A BOOLEAN is FALSE where that is the default, or TRUE is not `ff`.
    Boolean,
    /// A length is indefinite, not in its shortest form, or over 2^32 − 1.
    Length,
    /// Another element was expected.
    Tag {
        /// The identifier octet that was expected.
        expected: u8,
        /// The one that was found.
        found: u8,
    },
    /// A tag number of 31 or more: none of these types has one.
    TagNumber,
    /// There are more elements than anybody needs.
    TooMany,
    /// A time is not in the form of RFC 5280, or there is no such moment.
    Time,
    /// Octets follow the end of the value.
    TrailingOctets,
    /// The octets end before the value does.
    Truncated,
    /// The value is not one that its type allows: an empty list, an undefined enumeration.
    Value,
}

impl fmt::Display for DerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BitString => f.write_str("a BIT STRING is not a whole number of octets"),
            Self::Boolean => f.write_str("a BOOLEAN is neither left out nor encoded as ff"),
            Self::Length => f.write_str("a length is not the shortest definite form"),
            Self::Tag { expected, found } => {
                write!(
                    f,
                    "an element has tag {found:02x} where {expected:02x} is expected"
                )
            }
            Self::TagNumber => f.write_str("a tag number is over 30"),
            Self::TooMany => f.write_str("there are too many elements"),
            Self::Time => f.write_str("a time is not in the form that RFC 5280 prescribes"),
            Self::TrailingOctets => f.write_str("octets follow the end of a value"),
            Self::Truncated => f.write_str("the data ends in the middle of a value"),
            Self::Value => f.write_str("a value is not one that its type allows"),
        }
    }
}

impl std::error::Error for DerError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn only(octets: &[u8]) -> Result<Element<'_>, DerError> {
        Reader::new(octets).element()
    }

    #[test]
    fn lengths_must_be_the_shortest_definite_form() {
        let long = [&[0x04, 0x81, 0x80][..], &[0; 0x80]].concat();
        assert_eq!(only(&long).unwrap().content.len(), 0x80);
        let padded = [&[0x04, 0x82, 0x00, 0x80][..], &[0; 0x80]].concat();
        for octets in [
            &[0x04, 0x81, 0x01, 0x00][..],
            &padded,
            &[0x30, 0x80, 0x00, 0x00],
        ] {
            assert_eq!(only(octets), Err(DerError::Length));
        }
        let five_octets = [0x04, 0x85, 0x01, 0, 0, 0, 0];
        assert_eq!(only(&five_octets), Err(DerError::Length));
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        for octets in [
            &[][..],
            &[0x04],
            &[0x04, 0x01],
            &[0x04, 0x82, 0x01],
            &[0x04, 0x84, 1, 1],
        ] {
            assert_eq!(only(octets), Err(DerError::Truncated));
        }
        assert_eq!(only(&[0x1f, 0x01, 0x00]), Err(DerError::TagNumber));
    }

    #[test]
    fn booleans_default_to_false() {
        let read = |octets| Reader::new(octets).default_false(tag::BOOLEAN);
        assert_eq!(read(&[]), Ok(false));
        assert_eq!(read(&[0x02, 0x01, 0x00]), Ok(false));
        assert_eq!(read(&[0x01, 0x01, 0xff]), Ok(true));
        assert_eq!(read(&[0x01, 0x01, 0x00]), Err(DerError::Boolean));
        assert_eq!(read(&[0x01, 0x01, 0x01]), Err(DerError::Boolean));
        assert_eq!(read(&[0x01, 0x02, 0xff, 0xff]), Err(DerError::Boolean));
    }

    fn time(tag: u8, text: &str) -> Result<UnixTime, DerError> {
        Element {
            tag,
            content: text.as_bytes(),
            raw: &[],
        }
        .time()
    }

    #[test]
    fn times_have_one_form_for_each_year() {
        let shown = |tag, text| time(tag, text).map(|moment| moment.to_string());
        let utc = |text| shown(tag::UTC_TIME, text);
        let generalized = |text| shown(tag::GENERALIZED_TIME, text);
        assert_eq!(utc("491231235959Z").unwrap(), "2049-12-31T23:59:59Z");
        assert_eq!(utc("500101000000Z").unwrap(), "1950-01-01T00:00:00Z");
        assert_eq!(
            generalized("20500101000000Z").unwrap(),
            "2050-01-01T00:00:00Z"
        );
        for text in [
            "2611010000Z",
            "261101000000",
            "261101000000+0100",
            "26110100000 Z",
            "",
        ] {
            assert_eq!(utc(text), Err(DerError::Time), "{text}");
        }
        for text in [
            "20261101000000Z",
            "20500101000000.5Z",
            "205001010000Z",
            "20501301000000Z",
        ] {
            assert_eq!(generalized(text), Err(DerError::Time), "{text}");
        }
        let expected = Err(DerError::Tag {
            expected: tag::UTC_TIME,
            found: tag::INTEGER,
        });
        assert_eq!(time(tag::INTEGER, "261101000000Z"), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tag in 0_u8..0x1f, content in prop::collection::vec(any::<u8>(), 0..700)) {
            let mut octets = Vec::new();
            write_element(&mut octets, tag, &content);
            let mut reader = Reader::new(&octets);
            let element = reader.element().unwrap();
            prop_assert_eq!((element.tag, element.content), (tag, &content[..]));
            prop_assert_eq!(element.raw, &octets[..]);
            prop_assert!(reader.finish().is_ok());
        }

        /// One value has one encoding: what is read is written the same again.
        #[test]
        fn what_is_read_is_written(octets in prop::collection::vec(any::<u8>(), 0..20)) {
            if let Ok(element) = only(&octets) {
                let mut again = Vec::new();
                write_element(&mut again, element.tag, element.content);
                prop_assert_eq!(&again[..], element.raw);
            }
        }
    }
}
