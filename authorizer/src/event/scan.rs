//! The way through an event of the usual form to its few members, in one pass that also sees that it
//! is JSON.
//!
//! It gives what serde_json would, or nothing: where a member occurs twice, is of another type or is
//! written with an escape, and where anything is not as API Gateway writes it or no JSON at all, the
//! careful reader decides. What is read is what RFC 8259 calls a JSON text, without line breaks.

use memchr::{memchr, memchr_iter, memchr2};

use super::{JsonString, Shape};

/// What is read of an event of the usual form.
pub(super) struct Members<'a> {
    pub(super) shape: Shape,
    pub(super) route_arn: Option<&'a str>,
    pub(super) method_arn: Option<&'a str>,
    pub(super) request_id: Option<&'a str>,
    /// The PEM in `authentication`, then the one in `identity`.
    pub(super) client_cert_pem: [Option<JsonString<'a>>; 2],
}

impl<'a> Members<'a> {
    /// Reads an event. O(n).
    pub(super) fn find(event: &'a str) -> Option<Self> {
        if !has_no_control_characters(event.as_bytes()) || !escapes_are_valid(event.as_bytes()) {
            return None;
        }
        let mut cursor = Cursor { text: event, at: 0 };
        let (mut version, mut route_arn, mut method_arn) = (None, None, None);
        let (mut has_context, mut request_id) = (None, None);
        let mut holders = [None; 2];
        cursor.object(|key, cursor| match key {
            b"version" => once(&mut version, cursor.plain_string()?),
            b"routeArn" => once(&mut route_arn, cursor.plain_string()?),
            b"methodArn" => once(&mut method_arn, cursor.plain_string()?),
            b"requestContext" => {
                once(&mut has_context, ())?;
                cursor.object(|key, cursor| match key {
                    b"requestId" => once(&mut request_id, cursor.plain_string()?),
                    b"authentication" => once(&mut holders[0], cursor.client_cert_pem()?),
                    b"identity" => once(&mut holders[1], cursor.client_cert_pem()?),
                    _ => cursor.skip(),
                })
            }
            _ => cursor.skip(),
        })?;
        if cursor.peek().is_some() {
            return None;
        }
        let shape = match (version, method_arn) {
            (Some("2.0"), _) => Shape::HttpApi2,
            (Some("1.0"), _) => Shape::HttpApi1,
            (None, Some(_)) => Shape::Rest,
            _ => return None,
        };
        Some(Self {
            shape,
            route_arn,
            method_arn,
            request_id,
            client_cert_pem: holders.map(Option::flatten),
        })
    }
}

/// `None` where it is not the first of its name: there is no telling which one is meant.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    match place.replace(value) {
        None => Some(()),
        Some(_) => None,
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Passes an object, and has `member` pass the value of each member.
    fn object(&mut self, mut member: impl FnMut(&'a [u8], &mut Self) -> Option<()>) -> Option<()> {
        self.pass(b'{')?;
        if self.peek()? == b'}' {
            return self.pass(b'}');
        }
        loop {
            let key = self.plain_octets()?;
            self.pass(b':')?;
            member(key, self)?;
            if self.peek()? != b',' {
                return self.pass(b'}');
            }
            self.at += 1;
        }
    }

    /// Passes `authentication` or `identity`: `{"clientCert": {"clientCertPem": …, …}, …}`.
    fn client_cert_pem(&mut self) -> Option<Option<JsonString<'a>>> {
        let (mut has_cert, mut pem) = (None, None);
        self.object(|key, cursor| match key {
            b"clientCert" => {
                once(&mut has_cert, ())?;
                cursor.object(|key, cursor| match key {
                    b"clientCertPem" => once(&mut pem, cursor.string()?),
                    _ => cursor.skip(),
                })
            }
            _ => cursor.skip(),
        })?;
        Some(pem)
    }

    /// Passes a string that is written without an escape.
    fn plain_string(&mut self) -> Option<&'a str> {
        let plain = self.plain_octets()?;
        self.text.get(self.at - 1 - plain.len()..self.at - 1)
    }

    #[inline]
    fn plain_octets(&mut self) -> Option<&'a [u8]> {
        self.pass(b'"')?;
        let rest = self.text.as_bytes().get(self.at..)?;
        let (plain, after) = rest.split_at_checked(find_quote_or_backslash(rest)?)?;
        self.at += plain.len() + 1;
        (after.first() == Some(&b'"')).then_some(plain)
    }

    /// Passes a string.
    fn string(&mut self) -> Option<JsonString<'a>> {
        self.pass(b'"')?;
        let start = self.at - 1;
        self.at = after_string(self.text.as_bytes(), self.at)?;
        self.text.get(start..self.at).and_then(JsonString::new)
    }

    /// Passes a value, whatever is in it.
    fn skip(&mut self) -> Option<()> {
        // One bit for each object (1) or array (0) that is open, the innermost lowest, below a 1.
        let mut open = 1_u64;
        loop {
            match self.peek()? {
                b'"' => self.at = after_string(self.text.as_bytes(), self.at + 1)?,
                bracket @ (b'{' | b'[') => {
                    if open.leading_zeros() == 0 {
                        return None;
                    }
                    self.at += 1;
                    open = open << 1 | u64::from(bracket == b'{');
                    match (bracket, self.peek()?) {
                        (b'{', b'}') | (b'[', b']') => {
                            self.at += 1;
                            open >>= 1;
                        }
                        (b'{', _) => {
                            self.name()?;
                            continue;
                        }
                        _ => continue,
                    }
                }
                _ => self.number_or_literal()?,
            }
            while open > 1 {
                let octet = self.peek()?;
                self.at += 1;
                match (open & 1, octet) {
                    (1, b',') => {
                        self.name()?;
                        break;
                    }
                    (0, b',') => break,
                    (1, b'}') | (0, b']') => open >>= 1,
                    _ => return None,
                }
            }
            if open == 1 {
                return Some(());
            }
        }
    }

    /// Passes the name of a member and the colon after it.
    #[inline]
    fn name(&mut self) -> Option<()> {
        self.pass(b'"')?;
        self.at = after_string(self.text.as_bytes(), self.at)?;
        self.pass(b':')
    }

    /// Passes a literal, or a number as API Gateway writes them: digits.
    fn number_or_literal(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let length = match rest {
            [b'1'..=b'9', after @ ..] => {
                1 + after.iter().position(|octet| !octet.is_ascii_digit())?
            }
            [b'0', ..] => 1,
            [b'n', b'u', b'l', b'l', ..] | [b't', b'r', b'u', b'e', ..] => 4,
            [b'f', b'a', b'l', b's', b'e', ..] => 5,
            _ => return None,
        };
        self.at += length;
        Some(())
    }

    #[inline]
    fn pass(&mut self, octet: u8) -> Option<()> {
        (self.peek()? == octet).then(|| self.at += 1)
    }

    /// The next octet that is not a space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.text.as_bytes().get(self.at)? {
                b' ' => self.at += 1,
                octet => return Some(octet),
            }
        }
    }
}

/// Strings must have none of them, and between strings there need be none.
fn has_no_control_characters(text: &[u8]) -> bool {
    // Without a way out, so that many octets are looked at together.
    text.iter()
        .fold(true, |none, octet| none & (*octet >= b' '))
}

/// Whether each backslash begins an escape. One that is not in a string is not for this to find.
fn escapes_are_valid(text: &[u8]) -> bool {
    let mut after_escape = 0;
    for at in memchr_iter(b'\\', text) {
        if at < after_escape {
            continue;
        }
        after_escape = at + 2;
        let is_valid = match text.get(at + 1) {
            Some(b'u') => text
                .get(at + 2..at + 6)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
            Some(octet) => b"\"\\/bfnrt".contains(octet),
            None => false,
        };
        if !is_valid {
            return false;
        }
    }
    true
}

/// Where the string ends whose opening quotation mark is before `at`.
#[inline]
fn after_string(text: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    loop {
        let quote = at + find_quote(text.get(at..)?)?;
        at = quote + 1;
        // One that belongs to the text has an odd number of backslashes before it.
        let before = text.get(start..quote)?;
        if before.last() != Some(&b'\\') {
            return Some(at);
        }
        let backslashes = before.iter().rev().take_while(|octet| **octet == b'\\');
        if backslashes.count() % 2 == 0 {
            return Some(at);
        }
    }
}

/// Most strings are short: a search that takes some preparation comes second.
#[inline]
fn find_quote(text: &[u8]) -> Option<usize> {
    if let Some(probed) = text.first_chunk::<PROBED>() {
        for (index, word) in probed.as_chunks().0.iter().enumerate() {
            let marks = zero_octets(u64::from_le_bytes(*word) ^ QUOTES);
            if marks != 0 {
                return first_marked(marks).map(|octet| index * 8 + octet);
            }
        }
    }
    memchr(b'"', text)
}

#[inline]
fn find_quote_or_backslash(text: &[u8]) -> Option<usize> {
    if let Some(probed) = text.first_chunk::<PROBED>() {
        for (index, word) in probed.as_chunks().0.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            let marks = zero_octets(word ^ QUOTES) | zero_octets(word ^ BACKSLASHES);
            if marks != 0 {
                return first_marked(marks).map(|octet| index * 8 + octet);
            }
        }
    }
    memchr2(b'"', b'\\', text)
}

/// The top bit of each octet that is zero, up to the first such octet; those above it may be wrong
/// (Mycroft 1987).
const fn zero_octets(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & (ONES << 7)
}

fn first_marked(marks: u64) -> Option<usize> {
    usize::try_from(marks.trailing_zeros() / 8).ok()
}

const ONES: u64 = u64::MAX / 255;
const QUOTES: u64 = ONES * 0x22;
const BACKSLASHES: u64 = ONES * 0x5c;
const PROBED: usize = 32;
