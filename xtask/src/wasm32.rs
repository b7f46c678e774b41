//! `cargo xtask wasm32`: the crates that must run inside WebAssembly compile for it, with and without WASI.

use crate::failure::{Failure, Outcome};
use crate::paths::{Paths, cargo};
use crate::printer::Printer;
use crate::{process, setup};

/// Marked [wasm32] in the design; those of later issues join when they are there.
const CRATES: [&str; 12] = [
    "wasmill-model",
    "wasmill-expression",
    "wasmill-unit",
    "wasmill-manifest",
    "wasmill-plan",
    "wasmill-engine",
    "wasmill-instrument",
    "wasmill-artifact",
    "wasmill-preview1",
    "wasmill-engine-wasmi",
    "wasmill-runtime",
    "wasmill-request",
];

const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-unknown-unknown"];

pub(crate) fn run(paths: &Paths, printer: &Printer) -> Outcome {
    let toolchain = setup::rust(paths, printer)?;
    let mut failed = Vec::new();
    for target in TARGETS {
        printer.progress(format_args!("checking {} crates for {target}", CRATES.len()));
        let mut command = cargo();
        command.current_dir(&paths.root).args(["check", "--quiet", "--lib", "--target", target]);
        command.args(CRATES.iter().flat_map(|name| ["--package", name]));
        // Flags and results of another compiler; the other target folder stays warm.
        command.arg("--target-dir").arg(paths.target.join("wasm32"));
        toolchain.set(&mut command);
        if let Err(failure) = process::run(&mut command) {
            failed.push(format!("{target}: {failure}"));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\nerror: "))) }
}
