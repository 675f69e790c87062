//! The load's loop: a closed one, in which each sender has so many texts on its way, or an open one, in which texts are
//! due at a rate, however late those before are.

use std::collections::BTreeSet;
use std::time::Duration;

use hdrhistogram::Histogram;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::cores::Threads;
use super::port::{Port, Who};
use super::speech::{Speech, Told};
use super::texts::{Outgoing, Sender, Text, Watch};

/// How texts come about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// So many of each sender are on their way at any time.
    InFlight(u32),
    /// Each sender sends so many at once, and the next when all of them are held.
    Bursts(u32),
    /// So many per second in all.
    PerSecond(u64),
}

/// Who takes part, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The first so many clients write.
    pub(crate) senders: u32,
    /// The next so many are written to.
    pub(crate) recipients: u32,
    pub(crate) pace: Pace,
    /// Not measured.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// The recipients are there. Else a text is over when it is held.
    pub(crate) arrive: bool,
}

/// What came out.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Texts that went all the way within the measured time.
    pub(crate) texts: u64,
    pub(crate) seconds: f64,
    /// Processor time of the server in it, in seconds.
    pub(crate) server_s: f64,
    /// Part of the time in which the load had something to do.
    pub(crate) load_busy: f64,
    /// From when a text was due until its recipient had it, in ns.
    pub(crate) delays: Histogram<u64>,
    /// Texts that were under way at the end and did not come.
    pub(crate) lost: u64,
    /// Refusals, and what nobody asked for.
    pub(crate) other: u64,
    /// Texts came at a rate: nobody was to be at the limit.
    pub(crate) is_paced: bool,
}

/// Below so much of its processor the server was not the limit.
const BUSY: f64 = 0.95;

impl Outcome {
    /// Whether the server could have done more.
    pub(crate) fn load_was_the_limit(&self) -> bool {
        !self.is_paced && self.server_busy() < BUSY
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.texts as f64 / self.seconds
    }

    /// Texts per second that the server has run: what it could do if the load were no limit.
    pub(crate) fn per_server_second(&self) -> f64 {
        self.texts as f64 / self.server_s
    }

    pub(crate) fn server_busy(&self) -> f64 {
        self.server_s / self.seconds
    }
}

/// After the end, what is under way has so long to arrive.
const PATIENCE: Duration = Duration::from_secs(3);

struct Load<'a, S> {
    plan: Plan,
    port: &'a mut Port,
    speech: &'a mut S,
    watch: Watch,
    rng: ChaCha20Rng,
    senders: Vec<Sender>,
    told: Told,
    outgoing: Vec<Outgoing>,
    /// Senders that may have room, recipients that owe an acknowledgement.
    roomy: BTreeSet<u32>,
    owing: BTreeSet<Who>,
    /// Texts of an open loop so far.
    due: u64,
    texts: u64,
    delays: Histogram<u64>,
    other: u64,
}

/// Runs it on clients that have joined already.
pub(crate) fn run(plan: Plan, port: &mut Port, speech: &mut impl Speech, server: &Threads) -> anyhow::Result<Outcome> {
    let mut load = Load {
        plan,
        port,
        speech,
        watch: Watch::start(),
        rng: ChaCha20Rng::seed_from_u64(2),
        senders: vec![Sender::new(plan.arrive); plan.senders as usize],
        told: Told::default(),
        outgoing: vec![],
        roomy: (0..plan.senders).collect(),
        owing: BTreeSet::new(),
        due: 0,
        texts: 0,
        delays: Histogram::new_with_bounds(100, 60_000_000_000, 3)?,
        other: 0,
    };
    load.until(plan.warm_up, true)?;
    (load.texts, load.other) = (0, 0);
    load.delays.clear();
    let (begin, server_before) = (load.watch.elapsed(), server.seconds()?);
    let idle = load.until(plan.warm_up + plan.measured, true)?;
    let (seconds, server_s) = ((load.watch.elapsed() - begin).as_secs_f64(), server.seconds()? - server_before);
    let (texts, delays) = (load.texts, load.delays.clone());
    load.until(plan.warm_up + plan.measured + PATIENCE, false)?;
    let lost = load.senders.iter().map(|sender| u64::from(sender.under_way())).sum();
    let load_busy = 1.0 - idle.as_secs_f64() / seconds;
    let is_paced = matches!(plan.pace, Pace::PerSecond(_));
    Ok(Outcome { texts, seconds, server_s, load_busy, delays, lost, other: load.other, is_paced })
}

/// Takes in `many` texts that wait for clients, and acknowledges them until the server is silent. How long it took until
/// the last had come, and how many came; those whose acknowledgement was lost come twice.
pub(crate) fn fetch(port: &mut Port, speech: &mut impl Speech, many: u64) -> anyhow::Result<(Duration, u64)> {
    let (watch, mut told, mut owing) = (Watch::start(), Told::default(), BTreeSet::new());
    let (mut arrived, mut heard, mut took) = (0, watch.elapsed(), None);
    while watch.elapsed() - heard < PATIENCE {
        let has_heard = port.receive(|who, datagram| {
            told.clear();
            speech.hear(who, datagram, &mut told);
            arrived += told.arrived.len() as u64;
            owing.insert(who);
        })?;
        if has_heard {
            heard = watch.elapsed();
        }
        if arrived >= many && took.is_none() {
            took = Some(heard);
        }
        while let Some(who) = owing.pop_first() {
            speech.acknowledge(port, who);
        }
    }
    Ok((took.unwrap_or(heard), arrived))
}

impl<S: Speech> Load<'_, S> {
    /// Returns how long there was nothing to do. Without `writes` nothing new is sent, and it ends when all has come.
    fn until(&mut self, end: Duration, writes: bool) -> anyhow::Result<Duration> {
        let (mut idle, mut idle_since) = (Duration::ZERO, None);
        loop {
            let now = self.watch.elapsed();
            let is_done = !writes && self.senders.iter().all(|sender| sender.under_way() == 0);
            if now >= end || is_done {
                return Ok(idle);
            }
            let has_heard = self.hear()?;
            self.acknowledge();
            let has_written = writes && self.write();
            if has_heard || has_written {
                idle += idle_since.take().map_or(Duration::ZERO, |since| now - since);
            } else if idle_since.is_none() {
                idle_since = Some(now);
            }
        }
    }

    fn hear(&mut self) -> anyhow::Result<bool> {
        let Self { port, speech, told, senders, roomy, owing, texts, delays, other, watch, .. } = self;
        port.receive(|who, datagram| {
            told.clear();
            speech.hear(who, datagram, told);
            *other += told.other;
            let (mut over, ns) = (0, watch.ns());
            if let Some(sender) = senders.get_mut(who.0 as usize) {
                for (first, last) in &told.held {
                    over += (*first..=*last).filter(|number| sender.held(*number)).count();
                }
                roomy.insert(who.0);
            }
            for text in &told.arrived {
                owing.insert(who);
                delays.saturating_record(ns.saturating_sub(text.due_ns));
                if let Some(sender) = senders.get_mut(text.sender as usize) {
                    over += usize::from(sender.arrived(text.number));
                    roomy.insert(text.sender);
                }
            }
            *texts += over as u64;
        })
    }

    fn acknowledge(&mut self) {
        while let Some(who) = self.owing.pop_first() {
            self.speech.acknowledge(self.port, who);
        }
    }

    fn write(&mut self) -> bool {
        match self.plan.pace {
            Pace::InFlight(most) => {
                let any = !self.roomy.is_empty();
                while let Some(number) = self.roomy.pop_first() {
                    let room = most.saturating_sub(self.senders[number as usize].under_way());
                    self.send(number, room, self.watch.ns());
                }
                any
            }
            Pace::Bursts(many) => {
                let any = !self.roomy.is_empty();
                while let Some(number) = self.roomy.pop_first() {
                    let is_done = self.senders[number as usize].under_way() == 0;
                    self.send(number, if is_done { many } else { 0 }, self.watch.ns());
                }
                any
            }
            Pace::PerSecond(rate) => {
                let mut any = false;
                let ns = self.watch.ns();
                while self.due * 1_000_000_000 / rate <= ns {
                    let sender = (self.due % u64::from(self.plan.senders)) as u32;
                    self.send(sender, 1, self.due * 1_000_000_000 / rate);
                    self.due += 1;
                    any = true;
                }
                any
            }
        }
    }

    fn send(&mut self, sender: u32, count: u32, due_ns: u64) {
        self.outgoing.clear();
        for _ in 0..count {
            let Some(number) = self.senders[sender as usize].begin() else { break };
            let to = Who(self.plan.senders + self.rng.next_u32() % self.plan.recipients);
            self.outgoing.push(Outgoing { text: Text { sender, number, due_ns }, to });
        }
        if !self.outgoing.is_empty() {
            self.speech.leave(self.port, Who(sender), &self.outgoing);
        }
    }
}
