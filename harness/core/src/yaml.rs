//! Reading YAML with errors that name file, line, column and key.

use std::fmt;

use serde::de::DeserializeOwned;

/// Where and why a YAML document was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// The file, as the user knows it.
    pub file: String,
    /// Line and column, both from 1, where they are known.
    pub position: Option<(usize, usize)>,
    /// The key, such as `profiles.quick.seeds`, where it is known.
    pub key: Option<String>,
    /// What was wrong.
    pub message: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file)?;
        if let Some((line, column)) = self.position {
            write!(out, ":{line}:{column}")?;
        }
        if let Some(key) = &self.key {
            write!(out, ": {key}")?;
        }
        write!(out, ": {}", self.message)
    }
}

impl std::error::Error for YamlError {}

impl YamlError {
    /// An error about a key whose position is not known.
    pub fn at_key(file: &str, key: impl Into<String>, message: impl Into<String>) -> Self {
        YamlError { file: file.to_owned(), position: None, key: Some(key.into()), message: message.into() }
    }
}

/// Reads `text` as a `T`. Unknown and repeated keys, wrong types and syntax errors are refused with their position.
pub fn read<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, YamlError> {
    let value = read_typed(text, file)?;
    // A map inside of `T` may be of a type that keeps the last of two equal keys. This one refuses them.
    read_typed::<serde_yaml::Value>(text, file)?;
    Ok(value)
}

fn read_typed<T: DeserializeOwned>(text: &str, file: &str) -> Result<T, YamlError> {
    let document = serde_yaml::Deserializer::from_str(text);
    serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        let position = inner.location().map(|at| (at.line(), at.column()));
        YamlError {
            file: file.to_owned(),
            position,
            key: (path != "." && path != "?").then_some(path.clone()),
            message: plain(&inner.to_string(), &path),
        }
    })
}

/// Takes the position and the path out of a message that states them once more.
fn plain(message: &str, path: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    message.strip_prefix(&format!("{path}: ")).unwrap_or(message).to_owned()
}

/// Reads a typed value out of a parsed tree; `context` is the key of the tree's root.
pub fn from_tree<T: DeserializeOwned>(tree: &serde_json::Value, file: &str, context: &str) -> Result<T, YamlError> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let path = error.path().to_string();
        let key = match (context, path.as_str()) {
            ("", path) => path.to_owned(),
            (context, ".") => context.to_owned(),
            (context, path) => format!("{context}.{path}"),
        };
        YamlError::at_key(file, key, error.into_inner().to_string())
    })
}
