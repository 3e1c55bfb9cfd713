//! The papers that this build knows.

use std::collections::BTreeSet;

use harness_core::paper::Family;
use harness_core::text::did_you_mean;
use harness_core::{Error, PaperReproduction, Result};

/// All papers, by family and slug.
pub fn all() -> Vec<&'static dyn PaperReproduction> {
    #[cfg(feature = "fault-injection")]
    if std::env::var_os("HARNESS_FIXTURES").is_some() {
        return harness_fixtures::papers().collect();
    }
    papers::all().collect()
}

/// The paper of this slug.
pub fn find(slug: &str) -> Option<&'static dyn PaperReproduction> {
    all().into_iter().find(|reproduction| reproduction.paper().slug == slug)
}

/// Digest of the code that the trials of a paper can reach.
pub fn code_digest(slug: &str) -> &'static str {
    papers::code_digest(slug)
}

/// The papers that names stand for: slugs, families or `all`; each once, in the order of the catalog.
///
/// # Errors
/// [`Error::Input`] for an unknown name, with the closest known one, for a family without papers, and for no name.
pub fn select(names: &[String]) -> Result<Vec<&'static dyn PaperReproduction>> {
    let known = all();
    let mut chosen: BTreeSet<&str> = BTreeSet::new();
    for name in names {
        let family = name.parse::<Family>().ok();
        let meant: Vec<&str> = known
            .iter()
            .map(|reproduction| reproduction.paper())
            .filter(|paper| name == "all" || *name == paper.slug || family == Some(paper.family))
            .map(|paper| paper.slug.as_str())
            .collect();
        if meant.is_empty() {
            return Err(nothing_meant(name, family, &known));
        }
        chosen.extend(meant);
    }
    if chosen.is_empty() {
        return Err(Error::Input("no paper is named: give slugs, families or `all`".into()));
    }
    Ok(known.into_iter().filter(|reproduction| chosen.contains(reproduction.paper().slug.as_str())).collect())
}

fn nothing_meant(name: &str, family: Option<Family>, known: &[&'static dyn PaperReproduction]) -> Error {
    let advice = "`harness list` shows what there is";
    if let Some(family) = family {
        return Error::Input(format!("the family {family} has no paper yet; {advice}"));
    }
    let names = known
        .iter()
        .map(|reproduction| reproduction.paper().slug.as_str())
        .chain(Family::ALL.iter().map(|family| family.name()))
        .chain(["all"]);
    Error::Input(format!("unknown paper or family `{name}`{}; {advice}", did_you_mean(name, names)))
}
