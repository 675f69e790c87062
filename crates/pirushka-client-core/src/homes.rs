//! Which peers serve me: add, remove, move; and which contacts know the newest CARD.
//!
//! Policy. A change counts when the peer concerned has served me ([`crate::home_row`]). Then a new CARD is signed, every
//! home peer gets it for strangers, and every contact gets a content with it and with the grants of the queues that it
//! names. The contents leave two seconds apart, so that peers who serve several of my contacts cannot link them by the
//! moment, or earlier with whatever else is sent. They need no home of mine to leave by: all of mine may be dead. A
//! contact *knows* when its receipt for such a content is here. A peer that I leave serves me until all know, until
//! nobody may come by an address that names it ([`Client::is_awaited_at`]), and until it holds nothing more; if it is
//! dead, nobody waits for it (those who may come do for a day).

use pirushka_e2e::content::{Body, Hello, HomesNews, QueueGrant};
use pirushka_identity::{HOMES_MAX, IntroPolicy};
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::time::SECOND;
use pirushka_wire::{HomeAddress, Now, PeerAddress, PeerId};

use crate::api::{ContactId, ContactState, Event, HomeRole, HomeState, Misuse};
use crate::client::Client;
use crate::contact::Contact;
use crate::home::Home;
use crate::home_row::{DEAD_MS, HOMES_KEPT_MAX, HomeId, HomeRow, LEAVING_MS};
use crate::outbox::ItemKind;
use crate::timers::Timer;

/// Between the news to one contact and to the next.
const TELLING_PAUSE_US: u64 = 2 * SECOND;

impl Client {
    /// One more peer that serves me, the last in the CARD. It stands there when it has served me once. One that I am
    /// leaving is kept; one that I have under another host name is looked for there, and used there once it answers.
    ///
    /// # Errors
    /// [`Misuse::TooManyHomes`], [`Misuse::HomeAlready`].
    pub fn add_home(&mut self, now: Now, home: impl Into<HomeAddress>) -> Result<(), Misuse> {
        self.take_home(now, &home.into(), &[])?;
        self.turn(now);
        Ok(())
    }

    /// Leaves a home peer. It serves me until everybody knows.
    ///
    /// # Errors
    /// [`Misuse::NoSuchHome`], [`Misuse::LastHome`].
    pub fn remove_home(&mut self, now: Now, peer: PeerId) -> Result<(), Misuse> {
        let id = self.home_of(peer).ok_or(Misuse::NoSuchHome)?;
        if self.homes[&id].row.is_in_card() {
            self.leave_or_wait(now, id)?;
        } else if self.homes[&id].row.leaving_ms.is_none() {
            self.forget_home(now, id);
        }
        self.turn(now);
        Ok(())
    }

    /// Moves from one home peer to another, or from all to the one: whatever is left goes on serving me until the new
    /// one does, and then until everybody knows.
    ///
    /// # Errors
    /// [`Misuse::NoSuchHome`], [`Misuse::HomeAlready`].
    pub fn move_home(&mut self, now: Now, from: Option<PeerId>, to: impl Into<HomeAddress>) -> Result<(), Misuse> {
        let to: HomeAddress = to.into();
        let left: Vec<HomeId> = match from {
            Some(peer) => vec![self.home_of(peer).ok_or(Misuse::NoSuchHome)?],
            None => self.homes.keys().copied().collect(),
        };
        let left: Vec<HomeId> =
            left.into_iter().filter(|id| self.homes[id].dial.peer.peer_id != to.peer.peer_id).collect();
        if from.is_some() && left.is_empty() {
            return Err(Misuse::HomeAlready);
        }
        match self.home_of(to.peer.peer_id).filter(|id| self.homes[id].is_like(&to) && self.homes[id].row.is_in_card())
        {
            Some(id) => {
                self.stay(now, id);
                left.iter().for_each(|&id| self.leave(now, id));
            }
            None => self.take_home(now, &to, &left)?,
        }
        self.homes_changed(now);
        self.turn(now);
        Ok(())
    }

    /// Makes a peer the only one that serves me: [`Self::move_home`] from all.
    ///
    /// # Errors
    /// None at present.
    pub fn set_home(&mut self, now: Now, home: impl Into<HomeAddress>) -> Result<(), Misuse> {
        self.move_home(now, None, home)
    }

    /// My homes in the order of the CARD, those that join or are left behind them.
    pub(crate) fn home_order(&self) -> Vec<HomeId> {
        let mut order: Vec<&HomeRow> = self.homes.values().map(|home| &home.row).collect();
        order.sort_by_key(|row| (!row.is_in_card(), row.leaving_ms.is_some(), row.rank, row.id));
        order.into_iter().map(|row| row.id).collect()
    }

    /// The peers that stand in my CARD.
    pub(crate) fn card_homes(&self) -> Vec<PeerAddress> {
        self.card_home_ids().into_iter().map(|id| self.homes[&id].dial.peer.clone()).collect()
    }

    fn card_home_ids(&self) -> Vec<HomeId> {
        self.home_order().into_iter().filter(|id| self.homes[id].row.is_in_card()).collect()
    }

    /// The peer that addresses name: the first in the CARD that is not known to be unavailable now, since whoever gets
    /// the address knows no other.
    pub(crate) fn address_home(&self) -> Option<&PeerAddress> {
        let order = self.card_home_ids();
        let homes = || order.iter().map(|id| &self.homes[id]);
        let may_serve =
            |home: &&Home| matches!(home.state, HomeState::Connecting | HomeState::Online | HomeState::Superseded);
        let home = homes().find(may_serve).or_else(|| homes().next());
        home.map(|home| &home.dial.peer)
    }

    fn home_of(&self, peer: PeerId) -> Option<HomeId> {
        self.homes.values().find(|home| home.dial.peer.peer_id == peer).map(|home| home.row.id)
    }

    /// Takes a peer for a home, in place of others if any are named.
    fn take_home(&mut self, now: Now, home: &HomeAddress, replaces: &[HomeId]) -> Result<(), Misuse> {
        if let Some(id) = self.home_of(home.peer.peer_id) {
            return self.take_home_again(now, id, home, replaces);
        }
        let staying = |home: &&Home| home.row.leaving_ms.is_none() && !replaces.contains(&home.row.id);
        if self.homes.values().filter(staying).count() >= HOMES_MAX {
            return Err(Misuse::TooManyHomes(HOMES_MAX));
        }
        self.forget_excess_home(now);
        let ranks = |ids: &mut dyn Iterator<Item = &HomeId>| ids.map(|id| self.homes[id].row.rank).collect::<Vec<_>>();
        let rank = match ranks(&mut replaces.iter()).into_iter().min() {
            Some(rank) => rank,
            None => ranks(&mut self.homes.keys()).into_iter().max().map_or(0, |rank| rank + 1),
        };
        let id = self.profile.take_home();
        self.profile.save(&mut self.writes);
        let first = self.homes.is_empty();
        let row = HomeRow { replaces: replaces.to_vec(), ..HomeRow::new(id, home, rank, first) };
        self.begin_home(now, row);
        self.homes_changed(now);
        Ok(())
    }

    /// A peer that is a home already: one that I was leaving stays, and another host name or invite secret counts.
    fn take_home_again(
        &mut self,
        now: Now,
        id: HomeId,
        address: &HomeAddress,
        replaces: &[HomeId],
    ) -> Result<(), Misuse> {
        let home = &self.homes[&id];
        let mut row = home.row.clone();
        let came_back = row.leaving_ms.take().is_some();
        let (like, moves) = (home.is_like(address), home.dial.peer != address.peer);
        if !came_back && like && replaces.is_empty() && row.moving_to.is_none() {
            return Err(Misuse::HomeAlready);
        }
        let staying = |home: &&Home| home.row.leaving_ms.is_none() && !replaces.contains(&home.row.id);
        if came_back && self.homes.values().filter(staying).count() >= HOMES_MAX {
            return Err(Misuse::TooManyHomes(HOMES_MAX));
        }
        row.replaces.extend(replaces);
        if like || (moves && row.proven) {
            self.keep_home(now, row);
            if like { self.stay(now, id) } else { self.try_address(now, id, address) }
        } else {
            row.address = address.to_string();
            row.moving_to = None;
            self.close_home(now, id);
            self.begin_home(now, row);
        }
        self.homes_changed(now);
        Ok(())
    }

    /// Goes on with a home as it is, but for what its row says now.
    fn keep_home(&mut self, now: Now, row: HomeRow) {
        let id = row.id;
        let Some(home) = self.homes.get_mut(&id) else { return };
        home.row = row;
        home.row.save(&mut self.writes);
        if home.is_registered() {
            self.home_serves(now, id);
        }
    }

    pub(crate) fn begin_home(&mut self, now: Now, row: HomeRow) {
        let id = row.id;
        row.save(&mut self.writes);
        self.open_home(row);
        self.events.extend(self.homes.get(&id).map(home_event));
        for contact in self.contacts_with_queues() {
            self.ensure_queue(now, contact, id);
        }
        if self.started {
            self.wake_home(now, id);
            self.wake_trial(now, id, false);
        }
    }

    /// A home peer has registered me and knows all my queues and invites: now it counts.
    pub(crate) fn home_serves(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        let replaced = std::mem::take(&mut home.row.replaces);
        if home.row.proven && replaced.is_empty() {
            return;
        }
        home.row.proven = true;
        home.row.save(&mut self.writes);
        for old in replaced {
            self.leave(now, old);
        }
        self.homes_changed(now);
    }

    /// Leaves the home, or, where no other stands in the CARD, as soon as one does that is on its way.
    fn leave_or_wait(&mut self, now: Now, id: HomeId) -> Result<(), Misuse> {
        if self.card_home_ids().len() > 1 {
            self.leave(now, id);
            self.homes_changed(now);
            return Ok(());
        }
        let joining = self.homes.values_mut().find(|home| home.row.role() == HomeRole::Joining);
        let home = joining.ok_or(Misuse::LastHome)?;
        home.row.replaces.push(id);
        home.row.save(&mut self.writes);
        Ok(())
    }

    fn leave(&mut self, now: Now, id: HomeId) {
        let next_invite = self.profile.next_invite;
        let Some(home) = self.homes.get_mut(&id).filter(|home| home.row.leaving_ms.is_none()) else { return };
        if !home.row.proven {
            return self.forget_home(now, id);
        }
        home.row.leaving_ms = Some(now.wall_ms);
        home.row.invites_below = next_invite;
        home.row.replaces.clear();
        home.row.save(&mut self.writes);
        self.events.push_back(home_event(home));
        self.settle_homes = true;
        self.ask_status(now, id);
    }

    fn forget_home(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        home.row.delete(&mut self.writes);
        home.row.leaving_ms = Some(0);
        let event = home_event(home);
        self.events.push_back(event);
        self.close_home(now, id);
        self.forget_intros_of(id);
        for other in self.homes.values_mut().filter(|home| home.row.replaces.contains(&id)) {
            other.row.replaces.retain(|replaced| *replaced != id);
            other.row.save(&mut self.writes);
        }
        let Self { queues, contacts, writes, .. } = self;
        for contact in contacts.values_mut() {
            if let Some(row) = contact.queues.remove(&id).and_then(|queue| queues.remove(&queue)) {
                row.delete(writes);
            }
        }
    }

    fn forget_excess_home(&mut self, now: Now) {
        if self.homes.len() < HOMES_KEPT_MAX {
            return;
        }
        let left = self.homes.values().filter_map(|home| Some((home.row.leaving_ms?, home.row.id))).min();
        left.into_iter().for_each(|(_, id)| self.forget_home(now, id));
    }

    /// Other peers serve me than the CARD said that contacts and strangers have: they get a new one.
    pub(crate) fn homes_changed(&mut self, now: Now) {
        let named = self.card_homes();
        if named.is_empty() || self.profile.told_homes() == named {
            return;
        }
        let seq = self.sign_card(now).seq();
        self.profile.homes_seq = seq;
        self.profile.homes = named.iter().map(ToString::to_string).collect();
        self.profile.save(&mut self.writes);
        for id in self.homes.keys().copied().collect::<Vec<_>>() {
            if self.homes[&id].is_registered() {
                self.publish_bundle(now, id);
            }
        }
        self.refresh_hellos(now);
        self.tell_contacts(now);
    }

    /// The sequence number of the CARD that every contact is to have.
    fn card_to_tell(&self) -> u64 {
        if planted::is(Bug::CardNotTold) { 0 } else { self.profile.homes_seq }
    }

    /// Who does not know the newest CARD gets it, one after the other.
    pub(crate) fn tell_contacts(&mut self, now: Now) {
        let newest = self.card_to_tell();
        let behind = self.contacts.values_mut().filter(|c| c.row.card_sent < newest && c.row.greeted);
        for (n, contact) in behind.enumerate() {
            let due = now.after_us(n as u64 * TELLING_PAUSE_US);
            contact.tell_due_us = Some(due);
            self.timers.set_earlier(Timer::Contact(contact.id()), due);
            self.dirty.insert(contact.id());
        }
    }

    /// Puts the newest CARD and the grants that go with it in a contact's outbox, when its turn has come or when
    /// something else goes there anyway.
    pub(crate) fn tell_homes_if_due(&mut self, now: Now, id: ContactId) {
        let newest = self.card_to_tell();
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let behind = contact.row.card_sent < newest && contact.row.greeted;
        let reachable = contact.row.state == ContactState::Active && !contact.row.grants.is_empty();
        let composed = contact.outbox.values().all(|item| !item.row.body.is_empty());
        if !behind || !reachable || !composed {
            return;
        }
        let due = contact.tell_due_us.unwrap_or(now.mono_us);
        let company = contact.outbox.values().any(|item| item.row.sealed.is_none());
        if due > now.mono_us && !company {
            self.timers.set_earlier(Timer::Contact(id), due);
            return;
        }
        contact.tell_due_us = None;
        let card = self.sign_card(now);
        let grants = self.grants_for(now, id);
        let news = HomesNews { card: card.encode(), grants };
        let Some((seq, _)) = self.enqueue(now, id, ItemKind::Content, Some(Body::Card(news)), None) else { return };
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        contact.row.card_sent = card.seq();
        contact.changed = true;
        if let Some(item) = contact.outbox.values_mut().find(|item| item.row.seq == seq) {
            item.row.card = Some(card.seq());
            item.save(&mut self.writes);
        }
    }

    /// What I give a contact of its queues at the peers of my CARD; remembers which tickets it has.
    pub(crate) fn grants_for(&mut self, now: Now, id: ContactId) -> Vec<QueueGrant> {
        let mut grants = vec![];
        for home in self.card_home_ids() {
            let Some(queue) = self.ensure_queue(now, id, home) else { continue };
            let peer = self.homes[&home].dial.peer.clone();
            let Some(row) = self.queues.get_mut(&queue) else { continue };
            row.given();
            row.save(&mut self.writes);
            grants.push(row.grant(peer));
        }
        grants
    }

    /// Introductions that nobody has answered name my old homes: they go out anew with the present ones.
    fn refresh_hellos(&mut self, now: Now) {
        let waiting = |contact: &&Contact| {
            let mut items = contact.outbox.values();
            contact.row.state == ContactState::Adding && items.any(|item| item.row.kind == ItemKind::Intro)
        };
        for id in self.contacts.values().filter(waiting).map(Contact::id).collect::<Vec<_>>() {
            let (card, grants) = (self.sign_card(now), self.grants_for(now, id));
            let Some(contact) = self.contacts.get_mut(&id) else { continue };
            for item in contact.outbox.values_mut().filter(|item| item.row.kind == ItemKind::Intro) {
                // The recipient may have the earlier one: it is told again when it has answered.
                item.row.card = None;
                item.change_hello(|hello: &mut Hello| {
                    hello.card = card.encode();
                    hello.set_grants(grants.clone());
                });
                item.save(&mut self.writes);
            }
            self.dirty.insert(id);
        }
    }

    /// A contact has confirmed that it has this CARD of mine.
    pub(crate) fn note_card_known(&mut self, id: ContactId, seq: u64) {
        let Some(contact) = self.contacts.get_mut(&id).filter(|contact| contact.row.card_known < seq) else { return };
        contact.row.card_known = seq;
        contact.changed = true;
        self.settle_homes = true;
    }

    /// Forgets homes that I have left for good.
    pub(crate) fn settle_left_homes(&mut self, now: Now) {
        if !std::mem::take(&mut self.settle_homes) {
            return;
        }
        // Whoever has not answered my introduction yet answers at the home that it named.
        let answers = |contact: &Contact| contact.row.state != ContactState::Adding || !contact.row.greeted;
        let everybody_knows = self.contacts.values().all(|contact| self.knows_homes(contact) && answers(contact));
        let done = |home: &&Home| {
            let Some(since_ms) = home.row.leaving_ms else { return false };
            // Nothing of what was said before everybody knew is still there.
            let drained = home.holds.is_some_and(|(messages, at_ms)| messages == 0 && at_ms > since_ms);
            let is_dead = home.row.down_ms.is_some_and(|down_ms| now.wall_ms.saturating_sub(down_ms) >= DEAD_MS);
            let rest = match home.state {
                // Who holds an address with it may have no other. So what is down for a while is not dead.
                HomeState::Unavailable => is_dead || !self.is_awaited_at(now, home),
                HomeState::InviteNeeded | HomeState::WorkTooHard => true,
                HomeState::Online => drained && !self.is_awaited_at(now, home),
                HomeState::Connecting | HomeState::Superseded => false,
            };
            (everybody_knows && rest) || now.wall_ms.saturating_sub(since_ms) >= LEAVING_MS
        };
        let left: Vec<HomeId> = self.homes.values().filter(done).map(|home| home.row.id).collect();
        left.into_iter().for_each(|id| self.forget_home(now, id));
    }

    /// Whether somebody who knows no other of my homes may come by an address that names this one, which I leave: by an
    /// invite from before, or, when strangers may ask, by my plain address, of which nobody knows how far it got.
    fn is_awaited_at(&self, now: Now, home: &Home) -> bool {
        let mut from_before = self.invites.range(..home.row.invites_below);
        matches!(self.profile.policy(), IntroPolicy::Work { .. })
            || from_before.any(|(_, invite)| invite.is_open(now.wall_s()))
    }

    /// Whether a contact needs no news of my homes: it knows the newest CARD, or is nobody whom I would tell.
    pub(crate) fn knows_homes(&self, contact: &Contact) -> bool {
        let told = contact.row.state == ContactState::Active && contact.row.greeted;
        !told || contact.row.card_known >= self.profile.homes_seq
    }

    fn contacts_with_queues(&self) -> Vec<ContactId> {
        let has = |c: &&Contact| c.row.greeted && matches!(c.row.state, ContactState::Adding | ContactState::Active);
        self.contacts.values().filter(has).map(Contact::id).collect()
    }
}

pub(crate) fn home_event(home: &Home) -> Event {
    Event::Home { peer: home.dial.peer.clone(), state: home.state }
}
