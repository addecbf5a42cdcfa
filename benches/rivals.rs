//! What else one could use for the same work, for the benches and the report alike.
//!
//! Each function does what its library is made for, and no more: that is often less than ours does
//! (no signature, no order, no checks), never more.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use aws_lambda_events::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2CustomAuthorizerV2Request,
};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList as WebpkiCrl, OwnedCertRevocationList,
};
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

/// The yardstick of ingest: no verification can do without one pass of a hash.
pub fn sha256(octets: &[u8]) -> [u8; 32] {
    let mut value = [0; 32];
    value.copy_from_slice(digest(&SHA256, octets).as_ref());
    value
}

/// The entries of a CRL, parsed by x509-parser into a vector. No signature is verified.
pub fn x509_parser(der: &[u8]) -> Option<u64> {
    let (_, list) = CertificateRevocationList::from_der(der).ok()?;
    u64::try_from(list.iter_revoked_certificates().count()).ok()
}

/// The entries of a CRL, parsed by x509-cert into a vector. No signature is verified.
pub fn x509_cert(der: &[u8]) -> Option<u64> {
    let list: CertificateList = CertificateList::from_der(der).ok()?;
    u64::try_from(list.tbs_cert_list.revoked_certificates?.len()).ok()
}

/// The entries of a CRL, read one after the other by rustls-webpki. No signature, nothing kept.
pub fn webpki_borrowed(der: &[u8]) -> Option<u64> {
    let list = BorrowedCertRevocationList::from_der(der).ok()?;
    let mut count = 0;
    for entry in &list {
        entry.ok()?;
        count += 1;
    }
    Some(count)
}

/// The CRL as rustls-webpki keeps it for look-ups, in a `BTreeMap`. No signature is verified.
pub fn webpki_owned(der: &[u8]) -> Option<WebpkiCrl<'static>> {
    Some(OwnedCertRevocationList::from_der(der).ok()?.into())
}

/// Whether rustls-webpki finds the content octets of a serial number in that CRL.
pub fn webpki_finds(crl: &WebpkiCrl<'_>, content: &[u8]) -> bool {
    crl.find_serial(content).is_ok_and(|found| found.is_some())
}

/// The standard library's hash set of these numbers.
pub fn hash_set(serials: &[[u8; 16]]) -> HashSet<[u8; 16]> {
    serials.iter().copied().collect()
}

/// hashbrown's set of them, with its own quick hash, which is no match for chosen numbers.
pub fn hashbrown_set(serials: &[[u8; 16]]) -> hashbrown::HashSet<[u8; 16]> {
    serials.iter().copied().collect()
}

/// The numbers one after the other, for binary search.
pub fn sorted(serials: &[[u8; 16]]) -> Vec<[u8; 16]> {
    let mut sorted = serials.to_vec();
    sorted.sort_unstable();
    sorted
}

/// Writes the finite state transducer that `fst` makes of a set; `sorted` has no duplicates.
pub fn write_fst(sorted: &[[u8; 16]], to: impl Write) -> Result<(), fst::Error> {
    let mut builder = fst::SetBuilder::new(to)?;
    for serial in sorted {
        builder.insert(serial)?;
    }
    builder.finish()
}

/// Writes the JSON object that AWS's published sample of a CRL authorizer keeps in S3: each number
/// a key in hexadecimal, with an empty text for its value.
pub fn write_json(serials: &[[u8; 16]], mut to: impl Write) -> io::Result<()> {
    let mut separator = "{";
    for serial in serials {
        let serial = u128::from_be_bytes(*serial);
        write!(to, "{separator}\"0x{serial:032x}\": \"\"")?;
        separator = ", ";
    }
    to.write_all(if serials.is_empty() { b"{}" } else { b"}" })
}

/// Reads that object, as the sample does.
pub fn read_json(octets: &[u8]) -> Option<HashMap<String, String>> {
    serde_json::from_slice(octets).ok()
}

/// The authorizer one would write first: the typed event of aws_lambda_events, x509-parser, a hash
/// set. No reasons, no policy, no validity, no context, no issuer.
pub fn first_thought_handler(event: &str, revoked: &HashSet<[u8; 16]>) -> Option<Vec<u8>> {
    let event: ApiGatewayV2CustomAuthorizerV2Request = serde_json::from_str(event).ok()?;
    let certificate = event.request_context.authentication?.client_cert?;
    let (_, pem) = parse_x509_pem(certificate.client_cert_pem?.as_bytes()).ok()?;
    let certificate = pem.parse_x509().ok()?;
    let content = certificate.raw_serial();
    let value = content.strip_prefix(&[0]).unwrap_or(content);
    let is_revoked = <[u8; 16]>::try_from(value).is_ok_and(|serial| revoked.contains(&serial));
    let response: ApiGatewayV2CustomAuthorizerSimpleResponse<Value> =
        serde_json::from_value(json!({"isAuthorized": !is_revoked, "context": {}})).ok()?;
    serde_json::to_vec(&response).ok()
}

/// The yardstick of requests: the event parsed into a tree.
pub fn value_parse(event: &str) -> Option<Value> {
    serde_json::from_str(event).ok()
}
