//! Files of other systems, as they are: each becomes the pipeline that a native manifest could say.
//!
//! `docs/dialects.md` has every key and what it becomes.

pub(crate) mod dag_config;
pub(crate) mod pipeline_v1;
pub(crate) mod task_definition;
mod task_source;
mod task_values;

use std::sync::Arc;
use std::time::Duration;

use indexmap::{IndexMap, IndexSet};
use wasmill_model::{
    Builtin, Code, Dialect, Location, OnFailure, Pipeline, Schedule, Template, UnitSource, UnitSpec, Value,
};

use crate::graph;
use crate::pipeline::{base_of, name_of};
use crate::reader::{Fields, Reader};
use crate::steps::is_name;
use crate::tree::{Data, Node, Span};

/// The name of the built-in unit in pipelines that use it.
const PROCESSORS: &str = "processors";

/// A pipeline of which only the kind of its file is known.
pub(crate) fn pipeline(file: &str, dialect: Dialect) -> Pipeline {
    Pipeline {
        name: name_of(file),
        dialect,
        description: None,
        inputs: IndexMap::new(),
        units: IndexMap::new(),
        steps: Vec::new(),
        outputs: IndexMap::new(),
        schedule: Schedule::default(),
        on_failure: OnFailure::default(),
        timeout: None,
        toolchains: IndexMap::new(),
        budget: Default::default(),
        tests: IndexMap::new(),
        unit_limits: IndexMap::new(),
        base: base_of(file),
    }
}

/// The member, unless it is `null`, which is the same as none in every dialect.
fn present<'n>(fields: &Fields<'n>, key: &str) -> Option<&'n Node> {
    fields.get(key).filter(|node| !matches!(node.data, Data::Null))
}

/// The items of what must be a list; `null` is an empty one.
fn items<'n>(node: Option<&'n Node>, key: &str, example: &str, reader: &Reader<'_>) -> &'n [Node] {
    match node.map(|node| &node.data) {
        Some(Data::List(items)) => items,
        None | Some(Data::Null) => &[],
        Some(_) => {
            if let Some(node) = node {
                reader.wrong_type(node, key, "a list", &format!("for example `{example}`"));
            }
            &[]
        }
    }
}

/// The text of a member that must be there.
fn required<'n>(
    fields: &Fields<'n>,
    key: &str,
    owner: &Node,
    what: &str,
    reader: &Reader<'_>,
) -> Option<(&'n str, Span)> {
    match present(fields, key) {
        Some(node) => {
            let text = reader.text(node, key)?;
            if text.trim().is_empty() {
                reader.error(
                    Code::InvalidValue,
                    node.span,
                    format!("the `{key}` of {what} is empty"),
                    "write some text",
                );
                return None;
            }
            Some((text, node.span))
        }
        None => {
            reader.error(Code::MissingKey, start(owner), format!("{what} has no `{key}`"), format!("write `{key}: …`"));
            None
        }
    }
}

/// Where something begins.
fn start(node: &Node) -> Span {
    Span { start: node.span.start, end: node.span.start }
}

/// A time in units of this many nanoseconds, above zero.
fn time(node: &Node, key: &str, nanos: f64, reader: &Reader<'_>) -> Option<Duration> {
    let Some(number) = node.as_f64() else {
        reader.wrong_type(node, key, "a number", &format!("write `{key}: 30`"));
        return None;
    };
    let total = number * nanos;
    if !(1.0..=LONGEST).contains(&total) {
        let message = format!("`{key}` takes a time above zero, and this is {number}");
        reader.error(Code::InvalidValue, node.span, message, "leave it out for the host's default");
        return None;
    }
    // Whole numbers, which nearly all are, stay exact.
    Some(Duration::from_nanos(total.round() as u64))
}

/// What 64 bits hold of nanoseconds, nearly: 570 years, which is more than any policy allows.
const LONGEST: f64 = 1.8e19;
const SECOND: f64 = 1e9;
const MILLISECOND: f64 = 1e6;

/// A whole number.
fn whole(node: &Node, key: &str, reader: &Reader<'_>) -> Option<u64> {
    reader.quantity(node, key, "a whole number", "4", crate::parse_count)
}

/// `true` or `false`.
fn boolean(node: &Node, key: &str, reader: &Reader<'_>) -> Option<bool> {
    match node.data {
        Data::Bool(value) => Some(value),
        _ => {
            reader.wrong_type(node, key, "`true` or `false`", &format!("write `{key}: false`"));
            None
        }
    }
}

/// The ids of steps, made of names that may be any text.
#[derive(Default)]
struct Ids {
    names: IndexMap<String, usize>,
    ids: IndexSet<Arc<str>>,
}

impl Ids {
    /// The id of the next step. A name that is there already is reported, and gets one all the same.
    fn add(&mut self, name: &str, span: Span, what: &str, reader: &Reader<'_>) -> Arc<str> {
        let plain = id_of(name);
        let mut id: Arc<str> = plain.as_str().into();
        let mut number = 2;
        while self.ids.contains(&id) {
            id = format!("{plain}_{number}").into();
            number += 1;
        }
        if self.names.contains_key(name) {
            let message = format!("two {what}s are called `{name}`");
            reader.error(Code::Duplicate, span, message, "give one of them another name");
        } else {
            self.names.insert(name.to_owned(), self.ids.len());
        }
        self.ids.insert(id.clone());
        id
    }

    /// The position of the step of this name.
    fn position(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// As [`Ids::position`]; a name that is none is reported.
    fn find(&self, name: &str, span: Span, what: &str, reader: &Reader<'_>) -> Option<usize> {
        let position = self.position(name);
        if position.is_none() {
            let help = match reader.nearest(name, self.names.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", crate::reader::listed(self.names.keys().map(String::as_str))),
            };
            reader.error(Code::UnknownStep, span, format!("there is no {what} `{name}`"), help);
        }
        position
    }
}

/// A name as the id of a step: what an id cannot have becomes `_`.
fn id_of(name: &str) -> String {
    if is_name(name) {
        return name.to_owned();
    }
    let mut id: String = name
        .chars()
        .map(|one| if one.is_ascii_alphanumeric() || matches!(one, '_' | '-') { one } else { '_' })
        .collect();
    if !is_name(&id) {
        id.insert(0, '_');
    }
    id
}

/// Reports everything that waits for itself. Whether there was none.
fn in_order(needs: &[Vec<usize>], what: &str, name: impl Fn(usize) -> (String, Location), reader: &Reader<'_>) -> bool {
    let cycles = graph::cycles(needs);
    for cycle in &cycles {
        let Some((first, location)) = cycle.first().map(|position| name(*position)) else { continue };
        let mut path: Vec<String> = cycle.iter().map(|position| name(*position).0).collect();
        path.push(first);
        let message = format!("the {what} wait for each other: {}", path.join(" → "));
        let diagnostic = wasmill_model::Diagnostic::new(Code::Cycle, message);
        reader.push(diagnostic.at(&location).help("each waits for the next: break the circle"));
    }
    cycles.is_empty()
}

/// An expression as a template.
fn expression(source: &str, location: &Location, reader: &Reader<'_>) -> Template {
    match wasmill_expression::parse(source, location.clone()) {
        Ok(expression) => Template::Expression(expression),
        Err(error) => {
            let diagnostic = wasmill_model::Diagnostic::new(Code::Expression, error.message).at(location);
            reader.push(diagnostic.help(error.help.unwrap_or_else(|| "use plainer names".to_owned())));
            Template::Literal(Value::Null)
        }
    }
}

/// `.name`, or `["name"]` where CEL asks for it.
fn member(name: &str) -> String {
    if is_name(name) && !name.contains('-') { format!(".{name}") } else { format!("[{}]", Value::from(name).to_json()) }
}

/// The expression that is a step's output.
fn output_of(id: &str) -> String {
    format!("steps{}.output", member(id))
}

/// The built-in unit.
fn builtin(location: &Location) -> UnitSpec {
    UnitSpec { source: UnitSource::Builtin(Builtin::Processors), sha256: None, location: location.clone() }
}

fn text(text: &str) -> Template {
    Template::Literal(Value::from(text))
}
