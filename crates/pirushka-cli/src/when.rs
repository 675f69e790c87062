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
