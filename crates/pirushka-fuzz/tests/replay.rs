//! Every input of the corpora, and mutations of them that are the same in every run: gross faults show in the ordinary
//! tests, without libFuzzer.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use pirushka_fuzz::{TARGETS, find};

/// A test for each target: its name, and how many mutations are tried.
macro_rules! replay {
    ($($target:ident $mutations:literal,)*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), $mutations);
            }
        )*

        #[test]
        fn every_target_is_replayed_and_every_corpus_has_a_target() {
            let tested: BTreeSet<&str> = [$(stringify!($target)),*].into();
            let there: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(tested, there);
            let folders = std::fs::read_dir(corpora()).expect("the corpora").map(|entry| entry.expect("a folder"));
            let folders: BTreeSet<_> = folders.map(|entry| entry.file_name().into_string().expect("a name")).collect();
            assert_eq!(folders, there.into_iter().map(str::to_owned).collect());
        }
    };
}

replay! {
    root 20_000,
    payloads 20_000,
    frames 20_000,
    ranges 5_000,
    address 20_000,
    certificate 4_000,
    card 2_000,
    registration 2_000,
    content 20_000,
    envelope 10_000,
    parts 500,
    intro 5_000,
    sas 5_000,
    session 150,
    handshake 1_000,
    link 150,
    mailbox 100,
    questions 60,
    words 10_000,
    settings 3_000,
    peer_config 1_000,
    backup 1_000,
    plain 200,
    client 60,
}

fn replay(name: &str, mutations: usize) {
    let target = find(name).expect("a target of this name");
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{} is empty", corpora().join(name).display());
    let mut mutator = Mutator { state: 0x5eed };
    for (file, input) in &corpus {
        run(target.run, input, &file.display().to_string());
    }
    for n in 0..mutations {
        let input = mutator.mutate(&corpus);
        run(target.run, &input, &format!("mutation {n}"));
    }
}

/// Keeps an input that fails, so that it can be looked at and put in the corpus.
fn run(target: fn(&[u8]), input: &[u8], what: &str) {
    if let Err(panic) = catch_unwind(|| target(input)) {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("failing-{}", std::process::id()));
        std::fs::write(&kept, input).expect("room for an input");
        eprintln!("{what} fails; the input is {}", kept.display());
        std::panic::resume_unwind(panic);
    }
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpora().join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(file).expect("a file"))).collect()
}

/// Changes inputs, each time in the same way (splitmix64).
struct Mutator {
    state: u64,
}

impl Mutator {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, corpus: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].1.clone();
        for _ in 0..=self.below(6) {
            let (at, byte) = (self.below(input.len()), self.next() as u8);
            match self.below(8) {
                0 if !input.is_empty() => input[at] ^= 1 << (byte & 7),
                1 | 2 if !input.is_empty() => input[at] = byte,
                3 if !input.is_empty() => input[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                4 => input.insert(at, byte),
                5 => drop(input.drain(at..input.len().min(at + 1 + self.below(16)))),
                6 => input
                    .splice(at..at, (0..self.below(16)).map(|_| self.next() as u8).collect::<Vec<_>>())
                    .for_each(drop),
                _ => {
                    let other = &corpus[self.below(corpus.len())].1;
                    let from = self.below(other.len());
                    let to = other.len().min(from + self.below(64));
                    input.splice(at..at, other[from..to].iter().copied());
                }
            }
        }
        input
    }
}
