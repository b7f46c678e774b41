//! `poll_oneoff`: waiting for time, and asking which descriptors are ready (all that a guest can have always are).

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::{Either, select};
use wasmill_engine::Cancel;
use wasmill_engine::parts::{CLOCK_START, Deadline, Stop, VirtualTime, sleep};
use web_time::Instant;

use super::clock::{Clock, ClockId};
use super::descriptor::Descriptor;
use super::memory::{Buffer, aligned};
use super::{Answer, End, Errno, Failure, GuestMemory, MOST_COPIED, Memory, Meter, Preview1};

/// Bytes of a `subscription` and of an `event`.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;
/// Of an `eventrwflags`: the other end is closed, or there is no more to read.
const HANGUP: u16 = 1;
/// Of `subclockflags`: the timeout is a moment, not a duration.
const ABSOLUTE: u16 = 1;
/// What a guest may wait for at once.
const MOST_SUBSCRIPTIONS: u32 = 10_000;

/// What a guest waits for.
enum Subscription {
    Clock { id: u32, timeout: u64, absolute: bool },
    Read(u32),
    Write(u32),
}

/// An event, as it is written.
#[derive(Clone, Copy, Debug)]
struct Event {
    userdata: [u8; 8],
    kind: u8,
    bytes: u64,
    flags: u16,
}

/// `eventtype`.
const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;

impl Subscription {
    fn read(bytes: &[u8]) -> Option<Result<([u8; 8], Self), Errno>> {
        let field = |from: usize| bytes.get(from..from + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        let userdata = field(0)?;
        let number = u32::from_le_bytes(bytes.get(16..20)?.try_into().ok()?);
        let flags = u16::from_le_bytes(bytes.get(40..42)?.try_into().ok()?);
        Some(match *bytes.get(8)? {
            CLOCK if flags & !ABSOLUTE != 0 => Err(Errno::INVAL),
            CLOCK => {
                let timeout = u64::from_le_bytes(field(24)?);
                Ok((userdata, Subscription::Clock { id: number, timeout, absolute: flags & ABSOLUTE != 0 }))
            }
            FD_READ => Ok((userdata, Subscription::Read(number))),
            FD_WRITE => Ok((userdata, Subscription::Write(number))),
            _ => Err(Errno::INVAL),
        })
    }
}

pub(super) fn poll_oneoff(
    preview1: &mut Preview1,
    memory: &mut GuestMemory<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    written: u32,
) -> Answer {
    if count == 0 {
        return Err(Errno::INVAL.into());
    }
    // Both arrays together, as they are copied; the lengths are the guest's word, and looked at before anything is read.
    if u64::from(count) * u64::from(SUBSCRIPTION + EVENT) > MOST_COPIED {
        return Err(Errno::NOMEM.into());
    }
    aligned(subscriptions, 8)?;
    aligned(events, 8)?;
    memory.check(Buffer { pointer: subscriptions, length: count * SUBSCRIPTION })?;
    let mut clocks = Vec::new();
    let mut ready = Vec::new();
    for index in 0..count {
        if index >= MOST_SUBSCRIPTIONS {
            return Err(Stop::Abi(format!("more than {MOST_SUBSCRIPTIONS} things are waited for")).into());
        }
        memory.meter.charge(1)?;
        let subscription: [u8; SUBSCRIPTION as usize] = memory.fixed(subscriptions + index * SUBSCRIPTION, 8)?;
        let (userdata, subscription) = Subscription::read(&subscription).ok_or(Errno::INVAL)??;
        match subscription {
            Subscription::Clock { id, timeout, absolute } => {
                let id = ClockId::read(id).ok_or(Errno::INVAL)?;
                clocks.push((userdata, due(&preview1.clock, id, timeout, absolute)?));
            }
            Subscription::Read(fd) => ready.push(readable(preview1, fd, userdata)?),
            Subscription::Write(fd) => ready.push(writable(preview1, fd, userdata)?),
        }
    }
    if !ready.is_empty() {
        return write_events(memory, ready.into_iter(), events, written);
    }
    let wait = Wait { time: preview1.clock.time(), clocks: clocks.into(), events, written };
    Err(Failure::Wait(Box::new(wait)))
}

/// When a clock of a subscription is due: nanoseconds since the call began.
fn due(clock: &Clock, id: ClockId, timeout: u64, absolute: bool) -> Result<u64, Errno> {
    let start = u64::try_from(CLOCK_START.as_nanos()).unwrap_or(u64::MAX);
    Ok(match (clock, id, absolute) {
        (Clock::Virtual(time), _, false) => time.now().saturating_add(timeout),
        (Clock::Virtual(_) | Clock::Real(_), ClockId::Monotonic, true) => timeout,
        (Clock::Virtual(_), ClockId::Realtime, true) => timeout.saturating_sub(start),
        (Clock::Real(_), ClockId::Realtime, true) => {
            let left = timeout.saturating_sub(clock.now(ClockId::Realtime)?);
            clock.now(ClockId::Monotonic)?.saturating_add(left)
        }
        (Clock::Real(_), _, false) => clock.now(ClockId::Monotonic)?.saturating_add(timeout),
    })
}

fn readable(preview1: &Preview1, fd: u32, userdata: [u8; 8]) -> Answer<Event> {
    let flags = match preview1.descriptors.get(fd)? {
        Descriptor::Stdin => 0,
        Descriptor::File(open) if open.file.stat()?.size <= open.position => HANGUP,
        Descriptor::File(_) => 0,
        _ => return Err(Errno::BADF.into()),
    };
    Ok(Event { userdata, kind: FD_READ, bytes: 1, flags })
}

fn writable(preview1: &Preview1, fd: u32, userdata: [u8; 8]) -> Answer<Event> {
    match preview1.descriptors.get(fd)? {
        Descriptor::Stdout | Descriptor::Stderr => {}
        Descriptor::File(open) => open.file.may_change()?,
        _ => return Err(Errno::BADF.into()),
    }
    Ok(Event { userdata, kind: FD_WRITE, bytes: 1, flags: 0 })
}

fn write_events(memory: &mut GuestMemory<'_>, found: impl Iterator<Item = Event>, events: u32, written: u32) -> Answer {
    let (mut at, mut count) = (events, 0);
    for event in found {
        // Paid for as subscriptions.
        memory.meter.works(1)?;
        let mut bytes = [0; EVENT as usize];
        let fields: [(usize, &[u8]); 4] = [
            (0, &event.userdata),
            (10, &[event.kind]),
            (16, &event.bytes.to_le_bytes()),
            (24, &event.flags.to_le_bytes()),
        ];
        for (from, field) in fields {
            bytes.iter_mut().skip(from).zip(field).for_each(|(to, from)| *to = *from);
        }
        memory.write(at, 8, &bytes)?;
        at = at.saturating_add(EVENT);
        count += 1;
    }
    memory.write_u32(written, count)
}

/// A guest that waits for time, and for nothing else: [`pass`](Wait::pass) or [`pass_here`](Wait::pass_here), and then it is [`over`](Wait::over).
#[derive(Clone, Debug)]
pub struct Wait {
    /// The virtual time, or when the real clock was zero.
    time: Result<Arc<VirtualTime>, Instant>,
    /// Each subscription's own data, and when it is due.
    clocks: Arc<[([u8; 8], u64)]>,
    events: u32,
    written: u32,
}

impl Clock {
    fn time(&self) -> Result<Arc<VirtualTime>, Instant> {
        match self {
            Clock::Virtual(time) => Ok(time.clone()),
            Clock::Real(start) => Err(*start),
        }
    }
}

impl Wait {
    /// Of a guest that waits for nothing but a moment: nanoseconds since the call began.
    pub(super) fn until(clock: &Clock, moment: u64) -> Wait {
        Wait { time: clock.time(), clocks: Arc::new([([0; 8], moment)]), events: 0, written: 0 }
    }

    /// When the first of its clocks is due: nanoseconds since the call began.
    fn earliest(&self) -> u64 {
        self.clocks.iter().map(|(_, at)| *at).min().unwrap_or(0)
    }

    async fn sleeps<S: Future<Output = ()>>(&self, real: impl FnOnce(Duration) -> S) {
        let earliest = self.earliest();
        match &self.time {
            Ok(time) => time.sleep_until(earliest, real).await,
            Err(start) => real(Duration::from_nanos(earliest).saturating_sub(start.elapsed())).await,
        }
    }

    /// Lets the time pass until the first of its clocks is due.
    ///
    /// # Errors
    /// The call's own time is over, or it was cancelled.
    pub async fn pass(&self, deadline: &Deadline, cancel: &Cancel) -> Result<(), Stop> {
        // Never longer than the call may take: what comes then is that its time is over.
        let slept = self.sleeps(|duration| sleep(duration.min(deadline.remaining())));
        if let Either::Right(_) = select(pin!(slept), cancel.cancelled()).await {
            return Err(Stop::Cancelled);
        }
        deadline.check()
    }

    /// The same for an engine whose guests cannot be left standing: `sleep` blocks as long, where real time has to pass.
    ///
    /// # Errors
    /// The call's own time is over, or it was cancelled.
    pub fn pass_here(&self, deadline: &Deadline, sleep: impl FnOnce(Duration)) -> Result<(), Stop> {
        let mut slept = pin!(self.sleeps(|duration| {
            sleep(duration.min(deadline.remaining()));
            std::future::ready(())
        }));
        // Virtual time is asked twice, and real time slept away within.
        while slept.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            deadline.check()?;
        }
        deadline.check()
    }

    /// Tells the guest which of its clocks are due, and gives what `poll_oneoff` returns.
    ///
    /// # Errors
    /// Why the guest does not go on.
    pub fn over(&self, memory: Memory<'_>, meter: &mut Meter) -> Result<i32, End> {
        let now = match &self.time {
            Ok(time) => time.now(),
            Err(start) => u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
        };
        // A timer that is a moment early was meant all the same.
        let now = now.max(self.earliest());
        let due = self.clocks.iter().filter(|(_, at)| *at <= now).map(|(userdata, _)| Event {
            userdata: *userdata,
            kind: CLOCK,
            bytes: 0,
            flags: 0,
        });
        match write_events(&mut GuestMemory::new(memory, meter), due, self.events, self.written) {
            Ok(()) => Ok(Errno::SUCCESS.code()),
            Err(Failure::Errno(errno)) => Ok(errno.code()),
            Err(Failure::End(end)) => Err(end),
            Err(Failure::Wait(_)) => Err(Stop::Host("a unit waits twice".to_owned()).into()),
        }
    }
}
