//! The custom resource of the truststore: whatever CloudFormation asks, and whatever goes wrong, it
//! is answered, and S3 holds what the answer says.

use std::time::{Duration, Instant};

use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::presigning::PresigningConfig;
use serde_json::{Value, json};
use system_tests::{
    CRL_BUCKET, Deployment, TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, client, decide, refresh,
};
use testkit::events;
use testkit::lambda::{Function, FunctionError, Options, binaries};
use testkit::pki::{Ca, CaOptions, KeyIdentifier, KeyKind};
use testkit::response_url::{Behaviour, ResponseUrl, SIGNATURE};
use testkit::s3::{Fault, Operation, S3Server};

const ID: &str = "truststore-bucket/truststore.pem";

/// An empty bucket, and the function.
struct Stack {
    s3: S3Server,
    function: Function,
}

impl Stack {
    async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    async fn start_with(options: Options) -> Self {
        let s3 = S3Server::start().await;
        s3.create_bucket(TRUSTSTORE_BUCKET);
        let environment = s3.environment();
        let binary = &binaries().truststore;
        let function = Function::start_with(binary, "truststore", &environment, options).await;
        assert_eq!(function.init_error().await, None);
        Self { s3, function }
    }

    async fn create(&self, properties: &Value) -> Value {
        self.answer(|url| events::custom_resource_create(url, properties))
            .await
    }

    async fn update(&self, id: &str, properties: &Value) -> Value {
        self.answer(|url| events::custom_resource_update(url, id, properties, &json!({})))
            .await
    }

    async fn delete(&self, id: &str) -> Value {
        self.answer(|url| events::custom_resource_delete(url, id, &json!({})))
            .await
    }

    async fn answer(&self, event: impl FnOnce(&str) -> Value) -> Value {
        let server = ResponseUrl::start().await;
        let answer = self.function.invoke(event(&server.url())).await;
        assert_eq!(answer.result, Ok(Value::Null));
        let answer = server.answer();
        assert_eq!(answer["LogicalResourceId"], "Truststore");
        assert_eq!(answer["RequestId"], "8f7a5d2c-6e0b-4b0a-9b39-2f8f1c1f0c11");
        let stack_id = answer["StackId"].as_str().unwrap();
        assert!(stack_id.starts_with("arn:aws:cloudformation:"), "{answer}");
        answer
    }

    fn object(&self) -> Option<Vec<u8>> {
        self.s3.get(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY)
    }

    fn versions(&self) -> usize {
        self.s3.versions(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY).len()
    }
}

fn properties(cas: &[&Ca]) -> Value {
    let pems: Vec<_> = cas.iter().map(|ca| ca.certificate_pem()).collect();
    properties_of(&json!(pems))
}

fn properties_of(certificates: &Value) -> Value {
    json!({
        "Bucket": TRUSTSTORE_BUCKET,
        "Key": TRUSTSTORE_KEY,
        "Certificates": certificates
    })
}

fn failed(answer: &Value) -> &str {
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    assert_eq!(answer.get("Data"), None);
    answer["Reason"].as_str().unwrap()
}

fn succeeded(answer: &Value) -> &Value {
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    assert_eq!(answer.get("Reason"), None);
    &answer["Data"]
}

#[tokio::test]
async fn a_truststore_is_created_updated_moved_and_deleted() {
    let stack = Stack::start().await;
    let root = Ca::root("Root CA");
    let issuing = root.subordinate("Issuing CA");
    let chain = issuing.certificate_pem() + &root.certificate_pem();

    let created = stack.create(&properties_of(&json!([chain]))).await;
    assert_eq!(created["PhysicalResourceId"], ID);
    let version = succeeded(&created)["Version"].as_str().unwrap().to_owned();
    let expected = json!({
        "Bucket": "truststore-bucket",
        "Key": "truststore.pem",
        "Uri": "s3://truststore-bucket/truststore.pem",
        "Version": version,
        "Certificates": "2"
    });
    assert_eq!(created["Data"], expected);
    let read = stack
        .s3
        .client()
        .get_object()
        .bucket(TRUSTSTORE_BUCKET)
        .key(TRUSTSTORE_KEY)
        .version_id(version)
        .send()
        .await
        .unwrap();
    assert_eq!(read.content_type(), None);
    assert_eq!(
        read.body.collect().await.unwrap().to_vec(),
        chain.as_bytes()
    );

    // CloudFormation may repeat itself, and lists have no order.
    let repeated = stack.create(&properties(&[&root, &issuing])).await;
    assert_eq!(repeated["Data"], created["Data"]);
    let unchanged = stack.update(ID, &properties(&[&issuing, &root])).await;
    assert_eq!(unchanged["Data"], created["Data"]);
    assert_eq!(unchanged["PhysicalResourceId"], ID);
    assert_eq!(stack.versions(), 1);

    let other = Ca::root("Another CA");
    let updated = stack
        .update(ID, &properties(&[&issuing, &root, &other]))
        .await;
    assert_eq!(updated["PhysicalResourceId"], ID);
    assert_eq!(succeeded(&updated)["Certificates"], "3");
    assert_ne!(updated["Data"]["Version"], created["Data"]["Version"]);
    assert_eq!(stack.versions(), 2);

    // Elsewhere it is another resource, and the old one is deleted next.
    let mut moved = properties(&[&other]);
    moved["Key"] = json!("truststore.pem.new");
    let moved = stack.update(ID, &moved).await;
    let new_id = "truststore-bucket/truststore.pem.new";
    assert_eq!(moved["PhysicalResourceId"], new_id);
    assert_eq!(stack.versions(), 2);
    let deleted = stack.delete(ID).await;
    assert_eq!(deleted["Status"], "SUCCESS");
    assert_eq!(deleted["PhysicalResourceId"], ID);
    assert_eq!(stack.versions(), 0);
    let neighbour = stack.s3.get(TRUSTSTORE_BUCKET, "truststore.pem.new");
    assert_eq!(neighbour, Some(other.certificate_pem().into_bytes()));

    assert_eq!(stack.delete(new_id).await["Status"], "SUCCESS");
    let left = stack.s3.client().list_object_versions();
    let left = left.bucket(TRUSTSTORE_BUCKET).send().await.unwrap();
    assert_eq!((left.versions().len(), left.delete_markers().len()), (0, 0));
    // Whoever deletes twice finds nothing, which is what they wanted.
    assert_eq!(stack.delete(new_id).await["Status"], "SUCCESS");
}

#[tokio::test]
async fn the_other_functions_work_from_what_it_wrote() {
    let root = Ca::root("Root CA");
    let issuing = root.subordinate("Issuing CA");
    // There is an object already, which belongs to nobody.
    let deployment = Deployment::start(&[]).await;
    let binary = &binaries().truststore;
    let function = Function::start(binary, "truststore", &deployment.environment(&[])).await;
    let server = ResponseUrl::start().await;
    let event = events::custom_resource_create(&server.url(), &properties(&[&root, &issuing]));
    function.invoke(event).await.result.unwrap();
    succeeded(&server.answer());

    for ca in [&root, &issuing] {
        deployment.publish(&ca.crl_key(), ca.crl().current().der());
    }
    let report = refresh(&deployment.fetcher().await).await;
    assert_eq!(report["snapshot"]["issuers"], 2);
    let authorizer = deployment.authorizer().await;
    let decision = decide(&authorizer, &client(&issuing, "client")).await;
    assert_eq!(decision, "allow not-revoked");
}

#[tokio::test]
async fn what_is_no_truststore_is_refused_with_its_reason_and_nothing_is_written() {
    let stack = Stack::start().await;
    let root = Ca::root("Root CA");
    let issuing = root.subordinate("Issuing CA");
    let leaf = client(&issuing, "client");
    let with = |options| Ca::self_signed("CA", options);
    let expired = with(CaOptions {
        not_after: 1_600_000_000,
        ..CaOptions::default()
    });
    let of_tomorrow = with(CaOptions {
        not_before: 2_300_000_000,
        ..CaOptions::default()
    });
    let short = Ca::root_with("CA", KeyKind::Rsa1024);
    let ed25519 = Ca::root_with("CA", KeyKind::Ed25519);
    let mut nowhere = properties(&[&root]);
    nowhere["Bucket"] = Value::Null;
    let mut keyless = properties(&[&root]);
    keyless["Key"] = json!("");
    for (properties, reason) in [
        (json!(null), "Bucket is missing"),
        (
            nowhere,
            "Bucket is missing: it must be the name of a bucket",
        ),
        (keyless, "Key must be the key of an object"),
        (properties_of(&json!(null)), "Certificates must be a list"),
        (properties_of(&json!([])), "Certificates is empty"),
        (
            properties_of(&json!([{}])),
            "item 1 of Certificates must be",
        ),
        (properties_of(&json!(["x"])), "it holds no PEM"),
        (
            properties_of(&json!([leaf.key_pem()])),
            "labelled PRIVATE KEY",
        ),
        (
            properties_of(&json!([leaf.certificate_pem()])),
            "not a CA's",
        ),
        (
            properties(&[&expired]),
            "it expired on 2020-09-13T12:26:40Z",
        ),
        (properties(&[&of_tomorrow]), "it is valid from 2042-"),
        (properties(&[&short]), "1024 bits"),
        (properties(&[&ed25519]), "API Gateway accepts RSA and ECDSA"),
        (
            properties(&[&issuing]),
            "its issuer, C=US, O=Example, CN=Root CA, is missing",
        ),
        (
            properties(&[&issuing, &Ca::root("Root CA")]),
            "no certificate of its issuer",
        ),
    ] {
        let created = stack.create(&properties).await;
        assert!(failed(&created).contains(reason), "{reason}: {created}");
        // Of this, CloudFormation asks to delete next.
        assert_eq!(created["PhysicalResourceId"], "not-created");
    }
    let many: Vec<_> = (0..200).map(|number| format!("no PEM {number}")).collect();
    let cut = stack.create(&properties_of(&json!(many))).await;
    assert!(failed(&cut).ends_with(" …"), "{cut}");

    assert_eq!(stack.delete("not-created").await["Status"], "SUCCESS");
    assert_eq!(stack.s3.requests(), []);
}

#[tokio::test]
async fn a_failed_update_keeps_the_id_and_the_truststore() {
    let stack = Stack::start().await;
    let root = Ca::root("Root CA");
    succeeded(&stack.create(&properties(&[&root])).await);
    let mut elsewhere = properties(&[]);
    elsewhere["Key"] = json!("elsewhere.pem");
    for properties in [properties(&[]), json!("text"), elsewhere] {
        let updated = stack.update(ID, &properties).await;
        failed(&updated);
        assert_eq!(updated["PhysicalResourceId"], ID);
    }
    assert_eq!(stack.object(), Some(root.certificate_pem().into_bytes()));
    // The way back of the failed update.
    succeeded(&stack.update(ID, &properties(&[&root])).await);
    assert_eq!(stack.versions(), 1);
}

#[tokio::test]
async fn requests_that_nobody_knows_fail() {
    let stack = Stack::start().await;
    let answer = stack
        .answer(|url| {
            let mut event = events::custom_resource_create(url, &json!({}));
            event["RequestType"] = json!("Import");
            event
        })
        .await;
    assert_eq!(
        failed(&answer),
        "the request type \"Import\" is unknown: it must be Create, Update or Delete"
    );
    for event in [json!(null), json!([]), json!({"RequestType": "Create"})] {
        let error = stack.function.invoke(event).await.result.unwrap_err();
        assert_eq!(error.error_type, "NoResponseUrl");
    }
}

#[tokio::test]
async fn errors_of_s3_are_answered() {
    let stack = Stack::start().await;
    let root = Ca::root("Root CA");
    let denied = Fault::Status(403, "AccessDenied");
    for (operation, action) in [
        (Operation::GetObject, "cannot read s3://truststore-bucket"),
        (Operation::PutObject, "cannot write s3://truststore-bucket"),
    ] {
        stack.s3.fail_next(operation, TRUSTSTORE_KEY, denied, 1);
        let created = stack.create(&properties(&[&root])).await;
        assert!(failed(&created).starts_with(action), "{created}");
        assert!(failed(&created).contains("grant the function s3:GetObject"));
        assert_eq!(created["PhysicalResourceId"], "not-created");
    }
    let mut nowhere = properties(&[&root]);
    nowhere["Bucket"] = json!("no-such-bucket");
    let created = stack.create(&nowhere).await;
    assert!(failed(&created).contains("there is no such bucket"));
    assert_eq!(created["PhysicalResourceId"], "not-created");
    assert_eq!(stack.versions(), 0);

    // Nobody knows whether it was written, but nothing was there before: what is there is ours.
    let error = Fault::Status(500, "InternalError");
    stack
        .s3
        .fail_next(Operation::PutObject, TRUSTSTORE_KEY, error, 4);
    let created = stack.create(&properties(&[&root])).await;
    assert!(failed(&created).contains("InternalError"), "{created}");
    assert_eq!(created["PhysicalResourceId"], ID);

    // Something was: it stays, whatever becomes of the Create.
    stack
        .s3
        .put(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, "somebody's");
    stack
        .s3
        .fail_next(Operation::PutObject, TRUSTSTORE_KEY, error, 4);
    let created = stack.create(&properties(&[&root])).await;
    assert_eq!(created["PhysicalResourceId"], "not-created");

    stack.s3.stop().await;
    let deleted = stack.delete(ID).await;
    assert!(failed(&deleted).starts_with("cannot list the versions of"));
    assert_eq!(deleted["PhysicalResourceId"], ID);
    stack.s3.resume().await;
    assert_eq!(stack.delete(ID).await["Status"], "SUCCESS");
    assert_eq!(stack.versions(), 0);
}

#[tokio::test]
async fn a_bucket_without_versions_is_refused_and_its_object_deleted_with_the_resource() {
    let stack = Stack::start().await;
    stack.s3.create_unversioned_bucket("unversioned");
    let root = Ca::root("Root CA");
    let mut properties = properties(&[&root]);
    properties["Bucket"] = json!("unversioned");
    // The second finds what the first wrote, which has no version either.
    for _ in 0..2 {
        let created = stack.create(&properties).await;
        assert!(failed(&created).contains("set VersioningConfiguration to Enabled"));
        assert_eq!(created["PhysicalResourceId"], "unversioned/truststore.pem");
    }
    let deleted = stack.delete("unversioned/truststore.pem").await;
    assert_eq!(deleted["Status"], "SUCCESS");
    assert_eq!(stack.s3.get("unversioned", TRUSTSTORE_KEY), None);
}

#[tokio::test]
async fn another_writer_is_written_over_but_not_for_ever() {
    let stack = Stack::start().await;
    let root = Ca::root("Root CA");
    let faster = Fault::Status(412, "PreconditionFailed");
    let put = Operation::PutObject;
    stack.s3.fail_next(put, TRUSTSTORE_KEY, faster, 4);
    succeeded(&stack.create(&properties(&[&root])).await);
    stack.s3.fail_next(put, TRUSTSTORE_KEY, faster, 5);
    let updated = stack
        .update(ID, &properties(&[&Ca::root("Another CA")]))
        .await;
    assert!(failed(&updated).contains("somebody else kept writing it"));
    assert_eq!(stack.object(), Some(root.certificate_pem().into_bytes()));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_makes_one_version() {
    let stack = Stack::start().await;
    let (root, other) = (Ca::root("Root CA"), Ca::root("Another CA"));
    let lost = Fault::LoseResponse;
    let drop = Fault::DropConnection;
    stack
        .s3
        .fail_next(Operation::PutObject, TRUSTSTORE_KEY, lost, 1);
    succeeded(&stack.create(&properties(&[&root])).await);
    assert_eq!(stack.versions(), 1);
    stack
        .s3
        .fail_next(Operation::PutObject, TRUSTSTORE_KEY, lost, 1);
    stack
        .s3
        .fail_next(Operation::GetObject, TRUSTSTORE_KEY, drop, 1);
    succeeded(&stack.update(ID, &properties(&[&other])).await);
    assert_eq!(stack.versions(), 2);
    let line = stack
        .function
        .logged("versions_written=1", Duration::from_secs(5));
    assert!(line.await.is_some());
}

#[tokio::test]
async fn an_s3_that_is_too_slow_is_answered_before_the_deadline() {
    let stack = Stack::start_with(Options {
        timeout: Duration::from_secs(3),
        ..Options::default()
    })
    .await;
    let root = Ca::root("Root CA");
    let slow = Fault::Delay(Duration::from_secs(8));
    for (operation, id) in [
        (Operation::GetObject, "not-created"),
        (Operation::PutObject, ID),
    ] {
        stack.s3.fail_next(operation, TRUSTSTORE_KEY, slow, 1);
        let begun = Instant::now();
        let created = stack.create(&properties(&[&root])).await;
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert!(failed(&created).starts_with("the function's time was nearly over"));
        assert_eq!(created["PhysicalResourceId"], id);
    }
    stack
        .s3
        .fail_next(Operation::ListObjectVersions, "", slow, 1);
    failed(&stack.delete(ID).await);
    assert_eq!(stack.delete(ID).await["Status"], "SUCCESS");
}

/// Every one of these subordinates may be of every one of these roots: hundreds of thousands of
/// signatures, on the only thread that could answer if they were not checked beside it.
#[tokio::test]
async fn certificates_that_take_too_long_to_check_are_answered_too() {
    let stack = Stack::start_with(Options {
        timeout: Duration::from_secs(3),
        ..Options::default()
    })
    .await;
    let without_ids = || CaOptions {
        subject_key_identifier: KeyIdentifier::Absent,
        authority_key_identifier: KeyIdentifier::Absent,
        ..CaOptions::default()
    };
    let pems: Vec<_> = (0..500)
        .flat_map(|number| {
            let root = Ca::self_signed("Root CA", without_ids());
            let below = root.subordinate_with(&format!("CA {number}"), without_ids());
            [root.certificate_pem(), below.certificate_pem()]
        })
        .collect();
    let begun = Instant::now();
    let created = stack.create(&properties_of(&json!(pems))).await;
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(failed(&created).starts_with("the function's time was nearly over"));
    assert_eq!(created["PhysicalResourceId"], "not-created");
}

#[tokio::test]
async fn a_deletion_takes_every_version_of_its_key_and_no_other() {
    let stack = Stack::start().await;
    for number in 0..1100 {
        let content = number.to_string();
        stack.s3.put(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, content);
    }
    stack.s3.remove(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY);
    let neighbours = ["truststore", "truststore.pem.old", "truststore.pem/a"];
    for key in neighbours {
        stack.s3.put(TRUSTSTORE_BUCKET, key, "x");
    }
    assert_eq!(stack.delete(ID).await["Status"], "SUCCESS");
    assert_eq!(stack.versions(), 0);
    for key in neighbours {
        assert!(stack.s3.get(TRUSTSTORE_BUCKET, key).is_some(), "{key}");
    }
    let line = stack
        .function
        .logged("versions_deleted=1101", Duration::from_secs(5));
    assert!(line.await.is_some(), "{:?}", stack.function.logs());
}

#[tokio::test]
async fn versions_that_cannot_be_deleted_are_an_error_and_the_rest_is_gone() {
    let stack = Stack::start().await;
    stack.s3.put(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, "held");
    stack.s3.hold(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY);
    stack.s3.put(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, "free");
    let deleted = stack.delete(ID).await;
    let reason = failed(&deleted);
    assert!(
        reason.contains("1 of them remain, the first because of AccessDenied"),
        "{reason}"
    );
    let left = stack.s3.versions(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY);
    assert_eq!(left, [Some(b"held".to_vec())]);
}

#[tokio::test]
async fn what_was_never_ours_or_has_gone_is_deleted_without_a_trace() {
    let stack = Stack::start().await;
    stack
        .s3
        .put(TRUSTSTORE_BUCKET, TRUSTSTORE_KEY, "somebody's");
    let log_stream = "2026/11/01/[$LATEST]0123456789abcdef";
    for id in [
        "not-created",
        "stack-Truststore-1ABCDEF",
        log_stream,
        "",
        "a/b",
    ] {
        let deleted = stack.delete(id).await;
        assert_eq!(deleted["Status"], "SUCCESS", "{deleted}");
        assert_ne!(deleted["PhysicalResourceId"], "");
    }
    assert_eq!(stack.s3.requests(), []);
    let deleted = stack.delete("no-such-bucket/truststore.pem").await;
    assert_eq!(deleted["Status"], "SUCCESS");
    assert!(stack.object().is_some());
}

#[tokio::test]
async fn an_answer_gets_through_to_a_server_with_troubles() {
    let stack = Stack::start().await;
    let server = ResponseUrl::start().await;
    server.behave([
        Behaviour::Status(500),
        Behaviour::DropConnection,
        Behaviour::Delay(Duration::from_secs(1)),
    ]);
    let event = events::custom_resource_delete(&server.url(), "not-created", &json!({}));
    let result = stack.function.invoke(event).await.result;
    assert_eq!(result, Ok(Value::Null));
    assert_eq!(server.answer()["Status"], "SUCCESS");
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn without_an_answer_the_invocation_fails_and_can_be_repeated() {
    let stack = Stack::start_with(Options {
        timeout: Duration::from_secs(5),
        ..Options::default()
    })
    .await;
    let properties = properties(&[&Ca::root("Root CA")]);
    let url = ResponseUrl::of_nobody().await;
    let event = events::custom_resource_create(&url, &properties);
    let FunctionError {
        error_type,
        message,
    } = stack.function.invoke(event).await.result.unwrap_err();
    assert_eq!(error_type, "Unanswered");
    assert!(message.contains("Connection refused"), "{message}");
    assert!(!message.contains(SIGNATURE));
    assert_eq!(stack.versions(), 1);
    // Lambda tries again.
    succeeded(&stack.create(&properties).await);
    assert_eq!(stack.versions(), 1);
}

/// CloudFormation's URL is of an object in an S3 behind HTTPS, and signed over an empty content type.
#[tokio::test]
async fn a_presigned_url_of_s3_takes_the_answer() {
    let root = Ca::root("Root CA");
    let deployment = Deployment::start_https(&[]).await;
    let config = deployment
        .s3
        .client()
        .config()
        .to_builder()
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .build();
    let key = "arn:aws:cloudformation:us-east-1:1:stack/a|Truststore|1";
    let expiry = PresigningConfig::expires_in(Duration::from_secs(7200)).unwrap();
    let presigned = aws_sdk_s3::Client::from_conf(config)
        .put_object()
        .bucket(CRL_BUCKET)
        .key(key)
        .presigned(expiry)
        .await
        .unwrap();
    assert!(presigned.uri().starts_with("https://"));

    let binary = &binaries().truststore;
    let environment = deployment.environment(&[]);
    let function = Function::start(binary, "truststore", &environment).await;
    let event = events::custom_resource_create(presigned.uri(), &properties(&[&root]));
    assert_eq!(function.invoke(event).await.result, Ok(Value::Null));
    let answer = deployment.s3.get(CRL_BUCKET, key).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(succeeded(&answer)["Certificates"], "1");
}

#[tokio::test]
async fn a_request_is_one_line_in_the_log_and_no_secret_is_in_it() {
    let s3 = S3Server::start().await;
    s3.create_bucket(TRUSTSTORE_BUCKET);
    for level in ["INFO", "TRACE"] {
        let mut environment = s3.environment();
        environment.extend(
            [
                ("AWS_LAMBDA_LOG_LEVEL", level),
                ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let binary = &binaries().truststore;
        let function = Function::start(binary, "truststore", &environment).await;
        let root = Ca::root("Root CA");
        let key = client(&root, "client").key_pem();
        for certificates in [json!([root.certificate_pem()]), json!([key])] {
            let server = ResponseUrl::start().await;
            let event =
                events::custom_resource_create(&server.url(), &properties_of(&certificates));
            function.invoke(event).await.result.unwrap();
            server.answer();
        }
        function.logged("FAILED", Duration::from_secs(5)).await;
        let logs = function.logs();
        if level == "INFO" {
            assert_eq!(logs.len(), 2, "{logs:#?}");
            let line: Value = serde_json::from_str(&logs[1]).unwrap();
            let fields = &line["fields"];
            assert_eq!(fields["request_type"], "Create");
            assert_eq!(fields["logical_resource_id"], "Truststore");
            assert_eq!(fields["physical_resource_id"], "not-created");
            assert_eq!(fields["outcome"], "FAILED");
            assert!(fields["reason"].as_str().unwrap().contains("PRIVATE KEY"));
            assert_eq!(fields["tries"], 1);
        }
        let pem = root.certificate_pem();
        let secret = |text: &str| text.lines().nth(1).unwrap().to_owned();
        for line in &logs {
            for secret in [SIGNATURE, &secret(&key), &secret(&pem)] {
                assert!(!line.contains(secret), "{level}: {line}");
            }
        }
    }
}
