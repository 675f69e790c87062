//! Sessions that are more to the peer than a sender's, by their handle.

use pirushka_link::SessionHandle;

use crate::dense::Dense;
use crate::session::Session;

/// At most one state per handle. A handle whose session is over finds nothing, also when its place has another's.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Dense<(SessionHandle, Session)>);

impl Sessions {
    pub(crate) fn get(&self, session: SessionHandle) -> Option<&Session> {
        self.0.get(session.place()).filter(|(handle, _)| *handle == session).map(|(_, state)| state)
    }

    pub(crate) fn get_mut(&mut self, session: SessionHandle) -> Option<&mut Session> {
        self.0.get_mut(session.place()).filter(|(handle, _)| *handle == session).map(|(_, state)| state)
    }

    /// The state of a session that lives; its predecessor's is removed when that ends.
    pub(crate) fn get_or_default(&mut self, session: SessionHandle) -> &mut Session {
        &mut self.0.get_or_insert_with(session.place(), || (session, Session::default())).1
    }

    pub(crate) fn remove(&mut self, session: SessionHandle) -> Option<Session> {
        self.get(session)?;
        self.0.remove(session.place()).map(|(_, state)| state)
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SessionHandle, &Session)> {
        self.0.iter().map(|(_, (handle, state))| (*handle, state))
    }
}
