//! What a store holds, and the reasons for which the host stops a guest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasmill_engine::{Cancel, StdoutSink};
use wasmill_model::{Grants, Limits, Profile, Verdict};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use crate::limiter::Limiter;
use crate::wasi::{HttpHooks, Network, VirtualTime, virtual_time};

/// What the component values of one call may take in the host's memory on either way, unless the guest's own memory (for arguments) or
/// its output (for results) may be larger.
pub(crate) const MOST_HOST_BYTES: usize = 256 << 20;

/// The data of one call's store.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    /// There only for units that import something.
    pub(crate) wasi: Option<Box<Wasi>>,
    /// There only for units that import something.
    pub(crate) host: Option<HostSide>,
}

impl State {
    /// The call's WASI side. Units that import WASI get one before they start; the fallback is a context in which nothing is granted.
    pub(crate) fn wasi(&mut self) -> &mut Wasi {
        self.wasi.get_or_insert_with(Wasi::empty)
    }
}

/// The WASI side of a call.
pub(crate) struct Wasi {
    pub(crate) context: WasiP1Ctx,
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
    pub(crate) http: (WasiHttpCtx, HttpHooks),
}

/// What the host's side of a call consults: what was granted, and what the time is.
#[derive(Clone)]
pub(crate) struct HostSide {
    pub(crate) grants: Arc<Grants>,
    /// None where the clock is the real one.
    pub(crate) time: Option<Arc<VirtualTime>>,
    pub(crate) network: Arc<Network>,
    pub(crate) denied: Arc<Denied>,
    /// Bytes that a host function may hand to the unit at once: what the unit may have at all.
    pub(crate) most_bytes: u64,
}

impl HostSide {
    pub(crate) fn new(grants: &Arc<Grants>, limits: &Limits, frozen: bool) -> Self {
        let denied = Arc::new(Denied::default());
        HostSide {
            grants: grants.clone(),
            time: virtual_time(grants, frozen),
            network: Network::new(&grants.net, &denied),
            denied,
            most_bytes: limits.memory,
        }
    }
}

/// The first thing that a unit tried and was not granted. It sees an ordinary error; an attempt that fails after one has the
/// verdict `denied`.
#[derive(Debug, Default)]
pub(crate) struct Denied(Mutex<Option<(String, String)>>);

impl Denied {
    /// `grant` as it stands in a step's `grants:`.
    pub(crate) fn note(&self, grant: &str, tried: &str) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| (grant.to_owned(), tried.to_owned()));
    }

    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (grant, message) = first.as_ref()?;
        Some(Verdict::Denied { grant: grant.clone(), message: message.clone() })
    }
}

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.context.ctx()
    }
}

/// Why the host stopped a guest. Travels inside `wasmtime::Error` and is found again by type.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error("the deadline passed")]
    Deadline,
    #[error("the run was cancelled")]
    Cancelled,
    #[error("the output is larger than it may be")]
    Output { produced: u64 },
    #[error("the log is larger than it may be")]
    Log,
    #[error("{0}")]
    Abi(String),
    #[error("{0}")]
    Guest(String),
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

/// When a call has to end, and who may end it sooner.
#[derive(Clone)]
pub(crate) struct Deadline {
    started: Instant,
    limit: Duration,
    cancel: Cancel,
}

impl Deadline {
    pub(crate) fn new(limit: Duration, cancel: &Cancel) -> Self {
        Deadline { started: Instant::now(), limit, cancel: cancel.clone() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// When it passes; a limit that no clock reaches passes in a year.
    pub(crate) fn end(&self) -> Instant {
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        self.started + self.limit.min(YEAR)
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.limit.saturating_sub(self.elapsed())
    }

    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() {
            Err(Stop::Cancelled)
        } else if self.elapsed() >= self.limit {
            Err(Stop::Deadline)
        } else {
            Ok(())
        }
    }
}

/// A fresh store under these limits. The guest yields to its executor at every tick, and is stopped at the first tick after the
/// deadline.
pub(crate) fn store(
    engine: &Engine,
    profile: Profile,
    limits: &Limits,
    deadline: &Deadline,
    wasi: Option<Box<Wasi>>,
    host: Option<HostSide>,
) -> wasmtime::Result<Store<State>> {
    let mut store = Store::new(engine, State { limiter: Limiter::new(limits), wasi, host });
    store.limiter(|state| &mut state.limiter);
    if is_metered(profile) {
        store.set_fuel(limits.fuel)?;
    }
    store.set_epoch_deadline(1);
    let deadline = deadline.clone();
    store.epoch_deadline_callback(move |_| {
        deadline.check()?;
        Ok(UpdateDeadline::Yield(1))
    });
    Ok(store)
}

/// Whether the profile counts fuel.
pub(crate) fn is_metered(profile: Profile) -> bool {
    profile != Profile::Fast
}

/// What a guest wrote to stdout or stderr, up to its limit.
#[derive(Clone)]
pub(crate) struct Capture {
    pub(crate) shared: Arc<Captured>,
}

pub(crate) struct Captured {
    buffer: Mutex<Vec<u8>>,
    limit: u64,
    kind: CaptureKind,
    over: AtomicBool,
    /// Who is told of it at once.
    sink: Option<Arc<dyn StdoutSink>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaptureKind {
    Output,
    Log,
}

impl Capture {
    pub(crate) fn new(kind: CaptureKind, limit: u64) -> Self {
        Self::told(kind, limit, None)
    }

    /// One whose bytes somebody is told of as they come.
    pub(crate) fn told(kind: CaptureKind, limit: u64, sink: Option<Arc<dyn StdoutSink>>) -> Self {
        let captured = Captured { buffer: Mutex::new(Vec::new()), limit, kind, over: AtomicBool::new(false), sink };
        Capture { shared: Arc::new(captured) }
    }

    /// Takes what was written; the capture is empty afterwards.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.shared.buffer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Captured {
    /// Adds what fits. What does not fit is why the guest is stopped.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Stop> {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let produced = (buffer.len() as u64).saturating_add(bytes.len() as u64);
        if produced <= self.limit {
            buffer.extend_from_slice(bytes);
            drop(buffer);
            if let Some(sink) = &self.sink {
                sink.written(bytes);
            }
            return Ok(());
        }
        let room = usize::try_from(self.limit).unwrap_or(usize::MAX).saturating_sub(buffer.len());
        buffer.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.over.store(true, Ordering::Relaxed);
        Err(match self.kind {
            CaptureKind::Output => Stop::Output { produced },
            CaptureKind::Log => Stop::Log,
        })
    }

    /// Whether more was written than fits; also true where the guest survived being told so.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}
