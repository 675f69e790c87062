//! The memory cap is the process's: whatever comes, the real program's resident memory stays within it.

use std::path::Path;

use crate::daemon::{Daemon, answer, pirushkad};
use crate::load::{Left, User, introduce, leave, look_up};
use crate::wire::Client;

const CAP: u64 = 64 << 20;
/// The cap and 5 %.
const MOST: u64 = CAP + CAP / 20;

/// A peer with a small cap and quotas that only the cap bounds.
fn small(dir: &Path, more: &[&str]) -> Daemon {
    let mut arguments = vec![
        "--set=memory.total=64 MiB",
        "--set=memory.user=32 MiB",
        "--set=memory.queue=32 MiB",
        "--set=messages.per_queue=65535",
        // Everybody comes from one computer here.
        "--set=sessions.per_prefix_burst=1000000",
        "--set=sessions.per_prefix_live=1000000",
        "--set=sessions.per_prefix_unfinished=1000000",
        "--set=users.new_per_prefix_and_hour=1000000",
    ];
    arguments.extend(more);
    Daemon::start(dir, &arguments)
}

/// Resident bytes of a daemon.
fn resident(daemon: &Daemon) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", daemon.child.id())).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * rustix::param::page_size() as u64
}

fn check(daemon: &Daemon, when: &str) -> u64 {
    let resident = resident(daemon);
    assert!(resident <= MOST, "{when}: {} KiB are resident, {} KiB allowed", resident >> 10, MOST >> 10);
    resident
}

fn status(dir: &Path) -> serde_json::Value {
    serde_json::from_str(&answer(pirushkad(dir).args(["status", "--json"])).stdout).unwrap()
}

fn connected(daemon: &Daemon) -> Client {
    let mut client = Client::of(daemon.text("address"));
    assert!(client.connects());
    client
}

/// Leaves messages in the users' queues until the peer is full; gives how many each user's queues hold, and the next
/// message's number.
fn fill(daemon: &Daemon, users: &[User], sizes: &[usize], first: u64) -> (Vec<usize>, u64) {
    const AT_ONCE: usize = 500;
    let mut sender = connected(daemon);
    let (mut held, mut number) = (vec![0; users.len()], first);
    loop {
        let mut round = Left::default();
        for (user, held) in users.iter().zip(&mut held) {
            let left = leave(&mut sender, user.queue(0), number, AT_ONCE, sizes);
            number += AT_ONCE as u64;
            *held += left.held;
            round.held += left.held;
            round.full += left.full;
            assert_eq!(left.other, 0);
            check(daemon, "while messages come");
        }
        if round.held == 0 {
            assert!(round.full > 0);
            return (held, number);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn t14_under_a_mix_of_everything_resident_memory_stays_within_the_cap_and_contacts_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = small(dir.path(), &[]);
    let base = resident(&daemon);

    // Many users with queues, tokens and bundles, some gone and some here; bodies half sent and half fetched.
    let mut crowd = Vec::new();
    for number in 0..150 {
        let Some(mut user) = User::registers(&daemon, 1000 + number) else { panic!("user {number} is refused") };
        assert_eq!(user.opens_queues(20), 20);
        assert_eq!(user.sets_tokens(4), 4);
        assert!(user.publishes(2700, usize::MAX) && user.publishes(7000, 3));
        user.ends_the_list();
        if number % 3 == 0 {
            user.leaves();
        } else {
            crowd.push(user);
        }
    }
    check(&daemon, "with a crowd of users");
    let mut strangers: Vec<Client> = (0..60).map(|_| connected(&daemon)).collect();
    for (n, stranger) in strangers.iter_mut().enumerate() {
        let user = &crowd[n % crowd.len()];
        assert!(matches!(look_up(stranger, user), pirushka_link::Answer::Body { .. }));
        assert!(introduce(stranger, user, 10, 8, n % 2 == 0).held > 0);
    }
    // Sessions that nobody uses, and handshakes that nobody ends.
    let sessions: Vec<Client> = (0..400).map(|_| connected(&daemon)).collect();
    check(&daemon, "with strangers and sessions");

    // Contacts write until the peer is full, in every size that there is.
    let mut users: Vec<User> = (0..8).map(|number| User::registers(&daemon, number).unwrap()).collect();
    for user in &mut users {
        assert_eq!(user.opens_queues(1), 1);
        user.ends_the_list();
    }
    let away: Vec<u32> = (0..8).collect();
    users.drain(..).for_each(User::leaves);
    let queues: Vec<User> = away.iter().map(|number| User::registers(&daemon, *number).unwrap()).collect();
    let (held, next) = fill(&daemon, &queues, &[320, 576, 1088, 1, 77, 700], 0);
    let full = check(&daemon, "full");
    let told = status(dir.path());
    eprintln!(
        "base {} KiB, full {} KiB of {} KiB, {} messages, status {}",
        base >> 10,
        full >> 10,
        CAP >> 10,
        held.iter().sum::<usize>(),
        told["messages"]
    );
    assert!(full >= CAP * 3 / 4, "the cap is used: {} KiB", full >> 10);
    assert!(told["refusals"]["full"].as_u64().unwrap() > 0);

    // Half of the users fetch: nothing is missing, and the memory goes back to the system.
    let mut queues = queues;
    for (user, held) in queues.iter_mut().zip(&held).take(4) {
        assert_eq!(user.takes_all().len(), *held, "what was answered OK is handed out");
    }
    let after = check(&daemon, "after half was fetched");
    let fetched: usize = held[..4].iter().sum();
    assert!(full - after >= fetched as u64 * 300, "{fetched} messages fetched: {} -> {} KiB", full >> 10, after >> 10);

    // And again with other sizes, after the sessions have gone.
    drop((sessions, strangers, crowd));
    let (again, _) = fill(&daemon, &queues[..4], &[1088, 48, 1000, 321], next);
    let refilled = check(&daemon, "full again");
    assert!(again.iter().sum::<usize>() > 0);
    for (n, user) in queues.iter_mut().enumerate() {
        let expected = if n < 4 { again[n] } else { held[n] };
        assert_eq!(user.takes_all().len(), expected, "user {n}");
    }
    let empty = check(&daemon, "empty");
    eprintln!("fetched {} KiB, refilled {} KiB, empty {} KiB", after >> 10, refilled >> 10, empty >> 10);
    assert!(empty < refilled / 2);
}

#[cfg(target_os = "linux")]
#[test]
fn t14_what_thousands_of_small_things_leave_behind_does_not_take_the_cap_beyond_itself() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = small(dir.path(), &[]);
    // Queues in the heap, of which one in fifty stays: whatever the allocator keeps for the survivors.
    for number in 0..20 {
        let mut user = User::registers(&daemon, number).unwrap();
        assert_eq!(user.opens_queues(1000), 1000);
        user.leaves();
    }
    let swollen = check(&daemon, "with many queues");
    let mut users = Vec::new();
    for number in 0..20 {
        let mut user = User::registers(&daemon, number).unwrap();
        assert_eq!(user.opens_queues(20), 20);
        user.ends_the_list();
        users.push(user);
    }
    assert_eq!(status(dir.path())["clients"]["queues"], 20 * 20);
    let (held, _) = fill(&daemon, &users, &[1088, 1000, 33], 0);
    let full = check(&daemon, "full after the churn");
    eprintln!("swollen {} KiB, full {} KiB, {} messages", swollen >> 10, full >> 10, held.iter().sum::<usize>());
    for (user, held) in users.iter_mut().zip(&held) {
        assert_eq!(user.takes_all().len(), *held);
    }
    let empty = check(&daemon, "empty");
    assert!(empty < full / 2, "{} -> {} KiB", full >> 10, empty >> 10);
}

#[cfg(target_os = "linux")]
#[test]
fn t11_hellos_from_thousands_of_sources_at_the_real_socket_leave_no_session_and_no_memory() {
    const SOURCES: u32 = 2_000;
    const REPEATS: usize = 10;
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(dir.path(), &[]);
    let mut warm = connected(&daemon);
    let peer_id = warm.peer_id;
    assert!(matches!(
        warm.ask(&pirushka_wire::Frame::Poll { request: pirushka_wire::RequestId(0) }),
        pirushka_link::Answer::Error { .. }
    ));
    let remote = daemon.text("local").parse().unwrap();
    let before = resident(&daemon);
    for source in 0..SOURCES {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&source.to_be_bytes());
        let config = pirushka_link::ClientLinkConfig { junk: 0, ..Default::default() };
        let mut link = pirushka_link::ClientLink::new(config, peer_id, seed);
        link.connect(warm.now(), remote);
        let mut hello = Vec::new();
        link.poll_transmit(warm.now(), &mut hello).unwrap();
        // The whole of 127.0.0.0/8 is this computer.
        let address = std::net::Ipv4Addr::from(0x7f01_0001 + source * 7);
        let socket = std::net::UdpSocket::bind((address, 0)).unwrap();
        for _ in 0..REPEATS {
            socket.send_to(&hello, remote).unwrap();
        }
    }
    assert!(Client::of(daemon.text("address")).connects(), "a real client gets in");
    let told = status(dir.path());
    assert_eq!(told["clients"]["sessions"], 2, "{told}");
    let answered = told["network"]["packets_out"].as_u64().unwrap();
    assert!(answered > u64::from(SOURCES) * REPEATS as u64 / 2, "the flood is one of good HELLOs: {told}");
    let after = resident(&daemon);
    assert!(after <= before + (3 << 20), "{} -> {} KiB", before >> 10, after >> 10);
    assert!(User::registers(&daemon, 1).is_some());
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "prints figures: cargo nextest run --release -p pirushka-peer memory::figures --run-ignored all --no-capture"]
fn figures_accounted_and_resident_bytes_for_each_kind() {
    type Load = fn(&Daemon);
    let kinds: [(&str, Load); 7] = [
        ("messages of 320", |daemon| messages(daemon, &[320])),
        ("messages of 1088", |daemon| messages(daemon, &[1088])),
        ("messages of 1", |daemon| messages(daemon, &[1])),
        ("sessions", |daemon| drop(std::iter::repeat_with(|| connected_maybe(daemon)).take(8000).collect::<Vec<_>>())),
        ("users", |daemon| (0..2500).for_each(|n| drop(User::registers(daemon, n)))),
        ("queues", |daemon| {
            for n in 0..60 {
                User::registers(daemon, n).unwrap().opens_queues(1000);
            }
        }),
        ("bundles", |daemon| {
            for n in 0..1500 {
                User::registers(daemon, n).unwrap().publishes(5000, usize::MAX);
            }
        }),
    ];
    for (kind, load) in kinds {
        let dir = tempfile::tempdir().unwrap();
        let daemon = small(dir.path(), &[]);
        let base = resident(&daemon);
        load(&daemon);
        let (resident, told) = (resident(&daemon), status(dir.path()));
        let accounted = told["messages"]["bytes_held"].as_u64().unwrap();
        eprintln!(
            "{kind:<18} base {:>6} KiB, resident + {:>6} KiB, accounted {:>6} KiB, pressure {} %",
            base >> 10,
            (resident - base) >> 10,
            accounted >> 10,
            told["messages"]["pressure_percent"]
        );
    }
}

fn connected_maybe(daemon: &Daemon) -> Client {
    let mut client = Client::of(daemon.text("address"));
    client.connects();
    client
}

fn messages(daemon: &Daemon, sizes: &[usize]) {
    let mut users: Vec<User> = (0..4).map(|number| User::registers(daemon, number).unwrap()).collect();
    users.iter_mut().for_each(|user| assert_eq!(user.opens_queues(1), 1));
    fill(daemon, &users, sizes, 0);
}
