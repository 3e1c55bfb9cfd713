//! What must be true of every paper.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use harness_core::conformance::Vectors;
use harness_core::data::Registry;
use harness_core::paper::Profile;

fn folder(family: &str, slug: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(family).join("src").join(slug)
}

#[test]
fn slugs_are_unique_sorted_and_name_their_folders() {
    let mut seen = BTreeSet::new();
    let mut last = None;
    for reproduction in papers::all() {
        let paper = reproduction.paper();
        assert!(seen.insert(paper.slug.clone()), "{} is listed twice", paper.slug);
        let here = Some((paper.family, paper.slug.clone()));
        assert!(last < here, "{last:?} stands before {here:?}");
        last = here;
        let file = folder(paper.family.name(), &paper.slug).join("paper.yaml");
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            reproduction.yaml(),
            "{} is not what is built in",
            file.display()
        );
        assert_eq!(papers::code_digest(&paper.slug).len(), 64, "{} has no code digest", paper.slug);
    }
    assert!(!seen.is_empty());
}

#[test]
fn papers_are_complete() {
    for reproduction in papers::all() {
        let paper = reproduction.paper();
        let slug = &paper.slug;
        assert!(paper.arxiv.is_some() || paper.venue.is_some(), "{slug} has no citation");
        assert!(paper.summary.split_whitespace().count() >= 30, "{slug}: the summary is too short to be one");
        for claim in &paper.claims {
            assert!(!claim.rule.trim().is_empty() && !claim.published.source.trim().is_empty(), "{slug} {}", claim.id);
        }
        for profile in [Profile::Smoke, Profile::Quick] {
            assert!(!paper.profiles.get(profile).deviations.is_empty(), "{slug}: {profile} states no deviation");
        }
        for set in &paper.data {
            assert!(Registry::builtin().get(&set.id).is_ok(), "{slug}: `{}` is not in the data registry", set.id);
        }
    }
}

#[test]
fn smoke_needs_no_real_data() {
    for reproduction in papers::all() {
        let paper = reproduction.paper();
        assert!(
            paper.profiles.smoke.grid.iter().all(|block| block.data.is_empty()),
            "{} opens data in smoke",
            paper.slug
        );
    }
}

#[test]
fn every_op_has_a_vector_and_every_vector_an_op() {
    for reproduction in papers::all() {
        let slug = &reproduction.paper().slug;
        let vectors = Vectors::parse(reproduction.vectors(), slug).unwrap();
        assert_eq!(&vectors.paper, slug);
        let called: BTreeSet<&str> = vectors.cases.iter().map(|case| case.op.as_str()).collect();
        let offered: BTreeSet<&str> = reproduction.ops().iter().map(|op| op.name).collect();
        assert!(called.is_subset(&offered), "{slug}: vectors call {called:?}, but the ops are {offered:?}");
    }
}

/// The code digest of a paper leaves out the folders of its siblings, which is right only while it cannot reach them.
#[test]
fn papers_of_a_family_do_not_import_each_other() {
    for reproduction in papers::all() {
        let paper = reproduction.paper();
        let siblings: Vec<&str> = papers::all()
            .filter(|other| other.paper().family == paper.family && other.paper().slug != paper.slug)
            .map(|other| other.paper().slug.as_str())
            .collect();
        for file in rust_files(&folder(paper.family.name(), &paper.slug)) {
            let text = fs::read_to_string(&file).unwrap();
            for sibling in &siblings {
                assert!(
                    !text.contains(&format!("crate::{sibling}")) && !text.contains(&format!("super::{sibling}")),
                    "{} imports {sibling}: what two papers need belongs in the kit",
                    file.display()
                );
            }
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
