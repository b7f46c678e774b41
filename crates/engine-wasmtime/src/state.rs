//! What a store holds.

use std::sync::Arc;

use wasmill_engine::parts::{Capture, Deadline, Denied, VirtualTime};
use wasmill_model::{Grants, Limits, Profile};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use crate::limiter::Limiter;
use crate::profiler::Profiler;
use crate::wasi::{HttpHooks, Network};

/// What the component values of one call may take in the host's memory on either way, unless the guest's own memory (for arguments) or
/// its output (for results) may be larger.
pub(crate) const MOST_HOST_BYTES: usize = 256 << 20;

/// The data of one call's store.
pub(crate) struct State {
    pub(crate) limiter: Limiter,
    /// There only where a profile is asked for.
    pub(crate) profiler: Option<Box<Profiler>>,
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
            time: VirtualTime::granted(grants, frozen),
            network: Network::new(&grants.net, &denied),
            denied,
            most_bytes: limits.memory,
        }
    }
}

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.context.ctx()
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
    let mut store = Store::new(engine, State { limiter: Limiter::new(limits), profiler: None, wasi, host });
    store.limiter(|state| &mut state.limiter);
    if is_metered(profile) {
        // One more than it may use: wasmtime looks only where functions begin and loops turn, and says of a guest that went on beyond its
        // fuel between two of these that nothing is left. Who used all of this used too much.
        store.set_fuel(limits.fuel.saturating_add(1))?;
    }
    store.set_epoch_deadline(1);
    let deadline = deadline.clone();
    store.epoch_deadline_callback(move |context| {
        Profiler::sample(context);
        deadline.check()?;
        Ok(UpdateDeadline::Yield(1))
    });
    Ok(store)
}

/// Whether the profile counts fuel.
pub(crate) fn is_metered(profile: Profile) -> bool {
    profile != Profile::Fast
}
