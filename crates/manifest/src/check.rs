//! Whether every name that is used is one that there is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_expression::ROOTS;
use wasmill_model::{Code, Diagnostic, Expression, Location, Reference, Step, Template};

use crate::graph;
use crate::reader::{Fields, Reader, listed, nearest};
use crate::steps::Spans;
use crate::tree::{Data, Span};

/// The names that a manifest declares, whether or not what they stand for is right.
pub(crate) struct Names<'n> {
    inputs: Vec<&'n str>,
    units: Vec<&'n str>,
    unit_set: HashSet<&'n str>,
    steps: Vec<&'n str>,
    step_positions: HashMap<&'n str, usize>,
}

impl<'n> Names<'n> {
    pub(crate) fn new(fields: &Fields<'n>) -> Self {
        let of = |key: &str| match fields.get(key).map(|node| &node.data) {
            Some(Data::Object(members)) => members.iter().map(|member| member.key.as_str()).collect(),
            _ => Vec::new(),
        };
        let steps: Vec<&str> = of("steps");
        let step_positions = steps.iter().enumerate().map(|(position, id)| (*id, position)).collect();
        let units: Vec<&str> = of("units");
        Names { inputs: of("inputs"), unit_set: units.iter().copied().collect(), units, steps, step_positions }
    }

    pub(crate) fn has_unit(&self, name: &str) -> bool {
        self.unit_set.contains(name)
    }

    pub(crate) fn check_unit(&self, name: &str, span: Span, reader: &Reader<'_>) {
        if self.has_unit(name) {
            return;
        }
        let help = if name.ends_with(".wasm") || name.ends_with(".wat") || name.contains('/') {
            format!("for a file write `unit: {{ path: {name} }}`")
        } else {
            suggestion(name, &self.units, "unit", "declare it: `units: { … }`")
        };
        reader.error(Code::UnknownUnit, span, format!("there is no unit `{name}`"), help);
    }

    fn has_step(&self, id: &str) -> bool {
        self.step_positions.contains_key(id)
    }

    fn step_help(&self, id: &str) -> String {
        suggestion(id, &self.steps, "step", "declare it under `steps`")
    }
}

/// Checks every name of `after`, of the expressions and of the outputs; and that no step waits for itself.
pub(crate) fn names(
    names: &Names<'_>,
    steps: &[(Step, Spans)],
    outputs: &IndexMap<Arc<str>, Template>,
    reader: &Reader<'_>,
) {
    for (step, spans) in steps {
        reader.set_step(Some(step.id.clone()));
        for (name, span) in step.after.iter().zip(&spans.after) {
            if !names.has_step(name) {
                let message = format!("`after` names no step: there is no `{name}`");
                reader.error(Code::UnknownStep, *span, message, names.step_help(name));
            }
        }
        for expression in step.expressions() {
            check_expression(names, expression, reader);
        }
        reader.set_step(None);
    }
    for output in outputs.values() {
        for expression in output.expressions() {
            check_expression(names, expression, reader);
        }
    }
    check_order(steps, reader);
}

fn check_expression(names: &Names<'_>, expression: &Expression, reader: &Reader<'_>) {
    for reference in &expression.references {
        let (code, message, help) = match reference {
            Reference::Input(name) if !names.inputs.contains(&name.as_ref()) => (
                Code::UnknownInput,
                format!("there is no input `{name}`"),
                suggestion(name, &names.inputs, "input", &format!("declare it: `inputs: {{ {name}: string }}`")),
            ),
            Reference::Step(id) if !names.has_step(id) => {
                (Code::UnknownStep, format!("there is no step `{id}`"), names.step_help(id))
            }
            Reference::Root(name) if !ROOTS.contains(&name.as_ref()) => {
                let help = if names.inputs.contains(&name.as_ref()) {
                    format!("write `inputs.{name}`")
                } else if names.has_step(name) {
                    format!("write `steps.{name}.output`")
                } else {
                    match nearest(name, ROOTS.into_iter()) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("an expression begins with one of {}", listed(["inputs", "steps"].into_iter())),
                    }
                };
                (Code::Expression, format!("there is no `{name}` in expressions"), help)
            }
            Reference::Root(name) if name.as_ref() == "secrets" => {
                let secret = secret_name(expression, reference);
                (
                    Code::Unsupported,
                    "an expression cannot read a secret: what it makes of it would stand in receipts".to_owned(),
                    format!(
                        "grant it to the step: `grants: {{ secrets: [{secret}] }}`; the unit finds it in its environment"
                    ),
                )
            }
            Reference::Root(name) if !matches!(name.as_ref(), "inputs" | "steps") => (
                Code::Unsupported,
                format!("`{name}` in expressions is not supported by this version of Wasmill"),
                format!("an expression begins with one of {}", listed(["inputs", "steps"].into_iter())),
            ),
            _ => continue,
        };
        let location = location_of(expression, reference);
        reader.push(Diagnostic::new(code, message).at(&location).help(help));
    }
}

/// The name behind `secrets.`, or one to stand for it.
fn secret_name<'a>(expression: &'a Expression, reference: &Reference) -> &'a str {
    let rest = wasmill_expression::locate(expression, reference)
        .and_then(|range| expression.source.get(range.end..))
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or_default();
    let end = rest.find(|one: char| !one.is_ascii_alphanumeric() && one != '_').unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty()).unwrap_or("API_KEY")
}

/// Where the reference stands: exact where the expression is on one line of the file.
fn location_of(expression: &Expression, reference: &Reference) -> Location {
    let mut location = expression.location.clone();
    let Some(range) = wasmill_expression::locate(expression, reference) else { return location };
    let before = expression.source.get(..range.start).unwrap_or_default();
    if !before.contains('\n') {
        location.column = location.column.saturating_add(u32::try_from(before.chars().count()).unwrap_or(0));
        location.offset += range.start;
        location.length = range.len();
    }
    location
}

/// The steps that a step waits for.
fn needs<'a>(step: &'a Step, positions: &HashMap<&str, usize>) -> Vec<usize> {
    let named = step.after.iter().map(AsRef::as_ref);
    let read = step.expressions().into_iter().flat_map(|expression: &'a Expression| {
        expression.references.iter().filter_map(|reference| match reference {
            Reference::Step(id) => Some(id.as_ref()),
            _ => None,
        })
    });
    named.chain(read).filter_map(|id| positions.get(id).copied()).collect()
}

fn check_order(steps: &[(Step, Spans)], reader: &Reader<'_>) {
    let positions: HashMap<&str, usize> =
        steps.iter().enumerate().map(|(position, (step, _))| (step.id.as_ref(), position)).collect();
    let needs: Vec<Vec<usize>> = steps.iter().map(|(step, _)| needs(step, &positions)).collect();
    for cycle in graph::cycles(&needs) {
        let members: Vec<&Step> =
            cycle.iter().filter_map(|position| steps.get(*position)).map(|(step, _)| step).collect();
        let Some(first) = members.first() else { continue };
        let mut path: Vec<&str> = members.iter().map(|step| step.id.as_ref()).collect();
        path.push(&first.id);
        let (message, help) = match members.len() {
            1 => (
                format!("the step `{}` waits for itself: {}", first.id, path.join(" → ")),
                "it cannot read its own output",
            ),
            _ => (
                format!("the steps wait for each other: {}", path.join(" → ")),
                "each waits for the next: break the circle",
            ),
        };
        reader.push(Diagnostic::new(Code::Cycle, message).at(&first.location).in_step(&first.id).help(help));
    }
}

fn suggestion(name: &str, among: &[&str], what: &str, otherwise: &str) -> String {
    match nearest(name, among.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if among.is_empty() => otherwise.to_owned(),
        None if among.len() == 1 => format!("there is only the {what} {}", listed(among.iter().copied())),
        None => format!("there are the {what}s {}", listed(among.iter().copied())),
    }
}
