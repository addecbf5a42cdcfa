//! From status to decision: the policy, and nothing else. Pure and exhaustive.

use revocation::{RevokedBy, Snapshot, Status, UnixTime, UnknownReason};

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
    /// The CA that issued the certificate is not in the truststore.
    UnknownIssuer,
    /// The CA that issued the certificate has published no CRL.
    IssuerWithoutCrl,
    /// The CRL partition that the certificate belongs to is missing.
    MissingPartition,
    /// The CRL that covers the certificate is past its nextUpdate.
    CrlExpired,
    /// The request came without a client certificate, so not through the mutual TLS domain.
    NoClientCertificate,
    /// The client certificate cannot be read.
    CertificateUnreadable,
    /// The client certificate is not valid yet.
    CertificateNotYetValid,
    /// The client certificate is not valid any more.
    CertificateExpired,
    /// The event names no API that an IAM policy could allow.
    EventUnreadable,
}

impl Reason {
    /// The word for it in responses and log lines, stable between releases.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotRevoked => "not-revoked",
            Self::Revoked => "revoked",
            Self::IssuerRevoked => "issuer-revoked",
            Self::UnknownIssuer => "unknown-issuer",
            Self::IssuerWithoutCrl => "issuer-without-crl",
            Self::MissingPartition => "missing-partition",
            Self::CrlExpired => "crl-expired",
            Self::NoClientCertificate => "no-client-certificate",
            Self::CertificateUnreadable => "certificate-unreadable",
            Self::CertificateNotYetValid => "certificate-not-yet-valid",
            Self::CertificateExpired => "certificate-expired",
            Self::EventUnreadable => "event-unreadable",
        }
    }
}

impl From<Status> for Reason {
    fn from(status: Status) -> Self {
        match status {
            Status::NotRevoked => Self::NotRevoked,
            Status::Revoked(RevokedBy::Listing) => Self::Revoked,
            Status::Revoked(RevokedBy::Issuer) => Self::IssuerRevoked,
            Status::Unknown(UnknownReason::Issuer) => Self::UnknownIssuer,
            Status::Unknown(UnknownReason::NoCrl) => Self::IssuerWithoutCrl,
            Status::Unknown(UnknownReason::Partition) => Self::MissingPartition,
            Status::Unknown(UnknownReason::Expired) => Self::CrlExpired,
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
    /// For how many seconds after its nextUpdate a CRL still counts as fresh.
    pub expired_crl_grace: i64,
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
            expired_crl_grace: 0,
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
pub fn decide<D: AsRef<[u8]>>(
    certificate: Result<&ClientCert, Reason>,
    snapshot: &Snapshot<D>,
    now: UnixTime,
    policy: &Policy,
) -> Decision {
    let reason = match certificate {
        Ok(certificate) => assess(certificate, snapshot, now, policy),
        Err(reason) => reason,
    };
    let permitted = match reason {
        Reason::NotRevoked => OnUnknown::Allow,
        Reason::UnknownIssuer => policy.unknown_issuer,
        Reason::IssuerWithoutCrl => policy.issuer_without_crl,
        Reason::MissingPartition => policy.missing_partition,
        Reason::CrlExpired => policy.expired_crl,
        Reason::Revoked
        | Reason::IssuerRevoked
        | Reason::NoClientCertificate
        | Reason::CertificateUnreadable
        | Reason::CertificateNotYetValid
        | Reason::CertificateExpired
        | Reason::EventUnreadable => OnUnknown::Deny,
    };
    let effect = match (permitted, policy.mode) {
        (OnUnknown::Allow, _) | (OnUnknown::Deny, Mode::Shadow) => Effect::Allow,
        (OnUnknown::Deny, Mode::Enforce) => Effect::Deny,
    };
    Decision { effect, reason }
}

fn assess<D: AsRef<[u8]>>(
    certificate: &ClientCert,
    snapshot: &Snapshot<D>,
    now: UnixTime,
    policy: &Policy,
) -> Reason {
    if now < certificate.not_before {
        return Reason::CertificateNotYetValid;
    }
    if now > certificate.not_after {
        return Reason::CertificateExpired;
    }
    snapshot
        .status(&certificate.as_certificate(), now, policy.expired_crl_grace)
        .into()
}
