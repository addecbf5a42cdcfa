//! The extensions of CRLs and of their entries: which are processed and which make us refuse.
//!
//! §5.2: "If a CRL contains a critical extension that the application cannot process, then the
//! application MUST NOT use that CRL to determine the status of certificates. However, applications
//! may ignore unrecognized non-critical extensions." §5.3 says the same of entries.

use revocation::der::{DerError, Element, Reader, tag};
use revocation::distribution_point::{is_place, read_distribution_point_name};
use revocation::{Covers, CrlNumber, Scope};

use crate::refusal::Refusal;
use crate::signature::show_oid;
use crate::truststore::CaCertificate;

/// The extensions of a CRL that are processed.
pub(super) struct CrlExtensions<'a> {
    pub(super) authority_key: AuthorityKey<'a>,
    /// Refused only after the signature is verified, like everything below.
    pub(super) number: Option<Result<CrlNumber, Refusal>>,
    idp: Option<Result<IssuingDistributionPoint, Refusal>>,
    is_delta: bool,
    /// The first critical extension that is not processed, dotted.
    unknown_critical: Option<String>,
}

impl<'a> CrlExtensions<'a> {
    /// Reads the content of `crlExtensions`; `issuer` is the CRL's, a DER `Name`.
    ///
    /// ```text
    /// Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension
    /// ```
    pub(super) fn read(extensions: Option<&'a [u8]>, issuer: &[u8]) -> Result<Self, Refusal> {
        let mut found = Self {
            authority_key: AuthorityKey::default(),
            number: None,
            idp: None,
            is_delta: false,
            unknown_critical: None,
        };
        let Some(extensions) = extensions else {
            return Ok(found);
        };
        read_extensions(Reader::new(extensions), |extension| {
            match extension.oid {
                oid::AUTHORITY_KEY_IDENTIFIER => {
                    let key = AuthorityKey::read(extension.value);
                    found.authority_key = key.map_err(malformed("authorityKeyIdentifier"))?;
                }
                oid::CRL_NUMBER => found.number = Some(read_number(&extension)),
                oid::DELTA_CRL_INDICATOR => found.is_delta = true,
                oid::ISSUING_DISTRIBUTION_POINT => {
                    let idp = IssuingDistributionPoint::read(extension.value, issuer);
                    found.idp = Some(idp.map_err(malformed("issuingDistributionPoint")));
                }
                other if extension.critical => {
                    found
                        .unknown_critical
                        .get_or_insert_with(|| show_oid(other));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// What the CRL covers, if it is of a kind that we support.
    pub(super) fn supported_scope(&self) -> Result<Scope, Refusal> {
        if self.is_delta {
            return Err(Refusal::DeltaCrl);
        }
        let scope = match &self.idp {
            Some(idp) => idp.clone()?.supported_scope()?,
            None => Scope::complete(),
        };
        match &self.unknown_critical {
            Some(oid) => Err(Refusal::UnknownCriticalExtension { oid: oid.clone() }),
            None => Ok(scope),
        }
    }
}

/// Checks the extensions of one entry, of which nothing is kept.
pub(super) fn check_entry(extensions: Reader<'_>) -> Result<(), Refusal> {
    read_extensions(extensions, |extension| match extension.oid {
        oid::REASON_CODE => {
            let mut value = Reader::new(extension.value);
            let reason = value
                .expect(tag::ENUMERATED)
                .map_err(malformed("cRLReason"))?;
            value.finish().map_err(malformed("cRLReason"))?;
            match reason.content {
                // §5.3.1: "The removeFromCRL (8) reason code value may only appear in delta CRLs".
                [8] => Err(Refusal::RemoveFromCrl),
                // 7 is not used. certificateHold (6) is a revocation like any other.
                [0..=6 | 9 | 10] => Ok(()),
                _ => Err(malformed("cRLReason")(DerError::Value)),
            }
        }
        oid::CERTIFICATE_ISSUER => Err(Refusal::IndirectCrl),
        oid::INVALIDITY_DATE => {
            let mut value = Reader::new(extension.value);
            let date = value.element().and_then(|date| date.generalized_time());
            let read = date.and_then(|_| value.finish());
            read.map_err(malformed("invalidityDate"))
        }
        other if extension.critical => Err(Refusal::UnknownCriticalExtension {
            oid: show_oid(other),
        }),
        _ => Ok(()),
    })
}

/// Which key signed a CRL (§4.2.1.1), as far as it says.
///
/// ```text
/// AuthorityKeyIdentifier ::= SEQUENCE {
///     keyIdentifier              [0] KeyIdentifier           OPTIONAL,
///     authorityCertIssuer        [1] GeneralNames            OPTIONAL,
///     authorityCertSerialNumber  [2] CertificateSerialNumber OPTIONAL }
/// ```
#[derive(Default)]
pub(super) struct AuthorityKey<'a> {
    key_id: Option<&'a [u8]>,
    /// The certificate of that key: one of these names issued it, under this serial number.
    certificate: Option<(&'a [u8], &'a [u8])>,
}

impl<'a> AuthorityKey<'a> {
    fn read(value: &'a [u8]) -> Result<Self, DerError> {
        let mut outer = Reader::new(value);
        let mut fields = outer.sequence()?;
        outer.finish()?;
        let key_id = fields
            .optional(tag::context(0))?
            .map(|element| element.content);
        let issuer = fields.optional(tag::context_constructed(1))?;
        let serial = fields.optional(tag::context(2))?;
        fields.finish()?;
        let certificate = match (issuer, serial) {
            (Some(issuer), Some(serial)) => {
                let mut names = Reader::new(issuer.content);
                names.element()?;
                while !names.is_empty() {
                    names.element()?;
                }
                Some((issuer.content, serial.content))
            }
            (None, None) => None,
            // §A.2: "authorityCertIssuer and authorityCertSerialNumber MUST both be present or both
            // be absent".
            (Some(_), None) | (None, Some(_)) => return Err(DerError::Value),
        };
        Ok(Self {
            key_id,
            certificate,
        })
    }

    /// Whether that CA certificate is the one, as far as both sides say: a CA without a subject key
    /// identifier may be referred to by one that it derives in a way of its own.
    pub(super) fn names(&self, ca: &CaCertificate) -> bool {
        let key_matches = self
            .key_id
            .is_none_or(|key_id| !ca.states_key_id || key_id == ca.issuer.key_id);
        let is_it = |(names, serial)| certificate_is(ca, names, serial);
        key_matches && self.certificate.is_none_or(is_it)
    }
}

fn certificate_is(ca: &CaCertificate, mut names: &[u8], serial: &[u8]) -> bool {
    let is_serial = revocation::SerialNumber::from_der_integer(serial) == Ok(ca.serial);
    let mut is_named = false;
    while let Ok(Element { tag, content, raw }) = Reader::new(names).element() {
        // directoryName [4] Name; the choice makes the tag explicit.
        is_named |= tag == tag::context_constructed(4) && content == ca.issued_by;
        names = &names[raw.len()..];
    }
    is_serial && is_named
}

/// ```text
/// IssuingDistributionPoint ::= SEQUENCE {
///     distributionPoint           [0] DistributionPointName OPTIONAL,
///     onlyContainsUserCerts       [1] BOOLEAN DEFAULT FALSE,
///     onlyContainsCACerts         [2] BOOLEAN DEFAULT FALSE,
///     onlySomeReasons             [3] ReasonFlags OPTIONAL,
///     indirectCRL                 [4] BOOLEAN DEFAULT FALSE,
///     onlyContainsAttributeCerts  [5] BOOLEAN DEFAULT FALSE }
/// ```
#[derive(Clone)]
struct IssuingDistributionPoint {
    names: Vec<Vec<u8>>,
    only_user: bool,
    only_ca: bool,
    only_some_reasons: bool,
    indirect: bool,
    only_attribute: bool,
}

impl IssuingDistributionPoint {
    fn read(value: &[u8], issuer: &[u8]) -> Result<Self, DerError> {
        let mut outer = Reader::new(value);
        let mut fields = outer.sequence()?;
        outer.finish()?;
        // §5.2.5: "Conforming CRLs issuers MUST NOT issue CRLs where the DER encoding of the
        // issuing distribution point extension is an empty sequence."
        if fields.is_empty() {
            return Err(DerError::Value);
        }
        let names = match fields.optional(tag::context_constructed(0))? {
            Some(name) => read_distribution_point_name(&name, issuer)?,
            None => Vec::new(),
        };
        let idp = Self {
            names,
            only_user: fields.default_false(tag::context(1))?,
            only_ca: fields.default_false(tag::context(2))?,
            only_some_reasons: fields.optional(tag::context(3))?.is_some(),
            indirect: fields.default_false(tag::context(4))?,
            only_attribute: fields.default_false(tag::context(5))?,
        };
        fields.finish()?;
        Ok(idp)
    }

    fn supported_scope(self) -> Result<Scope, Refusal> {
        if self.indirect {
            return Err(Refusal::IndirectCrl);
        }
        if self.only_attribute {
            return Err(Refusal::AttributeCertificatesOnly);
        }
        if self.only_some_reasons {
            return Err(Refusal::OnlySomeReasons);
        }
        let covers = match (self.only_user, self.only_ca) {
            (false, false) => Covers::AllCertificates,
            (true, false) => Covers::UserCertificates,
            (false, true) => Covers::CaCertificates,
            // §5.2.5: at most one of the three may be TRUE.
            (true, true) => return Err(malformed("issuingDistributionPoint")(DerError::Value)),
        };
        if !self.names.iter().all(|name| is_place(name)) {
            return Err(Refusal::DistributionPointName);
        }
        Ok(Scope {
            names: self.names,
            covers,
        })
    }
}

fn read_number(extension: &Extension<'_>) -> Result<CrlNumber, Refusal> {
    if extension.critical {
        return Err(Refusal::CrlNumberCritical);
    }
    let mut value = Reader::new(extension.value);
    let number = value.expect(tag::INTEGER).map_err(malformed("cRLNumber"))?;
    value.finish().map_err(malformed("cRLNumber"))?;
    CrlNumber::from_der_integer(number.content).map_err(Refusal::CrlNumberInvalid)
}

/// ```text
/// Extension ::= SEQUENCE {
///     extnID     OBJECT IDENTIFIER,
///     critical   BOOLEAN DEFAULT FALSE,
///     extnValue  OCTET STRING }
/// ```
struct Extension<'a> {
    oid: &'a [u8],
    critical: bool,
    value: &'a [u8],
}

/// Hands each extension on; there must be one, and none twice (§4.2).
fn read_extensions<'a>(
    mut extensions: Reader<'a>,
    mut each: impl FnMut(Extension<'a>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let all = extensions.rest();
    for _ in 0..MAX_EXTENSIONS {
        let before = &all[..all.len() - extensions.rest().len()];
        let mut fields = extensions.sequence()?;
        let oid = fields.element()?.object_identifier()?;
        let critical = fields.default_false(tag::BOOLEAN)?;
        let value = fields.expect(tag::OCTET_STRING)?.content;
        fields.finish()?;
        if occurs_in(before, oid) {
            return Err(Refusal::DuplicateExtension { oid: show_oid(oid) });
        }
        each(Extension {
            oid,
            critical,
            value,
        })?;
        if extensions.is_empty() {
            return Ok(());
        }
    }
    Err(Refusal::TooManyExtensions {
        limit: MAX_EXTENSIONS,
    })
}

/// Whether extensions that have been read before include one. Lists are short; nothing is stored.
fn occurs_in(extensions: &[u8], oid: &[u8]) -> bool {
    let mut extensions = Reader::new(extensions);
    while let Ok(mut fields) = extensions.sequence() {
        if fields
            .expect(tag::OID)
            .is_ok_and(|element| element.content == oid)
        {
            return true;
        }
    }
    false
}

fn malformed(extension: &'static str) -> impl Fn(DerError) -> Refusal {
    move |error| Refusal::ExtensionMalformed { extension, error }
}

/// Far more than any CA writes; what is compared with each other stays small.
const MAX_EXTENSIONS: usize = 32;

/// Content octets of object identifiers below `id-ce`, 2.5.29.
mod oid {
    pub(super) const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 20];
    pub(super) const REASON_CODE: &[u8] = &[0x55, 0x1d, 21];
    pub(super) const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 24];
    pub(super) const DELTA_CRL_INDICATOR: &[u8] = &[0x55, 0x1d, 27];
    pub(super) const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];
    pub(super) const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];
    pub(super) const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
}
