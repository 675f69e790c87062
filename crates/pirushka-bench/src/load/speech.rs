//! What load and server say to each other: sealed packets to a peer, or bare datagrams of their sizes to the floor.

use super::port::{Port, Who};
use super::texts::{Outgoing, Text};

/// What one datagram told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Numbers of texts that the server holds, as ranges; all of the sender that was told.
    pub(crate) held: Vec<(u32, u32)>,
    pub(crate) arrived: Vec<Text>,
    /// Refusals and what nobody asked for.
    pub(crate) other: u64,
}

impl Told {
    pub(crate) fn clear(&mut self) {
        let Self { held, arrived, other } = self;
        held.clear();
        arrived.clear();
        *other = 0;
    }
}

/// One way to speak.
pub(crate) trait Speech {
    /// Sends these texts of one sender, packed as a client would.
    fn leave(&mut self, port: &mut Port, sender: Who, texts: &[Outgoing]);

    /// Adds to `told` what a datagram to `who` says.
    fn hear(&mut self, who: Who, datagram: &mut [u8], told: &mut Told);

    /// Acknowledges what `who` has been given.
    fn acknowledge(&mut self, port: &mut Port, who: Who);
}
