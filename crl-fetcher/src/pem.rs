//! Which objects are PEM (RFC 7468), and what is wrong with one that is broken.

use revocation::der::Reader;
use rustls_pki_types::pem::Error;

/// Whether octets are PEM, by content: they are not the one DER value that they would be else, and
/// somewhere in them a PEM block begins.
pub fn is_pem(octets: &[u8]) -> bool {
    let is_der = Reader::new(octets)
        .element()
        .is_ok_and(|element| element.raw == octets);
    !is_der && octets.windows(11).any(|window| window == b"-----BEGIN ")
}

/// In words of our own: the library's quote the text, which may be long and is believed by nobody.
pub(crate) fn describe(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "a block has no end of the same label".to_owned(),
        Error::IllegalSectionStart { .. } => "a block begins with a malformed line".to_owned(),
        Error::Base64Decode(what) => format!("a block is not Base64: {what}"),
        Error::NoItemsFound => "there is no block".to_owned(),
        _ => "a block is too large".to_owned(),
    }
}
