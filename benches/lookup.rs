//! One look-up in a revoked set, beside a hash set and a sorted vector of the same numbers.

use std::hint::black_box;

use benches::{LARGE, revoked_set, rivals, serial_number, serials};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn lookup(criterion: &mut Criterion) {
    for count in [10_000, LARGE] {
        let members = serials(count, 1);
        let set = revoked_set(&members);
        let hashed = rivals::hash_set(&members);
        let sorted = rivals::sorted(&members);

        // Different numbers each time and all over the set, so that caches do not hold them all.
        let hits: Vec<_> = members.iter().copied().step_by(count / 10_000).collect();
        let misses = serials(10_000, 2);
        for (name, queries, expected) in [("hit", &hits, true), ("miss", &misses, false)] {
            let numbers: Vec<_> = queries.iter().map(serial_number).collect();
            assert!(
                numbers
                    .iter()
                    .all(|number| set.contains(number) == expected)
            );
            assert!(
                queries
                    .iter()
                    .all(|query| hashed.contains(query) == expected)
            );
            assert!(
                queries
                    .iter()
                    .all(|query| sorted.binary_search(query).is_ok() == expected)
            );

            let mut group = criterion.benchmark_group(format!("lookup/{name}/{count}"));
            group.throughput(Throughput::Elements(
                queries.len().try_into().unwrap_or(u64::MAX),
            ));
            group.bench_function(BenchmarkId::from_parameter("revoked set"), |bencher| {
                bencher.iter(|| {
                    numbers
                        .iter()
                        .filter(|number| set.contains(black_box(number)))
                        .count()
                });
            });
            group.bench_function(BenchmarkId::from_parameter("HashSet"), |bencher| {
                bencher.iter(|| {
                    queries
                        .iter()
                        .filter(|query| hashed.contains(black_box(*query)))
                        .count()
                });
            });
            group.bench_function(BenchmarkId::from_parameter("sorted Vec"), |bencher| {
                bencher.iter(|| {
                    queries
                        .iter()
                        .filter(|query| sorted.binary_search(black_box(query)).is_ok())
                        .count()
                });
            });
            group.finish();
        }
    }
}

criterion_group!(benches, lookup);
criterion_main!(benches);
