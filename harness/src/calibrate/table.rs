//! The results of the simulation as Markdown.

use std::fmt::Write as _;

use super::draw::Shape;
use super::kinds::Kind;
use super::{Row, SEEDS, nominal};

/// Four tables: false `reproduced`, false `contradicted`, coverage, power. In per cent.
pub fn markdown(rows: &[Row]) -> String {
    let mut out = String::new();
    table(
        &mut out,
        rows,
        "False `reproduced`, in % of experiments whose claim is just not true",
        |_| true,
        |kind| format!("{:.1}", 100.0 * nominal(kind)),
        |row| Some(row.false_reproduced),
    );
    table(
        &mut out,
        rows,
        "False `contradicted`, in % of the same experiments",
        |kind| kind != Kind::Equivalence,
        |_| "2.5".to_owned(),
        |row| Some(row.false_contradicted),
    );
    table(
        &mut out,
        rows,
        "Coverage of the 95 % interval, in %",
        Kind::covers,
        |kind| if kind == Kind::UntilDecided { "≥ 95".to_owned() } else { "95".to_owned() },
        |row| row.coverage,
    );
    table(
        &mut out,
        rows,
        "Power at the detectable effect, in %",
        |kind| rows.iter().any(|row| row.kind == kind && row.power.is_some()),
        |kind| if kind == Kind::UntilDecided { "—".to_owned() } else { "80".to_owned() },
        |row| row.power,
    );
    seeds(&mut out, rows);
    out
}

fn table(
    out: &mut String,
    rows: &[Row],
    title: &str,
    has: impl Fn(Kind) -> bool,
    promised: impl Fn(Kind) -> String,
    get: impl Fn(&Row) -> Option<f64>,
) {
    let _ = writeln!(out, "**{title}**\n");
    let names: Vec<&str> = Shape::ALL.iter().map(|shape| shape.name()).collect();
    let _ = writeln!(out, "| test | seeds | stated | {} |", names.join(" | "));
    let _ = writeln!(out, "| --- | ---: | ---: |{}", " ---: |".repeat(names.len()));
    for kind in Kind::ALL.into_iter().filter(|kind| has(*kind)) {
        for n in SEEDS {
            let cells: Vec<String> = Shape::ALL
                .iter()
                .map(|shape| {
                    let row = rows.iter().find(|row| row.kind == kind && row.n == n && row.shape == *shape);
                    row.and_then(&get).map_or_else(|| "—".to_owned(), |share| format!("{:.1}", 100.0 * share))
                })
                .collect();
            if cells.iter().any(|cell| cell != "—") {
                let _ = writeln!(out, "| {} | {n} | {} | {} |", kind.name(), promised(kind), cells.join(" | "));
            }
        }
    }
    out.push('\n');
}

/// What the sequential test saves.
fn seeds(out: &mut String, rows: &[Row]) {
    let _ = writeln!(out, "**Mean number of seeds until decided, of 20 at most (normal)**\n");
    let _ = writeln!(out, "| first look | no effect | effect that 20 seeds show with 80 % | power there, in % |");
    let _ = writeln!(out, "| ---: | ---: | ---: | ---: |");
    for row in rows.iter().filter(|row| row.shape == Shape::Normal) {
        if let (Some((under_null, under_effect)), Some(power)) = (row.seeds, row.power) {
            let _ = writeln!(out, "| {} | {under_null:.1} | {under_effect:.1} | {:.1} |", row.n, 100.0 * power);
        }
    }
}
