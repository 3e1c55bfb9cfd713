//! A run as a research object: one zip file that holds everything the run's report was made of.
//!
//! ```text
//! ro-crate-metadata.json              what is inside, by RO-Crate 1.1
//! run.json                            the run: command, machine, papers after overrides, keys of trials
//! report/…                            the report with its figures, results.parquet and verdicts.csv
//! store/<paper>/<profile>/<key>.json  the trials, byte by byte as stored
//! papers/<paper>.yaml                 paper.yaml as resolved
//! data.json                           data sets with the digests that the trials saw, licences and citations
//! environment.json                    machine, device and code that the trials ran on
//! Cargo.lock, rust-toolchain.toml     versions of all that this build of harness consists of
//! SHA256SUMS                          digests of the files above, for `sha256sum -c`
//! ```
//! The same run gives the same bytes: names are sorted, and dates are those of the run or none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use harness_core::data::Registry;
use harness_core::files::NewFile;
use harness_core::record::{Outcome, Record};
use harness_core::trial::hex;
use harness_core::{Error, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::run::manifest::Manifest;
use crate::store::Store;

const CARGO_LOCK: &str = include_str!("../../Cargo.lock");
const TOOLCHAIN: &str = include_str!("../../rust-toolchain.toml");
const METADATA: &str = "ro-crate-metadata.json";
const SUMS: &str = "SHA256SUMS";
const RUN: &str = "run.json";
/// Endings of the files of a report; anything else in its folder is not ours.
const REPORT_FILES: [&str; 5] = ["csv", "md", "parquet", "png", "svg"];
/// Bytes of a file of an archive at most; a trial with pictures has a few million.
const MOST_BYTES: u64 = 1 << 28;

/// Where the bytes of an entry are.
enum Source {
    Bytes(Vec<u8>),
    File(PathBuf),
}

/// Files with their names in the archive.
type Files = Vec<(String, PathBuf)>;

/// Writes the archive of a run to `place`; it is there whole or not at all. The run's report has to be there.
///
/// # Errors
/// [`Error::Failed`] where a trial of the run is damaged; [`Error::Environment`] where a file cannot be read or written.
pub fn write(manifest: &Manifest, reports: &Path, store: &Store, place: &Path) -> Result<()> {
    let (trials, records) = trials(manifest, store)?;
    let mut entries: BTreeMap<String, Source> =
        trials.into_iter().map(|(name, path)| (name, Source::File(path))).collect();
    let folder = reports.join(&manifest.id);
    let mut files = Vec::new();
    report_files(&folder, "report", &mut files)?;
    entries.extend(files.into_iter().map(|(name, path)| (name, Source::File(path))));
    for entry in &manifest.papers {
        let yaml = serde_yaml::to_string(&entry.paper).map_err(|error| Error::Failed(error.to_string()))?;
        entries.insert(format!("papers/{}.yaml", entry.paper.slug), Source::Bytes(yaml.into_bytes()));
    }
    entries.insert(RUN.into(), Source::Bytes(pretty(manifest)?));
    entries.insert("data.json".into(), Source::Bytes(pretty(&data(&records))?));
    entries.insert("environment.json".into(), Source::Bytes(pretty(&environment(manifest, &records))?));
    entries.insert("Cargo.lock".into(), Source::Bytes(CARGO_LOCK.into()));
    entries.insert("rust-toolchain.toml".into(), Source::Bytes(TOOLCHAIN.into()));

    let cannot =
        |error: &dyn std::fmt::Display| Error::Environment(format!("cannot write {}: {error}", place.display()));
    let mut file = NewFile::beside(place).map_err(|error| cannot(&error))?;
    let mut archive = ZipWriter::new(file.as_file_mut());
    let mut add = |name: &str, bytes: &[u8]| {
        archive.start_file(name, options()).map_err(|error| cannot(&error))?;
        archive.write_all(bytes).map_err(|error| cannot(&error))
    };
    let mut parts = Vec::new();
    let mut sums = String::new();
    for (name, source) in entries {
        let bytes = match source {
            Source::Bytes(bytes) => bytes,
            Source::File(path) => std::fs::read(&path)
                .map_err(|error| Error::Environment(format!("cannot read {}: {error}", path.display())))?,
        };
        sums.push_str(&format!("{}  {name}\n", hex(&Sha256::digest(&bytes))));
        add(&name, &bytes)?;
        parts.push((name, bytes.len()));
    }
    add(SUMS, sums.as_bytes())?;
    parts.push((SUMS.to_owned(), sums.len()));
    // Last, because it tells of all the others.
    add(METADATA, &pretty(&metadata(manifest, &parts))?)?;
    archive.finish().map_err(|error| cannot(&error))?;
    file.publish().map_err(|error| cannot(&error))
}

/// A date and rights that do not depend on when and where the archive is made.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
}

fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::Failed(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Name in the archive and place of every trial of the run that has a file, and their records.
fn trials(manifest: &Manifest, store: &Store) -> Result<(Files, Vec<Record>)> {
    let mut files = Vec::new();
    let mut records = Vec::new();
    for entry in &manifest.papers {
        let slug = &entry.paper.slug;
        for key in &entry.keys {
            let record = match store.read(slug, manifest.profile, key)? {
                Some(record) => Some(record),
                None => store.read_failed(slug, manifest.profile, key)?,
            };
            let Some(record) = record else { continue };
            let path = store.path_of(&record);
            let name = path.strip_prefix(store.root()).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push((format!("store/{name}"), path));
            records.push(record);
        }
    }
    Ok((files, records))
}

/// The files of a report, with their names in the archive.
fn report_files(folder: &Path, name: &str, into: &mut Files) -> Result<()> {
    let cannot = |error| Error::Environment(format!("cannot read {}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(cannot)?);
        let Ok(file_name) = entry.file_name().into_string() else { continue };
        let inner = format!("{name}/{file_name}");
        if kind.is_dir() {
            report_files(&path, &inner, into)?;
        } else if kind.is_file()
            && path.extension().is_some_and(|ending| REPORT_FILES.iter().any(|known| ending == *known))
        {
            into.push((inner, path));
        }
    }
    Ok(())
}

/// Data sets with the digests that the trials saw.
fn data(records: &[Record]) -> Value {
    let mut sources: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (set, source) in records.iter().flat_map(|record| &record.provenance.data) {
        sources.entry(set).or_default().insert(source);
    }
    let registered = Registry::builtin();
    let sets = sources.into_iter().map(|(id, sources)| {
        let known = registered.sets().iter().find(|set| set.id == id);
        let described = json!({
            "sources": sources,
            "title": known.map(|set| &set.title),
            "licence": known.map(|set| &set.license),
            "citation": known.map(|set| &set.citation),
        });
        (id.to_owned(), described)
    });
    Value::Object(sets.collect())
}

/// What the trials ran on.
fn environment(manifest: &Manifest, records: &[Record]) -> Value {
    let distinct = |get: fn(&Record) -> &String| records.iter().map(get).collect::<BTreeSet<_>>();
    let mut code: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in records {
        code.entry(&record.paper).or_default().insert(&record.provenance.code);
    }
    json!({
        "run": {"machine": manifest.machine, "device": manifest.device, "harness": manifest.harness},
        "trials": {
            "machines": distinct(|record| &record.provenance.machine),
            "devices": distinct(|record| &record.provenance.device),
            "harness": distinct(|record| &record.provenance.harness),
            "code": code,
        },
    })
}

fn date(unix: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(unix)).to_string()
}

/// The description by RO-Crate 1.1 (Sefton et al., 2021, doi:10.5281/zenodo.5146228).
fn metadata(manifest: &Manifest, parts: &[(String, usize)]) -> Value {
    let reference = |id: &str| json!({"@id": id});
    let paper_id = |slug: &str| format!("#paper-{slug}");
    let papers: Vec<Value> = manifest.papers.iter().map(|entry| reference(&paper_id(&entry.paper.slug))).collect();
    let started = date(manifest.started_unix);
    let notes: Vec<String> =
        manifest.papers.iter().map(|entry| format!("{}: {}", entry.paper.slug, entry.paper.licence_note)).collect();
    let mut graph = vec![
        json!({
            "@id": METADATA, "@type": "CreativeWork",
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"}, "about": {"@id": "./"},
        }),
        json!({
            "@id": "./", "@type": "Dataset",
            "name": format!("Reproduction run {}", manifest.id),
            "description": format!(
                "Claims of {} published papers as executed and judged by harness, profile {}: the report, every trial that \
                 it rests on, and what is needed to make it again.",
                manifest.papers.len(),
                manifest.profile
            ),
            "datePublished": started,
            "license": {"@id": "#licence"},
            "about": papers,
            "mentions": {"@id": "#run"},
            "hasPart": parts.iter().map(|(name, _)| reference(name)).collect::<Vec<_>>(),
        }),
        json!({
            "@id": "#licence", "@type": "CreativeWork", "name": "Licences",
            "description": format!(
                "What harness made: MIT or Apache-2.0. Papers and data sets have licences of their own. {}",
                notes.join(" ")
            ),
        }),
        json!({
            "@id": "#harness", "@type": "SoftwareApplication", "name": "harness", "version": manifest.harness,
        }),
        json!({
            "@id": "#run", "@type": "CreateAction", "name": manifest.command, "startTime": started,
            "instrument": {"@id": "#harness"}, "object": papers, "result": {"@id": "report/README.md"},
        }),
    ];
    for entry in &manifest.papers {
        let paper = &entry.paper;
        let authors: Vec<Value> = paper.authors.iter().map(|name| json!({"@type": "Person", "name": name})).collect();
        let mut article = json!({
            "@id": paper_id(&paper.slug), "@type": "ScholarlyArticle", "name": paper.title,
            "creator": paper.authors.join(", "), "datePublished": paper.year.to_string(),
        });
        // Entities of a crate are flat: people stand beside the article, not in it.
        let ids: Vec<Value> =
            (1..=authors.len()).map(|count| reference(&format!("#{}-author-{count}", paper.slug))).collect();
        if let Value::Object(fields) = &mut article {
            fields.insert("author".into(), Value::Array(ids));
            fields.remove("creator");
            if let Some(arxiv) = &paper.arxiv {
                fields.insert("url".into(), json!(format!("https://arxiv.org/abs/{arxiv}")));
            }
        }
        graph.push(article);
        for (index, mut author) in authors.into_iter().enumerate() {
            if let Value::Object(fields) = &mut author {
                fields.insert("@id".into(), json!(format!("#{}-author-{}", paper.slug, index + 1)));
            }
            graph.push(author);
        }
    }
    for (name, bytes) in parts {
        graph.push(json!({
            "@id": name, "@type": "File", "name": name,
            "encodingFormat": encoding(name), "contentSize": bytes.to_string(),
        }));
    }
    json!({"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph})
}

fn encoding(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "json" => "application/json",
        "yaml" => "application/yaml",
        "toml" | "lock" => "application/toml",
        "csv" => "text/csv",
        "md" => "text/markdown",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "parquet" => "application/vnd.apache.parquet",
        _ => "text/plain",
    }
}

/// Takes the trials of an archive into the store and returns the run, whose report can then be made. Nothing is written
/// to a place that the archive names: trials go where their keys say, and only those of the run are looked at.
///
/// # Errors
/// [`Error::Input`] where the file is not such an archive, was changed, or holds a run whose name is taken by another
/// one; [`Error::Environment`] where it cannot be read or the store cannot be written.
pub fn take_in(file: &Path, reports: &Path, store: &Store) -> Result<Manifest> {
    let wrong = |reason: String| {
        Error::Input(format!("{} is not an archive that `harness export` made: {reason}", file.display()))
    };
    let opened =
        File::open(file).map_err(|error| Error::Environment(format!("cannot read {}: {error}", file.display())))?;
    let mut archive = ZipArchive::new(opened).map_err(|error| wrong(error.to_string()))?;
    let mut read = |name: &str| -> Result<Option<Vec<u8>>> {
        let entry = match archive.by_name(name) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(error) => return Err(wrong(format!("{name}: {error}"))),
        };
        let mut bytes = Vec::new();
        entry.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| wrong(format!("{name}: {error}")))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(wrong(format!("{name} is larger than {} MB", MOST_BYTES >> 20)));
        }
        Ok(Some(bytes))
    };
    let text = read(RUN)?.ok_or_else(|| wrong(format!("it has no {RUN}")))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| wrong(format!("{RUN}: {error}")))?;
    check(&manifest).map_err(wrong)?;
    if Manifest::path(reports, &manifest.id).is_file() && Manifest::read(reports, &manifest.id)? != manifest {
        return Err(Error::Input(format!(
            "{} is another run of the same name: choose another folder with --reports",
            reports.join(&manifest.id).display()
        )));
    }
    // All is read before anything is written, so that a broken archive leaves nothing behind.
    let mut records = Vec::new();
    for entry in &manifest.papers {
        let slug = &entry.paper.slug;
        for key in &entry.keys {
            let stem = format!("store/{slug}/{}/{key}", manifest.profile);
            for ending in ["json", "failed.json"] {
                let name = format!("{stem}.{ending}");
                let Some(bytes) = read(&name)? else { continue };
                let record = Store::parse(&bytes, Path::new(&name), key)?;
                let failed = matches!(record.outcome, Outcome::Failed { .. });
                if record.paper != *slug || record.profile != manifest.profile || failed != (ending != "json") {
                    return Err(wrong(format!("{name} holds another trial")));
                }
                records.push(record);
            }
        }
    }
    store.claim()?;
    for record in &records {
        store.take_in(record)?;
    }
    Ok(manifest)
}

/// Whether names from a file may become parts of paths.
fn check(manifest: &Manifest) -> std::result::Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if manifest.id.is_empty() || manifest.id.len() > 80 || !manifest.id.chars().all(plain) || manifest.id == "store" {
        return Err(format!("its run has the name {:?}, which no run has", manifest.id));
    }
    for entry in &manifest.papers {
        let slug = &entry.paper.slug;
        if crate::catalog::find(slug).is_none() {
            return Err(format!("this build does not know its paper {slug:?}"));
        }
        let is_key = |key: &String| key.len() == 64 && key.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        if let Some(key) = entry.keys.iter().find(|key| !is_key(key)) {
            return Err(format!("paper {slug} has the key {key:?}, which is no digest"));
        }
    }
    Ok(())
}
