//! The guide to adding a paper quotes real files: what it quotes must be in them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

/// A quotation is a code block after a line that ends in a path between backticks and a colon.
#[test]
fn the_guide_quotes_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let guide = fs::read_to_string(root.join("docs/adding-a-paper.md")).unwrap();
    let lines: Vec<&str> = guide.lines().collect();
    let mut quotations = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some((_, path)) = line.strip_suffix("`:").and_then(|line| line.rsplit_once('`')) else { continue };
        let file =
            fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("the guide quotes {path}: {error}"));
        let block: Vec<&str> = lines[index + 1..]
            .iter()
            .skip_while(|line| !line.starts_with("```"))
            .skip(1)
            .take_while(|line| !line.starts_with("```"))
            .copied()
            .collect();
        assert!(!block.is_empty(), "no code block follows the mention of {path}");
        let written = |line: &&str| !line.trim().is_empty();
        let wanted: Vec<&str> = block.into_iter().filter(written).map(str::trim).collect();
        let have: Vec<&str> = file.lines().filter(written).map(str::trim).collect();
        assert!(
            have.windows(wanted.len()).any(|window| window == wanted),
            "the guide quotes from {path} what is not there:\n{}",
            wanted.join("\n")
        );
        quotations += 1;
    }
    assert!(quotations >= 4, "the guide quotes only {quotations} files");
}
