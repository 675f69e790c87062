//! The one integration binary of the workspace.

mod ledger;
mod processes;
mod stories;
mod tidy;
mod vectors;
