//! What the fetcher must not believe, in S3: the invocation fails and names it, the other sources
//! are published, and what was known stays known.

use std::collections::BTreeMap;

use serde_json::json;
use system_tests::{CRL_BUCKET, Deployment, client, decide, failed_refresh, outcomes, refresh};
use testkit::pki::{Ca, CrlBuilder, Digest, IssuingDistributionPoint, Reason, der, oid};
use testkit::s3::{Fault, Operation};

#[tokio::test]
async fn a_refused_crl_changes_nothing_and_holds_up_no_other() {
    let (bent, sound) = (Ca::root("Bent CA"), Ca::root("Sound CA"));
    let impostor = Ca::root("Bent CA");
    let deployment = Deployment::start(&[&bent, &sound]).await;
    let mallory = client(&bent, "mallory");
    let fetcher = deployment.fetcher_with(&[("MAX_CRL_BYTES", "4096")]).await;
    let crl = || {
        let crl = bent.crl().current().number(10);
        crl.revoke(&mallory.serial())
    };
    deployment.publish(&bent.crl_key(), crl().der());
    deployment.publish(&sound.crl_key(), sound.crl().current().number(1).der());
    refresh(&fetcher).await;

    // Each would take the revocation back, were it believed.
    let newer = || bent.crl().current().number(11);
    let good = newer().der();
    let idp = |bend: fn(&mut IssuingDistributionPoint)| {
        let mut idp = IssuingDistributionPoint::default();
        bend(&mut idp);
        newer().idp_der(true, &idp.to_der()).der()
    };
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let many = (0..200_u8).map(|number| ([1, number], 0, None));
    let future = |crl: CrlBuilder| crl.this_update(4_000_000_000).next_update(4_000_000_001);
    let defects: Vec<(&str, Vec<u8>)> = vec![
        ("malformed", vec![]),
        ("malformed", good[..good.len() - 1].to_vec()),
        ("malformed", b"<html>Not Found</html>".to_vec()),
        ("malformed", newer().empty_revoked_certificates().der()),
        ("signature-invalid", flipped),
        ("signature-invalid", newer().signed_by(&impostor).der()),
        (
            "signature-algorithm-weak",
            newer().digest(Digest::Sha1).der(),
        ),
        (
            "authority-key-identifier",
            newer().aki_key_id(impostor.key_id()).der(),
        ),
        ("crl-number-lower", bent.crl().current().number(9).der()),
        ("crl-number-reused", bent.crl().current().number(10).der()),
        ("crl-number-missing", newer().no_number().der()),
        ("next-update-missing", newer().no_next_update().der()),
        ("not-yet-issued", future(newer()).der()),
        ("delta-crl", newer().delta(10).der()),
        ("indirect-crl", idp(|idp| idp.indirect_crl = true)),
        (
            "attribute-certificates-only",
            idp(|idp| idp.only_contains_attribute_certs = true),
        ),
        (
            "only-some-reasons",
            idp(|idp| idp.only_some_reasons = Some(vec![Reason::Superseded])),
        ),
        (
            "unknown-critical-extension",
            newer().extension(oid::UNKNOWN, true, &der::null()).der(),
        ),
        (
            "unknown-critical-extension",
            newer()
                .entry_extension(&[1], oid::UNKNOWN, true, &der::null())
                .der(),
        ),
        ("version", newer().version(None).der()),
        ("no-crl", bent.certificate_pem().into_bytes()),
        ("pem", newer().pem().replace("-----END", "----END").into()),
        ("too-large", newer().entries(many).der()),
    ];
    let held = deployment.snapshot().to_contents();
    let mut number = 1;
    for (code, octets) in defects {
        number += 1;
        deployment.publish(&bent.crl_key(), octets);
        let news = sound.crl().current().number(number);
        deployment.publish(&sound.crl_key(), news.der());
        let error = failed_refresh(&fetcher).await;
        assert_eq!(error.error_type, "RefusedSources", "{error}");
        let named = format!("{}: {code}: ", bent.crl_key());
        assert!(error.message.starts_with(&named), "{code}: {error}");
        // Only that one, so no second message follows.
        assert!(!error.message.contains("| crl/"), "{error}");

        let contents = deployment.snapshot().to_contents();
        for (now, before) in contents.issuers.iter().zip(&held.issuers) {
            if now.issuer.name == bent.name_der() {
                assert_eq!(now, before, "{code}");
            } else {
                assert_eq!(now.crls[0].number.to_string(), number.to_string(), "{code}");
            }
        }
    }
    let authorizer = deployment.authorizer().await;
    assert_eq!(decide(&authorizer, &mallory).await, "deny revoked");

    // Once it is sound, it is taken.
    deployment.publish(&bent.crl_key(), good);
    refresh(&fetcher).await;
    assert_eq!(decide(&authorizer, &mallory).await, "allow not-revoked");
}

#[tokio::test]
async fn every_refused_object_is_named() {
    let (one, two) = (Ca::root("CA one"), Ca::root("CA two"));
    let deployment = Deployment::start(&[&one, &two]).await;
    deployment.publish("crl/a.crl", one.crl().current().no_number().der());
    deployment.publish("crl/b.crl", two.crl().current().delta(1).der());
    deployment.publish("crl/c.crl", one.crl().current().der());
    let error = failed_refresh(&deployment.fetcher().await).await;
    let expected = "crl/a.crl: crl-number-missing: the CRL has no CRL number; have the CA issue a \
                    CRL that keeps to RFC 5280, section 5 | crl/b.crl: delta-crl: this is a delta CRL; publish complete or partitioned \
                    CRLs under this prefix";
    assert_eq!(error.message, expected);
    assert_eq!(
        deployment
            .snapshot()
            .issuers()
            .flat_map(|ca| ca.crls())
            .count(),
        1
    );
}

#[tokio::test]
async fn of_a_bundle_the_sound_part_is_taken() {
    let (one, two) = (Ca::root("CA one"), Ca::root("CA two"));
    let deployment = Deployment::start(&[&one, &two]).await;
    let fetcher = deployment.fetcher().await;
    let alice = client(&one, "alice");
    let sound = one.crl().current().revoke(&alice.serial()).pem();
    let bundle = |other: String| [sound.clone(), other].concat();
    deployment.publish("crl/all.crl", bundle(two.crl().current().delta(1).pem()));
    for _ in 0..2 {
        // Also the second time: what was refused is not forgotten because the object stays.
        let error = failed_refresh(&fetcher).await;
        assert!(
            error.message.starts_with("crl/all.crl: delta-crl: "),
            "{error}"
        );
        let snapshot = deployment.snapshot();
        let crls: Vec<_> = snapshot.issuers().map(|ca| ca.crls().count()).collect();
        assert_eq!(crls, [1, 0]);
    }
    deployment.publish("crl/all.crl", bundle(two.crl().current().pem()));
    let report = refresh(&fetcher).await;
    assert_eq!(report["counts"]["accepted"], 1);
    assert_eq!(report["snapshot"]["crls"], 2);
}

#[tokio::test]
async fn a_foreign_crl_is_named_and_no_failure() {
    let (ours, foreign) = (Ca::root("Our CA"), Ca::root("Foreign CA"));
    let deployment = Deployment::start(&[&ours]).await;
    let client = client(&ours, "client");
    deployment.publish(&ours.crl_key(), ours.crl().current().der());
    let other = foreign.crl().current().revoke(&client.serial());
    deployment.publish(&foreign.crl_key(), other.der());
    let fetcher = deployment.fetcher().await;
    for published in [true, false] {
        let report = refresh(&fetcher).await;
        assert_eq!(report["snapshot"]["published"], published);
        assert_eq!(report["counts"]["foreign"], 1);
        let sources = report["sources"].as_array().unwrap();
        let source = sources
            .iter()
            .find(|source| source["key"] == foreign.crl_key())
            .unwrap();
        assert_eq!(source["outcome"], "foreign");
        assert_eq!(source["code"], "foreign-issuer");
    }
    let authorizer = deployment.authorizer().await;
    assert_eq!(decide(&authorizer, &client).await, "allow not-revoked");
}

/// A neighbour's CRL is one thing; in the place of ours it means that ours is not updated any more.
#[tokio::test]
async fn a_foreign_crl_in_the_place_of_ours_is_refused() {
    let (ours, foreign) = (Ca::root("Our CA"), Ca::root("Foreign CA"));
    let namesake = Ca::root("Our CA");
    let deployment = Deployment::start(&[&ours]).await;
    let client = client(&ours, "client");
    let ours_crl = ours.crl().current().revoke(&client.serial());
    deployment.publish(&ours.crl_key(), ours_crl.der());
    let fetcher = deployment.fetcher().await;
    refresh(&fetcher).await;
    for (other, code) in [
        (&foreign, "foreign-issuer"),
        (&namesake, "authority-key-identifier"),
    ] {
        deployment.publish(&ours.crl_key(), other.crl().current().der());
        let error = failed_refresh(&fetcher).await;
        assert_eq!(error.error_type, "RefusedSources");
        assert!(error.message.contains(code), "{}", error.message);
    }
    let authorizer = deployment.authorizer().await;
    assert_eq!(decide(&authorizer, &client).await, "deny revoked");
}

/// Its revocations are knowledge; that it is too old to clear anybody is judged with each request.
#[tokio::test]
async fn an_expired_crl_is_taken_if_it_is_newer() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    let (listed, unlisted) = (client(&ca, "listed"), client(&ca, "unlisted"));
    deployment.publish(&ca.crl_key(), ca.crl().current().number(1).der());
    let fetcher = deployment.fetcher().await;
    let authorizer = deployment.authorizer().await;
    refresh(&fetcher).await;
    assert_eq!(decide(&authorizer, &listed).await, "allow not-revoked");

    let expired = ca
        .crl()
        .number(2)
        .this_update(1_700_000_000)
        .next_update(1_700_000_060)
        .revoke(&listed.serial());
    deployment.publish(&ca.crl_key(), expired.der());
    let report = refresh(&fetcher).await;
    assert_eq!(report["counts"]["accepted"], 1);
    assert_eq!(decide(&authorizer, &listed).await, "deny revoked");
    assert_eq!(decide(&authorizer, &unlisted).await, "deny crl-expired");
}

#[tokio::test]
async fn objects_that_are_no_crls_by_their_name_are_left_alone() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    for key in [
        "acm-pca-permission-test-key",
        "crl/acm-pca-permission-test-key",
        "crl/acm-pca-permission-test-key-private",
        "audit-report/report.json",
        "other/prefix.crl",
    ] {
        deployment.publish(key, "test");
    }
    deployment.publish(&ca.crl_key(), ca.crl().current().der());
    deployment.publish(
        "custom/ca.crl",
        ca.crl().current().partition(&["u:1"]).der(),
    );
    let prefixes = [("CRL_PREFIXES", "crl/, custom/")];
    let report = refresh(&deployment.fetcher_with(&prefixes).await).await;
    let key = ca.crl_key();
    let expected = BTreeMap::from([(key.as_str(), "accepted"), ("custom/ca.crl", "accepted")]);
    assert_eq!(outcomes(&report), expected);
}

#[tokio::test]
async fn an_old_crl_beside_the_current_one_is_refused_in_whatever_order_they_are_read() {
    let ca = Ca::root("Issuing CA");
    let alice = client(&ca, "alice");
    let old = ca.crl().current().number(1).der();
    let new = ca.crl().current().number(2).revoke(&alice.serial()).der();
    for (old_key, new_key) in [("crl/a.crl", "crl/b.crl"), ("crl/b.crl", "crl/a.crl")] {
        let deployment = Deployment::start(&[&ca]).await;
        deployment.publish(old_key, old.clone());
        deployment.publish(new_key, new.clone());
        let fetcher = deployment.fetcher().await;
        for _ in 0..2 {
            let error = failed_refresh(&fetcher).await;
            let named = format!("{old_key}: crl-number-lower: ");
            assert!(error.message.starts_with(&named), "{error}");
        }
        let authorizer = deployment.authorizer().await;
        assert_eq!(decide(&authorizer, &alice).await, "deny revoked");
    }
}

#[tokio::test]
async fn a_crl_that_cannot_be_read_leaves_the_one_before() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    let alice = client(&ca, "alice");
    let fetcher = deployment.fetcher().await;
    let revoking = ca.crl().current().number(1).revoke(&alice.serial());
    deployment.publish(&ca.crl_key(), revoking.der());
    refresh(&fetcher).await;
    let before = deployment.snapshot().id();

    for fault in [Fault::Status(403, "AccessDenied"), Fault::TruncateBody(20)] {
        deployment.publish(&ca.crl_key(), ca.crl().current().number(2).der());
        let (operation, key) = (Operation::GetObject, ca.crl_key());
        deployment.s3.fail_next(operation, &key, fault, 1);
        let error = failed_refresh(&fetcher).await;
        let named = format!("{key}: unreadable: ");
        assert!(error.message.starts_with(&named), "{fault:?}: {error}");
        assert_eq!(deployment.snapshot().id(), before, "{fault:?}");
    }
    let report = refresh(&fetcher).await;
    assert_eq!(report["counts"]["accepted"], json!(1));
}

/// S3 hiccups as it does: the SDK tries again, and nobody notices.
#[tokio::test]
async fn a_hiccup_of_s3_is_no_failure() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    deployment.publish(&ca.crl_key(), ca.crl().current().der());
    let (crl, s3) = (ca.crl_key(), &deployment.s3);
    s3.fail_next(
        Operation::GetObject,
        &crl,
        Fault::Status(503, "SlowDown"),
        1,
    );
    s3.fail_next(Operation::ListObjectsV2, "", Fault::DropConnection, 1);
    let report = refresh(&deployment.fetcher().await).await;
    assert_eq!(report["counts"]["accepted"], 1);
    let reads = s3.requests().into_iter().filter(|request| {
        request.bucket == CRL_BUCKET && request.operation == Operation::GetObject
    });
    let statuses: Vec<_> = reads.map(|request| request.status).collect();
    assert_eq!(statuses, [Some(503), Some(200)]);
}
