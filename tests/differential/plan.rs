//! What is generated: a hierarchy, its CRLs and one client certificate, as a plan that shrinks and
//! prints well. Keys, encodings and signatures come later, in `pki`.
//!
//! Not in here: what a CA must never do (two certificates of one serial number, a serial number
//! listed twice), and CA certificates that are not valid or may not sign.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// The moment everything is judged at: 2026-11-15T00:00:00Z.
pub(crate) const NOW: i64 = 1_794_700_800;

/// The most CAs below each other.
pub(crate) const MAX_LEVELS: usize = 3;

/// A hierarchy, its CRLs and one client certificate.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How many CAs are below each other; the last one issues the client certificate.
    pub(crate) levels: usize,
    /// Whether a second root certifies the issuer of the client certificate too.
    pub(crate) cross_signed: bool,
    /// A CA of the same name as the one at this level, with another key: a key rollover.
    pub(crate) namesake_of: Option<usize>,
    /// By [`CaCertificate::position`]; some may not exist.
    pub(crate) ca_certificates: Vec<CaCertificatePlan>,
    pub(crate) leaf: LeafPlan,
    /// By [`CaId::slot`], in the order of their CRL numbers; some CAs may not exist.
    pub(crate) crls: Vec<Vec<CrlPlan>>,
}

#[derive(Clone, Debug)]
pub(crate) struct CaCertificatePlan {
    /// DER INTEGER content octets.
    pub(crate) serial: Vec<u8>,
    /// Not written for roots.
    pub(crate) distribution_points: Vec<Vec<Uri>>,
}

#[derive(Clone, Debug)]
pub(crate) struct LeafPlan {
    /// DER INTEGER content octets.
    pub(crate) serial: Vec<u8>,
    /// None: no such extension.
    pub(crate) distribution_points: Vec<Vec<Uri>>,
    /// Whether it has an authority key identifier.
    pub(crate) names_key: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct CrlPlan {
    /// The names of its issuing distribution point, ascending, once each.
    pub(crate) names: Vec<Uri>,
    pub(crate) only: Only,
    pub(crate) age: Age,
    pub(crate) flaw: Option<Flaw>,
    /// Whether it has an authority key identifier.
    pub(crate) names_key: bool,
    /// Whether it lists the client certificate's serial number, and for which reason.
    pub(crate) lists_leaf: Option<ReasonCode>,
    /// The positions of the CA certificates whose serial numbers it lists.
    pub(crate) lists_cas: Vec<usize>,
    /// Serial numbers that resemble the client certificate's.
    pub(crate) lists_similar: Vec<Similar>,
}

/// A reason code to write, or none.
pub(crate) type ReasonCode = Option<u8>;

/// A place of a CRL, relative to the CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Uri {
    /// The object of the complete CRL.
    Complete,
    /// The object of a partition.
    Partition(u8),
    /// A copy of partition 0 elsewhere.
    Mirror,
    /// The object of the complete CRL, with the bucket in the path. No CRL is named so.
    PathStyle,
    /// A place that no CRL is named after.
    Nowhere,
}

/// `onlyContainsUserCerts` and `onlyContainsCACerts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Only {
    Neither,
    Users,
    Cas,
}

/// thisUpdate and nextUpdate, relative to [`NOW`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    Fresh,
    /// nextUpdate is this very second.
    EndsNow,
    /// nextUpdate was a second ago.
    Expired,
    /// thisUpdate is a few minutes ahead: clocks differ.
    Ahead,
    /// thisUpdate is an hour ahead.
    NotYet,
}

/// What makes a CRL unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    UnknownCritical,
    Delta,
    Indirect,
    SomeReasons,
    AttributeCertificates,
    NumberMissing,
    Version1,
    WrongSigner,
    OtherKeyNamed,
    EntryUnknownCritical,
    /// An entry with the reason removeFromCRL: the client certificate's, if it is listed.
    RemoveFromCrl,
}

/// How a serial number differs from the client certificate's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Similar {
    /// The same octets, but for the one that makes the sign.
    OtherSign,
    Shorter,
    Longer,
    Next,
}

/// A CA: a name and a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaId {
    /// Of the path, from the root at 0 downwards.
    Path(usize),
    SecondRoot,
    Namesake,
}

impl CaId {
    pub(crate) const COUNT: usize = MAX_LEVELS + 2;

    pub(crate) fn slot(self) -> usize {
        match self {
            Self::Path(level) => level,
            Self::SecondRoot => MAX_LEVELS,
            Self::Namesake => MAX_LEVELS + 1,
        }
    }
}

/// A CA certificate of the hierarchy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CaCertificate {
    /// In [`Plan::ca_certificates`].
    pub(crate) position: usize,
    pub(crate) subject: CaId,
    pub(crate) issuer: CaId,
}

impl CaCertificate {
    pub(crate) const COUNT: usize = CaId::COUNT + 1;
    const CROSS: usize = CaId::COUNT;

    pub(crate) fn is_root(&self) -> bool {
        self.subject == self.issuer
    }
}

impl Plan {
    /// The CA that issues the client certificate.
    pub(crate) fn issuer(&self) -> CaId {
        CaId::Path(self.levels - 1)
    }

    pub(crate) fn has_second_root(&self) -> bool {
        self.cross_signed && self.levels > 1
    }

    /// The level of the CA that has a namesake.
    pub(crate) fn namesake_level(&self) -> Option<usize> {
        self.namesake_of.map(|level| level.min(self.levels - 1))
    }

    pub(crate) fn cas(&self) -> Vec<CaId> {
        let path = (0..self.levels).map(CaId::Path);
        let second_root = self.has_second_root().then_some(CaId::SecondRoot);
        let namesake = self.namesake_of.map(|_| CaId::Namesake);
        path.chain(second_root).chain(namesake).collect()
    }

    /// Whether the two have one name.
    pub(crate) fn are_namesakes(&self, one: CaId, other: CaId) -> bool {
        let name = |ca| match ca {
            CaId::Namesake => self.namesake_level().map(CaId::Path),
            named => Some(named),
        };
        name(one) == name(other)
    }

    /// Every CA certificate, each behind that of its issuer.
    pub(crate) fn ca_certificates(&self) -> Vec<CaCertificate> {
        let below = |level: usize| CaId::Path(level.saturating_sub(1));
        let certificate = |subject: CaId, issuer| CaCertificate {
            position: subject.slot(),
            subject,
            issuer,
        };
        let of = |ca| match ca {
            CaId::Path(level) => certificate(ca, below(level)),
            CaId::SecondRoot => certificate(ca, ca),
            CaId::Namesake => match self.namesake_level() {
                Some(level @ 1..) => certificate(ca, below(level)),
                _ => certificate(ca, ca),
            },
        };
        let mut all: Vec<_> = self.cas().into_iter().map(of).collect();
        if self.has_second_root() {
            all.push(CaCertificate {
                position: CaCertificate::CROSS,
                subject: self.issuer(),
                issuer: CaId::SecondRoot,
            });
        }
        all
    }

    /// The paths from the client certificate's issuer up, each ending with a root.
    pub(crate) fn paths(&self) -> Vec<Vec<CaCertificate>> {
        let all = self.ca_certificates();
        let mut own: Vec<_> = all[..self.levels].to_vec();
        own.reverse();
        let mut paths = vec![own];
        if self.has_second_root() {
            let cross = all.iter().filter(|ca| ca.position == CaCertificate::CROSS);
            let root = all.iter().filter(|ca| ca.subject == CaId::SecondRoot);
            paths.push(cross.chain(root).copied().collect());
        }
        paths
    }

    /// What a CRL lists: content octets and reason code, once each.
    pub(crate) fn entries(&self, crl: &CrlPlan) -> Vec<(Vec<u8>, ReasonCode)> {
        const REMOVE_FROM_CRL: u8 = 8;
        let leaf = &self.leaf.serial;
        let mut entries = Vec::new();
        if let Some(reason) = crl.lists_leaf {
            let removed = crl.flaw == Some(Flaw::RemoveFromCrl);
            let reason = if removed {
                Some(REMOVE_FROM_CRL)
            } else {
                reason
            };
            entries.push((leaf.clone(), reason));
        }
        let existing: Vec<_> = self
            .ca_certificates()
            .iter()
            .map(|ca| ca.position)
            .collect();
        let cas = crl.lists_cas.iter().filter(|ca| existing.contains(ca));
        entries.extend(cas.map(|&ca| (self.ca_certificates[ca].serial.clone(), None)));
        let is_used = |serial: &Vec<u8>| {
            serial == leaf
                || existing
                    .iter()
                    .any(|&ca| self.ca_certificates[ca].serial == *serial)
        };
        let similar = crl.lists_similar.iter().map(|similar| similar.to(leaf));
        entries.extend(
            similar
                .filter(|serial| !is_used(serial))
                .map(|serial| (serial, Some(1))),
        );
        if crl.flaw == Some(Flaw::RemoveFromCrl) && crl.lists_leaf.is_none() {
            entries.push((UNUSED_SERIAL.to_vec(), Some(REMOVE_FROM_CRL)));
        }
        // Where a CA has the client certificate's number, it is the flaw that stays.
        entries.sort_by_key(|(serial, reason)| (serial.clone(), *reason != Some(REMOVE_FROM_CRL)));
        entries.dedup_by(|a, b| a.0 == b.0);
        entries
    }

    fn has_unique_serials(&self) -> bool {
        let cas = self.ca_certificates();
        let leaf = (self.issuer(), &self.leaf.serial);
        let issued: Vec<_> = cas
            .iter()
            .map(|ca| (ca.issuer, &self.ca_certificates[ca.position].serial))
            .chain([leaf])
            .collect();
        let collide = |(one, a): (CaId, &Vec<u8>), (other, b): (CaId, &Vec<u8>)| {
            a == b && self.are_namesakes(one, other)
        };
        (0..issued.len()).all(|i| !issued[..i].iter().any(|other| collide(issued[i], *other)))
    }
}

/// No certificate has it: chance does not come upon it.
pub(crate) const UNUSED_SERIAL: [u8; 20] = [0x5a; 20];

impl Similar {
    fn to(self, serial: &[u8]) -> Vec<u8> {
        let mut octets = serial.to_vec();
        match self {
            Self::OtherSign if octets[0] == 0 && octets.len() > 1 => {
                octets.remove(0);
            }
            Self::OtherSign => octets.insert(0, 0),
            Self::Shorter => {
                octets.pop();
            }
            Self::Longer => octets.push(1),
            Self::Next => {
                let last = octets.len() - 1;
                octets[last] = octets[last].wrapping_add(1);
            }
        }
        octets.truncate(MAX_SERIAL_OCTETS);
        minimal(octets)
    }
}

/// What 20 octets of value have at most, the one that makes the sign not counted.
const MAX_SERIAL_OCTETS: usize = 20;

/// Content octets of the same value in their shortest form.
fn minimal(mut octets: Vec<u8>) -> Vec<u8> {
    let is_redundant = |octets: &[u8]| match octets {
        [0x00, next, ..] => *next < 0x80,
        [0xff, next, ..] => *next >= 0x80,
        _ => false,
    };
    while is_redundant(&octets) {
        octets.remove(0);
    }
    if octets.is_empty() { vec![0] } else { octets }
}

/// Any plan. Most CRLs of it are sound and fresh, else nothing would ever be good.
pub(crate) fn any_plan() -> impl Strategy<Value = Plan> {
    let ca_certificate =
        (any_serial(), any_distribution_points()).prop_map(|(serial, distribution_points)| {
            CaCertificatePlan {
                serial,
                distribution_points,
            }
        });
    let leaf = (any_serial(), any_distribution_points(), mostly_true(9)).prop_map(
        |(serial, distribution_points, names_key)| LeafPlan {
            serial,
            distribution_points,
            names_key,
        },
    );
    let plan = (
        1..=MAX_LEVELS,
        prop_oneof![3 => Just(false), 1 => Just(true)],
        option::weighted(0.3, 0..MAX_LEVELS),
        vec(ca_certificate, CaCertificate::COUNT),
        leaf,
        vec(any_crls(), CaId::COUNT),
    );
    plan.prop_map(
        |(levels, cross_signed, namesake_of, ca_certificates, leaf, crls)| Plan {
            levels,
            cross_signed,
            namesake_of,
            ca_certificates,
            leaf,
            crls,
        },
    )
    .prop_filter(
        "serial numbers are unique within an issuer",
        Plan::has_unique_serials,
    )
}

fn any_crls() -> impl Strategy<Value = Vec<CrlPlan>> {
    let count = prop_oneof![1 => Just(0), 5 => Just(1), 3 => Just(2), 2 => Just(3)];
    let crls = count.prop_flat_map(|count| vec(any_crl(), count));
    // A CA that is down lets all of them expire.
    (crls, mostly_true(8)).prop_map(|(mut crls, is_up)| {
        for crl in crls.iter_mut().filter(|_| !is_up) {
            crl.age = Age::Expired;
        }
        crls
    })
}

fn any_crl() -> impl Strategy<Value = CrlPlan> {
    let names = prop_oneof![
        5 => Just(Vec::new()),
        4 => subsequence(
            vec![Uri::Complete, Uri::Partition(0), Uri::Partition(1), Uri::Mirror],
            1..=2,
        ),
    ];
    let only = prop_oneof![8 => Just(Only::Neither), 1 => Just(Only::Users), 1 => Just(Only::Cas)];
    let age = prop_oneof![
        16 => Just(Age::Fresh),
        1 => Just(Age::EndsNow),
        2 => Just(Age::Expired),
        1 => Just(Age::Ahead),
        1 => Just(Age::NotYet),
    ];
    let reason = option::of(select(vec![0_u8, 1, 2, 3, 4, 5, 6, 9, 10]));
    let positions: Vec<usize> = (0..CaCertificate::COUNT).collect();
    let lists_cas = prop_oneof![4 => Just(Vec::new()), 1 => subsequence(positions, 1..=2)];
    let similar = vec![
        Similar::OtherSign,
        Similar::Shorter,
        Similar::Longer,
        Similar::Next,
    ];
    let crl = (
        names,
        only,
        age,
        option::weighted(0.15, any_flaw()),
        mostly_true(4),
        option::weighted(0.2, reason),
        lists_cas,
        subsequence(similar, 0..=4),
    );
    crl.prop_map(
        |(names, only, age, flaw, names_key, lists_leaf, lists_cas, lists_similar)| CrlPlan {
            names,
            only,
            age,
            flaw,
            names_key,
            lists_leaf,
            lists_cas,
            lists_similar,
        },
    )
}

fn any_flaw() -> impl Strategy<Value = Flaw> {
    select(vec![
        Flaw::UnknownCritical,
        Flaw::Delta,
        Flaw::Indirect,
        Flaw::SomeReasons,
        Flaw::AttributeCertificates,
        Flaw::NumberMissing,
        Flaw::Version1,
        Flaw::WrongSigner,
        Flaw::OtherKeyNamed,
        Flaw::EntryUnknownCritical,
        Flaw::RemoveFromCrl,
    ])
}

fn any_distribution_points() -> impl Strategy<Value = Vec<Vec<Uri>>> {
    let uris = [
        Uri::Complete,
        Uri::Partition(0),
        Uri::Partition(1),
        Uri::Mirror,
        Uri::PathStyle,
        Uri::Nowhere,
    ];
    let point = || subsequence(uris.to_vec(), 1..=2);
    prop_oneof![
        2 => Just(Vec::new()),
        3 => Just(vec![vec![Uri::Complete]]),
        3 => point().prop_map(|point| vec![point]),
        1 => vec(point(), 2),
    ]
}

fn any_serial() -> impl Strategy<Value = Vec<u8>> {
    let octets = |length| vec(any::<u8>(), length);
    prop_oneof![
        1 => Just(vec![0]),
        2 => (1_u8..4).prop_map(|tiny| vec![tiny]),
        4 => octets(16..=16).prop_map(positive),
        3 => octets(1..=MAX_SERIAL_OCTETS).prop_map(positive),
        1 => octets(1..=MAX_SERIAL_OCTETS).prop_map(minimal),
    ]
}

fn positive(mut octets: Vec<u8>) -> Vec<u8> {
    octets.insert(0, 0);
    minimal(octets)
}

/// True this often for each time that it is false; shrinks to true.
fn mostly_true(times: u32) -> impl Strategy<Value = bool> {
    prop_oneof![times => Just(true), 1 => Just(false)]
}
