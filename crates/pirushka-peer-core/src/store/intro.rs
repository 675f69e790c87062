//! DEPOSIT in an intro inbox, addressed by fingerprint, and the tokens that let it in.

use pirushka_identity::proofs;
use pirushka_wire::time::SECOND;
use pirushka_wire::{Fingerprint, IntroToken, Now};

use crate::limits::{INTRO_OVERHEAD, MESSAGE_OVERHEAD, TOKEN_OVERHEAD};
use crate::refusal::Refusal;
use crate::store::inbox::{Dropped, Fit, Part};
use crate::store::{Source, Store, UserId};

/// One part of an introduction with its admission.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntroDeposit<'a> {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) part: Part<'a>,
    pub(crate) token: IntroToken,
}

/// What lets an introduction in. Proof of work will be the second kind; it gives way to the first when slots are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    /// A token of the user's, by its hash.
    Token([u8; 32]),
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
        let user = self.user(id)?;
        let fit = user.inbox.check(part, user.here, &self.config)?;
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
        let user = self.user_mut(id)?;
        if let Some(Admission::Token(hash)) = admission {
            user.tokens.spend(&hash, part.intro);
        }
        user.inbox.take(now.mono_us, part, source);
        self.intro_sources.add(source, id, part.intro, bytes);
        let completed = self.complete(now, id, part);
        self.settle(id);
        Ok(completed?.then_some(id))
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

    /// Takes what the inbox gave up out of the mailbox and the sources' accounts; not settled yet. Gives the number of
    /// messages dropped.
    pub(crate) fn drop_intro(&mut self, id: UserId, dropped: &Dropped) -> u64 {
        self.intro_sources.remove(dropped.source, id, dropped.intro, dropped.bytes);
        let Some(user) = self.registry.get_mut(id) else { return 0 };
        let gone = dropped.deliveries.iter().filter_map(|delivery| user.mailbox.drop_delivery(*delivery));
        let places: Vec<_> = gone.map(|gone| gone.place).collect();
        let held = places.len() as u64;
        self.totals.messages_held -= held;
        self.release(places);
        held
    }

    /// The user's policy: closed without tokens, else by token. As long as the user has not sent its list since the
    /// peer knows it, a token may be missing only for that reason, and the stranger waits.
    fn admission(&self, now: Now, id: UserId, deposit: &IntroDeposit<'_>) -> Result<Admission, Refusal> {
        let hash = proofs::token_hash(&deposit.token);
        let user = self.user(id)?;
        if user.tokens.permits(&hash, &deposit.part.intro, now.wall_s()) {
            return Ok(Admission::Token(hash));
        }
        Err(if user.list_known { Refusal::INTRO_REFUSED } else { Refusal::UNKNOWN_USER })
    }

    fn complete(&mut self, now: Now, id: UserId, part: &Part<'_>) -> Result<bool, Refusal> {
        let (now_s, hold_us) = (self.second(now), u64::from(self.config.intro_hold_s) * SECOND);
        let Some(user) = self.registry.get_mut(id) else { return Ok(false) };
        let Some(parts) = user.inbox.completed(part.intro) else { return Ok(false) };
        let n = parts.len();
        let mut deliveries = Vec::new();
        for body in parts {
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
            self.release(places.into_iter().map(|gone| gone.place).collect());
            return Err(Refusal::PEER_FULL);
        };
        user.inbox.deliver(part.intro, *first, n as u8, now.after_us(hold_us));
        self.totals.intros += 1;
        Ok(true)
    }
}
