//! Whose CRL it is: the issuer (RFC 5280 §5.1.2.3), the authority key identifier (§5.2.1) and the
//! CA certificates that may be meant (§6.3.3 (f)).

use crl_fetcher::refusal::Refusal;
use crl_fetcher::signature::SignatureError;
use revocation::der::DerError;
use testkit::pki::{BasicConstraints, Ca, CaOptions, CrlBuilder, Digest, KeyUsage, der, oid};

use super::signature::{algorithm, both};
use super::{Defect, NOW, Pki, SERIAL, at, extended, malformed, tag};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let mut defects = of_issuer(pki);
    defects.extend(of_foreign_crls(pki));
    defects.extend(of_authority_key_identifier(pki));
    defects.extend(of_ca_certificate(pki));
    defects.extend(of_namesakes(pki));
    defects
}

fn of_issuer(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.1.2.3";
    let common_name = |text: &str| {
        let attribute = der::attribute("2.5.4.3", &der::utf8_string(text));
        der::set(&[&attribute])
    };
    let name = |change: &dyn Fn(&[u8]) -> Vec<u8>| pki.sound().bend(at::ISSUER, change).der();
    let names = [
        (
            "a CA that is not in the truststore",
            pki.foreign.crl().revoke(SERIAL).der(),
        ),
        (
            "the name of another CA",
            pki.sound().issuer_name_der(pki.foreign.name_der()).der(),
        ),
        (
            "an issuer without a name",
            pki.sound().issuer_name_der(&der::sequence(&[])).der(),
        ),
        (
            "an issuer whose name goes on after the CA's",
            name(&|issuer| extended(issuer, &common_name("Below"))),
        ),
        (
            "an issuer whose name ends before the CA's",
            name(&|issuer| der::bend(issuer, &[2], |_| vec![])),
        ),
        (
            "an issuer whose name has the CA's parts in another order",
            name(&|issuer| {
                let mut common_name = Vec::new();
                let rest = der::bend(issuer, &[2], |part| {
                    common_name = part.to_vec();
                    vec![]
                });
                der::bend(&rest, &[0], |part| [&common_name, part].concat())
            }),
        ),
        (
            "an issuer whose name has a zero octet after the CA's",
            pki.sound()
                .issuer_name_der(&der::name("Issuing CA\0"))
                .der(),
        ),
    ];
    names
        .into_iter()
        .map(|(name, crl)| pki.defect(name, clause, crl, Refusal::ForeignIssuer))
        .chain([pki.defect(
            "an issuer as a GeneralName",
            clause,
            name(&|issuer| der::explicit(4, issuer)),
            tag(0x30, 0xa4),
        )])
        .collect()
}

/// CRL buckets are shared: what is wrong with a CRL of a CA that is none of ours is not our concern.
fn of_foreign_crls(pki: &Pki) -> Vec<Defect> {
    let foreign = || pki.foreign.crl();
    let unknown = algorithm(oid::UNKNOWN, &[]);
    let crls: [(_, CrlBuilder); 7] = [
        ("without nextUpdate", foreign().no_next_update()),
        ("that is a delta CRL", foreign().delta(1)),
        ("over SHA-1", foreign().digest(Digest::Sha1)),
        ("of an unknown algorithm", both(foreign(), &unknown)),
        ("of version 1", foreign().version(None)),
        (
            "with two algorithms",
            foreign().outer_algorithm_der(&unknown),
        ),
        ("that nobody signed", foreign().signature(&[])),
    ];
    crls.into_iter()
        .map(|(defect, crl)| {
            pki.defect(
                format!("a CRL of a foreign CA {defect}"),
                "RFC 5280 §6.3.3",
                crl.der(),
                Refusal::ForeignIssuer,
            )
        })
        .collect()
}

fn of_authority_key_identifier(pki: &Pki) -> Vec<Defect> {
    let clause = "RFC 5280 §5.2.1";
    let aki = |fields: &[&[u8]]| with_authority(pki.sound(), &der::sequence(fields)).der();
    let key_id = der::implicit(0, pki.ca.key_id());
    let issuer = certificate_issuer(pki.ca.name_der());
    let serial = der::implicit(2, &pki.ca.serial());
    let with_more = |octets: &[u8]| extended(&issuer, octets);
    let malformed = malformed("authorityKeyIdentifier");
    let another = [
        (
            "the key identifier of another CA",
            pki.sound().aki_key_id(pki.namesake.key_id()).der(),
        ),
        (
            "a key identifier of no octets",
            pki.sound().aki_key_id(&[]).der(),
        ),
        (
            "a key identifier that is the beginning of the CA's",
            pki.sound().aki_key_id(&pki.ca.key_id()[..19]).der(),
        ),
        (
            "the serial number of another certificate of the authority",
            aki(&[&issuer, &der::implicit(2, &pki.namesake.serial())]),
        ),
        (
            "a certificate of the authority by another issuer",
            aki(&[&certificate_issuer(pki.foreign.name_der()), &serial]),
        ),
        (
            "a certificate of the authority whose issuer is a URI",
            aki(&[
                &der::explicit(1, &der::implicit(6, b"http://ca.example.com")),
                &serial,
            ]),
        ),
        (
            "the authority's key, but another certificate",
            aki(&[&key_id, &issuer, &der::implicit(2, &pki.namesake.serial())]),
        ),
        (
            "the authority's certificate, but another key",
            aki(&[&der::implicit(0, pki.namesake.key_id()), &issuer, &serial]),
        ),
        (
            "an authority's serial number without octets",
            aki(&[&issuer, &der::implicit(2, &[])]),
        ),
        (
            "an authority's serial number with a leading zero",
            aki(&[
                &issuer,
                &der::implicit(2, &[&[0, 0], &pki.ca.serial()[..]].concat()),
            ]),
        ),
    ];
    let no_key_identifier = [
        (
            "an authority key identifier that is no SEQUENCE",
            with_authority(pki.sound(), &der::null()).der(),
            tag(0x30, 0x05),
        ),
        (
            "an authority key identifier as in a certificate's subject key identifier",
            with_authority(pki.sound(), &der::octet_string(pki.ca.key_id())).der(),
            tag(0x30, 0x04),
        ),
        (
            "an authority key identifier without octets",
            with_authority(pki.sound(), &[]).der(),
            DerError::Truncated,
        ),
        (
            "an authority key identifier that octets follow",
            with_authority(
                pki.sound(),
                &[der::sequence(&[&key_id]), der::null()].concat(),
            )
            .der(),
            DerError::TrailingOctets,
        ),
        (
            "an authority's serial number without its issuer",
            aki(&[&serial]),
            DerError::Value,
        ),
        (
            "an authority's issuer without its serial number",
            aki(&[&issuer]),
            DerError::Value,
        ),
        (
            "an authority's key identifier after its certificate",
            aki(&[&issuer, &serial, &key_id]),
            DerError::TrailingOctets,
        ),
        (
            "an authority's serial number before its issuer",
            aki(&[&key_id, &serial, &issuer]),
            DerError::TrailingOctets,
        ),
        (
            "a certificate of the authority without an issuer's name",
            aki(&[&der::explicit(1, &[]), &serial]),
            DerError::Truncated,
        ),
        (
            "a certificate of the authority with half a name behind its issuer's",
            aki(&[&with_more(&[0x82, 9, b'a']), &serial]),
            DerError::Truncated,
        ),
        (
            "a certificate of the authority with a name of indefinite length",
            aki(&[&with_more(&[0xa4, 0x80, 0, 0]), &serial]),
            DerError::Length,
        ),
        (
            "two key identifiers of the authority",
            aki(&[&key_id, &key_id]),
            DerError::TrailingOctets,
        ),
        (
            "an authority key identifier with a field [3]",
            aki(&[&key_id, &der::implicit(3, &[1])]),
            DerError::TrailingOctets,
        ),
        (
            "an authority's key identifier with the tag of an OCTET STRING",
            aki(&[&der::octet_string(pki.ca.key_id())]),
            DerError::TrailingOctets,
        ),
    ];
    let another = another
        .into_iter()
        .map(|(name, crl)| pki.defect(name, clause, crl, Refusal::AuthorityKeyIdentifier));
    let no_key_identifier = no_key_identifier
        .into_iter()
        .map(|(name, crl, error)| pki.defect(name, "RFC 5280 §4.2.1.1", crl, malformed(error)));
    another.chain(no_key_identifier).collect()
}

fn of_ca_certificate(pki: &Pki) -> Vec<Defect> {
    let valid = |from: i64, until: i64| {
        let options = CaOptions {
            not_before: NOW.seconds() + from,
            not_after: NOW.seconds() + until,
            ..CaOptions::default()
        };
        Ca::self_signed("Issuing CA", options)
    };
    let not_valid = |from, until| Refusal::CaCertificateNotValid {
        not_before: NOW.plus(from),
        not_after: NOW.plus(until),
    };
    let (expired, to_come, of_a_minute) = (valid(-60, -1), valid(1, 60), valid(-60, 0));
    let cannot_sign_crls = Ca::self_signed(
        "Issuing CA",
        CaOptions {
            key_usage: KeyUsage::CertSign,
            ..CaOptions::default()
        },
    );
    let not_a_ca = |basic_constraints, version| {
        let options = CaOptions {
            basic_constraints,
            version,
            ..CaOptions::default()
        };
        Ca::self_signed("Issuing CA", options)
    };
    let ca_false = not_a_ca(BasicConstraints::NotCa, Some(2));
    let no_constraints = not_a_ca(BasicConstraints::Absent, Some(2));
    let version_1 = not_a_ca(BasicConstraints::Absent, None);
    vec![
        pki.defect(
            "a CA whose certificate has expired",
            "RFC 5280 §6.1.3",
            expired.crl().der(),
            not_valid(-60, -1),
        )
        .trusting(&[&expired]),
        pki.defect(
            "a CA whose certificate is not yet valid",
            "RFC 5280 §6.1.3",
            to_come.crl().der(),
            not_valid(1, 60),
        )
        .trusting(&[&to_come]),
        pki.defect(
            "a CA whose certificate expired a second ago",
            "RFC 5280 §6.1.3",
            of_a_minute.crl().der(),
            not_valid(-60, 0),
        )
        .trusting(&[&of_a_minute])
        .at(NOW.plus(1)),
        pki.defect(
            "a CA whose key usage has no cRLSign",
            "RFC 5280 §6.3.3",
            cannot_sign_crls.crl().der(),
            Refusal::NotACrlSigner,
        )
        .trusting(&[&cannot_sign_crls]),
        pki.defect(
            "an issuer that is no CA",
            "RFC 5280 §4.2.1.9",
            ca_false.crl().der(),
            Refusal::NotACrlSigner,
        )
        .trusting(&[&ca_false, &pki.foreign]),
        pki.defect(
            "an issuer without basic constraints",
            "RFC 5280 §4.2.1.9",
            no_constraints.crl().der(),
            Refusal::NotACrlSigner,
        )
        .trusting(&[&no_constraints, &pki.foreign]),
        pki.defect(
            "an issuer whose certificate is of version 1",
            "RFC 5280 §4.2.1.9",
            version_1.crl().der(),
            Refusal::ForeignIssuer,
        )
        .trusting(&[&version_1, &pki.foreign]),
    ]
}

/// Two CAs of the truststore have one name.
fn of_namesakes(pki: &Pki) -> Vec<Defect> {
    let third = Ca::root("Issuing CA");
    let (one, other) = (&pki.ca, &pki.namesake);
    vec![
        pki.defect(
            "two CAs of its issuer's name, and it names the key of neither",
            "RFC 5280 §5.2.1",
            third.crl().der(),
            Refusal::AuthorityKeyIdentifier,
        )
        .trusting(&[one, other]),
        pki.defect(
            "two CAs of its issuer's name, and neither signed it",
            "RFC 5280 §6.3.3",
            third.crl().no_aki().der(),
            SignatureError::Invalid,
        )
        .trusting(&[one, other]),
        pki.defect(
            "two CAs of its issuer's name, and it names the key of the one that did not sign it",
            "RFC 5280 §5.2.1",
            one.crl().signed_by(other).der(),
            SignatureError::Invalid,
        )
        .trusting(&[one, other]),
    ]
}

/// With an authority key identifier of this value.
pub(super) fn with_authority(crl: CrlBuilder, value: &[u8]) -> CrlBuilder {
    crl.no_aki()
        .extension(oid::AUTHORITY_KEY_IDENTIFIER, false, value)
}

/// `authorityCertIssuer` of one directory name.
pub(super) fn certificate_issuer(name: &[u8]) -> Vec<u8> {
    der::explicit(1, &der::explicit(4, name))
}
