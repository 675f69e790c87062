//! What a session is called: `16 random bytes | number u64`, which is the MLS group id.
//!
//! The group id stands in the GroupInfo that the initiator signs inside the Welcome, so the number is authenticated. The
//! highest number wins. The lowest bit tells which side began ([`next_number`]), so two sessions that were begun in the
//! same millisecond differ. Names already seen are refused by the client, so a replayed Welcome revives nothing.

use std::fmt;

use openmls::prelude::{ContentType, GroupId, MlsMessageIn, ProtocolMessage};
use pirushka_wire::Fingerprint;
use tls_codec::Deserialize as _;

/// Names a session, for both sides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(pub [u8; 24]);

impl GroupName {
    /// From random bytes and the session's number.
    #[must_use]
    pub fn new(random: [u8; 16], number: u64) -> Self {
        let mut name = [0; 24];
        name[..16].copy_from_slice(&random);
        name[16..].copy_from_slice(&number.to_be_bytes());
        Self(name)
    }

    /// See [`next_number`]: orders the sessions of two people.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.last_chunk().map_or(0, |number| u64::from_be_bytes(*number))
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn to_mls(self) -> GroupId {
        GroupId::from_slice(&self.0)
    }
}

impl fmt::Debug for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupName({:02x}{:02x}.., {})", self.0[0], self.0[1], self.number())
    }
}

/// The number of the next session that `me` begins with `them`, whose highest one so far is `known`, 0 for none:
/// `2 * max(known / 2 + 1, Unix ms)`, plus 1 on the side of the larger fingerprint.
#[must_use]
pub fn next_number(known: u64, unix_ms: u64, me: &Fingerprint, them: &Fingerprint) -> u64 {
    let next = (known / 2).saturating_add(1).max(unix_ms);
    next.saturating_mul(2) | u64::from(me > them)
}

/// What an MLS message says about itself in the clear; nothing of it is believed before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peek {
    /// Which session it is for.
    pub name: GroupName,
    /// Which epoch.
    pub epoch: u64,
    /// Whether it is a commit.
    pub commit: bool,
}

/// Which session a received MLS message is for, or `None` if it is none of ours.
#[must_use]
pub fn peek(bytes: &[u8]) -> Option<Peek> {
    #[cfg(feature = "stub")]
    if pirushka_wire::stub::is_on() {
        return crate::stub::peek(bytes);
    }
    let message = MlsMessageIn::tls_deserialize_exact(bytes).ok()?.try_into_protocol_message().ok()?;
    let ProtocolMessage::PrivateMessage(_) = &message else { return None };
    Some(Peek {
        name: GroupName::from_slice(message.group_id().as_slice())?,
        epoch: message.epoch().as_u64(),
        commit: message.content_type() == ContentType::Commit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Fingerprint = Fingerprint([1; 32]);
    const LARGE: Fingerprint = Fingerprint([2; 32]);

    #[test]
    fn a_session_number_grows_even_when_the_clock_does_not() {
        let first = next_number(0, 1_800_000_000_000, &SMALL, &LARGE);
        assert_eq!(first, 3_600_000_000_000);
        assert_eq!(next_number(first, 5, &SMALL, &LARGE), 3_600_000_000_002);
        assert!(next_number(first, 5, &LARGE, &SMALL) > first);
    }

    #[test]
    fn two_sides_that_begin_in_the_same_millisecond_take_different_numbers() {
        assert_ne!(next_number(0, 7, &SMALL, &LARGE), next_number(0, 7, &LARGE, &SMALL));
    }
}
