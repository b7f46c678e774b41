//! The engine from outside: every promise of the contract, on the public API.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod conformance;
mod units;
