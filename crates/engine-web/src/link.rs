//! What units can import here: WASI preview 1 and AssemblyScript's `abort`.

use wasmill_engine::{Binding, PrepareError};
use wasmill_instrument::{Kind, Sections};
use wasmill_preview1::{self as preview1, Function};
use wasmill_unit::{FunctionInfo, ImportInfo, ImportKind, Unit};
use wasmparser::{FuncType, ValType};

/// Whether everything that the unit imports is here, and everything that it was granted can be given.
pub(crate) fn check(unit: &Unit, binding: &Binding) -> Result<(), PrepareError> {
    if let Some(import) = unit.info().imports.iter().find(|import| !is_here(import)) {
        return Err(missing(import));
    }
    if !binding.grants.dirs.is_empty() && preview1::is_imported(unit) {
        return Err(PrepareError::Unsupported { message: "a browser has no folders to grant".to_owned() });
    }
    types(unit)
}

/// Whether functions are imported with the types that they have: a browser hands JavaScript whatever a unit says.
fn types(unit: &Unit) -> Result<(), PrepareError> {
    let bytes = unit.bytes();
    let sections = Sections::read(&bytes).map_err(|error| PrepareError::Host { message: error.to_string() })?;
    for import in &sections.imports {
        let Kind::Function(index) = import.kind else { continue };
        let wanted = usize::try_from(index).ok().and_then(|index| sections.types.get(index));
        if wanted != type_of(import.module, import.name).as_ref() {
            let message =
                format!("the unit imports `{}::{}` with a type that it does not have", import.module, import.name);
            return Err(PrepareError::InvalidUnit { message });
        }
    }
    Ok(())
}

fn type_of(module: &str, name: &str) -> Option<FuncType> {
    if module != preview1::MODULE {
        return Some(FuncType::new([ValType::I32; 4], []));
    }
    let value = |kind: &preview1::Type| match kind {
        preview1::Type::I32 => ValType::I32,
        preview1::Type::I64 => ValType::I64,
    };
    let function = Function::named(name)?;
    Some(FuncType::new(function.parameters.iter().map(value), function.result.iter().map(value)))
}

/// JavaScript has no value for vectors.
pub(crate) fn check_function(function: &FunctionInfo) -> Result<(), PrepareError> {
    let kinds = function.params.iter().map(|param| &*param.kind).chain(function.results.iter().map(String::as_str));
    if kinds.into_iter().any(|kind| kind == "v128") {
        let message =
            format!("the function `{}` takes or gives a v128, which browsers cannot hand over", function.name);
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
        let message =
            format!("the unit imports `{name}`: it needs host functions, which there are none of in a browser");
        return PrepareError::Unsupported { message };
    }
    let help = wasmill_unit::missing_import_help(&import.module, &import.name);
    PrepareError::MissingImport { import: name, help }
}
