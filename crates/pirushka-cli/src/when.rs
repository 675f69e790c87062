//! Times as a person reads them, in the time zone of this computer.

use jiff::{Timestamp, tz::TimeZone};

/// `14:03` today, `2026-11-23 14:03` on another day.
#[must_use]
pub fn moment(unix_ms: u64) -> String {
    let zone = TimeZone::system();
    let Some(then) = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()) else {
        return "?".into();
    };
    let then = then.to_zoned_datetime(zone.clone());
    let today = Timestamp::now().to_zoned_datetime(zone).date();
    let pattern = if then.date() == today { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    then.strftime(pattern).to_string()
}

/// `2026-11-23 14:03`, on whatever day.
#[must_use]
pub fn full(unix_ms: u64) -> String {
    let then = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let shown = |then: Timestamp| then.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string();
    then.map_or_else(|| "?".into(), shown)
}

/// `2026-11-23`
#[must_use]
pub fn today() -> String {
    Timestamp::now().to_zoned_datetime(TimeZone::system()).date().to_string()
}

/// `7 days`, `90 minutes`, `5 seconds`: a whole number of the largest unit that fits.
#[must_use]
pub fn length(seconds: u64) -> String {
    let units = [(86_400, "when.days"), (3600, "when.hours"), (60, "when.minutes")];
    let fits = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    let (unit, key) = fits.unwrap_or((1, "when.seconds"));
    crate::lang::text(key, &[("n", &(seconds / unit).to_string())])
}

/// Unix seconds.
#[must_use]
pub fn now_s() -> u64 {
    u64::try_from(Timestamp::now().as_second()).unwrap_or(0)
}

/// `0.42 ms`, `31 ms`, `2.3 s`: as exact as is worth reading.
#[must_use]
pub fn span(microseconds: u64) -> String {
    #[allow(clippy::cast_precision_loss)]
    let millis = microseconds as f64 / 1000.0;
    match millis {
        ..1.0 => format!("{millis:.2} ms"),
        ..10.0 => format!("{millis:.1} ms"),
        ..1000.0 => format!("{millis:.0} ms"),
        _ => format!("{:.1} s", millis / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_as_exact_as_is_worth_reading() {
        let spans: Vec<_> = [420, 3_140, 31_400, 2_300_000].into_iter().map(span).collect();
        assert_eq!(spans, ["0.42 ms", "3.1 ms", "31 ms", "2.3 s"]);
    }

    #[test]
    fn a_moment_out_of_range_is_no_panic() {
        assert_eq!(moment(u64::MAX), "?");
    }
}
