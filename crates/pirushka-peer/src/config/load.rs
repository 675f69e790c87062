//! Reading the configuration: defaults < file < environment < command line, every fault named with its place.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::Config;
use super::settings::{SETTINGS, Setting};
use super::value::Written;
use crate::failure::Failure;

/// The largest configuration file that is read.
const FILE_MAX: u64 = 1 << 20;

/// Where settings come from, later ones before earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file; its absence is a fault. `None`: no file.
    pub file: Option<PathBuf>,
    /// `PIRUSHKAD_*` variables with their values.
    pub environment: Vec<(String, String)>,
    /// Settings of the command line: key, value, and the flag that said so.
    pub flags: Vec<(String, String, String)>,
}

/// What the sources together say.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where each value comes from that is not the default.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// The file's line.
    File {
        #[allow(missing_docs)]
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The environment variable.
    Environment(String),
    /// The flag.
    Flag(String),
}

impl Origin {
    fn line(&self) -> usize {
        if let Self::File { line, .. } = self { *line } else { usize::MAX }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => write!(f, "${variable}"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Puts the sources together.
///
/// # Errors
/// Every fault of every source, each with its place, in one [`Failure`].
pub fn load(sources: &Sources) -> Result<Loaded, Failure> {
    let mut loading =
        Loading { loaded: Loaded { config: Config::default(), origins: BTreeMap::new() }, faults: Vec::new() };
    if let Some(path) = &sources.file {
        loading.file(path)?;
    }
    for (variable, value) in &sources.environment {
        match SETTINGS.iter().find(|setting| setting.variable() == *variable) {
            Some(setting) => {
                loading.set(setting, &Written::Text(value.clone()), Origin::Environment(variable.clone()));
            }
            None if is_no_setting(variable) => {}
            None => loading.unknown_variable(variable),
        }
    }
    for (key, value, flag) in &sources.flags {
        let origin = Origin::Flag(flag.clone());
        match Setting::find(key) {
            Some(setting) => loading.set(setting, &Written::Text(value.clone()), origin),
            None => loading.unknown(key, &origin),
        }
    }
    loading.finish()
}

struct Loading {
    loaded: Loaded,
    faults: Vec<Fault>,
}

struct Fault {
    code: &'static str,
    /// In the file; faults elsewhere come after.
    line: usize,
    text: String,
}

impl Loading {
    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let text = read(path)?;
        let at = |span: Range<usize>| Origin::File { path: path.into(), line: line_of(&text, span.start) };
        let table = DeTable::parse(&text).map_err(|error| {
            let place = at(error.span().unwrap_or_default());
            faulty("config.syntax", &format!("{place}: this is not TOML: {}", error.message()))
        })?;
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Table(section) => {
                    for (key, value) in section {
                        let full = format!("{name}.{}", key.get_ref());
                        self.entry(&full, value.get_ref(), at(key.span()));
                    }
                    if section.is_empty() && !SETTINGS.iter().any(|setting| setting.section() == name) {
                        self.unknown(name, &at(key.span()));
                    }
                }
                value => self.entry(name, value, at(key.span())),
            }
        }
        Ok(())
    }

    fn entry(&mut self, key: &str, value: &DeValue<'_>, origin: Origin) {
        match Setting::find(key) {
            Some(setting) => self.set(setting, &written(value), origin),
            None => self.unknown(key, &origin),
        }
    }

    fn set(&mut self, setting: &'static Setting, written: &Written, origin: Origin) {
        let value = setting.kind.read(written);
        match value.and_then(|value| (setting.set)(&mut self.loaded.config, &value)) {
            Ok(()) => {
                self.loaded.origins.insert(setting.key, origin);
            }
            Err(fault) => self.faults.push(Fault {
                code: "config.bad_value",
                line: origin.line(),
                text: match &origin {
                    // The flag names the setting.
                    Origin::Flag(flag) => format!("{flag}: {fault}"),
                    _ => format!("{origin}: {}: {fault}", setting.key),
                },
            }),
        }
    }

    fn unknown(&mut self, key: &str, origin: &Origin) {
        let shown: String = key.chars().take(80).collect();
        let hint = match similar(key) {
            Some(similar) => format!("; did you mean \"{similar}\"?"),
            None => String::new(),
        };
        let text = format!("{origin}: there is no setting \"{shown}\"{hint}");
        self.faults.push(Fault { code: "config.unknown_key", line: origin.line(), text });
    }

    fn unknown_variable(&mut self, variable: &str) {
        let shown: String = variable.chars().take(80).collect();
        // Without the beginning that they have in common, which makes every two of them alike.
        let name = |variable: &str| variable.trim_start_matches("PIRUSHKAD_").to_owned();
        let likeness = |setting: &Setting| strsim::jaro_winkler(&name(variable), &name(&setting.variable()));
        let best = SETTINGS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = match best.filter(|best| likeness(best) > 0.84) {
            Some(best) => format!("; did you mean ${}?", best.variable()),
            None => String::new(),
        };
        let text = format!("${shown}: there is no such setting{hint}");
        self.faults.push(Fault { code: "config.unknown_key", line: usize::MAX, text });
    }

    fn finish(mut self) -> Result<Loaded, Failure> {
        // The table of the file is sorted by name; people read it by line.
        self.faults.sort_by_key(|fault| fault.line);
        let contradiction = contradiction(&self.loaded.config);
        let mut faults = self.faults.into_iter();
        let Some(first) = faults.next() else {
            return match contradiction {
                Some(text) => Err(faulty("config.contradiction", &text)),
                None => Ok(self.loaded),
            };
        };
        let texts: Vec<_> = std::iter::once(first.text).chain(faults.map(|fault| fault.text)).collect();
        Err(faulty(first.code, &texts.join("\n        ")))
    }
}

/// Variables with our beginning that mean something else: places, and what orchestrators tell every process of a service
/// that is called "pirushkad".
fn is_no_setting(variable: &str) -> bool {
    let name = variable.strip_prefix("PIRUSHKAD_").unwrap_or(variable);
    matches!(name, "HOME" | "CONFIG" | "PORT") || name.starts_with("SERVICE_") || name.starts_with("PORT_")
}

/// Values that are each allowed and make no sense together.
fn contradiction(config: &Config) -> Option<String> {
    let peer = &config.peer;
    if let Some(listen) = config.admin_listen.filter(|listen| !listen.ip().is_loopback() && !config.admin_allow_remote)
    {
        let cause = "other machines reach; say admin.allow_remote = true if that is meant";
        return Some(format!("admin.listen is {listen}, which {cause}"));
    }
    if peer.user_life_min_s > peer.user_life_max_s {
        return Some("users.life_min is longer than users.life_max".into());
    }
    if u64::from(peer.user_bytes) > peer.ram_bytes {
        return Some("memory.user is larger than memory.total".into());
    }
    if peer.queue_bytes > peer.user_bytes {
        return Some("memory.queue is larger than memory.user".into());
    }
    (peer.link.unreachable_us > peer.link.registered_idle_us)
        .then(|| "sessions.unreachable_after is longer than sessions.registered_idle".into())
}

fn read(path: &Path) -> Result<String, Failure> {
    let refuse = |cause: String| {
        Failure::configuration(
            "config.unreadable",
            format!("cannot read the configuration {}", path.display()),
            cause,
            "name a file that exists: pirushkad --config FILE; `pirushkad config example` prints one",
        )
    };
    let metadata = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
    if metadata.is_dir() {
        return Err(refuse("it is a folder".into()));
    }
    if metadata.len() > FILE_MAX {
        return Err(refuse(format!("it has {} bytes; a configuration has at most 1 MiB", metadata.len())));
    }
    let bytes = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| refuse("it is not text (UTF-8)".into()))
}

fn written(value: &DeValue<'_>) -> Written {
    match value {
        DeValue::String(text) => Written::Text(text.to_string()),
        DeValue::Integer(integer) => u64::from_str_radix(integer.as_str(), integer.radix())
            .map_or(Written::Other("a number that is negative or too large"), Written::Integer),
        DeValue::Boolean(flag) => Written::Flag(*flag),
        DeValue::Float(_) => Written::Other("a number with a point"),
        DeValue::Datetime(_) => Written::Other("a date"),
        DeValue::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            texts.map_or(Written::Other("a list"), |texts| Written::Text(texts.join(", ")))
        }
        DeValue::Table(_) => Written::Other("a section"),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}

/// The setting that somebody probably meant: nearly the same letters, or the right name in the wrong section.
fn similar(key: &str) -> Option<&'static str> {
    let name = key.rsplit('.').next().unwrap_or(key);
    let likeness = |setting: &Setting| {
        let whole = strsim::jaro_winkler(key, setting.key);
        let part = strsim::jaro_winkler(name, setting.name());
        whole.max(part * 0.98)
    };
    let best = SETTINGS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) > 0.84).then_some(best.key)
}

fn faulty(code: &'static str, faults: &str) -> Failure {
    Failure::configuration(
        code,
        "the configuration is not valid",
        faults,
        "correct it; `pirushkad config example` lists every setting, `pirushkad config check` checks a file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(text: &str) -> Result<Loaded, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.toml");
        std::fs::write(&file, text).unwrap();
        load(&Sources { file: Some(file), ..Sources::default() }).map_err(|mut failure| {
            failure.cause = failure.cause.replace(&format!("{}/", dir.path().display()), "");
            failure
        })
    }

    #[test]
    fn later_sources_go_before_earlier_ones_and_origins_are_known() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.toml");
        std::fs::write(&file, "log = \"warn\"\n[users]\nqueues = 7\n[introductions]\nper_user = 3\n").unwrap();
        let loaded = load(&Sources {
            file: Some(file.clone()),
            environment: vec![
                ("PIRUSHKAD_USERS_QUEUES".into(), "8".into()),
                ("PIRUSHKAD_INTRODUCTIONS_PER_USER".into(), "4".into()),
                ("PIRUSHKAD_SERVICE_HOST".into(), "set by an orchestrator".into()),
            ],
            flags: vec![("users.queues".into(), "9".into(), "--set".into())],
        })
        .unwrap();
        assert_eq!(loaded.config.log, "warn");
        assert_eq!((loaded.config.peer.queues_max, loaded.config.peer.intros_max), (9, 4));
        assert_eq!(loaded.origins["log"], Origin::File { path: file, line: 1 });
        assert_eq!(loaded.origins["users.queues"].to_string(), "--set");
        assert_eq!(loaded.origins["introductions.per_user"].to_string(), "$PIRUSHKAD_INTRODUCTIONS_PER_USER");
    }

    #[test]
    fn an_unknown_variable_is_a_fault_like_an_unknown_key() {
        let with = |variable: &str| {
            load(&Sources { environment: vec![(variable.into(), "1".into())], ..Sources::default() })
                .map_err(|failure| (failure.code, failure.cause))
        };
        let cause = "$PIRUSHKAD_USER_QUEUES: there is no such setting; did you mean $PIRUSHKAD_USERS_QUEUES?";
        assert_eq!(with("PIRUSHKAD_USER_QUEUES").unwrap_err(), ("config.unknown_key", cause.into()));
        let cause = "$PIRUSHKAD_BOGUS: there is no such setting";
        assert_eq!(with("PIRUSHKAD_BOGUS").unwrap_err(), ("config.unknown_key", cause.into()));
        for other in ["HOME", "CONFIG", "PORT", "PORT_7117_UDP", "SERVICE_HOST"] {
            assert!(with(&format!("PIRUSHKAD_{other}")).is_ok(), "{other}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_what_was_probably_meant() {
        let cause = |text| from_file(text).unwrap_err().cause;
        assert_eq!(
            cause("\n[users]\nqueus = 7\n"),
            "p.toml:3: there is no setting \"users.queus\"; did you mean \"users.queues\"?"
        );
        assert_eq!(
            cause("lissten = \"[::]:1\""),
            "p.toml:1: there is no setting \"lissten\"; did you mean \"listen\"?"
        );
        assert_eq!(
            cause("[limits]\nqueues = 1"),
            "p.toml:2: there is no setting \"limits.queues\"; did you mean \"users.queues\"?"
        );
        assert_eq!(cause("xyzzy = 1"), "p.toml:1: there is no setting \"xyzzy\"");
        assert_eq!(cause("[nowhere]"), "p.toml:1: there is no setting \"nowhere\"");
    }

    #[test]
    fn every_fault_of_a_file_is_reported_not_only_the_first() {
        let failure =
            from_file("log = 5\nlisten = \"here\"\n[memory]\ntotal = \"lots\"\n[users]\nqueues = 0\n").unwrap_err();
        assert_eq!(failure.code, "config.bad_value");
        insta::assert_snapshot!(failure.cause, @r#"
        p.toml:1: log: expected text in quotes, got 5
                p.toml:2: listen: expected an IP address, perhaps with a port, like 0.0.0.0:7117 or [::]:7117, got "here"
                p.toml:4: memory.total: expected bytes from 16 MiB to 16384 GiB, got "lots"
                p.toml:6: users.queues: expected a number from 1 to 65535, got 0
        "#);
    }

    #[test]
    fn a_broken_file_a_missing_file_and_binary_junk_are_named() {
        let failure = from_file("log = \"info\"\n[users\n").unwrap_err();
        assert_eq!(failure.code, "config.syntax");
        assert!(failure.cause.starts_with("p.toml:2: this is not TOML: "), "{}", failure.cause);
        let missing = load(&Sources { file: Some("/does/not/exist".into()), ..Sources::default() }).unwrap_err();
        assert_eq!(missing.code, "config.unreadable");
        let dir = tempfile::tempdir().unwrap();
        let folder = load(&Sources { file: Some(dir.path().into()), ..Sources::default() }).unwrap_err();
        assert_eq!(folder.cause, "it is a folder");
        let file = dir.path().join("junk");
        std::fs::write(&file, [0xff, 0xfe, 0]).unwrap();
        let junk = load(&Sources { file: Some(file), ..Sources::default() }).unwrap_err();
        assert_eq!(junk.cause, "it is not text (UTF-8)");
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read_or_refused_without_a_panic(text in r#"([a-z_]{1,9}|\[[a-z.]*\]|= ?|"[^"]?|\n|[0-9.:-]{1,5}|\PC){0,30}"#) {
            if let Err(failure) = from_file(&text) {
                proptest::prop_assert!(failure.code.starts_with("config."));
            }
        }
    }

    #[test]
    fn a_port_for_monitoring_that_other_machines_reach_must_be_meant() {
        for listen in ["0.0.0.0:7118", "[::]:7118", "192.0.2.1:7118", "[2001:db8::1]:7118"] {
            let failure = from_file(&format!("[admin]\nlisten = \"{listen}\"\n")).unwrap_err();
            assert_eq!(failure.code, "config.contradiction", "{listen}");
            assert!(failure.cause.contains("admin.allow_remote = true"), "{}", failure.cause);
            assert!(from_file(&format!("[admin]\nlisten = \"{listen}\"\nallow_remote = true\n")).is_ok());
        }
        for listen in ["127.0.0.1:7118", "[::1]:7118", "127.0.0.53:1", "off"] {
            assert!(from_file(&format!("[admin]\nlisten = \"{listen}\"\n")).is_ok(), "{listen}");
        }
        let cause = from_file("[admin]\nlisten = \"7118\"\n").unwrap_err().cause;
        assert!(cause.contains("expected an IP address with a port"), "{cause}");
    }

    #[test]
    fn values_that_contradict_each_other_are_refused() {
        let failure = from_file("[memory]\ntotal = \"16 MiB\"\nuser = \"32 MiB\"\n").unwrap_err();
        assert_eq!(
            (failure.code, failure.cause.as_str()),
            ("config.contradiction", "memory.user is larger than memory.total")
        );
    }
}
