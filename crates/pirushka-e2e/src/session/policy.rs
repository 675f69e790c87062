//! When a session needs new keys: after [`MESSAGES`] messages, after [`AGE_S`], or on coming back after [`OFFLINE_S`];
//! and never while something sent in an earlier epoch lacks its receipt, because the other side reads only three epochs
//! back.
//!
//! Whose turn it is, is another question: the side that may commits, the other one sends `please-commit`.

/// Messages of both sides in one epoch.
pub const MESSAGES: u32 = 100;
/// How old an epoch in use may become, in seconds.
pub const AGE_S: u64 = 24 * 3600;
/// Away so long, in seconds: whatever was copied from the device meanwhile becomes useless.
pub const OFFLINE_S: u64 = 7 * 86_400;

/// What the client knows about the current epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EpochUse {
    /// When the epoch began for us, Unix seconds.
    pub since_s: u64,
    /// Messages sent and received in it.
    pub messages: u32,
    /// How long we were away before now, in seconds; 0 when we were not.
    pub offline_s: u64,
    /// Whether something we sent in an earlier epoch lacks its receipt.
    pub unreceipted_earlier: bool,
}

/// Whether the epoch should end now. An epoch that carried nothing ends only after an absence.
#[must_use]
pub fn needs_commit(now_s: u64, epoch: &EpochUse) -> bool {
    let worn = epoch.messages >= MESSAGES;
    let old = epoch.messages > 0 && now_s.saturating_sub(epoch.since_s) >= AGE_S;
    let returned = epoch.offline_s >= OFFLINE_S;
    (worn || old || returned) && !epoch.unreceipted_earlier
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: EpochUse = EpochUse { since_s: 1000, messages: 1, offline_s: 0, unreceipted_earlier: false };

    #[test]
    fn an_epoch_ends_after_a_hundred_messages_a_day_or_a_week_away() {
        assert!(!needs_commit(1000, &FRESH));
        assert!(needs_commit(1000, &EpochUse { messages: 100, ..FRESH }));
        assert!(needs_commit(1000 + AGE_S, &FRESH));
        assert!(needs_commit(1000, &EpochUse { offline_s: OFFLINE_S, ..FRESH }));
    }

    #[test]
    fn an_unused_epoch_does_not_age_and_a_clock_that_went_back_ends_nothing() {
        assert!(!needs_commit(1000 + 2 * AGE_S, &EpochUse { messages: 0, ..FRESH }));
        assert!(!needs_commit(0, &FRESH));
    }

    #[test]
    fn no_epoch_ends_while_an_earlier_one_lacks_receipts() {
        assert!(!needs_commit(1000, &EpochUse { messages: 500, unreceipted_earlier: true, ..FRESH }));
    }
}
