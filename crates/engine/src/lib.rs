//! The seam between pipelines and what executes their units.
//!
//! An [`Engine`] prepares a [`Unit`](wasmill_unit::Unit) once, for one function and one set of grants; a [`PreparedUnit`] is then
//! called any number of times, each time in a fresh instance under [`Limits`](wasmill_model::Limits). A [`Router`] picks the engine.
//!
//! Invariants: an engine never panics and never fails as a call: whatever the guest does is a
//! [`Verdict`](wasmill_model::Verdict) in an [`Outcome`]. No engine names another.
#![forbid(unsafe_code)]

mod cancel;
#[cfg(feature = "conformance")]
pub mod conformance;
mod engine;
mod function;
pub mod parts;
mod router;

pub use cancel::Cancel;
pub use engine::{
    Binding, BoxFuture, Call, Enforced, Engine, EngineInfo, Outcome, PrepareError, PreparedUnit, StdoutSink,
    convert_output,
};
pub use function::prepare;
pub use router::{Answer, Asked, EngineSource, Reasons, RouteError, Routed, Router, weaker};
