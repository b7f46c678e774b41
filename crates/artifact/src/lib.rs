//! Where units come from, the cache of compiled code, and the store of large values.
//!
//! [`load`] turns a manifest's reference into a validated [`Unit`](wasmill_unit::Unit): of a file, of text, or fetched as [`Sources`]
//! say and kept by its digest in a [`UnitCache`]. [`CodeCache`] keeps what wasmtime compiled between processes: content-addressed,
//! authenticated with a key of this installation, mapped. [`BlobStore`] keeps the large values that documents refer to.
//!
//! Invariants: this is the only crate with `unsafe` code, in one module of some lines; no compiled code is handed to wasmtime
//! before every byte of it was authenticated, and no file is trusted for longer than a day without that; a damaged cache is slow, never wrong and never an error.
#![deny(unsafe_op_in_unsafe_fn)]

mod blob_store;
mod build_cache;
mod code_cache;
mod confine;
mod digest_folder;
mod entry;
mod error;
mod fetch;
mod fetch_error;
mod fingerprint;
mod folder;
mod health;
mod inventory;
mod launch;
mod load;
mod mapped;
mod pipes;
mod sources;
mod stamp;
mod thread;
mod unit_cache;
mod worker;

pub use blob_store::{BlobStore, BlobStoreError};
pub use build_cache::{BuildCache, BuildLock, private_folder};
pub use code_cache::{CacheError, CacheOptions, CacheStats, CodeCache, CodeKind};
pub use confine::Confinement;
pub use digest_folder::Kept;
pub use entry::About;
pub use error::ArtifactError;
pub use fetch_error::{FetchError, Refusal};
pub use fingerprint::fingerprint;
pub use folder::{Distrust, Holds};
pub use health::{Condition, Trouble, examine, repair};
pub use inventory::{Cleaned, EntryInfo, Verified};
pub use launch::{Launch, launch};
pub use load::{MAX_TEXT_SIZE, MAX_UNIT_SIZE, TextError, compile_text, load};
pub use sources::{Progress, Sources, Watcher};
pub use thread::on_thread;
pub use unit_cache::UnitCache;
pub use worker::{
    Ended, Environment, Finished, Reader, Stopped, Stopper, Watched, Worker, WorkerCode, WorkerError, kill_workers,
};
