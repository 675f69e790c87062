//! What a registered user changes in what the peer keeps for it: queues, tokens, policy, the end of its list, its bundle.

use pirushka_identity::IntroPolicy;
use pirushka_link::SessionHandle;
use pirushka_wire::{Frame, Now};

use super::{Answer, Peer, Registered};
use crate::refusal::Refusal;
use crate::store::QueueSetting;

impl Peer {
    /// A registered user changes what the peer keeps for it. A repeat of a request that was carried out is answered
    /// and not carried out again: it may have overtaken later ones. Nor is what an older registration says late: the
    /// newest may have said something else since.
    pub(super) fn change(&mut self, now: Now, session: SessionHandle, frame: &Frame<'_>) -> Result<Answer, Refusal> {
        let Registered { user, round } = self.registered(session)?;
        self.store.check_newest(user, round)?;
        let request = frame.request().unwrap_or_default();
        let done = self.sessions.get(session).is_some_and(|s| s.is_done(request));
        match *frame {
            Frame::QueueSet { queue, secret_hash, quota_kib, .. } => {
                let setting = QueueSetting { queue, secret_hash, quota_kib };
                let ticket = if done {
                    self.store.ticket(now, user, &setting)?
                } else {
                    self.store.queue_set(now, user, round, setting)?
                };
                let (quota_kib, expiry, mac) = (ticket.quota_kib, ticket.expiry, ticket.mac);
                self.link.send(session, &Frame::Ticket { request, quota_kib, expiry, mac });
            }
            _ if done => return Ok(Answer::Ok),
            Frame::QueueDrop { queue, .. } => self.store.queue_drop(user, queue)?,
            Frame::ListEnd { .. } => self.store.list_end(user, round)?,
            Frame::TokenSet { token_hash, uses, expiry, .. } => {
                self.store.token_set(now, user, round, token_hash, uses, expiry)?;
            }
            Frame::TokenDrop { token_hash, .. } => self.store.token_drop(user, &token_hash)?,
            Frame::IntroPolicy { policy, .. } => self.store.policy_set(user, round, IntroPolicy::from_byte(policy))?,
            _ => self.put(now, session, user, frame)?,
        }
        if let Some(session) = self.sessions.get_mut(session) {
            session.mark_done(request);
        }
        Ok(if matches!(frame, Frame::QueueSet { .. }) { Answer::Given } else { Answer::Ok })
    }
}
