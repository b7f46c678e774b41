//! What runs next: a state machine over the steps of a pipeline.
//!
//! A [`Plan`] is fed [`Event`]s and answers with [`Command`]s. Whoever drives it starts the steps that it names, tells it how they
//! ended, and stops when it says [`Command::Finish`]. Steps are numbers here ([`StepIndex`], in the order of the file); units,
//! values and engines are unknown.
//!
//! Invariants: the plan never performs I/O, never sleeps, never reads a clock and names no async runtime. The same events in the
//! same order give the same commands. No event makes it panic.
//!
//! What is the same in every run, and what is not, is said at [`Plan`].
#![forbid(unsafe_code)]

mod graph;
mod machine;
mod policy;
mod protocol;
mod rules;

pub use graph::{Graph, GraphError, StepIndex};
pub use machine::Plan;
pub use protocol::{Call, Command, Ending, Event, Opening, Task, UnexpectedEvent};
pub use rules::{FallbackKind, FallbackRule, PlanOptions, StepRules};
