//! A CRL's octets → verified, sorted, packed, beside x509-parser, which only parses.

use std::hint::black_box;

use benches::{LARGE, NOW, crl, serials};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crl_fetcher::crl::CertificateList;
use crl_fetcher::truststore::Truststore;
use revocation::ObjectRef;
use testkit::pki::Ca;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

fn ingest(criterion: &mut Criterion) {
    let ca = Ca::root("Bench CA");
    let Ok(truststore) = Truststore::read(ca.certificate_der()) else {
        panic!("the CA certificate is readable");
    };
    for count in [10_000, LARGE] {
        let der = crl(&ca, &serials(count, 1));
        let ours = |der: &[u8]| {
            let verified = CertificateList::from_der(der)
                .ok()?
                .verify(&truststore, NOW)
                .ok()?;
            let (_, record) = verified.into_record(ObjectRef::default()).ok()?;
            usize::try_from(record.revoked.len()).ok()
        };
        let theirs = |der: &[u8]| {
            let (_, list) = CertificateRevocationList::from_der(der).ok()?;
            Some(list.iter_revoked_certificates().count())
        };
        assert_eq!([ours(&der), theirs(&der)], [Some(count); 2]);

        let mut group = criterion.benchmark_group(format!("ingest/{count}"));
        group.sample_size(10);
        group.throughput(Throughput::Bytes(der.len().try_into().unwrap_or(u64::MAX)));
        group.bench_function(BenchmarkId::from_parameter("verify and pack"), |bencher| {
            bencher.iter(|| ours(black_box(&der)));
        });
        group.bench_function(
            BenchmarkId::from_parameter("x509-parser parse"),
            |bencher| {
                bencher.iter(|| theirs(black_box(&der)));
            },
        );
        group.finish();
    }
}

criterion_group!(benches, ingest);
criterion_main!(benches);
