//! WASI preview 1, as <https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md> has it, with the grants of a call and nothing else.
//!
//! What a guest sees is what it sees on wasmtime: the same functions, errors and bytes. Where a pointer is not in the guest's memory, or not
//! aligned, the guest is stopped, as the specification says.

#![allow(clippy::too_many_arguments, reason = "the functions have the parameters that preview 1 gives them")]

mod clock;
mod descriptor;
mod entry;
mod environment;
mod errno;
mod file;
mod folder;
mod memory;
mod poll;
mod stream;
#[cfg_attr(unix, path = "system.rs")]
#[cfg_attr(not(unix), path = "no_system.rs")]
mod system;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use wasmi::errors::HostError;
use wasmi::{AsContext as _, AsContextMut as _, Caller, Error, Extern, FuncType, Linker, ValType};
use wasmill_engine::StdoutSink;
use wasmill_engine::parts::{Capture, CaptureKind, SeededStream, Stop, VirtualTime, panic_message};
use wasmill_model::{Digest, Grants, Input, Limits, Secrets, Source};
use wasmill_unit::Unit;

use self::clock::Clock;
use self::descriptor::Descriptors;
use self::environment::Random;
use self::errno::Errno;
use self::memory::GuestMemory;
use self::poll::Wait;
use crate::outcome::{End, Halt};
use crate::state::State;

/// The module that units import this from.
pub(crate) const MODULE: &str = wasmill_unit::PREVIEW1_MODULE;

/// Whether folders can be granted here.
pub(crate) const HAS_FOLDERS: bool = system::HAS_FOLDERS;
/// Whether the real clock can be.
pub(crate) const HAS_CLOCK: bool = !cfg!(all(target_family = "wasm", target_os = "unknown"));
/// Whether real randomness can be.
pub(crate) const HAS_RANDOMNESS: bool = HAS_CLOCK;

/// The name that a program sees as its own.
const PROGRAM: &str = "unit";
/// Bytes that one call of a function may copy: arrays, buffers and texts together.
const MOST_COPIED: u64 = 128 << 20;

/// Whether a unit has anything of this.
pub(crate) fn is_imported(unit: &Unit) -> bool {
    unit.info().imports.iter().any(|import| &*import.module == MODULE)
}

/// Everything that the WASI side of a call depends on.
pub(crate) struct Surroundings<'a> {
    pub(crate) grants: &'a Grants,
    pub(crate) secrets: &'a Secrets,
    pub(crate) limits: &'a Limits,
    pub(crate) unit: Digest,
    /// What the unit is called with: the seed of its randomness.
    pub(crate) input: &'a Input,
    pub(crate) stdin: Bytes,
    /// A unit that is called by function has no output stream: what it prints is log.
    pub(crate) stdout_is_log: bool,
    /// Who is told of its output at once.
    pub(crate) sink: Option<&'a Arc<dyn StdoutSink>>,
    /// Whether readings do not move the virtual clock.
    pub(crate) frozen: bool,
}

/// The WASI side of a call.
#[derive(Debug)]
pub(crate) struct Preview1 {
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
    /// What is left of it.
    stdin: Bytes,
    /// Each without the zero byte at its end.
    arguments: Vec<Vec<u8>>,
    environment: Vec<Vec<u8>>,
    clock: Clock,
    random: Random,
    descriptors: Descriptors,
}

impl Preview1 {
    /// # Errors
    /// A granted folder that cannot be opened.
    pub(crate) fn new(around: &Surroundings<'_>) -> Result<Box<Preview1>, Stop> {
        let Surroundings { grants, secrets, limits, .. } = around;
        let stderr = Capture::new(CaptureKind::Log, limits.log);
        let stdout = if around.stdout_is_log {
            stderr.clone()
        } else {
            Capture::told(CaptureKind::Output, limits.output, around.sink.cloned())
        };
        let arguments = [PROGRAM].into_iter().chain(grants.args.iter().map(String::as_str));
        let secret = |name: &String| secrets.get(name).map(|value| format!("{name}={value}").into_bytes());
        let environment = grants.env.iter().map(|(name, value)| format!("{name}={value}").into_bytes());
        Ok(Box::new(Preview1 {
            stdout,
            stderr,
            stdin: around.stdin.clone(),
            arguments: arguments.map(|argument| argument.as_bytes().to_vec()).collect(),
            environment: environment.chain(grants.secrets.iter().filter_map(secret)).collect(),
            clock: Clock::new(VirtualTime::granted(grants, around.frozen)),
            random: match grants.random {
                Source::Virtual => {
                    Random::Seeded(SeededStream::new(around.unit, around.input.clone(), SeededStream::SECURE))
                }
                Source::Real => Random::Real,
            },
            descriptors: Descriptors::new(grants)?,
        }))
    }
}

/// How a function ends that does not simply succeed.
enum Failure {
    /// It tells the guest why.
    Errno(Errno),
    /// The guest is stopped.
    End(End),
    /// It answers later.
    Wait(Box<Wait>),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Failure::Errno(errno)
    }
}

impl<T: Into<End>> From<T> for Failure {
    fn from(end: T) -> Self {
        Failure::End(end.into())
    }
}

/// A guest that stands still in a function. It travels through wasmi as an error, which leaves the guest where it is; then it goes on.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    /// What the function cost beyond what was left of the guest's slice of fuel.
    pub(crate) owed: u64,
    pub(crate) then: Then,
}

/// How the guest goes on.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// The function returns this, when others had their turn.
    Answer(i32),
    /// It returns when the wait is over.
    Wait(Wait),
}

impl fmt::Display for Pause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the unit waits")
    }
}

impl HostError for Pause {}

type Answer<T = ()> = Result<T, Failure>;

/// What is none of an enumeration's numbers, or has bits that are none of its flags, is no argument.
fn known(is_known: bool, kind: &str) -> Answer {
    if is_known { Ok(()) } else { Err(Stop::Abi(format!("the argument is no {kind} of preview 1")).into()) }
}

/// Calls a function with the guest's memory and the call's WASI side.
fn serve(
    mut caller: Caller<'_, State>,
    asks_system: bool,
    function: impl FnOnce(&mut Preview1, &mut GuestMemory<'_>) -> Answer,
) -> Result<i32, Error> {
    let halt = |end: End| Error::host(Halt(end));
    let memory = caller
        .get_export("memory")
        .and_then(Extern::into_memory)
        .ok_or_else(|| halt(Stop::Abi("a unit that imports WASI exports its `memory`".to_owned()).into()))?;
    let left = caller.as_context().get_fuel()?;
    let (data, state) = memory.data_and_store_mut(&mut caller);
    let State { preview1: Some(preview1), meter: Some(meter), .. } = state else {
        return Err(halt(Stop::Host("a unit without WASI calls it".to_owned()).into()));
    };
    meter.enter(left).map_err(|stop| halt(stop.into()))?;
    if asks_system {
        meter.asks_system();
    }
    // wasmi's own frames cannot be unwound: a panic that passed them would end the process.
    let answered = catch_unwind(AssertUnwindSafe(|| function(preview1, &mut GuestMemory::new(data, meter))));
    let answered = answered.unwrap_or_else(|panic| {
        let message = format!("the host's side of the call panicked: {}", panic_message(&*panic));
        Err(Stop::Host(message).into())
    });
    let then = match answered {
        Ok(()) => Then::Answer(Errno::SUCCESS.code()),
        Err(Failure::Errno(errno)) => Then::Answer(errno.code()),
        Err(Failure::End(end)) => return Err(halt(end)),
        Err(Failure::Wait(wait)) => Then::Wait(wait.within(memory)),
    };
    let cost = meter.leave().map_err(|stop| halt(stop.into()))?;
    let is_long = meter.is_long();
    // What a slice has not enough for is paid when it is over; a function is never called twice.
    let owed = match left.checked_sub(cost) {
        Some(_) if cost == 0 => 0,
        Some(left) => {
            caller.as_context_mut().set_fuel(left)?;
            0
        }
        None => cost,
    };
    match then {
        Then::Answer(answer) if owed == 0 && !is_long => Ok(answer),
        then => Err(Error::host(Pause { owed, then })),
    }
}

/// The type of a parameter, as WebAssembly has it.
trait Parameter {
    const TYPE: ValType;
}

impl Parameter for u32 {
    const TYPE: ValType = ValType::I32;
}

impl Parameter for u64 {
    const TYPE: ValType = ValType::I64;
}

impl Parameter for i64 {
    const TYPE: ValType = ValType::I64;
}

/// The functions, each with its parameters as WebAssembly has them; all give an errno. Of each room, whether its functions ask the system.
macro_rules! functions {
    ($($room:ident $asks:literal { $($name:ident($($parameter:ident: $kind:ty),*);)* })*) => {
        /// Whether there is such a function.
        pub(crate) fn has(name: &str) -> bool {
            name == "proc_exit" $($(|| name == stringify!($name))*)*
        }

        /// Puts a function into a linker, and gives its type; none where there is no such function.
        pub(crate) fn define(linker: &mut Linker<State>, name: &str) -> Result<Option<FuncType>, Error> {
            // A unit may import one twice.
            linker.allow_shadowing(true);
            match name {
                $($(stringify!($name) => {
                    linker.func_wrap(MODULE, name, |caller: Caller<'_, State>, $($parameter: $kind),*| {
                        serve(caller, $asks, |preview1, memory| $room::$name(preview1, memory, $($parameter),*))
                    })?;
                    Ok(Some(FuncType::new([$(<$kind as Parameter>::TYPE),*], [ValType::I32])))
                })*)*
                "proc_exit" => {
                    linker.func_wrap(MODULE, name, environment::proc_exit)?;
                    Ok(Some(FuncType::new([ValType::I32], [])))
                }
                _ => Ok(None),
            }
        }
    };
}

functions! {
    environment false {
        args_get(pointers: u32, buffer: u32);
        args_sizes_get(count: u32, bytes: u32);
        environ_get(pointers: u32, buffer: u32);
        environ_sizes_get(count: u32, bytes: u32);
        proc_raise(signal: u32);
        random_get(buffer: u32, length: u32);
        sched_yield();
        sock_accept(fd: u32, flags: u32, opened: u32);
        sock_recv(fd: u32, buffers: u32, count: u32, flags: u32, received: u32, out_flags: u32);
        sock_send(fd: u32, buffers: u32, count: u32, flags: u32, sent: u32);
        sock_shutdown(fd: u32, how: u32);
    }
    clock false {
        clock_res_get(id: u32, resolution: u32);
        clock_time_get(id: u32, precision: u64, time: u32);
    }
    poll false {
        poll_oneoff(subscriptions: u32, events: u32, count: u32, written: u32);
    }
    descriptor false {
        fd_close(fd: u32);
        fd_fdstat_get(fd: u32, stat: u32);
        fd_fdstat_set_flags(fd: u32, flags: u32);
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
        fd_prestat_get(fd: u32, stat: u32);
        fd_prestat_dir_name(fd: u32, path: u32, length: u32);
        fd_renumber(from: u32, to: u32);
    }
    stream false {
        fd_read(fd: u32, buffers: u32, count: u32, read: u32);
        fd_pread(fd: u32, buffers: u32, count: u32, offset: u64, read: u32);
        fd_write(fd: u32, buffers: u32, count: u32, written: u32);
        fd_pwrite(fd: u32, buffers: u32, count: u32, offset: u64, written: u32);
        fd_seek(fd: u32, offset: i64, whence: u32, position: u32);
        fd_tell(fd: u32, position: u32);
    }
    file true {
        fd_advise(fd: u32, offset: u64, length: u64, advice: u32);
        fd_allocate(fd: u32, offset: u64, length: u64);
        fd_datasync(fd: u32);
        fd_sync(fd: u32);
        fd_filestat_get(fd: u32, stat: u32);
        fd_filestat_set_size(fd: u32, size: u64);
        fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, flags: u32);
    }
    folder true {
        fd_readdir(fd: u32, buffer: u32, length: u32, cookie: u64, used: u32);
        path_create_directory(fd: u32, path: u32, length: u32);
        path_filestat_get(fd: u32, follow: u32, path: u32, length: u32, stat: u32);
        path_filestat_set_times(
            fd: u32, follow: u32, path: u32, length: u32, accessed: u64, modified: u64, flags: u32
        );
        path_link(
            from: u32, follow: u32, old_path: u32, old_length: u32, to: u32, new_path: u32, new_length: u32
        );
        path_open(
            fd: u32, follow: u32, path: u32, length: u32, how: u32, rights: u64, inheriting: u64, flags: u32,
            opened: u32
        );
        path_readlink(fd: u32, path: u32, length: u32, buffer: u32, room: u32, used: u32);
        path_remove_directory(fd: u32, path: u32, length: u32);
        path_rename(from: u32, old_path: u32, old_length: u32, to: u32, new_path: u32, new_length: u32);
        path_symlink(target: u32, target_length: u32, fd: u32, path: u32, length: u32);
        path_unlink_file(fd: u32, path: u32, length: u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `wasmill-unit` says that Wasmill provides is there.
    #[test]
    fn every_function_is_there() {
        let engine = wasmi::Engine::default();
        let mut linker = Linker::new(&engine);
        for name in wasmill_unit::PREVIEW1 {
            assert!(has(name) && define(&mut linker, name).unwrap().is_some(), "{name}");
        }
        assert!(!has("sock_open") && define(&mut linker, "sock_open").unwrap().is_none());
    }
}
