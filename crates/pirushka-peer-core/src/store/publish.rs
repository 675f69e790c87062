//! The phone book: a user publishes its bundle, strangers look it up.

use pirushka_wire::{Fingerprint, Now};

use crate::refusal::Refusal;
use crate::store::bundle::Bundle;
use crate::store::{Source, Store, UserId};

/// What a stranger gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LookedUp {
    /// `card_len u16 | card | package_len u16 | package`.
    pub(crate) body: Vec<u8>,
    /// The package was a one-time one.
    pub(crate) one_time: bool,
}

impl Store {
    /// Replaces a user's bundle.
    pub(crate) fn publish(&mut self, now: Now, id: UserId, bytes: &[u8]) -> Result<(), Refusal> {
        let bundle = Bundle::parse(bytes, self.config.one_time_packages_max).map_err(|_| Refusal::MALFORMED)?;
        if self.user(id)?.queues.shared() + bundle.footprint() > u64::from(self.config.user_bytes) {
            return Err(Refusal::full(true));
        }
        if !self.make_room(bundle.footprint()) {
            return Err(Refusal::PEER_FULL);
        }
        self.unpublish(id);
        self.user_mut(id)?.bundle = Some((now.mono_us, bundle));
        self.bundles.insert((now.mono_us, id));
        self.settle(id);
        Ok(())
    }

    /// Hands out a user's CARD and one key package: a one-time one, if the session may have one still (`one_time`) and
    /// its source had none within the hour.
    pub(crate) fn lookup(
        &mut self,
        now: Now,
        source: Source,
        fingerprint: Fingerprint,
        one_time: bool,
    ) -> Result<LookedUp, Refusal> {
        let id = self.registry.find(&fingerprint).ok_or(Refusal::UNKNOWN_USER)?;
        let one_time = one_time && self.one_time_packages.allows(now.mono_us, source, 1);
        let (_, bundle) = self.user_mut(id)?.bundle.as_mut().ok_or(Refusal::UNKNOWN_USER)?;
        let (body, one_time) = bundle.hand_out(one_time);
        if one_time {
            self.one_time_packages.count(now.mono_us, source);
            self.settle_tables();
            self.totals.one_time_packages += 1;
        }
        self.totals.lookups += 1;
        self.settle(id);
        Ok(LookedUp { body, one_time })
    }

    /// Drops a user's bundle; not settled yet.
    pub(crate) fn unpublish(&mut self, id: UserId) {
        if let Some((published_us, _)) = self.registry.get_mut(id).and_then(|user| user.bundle.take()) {
            self.bundles.remove(&(published_us, id));
        }
    }
}
