//! Clients that join: a handshake each, and for those who are to be written to a registration and a queue.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use pirushka_identity::{Identity, proofs};
use pirushka_link::{Answer, BareSession, Class, ClientLink, ClientLinkConfig, ClientLinkEvent, ClientVeil};
use pirushka_wire::{
    Frame, Incarnation, InstanceId, InviteSecret, Now, PeerId, QueueId, QueueSecret, RequestId, WorkNonce,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::port::{Port, Who};

/// Opens all queues.
pub(crate) const SECRET: QueueSecret = QueueSecret([2; 16]);
/// Overwritten by the link with an id of its own.
const ANY: RequestId = RequestId(0);
/// So many join at a time.
const AT_ONCE: usize = 128;
/// As long as all of these may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The queue of a client.
pub(crate) fn queue_of(who: Who) -> QueueId {
    let mut id = [7; 16];
    id[1..5].copy_from_slice(&who.0.to_be_bytes());
    QueueId(id)
}

/// A client with a session.
pub(crate) struct Member {
    pub(crate) session: BareSession,
    /// Of who is registered.
    pub(crate) incarnation: Incarnation,
}

/// The clock of a run, as links want it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Now {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Now { mono_us: self.0.elapsed().as_micros() as u64, wall_ms: wall.as_millis() as u64 }
    }
}

/// Who a client that joins wants to be.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Only a session.
    Sender,
    /// Somebody with a queue.
    Recipient(Box<Identity>),
}

/// The person with this number.
pub(crate) fn person(who: Who) -> Identity {
    Identity::generate(&mut ChaCha20Rng::seed_from_u64(u64::from(who.0)))
}

struct Joining {
    who: Who,
    link: ClientLink,
    identity: Option<Box<Identity>>,
    incarnation: Option<Incarnation>,
    asked: Option<RequestId>,
    step: u8,
}

/// Lets all of them join; the veil is theirs.
pub(crate) fn join(
    port: &mut Port,
    peer: (SocketAddr, PeerId),
    wishes: impl IntoIterator<Item = (Who, Wish)>,
) -> anyhow::Result<(BTreeMap<Who, Member>, ClientVeil)> {
    let clock = Clock::start();
    let mut rng = ChaCha20Rng::seed_from_u64(clock.now().wall_ms);
    let (mut joining, mut members, mut veil) = (BTreeMap::new(), BTreeMap::new(), None);
    let mut wishes = wishes.into_iter();
    let mut heard = Instant::now();
    loop {
        while joining.len() < AT_ONCE {
            let Some((who, wish)) = wishes.next() else { break };
            joining.insert(who, Joining::begin(clock, peer, who, wish, &mut rng));
        }
        if joining.is_empty() {
            break;
        }
        let is_heard = port.receive(|who, datagram| {
            if let Some(client) = joining.get_mut(&who) {
                // Why a datagram has no effect is of no interest here.
                let _ = client.link.handle_datagram(clock.now(), peer.0, datagram);
            }
        })?;
        if is_heard {
            heard = Instant::now();
        }
        anyhow::ensure!(heard.elapsed() < PATIENCE, "the peer does not answer");
        let mut done = vec![];
        for (who, client) in &mut joining {
            if client.turn(clock, peer.1)? {
                done.push(*who);
            }
            client.send(clock, *who, port);
        }
        for who in done {
            let Some(Joining { link, incarnation, .. }) = joining.remove(&who) else { continue };
            let Some((session, its_veil)) = link.into_bare() else { continue };
            veil = Some(its_veil);
            members.insert(who, Member { session, incarnation: incarnation.unwrap_or_default() });
        }
    }
    Ok((members, veil.ok_or_else(|| anyhow::anyhow!("nobody joined"))?))
}

impl Joining {
    fn begin(clock: Clock, (to, peer_id): (SocketAddr, PeerId), who: Who, wish: Wish, rng: &mut ChaCha20Rng) -> Self {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let config = ClientLinkConfig { junk: 0, ..ClientLinkConfig::default() };
        let mut link = ClientLink::new(config, peer_id, seed);
        link.connect(clock.now(), to);
        let identity = match wish {
            Wish::Sender => None,
            Wish::Recipient(identity) => Some(identity),
        };
        Self { who, link, identity, incarnation: None, asked: None, step: 0 }
    }

    /// Whether it has become what it wished.
    fn turn(&mut self, clock: Clock, peer_id: PeerId) -> anyhow::Result<bool> {
        let now = clock.now();
        if self.link.poll_timeout().is_some_and(|at_us| at_us <= now.mono_us) {
            self.link.handle_timeout(now);
        }
        while let Some(event) = self.link.poll_event() {
            match event {
                ClientLinkEvent::Answered { request, answer } if Some(request) == self.asked => {
                    self.asked = None;
                    match answer {
                        Answer::Mailbox { incarnation } => self.incarnation = Some(incarnation),
                        Answer::Ok | Answer::Ticket(_) => {}
                        refused => anyhow::bail!("somebody could not join: {refused:?}"),
                    }
                }
                ClientLinkEvent::Lost { reason } => anyhow::bail!("somebody could not join: {reason:?}"),
                _ => {}
            }
        }
        if !self.link.is_established() || self.asked.is_some() {
            return Ok(false);
        }
        self.asked = self.ask_next(now, peer_id);
        self.step += 1;
        Ok(self.asked.is_none())
    }

    fn ask_next(&mut self, now: Now, peer_id: PeerId) -> Option<RequestId> {
        let (identity, binding) = (self.identity.as_ref()?, *self.link.binding()?);
        let root = if self.step == 0 { identity.register_packet(peer_id, &binding, now.wall_s()) } else { vec![] };
        let queue = queue_of(self.who);
        let (instance, invite, work) = (InstanceId([3; 16]), InviteSecret::NONE, WorkNonce(0));
        let secret_hash = proofs::queue_secret_hash(&SECRET);
        let question = match self.step {
            0 => Frame::Register { request: ANY, instance, invite, work, root: &root },
            1 => Frame::QueueSet { request: ANY, queue, secret_hash, quota_kib: 0 },
            2 => Frame::ListEnd { request: ANY },
            _ => return None,
        };
        Some(self.link.request(now, &question, Class::Control))
    }

    fn send(&mut self, clock: Clock, who: Who, port: &mut Port) {
        let mut out = vec![];
        while self.link.poll_transmit(clock.now(), &mut out).is_some() {
            port.send(who, &out, None);
        }
    }
}
