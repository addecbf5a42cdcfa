//! Files in: DER or PEM by content, whatever their names end in.

use std::fmt;
use std::path::{Path, PathBuf};

use authorizer::client_cert::{ClientCert, ClientCertError};
use crl_fetcher::is_pem;
use crl_fetcher::truststore::Truststore;

/// The whole of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|error| FileError::new(path, error.to_string()))
}

/// The CAs of several files.
pub(crate) fn truststore(paths: &[PathBuf]) -> Result<Truststore, FileError> {
    let read = |path: &PathBuf| {
        Truststore::read(&read(path)?).map_err(|error| FileError::new(path, error.to_string()))
    };
    let truststores: Result<Vec<_>, _> = paths.iter().map(read).collect();
    Ok(Truststore::merge(truststores?))
}

/// The client certificate in a file. One that the authorizer cannot read is an answer, not a failure;
/// a file without any certificate is a failure.
pub(crate) fn certificate(path: &Path) -> Result<Result<ClientCert, ClientCertError>, FileError> {
    let octets = read(path)?;
    if is_pem(&octets) {
        return match ClientCert::from_pem(&octets) {
            Err(ClientCertError::Pem(error)) => Err(FileError::new(
                path,
                format!("there is no certificate in it: {error}"),
            )),
            result => Ok(result),
        };
    }
    if octets.first() != Some(&0x30) {
        return Err(FileError::new(
            path,
            "it is neither a DER nor a PEM certificate".to_owned(),
        ));
    }
    Ok(ClientCert::from_der(&octets))
}

/// A file that cannot be used.
#[derive(Debug)]
pub(crate) struct FileError {
    path: PathBuf,
    what: String,
}

impl FileError {
    pub(crate) fn new(path: &Path, what: String) -> Self {
        Self {
            path: path.to_owned(),
            what,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.what)
    }
}
