//! Snapshot octets in memory → the first look-up answered, beside a hash set built from the numbers.

use std::hint::black_box;

use benches::{LARGE, ours, rivals, serial_number, serials, snapshot};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use testkit::pki::Ca;

fn ready(criterion: &mut Criterion) {
    let ca = Ca::root("Bench CA");
    for count in [10_000, LARGE] {
        let members = serials(count, 1);
        let octets = snapshot(&ca, &members);
        let wanted = members[count / 2];
        let number = serial_number(&wanted);
        assert_eq!(ours::first_lookup(&octets, &number), Some(true));

        let mut group = criterion.benchmark_group(format!("snapshot/{count}"));
        group.sample_size(20);
        group.throughput(Throughput::Bytes(
            octets.len().try_into().unwrap_or(u64::MAX),
        ));
        group.bench_function(BenchmarkId::from_parameter("first look-up"), |bencher| {
            bencher.iter(|| ours::first_lookup(black_box(&octets), &number));
        });
        group.bench_function(BenchmarkId::from_parameter("build a HashSet"), |bencher| {
            bencher.iter(|| rivals::hash_set(black_box(&members)).contains(&wanted));
        });
        group.finish();
    }
}

criterion_group!(benches, ready);
criterion_main!(benches);
