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
    ValueParser::from(|text: &str| parse_duration(text).ok_or_else(|| lang::text("usage.duration", &[("given", text)])))
}

/// At least a second, or `off`, which is no time at all.
pub(super) fn duration_or_off() -> ValueParser {
    ValueParser::from(|text: &str| {
        let time =
            if text == "off" { Some(Duration::ZERO) } else { parse_duration(text).filter(|time| time.as_secs() > 0) };
        time.ok_or_else(|| lang::text("usage.duration_or_off", &[("given", text)]))
    })
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
