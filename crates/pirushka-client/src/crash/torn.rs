//! Files as a power cut may leave them: the log cut or filled with what stood there before, the database written in part.

use std::path::PathBuf;

use super::model::{Content, Dice, Model, Step};
use super::seeds;
use super::victim::{key, take};
use crate::error::{Code, Result};
use crate::store::Store;

const SECTOR: usize = 512;
/// Above this, bytes, a commit would make a checkpoint by itself.
const LOG_MAX: usize = 3 << 20;

/// What stands in a write-ahead log, by SQLite's file format.
pub(super) struct Log {
    /// Where each frame of the newest generation ends, and whether it ends a transaction.
    frames: Vec<(usize, bool)>,
    length: usize,
}

impl Log {
    const HEADER: usize = 32;
    const FRAME: usize = 24 + 4096;

    pub(super) fn of(log: &[u8]) -> Self {
        let salts = log.get(16..24);
        let frames = log.get(Self::HEADER..).unwrap_or_default().chunks_exact(Self::FRAME);
        let ours = frames.take_while(|frame| frame.get(8..16) == salts).map(|frame| frame[4..8] != [0; 4]);
        let ends = ours.enumerate().map(|(n, is_last)| (Self::HEADER + (n + 1) * Self::FRAME, is_last)).collect();
        Self { frames: ends, length: log.len() }
    }

    /// Whether there is a transaction that has begun and not ended.
    pub(super) fn is_broken_off(&self) -> bool {
        self.frames.last().map_or(self.length > 0, |(_, is_last)| !is_last)
    }
}

/// A store that takes the steps of a seed while its files are copied.
struct Writer {
    dir: tempfile::TempDir,
    store: Option<Store>,
    model: Model,
}

/// Both files at one moment.
#[derive(Clone)]
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
}

impl Writer {
    fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(&dir.path().join("store.db"), &key()).unwrap();
        Self { dir, store: Some(store), model: Model::new(seed) }
    }

    fn step(&mut self) -> bool {
        let step = self.model.advance();
        let is_commit = matches!(step, Step::Commit(_));
        self.store = self.store.take().map(|store| take(store, step));
        is_commit
    }

    /// Makes a checkpoint; nothing is lost of it, so this is no step of the model.
    fn checkpoint(&mut self) {
        self.store.as_ref().unwrap().forget();
    }

    fn files(&self) -> Files {
        let path = self.dir.path().join("store.db");
        Files {
            database: std::fs::read(&path).unwrap(),
            log: std::fs::read(path.with_extension("db-wal")).unwrap_or_default(),
        }
    }
}

/// A place for files that a power cut has left.
struct Ruin(tempfile::TempDir);

impl Ruin {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    /// Opens a store of these files as an engine would. Refused, it has a remedy, and the file is as it was: where there
    /// is a log, closing has brought it in.
    fn open(&self, database: &[u8], log: &[u8]) -> Result<Store> {
        let (path, beside) = (self.path(), self.path().with_extension("db-wal"));
        let _ = std::fs::remove_file(path.with_extension("db-shm"));
        std::fs::write(&path, database).unwrap();
        std::fs::write(&beside, log).unwrap();
        let opened = Store::open(&path, &key()).and_then(|store| {
            store.load()?;
            Content::of(&store.reader()?)?;
            store.check()?;
            Ok(store)
        });
        if let Err(error) = &opened {
            assert!(matches!(error.code, Code::Damaged | Code::WrongKey), "{error:?}");
            assert!(error.remedy.as_ref().is_some_and(|remedy| remedy.contains("backup restore")), "{error:?}");
            assert!(!log.is_empty() || std::fs::read(&path).unwrap() == database, "it was refused, and changed");
        }
        opened
    }

    /// The store of these files holds what this model does.
    fn holds(&self, files: &Files, model: &Model, what: &str) {
        let store = self.open(&files.database, &files.log).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert!(model.is_in(&store), "{what}: it is not step {}", model.step);
    }
}

/// A store with a log of some commits over a database with others; the models after each commit, with the length of the
/// log then.
fn commits(seed: u64) -> (Writer, Vec<(usize, Model)>) {
    let mut writer = Writer::new(seed);
    for _ in 0..8 {
        writer.step();
    }
    writer.checkpoint();
    let mut after = vec![(0, writer.model.clone())];
    while after.len() < 9 {
        let is_commit = writer.step();
        if !is_commit || writer.files().log.len() > LOG_MAX {
            writer.checkpoint();
            after.clear();
        }
        after.push((writer.files().log.len(), writer.model.clone()));
    }
    (writer, after)
}

/// The model whose commits end before the log does.
fn last_whole(after: &[(usize, Model)], length: usize) -> &Model {
    &after.iter().rev().find(|(end, _)| *end <= length).unwrap_or(&after[0]).1
}

/// So many bytes are the same: a filling may be by chance what was to be written.
fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

#[test]
fn a_log_cut_at_any_length_or_ending_in_anything_gives_the_commits_before() {
    let ruin = Ruin::new();
    for seed in seeds(3) {
        let (writer, after) = commits(seed);
        let (files, mut dice) = (writer.files(), Dice(seed));
        let begin = after[0].0;
        let ends = Log::of(&files.log).frames;
        let edges = ends.iter().flat_map(|(end, _)| [end - 1, *end, end + 1]).filter(|at| *at >= begin);
        let anywhere = (0..20).map(|_| begin + dice.below((files.log.len() - begin) as u64) as usize);
        let mut cuts: Vec<usize> = edges.chain(anywhere).filter(|at| *at <= files.log.len()).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let step = (cuts.len() / 25).max(1);
        for cut in cuts.into_iter().step_by(step) {
            let (rest, what) = (files.log.len() - cut, format!("seed {seed}, cut at {cut}"));
            let tails = [vec![], vec![0; rest], (0..rest).map(|_| dice.roll() as u8).collect()];
            let tail = &tails[dice.below(3) as usize];
            let log = [&files.log[..cut], tail].concat();
            let expected = last_whole(&after, common(&log, &files.log));
            ruin.holds(&Files { log, ..files.clone() }, expected, &what);
        }
    }
}

#[test]
fn a_log_with_a_sector_that_was_not_written_gives_the_commits_before_it() {
    let ruin = Ruin::new();
    for seed in seeds(3) {
        let (writer, after) = commits(seed);
        let (files, mut dice) = (writer.files(), Dice(seed));
        for _ in 0..12 {
            let length = files.log.len() - after[0].0;
            let at = (after[0].0 + dice.below(length as u64) as usize) / SECTOR * SECTOR;
            let (at, end) = (at.max(after[0].0), (at + SECTOR).min(files.log.len()));
            let mut log = files.log.clone();
            log[at..end].fill(dice.roll() as u8);
            let (expected, what) = (last_whole(&after, common(&log, &files.log)), format!("seed {seed}, at {at}"));
            ruin.holds(&Files { log, ..files.clone() }, expected, &what);
        }
    }
}

/// The log is begun anew from its front after a checkpoint that did not empty it: behind the new frames stand old ones.
#[test]
fn old_frames_behind_the_new_ones_are_nothing() {
    let ruin = Ruin::new();
    for seed in seeds(3) {
        let (mut writer, _) = commits(seed);
        let old = writer.files().log;
        writer.checkpoint();
        let mut after = vec![(0, writer.model.clone())];
        for _ in 0..6 {
            if !writer.step() {
                break;
            }
            after.push((writer.files().log.len(), writer.model.clone()));
        }
        // A step that was no commit has emptied the log.
        if writer.model.step != after[after.len() - 1].1.step {
            continue;
        }
        let (files, mut dice) = (writer.files(), Dice(seed));
        for _ in 0..12 {
            let cut = dice.below(files.log.len() as u64 + 1) as usize;
            let log = [&files.log[..cut], old.get(cut..).unwrap_or_default()].concat();
            let (expected, what) = (last_whole(&after, common(&log, &files.log)), format!("seed {seed}, cut at {cut}"));
            ruin.holds(&Files { log, ..files.clone() }, expected, &what);
        }
    }
}

#[test]
fn a_checkpoint_torn_at_any_sector_loses_nothing() {
    let ruin = Ruin::new();
    for seed in seeds(3) {
        let (mut writer, _) = commits(seed);
        let before = writer.files();
        writer.checkpoint();
        let after = writer.files().database;
        assert_ne!(before.database, after, "the checkpoint wrote something");
        let mut dice = Dice(seed);
        for _ in 0..10 {
            // Each sector is as it was, or as the checkpoint writes it; the file has grown, or not.
            let mut database = before.database.clone();
            if dice.below(2) == 0 {
                database.resize(after.len(), 0);
            }
            for at in (0..database.len().min(after.len())).step_by(SECTOR) {
                if dice.below(2) == 0 {
                    let end = (at + SECTOR).min(after.len());
                    database.resize(database.len().max(end), 0);
                    database[at..end].copy_from_slice(&after[at..end]);
                }
            }
            ruin.holds(&Files { database, ..before.clone() }, &writer.model, &format!("seed {seed}"));
        }
    }
}

#[test]
fn a_database_cut_anywhere_is_whole_or_refused() {
    let ruin = Ruin::new();
    let mut refused = 0;
    for seed in seeds(3) {
        let (writer, _) = commits(seed);
        let (files, mut dice) = (writer.files(), Dice(seed));
        for n in 0..12 {
            let cut = dice.below(files.database.len() as u64) as usize;
            let log = if n % 2 == 0 { &files.log[..] } else { &[] };
            match ruin.open(&files.database[..cut], log) {
                // Everything that is missing stands in the log.
                Ok(store) => assert!(n % 2 == 0 && writer.model.is_in(&store), "seed {seed}, {cut} bytes"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 10, "{refused}");
}
