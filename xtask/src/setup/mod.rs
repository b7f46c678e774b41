//! `cargo xtask setup`: the toolchains, found where they are and installed where they are missing.
//!
//! One recipe a tool. A recipe uses what the machine has; else it installs into a folder of the prefix (`$WASMILL_TOOLS`) and leaves
//! a stamp there, the digest of its own text, so that a second run costs nothing and a changed recipe is carried out again.

mod browser;
pub(crate) mod c_wasm;
mod cargo_fuzz;
mod componentize_py;
mod debian;
mod debian_program;
mod go;
mod npm;
mod npm_library;
mod prefix;
mod pypi;
mod rotel;
pub(crate) mod rust_wasm;
mod wasmtime;

use std::path::PathBuf;
use std::time::Instant;

use crate::failure::{Failure, Outcome};
use crate::paths::Paths;
use crate::printer::Printer;
use crate::setup::prefix::Prefix;

/// Every recipe there is. Further languages and runtimes come here.
const RECIPES: [&dyn Recipe; 13] = [
    &rust_wasm::RustWasm,
    &c_wasm::CWasm,
    &componentize_py::ComponentizePy,
    &go::Go,
    &npm::Npm,
    &wasmtime::Wasmtime,
    &debian_program::WASMEDGE,
    &debian_program::WAZERO,
    &debian_program::BINARYEN,
    &browser::Chromium,
    &npm_library::PLAYWRIGHT,
    &npm_library::JCO,
    &rotel::Rotel,
];

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Only these tools, by name.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
}

impl Args {
    /// One tool.
    pub(crate) fn only(name: &str) -> Self {
        Args { only: vec![name.to_owned()] }
    }
}

/// How one tool is found and installed.
pub(crate) trait Recipe {
    /// As `--only` takes it, and the name of its folder in the prefix.
    fn name(&self) -> &'static str;

    /// What the project needs it for.
    fn purpose(&self) -> &'static str;

    /// Looks on this machine, then in the prefix.
    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>>;

    /// Installs it; `find` finds it afterwards. Failures name what was looked for and the command that helps.
    fn install(&self, prefix: &Prefix, printer: &Printer) -> Outcome;
}

/// A tool that is there.
pub(crate) struct Found {
    pub(crate) version: String,
    pub(crate) place: String,
}

pub(crate) fn run(args: &Args, paths: &Paths, printer: &Printer) -> Outcome {
    let names: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name()).collect();
    if let Some(unknown) = args.only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(
            Failure::new(format!("no tool is called `{unknown}`")).help(format!("the tools are {}", names.join(", ")))
        );
    }
    let prefix = Prefix::new(&paths.tools);
    let mut rows = vec![["tool", "version", "where", "for"].map(str::to_owned).to_vec()];
    let mut failed = Vec::new();
    for recipe in RECIPES {
        if !args.only.is_empty() && !args.only.iter().any(|name| name == recipe.name()) {
            continue;
        }
        match provide(recipe, &prefix, printer) {
            Ok(found) => {
                rows.push(vec![recipe.name().to_owned(), found.version, found.place, recipe.purpose().to_owned()])
            }
            Err(failure) => {
                rows.push(vec![
                    recipe.name().to_owned(),
                    "missing".to_owned(),
                    "-".to_owned(),
                    recipe.purpose().to_owned(),
                ]);
                failed.push(format!("{}: {failure}", recipe.name()));
            }
        }
    }
    printer.table(&rows);
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\nerror: "))) }
}

/// The tool, installed first when it is missing. Two runs at the same time wait for each other.
fn provide(recipe: &dyn Recipe, prefix: &Prefix, printer: &Printer) -> Outcome<Found> {
    if let Some(found) = recipe.find(prefix)? {
        return Ok(found);
    }
    let _lock = prefix.lock()?;
    if let Some(found) = recipe.find(prefix)? {
        return Ok(found);
    }
    printer.progress(format_args!("{}: installing ({})", recipe.name(), recipe.purpose()));
    let start = Instant::now();
    recipe.install(prefix, printer)?;
    printer.progress(format_args!("{}: installed in {} s", recipe.name(), start.elapsed().as_secs()));
    recipe.find(prefix)?.ok_or_else(|| Failure::new("it was installed, and is still not found"))
}

/// The Rust compiler for WebAssembly, installed when it is missing.
pub(crate) fn rust(paths: &Paths, printer: &Printer) -> Outcome<rust_wasm::RustToolchain> {
    let prefix = Prefix::new(&paths.tools);
    provide(&rust_wasm::RustWasm, &prefix, printer)?;
    rust_wasm::toolchain(&prefix)?.ok_or_else(|| Failure::new("Rust for WebAssembly is not found"))
}

/// The C compiler for WebAssembly, installed when it is missing.
pub(crate) fn c(paths: &Paths, printer: &Printer) -> Outcome<c_wasm::CCompiler> {
    let prefix = Prefix::new(&paths.tools);
    if c_wasm::compiler(&prefix)?.is_none() {
        provide(&c_wasm::CWasm, &prefix, printer)?;
    }
    c_wasm::compiler(&prefix)?.ok_or_else(|| Failure::new("a C compiler for WebAssembly is not found"))
}

/// `wasm-opt`, installed when it is missing.
pub(crate) fn wasm_opt(paths: &Paths, printer: &Printer) -> Outcome<PathBuf> {
    provide(&debian_program::BINARYEN, &Prefix::new(&paths.tools), printer).map(|found| found.place.into())
}

/// esbuild, installed when it is missing.
pub(crate) fn esbuild(paths: &Paths, printer: &Printer) -> Outcome<PathBuf> {
    let prefix = Prefix::new(&paths.tools);
    provide(&npm::Npm, &prefix, printer)?;
    Ok(npm::program(&prefix, "esbuild"))
}

/// cargo-fuzz, installed when it is missing, and the nightly compiler that it needs.
pub(crate) fn fuzz(paths: &Paths, printer: &Printer) -> Outcome<PathBuf> {
    cargo_fuzz::nightly()?;
    let prefix = Prefix::new(&paths.tools);
    provide(&cargo_fuzz::CargoFuzz, &prefix, printer)?;
    cargo_fuzz::program(&prefix).ok_or_else(|| Failure::new("cargo-fuzz is not found"))
}
