//! Files in: DER or PEM by content, whatever their names end in; and snapshots and truststores, also from
//! S3.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use authorizer::client_cert::{ClientCert, ClientCertError};
use crl_fetcher::config::Location;
use crl_fetcher::truststore::Truststore;
use crl_fetcher::{
    MAX_SNAPSHOT_OCTETS, MAX_TRUSTSTORE_OCTETS, Object, S3Error, get_version, is_pem, s3_client,
};
use revocation::{Snapshot, SnapshotError};
use serde_json::value::RawValue;
use tokio::runtime::Runtime;

/// The whole of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, InputError> {
    std::fs::read(path).map_err(|error| InputError::new(path.display(), error))
}

/// The CAs of several files.
pub(crate) fn truststore(paths: &[PathBuf]) -> Result<Truststore, InputError> {
    let read = |path: &PathBuf| {
        Truststore::read(&read(path)?).map_err(|error| InputError::new(path.display(), error))
    };
    let truststores: Result<Vec<_>, _> = paths.iter().map(read).collect();
    Ok(Truststore::merge(truststores?))
}

/// The client certificate in a file. One that the authorizer cannot read is an answer, not a failure;
/// a file without any certificate is a failure.
pub(crate) fn certificate(path: &Path) -> Result<Result<ClientCert, ClientCertError>, InputError> {
    let octets = read(path)?;
    if is_pem(&octets) {
        return match ClientCert::from_pem(&octets) {
            Err(ClientCertError::Pem(error)) => Err(InputError::new(
                path.display(),
                format_args!("there is no certificate in it: {error}"),
            )),
            result => Ok(result),
        };
    }
    if octets.first() != Some(&0x30) {
        return Err(InputError::new(
            path.display(),
            "it is neither a DER nor a PEM certificate",
        ));
    }
    Ok(ClientCert::from_der(&octets))
}

/// The authorizer event in a file: any JSON is one.
pub(crate) fn event(path: &Path) -> Result<Vec<u8>, InputError> {
    let octets = read(path)?;
    match serde_json::from_slice::<&RawValue>(&octets) {
        Ok(_) => Ok(octets),
        Err(error) => {
            let error = format_args!("it is not JSON: {error}");
            Err(InputError::new(path.display(), error))
        }
    }
}

/// Where a snapshot is, or another object.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// In a file.
    File(PathBuf),
    /// In S3, in its current version or an earlier one.
    Object {
        location: Location,
        version_id: Option<String>,
    },
}

impl Source {
    /// Reads an argument: `s3://BUCKET/KEY`, `s3://BUCKET/KEY?versionId=ID` as S3 itself writes the
    /// source of a copy, or else a path.
    pub(crate) fn new(argument: OsString) -> Result<Self, &'static str> {
        let Some(object) = argument
            .to_str()
            .and_then(|text| text.strip_prefix("s3://"))
        else {
            return Ok(Self::File(argument.into()));
        };
        let (object, version_id) = match object.rsplit_once("?versionId=") {
            Some((object, id)) => (object, Some(id.to_owned())),
            None => (object, None),
        };
        let (bucket, key) = object.split_once('/').unwrap_or((object, ""));
        if bucket.is_empty() || key.is_empty() || version_id.as_deref() == Some("") {
            return Err("an object in S3 is s3://BUCKET/KEY or s3://BUCKET/KEY?versionId=ID");
        }
        Ok(Self::Object {
            location: Location {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            },
            version_id,
        })
    }

    /// The snapshot that is there, looked through to the last number: files have been through many hands.
    pub(crate) fn snapshot(&self) -> Result<Snapshot<Vec<u8>>, InputError> {
        let missing = "there is no such object; the snapshot is where SNAPSHOT_BUCKET and SNAPSHOT_KEY of \
                       crl-fetcher say, once that was invoked";
        let octets = self.octets(MAX_SNAPSHOT_OCTETS, missing)?;
        Snapshot::decode(octets).map_err(|error| {
            let remedy = match error {
                SnapshotError::Magic => {
                    "name the object that crl-fetcher publishes, by default revocation.snapshot"
                }
                SnapshotError::Version { .. } => "use the crlctl of the release that wrote it",
                _ => "copy it once more, or restore an earlier version of the object",
            };
            InputError::new(self, format_args!("{error}; {remedy}"))
        })
    }

    /// The truststore that is there.
    pub(crate) fn truststore(&self) -> Result<Truststore, InputError> {
        let missing = "there is no such object; the truststore is where TRUSTSTORE_BUCKET and \
                       TRUSTSTORE_KEY of crl-fetcher say";
        let octets = self.octets(MAX_TRUSTSTORE_OCTETS, missing)?;
        Truststore::read(&octets).map_err(|error| InputError::new(self, error))
    }

    /// All that is there; of an object that is not, `missing` is said.
    fn octets(&self, limit: u64, missing: &str) -> Result<Vec<u8>, InputError> {
        match self {
            Self::File(path) => read(path),
            Self::Object {
                location,
                version_id,
            } => {
                let object = self.object(location, version_id.as_deref(), limit)?;
                let object = object.ok_or_else(|| InputError::new(self, missing))?;
                Ok(object.octets)
            }
        }
    }

    /// An object of at most `limit` octets; `None` where there is none.
    pub(crate) fn object(
        &self,
        location: &Location,
        version_id: Option<&str>,
        limit: u64,
    ) -> Result<Option<Object>, InputError> {
        let read = async {
            let client = s3_client().await;
            get_version(&client, location, version_id, limit).await
        };
        Ok(runtime(self)?.block_on(read)?)
    }
}

/// For a conversation with S3 about that object.
pub(crate) fn runtime(object: impl fmt::Display) -> Result<Runtime, InputError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| InputError::new(object, error))
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Object {
                location: Location { bucket, key },
                version_id,
            } => {
                write!(f, "s3://{bucket}/{key}")?;
                match version_id {
                    Some(id) => write!(f, "?versionId={id}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// An input that cannot be used: which, and why.
#[derive(Debug)]
pub(crate) struct InputError(String);

impl InputError {
    pub(crate) fn new(input: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self(format!("{input}: {what}"))
    }
}

/// It names the object itself.
impl From<S3Error> for InputError {
    fn from(error: S3Error) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_object_or_a_file() {
        for object in [
            "s3://bucket/key",
            "s3://bucket/a/key?with=mark",
            "s3://bucket/key?versionId=3HL4kqtJvjVBH40Nrjfkd",
        ] {
            let source = Source::new(object.into()).unwrap();
            assert!(matches!(source, Source::Object { .. }), "{object}");
            assert_eq!(source.to_string(), object);
        }
        for file in ["revocation.snapshot", "/tmp/s3://bucket/key", "s3:/bucket"] {
            let source = Source::new(file.into()).unwrap();
            assert!(matches!(source, Source::File(_)), "{file}");
            assert_eq!(source.to_string(), file);
        }
        for neither in [
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3:///key",
            "s3://b/k?versionId=",
        ] {
            assert!(Source::new(neither.into()).is_err(), "{neither}");
        }
    }
}
