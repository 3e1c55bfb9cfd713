//! Digests of the code that a trial can reach, so that changed code re-runs exactly the trials that it can affect.
//!
//! A paper's digest covers its own folder, what its family crate holds besides other papers, the kit, the part of
//! core that runs with a trial, and the versions of burn's crates. Papers of one family do not import each other; a
//! test of this crate keeps it so.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

/// Parts of core that plan trials or look at results, but do not run with a trial.
const NOT_IN_A_TRIAL: [&str; 12] = [
    "case_result.rs",
    "claim.rs",
    "conformance.rs",
    "evidence.rs",
    "figure.rs",
    "guard.rs",
    "judge.rs",
    "measured.rs",
    "outlook.rs",
    "overrides.rs",
    "results.rs",
    "sequential.rs",
];

fn main() -> io::Result<()> {
    let papers = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = papers.parent().unwrap_or(&papers).to_path_buf();
    let core = root.join("harness/core/src");
    let kit = papers.join("kit/src");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", core.display());
    println!("cargo:rerun-if-changed={}", root.join("Cargo.lock").display());

    let mut common = Sha256::new();
    digest_sources(&core, &core, &|name| NOT_IN_A_TRIAL.contains(&name), &mut common)?;
    digest_sources(&kit, &kit, &|_| false, &mut common)?;
    common.update(versions_of_burn(&fs::read_to_string(root.join("Cargo.lock"))?));

    let mut table = BTreeMap::new();
    for entry in fs::read_dir(&papers)? {
        let sources = entry?.path().join("src");
        if !sources.is_dir() {
            continue;
        }
        println!("cargo:rerun-if-changed={}", sources.display());
        let slugs = paper_folders(&sources)?;
        for slug in &slugs {
            let mut hash = common.clone();
            digest_sources(
                &sources,
                &sources,
                &|name| name != slug && slugs.iter().any(|other| other == name),
                &mut hash,
            )?;
            table.insert(slug.clone(), hex(&hash.finalize()));
        }
    }
    let mut code = String::from(
        "/// Slug to digest of the code that its trials can reach.\npub static CODE_DIGESTS: &[(&str, &str)] = &[\n",
    );
    for (slug, digest) in table {
        let _ = writeln!(code, "    ({slug:?}, {digest:?}),");
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("code_digests.rs"), code)
}

/// Folders with a `paper.yaml`.
fn paper_folders(sources: &Path) -> io::Result<Vec<String>> {
    let mut slugs = Vec::new();
    for entry in fs::read_dir(sources)? {
        let entry = entry?;
        if entry.path().join("paper.yaml").is_file() {
            slugs.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    slugs.sort();
    Ok(slugs)
}

/// Adds names and contents of all Rust files below `folder`, in the order of their names.
fn digest_sources(root: &Path, folder: &Path, leave_out: &dyn Fn(&str) -> bool, hash: &mut Sha256) -> io::Result<()> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if folder == root && leave_out(&name) {
            continue;
        }
        if path.is_dir() {
            digest_sources(root, &path, leave_out, hash)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let contents = fs::read(&path)?;
            hash.update(path.strip_prefix(root).unwrap_or(&path).to_string_lossy().as_bytes());
            hash.update((contents.len() as u64).to_le_bytes());
            hash.update(&contents);
        }
    }
    Ok(())
}

/// Names and versions of burn's crates and of its matrix kernels, out of Cargo.lock.
fn versions_of_burn(lock: &str) -> String {
    let mut versions = String::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("name = ") else { continue };
        let name = name.trim_matches('"');
        if name.starts_with("burn") || name.starts_with("gemm") || name.starts_with("cubecl") {
            let _ = writeln!(versions, "{name} {}", lines.next().unwrap_or_default());
        }
    }
    versions
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
