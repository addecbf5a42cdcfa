//! A large snapshot, whose second part arrives after the Init phase: no answer is ever wrong, whatever
//! becomes of the second part.

use std::time::Duration;

use revocation::{
    Certificate, Contents, CrlNumber, CrlRecord, FirstPart, Issuer, IssuerRecord, Lengths,
    ObjectRef, RevokedSet, Scope, SerialNumber, StatusSource, UnixTime,
};
use system_tests::{Deployment, SNAPSHOT_BUCKET, SNAPSHOT_KEY, client, decide};
use testkit::events;
use testkit::lambda::Function;
use testkit::pki::{Ca, Leaf};
use testkit::s3::{Fault, Operation, Request};

const GET: Operation = Operation::GetObject;

#[tokio::test]
async fn answers_are_right_while_the_second_part_is_on_its_way() {
    let large = Large::start().await;
    let pause = Duration::from_millis(2500);
    let fault = Fault::StallBody(large.first_length + 1000, pause);
    large.deployment.s3.fail_next(GET, SNAPSHOT_KEY, fault, 1);
    let authorizer = large.authorizer().await;

    // Only the second part can tell that alice is listed, so her request waits for it.
    let early = elapsed(&authorizer, &large.bob, "allow not-revoked").await;
    let late = elapsed(&authorizer, &large.alice, "deny revoked").await;
    assert!(early < late, "{early:?} {late:?}");
    assert_eq!(large.requests().len(), 1);
    let early = elapsed(&authorizer, &large.alice, "deny revoked").await;
    assert!(early < late, "{early:?} {late:?}");
    assert_eq!(decide(&authorizer, &large.bob).await, "allow not-revoked");
}

#[tokio::test]
async fn a_connection_that_is_cut_is_taken_up_where_it_was() {
    let large = Large::start().await;
    let received = large.first_length + 100_000;
    let cut = Fault::TruncateBody(received);
    large.deployment.s3.fail_next(GET, SNAPSHOT_KEY, cut, 1);
    let authorizer = large.authorizer().await;
    assert_eq!(decide(&authorizer, &large.bob).await, "allow not-revoked");
    assert_eq!(decide(&authorizer, &large.alice).await, "deny revoked");

    let requests = large.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].status, Some(206));
    assert_eq!(requests[1].if_match.as_deref(), Some(large.etag.as_str()));
    let offset = requests[1].range.as_deref().and_then(|range| {
        let offset = range.strip_prefix("bytes=")?.strip_suffix('-')?;
        offset.parse().ok()
    });
    let taken_up = large.first_length..=received;
    assert!(
        offset.is_some_and(|offset| taken_up.contains(&offset)),
        "{requests:?}"
    );
}

#[tokio::test]
async fn without_s3_the_first_part_goes_on_and_the_second_is_asked_for_again() {
    let large = Large::start().await;
    let (s3, pause) = (&large.deployment.s3, Duration::from_secs(60));
    let fault = Fault::StallBody(large.first_length + 1000, pause);
    s3.fail_next(GET, SNAPSHOT_KEY, fault, 1);
    let authorizer = large.authorizer().await;
    s3.stop().await;
    assert_eq!(decide(&authorizer, &large.bob).await, "allow not-revoked");
    let error = failure(&authorizer, &large.alice).await;
    assert!(error.contains("the snapshot cannot be read"), "{error}");
    assert_eq!(decide(&authorizer, &large.bob).await, "allow not-revoked");

    s3.resume().await;
    assert_eq!(decide(&authorizer, &large.alice).await, "deny revoked");
    assert_eq!(decide(&authorizer, &large.bob).await, "allow not-revoked");
}

#[tokio::test]
async fn an_object_that_was_replaced_is_read_anew() {
    let large = Large::start().await;
    let s3 = &large.deployment.s3;
    let cut = Fault::TruncateBody(large.first_length + 1000);
    s3.fail_next(GET, SNAPSHOT_KEY, cut, 1);
    // Three attempts of the SDK's: nothing more arrives beside the requests.
    let slow_down = Fault::Status(503, "SlowDown");
    s3.fail_next(GET, SNAPSHOT_KEY, slow_down, 3);
    let authorizer = large.authorizer().await;
    assert_eq!(decide(&authorizer, &large.bob).await, "allow not-revoked");
    let given_up = async {
        while large.requests().len() < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let given_up = tokio::time::timeout(Duration::from_secs(20), given_up).await;
    given_up.expect("the second part is asked for beside the requests");

    // Bob instead of alice.
    large.put(&snapshot(&large.ca, &large.bob, 2));
    assert_eq!(decide(&authorizer, &large.alice).await, "allow not-revoked");
    assert_eq!(decide(&authorizer, &large.bob).await, "deny revoked");
    let statuses: Vec<_> = large
        .requests()
        .iter()
        .map(|request| request.status)
        .collect();
    let refused = statuses.iter().position(|status| *status == Some(412));
    let refused = refused.unwrap_or_else(|| panic!("{statuses:?}"));
    assert_eq!(statuses[refused + 1..], [Some(200)], "{statuses:?}");
}

#[tokio::test]
async fn a_damaged_second_part_is_never_used() {
    let large = Large::start().await;
    let good = snapshot(&large.ca, &large.alice, 1);
    let mut damaged = good.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    large.put(&damaged);
    let authorizer = large.authorizer().await;
    for _ in 0..3 {
        assert_eq!(decide(&authorizer, &large.bob).await, "allow not-revoked");
        let error = failure(&authorizer, &large.alice).await;
        assert!(error.contains("the checksum is"), "{error}");
    }
    large.put(&good);
    assert_eq!(decide(&authorizer, &large.alice).await, "deny revoked");
    assert_eq!(decide(&authorizer, &large.bob).await, "allow not-revoked");
}

/// A snapshot whose second part is not waited for. It lists alice; that bob is not listed, its first
/// part can tell.
struct Large {
    deployment: Deployment,
    ca: Ca,
    alice: Leaf,
    bob: Leaf,
    first_length: usize,
    etag: String,
}

impl Large {
    async fn start() -> Self {
        let ca = Ca::root("Issuing CA");
        let deployment = Deployment::start_https(&[&ca]).await;
        // Of one in 200 numbers the first part can tell that it is listed.
        let (alice, octets) = loop {
            let alice = client(&ca, "alice");
            let octets = snapshot(&ca, &alice, 1);
            if !is_answered(&octets, &ca, &alice) {
                break (alice, octets);
            }
        };
        let lengths = Lengths::read(&octets).unwrap();
        assert!(lengths.whole - lengths.first > 1 << 20, "{lengths:?}");
        // So that he is told apart from alice by the second snapshot's first part, too.
        let bob = loop {
            let bob = client(&ca, "bob");
            if is_answered(&octets, &ca, &bob) {
                break bob;
            }
        };
        let etag = deployment.s3.put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, octets);
        Self {
            deployment,
            ca,
            alice,
            bob,
            first_length: lengths.first,
            etag,
        }
    }

    /// With the usual ages: nothing is revalidated in a test's time.
    async fn authorizer(&self) -> Function {
        let authorizer = self.deployment.authorizer_with(&[]).await;
        assert_eq!(authorizer.init_error().await, None);
        authorizer
    }

    fn put(&self, octets: &[u8]) {
        let s3 = &self.deployment.s3;
        s3.put(SNAPSHOT_BUCKET, SNAPSHOT_KEY, octets);
    }

    fn requests(&self) -> Vec<Request> {
        let requests = self.deployment.s3.requests();
        let of_snapshot = requests
            .into_iter()
            .filter(|request| request.key == SNAPSHOT_KEY);
        of_snapshot.collect()
    }
}

/// A snapshot with the CA's complete CRL, which lists this client and many others.
fn snapshot(ca: &Ca, listed: &Leaf, number: u8) -> Vec<u8> {
    let others = (1..=OTHERS).map(|index| {
        let magnitude = (index.wrapping_mul(SPREAD) >> 1 | 1 << 126).to_be_bytes();
        SerialNumber::from_der_integer(&magnitude).unwrap()
    });
    let listed = SerialNumber::from_der_integer(&listed.serial()).unwrap();
    let crl = CrlRecord {
        scope: Scope::complete(),
        number: CrlNumber::from_der_integer(&[number]).unwrap(),
        this_update: UnixTime::from_seconds(0),
        next_update: UnixTime::from_seconds(1 << 40),
        source: ObjectRef::default(),
        digest: [0; 32],
        revoked: RevokedSet::from_serials(others.chain([listed]).collect()).unwrap(),
    };
    let issuer = Issuer {
        name: ca.name_der().to_vec(),
        key_id: ca.key_id().to_vec(),
    };
    let contents = Contents {
        built_at: UnixTime::from_seconds(1),
        builder: "system tests".to_owned(),
        truststore: ObjectRef::default(),
        blocked_keys: Vec::new(),
        issuers: vec![IssuerRecord {
            crls: vec![crl],
            ..IssuerRecord::new(issuer)
        }],
    };
    contents.encode().unwrap()
}

fn is_answered(octets: &[u8], ca: &Ca, client: &Leaf) -> bool {
    let first = FirstPart::open(octets).unwrap();
    let client = authorizer::client_cert::ClientCert::from_der(client.certificate_der()).unwrap();
    let certificate: Certificate<'_> = client.as_certificate();
    assert_eq!(certificate.issuer, ca.name_der());
    first
        .status(&certificate, UnixTime::from_seconds(2), 0)
        .is_ok()
}

async fn elapsed(authorizer: &Function, client: &Leaf, expected: &str) -> Duration {
    let event = events::http_api_v2(&client.certificate_pem());
    let invocation = authorizer.invoke(event).await;
    let answer = invocation.result.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(system_tests::decision(&answer), expected);
    invocation.elapsed
}

async fn failure(authorizer: &Function, client: &Leaf) -> String {
    let event = events::http_api_v2(&client.certificate_pem());
    let error = authorizer.invoke(event).await.result.unwrap_err();
    assert_eq!(error.error_type, "NoSnapshot");
    error.message
}

/// Enough for a second part of more than a megabyte.
const OTHERS: u128 = 120_000;
/// Odd, so that no two multiples are the same; see Knuth, TAOCP 6.4, on multiplicative hashing.
const SPREAD: u128 = 0xda94_2042_e4dd_58b5_d1b5_4a32_d192_ed03;
