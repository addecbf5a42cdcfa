//! What a snapshot says about a certificate: RFC 5280 §6.3.3, for the CRLs that AWS Private CA and
//! its like publish. What follows from `Unknown` is the authorizer's policy, not decided here.

use std::fmt;

use crate::distribution_point::DistributionPoint;
use crate::scope::CertificateKind;
use crate::serial::SerialNumber;
use crate::snapshot::{CrlView, IssuerView, Snapshot};
use crate::time::UnixTime;

/// What is needed of a certificate to look it up.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// Its issuer, a DER `Name`.
    pub issuer: &'a [u8],
    /// The key identifier of its authority key identifier extension (RFC 5280 §4.2.1.1).
    pub authority_key_id: Option<&'a [u8]>,
    /// Its serial number.
    pub serial: SerialNumber,
    /// Its CRL distribution points.
    pub distribution_points: &'a [DistributionPoint],
    /// What it is.
    pub kind: CertificateKind,
}

/// Whether a certificate is revoked, as far as a snapshot knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Status {
    /// A CRL that covers it is fresh and does not list it.
    NotRevoked,
    /// It must not be accepted.
    Revoked(RevokedBy),
    /// The snapshot cannot tell.
    Unknown(UnknownReason),
}

/// How a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokedBy {
    /// A CRL of its issuer lists it.
    Listing,
    /// Its issuer is revoked itself.
    Issuer,
}

/// Why a snapshot cannot tell whether a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownReason {
    /// No CA of the truststore has the name and key identifier of its issuer.
    Issuer,
    /// The issuer has published no CRL. AWS Private CA writes none before the first certificate
    /// that refers to it.
    NoCrl,
    /// None of the issuer's CRLs covers it: the partition it belongs to is not there.
    Partition,
    /// The CRL that covers it is past its nextUpdate, grace included.
    Expired,
}

impl<D: AsRef<[u8]>> Snapshot<D> {
    /// The status of a certificate at the moment `now`. A CRL counts as fresh until `grace` seconds
    /// after its nextUpdate. O(log n) for each CRL of the issuer.
    ///
    /// Without an authority key identifier in the certificate, any CA of its issuer's name may have
    /// signed it: one that revokes it is enough, and all of them must know that it is not revoked.
    pub fn status(&self, certificate: &Certificate<'_>, now: UnixTime, grace: i64) -> Status {
        let matches = |issuer: &IssuerView<'_>| {
            certificate
                .authority_key_id
                .is_none_or(|key_id| key_id == issuer.key_id)
        };
        self.issuers_named(certificate.issuer)
            .filter(matches)
            .map(|issuer| status_under(&issuer, certificate, now, grace))
            .reduce(Status::the_graver)
            .unwrap_or(Status::Unknown(UnknownReason::Issuer))
    }
}

impl Status {
    fn the_graver(self, other: Self) -> Self {
        match (self, other) {
            (Self::Revoked(_), _) => self,
            (_, Self::Revoked(_)) => other,
            (Self::Unknown(_), _) => self,
            (Self::NotRevoked, _) => other,
        }
    }
}

fn status_under(
    issuer: &IssuerView<'_>,
    certificate: &Certificate<'_>,
    now: UnixTime,
    grace: i64,
) -> Status {
    if issuer.revoked {
        return Status::Revoked(RevokedBy::Issuer);
    }
    if issuer.crls().next().is_none() {
        return Status::Unknown(UnknownReason::NoCrl);
    }
    // Serial numbers are unique within an issuer (§4.1.2.2), and a revocation stays true: any CRL
    // of the issuer that lists the number is enough, however old it is and whatever it covers.
    if issuer
        .crls()
        .any(|crl| crl.revoked.contains(&certificate.serial))
    {
        return Status::Revoked(RevokedBy::Listing);
    }
    let is_fresh = |crl: &CrlView<'_>| now <= crl.next_update().plus(grace);
    match authoritative(issuer, certificate) {
        Authoritative::AnyOf(crls) if crls.is_empty() => Status::Unknown(UnknownReason::Partition),
        Authoritative::AnyOf(crls) if crls.iter().any(is_fresh) => Status::NotRevoked,
        Authoritative::AllOf(crls) if crls.iter().all(is_fresh) => Status::NotRevoked,
        Authoritative::AnyOf(_) | Authoritative::AllOf(_) => {
            Status::Unknown(UnknownReason::Expired)
        }
    }
}

/// Which CRLs must be fresh for "not listed" to mean "not revoked".
enum Authoritative<'a> {
    AnyOf(Vec<CrlView<'a>>),
    AllOf(Vec<CrlView<'a>>),
}

fn authoritative<'a>(issuer: &IssuerView<'a>, certificate: &Certificate<'_>) -> Authoritative<'a> {
    // §6.3.3 (b)(2)(i): one of the names in the IDP must match one of the names in the DP.
    let conclusive = || {
        certificate
            .distribution_points
            .iter()
            .filter(|point| point.is_conclusive())
    };
    let is_met = |crl: &CrlView<'_>| {
        conclusive().any(|point| {
            point
                .names
                .iter()
                .any(|name| crl.scope().names.contains(name))
        })
    };
    // §6.3.3 (b)(2)(ii) and (iii): onlyContainsUserCerts and onlyContainsCACerts.
    let covering = || {
        issuer
            .crls()
            .filter(|crl| crl.scope().covers.includes(certificate.kind))
    };
    let met: Vec<_> = covering().filter(is_met).collect();
    if !met.is_empty() {
        return Authoritative::AnyOf(met);
    }
    let complete: Vec<_> = covering()
        .filter(|crl| !crl.scope().is_partition())
        .collect();
    if complete.is_empty() || !issuer.crls().any(|crl| crl.scope().is_partition()) {
        // AWS Private CA's complete CRLs carry no IDP while its certificates name a distribution
        // point, so without partitions the complete CRL answers for them too.
        return Authoritative::AnyOf(complete);
    }
    // A CA that was switched to partitions: its earlier certificates are in the complete CRL, the
    // later ones in partitions.
    if certificate.distribution_points.is_empty() {
        return Authoritative::AllOf(issuer.crls().collect());
    }
    let names_object = |crl: &CrlView<'_>| {
        conclusive()
            .flat_map(DistributionPoint::uri_paths)
            .any(|path| is_path_of(path, &crl.source().key))
    };
    Authoritative::AnyOf(complete.into_iter().filter(names_object).collect())
}

/// Whether a URI's path leads to that object: `/KEY`, or `/BUCKET/KEY` in path-style addresses.
fn is_path_of(path: &str, key: &str) -> bool {
    path.strip_suffix(key)
        .is_some_and(|before| before.ends_with('/'))
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRevoked => "not-revoked",
            Self::Revoked(_) => "revoked",
            Self::Unknown(_) => "unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::der::write_element;
    use crate::{
        Contents, Covers, CrlNumber, CrlRecord, Issuer, IssuerRecord, ObjectRef, RevokedSet, Scope,
    };

    const NOW: UnixTime = UnixTime::from_seconds(1_000_000);
    const CA: &[u8] = b"a DER name";
    const KEY: &[u8] = b"key 1";

    fn serial(value: u8) -> SerialNumber {
        SerialNumber::from_der_integer(&[value]).unwrap()
    }

    fn uri(text: &str) -> Vec<u8> {
        let mut name = Vec::new();
        write_element(&mut name, 0x86, text.as_bytes());
        name
    }

    fn scope(uris: &[&str]) -> Scope {
        let mut names: Vec<_> = uris.iter().map(|text| uri(text)).collect();
        names.sort();
        Scope {
            names,
            covers: Covers::AllCertificates,
        }
    }

    fn crl(scope: Scope, key: &str, revoked: &[u8]) -> CrlRecord {
        CrlRecord {
            scope,
            number: CrlNumber::from_der_integer(&[1]).unwrap(),
            this_update: NOW.plus(-100),
            next_update: NOW.plus(100),
            source: ObjectRef {
                key: key.to_owned(),
                etag: String::new(),
            },
            digest: [0; 32],
            revoked: RevokedSet::from_serials(revoked.iter().map(|&value| serial(value)).collect())
                .unwrap(),
        }
    }

    fn expired(record: CrlRecord) -> CrlRecord {
        CrlRecord {
            next_update: NOW.plus(-1),
            ..record
        }
    }

    fn ca(key_id: &[u8], crls: &[CrlRecord]) -> IssuerRecord {
        let issuer = Issuer {
            name: CA.to_vec(),
            key_id: key_id.to_vec(),
        };
        IssuerRecord {
            issuer,
            revoked: false,
            crls: crls.to_vec(),
        }
    }

    fn snapshot(issuers: &[IssuerRecord]) -> Snapshot<Vec<u8>> {
        let contents = Contents {
            built_at: NOW,
            builder: String::new(),
            truststore: ObjectRef::default(),
            issuers: issuers.to_vec(),
        };
        Snapshot::decode(contents.encode().unwrap()).unwrap()
    }

    fn point(uris: &[&str]) -> DistributionPoint {
        DistributionPoint {
            names: uris.iter().map(|text| uri(text)).collect(),
            ..Default::default()
        }
    }

    fn leaf(value: u8, distribution_points: &[DistributionPoint]) -> Certificate<'_> {
        Certificate {
            issuer: CA,
            authority_key_id: Some(KEY),
            serial: serial(value),
            distribution_points,
            kind: CertificateKind::EndEntity,
        }
    }

    const REVOKED: Status = Status::Revoked(RevokedBy::Listing);
    const EXPIRED: Status = Status::Unknown(UnknownReason::Expired);
    const PARTITION: Status = Status::Unknown(UnknownReason::Partition);

    #[test]
    fn a_complete_crl_without_idp_answers_for_certificates_with_a_distribution_point() {
        let known = snapshot(&[ca(KEY, &[crl(Scope::complete(), "crl/ca.crl", &[7])])]);
        let points = [point(&["http://bucket.s3.amazonaws.com/crl/ca.crl"])];
        for points in [&points[..], &[]] {
            assert_eq!(known.status(&leaf(7, points), NOW, 0), REVOKED);
            assert_eq!(known.status(&leaf(8, points), NOW, 0), Status::NotRevoked);
        }
    }

    #[test]
    fn an_issuer_must_match_in_name_and_key() {
        let known = snapshot(&[
            ca(KEY, &[crl(Scope::complete(), "k", &[7])]),
            ca(b"key 2", &[]),
        ]);
        let with_key = |key_id| Certificate {
            authority_key_id: key_id,
            ..leaf(8, &[])
        };
        let status = |certificate| known.status(&certificate, NOW, 0);
        assert_eq!(status(with_key(Some(KEY))), Status::NotRevoked);
        assert_eq!(
            status(with_key(Some(b"key 2"))),
            Status::Unknown(UnknownReason::NoCrl)
        );
        assert_eq!(
            status(with_key(Some(b"key 3"))),
            Status::Unknown(UnknownReason::Issuer)
        );
        let renamed = Certificate {
            issuer: b"another name",
            ..leaf(8, &[])
        };
        assert_eq!(status(renamed), Status::Unknown(UnknownReason::Issuer));
        // Without a key identifier either CA may have signed it.
        assert_eq!(
            status(with_key(None)),
            Status::Unknown(UnknownReason::NoCrl)
        );
        let listed = Certificate {
            serial: serial(7),
            ..with_key(None)
        };
        assert_eq!(status(listed), REVOKED);
    }

    #[test]
    fn everything_below_a_revoked_ca_is_revoked() {
        let revoked = IssuerRecord {
            revoked: true,
            ..ca(KEY, &[crl(Scope::complete(), "k", &[])])
        };
        let status = snapshot(&[revoked]).status(&leaf(8, &[]), NOW, 0);
        assert_eq!(status, Status::Revoked(RevokedBy::Issuer));
    }

    #[test]
    fn an_expired_crl_still_denies_what_it_lists_and_knows_nothing_else() {
        let known = snapshot(&[ca(KEY, &[expired(crl(Scope::complete(), "k", &[7]))])]);
        assert_eq!(known.status(&leaf(7, &[]), NOW, 0), REVOKED);
        assert_eq!(known.status(&leaf(8, &[]), NOW, 0), EXPIRED);
        assert_eq!(known.status(&leaf(8, &[]), NOW, 1), Status::NotRevoked);
        assert_eq!(
            known.status(&leaf(8, &[]), NOW.plus(-1), 0),
            Status::NotRevoked
        );
    }

    #[test]
    fn a_partition_answers_only_for_its_own_certificates() {
        let (a, b) = ("http://c/a.crl", "http://c/b.crl");
        let known = snapshot(&[ca(
            KEY,
            &[
                crl(scope(&[a, "http://d/a.crl"]), "a.crl", &[7]),
                expired(crl(scope(&[b]), "b.crl", &[9])),
            ],
        )]);
        let status =
            |value, points: &[DistributionPoint]| known.status(&leaf(value, points), NOW, 0);
        assert_eq!(status(8, &[point(&[a])]), Status::NotRevoked);
        assert_eq!(
            status(8, &[point(&["http://x/y.crl"]), point(&["http://d/a.crl"])]),
            Status::NotRevoked
        );
        assert_eq!(status(8, &[point(&[b])]), EXPIRED);
        assert_eq!(status(8, &[point(&["http://c/new.crl"])]), PARTITION);
        assert_eq!(status(8, &[]), PARTITION);
        // A listing counts wherever it stands.
        assert_eq!(status(7, &[point(&[b])]), REVOKED);
        assert_eq!(status(9, &[]), REVOKED);
    }

    #[test]
    fn complete_and_partitioned_crls_side_by_side() {
        let uri = "http://c/crl/ca/p1.crl";
        let complete = crl(Scope::complete(), "crl/ca.crl", &[]);
        let partition = crl(scope(&[uri]), "crl/ca/p1.crl", &[]);
        let names_complete = [point(&["http://s3.amazonaws.com/bucket/crl/ca.crl"])];
        let names_other = [point(&["http://c/crl/ca/p2.crl"])];
        let status = |crls: &[CrlRecord], points: &[DistributionPoint]| {
            snapshot(&[ca(KEY, crls)]).status(&leaf(8, points), NOW, 0)
        };
        let both = [complete.clone(), partition.clone()];
        assert_eq!(status(&both, &names_complete), Status::NotRevoked);
        assert_eq!(status(&both, &[point(&[uri])]), Status::NotRevoked);
        assert_eq!(status(&both, &names_other), PARTITION);
        assert_eq!(status(&both, &[]), Status::NotRevoked);
        let stale_partition = [complete.clone(), expired(partition.clone())];
        assert_eq!(
            status(&stale_partition, &names_complete),
            Status::NotRevoked
        );
        assert_eq!(status(&stale_partition, &[]), EXPIRED);
        let stale_complete = [expired(complete), partition];
        assert_eq!(status(&stale_complete, &names_complete), EXPIRED);
        assert_eq!(
            status(&stale_complete, &[point(&[uri])]),
            Status::NotRevoked
        );
    }

    #[test]
    fn a_crl_for_ca_certificates_says_nothing_of_users() {
        let limited = |covers| {
            crl(
                Scope {
                    covers,
                    ..Scope::complete()
                },
                "k",
                &[],
            )
        };
        let status = |covers, kind| {
            let certificate = Certificate {
                kind,
                ..leaf(8, &[])
            };
            snapshot(&[ca(KEY, &[limited(covers)])]).status(&certificate, NOW, 0)
        };
        let (user, authority) = (CertificateKind::EndEntity, CertificateKind::Ca);
        assert_eq!(status(Covers::UserCertificates, user), Status::NotRevoked);
        assert_eq!(status(Covers::UserCertificates, authority), PARTITION);
        assert_eq!(status(Covers::CaCertificates, user), PARTITION);
        assert_eq!(
            status(Covers::CaCertificates, authority),
            Status::NotRevoked
        );
    }

    #[test]
    fn points_for_some_reasons_or_another_issuer_are_not_conclusive() {
        let uri = "http://c/a.crl";
        let known = snapshot(&[ca(KEY, &[crl(scope(&[uri]), "a.crl", &[])])]);
        let some_reasons = DistributionPoint {
            only_some_reasons: true,
            ..point(&[uri])
        };
        let indirect = DistributionPoint {
            names_crl_issuer: true,
            ..point(&[uri])
        };
        for point in [some_reasons, indirect] {
            assert_eq!(known.status(&leaf(8, &[point]), NOW, 0), PARTITION);
        }
    }

    #[test]
    fn a_key_is_matched_at_a_path_boundary() {
        assert!(is_path_of("/crl/ca.crl", "crl/ca.crl"));
        assert!(is_path_of("/bucket/crl/ca.crl", "crl/ca.crl"));
        assert!(!is_path_of("/xcrl/ca.crl", "crl/ca.crl"));
        assert!(!is_path_of("/other/ca.crl", "crl/ca.crl"));
        assert!(!is_path_of("crl/ca.crl", "crl/ca.crl"));
    }
}
