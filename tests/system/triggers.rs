//! Whatever the template lets call a function is an event that the function accepts.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use system_tests::{
    CRL_BUCKET, Deployment, SNAPSHOT_BUCKET, TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, client, decision,
    refresh,
};
use testkit::events;
use testkit::lambda::{Function, binaries};
use testkit::pki::Ca;
use testkit::response_url::ResponseUrl;
use yaml_serde::Value as Yaml;

/// Who calls which function. Whoever joins them needs an event below.
#[test]
fn nobody_else_calls() {
    assert_eq!(
        callers(),
        BTreeSet::from(
            [
                ("CrlFetcher", "CrlFetcher.CertificateRevoked"),
                ("CrlFetcher", "CrlFetcher.CrlWritten"),
                ("CrlFetcher", "CrlFetcher.OverridesWritten"),
                ("CrlFetcher", "CrlFetcher.Schedule"),
                ("Authorizer", "RestApi"),
                ("Authorizer", "RevocationAuthorizer"),
                ("SampleApi", "RestApi"),
                ("SampleApi", "SampleIntegration"),
                ("TruststoreWriter", "Truststore"),
            ]
            .map(|(function, caller)| (function.to_owned(), caller.to_owned()))
        )
    );
}

#[tokio::test]
async fn fetcher_accepts_its_triggers() {
    let template = template();
    let triggers = &template["Resources"]["CrlFetcher"]["Properties"]["Events"];
    let schedule = events::schedule();
    assert_eq!(triggers["Schedule"]["Type"], "ScheduleV2");
    // With an input of its own it would send that.
    assert_eq!(triggers["Schedule"]["Properties"].get("Input"), None);
    assert_eq!(schedule["source"], "aws.scheduler");

    let ca = Ca::root("Issuing CA");
    let written = events::object_created(CRL_BUCKET, &ca.crl_key());
    let pattern = &triggers["CrlWritten"]["Properties"]["Pattern"];
    for member in ["source", "detail-type"] {
        assert_eq!(pattern[member][0].as_str(), written[member].as_str());
    }
    let suffix = &pattern["detail"]["object"]["key"][0]["suffix"];
    assert!(ca.crl_key().ends_with(suffix.as_str().unwrap()));

    let overridden = events::object_created(SNAPSHOT_BUCKET, "overrides/overrides.json");
    let pattern = &triggers["OverridesWritten"]["Properties"]["Pattern"];
    for member in ["source", "detail-type"] {
        assert_eq!(pattern[member][0].as_str(), overridden[member].as_str());
    }
    let key = &overridden["detail"]["object"]["key"];
    let expected = &pattern["detail"]["object"]["key"][0];
    assert_eq!(expected.as_str(), key.as_str());

    let revoked = events::certificate_revocation(ca.id(), "0badcafe");
    let pattern = &triggers["CertificateRevoked"]["Properties"]["Pattern"];
    for member in ["source", "detail-type"] {
        assert_eq!(pattern[member][0].as_str(), revoked[member].as_str());
    }
    let result = &pattern["detail"]["result"][0];
    assert_eq!(result.as_str(), revoked["detail"]["result"].as_str());
    // It names the CA where the rule looks for one that it knows.
    assert!(pattern.get("resources").is_some());
    let named = revoked["resources"][0].as_str().unwrap();
    assert!(named.ends_with(&format!(":certificate-authority/{}", ca.id())));

    let deployment = Deployment::start(&[&ca]).await;
    deployment.publish(&ca.crl_key(), ca.crl().current().der());
    // As the template gives it: the account that the rule lets through, and no keys.
    let account = revoked["account"].as_str().unwrap();
    let fetcher = [("CA_ACCOUNTS", account), ("CA_KEY_IDS", "")];
    let fetcher = deployment.fetcher_with(&fetcher).await;
    // The schedule of a rule, as docs/deploy.md makes one without SAM.
    let mut rule = schedule.clone();
    rule["source"] = json!("aws.events");
    rule["detail"] = json!({});
    let key = ca.crl_key();
    for (event, trigger) in [
        (schedule, "schedule"),
        (rule, "schedule"),
        (written, &*format!("s3 {key}")),
        (
            events::s3_notification(CRL_BUCKET, &key),
            &*format!("s3 {key}"),
        ),
        (events::s3_test_event(CRL_BUCKET), "s3 test event"),
        (revoked, "event ACM Private CA Certificate Revocation"),
        // By hand, as the template's output CrlFetcherName says.
        (json!({}), "manual"),
    ] {
        let report = accepted(&fetcher, event).await;
        assert_eq!(report["trigger"], trigger);
        assert_eq!(report["snapshot"]["crls"], 1, "{trigger}");
        if trigger.ends_with("Revocation") {
            assert_eq!(report["announcement"]["outcome"], "noted", "{report}");
        }
    }
}

#[tokio::test]
async fn authorizer_accepts_the_events_of_both_kinds_of_api() {
    let template = template();
    let wired = &template["Resources"]["RevocationAuthorizer"]["Properties"];
    let (deployment, pem) = deployment_with_client().await;
    let authorizer = deployment.authorizer().await;

    let http = events::http_api_v2(&pem);
    assert_eq!(
        wired["AuthorizerPayloadFormatVersion"].as_str(),
        http["version"].as_str()
    );
    let answer = accepted(&authorizer, http).await;
    assert_eq!(decision(&answer), "allow not-revoked");

    // The first is not in the template: an API that exists may be set so.
    for event in [events::http_api_v1(&pem), events::rest_request(&pem)] {
        let answer = accepted(&authorizer, event).await;
        let statement = &answer["policyDocument"]["Statement"][0];
        assert_eq!(statement["Effect"], "Allow", "{answer}");
    }
}

#[tokio::test]
async fn sample_api_accepts_the_events_of_both_kinds_of_api() {
    let template = template();
    let wired = &template["Resources"]["SampleIntegration"]["Properties"];
    let pem = Ca::root("Issuing CA").issue("client").certificate_pem();
    let context = json!({"decision": "allow", "subject": "CN=client"});
    let http = events::http_api_proxy(&pem, &context);
    assert_eq!(
        wired["PayloadFormatVersion"].as_str(),
        http["version"].as_str()
    );
    let rest = events::rest_proxy(&pem, "c0ffee", &context);

    let sample = Function::start(&binaries().sample_api, "sample-api", &[]).await;
    for (event, query) in [(http, json!("limit=10")), (rest, json!({"limit": "10"}))] {
        let answer = accepted(&sample, event).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["method"], "GET");
        assert_eq!(body["path"], "/orders");
        assert_eq!(body["query"], query);
        assert_eq!(body["authorizer"]["subject"], "CN=client");
        assert_eq!(body["isBase64Encoded"], false);
    }
}

#[tokio::test]
async fn truststore_writer_accepts_all_that_happens_to_a_stack() {
    let template = template();
    let wired = &template["Resources"]["Truststore"];
    let (deployment, ca) = (Deployment::start(&[]).await, Ca::root("Root CA"));
    let properties = json!({
        "Bucket": TRUSTSTORE_BUCKET,
        "Key": TRUSTSTORE_KEY,
        "Certificates": [ca.certificate_pem()],
    });
    // What CloudFormation hands on is what the template gives.
    for given in wired["Properties"].as_mapping().unwrap().keys() {
        let given = given.as_str().unwrap();
        assert!(given.starts_with("Service") || properties.get(given).is_some());
    }

    let environment = deployment.environment(&[]);
    let writer = Function::start(&binaries().truststore, "truststore", &environment).await;
    let id = format!("{TRUSTSTORE_BUCKET}/{TRUSTSTORE_KEY}");
    for request_type in ["Create", "Update", "Delete"] {
        let server = ResponseUrl::start().await;
        let url = server.url();
        let event = match request_type {
            "Create" => events::custom_resource_create(&url, &properties),
            "Update" => events::custom_resource_update(&url, &id, &properties, &properties),
            _ => events::custom_resource_delete(&url, &id, &properties),
        };
        assert_eq!(event["RequestType"], request_type);
        assert_eq!(event["ResourceType"].as_str(), wired["Type"].as_str());
        accepted(&writer, event).await;
        let answer = server.answer();
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        assert_eq!(answer["PhysicalResourceId"], id, "{answer}");
    }
}

async fn deployment_with_client() -> (Deployment, String) {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start(&[&ca]).await;
    deployment.publish(&ca.crl_key(), ca.crl().current().der());
    refresh(&deployment.fetcher().await).await;
    (deployment, client(&ca, "client").certificate_pem())
}

async fn accepted(function: &Function, event: Value) -> Value {
    let invocation = function.invoke(event).await;
    invocation.result.unwrap_or_else(|error| panic!("{error}"))
}

/// Function and caller: each event source of a function, and each resource that names one, which may
/// be an API, a rule or a custom resource. A permission calls nobody.
fn callers() -> BTreeSet<(String, String)> {
    let template = template();
    let resources = template["Resources"].as_mapping().unwrap();
    let type_of = |resource: &Yaml| resource["Type"].as_str().unwrap().to_owned();
    let functions: Vec<&str> = resources
        .iter()
        .filter(|(_, resource)| type_of(resource) == "AWS::Serverless::Function")
        .map(|(name, _)| name.as_str().unwrap())
        .collect();
    let mut callers = BTreeSet::new();
    for (name, resource) in resources {
        let name = name.as_str().unwrap();
        let events = resource["Properties"].get("Events");
        for event in events.and_then(Yaml::as_mapping).into_iter().flatten() {
            let event = event.0.as_str().unwrap();
            callers.insert((name.to_owned(), format!("{name}.{event}")));
        }
        // These let others call, or look on.
        if matches!(
            type_of(resource).as_str(),
            "AWS::Lambda::Permission" | "AWS::CloudWatch::Alarm" | "AWS::CloudWatch::Dashboard"
        ) {
            continue;
        }
        let mut texts = Vec::new();
        texts_of(&resource["Properties"], &mut texts);
        for function in &functions {
            let named = |text: &&str| {
                text == function
                    || text.starts_with(&format!("{function}."))
                    || text.contains(&format!("${{{function}."))
                    || text.contains(&format!("${{{function}}}"))
            };
            if texts.iter().any(named) {
                callers.insert(((*function).to_owned(), name.to_owned()));
            }
        }
    }
    callers
}

fn texts_of<'a>(value: &'a Yaml, texts: &mut Vec<&'a str>) {
    match value {
        Yaml::String(text) => texts.push(text),
        Yaml::Sequence(items) => items.iter().for_each(|item| texts_of(item, texts)),
        Yaml::Mapping(members) => members.iter().for_each(|(_, item)| texts_of(item, texts)),
        Yaml::Tagged(tagged) => texts_of(&tagged.value, texts),
        _ => {}
    }
}

fn template() -> Yaml {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    yaml_serde::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
