//! Papers and claims, shown as cards.

use harness_core::Paper;
use harness_core::claim::Claim;
use harness_core::evidence::Verdict;
use harness_core::figure::{Axis, Bar, BarPlot, BarSeries, Figure, Plot, Reference};
use harness_core::text::number;
use harness_report::printable::escape_html;

use crate::error::NotebookError;
use crate::html::{badge, display};
use crate::picture::{Picture, show};
use crate::table::Table;

/// A claim and what a run found.
#[derive(Debug, Clone)]
pub struct ClaimCard {
    /// Slug of the paper.
    pub paper: String,
    /// The claim.
    pub claim: Claim,
    /// Name of the verdict.
    pub verdict: String,
    /// The effect, positive where it goes the claimed way.
    pub effect: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Number of seeds.
    pub seeds: u64,
    /// The smallest effect that so many seeds would have shown four times out of five.
    pub detectable: Option<f64>,
    /// What was found, in a sentence.
    pub measured: String,
    /// In what the experiment is smaller than the paper's.
    pub deviations: String,
}

impl ClaimCard {
    /// What a table of verdicts says of a claim; `not_run` where it does not have it.
    pub(crate) fn new(slug: &str, claim: &Claim, verdicts: &Table) -> Result<Self, NotebookError> {
        let row = verdicts.only("claim", &claim.id)?;
        let text = |column: &str| -> Result<String, NotebookError> {
            Ok(row.texts(column)?.into_iter().next().unwrap_or_default())
        };
        let number =
            |column: &str| -> Result<Option<f64>, NotebookError> { Ok(row.numbers(column)?.into_iter().next()) };
        Ok(ClaimCard {
            paper: slug.to_owned(),
            claim: claim.clone(),
            verdict: if row.height() == 0 { Verdict::NotRun.name().to_owned() } else { text("verdict")? },
            effect: number("effect")?,
            interval: number("low")?.zip(number("high")?),
            seeds: number("n")?.unwrap_or(0.0) as u64,
            detectable: number("detectable")?,
            measured: text("measured")?,
            deviations: text("deviations")?,
        })
    }

    /// The card in HTML.
    pub fn html(&self) -> String {
        let claim = &self.claim;
        let published = format!("{} ({})", claim.published.text, claim.published.source);
        let rows = [
            ("published", published.as_str()),
            ("measured", &self.measured),
            ("rule", &claim.rule),
            ("deviations", &self.deviations),
        ];
        let rows: String = rows
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| row(&[&format!("<b>{name}</b>"), &escape_html(text)]))
            .collect();
        format!(
            "<p><b>{} {}</b> {} {}<br>{}</p>\n{}",
            escape_html(&self.paper),
            escape_html(&claim.id),
            badge(&self.verdict),
            escape_html(&self.numbers()),
            escape_html(&claim.text),
            table(&rows),
        )
    }

    /// The effect with its interval, beside 0 and the smallest effect that so many seeds would have shown.
    ///
    /// # Errors
    /// Where the claim has no effect, as one that was not run, or it cannot be drawn.
    pub fn plot(&self) -> Result<Picture, NotebookError> {
        let Some(value) = self.effect else {
            let words = if self.measured.is_empty() { &self.verdict } else { &self.measured };
            return Err(NotebookError::new(format!("{} {} has no effect to plot: {words}", self.paper, self.claim.id)));
        };
        // The ends of the interval are marked as well: whether it contains 0 is what the plot is about.
        let marks = [
            ("low", self.interval.map(|interval| interval.0)),
            ("high", self.interval.map(|interval| interval.1)),
            ("detectable", self.detectable),
        ];
        let references = marks.into_iter().filter_map(|(label, at)| {
            let at = at.filter(|at| at.is_finite())?;
            Some(Reference { label: label.to_owned(), at, vertical: false })
        });
        let plot = BarPlot {
            x: "claim".to_owned(),
            y: Axis::linear("effect, positive where it goes the claimed way"),
            categories: vec![self.claim.id.clone()],
            series: vec![BarSeries {
                label: self.verdict.clone(),
                bars: vec![Some(Bar { value, interval: self.interval })],
            }],
            references: references.collect(),
        };
        let title = format!("{} {}: {}", self.paper, self.claim.id, self.numbers());
        show(&Figure::new("claim", title, "", Plot::Bars(plot)))
    }

    fn numbers(&self) -> String {
        let Some(effect) = self.effect else { return String::new() };
        let interval =
            self.interval.map(|(low, high)| format!(" [{}, {}]", number(low), number(high))).unwrap_or_default();
        format!("effect {}{interval}, {} seeds", number(effect), self.seeds)
    }

    /// Shows the card in a cell; the kernel calls it.
    pub fn evcxr_display(&self) {
        let plain = format!("{} {}: {} {}", self.paper, self.claim.id, self.verdict, self.numbers());
        display(&self.html(), &plain);
    }
}

/// A paper and what a run found of its claims.
#[derive(Debug, Clone)]
pub struct PaperCard {
    /// The paper, as the run had it.
    pub paper: Paper,
    /// Its claims.
    pub claims: Vec<ClaimCard>,
}

impl PaperCard {
    /// The card in HTML.
    pub fn html(&self) -> String {
        let paper = &self.paper;
        let rows: String = self
            .claims
            .iter()
            .map(|card| {
                row(&[
                    &escape_html(&card.claim.id),
                    &badge(&card.verdict),
                    &escape_html(&card.claim.text),
                    &escape_html(&card.numbers()),
                ])
            })
            .collect();
        let arxiv = paper.arxiv.as_deref().map(|id| {
            let id = escape_html(id);
            format!(", <a href=\"https://arxiv.org/abs/{id}\">arXiv {id}</a>")
        });
        let venue = paper.venue.as_deref().map(|venue| format!("{}, ", escape_html(venue))).unwrap_or_default();
        format!(
            "<p><b>{}</b><br>{}, {venue}{}{}</p>\n<p>{}</p>\n{}",
            escape_html(&paper.title),
            escape_html(&paper.authors.join(", ")),
            paper.year,
            arxiv.unwrap_or_default(),
            escape_html(&paper.summary),
            table(&rows),
        )
    }

    /// Shows the card in a cell; the kernel calls it.
    pub fn evcxr_display(&self) {
        let claims: Vec<String> =
            self.claims.iter().map(|card| format!("{}: {}", card.claim.id, card.verdict)).collect();
        display(&self.html(), &format!("{}\n{}", self.paper.title, claims.join("\n")));
    }
}

fn table(rows: &str) -> String {
    format!("<table>\n{rows}</table>")
}

/// A row of cells that are HTML already; text reads better when it begins at the left.
fn row(cells: &[&str]) -> String {
    let cells: String =
        cells.iter().map(|cell| format!("<td style=\"text-align:left;vertical-align:top\">{cell}</td>")).collect();
    format!("<tr>{cells}</tr>\n")
}
