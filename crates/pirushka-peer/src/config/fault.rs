//! What is wrong with a configuration: each fault with its place, a line for people, an object for programs.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::load::Origin;
use super::settings::SETTINGS;
use super::{Config, Setting};
use crate::failure::Failure;

/// So many faults are told; whoever has more has taken another file for a configuration.
const TOLD_MAX: usize = 50;
/// The longest text of one of them, in characters: what was written is quoted in it.
const TEXT_MAX: usize = 300;
/// Names that are not alike by so much were not meant.
const LIKENESS_MIN: f64 = 0.84;

/// One fault. What is not known is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The file in which it stands.
    #[serde(default)]
    pub file: Option<String>,
    /// Counted from 1.
    #[serde(default)]
    pub line: Option<usize>,
    /// In characters, counted from 1.
    #[serde(default)]
    pub column: Option<usize>,
    /// Where it stands instead: `$VARIABLE` or `--flag`.
    #[serde(default)]
    pub from: Option<String>,
    /// The setting, or what somebody wrote in the place of one.
    #[serde(default)]
    pub key: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    #[serde(default)]
    pub remedy: Option<String>,
}

impl Fault {
    pub(crate) fn to_json(&self) -> Value {
        let Self { file, line, column, from, key, problem, remedy } = self;
        json!({
            "file": file, "line": line, "column": column, "from": from, "key": key, "problem": problem,
            "remedy": remedy,
        })
    }
}

/// Where something is written.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) origin: Origin,
    /// In a file.
    pub(super) column: Option<usize>,
}

impl From<Origin> for Place {
    fn from(origin: Origin) -> Self {
        Self { origin, column: None }
    }
}

impl Place {
    fn fault(&self, key: Option<&str>, problem: &str, remedy: Option<String>) -> Fault {
        let (file, line, from) = match &self.origin {
            Origin::Default => (None, None, None),
            Origin::File { path, line } => (Some(path.display().to_string()), Some(*line), None),
            other => (None, None, Some(other.to_string())),
        };
        let (key, column) = (key.map(|key| short(key, 80)), self.column);
        Fault { file, line, column, from, key, problem: short(problem, TEXT_MAX), remedy }
    }
}

/// Faults as they are found.
#[derive(Debug, Default)]
pub(super) struct Faults {
    found: Vec<Found>,
}

#[derive(Debug)]
struct Found {
    code: &'static str,
    /// For people.
    text: String,
    fault: Fault,
}

impl Faults {
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The text is no TOML.
    pub(super) fn syntax(&mut self, place: &Place, message: &str) {
        let fault = place.fault(None, &format!("this is not TOML: {message}"), None);
        let text = format!("{}: {}", place.origin, fault.problem);
        self.add("config.syntax", fault, text);
    }

    /// A setting cannot have this value.
    pub(super) fn bad_value(&mut self, place: &Place, setting: &Setting, problem: &str) {
        let default = setting.shown(&Config::default());
        let good = if default.is_empty() { setting.instead_of_nothing } else { &default };
        let remedy = format!("for example {} = {good}", setting.key);
        let fault = place.fault(Some(setting.key), problem, Some(remedy));
        let text = match &place.origin {
            // The flag names the setting.
            Origin::Flag(flag) => format!("{flag}: {}", fault.problem),
            origin => format!("{origin}: {}: {}", setting.key, fault.problem),
        };
        self.add("config.bad_value", fault, text);
    }

    /// Something stands where a section, or no section, should.
    pub(super) fn misplaced(&mut self, place: &Place, key: &str, problem: &str, remedy: String) {
        let text = format!("{}: {problem}; {remedy}", place.origin);
        self.add("config.bad_value", place.fault(Some(key), problem, Some(remedy)), text);
    }

    /// There is no such setting.
    pub(super) fn unknown_key(&mut self, place: &Place, key: &str) {
        let problem = format!("there is no setting \"{}\"", short(key, 80));
        self.unknown(place, key, &problem, similar(key).map(|similar| format!("\"{similar}\"")));
    }

    /// No setting is called so in the environment.
    pub(super) fn unknown_variable(&mut self, variable: &str) {
        let place = Place::from(Origin::Environment(short(variable, 80)));
        let meant = similar_variable(variable).map(|meant| format!("${meant}"));
        self.unknown(&place, variable, "there is no such setting", meant);
    }

    /// Values that are each allowed and make no sense together; `origin` is where the one of `key` comes from.
    pub(super) fn contradiction(&mut self, origin: &Origin, key: &str, problem: &str, remedy: String) {
        let place = Place::from(origin.clone());
        self.add("config.contradiction", place.fault(Some(key), problem, Some(remedy)), problem.to_owned());
    }

    fn unknown(&mut self, place: &Place, key: &str, problem: &str, meant: Option<String>) {
        let remedy = meant.map(|meant| format!("did you mean {meant}?"));
        let hint = remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        let text = format!("{}: {problem}{hint}", place.origin);
        self.add("config.unknown_key", place.fault(Some(key), problem, remedy), text);
    }

    fn add(&mut self, code: &'static str, fault: Fault, text: String) {
        self.found.push(Found { code, text, fault });
    }

    /// All of them; there is at least one.
    pub(super) fn into_failure(mut self) -> Failure {
        // The table of the file is sorted by name; people read it by line. What stands elsewhere comes after.
        self.found.sort_by_key(|found| found.fault.line.unwrap_or(usize::MAX));
        let code = self.found.first().map_or("config.bad_value", |first| first.code);
        let more = self.found.len().saturating_sub(TOLD_MAX);
        self.found.truncate(TOLD_MAX);
        let (mut texts, faults): (Vec<_>, Vec<_>) =
            self.found.into_iter().map(|Found { text, fault, .. }| (text, fault)).unzip();
        if more > 0 {
            texts.push(format!("and {more} more faults"));
        }
        let remedy =
            "correct it; `pirushkad config example` lists every setting, `pirushkad config check` checks a file";
        let failure = Failure::configuration(code, "the configuration is not valid", texts.join("\n        "), remedy);
        Failure { faults, ..failure }
    }
}

/// At most so many characters.
fn short(text: &(impl fmt::Display + ?Sized), max: usize) -> String {
    let text = text.to_string();
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// The setting that somebody probably meant: nearly the same letters, or the right name in the wrong section.
fn similar(key: &str) -> Option<&'static str> {
    let key = short(key, 80);
    let name = key.rsplit('.').next().unwrap_or(&key);
    most_like(|setting| {
        let whole = strsim::jaro_winkler(&key, setting.key);
        let part = strsim::jaro_winkler(name, setting.name());
        whole.max(part * 0.98)
    })
    .map(|setting| setting.key)
}

fn similar_variable(variable: &str) -> Option<String> {
    // Without the beginning that they have in common, which makes every two of them alike.
    let name = |variable: &str| short(variable, 80).trim_start_matches("PIRUSHKAD_").to_owned();
    most_like(|setting| strsim::jaro_winkler(&name(variable), &name(&setting.variable()))).map(Setting::variable)
}

fn most_like(likeness: impl Fn(&Setting) -> f64) -> Option<&'static Setting> {
    let rated = SETTINGS.iter().map(|setting| (likeness(setting), setting));
    let (rating, best) = rated.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (rating > LIKENESS_MIN).then_some(best)
}
