//! One setting: its name, what it takes, and how its value gets in and out of a [`Config`].

use super::Config;
use super::value::{Kind, Value};

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// `name` or `section.name`, as in the file. The environment's name is `PIRUSHKAD_` and this in capitals, the dot
    /// as `_`.
    pub key: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it means; lines of at most 110 characters.
    pub meaning: &'static str,
    /// What it costs in memory at worst, at the default.
    pub memory: &'static str,
    /// What a comment shows in place of a default that is nothing.
    pub instead_of_nothing: &'static str,
    pub(super) get: fn(&Config) -> Value,
    pub(super) set: fn(&mut Config, &Value) -> Result<(), String>,
    /// Makes the first configuration's value the second's; whether it was another one.
    pub(super) take: fn(&mut Config, &Config) -> bool,
}

impl Setting {
    /// The setting of this key.
    #[must_use]
    pub fn find(key: &str) -> Option<&'static Self> {
        super::SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The name of the environment variable.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("PIRUSHKAD_{}", self.key.replace('.', "_").to_uppercase())
    }

    /// The section, empty for the top.
    #[must_use]
    pub fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }

    /// The name within the section.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The value in `config`, as it is written in the file; empty when it is nothing.
    #[must_use]
    pub fn shown(&self, config: &Config) -> String {
        match (self.get)(config) {
            Value::Text(text) if text.is_empty() => String::new(),
            value => self.kind.show(&value),
        }
    }

    /// The value in `config`, as a command line says it: without quotes.
    #[must_use]
    pub fn plain(&self, config: &Config) -> String {
        match (self.get)(config) {
            Value::Text(text) => text,
            value => self.kind.show(&value).trim_matches('"').to_owned(),
        }
    }
}

/// Copies a value of any type, and says whether it was another one.
pub(super) fn take<T: Clone + PartialEq>(mine: &mut T, theirs: &T) -> bool {
    let differs = mine != theirs;
    if differs {
        mine.clone_from(theirs);
    }
    differs
}

/// A number that stands in `Config` in some integer type; the kind's bounds keep it within that type.
macro_rules! number {
    ($key:literal, $kind:expr, $($field:ident).+, $meaning:literal, $memory:literal) => {
        number!($key, $kind, $($field).+, 1, $meaning, $memory)
    };
    // Times are kept in `$unit` microseconds.
    ($key:literal, $kind:expr, $($field:ident).+, $unit:expr, $meaning:literal, $memory:literal) => {
        Setting {
            key: $key,
            kind: $kind,
            meaning: $meaning,
            memory: $memory,
            instead_of_nothing: "",
            get: |config| Value::Number(config.$($field).+ as u64 * $unit),
            set: |config, value| {
                let number = value.number();
                if !number.is_multiple_of($unit) {
                    return Err("expected whole seconds".into());
                }
                config.$($field).+ = (number / $unit).try_into().map_err(|_| "the number is too large".to_string())?;
                Ok(())
            },
            take: |mine, theirs| take(&mut mine.$($field).+, &theirs.$($field).+),
        }
    };
}

/// A choice between yes and no.
macro_rules! flag {
    ($key:literal, $($field:ident).+, $meaning:literal) => {
        Setting {
            key: $key,
            kind: Kind::Flag,
            meaning: $meaning,
            memory: "",
            instead_of_nothing: "",
            get: |config| Value::Flag(config.$($field).+),
            set: |config, value| {
                config.$($field).+ = *value == Value::Flag(true);
                Ok(())
            },
            take: |mine, theirs| take(&mut mine.$($field).+, &theirs.$($field).+),
        }
    };
}

pub(super) use {flag, number};
