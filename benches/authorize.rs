//! Event octets → response octets, warm, beside the handler one would write first, and beside only
//! parsing the event.

use std::hint::black_box;

use authorizer::decision::Policy;
use authorizer::recent::RecentClients;
use benches::{event, is_permission, ours, rivals, serials, snapshot};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use revocation::Snapshot;
use testkit::pki::{Ca, KeyKind};

fn authorize(criterion: &mut Criterion) {
    let ca = Ca::root_with("Bench CA", KeyKind::Rsa2048);
    let event = event(&ca, KeyKind::Rsa2048);
    let members = serials(100_000, 1);
    let Ok(snapshot) = Snapshot::open(snapshot(&ca, &members)) else {
        panic!("the snapshot is readable");
    };
    let hash_set = rivals::hash_set(&members);
    let policy = Policy::default();
    let [recent, forgotten] = [RecentClients::default(), RecentClients::forgotten()];
    let ours = |event: &str| ours::respond(event, &recent, &snapshot, &policy);
    let first = |event: &str| ours::respond(event, &forgotten, &snapshot, &policy);
    let theirs = |event: &str| rivals::first_thought_handler(event, &hash_set);
    assert!(is_permission(ours(&event)) && is_permission(theirs(&event)));
    assert_eq!(ours(&event), first(&event));

    let mut group = criterion.benchmark_group("authorize");
    group.bench_function(
        BenchmarkId::from_parameter("event to response"),
        |bencher| {
            bencher.iter(|| ours(black_box(&event)));
        },
    );
    group.bench_function(
        BenchmarkId::from_parameter("the same, certificate not seen before"),
        |bencher| {
            bencher.iter(|| first(black_box(&event)));
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
            bencher.iter(|| rivals::value_parse(black_box(&event)));
        },
    );
    group.finish();
}

criterion_group!(benches, authorize);
criterion_main!(benches);
