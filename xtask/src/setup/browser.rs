//! A browser: Chromium (or Chrome) of the machine.

use std::env;
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
