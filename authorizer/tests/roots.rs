//! The compiled-in CAs are the ones Amazon publishes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test fails"
)]

use std::fmt::Write;
use std::path::Path;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

/// File, SHA-256 of the certificate, SHA-256 of its SubjectPublicKeyInfo as published in
/// <https://www.amazontrust.com/repository/>.
const ROOTS: [(&str, &str, &str); 5] = [
    (
        "amazon-root-ca-1.pem",
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
    ),
    (
        "amazon-root-ca-2.pem",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
    ),
    (
        "amazon-root-ca-3.pem",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
    ),
    (
        "amazon-root-ca-4.pem",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
    ),
    (
        "starfield-services-root-ca-g2.pem",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92",
    ),
];

#[test]
fn each_root_has_the_digests_that_amazon_publishes() {
    for (file, certificate_sha256, key_sha256) in ROOTS {
        let der = CertificateDer::from_pem_file(directory().join(file)).unwrap();
        let (rest, certificate) = X509Certificate::from_der(&der).unwrap();
        assert!(rest.is_empty(), "{file}");
        assert_eq!(sha256(&der), certificate_sha256, "{file}");
        assert_eq!(sha256(certificate.public_key().raw), key_sha256, "{file}");
        assert!(RootCertStore::empty().add(der.clone()).is_ok(), "{file}");
    }
}

#[test]
fn there_are_no_other_roots() {
    let found = std::fs::read_dir(directory()).unwrap();
    let mut found: Vec<_> = found
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    found.sort();
    assert_eq!(found, ROOTS.map(|(file, _, _)| file.to_owned()));
}

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/roots"))
}

fn sha256(octets: &[u8]) -> String {
    let mut hex = String::new();
    for octet in Sha256::digest(octets) {
        write!(hex, "{octet:02x}").unwrap();
    }
    hex
}
