//! A home peer as it lies on disk: where it stands on the way from "wished for" over "in my CARD" to "left".
//!
//! ```text
//! joining --registered, its list whole--> serving (in the CARD) --removed--> leaving --everybody knows--> forgotten
//! ```
//! A peer stands in the CARD only when it has served me once: a mistyped address never reaches a contact. The first home
//! of a profile is in the CARD at once, since there is nothing better. One that I leave goes on serving me until every
//! contact has the newer CARD, at most [`LEAVING_MS`].

use pirushka_identity::HOMES_MAX;
use pirushka_wire::HomeAddress;
use pirushka_wire::time::{DAY, MS};

use crate::api::{HomeRole, Table};
use crate::rows::WriteSet;

/// How long a peer that I leave serves me at most.
pub(crate) const LEAVING_MS: u64 = 14 * DAY / MS;
/// A peer that is left and has not answered for a day takes no one any more who comes by an address that names it.
pub(crate) const DEAD_MS: u64 = 24 * 3600 * 1000;
/// Homes of every kind. Beyond, the one that I have been leaving for longest is forgotten.
pub(crate) const HOMES_KEPT_MAX: usize = 2 * HOMES_MAX;

/// Names a home peer within a profile; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub(crate) struct HomeId(#[n(0)] pub(crate) u32);

#[derive(Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
pub(crate) struct HomeRow {
    #[n(0)]
    pub(crate) id: HomeId,
    /// Home address as text, with the invite secret of a private peer.
    #[n(1)]
    pub(crate) address: String,
    /// Its place in the CARD: the lowest first, then by id.
    #[n(2)]
    pub(crate) rank: u32,
    /// It has served me, and so stands in the CARD unless I leave it.
    #[n(3)]
    pub(crate) proven: bool,
    /// Since when I am leaving it, Unix milliseconds.
    #[n(4)]
    pub(crate) leaving_ms: Option<u64>,
    /// Homes that I leave when this one has served me.
    #[n(5)]
    pub(crate) replaces: Vec<HomeId>,
    /// The run in which it was last met.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) last_boot: Option<[u8; 8]>,
    /// How often it was found restarted.
    #[n(7)]
    pub(crate) restarts: u32,
    /// When it was last found restarted, Unix milliseconds.
    #[n(8)]
    pub(crate) restarted_ms: Option<u64>,
    /// Invites below this number may have been given away with its address.
    #[n(9)]
    pub(crate) invites_below: u32,
    /// Another address of the same peer, as text, that counts as soon as it answers ([`crate::relocate`]).
    #[n(10)]
    pub(crate) moving_to: Option<String>,
    /// Since when it has been unavailable, Unix milliseconds, over restarts of the client.
    #[n(11)]
    pub(crate) down_ms: Option<u64>,
}

impl HomeRow {
    pub(crate) fn new(id: HomeId, home: &HomeAddress, rank: u32, proven: bool) -> Self {
        Self {
            id,
            address: home.to_string(),
            rank,
            proven,
            leaving_ms: None,
            replaces: vec![],
            last_boot: None,
            restarts: 0,
            restarted_ms: None,
            invites_below: 0,
            moving_to: None,
            down_ms: None,
        }
    }

    pub(crate) fn role(&self) -> HomeRole {
        match (self.proven, self.leaving_ms) {
            (_, Some(since_ms)) => HomeRole::Leaving { until_ms: since_ms.saturating_add(LEAVING_MS) },
            (true, None) => HomeRole::Serving,
            (false, None) => HomeRole::Joining,
        }
    }

    pub(crate) fn is_in_card(&self) -> bool {
        self.proven && self.leaving_ms.is_none()
    }

    pub(crate) fn save(&self, writes: &mut WriteSet) {
        writes.put_row(Table::Home, self.id.0.to_be_bytes(), self);
    }

    pub(crate) fn delete(&self, writes: &mut WriteSet) {
        writes.delete(Table::Home, self.id.0.to_be_bytes());
    }
}
