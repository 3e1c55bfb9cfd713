//! Files that are there in whole or not at all.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file on its way to its place: written beside it, flushed to disk, then renamed into it. Whatever happens in
/// between, the place holds the old content or the new; dropped without [`NewFile::publish`], nothing stays behind.
///
/// ```
/// use std::io::Write;
/// let folder = tempfile::tempdir()?;
/// let place = folder.path().join("result.json");
/// let mut file = harness_core::files::NewFile::beside(&place)?;
/// file.as_file_mut().write_all(b"{}")?;
/// assert!(!place.exists());
/// file.publish()?;
/// assert_eq!(std::fs::read(&place)?, b"{}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct NewFile {
    temporary: NamedTempFile,
    place: PathBuf,
}

impl NewFile {
    /// Starts an empty file in the folder of `place`, which is made where it is missing. Its name is unique: two
    /// processes never share one, whether or not locks work on the file system.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn beside(place: &Path) -> io::Result<Self> {
        let folder = folder_of(place);
        std::fs::create_dir_all(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tmp-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any other file of the user: stores are shared in groups, and the umask still applies.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        Ok(NewFile { temporary: builder.tempfile_in(folder)?, place: place.to_owned() })
    }

    /// The file, to be written to.
    pub fn as_file_mut(&mut self) -> &mut File {
        self.temporary.as_file_mut()
    }

    /// Flushes what was written to the disk.
    ///
    /// # Errors
    /// Those of the file system, such as a disk that is full.
    pub fn flush_to_disk(&self) -> io::Result<()> {
        self.temporary.as_file().sync_all()
    }

    /// Flushes and renames. Survives a loss of power once this returns.
    ///
    /// # Errors
    /// Those of the file system; the place is as it was.
    pub fn publish(self) -> io::Result<()> {
        self.flush_to_disk()?;
        self.temporary.persist(&self.place).map_err(|error| error.error)?;
        // The rename is on disk once the folder is. Not every file system can flush a folder.
        if let Ok(folder) = File::open(folder_of(&self.place)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

fn folder_of(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
