//! English and Russian: a small catalogue of texts, `src/lang/en.toml` and `src/lang/ru.toml`.
//!
//! A text may hold `{name}`, which is replaced by the argument, and `{n|message|messages}` (in Russian three forms,
//! `{n|сообщение|сообщения|сообщений}`), which is replaced by the form that fits the number `n`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pirushka_wire::AddressError;

/// A language of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// English
    En,
    /// По-русски
    Ru,
}

static CURRENT: OnceLock<Lang> = OnceLock::new();

/// Fixes the language for this process; the first call wins.
pub fn set(lang: Lang) {
    let _ = CURRENT.set(lang);
}

/// The language of this process.
#[must_use]
pub fn current() -> Lang {
    CURRENT.get().copied().unwrap_or(Lang::En)
}

/// The language that the settings name, if they do. What is wrong with them is said when they are needed.
#[must_use]
pub fn from_settings() -> Option<Lang> {
    let settings = pirushka_client::Settings::load().ok()?;
    clap::ValueEnum::from_str(settings.get(pirushka_client::settings::Key::Language), true).ok()
}

/// The language that the environment asks for: `LC_ALL`, then `LC_MESSAGES`, then `LANG`.
#[must_use]
pub fn from_environment() -> Lang {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG")).unwrap_or_default();
    let russian = locale == "ru" || locale.starts_with("ru_") || locale.starts_with("ru.");
    if russian { Lang::Ru } else { Lang::En }
}

/// The text of `key` in the language of this process, with `arguments` filled in.
///
/// # Panics
/// No such key; a test reads the sources and looks every key up.
#[must_use]
pub fn text(key: &str, arguments: &[(&str, &str)]) -> String {
    text_in(current(), key, arguments)
}

/// [`text`] in a given language.
///
/// # Panics
/// No such key.
#[must_use]
pub fn text_in(lang: Lang, key: &str, arguments: &[(&str, &str)]) -> String {
    let template = lookup_in(lang, key).unwrap_or_else(|| panic!("no text {key} in {lang:?}"));
    fill(lang, template, arguments)
}

/// The template of `key` in the language of this process, if there is one.
#[must_use]
pub fn lookup(key: &str) -> Option<&'static str> {
    lookup_in(current(), key)
}

/// The template of `key` in `lang`, if there is one.
#[must_use]
pub fn lookup_in(lang: Lang, key: &str) -> Option<&'static str> {
    catalogue(lang).get(key).map(String::as_str)
}

/// What is wrong with an address, in the language of this process.
#[must_use]
pub fn address_error(error: &AddressError) -> String {
    let given = |key: &str, given: &str| text(key, &[("given", &crate::out::clean(given))]);
    match error {
        AddressError::Empty => text("address.empty", &[]),
        AddressError::Scheme(scheme) => given("address.scheme", scheme),
        AddressError::Host(host) => given("address.host", host),
        AddressError::Port(port) => given("address.port", port),
        AddressError::NoFingerprint => text("address.no_fingerprint", &[]),
        AddressError::NotAPeer => text("address.not_a_peer", &[]),
        AddressError::FingerprintLength(length) => text("address.fingerprint_length", &[("n", &length.to_string())]),
        AddressError::FingerprintDigits => text("address.fingerprint_digits", &[]),
        AddressError::Key => text("address.key", &[]),
        AddressError::NoKey => text("address.no_key", &[]),
        AddressError::Token => text("address.token", &[]),
        AddressError::Secret => text("address.secret", &[]),
        AddressError::SecretShown => text("address.secret_shown", &[]),
        AddressError::Parameter(parameter) => given("address.parameter", parameter),
    }
}

fn catalogue(lang: Lang) -> &'static BTreeMap<String, String> {
    static ENGLISH: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    static RUSSIAN: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    match lang {
        Lang::En => ENGLISH.get_or_init(|| read(include_str!("lang/en.toml"))),
        Lang::Ru => RUSSIAN.get_or_init(|| read(include_str!("lang/ru.toml"))),
    }
}

fn read(source: &str) -> BTreeMap<String, String> {
    let table: toml::Table = source.parse().expect("the catalogue is part of the program and read by a test");
    let mut texts = BTreeMap::new();
    flatten("", &table, &mut texts);
    texts
}

fn flatten(prefix: &str, table: &toml::Table, texts: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(inner) => flatten(&key, inner, texts),
            other => {
                texts.insert(key.trim_end_matches("._").to_owned(), other.as_str().unwrap_or_default().to_owned());
            }
        }
    }
}

fn fill(lang: Lang, template: &str, arguments: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        let Some(close) = rest[open..].find('}') else { break };
        let hole = &rest[open + 1..open + close];
        filled.push_str(&one(lang, hole, arguments));
        rest = &rest[open + close + 1..];
    }
    filled.push_str(rest);
    filled
}

fn one(lang: Lang, hole: &str, arguments: &[(&str, &str)]) -> String {
    let mut forms = hole.split('|');
    let name = forms.next().unwrap_or_default();
    let value = arguments.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
    let forms: Vec<&str> = forms.collect();
    if forms.is_empty() {
        return value.to_owned();
    }
    let number: u64 = value.parse().unwrap_or(0);
    forms.get(form(lang, number)).or(forms.last()).copied().unwrap_or_default().to_owned()
}

/// Which form of a noun a number takes.
fn form(lang: Lang, number: u64) -> usize {
    match lang {
        Lang::En => usize::from(number != 1),
        Lang::Ru => match (number % 10, number % 100) {
            (1, tens) if tens != 11 => 0,
            (2..=4, tens) if !(12..=14).contains(&tens) => 1,
            _ => 2,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn holes(template: &str) -> BTreeSet<String> {
        template
            .split('{')
            .skip(1)
            .filter_map(|after| after.split('}').next())
            .map(|hole| hole.split('|').next().unwrap_or_default().to_owned())
            .collect()
    }

    /// All dotted words in quotes of the sources, `"a.b_c"`.
    fn quoted_words(folder: &Path, words: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                quoted_words(&path, words);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                // Of `demo.step.{name}` what stands before the brace: the family.
                let quoted = source.split('"').filter_map(|text| text.split('{').next());
                words.extend(quoted.map(str::to_owned).filter(|word| {
                    word.contains('.')
                        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
                }));
            }
        }
    }

    #[test]
    fn both_languages_have_the_same_keys_and_the_same_holes() {
        let (english, russian) = (catalogue(Lang::En), catalogue(Lang::Ru));
        let in_russian_only = |key: &&String| key.starts_with("help.") || *key == "help";
        let keys: Vec<_> = english.keys().collect();
        let translated: Vec<_> = russian.keys().filter(|key| !in_russian_only(key)).collect();
        assert_eq!(keys, translated);
        for (key, template) in english {
            assert_eq!(holes(template), holes(&russian[key]), "{key}");
            assert!(!template.is_empty() && !russian[key].is_empty(), "{key}");
        }
    }

    #[test]
    fn every_text_that_the_sources_name_is_there_and_none_is_idle() {
        let mut words = BTreeSet::new();
        quoted_words(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut words);
        let idle: Vec<_> = catalogue(Lang::En)
            .keys()
            .filter(|key| {
                let named = words.contains(*key);
                let fault = key.strip_prefix("fault.").and_then(|rest| rest.rsplit_once('.'));
                let by_code = fault.is_some_and(|(code, _)| words.contains(&format!("fault.{code}")));
                let by_family = key.rsplit_once('.').is_some_and(|(family, _)| words.contains(&format!("{family}.")));
                !named && !by_code && !by_family
            })
            .collect();
        assert!(idle.is_empty(), "texts that nothing names: {idle:?}");
        let families: BTreeSet<&str> = catalogue(Lang::En).keys().filter_map(|key| key.split('.').next()).collect();
        let missing: Vec<_> = words
            .iter()
            .filter(|word| !word.ends_with('.') && families.contains(word.split('.').next().unwrap_or_default()))
            .filter(|word| {
                let whole = catalogue(Lang::En).contains_key(*word);
                let fault = catalogue(Lang::En).contains_key(&format!("{word}.what"));
                !whole && !fault
            })
            .collect();
        assert!(missing.is_empty(), "the sources name texts that are not there: {missing:?}");
    }

    #[test]
    fn every_fault_says_what_why_and_how_to_mend_it() {
        let catalogue = catalogue(Lang::En);
        for key in catalogue.keys().filter(|key| key.starts_with("fault.")) {
            let code = key.rsplit_once('.').unwrap().0;
            for part in ["what", "why", "fix"] {
                assert!(catalogue.contains_key(&format!("{code}.{part}")), "{code} lacks {part}");
            }
        }
    }

    #[test]
    fn numbers_choose_their_form() {
        let english = |n: &str| fill(Lang::En, "{n} {n|message|messages}", &[("n", n)]);
        assert_eq!((english("1"), english("2")), ("1 message".into(), "2 messages".into()));
        let russian = |n: &str| fill(Lang::Ru, "{n} {n|сообщение|сообщения|сообщений}", &[("n", n)]);
        for (n, expected) in [("1", "сообщение"), ("22", "сообщения"), ("11", "сообщений"), ("114", "сообщений")]
        {
            assert_eq!(russian(n), format!("{n} {expected}"));
        }
    }

    #[test]
    fn arguments_are_not_read_as_templates() {
        assert_eq!(fill(Lang::En, "{a}{b}", &[("a", "{b}"), ("b", "x")]), "{b}x");
    }
}
