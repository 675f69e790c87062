//! What a person may set: a few values from defaults, then the file, then the environment, then flags; each knows where
//! it comes from.
//!
//! The file is `config.toml` in `$PIRUSHKA_HOME`, or in `$XDG_CONFIG_HOME/pirushka/`. A key that does not exist is a
//! fault with its line, never passed over: a setting that is misspelt would not hold.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use toml::de::{DeTable, DeValue};

use crate::error::{Code, Error, Result};
use crate::profile::private_file;
use crate::regular;

/// The name of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Key {
    Language,
    Profile,
    SendWait,
    SendTimeout,
    ReadReceipts,
    ReceiptDelay,
    Keepalive,
    EngineIdle,
    LogLevel,
}

/// What is said of a setting.
struct About {
    key: Key,
    name: &'static str,
    variable: &'static str,
    default: &'static str,
    /// One line for the example.
    help: &'static str,
    check: fn(&str) -> bool,
    expected: &'static str,
}

const SETTINGS: [About; 9] = [
    About {
        key: Key::Language,
        name: "language",
        variable: "PIRUSHKA_LANG",
        default: "auto",
        help: "The language of the output. auto: as LC_ALL, LC_MESSAGES or LANG say.",
        check: |value| ["auto", "en", "ru"].contains(&value),
        expected: "auto, en or ru",
    },
    About {
        key: Key::Profile,
        name: "profile",
        variable: "PIRUSHKA_PROFILE",
        default: crate::profile::DEFAULT_PROFILE,
        help: "The profile that commands use when none is named.",
        check: |value| crate::profile::checked(Some(value)).is_ok(),
        expected: "1 to 32 of a-z, 0-9, - and _",
    },
    About {
        key: Key::SendWait,
        name: "send_wait",
        variable: "PIRUSHKA_SEND_WAIT",
        default: "none",
        help: "How far `send` waits for a message; none: it looks for two seconds, and goes on whatever it saw.",
        check: |value| ["none", "queued", "held", "delivered", "read"].contains(&value),
        expected: "none, queued, held, delivered or read",
    },
    About {
        key: Key::SendTimeout,
        name: "send_timeout",
        variable: "PIRUSHKA_SEND_TIMEOUT",
        default: "30s",
        help: "How long `send` waits for that.",
        check: |value| duration(value).is_some(),
        expected: "a time such as 30s or 5m",
    },
    About {
        key: Key::ReadReceipts,
        name: "read_receipts",
        variable: "PIRUSHKA_READ_RECEIPTS",
        default: "true",
        help: "Whether contacts are told what you have seen. What you see while this is off is never told.",
        check: |value| ["true", "false"].contains(&value),
        expected: "true or false",
    },
    About {
        key: Key::ReceiptDelay,
        name: "receipt_delay",
        variable: "PIRUSHKA_RECEIPT_DELAY",
        default: "0s",
        help: "How long a receipt waits for company; up to 2s hides when exactly you were online.",
        check: |value| duration(value).is_some_and(|time| time <= Duration::from_secs(2)),
        expected: "a time from 0s to 2s",
    },
    About {
        key: Key::Keepalive,
        name: "keepalive",
        variable: "PIRUSHKA_KEEPALIVE",
        default: "auto",
        help: "The longest silence towards your peer. auto: 25 s, and longer where the network is found to allow it.",
        check: |value| value == "auto" || duration(value).is_some_and(|time| (5..=600).contains(&time.as_secs())),
        expected: "auto, or a time from 5s to 10m",
    },
    About {
        key: Key::EngineIdle,
        name: "engine_idle",
        variable: "PIRUSHKA_ENGINE_IDLE",
        default: "10m",
        help: "The engine in the background ends when no command has used it for so long; never: it stays.",
        check: |value| value == "never" || idle(value).is_some(),
        expected: "never, or a time such as 10m or 12h",
    },
    About {
        key: Key::LogLevel,
        name: "log_level",
        variable: "PIRUSHKA_LOG",
        default: "warn",
        help: "What the engine writes to engine.log: off, error, warn, info, debug or trace. Never texts, keys or names.",
        check: |value| ["off", "error", "warn", "info", "debug", "trace"].contains(&value),
        expected: "off, error, warn, info, debug or trace",
    },
];

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the file.
    File(PathBuf, usize),
    /// A variable.
    Environment(&'static str),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => write!(f, "${variable}"),
        }
    }
}

/// A setting as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    #[allow(missing_docs)]
    pub name: &'static str,
    #[allow(missing_docs)]
    pub value: String,
    #[allow(missing_docs)]
    pub origin: Origin,
}

/// All settings, each found sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    values: Vec<(String, Origin)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { values: SETTINGS.iter().map(|it| (it.default.to_owned(), Origin::Default)).collect() }
    }
}

impl Settings {
    /// By the file and the environment of this process.
    ///
    /// # Errors
    /// [`Code::Config`] with every fault, each with its place.
    pub fn load() -> Result<Self> {
        Self::read(&path()?, |variable| std::env::var(variable).ok().filter(|value| !value.is_empty()))
    }

    /// By the file `path`, which need not exist, and an environment.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn read(path: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        match regular::read_to_string(path) {
            Ok(text) => Self::parse(path, &text, environment),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Self::parse(path, "", environment),
            Err(e) => Err(unreadable(path, &e)),
        }
    }

    /// By the text of the file `path`, which is not looked at, and an environment.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(path: &Path, text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings = Self::default();
        let mut faults = Vec::new();
        settings.take_file(path, text, &mut faults);
        for (n, about) in SETTINGS.iter().enumerate() {
            if let Some(value) = environment(about.variable) {
                settings.set(n, value, Origin::Environment(about.variable), &mut faults);
            }
        }
        if faults.is_empty() {
            return Ok(settings);
        }
        let (what, remedies): (Vec<_>, Vec<_>) =
            faults.into_iter().map(|Fault { what, remedy }| (what, remedy)).unzip();
        Err(Error::new(Code::Config, what.join("; ")).with_remedy(remedies.join("; ")))
    }

    /// Everything, in the order of the example.
    #[must_use]
    pub fn all(&self) -> Vec<Setting> {
        let setting = |(about, (value, origin)): (&About, &(String, Origin))| Setting {
            name: about.name,
            value: value.clone(),
            origin: origin.clone(),
        };
        SETTINGS.iter().zip(&self.values).map(setting).collect()
    }

    /// One value, as it is written.
    #[must_use]
    pub fn get(&self, key: Key) -> &str {
        let at = SETTINGS.iter().position(|about| about.key == key).unwrap_or_default();
        &self.values[at].0
    }

    /// Whether nobody set it.
    #[must_use]
    pub fn is_default(&self, key: Key) -> bool {
        let at = SETTINGS.iter().position(|about| about.key == key).unwrap_or_default();
        self.values[at].1 == Origin::Default
    }

    /// One value that is a time; `None` where it is a word such as `never`.
    #[must_use]
    pub fn time(&self, key: Key) -> Option<Duration> {
        if key == Key::EngineIdle { idle(self.get(key)) } else { duration(self.get(key)) }
    }

    /// What the client is made with.
    #[must_use]
    pub fn client(&self) -> pirushka_client_core::ClientConfig {
        let mut config = pirushka_client_core::ClientConfig {
            read_receipts: self.get(Key::ReadReceipts) == "true",
            ..pirushka_client_core::ClientConfig::default()
        };
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        config.receipt_delay_us = self.time(Key::ReceiptDelay).map_or(0, micros);
        if let Some(keepalive) = self.time(Key::Keepalive) {
            (config.keepalive_us, config.adapt_keepalive) = (micros(keepalive), false);
        }
        config
    }

    fn take_file(&mut self, path: &Path, text: &str, faults: &mut Vec<Fault>) {
        let line_of = |at: usize| place(text, at).0;
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => return faults.push(no_toml(path, text, &error)),
        };
        let mut entries: Vec<_> =
            table.get_ref().iter().map(|(key, value)| (line_of(key.span().start), key, value)).collect();
        entries.sort_by_key(|(line, _, _)| *line);
        for (line, key, value) in entries {
            let name = key.get_ref().as_ref();
            let origin = Origin::File(path.to_owned(), line);
            match (SETTINGS.iter().position(|about| about.name == name), written(value.get_ref())) {
                (Some(n), Some(value)) => self.set(n, value, origin, faults),
                (Some(n), None) => faults.push(wrong(&SETTINGS[n], "a table or list", &origin)),
                (None, _) => faults.push(Fault {
                    what: format!("{origin}: {}", unknown(name)),
                    remedy: format!("mend or delete line {line} of {}", path.display()),
                }),
            }
        }
    }

    fn set(&mut self, n: usize, value: String, origin: Origin, faults: &mut Vec<Fault>) {
        if (SETTINGS[n].check)(&value) {
            self.values[n] = (value, origin);
        } else {
            faults.push(wrong(&SETTINGS[n], &value, &origin));
        }
    }
}

/// Where the file is, or would be.
///
/// # Errors
/// [`Code::Config`]: this user has no home directory.
pub fn path() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("PIRUSHKA_HOME").filter(|home| !home.is_empty()) {
        return Ok(Path::new(&home).join("config.toml"));
    }
    let base = etcetera::choose_base_strategy()
        .map_err(|_| Error::new(Code::Config, "this user has no home directory").with_remedy("set PIRUSHKA_HOME"))?;
    Ok(base.config_dir().join("pirushka").join("config.toml"))
}

/// Writes one setting into the file `path`, also in the place of a faulty value, and leaves everything else in it as it
/// is, remarks and other faults too.
///
/// # Errors
/// [`Code::BadInput`] for a key or value that cannot be; the file is no TOML or cannot be read or written.
pub fn set(path: &Path, name: &str, value: &str) -> Result<()> {
    let about = SETTINGS.iter().find(|about| about.name == name);
    let about =
        about.ok_or_else(|| Error::new(Code::BadInput, unknown(name)).with_remedy("see `pirushka config show`"))?;
    if !(about.check)(value) {
        return Err(Error::new(Code::BadInput, format!("{name} is {}, not \"{value}\"", about.expected))
            .with_remedy("see `pirushka config example`"));
    }
    let text = match regular::read_to_string(path) {
        Ok(text) => Some(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => None,
        Err(e) => return Err(unreadable(path, &e)),
    };
    let new = replaced(path, text.as_deref().unwrap_or_default(), name, value)?;
    let failed = |e| Error::io(Code::Config, format_args!("writing {}", path.display()), &e);
    match text {
        // A link stays, and so does who may read the file.
        Some(_) => std::fs::canonicalize(path).and_then(|file| write(&file, &new)),
        None => path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| write(path, &new)),
    }
    .map_err(failed)
}

/// The file's text with another value in it.
fn replaced(path: &Path, text: &str, name: &str, value: &str) -> Result<String> {
    let refused = |fault: Fault| Error::new(Code::Config, fault.what).with_remedy(fault.remedy);
    let table = DeTable::parse(text).map_err(|error| refused(no_toml(path, text, &error)))?;
    let shown = if ["true", "false"].contains(&value) { value.to_owned() } else { format!("\"{value}\"") };
    let old = table.get_ref().iter().find(|(key, _)| key.get_ref().as_ref() == name);
    let new = match old {
        Some((_, old)) => format!("{}{shown}{}", &text[..old.span().start], &text[old.span().end..]),
        // Behind the head of a table it would be that table's.
        None if table.get_ref().values().any(|value| matches!(value.get_ref(), DeValue::Table(_))) => {
            format!("{name} = {shown}\n{text}")
        }
        None if text.is_empty() || text.ends_with('\n') => format!("{text}{name} = {shown}\n"),
        None => format!("{text}\n{name} = {shown}\n"),
    };
    let holds = DeTable::parse(&new).is_ok_and(|table| {
        let found = table.get_ref().iter().find(|(key, _)| key.get_ref().as_ref() == name);
        found.and_then(|(_, found)| written(found.get_ref())).is_some_and(|found| found == value)
    });
    if holds {
        return Ok(new);
    }
    // A table's head or a dotted key, which has no place of its own for a value.
    let line = old.map_or(1, |(key, _)| place(text, key.span().start).0);
    Err(Error::new(Code::Config, format!("{}:{line}: {name} is a table here, not a value", path.display()))
        .with_remedy(format!("mend or delete line {line} of {}", path.display())))
}

/// Writes the whole file, or leaves the old one as it is. One that was there keeps its rights.
fn write(path: &Path, text: &str) -> io::Result<()> {
    // A name that nobody else has, and that no link can stand at.
    let mut suffix = [0; 8];
    getrandom::fill(&mut suffix).map_err(|e| io::Error::other(format!("the system gives no random bytes: {e}")))?;
    let part = path.with_extension(format!("toml.{}", data_encoding::HEXLOWER.encode(&suffix)));
    let mut file = private_file().write(true).create_new(true).open(&part)?;
    let written = keep_rights(path, &file)
        .and_then(|()| io::Write::write_all(&mut file, text.as_bytes()))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&part, path));
    written.inspect_err(|_| drop(std::fs::remove_file(&part)))
}

#[cfg(unix)]
fn keep_rights(old: &Path, new: &std::fs::File) -> io::Result<()> {
    match std::fs::metadata(old) {
        Ok(old) => new.set_permissions(old.permissions()),
        Err(_) => Ok(()),
    }
}

/// A file takes its rights from its folder.
#[cfg(not(unix))]
fn keep_rights(_: &Path, _: &std::fs::File) -> io::Result<()> {
    Ok(())
}

/// A file with every setting, its meaning and its default, all commented out.
#[must_use]
pub fn example() -> String {
    let mut text = String::from(
        "# Settings of pirushka. Defaults < this file < environment < flags. Lines that begin with # say nothing.\n",
    );
    for about in &SETTINGS {
        let value = if ["true", "false"].contains(&about.default) {
            about.default.to_owned()
        } else {
            format!("\"{}\"", about.default)
        };
        text.push_str(&format!(
            "\n# {}\n# {}; ${}\n# {} = {value}\n",
            about.help, about.expected, about.variable, about.name
        ));
    }
    text
}

/// Reads `250ms`, `30s`, `5m`, `12h`, `7d`; at most 366 days.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let total = number.parse::<u64>().ok()?.checked_mul(millis)?;
    (total <= 366 * 86_400_000).then(|| Duration::from_millis(total))
}

/// A time, or seconds without a unit.
fn idle(text: &str) -> Option<Duration> {
    let seconds = || text.parse::<f64>().ok().filter(|seconds| (0.0..=1e7).contains(seconds));
    duration(text).or_else(|| seconds().map(Duration::from_secs_f64))
}

fn written(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// What is wrong with a setting, with its place, and what mends it.
struct Fault {
    what: String,
    remedy: String,
}

fn wrong(about: &About, value: &str, origin: &Origin) -> Fault {
    let shown: String = value.chars().take(40).collect();
    let remedy = match origin {
        Origin::Environment(variable) => format!("unset {variable}, or give it another value"),
        Origin::File(..) | Origin::Default => {
            format!("`pirushka config set {} {}` sets it as it is by default", about.name, about.default)
        }
    };
    Fault { what: format!("{origin}: {} is {}, not \"{shown}\"", about.name, about.expected), remedy }
}

fn no_toml(path: &Path, text: &str, error: &toml::de::Error) -> Fault {
    let (line, column) = place(text, error.span().unwrap_or_default().start);
    let shown = path.display();
    Fault {
        what: format!("{shown}:{line}:{column}: this is not TOML: {}", error.message()),
        remedy: format!(
            "mend line {line} of {shown}, or move the file away; `pirushka config example` prints a new one"
        ),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let shown = path.display();
    match error.kind() {
        std::io::ErrorKind::InvalidData => Error::new(Code::Config, format!("reading {shown}: it is no UTF-8 text"))
            .with_remedy("save it as UTF-8, or move it away; `pirushka config example` prints a new one"),
        std::io::ErrorKind::PermissionDenied => Error::new(Code::Config, format!("reading {shown}: {error}"))
            .with_remedy("mend the file's rights, or move it away; `pirushka config example` prints a new one"),
        _ => Error::new(Code::Config, format!("reading {shown}: {error}"))
            .with_remedy("move it away; `pirushka config example` prints a new one"),
    }
}

/// Line and column of a byte of a text, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[begin..].chars().count() + 1)
}

fn unknown(name: &str) -> String {
    let shown: String = name.chars().take(40).collect();
    let near = SETTINGS.iter().map(|about| (strsim::damerau_levenshtein(about.name, &shown), about.name)).min();
    match near {
        Some((distance, near)) if distance <= 3 => format!("there is no setting \"{shown}\"; did you mean \"{near}\"?"),
        _ => format!("there is no setting \"{shown}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        let value =
            |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Settings::read(&path, value)
    }

    #[test]
    fn the_environment_goes_before_the_file_and_the_file_before_the_default() {
        let settings = read("send_wait = \"held\"\nkeepalive = \"40s\"\n", &[("PIRUSHKA_SEND_WAIT", "read")]).unwrap();
        assert_eq!(settings.get(Key::SendWait), "read");
        assert_eq!(settings.get(Key::EngineIdle), "10m");
        let config = settings.client();
        assert_eq!((config.keepalive_us, config.adapt_keepalive, config.read_receipts), (40_000_000, false, true));
        let lines: Vec<_> = settings.all().iter().map(|setting| setting.origin.to_string()).collect();
        assert!(lines.iter().any(|line| line.ends_with("c.toml:2")), "{lines:?}");
        assert!(lines.contains(&"$PIRUSHKA_SEND_WAIT".to_owned()));
    }

    #[test]
    fn every_fault_is_named_with_its_line_and_what_was_meant() {
        let error = read("# hello\nlangauge = \"en\"\nread_receipts = \"maybe\"\nprofile = [1]\n", &[]).unwrap_err();
        assert_eq!(error.code, Code::Config);
        assert!(
            error.message.contains("c.toml:2: there is no setting \"langauge\"; did you mean \"language\"?"),
            "{error}"
        );
        assert!(error.message.contains("c.toml:3: read_receipts is true or false, not \"maybe\""), "{error}");
        assert!(error.message.contains("c.toml:4: profile"), "{error}");
        let remedies = error.remedy.unwrap();
        for remedy in
            ["delete line 2", "`pirushka config set read_receipts true`", "`pirushka config set profile default`"]
        {
            assert!(remedies.contains(remedy), "each fault has its remedy: {remedies}");
        }
        assert!(read("x = ", &[]).unwrap_err().message.contains("c.toml:1:5: this is not TOML"));
        assert!(read("", &[("PIRUSHKA_LOG", "loud")]).unwrap_err().message.contains("$PIRUSHKA_LOG: log_level is off"));
    }

    #[test]
    fn setting_one_leaves_the_rest_of_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/c.toml");
        set(&path, "language", "ru").unwrap();
        std::fs::write(&path, "# mine\nlanguage = \"ru\" # and hers\nsend_wait = \"held\"").unwrap();
        set(&path, "language", "en").unwrap();
        set(&path, "read_receipts", "false").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "# mine\nlanguage = \"en\" # and hers\nsend_wait = \"held\"\nread_receipts = false\n");
        assert_eq!(set(&path, "langauge", "en").unwrap_err().code, Code::BadInput);
        assert_eq!(set(&path, "language", "tlh").unwrap_err().code, Code::BadInput);
    }

    #[test]
    fn a_faulty_value_is_replaced_whatever_it_is_and_other_faults_stay_to_be_named() {
        for (before, after) in [
            ("read_receipts = \"maybe\" # hm\n", "read_receipts = false # hm\n"),
            ("\"read_receipts\"=7", "\"read_receipts\"=false"),
            ("read_receipts = [\n 1, # one\n 2,\n]\nx = 1\n", "read_receipts = false\nx = 1\n"),
            ("read_receipts = { a = 1 }\n", "read_receipts = false\n"),
            ("read_receipts = \"\"\"\nmay\nbe\"\"\"\n", "read_receipts = false\n"),
            ("langauge = \"en\"\nread_receipts = \"x\"\n", "langauge = \"en\"\nread_receipts = false\n"),
            ("[odd]\na = 1\n", "read_receipts = false\n[odd]\na = 1\n"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("c.toml");
            std::fs::write(&path, before).unwrap();
            set(&path, "read_receipts", "false").unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after, "{before}");
        }
    }

    #[test]
    fn a_file_that_is_no_toml_is_named_with_line_and_column_and_not_touched() {
        for (text, place) in [
            ("a = 1\nlanguage = = \"en\"\n", "c.toml:2:12: this is not TOML"),
            ("language = \"en\nx = 1\n", "c.toml:1:"),
            ("[language]\nx = 1\n", "c.toml:1: language is a table here"),
            ("language.x = 1\n", "c.toml:1: language is a table here"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("c.toml");
            std::fs::write(&path, text).unwrap();
            let error = set(&path, "language", "ru").unwrap_err();
            assert_eq!(error.code, Code::Config, "{text}");
            assert!(error.message.contains(place), "{text}: {error}");
            assert!(error.remedy.unwrap().contains("mend"), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        let error = set(&path, "language", "ru").unwrap_err();
        assert!(error.code == Code::Config && error.message.ends_with("it is no UTF-8 text"), "{error}");
        assert!(!error.remedy.unwrap().contains("rights"));
        assert_eq!(std::fs::read(&path).unwrap(), [0xff, 0xfe]);
        let error = set(folder.path(), "language", "ru").unwrap_err();
        assert!(error.message.ends_with("it is a folder") && !error.remedy.unwrap().contains("rights"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_the_file_keeps_its_rights() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("dotfiles.toml"), folder.path().join("c.toml"));
        std::fs::write(&file, "# shared\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        symlink("dotfiles.toml", &link).unwrap();
        set(&link, "language", "ru").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "# shared\nlanguage = \"ru\"\n");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
        let new = folder.path().join("new.toml");
        set(&new, "language", "ru").unwrap();
        assert_eq!(std::fs::metadata(&new).unwrap().permissions().mode() & 0o777, 0o600);
        let nowhere = folder.path().join("nowhere.toml");
        symlink("lost.toml", &nowhere).unwrap();
        assert_eq!(set(&nowhere, "language", "ru").unwrap_err().code, Code::Config);
        assert!(nowhere.is_symlink() && !folder.path().join("lost.toml").exists());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_but_the_file_is_written_whatever_stands_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("c.toml"), folder.path().join("other"));
        std::fs::write(&other, "not ours").unwrap();
        std::os::unix::fs::symlink(&other, folder.path().join("c.toml.part")).unwrap();
        set(&path, "language", "ru").unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "not ours");
        assert!(!path.is_symlink());
        // Two who write at once: each writes a whole file.
        std::thread::scope(|scope| {
            for value in ["ru", "auto"] {
                let path = &path;
                scope.spawn(move || (0..50).for_each(|_| set(path, "language", value).unwrap()));
            }
        });
        assert!(Settings::read(&path, |_| None).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left behind");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("c.toml");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let device = folder.path().join("device.toml");
        std::os::unix::fs::symlink("/dev/zero", &device).unwrap();
        for path in [&pipe, &device] {
            for error in [Settings::read(path, |_| None).unwrap_err(), set(path, "language", "ru").unwrap_err()] {
                assert_eq!(error.code, Code::Config);
                assert!(error.message.ends_with("it is a pipe or a device, and no regular file"), "{error}");
            }
        }
        let error = set(folder.path(), "language", "ru").unwrap_err();
        assert!(error.message.ends_with("it is a folder"), "{error}");
    }

    #[test]
    fn the_remedy_of_a_fault_is_a_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, "send_wait = 5\nread_receipts = \"no\"\n").unwrap();
        for _ in 0..2 {
            let remedy = Settings::read(&path, |_| None).unwrap_err().remedy.unwrap();
            let words: Vec<&str> = remedy.split('`').nth(1).unwrap().split(' ').collect();
            assert_eq!(words[..3], ["pirushka", "config", "set"]);
            set(&path, words[3], words[4]).unwrap();
        }
        assert!(Settings::read(&path, |_| None).is_ok());
        assert!(read("", &[("PIRUSHKA_LOG", "loud")]).unwrap_err().remedy.unwrap().contains("unset PIRUSHKA_LOG"));
    }

    #[test]
    fn the_example_names_every_setting_and_sets_none() {
        let text = example();
        assert!(SETTINGS.iter().all(|about| text.contains(&format!("# {} = ", about.name))));
        assert_eq!(read(&text, &[]).unwrap(), read("", &[]).unwrap());
        let uncommented: String =
            text.lines().filter(|line| line.contains(" = ")).map(|line| format!("{}\n", &line[2..])).collect();
        read(&uncommented, &[]).unwrap();
    }
}
