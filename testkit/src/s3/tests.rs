//! The server through the real SDK client, because that is who the Lambdas are.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::ResponseChecksumValidation;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::{Fault, Operation, S3Server};

#[tokio::test]
async fn get_if_none_match_of_the_current_etag_is_304() {
    let (server, client) = server_with_bucket().await;
    let etag = server.put("bucket", "key", "one");
    let get = |etag: &str| {
        client
            .get_object()
            .bucket("bucket")
            .key("key")
            .if_none_match(etag)
    };

    let refusal = get(&etag).send().await.unwrap_err();
    let response = refusal.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 304);
    assert_eq!(response.headers().get("etag"), Some(etag.as_str()));
    assert_eq!(status(&get("*").send().await), Some(304));

    let newer = server.put("bucket", "key", "two");
    assert_ne!(newer, etag);
    let answer = get(&etag).send().await.unwrap();
    assert_eq!(answer.e_tag(), Some(newer.as_str()));
    assert_eq!(answer.body.collect().await.unwrap().to_vec(), b"two");
}

#[tokio::test]
async fn over_https_it_is_the_same_s3() {
    let server = S3Server::start_https().await;
    server.create_bucket("bucket");
    let client = server.client();
    let put = client.put_object().bucket("bucket").key("key");
    put.body(ByteStream::from_static(b"one"))
        .send()
        .await
        .unwrap();
    assert_eq!(server.get("bucket", "key"), Some(b"one".to_vec()));
    let answer = client.get_object().bucket("bucket").key("key");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.body.collect().await.unwrap().to_vec(), b"one");
    assert!(server.endpoint().starts_with("https://"));
}

#[tokio::test]
async fn a_stalled_body_goes_on_after_its_pause() {
    let (server, client) = server_with_bucket().await;
    server.put("bucket", "key", "first second");
    let pause = std::time::Duration::from_millis(200);
    server.fail_next(Operation::GetObject, "key", Fault::StallBody(6, pause), 1);
    let answer = client.get_object().bucket("bucket").key("key");
    let mut body = answer.send().await.unwrap().body;
    assert_eq!(body.next().await.unwrap().unwrap().as_ref(), b"first ");
    let paused = std::time::Instant::now();
    assert_eq!(body.next().await.unwrap().unwrap().as_ref(), b"second");
    assert!(paused.elapsed() >= pause / 2);
}

#[tokio::test]
async fn get_and_head_obey_their_conditions() {
    let (server, client) = server_with_bucket().await;
    let etag = server.put("bucket", "key", "one");
    let other = "\"00000000000000000000000000000000\"";
    let get = || client.get_object().bucket("bucket").key("key");
    let head = || client.head_object().bucket("bucket").key("key");

    assert!(get().if_match(&etag).send().await.is_ok());
    assert_eq!(status(&get().if_match(other).send().await), Some(412));
    assert!(get().if_none_match(other).send().await.is_ok());
    assert_eq!(status(&head().if_none_match(&etag).send().await), Some(304));
    assert_eq!(status(&head().if_match(other).send().await), Some(412));
    assert_eq!(
        head()
            .if_match(&etag)
            .send()
            .await
            .unwrap()
            .content_length(),
        Some(3)
    );

    let modified = *head().send().await.unwrap().last_modified().unwrap();
    assert_eq!(
        status(&get().if_modified_since(modified).send().await),
        Some(304)
    );
    assert!(get().if_unmodified_since(modified).send().await.is_ok());
}

#[tokio::test]
async fn missing_objects_and_buckets_are_told_apart() {
    let (_server, client) = server_with_bucket().await;
    let missing_key = client
        .get_object()
        .bucket("bucket")
        .key("key")
        .send()
        .await
        .unwrap_err();
    assert_eq!(missing_key.code(), Some("NoSuchKey"));
    let missing_bucket = client
        .get_object()
        .bucket("other")
        .key("key")
        .send()
        .await
        .unwrap_err();
    assert_eq!(missing_bucket.code(), Some("NoSuchBucket"));
}

#[tokio::test]
async fn a_conditional_put_compares_and_swaps() {
    let (server, client) = server_with_bucket().await;
    let put = || {
        client
            .put_object()
            .bucket("bucket")
            .key("key")
            .body(bytes("x"))
    };

    assert_eq!(status(&put().if_match("\"0123\"").send().await), Some(404));
    let first = put()
        .if_none_match("*")
        .send()
        .await
        .unwrap()
        .e_tag
        .unwrap();
    let refused = put().if_none_match("*").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("PreconditionFailed"));

    let swapped = put()
        .body(bytes("y"))
        .if_match(&first)
        .send()
        .await
        .unwrap()
        .e_tag
        .unwrap();
    assert_eq!(
        status(&put().body(bytes("z")).if_match(&first).send().await),
        Some(412)
    );
    assert_eq!(server.etag("bucket", "key"), Some(swapped));
    assert_eq!(server.get("bucket", "key"), Some(b"y".to_vec()));

    server.remove("bucket", "key");
    assert!(put().if_none_match("*").send().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_concurrent_creations_one_wins() {
    let (server, client) = server_with_bucket().await;
    let puts = (0..32).map(|i| {
        let put = client
            .put_object()
            .bucket("bucket")
            .key("key")
            .if_none_match("*");
        tokio::spawn(put.body(bytes(&format!("writer {i}"))).send())
    });
    let mut statuses = Vec::new();
    for put in futures::future::join_all(puts).await {
        statuses.push(status(&put.unwrap()));
    }
    assert_eq!(statuses.iter().filter(|status| status.is_none()).count(), 1);
    assert_eq!(
        statuses
            .iter()
            .filter(|status| **status == Some(412))
            .count(),
        31
    );
    assert_eq!(server.versions("bucket", "key").len(), 1);
}

#[tokio::test]
async fn versions_are_kept_and_can_be_read() {
    let (server, client) = server_with_bucket().await;
    let mut ids = Vec::new();
    for text in ["one", "two"] {
        let put = client
            .put_object()
            .bucket("bucket")
            .key("key")
            .body(bytes(text))
            .send()
            .await;
        ids.push(put.unwrap().version_id.unwrap());
    }
    let deleted = client
        .delete_object()
        .bucket("bucket")
        .key("key")
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.delete_marker(), Some(true));

    let get = |id: &str| {
        client
            .get_object()
            .bucket("bucket")
            .key("key")
            .version_id(id)
    };
    let old = get(&ids[0]).send().await.unwrap();
    assert_eq!(old.body.collect().await.unwrap().to_vec(), b"one");
    assert_eq!(status(&get("unknown").send().await), Some(404));
    assert_eq!(
        status(&get(deleted.version_id().unwrap()).send().await),
        Some(405)
    );
    assert_eq!(server.get("bucket", "key"), None);
    assert_eq!(
        server.versions("bucket", "key"),
        [Some(b"one".to_vec()), Some(b"two".to_vec()), None]
    );
}

#[tokio::test]
async fn listings_come_in_pages_of_1000_sorted_and_without_deleted_keys() {
    let (server, client) = server_with_bucket().await;
    for i in 0..2_345 {
        server.put("bucket", &format!("crl/{i:05}.crl"), "x");
    }
    server.put("bucket", "other/key", "x");
    server.remove("bucket", "crl/00007.crl");

    let (mut keys, mut pages, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let list = client.list_objects_v2().bucket("bucket").prefix("crl/");
        let page = list.set_continuation_token(token).send().await.unwrap();
        pages.push(page.contents().len());
        keys.extend(
            page.contents()
                .iter()
                .map(|object| object.key().unwrap().to_owned()),
        );
        token = page.next_continuation_token().map(str::to_owned);
        assert_eq!(page.is_truncated(), Some(token.is_some()));
        if token.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..2_345)
        .filter(|i| *i != 7)
        .map(|i| format!("crl/{i:05}.crl"))
        .collect();
    assert_eq!(keys, expected);
    assert_eq!(pages, [1000, 1000, 344]);
}

#[tokio::test]
async fn a_delimiter_rolls_keys_up_across_pages() {
    let (server, client) = server_with_bucket().await;
    for key in ["a/1", "a/2", "b", "c/1", "c/2/3", "d/1"] {
        server.put("bucket", key, "x");
    }
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let list = client
            .list_objects_v2()
            .bucket("bucket")
            .delimiter("/")
            .max_keys(1);
        let page = list.set_continuation_token(token).send().await.unwrap();
        found.extend(
            page.contents()
                .iter()
                .map(|object| object.key().unwrap().to_owned()),
        );
        let prefixes = page.common_prefixes().iter();
        found.extend(prefixes.map(|prefix| prefix.prefix().unwrap().to_owned()));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, ["a/", "b", "c/", "d/"]);
}

#[tokio::test]
async fn ranges_are_served_and_refused() {
    let (server, client) = server_with_bucket().await;
    server.put("bucket", "key", "0123456789");
    let get = |range: &str| client.get_object().bucket("bucket").key("key").range(range);
    let part = get("bytes=2-4").send().await.unwrap();
    assert_eq!(part.content_range(), Some("bytes 2-4/10"));
    assert_eq!(part.body.collect().await.unwrap().to_vec(), b"234");
    let tail = get("bytes=-3").send().await.unwrap();
    assert_eq!(tail.body.collect().await.unwrap().to_vec(), b"789");
    assert_eq!(status(&get("bytes=10-").send().await), Some(416));
}

#[tokio::test]
async fn checksums_are_verified_kept_and_returned() {
    let (server, client) = server_with_bucket().await;
    let put = || {
        client
            .put_object()
            .bucket("bucket")
            .key("key")
            .body(bytes("123456789"))
    };
    // The check value of CRC-32/ISO-HDLC, CBF43926 for "123456789", in Base64.
    assert_eq!(
        put().send().await.unwrap().checksum_crc32(),
        Some("y/Q5Jg==")
    );
    let get = client.get_object().bucket("bucket").key("key");
    let get = get
        .checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert_eq!(get.checksum_crc32(), Some("y/Q5Jg=="));
    assert_eq!(get.body.collect().await.unwrap().to_vec(), b"123456789");

    let refused = put().checksum_crc32("AAAAAA==").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("BadDigest"));
    assert_eq!(server.versions("bucket", "key").len(), 1);
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let (server, _) = server_with_bucket().await;
    server.put("bucket", "key", "x");
    let stranger = server.client_with_secret("not the secret");
    let refused = stranger
        .get_object()
        .bucket("bucket")
        .key("key")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some("SignatureDoesNotMatch"));
    assert_eq!(refused.raw_response().unwrap().status().as_u16(), 403);
}

#[tokio::test]
async fn faults_hit_the_requests_they_are_meant_for() {
    let (server, client) = server_with_bucket().await;
    server.put("bucket", "a.crl", "0123456789");
    server.put("bucket", "b.crl", "other");
    let get = |key: &str| client.get_object().bucket("bucket").key(key);

    server.fail_next(
        Operation::GetObject,
        "a.crl",
        Fault::Status(403, "AccessDenied"),
        1,
    );
    assert!(get("b.crl").send().await.is_ok());
    let denied = get("a.crl").send().await.unwrap_err();
    assert_eq!(denied.code(), Some("AccessDenied"));
    assert!(get("a.crl").send().await.is_ok());

    // The SDK makes three attempts.
    server.fail_next(Operation::GetObject, "", Fault::Status(503, "SlowDown"), 2);
    assert!(get("a.crl").send().await.is_ok());
    server.fail_next(Operation::GetObject, "", Fault::DropConnection, 3);
    assert!(matches!(
        get("a.crl").send().await,
        Err(SdkError::DispatchFailure(_))
    ));

    server.fail_next(Operation::GetObject, "a.crl", Fault::TruncateBody(4), 1);
    let truncated = get("a.crl").send().await.unwrap();
    assert_eq!(truncated.content_length(), Some(10));
    assert!(truncated.body.collect().await.is_err());

    server.fail_next(Operation::PutObject, "c.crl", Fault::LoseResponse, 1);
    let put = client
        .put_object()
        .bucket("bucket")
        .key("c.crl")
        .body(bytes("x"));
    assert_eq!(
        status(&put.if_none_match("*").send().await),
        Some(412),
        "the retry meets itself"
    );
    assert_eq!(server.get("bucket", "c.crl"), Some(b"x".to_vec()));
}

#[tokio::test]
async fn a_reset_connection_ends_without_an_orderly_close() {
    for server in [S3Server::start().await, S3Server::start_https().await] {
        server.create_bucket("bucket");
        server.put("bucket", "key", "one");
        let client = server.client();
        let get = || client.get_object().bucket("bucket").key("key").send();
        server.fail_next(Operation::GetObject, "key", Fault::ResetConnection, 3);
        let error = get().await.unwrap_err();
        let shown = DisplayErrorContext(&error).to_string();
        assert!(shown.contains("Connection reset by peer"), "{shown}");
        assert!(get().await.is_ok());
    }
}

#[tokio::test]
async fn a_corrupt_body_does_not_have_the_checksum_in_its_headers() {
    let (server, client) = server_with_bucket().await;
    let etag = server.put("bucket", "key", "0123456789");
    for index in [3, 13] {
        server.fail_next(Operation::GetObject, "key", Fault::CorruptBody(index), 2);
        let get = || client.get_object().bucket("bucket").key("key");
        let unchecked = client
            .config()
            .to_builder()
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let answer = Client::from_conf(unchecked.build())
            .get_object()
            .bucket("bucket")
            .key("key")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.e_tag(), Some(etag.as_str()));
        let body = answer.body.collect().await.unwrap();
        assert_eq!(body.to_vec(), b"0122456789");

        let error = get().send().await.unwrap().body.collect().await;
        let error = DisplayErrorContext(error.unwrap_err()).to_string();
        assert!(error.contains("checksum"), "{error}");
        assert!(get().send().await.unwrap().body.collect().await.is_ok());
    }
}

#[tokio::test]
async fn what_was_there_before_can_be_served() {
    let (server, client) = server_with_bucket().await;
    let get = || client.get_object().bucket("bucket").key("key");
    let earlier = |operation, key| server.fail_next(operation, key, Fault::ServeEarlier, 1);
    let one = server.put("bucket", "key", "one");
    earlier(Operation::GetObject, "key");
    let none = get().send().await.unwrap_err();
    assert_eq!(none.code(), Some("NoSuchKey"));

    let two = server.put("bucket", "key", "two");
    earlier(Operation::GetObject, "key");
    let answer = get().if_none_match(&two).send().await.unwrap();
    assert_eq!(answer.e_tag(), Some(one.as_str()));
    assert_eq!(answer.body.collect().await.unwrap().to_vec(), b"one");
    earlier(Operation::GetObject, "key");
    assert_eq!(status(&get().if_none_match(&one).send().await), Some(304));

    server.put("bucket", "newer", "three");
    let list = async || {
        let list = client.list_objects_v2().bucket("bucket");
        let contents = list.send().await.unwrap().contents.unwrap_or_default();
        let keys = contents.into_iter().filter_map(|object| object.key);
        keys.collect::<Vec<_>>()
    };
    earlier(Operation::ListObjectsV2, "");
    assert_eq!(list().await, ["key"]);
    assert_eq!(list().await, ["key", "newer"]);
}

#[tokio::test]
async fn a_request_can_be_left_hanging_by_its_number() {
    let (server, client) = server_with_bucket().await;
    let put = |key: &str| {
        let put = client.put_object().bucket("bucket").key(key);
        put.body(bytes("x")).send()
    };
    server.fail_after(1, Fault::Hang);
    server.fail_after(2, Fault::HangAfterwards);
    assert!(put("a").await.is_ok());
    for (key, count, is_stored) in [("b", 1, false), ("c", 2, true)] {
        tokio::select! {
            answer = put(key) => panic!("{answer:?}"),
            () = server.hung(count) => {}
        }
        assert_eq!(server.get("bucket", key).is_some(), is_stored, "{key}");
    }
    assert!(put("d").await.is_ok());
}

#[tokio::test]
async fn requests_are_logged_with_conditions_and_status() {
    let (server, client) = server_with_bucket().await;
    let etag = server.put("bucket", "a key+1", "x");
    let get = client
        .get_object()
        .bucket("bucket")
        .key("a key+1")
        .if_none_match(&etag);
    assert_eq!(status(&get.send().await), Some(304));
    client
        .list_objects_v2()
        .bucket("bucket")
        .prefix("crl/")
        .send()
        .await
        .unwrap();

    let log = server.requests();
    assert_eq!(log.len(), 2);
    assert_eq!(log[0].operation, Operation::GetObject);
    assert_eq!(
        (log[0].bucket.as_str(), log[0].key.as_str()),
        ("bucket", "a key+1")
    );
    assert_eq!(
        (log[0].status, log[0].if_none_match.as_ref()),
        (Some(304), Some(&etag))
    );
    assert_eq!(
        (log[1].operation, log[1].status),
        (Operation::ListObjectsV2, Some(200))
    );
}

#[tokio::test]
async fn a_stopped_server_refuses_and_resumes_on_the_same_port_with_its_objects() {
    let (server, client) = server_with_bucket().await;
    server.put("bucket", "key", "x");
    let get = || client.get_object().bucket("bucket").key("key");
    assert!(get().send().await.is_ok());
    let endpoint = server.endpoint();

    server.stop().await;
    assert!(matches!(
        get().send().await,
        Err(SdkError::DispatchFailure(_))
    ));
    server.resume().await;
    assert_eq!(server.endpoint(), endpoint);
    assert!(get().send().await.is_ok());
}

#[tokio::test]
async fn on_put_hears_of_stored_objects_only() {
    let (server, client) = server_with_bucket().await;
    let (sender, receiver) = std::sync::mpsc::channel();
    server.on_put(move |bucket, key, etag| {
        sender
            .send((bucket.to_owned(), key.to_owned(), etag.to_owned()))
            .unwrap();
    });
    let etag = server.put("bucket", "crl/a.crl", "x");
    let put = client
        .put_object()
        .bucket("bucket")
        .key("crl/a.crl")
        .body(bytes("y"));
    assert_eq!(status(&put.if_none_match("*").send().await), Some(412));

    let expected = (
        "bucket".to_owned(),
        "crl/a.crl".to_owned(),
        etag.replace('"', ""),
    );
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn versions_are_listed_newest_first_with_their_delete_markers() {
    let (server, client) = server_with_bucket().await;
    for content in ["one", "two"] {
        server.put("bucket", "key", content);
    }
    server.remove("bucket", "key");
    server.put("bucket", "key.old", "three");
    server.put("bucket", "other", "four");
    let list = || client.list_object_versions().bucket("bucket").prefix("key");

    let all = list().send().await.unwrap();
    let versions: Vec<_> = all
        .versions()
        .iter()
        .map(|version| (version.key().unwrap(), version.size(), version.is_latest()))
        .collect();
    let expected = [
        ("key", Some(3), Some(false)),
        ("key", Some(3), Some(false)),
        ("key.old", Some(5), Some(true)),
    ];
    assert_eq!(versions, expected);
    assert_eq!(all.delete_markers().len(), 1);
    assert_eq!(all.delete_markers()[0].is_latest(), Some(true));
    assert_eq!(all.is_truncated(), Some(false));
    let newest = all.versions()[0].version_id().unwrap();
    let newest = client
        .get_object()
        .bucket("bucket")
        .key("key")
        .version_id(newest);
    let newest = newest.send().await.unwrap().body.collect().await.unwrap();
    assert_eq!(newest.to_vec(), b"two");

    // Page by page it is the same list, also where what the marker names is gone meanwhile.
    let mut ids = Vec::new();
    let (mut key_marker, mut version_id_marker) = (None, None);
    loop {
        let page = list()
            .max_keys(1)
            .set_key_marker(key_marker)
            .set_version_id_marker(version_id_marker)
            .send()
            .await
            .unwrap();
        let versions = page.versions().iter().map(|version| version.version_id());
        let markers = page
            .delete_markers()
            .iter()
            .map(|marker| marker.version_id());
        ids.extend(versions.chain(markers).map(|id| id.unwrap().to_owned()));
        if page.is_truncated() != Some(true) {
            break;
        }
        (key_marker, version_id_marker) = (page.next_key_marker, page.next_version_id_marker);
        let gone = client
            .delete_object()
            .bucket("bucket")
            .key(key_marker.as_deref().unwrap());
        gone.version_id(version_id_marker.as_deref().unwrap())
            .send()
            .await
            .unwrap();
    }
    assert_eq!(ids.len(), 4);
    assert_eq!(server.versions("bucket", "key"), []);
    let missing = client.list_object_versions().bucket("none").send().await;
    assert_eq!(missing.unwrap_err().code(), Some("NoSuchBucket"));
}

#[tokio::test]
async fn many_objects_are_deleted_at_once_each_with_an_outcome_of_its_own() {
    let (server, client) = server_with_bucket().await;
    server.put("bucket", "free", "one");
    server.put("bucket", "held", "two");
    server.hold("bucket", "held");
    server.put("bucket", "marked", "three");
    let listed = client.list_object_versions().bucket("bucket");
    let listed = listed.send().await.unwrap();
    let id_of = |key: &str| {
        let mut versions = listed.versions().iter();
        let version = versions.find(|version| version.key() == Some(key));
        version.and_then(|version| version.version_id().map(str::to_owned))
    };
    let object = |key: &str, id: Option<String>| {
        let object = ObjectIdentifier::builder().key(key).set_version_id(id);
        object.build().unwrap()
    };
    let delete = |objects: Vec<ObjectIdentifier>, quiet| {
        let delete = Delete::builder().set_objects(Some(objects)).quiet(quiet);
        client
            .delete_objects()
            .bucket("bucket")
            .delete(delete.build().unwrap())
            .send()
    };

    let objects = vec![
        object("free", id_of("free")),
        object("held", id_of("held")),
        object("marked", None),
        object("never-there", Some("version0000000000000000".to_owned())),
    ];
    let answer = delete(objects.clone(), false).await.unwrap();
    let deleted = answer
        .deleted()
        .iter()
        .map(|object| (object.key().unwrap(), object.delete_marker()));
    let expected = [
        ("free", None),
        ("marked", Some(true)),
        ("never-there", None),
    ];
    assert_eq!(deleted.collect::<Vec<_>>(), expected);
    let [error] = answer.errors() else {
        panic!("{:?}", answer.errors())
    };
    assert_eq!(
        (error.key(), error.code()),
        (Some("held"), Some("AccessDenied"))
    );
    assert_eq!(error.version_id(), id_of("held").as_deref());

    assert_eq!(server.versions("bucket", "free"), []);
    assert_eq!(server.get("bucket", "held"), Some(b"two".to_vec()));
    let marked = vec![Some(b"three".to_vec()), None];
    assert_eq!(server.versions("bucket", "marked"), marked);

    let quiet = delete(objects, true).await.unwrap();
    assert_eq!((quiet.deleted().len(), quiet.errors().len()), (0, 1));
    let too_many = vec![object("key", None); 1001];
    assert_eq!(status(&delete(too_many, true).await), Some(400));
    let log = server.requests();
    assert_eq!(log[0].operation, Operation::ListObjectVersions);
    assert_eq!(log[1].operation, Operation::DeleteObjects);
}

#[tokio::test]
async fn without_versioning_there_is_one_version_and_it_has_no_id() {
    let server = S3Server::start().await;
    server.create_unversioned_bucket("bucket");
    let client = server.client();
    let put = |text| {
        client
            .put_object()
            .bucket("bucket")
            .key("key")
            .body(bytes(text))
    };
    assert_eq!(put("one").send().await.unwrap().version_id(), None);
    put("two").send().await.unwrap();
    assert_eq!(server.versions("bucket", "key"), [Some(b"two".to_vec())]);
    let read = client.get_object().bucket("bucket").key("key");
    assert_eq!(read.send().await.unwrap().version_id(), None);
    let listed = client.list_object_versions().bucket("bucket");
    let listed = listed.send().await.unwrap();
    assert_eq!(listed.versions()[0].version_id(), Some("null"));
    let delete = client.delete_object().bucket("bucket").key("key");
    let deleted = delete.send().await.unwrap();
    assert_eq!(
        (deleted.delete_marker(), deleted.version_id()),
        (None, None)
    );
    assert_eq!(server.versions("bucket", "key"), []);

    server.put("bucket", "key", "three");
    let delete = client.delete_object().bucket("bucket").key("key");
    delete.version_id("null").send().await.unwrap();
    assert_eq!(server.get("bucket", "key"), None);
}

async fn server_with_bucket() -> (S3Server, Client) {
    let server = S3Server::start().await;
    server.create_bucket("bucket");
    let client = server.client();
    (server, client)
}

fn bytes(text: &str) -> ByteStream {
    ByteStream::from(text.as_bytes().to_vec())
}

/// The HTTP status of a refusal; `None` for a success or a failed connection.
fn status<T, E>(result: &Result<T, SdkError<E>>) -> Option<u16> {
    Some(result.as_ref().err()?.raw_response()?.status().as_u16())
}
