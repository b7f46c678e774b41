//! A pipeline together with what its steps call.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::Pipeline;
use wasmill_unit::Unit;

/// A pipeline together with what its steps call: all that it takes to run it.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The pipeline.
    pub pipeline: Arc<Pipeline>,
    /// The binaries, by the names of the units in the pipeline.
    pub units: IndexMap<Arc<str>, Unit>,
    /// The other pipelines that its steps call, by the names of the units that they stand for.
    pub pipelines: IndexMap<Arc<str>, Arc<Bundle>>,
}

impl Bundle {
    /// A pipeline that calls no other.
    pub fn new(pipeline: impl Into<Arc<Pipeline>>, units: IndexMap<Arc<str>, Unit>) -> Self {
        Bundle { pipeline: pipeline.into(), units, pipelines: IndexMap::new() }
    }

    /// Whether there is something of this name that a step can call.
    pub(crate) fn has(&self, unit: &str) -> bool {
        self.units.contains_key(unit) || self.pipelines.contains_key(unit)
    }

    /// This pipeline and all that it calls, each once, however often it is called; this one first.
    pub fn all(&self) -> Vec<&Bundle> {
        fn visit<'a>(bundle: &'a Bundle, seen: &mut HashSet<*const Bundle>, all: &mut Vec<&'a Bundle>) {
            if seen.insert(bundle) {
                all.push(bundle);
                bundle.pipelines.values().for_each(|called| visit(called, seen, all));
            }
        }
        let mut all = Vec::new();
        visit(self, &mut HashSet::new(), &mut all);
        all
    }

    /// The most units that can run at the same time.
    pub fn max_concurrency(&self) -> u32 {
        fn of(bundle: &Bundle, known: &mut HashMap<*const Bundle, u32>) -> u32 {
            if let Some(most) = known.get(&std::ptr::from_ref(bundle)) {
                return *most;
            }
            let called = bundle.pipelines.values().map(|called| of(called, known)).max().unwrap_or(1);
            let most = bundle.pipeline.schedule.max_concurrency.max(1).saturating_mul(called);
            known.insert(bundle, most);
            most
        }
        of(self, &mut HashMap::new())
    }
}
