//! Modules side by side on wasmtime: as they are, under its own limits, and instrumented, under none.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod fuel;
mod growth;
mod random;
mod shared;
mod sides;
