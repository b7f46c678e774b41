//! When a call is over, and why the host ends it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasmill_model::{Limits, TrapKind, Verdict};
use web_time::Instant;

use super::Refused;
use crate::Cancel;

/// Why the host stopped a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Stop {
    /// Its time is over.
    #[error("the deadline passed")]
    Deadline,
    /// Somebody cancelled the call.
    #[error("the run was cancelled")]
    Cancelled,
    /// It gave more than it may.
    #[error("the output is larger than it may be")]
    Output {
        /// Bytes that there were, or would have been.
        produced: u64,
    },
    /// It logged more than it may.
    #[error("the log is larger than it may be")]
    Log,
    /// It broke the rules of its interface.
    #[error("{0}")]
    Abi(String),
    /// It said that it failed.
    #[error("{0}")]
    Guest(String),
    /// It does not take this input.
    #[error("{0}")]
    Input(String),
    /// A host function failed, and had no way to tell the unit.
    #[error("{0}")]
    Function(String),
    /// The host failed.
    #[error("{0}")]
    Host(String),
    /// AssemblyScript's `abort`.
    #[error("{0}")]
    Abort(String),
}

impl Stop {
    /// What the attempt ended with.
    pub fn verdict(&self, limits: &Limits, deadline: &Deadline) -> Verdict {
        match self {
            Stop::Deadline => Verdict::TimedOut { limit: limits.timeout, elapsed: deadline.elapsed() },
            Stop::Cancelled => Verdict::Cancelled,
            Stop::Output { produced } => Verdict::OutputExceeded { limit: limits.output, produced: *produced },
            Stop::Log => Verdict::LogExceeded { limit: limits.log },
            Stop::Abi(detail) => Verdict::Trap { kind: TrapKind::InvalidAbi, detail: detail.clone() },
            Stop::Abort(detail) => Verdict::Trap { kind: TrapKind::Unreachable, detail: detail.clone() },
            Stop::Guest(message) => Verdict::GuestError { message: message.clone() },
            Stop::Function(detail) => Verdict::Trap { kind: TrapKind::Other, detail: detail.clone() },
            Stop::Host(message) => Verdict::HostError { message: message.clone() },
            Stop::Input(message) => Verdict::InvalidInput { message: message.clone() },
        }
    }
}

/// What it means that a guest exited with this code before it answered. Of a command, 0 is success, and not asked about here.
pub fn exit_verdict(code: i32) -> Verdict {
    let message = match code {
        0 => "exited before it answered".to_owned(),
        code => format!("exited with code {code}"),
    };
    Verdict::GuestError { message }
}

/// A guest that was refused something (memory, or what it was not granted) and then failed has failed for that reason.
pub fn final_verdict(verdict: Verdict, refused: Option<Refused>, denied: Option<Verdict>) -> Verdict {
    let by_guest = matches!(verdict, Verdict::Trap { .. } | Verdict::GuestError { .. });
    match refused {
        Some(Refused { of, limit, wanted }) if by_guest || matches!(verdict, Verdict::HostError { .. }) => {
            Verdict::MemoryExceeded { of, limit, wanted }
        }
        _ if by_guest => denied.unwrap_or(verdict),
        _ => verdict,
    }
}

/// When a call has to end, and who may end it sooner.
#[derive(Clone, Debug)]
pub struct Deadline {
    started: Instant,
    limit: Duration,
    cancel: Cancel,
}

impl Deadline {
    /// A clock that starts now.
    pub fn new(limit: Duration, cancel: &Cancel) -> Self {
        Deadline { started: Instant::now(), limit, cancel: cancel.clone() }
    }

    /// How long the call has taken.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// When it passes; a limit that no clock reaches passes in a year.
    pub fn end(&self) -> Instant {
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        self.started + self.limit.min(YEAR)
    }

    /// The time that is left.
    pub fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.elapsed())
    }

    /// Whether the call may go on.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() {
            Err(Stop::Cancelled)
        } else if self.elapsed() >= self.limit {
            Err(Stop::Deadline)
        } else {
            Ok(())
        }
    }
}
