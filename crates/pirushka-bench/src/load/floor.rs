//! The floor: what the system's calls alone allow. Four bare datagrams per text, of the sizes that sealed ones have, no
//! cryptography, one table, and the same calls that `pirushkad` makes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use pirushka_udp::{Batch, Interest, Options, Sleeper, UdpSocket, Waker, wait};

use super::cores::{Threads, pin_this_thread};
use super::port::{Port, Who};
use super::speech::{Speech, Told};
use super::texts::{Outgoing, Text};

const LEAVE: u8 = 1;
const HELD: u8 = 2;
const PUSH: u8 = 3;
const TAKEN: u8 = 4;
/// `kind | to or slot u32`, then a text.
const HEAD: usize = 5;
/// Sizes of sealed packets with one OK, and with one acknowledgement.
const SMALL: usize = 128 + 8;

/// The size of a sealed packet that carries one envelope.
fn large(envelope: usize) -> usize {
    let buckets = pirushka_wire::limits::BUCKETS;
    buckets.into_iter().find(|bucket| envelope + 93 <= *bucket).unwrap_or(buckets[3]) + 8
}

fn word(bytes: &[u8]) -> u32 {
    bytes.get(1..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_be_bytes(*word))
}

/// How the load speaks to it.
pub(crate) struct Bare {
    out: Vec<u8>,
    /// Slots that a client was given and has not acknowledged.
    taken: Vec<Vec<u32>>,
}

impl Bare {
    pub(crate) fn new(envelope: usize, clients: u32) -> Self {
        Self { out: vec![0; large(envelope)], taken: vec![vec![]; clients as usize] }
    }
}

impl Speech for Bare {
    fn leave(&mut self, port: &mut Port, sender: Who, texts: &[Outgoing]) {
        for Outgoing { text, to } in texts {
            self.out[0] = LEAVE;
            self.out[1..HEAD].copy_from_slice(&to.0.to_be_bytes());
            text.write(&mut self.out[HEAD..]);
            port.send(sender, &self.out, None);
        }
    }

    fn hear(&mut self, who: Who, datagram: &mut [u8], told: &mut Told) {
        match (datagram.first(), datagram.get(HEAD..).and_then(Text::read)) {
            (Some(&HELD), Some(text)) => told.held.push((text.number, text.number)),
            (Some(&PUSH), Some(text)) => {
                told.arrived.push(text);
                self.taken[who.0 as usize].push(word(datagram));
            }
            _ => told.other += 1,
        }
    }

    fn acknowledge(&mut self, port: &mut Port, who: Who) {
        let mut out = [0; SMALL];
        out[0] = TAKEN;
        for slot in self.taken[who.0 as usize].drain(..) {
            out[1..HEAD].copy_from_slice(&slot.to_be_bytes());
            port.send(who, &out, None);
        }
    }
}

/// A running floor; ends with this value.
pub(crate) struct Floor {
    pub(crate) address: SocketAddr,
    pub(crate) threads: Threads,
    is_over: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl Floor {
    pub(crate) fn start(core: usize) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &Options::default())?;
        let address = socket.local_addr();
        let (waker, sleeper) = Waker::pair()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let (ids, id) = sync_channel(1);
        let over = is_over.clone();
        let thread = std::thread::Builder::new().name("floor".into()).spawn(move || {
            pin_this_thread(core)?;
            ids.send(Threads::this())?;
            let mut server =
                Server { batch: Batch::for_socket(&socket), socket, held: vec![], free: vec![], out: vec![] };
            while !over.load(Ordering::Relaxed) {
                server.turn(&sleeper)?;
            }
            anyhow::Ok(())
        })?;
        let threads = id.recv().context("the floor did not start")?;
        Ok(Self { address, threads, is_over, waker, thread: Some(thread) })
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Server {
    socket: UdpSocket,
    batch: Batch,
    held: Vec<Vec<u8>>,
    free: Vec<u32>,
    /// Answers: to whom, which slot if it is a push, else a text that is held now.
    out: Vec<(SocketAddr, Answer)>,
}

enum Answer {
    Push(u32),
    Held([u8; SMALL]),
}

impl Server {
    fn turn(&mut self, sleeper: &Sleeper) -> anyhow::Result<()> {
        wait(&self.socket, sleeper, Interest::default(), Some(Duration::from_secs(1)))?;
        for _ in 0..16 {
            if !self.socket.receive(&mut self.batch)? {
                break;
            }
            let Self { batch, held, free, out, .. } = self;
            for (remote, datagram) in batch.datagrams() {
                take(held, free, out, remote, datagram);
            }
            self.answer()?;
        }
        Ok(())
    }

    fn answer(&mut self) -> anyhow::Result<()> {
        let datagrams: Vec<(SocketAddr, &[u8])> = self
            .out
            .iter()
            .map(|(to, answer)| match answer {
                Answer::Push(slot) => (*to, self.held[*slot as usize].as_slice()),
                Answer::Held(bytes) => (*to, bytes.as_slice()),
            })
            .collect();
        let mut sent = 0;
        while sent < datagrams.len() {
            sent += self.socket.send_each(&datagrams[sent..])?;
        }
        self.out.clear();
        Ok(())
    }
}

fn take(
    held: &mut Vec<Vec<u8>>,
    free: &mut Vec<u32>,
    out: &mut Vec<(SocketAddr, Answer)>,
    remote: SocketAddr,
    datagram: &[u8],
) {
    match datagram.first() {
        Some(&LEAVE) => {
            let mut answer = [0; SMALL];
            answer[..HEAD + Text::LEN].copy_from_slice(&datagram[..HEAD + Text::LEN]);
            answer[0] = HELD;
            out.push((remote, Answer::Held(answer)));
            let slot = free.pop().unwrap_or_else(|| {
                held.push(vec![]);
                held.len() as u32 - 1
            });
            let place = &mut held[slot as usize];
            place.clear();
            place.extend_from_slice(datagram);
            place[0] = PUSH;
            place[1..HEAD].copy_from_slice(&slot.to_be_bytes());
            out.push((SocketAddr::new(Who(word(datagram)).ip().into(), remote.port()), Answer::Push(slot)));
        }
        Some(&TAKEN) => free.push(word(datagram)),
        _ => {}
    }
}
