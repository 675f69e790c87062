//! Who is served: `map[sha256 client fingerprint]ClientData` (fact 9).

use std::collections::HashMap;

use pirushka_wire::Fingerprint;

use crate::store::heap::shrink_table;
use crate::store::user::{User, UserId};

/// Users by fingerprint and by place; both O(1), whatever the fingerprints (the map's hash is keyed).
#[derive(Debug, Default)]
pub(crate) struct Registry {
    by_fingerprint: HashMap<Fingerprint, UserId>,
    places: Vec<Option<Box<User>>>,
    free: Vec<UserId>,
}

impl Registry {
    pub(crate) fn len(&self) -> usize {
        self.by_fingerprint.len()
    }

    /// By the full fingerprint; there is no other form.
    pub(crate) fn find(&self, fingerprint: &Fingerprint) -> Option<UserId> {
        self.by_fingerprint.get(fingerprint).copied()
    }

    pub(crate) fn get(&self, id: UserId) -> Option<&User> {
        self.places.get(id.0 as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, id: UserId) -> Option<&mut User> {
        self.places.get_mut(id.0 as usize)?.as_deref_mut()
    }

    /// The caller has made sure that the fingerprint is not there.
    pub(crate) fn insert(&mut self, user: User) -> UserId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            UserId(self.places.len() as u32 - 1)
        });
        self.by_fingerprint.insert(user.fingerprint, id);
        self.places[id.0 as usize] = Some(Box::new(user));
        id
    }

    pub(crate) fn remove(&mut self, id: UserId) -> Option<Box<User>> {
        let user = self.places.get_mut(id.0 as usize)?.take()?;
        self.by_fingerprint.remove(&user.fingerprint);
        shrink_table(&mut self.by_fingerprint);
        self.free.push(id);
        Some(user)
    }

    /// Changes every user; for changes of the configuration only.
    pub(crate) fn for_each(&mut self, change: impl FnMut(&mut User)) {
        self.places.iter_mut().flatten().map(|user| &mut **user).for_each(change);
    }

    #[cfg(test)]
    pub(crate) fn hasher(&self) -> &std::collections::hash_map::RandomState {
        self.by_fingerprint.hasher()
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.places.iter().flatten().map(|user| &**user)
    }
}
