//! Writing a file of the store, with places at which a test can make the process die.

use std::io::{self, Write};
use std::path::Path;

use harness_core::files::NewFile;

use crate::failpoint::failpoint;

/// Writes `bytes` under `path`: whatever happens, it holds the old content or the new.
///
/// # Errors
/// Those of the file system; the file is as it was.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    failpoint("store::before_temp");
    let mut file = NewFile::beside(path)?;
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.as_file_mut().write_all(first)?;
    failpoint("store::mid_temp");
    file.as_file_mut().write_all(second)?;
    file.flush_to_disk()?;
    failpoint("store::before_rename");
    file.publish()?;
    failpoint("store::after_rename");
    Ok(())
}
