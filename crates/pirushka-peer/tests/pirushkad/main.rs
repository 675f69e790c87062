//! The real program, as an operator and as clients meet it.

mod amplification;
mod attacks;
mod bad_input;
mod caller;
mod commands;
mod daemon;
mod doctor;
mod embedded;
mod forge;
mod life;
mod load;
mod memory;
mod monitoring;
mod operator;
mod service;
mod traffic;
mod wire;
