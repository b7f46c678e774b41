//! Where units come from, the cache of compiled code, and the store of large values.
//!
//! [`load`] turns a manifest's reference into a validated [`Unit`](wasmill_unit::Unit): of a file, of text, or fetched as [`Sources`]
//! say and kept by its digest in a [`UnitCache`]. [`CodeCache`] keeps what wasmtime compiled between processes: content-addressed,
//! authenticated with a key of this installation, mapped. [`BlobStore`] keeps the large values that documents refer to, [`ResultCache`] what pure calls gave.
//!
//! Without the feature `native` there is [`load_local`] alone, which builds wherever Rust does (also within WebAssembly).
//!
//! Invariants: this is the only crate with `unsafe` code, in one module of some lines; no compiled code is handed to wasmtime
//! before every byte of it was authenticated, and no file is trusted for longer than a day without that; a damaged cache is slow, never wrong and never an error.
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(feature = "native")]
mod blob_store;
#[cfg(feature = "native")]
mod build_cache;
#[cfg(feature = "native")]
mod code_cache;
#[cfg(feature = "native")]
mod confine;
#[cfg(feature = "native")]
mod digest_folder;
#[cfg(feature = "native")]
mod entry;
mod error;
#[cfg(feature = "native")]
mod fetch;
#[cfg(feature = "native")]
mod fetch_error;
#[cfg(feature = "native")]
mod fingerprint;
#[cfg(feature = "native")]
mod folder;
#[cfg(feature = "native")]
mod health;
#[cfg(feature = "native")]
mod inventory;
#[cfg(feature = "native")]
mod launch;
mod load;
#[cfg(feature = "native")]
mod mapped;
#[cfg(feature = "native")]
mod pipes;
#[cfg(feature = "native")]
mod remote;
#[cfg(feature = "native")]
mod result_cache;
#[cfg(feature = "native")]
mod sources;
#[cfg(feature = "native")]
mod stamp;
#[cfg(feature = "native")]
mod thread;
#[cfg(feature = "native")]
mod unit_cache;
#[cfg(feature = "native")]
mod worker;

#[cfg(feature = "native")]
pub use blob_store::{BlobStore, BlobStoreError};
#[cfg(feature = "native")]
pub use build_cache::{BuildCache, BuildLock, private_folder};
#[cfg(feature = "native")]
pub use code_cache::{CacheError, CacheOptions, CacheStats, CodeCache, CodeKind};
#[cfg(feature = "native")]
pub use confine::Confinement;
#[cfg(feature = "native")]
pub use digest_folder::Kept;
#[cfg(feature = "native")]
pub use entry::About;
pub use error::ArtifactError;
#[cfg(feature = "native")]
pub use fetch_error::{FetchError, Refusal};
#[cfg(feature = "native")]
pub use fingerprint::fingerprint;
#[cfg(feature = "native")]
pub use folder::{Distrust, Holds};
#[cfg(feature = "native")]
pub use health::{Condition, Trouble, examine, repair};
#[cfg(feature = "native")]
pub use inventory::{Cleaned, EntryInfo, Verified};
#[cfg(feature = "native")]
pub use launch::{Launch, launch};
pub use load::{MAX_TEXT_SIZE, MAX_UNIT_SIZE, TextError, compile_text, load_local};
#[cfg(feature = "native")]
pub use remote::load;
#[cfg(feature = "native")]
pub use result_cache::ResultCache;
#[cfg(feature = "native")]
pub use sources::{Progress, Sources, Watcher};
#[cfg(feature = "native")]
pub use thread::on_thread;
#[cfg(feature = "native")]
pub use unit_cache::UnitCache;
#[cfg(feature = "native")]
pub use worker::{
    Ended, Environment, Finished, Reader, Stopped, Stopper, Watched, Worker, WorkerCode, WorkerError, kill_workers,
};
