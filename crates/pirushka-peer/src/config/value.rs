//! Values of settings: how they are written, which are allowed, and how they are shown.

use std::fmt;

/// A setting's value, as the configuration file, the environment and the command line all understand it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A count, a number of bytes, or a number of microseconds, as its [`Kind`] says.
    Number(u64),
    /// Yes or no.
    Flag(bool),
    /// Anything else.
    Text(String),
}

impl Value {
    /// The number; 0 for what is none, which [`Kind::read`] never lets through.
    pub(crate) fn number(&self) -> u64 {
        if let Self::Number(number) = self { *number } else { 0 }
    }
}

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number between two bounds, both allowed.
    Count(u64, u64),
    /// Bytes, between two bounds: `262144`, `"256 KiB"`, `"8 MiB"`, `"2 GiB"`.
    Bytes(u64, u64),
    /// A time, kept in microseconds, between two bounds: `"500 ms"`, `"30 s"`, `"10 min"`, `"6 h"`, `"14 days"`.
    Time(u64, u64),
    /// `true` or `false`.
    Flag,
    /// Text in quotes.
    Text,
}

/// A value as it was written, before anybody knows what it should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// A number without a unit.
    Integer(u64),
    /// `true` or `false`.
    Flag(bool),
    /// Text.
    Text(String),
    /// Something that no setting takes, by name.
    Other(&'static str),
}

const BYTE_UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const TIME_UNITS: &[(&str, u64)] = &[
    ("days", 86_400_000_000),
    ("day", 86_400_000_000),
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
];

impl Kind {
    /// Reads what was written, or says what was expected.
    pub(crate) fn read(self, written: &Written) -> Result<Value, String> {
        let value = match (self, written) {
            (Self::Count(..) | Self::Bytes(..), Written::Integer(number)) => Some(Value::Number(*number)),
            (Self::Count(..), Written::Text(text)) => text.trim().parse().ok().map(Value::Number),
            (Self::Bytes(..), Written::Text(text)) => quantity(text, BYTE_UNITS, Some(1)).map(Value::Number),
            (Self::Time(..), Written::Text(text)) => quantity(text, TIME_UNITS, None).map(Value::Number),
            (Self::Flag, Written::Flag(flag)) => Some(Value::Flag(*flag)),
            (Self::Flag, Written::Text(text)) => text.trim().parse().ok().map(Value::Flag),
            (Self::Text, Written::Text(text)) => Some(Value::Text(text.clone())),
            _ => None,
        };
        match value {
            Some(value) if self.allows(&value) => Ok(value),
            _ => Err(format!("expected {self}, got {written}")),
        }
    }

    /// The value as it is written in the file.
    pub(crate) fn show(self, value: &Value) -> String {
        match (self, value) {
            (Self::Bytes(..), Value::Number(bytes)) => shown(*bytes, BYTE_UNITS, "0"),
            (Self::Time(..), Value::Number(us)) => shown(*us, TIME_UNITS, "\"0 s\""),
            (_, Value::Number(number)) => number.to_string(),
            (_, Value::Flag(flag)) => flag.to_string(),
            (_, Value::Text(text)) => toml::Value::String(text.clone()).to_string(),
        }
    }

    fn allows(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Count(min, max) | Self::Bytes(min, max) | Self::Time(min, max), Value::Number(n)) => {
                (min..=max).contains(n)
            }
            (Self::Flag, Value::Flag(_)) | (Self::Text, Value::Text(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |n: u64| self.show(&Value::Number(n)).replace('"', "");
        match *self {
            Self::Count(min, max) => write!(f, "a number from {min} to {max}"),
            Self::Bytes(min, max) => write!(f, "bytes from {} to {}", shown(min), shown(max)),
            Self::Time(min, max) => write!(f, "a time from {} to {}", shown(min), shown(max)),
            Self::Flag => f.write_str("true or false"),
            Self::Text => f.write_str("text in quotes"),
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Text(text) => write!(f, "{:?}", text.chars().take(80).collect::<String>()),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// The longest value of a setting that is told whole, in characters.
const SHOWN_MAX: usize = 200;

/// A value as it is told: of a long list the beginning and how many more there are.
pub(crate) fn shortened(value: &str) -> String {
    if value.len() <= SHOWN_MAX {
        return value.to_owned();
    }
    let mut shown = String::new();
    let mut items = value.split(", ");
    while let Some(item) = items.next() {
        if shown.len() + item.len() > SHOWN_MAX {
            let beginning: String = item.chars().take(SHOWN_MAX).collect();
            return match (shown.is_empty(), items.count() + 1) {
                (true, _) => format!("{beginning}..."),
                (false, more) => format!("{shown} and {more} more"),
            };
        }
        if !shown.is_empty() {
            shown.push_str(", ");
        }
        shown.push_str(item);
    }
    shown
}

fn quantity(text: &str, units: &[(&str, u64)], without_unit: Option<u64>) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (number, unit) = (number.parse::<u64>().ok()?, unit.trim());
    let factor =
        if unit.is_empty() { without_unit? } else { units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1 };
    number.checked_mul(factor)
}

/// In the largest unit that divides it.
fn shown(number: u64, units: &[(&str, u64)], zero: &str) -> String {
    if number == 0 {
        return zero.into();
    }
    let unit = units.iter().find(|(name, factor)| {
        number.is_multiple_of(*factor) && (*name != "day" || number == *factor) && (*name != "days" || number > *factor)
    });
    match unit {
        Some((name, factor)) if *factor > 1 || units.len() > BYTE_UNITS.len() => {
            format!("\"{} {name}\"", number / factor)
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: u64 = u64::MAX;

    fn text(kind: Kind, text: &str) -> Result<u64, String> {
        kind.read(&Written::Text(text.into())).map(|value| value.number())
    }

    #[test]
    fn quantities_are_read_with_their_units() {
        assert_eq!(text(Kind::Bytes(0, ANY), "8 MiB"), Ok(8 << 20));
        assert_eq!(text(Kind::Bytes(0, ANY), "256kib"), Ok(256 << 10));
        assert_eq!(text(Kind::Bytes(0, ANY), "77"), Ok(77));
        assert_eq!(text(Kind::Time(0, ANY), "14 days"), Ok(14 * 86_400_000_000));
        assert_eq!(text(Kind::Time(0, ANY), "500 ms"), Ok(500_000));
        assert_eq!(text(Kind::Count(0, 10), " 10 "), Ok(10));
    }

    #[test]
    fn what_is_written_reads_back() {
        for us in [1_000, 500_000, 30_000_000, 60_000_000, 90_000_000, 3_600_000_000, 86_400_000_000, 172_800_000_000] {
            let kind = Kind::Time(0, ANY);
            let shown = kind.show(&Value::Number(us));
            assert_eq!(text(kind, shown.trim_matches('"')), Ok(us), "{shown}");
        }
        assert_eq!(Kind::Time(0, ANY).show(&Value::Number(86_400_000_000)), "\"1 day\"");
        assert_eq!(Kind::Bytes(0, ANY).show(&Value::Number(1000)), "1000");
        assert_eq!(Kind::Bytes(0, ANY).show(&Value::Number(8 << 20)), "\"8 MiB\"");
    }

    #[test]
    fn a_long_list_is_told_by_its_beginning_and_how_many_more_there_are() {
        let list = |count: usize| (0..count).map(|n| format!("10.0.{n}.0/24")).collect::<Vec<_>>().join(", ");
        assert_eq!(shortened(&list(3)), list(3));
        let told = shortened(&list(250));
        assert!(told.starts_with("10.0.0.0/24, 10.0.1.0/24, ") && told.len() < 230, "{told}");
        let listed = told.matches("/24").count();
        assert!(told.ends_with(&format!("/24 and {} more", 250 - listed)), "{told}");
        assert_eq!(shortened(&"\u{44b}".repeat(9_000)).chars().count(), SHOWN_MAX + 3);
    }

    #[test]
    fn faults_say_what_was_expected_and_what_came() {
        let minute = Kind::Time(1_000_000, 60_000_000);
        assert_eq!(text(minute, "2 min"), Err("expected a time from 1 s to 1 min, got \"2 min\"".into()));
        assert_eq!(minute.read(&Written::Integer(5)), Err("expected a time from 1 s to 1 min, got 5".into()));
        assert_eq!(
            text(Kind::Bytes(0, 1 << 30), "99999999999999 GiB").unwrap_err().split(',').next(),
            Some("expected bytes from 0 to 1 GiB")
        );
        assert_eq!(Kind::Flag.read(&Written::Other("a list")), Err("expected true or false, got a list".into()));
        assert_eq!(text(Kind::Count(1, 4), "-1"), Err("expected a number from 1 to 4, got \"-1\"".into()));
    }
}
