//! Which of the ready steps is next. The one place where strategies differ; it decides order and overlap, never results.

use std::collections::BinaryHeap;

use wasmill_model::Strategy;

use crate::{Graph, StepIndex};

/// The ready steps, in the order of a strategy.
#[derive(Clone, Debug)]
pub(crate) enum Policy {
    WorkQueue(WorkQueue),
}

impl Policy {
    pub(crate) fn new(strategy: Strategy) -> Self {
        match strategy {
            Strategy::WorkQueue => Policy::WorkQueue(WorkQueue::default()),
            // A strategy changes order and overlap, never results: this one serves until the strategy has a policy of its own.
            _ => Policy::WorkQueue(WorkQueue::default()),
        }
    }

    /// All that this step waits for has succeeded.
    pub(crate) fn ready(&mut self, graph: &Graph, step: StepIndex) {
        match self {
            Policy::WorkQueue(queue) => queue.ready(graph, step),
        }
    }

    /// The step to start next, where one may be started.
    pub(crate) fn next(&mut self) -> Option<StepIndex> {
        match self {
            Policy::WorkQueue(queue) => queue.next(),
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
