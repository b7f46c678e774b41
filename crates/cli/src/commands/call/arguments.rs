//! What the words after UNIT mean: which function, called with what. It depends on the unit's interface and types.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Code, Diagnostic, Interface, Template, Value, With};
use wasmill_unit::{FunctionError, FunctionInfo, UnitInfo};

use crate::inputs::{read_file, split_assignment, text};
use crate::settings::CallSettings;
use crate::standard_input::StandardInput;
use crate::unit_file::UnitFile;

/// A call, understood.
#[derive(Debug, Default)]
pub(super) struct Meant {
    /// The function; none for a command.
    pub(super) function: Option<String>,
    /// What it is called with.
    pub(super) with: With,
    /// The arguments of a program.
    pub(super) program_arguments: Vec<String>,
}

/// Understands the arguments and `--input`s of `call`.
///
/// # Errors
/// What cannot be read, or makes no sense for such a unit.
pub(super) fn read(file: &UnitFile, settings: &CallSettings, stdin: &StandardInput) -> Result<Meant, Diagnostic> {
    let info = file.unit.info();
    let words = settings.args.as_slice();
    match info.interface {
        _ if info.takes_parameters() => by_parameters(info, words, settings, stdin),
        // A script that is run as a whole sees what it is given by name.
        _ if info.built.is_some() => {
            let items: Vec<String> = settings.inputs.iter().chain(words).cloned().collect();
            Ok(Meant { with: script(&items, stdin)?, ..Meant::default() })
        }
        Interface::Command | Interface::Native => Ok(Meant {
            function: None,
            with: single(bytes(&settings.inputs, stdin)?),
            program_arguments: words.to_vec(),
        }),
        Interface::Bytes => {
            let words = match words {
                [first, rest @ ..] if info.functions.iter().any(|function| &*function.name == first) => rest,
                all => all,
            };
            let items: Vec<String> = settings.inputs.iter().chain(words).cloned().collect();
            Ok(Meant { with: single(bytes(&items, stdin)?), ..Meant::default() })
        }
        Interface::Core | Interface::Component => by_parameters(info, words, settings, stdin),
    }
}

fn by_parameters(
    info: &UnitInfo,
    words: &[String],
    settings: &CallSettings,
    stdin: &StandardInput,
) -> Result<Meant, Diagnostic> {
    let (function, words) = match (&info.built, info.functions.as_slice()) {
        // It was built for one function: every word is an argument, but for its name where there is a word too many.
        (Some(_), [function]) => match words {
            [first, rest @ ..] if *first == *function.name && words.len() > function.params.len() => (function, rest),
            all => (function, all),
        },
        _ => choose(info, words)?,
    };
    if info.built.is_some() {
        misnamed(function, &settings.inputs)?;
    }
    let with = if words.is_empty() {
        from_inputs(function, &settings.inputs, stdin)?
    } else if settings.inputs.is_empty() {
        from_words(function, words, stdin)?
    } else {
        return Err(usage("arguments and `--input` were both given")
            .help("give the function's parameters one way: as arguments, or with `--input`"));
    };
    Ok(Meant { function: Some(function.name.to_string()), with, program_arguments: Vec::new() })
}

/// `--input nmae=…`: of a function from source every parameter has a name, so that another one is a slip.
fn misnamed(function: &FunctionInfo, items: &[String]) -> Result<(), Diagnostic> {
    for (name, _) in items.iter().filter_map(|item| split_assignment(item)) {
        if !function.params.is_empty() && !function.params.iter().any(|param| param.name.as_deref() == Some(name)) {
            let message = format!("`{}` has no parameter `{name}`", function.bare_name());
            let help = format!("it is `{}`; a value that has a `=` in it goes into JSON", function.signature());
            return Err(Diagnostic::new(Code::WrongArguments, message).help(help));
        }
    }
    Ok(())
}

/// What a script sees as `inputs`: `name=value` pairs, a JSON object, or one value by the name `input`; or else stdin.
fn script(items: &[String], stdin: &StandardInput) -> Result<With, Diagnostic> {
    let value = |bytes: Vec<u8>| typed(bytes, None);
    let document = match items {
        [] => match stdin.offered()? {
            Some(bytes) if !bytes.is_empty() => bytes,
            _ => return Ok(With::Named(IndexMap::new())),
        },
        items if items.iter().all(|item| split_assignment(item).is_some()) => {
            let mut members = IndexMap::new();
            for (name, given) in items.iter().filter_map(|item| split_assignment(item)) {
                let bytes = match given.strip_prefix('@') {
                    Some(path) => file(path, stdin)?,
                    None => given.as_bytes().to_vec(),
                };
                members.insert(name.into(), Template::Literal(value(bytes)));
            }
            return Ok(With::Named(members));
        }
        [item] if item == "-" => stdin.asked_for()?,
        [item] => match item.strip_prefix('@') {
            Some(path) => file(path, stdin)?,
            None => item.clone().into_bytes(),
        },
        _ => {
            return Err(usage("a script that is run as a whole is given its inputs by name")
                .help("write `--input name=value` for each, or one JSON object"));
        }
    };
    Ok(match value(document) {
        Value::Object(object) => With::Named(literals(&object)),
        other => single(other),
    })
}

/// The function, and the words that are left as its arguments. Where the unit has one function, its name may be left out.
fn choose<'a>(info: &'a UnitInfo, words: &'a [String]) -> Result<(&'a FunctionInfo, &'a [String]), Diagnostic> {
    let unknown = |error: FunctionError| function_error(&error);
    let Some((first, rest)) = words.split_first() else {
        return info.resolve(None).map_err(unknown)?.map(|function| (function, words)).ok_or_else(no_function);
    };
    let named = info.resolve(Some(first));
    if let (Err(_), Ok(Some(only))) = (&named, info.resolve(None))
        // One word more than there are parameters is a wrong name, not a wrong argument.
        && words.len() != only.params.len() + 1
    {
        return Ok((only, words));
    }
    named.map_err(unknown)?.map(|function| (function, rest)).ok_or_else(no_function)
}

fn no_function() -> Diagnostic {
    function_error(&FunctionError::None)
}

fn function_error(error: &FunctionError) -> Diagnostic {
    let list = |names: &[Arc<str>]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (code, help) = match error {
        FunctionError::Unknown { similar: Some(similar), candidates, .. } if candidates.len() > 1 => {
            (Code::UnknownFunction, format!("did you mean `{similar}`? It exports {}", list(candidates)))
        }
        FunctionError::Unknown { candidates, .. } => {
            (Code::UnknownFunction, format!("it exports {}", list(candidates)))
        }
        FunctionError::Ambiguous { candidates, .. } => {
            (Code::UnknownFunction, format!("name the one that you mean: {}", list(candidates)))
        }
        FunctionError::Needed { candidates } => {
            (Code::FunctionNeeded, format!("name one after the unit: {}", list(candidates)))
        }
        _ => (Code::FunctionNeeded, "`wasmill inspect` shows what it exports".to_owned()),
    };
    let message = match error {
        // There is no step here that could say it.
        FunctionError::Needed { candidates } => {
            format!("the unit exports {} functions, and none was named", candidates.len())
        }
        other => other.to_string(),
    };
    Diagnostic::new(code, message).help(help)
}

/// Arguments by position, each read by its parameter's type.
fn from_words(function: &FunctionInfo, words: &[String], stdin: &StandardInput) -> Result<With, Diagnostic> {
    let kinds = function.params.iter().map(|param| Some(param.kind.as_str())).chain(std::iter::repeat(None));
    let values = words.iter().zip(kinds).map(|(word, kind)| {
        let value = match word.strip_prefix('@') {
            Some(path) => typed(file(path, stdin)?, kind),
            None => typed(word.clone().into_bytes(), kind),
        };
        Ok(Template::Literal(value))
    });
    Ok(With::Positional(values.collect::<Result<_, Diagnostic>>()?))
}

/// `--input` for a function: `name=value` pairs, a JSON object or array, or the only parameter's value; or else stdin.
fn from_inputs(function: &FunctionInfo, items: &[String], stdin: &StandardInput) -> Result<With, Diagnostic> {
    let document = match items {
        [] if function.params.is_empty() => return Ok(With::Positional(Vec::new())),
        [] => match stdin.offered()? {
            Some(bytes) if !(bytes.is_empty() && does_without(function)) => bytes,
            _ if does_without(function) => return Ok(With::Named(IndexMap::new())),
            _ => {
                return Err(Diagnostic::new(
                    Code::WrongArguments,
                    format!("`{}` was called without arguments", function.bare_name()),
                )
                .help(format!(
                    "it is `{}`; give them after the function's name, or with `--input`",
                    function.signature()
                )));
            }
        },
        items if items.iter().all(|item| assignment(function, item).is_some()) => return named(function, items, stdin),
        [item] if item == "-" => stdin.asked_for()?,
        [item] => match item.strip_prefix('@') {
            Some(path) => file(path, stdin)?,
            None => item.clone().into_bytes(),
        },
        _ => {
            return Err(usage("several `--input`s that do not each name a parameter")
                .help(format!("write `--input name=value` for each; the function is `{}`", function.signature())));
        }
    };
    let parsed = Value::from_json(&document).ok();
    let only = match function.params.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    Ok(match (parsed, only) {
        (Some(Value::Object(object)), None) => With::Named(literals(&object)),
        (Some(Value::Object(object)), Some(param))
            if object.len() == 1 && param.name.as_ref().is_some_and(|name| object.contains_key(name))
                || object.is_empty() && param.optional =>
        {
            With::Named(literals(&object))
        }
        (Some(Value::List(list)), None) => With::Positional(list.iter().cloned().map(Template::Literal).collect()),
        (_, only) => single(typed(document, only.map(|param| param.kind.as_str()))),
    })
}

/// Whether all that it takes may be left out.
fn does_without(function: &FunctionInfo) -> bool {
    !function.params.is_empty() && function.params.iter().all(|param| param.optional)
}

fn literals(object: &IndexMap<Arc<str>, Value>) -> IndexMap<Arc<str>, Template> {
    object.iter().map(|(name, value)| (name.clone(), Template::Literal(value.clone()))).collect()
}

/// `name=…`, where the function has a parameter of that name.
fn assignment<'a>(function: &FunctionInfo, item: &'a str) -> Option<(&'a str, &'a str)> {
    split_assignment(item).filter(|(name, _)| function.params.iter().any(|param| param.name.as_deref() == Some(name)))
}

fn named(function: &FunctionInfo, items: &[String], stdin: &StandardInput) -> Result<With, Diagnostic> {
    let mut members = IndexMap::new();
    for (name, value) in items.iter().filter_map(|item| assignment(function, item)) {
        let param = function.params.iter().find(|param| param.name.as_deref() == Some(name));
        let bytes = match value.strip_prefix('@') {
            Some(path) => file(path, stdin)?,
            None => value.as_bytes().to_vec(),
        };
        members.insert(name.into(), Template::Literal(typed(bytes, param.map(|param| param.kind.as_str()))));
    }
    Ok(With::Named(members))
}

/// Text, as a parameter of this type: strings as they are, byte lists as bytes, anything else as JSON where it is some.
/// What does not fit is the engine's to refuse: it knows the type better.
fn typed(bytes: Vec<u8>, kind: Option<&str>) -> Value {
    match kind {
        Some("string" | "char" | "str" | "String" | "&str") => {
            text(bytes).unwrap_or_else(|bytes| Value::Bytes(bytes.into()))
        }
        Some("list<u8>")
            if Value::from_json(&bytes).is_ok_and(|value| matches!(value, Value::List(_) | Value::Bytes(_))) =>
        {
            Value::from_json(&bytes).unwrap_or_default()
        }
        Some("list<u8>") => Value::Bytes(bytes.into()),
        _ => Value::from_json(&bytes).or_else(|_| text(bytes)).unwrap_or_else(|bytes| Value::Bytes(bytes.into())),
    }
}

/// The whole input of a `bytes` unit or a command: text where it is UTF-8.
fn bytes(items: &[String], stdin: &StandardInput) -> Result<Value, Diagnostic> {
    let bytes = match items {
        [] => stdin.offered()?.unwrap_or_default(),
        [item] if item == "-" => stdin.asked_for()?,
        [item] => match item.strip_prefix('@') {
            Some(path) => file(path, stdin)?,
            None => item.clone().into_bytes(),
        },
        _ => return Err(usage("such a unit takes one input").help("give one `--input`: text, `@file` or `-`")),
    };
    Ok(text(bytes).unwrap_or_else(|bytes| Value::Bytes(bytes.into())))
}

fn file(path: &str, stdin: &StandardInput) -> Result<Vec<u8>, Diagnostic> {
    if path == "-" { stdin.asked_for() } else { read_file(Path::new(path)) }
}

fn single(value: Value) -> With {
    With::Single(Template::Literal(value))
}

fn usage(message: &str) -> Diagnostic {
    Diagnostic::new(Code::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmill_unit::Parameter;

    fn function(params: &[(&str, &str)]) -> FunctionInfo {
        FunctionInfo {
            name: "f".into(),
            params: params
                .iter()
                .map(|(name, kind)| Parameter { name: Some((*name).into()), kind: (*kind).to_owned(), optional: false })
                .collect(),
            results: Vec::new(),
        }
    }

    fn inputs(params: &[(&str, &str)], items: &[&str]) -> With {
        let items: Vec<String> = items.iter().map(|&item| item.to_owned()).collect();
        from_inputs(&function(params), &items, &StandardInput::of("")).unwrap()
    }

    fn literal(value: impl Into<Value>) -> Template {
        Template::Literal(value.into())
    }

    #[test]
    fn words_are_read_by_type() {
        let words: Vec<String> = ["12", "12", "[1,2]"].map(str::to_owned).to_vec();
        let function = function(&[("a", "string"), ("b", "i64"), ("c", "list<u8>")]);
        let With::Positional(values) = from_words(&function, &words, &StandardInput::of("")).unwrap() else { panic!() };
        let list = Value::from(vec![Value::Int(1), Value::Int(2)]);
        assert_eq!(values, vec![literal("12"), literal(12_i64), literal_value(list)]);
    }

    fn literal_value(value: Value) -> Template {
        Template::Literal(value)
    }

    #[test]
    fn an_input_is_named_positional_or_single() {
        let two = [("a", "string"), ("b", "u32")];
        let named = With::Named(IndexMap::from([("a".into(), literal("1")), ("b".into(), literal(1_i64))]));
        assert_eq!(inputs(&two, &["a=1", "b=1"]), named);
        assert_eq!(inputs(&two, &[r#"{"a": "1", "b": 1}"#]), named);
        assert_eq!(inputs(&two, &[r#"["1", 1]"#]), With::Positional(vec![literal("1"), literal(1_i64)]));
        let record = [("r", "record { a: u32 }")];
        assert!(matches!(inputs(&record, &[r#"{"a": 1}"#]), With::Single(_)));
        assert!(matches!(inputs(&record, &[r#"{"r": {"a": 1}}"#]), With::Named(_)));
        assert_eq!(inputs(&[("s", "string")], &["x=y"]), With::Single(literal("x=y")));
        assert_eq!(inputs(&[("s", "string")], &["[1]"]), With::Single(literal("[1]")));
    }
}
