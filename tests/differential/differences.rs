//! Where our verdict may differ from a rival's, and why ours is right. Nothing else may differ.
//!
//! Each row says by the plan, not by the outcome, when it applies, and what may then be said on
//! either side. Every row is met by an example, so that none outlives its reason.

use crate::facts::{Crl, Subject};
use crate::plan::{Age, CaId, Flaw, Plan};
use crate::verdict::Rival::{self, OpensslChain, OpensslLeaf, WebpkiChain, WebpkiLeaf};
use crate::verdict::Verdict::{self, Good, Revoked, Unknown};

/// A row of the table.
pub(crate) struct Difference {
    pub(crate) name: &'static str,
    /// Why ours is right.
    pub(crate) why: &'static str,
    rivals: &'static [Rival],
    /// Ours and theirs.
    verdicts: &'static [(Verdict, Verdict)],
    /// Asked with what they say, because they need another reason to revoke than to let in.
    applies: fn(&Plan, Rival, Verdict) -> bool,
}

impl Difference {
    /// The row that explains a difference.
    pub(crate) fn explaining(
        plan: &Plan,
        rival: Rival,
        verdicts: (Verdict, Verdict),
    ) -> Option<&'static Self> {
        Self::TABLE.iter().find(|row| {
            row.rivals.contains(&rival)
                && row.verdicts.contains(&verdicts)
                && (row.applies)(plan, rival, verdicts.1)
        })
    }

    /// Where both kinds of rivals may refuse a client that we let in.
    pub(crate) fn excuses_good(plan: &Plan) -> bool {
        let leaf = plan.leaf();
        let own: Vec<_> = plan
            .usable()
            .into_iter()
            .filter(|crl| crl.ca == leaf.issuer)
            .collect();
        // The row "nextUpdate is now", which is about both.
        own.iter().any(|crl| crl.plan.age == Age::EndsNow)
            // webpki wants a name, and openssl has a reason of its own: rows "no name" and "ahead"
            // or "one of several".
            || own.iter().any(Crl::is_nameless)
                && (own.iter().any(|crl| crl.plan.age == Age::Ahead)
                    || plan.has_choice_for_openssl(OpensslLeaf))
    }

    pub(crate) const TABLE: &'static [Self] = &[
        // What we know to be revoked, and they do not see.
        Self {
            name: "listed by a CRL that is not fresh",
            why: "RFC 5280 §3.3: an entry must not be removed before the certificate's end, so what \
                  an old CRL of the CA lists is still revoked; only what it does not list is open",
            rivals: ALL,
            verdicts: &[(Revoked, Good), (Revoked, Unknown)],
            applies: |plan, rival, _| {
                counts(plan, rival, |crl, subject| {
                    !crl.is_fresh() && plan.lists(crl, subject)
                })
            },
        },
        Self {
            name: "listed outside of the CRL's scope",
            why: "RFC 5280 §4.1.2.2: a serial number is unique within its issuer, so whatever the \
                  CRL is for, it is this certificate that it lists",
            rivals: ALL,
            verdicts: &[(Revoked, Good), (Revoked, Unknown)],
            applies: |plan, rival, _| {
                counts(plan, rival, |crl, subject| {
                    !crl.has_in_scope(subject) && plan.lists(crl, subject)
                })
            },
        },
        Self {
            name: "listed by a CRL whose distribution point has no name",
            why: "RFC 5280 §5.2.5: the name is optional; webpki supports no CRL without it",
            rivals: WEBPKI,
            verdicts: &[(Revoked, Good), (Revoked, Unknown)],
            applies: |plan, rival, _| {
                counts(plan, rival, |crl, subject| {
                    crl.is_nameless() && plan.lists(crl, subject)
                })
            },
        },
        Self {
            name: "revoked by a namesake that may have issued it",
            why: "RFC 5280 §4.2.1.1: without the authority key identifier nothing but the signature \
                  tells which key signed, and API Gateway hands over no chain: either may have",
            rivals: ALL,
            verdicts: &[(Revoked, Good), (Revoked, Unknown)],
            applies: |plan, _, _| {
                let leaf = plan.leaf();
                let lists = |crl: &Crl<'_>| crl.ca == CaId::Namesake && plan.lists(crl, &leaf);
                plan.namesake_may_have_signed()
                    && (plan.usable().iter().any(lists) || plan.is_ca_revoked(CaId::Namesake))
            },
        },
        Self {
            name: "the CA is revoked",
            why: "RFC 5280 §6.1.3 (a)(3) asks it of every certificate of the path; these two were \
                  told to look at the client certificate only",
            rivals: &[WebpkiLeaf, OpensslLeaf],
            verdicts: &[(Revoked, Good), (Revoked, Unknown)],
            applies: |plan, _, _| plan.is_ca_revoked(plan.issuer()),
        },
        Self {
            name: "the root lists itself",
            why: "webpki looks up no trust anchor; but a CA that revokes its own certificate is not \
                  to be trusted any more, whoever holds that key",
            rivals: &[WebpkiChain],
            verdicts: &[(Revoked, Good), (Revoked, Unknown)],
            applies: |plan, _, _| plan.has_revoked_root() && plan.is_ca_revoked(plan.issuer()),
        },
        Self {
            name: "another certificate of the path stopped the search",
            why: "they end at the first certificate without an answer; one that is revoked is \
                  enough, wherever in the path it is",
            rivals: CHAIN,
            verdicts: &[(Revoked, Unknown)],
            applies: |plan, rival, _| plan.leaves_unsettled(rival),
        },
        Self {
            name: "openssl consults one of several CRLs",
            why: "it takes the newest of those that look best, before it verifies a signature; we \
                  verify first and heed all of them (RFC 5280 §6.3.3 loops over the CRLs)",
            rivals: OPENSSL,
            verdicts: &[(Revoked, Good), (Revoked, Unknown), (Good, Unknown)],
            applies: |plan, rival, _| plan.has_choice_for_openssl(rival),
        },
        // What we cannot tell, and they believe they can.
        Self {
            name: "no distribution point, beside partitions",
            why: "RFC 5280 §6.3.3: a distribution point of the issuer's own name is assumed, which \
                  no partition's URI matches; and since the certificate may be older than the \
                  partitions or not, every CRL of the CA must be fresh",
            rivals: ALL,
            verdicts: &[(Unknown, Good)],
            applies: |plan, rival, _| {
                plan.subjects(rival).iter().any(|subject| {
                    !subject.has_distribution_point() && has_partition(plan, subject)
                })
            },
        },
        Self {
            name: "a distribution point of another CRL, beside the complete one",
            why: "AWS: a CA that was switched to partitions keeps its complete CRL for the earlier \
                  certificates; one that names a partition is to be looked up there",
            rivals: ALL,
            verdicts: &[(Unknown, Good)],
            applies: |plan, rival, _| {
                plan.subjects(rival).iter().any(|subject| {
                    let is_complete = |crl: &Crl<'_>| {
                        crl.ca == subject.issuer && !crl.is_partition() && crl.has_in_scope(subject)
                    };
                    subject.has_distribution_point()
                        && has_partition(plan, subject)
                        && plan.usable().iter().any(is_complete)
                })
            },
        },
        Self {
            name: "whether the CA is revoked is not known",
            why: "RFC 5280 §6.1.3 (a)(3) asks it of every certificate of the path; these two were \
                  told to look at the client certificate only",
            rivals: &[WebpkiLeaf, OpensslLeaf],
            verdicts: &[(Unknown, Good)],
            applies: |plan, _, _| plan.leaves_promised_ca_unsettled(),
        },
        Self {
            name: "one path is revoked and the other in doubt",
            why: "they do not see the revocation, for one of the reasons above, and take that path; \
                  for us only the other one is left",
            rivals: CHAIN,
            verdicts: &[(Unknown, Good)],
            applies: |plan, _, _| {
                plan.has_second_root()
                    && plan.has_listed_ca()
                    && plan.leaves_promised_ca_unsettled()
            },
        },
        Self {
            name: "a namesake that may have issued it cannot tell",
            why: "RFC 5280 §4.2.1.1, as above: both must know that it is not revoked",
            rivals: ALL,
            verdicts: &[(Unknown, Good)],
            applies: |plan, _, _| plan.namesake_may_have_signed(),
        },
        Self {
            name: "superseded by one that is not fresh",
            why: "RFC 5280 §5.2.3: the CRL number says which CRL supersedes another; openssl goes \
                  back to the older one where that has not ended yet",
            rivals: OPENSSL,
            verdicts: &[(Unknown, Good), (Unknown, Revoked), (Good, Revoked)],
            applies: |plan, rival, theirs| {
                counts(plan, rival, |crl, _| !crl.is_fresh())
                    && they_use(plan, rival, theirs, |crl| plan.is_superseded(crl))
            },
        },
        // What we refuse, and they use.
        Self {
            name: "no CRL number",
            why: "RFC 5280 §5.2.3: CRL issuers must include it; without it an older CRL could be \
                  put back unnoticed",
            rivals: ALL,
            verdicts: THEY_USE,
            applies: |plan, rival, theirs| has_flaw(plan, rival, theirs, Flaw::NumberMissing),
        },
        Self {
            name: "an authority key identifier of another key",
            why: "RFC 5280 §5.2.1: it identifies the key that signed; webpki never reads it",
            rivals: WEBPKI,
            verdicts: THEY_USE,
            applies: |plan, rival, theirs| has_flaw(plan, rival, theirs, Flaw::OtherKeyNamed),
        },
        Self {
            name: "thisUpdate to come",
            why: "RFC 5280 §5.1.2.4: it is the date of issue, so either clock is wrong; webpki never \
                  looks at it, openssl goes on after saying so",
            rivals: ALL,
            verdicts: THEY_USE,
            applies: |plan, rival, theirs| {
                they_use(plan, rival, theirs, |crl| crl.plan.age == Age::NotYet)
            },
        },
        Self {
            name: "removeFromCRL in a CRL that is no delta",
            why: "RFC 5280 §5.3.1: the reason may only appear in delta CRLs; who issues it otherwise \
                  means something that nobody knows",
            rivals: ALL,
            verdicts: THEY_USE,
            applies: |plan, rival, theirs| has_flaw(plan, rival, theirs, Flaw::RemoveFromCrl),
        },
        Self {
            name: "a delta CRL taken for a complete one",
            why: "RFC 5280 §5.2.4: it lists changes only, to be put together with its base",
            rivals: OPENSSL,
            verdicts: THEY_USE,
            applies: |plan, rival, theirs| has_flaw(plan, rival, theirs, Flaw::Delta),
        },
        Self {
            name: "version 1",
            why: "RFC 5280 §5.1.2.1 and §5.2: a CRL is of version 2 and has a number",
            rivals: OPENSSL,
            verdicts: THEY_USE,
            applies: |plan, rival, theirs| has_flaw(plan, rival, theirs, Flaw::Version1),
        },
        // What we know to be good, and they do not.
        Self {
            name: "covered by a CRL whose distribution point has no name",
            why: "RFC 5280 §5.2.5: the name is optional; webpki supports no CRL without it",
            rivals: WEBPKI,
            verdicts: &[(Good, Unknown)],
            applies: |plan, rival, _| {
                counts(plan, rival, |crl, subject| {
                    crl.is_nameless() && crl.has_in_scope(subject) && !crl.has_ended()
                })
            },
        },
        Self {
            name: "nextUpdate is now",
            why: "RFC 5280 §6.3.3 (a): a new CRL is needed when the current time is after \
                  nextUpdate, not when it is the same",
            rivals: ALL,
            verdicts: &[(Good, Unknown)],
            applies: |plan, rival, _| {
                counts(plan, rival, |crl, subject| {
                    crl.plan.age == Age::EndsNow && crl.has_in_scope(subject)
                })
            },
        },
        Self {
            name: "thisUpdate a little ahead",
            why: "clocks differ by some minutes, and a CRL that is too new is no danger",
            rivals: OPENSSL,
            verdicts: &[(Good, Unknown)],
            applies: |plan, rival, _| {
                counts(plan, rival, |crl, subject| {
                    crl.plan.age == Age::Ahead && crl.has_in_scope(subject)
                })
            },
        },
        Self {
            name: "no CRL about a CA certificate was promised",
            why: "API Gateway takes every CA of the truststore for an anchor, and RFC 5280 §6.1 \
                  looks up no anchor: we do where the CA's issuer publishes CRLs or the CA's \
                  certificate says where, and never about a root",
            rivals: CHAIN,
            verdicts: &[(Good, Unknown)],
            applies: |plan, rival, _| plan.leaves_unpromised_ca_unsettled(rival),
        },
    ];
}

const ALL: &[Rival] = &[WebpkiLeaf, WebpkiChain, OpensslLeaf, OpensslChain];
const WEBPKI: &[Rival] = &[WebpkiLeaf, WebpkiChain];
const OPENSSL: &[Rival] = &[OpensslLeaf, OpensslChain];
const CHAIN: &[Rival] = &[WebpkiChain, OpensslChain];

/// What can be said when they use a CRL that is not there for us.
const THEY_USE: &[(Verdict, Verdict)] = &[
    (Unknown, Good),
    (Unknown, Revoked),
    (Revoked, Good),
    (Good, Revoked),
];

/// Whether that holds of some CRL and some certificate that the rival looks up.
fn some(plan: &Plan, rival: Rival, holds: impl Fn(&Crl<'_>, &Subject<'_>) -> bool) -> bool {
    let crls = plan.crls();
    plan.subjects(rival)
        .iter()
        .any(|subject| crls.iter().any(|crl| holds(crl, subject)))
}

/// The same, of a CRL that counts for the certificate.
fn counts(plan: &Plan, rival: Rival, holds: impl Fn(&Crl<'_>, &Subject<'_>) -> bool) -> bool {
    some(plan, rival, |crl, subject| {
        crl.ca == subject.issuer && plan.is_usable(crl) && holds(crl, subject)
    })
}

fn has_flaw(plan: &Plan, rival: Rival, theirs: Verdict, flaw: Flaw) -> bool {
    they_use(plan, rival, theirs, |crl| crl.plan.flaw == Some(flaw))
}

/// Whether such a CRL of the right CA may be why they say what they say.
fn they_use(
    plan: &Plan,
    rival: Rival,
    theirs: Verdict,
    is_such: impl Fn(&Crl<'_>) -> bool,
) -> bool {
    some(plan, rival, |crl, subject| {
        let tells = theirs != Revoked || plan.lists(crl, subject);
        crl.ca == subject.issuer && is_such(crl) && tells
    })
}

fn has_partition(plan: &Plan, subject: &Subject<'_>) -> bool {
    let is_one = |crl: &Crl<'_>| crl.ca == subject.issuer && crl.is_partition();
    plan.usable().iter().any(is_one)
}
