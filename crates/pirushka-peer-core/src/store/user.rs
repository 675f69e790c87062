//! What the peer holds for one user.

use pirushka_identity::IntroPolicy;
use pirushka_wire::time::SECOND;
use pirushka_wire::{Fingerprint, Incarnation};

use crate::config::PeerConfig;
use crate::limits::USER_OVERHEAD;
use crate::store::bundle::Bundle;
use crate::store::inbox::Inbox;
use crate::store::mailbox::Mailbox;
use crate::store::queues::Queues;
use crate::store::tokens::Tokens;

/// A user's place in the registry. Used again after the user is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserId(pub(crate) u32);

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) fingerprint: Fingerprint,
    /// Absent while the entry exists only because a contact brought a ticket.
    pub(crate) certificate: Option<Box<[u8]>>,
    pub(crate) born_us: u64,
    pub(crate) heard_us: u64,
    /// Has a live registered session.
    pub(crate) here: bool,
    /// Counts registrations; what was listed in an older one is dropped by LIST_END.
    pub(crate) round: u32,
    /// The user has sent its whole list in this life of the entry: what is not there was revoked.
    pub(crate) list_known: bool,
    pub(crate) mailbox: Mailbox,
    pub(crate) queues: Queues,
    pub(crate) tokens: Tokens,
    /// Who may knock without a token, and the registration that said so.
    pub(crate) policy: IntroPolicy,
    pub(crate) policy_round: u32,
    pub(crate) inbox: Inbox,
    /// With the moment of its publication.
    pub(crate) bundle: Option<(u64, Bundle)>,
    /// What the ledger counts for this user.
    pub(crate) charged: u64,
    /// When something is due for this user (mono µs); `u64::MAX`: never.
    pub(crate) armed_us: u64,
}

impl User {
    pub(crate) fn new(fingerprint: Fingerprint, now_us: u64, incarnation: Incarnation, config: &PeerConfig) -> Self {
        Self {
            fingerprint,
            certificate: None,
            born_us: now_us,
            heard_us: now_us,
            here: false,
            round: 0,
            list_known: false,
            mailbox: Mailbox::new(incarnation),
            queues: Queues::new(config),
            tokens: Tokens::default(),
            policy: IntroPolicy::Token,
            policy_round: 0,
            inbox: Inbox::default(),
            bundle: None,
            charged: 0,
            armed_us: u64::MAX,
        }
    }

    /// Everything this user counts in the peer's account.
    pub(crate) fn footprint(&self) -> u64 {
        USER_OVERHEAD
            + self.certificate.as_ref().map_or(0, |der| der.len() as u64)
            + self.mailbox.footprint()
            + self.queues.footprint()
            + self.tokens.footprint()
            + self.inbox.footprint()
            + self.bundle_footprint()
    }

    pub(crate) fn bundle_footprint(&self) -> u64 {
        self.bundle.as_ref().map_or(0, |(_, bundle)| bundle.footprint())
    }

    /// When the entry goes, unless something happens: as long after it was last heard as it had lived then.
    pub(crate) fn ends_us(&self, config: &PeerConfig) -> Option<u64> {
        let idle = !self.here && self.mailbox.messages() == 0 && self.inbox.is_empty();
        let least = u64::from(config.user_life_min_s) * SECOND;
        let most = u64::from(config.user_life_max_s) * SECOND;
        let lived = self.heard_us.saturating_sub(self.born_us);
        idle.then(|| self.heard_us + lived.max(least).min(most))
    }
}
