//! Runtimes and tools for WebAssembly whose packages are Debian's: the machine's own where it answers, else that of Debian testing.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Outcome;
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe, debian};

/// Raised when the steps of the recipe change.
const REVISION: &str = "1";

/// The engine `wasmedge` runs units in it.
pub(crate) const WASMEDGE: DebianProgram = DebianProgram {
    package: "wasmedge",
    program: "wasmedge",
    ask: "--version",
    purpose: "the engine `wasmedge`, and its tests",
};

/// Another embeddable runtime.
pub(crate) const WAZERO: DebianProgram = DebianProgram {
    package: "wazero",
    program: "wazero",
    ask: "version",
    purpose: "checks that other runtimes take what Wasmill makes",
};

/// `wasm-opt`.
pub(crate) const BINARYEN: DebianProgram = DebianProgram {
    package: "binaryen",
    program: "wasm-opt",
    ask: "--version",
    purpose: "units built with `--optimize`; Wasmill as a program of WASI",
};

/// A program of one of Debian's packages.
pub(crate) struct DebianProgram {
    package: &'static str,
    program: &'static str,
    /// What makes it say its version.
    ask: &'static str,
    purpose: &'static str,
}

impl DebianProgram {
    fn recipe(&self) -> String {
        format!("{REVISION}\n{}\n{}", self.package, self.program)
    }

    /// The script that becomes the program.
    fn wrapper(&self, folder: &Path) -> PathBuf {
        folder.join("bin").join(self.program)
    }

    fn version(&self, program: &Path) -> Outcome<String> {
        let said = process::capture(Command::new(program).arg(self.ask))?;
        Ok(said.lines().next().unwrap_or_default().trim().to_owned())
    }
}

impl Recipe for DebianProgram {
    fn name(&self) -> &'static str {
        self.package
    }

    fn purpose(&self) -> &'static str {
        self.purpose
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        let own = prefix.is_filled(self.package, &self.recipe()).then(|| self.wrapper(&prefix.folder(self.package)));
        let candidates = process::find(self.program).into_iter().chain(own);
        let answer = |program: PathBuf| {
            let version = self.version(&program).ok()?;
            Some(Found { version, place: program.display().to_string() })
        };
        Ok(candidates.filter_map(answer).next())
    }

    fn install(&self, prefix: &Prefix, printer: &Printer) -> Outcome {
        printer.progress(format_args!("unpacking `{}` of Debian testing, with its libraries", self.package));
        let folder = prefix.emptied(self.package)?;
        let root = debian::unpack(&[self.package], &folder.join("deb"))?;
        let wrapper = self.wrapper(&folder);
        root.write_wrapper(&format!("usr/bin/{}", self.program), &[], &wrapper)?;
        self.version(&wrapper)?;
        prefix.stamp(self.package, &self.recipe())
    }
}
