//! What is in an object: CRLs in PEM (RFC 7468), one or a bundle of them.

use crl_fetcher::refusal::Refusal;
use revocation::der::DerError;
use testkit::pki::{der, oid};

use super::{Defect, Pki, tag};

pub(super) fn defects(pki: &Pki) -> Vec<Defect> {
    let mut defects = of_pem(pki);
    defects.extend(of_contents(pki));
    defects.extend(of_bundles(pki));
    defects
}

/// The armour itself.
fn of_pem(pki: &Pki) -> Vec<Defect> {
    let pem = pki.sound().pem();
    let first_line = pem.lines().nth(1).unwrap();
    let broken = |what: String| vec![Err(Refusal::Pem(what))];
    let no_end = broken("a block has no end of the same label".to_owned());
    let defects = [
        (
            "PEM that is cut off",
            "RFC 7468 §2",
            pem[..pem.len() - 30].to_owned(),
            no_end.clone(),
        ),
        (
            "PEM without an end",
            "RFC 7468 §2",
            pem.replace(END, ""),
            no_end.clone(),
        ),
        (
            "PEM that begins as a CRL and ends as a certificate",
            "RFC 7468 §2",
            pem.replace(END, "-----END CERTIFICATE-----"),
            no_end.clone(),
        ),
        (
            "PEM that is nothing but a beginning",
            "RFC 7468 §2",
            format!("{BEGIN}\n"),
            no_end,
        ),
        (
            "PEM whose beginning has four hyphens at its end",
            "RFC 7468 §3",
            pem.replace(BEGIN, &BEGIN[..BEGIN.len() - 1]),
            broken("a block begins with a malformed line".to_owned()),
        ),
        (
            "PEM with an octet that is not of Base64",
            "RFC 4648 §3.3",
            pem.replace(first_line, &format!("!{}", &first_line[1..])),
            broken("a block is not Base64: InvalidCharacter(33)".to_owned()),
        ),
        (
            "PEM with headers",
            "RFC 7468 §2",
            pem.replace(first_line, &format!("X-Issuer: CA\n\n{first_line}")),
            broken("a block is not Base64: InvalidCharacter(45)".to_owned()),
        ),
        (
            "PEM in the URL-safe alphabet",
            "RFC 7468 §2",
            pem.replace(first_line, &format!("_{}", &first_line[1..])),
            broken("a block is not Base64: InvalidCharacter(95)".to_owned()),
        ),
        (
            "PEM with a CRL in a block of a certificate",
            "RFC 7468 §6",
            der::pem("CERTIFICATE", &pki.sound().der()),
            vec![Err(Refusal::NoCrl)],
        ),
        (
            "PEM with a CRL in a block of another name",
            "RFC 7468 §6",
            der::pem("CRL", &pki.sound().der()),
            vec![Err(Refusal::NoCrl)],
        ),
        (
            "PEM with a label in lower-case letters",
            "RFC 7468 §6",
            der::pem("x509 crl", &pki.sound().der()),
            vec![Err(Refusal::NoCrl)],
        ),
        (
            "PEM of the CA's certificate",
            "RFC 7468 §6",
            pki.ca.certificate_pem(),
            vec![Err(Refusal::NoCrl)],
        ),
    ];
    defects
        .into_iter()
        .map(|(name, clause, pem, expected)| pki.case(name, clause, pem.into_bytes(), expected))
        .collect()
}

/// The octets within sound armour.
fn of_contents(pki: &Pki) -> Vec<Defect> {
    let whole = pki.sound().der();
    let with_pem_inside =
        pki.sound()
            .no_next_update()
            .extension(oid::UNKNOWN, false, pki.sound().pem().as_bytes());
    let in_pem = |octets: &[u8]| der::pem("X509 CRL", octets).into_bytes();
    let clause = "RFC 7468 §6";
    vec![
        pki.defect("PEM of no octets", clause, in_pem(&[]), DerError::Truncated),
        pki.defect(
            "PEM of a CRL without its last octet",
            clause,
            in_pem(&whole[..whole.len() - 1]),
            DerError::Truncated,
        ),
        pki.defect(
            "PEM of a CRL that an octet follows",
            clause,
            in_pem(&[&whole[..], &[0]].concat()),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "PEM of two CRLs in one block",
            clause,
            in_pem(&whole.repeat(2)),
            DerError::TrailingOctets,
        ),
        pki.defect(
            "PEM of a certificate in a block of a CRL",
            clause,
            in_pem(pki.ca.certificate_der()),
            tag(0x30, 0xa0),
        ),
        pki.defect(
            "PEM in PEM",
            clause,
            in_pem(pki.sound().pem().as_bytes()),
            tag(0x30, b'-'),
        ),
        // It is the DER that counts, so that the sound CRL in it is not what is read.
        pki.defect(
            "DER without nextUpdate, but with the PEM of a sound CRL in an extension",
            "RFC 5280 §5.1.2.5",
            with_pem_inside.der(),
            Refusal::NextUpdateMissing,
        ),
    ]
}

/// One result for each CRL: the sound ones are not lost with the others.
fn of_bundles(pki: &Pki) -> Vec<Defect> {
    let sound = pki.sound().pem();
    let bundle = |parts: &[&str]| parts.concat().into_bytes();
    let not_base64 = sound.replacen("MII", "M!I", 1).replacen("\nMI", "\nM!", 1);
    vec![
        pki.case(
            "a bundle of a sound CRL, a foreign one and one without a number",
            "RFC 5280 §5.2.3",
            bundle(&[
                &sound,
                &pki.foreign.crl().pem(),
                &pki.ca.crl().no_number().pem(),
            ]),
            vec![
                Ok(()),
                Err(Refusal::ForeignIssuer),
                Err(Refusal::CrlNumberMissing),
            ],
        ),
        pki.case(
            "a bundle whose first CRL is no DER",
            "RFC 7468 §6",
            bundle(&[&der::pem("X509 CRL", b"no CRL today"), &sound, &sound]),
            vec![Err(DerError::Truncated.into()), Ok(()), Ok(())],
        ),
        pki.case(
            "a bundle of the CA's certificate and a CRL without nextUpdate",
            "RFC 5280 §5.1.2.5",
            bundle(&[
                &pki.ca.certificate_pem(),
                &pki.sound().no_next_update().pem(),
            ]),
            vec![Err(Refusal::NextUpdateMissing)],
        ),
        // Where a block ends is no longer known, so nothing in the object is believed.
        pki.case(
            "a bundle whose second CRL is no Base64",
            "RFC 4648 §3.3",
            bundle(&[&sound, &not_base64]),
            vec![Err(Refusal::Pem(
                "a block is not Base64: InvalidCharacter(33)".to_owned(),
            ))],
        ),
        pki.case(
            "a bundle whose last CRL is cut off",
            "RFC 7468 §2",
            bundle(&[&sound, &sound[..sound.len() - 30]]),
            vec![Err(Refusal::Pem(
                "a block has no end of the same label".to_owned(),
            ))],
        ),
    ]
}

const BEGIN: &str = "-----BEGIN X509 CRL-----";
const END: &str = "-----END X509 CRL-----";
