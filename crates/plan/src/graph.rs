//! The steps and who waits for whom, laid out for reading.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

/// A step, by its place in the pipeline: the first of the file is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepIndex(u32);

impl StepIndex {
    /// The step at this place.
    pub const fn new(place: u32) -> Self {
        StepIndex(place)
    }

    /// The place, for looking something up in a list with a member for each step.
    pub const fn get(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for StepIndex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Why there is no such graph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Steps wait for each other.
    #[error("steps wait for each other: {}", display_path(path))]
    Cycle {
        /// Each waits for the next, and the last for the first; the one that stands first in the file comes first.
        path: Vec<StepIndex>,
    },
    /// An edge names a step that is not there.
    #[error("there is no step {step}; there are {steps}")]
    UnknownStep {
        /// What was named.
        step: StepIndex,
        /// How many there are.
        steps: usize,
    },
    /// More steps or edges than 32 bits can count.
    #[error("more steps or edges than {}", u32::MAX)]
    TooLarge,
}

fn display_path(path: &[StepIndex]) -> String {
    path.iter().chain(path.first()).map(ToString::to_string).collect::<Vec<_>>().join(" → ")
}

/// A directed acyclic graph of steps. Compact: 28 bytes a step and 4 an edge; built in time linear in both, without recursion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    dependents: Rows,
    /// How many steps each waits for.
    dependencies: Vec<u32>,
    /// The number of edges on the longest path to a sink.
    distances: Vec<u32>,
    /// The number of edges on the longest path from a step that waits for nothing.
    levels: Vec<u32>,
    /// The steps in the order of one at a time.
    order: Vec<StepIndex>,
    /// Where each step stands in that order.
    ranks: Vec<u32>,
}

impl Graph {
    /// A graph of `steps` steps, where in each edge `(first, then)` the step `then` waits for `first`. The same edge twice counts
    /// once.
    ///
    /// # Errors
    /// A cycle with its path, or an edge to a step that is not there.
    pub fn new(steps: usize, edges: &[(StepIndex, StepIndex)]) -> Result<Self, GraphError> {
        if u32::try_from(steps).is_err() || u32::try_from(edges.len()).is_err() {
            return Err(GraphError::TooLarge);
        }
        for &(first, then) in edges {
            if let Some(step) = [first, then].into_iter().find(|step| step.get() >= steps) {
                return Err(GraphError::UnknownStep { step, steps });
            }
        }
        // Grouped twice, so that each row is in the order of the file and equal edges stand side by side.
        let waits_for = Rows::group(steps, edges.iter().map(|&(first, then)| (then, first)));
        let mut dependents = Rows::group(steps, waits_for.pairs().map(|(then, first)| (first, then)));
        dependents.drop_repeated();
        let mut dependencies = vec![0; steps];
        for (_, then) in dependents.pairs() {
            if let Some(count) = dependencies.get_mut(then.get()) {
                *count += 1;
            }
        }
        let order = topological_order(&dependents, &dependencies)
            .map_err(|left| GraphError::Cycle { path: find_cycle(&waits_for, &left) })?;
        let distances = distances_to_sinks(&dependents, &order);
        let levels = levels(&dependents, &order);
        let order = one_at_a_time(&dependents, &dependencies, &distances);
        let mut ranks = vec![0; steps];
        for (rank, step) in (0_u32..).zip(&order) {
            if let Some(slot) = ranks.get_mut(step.get()) {
                *slot = rank;
            }
        }
        Ok(Graph { dependents, dependencies, distances, levels, order, ranks })
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.dependencies.len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.dependencies.is_empty()
    }

    /// Every step, in the order of the file.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = StepIndex> + use<> {
        // `new` saw to it that they fit.
        (0..self.dependencies.len() as u32).map(StepIndex)
    }

    /// The steps that wait for this one, in the order of the file.
    pub fn dependents(&self, step: StepIndex) -> &[StepIndex] {
        self.dependents.row(step)
    }

    /// How many steps this one waits for.
    pub fn dependency_count(&self, step: StepIndex) -> u32 {
        self.dependencies.get(step.get()).copied().unwrap_or(0)
    }

    /// The number of edges on the longest path from this step to one that nothing waits for.
    pub fn distance_to_sink(&self, step: StepIndex) -> u32 {
        self.distances.get(step.get()).copied().unwrap_or(0)
    }

    /// The number of edges on the longest path to this step from one that waits for nothing.
    pub fn level(&self, step: StepIndex) -> u32 {
        self.levels.get(step.get()).copied().unwrap_or(0)
    }

    /// Every step in the order of one at a time: of those whose dependencies are done, the one with the longest path to a sink, then the
    /// first of the file. What a run that failed has done is said in terms of this order, whatever the order was.
    pub fn order(&self) -> &[StepIndex] {
        &self.order
    }

    /// The place of a step in [`Graph::order`].
    pub fn rank(&self, step: StepIndex) -> u32 {
        self.ranks.get(step.get()).copied().unwrap_or(u32::MAX)
    }

    /// The steps that nothing waits for, in the order of the file.
    pub fn sinks(&self) -> impl Iterator<Item = StepIndex> + '_ {
        self.steps().filter(|step| self.dependents(*step).is_empty())
    }

    pub(crate) fn dependency_counts(&self) -> &[u32] {
        &self.dependencies
    }
}

/// Lists of steps, one for each step, in one allocation (compressed sparse rows).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rows {
    /// Where each row starts, and where the last one ends.
    starts: Vec<u32>,
    items: Vec<StepIndex>,
}

impl Rows {
    /// Groups `(row, item)` pairs by row; items keep their order. Pairs name only rows below `rows`.
    fn group(rows: usize, pairs: impl Iterator<Item = (StepIndex, StepIndex)> + Clone) -> Rows {
        let mut starts = vec![0_u32; rows + 1];
        let mut count = 0;
        for (row, _) in pairs.clone() {
            count += 1;
            if let Some(length) = starts.get_mut(row.get() + 1) {
                *length += 1;
            }
        }
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let mut next = starts.clone();
        let mut items = vec![StepIndex(0); count];
        for (row, item) in pairs {
            if let Some(place) = next.get_mut(row.get()) {
                if let Some(slot) = items.get_mut(*place as usize) {
                    *slot = item;
                }
                *place += 1;
            }
        }
        Rows { starts, items }
    }

    fn row(&self, step: StepIndex) -> &[StepIndex] {
        match (self.starts.get(step.get()), self.starts.get(step.get() + 1)) {
            (Some(start), Some(end)) => self.items.get(*start as usize..*end as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (StepIndex, StepIndex)> + Clone + '_ {
        (0..self.starts.len().saturating_sub(1) as u32)
            .map(StepIndex)
            .flat_map(|row| self.row(row).iter().map(move |item| (row, *item)))
    }

    /// Leaves one of equal items that stand side by side in a row.
    fn drop_repeated(&mut self) {
        if self.pairs().zip(self.pairs().skip(1)).any(|(one, next)| one == next) {
            let mut pairs: Vec<_> = self.pairs().collect();
            pairs.dedup();
            *self = Rows::group(self.starts.len() - 1, pairs.into_iter());
        }
    }
}

/// Every step after all that it waits for (Kahn 1962), or how many steps each of the others still waits for.
fn topological_order(dependents: &Rows, dependencies: &[u32]) -> Result<Vec<StepIndex>, Vec<u32>> {
    let mut left = dependencies.to_vec();
    let mut order = Vec::with_capacity(left.len());
    order.extend((0_u32..).map(StepIndex).zip(&left).filter(|(_, count)| **count == 0).map(|(step, _)| step));
    let mut done = 0;
    while let Some(&step) = order.get(done) {
        done += 1;
        for &then in dependents.row(step) {
            if let Some(count) = left.get_mut(then.get()) {
                *count -= 1;
                if *count == 0 {
                    order.push(then);
                }
            }
        }
    }
    if order.len() == left.len() { Ok(order) } else { Err(left) }
}

fn distances_to_sinks(dependents: &Rows, order: &[StepIndex]) -> Vec<u32> {
    let mut distances = vec![0; order.len()];
    for &step in order.iter().rev() {
        let farthest = dependents.row(step).iter().filter_map(|then| distances.get(then.get())).max();
        let distance = farthest.map_or(0, |farthest| farthest + 1);
        if let Some(slot) = distances.get_mut(step.get()) {
            *slot = distance;
        }
    }
    distances
}

fn levels(dependents: &Rows, order: &[StepIndex]) -> Vec<u32> {
    let mut levels = vec![0_u32; order.len()];
    for &step in order {
        let next = levels.get(step.get()).map_or(0, |level| level + 1);
        for then in dependents.row(step) {
            if let Some(level) = levels.get_mut(then.get()) {
                *level = next.max(*level);
            }
        }
    }
    levels
}

/// The order in which a work queue starts the steps of an acyclic graph when each is done before the next one starts.
fn one_at_a_time(dependents: &Rows, dependencies: &[u32], distances: &[u32]) -> Vec<StepIndex> {
    let mut left = dependencies.to_vec();
    let urgency = |step: StepIndex| (distances.get(step.get()).copied().unwrap_or(0), Reverse(step));
    let first = (0_u32..).map(StepIndex).zip(&left).filter(|(_, count)| **count == 0);
    let mut ready: BinaryHeap<_> = first.map(|(step, _)| urgency(step)).collect();
    let mut order = Vec::with_capacity(left.len());
    while let Some((_, Reverse(step))) = ready.pop() {
        order.push(step);
        for &then in dependents.row(step) {
            if let Some(count) = left.get_mut(then.get()) {
                *count -= 1;
                if *count == 0 {
                    ready.push(urgency(then));
                }
            }
        }
    }
    order
}

/// A cycle among the steps that Kahn's algorithm left over. Each of them waits for another of them, so that walking from one to
/// the next must come back.
fn find_cycle(waits_for: &Rows, left: &[u32]) -> Vec<StepIndex> {
    let is_left = |step: StepIndex| left.get(step.get()).is_some_and(|count| *count > 0);
    let mut places = vec![None; left.len()];
    let mut path = Vec::new();
    let mut step = (0_u32..).map(StepIndex).zip(left).find(|(_, count)| **count > 0).map(|(step, _)| step);
    while let Some(here) = step {
        let Some(place) = places.get_mut(here.get()) else { break };
        if let Some(start) = *place {
            path.drain(..start);
            break;
        }
        *place = Some(path.len());
        path.push(here);
        step = waits_for.row(here).iter().copied().filter(|next| is_left(*next)).min();
    }
    let first = (0..path.len()).min_by_key(|place| path.get(*place).copied()).unwrap_or(0);
    path.rotate_left(first);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(u32, u32)]) -> Vec<(StepIndex, StepIndex)> {
        pairs.iter().map(|(first, then)| (StepIndex(*first), StepIndex(*then))).collect()
    }

    #[test]
    fn rows_are_in_file_order_and_an_edge_counts_once() {
        let graph = Graph::new(4, &edges(&[(0, 3), (0, 1), (1, 3), (0, 3), (0, 2)])).unwrap();
        assert_eq!(graph.dependents(StepIndex(0)), [StepIndex(1), StepIndex(2), StepIndex(3)]);
        assert_eq!(graph.dependency_count(StepIndex(3)), 2);
        assert_eq!(graph.steps().map(|step| graph.distance_to_sink(step)).collect::<Vec<_>>(), [2, 1, 0, 0]);
        assert_eq!(graph.sinks().collect::<Vec<_>>(), [StepIndex(2), StepIndex(3)]);
        assert_eq!(graph.steps().map(|step| graph.level(step)).collect::<Vec<_>>(), [0, 1, 1, 2]);
    }

    #[test]
    fn one_at_a_time_is_the_longest_path_first_then_the_file() {
        // 0 alone; 1 → 3; 2 → 4 → 5.
        let graph = Graph::new(6, &edges(&[(1, 3), (2, 4), (4, 5)])).unwrap();
        let order: Vec<u32> = graph.order().iter().map(|step| step.number()).collect();
        assert_eq!(order, [2, 1, 4, 0, 3, 5]);
        assert!(graph.order().iter().zip(0..).all(|(step, rank)| graph.rank(*step) == rank));
    }

    #[test]
    fn a_cycle_is_a_path_from_its_first_step() {
        // 0 waits for 4, which is outside; 1 → 3 → 2 → 1 wait for each other.
        let error = Graph::new(5, &edges(&[(4, 0), (3, 1), (2, 3), (1, 2), (2, 0)])).unwrap_err();
        assert_eq!(error, GraphError::Cycle { path: vec![StepIndex(1), StepIndex(3), StepIndex(2)] });
        assert_eq!(error.to_string(), "steps wait for each other: 1 → 3 → 2 → 1");
        let error = Graph::new(1, &edges(&[(0, 0)])).unwrap_err();
        assert_eq!(error, GraphError::Cycle { path: vec![StepIndex(0)] });
    }

    #[test]
    fn an_edge_to_nowhere_is_an_error() {
        let error = Graph::new(1, &edges(&[(0, 1)])).unwrap_err();
        assert_eq!(error, GraphError::UnknownStep { step: StepIndex(1), steps: 1 });
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let chain: Vec<_> = (1..100_000).map(|then| (StepIndex(then - 1), StepIndex(then))).collect();
        let graph = Graph::new(100_000, &chain).unwrap();
        assert_eq!(graph.distance_to_sink(StepIndex(0)), 99_999);
        let mut ring = chain;
        ring.push((StepIndex(99_999), StepIndex(0)));
        let Err(GraphError::Cycle { path }) = Graph::new(100_000, &ring) else { panic!("no cycle found") };
        assert_eq!(path.len(), 100_000);
    }
}
