//! Two bulk flows through a link of 1 Mbit/s share it, fill it, and leave room for a question.

use super::*;
use crate::Class;
use pirushka_netsim::{LinkConfig, Net};

const MINUTES: u64 = 2;

/// One client that always has more to say.
struct Flow {
    client: ClientLink,
    address: SocketAddr,
    answered: u64,
    slowest_question_us: u64,
    question: Option<(RequestId, u64)>,
}

impl Flow {
    fn new(seed: u8, port: u16, now: Now, peer: SocketAddr) -> Self {
        let config = ClientLinkConfig { junk: 0, ..ClientLinkConfig::default() };
        let mut client = ClientLink::new(config, key().peer_id(), [seed; 32]);
        client.connect(now, peer);
        let address = SocketAddr::new(at(HOME).ip(), port);
        Self { client, address, answered: 0, slowest_question_us: 0, question: None }
    }

    fn step(&mut self, now: Now) {
        self.client.handle_timeout(now);
        while let Some(event) = self.client.poll_event() {
            match event {
                ClientLinkEvent::Answered { request, .. } => match self.question.take_if(|(id, _)| *id == request) {
                    Some((_, at)) => self.slowest_question_us = self.slowest_question_us.max(now.mono_us - at),
                    None => self.answered += 1,
                },
                ClientLinkEvent::Lost { reason } => panic!("lost: {reason:?}"),
                _ => {}
            }
        }
        while self.client.is_established() && self.client.in_flight() < 400 {
            self.client.request(now, &put(1024), Class::Bulk);
        }
        if self.question.is_none() && self.client.is_established() {
            self.question = Some((self.client.request(now, &poll(), Class::Control), now.mono_us));
        }
    }
}

#[test]
fn two_bulk_flows_share_a_narrow_link_and_fill_it() {
    let mut net = Net::new(5);
    let peer_at = at(PEER);
    let bandwidth_bps = Some(1_000_000);
    net.set_link(LinkConfig { latency_us: 30_000, bandwidth_bps, queue_bytes: 16 * 1024, ..LinkConfig::default() });
    net.add_host(peer_at.ip());
    net.add_host(at(HOME).ip());
    let mut pair = Pair::new();
    let start = pair.now;
    let moment = |us: u64| Now { mono_us: start.mono_us + us, wall_ms: start.wall_ms + us / 1000 };
    let mut flows = [Flow::new(1, 1001, start, peer_at), Flow::new(2, 1002, start, peer_at)];
    let mut halfway = [0; 2];
    let mut out = vec![];
    loop {
        let us = net.now_us();
        let now = moment(us);
        pair.now = now;
        while let Some(delivery) = net.poll() {
            let mut bytes = delivery.bytes;
            if delivery.to == peer_at {
                pair.inject_to_peer(&delivery.from.to_string(), &bytes);
            } else if let Some(flow) = flows.iter_mut().find(|flow| flow.address == delivery.to) {
                let _ = flow.client.handle_datagram(now, peer_at, &mut bytes);
            }
        }
        pair.peer.handle_timeout(now);
        for flow in &mut flows {
            flow.step(now);
            while flow.client.poll_transmit(now, &mut out).is_some() {
                net.send(flow.address, peer_at, &out);
            }
        }
        pair.take_peer_output().into_iter().for_each(|d| net.send(peer_at, d.to, &d.bytes));
        if us < MINUTES * 30 * SECOND {
            halfway = [flows[0].answered, flows[1].answered];
        }
        let timers = flows.iter().filter_map(|flow| flow.client.poll_timeout()).min();
        let next = net.next_at().into_iter().chain(timers.map(|at| at - start.mono_us)).min().unwrap();
        if next > MINUTES * 60 * SECOND {
            break;
        }
        net.advance_to(next.max(us + 1));
    }
    let [a, b] = [flows[0].answered - halfway[0], flows[1].answered - halfway[1]];
    let kbit_per_s = (a + b) * 1024 * 8 / 1000 / (MINUTES * 30);
    let stats = net.stats();
    let report = format!(
        "{a} and {b} answered, {kbit_per_s} kbit/s of payload, {} of {} datagrams overflowed, questions took at most {} and {} ms",
        stats.overflowed,
        stats.sent,
        flows[0].slowest_question_us / MS,
        flows[1].slowest_question_us / MS
    );
    println!("{report}");
    assert!(a.min(b) * 3 > a + b, "one starves: {report}");
    assert!(kbit_per_s > 650, "the link is not filled: {report}");
    assert!(stats.overflowed * 10 < stats.sent, "too much is lost: {report}");
}
