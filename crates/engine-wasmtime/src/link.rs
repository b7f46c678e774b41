//! Linkers: what guests can import, and from where. One for each set of grants: what was not granted is not there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use wasmill_engine::parts::Stop;
use wasmill_model::Grants;
use wasmtime::component::Linker as ComponentLinker;
use wasmtime::{Caller, Engine, Linker};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::bindings::{clocks::monotonic_clock, sockets::ip_name_lookup};
use wasmtime_wasi::sockets::WasiSocketsView as _;
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::host::{HostFunctions, add_to_component_linker, add_to_core_linker};
use crate::state::{State, Wasi};
use crate::wasi::{MonotonicClock, MonotonicClockView, NameLookup, NameLookupView, poll_oneoff};

/// Characters of an AssemblyScript message that are read.
const MAX_ABORT_TEXT: usize = 1_000;

/// What decides which imports there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LinkerKey {
    dirs: bool,
    net: bool,
    functions: Vec<String>,
}

impl LinkerKey {
    fn of(grants: &Grants) -> Self {
        let mut functions = grants.functions.clone();
        functions.sort();
        LinkerKey { dirs: !grants.dirs.is_empty(), net: !grants.net.is_empty(), functions }
    }
}

/// The linkers of one engine.
#[derive(Default)]
pub(crate) struct Linkers {
    core: Mutex<HashMap<LinkerKey, Arc<Linker<State>>>>,
    component: Mutex<HashMap<LinkerKey, Arc<ComponentLinker<State>>>>,
}

impl Linkers {
    /// The linker of core modules with these grants.
    pub(crate) fn core(
        &self,
        engine: &Engine,
        functions: &HostFunctions,
        grants: &Grants,
    ) -> wasmtime::Result<Arc<Linker<State>>> {
        let mut linkers = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let key = LinkerKey::of(grants);
        if let Some(linker) = linkers.get(&key) {
            return Ok(linker.clone());
        }
        let linker = Arc::new(core(engine, functions, grants)?);
        linkers.insert(key, linker.clone());
        Ok(linker)
    }

    /// The linker of components with these grants.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        functions: &HostFunctions,
        grants: &Grants,
    ) -> wasmtime::Result<Arc<ComponentLinker<State>>> {
        let mut linkers = self.component.lock().unwrap_or_else(PoisonError::into_inner);
        let key = LinkerKey::of(grants);
        if let Some(linker) = linkers.get(&key) {
            return Ok(linker.clone());
        }
        let linker = Arc::new(component(engine, functions, grants)?);
        linkers.insert(key, linker.clone());
        Ok(linker)
    }
}

/// WASI preview 1, AssemblyScript's `env.abort`, and host functions.
fn core(engine: &Engine, functions: &HostFunctions, grants: &Grants) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |state: &mut State| &mut state.wasi().context)?;
    linker.func_wrap("env", "abort", abort)?;
    add_to_core_linker(&mut linker, functions, grants)?;
    linker.allow_shadowing(true);
    let preview1 = "wasi_snapshot_preview1";
    linker.func_wrap_async(
        preview1,
        "poll_oneoff",
        |mut caller: Caller<'_, State>, (subscriptions, events, count, written): (i32, i32, i32, i32)| {
            Box::new(async move { poll_oneoff(&mut caller, subscriptions, events, count, written).await })
        },
    )?;
    Ok(linker)
}

/// WASI 0.2 and host functions.
fn component(engine: &Engine, functions: &HostFunctions, grants: &Grants) -> wasmtime::Result<ComponentLinker<State>> {
    let mut linker = ComponentLinker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    if !grants.net.is_empty() {
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    }
    add_to_component_linker(&mut linker, functions, grants)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<State, MonotonicClock>(&mut linker, |state| {
        let time = state.host.as_ref().and_then(|host| host.time.clone());
        MonotonicClockView { clocks: state.clocks(), time }
    })?;
    ip_name_lookup::add_to_linker::<State, NameLookup>(&mut linker, |state| {
        let wasi = state.wasi();
        let network = wasi.http.1.0.clone();
        NameLookupView { sockets: wasi.sockets(), network }
    })?;
    Ok(linker)
}

impl wasmtime_wasi::WasiView for State {
    fn ctx(&mut self) -> wasmtime_wasi::WasiCtxView<'_> {
        self.wasi().ctx()
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let Wasi { context, http: (ctx, hooks), .. } = self.wasi();
        WasiHttpCtxView { ctx, hooks, table: context.ctx().table }
    }
}

/// AssemblyScript's `abort(message, file, line, column)`: strings are UTF-16, their length in bytes stands before them.
fn abort(mut caller: Caller<'_, State>, message: i32, file: i32, line: i32, column: i32) -> wasmtime::Result<()> {
    let memory = caller.get_export("memory").and_then(wasmtime::Extern::into_memory);
    let text = |pointer: i32| -> Option<String> {
        let data = memory?.data(&caller);
        let start = usize::try_from(pointer as u32).ok()?;
        let length: [u8; 4] = data.get(start.checked_sub(4)?..start)?.try_into().ok()?;
        let length = usize::try_from(u32::from_le_bytes(length)).ok()?.min(2 * MAX_ABORT_TEXT);
        let units = data.get(start..start.checked_add(length)?)?.chunks_exact(2);
        let units: Vec<u16> = units.filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?))).collect();
        Some(String::from_utf16_lossy(&units))
    };
    let message = text(message).unwrap_or_default();
    let place = text(file).map(|file| format!(" at {file}:{line}:{column}")).unwrap_or_default();
    Err(Stop::Abort(format!("abort: {message}{place}")).into())
}
