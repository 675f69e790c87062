//! The one integration binary of the workspace.

mod copied;
mod downgrade;
mod ledger;
mod processes;
mod stories;
mod tidy;
mod vectors;
