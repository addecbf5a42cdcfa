//! Where the overrides are, and how they change: all of them at once, and only from what was read.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use crl_fetcher::config::Location;
use crl_fetcher::overrides::{MAX_OVERRIDES_OCTETS, Overrides};
use crl_fetcher::{Written, get_version, put, s3_client};
use tokio::runtime::Runtime;

use crate::input::{self, InputError, Source};

/// The overrides in a file or in S3.
pub(crate) struct Store<'a> {
    source: &'a Source,
    runtime: Runtime,
}

/// The overrides, and the entity tag of the object; none where there is no object.
type Read = (Overrides, Option<String>);

impl<'a> Store<'a> {
    /// Of an object or file that need not be there yet.
    ///
    /// # Errors
    /// It is an earlier version, which does not change.
    pub(crate) fn new(source: &'a Source) -> Result<Self, InputError> {
        if let Source::Object {
            version_id: Some(_),
            ..
        } = source
        {
            return Err(InputError::new(
                source,
                "name the object without its version",
            ));
        }
        let runtime = input::runtime().map_err(|error| InputError::new(source, error))?;
        Ok(Self { source, runtime })
    }

    /// What is there; nothing where there is none.
    pub(crate) fn read(&self) -> Result<Overrides, InputError> {
        let (overrides, _) = match self.source {
            Source::File(path) => self.read_file(path)?,
            Source::Object { location, .. } => self.runtime.block_on(self.read_object(location))?,
        };
        Ok(overrides)
    }

    /// Changes what is there, unless `change` says `false`. It is called once more where another
    /// operator was faster, with what that one wrote.
    pub(crate) fn change<T>(
        &self,
        change: impl Fn(&mut Overrides) -> (bool, T),
    ) -> Result<T, InputError> {
        match self.source {
            Source::File(path) => {
                let (mut overrides, _) = self.read_file(path)?;
                let (is_changed, result) = change(&mut overrides);
                if is_changed {
                    replace(path, &self.octets(&overrides)?)
                        .map_err(|error| InputError::new(path.display(), error))?;
                }
                Ok(result)
            }
            Source::Object { location, .. } => {
                self.runtime.block_on(self.change_object(location, change))
            }
        }
    }

    async fn change_object<T>(
        &self,
        location: &Location,
        change: impl Fn(&mut Overrides) -> (bool, T),
    ) -> Result<T, InputError> {
        let client = s3_client().await;
        for attempt in 0..MAX_ATTEMPTS {
            let (mut overrides, etag) = self.read_object(location).await?;
            let (is_changed, result) = change(&mut overrides);
            if !is_changed {
                return Ok(result);
            }
            let octets = self.octets(&overrides)?;
            match put(&client, location, octets, etag.as_deref()).await? {
                Written::Published(_) => return Ok(result),
                // Several that collided fall out of step.
                Written::Conflict => {
                    let jitter = u64::from(std::process::id() % 50);
                    tokio::time::sleep(Duration::from_millis(attempt * 20 + jitter)).await;
                }
            }
        }
        Err(InputError::new(
            self.source,
            "others kept writing it at the same time; nothing was changed, try again",
        ))
    }

    async fn read_object(&self, location: &Location) -> Result<Read, InputError> {
        let client = s3_client().await;
        let object = get_version(&client, location, None, MAX_OVERRIDES_OCTETS).await;
        match object? {
            Some(object) => Ok((self.parse(&object.octets)?, Some(object.etag))),
            None => Ok((Overrides::default(), None)),
        }
    }

    fn read_file(&self, path: &Path) -> Result<Read, InputError> {
        match std::fs::exists(path) {
            Ok(false) => Ok((Overrides::default(), None)),
            _ => Ok((self.parse(&input::read(path)?)?, None)),
        }
    }

    /// As they are written: nothing that could not be read again, which would unmake every change after
    /// it.
    fn octets(&self, overrides: &Overrides) -> Result<Vec<u8>, InputError> {
        let octets = overrides.to_json();
        if u64::try_from(octets.len()).is_ok_and(|length| length > MAX_OVERRIDES_OCTETS) {
            return Err(InputError::new(
                self.source,
                format_args!(
                    "it would have more than {MAX_OVERRIDES_OCTETS} octets, and nothing was changed; \
                     unblock what is revoked by now"
                ),
            ));
        }
        self.parse(&octets)?;
        Ok(octets)
    }

    /// What cannot be read is not written over: there may be blocks in it.
    fn parse(&self, octets: &[u8]) -> Result<Overrides, InputError> {
        Overrides::read(octets).map_err(|error| {
            InputError::new(
                self.source,
                format_args!("{error}; mend it, or restore its earlier version"),
            )
        })
    }
}

/// Writes a file beside it and puts that in its place, so that there is always a whole one; where it is a
/// link, in the place of what that leads to.
fn replace(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let mut file = std::fs::File::create(&name)?;
    let written = file.write_all(octets).and_then(|()| file.sync_all());
    written
        .and_then(|()| std::fs::rename(&name, &path))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(&name);
        })
}

/// How often a change starts over when others write at the same time.
const MAX_ATTEMPTS: u64 = 20;
