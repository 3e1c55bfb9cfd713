//! Archives, read with suspicion: only members that the caller lists, under names that the caller chooses.
//!
//! Refused as a whole, whichever members are wanted: names with `..`, a leading `/`, a drive letter, `\` or NUL;
//! symbolic links; encrypted members; names that repeat, also if only the case differs; local headers that contradict the
//! directory; overlapping members; bytes before or after the archive; more members or bytes than [`Limits`] allows.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::DataError;
use super::digest::{CHUNK, read_some};

/// How much an archive may unpack to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most members, listed or not.
    pub members: usize,
    /// Most bytes of one unpacked member.
    pub member_bytes: u64,
    /// Most bytes of all unpacked members together.
    pub total_bytes: u64,
    /// Most unpacked bytes per packed byte of a member larger than 1 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { members: 100_000, member_bytes: 512 << 20, total_bytes: 1 << 30, ratio: 200 }
    }
}

/// Names of the members of a zip archive that are files, in the order of its directory. `archive` is only used in
/// messages, here and below.
///
/// # Errors
/// [`DataError::Archive`] if the archive is damaged or refused.
pub fn zip_members(reader: impl Read + Seek, archive: &str, limits: Limits) -> Result<Vec<String>, DataError> {
    let mut zip = Zip::open(reader, archive, limits)?;
    let mut names = Vec::new();
    for index in 0..zip.inner.len() {
        let member = zip.member(index)?;
        if member.is_file() {
            names.push(name_of(&member, archive)?);
        }
    }
    Ok(names)
}

/// Unpacks the members of a zip archive for which `wanted` is true, by name.
///
/// # Errors
/// [`DataError::Archive`] if the archive is damaged or refused, or a member fails its CRC.
pub fn read_zip(
    reader: impl Read + Seek,
    archive: &str,
    limits: Limits,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, DataError> {
    let mut zip = Zip::open(reader, archive, limits)?;
    let mut members = BTreeMap::new();
    for index in 0..zip.inner.len() {
        let mut member = zip.member(index)?;
        let name = name_of(&member, archive)?;
        if member.is_file() && wanted(&name) {
            let mut content = Vec::new();
            unpack(&mut member, &name, archive, |bytes| {
                content.extend_from_slice(bytes);
                Ok(())
            })?;
            members.insert(name, content);
        }
    }
    Ok(members)
}

/// Unpacks listed members of a zip archive into the new folder `into`: pairs of member name and file name. The folder
/// appears in whole or not at all.
///
/// # Errors
/// [`DataError::Archive`] if the archive is damaged or refused, a member is absent, or a file name is not a plain name;
/// [`DataError::Io`] if `into` exists or cannot be written.
pub fn extract_zip(
    reader: impl Read + Seek,
    archive: &str,
    limits: Limits,
    members: &[(&str, &str)],
    into: &Path,
) -> Result<(), DataError> {
    let mut files = BTreeSet::new();
    for (_, file) in members {
        let plain = !file.is_empty() && !file.contains(['/', '\\', '\0', ':']) && !file.starts_with('.');
        if !plain || !files.insert(file.to_lowercase()) {
            let message = format!("cannot be written as {file:?}: expected plain and distinct file names");
            return Err(DataError::archive(archive, None, message));
        }
    }
    let mut zip = Zip::open(reader, archive, limits)?;
    let folder = into.parent().unwrap_or(Path::new("."));
    let staged = tempfile::Builder::new()
        .prefix(".unpack.")
        .tempdir_in(folder)
        .map_err(|e| DataError::io("create a folder in", folder, e))?;
    for (name, file) in members {
        let Some(index) = zip.inner.index_for_name(name) else {
            return Err(DataError::archive(archive, Some(name), "not in the archive"));
        };
        let path = staged.path().join(file);
        let mut output = std::fs::File::create_new(&path).map_err(|e| DataError::io("create", &path, e))?;
        let mut member = zip.member(index)?;
        unpack(&mut member, name, archive, |bytes| {
            output.write_all(bytes).map_err(|e| DataError::io("write", &path, e))
        })?;
        output.sync_all().map_err(|e| DataError::io("flush to disk", &path, e))?;
    }
    std::fs::rename(staged.path(), into).map_err(|e| DataError::io("create", into, e))
}

/// Unpacks the members of a gzip-compressed tar archive for which `wanted` is true, by name.
///
/// # Errors
/// As [`read_zip`]. Links and special files are refused if wanted, and skipped otherwise.
pub fn read_tar_gz(
    reader: impl Read,
    archive: &str,
    limits: Limits,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, DataError> {
    let refuse = |member: Option<&str>, message: String| DataError::archive(archive, member, message);
    let damaged = |error: io::Error| refuse(None, format!("damaged or too large: {error}"));
    // Headers and skipped members count too, so that a bomb of either kind ends here.
    let budget = limits.total_bytes.saturating_add((limits.members as u64).saturating_mul(1024));
    let unpacked = MultiGzDecoder::new(io::BufReader::new(reader)).take(budget);
    let mut tar = tar::Archive::new(unpacked);
    let mut names = BTreeSet::new();
    let mut members = BTreeMap::new();
    let mut total = 0_u64;
    for entry in tar.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| refuse(None, "a member name is not UTF-8".to_owned()))?;
        check_name(&name).map_err(|message| refuse(Some(&name), message))?;
        if !names.insert(name.to_lowercase()) {
            return Err(refuse(Some(&name), "the name repeats".to_owned()));
        }
        if names.len() > limits.members {
            return Err(refuse(None, format!("more than {} members", limits.members)));
        }
        if !wanted(&name) {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(refuse(Some(&name), "is no plain file".to_owned()));
        }
        let declared = entry.size();
        total = total.saturating_add(declared);
        if declared > limits.member_bytes || total > limits.total_bytes {
            return Err(refuse(Some(&name), too_large(declared, total, limits)));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(damaged)?;
        if content.len() as u64 != declared {
            let message = format!("got {} of {declared} bytes", content.len());
            return Err(refuse(Some(&name), message));
        }
        members.insert(name, content);
    }
    Ok(members)
}

/// A zip archive that passed every check which needs no unpacking.
struct Zip<'a, R> {
    inner: ZipArchive<R>,
    archive: &'a str,
}

impl<'a, R: Read + Seek> Zip<'a, R> {
    fn open(mut reader: R, archive: &'a str, limits: Limits) -> Result<Self, DataError> {
        let comment = end_comment(&mut reader, archive)?;
        let fault = |error| zip_fault(archive, None, &error);
        let mut inner = ZipArchive::new(reader).map_err(fault)?;
        let refuse = |member: Option<&str>, message| Err(DataError::archive(archive, member, message));
        if inner.len() > limits.members {
            let message = format!("{} members, at most {} are allowed", inner.len(), limits.members);
            return refuse(None, message);
        }
        if inner.offset() != 0 {
            return refuse(None, format!("{} bytes before the archive", inner.offset()));
        }
        if inner.comment().len() != comment {
            return refuse(None, "bytes after the archive".to_owned());
        }
        // Also refuses repeated names, overlaps, and members that the directory does not list.
        inner.validate_header_consistency().map_err(fault)?;

        let mut names = BTreeSet::new();
        let mut total = 0_u64;
        for index in 0..inner.len() {
            let member = inner.by_index_raw(index).map_err(fault)?;
            let name = name_of(&member, archive)?;
            let refuse = |message: String| refuse(Some(&name), message);
            if let Err(message) = check_name(&name) {
                return refuse(message);
            }
            if !names.insert(name.trim_end_matches('/').to_lowercase()) {
                return refuse("the name repeats".to_owned());
            }
            if member.is_symlink() {
                return refuse("is a symbolic link".to_owned());
            }
            if member.encrypted() {
                return refuse("is encrypted".to_owned());
            }
            let (packed, unpacked) = (member.compressed_size(), member.size());
            total = total.saturating_add(unpacked);
            if unpacked > limits.member_bytes || total > limits.total_bytes {
                return refuse(too_large(unpacked, total, limits));
            }
            if unpacked > 1 << 20 && unpacked / packed.max(1) > limits.ratio {
                let ratio = limits.ratio;
                return refuse(format!("{packed} bytes unpack to {unpacked}, more than {ratio} times as many"));
            }
        }
        Ok(Self { inner, archive })
    }

    fn member(&mut self, index: usize) -> Result<ZipFile<'_, R>, DataError> {
        self.inner.by_index(index).map_err(|error| zip_fault(self.archive, None, &error))
    }
}

/// Length of the comment after the end record, which must be the last thing in the file: another reader might otherwise
/// see another archive in the bytes behind it.
fn end_comment(reader: &mut (impl Read + Seek), archive: &str) -> Result<usize, DataError> {
    const RECORD: usize = 22;
    let mut tail = Vec::new();
    reader
        .seek(SeekFrom::End(0))
        .and_then(|length| {
            let most = (RECORD + usize::from(u16::MAX)) as u64;
            reader.seek(SeekFrom::Start(length.saturating_sub(most)))
        })
        .and_then(|_| reader.read_to_end(&mut tail))
        .and_then(|_| reader.rewind())
        .map_err(|e| DataError::io("read", Path::new(archive), e))?;
    let ends_here = |start: &usize| {
        let comment = tail.len() - start - RECORD;
        tail.get(*start..).is_some_and(|record| {
            record.starts_with(b"PK\x05\x06") && record.get(20..22) == Some(&(comment as u16).to_le_bytes())
        })
    };
    (0..=tail.len().saturating_sub(RECORD))
        .rev()
        .filter(|start| start + RECORD <= tail.len())
        .find(ends_here)
        .map(|start| tail.len() - start - RECORD)
        .ok_or_else(|| DataError::archive(archive, None, "no zip archive, or bytes after its end"))
}

fn name_of<R: Read>(member: &ZipFile<'_, R>, archive: &str) -> Result<String, DataError> {
    match member.name() {
        Ok(name) => Ok(name.into_owned()),
        Err(error) => Err(zip_fault(archive, None, &error)),
    }
}

/// Streams one member into `sink`. The archive reader compares the CRC at the end; the size is compared here.
fn unpack<R: Read>(
    member: &mut ZipFile<'_, R>,
    name: &str,
    archive: &str,
    mut sink: impl FnMut(&[u8]) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let declared = member.size();
    let mut member = member.take(declared.saturating_add(1));
    let mut buffer = vec![0_u8; CHUNK];
    let mut got = 0_u64;
    loop {
        let bytes = read_some(&mut member, &mut buffer)
            .map_err(|error| DataError::archive(archive, Some(name), error.to_string()))?;
        if bytes.is_empty() {
            break;
        }
        got += bytes.len() as u64;
        sink(bytes)?;
    }
    if got == declared {
        return Ok(());
    }
    let message = format!("unpacks to {got} bytes or more, the directory says {declared}");
    Err(DataError::archive(archive, Some(name), message))
}

/// Whether a member name stays inside any folder, on any system.
fn check_name(name: &str) -> Result<(), String> {
    let fault = if name.is_empty() {
        "has an empty name"
    } else if name.contains('\0') {
        "has NUL in its name"
    } else if name.contains('\\') {
        "has a backslash in its name"
    } else if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        "has an absolute name"
    } else if name.split('/').any(|part| part == "..") {
        "leaves the archive with `..`"
    } else {
        return Ok(());
    };
    Err(fault.to_owned())
}

fn too_large(member: u64, total: u64, limits: Limits) -> String {
    format!(
        "{member} bytes, {total} with those before; at most {} and {} are allowed",
        limits.member_bytes, limits.total_bytes
    )
}

fn zip_fault(archive: &str, member: Option<&str>, error: &ZipError) -> DataError {
    DataError::archive(archive, member, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;
    use zip::write::{SimpleFileOptions, ZipWriter};

    const LIMITS: Limits = Limits { members: 10, member_bytes: 4 << 20, total_bytes: 5 << 20, ratio: 100 };

    fn packed(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn refused(bytes: Vec<u8>) -> String {
        let error = read_zip(Cursor::new(&bytes), "a.zip", LIMITS, |_| true).unwrap_err();
        assert!(matches!(error, DataError::Archive { .. }), "{error}");
        // Extraction refuses the same archives, and leaves nothing behind.
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("out");
        extract_zip(Cursor::new(&bytes), "a.zip", LIMITS, &[("x", "x")], &into).unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        error.to_string()
    }

    /// Replaces every occurrence, so that local headers and directory agree.
    fn patched(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let places: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i..].starts_with(from)).collect();
        assert!(!places.is_empty());
        for place in places {
            bytes[place..place + to.len()].copy_from_slice(to);
        }
        bytes
    }

    #[test]
    fn wanted_members_are_read() {
        let bytes = packed(&[("a/x.txt", b"one"), ("y", b""), ("z", &[7; 100_000])]);
        let members = read_zip(Cursor::new(&bytes), "a.zip", LIMITS, |name| name != "y").unwrap();
        assert_eq!(members.keys().collect::<Vec<_>>(), ["a/x.txt", "z"]);
        assert_eq!(members["a/x.txt"], b"one");
        assert_eq!(zip_members(Cursor::new(&bytes), "a.zip", LIMITS).unwrap(), ["a/x.txt", "y", "z"]);
    }

    #[test]
    fn listed_members_are_extracted_under_chosen_names() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("out");
        let bytes = packed(&[("a/x.txt", b"one"), ("y", b"two")]);
        extract_zip(Cursor::new(&bytes), "a.zip", LIMITS, &[("a/x.txt", "first")], &into).unwrap();
        assert_eq!(std::fs::read(into.join("first")).unwrap(), b"one");
        assert_eq!(std::fs::read_dir(&into).unwrap().count(), 1);
        // A folder that is there already is never mixed with a new one.
        extract_zip(Cursor::new(&bytes), "a.zip", LIMITS, &[("y", "second")], &into).unwrap_err();
        assert_eq!(std::fs::read_dir(&into).unwrap().count(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn chosen_names_are_checked_too() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = packed(&[("x", b"one"), ("y", b"two")]);
        for members in [
            &[("x", "../x")][..],
            &[("x", "")],
            &[("x", ".x")],
            &[("x", "a/b")],
            &[("x", "a"), ("y", "A")],
            &[("absent", "a")],
        ] {
            let into = folder.path().join("out");
            extract_zip(Cursor::new(&bytes), "a.zip", LIMITS, members, &into).unwrap_err();
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn names_that_leave_the_archive_are_refused() {
        for (name, expected) in [
            ("../evil", "leaves the archive with `..`"),
            ("a/../../evil", "leaves the archive with `..`"),
            ("/etc/evil", "absolute name"),
            ("C:/evil", "absolute name"),
            ("a\\..\\evil", "backslash"),
            ("a\0evil", "NUL"),
        ] {
            // The writer may refuse such names itself, so they are patched in.
            let harmless: String = name.chars().map(|_| 'q').collect();
            let bytes = patched(packed(&[("x", b"1"), (&harmless, b"2")]), harmless.as_bytes(), name.as_bytes());
            let text = refused(bytes);
            assert!(text.contains(expected), "{name:?} gave {text}");
        }
    }

    #[test]
    fn repeated_names_are_refused() {
        let same = patched(packed(&[("x", b"1"), ("q", b"2")]), b"q", b"x");
        assert!(refused(same).contains("duplicate"));
        assert!(refused(packed(&[("x", b"1"), ("X", b"2")])).contains("the name repeats"));
    }

    #[test]
    fn symbolic_links_are_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("x", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        let text = refused(writer.finish().unwrap().into_inner());
        assert!(text.contains("is a symbolic link"), "{text}");
    }

    #[test]
    fn bombs_are_refused_before_unpacking() {
        let text = refused(packed(&[("x", &vec![0; 2 << 20])]));
        assert!(text.contains("more than 100 times as many"), "{text}");
        let text = refused(packed(&[("x", &vec![0; 5 << 20])]));
        assert!(text.contains("at most 4194304 and 5242880 are allowed"), "{text}");
        let small: Vec<u8> = vec![0; 1 << 20];
        let many: Vec<(String, &[u8])> = (0..6).map(|i| (i.to_string(), small.as_slice())).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
        let text = refused(packed(&many));
        assert!(text.contains("6291456 with those before"), "{text}");
        let many: Vec<String> = (0..11).map(|i| i.to_string()).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let text = refused(packed(&many));
        assert!(text.contains("11 members, at most 10 are allowed"), "{text}");
    }

    #[test]
    fn a_size_that_lies_is_refused() {
        // The unpacked size of 300 zeros, in local header and directory, becomes 3.
        let bytes = patched(packed(&[("x", &[0; 300])]), &300_u32.to_le_bytes(), &3_u32.to_le_bytes());
        refused(bytes);
    }

    #[test]
    fn damaged_content_is_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        writer.start_file("x", stored).unwrap();
        writer.write_all(b"content").unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        assert!(refused(patched(bytes, b"content", b"CONTENT")).contains("checksum"));
    }

    #[test]
    fn bytes_around_the_archive_are_refused() {
        let bytes = packed(&[("x", b"1")]);
        let mut after = bytes.clone();
        after.extend(b"more");
        assert!(refused(after).contains("bytes after its end"));
        refused([b"MZ before".to_vec(), bytes].concat());
        refused(Vec::new());
        refused(b"PK\x05\x06".to_vec());
    }

    fn tarred(members: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, kind, content) in members {
            let mut header = tar::Header::new_gnu();
            // Set by hand: the builder refuses unsafe names.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn untar(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, DataError> {
        read_tar_gz(bytes, "a.tar.gz", LIMITS, |name| name != "skipped")
    }

    #[test]
    fn tar_members_are_read() {
        use tar::EntryType::{Directory, Regular, Symlink};
        let bytes = tarred(&[("skipped", Symlink, b""), ("d/x", Regular, b"one"), ("y", Regular, b"")]);
        let members = untar(&bytes).unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!(members["d/x"], b"one");
        for (hostile, expected) in [
            (tarred(&[("../x", Regular, b"1")]), "leaves the archive"),
            (tarred(&[("/x", Regular, b"1")]), "absolute name"),
            (tarred(&[("x", Regular, b"1"), ("X", Regular, b"2")]), "the name repeats"),
            (tarred(&[("x", Symlink, b"")]), "is no plain file"),
            (tarred(&[("x", Directory, b"")]), "is no plain file"),
            (tarred(&[("x", Regular, &vec![0; 5 << 20])]), "at most 4194304"),
            (tarred(&[("skipped", Regular, &vec![0; 6 << 20]), ("x", Regular, b"1")]), "damaged or too large"),
            (bytes[..bytes.len() / 2].to_vec(), "damaged or too large"),
        ] {
            let text = untar(&hostile).unwrap_err().to_string();
            assert!(text.contains(expected), "{text} lacks {expected}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn damaged_archives_never_panic(place in 0_usize..300, value: u8, cut in 0_usize..300) {
            let mut bytes = packed(&[("a/x", b"some text, some text, some text"), ("y", b"2")]);
            let place = place % bytes.len();
            bytes[place] = value;
            let _ = read_zip(Cursor::new(&bytes), "a.zip", LIMITS, |_| true);
            bytes.truncate(cut);
            let _ = read_zip(Cursor::new(&bytes), "a.zip", LIMITS, |_| true);
            let _ = read_tar_gz(bytes.as_slice(), "a.tar.gz", LIMITS, |_| true);
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_zip(Cursor::new(&bytes), "a.zip", LIMITS, |_| true);
            let _ = read_tar_gz(bytes.as_slice(), "a.tar.gz", LIMITS, |_| true);
        }
    }
}
