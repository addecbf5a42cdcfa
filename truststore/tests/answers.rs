//! Whatever becomes of the work, CloudFormation is answered: with work that does what real work is
//! not supposed to, and servers that do not take the answer at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how a test fails"
)]

use std::time::{Duration, Instant};

use revocation::UnixTime;
use serde_json::{Value, json};
use testkit::events;
use testkit::pki::Ca;
use testkit::response_url::{Behaviour, ResponseUrl, SIGNATURE};
use testkit::s3::S3Server;
use truststore::answer::Attributes;
use truststore::request::Location;
use truststore::{Done, Failure, Resource, Unanswered, answer};

const LONG: Duration = Duration::from_secs(60);

fn create(response_url: &str) -> Value {
    let properties = json!({"Bucket": "bucket", "Key": "key", "Certificates": []});
    events::custom_resource_create(response_url, &properties)
}

fn done() -> Result<Done, Failure> {
    let location = Location {
        bucket: "bucket".to_owned(),
        key: "key".to_owned(),
    };
    Ok(Done::Written {
        attributes: Attributes {
            location,
            version: "v1".to_owned(),
            certificates: 1,
        },
        is_new: true,
    })
}

#[tokio::test]
async fn a_panic_is_answered() {
    let server = ResponseUrl::start().await;
    let event = create(&server.url());
    let result = answer(&event, LONG, async |_, _| panic!("as the test asked for")).await;
    assert!(result.is_ok());
    let answer = server.answer();
    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(answer["PhysicalResourceId"], "not-created");
    assert_eq!(
        answer["Reason"],
        "the function panicked, which is an error in it; its log says where"
    );
}

#[tokio::test]
async fn a_panic_of_an_update_or_a_deletion_keeps_the_id() {
    let properties = json!({});
    for event in [
        |url: &str, properties: &Value| events::custom_resource_delete(url, "b/k", properties),
        |url: &str, properties: &Value| {
            events::custom_resource_update(url, "b/k", properties, properties)
        },
    ] {
        let server = ResponseUrl::start().await;
        let event = event(&server.url(), &properties);
        let result = answer(&event, LONG, async |_, _| panic!("as the test asked for")).await;
        assert!(result.is_ok());
        assert_eq!(server.answer()["PhysicalResourceId"], "b/k");
    }
}

/// CloudFormation deletes what that id names.
#[tokio::test]
async fn a_panic_after_the_write_is_answered_with_the_id_of_what_was_written() {
    let s3 = S3Server::start().await;
    s3.create_bucket("bucket");
    let resource = Resource::new(s3.client());
    let root = Ca::root("Root CA");
    let properties = json!({
        "Bucket": "bucket",
        "Key": "key",
        "Certificates": [root.certificate_pem()]
    });
    let server = ResponseUrl::start().await;
    let event = events::custom_resource_create(&server.url(), &properties);
    let now = UnixTime::from_seconds(1_780_000_000);
    let result = answer(&event, LONG, async |request, progress| {
        resource.carry_out(request, now, progress).await?;
        panic!("as the test asked for")
    })
    .await;
    assert!(result.is_ok());
    assert_eq!(server.answer()["Status"], "FAILED");
    assert_eq!(server.answer()["PhysicalResourceId"], "bucket/key");
    assert!(s3.get("bucket", "key").is_some());
}

#[tokio::test]
async fn work_that_never_ends_is_answered_before_the_deadline() {
    let server = ResponseUrl::start().await;
    let begun = Instant::now();
    let time_left = Duration::from_millis(1500);
    let result = answer(&create(&server.url()), time_left, async |_, _| {
        std::future::pending().await
    })
    .await;
    assert!(result.is_ok());
    let took = begun.elapsed();
    // The last third is for the answer.
    assert!(took >= Duration::from_millis(1000), "{took:?}");
    assert!(took < time_left, "{took:?}");
    let answer = server.answer();
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(reason.starts_with("the function's time was nearly over"));
}

#[tokio::test]
async fn even_without_any_time_there_is_one_try() {
    let server = ResponseUrl::start().await;
    let event = create(&server.url());
    let result = answer(&event, Duration::ZERO, async |_, _| {
        std::future::pending().await
    })
    .await;
    assert!(result.is_ok());
    assert_eq!(server.answer()["Status"], "FAILED");
}

#[tokio::test]
async fn an_answer_is_sent_until_it_is_accepted() {
    let server = ResponseUrl::start().await;
    server.behave([
        Behaviour::Status(503),
        Behaviour::DropConnection,
        Behaviour::Status(403),
    ]);
    let result = answer(&create(&server.url()), LONG, async |_, _| done()).await;
    assert!(result.is_ok());
    assert_eq!(server.received().len(), 4);
    assert_eq!(server.answer()["Status"], "SUCCESS");
    let bodies: Vec<_> = server.received().into_iter().map(|it| it.body).collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test]
async fn a_server_that_is_slow_is_waited_for() {
    let server = ResponseUrl::start().await;
    server.behave([Behaviour::Delay(Duration::from_secs(1))]);
    let result = answer(&create(&server.url()), LONG, async |_, _| done()).await;
    assert!(result.is_ok());
    assert_eq!(server.answer()["Status"], "SUCCESS");
}

#[tokio::test]
async fn a_server_that_hangs_is_asked_again() {
    let server = ResponseUrl::start().await;
    server.behave([Behaviour::Delay(LONG)]);
    let time_left = Duration::from_secs(6);
    let result = answer(&create(&server.url()), time_left, async |_, _| done()).await;
    assert!(result.is_ok());
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn nobody_at_the_url_is_an_error_that_does_not_show_it() {
    let url = ResponseUrl::of_nobody().await;
    let begun = Instant::now();
    let time_left = Duration::from_secs(3);
    let error = answer(&create(&url), time_left, async |_, _| done())
        .await
        .unwrap_err();
    assert!(begun.elapsed() < time_left, "{:?}", begun.elapsed());
    assert!(matches!(error, Unanswered::Respond(_)), "{error:?}");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(SIGNATURE), "{text}");
        assert!(!text.contains("127.0.0.1"), "{text}");
    }
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn without_a_url_no_work_is_done() {
    let error = answer(&json!({"RequestType": "Create"}), LONG, async |_, _| {
        panic!("there is nobody to do it for")
    })
    .await
    .unwrap_err();
    assert!(matches!(error, Unanswered::NoResponseUrl(_)), "{error:?}");
}
