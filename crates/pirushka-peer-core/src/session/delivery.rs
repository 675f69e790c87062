//! Delivery to one session: oldest first, within the congestion window, again until acknowledged.

use std::collections::BTreeSet;

use pirushka_link::Flight;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{DeliveryId, Now};

/// What is on its way to the session that gets a user's pushes. The messages themselves stay in the store.
#[derive(Debug)]
pub(crate) struct Delivery {
    flight: Flight<DeliveryId>,
    /// Taken for lost: to be pushed again before anything new.
    again: BTreeSet<DeliveryId>,
    /// Everything below was pushed at least once since the last restart.
    next: DeliveryId,
    suspended: bool,
    /// When its timer fires (mono µs); `u64::MAX`: never.
    armed_us: u64,
    /// Stands in the queue of those to whom something may be pushed.
    is_queued: bool,
    /// What was last told of the flight's size.
    flight_told: usize,
}

/// So many pushes may be on their way however short memory is.
const FLIGHT_MIN: usize = 2;

/// A message that may be pushed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    pub(crate) delivery: DeliveryId,
    pub(crate) repeated: bool,
}

impl Delivery {
    pub(crate) fn new() -> Self {
        Self {
            flight: Flight::new(),
            again: BTreeSet::new(),
            next: DeliveryId(0),
            suspended: false,
            armed_us: u64::MAX,
            is_queued: false,
            flight_told: 0,
        }
    }

    /// Begins again with the oldest message: another session, or the same one after a silence.
    pub(crate) fn restart(&mut self) {
        self.flight.clear();
        self.again.clear();
        self.next = DeliveryId(0);
        self.suspended = false;
        // What stands in the queue may be an entry of before, and what was told may have been of another session.
        self.is_queued = false;
        self.flight_told = usize::MAX;
    }

    /// Notes that something may be pushed. `true`: that was not noted yet.
    pub(crate) fn enqueue(&mut self) -> bool {
        !std::mem::replace(&mut self.is_queued, true)
    }

    /// It is its turn.
    pub(crate) fn dequeue(&mut self) {
        self.is_queued = false;
    }

    /// The timer has fired. Gives memory back, if nothing is on its way.
    pub(crate) fn timer_fired(&mut self) {
        self.armed_us = u64::MAX;
        self.flight.rest();
    }

    /// When the timer is to fire, if that is earlier than it would. A deadline that moves on moves no timer: that finds
    /// nothing lost then, and is set again.
    pub(crate) fn newly_armed(&mut self, now: Now) -> Option<u64> {
        let deadline = self.deadline()?.max(now.mono_us + 1);
        (deadline < self.armed_us).then(|| self.armed_us = deadline)?;
        Some(deadline)
    }

    /// For how many pushes on their way there is memory.
    pub(crate) fn room(&self) -> usize {
        self.flight.room()
    }

    /// The same, with what is to be repeated, if that has changed since the last call.
    pub(crate) fn take_changed_flight(&mut self) -> Option<usize> {
        let flight = self.flight.room() + self.again.len();
        (std::mem::replace(&mut self.flight_told, flight) != flight).then_some(flight)
    }

    /// The recipient cannot be reached: nothing more is sent until it is heard, and then all again. Until then, which may
    /// be an hour, nothing of it takes memory.
    pub(crate) fn suspend(&mut self) {
        self.flight.clear();
        self.again.clear();
        self.suspended = true;
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// The next message to push; with `may_grow` more may be on their way than now. `first_from` finds the oldest held message from an id on; `bytes` tells the size of a
    /// push, or that the message is no longer held.
    pub(crate) fn pick(
        &mut self,
        now: Now,
        may_grow: bool,
        first_from: impl Fn(DeliveryId) -> Option<DeliveryId>,
        bytes: impl Fn(DeliveryId) -> Option<usize>,
    ) -> Option<Pick> {
        let lost = self.flight.lost(now.mono_us);
        if !planted::is(Bug::PushNotRepeated) {
            self.again.extend(lost);
        }
        while let Some(&delivery) = self.again.first() {
            let Some(bytes) = bytes(delivery) else {
                self.again.remove(&delivery);
                self.flight.forget(delivery);
                continue;
            };
            return self.may(now, delivery, bytes, true);
        }
        if !may_grow && self.flight.len() >= FLIGHT_MIN {
            return None;
        }
        let delivery = first_from(self.next)?;
        let bytes = bytes(delivery)?;
        self.may(now, delivery, bytes, false)
    }

    /// The recipient has it.
    pub(crate) fn acknowledged(&mut self, now: Now, delivery: DeliveryId) {
        self.flight.acked(now.mono_us, delivery);
        self.again.remove(&delivery);
    }

    /// When a message in flight may be taken for lost.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.flight.deadline()
    }

    fn may(&mut self, now: Now, delivery: DeliveryId, bytes: usize, repeated: bool) -> Option<Pick> {
        if !self.flight.may_send(bytes) {
            return None;
        }
        self.flight.sent(now.mono_us, delivery, bytes);
        self.again.remove(&delivery);
        if !repeated {
            self.next = DeliveryId(delivery.0 + 1);
        }
        Some(Pick { delivery, repeated })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pirushka_wire::time::SECOND;

    fn at(mono_us: u64) -> Now {
        Now { mono_us, wall_ms: 0 }
    }

    struct Held(BTreeSet<u64>);

    impl Held {
        fn pick(&self, delivery: &mut Delivery, now: Now) -> Option<Pick> {
            delivery.pick(
                now,
                true,
                |from| self.0.range(from.0..).next().map(|&d| DeliveryId(d)),
                |d| self.0.contains(&d.0).then_some(1100),
            )
        }

        fn pick_all(&self, delivery: &mut Delivery, now: Now) -> Vec<u64> {
            std::iter::from_fn(|| self.pick(delivery, now)).map(|p| p.delivery.0).collect()
        }
    }

    #[test]
    fn a_push_is_repeated_until_it_is_acknowledged_and_then_never() {
        let held = Held([1, 2, 5].into());
        let mut delivery = Delivery::new();
        let mut now = at(0);
        assert_eq!(held.pick_all(&mut delivery, now), [1, 2, 5]);
        assert_eq!(held.pick_all(&mut delivery, now), [0; 0]);
        delivery.acknowledged(now, DeliveryId(2));
        let mut again = BTreeSet::new();
        for _ in 0..6 {
            now = at(delivery.deadline().unwrap().max(now.mono_us + 1));
            again.extend(held.pick_all(&mut delivery, now));
        }
        assert_eq!(again, [1, 5].into());
    }

    #[test]
    fn a_message_that_is_no_longer_held_is_not_pushed_again() {
        let held = Held([1, 2].into());
        let mut delivery = Delivery::new();
        held.pick_all(&mut delivery, at(0));
        assert_eq!(Held([2].into()).pick_all(&mut delivery, at(30 * SECOND)), [2]);
    }

    #[test]
    fn pushes_stop_at_the_window_and_go_on_with_the_acknowledgements() {
        let held = Held((1..=1000).collect());
        let mut delivery = Delivery::new();
        let first = held.pick_all(&mut delivery, at(0));
        assert!(!first.is_empty() && first.len() < 100, "{}", first.len());
        for &d in &first {
            delivery.acknowledged(at(SECOND / 10), DeliveryId(d));
        }
        assert!(held.pick_all(&mut delivery, at(SECOND / 10)).len() >= first.len());
    }

    #[test]
    fn when_memory_is_short_two_are_on_their_way_and_the_next_goes_when_one_has_arrived() {
        let held = Held((1..=10).collect());
        let mut delivery = Delivery::new();
        let pick = |delivery: &mut Delivery| {
            let next = |from: DeliveryId| held.0.range(from.0..).next().map(|&d| DeliveryId(d));
            delivery.pick(at(0), false, next, |_| Some(100)).map(|p| p.delivery.0)
        };
        assert_eq!([pick(&mut delivery), pick(&mut delivery), pick(&mut delivery)], [Some(1), Some(2), None]);
        delivery.acknowledged(at(1), DeliveryId(1));
        assert_eq!([pick(&mut delivery), pick(&mut delivery)], [Some(3), None]);
    }

    #[test]
    fn another_session_is_told_what_is_on_its_way_also_when_that_is_as_much_as_before() {
        let held = Held([1].into());
        let mut delivery = Delivery::new();
        held.pick_all(&mut delivery, at(0));
        let told = delivery.take_changed_flight();
        assert!(told.is_some() && delivery.take_changed_flight().is_none());
        delivery.restart();
        held.pick_all(&mut delivery, at(1));
        assert_eq!(delivery.take_changed_flight(), told);
    }

    #[test]
    fn after_a_restart_everything_held_is_pushed_from_the_oldest_on() {
        let held = Held([3, 4].into());
        let mut delivery = Delivery::new();
        held.pick_all(&mut delivery, at(0));
        delivery.suspend();
        delivery.restart();
        assert_eq!(held.pick_all(&mut delivery, at(1)), [3, 4]);
    }
}
