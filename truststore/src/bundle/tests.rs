use std::sync::LazyLock;

use proptest::prelude::*;
use testkit::pki::{
    BasicConstraints, Ca, CaOptions, Extension, KeyIdentifier, KeyKind, KeyUsage, LeafOptions, der,
};

use super::*;

/// Within the validity of everything below that is valid.
const NOW: UnixTime = UnixTime::from_seconds(1_780_000_000);

/// Two roots, a subordinate, and one below it.
struct Pki {
    root: Ca,
    middle: Ca,
    issuing: Ca,
    other_root: Ca,
}

static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let root = Ca::root("Root CA");
    let middle = root.subordinate("Middle CA");
    Pki {
        issuing: middle.subordinate("Issuing CA"),
        other_root: Ca::root_with("A root by itself", KeyKind::Rsa2048),
        middle,
        root,
    }
});

fn bundle(texts: &[String]) -> Result<Bundle, Refusal> {
    Bundle::new(texts, NOW)
}

fn defects(texts: &[String]) -> Vec<Defect> {
    let refusal = bundle(texts).unwrap_err();
    let defects = refusal.problems.iter().map(Problem::defect);
    defects.cloned().collect()
}

fn pem(ca: &Ca) -> String {
    ca.certificate_pem()
}

fn name(ca: &Ca) -> String {
    show(ca.name_der())
}

#[test]
fn each_certificate_stands_before_its_issuer() {
    let Pki {
        root,
        middle,
        issuing,
        other_root,
    } = &*PKI;
    let given = [root, issuing, other_root, middle].map(pem);
    let bundle = bundle(&given).unwrap();
    assert_eq!(bundle.certificates(), 4);
    let ranked = [issuing, middle].map(pem).concat();
    let roots = bundle.pem().strip_prefix(&ranked).unwrap();
    // By the DER of their subjects, in which the shorter one comes first.
    assert!(roots == [root, other_root].map(pem).concat(), "{roots}");
}

#[test]
fn the_fetcher_reads_what_is_written() {
    let cas = [&PKI.root, &PKI.middle, &PKI.issuing, &PKI.other_root];
    let bundle = bundle(&cas.map(pem)).unwrap();
    let truststore = Truststore::read(bundle.pem().as_bytes()).unwrap();
    let mut read: Vec<_> = truststore.cas().iter().map(|ca| &ca.issuer.name).collect();
    let mut given = cas.map(Ca::name_der).to_vec();
    read.sort();
    given.sort_unstable();
    assert_eq!(read, given);
}

#[test]
fn keys_and_digests_are_those_of_api_gateway() {
    for key in KeyKind::ALL {
        let digests = key.digests().iter().copied().map(Some);
        for digest in digests.chain([None]) {
            let options = CaOptions {
                key,
                digest,
                ..CaOptions::default()
            };
            let root = Ca::self_signed("Root CA", options);
            let is_listed = !key.digests().is_empty();
            let result = bundle(&[pem(&root.subordinate("CA")), pem(&root)]);
            assert_eq!(result.is_ok(), is_listed, "{key:?} {digest:?}: {result:?}");
        }
    }
    let ed25519 = pem(&Ca::root_with("Root CA", KeyKind::Ed25519));
    assert_eq!(defects(&[ed25519]), [Defect::NotOfApiGateway]);
    let short = pem(&Ca::root_with("Root CA", KeyKind::Rsa1024));
    assert_eq!(defects(&[short]), [Defect::ShortKey { bits: 1024 }]);
}

#[test]
fn a_signature_over_sha_1_is_refused_and_so_are_two_algorithms() {
    let der = PKI.other_root.certificate_der();
    let oid = der::oid("1.2.840.113549.1.1.11");
    let places: Vec<_> = (0..der.len() - oid.len())
        .filter(|at| der[*at..].starts_with(&oid))
        .map(|at| at + oid.len() - 1)
        .collect();
    assert_eq!(places.len(), 2);
    let with = |changes: &[(usize, u8)]| {
        let mut changed = der.to_vec();
        for (at, octet) in changes {
            changed[*at] = *octet;
        }
        defects(&[der::pem("CERTIFICATE", &changed)])
    };
    let sha1 = with(&[(places[0], 5), (places[1], 5)]);
    assert_eq!(sha1, [Defect::Algorithm(SignatureError::WeakDigest)]);
    assert_eq!(with(&[(places[1], 12)]), [Defect::AlgorithmsDiffer]);
}

#[test]
fn only_ca_certificates_get_in() {
    let leaf = PKI.issuing.issue_with("client", LeafOptions::default());
    assert_eq!(defects(&[leaf.certificate_pem()]), [Defect::NotCa]);
    let with = |options| defects(&[pem(&Ca::self_signed("CA", options))]);
    let usage = |key_usage| CaOptions {
        key_usage,
        ..CaOptions::default()
    };
    let constraints = |basic_constraints| CaOptions {
        basic_constraints,
        ..CaOptions::default()
    };
    let v1 = CaOptions {
        version: None,
        ..CaOptions::default()
    };
    assert_eq!(with(constraints(BasicConstraints::Absent)), [Defect::NotCa]);
    assert_eq!(with(constraints(BasicConstraints::NotCa)), [Defect::NotCa]);
    assert_eq!(with(usage(KeyUsage::CrlSign)), [Defect::NoKeyCertSign]);
    assert_eq!(with(usage(KeyUsage::EndEntity)), [Defect::NoKeyCertSign]);
    assert_eq!(with(v1), [Defect::NotV3]);
    // cRLSign is the fetcher's business, which also takes CRLs from certificates beside it.
    for key_usage in [KeyUsage::Absent, KeyUsage::CertSign] {
        let ca = Ca::self_signed("CA", usage(key_usage));
        assert!(bundle(&[pem(&ca)]).is_ok(), "{key_usage:?}");
    }
}

#[test]
fn validity_has_two_ends_and_includes_them() {
    let ca = Ca::self_signed(
        "CA",
        CaOptions {
            not_before: 1_779_999_990,
            not_after: 1_780_000_010,
            ..CaOptions::default()
        },
    );
    let at = |seconds| {
        let result = Bundle::new(&[pem(&ca)], UnixTime::from_seconds(seconds));
        result.map_err(|refusal| refusal.problems[0].defect().clone())
    };
    let time = UnixTime::from_seconds;
    assert_eq!(
        at(1_779_999_989),
        Err(Defect::NotYetValid(time(1_779_999_990)))
    );
    assert!(at(1_779_999_990).is_ok());
    assert!(at(1_780_000_010).is_ok());
    assert_eq!(at(1_780_000_011), Err(Defect::Expired(time(1_780_000_010))));
}

#[test]
fn a_chain_must_be_complete() {
    let Pki {
        root,
        middle,
        issuing,
        ..
    } = &*PKI;
    let missing = Defect::NoIssuer(name(middle));
    assert_eq!(defects(&[issuing, root].map(pem)), [missing]);
    // The gap is named once, not for everybody below it.
    let missing = Defect::NoIssuer(name(root));
    assert_eq!(defects(&[issuing, middle].map(pem)), [missing]);
    let namesake = Ca::root("Root CA");
    let wrong_key = Defect::NotByIssuer(name(root));
    assert_eq!(defects(&[middle, &namesake].map(pem)), [wrong_key]);
    // A key that was renewed stands beside the one before.
    assert!(bundle(&[middle, root, &namesake].map(pem)).is_ok());
}

#[test]
fn key_identifiers_must_agree_where_both_are_there() {
    let with = |subject_key_identifier, authority_key_identifier| {
        let of_root = CaOptions {
            subject_key_identifier,
            ..CaOptions::default()
        };
        let of_subordinate = CaOptions {
            authority_key_identifier,
            ..CaOptions::default()
        };
        let root = Ca::self_signed("Root CA", of_root);
        let subordinate = root.subordinate_with("CA", of_subordinate);
        bundle(&[pem(&subordinate), pem(&root)])
    };
    let other = || KeyIdentifier::Octets(vec![1; 20]);
    assert!(with(KeyIdentifier::Absent, other()).is_ok());
    assert!(with(KeyIdentifier::Matching, KeyIdentifier::Absent).is_ok());
    assert!(with(other(), KeyIdentifier::Matching).is_ok());
    let refusal = with(KeyIdentifier::Matching, other()).unwrap_err();
    let expected = Defect::NotByIssuer(name(&PKI.root));
    assert_eq!(refusal.problems[0].defect(), &expected);
}

#[test]
fn a_circle_has_no_root() {
    let root = Ca::root("CA 1");
    let below = root.subordinate("CA 2");
    let crossed = below.subordinate_with(
        "CA 1",
        CaOptions {
            key_of: Some(root.clone()),
            ..CaOptions::default()
        },
    );
    let circle = [&below, &crossed].map(pem);
    assert_eq!(defects(&circle), [Defect::NoRoot, Defect::NoRoot]);
    let second_issuer = Defect::SecondIssuer {
        issuer: name(&root),
        other: name(&below),
    };
    assert_eq!(
        defects(&[&below, &crossed, &root].map(pem)),
        [second_issuer]
    );
}

#[test]
fn a_chain_has_at_most_four_cas() {
    let mut chain = vec![Ca::root("CA 1")];
    for number in 2..=5 {
        let next = chain[number - 2].subordinate(&format!("CA {number}"));
        chain.push(next);
    }
    let texts: Vec<_> = chain.iter().map(pem).collect();
    assert!(bundle(&texts[..4]).is_ok());
    assert_eq!(defects(&texts), [Defect::LongChain { length: 5 }]);
}

#[test]
fn a_thousand_certificates_are_the_limit() {
    let mut texts: Vec<_> = (0..1000)
        .map(|number| pem(&Ca::root(&format!("CA {number}"))))
        .collect();
    // Once is enough.
    texts.push(texts[0].clone());
    assert_eq!(bundle(&texts).unwrap().certificates(), 1000);
    texts.push(pem(&PKI.root));
    assert_eq!(defects(&texts), [Defect::TooMany { count: 1001 }]);
}

#[test]
fn a_megabyte_is_the_limit() {
    let long = |number: usize| {
        let extension = Extension::new("1.3.6.1.4.1.55555.1", false, vec![0; 30_000]);
        let options = CaOptions {
            extensions: vec![extension],
            ..CaOptions::default()
        };
        pem(&Ca::self_signed(&format!("CA {number}"), options))
    };
    let texts: Vec<_> = (0..25).map(long).collect();
    let octets = texts.concat().len();
    assert!(octets > MAX_OCTETS, "{octets}");
    assert_eq!(defects(&texts), [Defect::TooLarge { octets }]);
    assert!(bundle(&texts[..24]).is_ok());
}

#[test]
fn texts_that_hold_no_certificate_are_refused() {
    assert_eq!(defects(&[]), [Defect::Empty]);
    let one = |text: &str| {
        let [defect] = &defects(&[text.to_owned()])[..] else {
            panic!("{text}")
        };
        defect.clone()
    };
    assert_eq!(one(""), Defect::NoPem);
    assert_eq!(
        one("arn:aws:acm-pca:us-east-1:1:certificate-authority/a"),
        Defect::NoPem
    );
    let valid = pem(&PKI.root);
    let in_one_line = valid.replace('\n', " ");
    let without_end = valid.replace("-----END CERTIFICATE-----\n", "");
    let damaged = valid.replace("\nMII", "\nM*I");
    for broken in [in_one_line, without_end, damaged] {
        assert!(matches!(one(&broken), Defect::Pem(_)), "{broken}");
    }
    let csr = der::pem("CERTIFICATE REQUEST", PKI.root.certificate_der());
    assert_eq!(one(&csr), Defect::Label("CERTIFICATE REQUEST".to_owned()));
    for not_x509 in [
        &b"\x30\x00"[..],
        b"",
        &[PKI.root.certificate_der(), b"\0"].concat(),
    ] {
        let text = der::pem("CERTIFICATE", not_x509);
        let defect = one(&text);
        assert!(
            matches!(defect, Defect::Malformed(_) | Defect::Pem(_)),
            "{defect:?}"
        );
    }
}

#[test]
fn text_around_blocks_indentation_and_line_ends_make_no_difference() {
    let plain = bundle(&[pem(&PKI.root)]).unwrap();
    let indented = pem(&PKI.root).replace('\n', "\r\n    ");
    let text = format!("Subject: CN = Root CA\n  {indented}\nthe end");
    assert_eq!(bundle(&[text]).unwrap(), plain);
}

#[test]
fn a_private_key_is_refused_by_its_label_and_never_shown() {
    let leaf = PKI.issuing.issue("client");
    let key = leaf.key_pem();
    let content = key.lines().nth(1).unwrap();
    let label_of_key = format!("-----BEGIN {content}-----");
    for text in [
        key.clone(),
        format!("{}{key}", pem(&PKI.root)),
        format!("{key}{}", pem(&PKI.root)),
        key.replace('\n', " "),
        label_of_key,
    ] {
        let refusal = bundle(&[pem(&PKI.root), text]).unwrap_err();
        assert!(
            matches!(refusal.problems[0].defect(), Defect::Label(_)),
            "{refusal}"
        );
        assert!(!refusal.to_string().contains(content), "{refusal}");
    }
    let refusal = bundle(&[key]).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "item 1 of Certificates: it holds a PEM block labelled PRIVATE KEY; pass certificates only, \
         and replace that key: it was disclosed to the stack"
    );
}

#[test]
fn every_problem_names_its_certificate() {
    let leaf = PKI.issuing.issue("client").certificate_pem();
    let both = format!("{}{leaf}", pem(&PKI.root));
    let message = bundle(&[both, pem(&PKI.issuing), "x".to_owned()]).unwrap_err();
    assert_eq!(
        message.to_string(),
        "certificate 2 of item 1 of Certificates (C=US, O=Example, CN=client): it is not a CA's \
         (basicConstraints without cA); pass the certificate of the CA that issued it; \
         item 3 of Certificates: it holds no PEM; pass the text from -----BEGIN CERTIFICATE----- to \
         the end line"
    );
    let message = bundle(&[pem(&PKI.issuing)]).unwrap_err();
    assert_eq!(
        message.to_string(),
        "certificate 1 of item 1 of Certificates (C=US, O=Example, CN=Issuing CA): its issuer, \
         C=US, O=Example, CN=Middle CA, is missing; API Gateway needs every chain up to the \
         self-signed root, so add that CA's certificate"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the certificates are ordered, repeated and divided into texts.
    #[test]
    fn one_set_of_certificates_has_one_bundle(
        order in Just(vec![0_usize, 1, 2, 3, 0, 1, 2, 3]).prop_shuffle(),
        cuts in proptest::collection::vec(any::<bool>(), 8),
    ) {
        let pems = [&PKI.root, &PKI.middle, &PKI.issuing, &PKI.other_root].map(pem);
        let mut texts = vec![String::new()];
        for (index, cut) in order.into_iter().zip(cuts) {
            texts.last_mut().unwrap().push_str(&pems[index]);
            if cut {
                texts.push(String::new());
            }
        }
        texts.retain(|text| !text.is_empty());
        prop_assert_eq!(bundle(&texts), bundle(&pems));
    }

    #[test]
    fn any_text_is_a_bundle_or_a_refusal(text in ".{0,200}", at in any::<prop::sample::Index>()) {
        let mut damaged = pem(&PKI.root);
        damaged.insert_str(at.index(damaged.len() + 1), &text);
        let _ = bundle(&[damaged]);
        let _ = bundle(&[text]);
    }

    /// What is believed is what was issued: no certificate gets in with a bit changed.
    #[test]
    fn a_flipped_bit_is_always_noticed(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut der = PKI.root.certificate_der().to_vec();
        let at = at.index(der.len());
        der[at] ^= 1_u8 << bit;
        prop_assert!(bundle(&[der::pem("CERTIFICATE", &der)]).is_err());
    }
}
