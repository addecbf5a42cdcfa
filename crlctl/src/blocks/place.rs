//! Where the overrides are, and how they are changed without the loss of another operator's change.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crl_fetcher::config::Location;
use crl_fetcher::overrides::{MAX_OVERRIDES_OCTETS, Overrides, OverridesError};
use crl_fetcher::{Object, Written, get_version, put, s3_client};

use crate::input::{InputError, Source, runtime};

/// Overrides that can be written.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A file.
    File(PathBuf),
    /// An object in S3, of which the current version is meant.
    Object(Location),
}

impl Place {
    /// Reads an argument, as [`Source::new`].
    pub(crate) fn new(argument: OsString) -> Result<Self, &'static str> {
        match Source::new(argument)? {
            Source::File(path) => Ok(Self::File(path)),
            Source::Object {
                location,
                version_id: None,
            } => Ok(Self::Object(location)),
            Source::Object { .. } => {
                Err("an earlier version cannot be written; leave ?versionId= out")
            }
        }
    }

    /// Has the overrides changed and writes them, where `change` says that there is something to write.
    /// It is called again, on what is there by then, where somebody else wrote at the same time. Returns
    /// what is there at the end.
    ///
    /// # Errors
    /// They cannot be read, and are left as they are; or they cannot be written.
    pub(crate) fn edit(
        &self,
        mut change: impl FnMut(&mut Overrides) -> bool,
    ) -> Result<Overrides, InputError> {
        match self {
            Self::File(path) => {
                let octets = read_if_there(path)?;
                let mut overrides = self.decode(octets.as_deref())?;
                if change(&mut overrides) {
                    let octets = self.encode(&overrides)?;
                    replace(path, &octets).map_err(|error| InputError::new(self, error))?;
                }
                Ok(overrides)
            }
            Self::Object(location) => runtime(self)?.block_on(self.edit_object(location, change)),
        }
    }

    async fn edit_object(
        &self,
        location: &Location,
        mut change: impl FnMut(&mut Overrides) -> bool,
    ) -> Result<Overrides, InputError> {
        let client = s3_client().await;
        for attempt in 0..MAX_ATTEMPTS {
            let held = get_version(&client, location, None, MAX_OVERRIDES_OCTETS).await?;
            let (octets, etag) = held.map(|Object { octets, etag }| (octets, etag)).unzip();
            let mut overrides = self.decode(octets.as_deref())?;
            if !change(&mut overrides) {
                return Ok(overrides);
            }
            let octets = self.encode(&overrides)?;
            match put(&client, location, octets, etag.as_deref()).await? {
                Written::Published(_) => return Ok(overrides),
                Written::Conflict => {}
            }
            // Several that collided fall out of step.
            let jitter = u64::from(std::process::id().wrapping_mul(attempt + 1) % 50);
            tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 20 + jitter)).await;
        }
        Err(InputError::new(
            self,
            "others kept writing it at the same time, so nothing was changed; try again",
        ))
    }

    fn decode(&self, octets: Option<&[u8]>) -> Result<Overrides, InputError> {
        let overrides = octets.map(|octets| decode(self, octets));
        Ok(overrides.transpose()?.unwrap_or_default())
    }

    /// What the fetcher can read, and nothing else.
    fn encode(&self, overrides: &Overrides) -> Result<Vec<u8>, InputError> {
        let octets = overrides.to_json();
        match decode(self, &octets)? == *overrides {
            true => Ok(octets),
            false => Err(InputError::new(self, "the overrides cannot be written")),
        }
    }
}

/// The overrides that are there; `None` where there are none.
pub(super) fn read(source: &Source) -> Result<Option<Overrides>, InputError> {
    let octets = match source {
        Source::File(path) => read_if_there(path)?,
        Source::Object {
            location,
            version_id,
        } => source
            .object(location, version_id.as_deref(), MAX_OVERRIDES_OCTETS)?
            .map(|object| object.octets),
    };
    let overrides = octets.map(|octets| decode(source, &octets));
    overrides.transpose()
}

fn decode(from: impl fmt::Display, octets: &[u8]) -> Result<Overrides, InputError> {
    if u64::try_from(octets.len()).is_ok_and(|length| length > MAX_OVERRIDES_OCTETS) {
        return Err(InputError::new(
            from,
            format_args!(
                "that is more than the {MAX_OVERRIDES_OCTETS} octets that crl-fetcher reads; take out \
                 blocks that have ended, with crlctl unblock --ended"
            ),
        ));
    }
    Overrides::read(octets).map_err(|error| {
        let remedy = match error {
            OverridesError::Version(_) => "use the crlctl of the release that wrote them",
            _ => "mend the object, or restore its earlier version",
        };
        InputError::new(from, format_args!("{error}; it is left as it is; {remedy}"))
    })
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, InputError> {
    match fs::read(path) {
        Ok(octets) => Ok(Some(octets)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(InputError::new(path.display(), error)),
    }
}

/// Whoever reads the file has the old one or the new one, never a part.
fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    // Behind a link, which stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(ErrorKind::InvalidFilename)?);
    name.push(format!(".{}", std::process::id()));
    let temporary = path.with_file_name(name);
    let mut file = File::create_new(&temporary)?;
    let mut write = || {
        if let Ok(replaced) = fs::metadata(&path) {
            file.set_permissions(replaced.permissions())?;
        }
        file.write_all(octets)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    let written = write();
    if written.is_err() {
        // It may be there no more, and the error before is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Object(Location { bucket, key }) => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

/// How often a change is tried when others write at the same time.
const MAX_ATTEMPTS: u32 = 20;
