//! What a user gave, held against what the pipeline asks for.

use std::sync::Arc;

use regex_lite::Regex;
use wasmill_model::{Code, Diagnostic, Diagnostics, InputSpec, InputType, Object, Pipeline, Value};

use crate::suggestion;

/// The inputs of a run: what was given and the defaults of what was not, each of its declared type, in the order in which they are
/// declared. An input that was not given, has no default and is not required is left out.
///
/// A whole float given for an `integer` becomes one, and text given for `bytes` becomes its UTF-8.
///
/// # Errors
/// Everything that is wrong, at once: a required input that is missing, one that is not declared, a wrong type, a failed check.
pub fn bind_inputs(pipeline: &Pipeline, given: Object) -> Result<Object, Diagnostics> {
    let mut problems = Vec::new();
    let mut bound = Object::with_capacity(pipeline.inputs.len());
    for (name, spec) in &pipeline.inputs {
        let Some(value) = given.get(name).or(spec.default.as_ref()) else {
            if spec.required {
                problems.push(missing(name, spec));
            }
            continue;
        };
        match fit(name, spec, value) {
            Ok(value) => _ = bound.insert(name.clone(), value),
            Err(problem) => problems.push(problem.at(&spec.location)),
        }
    }
    for name in given.keys().filter(|name| !pipeline.inputs.contains_key(*name)) {
        problems.push(unknown(name, pipeline, problems.len()));
    }
    if problems.is_empty() { Ok(bound) } else { Err(Diagnostics(problems)) }
}

fn missing(name: &Arc<str>, spec: &InputSpec) -> Diagnostic {
    let what = match &spec.description {
        Some(description) => format!(" ({description})"),
        None => String::new(),
    };
    let kind = match spec.kind {
        InputType::Any => "a value".to_owned(),
        kind => with_article(kind.as_str()),
    };
    Diagnostic::new(Code::InputMissing, format!("the input `{name}` is required and was not given"))
        .at(&spec.location)
        .help(format!("give {kind}{what}: `--input {name}=…`, or `--input {name}=@file`"))
}

fn unknown(name: &Arc<str>, pipeline: &Pipeline, said: usize) -> Diagnostic {
    let problem = Diagnostic::new(
        Code::InputUnknown,
        format!("the pipeline `{}` declares no input `{}`", pipeline.name, shorten(name)),
    );
    match suggestion::help(name, pipeline.inputs.keys(), said) {
        Some(help) => problem.help(help),
        None => problem.help("it takes no input; declare one under `inputs:`, or give none"),
    }
}

/// The value as the step sees it.
pub(crate) fn fit(name: &str, spec: &InputSpec, given: &Value) -> Result<Value, Diagnostic> {
    let wrong_type = |given: String| {
        let asked = with_article(spec.kind.as_str());
        Diagnostic::new(Code::InputType, format!("the input `{name}` is {given}, and the pipeline asks for {asked}"))
            .help(type_help(name, spec.kind))
    };
    if !spec.kind.accepts(given) {
        return Err(wrong_type(describe(given)));
    }
    let value = match (spec.kind, given) {
        (InputType::Integer, Value::Float(float)) => {
            whole(*float).ok_or_else(|| wrong_type(format!("{float}, which 64 bits cannot hold")))?
        }
        (InputType::Bytes, Value::String(text)) => Value::Bytes(text.as_bytes().to_vec().into()),
        _ => given.clone(),
    };
    check(name, spec, given, &value)?;
    Ok(value)
}

fn type_help(name: &str, kind: InputType) -> String {
    match kind {
        InputType::Array | InputType::Object => {
            format!("give {} as JSON: `--input {name}=@file.json`", with_article(kind.as_str()))
        }
        _ => format!("give {}: `--input {name}=…`", with_article(kind.as_str())),
    }
}

/// `null`, `a string`, `the number 1.5`
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bytes(_) => "bytes".to_owned(),
        Value::Float(float) => format!("the number {float}"),
        other => with_article(other.kind()),
    }
}

fn with_article(word: &str) -> String {
    match word.as_bytes().first() {
        _ if word == "bytes" || word == "any" => word.to_owned(),
        Some(b'a' | b'e' | b'i' | b'o') => format!("an {word}"),
        _ => format!("a {word}"),
    }
}

/// A whole float as an integer, where one holds it.
fn whole(float: f64) -> Option<Value> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if (-TWO_TO_63..TWO_TO_63).contains(&float) {
        Some(Value::Int(float as i64))
    } else if (TWO_TO_63..2.0 * TWO_TO_63).contains(&float) {
        Some(Value::UInt(float as u64))
    } else {
        None
    }
}

fn check(name: &str, spec: &InputSpec, given: &Value, value: &Value) -> Result<(), Diagnostic> {
    let invalid = |message: String| Diagnostic::new(Code::InputInvalid, message);
    let choices = &spec.choices;
    if !choices.is_empty() && !choices.iter().any(|choice| same(choice, given) || same(choice, value)) {
        let names: Vec<String> = choices.iter().map(Value::to_json).collect();
        return Err(invalid(format!(
            "the input `{name}` is {}, which is none of its choices",
            shorten(&given.to_json())
        ))
        .help(format!("give one of {}", suggestion::list(names.iter().map(String::as_str)))));
    }
    if let Some((size, what)) = measure(value) {
        let (is, bounds) = match what {
            None => (format!("is {size}"), ["must be at least", "must be at most"]),
            Some(what) => (format!("has {size} {what}"), ["must have at least", "may have at most"]),
        };
        let [least, most] = bounds;
        if let Some(min) = spec.min.filter(|min| size < *min) {
            return Err(invalid(format!("the input `{name}` {is}, and {least} {min}")));
        }
        if let Some(max) = spec.max.filter(|max| size > *max) {
            return Err(invalid(format!("the input `{name}` {is}, and {most} {max}")));
        }
    }
    if let (Some(pattern), Value::String(text)) = (&spec.pattern, given) {
        let regex = Regex::new(pattern).map_err(|error| {
            Diagnostic::new(
                Code::InvalidValue,
                format!("the pattern of the input `{name}` is not a valid regular expression: {error}"),
            )
        })?;
        if !regex.is_match(text) {
            let text = shorten(&given.to_json());
            return Err(invalid(format!("the input `{name}` is {text}, which does not match `{pattern}`")));
        }
    }
    Ok(())
}

/// What `min` and `max` look at, and what it counts.
fn measure(value: &Value) -> Option<(f64, Option<&'static str>)> {
    Some(match value {
        Value::Int(number) => (*number as f64, None),
        Value::UInt(number) => (*number as f64, None),
        Value::Float(number) => (*number, None),
        Value::String(text) => (text.chars().count() as f64, Some("characters")),
        Value::Bytes(bytes) => (bytes.len() as f64, Some("bytes")),
        Value::List(list) => (list.len() as f64, Some("items")),
        Value::Object(object) => (object.len() as f64, Some("members")),
        Value::Null | Value::Bool(_) => return None,
    })
}

/// `1` and `1.0` are one choice.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Float(float), Value::Int(int)) | (Value::Int(int), Value::Float(float)) => *int as f64 == *float,
        _ => left == right,
    }
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmill_model::{Location, Schedule};

    fn spec(kind: InputType) -> InputSpec {
        InputSpec {
            kind,
            required: false,
            default: None,
            description: None,
            choices: Vec::new(),
            min: None,
            max: None,
            pattern: None,
            location: Location { file: "p.yaml".into(), line: 3, column: 5, ..Location::default() },
        }
    }

    fn bind(inputs: &[(&str, InputSpec)], given: &str) -> Result<String, Vec<String>> {
        let pipeline = Pipeline {
            name: "p".into(),
            dialect: wasmill_model::Dialect::Native,
            description: None,
            inputs: inputs.iter().map(|(name, spec)| ((*name).into(), spec.clone())).collect(),
            units: Default::default(),
            steps: Vec::new(),
            outputs: Default::default(),
            schedule: Schedule::default(),
            on_failure: Default::default(),
            timeout: None,
            toolchains: Default::default(),
            budget: Default::default(),
            tests: Default::default(),
            unit_limits: Default::default(),
            base: Default::default(),
        };
        let Value::Object(given) = Value::from_json(given.as_bytes()).unwrap() else { panic!("no object") };
        bind_inputs(&pipeline, (*given).clone())
            .map(|bound| Value::from(bound).to_json())
            .map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let inputs = [
            ("orders", InputSpec { required: true, ..spec(InputType::Array) }),
            ("count", spec(InputType::Integer)),
            ("name", InputSpec { max: Some(3.0), ..spec(InputType::String) }),
        ];
        let problems = bind(&inputs, r#"{"oders": [], "count": 1.5, "name": "größe"}"#).unwrap_err();
        assert_eq!(
            problems,
            [
                "p.yaml:3:5: WM0401 the input `orders` is required and was not given",
                "p.yaml:3:5: WM0403 the input `count` is the number 1.5, and the pipeline asks for an integer",
                "p.yaml:3:5: WM0404 the input `name` has 5 characters, and may have at most 3",
                "WM0402 the pipeline `p` declares no input `oders`",
            ]
        );
    }

    #[test]
    fn values_come_in_declared_order_and_type() {
        let inputs = [
            ("a", InputSpec { default: Some(Value::from("x")), ..spec(InputType::Bytes) }),
            ("b", spec(InputType::Integer)),
            ("c", spec(InputType::Number)),
            ("d", spec(InputType::Any)),
        ];
        let bound = bind(&inputs, r#"{"c": 2, "b": 1e3}"#).unwrap();
        assert_eq!(bound, r#"{"a":{"$base64":"eA=="},"b":1000,"c":2}"#);
        let bound = bind(&inputs, r#"{"b": 9223372036854775808.0}"#).unwrap();
        assert_eq!(bound, r#"{"a":{"$base64":"eA=="},"b":9223372036854775808}"#);
        assert!(bind(&inputs, r#"{"b": 1e300}"#).unwrap_err()[0].contains("64 bits"));
        assert!(bind(&inputs, r#"{"b": null}"#).unwrap_err()[0].contains("is null"));
    }

    #[test]
    fn checks_hold_at_their_edge() {
        let number = [("n", InputSpec { min: Some(1.0), max: Some(2.0), ..spec(InputType::Number) })];
        for (given, fits) in [("1", true), ("2.0", true), ("0.999", false), ("2.001", false)] {
            assert_eq!(bind(&number, &format!(r#"{{"n": {given}}}"#)).is_ok(), fits, "{given}");
        }
        let list = [("l", InputSpec { min: Some(1.0), ..spec(InputType::Array) })];
        assert!(bind(&list, r#"{"l": []}"#).unwrap_err()[0].contains("has 0 items, and must have at least 1"));
        let text = [("t", InputSpec { pattern: Some("^a+$".into()), ..spec(InputType::String) })];
        assert!(bind(&text, r#"{"t": "aa"}"#).is_ok());
        assert!(bind(&text, r#"{"t": "ab"}"#).unwrap_err()[0].starts_with("p.yaml:3:5: WM0404"));
        let broken = [("t", InputSpec { pattern: Some("(".into()), ..spec(InputType::String) })];
        assert!(bind(&broken, r#"{"t": "ab"}"#).unwrap_err()[0].contains("WM0105"));
        let choice = [("c", InputSpec { choices: vec![Value::Int(1), Value::from("x")], ..spec(InputType::Any) })];
        assert!(bind(&choice, r#"{"c": 1.0}"#).is_ok());
        assert!(bind(&choice, r#"{"c": "y"}"#).unwrap_err()[0].contains("none of its choices"));
    }
}
