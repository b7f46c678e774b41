//! Linkers: what guests can import, and from where.

use wasmtime::component::Linker as ComponentLinker;
use wasmtime::{Caller, Engine, Linker};

use crate::state::{State, Stop, Wasi};

/// Characters of an AssemblyScript message that are read.
const MAX_ABORT_TEXT: usize = 1_000;

/// What core modules can import: WASI preview 1 and AssemblyScript's `env.abort`.
pub(crate) fn core(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, |state: &mut State| &mut wasi(state).context)?;
    linker.func_wrap("env", "abort", abort)?;
    Ok(linker)
}

/// What components can import: WASI 0.2.
pub(crate) fn component(engine: &Engine) -> wasmtime::Result<ComponentLinker<State>> {
    let mut linker = ComponentLinker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    Ok(linker)
}

impl wasmtime_wasi::WasiView for State {
    fn ctx(&mut self) -> wasmtime_wasi::WasiCtxView<'_> {
        wasi(self).ctx()
    }
}

/// The call's WASI side. Units that import WASI get one before they start; the fallback is a context in which nothing is granted.
fn wasi(state: &mut State) -> &mut Wasi {
    state.wasi.get_or_insert_with(Wasi::empty)
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
