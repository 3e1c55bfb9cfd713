//! Durations and dates in words.

use harness_core::text::number;

/// `35.2 s`, `4 min 10 s`, `2 h 05 min`.
pub(in crate::report) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "—".into();
    }
    // Rounded first, so that 59.9 s is not 60 s.
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{} s", number((seconds * 100.0).round() / 100.0)),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `2026-03-01 17:05 UTC`, from seconds since 1970.
pub(super) fn utc(seconds: u64) -> String {
    let days = seconds / 86_400;
    if days > 2_932_896 {
        return format!("{seconds} s after 1970");
    }
    // Days since 0000-03-01, in eras of 400 years (Hinnant, "chrono-compatible low-level date algorithms", 2014).
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (seconds % 86_400 / 3_600, seconds % 3_600 / 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_durations() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(utc(1_772_384_700), "2026-03-01 17:05 UTC");
        assert_eq!(utc(253_402_300_799), "9999-12-31 23:59 UTC");
        assert!(utc(u64::MAX).contains("after 1970"));
        assert_eq!(duration(35.204), "35.2 s");
        assert_eq!(duration(59.99), "1 min 00 s");
        assert_eq!(duration(7500.0), "2 h 05 min");
        assert_eq!(duration(f64::NAN), "—");
    }
}
