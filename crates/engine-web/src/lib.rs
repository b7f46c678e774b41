//! The browser's own WebAssembly engine. Wasmill's core runs in one worker (the host), and every call of a unit in another (a guest), which
//! is terminated when its time is over: nothing else stops a guest in a browser.
//!
//! [`WebEngine`] is the host's side. [`guest`] is the other end: the same binary, started once more in each guest worker, so that what a unit
//! sees of the world is made by the same code as on every other engine. Between them go [`wire`] messages. What only JavaScript can do
//! (workers, calls that may overflow the stack) is in `web/src/worker.js`, which [`js`] names.
//!
//! Invariants: a worker has one call at a time, and every call is a fresh instance; a worker is used again only after a call that ended by
//! itself; nothing that a guest says about lengths or pointers is believed before it is checked.
#![forbid(unsafe_code)]

mod browser;
mod compiled;
mod engine;
pub mod guest;
mod js;
mod link;
mod outcome;
mod prepared;
mod timer;
mod trap;
mod wire;
mod workers;

pub use browser::version;
pub use engine::{Settings, WebEngine};
pub use prepared::add_prepared;
pub use timer::sleep;
