//! Proof of work that a peer asks for: what it is for, and whom its answer goes to.
//!
//! Trying numbers takes a tenth of a second or a minute, so it is not done here: the shell is asked by [`Event::Work`] and
//! answers with [`Client::handle_work`]. Work is good in one session only; what is answered when its session is gone is
//! forgotten.

use pirushka_identity::WorkClaim;
use pirushka_wire::{Now, WorkNonce};

use crate::api::{Event, WorkId};
use crate::client::Client;

/// One piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) claim: WorkClaim,
    pub(crate) bits: u8,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Asked(WorkId),
    Done(WorkNonce),
}

impl Work {
    /// What was found, if it has been.
    pub(crate) fn done(&self) -> Option<WorkNonce> {
        match self.state {
            State::Asked(_) => None,
            State::Done(nonce) => Some(nonce),
        }
    }

    /// Whether this is the answer to what was asked; then it is kept.
    fn answer(&mut self, id: WorkId, nonce: WorkNonce) -> bool {
        let fits = self.state == State::Asked(id) && self.claim.bits(nonce) >= self.bits;
        if fits {
            self.state = State::Done(nonce);
        }
        fits
    }
}

/// Numbers for pieces of work, and where the wish for them goes.
pub(crate) struct Foreman<'a> {
    pub(crate) events: &'a mut std::collections::VecDeque<Event>,
    pub(crate) next_work: &'a mut u32,
}

impl Foreman<'_> {
    /// Asks the shell for work.
    pub(crate) fn ask(&mut self, claim: WorkClaim, bits: u8) -> Work {
        let id = WorkId(*self.next_work);
        *self.next_work += 1;
        self.events.push_back(Event::Work { id, claim, bits });
        Work { claim, bits, state: State::Asked(id) }
    }
}

impl Client {
    /// The answer to [`Event::Work`].
    pub fn handle_work(&mut self, now: Now, id: WorkId, nonce: WorkNonce) {
        for contact in self.contacts.values_mut() {
            let mut works = contact.routes.values_mut().flat_map(|route| route.work.values_mut());
            if works.any(|work| work.answer(id, nonce)) {
                self.dirty.insert(contact.row.id);
            }
        }
        let answered = |home: &mut crate::home::Home| home.work.as_mut().is_some_and(|work| work.answer(id, nonce));
        let home = self.homes.iter_mut().find_map(|(id, home)| answered(home).then_some(*id));
        home.into_iter().for_each(|id| self.register_again(now, id));
        self.turn(now);
    }
}
