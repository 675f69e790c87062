//! The one integration binary of the workspace.

mod stories;
mod tidy;
mod vectors;
