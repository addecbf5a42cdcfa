//! The object identifiers tests need by name, in dotted form.

/// subjectKeyIdentifier, RFC 5280 §4.2.1.2.
pub const SUBJECT_KEY_IDENTIFIER: &str = "2.5.29.14";
/// keyUsage, RFC 5280 §4.2.1.3.
pub const KEY_USAGE: &str = "2.5.29.15";
/// subjectAltName, RFC 5280 §4.2.1.6.
pub const SUBJECT_ALT_NAME: &str = "2.5.29.17";
/// basicConstraints, RFC 5280 §4.2.1.9.
pub const BASIC_CONSTRAINTS: &str = "2.5.29.19";
/// cRLNumber, RFC 5280 §5.2.3.
pub const CRL_NUMBER: &str = "2.5.29.20";
/// reasonCode, RFC 5280 §5.3.1.
pub const REASON_CODE: &str = "2.5.29.21";
/// invalidityDate, RFC 5280 §5.3.2.
pub const INVALIDITY_DATE: &str = "2.5.29.24";
/// deltaCRLIndicator, RFC 5280 §5.2.4.
pub const DELTA_CRL_INDICATOR: &str = "2.5.29.27";
/// issuingDistributionPoint, RFC 5280 §5.2.5.
pub const ISSUING_DISTRIBUTION_POINT: &str = "2.5.29.28";
/// certificateIssuer, RFC 5280 §5.3.3.
pub const CERTIFICATE_ISSUER: &str = "2.5.29.29";
/// cRLDistributionPoints, RFC 5280 §4.2.1.13.
pub const CRL_DISTRIBUTION_POINTS: &str = "2.5.29.31";
/// authorityKeyIdentifier, RFC 5280 §4.2.1.1.
pub const AUTHORITY_KEY_IDENTIFIER: &str = "2.5.29.35";
/// extKeyUsage, RFC 5280 §4.2.1.12.
pub const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
/// freshestCRL, RFC 5280 §5.2.6.
pub const FRESHEST_CRL: &str = "2.5.29.46";
/// id-kp-serverAuth, RFC 5280 §4.2.1.12.
pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
/// id-kp-clientAuth, RFC 5280 §4.2.1.12.
pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
/// An identifier no reader knows (below Example Enterprise's arc, RFC 5612).
pub const UNKNOWN: &str = "1.3.6.1.4.1.32473.1";

pub(crate) const COMMON_NAME: &str = "2.5.4.3";
pub(crate) const COUNTRY_NAME: &str = "2.5.4.6";
pub(crate) const ORGANIZATION_NAME: &str = "2.5.4.10";
