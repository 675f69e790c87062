//! A profile whose store is damaged, made anew from what can still be read of it.
//!
//! It is a restore without a backup: the rows that a backup would hold are taken over, and no ratchets (a damaged ratchet
//! would repeat keys), so that it heals like one that was restored. The damaged profile is moved aside, never changed.

use std::path::{Path, PathBuf};

use pirushka_client_core::{Client, ClientConfig, Table, Write};
use serde::{Deserialize, Serialize};

use crate::backup::replace;
use crate::clock::Clock;
use crate::driver::{load, seed};
use crate::engine::answer::identity;
use crate::error::{Code, Error, Result};
use crate::handle::AskPassphrase;
use crate::init::Building;
use crate::key::{self, KeyHeader, StoreKey};
use crate::lock::ProfileLock;
use crate::profile::{Profile, way_back};
use crate::store::{Row, Ruins, Saved, Store, put};
use crate::view::IdentityView;

/// What was saved, and what was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Salvaged {
    #[allow(missing_docs)]
    pub identity: IdentityView,
    #[allow(missing_docs)]
    pub contacts: usize,
    /// Rows of conversations.
    pub messages: usize,
    /// Rows of conversations that are lost; nothing where that cannot be told any more.
    pub messages_lost: Option<u64>,
    /// Other rows that were read, but do not fit what else is there: settings of lost contacts and the like.
    pub rows_left_out: usize,
    /// Whether it may be lost of some messages that they are to disappear: then they stay.
    #[serde(default)]
    pub may_stay: bool,
    /// Whether it may be lost who is blocked: then such a person can ask again.
    #[serde(default)]
    pub may_ask_again: bool,
    /// Pages of the damaged store.
    pub pages: u64,
    /// Pages of it that are damaged.
    pub pages_damaged: u64,
    /// `keyring`, `file` or `passphrase`, as before.
    pub protection: String,
    /// Where the damaged profile is now.
    pub aside: PathBuf,
}

/// Makes `profile` anew from what can be read of its damaged store. No engine may run.
///
/// # Errors
/// [`Code::BadInput`]: the store is sound. [`Code::Damaged`]: too little of it can be read. [`Code::KeyMissing`],
/// [`Code::WrongKey`], [`Code::ProfileLocked`], [`Code::DiskFull`]. Nothing was changed.
pub async fn salvage(profile: &Profile, ask: Option<AskPassphrase>) -> Result<Salvaged> {
    let profile = profile.clone();
    let making = tokio::task::spawn_blocking(move || make(&profile, ask));
    making.await.unwrap_or_else(|_| Err(Error::new(Code::Unexpected, "salvaging was broken off")))
}

fn make(profile: &Profile, ask: Option<AskPassphrase>) -> Result<Salvaged> {
    profile.must_exist()?;
    let lock = ProfileLock::take(profile)?;
    let header = KeyHeader::read(profile)?;
    let key = header.unlock(profile, ask)?;
    let building = Building::beside(profile)?;
    let copy = copied(profile, &building.0)?;
    let saved = Ruins::open(&copy, &key).map_err(|e| hopeless(profile, &copy, e))?.read();
    if is_sound(&copy, &key) {
        return Err(Error::new(Code::BadInput, format!("the store {} is sound", profile.store_path().display()))
            .with_remedy("nothing has to be saved; `pirushka backup create` makes a copy"));
    }
    let (pages, pages_damaged, before) = (saved.pages, saved.pages_damaged, saved.messages_before);
    let torn = saved.torn.clone();
    let made = fill(profile, &building.0, &key, saved)?;
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(building.0.join(format!("{COPY}{suffix}")));
    }
    key::copy(profile.dir(), &building.0)?;
    let aside = replace(building, profile, lock)?;
    Ok(Salvaged {
        identity: made.identity,
        contacts: made.contacts,
        messages: made.messages,
        messages_lost: before.map(|before| before.saturating_sub(made.messages as u64)),
        rows_left_out: made.left_out,
        may_stay: torn.contains(&Table::Vanishing) || torn.contains(&Table::Conversation),
        may_ask_again: torn.contains(&Table::Memory),
        pages,
        pages_damaged,
        protection: header.kind().name().to_owned(),
        aside,
    })
}

/// The name of the copy that is read.
const COPY: &str = "ruins.db";

/// Copies the store and its log: reading may change a log, and the damaged store stays as it is.
fn copied(profile: &Profile, to: &Path) -> Result<PathBuf> {
    let (from, copy) = (profile.store_path(), to.join(COPY));
    let failed = |e| Error::io(Code::Damaged, format_args!("reading the store {}", from.display()), &e);
    std::fs::copy(&from, &copy).map_err(|e| failed(e).with_remedy(way_back(&from)))?;
    let log = from.with_extension("db-wal");
    if log.exists() {
        std::fs::copy(&log, copy.with_extension("db-wal")).map_err(failed)?;
    }
    Ok(copy)
}

/// Whether an engine would open it and find nothing wrong.
fn is_sound(copy: &Path, key: &StoreKey) -> bool {
    let opened = Store::open(copy, key).and_then(|store| {
        store.check()?;
        load(&store, ClientConfig::default(), Clock::new().now())
    });
    opened.is_ok()
}

/// Where not even the beginning can be read.
fn hopeless(profile: &Profile, copy: &Path, error: Error) -> Error {
    let store = profile.store_path();
    // The copy was read, but a person knows the store.
    let cause = error.message.replace(&*copy.to_string_lossy(), &store.to_string_lossy());
    if error.code == Code::NewerStore {
        return Error { message: cause, ..error };
    }
    Error::new(error.code, format!("nothing can be saved: {cause}")).with_remedy(way_back(&store))
}

struct Made {
    identity: IdentityView,
    contacts: usize,
    messages: usize,
    left_out: usize,
}

fn fill(profile: &Profile, dir: &Path, key: &StoreKey, saved: Saved) -> Result<Made> {
    let read = saved.rows.len();
    let rows = fitting(saved.rows);
    let left_out = read - rows.len();
    let mut client = client(rows.iter().cloned()).map_err(|e| {
        let what = format!("the store {} is damaged: too much is lost: {e}", profile.store_path().display());
        Error::new(Code::Damaged, what).with_remedy(way_back(&profile.store_path()))
    })?;
    let known: std::collections::BTreeSet<_> = client.contacts().into_iter().map(|contact| contact.id).collect();
    let messages: Vec<_> = saved.messages.into_iter().filter(|message| known.contains(&message.contact)).collect();
    let mut store = Store::create(&dir.join("store.db"), key)?;
    store.go_on_from(saved.cursor);
    let rows = rows.into_iter().map(|(table, key, value)| Write { table, key, value: Some(value) });
    store.commit(&rows.collect::<Vec<_>>())?;
    store.commit(&client.take_writes())?;
    client.committed();
    for batch in messages.chunks(500) {
        store.commit(&batch.iter().map(put).collect::<Vec<_>>())?;
    }
    store.check()?;
    Ok(Made { identity: identity(&client), contacts: known.len(), messages: messages.len(), left_out })
}

fn client(rows: impl Iterator<Item = Row>) -> std::result::Result<Client, Error> {
    let rows = rows.filter(|(table, _, _)| table.is_loaded());
    Client::restore(ClientConfig::default(), seed()?, Clock::new().now(), rows)
        .map_err(|e| Error::new(Code::Damaged, e.to_string()))
}

/// Those rows that make a client together. What a row refers to may be lost; then it is left out.
fn fitting(rows: Vec<Row>) -> Vec<Row> {
    let mut tables: std::collections::BTreeMap<Table, Vec<Row>> = std::collections::BTreeMap::new();
    rows.into_iter().for_each(|row| tables.entry(row.0).or_default().push(row));
    let mut kept = tables.remove(&Table::Profile).unwrap_or_default();
    // What others refer to comes first.
    let first = [Table::Contact, Table::Home].into_iter().filter_map(|table| tables.remove(&table)).collect::<Vec<_>>();
    first.into_iter().chain(tables.into_values()).for_each(|rows| admit(&mut kept, rows));
    kept
}

/// Adds what fits of `rows`; halves them until those that do not fit stand alone.
fn admit(kept: &mut Vec<Row>, mut rows: Vec<Row>) {
    if client(kept.iter().chain(&rows).cloned()).is_ok() {
        kept.append(&mut rows);
    } else if rows.len() > 1 {
        let rest = rows.split_off(rows.len() / 2);
        admit(kept, rows);
        admit(kept, rest);
    }
}

#[cfg(test)]
mod tests {
    use pirushka_client_core::ContactId;

    use super::*;
    use crate::store::samples::text;
    use crate::{EngineMode, Handle, InitOptions, Options, Protection};

    const CONTACTS: u32 = 40;
    const MESSAGES: u64 = 400;

    struct Bench {
        _home: tempfile::TempDir,
        profile: Profile,
        store: Vec<u8>,
    }

    /// Alice with contacts and messages in a store of many pages, at rest.
    async fn bench() -> Bench {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::at(home.path(), None).unwrap();
        let peer = format!("127.0.0.1:9?k={}", pirushka_wire::PeerId([1; 32]));
        let options = InitOptions { name: "alice".into(), home: Some(peer.clone()), protection: Protection::KeyFile };
        crate::init(&profile, options).await.unwrap();
        let engine = engine(&profile).await.unwrap();
        for n in 0..CONTACTS {
            let address = peer.replace('?', &format!("/{n:064x}?"));
            engine.contact_add(&address, Some(&format!("contact {n}"))).await.unwrap();
        }
        engine.close().await.unwrap();
        let key = KeyHeader::read(&profile).unwrap().unlock(&profile, None).unwrap();
        let mut store = Store::open(&profile.store_path(), &key).unwrap();
        let contacts = client(store.load().unwrap().into_iter()).unwrap().contacts();
        let body = |n: u64| format!("text {n} {}", "x".repeat(100));
        let message = |n: u64| text(1000 + n, contacts[n as usize % contacts.len()].id.0, &body(n));
        store.commit(&(0..MESSAGES).map(|n| put(&message(n))).collect::<Vec<_>>()).unwrap();
        store.forget();
        drop(store);
        let store = std::fs::read(profile.store_path()).unwrap();
        assert!(store.len() > 40 * PAGE, "{} pages", store.len() / PAGE);
        Bench { _home: home, profile, store }
    }

    const PAGE: usize = 4096;

    async fn engine(profile: &Profile) -> Result<Handle> {
        let options = Options { mode: EngineMode::InProcess, ..Options::default() };
        Handle::join_or_start(profile, options).await
    }

    impl Bench {
        /// Puts this store in the place of the old one, salvages it, and gives what came of it, which is whole or
        /// nothing.
        async fn salvaged(&self, store: &[u8], what: &str) -> Option<Salvaged> {
            let path = self.profile.store_path();
            std::fs::write(&path, store).unwrap();
            match salvage(&self.profile, None).await {
                Ok(salvaged) => {
                    assert!(std::fs::read(salvaged.aside.join("store.db")).unwrap() == store, "{what}: kept as it was");
                    let opened = engine(&self.profile).await.unwrap();
                    assert_eq!(opened.contacts().await.unwrap().len(), salvaged.contacts, "{what}");
                    assert_eq!(opened.identity().await.unwrap().name, "alice");
                    opened.close().await.unwrap();
                    Some(salvaged)
                }
                Err(error) => {
                    assert!(matches!(error.code, Code::Damaged | Code::WrongKey), "{what}: {error:?}");
                    assert!(error.remedy.unwrap().contains("backup restore"), "{what}");
                    assert!(std::fs::read(&path).unwrap() == store, "{what}: nothing was changed");
                    None
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_page_is_damaged_the_rows_of_the_others_are_saved() {
        let bench = bench().await;
        let (mut saved, mut cut_off) = (0, 0);
        let pages = bench.store.len() / PAGE;
        for page in 0..pages {
            let mut bad = bench.store.clone();
            bad[page * PAGE + 100] ^= 1;
            let Some(salvaged) = bench.salvaged(&bad, &format!("page {page}")).await else { continue };
            saved += 1;
            assert_eq!(salvaged.pages_damaged, 1, "page {page}");
            let lost = MESSAGES - salvaged.messages as u64;
            assert!(salvaged.messages_lost.is_none_or(|told| told == lost), "page {page}: {salvaged:?}");
            // A leaf holds some ten messages; lost contacts take theirs along, and so does what stands above the leaves.
            cut_off += usize::from(lost >= 60 && salvaged.contacts == CONTACTS as usize);
        }
        assert!(saved > pages * 3 / 4, "{saved} of {pages} pages");
        assert!(cut_off <= 3, "{cut_off} pages of {pages} took everything along");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_damaged_pages_what_lies_between_is_saved() {
        let bench = bench().await;
        let pages = bench.store.len() / PAGE;
        let mut bad = bench.store.clone();
        // Leaves in the second half, where the messages are; each third one.
        (pages / 2..pages).step_by(3).for_each(|page| bad[page * PAGE + 100] ^= 1);
        let salvaged = bench.salvaged(&bad, "each third page").await.expect("the identity is in the first half");
        assert!(salvaged.messages > 50 && salvaged.messages < MESSAGES as usize, "{salvaged:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_store_cut_short_at_any_page_gives_what_it_still_holds() {
        let bench = bench().await;
        let pages = bench.store.len() / PAGE;
        let mut most = 0;
        for cut in [1, 2, 3, pages / 4, pages / 2, pages * 3 / 4, pages - 2, pages - 1] {
            let what = format!("{cut} of {pages} pages");
            let salvaged = bench.salvaged(&bench.store[..cut * PAGE], &what).await;
            most = most.max(salvaged.map_or(0, |salvaged| salvaged.messages));
        }
        assert!(most > MESSAGES as usize / 2, "{most}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_a_store_without_its_first_page_nothing_is_saved_and_nobody_is_sent_in_a_circle() {
        let bench = bench().await;
        let path = bench.profile.store_path();
        for len in [0, 100] {
            std::fs::write(&path, &bench.store[..len]).unwrap();
            let refused = salvage(&bench.profile, None).await.unwrap_err();
            let said =
                format!("nothing can be saved: the store {} is damaged: it has only {len} bytes", path.display());
            assert_eq!((refused.code, &refused.message), (Code::Damaged, &said));
            let opened = engine(&bench.profile).await.map(drop).unwrap_err();
            for remedy in [refused.remedy.unwrap(), opened.remedy.unwrap()] {
                assert!(!remedy.contains("salvage") && remedy.contains("backup restore"), "{remedy}");
                assert!(remedy.contains("profile remove") && remedy.contains("id import"), "{remedy}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sound_store_is_left_alone_and_so_is_one_that_an_engine_holds() {
        let bench = bench().await;
        assert_eq!(salvage(&bench.profile, None).await.unwrap_err().code, Code::BadInput);
        assert!(std::fs::read(bench.profile.store_path()).unwrap() == bench.store);
        let engine = engine(&bench.profile).await.unwrap();
        assert_eq!(salvage(&bench.profile, None).await.unwrap_err().code, Code::ProfileLocked);
        engine.close().await.unwrap();
        let left: Vec<_> =
            std::fs::read_dir(bench.profile.root()).unwrap().flatten().map(|it| it.file_name()).collect();
        assert_eq!(left, ["default"], "no half profile is left behind");
    }

    /// Changes the store of the bench's profile as a program with a mistake might have.
    fn change(profile: &Profile, writes: &[Write]) {
        let key = KeyHeader::read(profile).unwrap().unlock(profile, None).unwrap();
        Store::open(&profile.store_path(), &key).unwrap().commit(writes).unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_an_engine_refuses_to_load_is_salvaged() {
        for table in [Table::Session, Table::KeyPackage, Table::Pending, Table::Part, Table::Intro] {
            let bench = bench().await;
            // The beginning of a key of a contact that is not there.
            let key = [&[0xee; 4][..], &[0; 10]].concat();
            change(&bench.profile, &[Write { table, key, value: Some(b"nonsense".to_vec()) }]);
            let refused = engine(&bench.profile).await.map(drop).unwrap_err();
            assert_eq!(refused.code, Code::Damaged, "{table:?}");
            assert!(refused.remedy.unwrap().contains("profile salvage"), "{table:?}");
            let salvaged = salvage(&bench.profile, None).await.unwrap();
            assert_eq!((salvaged.contacts, salvaged.messages as u64), (CONTACTS as usize, MESSAGES), "{table:?}");
            assert!(!salvaged.may_stay && !salvaged.may_ask_again, "{table:?}: no page is damaged");
            engine(&bench.profile).await.unwrap().close().await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_is_told_when_who_is_blocked_or_what_disappears_may_be_lost() {
        let bench = bench().await;
        // Rows of both tables that fill pages of their own.
        let rows = |table: Table, value: &[u8]| {
            let key = |n: u64| [&n.to_be_bytes()[..], &vec![0; if table == Table::Memory { 24 } else { 0 }]].concat();
            (0..400).map(|n| Write { table, key: key(n), value: Some(value.to_vec()) }).collect::<Vec<_>>()
        };
        let vanishing = minicbor::to_vec((0_u32, true, 60_u64, 0_u64)).unwrap();
        let memory = minicbor::to_vec((true, 0_u8, 0_u64, 0_u64, None::<u8>, None::<u32>)).unwrap();
        change(&bench.profile, &[rows(Table::Vanishing, &vanishing), rows(Table::Memory, &memory)].concat());
        engine(&bench.profile).await.unwrap().close().await.unwrap();
        let store = std::fs::read(bench.profile.store_path()).unwrap();
        let mut told = std::collections::BTreeSet::new();
        for page in 1..store.len() / PAGE {
            let mut bad = store.clone();
            bad[page * PAGE + 100] ^= 1;
            let what = format!("page {page}");
            let Some(salvaged) = bench.salvaged(&bad, &what).await else { continue };
            let key = KeyHeader::read(&bench.profile).unwrap().unlock(&bench.profile, None).unwrap();
            let kept = Store::open(&bench.profile.store_path(), &key).unwrap().load().unwrap();
            let lost = |table: Table| kept.iter().filter(|row| row.0 == table).count() < 400;
            assert!(salvaged.may_stay || !lost(Table::Vanishing), "{what}: {salvaged:?}");
            assert!(salvaged.may_ask_again || !lost(Table::Memory), "{what}: {salvaged:?}");
            told.insert((salvaged.may_stay, salvaged.may_ask_again));
        }
        assert!(told.contains(&(true, false)) && told.contains(&(false, true)), "{told:?}");
        assert!(told.contains(&(false, false)), "what is on other pages says nothing of them");
    }

    #[test]
    fn rows_that_refer_to_what_is_lost_are_left_out_and_the_others_kept() {
        let (seed, now) = ([1; 32], Clock::new().now());
        let mut alice = Client::create(ClientConfig::default(), seed, now, "alice").unwrap();
        let mut rows: Vec<Row> =
            alice.take_writes().into_iter().filter_map(|write| Some((write.table, write.key, write.value?))).collect();
        let sound = rows.len();
        for id in [7_u32, 8, 9] {
            rows.push((Table::Conversation, ContactId(id).0.to_be_bytes().to_vec(), vec![0x80]));
        }
        rows.push((Table::Invite, vec![0; 4], b"nonsense".to_vec()));
        assert_eq!(fitting(rows).len(), sound);
    }
}
