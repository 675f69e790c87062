//! One person: what is on disk about it, and what is only in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use pirushka_e2e::Session;
use pirushka_e2e::chunks::Reassembly;
use pirushka_e2e::content::QueueGrant;
use pirushka_identity::Card;
use pirushka_wire::{Fingerprint, IntroToken, PeerAddress, PeerId, QueueId, QueueSecret, RangeSet};

use crate::api::{AddingTrouble, ContactId, ContactState, DamagedRow, MessageId, Table};
use crate::conversation::ConversationRow;
use crate::home_row::HomeId;
use crate::likeness::Remembered;
use crate::limits::{GAP_ANCHORS_MAX, GAP_WIDTH_MAX, GRANTS_MAX, GROUPS_MAX, SESSIONS_MAX};
use crate::memory::MemoryRow;
use crate::outbox::{Item, ItemKind};
use crate::queue::TicketRow;
use crate::receive::part_key;
use crate::route::Route;
use crate::rows::WriteSet;

/// Where and how I leave messages for a contact: what it gave me of its queue.
#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct GrantRow {
    /// Peer address as text.
    #[n(0)]
    pub(crate) peer: String,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) queue: [u8; 16],
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) secret: [u8; 16],
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) seal_key: [u8; 32],
    #[n(4)]
    pub(crate) ticket: Option<TicketRow>,
    /// Where in the contact's sequence it stood: an older one that comes late is void.
    #[n(5)]
    #[cbor(default)]
    pub(crate) seq: u64,
}

impl GrantRow {
    pub(crate) fn new(grant: &QueueGrant, seq: u64) -> Self {
        Self {
            peer: grant.peer.to_string(),
            queue: grant.queue.0,
            secret: grant.secret.0,
            seal_key: grant.seal_key,
            ticket: grant.ticket.as_ref().map(TicketRow::from),
            seq,
        }
    }

    pub(crate) fn queue(&self) -> QueueId {
        QueueId(self.queue)
    }

    pub(crate) fn secret(&self) -> QueueSecret {
        QueueSecret(self.secret)
    }

    pub(crate) fn peer(&self) -> Option<PeerAddress> {
        self.peer.parse().ok()
    }
}

/// Places kept in the order of display for messages that are missing.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct GapRow {
    #[n(0)]
    pub(crate) first_seq: u64,
    #[n(1)]
    pub(crate) last_seq: u64,
    #[n(2)]
    /// The gap marker; the places are behind it.
    pub(crate) marker: MessageId,
    /// Numbers in the midst of a wide gap that have a place, ascending, each with its distance from the marker.
    #[n(3)]
    pub(crate) anchors: Option<Vec<(u64, u64)>>,
    /// Which places of a wide gap have been given away, a bit for each: of two numbers that want the same one, one gets none.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) given: Option<Vec<u8>>,
}

impl GapRow {
    /// Whether this number is missing, or was, where the marker stands.
    pub(crate) fn holds(&self, seq: u64) -> bool {
        (self.first_seq..=self.last_seq).contains(&seq)
    }

    /// How many places are kept.
    pub(crate) fn places(first_seq: u64, last_seq: u64) -> u64 {
        (last_seq - first_seq + 1).min(GAP_WIDTH_MAX)
    }

    /// The place of a number in the gap, between those of its neighbours.
    ///
    /// In a gap that is wider than its places, numbers jump somewhere: what is missing stands at its ends, or, after
    /// several jumps, somewhere in the midst. So the nearest number with a known place counts, from below or above; one
    /// that is near none gets a place half way and is then known itself. `None` when there is no room.
    pub(crate) fn place_of(&mut self, seq: u64) -> Option<MessageId> {
        let places = Self::places(self.first_seq, self.last_seq);
        if self.last_seq - self.first_seq < places {
            // Each has its own.
            return Some(MessageId(self.marker.0 + 1 + (seq - self.first_seq)));
        }
        let end = 1 + places;
        let anchors = self.anchors.get_or_insert_default();
        let at = anchors.partition_point(|(anchor, _)| *anchor <= seq);
        let (below, below_place) = at.checked_sub(1).map_or((self.first_seq - 1, 0), |at| anchors[at]);
        let (above, above_place) = anchors.get(at).copied().unwrap_or((self.last_seq + 1, end));
        let room = above_place - below_place;
        // Where everything fits there is no need to guess.
        let from_below = if above - below == room { room } else { room / 2 };
        let place = if seq - below < from_below {
            below_place + (seq - below)
        } else if above - seq <= (room - 1) / 2 {
            above_place - (above - seq)
        } else if room > 1 && anchors.len() < GAP_ANCHORS_MAX {
            anchors.insert(at, (seq, below_place + room / 2));
            below_place + room / 2
        } else {
            return None;
        };
        self.give(place).then_some(MessageId(self.marker.0 + place))
    }

    /// Whether this place was free; it is not any more.
    fn give(&mut self, place: u64) -> bool {
        let given = self.given.get_or_insert_with(|| vec![0; GAP_WIDTH_MAX as usize / 8 + 1]);
        let Some(byte) = usize::try_from(place / 8).ok().and_then(|at| given.get_mut(at)) else { return false };
        let bit = 1 << (place % 8);
        let is_free = *byte & bit == 0;
        *byte |= bit;
        is_free
    }
}

/// A received text that waits for an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct WaitingRow {
    #[n(0)]
    pub(crate) seq: u64,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) content: [u8; 16],
    #[n(2)]
    pub(crate) sent_ms: u64,
    #[n(3)]
    pub(crate) body: crate::api::MessageBody,
    /// It disappears so many seconds after it was seen; 0: it stays.
    #[n(4)]
    #[cbor(default)]
    pub(crate) expire_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct SessionRow {
    #[n(0)]
    pub(crate) number: u64,
    /// The other side is known to have it: it may be written in.
    #[n(1)]
    pub(crate) usable: bool,
}

#[derive(Clone, minicbor::Encode, minicbor::Decode)]
pub(crate) struct ContactRow {
    #[n(0)]
    pub(crate) id: ContactId,
    #[n(1)]
    pub(crate) name: String,
    #[n(2)]
    pub(crate) claimed_name: String,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) fingerprint: [u8; 32],
    #[n(4)]
    pub(crate) state: ContactState,
    #[n(5)]
    pub(crate) verified: bool,
    /// The newest verified CARD.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) card: Option<Vec<u8>>,
    /// The peer that the address named, as text; used until a grant names another.
    #[n(7)]
    pub(crate) peer: Option<String>,
    /// The host of an address without a key, until the key is found: `host`, port.
    #[n(8)]
    pub(crate) keyless: Option<(String, u16)>,
    #[n(9)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) token: Option<[u8; 16]>,
    /// Of format 1: the one grant.
    #[n(10)]
    pub(crate) only_grant: Option<GrantRow>,
    /// The sequence number of my next content.
    #[n(12)]
    pub(crate) next_seq: u64,
    /// The contact's contents that I have, as inclusive ranges of its sequence.
    #[n(13)]
    pub(crate) received: Vec<(u64, u64)>,
    /// Those of them that I have seen.
    #[n(14)]
    pub(crate) seen: Vec<(u64, u64)>,
    /// Everything below was displayed, or stands in a gap.
    #[n(15)]
    pub(crate) display_next: u64,
    #[n(16)]
    pub(crate) gaps: Vec<GapRow>,
    #[n(17)]
    pub(crate) waiting: Vec<WaitingRow>,
    /// The sessions kept, by ascending number.
    #[n(18)]
    pub(crate) sessions: Vec<SessionRow>,
    /// Group ids seen, the newest last.
    #[n(19)]
    pub(crate) groups: Vec<minicbor::bytes::ByteVec>,
    /// State of the six digits, as [`crate::verify`] keeps it.
    #[n(20)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) code: Option<Vec<u8>>,
    /// The highest session number ever seen from or used with this contact.
    #[n(21)]
    pub(crate) number: u64,
    /// When I last started a session to replace an unreadable one, Unix milliseconds.
    #[n(22)]
    pub(crate) renewed_ms: u64,
    /// When the current epoch began, Unix milliseconds, and the messages of both sides in it.
    #[n(23)]
    pub(crate) epoch_ms: u64,
    #[n(24)]
    pub(crate) epoch_messages: u32,
    /// Whether a hello of mine (CARD and queue) was put in the outbox.
    #[n(25)]
    pub(crate) greeted: bool,
    /// My texts that were delivered but not read yet: sequence number, message.
    #[n(28)]
    pub(crate) unread: Vec<(u64, MessageId)>,
    /// The contact's texts that I have not seen yet: message, sequence number.
    #[n(29)]
    pub(crate) unseen: Vec<(MessageId, u64)>,
    /// When anything was last sealed for or opened from this contact, Unix milliseconds.
    #[n(30)]
    pub(crate) active_ms: u64,
    /// The epoch in which I last asked for a commit.
    #[n(31)]
    pub(crate) commit_asked_in: Option<u64>,
    /// Where in the contact's sequence the claimed name stood: an older one that comes late is void.
    #[n(33)]
    pub(crate) name_seq: u64,
    /// The content id of the hello by which it introduced itself last.
    #[n(34)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) hello: Option<[u8; 16]>,
    /// The other side has asked for a commit; it does so once an epoch.
    #[n(35)]
    pub(crate) commit_wanted: bool,
    /// The person gave it no name: it gets the one that it calls itself.
    #[n(36)]
    pub(crate) unnamed: bool,
    /// Where the contact's sequence has holes in which nothing ever stood: last number before, first number behind.
    #[n(37)]
    pub(crate) jumps: Vec<(u64, u64)>,
    /// Where my numbers jumped, until the contact has one behind the jump.
    #[n(38)]
    pub(crate) jump: Option<(u64, u64)>,
    /// The contact's queues for my messages, at most one per peer.
    #[n(50)]
    #[cbor(default)]
    pub(crate) grants: Vec<GrantRow>,
    /// Where in the contact's sequence its newest CARD stood.
    #[n(51)]
    #[cbor(default)]
    pub(crate) card_seq: u64,
    /// The sequence number of the newest CARD of mine that was put in the outbox for this contact, and of the newest that
    /// it has confirmed.
    #[n(52)]
    #[cbor(default)]
    pub(crate) card_sent: u64,
    #[n(53)]
    #[cbor(default)]
    pub(crate) card_known: u64,
    /// What a request says of itself; shown in its place once it is accepted.
    #[n(39)]
    pub(crate) first: Option<WaitingRow>,
}

/// A person, in memory.
pub(crate) struct Contact {
    pub(crate) row: ContactRow,
    pub(crate) outbox: BTreeMap<u64, Item>,
    /// Sessions by number; loaded.
    pub(crate) sessions: BTreeMap<u64, Session>,
    pub(crate) received: RangeSet,
    pub(crate) seen: RangeSet,
    /// The ways to its peers that are open or being tried, or that were tried in vain.
    pub(crate) routes: BTreeMap<PeerId, Route>,
    /// My queues for this contact.
    pub(crate) queues: BTreeMap<HomeId, QueueId>,
    /// The newest CARD, checked.
    card: Option<Card>,
    /// It learns of my new homes at this moment.
    pub(crate) tell_due_us: Option<u64>,
    /// A receipt with nothing to ride on leaves at this moment.
    pub(crate) receipt_due_us: Option<u64>,
    /// Receipts sealed and on their way: not kept on disk, a duplicate calls for a fresh one.
    pub(crate) volatile: VecDeque<Item>,
    /// When anything authentic came last.
    pub(crate) heard_us: u64,
    /// The profile was loaded, perhaps from an old copy, and I have not written to this contact since.
    pub(crate) resumed: bool,
    /// Since when messages have been unreadable, and how many.
    pub(crate) unreadable: Option<(u64, u32)>,
    /// The gap timer's moment.
    pub(crate) gap_due_us: Option<u64>,
    pub(crate) trouble: Option<AddingTrouble>,
    /// The hello waits for a ticket until this moment.
    pub(crate) ticket_wait_us: Option<u64>,
    /// The next receipt asks for everything unconfirmed to be offered again: my peer was restarted.
    pub(crate) ask_again: bool,
    pub(crate) reassembly: Reassembly,
    /// Messages that wait for a commit or a Welcome, by arrival.
    pub(crate) pending: BTreeMap<u64, Vec<u8>>,
    pub(crate) conversation: ConversationRow,
    /// What its name, and what it calls itself, look like.
    pub(crate) likeness: Remembered,
    pub(crate) claimed_likeness: Remembered,
    /// The row is to be written at the end of the turn.
    pub(crate) changed: bool,
    session_keys: BTreeMap<u64, BTreeSet<Vec<u8>>>,
}

impl Contact {
    pub(crate) fn from_row(mut row: ContactRow) -> Self {
        let (received, seen) = (range_set(&row.received), range_set(&row.seen));
        row.grants.extend(row.only_grant.take());
        let fingerprint = Fingerprint(row.fingerprint);
        let card = row.card.as_ref().and_then(|card| Card::decode_verified(card, Some(&fingerprint)).ok());
        Self {
            row,
            outbox: BTreeMap::new(),
            likeness: Remembered::default(),
            claimed_likeness: Remembered::default(),
            sessions: BTreeMap::new(),
            received,
            seen,
            routes: BTreeMap::new(),
            queues: BTreeMap::new(),
            card,
            tell_due_us: None,
            receipt_due_us: None,
            heard_us: 0,
            resumed: false,
            volatile: VecDeque::new(),
            unreadable: None,
            gap_due_us: None,
            trouble: None,
            ticket_wait_us: None,
            ask_again: false,
            reassembly: Reassembly::new(),
            pending: BTreeMap::new(),
            conversation: ConversationRow::default(),
            changed: false,
            session_keys: BTreeMap::new(),
        }
    }

    pub(crate) fn new(id: ContactId, name: String, fingerprint: Fingerprint, state: ContactState, now_ms: u64) -> Self {
        Self::from_row(ContactRow {
            id,
            name,
            claimed_name: String::new(),
            fingerprint: fingerprint.0,
            state,
            verified: false,
            card: None,
            peer: None,
            keyless: None,
            token: None,
            only_grant: None,
            next_seq: 1,
            received: vec![],
            seen: vec![],
            display_next: 1,
            gaps: vec![],
            waiting: vec![],
            sessions: vec![],
            groups: vec![],
            code: None,
            number: 0,
            renewed_ms: 0,
            epoch_ms: now_ms,
            epoch_messages: 0,
            greeted: false,
            unread: vec![],
            unseen: vec![],
            active_ms: now_ms,
            commit_asked_in: None,
            name_seq: 0,
            hello: None,
            commit_wanted: false,
            unnamed: false,
            jumps: vec![],
            jump: None,
            grants: vec![],
            card_seq: 0,
            card_sent: 0,
            card_known: 0,
            first: None,
        })
    }

    /// Goes on where a removed contact of this fingerprint stood.
    pub(crate) fn recall(&mut self, memory: &MemoryRow) {
        self.row.next_seq = memory.next_seq.max(1);
        self.row.number = memory.number;
    }

    /// The number of my next content. After each start the numbers go on at the present time in milliseconds: if the
    /// disk was brought back from an old copy, the numbers given since then are not given again, and no receipt for an
    /// earlier text is taken for one for a later.
    pub(crate) fn take_seq(&mut self, wall_ms: u64) -> u64 {
        let last = self.row.next_seq.saturating_sub(1);
        let resumed = std::mem::take(&mut self.resumed) && last > 0;
        let seq = if resumed { self.row.next_seq.max(wall_ms) } else { self.row.next_seq };
        if seq != last + 1 {
            self.row.jump = Some((last, seq));
        }
        self.row.next_seq = seq.saturating_add(1);
        self.changed = true;
        seq
    }

    pub(crate) fn id(&self) -> ContactId {
        self.row.id
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.row.fingerprint)
    }

    pub(crate) fn token(&self) -> Option<IntroToken> {
        self.row.token.map(IntroToken)
    }

    /// Whether something of mine is to go through its intro inbox.
    pub(crate) fn introduces(&self) -> bool {
        self.outbox.values().any(|item| item.row.kind == ItemKind::Intro)
    }

    /// The verified CARD, if there is one.
    pub(crate) fn card(&self) -> Option<&Card> {
        self.card.as_ref()
    }

    /// Takes in a CARD that was checked, if it is newer; tells whether it was.
    pub(crate) fn learn_card(&mut self, card: Card) -> bool {
        if self.card().is_some_and(|old| old.seq() >= card.seq()) {
            return false;
        }
        self.row.card = Some(card.encode());
        self.card = Some(card);
        self.changed = true;
        true
    }

    /// Takes in queues that stood at this place of the contact's sequence. Of two for one peer the later one counts.
    pub(crate) fn learn_grants<'a>(&mut self, seq: u64, grants: impl Iterator<Item = &'a QueueGrant>) {
        for grant in grants {
            let row = GrantRow::new(grant, seq);
            let same = |old: &GrantRow| old.peer().is_some_and(|peer| peer.peer_id == grant.peer.peer_id);
            match self.row.grants.iter_mut().find(|old| same(old)) {
                Some(old) if old.seq >= seq => {}
                Some(old) => *old = row,
                None => self.row.grants.push(row),
            }
        }
        self.drop_old_grants();
        self.changed = true;
    }

    /// What the newest CARD does not name is void, unless it came later, or is all there is.
    fn drop_old_grants(&mut self) {
        let Some(card) = &self.card else { return };
        let named = |grant: &GrantRow| {
            grant.peer().is_some_and(|peer| card.homes().iter().any(|home| home.peer_id == peer.peer_id))
        };
        let card_seq = self.row.card_seq;
        if self.row.grants.iter().any(named) {
            self.row.grants.retain(|grant| named(grant) || grant.seq > card_seq);
        }
        self.row.grants.sort_by_key(|grant| (!named(grant), std::cmp::Reverse(grant.seq)));
        self.row.grants.truncate(GRANTS_MAX);
    }

    /// The queue at a peer.
    pub(crate) fn grant_at(&self, peer: PeerId) -> Option<&GrantRow> {
        self.row.grants.iter().find(|grant| grant.peer().is_some_and(|address| address.peer_id == peer))
    }

    /// Where this contact is reached, in the order in which to try: with queues, their peers as the CARD orders them;
    /// before there is any, the peer that the address named and then those of the CARD.
    pub(crate) fn peers(&self) -> Vec<PeerAddress> {
        let in_card = self.card().map_or(&[][..], Card::homes);
        let mut peers: Vec<PeerAddress> = if self.row.grants.is_empty() {
            let named = self.row.peer.as_ref().and_then(|text| text.parse().ok());
            named.into_iter().chain(in_card.iter().cloned()).collect()
        } else {
            let place = |peer: &PeerAddress| in_card.iter().position(|home| home.peer_id == peer.peer_id);
            let mut granted: Vec<_> = self.row.grants.iter().filter_map(GrantRow::peer).collect();
            granted.sort_by_key(|peer| place(peer).unwrap_or(usize::MAX));
            granted
        };
        let mut seen = BTreeSet::new();
        peers.retain(|peer| seen.insert(peer.peer_id));
        peers
    }

    /// The session to write in: the highest number that the other side is known to have.
    pub(crate) fn current_session(&mut self) -> Option<(u64, &mut Session)> {
        let number = self.row.sessions.iter().rev().find(|s| s.usable)?.number;
        self.sessions.get_mut(&number).map(|session| (number, session))
    }

    /// Keeps a session; the oldest beyond the limit goes.
    pub(crate) fn adopt_session(&mut self, session: Session, usable: bool, writes: &mut WriteSet) {
        let name = session.name();
        let number = name.number();
        self.row.sessions.retain(|s| s.number != number);
        self.row.sessions.push(SessionRow { number, usable });
        self.row.sessions.sort_by_key(|s| s.number);
        self.row.number = self.row.number.max(number);
        self.row.groups.push(name.0.to_vec().into());
        let excess = self.row.groups.len().saturating_sub(GROUPS_MAX);
        self.row.groups.drain(..excess);
        self.sessions.insert(number, session);
        while self.row.sessions.len() > SESSIONS_MAX {
            // The first introduction is the likeliest to be answered, if none has been.
            let first = usize::from(self.row.sessions.iter().all(|s| !s.usable));
            let number = self.row.sessions[first].number;
            self.drop_session(number, writes);
        }
        self.save_sessions(writes);
        self.changed = true;
    }

    pub(crate) fn drop_session(&mut self, number: u64, writes: &mut WriteSet) {
        self.sessions.remove(&number);
        self.row.sessions.retain(|s| s.number != number);
        for key in self.session_keys.remove(&number).unwrap_or_default() {
            writes.delete(Table::Session, session_key(self.row.id, number, &key));
        }
    }

    /// Whether a session of this name was here before.
    pub(crate) fn knows_group(&self, name: &[u8]) -> bool {
        self.row.groups.iter().any(|group| group.as_slice() == name)
    }

    pub(crate) fn mark_usable(&mut self, number: u64) {
        if let Some(row) = self.row.sessions.iter_mut().find(|s| s.number == number && !s.usable) {
            row.usable = true;
            self.changed = true;
        }
    }

    pub(crate) fn load_session(&mut self, number: u64, rows: BTreeMap<Vec<u8>, Vec<u8>>) -> Result<(), DamagedRow> {
        self.session_keys.insert(number, rows.keys().cloned().collect());
        let session = Session::load(rows).map_err(|_| DamagedRow(Table::Session))?;
        self.sessions.insert(number, session);
        Ok(())
    }

    pub(crate) fn save(&mut self, writes: &mut WriteSet) {
        self.row.received = self.received.iter().collect();
        self.row.seen = self.seen.iter().collect();
        writes.put_row(Table::Contact, self.row.id.0.to_be_bytes(), &self.row);
        self.changed = false;
    }

    /// Moves what the sessions changed into the write set.
    pub(crate) fn save_sessions(&mut self, writes: &mut WriteSet) {
        for (&number, session) in &mut self.sessions {
            let keys = self.session_keys.entry(number).or_default();
            for (key, value) in session.take_writes() {
                let row_key = session_key(self.row.id, number, &key);
                match value {
                    Some(value) => {
                        keys.insert(key);
                        writes.put(Table::Session, row_key, value);
                    }
                    None => {
                        keys.remove(&key);
                        writes.delete(Table::Session, row_key);
                    }
                }
            }
        }
    }

    /// Deletes every row of this contact but its conversation.
    pub(crate) fn delete(&mut self, writes: &mut WriteSet) {
        for number in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.drop_session(number, writes);
        }
        for item in self.outbox.values() {
            item.delete(writes);
        }
        for &arrival in self.pending.keys() {
            writes.delete(Table::Pending, pending_key(self.row.id, arrival));
        }
        for (message_id, i) in self.reassembly.parts() {
            writes.delete(Table::Part, part_key(self.row.id, &message_id, i));
        }
        writes.delete(Table::Contact, self.row.id.0.to_be_bytes());
        writes.delete(Table::Conversation, self.row.id.0.to_be_bytes());
    }
}

/// `contact u32 | arrival u64`
pub(crate) fn pending_key(contact: ContactId, arrival: u64) -> Vec<u8> {
    session_key(contact, arrival, &[])
}

/// `contact u32 | number u64 | key`
pub(crate) fn session_key(contact: ContactId, number: u64, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(12 + key.len());
    out.extend(contact.0.to_be_bytes());
    out.extend(number.to_be_bytes());
    out.extend(key);
    out
}

fn range_set(ranges: &[(u64, u64)]) -> RangeSet {
    let mut set = RangeSet::new();
    for &(first, last) in ranges {
        set.insert_range(first, last);
    }
    set
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_two_numbers_of_a_gap_get_one_place(
            width in prop_oneof![1u64..40, 1000u64..1100, Just(1 << 40)],
            wanted in prop::collection::vec((any::<u64>(), 0u64..600, any::<bool>()), 1..200),
        ) {
            let (first_seq, last_seq) = (8, 7 + width);
            let marker = MessageId(100);
            let mut gap = GapRow { first_seq, last_seq, marker, anchors: None, given: None };
            let (mut numbers, mut places) = (BTreeSet::new(), BTreeSet::new());
            for (anywhere, near, from_above) in wanted {
                let seq = match (anywhere % 3, from_above) {
                    (0, _) => first_seq + anywhere % width,
                    (_, false) => first_seq + near % width,
                    (_, true) => last_seq - near % width,
                };
                if !numbers.insert(seq) {
                    continue;
                }
                if let Some(place) = gap.place_of(seq) {
                    prop_assert!(place > marker && place.0 <= marker.0 + GapRow::places(first_seq, last_seq));
                    prop_assert!(places.insert(place), "{seq} is put where another stands");
                } else {
                    prop_assert!(width > GAP_WIDTH_MAX, "where everything fits everything has a place");
                }
            }
        }
    }

    /// Ten texts from before a jump, then single ones of eight restarts, the newest first.
    #[test]
    fn late_texts_of_many_restarts_keep_off_the_places_of_earlier_ones() {
        let (first_seq, last_seq) = (8, 1 << 40);
        let mut gap = GapRow { first_seq, last_seq, marker: MessageId(100), anchors: None, given: None };
        let restarts = (1..=8).rev().map(|n| n << 36);
        let places: Vec<_> = (8..18).chain(restarts).filter_map(|seq| gap.place_of(seq)).collect();
        assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len());
    }
}
