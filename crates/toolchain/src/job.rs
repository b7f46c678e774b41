//! One build: a scratch folder, the source in it, and programs that are kept in.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use wasmill_artifact::{Ended, Environment, Launch, Worker, WorkerError};
use wasmill_model::Language;

use crate::{BuildError, SourceFiles, Tool, ToolName, Tools};

/// How the compilers' processes are started and limited.
#[derive(Clone, Debug)]
pub struct Confinement {
    /// The program that calls [`wasmill_artifact::launch`] when it is started with these arguments first: this very one, most likely. None: compilers
    /// are started without limits of memory, files and network; their time is limited all the same.
    pub launcher: Option<(PathBuf, Vec<OsString>)>,
    /// Bytes of memory of each process.
    pub memory: u64,
    /// The most time for one unit.
    pub timeout: Duration,
    /// The most bytes of a file that a compiler writes.
    pub file_size: u64,
}

impl Default for Confinement {
    /// No launcher, 4 GiB, two minutes, 256 MiB.
    fn default() -> Self {
        Confinement { launcher: None, memory: 4 << 30, timeout: Duration::from_secs(120), file_size: 256 << 20 }
    }
}

/// Whether a unit is built for speed or for finding faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Optimised; names of functions are kept, so that backtraces can be read.
    #[default]
    Release,
    /// Quick to compile, with lines for backtraces.
    Debug,
}

impl Mode {
    /// The name in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Release => "release",
            Mode::Debug => "debug",
        }
    }
}

/// One build, as a language sees it.
pub(crate) struct Job<'a> {
    pub(crate) language: Language,
    /// The source; all of its files are in the scratch folder already, under their names.
    pub(crate) source: &'a SourceFiles,
    /// The function that is asked for; none: `main`, or what the language's rules say.
    pub(crate) function: Option<&'a str>,
    pub(crate) mode: Mode,
    /// Whether what the source brings may be run here, and may use the network.
    pub(crate) trusted: bool,
    pub(crate) tools: &'a Tools,
    pub(crate) confinement: &'a Confinement,
    /// The scratch folder: the only one that compilers write to, besides their caches. It is gone after the build.
    pub(crate) folder: &'a Path,
    pub(crate) deadline: Instant,
}

/// A program's work within a [`Job`].
pub(crate) struct Run<'a> {
    pub(crate) tool: &'a Tool,
    pub(crate) args: Vec<OsString>,
    /// Besides those of the tool.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Folders that it may read besides the tool's own and the scratch folder.
    pub(crate) readable: Vec<PathBuf>,
    /// Folders that outlive the build, for the tool's own cache.
    pub(crate) writable: Vec<PathBuf>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(tool: &'a Tool, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Run {
            tool,
            args: args.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            readable: Vec::new(),
            writable: Vec::new(),
        }
    }
}

/// What a program said that came to its end.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Whether its exit code was 0.
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `exit code 1`, `signal 6`
    pub(crate) ended: String,
}

/// The folder in the scratch folder for a compiler's own temporary files.
pub(crate) const TEMPORARY: &str = ".tmp";

/// The most that a compiler may say on each of stdout and stderr.
const MOST_SAID: u64 = 1 << 20;

const SIGXCPU: i32 = 24;
const SIGKILL: i32 = 9;
const SIGXFSZ: i32 = 25;

/// What a compiler says that was refused memory.
const OUT_OF_MEMORY: [&str; 9] = [
    "memory allocation of",
    "Cannot allocate memory",
    "out of memory",
    "Out of memory",
    "OutOfMemory",
    "failed to reserve memory",
    "std::bad_alloc",
    "heap limit",
    "LLVM ERROR: out of memory",
];

impl Job<'_> {
    /// The program, or why it is not there.
    pub(crate) fn tool(&self, name: ToolName) -> Result<Tool, BuildError> {
        self.tools.find(name, self.language)
    }

    /// Writes a file into the scratch folder.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<(), BuildError> {
        let path = self.folder.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, contents));
        written.map_err(|error| BuildError::host(format!("`{}` cannot be written", path.display()), error))
    }

    /// What a compiler made.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, BuildError> {
        let path = self.folder.join(name);
        let size =
            fs::symlink_metadata(&path).map(|metadata| if metadata.is_file() { metadata.len() } else { u64::MAX });
        match size {
            Ok(size) if size <= self.confinement.file_size => {}
            Ok(_) => return Err(BuildError::TooMuchOutput { limit: self.confinement.file_size }),
            Err(error) => return Err(BuildError::NoUnit { message: format!("`{name}` was not made: {error}") }),
        }
        fs::read(&path).map_err(|error| BuildError::host(format!("`{}` cannot be read", path.display()), error))
    }

    /// Runs a program in the scratch folder, kept in, until the job's time is over.
    ///
    /// # Errors
    /// It could not be started, or went over a limit. That it refuses the source is no error here.
    pub(crate) fn run(&self, run: Run<'_>) -> Result<Ran, BuildError> {
        let Run { tool, args, environment, readable, writable } = run;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let timed_out = || BuildError::TimedOut { limit: self.confinement.timeout };
        if left.is_zero() {
            return Err(timed_out());
        }
        let mut variables: Vec<(OsString, OsString)> = vec![
            ("HOME".into(), self.folder.into()),
            // Apart from the source: compilers take it for no part of a package.
            ("TMPDIR".into(), self.folder.join(TEMPORARY).into()),
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("LANG".into(), "C.UTF-8".into()),
            ("SOURCE_DATE_EPOCH".into(), "0".into()),
        ];
        variables.extend(tool.environment.iter().cloned());
        variables.extend(environment);
        let args: Vec<OsString> = tool.args.iter().cloned().chain(args).collect();
        let (program, args) = match &self.confinement.launcher {
            None => (tool.program.clone(), args),
            Some((launcher, first)) => {
                let launch = Launch {
                    program: tool.program.clone(),
                    args,
                    memory: self.confinement.memory,
                    // The wall clock ends it; this is for what outlives a parent that was killed.
                    cpu_seconds: (left.as_secs() + 1)
                        .saturating_mul(available_parallelism().map_or(1, |cores| cores.get() as u64)),
                    file_size: self.confinement.file_size,
                    readable: tool.roots.iter().cloned().chain(readable).collect(),
                    writable: [self.folder.to_owned()]
                        .into_iter()
                        .chain(tool.caches.iter().cloned())
                        .chain(writable)
                        .collect(),
                    network: self.trusted,
                    all_files: self.trusted,
                };
                (launcher.clone(), first.iter().cloned().chain(launch.args()).collect())
            }
        };
        let worker = Worker {
            program,
            args,
            environment: if self.trusted { inherited(variables) } else { Environment::Only(variables) },
            timeout: left,
            most_output: MOST_SAID,
            most_said: MOST_SAID,
            folder: Some(self.folder.to_owned()),
        };
        let finished = worker.run(&[]).map_err(|error| match error {
            WorkerError::TimedOut { .. } => timed_out(),
            WorkerError::TooMuchOutput { limit } => BuildError::TooMuchOutput { limit },
            error => BuildError::host(format!("`{}`", tool.program.display()), error),
        })?;
        let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
        let no_memory = |text: &str| OUT_OF_MEMORY.iter().any(|words| text.contains(words));
        match finished.ended {
            Ended::Signal(SIGXCPU) => return Err(timed_out()),
            Ended::Signal(SIGXFSZ) => return Err(BuildError::TooMuchOutput { limit: self.confinement.file_size }),
            Ended::Signal(SIGKILL) => return Err(BuildError::OutOfMemory { limit: self.confinement.memory }),
            Ended::Exit(0) => {}
            _ if no_memory(&finished.stderr) => return Err(BuildError::OutOfMemory { limit: self.confinement.memory }),
            _ => {}
        }
        Ok(Ran {
            succeeded: finished.ended == Ended::Exit(0),
            stdout,
            stderr: finished.stderr,
            ended: match finished.ended {
                Ended::Exit(code) => format!("exit code {code}"),
                Ended::Signal(signal) => format!("signal {signal}"),
            },
        })
    }
}

/// All of this process's variables, and these. For what is trusted: package managers need proxies, registries and credentials.
fn inherited(variables: Vec<(OsString, OsString)>) -> Environment {
    let own = std::env::vars_os()
        .filter(|(name, _)| !variables.iter().any(|(other, _)| name == other) || name == "PATH" || name == "HOME");
    let ours = variables.iter().filter(|(name, _)| name != "PATH" && name != "HOME").cloned();
    Environment::Only(own.chain(ours).collect())
}
