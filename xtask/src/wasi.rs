//! `cargo xtask wasi`: Wasmill as a program of WASI, in `target/wasi/wasmill-wasi.wasm`, the same bytes on every machine with the same
//! compiler.

use std::fs;
use std::process::Command;

use crate::digest::sha256;
use crate::failure::{During, Failure, Outcome};
use crate::guests::path_flags;
use crate::paths::{Paths, cargo};
use crate::printer::Printer;
use crate::{process, setup};

const TARGET: &str = "wasm32-wasip1";
const NAME: &str = "wasmill-wasi.wasm";

/// The most bytes that it may have: 5 MB.
const LARGEST: u64 = 5_000_000;

/// What the compiler makes use of for this target, and every runtime has.
const FEATURES: [&str; 6] =
    ["bulk-memory", "nontrapping-float-to-int", "sign-ext", "mutable-globals", "multivalue", "reference-types"];

pub(crate) fn run(paths: &Paths, printer: &Printer) -> Outcome {
    let toolchain = setup::rust(paths, printer)?;
    let wasm_opt = setup::wasm_opt(paths, printer)?;
    // Dependencies first: their folders must be there to be given other names.
    process::capture(cargo().current_dir(&paths.root).args(["fetch", "--quiet", "--locked"]))?;
    printer.progress("building Wasmill for WASI (minutes on a new machine)");
    // A folder of its own: the build of Wasmill for this machine holds the lock of the other.
    let folder = paths.target.join("wasi-build");
    let mut command = cargo();
    command.current_dir(&paths.root).args(["build", "--quiet", "--locked", "--profile", "wasi", "--target", TARGET]);
    command.args(["--package", "wasmill-wasi", "--target-dir"]).arg(&folder);
    command.env("CARGO_ENCODED_RUSTFLAGS", path_flags(paths, &toolchain)?.join("\u{1f}"));
    command.env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    toolchain.set(&mut command);
    process::run(&mut command)?;

    let built = folder.join(TARGET).join("wasi").join(NAME);
    let program = paths.target.join("wasi").join(NAME);
    if let Some(folder) = program.parent() {
        fs::create_dir_all(folder).during(folder.display())?;
    }
    let mut optimize = Command::new(wasm_opt);
    optimize.arg("-Oz").args(FEATURES.map(|feature| format!("--enable-{feature}")));
    // What is left of names and of who made it.
    optimize.args(["--strip-debug", "--strip-producers"]);
    optimize.arg(&built).arg("-o").arg(&program);
    // It takes longer than all the rest where nothing changed.
    let made_of = format!("{}\n{optimize:?}\n", sha256(&fs::read(&built).during(built.display())?));
    let stamp = program.with_extension("made-of");
    if !(program.is_file() && fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == made_of)) {
        printer.progress("making it smaller");
        let _ = fs::remove_file(&stamp);
        process::run(&mut optimize)?;
        fs::write(&stamp, made_of).during(stamp.display())?;
    }

    let binary = fs::read(&program).during(program.display())?;
    let size = binary.len() as u64;
    printer.result(format_args!("{}  {size} bytes  sha256:{}", paths.shown(&program), sha256(&binary)));
    if size > LARGEST {
        return Err(Failure::new(format!("it may have {LARGEST} bytes"))
            .help("see what is large with `CARGO_PROFILE_WASI_STRIP=debuginfo`, which leaves the names in"));
    }
    Ok(())
}
