//! What follows from a plan before anybody judges it: which CRLs are to be believed, what they
//! cover, what they list. The table of differences is written in these terms.

use crate::plan::{Age, CaCertificate, CaId, CrlPlan, Flaw, Only, Plan, Uri};
use crate::verdict::Rival;

/// A CRL of a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crl<'p> {
    pub(crate) ca: CaId,
    /// Among those of its CA; a greater one has a greater CRL number.
    pub(crate) index: usize,
    pub(crate) plan: &'p CrlPlan,
}

/// A certificate whose status is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'p> {
    pub(crate) serial: &'p [u8],
    pub(crate) issuer: CaId,
    distribution_points: &'p [Vec<Uri>],
    is_ca: bool,
    is_root: bool,
}

impl Subject<'_> {
    pub(crate) fn has_distribution_point(&self) -> bool {
        !self.distribution_points.is_empty()
    }
}

impl Crl<'_> {
    pub(crate) fn is_partition(&self) -> bool {
        !self.plan.names.is_empty()
    }

    /// An issuing distribution point without a name.
    pub(crate) fn is_nameless(&self) -> bool {
        self.plan.names.is_empty() && self.plan.only != Only::Neither
    }

    /// Whether nobody can doubt that it is.
    pub(crate) fn is_fresh(&self) -> bool {
        self.plan.age == Age::Fresh
    }

    /// Whether nextUpdate is not to come.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.plan.age, Age::EndsNow | Age::Expired)
    }

    fn has_scope_of(&self, other: &Self) -> bool {
        self.ca == other.ca
            && self.plan.names == other.plan.names
            && self.plan.only == other.plan.only
    }

    fn covers(&self, subject: &Subject<'_>) -> bool {
        match self.plan.only {
            Only::Neither => true,
            Only::Users => !subject.is_ca,
            Only::Cas => subject.is_ca,
        }
    }

    fn meets(&self, subject: &Subject<'_>) -> bool {
        let mut names = subject.distribution_points.iter().flatten();
        self.ca == subject.issuer && names.any(|name| self.plan.names.contains(name))
    }

    /// RFC 5280 §6.3.3 (b)(2): the limits hold, and where the CRL has a name the certificate has it
    /// too.
    pub(crate) fn has_in_scope(&self, subject: &Subject<'_>) -> bool {
        self.covers(subject) && (!self.is_partition() || self.meets(subject))
    }
}

impl Plan {
    pub(crate) fn crls(&self) -> Vec<Crl<'_>> {
        let of = |ca: CaId| {
            let crls = self.crls[ca.slot()].iter().enumerate();
            crls.map(move |(index, plan)| Crl { ca, index, plan })
        };
        self.cas().into_iter().flat_map(of).collect()
    }

    /// Whether the CRL is one to be believed: its CA's own, in time, of a kind that is supported.
    fn is_sound(crl: &Crl<'_>) -> bool {
        crl.plan.flaw.is_none() && crl.plan.age != Age::NotYet
    }

    /// Whether a newer CRL of its scope is there.
    pub(crate) fn is_superseded(&self, crl: &Crl<'_>) -> bool {
        let newer = |other: &Crl<'_>| {
            other.has_scope_of(crl) && other.index > crl.index && Self::is_sound(other)
        };
        self.crls().iter().any(newer)
    }

    /// The CRLs that count: sound, and the newest of their scopes.
    pub(crate) fn usable(&self) -> Vec<Crl<'_>> {
        let crls = self.crls().into_iter();
        crls.filter(|crl| self.is_usable(crl)).collect()
    }

    pub(crate) fn is_usable(&self, crl: &Crl<'_>) -> bool {
        Self::is_sound(crl) && !self.is_superseded(crl)
    }

    /// Whether every CRL is sound, fresh and the newest of its scope.
    pub(crate) fn is_orderly(&self) -> bool {
        let crls = self.crls();
        crls.iter().all(|crl| self.is_usable(crl) && crl.is_fresh())
    }

    pub(crate) fn lists(&self, crl: &Crl<'_>, subject: &Subject<'_>) -> bool {
        let entries = self.entries(crl.plan);
        entries.iter().any(|(serial, _)| serial == subject.serial)
    }

    pub(crate) fn leaf(&self) -> Subject<'_> {
        Subject {
            serial: &self.leaf.serial,
            issuer: self.issuer(),
            distribution_points: &self.leaf.distribution_points,
            is_ca: false,
            is_root: false,
        }
    }

    pub(crate) fn ca_subject(&self, ca: &CaCertificate) -> Subject<'_> {
        let plan = &self.ca_certificates[ca.position];
        let distribution_points: &[Vec<Uri>] = if ca.is_root() {
            &[]
        } else {
            &plan.distribution_points
        };
        Subject {
            serial: &plan.serial,
            issuer: ca.issuer,
            distribution_points,
            is_ca: true,
            is_root: ca.is_root(),
        }
    }

    /// The certificates that a rival looks up on one path or another.
    pub(crate) fn subjects(&self, rival: Rival) -> Vec<Subject<'_>> {
        let looked_up = |ca: &CaCertificate| match rival {
            Rival::WebpkiLeaf | Rival::OpensslLeaf => false,
            Rival::WebpkiChain => !ca.is_root(),
            Rival::OpensslChain => true,
        };
        let cas: Vec<_> = self
            .paths()
            .into_iter()
            .flatten()
            .filter(looked_up)
            .collect();
        let cas = cas.iter().map(|ca| self.ca_subject(ca));
        [self.leaf()].into_iter().chain(cas).collect()
    }

    /// Whether the CRLs that count say of the CA that it is revoked: each of its certificates is.
    pub(crate) fn is_ca_revoked(&self, ca: CaId) -> bool {
        let is_revoked = |certificate: &CaCertificate| {
            let subject = self.ca_subject(certificate);
            let mut usable = self.usable().into_iter();
            usable.any(|crl| crl.ca == subject.issuer && self.lists(&crl, &subject))
                || !certificate.is_root() && self.is_ca_revoked(certificate.issuer)
        };
        let all = self.ca_certificates();
        all.iter()
            .filter(|certificate| certificate.subject == ca)
            .all(is_revoked)
    }

    /// Whether a CRL that counts lists the certificate of a CA.
    pub(crate) fn has_listed_ca(&self) -> bool {
        self.ca_certificates().iter().any(|certificate| {
            let subject = self.ca_subject(certificate);
            let mut usable = self.usable().into_iter();
            usable.any(|crl| crl.ca == subject.issuer && self.lists(&crl, &subject))
        })
    }

    /// Whether a root of the path to the client certificate is revoked by its own CRL.
    pub(crate) fn has_revoked_root(&self) -> bool {
        let mut roots = self
            .paths()
            .into_iter()
            .flatten()
            .filter(CaCertificate::is_root);
        roots.any(|root| self.is_ca_revoked(root.subject))
    }

    /// Whether the client certificate may be one of the namesake's, as far as it says.
    pub(crate) fn namesake_may_have_signed(&self) -> bool {
        !self.leaf.names_key && self.namesake_level() == Some(self.levels - 1)
    }

    /// Whether a CRL that counts has the client certificate in its scope, has not expired, and does
    /// not list it.
    pub(crate) fn may_be_good(&self) -> bool {
        let leaf = self.leaf();
        let vouches = |crl: &Crl<'_>| {
            crl.ca == leaf.issuer
                && crl.plan.age != Age::Expired
                && crl.has_in_scope(&leaf)
                && !self.lists(crl, &leaf)
        };
        self.usable().iter().any(vouches)
    }

    /// Whether some certificate that the rival looks up is not covered by a CRL that counts, is
    /// beyond doubt fresh, and can be read by the rival.
    pub(crate) fn leaves_unsettled(&self, rival: Rival) -> bool {
        self.subjects(rival)
            .iter()
            .any(|subject| !self.settles(rival, subject))
    }

    /// The same, of the CA certificates about which no CRL is to be expected.
    pub(crate) fn leaves_unpromised_ca_unsettled(&self, rival: Rival) -> bool {
        self.subjects(rival).iter().any(|subject| {
            subject.is_ca && !self.is_promised(subject) && !self.settles(rival, subject)
        })
    }

    /// Whether a CA certificate about which a CRL is to be expected is not covered by a fresh one.
    pub(crate) fn leaves_promised_ca_unsettled(&self) -> bool {
        let chain = self.subjects(Rival::WebpkiChain);
        chain.iter().any(|subject| {
            let covers = |crl: &Crl<'_>| {
                crl.ca == subject.issuer && !crl.has_ended() && self.is_authoritative(crl, subject)
            };
            subject.is_ca && self.is_promised(subject) && !self.usable().iter().any(covers)
        })
    }

    /// Whether the CRL may vouch for the certificate: the one at its distribution point, or, without
    /// partitions, the complete one.
    fn is_authoritative(&self, crl: &Crl<'_>, subject: &Subject<'_>) -> bool {
        let mut usable = self.usable().into_iter();
        let has_partitions = usable.any(|other| other.ca == crl.ca && other.is_partition());
        crl.has_in_scope(subject) && (crl.is_partition() || !has_partitions)
    }

    /// Whether the issuer of a CA certificate publishes CRLs, or the certificate says where.
    fn is_promised(&self, subject: &Subject<'_>) -> bool {
        let publishes = self.usable().iter().any(|crl| crl.ca == subject.issuer);
        !subject.is_root && (publishes || subject.has_distribution_point())
    }

    fn settles(&self, rival: Rival, subject: &Subject<'_>) -> bool {
        let covers = |crl: &Crl<'_>| {
            crl.ca == subject.issuer
                && crl.is_fresh()
                && crl.has_in_scope(subject)
                && (rival.is_openssl() || !crl.is_nameless())
        };
        self.usable().iter().any(covers)
    }

    /// Whether openssl finds several CRLs for one of the certificates that it looks up, of which it
    /// consults one.
    pub(crate) fn has_choice_for_openssl(&self, rival: Rival) -> bool {
        let crls = self.crls();
        let is_candidate = |crl: &Crl<'_>, subject: &Subject<'_>| {
            let is_own = crl.ca == subject.issuer;
            // Without extensions it names no key either.
            let names_key = crl.plan.names_key && crl.plan.flaw != Some(Flaw::Version1);
            let passes_for_own = self.are_namesakes(crl.ca, subject.issuer) && !names_key;
            let is_ruled_out = matches!(
                crl.plan.flaw,
                Some(Flaw::Indirect | Flaw::SomeReasons | Flaw::OtherKeyNamed)
            );
            (is_own || passes_for_own) && !is_ruled_out
        };
        self.subjects(rival).iter().any(|subject| {
            let candidates = crls.iter().filter(|crl| is_candidate(crl, subject));
            candidates.count() > 1
        })
    }
}
