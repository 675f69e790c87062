//! Numbers that the protocol fixes. What an operator may change lives in the peer's configuration.

/// A UDP payload is never larger, so that IP never fragments it.
pub const DATAGRAM_MAX: usize = 1200;
/// Bytes of a sealed packet before its ciphertext: tag 16, header 20.
pub const SEALED_OVERHEAD: usize = 36;
/// Sizes of sealed datagrams before jitter.
pub const BUCKETS: [usize; 4] = [128, 416, 672, 1184];
/// A train's jitter is below this.
pub const JITTER_LIMIT: usize = 16;
/// The most plaintext that fits a sealed packet whatever its jitter.
pub const PLAINTEXT_MAX: usize = BUCKETS[3] - SEALED_OVERHEAD;
/// Sizes of envelopes.
pub const ENVELOPES: [usize; 3] = [320, 576, 1088];
/// The largest part of an introduction.
pub const INTRO_PART_MAX: usize = 1040;
/// The most parts of an introduction.
pub const INTRO_PARTS_MAX: u8 = 8;
/// The largest long body (bundle).
pub const BODY_MAX: usize = 16 * 1024;
/// What a BODY or PUT frame carries at most.
pub const BODY_PART_MAX: usize = 1024;
/// The largest certificate.
pub const CERTIFICATE_MAX: usize = 1024;
/// The most ranges in one OK or ACK frame.
pub const RANGES_MAX: usize = 64;
/// HELLO is between these sizes, veil's salt not counted.
pub const HELLO_MIN: usize = 192;
/// See [`HELLO_MIN`].
pub const HELLO_MAX: usize = 512;
/// The UDP port of a peer whose address names none.
pub const DEFAULT_PORT: u16 = 7117;

const _: () = {
    assert!(BUCKETS[3] + JITTER_LIMIT <= DATAGRAM_MAX);
    // A deposit of the largest envelope fits one packet, whatever the jitter.
    assert!(3 + 4 + 1 + 16 + 16 + 16 + 1 + ENVELOPES[2] <= PLAINTEXT_MAX);
    assert!(3 + 4 + 1 + 32 + 16 + 2 + 16 + 8 + INTRO_PART_MAX <= PLAINTEXT_MAX);
    assert!(3 + 4 + 12 + 1 + BODY_PART_MAX <= PLAINTEXT_MAX);
    // A registration with the largest certificate: request, instance, invite secret, work, Root.
    assert!(3 + 4 + 16 + 15 + 8 + 76 + 2 + CERTIFICATE_MAX <= PLAINTEXT_MAX);
};
