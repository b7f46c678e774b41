//! `tests:` and `budget:`

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Budget, Code, Expected, Location, TestCase, TestInput, Value, VerdictKind};

use crate::keys;
use crate::quantity::parse_count;
use crate::reader::Reader;
use crate::tree::{Data, Member, Node};
use crate::yaml_text;

/// The only member of an object that stands for a file's contents, and for the digest of a value.
const FILE: &str = "$file";
const DIGEST: &str = "$sha256";

/// `budget:` of a step, a pipeline or a case.
pub(crate) fn budget(node: &Node, reader: &Reader<'_>) -> Budget {
    let Some(fields) = reader.fields(node, "budget", &keys::BUDGET) else { return Budget::default() };
    let fuel =
        fields.get("fuel").and_then(|node| reader.quantity(node, "fuel", "a whole number", "1_000", parse_count));
    if fuel == Some(0)
        && let Some(node) = fields.get("fuel")
    {
        reader.error(Code::InvalidValue, node.span, "`fuel` is zero: nothing could run", "leave it out, or give some");
    }
    Budget { fuel }
}

/// The names that cases may use.
pub(crate) struct Names<'a> {
    pub(crate) inputs: Vec<&'a str>,
    pub(crate) steps: Vec<&'a str>,
    /// Those that are declared; where none are, the steps whose outputs a run gives.
    pub(crate) outputs: Vec<&'a str>,
}

pub(crate) fn read(node: &Node, names: &Names<'_>, reader: &Reader<'_>) -> IndexMap<Arc<str>, TestCase> {
    let example = "tests: { boiling: { inputs: { celsius: 100 }, outputs: { fahrenheit: 212 } } }";
    let members = reader.members(node, "tests", example).unwrap_or_default();
    members.iter().filter_map(|member| Some((member.key.as_str().into(), case(member, names, reader)?))).collect()
}

fn case(member: &Member, names: &Names<'_>, reader: &Reader<'_>) -> Option<TestCase> {
    let fields = reader.fields(&member.value, &member.key, &keys::TEST)?;
    let members = |key: &'static str, known: &[&str], what: &str| {
        let found = fields.get(key).and_then(|node| reader.members(node, key, "{ name: value }")).unwrap_or_default();
        for member in found.iter().filter(|member| !known.contains(&member.key.as_str())) {
            let help = match reader.nearest(&member.key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the pipeline has {}", crate::reader::listed(known.iter().copied())),
            };
            let message = format!("there is no {what} `{}`", member.key);
            let code = match key {
                "inputs" => Code::UnknownInput,
                "steps" => Code::UnknownStep,
                _ => Code::UnknownKey,
            };
            reader.error(code, member.key_span, message, help);
        }
        found
    };
    let inputs = members("inputs", &names.inputs, "input");
    let outputs = members("outputs", &names.outputs, "output");
    let steps = members("steps", &names.steps, "step");
    let verdict_of = |node: &Node, key: &str| verdict(node, key, reader);
    let verdict = fields.get("verdict").and_then(|node| verdict_of(node, "verdict")).unwrap_or(VerdictKind::Ok);
    if verdict == VerdictKind::Skipped
        && let Some(node) = fields.get("verdict")
    {
        reader.error(Code::InvalidValue, node.span, "no run ends with `skipped`", "write `steps: { id: skipped }`");
    }
    Some(TestCase {
        inputs: inputs.iter().map(|member| (member.key.as_str().into(), input(&member.value, reader))).collect(),
        verdict,
        outputs: outputs
            .iter()
            .filter_map(|one| Some((one.key.as_str().into(), expected(&one.value, reader)?)))
            .collect(),
        steps: steps
            .iter()
            .filter_map(|one| Some((one.key.as_str().into(), verdict_of(&one.value, &one.key)?)))
            .collect(),
        budget: fields.get("budget").map(|node| budget(node, reader)).unwrap_or_default(),
        location: reader.location(member.key_span),
    })
}

fn verdict(node: &Node, key: &str, reader: &Reader<'_>) -> Option<VerdictKind> {
    let names = VerdictKind::ALL.map(VerdictKind::as_str);
    let name = reader.choice(node, key, &names)?;
    VerdictKind::ALL.into_iter().find(|kind| kind.as_str() == name)
}

/// The text of the only member, where it has this name.
fn only<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    match &node.data {
        Data::Object(members) => match members.as_slice() {
            [Member { key, value, .. }] if key == name => Some(value),
            _ => None,
        },
        _ => None,
    }
}

fn input(node: &Node, reader: &Reader<'_>) -> TestInput {
    match only(node, FILE) {
        Some(path) => {
            let location: Location = reader.location(path.span);
            TestInput::File(reader.text(path, FILE).map(PathBuf::from).unwrap_or_default(), location)
        }
        None => TestInput::Value(node.to_value()),
    }
}

pub(crate) fn expected(node: &Node, reader: &Reader<'_>) -> Option<Expected> {
    let Some(digest) = only(node, DIGEST) else { return Some(Expected::Value(node.to_value())) };
    let text = reader.text(digest, DIGEST)?;
    match text.parse() {
        Ok(digest) => Some(Expected::Digest(digest)),
        Err(error) => {
            let help = "`wasmill test FILE --update` writes it";
            reader.error(Code::InvalidValue, digest.span, format!("`{text}` is no digest: {error}"), help);
            None
        }
    }
}

/// What an output is, as a case says it: JSON, which is YAML as well where all that YAML does not take as it stands is escaped.
pub(crate) fn written(expected: &Expected) -> String {
    let json = match expected {
        Expected::Value(value) => value.to_json(),
        Expected::Digest(digest) => {
            Value::from(wasmill_model::Object::from([(DIGEST.into(), Value::text(digest.to_string()))])).to_json()
        }
    };
    yaml_text::escaped(&json)
}
