//! `Component.toml`, beside a unit: found, read, and held to be of this unit.
//!
//! Which unit it is for: the only one of its folder, whatever its `[component] name`; of several, the one whose file has that name
//! (`-` and `_` are the same). Anything else is an error: limits must be lost as little as they may land on another unit.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wasmill_model::{Code, Diagnostic, LimitOverrides, Location, Policy, UnitSource};

/// What such a file is called.
pub const COMPONENT_FILE: &str = "Component.toml";

/// One that is larger than this is a mistake.
const LARGEST: u64 = 1 << 20;

/// The limits that stand beside a unit; none where there is no `Component.toml`, or where it is another unit's. `note` is told its name
/// and its text, for errors to point into. A unit that is in no file has none.
///
/// # Errors
/// Everything that is wrong with it, and a file of which nobody can tell whose it is.
pub fn component_limits(
    source: &UnitSource,
    base: &Path,
    policy: &Policy,
    note: &mut dyn FnMut(&str, &str),
) -> Result<Option<LimitOverrides>, Vec<Diagnostic>> {
    let UnitSource::Path(path) = source else { return Ok(None) };
    let unit = base.join(path);
    let folder = unit.parent().unwrap_or(Path::new(""));
    let path = component_file_of(&unit);
    let name = path.to_string_lossy();
    let wrong = |message: String, help: String| {
        let location = Location { file: (&*name).into(), ..Location::default() };
        vec![Diagnostic::new(Code::UnknownFile, message).at(&location).help(help)]
    };
    let cannot =
        |why: String| wrong(format!("it cannot be read: {why}"), format!("make `{name}` readable, or take it away"));
    let text = match component_text(&path) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(why) => return Err(cannot(why)),
    };
    note(&name, &text);
    let component = wasmill_manifest::parse_component(&name, &text, policy).map_err(|problems| problems.0)?;

    let this = spelled(&unit).unwrap_or_default();
    let units = units_in(folder).map_err(|error| cannot(error.to_string()))?;
    if units.iter().all(|other| *other == this) {
        return Ok(Some(component.limits));
    }
    let list = units.iter().map(|unit| format!("`{unit}`")).collect::<Vec<_>>().join(", ");
    match component.name.as_deref().map(one_spelling) {
        Some(name) if name == this => Ok(Some(component.limits)),
        Some(name) if units.contains(&name) => Ok(None),
        Some(name) => Err(wrong(
            format!("it is for `{name}`, and the units beside it are {list}"),
            "write the name of one of them into `[component] name`, or give each unit a folder of its own".to_owned(),
        )),
        None => Err(wrong(
            format!("it does not say which unit it is for, and the units beside it are {list}"),
            "add `[component]` with the `name` of one of them, or give each unit a folder of its own".to_owned(),
        )),
    }
}

/// Where it would stand for this unit.
pub fn component_file_of(unit: &Path) -> PathBuf {
    unit.with_file_name(COMPONENT_FILE)
}

/// The text of such a file; none where it is not there.
///
/// # Errors
/// Why it cannot be read.
pub fn component_text(path: &Path) -> Result<Option<String>, String> {
    match std::fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(metadata) if metadata.len() > LARGEST => return Err(format!("it has more than {LARGEST} bytes")),
        Ok(metadata) if !metadata.is_file() => return Err("it is no file".to_owned()),
        Ok(_) => {}
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map(Some).map_err(|_| "it is not UTF-8".to_owned())
}

/// The names of the units of a folder: a binary and the text that it was made from are one.
fn units_in(folder: &Path) -> std::io::Result<BTreeSet<String>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut units = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_unit = path
            .extension()
            .is_some_and(|kind| ["wasm", "wat", "wast"].iter().any(|unit| kind.eq_ignore_ascii_case(unit)));
        if is_unit {
            units.extend(spelled(&path));
        }
    }
    Ok(units)
}

fn spelled(unit: &Path) -> Option<String> {
    unit.file_stem().map(|stem| one_spelling(&stem.to_string_lossy()))
}

/// Cargo writes `word_count.wasm` for the package `word-count`.
fn one_spelling(name: &str) -> String {
    name.replace('_', "-")
}
