//! Picks the engine of a unit, and another one where that cannot be started.
//!
//! What can be said of engines without starting one ([`Asked::judged`]) is said before a run. [`Router::route`] then prepares the unit with the
//! first that fits. An engine that is missing or fails to start is passed over, also in mid-run; whatever a guest does is an
//! answer, and no other engine is asked then.

mod breaker;
mod routed;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::lock::Mutex;
use wasmill_model::{Interface, LimitKind, Limits, PassedOver, Profile, Routing};
use wasmill_unit::Unit;
use web_time::Instant;

use self::breaker::Breaker;
pub use self::routed::{Answer, Routed};
use crate::{Binding, BoxFuture, Enforced, Engine, EngineInfo, PrepareError};

/// An engine that a process may have: what it is, and how it is started when it is first needed.
pub struct EngineSource {
    info: EngineInfo,
    make: Box<Make>,
}

type Made = Result<Arc<dyn Engine>, String>;
type Make = dyn Fn() -> BoxFuture<'static, Made> + Send + Sync;

/// How long it is believed of an engine that it does not start. Finding out may take seconds.
const BELIEVED: Duration = Duration::from_secs(30);

impl EngineSource {
    /// An engine that is started when it is first needed: whoever never needs it does not pay for it. `info` is what can be said
    /// before.
    pub fn new(info: EngineInfo, make: impl Fn() -> Made + Send + Sync + 'static) -> EngineSource {
        Self::slow(info, move || Box::pin(std::future::ready(make())))
    }

    /// The same, where starting it takes its time.
    pub fn slow(info: EngineInfo, make: impl Fn() -> BoxFuture<'static, Made> + Send + Sync + 'static) -> EngineSource {
        EngineSource { info, make: Box::new(make) }
    }
}

impl From<Arc<dyn Engine>> for EngineSource {
    fn from(engine: Arc<dyn Engine>) -> Self {
        EngineSource::new(engine.info().clone(), move || Ok(engine.clone()))
    }
}

impl<E: Engine> From<Arc<E>> for EngineSource {
    fn from(engine: Arc<E>) -> Self {
        EngineSource::from(engine as Arc<dyn Engine>)
    }
}

/// What a step asks of its engine.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Engines, the first choice first; all that the host lets a step have that names none, in the host's order, where it is empty.
    pub names: &'a [String],
    /// The engines that the host's policy names; those that have a sandbox, where it is empty.
    pub allowed: &'a [String],
    /// How it is metered.
    pub profile: Profile,
    /// Whether an engine will do that does not hold every limit, or has no sandbox.
    pub allow_weaker: bool,
}

impl Asked<'_> {
    /// Whether the host lets a step use this engine at all.
    pub fn allows(&self, info: &EngineInfo) -> bool {
        if self.allowed.is_empty() { info.sandboxed } else { self.allowed.iter().any(|name| **name == *info.name.name) }
    }

    /// The engines that are asked for, by their places in the list, the first choice first.
    pub fn in_order(&self, engines: &[EngineInfo]) -> Vec<usize> {
        let names = if self.names.is_empty() { self.allowed } else { self.names };
        if names.is_empty() {
            return (0..).zip(engines).filter(|(_, info)| self.allows(info)).map(|(place, _)| place).collect();
        }
        let mut order = Vec::new();
        for name in names {
            let place = engines.iter().position(|info| *info.name.name == **name);
            order.extend(place.filter(|place| !order.contains(place)));
        }
        order
    }

    /// Why an engine will not do for units of this interface, as far as it can be said without starting it.
    pub fn unfit(&self, info: &EngineInfo, interface: Interface) -> Option<String> {
        if !self.allows(info) {
            let why = if info.sandboxed { "" } else { ", as it has no sandbox" };
            return Some(format!("the host's policy does not let steps use it{why}"));
        }
        if !info.interfaces.contains(&interface) {
            return Some(format!("it does not run {interface} units"));
        }
        if !info.profiles.contains(&self.profile) {
            return Some(format!("it does not have the profile `{}`", self.profile));
        }
        let weaker = weaker(info, self.profile);
        if !weaker.is_empty() && !self.allow_weaker {
            return Some(weaker_words(&weaker));
        }
        None
    }

    /// The engines that are asked for, by their places in the list, the first choice first; each with why it will not do, where it will not.
    pub fn judged(&self, engines: &[EngineInfo], interface: Interface) -> Vec<(usize, Option<PassedOver>)> {
        let judge = |place: usize| {
            let info = engines.get(place)?;
            let unfit = self.unfit(info, interface).map(|reason| over(&info.name.name, reason));
            Some((place, unfit))
        };
        self.in_order(engines).into_iter().filter_map(judge).collect()
    }

    /// Those that will do, by their places in the list, the first choice first.
    pub fn candidates(&self, engines: &[EngineInfo], interface: Interface) -> Vec<usize> {
        self.judged(engines, interface)
            .into_iter()
            .filter(|(_, unfit)| unfit.is_none())
            .map(|(place, _)| place)
            .collect()
    }
}

/// In what an engine is weaker than the sandbox that every step is promised: `sandbox`, or the limits that it does not hold.
pub fn weaker(info: &EngineInfo, profile: Profile) -> Vec<Arc<str>> {
    let sandbox = (!info.sandboxed).then(|| "sandbox".into());
    // Nobody who chose a profile without a meter asks for one.
    let asked = |limit: LimitKind| limit != LimitKind::Fuel || profile != Profile::Fast;
    let limits = info.limits.iter().filter(|(limit, how)| *how == Enforced::No && asked(*limit));
    sandbox.into_iter().chain(limits.map(|(limit, _)| limit.to_string().into())).collect()
}

fn weaker_words(weaker: &[Arc<str>]) -> String {
    let limits: Vec<&str> = weaker.iter().map(|one| &**one).filter(|one| *one != "sandbox").collect();
    let limits = match limits.as_slice() {
        [] => String::new(),
        [one] => format!("the limit {one}"),
        [first @ .., last] => format!("the limits {} and {last}", first.join(", ")),
    };
    match (weaker.iter().any(|one| &**one == "sandbox"), limits.is_empty()) {
        (true, true) => "it has no sandbox".to_owned(),
        (true, false) => format!("it has no sandbox, and does not hold {limits}"),
        (false, _) => format!("it does not hold {limits}"),
    }
}

fn over(engine: &Arc<str>, reason: impl Into<Arc<str>>) -> PassedOver {
    PassedOver { engine: engine.clone(), reason: reason.into() }
}

/// The engines of this process. A clone shares them, and what is known of them.
#[derive(Clone)]
pub struct Router {
    shared: Arc<Shared>,
}

struct Shared {
    infos: Vec<EngineInfo>,
    slots: Vec<Slot>,
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
}

/// One engine, started or not.
struct Slot {
    make: Box<Make>,
    start: Mutex<Start>,
    breaker: Breaker,
}

/// What is known of an engine's start.
#[derive(Default)]
enum Start {
    #[default]
    Unknown,
    Started(Arc<dyn Engine>),
    Failed {
        since: Duration,
        why: String,
    },
}

/// Why no engine was picked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The unit itself is not as it must be, or it was not granted what it needs.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// None of those asked for can run the unit.
    #[error("no engine can run it: {}", Reasons(passed_over))]
    NoneFits {
        /// Each of them, and why not.
        passed_over: Vec<PassedOver>,
    },
}

/// `wasmi: why not; wasmedge: why not`
pub struct Reasons<'a>(pub &'a [PassedOver]);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, PassedOver { engine, reason }) in self.0.iter().enumerate() {
            write!(formatter, "{}{engine}: {reason}", if place == 0 { "" } else { "; " })?;
        }
        if self.0.is_empty() { formatter.write_str("the host has none that may be used") } else { Ok(()) }
    }
}

impl Router {
    /// A router over these engines, first choice first.
    pub fn new<S: Into<EngineSource>>(engines: impl IntoIterator<Item = S>) -> Self {
        static START: OnceLock<Instant> = OnceLock::new();
        Self::with_clock(engines, || START.get_or_init(Instant::now).elapsed())
    }

    /// The same, with a clock of its own. It is read only after an engine failed to start.
    pub fn with_clock<S: Into<EngineSource>>(
        engines: impl IntoIterator<Item = S>,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        let (infos, slots) = engines
            .into_iter()
            .map(|source| {
                let EngineSource { info, make } = source.into();
                (info, Slot { make, start: Mutex::default(), breaker: Breaker::default() })
            })
            .unzip();
        Router { shared: Arc::new(Shared { infos, slots, clock: Box::new(clock) }) }
    }

    /// The engines, first choice first, as far as they can be told of without starting them.
    pub fn engines(&self) -> &[EngineInfo] {
        &self.shared.infos
    }

    /// Starts this engine, if it is not started yet.
    ///
    /// # Errors
    /// Why there is none, or why it does not start.
    pub async fn start(&self, name: &str) -> Result<Arc<dyn Engine>, String> {
        let place = self.engines().iter().position(|info| *info.name.name == *name);
        self.shared.start(place.ok_or_else(|| format!("there is no engine `{name}`"))?).await
    }

    /// Makes a unit ready with the first engine that fits.
    ///
    /// # Errors
    /// What is wrong with the unit, or why none of the engines asked for can run it.
    pub async fn route(&self, unit: &Unit, binding: &Binding, asked: Asked<'_>) -> Result<Routed, RouteError> {
        let mut judged = asked.judged(self.engines(), unit.interface()).into_iter();
        let mut passed_over = Vec::new();
        while let Some((place, unfit)) = judged.next() {
            if let Some(unfit) = unfit {
                passed_over.push(unfit);
                continue;
            }
            match self.shared.prepare(place, unit, binding).await {
                Ok(ready) => {
                    let later = judged.filter(|(_, unfit)| unfit.is_none()).map(|(place, _)| place).collect();
                    return Ok(Routed::new(self.clone(), unit, binding, ready, later, passed_over));
                }
                Err(Passed::Answer(error)) => return Err(error.into()),
                Err(Passed::Over(error)) => passed_over.push(over(self.name(place), error.to_string())),
            }
        }
        Err(RouteError::NoneFits { passed_over })
    }

    fn name(&self, place: usize) -> &Arc<str> {
        static NONE: OnceLock<Arc<str>> = OnceLock::new();
        self.engines()
            .get(place)
            .map_or_else(|| NONE.get_or_init(|| "an engine that is gone".into()), |info| &info.name.name)
    }
}

/// Why an engine did not prepare a unit.
enum Passed {
    /// Another one may.
    Over(PrepareError),
    /// No other one would: the unit is at fault, or what it was granted.
    Answer(PrepareError),
}

impl Shared {
    /// The engine at this place.
    async fn start(&self, place: usize) -> Made {
        let slot = self.slots.get(place).ok_or("there is no such engine")?;
        // Held while it starts, so that it is started once.
        let mut start = slot.start.lock().await;
        match &*start {
            Start::Started(engine) => return Ok(engine.clone()),
            Start::Failed { since, why } if (self.clock)().saturating_sub(*since) < BELIEVED => return Err(why.clone()),
            _ => {}
        }
        let made = (slot.make)().await;
        *start = match &made {
            Ok(engine) => Start::Started(engine.clone()),
            Err(why) => Start::Failed { since: (self.clock)(), why: why.clone() },
        };
        made
    }

    /// Whether a call may be tried with the engine at this place.
    fn check(&self, place: usize) -> Result<&Breaker, String> {
        let breaker = &self.slots.get(place).ok_or("there is no such engine")?.breaker;
        breaker.check(&*self.clock)?;
        Ok(breaker)
    }

    async fn prepare(&self, place: usize, unit: &Unit, binding: &Binding) -> Result<routed::Ready, Passed> {
        let unavailable = |message: String| Passed::Over(PrepareError::Unsupported { message });
        if let Some(slot) = self.slots.get(place) {
            slot.breaker.look(&*self.clock).map_err(unavailable)?;
        }
        let engine = self.start(place).await.map_err(unavailable)?;
        match crate::prepare(&*engine, unit, binding).await {
            Ok(prepared) => Ok(routed::Ready::new(place, engine.info(), binding.profile, prepared)),
            // What is wrong may be the unit, the folders that it was granted, or the engine: that is not held against the engine.
            Err(error @ (PrepareError::Unsupported { .. } | PrepareError::Host { .. })) => Err(Passed::Over(error)),
            Err(error) => Err(Passed::Answer(error)),
        }
    }
}

/// What receipts say of how the engine came to be this one; none where there is nothing to say.
fn routing(passed_over: Vec<PassedOver>, weaker: &[Arc<str>], held: Option<Limits>) -> Option<Arc<Routing>> {
    let nothing = passed_over.is_empty() && weaker.is_empty() && held.is_none();
    (!nothing).then(|| Arc::new(Routing { passed_over, weaker: weaker.to_vec(), held }))
}

#[cfg(test)]
mod tests;
