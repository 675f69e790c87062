//! Bytes between each peer and each address (S5), and the packets that a peer has believed (S4), kept by an onlooker who
//! sees every delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::net::SocketAddr;

/// The accounts of one peer. A restart changes nothing: cookies outlive it, so what an address proved stays proven.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: BTreeMap<SocketAddr, Account>,
    mute: BTreeSet<SocketAddr>,
    believed: BTreeSet<u64>,
}

#[derive(Debug, Default)]
struct Account {
    bytes_in: u64,
    bytes_out: u64,
    /// Something from the peer has arrived there.
    reached: bool,
    /// Something came from there after that: the earliest moment at which a path can be proven.
    proven: bool,
}

impl Ledger {
    /// This address never sends anything with a valid MAC1: it must not be answered.
    pub(crate) fn expect_silence(&mut self, address: SocketAddr) {
        self.mute.insert(address);
    }

    /// What names a datagram, among the thousands of a run.
    pub(crate) fn name(datagram: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(datagram);
        hasher.finish()
    }

    /// The peer believes this packet of a session; tells whether it is the first time.
    pub(crate) fn believed(&mut self, packet: u64) -> bool {
        self.believed.insert(packet)
    }

    pub(crate) fn arrived_at_peer(&mut self, from: SocketAddr, bytes: usize) {
        let account = self.accounts.entry(from).or_default();
        account.bytes_in += bytes as u64;
        account.proven |= account.reached;
    }

    pub(crate) fn arrived_from_peer(&mut self, at: SocketAddr) {
        self.accounts.entry(at).or_default().reached = true;
    }

    /// The peer sends; tells what is wrong with that.
    pub(crate) fn sent_by_peer(&mut self, to: SocketAddr, bytes: usize) -> Option<String> {
        if self.mute.contains(&to) {
            return Some(format!("{bytes} bytes to {to}, which never sent anything with a valid MAC1"));
        }
        let account = self.accounts.entry(to).or_default();
        account.bytes_out += bytes as u64;
        let (sent, got) = (account.bytes_out, account.bytes_in);
        (!account.proven && sent > got).then(|| format!("{sent} bytes to the unproven {to}, which sent {got}"))
    }
}
