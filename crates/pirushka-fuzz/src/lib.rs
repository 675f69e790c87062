//! Fuzz targets: functions of any bytes, each of which checks properties and not only that nothing panics.
//!
//! Parsers take the input as it is: what they accept is written again in the same way. Where a signature, a tag or a
//! MAC stands in front, or a machine has a state, the input is a script: it says which sound thing is made, how it is
//! changed, and what is done in which order; machines are compared with plain lists.
//!
//! `tests/replay.rs` runs every file of `fuzz/corpus/` and some thousands of mutations, always the same, in the ordinary
//! tests. `fuzz/run` lets libFuzzer look further. `docs/TESTING.md` tells how to work with both.

#![forbid(unsafe_code)]

mod client;
mod der;
mod e2e;
mod files;
mod identity;
mod link;
mod peer;
mod sas;
mod script;
mod wire;

/// A function that any bytes may be given to.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Also the name of its folder in `fuzz/corpus/`.
    pub name: &'static str,
    /// What holds whatever the bytes are.
    pub holds: &'static str,
    /// Panics where it does not.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("root", "a packet is its fields, and the fields make the packet again", wire::root),
    target("payloads", "handshake and plain payloads are written again as they came", wire::payloads),
    target("frames", "each known frame is written again as it came", wire::frames),
    target("ranges", "a set of numbers agrees with the list of what was put into it", wire::ranges),
    target("address", "what is shown of an address reads back as the same", wire::address),
    target("certificate", "a certificate has one encoding, and its key signed all of it", identity::certificate),
    target("card", "a CARD is its owner's, whole and in its one form", identity::card),
    target("registration", "a registration is good for its person, peer and session alone", identity::registration),
    target("content", "a content is within its limits and reads back as the same", e2e::content),
    target("envelope", "an envelope opens with its queue's key alone, to what stands in it", e2e::sealed_envelope),
    target("parts", "parts of messages agree with a list; memory is bounded", e2e::parts),
    target("intro", "introductions and bundles have one form; memory is bounded", e2e::intro),
    target("sas", "the six digits: equal for honest people, unchanged by what is refused", sas::steps),
    target("session", "an MLS session opens what was said, once; a refusal changes nothing", e2e::session),
    target("handshake", "without the key there is no session, and no answer larger than its question", link::handshake),
    target("link", "each question is answered once in any weather, and no stranger is fed", link::storm),
    target("mailbox", "a peer holds what a plain list holds, and pushes all of it", peer::mailbox),
    target("questions", "a peer answers every question within its memory", peer::questions),
    target(
        "client",
        "no peer makes a client show what nobody wrote, or anything twice, or spoil its disk",
        client::conversation,
    ),
    target("words", "whatever stands in a text is found, and what is shown is a part of it", files::words),
    target("settings", "a client's setting that is accepted is accepted as it is shown", files::settings),
    target("peer_config", "a peer's file that is accepted says the same when it is written out", files::peer_config),
    target("backup", "a backup is read whole or refused, with its own secret alone", files::backup),
    target("plain", "in the plain profile, nobody is where he has not answered", peer::plain),
];

const fn target(name: &'static str, holds: &'static str, run: fn(&[u8])) -> Target {
    Target { name, holds, run }
}

/// The target of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
