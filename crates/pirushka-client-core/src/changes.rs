//! What I change in what a home peer keeps for me: one change of a thing at a time.
//!
//! Requests overtake each other: one that was lost comes again later, one that waits for the congestion window is passed by
//! one that does not. Of two changes of the same thing the older would undo the newer then: an inbox that was opened would
//! stay closed, a queue or an invite that was taken back would live again. So the newer waits until the older is answered.

use std::collections::BTreeMap;

use pirushka_wire::{Frame, QueueId, RequestId};

/// Changes under way in one session; `A` is what the owner knows a request by.
#[derive(Debug)]
pub(crate) struct Changes<A> {
    /// What is to be said of a thing when what is under way is answered: only the newest matters.
    under_way: BTreeMap<Thing, Option<(Frame<'static>, A)>>,
    by_request: BTreeMap<RequestId, Thing>,
}

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Policy,
    Queue(QueueId),
    Invite([u8; 32]),
}

impl<A> Default for Changes<A> {
    fn default() -> Self {
        Self { under_way: BTreeMap::new(), by_request: BTreeMap::new() }
    }
}

impl<A> Changes<A> {
    /// Whether a frame must wait for another change of the same thing; [`Changes::answered`] gives it back then.
    pub(crate) fn hold_back(&mut self, frame: &Frame<'_>, about: A) -> bool {
        let Some((thing, frame)) = change(frame) else { return false };
        let Some(next) = self.under_way.get_mut(&thing) else { return false };
        *next = Some((frame, about));
        true
    }

    /// A frame that need not wait goes out under this id.
    pub(crate) fn sent(&mut self, frame: &Frame<'_>, request: RequestId) {
        if let Some((thing, _)) = change(frame) {
            self.under_way.insert(thing, None);
            self.by_request.insert(request, thing);
        }
    }

    /// A request is answered, whatever it was about. What may be said now.
    pub(crate) fn answered(&mut self, request: RequestId) -> Option<(Frame<'static>, A)> {
        let thing = self.by_request.remove(&request)?;
        self.under_way.remove(&thing)?
    }

    pub(crate) fn clear(&mut self) {
        self.under_way.clear();
        self.by_request.clear();
    }
}

/// Which thing a frame changes, if any, and the frame without anything borrowed.
fn change(frame: &Frame<'_>) -> Option<(Thing, Frame<'static>)> {
    Some(match *frame {
        Frame::IntroPolicy { request, policy } => (Thing::Policy, Frame::IntroPolicy { request, policy }),
        Frame::QueueSet { request, queue, secret_hash, quota_kib } => {
            (Thing::Queue(queue), Frame::QueueSet { request, queue, secret_hash, quota_kib })
        }
        Frame::QueueDrop { request, queue } => (Thing::Queue(queue), Frame::QueueDrop { request, queue }),
        Frame::TokenSet { request, token_hash, uses, expiry } => {
            (Thing::Invite(token_hash), Frame::TokenSet { request, token_hash, uses, expiry })
        }
        Frame::TokenDrop { request, token_hash } => {
            (Thing::Invite(token_hash), Frame::TokenDrop { request, token_hash })
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: RequestId = RequestId(0);

    fn policy(policy: u8) -> Frame<'static> {
        Frame::IntroPolicy { request: ANY, policy }
    }

    #[test]
    fn the_newest_change_of_a_thing_waits_for_the_answer_to_the_one_under_way() {
        let mut changes = Changes::default();
        assert!(!changes.hold_back(&policy(0), 'a'));
        changes.sent(&policy(0), RequestId(7));
        assert!(changes.hold_back(&policy(2), 'b') && changes.hold_back(&policy(1), 'c'));
        assert_eq!(changes.answered(RequestId(6)), None);
        assert_eq!(changes.answered(RequestId(7)), Some((policy(1), 'c')));
        assert!(!changes.hold_back(&policy(1), 'c'));
        changes.sent(&policy(1), RequestId(9));
        assert_eq!(changes.answered(RequestId(9)), None);
    }

    #[test]
    fn what_takes_a_thing_back_does_not_overtake_what_gives_it_and_other_things_do_not_wait() {
        let mut changes = Changes::default();
        let queue = |n| QueueId([n; 16]);
        let set = |n| Frame::QueueSet { request: ANY, queue: queue(n), secret_hash: [0; 32], quota_kib: 0 };
        let invite = Frame::TokenSet { request: ANY, token_hash: [1; 32], uses: 1, expiry: 9 };
        for (frame, request) in [(set(1), 1), (invite, 2)] {
            assert!(!changes.hold_back(&frame, ()));
            changes.sent(&frame, RequestId(request));
        }
        let (drop, revoke) = (
            Frame::QueueDrop { request: ANY, queue: queue(1) },
            Frame::TokenDrop { request: ANY, token_hash: [1; 32] },
        );
        assert!(changes.hold_back(&drop, ()) && changes.hold_back(&revoke, ()));
        assert!(!changes.hold_back(&set(2), ()) && !changes.hold_back(&policy(1), ()));
        assert!(!changes.hold_back(&Frame::Poll { request: ANY }, ()));
        assert_eq!(changes.answered(RequestId(2)), Some((revoke, ())));
        assert_eq!(changes.answered(RequestId(1)), Some((drop, ())));
    }
}
