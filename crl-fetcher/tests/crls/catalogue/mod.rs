//! The catalogue of CRL defects, and that of sound variations beside it.
//!
//! A defect is one object: a CRL that is accepted, bent in exactly one way and signed anew unless
//! the signature is the defect. It has a name, the clause it offends and the whole result that
//! follows. A variation is a CRL that looks unusual and is sound, with all that must be read in it.

mod distribution_point;
mod encoding;
mod entries;
mod extensions;
mod issuer;
mod levels;
mod number;
mod object;
mod signature;
mod sound;
mod times;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crl_fetcher::crl::VerifiedCrl;
use crl_fetcher::refusal::Refusal;
use crl_fetcher::truststore::Truststore;
use crl_fetcher::verify_all;
use revocation::der::DerError;
use revocation::{CrlNumber, Issuer, Scope, SerialNumber, UnixTime};
use testkit::pki::{Ca, CrlBuilder, IssuingDistributionPoint, KeyKind, der};

use super::NOW;

#[test]
fn every_defect_is_refused_for_what_it_is() {
    let wrong: Vec<_> = CATALOGUE
        .defects
        .iter()
        .map(|defect| {
            (
                defect,
                results(&defect.object, &defect.truststore, defect.now),
            )
        })
        .filter(|(defect, found)| *found != defect.expected)
        .map(|(defect, found)| (&defect.name, defect.clause, found, &defect.expected))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_sound_variation_is_read_as_it_is() {
    let wrong: Vec<_> = CATALOGUE
        .variations
        .iter()
        .map(|variation| (variation, variation.read()))
        .filter(|(variation, found)| *found != [Ok(variation.expected.clone())])
        .map(|(variation, found)| {
            (
                &variation.name,
                variation.clause,
                found,
                &variation.expected,
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Else a defect would prove nothing: the CRL might be refused for something else.
#[test]
fn what_the_defects_are_made_of_is_accepted() {
    let pki = &CATALOGUE.pki;
    let unbent = [
        pki.sound(),
        pki.full(),
        pki.rsa.crl(),
        pki.rsa.crl().pss(),
        pki.ed25519.crl(),
        pki.ml_dsa.crl(),
    ];
    for crl in unbent {
        let results = results(&crl.der(), &pki.truststore(), NOW);
        assert_eq!(results, [Ok(())], "{crl:?}");
    }
}

#[test]
fn the_catalogue_is_complete_and_says_nothing_twice() {
    let Catalogue {
        defects,
        variations,
        ..
    } = &*CATALOGUE;
    assert!(defects.len() >= 620, "{} defects", defects.len());
    assert!(variations.len() >= 75, "{} variations", variations.len());

    let of_defects = defects.iter().map(|case| (&case.name, case.clause));
    let of_variations = variations.iter().map(|case| (&case.name, case.clause));
    let mut names = BTreeSet::new();
    for (name, clause) in of_defects.chain(of_variations) {
        assert!(names.insert(name), "{name} occurs twice");
        let of_standard = ["RFC ", "X.690 "]
            .iter()
            .any(|standard| clause.starts_with(standard));
        assert!(of_standard && clause.contains('§'), "{name}: {clause}");
    }
}

#[test]
fn every_refusal_says_what_is_wrong_and_what_to_do() {
    let results = CATALOGUE.defects.iter().flat_map(|defect| &defect.expected);
    for refusal in results.filter_map(|result| result.as_ref().err()) {
        let message = refusal.to_string();
        let (wrong, remedy) = message.rsplit_once("; ").unwrap_or_default();
        assert!(wrong.len() > 10 && remedy.len() > 10, "{message}");
        assert!(message.len() < 500 && !message.contains('\n'), "{message}");
    }
}

/// A new refusal must not go untested.
#[test]
fn every_refusal_is_in_the_catalogue() {
    let refusals = CATALOGUE.defects.iter().flat_map(|defect| &defect.expected);
    let met = refusals.filter_map(|result| result.as_ref().err().map(Refusal::code));
    let elsewhere = [
        // In the ledger's tests.
        "crl-number-lower",
        "crl-number-reused",
        // In the system tests, since they are about S3.
        "too-large",
        "unreadable",
    ];
    let tested: BTreeSet<_> = met.chain(elsewhere).collect();
    assert_eq!(tested, all_codes());
}

struct Catalogue {
    pki: Pki,
    defects: Vec<Defect>,
    variations: Vec<Variation>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let pki = Pki::new();
    let defects = [
        levels::defects(&pki),
        encoding::defects(&pki),
        signature::defects(&pki),
        issuer::defects(&pki),
        times::defects(&pki),
        number::defects(&pki),
        extensions::defects(&pki),
        distribution_point::defects(&pki),
        entries::defects(&pki),
        object::defects(&pki),
    ];
    Catalogue {
        defects: defects.into_iter().flatten().collect(),
        variations: sound::variations(&pki),
        pki,
    }
});

/// An object, and what follows from it.
struct Case<E> {
    name: String,
    /// What it offends, or what allows it.
    clause: &'static str,
    object: Vec<u8>,
    truststore: Truststore,
    now: UnixTime,
    expected: E,
}

/// An object that must be refused, or one of whose CRLs must be: one result for each CRL in it.
type Defect = Case<Vec<Result<(), Refusal>>>;

/// An object with one CRL that must be accepted.
type Variation = Case<Said>;

/// All that is read in a CRL.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    issuer: Issuer,
    scope: Scope,
    number: CrlNumber,
    this_update: UnixTime,
    next_update: UnixTime,
    /// In ascending order.
    serials: Vec<SerialNumber>,
}

/// The CAs of the catalogue.
struct Pki {
    /// The usual issuer; its key is on P-256.
    ca: Ca,
    rsa: Ca,
    ed25519: Ca,
    /// ML-DSA-44.
    ml_dsa: Ca,
    /// Of the usual issuer's name, with a key of its own. Not in the usual truststore.
    namesake: Ca,
    /// Not in the usual truststore.
    foreign: Ca,
}

impl Pki {
    fn new() -> Self {
        Self {
            ca: Ca::root("Issuing CA"),
            rsa: Ca::root_with("RSA CA", KeyKind::Rsa2048),
            ed25519: Ca::root_with("Ed25519 CA", KeyKind::Ed25519),
            ml_dsa: Ca::root_with("ML-DSA CA", KeyKind::MlDsa44),
            namesake: Ca::root("Issuing CA"),
            foreign: Ca::root("Foreign CA"),
        }
    }

    /// The usual truststore.
    fn truststore(&self) -> Truststore {
        super::truststore(&[&self.ca, &self.rsa, &self.ed25519, &self.ml_dsa])
    }

    /// The usual CRL: complete, with one entry.
    fn sound(&self) -> CrlBuilder {
        self.ca.crl().revoke(SERIAL)
    }

    /// What [`Pki::sound`] says.
    fn said(&self) -> Said {
        Said {
            issuer: super::issuer(&self.ca),
            scope: Scope::complete(),
            number: number(1_793_494_800_000),
            this_update: THIS_UPDATE,
            next_update: NEXT_UPDATE,
            serials: vec![super::serial(SERIAL)],
        }
    }

    /// A CRL with an element at each of the places in [`at`].
    fn full(&self) -> CrlBuilder {
        let idp = IssuingDistributionPoint {
            only_contains_user_certs: true,
            ..IssuingDistributionPoint::uris(&[URI])
        };
        self.sound()
            .revoke_with(&[0x44], NOW.seconds(), Some(1))
            .idp_der(true, &idp.to_der())
    }

    /// A defect of a CRL in DER, or of what stands in its place.
    fn defect(
        &self,
        name: impl Into<String>,
        clause: &'static str,
        object: Vec<u8>,
        refusal: impl Into<Refusal>,
    ) -> Defect {
        self.case(name, clause, object, vec![Err(refusal.into())])
    }

    /// A case with the usual truststore, at the usual moment.
    fn case<E>(
        &self,
        name: impl Into<String>,
        clause: &'static str,
        object: Vec<u8>,
        expected: E,
    ) -> Case<E> {
        Case {
            name: name.into(),
            clause,
            object,
            truststore: self.truststore(),
            now: NOW,
            expected,
        }
    }
}

impl<E> Case<E> {
    /// With a truststore of these CAs instead of the usual one.
    fn trusting(self, cas: &[&Ca]) -> Self {
        let truststore = super::truststore(cas);
        Self { truststore, ..self }
    }

    /// At another moment than usual.
    fn at(self, now: UnixTime) -> Self {
        Self { now, ..self }
    }
}

impl Variation {
    fn read(&self) -> Vec<Result<Said, Refusal>> {
        let verified = verify_all(&self.object, &self.truststore, self.now);
        verified
            .into_iter()
            .map(|verified| verified.map(Said::by))
            .collect()
    }
}

impl Said {
    fn by(verified: VerifiedCrl) -> Self {
        let entries = verified.profile().entries();
        let source = super::object("crl/a.crl", "1");
        let (issuer, record) = verified.into_record(source).unwrap();
        let serials: Vec<_> = record.revoked.iter().collect();
        assert_eq!(serials.len(), entries);
        Self {
            issuer,
            scope: record.scope,
            number: record.number,
            this_update: record.this_update,
            next_update: record.next_update,
            serials,
        }
    }
}

/// Where the elements of [`Pki::full`] are below `TBSCertList`, for [`CrlBuilder::bend`].
mod at {
    pub(super) const TBS_CERT_LIST: &[usize] = &[];
    pub(super) const VERSION: &[usize] = &[0];
    pub(super) const SIGNATURE: &[usize] = &[1];
    pub(super) const ISSUER: &[usize] = &[2];
    pub(super) const THIS_UPDATE: &[usize] = &[3];
    pub(super) const NEXT_UPDATE: &[usize] = &[4];
    pub(super) const REVOKED_CERTIFICATES: &[usize] = &[5];
    /// One with extensions; the one before it has none.
    pub(super) const ENTRY: &[usize] = &[5, 1];
    pub(super) const USER_CERTIFICATE: &[usize] = &[5, 1, 0];
    pub(super) const REVOCATION_DATE: &[usize] = &[5, 1, 1];
    pub(super) const ENTRY_EXTENSIONS: &[usize] = &[5, 1, 2];
    pub(super) const ENTRY_EXTENSION: &[usize] = &[5, 1, 2, 0];
    pub(super) const ENTRY_EXTN_ID: &[usize] = &[5, 1, 2, 0, 0];
    pub(super) const ENTRY_EXTN_VALUE: &[usize] = &[5, 1, 2, 0, 1];
    pub(super) const REASON: &[usize] = &[5, 1, 2, 0, 1, 0];
    pub(super) const CRL_EXTENSIONS: &[usize] = &[6];
    pub(super) const EXTENSIONS: &[usize] = &[6, 0];
    pub(super) const AUTHORITY_KEY_IDENTIFIER: &[usize] = &[6, 0, 0, 1, 0];
    pub(super) const KEY_IDENTIFIER: &[usize] = &[6, 0, 0, 1, 0, 0];
    pub(super) const NUMBER_EXTENSION: &[usize] = &[6, 0, 1];
    pub(super) const NUMBER_EXTN_VALUE: &[usize] = &[6, 0, 1, 1];
    pub(super) const NUMBER: &[usize] = &[6, 0, 1, 1, 0];
    pub(super) const IDP_EXTENSION: &[usize] = &[6, 0, 2];
    pub(super) const IDP_EXTN_ID: &[usize] = &[6, 0, 2, 0];
    pub(super) const IDP_CRITICAL: &[usize] = &[6, 0, 2, 1];
    pub(super) const IDP_EXTN_VALUE: &[usize] = &[6, 0, 2, 2];
    pub(super) const IDP: &[usize] = &[6, 0, 2, 2, 0];
    pub(super) const DISTRIBUTION_POINT: &[usize] = &[6, 0, 2, 2, 0, 0];
    pub(super) const FULL_NAME: &[usize] = &[6, 0, 2, 2, 0, 0, 0];
    pub(super) const ONLY_CONTAINS_USER_CERTS: &[usize] = &[6, 0, 2, 2, 0, 1];
}

fn results(object: &[u8], truststore: &Truststore, now: UnixTime) -> Vec<Result<(), Refusal>> {
    let verified = verify_all(object, truststore, now);
    let results = verified.into_iter().map(|verified| verified.map(|_| ()));
    results.collect()
}

/// Every code in the source.
fn all_codes() -> BTreeSet<&'static str> {
    let source = include_str!("../../../src/refusal.rs");
    let (_, code) = source.split_once("pub const fn code").unwrap();
    let (code, _) = code.split_once("\n    }\n").unwrap();
    code.split('"').skip(1).step_by(2).collect()
}

fn tag(expected: u8, found: u8) -> DerError {
    DerError::Tag { expected, found }
}

fn malformed(extension: &'static str) -> impl Fn(DerError) -> Refusal {
    move |error| Refusal::ExtensionMalformed { extension, error }
}

fn duplicate(oid: &str) -> Refusal {
    let oid = oid.to_owned();
    Refusal::DuplicateExtension { oid }
}

fn unknown_critical(oid: &str) -> Refusal {
    let oid = oid.to_owned();
    Refusal::UnknownCriticalExtension { oid }
}

fn number(value: u64) -> CrlNumber {
    CrlNumber::from_der_integer(&der::minimal_content(&value.to_be_bytes())).unwrap()
}

/// The same content octets under another tag.
fn retagged(element: &[u8], tag: u8) -> Vec<u8> {
    der::tlv(tag, content(element))
}

/// An element with more octets at the end of its content.
fn extended(element: &[u8], octets: &[u8]) -> Vec<u8> {
    der::tlv(element[0], &[content(element), octets].concat())
}

fn content(element: &[u8]) -> &[u8] {
    let mut reader = revocation::der::Reader::new(element);
    reader.element().unwrap().content
}

const SERIAL: &[u8] = &[0x11, 0x22, 0x33];
const URI: &str = "http://crl.example.com/a";
/// 2026-11-01T00:00:00Z.
const THIS_UPDATE: UnixTime = UnixTime::from_seconds(1_793_491_200);
/// 2026-12-01T00:00:00Z.
const NEXT_UPDATE: UnixTime = UnixTime::from_seconds(1_796_083_200);
