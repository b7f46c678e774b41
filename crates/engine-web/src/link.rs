//! What units can import here: WASI preview 1 and AssemblyScript's `abort`; components, what there is of WASI 0.2 in a browser.

use wasmill_engine::{Binding, PrepareError};
use wasmill_preview1::{self as preview1, Function};
use wasmill_unit::{FunctionInfo, ImportInfo, ImportKind, Unit};

/// Whether everything that the unit imports is here, and everything that it was granted can be given.
pub(crate) fn check(unit: &Unit, binding: &Binding) -> Result<(), PrepareError> {
    if let Some(import) = unit.info().imports.iter().find(|import| !is_here(import)) {
        return Err(missing(import));
    }
    let imports = |module: &str| unit.info().imports.iter().any(|import| import.module.starts_with(module));
    if !binding.grants.dirs.is_empty() && (preview1::is_imported(unit) || imports("wasi:filesystem/")) {
        return Err(PrepareError::Unsupported { message: "a browser has no folders to grant".to_owned() });
    }
    Ok(())
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

/// The interfaces of WASI 0.2 that `web/src/component-wasi.js` has.
const INTERFACES: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
];

fn is_here(import: &ImportInfo) -> bool {
    let interface = import.module.split_once('@').map_or(&*import.module, |(name, _)| name);
    match import.kind {
        ImportKind::Interface => return import.provided && INTERFACES.contains(&interface),
        // A name for a type asks for nothing.
        ImportKind::Type => return import.provided,
        _ => {}
    }
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
