//! The plain profile over a real socket, every datagram told: for study of the seed's own wire.
//!
//! In the clear. Whoever is on the path reads who registers, so the identity is made for the occasion unless the caller
//! insists on its own ([`profile_identity`]).

use std::net::SocketAddr;
use std::time::Duration;

pub use pirushka_client_core::plain::{Identity, PlainConfig, PlainEvent};
use pirushka_client_core::plain::{PlainClient, throw_away_identity};
use pirushka_wire::{Fingerprint, HostPort};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::check::connected;
use crate::clock::Clock;
use crate::dns::Dns;
use crate::driver::{NETWORK_CHECK, Network, load, seed};
use crate::error::{Code, Error, Result};
use crate::handle::AskPassphrase;
use crate::key::KeyHeader;
use crate::lock::ProfileLock;
use crate::profile::Profile;
use crate::store::Store;

/// What happens in a plain registration.
#[derive(Debug)]
pub enum PlainTold<'a> {
    /// It begins: who, and where the peer is.
    Begun(Fingerprint, SocketAddr),
    /// A datagram left.
    Sent(&'a [u8]),
    /// A datagram came.
    Received(&'a [u8]),
    /// What it means.
    Event(PlainEvent),
    /// This machine has another address; it registers again.
    NetworkChanged,
}

/// How a plain registration is made.
#[derive(Debug, Default)]
pub struct PlainOptions {
    /// The machine's own.
    pub config: PlainConfig,
    /// Ends when the registration has come through.
    pub once: bool,
    /// Whose; none: somebody who is made for it.
    pub identity: Option<Identity>,
}

/// Registers at a peer in the clear and, unless it is for once, goes on until it is dropped.
///
/// # Errors
/// [`Code::Dns`], and [`Code::NoAnswer`] when the verdict about every address of the peer is "unavailable" before a
/// registration has come through.
pub async fn register_plain(
    place: &HostPort,
    options: PlainOptions,
    mut told: impl FnMut(PlainTold<'_>),
) -> Result<()> {
    let identity = match options.identity {
        Some(identity) => identity,
        None => throw_away_identity(seed()?),
    };
    let addresses = Dns::default().addresses(place.host.as_str(), place.port).await.map_err(|cause| {
        Error::new(Code::Dns, format!("DNS: the host name {} has no address: {cause}", place.host))
            .with_remedy("check the spelling and your network")
    })?;
    let wait = Duration::from_micros(options.config.wait_us);
    let mut client = PlainClient::new(options.config, identity, place_holder(&addresses)?, seed()?);
    for address in addresses {
        client.set_peer(address);
        told(PlainTold::Begun(client.fingerprint(), address));
        let Ok(socket) = connected(address).await else { continue };
        let mut registration =
            Registration { client: &mut client, clock: Clock::new(), socket, wait, once: options.once };
        if registration.run(&mut told).await {
            return Ok(());
        }
    }
    Err(Error::new(Code::NoAnswer, format!("peer unavailable: {place} answered none of the registrations"))
        .with_remedy("check host and port; the peer must run with --plain, and UDP must get through"))
}

/// Who a profile is. No engine may own it meanwhile.
///
/// # Errors
/// As [`crate::Handle::join_or_start`], and [`Code::ProfileLocked`] while an engine runs.
pub async fn profile_identity(profile: &Profile, ask: Option<AskPassphrase>) -> Result<Identity> {
    let profile = profile.clone();
    let reading = tokio::task::spawn_blocking(move || {
        profile.must_exist()?;
        let _lock = ProfileLock::take(&profile)?;
        let key = KeyHeader::read(&profile)?.unlock(&profile, ask)?;
        let store = Store::open(&profile.store_path(), &key)?;
        Ok(load(&store, pirushka_client_core::ClientConfig::default(), Clock::new().now())?.into_identity())
    });
    reading.await.unwrap_or_else(|_| Err(Error::new(Code::Unexpected, "reading the profile was broken off")))
}

fn place_holder(addresses: &[SocketAddr]) -> Result<SocketAddr> {
    addresses.first().copied().ok_or_else(|| Error::new(Code::Dns, "DNS: the host name has no address"))
}

struct Registration<'a> {
    client: &'a mut PlainClient,
    clock: Clock,
    socket: UdpSocket,
    wait: Duration,
    once: bool,
}

impl Registration<'_> {
    /// `false`: the verdict is "unavailable", and nothing had come through before.
    async fn run(&mut self, told: &mut impl FnMut(PlainTold<'_>)) -> bool {
        let (mut buffer, mut is_registered, mut done_at) = ([0; 1500], false, None);
        let mut network = Network::new(self.clock.now());
        self.client.register(self.clock.now());
        loop {
            while let Some(event) = self.client.poll_event() {
                told(PlainTold::Event(event));
                match event {
                    PlainEvent::Registered => {
                        is_registered = true;
                        // A peer of the seed does not challenge; ours does at once.
                        done_at = self.once.then(|| Instant::now() + self.wait);
                    }
                    PlainEvent::Proven if self.once => return true,
                    PlainEvent::Proven => {}
                    PlainEvent::Unavailable if self.once || !is_registered => return false,
                    PlainEvent::Unavailable => {}
                }
            }
            self.flush(told).await;
            let due = self.client.poll_timeout().map(|at| Instant::from_std(self.clock.instant(at)));
            let done = done_at.filter(|_| !self.client.is_challenged());
            let wake = due.into_iter().chain(done).min().unwrap_or_else(|| Instant::now() + NETWORK_CHECK);
            match timeout_at(wake.min(Instant::now() + NETWORK_CHECK), self.socket.recv(&mut buffer)).await {
                Ok(Ok(length)) => {
                    told(PlainTold::Received(&buffer[..length]));
                    let peer = self.client.peer();
                    // What has no effect is shown all the same.
                    let _ = self.client.handle_datagram(self.clock.now(), peer, &buffer[..length]);
                }
                // The host says that nothing listens. The seed knows silence only, and so does the verdict.
                Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(_) if done.is_some_and(|at| at <= Instant::now()) => return true,
                Err(_) => {}
            }
            self.client.handle_timeout(self.clock.now());
            if network.changed(self.clock.now()) {
                self.move_over(told).await;
            }
        }
    }

    async fn flush(&mut self, told: &mut impl FnMut(PlainTold<'_>)) {
        let mut out = vec![];
        while self.client.poll_transmit(&mut out).is_some() {
            told(PlainTold::Sent(&out));
            // What the network refuses is lost like any other packet.
            let _ = self.socket.send(&out).await;
        }
    }

    /// Fact 8: a change of network is a new connection.
    async fn move_over(&mut self, told: &mut impl FnMut(PlainTold<'_>)) {
        told(PlainTold::NetworkChanged);
        if let Ok(socket) = connected(self.client.peer()).await {
            self.socket = socket;
        }
        self.client.register(self.clock.now());
    }
}
