//! What is printed, for people and for scripts.

use std::fmt;

use authorizer::client_cert::ClientCert;
use authorizer::decision::{Effect, Policy, Reason, decide};
use crl_fetcher::refusal::Refusal;
use revocation::{CrlNumber, Snapshot, UnixTime};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The result of `inspect` and `check`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) crls: Vec<CrlReport>,
    pub(crate) certificate: Option<CertificateReport>,
    pub(crate) decision: Option<DecisionReport>,
}

/// One CRL.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CrlReport {
    pub(crate) file: String,
    /// Verified and supported.
    pub(crate) accepted: bool,
    /// thisUpdate is past, or within the allowed skew, and nextUpdate is not.
    pub(crate) current: bool,
    pub(crate) refusal: Option<RefusalReport>,
    pub(crate) issuer: Option<String>,
    #[serde(serialize_with = "as_json_number")]
    pub(crate) crl_number: Option<CrlNumber>,
    pub(crate) this_update: Option<String>,
    pub(crate) next_update: Option<String>,
    pub(crate) entries: Option<usize>,
    pub(crate) scope: Option<String>,
}

/// Why a CRL is not used.
#[derive(Debug, Serialize)]
pub(crate) struct RefusalReport {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// What is known of the certificate.
#[derive(Debug, Serialize)]
pub(crate) struct CertificateReport {
    status: String,
    reason: &'static str,
}

/// What the authorizer would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DecisionReport {
    Allow,
    Deny,
}

impl Report {
    /// Every CRL is accepted, and the certificate, where there is one, is allowed.
    pub(crate) fn is_good(&self) -> bool {
        self.crls.iter().all(|crl| crl.accepted) && self.decision != Some(DecisionReport::Deny)
    }
}

impl CrlReport {
    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.accepted = false;
        self.refusal = Some(RefusalReport::new(refusal));
    }
}

impl RefusalReport {
    pub(crate) fn new(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code(),
            message: refusal.to_string(),
        }
    }
}

impl CertificateReport {
    /// Looks a certificate up; `Err` for one that cannot be read.
    pub(crate) fn new(
        certificate: Result<&ClientCert, ()>,
        snapshot: &Snapshot<Vec<u8>>,
        at: UnixTime,
    ) -> (Self, DecisionReport) {
        let status = certificate.map_or_else(
            |()| "unknown".to_owned(),
            |certificate| {
                snapshot
                    .status(&certificate.as_certificate(), at, 0)
                    .to_string()
            },
        );
        let certificate = certificate.map_err(|()| Reason::CertificateUnreadable);
        let Ok(decision) = decide(certificate, snapshot, at, &Policy::default());
        let effect = match decision.effect {
            Effect::Allow => DecisionReport::Allow,
            Effect::Deny => DecisionReport::Deny,
        };
        (
            Self {
                status,
                reason: decision.reason.code(),
            },
            effect,
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for crl in &self.crls {
            write!(f, "{crl}")?;
        }
        if let Some(CertificateReport { status, reason }) = &self.certificate {
            writeln!(f, "certificate    {status} ({reason})")?;
        }
        match self.decision {
            Some(DecisionReport::Allow) => writeln!(f, "decision       allow"),
            Some(DecisionReport::Deny) => writeln!(f, "decision       deny"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for CrlReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            accepted: _,
            current,
            refusal,
            issuer,
            crl_number,
            ..
        } = self;
        let state = match (refusal, current) {
            (Some(RefusalReport { code, message }), _) => format!("refused: {code}: {message}"),
            (None, true) => "accepted, current".to_owned(),
            (None, false) => "accepted, not current".to_owned(),
        };
        writeln!(f, "{file}: {state}")?;
        let number = crl_number.as_ref().map(ToString::to_string);
        let entries = self.entries.map(|entries| entries.to_string());
        for (label, value) in [
            ("issuer", issuer),
            ("CRL number", &number),
            ("thisUpdate", &self.this_update),
            ("nextUpdate", &self.next_update),
            ("entries", &entries),
            ("scope", &self.scope),
        ] {
            if let Some(value) = value {
                writeln!(f, "  {label:<12} {value}")?;
            }
        }
        Ok(())
    }
}

/// JSON numbers have no limit, and CRL numbers of 20 octets are allowed.
pub(crate) fn as_json_number<S: Serializer>(
    number: &Option<CrlNumber>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let raw = number
        .as_ref()
        .map(|number| RawValue::from_string(number.to_string()));
    raw.transpose()
        .map_err(serde::ser::Error::custom)?
        .serialize(serializer)
}
