//! The trait that every paper's module implements.

use std::sync::OnceLock;

use crate::claim::Claim;
use crate::error::Result;
use crate::evidence::Evidence;
use crate::figure::Figure;
use crate::lab::Lab;
use crate::op::Op;
use crate::paper::Paper;
use crate::results::Results;
use crate::trial::Trial;

/// A paper as an executable, judged experiment.
pub trait PaperReproduction: Sync {
    /// The parsed `paper.yaml`.
    fn paper(&self) -> &Paper;

    /// The text of `paper.yaml`, for overrides and for the report.
    fn yaml(&self) -> &'static str;

    /// Reads the trial's settings, arm and cell as the paper's own types, so that a wrong one is found before the
    /// first trial runs.
    ///
    /// # Errors
    /// Naming the key that is unknown, of a wrong type or impossible.
    fn check(&self, trial: &Trial) -> Result<()>;

    /// Runs one arm in one cell with one seed.
    ///
    /// # Errors
    /// Whatever keeps the trial from its end; [`crate::Error::Skipped`] where it declines to run.
    fn run(&self, trial: &Trial, lab: &mut Lab) -> Result<()>;

    /// Judges a claim. Papers override it for claims whose test is `custom`.
    ///
    /// # Errors
    /// [`crate::Error::Missing`] where trials or metrics are missing.
    fn judge(&self, claim: &Claim, results: &Results) -> Result<Evidence> {
        claim.test.apply(results)
    }

    /// Describes the figures of the report. Figures whose trials are missing are left out by the paper.
    fn figures(&self, results: &Results) -> Vec<Figure> {
        let _ = results;
        Vec::new()
    }

    /// The pure functions that conformance vectors call.
    fn ops(&self) -> &'static [Op];

    /// The text of `vectors.json`.
    fn vectors(&self) -> &'static str;
}

/// The `paper.yaml` of a module, parsed once.
///
/// ```ignore
/// static FILE: PaperFile = PaperFile::new("z_loss/paper.yaml", include_str!("paper.yaml"));
/// ```
pub struct PaperFile {
    file: &'static str,
    text: &'static str,
    parsed: OnceLock<Paper>,
}

impl PaperFile {
    /// Names the file and takes its text.
    pub const fn new(file: &'static str, text: &'static str) -> Self {
        PaperFile { file, text, parsed: OnceLock::new() }
    }

    /// The text.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// The parsed paper.
    ///
    /// # Panics
    /// Where the file is not valid. It is part of the build, and a test of `papers` parses every one of them.
    pub fn paper(&self) -> &Paper {
        self.parsed.get_or_init(|| match Paper::parse(self.text, self.file) {
            Ok(paper) => paper,
            Err(error) => panic!("{error}"),
        })
    }
}
