//! Which of the ready steps is next. The one place where strategies differ; it decides order and overlap, never results.

use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use wasmill_model::Strategy;

use crate::{Graph, StepIndex};

/// The ready steps, in the order of a strategy.
#[derive(Clone, Debug)]
pub(crate) enum Policy {
    WorkQueue(WorkQueue),
    Level(Level),
    Reactive(VecDeque<StepIndex>),
}

impl Policy {
    pub(crate) fn new(strategy: Strategy, graph: &Graph) -> Self {
        match strategy {
            Strategy::WorkQueue => Policy::WorkQueue(WorkQueue::default()),
            Strategy::Level => Policy::Level(Level::new(graph)),
            Strategy::Reactive => Policy::Reactive(VecDeque::new()),
        }
    }

    /// This step has something to start.
    pub(crate) fn ready(&mut self, graph: &Graph, step: StepIndex) {
        match self {
            Policy::WorkQueue(queue) => queue.ready(graph, step),
            Policy::Level(levels) => levels.ready.entry(graph.level(step)).or_default().ready(graph, step),
            Policy::Reactive(queue) => queue.push_back(step),
        }
    }

    /// The step to start next, where one may be started.
    pub(crate) fn next(&mut self) -> Option<StepIndex> {
        match self {
            Policy::WorkQueue(queue) => queue.next(),
            Policy::Level(levels) => levels.next(),
            Policy::Reactive(queue) => queue.pop_front(),
        }
    }

    /// This step has ended.
    pub(crate) fn ended(&mut self, graph: &Graph, step: StepIndex) {
        if let Policy::Level(levels) = self
            && let Some(open) = levels.open.get_mut(graph.level(step) as usize)
        {
            *open = open.saturating_sub(1);
        }
    }

    /// The run has failed: what still starts need not wait for what never will.
    pub(crate) fn lift_barriers(&mut self) {
        if let Policy::Level(levels) = self {
            levels.open.clear();
        }
    }
}

/// Longest path to a sink first, then the order of the file: the critical path is never kept waiting by what can be done later.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkQueue {
    /// Distance in the high half, the complement of the step in the low one: the greatest is next.
    heap: BinaryHeap<u64>,
}

impl WorkQueue {
    fn ready(&mut self, graph: &Graph, step: StepIndex) {
        let distance = u64::from(graph.distance_to_sink(step));
        self.heap.push(distance << 32 | u64::from(!step.number()));
    }

    fn next(&mut self) -> Option<StepIndex> {
        // The low half is what was pushed.
        self.heap.pop().map(|key| StepIndex::new(!(key as u32)))
    }
}

/// One level after the other: nothing starts before all of the levels before it has ended.
#[derive(Clone, Debug)]
pub(crate) struct Level {
    ready: BTreeMap<u32, WorkQueue>,
    /// How many steps of each level have not ended.
    open: Vec<u32>,
    /// No level before this one has a step that has not ended.
    current: usize,
}

impl Level {
    fn new(graph: &Graph) -> Self {
        let mut open = Vec::new();
        for step in graph.steps() {
            let level = graph.level(step) as usize;
            if open.len() <= level {
                open.resize(level + 1, 0);
            }
            if let Some(count) = open.get_mut(level) {
                *count += 1;
            }
        }
        Level { ready: BTreeMap::new(), open, current: 0 }
    }

    fn next(&mut self) -> Option<StepIndex> {
        while self.open.get(self.current) == Some(&0) {
            self.current += 1;
        }
        let mut first = self.ready.first_entry()?;
        if (*first.key() as usize) > self.current && !self.open.is_empty() {
            return None;
        }
        let step = first.get_mut().next();
        if first.get().heap.is_empty() {
            first.remove();
        }
        step
    }
}
