//! REGISTER: a session says whose it is (fact 8), and is answered MAILBOX and OK (fact 9).

use pirushka_identity::verify_register;
use pirushka_link::SessionHandle;
use pirushka_wire::{Fingerprint, Frame, Incarnation, InstanceId, Now, RequestId};

use super::{Answer, Peer};
use crate::limits::REGISTER_FAILURES_MAX;
use crate::refusal::Refusal;
use crate::session::SessionRegistration;
use crate::store::{Newcomer, Registered};

impl Peer {
    /// Nothing is kept of anybody before the signature, which binds certificate, peer and session, holds.
    pub(super) fn register(
        &mut self,
        now: Now,
        session: SessionHandle,
        request: RequestId,
        instance: InstanceId,
        frame: &Frame<'_>,
    ) -> Result<Answer, Refusal> {
        let before = self.sessions.get(session).and_then(|s| s.registration);
        // A repeat, or one that was overtaken by the one with the work that it lacked: a new registration would let the
        // end of the list close all that the present one has named.
        if let Some(before) = before.filter(|before| before.request >= request) {
            let incarnation = self.store.incarnation(before.user)?;
            self.welcome(session, request, incarnation);
            return Ok(Answer::Given);
        }
        if self.may_keep_state(session).is_err() {
            // Senders who are silent give way to users.
            self.link.make_way(now, crate::limits::SESSION_OVERHEAD);
            self.drain_events(now);
            self.settle_link();
            self.may_keep_state(session)?;
        }
        let registered = match self.try_register(now, session, instance, before, frame) {
            Ok(registered) => registered,
            Err(refusal) => {
                self.stats.registrations_refused += 1;
                let failures = &mut self.sessions.get_or_default(session).failures;
                *failures = failures.saturating_add(1);
                self.settle_session(session);
                return Err(refusal);
            }
        };
        self.stats.registrations += 1;
        let registration = SessionRegistration { user: registered.user, round: registered.round, request };
        self.sessions.get_or_default(session).registration = Some(registration);
        self.settle_session(session);
        self.link.set_registered(session, true);
        if let Some(active) = self.presence.active(registered.user) {
            self.relieve(active);
        }
        let link = &self.link;
        let joined =
            self.presence.join(registered.user, session, instance, |s| link.last_heard_us(s).unwrap_or_default());
        if let Some(replaced) = joined.replaced {
            self.link.close_with_notice(replaced);
            self.session_over(now, replaced);
        }
        if let Some(superseded) = joined.superseded {
            self.link.send(superseded, &Frame::Superseded);
        }
        self.welcome(session, request, registered.incarnation);
        Ok(Answer::Given)
    }

    fn try_register(
        &mut self,
        now: Now,
        session: SessionHandle,
        instance: InstanceId,
        before: Option<SessionRegistration>,
        frame: &Frame<'_>,
    ) -> Result<Registered, Refusal> {
        let Frame::Register { invite, work, root, .. } = *frame else { return Err(Refusal::MALFORMED) };
        if self.sessions.get(session).is_some_and(|s| s.failures >= REGISTER_FAILURES_MAX) {
            return Err(Refusal::slow_down(60_000));
        }
        let binding = self.link.binding(session).ok_or(Refusal::REFUSED)?;
        let certificate = verify_register(root, self.link.peer_id(), binding).map_err(|_| Refusal::BAD_PROOF)?;
        let fingerprint = certificate.fingerprint();
        if before.is_some_and(|before| !self.store.is_user(before.user, &fingerprint)) {
            return Err(Refusal::REFUSED);
        }
        if self.is_outlived(session, &fingerprint, instance) {
            return Err(Refusal::REFUSED);
        }
        let (source, newcomer) = (self.source(session), Newcomer { invite, work, binding: *binding });
        self.store.register(now, source, &certificate, &newcomer)
    }

    /// Whether this copy of the profile is here in a session that it has begun since: what it said in this one has been on
    /// the way for long, and must not take the pushes to where nobody is any more.
    fn is_outlived(&self, session: SessionHandle, fingerprint: &Fingerprint, instance: InstanceId) -> bool {
        let active = self.store.find(fingerprint).and_then(|user| self.presence.active_of(user, instance));
        active.is_some_and(|active| self.link.opened_us(active) > self.link.opened_us(session))
    }

    fn welcome(&mut self, session: SessionHandle, request: RequestId, incarnation: Incarnation) {
        self.link.send(session, &Frame::Mailbox { request, incarnation });
        self.link.send_ok(session, request);
    }
}
