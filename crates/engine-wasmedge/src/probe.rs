//! Whether there is a WasmEdge, and which.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use wasmill_artifact::{Ended, Environment, Finished, Launch, Worker, WorkerError};

use crate::scratch::Scratch;
use crate::settings::{ENABLED, PATH, Settings};

/// The versions that Wasmill was tested with: their options and their words for traps are known.
pub const KNOWN_VERSIONS: &str = "0.17";

const MOST_SAID: u64 = 64 << 10;
/// Bytes of memory that it has while it is asked for something.
const MEMORY: u64 = 1 << 30;

/// Why there is no WasmEdge.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// The user turned it off.
    #[error("{ENABLED} turns it off")]
    Disabled,
    /// It is nowhere.
    #[error("looked for {looked_for}; it is not there")]
    Missing {
        /// What was looked for, and where.
        looked_for: String,
    },
    /// It is there, and does not say its version.
    #[error("`{}` does not work: {message}", program.display())]
    Broken {
        /// The program.
        program: PathBuf,
        /// What became of it, or what it said.
        message: String,
    },
    /// It is there, and Wasmill does not know this version.
    #[error("`{}` is version {version}; Wasmill works with {KNOWN_VERSIONS}", program.display())]
    WrongVersion {
        /// The program.
        program: PathBuf,
        /// The version.
        version: String,
    },
    /// There is no folder for its files.
    #[error("a scratch folder cannot be made: {0}")]
    Scratch(std::io::Error),
}

impl FindError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            FindError::Disabled => format!("unset {ENABLED}"),
            FindError::Missing { .. } | FindError::Broken { .. } | FindError::WrongVersion { .. } => format!(
                "install WasmEdge {KNOWN_VERSIONS} (https://wasmedge.org, or `cargo xtask setup` in Wasmill's sources), or name the \
                 program with {PATH}"
            ),
            FindError::Scratch(_) => "name another folder with TMPDIR".to_owned(),
        }
    }
}

/// A program that said that it is a WasmEdge that is known.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

/// Looks for the program and asks for its version.
pub(crate) fn probe(settings: &Settings) -> Result<Program, FindError> {
    if !settings.enabled {
        return Err(FindError::Disabled);
    }
    let path = look(settings)?;
    let broken = |message: String| FindError::Broken { program: path.clone(), message };
    let finished = start(settings, &path, vec!["--version".into()]).map_err(|error| match error {
        WorkerError::NotStarted { error, .. } => broken(format!("it cannot be started: {error}")),
        WorkerError::TimedOut { .. } => {
            broken(format!("it did not say its version within {} ms", settings.patience.as_millis()))
        }
        other => broken(other.to_string()),
    })?;
    let said = String::from_utf8_lossy(&finished.stdout);
    if finished.ended != Ended::Exit(0) {
        let ended = match finished.ended {
            Ended::Exit(code) => format!("exit code {code}"),
            Ended::Signal(signal) => format!("signal {signal}"),
        };
        return Err(broken(format!("`--version` ended with {ended}{}", words(&[&finished.stderr, &said]))));
    }
    let Some(version) = version(&said) else {
        return Err(broken(format!("`--version` does not name WasmEdge{}", words(&[&said, &finished.stderr]))));
    };
    if !is_known(&version) {
        return Err(FindError::WrongVersion { program: path, version });
    }
    Ok(Program { path, version })
}

/// Starts a program once, kept in as WasmEdge is for calls: what does not work that way is to be found out now.
fn start(settings: &Settings, path: &Path, args: Vec<OsString>) -> Result<Finished, WorkerError> {
    let (program, args) = settings.command(Launch {
        program: path.to_owned(),
        args,
        memory: MEMORY,
        cpu_seconds: settings.patience.as_secs().saturating_add(2),
        file_size: 0,
        readable: roots(path),
        writable: Vec::new(),
        network: false,
        all_files: false,
    });
    let worker = Worker {
        program,
        args,
        environment: Environment::Cleared,
        timeout: settings.patience,
        most_output: MOST_SAID,
        most_said: MOST_SAID,
        folder: None,
    };
    worker.run(&[])
}

/// Whether files are kept from what the launcher starts, which not every system can do: a shell is asked for one that it was not granted.
/// (WasmEdge itself crashes at a file that it may not open.)
pub(crate) fn is_kept_in(settings: &Settings, scratch: &Scratch) -> bool {
    const OPENED: i32 = 7;
    const REFUSED: i32 = 8;
    let script = format!("(exec < \"$0\") 2>/dev/null && exit {OPENED}; exit {REFUSED}");
    let asked = || {
        let room = scratch.room().ok()?;
        let file = room.path().join("foreign");
        fs::write(&file, "foreign").ok()?;
        start(settings, Path::new("/bin/sh"), vec!["-c".into(), script.into(), file.into()]).ok()
    };
    settings.launcher.is_some() && asked().is_some_and(|asked| asked.ended == Ended::Exit(REFUSED))
}

/// The first line of what somebody said, as far as anything was said.
fn words(said: &[&str]) -> String {
    const MOST: usize = 200;
    let line = said.iter().flat_map(|text| text.lines()).map(str::trim).find(|line| !line.is_empty());
    let line = line.map(|line| line.chars().filter(|one| !one.is_control()).take(MOST).collect::<String>());
    line.map_or_else(String::new, |line| format!(": {line}"))
}

/// `0.17.1` of `/usr/bin/wasmedge version 0.17.1`.
fn version(said: &str) -> Option<String> {
    let line = said.lines().find(|line| line.contains("wasmedge"))?;
    let version = line.rsplit(" version ").next().filter(|_| line.contains(" version "))?.trim();
    let is_version = version.split('.').count() >= 3 && version.starts_with(|one: char| one.is_ascii_digit());
    is_version.then(|| version.to_owned())
}

fn is_known(version: &str) -> bool {
    version.strip_prefix(KNOWN_VERSIONS).is_some_and(|rest| rest.starts_with('.'))
}

fn look(settings: &Settings) -> Result<PathBuf, FindError> {
    let named = settings.program.as_deref();
    let program = named.unwrap_or(Path::new("wasmedge"));
    if program.components().count() > 1 {
        return match fs::metadata(program) {
            Ok(metadata) if metadata.is_file() => {
                Ok(std::path::absolute(program).unwrap_or_else(|_| program.to_owned()))
            }
            _ => Err(FindError::Missing { looked_for: format!("`{}`, which {PATH} names", program.display()) }),
        };
    }
    let file = format!("{}{}", program.display(), std::env::consts::EXE_SUFFIX);
    // A relative folder of the PATH is another one in the scratch folder.
    let folders = settings.folders.iter().filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(&file)).find(|path| is_program(path)).ok_or_else(|| {
        let because = if named.is_some() { format!(", which {PATH} names,") } else { String::new() };
        FindError::Missing {
            looked_for: format!("`{}`{because} on the PATH and among Wasmill's tools", program.display()),
        }
    })
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// What the program may read of its package: `bin/..`, unless that is one of the user's own folders.
pub(crate) fn roots(program: &Path) -> Vec<PathBuf> {
    let Ok(real) = fs::canonicalize(program) else { return Vec::new() };
    let prefix = real.parent().filter(|bin| bin.file_name().is_some_and(|name| name == "bin")).and_then(Path::parent);
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let is_users = |prefix: &Path| {
        home.as_ref().is_some_and(|home| {
            let home = fs::canonicalize(home).unwrap_or_else(|_| home.clone());
            home.starts_with(prefix) || prefix == home.join(".local")
        })
    };
    match prefix {
        Some(prefix) if !is_users(prefix) => vec![prefix.to_owned()],
        Some(prefix) => vec![real.clone(), prefix.join("lib")],
        None => vec![real],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_of_wasmedge_and_known() {
        let said = "/x y/wasmedge version 0.17.1\n (plugin \"wasi_logging\") version 0.1.0.0\n";
        assert_eq!(version(said).as_deref(), Some("0.17.1"));
        assert_eq!(version("wasmtime 48.0.0"), None);
        assert_eq!(version("wasmedge version"), None);
        assert_eq!(version(""), None);
        assert!(is_known("0.17.1") && is_known("0.17.0-rc.2") && !is_known("0.170.0") && !is_known("0.14.1"));
    }
}
