//! The executor in a browser: what the workers of the npm package `wasmill-web` run. Requests and answers are those of `wasmill-wasi`; units run on the
//! browser's own engine.
//!
//! One module, in two kinds of workers: the host worker [runs](host::run) requests, guest workers make [calls](guest::call).
//!
//! Invariant: whatever a request is, its answer is one JSON document. A panic is one as well, and ends the worker: nothing can be unwound here.
#![forbid(unsafe_code)]

mod clock;
mod events;
pub mod guest;
pub mod host;
mod outline;
