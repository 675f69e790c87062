//! What stories need: people who meet, write to each other, and wait.

use pirushka_client_core::{
    Client, CodeState, ContactId, ContactState, HomeInfo, IntroPolicy, MessageId, MessageState,
};
use pirushka_wire::time::{DAY, SECOND};
use pirushka_wire::{Address, Now};

use crate::person::{Person, Said};
use crate::world::World;

impl World<Person> {
    /// One invites, the other comes by the invite; both can write when this returns.
    ///
    /// # Panics
    /// They do not become contacts within a minute.
    pub fn meet(&mut self, inviting: usize, coming: usize) {
        self.invite(inviting, coming);
        let both = |world: &Self| world.are_contacts(inviting, coming);
        assert!(self.until(self.now_us() + 60 * SECOND, both), "they do not meet: {:?}", self.violations);
    }

    /// One makes an invite, the other uses it; nothing is waited for.
    ///
    /// # Panics
    /// One of them refuses the command.
    pub fn invite(&mut self, inviting: usize, coming: usize) {
        let address = self.make_invite(inviting);
        self.come_by(coming, &address);
    }

    /// Makes an invite for one person, good for 60 days; gives the address.
    ///
    /// # Panics
    /// The process is dead or has no home peer.
    pub fn make_invite(&mut self, inviting: usize) -> Address {
        let now = self.now_of(inviting);
        let client = self.users[inviting].client_mut().expect("alive");
        let id = client.new_invite(now, "story", 1, 60 * DAY / SECOND, false).expect("has a home peer");
        let address = client.invite_address(id).expect("has a home peer");
        self.settle_user(inviting);
        address
    }

    /// Adds whoever the address names.
    ///
    /// # Panics
    /// The process is dead or refuses the address.
    pub fn come_by(&mut self, coming: usize, address: &Address) {
        assert!(self.try_come_by(coming, address), "a stranger");
    }

    /// The same; tells whether the client agrees.
    pub fn try_come_by(&mut self, coming: usize, address: &Address) -> bool {
        let now = self.now_of(coming);
        let Some(client) = self.users[coming].client_mut() else { return false };
        let added = client.add_contact(now, address, None).is_ok();
        self.settle_user(coming);
        added
    }

    /// Lets strangers in who do so much work.
    ///
    /// # Panics
    /// The process is dead, or the bits are out of bounds.
    pub fn open_to_work(&mut self, user: usize, bits: u8) {
        let now = self.now_of(user);
        let client = self.users[user].client_mut().expect("alive");
        client.set_intro_policy(now, IntroPolicy::Work { bits }).expect("bits in bounds");
        self.settle_user(user);
    }

    /// Adds somebody by the plain address, with a first text; gives that message.
    ///
    /// # Panics
    /// One of the two is dead or has no home peer, or they know each other.
    pub fn knock(&mut self, coming: usize, at: usize, size: usize) -> (MessageId, Said) {
        let address = self.users[at].client().and_then(Client::address).expect("alive and served");
        self.knock_by(coming, at, &address, size)
    }

    /// The same by an address that was learned before.
    ///
    /// # Panics
    /// As above.
    pub fn knock_by(&mut self, coming: usize, at: usize, address: &Address, size: usize) -> (MessageId, Said) {
        let (now, name) = (self.now_of(coming), crate::world::User::name(&self.users[at]).to_owned());
        let (contact, said) = self.users[coming].knock(now, &name, address, size).expect("strangers");
        self.settle_user(coming);
        let message = self.users[coming].conversation(contact).last().map(|message| message.id);
        (message.expect("a first text"), said)
    }

    /// Accepts every request that waits at a person.
    pub fn accept_all(&mut self, user: usize) {
        let now = self.now_of(user);
        let Some(client) = self.users[user].client_mut() else { return };
        for contact in client.contacts().iter().filter(|contact| contact.state == ContactState::Request) {
            client.accept(now, contact.id).expect("a request");
        }
        self.settle_user(user);
    }

    /// Whether two people can write to each other.
    #[must_use]
    pub fn are_contacts(&self, a: usize, b: usize) -> bool {
        let knows = |one: usize, other: usize| {
            let contact = self.users[one].contact(self.users[other].fingerprint());
            contact.is_some_and(|contact| contact.state == ContactState::Active)
        };
        knows(a, b) && knows(b, a)
    }

    /// How one person calls another.
    #[must_use]
    pub fn contact_id(&self, of: usize, who: usize) -> Option<ContactId> {
        Some(self.users[of].contact(self.users[who].fingerprint())?.id)
    }

    /// Writes the next text of a given size.
    ///
    /// # Panics
    /// They are no contacts, or the client refuses.
    pub fn say(&mut self, from: usize, to: usize, size: usize) -> MessageId {
        self.try_say(from, to, size).expect("can write").0
    }

    /// The same, or the reason why not.
    ///
    /// # Errors
    /// Whatever the client says, as text.
    pub fn try_say(&mut self, from: usize, to: usize, size: usize) -> Result<(MessageId, Said), String> {
        let contact = self.contact_id(from, to).ok_or("no such contact")?;
        let (now, name) = (self.now_of(from), crate::world::User::name(&self.users[to]).to_owned());
        let said = self.users[from].say(now, &name, contact, size)?;
        self.settle_user(from);
        Ok(said)
    }

    /// The person has seen everything that a contact wrote.
    pub fn read(&mut self, reader: usize, writer: usize) {
        let now = self.now_of(reader);
        let Some(contact) = self.contact_id(reader, writer) else { return };
        let last = self.users[reader].conversation(contact).last().map(|message| message.id);
        if let (Some(last), Some(client)) = (last, self.users[reader].client_mut()) {
            // The contact was just found, so this cannot fail.
            let _ = client.mark_seen(now, contact, last);
            self.settle_user(reader);
        }
    }

    /// What two contacts see as their six digits, if both see some.
    #[must_use]
    pub fn digits(&self, a: usize, b: usize) -> Option<(String, String)> {
        let of = |one: usize, other: usize| match self.users[one].contact(self.users[other].fingerprint())?.code {
            CodeState::Ready(digits) => Some(digits),
            CodeState::Pending | CodeState::Exhausted | CodeState::Forged => None,
        };
        Some((of(a, b)?, of(b, a)?))
    }

    /// How far a message has come at its sender.
    #[must_use]
    pub fn state(&self, of: usize, id: MessageId) -> MessageState {
        self.users[of].state_of(id).unwrap_or(MessageState::Queued)
    }

    /// Whether a message has its end-to-end receipt.
    #[must_use]
    pub fn is_delivered(&self, of: usize, id: MessageId) -> bool {
        matches!(self.state(of, id), MessageState::Delivered | MessageState::Read)
    }

    /// Waits until all these are delivered; tells whether they are.
    pub fn wait_delivered(&mut self, of: usize, ids: &[MessageId], within_us: u64) -> bool {
        self.until(self.now_us() + within_us, |world| ids.iter().all(|id| world.is_delivered(of, *id)))
    }

    /// Waits until all these are held by the recipient's peer (or delivered).
    pub fn wait_held(&mut self, of: usize, ids: &[MessageId], within_us: u64) -> bool {
        let held = |world: &Self, id: &MessageId| {
            matches!(world.state(of, *id), MessageState::Held { .. }) || world.is_delivered(of, *id)
        };
        self.until(self.now_us() + within_us, |world| ids.iter().all(|id| held(world, id)))
    }

    /// How many texts one person's disk holds from another.
    #[must_use]
    pub fn texts(&self, at: usize, from: usize) -> usize {
        self.contact_id(at, from).map_or(0, |contact| self.users[at].texts_from(contact).len())
    }

    /// Starts a dead person again.
    pub fn wake(&mut self, user: usize) {
        let now = self.now_of(user);
        self.users[user].restart(now);
        let name = crate::world::User::name(&self.users[user]).to_owned();
        self.tell(&name, format_args!("starts again from its disk"));
        self.settle_user(user);
    }

    /// Kills a person's process between two inputs.
    pub fn kill(&mut self, user: usize) {
        self.users[user].crash(crate::plan::CrashPoint::Idle);
        let name = crate::world::User::name(&self.users[user]).to_owned();
        self.tell(&name, format_args!("is killed"));
    }

    /// One more peer serves a person; tells whether the client agrees.
    pub fn add_home(&mut self, user: usize, peer: usize) -> bool {
        let home = self.peers[peer].home_address();
        self.change_homes(user, |client, now| client.add_home(now, home).is_ok())
    }

    /// A person leaves a home peer; tells whether the client agrees.
    pub fn remove_home(&mut self, user: usize, peer: usize) -> bool {
        let id = self.peers[peer].peer_id();
        self.change_homes(user, |client, now| client.remove_home(now, id).is_ok())
    }

    /// A person moves from one home peer, or from all, to another; tells whether the client agrees.
    pub fn move_home(&mut self, user: usize, from: Option<usize>, to: usize) -> bool {
        let (from, to) = (from.map(|peer| self.peers[peer].peer_id()), self.peers[to].home_address());
        self.change_homes(user, |client, now| client.move_home(now, from, to).is_ok())
    }

    fn change_homes(&mut self, user: usize, change: impl FnOnce(&mut Client, Now) -> bool) -> bool {
        let now = self.now_of(user);
        let changed = self.users[user].client_mut().is_some_and(|client| change(client, now));
        self.settle_user(user);
        changed
    }

    /// The peers that serve a person.
    #[must_use]
    pub fn homes(&self, user: usize) -> Vec<HomeInfo> {
        self.users[user].client().map(Client::homes).unwrap_or_default()
    }

    /// Whether a contact of a person knows where that person is served now, as far as the person has heard.
    #[must_use]
    pub fn knows_homes(&self, of: usize, who: usize) -> bool {
        self.users[of].contact(self.users[who].fingerprint()).is_some_and(|contact| contact.knows_homes)
    }

    /// Everything that one may want to know when a story does not end well.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = String::new();
        for node in &self.peers {
            let stats = node.peer().map(pirushka_peer_core::Peer::stats);
            let drops =
                node.peer().map(|peer| peer.link_counters().drops().filter(|(_, n)| *n > 0).collect::<Vec<_>>());
            text += &format!("{}: {stats:?}\n  dropped {drops:?}\n", node.name);
        }
        for user in &self.users {
            let client = user.client();
            text += &format!(
                "{}: {} commits, waiting {:?}, refused {:?}\n  {:?}\n  {:?}\n",
                crate::world::User::name(user),
                user.commits,
                client.map(pirushka_client_core::Client::waiting),
                client.map(pirushka_client_core::Client::refused),
                client.map(pirushka_client_core::Client::homes),
                client.map(pirushka_client_core::Client::contacts),
            );
        }
        text + &format!("{:?}", self.net.stats())
    }
}
