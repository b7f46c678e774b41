//! What the fuzzers do with their bytes: each function takes any bytes, and panics when a promise is broken.
//!
//! They are driven twice: by `cargo xtask fuzz` (cargo-fuzz, with coverage; `fuzz/`), and by this crate's own test, from seeds that
//! never change, on stable Rust and in every CI run.
//!
//! Invariant: a function here depends on its bytes alone, so that an input which was found once is found again.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, reason = "a broken promise is a panic: that is what a fuzzer looks for")]

mod inspect;
#[cfg(feature = "engine")]
mod json_wit;
#[cfg(feature = "engine")]
mod load;
mod manifest;
#[cfg(feature = "engine")]
mod smith;

pub use inspect::inspect;
#[cfg(feature = "engine")]
pub use json_wit::json_wit;
#[cfg(feature = "engine")]
pub use load::load;
pub use manifest::manifest;
#[cfg(feature = "engine")]
pub use smith::{Smithed, arguments, config, smith};
