//! The client as a pure machine: home peers, outbox, inbox, contacts, the six digits. Bytes and time in; packets, rows,
//! events and the next deadline out. No socket, no clock, no file.
//!
//! The problem: a text must reach a person whose peer keeps nothing but RAM, through restarts of every process between
//! the two disks, and be shown there once and in order. So the sender's disk is the only store until the recipient's
//! client has said, end to end, that it has the text; and whatever changes here is a row that is committed *before* the
//! packets that follow from it leave. [`Client`] tells how to drive it.
//!
//! | file | the operation |
//! |---|---|
//! | `client` | dispatch: inputs in, outputs out |
//! | `home` | my registered session with one home peer: bundle, queues, invites, pushes |
//! | `homes` | which peers serve me: add, remove, move; who knows |
//! | `route`, `dial` | the anonymous session with one of a contact's peers; reaching any peer |
//! | `path` | which of a contact's peers to use now |
//! | `deposit` | what is left there, and what the peer answers |
//! | `send`, `outbox` | compose, seal, offer, offer again |
//! | `receive`, `contents` | envelope, parts, MLS message, content |
//! | `display`, `receipts` | order and gaps; what came and what was seen |
//! | `hello`, `intro` | first contact, both sides |
//! | `verify` | the six digits |
//! | `work` | proof of work that a peer asks for |
//! | `likeness` | names that look alike |
//! | `conversation`, `vanish` | settings of a conversation; messages that disappear |
//! | `probe` | how long the client may be silent |
//! | `commands`, `getters` | verbs and questions |
//! | [`plain`] | the seed's bare registration, for study: a machine of its own |
//! | `restore` | a client from a backup: everything but the ratchets |
//! | `load`, `rows`, `profile`, `home_row`, `contact`, `queue`, `invite`, `memory` | what is on disk |

#![forbid(unsafe_code)]

pub mod api;
mod changes;
mod client;
mod commands;
mod config;
mod contact;
mod contents;
mod conversation;
mod deposit;
mod dial;
mod display;
mod getters;
mod hello;
mod home;
mod home_row;
mod homes;
mod intro;
mod invite;
mod likeness;
pub mod limits;
mod load;
mod memory;
mod names;
mod outbox;
mod path;
pub mod plain;
mod probe;
mod profile;
mod queue;
mod receipts;
mod receive;
mod relocate;
mod restore;
mod route;
mod rows;
mod send;
#[cfg(test)]
mod tests;
mod timers;
mod vanish;
mod verify;
mod work;

pub use api::*;
pub use client::Client;
pub use config::ClientConfig;
pub use load::LoadError;
pub use pirushka_identity::{IntroPolicy, WorkClaim};
pub use pirushka_link as link;
