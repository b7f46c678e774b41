//! Virtual time for guests.
//!
//! wasmtime-wasi sleeps in real time whatever clock it is given, so its `wasi:clocks/monotonic-clock` and preview 1's `poll_oneoff`
//! are shadowed: with a virtual clock, a guest that has nothing to wait for but time goes on at once, and its clock says that
//! the time has passed.

use std::sync::Arc;
use std::time::Duration;

use wasmill_engine::parts::{CLOCK_START, CLOCK_STEP, Stop, VirtualTime};
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime::{AsContextMut as _, Caller};
use wasmtime_wasi::clocks::WasiClocksCtxView;
use wasmtime_wasi::p1::wasi_snapshot_preview1 as preview1;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};
use wasmtime_wasi_io::poll::{Pollable, subscribe};
use wiggle::GuestMemory;

use crate::state::State;

/// Sleeps until that moment of the virtual time.
pub(crate) async fn sleep_until(time: &VirtualTime, at: u64) {
    time.sleep_until(at, tokio::time::sleep).await;
}

/// What wasmtime-wasi reads the time from.
pub(super) struct Reader(pub(super) Arc<VirtualTime>);

impl HostWallClock for Reader {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(CLOCK_STEP)
    }

    fn now(&self) -> Duration {
        CLOCK_START.saturating_add(Duration::from_nanos(self.0.read()))
    }
}

impl HostMonotonicClock for Reader {
    fn resolution(&self) -> u64 {
        CLOCK_STEP
    }

    fn now(&self) -> u64 {
        self.0.read()
    }
}

/// `wasi:clocks/monotonic-clock`, whose timers follow the virtual time where there is one.
pub(crate) struct MonotonicClock;

pub(crate) struct MonotonicClockView<'a> {
    pub(crate) clocks: WasiClocksCtxView<'a>,
    pub(crate) time: Option<Arc<VirtualTime>>,
}

impl HasData for MonotonicClock {
    type Data<'a> = MonotonicClockView<'a>;
}

struct Timer {
    time: Arc<VirtualTime>,
    at: u64,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        sleep_until(&self.time, self.at).await;
    }
}

fn timer(table: &mut ResourceTable, time: &Arc<VirtualTime>, at: u64) -> wasmtime::Result<Resource<DynPollable>> {
    let timer = table.push(Timer { time: time.clone(), at })?;
    subscribe(table, timer)
}

impl monotonic_clock::Host for MonotonicClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        monotonic_clock::Host::now(&mut self.clocks)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        monotonic_clock::Host::resolution(&mut self.clocks)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        match &self.time {
            Some(time) => timer(self.clocks.table, time, when),
            None => monotonic_clock::Host::subscribe_instant(&mut self.clocks, when),
        }
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        match &self.time {
            Some(time) => timer(self.clocks.table, time, time.now().saturating_add(duration)),
            None => monotonic_clock::Host::subscribe_duration(&mut self.clocks, duration),
        }
    }
}

/// Bytes of preview 1's `subscription` and `event`.
const SUBSCRIPTION: usize = 48;
const EVENT: usize = 32;
/// The tag of a subscription to a clock, and the type of its event.
const CLOCK: u8 = 0;
/// `clockid`: wall clock and monotonic clock.
const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;
/// `subclockflags`: the timeout is a moment, not a duration.
const ABSOLUTE: u16 = 1;

/// One subscription of `poll_oneoff` to a clock, as <https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md> lays it out.
struct ClockSubscription {
    userdata: [u8; 8],
    at: u64,
}

impl ClockSubscription {
    /// None where it is something else.
    fn read(bytes: &[u8], time: &VirtualTime) -> Option<ClockSubscription> {
        let field = |from: usize| bytes.get(from..from + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        if bytes.get(8).copied() != Some(CLOCK) {
            return None;
        }
        let clock = u32::from_le_bytes(bytes.get(16..20)?.try_into().ok()?);
        let timeout = u64::from_le_bytes(field(24)?);
        let flags = u16::from_le_bytes(bytes.get(40..42)?.try_into().ok()?);
        let at = match (clock, flags & ABSOLUTE != 0) {
            (REALTIME | MONOTONIC, false) => time.now().saturating_add(timeout),
            (MONOTONIC, true) => timeout,
            (REALTIME, true) => timeout.saturating_sub(u64::try_from(CLOCK_START.as_nanos()).unwrap_or(u64::MAX)),
            _ => return None,
        };
        Some(ClockSubscription { userdata: field(0)?, at })
    }
}

/// Preview 1's `poll_oneoff`. Where a guest waits for time and nothing else, its virtual time jumps; anything else is
/// wasmtime-wasi's.
pub(crate) async fn poll_oneoff(
    caller: &mut Caller<'_, State>,
    subscriptions: i32,
    events: i32,
    count: i32,
    written: i32,
) -> wasmtime::Result<i32> {
    let memory = caller
        .get_export("memory")
        .and_then(wasmtime::Extern::into_memory)
        .ok_or_else(|| Stop::Abi("a unit that imports WASI exports its `memory`".to_owned()))?;
    let fuel = caller.as_context_mut().hostcall_fuel();
    let (data, state) = memory.data_and_store_mut(caller);
    if let Some(time) = state.host.as_ref().and_then(|host| host.time.clone())
        && let Some(clocks) = clocks(data, subscriptions, count, &time)
        && let Some(earliest) = clocks.iter().map(|clock| clock.at).min()
    {
        sleep_until(&time, earliest).await;
        let due = clocks.iter().filter(|clock| clock.at <= time.now());
        if let Some(answered) = answer(data, due, events, written) {
            return Ok(answered);
        }
    }
    let context = &mut state.wasi().context;
    // As the linker of wasmtime-wasi does before every call.
    preview1::WasiSnapshotPreview1::set_hostcall_fuel(context, fuel);
    let mut memory = GuestMemory::Unshared(data);
    preview1::poll_oneoff(context, &mut memory, subscriptions, events, count, written).await
}

/// The subscriptions, where there are some and all are to clocks.
fn clocks(data: &[u8], subscriptions: i32, count: i32, time: &VirtualTime) -> Option<Vec<ClockSubscription>> {
    let start = usize::try_from(subscriptions as u32).ok()?;
    let length = usize::try_from(count as u32).ok()?.checked_mul(SUBSCRIPTION)?;
    // In the memory, or not read at all: the length is the guest's word.
    let bytes = data.get(start..start.checked_add(length)?)?;
    bytes.chunks_exact(SUBSCRIPTION).map(|subscription| ClockSubscription::read(subscription, time)).collect()
}

/// Writes the events; none where they do not fit the memory.
fn answer<'a>(
    data: &mut [u8],
    due: impl Iterator<Item = &'a ClockSubscription>,
    events: i32,
    written: i32,
) -> Option<i32> {
    let start = usize::try_from(events as u32).ok()?;
    let mut count: u32 = 0;
    for (index, clock) in due.enumerate() {
        let at = start.checked_add(index.checked_mul(EVENT)?)?;
        let event = data.get_mut(at..at.checked_add(EVENT)?)?;
        event.fill(0);
        // `userdata`; then `error` (success), `type` (clock) and what clocks have nothing to say about: zeros.
        event.get_mut(..8)?.copy_from_slice(&clock.userdata);
        count += 1;
    }
    let at = usize::try_from(written as u32).ok()?;
    data.get_mut(at..at.checked_add(4)?)?.copy_from_slice(&count.to_le_bytes());
    Some(0)
}
