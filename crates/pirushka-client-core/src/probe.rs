//! How long may the client be silent? A NAT forgets after a while that differs from network to network. A second socket
//! finds out: the peer is asked to answer after a pause in which nothing is sent. If the answer comes, the pause is safe.
//!
//! Policy: one pause after the other from a short list, each once per network; the keepalive becomes three quarters of
//! the longest pause that worked. The first that fails ends the search. A change of the network starts over.

use pirushka_link::{Answer, Class, ClientLink, ClientLinkEvent, Keepalive};
use pirushka_wire::time::{MINUTE, SECOND};
use pirushka_wire::{Frame, Now, RequestId};

use crate::client::{Client, Owner};
use crate::dial::{Dial, Retry};
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
    pub(crate) fn start_probing(&mut self, now: Now) {
        if self.config.adapt_keepalive && !self.probe.finished && self.probe.dial.is_none() {
            self.timers.set(Timer::Probe, now.after_us(PATIENCE_US));
        }
    }

    pub(crate) fn probe_timer(&mut self, now: Now) {
        let Some(home) = self.homes.first().filter(|home| home.is_registered()) else { return };
        if self.probe.dial.is_some() || self.probe.finished {
            return;
        }
        let peer = home.dial.peer.clone();
        let address = home.dial.address();
        let (socket, link) = self.new_link(Owner::Probe, peer.peer_id);
        let retry = Retry { first_us: SECOND, max_us: SECOND };
        let mut dial = Dial::new(peer, socket, link, retry);
        if let Some(address) = address {
            dial.link.connect(now, address);
        }
        self.probe.dial = Some(dial);
    }

    pub(crate) fn probe_event(&mut self, now: Now, event: ClientLinkEvent) {
        match event {
            ClientLinkEvent::Established { .. } => self.ask_later(now),
            ClientLinkEvent::Answered { request, answer } if Some(request) == self.probe.asked => {
                if answer == Answer::Ok {
                    let proven_us = u64::from(PAUSES_S[self.probe.step.min(PAUSES_S.len() - 1)]) * SECOND;
                    self.adopt_keepalive(now, proven_us / 4 * 3);
                    self.probe.step += 1;
                    self.ask_later(now);
                } else {
                    self.finish_probing(now);
                }
            }
            ClientLinkEvent::Lost { .. } => self.finish_probing(now),
            ClientLinkEvent::Answered { .. }
            | ClientLinkEvent::Pushed { .. }
            | ClientLinkEvent::Polled { .. }
            | ClientLinkEvent::Superseded => {}
        }
    }

    fn ask_later(&mut self, now: Now) {
        let Some(&delay_s) = PAUSES_S.get(self.probe.step) else { return self.finish_probing(now) };
        let Some(dial) = self.probe.dial.as_mut() else { return };
        let frame = Frame::Later { request: RequestId(0), delay_s };
        self.probe.asked = Some(dial.link.request(now, &frame, Class::Control));
    }

    fn adopt_keepalive(&mut self, now: Now, interval_us: u64) {
        let poll_every = self.config.poll_every;
        let Some(home) = self.homes.first_mut().filter(|home| interval_us > home.keepalive_us) else { return };
        home.keepalive_us = interval_us;
        home.dial.link.set_keepalive(now, Some(Keepalive { interval_us, poll_every }));
    }

    /// Another network forgets after another time: back to the keepalive that is safe everywhere.
    pub(crate) fn forget_keepalive(&mut self, now: Now) {
        self.finish_probing(now);
        self.probe.forget();
        let (interval_us, poll_every) = (self.config.keepalive_us, self.config.poll_every);
        for home in &mut self.homes {
            home.keepalive_us = interval_us;
            if home.is_registered() {
                home.dial.link.set_keepalive(now, Some(Keepalive { interval_us, poll_every }));
            }
        }
        if self.homes.iter().any(super::home::Home::is_registered) {
            self.start_probing(now);
        }
    }

    pub(crate) fn finish_probing(&mut self, now: Now) {
        self.probe.finished = true;
        self.probe.asked = None;
        if let Some(mut dial) = self.probe.dial.take() {
            dial.link.close(now);
            self.sockets.remove(&dial.socket);
            self.parting.push((dial.socket, dial.link));
        }
    }
}
