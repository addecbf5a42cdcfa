//! What every run has in common: one moment, the seeds, and a CA whose private key is no secret.
//!
//! A fuzzer cannot sign. So that what it changes in a CRL is still looked at behind the signature,
//! the checks sign it anew ([`signed`]), just as they put right a snapshot's checksum.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aws_lc_rs::signature::Ed25519KeyPair;
use crl_fetcher::truststore::Truststore;
use revocation::UnixTime;
use revocation::der::{Reader, tag, write_element};

/// 2026-11-15T00:00:00Z: in the middle of the validity of the sound seeds.
pub const NOW: UnixTime = UnixTime::from_seconds(1_794_700_800);

/// The CAs with the key of [`signed`], as PEM.
pub const TRUSTSTORE: &str = "truststore.pem";

/// CAs with keys of other kinds, which nobody has any more, as PEM.
pub const OTHER_KEYS: &str = "truststore-other-keys.pem";

/// The CAs of both files.
pub fn truststore() -> &'static Truststore {
    static READ: LazyLock<Truststore> = LazyLock::new(|| {
        Truststore::merge([TRUSTSTORE, OTHER_KEYS].map(|name| {
            Truststore::read(&seed("certificate", name)).expect("a truststore of the seeds")
        }))
    });
    &READ
}

/// One seed of a target.
pub fn seed(target: &str, name: &str) -> Vec<u8> {
    let path = seeds(target).join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The folder of a target's seeds. Seen from the test's package as from the targets'.
pub fn seeds(target: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds")).join(target)
}

/// A certificate or CRL with the signature it would have from the CAs of [`TRUSTSTORE`]; `None`
/// where the octets are not made of a signed part, an algorithm and a third element.
pub fn signed(der: &[u8]) -> Option<Vec<u8>> {
    let [to_be_signed, algorithm] = parts(der)?;
    let signature = key().sign(to_be_signed);
    let mut content = [to_be_signed, algorithm].concat();
    let whole_octets = [&[0], signature.as_ref()].concat();
    write_element(&mut content, tag::BIT_STRING, &whole_octets);
    let mut signed = Vec::new();
    write_element(&mut signed, tag::SEQUENCE, &content);
    Some(signed)
}

/// What the signature of a certificate or CRL is over, and its algorithm.
pub fn parts(der: &[u8]) -> Option<[&[u8]; 2]> {
    let mut outer = Reader::new(der);
    let mut fields = outer.sequence().ok()?;
    let to_be_signed = fields.expect(tag::SEQUENCE).ok()?.raw;
    let algorithm = fields.expect(tag::SEQUENCE).ok()?.raw;
    fields.element().ok()?;
    fields.finish().ok()?;
    outer.finish().ok()?;
    Some([to_be_signed, algorithm])
}

/// The key pair that everybody has.
pub fn key() -> &'static Ed25519KeyPair {
    static KEY: LazyLock<Ed25519KeyPair> = LazyLock::new(|| {
        Ed25519KeyPair::from_seed_unchecked(b"for fuzzing only, not a secret!!").expect("32 octets")
    });
    &KEY
}
