//! People who write to each other at a steady rate: real links on sockets of their own, envelopes of random bytes.
//!
//! Each has a session at home, where what the person before it in the ring wrote is pushed, and an anonymous one in
//! which it leaves texts for the next. Newcomers come and go meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use pirushka_identity::{Identity, proofs};
use pirushka_link::{Answer, Class, ClientLinkEvent};
use pirushka_wire::limits::ENVELOPES;
use pirushka_wire::{
    DeliveryId, Deposit, DepositId, Frame, Incarnation, InstanceId, InviteSecret, Now, PeerId, QueueId, QueueSecret,
    RequestId, WorkNonce,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use rustix::event::{PollFd, PollFlags, poll};

use super::Window;
use super::line::Line;
use super::recording::Recording;
use crate::peer::Process;

const SECRET: QueueSecret = QueueSecret([2; 16]);
/// Overwritten by the link with an id of its own.
const ANY: RequestId = RequestId(0);
const NEWCOMER_EVERY: Duration = Duration::from_millis(100);
/// As long as a person may take to register.
const PATIENCE: Duration = Duration::from_secs(20);

/// What became of the people and their texts.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) texts: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) altered: u64,
    /// Deposits that the peer did not answer with OK.
    pub(crate) refused: u64,
    pub(crate) sessions_lost: u64,
    /// Pushes that came again because their acknowledgement was late or lost: known by their number, shown once.
    pub(crate) pushed_again: u64,
    pub(crate) newcomers_failed: u64,
    /// From when a text was due until the recipient had it.
    pub(crate) texts_took: Delays,
    /// Handshakes of newcomers.
    pub(crate) newcomers_took: Delays,
}

/// Delays in milliseconds, each with the window in which it began.
#[derive(Debug, Default)]
pub(crate) struct Delays(Vec<(Window, f64)>);

impl Delays {
    fn note(&mut self, window: Window, took: Duration) {
        self.0.push((window, took.as_secs_f64() * 1e3));
    }

    /// Of all windows of a kind, sorted.
    pub(crate) fn all(&self, window: Window) -> Vec<f64> {
        let mut all: Vec<f64> = self.0.iter().filter(|(at, _)| *at == window).map(|(_, took)| *took).collect();
        all.sort_by(f64::total_cmp);
        all
    }
}

/// A percentile of a sorted list.
pub(crate) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// All of them, and their loop.
pub(crate) struct Crowd {
    people: Vec<Person>,
    newcomers: Vec<Newcomer>,
    next_newcomer: Option<Instant>,
    peer: (SocketAddr, PeerId),
    clock: Instant,
    rng: ChaCha20Rng,
    texts: Vec<Text>,
    every: Duration,
    next_text: Option<Instant>,
    window: Window,
    recording: Arc<Recording>,
    outcome: Outcome,
}

struct Person {
    home: Line,
    out: Line,
    incarnation: Incarnation,
    /// Deliveries that have been taken.
    taken: BTreeSet<DeliveryId>,
    /// Deposits without an answer, and which text each is.
    asked: BTreeMap<RequestId, usize>,
}

/// Somebody who makes a session, and leaves.
struct Newcomer {
    line: Line,
    began: Instant,
    window: Window,
}

struct Text {
    due: Instant,
    window: Window,
    to: usize,
    copies: u32,
    is_held: bool,
}

impl Crowd {
    /// Everybody is registered and has opened a queue.
    pub(crate) fn gather(
        peer: &Process,
        people: usize,
        texts_per_s: u64,
        seed: u64,
        recording: &Arc<Recording>,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!((2..=200).contains(&people) && texts_per_s > 0, "2 to 200 people, one text per second or more");
        let mut crowd = Self {
            people: vec![],
            newcomers: vec![],
            next_newcomer: None,
            peer: peer.socket_and_key()?,
            clock: Instant::now(),
            rng: ChaCha20Rng::seed_from_u64(seed ^ 0x7065_6f70),
            texts: vec![],
            every: Duration::from_secs_f64(1.0 / texts_per_s as f64),
            next_text: None,
            window: Window::Between,
            recording: Arc::clone(recording),
            outcome: Outcome::default(),
        };
        for number in 0..people {
            let person = crowd.person(number)?;
            crowd.people.push(person);
        }
        crowd.next_text = Some(Instant::now());
        crowd.next_newcomer = Some(Instant::now());
        Ok(crowd)
    }

    pub(crate) fn enter(&mut self, window: Window) {
        self.window = window;
    }

    pub(crate) fn stop_writing(&mut self) {
        (self.next_text, self.next_newcomer) = (None, None);
    }

    pub(crate) fn has_all(&self) -> bool {
        self.texts.iter().all(|text| text.copies > 0 && text.is_held) && self.newcomers.is_empty()
    }

    /// Waits for whatever is next and does it.
    pub(crate) fn turn(&mut self) -> anyhow::Result<()> {
        self.sleep()?;
        self.write_what_is_due();
        self.let_newcomers_in()?;
        let now = self.now();
        for at in 0..self.people.len() {
            self.people[at].home.receive(now);
            self.people[at].out.receive(now);
            self.read(at);
            self.people[at].home.flush(now, &self.recording)?;
            self.people[at].out.flush(now, &self.recording)?;
        }
        self.see_newcomers_off(now)
    }

    /// What became of them.
    pub(crate) fn outcome(mut self) -> Outcome {
        let mut outcome = std::mem::take(&mut self.outcome);
        let count = |is: fn(&Text) -> bool| self.texts.iter().filter(|text| is(text)).count() as u64;
        outcome.texts = self.texts.len() as u64;
        outcome.lost = count(|text| text.copies == 0);
        outcome.doubled = count(|text| text.copies > 1);
        outcome.refused += count(|text| !text.is_held);
        outcome.newcomers_failed += self.newcomers.len() as u64;
        outcome
    }

    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { mono_us: self.clock.elapsed().as_micros() as u64, wall_ms: wall.as_millis() as u64 }
    }

    /// Until a datagram has come or something is due.
    fn sleep(&self) -> anyhow::Result<()> {
        let lines = self.people.iter().flat_map(|person| [&person.home, &person.out]);
        let lines: Vec<&Line> = lines.chain(self.newcomers.iter().map(|newcomer| &newcomer.line)).collect();
        let timer = lines.iter().filter_map(|line| line.link.poll_timeout()).min();
        let timer = timer.map(|at_us| self.clock + Duration::from_micros(at_us));
        // The end of a window is looked for at least so often.
        let latest = Instant::now() + Duration::from_millis(5);
        let until = [timer, self.next_text, self.next_newcomer].into_iter().flatten().fold(latest, Instant::min);
        let timeout = until.saturating_duration_since(Instant::now());
        let mut sockets: Vec<_> = lines.iter().map(|line| PollFd::new(&line.socket, PollFlags::IN)).collect();
        poll(&mut sockets, Some(&timeout.try_into()?))?;
        Ok(())
    }

    fn write_what_is_due(&mut self) {
        while let Some(due) = self.next_text.filter(|due| *due <= Instant::now()) {
            let number = self.texts.len();
            let from = self.rng.next_u32() as usize % self.people.len();
            let to = (from + 1) % self.people.len();
            self.texts.push(Text { due, window: self.window, to, copies: 0, is_held: false });
            let mut id = [0; 16];
            id[8..].copy_from_slice(&(number as u64).to_be_bytes());
            let envelope = envelope(number);
            let (queue, deposit) = (queue_of(to), DepositId(id));
            let deposit = Deposit::Contact { queue, secret: SECRET, deposit, flags: 0, envelope: &envelope };
            let now = self.now();
            let person = &mut self.people[from];
            let request = person.out.link.request(now, &Frame::Deposit { request: ANY, deposit }, Class::Control);
            person.asked.insert(request, number);
            self.next_text = Some(due + self.every);
        }
    }

    fn read(&mut self, at: usize) {
        while let Some(event) = self.people[at].home.events.pop_front() {
            match event {
                ClientLinkEvent::Pushed { delivery, body, .. } => self.take(at, delivery, &body),
                ClientLinkEvent::Lost { .. } => self.outcome.sessions_lost += 1,
                ClientLinkEvent::Established { .. }
                | ClientLinkEvent::Answered { .. }
                | ClientLinkEvent::Polled { .. }
                | ClientLinkEvent::Quiet
                | ClientLinkEvent::Superseded => {}
            }
        }
        while let Some(event) = self.people[at].out.events.pop_front() {
            match event {
                ClientLinkEvent::Answered { request, answer } => {
                    let Some(number) = self.people[at].asked.remove(&request) else { continue };
                    self.texts[number].is_held = answer == Answer::Ok;
                }
                ClientLinkEvent::Lost { .. } => self.outcome.sessions_lost += 1,
                ClientLinkEvent::Established { .. }
                | ClientLinkEvent::Pushed { .. }
                | ClientLinkEvent::Polled { .. }
                | ClientLinkEvent::Quiet
                | ClientLinkEvent::Superseded => {}
            }
        }
    }

    fn take(&mut self, at: usize, delivery: DeliveryId, body: &[u8]) {
        let person = &mut self.people[at];
        person.home.link.acknowledge(person.incarnation, delivery);
        if !person.taken.insert(delivery) {
            self.outcome.pushed_again += 1;
            return;
        }
        let number = number_of(body).filter(|number| self.texts.get(*number).is_some_and(|text| text.to == at));
        let Some(number) = number.filter(|number| body == envelope(*number)) else {
            self.outcome.altered += 1;
            return;
        };
        let text = &mut self.texts[number];
        text.copies += 1;
        self.outcome.texts_took.note(text.window, text.due.elapsed());
    }

    fn let_newcomers_in(&mut self) -> anyhow::Result<()> {
        let Some(due) = self.next_newcomer.filter(|due| *due <= Instant::now()) else { return Ok(()) };
        self.next_newcomer = Some(due + NEWCOMER_EVERY);
        let line = Line::open(Ipv4Addr::new(127, 0, 0, 2), self.peer, self.now(), false, &mut self.rng)?;
        self.newcomers.push(Newcomer { line, began: Instant::now(), window: self.window });
        Ok(())
    }

    fn see_newcomers_off(&mut self, now: Now) -> anyhow::Result<()> {
        for Newcomer { line, began, window } in &mut self.newcomers {
            line.receive(now);
            while let Some(event) = line.events.pop_front() {
                match event {
                    ClientLinkEvent::Established { .. } => {
                        self.outcome.newcomers_took.note(*window, began.elapsed());
                        line.link.close(now);
                    }
                    ClientLinkEvent::Lost { .. } => self.outcome.newcomers_failed += 1,
                    ClientLinkEvent::Answered { .. }
                    | ClientLinkEvent::Pushed { .. }
                    | ClientLinkEvent::Polled { .. }
                    | ClientLinkEvent::Quiet
                    | ClientLinkEvent::Superseded => {}
                }
            }
            line.flush(now, &self.recording)?;
        }
        // Without a session and without a deadline: it has left, or was not let in.
        self.newcomers.retain(|newcomer| newcomer.line.link.poll_timeout().is_some());
        Ok(())
    }

    fn person(&mut self, number: usize) -> anyhow::Result<Person> {
        // A network of its own for everybody.
        let address = Ipv4Addr::new(127, 0, 3 + number as u8, 1);
        let now = self.now();
        let identity = Identity::generate(&mut ChaCha20Rng::seed_from_u64(self.rng.next_u64()));
        let mut home = Line::open(address, self.peer, now, true, &mut self.rng)?;
        let out = Line::open(address, self.peer, now, true, &mut self.rng)?;
        self.until(&mut home, |event| matches!(event, ClientLinkEvent::Established { .. }).then_some(()))?;
        let binding = *home.link.binding().context("a session")?;
        let root = identity.register_packet(self.peer.1, &binding, self.now().wall_s());
        let (instance, invite, work) = (InstanceId([3; 16]), InviteSecret::NONE, WorkNonce(0));
        let register = Frame::Register { request: ANY, instance, invite, work, root: &root };
        let answer = self.ask(&mut home, &register)?;
        let Answer::Mailbox { incarnation } = answer else { anyhow::bail!("registering: {answer:?}") };
        let secret_hash = proofs::queue_secret_hash(&SECRET);
        let set = Frame::QueueSet { request: ANY, queue: queue_of(number), secret_hash, quota_kib: 0 };
        let answer = self.ask(&mut home, &set)?;
        anyhow::ensure!(matches!(answer, Answer::Ticket(_)), "a queue: {answer:?}");
        let answer = self.ask(&mut home, &Frame::ListEnd { request: ANY })?;
        anyhow::ensure!(answer == Answer::Ok, "the end of the queues: {answer:?}");
        Ok(Person { home, out, incarnation, taken: BTreeSet::new(), asked: BTreeMap::new() })
    }

    fn ask(&mut self, line: &mut Line, question: &Frame<'_>) -> anyhow::Result<Answer> {
        let asked = line.link.request(self.now(), question, Class::Control);
        self.until(line, |event| match event {
            ClientLinkEvent::Answered { request, answer } if request == asked => Some(answer),
            _ => None,
        })
    }

    /// Before the run begins: moves one line alone until an event is what is waited for.
    fn until<T>(&mut self, line: &mut Line, mut wanted: impl FnMut(ClientLinkEvent) -> Option<T>) -> anyhow::Result<T> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            line.flush(self.now(), &self.recording)?;
            let timeout = Duration::from_millis(5).try_into()?;
            poll(&mut [PollFd::new(&line.socket, PollFlags::IN)], Some(&timeout))?;
            line.receive(self.now());
            while let Some(event) = line.events.pop_front() {
                if let Some(found) = wanted(event) {
                    return Ok(found);
                }
            }
        }
        anyhow::bail!("the peer does not answer")
    }
}

fn queue_of(person: usize) -> QueueId {
    let mut id = [7; 16];
    id[1..9].copy_from_slice(&(person as u64).to_be_bytes());
    QueueId(id)
}

/// The bytes of a text: its number and what follows from it, in one of the sizes that envelopes have.
fn envelope(number: usize) -> Vec<u8> {
    let mut envelope = vec![0; ENVELOPES[number % ENVELOPES.len()]];
    let (head, rest) = envelope.split_at_mut(8);
    head.copy_from_slice(&(number as u64).to_be_bytes());
    ChaCha20Rng::seed_from_u64(number as u64).fill_bytes(rest);
    envelope
}

fn number_of(envelope: &[u8]) -> Option<usize> {
    Some(u64::from_be_bytes(*envelope.first_chunk()?) as usize)
}
