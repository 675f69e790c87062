//! Engines as processes: started, joined, left alone, killed, replaced; and one inside the process.
#![cfg(unix)]

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pirushka_client::{
    AskPassphrase, BodyView, Code, EngineMode, EventView, Handle, InitOptions, MessageView, Options, Profile,
    Protection, Since, WaitFor, init,
};
use zeroize::Zeroizing;

/// A directory for one test, and how its engines are started.
struct Place {
    home: tempfile::TempDir,
    profile: Profile,
}

impl Place {
    async fn new(protection: Protection) -> Self {
        let home = tempfile::tempdir().unwrap();
        let profile = Profile::at(home.path(), None).unwrap();
        let options = InitOptions { name: "alice".into(), home: Some(unused_peer()), protection };
        init(&profile, options).await.unwrap();
        Self { home, profile }
    }

    fn options(&self) -> Options {
        self.options_with(&[])
    }

    fn options_with(&self, environment: &[&str]) -> Options {
        let mut command: Vec<OsString> = vec!["env".into()];
        command.extend(environment.iter().map(OsString::from));
        command.extend([engine_program().into_os_string(), self.home.path().as_os_str().to_owned()]);
        Options { engine_command: Some(command), ..Options::default() }
    }

    async fn join_or_start(&self) -> Handle {
        Handle::join_or_start(&self.profile, self.options()).await.unwrap()
    }
}

/// Nothing answers there.
fn unused_peer() -> String {
    format!("127.0.0.1:9?k={}", pirushka_wire::PeerId([1; 32]))
}

/// The example `engine`, which cargo builds beside the tests.
fn engine_program() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join("engine")
}

fn passphrase(text: &str) -> Option<AskPassphrase> {
    let text = Zeroizing::new(text.to_owned());
    Some(Box::new(move || Ok(text)))
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn alive(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    // A zombie still has a number: what counts is whether it runs.
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    !state.is_empty() && !state.contains(") Z ")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_command_starts_an_engine_and_the_second_joins_it() {
    let place = Place::new(Protection::KeyFile).await;
    assert!(Handle::join(&place.profile).await.unwrap().is_none());
    let first = place.join_or_start().await;
    let second = place.join_or_start().await;
    let status = second.status().await.unwrap();
    assert_eq!(status.name, "alice");
    assert_ne!(status.engine.pid, std::process::id());
    assert_eq!(first.status().await.unwrap().engine.pid, status.engine.pid);
    assert_eq!(status.engine.faces, 2);
    first.stop().await.unwrap();
    assert!(Handle::join(&place.profile).await.unwrap().is_none());
    assert!(!place.profile.socket_path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_start_at_once_share_one_engine() {
    let place = Place::new(Protection::KeyFile).await;
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let (profile, options) = (place.profile.clone(), place.options());
            tokio::spawn(async move { Handle::join_or_start(&profile, options).await.unwrap() })
        })
        .collect();
    let mut pids = Vec::new();
    let mut handles = Vec::new();
    for start in starts {
        let handle = start.await.unwrap();
        pids.push(handle.status().await.unwrap().engine.pid);
        handles.push(handle);
    }
    pids.dedup();
    assert_eq!(pids.len(), 1);
    handles[0].stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_may_read_anything_of_a_profile() {
    let place = Place::new(Protection::KeyFile).await;
    let engine = place.join_or_start().await;
    assert_eq!(mode(place.profile.dir()), 0o700);
    assert_eq!(mode(place.profile.socket_path().parent().unwrap()), 0o700);
    assert_eq!(mode(place.profile.socket_path()), 0o600);
    for entry in std::fs::read_dir(place.profile.dir()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_nobody_uses_ends() {
    let place = Place::new(Protection::KeyFile).await;
    let options = place.options_with(&["PIRUSHKA_ENGINE_IDLE=0.2"]);
    let engine = Handle::join_or_start(&place.profile, options).await.unwrap();
    let pid = engine.status().await.unwrap().engine.pid;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(alive(pid), "a connected face keeps it");
    drop(engine);
    until("the idle engine ends", || !alive(pid)).await;
    assert!(!place.profile.socket_path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_leaves_a_socket_that_the_next_one_sweeps_away() {
    let place = Place::new(Protection::KeyFile).await;
    let engine = place.join_or_start().await;
    let pid = engine.status().await.unwrap().engine.pid;
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert_eq!(engine.status().await.unwrap_err().code, Code::Engine);
    assert!(place.profile.socket_path().exists());
    let next = place.join_or_start().await;
    assert_eq!(next.status().await.unwrap().name, "alice");
    next.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_reaches_the_engine_and_a_wrong_one_is_named() {
    let place = Place::new(Protection::Passphrase(Zeroizing::new("correct horse".into()))).await;
    let start = |ask| {
        let options = Options { passphrase: ask, ..place.options() };
        Handle::join_or_start(&place.profile, options)
    };
    assert_eq!(start(None).await.err().unwrap().code, Code::PassphraseNeeded);
    assert_eq!(start(passphrase("wrong horse")).await.err().unwrap().code, Code::WrongKey);
    let engine = start(passphrase("correct horse")).await.unwrap();
    let status = engine.status().await.unwrap();
    assert_eq!(status.engine.protection, "passphrase");
    // What cannot be read (the engine is not dumpable) tells nothing either.
    let line = std::fs::read(format!("/proc/{}/cmdline", status.engine.pid)).unwrap_or_default();
    let environment = std::fs::read(format!("/proc/{}/environ", status.engine.pid)).unwrap_or_default();
    for place in [line, environment] {
        assert!(!place.windows(7).any(|w| w == b"correct"));
    }
    // An unlocked key stays unlocked: nobody is asked.
    let joined = start(None).await.unwrap();
    assert_eq!(joined.identity().await.unwrap().name, "alice");
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_of_another_version_is_asked_to_stop() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let place = Place::new(Protection::KeyFile).await;
    std::fs::create_dir_all(place.profile.socket_path().parent().unwrap()).unwrap();
    let listener = tokio::net::UnixListener::bind(place.profile.socket_path()).unwrap();
    let old = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"{\"v\":7,\"engine\":\"0.0.1\",\"pid\":1,\"new\":true}\n").await.unwrap();
        let mut line = String::new();
        BufReader::new(&mut stream).read_line(&mut line).await.unwrap();
        line
    });
    let engine = place.join_or_start().await;
    let asked: serde_json::Value = serde_json::from_str(&old.await.unwrap()).unwrap();
    assert_eq!(asked, serde_json::json!({ "v": 7, "do": "stop" }));
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_inside_the_process_answers_the_same_and_holds_the_profile() {
    let place = Place::new(Protection::KeyFile).await;
    let options = || Options { mode: EngineMode::InProcess, ..Options::default() };
    let handle = Handle::join_or_start(&place.profile, options()).await.unwrap();
    let status = handle.status().await.unwrap();
    assert_eq!((status.engine.pid, status.engine.background), (std::process::id(), false));
    assert_eq!(Handle::join_or_start(&place.profile, options()).await.err().unwrap().code, Code::ProfileLocked);
    handle.close().await.unwrap();
    let again = Handle::join_or_start(&place.profile, options()).await.unwrap();
    again.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_there_after_the_engine_was_killed() {
    let place = Place::new(Protection::KeyFile).await;
    let engine = place.join_or_start().await;
    let invite = engine.invite_new("for bob", 1, Duration::from_secs(3600), false).await.unwrap();
    let pid = engine.status().await.unwrap().engine.pid;
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let engine = place.join_or_start().await;
    assert_eq!(engine.invites().await.unwrap(), [invite]);
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named_and_the_engine_lives_on() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let place = Place::new(Protection::KeyFile).await;
    let engine = place.join_or_start().await;
    assert_eq!(engine.contact("nobody").await.unwrap_err().code, Code::NoSuchContact);
    assert_eq!(engine.contact_add("nonsense", None).await.unwrap_err().code, Code::BadInput);
    assert_eq!(engine.set_home("nonsense").await.unwrap_err().code, Code::BadInput);
    assert_eq!(engine.invite_revoke(99).await.unwrap_err().code, Code::NoSuchInvite);
    assert_eq!(engine.wait(99, WaitFor::Read, Duration::ZERO).await.unwrap_err().code, Code::NoSuchMessage);
    let mut stream = BufReader::new(tokio::net::UnixStream::connect(place.profile.socket_path()).await.unwrap());
    for nonsense in ["{}", "[]", "{\"v\":1,\"do\":\"dance\"}", "{\"v\":9,\"do\":\"status\"}", "\u{0}"] {
        stream.write_all(format!("{nonsense}\n").as_bytes()).await.unwrap();
    }
    stream.write_all(b"{\"v\":1,\"do\":\"status\"}\n").await.unwrap();
    drop(stream);
    let mut stream = BufReader::new(tokio::net::UnixStream::connect(place.profile.socket_path()).await.unwrap());
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    for nonsense in ["{}", "{\"v\":1,\"do\":\"dance\"}", "{\"v\":9,\"do\":\"status\"}"] {
        stream.write_all(format!("{nonsense}\n").as_bytes()).await.unwrap();
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        assert!(line.contains("\"error\"") && line.contains("bad_input"), "{nonsense}: {line}");
    }
    assert_eq!(engine.status().await.unwrap().name, "alice");
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_is_told_when_it_has_caught_up_and_when_the_engine_stops() {
    let place = Place::new(Protection::KeyFile).await;
    let engine = place.join_or_start().await;
    let mut events = engine.subscribe(Since::Unseen).await.unwrap();
    loop {
        match events.next().await.unwrap().unwrap() {
            EventView::CaughtUp { cursor } => break assert_eq!(cursor, 0),
            _ => continue,
        }
    }
    engine.stop().await.unwrap();
    let mut last = None;
    while let Some(event) = events.next().await.unwrap() {
        last = Some(event);
    }
    assert_eq!(last, Some(EventView::Stopping));
}

/// An address at which nobody is; one may write to it all the same.
fn address(n: u8) -> String {
    format!("127.0.0.1:9/{}?k={}", format!("{n:02x}").repeat(32), pirushka_wire::PeerId([1; 32]))
}

fn text_of(message: &MessageView) -> &str {
    let BodyView::Text { text } = &message.body else { panic!("{message:?}") };
    text
}

/// 60 000 bytes and more of which JSON makes twice as many.
fn long_text(n: usize) -> String {
    format!("number {n} {}", "\"\\".repeat(30_000))
}

async fn send(engine: &Handle, to: &str, text: &str) -> u64 {
    engine.send(to, text, WaitFor::Queued, Duration::ZERO).await.unwrap().message.id
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_long_texts_end_early_and_say_that_there_is_more() {
    for mode in [EngineMode::Background, EngineMode::InProcess] {
        let place = Place::new(Protection::KeyFile).await;
        let engine = Handle::join_or_start(&place.profile, Options { mode, ..place.options() }).await.unwrap();
        engine.contact_add(&address(7), Some("bob")).await.unwrap();
        let mut ids = Vec::new();
        for n in 0..40 {
            ids.push(send(&engine, "bob", &long_text(n)).await);
        }
        let (mut newest_first, mut hits, mut oldest_first) = (Vec::new(), Vec::new(), Vec::new());
        let mut before = None;
        loop {
            let page = engine.history("bob", before, 1000).await.unwrap();
            assert!(!page.messages.is_empty() && page.messages.len() < 40);
            before = Some(page.messages[0].id);
            newest_first.extend(page.messages.into_iter().rev());
            if !page.more {
                break;
            }
        }
        let mut before = None;
        loop {
            let page = engine.search("number", None, before, 1000).await.unwrap();
            before = Some(page.hits[0].message.id);
            hits.extend(page.hits.into_iter().rev().map(|hit| hit.message));
            if !page.more {
                break;
            }
        }
        let mut after = 0;
        loop {
            let page = engine.history_after("bob", after, 1000).await.unwrap();
            after = page.messages.last().unwrap().id;
            oldest_first.extend(page.messages);
            if !page.more {
                break;
            }
        }
        newest_first.reverse();
        hits.reverse();
        assert_eq!(oldest_first.iter().map(|message| message.id).collect::<Vec<_>>(), ids);
        assert!((0..40).all(|n| text_of(&oldest_first[n]) == long_text(n)));
        assert!(newest_first == oldest_first && hits == oldest_first);
        for (middle, limit, expected) in [(20, 20, 10..30), (20, 1, 20..21), (1, 30, 0..30), (39, 7, 36..40)] {
            let page = engine.history_around("bob", ids[middle], limit).await.unwrap();
            let shown: Vec<_> = page.messages.iter().map(|message| message.id).collect();
            assert_eq!((shown.as_slice(), page.more), (&ids[expected.clone()], expected.start > 0), "{middle} {limit}");
        }
        engine.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_text_fits_however_json_writes_it_and_lists_of_any_length_come_whole() {
    let place = Place::new(Protection::KeyFile).await;
    let engine = place.join_or_start().await;
    // Of each of these bytes JSON makes six.
    let longest = format!("needle {}", "\u{1}".repeat(64 * 1024 - 7));
    for n in 0..30 {
        engine.contact_add(&address(n), Some(&format!("friend {n}"))).await.unwrap();
        send(&engine, &format!("friend {n}"), &longest).await;
    }
    for n in 30..230 {
        engine.contact_add(&address(n), Some(&format!("{n}{}", "\"".repeat(60)))).await.unwrap();
    }
    assert_eq!(engine.contacts().await.unwrap().len(), 230);
    let chats = engine.chats().await.unwrap();
    let last: Vec<_> = chats.iter().map(|chat| text_of(chat.last.as_ref().unwrap())).collect();
    assert_eq!(last, vec![longest.as_str(); 30]);
    let page = engine.history("friend 3", None, 1).await.unwrap();
    assert_eq!(text_of(&page.messages[0]), longest);
    let found = engine.search("needle", None, None, 20).await.unwrap();
    assert_eq!((found.hits.len(), found.more), (1, true));
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn init_makes_a_whole_profile_or_none() {
    let home = tempfile::tempdir().unwrap();
    let profile = Profile::at(home.path(), None).unwrap();
    let options = |name: &str, home: Option<&str>| InitOptions {
        name: name.into(),
        home: home.map(str::to_owned),
        protection: Protection::KeyFile,
    };
    assert_eq!(init(&profile, options("a\nb", None)).await.unwrap_err().code, Code::BadInput);
    assert_eq!(init(&profile, options("a", Some("nonsense"))).await.unwrap_err().code, Code::BadInput);
    assert!(!profile.exists());
    let error = Handle::join_or_start(&profile, Options::default()).await.err().unwrap();
    assert_eq!(error.code, Code::NoProfile);
    let both = tokio::join!(init(&profile, options("a", None)), init(&profile, options("b", None)));
    let made = [both.0, both.1];
    assert_eq!(made.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(made.iter().any(|outcome| outcome.as_ref().is_err_and(|e| e.code == Code::ProfileExists)));
    let left: Vec<_> = std::fs::read_dir(profile.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["default"]);
}
