//! Where units come from, and the cache of compiled code.
//!
//! [`load`] turns a manifest's reference into a validated [`Unit`](wasmill_unit::Unit). [`CodeCache`] keeps what wasmtime compiled
//! between processes: content-addressed, authenticated with a key of this installation, mapped.
//!
//! Invariants: this is the only crate with `unsafe` code, in one module of some lines; no compiled code is handed to wasmtime
//! before every byte of it was authenticated; a damaged cache is slow, never wrong and never an error.
#![deny(unsafe_op_in_unsafe_fn)]

mod code_cache;
mod confine;
mod entry;
mod error;
mod load;
mod mapped;
mod worker;

pub use code_cache::{CacheError, CacheStats, CodeCache, CodeKind, fingerprint};
pub use confine::Confinement;
pub use error::ArtifactError;
pub use load::{MAX_TEXT_SIZE, MAX_UNIT_SIZE, load};
pub use worker::{Ended, Finished, Worker, WorkerCode, WorkerError};
