//! Pipeline manifests v1: `version: v1` and `nodes`, bare or as `{"manifest": …, "input_data": […]}`.
//!
//! Such a pipeline works on a list of items: each node is called once for each, and what it made is the list for the next.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;
use wasmill_model::{
    Code, Dialect, Foreach, InputSpec, InputType, Location, OutputFormat, Pipeline, Reference, Step, Template,
    UnitSource, UnitSpec, Value, With,
};

use super::{Ids, PROCESSORS, boolean, builtin, expression, in_order, items, output_of, present, required, text};
use crate::keys::Keys;
use crate::reader::{Fields, Reader, listed};
use crate::templates::template;
use crate::tree::{Data, Node, Span};

/// The name of the one input: the list of items.
const INPUT: &str = "input_data";

/// The name under which a node is given its item, beside its parameters.
const ITEM: &str = "input";

/// The folder of the units of nodes that are not built in.
const UNITS: &str = "units";

const REQUEST: Keys = Keys {
    what: "a request with a manifest v1",
    example: "{ \"manifest\": { … }, \"input_data\": [1] }",
    now: &["manifest", "input_data"],
    later: &[],
};

const MANIFEST: Keys = Keys {
    what: "a pipeline manifest v1",
    example: "version: v1",
    now: &["version", "metadata", "nodes", "connections"],
    later: &[("python_env", "Wasmill runs no Python environments; compile the nodes to WebAssembly")],
};

const METADATA: Keys = Keys {
    what: "`metadata`",
    example: "{ name: calculator }",
    now: &["name", "description", "created_at", "version", "author", "tags"],
    later: &[],
};

const NODE: Keys = Keys {
    what: "a node",
    example: "{ id: double, node_type: MultiplyNode, params: { factor: 2 } }",
    now: &["id", "node_type", "params", "capabilities", "runtime_hint", "is_streaming", "execution", "host"],
    later: &[],
};

const CAPABILITIES: Keys =
    Keys { what: "`capabilities`", example: "{ memory_gb: 0.5 }", now: &["memory_gb", "cpu", "gpu"], later: &[] };

const CPU: Keys = Keys { what: "`cpu`", example: "{ cores: 2 }", now: &["cores", "arch"], later: &[] };

const GPU: Keys = Keys {
    what: "`gpu`",
    example: "{ type: cuda, required: false }",
    now: &["type", "min_memory_gb", "required"],
    later: &[],
};

const EXECUTION: Keys = Keys {
    what: "`execution`",
    example: "{ placement: auto }",
    now: &["placement", "reason"],
    later: &[("fallback", "leave it out, convert the file (`wasmill convert`), and write a `fallback` in the step")],
};

const CONNECTION: Keys = Keys { what: "a connection", example: "{ from: a, to: b }", now: &["from", "to"], later: &[] };

const NO_PARAMS: Keys = Keys { what: "a node that only passes on", example: "{}", now: &[], later: &[] };

const CALCULATOR_PARAMS: Keys = Keys {
    what: "a `CalculatorNode`",
    example: "{ operation: add, operand: 10 }",
    now: &["operation", "operand"],
    later: &[("precision", "leave it out: whole numbers are exact, and others have all the digits of 64 bits")],
};

const MULTIPLY_PARAMS: Keys =
    Keys { what: "a `MultiplyNode`", example: "{ factor: 2 }", now: &["factor", "multiplier", "operand"], later: &[] };

const ADD_PARAMS: Keys =
    Keys { what: "an `AddNode`", example: "{ addend: 10 }", now: &["addend", "operand"], later: &[] };

/// What a node of a built-in type is told besides its item.
enum Told {
    Nothing,
    Counter,
    Calculation,
    /// The one number, under its own name.
    Number(&'static str),
}

/// The node types that are built in: the name in files, the call, what it is told, and its parameters.
const BUILTIN: [(&str, &str, Told, &Keys); 7] = [
    ("PassThrough", "PassThrough", Told::Nothing, &NO_PARAMS),
    ("PassThroughNode", "PassThrough", Told::Nothing, &NO_PARAMS),
    ("Echo", "Echo", Told::Counter, &NO_PARAMS),
    ("EchoNode", "Echo", Told::Counter, &NO_PARAMS),
    ("CalculatorNode", "CalculatorNode", Told::Calculation, &CALCULATOR_PARAMS),
    ("MultiplyNode", "MultiplyNode", Told::Number("factor"), &MULTIPLY_PARAMS),
    ("AddNode", "AddNode", Told::Number("addend"), &ADD_PARAMS),
];

const OPERATIONS: [&str; 4] = ["add", "subtract", "multiply", "divide"];

pub(crate) fn read(file: &str, tree: &Node, reader: &Reader<'_>) -> Option<Pipeline> {
    let (manifest, input) = if tree.get("nodes").is_none() && tree.get("manifest").is_some() {
        let fields = reader.fields(tree, "the file", &REQUEST)?;
        (fields.get("manifest")?, present(&fields, INPUT))
    } else {
        (tree, None)
    };
    let fields = reader.fields(manifest, "manifest", &MANIFEST)?;
    let mut pipeline = super::pipeline(file, Dialect::PipelineV1);
    if let Some(fields) = present(&fields, "metadata").and_then(|node| reader.fields(node, "metadata", &METADATA)) {
        if let Some(name) = present(&fields, "name").and_then(|node| reader.text(node, "name")) {
            pipeline.name = name.into();
        }
        let description = present(&fields, "description").and_then(|node| reader.text(node, "description"));
        pipeline.description = description.map(str::to_owned);
    }
    pipeline.inputs.insert(INPUT.into(), input_spec(input, manifest, reader));
    let mut ids = Ids::default();
    let example = "nodes: [{ id: double, node_type: MultiplyNode }]";
    let nodes = items(fields.get("nodes"), "nodes", example, reader);
    let steps: Vec<Step> = nodes
        .iter()
        .filter_map(|node| {
            let step = step(node, &mut ids, &mut pipeline.units, reader);
            reader.set_step(None);
            step
        })
        .collect();
    let mut needs: Vec<Vec<usize>> = vec![Vec::new(); ids.ids.len()];
    let example = "connections: [{ from: a, to: b }]";
    for node in items(present(&fields, "connections"), "connections", example, reader) {
        connection(node, &ids, &mut needs, reader);
    }
    let named =
        |position: usize| steps.get(position).map(|one| (one.id.to_string(), one.location.clone())).unwrap_or_default();
    if ids.ids.len() != steps.len() || !in_order(&needs, "nodes", named, reader) {
        return Some(pipeline);
    }
    pipeline.steps = connected(steps, &needs, reader);
    let is_read = |position: usize| needs.iter().any(|needed| needed.contains(&position));
    for (_, step) in pipeline.steps.iter().enumerate().filter(|(position, _)| !is_read(*position)) {
        pipeline.outputs.insert(step.id.clone(), expression(&output_of(&step.id), &step.location, reader));
    }
    Some(pipeline)
}

/// The list of items: what stands beside the manifest, or the one item `null` where nothing is given.
fn input_spec(input: Option<&Node>, manifest: &Node, reader: &Reader<'_>) -> InputSpec {
    let default = match input.map(|node| (&node.data, node)) {
        None => Value::from(vec![Value::Null]),
        Some((Data::List(_), node)) => node.to_value(),
        Some((_, node)) => {
            reader.wrong_type(node, INPUT, "a list of items", "write `\"input_data\": [5, 7, 3]`");
            Value::from(Vec::new())
        }
    };
    let location = reader.location(input.map_or_else(|| super::start(manifest), |node| node.span));
    InputSpec {
        kind: InputType::Array,
        required: false,
        default: Some(default),
        description: Some("the items that the sources of the graph are given, one after the other".to_owned()),
        choices: Vec::new(),
        min: None,
        max: None,
        pattern: None,
        location,
    }
}

/// A node, not connected yet.
fn step(node: &Node, ids: &mut Ids, units: &mut IndexMap<Arc<str>, UnitSpec>, reader: &Reader<'_>) -> Option<Step> {
    let fields = reader.fields(node, "a node", &NODE)?;
    let (id, span) = required(&fields, "id", node, "a node", reader)?;
    let id = ids.add(id, span, "node", reader);
    reader.set_step(Some(id.clone()));
    let location = reader.location(span);
    let mut step = Step::new(id, PROCESSORS);
    step.output = OutputFormat::Json;
    let node_type = required(&fields, "node_type", node, "a node", reader);
    let params = present(&fields, "params");
    if let Some((node_type, span)) = node_type {
        let built_in = BUILTIN.into_iter().find(|(name, ..)| *name == node_type);
        hints(&fields, built_in.is_some(), reader);
        if let Some((_, call, told, keys)) = built_in {
            let mut with: IndexMap<Arc<str>, Template> = IndexMap::new();
            with.insert("call".into(), text(call));
            with.insert(ITEM.into(), expression("item", &location, reader));
            tell(told, params, keys, &mut with, &location, reader);
            step.with = With::Named(with);
            units.entry(PROCESSORS.into()).or_insert_with(|| builtin(&location));
        } else if let Some(unit) = own_unit(node_type, span, units, reader) {
            step.unit = unit;
            step.with = own_parameters(params, &location, reader);
        }
    }
    if let Some(fields) =
        present(&fields, "capabilities").and_then(|node| reader.fields(node, "capabilities", &CAPABILITIES))
    {
        step.limits.memory = capabilities(&fields, reader);
    }
    Some(step.at(&location))
}

/// What a node of a built-in type is told, of its parameters.
fn tell(
    told: Told,
    params: Option<&Node>,
    keys: &Keys,
    with: &mut IndexMap<Arc<str>, Template>,
    location: &Location,
    reader: &Reader<'_>,
) {
    let fields = params.and_then(|node| reader.fields(node, "params", keys)).unwrap_or_else(Fields::none);
    let number = |key: &str| {
        let node = present(&fields, key)?;
        if node.as_f64().is_none_or(|number| !number.is_finite()) {
            reader.wrong_type(node, key, "a number", &format!("write `{key}: 2`"));
        }
        Some(node)
    };
    match told {
        Told::Nothing => {}
        Told::Counter => {
            with.insert("counter".into(), expression("index + 1", location, reader));
        }
        Told::Calculation => {
            let operation =
                present(&fields, "operation").and_then(|node| reader.choice(node, "operation", &OPERATIONS));
            if let Some(operation) = operation {
                with.insert("operation".into(), text(operation));
            }
            if let Some(node) = number("operand") {
                if operation == Some("divide") && node.as_f64() == Some(0.0) {
                    let help = "write another `operand`";
                    reader.error(Code::InvalidValue, node.span, "nothing can be divided by zero", help);
                }
                with.insert("operand".into(), Template::Literal(node.to_value()));
            } else if operation == Some("divide")
                && let Some(node) = fields.get("operation")
            {
                let help = "write `operand: 2` beside it";
                reader.error(Code::MissingKey, node.span, "`divide` needs an `operand` other than zero", help);
            }
        }
        Told::Number(name) => {
            // The same number has more than one name in files that exist.
            let mut given = keys.now.iter().filter_map(|key| number(key).map(|node| (*key, node)));
            let Some((first, node)) = given.next() else { return };
            with.insert(name.into(), Template::Literal(node.to_value()));
            if let Some((other, node)) = given.next() {
                let message = format!("`{other}` and `{first}` are the same, and both are there");
                reader.error(Code::Duplicate, node.span, message, format!("leave `{other}` out"));
            }
        }
    }
}

/// The unit of a node type that is not built in: a file of that name.
fn own_unit(
    node_type: &str,
    span: Span,
    units: &mut IndexMap<Arc<str>, UnitSpec>,
    reader: &Reader<'_>,
) -> Option<Arc<str>> {
    let is_file_name = node_type.chars().all(|one| one.is_alphanumeric() || matches!(one, '_' | '-' | '.'))
        && !node_type.starts_with('.');
    // A slip in the name of a built-in one would else be a unit that nobody finds.
    let near = reader.nearest(node_type, BUILTIN.iter().map(|(name, ..)| *name));
    let lower = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    let is_slip = near.is_some_and(|near| lower(near) == lower(node_type));
    if !is_file_name || is_slip {
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "there are {}; any other is the name of a unit `{UNITS}/NAME.wasm`",
                listed(BUILTIN.iter().map(|(name, ..)| *name))
            ),
        };
        reader.error(Code::InvalidValue, span, format!("there is no node type `{node_type}`"), help);
        return None;
    }
    let source = UnitSource::Path(PathBuf::from(format!("{UNITS}/{node_type}.wasm")));
    let name: Arc<str> = if node_type == PROCESSORS { format!("{node_type}_2").into() } else { node_type.into() };
    let location = reader.location(span);
    units.entry(name.clone()).or_insert(UnitSpec { source, sha256: None, location });
    Some(name)
}

/// What a unit of the user's own is called with: its item alone, or beside the parameters.
fn own_parameters(params: Option<&Node>, location: &Location, reader: &Reader<'_>) -> With {
    let item = expression("item", location, reader);
    let members = params.map(|node| reader.members(node, "params", "params: { width: 800 }").unwrap_or_default());
    match members {
        None | Some([]) => With::Single(item),
        Some(members) => {
            let mut with: IndexMap<Arc<str>, Template> = IndexMap::new();
            with.insert(ITEM.into(), item);
            for member in members {
                if member.key == ITEM {
                    let message = format!("`{ITEM}` is the item that the node works on, and no parameter");
                    reader.error(Code::InvalidValue, member.key_span, message, "give the parameter another name");
                    continue;
                }
                with.insert(member.key.as_str().into(), literal(&member.value, reader));
            }
            With::Named(with)
        }
    }
}

/// A value as it is: nothing in a manifest v1 is an expression.
fn literal(node: &Node, reader: &Reader<'_>) -> Template {
    if node.as_bytes().is_some() { template(node, reader) } else { Template::Literal(node.to_value()) }
}

/// What a node says of where it is to run.
fn hints(fields: &Fields<'_>, is_built_in: bool, reader: &Reader<'_>) {
    const PYTHON: [&str; 5] = ["rustpython", "rust_python", "cpython", "cpython_wasm", "python"];
    const ANY: [&str; 5] = ["auto", "rust", "native", "wasm", "rust_wasm"];
    if let Some(node) = present(fields, "runtime_hint") {
        match node.as_text() {
            Some(hint) if PYTHON.contains(&hint) && !is_built_in => reader.error(
                Code::Unsupported,
                node.span,
                "this node is a Python class, and this version of Wasmill has no Python interpreter for its sandbox",
                "compile the node to WebAssembly, and leave `runtime_hint` out; a later version runs Python",
            ),
            // A built-in node is the same everywhere.
            Some(hint) if PYTHON.contains(&hint) || ANY.contains(&hint) => {}
            _ => {
                reader.choice(
                    node,
                    "runtime_hint",
                    &["auto", "wasm", "rust", "native", "cpython", "cpython_wasm", "rustpython"],
                );
            }
        }
    }
    if present(fields, "is_streaming").and_then(|node| boolean(node, "is_streaming", reader)) == Some(true)
        && let Some(node) = fields.get("is_streaming")
    {
        reader.error(
            Code::Unsupported,
            node.span,
            "a streaming node keeps what it was given before, and every call of a unit is a fresh instance",
            "write `false`, convert the file (`wasmill convert`), and take `foreach` out of the step: it is given the whole list",
        );
    }
    if let Some(node) = present(fields, "host") {
        let message = "`host` names another machine, and Wasmill runs every step itself";
        reader.error(Code::Unsupported, node.span, message, "leave it out");
    }
    let execution = present(fields, "execution").and_then(|node| reader.fields(node, "execution", &EXECUTION));
    if let Some(node) = execution.as_ref().and_then(|fields| present(fields, "placement"))
        && node.as_text() == Some("remote")
    {
        let message = "`placement: remote` asks for another machine, and Wasmill runs every step itself";
        reader.error(Code::Unsupported, node.span, message, "leave it out, or write `prefer_remote`");
    }
}

/// The memory that a node asks for, in bytes.
fn capabilities(fields: &Fields<'_>, reader: &Reader<'_>) -> Option<u64> {
    if let Some(fields) = present(fields, "cpu").and_then(|node| reader.fields(node, "cpu", &CPU)) {
        // Nothing to choose from: every step has one core.
        let _ = present(&fields, "cores").and_then(|node| super::whole(node, "cores", reader));
    }
    if let Some(gpu) = present(fields, "gpu")
        && let Some(fields) = reader.fields(gpu, "gpu", &GPU)
        && present(&fields, "required").is_none_or(|node| boolean(node, "required", reader) != Some(false))
    {
        let message = "this node needs a GPU, and a unit has none";
        reader.error(Code::Unsupported, gpu.span, message, "write `required: false` where it can do without");
    }
    let node = present(fields, "memory_gb")?;
    match node.as_f64() {
        Some(size) if size > 0.0 && size < 1e6 => Some((size * f64::from(1 << 30)).ceil() as u64),
        _ => {
            reader.wrong_type(node, "memory_gb", "a number above zero", "write `memory_gb: 0.5`");
            None
        }
    }
}

fn connection(node: &Node, ids: &Ids, needs: &mut [Vec<usize>], reader: &Reader<'_>) {
    let Some(fields) = reader.fields(node, "a connection", &CONNECTION) else { return };
    let end = |key: &str| {
        let (name, span) = required(&fields, key, node, "a connection", reader)?;
        ids.find(name, span, "node", reader)
    };
    let (from, to) = (end("from"), end("to"));
    if let (Some(from), Some(to)) = (from, to)
        && let Some(needed) = needs.get_mut(to)
    {
        if needed.contains(&from) {
            reader.error(Code::Duplicate, node.span, "this connection is there twice", "leave one of them out");
        } else {
            needed.push(from);
        }
    }
}

/// Each step with the list that it works on: the pipeline's, its predecessor's, or those of all of them in the order of the
/// connections.
fn connected(steps: Vec<Step>, needs: &[Vec<usize>], reader: &Reader<'_>) -> Vec<Step> {
    let ids: Vec<Arc<str>> = steps.iter().map(|step| step.id.clone()).collect();
    let connect = |(mut step, needed): (Step, &Vec<usize>)| {
        let lists: Vec<String> = needed.iter().filter_map(|one| ids.get(*one)).map(|id| output_of(id)).collect();
        let source = if lists.is_empty() { format!("inputs.{INPUT}") } else { lists.join(" + ") };
        step.foreach = Some(Foreach { items: expression(&source, &step.location, reader), max_parallel: None });
        step
    };
    steps.into_iter().zip(needs).map(connect).collect()
}

/// The shape of a graph, as results of manifests v1 tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GraphInfo {
    /// How many nodes there are.
    pub node_count: usize,
    /// How many of them wait for none.
    pub source_count: usize,
    /// For how many of them none waits.
    pub sink_count: usize,
    /// Their ids in an order in which each comes after those that it waits for: as early as can be, and then as in the file.
    pub execution_order: Vec<Arc<str>>,
}

impl GraphInfo {
    /// The shape of a pipeline's graph: what its steps read, and what they come after.
    pub fn of(pipeline: &Pipeline) -> GraphInfo {
        let positions: IndexMap<&Arc<str>, usize> =
            pipeline.steps.iter().enumerate().map(|(position, step)| (&step.id, position)).collect();
        let needs: Vec<Vec<usize>> = pipeline
            .steps
            .iter()
            .map(|step| {
                let read = step.expressions().into_iter().flat_map(|expression| &expression.references);
                let read = read.filter_map(|reference| match reference {
                    Reference::Step(id) => Some(id),
                    _ => None,
                });
                let mut needed: Vec<usize> =
                    step.after.iter().chain(read).filter_map(|id| positions.get(id).copied()).collect();
                needed.sort_unstable();
                needed.dedup();
                needed
            })
            .collect();
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); needs.len()];
        for (position, needed) in needs.iter().enumerate() {
            for one in needed {
                if let Some(list) = followers.get_mut(*one) {
                    list.push(position);
                }
            }
        }
        let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
        let mut ready: std::collections::BTreeSet<usize> =
            (0..needs.len()).filter(|at| waiting.get(*at) == Some(&0)).collect();
        let mut execution_order = Vec::new();
        while let Some(position) = ready.pop_first() {
            execution_order.extend(pipeline.steps.get(position).map(|step| step.id.clone()));
            for follower in followers.get(position).into_iter().flatten() {
                if let Some(left) = waiting.get_mut(*follower) {
                    *left -= 1;
                    if *left == 0 {
                        ready.insert(*follower);
                    }
                }
            }
        }
        GraphInfo {
            node_count: needs.len(),
            source_count: needs.iter().filter(|needed| needed.is_empty()).count(),
            sink_count: followers.iter().filter(|list| list.is_empty()).count(),
            execution_order,
        }
    }
}
