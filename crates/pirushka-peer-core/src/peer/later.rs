//! LATER, and what else is due in a session.

use pirushka_link::SessionHandle;
use pirushka_wire::time::SECOND;
use pirushka_wire::{Now, RequestId};

use super::{Answer, Due, Peer};
use crate::limits::LATER_MAX_S;
use crate::refusal::Refusal;
use crate::session::Later;

impl Peer {
    /// OK after a while; one at a time per session.
    pub(super) fn later(
        &mut self,
        now: Now,
        session: SessionHandle,
        request: RequestId,
        delay_s: u16,
    ) -> Result<Answer, Refusal> {
        if delay_s > LATER_MAX_S {
            return Err(Refusal::REFUSED);
        }
        self.may_keep_state(session)?;
        let due_us = now.after_us(u64::from(delay_s) * SECOND);
        let state = self.sessions.get_or_default(session);
        match state.later {
            Some(later) if later.request == request => {}
            Some(later) => {
                let rest_ms = later.due_us.saturating_sub(now.mono_us) / 1000;
                return Err(Refusal::slow_down(u32::try_from(rest_ms).unwrap_or(u32::MAX)));
            }
            None => state.later = Some(Later { request, due_us }),
        }
        self.settle_session(session);
        Ok(Answer::Given)
    }

    pub(super) fn session_timeout(&mut self, now: Now, session: SessionHandle) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        if let Some(later) = state.later.take_if(|later| later.due_us <= now.mono_us) {
            self.link.send_ok(session, later.request);
        }
        state.downloads.forget_old(now.mono_us);
        state.upload.take_if(|upload| upload.deadline_us <= now.mono_us);
        self.settle_session(session);
    }

    /// Brings the ledger and the timer up to what the session is now.
    pub(super) fn settle_session(&mut self, session: SessionHandle) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let (bodies, takes) = (state.bodies_footprint(), state.footprint());
        self.store.settle_bodies(&mut state.bodies_charged, bodies);
        self.store.settle_sessions(&mut state.charged, takes);
        let upload = state.upload.as_ref().map(|upload| upload.deadline_us);
        let next = [state.later.map(|l| l.due_us), upload, state.downloads.next_us()].into_iter().flatten().min();
        if let Some(next) = next {
            self.timers.arm(Due::Session(session), next);
        }
    }
}
