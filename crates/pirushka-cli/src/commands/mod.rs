//! One file per noun or verb.

pub mod backup;
pub mod chat;
pub mod config;
pub mod contact;
pub mod engine;
pub mod export;
pub mod id;
pub mod identity;
pub mod init;
pub mod invite;
pub mod lab;
pub mod net;
pub mod paper;
pub mod peer;
pub mod profile;
pub mod recv;
pub mod requests;
pub mod rpc;
pub mod search;
pub mod send;
pub mod status;
pub mod verify;
