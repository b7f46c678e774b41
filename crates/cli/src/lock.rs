//! `wasmill.lock`: what the units of pipelines were when somebody looked at them and accepted them.
//!
//! It stands beside the pipeline's file, wherever a link to that is, and only ever refuses: a unit that is another one, or that wants
//! more, is an error until `wasmill plan FILE --accept`. Pipelines without a lock are not held to one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmill_model::{Code, Diagnostic, Digest, Location, UnitSource};
use wasmill_runtime::Bundle;
use wasmill_unit::Unit;

use crate::failure::Failure;
use crate::pipeline_file::PipelineFile;
use crate::render::{DIM, GREEN, RED, YELLOW};
use crate::whole_file;

/// The name of the file, beside the pipeline.
const NAME: &str = "wasmill.lock";

/// What stands at its top.
const HEAD: &str = "# What the units of these pipelines were when they were accepted. Written by `wasmill plan FILE --accept`.\n\
                    # A unit that changes, or wants more, is refused until it is accepted again.\n";

const VERSION: u32 = 1;

/// A lock larger than this is a mistake.
const LARGEST: u64 = 16 << 20;

/// The whole file: pipelines by their paths from its folder.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    pipelines: BTreeMap<String, Pipeline>,
}

impl Default for File {
    fn default() -> Self {
        File { version: VERSION, pipelines: BTreeMap::new() }
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pipeline {
    #[serde(default)]
    units: BTreeMap<String, LockedUnit>,
}

/// What a unit was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockedUnit {
    /// SHA-256 of its binary; of a script, of the script: interpreters are not the same bytes on every machine.
    digest: Digest,
    interface: String,
    /// What made it: `rustc 1.95.0`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    toolchain: Vec<String>,
    /// Grants that it makes use of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    wants: Vec<String>,
    /// What it imports: interfaces, or modules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    imports: Vec<String>,
}

impl LockedUnit {
    fn of(unit: &Unit) -> Self {
        let info = unit.info();
        let script = info.built.as_ref().filter(|built| built.script.is_some());
        let mut imports: Vec<String> = info.imports.iter().map(|import| import.module.to_string()).collect();
        imports.sort();
        imports.dedup();
        let made_by = |one: &wasmill_unit::Producer| format!("{} {}", one.name, one.version).trim_end().to_owned();
        let mut toolchain: Vec<String> = info.producers.iter().map(made_by).collect();
        toolchain.dedup();
        LockedUnit {
            digest: script.map_or(info.digest, |built| Digest::of(&built.to_section())),
            interface: info.interface.to_string(),
            toolchain,
            wants: info.wants.iter().map(|want| (*want).to_owned()).collect(),
            imports,
        }
    }
}

/// One unit that is not what the lock says.
#[derive(Debug, Serialize)]
pub(crate) struct Change {
    /// The pipeline's path from the folder of the lock.
    pipeline: String,
    unit: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<LockedUnit>,
    /// None where the pipeline has no such unit any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    is: Option<LockedUnit>,
    /// Where the pipeline declares it.
    #[serde(skip)]
    location: Option<Location>,
}

/// What a pipeline's units are, against what they were.
#[derive(Default)]
pub(crate) struct Lock {
    path: PathBuf,
    file: File,
    /// The pipeline and those that it calls, by their paths from the lock's folder.
    now: BTreeMap<String, Pipeline>,
    /// Whether the pipeline is in the lock.
    pub(crate) is_kept: bool,
    /// What is not as it was, in the order of the files; of a pipeline that was never accepted, all of it.
    pub(crate) changes: Vec<Change>,
}

/// Refuses units that are not what the lock says, where there is one.
///
/// # Errors
/// Each such unit, at its place; or why the lock cannot be read.
pub(crate) fn check(path: &Path, pipeline: &PipelineFile) -> Result<(), Failure> {
    let lock = Lock::read(path, &pipeline.bundle)?;
    match lock.problems(path) {
        problems if problems.is_empty() => Ok(()),
        problems => Err(Failure::invalid(problems).in_files(&pipeline.sources)),
    }
}

impl Lock {
    /// Reads the lock beside a pipeline's file, and compares.
    ///
    /// # Errors
    /// A lock that cannot be read.
    pub(crate) fn read(pipeline: &Path, bundle: &Bundle) -> Result<Self, Failure> {
        let own = own_name(pipeline);
        let folder = own.parent().unwrap_or(Path::new(""));
        let path = folder.join(NAME);
        let unreadable = |message: String| {
            let help =
                format!("put it right, or remove it and accept anew: `wasmill plan {} --accept`", pipeline.display());
            Failure::invalid(vec![Diagnostic::new(Code::LockUnreadable, message).help(help)])
        };
        let shown = path.display();
        let file = match text(&path) {
            Ok(Some(text)) => toml::from_str::<File>(&text)
                .map_err(|error| unreadable(format!("`{shown}` is no lock: {}", error.to_string().trim_end())))?,
            Ok(None) => File::default(),
            Err(why) => return Err(unreadable(format!("`{shown}` cannot be read: {why}"))),
        };
        if file.version != VERSION {
            return Err(unreadable(format!(
                "`{shown}` is of version {}, and this Wasmill knows {VERSION}",
                file.version
            )));
        }
        let name = own.file_name().map(Path::new).unwrap_or(Path::new(""));
        let mut all = Vec::new();
        collect(name, bundle, &mut all);
        let is_kept = all.first().is_some_and(|(name, _)| file.pipelines.contains_key(name));
        let mut changes = Vec::new();
        let mut now = BTreeMap::new();
        for (name, bundle) in all {
            let was = file.pipelines.get(&name);
            let mut is = Pipeline::default();
            for (unit, spec) in &bundle.pipeline.units {
                let Some(loaded) = bundle.units.get(unit) else { continue };
                // Those that are part of Wasmill change with it.
                if matches!(spec.source, UnitSource::Builtin(_)) {
                    continue;
                }
                let locked = LockedUnit::of(loaded);
                let before = was.and_then(|was| was.units.get(&**unit));
                if before != Some(&locked) {
                    changes.push(Change {
                        pipeline: name.clone(),
                        unit: unit.clone(),
                        was: before.cloned(),
                        is: Some(locked.clone()),
                        location: Some(spec.location.clone()),
                    });
                }
                is.units.insert(unit.to_string(), locked);
            }
            for (unit, before) in was.into_iter().flat_map(|was| &was.units) {
                if !is.units.contains_key(unit) {
                    let (pipeline, unit, was) = (name.clone(), Arc::from(unit.as_str()), Some(before.clone()));
                    changes.push(Change { pipeline, unit, was, is: None, location: None });
                }
            }
            now.insert(name, is);
        }
        Ok(Lock { path, file, now, is_kept, changes })
    }

    /// Why a run is refused. A unit that is gone hurts nobody, and another version of a tool that made the same binary neither.
    pub(crate) fn problems(&self, pipeline: &Path) -> Vec<Diagnostic> {
        if !self.is_kept {
            return Vec::new();
        }
        let refused = self.changes.iter().filter_map(|change| {
            let is = change.is.as_ref()?;
            let why = match &change.was {
                None => "was never accepted".to_owned(),
                Some(was) if was.digest != is.digest => {
                    format!("is not the one that was accepted: sha256 {} became {}", was.digest, is.digest)
                }
                Some(was) if was.interface != is.interface => {
                    format!(
                        "is not run as it was when it was accepted: interface {} became {}",
                        was.interface, is.interface
                    )
                }
                Some(was) if is.wants.iter().any(|want| !was.wants.contains(want)) => {
                    "changed in what it is run by".to_owned()
                }
                Some(_) => return None,
            };
            let was = change.was.as_ref();
            let more: Vec<&str> = is
                .wants
                .iter()
                .filter(|want| was.is_none_or(|was| !was.wants.contains(want)))
                .map(String::as_str)
                .collect();
            let more = match (more.is_empty(), was) {
                (true, _) => String::new(),
                (false, Some(_)) => format!("; it wants more than it did: {}", more.join(", ")),
                (false, None) => format!("; it wants {}", more.join(", ")),
            };
            let message = format!("the unit `{}` {why}{more}", change.unit);
            let problem = Diagnostic::new(Code::UnitChanged, message);
            let problem = match &change.location {
                Some(location) => problem.at(location),
                None => problem,
            };
            let shown = pipeline.display();
            Some(problem.help(format!("`wasmill plan {shown}` shows what changed; with `--accept` it is accepted")))
        });
        refused.collect()
    }

    /// Keeps what the units are now.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn accept(mut self) -> Result<PathBuf, Failure> {
        // Others may accept pipelines of the same folder at the same time: what they wrote stays. (Where a folder cannot be locked, the last one wins.)
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let held = fs::File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
        let written = text(&self.path).ok().flatten().and_then(|text| toml::from_str::<File>(&text).ok());
        if let Some(written) = written.filter(|file| file.version == VERSION) {
            self.file = written;
        }
        self.file.pipelines.extend(self.now);
        let shown = self.path.display();
        let failed = |error: &dyn std::fmt::Display| Failure::host(format!("`{shown}` cannot be written: {error}"));
        let text = toml::to_string(&self.file).map_err(|error| failed(&error))?;
        whole_file::write(&self.path, format!("{HEAD}{text}").as_bytes()).map_err(|error| failed(&error))?;
        drop(held);
        Ok(self.path)
    }

    /// The changes as a reviewer wants them.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut pipeline = None;
        for change in &self.changes {
            if self.now.len() > 1 && pipeline.replace(&change.pipeline) != Some(&change.pipeline) {
                let _ = writeln!(text, "{DIM}{}{DIM:#}", change.pipeline);
            }
            change.write(&mut text);
        }
        text
    }
}

impl Change {
    fn write(&self, text: &mut String) {
        let unit = &self.unit;
        let _ = match (&self.was, &self.is) {
            (None, Some(is)) => writeln!(text, "{GREEN}+ {unit}{GREEN:#}  {}, sha256 {}", is.interface, is.digest)
                .and_then(|()| lists(text, &LockedUnit::nothing(is), is)),
            (Some(was), None) => writeln!(text, "{RED}- {unit}{RED:#}  {}, sha256 {}", was.interface, was.digest),
            (Some(was), Some(is)) => {
                let mut lines = writeln!(text, "{YELLOW}~ {unit}{YELLOW:#}");
                for (name, was, is) in [
                    ("interface", &was.interface, &is.interface),
                    ("sha256", &was.digest.to_string(), &is.digest.to_string()),
                ] {
                    if was != is {
                        lines = lines.and_then(|()| writeln!(text, "    {name:<9}  {was} → {is}"));
                    }
                }
                lines.and_then(|()| lists(text, was, is))
            }
            (None, None) => Ok(()),
        };
    }
}

impl LockedUnit {
    /// The same unit, if it wanted nothing.
    fn nothing(of: &LockedUnit) -> Self {
        LockedUnit { toolchain: Vec::new(), wants: Vec::new(), imports: Vec::new(), ..of.clone() }
    }
}

/// The text of a lock; none where nothing at all has its name. Whatever else has it is refused: a link that leads nowhere must not
/// read as a pipeline that was never accepted, and a pipe would be waited for.
///
/// # Errors
/// Why it cannot be read.
fn text(path: &Path) -> Result<Option<String>, String> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => return Ok(None),
        metadata => metadata.map_err(|error| error.to_string())?,
    };
    if !metadata.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut text = String::new();
    match fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text)) {
        Ok(size) if size as u64 > LARGEST => Err(format!("it has more than {LARGEST} bytes")),
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(error.to_string()),
    }
}

/// What is in one list and not in the other.
fn lists(text: &mut String, was: &LockedUnit, is: &LockedUnit) -> std::fmt::Result {
    for (name, was, is) in [
        ("wants", &was.wants, &is.wants),
        ("imports", &was.imports, &is.imports),
        ("made by", &was.toolchain, &is.toolchain),
    ] {
        for gone in was.iter().filter(|one| !is.contains(one)) {
            writeln!(text, "    {name:<9}  {RED}- {gone}{RED:#}")?;
        }
        for new in is.iter().filter(|one| !was.contains(one)) {
            writeln!(text, "    {name:<9}  {GREEN}+ {new}{GREEN:#}")?;
        }
    }
    Ok(())
}

/// The file that a link leads to: what was accepted is the pipeline, and not the name that somebody gives to it.
fn own_name(pipeline: &Path) -> Cow<'_, Path> {
    match fs::canonicalize(pipeline) {
        Ok(file) if pipeline.is_symlink() => file.into(),
        _ => pipeline.into(),
    }
}

/// The pipeline and those that it calls, each once, by their paths from the first one's folder.
fn collect<'a>(path: &Path, bundle: &'a Bundle, all: &mut Vec<(String, &'a Bundle)>) {
    let name = plain(path);
    if all.iter().any(|(other, _)| *other == name) {
        return;
    }
    all.push((name, bundle));
    for (unit, called) in &bundle.pipelines {
        if let Some(UnitSource::Pipeline(other)) = bundle.pipeline.units.get(unit).map(|spec| &spec.source) {
            collect(&path.parent().unwrap_or(Path::new("")).join(other), called, all);
        }
    }
}

/// A path without `.` and, where that can be, without `..`; with `/` on every system.
fn plain(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if parts.last().is_some_and(|last| last != "..") => drop(parts.pop()),
            // Before the first `/` of a whole path there is nothing.
            Component::RootDir => parts.push(String::new()),
            other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_same_however_they_are_written() {
        assert_eq!(plain(Path::new("./a/../b/c.yaml")), "b/c.yaml");
        assert_eq!(plain(Path::new("../../c.yaml")), "../../c.yaml");
        assert_eq!(plain(Path::new("/a/./c.yaml")), "/a/c.yaml");
    }
}
