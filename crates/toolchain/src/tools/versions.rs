//! What programs say of their versions. Some take a second to answer, so their answers are kept while their files stay the same.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use wasmill_artifact::{Ended, Environment, Worker};

use super::places::Candidate;

/// A program that does not say its version within this time is taken for one that does not work.
const PATIENCE: Duration = Duration::from_secs(60);

/// More than this is no file of ours.
const MOST_BYTES: u64 = 1 << 20;

/// The answers of earlier processes.
pub(super) struct Versions {
    file: Option<PathBuf>,
}

#[derive(Serialize, Deserialize, Default)]
struct Kept(BTreeMap<String, Answer>);

#[derive(Serialize, Deserialize, PartialEq)]
struct Answer {
    /// Path, size and time of change of the files that the answer holds for.
    stamps: Vec<(PathBuf, u64, u128)>,
    version: String,
}

impl Versions {
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Versions { file: folder.map(|folder| folder.join("versions.json")) }
    }

    /// The version of a program that works, in one line.
    ///
    /// # Errors
    /// What it says instead.
    pub(super) fn ask(&self, candidate: &Candidate) -> Result<String, String> {
        let key = format!("{} {:?}", candidate.program.display(), candidate.args);
        let stamps: Vec<(PathBuf, u64, u128)> = candidate.stamps.iter().filter_map(|path| stamp(path)).collect();
        let mut kept = self.read();
        if let Some(answer) = kept.0.get(&key).filter(|answer| answer.stamps == stamps) {
            return Ok(answer.version.clone());
        }
        let version = ask(candidate)?;
        kept.0.insert(key, Answer { stamps, version: version.clone() });
        self.write(&kept);
        Ok(version)
    }

    fn read(&self) -> Kept {
        let read = |file: &PathBuf| {
            let small = fs::metadata(file).ok()?.len() <= MOST_BYTES;
            serde_json::from_slice(&small.then(|| fs::read(file).ok())??).ok()
        };
        self.file.as_ref().and_then(read).unwrap_or_default()
    }

    /// In one rename; what another process wrote meanwhile is asked for again.
    fn write(&self, kept: &Kept) {
        let Some((file, folder)) = self.file.as_ref().and_then(|file| Some((file, file.parent()?))) else { return };
        let Ok(text) = serde_json::to_vec(kept) else { return };
        let _ = fs::create_dir_all(folder);
        let Ok(temporary) = tempfile::NamedTempFile::new_in(folder) else { return };
        if fs::write(temporary.path(), text).is_ok() {
            let _ = temporary.persist(file);
        }
    }
}

/// What tells a program from another that says the same of itself.
pub(super) fn identity(candidate: &Candidate, version: &str) -> String {
    let stamps: Vec<_> = candidate.stamps.iter().map(|path| stamp(path)).collect();
    format!("{version} {} {:?} {stamps:?}", candidate.program.display(), candidate.args)
}

fn stamp(path: &Path) -> Option<(PathBuf, u64, u128)> {
    let metadata = fs::metadata(path).ok()?;
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some((path.to_owned(), metadata.len(), changed.as_nanos()))
}

fn ask(candidate: &Candidate) -> Result<String, String> {
    let is_compiler = candidate.ask.first().is_some_and(|word| word == "version");
    // `zig cc version` would compile something.
    let own = if is_compiler { &[][..] } else { candidate.args.as_slice() };
    let args = own.iter().chain(&candidate.ask).cloned().collect();
    ask_version(&candidate.program, args, &candidate.environment)
}

/// The version of a program that works, in one line: what it says to these arguments.
///
/// # Errors
/// What it says instead.
pub fn ask_version(
    program: &Path,
    args: Vec<OsString>,
    environment: &[(OsString, OsString)],
) -> Result<String, String> {
    let worker = Worker {
        program: program.to_owned(),
        args,
        environment: Environment::Only(std::env::vars_os().chain(environment.iter().cloned()).collect()),
        timeout: PATIENCE,
        most_output: 64 << 10,
        most_said: 4 << 10,
        folder: None,
    };
    let finished = worker.run(&[]).map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&finished.stdout).into_owned();
    let first = |text: &str| text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    match (finished.ended, first(&said)) {
        // zig says a number only.
        (Ended::Exit(0), Some(line)) if line.starts_with(|one: char| one.is_ascii_digit()) => {
            let name = program.file_stem().unwrap_or_default().to_string_lossy();
            Ok(format!("{name} {line}"))
        }
        (Ended::Exit(0), Some(line)) => Ok(line),
        (Ended::Exit(0), None) => Err("it says no version".to_owned()),
        _ => {
            // Python's own first line says nothing.
            let last = finished.stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned);
            let words = first(&finished.stderr).filter(|line| !line.starts_with("Traceback")).or(last).or(first(&said));
            Err(words.unwrap_or_else(|| "it fails".to_owned()))
        }
    }
}
