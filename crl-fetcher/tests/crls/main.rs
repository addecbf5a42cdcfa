//! CRLs from octets to the contents of a snapshot, without S3 and without a clock: which are
//! accepted, which are refused and why, and what the ledger makes of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how these tests fail"
)]

mod accepted;
mod cas;
mod catalogue;
mod ledger;
mod notices;
mod overrides;
mod refused;

use crl_fetcher::crl::{CertificateList, VerifiedCrl};
use crl_fetcher::ledger::{Adopted, Ledger};
use crl_fetcher::refusal::Refusal;
use crl_fetcher::truststore::Truststore;
use revocation::{
    Certificate, CertificateKind, Contents, CrlRecord, Issuer, ObjectRef, SerialNumber, Snapshot,
    Status, UnixTime,
};
use testkit::pki::{Ca, CrlBuilder};

/// 2026-11-15T00:00:00Z: two weeks into the life of the CRLs that testkit writes.
const NOW: UnixTime = UnixTime::from_seconds(1_794_700_800);

fn truststore(cas: &[&Ca]) -> Truststore {
    let pem: String = cas.iter().map(|ca| ca.certificate_pem()).collect();
    Truststore::read(pem.as_bytes()).unwrap()
}

fn verify(crl: &[u8], truststore: &Truststore) -> Result<VerifiedCrl, Refusal> {
    CertificateList::from_der(crl)?.verify(truststore, NOW)
}

/// What the snapshot would keep of a CRL that must be accepted.
fn record(crl: &[u8], truststore: &Truststore) -> CrlRecord {
    let verified = verify(crl, truststore).unwrap();
    verified.into_record(object("crl/a.crl", "1")).unwrap().1
}

/// One refresh: `held`, and every one of these CRLs on top of it, each from an object of its own.
fn contents_of(truststore: &Truststore, held: Option<Contents>, crls: &[CrlBuilder]) -> Contents {
    let mut ledger = Ledger::new(truststore, held);
    for (index, crl) in crls.iter().enumerate() {
        let verified = verify(&crl.der(), truststore).unwrap();
        let source = object(&format!("crl/{index}.crl"), "1");
        assert_eq!(ledger.adopt(verified, source), Ok(Adopted::New));
    }
    ledger.into_contents(NOW, ObjectRef::default())
}

/// Of the certificate of this CA with that serial number and, in one octet, public key.
fn status(contents: &Contents, ca: &Ca, number: u8, public_key: u8, now: UnixTime) -> Status {
    let snapshot = Snapshot::decode(contents.encode().unwrap()).unwrap();
    let certificate = Certificate {
        issuer: ca.name_der(),
        authority_key_id: Some(ca.key_id()),
        serial: serial(&[number]),
        distribution_points: &[],
        kind: CertificateKind::EndEntity,
        public_key: &[public_key],
    };
    let status = snapshot.status(&certificate, now, 0);
    assert_eq!(contents.outlook(&certificate).at(now, 0), status);
    status
}

fn issuer(ca: &Ca) -> Issuer {
    Issuer {
        name: ca.name_der().to_vec(),
        key_id: ca.key_id().to_vec(),
    }
}

fn object(key: &str, etag: &str) -> ObjectRef {
    ObjectRef {
        key: key.to_owned(),
        etag: etag.to_owned(),
    }
}

fn serial(content: &[u8]) -> SerialNumber {
    SerialNumber::from_der_integer(content).unwrap()
}
