//! One example for each row of the table of differences, and some on which all agree.

use crate::Comparison;
use crate::differences::Difference;
use crate::openssl::Openssl;
use crate::plan::{
    Age, CaCertificate, CaCertificatePlan, CaId, CrlPlan, Flaw, LeafPlan, Only, Plan, Similar, Uri,
};
use crate::verdict::Rival;
use crate::verdict::Verdict::{self, Good, Revoked, Unknown};

/// Tests named as given, and the list of all rows that they are examples of. The verdicts are ours,
/// then those of webpki (client certificate, chain) and of openssl (client certificate, chain).
macro_rules! examples {
    ($($name:ident: $row:expr, $ours:ident $theirs:expr, $change:expr;)+) => {
        $(
            #[test]
            fn $name() {
                Example {
                    name: stringify!($name),
                    row: $row,
                    ours: $ours,
                    theirs: $theirs,
                    change: $change,
                }
                .check();
            }
        )+

        const ROWS: &[Option<&str>] = &[$($row),+];
    };
}

examples! {
    // All agree.
    a_complete_crl_without_idp_is_good_for_a_certificate_with_a_distribution_point:
        None, Good [Good, Good, Good, Good], |_| {};
    a_listing_revokes:
        None, Revoked [Revoked, Revoked, Revoked, Revoked],
        |plan| plan.crls[ISSUING][0].lists_leaf = Some(None);
    a_certificate_on_hold_is_revoked:
        None, Revoked [Revoked, Revoked, Revoked, Revoked],
        |plan| plan.crls[ISSUING][0].lists_leaf = Some(Some(6));
    a_listing_under_another_ca_says_nothing:
        None, Good [Good, Good, Good, Good],
        |plan| plan.crls[ROOT][0].lists_leaf = Some(None);
    a_negative_serial_number_is_not_its_positive_twin:
        None, Good [Good, Good, Good, Good],
        |plan| {
            plan.leaf.serial = vec![0x80];
            plan.crls[ISSUING][0].lists_similar = vec![Similar::OtherSign];
        };
    a_negative_serial_number_can_be_listed:
        None, Revoked [Revoked, Revoked, Revoked, Revoked],
        |plan| {
            plan.leaf.serial = vec![0x80];
            plan.crls[ISSUING][0].lists_leaf = Some(None);
        };
    a_partition_answers_for_certificates_that_name_it:
        None, Good [Good, Good, Good, Good],
        |plan| {
            plan.leaf.distribution_points = vec![vec![Uri::Mirror]];
            plan.crls[ISSUING] = vec![crl(&[Uri::Partition(0), Uri::Mirror])];
        };
    a_partition_does_not_answer_for_others:
        None, Unknown [Unknown, Unknown, Unknown, Unknown],
        |plan| {
            plan.leaf.distribution_points = vec![vec![Uri::Partition(1)]];
            plan.crls[ISSUING] = vec![crl(&[Uri::Partition(0)])];
        };
    one_good_path_is_enough_for_a_cross_certified_ca:
        None, Good [Good, Good, Good, Good],
        |plan| {
            plan.cross_signed = true;
            plan.crls[ROOT][0].lists_cas = vec![ISSUING];
        };
    a_root_is_its_own_issuer_and_no_namesake_revokes_it:
        None, Good [Good, Good, Good, Good],
        |plan| {
            plan.levels = 1;
            plan.namesake_of = Some(0);
            plan.crls[NAMESAKE] = vec![CrlPlan { lists_cas: vec![ROOT], ..crl(&[]) }];
        };
    a_root_stands_when_its_namesake_revokes_itself:
        None, Good [Good, Good, Good, Good],
        |plan| {
            plan.levels = 1;
            plan.namesake_of = Some(0);
            plan.crls[NAMESAKE] = vec![CrlPlan { lists_cas: vec![NAMESAKE], ..crl(&[]) }];
        };
    a_root_stands_that_lists_its_namesake:
        None, Good [Good, Good, Good, Good],
        |plan| {
            plan.levels = 1;
            plan.namesake_of = Some(0);
            plan.crls[ROOT][0].lists_cas = vec![NAMESAKE];
        };

    // What we know to be revoked, and they do not see.
    an_expired_crl_still_revokes_what_it_lists:
        Some("listed by a CRL that is not fresh"),
        Revoked [Unknown, Unknown, Revoked, Revoked],
        |plan| {
            plan.crls[ISSUING][0].age = Age::Expired;
            plan.crls[ISSUING][0].lists_leaf = Some(None);
        };
    a_partition_revokes_whom_it_lists_wherever_that_belongs:
        Some("listed outside of the CRL's scope"),
        Revoked [Good, Good, Good, Good],
        |plan| {
            plan.leaf.distribution_points = vec![vec![Uri::Partition(0)]];
            let other = CrlPlan { lists_leaf: Some(None), ..crl(&[Uri::Partition(1)]) };
            plan.crls[ISSUING] = vec![crl(&[Uri::Partition(0)]), other];
        };
    a_crl_for_user_certificates_revokes_without_a_name:
        Some("listed by a CRL whose distribution point has no name"),
        Revoked [Unknown, Unknown, Revoked, Revoked],
        |plan| {
            plan.crls[ISSUING][0].only = Only::Users;
            plan.crls[ISSUING][0].lists_leaf = Some(None);
        };
    a_namesake_revokes_what_does_not_say_which_of_the_two_issued_it:
        Some("revoked by a namesake that may have issued it"),
        Revoked [Good, Good, Good, Good],
        |plan| {
            plan.namesake_of = Some(ISSUING);
            plan.leaf.names_key = false;
            plan.crls[NAMESAKE] = vec![CrlPlan { lists_leaf: Some(None), ..crl(&[]) }];
        };
    everything_below_a_revoked_ca_is_revoked:
        Some("the CA is revoked"),
        Revoked [Good, Revoked, Good, Revoked],
        |plan| plan.crls[ROOT][0].lists_cas = vec![ISSUING];
    a_root_can_revoke_itself:
        Some("the root lists itself"),
        Revoked [Good, Good, Good, Revoked],
        |plan| plan.crls[ROOT][0].lists_cas = vec![ROOT];
    a_listing_counts_though_nothing_is_known_of_the_ca:
        Some("another certificate of the path stopped the search"),
        Revoked [Revoked, Unknown, Revoked, Revoked],
        |plan| {
            plan.crls[ROOT].clear();
            plan.crls[ISSUING][0].lists_leaf = Some(None);
        };
    any_of_several_crls_revokes:
        Some("openssl consults one of several CRLs"),
        Revoked [Revoked, Revoked, Good, Good],
        |plan| {
            plan.crls[ISSUING][0].lists_leaf = Some(None);
            plan.crls[ISSUING].push(CrlPlan { only: Only::Users, ..crl(&[]) });
        };
    a_forged_crl_does_not_displace_the_sound_one:
        Some("openssl consults one of several CRLs"),
        Good [Good, Good, Unknown, Unknown],
        |plan| {
            let forged = CrlPlan { flaw: Some(Flaw::WrongSigner), ..crl(&[]) };
            plan.crls[ISSUING].push(forged);
        };

    // What we cannot tell, and they believe they can.
    a_certificate_without_distribution_point_may_be_in_any_partition:
        Some("no distribution point, beside partitions"),
        Unknown [Good, Good, Unknown, Unknown],
        |plan| {
            plan.leaf.distribution_points.clear();
            plan.crls[ISSUING] = vec![crl(&[Uri::Partition(0)])];
        };
    a_certificate_of_a_missing_partition_is_unknown:
        Some("a distribution point of another CRL, beside the complete one"),
        Unknown [Good, Good, Good, Good],
        |plan| {
            plan.leaf.distribution_points = vec![vec![Uri::Nowhere]];
            plan.crls[ISSUING].push(crl(&[Uri::Partition(0)]));
        };
    both_cas_must_know_a_certificate_that_names_neither:
        Some("a namesake that may have issued it cannot tell"),
        Unknown [Good, Good, Good, Good],
        |plan| {
            plan.namesake_of = Some(ISSUING);
            plan.leaf.names_key = false;
        };
    the_newest_crl_counts_though_an_older_one_lasts_longer:
        Some("superseded by one that is not fresh"),
        Unknown [Unknown, Unknown, Good, Good],
        |plan| plan.crls[ISSUING].push(CrlPlan { age: Age::Expired, ..crl(&[]) });

    // What we refuse, and they use.
    a_crl_without_number_is_refused:
        Some("no CRL number"), Unknown [Good, Good, Good, Good],
        |plan| plan.crls[ISSUING][0].flaw = Some(Flaw::NumberMissing);
    a_crl_that_names_another_key_is_refused:
        Some("an authority key identifier of another key"),
        Unknown [Good, Good, Unknown, Unknown],
        |plan| plan.crls[ISSUING][0].flaw = Some(Flaw::OtherKeyNamed);
    a_crl_of_the_future_is_refused:
        Some("thisUpdate to come"), Unknown [Good, Good, Unknown, Unknown],
        |plan| plan.crls[ISSUING][0].age = Age::NotYet;
    nothing_is_removed_from_a_complete_crl:
        Some("removeFromCRL in a CRL that is no delta"),
        Unknown [Revoked, Revoked, Good, Good],
        |plan| {
            plan.crls[ISSUING][0].flaw = Some(Flaw::RemoveFromCrl);
            plan.crls[ISSUING][0].lists_leaf = Some(None);
        };
    a_delta_crl_is_refused:
        Some("a delta CRL taken for a complete one"),
        Unknown [Unknown, Unknown, Good, Good],
        |plan| plan.crls[ISSUING][0].flaw = Some(Flaw::Delta);
    a_crl_of_version_1_is_refused:
        Some("version 1"), Unknown [Unknown, Unknown, Good, Good],
        |plan| plan.crls[ISSUING][0].flaw = Some(Flaw::Version1);

    // What we know to be good, and they do not.
    a_crl_for_user_certificates_answers_without_a_name:
        Some("covered by a CRL whose distribution point has no name"),
        Good [Unknown, Unknown, Good, Good],
        |plan| plan.crls[ISSUING][0].only = Only::Users;
    a_crl_is_fresh_until_its_next_update_inclusively:
        Some("nextUpdate is now"), Good [Unknown, Unknown, Unknown, Unknown],
        |plan| plan.crls[ISSUING][0].age = Age::EndsNow;
    clocks_may_differ_by_minutes:
        Some("thisUpdate a little ahead"), Good [Good, Good, Unknown, Unknown],
        |plan| plan.crls[ISSUING][0].age = Age::Ahead;
    a_ca_about_which_no_crl_was_promised_is_an_anchor:
        Some("no CRL about a CA certificate was promised"),
        Good [Good, Unknown, Good, Unknown],
        |plan| {
            plan.crls[ROOT].clear();
            plan.ca_certificates[ISSUING].distribution_points.clear();
        };
    a_promised_crl_about_the_ca_is_missed:
        Some("whether the CA is revoked is not known"),
        Unknown [Good, Unknown, Good, Unknown],
        |plan| plan.crls[ROOT].clear();
    a_path_in_doubt_is_not_saved_by_one_that_is_revoked:
        Some("one path is revoked and the other in doubt"),
        Unknown [Good, Good, Good, Unknown],
        |plan| {
            plan.cross_signed = true;
            plan.crls[ROOT].clear();
            plan.crls[SECOND_ROOT][0].lists_cas = vec![SECOND_ROOT];
        };
    a_stale_crl_about_the_ca_is_not_enough:
        Some("whether the CA is revoked is not known"),
        Unknown [Good, Unknown, Good, Unknown],
        |plan| plan.crls[ROOT][0].age = Age::Expired;
}

#[test]
fn every_row_of_the_table_has_an_example() {
    for row in Difference::TABLE {
        assert!(
            ROWS.contains(&Some(row.name)),
            "no example of {:?}",
            row.name
        );
    }
}

struct Example {
    name: &'static str,
    row: Option<&'static str>,
    ours: Verdict,
    theirs: [Verdict; 4],
    /// What makes it differ from [`sound`].
    change: fn(&mut Plan),
}

impl Example {
    fn check(&self) {
        let mut plan = sound();
        (self.change)(&mut plan);
        let rivals = [
            Rival::WebpkiLeaf,
            Rival::WebpkiChain,
            Rival::OpensslLeaf,
            Rival::OpensslChain,
        ];
        let expected = rivals.into_iter().zip(self.theirs);
        let rows: Vec<_> = expected
            .clone()
            .filter_map(|(rival, theirs)| {
                Difference::explaining(&plan, rival, (self.ours, theirs)).map(|row| row.name)
            })
            .collect();
        match self.row {
            Some(row) => assert!(rows.contains(&row), "explained by {rows:?} only"),
            None => assert!(rows.is_empty(), "nothing to explain, but {rows:?}"),
        }

        let openssl = Openssl::find(self.name);
        let comparison = Comparison::new(&plan, openssl.as_ref());
        let said: Vec<_> = comparison
            .theirs
            .iter()
            .map(|(rival, theirs)| (*rival, theirs.verdict))
            .collect();
        let expected: Vec<_> = expected
            .filter(|(rival, _)| openssl.is_some() || !rival.is_openssl())
            .collect();
        let differs = comparison.ours.verdict != self.ours || said != expected;
        if differs || comparison.check().is_err() {
            comparison.fail();
        }
    }
}

/// A root and an issuing CA, each with a fresh complete CRL as AWS Private CA writes it, and a
/// client certificate that names it.
fn sound() -> Plan {
    let ca_certificate = |position: usize| CaCertificatePlan {
        serial: vec![u8::try_from(position + 1).unwrap()],
        distribution_points: vec![vec![Uri::Complete]],
    };
    Plan {
        levels: 2,
        cross_signed: false,
        namesake_of: None,
        ca_certificates: (0..CaCertificate::COUNT).map(ca_certificate).collect(),
        leaf: LeafPlan {
            serial: vec![0x2a],
            distribution_points: vec![vec![Uri::Complete]],
            names_key: true,
        },
        crls: vec![
            vec![crl(&[])],
            vec![crl(&[])],
            Vec::new(),
            vec![crl(&[])],
            Vec::new(),
        ],
    }
}

/// A fresh CRL that lists nothing.
fn crl(names: &[Uri]) -> CrlPlan {
    CrlPlan {
        names: names.to_vec(),
        only: Only::Neither,
        age: Age::Fresh,
        flaw: None,
        names_key: true,
        lists_leaf: None,
        lists_cas: Vec::new(),
        lists_similar: Vec::new(),
    }
}

/// The slots of the CAs of [`sound`] and the positions of their certificates.
const ROOT: usize = 0;
const ISSUING: usize = 1;
/// The slot of the root that cross-certifies, and the position of its certificate.
const SECOND_ROOT: usize = CaId::COUNT - 2;
/// The slot of the namesake and the position of its certificate.
const NAMESAKE: usize = CaId::COUNT - 1;
