//! The versions of the dependencies that compute or draw numbers.

use std::collections::BTreeMap;

const CARGO_LOCK: &str = include_str!("../../../Cargo.lock");

/// Beginnings of the names of packages whose version can change a result.
const COMPUTE: [&str; 10] =
    ["burn", "cubecl", "gemm", "image", "libm", "macerator", "ndarray", "rand", "safetensors", "statrs"];

/// Package to version, out of the Cargo.lock that this build was made with.
pub fn of_this_build() -> BTreeMap<String, String> {
    let quoted = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut lines = CARGO_LOCK.lines();
    while let Some(line) = lines.next() {
        let Some(name) = quoted(line, "name = ") else { continue };
        let Some(version) = lines.next().and_then(|line| quoted(line, "version = ")) else { continue };
        if COMPUTE.iter().any(|start| name.starts_with(start)) {
            versions.entry(name).or_default().push(version);
        }
    }
    versions.into_iter().map(|(name, versions)| (name, versions.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn burn_is_pinned() {
        let versions = super::of_this_build();
        assert_eq!(versions.get("burn").map(String::as_str), Some("0.21.0"));
        assert!(versions.contains_key("rand_chacha") && versions.contains_key("statrs"));
    }
}
