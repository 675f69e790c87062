//! HELLO until HELLO_ACK. Each HELLO has a size, padding and MAC1 of its own; a RETRY is believed if it answers one of
//! the last few, and its cookie stands in those that follow.

use std::collections::VecDeque;
use std::net::SocketAddr;

use pirushka_wire::handshake::{Hello, HelloAck, NOISE_1_LEN, Retry, VERSION, Welcome};
use pirushka_wire::limits::{HELLO_MAX, HELLO_MIN};
use pirushka_wire::root::kind;
use pirushka_wire::{Now, Params, PeerId, Root, SessionId, Signature};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use super::ClientLinkConfig;
use crate::cookie::Cookie;
use crate::counters::Drop;
use crate::mac1::MacKey;
use crate::noise::{Initiator, Secrets, prologue};
use crate::veil::{SALT_LEN, Veil};

const INTERVAL_FIRST_US: u64 = 500_000;
const INTERVAL_MAX_US: u64 = 3_000_000;
/// A RETRY that answers an older HELLO than so many is too late.
const HELLOS_REMEMBERED: usize = 4;
/// More RETRYs than this in one handshake are somebody's game.
const RETRIES_MAX: u8 = 16;
const JUNK_MIN: usize = 40;
const JUNK_MAX: usize = 500;

/// A handshake under way.
#[derive(Debug)]
pub(crate) struct Handshake {
    remote: SocketAddr,
    client_session: SessionId,
    initiator: Initiator,
    noise: [u8; NOISE_1_LEN],
    mac_key: MacKey,
    cookie: Option<Cookie>,
    retries: u8,
    sent: VecDeque<SentHello>,
    junk: u8,
    next_us: u64,
    interval_us: u64,
    began_us: u64,
    give_up_us: u64,
}

#[derive(Debug)]
struct SentHello {
    mac: [u8; 16],
    at_us: u64,
}

/// What a finished handshake leaves.
pub(crate) struct Done {
    pub(crate) client_session: SessionId,
    pub(crate) welcome: Welcome,
    pub(crate) secrets: Secrets,
    /// Measured only if it is clear which HELLO was answered.
    pub(crate) rtt_us: Option<u64>,
}

impl Handshake {
    pub(crate) fn start(
        now: Now,
        remote: SocketAddr,
        peer_id: PeerId,
        config: &ClientLinkConfig,
        rng: &mut ChaCha20Rng,
    ) -> Option<Self> {
        let (mut client_session, mut seed) = (SessionId::default(), [0; 32]);
        rng.fill_bytes(&mut client_session.0);
        rng.fill_bytes(&mut seed);
        let prologue = prologue(peer_id, VERSION, 0, client_session);
        // Fails only for a peer id that is no key (a point of small order); such a peer is simply never reached.
        let (initiator, noise) = Initiator::start(peer_id, &prologue, seed).ok()?;
        Some(Self {
            remote,
            client_session,
            initiator,
            noise,
            mac_key: MacKey::new(peer_id),
            cookie: None,
            retries: 0,
            sent: VecDeque::new(),
            junk: (rng.next_u32() % (u32::from(config.junk.min(3)) + 1)) as u8,
            next_us: now.mono_us,
            interval_us: INTERVAL_FIRST_US,
            began_us: now.mono_us,
            give_up_us: now.after_us(config.handshake_us),
        })
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// When it began (µs).
    pub(crate) fn began_us(&self) -> u64 {
        self.began_us
    }

    #[cfg(test)]
    pub(crate) fn client_session(&self) -> SessionId {
        self.client_session
    }

    pub(crate) fn send_now(&mut self, now: Now) {
        self.next_us = now.mono_us;
    }

    pub(crate) fn is_given_up(&self, now: Now) -> bool {
        now.mono_us >= self.give_up_us
    }

    pub(crate) fn deadline(&self) -> u64 {
        self.next_us.min(self.give_up_us)
    }

    /// Junk first, then HELLO when one is due.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Now,
        veil: &Veil,
        rng: &mut ChaCha20Rng,
        out: &mut Vec<u8>,
    ) -> Option<SocketAddr> {
        if now.mono_us < self.next_us {
            return None;
        }
        if self.junk > 0 {
            self.junk -= 1;
            out.resize(JUNK_MIN + rng.next_u32() as usize % (JUNK_MAX - JUNK_MIN), 0);
            rng.fill_bytes(out);
            return Some(self.remote);
        }
        let packet = self.hello(now, rng);
        let mut salt = [0; SALT_LEN];
        rng.fill_bytes(&mut salt);
        veil.write_handshake(&packet, salt, out);
        self.next_us = now.after_us(self.interval_us);
        self.interval_us = (self.interval_us * 2).min(INTERVAL_MAX_US);
        Some(self.remote)
    }

    /// Believes a RETRY or a HELLO_ACK; the latter ends the handshake.
    pub(crate) fn handle_packet(&mut self, now: Now, packet: &[u8]) -> Result<Option<Done>, Drop> {
        let root = Root::decode(packet).ok().filter(|root| root.timestamp == 0).ok_or(Drop::Malformed)?;
        match root.kind {
            kind::RETRY => self.handle_retry(now, packet, root.payload).map(|()| None),
            kind::HELLO_ACK => self.handle_ack(now, root.payload).map(Some),
            _ => Err(Drop::Unexpected),
        }
    }

    fn hello(&mut self, now: Now, rng: &mut ChaCha20Rng) -> Vec<u8> {
        let mut payload = Vec::with_capacity(HELLO_MAX);
        let hello = Hello {
            version: VERSION,
            flags: 0,
            client_session: self.client_session,
            cookie: self.cookie.as_ref(),
            noise: &self.noise,
        };
        hello.encode(&mut payload);
        let mut packet = Vec::with_capacity(HELLO_MAX);
        let signature = Signature::Tag(&[0; 16]);
        Root { params: Params::TO_PEER, kind: kind::HELLO, signature, timestamp: 0, payload: &payload }
            .encode(&mut packet);
        let padding = packet.len();
        packet.resize(HELLO_MIN + rng.next_u32() as usize % (HELLO_MAX - HELLO_MIN + 1), 0);
        rng.fill_bytes(&mut packet[padding..]);
        let mac = self.mac_key.sign_hello(&mut packet);
        self.sent.push_back(SentHello { mac, at_us: now.mono_us });
        if self.sent.len() > HELLOS_REMEMBERED {
            self.sent.pop_front();
        }
        packet
    }

    fn handle_retry(&mut self, now: Now, packet: &[u8], payload: &[u8]) -> Result<(), Drop> {
        let retry = Retry::decode(payload).map_err(|_| Drop::Malformed)?;
        if retry.client_session != self.client_session || self.retries >= RETRIES_MAX {
            return Err(Drop::Unexpected);
        }
        if !self.sent.iter().any(|hello| self.mac_key.verify_retry(packet, &hello.mac)) {
            return Err(Drop::BadMac);
        }
        self.retries += 1;
        // Answers to the HELLOs before the cookie say nothing new.
        self.sent.clear();
        self.cookie = Some(*retry.cookie);
        self.interval_us = INTERVAL_FIRST_US;
        self.next_us = now.mono_us;
        Ok(())
    }

    fn handle_ack(&mut self, now: Now, payload: &[u8]) -> Result<Done, Drop> {
        let ack = HelloAck::decode(payload).map_err(|_| Drop::Malformed)?;
        if ack.client_session != self.client_session {
            return Err(Drop::Unexpected);
        }
        let mut plaintext = [0; HELLO_MAX];
        let (length, secrets) = self.initiator.finish(ack.noise, &mut plaintext).map_err(|_| Drop::BadNoise)?;
        let welcome = Welcome::decode(&plaintext[..length]).map_err(|_| Drop::Malformed)?;
        let rtt_us = match self.sent.make_contiguous() {
            [only] => Some(now.mono_us.saturating_sub(only.at_us)),
            _ => None,
        };
        Ok(Done { client_session: self.client_session, welcome, secrets, rtt_us })
    }
}
