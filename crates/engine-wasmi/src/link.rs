//! What units can import: WASI preview 1 and AssemblyScript's `abort`. A linker has what its unit imports, and nothing else.

use wasmi::{Caller, Extern, ExternType, FuncType, Linker, Module, ValType};
use wasmill_engine::{Binding, PrepareError};
use wasmill_preview1::{self as preview1, Function, Memory};
use wasmill_unit::{ImportInfo, ImportKind, Unit};

use crate::host;
use crate::outcome::{End, Halt};
use crate::state::State;

/// Whether everything that the unit imports is here, and everything that it was granted can be given.
pub(crate) fn check(unit: &Unit, binding: &Binding) -> Result<(), PrepareError> {
    if let Some(import) = unit.info().imports.iter().find(|import| !is_here(import)) {
        return Err(missing(import));
    }
    if !binding.grants.dirs.is_empty() && !preview1::HAS_FOLDERS && preview1::is_imported(unit) {
        let message = "the machine that Wasmill itself runs on has no folders to grant".to_owned();
        return Err(PrepareError::Unsupported { message });
    }
    Ok(())
}

fn is_here(import: &ImportInfo) -> bool {
    import.kind == ImportKind::Function
        && match &*import.module {
            preview1::MODULE => Function::named(&import.name).is_some(),
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
            (preview1::MODULE, name) => host::define(&mut linker, name),
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

fn abort(mut caller: Caller<'_, State>, message: u32, file: u32, line: u32, column: u32) -> Result<(), wasmi::Error> {
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let memory = memory.map(|memory| Memory::Slice(memory.data_mut(&mut caller)));
    let stop = preview1::abort(memory, [message, file, line, column]);
    Err(wasmi::Error::host(Halt(End::Stop(stop))))
}
