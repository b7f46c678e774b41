//! Programs that come as packages of npm: the AssemblyScript compiler, and esbuild, which puts JavaScript packages together.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe};

const NAME: &str = "npm";

/// Pinned: the same compiler gives the same bytes. Each with the program that it is found by.
const PACKAGES: [(&str, &str, &str); 2] = [("assemblyscript", "0.28.20", "asc"), ("esbuild", "0.28.2", "esbuild")];

/// Raised when the steps of the recipe change in another way than by the versions.
const REVISION: &str = "1";

/// What runs them, and what brings their packages.
const PROGRAMS: [&str; 2] = ["node", "npm"];

const REMEDY: &str = "install Node.js 18 or newer with npm, for example `apt-get install nodejs npm`";

pub(crate) struct Npm;

impl Recipe for Npm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn purpose(&self) -> &'static str {
        "units in AssemblyScript; JavaScript and TypeScript packages"
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        // Packages are built with both.
        if PROGRAMS.iter().any(|program| process::find(program).is_none()) {
            return Ok(None);
        }
        let on_path: Option<Vec<PathBuf>> = PACKAGES.iter().map(|(_, _, program)| process::find(program)).collect();
        if let Some(programs) = on_path {
            let versions: Outcome<Vec<String>> =
                programs.iter().map(|program| process::capture(Command::new(program).arg("--version"))).collect();
            // What does not answer is as good as not there.
            if let Ok(versions) = versions {
                let places: Vec<String> = programs.iter().map(|program| program.display().to_string()).collect();
                return Ok(Some(Found {
                    version: named(versions.iter().map(|said| said.trim())),
                    place: places.join(", "),
                }));
            }
        }
        let folder = prefix.folder(NAME);
        if !prefix.is_filled(NAME, &recipe()) {
            return Ok(None);
        }
        let complete = PACKAGES.iter().all(|(package, ..)| manifest(&folder, package).is_file());
        Ok(complete.then(|| Found {
            version: named(PACKAGES.iter().map(|(_, version, _)| *version)),
            place: folder.display().to_string(),
        }))
    }

    fn install(&self, prefix: &Prefix, _: &Printer) -> Outcome {
        for program in PROGRAMS {
            if process::find(program).is_none() {
                return Err(
                    Failure::new(format!("looked for `{program}` on the PATH, and it is not there")).help(REMEDY)
                );
            }
        }
        let folder = prefix.emptied(NAME)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--save-exact", "--prefix"]).arg(&folder);
        npm.args(PACKAGES.iter().map(|(package, version, _)| format!("{package}@{version}")));
        process::capture(&mut npm).map_err(|failure| {
            failure.help("check the network and npm's settings, then run `cargo xtask setup` again")
        })?;
        let missing = PACKAGES.iter().find(|(package, ..)| fs::metadata(manifest(&folder, package)).is_err());
        if let Some((package, ..)) = missing {
            return Err(Failure::new(format!("npm installed no `{package}`")));
        }
        prefix.stamp(NAME, &recipe())
    }
}

/// One of the programs: that on the PATH, where all of them are there, or ours.
pub(crate) fn program(prefix: &Prefix, name: &str) -> PathBuf {
    let own = prefix.folder(NAME).join("node_modules/.bin").join(name);
    if own.is_file() { own } else { process::find(name).unwrap_or(own) }
}

fn recipe() -> String {
    let packages: Vec<String> = PACKAGES.iter().map(|(package, version, _)| format!("{package}@{version}")).collect();
    format!("{REVISION}\n{}", packages.join("\n"))
}

fn manifest(folder: &Path, package: &str) -> PathBuf {
    folder.join("node_modules").join(package).join("package.json")
}

/// `assemblyscript 0.28.20, esbuild 0.28.2`
fn named<'a>(versions: impl Iterator<Item = &'a str>) -> String {
    let one = |(version, (package, ..)): (&str, &(&str, &str, &str))| {
        // asc says `Version 0.28.20`.
        format!("{package} {}", version.rsplit(' ').next().unwrap_or(version))
    };
    versions.zip(&PACKAGES).map(one).collect::<Vec<_>>().join(", ")
}
