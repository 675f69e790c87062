//! PUSH, ACK and POLL: what is held goes to the user who is here (facts 2, 3).

use std::collections::VecDeque;

use pirushka_link::SessionHandle;
use pirushka_wire::planted::{self, Bug};
use pirushka_wire::{Frame, Incarnation, Now, Ranges, RequestId};

use super::{Answer, Due, Peer};
use crate::limits::{ACTIVE_SILENCE_US, FLIGHT_OVERHEAD};
use crate::refusal::Refusal;
use crate::store::UserId;

/// Bytes of a PUSH frame beside its body.
const PUSH_OVERHEAD: usize = 28;
/// Bytes queued in a session at once; more follow when the link has sent these. Less than a session's outbox.
const QUEUED_MAX: usize = 32 * 1024;
/// Bytes queued in all sessions together until the link has sent them; a part of the memory cap.
const QUEUED_SHARE: u64 = 32;
const QUEUED_ALL_MIN: u64 = 128 * 1024;
/// Messages pushed at once; more follow when the link has sent these.
const PUSHED_MAX: usize = 64;
/// Room in the queue of users that is kept when it is empty.
const TO_PUSH_KEPT: usize = 1024;

impl Peer {
    /// Lets [`Peer::poll_transmit`] push what may be pushed: after a registration, a deposit, an acknowledgement, a loss,
    /// and whenever the user is heard. What comes meanwhile goes along, in one packet where it fits.
    pub(super) fn push_soon(&mut self, user: UserId) {
        if let Some((_, delivery)) = self.presence.delivery(user)
            && delivery.enqueue()
        {
            self.to_push.push_back(user);
        }
    }

    /// Pushes to everybody who waits. Whoever does not get everything waits until the link has sent what it has.
    pub(super) fn push_to_all(&mut self, now: Now) {
        while let Some(user) = self.to_push.pop_front() {
            self.push(now, user);
        }
        if self.to_push.capacity() > TO_PUSH_KEPT {
            self.to_push = VecDeque::new();
        }
        self.settle_link();
    }

    /// The link has sent everything: those who wait for that get more.
    pub(super) fn push_on(&mut self, now: Now) {
        self.pushed_bytes = 0;
        std::mem::swap(&mut self.to_push, &mut self.unfinished);
        self.push_to_all(now);
    }

    fn push(&mut self, now: Now, user: UserId) {
        let Some((session, delivery)) = self.presence.delivery(user) else { return };
        delivery.dequeue();
        if !self.link.can_push(now, session) {
            delivery.suspend();
            return self.settle_flight(user);
        }
        if delivery.is_suspended() {
            if planted::is(Bug::PushNotResumed) {
                return;
            }
            delivery.restart();
        }
        let store = &self.store;
        let queued_all_max = (store.cap() / QUEUED_SHARE).max(QUEUED_ALL_MIN) as usize;
        // Room for those on their way doubles when it is full.
        let growth = PUSHED_MAX.max(delivery.room()) as u64 * FLIGHT_OVERHEAD;
        // Half of the room stays for the sessions of others.
        let may_grow = growth <= store.room_for_sessions() / 2;
        let mut pushed = 0;
        while self.link.outbox_bytes(session) < QUEUED_MAX && self.pushed_bytes < queued_all_max && pushed < PUSHED_MAX
        {
            let picked = delivery.pick(
                now,
                may_grow,
                |from| store.first_from(user, from),
                |delivery| store.message(user, delivery).map(|message| message.body.len() + PUSH_OVERHEAD),
            );
            let Some((picked, message)) = picked.and_then(|p| Some((p, store.message(user, p.delivery)?))) else {
                // The timer is not moved when the deadline moves on: it finds nothing lost and is set again.
                if let Some(deadline) = delivery.newly_armed(now) {
                    self.timers.arm(Due::Push(user), deadline);
                }
                return self.settle_flight(user);
            };
            pushed += 1;
            self.stats.pushes += 1;
            self.stats.pushes_repeated += u64::from(picked.repeated);
            let (class, queue, body) = (message.class, message.queue, message.body);
            self.pushed_bytes += body.len() + PUSH_OVERHEAD;
            self.link.send(session, &Frame::Push { delivery: picked.delivery, class, queue, body });
            if planted::is(Bug::ForgottenAtPush)
                && let Ok(incarnation) = self.store.incarnation(user)
            {
                let forgotten = picked.delivery.0;
                self.store.acknowledge(now, user, incarnation, std::iter::once((forgotten, forgotten)), |_| {});
                break;
            }
        }
        if self.presence.delivery(user).is_some_and(|(_, delivery)| delivery.enqueue()) {
            self.unfinished.push_back(user);
        }
        self.settle_flight(user);
    }

    /// Counts what is on its way to the user.
    fn settle_flight(&mut self, user: UserId) {
        let Some((session, delivery)) = self.presence.delivery(user) else { return };
        let Some(flight) = delivery.take_changed_flight() else { return };
        if let Some(state) = self.sessions.get_mut(session) {
            state.flight = flight;
            self.settle_session(session);
        }
    }

    /// Another session gets the pushes from now on: none is on its way in this one any more.
    pub(super) fn relieve(&mut self, session: SessionHandle) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        state.flight = 0;
        self.settle_session(session);
    }

    /// Only the session that gets the pushes may acknowledge them.
    pub(super) fn acknowledge(
        &mut self,
        now: Now,
        session: SessionHandle,
        incarnation: Incarnation,
        deliveries: Ranges<'_>,
    ) {
        let Ok(registered) = self.registered(session) else { return };
        let Some((active, delivery)) = self.presence.delivery(registered.user) else { return };
        if active != session {
            return;
        }
        self.store.acknowledge(now, registered.user, incarnation, deliveries.iter(), |taken| {
            delivery.acknowledged(now, taken);
        });
    }

    /// "Do I have messages?" Answered by STATUS; the pushes follow by themselves.
    pub(super) fn poll(&mut self, now: Now, session: SessionHandle, request: RequestId) -> Result<Answer, Refusal> {
        let user = self.registered(session)?.user;
        let held = self.store.status(now, user)?;
        let boot = self.link.boot();
        let (messages, bytes, oldest_s) = (held.messages, held.bytes, held.oldest_s);
        self.link.send(session, &Frame::Status { request, boot, messages, bytes, oldest_s });
        if self.presence.is_superseded(user, session) {
            // The frame that said so may have been lost.
            self.link.send(session, &Frame::Superseded);
            self.end_silent_active(now, user);
        }
        Ok(Answer::Given)
    }

    /// Another copy of the profile asks, and the one that gets the pushes may have gone without a word.
    fn end_silent_active(&mut self, now: Now, user: UserId) {
        let Some(active) = self.presence.active(user) else { return };
        let heard_us = self.link.last_heard_us(active).unwrap_or_default();
        if now.mono_us.saturating_sub(heard_us) >= ACTIVE_SILENCE_US {
            self.link.close_with_notice(active);
            self.session_over(now, active);
        }
    }
}
