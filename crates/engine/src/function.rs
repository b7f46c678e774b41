//! Units that were built from source, called as the functions that their authors wrote.
//!
//! Such a unit takes one JSON object of parameters by name and gives JSON, whatever its interface is ([`BuiltFunction`]). So every engine runs
//! them that runs the interface; what goes in and what comes out is translated here.
//!
//! How one fails: the error's words are the last line of its log, `wasmill:error {"message": …, "file": …, "line": …}`, and it exits with
//! a code that is not 0; an interpreter gives the same JSON as its error. [`Outcome::told`] reads the former of any unit.

use std::sync::Arc;

use serde::Deserialize;
use wasmill_model::{Input, Interface, Object, OutputFormat, Usage, Value, Verdict};
use wasmill_unit::{BuiltFunction, Unit};

use crate::{Binding, BoxFuture, Call, Engine, Outcome, PrepareError, PreparedUnit};

/// How the last line of a log begins that says why a function failed.
const MARK: &str = "wasmill:error ";

/// What an interpreter exports for running a script.
const RUN: &str = "run";

/// Prepares a unit, also one that was built from source. Whoever calls units calls this instead of [`Engine::prepare`].
///
/// # Errors
/// Why it cannot be run.
pub async fn prepare<E: Engine + ?Sized>(
    engine: &E,
    unit: &Unit,
    binding: &Binding,
) -> Result<Arc<dyn PreparedUnit>, PrepareError> {
    let Some(built) = &unit.info().built else { return engine.prepare(unit, binding).await };
    unit.info().resolve(binding.function.as_deref())?;
    let function = built.script.is_some().then(|| RUN.to_owned());
    let inner = Binding { function, output: OutputFormat::Json, ..binding.clone() };
    let inner = engine.prepare(unit.plain(), &inner).await?;
    let script = built.script.as_deref().map(Value::from);
    Ok(Arc::new(Function { inner, built: built.clone(), script, interface: unit.interface() }))
}

/// A function, and what it is called through.
struct Function {
    inner: Arc<dyn PreparedUnit>,
    built: Arc<BuiltFunction>,
    script: Option<Value>,
    interface: Interface,
}

impl PreparedUnit for Function {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let input = match self.input(call.input) {
                Ok(input) => input,
                Err(message) => {
                    return Outcome::failed(Verdict::InvalidInput { message }, Usage::default());
                }
            };
            // What it writes to stdout is its answer, and no items.
            let outcome = self.inner.call(Call { input: &input, stdout: None, ..call }).await;
            self.outcome(outcome)
        })
    }
}

impl Function {
    fn input(&self, input: &Input) -> Result<Input, String> {
        let params = Value::Object(Arc::new(params(&self.built, input)?));
        Ok(match &self.script {
            None => Input::Single(params),
            Some(script) => Input::Positional(vec![
                script.clone(),
                Value::from(self.built.name.as_deref().unwrap_or_default()),
                Value::from(params.to_json()),
            ]),
        })
    }

    fn outcome(&self, mut outcome: Outcome) -> Outcome {
        if let Some(Value::String(answer)) = &outcome.output
            && self.script.is_some()
        {
            match Value::from_json(answer.as_bytes()) {
                Ok(value) => outcome.output = Some(value),
                Err(error) => {
                    let message = format!("the answer of the interpreter is not JSON: {error}");
                    return Outcome { verdict: Verdict::GuestError { message }, output: None, ..outcome };
                }
            }
        }
        if self.script.is_some() {
            // They are the interpreter's own functions; the script's lines are in what it says.
            outcome.backtrace.clear();
        }
        // The engine may add the last line of the log.
        let first = |message: &str| serde_json::Deserializer::from_str(message).into_iter().next();
        match &outcome.verdict {
            Verdict::GuestError { message } if self.interface == Interface::Component => match first(message) {
                Some(Ok(said)) => outcome.saying(said),
                _ => outcome,
            },
            _ => outcome,
        }
    }
}

impl Outcome {
    /// The same, where a unit that failed said why on the last line of its log: that is its message then, and no part of the log.
    #[must_use]
    pub fn told(mut self) -> Self {
        let Verdict::GuestError { .. } = self.verdict else { return self };
        match last_word(&mut self.log) {
            Some(said) => self.saying(said),
            None => self,
        }
    }

    fn saying(mut self, said: Said) -> Self {
        for line in said.trace.iter().flat_map(|trace| trace.lines()) {
            if !self.log.is_empty() && !self.log.ends_with('\n') {
                self.log.push('\n');
            }
            self.log.push_str(line);
            self.log.push('\n');
        }
        self.verdict = Verdict::GuestError { message: said.into_message() };
        self
    }
}

/// What a function says that fails.
#[derive(Deserialize)]
struct Said {
    message: String,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    column: Option<u32>,
    #[serde(default)]
    trace: Option<String>,
}

impl Said {
    /// `no rows (main.py:3:7)`
    fn into_message(self) -> String {
        /// A guest's words are as long as it likes.
        const MOST: usize = 4_000;
        let mut message = self.message;
        if message.len() > MOST {
            message.truncate(message.floor_char_boundary(MOST));
            message.push('…');
        }
        let number = |number: Option<u32>| number.filter(|number| *number > 0).map(|number| format!(":{number}"));
        let file = self.file.filter(|file| file.len() <= MOST);
        match (file, number(self.line), number(self.column)) {
            (Some(file), Some(line), column) => format!("{message} ({file}{line}{})", column.unwrap_or_default()),
            _ => message,
        }
    }
}

/// The error on the last line of a log, which is taken out of it.
fn last_word(log: &mut String) -> Option<Said> {
    let text = log.trim_end_matches('\n');
    let start = text.rfind('\n').map_or(0, |end| end + 1);
    let said = serde_json::from_str(text.get(start..)?.strip_prefix(MARK)?).ok()?;
    log.truncate(start);
    // What says it begins a line of its own, wherever the output before it ended.
    if log == "\n" {
        log.clear();
    }
    Some(said)
}

/// What a function is given, by name.
fn params(built: &BuiltFunction, input: &Input) -> Result<Object, String> {
    let name = |place: usize| built.params.get(place).and_then(|param| param.name.clone());
    let object = match input {
        Input::Named(members) => members.clone(),
        Input::Positional(items) => {
            if items.len() > built.params.len() {
                return Err(format!(
                    "`{}` takes {} parameters, and is given {}",
                    title(built),
                    built.params.len(),
                    items.len()
                ));
            }
            items.iter().enumerate().filter_map(|(place, item)| Some((name(place)?, item.clone()))).collect()
        }
        Input::Single(value) => match (built.params.as_slice(), value) {
            ([_], value) if !built.open => name(0).map(|name| (name, value.clone())).into_iter().collect(),
            (_, Value::Object(members)) => Object::clone(members),
            ([], Value::Null) => Object::new(),
            // A script that is run as a whole.
            ([], value) if built.name.is_none() => Object::from_iter([("input".into(), value.clone())]),
            ([_, ..], value) => name(0).map(|name| (name, value.clone())).into_iter().collect(),
            ([], _) => return Err(format!("`{}` takes no parameters", title(built))),
        },
    };
    if built.name.is_none() {
        return Ok(object);
    }
    let known = |name: &str| built.params.iter().any(|param| param.name.as_deref() == Some(name));
    if let Some(unknown) = object.keys().find(|name| !built.open && !known(name)) {
        return Err(format!("`{}` has no parameter `{unknown}`", title(built)));
    }
    let missing = built.params.iter().filter(|param| !param.optional).filter_map(|param| param.name.as_deref());
    match missing.into_iter().find(|name| !object.contains_key(*name)) {
        Some(missing) => Err(format!("`{}` was not given its parameter `{missing}`", title(built))),
        None => Ok(object),
    }
}

fn title(built: &BuiltFunction) -> &str {
    built.name.as_deref().unwrap_or("the script")
}

#[cfg(test)]
mod tests {
    use wasmill_model::Language;
    use wasmill_unit::Parameter;

    use super::*;

    fn function(params: &[(&str, bool)]) -> BuiltFunction {
        let mut built = BuiltFunction::new(Language::Python, Some("main".into()));
        built.params = params
            .iter()
            .map(|(name, optional)| Parameter {
                name: Some((*name).into()),
                kind: "any".to_owned(),
                optional: *optional,
            })
            .collect();
        built
    }

    fn given(built: &BuiltFunction, input: Input) -> Result<String, String> {
        params(built, &input).map(|object| Value::Object(Arc::new(object)).to_json())
    }

    #[test]
    fn parameters_come_by_name_by_position_or_alone() {
        let two = function(&[("a", false), ("b", true)]);
        let list = |items: &[i64]| Input::Positional(items.iter().map(|item| Value::Int(*item)).collect());
        assert_eq!(given(&two, list(&[1, 2])).unwrap(), r#"{"a":1,"b":2}"#);
        assert_eq!(given(&two, list(&[1])).unwrap(), r#"{"a":1}"#);
        assert!(given(&two, list(&[])).unwrap_err().contains("parameter `a`"));
        assert!(given(&two, list(&[1, 2, 3])).unwrap_err().contains("takes 2"));
        let object = Value::from_json(br#"{"a": 1}"#).unwrap();
        assert_eq!(given(&two, Input::Single(object.clone())).unwrap(), r#"{"a":1}"#);
        let one = function(&[("a", false)]);
        assert_eq!(given(&one, Input::Single(object)).unwrap(), r#"{"a":{"a":1}}"#);
        let unknown = Value::from_json(br#"{"a": 1, "c": 1}"#).unwrap();
        assert!(given(&two, Input::Single(unknown.clone())).unwrap_err().contains("no parameter `c`"));
        let open = BuiltFunction { open: true, ..two };
        assert!(given(&open, Input::Single(unknown)).is_ok());
        assert!(given(&function(&[]), Input::Single(Value::Int(1))).is_err());
        let script = BuiltFunction { name: None, ..function(&[]) };
        assert_eq!(given(&script, Input::Single(Value::Int(1))).unwrap(), r#"{"input":1}"#);
    }

    #[test]
    fn the_last_line_of_the_log_says_why() {
        let mut log = "one\nwasmill:error {\"message\": \"no rows\", \"file\": \"a.go\", \"line\": 3}\n".to_owned();
        let said = last_word(&mut log).unwrap();
        assert_eq!((said.into_message().as_str(), log.as_str()), ("no rows (a.go:3)", "one\n"));
        for other in ["", "\n", "wasmill:error", "wasmill:error {}\n", "wasmill:error {\"message\": \"x\"}\nmore"] {
            let mut log = other.to_owned();
            assert!(last_word(&mut log).is_none());
            assert_eq!(log, other);
        }
    }
}
