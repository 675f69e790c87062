//! A peer that means ill: it has its static key, so it speaks the real link, and does with what comes to it whatever its
//! [`Mischief`] says.
//!
//! It is not the real core with holes in it but a peer of its own. It checks nothing, has no limits, and remembers all
//! that it was ever given. With no mischief in it it serves people well enough, so what a story sees is the mischief's
//! doing. It can do what such a peer can, and no more: it does not know what is in an envelope, and has nobody's keys.

mod library;
mod mischief;
mod post;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use pirushka_identity::proofs::{self, TicketClaim};
use pirushka_identity::verify_register;
use pirushka_link::{PeerKey, PeerLink, PeerLinkConfig, PeerLinkEvent, Received, SessionHandle, Transmit};
use pirushka_wire::frame::error_code;
use pirushka_wire::time::SECOND;
use pirushka_wire::{BootId, Deposit, Fingerprint, Frame, Frames, Incarnation, Now, QueueId, RequestId};

use crate::rand::Rand;
use library::Library;
pub use mischief::{Bundles, Mischief};
use post::{Letter, Post};

/// The peer.
pub struct HostilePeer {
    link: PeerLink,
    config: PeerLinkConfig,
    key: PeerKey,
    rand: Rand,
    mischief: Mischief,
    registered: BTreeMap<SessionHandle, Fingerprint>,
    /// Where each user was heard last.
    present: BTreeMap<Fingerprint, SessionHandle>,
    queues: BTreeMap<QueueId, Fingerprint>,
    post: Post,
    library: Library,
    /// LATER: when, whom, what.
    later: Vec<(u64, SessionHandle, RequestId)>,
    incarnation: Incarnation,
    restart_us: Option<u64>,
    next_us: Option<u64>,
    /// What it has done, by name.
    pub deeds: BTreeMap<&'static str, u64>,
}

impl HostilePeer {
    pub(crate) fn new(mischief: Mischief, mut config: PeerLinkConfig, key: PeerKey, seed: Rand, now: Now) -> Self {
        let mut rand = seed;
        config.terms.hold_s = mischief.hold_s.unwrap_or(config.terms.hold_s);
        Self {
            link: PeerLink::new(config.clone(), key.clone(), rand.seed32(), now),
            config,
            key,
            incarnation: Incarnation(rand.bytes()),
            rand,
            mischief,
            registered: BTreeMap::new(),
            present: BTreeMap::new(),
            queues: BTreeMap::new(),
            post: Post::default(),
            library: Library::default(),
            later: vec![],
            restart_us: (mischief.restarts_every_us > 0).then(|| now.after_us(mischief.restarts_every_us)),
            next_us: None,
            deeds: BTreeMap::new(),
        }
    }

    /// Names the run that it claims to be.
    #[must_use]
    pub fn boot(&self) -> BootId {
        self.link.boot()
    }

    /// Does other things from now on; what it was given it still has.
    pub fn set_mischief(&mut self, now: Now, mischief: Mischief) {
        self.mischief = mischief;
        self.config.terms.hold_s = mischief.hold_s.unwrap_or(self.config.terms.hold_s);
        self.restart_us = (mischief.restarts_every_us > 0).then(|| now.after_us(mischief.restarts_every_us));
        self.settle(now);
    }

    pub(crate) fn handle_datagram(&mut self, now: Now, remote: SocketAddr, datagram: &mut [u8]) {
        if let Ok(Received::Frames { session, plaintext }) = self.link.handle_datagram(now, remote, datagram) {
            for frame in Frames::new(plaintext).map_while(Result::ok) {
                self.handle_frame(now, session, &frame);
            }
        }
        self.settle(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.link.handle_timeout(now);
        if self.restart_us.is_some_and(|at| at <= now.mono_us) {
            self.claim_a_restart(now);
        }
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, ..)| *at <= now.mono_us);
        self.later = later;
        let due: Vec<(u64, SessionHandle, RequestId)> = due;
        due.into_iter().for_each(|(_, session, request)| self.ok(session, request));
        self.settle(now);
    }

    pub(crate) fn poll_transmit(&mut self, now: Now, out: &mut Vec<u8>) -> Option<Transmit> {
        self.link.poll_transmit(now, out)
    }

    pub(crate) fn poll_timeout(&self) -> Option<u64> {
        [self.link.poll_timeout(), self.next_us].into_iter().flatten().min()
    }

    /// Pushes what is due, and says when more is.
    fn settle(&mut self, now: Now) {
        while let Some(event) = self.link.poll_event() {
            if let PeerLinkEvent::Closed { session, .. } = event {
                self.session_over(session);
            }
        }
        let (link, present) = (&mut self.link, &self.present);
        let post_us = self.post.push_due(now, |to, frame| {
            let Some(&session) = present.get(to).filter(|session| link.can_push(now, **session)) else { return false };
            if link.outbox_bytes(session) < 16 * 1024 {
                link.send(session, frame);
            }
            true
        });
        let later_us = self.later.iter().map(|(at, ..)| *at).min();
        self.next_us = [post_us, later_us, self.restart_us].into_iter().flatten().min();
    }

    /// A new boot id, and every session gone: what senders are to believe. In truth it has forgotten nothing.
    fn claim_a_restart(&mut self, now: Now) {
        self.did("claims a restart");
        self.link = PeerLink::new(self.config.clone(), self.key.clone(), self.rand.seed32(), now);
        self.incarnation = Incarnation(self.rand.bytes());
        self.registered.clear();
        self.present.clear();
        self.later.clear();
        self.restart_us = Some(now.after_us(self.mischief.restarts_every_us.max(SECOND)));
    }

    fn session_over(&mut self, session: SessionHandle) {
        if let Some(user) = self.registered.remove(&session) {
            self.present.retain(|name, at| *name != user || *at != session);
        }
        self.later.retain(|(_, at, _)| *at != session);
        self.library.session_over(session);
    }

    fn did(&mut self, what: &'static str) {
        *self.deeds.entry(what).or_default() += 1;
    }

    fn ok(&mut self, session: SessionHandle, request: RequestId) {
        if self.rand.percent(self.mischief.silent_percent) {
            return self.did("withholds an OK");
        }
        self.link.send_ok(session, request);
    }

    fn refuse(&mut self, session: SessionHandle, request: RequestId, code: u16, retry_after_ms: u32) {
        self.link.send(session, &Frame::Error { request, code, retry_after_ms });
    }

    fn handle_frame(&mut self, now: Now, session: SessionHandle, frame: &Frame<'_>) {
        match *frame {
            Frame::Close => {
                self.link.close(session);
                self.session_over(session);
            }
            Frame::PathResponse { data } => self.link.path_response(now, session, data),
            Frame::Register { request, root, .. } => self.register(session, request, root),
            Frame::Poll { request } => self.status(session, request),
            Frame::Deposit { request, deposit } => self.deposit(now, session, request, &deposit),
            Frame::Ack { deliveries, .. } if !self.mischief.deaf => {
                if let Some(user) = self.registered.get(&session) {
                    deliveries.iter().for_each(|(first, last)| self.post.acknowledged(user, first, last));
                }
            }
            Frame::Lookup { request, fingerprint } => {
                match self.library.look_up(self.mischief.bundles, &mut self.rand, session, request, fingerprint) {
                    Some(deed) => deed.into_iter().for_each(|deed| self.did(deed)),
                    None => {
                        self.did("knows nobody");
                        return self.refuse(session, request, error_code::UNKNOWN_USER, 0);
                    }
                }
                self.library.part(session, request, pirushka_wire::ObjectId(request.0), 0, &mut self.link);
            }
            Frame::Fetch { request, object, offset } => {
                let found = self.library.part(session, request, object, offset, &mut self.link);
                if !found {
                    self.refuse(session, request, error_code::UNKNOWN_OBJECT, 0);
                }
            }
            Frame::Put { request, object, offset, total, part, .. } => {
                if let Some(user) = self.registered.get(&session) {
                    self.library.put(session, *user, object, (offset, total), part);
                }
                self.ok(session, request);
            }
            Frame::QueueSet { request, queue, secret_hash, quota_kib } => {
                self.open_queue(now, session, request, queue, secret_hash, quota_kib);
            }
            Frame::QueueRestore { request, fingerprint, queue, .. } => {
                if self.mischief.bad_tickets {
                    self.did("refuses a ticket");
                    return self.refuse(session, request, error_code::BAD_PROOF, 0);
                }
                self.queues.insert(queue, fingerprint);
                self.ok(session, request);
            }
            Frame::QueueDrop { request, .. }
            | Frame::ListEnd { request }
            | Frame::TokenSet { request, .. }
            | Frame::TokenDrop { request, .. }
            | Frame::IntroPolicy { request, .. } => self.ok(session, request),
            Frame::Later { request, delay_s } => {
                self.later.push((now.after_us(u64::from(delay_s) * SECOND), session, request));
            }
            _ => {}
        }
    }

    fn register(&mut self, session: SessionHandle, request: RequestId, root: &[u8]) {
        let Some(binding) = self.link.binding(session) else { return };
        let Ok(certificate) = verify_register(root, self.link.peer_id(), binding) else {
            return self.refuse(session, request, error_code::BAD_PROOF, 0);
        };
        self.registered.insert(session, certificate.fingerprint());
        self.present.insert(certificate.fingerprint(), session);
        self.link.set_registered(session, true);
        self.link.send(session, &Frame::Mailbox { request, incarnation: self.incarnation });
        self.link.send_ok(session, request);
        if self.mischief.supersedes {
            self.did("says that another copy is in use");
            self.link.send(session, &Frame::Superseded);
        }
    }

    fn status(&mut self, session: SessionHandle, request: RequestId) {
        let (mut boot, mut messages) = (self.link.boot(), 0);
        if let Some(user) = self.registered.get(&session) {
            messages = self.post.waiting(user);
        }
        if self.mischief.invents_status {
            (boot, messages) = (BootId(self.rand.bytes()), self.rand.u64() as u32);
            self.did("invents what it holds");
        }
        let frame = Frame::Status { request, boot, messages, bytes: u64::from(messages) * 1088, oldest_s: messages };
        self.link.send(session, &frame);
    }

    fn open_queue(
        &mut self,
        now: Now,
        session: SessionHandle,
        request: RequestId,
        queue: QueueId,
        secret_hash: [u8; 32],
        quota_kib: u32,
    ) {
        let Some(&fingerprint) = self.registered.get(&session) else {
            return self.refuse(session, request, error_code::NOT_REGISTERED, 0);
        };
        self.queues.insert(queue, fingerprint);
        let expiry = now.wall_s() + 365 * 24 * 3600;
        let claim = TicketClaim { fingerprint, queue, secret_hash, quota_kib, expiry };
        let mac = if self.mischief.bad_tickets {
            self.did("gives a ticket that is none");
            self.rand.bytes()
        } else {
            proofs::ticket(&self.key.derive("pirushka 2026 ticket"), &claim)
        };
        self.link.send(session, &Frame::Ticket { request, quota_kib, expiry, mac });
    }

    fn deposit(&mut self, now: Now, session: SessionHandle, request: RequestId, deposit: &Deposit<'_>) {
        if self.rand.percent(self.mischief.refuses_percent) {
            self.did("refuses a message");
            let code = self.rand.between(1, 15) as u16;
            // In WORK_NEEDED it is bits; the simulated work is done at once, so little of it.
            let after = *self.rand.pick(&[0, 1, 1_000, 60_000, u32::MAX]);
            let after = if code == error_code::WORK_NEEDED { self.rand.below(8) as u32 } else { after };
            return self.refuse(session, request, code, after);
        }
        let letter = match *deposit {
            Deposit::Contact { queue, deposit, envelope, .. } => {
                let Some(&to) = self.queues.get(&queue) else {
                    return self.refuse(session, request, error_code::UNKNOWN_QUEUE, 0);
                };
                Letter::new(to, Some(queue), deposit.0.to_vec(), envelope.to_vec())
            }
            Deposit::Intro { fingerprint, intro, parts, index, part, .. } => {
                let name = [&intro.0[..], &[parts, index]].concat();
                Letter::new(fingerprint, None, name.clone(), [&name, part].concat())
            }
        };
        self.take(now, letter);
        self.ok(session, request);
    }

    fn take(&mut self, now: Now, letter: Letter) {
        let Mischief { forgets_every, delays_us, again_after_us, to_the_wrong, alters_percent, .. } = self.mischief;
        if !self.post.is_new(&letter) {
            return;
        }
        if forgets_every > 0 && self.post.taken().is_multiple_of(forgets_every) {
            return self.did("says OK and forgets");
        }
        let due_us = now.after_us(self.rand.below(delays_us + 1));
        if self.rand.percent(alters_percent) {
            let mut altered = letter.clone();
            let at = self.rand.below(altered.body.len() as u64) as usize;
            if let Some(byte) = altered.body.get_mut(at) {
                *byte ^= 1 << self.rand.below(8);
            }
            self.post.put(now.mono_us, altered);
            self.did("alters a message");
        }
        if again_after_us > 0 {
            let mut again = letter.clone();
            if to_the_wrong && again.queue.is_some() && !self.queues.is_empty() {
                let queues: Vec<_> = self.queues.iter().map(|(queue, user)| (*queue, *user)).collect();
                let (queue, user) = *self.rand.pick(&queues);
                (again.queue, again.to) = (Some(queue), user);
                self.did("pushes to the wrong person or queue");
            }
            self.post.put(now.after_us(again_after_us), again);
            self.did("pushes again");
        }
        self.post.put(due_us, letter);
    }
}
