//! cargo-fuzz, from crates.io: only for `cargo xtask fuzz`, which needs nightly Rust as well. Not part of a plain `setup`.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe};

const NAME: &str = "cargo-fuzz";
const VERSION: &str = "0.13.2";

pub(crate) struct CargoFuzz;

impl Recipe for CargoFuzz {
    fn name(&self) -> &'static str {
        NAME
    }

    fn purpose(&self) -> &'static str {
        "fuzzing with coverage"
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        let Some(program) = program(prefix) else { return Ok(None) };
        let version = process::capture(Command::new(&program).arg("--version"))?;
        Ok(Some(Found { version: version.trim().to_owned(), place: program.display().to_string() }))
    }

    fn install(&self, prefix: &Prefix, _: &Printer) -> Outcome {
        let folder = prefix.emptied(NAME)?;
        let mut install = Command::new("cargo");
        install.args(["install", "--quiet", "--locked", NAME, "--version", VERSION, "--root"]).arg(&folder);
        install.env("CARGO_TARGET_DIR", folder.join("build"));
        process::capture(&mut install).map_err(|failure| failure.help("check the network, then run it again"))?;
        // Only the program is needed again.
        let _ = std::fs::remove_dir_all(folder.join("build"));
        Ok(())
    }
}

/// The program on the PATH, or that of the prefix.
pub(crate) fn program(prefix: &Prefix) -> Option<PathBuf> {
    process::find(NAME).or_else(|| Some(prefix.folder(NAME).join("bin").join(NAME)).filter(|path| path.is_file()))
}

/// Nightly Rust is the user's to install: it is a toolchain, and no tool of ours.
pub(crate) fn nightly() -> Outcome {
    process::capture(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])).map(drop).map_err(|_| {
        Failure::new("fuzzing with coverage needs nightly Rust, which is not there")
            .help("`rustup toolchain install nightly --profile minimal`")
    })
}
