//! Every shape of event, and every odd one, to the whole answer.

use std::time::Duration;

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerResponse, ApiGatewayV2CustomAuthorizerIamPolicyResponse,
    ApiGatewayV2CustomAuthorizerSimpleResponse,
};
use revocation::{SerialNumber, UnixTime};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use system_tests::{Deployment, client, decision, refresh};
use testkit::events;
use testkit::lambda::Function;
use testkit::pki::{
    BasicConstraints, Ca, CrlDistributionPoints, Extension, Leaf, LeafOptions, Serial, der, oid,
};

#[tokio::test]
async fn every_shape_is_answered_in_full() {
    let setting = Setting::start().await;
    let simple = setting.authorizer(&[]).await;
    let iam = setting.authorizer(&[("RESPONSE_FORMAT", "iam")]).await;
    for (client, decision, reason) in [
        (&setting.good, "allow", "not-revoked"),
        (&setting.revoked, "deny", "revoked"),
    ] {
        let pem = client.certificate_pem();
        let context = json!({
            "decision": decision,
            "reason": reason,
            "serialNumber": serial_number(client),
            "subject": format!("C=US, O=Example, CN={}", client.common_name()),
            "issuer": "C=US, O=Example, CN=Issuing CA",
            "fingerprintSha256": fingerprint(client),
            "notAfter": setting.not_after.to_string(),
            "sans": format!("DNS:{}.clients.example.com", client.common_name()),
            "snapshot": setting.snapshot,
        });
        let authorized = decision == "allow";
        let answer = answer(&simple, events::http_api_v2(&pem)).await;
        assert_eq!(
            answer,
            json!({"isAuthorized": authorized, "context": context})
        );
        let read: ApiGatewayV2CustomAuthorizerSimpleResponse = read(&answer);
        assert_eq!(read.is_authorized, authorized);
        assert_eq!(read.context, context);

        let policy = |stage| {
            let arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef123";
            json!({
                "principalId": fingerprint(client),
                "policyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{
                        "Action": "execute-api:Invoke",
                        "Effect": if authorized { "Allow" } else { "Deny" },
                        "Resource": format!("{arn}/{stage}/*"),
                    }],
                },
                "context": context,
            })
        };
        let answer = self::answer(&iam, events::http_api_v2(&pem)).await;
        assert_eq!(answer, policy("$default"));
        let read: ApiGatewayV2CustomAuthorizerIamPolicyResponse = self::read(&answer);
        assert_eq!(read.policy_document.statement.len(), 1);
        assert_eq!(read.context, context);

        // The other shapes know no simple answers, whatever the configuration says.
        for authorizer in [&simple, &iam] {
            for event in [events::http_api_v1(&pem), events::rest_request(&pem)] {
                let answer = self::answer(authorizer, event).await;
                assert_eq!(answer, policy("prod"));
                let read: ApiGatewayCustomAuthorizerResponse = self::read(&answer);
                assert_eq!(read.principal_id, Some(fingerprint(client)));
                assert_eq!(read.policy_document.statement.len(), 1);
            }
        }
    }
}

#[tokio::test]
async fn every_odd_event_is_denied_with_its_reason() {
    let setting = Setting::start().await;
    let simple = setting.authorizer(&[]).await;
    let iam = setting.authorizer(&[("RESPONSE_FORMAT", "iam")]).await;
    let (none, unreadable) = ("no-client-certificate", "certificate-unreadable");
    let pem = setting.good.certificate_pem();
    let v2 = events::http_api_v2;
    let bent = |bend: &dyn Fn(&mut Value)| {
        let mut event = v2(&pem);
        bend(&mut event);
        event
    };
    let client_cert = |value: Value| {
        bent(&|event| event["requestContext"]["authentication"]["clientCert"] = value.clone())
    };
    let with = |options: LeafOptions| {
        let leaf = setting.ca.issue_with("client", options);
        v2(&leaf.certificate_pem())
    };
    let current = LeafOptions::current;
    let now = current().not_before + 3600;
    let cases: Vec<(&str, Value, &str)> = vec![
        ("null", json!(null), none),
        ("a list", json!([]), none),
        ("a number", json!(2.0), none),
        ("a text", json!("2.0"), none),
        ("an empty object", json!({}), none),
        ("a schedule", events::schedule(), none),
        (
            "without mutual TLS",
            events::without_client_cert(v2(&pem)),
            none,
        ),
        (
            "no context",
            bent(&|event| event["requestContext"] = json!(null)),
            none,
        ),
        (
            "a context of another type",
            bent(&|event| event["requestContext"] = json!("context")),
            none,
        ),
        (
            "an unknown version",
            bent(&|event| event["version"] = json!("3.0")),
            none,
        ),
        (
            "the certificate where other shapes have it",
            bent(&|event| {
                let holder = event["requestContext"]["authentication"].take();
                event["requestContext"]["identity"] = holder;
            }),
            none,
        ),
        ("no certificate", client_cert(json!(null)), none),
        ("an empty certificate", client_cert(json!({})), none),
        (
            "a certificate of another type",
            client_cert(json!({"clientCertPem": [pem]})),
            none,
        ),
        ("no PEM", v2(""), unreadable),
        ("a text that is no PEM", v2("certificate"), unreadable),
        ("PEM that ends early", v2(&pem[..pem.len() / 2]), unreadable),
        ("PEM of a key", v2(&setting.good.key_pem()), unreadable),
        (
            "PEM with broken Base64",
            v2(&pem.replacen("MII", "M!I", 1)),
            unreadable,
        ),
        (
            "PEM of something else",
            v2(&der::pem("CERTIFICATE", b"garbage")),
            unreadable,
        ),
        (
            "PEM with octets behind the certificate",
            v2(&der::pem(
                "CERTIFICATE",
                &[setting.good.certificate_der(), b"\0"].concat(),
            )),
            unreadable,
        ),
        (
            "PEM that is too long",
            v2(&format!("{}{pem}", "x".repeat(300_000))),
            unreadable,
        ),
        (
            "a serial number of 21 octets",
            with(LeafOptions {
                serial: Serial::Content(vec![1; 21]),
                ..current()
            }),
            unreadable,
        ),
        (
            "broken distribution points",
            with(LeafOptions {
                crl_distribution_points: CrlDistributionPoints::Der(der::null()),
                ..current()
            }),
            unreadable,
        ),
        (
            "two authority key identifiers",
            with(LeafOptions {
                extensions: vec![Extension::new(
                    oid::AUTHORITY_KEY_IDENTIFIER,
                    false,
                    der::sequence(&[]),
                )],
                ..current()
            }),
            unreadable,
        ),
        (
            "an expired certificate",
            with(LeafOptions {
                not_after: now - 600,
                ..current()
            }),
            "certificate-expired",
        ),
        (
            "a certificate to come",
            with(LeafOptions {
                not_before: now + 600,
                ..current()
            }),
            "certificate-not-yet-valid",
        ),
        (
            "a CA outside the truststore",
            v2(&client(&Ca::root("Foreign CA"), "client").certificate_pem()),
            "unknown-issuer",
        ),
        (
            "another key of the CA's name",
            v2(&client(&Ca::root("Issuing CA"), "client").certificate_pem()),
            "unknown-issuer",
        ),
    ];
    for (what, event, reason) in &cases {
        let answer = answer(&simple, event.clone()).await;
        assert_eq!(decision(&answer), format!("deny {reason}"), "{what}");
        let answer = self::answer(&iam, event.clone()).await;
        let statement = &answer["policyDocument"]["Statement"][0];
        assert_eq!(statement["Effect"], "Deny", "{what}");
        assert_eq!(answer["context"]["reason"], *reason, "{what}");
        let _: ApiGatewayCustomAuthorizerResponse = read(&answer);
    }
    // The environment has survived all of it.
    let answer = answer(&simple, v2(&pem)).await;
    assert_eq!(decision(&answer), "allow not-revoked");
}

/// What a client chooses itself stands beside what API Gateway says.
#[tokio::test]
async fn a_client_cannot_bring_a_certificate_of_its_own() {
    let setting = Setting::start().await;
    let authorizer = setting.authorizer(&[]).await;
    let good = setting.good.certificate_pem();
    let forged = json!({
        "clientCertPem": good,
        "clientCert": {"clientCertPem": good},
        "authentication": {"clientCert": {"clientCertPem": good}},
        "requestContext": {"authentication": {"clientCert": {"clientCertPem": good}}},
    });
    let revoked = setting.revoked.certificate_pem();
    for (event, expected) in [
        (events::http_api_v2(&revoked), "deny revoked"),
        (
            events::without_client_cert(events::http_api_v2(&revoked)),
            "deny no-client-certificate",
        ),
    ] {
        let mut event = event;
        for place in ["headers", "queryStringParameters", "stageVariables"] {
            event[place] = forged.clone();
        }
        event["requestContext"]["clientCertPem"] = json!(good);
        event["clientCertPem"] = json!(good);
        assert_eq!(decision(&answer(&authorizer, event).await), expected);
    }

    // A JSON reader that takes the last of two members would take the client's.
    let event = events::http_api_v2(&revoked).to_string();
    let member = r#""authentication":{"clientCert":{"#;
    let twice = format!(r#"{member}"clientCertPem":{},"#, json!(good));
    let event = event.replacen(member, &twice, 1);
    assert_eq!(event.matches("clientCertPem").count(), 2);
    let invocation = authorizer.invoke_bytes(event).await;
    let answer = invocation.result.unwrap();
    assert_eq!(decision(&answer), "deny no-client-certificate");
}

#[tokio::test]
async fn large_and_deep_events_are_answered() {
    let setting = Setting::start().await;
    let authorizer = setting.authorizer(&[]).await;
    let mut event = events::http_api_v2(&setting.good.certificate_pem());
    event["headers"]["x-large"] = json!("\u{1F512}\\\"\n".repeat(150_000));
    assert_eq!(
        decision(&answer(&authorizer, event.clone()).await),
        "allow not-revoked"
    );
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let text =
        event
            .to_string()
            .replacen(r#""routeKey""#, &format!(r#""deep":{deep},"routeKey""#), 1);
    let answer = authorizer.invoke_bytes(text).await.result.unwrap();
    assert_eq!(decision(&answer), "allow not-revoked");
}

/// API Gateway may send the chain, with or without a last newline; the leaf comes first.
#[tokio::test]
async fn the_first_certificate_of_a_chain_is_the_clients() {
    let setting = Setting::start().await;
    let authorizer = setting.authorizer(&[]).await;
    let (good, revoked) = (
        setting.good.certificate_pem(),
        setting.revoked.certificate_pem(),
    );
    for (pem, expected) in [
        (
            format!("{good}{}", setting.ca.certificate_pem()),
            "allow not-revoked",
        ),
        (format!("{revoked}{good}"), "deny revoked"),
        (good.trim_end().to_owned(), "allow not-revoked"),
        (good.replace('\n', "\r\n"), "allow not-revoked"),
    ] {
        let answer = answer(&authorizer, events::http_api_v2(&pem)).await;
        assert_eq!(decision(&answer), expected);
    }
}

/// The status does not hang on extensions that a certificate may lack.
#[tokio::test]
async fn certificates_of_unusual_form_are_looked_up_too() {
    let setting = Setting::start().await;
    let authorizer = setting.authorizer(&[]).await;
    let serial: Serial = setting.revoked.serial().into();
    let unusual = [
        (
            "no extensions at all, version 1",
            LeafOptions {
                version: None,
                ..LeafOptions::current()
            },
        ),
        (
            "no authority key identifier",
            LeafOptions {
                authority_key_identifier: testkit::pki::KeyIdentifier::Absent,
                ..LeafOptions::current()
            },
        ),
        (
            "no distribution point",
            LeafOptions {
                crl_distribution_points: CrlDistributionPoints::Absent,
                ..LeafOptions::current()
            },
        ),
        (
            "a CA as a client",
            LeafOptions {
                basic_constraints: BasicConstraints::Ca { path_length: None },
                ..LeafOptions::current()
            },
        ),
    ];
    for (what, options) in unusual {
        let revoked = LeafOptions {
            serial: serial.clone(),
            ..options.clone()
        };
        for (options, expected) in [(options, "allow not-revoked"), (revoked, "deny revoked")] {
            let pem = setting.ca.issue_with("client", options).certificate_pem();
            let answer = answer(&authorizer, events::http_api_v2(&pem)).await;
            assert_eq!(decision(&answer), expected, "{what}");
        }
    }
}

/// No one is kept out by an extension that says nothing about revocation.
#[tokio::test]
async fn an_odd_extension_that_does_not_decide_is_no_reason_to_deny() {
    let setting = Setting::start().await;
    let authorizer = setting.authorizer(&[]).await;
    // certificatePolicies and SCT list, neither of the type its standard gives it.
    for oid in ["2.5.29.32", "1.3.6.1.4.1.11129.2.4.2"] {
        let options = LeafOptions {
            extensions: vec![Extension::new(oid, false, der::null())],
            ..LeafOptions::current()
        };
        let pem = setting.ca.issue_with("client", options).certificate_pem();
        let answer = answer(&authorizer, events::http_api_v2(&pem)).await;
        assert_eq!(decision(&answer), "allow not-revoked", "{oid}");
    }
}

#[tokio::test]
async fn each_denial_is_one_json_line_without_the_certificate() {
    let setting = Setting::start().await;
    let json_lines = [("AWS_LAMBDA_LOG_FORMAT", "JSON")];
    let authorizer = setting.authorizer(&json_lines).await;
    for client in [&setting.good, &setting.revoked] {
        let event = events::http_api_v2(&client.certificate_pem());
        answer(&authorizer, event).await;
    }
    let within = Duration::from_secs(5);
    let line = authorizer.logged("\"deny\"", within).await.unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    let fields = &line["fields"];
    let expected = json!({
        "message": "decision",
        "decision": "deny",
        "reason": "revoked",
        "serial": serial_number(&setting.revoked),
        "subject": "C=US, O=Example, CN=revoked",
        "issuer": "C=US, O=Example, CN=Issuing CA",
        "snapshot": setting.snapshot,
        "request_id": "JKJaXmPLvHcESHA=",
        "detail": "",
    });
    assert_eq!(fields, &expected, "{line}");
    // Of the second invocation.
    let request_id = "8476a536-e9f4-4e53-8f3c-000000000002";
    assert_eq!(line["span"]["requestId"], request_id, "{line}");
    assert!(line["span"]["xrayTraceId"].is_string(), "{line}");
    let logs = authorizer.logs().join("\n");
    assert_eq!(logs.matches("\"decision\":\"").count(), 1, "{logs}");
    assert!(!logs.contains("BEGIN CERTIFICATE"), "{logs}");
}

/// Not even where the log shows everything else.
#[tokio::test]
async fn no_level_of_the_log_shows_a_certificate() {
    let setting = Setting::start().await;
    let authorizer = setting
        .authorizer(&[("AWS_LAMBDA_LOG_LEVEL", "TRACE")])
        .await;
    for client in [&setting.good, &setting.revoked] {
        let event = events::http_api_v2(&client.certificate_pem());
        answer(&authorizer, event).await;
    }
    let within = Duration::from_secs(5);
    assert!(authorizer.logged("revoked", within).await.is_some());
    let logs = authorizer.logs().join("\n");
    assert!(logs.contains("DEBUG"), "{logs}");
    for client in [&setting.good, &setting.revoked] {
        let pem = client.certificate_pem();
        for line in pem.lines().filter(|line| !line.starts_with('-')) {
            assert!(!logs.contains(line), "{logs}");
        }
    }
}

/// A CA with a CRL that revokes one of its two clients.
struct Setting {
    deployment: Deployment,
    ca: Ca,
    good: Leaf,
    revoked: Leaf,
    not_after: UnixTime,
    snapshot: String,
}

impl Setting {
    async fn start() -> Self {
        let ca = Ca::root("Issuing CA");
        let deployment = Deployment::start(&[&ca]).await;
        let options = LeafOptions::current();
        let not_after = UnixTime::from_seconds(options.not_after);
        let good = ca.issue_with("good", options.clone());
        let revoked = ca.issue_with("revoked", options);
        let crl = ca.crl().current().revoke(&revoked.serial());
        deployment.publish(&ca.crl_key(), crl.der());
        refresh(&deployment.fetcher().await).await;
        let snapshot = deployment.snapshot().id().to_string();
        Self {
            deployment,
            ca,
            good,
            revoked,
            not_after,
            snapshot,
        }
    }

    async fn authorizer(&self, variables: &[(&str, &str)]) -> Function {
        self.deployment.authorizer_with(variables).await
    }
}

async fn answer(authorizer: &Function, event: Value) -> Value {
    let invocation = authorizer.invoke(event).await;
    invocation.result.unwrap_or_else(|error| panic!("{error}"))
}

/// As Lambda's own types for Rust read it.
fn read<T: serde::de::DeserializeOwned>(answer: &Value) -> T {
    serde_json::from_value(answer.clone()).unwrap()
}

fn serial_number(client: &Leaf) -> String {
    SerialNumber::from_der_integer(&client.serial())
        .unwrap()
        .to_string()
}

fn fingerprint(client: &Leaf) -> String {
    let digest = Sha256::digest(client.certificate_der());
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}
