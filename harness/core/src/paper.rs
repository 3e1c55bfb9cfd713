//! `paper.yaml`: all that a paper states about itself, parsed and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cell::{Cell, Level};
use crate::claim::Claim;
use crate::error::{Error, Result};
use crate::yaml::{self, YamlError};

/// A crate of related papers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Family {
    Representation,
    Classification,
    Robustness,
    Distillation,
    Optimization,
    Control,
    Theory,
    Unlearning,
    Adaptation,
    Science,
    Vision,
    Language,
}

impl Family {
    /// All families, in the order in which they are listed.
    pub const ALL: [Family; 12] = [
        Family::Representation,
        Family::Classification,
        Family::Robustness,
        Family::Distillation,
        Family::Optimization,
        Family::Control,
        Family::Theory,
        Family::Unlearning,
        Family::Adaptation,
        Family::Science,
        Family::Vision,
        Family::Language,
    ];

    /// The name used on the command line and in YAML.
    pub fn name(self) -> &'static str {
        match self {
            Family::Representation => "representation",
            Family::Classification => "classification",
            Family::Robustness => "robustness",
            Family::Distillation => "distillation",
            Family::Optimization => "optimization",
            Family::Control => "control",
            Family::Theory => "theory",
            Family::Unlearning => "unlearning",
            Family::Adaptation => "adaptation",
            Family::Science => "science",
            Family::Vision => "vision",
            Family::Language => "language",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Family {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Family::ALL.into_iter().find(|family| family.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Family::ALL.iter().map(|family| family.name()).collect();
            Error::Input(format!("unknown family `{text}`; families are {}", names.join(", ")))
        })
    }
}

/// One set of sizes. Numbers of different profiles never share a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Seconds: does it run at all?
    Smoke,
    /// About a minute per seed on one core: does the claim show?
    Quick,
    /// As close to the paper as the data and the machine allow.
    Full,
}

impl Profile {
    /// All profiles, smallest first.
    pub const ALL: [Profile; 3] = [Profile::Smoke, Profile::Quick, Profile::Full];

    /// The name used on the command line, in YAML and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Smoke => "smoke",
            Profile::Quick => "quick",
            Profile::Full => "full",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}

impl FromStr for Profile {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Profile::ALL
            .into_iter()
            .find(|profile| profile.name() == text)
            .ok_or_else(|| Error::Input(format!("unknown profile `{text}`: use smoke, quick or full")))
    }
}

/// A paper as its `paper.yaml` states it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    /// Short name: lower-case letters, digits and `_`.
    pub slug: String,
    /// The family crate that holds it.
    pub family: Family,
    /// Version of our reproduction, printed beside every number; raised when results change their meaning.
    pub version: u32,
    /// Title as published.
    pub title: String,
    /// Authors as published.
    pub authors: Vec<String>,
    /// Year of publication.
    pub year: u16,
    /// Journal or conference.
    pub venue: Option<String>,
    /// arXiv identifier without version.
    pub arxiv: Option<String>,
    /// The authors' code.
    pub code: AuthorsCode,
    /// What we compared our implementation with.
    pub checklist: Checklist,
    /// What the licences of paper, code and data ask of users.
    pub licence_note: String,
    /// What the paper says, in our own words.
    pub summary: String,
    /// Data sets that trials may open.
    #[serde(default)]
    pub data: Vec<DataUse>,
    /// Methods and baselines.
    pub arms: Vec<Arm>,
    /// The three sets of sizes.
    pub profiles: Profiles,
    /// The checkable statements.
    pub claims: Vec<Claim>,
    /// What a reader of the results must know: decisions, findings, what was tried.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// The authors' code, or its absence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorsCode {
    /// `owner/name`, absent where no code was found.
    pub repository: Option<String>,
    /// The commit that was read.
    pub commit: Option<String>,
    /// Its licence, in words.
    pub licence: Option<String>,
    /// What was done with it.
    pub note: String,
}

/// Three questions that every reproduction answers first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// Is there a reference implementation?
    pub reference: String,
    /// How was ours checked against it?
    pub checked: String,
    /// Which published table or figure do our numbers stand beside?
    pub stands_beside: String,
}

/// How a data set relates to the paper's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataRole {
    /// The paper's own data.
    Original,
    /// A real data set in place of the paper's.
    StandIn,
    /// Shown in the report, and judged by no claim.
    Reported,
}

/// A data set that trials may open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataUse {
    /// Identifier in the data registry.
    pub id: String,
    /// The paper's own set, or one in its place.
    pub role: DataRole,
    /// What it stands in for, or how it differs from the paper's.
    pub note: Option<String>,
    /// What is generated where the set cannot be had.
    pub synthetic: String,
}

/// What an arm is in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArmRole {
    /// The paper's method or a variant of it.
    Method,
    /// What the method is compared with.
    Baseline,
    /// A bound or a yardstick, such as a model trained on all data.
    Reference,
}

/// One method or baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// Name in keys, tables and on the command line.
    pub name: String,
    /// Name in figures.
    pub label: String,
    /// Its part in the comparison.
    pub role: ArmRole,
    /// What it does, in a sentence.
    pub about: String,
    /// What distinguishes it, read by the paper as its own type.
    #[serde(default = "empty")]
    pub settings: Value,
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

/// The three sets of sizes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// Seconds.
    pub smoke: ProfileSpec,
    /// About a minute per seed.
    pub quick: ProfileSpec,
    /// As close to the paper as possible.
    pub full: ProfileSpec,
}

/// The numbers of one profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileSpec {
    /// Number of seeds, 0 to `seeds − 1`.
    pub seeds: u64,
    /// Seconds after which a trial is taken to hang.
    pub timeout_s: u64,
    /// Expected peak memory of one trial in MiB.
    pub memory_mb: u64,
    /// Every number of the experiment, read by the paper as its own type.
    #[serde(default = "empty")]
    pub settings: Value,
    /// The grid, block by block.
    pub grid: Vec<Block>,
    /// How this profile is smaller than the paper's experiment.
    #[serde(default)]
    pub deviations: Vec<Deviation>,
}

/// A part of the grid: the product of its factors' levels, for some arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// The arms that run here; all where absent.
    pub arms: Option<Vec<String>>,
    /// Factor to levels.
    #[serde(default)]
    pub factors: BTreeMap<String, Vec<Level>>,
    /// The data sets that these trials open.
    #[serde(default)]
    pub data: Vec<String>,
    /// Whether a trial must have the machine for itself, because it measures time.
    #[serde(default)]
    pub exclusive: bool,
}

/// In what respect a profile is smaller than the paper's experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviationKind {
    /// Another or a smaller data set.
    Data,
    /// Another or a smaller model.
    Model,
    /// Fewer epochs or steps.
    Training,
    /// Fewer or other hyper-parameters tried.
    Tuning,
    /// Fewer seeds.
    Seeds,
    /// Another metric or protocol.
    Evaluation,
}

impl fmt::Display for DeviationKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            DeviationKind::Data => "data",
            DeviationKind::Model => "model",
            DeviationKind::Training => "training",
            DeviationKind::Tuning => "tuning",
            DeviationKind::Seeds => "seeds",
            DeviationKind::Evaluation => "evaluation",
        })
    }
}

/// One scale-down, printed beside each verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// In what respect.
    pub kind: DeviationKind,
    /// What the paper does.
    pub paper: String,
    /// What is done here.
    pub here: String,
}

impl Profiles {
    /// The numbers of `profile`.
    pub fn get(&self, profile: Profile) -> &ProfileSpec {
        match profile {
            Profile::Smoke => &self.smoke,
            Profile::Quick => &self.quick,
            Profile::Full => &self.full,
        }
    }
}

impl Block {
    /// All cells of this block: the product of the factors' levels.
    pub fn cells(&self) -> Vec<Cell> {
        self.factors.iter().fold(vec![Cell::new()], |cells, (factor, levels)| {
            cells
                .iter()
                .flat_map(|cell| levels.iter().map(move |level| cell.clone().with(factor, level.clone())))
                .collect()
        })
    }
}

impl Paper {
    /// Parses and checks a `paper.yaml`; `file` names it in errors.
    ///
    /// # Errors
    /// [`Error::Yaml`] with file, line, column and key for syntax errors, unknown keys, wrong types and impossible
    /// values (a claim about an unknown arm, two arms of one name, an empty grid …).
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let paper: Paper = yaml::read(text, file)?;
        paper.check(file)?;
        Ok(paper)
    }

    /// The arm of this name.
    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// The claim of this identifier.
    pub fn claim(&self, id: &str) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.id == id)
    }

    /// Checks what the types cannot say.
    pub(crate) fn check(&self, file: &str) -> Result<(), YamlError> {
        let refuse = |key: String, message: String| Err(YamlError::at_key(file, key, message));
        let is_name = |text: &str| {
            text.starts_with(|first: char| first.is_ascii_lowercase())
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        if !is_name(&self.slug) {
            return refuse("slug".into(), format!("`{}`: use lower-case letters, digits and _", self.slug));
        }
        if self.version == 0 {
            return refuse("version".into(), "starts at 1".into());
        }
        if self.authors.is_empty() {
            return refuse("authors".into(), "name at least one author".into());
        }
        if self.arms.is_empty() {
            return refuse("arms".into(), "an experiment needs at least one arm".into());
        }
        if self.claims.is_empty() {
            return refuse("claims".into(), "a paper without a claim cannot be judged".into());
        }
        let mut seen = BTreeSet::new();
        for (index, arm) in self.arms.iter().enumerate() {
            if !arm.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
                || arm.name.is_empty()
            {
                return refuse(format!("arms[{index}].name"), format!("`{}`: use letters, digits and . _ -", arm.name));
            }
            if !seen.insert(&arm.name) {
                return refuse(format!("arms[{index}].name"), format!("`{}` is there twice", arm.name));
            }
        }
        let mut seen = BTreeSet::new();
        for (index, set) in self.data.iter().enumerate() {
            if !seen.insert(&set.id) {
                return refuse(format!("data[{index}].id"), format!("`{}` is there twice", set.id));
            }
        }
        for profile in Profile::ALL {
            self.check_profile(profile, file)?;
        }
        let mut seen = BTreeSet::new();
        for (index, claim) in self.claims.iter().enumerate() {
            if !seen.insert(&claim.id) {
                return refuse(format!("claims[{index}].id"), format!("`{}` is there twice", claim.id));
            }
            if let Some(arm) = claim.test.arms().into_iter().find(|name| self.arm(name).is_none()) {
                let hint = crate::text::did_you_mean(arm, self.arms.iter().map(|arm| arm.name.as_str()));
                return refuse(format!("claims[{index}].test"), format!("there is no arm `{arm}`{hint}"));
            }
            claim.test.check().map_err(|message| YamlError::at_key(file, format!("claims[{index}].test"), message))?;
        }
        Ok(())
    }

    fn check_profile(&self, profile: Profile, file: &str) -> Result<(), YamlError> {
        let spec = self.profiles.get(profile);
        let key = |rest: &str| format!("profiles.{profile}.{rest}");
        let refuse = |key: String, message: String| Err(YamlError::at_key(file, key, message));
        if spec.seeds == 0 || spec.seeds > 1000 {
            return refuse(key("seeds"), format!("{} is not between 1 and 1000", spec.seeds));
        }
        if spec.timeout_s == 0 {
            return refuse(key("timeout_s"), "must be at least 1".into());
        }
        if spec.grid.is_empty() {
            return refuse(key("grid"), "an experiment needs at least one block; `- {}` is one without factors".into());
        }
        let mut seen = BTreeSet::new();
        for (index, block) in spec.grid.iter().enumerate() {
            for name in block.arms.iter().flatten() {
                if self.arm(name).is_none() {
                    let hint = crate::text::did_you_mean(name, self.arms.iter().map(|arm| arm.name.as_str()));
                    return refuse(key(&format!("grid[{index}].arms")), format!("there is no arm `{name}`{hint}"));
                }
            }
            for id in &block.data {
                if !self.data.iter().any(|set| &set.id == id) {
                    let hint = crate::text::did_you_mean(id, self.data.iter().map(|set| set.id.as_str()));
                    return refuse(
                        key(&format!("grid[{index}].data")),
                        format!("`{id}` is not among the data sets of this paper{hint}"),
                    );
                }
            }
            if let Some((factor, _)) = block.factors.iter().find(|(_, levels)| levels.is_empty()) {
                return refuse(key(&format!("grid[{index}].factors.{factor}")), "has no level".into());
            }
            let arms: Vec<&str> = match &block.arms {
                Some(names) => names.iter().map(String::as_str).collect(),
                None => self.arms.iter().map(|arm| arm.name.as_str()).collect(),
            };
            for cell in block.cells() {
                for arm in &arms {
                    if !seen.insert(format!("{arm} | {cell}")) {
                        return refuse(
                            key(&format!("grid[{index}]")),
                            format!("arm `{arm}` in cell {cell} is there twice"),
                        );
                    }
                }
            }
        }
        Ok(())
    }
}
