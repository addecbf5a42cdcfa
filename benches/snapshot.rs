//! Snapshot octets in memory → ready for the first look-up, beside a hash set built from the numbers.

use std::collections::HashSet;
use std::hint::black_box;

use benches::{LARGE, serials, snapshot};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use revocation::Snapshot;
use testkit::pki::Ca;

fn decode(criterion: &mut Criterion) {
    let ca = Ca::root("Bench CA");
    for count in [10_000, LARGE] {
        let members = serials(count, 1);
        let octets = snapshot(&ca, &members);
        let revoked = |octets: &[u8]| {
            let snapshot = Snapshot::open(octets).ok()?;
            let crl = snapshot.issuers().next()?.crls().next()?;
            Some(crl.revoked.len())
        };
        assert_eq!(revoked(&octets), u64::try_from(count).ok());

        let mut group = criterion.benchmark_group(format!("snapshot/{count}"));
        group.sample_size(20);
        group.throughput(Throughput::Bytes(
            octets.len().try_into().unwrap_or(u64::MAX),
        ));
        group.bench_function(BenchmarkId::from_parameter("open"), |bencher| {
            bencher.iter(|| revoked(black_box(&octets)));
        });
        group.bench_function(BenchmarkId::from_parameter("build a HashSet"), |bencher| {
            bencher.iter(|| {
                black_box(&members)
                    .iter()
                    .copied()
                    .collect::<HashSet<[u8; 16]>>()
                    .len()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
