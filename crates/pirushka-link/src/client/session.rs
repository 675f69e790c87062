//! An established session as the client has it: keys, numbers, and the small frames that are not questions.

use std::net::SocketAddr;

use pirushka_wire::handshake::Welcome;
use pirushka_wire::limits::{PLAINTEXT_MAX, RANGES_MAX, SEALED_OVERHEAD};
use pirushka_wire::root::kind;
use pirushka_wire::time::{DAY, MINUTE};
use pirushka_wire::{DeliveryId, Frame, Incarnation, Now, Params, PathData, RangeSet, Ranges, Reader, Root, SessionId};
use rand_chacha::ChaCha20Rng;
use subtle::ConstantTimeEq as _;

use super::handshake::Done;
use super::requests::Requests;
use crate::bucket::draw_train;
use crate::counters::Drop;
use crate::replay::ReplayWindow;
use crate::sealed::{Header, NUMBER_LIMIT, OpenKey, SealKey};
use crate::veil::{HEADER_LEN, Veil};

/// A little before the peer ends it.
const LIFETIME_US: u64 = DAY - 5 * MINUTE;
/// A peer sends at most three challenges to each of two addresses.
const CHALLENGES_MAX: usize = 8;

/// Keys, numbers, small frames.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) remote: SocketAddr,
    pub(crate) welcome: Welcome,
    pub(crate) binding: [u8; 32],
    pub(crate) expires_us: u64,
    pub(crate) wants_keepalive: bool,
    /// It may be at another address than where it was made.
    pub(crate) roamed: bool,
    pub(crate) is_closing: bool,
    is_closed: bool,
    pub(super) own: SessionId,
    pub(super) seal: SealKey,
    pub(super) open: OpenKey,
    pub(super) next_number: u64,
    window: ReplayWindow,
    challenges: Vec<PathData>,
    acks: Option<(Incarnation, RangeSet)>,
    /// Size of the datagrams of the train under way.
    train: Option<usize>,
}

impl Session {
    pub(crate) fn new(now: Now, remote: SocketAddr, done: Done) -> Self {
        Self {
            remote,
            welcome: done.welcome,
            binding: done.secrets.binding,
            expires_us: now.after_us(LIFETIME_US),
            // The peer keeps its HELLO_ACK until it hears something sealed.
            wants_keepalive: true,
            roamed: false,
            is_closing: false,
            is_closed: false,
            own: done.client_session,
            seal: SealKey::new(done.secrets.to_peer),
            open: OpenKey::new(done.secrets.to_client),
            next_number: 1,
            window: ReplayWindow::default(),
            challenges: vec![],
            acks: None,
            train: None,
        }
    }

    pub(crate) fn is_expired(&self, now: Now) -> bool {
        now.mono_us >= self.expires_us || self.next_number >= NUMBER_LIMIT
    }

    /// Whether CLOSE has been sent.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub(crate) fn acknowledge(&mut self, incarnation: Incarnation, delivery: DeliveryId) {
        match &mut self.acks {
            Some((present, ids)) if *present == incarnation => {
                ids.insert(delivery.0);
            }
            acks => *acks = Some((incarnation, std::iter::once(delivery.0).collect())),
        }
    }

    pub(crate) fn answer_challenge(&mut self, data: PathData) {
        self.roamed = true;
        if self.challenges.len() < CHALLENGES_MAX && !self.challenges.contains(&data) {
            self.challenges.push(data);
        }
    }

    /// Decrypts a packet that was sealed for us, once.
    pub(crate) fn open<'d>(
        &mut self,
        tag: &[u8; 16],
        header: &[u8; HEADER_LEN],
        ciphertext: &'d mut [u8],
    ) -> Result<&'d [u8], Drop> {
        let Header { number, receiver, .. } = Header::decode(Params::FROM_PEER, header);
        if receiver != self.own {
            return Err(Drop::UnknownSession);
        }
        if !self.window.is_fresh(number) {
            return Err(Drop::Replayed);
        }
        let plaintext = self.open.open(header, tag, ciphertext)?;
        self.window.mark(number);
        Ok(plaintext)
    }

    /// Whether a RESET really comes from the peer.
    pub(crate) fn check_reset(&self, packet: &[u8]) -> Result<(), Drop> {
        let root = Root::decode(packet).ok().filter(|root| root.timestamp == 0).ok_or(Drop::Malformed)?;
        if root.kind != kind::RESET {
            return Err(Drop::Unexpected);
        }
        let mut r = Reader::new(root.payload);
        let (Ok(session), Ok(token)) = (r.array::<8>(), r.array::<16>()) else { return Err(Drop::Malformed) };
        let is_ours = session == self.welcome.peer_session.0 && bool::from(token.ct_eq(&self.welcome.reset_token));
        if is_ours { Ok(()) } else { Err(Drop::BadReset) }
    }

    /// One datagram, if there is anything to say.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Now,
        veil: &Veil,
        requests: &mut Requests,
        rng: &mut ChaCha20Rng,
        out: &mut Vec<u8>,
    ) -> bool {
        if self.next_number >= NUMBER_LIMIT {
            return false;
        }
        let pending = self.pending_bytes() + requests.pending_bytes();
        if pending == 0 && !self.wants_keepalive {
            self.train = None;
            return false;
        }
        let mut size = *self.train.get_or_insert_with(|| draw_train(pending, rng));
        let mut frames = Vec::with_capacity(PLAINTEXT_MAX);
        self.fill(&mut frames);
        requests.fill(now, PLAINTEXT_MAX - frames.len(), &mut frames);
        self.wants_keepalive = false;
        if frames.len() + SEALED_OVERHEAD > size {
            // More was asked for since the train began.
            size = draw_train(frames.len(), rng);
            self.train = Some(size);
        }
        let header = Header { params: Params::TO_PEER, number: self.next_number, receiver: self.welcome.peer_session };
        self.next_number += 1;
        self.seal.seal(veil, header, &frames, size, out);
        true
    }

    fn pending_bytes(&self) -> usize {
        let acks = self.acks.as_ref().map_or(0, |(_, ids)| 12 + 12 * ids.range_count().min(RANGES_MAX));
        let close = if self.is_closing { 3 } else { 0 };
        11 * self.challenges.len() + acks + close
    }

    /// Path responses, acknowledgements, CLOSE.
    fn fill(&mut self, frames: &mut Vec<u8>) {
        for data in self.challenges.drain(..) {
            Frame::PathResponse { data }.encode(frames);
        }
        if let Some((incarnation, mut ids)) = self.acks.take() {
            encode_ack(incarnation, &ids.take_ranges(RANGES_MAX), frames);
            self.acks = (!ids.is_empty()).then_some((incarnation, ids));
        }
        if self.is_closing {
            Frame::Close.encode(frames);
            self.is_closed = true;
        }
    }
}

fn encode_ack(incarnation: Incarnation, ids: &RangeSet, frames: &mut Vec<u8>) {
    let mut list = vec![];
    ids.encode(&mut list);
    if let Ok(deliveries) = Ranges::decode(&mut Reader::new(&list)) {
        Frame::Ack { incarnation, deliveries }.encode(frames);
    }
}
