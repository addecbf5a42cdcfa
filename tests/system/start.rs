//! What an authorizer does before its first request: which CAs it believes S3 by, and what it leaves
//! out of its start.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use system_tests::{Deployment, SNAPSHOT_BUCKET, client, decide, refresh};
use testkit::events;
use testkit::lambda::{Function, Options, binaries};
use testkit::pki::Ca;

#[tokio::test]
async fn both_functions_work_over_https() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start_https(&[&ca]).await;
    assert!(deployment.s3.endpoint().starts_with("https://"));
    let (alice, bob) = (client(&ca, "alice"), client(&ca, "bob"));
    let crl = ca.crl().current().number(1).revoke(&alice.serial());
    deployment.publish(&ca.crl_key(), crl.der());
    refresh(&deployment.fetcher().await).await;

    let usual = deployment.authorizer().await;
    let bundle = ca_bundle(&deployment);
    let other_variable = [("SSL_CERT_FILE", ""), ("AWS_CA_BUNDLE", bundle.as_str())];
    let by_other_variable = deployment.authorizer_with(&other_variable).await;
    for authorizer in [usual, by_other_variable] {
        assert_eq!(decide(&authorizer, &alice).await, "deny revoked");
        assert_eq!(decide(&authorizer, &bob).await, "allow not-revoked");
    }
}

/// Without a bundle, the authorizer believes only in the CAs it was compiled with.
#[tokio::test]
async fn an_s3_of_an_unknown_ca_is_not_believed() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start_https(&[&ca]).await;
    refresh(&deployment.fetcher().await).await;
    let other = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(other.path(), Ca::root("Another CA").certificate_pem()).unwrap();
    for bundle in ["", other.path().to_str().unwrap()] {
        let authorizer = deployment
            .authorizer_with(&[("SSL_CERT_FILE", bundle)])
            .await;
        assert_eq!(authorizer.init_error().await, None);
        let event = events::http_api_v2(&client(&ca, "alice").certificate_pem());
        let error = authorizer.invoke(event).await.result.unwrap_err();
        assert_eq!(error.error_type, "NoSnapshot");
        assert!(error.message.contains("UnknownIssuer"), "{error}");
        assert!(error.message.contains("AWS_CA_BUNDLE"), "{error}");
    }
}

#[tokio::test]
async fn a_ca_bundle_that_cannot_be_used_ends_the_init_phase() {
    let deployment = Deployment::start_https(&[&Ca::root("Issuing CA")]).await;
    let empty = tempfile::NamedTempFile::new().unwrap();
    let broken = tempfile::NamedTempFile::new().unwrap();
    let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    std::fs::write(broken.path(), pem).unwrap();
    for (path, problem) in [
        (Path::new("/nowhere/ca.pem"), "No such file"),
        (empty.path(), "it holds no certificate in PEM"),
        (broken.path(), "certificate 1: "),
    ] {
        let path = path.to_str().unwrap();
        let authorizer = deployment.authorizer_with(&[("AWS_CA_BUNDLE", path)]).await;
        assert!(authorizer.init_error().await.is_some(), "{path}");
        let logs = authorizer.logs().join("\n");
        assert!(
            logs.contains(problem) && logs.contains("AWS_CA_BUNDLE"),
            "{logs}"
        );
    }
}

/// Every one of these would cost a cold start milliseconds or be a second of something that is there.
#[test]
fn the_authorizer_is_built_without_what_starts_slowly() {
    let tree = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--locked", "--offline", "-p", "authorizer"])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let depends_on = |package: &str| tree.lines().any(|line| line.starts_with(package));
    assert!(depends_on("rustls v0.23."), "{tree}");
    assert!(depends_on("ring v"), "{tree}");
    // AWS-LC gathers entropy from the CPU's jitter for tens of milliseconds.
    for unwanted in [
        "aws-lc",
        "aws-config ",
        "rustls v0.21",
        "hyper v0.14",
        "openssl-sys",
    ] {
        assert!(!depends_on(unwanted), "{unwanted}: {tree}");
    }
}

#[tokio::test]
async fn a_start_has_one_thread_and_few_system_calls_and_reads_no_trust_store() {
    let ca = Ca::root("Issuing CA");
    let deployment = Deployment::start_https(&[&ca]).await;
    refresh(&deployment.fetcher().await).await;
    let variables = [("SNAPSHOT_BUCKET", SNAPSHOT_BUCKET)];
    let environment = deployment.environment(&variables);

    let authorizer = &binaries().authorizer;
    let function = Function::start(authorizer, "authorizer", &environment).await;
    let tasks = std::fs::read_dir(format!("/proc/{}/task", function.pid())).unwrap();
    assert_eq!(tasks.count(), 1);

    let Some(traced) = trace(authorizer, &environment).await else {
        println!("SKIPPED: strace is missing, or may not trace here");
        return;
    };
    assert!(traced.contains("/next"), "{traced}");
    let calls = traced.lines().count();
    assert!(calls <= 300, "{calls} system calls:\n{traced}");
    for store in ["/etc/ssl", "/etc/pki", "ca-certificates"] {
        assert!(!traced.contains(store), "{store}:\n{traced}");
    }

    // With the compiled-in CAs no more is read than with a bundle.
    let without: Vec<_> = environment
        .into_iter()
        .filter(|(name, _)| name != "SSL_CERT_FILE")
        .collect();
    let traced = trace(authorizer, &without).await.unwrap();
    for store in ["/etc/ssl", "/etc/pki", "ca-certificates", ".pem"] {
        assert!(!traced.contains(store), "{store}:\n{traced}");
    }
}

/// The system calls of a start up to the end of its Init phase.
async fn trace(program: &Path, environment: &[(String, String)]) -> Option<String> {
    let output = tempfile::NamedTempFile::new().unwrap();
    let arguments = ["-D", "-f", "-qq", "-s", "64", "-o"];
    let options = Options {
        arguments: arguments
            .into_iter()
            .chain([output.path().to_str()?, program.to_str()?])
            .map(str::to_owned)
            .collect(),
        ..Options::default()
    };
    let works = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "true"])
        .status();
    if !works.is_ok_and(|status| status.success()) {
        return None;
    }
    let strace = Path::new("strace");
    let function = Function::start_with(strace, "traced", environment, options).await;
    assert_eq!(function.init_error().await, None);
    // What was called last is on its way to the file.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let traced = std::fs::read_to_string(output.path()).unwrap();
    function.stop().await;
    Some(traced)
}

fn ca_bundle(deployment: &Deployment) -> String {
    let environment = deployment.s3.environment();
    let bundle = environment
        .into_iter()
        .find(|(name, _)| name == "SSL_CERT_FILE");
    bundle.unwrap().1
}
