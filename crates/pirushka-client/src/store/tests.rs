//! The store against crashes, wrong keys and damage.

use pirushka_client_core::{ContactId, Message, MessageBody, MessageId, MessageState, Table, Write};

use super::samples::text;
use super::*;

struct Bench {
    _dir: tempfile::TempDir,
    path: PathBuf,
    key: StoreKey,
}

fn bench() -> (Bench, Store) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let key = StoreKey::for_tests(7);
    let store = Store::create(&path, &key).unwrap();
    (Bench { _dir: dir, path, key }, store)
}

fn row(table: Table, key: &[u8], value: Option<&[u8]>) -> Write {
    Write { table, key: key.to_vec(), value: value.map(<[u8]>::to_vec) }
}

fn state(id: u64, state: MessageState) -> Write {
    row(Table::MessageState, &id.to_be_bytes(), Some(&minicbor::to_vec(state).unwrap()))
}

#[test]
fn a_gap_is_news_once_and_not_again_when_it_shrinks() {
    let (_bench, mut store) = bench();
    let gap = |missing| Message { body: MessageBody::Gap { missing }, ..text(1, 1, "") };
    let unseen = |store: &Store| store.reader().unwrap().unseen(0, 99, 9).unwrap().len();
    store.commit(&[put(&gap(3)), put(&text(9, 1, "b"))]).unwrap();
    assert_eq!(unseen(&store), 2);
    store.commit(&[put(&gap(2))]).unwrap();
    assert_eq!(unseen(&store), 2, "not seen yet");
    store.commit(&[row(Table::SeenUpTo, &1u32.to_be_bytes(), Some(&9u64.to_be_bytes()))]).unwrap();
    store.commit(&[put(&gap(1))]).unwrap();
    assert_eq!(unseen(&store), 0);
}

#[test]
fn what_a_person_has_seen_is_no_longer_unread() {
    let (_bench, mut store) = bench();
    store.commit(&[put(&text(1, 1, "a")), put(&text(2, 1, "b")), put(&text(3, 2, "c"))]).unwrap();
    store.commit(&[row(Table::SeenUpTo, &1u32.to_be_bytes(), Some(&1u64.to_be_bytes()))]).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.unread().unwrap(), 2);
    assert!(reader.message(MessageId(1)).unwrap().unwrap().seen);
    assert!(!reader.message(MessageId(2)).unwrap().unwrap().seen);
}

#[test]
fn a_state_of_a_message_that_is_gone_is_nothing() {
    let (_bench, mut store) = bench();
    assert!(store.commit(&[state(9, MessageState::Read)]).unwrap().is_empty());
    assert_eq!(store.cursor(), 0);
}

#[test]
fn rows_come_back_in_order_without_the_messages() {
    let (bench, mut store) = bench();
    let writes = [
        row(Table::Contact, b"b", Some(b"2")),
        row(Table::Profile, b"", Some(b"me")),
        row(Table::Contact, b"a", Some(b"1")),
        put(&text(1, 1, "hello")),
    ];
    store.commit(&writes).unwrap();
    store.commit(&[row(Table::Contact, b"b", None), row(Table::Contact, b"a", Some(b"3"))]).unwrap();
    drop(store);
    let store = Store::open(&bench.path, &bench.key).unwrap();
    let expected = vec![(Table::Profile, b"".to_vec(), b"me".to_vec()), (Table::Contact, b"a".to_vec(), b"3".to_vec())];
    assert_eq!(store.load().unwrap(), expected);
    store.check().unwrap();
}

#[test]
fn changes_are_numbered_over_restarts_and_removals() {
    let (bench, mut store) = bench();
    let changes = store.commit(&[put(&text(1, 1, "a")), put(&text(2, 1, "b"))]).unwrap();
    assert!(changes.iter().all(|c| c.is_new));
    assert_eq!(changes.iter().map(|c| c.cursor).collect::<Vec<_>>(), [1, 2]);
    let changes = store.commit(&[state(1, MessageState::Delivered)]).unwrap();
    assert_eq!(changes[0].message.state, MessageState::Delivered);
    assert_eq!((changes[0].cursor, changes[0].born, changes[0].is_new), (3, 1, false));
    store.purge(ContactId(1)).unwrap();
    drop(store);
    let mut store = Store::open(&bench.path, &bench.key).unwrap();
    assert_eq!(store.commit(&[put(&text(3, 2, "c"))]).unwrap()[0].cursor, 4);
    let reader = store.reader().unwrap();
    assert_eq!(reader.changes(3, 10).unwrap().len(), 1);
    assert_eq!(reader.cursor().unwrap(), 4);
}

#[test]
fn a_message_that_fills_a_gap_is_told_as_new() {
    let (_bench, mut store) = bench();
    let gap = Message { body: MessageBody::Gap { missing: 1 }, ..text(1, 1, "") };
    store.commit(&[put(&gap)]).unwrap();
    assert!(store.commit(&[put(&text(1, 1, "late"))]).unwrap()[0].is_new);
}

#[test]
fn conversations_are_listed_with_unread_and_read_page_by_page() {
    let (_bench, mut store) = bench();
    let all: Vec<Write> = (1..=10).map(|id| put(&text(id, (id % 2) as u32, &format!("text {id}")))).collect();
    store.commit(&all).unwrap();
    let reader = store.reader().unwrap();
    let chats = reader.chats().unwrap();
    assert_eq!(chats.iter().map(|c| (c.contact.0, c.unread, c.last.id.0)).collect::<Vec<_>>(), [(0, 5, 10), (1, 5, 9)]);
    let page = reader.history(ContactId(0), None, 2).unwrap();
    assert_eq!(page.messages.iter().map(|m| m.id.0).collect::<Vec<_>>(), [8, 10]);
    assert!(page.more);
    let page = reader.history(ContactId(0), Some(MessageId(8)), 10).unwrap();
    assert_eq!(page.messages.iter().map(|m| m.id.0).collect::<Vec<_>>(), [2, 4, 6]);
    assert!(!page.more);
    assert_eq!(reader.unread().unwrap(), 10);
    assert_eq!(reader.unseen(3, 9, 2).unwrap().iter().map(|c| c.message.id.0).collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn search_finds_words_of_any_alphabet_and_marks_them() {
    let (_bench, mut store) = bench();
    store
        .commit(&[put(&text(1, 1, "Привет, Ёжик")), put(&text(2, 2, "HELLO 100%")), put(&text(3, 2, "hell"))])
        .unwrap();
    let reader = store.reader().unwrap();
    let ids = |text: &str, contact: Option<u32>, before: Option<u64>| -> Vec<u64> {
        let found = reader.search(text, contact.map(ContactId), before.map(MessageId), 5).unwrap();
        found.hits.iter().map(|hit| hit.message.id.0).collect()
    };
    assert_eq!(ids("ПРИВЕТ еж", None, None), [1]);
    assert_eq!(ids("100", None, None), [2]);
    assert_eq!(ids("hel", None, None), [2, 3]);
    assert_eq!(ids("hel", None, Some(3)), [2]);
    assert!(ids("hello", Some(1), None).is_empty());
    let newest = reader.search("hel", None, None, 1).unwrap();
    assert_eq!((newest.hits[0].message.id.0, newest.more), (3, true));
    assert_eq!(newest.hits[0].snippet, [("hell".to_owned(), true)]);
    for odd in ["a\" OR", "NEAR(", "*", "word:x", "-", "^a", "a AND", "'; DROP TABLE word; --"] {
        let outcome = reader.search(odd, None, None, 5);
        assert!(outcome.is_ok() || outcome.is_err_and(|error| error.code == Code::BadInput), "{odd}");
    }
}

#[test]
fn what_is_deleted_is_not_found_any_more_and_leaves_no_word_behind() {
    let (_bench, mut store) = bench();
    store
        .commit(&[put(&text(1, 1, "secret one")), put(&text(2, 1, "secret two")), put(&text(3, 2, "secret three"))])
        .unwrap();
    store.commit(&[row(Table::Message, &1u64.to_be_bytes(), None)]).unwrap();
    let found = |store: &Store| store.reader().unwrap().search("secret", None, None, 9).unwrap().hits.len();
    assert_eq!(found(&store), 2);
    store.purge(ContactId(1)).unwrap();
    assert_eq!(found(&store), 1);
    // The index's own tables: no page of it remembers the words.
    let blocks: Vec<Vec<u8>> = {
        let mut statement = store.connection.prepare("SELECT block FROM word_data").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<std::result::Result<_, _>>().unwrap()
    };
    assert!(blocks.iter().any(|block| block.windows(5).any(|w| w == b"three")), "the words can be seen there");
    assert!(!blocks.iter().any(|block| block.windows(3).any(|w| w == b"two" || w == b"one")));
    store.check().unwrap();
}

#[test]
fn a_message_that_changes_is_found_by_what_it_says_now() {
    let (_bench, mut store) = bench();
    let gap = Message { body: MessageBody::Gap { missing: 1 }, ..text(1, 1, "") };
    store.commit(&[put(&gap)]).unwrap();
    store.commit(&[put(&text(1, 1, "first words"))]).unwrap();
    store.commit(&[put(&text(1, 1, "other words"))]).unwrap();
    let reader = store.reader().unwrap();
    assert!(reader.search("first", None, None, 5).unwrap().hits.is_empty());
    assert_eq!(reader.search("words", None, None, 5).unwrap().hits.len(), 1);
}

#[test]
fn a_store_of_the_first_version_is_searched_like_a_new_one() {
    let (bench, mut store) = bench();
    store.commit(&[put(&text(1, 1, "Старое письмо")), put(&text(2, 1, "another"))]).unwrap();
    store.make_old();
    drop(store);
    let store = Store::open(&bench.path, &bench.key).unwrap();
    assert_eq!(store.reader().unwrap().search("письмо", None, None, 5).unwrap().hits.len(), 1);
    store.check().unwrap();
}

#[test]
fn a_stretch_around_a_message_has_it_in_the_middle() {
    let (_bench, mut store) = bench();
    store.commit(&(1..=20).map(|id| put(&text(id, 1, "x"))).collect::<Vec<_>>()).unwrap();
    let reader = store.reader().unwrap();
    let around = |id| -> Vec<u64> {
        reader.around(ContactId(1), MessageId(id), 5).unwrap().messages.iter().map(|message| message.id.0).collect()
    };
    assert_eq!(around(10), [8, 9, 10, 11, 12]);
    assert_eq!(around(1), [1, 2, 3, 4, 5]);
    assert_eq!(around(20), [18, 19, 20]);
}

#[test]
fn a_reader_sees_what_was_committed_after_it_opened() {
    let (_bench, mut store) = bench();
    let reader = store.reader().unwrap();
    store.commit(&[put(&text(1, 1, "now"))]).unwrap();
    assert_eq!(reader.message(MessageId(1)).unwrap(), Some(text(1, 1, "now")));
}

/// T33.
#[test]
fn t33_no_plaintext_stands_in_the_files_and_a_wrong_key_is_refused() {
    let (bench, mut store) = bench();
    let canary = "CANARY-of-plain-text";
    store.commit(&[put(&text(1, 1, canary)), row(Table::Profile, b"CANARY-of-plain-text", Some(b"x"))]).unwrap();
    let dir = bench.path.parent().unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(canary.len()).any(|w| w == canary.as_bytes()));
        assert!(!bytes.windows(6).any(|w| w == b"SQLite"));
        files += 1;
    }
    assert!(files >= 2, "the store and its log");
    drop(store);
    let before = std::fs::read(&bench.path).unwrap();
    assert_eq!(Store::open(&bench.path, &StoreKey::for_tests(8)).err().unwrap().code, Code::WrongKey);
    assert_eq!(std::fs::read(&bench.path).unwrap(), before, "nothing was changed");
    Store::open(&bench.path, &bench.key).unwrap();
}

#[cfg(unix)]
#[test]
fn all_files_of_a_store_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let (bench, mut store) = bench();
    store.commit(&[put(&text(1, 1, "x"))]).unwrap();
    for entry in std::fs::read_dir(bench.path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn a_newer_store_is_named_and_left_alone() {
    let (bench, store) = bench();
    store.connection.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(store);
    let error = Store::open(&bench.path, &bench.key).err().unwrap();
    assert_eq!(error.code, Code::NewerStore);
    let connection = open::readable(&bench.path, &bench.key).unwrap();
    assert_eq!(connection.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0)).unwrap(), 99);
}

#[test]
fn a_missing_or_empty_store_is_not_made_anew() {
    let (bench, store) = bench();
    drop(store);
    std::fs::write(&bench.path, b"").unwrap();
    assert_eq!(Store::open(&bench.path, &bench.key).err().unwrap().code, Code::Damaged);
    std::fs::remove_file(&bench.path).unwrap();
    assert_eq!(Store::open(&bench.path, &bench.key).err().unwrap().code, Code::Damaged);
    assert!(!bench.path.exists());
}

#[test]
fn a_store_cut_to_nothing_is_refused_and_its_log_with_the_last_commits_is_left_alone() {
    let (bench, mut store) = bench();
    store.commit(&[put(&text(1, 1, "only in the log"))]).unwrap();
    let (cut, beside) = (bench.path.with_file_name("cut.db"), bench.path.with_file_name("cut.db-wal"));
    let log = std::fs::read(bench.path.with_file_name("store.db-wal")).unwrap();
    assert!(!log.is_empty());
    for length in [0, 1, 99, 4095] {
        let file = std::fs::read(&bench.path).unwrap()[..length].to_vec();
        std::fs::write(&cut, &file).unwrap();
        std::fs::write(&beside, &log).unwrap();
        assert_eq!(Store::open(&cut, &bench.key).err().unwrap().code, Code::Damaged, "{length} bytes");
        assert!(std::fs::read(&cut).unwrap() == file, "{length} bytes");
        assert!(std::fs::read(&beside).unwrap() == log, "{length} bytes");
    }
}

#[test]
fn damage_on_any_page_is_named() {
    let (bench, mut store) = bench();
    let writes: Vec<Write> =
        (0..200u32).map(|n| row(Table::Session, &n.to_be_bytes(), Some(&[n as u8; 500]))).collect();
    store.commit(&writes).unwrap();
    drop(store);
    let good = std::fs::read(&bench.path).unwrap();
    for page in 0..good.len() / 4096 {
        let mut bad = good.clone();
        bad[page * 4096 + 100] ^= 1;
        std::fs::write(&bench.path, &bad).unwrap();
        let error = match Store::open(&bench.path, &bench.key) {
            Err(error) => error,
            Ok(store) => match store.load().err().or_else(|| store.check().err()) {
                Some(error) => error,
                None => panic!("page {page} was not found damaged"),
            },
        };
        assert!(matches!(error.code, Code::Damaged | Code::WrongKey), "page {page}: {error:?}");
        assert!(error.remedy.is_some());
    }
    std::fs::write(&bench.path, &good[..good.len() / 2]).unwrap();
    let outcome = Store::open(&bench.path, &bench.key).and_then(|store| store.load());
    assert_eq!(outcome.unwrap_err().code, Code::Damaged);
}

#[test]
fn a_store_cut_at_any_page_boundary_is_named_and_not_written_to() {
    let (bench, mut store) = bench();
    let rows: Vec<Write> = (0..300u32).map(|n| row(Table::Session, &n.to_be_bytes(), Some(&[n as u8; 500]))).collect();
    store.commit(&rows).unwrap();
    store.commit(&(1..100).map(|id| put(&text(id, 1, "x"))).collect::<Vec<_>>()).unwrap();
    drop(store);
    let whole = std::fs::read(&bench.path).unwrap();
    for pages in 1..whole.len() / 4096 {
        let cut = &whole[..pages * 4096];
        std::fs::write(&bench.path, cut).unwrap();
        let opened = Store::open(&bench.path, &bench.key).and_then(|store| store.load().and_then(|_| store.check()));
        let error = opened.expect_err("a page is missing");
        assert_eq!(error.code, Code::Damaged, "{pages} pages: {error:?}");
        assert!(error.remedy.unwrap().contains("profile salvage"), "{pages} pages");
        assert!(std::fs::read(&bench.path).unwrap() == cut, "{pages} pages");
    }
    std::fs::write(&bench.path, &whole).unwrap();
    Store::open(&bench.path, &bench.key).unwrap().check().unwrap();
}

#[test]
fn a_full_disk_is_named_and_nothing_of_the_batch_stays() {
    let (bench, mut store) = bench();
    store.commit(&[put(&text(1, 1, "before"))]).unwrap();
    let pages: u32 = store.connection.query_row("PRAGMA page_count", [], |r| r.get(0)).unwrap();
    store.room.store(pages + 1, std::sync::atomic::Ordering::SeqCst);
    let batch = [put(&text(2, 1, "small")), put(&text(3, 1, &"x".repeat(60_000)))];
    let error = store.commit(&batch).unwrap_err();
    assert_eq!(error.code, Code::DiskFull);
    assert_eq!(store.cursor(), 1);
    store.room.store(0, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(store.reader().unwrap().message(MessageId(2)).unwrap(), None);
    assert_eq!(store.commit(&batch).unwrap().len(), 2);
    drop(store);
    Store::open(&bench.path, &bench.key).unwrap().check().unwrap();
}

#[test]
fn a_damaged_message_row_changes_nothing() {
    let (_bench, mut store) = bench();
    let bad = row(Table::Message, &1u64.to_be_bytes(), Some(b"\xff\xff"));
    let error = store.commit(&[row(Table::Profile, b"", Some(b"x")), bad]).unwrap_err();
    assert_eq!(error.code, Code::Damaged);
    assert!(store.load().unwrap().is_empty());
}

#[test]
fn conversations_of_nobody_are_swept() {
    let (_bench, mut store) = bench();
    store.commit(&[put(&text(1, 1, "a")), put(&text(2, 2, "b"))]).unwrap();
    store.keep_conversations(&[ContactId(2)].into()).unwrap();
    assert_eq!(store.reader().unwrap().chats().unwrap().len(), 1);
}

/// T33: wherever a transaction breaks off, nothing of it stays.
#[test]
fn t33_a_batch_that_breaks_off_at_any_write_leaves_nothing() {
    let (bench, mut store) = bench();
    let good = [
        row(Table::Profile, b"", Some(b"1")),
        put(&text(1, 1, "a")),
        row(Table::Session, b"s", Some(&[7; 5000])),
        state(1, MessageState::Delivered),
        row(Table::Outbox, b"o", Some(b"x")),
    ];
    for position in 0..=good.len() {
        let mut batch = good.to_vec();
        batch.insert(position, row(Table::Message, b"short", Some(b"\xff")));
        assert_eq!(store.commit(&batch).unwrap_err().code, Code::Damaged, "write {position}");
        assert!(store.load().unwrap().is_empty());
        assert_eq!((store.cursor(), store.reader().unwrap().cursor().unwrap()), (0, 0));
    }
    store.commit(&good).unwrap();
    drop(store);
    assert_eq!(Store::open(&bench.path, &bench.key).unwrap().load().unwrap().len(), 3);
}

/// T33: wherever the disk is full, the commit that finds no room fails by name and whole, and when there is room again
/// everything goes on from there.
#[test]
fn t33_a_disk_that_is_full_at_any_page_loses_nothing_of_a_conversation() {
    // What a conversation writes: texts, ratchets that replace each other, states, what was seen.
    let batches: Vec<Vec<Write>> = (1..40_u64)
        .map(|n| {
            vec![
                put(&text(n, 1, &format!("text {n} {}", "x".repeat(n as usize * 40)))),
                row(Table::Session, b"ratchet", Some(&[n as u8; 1500])),
                row(Table::Outbox, &n.to_be_bytes(), Some(&[n as u8; 700])),
                row(Table::Outbox, &(n / 2).to_be_bytes(), None),
                state(n / 2, MessageState::Delivered),
            ]
        })
        .collect();
    let all = |store: &Store| {
        let texts: Vec<_> = store.reader().unwrap().history(ContactId(1), None, 100).unwrap().messages;
        (store.load().unwrap(), texts, store.cursor())
    };
    let (_bench, mut smooth) = bench();
    let mut expected = vec![all(&smooth)];
    for batch in &batches {
        smooth.commit(batch).unwrap();
        expected.push(all(&smooth));
    }
    let pages = |store: &Store| store.connection.query_row("PRAGMA page_count", [], |r| r.get::<_, u32>(0)).unwrap();
    let most = pages(&smooth);
    let mut failures = 0;
    for room in 1..most {
        let (bench, mut store) = bench();
        if room < pages(&store) {
            continue;
        }
        store.room.store(room, std::sync::atomic::Ordering::SeqCst);
        for (n, batch) in batches.iter().enumerate() {
            if let Err(error) = store.commit(batch) {
                failures += 1;
                assert_eq!(error.code, Code::DiskFull, "{room} pages, commit {n}");
                assert_eq!(all(&store), expected[n], "{room} pages: nothing of commit {n} stays");
                // Full as it is, it is opened again by the next process.
                drop(store);
                store = Store::open(&bench.path, &bench.key).unwrap();
                assert_eq!(all(&store), expected[n], "{room} pages, commit {n}, opened again");
                store.commit(batch).unwrap();
            }
        }
        assert_eq!(all(&store), expected[batches.len()], "{room} pages");
        store.check().unwrap();
    }
    assert!(failures > 10, "the disk was full {failures} times");
}
