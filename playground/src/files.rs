//! The folder with certificates and keys, for the user's own `curl`.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The folder. What was written into it goes again at the end: the CAs live no longer.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    written: Mutex<BTreeSet<PathBuf>>,
    /// Held locked while the playground runs, so that a second one keeps out.
    _lock: File,
}

impl Files {
    /// Makes the folder, for this process alone.
    ///
    /// # Errors
    /// It cannot be written, or another playground uses it: in words.
    pub fn create(directory: &Path) -> Result<Self, String> {
        let shown = directory.display();
        let elsewhere = "choose another place with --directory";
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| format!("cannot create {shown}: {error}; {elsewhere}"))?;
        let path = directory.join("playground.lock");
        let lock = File::create(&path)
            .map_err(|error| format!("cannot write in {shown}: {error}; {elsewhere}"))?;
        lock.try_lock().map_err(|_| {
            format!("a playground is running in {shown} already; stop it, or {elsewhere}")
        })?;
        Ok(Self {
            directory: directory.to_owned(),
            written: Mutex::new(BTreeSet::from([path])),
            _lock: lock,
        })
    }

    /// Writes a file that anybody may read.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, text: &str) -> io::Result<()> {
        self.write_with(name, text, 0o644)
    }

    /// Writes a file that only the user may read.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_private(&self, name: &str, text: &str) -> io::Result<()> {
        self.write_with(name, text, 0o600)
    }

    /// Takes away what was written, and the folder if nothing else is in it. Dropping does so too,
    /// but tasks that still run may hold this value to the end of the process.
    pub fn remove(&self) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        for path in std::mem::take(&mut *written) {
            let _ = fs::remove_file(path);
        }
        let _ = fs::remove_dir(&self.directory);
    }

    fn write_with(&self, name: &str, text: &str, mode: u32) -> io::Result<()> {
        let path = self.directory.join(name);
        // A file that is there already would keep its own mode.
        let _ = fs::remove_file(&path);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)?;
        self.written
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path);
        file.write_all(text.as_bytes())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::Files;

    #[test]
    fn private_files_are_private_even_where_a_public_one_was_and_all_go_again() {
        let directory = std::env::temp_dir().join(format!("files-test-{}", std::process::id()));
        let files = Files::create(&directory).unwrap();
        files.write("alice.key", "public").unwrap();
        files.write_private("alice.key", "private").unwrap();
        let key = directory.join("alice.key");
        assert_eq!(
            fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_to_string(&key).unwrap(), "private");
        assert!(Files::create(&directory).unwrap_err().contains("already"));
        files.remove();
        assert!(!directory.exists());
    }
}
