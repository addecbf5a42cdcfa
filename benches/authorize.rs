//! Event octets → response octets, warm, beside the handler one would write first: the typed event
//! of aws_lambda_events, x509-parser, a hash set of serial numbers.

use std::collections::HashSet;
use std::hint::black_box;

use authorizer::decision::Policy;
use authorizer::response::Format;
use aws_lambda_events::apigw::{
    ApiGatewayV2CustomAuthorizerSimpleResponse, ApiGatewayV2CustomAuthorizerV2Request,
};
use benches::{NOW, serials, snapshot};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use revocation::Snapshot;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use testkit::events;
use testkit::pki::Ca;
use x509_parser::pem::parse_x509_pem;

fn authorize(criterion: &mut Criterion) {
    let ca = Ca::root("Bench CA");
    let event = events::http_api_v2(&ca.issue("alice").certificate_pem()).to_string();
    let members = serials(100_000, 1);
    let Ok(snapshot) = Snapshot::open(snapshot(&ca, &members)) else {
        panic!("the snapshot is readable");
    };
    let hashed: HashSet<Vec<u8>> = members.iter().map(|serial| serial.to_vec()).collect();

    let policy = Policy::default();
    let ours = |event: &str| -> Option<Vec<u8>> {
        let event: &RawValue = serde_json::from_str(event).ok()?;
        let Ok(answer) = authorizer::respond(event, &snapshot, NOW, &policy, Format::Simple);
        serde_json::to_vec(&answer.response).ok()
    };
    let theirs = |event: &str| -> Option<Vec<u8>> {
        let event: ApiGatewayV2CustomAuthorizerV2Request = serde_json::from_str(event).ok()?;
        let certificate = event.request_context.authentication?.client_cert?;
        let (_, pem) = parse_x509_pem(certificate.client_cert_pem?.as_bytes()).ok()?;
        let serial = pem.parse_x509().ok()?.raw_serial().to_vec();
        let response: ApiGatewayV2CustomAuthorizerSimpleResponse<Value> = serde_json::from_value(
            json!({"isAuthorized": !hashed.contains(&serial), "context": {}}),
        )
        .ok()?;
        serde_json::to_vec(&response).ok()
    };
    let allows = |response: Option<Vec<u8>>| {
        let response: Option<Value> =
            response.and_then(|octets| serde_json::from_slice(&octets).ok());
        response.is_some_and(|response| response["isAuthorized"] == true)
    };
    assert!(allows(ours(&event)) && allows(theirs(&event)));

    let mut group = criterion.benchmark_group("authorize");
    group.bench_function(
        BenchmarkId::from_parameter("event to response"),
        |bencher| {
            bencher.iter(|| ours(black_box(&event)));
        },
    );
    group.bench_function(
        BenchmarkId::from_parameter("first-thought handler"),
        |bencher| {
            bencher.iter(|| theirs(black_box(&event)));
        },
    );
    group.bench_function(
        BenchmarkId::from_parameter("serde_json::Value parse"),
        |bencher| {
            bencher.iter(|| serde_json::from_str::<Value>(black_box(&event)).is_ok());
        },
    );
    group.finish();
}

criterion_group!(benches, authorize);
criterion_main!(benches);
