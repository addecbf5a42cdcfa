//! The main story: issue, allow, revoke, refresh, deny.

use revocation::SerialNumber;
use serde_json::json;
use system_tests::{CRL_BUCKET, Deployment, client, decide, outcomes, refresh};
use testkit::events;
use testkit::pki::{Ca, CaOptions, CrlDistributionPoints, Leaf, LeafOptions, Serial};
use testkit::s3::Operation;

#[tokio::test]
async fn a_revoked_client_is_denied_and_no_other() {
    let root = Ca::root("Root CA");
    let (one, two) = (root.subordinate("CA one"), root.subordinate("CA two"));
    let deployment = Deployment::start(&[&root, &one, &two]).await;
    let (alice, anna) = (client(&one, "alice"), client(&one, "anna"));
    let bob = client(&two, "bob");
    for ca in [&root, &one, &two] {
        deployment.publish(&ca.crl_key(), ca.crl().current().number(1).der());
    }
    let fetcher = deployment.fetcher().await;
    let report = refresh(&fetcher).await;
    assert_eq!(report["trigger"], "schedule");
    assert_eq!(
        report["counts"],
        json!({"accepted": 3, "unchanged": 0, "foreign": 0, "refused": 0, "vanished": 0})
    );
    let snapshot = deployment.snapshot();
    assert_eq!(
        report["snapshot"],
        json!({
            "id": snapshot.id().to_string(),
            "etag": deployment.s3.etag("snapshot-bucket", "revocation.snapshot"),
            "published": true,
            "issuers": 3,
            "crls": 3,
            "revoked": 0,
            "announced": 0,
            "unconfirmed": 0,
            "blocked": 0,
            "octets": snapshot.len_octets(),
        })
    );

    let authorizer = deployment.authorizer().await;
    for client in [&alice, &anna, &bob] {
        assert_eq!(decide(&authorizer, client).await, "allow not-revoked");
    }

    let revoking = one.crl().current().number(2).revoke(&alice.serial());
    deployment.publish(&one.crl_key(), revoking.der());
    // Until the fetcher has been there, nothing has changed.
    assert_eq!(decide(&authorizer, &alice).await, "allow not-revoked");
    let event = events::object_created(CRL_BUCKET, &one.crl_key());
    let report = fetcher.invoke(event).await.result.unwrap();
    assert_eq!(report["trigger"], format!("s3 {}", one.crl_key()));
    assert_eq!(report["snapshot"]["revoked"], 1);
    assert_eq!(outcomes(&report)[one.crl_key().as_str()], "accepted");
    assert_eq!(outcomes(&report)[two.crl_key().as_str()], "unchanged");

    assert_eq!(decide(&authorizer, &alice).await, "deny revoked");
    assert_eq!(decide(&authorizer, &anna).await, "allow not-revoked");
    assert_eq!(decide(&authorizer, &bob).await, "allow not-revoked");

    // The root takes CA two away, and with it everything CA two has issued.
    let revoking = root.crl().current().number(2).revoke(&two.serial());
    deployment.publish(&root.crl_key(), revoking.der());
    refresh(&fetcher).await;
    assert_eq!(decide(&authorizer, &bob).await, "deny issuer-revoked");
    assert_eq!(decide(&authorizer, &alice).await, "deny revoked");
    assert_eq!(decide(&authorizer, &anna).await, "allow not-revoked");
}

#[tokio::test]
async fn partitions_answer_for_the_certificates_that_name_them() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    let issue = |name, partition| {
        let options = LeafOptions {
            crl_distribution_points: CrlDistributionPoints::uri(ca.partition_url(partition)),
            ..LeafOptions::current()
        };
        ca.issue_with(name, options)
    };
    let publish = |partition, number, revoked: &[&Leaf]| {
        let crl = ca
            .crl()
            .current()
            .number(number)
            .partition(&[&ca.partition_url(partition)]);
        let crl = revoked
            .iter()
            .fold(crl, |crl, leaf| crl.revoke(&leaf.serial()));
        deployment.publish(&ca.partition_key(partition), crl.der());
    };
    let (alice, bob, carol) = (issue("alice", "1"), issue("bob", "2"), issue("carol", "3"));
    publish("1", 10, &[]);
    publish("2", 20, &[&bob]);
    let fetcher = deployment.fetcher().await;
    let authorizer = deployment.authorizer().await;
    refresh(&fetcher).await;
    assert_eq!(decide(&authorizer, &alice).await, "allow not-revoked");
    assert_eq!(decide(&authorizer, &bob).await, "deny revoked");
    assert_eq!(decide(&authorizer, &carol).await, "deny missing-partition");

    publish("1", 11, &[&alice]);
    publish("3", 30, &[]);
    refresh(&fetcher).await;
    assert_eq!(decide(&authorizer, &alice).await, "deny revoked");
    assert_eq!(decide(&authorizer, &bob).await, "deny revoked");
    assert_eq!(decide(&authorizer, &carol).await, "allow not-revoked");

    // A partition that is gone revokes what it revoked.
    deployment.s3.remove(CRL_BUCKET, &ca.partition_key("1"));
    publish("2", 21, &[]);
    let report = refresh(&fetcher).await;
    let keys = ["1", "2", "3"].map(|partition| ca.partition_key(partition));
    let found = keys.each_ref().map(|key| outcomes(&report)[key.as_str()]);
    assert_eq!(found, ["vanished", "accepted", "unchanged"]);
    assert_eq!(decide(&authorizer, &alice).await, "deny revoked");
    assert_eq!(decide(&authorizer, &bob).await, "allow not-revoked");
}

#[tokio::test]
async fn a_refresh_without_news_reads_no_crl_and_publishes_nothing() {
    let (one, two) = (Ca::root("CA one"), Ca::root("CA two"));
    let deployment = Deployment::start(&[&one, &two]).await;
    for ca in [&one, &two] {
        deployment.publish(&ca.crl_key(), ca.crl().current().der());
    }
    let fetcher = deployment.fetcher().await;
    let first = refresh(&fetcher).await;
    let before = deployment.s3.requests().len();

    // Also one that starts from nothing but S3.
    for fetcher in [fetcher, deployment.fetcher().await] {
        let second = refresh(&fetcher).await;
        assert_eq!(second["snapshot"]["published"], false);
        assert_eq!(second["snapshot"]["id"], first["snapshot"]["id"]);
        assert_eq!(second["snapshot"]["etag"], first["snapshot"]["etag"]);
        assert_eq!(second["counts"]["unchanged"], 2);
    }
    for request in &deployment.s3.requests()[before..] {
        assert_ne!(request.operation, Operation::PutObject, "{request:?}");
        let of_a_crl = request.operation == Operation::GetObject && request.bucket == CRL_BUCKET;
        assert!(!of_a_crl, "{request:?}");
    }
}

/// Serial numbers in every form that certificates have them, through both Lambdas.
#[tokio::test]
async fn odd_serial_numbers_are_found_again() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    let with_serial = |content: &[u8]| {
        let options = LeafOptions {
            serial: Serial::Content(content.to_vec()),
            ..LeafOptions::current()
        };
        ca.issue_with("client", options)
    };
    let contents: [&[u8]; 6] = [&[0], &[1], &[0, 0x80], &[0x80], &[0xff], &[0x7f; 20]];
    let mut crl = ca.crl().current();
    for content in contents {
        crl = crl.revoke_content(content);
    }
    deployment.publish(&ca.crl_key(), crl.der());
    refresh(&deployment.fetcher().await).await;
    let authorizer = deployment.authorizer().await;
    for content in contents {
        let found = decide(&authorizer, &with_serial(content)).await;
        assert_eq!(found, "deny revoked", "{content:02x?}");
    }
    for content in [&[2_u8][..], &[0, 0x81], &[0x81], &[0xfe], &[0x7f; 19]] {
        assert!(SerialNumber::from_der_integer(content).is_ok());
        let found = decide(&authorizer, &with_serial(content)).await;
        assert_eq!(found, "allow not-revoked", "{content:02x?}");
    }
}

/// After a rollover both CAs have one name; neither revokes the other's certificates.
#[tokio::test]
async fn two_cas_of_one_name_are_kept_apart() {
    let (old, new) = (Ca::root("Issuing CA"), Ca::root("Issuing CA"));
    let deployment = Deployment::start(&[&old, &new]).await;
    let number = LeafOptions {
        serial: 7.into(),
        ..LeafOptions::current()
    };
    let of_old = old.issue_with("client", number.clone());
    let of_new = new.issue_with("client", number);
    deployment.publish("crl/old.crl", old.crl().current().revoke(&[7]).der());
    deployment.publish("crl/new.crl", new.crl().current().der());
    refresh(&deployment.fetcher().await).await;
    let authorizer = deployment.authorizer().await;
    assert_eq!(decide(&authorizer, &of_old).await, "deny revoked");
    assert_eq!(decide(&authorizer, &of_new).await, "allow not-revoked");
}

#[tokio::test]
async fn a_ca_that_joins_and_leaves_the_truststore() {
    let (one, two) = (Ca::root("CA one"), Ca::root("CA two"));
    let deployment = Deployment::start(&[&one]).await;
    let alice = client(&two, "alice");
    for ca in [&one, &two] {
        deployment.publish(&ca.crl_key(), ca.crl().current().der());
    }
    let fetcher = deployment.fetcher().await;
    let authorizer = deployment.authorizer().await;
    let report = refresh(&fetcher).await;
    assert_eq!(outcomes(&report)[two.crl_key().as_str()], "foreign");
    assert_eq!(decide(&authorizer, &alice).await, "deny unknown-issuer");

    // Its CRL has been there all the time and is read again for the new truststore.
    deployment.trust(&[&one, &two]);
    let report = refresh(&fetcher).await;
    assert_eq!(outcomes(&report)[two.crl_key().as_str()], "accepted");
    assert_eq!(decide(&authorizer, &alice).await, "allow not-revoked");

    deployment.trust(&[&two]);
    let report = refresh(&fetcher).await;
    assert_eq!(outcomes(&report)[one.crl_key().as_str()], "foreign");
    assert_eq!(report["snapshot"]["issuers"], 1);
    assert_eq!(decide(&authorizer, &alice).await, "allow not-revoked");

    let renewed = CaOptions {
        key_of: Some(two.clone()),
        ..CaOptions::default()
    };
    deployment.trust(&[&Ca::self_signed("CA two", renewed)]);
    refresh(&fetcher).await;
    assert_eq!(decide(&authorizer, &alice).await, "allow not-revoked");
}
