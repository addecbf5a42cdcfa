//! From a plan to certificates and CRLs. The keys are made once: only what they sign is new.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use testkit::pki::{
    Ca, CaOptions, CrlDistributionPoints, DistributionPoint, DistributionPointName,
    IssuingDistributionPoint, KeyIdentifier, Leaf, LeafOptions, Reason, Serial, der, oid,
};

use crate::facts::Crl;
use crate::plan::{Age, CaCertificate, CaId, Flaw, NOW, Only, Plan, UNUSED_SERIAL, Uri};

/// A plan carried out.
pub(crate) struct Pki<'p> {
    pub(crate) plan: &'p Plan,
    /// Every CA certificate.
    pub(crate) cas: Vec<(CaCertificate, Ca)>,
    pub(crate) leaf: Leaf,
    pub(crate) crls: Vec<EncodedCrl<'p>>,
}

/// A CRL in DER, and the object it is in.
pub(crate) struct EncodedCrl<'p> {
    pub(crate) crl: Crl<'p>,
    pub(crate) key: String,
    pub(crate) der: Vec<u8>,
}

impl<'p> Pki<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        let mut cas: Vec<(CaCertificate, Ca)> = Vec::new();
        for certificate in plan.ca_certificates() {
            let ca = certify(plan, &certificate, &cas);
            cas.push((certificate, ca));
        }
        let leaf = issue(plan, find(&cas, plan.issuer()));
        let encode = |crl: Crl<'p>| EncodedCrl {
            key: object_key(&crl),
            der: encode(plan, &crl, &cas),
            crl,
        };
        let crls = plan.crls().into_iter().map(encode).collect();
        Self {
            plan,
            cas,
            leaf,
            crls,
        }
    }

    /// All CA certificates, as API Gateway's truststore holds them.
    pub(crate) fn truststore_pem(&self) -> String {
        self.cas
            .iter()
            .map(|(_, ca)| ca.certificate_pem())
            .collect()
    }

    /// The CA certificate of this position.
    pub(crate) fn ca(&self, certificate: &CaCertificate) -> &Ca {
        let is_it = |(other, _): &&(CaCertificate, Ca)| other.position == certificate.position;
        &self.cas.iter().find(is_it).expect("one of the plan's").1
    }

    /// Writes everything as PEM files into a new folder, for a look at a case with other tools.
    pub(crate) fn write_files(&self) -> io::Result<PathBuf> {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("differential-failure-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("truststore.pem"), self.truststore_pem())?;
        fs::write(folder.join("client.pem"), self.leaf.certificate_pem())?;
        for (certificate, ca) in &self.cas {
            let name = format!(
                "ca-{:?}-by-{:?}.pem",
                certificate.subject, certificate.issuer
            );
            fs::write(
                folder.join(name.replace(['(', ')'], "")),
                ca.certificate_pem(),
            )?;
        }
        for crl in &self.crls {
            let name = format!("crl-{}-{}.pem", label(crl.crl.ca), crl.crl.index);
            fs::write(folder.join(name), crl.pem())?;
        }
        self.write_crls(&folder.join("crls.pem"))?;
        Ok(folder)
    }

    /// Writes all CRLs into one file.
    pub(crate) fn write_crls(&self, path: &Path) -> io::Result<()> {
        let pem: String = self.crls.iter().map(EncodedCrl::pem).collect();
        fs::write(path, pem)
    }
}

impl EncodedCrl<'_> {
    pub(crate) fn pem(&self) -> String {
        der::pem("X509 CRL", &self.der)
    }
}

/// One key for each CA, and one that belongs to none.
static KEYS: LazyLock<Vec<Ca>> = LazyLock::new(|| {
    (0..=CaId::COUNT)
        .map(|slot| Ca::root(&format!("Key {slot}")))
        .collect()
});

fn certify(plan: &Plan, certificate: &CaCertificate, cas: &[(CaCertificate, Ca)]) -> Ca {
    let CaCertificate {
        position,
        subject,
        issuer,
    } = *certificate;
    let details = &plan.ca_certificates[position];
    let options = CaOptions {
        key_of: Some(KEYS[subject.slot()].clone()),
        serial: Serial::Content(details.serial.clone()),
        crl_distribution_points: distribution_points(&details.distribution_points, issuer),
        ..CaOptions::default()
    };
    let named = match (subject, plan.namesake_level()) {
        (CaId::Namesake, Some(level)) => CaId::Path(level),
        _ => subject,
    };
    let name = format!("Differential {}", label(named));
    if certificate.is_root() {
        Ca::self_signed(&name, options)
    } else {
        find(cas, issuer).subordinate_with(&name, options)
    }
}

fn find(cas: &[(CaCertificate, Ca)], wanted: CaId) -> &Ca {
    let is_it = |(certificate, _): &&(CaCertificate, Ca)| certificate.subject == wanted;
    &cas.iter().find(is_it).expect("issuers come first").1
}

fn issue(plan: &Plan, issuer: &Ca) -> Leaf {
    let details = &plan.leaf;
    let authority_key_identifier = if details.names_key {
        KeyIdentifier::Matching
    } else {
        KeyIdentifier::Absent
    };
    issuer.issue_with(
        "Client",
        LeafOptions {
            serial: Serial::Content(details.serial.clone()),
            crl_distribution_points: distribution_points(
                &details.distribution_points,
                plan.issuer(),
            ),
            authority_key_identifier,
            ..LeafOptions::default()
        },
    )
}

fn encode(plan: &Plan, crl: &Crl<'_>, cas: &[(CaCertificate, Ca)]) -> Vec<u8> {
    const MINUTE: i64 = 60;
    const DAY: i64 = 86_400;
    let details = crl.plan;
    let index = i64::try_from(crl.index).expect("few CRLs");
    let (this_update, next_update) = match details.age {
        Age::Fresh => (NOW - 7 * DAY, NOW + 7 * DAY),
        Age::EndsNow => (NOW - 7 * DAY, NOW),
        Age::Expired => (NOW - 7 * DAY, NOW - 1),
        Age::Ahead => (NOW + 2 * MINUTE, NOW + 7 * DAY),
        Age::NotYet => (NOW + 60 * MINUTE, NOW + 7 * DAY),
    };
    let ca = find(cas, crl.ca);
    let number = u64::try_from(1000 + index).expect("a positive number");
    let mut builder = ca
        .crl()
        .this_update(this_update + index * MINUTE)
        .next_update(next_update)
        .number(number);
    if !details.names_key {
        builder = builder.no_aki();
    }
    if let Some(idp) = issuing_distribution_point(crl) {
        builder = builder.idp_der(true, &idp.to_der());
    }
    for (serial, reason) in plan.entries(details) {
        let extension = reason.map(|code| extension(oid::REASON_CODE, &der::enumerated(code)));
        builder = builder.entry_der(&entry(&serial, extension));
    }
    builder = match details.flaw {
        Some(Flaw::UnknownCritical) => builder.extension(oid::UNKNOWN, true, &der::null()),
        Some(Flaw::Delta) => builder.delta(1),
        Some(Flaw::NumberMissing) => builder.no_number(),
        Some(Flaw::Version1) => builder.version(None).no_extensions(),
        Some(Flaw::WrongSigner) => builder.signed_by(&KEYS[CaId::COUNT]),
        Some(Flaw::OtherKeyNamed) => builder.aki_key_id(KEYS[CaId::COUNT].key_id()),
        Some(Flaw::EntryUnknownCritical) => {
            builder.entry_extension(&UNUSED_SERIAL, oid::UNKNOWN, true, &der::null())
        }
        Some(
            Flaw::Indirect | Flaw::SomeReasons | Flaw::AttributeCertificates | Flaw::RemoveFromCrl,
        )
        | None => builder,
    };
    builder.der()
}

fn issuing_distribution_point(crl: &Crl<'_>) -> Option<IssuingDistributionPoint> {
    let details = crl.plan;
    let uris: Vec<_> = details.names.iter().map(|uri| text(*uri, crl.ca)).collect();
    let indirect_crl = details.flaw == Some(Flaw::Indirect);
    let some_reasons = details.flaw == Some(Flaw::SomeReasons);
    let only_contains_attribute_certs = details.flaw == Some(Flaw::AttributeCertificates);
    let is_limited = details.only != Only::Neither
        || indirect_crl
        || some_reasons
        || only_contains_attribute_certs;
    if uris.is_empty() && !is_limited {
        return None;
    }
    Some(IssuingDistributionPoint {
        name: (!uris.is_empty()).then(|| DistributionPointName::uris(&uris)),
        only_contains_user_certs: details.only == Only::Users,
        only_contains_ca_certs: details.only == Only::Cas,
        only_some_reasons: some_reasons.then(|| vec![Reason::KeyCompromise]),
        indirect_crl,
        only_contains_attribute_certs,
    })
}

fn entry(serial: &[u8], extension: Option<Vec<u8>>) -> Vec<u8> {
    let extensions = extension.map(|extension| der::sequence(&[&extension]));
    der::sequence(&[
        &der::integer(serial),
        &der::time(NOW - 1_000_000),
        &extensions.unwrap_or_default(),
    ])
}

fn extension(dotted: &str, value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(dotted), &der::octet_string(value)])
}

fn distribution_points(points: &[Vec<Uri>], issuer: CaId) -> CrlDistributionPoints {
    if points.is_empty() {
        return CrlDistributionPoints::Absent;
    }
    let texts =
        |point: &Vec<Uri>| -> Vec<String> { point.iter().map(|uri| text(*uri, issuer)).collect() };
    let points = points
        .iter()
        .map(|point| DistributionPoint::uris(&texts(point)));
    CrlDistributionPoints::Points(points.collect())
}

fn text(uri: Uri, ca: CaId) -> String {
    let label = label(ca);
    match uri {
        Uri::Complete => format!("http://crls.example.com/crl/{label}.crl"),
        Uri::Partition(number) => format!("http://crls.example.com/crl/{label}/{number}.crl"),
        Uri::Mirror => format!("http://mirror.example.com/{label}/0.crl"),
        Uri::PathStyle => format!("https://s3.amazonaws.com/crls.example.com/crl/{label}.crl"),
        Uri::Nowhere => format!("http://crls.example.com/crl/{label}/nowhere.crl"),
    }
}

/// The complete CRL is where [`Uri::Complete`] says; the others have objects of their own.
fn object_key(crl: &Crl<'_>) -> String {
    let label = label(crl.ca);
    if crl.is_partition() || crl.is_nameless() {
        format!("crl/{label}/object-{}.crl", crl.index)
    } else {
        format!("crl/{label}.crl")
    }
}

fn label(ca: CaId) -> String {
    match ca {
        CaId::Path(level) => format!("level-{level}"),
        CaId::SecondRoot => "second-root".to_owned(),
        CaId::Namesake => "namesake".to_owned(),
    }
}
