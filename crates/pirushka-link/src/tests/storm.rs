//! Any mixture of loss, roaming, replays, damage, restarts and questions: each question is answered at most once, all
//! of them once the weather has cleared, and no stranger ever gets more than it sent.

use super::*;
use crate::{Answer, Class, Keepalive};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Act {
    Ask { bulk: bool, size: usize },
    Push,
    Roam { home: bool },
    Loss { permille: u32 },
    Replay { which: usize, elsewhere: bool },
    Damage { which: usize, at: usize },
    Restart,
    Wait { ms: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => (any::<bool>(), 1usize..1024).prop_map(|(bulk, size)| Act::Ask { bulk, size }),
        3 => Just(Act::Push),
        2 => any::<bool>().prop_map(|home| Act::Roam { home }),
        1 => (0u32..500).prop_map(|permille| Act::Loss { permille }),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, elsewhere)| Act::Replay { which, elsewhere }),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(which, at)| Act::Damage { which, at }),
        1 => Just(Act::Restart),
        4 => (0u64..5_000).prop_map(|ms| Act::Wait { ms }),
    ]
}

struct Storm {
    pair: Pair,
    expected: BTreeMap<RequestId, bool>,
    from_mallory: usize,
    restarts: u8,
}

impl Storm {
    fn play(&mut self, act: &Act) {
        match *act {
            Act::Ask { bulk, size } => {
                let class = if bulk { Class::Bulk } else { Class::Control };
                if self.pair.client.is_established() {
                    let request = self.pair.client.request(self.pair.now, &put(size), class);
                    self.expected.insert(request, false);
                }
            }
            Act::Push => {
                if let Some(session) = self.pair.session.filter(|s| self.pair.peer.can_push(self.pair.now, *s)) {
                    self.pair.peer.send(session, &push(1));
                }
            }
            Act::Roam { home } => {
                self.pair.client_addr = at(if home { HOME } else { AWAY });
                self.pair.client.path_changed(self.pair.now);
            }
            Act::Loss { permille } => self.pair.loss_permille = permille,
            Act::Replay { which, elsewhere } => {
                let Some(mut datagram) = self.seen(which) else { return };
                if elsewhere && datagram.to == at(PEER) {
                    datagram.from = at(MALLORY);
                    self.from_mallory += datagram.bytes.len();
                }
                self.pair.deliver(datagram);
            }
            Act::Damage { which, at } => {
                let Some(mut datagram) = self.seen(which) else { return };
                let at = at % datagram.bytes.len();
                datagram.bytes[at] ^= 0x10;
                self.pair.deliver(datagram);
            }
            Act::Restart => {
                self.restarts += 1;
                self.pair.peer = PeerLink::new(
                    PeerLinkConfig { filter_bits: 14, ..Default::default() },
                    key(),
                    [self.restarts; 32],
                    self.pair.now,
                );
                self.pair.session = None;
            }
            Act::Wait { ms } => self.pair.run(ms * MS),
        }
        self.read_events();
    }

    fn seen(&self, which: usize) -> Option<Datagram> {
        let n = self.pair.seen.len();
        // What the peer sent to the stranger is counted once, when it is sent.
        (n > 0).then(|| self.pair.seen[which % n].clone()).filter(|datagram| datagram.to != at(MALLORY))
    }

    fn read_events(&mut self) {
        self.pair.flush();
        for event in std::mem::take(&mut self.pair.events) {
            match event {
                ClientLinkEvent::Answered { request, answer } => {
                    assert_eq!(answer, Answer::Ok);
                    assert_eq!(self.expected.insert(request, true), Some(false), "answered twice or never asked");
                }
                ClientLinkEvent::Lost { .. } => {
                    self.expected.retain(|_, answered| *answered);
                    self.pair.client.connect(self.pair.now, at(PEER));
                }
                ClientLinkEvent::Established { .. }
                | ClientLinkEvent::Pushed { .. }
                | ClientLinkEvent::Polled { .. }
                | ClientLinkEvent::Quiet
                | ClientLinkEvent::Superseded => {}
            }
        }
        let to_mallory: usize = self.pair.elsewhere.iter().filter(|d| d.to == at(MALLORY)).map(|d| d.bytes.len()).sum();
        assert!(to_mallory <= self.from_mallory, "{to_mallory} bytes for {}", self.from_mallory);
    }
}

proptest! {
    #[test]
    fn no_weather_loses_or_doubles_an_answer_or_feeds_a_stranger(acts in prop::collection::vec(act(), 1..80)) {
        let mut pair = Pair::new();
        pair.client.connect(pair.now, at(PEER));
        pair.client.set_keepalive(pair.now, Some(Keepalive { interval_us: 25 * SECOND, poll_every: 2 }));
        let mut storm = Storm { pair, expected: BTreeMap::new(), from_mallory: 0, restarts: 10 };
        storm.pair.run(SECOND);
        for act in &acts {
            storm.play(act);
        }
        storm.pair.loss_permille = 0;
        for _ in 0..12 {
            storm.pair.run(10 * SECOND);
            storm.read_events();
        }
        prop_assert!(storm.pair.client.is_established());
        prop_assert!(storm.expected.values().all(|answered| *answered));
        prop_assert_eq!(storm.pair.peer.remote(storm.pair.session()), Some(storm.pair.client_addr));
    }
}
