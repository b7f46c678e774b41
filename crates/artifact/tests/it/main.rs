//! Loading units, and the cache of compiled code, from outside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod blobs;
mod builds;
mod cache;
mod fetch;
mod kept;
mod launch;
mod load;
mod processes;
mod server;
mod worker;
