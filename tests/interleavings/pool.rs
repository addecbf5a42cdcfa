//! What can be in the bucket: CRLs signed once for all interleavings, and what only looks like one.
//!
//! The pool knows what each object says because it wrote it, not because the product read it.

use std::collections::{BTreeMap, BTreeSet};

use revocation::der::Reader;
use revocation::{Contents, CrlRecord, Issuer};
use sha2::{Digest, Sha256};
use testkit::pki::{Ca, CrlBuilder, der};

/// Objects that may lie in the bucket, and the valid CRLs in them.
pub(crate) struct Pool {
    /// The truststore of every interleaving: CA A and CA B.
    pub(crate) truststore: Vec<u8>,
    /// The same with a third CA, which must not get a word in.
    pub(crate) truststore_with_foreign: Vec<u8>,
    pub(crate) objects: Vec<Object>,
    pub(crate) crls: Vec<Crl>,
    pub(crate) scopes: Vec<Scope>,
    /// The objects that hold nothing valid.
    pub(crate) junk: Vec<ObjectId>,
    /// The objects with several CRLs.
    pub(crate) bundles: Vec<ObjectId>,
    /// Keys that no scope has its home at, with the names that the trace shows.
    pub(crate) other_keys: Vec<(String, &'static str)>,
    numbered: BTreeMap<(ScopeId, u64, bool), ObjectId>,
    by_octets: BTreeMap<Vec<u8>, ObjectId>,
}

/// An index into [`Pool::objects`].
pub(crate) type ObjectId = usize;

/// An index into [`Pool::crls`].
pub(crate) type CrlId = usize;

/// An index into [`Pool::scopes`].
pub(crate) type ScopeId = usize;

pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) octets: Vec<u8>,
    /// Those that a fetcher must believe, once it is time.
    pub(crate) valid: Vec<CrlId>,
}

/// A valid CRL.
pub(crate) struct Crl {
    pub(crate) name: String,
    pub(crate) scope: ScopeId,
    pub(crate) number: u64,
    /// From when on, in seconds since 1970 by its own clock, a fetcher believes it.
    pub(crate) believed_from: i64,
    pub(crate) digest: [u8; 32],
    /// The serial numbers it lists: their octets.
    pub(crate) serials: BTreeSet<Vec<u8>>,
}

pub(crate) struct Scope {
    pub(crate) name: &'static str,
    /// Where AWS Private CA writes its CRLs to.
    pub(crate) home: String,
    pub(crate) issuer: Issuer,
    /// As [`revocation::Scope`] shows itself.
    shown: String,
}

/// What a snapshot holds of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) number: u64,
    pub(crate) digest: [u8; 32],
    pub(crate) serials: BTreeSet<Vec<u8>>,
}

/// The greatest CRL number of a valid CRL. The CRLs with that number are so new that a fetcher
/// whose clock is slow does not believe them yet.
pub(crate) const GREATEST_NUMBER: u64 = 8;

impl Pool {
    pub(crate) fn new() -> Self {
        let (a, b, foreign) = (Ca::root("CA A"), Ca::root("CA B"), Ca::root("CA C"));
        let truststore = [a.certificate_pem(), b.certificate_pem()].concat();
        let complete = |ca: &Ca, name| Scope {
            name,
            home: ca.crl_key(),
            issuer: issuer(ca),
            shown: "complete".to_owned(),
        };
        let partition = |ca: &Ca, partition, name| Scope {
            name,
            home: ca.partition_key(partition),
            issuer: issuer(ca),
            shown: format!("partition {}", ca.partition_url(partition)),
        };
        let mut pool = Self {
            truststore_with_foreign: (truststore.clone() + &foreign.certificate_pem()).into(),
            truststore: truststore.into(),
            objects: Vec::new(),
            crls: Vec::new(),
            scopes: vec![
                complete(&a, "A"),
                partition(&b, "1", "B/1"),
                partition(&b, "2", "B/2"),
            ],
            junk: Vec::new(),
            bundles: Vec::new(),
            other_keys: vec![
                ("crl/copy.crl".to_owned(), "copy.crl"),
                ("crl/bundle.crl".to_owned(), "bundle.crl"),
                (foreign.crl_key(), "C.crl"),
                // AWS Private CA writes such a one to test its permission.
                (
                    "crl/acm-pca-permission-test-key".to_owned(),
                    "permission-test-key",
                ),
            ],
            numbered: BTreeMap::new(),
            by_octets: BTreeMap::new(),
        };
        let partition_of_b = |name: &str| b.crl().partition(&[&b.partition_url(name)]);
        pool.add_numbered(0, &a.crl());
        pool.add_numbered(1, &partition_of_b("1"));
        pool.add_numbered(2, &partition_of_b("2"));

        let forged = a.crl().signed_by(&foreign).number(99).revoke(&[1]).der();
        let forged_partition = partition_of_b("1").signed_by(&foreign).number(99).der();
        let greatest = &pool.objects[pool.numbered(0, GREATEST_NUMBER, false)].octets;
        let cut = greatest[..greatest.len() / 2].to_vec();
        let junk = [
            ("garbage", b"no CRL at all".to_vec()),
            ("nothing", Vec::new()),
            ("half of A#8", cut),
            ("A#99 forged", forged.clone()),
            ("B/1#99 forged", forged_partition),
            ("A unnumbered", a.crl().no_number().der()),
            ("C#50 foreign", foreign.crl().number(50).revoke(&[2]).der()),
        ];
        for (name, octets) in junk {
            let id = pool.add(name.to_owned(), octets, Vec::new());
            pool.junk.push(id);
        }
        for number in 1..=GREATEST_NUMBER {
            let of_a = pool.numbered(0, number, false);
            // A part of it may have to wait.
            let newest = pool.numbered(1, GREATEST_NUMBER, false);
            pool.add_bundle(&[of_a, newest], None);
            pool.add_bundle(&[of_a], Some(("A#99 forged", &forged)));
            pool.add_bundle(&[of_a, pool.numbered(2, number, false)], None);
        }
        pool
    }

    /// The object with a CRL of that scope and number; a second one with the same number and other
    /// content if asked for.
    pub(crate) fn numbered(&self, scope: ScopeId, number: u64, second: bool) -> ObjectId {
        self.numbered[&(scope, number, second)]
    }

    pub(crate) fn with_octets(&self, octets: &[u8]) -> Option<ObjectId> {
        self.by_octets.get(octets).copied()
    }

    /// What the trace calls a key.
    pub(crate) fn name_of_key<'a>(&'a self, key: &'a str) -> &'a str {
        let homes = self.scopes.iter().map(|scope| (&scope.home, scope.name));
        let others = self.other_keys.iter().map(|(key, name)| (key, *name));
        let mut named = homes.chain(others);
        named
            .find(|(known, _)| *known == key)
            .map_or(key, |(_, name)| name)
    }

    /// What the trace calls the CRL with that digest.
    pub(crate) fn name_of_crl(&self, digest: &[u8; 32]) -> &str {
        let crl = self.crls.iter().find(|crl| crl.digest == *digest);
        crl.map_or("unknown", |crl| &crl.name)
    }

    /// What a snapshot holds of each scope.
    ///
    /// # Errors
    /// It knows an issuer or a scope that it cannot know from valid objects, or misses a CA.
    pub(crate) fn held(&self, contents: &Contents) -> Result<BTreeMap<ScopeId, Held>, String> {
        let mut held = BTreeMap::new();
        for record in &contents.issuers {
            if !self
                .scopes
                .iter()
                .any(|scope| scope.issuer == record.issuer)
            {
                return Err(format!("it knows {:?}, which is foreign", record.issuer));
            }
            for crl in &record.crls {
                let shown = crl.scope.to_string();
                let known = self
                    .scopes
                    .iter()
                    .position(|scope| scope.issuer == record.issuer && scope.shown == shown);
                let scope = known.ok_or_else(|| format!("no CRL has the scope {shown}"))?;
                held.insert(scope, read(crl));
            }
        }
        match contents.issuers.len() {
            2 => Ok(held),
            other => Err(format!("it knows {other} CAs, but the truststore has 2")),
        }
    }

    /// CRLs 1 to 8 of a scope, and to each number a second CRL.
    fn add_numbered(&mut self, scope: ScopeId, template: &CrlBuilder) {
        for number in 1..=GREATEST_NUMBER {
            let this_update = match number {
                GREATEST_NUMBER => NOW + ALLOWED_SKEW,
                number => NOW - 86_400 + i64::try_from(number).unwrap() * 3600,
            };
            let numbered = template
                .clone()
                .number(number)
                .this_update(this_update)
                .next_update(this_update + 7 * 86_400);
            let first = listed(scope, number);
            // It lists one that the first does not, and the other way round.
            let mut second = first.clone();
            second.remove(0);
            second.push(serial(scope, 40));
            for (serials, is_second) in [(first, false), (second, true)] {
                let entries = serials.iter();
                let signed = entries.fold(numbered.clone(), |crl, serial| crl.revoke(serial));
                let octets = signed.der();
                let mark = if is_second { "'" } else { "" };
                let name = format!("{}#{number}{mark}", self.scopes[scope].name);
                self.crls.push(Crl {
                    name: name.clone(),
                    scope,
                    number,
                    believed_from: this_update - ALLOWED_SKEW,
                    digest: Sha256::digest(tbs_cert_list(&octets)).into(),
                    serials: serials.into_iter().collect(),
                });
                let object = self.add(name, octets, vec![self.crls.len() - 1]);
                self.numbered.insert((scope, number, is_second), object);
            }
        }
    }

    /// A PEM file of the CRLs in these objects, and of one that is refused.
    fn add_bundle(&mut self, of: &[ObjectId], refused: Option<(&str, &[u8])>) {
        let mut names: Vec<_> = of.iter().map(|&id| self.objects[id].name.clone()).collect();
        let mut pem: String = of
            .iter()
            .map(|&id| der::pem("X509 CRL", &self.objects[id].octets))
            .collect();
        let valid = of.iter().flat_map(|&id| self.objects[id].valid.clone());
        let valid = valid.collect();
        if let Some((name, octets)) = refused {
            names.push(name.to_owned());
            pem += &der::pem("X509 CRL", octets);
        }
        let id = self.add(format!("[{}]", names.join(", ")), pem.into(), valid);
        self.bundles.push(id);
    }

    fn add(&mut self, name: String, octets: Vec<u8>, valid: Vec<CrlId>) -> ObjectId {
        let id = self.objects.len();
        self.by_octets.insert(octets.clone(), id);
        self.objects.push(Object {
            name,
            octets,
            valid,
        });
        id
    }
}

/// A list that grows with the number, but loses every third certificate once its number is reached:
/// expired ones are taken off.
fn listed(scope: ScopeId, number: u64) -> Vec<Vec<u8>> {
    let is_listed = |index: &u64| !index.is_multiple_of(3) || *index > number;
    let listed = (1..=2 * number).filter(is_listed);
    listed
        .map(|index| serial(scope, u8::try_from(index).unwrap()))
        .collect()
}

/// Serial numbers of one octet, of each scope its own.
fn serial(scope: ScopeId, index: u8) -> Vec<u8> {
    vec![u8::try_from(scope).unwrap() * 41 + index]
}

fn read(crl: &CrlRecord) -> Held {
    Held {
        number: crl.number.to_string().parse().unwrap(),
        digest: crl.digest,
        serials: crl
            .revoked
            .iter()
            .map(|serial| serial.octets().to_vec())
            .collect(),
    }
}

fn tbs_cert_list(crl: &[u8]) -> &[u8] {
    let mut certificate_list = Reader::new(crl).sequence().unwrap();
    certificate_list.element().unwrap().raw
}

fn issuer(ca: &Ca) -> Issuer {
    Issuer {
        name: ca.name_der().to_vec(),
        key_id: ca.key_id().to_vec(),
    }
}

/// 2026-11-15T00:00:00Z, when all of it happens.
pub(crate) const NOW: i64 = 1_794_700_800;

/// How far `thisUpdate` may be ahead of a fetcher's clock, in seconds.
const ALLOWED_SKEW: i64 = crl_fetcher::crl::ALLOWED_SKEW;
