//! A browser, and what drives it in tests: Chromium (or Chrome) of the machine, and Playwright from npm, without a browser of its own.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe};

/// The browser that is meant, where it is not on the PATH.
const WASMILL_CHROMIUM: &str = "WASMILL_CHROMIUM";

/// What it is called, by system and by who packages it.
const PROGRAMS: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// Where it is on a Mac, which has no programs on the PATH.
const MAC: &str = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";

const REMEDY: &str = "install Chromium or Chrome so that `chromium` or `google-chrome` is on the PATH (Debian and Ubuntu: `apt-get install chromium`, as root), or \
                      say where it is: WASMILL_CHROMIUM=/path/to/chromium";

/// Chromium, or Chrome.
pub(crate) struct Chromium;

impl Recipe for Chromium {
    fn name(&self) -> &'static str {
        "chromium"
    }

    fn purpose(&self) -> &'static str {
        "tests of Wasmill in a browser"
    }

    fn find(&self, _: &Prefix) -> Outcome<Option<Found>> {
        let named = env::var_os(WASMILL_CHROMIUM).filter(|path| !path.is_empty()).map(PathBuf::from);
        if let Some(program) = named {
            let version = version(&program)
                .map_err(|failure| failure.help(format!("{WASMILL_CHROMIUM} has to name a browser that starts")))?;
            return Ok(Some(Found { version, place: program.display().to_string() }));
        }
        let candidates = PROGRAMS.iter().filter_map(|name| process::find(name)).chain([PathBuf::from(MAC)]);
        let answer = |program: PathBuf| {
            let version = program.is_file().then(|| version(&program).ok())??;
            Some(Found { version, place: program.display().to_string() })
        };
        Ok(candidates.filter_map(answer).next())
    }

    fn install(&self, _: &Prefix, printer: &Printer) -> Outcome {
        let is_root = process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
        if !is_root || process::find("apt-get").is_none() {
            return Err(Failure::new("there is no Chromium, and nobody here may install one").help(REMEDY));
        }
        printer.progress("apt-get install chromium (300 MB on disk)");
        let apt = |arguments: &[&str]| {
            let mut apt = Command::new("apt-get");
            apt.arg("-qq").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
            process::capture(&mut apt).map_err(|failure| failure.help(REMEDY))
        };
        apt(&["update"])?;
        apt(&["install", "--yes", "--no-install-recommends", "chromium"]).map(drop)
    }
}

fn version(program: &std::path::Path) -> Outcome<String> {
    let said = process::capture(Command::new(program).arg("--version"))?;
    Ok(said.lines().next().unwrap_or_default().trim().to_owned())
}

/// Playwright, which drives a browser that is there already.
pub(crate) struct Playwright;

const PACKAGE: &str = "playwright-core";

/// Pinned: the driver speaks a protocol that changes with browsers, and stays compatible for years.
const VERSION: &str = "1.65.1";

/// Raised when the steps of the recipe change in another way than by the version.
const REVISION: &str = "1";

impl Recipe for Playwright {
    fn name(&self) -> &'static str {
        "playwright"
    }

    fn purpose(&self) -> &'static str {
        "drives the browser in tests"
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
                .help("install Node.js 18 or newer with npm, for example `apt-get install nodejs npm`"));
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
