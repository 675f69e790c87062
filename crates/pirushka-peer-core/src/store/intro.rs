//! DEPOSIT in an intro inbox, addressed by fingerprint, and what lets it in: a token of the user's, or proof of work if
//! the user takes that.

use pirushka_identity::{IntroPolicy, WorkClaim, intro_id, proofs};
use pirushka_wire::time::SECOND;
use pirushka_wire::{Fingerprint, IntroToken, Now, WorkNonce};

use crate::limits::{INTRO_OVERHEAD, MESSAGE_OVERHEAD, TOKEN_OVERHEAD};
use crate::refusal::Refusal;
use crate::store::inbox::{AdmittedBy, Dropped, Fit, Part};
use crate::store::{Source, Store, UserId};

/// One part of an introduction with its admission.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntroDeposit<'a> {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) part: Part<'a>,
    pub(crate) token: IntroToken,
    pub(crate) work: WorkNonce,
    /// The handshake hash of the session that it comes through: what the work must have been done for.
    pub(crate) binding: [u8; 32],
}

/// What lets an introduction in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    /// A token of the user's, by its hash.
    Token([u8; 32]),
    /// So many bits of work.
    Work { bits: u8 },
}

impl Admission {
    fn kind(self) -> AdmittedBy {
        match self {
            Self::Token(_) => AdmittedBy::Token,
            Self::Work { bits } => AdmittedBy::Work { bits },
        }
    }
}

/// Above this much of the cap, in percent, introductions are refused.
const REFUSE_PERCENT: u64 = 80;
/// What completing an introduction adds at most: each part's overhead and the header that the recipient gets with it.
const COMPLETION_COST: u64 = 8 * (MESSAGE_OVERHEAD + 18);

impl Store {
    /// Takes a part of an introduction. Gives the user when the introduction is complete by it.
    pub(crate) fn deposit_intro(
        &mut self,
        now: Now,
        source: Source,
        deposit: &IntroDeposit<'_>,
    ) -> Result<Option<UserId>, Refusal> {
        let part = &deposit.part;
        let id = self.registry.find(&deposit.fingerprint).ok_or(Refusal::UNKNOWN_USER)?;
        let fit = self.user(id)?.inbox.check(part, &self.config)?;
        if fit == Fit::Repeat {
            self.totals.deposits_repeated += 1;
            return Ok(None);
        }
        let admission = if fit == Fit::Begins { Some(self.admission(now, id, deposit)?) } else { None };
        self.refuse_when_draining(now)?;
        let bytes = part.bytes.len() as u64;
        if !self.ledger.fits(bytes + INTRO_OVERHEAD + TOKEN_OVERHEAD + COMPLETION_COST, REFUSE_PERCENT) {
            return Err(Refusal::PEER_FULL);
        }
        if let Some(admission) = admission {
            self.begin(now, id, source, part, admission)?;
        }
        if let Some(source) = self.user_mut(id)?.inbox.take(part) {
            self.intro_sources.add(source, id, part.intro, bytes);
        }
        let completed = self.complete(now, id, part);
        self.settle(id);
        Ok(completed?.then_some(id))
    }

    /// Gives the introduction a slot, which another one may have to leave, and counts what it uses up.
    fn begin(
        &mut self,
        now: Now,
        id: UserId,
        source: Source,
        part: &Part<'_>,
        admission: Admission,
    ) -> Result<(), Refusal> {
        let user = self.user(id)?;
        let Ok(displaced) = user.inbox.slot(admission.kind(), source, &self.config) else {
            return Err(Refusal::full(user.here));
        };
        let spent = match admission {
            Admission::Token(hash) => self.user_mut(id)?.tokens.spend(&hash, part.intro).then_some(hash),
            Admission::Work { .. } => {
                if !self.worked_intros.allows(now.mono_us, source, self.config.intros_per_prefix_hour) {
                    return Err(Refusal::slow_down(60_000));
                }
                self.worked_intros.count(now.mono_us, source);
                self.settle_tables();
                None
            }
        };
        if let Some(dropped) = displaced.and_then(|intro| self.user_mut(id).ok()?.inbox.evict(intro)) {
            self.drop_intro(id, &dropped);
            self.totals.evicted += 1;
        }
        self.user_mut(id)?.inbox.begin(now.mono_us, part, source, admission.kind(), spent);
        Ok(())
    }

    /// Lets whoever holds the token introduce itself.
    pub(crate) fn token_set(
        &mut self,
        now: Now,
        id: UserId,
        round: u32,
        hash: [u8; 32],
        uses: u16,
        expiry: u64,
    ) -> Result<(), Refusal> {
        let most = usize::from(self.config.tokens_max);
        let user = self.user_mut(id)?;
        user.tokens.forget_expired(now.wall_s());
        if !user.tokens.contains(&hash) {
            if user.tokens.len() >= most {
                return Err(Refusal::full(false));
            }
            if !self.make_room(TOKEN_OVERHEAD) {
                return Err(Refusal::PEER_FULL);
            }
        }
        let user = self.user_mut(id)?;
        let inbox = &user.inbox;
        user.tokens.set(hash, uses, expiry, round, |intro| inbox.is_waiting(intro));
        self.settle(id);
        Ok(())
    }

    /// Takes a token back.
    pub(crate) fn token_drop(&mut self, id: UserId, hash: &[u8; 32]) -> Result<(), Refusal> {
        self.user_mut(id)?.tokens.remove(hash);
        self.settle(id);
        Ok(())
    }

    /// Who may knock without a token, as registration `round` says.
    pub(crate) fn policy_set(&mut self, id: UserId, round: u32, policy: IntroPolicy) -> Result<(), Refusal> {
        let user = self.user_mut(id)?;
        (user.policy, user.policy_round) = (policy, round);
        Ok(())
    }

    /// Takes what the inbox gave up out of the mailbox and the sources' accounts; not settled yet. Gives the number of
    /// messages dropped.
    pub(crate) fn drop_intro(&mut self, id: UserId, dropped: &Dropped) -> u64 {
        self.intro_sources.remove(dropped.source, id, dropped.intro, dropped.bytes);
        let Some(user) = self.registry.get_mut(id) else { return 0 };
        if let Some(token) = dropped.give_back {
            user.tokens.give_back(&token, &dropped.intro);
        }
        let gone = dropped.deliveries.iter().filter_map(|delivery| user.mailbox.drop_delivery(*delivery));
        let mut places: Vec<_> = gone.map(|gone| gone.place).collect();
        let held = places.len() as u64;
        self.totals.messages_held -= held;
        self.release(&mut places);
        held
    }

    /// What lets this introduction in, by the user's policy. As long as the user has not sent its list since the peer
    /// knows it, a token or the policy may be missing only for that reason, and the stranger waits.
    fn admission(&self, now: Now, id: UserId, deposit: &IntroDeposit<'_>) -> Result<Admission, Refusal> {
        let part = &deposit.part;
        let user = self.user(id)?;
        let hash = proofs::token_hash(&deposit.token);
        let permitted = user.tokens.permits(&hash, &part.intro, now.wall_s());
        match user.policy {
            IntroPolicy::Closed => Err(Refusal::INTRO_REFUSED),
            IntroPolicy::Token | IntroPolicy::Work { .. } if permitted => Ok(Admission::Token(hash)),
            IntroPolicy::Token | IntroPolicy::Work { .. } if !user.list_known => Err(Refusal::UNKNOWN_USER),
            IntroPolicy::Token => Err(Refusal::INTRO_REFUSED),
            IntroPolicy::Work { bits: wanted } => {
                let wanted = wanted.max(self.config.intro_difficulty);
                let claim = WorkClaim::introduction(&deposit.binding, &deposit.fingerprint, part.parts, &part.intro);
                let bits = claim.bits(deposit.work);
                if bits >= wanted { Ok(Admission::Work { bits }) } else { Err(Refusal::work_needed(wanted)) }
            }
        }
    }

    /// Whether the introduction is whole now; then its parts move to the mailbox. One that was let in by work must be
    /// the one that the work was done for, else it is dropped.
    fn complete(&mut self, now: Now, id: UserId, part: &Part<'_>) -> Result<bool, Refusal> {
        let (now_s, hold_us) = (self.second(now), u64::from(self.config.intro_hold_s) * SECOND);
        let user = self.user_mut(id)?;
        let Some(whole) = user.inbox.whole(part.intro) else { return Ok(false) };
        if whole.admitted != AdmittedBy::Token && intro_id(&whole.parts) != part.intro {
            let dropped = user.inbox.evict(part.intro);
            dropped.iter().for_each(|dropped| {
                self.drop_intro(id, dropped);
            });
            return Err(Refusal::INTRO_REFUSED);
        }
        let Some(user) = self.registry.get_mut(id) else { return Ok(false) };
        let bodies = user.inbox.completed(part.intro);
        let n = bodies.len();
        let mut deliveries = Vec::new();
        for body in bodies {
            let Some(place) = self.shelf.put(id, user.mailbox.next_delivery(), &body) else { break };
            deliveries.push(user.mailbox.hold_intro(now_s, (place, body.len())));
        }
        self.totals.messages_held += deliveries.len() as u64;
        let Some(first) = deliveries.first().filter(|_| deliveries.len() == n) else {
            let places: Vec<_> = deliveries.iter().filter_map(|d| user.mailbox.drop_delivery(*d)).collect();
            self.totals.messages_held -= places.len() as u64;
            if let Some(dropped) = user.inbox.evict(part.intro) {
                self.drop_intro(id, &dropped);
            }
            self.release(&mut places.into_iter().map(|gone| gone.place).collect());
            return Err(Refusal::PEER_FULL);
        };
        user.inbox.deliver(part.intro, *first, n as u8, now.after_us(hold_us));
        self.totals.intros += 1;
        Ok(true)
    }
}
