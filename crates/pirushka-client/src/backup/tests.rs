//! A backup against whatever can befall a file, and what it must never hold.

use std::io::Write as _;
use std::path::PathBuf;

use pirushka_client_core::Table;

use super::*;
use crate::store::Store;
use crate::{Code, EngineMode, Handle, InitOptions, Options, Profile, Protection};

struct Bench {
    home: tempfile::TempDir,
    profile: Profile,
}

impl Bench {
    /// Alice, served nowhere that answers, with one invite.
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::at(home.path(), None).unwrap();
        let peer = format!("127.0.0.1:9?k={}", pirushka_wire::PeerId([1; 32]));
        let options = InitOptions { name: "alice".into(), home: Some(peer), protection: Protection::KeyFile };
        crate::init(&profile, options).await.unwrap();
        Self { home, profile }
    }

    async fn engine(&self) -> Handle {
        let options = Options { mode: EngineMode::InProcess, ..Options::default() };
        Handle::join_or_start(&self.profile, options).await.unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A backup with the passphrase "horse".
    async fn backup(&self) -> PathBuf {
        let path = self.path("a.backup");
        let engine = self.engine().await;
        engine.backup_create(&path, Some("horse"), false).await.unwrap();
        engine.close().await.unwrap();
        path
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_written_is_the_persons_input_and_no_fault_of_the_profile() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    let error = engine.backup_create(&bench.path("no/such/folder/a.backup"), None, false).await.unwrap_err();
    engine.close().await.unwrap();
    assert_eq!(error.code, Code::BadInput);
    assert!(error.message.contains("no/such/folder/a.backup: No such file"), "{error}");
    assert!(error.remedy.unwrap().contains("folder"));
}

fn options(replace: bool) -> RestoreOptions {
    RestoreOptions { protection: Protection::KeyFile, replace }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_the_engine_runs_is_restored_with_everything_but_the_instance() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    let invite = engine.invite_new("for bob", 1, std::time::Duration::from_secs(3600), false).await.unwrap();
    let path = bench.path("a.backup");
    let made = engine.backup_create(&path, None, false).await.unwrap();
    let key = made.recovery_key.unwrap().0;
    assert_eq!(made.info.name, "alice");
    let again = engine.backup_create(&path, None, false).await.unwrap_err();
    assert!(again.message.contains("exists already"), "{again}");
    let identity = engine.identity().await.unwrap();
    engine.close().await.unwrap();
    let other = Profile::at(bench.home.path(), Some("other")).unwrap();
    let restored = restore(&other, &path, &key.to_lowercase(), options(false)).await.unwrap();
    assert_eq!(restored.identity, identity);
    let bench = Bench { profile: other, ..bench };
    let engine = bench.engine().await;
    assert_eq!(engine.invites().await.unwrap(), [invite]);
    engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_there_is_moved_aside_and_never_deleted() {
    let bench = Bench::new().await;
    let path = bench.backup().await;
    let refused = restore(&bench.profile, &path, "horse", options(false)).await.unwrap_err();
    assert_eq!(refused.code, Code::ProfileExists);
    let engine = bench.engine().await;
    let locked = restore(&bench.profile, &path, "horse", options(true)).await.unwrap_err();
    assert_eq!(locked.code, Code::ProfileLocked);
    engine.close().await.unwrap();
    let restored = restore(&bench.profile, &path, "horse", options(true)).await.unwrap();
    let aside = restored.aside.unwrap();
    assert!(aside.join("store.db").exists() && aside.join("store.key").exists());
    bench.engine().await.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_damage_and_a_missing_end_each_have_their_name_at_every_byte() {
    let bench = Bench::new().await;
    let path = bench.backup().await;
    let whole = std::fs::read(&path).unwrap();
    assert_eq!(check(&path, "house").unwrap_err().code, Code::BackupSecret);
    let code = |bytes: &[u8]| {
        let changed = bench.path("changed");
        std::fs::File::create(&changed).unwrap().write_all(bytes).unwrap();
        check(&changed, "horse").unwrap_err().code
    };
    // The header is read without the slow key, so every byte of it can be tried; of the rest a few.
    for at in (0..62).chain([62, whole.len() / 2, whole.len() - 17, whole.len() - 1]) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let expected = if at == 16 { [Code::BackupDamaged, Code::NewerStore] } else { [Code::BackupDamaged; 2] };
        assert!(expected.contains(&code(&changed)), "byte {at}");
    }
    for len in [17, 61] {
        assert_eq!(code(&whole[..len]), Code::BackupTruncated, "{len} bytes");
    }
    for len in [0, 15, 62, 70] {
        assert!([Code::BackupDamaged, Code::BackupTruncated].contains(&code(&whole[..len])), "{len} bytes");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert_eq!(code(&longer), Code::BackupDamaged);
    let mut newer = whole;
    newer[16] = 2;
    assert_eq!(code(&newer), Code::NewerStore);
}

#[test]
fn a_file_of_several_chunks_that_loses_the_last_ones_is_called_cut_off_and_a_swap_is_damage() {
    let secret = Secret::passphrase("horse").unwrap();
    let mut sealer = format::Sealer::begin(Vec::new(), &secret).unwrap();
    for n in 0..5_u8 {
        sealer.record(&vec![n; 50_000]).unwrap();
    }
    let (file, len) = sealer.finish().unwrap();
    assert_eq!(file.len() as u64, len);
    let read = |bytes: &[u8]| {
        let mut bytes = bytes;
        let header = format::Header::read(&mut bytes)?;
        let mut opener = format::Opener::begin(bytes, &header, "horse")?;
        let mut records = 0;
        while let Some(record) = opener.record()? {
            assert_eq!(*record, vec![records; 50_000]);
            records += 1;
        }
        crate::Result::Ok(records)
    };
    assert_eq!(read(&file).unwrap(), 5);
    let sealed = 64 * 1024 + 16;
    for chunks in 1..3 {
        assert_eq!(read(&file[..62 + chunks * sealed]).unwrap_err().code, Code::BackupTruncated, "{chunks} chunks");
    }
    let mut swapped = file.clone();
    let (a, b) = swapped[62..62 + 2 * sealed].split_at_mut(sealed);
    a.swap_with_slice(b);
    assert_eq!(read(&swapped).unwrap_err().code, Code::BackupDamaged);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_opens_messages_is_in_a_backup() {
    let bench = Bench::new().await;
    let engine = bench.engine().await;
    let key = crate::key::KeyHeader::read(&bench.profile).unwrap().unlock(&bench.profile, None).unwrap();
    engine.close().await.unwrap();
    // Rows of every table, whatever they mean.
    let mut store = Store::open(&bench.profile.store_path(), &key).unwrap();
    let ratchets = [Table::Session, Table::KeyPackage, Table::Pending, Table::Part, Table::Intro];
    let rows = ratchets.map(|table| pirushka_client_core::Write { table, key: vec![9], value: Some(vec![7]) });
    store.commit(&rows).unwrap();
    let whose = Whose { name: "alice".into(), fingerprint: [0; 32], contacts: 0 };
    let (secret, typed) = (Secret::passphrase("horse").unwrap(), "horse");
    let path = bench.path("a.backup");
    create(&store.reader().unwrap(), whose, &path, (&secret, typed), false).unwrap();
    let mut tables = Vec::new();
    check::walk(&path, typed, |part| {
        if let check::Part::Row(table, _, _) = part {
            tables.push(table);
        }
        Ok(())
    })
    .unwrap();
    assert!(tables.contains(&Table::Profile));
    assert!(!tables.iter().any(|table| ratchets.contains(table)), "{tables:?}");
}
