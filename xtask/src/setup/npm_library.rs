//! Libraries that come as packages of npm, each in a folder of its own, for programs of ours that run on Node.js.

use std::fs;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe};

pub(crate) struct NpmLibrary {
    name: &'static str,
    purpose: &'static str,
    package: &'static str,
    version: &'static str,
    /// The oldest Node.js that runs it.
    node: u32,
}

/// Drives a browser that is there already. Pinned: it speaks a protocol that changes with browsers, and stays compatible for years.
pub(crate) const PLAYWRIGHT: NpmLibrary = NpmLibrary {
    name: "playwright",
    purpose: "drives the browser in tests",
    package: "playwright-core",
    version: "1.65.1",
    node: 18,
};

/// Prepares components for browsers. Pinned: the same jco makes the same of a component.
pub(crate) const JCO: NpmLibrary = NpmLibrary {
    name: "jco",
    purpose: "components in browsers",
    package: "@bytecodealliance/jco-transpile",
    version: "0.15.0",
    node: 20,
};

/// Raised when the steps of the recipe change in another way than by the version.
const REVISION: &str = "1";

impl NpmLibrary {
    fn recipe(&self) -> String {
        format!("{REVISION}\n{}@{}", self.package, self.version)
    }
}

impl Recipe for NpmLibrary {
    fn name(&self) -> &'static str {
        self.name
    }

    fn purpose(&self) -> &'static str {
        self.purpose
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        let folder = prefix.folder(self.name);
        let manifest = folder.join("node_modules").join(self.package).join("package.json");
        let is_there = prefix.is_filled(self.name, &self.recipe()) && fs::metadata(manifest).is_ok();
        // Without Node it is not usable, and `install` says so.
        let is_usable = is_there && process::find("node").is_some();
        Ok(is_usable.then(|| Found { version: self.version.to_owned(), place: folder.display().to_string() }))
    }

    fn install(&self, prefix: &Prefix, _: &Printer) -> Outcome {
        if let Some(program) = ["node", "npm"].into_iter().find(|program| process::find(program).is_none()) {
            return Err(Failure::new(format!("looked for `{program}` on the PATH, and it is not there")).help(
                format!("install Node.js {} or newer with npm, for example `apt-get install nodejs npm`", self.node),
            ));
        }
        let folder = prefix.emptied(self.name)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--save-exact", "--prefix"]).arg(&folder);
        npm.arg(format!("{}@{}", self.package, self.version));
        process::capture(&mut npm).map_err(|failure| {
            failure.help("check the network and npm's settings, then run `cargo xtask setup` again")
        })?;
        prefix.stamp(self.name, &self.recipe())
    }
}
