//! From what ended a guest to a verdict: by type and trap code, never by a message's text.

use std::fmt;

use wasmi::errors::{ErrorKind, HostError, InstantiationError, MemoryError, TableError};
use wasmi::{Error, TrapCode};
use wasmill_engine::parts::{Deadline, Stop, exit_verdict};
use wasmill_model::{Limits, TrapKind, Verdict};

/// Why a guest did not come to its end.
#[derive(Debug)]
pub(crate) enum End {
    /// The host stopped it.
    Stop(Stop),
    /// It exited, with this code.
    Exit(i32),
    /// The fuel of the call is used up.
    OutOfFuel,
    /// It has more memories, tables or instances than it may.
    TooMany,
    /// It begins with more memory than there are addresses where wasmi itself is WebAssembly.
    TooLarge,
    /// It broke a rule of WebAssembly.
    Trap(TrapKind, String),
}

impl End {
    pub(crate) fn verdict(&self, limits: &Limits, deadline: &Deadline) -> Verdict {
        match self {
            End::Stop(stop) => stop.verdict(limits, deadline),
            // Of a command, 0 is success, and does not come here.
            End::Exit(code) => exit_verdict(*code),
            End::OutOfFuel => Verdict::FuelExhausted { limit: limits.fuel },
            // What was refused says which limit it was.
            End::TooMany | End::TooLarge => Verdict::Trap { kind: TrapKind::Other, detail: String::new() },
            End::Trap(kind, detail) => Verdict::Trap { kind: *kind, detail: detail.clone() },
        }
    }
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        End::Stop(stop)
    }
}

impl From<wasmill_preview1::End> for End {
    fn from(end: wasmill_preview1::End) -> Self {
        match end {
            wasmill_preview1::End::Stop(stop) => End::Stop(stop),
            wasmill_preview1::End::Exit(code) => End::Exit(code),
            wasmill_preview1::End::OutOfFuel => End::OutOfFuel,
        }
    }
}

/// A reason of the host's, on its way through wasmi.
#[derive(Debug)]
pub(crate) struct Halt(pub(crate) End);

impl fmt::Display for Halt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl HostError for Halt {}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Host(_) => {
                let words = error.to_string();
                return match error.downcast::<Halt>() {
                    Some(Halt(end)) => end,
                    None => End::Stop(Stop::Host(words)),
                };
            }
            ErrorKind::I32ExitStatus(code) => return End::Exit(*code),
            ErrorKind::Instantiation(error) => match error {
                InstantiationError::TooManyInstances
                | InstantiationError::TooManyTables
                | InstantiationError::TooManyMemories => return End::TooMany,
                InstantiationError::FailedToInstantiateMemory(MemoryError::MinimumSizeOverflow) => {
                    return End::TooLarge;
                }
                InstantiationError::ElementSegmentDoesNotFit { .. } => TrapKind::TableOutOfBounds,
                // What was refused says which limit it was.
                InstantiationError::FailedToInstantiateMemory(_) | InstantiationError::FailedToInstantiateTable(_) => {
                    TrapKind::Other
                }
                _ => return End::Stop(Stop::Host(error.to_string())),
            },
            ErrorKind::Memory(MemoryError::OutOfBoundsAccess) => TrapKind::MemoryOutOfBounds,
            ErrorKind::Table(TableError::InitOutOfBounds | TableError::CopyOutOfBounds) => TrapKind::TableOutOfBounds,
            kind => match kind.as_trap_code() {
                Some(TrapCode::OutOfFuel) => return End::OutOfFuel,
                Some(code) => trap_kind(code),
                None => return End::Stop(Stop::Host(error.to_string())),
            },
        };
        End::Trap(kind, String::new())
    }
}

fn trap_kind(code: TrapCode) -> TrapKind {
    match code {
        TrapCode::UnreachableCodeReached => TrapKind::Unreachable,
        TrapCode::MemoryOutOfBounds => TrapKind::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => TrapKind::TableOutOfBounds,
        TrapCode::IndirectCallToNull => TrapKind::NullReference,
        TrapCode::BadSignature => TrapKind::BadSignature,
        TrapCode::IntegerOverflow => TrapKind::IntegerOverflow,
        TrapCode::IntegerDivisionByZero => TrapKind::IntegerDivisionByZero,
        TrapCode::BadConversionToInteger => TrapKind::BadConversionToInteger,
        TrapCode::StackOverflow => TrapKind::StackOverflow,
        // Ours never limit growth by a trap; fuel is no trap; and a host that has no memory left for a stack has failed itself.
        TrapCode::GrowthOperationLimited | TrapCode::OutOfFuel | TrapCode::OutOfSystemMemory => TrapKind::Other,
    }
}
