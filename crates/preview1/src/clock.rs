//! Clocks: the same for every run, unless the real ones were granted.

use std::sync::Arc;

use wasmill_engine::parts::{CLOCK_START, CLOCK_STEP, VirtualTime};
use web_time::{Instant, SystemTime, UNIX_EPOCH};

use super::{Answer, Errno, GuestMemory, Preview1, known};

/// How many there are.
const CLOCKS: u32 = 4;

/// The clocks that a guest can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockId {
    Realtime,
    Monotonic,
}

impl ClockId {
    /// None for the clocks of processes and threads, and where there is no such clock.
    pub(super) fn read(id: u32) -> Option<Self> {
        match id {
            0 => Some(ClockId::Realtime),
            1 => Some(ClockId::Monotonic),
            _ => None,
        }
    }

    /// The clock that an argument names.
    fn argument(id: u32) -> Answer<Self> {
        known(id < CLOCKS, "clockid")?;
        Ok(ClockId::read(id).ok_or(Errno::BADF)?)
    }
}

/// The clocks of one call.
#[derive(Debug)]
pub(super) enum Clock {
    Virtual(Arc<VirtualTime>),
    /// When the monotonic clock was zero.
    Real(Instant),
}

impl Clock {
    pub(super) fn new(time: Option<Arc<VirtualTime>>) -> Self {
        time.map_or_else(|| Clock::Real(Instant::now()), Clock::Virtual)
    }

    pub(super) fn resolution(&self) -> u64 {
        match self {
            Clock::Virtual(_) => CLOCK_STEP,
            Clock::Real(_) => 1,
        }
    }

    /// Nanoseconds since the call began; no reading, so that a virtual clock does not move.
    pub(super) fn unread(&self) -> u64 {
        match self {
            Clock::Virtual(time) => time.now(),
            Clock::Real(start) => u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// Nanoseconds since 1970, or since the call began.
    pub(super) fn now(&self, id: ClockId) -> Result<u64, Errno> {
        let nanos = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).map_err(|_| Errno::OVERFLOW);
        match (self, id) {
            (Clock::Virtual(time), ClockId::Monotonic) => Ok(time.read()),
            (Clock::Virtual(time), ClockId::Realtime) => {
                nanos(CLOCK_START.saturating_add(std::time::Duration::from_nanos(time.read())))
            }
            (Clock::Real(start), ClockId::Monotonic) => nanos(start.elapsed()),
            (Clock::Real(_), ClockId::Realtime) => {
                nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
            }
        }
    }
}

pub(super) fn clock_res_get(preview1: &mut Preview1, memory: &mut GuestMemory<'_>, id: u32, resolution: u32) -> Answer {
    ClockId::argument(id)?;
    memory.write_u64(resolution, preview1.clock.resolution())
}

pub(super) fn clock_time_get(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    id: u32,
    _precision: u64,
    time: u32,
) -> Answer {
    let now = preview1.clock.now(ClockId::argument(id)?)?;
    memory.write_u64(time, now)
}
