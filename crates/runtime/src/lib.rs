//! Drives a plan over engines: the one place where plan, engines, clock and observers meet.
//!
//! [`bind_inputs`] holds what a user gave against what a pipeline asks for; [`check`] holds the steps against their units; [`link`]
//! does everything else that can be done before a run (engines picked, units prepared, expressions compiled, limits resolved) and
//! gives a [`Linked`] pipeline, which is [run](Linked::run) as often as wanted. [`outline`] and [`preview`] tell of a pipeline what can
//! be told without running it. [`BundleReader`] makes of a manifest and the files that it names what is checked and linked, and an
//! [`Executor`] does all of it in one call, with or without an async runtime.
//!
//! What the runtime needs from outside it asks for through ports: [`Clock`], [`Spawner`], [`Observer`], [`Memo`]. A store that keeps runs
//! attaches as an observer that is told of every event in order; a bus that takes steps to other machines attaches where a step is
//! called, as an engine does.
//!
//! Invariants: no engine, database, broker or async runtime is named here, and nothing here reads a clock but through its port
//! ([`SystemClock`] is one end of it).
//! Every step that starts ends, and every run that is awaited gives a document, whatever units, engines, observers and spawners
//! do.
#![forbid(unsafe_code)]

mod attempt;
mod bounds;
mod bundle;
mod bundle_reader;
mod check;
mod component_file;
mod document;
mod executor;
mod export;
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
pub use bundle_reader::{BundleReader, DEEPEST_CALL, PipelineFiles, place, place_of};
pub use check::check;
pub use component_file::{COMPONENT_FILE, component_file_of, component_limits, component_text};
pub use executor::{Executor, SystemClock, block_on};
pub use export::request_of;
pub use host::{Host, Overrides, RunOptions};
pub use inline::InlineSpawner;
pub use inputs::bind_inputs;
pub use link::{Linked, link};
pub use memo::{CallKey, Kept};
pub use outline::{Edge, EdgeKind, LimitOrigin, Outline, Preview, PreviewStep, PreviewUnit, outline, preview};
pub use ports::{Clock, Memo, NoObserver, Observer, RunEvent, Spawner};
