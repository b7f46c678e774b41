//! `Component.toml`, which stands beside a unit and says what it may use.

use std::time::Duration;

use wasmill_model::{COMPONENT_MEMORY_FLOOR, Code, Diagnostics, LimitOverrides, Policy, format_bytes, format_duration};

use crate::quantity::{parse_count, parse_duration, parse_size};
use crate::reader::{Fields, Reader};
use crate::tree::{Data, Node, Span};
use crate::{keys, toml_tree};

/// What a `Component.toml` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// `[component] name`: which unit of the folder it is for, where there are several.
    pub name: Option<String>,
    /// `[component] version`.
    pub version: Option<String>,
    /// Memory, fuel and timeout: always there. The others are not its business.
    pub limits: LimitOverrides,
}

/// Reads a `Component.toml`. `file` is the name that positions get; `policy` has the last word on what may be asked for.
///
/// # Errors
/// Everything that is wrong with the file, in its order: what is missing of `[resources.memory] max_bytes` and `[resources.cpu]
/// max_fuel, timeout_seconds`, what is out of its range, and keys that nobody knows.
pub fn parse_component(file: &str, text: &str, policy: &Policy) -> Result<Component, Diagnostics> {
    let reader = Reader::new(file, text);
    let component = toml_tree::read(text, &reader).and_then(|tree| read(&tree, policy, &reader));
    let diagnostics = reader.finish();
    match component {
        Some(component) if diagnostics.is_empty() => Ok(component),
        _ => Err(Diagnostics(diagnostics)),
    }
}

fn read(tree: &Node, policy: &Policy, reader: &Reader<'_>) -> Option<Component> {
    let fields = reader.fields(tree, "the file", &keys::COMPONENT_FILE)?;
    let about = fields.get("component").and_then(|node| reader.fields(node, "component", &keys::COMPONENT));
    let text = |key: &str| {
        let node = about.as_ref()?.get(key)?;
        reader.text(node, key).map(str::to_owned)
    };
    let (name, version, _) = (text("name"), text("version"), text("description"));

    let top = Span { start: 0, end: 0 };
    let resources = fields.member("resources");
    let place = resources.map_or(top, |member| member.key_span);
    let resources = match resources {
        Some(member) => reader.fields(&member.value, "resources", &keys::RESOURCES)?,
        // Each of its tables is missed below.
        None => Fields::none(),
    };
    let memory = table("memory", "`[resources.memory]`", "max_bytes = \"2MiB\"", &resources, place, reader);
    let memory = memory.and_then(|(node, span)| {
        let fields = reader.fields(node, "memory", &keys::RESOURCES_MEMORY)?;
        let node = required(&fields, "`[resources.memory]`", "max_bytes", "\"2MiB\"", span, reader)?;
        max_bytes(node, policy, reader)
    });
    let cpu = table("cpu", "`[resources.cpu]`", "max_fuel = 1_000_000_000", &resources, place, reader);
    let cpu = cpu.and_then(|(node, span)| {
        let fields = reader.fields(node, "cpu", &keys::RESOURCES_CPU)?;
        let fuel = required(&fields, "`[resources.cpu]`", "max_fuel", "1_000_000_000", span, reader);
        let timeout = required(&fields, "`[resources.cpu]`", "timeout_seconds", "5", span, reader);
        let fuel = fuel.and_then(|node| max_fuel(node, policy, reader));
        let timeout = timeout.and_then(|node| timeout_seconds(node, policy, reader));
        fuel.zip(timeout)
    });
    let (fuel, timeout) = cpu?;
    let limits =
        LimitOverrides { memory: Some(memory?), fuel: Some(fuel), timeout: Some(timeout), ..LimitOverrides::default() };
    Some(Component { name, version, limits })
}

/// A table that must be there, and where its key stands.
fn table<'n>(
    key: &str,
    shown: &str,
    example: &str,
    resources: &Fields<'n>,
    place: Span,
    reader: &Reader<'_>,
) -> Option<(&'n Node, Span)> {
    if let Some(member) = resources.member(key) {
        return Some((&member.value, member.key_span));
    }
    let message = format!("{shown} is missing: a component says what it may use");
    reader.error(Code::MissingKey, place, message, format!("add {shown} with `{example}`"));
    None
}

/// A key that must be there.
fn required<'n>(
    fields: &Fields<'n>,
    table: &str,
    key: &str,
    example: &str,
    place: Span,
    reader: &Reader<'_>,
) -> Option<&'n Node> {
    if fields.get(key).is_none() {
        let message = format!("{table} has no `{key}`: a component says what it may use");
        reader.error(Code::MissingKey, place, message, format!("add `{key} = {example}`"));
    }
    fields.get(key)
}

fn max_bytes(node: &Node, policy: &Policy, reader: &Reader<'_>) -> Option<u64> {
    let bytes = reader.quantity(node, "max_bytes", "a size", "\"2MiB\"", parse_size)?;
    let ceiling = policy.component_memory.min(policy.ceilings.memory);
    if (COMPONENT_MEMORY_FLOOR..=ceiling).contains(&bytes) {
        return Some(bytes);
    }
    let range = format!("{COMPONENT_MEMORY_FLOOR} ({}) to {ceiling}", format_bytes(COMPONENT_MEMORY_FLOOR));
    let message = format!("`max_bytes` is {bytes}; a component may ask for {range} ({})", format_bytes(ceiling));
    let (code, help) = if bytes < COMPONENT_MEMORY_FLOOR {
        (Code::InvalidValue, format!("write {COMPONENT_MEMORY_FLOOR} or more"))
    } else {
        let raised = match ceiling == policy.component_memory {
            true => "`[policy.component] memory_ceiling`",
            false => "`[policy.limits.ceilings] memory`",
        };
        let help = format!("write {ceiling} or less, or have the host raise {raised}");
        (Code::LimitAbovePolicy, help)
    };
    reader.error(code, node.span, message, help);
    None
}

fn max_fuel(node: &Node, policy: &Policy, reader: &Reader<'_>) -> Option<u64> {
    let fuel = reader.quantity(node, "max_fuel", "a whole number", "1_000_000_000", parse_count)?;
    let ceiling = policy.ceilings.fuel;
    check(node, "max_fuel", fuel == 0, fuel > ceiling, &fuel.to_string(), &ceiling.to_string(), reader).then_some(fuel)
}

fn timeout_seconds(node: &Node, policy: &Policy, reader: &Reader<'_>) -> Option<Duration> {
    let takes = "seconds, or a duration";
    // A bare number is seconds here, as the key says.
    let seconds = |text: &str| match node.data {
        Data::Int(_) | Data::UInt(_) | Data::Float(_) => parse_duration(&format!("{text}s"))
            .map_err(|_| "write seconds from above zero: `5`, `0.5`, `\"500ms\"`".to_owned()),
        _ => parse_duration(text),
    };
    let timeout = reader.quantity(node, "timeout_seconds", takes, "5", seconds)?;
    let ceiling = policy.ceilings.timeout;
    let (asked, allowed) = (format_duration(timeout), format_duration(ceiling));
    check(node, "timeout_seconds", timeout.is_zero(), timeout > ceiling, &asked, &allowed, reader).then_some(timeout)
}

/// Whether it is in its range; reported where it is not.
fn check(
    node: &Node,
    key: &str,
    is_zero: bool,
    is_over: bool,
    asked: &str,
    allowed: &str,
    reader: &Reader<'_>,
) -> bool {
    if is_zero {
        let message = format!("`{key}` is zero: nothing could run");
        reader.error(Code::InvalidValue, node.span, message, format!("write more than zero, and {allowed} at most"));
    } else if is_over {
        let message = format!("`{key}` is {asked}; the host allows {allowed}");
        let help = format!("ask for {allowed} or less, or have the host's policy raised");
        reader.error(Code::LimitAbovePolicy, node.span, message, help);
    }
    !is_zero && !is_over
}
