//! Values that arguments take: addresses, numbers, durations; refused in the language of the person.

use std::time::Duration;

use clap::builder::ValueParser;
use pirushka_client::settings::duration as parse_duration;
use pirushka_wire::{Address, HomeAddress, HostPort};

use crate::lang;

pub(super) fn address() -> ValueParser {
    ValueParser::from(|text: &str| text.parse::<Address>().map_err(|e| lang::address_error(&e)))
}

pub(super) fn peer_address() -> ValueParser {
    ValueParser::from(|text: &str| text.parse::<HomeAddress>().map_err(|e| lang::address_error(&e)))
}

pub(super) fn host_port() -> ValueParser {
    ValueParser::from(|text: &str| text.parse::<HostPort>().map_err(|e| lang::address_error(&e)))
}

/// A whole number from `least` to `most`.
pub(super) fn whole<N: TryFrom<u64> + Clone + std::marker::Send + Sync + 'static>(
    least: u64,
    most: u64,
) -> ValueParser {
    ValueParser::from(move |text: &str| {
        let number = text.parse::<u64>().ok().filter(|number| (least..=most).contains(number));
        let bounds = [("least", &*least.to_string()), ("most", &*most.to_string())];
        number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| lang::text("usage.number", &bounds))
    })
}

pub(super) fn duration() -> ValueParser {
    ValueParser::from(|text: &str| time(text, "usage.duration"))
}

/// At least a second.
pub(super) fn some_duration() -> ValueParser {
    ValueParser::from(|text: &str| time(text, "usage.duration").and_then(at_least_a_second))
}

/// At least a second, or `off`, which is no time at all.
pub(super) fn duration_or_off() -> ValueParser {
    ValueParser::from(|text: &str| match text {
        "off" => Ok(Duration::ZERO),
        _ => time(text, "usage.duration_or_off").and_then(at_least_a_second),
    })
}

/// A time; else why not: `malformed` names the sentence for what is none.
fn time(text: &str, malformed: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let is_well_formed = digits > 0 && ["ms", "s", "m", "h", "d"].contains(&&text[digits..]);
    let key = if is_well_formed { "usage.duration_too_long" } else { malformed };
    parse_duration(text).ok_or_else(|| lang::text(key, &[]))
}

fn at_least_a_second(time: Duration) -> Result<Duration, String> {
    let is_enough = time >= Duration::from_secs(1);
    is_enough.then_some(time).ok_or_else(|| lang::text("usage.duration_too_short", &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("7d"), Some(Duration::from_secs(7 * 86400)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        for wrong in ["", "7", "d", "-1s", "7 d", "1.5h", "99999999999999999999s", "367d", "18446744073709551615d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
