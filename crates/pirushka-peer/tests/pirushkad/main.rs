//! The real program, as an operator and as clients meet it.

mod bad_input;
mod commands;
mod daemon;
mod doctor;
mod embedded;
mod life;
mod load;
mod memory;
mod monitoring;
mod operator;
mod service;
mod traffic;
mod wire;
