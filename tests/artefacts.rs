//! What `sam build` has made: the functions as they are deployed, where the other tests run what cargo
//! builds for tests.
//!
//! Ignored, because it takes a release build of its own; `.ci/run functions` makes one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how these tests fail"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use system_tests::{
    ALWAYS_REVALIDATE, CRL_BUCKET, Deployment, TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, client, decide,
};
use testkit::events;
use testkit::lambda::Function;
use testkit::pki::Ca;
use testkit::response_url::ResponseUrl;

#[test]
#[ignore = "wants what sam build has made"]
fn every_function_of_the_template_was_built_and_no_other() {
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let template: yaml_serde::Value = yaml_serde::from_str(&template).unwrap();
    let functions: BTreeSet<String> = template["Resources"]
        .as_mapping()
        .unwrap()
        .iter()
        .filter(|(_, resource)| resource["Type"].as_str() == Some("AWS::Serverless::Function"))
        .map(|(name, _)| name.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(built(), functions);
}

/// Also of a build for another architecture than this machine's.
#[test]
#[ignore = "wants what sam build has made"]
fn no_bootstrap_needs_more_than_amazon_linux_2023_has() {
    let built = built();
    assert!(!built.is_empty(), "{} is empty", folder().display());
    for function in built {
        let files: Vec<_> = std::fs::read_dir(folder().join(&function))
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        assert_eq!(files, ["bootstrap"], "{function}");

        let octets = std::fs::read(bootstrap(&function)).unwrap();
        assert_eq!(&octets[..5], b"\x7fELF\x02", "{function}");
        let machine = match std::env::var("ARCHITECTURE").as_deref() {
            Ok("arm64") => 183,
            Ok("x86_64") => 62,
            other => panic!("ARCHITECTURE must be x86_64 or arm64, not {other:?}; {HOW}"),
        };
        assert_eq!(octets[18], machine, "{function}: e_machine");

        let newest = glibc_versions(&octets).last().copied();
        println!("{function}: {} octets, glibc {newest:?}", octets.len());
        // None at all would mean that they are looked for in the wrong way.
        assert!(newest >= Some((2, 2)), "{function}: {newest:?}");
        assert!(newest <= Some((2, 34)), "{function}: {newest:?}");
    }
}

#[tokio::test]
#[ignore = "wants what sam build has made"]
async fn the_built_functions_work_together() {
    let root = Ca::root("Root CA");
    let issuing = root.subordinate("Issuing CA");
    let (alice, bob) = (client(&issuing, "alice"), client(&issuing, "bob"));
    // S3 is HTTPS in the field, and TLS is what a build can be without.
    let deployment = Deployment::start_https(&[]).await;

    let binary = bootstrap("TruststoreWriter");
    let environment = deployment.environment(&[]);
    let writer = Function::start(&binary, "truststore", &environment).await;
    let server = ResponseUrl::start().await;
    let certificates = [issuing.certificate_pem(), root.certificate_pem()];
    let properties = json!({
        "Bucket": TRUSTSTORE_BUCKET, "Key": TRUSTSTORE_KEY, "Certificates": certificates
    });
    answer(
        &writer,
        events::custom_resource_create(&server.url(), &properties),
    )
    .await;
    assert_eq!(server.answer()["Status"], "SUCCESS");

    let fetcher = deployment.fetcher_of(&bootstrap("CrlFetcher"), &[]).await;
    deployment.publish(&root.crl_key(), root.crl().current().der());
    let crl = issuing.crl().current().revoke(&bob.serial());
    deployment.publish(&issuing.crl_key(), crl.der());
    let written = events::object_created(CRL_BUCKET, &issuing.crl_key());
    let report = answer(&fetcher, written).await;
    assert_eq!(report["snapshot"]["published"], true, "{report}");
    assert_eq!(report["snapshot"]["revoked"], 1, "{report}");

    let authorizer = bootstrap("Authorizer");
    let authorizer = deployment
        .authorizer_of(&authorizer, &ALWAYS_REVALIDATE)
        .await;
    assert_eq!(decide(&authorizer, &alice).await, "allow not-revoked");
    assert_eq!(decide(&authorizer, &bob).await, "deny revoked");
    for (client, effect) in [(&alice, "Allow"), (&bob, "Deny")] {
        let request = events::rest_request(&client.certificate_pem());
        let answer = answer(&authorizer, request).await;
        let statement = &answer["policyDocument"]["Statement"][0];
        assert_eq!(statement["Effect"], effect, "{answer}");
    }

    let sample = Function::start(&bootstrap("SampleApi"), "sample-api", &[]).await;
    let pem = alice.certificate_pem();
    let allowed = answer(&authorizer, events::http_api_v2(&pem)).await;
    let request = events::http_api_proxy(&pem, &allowed["context"]);
    let echoed = answer(&sample, request).await;
    assert_eq!(echoed["statusCode"], 200, "{echoed}");
    let body: Value = serde_json::from_str(echoed["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["authorizer"], allowed["context"]);

    // And away again.
    let server = ResponseUrl::start().await;
    let id = format!("{TRUSTSTORE_BUCKET}/{TRUSTSTORE_KEY}");
    let event = events::custom_resource_delete(&server.url(), &id, &properties);
    answer(&writer, event).await;
    assert_eq!(server.answer()["Status"], "SUCCESS");
    assert_eq!(deployment.s3.get(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY), None);
}

async fn answer(function: &Function, event: Value) -> Value {
    let invocation = function.invoke(event).await;
    invocation.result.unwrap_or_else(|error| panic!("{error}"))
}

/// The versions of glibc's symbols, oldest first. By text instead of by section: whatever else looks
/// like one could only make the test stricter.
fn glibc_versions(octets: &[u8]) -> BTreeSet<(u32, u32)> {
    let prefix = b"GLIBC_";
    let starts = octets
        .windows(prefix.len())
        .enumerate()
        .filter(|(_, window)| window == prefix)
        .map(|(at, _)| at + prefix.len());
    starts
        .filter_map(|at| {
            let version = octets[at..].split(|&octet| octet == 0).next()?;
            let mut numbers = std::str::from_utf8(version).ok()?.split('.');
            Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
        })
        .collect()
}

/// The logical ids of what was built.
fn built() -> BTreeSet<String> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}; {HOW}", folder.display()));
    entries
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

fn bootstrap(function: &str) -> PathBuf {
    folder().join(function).join("bootstrap")
}

fn folder() -> PathBuf {
    let folder = std::env::var_os("FUNCTIONS");
    root().join(folder.unwrap_or_else(|| panic!("FUNCTIONS names no folder; {HOW}")))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

const HOW: &str = "to run this test: sam build --parameter-overrides Architecture=x86_64 && \
                   FUNCTIONS=.aws-sam/build ARCHITECTURE=x86_64 \
                   cargo test --workspace --test artefacts -- --ignored";
