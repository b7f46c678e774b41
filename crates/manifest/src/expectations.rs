//! Expectations written into the text of a manifest, which stays as it is around them.

use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Expected, Value, VerdictKind};

use crate::cases::{self, written};
use crate::reader::Reader;
use crate::steps::is_name;
use crate::tree::{Data, Member, Node};
use crate::{Format, yaml_tree};

/// What a case is to expect from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct NewExpectation {
    /// How the run ends.
    pub verdict: VerdictKind,
    /// What it gives.
    pub outputs: IndexMap<Arc<str>, Expected>,
}

/// The text of a native manifest with these expectations in its cases, by their names. Comments and all else stay.
///
/// # Errors
/// Why they cannot be written into it: then whoever wrote the text has to.
pub fn with_expectations(
    name: &str,
    text: &str,
    format: Format,
    cases: &IndexMap<Arc<str>, NewExpectation>,
) -> Result<String, String> {
    if format == Format::Toml {
        return Err("expectations are written into YAML and JSON alone".to_owned());
    }
    let cases: &IndexMap<Arc<str>, NewExpectation> =
        &cases.iter().map(|(name, expectation)| (name.clone(), expectation.sayable())).collect();
    let reader = Reader::new(name, text, format);
    let tree = yaml_tree::read(text, &reader).ok_or("it cannot be read")?;
    let tests = tree.get("tests").ok_or("it has no `tests`")?;
    let mut changes: Vec<Change> = Vec::new();
    for (case, expectation) in cases {
        let node = tests.get(case).ok_or_else(|| format!("there is no case `{case}`"))?;
        let Data::Object(members) = &node.data else {
            return Err(format!("the case `{case}` is empty: write `{case}: {{}}`"));
        };
        let place = Place::of(node, members, text, format)
            .ok_or_else(|| format!("the case `{case}` is not laid out plainly"))?;
        let has = |key: &str| members.iter().find(|member| member.key == key);
        if expectation.verdict != VerdictKind::Ok || has("verdict").is_some() {
            let value = format!(" {}", place.quoted(expectation.verdict.as_str()));
            changes.push(place.put(has("verdict"), "verdict", &value, text));
        }
        match has("outputs").and_then(|member| one_by_one(member, &expectation.outputs, text)) {
            Some(each) => changes.extend(each),
            None if expectation.verdict == VerdictKind::Ok || has("outputs").is_some() => {
                let value = place.outputs(&expectation.outputs);
                changes.push(place.put(has("outputs"), "outputs", &value, text));
            }
            None => {}
        }
    }
    // From the end, so that what stands before stays where it is; of two at one place the first comes first.
    changes.sort_by_key(|change| change.start);
    let mut changed = text.to_owned();
    let line_ends = if text.contains("\r\n") { "\r\n" } else { "\n" };
    for change in changes.iter_mut().rev() {
        change.text = change.text.replace('\n', line_ends);
        changed.replace_range(change.start..change.end, &change.text);
    }
    let names = || cases.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let strange = || format!("the layout is not understood, of one of these at least: {}", names());
    is_right(name, &changed, format, cases).then_some(changed).ok_or_else(strange)
}

/// The outputs whose values differ, each in its place; none where others are named than before.
fn one_by_one(member: &Member, outputs: &IndexMap<Arc<str>, Expected>, text: &str) -> Option<Vec<Change>> {
    let Data::Object(members) = &member.value.data else { return None };
    if members.is_empty() || members.len() != outputs.len() {
        return None;
    }
    let mut changes = Vec::new();
    for Member { key, key_span, value } in members {
        let expected = outputs.get(key.as_str())?;
        let is_same = match expected {
            // What holds stays as it is written: `.nan` is NaN, as "NaN" is.
            Expected::Value(expected) => Expected::Value(value.to_value()).is(expected),
            Expected::Digest(_) => value.to_value().to_json() == written(expected),
        };
        if !is_same {
            let end = end_of(value, text).max(key_span.end);
            changes.push(Change { start: key_span.end, end, text: format!(": {}", written(expected)) });
        }
    }
    Some(changes)
}

/// Whether the new text says what it is meant to say.
fn is_right(name: &str, text: &str, format: Format, cases: &IndexMap<Arc<str>, NewExpectation>) -> bool {
    let Ok(pipeline) = crate::parse(name, text, format) else { return false };
    cases.iter().all(|(case, expectation)| {
        pipeline.tests.get(case).is_some_and(|found| {
            let outputs = expectation.verdict != VerdictKind::Ok || are_same(&found.outputs, &expectation.outputs);
            found.verdict == expectation.verdict && outputs
        })
    })
}

/// Whether the same outputs are asked for. What JSON has no number for is read as its name.
fn are_same(found: &IndexMap<Arc<str>, Expected>, meant: &IndexMap<Arc<str>, Expected>) -> bool {
    found.len() == meant.len()
        && meant.iter().all(|(name, meant)| match (found.get(name), meant) {
            (Some(found @ Expected::Value(_)), Expected::Value(value)) => found.is(value),
            (found, meant) => found == Some(meant),
        })
}

impl NewExpectation {
    /// The same, where a value that a manifest cannot say (it would be read as another one, or not at all) is its digest.
    fn sayable(&self) -> Self {
        let outputs = self.outputs.iter().map(|(name, expected)| {
            let expected = match expected {
                Expected::Value(value) if !is_sayable(value) => Expected::Digest(value.digest()),
                other => other.clone(),
            };
            (name.clone(), expected)
        });
        NewExpectation { verdict: self.verdict, outputs: outputs.collect() }
    }
}

fn is_sayable(value: &Value) -> bool {
    let text = written(&Expected::Value(value.clone()));
    let reader = Reader::new("", &text, Format::Yaml);
    let node = yaml_tree::read(&text, &reader);
    let read = node.and_then(|node| cases::expected(&node, &reader));
    matches!(read, Some(read @ Expected::Value(_)) if read.is(value))
}

struct Change {
    start: usize,
    end: usize,
    text: String,
}

/// Where the members of a case stand.
enum Place {
    /// In braces: JSON, or YAML in one line.
    Braces {
        /// Behind the brace.
        start: usize,
        is_empty: bool,
        is_json: bool,
    },
    /// One below the other.
    Lines { start: usize, indent: String },
}

impl Place {
    fn of(node: &Node, members: &[Member], text: &str, format: Format) -> Option<Self> {
        let is_json = format == Format::Json || text.trim_start().starts_with('{');
        if text.get(node.span.start..)?.starts_with('{') {
            return Some(Place::Braces { start: node.span.start + 1, is_empty: members.is_empty(), is_json });
        }
        let start = members.first()?.key_span.start;
        let line = text.get(..start)?.rfind('\n').map_or(0, |end| end + 1);
        let indent = text.get(line..start)?;
        indent.bytes().all(|byte| byte == b' ').then(|| Place::Lines { start, indent: indent.to_owned() })
    }

    fn quoted(&self, text: &str) -> String {
        match self {
            Place::Braces { is_json: true, .. } => format!("\"{text}\""),
            _ => text.to_owned(),
        }
    }

    /// What stands behind `outputs:`.
    fn outputs(&self, outputs: &IndexMap<Arc<str>, Expected>) -> String {
        let is_plain = !matches!(self, Place::Braces { is_json: true, .. });
        let name = |name: &str| {
            if is_plain && is_name(name) { name.to_owned() } else { written(&Expected::Value(Value::text(name))) }
        };
        match self {
            Place::Lines { indent, .. } if !outputs.is_empty() => outputs
                .iter()
                .map(|(output, expected)| format!("\n{indent}  {}: {}", name(output), written(expected)))
                .collect(),
            _ => {
                let members: Vec<String> = outputs
                    .iter()
                    .map(|(output, expected)| format!("{}: {}", name(output), written(expected)))
                    .collect();
                format!(" {{ {} }}", members.join(", ")).replace("{  }", "{}")
            }
        }
    }

    /// Puts a value in the place of the member's, or a new member in front of the others.
    fn put(&self, member: Option<&Member>, key: &str, value: &str, text: &str) -> Change {
        if let Some(member) = member {
            let end = end_of(&member.value, text).max(member.key_span.end);
            return Change { start: member.key_span.end, end, text: format!(":{value}") };
        }
        let key = self.quoted(key);
        match self {
            Place::Braces { start, is_empty: true, .. } => {
                Change { start: *start, end: *start, text: format!(" {key}:{value} ") }
            }
            Place::Braces { start, .. } => Change { start: *start, end: *start, text: format!(" {key}:{value},") },
            Place::Lines { start, indent } => {
                Change { start: *start, end: *start, text: format!("{key}:{value}\n{indent}") }
            }
        }
    }
}

/// Where a value really ends: lists and objects without brackets reach to what comes behind them.
fn end_of(node: &Node, text: &str) -> usize {
    let is_bracketed = text.get(node.span.start..).is_some_and(|rest| rest.starts_with(['{', '[']));
    let last = match &node.data {
        Data::Object(members) if !is_bracketed => members.last().map(|member| end_of(&member.value, text)),
        Data::List(items) if !is_bracketed => items.last().map(|item| end_of(item, text)),
        _ => None,
    };
    let end = last.unwrap_or(node.span.end);
    // Not all that Unicode calls white is so to YAML.
    text.get(..end).map_or(end, |before| before.trim_end_matches([' ', '\t', '\r', '\n']).len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml_text;

    fn updated(text: &str, format: Format) -> Result<String, String> {
        let outputs = [
            ("sum".into(), Expected::Value(Value::Int(3))),
            ("text".into(), Expected::Value(Value::from("a: \"b\"\n"))),
        ];
        let expectation = NewExpectation { verdict: VerdictKind::Ok, outputs: outputs.into() };
        with_expectations("p.yaml", text, format, &[("one".into(), expectation)].into())
    }

    const HEAD: &str =
        "wasmill: 1\nunits: { u: { wat: (module) } }\nsteps: { s: { unit: u } }\noutputs: { sum: 1, text: a }\n";

    #[test]
    fn what_is_around_stays() {
        for (before, after) in [
            (
                "tests:\n  # First.\n  one:\n    outputs: { sum: 1 } # so far\n  two: {} # second\n",
                "tests:\n  # First.\n  one:\n    outputs:\n      sum: 3\n      text: \"a: \\\"b\\\"\\n\" # so far\n  two: {} # second\n",
            ),
            (
                "tests:\n  one:\n    outputs:\n      sum: 1\n      text: |\n        a\n        b\n\n    # Last.\n    inputs: {}\n",
                "tests:\n  one:\n    outputs:\n      sum: 3\n      text: \"a: \\\"b\\\"\\n\"\n\n    # Last.\n    inputs: {}\n",
            ),
            (
                "tests:\n  one:\n    inputs: {}\n  two: {}\n",
                "tests:\n  one:\n    outputs:\n      sum: 3\n      text: \"a: \\\"b\\\"\\n\"\n    inputs: {}\n  two: {}\n",
            ),
            ("tests: { one: {} }\n", "tests: { one: { outputs: { sum: 3, text: \"a: \\\"b\\\"\\n\" } } }\n"),
            (
                "tests: { one: { verdict: trap, inputs: {} } }\n",
                "tests: { one: { outputs: { sum: 3, text: \"a: \\\"b\\\"\\n\" }, verdict: ok, inputs: {} } }\n",
            ),
        ] {
            assert_eq!(
                updated(&format!("{HEAD}{before}"), Format::Yaml).as_deref(),
                Ok(&*format!("{HEAD}{after}")),
                "{before}"
            );
        }
    }

    #[test]
    fn json_stays_json() {
        let text = r#"{"wasmill": 1, "units": {"u": {"wat": "(module)"}}, "steps": {"s": {"unit": "u"}},
  "outputs": {"sum": 1, "text": "a"}, "tests": {"one": {"inputs": {}}}}"#;
        let updated = updated(text, Format::Json).unwrap();
        let document: serde_json::Value = serde_json::from_str(&updated).unwrap();
        assert_eq!(document["tests"]["one"]["outputs"]["sum"], 3);
    }

    /// Writes the value as an output with that name, into each layout there is, and reads what came of it.
    fn written_and_read(output: &str, case: &str, value: &Value) -> Vec<Expected> {
        let quote = |text: &str| serde_json::to_string(text).unwrap();
        let (output_key, case_key) = (yaml_text::escaped(&quote(output)), yaml_text::escaped(&quote(case)));
        let head = format!(
            "wasmill: 1\nunits: {{ u: {{ wat: (module) }} }}\nsteps: {{ s: {{ unit: u }} }}\noutputs: {{ {output_key}: 1 }}\n"
        );
        let json = format!(
            r#"{{"wasmill": 1, "units": {{"u": {{"wat": "(module)"}}}}, "steps": {{"s": {{"unit": "u"}}}}, "outputs": {{{output_key}: 1}}, "tests": {{{case_key}: {{"outputs": {{{output_key}: "🦀"}}}}}}}}"#
        );
        let texts = [
            (Format::Yaml, format!("{head}tests:\n  # 🦀\u{a0}ü\n  {case_key}:\n    inputs: {{}}\n")),
            (
                Format::Yaml,
                format!("{head}tests:\n  {case_key}:\n    outputs:\n      {output_key}: 🦀 two\u{a0} # so far\n"),
            ),
            (Format::Yaml, format!("{head}tests:\n  {case_key}:\n    outputs: {{ {output_key}: '🦀' }} # so far\n")),
            (
                Format::Yaml,
                format!("{head}tests:\n  {case_key}:\n    outputs:\n      {output_key}: |\n        a\n        🦀\n"),
            ),
            (Format::Yaml, format!("{head}tests: {{ {case_key}: {{}} }}\n")),
            (Format::Json, json),
        ];
        let read = |(format, text): (Format, String)| {
            let outputs = [(output.into(), Expected::of(value))].into();
            let expectation = NewExpectation { verdict: VerdictKind::Ok, outputs };
            let updated = with_expectations("p.yaml", &text, format, &[(case.into(), expectation)].into());
            let updated =
                updated.unwrap_or_else(|error| panic!("{value:?} as {output:?} of {case:?}: {error}: {text}"));
            if format == Format::Json {
                serde_json::from_str::<serde_json::Value>(&updated).unwrap();
            }
            assert_eq!(updated.contains("# so far"), text.contains("# so far"), "{updated}");
            crate::parse("p.yaml", &updated, format).unwrap().tests[case].outputs[output].clone()
        };
        texts.into_iter().map(read).collect()
    }

    #[test]
    fn every_value_is_written_as_it_is_under_every_name() {
        let odd = [
            "\"",
            "'",
            "\\",
            "\n",
            "\r\n",
            "\t",
            "\u{0}",
            "\u{1b}[1m",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "\u{2028}",
            "\u{2029}",
            "\u{feff}",
            "\u{fffe}",
            "\u{ffff}",
            "🦀",
            "👩\u{200d}🚀",
            "é\u{301}",
            "#",
            ": ",
            "- ",
            "{",
            "[",
            "*a",
            "&a",
            "!a",
            "%",
            "@",
            "`",
            "? ",
            "<<",
            "null",
            "yes",
            "1e3",
            ".nan",
            "NaN",
            " ",
            "",
            "---",
            "...",
            "${{ a }}",
        ];
        for text in odd {
            for text in [text.to_owned(), format!("{text}{text}"), format!("a{text}b"), format!(" {text} ")] {
                let value = Value::text(text.as_str());
                for found in written_and_read("out", "one", &value) {
                    assert_eq!(found, Expected::Value(value.clone()), "{text:?}");
                }
                let nested =
                    Value::from_json(&serde_json::to_vec(&serde_json::json!({ &text: [&text] })).unwrap()).unwrap();
                for found in written_and_read("out", "one", &nested) {
                    assert_eq!(found, Expected::Value(nested.clone()), "{text:?}");
                }
                written_and_read("out", &text, &Value::Int(1));
            }
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 5e-324, 0.1, 1.0] {
            for found in written_and_read("out", "one", &Value::Float(number)) {
                assert!(found.is(&Value::Float(number)), "{number}: {found:?}");
            }
            let list = Value::from(vec![Value::Float(number)]);
            assert!(written_and_read("out", "one", &list).iter().all(|found| found.is(&list)), "{number}");
        }
    }

    #[test]
    fn a_value_that_no_manifest_can_say_is_its_digest() {
        let deep = (0..80).fold(Value::Int(1), |value, _| Value::from(vec![value]));
        let digest = Value::from(wasmill_model::Object::from([("$sha256".into(), Value::text("0".repeat(64)))]));
        let long = Value::from(wasmill_model::Object::from([("k".repeat(1_500).into(), Value::Null)]));
        for value in [deep, digest] {
            for found in written_and_read("out", "one", &value) {
                assert_eq!(found, Expected::Digest(value.digest()));
            }
        }
        assert!(written_and_read("out", "one", &long).iter().all(|found| found.is(&long)));
    }

    #[test]
    fn what_holds_stays_as_it_is_written() {
        let text = format!("{HEAD}tests: {{ one: {{ outputs: {{ sum: 1, text: .nan }} }} }}\n");
        let outputs =
            [("sum".into(), Expected::Value(Value::Int(3))), ("text".into(), Expected::Value(f64::NAN.into()))];
        let expectation = NewExpectation { verdict: VerdictKind::Ok, outputs: outputs.into() };
        let updated = with_expectations("p.yaml", &text, Format::Yaml, &[("one".into(), expectation)].into());
        assert_eq!(updated.unwrap(), text.replace("sum: 1, text: .nan", "sum: 3, text: .nan"));
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        assert!(updated(HEAD, Format::Yaml).unwrap_err().contains("no `tests`"));
        assert!(updated(&format!("{HEAD}tests:\n  one:\n"), Format::Yaml).unwrap_err().contains("is empty"));
        assert!(updated("", Format::Toml).unwrap_err().contains("YAML and JSON"));
    }
}
