//! jco, which prepares components for browsers.

use std::fs;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe};

pub(crate) struct Jco;

const PACKAGE: &str = "@bytecodealliance/jco-transpile";

/// Pinned: the same jco makes the same of a component.
const VERSION: &str = "0.15.0";

/// Raised when the steps of the recipe change in another way than by the version.
const REVISION: &str = "1";

impl Recipe for Jco {
    fn name(&self) -> &'static str {
        "jco"
    }

    fn purpose(&self) -> &'static str {
        "components in browsers"
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        let folder = prefix.folder(self.name());
        let manifest = folder.join("node_modules").join(PACKAGE).join("package.json");
        let is_there = prefix.is_filled(self.name(), &recipe()) && fs::metadata(manifest).is_ok();
        // Without Node it is not usable, and `install` says so.
        let is_usable = is_there && process::find("node").is_some();
        Ok(is_usable.then(|| Found { version: VERSION.to_owned(), place: folder.display().to_string() }))
    }

    fn install(&self, prefix: &Prefix, _: &Printer) -> Outcome {
        if let Some(program) = ["node", "npm"].into_iter().find(|program| process::find(program).is_none()) {
            return Err(Failure::new(format!("looked for `{program}` on the PATH, and it is not there"))
                .help("install Node.js 20 or newer with npm, for example `apt-get install nodejs npm`"));
        }
        let folder = prefix.emptied(self.name())?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--save-exact", "--prefix"]).arg(&folder);
        npm.arg(format!("{PACKAGE}@{VERSION}"));
        process::capture(&mut npm).map_err(|failure| {
            failure.help("check the network and npm's settings, then run `cargo xtask setup` again")
        })?;
        prefix.stamp(self.name(), &recipe())
    }
}

fn recipe() -> String {
    format!("{REVISION}\n{PACKAGE}@{VERSION}")
}
