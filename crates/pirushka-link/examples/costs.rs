//! What the link costs: `cargo run -p pirushka-link --example costs` (add `--release` for the product's figures).
//!
//! A handshake on each side, a sealed packet on each side, junk, and the memory of an idle session.
#![allow(clippy::disallowed_methods, reason = "an example that measures needs a clock")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pirushka_link::{Class, ClientLink, ClientLinkConfig, PeerKey, PeerLink, PeerLinkConfig, Received, SessionHandle};
use pirushka_wire::{Frame, Now, RequestId};

const HANDSHAKES: u32 = 2_000;
const PACKETS: u32 = 20_000;
const IDLE: u32 = 20_000;

fn main() {
    let now = Now { mono_us: 1_000_000, wall_ms: 1_800_000_000_000 };
    let key = PeerKey::generate([1; 32]);
    handshakes(now, &key);
    packets(now, &key);
    junk(now, &key);
    memory(now, &key);
}

fn handshakes(now: Now, key: &PeerKey) {
    let mut peer = PeerLink::new(config(), key.clone(), [2; 32], now);
    let (mut client_time, mut retry_time, mut ack_time) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for i in 0..HANDSHAKES {
        let (_, times) = connect(now, &mut peer, i);
        client_time += times[0];
        retry_time += times[1];
        ack_time += times[2];
    }
    println!("handshake, client            {:9.2} us", per(client_time, HANDSHAKES));
    println!("handshake, peer: to RETRY    {:9.2} us", per(retry_time, HANDSHAKES));
    println!("handshake, peer: to HELLO_ACK{:9.2} us", per(ack_time, HANDSHAKES));
}

fn packets(now: Now, key: &PeerKey) {
    for (name, size) in [("  416", 250usize), (" 1184", 1000)] {
        let mut peer = PeerLink::new(config(), key.clone(), [2; 32], now);
        let (mut client, _) = connect(now, &mut peer, 0);
        let bytes = vec![7; size];
        let frame = Frame::Put {
            request: RequestId(0),
            object: Default::default(),
            offset: 0,
            total: 1,
            kind: 1,
            part: &bytes,
        };
        let (mut sent, mut received, mut answered) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let (mut out, remote) = (vec![], source(0));
        for _ in 0..PACKETS {
            let request = client.request(now, &frame, Class::Control);
            let start = Instant::now();
            client.poll_transmit(now, &mut out);
            sent += start.elapsed();
            let start = Instant::now();
            let Ok(Received::Frames { session, .. }) = peer.handle_datagram(now, remote, &mut out) else { continue };
            received += start.elapsed();
            let start = Instant::now();
            peer.send_ok(session, request);
            peer.poll_transmit(now, &mut out);
            answered += start.elapsed();
            let _ = client.handle_datagram(now, peer_address(), &mut out);
            while client.poll_event().is_some() {}
        }
        println!("sealed{name}: client sends     {:8.2} us", per(sent, PACKETS));
        println!("sealed{name}: peer receives    {:8.2} us", per(received, PACKETS));
        println!("sealed  128: peer answers     {:8.2} us", per(answered, PACKETS));
    }
}

fn junk(now: Now, key: &PeerKey) {
    let mut peer = PeerLink::new(config(), key.clone(), [2; 32], now);
    for size in [100, 400, 1200] {
        let mut bytes = vec![0x5a; size];
        let start = Instant::now();
        for i in 0..PACKETS {
            bytes[..4].copy_from_slice(&i.to_be_bytes());
            let _ = peer.handle_datagram(now, source(1), &mut bytes);
        }
        println!("junk of {size:4} bytes           {:9.2} us", per(start.elapsed(), PACKETS));
    }
}

fn memory(now: Now, key: &PeerKey) {
    let mut peer = PeerLink::new(config(), key.clone(), [2; 32], now);
    let before = resident_bytes();
    for i in 0..IDLE {
        connect(now, &mut peer, i);
    }
    println!("{} idle sessions: {} bytes each", peer.session_count(), (resident_bytes() - before) / u64::from(IDLE));
}

/// A whole handshake and the first sealed packet; what the client, the RETRY and the HELLO_ACK took.
fn connect(now: Now, peer: &mut PeerLink, i: u32) -> (ClientLink, [Duration; 3]) {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&i.to_be_bytes());
    let client_config = ClientLinkConfig { junk: 0, ..ClientLinkConfig::default() };
    let mut client = ClientLink::new(client_config, peer.peer_id(), seed);
    let mut out = vec![];
    let mut times = [Duration::ZERO; 3];
    let start = Instant::now();
    client.connect(now, peer_address());
    times[0] += start.elapsed();
    for step in [1, 2] {
        let start = Instant::now();
        client.poll_transmit(now, &mut out);
        times[0] += start.elapsed();
        let start = Instant::now();
        let _ = peer.handle_datagram(now, source(i), &mut out);
        peer.poll_transmit(now, &mut out);
        times[step] += start.elapsed();
        let start = Instant::now();
        let _ = client.handle_datagram(now, peer_address(), &mut out);
        times[0] += start.elapsed();
    }
    assert!(client.is_established());
    client.poll_transmit(now, &mut out);
    let _session: Option<SessionHandle> = match peer.handle_datagram(now, source(i), &mut out) {
        Ok(Received::Frames { session, .. }) => Some(session),
        _ => None,
    };
    while client.poll_event().is_some() {}
    (client, times)
}

fn config() -> PeerLinkConfig {
    PeerLinkConfig { prefix_burst: u32::MAX, prefix_unfinished: u32::MAX, prefix_live: u32::MAX, ..Default::default() }
}

fn source(i: u32) -> SocketAddr {
    let [_, b, c, d] = i.to_be_bytes();
    SocketAddr::from(([10, b, c, d], 4_000))
}

fn peer_address() -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 1], 7117))
}

fn per(time: Duration, n: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(n)
}

/// Resident set of this process (Linux).
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    pages * 4096
}
