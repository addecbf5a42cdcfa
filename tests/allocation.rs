//! What the decoders allocate, for sound and for hostile input alike: no length and no count that an
//! input claims may cost memory that the input itself does not take.
//!
//! A test binary of its own with a single test: the allocator counts for the whole process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a panic is how these tests fail"
)]

#[path = "../fuzz/checks/lib.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the fuzz targets see it as a crate"
)]
mod checks;

use std::fmt::Write;
use std::hint::black_box;

use authorizer::client_cert::ClientCert;
use authorizer::decision::Policy;
use authorizer::event::Request;
use authorizer::recent::RecentClients;
use authorizer::respond;
use authorizer::response::Format;
use checks::fixed::NOW;
use checks::{event, fixed, snapshot};
use crl_fetcher::crl::{CertificateList, crls_in};
use crl_fetcher::truststore::Truststore;
use crl_fetcher::verify_all;
use peak_alloc::PeakAlloc;
use revocation::der::{Reader, tag};
use revocation::distribution_point::read_crl_distribution_points;
use revocation::{Contents, CrlNumber, ObjectRef, RevokedSet, Snapshot};
use testkit::events;
use testkit::pki::{
    Ca, CrlDistributionPoints, Extension, GeneralName, KeyIdentifier, LeafOptions, der, oid,
};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Live at one time, at most: `times` the octets of the input, and `plus` octets.
struct Bound {
    decoder: &'static str,
    decode: fn(&[u8]),
    times: usize,
    plus: usize,
}

/// For each decoder, what it may allocate while it runs. A growing vector counts twice while it moves.
const BOUNDS: [Bound; 12] = [
    Bound {
        decoder: "der::Reader",
        decode: |octets| walk(octets),
        times: 0,
        plus: 0,
    },
    Bound {
        decoder: "RevokedSet::decode",
        decode: |octets| {
            if let Some((first, second)) = snapshot::planes(octets) {
                let _ = black_box(RevokedSet::decode(first, second));
            }
        },
        times: 0,
        plus: 0,
    },
    Bound {
        decoder: "CertificateList::from_der",
        decode: |octets| drop(black_box(CertificateList::from_der(octets))),
        times: 0,
        plus: KIB,
    },
    Bound {
        decoder: "Snapshot::decode",
        decode: |octets| drop(black_box(Snapshot::decode(octets))),
        times: 1,
        plus: 4 * KIB,
    },
    Bound {
        decoder: "read_crl_distribution_points",
        decode: |octets| drop(black_box(read_crl_distribution_points(octets, EMPTY_NAME))),
        times: 1,
        plus: 8 * KIB,
    },
    Bound {
        decoder: "crls_in",
        decode: |octets| drop(black_box(crls_in(octets))),
        times: 13,
        plus: 4 * KIB,
    },
    Bound {
        decoder: "CertificateList::profile",
        decode: |octets| {
            let list = CertificateList::from_der(octets);
            drop(black_box(list.and_then(|list| list.profile())));
        },
        times: 2,
        plus: 4 * KIB,
    },
    Bound {
        decoder: "verify_all",
        decode: |octets| drop(black_box(verify_all(octets, fixed::truststore(), NOW))),
        times: 13,
        plus: 4 * KIB,
    },
    Bound {
        decoder: "Truststore::read",
        decode: |octets| drop(black_box(Truststore::read(octets))),
        times: 55,
        plus: 4 * KIB,
    },
    Bound {
        decoder: "ClientCert",
        decode: |octets| {
            drop(black_box(ClientCert::from_der(octets)));
            drop(black_box(ClientCert::from_pem(octets)));
        },
        times: 57,
        plus: 4 * KIB,
    },
    Bound {
        decoder: "Request::from_json",
        decode: |octets| drop(black_box(Request::from_json(octets))),
        times: 3,
        plus: 4 * KIB,
    },
    Bound {
        decoder: "respond",
        decode: |octets| {
            let policy = Policy::default();
            let known = event::known();
            let clients = RecentClients::forgotten();
            let Ok(answer) = respond(octets, &clients, known, NOW, &policy, Format::Iam);
            drop(black_box(answer));
        },
        times: 42,
        plus: 4 * KIB,
    },
];

#[test]
fn no_input_makes_a_decoder_allocate_more_than_its_bound() {
    let seen = peak(&|_| drop(black_box(vec![0_u8; 12_345])), &[]);
    assert_eq!(
        seen, 12_345,
        "the allocator counts what this test allocates"
    );

    let inputs = inputs();
    let mut exceeded = String::new();
    for bound in &BOUNDS {
        // What is made once and kept is not the input's.
        for input in inputs.iter().take(WARM_UP) {
            (bound.decode)(&input.octets);
        }
        let decoder = bound.decoder;
        let mut times = 0;
        for Input { name, octets } in &inputs {
            let (peak, length) = (peak(&bound.decode, octets), octets.len().max(1));
            times = times.max(peak.saturating_sub(bound.plus).div_ceil(length));
            if peak > bound.times * length + bound.plus {
                let line = format!("{decoder}: {peak} for the {length} octets of {name}");
                writeln!(exceeded, "{line}").unwrap();
            }
        }
        let Bound { plus, .. } = bound;
        println!("{decoder}: at most {times} times the input + {plus}");
    }
    println!("of {} inputs", inputs.len());
    answer_usual_requests();
    assert!(exceeded.is_empty(), "over the bound:\n{exceeded}");
}

/// Requests of the usual form are answered without the careful readers, which take several times the
/// event.
fn answer_usual_requests() {
    for name in [
        "http-api-2.json",
        "http-api-1.json",
        "rest.json",
        "partition-a.json",
    ] {
        let event = fixed::seed("event", name);
        let answer = |event: &[u8]| {
            let policy = Policy::default();
            let known = event::known();
            let clients = RecentClients::forgotten();
            let Ok(answer) = respond(event, &clients, known, NOW, &policy, Format::Iam);
            drop(black_box(answer));
        };
        let peak = peak(&answer, &event);
        println!("respond: {peak} for the {} octets of {name}", event.len());
        assert!(
            peak <= event.len(),
            "{peak} for the {} octets of {name}",
            event.len()
        );
    }
}

/// How much more was allocated at one time than before.
fn peak(decode: &dyn Fn(&[u8]), octets: &[u8]) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    decode(octets);
    HEAP.peak_usage().saturating_sub(before)
}

struct Input {
    name: String,
    octets: Vec<u8>,
}

fn inputs() -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut add = |name: String, octets: Vec<u8>| inputs.push(Input { name, octets });
    for folder in ["seeds", "corpus"] {
        for target in ["crl", "certificate", "event", "snapshot"] {
            let folder = fixed::seeds(target).join("../..").join(folder).join(target);
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                add(path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }
    for (target, name) in [
        ("snapshot", "snapshot.bin"),
        ("snapshot", "set-classes.bin"),
        ("crl", "complete.der"),
        ("crl", "partition-a.der"),
        ("certificate", "client.der"),
        ("certificate", "cdp-reasons.der"),
    ] {
        let seed = fixed::seed(target, name);
        for (at, octets) in claims(&seed) {
            if let ("snapshot.bin", Some(octets)) = (name, snapshot::repaired(&octets)) {
                add(format!("{name}, repaired, with a claim at {at}"), octets);
            }
            add(format!("{name} with a claim at {at}"), octets);
        }
    }
    for (name, octets) in dense_snapshots().into_iter().chain(dense_texts()) {
        add(name.to_owned(), octets);
    }
    for (name, octets) in dense_der() {
        add(
            format!("{name} in PEM"),
            der::pem("CERTIFICATE", &octets).into(),
        );
        add(
            format!("{name} in a CRL's PEM"),
            der::pem("X509 CRL", &octets).into(),
        );
        let event = events::http_api_v2(&der::pem("CERTIFICATE", &octets));
        add(format!("{name} in an event"), event.to_string().into());
        add(name.to_owned(), octets);
    }
    inputs
}

/// The octets with every place claiming the greatest number that may stand there: integers of each
/// size of the snapshot, and lengths of DER.
fn claims(octets: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    const GREATEST: [&[u8]; 4] = [
        &[0xff; 2],
        &[0xff; 4],
        &[0xff; 8],
        &[0x84, 0xff, 0xff, 0xff, 0xff],
    ];
    (0..octets.len()).flat_map(move |at| {
        GREATEST.iter().filter_map(move |claim| {
            let mut octets = octets.to_vec();
            octets.get_mut(at..at + claim.len())?.copy_from_slice(claim);
            Some((at, octets))
        })
    })
}

/// Snapshots of as many small parts as possible.
fn dense_snapshots() -> Vec<(&'static str, Vec<u8>)> {
    let seed = fixed::seed("snapshot", "snapshot.bin");
    let contents = Snapshot::decode(seed).unwrap().to_contents();
    let mut crl = contents
        .issuers
        .iter()
        .flat_map(|issuer| &issuer.crls)
        .next()
        .unwrap()
        .clone();
    crl.scope.names.clear();
    crl.number = CrlNumber::from_der_integer(&[0]).unwrap();
    crl.source = ObjectRef::default();
    crl.revoked = RevokedSet::from_serials(Vec::new()).unwrap();
    let mut issuer = contents.issuers[0].clone();
    issuer.crls.clear();
    issuer.issuer.name = vec![1];
    issuer.issuer.key_id.clear();
    let encode = |issuers| {
        let contents = Contents {
            issuers,
            ..contents.clone()
        };
        contents.encode().unwrap()
    };
    let number = |n: u16| n.to_be_bytes().to_vec();

    let issuers = (0..4000).map(|n| {
        let mut issuer = issuer.clone();
        issuer.issuer.name = number(n);
        issuer
    });
    let mut with_crls = issuer.clone();
    with_crls.crls = (0..1000)
        .map(|n| {
            let mut crl = crl.clone();
            crl.scope.names = vec![number(n)];
            crl
        })
        .collect();
    let mut with_names = issuer.clone();
    crl.scope.names = (0..10_000).map(number).collect();
    with_names.crls = vec![crl];
    vec![
        ("a snapshot of 4000 issuers", encode(issuers.collect())),
        ("a snapshot of 1000 CRLs", encode(vec![with_crls])),
        ("a snapshot of 10 000 names", encode(vec![with_names])),
    ]
}

/// DER of as many small parts as possible, and certificates and CRLs made of such parts.
fn dense_der() -> Vec<(&'static str, Vec<u8>)> {
    let ca = Ca::root("CA");
    let certificate = |options: LeafOptions| {
        let leaf = ca.issue_with("client", options);
        leaf.certificate_der().to_vec()
    };
    let with_points = |value: Vec<u8>| {
        certificate(LeafOptions {
            crl_distribution_points: CrlDistributionPoints::Der(value),
            ..LeafOptions::default()
        })
    };
    let empty_points = der::sequence(&[&[0x30, 0x00].repeat(16_000)]);
    let names = der::explicit(0, &der::explicit(0, &[0x86, 0x00].repeat(16_000)));
    let one_point_of_names = der::sequence(&[&der::sequence(&[&names])]);
    let relative = der::sequence(&[&der::explicit(0, &der::explicit(1, &[0x30, 0x00]))]);
    let relative_points = der::sequence(&[&relative.repeat(4000)]);
    let attribute = der::attribute("2.5.4.3", &der::utf8_string(""));
    let name = |attributes| der::sequence(&[&der::set(&[&attribute]).repeat(attributes)]);
    let mut nested = Vec::new();
    for _ in 0..8000 {
        nested = [der::header(tag::SEQUENCE, nested.len()), nested].concat();
    }
    let any = Extension::new(oid::UNKNOWN, false, []);
    let serials = (0..4000_u16)
        .rev()
        .map(|n| ([1, n.to_be_bytes()[0], n.to_be_bytes()[1]], 0, None));
    let long_serials = (0..8000_u16).map(|n| {
        let mut serial = [0x11; 20];
        serial[18..].copy_from_slice(&n.to_be_bytes());
        (serial, 0, None)
    });
    let ca_certificate = ca.certificate_der().to_vec();
    vec![
        ("nested SEQUENCEs", nested),
        ("16 000 empty distribution points", empty_points.clone()),
        (
            "a distribution point of 16 000 names",
            one_point_of_names.clone(),
        ),
        ("4000 relative distribution points", relative_points.clone()),
        ("a certificate of 16 000 points", with_points(empty_points)),
        (
            "a certificate of 16 000 names of a point",
            with_points(one_point_of_names),
        ),
        (
            "a certificate of 4000 relative names and a long issuer",
            certificate(LeafOptions {
                crl_distribution_points: CrlDistributionPoints::Der(relative_points),
                issuer_name_der: Some(name(1000)),
                ..LeafOptions::default()
            }),
        ),
        (
            "a certificate of 16 000 alternative names",
            certificate(LeafOptions {
                subject_alt_names: Some(vec![GeneralName::Der([0x82, 0x00].repeat(16_000))]),
                ..LeafOptions::default()
            }),
        ),
        (
            "a certificate with 4000 attributes in its subject",
            certificate(LeafOptions {
                subject_name_der: Some(name(4000)),
                ..LeafOptions::default()
            }),
        ),
        (
            "a certificate of 4000 extensions",
            certificate(LeafOptions {
                extensions: vec![any; 4000],
                ..LeafOptions::default()
            }),
        ),
        (
            "a certificate with a long key identifier",
            certificate(LeafOptions {
                authority_key_identifier: KeyIdentifier::Octets(vec![1; 60_000]),
                ..LeafOptions::default()
            }),
        ),
        (
            "a CRL of 4000 short serial numbers",
            ca.crl().entries(serials).der(),
        ),
        (
            "a CRL of 8000 serial numbers of 20 octets",
            ca.crl().entries(long_serials).der(),
        ),
        ("a CA certificate", ca_certificate),
    ]
}

/// PEM and JSON that promise much.
fn dense_texts() -> Vec<(&'static str, Vec<u8>)> {
    let ca = Ca::root("CA").certificate_pem();
    let event = events::http_api_v2("PEM").to_string();
    let with_pem = |pem: String| event.replace("\"PEM\"", &pem).into_bytes();
    vec![
        (
            "a PEM label of 60 000 letters",
            format!("-----BEGIN {}-----\n", "A".repeat(60_000)).into(),
        ),
        (
            "a PEM header of 60 000 letters",
            format!("-----BEGIN CERTIFICATE-----\nA: {}\n\n", "b".repeat(60_000)).into(),
        ),
        (
            "PEM without an end",
            format!("-----BEGIN X509 CRL-----\n{}", "AAAA\n".repeat(12_000)).into(),
        ),
        (
            "4000 beginnings of PEM",
            "-----BEGIN CERTIFICATE-----\n".repeat(4000).into(),
        ),
        (
            "4000 empty CRLs in PEM",
            "-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n"
                .repeat(4000)
                .into(),
        ),
        ("100 times the same CA in PEM", ca.repeat(100).into()),
        ("nested lists", [b'['; 60_000].to_vec()),
        (
            "nested lists that end",
            [[b'['; 30_000], [b']'; 30_000]].concat(),
        ),
        (
            "nested objects in the place of a PEM",
            with_pem(format!(
                "{}1{}",
                "{\"a\":".repeat(10_000),
                "}".repeat(10_000)
            )),
        ),
        (
            "escapes in the place of a PEM",
            with_pem(format!("\"{}\"", "\\u0041".repeat(10_000))),
        ),
        (
            "a list in the place of a PEM",
            with_pem(format!("[{}1]", "1,".repeat(30_000))),
        ),
    ]
}

/// Reads every element, and every element of the constructed ones.
fn walk(octets: &[u8]) {
    fn walk_to(octets: &[u8], depth: u32) {
        let mut reader = Reader::new(octets);
        while let Ok(element) = reader.element() {
            let _ = black_box((element.whole_octets(), element.time()));
            if element.tag & 0x20 != 0 && depth > 0 {
                walk_to(element.content, depth - 1);
            }
        }
    }
    walk_to(octets, 32);
}

const KIB: usize = 1024;
/// So many seeds, which come first, make everything happen once.
const WARM_UP: usize = 60;
const EMPTY_NAME: &[u8] = &[tag::SEQUENCE, 0];
