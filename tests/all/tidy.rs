//! Style and layering are ordinary tests: what crates may use, what every file begins with, what no file may contain.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rows of `docs/ARCHITECTURE.md`: what each crate may use of ours, and what its tests may use besides.
/// Arrows point down only.
const ROWS: [(&str, &[&str], &[&str]); 15] = [
    ("pirushka-wire", &[], &[]),
    ("pirushka-netsim", &[], &[]),
    ("pirushka-identity", &["wire"], &[]),
    ("pirushka-link", &["wire"], &["netsim"]),
    ("pirushka-e2e", &["identity", "wire"], &[]),
    ("pirushka-peer-core", &["link", "identity", "wire"], &["netsim"]),
    ("pirushka-client-core", &["link", "e2e", "identity", "wire"], &["netsim", "peer-core"]),
    // --- the IO line
    ("pirushka-udp", &[], &[]),
    ("pirushka-peer", &["peer-core", "link", "udp", "wire"], &["identity"]),
    ("pirushka-client", &["client-core", "identity", "udp", "wire"], &["peer"]),
    ("pirushka-cli", &["client", "peer", "wire"], &[]),
    // --- dev
    ("pirushka-sim", &["client-core", "peer-core", "netsim", "link", "e2e", "identity", "wire"], &[]),
    ("pirushka-bench", &["client", "sim", "udp", "link", "identity", "wire"], &[]),
    ("pirushka-fuzz", &["client", "peer", "client-core", "peer-core", "link", "e2e", "identity", "wire"], &[]),
    ("pirushka-tests", &EVERYTHING, &EVERYTHING),
];
const EVERYTHING: [&str; 14] = [
    "wire",
    "netsim",
    "identity",
    "link",
    "e2e",
    "peer-core",
    "client-core",
    "udp",
    "peer",
    "client",
    "cli",
    "sim",
    "bench",
    "fuzz",
];
/// Cores: pure machines, whose manifests must not even name something that does IO.
const CORES: [&str; 6] = ["wire", "identity", "link", "e2e", "peer-core", "client-core"];
const IO_CRATES: [&str; 9] =
    ["tokio", "quinn-udp", "socket2", "rustix", "rusqlite", "getrandom", "keyring", "hickory-resolver", "tempfile"];
const LINES_MAX: usize = 900;

#[test]
fn crates_use_only_what_stands_below_them() {
    let rows: BTreeMap<_, _> = ROWS.iter().map(|&(name, uses, dev)| (name, (uses, dev))).collect();
    let manifests = manifests();
    let known: BTreeSet<&str> = rows.keys().copied().collect();
    let found: BTreeSet<&str> = manifests.keys().map(String::as_str).collect();
    assert_eq!(found, known, "the row table names exactly the crates there are");
    for (name, manifest) in &manifests {
        let (uses, dev) = rows[name.as_str()];
        for used in ours(manifest, "dependencies") {
            assert!(uses.contains(&used.as_str()), "{name} must not use {used}");
        }
        for used in ours(manifest, "dev-dependencies") {
            assert!(
                uses.contains(&used.as_str()) || dev.contains(&used.as_str()),
                "tests of {name} must not use {used}"
            );
        }
    }
}

#[test]
fn the_page_on_architecture_shows_the_rows_that_are_checked() {
    let page = read(&root().join("docs/ARCHITECTURE.md"));
    let shown: Vec<(String, BTreeSet<String>)> = page.lines().filter_map(row_of_page).collect();
    let checked: BTreeMap<String, BTreeSet<String>> = ROWS
        .iter()
        .map(|(name, uses, _)| ((*name).to_owned(), uses.iter().map(|used| (*used).to_owned()).collect()))
        .collect();
    assert_eq!(shown.len(), checked.len(), "each crate stands on the page once");
    assert_eq!(shown.into_iter().collect::<BTreeMap<_, _>>(), checked);
}

/// A crate and what it uses, from a line of the page's table.
fn row_of_page(line: &str) -> Option<(String, BTreeSet<String>)> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [_, name, _, uses] = cells[..] else { return None };
    let name = name.strip_prefix('`')?.split('`').next()?;
    let uses = match uses {
        "-" => BTreeSet::new(),
        "anything" => EVERYTHING.iter().map(|used| (*used).to_owned()).collect(),
        list => list.split(", ").map(str::to_owned).collect(),
    };
    Some((name.to_owned(), uses))
}

#[test]
fn fact_16_the_peer_cannot_read_messages_since_nothing_below_it_can_decrypt() {
    let manifests = manifests();
    let mut below = BTreeSet::from(["peer".to_owned()]);
    loop {
        let further: Vec<_> =
            below.iter().flat_map(|name| ours(&manifests[&format!("pirushka-{name}")], "dependencies")).collect();
        let known = below.len();
        below.extend(further);
        if below.len() == known {
            break;
        }
    }
    assert!(below.contains("peer-core") && !below.contains("e2e") && !below.contains("client-core"), "{below:?}");
}

#[test]
fn every_attack_that_the_threats_page_lists_has_a_test_of_its_name() {
    let page = read(&root().join("spec/threats.md"));
    let listed: Vec<(u8, &str)> = page.lines().filter_map(attack_of_page).collect();
    assert!(listed.len() > 30, "the table was not found");
    let texts: Vec<_> = sources().into_iter().map(|file| (file.clone(), read(&file))).collect();
    for (number, places) in listed {
        let (function, file) = (format!("fn t{number:02}_"), format!("t{number:02}_"));
        for place in places.split(", ") {
            let folders = place_of_tests(place);
            let is_there = texts.iter().any(|(path, text)| {
                let is_named =
                    text.contains(&function) || path.file_name().unwrap().to_string_lossy().starts_with(&file);
                is_named && folders.iter().any(|folder| path.starts_with(root().join(folder)))
            });
            // The siege is a program and no test.
            let is_there = is_there || (place == "siege" && root().join(&folders[0]).exists());
            assert!(is_there, "no test in {folders:?} is named t{number:02}_...");
        }
    }
}

/// The number of an attack, and where its tests are, from a line of the page's table.
fn attack_of_page(line: &str) -> Option<(u8, &str)> {
    let (number, rest) = line.strip_prefix("| T")?.split_once(' ')?;
    let places = rest.strip_suffix(" |")?.rsplit_once(" | ")?.1;
    Some((number.parse().ok()?, places))
}

fn place_of_tests(place: &str) -> Vec<String> {
    match place {
        "stories" | "processes" => vec![format!("tests/all/{place}")],
        "end to end" => ["copied", "downgrade"].map(|file| format!("tests/all/{file}.rs")).into(),
        "siege" => vec!["crates/pirushka-bench/src/siege".to_owned()],
        name => vec![format!("crates/pirushka-{name}")],
    }
}

#[test]
fn cores_depend_on_nothing_that_does_io() {
    let manifests = manifests();
    for core in CORES {
        let used = dependencies(&manifests[&format!("pirushka-{core}")], "dependencies");
        let lifted = root().join(format!("crates/pirushka-{core}/clippy.toml"));
        assert!(!lifted.exists(), "{core} is a pure machine and keeps the rules of the root's clippy.toml");
        for io in IO_CRATES {
            assert!(!used.contains(io), "{core} is a pure machine and must not depend on {io}");
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for (name, manifest) in manifests() {
        let inherited = manifest.get("lints").and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool);
        assert!(inherited == Some(true), "{name} does not take the lints of the workspace, which forbid unsafe code");
    }
}

/// `planted` and `stub` are for the simulator alone, which is asked for them by name.
#[test]
fn nothing_is_built_with_planted_bugs_or_without_cryptography_unless_it_is_asked_for() {
    let folders = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    for folder in folders.chain([root(), root().join("tests")]) {
        let manifest = read(&folder.join("Cargo.toml"));
        let words = manifest.lines().filter(|line| !line.starts_with('#'));
        for line in words.filter(|line| line.contains("planted") || line.contains("stub")) {
            let alone = line.starts_with("planted = [") || line.starts_with("stub = [");
            assert!(alone, "{}: \"{line}\" switches it on for others", folder.display());
        }
    }
}

#[test]
fn every_source_file_says_first_what_it_is() {
    for file in sources() {
        let first = read(&file).lines().next().unwrap_or_default().to_owned();
        assert!(first.starts_with("//! ") && first.len() > 12, "{}: the first line is \"{first}\"", file.display());
    }
}

#[test]
fn no_source_file_is_a_drawer_for_everything() {
    for file in sources() {
        let lines = read(&file).lines().count();
        assert!(lines < LINES_MAX, "{} has {lines} lines; split it", file.display());
    }
}

#[test]
fn no_file_names_a_place_or_tool_of_its_makers() {
    // In pieces, so that this file is not found.
    let words = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("static.crates", ".io"),
        concat!("index.crates", ".io"),
        concat!("files.python", "hosted"),
        concat!("clau", "de"),
        concat!("anthro", "pic"),
        concat!("ai ag", "ent"),
        concat!("sub", "agent"),
        concat!("language ", "model"),
    ];
    for file in texts() {
        let text = read(&file).to_lowercase();
        for word in words {
            assert!(!text.contains(word), "{} contains \"{word}\"", file.display());
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for file in texts().into_iter().filter(|f| f.extension().is_some_and(|e| e == "md")) {
        let text = read(&file);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let is_elsewhere = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            let there = file.parent().unwrap().join(target);
            assert!(is_elsewhere || there.exists(), "{} links to {target}, which is not there", file.display());
        }
    }
}

#[test]
fn every_vector_has_a_name_of_its_own() {
    for file in files(&root().join("spec/vectors"), &["json"]) {
        let content: serde_json::Value = serde_json::from_str(&read(&file)).unwrap();
        let vectors = content["vectors"].as_array().unwrap();
        let names: BTreeSet<_> = vectors.iter().map(|v| v["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), vectors.len(), "{}", file.display());
    }
}

fn manifests() -> BTreeMap<String, toml::Table> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.push(root().join("tests"));
    let parse = |folder: &PathBuf| -> Option<(String, toml::Table)> {
        let manifest: toml::Table = fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().unwrap();
        Some((manifest["package"]["name"].as_str().unwrap().to_owned(), manifest))
    };
    folders.iter().filter_map(parse).collect()
}

fn dependencies(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    let tables = [manifest.get(section)].into_iter().chain(
        manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten().map(|(_, t)| t.get(section)),
    );
    tables.flatten().filter_map(toml::Value::as_table).flat_map(|t| t.keys().cloned()).collect()
}

/// What a manifest uses of ours, without the common prefix.
fn ours(manifest: &toml::Table, section: &str) -> Vec<String> {
    let strip = |name: String| name.strip_prefix("pirushka-").map(str::to_owned);
    dependencies(manifest, section).into_iter().filter_map(strip).collect()
}

fn sources() -> Vec<PathBuf> {
    [files(&root().join("crates"), &["rs"]), files(&root().join("tests"), &["rs"])].concat()
}

/// Everything a reader of the repository reads.
fn texts() -> Vec<PathBuf> {
    let scripts = ["test", ".ci/run", "fuzz/run", "fuzz/keep", "fuzz/instrument"]
        .map(|script| root().join(script))
        .into_iter()
        .filter(|script| script.exists());
    let written = files(&root(), &["rs", "md", "toml", "py", "json", "sh", "yml", "yaml", "txt", "snap", "trycmd"]);
    scripts.chain(written).collect()
}

fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != ".git" {
                found.extend(files(&path, extensions));
            }
        } else if path.extension().is_some_and(|e| extensions.iter().any(|x| e == *x)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
