//! From a message to an envelope and back: what comes out went in, memory is bounded, and a refusal changes nothing.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use pirushka_e2e::bundle::{Bundle, LookedUp};
use pirushka_e2e::chunks::{BYTES_MAX, MESSAGES_MAX, Outcome, PART_OVERHEAD, Reassembly};
use pirushka_e2e::content::{FIRST_TEXT_MAX, NAME_MAX, TEXT_MAX};
use pirushka_e2e::envelope::{self, EnvelopeError, PARTS_MAX, Part};
use pirushka_e2e::intro::{Intro, IntroPart, IntroReassembly, UNFINISHED_MAX};
use pirushka_e2e::session::{OpenError, Opened};
use pirushka_e2e::{Body, Content, KeyPackages, Session};
use pirushka_identity::Identity;
use pirushka_wire::QueueId;
use pirushka_wire::limits::ENVELOPES;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use crate::identity::person;
use crate::script::Script;

const QUEUE: QueueId = QueueId([1; 16]);
const SEAL_KEY: [u8; 32] = [2; 32];

/// Any content that is understood is within the limits, and says the same when it is written again.
pub(crate) fn content(input: &[u8]) {
    let Ok(content) = Content::decode(input) else { return };
    match &content.body {
        Body::Text(text) => assert!(text.text.len() <= TEXT_MAX),
        Body::Hello(hello) => {
            assert!(hello.name.len() <= NAME_MAX && hello.grants().count() <= 4);
            assert!(hello.text.as_ref().is_none_or(|text| text.len() <= FIRST_TEXT_MAX));
        }
        Body::Profile(profile) => assert!(profile.name.len() <= NAME_MAX),
        Body::Card(news) => assert!(news.grants.len() <= 4),
        _ => {}
    }
    let written = content.encode().expect("what was read can be written");
    let again = Content::decode(&written).expect("what was written can be read");
    assert_eq!(again, content);
    assert_eq!(again.encode().as_deref(), Ok(&written[..]));
}

/// An envelope whose inside is anything: read as the layout says, by whoever holds the key of its queue and nobody else.
pub(crate) fn sealed_envelope(input: &[u8]) {
    let mut script = Script::new(input);
    let room = script.pick(&ENVELOPES) - 8 - 16;
    let (kind, message_id) = (script.u8(), script.array());
    let (n, i) = (u16::from(script.u8()), u16::from(script.u8()));
    let length = if script.flag() { script.u16() } else { script.u8().into() };
    let mut inside = [&[kind], &message_id[..]].concat();
    inside.extend([n, i, length].iter().flat_map(|number| number.to_be_bytes()));
    let filled = usize::from(length) + script.below(3);
    inside.extend(script.bytes(filled.min(room - inside.len())));
    inside.resize(room, 0);
    let mut sealed = seal(&script.array(), &inside);
    let end = 15 + usize::from(length);
    let is_sound = (1..=PARTS_MAX).contains(&n) && i < n && end <= room && inside[end..].iter().all(|byte| *byte == 0);
    let part = || Part { kind, message_id, n, i, bytes: inside[15..end].to_vec() };
    let expected = if is_sound { Ok(part()) } else { Err(EnvelopeError::Malformed) };
    assert_eq!(envelope::open(&QUEUE, &SEAL_KEY, &sealed), expected);
    assert_eq!(envelope::open(&QueueId([9; 16]), &SEAL_KEY, &sealed), Err(EnvelopeError::Sealed));
    assert_eq!(envelope::open(&QUEUE, &[9; 32], &sealed), Err(EnvelopeError::Sealed));
    if script.damage(&mut sealed) {
        assert!(envelope::open(&QUEUE, &SEAL_KEY, &sealed).is_err());
    }
}

/// By the text of `spec/end-to-end.md` alone.
fn seal(salt: &[u8; 8], inside: &[u8]) -> Vec<u8> {
    let key = blake3::derive_key("pirushka 2026 envelope", &[&SEAL_KEY[..], salt].concat());
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).expect("32 bytes are a key"));
    let mut text = inside.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::from(QUEUE.0), &mut text)
        .expect("a short text");
    [&salt[..], &text].concat()
}

/// Parts of several messages, and of what somebody pretends them to be, in any order, against a list that is searched.
pub(crate) fn parts(input: &[u8]) {
    let mut script = Script::new(input);
    let rng = &mut ChaCha20Rng::from_seed([3; 32]);
    let mut cut: Vec<(Vec<u8>, Vec<Part>)> = vec![];
    for n in 0..1 + script.below(4) {
        let message = vec![n as u8; usize::from(script.u16() % 5000)];
        let sealed = envelope::seal_parts(&QUEUE, &SEAL_KEY, envelope::kind::MLS, &message, rng).expect("short");
        let open = |sealed: &Vec<u8>| envelope::open(&QUEUE, &SEAL_KEY, sealed).expect("sealed for this queue");
        cut.push((message, sealed.iter().map(open).collect()));
    }
    let (mut real, mut model, mut is_honest) = (Reassembly::new(), PartModel::default(), true);
    for _ in 0..80 {
        if script.is_over() {
            break;
        }
        let (message, parts) = &cut[script.below(cut.len())];
        let mut part = parts[script.below(parts.len())].clone();
        match script.u8() % 8 {
            0 => {
                real.forget(&part.message_id);
                model.forget(part.message_id);
                continue;
            }
            1..=3 => {
                is_honest = false;
                part.message_id[0] = script.u8() % 16;
                part.n = script.u16() % (PARTS_MAX + 1);
                part.i = script.u16() % PARTS_MAX;
                let length = script.below(envelope::PART_MAX + 1);
                part.bytes = vec![script.u8() % 2; length];
            }
            4 => {
                is_honest = false;
                (part.message_id[1], part.n) = (script.u8(), PARTS_MAX);
                let last = script.u16() % PARTS_MAX;
                for i in 0..last {
                    let part = Part { i, bytes: vec![0; envelope::PART_MAX], ..part.clone() };
                    assert_eq!(real.insert(part.clone()), model.insert(part));
                }
                part.i = last;
            }
            _ => {}
        }
        let outcome = real.insert(part.clone());
        assert_eq!(outcome, model.insert(part));
        if let (true, Outcome::Whole { message: whole, .. }) = (is_honest, &outcome) {
            assert_eq!(whole, message, "what was cut comes together");
        }
        assert_eq!((real.bytes(), real.unfinished()), (model.bytes(), model.unfinished.len()));
        assert!(real.bytes() <= BYTES_MAX && real.unfinished() <= MESSAGES_MAX);
        assert!(real.parts().eq(model.unfinished.iter().flat_map(|(id, m)| m.parts.keys().map(|i| (*id, *i)))));
    }
}

#[derive(Default)]
struct PartModel {
    unfinished: BTreeMap<[u8; 8], Unfinished>,
    clock: u64,
}

struct Unfinished {
    kind: u8,
    n: u16,
    parts: BTreeMap<u16, Vec<u8>>,
    /// When the last one came.
    touched: u64,
}

impl PartModel {
    fn insert(&mut self, part: Part) -> Outcome {
        let Part { kind, message_id, n, i, bytes } = part;
        self.clock += 1;
        let known = self.unfinished.get(&message_id);
        if i >= n || known.is_some_and(|m| (m.kind, m.n) != (kind, n)) {
            return Outcome::Contradiction;
        }
        if let Some(earlier) = known.and_then(|m| m.parts.get(&i)) {
            return if *earlier == bytes { Outcome::Duplicate } else { Outcome::Contradiction };
        }
        let entry = self.unfinished.entry(message_id).or_insert_with(|| Unfinished {
            kind,
            n,
            parts: BTreeMap::new(),
            touched: 0,
        });
        entry.parts.insert(i, bytes);
        entry.touched = self.clock;
        if entry.parts.len() == usize::from(n) {
            let message = entry.parts.values().flatten().copied().collect();
            self.unfinished.remove(&message_id);
            return Outcome::Whole { kind, message_id, message };
        }
        let mut evicted = vec![];
        while self.unfinished.len() > MESSAGES_MAX || self.bytes() > BYTES_MAX {
            let others = self.unfinished.iter().filter(|(id, _)| **id != message_id);
            let Some(oldest) = others.min_by_key(|(_, m)| m.touched).map(|(id, _)| *id) else { break };
            self.unfinished.remove(&oldest);
            evicted.push(oldest);
        }
        Outcome::Waiting { evicted }
    }

    fn forget(&mut self, message_id: [u8; 8]) {
        self.unfinished.remove(&message_id);
    }

    fn bytes(&self) -> usize {
        self.unfinished.values().flat_map(|m| m.parts.values()).map(|part| part.len() + PART_OVERHEAD).sum()
    }
}

/// Introductions and bundles: laid out in one way, and no flood of beginnings takes more than its bound.
pub(crate) fn intro(input: &[u8]) {
    if let Ok(intro) = Intro::decode(input) {
        assert_eq!(intro.encode().as_deref(), Ok(input));
    }
    if let Ok(bundle) = Bundle::decode(input)
        && let Ok(again) = bundle.encode()
    {
        assert_eq!(again, input);
    }
    if let Ok(answer) = LookedUp::decode(input) {
        assert_eq!(answer.encode().as_deref(), Ok(input));
        let _ = answer.verify(&person(0).fingerprint(), 0);
    }
    let mut script = Script::new(input);
    let (mut inbox, mut first) = (IntroReassembly::default(), BTreeMap::<(u8, u8, u8), &[u8]>::new());
    while !script.is_over() {
        let (id, n, i, length) = (script.u8() % 40, script.u8() % 10, script.u8() % 9, script.below(20));
        let bytes = script.bytes(length);
        let body = [&[id; 16][..], &[n, i], bytes].concat();
        let Ok(part) = IntroPart::decode(&body) else {
            assert!(n == 0 || n > 8 || i >= n);
            continue;
        };
        assert_eq!((part.intro.0, part.n, part.i, part.bytes), ([id; 16], n, i, bytes));
        let is_known = inbox.unfinished().any(|known| known == part.intro);
        if !is_known {
            first.retain(|(known, _, _), _| *known != id);
        }
        first.entry((id, n, i)).or_insert(bytes);
        if let Ok(Some(whole)) = inbox.insert(&part) {
            let parts: Vec<_> = (0..n).filter_map(|i| first.get(&(id, n, i))).copied().collect();
            assert_eq!(whole.encode(), Ok(parts.concat()), "the first of each part counts");
        }
        assert!(inbox.unfinished().count() <= UNFINISHED_MAX);
    }
}

struct Side {
    id: &'static Identity,
    rng: ChaCha20Rng,
    session: Session,
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What it has sealed, and the plaintext; none for a commit.
    sent: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Which of the other side's it has opened.
    opened: Vec<usize>,
}

/// Two people talk while somebody drops, repeats, reorders, damages and invents; either may be loaded again at any time.
pub(crate) fn session(input: &[u8]) {
    let mut script = Script::new(input);
    let mut sides = [0, 1].map(Side::load);
    for step in 0..60 {
        if script.is_over() {
            break;
        }
        let act = script.u8();
        let from = usize::from(act >> 7);
        let [a, b] = &mut sides;
        let (side, other) = if from == 0 { (a, b) } else { (b, a) };
        match act % 8 {
            0 | 1 => side.say(&[step; 20]),
            2 => side.commit(),
            3 => side.reload(),
            4 if !other.sent.is_empty() => {
                let mut bytes = other.sent[script.below(other.sent.len())].0.clone();
                if script.damage(&mut bytes) {
                    side.refuses(&bytes);
                }
            }
            5 => {
                let length = script.below(300);
                side.refuses(script.bytes(length));
            }
            _ if !other.sent.is_empty() => side.hears(script.below(other.sent.len()), &other.sent),
            _ => {}
        }
    }
}

impl Side {
    /// Person `n` of a conversation that has just begun.
    fn load(n: usize) -> Self {
        static BEGUN: LazyLock<[BTreeMap<Vec<u8>, Vec<u8>>; 2]> = LazyLock::new(begin);
        let rows = BEGUN[n].clone();
        let session = Session::load(rows.clone()).expect("what was written");
        let rng = ChaCha20Rng::from_seed([40 + n as u8; 32]);
        Self { id: person(n), rng, session, rows, sent: vec![], opened: vec![] }
    }

    fn say(&mut self, text: &[u8]) {
        let sealed = self.session.encrypt(self.id, &mut self.rng, text).expect("there is room");
        self.sent.push((sealed.bytes, Some(text.to_vec())));
        self.keep();
    }

    fn commit(&mut self) {
        if self.session.may_commit() {
            let commit = self.session.commit(self.id, &mut self.rng).expect("it is our turn");
            self.sent.push((commit, None));
            self.keep();
        }
    }

    fn hears(&mut self, which: usize, sent: &[(Vec<u8>, Option<Vec<u8>>)]) {
        let (bytes, said) = &sent[which];
        let (before, is_first) = (self.session.epoch(), !self.opened.contains(&which));
        match (self.session.open(bytes), said) {
            (Ok(Opened::Application { plaintext, .. }), Some(text)) => assert_eq!((is_first, &plaintext), (true, text)),
            (Ok(Opened::Committed { epoch }), None) => assert_eq!((is_first, epoch), (true, before + 1)),
            (Ok(opened), _) => panic!("{opened:?} was never said"),
            (Err(reason), _) => {
                assert_ne!(reason, OpenError::Malformed, "it is sound");
                return self.is_unchanged(before);
            }
        }
        self.opened.push(which);
        self.keep();
    }

    fn refuses(&mut self, bytes: &[u8]) {
        let before = self.session.epoch();
        assert!(self.session.open(bytes).is_err(), "nobody sealed this");
        self.is_unchanged(before);
    }

    fn is_unchanged(&mut self, epoch: u64) {
        assert_eq!(self.session.epoch(), epoch);
        assert_eq!(self.session.take_writes().len(), 0, "a refused message has changed a row");
    }

    fn keep(&mut self) {
        for (key, value) in self.session.take_writes() {
            match value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
    }

    fn reload(&mut self) {
        self.session = Session::load(self.rows.clone()).expect("what was written");
    }
}

fn begin() -> [BTreeMap<Vec<u8>, Vec<u8>>; 2] {
    const NOW_S: u64 = 1_800_000_000;
    let (alice, bob) = (person(0), person(1));
    let rng = &mut ChaCha20Rng::from_seed([5; 32]);
    let mut packages = KeyPackages::new();
    let published = packages.publish(bob, rng, NOW_S, 1).expect("packages");
    let begun = Session::initiate(alice, rng, bob.certificate(), &published.one_time[0], 1);
    let (mut at_alice, welcome) = begun.expect("a package of bob's");
    let mut at_bob = Session::join(bob, &mut packages, &welcome, NOW_S).expect("a welcome for bob").session;
    [&mut at_alice, &mut at_bob]
        .map(|session| session.take_writes().into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}
