//! Looks at runs, one after the other, and says in the end what is wrong.

mod crash;
mod order;
mod sharing;
mod storm;
mod stuck;

pub(super) use storm::{Peak, Tried, rate};

use super::report::{Finding, FindingKind, Reproduce};
use super::{Crashed, Prepared, Ran};

/// Everything that is looked for.
#[derive(Default)]
pub(super) struct Findings {
    order: order::Results,
    sharing: sharing::Sharing,
    storms: storm::Storms,
    stuck: stuck::StuckRetries,
    crashes: crash::Crashes,
    never_ends: (u64, Option<Reproduce>),
}

impl Findings {
    pub(super) fn look(&mut self, ran: &Ran, prepared: &Prepared) {
        if ran.is_stuck {
            self.never_ends.0 += 1;
            self.never_ends
                .1
                .get_or_insert_with(|| ran.reproduce("the run waits, and nothing is left that could go on"));
        }
        self.order.look(ran, prepared);
        self.sharing.look(ran, prepared);
        self.storms.look(ran, prepared);
        self.stuck.look(ran, prepared);
    }

    pub(super) fn look_at_crash(&mut self, ran: &Ran, crashed: &Crashed, prepared: &Prepared) {
        self.crashes.look(ran, crashed, prepared);
    }

    /// The storms, for whoever can try what would help.
    pub(super) fn storms(&self) -> impl Iterator<Item = (&str, &Peak)> {
        self.storms.worst()
    }

    /// What is wrong, with what was tried with the storms.
    pub(super) fn finish(self, prepared: &Prepared, tried: &[Tried]) -> Vec<Finding> {
        let mut found = Vec::new();
        if let (runs, Some(reproduce)) = self.never_ends {
            found.push(Finding {
                kind: FindingKind::NeverEnds,
                steps: Vec::new(),
                message: "the run waits for what never comes".to_owned(),
                help: "this is a mistake of Wasmill's own: please report it, with the pipeline".to_owned(),
                runs,
                reproduce: vec![reproduce],
                location: None,
            });
        }
        found.extend(self.order.finish(prepared));
        found.extend(self.sharing.finish(prepared));
        found.extend(self.storms.finish(prepared, tried));
        found.extend(self.stuck.finish(prepared));
        found.extend(self.crashes.finish(prepared));
        for finding in &mut found {
            let first = finding.steps.first().and_then(|step| prepared.steps.get(step.as_str()));
            finding.location = first.map(|facts| facts.location.clone()).filter(|location| location.line > 0);
        }
        found
    }
}
