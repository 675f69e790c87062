//! The example file: every setting, commented out, with its meaning, its default and its price.

use std::fmt::Write;

use super::settings::SETTINGS;
use super::value::Kind;
use super::{Config, Loaded};

/// The documented configuration. What is given in `loaded` stands in it; the rest is commented out, each with its
/// default.
#[must_use]
pub fn example(loaded: &Loaded) -> String {
    let default = Config::default();
    let mut out = String::from(
        "# Configuration of pirushkad, the Pirushka peer. Everything has a default; a peer without this file is fine.\n\
         # Read from --config FILE, else $PIRUSHKAD_CONFIG, else pirushkad.toml in $PIRUSHKAD_HOME, else\n\
         # ~/.config/pirushkad/pirushkad.toml, else /etc/pirushkad/pirushkad.toml.\n\
         # The environment (name beside each setting) goes before this file, --set KEY=VALUE before both.\n\
         # Check it with `pirushkad config check`.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        if setting.section() != section {
            section = setting.section();
            let _ = write!(out, "\n[{section}]\n");
        }
        let _ = writeln!(out);
        for line in setting.meaning.lines() {
            let _ = writeln!(out, "# {line}");
        }
        if setting.kind != Kind::Text {
            let _ = writeln!(out, "# Takes {}.", setting.kind);
        }
        if !setting.memory.is_empty() {
            let _ = writeln!(out, "# Memory at worst: {}.", setting.memory);
        }
        let shown = setting.shown(&default);
        let _ = match shown.is_empty() {
            true => writeln!(out, "# Default: none. ${}", setting.variable()),
            false => writeln!(out, "# ${}", setting.variable()),
        };
        let given = loaded.origins.contains_key(setting.key).then(|| setting.shown(&loaded.config));
        let value = if shown.is_empty() { setting.instead_of_nothing } else { &shown };
        let _ = match given.filter(|given| !given.is_empty()) {
            Some(given) => writeln!(out, "{} = {given}", setting.name()),
            None => writeln!(out, "#{} = {value}", setting.name()),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Sources, load};
    use super::*;

    fn given(flags: &[(&str, &str)]) -> String {
        let flags = flags.iter().map(|(key, value)| ((*key).into(), (*value).into(), "--set".into())).collect();
        super::example(&load(&Sources { flags, ..Sources::default() }).unwrap())
    }

    fn example() -> String {
        given(&[])
    }

    #[test]
    fn what_is_given_stands_in_the_example_and_reads_back() {
        let flags = [("data_dir", "/srv/a \"b\""), ("users.queues", "7"), ("messages.hold", "3 days")];
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("example.toml");
        std::fs::write(&file, given(&flags)).unwrap();
        let loaded = load(&Sources { file: Some(file), ..Sources::default() }).unwrap();
        assert_eq!(loaded.origins.len(), flags.len());
        assert_eq!(loaded.config.data_dir, Some("/srv/a \"b\"".into()));
        assert_eq!((loaded.config.peer.queues_max, loaded.config.peer.hold_s), (7, 3 * 86_400));
    }

    #[test]
    fn the_example_with_every_comment_taken_off_is_accepted_and_shows_the_defaults() {
        let bare: String = example()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("example.toml");
        std::fs::write(&file, bare).unwrap();
        let loaded = load(&Sources { file: Some(file), ..Sources::default() }).unwrap();
        let default = Config::default();
        for setting in SETTINGS {
            let nothing = setting.shown(&default).is_empty();
            let expected = if nothing { setting.instead_of_nothing.to_string() } else { setting.shown(&default) };
            assert_eq!(setting.shown(&loaded.config), expected, "{}", setting.key);
        }
    }

    #[test]
    fn every_setting_is_documented_and_its_lines_are_short() {
        for setting in SETTINGS {
            assert!(setting.meaning.len() > 20, "{}", setting.key);
            assert!(setting.meaning.lines().all(|line| line.len() <= 118), "{}: {}", setting.key, setting.meaning);
        }
        assert!(example().lines().all(|line| line.len() <= 120));
    }

    #[test]
    fn setting_a_default_again_changes_nothing() {
        let mut config = Config { host: "h.example".parse().ok(), data_dir: Some("/d".into()), ..Config::default() };
        let before = format!("{config:?}");
        for setting in SETTINGS {
            let value = (setting.get)(&config);
            (setting.set)(&mut config, &value).unwrap_or_else(|fault| panic!("{}: {fault}", setting.key));
        }
        assert_eq!(format!("{config:?}"), before);
    }
}
