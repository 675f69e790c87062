//! The attacker: a thread with hundreds of sockets, spread over 127.0.0.0/8, a squad of them for each kind of datagram,
//! so that what comes back is known to answer what.
//!
//! In quiet windows it sends as much to a socket that nobody reads. Attackers are other computers; here they take time of
//! the same processors, and that is not the peer's affair.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::hostile::{Arsenal, Kind};
use super::recording::Recording;
use crate::peer::Process;

/// Sockets of a squad, each with an address and port of its own.
pub(crate) const SOCKETS: usize = 32;
/// Sent in a row at most; what is more than twice as late is given up, so that a pause is not followed by a burst.
const BURST: u64 = 32;
const PAUSE: Duration = Duration::from_micros(300);
/// When it stops, the squads listen for so long.
const LISTEN: Duration = Duration::from_millis(500);

/// What one squad sent and what came back.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub(crate) kind: Kind,
    pub(crate) sent: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) answers: u64,
    pub(crate) bytes_answered: u64,
    /// Moments at which a socket had been given more than it had sent.
    pub(crate) overpaid: u64,
}

/// A thread that sends when it is told to.
pub(crate) struct Attacker {
    orders: Arc<Orders>,
    thread: Option<JoinHandle<Vec<Tally>>>,
}

#[derive(Default)]
struct Orders {
    /// To be sent to the peer since the beginning.
    wanted: AtomicU64,
    /// What has been sent to it.
    sent: AtomicU64,
    /// To be sent, until told otherwise, where nobody reads.
    idle: AtomicBool,
    stop: AtomicBool,
}

impl Attacker {
    pub(crate) fn start(peer: &Process, seed: u64, rate: u64, recording: &Arc<Recording>) -> anyhow::Result<Self> {
        let (target, peer_id) = peer.socket_and_key()?;
        let squads = Kind::ALL.iter().map(|&kind| Squad::new(kind, seed)).collect::<anyhow::Result<Vec<_>>>()?;
        let (orders, recording) = (Arc::new(Orders::default()), Arc::clone(recording));
        let for_thread = Arc::clone(&orders);
        let campaign = Campaign {
            arsenal: Arsenal::new(seed, peer_id),
            blanks: Arsenal::new(!seed, peer_id),
            target,
            nobody: UdpSocket::bind("127.0.0.1:0")?,
            squads,
            listening: 0,
            datagram: vec![],
        };
        let thread = std::thread::Builder::new()
            .name("attacker".to_owned())
            .spawn(move || campaign.run(&for_thread, rate, &recording))?;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// Sends so many more to the peer.
    pub(crate) fn attack(&self, more: u64) {
        self.orders.idle.store(false, Ordering::Relaxed);
        self.orders.wanted.fetch_add(more, Ordering::Relaxed);
    }

    /// Sends to nobody.
    pub(crate) fn shoot_into_the_air(&self) {
        self.orders.idle.store(true, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self) -> u64 {
        self.orders.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.sent() >= self.orders.wanted.load(Ordering::Relaxed)
    }

    /// Listens for a last moment and tells what came of it.
    pub(crate) fn stop(mut self) -> Vec<Tally> {
        self.orders.stop.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.orders.stop.store(true, Ordering::Relaxed);
    }
}

struct Campaign {
    arsenal: Arsenal,
    /// For what goes nowhere, so that what the peer gets is the seed's alone.
    blanks: Arsenal,
    target: SocketAddr,
    nobody: UdpSocket,
    squads: Vec<Squad>,
    /// Whose turn it is to be listened to.
    listening: usize,
    datagram: Vec<u8>,
}

impl Campaign {
    fn run(mut self, orders: &Orders, rate: u64, recording: &Recording) -> Vec<Tally> {
        let mut last = Instant::now();
        let mut due = 0.0;
        while !orders.stop.load(Ordering::Relaxed) {
            let now = Instant::now();
            due = f64::min(due + (now - last).as_secs_f64() * rate as f64, (2 * BURST) as f64);
            last = now;
            let burst = (due as u64).min(BURST);
            due -= burst as f64;
            let left = orders.wanted.load(Ordering::Relaxed) - orders.sent.load(Ordering::Relaxed);
            if left > 0 {
                let sent = (0..burst.min(left)).filter(|_| self.send(recording)).count() as u64;
                orders.sent.fetch_add(sent, Ordering::Relaxed);
            } else if orders.idle.load(Ordering::Relaxed) {
                (0..burst).for_each(|_| self.send_to_nobody(recording));
            }
            self.listen_to_one();
            std::thread::sleep(PAUSE);
        }
        let end = Instant::now() + LISTEN;
        while Instant::now() < end {
            self.squads.iter_mut().for_each(Squad::listen);
            std::thread::sleep(PAUSE);
        }
        self.squads.into_iter().map(|squad| squad.tally).collect()
    }

    fn send(&mut self, recording: &Recording) -> bool {
        let kind = self.arsenal.kind();
        let socket = self.arsenal.draw() as usize % SOCKETS;
        self.arsenal.make(kind, socket, recording, &mut self.datagram)
            && self.squads[kind as usize].send(socket, self.target, &self.datagram)
    }

    fn send_to_nobody(&mut self, recording: &Recording) {
        let kind = self.blanks.kind();
        let socket = self.blanks.draw() as usize % SOCKETS;
        let (Ok(nobody), true) =
            (self.nobody.local_addr(), self.blanks.make(kind, socket, recording, &mut self.datagram))
        else {
            return;
        };
        // Nobody reads it, so most of it finds no room.
        let _ = self.squads[kind as usize].sockets[socket].0.send_to(&self.datagram, nobody);
    }

    fn listen_to_one(&mut self) {
        self.squads[self.listening].listen();
        self.listening = (self.listening + 1) % self.squads.len();
    }
}

/// The sockets that send one kind of datagram.
struct Squad {
    tally: Tally,
    sockets: Vec<(UdpSocket, Account)>,
}

/// Bytes of one socket.
#[derive(Default)]
struct Account {
    sent: u64,
    answered: u64,
}

impl Squad {
    fn new(kind: Kind, seed: u64) -> anyhow::Result<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x5000 ^ kind as u64);
        let sockets = (0..SOCKETS).map(|_| Ok((spread(&mut rng)?, Account::default())));
        let tally = Tally { kind, sent: 0, bytes_sent: 0, answers: 0, bytes_answered: 0, overpaid: 0 };
        Ok(Self { tally, sockets: sockets.collect::<anyhow::Result<_>>()? })
    }

    fn send(&mut self, socket: usize, to: SocketAddr, datagram: &[u8]) -> bool {
        let (socket, account) = &mut self.sockets[socket];
        if socket.send_to(datagram, to).is_err() {
            return false;
        }
        account.sent += datagram.len() as u64;
        self.tally.sent += 1;
        self.tally.bytes_sent += datagram.len() as u64;
        true
    }

    fn listen(&mut self) {
        let mut buffer = [0; 2048];
        for (socket, account) in &mut self.sockets {
            while let Ok((length, _)) = socket.recv_from(&mut buffer) {
                account.answered += length as u64;
                self.tally.answers += 1;
                self.tally.bytes_answered += length as u64;
                self.tally.overpaid += u64::from(account.answered > account.sent);
            }
        }
    }
}

/// A socket somewhere in 127.0.0.0/8, but not where people are.
fn spread(rng: &mut ChaCha20Rng) -> anyhow::Result<UdpSocket> {
    let [a, b, c, _] = rng.next_u32().to_be_bytes();
    let address = Ipv4Addr::new(127, 1 + a % 254, b, 1 + c % 254);
    let socket = UdpSocket::bind((address, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
