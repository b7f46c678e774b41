//! One document that says all of a run, and one that says what came of it: what Wasmill's programs share that are given nothing else
//! (within WASI, within a browser).
//!
//! Invariants: whatever is wrong is a [`Failure`], which is a document too; no file is opened but in the folder that was given; nothing is
//! fetched, built or started.
#![forbid(unsafe_code)]

mod answer;
mod engines;
mod files;
mod job;

pub use answer::{Failure, json, panic_document};
pub use engines::elsewhere;
pub use files::Folder;
pub use job::Job;
