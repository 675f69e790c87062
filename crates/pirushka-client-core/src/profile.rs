//! The profile row: who I am, where I am served, and the counters that must never go back.

use pirushka_identity::{Identity, IntroPolicy};
use pirushka_wire::{HomeAddress, PeerAddress};

use crate::api::{ContactId, MessageId, Table};
use crate::home_row::HomeId;
use crate::rows::WriteSet;

/// The key of the one row of [`Table::Profile`].
pub(crate) const KEY: &[u8] = b"profile";
/// Bumped when rows change in a way that older programs would misread. 2: homes have rows of their own, queues and grants
/// are per home.
pub(crate) const VERSION: u32 = 2;

#[derive(Clone, minicbor::Encode, minicbor::Decode)]
pub(crate) struct ProfileRow {
    #[n(0)]
    pub(crate) version: u32,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) secret: [u8; 32],
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) certificate: Vec<u8>,
    #[n(3)]
    pub(crate) name: String,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) instance: [u8; 16],
    /// The home peers of the CARD that contacts are told, as text. (In format 1: my home addresses.)
    #[n(5)]
    pub(crate) homes: Vec<String>,
    #[n(6)]
    pub(crate) card_seq: u64,
    #[n(7)]
    pub(crate) next_contact: u32,
    #[n(8)]
    pub(crate) next_message: u64,
    #[n(9)]
    pub(crate) next_item: u64,
    #[n(10)]
    pub(crate) next_invite: u32,
    /// Of format 1: the run in which the home peer was last met.
    #[n(11)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) last_boot: Option<[u8; 8]>,
    /// The CARD in which the homes changed last: who has it, or a later one, knows where I am reached.
    #[n(20)]
    #[cbor(default)]
    pub(crate) homes_seq: u64,
    #[n(21)]
    #[cbor(default)]
    pub(crate) next_home: u32,
    /// Who may introduce itself, as in the CARD; none = by invite.
    #[n(12)]
    pub(crate) intro_policy: Option<u8>,
}

impl Drop for ProfileRow {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl ProfileRow {
    pub(crate) fn new(identity: &Identity, instance: [u8; 16], name: &str) -> Self {
        Self {
            version: VERSION,
            secret: *identity.secret_bytes(),
            certificate: identity.certificate().der().to_vec(),
            name: name.to_owned(),
            instance,
            homes: vec![],
            card_seq: 0,
            next_contact: 1,
            next_message: 1,
            next_item: 1,
            next_invite: 1,
            last_boot: None,
            homes_seq: 0,
            next_home: 1,
            intro_policy: None,
        }
    }

    pub(crate) fn save(&self, writes: &mut WriteSet) {
        writes.put_row(Table::Profile, KEY, self);
    }

    pub(crate) fn policy(&self) -> IntroPolicy {
        self.intro_policy.map_or(IntroPolicy::Token, IntroPolicy::from_byte)
    }

    /// The homes of the CARD that contacts are told.
    pub(crate) fn told_homes(&self) -> Vec<PeerAddress> {
        self.homes_of_format_1().into_iter().map(|home| home.peer).collect()
    }

    pub(crate) fn homes_of_format_1(&self) -> Vec<HomeAddress> {
        self.homes.iter().filter_map(|text| text.parse().ok()).collect()
    }

    pub(crate) fn take_contact(&mut self) -> ContactId {
        self.next_contact += 1;
        ContactId(self.next_contact - 1)
    }

    /// Reserves `n` places in the order of display; gives the first.
    pub(crate) fn take_messages(&mut self, n: u64) -> MessageId {
        self.next_message += n;
        MessageId(self.next_message - n)
    }

    pub(crate) fn take_item(&mut self) -> u64 {
        self.next_item += 1;
        self.next_item - 1
    }

    pub(crate) fn take_home(&mut self) -> HomeId {
        let id = self.next_home.max(1);
        self.next_home = id + 1;
        HomeId(id)
    }

    pub(crate) fn take_invite(&mut self) -> u32 {
        self.next_invite += 1;
        self.next_invite - 1
    }
}
