//! The JavaScript interpreter: its own build script makes it with the packages of npm that its lock file names, the same bytes on every Linux.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::digest::{Pieces, files, sha256};
use crate::failure::{During, Failure, Outcome};
use crate::guests::source::{Language, Source};
use crate::paths::Paths;
use crate::printer::Printer;
use crate::process;

/// Where interpreters are, among the guests. None of the files there is a guest of its own.
pub(super) const SUITE: &str = "interpreters";

/// The folder where the unit is committed.
pub(super) const COMMITTED: &str = "crates/toolchain/interpreters";

const NAME: &str = "javascript";

/// What npm installs by.
const MANIFESTS: [&str; 2] = ["package.json", "package-lock.json"];

/// The folder of the source that is no part of the unit.
const TESTS: &str = "test";

/// Makes the unit out of the script.
const ENGINE: &str = "componentize-qjs";

const STAMP: &str = ".installed";

const REMEDY: &str = "install Node.js 20 with npm and a C compiler, for example `apt-get install nodejs npm gcc`";

/// The interpreter, where it is among the guests.
pub(super) fn source(paths: &Paths) -> Outcome<Option<Source>> {
    let folder = paths.root.join("guests").join(SUITE).join(NAME);
    if !folder.join("build.mjs").is_file() {
        return Ok(None);
    }
    let mut pieces = Pieces::default();
    for file in parts(&folder)? {
        pieces.add("file", paths.shown(&file).as_bytes());
        pieces.add_files(&file)?;
    }
    Ok(Some(Source {
        suite: SUITE.to_owned(),
        name: NAME.to_owned(),
        language: Language::JavaScript,
        path: folder,
        sha256: pieces.finish(),
        committed: Some(paths.root.join(COMMITTED).join(format!("{NAME}.wasm"))),
    }))
}

/// The files that the unit is made from.
fn parts(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut parts = files(folder)?;
    parts.retain(|file| !file.starts_with(folder.join(TESTS)));
    Ok(parts)
}

/// What builds it: `node v20.20.2, componentize-qjs 0.4.5`.
pub(super) fn toolchain(paths: &Paths) -> Outcome<String> {
    if !cfg!(target_os = "linux") {
        return Err(Failure::new("the JavaScript interpreter is built on Linux only")
            .help("run `cargo xtask guests` with `--check` or `--update` there"));
    }
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    for program in ["node", "npm", &compiler] {
        if !Path::new(program).is_file() && process::find(program).is_none() {
            return Err(Failure::new(format!(
                "the JavaScript interpreter needs `{program}`: looked for it on the PATH, and it is not there"
            ))
            .help(REMEDY));
        }
    }
    let node = process::capture(Command::new("node").arg("--version"))?;
    let lock = paths.root.join("guests").join(SUITE).join(NAME).join("package-lock.json");
    let text = fs::read_to_string(&lock).during(lock.display())?;
    let lock: serde_json::Value = serde_json::from_str(&text).during(lock.display())?;
    let engine =
        lock.pointer(&format!("/packages/node_modules~1{ENGINE}/version")).and_then(|version| version.as_str());
    let engine = engine.ok_or_else(|| Failure::new(format!("package-lock.json names no {ENGINE}")))?;
    Ok(format!("node {}, {ENGINE} {engine}", node.trim()))
}

/// Builds it beside its packages, in a folder of the target folder: nothing is written among the sources.
pub(super) fn build(paths: &Paths, source: &Source, output: &Path, printer: &Printer) -> Outcome<Vec<u8>> {
    let folder = paths.target.join("guests-javascript");
    install(source, &folder, printer)?;
    let copy = folder.join("source");
    if copy.exists() {
        fs::remove_dir_all(&copy).during(copy.display())?;
    }
    for file in parts(&source.path)? {
        let place = copy.join(file.strip_prefix(&source.path).unwrap_or(&file));
        fs::create_dir_all(place.parent().unwrap_or(&copy)).during(place.display())?;
        fs::copy(&file, &place).during(place.display())?;
    }
    process::capture(Command::new("node").arg(copy.join("build.mjs")).arg(output))
        .map_err(|failure| failure.help(REMEDY))?;
    fs::read(output).during(output.display())
}

/// The packages, where they are not there already.
fn install(source: &Source, folder: &Path, printer: &Printer) -> Outcome {
    let mut recipe = String::new();
    for name in MANIFESTS {
        let path = source.path.join(name);
        recipe += &fs::read_to_string(&path).during(path.display())?;
    }
    let (stamp, recipe) = (folder.join(STAMP), sha256(recipe.as_bytes()));
    if fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == recipe) {
        return Ok(());
    }
    printer.progress(format_args!("installing what {} is built with", source.label()));
    if folder.exists() {
        fs::remove_dir_all(folder).during(folder.display())?;
    }
    fs::create_dir_all(folder).during(folder.display())?;
    for name in MANIFESTS {
        fs::copy(source.path.join(name), folder.join(name)).during(name)?;
    }
    // Not `npm ci`: it takes packages for other systems, which the registry does not have, for a lock file out of date.
    process::capture(Command::new("npm").current_dir(folder).args(["install", "--no-audit", "--no-fund"]))
        .map_err(|failure| failure.help("check the network and npm's settings"))?;
    fs::write(&stamp, recipe).during(stamp.display())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::parts;

    #[test]
    fn neither_tests_nor_packages_are_parts_of_the_unit() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["build.mjs", "src/a.js", "test/b.mjs", "node_modules/c/index.js"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let parts = parts(folder.path()).unwrap();
        assert_eq!(parts, ["build.mjs", "src/a.js"].map(|name| folder.path().join(name)));
    }
}
