//! Who is here: a user's live sessions, and which of them gets the pushes.
//!
//! The newest registration does. A session of another copy of the profile that it takes them from is told SUPERSEDED: two
//! copies of one profile would break each other's end-to-end sessions. When the copy that has them is gone, those that are
//! left are ended, so that whoever still runs registers anew: nothing may lie here unfetched with its owner present.

use pirushka_wire::InstanceId;
use pirushka_wire::planted::{self, Bug};

use crate::dense::Dense;
use crate::limits::SESSIONS_PER_USER;
use crate::session::Delivery;
use crate::store::UserId;

/// All users with a live registered session. `S` names a session.
#[derive(Debug)]
pub(crate) struct Presence<S> {
    /// By the user's place in the registry.
    here: Dense<Here<S>>,
}

#[derive(Debug)]
struct Here<S> {
    /// In the order of registration.
    sessions: Vec<(S, InstanceId)>,
    /// The session that gets PUSH and may ACK; none from when it left until the superseded ones, too, have.
    active: Option<S>,
    delivery: Delivery,
}

/// What a registration does to the user's other sessions.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Joined<S> {
    /// Was longest silent and had to go.
    pub(crate) replaced: Option<S>,
    /// Must be told that another copy of the profile is here.
    pub(crate) superseded: Option<S>,
}

/// What is left when a session is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left<S> {
    /// Nobody: the user is away.
    Nobody,
    /// Others, and one of them gets the pushes now.
    Handed,
    /// Others, and nothing changed for them.
    Others,
    /// Only sessions of other copies, which were superseded; they have to go.
    Superseded(Vec<S>),
}

impl<S> Default for Presence<S> {
    fn default() -> Self {
        Self { here: Dense::default() }
    }
}

impl<S: Copy + Ord> Presence<S> {
    pub(crate) fn len(&self) -> usize {
        self.here.len()
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        self.here.iter().map(|(at, _)| UserId(at))
    }

    /// A session registers (again); it is the newest now. `last_heard` tells when a session was heard (µs).
    pub(crate) fn join(
        &mut self,
        user: UserId,
        session: S,
        instance: InstanceId,
        last_heard: impl Fn(S) -> u64,
    ) -> Joined<S> {
        let here = self.here.get_or_insert_with(user.0, || Here {
            sessions: Vec::new(),
            active: None,
            delivery: Delivery::new(),
        });
        here.sessions.retain(|(s, _)| *s != session);
        let before = here.active.filter(|active| *active != session);
        let before = before.and_then(|active| here.sessions.iter().find(|(s, _)| *s == active).copied());
        let mut replaced = None;
        if here.sessions.len() >= SESSIONS_PER_USER {
            let silent = here.sessions.iter().enumerate().min_by_key(|(at, (s, _))| (last_heard(*s), *at));
            replaced = silent.map(|(at, _)| at).map(|at| here.sessions.remove(at).0);
        }
        here.sessions.push((session, instance));
        if here.active.is_none() || !planted::is(Bug::PushesStayWithOldSession) {
            here.active = Some(session);
        }
        here.delivery.restart();
        let superseded = before.filter(|(s, other)| *other != instance && replaced != Some(*s)).map(|(s, _)| s);
        Joined { replaced, superseded }
    }

    /// A session is over.
    pub(crate) fn leave(&mut self, user: UserId, session: S) -> Left<S> {
        let Some(here) = self.here.get_mut(user.0) else { return Left::Nobody };
        let instance = here.sessions.iter().find(|(s, _)| *s == session).map(|(_, instance)| *instance);
        here.sessions.retain(|(s, _)| *s != session);
        if here.sessions.is_empty() {
            self.here.remove(user.0);
            return Left::Nobody;
        }
        if here.active != Some(session) {
            return Left::Others;
        }
        let next = here.sessions.iter().rev().find(|(_, other)| Some(*other) == instance);
        here.active = next.map(|(s, _)| *s);
        here.delivery.restart();
        match here.active {
            Some(_) => Left::Handed,
            None => Left::Superseded(here.sessions.iter().map(|(s, _)| *s).collect()),
        }
    }

    /// The session that gets the pushes.
    pub(crate) fn active(&self, user: UserId) -> Option<S> {
        self.here.get(user.0)?.active
    }

    /// The same, if it is one of this copy of the profile.
    pub(crate) fn active_of(&self, user: UserId, instance: InstanceId) -> Option<S> {
        let here = self.here.get(user.0)?;
        here.sessions.iter().find(|(s, of)| here.active == Some(*s) && *of == instance).map(|(s, _)| *s)
    }

    /// Whether another copy of the profile has taken the pushes from this session.
    pub(crate) fn is_superseded(&self, user: UserId, session: S) -> bool {
        let Some(here) = self.here.get(user.0) else { return false };
        let instance = |of: S| here.sessions.iter().find(|(s, _)| *s == of).map(|(_, instance)| *instance);
        here.active.and_then(instance) != instance(session)
    }

    /// The session that gets the pushes, and the state of delivery to it.
    pub(crate) fn delivery(&mut self, user: UserId) -> Option<(S, &mut Delivery)> {
        let here = self.here.get_mut(user.0)?;
        Some((here.active?, &mut here.delivery))
    }

    /// The timer of deliveries to this user has fired.
    pub(crate) fn timer_fired(&mut self, user: UserId) {
        if let Some(here) = self.here.get_mut(user.0) {
            here.delivery.timer_fired();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: UserId = UserId(1);
    const PHONE: InstanceId = InstanceId([1; 16]);
    const COPY: InstanceId = InstanceId([2; 16]);

    #[test]
    fn a_fifth_session_replaces_the_one_longest_silent() {
        let mut presence = Presence::default();
        let heard = [40, 10, 30, 20, 50];
        for session in 0..4usize {
            assert_eq!(presence.join(USER, session, PHONE, |s| heard[s]).replaced, None);
        }
        assert_eq!(presence.join(USER, 4, PHONE, |s| heard[s]).replaced, Some(1));
        assert_eq!(presence.active(USER), Some(4));
    }

    #[test]
    fn the_newest_registration_gets_the_pushes_and_another_copy_is_told() {
        let mut presence = Presence::default();
        presence.join(USER, 1, PHONE, |_| 0);
        assert_eq!(presence.join(USER, 2, PHONE, |_| 0).superseded, None, "the same copy on a new path");
        assert_eq!(presence.join(USER, 3, COPY, |_| 0).superseded, Some(2));
        assert_eq!(presence.active(USER), Some(3));
        assert_eq!([1, 2, 3].map(|s| presence.is_superseded(USER, s)), [true, true, false]);
        assert_eq!(presence.join(USER, 3, COPY, |_| 0).superseded, None);
    }

    #[test]
    fn pushes_go_back_to_a_session_of_the_same_copy_and_superseded_ones_end_with_the_last_of_it() {
        let mut presence = Presence::default();
        presence.join(USER, 1, COPY, |_| 0);
        presence.join(USER, 2, PHONE, |_| 0);
        presence.join(USER, 3, PHONE, |_| 0);
        assert_eq!(presence.leave(USER, 3), Left::Handed);
        assert_eq!(presence.active(USER), Some(2));
        assert_eq!(presence.leave(USER, 2), Left::Superseded(vec![1]));
        assert_eq!(presence.active(USER), None);
        assert_eq!(presence.leave(USER, 1), Left::Nobody);
        assert_eq!(presence.len(), 0);
    }
}
