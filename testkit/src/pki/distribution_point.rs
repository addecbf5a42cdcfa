//! Distribution points: where a certificate says its CRL is, and what a CRL says it covers.

use super::der;

/// One element of cRLDistributionPoints (RFC 5280 §4.2.1.13).
#[derive(Clone, Debug, Default)]
pub struct DistributionPoint {
    /// `distributionPoint`.
    pub name: Option<DistributionPointName>,
    /// `reasons`; `None` for all of them.
    pub reasons: Option<Vec<Reason>>,
    /// `cRLIssuer`; not written when empty.
    pub crl_issuer: Vec<GeneralName>,
}

impl DistributionPoint {
    /// The usual shape: one distribution point whose full name is these URIs.
    pub fn uris<S: AsRef<str>>(uris: &[S]) -> Self {
        Self {
            name: Some(DistributionPointName::uris(uris)),
            ..Self::default()
        }
    }

    /// The `DistributionPoint`'s DER.
    pub fn to_der(&self) -> Vec<u8> {
        let name = self
            .name
            .as_ref()
            .map(DistributionPointName::to_der)
            .unwrap_or_default();
        let reasons = self
            .reasons
            .as_deref()
            .map(|reasons| reason_flags(1, reasons));
        let crl_issuer = match self.crl_issuer.as_slice() {
            [] => Vec::new(),
            names => der::explicit(2, &general_names(names)),
        };
        der::sequence(&[&name, &reasons.unwrap_or_default(), &crl_issuer])
    }
}

/// The issuingDistributionPoint extension of a CRL (RFC 5280 §5.2.5); FALSE fields are not written.
#[derive(Clone, Debug, Default)]
pub struct IssuingDistributionPoint {
    /// `distributionPoint`.
    pub name: Option<DistributionPointName>,
    /// `onlyContainsUserCerts`.
    pub only_contains_user_certs: bool,
    /// `onlyContainsCACerts`.
    pub only_contains_ca_certs: bool,
    /// `onlySomeReasons`.
    pub only_some_reasons: Option<Vec<Reason>>,
    /// `indirectCRL`.
    pub indirect_crl: bool,
    /// `onlyContainsAttributeCerts`.
    pub only_contains_attribute_certs: bool,
}

impl IssuingDistributionPoint {
    /// A partition as AWS Private CA names it: a full name of URIs and nothing else.
    pub fn uris<S: AsRef<str>>(uris: &[S]) -> Self {
        Self {
            name: Some(DistributionPointName::uris(uris)),
            ..Self::default()
        }
    }

    /// The extension value's DER, for [`super::CrlBuilder::idp_der`].
    pub fn to_der(&self) -> Vec<u8> {
        let flag = |number, set: bool| {
            if set {
                der::implicit(number, &[0xff])
            } else {
                vec![]
            }
        };
        let name = self
            .name
            .as_ref()
            .map(DistributionPointName::to_der)
            .unwrap_or_default();
        let reasons = self
            .only_some_reasons
            .as_deref()
            .map(|reasons| reason_flags(3, reasons));
        der::sequence(&[
            &name,
            &flag(1, self.only_contains_user_certs),
            &flag(2, self.only_contains_ca_certs),
            &reasons.unwrap_or_default(),
            &flag(4, self.indirect_crl),
            &flag(5, self.only_contains_attribute_certs),
        ])
    }
}

/// `DistributionPointName`.
#[derive(Clone, Debug)]
pub enum DistributionPointName {
    /// `fullName`.
    FullName(Vec<GeneralName>),
    /// `nameRelativeToCRLIssuer`: a common name below the issuer's name.
    RelativeToCrlIssuer(String),
}

impl DistributionPointName {
    /// A full name of URIs.
    pub fn uris<S: AsRef<str>>(uris: &[S]) -> Self {
        Self::FullName(
            uris.iter()
                .map(|uri| GeneralName::Uri(uri.as_ref().to_owned()))
                .collect(),
        )
    }

    /// `[0]`, explicit, as both extensions have it.
    fn to_der(&self) -> Vec<u8> {
        let choice = match self {
            Self::FullName(names) => der::explicit(0, &general_names(names)),
            Self::RelativeToCrlIssuer(common_name) => der::explicit(
                1,
                &der::attribute(super::oid::COMMON_NAME, &der::utf8_string(common_name)),
            ),
        };
        der::explicit(0, &choice)
    }
}

/// `GeneralName`, as far as distribution points and subject alternative names use it.
#[derive(Clone, Debug)]
pub enum GeneralName {
    /// `dNSName`.
    Dns(String),
    /// `directoryName`, from a `Name`'s DER (see [`der::name`] and [`super::Ca::name_der`]).
    DirectoryName(Vec<u8>),
    /// `uniformResourceIdentifier`.
    Uri(String),
    /// A whole encoded value, tag included.
    Der(Vec<u8>),
}

impl GeneralName {
    fn to_der(&self) -> Vec<u8> {
        match self {
            Self::Dns(name) => der::implicit(2, name.as_bytes()),
            Self::DirectoryName(name) => der::explicit(4, name),
            Self::Uri(uri) => der::implicit(6, uri.as_bytes()),
            Self::Der(value) => value.clone(),
        }
    }
}

/// A bit of `ReasonFlags`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `keyCompromise`.
    KeyCompromise,
    /// `cACompromise`.
    CaCompromise,
    /// `affiliationChanged`.
    AffiliationChanged,
    /// `superseded`.
    Superseded,
    /// `cessationOfOperation`.
    CessationOfOperation,
    /// `certificateHold`.
    CertificateHold,
    /// `privilegeWithdrawn`.
    PrivilegeWithdrawn,
    /// `aACompromise`.
    AaCompromise,
}

impl Reason {
    fn bit(self) -> u8 {
        match self {
            Self::KeyCompromise => 1,
            Self::CaCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::CertificateHold => 6,
            Self::PrivilegeWithdrawn => 7,
            Self::AaCompromise => 8,
        }
    }
}

/// The contents of `GeneralNames`, without its SEQUENCE: the tag around it is implicit or our own.
pub(crate) fn general_names(names: &[GeneralName]) -> Vec<u8> {
    names.iter().flat_map(GeneralName::to_der).collect()
}

fn reason_flags(number: u8, reasons: &[Reason]) -> Vec<u8> {
    let bits: Vec<u8> = reasons.iter().map(|reason| reason.bit()).collect();
    der::implicit(number, &der::named_bits(&bits))
}
