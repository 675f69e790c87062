//! Attacks on the wire (`spec/threats.md`) against the running program, from sockets that are really elsewhere.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use pirushka_identity::{Identity, IntroPolicy, proofs};
use pirushka_link::{Answer, Class, ClientLinkEvent};
use pirushka_wire::handshake::{Hello, HelloAck, Retry};
use pirushka_wire::root::kind;
use pirushka_wire::{
    Deposit, DepositId, Frame, IntroId, IntroToken, ObjectId, Params, QueueId, QueueSecret, RequestId, Root, SessionId,
    Signature, WorkNonce,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use rustix::process::Signal;

use crate::caller::{Caller, heard_by, place, socket_at};
use crate::daemon::{Daemon, answer, pirushkad};
use crate::forge::Forger;
use crate::load::{User, holding, leave};
use crate::wire::Client;

/// Overwritten by the link with an id of its own.
const ANY: RequestId = RequestId(0);

/// Somebody at another address of this computer.
struct Mallory {
    socket: UdpSocket,
    peer: SocketAddr,
}

impl Mallory {
    fn near(daemon: &Daemon) -> Self {
        Self { socket: socket_at([127, 66, 66, 66]), peer: place(daemon).0 }
    }

    fn sends(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.peer).unwrap();
    }

    fn hears(&self) -> Vec<Vec<u8>> {
        heard_by(&self.socket)
    }
}

fn status(dir: &Path) -> serde_json::Value {
    serde_json::from_str(&answer(pirushkad(dir).args(["status", "--json"])).stdout).unwrap()
}

/// Totals that no attack of this page may change.
fn state(dir: &Path) -> serde_json::Value {
    let status = status(dir);
    serde_json::json!([
        status["clients"],
        status["messages"]["held"],
        status["messages"]["taken"],
        status["messages"]["delivered"],
        status["network"]["handshakes"]
    ])
}

fn random<const N: usize>(rng: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Every variant of a datagram with one bit of one byte the other way.
fn flipped(datagram: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..datagram.len()).map(|at| {
        let mut harmed = datagram.to_vec();
        harmed[at] ^= 1 << (at % 8);
        harmed
    })
}

/// Whether any eight bytes in a row of `secret` stand in any of these datagrams.
fn shows(datagrams: &[Vec<u8>], secret: &[u8]) -> bool {
    secret.windows(8).any(|part| datagrams.iter().any(|datagram| datagram.windows(8).any(|at| at == part)))
}

#[test]
fn t01_a_captured_session_shows_no_certificate_fingerprint_queue_host_or_name_of_the_peer() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let rng = &mut ChaCha20Rng::from_seed([41; 32]);
    let mut bob = User::registers(&daemon, 1).unwrap();
    let (queue, secret, deposit) = (QueueId(random(rng)), QueueSecret(random(rng)), DepositId(random(rng)));
    let (token, intro, envelope) = (IntroToken(random(rng)), IntroId(random(rng)), random::<320>(rng));
    let host = "a-host-with-a-long-name.example";
    let home = format!("{host}:7117?k={}", place(&daemon).1).parse().unwrap();
    let card = bob.identity.sign_card(vec![home], IntroPolicy::Token, 1, bob.client.now().wall_s() + 86_400).encode();

    // Bob's life: a queue, a token, a bundle; a contact writes to it, a stranger looks bob up and knocks.
    let secret_hash = proofs::queue_secret_hash(&secret);
    let set = Frame::QueueSet { request: ANY, queue, secret_hash, quota_kib: 0 };
    assert!(matches!(bob.client.ask(&set), Answer::Ticket(_)));
    let (token_hash, expiry) = (proofs::token_hash(&token), bob.client.now().wall_s() + 86_400);
    assert_eq!(bob.client.ask(&Frame::TokenSet { request: ANY, token_hash, uses: 1, expiry }), Answer::Ok);
    let mut bundle = vec![];
    for part in [&card[..], &[7; 300]] {
        bundle.extend((part.len() as u16).to_be_bytes());
        bundle.extend(part);
    }
    bundle.push(0);
    let (object, total) = (ObjectId(1), bundle.len() as u32);
    let put = Frame::Put { request: ANY, object, offset: 0, total, kind: 1, part: &bundle };
    assert_eq!(bob.client.ask(&put), Answer::Ok);
    let mut contact = Client::of(daemon.text("address"));
    assert!(contact.connects());
    let to_bob = Deposit::Contact { queue, secret, deposit, flags: 0, envelope: &envelope };
    assert_eq!(contact.ask(&Frame::Deposit { request: ANY, deposit: to_bob }), Answer::Ok);
    assert_eq!(bob.takes_all(), [320]);
    let mut stranger = Client::of(daemon.text("address"));
    assert!(stranger.connects());
    let fingerprint = bob.identity.fingerprint();
    let Answer::Body { part, .. } = stranger.ask(&Frame::Lookup { request: ANY, fingerprint }) else {
        panic!("no body")
    };
    assert!(shows(&[part], host.as_bytes()), "the stranger reads the host inside");
    let (work, part) = (WorkNonce(0), &random::<500>(rng));
    let knock = Deposit::Intro { fingerprint, intro, parts: 1, index: 0, token, work, part };
    assert_eq!(stranger.ask(&Frame::Deposit { request: ANY, deposit: knock }), Answer::Ok);

    let captured = [&bob.client.captured[..], &contact.captured, &stranger.captured].concat();
    assert!(captured.len() > 25, "{} datagrams", captured.len());
    let peer_id = place(&daemon).1;
    let in_text = [fingerprint.to_hex().into_bytes(), peer_id.to_string().into_bytes(), host.as_bytes().to_vec()];
    let secrets: Vec<&[u8]> = vec![
        bob.identity.certificate().der(),
        &fingerprint.0,
        &peer_id.0,
        &card,
        &queue.0,
        &secret.0,
        &secret_hash,
        &deposit.0,
        &token.0,
        &token_hash,
        &intro.0,
        &envelope,
        part,
    ];
    for secret in secrets.into_iter().chain(in_text.iter().map(Vec::as_slice)) {
        assert!(!shows(&captured, secret), "{secret:02x?} is on the wire");
    }
    // The search is one that finds: bare, the certificate stands there.
    let mut bare = vec![];
    bob.identity.plain_register(1_800_000_000).root().encode(&mut bare);
    assert!(shows(&[bare], bob.identity.certificate().der()));
}

#[test]
fn t03_a_name_that_leads_to_another_peer_makes_no_session_and_tells_that_peer_nothing() {
    let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (wanted, other) = (Daemon::start(here.path(), &[]), Daemon::start(elsewhere.path(), &[]));
    let mut client = Client::new(place(&other).0, place(&wanted).1);
    assert!(!client.connects());
    assert_eq!((client.received, status(elsewhere.path())["network"]["packets_out"].as_u64()), (0, Some(0)));
}

#[test]
fn t04_who_is_not_on_the_path_forges_no_answer_even_from_the_peers_own_address() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let forger = Forger::of(place(&daemon).1);
    let mut client = Caller::new(&daemon, [127, 0, 0, 1], 4);
    let hello = client.hello();
    // As `takes` hands them in, they come from the peer's address and port.
    let forged_handshake = |session: SessionId| {
        let (mut retry, mut ack) = (vec![], vec![]);
        Retry { client_session: session, cookie: &[1; 24] }.encode(&mut retry);
        HelloAck { client_session: session, noise: &[2; 116] }.encode(&mut ack);
        let root = |kind, signature, payload: &[u8]| {
            let mut packet = vec![];
            Root { params: Params::FROM_PEER, kind, signature, timestamp: 0, payload }.encode(&mut packet);
            packet
        };
        let retry = forger.with_mac(root(kind::RETRY, Signature::Tag(&[0; 16]), &retry));
        let reset = [&session.0[..], &[7; 16]].concat();
        [retry, root(kind::HELLO_ACK, Signature::Absent, &ack), root(kind::RESET, Signature::Absent, &reset)]
            .map(|packet| forger.veiled(&packet, 9))
    };
    let session = session_of(&forger, &hello);
    for datagram in forged_handshake(session) {
        assert!(client.refuses(&datagram));
    }
    client.sends(&hello);
    let retry = client.first_answer();
    client.takes(&retry);
    let hello = client.hello();
    client.sends(&hello);
    let ack = client.first_answer();
    assert!(matches!(client.takes(&ack)[..], [ClientLinkEvent::Established { .. }]));

    let question = client.question(100);
    for datagram in forged_handshake(session) {
        assert!(client.refuses(&datagram));
    }
    for (number, size) in [(1, 128), (2, 416), (1 << 40, 1184), (u64::MAX, 128)] {
        assert!(client.refuses(&forger.sealed(Params::FROM_PEER, number, session, size)));
    }
    client.sends(&question);
    let answer = client.first_answer();
    assert!(matches!(client.takes(&answer)[..], [ClientLinkEvent::Answered { .. }]), "the true answer still counts");
    assert!(client.refuses(&answer), "once");
}

/// The client's name for its session, which stands in its HELLO for whoever holds the address and is on the path.
fn session_of(forger: &Forger, hello: &[u8]) -> SessionId {
    let packet = forger.unveiled(hello);
    Hello::decode(Root::decode(&packet).unwrap().payload).unwrap().client_session
}

#[test]
fn t05_every_datagram_replayed_from_the_same_socket_and_from_elsewhere_changes_nothing() {
    const TIMES: usize = 10;
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let (mut bob, mut sender) = holding(&daemon, 5);
    assert_eq!(bob.takes_all().len(), 5);
    let (before, mallory) = (state(dir.path()), Mallory::near(&daemon));
    let replayed = |dir: &Path| status(dir)["drops"]["replayed"].as_u64().unwrap_or(0);
    let (already, mut sealed) = (replayed(dir.path()), 0);
    let forger = Forger::of(place(&daemon).1);
    for client in [&bob.client, &sender] {
        for datagram in &client.sent {
            sealed += usize::from(forger.receiver(datagram).is_some()) * TIMES * 2;
            for _ in 0..TIMES {
                client.sends(datagram);
                mallory.sends(datagram);
            }
        }
    }
    assert_eq!(mallory.hears(), [[0; 0]; 0]);
    assert_eq!(state(dir.path()), before);
    let known = replayed(dir.path()) - already;
    assert!(sealed > 200 && known as usize >= sealed * 9 / 10, "{known} of {sealed} came and were known");
    assert_eq!(leave(&mut sender, bob.queue(0), 100, 1, &[576]).held, 1);
    assert_eq!(bob.takes_all(), [576], "and it goes on");
}

#[test]
fn t06_a_bit_flipped_in_any_byte_of_any_packet_gets_silence_and_the_unharmed_one_still_counts() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let (mut client, mallory) = (Caller::new(&daemon, [127, 0, 0, 1], 6), Mallory::near(&daemon));
    let try_all = |client: &Caller, datagram: &[u8]| {
        for harmed in flipped(datagram) {
            client.sends(&harmed);
            mallory.sends(&harmed);
        }
        assert_eq!((heard_by(&client.socket).len(), mallory.hears().len()), (0, 0));
    };
    for handshakes in [0, 0] {
        let hello = client.hello();
        try_all(&client, &hello);
        assert_eq!(status(dir.path())["network"]["handshakes"], handshakes);
        client.sends(&hello);
        let answer = client.first_answer();
        flipped(&answer).for_each(|harmed| assert!(client.refuses(&harmed)));
        client.takes(&answer);
    }
    assert!(client.link.is_established());
    let question = client.question(200);
    try_all(&client, &question);
    client.sends(&question);
    let answer = client.first_answer();
    flipped(&answer).for_each(|harmed| assert!(client.refuses(&harmed)));
    assert!(matches!(client.takes(&answer)[..], [ClientLinkEvent::Answered { .. }]));
}

#[test]
fn t09_a_packet_that_mallory_sends_in_the_clients_stead_brings_it_no_push() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let mut bob = User::registers(&daemon, 1).unwrap();
    assert_eq!(bob.opens_queues(1), 1);
    let mallory = Mallory::near(&daemon);
    // The newest packet of bob's, which never reached the peer from where bob is.
    let now = bob.client.now();
    bob.client.link.request(now, &Frame::Poll { request: ANY }, Class::Control);
    let mut stolen = vec![];
    bob.client.link.poll_transmit(now, &mut stolen).unwrap();
    mallory.sends(&stolen);
    let mut sender = Client::of(daemon.text("address"));
    assert!(sender.connects());
    assert_eq!(leave(&mut sender, bob.queue(0), 0, 10, &[320, 1088]).held, 10);
    let heard = mallory.hears();
    let bytes: usize = heard.iter().map(Vec::len).sum();
    assert!(!heard.is_empty(), "it is asked for a proof, or this test attacks nothing");
    assert!(bytes <= stolen.len(), "{bytes} bytes for {}", stolen.len());
    assert_eq!(bob.takes_all().len(), 10, "bob has answered where bob is, and gets everything");
    assert_eq!(mallory.hears(), [[0; 0]; 0]);
}

#[test]
fn t12_a_cookie_is_good_at_its_own_address_and_port_alone_and_for_one_session() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let mut client = Caller::new(&daemon, [127, 0, 0, 1], 12);
    let hello = client.hello();
    client.sends(&hello);
    let retry = client.first_answer();
    client.takes(&retry);
    let hello = client.hello();
    let handshakes = || status(dir.path())["network"]["handshakes"].as_u64().unwrap();
    // First there: it gets a cookie of its own, no session. The same HELLO from the next is a replay.
    let (port, ip) = (socket_at([127, 0, 0, 1]), socket_at([127, 0, 0, 9]));
    port.send_to(&hello, place(&daemon).0).unwrap();
    assert_eq!(heard_by(&port).len(), 1);
    ip.send_to(&hello, place(&daemon).0).unwrap();
    assert_eq!((heard_by(&ip).len(), handshakes()), (0, 0));

    // The client's next HELLO is another one, with the same cookie.
    let again = client.next_hello();
    client.sends(&again);
    let ack = client.first_answer();
    assert!(matches!(client.takes(&ack)[..], [ClientLinkEvent::Established { .. }]));
    let question = client.question(10);
    client.sends(&question);
    client.first_answer();
    client.sends(&again);
    assert_eq!((heard_by(&client.socket).len(), handshakes()), (0, 1));
}

#[test]
fn t13_a_reset_is_answered_by_nothing_and_no_live_session_gets_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &[]);
    let forger = Forger::of(place(&daemon).1);
    let mut client = Caller::established(&daemon, [127, 0, 0, 1], 13);
    let question = client.question(300);
    let live = forger.receiver(&question).unwrap();
    for (number, size) in (1..).zip([128, 416, 672, 1184]) {
        client.sends(&forger.sealed(Params::TO_PEER, number, live, size));
    }
    assert_eq!(heard_by(&client.socket), [[0; 0]; 0], "live");

    daemon.signal(Signal::KILL);
    daemon.child.wait().unwrap();
    let listen = place(&daemon).0.to_string();
    daemon = Daemon::start_at(dir.path(), &listen, &[]);
    client.sends(&question[..127]);
    assert_eq!(heard_by(&client.socket).len(), 0, "too small");
    client.sends(&question);
    let reset = client.first_answer();
    assert!(reset.len() < 128);
    for _ in 0..50 {
        client.sends(&reset);
        Mallory::near(&daemon).sends(&reset);
    }
    assert_eq!(heard_by(&client.socket), [[0; 0]; 0], "a reset of a reset");
    assert!(matches!(client.takes(&reset)[..], [ClientLinkEvent::Lost { .. }]));
}

#[test]
fn t30_another_version_or_a_flag_that_somebody_on_the_path_sets_makes_no_session() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let forger = Forger::of(place(&daemon).1);
    for (version, flags) in [(0, 0), (2, 0), (255, 0), (1, 1), (1, 0x80)] {
        // Whoever is on the path and holds the address can change a HELLO, and give it a MAC1 that holds.
        let mut client = Caller::new(&daemon, [127, 0, 0, 1], version ^ flags);
        let changed = |hello: &[u8]| {
            let mut packet = forger.unveiled(hello);
            // Behind Root with a tag: 28 bytes.
            (packet[28], packet[29]) = (version, flags);
            forger.veiled(&forger.with_mac(packet), 1)
        };
        let hello = changed(&client.hello());
        client.sends(&hello);
        let answers = heard_by(&client.socket);
        assert_eq!(answers.len(), usize::from(version == 1), "no RETRY to another version");
        for retry in answers {
            // It answers a HELLO that this client did not send; the changed path lets it have a cookie all the same.
            assert!(client.refuses(&retry));
            let packet = forger.unveiled(&retry);
            let retry = Retry::decode(Root::decode(&packet).unwrap().payload).unwrap();
            let first = forger.unveiled(&hello);
            let first = Hello::decode(Root::decode(&first).unwrap().payload).unwrap();
            let with_cookie = forger.hello(&Hello { cookie: Some(retry.cookie), ..first }, 300, 2);
            client.sends(&with_cookie);
            assert_eq!(heard_by(&client.socket), [[0; 0]; 0], "both sides hash version and flags");
        }
        assert!(!client.link.is_established());
    }
    let status = status(dir.path());
    assert_eq!(status["network"]["handshakes"], 0, "{status}");
    assert_eq!(status["drops"]["unsupported_version"], 3, "{status}");
    assert_eq!(status["drops"]["bad_noise"], 2, "{status}");
}

#[test]
fn t30_who_wants_the_sealed_link_never_falls_back_to_the_plain_profile() {
    // Instead of the peer, somebody who blocks the sealed link and offers the plain one.
    let blocker = socket_at([127, 0, 0, 1]);
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &["--plain"]);
    let mut client = Client::new(blocker.local_addr().unwrap(), place(&daemon).1);
    client.link.connect(client.now(), blocker.local_addr().unwrap());
    let plain = |kind, payload: &[u8]| {
        let mut packet = vec![];
        Root { params: Params::FROM_PEER, kind, signature: Signature::Absent, timestamp: 0, payload }
            .encode(&mut packet);
        packet
    };
    for _ in 0..900 {
        client.pump(|event| assert!(!matches!(event, ClientLinkEvent::Established { .. })));
        blocker.set_nonblocking(true).unwrap();
        while let Ok((_, from)) = blocker.recv_from(&mut [0; 2048]) {
            for offer in [plain(kind::OK, &[]), plain(kind::CHALLENGE, &[5; 32])] {
                blocker.send_to(&offer, from).unwrap();
            }
        }
    }
    assert!(client.received >= 2, "the offers came");
    assert!(!client.link.is_established());
    // HELLOs for the true peer, and junk: no bare packet of any type of the plain profile.
    for datagram in &client.sent {
        let bare = Root::decode(datagram).is_ok_and(|root| root.params == Params::TO_PEER && root.kind < 0x15);
        assert!(!bare, "{datagram:02x?}");
    }
}

#[test]
fn t30_a_plain_registration_with_a_sealed_users_certificate_takes_nothing_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &["--plain"]);
    let (mut bob, mut sender) = holding(&daemon, 1);
    let plain = socket_at([127, 30, 0, 1]);
    // Bob's own key, used in the clear elsewhere: the best that a downgrade could have brought about.
    let identity: &Identity = &bob.identity;
    let mut register = vec![];
    identity.plain_register(bob.client.now().wall_s()).root().encode(&mut register);
    plain.send_to(&register, place(&daemon).0).unwrap();
    let challenge = heard_by(&plain).pop().expect("OK and CHALLENGE");
    let challenge = pirushka_wire::plain::decode_challenge(Root::decode(&challenge).unwrap().payload).unwrap();
    let mut response = vec![];
    identity.plain_response(&challenge, bob.client.now().wall_s()).root().encode(&mut response);
    plain.send_to(&response, place(&daemon).0).unwrap();
    assert_eq!(heard_by(&plain).len(), 1, "OK: registered there");
    assert_eq!(status(dir.path())["plain"]["users"], 1);
    assert_eq!(leave(&mut sender, bob.queue(0), 50, 3, &[320]).held, 3);
    assert_eq!(bob.takes_all().len(), 4);
    assert_eq!(heard_by(&plain), [[0; 0]; 0], "nothing is pushed in the clear");
}

#[test]
fn t40_what_was_recorded_gets_nothing_elsewhere_as_it_was_or_with_other_bits() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let (mut bob, sender) = holding(&daemon, 3);
    assert_eq!(bob.takes_all().len(), 3);
    let mallory = Mallory::near(&daemon);
    for datagram in bob.client.sent.iter().take(12).chain(sender.sent.iter().take(12)) {
        mallory.sends(datagram);
        flipped(datagram).step_by(3).for_each(|harmed| mallory.sends(&harmed));
        for length in (0..datagram.len()).step_by(11) {
            mallory.sends(&datagram[..length]);
        }
        assert_eq!(mallory.hears(), [[0; 0]; 0]);
    }
    assert!(Client::of(daemon.text("address")).connects(), "it was not deaf");
}
