//! What the client library says, in Russian. The library speaks English; its sentences are found again by their form,
//! and what stands in their holes may be such a sentence, too.

use std::cell::Cell;
use std::sync::OnceLock;

/// A sentence of the library: what stands between its holes, and the Russian with as many.
struct Sentence {
    english: Vec<String>,
    russian: Vec<String>,
}

/// What stands between and around the holes of a template.
fn parts(template: &str) -> Vec<String> {
    template.split("{}").map(str::to_owned).collect()
}

/// All sentences; of two that fit, the one that says more by itself comes first.
fn sentences() -> &'static [Sentence] {
    static ALL: OnceLock<Vec<Sentence>> = OnceLock::new();
    ALL.get_or_init(|| {
        let table: toml::Table =
            include_str!("lang/said_ru.toml").parse().expect("the table is part of the program and read by a test");
        let read = |(english, russian): (&String, &toml::Value)| Sentence {
            english: parts(english),
            russian: parts(russian.as_str().unwrap_or_default()),
        };
        let mut all: Vec<Sentence> = table.iter().map(read).collect();
        all.sort_by_key(|sentence| std::cmp::Reverse(sentence.english.iter().map(String::len).sum::<usize>()));
        all
    })
}

/// The Russian of a sentence, or of several with "; " between them; nothing for what the library does not say.
#[must_use]
pub fn in_russian(said: &str) -> Option<String> {
    Search { left: Cell::new(BYTES_MAX) }.several(said, DEPTH_MAX)
}

/// So many bytes are compared with the sentences in all, over and over in holes; what is longer stays English.
const BYTES_MAX: usize = 1 << 20;
/// So deep do sentences stand in holes of others.
const DEPTH_MAX: u32 = 6;

/// The search for the sentences in one text: what fits in many ways must not take for ever.
struct Search {
    /// Bytes that may still be compared.
    left: Cell<usize>,
}

impl Search {
    fn several(&self, said: &str, depth: u32) -> Option<String> {
        // Sentences one by one, each with all that began there: one may have "; " in itself.
        let (mut found, mut rest) = (Vec::new(), said);
        while let Some((first, after)) = rest.split_once("; ")
            && let Some(russian) = self.whole(first, depth)
        {
            found.push((rest, russian));
            rest = after;
        }
        loop {
            if let Some(russian) = self.whole(rest, depth) {
                let all: Vec<String> = found.into_iter().map(|(_, russian)| russian).chain([russian]).collect();
                return Some(all.join("; "));
            }
            (rest, _) = found.pop()?;
        }
    }

    fn whole(&self, said: &str, depth: u32) -> Option<String> {
        self.left.set(self.left.get().checked_sub(said.len())?);
        let depth = depth.checked_sub(1)?;
        sentences().iter().find_map(|sentence| {
            let given = fillings(&sentence.english, said)?;
            let given = given.into_iter().zip(&sentence.english).map(|(given, before)| {
                // What stands in quotes is a name, whatever it sounds like.
                let russian = (!before.ends_with('"')).then(|| self.several(given, depth)).flatten();
                russian.unwrap_or_else(|| given.to_owned())
            });
            let holes = given.chain(std::iter::once(String::new()));
            Some(sentence.russian.iter().zip(holes).map(|(part, hole)| format!("{part}{hole}")).collect())
        })
    }
}

/// What stands in the holes between `parts`, if `said` has that form.
fn fillings<'a>(parts: &[String], said: &'a str) -> Option<Vec<&'a str>> {
    let (first, rest) = parts.split_first()?;
    let mut left = said.strip_prefix(first.as_str())?;
    let Some((last, between)) = rest.split_last() else { return left.is_empty().then(Vec::new) };
    let mut found = Vec::with_capacity(rest.len());
    for part in between {
        let (given, after) = left.split_once(part.as_str())?;
        found.push(given);
        left = after;
    }
    found.push(left.strip_suffix(last.as_str())?);
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    /// What hands a sentence to a person: the name of the call, and what its sentence goes on with.
    const CALLS: [(&str, &str); 8] = [
        ("Error::new(", ""),
        ("Error::io(", ": {}"),
        ("Error::other(", ""),
        (".with_remedy(", ""),
        ("damaged(", ""),
        ("bounded(", ""),
        ("Failure::Row(", ""),
        ("Some(\"", ""),
    ];
    /// Files where every formatted text is such a sentence, whatever variable it goes through.
    const ALL_TOLD: [&str; 9] = [
        "src/settings.rs",
        "src/profile.rs",
        "src/check.rs",
        "src/dns.rs",
        "src/driver.rs",
        "store/mod.rs",
        "key/passphrase.rs",
        "backup/format.rs",
        "backup/check.rs",
    ];

    /// The sources below `folder` without tests and remarks, each with its path.
    fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(sources(&path));
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                let source = std::fs::read_to_string(&path).unwrap();
                let program = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let lines = program.lines().filter(|line| !line.trim_start().starts_with("//"));
                found.push((path, lines.collect::<Vec<_>>().join("\n")));
            }
        }
        found
    }

    /// The string literals of a stretch of source, up to the parenthesis that closes it.
    fn literals(source: &str) -> Vec<String> {
        let (mut found, mut depth, mut chars) = (Vec::new(), 1, source.chars());
        while let Some(c) = chars.next() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '"' => {
                    let mut literal = String::new();
                    while let Some(c) = chars.next().filter(|c| *c != '"') {
                        literal.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
                    }
                    found.push(literal);
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        found
    }

    /// `there is no contact "{shown}"` with its holes emptied.
    fn template(literal: &str) -> String {
        let mut pieces = literal.split('{');
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |all, piece| format!("{all}{{}}{}", piece.split_once('}').map_or("", |(_, after)| after)))
    }

    fn all_told() -> BTreeSet<String> {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut told = BTreeSet::new();
        for (path, source) in sources(&crates.join("pirushka-client/src")) {
            for (call, ending) in CALLS {
                // A remedy of a misuse stands in a `Some`; elsewhere that is anything.
                if call.starts_with("Some") && !path.ends_with("error.rs") {
                    continue;
                }
                let open = call.find('(').unwrap() + 1;
                for (at, _) in source.match_indices(call) {
                    told.extend(
                        literals(&source[at + open..]).iter().map(|text| format!("{}{ending}", template(text))),
                    );
                }
            }
            if ALL_TOLD.iter().any(|name| path.ends_with(name)) {
                let formatted = source.match_indices("format!(").map(|(at, call)| &source[at + call.len()..]);
                told.extend(formatted.filter_map(|rest| literals(rest).into_iter().next()).map(|text| template(&text)));
                let expected = source.match_indices("expected: ").map(|(at, call)| &source[at + call.len()..]);
                told.extend(expected.filter_map(|rest| literals(rest).into_iter().next()).map(|text| template(&text)));
            }
        }
        for file in
            ["pirushka-client-core/src/api.rs", "pirushka-client-core/src/load.rs", "pirushka-wire/src/address.rs"]
        {
            let source = std::fs::read_to_string(crates.join(file)).unwrap();
            let errors = source.match_indices("#[error(").map(|(at, call)| &source[at + call.len()..]);
            told.extend(errors.filter_map(|rest| literals(rest).into_iter().next()).map(|text| template(&text)));
        }
        let is_sentence = |text: &String| text.contains(' ') && text.contains(|c: char| c.is_ascii_lowercase());
        let is_command = |text: &String| {
            ["engine stop", "backup restore", "id import", "profile salvage"].iter().any(|it| text.starts_with(it))
                || text.starts_with("pirushka ")
        };
        told.into_iter()
            .filter(is_sentence)
            .filter(|text| !is_command(text) && !text.contains('\n') && !text.contains("= {}"))
            .collect()
    }

    #[test]
    fn every_sentence_and_every_remedy_of_the_library_has_its_russian() {
        let told = all_told();
        assert!(told.len() > 180, "the sources were not found: {}", told.len());
        assert!(told.contains("there is no contact \"{}\"") && told.contains("see `pirushka contact list`"));
        let missing: Vec<_> = told
            .iter()
            // A name in a hole, as it may really stand there.
            .filter(|text| {
                in_russian(&text.replace("{}", "x7")).is_none_or(|russian| russian == text.replace("{}", "x7"))
            })
            .filter(|text| {
                !text.starts_with("chmod ") && !text.starts_with("Argon2id") && !text.ends_with("says the test")
            })
            .collect();
        assert!(missing.is_empty(), "said_ru.toml lacks {missing:#?}");
    }

    #[test]
    fn the_table_has_as_many_holes_and_the_same_commands_on_both_sides() {
        let commands = |parts: &[String]| {
            let text = parts.join("{}");
            let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
            // Words that a person fills in have a name in each language.
            let words = |command: &str| {
                command
                    .split(' ')
                    .filter(|word| word.is_ascii() && *word != "\"hello\"")
                    .filter(|word| word.to_uppercase() != *word)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            quoted
                .into_iter()
                .filter(|command| command.starts_with("pirushka") && !command.contains('"'))
                .map(words)
                .collect::<Vec<_>>()
        };
        for sentence in sentences() {
            assert_eq!(sentence.english.len(), sentence.russian.len(), "{:?}", sentence.english);
            assert_eq!(commands(&sentence.english), commands(&sentence.russian), "{:?}", sentence.english);
        }
    }

    #[test]
    fn what_stands_in_a_hole_is_translated_when_it_is_a_sentence_and_kept_when_it_is_a_name() {
        let said = "the store /x/store.db is damaged: it has only 12 bytes";
        assert_eq!(in_russian(said).unwrap(), "хранилище /x/store.db повреждено: в нём всего 12 байт");
        assert_eq!(in_russian("\"try again\" is blocked").unwrap(), "контакт «try again» заблокирован");
        let two = "c.toml:1: read_receipts is true or false, not \"x\"; c.toml:2: there is no setting \"y\"";
        assert_eq!(
            in_russian(two).unwrap(),
            "c.toml:1: read_receipts — это true или false, а не «x»; c.toml:2: настройки «y» нет"
        );
        assert_eq!(in_russian("something else"), None);
    }

    #[test]
    fn a_sentence_with_its_own_semicolon_is_found_among_others() {
        assert_eq!(
            in_russian("try again; wait a little; run the command again; nothing is lost").unwrap(),
            "попробуйте ещё раз; подождите немного; запустите команду снова; ничего не пропало"
        );
    }

    #[test]
    fn many_parts_with_an_unknown_one_behind_them_do_not_take_for_ever() {
        // Each fits a sentence whose hole takes everything to the end, and what stands in the hole does so again.
        let part = "reading x: writing y: try again";
        let known = [part; 40].join("; ");
        assert!(in_russian(&known).is_some_and(|russian| russian.matches("чтение x: запись y: ").count() == 40));
        let russian = in_russian(&format!("{known}; nobody ever said this")).unwrap();
        assert!(russian.starts_with("чтение x: ") && russian.ends_with("nobody ever said this"), "{russian}");
        let faults = ["c.toml:2: there is no setting \"y\""; 5000].join("; ");
        assert!(in_russian(&faults).is_some_and(|russian| russian.matches("нет").count() == 5000));
        let long = "reading x: ".repeat(100_000);
        assert!(in_russian(&long).is_none_or(|russian| russian.len() < 2 * long.len()));
    }
}
