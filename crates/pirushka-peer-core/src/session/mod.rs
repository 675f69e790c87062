//! What lives as long as a session: long bodies on their way, LATER, who is here, and delivery to them.

mod delivery;
mod downloads;
mod presence;
mod sessions;
mod upload;

pub(crate) use delivery::Delivery;
pub(crate) use downloads::Downloads;
pub(crate) use presence::{Left, Presence};
pub(crate) use sessions::Sessions;
pub(crate) use upload::{Upload, UploadPart};

use pirushka_wire::{ObjectId, RangeSet, RequestId};

use crate::limits::{DONE_RANGES, FLIGHT_OVERHEAD, SESSION_OVERHEAD};
use crate::store::UserId;

/// What the peer keeps of a session beyond the link's own state. Sessions that only leave envelopes have none.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) registration: Option<SessionRegistration>,
    pub(crate) upload: Option<Upload>,
    /// The newest long body of which a part has come in it.
    pub(crate) newest_upload: Option<ObjectId>,
    pub(crate) downloads: Downloads,
    pub(crate) later: Option<Later>,
    /// Has had its one-time package.
    pub(crate) one_time_taken: bool,
    /// Refused registrations.
    pub(crate) failures: u8,
    /// For how many pushes on their way in it there is room.
    pub(crate) flight: usize,
    /// What the ledger counts for this session's bodies.
    pub(crate) bodies_charged: u64,
    /// And for the rest.
    pub(crate) charged: u64,
    done: RangeSet,
}

/// A session that has registered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRegistration {
    pub(crate) user: UserId,
    /// See [`crate::store::Registered::round`].
    pub(crate) round: u32,
    /// The request that did it, so that its repeat does not do it again.
    pub(crate) request: RequestId,
}

/// A request to be answered after a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Later {
    pub(crate) request: RequestId,
    pub(crate) due_us: u64,
}

impl Session {
    /// Whether this request was carried out: a repeat that overtakes later requests must not undo them.
    pub(crate) fn is_done(&self, request: RequestId) -> bool {
        self.done.contains(u64::from(request.0))
    }

    pub(crate) fn mark_done(&mut self, request: RequestId) {
        self.done.insert(u64::from(request.0));
        self.done.keep_highest(DONE_RANGES);
    }

    /// What its bodies take.
    pub(crate) fn bodies_footprint(&self) -> u64 {
        self.downloads.footprint() + self.upload.as_ref().map_or(0, Upload::footprint)
    }

    /// What it takes else, beyond the link.
    pub(crate) fn footprint(&self) -> u64 {
        SESSION_OVERHEAD + 32 * self.done.range_count() as u64 + FLIGHT_OVERHEAD * self.flight as u64
    }
}
