//! Small pictures and tables.

use harness_core::figure::{ImageGrid, Table};
use plotters::backend::DrawingBackend;

use super::axes::{no_data, widest};
use super::canvas::{Align, Area, BLACK, Canvas, DARK, Drawing, LIGHT, Type};

/// Rows and columns of pictures that are drawn at most.
const MOST_PICTURES: usize = 24;
/// Rows of a table that are drawn at most.
const MOST_ROWS: usize = 60;
/// Columns of a table that are drawn at most.
const MOST_COLUMNS: usize = 16;

/// How pictures are laid out: width of the names of rows, edge of a picture, number of rows and columns.
fn image_layout(grid: &ImageGrid, width: f64) -> (f64, f64, usize, usize) {
    let rows = grid.rows.len().min(MOST_PICTURES);
    let columns = grid.rows.iter().map(|(_, images)| images.len()).max().unwrap_or(0).min(MOST_PICTURES);
    let names = grid.rows.iter().take(rows).map(|(name, _)| Type::TICK.fit(name, 0.25 * width));
    let names = names.map(|name| Type::TICK.width(&name)).fold(0.0, f64::max) + 6.0;
    let edge = ((width - names) / columns.max(1) as f64).min(84.0);
    (names, edge, rows, columns)
}

/// Height that the pictures take.
pub(crate) fn images_height(grid: &ImageGrid, width: f64) -> f64 {
    let (_, edge, rows, columns) = image_layout(grid, width);
    if rows == 0 || columns == 0 { 80.0 } else { 18.0 + rows as f64 * edge }
}

/// What is not drawn.
pub(crate) fn images_notes(grid: &ImageGrid) -> Vec<String> {
    let columns = grid.rows.iter().map(|(_, images)| images.len()).max().unwrap_or(0);
    (grid.rows.len() > MOST_PICTURES || columns > MOST_PICTURES)
        .then(|| format!("{} rows of up to {columns} pictures, not all drawn", grid.rows.len()))
        .into_iter()
        .collect()
}

/// Draws the pictures into `outer`.
pub(crate) fn images<DB: DrawingBackend>(canvas: &mut Canvas<DB>, outer: Area, grid: &ImageGrid) -> Drawing {
    let (names, edge, rows, columns) = image_layout(grid, outer.width());
    if rows == 0 || columns == 0 {
        return no_data(canvas, outer);
    }
    let left = outer.left + names + ((outer.width() - names - columns as f64 * edge) / 2.0).max(0.0);
    for (column, name) in grid.columns.iter().take(columns).enumerate() {
        let x = left + (column as f64 + 0.5) * edge;
        canvas.text(&Type::TICK.fit(name, edge - 2.0), (x, outer.top + 8.0), Align::Centre, Type::TICK)?;
    }
    for (row, (name, pictures)) in grid.rows.iter().take(rows).enumerate() {
        let top = outer.top + 18.0 + row as f64 * edge;
        let name = Type::TICK.fit(name, 0.25 * outer.width());
        canvas.text(&name, (left - 6.0, top + edge / 2.0), Align::Right, Type::TICK)?;
        for (column, image) in pictures.iter().take(columns).enumerate() {
            let (height, width) = (image.height, image.width);
            if height == 0 || width == 0 {
                continue;
            }
            // The longer side fills the field.
            let scale = (edge - 4.0) / height.max(width) as f64;
            let (wide, high) = (scale * width as f64, scale * height as f64);
            let x = left + column as f64 * edge + (edge - wide) / 2.0;
            let y = top + (edge - high) / 2.0;
            canvas.picture(Area { left: x, top: y, right: x + wide, bottom: y + high }, image)?;
        }
    }
    Ok(())
}

const ROW: f64 = 17.0;

/// Height that the table takes.
pub(crate) fn table_height(table: &Table) -> f64 {
    ROW * (table.rows.len().min(MOST_ROWS) as f64 + 1.0) + 8.0
}

/// What is not drawn.
pub(crate) fn table_notes(table: &Table) -> Vec<String> {
    (table.rows.len() > MOST_ROWS || table.columns.len() > MOST_COLUMNS)
        .then(|| format!("{} rows and {} columns, not all drawn", table.rows.len(), table.columns.len()))
        .into_iter()
        .collect()
}

/// Draws the table into `outer`.
pub(crate) fn table<DB: DrawingBackend>(canvas: &mut Canvas<DB>, outer: Area, table: &Table) -> Drawing {
    let columns = table.columns.len().min(MOST_COLUMNS);
    if columns == 0 {
        return no_data(canvas, outer);
    }
    let head = Type { bold: true, ..Type::TICK };
    let cell = Type { colour: BLACK, ..Type::TICK };
    let most = outer.width() / columns as f64;
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .take(MOST_ROWS)
        .map(|row| row.iter().take(columns).map(|text| crate::printable::short(text, 120, 120)).collect())
        .collect();
    // Wide columns get what narrow ones leave.
    let natural: Vec<f64> = (0..columns)
        .map(|column| {
            let texts = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
            let name = table.columns.get(column).map_or("", String::as_str);
            widest(cell, texts).max(head.width(&crate::printable::short(name, 60, 60))) + 16.0
        })
        .collect();
    let spare: f64 = natural.iter().map(|width| (most - width).max(0.0)).sum();
    let excess: f64 = natural.iter().map(|width| (width - most).max(0.0)).sum();
    let share = if excess > 0.0 { (spare / excess).min(1.0) } else { 0.0 };
    let widths: Vec<f64> =
        natural.iter().map(|width| if *width > most { most + share * (width - most) } else { *width }).collect();
    let total: f64 = widths.iter().sum();

    let start = outer.left + ((outer.width() - total) / 2.0).max(0.0);
    let line = |canvas: &mut Canvas<DB>, y: f64, width: f64, colour| {
        canvas.path(&[(start, y), (start + total, y)], width, colour, &[])
    };
    line(canvas, outer.top + 2.0, 1.2, DARK)?;
    line(canvas, outer.top + 2.0 + ROW, 0.8, DARK)?;
    let mut left = start;
    for (column, width) in widths.iter().enumerate() {
        let numeric = !rows.is_empty()
            && rows.iter().all(|row| row.get(column).is_none_or(|text| text.starts_with(|c: char| numeral(c))));
        let (x, align) = if numeric { (left + width - 8.0, Align::Right) } else { (left + 8.0, Align::Left) };
        let heads = table.columns.iter().skip(column).take(1).map(|text| (text, head));
        let cells = rows.iter().map(|row| row.get(column)).map(|text| (text, cell));
        let texts = heads.map(|(text, font)| (Some(text), font)).chain(cells);
        for (row, (text, font)) in texts.enumerate() {
            if let Some(text) = text {
                let y = outer.top + 2.0 + (row as f64 + 0.5) * ROW;
                canvas.text(&font.fit(text, width - 10.0), (x, y), align, font)?;
            }
        }
        left += width;
    }
    for row in 1..rows.len() {
        line(canvas, outer.top + 2.0 + (row as f64 + 1.0) * ROW, 0.5, LIGHT)?;
    }
    line(canvas, outer.top + 2.0 + (rows.len() as f64 + 1.0) * ROW, 1.2, DARK)
}

/// Whether a cell that starts so is a number.
fn numeral(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '-' | '−' | '+' | '.' | '—' | '–')
}
