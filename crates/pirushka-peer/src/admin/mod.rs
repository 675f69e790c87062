//! What monitoring may ask over HTTP, on a loopback port: `/metrics`, `/healthz`, `/readyz`.
//!
//! Off unless `admin.listen` says where. Totals only, nobody's identity, and nothing can be changed here. It is a thread
//! of its own that asks the shards as everybody else does, at most once a second however often it is asked itself.
//!
//! | file | idea |
//! |---|---|
//! | `server.rs` | connections: few, short, one thread |
//! | `pages.rs` | a request becomes an answer; who may ask |
//! | `metrics.rs` | a snapshot in Prometheus' text format; the names are frozen |

mod metrics;
mod pages;
mod server;

pub(crate) use server::{Server, listen};
