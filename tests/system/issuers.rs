//! What is known of a subordinate CA decides about everything it issued, and the fetcher says so.

use std::time::Duration;

use serde_json::Value;
use system_tests::{Deployment, client, decide, refresh};
use testkit::pki::Ca;

#[tokio::test]
async fn a_ca_is_judged_by_the_crl_of_its_own_issuer() {
    let root = Ca::root("Root CA");
    let issuing = root.subordinate("Issuing CA");
    let deployment = Deployment::start(&[&root, &issuing]).await;
    deployment.publish(&issuing.crl_key(), issuing.crl().current().der());
    let client = client(&issuing, "client");
    let json_lines = [("AWS_LAMBDA_LOG_FORMAT", "JSON")];
    let fetcher = deployment.fetcher_with(&json_lines).await;
    let authorizer = deployment.authorizer().await;

    // Its certificate says where the root's CRL is, but there is none.
    let report = refresh(&fetcher).await;
    assert_eq!(in_trouble(&report), ["Issuing CA: issuer-status-unknown"]);
    let decision = decide(&authorizer, &client).await;
    assert_eq!(decision, "deny issuer-status-unknown");
    let within = Duration::from_secs(5);
    let logged = fetcher.logged("issuer-status-unknown", within).await;
    let line: Value = serde_json::from_str(&logged.unwrap()).unwrap();
    let fields = &line["fields"];
    // By which the template's query finds it.
    assert_eq!(fields["message"], "issuer");
    assert_eq!(fields["code"], "issuer-status-unknown");
    let subject = fields["subject"].as_str().unwrap();
    assert!(subject.contains("CN=Issuing CA"), "{subject}");
    assert_eq!(fields["detail"], report["issuers"][0]["message"]);

    deployment.publish(&root.crl_key(), root.crl().current().number(1).der());
    let report = refresh(&fetcher).await;
    assert_eq!(in_trouble(&report), [""; 0]);
    assert_eq!(decide(&authorizer, &client).await, "allow not-revoked");

    let revoking = root.crl().current().number(2).revoke(&issuing.serial());
    deployment.publish(&root.crl_key(), revoking.der());
    let report = refresh(&fetcher).await;
    assert_eq!(in_trouble(&report), ["Issuing CA: issuer-revoked"]);
    assert_eq!(decide(&authorizer, &client).await, "deny issuer-revoked");

    // The root's CRL is not believed any more when it is put back to an older one.
    deployment.publish(&root.crl_key(), root.crl().current().number(1).der());
    system_tests::failed_refresh(&fetcher).await;
    assert_eq!(decide(&authorizer, &client).await, "deny issuer-revoked");
}

/// Common name and code of each CA that the report names.
fn in_trouble(report: &Value) -> Vec<String> {
    let issuers = report["issuers"].as_array().expect("a list of CAs");
    let in_words = |issuer: &Value| {
        let subject = issuer["subject"].as_str().unwrap();
        let (_, name) = subject.rsplit_once("CN=").unwrap();
        format!("{name}: {}", issuer["code"].as_str().unwrap())
    };
    issuers.iter().map(in_words).collect()
}
