//! Why a request is refused: the code and the waiting time that its ERROR frame will carry.

use pirushka_wire::frame::error_code;

/// A request that is not carried out. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("refused with code {code}, again in {retry_after_ms} ms")]
pub(crate) struct Refusal {
    /// See [`error_code`].
    pub(crate) code: u16,
    /// When asking again makes sense; 0 = not told. Of WORK_NEEDED the bits.
    pub(crate) retry_after_ms: u32,
}

/// A program takes a moment to start again.
const DRAINING_RETRY_MIN_MS: u32 = 5_000;

impl Refusal {
    pub(crate) const UNKNOWN_QUEUE: Self = Self::of(error_code::UNKNOWN_QUEUE);
    pub(crate) const UNKNOWN_USER: Self = Self::of(error_code::UNKNOWN_USER);
    pub(crate) const UNKNOWN_OBJECT: Self = Self::of(error_code::UNKNOWN_OBJECT);
    pub(crate) const TOO_LARGE: Self = Self::of(error_code::TOO_LARGE);
    pub(crate) const MALFORMED: Self = Self::of(error_code::MALFORMED);
    pub(crate) const NOT_REGISTERED: Self = Self::of(error_code::NOT_REGISTERED);
    pub(crate) const INTRO_REFUSED: Self = Self::of(error_code::INTRO_REFUSED);
    pub(crate) const BAD_PROOF: Self = Self::of(error_code::BAD_PROOF);
    pub(crate) const REFUSED: Self = Self::of(error_code::REFUSED);
    pub(crate) const INVITE_NEEDED: Self = Self::of(error_code::INVITE_NEEDED);
    /// The whole peer is full: that takes a while to change.
    pub(crate) const PEER_FULL: Self = Self { code: error_code::FULL, retry_after_ms: 300_000 };

    const fn of(code: u16) -> Self {
        Self { code, retry_after_ms: 0 }
    }

    /// One queue, user or inbox is full: a recipient that is here makes room within seconds.
    pub(crate) const fn full(recipient_is_here: bool) -> Self {
        Self { code: error_code::FULL, retry_after_ms: if recipient_is_here { 2_000 } else { 60_000 } }
    }

    /// The peer is about to end: another run, or another peer, may take it then.
    pub(crate) fn draining(rest_us: u64) -> Self {
        let rest_ms = u32::try_from(rest_us / 1000).unwrap_or(u32::MAX);
        Self { code: error_code::DRAINING, retry_after_ms: rest_ms.max(DRAINING_RETRY_MIN_MS) }
    }

    /// The frame's second number is then the bits.
    pub(crate) const fn work_needed(bits: u8) -> Self {
        Self { code: error_code::WORK_NEEDED, retry_after_ms: bits as u32 }
    }

    pub(crate) const fn slow_down(retry_after_ms: u32) -> Self {
        Self { code: error_code::SLOW_DOWN, retry_after_ms }
    }
}
