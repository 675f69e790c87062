//! DEPOSIT: a message for somebody served here, by a contact or a stranger.

use pirushka_link::SessionHandle;
use pirushka_wire::frame::deposit_flags;
use pirushka_wire::{Deposit, Now};

use super::{Answer, Peer};
use crate::refusal::Refusal;
use crate::store::{IntroDeposit, Part};

impl Peer {
    /// Somebody leaves a message. Who it was is used for introductions only, as a hash of the network.
    pub(super) fn deposit(
        &mut self,
        now: Now,
        session: SessionHandle,
        deposit: &Deposit<'_>,
    ) -> Result<Answer, Refusal> {
        let fresh = match *deposit {
            Deposit::Contact { queue, secret, deposit, flags, envelope } => {
                let bulk = flags & deposit_flags::BULK != 0;
                self.store.deposit(now, queue, &secret, deposit, bulk, envelope)?
            }
            Deposit::Intro { fingerprint, intro, parts, index, token, work, part } => {
                let source = self.source(session);
                let binding = *self.link.binding(session).ok_or(Refusal::REFUSED)?;
                let part = Part { intro, parts, index, bytes: part };
                self.store.deposit_intro(now, source, &IntroDeposit { fingerprint, part, token, work, binding })?
            }
        };
        if let Some(user) = fresh {
            self.push_soon(user);
        }
        Ok(Answer::Ok)
    }
}
