//! How long may the client be silent? A NAT forgets after a while that differs from network to network. A second socket
//! finds out: the peer is asked to answer after a pause in which nothing is sent. If the answer comes, the pause is safe.
//!
//! Policy: one pause after the other from a short list, each once per network; the keepalive becomes three quarters of
//! the longest pause that worked. The first that fails ends the search. A change of the network starts over. Each home
//! peer is probed for itself: one may be reached by IPv6 and the other through a NAT.

use pirushka_link::{Answer, Class, ClientLink, ClientLinkEvent, Keepalive};
use pirushka_wire::time::{MINUTE, SECOND};
use pirushka_wire::{Frame, Now, RequestId};

use crate::client::{Client, Owner};
use crate::dial::{Dial, Retry};
use crate::home_row::HomeId;
use crate::timers::Timer;

/// Pauses to try, in seconds. The first is there because a stock Linux NAT remembers a flow for 120 s instead of 30 s only
/// once it has seen packets both ways for longer than 2 s, as the home session's flow has. The last is what a peer grants
/// (an anonymous session ends after 3 min).
const PAUSES_S: [u16; 5] = [3, 45, 75, 110, 150];
/// The search begins when the session has stood for so long: short runs need no long keepalive.
const PATIENCE_US: u64 = 2 * MINUTE;

/// The search for a longer keepalive.
#[derive(Default)]
pub(crate) struct KeepaliveProbe {
    dial: Option<Dial>,
    step: usize,
    asked: Option<RequestId>,
    finished: bool,
}

impl KeepaliveProbe {
    pub(crate) fn link(&self) -> Option<&ClientLink> {
        self.dial.as_ref().map(|dial| &dial.link)
    }

    pub(crate) fn link_mut(&mut self) -> Option<&mut ClientLink> {
        self.dial.as_mut().map(|dial| &mut dial.link)
    }

    /// Another network: what was learnt does not hold.
    pub(crate) fn forget(&mut self) {
        self.finished = false;
        self.step = 0;
    }
}

impl Client {
    /// The home session stands: begin to search before long.
    pub(crate) fn start_probing(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get(&id) else { return };
        if self.config.adapt_keepalive && !home.probe.finished && home.probe.dial.is_none() {
            self.timers.set(Timer::Probe(id), now.after_us(PATIENCE_US));
        }
    }

    pub(crate) fn probe_timer(&mut self, now: Now, id: HomeId) {
        let Some(home) = self.homes.get(&id).filter(|home| home.is_registered()) else { return };
        if home.probe.dial.is_some() || home.probe.finished {
            return;
        }
        let peer = home.dial.peer.clone();
        let address = home.dial.address();
        let (socket, link) = self.new_link(Owner::Probe(id), peer.peer_id);
        let retry = Retry { first_us: SECOND, max_us: SECOND };
        let mut dial = Dial::new(peer, socket, link, retry);
        if let Some(address) = address {
            dial.link.connect(now, address);
        }
        if let Some(home) = self.homes.get_mut(&id) {
            home.probe.dial = Some(dial);
        }
    }

    pub(crate) fn probe_event(&mut self, now: Now, id: HomeId, event: ClientLinkEvent) {
        let Some(probe) = self.homes.get_mut(&id).map(|home| &mut home.probe) else { return };
        match event {
            ClientLinkEvent::Established { .. } => self.ask_later(now, id),
            ClientLinkEvent::Answered { request, answer } if Some(request) == probe.asked => {
                if answer == Answer::Ok {
                    let proven_us = u64::from(PAUSES_S[probe.step.min(PAUSES_S.len() - 1)]) * SECOND;
                    probe.step += 1;
                    self.adopt_keepalive(now, id, proven_us / 4 * 3);
                    self.ask_later(now, id);
                } else {
                    self.finish_probing(now, id);
                }
            }
            ClientLinkEvent::Lost { .. } => self.finish_probing(now, id),
            ClientLinkEvent::Answered { .. }
            | ClientLinkEvent::Pushed { .. }
            | ClientLinkEvent::Polled { .. }
            | ClientLinkEvent::Quiet
            | ClientLinkEvent::Superseded => {}
        }
    }

    fn ask_later(&mut self, now: Now, id: HomeId) {
        let Some(probe) = self.homes.get_mut(&id).map(|home| &mut home.probe) else { return };
        let Some(&delay_s) = PAUSES_S.get(probe.step) else { return self.finish_probing(now, id) };
        let Some(dial) = probe.dial.as_mut() else { return };
        let frame = Frame::Later { request: RequestId(0), delay_s };
        probe.asked = Some(dial.link.request(now, &frame, Class::Control));
    }

    fn adopt_keepalive(&mut self, now: Now, id: HomeId, interval_us: u64) {
        let poll_every = self.config.poll_every;
        let Some(home) = self.homes.get_mut(&id).filter(|home| interval_us > home.keepalive_us) else { return };
        home.keepalive_us = interval_us;
        home.dial.link.set_keepalive(now, Some(Keepalive { interval_us, poll_every }));
    }

    /// Another network forgets after another time: back to the keepalive that is safe everywhere.
    pub(crate) fn forget_keepalive(&mut self, now: Now) {
        let (interval_us, poll_every) = (self.config.keepalive_us, self.config.poll_every);
        for id in self.homes.keys().copied().collect::<Vec<_>>() {
            self.finish_probing(now, id);
            let Some(home) = self.homes.get_mut(&id) else { continue };
            home.probe.forget();
            home.keepalive_us = interval_us;
            if home.is_registered() {
                home.dial.link.set_keepalive(now, Some(Keepalive { interval_us, poll_every }));
                self.start_probing(now, id);
            }
        }
    }

    pub(crate) fn finish_probing(&mut self, now: Now, id: HomeId) {
        let Some(probe) = self.homes.get_mut(&id).map(|home| &mut home.probe) else { return };
        probe.finished = true;
        probe.asked = None;
        if let Some(dial) = probe.dial.take() {
            self.part(now, Owner::Probe(id), dial);
        }
    }
}
