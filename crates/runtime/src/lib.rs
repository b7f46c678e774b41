//! Drives a plan over engines: the one place where plan, engines, clock and observers meet.
//!
//! [`bind_inputs`] holds what a user gave against what a pipeline asks for; [`check`] holds the steps against their units; [`link`]
//! does everything else that can be done before a run (engines picked, units prepared, expressions compiled, limits resolved) and
//! gives a [`Linked`] pipeline, which is [run](Linked::run) as often as wanted. [`outline`] and [`preview`] tell of a pipeline what can
//! be told without running it.
//!
//! What the runtime needs from outside it asks for through ports: [`Clock`], [`Spawner`], [`Observer`], [`Memo`]. A store that keeps runs
//! attaches as an observer that is told of every event in order; a bus that takes steps to other machines attaches where a step is
//! called, as an engine does.
//!
//! Invariants: no engine, database, broker or async runtime is named here, and nothing here reads a clock but through its port.
//! Every step that starts ends, and every run that is awaited gives a document, whatever units, engines, observers and spawners
//! do.
#![forbid(unsafe_code)]

mod attempt;
mod bounds;
mod bundle;
mod check;
mod document;
mod host;
mod inline;
mod inputs;
mod link;
mod memo;
mod nested;
mod outline;
mod parameters;
mod ports;
mod run;
mod scope;
mod settle;
mod step_input;
mod stream;
mod suggestion;
mod wiring;

pub use bundle::Bundle;
pub use check::check;
pub use host::{Host, Overrides, RunOptions};
pub use inline::InlineSpawner;
pub use inputs::bind_inputs;
pub use link::{Linked, link};
pub use memo::{CallKey, Kept};
pub use outline::{Edge, EdgeKind, LimitOrigin, Outline, Preview, PreviewStep, PreviewUnit, outline, preview};
pub use ports::{Clock, Memo, NoObserver, Observer, RunEvent, Spawner};
