//! The table of verdicts of a report.

use std::path::Path;

use harness_core::Result;
use polars::prelude::{Column, DataFrame, PolarsError};

use super::{cannot, defused, frame, read_verdict_table};
use crate::report::{ClaimRow, EarlierVerdict, PaperReport};

/// All claims with their verdicts, one a row; claims that were not judged are `not_run`.
///
/// Columns: `paper`, `claim`, `profile`, `verdict`, `effect`, `low`, `high`, `n`, `detectable`, `p`, `p_holm`,
/// `outlook`, `published`, `published_value`, `measured`, `synthetic`, `deviations`. Texts are made safe for spreadsheets ([`defused`]).
///
/// # Errors
/// [`Error::Failed`](harness_core::Error::Failed) where the table cannot be built.
pub fn verdicts_table(papers: &[PaperReport<'_>]) -> Result<DataFrame> {
    let rows: Vec<_> = papers.iter().flat_map(|paper| paper.rows().map(move |row| (paper, row))).collect();
    let text = |get: &dyn Fn(&PaperReport<'_>, &ClaimRow<'_>) -> String| -> Vec<String> {
        rows.iter().map(|(paper, row)| defused(&get(paper, row))).collect()
    };
    let number = |get: &dyn Fn(&harness_core::evidence::Evidence) -> Option<f64>| -> Vec<Option<f64>> {
        rows.iter().map(|(_, row)| get(&row.evidence)).collect()
    };
    frame(vec![
        Column::new("paper".into(), text(&|paper, _| paper.paper.slug.clone())),
        Column::new("claim".into(), text(&|_, row| row.id.to_owned())),
        Column::new("profile".into(), text(&|paper, _| paper.profile.name().to_owned())),
        Column::new("verdict".into(), text(&|_, row| row.evidence.verdict.name().to_owned())),
        Column::new("effect".into(), number(&|evidence| evidence.effect)),
        Column::new("low".into(), number(&|evidence| evidence.interval.map(|interval| interval.low))),
        Column::new("high".into(), number(&|evidence| evidence.interval.map(|interval| interval.high))),
        Column::new("n".into(), rows.iter().map(|(_, row)| row.evidence.n as u64).collect::<Vec<_>>()),
        Column::new("detectable".into(), number(&|evidence| evidence.detectable)),
        Column::new("p".into(), number(&|evidence| evidence.p_value)),
        Column::new("p_holm".into(), number(&|evidence| evidence.adjusted_p)),
        Column::new("outlook".into(), text(&|_, row| row.evidence.outlook_in_words().unwrap_or_default())),
        Column::new("published".into(), text(&|_, row| row.claim.map_or("", |claim| &claim.published.text).to_owned())),
        Column::new(
            "published_value".into(),
            rows.iter().map(|(_, row)| row.claim.and_then(|claim| claim.published.value)).collect::<Vec<_>>(),
        ),
        Column::new("measured".into(), text(&|_, row| row.evidence.summary.clone())),
        Column::new("synthetic".into(), rows.iter().map(|(paper, _)| paper.synthetic()).collect::<Vec<_>>()),
        Column::new("deviations".into(), text(&|paper, _| paper.deviation_words().join("; "))),
    ])
}

/// What a `verdicts.csv` of [`verdicts_table`] says of one paper, in its order; empty where it does not have the paper.
///
/// # Errors
/// [`Error::Environment`](harness_core::Error::Environment) where the file is missing or is not such a table.
pub fn read_verdicts(path: &Path, paper: &str) -> Result<Vec<EarlierVerdict>> {
    let unreadable = |error: PolarsError| cannot("read", path, &error);
    let table = read_verdict_table(path)?;
    let texts = |name: &str| table.column(name).and_then(|column| column.str()).map_err(unreadable);
    let numbers = |name: &str| table.column(name).and_then(|column| column.f64()).map_err(unreadable);
    let (papers, claims, verdicts) = (texts("paper")?, texts("claim")?, texts("verdict")?);
    let (effects, lows, highs) = (numbers("effect")?, numbers("low")?, numbers("high")?);
    let n = table.column("n").and_then(|column| column.u64()).map_err(unreadable)?;
    let of = |row: usize| EarlierVerdict {
        claim: claims.get(row).unwrap_or_default().to_owned(),
        verdict: verdicts.get(row).unwrap_or_default().to_owned(),
        effect: effects.get(row),
        interval: lows.get(row).zip(highs.get(row)),
        n: n.get(row).unwrap_or_default(),
    };
    Ok((0..table.height()).filter(|row| papers.get(*row) == Some(paper)).map(of).collect())
}
