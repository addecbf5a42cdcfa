//! Where the overrides are, and how they change: all of them at once, and only from what was read.

use std::io::Write;
use std::path::Path;

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
                    replace(path, &overrides.to_json())
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
        for _ in 0..MAX_ATTEMPTS {
            let (mut overrides, etag) = self.read_object(location).await?;
            let (is_changed, result) = change(&mut overrides);
            if !is_changed {
                return Ok(result);
            }
            let octets = overrides.to_json();
            match put(&client, location, octets, etag.as_deref()).await? {
                Written::Published(_) => return Ok(result),
                Written::Conflict => {}
            }
        }
        Err(InputError::new(
            self.source,
            "others kept writing it at the same time; nothing was changed, try again",
        ))
    }

    async fn read_object(&self, location: &Location) -> Result<Read, InputError> {
        let client = s3_client().await;
        let object = get_version(&client, location, None, MAX_OVERRIDES_OCTETS).await?;
        match object {
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

/// Writes a file beside it and puts that in its place, so that there is always a whole one.
fn replace(path: &Path, octets: &[u8]) -> std::io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let mut file = std::fs::File::create_new(&name)?;
    let written = file.write_all(octets).and_then(|()| file.sync_all());
    written
        .and_then(|()| std::fs::rename(&name, path))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(&name);
        })
}

/// How often a change starts over when others write at the same time.
const MAX_ATTEMPTS: usize = 20;
