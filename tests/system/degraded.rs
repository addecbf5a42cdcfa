//! What goes wrong around the two Lambdas: no snapshot, a broken one, no S3, several fetchers at
//! once, a wrong configuration. Decisions go on for as long as there is anything to decide from.

use std::time::Duration;

use futures::future::join_all;
use system_tests::{
    ALWAYS_REVALIDATE, CRL_BUCKET, Deployment, SNAPSHOT_BUCKET, SNAPSHOT_KEY, TRUSTSTORE_BUCKET,
    TRUSTSTORE_KEY, client, decide, failed_refresh, outcomes, refresh,
};
use testkit::events;
use testkit::lambda::{Function, binaries};
use testkit::pki::{Ca, Leaf};
use testkit::s3::{Fault, Operation};

#[tokio::test]
async fn without_a_snapshot_there_is_an_error_until_there_is_one() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    let alice = client(&ca, "alice");
    let authorizer = deployment.authorizer_with(&[]).await;
    assert_eq!(authorizer.init_error().await, None);

    let event = events::http_api_v2(&alice.certificate_pem());
    let error = authorizer.invoke(event).await.result.unwrap_err();
    assert_eq!(error.error_type, "NoSnapshot");
    assert_eq!(
        error.message,
        "there is no snapshot yet; invoke crl-fetcher"
    );

    // A truststore without CRLs makes a snapshot too: its CAs are known.
    let fetcher = deployment.fetcher().await;
    let report = refresh(&fetcher).await;
    assert_eq!(report["snapshot"]["published"], true);
    assert_eq!(decide(&authorizer, &alice).await, "deny issuer-without-crl");
}

#[tokio::test]
async fn a_corrupt_snapshot_does_not_replace_the_one_held() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    let (alice, bob) = revoking_alice(&deployment, &ca).await;
    let good = deployment.s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY).unwrap();

    for (defect, octets, message) in corruptions(&good) {
        deployment.s3.put(SNAPSHOT_BUCKET, defect, good.clone());
        let key = [("SNAPSHOT_KEY", defect)];
        let authorizer = deployment
            .authorizer_with(&[&ALWAYS_REVALIDATE[..], &key].concat())
            .await;
        assert_eq!(decide(&authorizer, &bob).await, "allow not-revoked");
        deployment.s3.put(SNAPSHOT_BUCKET, defect, octets.clone());
        assert_eq!(decide(&authorizer, &alice).await, "deny revoked");
        assert_eq!(decide(&authorizer, &bob).await, "allow not-revoked");
        let warning = "the last good snapshot is used on";
        let logged = authorizer.logged(warning, Duration::from_secs(5)).await;
        assert!(
            logged.is_some_and(|line| line.contains(message) && line.contains("requestId")),
            "{defect}"
        );

        // One that starts with it has nothing to decide from.
        let authorizer = deployment.authorizer_with(&key).await;
        let event = events::http_api_v2(&bob.certificate_pem());
        let error = authorizer.invoke(event).await.result.unwrap_err();
        assert_eq!(error.error_type, "NoSnapshot", "{defect}");
        assert!(error.message.contains(message), "{defect}: {error}");
    }
}

/// The fetcher would lose what only the snapshot knows, were it to start over from the CRLs.
#[tokio::test]
async fn a_corrupt_snapshot_is_not_overwritten() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    revoking_alice(&deployment, &ca).await;
    let good = deployment.s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY).unwrap();
    let fetcher = deployment.fetcher().await;
    for (defect, octets, message) in corruptions(&good) {
        deployment
            .s3
            .put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, octets.clone());
        let error = failed_refresh(&fetcher).await;
        assert_eq!(error.error_type, "SnapshotUnusable", "{defect}");
        assert!(error.message.contains(message), "{defect}: {error}");
        let found = deployment.s3.get(SNAPSHOT_BUCKET, SNAPSHOT_KEY);
        assert_eq!(found, Some(octets), "{defect}");
    }
}

#[tokio::test]
async fn decisions_go_on_without_s3() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    let (alice, bob) = revoking_alice(&deployment, &ca).await;
    let impatient = deployment.authorizer().await;
    let usual = deployment.authorizer_with(&[]).await;

    deployment.s3.stop().await;
    for authorizer in [&impatient, &usual] {
        assert_eq!(decide(authorizer, &alice).await, "deny revoked");
        assert_eq!(decide(authorizer, &bob).await, "allow not-revoked");
    }
    // S3 has just failed, and not every request waits for it to fail again.
    let warnings = || {
        let logs = impatient.logs();
        let warning = "the last good snapshot is used on";
        logs.iter().filter(|line| line.contains(warning)).count()
    };
    let before = warnings();
    for _ in 0..10 {
        assert_eq!(decide(&impatient, &bob).await, "allow not-revoked");
    }
    // Lines may arrive after the answers they belong to.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(warnings() - before < 10);

    deployment.s3.resume().await;
    let crl = ca.crl().current().number(2).revoke(&bob.serial());
    deployment.publish(&ca.crl_key(), crl.der());
    refresh(&deployment.fetcher().await).await;
    let recovered = async {
        while decide(&impatient, &bob).await != "deny revoked" {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), recovered)
        .await
        .expect("the authorizer asks S3 again");
    assert_eq!(decide(&impatient, &alice).await, "allow not-revoked");
    // The usual one's snapshot is young enough not to be looked after.
    assert_eq!(decide(&usual, &bob).await, "allow not-revoked");
}

#[tokio::test]
async fn fetchers_that_collide_lose_nothing() {
    let cas: Vec<Ca> = (0..4).map(|n| Ca::root(&format!("CA {n}"))).collect();
    let deployment = Deployment::start(&cas.iter().collect::<Vec<_>>()).await;
    let clients: Vec<Leaf> = cas.iter().map(|ca| client(ca, "client")).collect();
    let fetchers = join_all(cas.iter().map(|_| deployment.fetcher())).await;
    let put = Operation::PutObject;
    for (status, code) in [
        (412, "PreconditionFailed"),
        (409, "ConditionalRequestConflict"),
    ] {
        let fault = Fault::Status(status, code);
        deployment.s3.fail_next(put, SNAPSHOT_KEY, fault, 1);
    }
    for round in 1..4 {
        let work = cas.iter().zip(&clients).zip(&fetchers);
        join_all(work.map(async |((ca, client), fetcher)| {
            let crl = ca.crl().current().number(round).revoke(&client.serial());
            deployment.publish(&ca.crl_key(), crl.der());
            refresh(fetcher).await;
        }))
        .await;
        let snapshot = deployment.snapshot();
        let crls: Vec<_> = snapshot
            .issuers()
            .flat_map(|issuer| issuer.crls())
            .map(|crl| (crl.number().to_string(), crl.revoked.len()))
            .collect();
        assert_eq!(crls, vec![(round.to_string(), 1); 4]);
    }
    // Every write was on top of the one that is below it.
    let writes: Vec<_> = deployment
        .s3
        .requests()
        .into_iter()
        .filter(|request| request.operation == put && request.bucket == SNAPSHOT_BUCKET)
        .collect();
    assert!(
        writes
            .iter()
            .all(|write| write.if_match.is_some() != write.if_none_match.is_some())
    );
    for status in [409, 412] {
        assert!(writes.iter().any(|write| write.status == Some(status)));
    }
}

/// The snapshot was written, but the answer got lost: the next attempt finds it.
#[tokio::test]
async fn a_lost_answer_to_the_publication_is_no_failure() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    deployment.publish(&ca.crl_key(), ca.crl().current().der());
    let (s3, put) = (&deployment.s3, Operation::PutObject);
    s3.fail_next(put, SNAPSHOT_KEY, Fault::LoseResponse, 1);
    let report = refresh(&deployment.fetcher().await).await;
    assert_eq!(
        report["snapshot"]["id"],
        deployment.snapshot().id().to_string()
    );
    assert_eq!(report["snapshot"]["crls"], 1);
    assert_eq!(s3.versions(SNAPSHOT_BUCKET, SNAPSHOT_KEY).len(), 1);
}

#[tokio::test]
async fn without_its_inputs_a_refresh_writes_nothing() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    revoking_alice(&deployment, &ca).await;
    let fetcher = deployment.fetcher().await;
    let before = deployment.s3.versions(SNAPSHOT_BUCKET, SNAPSHOT_KEY).len();
    let denied = Fault::Status(403, "AccessDenied");
    for (operation, key) in [
        (Operation::GetObject, SNAPSHOT_KEY),
        (Operation::GetObject, TRUSTSTORE_KEY),
        (Operation::ListObjectsV2, ""),
        (Operation::PutObject, SNAPSHOT_KEY),
    ] {
        let crl = ca.crl().current().number(100).der();
        deployment.publish(&ca.crl_key(), crl);
        deployment.s3.fail_next(operation, key, denied, 1);
        let error = failed_refresh(&fetcher).await;
        assert_eq!(error.error_type, "S3", "{operation:?} {key}: {error}");
        assert!(error.message.contains("access denied"), "{error}");
    }
    let client = client(&ca, "client").certificate_pem();
    for (truststore, message) in [
        (client.as_str(), "the truststore holds no CA certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nMIIB\n",
            "the truststore's PEM is broken",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate 1 of the truststore cannot be read",
        ),
    ] {
        deployment
            .s3
            .put(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, truststore);
        let error = failed_refresh(&fetcher).await;
        assert_eq!(error.error_type, "TruststoreUnusable", "{error}");
        assert!(error.message.contains(message), "{error}");
    }
    deployment.s3.remove(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY);
    let error = failed_refresh(&fetcher).await;
    assert_eq!(error.error_type, "TruststoreUnusable", "{error}");
    assert!(
        error.message.contains("there is no truststore at"),
        "{error}"
    );

    let after = deployment.s3.versions(SNAPSHOT_BUCKET, SNAPSHOT_KEY).len();
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_wrong_configuration_ends_the_init_phase_and_names_every_problem() {
    let deployment = Deployment::start(&[&Ca::root("Issuing CA")]).await;
    let binaries = binaries();
    let fetcher = [
        ("CRL_BUCKET", CRL_BUCKET),
        ("MAX_CRL_BYTES", "64MB"),
        ("MAX_CONCURRENT_GETS", "0"),
    ];
    let fetcher_problems = [
        "TRUSTSTORE_BUCKET is not set",
        "SNAPSHOT_BUCKET is not set",
        "MAX_CRL_BYTES is",
        "MAX_CONCURRENT_GETS is",
    ];
    let authorizer = [
        ("MODE", "dry-run"),
        ("ON_EXPIRED_CRL", "true"),
        ("RESPONSE_FORMAT", "xml"),
        ("SNAPSHOT_HARD_AGE_SECONDS", "-1"),
    ];
    let authorizer_problems = [
        "SNAPSHOT_BUCKET is not set",
        "MODE is",
        "ON_EXPIRED_CRL is",
        "RESPONSE_FORMAT is",
        "SNAPSHOT_HARD_AGE_SECONDS is",
    ];
    for (binary, variables, problems) in [
        (&binaries.crl_fetcher, &fetcher[..], &fetcher_problems[..]),
        (
            &binaries.authorizer,
            &authorizer[..],
            &authorizer_problems[..],
        ),
    ] {
        let environment = deployment.environment(variables);
        let function = Function::start(binary, "misconfigured", &environment).await;
        assert!(function.init_error().await.is_some());
        let logs = function.logs().join("\n");
        for problem in problems {
            assert!(logs.contains(problem), "{problem}: {logs}");
        }
    }
}

/// Publishes a CRL number 1 that lists alice and not bob.
async fn revoking_alice(deployment: &Deployment, ca: &Ca) -> (Leaf, Leaf) {
    let (alice, bob) = (client(ca, "alice"), client(ca, "bob"));
    let crl = ca.crl().current().number(1).revoke(&alice.serial());
    deployment.publish(&ca.crl_key(), crl.der());
    let report = refresh(&deployment.fetcher().await).await;
    assert_eq!(outcomes(&report)[ca.crl_key().as_str()], "accepted");
    (alice, bob)
}

/// A name, the octets, and a part of the message about them.
fn corruptions(good: &[u8]) -> [(&'static str, Vec<u8>, &'static str); 4] {
    let flipped = |at: usize| {
        let mut octets = good.to_vec();
        octets[at] ^= 1;
        octets
    };
    let truncated = good[..good.len() - 1].to_vec();
    [
        ("truncated", truncated, "the snapshot says"),
        ("flipped", flipped(good.len() - 20), "the checksum is"),
        ("empty", vec![], "the snapshot is cut short"),
        // The version follows the eight octets of the magic: 6 becomes 7.
        (
            "other-version",
            flipped(8),
            "the snapshot has format version 7",
        ),
    ]
}
