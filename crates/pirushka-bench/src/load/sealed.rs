//! How the load speaks to a peer: real sessions, real frames, sealed and veiled.

use std::collections::BTreeMap;

use pirushka_identity::Identity;
use pirushka_link::{BareSession, ClientVeil};
use pirushka_wire::limits::PLAINTEXT_MAX;
use pirushka_wire::{
    Deposit, DepositId, Frame, Frames, Incarnation, InstanceId, InviteSecret, PeerId, RangeSet, Ranges, Reader,
    RequestId, WorkNonce,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::join::{Member, SECRET, queue_of};
use super::port::{Port, Who};
use super::speech::{Speech, Told};
use super::texts::{Outgoing, Text};

/// Frames of a registered or anonymous client, by its number.
pub(crate) struct Sealed {
    clients: Vec<Option<Client>>,
    veil: ClientVeil,
    rng: ChaCha20Rng,
    envelope: Vec<u8>,
    /// A deposit frame with that envelope.
    deposit_len: usize,
    frames: Vec<u8>,
    out: Vec<u8>,
}

struct Client {
    session: BareSession,
    incarnation: Incarnation,
    taken: RangeSet,
}

impl Sealed {
    pub(crate) fn new(members: BTreeMap<Who, Member>, veil: ClientVeil, envelope: usize) -> Self {
        let mut clients = vec![];
        for (Who(number), Member { session, incarnation, .. }) in members {
            clients.resize_with(number as usize, || None);
            clients.push(Some(Client { session, incarnation, taken: RangeSet::new() }));
        }
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut bytes = vec![0; envelope];
        rng.fill_bytes(&mut bytes);
        let mut sealed = Self { clients, veil, rng, envelope: bytes, deposit_len: 0, frames: vec![], out: vec![] };
        let text = Text { sender: 0, number: 0, due_ns: 0 };
        sealed.put_deposit(&Outgoing { text, to: Who(0) });
        sealed.deposit_len = sealed.frames.len();
        sealed
    }

    fn put_deposit(&mut self, Outgoing { text, to }: &Outgoing) {
        text.write(&mut self.envelope);
        let mut id = [0; 16];
        id[..4].copy_from_slice(&text.sender.to_be_bytes());
        id[4..8].copy_from_slice(&text.number.to_be_bytes());
        let (queue, deposit, envelope) = (queue_of(*to), DepositId(id), self.envelope.as_slice());
        let deposit = Deposit::Contact { queue, secret: SECRET, deposit, flags: 0, envelope };
        Frame::Deposit { request: RequestId(text.number), deposit }.encode(&mut self.frames);
    }
}

impl Sealed {
    /// Says one thing.
    pub(crate) fn say(&mut self, port: &mut Port, who: Who, frame: &Frame<'_>) {
        let Some(client) = self.clients.get_mut(who.0 as usize).and_then(Option::as_mut) else { return };
        self.frames.clear();
        frame.encode(&mut self.frames);
        let size = BareSession::draw_size(self.frames.len(), &mut self.rng);
        self.out.clear();
        client.session.seal(&self.veil, &self.frames, size, &mut self.out);
        port.send(who, &self.out, None);
    }

    /// Registers somebody who has a session. The answer is taken in by [`Speech::hear`].
    pub(crate) fn register(&mut self, port: &mut Port, who: Who, peer: PeerId, identity: &Identity, unix_s: u64) {
        let Some(client) = self.clients.get(who.0 as usize).and_then(Option::as_ref) else { return };
        let root = identity.register_packet(peer, client.session.binding(), unix_s);
        let (instance, invite, work) = (InstanceId([3; 16]), InviteSecret::NONE, WorkNonce(0));
        self.say(port, who, &Frame::Register { request: RequestId(0), instance, invite, work, root: &root });
    }
}

impl Speech for Sealed {
    fn leave(&mut self, port: &mut Port, sender: Who, texts: &[Outgoing]) {
        let per_packet = (PLAINTEXT_MAX / self.deposit_len).max(1);
        let size = BareSession::draw_size(self.deposit_len * per_packet.min(texts.len()), &mut self.rng);
        self.out.clear();
        for some in texts.chunks(per_packet) {
            self.frames.clear();
            some.iter().for_each(|text| self.put_deposit(text));
            if let Some(client) = &mut self.clients[sender.0 as usize] {
                client.session.seal(&self.veil, &self.frames, size, &mut self.out);
            }
        }
        port.send(sender, &self.out, (self.out.len() > size).then_some(size));
    }

    fn hear(&mut self, who: Who, datagram: &mut [u8], told: &mut Told) {
        let Some(client) = self.clients.get_mut(who.0 as usize).and_then(Option::as_mut) else {
            told.other += 1;
            return;
        };
        let Ok(plaintext) = client.session.open(&self.veil, datagram) else {
            told.other += 1;
            return;
        };
        for frame in Frames::new(plaintext) {
            match frame {
                Ok(Frame::Ok { requests }) => {
                    told.held.extend(requests.iter().map(|(first, last)| (first as u32, last as u32)));
                }
                Ok(Frame::Mailbox { incarnation, .. }) => client.incarnation = incarnation,
                Ok(Frame::Push { delivery, body, .. }) => {
                    client.taken.insert(delivery.0);
                    match Text::read(body) {
                        Some(text) => told.arrived.push(text),
                        None => told.other += 1,
                    }
                }
                _ => told.other += 1,
            }
        }
    }

    fn acknowledge(&mut self, port: &mut Port, who: Who) {
        let Some(client) = self.clients.get_mut(who.0 as usize).and_then(Option::as_mut) else { return };
        while !client.taken.is_empty() {
            let (mut list, incarnation) = (vec![], client.incarnation);
            client.taken.take_ranges(pirushka_wire::limits::RANGES_MAX).encode(&mut list);
            let Ok(deliveries) = Ranges::decode(&mut Reader::new(&list)) else { return };
            self.frames.clear();
            Frame::Ack { incarnation, deliveries }.encode(&mut self.frames);
            let size = BareSession::draw_size(self.frames.len(), &mut self.rng);
            self.out.clear();
            client.session.seal(&self.veil, &self.frames, size, &mut self.out);
            port.send(who, &self.out, None);
        }
    }
}
