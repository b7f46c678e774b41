//! WASI preview 1, as <https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md> has it, with the grants of a call and nothing else.
//!
//! What a guest sees is what it sees on wasmtime: the same functions, errors and bytes. Where a pointer is not in the guest's memory, or not
//! aligned, the guest is stopped, as the specification says.
//!
//! It belongs to no engine: an engine defines imports from [`FUNCTIONS`], and hands each call of one to [`Preview1::call`], with the guest's
//! linear memory ([`Memory`]: borrowed, or behind copies) and the [`Meter`] that bounds the host's work. A guest that waits is given back as
//! data ([`Wait`]), and goes on whenever the engine lets it.
#![forbid(unsafe_code)]
#![allow(clippy::too_many_arguments, reason = "the functions have the parameters that preview 1 gives them")]

mod abort;
mod clock;
mod descriptor;
mod entry;
mod environment;
mod errno;
mod file;
mod folder;
mod function;
mod interfaces;
mod memory;
mod meter;
mod poll;
mod state;
mod stream;
#[cfg_attr(unix, path = "system.rs")]
#[cfg_attr(not(unix), path = "no_system.rs")]
mod system;

use wasmill_engine::parts::Stop;

pub use self::abort::abort;
use self::errno::Errno;
pub use self::function::{FUNCTIONS, Function, Returned, Type};
pub use self::interfaces::Randomness;
use self::memory::GuestMemory;
pub use self::memory::{Memory, RemoteMemory};
pub use self::meter::{BYTES_PER_FUEL, Meter};
pub use self::poll::Wait;
pub use self::state::{Preview1, Surroundings};

/// The module that units import this from.
pub const MODULE: &str = wasmill_unit::PREVIEW1_MODULE;

/// Whether folders can be granted here.
pub const HAS_FOLDERS: bool = system::HAS_FOLDERS;

/// Bytes that one call of a function may copy: arrays, buffers and texts together.
const MOST_COPIED: u64 = 128 << 20;

/// Whether a unit imports anything of this.
pub fn is_imported(unit: &wasmill_unit::Unit) -> bool {
    unit.info().imports.iter().any(|import| &*import.module == MODULE)
}

/// Why a function does not return to its guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The host stops the guest.
    Stop(Stop),
    /// It exits, with this code.
    Exit(i32),
    /// The fuel of the call is used up.
    OutOfFuel,
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        End::Stop(stop)
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

type Answer<T = ()> = Result<T, Failure>;

/// What is none of an enumeration's numbers, or has bits that are none of its flags, is no argument.
fn known(is_known: bool, kind: &str) -> Answer {
    if is_known { Ok(()) } else { Err(Stop::Abi(format!("the argument is no {kind} of preview 1")).into()) }
}
