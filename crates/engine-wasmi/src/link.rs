//! What units can import: WASI preview 1 and AssemblyScript's `abort`. A linker has what its unit imports, and nothing else.

use wasmi::{Caller, Extern, ExternType, FuncType, Linker, Module, ValType};
use wasmill_engine::parts::Stop;
use wasmill_engine::{Binding, PrepareError};
use wasmill_model::Source;
use wasmill_unit::{ImportInfo, ImportKind, Unit};

use crate::outcome::{End, Halt};
use crate::preview1;
use crate::state::State;

/// Characters of an AssemblyScript message that are read.
const MAX_ABORT_TEXT: usize = 1_000;

/// Whether everything that the unit imports is here, and everything that it was granted can be given.
pub(crate) fn check(unit: &Unit, binding: &Binding) -> Result<(), PrepareError> {
    if let Some(import) = unit.info().imports.iter().find(|import| !is_here(import)) {
        return Err(missing(import));
    }
    let grants = &binding.grants;
    let asked = [
        (!grants.dirs.is_empty(), preview1::HAS_FOLDERS, "folders"),
        (grants.clock == Source::Real, preview1::HAS_CLOCK, "clock"),
        (grants.random == Source::Real, preview1::HAS_RANDOMNESS, "randomness"),
    ];
    for (granted, is_here, what) in asked {
        if granted && !is_here && preview1::is_imported(unit) {
            let message = format!("the machine that Wasmill itself runs on has no {what} to grant");
            return Err(PrepareError::Unsupported { message });
        }
    }
    Ok(())
}

fn is_here(import: &ImportInfo) -> bool {
    import.kind == ImportKind::Function
        && match &*import.module {
            preview1::MODULE => preview1::has(&import.name),
            "env" => &*import.name == "abort" && import.provided,
            _ => false,
        }
}

fn missing(import: &ImportInfo) -> PrepareError {
    let name = format!("{}::{}", import.module, import.name);
    // What Wasmill or an embedder may provide elsewhere; nobody else names a module like this.
    if import.provided || import.module.contains(':') {
        let message = format!("the unit imports `{name}`: it needs host functions, which wasmi does not have here");
        return PrepareError::Unsupported { message };
    }
    let help = wasmill_unit::missing_import_help(&import.module, &import.name);
    PrepareError::MissingImport { import: name, help }
}

/// A linker for all instances of a module.
pub(crate) fn linker(module: &Module) -> Result<Linker<State>, PrepareError> {
    let mut linker = Linker::new(module.engine());
    for import in module.imports() {
        let kind = match (import.module(), import.name()) {
            (preview1::MODULE, name) => preview1::define(&mut linker, name),
            ("env", "abort") => define_abort(&mut linker),
            _ => continue,
        };
        let kind = kind.map_err(|error| PrepareError::Host { message: error.to_string() })?;
        if !matches!((import.ty(), kind), (ExternType::Func(wanted), Some(kind)) if *wanted == kind) {
            let message =
                format!("the unit imports `{}::{}` with a type that it does not have", import.module(), import.name());
            return Err(PrepareError::InvalidUnit { message });
        }
    }
    Ok(linker)
}

fn define_abort(linker: &mut Linker<State>) -> Result<Option<FuncType>, wasmi::Error> {
    // A unit may import it twice.
    linker.allow_shadowing(true).func_wrap("env", "abort", abort)?;
    Ok(Some(FuncType::new([ValType::I32; 4], [])))
}

/// AssemblyScript's `abort(message, file, line, column)`: strings are UTF-16, their length in bytes stands before them.
fn abort(caller: Caller<'_, State>, message: i32, file: i32, line: i32, column: i32) -> Result<(), wasmi::Error> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
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
    let stop = Stop::Abort(format!("abort: {message}{place}"));
    Err(wasmi::Error::host(Halt(End::Stop(stop))))
}
