//! The issuing distribution point (RFC 5280 §5.2.5).

use crl_fetcher::refusal::Refusal;
use revocation::der::DerError;
use testkit::pki::{IssuingDistributionPoint, Reason, der, oid};

use super::levels::{with_excessive_length, with_indefinite_length, with_padded_length};
use super::{Defect, Pki, URI, at, malformed, tag};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let mut defects = of_fields(pki);
    defects.extend(of_name(pki));
    defects.extend(of_name_contents(pki));
    defects.extend(of_scope(pki));
    defects
}

fn of_fields(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.2.5";
    let idp = |value: &[u8]| pki.sound().idp_der(true, value).der();
    let fields = |fields: &[&[u8]]| idp(&der::sequence(fields));
    let name = full_name(&[&uri(URI)]);
    let flag = |number| der::implicit(number, &[0xff]);
    let malformed = malformed("issuingDistributionPoint");
    let defects = [
        (
            "an empty issuing distribution point",
            clause,
            fields(&[]),
            DerError::Value,
        ),
        (
            "an empty issuing distribution point that is not critical",
            clause,
            pki.sound().idp_der(false, &der::sequence(&[])).der(),
            DerError::Value,
        ),
        (
            "an issuing distribution point without octets",
            clause,
            idp(&[]),
            DerError::Truncated,
        ),
        (
            "an issuing distribution point that octets follow",
            clause,
            idp(&[der::sequence(&[&flag(1)]), der::null()].concat()),
            DerError::TrailingOctets,
        ),
        (
            "a list of distribution points as in a certificate",
            clause,
            fields(&[&der::sequence(&[&name])]),
            DerError::TrailingOctets,
        ),
        (
            "onlyContainsUserCerts FALSE written out",
            "X.690 §11.5",
            fields(&[&der::implicit(1, &[0])]),
            DerError::Boolean,
        ),
        (
            "onlyContainsCACerts FALSE written out",
            "X.690 §11.5",
            fields(&[&der::implicit(2, &[0])]),
            DerError::Boolean,
        ),
        (
            "indirectCRL FALSE written out",
            "X.690 §11.5",
            fields(&[&name, &der::implicit(4, &[0])]),
            DerError::Boolean,
        ),
        (
            "onlyContainsAttributeCerts FALSE written out",
            "X.690 §11.5",
            fields(&[&name, &der::implicit(5, &[0])]),
            DerError::Boolean,
        ),
        (
            "onlyContainsUserCerts TRUE as 01",
            "X.690 §11.1",
            fields(&[&der::implicit(1, &[1])]),
            DerError::Boolean,
        ),
        (
            "indirectCRL TRUE as 01",
            "X.690 §11.1",
            fields(&[&der::implicit(4, &[1])]),
            DerError::Boolean,
        ),
        (
            "onlyContainsCACerts of two octets",
            "X.690 §8.2.1",
            fields(&[&der::implicit(2, &[0xff, 0xff])]),
            DerError::Boolean,
        ),
        (
            "onlyContainsUserCerts with the tag of a BOOLEAN",
            clause,
            fields(&[&der::boolean(true)]),
            DerError::TrailingOctets,
        ),
        (
            "onlyContainsUserCerts twice",
            clause,
            fields(&[&flag(1), &flag(1)]),
            DerError::TrailingOctets,
        ),
        (
            "onlyContainsUserCerts before the distribution point",
            clause,
            fields(&[&flag(1), &name]),
            DerError::TrailingOctets,
        ),
        (
            "indirectCRL before onlyContainsCACerts",
            clause,
            fields(&[&flag(4), &flag(2)]),
            DerError::TrailingOctets,
        ),
        (
            "an issuing distribution point with a field [6]",
            clause,
            fields(&[&name, &flag(6)]),
            DerError::TrailingOctets,
        ),
        (
            "two distribution points",
            clause,
            fields(&[&name, &name]),
            DerError::TrailingOctets,
        ),
    ];
    let defects = defects.into_iter();
    defects
        .map(|(name, clause, crl, error)| pki.defect(name, clause, crl, malformed(error)))
        .chain([pki.defect(
            "an issuing distribution point that is malformed and another",
            "RFC 5280 §4.2",
            pki.sound()
                .idp_der(true, &der::null())
                .idp_der(true, &der::sequence(&[&name]))
                .der(),
            super::duplicate(oid::ISSUING_DISTRIBUTION_POINT),
        )])
        .collect()
}

/// `DistributionPointName` below its explicit tag.
fn of_name(pki: &Pki) -> Vec<Defect> {
    let name = |contents: &[u8]| {
        let value = der::sequence(&[&der::explicit(0, contents)]);
        pki.sound().idp_der(true, &value).der()
    };
    let names = der::explicit(0, &uri(URI));
    let attribute = der::attribute("2.5.4.3", &der::utf8_string("P1"));
    let relative = der::explicit(1, &attribute);
    let defects = [
        (
            "a distribution point without a name",
            name(&[]),
            DerError::Truncated,
        ),
        (
            "a full name of no names",
            name(&der::explicit(0, &[])),
            DerError::Truncated,
        ),
        (
            "a full name and a relative name",
            name(&[&names[..], &relative].concat()),
            DerError::TrailingOctets,
        ),
        (
            "a relative name and a full name",
            name(&[&relative[..], &names].concat()),
            DerError::TrailingOctets,
        ),
        (
            "two full names",
            name(&names.repeat(2)),
            DerError::TrailingOctets,
        ),
        (
            "a distribution point that is a URI without a full name around it",
            name(&uri(URI)),
            tag(0xa0, 0x86),
        ),
        (
            "a distribution point name that is neither full nor relative",
            name(&der::explicit(2, &uri(URI))),
            tag(0xa0, 0xa2),
        ),
        (
            "a full name in primitive form",
            name(&der::implicit(0, &uri(URI))),
            tag(0xa0, 0x80),
        ),
        (
            "a full name with the SEQUENCE that its tag stands for",
            name(&der::sequence(&[&uri(URI)])),
            tag(0xa0, 0x30),
        ),
        (
            "a full name whose length is not in the shortest form",
            pki.full().bend(at::FULL_NAME, with_padded_length).der(),
            DerError::Length,
        ),
        (
            "a full name of indefinite length",
            pki.full().bend(at::FULL_NAME, with_indefinite_length).der(),
            DerError::Length,
        ),
        (
            "a full name that ends before its length says",
            pki.full().bend(at::FULL_NAME, with_excessive_length).der(),
            DerError::Truncated,
        ),
        (
            "a URI whose length is not in the shortest form",
            name(&der::explicit(
                0,
                &[&[0x86, 0x81, 8][..], b"http://a"].concat(),
            )),
            DerError::Length,
        ),
        (
            "a URI that ends before its length says",
            name(&der::explicit(0, &[&[0x86, 9][..], b"http://a"].concat())),
            DerError::Truncated,
        ),
    ];
    let malformed = malformed("issuingDistributionPoint");
    let defects = defects.into_iter();
    defects
        .map(|(name, crl, error)| pki.defect(name, "RFC 5280 §4.2.1.13", crl, malformed(error)))
        .collect()
}

/// Within the name: a URI, a directory name, or a name relative to the CRL issuer.
fn of_name_contents(pki: &Pki) -> Vec<Defect> {
    let idp = |name: &[u8]| {
        let value = der::sequence(&[&der::explicit(0, name)]);
        pki.sound().idp_der(true, &value).der()
    };
    let full = |name: &[u8]| idp(&der::explicit(0, name));
    let directory = |contents: &[u8]| full(&der::explicit(4, contents));
    let relative = |contents: &[u8]| idp(&der::explicit(1, contents));
    let attribute = der::attribute("2.5.4.3", &der::utf8_string("P1"));
    let rdns = |set: &[u8]| directory(&der::sequence(&[&der::tlv(0x31, set)]));
    let of_name = "RFC 5280 §4.1.2.4";
    let malformed_names = [
        (
            "a URI without octets",
            "RFC 5280 §4.2.1.6",
            full(&uri("")),
            DerError::Value,
        ),
        (
            "a URI beyond ASCII",
            "RFC 5280 §4.2.1.6",
            full(&uri("http://ä")),
            DerError::Value,
        ),
        (
            "a directory name of no octets",
            of_name,
            directory(&[]),
            DerError::Truncated,
        ),
        (
            "a directory name that is no SEQUENCE",
            of_name,
            directory(&der::null()),
            tag(0x30, 5),
        ),
        (
            "a directory name that octets follow",
            of_name,
            directory(&[der::sequence(&[]), der::null()].concat()),
            DerError::TrailingOctets,
        ),
        (
            "a directory name of something else than SETs",
            of_name,
            directory(&der::sequence(&[&attribute])),
            tag(0x31, 0x30),
        ),
        (
            "a directory name with an empty SET",
            of_name,
            rdns(&[]),
            DerError::Truncated,
        ),
        (
            "an attribute without a value",
            of_name,
            rdns(&der::sequence(&[&der::oid("2.5.4.3")])),
            DerError::Truncated,
        ),
        (
            "an attribute without a type",
            of_name,
            rdns(&der::sequence(&[&der::utf8_string("P1")])),
            tag(0x06, 0x0c),
        ),
        (
            "a relative name of no attributes",
            of_name,
            relative(&[]),
            DerError::Truncated,
        ),
        (
            "a relative name of NULL",
            of_name,
            relative(&der::null()),
            tag(0x30, 5),
        ),
        (
            "a relative name with half an attribute behind the first",
            of_name,
            relative(&[&attribute[..], &[0x30, 9]].concat()),
            DerError::Truncated,
        ),
    ];
    let malformed = malformed("issuingDistributionPoint");
    let malformed_names = malformed_names
        .into_iter()
        .map(|(name, clause, crl, error)| pki.defect(name, clause, crl, malformed(error)));
    let host = der::implicit(2, b"crl.example.com");
    let constructed_uri = der::explicit(6, &uri(URI));
    let no_places = [
        ("a host for a distribution point", full(&host)),
        ("a host beside a URI", full(&[uri(URI), host].concat())),
        ("a NULL for a distribution point", full(&der::null())),
        ("a URI in constructed form", full(&constructed_uri)),
    ];
    let no_places = no_places.into_iter().map(|(name, crl)| {
        let refusal = Refusal::DistributionPointName;
        pki.defect(name, "RFC 5280 §4.2.1.13", crl, refusal)
    });
    malformed_names.chain(no_places).collect()
}

/// Sound in form; but no more than one of the limits may be set, and some are not supported.
fn of_scope(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.2.5";
    let crl = |critical, idp: IssuingDistributionPoint| {
        pki.sound().idp_der(critical, &idp.to_der()).der()
    };
    let none = IssuingDistributionPoint::default;
    let named = || IssuingDistributionPoint::uris(&[URI]);
    let some_reasons = |content: &[u8]| {
        let value = der::sequence(&[&der::implicit(3, content)]);
        pki.sound().idp_der(true, &value).der()
    };
    vec![
        pki.defect(
            "only user and only CA certificates",
            clause,
            crl(
                true,
                IssuingDistributionPoint {
                    only_contains_user_certs: true,
                    only_contains_ca_certs: true,
                    ..none()
                },
            ),
            malformed("issuingDistributionPoint")(DerError::Value),
        ),
        pki.defect(
            "only user and only attribute certificates",
            clause,
            crl(
                true,
                IssuingDistributionPoint {
                    only_contains_user_certs: true,
                    only_contains_attribute_certs: true,
                    ..none()
                },
            ),
            Refusal::AttributeCertificatesOnly,
        ),
        pki.defect(
            "only CA and only attribute certificates",
            clause,
            crl(
                true,
                IssuingDistributionPoint {
                    only_contains_ca_certs: true,
                    only_contains_attribute_certs: true,
                    ..none()
                },
            ),
            Refusal::AttributeCertificatesOnly,
        ),
        pki.defect(
            "attribute certificates only",
            clause,
            crl(
                true,
                IssuingDistributionPoint {
                    only_contains_attribute_certs: true,
                    ..none()
                },
            ),
            Refusal::AttributeCertificatesOnly,
        ),
        pki.defect(
            "attribute certificates only, in a partition",
            clause,
            crl(
                true,
                IssuingDistributionPoint {
                    only_contains_attribute_certs: true,
                    ..named()
                },
            ),
            Refusal::AttributeCertificatesOnly,
        ),
        pki.defect(
            "an indirect CRL",
            clause,
            crl(
                true,
                IssuingDistributionPoint {
                    indirect_crl: true,
                    ..none()
                },
            ),
            Refusal::IndirectCrl,
        ),
        pki.defect(
            "an indirect CRL of user certificates at a distribution point",
            clause,
            crl(
                true,
                IssuingDistributionPoint {
                    only_contains_user_certs: true,
                    indirect_crl: true,
                    ..named()
                },
            ),
            Refusal::IndirectCrl,
        ),
        pki.defect(
            "an indirect CRL in an extension that is not critical",
            clause,
            crl(
                false,
                IssuingDistributionPoint {
                    indirect_crl: true,
                    ..none()
                },
            ),
            Refusal::IndirectCrl,
        ),
        pki.defect(
            "only some reasons",
            clause,
            crl(
                true,
                IssuingDistributionPoint {
                    only_some_reasons: Some(vec![Reason::KeyCompromise]),
                    ..none()
                },
            ),
            Refusal::OnlySomeReasons,
        ),
        pki.defect(
            "only some reasons, in an extension that is not critical",
            clause,
            crl(
                false,
                IssuingDistributionPoint {
                    only_some_reasons: Some(vec![Reason::CertificateHold]),
                    ..named()
                },
            ),
            Refusal::OnlySomeReasons,
        ),
        pki.defect(
            "only some reasons, and of these none",
            clause,
            crl(
                true,
                IssuingDistributionPoint {
                    only_some_reasons: Some(vec![]),
                    ..none()
                },
            ),
            Refusal::OnlySomeReasons,
        ),
        pki.defect(
            "only some reasons, which are all that there are",
            clause,
            some_reasons(&[7, 0x7f, 0x80]),
            Refusal::OnlySomeReasons,
        ),
        pki.defect(
            "only some reasons, with zero bits at their end",
            "X.690 §11.2.2",
            some_reasons(&[0, 0x40, 0]),
            Refusal::OnlySomeReasons,
        ),
        pki.defect(
            "only some reasons in constructed form",
            "X.690 §10.2",
            pki.sound()
                .idp_der(true, &der::sequence(&[&der::explicit(3, &[])]))
                .der(),
            malformed("issuingDistributionPoint")(DerError::TrailingOctets),
        ),
    ]
}

/// `distributionPoint [0]` of these names.
fn full_name(names: &[&[u8]]) -> Vec<u8> {
    der::explicit(0, &der::explicit(0, &names.concat()))
}

fn uri(text: &str) -> Vec<u8> {
    der::implicit(6, text.as_bytes())
}
