//! The verdict of rustls-webpki.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};

use crate::facts::Subject;
use crate::pki::{EncodedCrl, Pki};
use crate::plan::{CaCertificate, NOW};
use crate::verdict::{Judgement, Rival, Verdict};

/// It is given one path at a time, so that it finds the one that is meant.
pub(crate) fn judge(pki: &Pki<'_>, rival: Rival) -> Judgement {
    let paths = pki.plan.paths();
    Judgement::of_paths(
        paths
            .iter()
            .map(|path| judge_path(pki, rival, path))
            .collect(),
    )
}

fn judge_path(pki: &Pki<'_>, rival: Rival, path: &[CaCertificate]) -> Judgement {
    let der = |ca: &CaCertificate| CertificateDer::from(pki.ca(ca).certificate_der());
    let (root, intermediates) = path.split_last().expect("a root");
    let root = der(root);
    let anchors = [anchor_from_trusted_cert(&root).expect("a root certificate")];
    let intermediates: Vec<_> = intermediates.iter().map(der).collect();
    let leaf = CertificateDer::from(pki.leaf.certificate_der());
    let leaf = EndEntityCert::try_from(&leaf).expect("a client certificate");

    // One that it cannot read, it cannot use.
    let crls: Vec<CertRevocationList<'_>> = best_first(pki, path)
        .iter()
        .filter_map(|crl| OwnedCertRevocationList::from_der(&crl.der).ok())
        .map(CertRevocationList::from)
        .collect();
    let crls: Vec<_> = crls.iter().collect();
    let Ok(options) = RevocationOptionsBuilder::new(&crls) else {
        return Judgement::new(Verdict::Unknown, "no CRL that it can read");
    };
    let depth = if rival.is_chain() {
        RevocationCheckDepth::Chain
    } else {
        RevocationCheckDepth::EndEntity
    };
    let options = options
        .with_depth(depth)
        .with_status_policy(UnknownStatusPolicy::Deny)
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build();
    let now = Duration::from_secs(NOW.unsigned_abs());
    let result = leaf.verify_for_usage(
        &[webpki::aws_lc_rs::ECDSA_P256_SHA256],
        &anchors,
        &intermediates,
        UnixTime::since_unix_epoch(now),
        KeyUsage::client_auth(),
        Some(options),
        None,
    );
    match result {
        Ok(_) => Judgement::new(Verdict::Good, "Ok"),
        Err(error) => Judgement::new(verdict_of(&error), error.to_string()),
    }
}

fn verdict_of(error: &Error) -> Verdict {
    match error {
        Error::CertRevoked => Verdict::Revoked,
        Error::CrlExpired { .. }
        | Error::InvalidCrlSignatureForPublicKey
        | Error::UnknownRevocationStatus => Verdict::Unknown,
        other => panic!("it did not come to the CRLs: {other:?}"),
    }
}

/// It takes the first CRL that is authoritative, and no other. In which order a caller hands them
/// over is no difference that matters here: it gets the best ones first.
fn best_first<'a, 'p>(pki: &'a Pki<'p>, path: &[CaCertificate]) -> Vec<&'a EncodedCrl<'p>> {
    let plan = pki.plan;
    let cas = path
        .iter()
        .filter(|ca| !ca.is_root())
        .map(|ca| plan.ca_subject(ca));
    let subjects: Vec<Subject<'_>> = cas.chain([plan.leaf()]).collect();
    let mut crls: Vec<_> = pki.crls.iter().collect();
    crls.sort_by_key(|EncodedCrl { crl, .. }| {
        let of_subject = subjects.iter().find(|subject| subject.issuer == crl.ca);
        let lists = of_subject.is_some_and(|subject| plan.lists(crl, subject));
        (
            of_subject.is_none(),
            !plan.is_usable(crl),
            crl.has_ended(),
            !lists,
        )
    });
    crls
}
