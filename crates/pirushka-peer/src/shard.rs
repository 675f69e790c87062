//! One thread, one socket, one machine: the loop that everything goes through.
//!
//! A turn of the loop: sleep until datagrams, a deadline or an order; take what has come in batches, at most
//! [`BATCHES_PER_TURN`]; let the machine do what is due; send all that it has to say. In a flood answers go out after
//! every [`UNANSWERED_MAX`] datagrams, so that it delays them by those and not by the flood. When the system takes no more, the machine is not
//! asked for more either: what it holds is bounded, what a queue of ours would hold is not.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use pirushka_peer_core::{BlockList, Counters, Peer, PeerConfig, Stats, Transmit};
use pirushka_udp::{Batch, Interest, Sleeper, UdpSocket, Waker, wait};
use pirushka_wire::Now;

use crate::clock::Clock;
use crate::meter::Meter;
use crate::trains::{Sent, Trains};

/// Enough to empty a burst without a system call for sleeping in between, few enough that timers are never late by more
/// than a few milliseconds: 16 batches of 16 trains at about 3 µs a datagram.
const BATCHES_PER_TURN: usize = 16;
/// So many datagrams are taken in before answers go out, as far as so many wait: what goes to one remote goes together
/// then, and a datagram costs the system several times what it costs us.
const UNANSWERED_MAX: usize = 64;
/// How often the process's memory is looked at while datagrams come, in µs: a look takes two of them, and in this time a
/// fast network brings 1 MB.
const MEASURE_EVERY_US: u64 = 5_000;
/// So many failures of the socket in a row mean that it will not recover.
const FAILURES_MAX: u32 = 100;
/// Orders that may wait; whoever gives more waits with them.
const ORDERS_MAX: usize = 16;

/// What a shard is told from outside.
#[derive(Debug)]
pub(crate) enum Order {
    /// Tell your totals.
    Report(SyncSender<Report>),
    /// Take no more deposits, hand out what there is for at most so long, then end.
    Drain(Duration),
    /// Keep these limits from now on.
    Limits(Box<PeerConfig>),
    /// Drop what comes from these networks, in the place of those before.
    Block(BlockList),
    /// End now.
    Stop,
}

/// Totals of one shard.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) stats: Stats,
    pub(crate) counters: Counters,
    pub(crate) calls: Calls,
}

/// System calls for datagrams since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Calls {
    /// That brought something.
    pub(crate) receives: u64,
    /// That took something.
    pub(crate) sends: u64,
    /// That the system refused.
    pub(crate) send_failures: u64,
}

/// A running shard, seen from outside.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) line: Line,
    pub(crate) thread: JoinHandle<io::Result<()>>,
}

/// The way to give a shard orders.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    orders: SyncSender<Order>,
    waker: Waker,
}

impl Line {
    /// `false`: the shard has ended.
    pub(crate) fn order(&self, order: Order) -> bool {
        let is_given = self.orders.send(order).is_ok();
        self.waker.wake();
        is_given
    }

    /// The shard's totals, unless it has ended or does not answer within `patience`.
    pub(crate) fn report(&self, patience: Duration) -> Option<Report> {
        let (sender, receiver) = sync_channel(1);
        self.order(Order::Report(sender)).then(|| receiver.recv_timeout(patience).ok()).flatten()
    }
}

struct Shard {
    socket: UdpSocket,
    peer: Peer,
    clock: Clock,
    orders: Receiver<Order>,
    sleeper: Sleeper,
    batch: Batch,
    trains: Trains,
    /// What the machine said last.
    datagram: Vec<u8>,
    calls: Calls,
    receive_failures: u32,
    ending: Ending,
    meter: Option<Meter>,
    measured_us: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    /// At this monotonic moment at the latest.
    By(u64),
    Now,
}

/// Starts a shard. `meter` tells what the process takes, if the process is nothing else's. `on_end` is called from its
/// thread when it ends, for whatever reason.
pub(crate) fn start(
    name: String,
    socket: UdpSocket,
    peer: Peer,
    clock: Clock,
    meter: Option<Meter>,
    on_end: impl FnOnce() + Send + 'static,
) -> io::Result<Handle> {
    let (sender, orders) = sync_channel(ORDERS_MAX);
    let (waker, sleeper) = Waker::pair()?;
    let shard = Shard {
        batch: Batch::for_socket(&socket),
        trains: Trains::new(socket.train_max()),
        datagram: Vec::new(),
        calls: Calls::default(),
        receive_failures: 0,
        ending: Ending::No,
        meter,
        measured_us: 0,
        socket,
        peer,
        clock,
        orders,
        sleeper,
    };
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        // Also when the machine panics: the process must not go on without it.
        let _guard = OnDrop(Some(on_end));
        shard.run()
    })?;
    Ok(Handle { line: Line { orders: sender, waker }, thread })
}

struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(on_end) = self.0.take() {
            on_end();
        }
    }
}

impl Shard {
    fn run(mut self) -> io::Result<()> {
        self.measure(self.clock.now());
        loop {
            let interest = Interest { writable: !self.trains.is_empty() };
            let ready = wait(&self.socket, &self.sleeper, interest, self.patience())?;
            if ready.woken {
                self.obey();
            }
            if ready.readable {
                self.receive()?;
            }
            self.tick();
            self.flush();
            if self.is_over() {
                return Ok(());
            }
        }
    }

    /// How long there is nothing to do.
    fn patience(&self) -> Option<Duration> {
        let end = match self.ending {
            Ending::No => None,
            Ending::By(at_us) => Some(at_us),
            Ending::Now => Some(0),
        };
        let deadline = self.peer.poll_timeout().into_iter().chain(end).min();
        deadline.map(|at_us| self.clock.until(at_us))
    }

    fn obey(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Report(to)) => {
                    let counters = self.peer.link_counters().clone();
                    let report = Report { stats: self.peer.stats(), counters, calls: self.calls };
                    // Whoever asked may have lost patience.
                    let _ = to.try_send(report);
                }
                Ok(Order::Drain(at_most)) => {
                    let now = self.clock.now();
                    let within_us = at_most.as_micros() as u64;
                    self.peer.drain(now, within_us);
                    let end_us = now.after_us(within_us);
                    self.ending = match self.ending {
                        Ending::No => Ending::By(end_us),
                        Ending::By(before_us) => Ending::By(before_us.min(end_us)),
                        Ending::Now => Ending::Now,
                    };
                }
                Ok(Order::Limits(config)) => self.peer.set_config(&config),
                Ok(Order::Block(blocks)) => self.peer.set_blocked(blocks),
                Ok(Order::Stop) => self.ending = Ending::Now,
                Err(TryRecvError::Empty) => return,
                // Nobody is left who could order anything: the process is ending.
                Err(TryRecvError::Disconnected) => {
                    self.ending = Ending::Now;
                    return;
                }
            }
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut unanswered = 0;
        for _ in 0..BATCHES_PER_TURN {
            match self.socket.receive(&mut self.batch) {
                Ok(true) => {
                    self.receive_failures = 0;
                    self.calls.receives += 1;
                }
                Ok(false) => return Ok(()),
                Err(error) => return self.bear(error),
            }
            let now = self.clock.now();
            if now.mono_us >= self.measured_us + MEASURE_EVERY_US {
                self.measure(now);
            }
            for (remote, datagram) in self.batch.datagrams() {
                unanswered += 1;
                if let Err(reason) = self.peer.handle_datagram(now, remote, datagram) {
                    tracing::trace!(%remote, %reason, "dropped");
                }
            }
            if unanswered >= UNANSWERED_MAX {
                unanswered = 0;
                self.flush();
            }
        }
        Ok(())
    }

    /// Memory grows only by what comes in, so it is looked at while something does.
    fn measure(&mut self, now: Now) {
        self.measured_us = now.mono_us;
        if let Some(resident_bytes) = self.meter.as_ref().and_then(Meter::resident_bytes) {
            self.peer.handle_measured(resident_bytes);
        }
    }

    /// A failing socket may recover (memory, a network that comes back); one that does not ends the shard.
    fn bear(&mut self, error: io::Error) -> io::Result<()> {
        self.receive_failures += 1;
        if self.receive_failures >= FAILURES_MAX {
            return Err(error);
        }
        if self.receive_failures == 1 {
            tracing::warn!(%error, "receiving failed; trying on");
        }
        std::thread::sleep(Duration::from_millis(10));
        Ok(())
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        if self.peer.poll_timeout().is_some_and(|at_us| at_us <= now.mono_us) {
            self.peer.handle_timeout(now);
        }
    }

    /// Sends what the machine has to say.
    fn flush(&mut self) {
        let now = self.clock.now();
        loop {
            while self.trains.has_room()
                && let Some(Transmit { to, segment }) = self.peer.poll_transmit(now, &mut self.datagram)
            {
                self.trains.push(to, &self.datagram, segment);
            }
            if self.trains.is_empty() {
                return;
            }
            let Sent { calls, failures, is_full } = self.trains.send(&self.socket);
            self.calls.sends += calls;
            self.calls.send_failures += failures;
            if is_full {
                return;
            }
        }
    }

    fn is_over(&self) -> bool {
        match self.ending {
            Ending::No => false,
            Ending::By(at_us) => self.peer.is_drained() || self.clock.now().mono_us >= at_us,
            Ending::Now => true,
        }
    }
}
