//! `--set path.to.key=value`: changing a number of the experiment without touching `paper.yaml`.
//!
//! Only what shapes the experiment can be changed (`profiles.*` and `arms.*.settings`), never a claim or its rule.
//! The key must exist and keep its type, so that a slip of the pen is an error and not a setting nobody reads.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::paper::{Paper, Profile};
use crate::text::did_you_mean;
use crate::yaml::{self, YamlError};

/// One override, as typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The paper it is meant for; every selected paper that has the key where absent.
    pub paper: Option<String>,
    /// The key, such as `steps` (of the profile's settings) or `arms.z_loss.settings.a`.
    pub path: String,
    /// The new value.
    pub value: Value,
    /// Where it was given, for errors: `--set` or a file.
    pub origin: String,
}

impl Override {
    /// Parses `[PAPER:]path.to.key=value`; the value is YAML.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no `=` or no key, [`Error::Yaml`] where the value is not YAML.
    pub fn parse(text: &str) -> Result<Self> {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| Error::Input(format!("--set {text}: expected KEY=VALUE, such as --set steps=100")))?;
        let (paper, path) = match key.split_once(':') {
            Some((paper, path)) => (Some(paper.trim().to_owned()), path.trim()),
            None => (None, key.trim()),
        };
        if path.is_empty() || path.split('.').any(str::is_empty) {
            return Err(Error::Input(format!("--set {text}: the key before `=` is empty or has an empty part")));
        }
        let value: Value = yaml::read(value.trim(), &format!("--set {key}"))?;
        Ok(Override { paper, path: path.to_owned(), value, origin: "--set".into() })
    }

    /// Reads a YAML file of overrides: slugs of papers, below them keys as in `--set`, nested or dotted.
    ///
    /// # Errors
    /// [`Error::Yaml`] with file, line and column.
    pub fn parse_file(text: &str, file: &str) -> Result<Vec<Self>> {
        let tree: std::collections::BTreeMap<String, serde_json::Map<String, Value>> = yaml::read(text, file)?;
        let mut overrides = Vec::new();
        for (paper, entries) in tree {
            for (key, value) in entries {
                flatten(&key, &value, &mut |path, value| {
                    overrides.push(Override {
                        paper: Some(paper.clone()),
                        path: path.to_owned(),
                        value: value.clone(),
                        origin: file.to_owned(),
                    });
                });
            }
        }
        Ok(overrides)
    }
}

fn flatten(path: &str, value: &Value, take: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                flatten(&format!("{path}.{key}"), value, take);
            }
        }
        _ => take(path, value),
    }
}

/// Why an override does not fit a paper.
enum Misfit {
    /// The paper has no such key: another selected paper may.
    Unknown(Error),
    /// The key is there, but the value is wrong.
    Wrong(Error),
}

/// The papers with the overrides applied to each that has the key, in the order given.
///
/// # Errors
/// [`Error::Yaml`] naming the key where no selected paper has it, where the type differs, or where the result is not
/// a valid experiment; [`Error::Input`] for a paper that is not selected.
pub fn apply(papers: &[&Paper], overrides: &[Override], profile: Profile) -> Result<Vec<Paper>> {
    let mut changed: Vec<Paper> = papers.iter().map(|paper| (*paper).clone()).collect();
    for change in overrides {
        let mut fitted = false;
        let mut last_misfit = None;
        for paper in &mut changed {
            if change.paper.as_ref().is_some_and(|slug| *slug != paper.slug) {
                continue;
            }
            match apply_one(paper, change, profile) {
                Ok(new) => {
                    *paper = new;
                    fitted = true;
                }
                Err(Misfit::Wrong(error)) => return Err(error),
                Err(Misfit::Unknown(error)) => last_misfit = Some(error),
            }
        }
        if !fitted {
            return Err(last_misfit.unwrap_or_else(|| {
                let slug = change.paper.as_deref().unwrap_or_default();
                let hint = did_you_mean(slug, papers.iter().map(|paper| paper.slug.as_str()));
                Error::Input(format!("{} {}: paper `{slug}` is not selected{hint}", change.origin, change.path))
            }));
        }
    }
    Ok(changed)
}

fn apply_one(paper: &Paper, change: &Override, profile: Profile) -> Result<Paper, Misfit> {
    let mut tree = serde_json::to_value(paper)
        .map_err(|error| Misfit::Wrong(Error::Failed(format!("{}: {error}", paper.slug))))?;
    let file = format!("{} for {}", change.origin, paper.slug);
    let refuse = |message: String| Error::Yaml(YamlError::at_key(&file, change.path.clone(), message));
    let parts: Vec<&str> = change.path.split('.').collect();
    let (root, parts) = match parts.as_slice() {
        ["profiles", _, ..] => (Vec::new(), parts.clone()),
        ["arms", ..] => (Vec::new(), parts.clone()),
        ["seeds" | "timeout_s" | "memory_mb" | "grid", ..] => (vec!["profiles", profile.name()], parts.clone()),
        ["settings", ..] => (vec!["profiles", profile.name()], parts.clone()),
        [top, ..] if is_field_of_paper(&tree, top) => {
            return Err(Misfit::Wrong(refuse(
                "only profiles.* and arms.ARM.settings.* can be changed; claims, arms and citations stand".into(),
            )));
        }
        _ => (vec!["profiles", profile.name(), "settings"], parts.clone()),
    };
    if parts.first() == Some(&"arms") && !parts.iter().skip(2).any(|part| *part == "settings") {
        return Err(Misfit::Wrong(refuse("of an arm only `settings` can be changed".into())));
    }
    if let ["profiles", _, "deviations", ..] = parts.as_slice() {
        return Err(Misfit::Wrong(refuse("deviations cannot be changed".into())));
    }
    let mut at = &mut tree;
    let path: Vec<&str> = root.into_iter().chain(parts).collect();
    // Arms may have dots in their names (`lr_gd_0.1`), so a key may span several parts.
    let mut rest = path.as_slice();
    while !rest.is_empty() {
        let (next, used) = descend(at, rest).map_err(|message| Misfit::Unknown(refuse(message)))?;
        at = next;
        rest = &rest[used..];
    }
    if !same_type(at, &change.value) {
        return Err(Misfit::Wrong(refuse(format!(
            "{} is {}, expected {} (now {at})",
            change.value,
            type_name(&change.value),
            type_name(at)
        ))));
    }
    *at = change.value.clone();
    let new: Paper = yaml::from_tree(&tree, &file, "").map_err(|error| Misfit::Wrong(error.into()))?;
    new.check(&file).map_err(|error| Misfit::Wrong(error.into()))?;
    Ok(new)
}

fn is_field_of_paper(tree: &Value, name: &str) -> bool {
    tree.get(name).is_some()
}

/// One step down the tree: the child and how many parts of the path named it.
fn descend<'t>(at: &'t mut Value, path: &[&str]) -> Result<(&'t mut Value, usize), String> {
    let names: Vec<String> = match &*at {
        Value::Object(entries) => entries.keys().cloned().collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| match item.get("name").and_then(Value::as_str) {
                Some(name) => name.to_owned(),
                None => index.to_string(),
            })
            .collect(),
        _ => Vec::new(),
    };
    for used in (1..=path.len()).rev() {
        let wanted = path[..used].join(".");
        if let Some(index) = names.iter().position(|name| *name == wanted) {
            let child = match at {
                Value::Object(entries) => entries.get_mut(&wanted),
                Value::Array(items) => items.get_mut(index),
                _ => None,
            };
            return child.map(|child| (child, used)).ok_or_else(|| format!("there is no key `{wanted}`"));
        }
    }
    let wanted = path.first().copied().unwrap_or_default();
    let hint = did_you_mean(wanted, names.iter().map(String::as_str));
    Err(if names.is_empty() {
        format!("there is nothing below it: no key `{wanted}`")
    } else {
        format!("there is no key `{wanted}`{hint} (keys here: {})", names.join(", "))
    })
}

fn same_type(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Null, _) => true,
        // A whole number may become a fraction only where the paper's type allows it: its own check decides.
        (Value::Number(_), Value::Number(_)) => true,
        _ => std::mem::discriminant(old) == std::mem::discriminant(new),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a word",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
