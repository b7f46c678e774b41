//! The runtime over an engine that does what a test says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod check;
mod drive;
mod fake;
mod flow;
mod grants;
mod large;
mod memo;
mod nested;
mod rules;
mod sim;
mod stream;
mod trouble;
