//! A program that does one dangerous piece of work in a process of its own: bytes in, bytes out, a time limit, and nothing left.
//!
//! Compilers are large programs that eat hostile bytes. In a process of its own, one that runs wild costs a process, not the host.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Builder};
use std::time::Duration;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::{mapped, pipes};

/// What a program may still see of the environment: only what its loader needs to start it at all.
const ENVIRONMENT: [&str; 3] = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"];

/// A program that is started once for each piece of work.
///
/// Whoever names the program trusts it with everything that the user may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What it sees of this process's environment.
    pub environment: Environment,
    /// Wall-clock time, from its start to its end.
    pub timeout: Duration,
    /// The most bytes of its answer.
    pub most_output: u64,
    /// Bytes of stderr that are kept, from its start.
    pub most_said: u64,
    /// The folder that it works in; this process's own where there is none.
    pub folder: Option<PathBuf>,
}

/// What a program sees of this process's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Nothing but what its loader needs.
    Cleared,
    /// These variables, and what its loader needs.
    Only(Vec<(OsString, OsString)>),
    /// All of it.
    Inherited,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit code.
    Exit(i32),
    /// By this signal, or in a way that has no number (0).
    Signal(i32),
}

/// The answer of a program that came to its end in time.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub ended: Ended,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// The beginning of what it wrote to stderr; invalid UTF-8 is replaced.
    pub stderr: String,
}

/// Compiled code, as a compiler's process gave it.
#[derive(Debug)]
pub struct WorkerCode {
    bytes: Vec<u8>,
}

impl WorkerCode {
    /// The serialized code.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Loads a core module from this process's memory.
    ///
    /// # Errors
    /// It is no module, not made by this version of wasmtime, or does not fit this engine.
    pub fn module(&self, engine: &Engine) -> wasmtime::Result<Module> {
        mapped::module_of_worker(engine, self)
    }

    /// Loads a component from this process's memory.
    ///
    /// # Errors
    /// As [`WorkerCode::module`].
    pub fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        mapped::component_of_worker(engine, self)
    }
}

impl Finished {
    /// The answer of a compiler that succeeded (exit code 0): serialized code.
    ///
    /// # Errors
    /// What it said instead.
    pub fn into_code(self) -> Result<WorkerCode, Finished> {
        if self.ended == Ended::Exit(0) { Ok(WorkerCode { bytes: self.stdout }) } else { Err(self) }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The program could not be started.
    #[error("`{}` cannot be started: {error}", program.display())]
    NotStarted {
        /// The program.
        program: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The program was started, and could not be talked to.
    #[error("`{}` cannot be talked to: {error}", program.display())]
    Lost {
        /// The program.
        program: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// It was killed, because its time was up.
    #[error("it took longer than {:?}", limit)]
    TimedOut {
        /// The time that it had.
        limit: Duration,
    },
    /// It was killed, because its answer had no end.
    #[error("its answer is larger than {limit} bytes")]
    TooMuchOutput {
        /// The most bytes.
        limit: u64,
    },
}

impl Worker {
    /// Starts the program, gives it `input` on stdin, and waits for its answer. Blocks.
    ///
    /// The program runs in a process group of its own. However this ends, the
    /// program is gone afterwards, and whatever is left of its group has been killed.
    ///
    /// # Errors
    /// The program cannot be started, takes too long or says too much. A program that fails is no error here: see
    /// [`Finished::ended`].
    pub fn run(&self, input: &[&[u8]]) -> Result<Finished, WorkerError> {
        let (mut answer, mut said) = (Vec::new(), Vec::new());
        let mut stdout = |piece: &[u8]| {
            answer.extend_from_slice(piece);
            answer.len() as u64 <= self.most_output
        };
        let mut stderr = |piece: &[u8]| {
            let room = usize::try_from(self.most_said).unwrap_or(usize::MAX).saturating_sub(said.len());
            said.extend_from_slice(piece.get(..room).unwrap_or(piece));
            true
        };
        let watched = self.watch(input, &mut stdout, &mut stderr, &Stopper::default())?;
        match watched.stopped {
            Some(Stopped::Enough) => return Err(WorkerError::TooMuchOutput { limit: self.most_output }),
            Some(Stopped::TimedOut | Stopped::Asked) => return Err(WorkerError::TimedOut { limit: self.timeout }),
            None => {}
        }
        Ok(Finished { ended: watched.ended, stdout: answer, stderr: String::from_utf8_lossy(&said).into_owned() })
    }

    /// The same, where somebody reads along: `stdout` and `stderr` are given each piece as it comes, and the program is killed
    /// when one of them says that it was enough (`false`), or when `stopper` is told to. The limits on what is said are theirs then.
    ///
    /// # Errors
    /// The program cannot be started or talked to.
    pub fn watch(
        &self,
        input: &[&[u8]],
        stdout: Reader<'_>,
        stderr: Reader<'_>,
        stopper: &Stopper,
    ) -> Result<Watched, WorkerError> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.environment != Environment::Inherited {
            command.env_clear();
            command.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        }
        if let Environment::Only(variables) = &self.environment {
            command.envs(variables.iter().map(|(name, value)| (name, value)));
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let (signal, signals) = mpsc::channel();
        stopper.attach(&signal);
        let child =
            command.spawn().map_err(|error| WorkerError::NotStarted { program: self.program.clone(), error })?;
        let mut group = Group { child };
        let leader = group.child.id();
        running().push(leader);
        let talked = self.talk(&mut group, input, stdout, stderr, (&signal, signals));
        stopper.detach();
        // Also where talking failed; the leader is not reaped before, so that its number still means this group.
        group.kill();
        running().retain(|other| *other != leader);
        let status = group.child.wait();
        let lost = |error| WorkerError::Lost { program: self.program.clone(), error };
        let stopped = talked.map_err(lost)?;
        Ok(Watched { ended: ended(status.map_err(lost)?), stopped })
    }

    /// Until the leader has ended, by itself or because it was killed.
    fn talk(
        &self,
        group: &mut Group,
        input: &[&[u8]],
        read_stdout: Reader<'_>,
        read_stderr: Reader<'_>,
        (signal, signals): (&Sender<Signal>, Receiver<Signal>),
    ) -> io::Result<Option<Stopped>> {
        /// Longer than anybody waits, and short enough for every clock.
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        let (stdin, stdout, stderr) = (group.child.stdin.take(), group.child.stdout.take(), group.child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(io::Error::other("its pipes are missing"));
        };
        let stopped: OnceLock<Stopped> = OnceLock::new();
        // The readers listen to one end; closing the other tells them that nothing more is waited for.
        let (alive, over) = io::pipe()?;
        let (alive, group) = (&alive, &*group);
        let (flag, timeout) = (&stopped, self.timeout.min(YEAR));
        let stop = move |why| {
            // The first reason is the reason.
            let _ = flag.set(why);
            group.kill();
        };
        thread::scope(|scope| {
            let start = || {
                Builder::new().spawn_scoped(scope, move || match signals.recv_timeout(timeout) {
                    Err(RecvTimeoutError::Timeout) => stop(Stopped::TimedOut),
                    Ok(Signal::Stop) => stop(Stopped::Asked),
                    Ok(Signal::Over) | Err(RecvTimeoutError::Disconnected) => {}
                })?;
                Builder::new().spawn_scoped(scope, move || {
                    // A program may end, or answer, before it has read everything.
                    let _ = pipes::write_all(&mut stdin, input, alive);
                })?;
                Builder::new().spawn_scoped(scope, move || {
                    let _ = pipes::read_all(stderr, read_stderr, alive).inspect(|all| {
                        if !all {
                            stop(Stopped::Enough);
                        }
                    });
                })?;
                Builder::new().spawn_scoped(scope, move || {
                    let read = pipes::read_all(stdout, read_stdout, alive);
                    match &read {
                        Ok(true) => {}
                        Ok(false) => stop(Stopped::Enough),
                        Err(_) => group.kill(),
                    }
                    read
                })
            };
            let started = start();
            if started.is_err() {
                // A thread that cannot be started leaves the others waiting for pipes; so the group goes first.
                group.kill();
            }
            let waited = group.wait_without_reaping();
            drop(signal.send(Signal::Over));
            // What it started is of no use any more, and may hold the pipes; what left its group may hold them for ever.
            group.kill();
            drop(over);
            let read = started?.join().unwrap_or_else(|_| Err(io::Error::other("a reader of it panicked")));
            read.and(waited)
        })?;
        Ok(stopped.into_inner())
    }
}

/// Is given what comes, piece by piece, and says whether more of it is wanted.
pub type Reader<'a> = &'a mut (dyn FnMut(&[u8]) -> bool + Send);

/// How a watched program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// How it ended.
    pub ended: Ended,
    /// Why it was killed, where it was not left to end by itself.
    pub stopped: Option<Stopped>,
}

/// Why a program was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Its time was up.
    TimedOut,
    /// A [`Stopper`] was told to.
    Asked,
    /// Who read along had enough.
    Enough,
}

/// Stops a program that is watched, from anywhere. A clone stops the same one.
#[derive(Clone, Debug, Default)]
pub struct Stopper {
    shared: Arc<Mutex<StopperState>>,
}

#[derive(Debug, Default)]
struct StopperState {
    asked: bool,
    running: Option<Sender<Signal>>,
}

impl Stopper {
    /// Kills the program with all that it started, at once; one that was not started yet will be as soon as it is.
    pub fn stop(&self) {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked = true;
        if let Some(running) = &state.running {
            // It is over already: nothing is to be stopped.
            let _ = running.send(Signal::Stop);
        }
    }

    fn attach(&self, running: &Sender<Signal>) {
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if state.asked {
            let _ = running.send(Signal::Stop);
        }
        state.running = Some(running.clone());
    }

    fn detach(&self) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).running = None;
    }
}

/// What the watching thread is told.
#[derive(Debug)]
enum Signal {
    /// The program has ended.
    Over,
    /// It is to be killed.
    Stop,
}

/// The leaders of the groups that are there: none of them has been reaped.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills every program that a [`Worker`] of this process has started, with all that it started: for a process that is told to end.
pub fn kill_workers() {
    #[cfg(unix)]
    for leader in running().iter().filter_map(|leader| rustix::process::Pid::from_raw(i32::try_from(*leader).ok()?)) {
        // Nobody is left in it: that is what was wanted.
        let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
    }
}

/// A process and all that it started, as far as it stayed in the group.
struct Group {
    child: Child,
}

#[cfg(unix)]
impl Group {
    /// Kills every process of the group. Only to be called before the leader was reaped: afterwards the number may be another's.
    fn kill(&self) {
        let leader = rustix::process::Pid::from_child(&self.child);
        // Nobody is left in it: that is what was wanted.
        let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
    }

    fn wait_without_reaping(&self) -> io::Result<()> {
        use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

        let leader = WaitId::Pid(Pid::from_child(&self.child));
        loop {
            match waitid(leader.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
    }
}

#[cfg(not(unix))]
impl Group {
    fn kill(&self) {
        // Without process groups a program is waited for; it limits itself.
    }

    fn wait_without_reaping(&self) -> io::Result<()> {
        Ok(())
    }
}

fn ended(status: ExitStatus) -> Ended {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return Ended::Signal(signal);
    }
    status.code().map_or(Ended::Signal(0), Ended::Exit)
}
