//! The one integration binary of the workspace.

mod tidy;
mod vectors;
