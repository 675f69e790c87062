//! The one integration binary of the workspace.

mod processes;
mod stories;
mod tidy;
mod vectors;
