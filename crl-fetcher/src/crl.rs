//! One CRL: octets → [`CertificateList`] → [`VerifiedCrl`] (RFC 5280 §5, §6.3.3).
//!
//! Nothing is believed before the signature: [`CertificateList`] only splits the encoding into its
//! parts, and the one way to a [`VerifiedCrl`], whose serial numbers can be used, is
//! [`CertificateList::verify`].

mod entries;
mod extensions;

use revocation::der::{DerError, Reader, tag};
use revocation::{CrlNumber, CrlRecord, Issuer, ObjectRef, RevokedSet, Scope, Serials, UnixTime};
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;

use crate::pem;
use crate::refusal::Refusal;
use crate::signature::{Message, SignatureAlgorithm};
use crate::truststore::{CaCertificate, Truststore};
use extensions::{AuthorityKey, CrlExtensions};

/// The parts of a CRL, in strict DER, believed by nobody yet.
#[derive(Clone, Debug)]
pub struct CertificateList<'a> {
    /// What the signature is over.
    tbs_cert_list: &'a [u8],
    is_version_2: bool,
    inner_algorithm: &'a [u8],
    outer_algorithm: &'a [u8],
    signature: &'a [u8],
    issuer: &'a [u8],
    this_update: UnixTime,
    next_update: Option<UnixTime>,
    /// The content of revokedCertificates, empty where it is absent.
    revoked_certificates: &'a [u8],
    /// The content of crlExtensions.
    extensions: Option<&'a [u8]>,
}

/// A CRL by a CA of the truststore, with all that is used of it.
#[derive(Clone, Debug)]
pub struct VerifiedCrl {
    issuer: Issuer,
    profile: Profile,
}

/// What a CRL says, whether or not that is to be believed. See [`CertificateList::profile`].
#[derive(Clone, Debug)]
pub struct Profile {
    /// What it covers.
    pub scope: Scope,
    /// Its CRL number.
    pub number: CrlNumber,
    /// When it was issued.
    pub this_update: UnixTime,
    /// When the next one is due at the latest.
    pub next_update: UnixTime,
    /// SHA-256 of tbsCertList, which stays the same where only the signature is made anew.
    pub digest: [u8; 32],
    serials: Serials,
}

/// The CRLs in an object: one in DER, or any number in PEM.
///
/// # Errors
/// The PEM is broken, or there is no CRL in it.
pub fn crls_in(octets: &[u8]) -> Result<Vec<CertificateRevocationListDer<'_>>, Refusal> {
    if !crate::is_pem(octets) {
        return Ok(vec![CertificateRevocationListDer::from(octets)]);
    }
    let blocks: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(octets).collect();
    let crls = blocks.map_err(|error| Refusal::Pem(pem::describe(&error)))?;
    if crls.is_empty() {
        Err(Refusal::NoCrl)
    } else {
        Ok(crls)
    }
}

impl<'a> CertificateList<'a> {
    /// Splits the DER of a CRL.
    ///
    /// ```text
    /// CertificateList ::= SEQUENCE {
    ///     tbsCertList          TBSCertList,
    ///     signatureAlgorithm   AlgorithmIdentifier,
    ///     signatureValue       BIT STRING }
    ///
    /// TBSCertList ::= SEQUENCE {
    ///     version              Version OPTIONAL,       -- if present, MUST be v2
    ///     signature            AlgorithmIdentifier,
    ///     issuer               Name,
    ///     thisUpdate           Time,
    ///     nextUpdate           Time OPTIONAL,
    ///     revokedCertificates  SEQUENCE OF SEQUENCE { … } OPTIONAL,
    ///     crlExtensions        [0] EXPLICIT Extensions OPTIONAL }
    /// ```
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for anything but DER of that type.
    pub fn from_der(der: &'a [u8]) -> Result<Self, Refusal> {
        let mut outer = Reader::new(der);
        let mut certificate_list = outer.sequence()?;
        outer.finish()?;
        let tbs = certificate_list.expect(tag::SEQUENCE)?;
        let outer_algorithm = certificate_list.expect(tag::SEQUENCE)?.raw;
        let signature = certificate_list.expect(tag::BIT_STRING)?.whole_octets()?;
        certificate_list.finish()?;

        let mut fields = Reader::new(tbs.content);
        let version = fields.optional(tag::INTEGER)?;
        let is_version_2 = version.is_some_and(|version| version.content == [1]);
        let inner_algorithm = fields.expect(tag::SEQUENCE)?.raw;
        let issuer = fields.expect(tag::SEQUENCE)?.raw;
        let this_update = fields.element()?.time()?;
        let next_update = match fields.peek_tag() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(fields.element()?.time()?),
            _ => None,
        };
        let revoked_certificates = match fields.optional(tag::SEQUENCE)? {
            // §5.1.2.6: "When there are no revoked certificates, the revoked certificates list
            // MUST be absent."
            Some(list) if list.content.is_empty() => return Err(DerError::Value.into()),
            Some(list) => list.content,
            None => &[],
        };
        let extensions = match fields.optional(tag::context_constructed(0))? {
            Some(explicit) => {
                let mut inside = Reader::new(explicit.content);
                let list = inside.expect(tag::SEQUENCE)?.content;
                inside.finish()?;
                Some(list)
            }
            None => None,
        };
        fields.finish()?;
        Ok(Self {
            tbs_cert_list: tbs.raw,
            is_version_2,
            inner_algorithm,
            outer_algorithm,
            signature,
            issuer,
            this_update,
            next_update,
            revoked_certificates,
            extensions,
        })
    }

    /// The DER `Name` of the CA that is said to have issued it.
    pub const fn issuer(&self) -> &'a [u8] {
        self.issuer
    }

    /// When it is said to have been issued.
    pub const fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// When the next one is said to be due.
    pub const fn next_update(&self) -> Option<UnixTime> {
        self.next_update
    }

    /// Verifies that a CA of the truststore issued this CRL and that it is one we support; an
    /// expired one is taken too, since its revocations stay true.
    ///
    /// # Errors
    /// The first thing that is wrong with it, in the order of the steps below.
    pub fn verify(&self, truststore: &Truststore, now: UnixTime) -> Result<VerifiedCrl, Refusal> {
        // CRL buckets are shared: what another CA publishes there need not be to our liking.
        if truststore.named(self.issuer).next().is_none() {
            return Err(Refusal::ForeignIssuer);
        }
        let algorithm = self.algorithm()?;
        let extensions = self.extensions()?;
        let candidates = self.candidates(&extensions.authority_key, truststore, now)?;
        let message = Message::new(algorithm, self.tbs_cert_list);
        let issuer = self.signer(&candidates, &message)?;
        if self.this_update > now.plus(ALLOWED_SKEW) {
            return Err(Refusal::NotYetIssued {
                this_update: self.this_update,
            });
        }
        Ok(VerifiedCrl {
            issuer: issuer.clone(),
            profile: self.read(extensions, &message)?,
        })
    }

    /// What the CRL says, after every check that needs neither its issuer nor the time. Its
    /// signature is *not* verified: this is for showing a CRL to people.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn profile(&self) -> Result<Profile, Refusal> {
        let message = Message::new(self.algorithm()?, self.tbs_cert_list);
        self.read(self.extensions()?, &message)
    }

    fn algorithm(&self) -> Result<SignatureAlgorithm, Refusal> {
        // §5.1.2.1: "When extensions are used, as required by this profile, this field MUST be
        // present and MUST specify version 2 (the integer value is 1)."
        if !self.is_version_2 {
            return Err(Refusal::Version);
        }
        // §5.1.1.2: "This field MUST contain the same algorithm identifier as the signature field in
        // the sequence tbsCertList."
        if self.inner_algorithm != self.outer_algorithm {
            return Err(Refusal::AlgorithmMismatch);
        }
        Ok(SignatureAlgorithm::from_der(self.inner_algorithm)?)
    }

    fn extensions(&self) -> Result<CrlExtensions<'a>, Refusal> {
        CrlExtensions::read(self.extensions, self.issuer)
    }

    /// The CA certificates of the truststore that may have signed it; at least one.
    fn candidates<'t>(
        &self,
        authority_key: &AuthorityKey<'_>,
        truststore: &'t Truststore,
        now: UnixTime,
    ) -> Result<Vec<&'t CaCertificate>, Refusal> {
        let mut cas: Vec<_> = truststore.named(self.issuer).collect();
        let mut narrow = |keep: &dyn Fn(&CaCertificate) -> bool, refusal: Refusal| {
            cas.retain(|ca| keep(ca));
            if cas.is_empty() { Err(refusal) } else { Ok(()) }
        };
        narrow(
            &|ca| authority_key.names(ca),
            Refusal::AuthorityKeyIdentifier,
        )?;
        // §6.3.3 (f): "If a key usage extension is present in the CRL issuer's certificate, verify
        // that the cRLSign bit is set."
        narrow(&|ca| truststore.may_sign_crls(ca), Refusal::NotACrlSigner)?;
        let Some(&last) = cas.last() else {
            return Err(Refusal::ForeignIssuer);
        };
        let (not_before, not_after) = (last.not_before, last.not_after);
        cas.retain(|ca| ca.is_valid_at(now));
        if cas.is_empty() {
            return Err(Refusal::CaCertificateNotValid {
                not_before,
                not_after,
            });
        }
        Ok(cas)
    }

    /// The one of the candidates whose key verifies the signature.
    fn signer<'t>(
        &self,
        candidates: &[&'t CaCertificate],
        message: &Message<'_>,
    ) -> Result<&'t Issuer, Refusal> {
        let mut refusal = Refusal::ForeignIssuer;
        for ca in candidates {
            match ca.public_key.verify(message, self.signature) {
                Ok(()) => return Ok(&ca.issuer),
                Err(error) => refusal = Refusal::Signature(error),
            }
        }
        Err(refusal)
    }

    fn read(
        &self,
        extensions: CrlExtensions<'_>,
        message: &Message<'_>,
    ) -> Result<Profile, Refusal> {
        let next_update = self.next_update.ok_or(Refusal::NextUpdateMissing)?;
        if next_update < self.this_update {
            return Err(Refusal::NextUpdateBeforeThisUpdate);
        }
        Ok(Profile {
            scope: extensions.supported_scope()?,
            serials: entries::read(self.revoked_certificates)?,
            number: extensions.number.ok_or(Refusal::CrlNumberMissing)??,
            this_update: self.this_update,
            next_update,
            digest: message.sha256(),
        })
    }
}

impl VerifiedCrl {
    /// The CA that issued it.
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// What it says.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// What the snapshot keeps of it.
    ///
    /// # Errors
    /// More entries than a set has room for.
    pub fn into_record(
        self,
        source: ObjectRef,
    ) -> Result<(Issuer, CrlRecord), revocation::SetError> {
        let Profile {
            scope,
            number,
            this_update,
            next_update,
            digest,
            serials,
        } = self.profile;
        let revoked = RevokedSet::pack(serials)?;
        let record = CrlRecord {
            scope,
            number,
            this_update,
            next_update,
            source,
            digest,
            revoked,
        };
        Ok((self.issuer, record))
    }
}

impl Profile {
    /// How many entries it has.
    pub const fn entries(&self) -> usize {
        self.serials.len()
    }
}

/// How far thisUpdate may be in the future, in seconds: clocks differ.
pub const ALLOWED_SKEW: i64 = 300;
