//! Which of a contact's home peers to use now.
//!
//! Policy. They are tried in the order of the CARD, the next one after four seconds without an answer or a refusal that
//! another may not repeat: never all at once, since whoever watches several of them would learn that they belong
//! together. What was left and gets no receipt is left at the next one too, with every offer at another, so that neither
//! a peer that drops what it took nor the death of one keeps it from its recipient. One that failed is avoided for a
//! pause that doubles with each attempt, and meanwhile nothing waits for it: what is to be left goes through the next.
//! It is tried again, in the background, when its pause is over and something was just left elsewhere; once it answers
//! it is the first again.

use pirushka_wire::{Now, PeerAddress, PeerId};

use crate::api::ContactId;
use crate::client::{Client, Owner};
use crate::contact::Contact;
use crate::route::Route;
use crate::timers::Timer;

/// What is to be done for a way to a contact.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// It stands.
    Use(PeerId),
    /// It is to be reached, or is being reached.
    Reach(PeerAddress),
    /// None before this moment.
    Wait(u64),
    /// No peer is known.
    Nowhere,
}

impl Client {
    /// The peer through which something can be left for a contact now. Begins to reach what has to be reached for it.
    pub(crate) fn reach(&mut self, now: Now, id: ContactId) -> Option<PeerId> {
        let peers = self.contacts.get(&id)?.peers();
        self.reach_one_of(now, id, &peers, true)
    }

    /// The peer at which an item is to be offered now that others hold without a receipt: one that lacks it.
    pub(crate) fn reach_next(&mut self, now: Now, id: ContactId, item: u64) -> Option<PeerId> {
        let contact = self.contacts.get(&id)?;
        let item = contact.outbox.get(&item)?;
        let peers = contact.peers();
        let lacking: Vec<PeerAddress> = peers.iter().filter(|p| !item.is_held_at(p.peer_id, None)).cloned().collect();
        let can_come = !matches!(choose(contact, &lacking, now), Choice::Wait(_) | Choice::Nowhere);
        self.reach_one_of(now, id, if can_come { &lacking } else { &peers }, false)
    }

    fn reach_one_of(&mut self, now: Now, id: ContactId, peers: &[PeerAddress], all: bool) -> Option<PeerId> {
        let contact = self.contacts.get(&id)?;
        let strange = |(_, route): &(&PeerId, &Route)| all && !peers.contains(&route.dial.peer);
        for peer in contact.routes.iter().filter(strange).map(|(&peer, _)| peer).collect::<Vec<_>>() {
            self.close_route(now, id, peer);
        }
        let chosen = match choose(self.contacts.get(&id)?, peers, now) {
            Choice::Use(peer) => Some(peer),
            Choice::Reach(peer) => self.open_route(now, id, &peer).then_some(peer.peer_id),
            Choice::Wait(until_us) => {
                self.timers.set_earlier(Timer::Contact(id), until_us);
                None
            }
            Choice::Nowhere => None,
        };
        let route = chosen.and_then(|peer| self.contacts.get_mut(&id)?.routes.get_mut(&peer));
        if let Some(route) = route {
            route.used_us = now.mono_us;
        }
        chosen
    }

    /// Something was just left at a peer: one before it that failed may be back.
    pub(crate) fn try_earlier_peer(&mut self, now: Now, id: ContactId) {
        let Some(contact) = self.contacts.get(&id) else { return };
        let peers = contact.peers();
        let rests = |peer: &PeerAddress| {
            contact.routes.get(&peer.peer_id).is_some_and(|route| route.dial.is_up() && route.requests() == 0)
        };
        let Some(used) = peers.iter().position(rests) else { return };
        let waits = |peer: &PeerAddress| Some((contact.routes.get(&peer.peer_id)?.dial.waiting_until()?, peer.peer_id));
        let Some((until_us, earlier)) = peers[..used].iter().filter_map(waits).min() else { return };
        if until_us > now.mono_us {
            return self.timers.set_earlier(Timer::Contact(id), until_us);
        }
        self.wake_route(now, id, earlier);
    }

    pub(crate) fn wake_route(&mut self, now: Now, id: ContactId, peer: PeerId) {
        self.asking(Owner::Route(id, peer), |client, ask| {
            let route = client.contacts.get_mut(&id).and_then(|c| c.routes.get_mut(&peer));
            let query = route.and_then(|route| {
                route.used_us = now.mono_us;
                route.dial.wake(now, ask)
            });
            ((), query)
        });
    }
}

fn choose(contact: &Contact, peers: &[PeerAddress], now: Now) -> Choice {
    let route = |peer: &PeerAddress| contact.routes.get(&peer.peer_id);
    let quiet = |peer: &PeerAddress| route(peer).is_some_and(|route| route.dial.link.is_quiet(now));
    let up = |peer: &PeerAddress| route(peer).is_some_and(|route| route.dial.is_up() && !route.refuses(now));
    let usable = |peer: &&PeerAddress| up(peer) && !quiet(peer);
    if let Some(peer) = peers.iter().find(usable) {
        return Choice::Use(peer.peer_id);
    }
    let avoided_until = |peer: &PeerAddress| {
        let route = route(peer)?;
        let refusing = route.refuses(now).then_some(route.paused_until_us);
        refusing.or_else(|| route.dial.waiting_until().filter(|&until_us| until_us > now.mono_us))
    };
    let mut open: Vec<&PeerAddress> = peers.iter().filter(|peer| avoided_until(peer).is_none()).collect();
    // Stable: of those that have not failed, of those that may have, and of those that have, the first in the CARD.
    open.sort_by_key(|peer| (route(peer).is_some_and(|route| route.failed), quiet(peer)));
    match open.first() {
        Some(&peer) => Choice::Reach(peer.clone()),
        None => peers.iter().filter_map(avoided_until).min().map_or(Choice::Nowhere, Choice::Wait),
    }
}
