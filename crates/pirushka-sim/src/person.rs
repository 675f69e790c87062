//! A person: the real client core on a simulated disk, behind a NAT, driven as its shell would drive it.
//!
//! Each commit is atomic. A crash can be asked for between inputs, before a commit, or after it with no packet sent;
//! what is on the disk survives, the rest does not. Every text says from whom to whom it goes and its number, so that
//! each row that reaches the disk can be checked on the spot.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use pirushka_client_core::{
    Client, ClientConfig, ContactId, ContactInfo, ContactState, Event, HomeState, Message, MessageBody, MessageId,
    MessageState, SocketId, Table, Waiting, Warning, Write,
};
use pirushka_wire::{Address, Fingerprint, Now, PeerId};

use crate::checks::{Rule, Violation};
use crate::plan::CrashPoint;
use crate::rand::Rand;
use crate::world::{Place, Surroundings, User, World};

/// A person and its machine.
pub struct Person {
    name: String,
    place: Place,
    config: ClientConfig,
    seeds: Rand,
    fingerprint: Fingerprint,
    disk: Disk,
    running: Option<Client>,
    sockets: BTreeMap<SocketId, u16>,
    port_next: u16,
    /// Where, after so many commits.
    crash_at: Option<(CrashPoint, u8)>,
    /// Says yes to whoever asks.
    pub says_yes: bool,
    /// Who served it, and what waited, when it died.
    last_homes: Vec<PeerId>,
    last_waiting: Waiting,
    sent: u32,
    /// Warnings so far.
    pub warnings: Vec<Warning>,
    /// Commits so far.
    pub commits: u64,
}

/// Rows, and what the onlooker derives from them.
#[derive(Default, Clone)]
pub struct Disk {
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    messages: BTreeMap<MessageId, Message>,
    contents: BTreeMap<[u8; 16], MessageId>,
    announced: BTreeSet<MessageId>,
}

/// A marker and the places behind it, at most; and as many for those of others that came in between.
const GAP_PLACES: u64 = 2 * 1025;
/// Before the first port of a person's sockets.
const PORT_FIRST: u16 = 30_000;

impl Person {
    /// Adds a person served by a peer; it starts at once. Tells its number.
    pub fn add(world: &mut World<Self>, name: &str, home: usize) -> usize {
        Self::add_with(world, name, home, ClientConfig::default())
    }

    /// The same with other knobs.
    pub fn add_with(world: &mut World<Self>, name: &str, home: usize, config: ClientConfig) -> usize {
        let (place, seeds) = world.add_place(pirushka_netsim::NatConfig::new);
        Self::add_at(world, name, home, config, place, seeds)
    }

    /// The same at a given place.
    pub fn add_at(
        world: &mut World<Self>,
        name: &str,
        home: usize,
        config: ClientConfig,
        place: Place,
        mut seeds: Rand,
    ) -> usize {
        let now = place.clock.now(world.now_us());
        let home = world.peers[home].home_address();
        // Names in stories are names, and setting a home cannot fail.
        let mut client = Client::create(config, seeds.seed32(), now, name).expect("a name");
        client.set_home(now, home).expect("a home");
        client.start(now);
        let person = Self {
            name: name.to_owned(),
            place,
            config,
            seeds,
            fingerprint: client.fingerprint(),
            disk: Disk::default(),
            running: Some(client),
            sockets: BTreeMap::new(),
            port_next: PORT_FIRST,
            crash_at: None,
            says_yes: false,
            last_homes: vec![],
            last_waiting: Waiting::default(),
            sent: 0,
            warnings: vec![],
            commits: 0,
        };
        world.users.push(person);
        let number = world.users.len() - 1;
        world.settle_user(number);
        number
    }

    /// What is on the disk now, for a backup.
    #[must_use]
    pub fn copy_disk(&self) -> Disk {
        self.disk.clone()
    }

    /// Puts an old copy in the place of the disk. The process must be dead.
    pub fn bring_back(&mut self, copy: Disk) {
        self.disk = copy;
    }

    /// Puts what a backup holds of an old copy in the place of the disk, as `backup restore` does, and starts. The process
    /// must be dead.
    ///
    /// # Panics
    /// What the client wrote cannot be restored: a bug of the client.
    pub fn restore(&mut self, copy: Disk, now: Now) {
        self.bring_back(copy);
        self.disk.rows.retain(|(table, _), _| table.is_backed_up());
        let rows = self.disk.rows.iter().map(|((table, key), value)| (*table, key.clone(), value.clone()));
        let rows: Vec<_> = rows.filter(|(table, _, _)| table.is_loaded()).collect();
        let mut client = Client::restore(self.config, self.seeds.seed32(), now, rows).expect("restores what it wrote");
        client.start(now);
        self.running = Some(client);
    }

    /// The person's name of 32 bytes.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The client, unless its process is dead.
    #[must_use]
    pub fn client(&self) -> Option<&Client> {
        self.running.as_ref()
    }

    /// The client, for commands; follow them with [`World::settle_user`].
    pub fn client_mut(&mut self) -> Option<&mut Client> {
        self.running.as_mut()
    }

    /// What waits for receipts, or did when it died.
    pub(crate) fn waiting(&self) -> Waiting {
        self.running.as_ref().map_or(self.last_waiting, Client::waiting)
    }

    /// Whether its process is dead.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.running.is_none()
    }

    /// The process will die at the next such moment.
    pub fn crash(&mut self, at: CrashPoint) {
        self.crash_after(0, at);
    }

    /// The process will die at the next such moment after so many commits.
    pub fn crash_after(&mut self, commits: u8, at: CrashPoint) {
        match at {
            CrashPoint::Idle => self.die(),
            CrashPoint::BeforeCommit | CrashPoint::AfterCommit => self.crash_at = Some((at, commits)),
        }
    }

    /// Starts again from what is on disk.
    ///
    /// # Panics
    /// What the client wrote cannot be loaded again: a bug of the client.
    pub fn restart(&mut self, now: Now) {
        self.crash_at = None;
        let rows = self.disk.rows.iter().filter(|((table, _), _)| table.is_loaded());
        let rows = rows.map(|((table, key), value)| (*table, key.clone(), value.clone()));
        let mut client = Client::load(self.config, self.seeds.seed32(), now, rows).expect("loads what it wrote");
        client.start(now);
        if self.says_yes {
            accept_all(&mut client, now);
        }
        self.running = Some(client);
    }

    /// The conversation with a person in the order of display, from the disk.
    #[must_use]
    pub fn conversation(&self, with: ContactId) -> Vec<&Message> {
        self.disk.messages.values().filter(|message| message.contact == with).collect()
    }

    /// The texts that came in from a person, in the order of display.
    #[must_use]
    pub fn texts_from(&self, contact: ContactId) -> Vec<&str> {
        let texts = self.conversation(contact).into_iter().filter(|message| !message.outgoing);
        texts
            .filter_map(|message| match &message.body {
                MessageBody::Text(text) => Some(text.as_str()),
                MessageBody::Gap { .. } | MessageBody::NeedsNewerVersion { .. } | MessageBody::Expire { .. } => None,
            })
            .collect()
    }

    /// The numbers of the texts that came in from a person, each with its message, in the order of display.
    #[must_use]
    pub fn numbers_from(&self, contact: ContactId) -> Vec<(u32, MessageId)> {
        let texts = self.conversation(contact).into_iter().filter(|message| !message.outgoing);
        texts.filter_map(|message| Some((Said::parse(message.body.text())?.number, message.id))).collect()
    }

    /// Whether a gap marker for something in front of a text of a person's is shown. It stands before everything that has
    /// come late into its places.
    #[must_use]
    pub fn shows_gap_before(&self, contact: ContactId, text: MessageId) -> bool {
        let mut before = self.disk.messages.range(MessageId(text.0.saturating_sub(GAP_PLACES))..text);
        before.any(|(_, message)| message.contact == contact && matches!(message.body, MessageBody::Gap { .. }))
    }

    /// How many gap markers stand in all conversations.
    #[must_use]
    pub fn gaps(&self) -> usize {
        self.disk.messages.values().filter(|message| matches!(message.body, MessageBody::Gap { .. })).count()
    }

    /// How far a message of mine has come, from the disk.
    #[must_use]
    pub fn state_of(&self, message: MessageId) -> Option<MessageState> {
        self.disk.messages.get(&message).map(|message| message.state)
    }

    /// What is known of a person.
    #[must_use]
    pub fn contact(&self, fingerprint: Fingerprint) -> Option<ContactInfo> {
        self.running.as_ref()?.contacts().into_iter().find(|contact| contact.fingerprint == fingerprint)
    }

    /// The path to its home peer.
    #[must_use]
    pub fn home_state(&self) -> Option<HomeState> {
        self.running.as_ref()?.homes().first().map(|home| home.state)
    }

    fn die(&mut self) {
        let homes = self.running.as_ref().map(Client::homes).unwrap_or_default();
        self.last_homes = homes.iter().map(|home| home.peer.peer_id).collect();
        self.last_waiting = self.waiting();
        self.running = None;
        self.sockets.clear();
        self.crash_at = None;
    }

    /// Everything that follows from an input but the packets. False when the process died over it.
    fn commit_and_tell(&mut self, now: Now, around: &mut Surroundings<'_>) -> bool {
        loop {
            let Some(client) = &mut self.running else { return false };
            let writes = client.take_writes();
            if !writes.is_empty() {
                if self.crash_at == Some((CrashPoint::BeforeCommit, 0)) {
                    around.trace.event(around.net_us, &self.name, format_args!("dies before a commit"));
                    around.situations.count("a client dies before a commit");
                    self.die();
                    return false;
                }
                self.commits += 1;
                self.commit(writes, around);
                if self.crash_at == Some((CrashPoint::AfterCommit, 0)) {
                    around.trace.event(around.net_us, &self.name, format_args!("dies after a commit"));
                    around.situations.count("a client dies after a commit");
                    self.die();
                    return false;
                }
                if let Some((_, commits)) = &mut self.crash_at {
                    *commits = commits.saturating_sub(1);
                }
            }
            let Some(client) = &mut self.running else { return false };
            client.committed();
            let Some(event) = client.poll_event() else { return true };
            self.event(now, event, around);
        }
    }

    fn event(&mut self, now: Now, event: Event, around: &mut Surroundings<'_>) {
        let Some(client) = &mut self.running else { return };
        match event {
            Event::Resolve { query, host, .. } => {
                client.handle_resolved(now, query, around.dns.get(&host).copied().into_iter().collect());
            }
            Event::ResolveKey { query, .. } => client.handle_peer_key(now, query, None),
            Event::Work { id, claim, bits } => {
                around.trace.event(around.net_us, &self.name, format_args!("does {bits} bits of work"));
                // In no time of the world's; stories ask for little.
                let nonce = claim.solve(bits, 1, u64::MAX).unwrap_or_default();
                client.handle_work(now, id, nonce);
            }
            Event::CloseSocket { socket } => drop(self.sockets.remove(&socket)),
            Event::Message(message) => {
                around.trace.event(around.net_us, &self.name, format_args!("shows {}", brief(&message)));
                let again = !self.disk.announced.insert(message.id);
                if again && !matches!(message.body, MessageBody::Gap { .. }) {
                    self.breach(around, Rule::S1, format!("shows twice: {}", brief(&message)));
                }
            }
            Event::MessageState { id, state, .. } => {
                around.trace.event(around.net_us, &self.name, format_args!("sees message {} {state:?}", id.0));
            }
            Event::MessageGone { id, .. } => {
                around.trace.event(around.net_us, &self.name, format_args!("lets message {} disappear", id.0));
            }
            Event::Warning(warning) => {
                around.trace.event(around.net_us, &self.name, format_args!("is warned: {warning:?}"));
                self.warnings.push(warning);
            }
            Event::Contact(contact) => {
                let state = client.contact(contact);
                let text = state.map(|c| format!("{} {:?} verified {}", c.name, c.state, c.verified));
                around.trace.event(around.net_us, &self.name, format_args!("has contact {text:?}"));
                if self.says_yes {
                    accept_all(client, now);
                }
            }
            Event::Home { state, .. } => {
                around.trace.event(around.net_us, &self.name, format_args!("finds its home peer {state:?}"));
            }
            Event::CodeReady(contact) => {
                around.trace.event(around.net_us, &self.name, format_args!("can compare digits with {}", contact.0));
            }
        }
    }

    fn commit(&mut self, writes: Vec<Write>, around: &mut Surroundings<'_>) {
        for Write { table, key, value } in writes {
            match table {
                Table::Message => self.check_message(&key, value.as_deref(), around),
                Table::MessageState => self.check_state(&key, value.as_deref(), around),
                _ => {}
            }
            match value {
                Some(value) => self.disk.rows.insert((table, key), value),
                None => self.disk.rows.remove(&(table, key)),
            };
        }
    }

    /// A row of a conversation goes to the disk: that is what "shown" means.
    fn check_message(&mut self, key: &[u8], value: Option<&[u8]>, around: &mut Surroundings<'_>) {
        let Some(value) = value else {
            // A gap that is filled; a text goes only if it was agreed that it would.
            let id = key.try_into().map(|key| MessageId(u64::from_be_bytes(key))).unwrap_or(MessageId(0));
            let gone = self.disk.messages.remove(&id).filter(|old| matches!(old.body, MessageBody::Text(_)));
            let agreed = self.disk.rows.contains_key(&(Table::Vanishing, key.to_vec()));
            if let Some(old) = gone.filter(|_| !agreed) {
                self.breach(around, Rule::S1, format!("deletes {}", brief(&old)));
            }
            return;
        };
        let Ok(message) = Message::from_row(value) else { return };
        let id = message.id;
        if let MessageBody::Text(text) = &message.body {
            let twice = self.disk.contents.insert(message.content, id).is_some_and(|other| other != id);
            if twice {
                self.breach(around, Rule::S1, format!("the same content stands twice: {}", brief(&message)));
            }
            match Said::parse(text) {
                Some(_) if message.outgoing => {}
                Some(said) if said.to == self.name && said.is_whole(text) => drop(around.shown.insert(said.key())),
                _ => self.breach(around, Rule::S1, format!("altered or not for me: {}", brief(&message))),
            }
        }
        let old = self.disk.messages.get(&id).map(|old| &old.body);
        if old.is_some_and(|old| matches!(old, MessageBody::Text(_)) && *old != message.body) {
            self.breach(around, Rule::S1, format!("what stood there is changed to {}", brief(&message)));
        }
        self.disk.messages.insert(id, message);
        self.check_order(id, around);
    }

    /// A message of mine has come further. That what is believed delivered was taken in shows at the end: it is on the
    /// recipient's disk, but may wait there for an earlier one before it is shown, and the sender has dropped it (S3).
    fn check_state(&mut self, key: &[u8], value: Option<&[u8]>, around: &mut Surroundings<'_>) {
        let Some(Ok(state)) = value.map(MessageState::from_row) else { return };
        let Ok(id) = key.try_into().map(|key| MessageId(u64::from_be_bytes(key))) else { return };
        let Some(message) = self.disk.messages.get_mut(&id) else { return };
        message.state = state;
        let message = message.clone();
        if matches!(state, MessageState::Failed { .. }) {
            self.breach(around, Rule::L1, format!("gives up {}", brief(&message)));
        }
    }

    /// Neighbours in the display stand in the order in which they were written.
    fn check_order(&mut self, id: MessageId, around: &mut Surroundings<'_>) {
        let Some(message) = self.disk.messages.get(&id) else { return };
        let same = |other: &&Message| {
            other.contact == message.contact
                && !other.outgoing
                && !message.outgoing
                && matches!(other.body, MessageBody::Text(_))
        };
        let before = self.disk.messages.range(..id).rev().map(|(_, m)| m).find(same);
        let after = self.disk.messages.range(id..).skip(1).map(|(_, m)| m).find(same);
        let number = |m: &Message| match &m.body {
            MessageBody::Text(text) => Said::parse(text).map(|said| said.number),
            MessageBody::Gap { .. } | MessageBody::NeedsNewerVersion { .. } | MessageBody::Expire { .. } => None,
        };
        let Some(here) = number(message) else { return };
        let wrong =
            before.and_then(number).is_some_and(|n| n >= here) || after.and_then(number).is_some_and(|n| n <= here);
        if wrong {
            let what = format!("out of order: {}", brief(message));
            self.breach(around, Rule::S1, what);
        }
    }

    fn breach(&self, around: &mut Surroundings<'_>, rule: Rule, what: String) {
        let what = format!("{}: {what}", self.name);
        around.trace.event(around.net_us, "!!", format_args!("{rule:?}: {what}"));
        around.violations.push(Violation { rule, at_us: around.net_us, what });
    }

    /// Adds whoever the address names, with a first text of a given size; tells how it is called and what was said.
    ///
    /// # Errors
    /// Why the client refuses.
    pub fn knock(&mut self, now: Now, to: &str, address: &Address, size: usize) -> Result<(ContactId, Said), String> {
        let said = Said { from: self.name.clone(), to: to.to_owned(), number: self.sent };
        let client = self.running.as_mut().ok_or("the process is dead")?;
        let text = said.text(size);
        let contact = client.add_contact_saying(now, address, None, Some(&text)).map_err(|e| e.to_string())?;
        self.sent += 1;
        Ok((contact, said))
    }

    /// Writes the next text of a given size; tells how the message is called.
    ///
    /// # Errors
    /// Why the client refuses.
    pub fn say(&mut self, now: Now, to: &str, contact: ContactId, size: usize) -> Result<(MessageId, Said), String> {
        let said = Said { from: self.name.clone(), to: to.to_owned(), number: self.sent };
        let client = self.running.as_mut().ok_or("the process is dead")?;
        let id = client.send_text(now, contact, &said.text(size)).map_err(|e| e.to_string())?;
        self.sent += 1;
        Ok((id, said))
    }
}

/// From, to, number.
pub(crate) type TextKey = (String, String, u32);

/// What a text says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    #[allow(missing_docs)]
    pub from: String,
    #[allow(missing_docs)]
    pub to: String,
    /// Ascending over everything its sender writes.
    pub number: u32,
}

impl Said {
    /// `from>to #number ` and letters up to the size.
    #[must_use]
    pub fn text(&self, size: usize) -> String {
        let mut text = format!("{}>{} #{} ", self.from, self.to, self.number);
        let start = self.number as usize;
        text.extend((text.len()..size).map(|at| char::from(b'a' + ((at * 7 + start) % 26) as u8)));
        text
    }

    /// Reads the beginning.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, rest) = text.split_once('>')?;
        let (to, rest) = rest.split_once(" #")?;
        let number = rest.split(' ').next()?.parse().ok()?;
        Some(Self { from: from.to_owned(), to: to.to_owned(), number })
    }

    fn is_whole(&self, text: &str) -> bool {
        self.text(text.len()) == text
    }

    /// As it stands in [`World::shown`].
    #[must_use]
    pub fn key(&self) -> TextKey {
        (self.from.clone(), self.to.clone(), self.number)
    }
}

impl User for Person {
    fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> Place {
        self.place
    }

    fn handle_datagram(&mut self, now: Now, port: u16, remote: SocketAddr, datagram: &mut [u8]) {
        let socket = self.sockets.iter().find(|(_, p)| **p == port).map(|(socket, _)| *socket);
        if let (Some(client), Some(socket)) = (&mut self.running, socket) {
            client.handle_datagram(now, socket, remote, datagram);
        }
    }

    fn handle_timeout(&mut self, now: Now) {
        if let Some(client) = &mut self.running {
            client.handle_timeout(now);
        }
    }

    fn poll_timeout(&self) -> Option<u64> {
        self.running.as_ref()?.poll_timeout()
    }

    fn settle(&mut self, now: Now, around: &mut Surroundings<'_>) {
        if !self.commit_and_tell(now, around) {
            return;
        }
        let mut datagram = vec![];
        while let Some(transmit) = self.running.as_mut().and_then(|client| client.poll_transmit(now, &mut datagram)) {
            let port = *self.sockets.entry(transmit.socket).or_insert_with(|| {
                // As a system does: the next one, and from the first again after the last. A few are open at a time.
                self.port_next = self.port_next.checked_add(1).unwrap_or(PORT_FIRST);
                self.port_next
            });
            around.out.push((port, transmit.to, std::mem::take(&mut datagram)));
        }
    }

    fn is_dead(&self) -> bool {
        self.running.is_none()
    }

    fn is_served_by(&self, peer: PeerId) -> bool {
        match &self.running {
            Some(client) => client.homes().iter().any(|home| home.peer.peer_id == peer),
            None => self.last_homes.contains(&peer),
        }
    }

    fn path_changed(&mut self, now: Now) {
        if let Some(client) = &mut self.running {
            client.network_changed(now);
        }
    }
}

fn brief(message: &Message) -> String {
    let body = match &message.body {
        MessageBody::Text(text) => text.chars().take(24).collect(),
        MessageBody::Gap { missing } => format!("a gap of {missing}"),
        MessageBody::NeedsNewerVersion { kind, .. } => format!("kind {kind}"),
        MessageBody::Expire { after_s } => format!("messages stay {after_s} s"),
    };
    format!("{}{} \"{body}\"", if message.outgoing { "mine " } else { "" }, message.id.0)
}

/// Accepts every request that waits.
fn accept_all(client: &mut Client, now: Now) {
    for contact in client.contacts().iter().filter(|contact| contact.state == ContactState::Request) {
        // It was just found as a request.
        let _ = client.accept(now, contact.id);
    }
}
