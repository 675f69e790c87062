//! Files that people write by hand or carry about: settings, and backups.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use minicbor::Encode;
use pirushka_client::Settings;
use pirushka_client::backup::check_unlocked;
use pirushka_client::store::{indexed, shown_of};
use pirushka_client_core::{ContactId, Message, MessageBody, MessageId, MessageState, Table};
use pirushka_peer::config;

use crate::script::Script;

/// Settings of the client: each value that is accepted is accepted again as it is shown.
pub(crate) fn settings(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let parse = |text: &str| Settings::parse(Path::new("config.toml"), text, |_| None);
    let settings = match parse(text) {
        Ok(settings) => settings,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let _ = settings.client();
    let values = |settings: &Settings| settings.all().into_iter().map(|it| (it.name, it.value)).collect::<Vec<_>>();
    let shown: String = values(&settings).iter().map(|(name, value)| format!("{name} = \"{value}\"\n")).collect();
    assert_eq!(parse(&shown).map(|again| values(&again)).as_ref(), Ok(&values(&settings)));
}

/// Settings of the peer: the documented file that says the same is accepted, and says the same.
pub(crate) fn peer_config(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let path = Path::new("pirushkad.toml");
    let loaded = match config::parse(path, text) {
        Ok(loaded) => loaded,
        Err(failure) => return assert!(!failure.to_string().is_empty()),
    };
    let shown = config::example(&loaded);
    let again = config::parse(path, &shown).unwrap_or_else(|failure| panic!("{failure}\n{shown}"));
    for setting in config::SETTINGS {
        assert_eq!(setting.shown(&again.config), setting.shown(&loaded.config), "{}", setting.key);
    }
}

/// Texts are other people's: the index, which splits at what is not a letter or digit, gets only those of ASCII, what is
/// shown of a text is a part of it, and whatever stands in it is found.
pub(crate) fn words(input: &[u8]) {
    let Ok(input) = std::str::from_utf8(input) else { return };
    let (question, text) = input.split_once('\n').unwrap_or((input, input));
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| !b.is_ascii() || b.is_ascii_alphanumeric());
    let folded = indexed(text);
    assert!(folded.is_empty() || folded.split(' ').all(is_word), "{folded:?}");
    if let Ok(pieces) = shown_of(text, question) {
        let shown: String = pieces.into_iter().map(|(piece, _)| piece).collect();
        let part = shown.strip_prefix('…').unwrap_or(&shown);
        assert!(text.contains(part.strip_suffix('…').unwrap_or(part)), "{shown:?}");
    }
    for word in text.split_whitespace().filter(|word| word.len() < 90).take(8) {
        // Symbols alone are not looked for.
        if let Ok(pieces) = shown_of(text, word) {
            assert!(pieces.iter().any(|(_, is_hit)| *is_hit), "{word:?} is not found");
        }
    }
}

const KEY: [u8; 32] = [5; 32];
const CHUNK: usize = 64 * 1024;

/// A record, as `backup/mod.rs` of the client numbers its fields: written again here, so that both must agree.
#[derive(Encode)]
enum Record<'a> {
    #[n(0)]
    About(#[n(0)] About<'a>),
    #[n(1)]
    Row {
        #[n(0)]
        table: u8,
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        key: &'a [u8],
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        value: &'a [u8],
    },
    #[n(2)]
    Message {
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        value: &'a [u8],
    },
    #[n(3)]
    End {
        #[n(0)]
        rows: u64,
        #[n(1)]
        messages: u64,
    },
}

#[derive(Encode)]
struct About<'a> {
    #[n(0)]
    created_ms: u64,
    #[n(1)]
    name: &'a str,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    fingerprint: &'a [u8],
    #[n(3)]
    contacts: u64,
    #[n(4)]
    cursor: u64,
    #[n(5)]
    program: &'a str,
}

/// A backup as it is made, one whose owner put something else into it, and one that was damaged afterwards.
pub(crate) fn backup(input: &[u8]) {
    let mut script = Script::new(input);
    let act = script.u8();
    if act & 3 == 0 {
        let _ = check_unlocked(script.rest(), &KEY);
        return;
    }
    let (mut inside, counts) = records(&mut script);
    let is_honest = act & 4 == 0 || !script.damage(&mut inside);
    let header = header();
    let mut file = [header.clone(), sealed(&header, &inside)].concat();
    let read = check_unlocked(&file, &KEY);
    if is_honest {
        let info = read.expect("it is sound");
        assert_eq!((info.contacts, info.messages, info.bytes), (counts.0, counts.1, file.len() as u64));
    }
    assert!(check_unlocked(&file, &[6; 32]).is_err(), "another secret");
    if script.damage(&mut file) {
        assert!(check_unlocked(&file, &KEY).is_err(), "a damaged file passes for a sound one");
    }
}

/// Rows and messages; how many contacts and messages the records speak of.
fn records(script: &mut Script<'_>) -> (Vec<u8>, (u64, u64)) {
    let (contacts, rows, messages) = (script.u64(), script.u8() % 8, script.u8() % 4);
    let mut out = vec![];
    let fingerprint = [7; 32];
    let about =
        About { created_ms: script.u64(), name: "alice", fingerprint: &fingerprint, contacts, cursor: 9, program: "1" };
    put(&mut out, &Record::About(about));
    for _ in 0..rows {
        let (table, key) = (script.pick(&Table::ALL) as u8, script.u8().to_be_bytes());
        let length = script.below(200) * if script.u8() == 7 { 1000 } else { 1 };
        let value = vec![table; length];
        put(&mut out, &Record::Row { table, key: &key, value: &value });
    }
    for n in 0..messages {
        let message = Message {
            id: MessageId(script.u64()),
            contact: ContactId(1),
            outgoing: script.flag(),
            content: [n; 16],
            seq: 1,
            sent_ms: 2,
            stored_ms: 3,
            state: MessageState::Received,
            body: MessageBody::Text("hello".into()),
            seen: script.flag(),
        };
        let value = minicbor::to_vec(&message).expect("encoding into memory");
        put(&mut out, &Record::Message { value: &value });
    }
    put(&mut out, &Record::End { rows: rows.into(), messages: messages.into() });
    (out, (contacts, messages.into()))
}

fn put(out: &mut Vec<u8>, record: &Record<'_>) {
    let bytes = minicbor::to_vec(record).expect("encoding into memory");
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
}

fn header() -> Vec<u8> {
    let mut header = b"PIRUSHKA-BACKUP\n\x01\x00".to_vec();
    [8 * 1024u32, 1, 1].iter().for_each(|number| header.extend(number.to_be_bytes()));
    header.extend([9; 16]);
    header.extend(&blake3::derive_key("pirushka 2026 backup check", &KEY)[..8]);
    header.extend(&blake3::hash(&header).as_bytes()[..8]);
    header
}

fn sealed(header: &[u8], inside: &[u8]) -> Vec<u8> {
    let key = blake3::derive_key("pirushka 2026 backup chunks", &[&KEY, header].concat());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes are a key"));
    let last = inside.len().saturating_sub(1) / CHUNK;
    let chunk = |n: usize| {
        let mut chunk = inside[n * CHUNK..inside.len().min((n + 1) * CHUNK)].to_vec();
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&(n as u64).to_be_bytes());
        nonce[11] = u8::from(n == last);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut chunk).expect("short");
        chunk
    };
    (0..=last).flat_map(chunk).collect()
}
