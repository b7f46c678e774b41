//! What waits for what: by `after`, by what expressions read, and by fallbacks.

use std::collections::HashMap;

use wasmill_model::{Code, Diagnostic, Expression, FallbackTo, Reference, Step};

use crate::graph;
use crate::reader::Reader;
use crate::steps::Spans;
use crate::tree::Span;

/// The steps that take the place of a step, by name.
pub(crate) fn stand_ins_of(step: &Step) -> impl Iterator<Item = &str> {
    step.fallback.iter().filter_map(|fallback| match &fallback.to {
        FallbackTo::Step(id) => Some(id.as_ref()),
        FallbackTo::Value(_) | FallbackTo::Unit { .. } => None,
    })
}

/// The steps that a step names: those that it stands after, and those that it reads.
fn named<'a>(step: &'a Step, positions: &HashMap<&str, usize>) -> Vec<usize> {
    let after = step.after.iter().map(AsRef::as_ref);
    let read = step.expressions().into_iter().flat_map(|expression: &'a Expression| {
        expression.references.iter().filter_map(|reference| match reference {
            Reference::Step(id) => Some(id.as_ref()),
            _ => None,
        })
    });
    after.chain(read).filter_map(|id| positions.get(id).copied()).collect()
}

/// For each step the one in whose place it runs. A step that would run for two, or for itself, is reported.
fn stands_in_for(steps: &[(Step, Spans)], positions: &HashMap<&str, usize>, reader: &Reader<'_>) -> Vec<Option<usize>> {
    let mut found: Vec<Option<(usize, Span)>> = vec![None; steps.len()];
    for (position, (step, spans)) in steps.iter().enumerate() {
        reader.set_step(Some(step.id.clone()));
        for (id, span) in stand_ins_of(step).zip(&spans.stand_ins) {
            let Some(stand_in) = positions.get(id).copied() else { continue };
            let Some(place) = found.get_mut(stand_in) else { continue };
            match *place {
                _ if stand_in == position => reader.error(
                    Code::InvalidValue,
                    *span,
                    format!("the step `{id}` cannot take its own place"),
                    "to try it again write `retry: 3`; to do something else name another step",
                ),
                Some((other, at)) if other != position => {
                    let other = steps.get(other).map_or("", |(step, _)| step.id.as_ref());
                    let message =
                        format!("`{id}` takes the place of the step `{other}` already ({})", reader.location(at));
                    let help = "a step takes the place of one: give this one another step, or a fallback `unit`";
                    reader.error(Code::Duplicate, *span, message, help);
                }
                _ => *place = Some((position, *span)),
            }
        }
        reader.set_step(None);
    }
    found.into_iter().map(|place| place.map(|(position, _)| position)).collect()
}

/// What waits for what.
///
/// Beside the steps there is one node more for each step: that its place is settled, which waits for the step and for all that
/// may run in its place. Whoever names the step waits for that node, but for those that run in its place themselves.
struct Order {
    needs: Vec<Vec<usize>>,
}

impl Order {
    fn new(steps: &[(Step, Spans)], positions: &HashMap<&str, usize>, stands_in_for: &[Option<usize>]) -> Order {
        let count = steps.len();
        let for_whom = |step: usize| stands_in_for.get(step).copied().flatten();
        // Chains of fallbacks may be circles here: no walk is longer than all the steps.
        let is_in_place_of = |step: usize, other: usize| {
            std::iter::successors(for_whom(step), |next| for_whom(*next)).take(count).any(|next| next == other)
        };
        let mut needs: Vec<Vec<usize>> = vec![Vec::new(); 2 * count];
        for (position, place) in needs.iter_mut().skip(count).enumerate() {
            place.push(position);
        }
        for (position, other) in (0..).zip(stands_in_for) {
            let Some(other) = *other else { continue };
            if let Some(place) = needs.get_mut(count + other) {
                place.push(count + position);
            }
            if let Some(place) = needs.get_mut(position) {
                place.push(other);
            }
        }
        for (position, (step, _)) in steps.iter().enumerate() {
            let Some(place) = needs.get_mut(position) else { continue };
            for other in named(step, positions) {
                place.push(if is_in_place_of(position, other) { other } else { count + other });
            }
        }
        Order { needs }
    }
}

/// Checks that no step waits for itself, by whatever way.
pub(crate) fn check(steps: &[(Step, Spans)], reader: &Reader<'_>) {
    let positions: HashMap<&str, usize> =
        steps.iter().enumerate().map(|(position, (step, _))| (step.id.as_ref(), position)).collect();
    let stands_in_for = stands_in_for(steps, &positions, reader);
    let order = Order::new(steps, &positions, &stands_in_for);
    for cycle in graph::cycles(&order.needs) {
        // What is no step is not shown.
        let members: Vec<&Step> = cycle.iter().filter_map(|place| steps.get(*place)).map(|(step, _)| step).collect();
        let Some(first) = members.first() else { continue };
        let mut path: Vec<&str> = members.iter().map(|step| step.id.as_ref()).collect();
        path.push(&first.id);
        // Names lead from a step to a place; only fallbacks lead from place to place, or straight back to a step.
        let is_step = |place: &usize| *place < steps.len();
        let by_fallback =
            cycle.iter().zip(cycle.iter().cycle().skip(1)).any(|(one, next)| is_step(one) == is_step(next));
        let (message, help) = match members.len() {
            1 => (
                format!("the step `{}` waits for itself: {}", first.id, path.join(" → ")),
                "it cannot read its own output",
            ),
            _ => (
                format!("the steps wait for each other: {}", path.join(" → ")),
                if by_fallback {
                    "a fallback's step waits for the one whose place it takes, and who reads that one waits for both: break \
                     the circle"
                } else {
                    "each waits for the next: break the circle"
                },
            ),
        };
        reader.push(Diagnostic::new(Code::Cycle, message).at(&first.location).in_step(&first.id).help(help));
    }
}
