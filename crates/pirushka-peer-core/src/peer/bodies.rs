//! Long bodies: PUT brings a bundle in, LOOKUP and FETCH hand one out.

use pirushka_link::SessionHandle;
use pirushka_wire::frame::body_kind;
use pirushka_wire::limits::BODY_MAX;
use pirushka_wire::{Fingerprint, Frame, Now, ObjectId, RequestId};

use super::{Answer, Peer};
use crate::limits::UPLOAD_LIFE_US;
use crate::refusal::Refusal;
use crate::session::{Upload, UploadPart};
use crate::store::UserId;

impl Peer {
    /// A part of a long body of a registered user's; applied when whole. Of two bodies the one with the higher number counts.
    pub(super) fn put(
        &mut self,
        now: Now,
        session: SessionHandle,
        user: UserId,
        frame: &Frame<'_>,
    ) -> Result<(), Refusal> {
        let Frame::Put { object, offset, total, kind, part: bytes, .. } = *frame else {
            return Err(Refusal::MALFORMED);
        };
        let part = UploadPart { object, offset, total, kind, bytes };
        part.check()?;
        if kind != body_kind::BUNDLE {
            return Err(Refusal::REFUSED);
        }
        let Some(state) = self.sessions.get_mut(session) else { return Err(Refusal::NOT_REGISTERED) };
        // Its owner has something newer to say: parts that were overtaken neither undo that nor get in its way.
        if state.newest_upload.is_some_and(|newest| object < newest) {
            return Ok(());
        }
        state.newest_upload = Some(object);
        if !state.upload.as_ref().is_some_and(|upload| upload.continues(&part)) {
            if !self.store.make_room(Upload::cost(total)) {
                return Err(Refusal::PEER_FULL);
            }
            state.upload = Some(Upload::new(&part, now.after_us(UPLOAD_LIFE_US)));
        }
        let whole = state.upload.take_if(|upload| upload.take(&part));
        let result = whole.map_or(Ok(()), |whole| self.store.publish(now, user, whole.body()));
        self.settle_session(session);
        result
    }

    /// Somebody asks for a user's bundle; the object is named by the request, so that a repeat gets the same.
    pub(super) fn lookup(
        &mut self,
        now: Now,
        session: SessionHandle,
        request: RequestId,
        fingerprint: Fingerprint,
    ) -> Result<Answer, Refusal> {
        let object = ObjectId(request.0);
        let source = self.source(session);
        let state = self.sessions.get(session);
        if !state.is_some_and(|s| s.downloads.has(object)) {
            let one_time = !state.is_some_and(|s| s.one_time_taken);
            self.may_keep_state(session)?;
            if !self.store.make_room(BODY_MAX as u64) {
                return Err(Refusal::PEER_FULL);
            }
            let found = self.store.lookup(now, source, fingerprint, one_time)?;
            let state = self.sessions.get_or_default(session);
            state.one_time_taken |= found.one_time;
            state.downloads.keep(now.mono_us, object, found.body);
            self.settle_session(session);
        }
        self.fetch(session, request, object, 0)
    }

    /// More of a body that was looked up.
    pub(super) fn fetch(
        &mut self,
        session: SessionHandle,
        request: RequestId,
        object: ObjectId,
        offset: u32,
    ) -> Result<Answer, Refusal> {
        let state = self.sessions.get(session).ok_or(Refusal::UNKNOWN_OBJECT)?;
        let part = state.downloads.part(object, offset)?;
        let (offset, total, part) = (part.offset, part.total, part.bytes);
        self.link.send(session, &Frame::Body { request, object, offset, total, part });
        Ok(Answer::Given)
    }
}
