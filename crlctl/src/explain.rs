//! `crlctl explain`: the authorizer's decision, what it follows from, and what would change it.
//!
//! The decision is the authorizer's own. What is said about it is made of [`Snapshot::explain`], which
//! comes from the same code as the status that was decided by.

mod words;

use std::fmt;

use authorizer::client_cert::{ClientCert, ClientCertError};
use authorizer::config::Config;
use authorizer::decision::{Decision, Effect, Mode, Policy, Reason, decide};
use authorizer::recent::RecentClients;
use authorizer::{Answer, respond};
use revocation::distribution_point::DisplayName;
use revocation::{
    Authority, BlockedKey, CertificateKind, CrlFinding, IssuerFinding, ReferredBy, Snapshot,
    Status, UnixTime, hexadecimal,
};
use serde::Serialize;

use self::words::{Case, Words};
use crate::arguments::Explain;
use crate::facts::{BlockedKeyFacts, CrlFacts, IssuerFacts, Plain, SnapshotFacts, distance};
use crate::input::{self, InputError};

/// A decision and what led to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// `allow` or `deny`.
    decision: &'static str,
    /// The authorizer's code for it.
    reason: &'static str,
    /// What the snapshot says of the certificate; null where there is none to look up.
    status: Option<String>,
    /// Why the snapshot cannot tell, where that is its status.
    unknown: Vec<&'static str>,
    /// Why, in sentences.
    because: Vec<String>,
    /// What would make another decision of it, or when it will be another one.
    changes: Vec<String>,
    at: String,
    mode: &'static str,
    expired_crl_grace_seconds: i64,
    snapshot: SnapshotFacts,
    certificate: Option<CertificateFacts>,
    /// The override that blocks its public key, where one does.
    blocked_key: Option<BlockedKeyFacts>,
    /// The CAs that may have issued it.
    issuers: Vec<ExplainedIssuer>,
    /// The other CAs of its issuer's name.
    others_of_that_name: Vec<IssuerFacts>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CertificateFacts {
    serial_number: String,
    subject: String,
    issuer: String,
    authority_key_id: Option<String>,
    is_ca: bool,
    /// Its extended key usage names clientAuth or any usage.
    is_for_client_auth: bool,
    not_before: String,
    not_after: String,
    fingerprint_sha256: String,
    /// Of its DER SubjectPublicKeyInfo, as `crlctl block --key` takes it.
    public_key_sha256: String,
    /// The names of each of its CRL distribution points.
    distribution_points: Vec<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplainedIssuer {
    #[serde(flatten)]
    facts: IssuerFacts,
    /// `key-id`, `unstated-key-id` or `name-alone`.
    referred_by: &'static str,
    /// `distribution-point`, `complete`, `object`, `every`; null where no CRL is authoritative.
    authority: Option<&'static str>,
    crls: Vec<ExplainedCrl>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ExplainedCrl {
    #[serde(flatten)]
    facts: CrlFacts,
    /// Whose it is, where it is not the CA's own.
    signer: Option<IssuerFacts>,
    lists: bool,
    authoritative: bool,
    /// Grace included.
    fresh: bool,
    /// Until nextUpdate; negative once that is past.
    remaining_seconds: i64,
    #[serde(skip)]
    next_update_is: String,
}

/// Decides as the authorizer would, and says why.
pub(crate) fn explain(arguments: &Explain) -> Result<Explanation, InputError> {
    let config = arguments.configuration()?;
    let client = Client::read(arguments)?;
    let snapshot = arguments.snapshot.snapshot()?;
    let at = arguments.at;
    let Decided {
        decision,
        enforced,
        certificate,
        unreadable,
    } = client.decide(&snapshot, at, &config);
    let certificate = certificate.as_ref();
    let looked_up = certificate.map(ClientCert::as_certificate);
    let explanation = looked_up.map(|certificate| snapshot.explain(&certificate));
    let grace = config.policy.expired_crl_grace;
    let findings = explanation
        .as_ref()
        .map_or(&[][..], |explanation| &explanation.issuers);
    let facts = |issuer: &_| IssuerFacts::new(issuer, at, grace);
    let others: Vec<_> = looked_up
        .into_iter()
        .flat_map(|certificate| snapshot.issuers_named(certificate.issuer))
        .filter(|issuer| {
            let is_meant = |finding: &IssuerFinding<'_>| finding.issuer.key_id == issuer.key_id;
            !findings.iter().any(is_meant)
        })
        .map(|issuer| facts(&issuer))
        .collect();
    let case = Case {
        at,
        policy: &config.policy,
        decision,
        enforced,
        certificate,
        unreadable: unreadable.as_ref(),
        findings,
        others: &others,
        outlook: explanation.as_ref().map(revocation::Explanation::outlook),
    };
    let blocked_key = case.outlook.and_then(|outlook| outlook.blocked_key);
    let status = case.status();
    let Words { because, changes } = case.words();
    Ok(Explanation {
        decision: decision.effect.code(),
        reason: decision.reason.code(),
        status: status.map(|status| status.to_string()),
        unknown: match status {
            Some(Status::Unknown(reasons)) => reasons
                .iter()
                .map(|reason| Reason::from(reason).code())
                .collect(),
            _ => Vec::new(),
        },
        because,
        changes,
        at: at.to_string(),
        mode: match config.policy.mode {
            Mode::Enforce => "enforce",
            Mode::Shadow => "shadow",
        },
        expired_crl_grace_seconds: grace,
        snapshot: SnapshotFacts::new(&snapshot, &arguments.snapshot),
        certificate: certificate.map(CertificateFacts::new),
        blocked_key: blocked_key.map(BlockedKeyFacts::from),
        issuers: findings
            .iter()
            .map(|finding| ExplainedIssuer::new(finding, at, grace))
            .collect(),
        others_of_that_name: others,
    })
}

/// Who asks.
enum Client {
    Event(Vec<u8>),
    Certificate(Box<Result<ClientCert, ClientCertError>>),
}

/// What the authorizer made of it.
struct Decided {
    decision: Decision,
    /// What it would have been, were denials enforced.
    enforced: Decision,
    certificate: Option<ClientCert>,
    unreadable: Option<ClientCertError>,
}

impl Client {
    fn read(arguments: &Explain) -> Result<Self, InputError> {
        // The command line has either.
        match (&arguments.client.event, &arguments.client.cert) {
            (Some(path), _) => Ok(Self::Event(input::event(path)?)),
            (None, Some(path)) => Ok(Self::Certificate(Box::new(input::certificate(path)?))),
            (None, None) => Err(InputError::new("--event, --cert", "one of them is needed")),
        }
    }

    fn decide(self, snapshot: &Snapshot<Vec<u8>>, at: UnixTime, config: &Config) -> Decided {
        let enforcing = Policy {
            mode: Mode::Enforce,
            ..config.policy
        };
        match self {
            Self::Event(event) => {
                let clients = RecentClients::forgotten();
                let answer = |policy: &Policy| -> Answer {
                    let Ok(answer) = respond(&event, &clients, snapshot, at, policy, config.format);
                    answer
                };
                let Answer {
                    response,
                    decision,
                    unreadable,
                } = answer(&config.policy);
                Decided {
                    decision,
                    enforced: answer(&enforcing).decision,
                    certificate: response.certificate().cloned(),
                    unreadable,
                }
            }
            Self::Certificate(certificate) => {
                let decided = |policy| {
                    let certificate = (*certificate).as_ref();
                    let certificate = certificate.map_err(|_| Reason::CertificateUnreadable);
                    let Ok(decision) = decide(certificate, snapshot, at, policy);
                    decision
                };
                let (decision, enforced) = (decided(&config.policy), decided(&enforcing));
                let (certificate, unreadable) = match *certificate {
                    Ok(certificate) => (Some(certificate), None),
                    Err(unreadable) => (None, Some(unreadable)),
                };
                Decided {
                    decision,
                    enforced,
                    certificate,
                    unreadable,
                }
            }
        }
    }
}

impl Explanation {
    pub(crate) fn is_allowed(&self) -> bool {
        self.decision == Effect::Allow.code()
    }
}

impl CertificateFacts {
    fn new(client: &ClientCert) -> Self {
        let certificate = client.as_certificate();
        Self {
            serial_number: client.serial.to_string(),
            subject: client.subject.clone(),
            issuer: client.issuer.clone(),
            authority_key_id: certificate.authority_key_id.map(hexadecimal),
            is_ca: certificate.kind == CertificateKind::Ca,
            is_for_client_auth: client.is_for_client_auth,
            not_before: client.not_before.to_string(),
            not_after: client.not_after.to_string(),
            fingerprint_sha256: hexadecimal(&client.fingerprint),
            public_key_sha256: hexadecimal(&BlockedKey::hash(certificate.public_key)),
            distribution_points: certificate
                .distribution_points
                .iter()
                .map(|point| {
                    let shown = |name: &Vec<u8>| DisplayName(name).to_string();
                    point.names.iter().map(shown).collect()
                })
                .collect(),
        }
    }
}

impl ExplainedIssuer {
    fn new(finding: &IssuerFinding<'_>, at: UnixTime, grace: i64) -> Self {
        Self {
            facts: IssuerFacts::new(&finding.issuer, at, grace),
            referred_by: match finding.referred_by {
                ReferredBy::KeyId => "key-id",
                ReferredBy::UnstatedKeyId => "unstated-key-id",
                ReferredBy::NameAlone => "name-alone",
            },
            authority: finding.authority.map(|authority| match authority {
                Authority::DistributionPoint => "distribution-point",
                Authority::Complete => "complete",
                Authority::Object => "object",
                Authority::Every => "every",
            }),
            crls: finding
                .crls
                .iter()
                .map(|crl| ExplainedCrl::new(crl, at, grace))
                .collect(),
        }
    }
}

impl ExplainedCrl {
    fn new(finding: &CrlFinding<'_>, at: UnixTime, grace: i64) -> Self {
        let signer = finding.signer.as_ref();
        Self {
            facts: CrlFacts::new(&finding.crl),
            signer: signer.map(|signer| IssuerFacts::new(signer, at, grace)),
            lists: finding.lists,
            authoritative: finding.is_authoritative,
            fresh: at <= finding.fresh_until.plus(grace),
            remaining_seconds: finding.crl.next_update.since(at),
            next_update_is: distance(finding.crl.next_update, at),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.decision, self.reason)?;
        for sentence in &self.because {
            writeln!(f, "  {}", Plain(sentence))?;
        }
        if !self.changes.is_empty() {
            writeln!(f, "what would change it")?;
        }
        for sentence in &self.changes {
            writeln!(f, "  {}", Plain(sentence))?;
        }
        writeln!(f)?;
        writeln!(f, "at             {}", self.at)?;
        if let Some(certificate) = &self.certificate {
            write!(f, "{certificate}")?;
        }
        write!(f, "{}", self.snapshot)?;
        for issuer in &self.issuers {
            write!(f, "{issuer}")?;
        }
        for other in &self.others_of_that_name {
            let what = match other.signs_crls_only {
                true => "signs CRLs only",
                false => "not the one that the certificate names",
            };
            writeln!(f, "of that name   {other}: {what}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CertificateFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key_id = self.authority_key_id.as_deref();
        writeln!(f, "certificate    {}", Plain(&self.subject))?;
        writeln!(f, "  serial       {}", self.serial_number)?;
        writeln!(f, "  issuer       {}", Plain(&self.issuer))?;
        writeln!(f, "  issuer's key {}", key_id.unwrap_or("not named"))?;
        writeln!(
            f,
            "  valid        {} to {}",
            self.not_before, self.not_after
        )?;
        writeln!(f, "  public key   {}", self.public_key_sha256)?;
        for names in &self.distribution_points {
            writeln!(f, "  CRL at       {}", Plain(&names.join(" ")))?;
        }
        Ok(())
    }
}

impl fmt::Display for ExplainedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "issuer         {}", Plain(&self.facts.subject))?;
        writeln!(f, "  key id       {}", self.facts.key_id)?;
        writeln!(f, "  is           {}", self.facts.standing_in_words())?;
        let is_told = |crl: &&ExplainedCrl| crl.authoritative || crl.lists;
        let told = self.crls.iter().filter(is_told);
        told.clone().try_for_each(|crl| write!(f, "{crl}"))?;
        match self.crls.len() - told.count() {
            0 => Ok(()),
            others => writeln!(
                f,
                "  others       {others} more CRLs neither list it nor are authoritative for it"
            ),
        }
    }
}

impl fmt::Display for ExplainedCrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            facts,
            next_update_is,
            ..
        } = self;
        write!(f, "{facts}")?;
        writeln!(f, "    nextUpdate {}, {next_update_is}", facts.next_update)?;
        if let Some(signer) = &self.signer {
            writeln!(f, "    signed by  {signer}, {}", signer.standing_in_words())?;
        }
        let says = |says, yes, no| if says { yes } else { no };
        writeln!(
            f,
            "    it         {}, {}, {}",
            says(
                self.lists,
                "lists the certificate",
                "does not list the certificate"
            ),
            says(
                self.authoritative,
                "is authoritative for it",
                "is not authoritative for it"
            ),
            says(self.fresh, "is fresh", "is not fresh"),
        )
    }
}
