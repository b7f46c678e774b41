//! Native programs, called as commands are: stdin to stdout. For trusted tools only: there is no sandbox, only limits.
//!
//! A program runs in a process group of its own, with an empty environment plus what it was granted, limits of memory, computing time
//! and wall time, and bounds on what it gives and logs, which hold while it is read. However a call ends, its group is gone.
#![forbid(unsafe_code)]

mod run;

pub use run::{NativeProgram, run_program};
