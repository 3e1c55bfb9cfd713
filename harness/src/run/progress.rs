//! What a person or a program sees of a run while it goes on.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use harness_core::record::{Outcome, Record};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::executor::Summary;
use super::plan::PlannedTrial;

/// Something that happened.
pub enum Event<'a> {
    /// The plan is made.
    Planned {
        /// Trials to run.
        pending: usize,
        /// Trials that are stored already.
        stored: usize,
        /// Expected seconds of those whose duration is known, summed over trials.
        expected_s: f64,
    },
    /// A trial was handed to a worker.
    Started {
        /// The trial.
        planned: &'a PlannedTrial,
    },
    /// A trial reported progress.
    Progress {
        /// The trial.
        planned: &'a PlannedTrial,
        /// Steps done.
        done: u64,
        /// Steps in all.
        total: u64,
    },
    /// A trial ended and is stored.
    Ended {
        /// The trial.
        planned: &'a PlannedTrial,
        /// What is stored.
        record: &'a Record,
    },
    /// A look at the claims of a run that adds seeds until they are decided.
    Look {
        /// Claims that are open, as `paper C1`, with the number of seeds that each gets next.
        open: &'a [(String, u64)],
        /// Claims that are settled.
        settled: usize,
        /// Claims that are open after the last look.
        exhausted: usize,
        /// Why no seed is added although claims are open.
        stopped: Option<&'a str>,
    },
    /// Something the user should know.
    Warning(String),
    /// A tenth of a second or less has passed.
    Tick,
    /// All is done.
    Done {
        /// What became of the trials.
        summary: &'a Summary,
    },
}

/// Something that shows events.
pub trait Sink {
    /// Shows one.
    fn event(&mut self, event: &Event<'_>);
}

/// Shows nothing.
pub struct Quiet;

impl Sink for Quiet {
    fn event(&mut self, _event: &Event<'_>) {}
}

/// The sink that suits standard error: bars on a terminal, a line every few seconds elsewhere.
pub fn for_people() -> Box<dyn Sink> {
    if std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") {
        Box::new(Bars::new())
    } else {
        Box::new(Lines::new())
    }
}

/// Whole seconds as `1h 4m 19s`.
fn in_words(seconds: f64) -> String {
    // What is no time, or longer than anyone waits, is shown as the nearest that is one.
    humantime::format_duration(Duration::from_secs(seconds.clamp(0.0, 1e9) as u64)).to_string()
}

/// The first line of a reason.
fn first_line(reason: &str) -> &str {
    reason.lines().next().unwrap_or_default()
}

/// A look in a line.
fn look(open: &[(String, u64)], settled: usize, exhausted: usize, stopped: Option<&str>) -> String {
    let claims = |count: usize| if count == 1 { "1 claim".to_owned() } else { format!("{count} claims") };
    if open.is_empty() && exhausted > 0 {
        return format!("{} settled, {exhausted} open after the last look: no seed is added", claims(settled));
    }
    if open.is_empty() {
        return format!("{} settled: no seed is added", claims(settled));
    }
    let names: Vec<String> = open.iter().map(|(name, seeds)| format!("{name} ({seeds} seeds)")).collect();
    match stopped {
        None => format!("{} settled, {} open, next: {}", claims(settled), open.len(), names.join(", ")),
        Some(reason) => format!("{} settled, {} open, {reason}", claims(settled), open.len()),
    }
}

/// A bar for all trials, and one for each that runs.
struct Bars {
    bars: MultiProgress,
    overall: ProgressBar,
    running: HashMap<String, ProgressBar>,
}

impl Bars {
    fn new() -> Self {
        let bars = MultiProgress::new();
        let overall = bars.add(ProgressBar::new(0));
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} trials, {elapsed} so far, about {eta} left")
        {
            overall.set_style(style);
        }
        Bars { bars, overall, running: HashMap::new() }
    }
}

impl Sink for Bars {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Planned { pending, .. } => self.overall.set_length(*pending as u64),
            Event::Started { planned } => {
                let bar = self.bars.add(ProgressBar::new(0));
                if let Ok(style) = ProgressStyle::with_template("  {bar:20} {msg}") {
                    bar.set_style(style);
                }
                bar.set_message(planned.name());
                self.running.insert(planned.key.clone(), bar);
            }
            Event::Progress { planned, done, total } => {
                if let Some(bar) = self.running.get(&planned.key) {
                    bar.set_length(*total);
                    bar.set_position(*done);
                }
            }
            Event::Ended { planned, record } => {
                if let Some(bar) = self.running.remove(&planned.key) {
                    bar.finish_and_clear();
                }
                self.overall.inc(1);
                if let Outcome::Failed { reason } = &record.outcome {
                    let _ = self.bars.println(format!("failed: {}: {}", planned.name(), first_line(reason)));
                }
            }
            Event::Look { open, settled, exhausted, stopped } => {
                let _ = self.bars.println(look(open, *settled, *exhausted, *stopped));
            }
            Event::Warning(text) => {
                let _ = self.bars.println(format!("warning: {text}"));
            }
            Event::Tick => self.overall.tick(),
            Event::Done { .. } => {
                for (_, bar) in self.running.drain() {
                    bar.finish_and_clear();
                }
                self.overall.finish_and_clear();
            }
        }
    }
}

/// A plain line every few seconds, and one for each failure.
struct Lines {
    pending: usize,
    ended: usize,
    start: Instant,
    last: Instant,
    running: Vec<String>,
}

impl Lines {
    fn new() -> Self {
        Lines { pending: 0, ended: 0, start: Instant::now(), last: Instant::now(), running: Vec::new() }
    }

    fn say(text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

impl Sink for Lines {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Planned { pending, stored, expected_s } => {
                self.pending = *pending;
                self.ended = 0;
                self.start = Instant::now();
                let expected = if *expected_s >= 1.0 {
                    format!(", about {} of work", in_words(*expected_s))
                } else {
                    String::new()
                };
                Self::say(&format!("{pending} trials to run{expected}; {stored} in the store"));
            }
            Event::Started { planned } => self.running.push(planned.name()),
            Event::Ended { planned, record } => {
                self.ended += 1;
                let ended = planned.name();
                self.running.retain(|name| *name != ended);
                if let Outcome::Failed { reason } = &record.outcome {
                    Self::say(&format!("failed: {ended}: {}", first_line(reason)));
                }
            }
            Event::Look { open, settled, exhausted, stopped } => Self::say(&look(open, *settled, *exhausted, *stopped)),
            Event::Warning(text) => Self::say(&format!("warning: {text}")),
            Event::Tick if self.last.elapsed() > Duration::from_secs(5) => {
                self.last = Instant::now();
                let elapsed = self.start.elapsed().as_secs_f64();
                let left = if self.ended == 0 {
                    String::new()
                } else {
                    let per_trial = elapsed / self.ended as f64;
                    let left = per_trial * (self.pending - self.ended.min(self.pending)) as f64;
                    format!(", about {} left", in_words(left))
                };
                Self::say(&format!(
                    "{} of {} trials, {}{left}; running {}",
                    self.ended,
                    self.pending,
                    in_words(elapsed),
                    self.running.join(", ")
                ));
            }
            Event::Done { summary } if self.pending > 0 => Self::say(&format!(
                "{} finished, {} skipped, {} failed, {} left, in {:.1} s",
                summary.finished,
                summary.skipped,
                summary.failed,
                summary.left,
                self.start.elapsed().as_secs_f64()
            )),
            _ => {}
        }
    }
}

/// One JSON object a line on standard output.
pub struct Json;

impl Json {
    /// Prints an event.
    pub fn line(value: &serde_json::Value) {
        // A closed pipe ends the output, not the run.
        let _ = writeln!(std::io::stdout(), "{value}");
    }
}

impl Sink for Json {
    fn event(&mut self, event: &Event<'_>) {
        let of = |planned: &PlannedTrial| {
            serde_json::json!({
                "paper": planned.trial.paper,
                "arm": planned.trial.arm,
                "cell": planned.trial.cell,
                "seed": planned.trial.seed,
                "key": planned.key,
            })
        };
        match event {
            Event::Planned { pending, stored, expected_s } => Self::line(
                &serde_json::json!({"event": "planned", "pending": pending, "stored": stored, "expected_s": expected_s}),
            ),
            Event::Started { planned } => Self::line(&serde_json::json!({"event": "started", "trial": of(planned)})),
            Event::Progress { planned, done, total } => Self::line(
                &serde_json::json!({"event": "progress", "trial": of(planned), "done": done, "total": total}),
            ),
            Event::Ended { planned, record } => Self::line(&serde_json::json!({
                "event": "ended",
                "trial": of(planned),
                "outcome": record.outcome,
                "metrics": record.metrics,
                "cost": record.cost,
            })),
            Event::Look { open, settled, exhausted, stopped } => Self::line(&serde_json::json!({
                "event": "look", "open": open, "settled": settled, "exhausted": exhausted, "stopped": stopped,
            })),
            Event::Warning(text) => Self::line(&serde_json::json!({"event": "warning", "message": text})),
            Event::Tick => {}
            Event::Done { summary } => Self::line(&serde_json::json!({
                "event": "done",
                "finished": summary.finished,
                "skipped": summary.skipped,
                "failed": summary.failed,
                "left": summary.left,
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn times_are_told_in_hours_minutes_and_seconds() {
        let told = [0.4, 59.9, 3_859.0, f64::NAN, -3.0, f64::INFINITY].map(in_words);
        assert_eq!(told[..5], ["0s", "59s", "1h 4m 19s", "0s", "0s"]);
        assert!(told[5].starts_with("31years"), "{}", told[5]);
    }
}
