//! componentize-py, from PyPI: makes the Python interpreter that Wasmill puts scripts to.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::Outcome;
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe, pypi};

const NAME: &str = "componentize-py";

/// Pinned: it brings CPython and its standard library, and another version is another interpreter.
const PACKAGE: &str = "componentize-py==0.25.1";

pub(crate) struct ComponentizePy;

impl Recipe for ComponentizePy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn purpose(&self) -> &'static str {
        "units in Python"
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        let in_prefix = || prefix.is_filled(NAME, PACKAGE).then(|| program(prefix));
        let Some(program) = process::find(NAME).or_else(in_prefix) else { return Ok(None) };
        let mut ask = Command::new(&program);
        ask.arg("--version").env("PYTHONPATH", prefix.folder(NAME));
        let version = process::capture(&mut ask)?;
        Ok(Some(Found { version: version.trim().to_owned(), place: program.display().to_string() }))
    }

    fn install(&self, prefix: &Prefix, _: &Printer) -> Outcome {
        let folder = prefix.emptied(NAME)?;
        pypi::install(PACKAGE, &folder)?;
        prefix.stamp(NAME, PACKAGE)
    }
}

fn program(prefix: &Prefix) -> PathBuf {
    prefix.folder(NAME).join("bin").join(NAME)
}
