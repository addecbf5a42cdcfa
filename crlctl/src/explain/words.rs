//! Why a decision is what it is, and what would change it, in sentences.

use authorizer::client_cert::{ClientCert, ClientCertError};
use authorizer::decision::{Decision, Effect, OnUnknown, Policy, Reason};
use crl_fetcher::report::show_name;
use revocation::distribution_point::DisplayName;
use revocation::{
    Authority, CrlFinding, IssuerFinding, Notice, Origin, Outlook, RevokedBy, Status, UnixTime,
    UnknownReason, hexadecimal,
};

use crate::arguments::configuration;
use crate::facts::{IssuerFacts, distance, duration};

/// A decision and all that it follows from.
pub(super) struct Case<'a> {
    pub(super) at: UnixTime,
    pub(super) policy: &'a Policy,
    pub(super) decision: Decision,
    /// What the decision would be without shadow mode.
    pub(super) enforced: Decision,
    pub(super) certificate: Option<&'a ClientCert>,
    pub(super) unreadable: Option<&'a ClientCertError>,
    pub(super) findings: &'a [IssuerFinding<'a>],
    pub(super) others: &'a [IssuerFacts],
    /// Of the certificate, where there is one.
    pub(super) outlook: Option<Outlook>,
}

/// Sentences, in the order in which they matter.
#[derive(Default)]
pub(super) struct Words {
    pub(super) because: Vec<String>,
    pub(super) changes: Vec<String>,
}

impl Words {
    fn because(&mut self, sentence: impl Into<String>) {
        self.because.push(sentence.into());
    }

    fn change(&mut self, sentence: impl Into<String>) {
        self.changes.push(sentence.into());
    }
}

impl Case<'_> {
    /// What the snapshot says of the certificate.
    pub(super) fn status(&self) -> Option<Status> {
        let grace = self.policy.expired_crl_grace;
        self.outlook.map(|outlook| outlook.at(self.at, grace))
    }

    pub(super) fn words(&self) -> Words {
        let mut words = Words::default();
        match self.decision.reason {
            Reason::NotRevoked
            | Reason::Revoked
            | Reason::IssuerRevoked
            | Reason::RevocationAnnounced
            | Reason::Blocked
            | Reason::KeyBlocked
            | Reason::UnknownIssuer
            | Reason::IssuerWithoutCrl
            | Reason::MissingPartition
            | Reason::CrlExpired
            | Reason::IssuerStatusUnknown => self.status_in_words(&mut words),
            Reason::NoClientCertificate => {
                words.because(
                    "The event has no client certificate. API Gateway passes one on for requests \
                     through a custom domain name with mutual TLS, and for no others.",
                );
                words.change(
                    "Call the API by that domain name, and disable its execute-api endpoint, which \
                     leads around it.",
                );
            }
            Reason::CertificateUnreadable => {
                let why = self.unreadable.map(ToString::to_string).unwrap_or_default();
                words.because(format!("The client certificate cannot be read: {why}."));
                words.change("Issue the client another certificate.");
            }
            Reason::CertificateNotYetValid => {
                let start = self.certificate.map(|certificate| certificate.not_before);
                let start = start.unwrap_or(UnixTime::MIN);
                words.because(format!(
                    "The certificate is not valid before {}.",
                    self.away(start)
                ));
                words.change("Wait until then, and compare the clocks of CA and API.");
            }
            Reason::CertificateExpired => {
                let end = self.certificate.map(|certificate| certificate.not_after);
                let end = end.unwrap_or(UnixTime::MAX);
                words.because(format!(
                    "The certificate is not valid after {}.",
                    self.away(end)
                ));
                words.change("Issue the client another certificate.");
            }
            Reason::NotForClientAuth => {
                words.because(
                    "The certificate's extended key usage names neither clientAuth nor any usage, and \
                     REQUIRE_CLIENT_AUTH_EKU is yes.",
                );
                words.change("Issue the client a certificate with that usage.");
                words.change("Or set REQUIRE_CLIENT_AUTH_EKU to no.");
            }
            Reason::EventUnreadable => {
                words.because(
                    "An IAM policy is due, and the event names no API that it could allow: it has no \
                     routeArn or methodArn.",
                );
                words.change("Send the event as API Gateway sends it.");
            }
        }
        if self.decision.effect != self.enforced.effect {
            words.because(format!(
                "MODE is shadow: nobody is denied. In enforce it would be {}: {}.",
                self.enforced.effect.code(),
                self.enforced.reason.code()
            ));
        }
        words
    }

    fn status_in_words(&self, words: &mut Words) {
        if self.findings.len() > 1 {
            words.because(format!(
                "The certificate does not say which of {} CAs of its issuer's name issued it. One that \
                 revokes it is enough, and all of them must know that it is not revoked.",
                self.findings.len()
            ));
        }
        match self.status() {
            Some(Status::NotRevoked) => self.not_revoked(words),
            Some(Status::Revoked(RevokedBy::Listing)) => self.listed(words),
            Some(Status::Revoked(RevokedBy::Issuer)) => self.issuer_revoked(words),
            Some(Status::Revoked(RevokedBy::Notice(Origin::Announcement))) => {
                self.announced(words);
            }
            Some(Status::Revoked(RevokedBy::Notice(Origin::Override))) => self.blocked(words),
            Some(Status::Revoked(RevokedBy::BlockedKey)) => self.key_blocked(words),
            Some(Status::Unknown(reasons)) => {
                for reason in reasons.iter() {
                    let mut of_reason = Words::default();
                    match reason {
                        UnknownReason::Issuer => self.unknown_issuer(&mut of_reason),
                        UnknownReason::NoCrl => self.no_crl(&mut of_reason),
                        UnknownReason::Partition => self.missing_partition(&mut of_reason),
                        UnknownReason::Expired => self.expired(&mut of_reason),
                        UnknownReason::IssuerStatus => self.issuer_in_doubt(&mut of_reason),
                    }
                    let (variable, on_unknown) = self.switch(reason);
                    match on_unknown {
                        OnUnknown::Deny => of_reason.change(format!("Or set {variable} to allow.")),
                        OnUnknown::Allow => {
                            of_reason
                                .because(format!("{variable} is allow, which lets that pass."));
                            of_reason.changes.clear();
                        }
                    }
                    words.because.append(&mut of_reason.because);
                    words.changes.append(&mut of_reason.changes);
                }
                if self.enforced.effect == Effect::Allow {
                    words.change("A CRL that lists the certificate.");
                }
            }
            // Without a certificate nothing was looked up.
            None => {}
        }
    }

    fn not_revoked(&self, words: &mut Words) {
        let grace = self.policy.expired_crl_grace;
        for finding in self.findings {
            let ca = self.name(finding);
            words.because(format!("No CRL of {ca} lists the certificate."));
            if let Some(crl) = deciding(finding) {
                let until = finding.outlook.fresh_until;
                let fresh = match until < self.at {
                    true => format!(
                        "was fresh until {} and counts for {} more, by EXPIRED_CRL_GRACE_SECONDS",
                        self.away(until),
                        duration(until.plus(grace).since(self.at))
                    ),
                    false => format!("is fresh until {}", self.away(until)),
                };
                words.because(format!("{} {}.", self.crl(crl), rule(finding)));
                words.because(format!("It {fresh}."));
            }
            let good_until = finding.outlook.issuer_good_until;
            if good_until < self.at {
                words.because(format!(
                    "{ca} was known not to be revoked until {}, which counts for {} more, by \
                     EXPIRED_CRL_GRACE_SECONDS.",
                    self.away(good_until),
                    duration(good_until.plus(grace).since(self.at))
                ));
            }
        }
        words.change("A newer CRL that lists the certificate.");
        let Some((outlook, certificate)) = self.outlook.zip(self.certificate) else {
            return;
        };
        let ends = [
            (outlook.fresh_until.plus(grace), Reason::CrlExpired),
            (
                outlook.issuer_good_until.plus(grace),
                Reason::IssuerStatusUnknown,
            ),
            (certificate.not_after, Reason::CertificateExpired),
        ];
        let end = ends.into_iter().min_by_key(|(end, _)| *end);
        if let Some((end, reason)) = end.filter(|(end, _)| *end != UnixTime::MAX) {
            let unless = match reason {
                Reason::CertificateExpired => "",
                _ => ", unless newer CRLs come before",
            };
            let (end, code) = (self.away(end), reason.code());
            words.change(format!("After {end} it is {code}{unless}."));
        }
    }

    fn listed(&self, words: &mut Words) {
        for finding in self.findings {
            for crl in finding.crls.iter().filter(|crl| crl.lists) {
                words.because(format!(
                    "{} lists the certificate. That decides, however old the CRL is and whatever else \
                     it covers.",
                    self.crl(crl)
                ));
            }
        }
        words.change(
            "Only a newer CRL of that scope without the certificate, as after certificateHold. Else \
             issue the client another one.",
        );
    }

    fn issuer_revoked(&self, words: &mut Words) {
        for finding in self
            .findings
            .iter()
            .filter(|finding| finding.issuer.revoked)
        {
            words.because(format!(
                "{} is revoked itself: a CRL of its own issuer lists it, or it is announced or blocked, \
                 and with it all that it issued is revoked.",
                self.name(finding)
            ));
        }
        words.change("Issue the client a certificate of another CA.");
    }

    fn announced(&self, words: &mut Words) {
        for finding in self.findings {
            for notice in notices_of(finding, Origin::Announcement) {
                words.because(format!(
                    "{} announced at {} that it has revoked the certificate, which none of its CRLs \
                     lists yet.",
                    self.name(finding),
                    self.away(notice.since)
                ));
                words.change(format!(
                    "A CRL that lists the certificate makes it revoked; without one it counts as \
                     announced until {}, by ANNOUNCEMENT_KEEP_DAYS of crl-fetcher.",
                    self.away(notice.until)
                ));
            }
        }
        words.change("Issue the client another certificate.");
    }

    fn blocked(&self, words: &mut Words) {
        for finding in self.findings {
            for notice in notices_of(finding, Origin::Override) {
                words.because(format!(
                    "An override, made at {}, blocks the certificate until {}.",
                    self.away(notice.since),
                    self.away(notice.until)
                ));
            }
        }
        words.change("crlctl blocks tells why; crlctl unblock takes it back.");
    }

    fn key_blocked(&self, words: &mut Words) {
        if let Some(blocked) = self.outlook.and_then(|outlook| outlook.blocked_key) {
            words.because(format!(
                "An override, made at {}, blocks the certificate's public key, {}, until {}, whoever \
                 issued the certificate.",
                self.away(blocked.since),
                hexadecimal(&blocked.key),
                self.away(blocked.until)
            ));
        }
        words.change("crlctl blocks tells why; crlctl unblock takes it back.");
        words.change("Or issue the client a certificate of another key.");
    }

    fn unknown_issuer(&self, words: &mut Words) {
        let Some(certificate) = self.certificate else {
            return;
        };
        let (issuer, key_id) = (
            &certificate.issuer,
            certificate.as_certificate().authority_key_id,
        );
        words.because(format!(
            "The truststore that the snapshot was built from has no CA {issuer}{}.",
            key_id
                .map(|key_id| format!(", key {}", hexadecimal(key_id)))
                .unwrap_or_default()
        ));
        for other in self.others {
            words.because(format!(
                "It has {other}{}.",
                match other.signs_crls_only {
                    true => ", which may sign no certificates",
                    false => "",
                }
            ));
        }
        words.change(
            "Put the certificate of that CA into the truststore that crl-fetcher reads, and invoke \
             crl-fetcher.",
        );
    }

    fn no_crl(&self, words: &mut Words) {
        for finding in self
            .findings
            .iter()
            .filter(|finding| finding.crls.is_empty())
        {
            let ca = self.name(finding);
            words.because(format!("The snapshot has no CRL of {ca}."));
            words.change(format!(
                "Publish a CRL of {ca} below CRL_PREFIXES; AWS Private CA does so once a certificate \
                 refers to it. If there is one, the report of crl-fetcher says why it is refused."
            ));
        }
    }

    fn missing_partition(&self, words: &mut Words) {
        let points = self
            .certificate
            .map(|certificate| certificate.as_certificate());
        let points = points.map_or(&[][..], |certificate| certificate.distribution_points);
        let names: Vec<_> = points
            .iter()
            .flat_map(|point| &point.names)
            .map(|name| DisplayName(name).to_string())
            .collect();
        let lacks =
            |finding: &&IssuerFinding<'_>| !finding.crls.is_empty() && finding.authority.is_none();
        for finding in self.findings.iter().filter(lacks) {
            let (ca, count) = (self.name(finding), finding.crls.len());
            words.because(format!(
                "The snapshot has {count} CRLs of {ca}, and none of them is authoritative for the \
                 certificate, which names {} as its distribution point.",
                match names.is_empty() {
                    true => "nothing".to_owned(),
                    false => names.join(" or "),
                }
            ));
            if points.iter().any(|point| !point.is_conclusive()) {
                words.because(
                    "A distribution point for some reasons only, or of another issuer's CRL, does not \
                     count.",
                );
            }
            words.change(match names.is_empty() {
                true => format!("Publish a complete CRL of {ca} below CRL_PREFIXES."),
                false => {
                    "Publish the CRL with that issuing distribution point below CRL_PREFIXES. If \
                          there is one, the report of crl-fetcher says why it is refused."
                        .to_owned()
                }
            });
        }
    }

    fn expired(&self, words: &mut Words) {
        let grace = self.policy.expired_crl_grace;
        let is_stale = |finding: &&IssuerFinding<'_>| {
            finding.authority.is_some() && self.at > finding.outlook.fresh_until.plus(grace)
        };
        for finding in self.findings.iter().filter(is_stale) {
            let Some(crl) = deciding(finding) else {
                continue;
            };
            words.because(format!(
                "No CRL of {} lists the certificate.",
                self.name(finding)
            ));
            words.because(format!("{} {}.", self.crl(crl), rule(finding)));
            words.because(self.staleness(crl));
            match (crl.signer, crl.fresh_until == crl.crl.next_update) {
                (_, true) | (None, _) => words.change(format!(
                    "Publish a newer CRL in place of {}, and invoke crl-fetcher.",
                    crl.crl.source.key
                )),
                (Some(_), false) => words.change(
                    "Publish a CRL that is signed with another key, or the one by which the signer is not \
                     revoked.",
                ),
            }
        }
        let until = self
            .outlook
            .map_or(UnixTime::MAX, |outlook| outlook.fresh_until);
        self.suggest_grace(until, words);
    }

    fn staleness(&self, crl: &CrlFinding<'_>) -> String {
        let grace = self.policy.expired_crl_grace;
        match crl.signer {
            Some(signer) if crl.fresh_until < crl.crl.next_update => {
                let signer = IssuerFacts::new(&signer, self.at, grace);
                let standing = signer.standing_in_words();
                format!("It vouches for nothing, for its signer, {signer}, is {standing}.")
            }
            _ => {
                let ago = duration(self.at.since(crl.fresh_until));
                let longer = match grace {
                    0 => String::new(),
                    grace => {
                        let grace = duration(grace);
                        format!(", longer than EXPIRED_CRL_GRACE_SECONDS, {grace}")
                    }
                };
                format!("It expired {ago} ago, at {}{longer}.", crl.fresh_until)
            }
        }
    }

    fn issuer_in_doubt(&self, words: &mut Words) {
        let grace = self.policy.expired_crl_grace;
        for finding in self.findings {
            let issuer = IssuerFacts::new(&finding.issuer, self.at, grace);
            if self.at <= finding.outlook.issuer_good_until.plus(grace) {
                continue;
            }
            words.because(format!(
                "Whether {} is revoked itself is not known; it is {}.",
                self.name(finding),
                issuer.standing_in_words()
            ));
            words.change(format!(
                "Publish a current CRL of the CA that issued {} below CRL_PREFIXES.",
                self.name(finding)
            ));
        }
        let until = self
            .outlook
            .map_or(UnixTime::MAX, |outlook| outlook.issuer_good_until);
        self.suggest_grace(until, words);
    }

    /// The least grace that makes up for what was known until that moment, if the authorizer takes it.
    fn suggest_grace(&self, until: UnixTime, words: &mut Words) {
        let needed = self.at.since(until).to_string();
        let variable = "EXPIRED_CRL_GRACE_SECONDS";
        let is_taken = configuration(&[(variable.to_owned(), needed.clone())]).is_ok();
        if is_taken {
            words.change(format!("Or set {variable} to {needed} or more."));
        }
    }

    /// The variable that says what is done for that reason, and what it says.
    const fn switch(&self, reason: UnknownReason) -> (&'static str, OnUnknown) {
        let policy = self.policy;
        match reason {
            UnknownReason::Issuer => ("ON_UNKNOWN_ISSUER", policy.unknown_issuer),
            UnknownReason::NoCrl => ("ON_ISSUER_WITHOUT_CRL", policy.issuer_without_crl),
            UnknownReason::Partition => ("ON_MISSING_PARTITION", policy.missing_partition),
            UnknownReason::Expired => ("ON_EXPIRED_CRL", policy.expired_crl),
            UnknownReason::IssuerStatus => {
                ("ON_ISSUER_STATUS_UNKNOWN", policy.issuer_status_unknown)
            }
        }
    }

    /// The CA, with its key where there are several.
    fn name(&self, finding: &IssuerFinding<'_>) -> String {
        let issuer = &finding.issuer;
        match self.findings {
            [_] => show_name(issuer.name),
            _ => format!(
                "{}, key {},",
                show_name(issuer.name),
                hexadecimal(issuer.key_id)
            ),
        }
    }

    fn crl(&self, finding: &CrlFinding<'_>) -> String {
        let crl = &finding.crl;
        format!(
            "CRL {} ({}) from {}",
            crl.number(),
            crl.scope(),
            crl.source.key
        )
    }

    fn away(&self, moment: UnixTime) -> String {
        format!("{moment} ({})", distance(moment, self.at))
    }
}

fn notices_of<'a>(
    finding: &'a IssuerFinding<'_>,
    origin: Origin,
) -> impl Iterator<Item = &'a Notice> {
    let notices = finding.notices.iter();
    notices.filter(move |notice| notice.origin == origin)
}

/// The CRL whose end is the end of what is known: the freshest of those that are authoritative, or the
/// stalest where all of them must be fresh.
fn deciding<'f, 'a>(finding: &'f IssuerFinding<'a>) -> Option<&'f CrlFinding<'a>> {
    let is_deciding = |crl: &&CrlFinding<'_>| {
        crl.is_authoritative && crl.fresh_until == finding.outlook.fresh_until
    };
    finding.crls.iter().find(is_deciding)
}

/// Why that CRL counts. Completes a sentence that begins with it.
const fn rule(finding: &IssuerFinding<'_>) -> &'static str {
    match finding.authority {
        Some(Authority::DistributionPoint) => {
            "is authoritative: its issuing distribution point is one of the certificate's"
        }
        Some(Authority::Complete) => {
            "is authoritative: it is complete, and the CA has no partitions"
        }
        Some(Authority::Object) => {
            "is authoritative beside the CA's partitions: it is complete, and the certificate's \
             distribution point leads to its object"
        }
        Some(Authority::Every) => {
            "is the stalest of the CA's complete CRLs and partitions, which must all be fresh: the \
             certificate has no distribution point"
        }
        None => "is not authoritative",
    }
}
