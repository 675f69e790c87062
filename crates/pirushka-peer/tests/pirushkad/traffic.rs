//! A user and a sender at the real program: held, handed out, gone with the process, never on disk.

use std::path::Path;

use pirushka_identity::{Identity, proofs};
use pirushka_link::{Answer, ClientLinkEvent};
use pirushka_wire::{
    Deposit, DepositId, Frame, Incarnation, InstanceId, InviteSecret, QueueId, QueueSecret, RequestId, WorkNonce,
};
use rand_core::SeedableRng as _;
use rustix::process::Signal;

use crate::daemon::{Daemon, answer, listing, pirushkad};
use crate::wire::Client;

const QUEUE: QueueId = QueueId([1; 16]);
const SECRET: QueueSecret = QueueSecret([2; 16]);
/// What an envelope of the test is full of, findable wherever it should not be.
const CANARY: &[u8; 20] = b"canary-in-a-coalmine";
/// Overwritten by the link with an id of its own.
const ANY: RequestId = RequestId(0);

struct User {
    identity: Identity,
    client: Client,
    incarnation: Incarnation,
}

impl User {
    fn registers(daemon: &Daemon) -> Self {
        let identity = Identity::generate(&mut rand_chacha::ChaCha20Rng::from_seed([5; 32]));
        let mut client = Client::of(daemon.text("address"));
        assert!(client.connects());
        let root = identity.register_packet(client.peer_id, client.link.binding().unwrap(), client.now().wall_s());
        let (instance, invite, work) = (InstanceId([3; 16]), InviteSecret::NONE, WorkNonce(0));
        let answer = client.ask(&Frame::Register { request: ANY, instance, invite, work, root: &root });
        let Answer::Mailbox { incarnation } = answer else { panic!("{answer:?}") };
        Self { identity, client, incarnation }
    }

    fn opens_the_queue(&mut self) {
        let secret_hash = proofs::queue_secret_hash(&SECRET);
        let set = Frame::QueueSet { request: ANY, queue: QUEUE, secret_hash, quota_kib: 0 };
        assert!(matches!(self.client.ask(&set), Answer::Ticket(_)));
        assert_eq!(self.client.ask(&Frame::ListEnd { request: ANY }), Answer::Ok);
    }

    /// Waits for a push and acknowledges it.
    fn takes_a_message(&mut self) -> Option<Vec<u8>> {
        let (delivery, body) = self.client.until(|event| match event {
            ClientLinkEvent::Pushed { delivery, body, .. } => Some((delivery, body)),
            _ => None,
        })?;
        self.client.link.acknowledge(self.incarnation, delivery);
        Some(body)
    }

    fn leaves(mut self) -> Identity {
        let now = self.client.now();
        self.client.link.close(now);
        self.client.flush();
        self.identity
    }
}

fn leave_a_message(daemon: &Daemon, number: u8) -> Answer {
    let mut sender = Client::of(daemon.text("address"));
    assert!(sender.connects());
    leave(&mut sender, number)
}

fn leave(sender: &mut Client, number: u8) -> Answer {
    let envelope: Vec<u8> = CANARY.iter().copied().cycle().take(320).collect();
    let deposit = Deposit::Contact {
        queue: QUEUE,
        secret: SECRET,
        deposit: DepositId([number; 16]),
        flags: 0,
        envelope: &envelope,
    };
    sender.ask(&Frame::Deposit { request: ANY, deposit })
}

fn status(dir: &Path) -> serde_json::Value {
    serde_json::from_str(&answer(pirushkad(dir).args(["status", "--json"])).stdout).unwrap()
}

/// Whether any file of the folder contains the canary.
fn is_on_disk(dir: &Path) -> bool {
    listing(dir)
        .iter()
        .filter_map(|name| std::fs::read(dir.join(name)).ok())
        .any(|bytes| bytes.windows(CANARY.len()).any(|window| window == CANARY))
}

#[test]
fn fact_03_a_message_left_while_the_user_is_away_is_handed_out_when_the_user_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let mut bob = User::registers(&daemon);
    bob.opens_the_queue();
    bob.leaves();
    assert_eq!(leave_a_message(&daemon, 1), Answer::Ok);
    let held = status(dir.path());
    assert_eq!((&held["messages"]["held"], &held["clients"]["users"]), (&1.into(), &1.into()), "{held}");

    let mut bob = User::registers(&daemon);
    assert!(bob.takes_a_message().unwrap().starts_with(CANARY));
    let Answer::Status(mailbox) = bob.client.ask(&Frame::Poll { request: ANY }) else { panic!("no status") };
    assert_eq!(mailbox.messages, 0);
    assert_eq!(status(dir.path())["messages"]["delivered"], 1);
}

#[test]
fn what_waits_for_one_user_is_handed_out_in_trains() {
    const MESSAGES: u8 = 100;
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let mut bob = User::registers(&daemon);
    bob.opens_the_queue();
    bob.leaves();
    let mut sender = Client::of(daemon.text("address"));
    assert!(sender.connects());
    for number in 0..MESSAGES {
        assert_eq!(leave(&mut sender, number), Answer::Ok);
    }
    let before = status(dir.path())["network"].clone();
    let mut bob = User::registers(&daemon);
    for _ in 0..MESSAGES {
        assert!(bob.takes_a_message().is_some());
    }
    let after = status(dir.path())["network"].clone();
    let grown = |field: &str| after[field].as_u64().unwrap() - before[field].as_u64().unwrap();
    eprintln!("{} datagrams in {} system calls", grown("packets_out"), grown("send_calls"));
    if cfg!(target_os = "linux") {
        assert!(grown("send_calls") < grown("packets_out"));
    }
}

#[test]
fn fact_04_t32_what_is_held_is_never_on_disk_and_gone_with_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &[]);
    let mut bob = User::registers(&daemon);
    bob.opens_the_queue();
    bob.leaves();
    assert_eq!(leave_a_message(&daemon, 1), Answer::Ok);
    assert_eq!(listing(dir.path()), ["key", "pirushkad.sock"]);
    assert!(!is_on_disk(dir.path()));
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    assert!(!is_on_disk(dir.path()));

    let daemon = Daemon::start(dir.path(), &[]);
    assert!(matches!(leave_a_message(&daemon, 1), Answer::Error { .. }));
    assert_eq!(status(dir.path())["clients"]["users"], 0);
    assert_eq!(listing(dir.path()), ["key", "pirushkad.sock"]);
}

#[test]
fn a_stopping_peer_takes_nothing_new_and_ends_when_the_user_has_what_was_held() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &["--set", "process.drain=10 s"]);
    let mut bob = User::registers(&daemon);
    bob.opens_the_queue();
    // Pushed at once, and not acknowledged as long as bob does not look.
    assert_eq!(leave_a_message(&daemon, 1), Answer::Ok);
    daemon.signal(Signal::TERM);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while status(dir.path())["draining"] != true {
        assert!(std::time::Instant::now() < end, "draining begins");
    }
    assert!(matches!(leave_a_message(&daemon, 2), Answer::Error { .. }));
    assert!(daemon.child.try_wait().unwrap().is_none(), "it waits for bob");

    assert!(bob.takes_a_message().is_some());
    bob.client.until(|_| None::<()>);
    assert_eq!(daemon.wait().1, Some(0));
}

#[test]
fn a_peer_whose_users_do_not_fetch_ends_when_its_patience_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut daemon = Daemon::start(dir.path(), &["--set", "process.drain=300 ms"]);
    let mut bob = User::registers(&daemon);
    bob.opens_the_queue();
    assert_eq!(leave_a_message(&daemon, 1), Answer::Ok);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().1, Some(0));
    assert_eq!(listing(dir.path()), ["key"]);
}

#[test]
fn logs_name_nobody_even_at_info() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let mut command = pirushkad(dir.path());
    command.args(["--listen", "127.0.0.1:0", "--json"]).stderr(std::fs::File::create(&log).unwrap());
    let mut daemon = Daemon::of(&mut command);
    let mut bob = User::registers(&daemon);
    bob.opens_the_queue();
    assert_eq!(leave_a_message(&daemon, 1), Answer::Ok);
    assert!(bob.takes_a_message().is_some());
    let fingerprint = bob.leaves().fingerprint().to_hex();
    daemon.signal(Signal::INT);
    daemon.wait();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("stopping"), "{log}");
    assert!(!log.contains("127.0.0.1") && !log.contains(&fingerprint[..8]), "{log}");
}
