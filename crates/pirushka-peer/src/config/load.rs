//! Reading the configuration: defaults < file < environment < command line, every fault named with its place.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::fault::{Faults, Place};
use super::lines::Lines;
use super::settings::SETTINGS;
use super::value::Written;
use super::{Config, Setting};
use crate::failure::Failure;
use crate::regular;

/// The largest configuration file that is read.
const FILE_MAX: u64 = 1 << 20;

/// Where settings come from, later ones before earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file; its absence is a fault. `None`: no file.
    pub file: Option<PathBuf>,
    /// `PIRUSHKAD_*` variables with their values. One that is empty says nothing.
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
    let mut loading = Loading::new();
    if let Some(path) = &sources.file {
        loading.file(path)?;
    }
    for (variable, value) in &sources.environment {
        match SETTINGS.iter().find(|setting| setting.variable() == *variable) {
            // Files of variables for services keep lines without a value.
            Some(_) if value.is_empty() => {}
            Some(setting) => {
                let place = Origin::Environment(variable.clone()).into();
                loading.set(setting, &Written::Text(value.clone()), place);
            }
            None if is_no_setting(variable) => {}
            None => loading.faults.unknown_variable(variable),
        }
    }
    for (key, value, flag) in &sources.flags {
        let place = Origin::Flag(flag.clone()).into();
        match Setting::find(key) {
            Some(setting) => loading.set(setting, &Written::Text(value.clone()), place),
            None => loading.faults.unknown_key(&place, key),
        }
    }
    loading.finish()
}

/// The text of a configuration file.
///
/// # Errors
/// What the system says, or why it is none.
pub(crate) fn read(path: &Path) -> std::io::Result<String> {
    let refuse = |why: String| Err(std::io::Error::other(why));
    let file = regular::open(path)?;
    let told = file.metadata()?.len();
    let mut bytes = Vec::new();
    // Some files have more in them than they tell.
    if told <= FILE_MAX {
        file.take(FILE_MAX + 1).read_to_end(&mut bytes)?;
    }
    let len = told.max(bytes.len() as u64);
    if len > FILE_MAX {
        return refuse(format!("it has {len} bytes or more; a configuration has at most 1 MiB"));
    }
    String::from_utf8(bytes).or_else(|_| refuse("it is not text (UTF-8)".into()))
}

/// What the text of a file alone says; `path`, which is not looked at, stands in the faults.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, text: &str) -> Result<Loaded, Failure> {
    let mut loading = Loading::new();
    loading.text(path, text)?;
    loading.finish()
}

struct Loading {
    loaded: Loaded,
    faults: Faults,
}

impl Loading {
    fn new() -> Self {
        Self { loaded: Loaded { config: Config::default(), origins: BTreeMap::new() }, faults: Faults::default() }
    }

    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let text = read(path).map_err(|error| {
            let remedy = match error.kind() {
                ErrorKind::NotFound => {
                    "name a file that exists: pirushkad --config FILE; `pirushkad config example` prints one".to_owned()
                }
                ErrorKind::PermissionDenied => {
                    format!("start as a user who may read it, or let everybody read it: chmod o+r {}", path.display())
                }
                _ => "name a regular file: pirushkad --config FILE; `pirushkad config example` prints one".to_owned(),
            };
            Failure::configuration(
                "config.unreadable",
                format!("cannot read the configuration {}", path.display()),
                error,
                remedy,
            )
        })?;
        self.text(path, &text)
    }

    fn text(&mut self, path: &Path, text: &str) -> Result<(), Failure> {
        let lines = Lines::of(text);
        let at = |span: Range<usize>| place(path, &lines, span.start);
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                self.faults.syntax(&at(error.span().unwrap_or_default()), error.message());
                return Err(std::mem::take(&mut self.faults).into_failure());
            }
        };
        for (key, value) in table.get_ref() {
            let (name, here) = (key.get_ref().as_ref(), at(key.span()));
            match value.get_ref() {
                DeValue::Table(_) if Setting::find(name).is_some() => {
                    let problem = format!("\"{name}\" is a setting and no section");
                    self.faults.misplaced(&here, name, &problem, format!("write {name} = ..."));
                }
                DeValue::Table(section) if section.is_empty() && !is_section(name) => {
                    self.faults.unknown_key(&here, name);
                }
                DeValue::Table(section) => {
                    for (key, value) in section {
                        self.entry(&format!("{name}.{}", key.get_ref()), value.get_ref(), at(key.span()));
                    }
                }
                DeValue::Array(_) if is_section(name) => {
                    let problem = format!("\"{name}\" is a section, of which there is one");
                    self.faults.misplaced(&here, name, &problem, format!("write [{name}], in single brackets"));
                }
                value if is_section(name) => {
                    let problem = format!("\"{name}\" is a section, got {}", written(value));
                    self.faults.misplaced(&here, name, &problem, format!("write [{name}], and its settings below it"));
                }
                value => self.entry(name, value, here),
            }
        }
        Ok(())
    }

    fn entry(&mut self, key: &str, value: &DeValue<'_>, place: Place) {
        match Setting::find(key) {
            Some(setting) => self.set(setting, &written(value), place),
            None => self.faults.unknown_key(&place, key),
        }
    }

    fn set(&mut self, setting: &'static Setting, written: &Written, place: Place) {
        let value = setting.kind.read(written);
        match value.and_then(|value| (setting.set)(&mut self.loaded.config, &value)) {
            Ok(()) => {
                self.loaded.origins.insert(setting.key, place.origin);
            }
            Err(problem) => self.faults.bad_value(&place, setting, &problem),
        }
    }

    fn finish(mut self) -> Result<Loaded, Failure> {
        let found = if self.faults.is_empty() { contradiction(&self.loaded.config) } else { None };
        if let Some(Contradiction { key, problem, remedy }) = found {
            let origin = self.loaded.origins.get(key).unwrap_or(&Origin::Default);
            self.faults.contradiction(origin, key, &problem, remedy);
        }
        if self.faults.is_empty() { Ok(self.loaded) } else { Err(self.faults.into_failure()) }
    }
}

/// Variables with our beginning that mean something else: places, and what orchestrators tell every process of a service
/// that is called "pirushkad".
pub(crate) fn is_no_setting(variable: &str) -> bool {
    let name = variable.strip_prefix("PIRUSHKAD_").unwrap_or(variable);
    matches!(name, "HOME" | "CONFIG" | "PORT") || name.starts_with("SERVICE_") || name.starts_with("PORT_")
}

fn is_section(name: &str) -> bool {
    !name.is_empty() && SETTINGS.iter().any(|setting| setting.section() == name)
}

/// Values that are each allowed and make no sense together.
struct Contradiction {
    /// The setting that is to change, or one of them.
    key: &'static str,
    problem: String,
    remedy: String,
}

fn contradiction(config: &Config) -> Option<Contradiction> {
    let peer = &config.peer;
    if let Some(listen) = config.admin_listen.filter(|listen| !listen.ip().is_loopback() && !config.admin_allow_remote)
    {
        let remedy = "say admin.allow_remote = true if that is meant";
        let problem = format!("admin.listen is {listen}, which other machines reach; {remedy}");
        return Some(Contradiction { key: "admin.listen", problem, remedy: remedy.into() });
    }
    let orders = [
        (peer.user_life_min_s > peer.user_life_max_s, "users.life_min", "longer", "users.life_max"),
        (u64::from(peer.user_bytes) > peer.ram_bytes, "memory.user", "larger", "memory.total"),
        (peer.queue_bytes > peer.user_bytes, "memory.queue", "larger", "memory.user"),
        (
            peer.link.unreachable_us > peer.link.registered_idle_us,
            "sessions.unreachable_after",
            "longer",
            "sessions.registered_idle",
        ),
    ];
    let (_, key, than, other) = orders.into_iter().find(|(is_so, ..)| *is_so)?;
    let problem = format!("{key} is {than} than {other}");
    Some(Contradiction { key, problem, remedy: format!("lower {key}, or raise {other}") })
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

fn place(path: &Path, lines: &Lines<'_>, offset: usize) -> Place {
    let (line, column) = lines.place(offset);
    Place { origin: Origin::File { path: path.into(), line }, column: Some(column) }
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
        assert_eq!(
            cause("[[users]]\nqueues = 7\n[sessions]\n"),
            "p.toml:1: \"users\" is a section, of which there is one; write [users], in single brackets"
        );
        assert_eq!(
            cause("users = 7"),
            "p.toml:1: \"users\" is a section, got 7; write [users], and its settings below it"
        );
        assert_eq!(cause("[listen]\nport = 7"), "p.toml:1: \"listen\" is a setting and no section; write listen = ...");
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
    fn programs_get_each_fault_with_its_place_its_setting_and_what_to_do() {
        let failure = from_file("log = 5\n  [users]\n  queus = 1 # \u{44b}\n  queues = 0").unwrap_err();
        let faults = failure.to_json()["faults"].take();
        assert_eq!(faults.as_array().unwrap().len(), 3);
        let told = |n: usize, field: &str| faults[n][field].clone();
        assert!(told(2, "file").as_str().unwrap().ends_with("/p.toml"));
        assert_eq!((told(2, "line"), told(2, "column"), told(2, "key")), (4.into(), 3.into(), "users.queues".into()));
        assert_eq!(told(2, "problem"), "expected a number from 1 to 65535, got 0");
        assert_eq!(told(2, "remedy"), "for example users.queues = 1024");
        assert_eq!(
            (told(1, "key"), told(1, "remedy")),
            ("users.queus".into(), "did you mean \"users.queues\"?".into())
        );
        assert_eq!(Failure::from_json(&failure.to_json()), Some(failure), "also by way of the control socket");

        let clash = from_file("[memory]\ntotal = \"16 MiB\"\nuser = \"32 MiB\"\n").unwrap_err().faults.remove(0);
        assert_eq!((clash.line, clash.key.as_deref()), (Some(3), Some("memory.user")));
        assert_eq!(clash.remedy.as_deref(), Some("lower memory.user, or raise memory.total"));
        let environment = vec![("PIRUSHKAD_BOGUS".into(), "1".into())];
        let variable = load(&Sources { environment, ..Sources::default() }).unwrap_err().faults.remove(0);
        assert_eq!((variable.file, variable.from.as_deref()), (None, Some("$PIRUSHKAD_BOGUS")));
    }

    #[test]
    fn however_many_and_long_the_faults_are_what_is_told_is_not() {
        let many: String = (0..20_000).map(|n| format!("nonsense{n} = 1\n")).collect();
        let failure = from_file(&many).unwrap_err();
        assert!(failure.cause.ends_with("\n        and 19950 more faults"), "{}", failure.cause);
        assert!(failure.to_json().to_string().len() < 40_000);
        // Almost as large as a file may be, and each key has its place.
        let keys = |end: &str| (0..95_000).map(|n| format!("a{n}=1{end}")).collect::<String>();
        let last = |text: &str| from_file(text).unwrap_err().faults.last().unwrap().line;
        assert_eq!(last(&keys("\n")), Some(50));
        assert_eq!(last(&format!("x={{{}b=1}}", keys(","))), Some(1));
        let long = "x".repeat(900_000);
        for text in [format!("host = \"{long}\""), format!("{long} = 1"), format!("block.networks = \"{long}\"")] {
            let told = from_file(&text).unwrap_err().to_json().to_string();
            assert!(told.len() < 2_000, "{}", told.len());
        }
    }

    #[test]
    fn a_list_of_networks_has_a_bound_that_is_named() {
        let networks = |count: u32| {
            let networks: Vec<_> = (0..count).map(|n| std::net::Ipv4Addr::from(n << 8).to_string()).collect();
            load(&Sources {
                flags: vec![("block.networks".into(), networks.join(" "), "--set block.networks".into())],
                ..Sources::default()
            })
        };
        assert_eq!(networks(50_000).unwrap().config.blocks.len(), 50_000);
        let cause = networks(50_001).unwrap_err().cause;
        assert!(cause.contains("expected at most 50000 networks, got 50001"), "{cause}");
    }

    #[test]
    fn an_empty_variable_says_nothing() {
        let environment = SETTINGS.iter().map(|setting| (setting.variable(), String::new())).collect::<Vec<_>>();
        let loaded = load(&Sources { environment, ..Sources::default() }).unwrap();
        assert!(loaded.origins.is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pipes_and_devices_are_refused_at_once_and_a_link_to_a_file_is_read() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let dir = tempfile::tempdir().unwrap();
        let cause = |path: &Path| {
            load(&Sources { file: Some(path.into()), ..Sources::default() }).map_err(|failure| failure.cause)
        };
        let (pipe, socket) = (dir.path().join("pipe"), dir.path().join("socket"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(cause(&pipe).unwrap_err().starts_with("it is a pipe"));
        assert!(cause(&socket).unwrap_err().starts_with("it is a socket"));
        assert!(cause(Path::new("/dev/zero")).unwrap_err().starts_with("it is a device"));
        let (file, link) = (dir.path().join("p.toml"), dir.path().join("link"));
        std::fs::write(&file, "log = \"warn\"\n").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(cause(&link).unwrap().config.log, "warn");
        std::fs::write(&file, "#".repeat((1 << 20) + 1)).unwrap();
        assert!(cause(&link).unwrap_err().contains("at most 1 MiB"));
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
