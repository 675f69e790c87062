//! What a hostile contact, a hostile peer, and a restart at a bad moment can do to a client's rows and memory.

use std::collections::BTreeMap;

use pirushka_e2e::content::{Body, Content, HomesNews, Profile, QueueGrant, Text};
use pirushka_e2e::envelope;
use pirushka_identity::IntroPolicy;
use pirushka_wire::time::{MINUTE, SECOND};
use pirushka_wire::{Fingerprint, Now, PeerAddress, PeerId, QueueId, QueueSecret};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::contact::Contact;
use crate::home_row::HomeId;
use crate::outbox::ItemKind;
use crate::{Client, ClientConfig, ContactId, ContactState, Event, MessageBody, Table};

/// The home of whoever sits at the desk.
const HOME: HomeId = HomeId(1);
const NOW: Now = Now { mono_us: 1_000_000, wall_ms: 1_793_491_200_000 };

/// A client that knows bob, and its disk.
struct Desk {
    client: Client,
    bob: ContactId,
    disk: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
}

impl Desk {
    fn new() -> Self {
        let mut client = Client::create(ClientConfig::default(), [1; 32], NOW, "me").unwrap();
        client.set_home(NOW, peer("peer.example")).unwrap();
        client.start(NOW);
        let bob = client.profile.take_contact();
        let mut contact = Contact::new(bob, "bob".into(), Fingerprint([9; 32]), ContactState::Active, NOW.wall_ms);
        contact.changed = true;
        client.contacts.insert(bob, contact);
        client.by_fingerprint.insert(Fingerprint([9; 32]), bob);
        client.ensure_queues(NOW, bob);
        let mut desk = Self { client, bob, disk: BTreeMap::new() };
        desk.commit();
        desk
    }

    fn commit(&mut self) {
        self.client.turn(NOW);
        for write in self.client.take_writes() {
            match write.value {
                Some(value) => self.disk.insert((write.table, write.key), value),
                None => self.disk.remove(&(write.table, write.key)),
            };
        }
        self.client.committed();
    }

    fn restart(&mut self) {
        self.commit();
        let rows = self.disk.iter().filter(|((table, _), _)| table.is_loaded());
        let rows = rows.map(|((table, key), value)| (*table, key.clone(), value.clone()));
        self.client = Client::load(ClientConfig::default(), [2; 32], NOW, rows).expect("loads what it wrote");
        self.client.start(NOW);
    }

    fn bob_says(&mut self, seq: u64, body: Body) {
        self.bob_says_after(None, seq, body);
    }

    fn bob_says_after(&mut self, jump: Option<(u64, u64)>, seq: u64, body: Body) {
        let mut id = [7; 16];
        id[..8].copy_from_slice(&seq.to_be_bytes());
        let content = Content { id, seq, jump, time_ms: NOW.wall_ms, receipts: None, body };
        self.client.take_content(NOW, self.bob, &content.encode().unwrap());
    }

    fn bob_writes(&mut self, seq: u64) {
        self.bob_writes_after(None, seq);
    }

    fn bob_writes_after(&mut self, jump: Option<(u64, u64)>, seq: u64) {
        let text = Text { text: format!("text {seq}"), reply_to: None, expire_s: None };
        self.bob_says_after(jump, seq, Body::Text(text));
    }

    /// What stands in the conversation, from the first to the last.
    fn conversation(&mut self) -> Vec<String> {
        self.commit();
        let rows = self.disk.iter().filter(|((table, _), _)| *table == Table::Message);
        rows.map(|(_, row)| crate::Message::from_row(row).expect("a row of ours").body).map(told).collect()
    }

    fn shown(&mut self) -> Vec<String> {
        self.commit();
        std::iter::from_fn(|| self.client.poll_event())
            .filter_map(|event| match event {
                Event::Message(message) => Some(message.body),
                _ => None,
            })
            .map(told)
            .collect()
    }

    fn home(&mut self) -> &mut crate::home::Home {
        self.client.homes.values_mut().next().expect("one home")
    }

    fn rows(&self, table: Table) -> usize {
        self.disk.keys().filter(|(t, _)| *t == table).count()
    }
}

fn told(body: MessageBody) -> String {
    match body {
        MessageBody::Text(text) => text,
        MessageBody::Gap { missing } => format!("gap of {missing}"),
        MessageBody::NeedsNewerVersion { kind, .. } => format!("kind {kind}"),
        MessageBody::Expire { after_s } => format!("messages stay {after_s} s"),
    }
}

fn peer(host: &str) -> PeerAddress {
    PeerAddress { host: host.parse().unwrap(), port: 47_000, peer_id: PeerId([3; 32]) }
}

fn grant(host: &str) -> Body {
    Body::Grant(QueueGrant {
        peer: peer(host),
        queue: QueueId([4; 16]),
        secret: QueueSecret([5; 16]),
        seal_key: [6; 32],
        ticket: None,
    })
}

fn later(us: u64) -> Now {
    Now { mono_us: NOW.mono_us + us, wall_ms: NOW.wall_ms + us / 1000 }
}

#[test]
fn a_contact_removed_in_the_middle_of_a_long_text_leaves_a_profile_that_loads() {
    let mut desk = Desk::new();
    let (&queue, row) = desk.client.queues.first_key_value().unwrap();
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let parts = envelope::seal_parts(&queue, &row.seal_key, envelope::kind::MLS, &[1; 4000], &mut rng).unwrap();
    desk.client.take_envelope(NOW, queue, &parts[0]);
    desk.commit();
    assert_eq!(desk.rows(Table::Part), 1);
    desk.client.remove(NOW, desk.bob).unwrap();
    desk.restart();
    assert_eq!(desk.rows(Table::Part), 0);
}

#[test]
fn t26_parts_of_introductions_that_contradict_each_other_leave_a_profile_that_loads() {
    let mut desk = Desk::new();
    let part = |n: u8, i: u8| [&[1; 16], &[n, i][..], b"nonsense"].concat();
    for (n, i) in [(2, 0), (1, 0), (2, 0), (3, 1)] {
        desk.client.take_intro_part(NOW, HOME, &part(n, i));
        desk.restart();
    }
    desk.client.take_intro_part(NOW, HOME, &part(2, 1));
    desk.restart();
    assert_eq!(desk.rows(Table::Intro), 1, "the last is as good as any");
}

#[test]
fn t20_the_highest_number_of_all_is_no_number_of_a_content() {
    let mut desk = Desk::new();
    desk.bob_writes(u64::MAX);
    desk.bob_writes(u64::MAX - 1);
    desk.client.handle_timeout(later(MINUTE));
    desk.restart();
    desk.bob_writes(1);
    desk.client.handle_timeout(later(2 * MINUTE));
    assert_eq!(desk.shown(), ["text 1"]);
}

#[test]
fn t20_texts_behind_endless_gaps_are_shown_rather_than_hoarded() {
    let mut desk = Desk::new();
    for n in 1..=1000 {
        desk.bob_writes(2 * n);
    }
    let waiting = desk.client.contacts[&desk.bob].row.waiting.len();
    assert!(waiting <= crate::limits::WAITING_MAX, "{waiting} wait");
    for minute in 1..100 {
        desk.client.handle_timeout(later(minute * MINUTE));
    }
    let shown = desk.shown();
    assert_eq!(shown.iter().filter(|text| text.starts_with("text")).count(), 1000);
}

#[test]
fn a_text_that_waits_for_an_earlier_one_is_shown_after_a_restart_too() {
    let mut desk = Desk::new();
    desk.bob_writes(2);
    desk.restart();
    assert!(desk.shown().is_empty());
    desk.client.handle_timeout(later(11 * SECOND));
    assert_eq!(desk.shown(), ["gap of 1", "text 2"]);
}

#[test]
fn what_a_contact_wrote_between_restarts_finds_its_place_when_it_comes_late() {
    const STARTS: [u64; 3] = [1_793_491_200_000, 1_793_491_300_000, 1_793_491_400_000];
    let mut desk = Desk::new();
    desk.bob_writes(1);
    // What was said in the first two runs after this one is lost for now, so nobody knows how often numbers have jumped.
    let jumps = [(2, STARTS[0]), (STARTS[0] + 1, STARTS[1]), (STARTS[1] + 1, STARTS[2])];
    desk.bob_writes_after(Some(jumps[2]), STARTS[2]);
    desk.client.handle_timeout(later(11 * SECOND));
    assert_eq!(desk.conversation(), ["text 1", "gap of 1", &format!("text {}", STARTS[2])], "at least one");
    for (jump, seq) in [
        (jumps[1], STARTS[1] + 1),
        (jumps[0], STARTS[0]),
        (jumps[1], STARTS[1]),
        ((0, 0), 2),
        (jumps[0], STARTS[0] + 1),
    ] {
        desk.bob_writes_after(Some(jump).filter(|jump| jump.1 > 0), seq);
    }
    let texts = [1, 2, STARTS[0], STARTS[0] + 1, STARTS[1], STARTS[1] + 1, STARTS[2]];
    assert_eq!(desk.conversation(), texts.map(|seq| format!("text {seq}")), "and nothing is missing");
}

#[test]
fn what_is_missing_before_and_behind_a_jump_is_missing_in_two_places() {
    const START: u64 = 1_793_491_200_000;
    let mut desk = Desk::new();
    desk.bob_writes(1);
    let jump = Some((2, START));
    desk.bob_writes_after(jump, START + 3);
    desk.bob_writes_after(jump, START + 4);
    desk.client.handle_timeout(later(11 * SECOND));
    let (next, last) = (format!("text {}", START + 3), format!("text {}", START + 4));
    assert_eq!(desk.conversation(), ["text 1", "gap of 1", "gap of 3", &next, &last]);
    [START + 1, START, 2, START + 2].into_iter().for_each(|seq| desk.bob_writes_after(jump, seq));
    let texts = [1, 2, START, START + 1, START + 2, START + 3, START + 4];
    assert_eq!(desk.conversation(), texts.map(|seq| format!("text {seq}")));
}

#[test]
fn t25_an_introduction_that_a_peer_altered_does_not_stand_in_the_way_of_the_true_one() {
    let mut desk = Desk::new();
    let parts = [b"one".to_vec(), b"two".to_vec()];
    let intro = pirushka_identity::intro_id(&parts);
    let body = |i: u8, bytes: &[u8]| [&intro.0[..], &[2, i], bytes].concat();
    desk.client.take_intro_part(NOW, HOME, &body(0, b"odd"));
    desk.client.take_intro_part(NOW, HOME, &body(1, b"two"));
    desk.restart();
    assert_eq!((desk.rows(Table::Intro), desk.client.intros.is_done(intro)), (0, false));
    for (i, part) in parts.iter().enumerate() {
        assert!(!desk.client.intros.is_done(intro));
        desk.client.take_intro_part(NOW, HOME, &body(i as u8, part));
    }
    assert!(desk.client.intros.is_done(intro), "it was looked at, such as it is");
}

#[test]
fn t25_parts_that_a_bad_home_pushes_do_not_mix_with_those_of_a_good_one() {
    let mut desk = Desk::new();
    let parts = [b"one".to_vec(), b"two".to_vec()];
    let intro = pirushka_identity::intro_id(&parts);
    let body = |n: u8, i: u8, bytes: &[u8]| [&intro.0[..], &[n, i], bytes].concat();
    let bad = HomeId(HOME.0 + 1);
    // One part too many, or one that is another's.
    for odd in [body(3, 0, b"one"), body(2, 0, b"odd")] {
        desk.client.take_intro_part(NOW, bad, &odd);
        desk.restart();
    }
    desk.client.take_intro_part(NOW, HOME, &body(2, 0, b"one"));
    desk.client.take_intro_part(NOW, bad, &body(2, 0, b"odd"));
    desk.client.take_intro_part(NOW, HOME, &body(2, 1, b"two"));
    assert!(desk.client.intros.is_done(intro), "the good home brought it whole");
    desk.restart();
    assert_eq!(desk.rows(Table::Intro), 0, "and nothing is left of the other");
}

#[test]
fn a_row_of_an_introduction_as_earlier_versions_kept_it_hinders_nobody() {
    let mut desk = Desk::new();
    desk.client.writes.put(Table::Intro, vec![1; crate::intro::INTRO_KEY_WITHOUT_HOME], b"part".to_vec());
    desk.restart();
    desk.restart();
    assert_eq!(desk.rows(Table::Intro), 0);
}

#[test]
fn what_is_nothing_to_show_fills_a_gap_as_well() {
    let mut desk = Desk::new();
    desk.bob_writes(1);
    desk.bob_writes(4);
    desk.client.handle_timeout(later(11 * SECOND));
    assert_eq!(desk.conversation(), ["text 1", "gap of 2", "text 4"]);
    desk.bob_says(3, Body::Profile(Profile { name: "bobby".into() }));
    assert_eq!(desk.conversation(), ["text 1", "gap of 1", "text 4"]);
    desk.bob_writes(2);
    assert_eq!(desk.conversation(), ["text 1", "text 2", "text 4"]);
}

#[test]
fn an_older_grant_or_name_that_comes_late_changes_nothing() {
    let mut desk = Desk::new();
    desk.bob_says(2, grant("new.example"));
    desk.bob_says(1, grant("old.example"));
    desk.bob_says(4, Body::Profile(Profile { name: "robert".into() }));
    desk.bob_says(3, Body::Profile(Profile { name: "bobby".into() }));
    desk.restart();
    let contact = &desk.client.contacts[&desk.bob];
    assert_eq!(contact.peers(), [peer("new.example")]);
    assert_eq!(contact.row.claimed_name, "robert");
}

#[test]
fn nobody_can_call_himself_by_the_fingerprint_of_somebody_else() {
    let desk = Desk::new();
    let fingerprint = Fingerprint([9; 32]).to_hex();
    assert_eq!(desk.client.free_name(&fingerprint), "guest");
    assert_eq!(desk.client.free_name("b\u{200b}ob"), "bob-2");
    assert_eq!(desk.client.find(&fingerprint), Some(desk.bob));
}

#[test]
fn t26_a_ticket_without_end_is_a_ticket() {
    let mut desk = Desk::new();
    desk.bob_says(1, grant("new.example"));
    let row = desk.client.queues.values_mut().next().unwrap();
    row.ticket = Some(crate::queue::TicketRow { quota_kib: 1, expiry: u64::MAX, mac: [0; 16] });
    row.ticket_given = u64::MAX;
    desk.client.contacts.get_mut(&desk.bob).unwrap().row.greeted = true;
    desk.client.dirty.insert(desk.bob);
    desk.commit();
}

#[test]
fn contacts_whose_peers_are_dead_do_not_keep_others_from_being_reached() {
    let mut desk = Desk::new();
    let everybody = (0..=crate::limits::ROUTES_MAX as u32).map(|n| ContactId(100 + n));
    for id in everybody.clone() {
        let mut contact = Contact::new(id, id.0.to_string(), Fingerprint([0; 32]), ContactState::Active, NOW.wall_ms);
        contact.row.peer = Some(peer("dead.example").to_string());
        desk.client.contacts.insert(id, contact);
        desk.client.reach(NOW, id);
        for query in desk.client.queries.keys().copied().collect::<Vec<_>>() {
            desk.client.handle_resolved(NOW, query, vec![]);
        }
    }
    let reached = |id: &ContactId| !desk.client.contacts[id].routes.is_empty();
    assert!(reached(&everybody.clone().next_back().unwrap()));
    assert_eq!(everybody.filter(reached).count(), crate::limits::ROUTES_MAX);
}

#[test]
fn a_commit_under_way_outlives_a_block() {
    let mut desk = Desk::new();
    desk.bob_says(1, grant("new.example"));
    desk.commit();
    desk.client.enqueue_commit(NOW, desk.bob, vec![1; 100], 1, 1);
    desk.client.block(NOW, desk.bob).unwrap();
    desk.restart();
    desk.client.unblock(NOW, desk.bob).unwrap();
    desk.commit();
    assert!(desk.client.contacts[&desk.bob].outbox.values().any(|item| item.row.kind == ItemKind::Commit));
}

#[test]
fn a_changed_network_ends_every_pause_and_the_long_keepalive() {
    let mut desk = Desk::new();
    desk.home().keepalive_us = 110 * SECOND;
    desk.client.reach(NOW, desk.bob);
    desk.bob_says(1, grant("dead.example"));
    desk.client.reach(NOW, desk.bob);
    for query in desk.client.queries.keys().copied().collect::<Vec<_>>() {
        desk.client.handle_resolved(NOW, query, vec![]);
    }
    let waits =
        |desk: &Desk| desk.client.contacts[&desk.bob].routes.values().any(|route| route.dial.waiting_until().is_some());
    assert!(waits(&desk));
    desk.client.network_changed(NOW);
    assert!(!waits(&desk));
    assert_eq!(desk.home().keepalive_us, ClientConfig::default().keepalive_us);
}

#[test]
fn a_wish_for_new_keys_outlives_a_restart() {
    let mut desk = Desk::new();
    desk.bob_says(1, Body::PleaseCommit);
    desk.restart();
    assert!(desk.client.contacts[&desk.bob].row.commit_wanted);
}

#[test]
fn a_key_that_was_not_found_is_looked_for_again() {
    let mut desk = Desk::new();
    desk.client.contacts.get_mut(&desk.bob).unwrap().row.keyless = Some(("bob.example".into(), 1));
    desk.client.ask_peer_key(desk.bob);
    let asked = |desk: &mut Desk| {
        desk.commit();
        let asked = std::iter::from_fn(|| desk.client.poll_event());
        asked.filter_map(|e| if let Event::ResolveKey { query, .. } = e { Some(query) } else { None }).last()
    };
    let query = asked(&mut desk).unwrap();
    desk.client.handle_peer_key(NOW, query, None);
    assert_eq!(asked(&mut desk), None);
    desk.client.handle_timeout(later(11 * MINUTE));
    assert!(asked(&mut desk).is_some());
}

#[test]
fn t20_what_cannot_be_read_is_kept_up_to_a_bound() {
    let mut desk = Desk::new();
    for n in 0..100u8 {
        desk.client.keep_pending(desk.bob, vec![n; 64 * 1024], true);
    }
    assert_eq!(desk.client.contacts[&desk.bob].pending.len(), 16);
}

/// Rows of alice's disk as the first format had them: one home peer; bob, who has two texts and a long one waiting at his
/// peer; carol, whom alice introduced herself to; an invite.
fn rows_of_format_1() -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    let mut bytes = &include_bytes!("../tests/data/rows-of-format-1.bin")[..];
    let mut rows = vec![];
    while let Some((&[table, a, b], rest)) = bytes.split_first_chunk::<3>() {
        let (key, rest) = rest.split_at(usize::from(u16::from_be_bytes([a, b])));
        let (len, rest) = rest.split_first_chunk::<4>().unwrap();
        let (value, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
        let table = Table::ALL.into_iter().find(|t| *t as u8 == table).unwrap();
        rows.push((table, key.to_vec(), value.to_vec()));
        bytes = rest;
    }
    rows
}

#[test]
fn a_profile_of_the_first_format_goes_on_with_several_homes() {
    let rows: Vec<_> = rows_of_format_1().into_iter().filter(|(table, _, _)| table.is_loaded()).collect();
    let mut disk: BTreeMap<_, _> = rows.iter().cloned().map(|(table, key, value)| ((table, key), value)).collect();
    let mut client = Client::load(ClientConfig::default(), [2; 32], NOW, rows).expect("the first format loads");
    let homes = client.homes();
    assert_eq!((homes.len(), homes[0].role), (1, crate::HomeRole::Serving));
    assert_eq!(homes[0].peer.host.as_str(), "peer-1.example");
    let bob = client.find("bob").expect("a contact");
    let contact = &client.contacts[&bob];
    let hosts: Vec<_> = contact.peers().iter().map(|peer| peer.host.to_string()).collect();
    assert_eq!(hosts, ["peer-2.example"]);
    assert_eq!((contact.queues.len(), contact.row.grants.len()), (1, 1));
    let waiting: Vec<_> = contact.outbox.values().filter(|item| item.row.message.is_some()).collect();
    assert_eq!(waiting.len(), 3);
    assert!(waiting.iter().all(|item| item.fits(&contact.row.grants)), "what was sealed is offered as it is");
    assert!(client.contacts().iter().all(|contact| contact.knows_homes));
    client.start(NOW);
    client.add_home(NOW, peer("second.example")).expect("room for it");
    for write in client.take_writes() {
        match write.value {
            Some(value) => disk.insert((write.table, write.key), value),
            None => disk.remove(&(write.table, write.key)),
        };
    }
    let rows = disk.into_iter().map(|((table, key), value)| (table, key, value));
    let again = Client::load(ClientConfig::default(), [3; 32], NOW, rows).expect("loads what it wrote");
    let roles: Vec<_> = again.homes().iter().map(|home| home.role).collect();
    assert_eq!(roles, [crate::HomeRole::Serving, crate::HomeRole::Joining]);
    assert_eq!(again.contacts[&bob].queues.len(), 2, "a queue at each home");
}

/// Bob with keys of his own, who can sign CARDs.
fn signing_bob(desk: &mut Desk) -> pirushka_identity::Identity {
    let identity = pirushka_identity::Identity::generate(&mut ChaCha20Rng::from_seed([11; 32]));
    let row = &mut desk.client.contacts.get_mut(&desk.bob).unwrap().row;
    row.fingerprint = identity.fingerprint().0;
    identity
}

fn home(n: u8) -> PeerAddress {
    PeerAddress { host: format!("home-{n}.example").parse().unwrap(), port: 47_000, peer_id: PeerId([n; 32]) }
}

fn news(bob: &pirushka_identity::Identity, card_seq: u64, homes: &[u8]) -> Body {
    let peers: Vec<PeerAddress> = homes.iter().map(|&n| home(n)).collect();
    let grant = |n: &u8| QueueGrant {
        peer: home(*n),
        queue: QueueId([*n; 16]),
        secret: QueueSecret([5; 16]),
        seal_key: [6; 32],
        ticket: None,
    };
    let policy = pirushka_identity::IntroPolicy::Token;
    let card = bob.sign_card(peers, policy, card_seq, NOW.wall_s() + 1000).encode();
    Body::Card(HomesNews { card, grants: homes.iter().map(grant).collect() })
}

#[test]
fn t26_an_old_card_played_again_changes_nothing() {
    let mut desk = Desk::new();
    let bob = signing_bob(&mut desk);
    let hosts = |desk: &Desk| desk.client.contacts[&desk.bob].peers();
    desk.bob_says(5, news(&bob, 200, &[2, 3]));
    assert_eq!(hosts(&desk), [home(2), home(3)]);
    desk.bob_says(3, news(&bob, 100, &[1]));
    desk.bob_says(6, news(&bob, 150, &[1]));
    assert_eq!(hosts(&desk)[..2], [home(2), home(3)], "the order of the newest CARD");
    assert_eq!(desk.client.contacts[&desk.bob].card().map(|card| card.seq()), Some(200));
    desk.restart();
    desk.bob_says(7, news(&bob, 201, &[3]));
    assert_eq!(hosts(&desk), [home(3)], "what the newest CARD does not name is void");
    let forged = signing_bob_of([12; 32]);
    desk.bob_says(8, news(&forged, 300, &[9]));
    assert_eq!(hosts(&desk), [home(3)], "somebody else's CARD");
}

fn signing_bob_of(seed: [u8; 32]) -> pirushka_identity::Identity {
    pirushka_identity::Identity::generate(&mut ChaCha20Rng::from_seed(seed))
}

#[test]
fn a_contact_cannot_name_more_peers_than_are_kept() {
    let mut desk = Desk::new();
    let bob = signing_bob(&mut desk);
    desk.bob_says(1, news(&bob, 100, &[1, 2, 3, 4]));
    for n in 10..200 {
        let Body::Card(HomesNews { grants, .. }) = news(&bob, 1, &[n]) else { unreachable!("news is a card") };
        desk.bob_says(u64::from(n), Body::Grant(grants[0].clone()));
    }
    let peers = desk.client.contacts[&desk.bob].peers();
    assert_eq!(peers.len(), crate::limits::GRANTS_MAX);
    assert_eq!(peers[..4], [home(1), home(2), home(3), home(4)]);
}

#[test]
fn a_queue_that_a_home_had_no_memory_for_is_named_again_at_growing_intervals() {
    let mut desk = Desk::new();
    let (id, queue) = (*desk.client.homes.keys().next().unwrap(), *desk.client.queues.keys().next().unwrap());
    desk.home().incarnation = Some(pirushka_wire::Incarnation([1; 8]));
    let mut minute = 0;
    for expected in [5, 5, 5, 8, 16, 32, 64, 128] {
        let full =
            pirushka_link::Answer::Error { code: pirushka_wire::frame::error_code::FULL, retry_after_ms: 300_000 };
        desk.client.home_answer(later(minute * MINUTE), id, crate::home::Asked::Queue(queue), full);
        let begun = minute;
        while desk.home().list_refused {
            minute += 1;
            desk.client.handle_timeout(later(minute * MINUTE));
        }
        assert_eq!(minute - begun, expected);
        assert!(desk.home().asked.values().any(|asked| *asked == crate::home::Asked::Queue(queue)));
    }
}

#[test]
fn homes_of_a_contact_are_not_reached_all_at_once() {
    let mut desk = Desk::new();
    let bob = signing_bob(&mut desk);
    desk.bob_says(1, news(&bob, 100, &[1, 2, 3]));
    desk.client.reach(NOW, desk.bob);
    desk.client.reach(NOW, desk.bob);
    assert_eq!(desk.client.contacts[&desk.bob].routes.len(), 1);
    for query in desk.client.queries.keys().copied().collect::<Vec<_>>() {
        desk.client.handle_resolved(NOW, query, vec![]);
    }
    desk.client.reach(NOW, desk.bob);
    let tried: Vec<_> = desk.client.contacts[&desk.bob].routes.keys().copied().collect();
    assert_eq!(tried, [PeerId([1; 32]), PeerId([2; 32])], "the next one after the verdict");
}

#[test]
fn the_old_address_with_another_secret_ends_the_search_at_a_new_one() {
    let mut desk = Desk::new();
    let old = desk.client.homes()[0].peer.clone();
    let mut moved = old.clone();
    moved.host = "elsewhere.example".parse().unwrap();
    desk.client.add_home(NOW, moved.clone()).unwrap();
    assert_eq!(desk.client.homes()[0].moving_to, Some(moved));
    let invite = Some(pirushka_wire::InviteSecret([5; 15]));
    desk.client.add_home(NOW, pirushka_wire::HomeAddress { peer: old.clone(), invite }).unwrap();
    desk.restart();
    let home = &desk.client.homes()[0];
    assert_eq!((&home.peer, &home.moving_to), (&old, &None));
}

#[test]
fn homes_are_added_removed_and_moved_within_bounds() {
    let mut desk = Desk::new();
    let client = &mut desk.client;
    let first = client.homes()[0].peer.peer_id;
    assert_eq!(client.remove_home(NOW, first), Err(crate::Misuse::LastHome));
    assert_eq!(client.remove_home(NOW, PeerId([99; 32])), Err(crate::Misuse::NoSuchHome));
    assert_eq!(client.add_home(NOW, peer("peer.example")), Err(crate::Misuse::HomeAlready));
    for n in 11..14 {
        client.add_home(NOW, home(n)).unwrap();
    }
    assert_eq!(client.add_home(NOW, home(14)), Err(crate::Misuse::TooManyHomes(4)));
    assert_eq!(client.address().unwrap().peer_id, Some(first), "the others have not served me yet");
    client.remove_home(NOW, PeerId([12; 32])).unwrap();
    client.move_home(NOW, Some(PeerId([13; 32])), home(14)).unwrap();
    let roles = |client: &Client| client.homes().iter().map(|home| home.peer.peer_id.0[0]).collect::<Vec<_>>();
    assert_eq!(roles(client), [3, 11, 13, 14]);
    client.move_home(NOW, None, home(20)).unwrap();
    let id = client.home_order().into_iter().find(|id| client.homes[id].dial.peer == home(20)).unwrap();
    client.home_serves(NOW, id);
    assert_eq!(client.card_homes(), [home(20)]);
    assert_eq!(roles(client), [20, 3], "those that never served are forgotten, the one that did is being left");
    client.add_home(NOW, peer("peer.example")).unwrap();
    assert_eq!(client.card_homes().len(), 2, "it is kept after all");
    desk.restart();
    assert_eq!(desk.client.homes().len(), 2);
}

#[test]
fn a_home_that_is_left_and_down_is_kept_for_a_day_while_strangers_may_come_by_its_address() {
    for (policy, is_kept) in [(IntroPolicy::Token, false), (IntroPolicy::Work { bits: 4 }, true)] {
        let mut desk = Desk::new();
        let client = &mut desk.client;
        client.set_intro_policy(NOW, policy).unwrap();
        client.add_home(NOW, home(11)).unwrap();
        let new = client.home_order()[1];
        client.home_serves(NOW, new);
        client.remove_home(NOW, peer("peer.example").peer_id).unwrap();
        let left = client.homes.get_mut(&HOME).expect("it is being left");
        (left.state, left.row.down_ms) = (crate::HomeState::Unavailable, Some(NOW.wall_ms));
        let mut is_kept_until = |now: Now| {
            client.settle_homes = true;
            client.turn(now);
            client.homes.contains_key(&HOME)
        };
        let hours = |hours: u64| later(hours * 3600 * SECOND);
        assert_eq!([1, 23, 25].map(|h| is_kept_until(hours(h))), [is_kept, is_kept, false], "{policy:?}");
    }
}

#[test]
fn a_name_is_taken_in_whatever_case_or_composition_it_is_typed() {
    let mut desk = Desk::new();
    desk.client.rename(NOW, desk.bob, "Йена").unwrap();
    for same in ["йена", "ЙЕНА", "И\u{306}ена"] {
        assert_eq!(desk.client.find(same), Some(desk.bob), "{same}");
        let taken = desk.client.add_contact(NOW, &carol(1), Some(same));
        assert_eq!(taken, Err(crate::Misuse::NameTaken(same.into())));
        assert_eq!(desk.client.free_name(same), format!("{same}-2"));
    }
    desk.client.rename(NOW, desk.bob, "йена").expect("a contact's own name is free for it");
}

#[test]
fn an_old_profile_with_two_names_that_are_one_now_keeps_both_and_finds_each_by_its_own() {
    let mut desk = Desk::new();
    desk.client.rename(NOW, desk.bob, "Алиса").unwrap();
    let other = desk.client.add_contact(NOW, &carol(1), Some("x")).unwrap();
    // As versions wrote it that compared the letters of ASCII alone.
    let contact = desk.client.contacts.get_mut(&other).unwrap();
    (contact.row.name, contact.changed) = ("алиса".into(), true);
    desk.restart();
    assert_eq!((desk.client.find("Алиса"), desk.client.find("алиса")), (Some(desk.bob), Some(other)));
    let names: Vec<_> = desk.client.contacts().into_iter().map(|contact| contact.name).collect();
    assert_eq!(names, ["Алиса", "алиса"]);
}

#[test]
fn a_name_given_with_another_invite_is_the_contacts_name_unless_it_is_taken() {
    let mut desk = Desk::new();
    let id = desk.client.add_contact(NOW, &carol(1), Some("carol")).unwrap();
    assert_eq!(desk.client.add_contact(NOW, &carol(2), Some("BOB")), Err(crate::Misuse::NameTaken("BOB".into())));
    assert_eq!(desk.client.contacts[&id].row.token, Some([1; 16]), "what was refused changed nothing");
    assert_eq!(desk.client.add_contact(NOW, &carol(2), Some("Caroline")), Ok(id));
    assert_eq!(desk.client.add_contact(NOW, &carol(3), None), Ok(id), "no name is no wish for another one");
    desk.restart();
    assert_eq!(desk.client.contact(id).unwrap().name, "Caroline");
}

/// Carol's address with her invite of this number.
fn carol(invite: u8) -> pirushka_wire::Address {
    let PeerAddress { host, port, peer_id } = peer("carol.example");
    let token = Some(pirushka_wire::IntroToken([invite; 16]));
    pirushka_wire::Address { host, port, fingerprint: Fingerprint([8; 32]), peer_id: Some(peer_id), token }
}
