//! Whether every name that is used is one that there is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_expression::ROOTS;
use wasmill_model::{Code, Diagnostic, Expression, Location, Reference, Step, Template};

use crate::order;
use crate::reader::{Fields, Reader, listed};
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
            suggestion(name, &self.units, "unit", "declare it: `units: { … }`", reader)
        };
        reader.error(Code::UnknownUnit, span, format!("there is no unit `{name}`"), help);
    }

    fn has_step(&self, id: &str) -> bool {
        self.step_positions.contains_key(id)
    }

    fn step_help(&self, id: &str, reader: &Reader<'_>) -> String {
        suggestion(id, &self.steps, "step", "declare it under `steps`", reader)
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
                reader.error(Code::UnknownStep, *span, message, names.step_help(name, reader));
            }
        }
        for (id, span) in order::stand_ins_of(step).zip(&spans.stand_ins) {
            if !names.has_step(id) {
                let message = format!("`fallback` names no step: there is no `{id}`");
                reader.error(Code::UnknownStep, *span, message, names.step_help(id, reader));
            }
        }
        let called = if spans.has_items { Place::Item } else { Place::Once };
        let check = |expressions: Vec<&Expression>, place| {
            for expression in expressions {
                check_expression(names, expression, place, reader);
            }
        };
        check(step.with.expressions(), called);
        check(step.fallback.iter().flat_map(|fallback| fallback.to.expressions()).collect(), called);
        check(step.foreach.iter().flat_map(|foreach| foreach.items.expressions()).collect(), Place::Foreach);
        check(step.when.iter().flat_map(Template::expressions).collect(), Place::When);
        reader.set_step(None);
    }
    for output in outputs.values() {
        for expression in output.expressions() {
            check_expression(names, expression, Place::Outputs, reader);
        }
    }
    check_concurrency(steps, reader);
    order::check(steps, reader);
}

/// Where an expression stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// In what a step with `foreach` is called with.
    Item,
    /// In what any other step is called with.
    Once,
    Foreach,
    When,
    Outputs,
}

impl Place {
    /// Why there is no `item` and no `index` in it, and what to do; none where there is.
    fn without_items(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Place::Item => return None,
            Place::Once => ("the step has no `foreach`", "give the step its items: `foreach: \"${{ inputs.rows }}\"`"),
            Place::Foreach => (
                "`foreach` says what the items are",
                "within an expression items have names of their own: `inputs.rows.filter(row, row.price > 0)`",
            ),
            Place::When => (
                "`when` is asked once, before there are items",
                "leave items out in `foreach`: `inputs.rows.filter(row, row.price > 0)`",
            ),
            Place::Outputs => (
                "outputs are of the whole run",
                "a step with `foreach` gives an array, one output an item: `steps.<id>.output`",
            ),
        })
    }
}

/// Steps that share a key agree on how many of them run at once.
fn check_concurrency(steps: &[(Step, Spans)], reader: &Reader<'_>) {
    let mut first: HashMap<&str, (u32, &Step, &Location)> = HashMap::new();
    for (step, spans) in steps {
        let (Some(concurrency), Some(location)) = (&step.concurrency, &spans.concurrency) else { continue };
        let (max, other, place) = *first.entry(&concurrency.key).or_insert((concurrency.max, step, location));
        if max != concurrency.max {
            let (key, here) = (&concurrency.key, concurrency.max);
            let message = format!(
                "the key `{key}` has `max: {here}` here, and `max: {max}` in the step `{}` ({place})",
                other.id
            );
            let help = "steps with the same key are counted together: give them the same `max`, or other keys";
            reader.push(Diagnostic::new(Code::InvalidValue, message).at(location).in_step(&step.id).help(help));
        }
    }
}

fn check_expression(names: &Names<'_>, expression: &Expression, place: Place, reader: &Reader<'_>) {
    for reference in &expression.references {
        let (code, message, help) = match reference {
            Reference::Input(name) if !names.inputs.contains(&name.as_ref()) => (
                Code::UnknownInput,
                format!("there is no input `{name}`"),
                suggestion(
                    name,
                    &names.inputs,
                    "input",
                    &format!("declare it: `inputs: {{ {name}: string }}`"),
                    reader,
                ),
            ),
            Reference::Step(id) if !names.has_step(id) => {
                (Code::UnknownStep, format!("there is no step `{id}`"), names.step_help(id, reader))
            }
            Reference::Root(name) if !ROOTS.contains(&name.as_ref()) => {
                let help = if names.inputs.contains(&name.as_ref()) {
                    format!("write `inputs.{name}`")
                } else if names.has_step(name) {
                    format!("write `steps.{name}.output`")
                } else {
                    match reader.nearest(name, ROOTS.into_iter()) {
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
            Reference::Root(name) if matches!(name.as_ref(), "item" | "index") => match place.without_items() {
                Some((why, help)) => (Code::Expression, format!("there is no `{name}` here: {why}"), help.to_owned()),
                None => continue,
            },
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
        .and_then(|range| expression.source.get(range.start..))
        .and_then(|rest| rest.strip_prefix("secrets."))
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

fn suggestion(name: &str, among: &[&str], what: &str, otherwise: &str, reader: &Reader<'_>) -> String {
    match reader.nearest(name, among.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if among.is_empty() => otherwise.to_owned(),
        None if among.len() == 1 => format!("there is only the {what} {}", listed(among.iter().copied())),
        None => format!("there are the {what}s {}", listed(among.iter().copied())),
    }
}
