//! HELLO in; silence, RETRY or HELLO_ACK out.

use std::net::SocketAddr;

use pirushka_wire::handshake::{Hello, HelloAck, Retry, VERSION, Welcome};
use pirushka_wire::limits::{HELLO_MAX, HELLO_MIN};
use pirushka_wire::root::kind;
use pirushka_wire::time::MINUTE;
use pirushka_wire::{Now, Params, Root, SessionId, Signature};
use rand_core::Rng as _;

use super::limits::PrefixSlot;
use super::sessions::{CompactAddr, Session};
use super::{NEW_SESSION_BYTES, PeerLink, SessionHandle, Timer, address_bytes};
use crate::cookie::CookieScope;
use crate::counters::Drop;
use crate::noise::{Secrets, prologue, respond};
use crate::replay::ReplayWindow;
use crate::sealed::{OpenKey, SealKey};
use crate::veil::SALT_LEN;

/// A session whose client never sends a sealed packet is kept as long as its cookie may be good.
pub(super) const UNFINISHED_US: u64 = 2 * MINUTE;
/// Answers that wait to be sent at most; they are sent after each batch of receiving.
pub(super) const ANSWERS_MAX: usize = 4096;
/// No answer to a HELLO reaches the smallest HELLO's size.
const ANSWER_LIMIT: usize = HELLO_MIN;
/// RETRY: root 28, client session 8, cookie 24.
const RETRY_LEN: usize = 60;
/// HELLO_ACK: root 12, client session 8, noise 48, welcome 68.
const HELLO_ACK_LEN: usize = 136;
const WELCOME_LEN: usize = 68;

const _: () = assert!(RETRY_LEN < ANSWER_LIMIT && HELLO_ACK_LEN < ANSWER_LIMIT);

impl PeerLink {
    pub(super) fn handle_hello(&mut self, now: Now, remote: SocketAddr, packet: &[u8]) -> Result<(), Drop> {
        let mac = self.mac_key.verify_hello(packet).ok_or(Drop::BadMac)?;
        if !(HELLO_MIN..=HELLO_MAX).contains(&packet.len()) {
            return Err(Drop::Malformed);
        }
        let source = address_bytes(remote);
        if !self.seen.note(now.mono_us, &mac, &source) {
            return Err(Drop::SeenElsewhere);
        }
        let root = Root::decode(packet).map_err(|_| Drop::Malformed)?;
        let hello = Hello::decode(root.payload).map_err(|_| Drop::Malformed)?;
        if hello.version != VERSION {
            return Err(Drop::UnsupportedVersion);
        }
        let scope = CookieScope { source: &source, client_session: hello.client_session, noise: hello.noise };
        match hello.cookie.filter(|cookie| self.cookies.is_good(now, cookie, scope)) {
            None => self.answer_with_retry(now, remote, &mac, scope),
            Some(cookie) => match self.cookies.used_for(cookie) {
                Some(session) => self.repeat_ack(remote, session),
                None => self.accept(now, remote, &hello, cookie),
            },
        }
    }

    fn answer_with_retry(
        &mut self,
        now: Now,
        remote: SocketAddr,
        hello_mac: &[u8; 16],
        scope: CookieScope<'_>,
    ) -> Result<(), Drop> {
        let cookie = self.cookies.bake(now, scope);
        let mut payload = vec![];
        Retry { client_session: scope.client_session, cookie: &cookie }.encode(&mut payload);
        payload.resize(payload.len() + self.padding(RETRY_LEN), 0);
        let mut packet = vec![];
        let signature = Signature::Tag(&[0; 16]);
        Root { params: Params::FROM_PEER, kind: kind::RETRY, signature, timestamp: 0, payload: &payload }
            .encode(&mut packet);
        self.mac_key.sign_retry(&mut packet, hello_mac);
        self.answer(remote, &packet)?;
        self.counters.retries += 1;
        Ok(())
    }

    /// The HELLO_ACK was lost, or is late: the same again.
    fn repeat_ack(&mut self, remote: SocketAddr, session: SessionHandle) -> Result<(), Drop> {
        let ack = self.sessions.get(session).and_then(|state| state.hello_ack.clone()).ok_or(Drop::CookieUsed)?;
        self.answer(remote, &ack)?;
        self.counters.acks_repeated += 1;
        Ok(())
    }

    /// The source is proven: a Diffie-Hellman and a slot.
    fn accept(&mut self, now: Now, remote: SocketAddr, hello: &Hello<'_>, cookie: &[u8; 24]) -> Result<(), Drop> {
        if self.answers.len() >= ANSWERS_MAX {
            return Err(Drop::Overloaded);
        }
        if !self.prefixes.may_begin(now.mono_us, remote) {
            return Err(Drop::SlowedDown);
        }
        if self.room < NEW_SESSION_BYTES || self.sessions.len() >= self.config.sessions_max {
            self.make_way(now, NEW_SESSION_BYTES.saturating_sub(self.room).max(1));
            return Err(Drop::SessionsFull);
        }
        let own = self.draw_session_id(now, remote);
        let (ack, secrets) = self.hello_ack(remote, hello, own)?;
        self.answer(remote, &ack)?;
        let prefix = self.prefixes.begun(remote);
        let session = self.sessions.insert(new_session(now, remote, hello, own, &secrets, ack, prefix));
        self.unfinished += 1;
        self.room = self.room.saturating_sub(NEW_SESSION_BYTES);
        self.cookies.spend(now, cookie, session);
        self.timers.insert((now.mono_us, session, Timer::End));
        self.schedule_end(session);
        self.counters.handshakes += 1;
        Ok(())
    }

    fn hello_ack(&mut self, remote: SocketAddr, hello: &Hello<'_>, own: SessionId) -> Result<(Vec<u8>, Secrets), Drop> {
        let mut welcome = Vec::with_capacity(HELLO_MIN);
        Welcome {
            peer_session: own,
            boot: self.boot,
            observed: remote,
            reset_token: self.resets.token(own),
            terms: self.config.terms,
        }
        .encode(&mut welcome);
        debug_assert_eq!(welcome.len(), WELCOME_LEN);
        welcome.resize(welcome.len() + self.padding(HELLO_ACK_LEN), 0);
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let prologue = prologue(self.key.peer_id(), hello.version, hello.flags, hello.client_session);
        let mut noise = vec![];
        let secrets =
            respond(&self.key, &prologue, hello.noise, &welcome, seed, &mut noise).map_err(|_| Drop::BadNoise)?;
        let mut payload = vec![];
        HelloAck { client_session: hello.client_session, noise: &noise }.encode(&mut payload);
        let mut packet = vec![];
        let signature = Signature::Absent;
        Root { params: Params::FROM_PEER, kind: kind::HELLO_ACK, signature, timestamp: 0, payload: &payload }
            .encode(&mut packet);
        Ok((packet, secrets))
    }

    /// Queues a handshake packet under a fresh salt.
    pub(super) fn answer(&mut self, remote: SocketAddr, packet: &[u8]) -> Result<(), Drop> {
        if self.answers.len() >= ANSWERS_MAX {
            return Err(Drop::Overloaded);
        }
        let mut salt = [0; SALT_LEN];
        self.rng.fill_bytes(&mut salt);
        let mut datagram = Vec::with_capacity(packet.len() + SALT_LEN);
        self.veil.write_handshake(packet, salt, &mut datagram);
        self.answers.push_back((remote, datagram));
        Ok(())
    }

    /// Random, such that the packet stays below the smallest HELLO.
    fn padding(&mut self, length: usize) -> usize {
        self.rng.next_u32() as usize % (ANSWER_LIMIT - length)
    }

    /// An id that is not taken. Ids are drawn from 2^24 per hour, far more than sessions are allowed.
    fn draw_session_id(&mut self, now: Now, remote: SocketAddr) -> SessionId {
        loop {
            let mut random = [0; 3];
            self.rng.fill_bytes(&mut random);
            let id = self.resets.session_id(now, remote, random);
            if self.sessions.find(id).is_none() {
                return id;
            }
        }
    }
}

fn new_session(
    now: Now,
    remote: SocketAddr,
    hello: &Hello<'_>,
    own: SessionId,
    secrets: &Secrets,
    ack: Vec<u8>,
    prefix: PrefixSlot,
) -> Session {
    Session {
        own,
        client: hello.client_session,
        seal: SealKey::new(secrets.to_client),
        open: OpenKey::new(secrets.to_peer),
        binding: secrets.binding,
        window: ReplayWindow::default(),
        next_number: 1,
        opened_us: now.mono_us,
        last_heard_us: now.mono_us,
        end_us: now.mono_us,
        remote: CompactAddr::new(remote),
        rto_ms: 1_000,
        prefix,
        is_confirmed: false,
        is_registered: false,
        is_ready: false,
        path: None,
        outbox: None,
        hello_ack: Some(ack.into_boxed_slice()),
    }
}
