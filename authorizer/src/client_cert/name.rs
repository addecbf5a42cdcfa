//! Names for people, spelled as x509-parser spells them, for the attributes and alternative names that
//! client certificates commonly have.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use revocation::der::{Reader, tag};

/// The text of a `Name`, of which `rdn_sequence` is the content: `C=US, O=Example, CN=client`.
///
/// ```text
/// RDNSequence ::= SEQUENCE OF RelativeDistinguishedName
/// RelativeDistinguishedName ::= SET SIZE (1..MAX) OF AttributeTypeAndValue
/// AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY }
/// ```
pub(super) fn distinguished_name(rdn_sequence: &[u8]) -> Option<String> {
    // What an attribute is wrapped in takes more octets than most of what it is shown with.
    let mut text = String::with_capacity(rdn_sequence.len());
    let mut relative_names = Reader::new(rdn_sequence);
    while !relative_names.is_empty() {
        let mut attributes = Reader::new(relative_names.expect(tag::SET).ok()?.content);
        let mut separator = if text.is_empty() { "" } else { ", " };
        loop {
            let mut attribute = attributes.sequence().ok()?;
            let label = label(attribute.expect(tag::OID).ok()?.content)?;
            let value = attribute.element().ok()?;
            attribute.finish().ok()?;
            let (UTF8_STRING | PRINTABLE_STRING | IA5_STRING) = value.tag else {
                return None;
            };
            text.push_str(separator);
            text.push_str(label);
            text.push('=');
            text.push_str(std::str::from_utf8(value.content).ok()?);
            separator = " + ";
            if attributes.is_empty() {
                break;
            }
        }
    }
    Some(text)
}

/// The text of a subject alternative name extension (RFC 5280 §4.2.1.6): `DNS:a, URI:b`. Directory
/// names and names of other kinds have none.
pub(super) fn alternative_names(value: &[u8]) -> Option<String> {
    let mut outer = Reader::new(value);
    let mut names = outer.sequence().ok()?;
    outer.finish().ok()?;
    // "DNS:" and ", " are longer than the two octets before a name.
    let mut text = String::with_capacity(value.len() + 16);
    while !names.is_empty() {
        let name = names.element().ok()?;
        let label = match (name.tag, name.content.len()) {
            (RFC822_NAME, _) => "email:",
            (DNS_NAME, _) => "DNS:",
            (URI, _) => "URI:",
            (IP_ADDRESS, 4 | 16) => "IP:",
            (OTHER_NAME | DIRECTORY_NAME | IP_ADDRESS, _) => continue,
            _ => return None,
        };
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(label);
        if name.tag != IP_ADDRESS {
            text.push_str(std::str::from_utf8(name.content).ok()?);
        } else if let Ok(octets) = <[u8; 4]>::try_from(name.content) {
            write!(text, "{}", Ipv4Addr::from(octets)).ok()?;
        } else {
            let octets = <[u8; 16]>::try_from(name.content).ok()?;
            write!(text, "{}", Ipv6Addr::from(octets)).ok()?;
        }
    }
    Some(text)
}

/// What x509-parser calls the attribute type with that OBJECT IDENTIFIER.
const fn label(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        // id-at
        [0x55, 0x04, attribute] => match attribute {
            3 => "CN",
            4 => "surname",
            5 => "serialNumber",
            6 => "C",
            7 => "L",
            8 => "ST",
            9 => "streetAddress",
            10 => "O",
            11 => "OU",
            12 => "title",
            17 => "postalCode",
            42 => "givenName",
            43 => "initials",
            44 => "generationQualifier",
            46 => "dnQualifier",
            _ => return None,
        },
        // pkcs-9 emailAddress
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01] => "Email",
        // userId and domainComponent (RFC 4519)
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01] => "uid",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19] => "DC",
        _ => return None,
    })
}

const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;

const OTHER_NAME: u8 = tag::context_constructed(0);
const RFC822_NAME: u8 = tag::context(1);
const DNS_NAME: u8 = tag::context(2);
const DIRECTORY_NAME: u8 = tag::context_constructed(4);
const URI: u8 = tag::context(6);
const IP_ADDRESS: u8 = tag::context(7);
