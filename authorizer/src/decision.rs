//! From status to decision: the policy, and nothing else. Pure and exhaustive.

use revocation::{Origin, RevokedBy, Status, StatusSource, UnixTime, UnknownReason};

use crate::client_cert::ClientCert;

/// What is done with a request, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    /// What API Gateway is told.
    pub effect: Effect,
    /// Why; in shadow mode, why it would have been denied.
    pub reason: Reason,
}

/// What API Gateway is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Effect {
    Allow,
    Deny,
}

impl Effect {
    /// The word for it in responses and log lines, stable between releases.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// Why a request is allowed or denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The certificate is not revoked.
    NotRevoked,
    /// A CRL lists the certificate.
    Revoked,
    /// The CA that issued the certificate is revoked.
    IssuerRevoked,
    /// The CA that issued the certificate has announced that it is revoked; no CRL lists it yet.
    RevocationAnnounced,
    /// The operator has blocked the certificate.
    Blocked,
    /// The operator has blocked the certificate's public key.
    KeyBlocked,
    /// The CA that issued the certificate is not in the truststore.
    UnknownIssuer,
    /// The CA that issued the certificate has published no CRL.
    IssuerWithoutCrl,
    /// The CRL partition that the certificate belongs to is missing.
    MissingPartition,
    /// The CRL that covers the certificate is past its nextUpdate.
    CrlExpired,
    /// Whether the CA that issued the certificate is revoked is not known: the CRL of its own issuer
    /// is missing or past its nextUpdate.
    IssuerStatusUnknown,
    /// The request came without a client certificate, so not through the mutual TLS domain.
    NoClientCertificate,
    /// The client certificate cannot be read.
    CertificateUnreadable,
    /// The client certificate is not valid yet.
    CertificateNotYetValid,
    /// The client certificate is not valid any more.
    CertificateExpired,
    /// The client certificate is not said to be for TLS clients.
    NotForClientAuth,
    /// The event names no API that an IAM policy could allow.
    EventUnreadable,
}

impl Reason {
    /// Every one, in the order of the declaration.
    pub const ALL: [Self; 17] = [
        Self::NotRevoked,
        Self::Revoked,
        Self::IssuerRevoked,
        Self::RevocationAnnounced,
        Self::Blocked,
        Self::KeyBlocked,
        Self::UnknownIssuer,
        Self::IssuerWithoutCrl,
        Self::MissingPartition,
        Self::CrlExpired,
        Self::IssuerStatusUnknown,
        Self::NoClientCertificate,
        Self::CertificateUnreadable,
        Self::CertificateNotYetValid,
        Self::CertificateExpired,
        Self::NotForClientAuth,
        Self::EventUnreadable,
    ];

    /// The word for it in responses and log lines, stable between releases.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotRevoked => "not-revoked",
            Self::Revoked => "revoked",
            Self::IssuerRevoked => "issuer-revoked",
            Self::RevocationAnnounced => "revocation-announced",
            Self::Blocked => "blocked",
            Self::KeyBlocked => "key-blocked",
            Self::UnknownIssuer => "unknown-issuer",
            Self::IssuerWithoutCrl => "issuer-without-crl",
            Self::MissingPartition => "missing-partition",
            Self::CrlExpired => "crl-expired",
            Self::IssuerStatusUnknown => "issuer-status-unknown",
            Self::NoClientCertificate => "no-client-certificate",
            Self::CertificateUnreadable => "certificate-unreadable",
            Self::CertificateNotYetValid => "certificate-not-yet-valid",
            Self::CertificateExpired => "certificate-expired",
            Self::NotForClientAuth => "not-for-client-auth",
            Self::EventUnreadable => "event-unreadable",
        }
    }

    /// The metric that counts it, stable between releases.
    pub const fn metric(self) -> &'static str {
        match self {
            Self::NotRevoked => "NotRevoked",
            Self::Revoked => "Revoked",
            Self::IssuerRevoked => "IssuerRevoked",
            Self::RevocationAnnounced => "RevocationAnnounced",
            Self::Blocked => "Blocked",
            Self::KeyBlocked => "KeyBlocked",
            Self::UnknownIssuer => "UnknownIssuer",
            Self::IssuerWithoutCrl => "IssuerWithoutCrl",
            Self::MissingPartition => "MissingPartition",
            Self::CrlExpired => "CrlExpired",
            Self::IssuerStatusUnknown => "IssuerStatusUnknown",
            Self::NoClientCertificate => "NoClientCertificate",
            Self::CertificateUnreadable => "CertificateUnreadable",
            Self::CertificateNotYetValid => "CertificateNotYetValid",
            Self::CertificateExpired => "CertificateExpired",
            Self::NotForClientAuth => "NotForClientAuth",
            Self::EventUnreadable => "EventUnreadable",
        }
    }
}

impl From<UnknownReason> for Reason {
    fn from(reason: UnknownReason) -> Self {
        match reason {
            UnknownReason::Issuer => Self::UnknownIssuer,
            UnknownReason::NoCrl => Self::IssuerWithoutCrl,
            UnknownReason::Partition => Self::MissingPartition,
            UnknownReason::Expired => Self::CrlExpired,
            UnknownReason::IssuerStatus => Self::IssuerStatusUnknown,
        }
    }
}

/// What the operator wants done where the snapshot cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether denials take effect.
    pub mode: Mode,
    /// For [`Reason::UnknownIssuer`].
    pub unknown_issuer: OnUnknown,
    /// For [`Reason::IssuerWithoutCrl`].
    pub issuer_without_crl: OnUnknown,
    /// For [`Reason::MissingPartition`].
    pub missing_partition: OnUnknown,
    /// For [`Reason::CrlExpired`].
    pub expired_crl: OnUnknown,
    /// For [`Reason::IssuerStatusUnknown`].
    pub issuer_status_unknown: OnUnknown,
    /// For how many seconds after its nextUpdate a CRL still counts as fresh.
    pub expired_crl_grace: i64,
    /// Whether a certificate has to say that it is for TLS clients: by an extended key usage (RFC 5280
    /// §4.2.1.12) with clientAuth or anyExtendedKeyUsage. API Gateway does not ask for that.
    pub requires_client_auth: bool,
}

/// Deny everything that is not known to be good.
impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            unknown_issuer: OnUnknown::Deny,
            issuer_without_crl: OnUnknown::Deny,
            missing_partition: OnUnknown::Deny,
            expired_crl: OnUnknown::Deny,
            issuer_status_unknown: OnUnknown::Deny,
            expired_crl_grace: 0,
            requires_client_auth: false,
        }
    }
}

/// Whether denials take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They do.
    Enforce,
    /// They are only logged, and every request is allowed.
    Shadow,
}

/// What is done where the status is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum OnUnknown {
    Deny,
    Allow,
}

/// Decides about the certificate of a request, or the reason why there is none to decide about.
///
/// # Errors
/// The snapshot has no answer yet.
pub fn decide<S: StatusSource>(
    certificate: Result<&ClientCert, Reason>,
    snapshot: &S,
    now: UnixTime,
    policy: &Policy,
) -> Result<Decision, S::Undecided> {
    let reason = match certificate {
        Ok(certificate) => assess(certificate, snapshot, now, policy)?,
        Err(reason) => reason,
    };
    let effect = match (policy.on(reason), policy.mode) {
        (OnUnknown::Allow, _) | (OnUnknown::Deny, Mode::Shadow) => Effect::Allow,
        (OnUnknown::Deny, Mode::Enforce) => Effect::Deny,
    };
    Ok(Decision { effect, reason })
}

impl Policy {
    fn on(&self, reason: Reason) -> OnUnknown {
        match reason {
            Reason::NotRevoked => OnUnknown::Allow,
            Reason::UnknownIssuer => self.unknown_issuer,
            Reason::IssuerWithoutCrl => self.issuer_without_crl,
            Reason::MissingPartition => self.missing_partition,
            Reason::CrlExpired => self.expired_crl,
            Reason::IssuerStatusUnknown => self.issuer_status_unknown,
            Reason::Revoked
            | Reason::IssuerRevoked
            | Reason::RevocationAnnounced
            | Reason::Blocked
            | Reason::KeyBlocked
            | Reason::NoClientCertificate
            | Reason::CertificateUnreadable
            | Reason::CertificateNotYetValid
            | Reason::CertificateExpired
            | Reason::NotForClientAuth
            | Reason::EventUnreadable => OnUnknown::Deny,
        }
    }
}

fn assess<S: StatusSource>(
    certificate: &ClientCert,
    snapshot: &S,
    now: UnixTime,
    policy: &Policy,
) -> Result<Reason, S::Undecided> {
    if now < certificate.not_before {
        return Ok(Reason::CertificateNotYetValid);
    }
    if now > certificate.not_after {
        return Ok(Reason::CertificateExpired);
    }
    if policy.requires_client_auth && !certificate.is_for_client_auth {
        return Ok(Reason::NotForClientAuth);
    }
    let status = snapshot.status(&certificate.as_certificate(), now, policy.expired_crl_grace)?;
    Ok(match status {
        Status::NotRevoked => Reason::NotRevoked,
        Status::Revoked(RevokedBy::Listing) => Reason::Revoked,
        Status::Revoked(RevokedBy::Issuer) => Reason::IssuerRevoked,
        Status::Revoked(RevokedBy::Notice(Origin::Announcement)) => Reason::RevocationAnnounced,
        Status::Revoked(RevokedBy::Notice(Origin::Override)) => Reason::Blocked,
        Status::Revoked(RevokedBy::BlockedKey) => Reason::KeyBlocked,
        Status::Unknown(reasons) => {
            // One that the policy denies counts for more than those that it lets pass.
            let mut reasons = reasons.iter().map(Reason::from);
            let first = reasons.next().unwrap_or(Reason::UnknownIssuer);
            match policy.on(first) {
                OnUnknown::Deny => first,
                OnUnknown::Allow => reasons
                    .find(|reason| policy.on(*reason) == OnUnknown::Deny)
                    .unwrap_or(first),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use revocation::{Contents, CrlNumber, CrlRecord, Issuer, IssuerRecord, ObjectRef};
    use revocation::{RevokedSet, Scope, Snapshot};
    use testkit::pki::Ca;

    /// A certificate of a CA whose CRL is stale and of which nothing else is known either.
    fn decision(policy: &Policy) -> Decision {
        let ca = Ca::root("Issuing CA");
        let client = ClientCert::from_der(ca.issue("client").certificate_der()).unwrap();
        let now = client.not_before;
        let stale = CrlRecord {
            scope: Scope::complete(),
            number: CrlNumber::from_der_integer(&[1]).unwrap(),
            this_update: now.plus(-2),
            next_update: now.plus(-1),
            source: ObjectRef::default(),
            digest: [0; 32],
            revoked: RevokedSet::from_serials(Vec::new()).unwrap(),
        };
        let issuer = Issuer {
            name: ca.name_der().to_vec(),
            key_id: ca.key_id().to_vec(),
        };
        let record = IssuerRecord {
            good_until: UnixTime::MIN,
            crls: vec![stale],
            ..IssuerRecord::new(issuer)
        };
        let contents = Contents {
            built_at: now,
            builder: String::new(),
            truststore: ObjectRef::default(),
            blocked_keys: Vec::new(),
            issuers: vec![record],
        };
        let snapshot = Snapshot::decode(contents.encode().unwrap()).unwrap();
        let Ok(decision) = decide(Ok(&client), &snapshot, now, policy);
        decision
    }

    #[test]
    fn a_reason_that_is_let_pass_does_not_hide_one_that_is_not() {
        let policy = |expired_crl, issuer_status_unknown| Policy {
            expired_crl,
            issuer_status_unknown,
            ..Policy::default()
        };
        let (allow, deny) = (OnUnknown::Allow, OnUnknown::Deny);
        for (policy, effect, reason) in [
            (policy(deny, deny), Effect::Deny, Reason::CrlExpired),
            (
                policy(allow, deny),
                Effect::Deny,
                Reason::IssuerStatusUnknown,
            ),
            (policy(deny, allow), Effect::Deny, Reason::CrlExpired),
            (policy(allow, allow), Effect::Allow, Reason::CrlExpired),
        ] {
            assert_eq!(decision(&policy), Decision { effect, reason });
        }
    }
}
