//! What the operator's switches change, and what none of them changes.

use system_tests::{Deployment, client, decide, decision, refresh};
use testkit::events;
use testkit::pki::{Ca, CaOptions, CrlDistributionPoints, Leaf, LeafOptions};

/// One certificate for each thing that a snapshot cannot tell, and one that it can.
struct Setting {
    deployment: Deployment,
    unknown_issuer: Leaf,
    issuer_without_crl: Leaf,
    missing_partition: Leaf,
    expired_crl: Leaf,
    issuer_status_unknown: Leaf,
    revoked: Leaf,
}

impl Setting {
    async fn start() -> Self {
        let silent = Ca::root("CA without a CRL");
        let partitioned = Ca::root("CA with partitions");
        let late = Ca::root("CA with an expired CRL");
        // Its certificate says where its issuer's CRL is, but nothing is there.
        let doubtful = silent.subordinate_with(
            "CA of a CA without a CRL",
            CaOptions {
                crl_distribution_points: CrlDistributionPoints::uri(silent.crl_url()),
                ..CaOptions::default()
            },
        );
        let deployment = Deployment::start(&[&silent, &partitioned, &late, &doubtful]).await;
        deployment.publish(&doubtful.crl_key(), doubtful.crl().current().der());
        let of_partition = LeafOptions {
            crl_distribution_points: CrlDistributionPoints::uri(partitioned.partition_url("2")),
            ..LeafOptions::current()
        };
        let revoked = client(&late, "revoked");
        let partition = partitioned
            .crl()
            .current()
            .partition(&[&partitioned.partition_url("1")]);
        deployment.publish(&partitioned.partition_key("1"), partition.der());
        // nextUpdate was ten minutes ago.
        let now = LeafOptions::current().not_before + 3600;
        let expired = late
            .crl()
            .this_update(now - 86_400)
            .next_update(now - 600)
            .revoke(&revoked.serial());
        deployment.publish(&late.crl_key(), expired.der());
        refresh(&deployment.fetcher().await).await;
        Self {
            unknown_issuer: client(&Ca::root("Unknown CA"), "client"),
            issuer_without_crl: client(&silent, "client"),
            missing_partition: partitioned.issue_with("client", of_partition),
            expired_crl: client(&late, "client"),
            issuer_status_unknown: client(&doubtful, "client"),
            revoked,
            deployment,
        }
    }

    /// The decisions for the certificates above, in their order.
    async fn decisions(&self, variables: &[(&str, &str)]) -> [String; 6] {
        let authorizer = self.deployment.authorizer_with(variables).await;
        [
            decide(&authorizer, &self.unknown_issuer).await,
            decide(&authorizer, &self.issuer_without_crl).await,
            decide(&authorizer, &self.missing_partition).await,
            decide(&authorizer, &self.expired_crl).await,
            decide(&authorizer, &self.issuer_status_unknown).await,
            decide(&authorizer, &self.revoked).await,
        ]
    }
}

#[tokio::test]
async fn each_switch_allows_its_own_case_and_no_other() {
    let setting = Setting::start().await;
    let denied = [
        "deny unknown-issuer",
        "deny issuer-without-crl",
        "deny missing-partition",
        "deny crl-expired",
        "deny issuer-status-unknown",
        "deny revoked",
    ];
    assert_eq!(setting.decisions(&[]).await, denied);

    let switches = [
        "ON_UNKNOWN_ISSUER",
        "ON_ISSUER_WITHOUT_CRL",
        "ON_MISSING_PARTITION",
        "ON_EXPIRED_CRL",
        "ON_ISSUER_STATUS_UNKNOWN",
    ];
    for (index, switch) in switches.into_iter().enumerate() {
        let mut expected = denied.map(str::to_owned);
        expected[index] = denied[index].replace("deny", "allow");
        let found = setting.decisions(&[(switch, "allow")]).await;
        assert_eq!(found, expected, "{switch}");
    }
}

#[tokio::test]
async fn a_grace_period_keeps_an_expired_crl_fresh() {
    let setting = Setting::start().await;
    for (seconds, expected) in [("300", "deny crl-expired"), ("3600", "allow not-revoked")] {
        let grace = [("EXPIRED_CRL_GRACE_SECONDS", seconds)];
        let [_, _, _, expired, _, revoked] = setting.decisions(&grace).await;
        assert_eq!(expired, expected);
        assert_eq!(revoked, "deny revoked");
    }
}

/// Everything goes through, and the answer and the log say what would not have.
#[tokio::test]
async fn shadow_mode_allows_and_says_what_it_would_have_denied() {
    let setting = Setting::start().await;
    let shadow = [("MODE", "shadow")];
    let expected = [
        "allow unknown-issuer",
        "allow issuer-without-crl",
        "allow missing-partition",
        "allow crl-expired",
        "allow issuer-status-unknown",
        "allow revoked",
    ];
    assert_eq!(setting.decisions(&shadow).await, expected);

    let authorizer = setting.deployment.authorizer_with(&shadow).await;
    let event = events::without_client_cert(events::http_api_v2(""));
    let answer = authorizer.invoke(event).await.result.unwrap();
    assert_eq!(decision(&answer), "allow no-client-certificate");
    let within = std::time::Duration::from_secs(5);
    let logged = authorizer.logged("no-client-certificate", within).await;
    assert!(logged.is_some());
}

/// API Gateway lets a server's certificate of the same CA in.
#[tokio::test]
async fn certificates_that_are_not_for_clients_are_denied_where_asked_for() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    let with = |purposes: &[&str]| {
        let options = LeafOptions {
            extended_key_usage: purposes.iter().map(|oid| (*oid).to_owned()).collect(),
            ..LeafOptions::current()
        };
        ca.issue_with("client", options)
    };
    let (server, client) = ("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2");
    let (any, none) = ("2.5.29.37.0", [].as_slice());
    let revoked = with(&[client]);
    let crl = ca.crl().current().revoke(&revoked.serial());
    deployment.publish(&ca.crl_key(), crl.der());
    refresh(&deployment.fetcher().await).await;
    let usual = deployment.authorizer_with(&[]).await;
    let strict = [("REQUIRE_CLIENT_AUTH_EKU", "yes")];
    let strict = deployment.authorizer_with(&strict).await;
    for (leaf, expected) in [
        (with(&[client]), "allow not-revoked"),
        (with(&[server, client]), "allow not-revoked"),
        (with(&[any]), "allow not-revoked"),
        (with(&[server]), "deny not-for-client-auth"),
        (with(none), "deny not-for-client-auth"),
        (revoked, "deny revoked"),
    ] {
        assert_eq!(decide(&strict, &leaf).await, expected);
        let expected = expected.replace("deny not-for-client-auth", "allow not-revoked");
        assert_eq!(decide(&usual, &leaf).await, expected);
    }
}
