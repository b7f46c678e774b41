//! The one place with `unsafe` code: handing compiled code to wasmtime, and leaving the network.
#![allow(
    unsafe_code,
    reason = "wasmtime cannot check compiled code, so that loading it is unsafe; entries are authenticated first"
)]

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::entry::Authenticated;
use crate::worker::WorkerCode;

/// Maps a compiled module.
pub(crate) fn module(engine: &Engine, entry: Authenticated) -> wasmtime::Result<Module> {
    // SAFETY: wasmtime asks that the file was made by `Module::serialize` (of any version: it checks that itself) and does not
    // change while it is mapped. An `Authenticated` is made in `CodeCache::authenticate` alone, for an open file whose every byte
    // was found to be under the seal of this installation's key, by this process now, or by one of this installation within the
    // last day, since when the file system says that nobody wrote to it (`stamp.rs`); only `CodeCache::store` makes such seals,
    // over what `serialize` gave. The file that was checked is the one that is mapped, not whatever its path names by now. Files
    // are never written in place: they are written elsewhere and renamed. Nobody but the user can write to the folder
    // (`CodeCache::open` refuses it otherwise), and a user who wants to run native code needs no cache for that.
    unsafe { Module::deserialize_open_file(engine, entry.into_file()) }
}

/// Maps a compiled component.
pub(crate) fn component(engine: &Engine, entry: Authenticated) -> wasmtime::Result<Component> {
    // SAFETY: as for `module`, with `Component::serialize`. Where the system has no names for open files, the path may by now name a
    // newer file of the same entry, which was made and renamed there in the same way.
    unsafe { Component::deserialize_file(engine, entry.name()) }
}

/// Loads a module that a compiler's process made.
pub(crate) fn module_of_worker(engine: &Engine, code: &WorkerCode) -> wasmtime::Result<Module> {
    // SAFETY: wasmtime asks that the bytes were made by `Module::serialize` or `Engine::precompile_module`. A `WorkerCode` exists
    // only for what a program wrote that this process started itself, with the exit code that says that it is complete. That
    // program is this program or one that the embedder named for it (`Compiler::Child` says so), and runs with all that the user
    // may do: whoever could change what it writes could as well change this process. The bytes are in memory of our own and
    // are copied by wasmtime.
    unsafe { Module::deserialize(engine, code.bytes()) }
}

/// Loads a component that a compiler's process made.
pub(crate) fn component_of_worker(engine: &Engine, code: &WorkerCode) -> wasmtime::Result<Component> {
    // SAFETY: as for `module_of_worker`, with `Component::serialize`.
    unsafe { Component::deserialize(engine, code.bytes()) }
}

/// Leaves this process's network for one in which there is nothing, where the system lets it.
#[cfg(target_os = "linux")]
pub(crate) fn unshare_network() {
    use rustix::thread::{UnshareFlags, unshare_unsafe};

    // SAFETY: it is unsafe for what sharing of open files means to threads; these flags share none.
    let unshare = |flags| unsafe { unshare_unsafe(flags) }.is_ok();
    let _ = unshare(UnshareFlags::NEWNET) || unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET);
}
