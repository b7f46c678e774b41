//! The units that are committed, for the examples and as part of Wasmill, held to their sources.
//!
//! The same source and the same toolchain must give the same bytes. Another toolchain may give others, but a unit with the same
//! exports; that is said, and is no failure. A committed unit is always the one that the lock file names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::digest::sha256;
use crate::failure::{During, Failure, Outcome};
use crate::guests::lock::{Entry, Lock, Origin};
use crate::guests::source::{BUILTIN, Source};
use crate::guests::{Unit, javascript, names};
use crate::paths::Paths;
use crate::printer::Printer;

const REMEDY: &str = "run `cargo xtask guests --update`, and commit the units with guests/units.lock.toml";

/// What was found out about one committed unit.
#[derive(PartialEq, Debug)]
enum Finding {
    Same,
    /// Why the bytes were not compared.
    Alike(String),
    Wrong(String),
}

pub(crate) fn check(paths: &Paths, units: &[&Unit<'_>], printer: &Printer) -> Outcome {
    let lock = Lock::read(&Lock::path(paths))?;
    let mut wrong = strays(paths, units, &lock)?;
    let mut same = 0;
    for unit in units {
        let shown = shown(paths, unit);
        let committed = unit.source.committed.as_ref().and_then(|path| fs::read(path).ok());
        match compare(lock.entry(&shown), committed.as_deref(), &unit.source.sha256, &unit.toolchain, &unit.bytes)? {
            Finding::Same => same += 1,
            Finding::Alike(why) => printer.progress(format_args!("{shown}: {why}")),
            Finding::Wrong(why) => wrong.push(format!("{shown}: {why}")),
        }
    }
    printer.progress(format_args!("guests: {} committed units, {same} rebuilt byte for byte", units.len()));
    if wrong.is_empty() { Ok(()) } else { Err(Failure::new(wrong.join("\nerror: ")).help(REMEDY)) }
}

pub(crate) fn update(paths: &Paths, units: &[&Unit<'_>], printer: &Printer) -> Outcome {
    let path = Lock::path(paths);
    let lock = Lock::read(&path).unwrap_or_default();
    let mut new = Lock::default();
    for unit in units {
        let shown = shown(paths, unit);
        let Some(place) = &unit.source.committed else { continue };
        let entry = Entry {
            path: shown.clone(),
            sha256: unit.sha256(),
            size: unit.bytes.len(),
            toolchain: unit.toolchain.clone(),
            source: Origin { path: paths.shown(&unit.source.path), sha256: unit.source.sha256.clone() },
        };
        if lock.entry(&shown) != Some(&entry) {
            printer.progress(format_args!("{shown}: {} bytes, sha256 {}", entry.size, entry.sha256));
        }
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).during(folder.display())?;
        }
        fs::write(place, &unit.bytes).during(place.display())?;
        new.unit.push(entry);
    }
    new.write(&path)
}

/// Says it when a source has moved on; a build is no place to fail for that.
pub(crate) fn remind<'a>(paths: &Paths, sources: impl IntoIterator<Item = &'a Source>, printer: &Printer) -> Outcome {
    let lock = Lock::read(&Lock::path(paths))?;
    for source in sources {
        let shown = paths.shown(source.committed.as_ref().unwrap_or(&source.path));
        if lock.entry(&shown).is_none_or(|entry| entry.source.sha256 != source.sha256) {
            printer.progress(format_args!("{shown} is older than its source: {REMEDY}"));
        }
    }
    Ok(())
}

fn shown(paths: &Paths, unit: &Unit<'_>) -> String {
    paths.shown(unit.source.committed.as_ref().unwrap_or(&unit.path))
}

fn compare(
    entry: Option<&Entry>,
    committed: Option<&[u8]>,
    source: &str,
    toolchain: &str,
    built: &[u8],
) -> Outcome<Finding> {
    let wrong = |why: &str| Ok(Finding::Wrong(why.to_owned()));
    let Some(entry) = entry else { return wrong("it is not in guests/units.lock.toml") };
    let Some(committed) = committed else { return wrong("it is in guests/units.lock.toml, and the file is not there") };
    if sha256(committed) != entry.sha256 {
        return wrong("its bytes are not those of guests/units.lock.toml");
    }
    if source != entry.source.sha256 {
        return wrong(&format!("{} has changed since it was built", entry.source.path));
    }
    if built == committed {
        return Ok(Finding::Same);
    }
    if toolchain == entry.toolchain {
        return wrong(&format!("{toolchain} builds other bytes now ({}, was {})", sha256(built), entry.sha256));
    }
    let (now, then) = (names::exports(built)?, names::exports(committed)?);
    if now != then {
        return wrong(&format!("{toolchain} builds a unit that exports {now:?}; the committed one exports {then:?}"));
    }
    Ok(Finding::Alike(format!(
        "only its exports were compared: committed from {}, rebuilt with {toolchain}",
        entry.toolchain
    )))
}

/// Units in the examples that nothing is the source of, and lines of the lock file without a unit.
fn strays(paths: &Paths, units: &[&Unit<'_>], lock: &Lock) -> Outcome<Vec<String>> {
    let known: Vec<String> = units.iter().map(|unit| shown(paths, unit)).collect();
    let mut files = committed_files(&paths.root.join("examples"), "units")?;
    files.extend(committed_files(&paths.root.join(BUILTIN.1), BUILTIN.0)?);
    files.extend(committed_files(&paths.root.join(javascript::COMMITTED), javascript::SUITE)?);
    let mut found: Vec<String> = files.iter().map(|path| paths.shown(path)).collect();
    found.extend(lock.unit.iter().map(|entry| entry.path.clone()));
    found.sort();
    found.dedup();
    let strays = found.into_iter().filter(|path| !known.contains(path));
    Ok(strays.map(|path| format!("{path}: no guest of guests/ is its source")).collect())
}

/// The units below a folder that stand in folders of this name: `examples/*/units/*.wasm`.
fn committed_files(below: &Path, name: &str) -> Outcome<Vec<PathBuf>> {
    if !below.is_dir() {
        return Ok(Vec::new());
    }
    let files = crate::digest::files(below)?;
    let is_unit = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "wasm")
            && path.parent().is_some_and(|folder| folder.ends_with(name))
    };
    Ok(files.into_iter().filter(is_unit).collect())
}

#[cfg(test)]
mod tests {
    use super::{Finding, compare};
    use crate::digest::sha256;
    use crate::guests::lock::{Entry, Origin};

    /// A module that exports one function of this name, of one letter.
    fn module(name: u8, extra: bool) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x05\x01\x01".to_vec();
        bytes.extend([name, 0, 0]);
        bytes.extend(b"\x0a\x04\x01\x02\0\x0b");
        if extra {
            bytes.extend(b"\0\x03\x01xy");
        }
        bytes
    }

    fn entry(committed: &[u8]) -> Entry {
        Entry {
            path: "u".to_owned(),
            sha256: sha256(committed),
            size: committed.len(),
            toolchain: "old".to_owned(),
            source: Origin { path: "s".to_owned(), sha256: "source".to_owned() },
        }
    }

    fn is_wrong(finding: &Finding, why: &str) -> bool {
        matches!(finding, Finding::Wrong(message) if message.contains(why))
    }

    #[test]
    fn the_same_bytes_are_the_same_whatever_built_them() {
        let unit = module(b'a', false);
        for toolchain in ["old", "new"] {
            assert_eq!(compare(Some(&entry(&unit)), Some(&unit), "source", toolchain, &unit).unwrap(), Finding::Same);
        }
    }

    #[test]
    fn the_same_toolchain_must_give_the_same_bytes() {
        let (unit, other) = (module(b'a', false), module(b'a', true));
        assert!(is_wrong(&compare(Some(&entry(&unit)), Some(&unit), "source", "old", &other).unwrap(), "other bytes"));
    }

    #[test]
    fn another_toolchain_must_give_the_same_exports() {
        let (unit, other) = (module(b'a', false), module(b'a', true));
        let finding = compare(Some(&entry(&unit)), Some(&unit), "source", "new", &other).unwrap();
        assert!(matches!(finding, Finding::Alike(_)), "{finding:?}");
        let renamed = module(b'b', false);
        assert!(is_wrong(&compare(Some(&entry(&unit)), Some(&unit), "source", "new", &renamed).unwrap(), "exports"));
    }

    #[test]
    fn a_changed_source_and_a_changed_or_missing_unit_are_found() {
        let (unit, other) = (module(b'a', false), module(b'a', true));
        assert!(is_wrong(&compare(Some(&entry(&unit)), Some(&unit), "edited", "old", &unit).unwrap(), "has changed"));
        assert!(is_wrong(
            &compare(Some(&entry(&unit)), Some(&other), "source", "old", &unit).unwrap(),
            "bytes are not"
        ));
        assert!(is_wrong(&compare(Some(&entry(&unit)), None, "source", "old", &unit).unwrap(), "not there"));
        assert!(is_wrong(&compare(None, Some(&unit), "source", "old", &unit).unwrap(), "not in"));
    }
}
