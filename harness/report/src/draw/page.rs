//! The page of a figure: title, panels in rows, legend.

use harness_core::figure::{Figure, Panel, Plot};
use plotters::backend::DrawingBackend;

use super::canvas::{Align, Area, Canvas, Drawing, Type, WHITE};
use super::legend::Legend;
use super::palette::Palette;
use super::{bars, curves, grid, heatmap, histogram, scatter};

/// Panels that are drawn at most; the others are in the CSV file.
const MOST_PANELS: usize = 24;
const MARGIN: f64 = 12.0;
const GAP: f64 = 18.0;

/// A panel with what is known of it before it is drawn.
struct Placed<'a> {
    panel: &'a Panel,
    title: Vec<String>,
    notes: Vec<String>,
    /// Height of the plot without title and notes.
    body: f64,
}

/// Panels side by side, whose plots begin and end at the same height.
struct Row<'a> {
    panels: Vec<Placed<'a>>,
    title: f64,
    body: f64,
    notes: f64,
}

impl<'a> Row<'a> {
    fn new(panels: Vec<Placed<'a>>) -> Self {
        let most = |height: fn(&Placed<'a>) -> f64| panels.iter().map(height).fold(0.0, f64::max);
        Row {
            title: most(|placed| placed.title.len() as f64 * Type::PANEL.line()),
            body: most(|placed| placed.body),
            notes: most(|placed| placed.notes.len() as f64 * Type::NOTE.line()),
            panels,
        }
    }

    fn height(&self) -> f64 {
        self.title + self.body + self.notes + 4.0
    }
}

/// A figure laid out.
pub(crate) struct Page<'a> {
    /// Width and height in points.
    pub size: (f64, f64),
    title: Vec<String>,
    rows: Vec<Row<'a>>,
    panel_width: f64,
    legend: Legend,
    note: Option<String>,
    palette: &'a Palette,
}

fn notes(plot: &Plot) -> Vec<String> {
    match plot {
        Plot::Lines(plot) => curves::notes(plot),
        Plot::Bars(plot) => bars::notes(plot),
        Plot::Heatmap(plot) => heatmap::notes(plot),
        Plot::Scatter(plot) => scatter::notes(plot),
        Plot::Histogram(plot) => histogram::notes(plot),
        Plot::Images(grid) => grid::images_notes(grid),
        Plot::Table(table) => grid::table_notes(table),
    }
}

impl<'a> Page<'a> {
    pub(crate) fn new(figure: &'a Figure, palette: &'a Palette) -> Self {
        let count = figure.panels.len().min(MOST_PANELS);
        let (columns, panel_width) = match count {
            0 | 1 => (1, 600.0),
            2 | 4 => (2, 420.0),
            _ => (3, 330.0),
        };
        let width = panel_width * columns as f64 + GAP * (columns - 1) as f64;
        let axes_height = if count <= 1 { 330.0 } else { 0.68 * panel_width };
        let placed: Vec<Placed<'a>> = figure
            .panels
            .iter()
            .take(MOST_PANELS)
            .map(|panel| {
                let body = match &panel.plot {
                    Plot::Heatmap(plot) => heatmap::height(plot, panel_width),
                    Plot::Images(grid) => grid::images_height(grid, panel_width),
                    Plot::Table(table) => grid::table_height(table),
                    _ => axes_height,
                };
                let title = Type::PANEL.wrap(&panel.title, panel_width - 20.0, 2);
                let notes = Type::NOTE.wrap(&notes(&panel.plot).join("; "), panel_width - 20.0, 2);
                Placed { panel, title, notes, body }
            })
            .collect();
        let mut rows: Vec<Row<'a>> = Vec::new();
        let mut placed = placed.into_iter();
        loop {
            let panels: Vec<Placed<'a>> = placed.by_ref().take(columns).collect();
            if panels.is_empty() {
                break;
            }
            rows.push(Row::new(panels));
        }
        let title = Type::TITLE.wrap(&figure.title, width - 10.0, 4);
        let legend = Legend::new(figure, palette, width);
        let hidden = figure.panels.len() - count;
        let note = match (figure.panels.is_empty(), hidden) {
            (true, _) => Some("no data: this figure has no panel".to_owned()),
            (false, 0) => None,
            (false, hidden) => Some(format!("{hidden} more panels are in the CSV file")),
        };
        let rows_height: f64 = rows.iter().map(Row::height).sum::<f64>() + GAP * rows.len().saturating_sub(1) as f64;
        let height = 2.0 * MARGIN
            + title.len() as f64 * Type::TITLE.line()
            + 6.0
            + rows_height
            + legend.height()
            + if note.is_some() { Type::NOTE.line() } else { 0.0 };
        let size = ((width + 2.0 * MARGIN).ceil(), height.ceil());
        Page { size, title, rows, panel_width, legend, note, palette }
    }

    /// Draws the figure.
    pub(crate) fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Drawing {
        let (width, height) = self.size;
        canvas.rect(Area { left: 0.0, top: 0.0, right: width, bottom: height }, WHITE, 1.0)?;
        let mut y = MARGIN;
        for line in &self.title {
            canvas.text(line, (width / 2.0, y + 0.5 * Type::TITLE.line()), Align::Centre, Type::TITLE)?;
            y += Type::TITLE.line();
        }
        y += 6.0;
        for row in &self.rows {
            let tall = row.height();
            // A last row that is not full stands in the middle.
            let taken = row.panels.len() as f64 * (self.panel_width + GAP) - GAP;
            let mut x = (width - taken) / 2.0;
            for placed in &row.panels {
                let area = Area { left: x, top: y, right: x + self.panel_width, bottom: y + tall };
                self.panel(canvas, placed, row, area)?;
                x += self.panel_width + GAP;
            }
            y += tall + GAP;
        }
        let legend = Area {
            left: MARGIN,
            top: if self.rows.is_empty() { y } else { y - GAP },
            right: width - MARGIN,
            bottom: height,
        };
        self.legend.draw(canvas, legend)?;
        if let Some(note) = &self.note {
            let at = (width / 2.0, height - MARGIN - 0.5 * Type::NOTE.line());
            canvas.text(note, at, Align::Centre, Type::NOTE)?;
        }
        Ok(())
    }

    fn panel<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<DB>,
        placed: &Placed<'_>,
        row: &Row<'_>,
        mut area: Area,
    ) -> Drawing {
        for (index, line) in placed.title.iter().enumerate() {
            let at = (area.centre().0, area.top + (index as f64 + 0.5) * Type::PANEL.line());
            canvas.text(line, at, Align::Centre, Type::PANEL)?;
        }
        area.top += row.title + 2.0;
        area.bottom -= row.notes + 2.0;
        for (index, line) in placed.notes.iter().enumerate() {
            let y = area.bottom + (index as f64 + 0.5) * Type::NOTE.line();
            canvas.text(line, (area.right - 14.0, y), Align::Right, Type::NOTE)?;
        }
        match &placed.panel.plot {
            Plot::Lines(plot) => curves::plot(canvas, area, plot, self.palette),
            Plot::Bars(plot) => bars::plot(canvas, area, plot, self.palette),
            Plot::Heatmap(plot) => heatmap::plot(canvas, area, plot),
            Plot::Scatter(plot) => scatter::plot(canvas, area, plot, self.palette),
            Plot::Histogram(plot) => histogram::plot(canvas, area, plot, self.palette),
            Plot::Images(grid) => grid::images(canvas, area, grid),
            Plot::Table(table) => grid::table(canvas, area, table),
        }
    }
}
