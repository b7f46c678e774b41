//! Sources to units, with the real compilers, and the units called as a pipeline calls them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod assemblyscript;
mod c;
mod go;
mod javascript;
mod rust;
mod workshop;
