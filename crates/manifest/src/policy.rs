//! The host's `wasmill.toml`: `[policy.limits.defaults]`, `[policy.limits.ceilings]`, `[policy.component]`, `[policy.build]` and
//! `[policy.engines]`.

use wasmill_model::{
    COMPONENT_MEMORY_FLOOR, Code, Diagnostics, LimitOverrides, LimitViolation, Limits, Policy, format_bytes,
};

use crate::Format;
use crate::quantity::parse_size;
use crate::reader::Reader;
use crate::tree::Node;
use crate::{keys, steps, toml_tree};

/// Reads a host's policy. `file` is the name that positions get.
///
/// `engines` are the names of those that the host has.
///
/// What the file leaves out is as in [`Policy::default`]; a default that it leaves out is lowered to the ceiling where that is
/// lower. No ceiling can be above the built-in one, so that nothing becomes unlimited.
///
/// # Errors
/// Everything that is wrong with the file, in its order: unknown keys, bad quantities, zeros, ceilings above the built-in ones,
/// defaults above their ceilings.
pub fn parse_policy(file: &str, text: &str, engines: &[&str]) -> Result<Policy, Diagnostics> {
    let reader = Reader::new(file, text, Format::Toml);
    let policy = toml_tree::read(text, &reader).map(|tree| read(&tree, engines, &reader));
    let diagnostics = reader.finish();
    match policy {
        Some(policy) if diagnostics.is_empty() => Ok(policy),
        _ => Err(Diagnostics(diagnostics)),
    }
}

fn read(tree: &Node, known: &[&str], reader: &Reader<'_>) -> Policy {
    let fields = reader.fields(tree, "the file", &keys::HOST);
    fields.and_then(|fields| fields.get("policy")).map(|node| policy(node, known, reader)).unwrap_or_default()
}

/// What stands under `policy`.
pub(crate) fn policy(node: &Node, known: &[&str], reader: &Reader<'_>) -> Policy {
    let mut policy = Policy::default();
    let Some(fields) = reader.fields(node, "policy", &keys::POLICY) else { return policy };
    if let Some(node) = fields.get("limits") {
        limits(node, &mut policy, reader);
    }
    if let Some(node) = fields.get("component") {
        component(node, &mut policy, reader);
    }
    if let Some(fields) = fields.get("build").and_then(|node| reader.fields(node, "build", &keys::POLICY_BUILD))
        && let Some(node) = fields.get("trust_manifests")
    {
        let trusts = reader.flag(node, "trust_manifests", "write `trust_manifests = false`");
        policy.trust_manifests = trusts.unwrap_or(policy.trust_manifests);
    }
    if let Some(fields) = fields.get("engines").and_then(|node| reader.fields(node, "engines", &keys::POLICY_ENGINES)) {
        if let Some(node) = fields.get("allow") {
            let names = reader.texts(node, "allow");
            for (name, span) in names.iter().filter(|(name, _)| !known.contains(name)) {
                let help = match reader.nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there is `{}`", known.join("`, `")),
                };
                reader.error(Code::UnknownEngine, *span, format!("there is no engine `{name}`"), help);
            }
            policy.engines = names.into_iter().map(|(name, _)| name.to_owned()).collect();
            if policy.engines.is_empty() {
                let help = "name those that steps may use: `allow = [\"wasmtime\"]`";
                reader.error(Code::InvalidValue, node.span, "`allow` names no engine: nothing could run", help);
            }
        }
        if let Some(node) = fields.get("allow_weaker") {
            let allows = reader.flag(node, "allow_weaker", "write `allow_weaker = false`");
            policy.allow_weaker = allows.unwrap_or(policy.allow_weaker);
        }
    }
    policy
}

fn limits(node: &Node, policy: &mut Policy, reader: &Reader<'_>) {
    let Some(fields) = reader.fields(node, "limits", &keys::POLICY_LIMITS) else { return };
    let built_in = Policy::default();
    if let Some(node) = fields.get("ceilings") {
        let given = finite(node, "ceilings", reader);
        // Where the file is silent, the highest that there can be.
        let highest = Policy { defaults: built_in.ceilings.clone(), ..built_in.clone() };
        policy.ceilings = hold(given, &highest, node, reader, |key, violation| {
            let (asked, most) = (&violation.asked, &violation.allowed);
            (format!("`{key}` is {asked}; no host can allow more than {most}"), format!("write {most} or less"))
        });
    }
    policy.defaults = built_in.defaults.lower(&policy.ceilings);
    if let Some(node) = fields.get("defaults") {
        let given = finite(node, "defaults", reader);
        policy.defaults = hold(given, policy, node, reader, |key, violation| {
            let (asked, ceiling) = (&violation.asked, &violation.allowed);
            (
                format!("the default of `{key}` is {asked}, above its ceiling of {ceiling}"),
                "lower the default, or raise the ceiling".to_owned(),
            )
        });
    }
}

/// The limits as they are given, where no one is over its ceiling. One that is has been reported, and counts as not given.
fn hold(
    given: LimitOverrides,
    policy: &Policy,
    node: &Node,
    reader: &Reader<'_>,
    explain: impl Fn(&str, &LimitViolation) -> (String, String),
) -> Limits {
    let violations = match policy.resolve(given) {
        Ok(limits) => return limits,
        Err(violations) => violations,
    };
    for violation in violations {
        let key = violation.limit.to_string();
        let span = node.get(&key).map_or(node.span, |node| node.span);
        let (message, help) = explain(&key, &violation);
        reader.error(Code::LimitAbovePolicy, span, message, help);
    }
    policy.defaults.clone()
}

/// Limits of a policy: as anywhere, and none of them zero, which would forbid every unit.
fn finite(node: &Node, key: &str, reader: &Reader<'_>) -> LimitOverrides {
    if reader.members(node, key, "memory = \"64MiB\"").is_none() {
        return LimitOverrides::default();
    }
    let limits = steps::limits(node, reader);
    let zeros = [
        ("memory", limits.memory),
        ("output", limits.output),
        ("log", limits.log),
        ("table_elements", limits.table_elements),
    ];
    for (key, _) in zeros.iter().filter(|(_, value)| *value == Some(0)) {
        if let Some(node) = node.get(key) {
            let message = format!("`{key}` is zero: nothing could run");
            reader.error(Code::InvalidValue, node.span, message, "leave it out for the built-in one");
        }
    }
    limits
}

fn component(node: &Node, policy: &mut Policy, reader: &Reader<'_>) {
    let Some(fields) = reader.fields(node, "component", &keys::POLICY_COMPONENT) else { return };
    let Some(node) = fields.get("memory_ceiling") else { return };
    let Some(bytes) = reader.quantity(node, "memory_ceiling", "a size", "\"16MiB\"", parse_size) else { return };
    let ceiling = policy.ceilings.memory;
    if bytes < COMPONENT_MEMORY_FLOOR {
        let message = format!("`memory_ceiling` is {}: no Component.toml could be right", format_bytes(bytes));
        let help = format!("a Component.toml asks for {} or more", format_bytes(COMPONENT_MEMORY_FLOOR));
        reader.error(Code::InvalidValue, node.span, message, help);
    } else if bytes > ceiling {
        let (bytes, ceiling) = (format_bytes(bytes), format_bytes(ceiling));
        let message = format!("`memory_ceiling` is {bytes}; the ceiling of memory is {ceiling}");
        let help = format!("write {ceiling} or less, or raise `[policy.limits.ceilings] memory`");
        reader.error(Code::LimitAbovePolicy, node.span, message, help);
    } else {
        policy.component_memory = bytes;
    }
}
