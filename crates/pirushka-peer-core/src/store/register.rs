//! Users come and go (facts 8, 9). The caller has verified the registration.

use pirushka_identity::{Certificate, WorkClaim, proofs};
use pirushka_wire::{Fingerprint, Incarnation, InviteSecret, Now, WorkNonce};
use rand_core::Rng as _;

use crate::limits::USER_OVERHEAD;
use crate::refusal::Refusal;
use crate::store::user::User;
use crate::store::{Source, Store, UserId};

/// A user is served from this moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) user: UserId,
    pub(crate) incarnation: Incarnation,
    /// Names this registration among the user's.
    pub(crate) round: u32,
}

/// What somebody brings who may be new here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Newcomer {
    pub(crate) invite: InviteSecret,
    pub(crate) work: WorkNonce,
    /// The handshake hash of the session: what the work must have been done for.
    pub(crate) binding: [u8; 32],
}

/// Above this much of the cap, in percent, new users are taken slowly and for work.
const SLOW_PERCENT: u64 = 70;
/// Above this much none are taken.
const NONE_PERCENT: u64 = 90;

impl Store {
    /// The owner of this certificate registers.
    pub(crate) fn register(
        &mut self,
        now: Now,
        source: Source,
        certificate: &Certificate,
        newcomer: &Newcomer,
    ) -> Result<Registered, Refusal> {
        let fingerprint = certificate.fingerprint();
        let known = self.registry.find(&fingerprint);
        // An entry that a ticket made is not yet the user's: who was let in once is not let in for ever.
        let was_here = known.and_then(|id| self.registry.get(id)).is_some_and(|user| user.certificate.is_some());
        if !was_here && self.config.private && !self.is_invited(&newcomer.invite) {
            return Err(Refusal::INVITE_NEEDED);
        }
        let id = match known {
            Some(id) => id,
            None => self.admit(now, source, certificate, newcomer)?,
        };
        let user = self.user_mut(id)?;
        user.certificate = Some(certificate.der().into());
        user.here = true;
        user.heard_us = now.mono_us;
        user.round += 1;
        let registered = Registered { user: id, incarnation: user.mailbox.incarnation(), round: user.round };
        self.settle(id);
        Ok(registered)
    }

    /// The user's last session is over.
    pub(crate) fn leave(&mut self, now: Now, id: UserId) {
        if let Some(user) = self.registry.get_mut(id) {
            user.here = false;
            user.heard_us = now.mono_us;
        }
        self.settle(id);
    }

    /// The present life of a user's mailbox.
    pub(crate) fn incarnation(&self, id: UserId) -> Result<Incarnation, Refusal> {
        self.user(id).map(|user| user.mailbox.incarnation())
    }

    /// Whether no other registration of the user has come since: what an older one says is late.
    pub(crate) fn check_newest(&self, id: UserId, round: u32) -> Result<(), Refusal> {
        if self.user(id)?.round == round { Ok(()) } else { Err(Refusal::REFUSED) }
    }

    /// The entry of this name.
    pub(crate) fn find(&self, fingerprint: &Fingerprint) -> Option<UserId> {
        self.registry.find(fingerprint)
    }

    /// Whether the entry is this user's.
    pub(crate) fn is_user(&self, id: UserId, fingerprint: &Fingerprint) -> bool {
        self.registry.find(fingerprint) == Some(id)
    }

    /// Makes an entry; not settled yet.
    pub(crate) fn enter(&mut self, now: Now, fingerprint: Fingerprint) -> UserId {
        let mut incarnation = Incarnation::default();
        self.rng.fill_bytes(&mut incarnation.0);
        self.registry.insert(User::new(fingerprint, now.mono_us, incarnation, &self.config))
    }

    fn admit(
        &mut self,
        now: Now,
        source: Source,
        certificate: &Certificate,
        newcomer: &Newcomer,
    ) -> Result<UserId, Refusal> {
        self.refuse_when_draining(now)?;
        let (fingerprint, cost) = (certificate.fingerprint(), USER_OVERHEAD + certificate.der().len() as u64);
        if !self.ledger.fits(cost, NONE_PERCENT) {
            return Err(Refusal::PEER_FULL);
        }
        let is_short = !self.ledger.fits(cost, SLOW_PERCENT);
        let claim = WorkClaim::registration(&newcomer.binding, &fingerprint);
        if is_short && claim.bits(newcomer.work) < self.config.register_difficulty {
            return Err(Refusal::work_needed(self.config.register_difficulty));
        }
        let limit = self.config.new_users_per_prefix_hour.div_ceil(if is_short { 16 } else { 1 });
        if !self.new_users.allows(now.mono_us, source, limit) {
            return Err(Refusal::slow_down(60_000));
        }
        self.new_users.count(now.mono_us, source);
        self.settle_tables();
        Ok(self.enter(now, fingerprint))
    }

    /// Whether the secret is that of an accepted generation; all are compared, each in constant time.
    fn is_invited(&self, secret: &InviteSecret) -> bool {
        let accepted = self.config.invite_generations();
        accepted.filter(|generation| proofs::invite_secret_holds(&self.invite_key.0, *generation, secret)).count() > 0
    }
}
