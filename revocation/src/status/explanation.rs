//! What an [`Outlook`] follows from: for people who ask why. It takes more time and memory than the
//! answer itself, and no decision depends on it.

use super::{
    Authority, Certificate, Outlook, UnknownReason, blocked_key, candidates, crl_signers,
    fresh_until, outlook_under, vouches_until, whole,
};
use crate::notice::{BlockedKey, Notice};
use crate::snapshot::{CrlView, IssuerView, Snapshot};
use crate::time::UnixTime;

/// What a snapshot knows of a certificate, CA by CA and CRL by CRL.
pub struct Explanation<'a> {
    /// The CAs that may have issued the certificate. None: its issuer is unknown. More than one only
    /// where the certificate does not tell them apart.
    pub issuers: Vec<IssuerFinding<'a>>,
    /// The block of its public key.
    pub blocked_key: Option<BlockedKey>,
}

/// What is known of a certificate if that CA issued it.
pub struct IssuerFinding<'a> {
    /// The CA.
    pub issuer: IssuerView<'a>,
    /// Why it may have issued the certificate.
    pub referred_by: ReferredBy,
    /// What is said of the certificate ahead of a CRL.
    pub notices: Vec<Notice>,
    /// Its CRLs, and then those of the CRL signers of its name.
    pub crls: Vec<CrlFinding<'a>>,
    /// Which of them are authoritative; `None`: none is.
    pub authority: Option<Authority>,
    /// What follows.
    pub outlook: Outlook,
}

/// What a CRL says of a certificate.
pub struct CrlFinding<'a> {
    /// The CRL.
    pub crl: CrlView<'a>,
    /// Whose it is, where it is not the CA's own.
    pub signer: Option<IssuerView<'a>>,
    /// Whether it lists the certificate's serial number.
    pub lists: bool,
    /// Whether it is authoritative for the certificate.
    pub is_authoritative: bool,
    /// Until when it is fresh, grace not included: its nextUpdate, or the moment before up to which
    /// its signer is known to be good.
    pub fresh_until: UnixTime,
}

/// Why a CA may have issued a certificate that has its name as issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferredBy {
    /// The certificate has the CA's key identifier.
    KeyId,
    /// The certificate has a key identifier, and the CA states none: it may mean any.
    UnstatedKeyId,
    /// The certificate has no key identifier.
    NameAlone,
}

impl<D: AsRef<[u8]>> Snapshot<D> {
    /// Why [`Self::outlook`] is what it is: O(log n) for each CRL of the issuer.
    pub fn explain(&self, certificate: &Certificate<'_>) -> Explanation<'_> {
        let named = self.issuers_named(certificate.issuer);
        let issuers = candidates(named.clone(), certificate)
            .map(|issuer| IssuerFinding::new(issuer, crl_signers(named.clone()), certificate));
        Explanation {
            issuers: issuers.collect(),
            blocked_key: blocked_key(self.blocked_keys(), certificate),
        }
    }
}

impl Explanation<'_> {
    /// What follows from all of it: the same as [`Snapshot::outlook`].
    pub fn outlook(&self) -> Outlook {
        let outlooks = self.issuers.iter().map(|finding| finding.outlook);
        outlooks
            .reduce(Outlook::or)
            .unwrap_or_else(|| Outlook::unknown(UnknownReason::Issuer))
            .with_key(self.blocked_key)
    }
}

impl<'a> IssuerFinding<'a> {
    fn new(
        issuer: IssuerView<'a>,
        signers: impl Iterator<Item = IssuerView<'a>> + Clone,
        certificate: &Certificate<'_>,
    ) -> Self {
        let own = issuer.crls().map(|crl| (crl, None, crl.next_update));
        let of_signers = signers.clone().flat_map(|signer| {
            let until = vouches_until(signer);
            let crls = signer.crls();
            crls.map(move |crl| (crl, Some(signer), crl.next_update.min(until)))
        });
        let crls: Vec<_> = own.chain(of_signers).collect();
        let untils: Vec<_> = crls.iter().map(|(crl, _, until)| (*crl, *until)).collect();
        let authority = fresh_until(&untils, certificate).map(|(authority, _)| authority);
        let crls = crls
            .into_iter()
            .map(|(crl, signer, fresh_until)| CrlFinding {
                crl,
                signer,
                lists: crl.revoked.contains(&certificate.serial),
                is_authoritative: authority
                    .is_some_and(|authority| authority.includes(&crl, certificate)),
                fresh_until,
            });
        Self {
            issuer,
            referred_by: match certificate.authority_key_id {
                None => ReferredBy::NameAlone,
                Some(key_id) if key_id == issuer.key_id => ReferredBy::KeyId,
                Some(_) => ReferredBy::UnstatedKeyId,
            },
            notices: issuer.notices.about(&certificate.serial).collect(),
            crls: crls.collect(),
            authority,
            outlook: whole(outlook_under(issuer, signers, certificate)),
        }
    }
}
