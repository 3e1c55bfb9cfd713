//! The registry: which data sets exist, who made them, and the digest of every byte.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::DataError;

const BUILTIN: &str = include_str!("../../../../data/registry.yaml");

/// All registered data sets, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    sets: Vec<DataSet>,
}

/// One data set: a folder of files with one origin, licence and citation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSet {
    /// Unique name, also the folder of the set in caches and mirrors: lower-case letters, digits, `-`, `_` and `.`.
    #[serde(deserialize_with = "set_id")]
    pub id: String,
    /// One line for people.
    pub title: String,
    /// The files, at least one.
    pub files: Vec<DataFile>,
    /// Licence as the source states it, or `unknown`.
    pub license: String,
    /// Who to cite.
    pub citation: String,
    /// What the bytes mean, exact enough to write a reader from.
    pub format: String,
    /// What else a user must know: subsets, stand-ins, conversions.
    #[serde(default)]
    pub notes: String,
}

/// One file of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFile {
    /// File name without any folder.
    #[serde(deserialize_with = "file_name")]
    pub name: String,
    /// Size of the registered file in bytes.
    pub bytes: NonZeroU64,
    /// SHA-256 of the registered file as 64 lower-case hexadecimal digits. Without it the first download is trusted.
    #[serde(default, deserialize_with = "sha256")]
    pub sha256: Option<String>,
    /// `https` address, or none if only mirrors have the file.
    #[serde(default, deserialize_with = "https_url")]
    pub url: Option<String>,
    /// What the address serves.
    #[serde(default)]
    pub url_serves: UrlServes,
    /// Size of the decompressed content in bytes, for `.gz` files.
    #[serde(default)]
    pub content_bytes: Option<NonZeroU64>,
    /// SHA-256 of the decompressed content, for `.gz` files.
    #[serde(default, deserialize_with = "sha256")]
    pub content_sha256: Option<String>,
    /// Where the bytes came from, as `owner/repository@commit:path` where that applies.
    #[serde(default)]
    pub origin: Option<String>,
    /// How the file was made from its origin, if it is not a plain copy.
    #[serde(default)]
    pub derived: Option<String>,
}

/// What a registered URL serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UrlServes {
    /// The registered bytes.
    #[default]
    File,
    /// What the registered `.gz` file decompresses to.
    Content,
}

impl DataFile {
    /// The name under which the decompressed content is cached: the name without `.gz`. None for files that have no
    /// registered content.
    #[must_use]
    pub fn content_name(&self) -> Option<&str> {
        self.content_sha256.as_ref()?;
        self.name.strip_suffix(".gz")
    }
}

impl DataSet {
    /// The file called `name`.
    ///
    /// # Errors
    /// [`DataError::UnknownFile`] with the closest name.
    pub fn file(&self, name: &str) -> Result<&DataFile, DataError> {
        self.files.iter().find(|file| file.name == name).ok_or_else(|| DataError::UnknownFile {
            set: self.id.clone(),
            name: name.to_owned(),
            hint: closest(name, self.files.iter().map(|file| file.name.as_str())),
        })
    }

    /// Sum of the registered sizes in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes.get()).sum()
    }
}

impl Registry {
    /// The registry of this repository, `data/registry.yaml`, parsed on first use.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static REGISTRY: OnceLock<Registry> = OnceLock::new();
        REGISTRY.get_or_init(|| {
            // The text is compiled in and a test parses it, so the empty registry is never seen.
            Self::parse(BUILTIN, "data/registry.yaml").unwrap_or(Self { sets: Vec::new() })
        })
    }

    /// Parses and checks the text of a registry; `path` is only used in messages.
    ///
    /// # Errors
    /// [`DataError::Registry`] with the line and column of the first fault: a syntax error, an unknown key, a wrong
    /// type, an unsafe or repeated name, a malformed digest, a size of 0, a URL that is not `https`.
    pub fn parse(text: &str, path: &str) -> Result<Self, DataError> {
        let fault =
            |line, column, message: String| DataError::Registry { path: path.to_owned(), line, column, message };
        let document: Document = serde_yaml::from_str(text).map_err(|error| {
            let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
            fault(line, column, without_location(&error.to_string()))
        })?;
        if document.version != VERSION {
            let (line, column) = position(text, "version:", 0);
            let found = document.version;
            return Err(fault(
                line,
                column,
                format!("registry version {found} is not supported, this program reads version {VERSION}"),
            ));
        }

        let mut ids = BTreeSet::new();
        for set in &document.sets {
            let place = |nth| position(text, &format!("- id: {}", set.id), nth);
            if !ids.insert(set.id.as_str()) {
                let (line, column) = place(1);
                return Err(fault(line, column, format!("data set id `{}` appears twice", set.id)));
            }
            let (line, column) = place(0);
            check_files(set).map_err(|message| fault(line, column, message))?;
        }
        Ok(Self { sets: document.sets })
    }

    /// All sets, in the order of the file.
    #[must_use]
    pub fn sets(&self) -> &[DataSet] {
        &self.sets
    }

    /// The set called `id`.
    ///
    /// # Errors
    /// [`DataError::UnknownSet`] with the closest id.
    pub fn get(&self, id: &str) -> Result<&DataSet, DataError> {
        self.sets.iter().find(|set| set.id == id).ok_or_else(|| DataError::UnknownSet {
            id: id.to_owned(),
            hint: closest(id, self.sets.iter().map(|set| set.id.as_str())),
        })
    }
}

const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    sets: Vec<DataSet>,
}

/// The rules that involve more than one field.
fn check_files(set: &DataSet) -> Result<(), String> {
    if set.files.is_empty() {
        return Err(format!("data set `{}` lists no files", set.id));
    }
    // Compared without case, since some file systems do; contents share the folder with the files themselves.
    let mut names = BTreeSet::new();
    for file in &set.files {
        for name in std::iter::once(file.name.as_str()).chain(file.content_name()) {
            if !names.insert(name.to_lowercase()) {
                return Err(format!("data set `{}`: file name `{name}` appears twice", set.id));
            }
        }
        let about = |message: &str| Err(format!("data set `{}`: `{}` {message}", set.id, file.name));
        let content = file.content_bytes.is_some() || file.content_sha256.is_some();
        if content && !file.name.ends_with(".gz") {
            return about("is no .gz file and so has no content_bytes or content_sha256");
        }
        if file.content_bytes.is_some() != file.content_sha256.is_some() {
            return about("needs both content_bytes and content_sha256, or neither");
        }
        if content && file.sha256.is_none() {
            return about("has a digest of its content, but none of its own");
        }
        if file.url_serves == UrlServes::Content && (!content || file.url.is_none()) {
            return about("has `url_serves: content`, which needs a url, content_bytes and content_sha256");
        }
    }
    Ok(())
}

/// The known name closest to `name`, if one is close enough to be a typing error.
fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// Line and column of the `nth` line that holds exactly `key` (a trailing value is allowed after `key:`).
fn position(text: &str, key: &str, nth: usize) -> (usize, usize) {
    text.lines()
        .enumerate()
        .filter(|(_, line)| {
            let line = line.trim();
            line == key || (key.ends_with(':') && line.starts_with(key))
        })
        .nth(nth)
        .map_or((1, 1), |(index, line)| (index + 1, line.len() - line.trim_start().len() + 1))
}

/// The parser appends its own ` at line x column y`, which the caller prints in front.
fn without_location(message: &str) -> String {
    message.rfind(" at line ").and_then(|end| message.get(..end)).unwrap_or(message).to_owned()
}

/// Accepts a string through a check, so that a fault is reported at the position of the value.
struct Checked(fn(&str) -> Result<(), String>);

impl Visitor<'_> for Checked {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
        (self.0)(text).map_err(E::custom)?;
        Ok(text.to_owned())
    }
}

fn set_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Checked(|id| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        if !id.is_empty() && id.len() <= 100 && id.chars().all(allowed) && !id.starts_with('.') {
            Ok(())
        } else {
            Err(format!(
                "data set id {id:?} must consist of lower-case letters, digits, `-`, `_` and `.`, and not start with `.`"
            ))
        }
    }))
}

fn file_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Checked(|name| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        // These endings belong to the cache itself.
        let reserved = [".ok", ".lock", ".sha256", ".part"];
        if name.is_empty() || name.len() > 200 || !name.chars().all(allowed) || name.starts_with('.') {
            Err(format!("file name {name:?} must consist of letters, digits, `-`, `_` and `.`, and not start with `.`"))
        } else if reserved.iter().any(|end| name.ends_with(end)) {
            Err(format!("file name `{name}` must not end in one of {reserved:?}"))
        } else {
            Ok(())
        }
    }))
}

fn sha256<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer
        .deserialize_str(Checked(|text| {
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if text.len() == 64 && text.chars().all(hex) {
                Ok(())
            } else {
                Err(format!("sha256 must be 64 lower-case hexadecimal digits, got {text:?}"))
            }
        }))
        .map(Some)
}

fn https_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer
        .deserialize_str(Checked(|text| {
            let host = text.strip_prefix("https://");
            let safe = text.chars().all(|c| c.is_ascii_graphic());
            if safe && host.is_some_and(|host| !host.is_empty() && !host.starts_with('/')) {
                Ok(())
            } else {
                Err(format!("url must be an https:// address, got {text:?}"))
            }
        }))
        .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// A registry of one set with one file, whose fields are given.
    fn one(file: &str) -> String {
        format!(
            "version: 1\nsets:\n- id: a\n  title: t\n  files:\n  - {}\n  license: l\n  citation: c\n  format: f\n",
            file.trim().replace('\n', "\n    ")
        )
    }

    fn fault(text: &str) -> String {
        Registry::parse(text, "r.yaml").unwrap_err().to_string()
    }

    #[test]
    fn the_builtin_registry_is_sound() {
        let registry = Registry::parse(BUILTIN, "data/registry.yaml").unwrap();
        assert_eq!(&registry, Registry::builtin());
        assert_eq!(registry.sets().len(), 33);
        for set in registry.sets() {
            let about = &set.id;
            assert!(!set.title.is_empty() && !set.license.is_empty() && !set.citation.is_empty(), "{about}");
            assert!(set.format.len() > 40, "{about} needs a format that a reader can be written from");
            for file in &set.files {
                assert!(file.sha256.is_some(), "{about}: {} has no digest", file.name);
                assert!(file.origin.is_some(), "{about}: {} has no origin", file.name);
                assert!(
                    file.url.is_some() || file.derived.is_some(),
                    "{about}: {} has neither a url nor a word on how it was made",
                    file.name
                );
            }
        }
    }

    #[test]
    fn unknown_ids_and_names_get_a_hint() {
        let registry = Registry::builtin();
        assert_eq!(
            registry.get("fashion_mnist").unwrap_err().to_string(),
            "unknown data set `fashion_mnist`, did you mean `fashion-mnist`?"
        );
        assert_eq!(registry.get("zzz").unwrap_err().to_string(), "unknown data set `zzz`");
        assert_eq!(
            registry.get("ptb-lm").unwrap().file("ptb.train.txt").unwrap_err().to_string(),
            "data set `ptb-lm` has no file `ptb.train.txt`, did you mean `ptb.train.txt.gz`?"
        );
    }

    #[test]
    fn optional_fields_have_defaults() {
        let registry = Registry::parse(&one("name: x\nbytes: 3"), "r.yaml").unwrap();
        let file = &registry.get("a").unwrap().files[0];
        assert_eq!((file.bytes.get(), file.url_serves), (3, UrlServes::File));
        assert_eq!((&file.sha256, &file.url, file.content_name()), (&None, &None, None));
    }

    #[test]
    fn faults_are_reported_at_their_place() {
        for (file, place, message) in [
            ("name: x\nbytes: 0", "7:12", "nonzero"),
            ("name: x\nbytes: -1", "7:12", "invalid"),
            ("name: x\nbytes: 1e400", "7:12", "invalid type"),
            ("name: ../x\nbytes: 1", "6:11", "file name \"../x\" must consist of"),
            ("name: a/b\nbytes: 1", "6:11", "must consist of"),
            ("name: 'C:\\x'\nbytes: 1", "6:11", "must consist of"),
            ("name: .x\nbytes: 1", "6:11", "not start with `.`"),
            ("name: x.lock\nbytes: 1", "6:11", "must not end in one of"),
            ("name: x\nbytes: 1\nsha256: 12", "8:13", "sha256 must be 64 lower-case hexadecimal digits, got \"12\""),
            ("name: x\nbytes: 1\nurl: http://a/x", "8:10", "url must be an https:// address"),
            ("name: x\nbytes: 1\nurl: file:///x", "8:10", "url must be an https:// address"),
            ("name: x\nbytes: 1\nsize: 2", "8:5", "unknown field `size`"),
            ("name: x\nbytes: 1\nurl_serves: html", "8:17", "unknown variant `html`"),
            ("bytes: 1", "6:5", "missing field `name`"),
            ("name: x\nbytes: 1\nbytes: 1", "6:5", "duplicate field `bytes`"),
        ] {
            let text = fault(&one(file));
            assert!(text.starts_with(&format!("r.yaml:{place}: ")) && text.contains(message), "{file:?} gave {text}");
        }
    }

    #[test]
    fn fields_must_agree() {
        let sums = format!("sha256: {DIGEST}\ncontent_sha256: {DIGEST}");
        for (file, message) in [
            (format!("name: x\nbytes: 1\ncontent_bytes: 2\n{sums}"), "`x` is no .gz file"),
            (format!("name: x.gz\nbytes: 1\n{sums}"), "needs both content_bytes and content_sha256"),
            (
                format!("name: x.gz\nbytes: 1\ncontent_bytes: 2\ncontent_sha256: {DIGEST}"),
                "digest of its content, but none of its own",
            ),
            ("name: x.gz\nbytes: 1\nurl: https://a/x\nurl_serves: content".to_owned(), "which needs a url"),
        ] {
            let text = fault(&one(&file));
            assert!(text.starts_with("r.yaml:3:1: data set `a`") && text.contains(message), "{file:?} gave {text}");
        }
    }

    #[test]
    fn names_must_be_unique() {
        let text = one("name: x\nbytes: 1");
        let set = text.split_once("sets:\n").unwrap().1;
        assert_eq!(fault(&format!("{text}{set}")), "r.yaml:11:1: data set id `a` appears twice");
        assert_eq!(
            fault(&text.replace("  - name: x\n    bytes: 1", "  - name: x\n    bytes: 1\n  - name: X\n    bytes: 1")),
            "r.yaml:3:1: data set `a`: file name `X` appears twice"
        );
        assert_eq!(
            fault(&text.replace("files:\n  - name: x\n    bytes: 1", "files: []")),
            "r.yaml:3:1: data set `a` lists no files"
        );
        assert!(fault(&text.replace("id: a", "id: ../a")).contains("data set id \"../a\" must consist of"));
        assert_eq!(
            fault(&text.replace("version: 1", "version: 2")),
            "r.yaml:1:1: registry version 2 is not supported, this program reads version 1"
        );
    }

    #[test]
    fn hostile_documents_end_in_errors() {
        let deep = "[".repeat(10_000);
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nsets: *c\n";
        for text in [deep.as_str(), bomb, "\t", "version: 1\nsets:\n\t- id: a", "", "\u{0}"] {
            assert!(fault(text).starts_with("r.yaml:"));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_registry_or_an_error(text in "(version: 1\nsets:\n)?[-a-z:\\[\\]{}&*!|>'\" \n0-9]{0,120}") {
            let _ = Registry::parse(&text, "r.yaml");
        }

        #[test]
        fn accepted_names_stay_in_their_folder(name in any::<String>()) {
            let quoted = serde_json::to_string(&name).unwrap();
            if Registry::parse(&one(&format!("name: {quoted}\nbytes: 1")), "r.yaml").is_ok() {
                prop_assert!(std::path::Path::new(&name).components().count() == 1);
                prop_assert!(!name.contains(['/', '\\', '\0']) && !name.starts_with('.'));
            }
        }
    }
}
