//! Small tables of separated values: comma, tab or other, with or without header and quotes.

use super::{DataError, text};

/// How a table is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Between two cells.
    pub separator: char,
    /// Whether the first line names the columns.
    pub header: bool,
    /// Whether `"…"` encloses a cell, with `""` for a quote. Otherwise quotes are plain characters.
    pub quotes: bool,
}

impl Dialect {
    /// Commas, no header, quotes.
    pub const COMMA: Self = Self { separator: ',', header: false, quotes: true };
    /// Commas, header, quotes.
    pub const COMMA_HEADER: Self = Self { header: true, ..Self::COMMA };
    /// Tabs, header, no quotes.
    pub const TAB_HEADER: Self = Self { separator: '\t', header: true, quotes: false };
}

/// A table of text cells; every row has as many cells as there are columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns; empty if the table has none.
    pub header: Vec<String>,
    /// The rows, cells trimmed of blanks.
    pub rows: Vec<Vec<String>>,
    /// Line of each row in the file, counted from 1.
    lines: Vec<usize>,
    file: String,
}

impl Table {
    /// Parses a table. Blank lines are skipped. `file` is only used in messages.
    ///
    /// # Errors
    /// [`DataError::Line`] for text that is not UTF-8, a quote that does not close in its line, text after a closing
    /// quote, or a row with another number of cells than the first.
    pub fn parse(bytes: &[u8], file: &str, dialect: Dialect) -> Result<Self, DataError> {
        let mut table = Self { header: Vec::new(), rows: Vec::new(), lines: Vec::new(), file: file.to_owned() };
        let mut columns = None;
        for (index, line) in text::lines(bytes, file)?.into_iter().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let number = index + 1;
            let cells = cells(line, dialect).map_err(|message| DataError::line(file, number, message))?;
            let expected = *columns.get_or_insert(cells.len());
            if cells.len() != expected {
                let message = format!("expected {expected} cells as in the first line, got {}", cells.len());
                return Err(DataError::line(file, number, message));
            }
            if dialect.header && table.header.is_empty() {
                table.header = cells;
            } else {
                table.rows.push(cells);
                table.lines.push(number);
            }
        }
        Ok(table)
    }

    /// Number of a named column, counted from 0.
    ///
    /// # Errors
    /// [`DataError::Line`] that lists the names there are.
    pub fn column(&self, name: &str) -> Result<usize, DataError> {
        self.header.iter().position(|column| column == name).ok_or_else(|| {
            let message = format!("no column `{name}`, there are {:?}", self.header);
            DataError::line(&self.file, 1, message)
        })
    }

    /// The numbers of one column, counted from 0. A cell equal to `missing` becomes NaN.
    ///
    /// # Errors
    /// [`DataError::Line`] for a cell that is no finite number, or a column that is not there.
    pub fn numbers(&self, column: usize, missing: Option<&str>) -> Result<Vec<f64>, DataError> {
        let number = |(row, &line): (&Vec<String>, &usize)| {
            let cell = row.get(column).map(String::as_str);
            match (cell, cell.map(str::parse::<f64>)) {
                (Some(text), _) if Some(text) == missing => Ok(f64::NAN),
                (_, Some(Ok(value))) if value.is_finite() => Ok(value),
                (Some(text), _) => {
                    let message = format!("column {}: expected a number, got {text:?}", column + 1);
                    Err(DataError::line(&self.file, line, message))
                }
                (None, _) => {
                    let message = format!("no column {}, the row has {}", column + 1, row.len());
                    Err(DataError::line(&self.file, line, message))
                }
            }
        };
        self.rows.iter().zip(&self.lines).map(number).collect()
    }
}

/// Splits one line into trimmed cells.
fn cells(line: &str, dialect: Dialect) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let quoted = if dialect.quotes { rest.trim_start_matches([' ']).strip_prefix('"') } else { None };
        let (cell, after) = match quoted {
            Some(body) => quoted_cell(body, dialect.separator)?,
            None => match rest.split_once(dialect.separator) {
                Some((cell, after)) => (cell.trim().to_owned(), Some(after)),
                None => (rest.trim().to_owned(), None),
            },
        };
        cells.push(cell);
        match after {
            Some(after) => rest = after,
            None => return Ok(cells),
        }
    }
}

/// A cell whose opening quote is read already; returns it and what follows the separator.
fn quoted_cell(body: &str, separator: char) -> Result<(String, Option<&str>), String> {
    let mut cell = String::new();
    let mut rest = body;
    loop {
        let Some((text, after)) = rest.split_once('"') else {
            return Err("a quote does not close in its line".to_owned());
        };
        cell.push_str(text);
        if let Some(after) = after.strip_prefix('"') {
            cell.push('"');
            rest = after;
            continue;
        }
        let after = after.trim_start_matches(' ');
        return match after.strip_prefix(separator) {
            Some(after) => Ok((cell, Some(after))),
            None if after.is_empty() => Ok((cell, None)),
            None => Err(format!("expected `{separator}` after a closing quote, got {after:?}")),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn header_quotes_and_missing_cells() {
        let bytes = b"\"a, \"\"b\"\"\",c\r\n1, ?\n\n-2.5e1,4\n";
        let table = Table::parse(bytes, "x", Dialect::COMMA_HEADER).unwrap();
        assert_eq!(table.header, ["a, \"b\"", "c"]);
        assert_eq!(table.numbers(0, None).unwrap(), [1.0, -25.0]);
        let second = table.numbers(table.column("c").unwrap(), Some("?")).unwrap();
        assert!(second[0].is_nan() && second[1] == 4.0);
    }

    #[test]
    fn quotes_are_plain_text_where_the_dialect_says_so() {
        let table = Table::parse(b"q\ts\n1\t\"a\n", "x", Dialect::TAB_HEADER).unwrap();
        assert_eq!(table.rows, [["1", "\"a"]]);
    }

    #[test]
    fn faults_name_the_line() {
        let parse = |text: &str| Table::parse(text.as_bytes(), "f", Dialect::COMMA);
        for (error, expected) in [
            (parse("1,2\n\n3").unwrap_err(), "f:3: expected 2 cells as in the first line, got 1"),
            (parse("1\n\"2").unwrap_err(), "f:2: a quote does not close in its line"),
            (parse("\"2\"x").unwrap_err(), "f:1: expected `,` after a closing quote, got \"x\""),
            (parse("\n1,b").unwrap().numbers(1, None).unwrap_err(), "f:2: column 2: expected a number, got \"b\""),
            (parse("inf").unwrap().numbers(0, None).unwrap_err(), "f:1: column 1: expected a number, got \"inf\""),
            (parse("1").unwrap().numbers(1, None).unwrap_err(), "f:1: no column 2, the row has 1"),
            (parse("1").unwrap().column("y").unwrap_err(), "f:1: no column `y`, there are []"),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn numbers_survive_a_round_trip(rows in prop::collection::vec(prop::collection::vec(-1e9_f64..1e9, 3), 1..10)) {
            let text: String = rows.iter().map(|r| format!("{:?},{:?},{:?}\n", r[0], r[1], r[2])).collect();
            let table = Table::parse(text.as_bytes(), "x", Dialect::COMMA).unwrap();
            for column in 0..3 {
                let expected: Vec<f64> = rows.iter().map(|row| row[column]).collect();
                prop_assert_eq!(table.numbers(column, None).unwrap(), expected);
            }
        }

        #[test]
        fn any_text_is_a_table_or_an_error(text in "[\",a1\\n\\r ]{0,60}") {
            for dialect in [Dialect::COMMA, Dialect::COMMA_HEADER, Dialect::TAB_HEADER] {
                if let Ok(table) = Table::parse(text.as_bytes(), "x", dialect) {
                    let width = table.rows.first().map_or(0, Vec::len);
                    prop_assert!(table.rows.iter().all(|row| row.len() == width));
                }
            }
        }
    }
}
