//! The client as a pure machine (being written).
pub mod api;
pub use api::*;
