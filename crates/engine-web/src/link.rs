//! What units can import here: WASI preview 1 and AssemblyScript's `abort`.

use wasmill_engine::{Binding, PrepareError};
use wasmill_preview1::{self as preview1, Function};
use wasmill_unit::{FunctionInfo, ImportInfo, ImportKind, Unit};

/// Whether everything that the unit imports is here, and everything that it was granted can be given.
pub(crate) fn check(unit: &Unit, binding: &Binding) -> Result<(), PrepareError> {
    if let Some(import) = unit.info().imports.iter().find(|import| !is_here(import)) {
        return Err(missing(import));
    }
    if !binding.grants.dirs.is_empty() && preview1::is_imported(unit) {
        return Err(PrepareError::Unsupported { message: "a browser has no folders to grant".to_owned() });
    }
    Ok(())
}

/// JavaScript has no value for vectors.
pub(crate) fn check_function(function: &FunctionInfo) -> Result<(), PrepareError> {
    let kinds = function.params.iter().map(|param| &*param.kind).chain(function.results.iter().map(String::as_str));
    if kinds.into_iter().any(|kind| kind == "v128") {
        let message = format!("the function `{}` takes or gives a v128, which browsers cannot hand over", function.name);
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
        let message = format!("the unit imports `{name}`: it needs host functions, which there are none of in a browser");
        return PrepareError::Unsupported { message };
    }
    let help = wasmill_unit::missing_import_help(&import.module, &import.name);
    PrepareError::MissingImport { import: name, help }
}
