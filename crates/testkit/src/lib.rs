//! For tests only: temporary projects that the `wasmill` binary is run in, snapshots of whole commands, built guests,
//! and runtimes that Wasmill itself runs in.
//!
//! Invariants: a test never sees the user's own cache or configuration, and never sleeps; what it needs and does not find is a
//! failure that says how to get it, never a test that is skipped in silence.
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::expect_used, reason = "a failing helper is a failing test, and says why")]

mod command;
mod guests;
mod prepared;
mod project;
mod wasi_hosts;

pub use command::{Command, Output, Running, without_times};
pub use guests::{assemble, guest, workspace};
pub use prepared::prepared;
pub use project::{Project, shared};
pub use wasi_hosts::{WasiHost, tool, wasi_program};
