//! Why a CRL is not taken into the snapshot: each reason with a code for scripts and alarms, and a
//! sentence with the remedy for people.

use std::fmt;

use revocation::der::DerError;
use revocation::{CrlNumber, CrlNumberError, SerialNumber, SerialNumberError, UnixTime};

use crate::signature::SignatureError;

/// Why a CRL is refused. The snapshot keeps what it held for the CRL's scope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The signature algorithms inside and outside of the signed part differ (RFC 5280 §5.1.1.2).
    AlgorithmMismatch,
    /// It is limited to attribute certificates (§5.2.5).
    AttributeCertificatesOnly,
    /// No CA of its issuer's name has the key its authority key identifier names (§5.2.1).
    AuthorityKeyIdentifier,
    /// None of the issuer's CA certificates is valid now.
    CaCertificateNotValid {
        /// When the last one expired, or will begin.
        not_before: UnixTime,
        /// When the last one expired, or will expire.
        not_after: UnixTime,
    },
    /// The CRL number is marked critical (§5.2.3: "a non-critical CRL extension").
    CrlNumberCritical,
    /// The CRL number is not one.
    CrlNumberInvalid(CrlNumberError),
    /// A newer CRL of the same scope is held.
    CrlNumberLower {
        /// The number held.
        held: CrlNumber,
        /// This one's.
        found: CrlNumber,
    },
    /// There is no CRL number (§5.2.3: "CRL issuers conforming to this profile MUST include").
    CrlNumberMissing,
    /// Another CRL with the same number is held for the same scope.
    CrlNumberReused {
        /// The number.
        number: CrlNumber,
    },
    /// It only lists changes to another CRL (§5.2.4).
    DeltaCrl,
    /// A name of its distribution point is neither a URI nor a directory name (§4.2.1.13).
    DistributionPointName,
    /// An extension occurs twice (§4.2).
    DuplicateExtension {
        /// Its object identifier, dotted.
        oid: String,
    },
    /// Two entries are about the same certificate (§5.1.2.6).
    DuplicateSerialNumber {
        /// Its serial number.
        serial: SerialNumber,
    },
    /// An extension does not have the form the standard gives it.
    ExtensionMalformed {
        /// Its name.
        extension: &'static str,
        /// What is wrong.
        error: DerError,
    },
    /// Its issuer is no CA of the truststore. Usually no failure: CRL buckets are shared.
    ForeignIssuer,
    /// It speaks for other issuers than its own (§5.2.5, §5.3.3).
    IndirectCrl,
    /// It is not the DER of a CRL.
    Malformed(DerError),
    /// It contains no CRL at all.
    NoCrl,
    /// It has no nextUpdate (§5.1.2.5), so it could be replayed for ever.
    NextUpdateMissing,
    /// Its nextUpdate precedes its thisUpdate.
    NextUpdateBeforeThisUpdate,
    /// The issuer's certificates lack the key usage cRLSign (§6.3.3 (f)), or have nothing but that
    /// and are not known to be of the CA they would speak for (§4.1.2.6).
    NotACrlSigner,
    /// Its thisUpdate is in the future.
    NotYetIssued {
        /// Its thisUpdate.
        this_update: UnixTime,
    },
    /// It covers only some revocation reasons (§5.2.5).
    OnlySomeReasons,
    /// The PEM around it is broken.
    Pem(String),
    /// An entry is for taking off a hold, which only delta CRLs may do (§5.3.1).
    RemoveFromCrl,
    /// An entry's serial number is not one.
    SerialNumber(SerialNumberError),
    /// The signature is not verified.
    Signature(SignatureError),
    /// The object has more octets than allowed.
    TooLarge {
        /// How many are allowed.
        limit: u64,
    },
    /// The CRL or one of its entries has more extensions than we look at.
    TooManyExtensions {
        /// How many we look at.
        limit: usize,
    },
    /// A critical extension that is not processed, of the CRL or of an entry (§5.2, §5.3).
    UnknownCriticalExtension {
        /// Its object identifier, dotted.
        oid: String,
    },
    /// The object could not be read.
    Unreadable(String),
    /// It is not a version 2 CRL (§5.1.2.1).
    Version,
}

impl Refusal {
    /// Whether the CRL is simply of a CA that the truststore does not hold: of another name, or of a
    /// namesake with another key, such as a retired predecessor.
    pub const fn is_foreign(&self) -> bool {
        matches!(self, Self::ForeignIssuer | Self::AuthorityKeyIdentifier)
    }

    /// The code, stable between releases.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch => "algorithm-mismatch",
            Self::AttributeCertificatesOnly => "attribute-certificates-only",
            Self::AuthorityKeyIdentifier => "authority-key-identifier",
            Self::CaCertificateNotValid { .. } => "ca-certificate-not-valid",
            Self::CrlNumberCritical => "crl-number-critical",
            Self::CrlNumberInvalid(_) => "crl-number-invalid",
            Self::CrlNumberLower { .. } => "crl-number-lower",
            Self::CrlNumberMissing => "crl-number-missing",
            Self::CrlNumberReused { .. } => "crl-number-reused",
            Self::DeltaCrl => "delta-crl",
            Self::DistributionPointName => "distribution-point-name",
            Self::DuplicateExtension { .. } => "duplicate-extension",
            Self::DuplicateSerialNumber { .. } => "duplicate-serial-number",
            Self::ExtensionMalformed { .. } => "extension-malformed",
            Self::ForeignIssuer => "foreign-issuer",
            Self::IndirectCrl => "indirect-crl",
            Self::Malformed(_) => "malformed",
            Self::NoCrl => "no-crl",
            Self::NextUpdateMissing => "next-update-missing",
            Self::NextUpdateBeforeThisUpdate => "next-update-before-this-update",
            Self::NotACrlSigner => "not-a-crl-signer",
            Self::NotYetIssued { .. } => "not-yet-issued",
            Self::OnlySomeReasons => "only-some-reasons",
            Self::Pem(_) => "pem",
            Self::RemoveFromCrl => "remove-from-crl",
            Self::SerialNumber(_) => "serial-number",
            Self::Signature(error) => match error {
                SignatureError::Unsupported { .. } | SignatureError::Parameters => {
                    "signature-algorithm-unsupported"
                }
                SignatureError::WeakDigest => "signature-algorithm-weak",
                _ => "signature-invalid",
            },
            Self::TooLarge { .. } => "too-large",
            Self::TooManyExtensions { .. } => "too-many-extensions",
            Self::UnknownCriticalExtension { .. } => "unknown-critical-extension",
            Self::Unreadable(_) => "unreadable",
            Self::Version => "version",
        }
    }
}

/// What is wrong, a semicolon, and what to do about it.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlgorithmMismatch => f.write_str(
                "the signature algorithm outside of the signed part is not the one inside",
            ),
            Self::AttributeCertificatesOnly => {
                f.write_str("the CRL covers attribute certificates only")
            }
            Self::AuthorityKeyIdentifier => f.write_str(
                "the CRL's authority key identifier names a key that no CA of that name in the \
                 truststore has",
            ),
            Self::CaCertificateNotValid {
                not_before,
                not_after,
            } => write!(
                f,
                "the issuer's CA certificate is valid from {not_before} to {not_after} only"
            ),
            Self::CrlNumberCritical => f.write_str("the CRL number is marked critical"),
            Self::CrlNumberInvalid(error) => write!(f, "{error}"),
            Self::CrlNumberLower { held, found } => write!(
                f,
                "CRL number {found} is lower than {held}, which is held already: an old CRL was \
                 put back"
            ),
            Self::CrlNumberMissing => f.write_str("the CRL has no CRL number"),
            Self::CrlNumberReused { number } => {
                write!(f, "another CRL with number {number} is held already")
            }
            Self::DeltaCrl => f.write_str("this is a delta CRL"),
            Self::DistributionPointName => f.write_str(
                "the CRL's distribution point has a name that is neither a URI nor a directory name",
            ),
            Self::DuplicateExtension { oid } => write!(f, "the extension {oid} occurs twice"),
            Self::DuplicateSerialNumber { serial } => {
                write!(f, "the serial number {serial} is listed twice")
            }
            Self::ExtensionMalformed { extension, error } => {
                write!(f, "the extension {extension} is malformed: {error}")
            }
            Self::ForeignIssuer => {
                f.write_str("no CA of the truststore has the name of the CRL's issuer")
            }
            Self::IndirectCrl => f.write_str("this is an indirect CRL"),
            Self::Malformed(error) => write!(f, "this is not a CRL in DER: {error}"),
            Self::NoCrl => f.write_str("there is no CRL in the object"),
            Self::NextUpdateMissing => f.write_str("the CRL has no nextUpdate"),
            Self::NextUpdateBeforeThisUpdate => {
                f.write_str("the CRL's nextUpdate precedes its thisUpdate")
            }
            Self::NotACrlSigner => f.write_str(
                "the issuer's certificate does not allow it to sign CRLs (keyUsage cRLSign), or it \
                 signs nothing else and neither the CA of its name nor that CA's issuer issued it",
            ),
            Self::NotYetIssued { this_update } => {
                write!(f, "the CRL's thisUpdate is in the future: {this_update}")
            }
            Self::OnlySomeReasons => f.write_str("the CRL covers some revocation reasons only"),
            Self::Pem(error) => write!(f, "the PEM is broken: {error}"),
            Self::RemoveFromCrl => {
                f.write_str("an entry has the reason removeFromCRL, which only delta CRLs may have")
            }
            Self::SerialNumber(error) => write!(f, "an entry is unusable: {error}"),
            Self::Signature(error) => write!(f, "{error}"),
            Self::TooLarge { limit } => write!(f, "the object has more than {limit} octets"),
            Self::TooManyExtensions { limit } => {
                write!(f, "the CRL or an entry has more than {limit} extensions")
            }
            Self::UnknownCriticalExtension { oid } => {
                write!(f, "the critical extension {oid} is not supported")
            }
            Self::Unreadable(error) => write!(f, "the object cannot be read: {error}"),
            Self::Version => f.write_str("the CRL is not of version 2"),
        }?;
        write!(f, "; {}", self.remedy())
    }
}

impl Refusal {
    const fn remedy(&self) -> &'static str {
        match self {
            Self::AlgorithmMismatch => ALTERED,
            Self::AttributeCertificatesOnly => "publish it under another prefix",
            Self::AuthorityKeyIdentifier => {
                "add the certificate of the CA with that key to the truststore, or remove the CRL"
            }
            Self::CaCertificateNotValid { .. } => {
                "renew it and put the new one into the truststore"
            }
            Self::CrlNumberLower { .. } => "publish the newest CRL, or delete this object",
            Self::CrlNumberReused { .. } => "have the CA issue a CRL with a greater number",
            Self::DeltaCrl => "publish complete or partitioned CRLs under this prefix",
            Self::ForeignIssuer => {
                "add its certificate to the truststore if its clients are to be let in"
            }
            Self::IndirectCrl => "have each CA publish a CRL of its own",
            Self::NoCrl | Self::Pem(_) => "upload the CRL again, in DER or as X509 CRL in PEM",
            Self::NotACrlSigner => {
                "put the certificate into the truststore that the CA signs CRLs with"
            }
            Self::NotYetIssued { .. } => "set the CA's clock, or wait until then",
            Self::OnlySomeReasons => "publish a CRL for all reasons",
            Self::Signature(error) => match error {
                SignatureError::Invalid | SignatureError::KeyMismatch => ALTERED,
                SignatureError::Der(_)
                | SignatureError::Parameters
                | SignatureError::Unsupported { .. }
                | SignatureError::WeakDigest => {
                    "have the CA sign with SHA-2 and RSA, ECDSA, Ed25519 or ML-DSA"
                }
            },
            Self::TooLarge { .. } => "raise MAX_CRL_BYTES if that is intended",
            Self::Unreadable(_) => {
                "check the function's permissions for the object and its key; it is tried again"
            }
            Self::CrlNumberCritical
            | Self::CrlNumberInvalid(_)
            | Self::CrlNumberMissing
            | Self::DistributionPointName
            | Self::DuplicateExtension { .. }
            | Self::DuplicateSerialNumber { .. }
            | Self::ExtensionMalformed { .. }
            | Self::Malformed(_)
            | Self::NextUpdateMissing
            | Self::NextUpdateBeforeThisUpdate
            | Self::RemoveFromCrl
            | Self::SerialNumber(_)
            | Self::TooManyExtensions { .. }
            | Self::UnknownCriticalExtension { .. }
            | Self::Version => "have the CA issue a CRL that keeps to RFC 5280, section 5",
        }
    }
}

const ALTERED: &str = "the CRL was altered, or another key signed it: find out who wrote the object, \
                       and have the CA publish its own CRL again";

impl std::error::Error for Refusal {}

impl From<DerError> for Refusal {
    fn from(error: DerError) -> Self {
        Self::Malformed(error)
    }
}

impl From<SignatureError> for Refusal {
    fn from(error: SignatureError) -> Self {
        Self::Signature(error)
    }
}
