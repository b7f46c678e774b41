//! Steps that are at one folder in no order.

use crate::sim::report::{Finding, FindingKind, Reproduce};
use crate::sim::trace::{Span, Trace};
use crate::sim::{Prepared, Ran};

/// What was seen of each pair ([`Prepared::shared`]).
#[derive(Default)]
pub(super) struct Sharing(Vec<Seen>);

#[derive(Clone, Default)]
struct Seen {
    runs: u64,
    /// One before the other, the other before the one; both at once, where the one ends first, and where the other does.
    shows: [Option<Reproduce>; 4],
}

impl Sharing {
    pub(super) fn look(&mut self, ran: &Ran, prepared: &Prepared) {
        self.0.resize(prepared.shared.len(), Seen::default());
        for (pair, seen) in prepared.shared.iter().zip(&mut self.0) {
            let (one, other) = (&pair.one, &pair.other);
            if one == other {
                if let Some((first, second)) = items_at_once(&ran.trace, one) {
                    seen.runs += 1;
                    let shows = || ran.reproduce(format!("items {first} and {second} of `{one}` at the same time"));
                    let [_, _, at_once, _] = &mut seen.shows;
                    at_once.get_or_insert_with(shows);
                }
                continue;
            }
            let times = |step| ran.trace.of(step).and_then(|Span { began, ended }| Some((began?, ended?.0)));
            let (Some((began, ended)), Some((other_began, other_ended))) = (times(one), times(other)) else { continue };
            let (place, shows) = if ended <= other_began {
                (0, format!("`{one}` before `{other}`"))
            } else if other_ended <= began {
                (1, format!("`{other}` before `{one}`"))
            } else if ended <= other_ended {
                (2, format!("both at the same time, and `{one}` ends first"))
            } else {
                (3, format!("both at the same time, and `{other}` ends first"))
            };
            seen.runs += u64::from(place > 1);
            if let Some(slot) = seen.shows.get_mut(place) {
                slot.get_or_insert_with(|| ran.reproduce(shows));
            }
        }
    }

    pub(super) fn finish(self, prepared: &Prepared) -> Vec<Finding> {
        prepared.shared.iter().zip(self.0).filter_map(|(pair, seen)| {
            let [_, _, at_once, also_at_once] = &seen.shows;
            let orders = seen.shows.iter().flatten().count();
            // One order in all of them is as good as one that is written down.
            if at_once.is_none() && also_at_once.is_none() && orders < 2 {
                return None;
            }
            let (one, other, folder) = (&pair.one, &pair.other, pair.folder.display());
            let (message, help) = if one == other {
                (
                    format!("the items of `{one}` all write to the folder `{folder}`, some of them at the same time"),
                    format!("let one item at a time write (`max_parallel: 1` in `{one}`), or let a step after it write what all of them gave"),
                )
            } else {
                let does = |writes| if writes { "writes to" } else { "reads" };
                let (first, second) = pair.writes;
                (
                    format!(
                        "`{one}` {} and `{other}` {} the folder `{folder}`, and nothing says which comes first",
                        does(first),
                        does(second)
                    ),
                    format!("say it: `after: [{one}]` in `{other}` (or the other way round), or give each a folder of its own"),
                )
            };
            let mut steps = vec![one.to_string()];
            steps.extend((one != other).then(|| other.to_string()));
            Some(Finding {
                kind: FindingKind::SharedFolder,
                steps,
                message,
                help,
                runs: seen.runs,
                reproduce: seen.shows.into_iter().flatten().collect(),
                location: None,
            })
        })
        .collect()
    }
}

/// Two items of a step that were under way at the same time.
fn items_at_once(trace: &Trace, step: &str) -> Option<(u32, u32)> {
    let of_step = trace.calls.iter().filter(|call| trace.step(call).split('/').next() == Some(step));
    let mut calls: Vec<_> = of_step.filter_map(|call| Some((call.began, call.ended?.0, call.item?))).collect();
    calls.sort_unstable();
    let mut last: Option<(std::time::Duration, u32)> = None;
    for (began, ended, item) in calls {
        if let Some((until, other)) = last
            && began < until
            && other != item
        {
            return Some((other.min(item), other.max(item)));
        }
        if last.is_none_or(|(until, _)| ended > until) {
            last = Some((ended, item));
        }
    }
    None
}
