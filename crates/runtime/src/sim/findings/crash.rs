//! Hosts that died: was the result the same, and what was done twice?

use std::collections::{BTreeMap, HashSet};

use wasmill_model::{VerdictKind, format_duration};

use crate::sim::report::{Finding, FindingKind, Reproduce};
use crate::sim::{Crashed, Prepared, Ran};

#[derive(Default)]
pub(super) struct Crashes {
    differs: (u64, Option<(Reproduce, Vec<String>)>),
    /// By step: in how many runs, and one of them.
    twice: BTreeMap<String, (u64, Reproduce)>,
}

impl Crashes {
    pub(super) fn look(&mut self, ran: &Ran, crashed: &Crashed, prepared: &Prepared) {
        let Crashed { at, before, after } = crashed;
        if after.result != ran.result {
            self.differs.0 += 1;
            self.differs.1.get_or_insert_with(|| {
                let differs = |place: usize| ran.ends.get(place) != after.ends.get(place);
                let step = prepared.order.iter().find(|(place, _)| differs(*place)).map(|(_, step)| step.to_string());
                (ran.reproduce(format!("the host dies at {}", format_duration(*at))), step.into_iter().collect())
            });
        }
        let changes = |step: &str| prepared.steps.get(step).is_some_and(|facts| !facts.effects.is_empty());
        // What was cut short may have been done as well: nobody knows.
        let may_be_done = before.calls.iter().filter(|call| {
            changes(before.step(call)) && call.ended.is_none_or(|(_, verdict, _)| verdict == VerdictKind::Ok)
        });
        let done: HashSet<(&str, Option<u32>)> =
            may_be_done.map(|call| (before.paths.get(call.path).map_or("", |path| &*path.name), call.item)).collect();
        let mut said = HashSet::new();
        for call in &after.trace.calls {
            let Some(path) = after.trace.paths.get(call.path) else { continue };
            if !done.contains(&(&*path.name, call.item)) || !said.insert(path.plain.clone()) {
                continue;
            }
            let item = call.item.map(|item| format!("[{item}]")).unwrap_or_default();
            let shows = || {
                let at = format_duration(*at);
                ran.reproduce(format!("`{}{item}` before the host dies at {at}, and again after it", path.name))
            };
            self.twice.entry(path.plain.to_string()).or_insert_with(|| (0, shows())).0 += 1;
        }
    }

    pub(super) fn finish(self, prepared: &Prepared) -> Vec<Finding> {
        let mut found = Vec::new();
        if let (runs, Some((reproduce, steps))) = self.differs {
            let step = steps.first().map(|step| format!(", first in `{step}`")).unwrap_or_default();
            found.push(Finding {
                kind: FindingKind::CrashChangesResult,
                steps,
                message: format!("a run that is begun anew after its host died has another result{step}"),
                help: "look at the run: `--seed` with `--crash-anywhere` prints what happened when; what a timeout decides may be another after a crash".to_owned(),
                runs,
                reproduce: vec![reproduce],
                location: None,
            });
        }
        for (step, (runs, reproduce)) in self.twice {
            let effects = prepared.steps.get(step.as_str()).map(|facts| facts.effects.join(", ")).unwrap_or_default();
            found.push(Finding {
                kind: FindingKind::EffectTwice,
                message: format!("`{step}` is called twice when the host dies, and what it does can be seen outside ({effects})"),
                help: format!("let what `{step}` does be the same when it is done again (a key that the other side knows it by, a file that is replaced as a whole)"),
                steps: vec![step],
                runs,
                reproduce: vec![reproduce],
                location: None,
            });
        }
        found
    }
}
