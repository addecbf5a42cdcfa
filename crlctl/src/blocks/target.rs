//! What the arguments name: one certificate of a CA, or a public key.

use std::fs;
use std::path::Path;

use authorizer::client_cert::ClientCert;
use crl_fetcher::overrides::Target;
use crl_fetcher::report::show_name;
use crl_fetcher::truststore::{CaCertificate, Truststore, TruststoreError};
use revocation::{BlockedKey, MAX_KEY_ID_OCTETS, Role, hexadecimal, read_hexadecimal};

use crate::arguments::blocks::{Naming, without_colons};
use crate::input::{self, InputError, Source};

/// What is meant, and the certificate that says so, where one does.
pub(super) struct Meant {
    pub(super) target: Target,
    pub(super) certificate: Option<ClientCert>,
}

impl Meant {
    /// `None`: the arguments name nothing.
    pub(super) fn new(naming: &Naming) -> Result<Option<Self>, InputError> {
        let Naming {
            cert,
            serial,
            issuer,
            key_of,
            key,
        } = naming;
        let (target, certificate) = if let Some(path) = cert {
            let client = certificate(path)?;
            let target = Target::Certificate {
                issuer: issuer_of(&client, path, issuer.as_deref())?,
                serial: client.serial,
            };
            (target, Some(client))
        } else if let Some(path) = key_of {
            let client = certificate(path)?;
            (Target::Key(key_of_certificate(&client)), Some(client))
        } else if let Some((serial, issuer)) = serial.zip(issuer.as_deref()) {
            let issuer = Issuer::new(issuer)?.key_id;
            (Target::Certificate { issuer, serial }, None)
        } else if let Some(key) = key {
            (Target::Key(*key), None)
        } else {
            return Ok(None);
        };
        Ok(Some(Self {
            target,
            certificate,
        }))
    }

    /// By what else the same certificate may be blocked, as far as it says so.
    pub(super) fn other_target(&self) -> Option<Target> {
        let client = self.certificate.as_ref()?;
        Some(match self.target {
            Target::Certificate { .. } => Target::Key(key_of_certificate(client)),
            Target::Key(_) => Target::Certificate {
                issuer: authority_key_id(client)?.to_vec(),
                serial: client.serial,
            },
        })
    }

    /// Why a block of it has no effect with that truststore.
    pub(super) fn without_ca(&self, source: &Source) -> Result<Option<String>, InputError> {
        let Target::Certificate { issuer: key_id, .. } = &self.target else {
            return Ok(None);
        };
        let truststore = source.truststore()?;
        let issuers = truststore.issuers();
        if issuers.iter().any(|ca| ca.issuer.key_id == *key_id) {
            return Ok(None);
        }
        let wanted = hexadecimal(key_id);
        let named = |client: &ClientCert| {
            let name = client.as_certificate().issuer;
            let namesakes = truststore.named(name).filter(|ca| ca.role == Role::Ca);
            let keys: Vec<_> = namesakes.map(|ca| hexadecimal(&ca.issuer.key_id)).collect();
            match keys.as_slice() {
                [] => String::new(),
                keys => format!(
                    ", but {} with key {}; name the CA by --issuer FILE with its certificate",
                    client.issuer,
                    keys.join(", ")
                ),
            }
        };
        let namesakes = self.certificate.as_ref().map(named).unwrap_or_default();
        Ok(Some(format!(
            "{source} has no CA with key {wanted}{namesakes}"
        )))
    }
}

fn certificate(path: &Path) -> Result<ClientCert, InputError> {
    input::certificate(path)?.map_err(|error| {
        let what = format_args!(
            "the certificate cannot be read: {error}; the authorizer denies such a one in any case"
        );
        InputError::new(path.display(), what)
    })
}

fn key_of_certificate(client: &ClientCert) -> [u8; 32] {
    BlockedKey::hash(client.as_certificate().public_key)
}

fn authority_key_id(client: &ClientCert) -> Option<&[u8]> {
    let key_id = client.as_certificate().authority_key_id;
    key_id.filter(|key_id| !key_id.is_empty())
}

/// The key identifier of the CA that issued a certificate: by the certificate, or by `--issuer`, which must
/// not say otherwise.
fn issuer_of(
    client: &ClientCert,
    path: &Path,
    argument: Option<&Path>,
) -> Result<Vec<u8>, InputError> {
    let refuse = |what: String| Err(InputError::new(path.display(), what));
    let (stated, argument) = match (authority_key_id(client), argument) {
        (None, None) => {
            return refuse(
                "the certificate has no authority key identifier; name its CA by --issuer too, with a \
                 file with the CA's certificate"
                    .to_owned(),
            );
        }
        (Some(stated), None) => return Ok(stated.to_vec()),
        (stated, Some(argument)) => (stated, argument),
    };
    let Issuer {
        key_id,
        certificate,
    } = Issuer::new(argument)?;
    if let Some(ca) = &certificate
        && ca.issuer.name != client.as_certificate().issuer
    {
        return refuse(format!(
            "it was issued by {}, and --issuer is the certificate of {}",
            client.issuer,
            show_name(&ca.issuer.name)
        ));
    }
    // Where the CA's certificate has none, the one that is derived from its key may not be the CA's own.
    let may_differ = certificate.is_some_and(|ca| !ca.states_key_id);
    match stated {
        Some(stated) if stated != key_id && !may_differ => refuse(format!(
            "its authority key identifier is {}, and --issuer has {}; leave --issuer out, or name the \
             right CA",
            hexadecimal(stated),
            hexadecimal(&key_id)
        )),
        _ => Ok(key_id),
    }
}

/// What `--issuer` says.
struct Issuer {
    key_id: Vec<u8>,
    certificate: Option<CaCertificate>,
}

impl Issuer {
    fn new(argument: &Path) -> Result<Self, InputError> {
        let shown = argument.display();
        let refuse = |what: &str| Err(InputError::new(format_args!("--issuer {shown}"), what));
        let Some(key_id) = argument.to_str().and_then(key_id) else {
            return match fs::exists(argument) {
                Ok(false) => refuse(
                    "it is neither a file nor a key identifier, of which each octet is two hexadecimal \
                     digits",
                ),
                _ => Self::of_file(argument),
            };
        };
        // A file named "ca" is named in hexadecimal.
        if fs::exists(argument).unwrap_or(false) {
            return refuse(
                "it is both a file and hexadecimal; write ./ before the file, or colons into the key \
                 identifier",
            );
        }
        if key_id.len() > MAX_KEY_ID_OCTETS {
            return refuse("it is longer than any key identifier");
        }
        Ok(Self {
            key_id,
            certificate: None,
        })
    }

    fn of_file(path: &Path) -> Result<Self, InputError> {
        let refuse = |what: &str| Err(InputError::new(path.display(), what));
        let octets = input::read(path)?;
        let truststore = match Truststore::read(&octets) {
            Err(TruststoreError::NoCa) => return refuse("it is not the certificate of a CA"),
            truststore => truststore.map_err(|error| InputError::new(path.display(), error))?,
        };
        let mut cas = truststore.cas().iter().filter(|ca| ca.role == Role::Ca);
        let Some(ca) = cas.next() else {
            return refuse("there is no certificate of a CA in it that may issue certificates");
        };
        if cas.any(|other| other.issuer != ca.issuer) {
            return refuse("there are several CAs in it; name a file with the one that is meant");
        }
        Ok(Self {
            key_id: ca.issuer.key_id.clone(),
            certificate: Some(ca.clone()),
        })
    }
}

/// An odd number of digits is a slip of the pen.
fn key_id(text: &str) -> Option<Vec<u8>> {
    let digits = without_colons(text).filter(|digits| digits.len().is_multiple_of(2))?;
    read_hexadecimal(&digits)
}
