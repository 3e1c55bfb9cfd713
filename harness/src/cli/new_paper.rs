//! `harness new-paper`: the skeleton of a paper, which compiles, and a test that says what to fill in.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use harness_core::paper::Family;
use minijinja::{Environment, context};

use super::Failure;
use super::places::Places;
use crate::catalog;
use crate::store::atomic;

/// Options of `new-paper`.
#[derive(Args)]
pub struct Arguments {
    /// Family, such as `theory`.
    family: Family,
    /// Slug: lower-case letters, digits and `_`.
    slug: String,
}

const MODULE: &str = include_str!("../../../reports/template/new-paper/mod.rs.j2");
const PAPER: &str = include_str!("../../../reports/template/new-paper/paper.yaml.j2");
const VECTORS: &str = include_str!("../../../reports/template/new-paper/vectors.json.j2");
const FAMILY_MANIFEST: &str = include_str!("../../../reports/template/new-paper/Cargo.toml.j2");
const FAMILY_LIBRARY: &str = include_str!("../../../reports/template/new-paper/lib.rs.j2");

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let (family, slug) = (arguments.family.name(), arguments.slug.as_str());
    let valid = slug.starts_with(|first: char| first.is_ascii_lowercase())
        && slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !valid {
        return Err(Failure::input(format!("slug `{slug}`: use lower-case letters, digits and _, a letter first")));
    }
    if catalog::find(slug).is_some() {
        return Err(Failure::input(format!("there is a paper `{slug}` already")));
    }
    let papers = places.project.join("papers");
    if !papers.join("Cargo.toml").is_file() {
        return Err(Failure::input(format!("{} is not this project: run it inside a clone", places.project.display())));
    }
    let family_folder = papers.join(family);
    let folder = family_folder.join("src").join(slug);
    if folder.exists() {
        return Err(Failure::input(format!("{} is there already", folder.display())));
    }
    let mut written = Vec::new();
    if !family_folder.join("Cargo.toml").is_file() {
        write(&family_folder.join("Cargo.toml"), &render(FAMILY_MANIFEST, family, slug)?, &mut written)?;
        write(&family_folder.join("src/lib.rs"), &render(FAMILY_LIBRARY, family, slug)?, &mut written)?;
        add_family(&places.project, family, &mut written)?;
    }
    write(&folder.join("mod.rs"), &render(MODULE, family, slug)?, &mut written)?;
    write(&folder.join("paper.yaml"), &render(PAPER, family, slug)?, &mut written)?;
    write(&folder.join("vectors.json"), &render(VECTORS, family, slug)?, &mut written)?;
    let library = family_folder.join("src/lib.rs");
    edit(&library, &mut written, |text| list_paper(text, slug))?;
    let mut out = anstream::stdout();
    for path in &written {
        writeln!(out, "wrote {path}")?;
    }
    writeln!(
        out,
        "next: `cargo test -p papers-{family} {slug}` says what to fill in; docs/adding-a-paper.md shows how"
    )?;
    Ok(ExitCode::SUCCESS)
}

fn render(template: &str, family: &str, slug: &str) -> Result<String, Failure> {
    let environment = Environment::new();
    let type_name: String = slug
        .split('_')
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<Vec<_>>()
        })
        .collect();
    environment
        .render_str(template, context! { family, slug, type_name })
        // The engine drops the newline at the end of a template.
        .map(|text| format!("{}\n", text.trim_end()))
        .map_err(|error| Failure::failed(format!("the template cannot be rendered: {error}")))
}

fn write(path: &Path, text: &str, written: &mut Vec<String>) -> Result<(), Failure> {
    atomic::write(path, text.as_bytes())
        .map_err(|error| Failure::environment(format!("{}: {error}", path.display())))?;
    let path = path.display().to_string();
    if !written.contains(&path) {
        written.push(path);
    }
    Ok(())
}

fn edit(path: &Path, written: &mut Vec<String>, change: impl FnOnce(&str) -> Option<String>) -> Result<(), Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::environment(format!("{}: {error}", path.display())))?;
    let changed = change(&text).ok_or_else(|| {
        Failure::failed(format!("{} does not look as expected: add the new paper there by hand", path.display()))
    })?;
    write(path, &changed, written)
}

/// Adds the module and the list entry, both in the order of slugs.
fn list_paper(library: &str, slug: &str) -> Option<String> {
    let mut modules: Vec<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    modules.push(slug);
    modules.sort_unstable();
    let start = library.find("pub static PAPERS")?;
    let head: Vec<&str> = library[..start].lines().filter(|line| !line.starts_with("pub mod ")).collect();
    let declarations: String = modules.iter().map(|module| format!("pub mod {module};\n")).collect();
    let entries: String = modules.iter().map(|module| format!("    &{module}::REPRODUCTION,\n")).collect();
    let (before, comment) = head.split_at(head.iter().rposition(|line| line.starts_with("use "))? + 1);
    let comment: Vec<&str> = comment.iter().copied().filter(|line| !line.is_empty()).collect();
    Some(format!(
        "{}\n\n{declarations}\n{}\npub static PAPERS: &[&dyn PaperReproduction] = &[\n{entries}];\n",
        before.join("\n").trim_end(),
        comment.join("\n")
    ))
}

/// Makes a new family crate known to the workspace, to `papers` and to its list.
fn add_family(project: &Path, family: &str, written: &mut Vec<String>) -> Result<(), Failure> {
    edit(&project.join("Cargo.toml"), written, |text| {
        let members =
            text.replacen("    \"papers/kit\",\n", &format!("    \"papers/kit\",\n    \"papers/{family}\",\n"), 1);
        let anchor = "papers-kit = { path = \"papers/kit\" }\n";
        let known =
            members.replacen(anchor, &format!("{anchor}papers-{family} = {{ path = \"papers/{family}\" }}\n"), 1);
        (known.len() > members.len() && members.len() > text.len()).then_some(known)
    })?;
    edit(&project.join("papers/Cargo.toml"), written, |text| {
        let anchor = "harness-core.workspace = true\n";
        text.contains(anchor).then(|| text.replacen(anchor, &format!("{anchor}papers-{family}.workspace = true\n"), 1))
    })?;
    edit(&project.join("papers/src/lib.rs"), written, |text| {
        let start = text.find("static FAMILIES")?;
        let inside = start + text[start..].find("= &[")? + 4;
        let end = inside + text[inside..].find("];")?;
        let mut families: Vec<String> = text[inside..end]
            .split(',')
            .map(|entry| entry.trim().to_owned())
            .filter(|entry| !entry.is_empty())
            .collect();
        families.push(format!("papers_{family}::PAPERS"));
        // The order of families in listings is that of the enumeration.
        families.sort_by_key(|entry| {
            Family::ALL.iter().position(|known| *entry == format!("papers_{}::PAPERS", known.name()))
        });
        let lines: String = families.iter().map(|entry| format!("    {entry},\n")).collect();
        Some(format!("{}\n{lines}{}", &text[..inside], &text[end..]))
    })
}
