//! pirushka-e2e
#![forbid(unsafe_code)]
mod error;
mod mls;
pub mod packages;
pub mod session;
pub use error::E2eError;
pub use mls::RowWrites;
pub use session::Session;
