//! Compiling in a child process: both sides of the pipe.
//!
//! The parent starts the program that its settings name, gives it a header and the unit on stdin, and reads the compiled code from
//! stdout. The child limits itself before it looks at the unit, compiles with the very configuration of the parent, and ends. A
//! compiler that runs wild or crashes takes down a process that holds nothing.
//!
//! The header, little endian: magic (8), profile (1), kind (1), zeros (6), memory (8), seconds of computing (8), bytes of the unit
//! (8), fingerprint of the parent's engine (32). The answer is the code and exit code 0, or the reason as text and another one.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use wasmill_artifact::{
    CodeKind, Confinement, Ended, Environment, Finished, Worker, WorkerCode, WorkerError, fingerprint,
};
use wasmill_engine::PrepareError;
use wasmill_model::{Profile, format_bytes};
use wasmtime::Engine;

use crate::config;

const MAGIC: [u8; 8] = *b"WMCOMP\x00\x01";
const HEADER: usize = 72;

/// The unit is refused; stdout says why.
const REFUSED: u8 = 10;
/// The child is another build of the program than the parent.
const ANOTHER_BUILD: u8 = 11;
/// What the child was given is no header and unit, or it could not limit itself; stdout says more.
const NO_WORK: u8 = 12;

/// Linux's and macOS's number: the child used up its computing time.
const SIGXCPU: i32 = 24;
/// The system's own hand, most likely for want of memory: our kills are known.
const SIGKILL: i32 = 9;

/// What a failed allocation is called: by Rust, by the system, by a thread that could not be started.
const OUT_OF_MEMORY: [&str; 4] =
    ["memory allocation of", "Cannot allocate memory", "out of memory", "Resource temporarily unavailable"];

/// What the child is asked to do.
struct Request {
    profile: Profile,
    kind: CodeKind,
    confinement: Confinement,
    length: u64,
    fingerprint: [u8; 32],
}

impl Request {
    fn to_bytes(&self) -> [u8; HEADER] {
        let kind = match self.kind {
            CodeKind::Module => 0,
            CodeKind::Component => 1,
        };
        let profile = Profile::ALL.iter().position(|profile| *profile == self.profile).unwrap_or_default() as u8;
        let mut bytes = [0; HEADER];
        let parts: [&[u8]; 8] = [
            &MAGIC,
            &[profile, kind],
            &[0; 6],
            &self.confinement.memory.to_le_bytes(),
            &self.confinement.cpu_seconds.to_le_bytes(),
            &self.length.to_le_bytes(),
            &self.fingerprint,
            &[],
        ];
        for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; HEADER]) -> Option<Self> {
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        if !bytes.starts_with(&MAGIC) {
            return None;
        }
        Some(Request {
            profile: *Profile::ALL.get(usize::from(*bytes.get(8)?))?,
            kind: if *bytes.get(9)? == 0 { CodeKind::Module } else { CodeKind::Component },
            confinement: Confinement { memory: number(16)?, cpu_seconds: number(24)? },
            length: number(32)?,
            fingerprint: bytes.get(40..)?.try_into().ok()?,
        })
    }
}

/// What the parent knows of its child.
pub(crate) struct Child<'a> {
    pub(crate) program: &'a Path,
    pub(crate) args: &'a [OsString],
    pub(crate) memory: u64,
    pub(crate) timeout: Duration,
}

impl Child<'_> {
    /// Compiles one unit for `engine`. Blocks; waits for a free core first.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        profile: Profile,
        kind: CodeKind,
        unit: &[u8],
    ) -> Result<WorkerCode, PrepareError> {
        let cores = available_parallelism().map_or(1, usize::from);
        let request = Request {
            profile,
            kind,
            // The wall clock ends it; this is for a child whose parent was killed in a way that it does not notice.
            confinement: Confinement {
                memory: self.memory,
                cpu_seconds: (self.timeout.as_secs() + 1).saturating_mul(cores as u64),
            },
            length: unit.len() as u64,
            fingerprint: fingerprint(engine),
        };
        let worker = Worker {
            program: self.program.to_owned(),
            args: self.args.to_owned(),
            environment: Environment::Cleared,
            timeout: self.timeout,
            most_output: self.memory,
            // A panic's message is there.
            most_said: 4 << 10,
            folder: None,
        };
        let _permit = Permit::wait(cores);
        match worker.run(&[&request.to_bytes(), unit]) {
            Ok(finished) => finished.into_code().map_err(|finished| self.explain(&finished)),
            Err(WorkerError::TimedOut { .. }) => Err(self.too_slow()),
            Err(WorkerError::TooMuchOutput { .. }) => Err(self.too_large()),
            Err(error) => Err(PrepareError::Host { message: format!("the compiler's process failed: {error}") }),
        }
    }

    fn explain(&self, finished: &Finished) -> PrepareError {
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let no_memory = |text: &str| OUT_OF_MEMORY.iter().any(|words| text.contains(words));
        let answer = said(finished.stdout.get(..4096).unwrap_or(&finished.stdout));
        match finished.ended {
            Ended::Signal(SIGXCPU) => self.too_slow(),
            Ended::Signal(SIGKILL) => PrepareError::InvalidUnit {
                message: "compiling it was ended by the system, most likely for want of memory; free some, or build the unit \
                          smaller"
                    .to_owned(),
            },
            _ if no_memory(&finished.stderr) => self.too_large(),
            Ended::Exit(code) if code == i32::from(REFUSED) => {
                if no_memory(&answer) { self.too_large() } else { PrepareError::InvalidUnit { message: answer } }
            }
            Ended::Exit(code) if code == i32::from(ANOTHER_BUILD) => PrepareError::Host {
                message: format!(
                    "the compiler's process `{}` is another build of Wasmill than this one: start it again",
                    self.program.display()
                ),
            },
            Ended::Exit(code) if code == i32::from(NO_WORK) => PrepareError::Host {
                message: format!("the compiler's process `{}` could not begin: {answer}", self.program.display()),
            },
            // A panic, or a stack that is too deep: the unit brought the compiler down.
            Ended::Exit(_) | Ended::Signal(_) => {
                let how = match finished.ended {
                    Ended::Exit(code) => format!("exit code {code}"),
                    Ended::Signal(signal) => format!("signal {signal}"),
                };
                let words: Vec<&str> =
                    finished.stderr.lines().map(str::trim).filter(|line| !line.is_empty()).take(2).collect();
                let words = if words.is_empty() { String::new() } else { format!(": {}", words.join(" ")) };
                PrepareError::InvalidUnit {
                    message: format!("the compiler's process failed on it ({how}){words}; build the unit in another way"),
                }
            }
        }
    }

    fn too_slow(&self) -> PrepareError {
        PrepareError::InvalidUnit {
            message: format!(
                "compiling it took longer than {} s; build it with optimisation (`wasm-opt -O2`), split it into several units, or \
                 allow the compiler more time",
                self.timeout.as_secs_f64()
            ),
        }
    }

    fn too_large(&self) -> PrepareError {
        PrepareError::InvalidUnit {
            message: format!(
                "compiling it needed more than {} of memory; build it with optimisation (`wasm-opt -O2`), split it into \
                 several units, or allow the compiler more memory",
                format_bytes(self.memory)
            ),
        }
    }
}

/// The right to run one child: there are as many at once as there are cores.
struct Permit;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

impl Permit {
    fn wait(most: usize) -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut running = ENDED.wait_while(running, |running| *running >= most).unwrap_or_else(PoisonError::into_inner);
        *running += 1;
        Permit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

/// The child's side: reads a header and a unit from stdin, writes the compiled code to stdout.
///
/// A program that wants its units compiled in a child calls this, and nothing else, when it is started with the arguments that
/// its own [`Compiler::Child`](crate::Compiler::Child) names. The process is limited for good.
pub fn compile_worker() -> ExitCode {
    let (code, answer) = match work(&mut std::io::stdin().lock()) {
        Ok(code) => (0, code),
        Err((code, message)) => (code, message.into_bytes()),
    };
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(&answer).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::from(code),
        // The parent is gone, or does not want to hear more.
        Err(_) => ExitCode::from(NO_WORK),
    }
}

fn work(stdin: &mut impl Read) -> Result<Vec<u8>, (u8, String)> {
    let no_work = |message: String| (NO_WORK, message);
    let mut header = [0; HEADER];
    stdin.read_exact(&mut header).map_err(|error| no_work(format!("there is no header on stdin: {error}")))?;
    let request = Request::from_bytes(&header)
        .ok_or_else(|| no_work("this verb is for Wasmill itself; stdin has no request".to_owned()))?;
    request.confinement.apply().map_err(|error| no_work(format!("it could not limit itself: {error}")))?;

    // From here on the bytes are anybody's.
    let refused = |error: wasmtime::Error| {
        let words: Vec<String> = error.chain().map(ToString::to_string).collect();
        (REFUSED, words.join(": "))
    };
    let engine = Engine::new(&config::compiling(request.profile)).map_err(|error| no_work(format!("{error:#}")))?;
    if fingerprint(&engine) != request.fingerprint {
        return Err((ANOTHER_BUILD, String::new()));
    }
    let mut unit = Vec::new();
    stdin.take(request.length).read_to_end(&mut unit).map_err(|error| no_work(error.to_string()))?;
    if unit.len() as u64 != request.length {
        return Err(no_work("the unit was cut off".to_owned()));
    }
    match request.kind {
        CodeKind::Module => engine.precompile_module(&unit),
        CodeKind::Component => engine.precompile_component(&unit),
    }
    .map_err(refused)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

    use super::*;

    /// A child without a pool makes code for a parent with one: wasmtime says so in its documentation, and this holds it to it.
    #[test]
    fn the_child_compiles_for_every_engine_of_the_parent() {
        for profile in Profile::ALL {
            let child = fingerprint(&Engine::new(&config::compiling(profile)).unwrap());
            for mut parent in [config::pooling(profile, 4), config::on_demand(profile)] {
                // What core dumps need is worked out when a unit traps; code does not depend on it.
                for coredumps in [false, true] {
                    let engine = Engine::new(parent.coredump_on_trap(coredumps)).unwrap();
                    assert_eq!(fingerprint(&engine), child, "{profile}");
                }
            }
        }
    }

    #[test]
    fn a_header_survives_the_pipe() {
        let request = Request {
            profile: Profile::Deterministic,
            kind: CodeKind::Component,
            confinement: Confinement { memory: 1 << 40, cpu_seconds: 77 },
            length: 0x0102_0304_0506,
            fingerprint: [9; 32],
        };
        let read = Request::from_bytes(&request.to_bytes()).unwrap();
        assert_eq!(read.profile, Profile::Deterministic);
        assert_eq!(read.kind, CodeKind::Component);
        assert_eq!(read.confinement, request.confinement);
        assert_eq!((read.length, read.fingerprint), (request.length, request.fingerprint));
    }

    #[test]
    fn what_is_no_request_is_no_work() {
        for bytes in [&b""[..], b"hello", &[7; 200]] {
            assert_eq!(work(&mut &*bytes).expect_err("no work").0, NO_WORK);
        }
    }

    #[test]
    fn no_more_children_than_permits() {
        let running = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _permit = Permit::wait(2);
                    assert!(running.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2);
                    std::thread::yield_now();
                    running.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
        });
    }
}
