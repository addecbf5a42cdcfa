//! A CRL's octets → verified, sorted, packed, beside x509-parser, which only parses, and beside
//! SHA-256 of the same octets, without which nothing is verified.

use std::hint::black_box;

use benches::{LARGE, crl, ours, rivals, serials};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crl_fetcher::truststore::Truststore;
use testkit::pki::Ca;

fn ingest(criterion: &mut Criterion) {
    let ca = Ca::root("Bench CA");
    let Ok(truststore) = Truststore::read(ca.certificate_der()) else {
        panic!("the CA certificate is readable");
    };
    for count in [10_000, LARGE] {
        let der = crl(&ca, &serials(count, 1));
        let expected = u64::try_from(count).ok();
        assert_eq!(ours::ingest(&der, &truststore), expected);
        assert_eq!(rivals::x509_parser(&der), expected);

        let mut group = criterion.benchmark_group(format!("ingest/{count}"));
        group.sample_size(10);
        group.throughput(Throughput::Bytes(der.len().try_into().unwrap_or(u64::MAX)));
        group.bench_function(BenchmarkId::from_parameter("verify and pack"), |bencher| {
            bencher.iter(|| ours::ingest(black_box(&der), &truststore));
        });
        group.bench_function(
            BenchmarkId::from_parameter("x509-parser parse"),
            |bencher| {
                bencher.iter(|| rivals::x509_parser(black_box(&der)));
            },
        );
        group.bench_function(BenchmarkId::from_parameter("SHA-256"), |bencher| {
            bencher.iter(|| rivals::sha256(black_box(&der)));
        });
        group.finish();
    }
}

criterion_group!(benches, ingest);
criterion_main!(benches);
