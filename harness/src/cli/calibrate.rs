//! `harness calibrate-verdicts`.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;

use super::Failure;
use super::places::Places;
use crate::calibrate::{DRAWS, markdown, monte_carlo_error, nominal, simulate};

/// Options of `calibrate-verdicts`.
#[derive(Args)]
pub struct Arguments {
    /// Experiments per row and truth.
    #[arg(long, value_name = "N", default_value_t = DRAWS, value_parser = count)]
    draws: usize,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(count @ 100..=1_000_000) => Ok(count),
        _ => Err("a number from 100 to 1000000".into()),
    }
}

/// Runs it.
pub fn run(arguments: &Arguments, _places: &Places) -> Result<ExitCode, Failure> {
    let rows = simulate(arguments.draws);
    if arguments.json {
        let text = serde_json::to_string(&rows).map_err(|error| Failure::failed(error.to_string()))?;
        writeln!(std::io::stdout(), "{text}")?;
    } else {
        write!(anstream::stdout(), "{}", markdown(&rows))?;
    }
    let broken: Vec<String> = rows
        .iter()
        .filter(|row| row.shape.promised())
        .filter(|row| row.false_reproduced > nominal(row.kind) + monte_carlo_error(nominal(row.kind), row.draws))
        .map(|row| format!("{}, {} seeds, {}", row.kind.name(), row.n, row.shape.name()))
        .collect();
    if broken.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::failed(format!("more false verdicts than stated: {}", broken.join("; "))))
    }
}
