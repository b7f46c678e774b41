//! What a pipeline is linked to and run with.

use std::sync::Arc;

use wasmill_engine::{Asked, Cancel, Router};
use wasmill_model::{LimitOverrides, Policy, Profile, Secrets, Step};

use crate::{Answerer, Clock, Memo, NoObserver, Observer, Recorded, Spawner};

/// The machine that pipelines run on. A clone shares everything.
#[derive(Clone)]
pub struct Host {
    /// The engines.
    pub router: Router,
    /// What a step gets that asks for nothing, and the most that any may ask for.
    pub policy: Policy,
    /// The values of secrets. A unit is given those that its step is granted, and no others; nothing that a run says shows them.
    pub secrets: Secrets,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who polls the steps.
    pub spawner: Arc<dyn Spawner>,
}

/// What the caller wants otherwise than the manifest says, for every step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Limits; they win over those of the manifest, and are held against the host's policy as those are.
    pub limits: LimitOverrides,
    /// Engines in order of preference, instead of those that steps name; none means: as the manifest says.
    pub engines: Vec<String>,
    /// Whether every step may have an engine with a weaker sandbox; also where it does not say so.
    pub allow_weaker: bool,
    /// How every step is metered, whatever it asks for; none means: as the manifest says.
    pub profile: Option<Profile>,
    /// Whether answers of pure calls are taken from former runs, whatever steps say; none means: as the manifest says.
    pub cache: Option<bool>,
}

impl Overrides {
    /// How a step is metered.
    pub(crate) fn profile(&self, step: &Step) -> Profile {
        self.profile.unwrap_or(step.profile)
    }

    /// What a step asks of its engine.
    pub(crate) fn asked<'a>(&'a self, step: &'a Step, policy: &'a Policy) -> Asked<'a> {
        Asked {
            names: if self.engines.is_empty() { &step.engines } else { &self.engines },
            allowed: &policy.engines,
            profile: self.profile(step),
            allow_weaker: (self.allow_weaker || step.allow_weaker) && policy.allow_weaker,
        }
    }
}

/// One run.
#[derive(Clone)]
pub struct RunOptions {
    /// The run's id: `run.id` in expressions, and the document's `run`.
    pub run: Arc<str>,
    /// What the delays between attempts are taken from.
    pub seed: u64,
    /// The signal that stops it.
    pub cancel: Cancel,
    /// Who is told what happens.
    pub observer: Arc<dyn Observer>,
    /// What of other runs stands for calls of this one.
    pub reuse: Reuse,
    /// Who answers the calls of units in the place of their engines; nobody where there is none.
    pub answerer: Option<Arc<dyn Answerer>>,
}

/// Who keeps what pure calls give, for runs that would make them again. What a run keeps is not given back to it: its receipts do not
/// depend on which of two equal calls ends first.
#[derive(Clone, Default)]
pub struct Reuse {
    /// Of every step; nobody where there is none.
    pub all: Option<Arc<dyn Memo>>,
    /// Of steps that ask for it: `cache: auto`.
    pub asked: Option<Arc<dyn Memo>>,
    /// Whether every pure call that succeeds is made twice, or once more where its answer is kept: answers that differ are a
    /// [`HostError`](wasmill_model::Verdict::HostError).
    pub verify: bool,
    /// A run that is made again: calls that are not pure are answered as they were then.
    pub recorded: Option<Recorded>,
}

impl RunOptions {
    /// A run that nobody cancels and nobody looks at.
    pub fn new(run: impl Into<Arc<str>>) -> Self {
        RunOptions {
            run: run.into(),
            seed: 0,
            cancel: Cancel::new(),
            observer: Arc::new(NoObserver),
            reuse: Reuse::default(),
            answerer: None,
        }
    }
}
