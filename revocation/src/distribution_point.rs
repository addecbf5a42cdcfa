//! Distribution point names: what ties a certificate (RFC 5280 §4.2.1.13) to a CRL (§5.2.5).
//!
//! AWS: with partitioned CRLs "you must validate that the CRL's associated IDP URI matches the
//! certificate's CDP URI". Both Lambdas read the names with the code below, so that they compare
//! the same octets: a name is the DER encoding of one `GeneralName`.

use std::fmt;

use crate::der::{DerError, Element, Reader, tag, write_element};

/// One entry of a certificate's CRL distribution points extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DistributionPoint {
    /// Its names, each a DER `GeneralName`.
    pub names: Vec<Vec<u8>>,
    /// It is for some revocation reasons only, so no CRL found there answers for all of them.
    pub only_some_reasons: bool,
    /// It names another issuer of the CRL. Such indirect CRLs are never taken into a snapshot.
    pub names_crl_issuer: bool,
}

impl DistributionPoint {
    /// Whether a CRL found there answers for the certificate as a whole.
    pub fn is_conclusive(&self) -> bool {
        let is_complete = !self.only_some_reasons && !self.names_crl_issuer;
        is_complete && self.names.iter().all(|name| is_place(name))
    }

    /// The paths of its URIs, percent-encoding as it stands: what follows the authority.
    pub fn uri_paths(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| {
            let (_, after_scheme) = uri(name)?.split_once("://")?;
            let path = &after_scheme[after_scheme.find('/')?..];
            Some(path.split(['?', '#']).next().unwrap_or(path))
        })
    }
}

/// Reads the value of a CRL distribution points extension. `issuer` is the certificate's issuer, a
/// DER `Name`, which relative names are completed with.
///
/// ```text
/// CRLDistributionPoints ::= SEQUENCE SIZE (1..MAX) OF DistributionPoint
/// DistributionPoint ::= SEQUENCE {
///     distributionPoint  [0] DistributionPointName OPTIONAL,
///     reasons            [1] ReasonFlags OPTIONAL,
///     cRLIssuer          [2] GeneralNames OPTIONAL }
/// ```
///
/// # Errors
/// The octets are not the DER of that type, or there are more than [`MAX_POINTS`] points or
/// [`MAX_NAMES`] names.
pub fn read_crl_distribution_points(
    value: &[u8],
    issuer: &[u8],
) -> Result<Vec<DistributionPoint>, DerError> {
    let mut outer = Reader::new(value);
    let mut points = outer.sequence()?;
    outer.finish()?;
    let mut found = Vec::new();
    let mut name_count = 0;
    loop {
        let mut point = points.sequence()?;
        let names = match point.optional(tag::context_constructed(0))? {
            Some(name) => read_distribution_point_name(&name, issuer)?,
            None => Vec::new(),
        };
        let only_some_reasons = point.optional(tag::context(1))?.is_some();
        let names_crl_issuer = point.optional(tag::context_constructed(2))?.is_some();
        point.finish()?;
        name_count += names.len();
        if found.len() == MAX_POINTS || name_count > MAX_NAMES {
            return Err(DerError::TooMany);
        }
        found.push(DistributionPoint {
            names,
            only_some_reasons,
            names_crl_issuer,
        });
        if points.is_empty() {
            return Ok(found);
        }
    }
}

/// The names in a `DistributionPointName` under its explicit tag, in ascending order and once each.
///
/// ```text
/// DistributionPointName ::= CHOICE {
///     fullName                 [0] GeneralNames,
///     nameRelativeToCRLIssuer  [1] RelativeDistinguishedName }
/// ```
///
/// A relative name is completed with `issuer`, a DER `Name`, to the directory name it stands for.
///
/// # Errors
/// The octets are not the DER of that type, or there is no name, or more than [`MAX_NAMES`].
pub fn read_distribution_point_name(
    explicit: &Element<'_>,
    issuer: &[u8],
) -> Result<Vec<Vec<u8>>, DerError> {
    let mut outer = Reader::new(explicit.content);
    let name = outer.element()?;
    outer.finish()?;
    let mut names = match name.tag {
        FULL_NAME => {
            let mut general_names = Reader::new(name.content);
            let mut names = vec![read_general_name(&mut general_names)?];
            while !general_names.is_empty() {
                if names.len() == MAX_NAMES {
                    return Err(DerError::TooMany);
                }
                names.push(read_general_name(&mut general_names)?);
            }
            names
        }
        NAME_RELATIVE_TO_CRL_ISSUER => vec![complete_relative_name(name.content, issuer)?],
        found => {
            return Err(DerError::Tag {
                expected: FULL_NAME,
                found,
            });
        }
    };
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The next `GeneralName`. Of the forms that say where a CRL is, the content is checked too.
fn read_general_name(general_names: &mut Reader<'_>) -> Result<Vec<u8>, DerError> {
    let name = general_names.element()?;
    match name.tag {
        UNIFORM_RESOURCE_IDENTIFIER if name.content.is_empty() || !name.content.is_ascii() => {
            return Err(DerError::Value);
        }
        DIRECTORY_NAME => check_name(name.content)?,
        _ => {}
    }
    Ok(name.raw.to_vec())
}

/// ```text
/// Name ::= CHOICE { rdnSequence SEQUENCE OF RelativeDistinguishedName }
/// ```
fn check_name(octets: &[u8]) -> Result<(), DerError> {
    let mut outer = Reader::new(octets);
    let mut relative_names = outer.sequence()?;
    outer.finish()?;
    while !relative_names.is_empty() {
        check_relative_name(relative_names.expect(tag::SET)?.content)?;
    }
    Ok(())
}

/// ```text
/// RelativeDistinguishedName ::= SET SIZE (1..MAX) OF AttributeTypeAndValue
/// AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY }
/// ```
fn check_relative_name(content: &[u8]) -> Result<(), DerError> {
    let mut attributes = Reader::new(content);
    loop {
        let mut attribute = attributes.sequence()?;
        attribute.element()?.object_identifier()?;
        attribute.element()?;
        attribute.finish()?;
        if attributes.is_empty() {
            return Ok(());
        }
    }
}

/// Whether a DER `GeneralName` says where a CRL is: a URI or a directory name. RFC 5280 §4.2.1.13
/// gives no other form a meaning there; the CA/Browser Forum's Baseline Requirements (§7.2.2.1) and
/// AWS Private CA know URIs only.
pub fn is_place(general_name: &[u8]) -> bool {
    matches!(
        general_name.first(),
        Some(&(UNIFORM_RESOURCE_IDENTIFIER | DIRECTORY_NAME))
    )
}

/// Shows a DER `GeneralName`: a URI as its text, anything else as hexadecimal.
pub struct DisplayName<'a>(
    /// The DER `GeneralName`.
    pub &'a [u8],
);

impl fmt::Display for DisplayName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match uri(self.0) {
            Some(text) => write!(f, "{}", text.escape_debug()),
            None => self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
        }
    }
}

/// The text of a `uniformResourceIdentifier [6] IA5String`.
fn uri(general_name: &[u8]) -> Option<&str> {
    let element = Reader::new(general_name)
        .expect(UNIFORM_RESOURCE_IDENTIFIER)
        .ok()?;
    std::str::from_utf8(element.content)
        .ok()
        .filter(|text| text.is_ascii())
}

/// `directoryName [4] Name` of the issuer's name with one more relative distinguished name.
fn complete_relative_name(attributes: &[u8], issuer: &[u8]) -> Result<Vec<u8>, DerError> {
    check_relative_name(attributes)?;
    let rdn_sequence = Reader::new(issuer).expect(tag::SEQUENCE)?.content;
    let mut relative_names = rdn_sequence.to_vec();
    write_element(&mut relative_names, tag::SET, attributes);
    let mut name = Vec::new();
    write_element(&mut name, tag::SEQUENCE, &relative_names);
    let mut general_name = Vec::new();
    write_element(&mut general_name, DIRECTORY_NAME, &name);
    Ok(general_name)
}

/// The most distribution points of one certificate. AWS Private CA writes one.
pub const MAX_POINTS: usize = 32;

/// The most names of one distribution point, and of all those of a certificate. A relative name takes
/// as much memory as its issuer's, however short it is itself.
pub const MAX_NAMES: usize = 32;

const FULL_NAME: u8 = tag::context_constructed(0);
const NAME_RELATIVE_TO_CRL_ISSUER: u8 = tag::context_constructed(1);
const UNIFORM_RESOURCE_IDENTIFIER: u8 = tag::context(6);
const DIRECTORY_NAME: u8 = tag::context_constructed(4);

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_element(&mut out, tag, content);
        out
    }

    fn uri_name(text: &str) -> Vec<u8> {
        element(UNIFORM_RESOURCE_IDENTIFIER, text.as_bytes())
    }

    fn full_name(names: &[Vec<u8>]) -> Vec<u8> {
        element(
            tag::context_constructed(0),
            &element(FULL_NAME, &names.concat()),
        )
    }

    fn points(points: &[Vec<u8>]) -> Result<Vec<DistributionPoint>, DerError> {
        let value = element(tag::SEQUENCE, &points.concat());
        read_crl_distribution_points(&value, &element(tag::SEQUENCE, &[]))
    }

    #[test]
    fn several_points_with_several_names() {
        let (a, b) = (uri_name("http://a/1.crl"), uri_name("ldap://b/cn=x?list"));
        let first = element(tag::SEQUENCE, &full_name(&[b.clone(), a.clone()]));
        let reasons = element(tag::context(1), &[0x01, 0x02]);
        let second = element(
            tag::SEQUENCE,
            &[full_name(std::slice::from_ref(&a)), reasons].concat(),
        );
        let third = element(tag::SEQUENCE, &element(tag::context_constructed(2), &b));
        let host = element(tag::context(2), b"example.com");
        let fourth = element(tag::SEQUENCE, &full_name(&[a.clone(), host]));
        let found = points(&[first, second, third, fourth]).unwrap();
        assert_eq!(found[0].names, [a.clone(), b]);
        assert_eq!(
            found[0].uri_paths().collect::<Vec<_>>(),
            ["/1.crl", "/cn=x"]
        );
        assert!(found[0].is_conclusive());
        assert_eq!(found[1].names, [a]);
        assert!(found[1].only_some_reasons && !found[1].is_conclusive());
        assert!(found[2].names_crl_issuer && !found[2].is_conclusive());
        // A host is no place where a CRL could be.
        assert!(!found[3].is_conclusive());
    }

    #[test]
    fn no_point_no_name_and_trailing_octets_are_refused() {
        assert_eq!(points(&[]), Err(DerError::Truncated));
        let no_name = element(tag::SEQUENCE, &full_name(&[]));
        assert_eq!(points(&[no_name]), Err(DerError::Truncated));
        let extra = [
            full_name(&[uri_name("http://a")]),
            element(tag::INTEGER, &[1]),
        ]
        .concat();
        assert_eq!(
            points(&[element(tag::SEQUENCE, &extra)]),
            Err(DerError::TrailingOctets)
        );
    }

    /// Each relative name is completed with the whole name of the issuer.
    #[test]
    fn more_points_or_names_than_anybody_needs_are_refused() {
        let uri = || uri_name("http://a");
        let point = |names: usize| element(tag::SEQUENCE, &full_name(&vec![uri(); names]));
        assert_eq!(points(&[point(MAX_NAMES)]).unwrap().len(), 1);
        assert_eq!(points(&[point(MAX_NAMES + 1)]), Err(DerError::TooMany));
        let many = |count: usize| points(&vec![point(1); count]).map(|points| points.len());
        assert_eq!(many(MAX_POINTS), Ok(MAX_POINTS));
        assert_eq!(many(MAX_POINTS + 1), Err(DerError::TooMany));
    }

    #[test]
    fn a_relative_name_stands_for_the_completed_directory_name() {
        let rdn = |text: &str| {
            let value = [
                &[0x06, 0x03, 0x55, 0x04, 0x03][..],
                &element(0x0c, text.as_bytes()),
            ];
            element(tag::SEQUENCE, &value.concat())
        };
        let issuer = element(tag::SEQUENCE, &element(tag::SET, &rdn("CA")));
        let relative = element(NAME_RELATIVE_TO_CRL_ISSUER, &rdn("CRL1"));
        let explicit = element(tag::context_constructed(0), &relative);
        let whole = [
            element(tag::SET, &rdn("CA")),
            element(tag::SET, &rdn("CRL1")),
        ]
        .concat();
        let expected = element(DIRECTORY_NAME, &element(tag::SEQUENCE, &whole));
        let mut reader = Reader::new(&explicit);
        let names = read_distribution_point_name(&reader.element().unwrap(), &issuer);
        assert_eq!(names, Ok(vec![expected]));
    }

    #[test]
    fn names_are_shown_without_control_characters() {
        let name = uri_name("http://a/\u{1b}[31m\n");
        assert_eq!(DisplayName(&name).to_string(), "http://a/\\u{1b}[31m\\n");
        assert_eq!(DisplayName(&[0x82, 0x01, 0x61]).to_string(), "820161");
    }
}
