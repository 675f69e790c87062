//! One file per noun or verb.

pub mod chat;
pub mod contact;
pub mod engine;
pub mod id;
pub mod init;
pub mod invite;
pub mod lab;
pub mod paper;
pub mod peer;
pub mod recv;
pub mod send;
pub mod status;
pub mod verify;
