//! Rules of one's own, applied to results as those of claims are.

use harness_core::claim::Test;
use harness_core::evidence::Evidence;
use harness_core::results::Results;
use harness_core::yaml;
use harness_report::printable::escape_html;
use serde::Deserialize;

use crate::error::NotebookError;
use crate::html::{badge, display};

/// A verdict with what it rests on.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Effect, interval, number of seeds and the finding in words.
    pub evidence: Evidence,
}

/// A test as it stands in `paper.yaml`.
#[derive(Deserialize)]
#[serde(transparent)]
struct Rule(#[serde(with = "serde_yaml::with::singleton_map_recursive")] Test);

/// Applies a rule, written as the `test` of a claim in `paper.yaml` is:
/// `judge(&results, "paired: {metric: error, method: mine, baseline: plain, better: lower}")`. docs/statistics.md explains
/// the kinds of rules.
///
/// # Errors
/// Where the rule cannot be read, with the place, or asks for an arm or a metric that the results lack.
pub fn judge(results: &Results, rule: &str) -> Result<Finding, NotebookError> {
    let Rule(test) = yaml::read(rule, "rule")?;
    Ok(Finding { evidence: test.apply(results)? })
}

impl Finding {
    /// The finding in HTML.
    pub fn html(&self) -> String {
        format!("<p>{} {}</p>", badge(self.evidence.verdict.name()), escape_html(&self.evidence.summary))
    }

    /// Shows the finding in a cell; the kernel calls it.
    pub fn evcxr_display(&self) {
        display(&self.html(), &format!("{}: {}", self.evidence.verdict.name(), self.evidence.summary));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use harness_core::cell::Cell;
    use harness_core::number::Number;
    use harness_core::paper::Profile;
    use harness_core::record::{Cost, Outcome, Provenance, RECORD_VERSION, Record};

    use super::*;

    fn results() -> Results {
        let record = |arm: &str, seed: u64, error: f64| Record {
            version: RECORD_VERSION,
            key: format!("{arm}-{seed}"),
            paper: "z_loss".into(),
            paper_version: 1,
            profile: Profile::Smoke,
            arm: arm.into(),
            cell: Cell::new(),
            seed,
            outcome: Outcome::Finished,
            metrics: BTreeMap::from([("error".to_owned(), Number(error))]),
            timings: BTreeMap::new(),
            series: BTreeMap::new(),
            images: BTreeMap::new(),
            texts: BTreeMap::new(),
            cost: Cost::default(),
            provenance: Provenance::default(),
        };
        let pairs = [(0.30, 0.40), (0.31, 0.42), (0.29, 0.38)];
        let records = pairs
            .iter()
            .zip(0..)
            .flat_map(|((mine, plain), seed)| [record("mine", seed, *mine), record("plain", seed, *plain)]);
        Results::new("z_loss", Profile::Smoke, records.collect())
    }

    #[test]
    fn a_rule_is_judged_as_a_claim_is() {
        let rule = "paired: {metric: error, method: mine, baseline: plain, better: lower}";
        let finding = judge(&results(), rule).unwrap();
        assert_eq!(finding.evidence.verdict.name(), "reproduced");
        assert!((finding.evidence.effect.unwrap() - 0.1).abs() < 1e-12);
        assert!(finding.html().contains("reproduced</span>"));
        let turned = judge(&results(), &rule.replace("lower", "higher")).unwrap();
        assert_eq!(turned.evidence.verdict.name(), "contradicted");
    }

    #[test]
    fn a_rule_that_cannot_be_applied_says_why() {
        let said = |rule: &str| judge(&results(), rule).unwrap_err().to_string();
        let unknown = said("paired: {metric: error, method: mine, baseline: plane, better: lower}");
        assert!(unknown.contains("plane"), "{unknown}");
        let misspelt = said("paired: {metric: error, methods: mine, baseline: plain, better: lower}");
        assert!(misspelt.contains("rule:1") && misspelt.contains("methods"), "{misspelt}");
    }
}
