//! Octets as an object of the CRL bucket.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use crl_fetcher::crl::{CertificateList, VerifiedCrl, crls_in};
use crl_fetcher::verify_all;
use revocation::{ObjectRef, RevokedSet, SerialNumber};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::fixed::{self, NOW};

/// How far the CRLs in the octets came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// So many verify as they are.
    pub verified: usize,
    /// So many verify, or would had the fixed CA signed them.
    pub verified_once_signed: usize,
}

/// Nothing panics. A CRL verifies as it is only where it was signed for the seeds; and of one that
/// verifies, an independent reader reads the same.
pub fn check(octets: &[u8]) -> Reached {
    let truststore = fixed::truststore();
    let results = verify_all(octets, truststore, NOW);
    let Ok(crls) = crls_in(octets) else {
        assert!(matches!(results[..], [Err(_)]));
        return Reached::default();
    };
    assert_eq!(results.len(), crls.len());
    let mut reached = Reached::default();
    for (der, result) in crls.iter().zip(results) {
        let is_verified = result.is_ok();
        if let Ok(crl) = result {
            let [to_be_signed, _] = fixed::parts(der).expect("a verified CRL has its parts");
            assert!(
                SIGNED.contains(to_be_signed),
                "a CRL verifies that nobody signed"
            );
            check_verified(der, crl);
            reached.verified += 1;
        }
        check_profile(der);
        let again = fixed::signed(der);
        let again = again.as_deref().map(|der| {
            let list = CertificateList::from_der(der)?;
            Ok::<_, crl_fetcher::refusal::Refusal>((der, list.verify(truststore, NOW)?))
        });
        let verifies_once_signed = match again {
            Some(Ok((der, crl))) => {
                check_verified(der, crl);
                true
            }
            _ => false,
        };
        reached.verified_once_signed += usize::from(is_verified || verifies_once_signed);
    }
    reached
}

/// What a CRL says is not believed yet, but read the same way already.
fn check_profile(der: &[u8]) {
    let Ok(list) = CertificateList::from_der(der) else {
        return;
    };
    let (Ok(profile), Ok((_, independent))) =
        (list.profile(), CertificateRevocationList::from_der(der))
    else {
        return;
    };
    let entries = independent.iter_revoked_certificates().count();
    assert_eq!(profile.entries(), entries);
}

fn check_verified(der: &[u8], crl: VerifiedCrl) {
    let (rest, independent) =
        CertificateRevocationList::from_der(der).expect("what verifies is a CRL for any reader");
    assert!(rest.is_empty());
    let profile = crl.profile();
    assert_eq!(crl.issuer().name, independent.issuer().as_raw());
    assert_eq!(
        profile.this_update.seconds(),
        independent.last_update().timestamp()
    );
    let next_update = independent.next_update().expect("every CRL has one");
    assert_eq!(profile.next_update.seconds(), next_update.timestamp());
    let number = independent.crl_number().expect("every CRL has one");
    let significant = number.to_bytes_be();
    let zeros = significant.iter().take_while(|&&octet| octet == 0).count();
    assert_eq!(profile.number.octets(), &significant[zeros..]);

    let listed: Vec<SerialNumber> = independent
        .iter_revoked_certificates()
        .map(|entry| SerialNumber::from_der_integer(entry.raw_serial()).expect("a serial number"))
        .collect();
    assert_eq!(profile.entries(), listed.len());
    let listed: BTreeSet<SerialNumber> = listed.into_iter().collect();
    let (_, record) = crl
        .into_record(ObjectRef::default())
        .expect("there is room for them");
    for serial in &listed {
        assert!(record.revoked.contains(serial), "{serial} is not revoked");
    }
    assert!(record.revoked.iter().eq(listed));
    let (first, second) = (record.revoked.first_plane(), record.revoked.second_plane());
    let decoded = RevokedSet::decode(first, second).expect("a set is the encoding of one");
    assert_eq!(decoded.to_owned(), record.revoked);
}

/// What was ever signed: the signed parts of the seeds.
static SIGNED: LazyLock<HashSet<Vec<u8>>> = LazyLock::new(|| {
    let files = std::fs::read_dir(fixed::seeds("crl")).expect("the folder of the seeds");
    let mut signed = HashSet::new();
    for file in files {
        let octets = std::fs::read(file.expect("a seed").path()).expect("a seed");
        for der in crls_in(&octets).unwrap_or_default() {
            signed.extend(fixed::parts(&der).map(|[to_be_signed, _]| to_be_signed.to_vec()));
        }
    }
    signed
});
