//! One of my homes under another host name or port: tried beside the old one.
//!
//! Policy. The old address serves me and stands in the CARD until the peer with this key has answered at the new one: a
//! mistyped port costs nothing. The handshake proves all that is to be proven. An address that does not answer is tried
//! again at growing intervals, until the person names the old one again or a third.

use std::net::SocketAddr;

use pirushka_link::ClientLinkEvent;
use pirushka_wire::{HomeAddress, Now};

use crate::client::{Client, Owner};
use crate::dial::{Dial, Phase, Verdict};
use crate::home_row::HomeId;
use crate::homes::home_event;
use crate::timers::Timer;

/// The way to a home peer at an address that has not answered yet.
pub(crate) struct Trial {
    pub(crate) dial: Dial,
    pub(crate) fails: bool,
}

impl Client {
    /// Tries a home at another address, from now on.
    pub(crate) fn try_address(&mut self, now: Now, id: HomeId, address: &HomeAddress) {
        self.end_trial(now, id);
        let Some(home) = self.homes.get_mut(&id) else { return };
        home.row.moving_to = Some(address.to_string());
        home.row.save(&mut self.writes);
        self.open_trial(id);
        if self.started {
            self.wake_trial(now, id, false);
        }
        self.events.extend(self.homes.get(&id).map(home_event));
    }

    /// The way to the new address, not begun yet.
    pub(crate) fn open_trial(&mut self, id: HomeId) {
        let Some(to) = self.homes.get(&id).and_then(|home| home.row.moving_to.as_ref()) else { return };
        let Ok(HomeAddress { peer, .. }) = to.parse() else { return };
        let dial = self.home_dial(Owner::Trial(id), peer);
        if let Some(home) = self.homes.get_mut(&id) {
            home.trial = Some(Trial { dial, fails: false });
        }
    }

    /// Stays at the old address.
    pub(crate) fn stay(&mut self, now: Now, id: HomeId) {
        self.end_trial(now, id);
        let Some(home) = self.homes.get_mut(&id).filter(|home| home.row.moving_to.is_some()) else { return };
        home.row.moving_to = None;
        home.row.save(&mut self.writes);
        self.events.push_back(home_event(home));
    }

    /// Ends the attempt; what lies on disk about it stays.
    pub(crate) fn end_trial(&mut self, now: Now, id: HomeId) {
        let Some(trial) = self.homes.get_mut(&id).and_then(|home| home.trial.take()) else { return };
        self.timers.clear(Timer::Trial(id));
        self.part(now, Owner::Trial(id), trial.dial);
    }

    /// Begins to reach the new address, unless that is under way; `at_once`: even if it did not answer a moment ago.
    pub(crate) fn wake_trial(&mut self, now: Now, id: HomeId, at_once: bool) {
        self.asking(Owner::Trial(id), |client, ask| {
            let dial = client.homes.get_mut(&id).and_then(|home| Some(&mut home.trial.as_mut()?.dial));
            let wake = if at_once { Dial::wake_now } else { Dial::wake };
            ((), dial.and_then(|dial| wake(dial, now, ask)))
        });
    }

    pub(crate) fn trial_resolved(&mut self, now: Now, id: HomeId, addresses: Vec<SocketAddr>) {
        let Self { homes, rng, .. } = self;
        let Some(trial) = homes.get_mut(&id).and_then(|home| home.trial.as_mut()) else { return };
        let verdict = trial.dial.resolved(now, addresses, rng);
        self.trial_verdict(id, verdict);
    }

    pub(crate) fn trial_event(&mut self, now: Now, id: HomeId, event: ClientLinkEvent) {
        match event {
            ClientLinkEvent::Established { .. } => self.relocate(now, id),
            ClientLinkEvent::Lost { reason } => {
                let verdict = self.asking(Owner::Trial(id), |client, ask| {
                    let Self { homes, rng, .. } = client;
                    let trial = homes.get_mut(&id).and_then(|home| home.trial.as_mut());
                    trial.map_or((Verdict::Retrying, None), |trial| trial.dial.lost(now, reason, ask, rng))
                });
                self.trial_verdict(id, verdict);
            }
            ClientLinkEvent::Answered { .. }
            | ClientLinkEvent::Pushed { .. }
            | ClientLinkEvent::Polled { .. }
            | ClientLinkEvent::Quiet
            | ClientLinkEvent::Superseded => {}
        }
    }

    fn trial_verdict(&mut self, id: HomeId, verdict: Verdict) {
        let Some(home) = self.homes.get_mut(&id) else { return };
        let Some(trial) = home.trial.as_mut().filter(|_| verdict == Verdict::Unavailable) else { return };
        if let Phase::Waiting { until_us } = trial.dial.phase() {
            self.timers.set(Timer::Trial(id), until_us);
        }
        if !std::mem::replace(&mut trial.fails, true) {
            self.events.push_back(home_event(home));
        }
    }

    /// The peer is there: from now on this is where it serves me.
    fn relocate(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get(&id) else { return };
        let mut row = home.row.clone();
        let Some(address) = row.moving_to.take() else { return };
        row.address = address;
        self.close_home(now, id);
        self.begin_home(now, row);
        self.homes_changed(now);
    }
}
