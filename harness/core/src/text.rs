//! Small matters of wording.

/// `; did you mean `x`?` where a candidate is close to `name`, else the empty string.
///
/// ```
/// use harness_core::text::did_you_mean;
/// assert_eq!(did_you_mean("zloss", ["z_loss", "npo"]), "; did you mean `z_loss`?");
/// assert_eq!(did_you_mean("quux", ["z_loss", "npo"]), "");
/// ```
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| format!("; did you mean `{candidate}`?"))
        .unwrap_or_default()
}

/// A number as people read it: four significant digits, scientific notation only where it is shorter.
///
/// ```
/// use harness_core::text::number;
/// assert_eq!(number(0.123456), "0.1235");
/// assert_eq!(number(1234567.0), "1.235e6");
/// assert_eq!(number(308.0), "308");
/// assert_eq!(number(f64::NAN), "NaN");
/// ```
pub fn number(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return format!("{value}");
    }
    let magnitude = value.abs();
    if (1e-3..1e5).contains(&magnitude) {
        let digits = (3 - magnitude.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        let text = format!("{value:.3e}");
        match text.split_once('e') {
            Some((mantissa, exponent)) if mantissa.contains('.') => {
                format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
            }
            _ => text,
        }
    }
}
