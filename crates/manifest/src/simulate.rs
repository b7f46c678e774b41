//! `simulate:` of a step: what `wasmill sim` takes for its calls.

use indexmap::IndexMap;
use wasmill_model::{Code, Failing, Simulated, Takes, VerdictKind, VerdictSet};

use crate::keys;
use crate::quantity::parse_duration;
use crate::reader::{Fields, Reader, listed};
use crate::tree::{Data, Member, Node};

/// What each call gives, how long it takes, how it may fail. `step` is the step that it stands in.
pub(crate) fn simulate(node: &Node, step: &Fields<'_>, reader: &Reader<'_>) -> Option<Simulated> {
    if let (Some(member), Some(_)) = (step.member("simulate"), step.get("pipeline")) {
        let message = "a step that calls a pipeline has no `simulate`";
        let help = "write `simulate` in the steps of that pipeline: its run is simulated";
        reader.error(Code::InvalidValue, member.key_span, message, help);
        return None;
    }
    let fields = reader.fields(node, "simulate", &keys::SIMULATE)?;
    let output = fields.get("output");
    if let Some(node) = output
        && let Some(Err(problem)) = node.as_bytes()
    {
        let message = format!("this is no valid base64: {problem}");
        reader.error(Code::Base64, node.span, message, "`base64 FILE` makes some");
    }
    let fails = fields.get("fails").map(|node| fails(node, reader)).unwrap_or_default();
    Some(Simulated {
        output: output.map(Node::to_value),
        takes: fields.get("takes").and_then(|node| takes(node, reader)),
        fails,
    })
}

/// `50ms`, or `50ms..2s`; none where it is neither, which has been reported.
fn takes(node: &Node, reader: &Reader<'_>) -> Option<Takes> {
    reader.quantity(node, "takes", "a duration, or two of them", "50ms..2s", |text| {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let takes = Takes { least: parse_duration(least)?, most: parse_duration(most)? };
        if takes.least > takes.most {
            return Err(format!("the shorter one comes first: `{}..{}`", most.trim(), least.trim()));
        }
        Ok(takes)
    })
}

/// The failures, with how likely each is.
fn fails(node: &Node, reader: &Reader<'_>) -> IndexMap<VerdictKind, Failing> {
    let members = reader.members(node, "fails", "fails: { timed-out: 0.1 }").unwrap_or_default();
    let all: IndexMap<VerdictKind, Failing> =
        members.iter().filter_map(|member| Some((failure(member, reader)?, failing(&member.value, reader)?))).collect();
    let sum: f64 = all.values().map(|failing| failing.chance).sum();
    if sum > 1.0 + 1e-9 {
        let message = format!("the chances of all failures together are {sum:.3}, and an attempt fails at most once");
        reader.error(Code::InvalidValue, node.span, message, "lower them to 1 or less together");
    }
    all
}

fn failure(member: &Member, reader: &Reader<'_>) -> Option<VerdictKind> {
    let kinds = || VerdictSet::FAILURES.iter();
    let found = kinds().find(|kind| kind.as_str() == member.key);
    if found.is_none() {
        let help = match reader.nearest(&member.key, kinds().map(VerdictKind::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the failures are {}", listed(kinds().map(VerdictKind::as_str))),
        };
        let message = format!("there is no failure `{}`", member.key);
        reader.error(Code::InvalidValue, member.key_span, message, help);
    }
    found
}

fn failing(node: &Node, reader: &Reader<'_>) -> Option<Failing> {
    if !matches!(node.data, Data::Object(_)) {
        return Some(Failing { chance: chance(node, reader)?, takes: None });
    }
    let fields = reader.fields(node, "a failure", &keys::FAILING)?;
    let takes = fields.get("takes").and_then(|node| takes(node, reader));
    match fields.get("chance") {
        Some(node) => Some(Failing { chance: chance(node, reader)?, takes }),
        None => {
            let help = "write `chance: 0.1` for one attempt of ten";
            reader.error(Code::MissingKey, node.span, "the failure does not say how likely it is", help);
            None
        }
    }
}

/// A part of all attempts; none where it is no such number, which has been reported.
fn chance(node: &Node, reader: &Reader<'_>) -> Option<f64> {
    let help = "write a number from 0 (never) to 1 (always): `0.1`";
    let Some(chance) = node.as_f64() else {
        reader.wrong_type(node, "chance", "a number", help);
        return None;
    };
    if !(0.0..=1.0).contains(&chance) {
        let message = format!("a chance is a number from 0 to 1, and not `{chance}`");
        reader.error(Code::InvalidValue, node.span, message, help);
        return None;
    }
    Some(chance)
}
