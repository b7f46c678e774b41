//! Task definitions: `task_definition`, or a bare `compute_logic`.
//!
//! One task is one step; `tasks` are a sequence, in which each sees what the one before it gave.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use wasmill_model::{
    Code, Dialect, InputSpec, Language, LimitOverrides, OutputFormat, Pipeline, SourceText, SourceUnit, Step, Template,
    UnitSource, UnitSpec, Value, With,
};

use super::task_source::{limits, resources, unit};
use super::task_values::{
    Declared, Given, Names, inputs, members, path_of, schema, suggestion, validation, value, values,
};
use super::{Ids, SECOND, expression, items, member, output_of, present, required, time};
use crate::keys::Keys;
use crate::reader::{Fields, Reader};
use crate::tree::{Data, Member, Node, Span};

const FILE: Keys = Keys {
    what: "a task definition",
    example: "task_definition: { … }",
    now: &["task_definition", "inputs", "version"],
    later: &[],
};

const ROBOTS: &str = "Wasmill runs no robots and no streams of a mesh; a run is given its inputs, and ends";
const LANGUAGES: &str = "write it in Python, JavaScript, TypeScript, AssemblyScript, Rust, Go, C or C++";
const CONTAINERS: &str = "Wasmill runs no containers: compile the program to WebAssembly, and write `type: wasm`";

const DEFINITION: Keys = Keys {
    what: "a task definition",
    example: "{ name: factorial, compute_logic: { … } }",
    now: &[
        "name",
        "version",
        "description",
        "author",
        "category",
        "complexity",
        "tags",
        "metadata",
        "inputs",
        "outputs",
        "validation",
        "compute_logic",
        "tasks",
        "resources",
        "timeout_seconds",
    ],
    later: &[
        ("docker", CONTAINERS),
        ("docker_image", CONTAINERS),
        ("ros2", ROBOTS),
        ("zenoh", ROBOTS),
        ("stream", ROBOTS),
        ("robot", ROBOTS),
        ("identity", "leave it out; grants of a native manifest give secrets (`wasmill convert`)"),
        ("storage", "leave it out; outputs are what a run leaves"),
        ("memory", "leave it out; every call of a unit is a fresh instance"),
    ],
};

/// A task of a sequence that has its `compute_logic` apart.
const TASK: Keys = Keys {
    what: "a task",
    example: "{ name: first, compute_logic: { type: wasm, wasm_module: unit } }",
    now: &[
        "name",
        "version",
        "description",
        "inputs",
        "outputs",
        "validation",
        "metadata",
        "compute_logic",
        "timeout_seconds",
        "depends_on",
    ],
    later: &[
        ("condition", "leave it out, convert the file (`wasmill convert`), and write a `when` in the step"),
        ("docker", CONTAINERS),
    ],
};

/// A task of a sequence that is its own `compute_logic`.
const FLAT_TASK: Keys = Keys {
    what: "a task",
    example: "{ name: first, type: wasm, wasm_module: unit }",
    now: &[
        "name",
        "version",
        "description",
        "metadata",
        "validation",
        "depends_on",
        "type",
        "language",
        "inputs",
        "outputs",
        "input_schema",
        "output_schema",
        "timeout_seconds",
        "wasm_binary",
        "wasm_source",
        "code_source",
        "wasm_module",
        "function_name",
        "entry_point",
        "wasm_config",
        "code",
        "expression",
    ],
    later: &[("condition", "leave it out, convert the file (`wasmill convert`), and write a `when` in the step")],
};

const COMPUTE: Keys = Keys {
    what: "`compute_logic`",
    example: "{ type: wasm, wasm_module: unit, function_name: main }",
    now: &[
        "type",
        "language",
        "inputs",
        "outputs",
        "input_schema",
        "output_schema",
        "timeout_seconds",
        "wasm_binary",
        "wasm_source",
        "code_source",
        "wasm_module",
        "function_name",
        "entry_point",
        "wasm_config",
        "code",
        "expression",
        "tasks",
    ],
    later: &[
        ("dependencies", "leave it out: a script has the standard library of its language, and no packages"),
        ("docker", CONTAINERS),
        ("docker_image", CONTAINERS),
        ("ros2", ROBOTS),
    ],
};

const OUTPUT: Keys = Keys {
    what: "an output",
    example: "{ name: result, type: integer }",
    now: &["name", "type", "description"],
    later: &[("key", ROBOTS)],
};

/// One task, and the step that it becomes.
struct Task<'n> {
    name: String,
    id: Arc<str>,
    declared: Vec<Declared<'n>>,
    /// `inputs: { name: value }`: what it is given, without types.
    mapped: Vec<(Arc<str>, &'n Node)>,
    /// The names of what it gives.
    outputs: Vec<Arc<str>>,
    step: Step,
    /// Whether it calls a function, which takes arguments.
    is_function: bool,
    /// Whether it is source: it is given its inputs by name, and gives JSON.
    is_script: bool,
}

pub(crate) fn read(file: &str, tree: &Node, reader: &Reader<'_>) -> Option<Pipeline> {
    let (definition, given) = match tree.get("task_definition") {
        Some(definition) => {
            let fields = reader.fields(tree, "the file", &FILE)?;
            (definition, present(&fields, "inputs"))
        }
        None => (tree, None),
    };
    if let Data::Null = definition.data {
        reader.error(Code::MissingKey, definition.span, "`task_definition` is empty", "give it a `compute_logic`");
        return None;
    }
    let fields = reader.fields(definition, "task_definition", &DEFINITION)?;
    let mut pipeline = super::pipeline(file, Dialect::TaskDefinition);
    if let Some(name) = present(&fields, "name").and_then(|node| reader.text(node, "name")) {
        pipeline.name = name.into();
    }
    let description = present(&fields, "description").and_then(|node| reader.text(node, "description"));
    pipeline.description = description.map(str::to_owned);
    pipeline.timeout =
        present(&fields, "timeout_seconds").and_then(|node| time(node, "timeout_seconds", SECOND, reader));
    let below = present(&fields, "resources").map(|node| resources(node, reader)).unwrap_or_default();
    let shared = inputs(present(&fields, "inputs"), reader);
    for one in &shared {
        pipeline.inputs.insert(one.name.clone(), one.spec.clone());
        if let Some(Given::Value(node)) = one.given {
            values(&as_object(one, node), &mut pipeline.inputs, reader);
        }
    }
    let mut tasks = tasks(definition, &fields, &mut pipeline, below, reader)?;
    if let [only] = tasks.as_mut_slice() {
        // What a definition says of its inputs and outputs, it says of its only task.
        if only.outputs.is_empty() {
            outputs(present(&fields, "outputs"), only, reader);
        }
        if only.declared.is_empty() && only.mapped.is_empty() {
            only.declared = shared;
        }
    }
    wire(&mut tasks, &mut pipeline, reader);
    if let Some(node) = present(&fields, "validation") {
        validation(node, &mut pipeline.inputs, reader);
    }
    if let Some(node) = given {
        values(node, &mut pipeline.inputs, reader);
    }
    if let Some(last) = tasks.last() {
        let output = output_of(&last.id);
        let place = &last.step.location;
        match last.outputs.as_slice() {
            [] => {
                pipeline.outputs.insert("result".into(), expression(&output, place, reader));
            }
            [one] => {
                pipeline.outputs.insert(one.clone(), expression(&output, place, reader));
            }
            several => {
                for name in several {
                    let source = format!("{output}{}", member(name));
                    pipeline.outputs.insert(name.clone(), expression(&source, place, reader));
                }
            }
        }
    }
    pipeline.steps = tasks.into_iter().map(|task| task.step).collect();
    Some(pipeline)
}

/// The tasks of a definition: its own, or those of its sequence.
fn tasks<'n>(
    definition: &'n Node,
    fields: &Fields<'n>,
    pipeline: &mut Pipeline,
    below: LimitOverrides,
    reader: &Reader<'_>,
) -> Option<Vec<Task<'n>>> {
    let compute = present(fields, "compute_logic");
    let nested = compute.and_then(|node| node.get("tasks")).filter(|node| !matches!(node.data, Data::Null));
    if let (Some(_), Some(node)) = (present(fields, "tasks"), compute) {
        let message = "the definition has both `tasks` and a `compute_logic`";
        reader.error(
            Code::InvalidValue,
            node.span,
            message,
            "leave one of them out: a definition is one task or several",
        );
        return None;
    }
    if let (Some(compute), Some(_)) = (compute, nested) {
        let fields = reader.fields(compute, "compute_logic", &COMPUTE)?;
        if let Some(node) = present(&fields, "type") {
            reader.choice(node, "type", &["sequential"]);
        }
    }
    let mut ids = Ids::default();
    if let Some(list) = present(fields, "tasks").or(nested) {
        let example = "tasks: [{ name: first, compute_logic: { type: wasm, wasm_module: unit } }]";
        let list_items = items(Some(list), "tasks", example, reader);
        if list_items.is_empty() {
            reader.error(
                Code::MissingKey,
                list.span,
                "the definition has no tasks",
                format!("give it one: `{example}`"),
            );
            return None;
        }
        let mut read = Vec::new();
        for node in list_items {
            let task = sequence_task(node, &mut ids, pipeline, below, reader);
            reader.set_step(None);
            read.extend(task);
        }
        // A sequence with a gap says nothing more that is true.
        return (read.len() == list_items.len()).then_some(read);
    }
    let Some(compute) = compute else {
        let help = "give it one: `compute_logic: { type: wasm, wasm_module: unit }`";
        reader.error(Code::MissingKey, super::start(definition), "the definition has no `compute_logic`", help);
        return None;
    };
    let (name, span) = match present(fields, "name") {
        Some(node) => (node.as_text().unwrap_or("task"), node.span),
        None => ("task", super::start(definition)),
    };
    let id = ids.add(name, span, "task", reader);
    let keys = keys_of(compute, &COMPUTE, reader)?;
    Some(vec![task(name, id, span, compute, keys, below, pipeline, reader)?])
}

/// The keys of a task's logic, unless it is of a kind that Wasmill does not run, whose own keys would only be noise.
fn keys_of(compute: &Node, keys: &'static Keys, reader: &Reader<'_>) -> Option<&'static Keys> {
    match refused(compute) {
        Some((span, message, help)) => {
            reader.error(Code::Unsupported, span, message, help);
            None
        }
        None => Some(keys),
    }
}

fn sequence_task<'n>(
    node: &'n Node,
    ids: &mut Ids,
    pipeline: &mut Pipeline,
    below: LimitOverrides,
    reader: &Reader<'_>,
) -> Option<Task<'n>> {
    let compute = node.get("compute_logic").filter(|node| !matches!(node.data, Data::Null));
    let (logic, keys) = match compute {
        Some(compute) => (compute, &COMPUTE),
        None => (node, &FLAT_TASK),
    };
    let name = node.get("name").and_then(Node::as_text);
    if let Some(name) = name {
        reader.set_step(Some(super::id_of(name).into()));
    }
    let keys = keys_of(logic, keys, reader)?;
    let fields = reader.fields(node, "a task", if compute.is_some() { &TASK } else { &FLAT_TASK })?;
    let (name, span) = required(&fields, "name", node, "a task", reader)?;
    for (needed, span) in
        present(&fields, "depends_on").map(|node| reader.texts(node, "depends_on")).unwrap_or_default()
    {
        // They run one after the other, so that this is so anyway.
        ids.find(needed, span, "earlier task", reader);
    }
    let id = ids.add(name, span, "task", reader);
    let mut task = task(name, id, span, logic, keys, below, pipeline, reader)?;
    let description = present(&fields, "description").and_then(|node| reader.text(node, "description"));
    task.step.description = description.map(str::to_owned);
    if compute.is_some() {
        if let Some(timeout) =
            present(&fields, "timeout_seconds").and_then(|node| time(node, "timeout_seconds", SECOND, reader))
        {
            task.step.limits.timeout = Some(task.step.limits.timeout.map_or(timeout, |own| own.min(timeout)));
        }
        own_inputs(present(&fields, "inputs"), &mut task, reader);
        if task.outputs.is_empty() {
            outputs(present(&fields, "outputs"), &mut task, reader);
        }
    }
    if let Some(node) = present(&fields, "validation") {
        let mut specs: IndexMap<Arc<str>, InputSpec> =
            task.declared.iter().map(|one| (one.name.clone(), one.spec.clone())).collect();
        validation(node, &mut specs, reader);
        for one in &mut task.declared {
            if let Some(spec) = specs.swap_remove(&one.name) {
                one.spec = spec;
            }
        }
    }
    Some(task)
}

/// A task by its logic; what it is called with comes later.
#[allow(clippy::too_many_arguments, reason = "they are the parts of one task")]
fn task<'n>(
    name: &str,
    id: Arc<str>,
    span: Span,
    logic: &'n Node,
    keys: &Keys,
    below: LimitOverrides,
    pipeline: &mut Pipeline,
    reader: &Reader<'_>,
) -> Option<Task<'n>> {
    let fields = reader.fields(logic, "compute_logic", keys)?;
    let place = reader.location(span);
    let script = script(logic);
    if let Some(node) = present(&fields, "type").filter(|_| script.is_none()) {
        reader.choice(node, "type", &["wasm", "sequential", "script", "expression"])?;
    }
    let unit = match script {
        Some(script) => script.unit(&fields, span, reader)?,
        None => unit(&fields, span, reader)?,
    };
    let unit_source = unit.source.clone();
    pipeline.units.insert(id.clone(), unit);
    let mut step = Step::new(id.clone(), id.clone()).at(&place);
    let function = match (present(&fields, "function_name"), present(&fields, "entry_point")) {
        (Some(_), Some(node)) => {
            let message = "`entry_point` and `function_name` are the same, and both are there";
            reader.error(Code::Duplicate, node.span, message, "leave `entry_point` out");
            None
        }
        (Some(node), None) => Some((reader.text(node, "function_name")?, node.span)),
        (None, Some(node)) => Some((reader.text(node, "entry_point")?, node.span)),
        (None, None) => None,
    };
    // The C ABI and programs have one way in, which a step does not name.
    let function = function.filter(|(name, _)| !matches!(*name, "process" | "_start"));
    if let Some((function, span)) = function {
        step.function = Some(function.to_owned());
        step.function_location = reader.location(span);
    }
    step.limits = limits(&fields, reader).over(below);
    let is_function = function.is_some();
    let is_script = matches!(&unit_source, UnitSource::Source(_));
    let mut task = Task {
        name: name.to_owned(),
        id,
        declared: Vec::new(),
        mapped: Vec::new(),
        outputs: Vec::new(),
        step,
        is_function,
        is_script,
    };
    own_inputs(present(&fields, "inputs"), &mut task, reader);
    if let Some(node) = present(&fields, "input_schema") {
        let properties = schema(node, reader);
        if task.declared.is_empty() {
            task.declared = properties;
        }
    }
    outputs(present(&fields, "outputs"), &mut task, reader);
    if task.outputs.is_empty() && !task.is_function && present(&fields, "output_schema").is_some() {
        task.step.output = OutputFormat::Json;
    }
    Some(task)
}

/// `inputs` of a task: declared, or given by name.
fn own_inputs<'n>(node: Option<&'n Node>, task: &mut Task<'n>, reader: &Reader<'_>) {
    match node.map(|node| &node.data) {
        Some(Data::Object(given)) => {
            task.mapped.extend(given.iter().map(|member| (Arc::from(member.key.as_str()), &member.value)));
        }
        _ => {
            let declared = inputs(node, reader);
            if !declared.is_empty() {
                task.declared = declared;
            }
        }
    }
}

/// `outputs` of a task, and how what it gives is read.
fn outputs(node: Option<&Node>, task: &mut Task<'_>, reader: &Reader<'_>) {
    let mut kinds = Vec::new();
    for item in items(node, "outputs", "outputs: [{ name: result, type: integer }]", reader) {
        if let Data::String(name) = &item.data {
            task.outputs.push(name.as_str().into());
            kinds.push(None);
            continue;
        }
        let Some(fields) = reader.fields(item, "an output", &OUTPUT) else { continue };
        let Some((name, span)) = required(&fields, "name", item, "an output", reader) else { continue };
        if task.outputs.iter().any(|other| other.as_ref() == name) {
            reader.error(Code::Duplicate, span, format!("the output `{name}` is there twice"), "leave one of them out");
            continue;
        }
        let kind = present(&fields, "type");
        if let Some(node) = kind
            && let Some(mesh @ ("zenoh" | "stream" | "topic" | "ros2")) = node.as_text()
        {
            let message = format!("an output of the type `{mesh}` goes over a mesh, and a run prints its outputs");
            reader.error(Code::Unsupported, node.span, message, "write `type: json`, or another");
        }
        task.outputs.push(name.into());
        kinds.push(kind.and_then(|node| reader.text(node, "type")));
    }
    // A function's result has a type of its own.
    task.step.output = match kinds.as_slice() {
        _ if task.is_function || task.is_script => OutputFormat::Text,
        [] => task.step.output,
        [None | Some("string" | "text" | "str")] => OutputFormat::Text,
        [Some("bytes" | "binary" | "blob")] => OutputFormat::Bytes,
        _ => OutputFormat::Json,
    };
}

/// What a task of a sequence can name.
struct Scope<'t, 'n> {
    inputs: &'t IndexMap<Arc<str>, InputSpec>,
    /// Those before it.
    earlier: &'t [Task<'n>],
}

impl Scope<'_, '_> {
    /// What a task gave, or a member of it.
    fn output(task: &Task<'_>, rest: &[&str]) -> String {
        let is_output = |word: &str| task.outputs.iter().any(|name| name.as_ref() == word);
        let rest = match rest {
            [word @ ("result" | "output" | "outputs"), rest @ ..] if !is_output(word) => rest,
            rest => rest,
        };
        // A task with one output gives it as it is.
        let rest = match (task.outputs.as_slice(), rest) {
            ([only], [first, rest @ ..]) if only.as_ref() == *first => rest,
            _ => rest,
        };
        format!("{}{}", output_of(&task.id), members(rest))
    }
}

impl Names for Scope<'_, '_> {
    fn resolve(&self, path: &[&str], reader: &Reader<'_>) -> Result<String, (Code, String, String)> {
        match path {
            ["inputs", name, rest @ ..] => match self.inputs.get_key_value(*name) {
                Some(_) => Ok(format!("inputs{}{}", member(name), members(rest))),
                None => Err((
                    Code::UnknownInput,
                    format!("there is no input `{name}`"),
                    suggestion(name, self.inputs.keys().map(AsRef::as_ref), reader),
                )),
            },
            ["result" | "previous", rest @ ..] => match self.earlier.last() {
                Some(task) => Ok(Scope::output(task, rest)),
                None => Err((
                    Code::UnknownStep,
                    "the first task has no `result` of another one before it".to_owned(),
                    "read an input: `{{inputs.NAME}}`".to_owned(),
                )),
            },
            ["tasks" | "steps", name, rest @ ..] | [name, rest @ ..] => {
                match self.earlier.iter().find(|task| task.name == *name) {
                    Some(task) => Ok(Scope::output(task, rest)),
                    None => Err((
                        Code::UnknownStep,
                        format!("there is no task `{name}` before this one"),
                        suggestion(
                            name,
                            self.earlier.iter().map(|task| task.name.as_str()).chain(["inputs", "result"]),
                            reader,
                        ),
                    )),
                }
            }
            [] => Err((Code::Expression, "there is no name in it".to_owned(), "write `inputs.NAME`".to_owned())),
        }
    }
}

/// Says what each task is called with, and which inputs the pipeline has.
fn wire(tasks: &mut [Task<'_>], pipeline: &mut Pipeline, reader: &Reader<'_>) {
    for position in 0..tasks.len() {
        let (earlier, rest) = tasks.split_at_mut(position);
        let Some(task) = rest.first_mut() else { continue };
        reader.set_step(Some(task.id.clone()));
        let arguments = arguments(task, earlier, pipeline, reader);
        let previous = earlier.last().map(|task| task.id.clone());
        task.step.with = called_with(task, arguments, previous.as_ref(), reader);
        let read: IndexSet<Arc<str>> = task
            .step
            .expressions()
            .into_iter()
            .flat_map(|expression| expression.references.clone())
            .filter_map(|reference| match reference {
                wasmill_model::Reference::Step(id) => Some(id),
                _ => None,
            })
            .collect();
        task.step.after = previous.into_iter().filter(|id| !read.contains(id)).collect();
        reader.set_step(None);
    }
}

/// What a task is given, by name, in the order in which it is declared.
fn arguments(
    task: &Task<'_>,
    earlier: &[Task<'_>],
    pipeline: &mut Pipeline,
    reader: &Reader<'_>,
) -> Vec<(Arc<str>, Template)> {
    let mut arguments: Vec<(Arc<str>, Option<Template>)> = Vec::new();
    let previous = earlier.last();
    for one in &task.declared {
        let place = &one.spec.location;
        let scope = Scope { inputs: &pipeline.inputs, earlier };
        let found = match one.given {
            Some(Given::Value(node)) if earlier.is_empty() && !has_template(node) => {
                // The value of an input that a run may still give.
                pipeline.inputs.insert(one.name.clone(), one.spec.clone());
                values(&as_object(one, node), &mut pipeline.inputs, reader);
                Some(expression(&format!("inputs{}", member(&one.name)), place, reader))
            }
            Some(Given::Value(node)) => Some(value(node, &scope, reader)),
            Some(Given::Source(path, span)) => Some(path_of(path, span, &scope, reader)),
            None => match previous {
                Some(task) if one.name.as_ref() == "result" || task.outputs.contains(&one.name) => {
                    let rest: &[&str] = if one.name.as_ref() == "result" && !task.outputs.contains(&one.name) {
                        &[]
                    } else {
                        &[&one.name]
                    };
                    Some(expression(&Scope::output(task, rest), place, reader))
                }
                _ if previous.is_none() || pipeline.inputs.contains_key(&one.name) => {
                    pipeline.inputs.entry(one.name.clone()).or_insert_with(|| one.spec.clone());
                    Some(expression(&format!("inputs{}", member(&one.name)), place, reader))
                }
                // Decided when all of them are known.
                _ => None,
            },
        };
        arguments.push((one.name.clone(), found));
    }
    for (name, node) in &task.mapped {
        let scope = Scope { inputs: &pipeline.inputs, earlier };
        arguments.push((name.clone(), Some(value(node, &scope, reader))));
    }
    // The one input of a later task that nothing else gives is what the task before it gave.
    let is_the_only = arguments.len() == 1;
    arguments
        .into_iter()
        .map(|(name, found)| {
            let template = found.unwrap_or_else(|| match previous {
                Some(task) if is_the_only => expression(&output_of(&task.id), &task.step.location, reader),
                _ => {
                    let declared = self::declared(task, &name);
                    if let Some(one) = declared {
                        pipeline.inputs.entry(name.clone()).or_insert_with(|| one.spec.clone());
                    }
                    expression(&format!("inputs{}", member(&name)), &task.step.location, reader)
                }
            });
            (name, template)
        })
        .collect()
}

fn declared<'t, 'n>(task: &'t Task<'n>, name: &Arc<str>) -> Option<&'t Declared<'n>> {
    task.declared.iter().find(|one| one.name == *name)
}

/// A function is called with its arguments in their order, which every unit knows; a unit with one way in is given the only value,
/// or an object of all.
fn called_with(
    task: &Task<'_>,
    arguments: Vec<(Arc<str>, Template)>,
    previous: Option<&Arc<str>>,
    reader: &Reader<'_>,
) -> With {
    if task.is_script && !arguments.is_empty() {
        return With::Named(arguments.into_iter().collect());
    }
    if task.is_function && (previous.is_none() || !arguments.is_empty()) {
        return With::Positional(arguments.into_iter().map(|(_, template)| template).collect());
    }
    match (arguments.as_slice(), previous) {
        // What the task before it gave is its `inputs.result`.
        ([], Some(previous)) if task.is_script && !task.is_function => {
            let result = expression(&output_of(previous), &task.step.location, reader);
            With::Named(IndexMap::from([("result".into(), result)]))
        }
        ([], Some(previous)) => With::Single(expression(&output_of(previous), &task.step.location, reader)),
        ([], None) if task.is_script => With::Named(IndexMap::new()),
        ([], None) => With::Single(Template::Literal(Value::from(""))),
        // A list or an object that stands in the file would be taken for several.
        ([(_, Template::Expression(_) | Template::Text(_))], _) => single(arguments),
        ([(_, Template::Literal(value))], _) if !matches!(value, Value::List(_) | Value::Object(_)) => {
            single(arguments)
        }
        _ => With::Named(arguments.into_iter().collect()),
    }
}

fn single(mut arguments: Vec<(Arc<str>, Template)>) -> With {
    arguments.pop().map_or(With::Inherited, |(_, template)| With::Single(template))
}

fn has_template(node: &Node) -> bool {
    match &node.data {
        Data::String(text) => text.contains("{{"),
        Data::List(items) => items.iter().any(has_template),
        Data::Object(members) => members.iter().any(|member| has_template(&member.value)),
        _ => false,
    }
}

/// An input and its value as an object of one member.
fn as_object(input: &Declared<'_>, value: &Node) -> Node {
    let member = Member { key: input.name.to_string(), key_span: input.span, value: value.clone() };
    Node { span: value.span, data: Data::Object(vec![member]) }
}

/// A task that is source.
struct Script<'n> {
    language: Language,
    text: &'n str,
    node: &'n Node,
    is_expression: bool,
}

impl Script<'_> {
    fn unit(&self, fields: &Fields<'_>, span: Span, reader: &Reader<'_>) -> Option<UnitSpec> {
        if let Some((other, node)) = ["wasm_binary", "wasm_source", "wasm_module"]
            .into_iter()
            .find_map(|key| present(fields, key).map(|node| (key, node)))
        {
            let message = format!("the task has both its source and a `{other}`");
            reader.error(Code::InvalidValue, node.span, message, "leave one of them out: a unit comes from one place");
            return None;
        }
        if self.text.trim().is_empty() {
            reader.error(Code::InvalidValue, self.node.span, "the source is empty", "write what the task computes");
            return None;
        }
        if let Some(rest) = self.text.split_once("{{").map(|(_, rest)| rest.trim_start())
            && rest.starts_with("inputs.")
        {
            let help = "read the object `inputs`: what a run is given is data, and never becomes part of the source";
            reader.error(Code::Unsupported, self.node.span, "there is a template in the source", help);
            return None;
        }
        let text = match self.is_expression {
            true => format!("result = ({}\n)\n", self.text.trim_end()),
            false => self.text.to_owned(),
        };
        let function = ["function_name", "entry_point"].into_iter().find_map(|key| present(fields, key)?.as_text());
        let text = SourceText::Code(text.into());
        let source = SourceUnit { language: self.language, text, function: function.map(Arc::from), trusted: false };
        Some(UnitSpec { source: UnitSource::Source(source), sha256: None, location: reader.location(span) })
    }
}

/// The language that a task's `type` or `language` names, where it is one that Wasmill builds.
fn script(compute: &Node) -> Option<Script<'_>> {
    let text = |key: &str| compute.get(key).filter(|node| !matches!(node.data, Data::Null));
    let (node, is_expression) = match (text("code"), text("expression")) {
        (Some(node), _) => (node, false),
        (None, Some(node)) => (node, true),
        (None, None) => return None,
    };
    let kind = text("type").and_then(Node::as_text).unwrap_or("script");
    let word = match kind {
        "script" | "expression" => text("language").and_then(Node::as_text).unwrap_or("python"),
        kind => kind,
    };
    let language = match word.to_lowercase().as_str() {
        "node" => Language::JavaScript,
        word => Language::named(word)?,
    };
    let text = node.as_text()?;
    // What such tasks call an expression is most often a script that sets its result.
    const STATEMENTS: [&str; 7] = ["print(", "console.", "return ", "def ", "function", "=>", "import "];
    let is_set = |line: &str| {
        let line = line.trim_start();
        let line = ["let ", "const ", "var "].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
        let rest = ["result", "outputs"].iter().find_map(|name| line.strip_prefix(name));
        rest.map(str::trim_start).is_some_and(|rest| rest.starts_with(['=', '[', '.']) && !rest.starts_with("=="))
    };
    let has_statements = STATEMENTS.iter().any(|word| text.contains(word)) || text.lines().any(is_set);
    let is_bare = kind == "expression" && language.is_script() && !has_statements;
    Some(Script { language, text, node, is_expression: is_expression || is_bare })
}

/// Why a task is of a kind that Wasmill does not run: where it says so, and what to do.
fn refused(compute: &Node) -> Option<(Span, String, &'static str)> {
    let source = ["code_source", "source"].into_iter().find_map(|key| compute.get(key)?.get("type"));
    if let Some(node) = source.filter(|node| node.as_text() == Some("docker")) {
        return Some((node.span, "this task runs in a Docker container".to_owned(), CONTAINERS));
    }
    if script(compute).is_some() {
        return None;
    }
    let node = compute.get("type").filter(|node| !matches!(node.data, Data::Null));
    let kind = match node {
        Some(node) => node.as_text()?,
        None => compute.get("code").map(|_| "script")?,
    };
    let place = node.or_else(|| compute.get("code")).unwrap_or(compute);
    let language = compute.get("language").and_then(Node::as_text);
    match kind {
        "docker" | "container" => Some((place.span, "this task runs in a Docker container".to_owned(), CONTAINERS)),
        "ros2" | "ros" | "robot" | "zenoh" | "stream" | "stream-reactive" | "stream_reactive" | "mcp" => {
            Some((place.span, format!("a task of the type `{kind}` belongs to a mesh of robots and services"), ROBOTS))
        }
        "bash" | "sh" | "shell" | "powershell" | "ruby" | "perl" | "php" | "java" | "julia" | "r" => {
            Some((place.span, format!("Wasmill builds no units in `{kind}`"), LANGUAGES))
        }
        "script" | "expression" if compute.get("code").or_else(|| compute.get("expression")).is_some() => {
            let word = language.unwrap_or_default();
            Some((place.span, format!("Wasmill builds no units in `{word}`"), LANGUAGES))
        }
        _ => None,
    }
}
