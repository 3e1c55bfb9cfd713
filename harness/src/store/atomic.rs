//! Writing a file so that it is there in whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::failpoint::failpoint;

/// Writes `bytes` under `path`: a temporary file in the same folder, flushed to disk, renamed, and the folder
/// flushed. Whatever happens, `path` holds the old content or the new.
///
/// # Errors
/// Those of the file system; the temporary file is removed.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    failpoint("store::before_temp");
    let mut temporary = tempfile::Builder::new().prefix(".tmp-").tempfile_in(folder)?;
    let middle = bytes.len() / 2;
    temporary.write_all(&bytes[..middle])?;
    failpoint("store::mid_temp");
    temporary.write_all(&bytes[middle..])?;
    temporary.as_file().sync_all()?;
    failpoint("store::before_rename");
    temporary.persist(path).map_err(|error| error.error)?;
    failpoint("store::after_rename");
    // A rename survives a power loss only once the folder is on disk. Not every file system can flush a folder.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}
