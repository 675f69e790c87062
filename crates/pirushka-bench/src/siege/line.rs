//! One link and its socket.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use pirushka_link::{ClientLink, ClientLinkConfig, ClientLinkEvent};
use pirushka_wire::{Now, PeerId};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use super::recording::Recording;

pub(crate) struct Line {
    pub(crate) link: ClientLink,
    pub(crate) socket: UdpSocket,
    pub(crate) events: VecDeque<ClientLinkEvent>,
    /// Whether its sealed packets are recorded: its session lasts as long as the run.
    lasts: bool,
    datagram: Vec<u8>,
}

impl Line {
    /// On a socket of its own, greeting the peer.
    pub(crate) fn open(
        from: Ipv4Addr,
        (to, peer_id): (SocketAddr, PeerId),
        now: Now,
        lasts: bool,
        rng: &mut ChaCha20Rng,
    ) -> anyhow::Result<Self> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let socket = UdpSocket::bind((from, 0))?;
        socket.set_nonblocking(true)?;
        let mut link = ClientLink::new(ClientLinkConfig::default(), peer_id, seed);
        link.connect(now, to);
        Ok(Self { link, socket, events: VecDeque::new(), lasts, datagram: vec![] })
    }

    /// Takes in what has come, and does what is due.
    pub(crate) fn receive(&mut self, now: Now) {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            // Why a datagram has no effect is of no interest here.
            let _ = self.link.handle_datagram(now, from, &mut buffer[..length]);
        }
        if self.link.poll_timeout().is_some_and(|at_us| at_us <= now.mono_us) {
            self.link.handle_timeout(now);
        }
        self.events.extend(std::iter::from_fn(|| self.link.poll_event()));
    }

    /// Sends what there is to send; somebody on the path writes it down.
    pub(crate) fn flush(&mut self, now: Now, recording: &Recording) -> anyhow::Result<()> {
        let is_greeting = !self.link.is_established();
        while let Some(to) = self.link.poll_transmit(now, &mut self.datagram) {
            self.socket.send_to(&self.datagram, to)?;
            if is_greeting {
                recording.note_greeting(&self.datagram);
            } else if self.lasts {
                recording.note_sealed(&self.datagram);
            }
        }
        Ok(())
    }
}
