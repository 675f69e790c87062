//! The bundles that people have published, all of them, and what those get who look somebody up.

use std::collections::BTreeMap;

use pirushka_e2e::bundle::{Bundle, LookedUp};
use pirushka_link::{PeerLink, SessionHandle};
use pirushka_wire::limits::{BODY_MAX, BODY_PART_MAX};
use pirushka_wire::{Fingerprint, Frame, ObjectId, RequestId};

use super::Bundles;
use crate::rand::Rand;

#[derive(Default)]
pub(super) struct Library {
    /// Of each person, the oldest first.
    published: BTreeMap<Fingerprint, Vec<Vec<u8>>>,
    /// Bodies on their way in, and how many bytes of each have come.
    uploads: BTreeMap<(SessionHandle, ObjectId), BTreeMap<u32, Vec<u8>>>,
    /// Bodies on their way out.
    handed_out: BTreeMap<(SessionHandle, ObjectId), Vec<u8>>,
    lookups: u64,
}

impl Library {
    pub(super) fn session_over(&mut self, session: SessionHandle) {
        self.uploads.retain(|(at, _), _| *at != session);
        self.handed_out.retain(|(at, _), _| *at != session);
    }

    pub(super) fn put(
        &mut self,
        session: SessionHandle,
        user: Fingerprint,
        object: ObjectId,
        (offset, total): (u32, u32),
        part: &[u8],
    ) {
        let parts = self.uploads.entry((session, object)).or_default();
        parts.insert(offset, part.to_vec());
        let come: usize = parts.values().map(Vec::len).sum();
        if come != total as usize || come > BODY_MAX {
            return;
        }
        let body = parts.values().flatten().copied().collect();
        self.uploads.remove(&(session, object));
        self.published.entry(user).or_default().push(body);
    }

    /// Makes up what this looker-up gets; `None` when that is nothing. Tells what was wrong about it, if anything.
    pub(super) fn look_up(
        &mut self,
        bundles: Bundles,
        rand: &mut Rand,
        session: SessionHandle,
        request: RequestId,
        of: Fingerprint,
    ) -> Option<Option<&'static str>> {
        self.lookups += 1;
        let all = self.published.get(&of)?;
        let (own, oldest) = (all.last()?, all.first()?);
        let other = self.published.iter().find(|(user, _)| **user != of).and_then(|(_, all)| all.last()).unwrap_or(own);
        let (card_of, package_of, deed) = match bundles {
            Bundles::True => (own, own, None),
            Bundles::Withheld => return None,
            Bundles::ByTurns if self.lookups.is_multiple_of(2) => return None,
            Bundles::ByTurns => (own, own, Some("gives a bundle to some only")),
            Bundles::Oldest => (oldest, oldest, Some("gives an old bundle")),
            Bundles::Swapped => (other, other, Some("gives somebody else's bundle")),
            Bundles::Mixed => (own, other, Some("gives somebody else's package")),
            Bundles::Altered => (own, own, Some("alters a bundle")),
            Bundles::OneForAll => (own, own, Some("gives one package to everybody")),
        };
        let (card, packages) = (Bundle::decode(card_of).ok()?.card, Bundle::decode(package_of).ok()?);
        let package = match (bundles, packages.one_time.first()) {
            (Bundles::OneForAll, Some(one)) => one,
            _ => packages.last_resort,
        };
        let mut body = LookedUp { card, package }.encode().ok()?;
        if bundles == Bundles::Altered {
            let at = rand.below(body.len() as u64) as usize;
            body[at] ^= 1 << rand.below(8);
        }
        self.handed_out.insert((session, ObjectId(request.0)), body);
        Some(deed)
    }

    /// Sends a part of a body that was made up before; whether there is one.
    pub(super) fn part(
        &self,
        session: SessionHandle,
        request: RequestId,
        object: ObjectId,
        offset: u32,
        link: &mut PeerLink,
    ) -> bool {
        let Some(body) = self.handed_out.get(&(session, object)) else { return false };
        let Some(rest) = body.get(offset as usize..) else { return false };
        let part = &rest[..rest.len().min(BODY_PART_MAX)];
        link.send(session, &Frame::Body { request, object, offset, total: body.len() as u32, part });
        true
    }
}
