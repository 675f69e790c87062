//! Identifiers, each a type of its own so that no two can be confused.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), data_encoding::HEXLOWER.encode(&self.0))
            }
        }
    };
}

/// The secret that lets a sender leave messages in one queue: 16 bytes, never printed.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueSecret(pub [u8; 16]);

/// The secret of an invite, 16 bytes, never printed: it opens the intro inbox of the user who made it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct IntroToken(pub [u8; 16]);

/// The secret of a private peer, never printed: who holds it may become a user there. Zeros stand for none. 15 bytes are
/// 24 characters of base32 without a bit left over, and let the largest certificate fit a REGISTER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct InviteSecret(pub [u8; 15]);

impl InviteSecret {
    /// No secret at all.
    pub const NONE: Self = Self([0; 15]);

    /// Lower-case base32, as it stands in the address that users are given: for their eyes only.
    #[must_use]
    pub fn reveal(&self) -> String {
        crate::address::base32(&self.0)
    }
}

/// What proves work: the number that, hashed with what the work is good for, gives a hash with enough leading zero bits.
/// 0 stands for no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WorkNonce(pub u64);

macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
hidden!(QueueSecret, IntroToken, InviteSecret);

id!(
    /// A peer's static X25519 public key: its name, and what pins it.
    PeerId, 32
);
id!(
    /// SHA-256 of a user's certificate (exact DER): the user's name.
    Fingerprint, 32
);
id!(
    /// One side's name for a session; the receiver's stands in every sealed packet.
    SessionId, 8
);
id!(
    /// Names one run of a peer's process. A new one means: whatever was held is gone.
    BootId, 8
);
id!(
    /// Names one life of a mailbox. Delivery ids mean something only within it.
    Incarnation, 8
);
id!(
    /// Names a contact queue at a peer. The first byte is the mailbox's shard.
    QueueId, 16
);
id!(
    /// Names one deposit in one queue; the same for every offer of the same ciphertext.
    DepositId, 16
);
id!(
    /// Names one introduction, over all its parts.
    IntroId, 16
);
id!(
    /// Names one copy of a profile, so that two devices that run the same key are told apart.
    InstanceId, 16
);
id!(
    /// Data of a path challenge, to be returned.
    PathData, 8
);

impl Fingerprint {
    /// All 64 hexadecimal digits; there is no shorter form.
    #[must_use]
    pub fn to_hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl PeerId {
    /// Base32 (RFC 4648, lower case, no padding), as it stands in addresses.
    #[must_use]
    pub fn to_base32(&self) -> String {
        crate::address::base32(&self.0)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_base32())
    }
}

/// Names a request within its session; the answer carries it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RequestId(pub u32);

/// Names one delivery within a mailbox incarnation; only ever increases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DeliveryId(pub u64);

/// Names a long body (bundle) within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ObjectId(pub u32);
