//! Bugs on purpose, to see whether the simulator finds them (`docs/TESTING.md`).
//!
//! Without the feature `planted`, which no program is built with, every question is answered `false` at compile time. With
//! it one bug can be on at a time, per thread, since one thread runs one seed.

/// A bug that somebody could have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Bug {
    // The link.
    RequestNotRepeated,
    SilenceNotNoticed,
    ReplayTaken,
    PathNotValidated,
    // The peer.
    OkBeforeHeld,
    OkWhenFull,
    ForgottenAtPush,
    ForgottenEarly,
    DeliveryIdsAgain,
    PushNotRepeated,
    PushNotResumed,
    PushesStayWithOldSession,
    QueueOfAnother,
    ListEndClosesAll,
    MemoryNotReleased,
    MemoryNotCounted,
    // End to end.
    PartsInOrderOfArrival,
    // The client.
    OutboxFreedAtOk,
    ReceiptForWhatIsMissing,
    ShownTwice,
    ShownInOrderOfArrival,
    OutboxNotLoaded,
    PlaceNotSaved,
    QueuesNotListed,
    CardNotTold,
}

impl Bug {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::RequestNotRepeated,
        Self::SilenceNotNoticed,
        Self::ReplayTaken,
        Self::PathNotValidated,
        Self::OkBeforeHeld,
        Self::OkWhenFull,
        Self::ForgottenAtPush,
        Self::ForgottenEarly,
        Self::DeliveryIdsAgain,
        Self::PushNotRepeated,
        Self::PushNotResumed,
        Self::PushesStayWithOldSession,
        Self::QueueOfAnother,
        Self::ListEndClosesAll,
        Self::MemoryNotReleased,
        Self::MemoryNotCounted,
        Self::PartsInOrderOfArrival,
        Self::OutboxFreedAtOk,
        Self::ReceiptForWhatIsMissing,
        Self::ShownTwice,
        Self::ShownInOrderOfArrival,
        Self::OutboxNotLoaded,
        Self::PlaceNotSaved,
        Self::QueuesNotListed,
        Self::CardNotTold,
    ];
}

#[cfg(feature = "planted")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static ON: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Switches a bug on in this thread, or all of them off.
    pub fn plant(bug: Option<Bug>) {
        ON.set(bug);
    }

    /// Whether this bug is on.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        ON.get() == Some(bug)
    }
}

#[cfg(feature = "planted")]
pub use switch::{is, plant};

/// Whether this bug is on: never, in what is built for use.
#[cfg(not(feature = "planted"))]
#[inline(always)]
#[must_use]
pub const fn is(_: Bug) -> bool {
    false
}
