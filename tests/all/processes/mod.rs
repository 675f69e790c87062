//! Real processes on real sockets: what a person and an operator would see.

mod bad_input;
mod demo;
mod engine;
mod facts;
mod homes;
mod keeping;
mod killed;
mod lost_things;
mod memory;
mod natlab;
mod net_check;
mod operating;
mod output;
mod package;
mod people;
mod plain;
mod profiles;
mod readme;
mod rpc;
mod stage;
mod strangers;
mod waiting;
