//! From values to places on an axis, and where its ticks stand. All arithmetic holds for any finite doubles.

use harness_core::figure::Scale;
use harness_core::text::number;

/// An axis from `low` to `high`, in the logarithm's unit where it is logarithmic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    low: f64,
    high: f64,
    log: bool,
}

/// A tick: its place from 0 to 1 and its label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub at: f64,
    pub label: String,
}

/// Whether an axis of this scale can show a value.
pub(crate) fn shows(scale: Scale, value: f64) -> bool {
    value.is_finite() && (scale == Scale::Linear || value > 0.0)
}

/// Smallest and largest of the values that the scale can show.
pub(crate) fn extent(scale: Scale, values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|value| shows(scale, *value)).fold(None, |extent, value| match extent {
        None => Some((value, value)),
        Some((low, high)) => Some((low.min(value), high.max(value))),
    })
}

/// The extent of `values` with their intervals, and whether intervals are cut: those that reach further beyond the
/// values than three quarters of the values' own spread would flatten the curves that the figure is about.
pub(crate) fn extent_with_intervals(
    scale: Scale,
    values: impl IntoIterator<Item = (f64, Option<(f64, f64)>)> + Clone,
) -> Option<((f64, f64), bool)> {
    let (low, high) = extent(scale, values.clone().into_iter().map(|(value, _)| value))?;
    let ends = values.into_iter().filter_map(|(_, ends)| ends).flat_map(|(low, high)| [low, high]);
    let (widest_low, widest_high) = extent(scale, ends.chain([low, high]))?;
    let reach = |value: f64| if scale == Scale::Log { value.log10() } else { value };
    let half = reach(high) / 2.0 - reach(low) / 2.0;
    if half <= 1e-9 * reach(low).abs().max(reach(high).abs()) {
        return Some(((widest_low, widest_high), false));
    }
    let back = |value: f64| if scale == Scale::Log { 10_f64.powf(value) } else { value };
    let kept = (widest_low.max(back(reach(low) - 1.5 * half)), widest_high.min(back(reach(high) + 1.5 * half)));
    Some((kept, kept != (widest_low, widest_high)))
}

impl Range {
    /// A range that holds `low` and `high`, widened where they are (nearly) equal, with a margin of the share `margin`
    /// of its length on either side.
    pub(crate) fn new(scale: Scale, (low, high): (f64, f64), margin: f64) -> Self {
        let log = scale == Scale::Log;
        let (low, high) = if log { (low.log10(), high.log10()) } else { (low, high) };
        let magnitude = low.abs().max(high.abs());
        // Halves, so that the difference of the largest doubles is still a double.
        let narrow = (high / 2.0 - low / 2.0) <= magnitude * 1e-12;
        let (low, high) = match (narrow, log) {
            (false, _) => (low, high),
            (true, true) => (low - 0.5, high + 0.5),
            (true, false) if magnitude < 1e-300 => (-1.0, 1.0),
            (true, false) => (low - 0.1 * magnitude, high + 0.1 * magnitude),
        };
        let pad = (high / 2.0 - low / 2.0) * (2.0 * margin);
        let clamp = |value: f64| value.clamp(f64::MIN, f64::MAX);
        Range { low: clamp(low - pad), high: clamp(high + pad), log }
    }

    /// The same linear range that ends exactly at 0 on the side where no value lies, for bars, which start there.
    pub(crate) fn ending_at_zero(mut self, (low, high): (f64, f64)) -> Self {
        if !self.log && low >= 0.0 && self.high > 0.0 {
            self.low = 0.0;
        } else if !self.log && high <= 0.0 && self.low < 0.0 {
            self.high = 0.0;
        }
        self
    }

    /// Smallest and largest value.
    pub(crate) fn ends(&self) -> (f64, f64) {
        if self.log { (10_f64.powf(self.low), 10_f64.powf(self.high)) } else { (self.low, self.high) }
    }

    /// The place of a value: 0 at the lower end, 1 at the upper; beyond for values outside, at most a little.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let value = if self.log { value.log10() } else { value };
        let place = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        if place.is_nan() { 0.0 } else { place.clamp(-0.5, 1.5) }
    }

    /// The value at a place.
    pub(crate) fn value_at(&self, place: f64) -> f64 {
        let value = self.low * (1.0 - place) + self.high * place;
        if self.log { 10_f64.powf(value) } else { value }
    }

    /// About `wanted` ticks at round values.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<Tick> {
        let wanted = wanted.clamp(2, 20);
        if self.log { self.log_ticks(wanted) } else { self.linear_ticks(wanted) }
    }

    fn linear_ticks(&self, wanted: usize) -> Vec<Tick> {
        let values = round_values(self.low, self.high, wanted);
        let step = match values.as_slice() {
            [first, second, ..] => second - first,
            _ => 0.0,
        };
        values.iter().map(|value| Tick { at: self.place(*value), label: label(*value, step, &values) }).collect()
    }

    fn log_ticks(&self, wanted: usize) -> Vec<Tick> {
        let (first, last) = (self.low.ceil() as i32, self.high.floor() as i32);
        let decades = last - first + 1;
        if decades >= 3 {
            let step = (decades as usize).div_ceil(wanted).max(1) as i32;
            // Multiples of the step, so that 10⁰ is among them where it is in range.
            let from = first.div_euclid(step) * step;
            return (0..)
                .map(|k| from + k * step)
                .skip_while(|exponent| *exponent < first)
                .take_while(|exponent| *exponent <= last)
                .map(|exponent| Tick { at: self.place_of_log(f64::from(exponent)), label: power_of_ten(exponent) })
                .collect();
        }
        let marks = |mantissas: &[f64]| -> Vec<Tick> {
            (first - 1..=last + 1)
                .flat_map(|exponent| mantissas.iter().map(move |mantissa| (*mantissa, exponent)))
                .map(|(mantissa, exponent)| (mantissa.log10() + f64::from(exponent), mantissa, exponent))
                .filter(|(log, _, _)| *log >= self.low && *log <= self.high)
                .map(|(log, mantissa, exponent)| {
                    let label = match (mantissa == 1.0, (-3..5).contains(&exponent)) {
                        (_, true) => number(mantissa * 10_f64.powi(exponent)),
                        (true, false) => power_of_ten(exponent),
                        (false, false) => format!("{mantissa}·{}", power_of_ten(exponent)),
                    };
                    Tick { at: self.place_of_log(log), label }
                })
                .collect()
        };
        for mantissas in [&[1.0][..], &[1.0, 3.0], &[1.0, 2.0, 5.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]] {
            let ticks = marks(mantissas);
            if ticks.len() >= 3 {
                return ticks;
            }
        }
        // Less than half a decade: evenly spread values do.
        let (low, high) = self.ends();
        let values = round_values(low, high, wanted);
        let step = match values.as_slice() {
            [first, second, ..] => second - first,
            _ => 0.0,
        };
        values.iter().map(|value| Tick { at: self.place(*value), label: label(*value, step, &values) }).collect()
    }

    /// Places of the marks between powers of ten; empty on linear axes and where there are many decades.
    pub(crate) fn minor(&self) -> Vec<f64> {
        if !self.log || self.high - self.low > 8.0 {
            return Vec::new();
        }
        (self.low.floor() as i32..=self.high.ceil() as i32)
            .flat_map(|exponent| (2..10).map(move |mantissa| f64::from(mantissa).log10() + f64::from(exponent)))
            .filter(|log| *log > self.low && *log < self.high)
            .map(|log| self.place_of_log(log))
            .collect()
    }

    fn place_of_log(&self, log: f64) -> f64 {
        (log - self.low) / (self.high - self.low)
    }
}

/// Multiples of 1, 2 or 5 times a power of ten within the range, at most about `wanted`; its ends where there is no
/// such number.
fn round_values(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    // Half of the raw step, so that it is finite for any range.
    let half = (high / 2.0 - low / 2.0) / wanted as f64;
    let power = 10_f64.powf(half.log10().floor());
    let step = [0.5, 1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * power * 2.0).find(|step| *step >= 2.0 * half);
    let Some(step) = step.filter(|step| step.is_finite() && *step > 0.0) else {
        return vec![low, high];
    };
    let (first, last) = ((low / step * (1.0 - 1e-12 * low.signum())).ceil(), (high / step).floor());
    if !(first.is_finite() && last.is_finite() && last - first <= 100.0 && last >= first) {
        return vec![low, high];
    }
    (0..=(last - first) as usize)
        .map(|k| (first + k as f64) * step)
        .map(|value| if value == 0.0 { 0.0 } else { value })
        .filter(|value| *value >= low && *value <= high)
        .collect()
}

/// A tick's label with as many digits as tell it from its neighbours.
fn label(value: f64, step: f64, all: &[f64]) -> String {
    if value < 0.0 {
        // The minus sign is as wide as a digit.
        return format!("−{}", label(-value, step, all));
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let largest = all.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    if step <= 0.0 || !step.is_finite() {
        return number(value);
    }
    let step_exponent = step.log10().floor() as i32;
    if (1e-4..1e5).contains(&largest) && step >= 1e-5 {
        let digits = (0..6).find(|digits| {
            let scaled = step * 10_f64.powi(*digits);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        });
        return format!("{value:.*}", digits.unwrap_or(6) as usize);
    }
    let digits = (value.abs().log10().floor() as i32 - step_exponent + 1).clamp(0, 15) as usize;
    let text = format!("{value:.digits$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => {
            let mantissa =
                if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
            format!("{mantissa}·10{}", superscript(exponent))
        }
        None => text,
    }
}

/// `10⁻³`.
fn power_of_ten(exponent: i32) -> String {
    format!("10{}", superscript(&exponent.to_string()))
}

fn superscript(digits: &str) -> String {
    digits
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            '4' => '⁴',
            '5' => '⁵',
            '6' => '⁶',
            '7' => '⁷',
            '8' => '⁸',
            '9' => '⁹',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: Range, wanted: usize) -> Vec<String> {
        range.ticks(wanted).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_stand_at_round_numbers() {
        assert_eq!(
            labels(Range::new(Scale::Linear, (0.0, 1.0), 0.0), 5),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"].map(|label| if label == "0.0" { "0" } else { label })
        );
        assert_eq!(labels(Range::new(Scale::Linear, (0.0, 40.0), 0.0), 4), ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(Range::new(Scale::Log, (1e-4, 1.0), 0.0), 6), ["10⁻⁴", "10⁻³", "10⁻²", "10⁻¹", "10⁰"]);
        assert_eq!(labels(Range::new(Scale::Linear, (0.0, 4e6), 0.0), 4), ["0", "1·10⁶", "2·10⁶", "3·10⁶", "4·10⁶"]);
        assert_eq!(labels(Range::new(Scale::Log, (8.0, 130.0), 0.0), 6), ["10", "30", "100"]);
    }

    #[test]
    fn equal_values_get_room() {
        let range = Range::new(Scale::Linear, (3.0, 3.0), 0.05);
        assert!((range.place(3.0) - 0.5).abs() < 1e-9);
        let range = Range::new(Scale::Linear, (0.0, 0.0), 0.05);
        assert!((range.place(0.0) - 0.5).abs() < 1e-9);
    }

    fn finite() -> impl proptest::strategy::Strategy<Value = f64> {
        use proptest::prelude::*;
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |value| value.is_finite())
    }

    proptest::proptest! {
        #[test]
        fn any_finite_range_has_ordered_ticks(a in finite(), b in finite(), log: bool, wanted in 2_usize..12) {
            let scale = if log { Scale::Log } else { Scale::Linear };
            let values = if log { [a.abs().max(f64::MIN_POSITIVE), b.abs().max(f64::MIN_POSITIVE)] } else { [a, b] };
            let Some(extent) = extent(scale, values) else { return Ok(()) };
            let range = Range::new(scale, extent, 0.05);
            for value in values {
                proptest::prop_assert!((-1e-9..=1.0 + 1e-9).contains(&range.place(value)), "{:?} {}", range, value);
            }
            let ticks = range.ticks(wanted);
            proptest::prop_assert!(!ticks.is_empty() && ticks.len() <= 30, "{} ticks", ticks.len());
            for tick in &ticks {
                proptest::prop_assert!((-1e-6..=1.0 + 1e-6).contains(&tick.at), "{:?} {:?}", range, tick);
            }
            for pair in ticks.windows(2) {
                proptest::prop_assert!(pair[0].at < pair[1].at, "{:?}", ticks);
            }
        }
    }
}
