//! SHA-256 over streams, and its hexadecimal form.

use std::fmt::Write as _;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::DataError;

/// Bytes moved per read; also the largest buffer that any reader grows by at once.
pub(super) const CHUNK: usize = 64 * 1024;

/// Hexadecimal digest of what a hasher has seen.
pub(super) fn hex(hasher: Sha256) -> String {
    let digest = hasher.finalize();
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Hexadecimal SHA-256 of a byte string.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    hex(hasher)
}

/// Hexadecimal SHA-256 and length of a file, read in bounded steps.
pub(super) fn of_file(path: &Path) -> Result<(String, u64), DataError> {
    let mut file = std::fs::File::open(path).map_err(|e| DataError::io("open", path, e))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; CHUNK];
    let mut length = 0_u64;
    loop {
        match read_some(&mut file, &mut buffer).map_err(|e| DataError::io("read", path, e))? {
            [] => return Ok((hex(hasher), length)),
            bytes => {
                hasher.update(bytes);
                length += bytes.len() as u64;
            }
        }
    }
}

/// One read that survives signals; the empty slice is the end.
pub(super) fn read_some<'a>(source: &mut impl Read, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
    loop {
        match source.read(buffer) {
            Ok(count) => return Ok(buffer.get(..count).unwrap_or(&[])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_of_known_text() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(of_bytes(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_file_digests_like_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let bytes = vec![7_u8; 3 * CHUNK + 1];
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(of_file(&path).unwrap(), (of_bytes(&bytes), bytes.len() as u64));
    }
}
