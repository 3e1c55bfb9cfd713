//! Dataframes, shown as tables.

use std::collections::BTreeMap;
use std::ops::Deref;

use harness_core::text::{did_you_mean, number};
use harness_report::printable::escape_html;
use polars::prelude::{AnyValue, Column, DataFrame, DataType};

use crate::error::NotebookError;
use crate::html::{badge, display};

/// Rows that are shown of a longer table.
const ROWS: usize = 60;

/// A polars dataframe that a notebook shows as a table; all methods of [`DataFrame`] work on it.
#[derive(Clone)]
pub struct Table(pub DataFrame);

impl Deref for Table {
    type Target = DataFrame;

    fn deref(&self) -> &DataFrame {
        &self.0
    }
}

impl From<DataFrame> for Table {
    fn from(frame: DataFrame) -> Self {
        Table(frame)
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(out)
    }
}

impl Table {
    /// The rows whose `column` has this text, such as `table.only("paper", "z_loss")?`.
    ///
    /// # Errors
    /// Where there is no such column of texts; the message lists the columns.
    pub fn only(&self, column: &str, text: &str) -> Result<Table, NotebookError> {
        let strings = self.0.column(column).ok().and_then(|column| column.str().ok());
        let strings = strings.ok_or_else(|| self.no_column("column of texts", column))?;
        let mask = strings.iter().map(|value| value == Some(text)).collect();
        Ok(Table(self.0.filter(&mask)?))
    }

    /// These columns alone, in this order.
    ///
    /// # Errors
    /// Where one of them is missing.
    pub fn columns(&self, names: &[&str]) -> Result<Table, NotebookError> {
        if let Some(missing) = names.iter().find(|name| self.0.column(name).is_err()) {
            return Err(self.no_column("column", missing));
        }
        Ok(Table(self.0.select(names.iter().copied())?))
    }

    /// The sum of a column of numbers for each text of the column `by`, the largest first; missing numbers count as 0.
    ///
    /// # Errors
    /// Where there is no such column.
    pub fn sum_by(&self, by: &str, column: &str) -> Result<Table, NotebookError> {
        let texts = self.0.column(by).ok().and_then(|texts| texts.str().ok());
        let texts = texts.ok_or_else(|| self.no_column("column of texts", by))?;
        let numbers = self.column_of_numbers(column)?;
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for (text, number) in texts.iter().zip(numbers.f64()?.iter()) {
            if let Some(text) = text {
                *sums.entry(text).or_default() += number.unwrap_or(0.0);
            }
        }
        let mut rows: Vec<(&str, f64)> = sums.into_iter().collect();
        rows.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (texts, sums): (Vec<&str>, Vec<f64>) = rows.into_iter().unzip();
        Ok(Table(DataFrame::new_infer_height(vec![Column::new(by.into(), texts), Column::new(column.into(), sums)])?))
    }

    /// The numbers of a column, without missing ones.
    ///
    /// # Errors
    /// Where there is no such column of numbers; the message lists the columns.
    pub fn numbers(&self, column: &str) -> Result<Vec<f64>, NotebookError> {
        Ok(self.column_of_numbers(column)?.f64()?.iter().flatten().collect())
    }

    fn column_of_numbers(&self, column: &str) -> Result<Column, NotebookError> {
        let found = self.0.column(column).ok().filter(|column| column.dtype().is_primitive_numeric());
        Ok(found.ok_or_else(|| self.no_column("column of numbers", column))?.cast(&DataType::Float64)?)
    }

    /// The texts of a column, without missing ones.
    ///
    /// # Errors
    /// Where there is no such column of texts; the message lists the columns.
    pub fn texts(&self, column: &str) -> Result<Vec<String>, NotebookError> {
        let found = self.0.column(column).ok().and_then(|column| column.str().ok());
        let found = found.ok_or_else(|| self.no_column("column of texts", column))?;
        Ok(found.iter().flatten().map(str::to_owned).collect())
    }

    fn no_column(&self, kind: &str, column: &str) -> NotebookError {
        let names = self.0.get_column_names();
        let all: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let hint = did_you_mean(column, names.iter().map(|name| name.as_str()).filter(|name| *name != column));
        NotebookError::new(format!("there is no {kind} `{column}`; columns are {}{hint}", all.join(", ")))
    }

    /// The table as HTML: the first rows of a long one, and how many there are.
    pub fn html(&self) -> String {
        let columns = self.0.columns();
        let head: String =
            columns.iter().map(|column| format!("<th>{}</th>", escape_html(column.name().as_str()))).collect();
        let rows: String = (0..self.0.height().min(ROWS))
            .map(|row| {
                let cells: String = columns
                    .iter()
                    .map(|column| cell(column.name().as_str(), &column.get(row).unwrap_or(AnyValue::Null)))
                    .collect();
                format!("<tr>{cells}</tr>\n")
            })
            .collect();
        let more = match self.0.height() {
            all if all > ROWS => format!("<p>{ROWS} of {all} rows</p>"),
            _ => String::new(),
        };
        format!("<table>\n<tr>{head}</tr>\n{rows}</table>{more}")
    }

    /// Shows the table in a cell; the kernel calls it.
    pub fn evcxr_display(&self) {
        display(&self.html(), &format!("{}", self.0));
    }
}

fn cell(column: &str, value: &AnyValue<'_>) -> String {
    let right = |text: String| format!("<td style=\"text-align:right\">{text}</td>");
    match value {
        AnyValue::Null => "<td>–</td>".to_owned(),
        AnyValue::String(text) if column == "verdict" => format!("<td>{}</td>", badge(text)),
        AnyValue::String(text) => format!("<td style=\"text-align:left\">{}</td>", escape_html(text)),
        AnyValue::Float64(value) => right(number(*value)),
        AnyValue::Float32(value) => right(number(f64::from(*value))),
        other => right(escape_html(&other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = vec![
            Column::new("paper".into(), ["a", "<b>", "a"]),
            Column::new("verdict".into(), ["reproduced", "contradicted", "not_run"]),
            Column::new("effect".into(), [Some(1.5), None, Some(f64::NAN)]),
        ];
        Table(DataFrame::new_infer_height(columns).unwrap())
    }

    #[test]
    fn rows_are_chosen_by_text_and_a_wrong_column_is_named() {
        let table = table();
        assert_eq!(table.only("paper", "a").unwrap().height(), 2);
        assert_eq!(table.only("paper", "c").unwrap().height(), 0);
        let error = table.only("papers", "a").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no column of texts `papers`; columns are `paper`, `verdict`, `effect`; did you mean `paper`?"
        );
        assert_eq!(table.numbers("effect").unwrap().len(), 2);
        assert_eq!(table.columns(&["effect"]).unwrap().width(), 1);
    }

    #[test]
    fn sums_are_ordered_and_missing_numbers_add_nothing() {
        let columns = vec![
            Column::new("family".into(), ["theory", "vision", "theory", "vision"]),
            Column::new("cpu_s".into(), [Some(1.0), Some(5.0), Some(2.0), None]),
        ];
        let sums = Table(DataFrame::new_infer_height(columns).unwrap()).sum_by("family", "cpu_s").unwrap();
        assert_eq!(sums.texts("family").unwrap(), ["vision", "theory"]);
        assert_eq!(sums.numbers("cpu_s").unwrap(), [5.0, 3.0]);
    }

    #[test]
    fn html_escapes_and_marks_what_is_missing() {
        let html = table().html();
        assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"), "{html}");
        assert!(html.contains("<td>–</td>") && html.contains("contradicted</span>"), "{html}");
    }

    #[test]
    fn a_long_table_is_cut_and_says_so() {
        let column = Column::new("n".into(), (0..100).collect::<Vec<i64>>());
        let html = Table(DataFrame::new_infer_height(vec![column]).unwrap()).html();
        assert_eq!(html.matches("<tr>").count(), 61);
        assert!(html.contains("60 of 100 rows"));
    }
}
