//! The CEL library's errors, in words for the people who wrote the expression.

use cel::{ExecutionError, ParseErrors};

use crate::bounds;
use crate::error::{ExpressionError, Failure};
use crate::path::with_article;

/// The first syntax error, without the parser's own vocabulary.
pub(crate) fn syntax(source: &str, errors: &ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        return ExpressionError::new("the expression is not valid").at(0);
    };
    let offset = byte_offset(source, first.pos.0, first.pos.1);
    let raw = first.msg.strip_prefix("Syntax error: ").unwrap_or(&first.msg);
    let quoted = quoted(raw);
    let at_end = quoted == Some("<EOF>") || offset.is_some_and(|offset| offset >= source.trim_end().len());
    let message = if raw.contains("Recursion limit") {
        "the expression nests too deep".to_owned()
    } else if raw.starts_with("token recognition error") {
        match quoted.and_then(|text| text.chars().next()) {
            Some('"' | '\'') if offset.is_some_and(|offset| bounds::end_of_string(source, offset).is_some()) => {
                "the text has an escape that CEL does not know".to_owned()
            }
            Some(quote @ ('"' | '\'')) => format!("a text is not closed: {quote} is missing"),
            Some(other) => format!("unexpected character `{other}`"),
            None => "unexpected character".to_owned(),
        }
    } else if raw.starts_with("mismatched input")
        || raw.starts_with("extraneous input")
        || raw.starts_with("no viable alternative")
        || raw.starts_with("missing ")
    {
        match quoted {
            _ if at_end => "the expression ends too early".to_owned(),
            Some(text) if raw.starts_with("missing ") => format!("{text} is missing"),
            Some(text) => format!("unexpected `{}`", text.chars().take(40).collect::<String>()),
            None => "the expression is not valid".to_owned(),
        }
    } else if raw.starts_with("Incomplete ") {
        "the expression ends too early".to_owned()
    } else if raw == "UNKNOWN" {
        "the expression is not valid CEL".to_owned()
    } else {
        raw.lines().next().unwrap_or_default().to_owned()
    };
    let error = ExpressionError::new(message).at(offset.unwrap_or(0));
    match hint(source, offset.unwrap_or(0)) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// What people write who think of another language.
fn hint(source: &str, offset: usize) -> Option<&'static str> {
    let at = source.get(offset..).unwrap_or_default();
    let before = source.get(..offset).unwrap_or_default().trim_end();
    if at.starts_with("and ") || at.starts_with("or ") || at.starts_with("not ") || before.ends_with(" not") {
        return Some("in CEL these are `&&`, `||` and `!`");
    }
    if at.starts_with('=') || at.starts_with("= ") || before.ends_with('=') {
        return Some("a comparison is written `==`");
    }
    if at.starts_with('|') {
        return Some("there are no filters; call a function: `size(inputs.rows)`");
    }
    if at.starts_with("if ") || at.starts_with("else") || before.ends_with(" if") {
        return Some("a choice is written `condition ? one : other`");
    }
    None
}

/// What stands between the first quotes of ANTLR's message, which may itself be a quote.
fn quoted(message: &str) -> Option<&str> {
    let start = message.find('\'')? + 1;
    let rest = message.get(start..)?;
    let end = rest.find("' expecting").or_else(|| rest.find("' at ")).or_else(|| rest.rfind('\''))?;
    rest.get(..end)
}

fn byte_offset(source: &str, line: isize, column: isize) -> Option<usize> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = source.get(start..)?;
    Some(start + rest.char_indices().nth(column).map_or(rest.len(), |(byte, _)| byte))
}

/// What went wrong while an expression was worked out.
pub(crate) fn execution(error: &ExecutionError) -> Failure {
    match error {
        ExecutionError::NoSuchKey(name) => Failure::new(format!("there is no member `{name}`"))
            .help(format!("ask first with `has(x.{name})`, or write `x.?{name}.orValue(…)`")),
        ExecutionError::NoSuchOverload(overload) => {
            let types: Vec<&str> = overload.argument_types().iter().map(String::as_str).collect();
            no_overload(overload.function(), &types)
        }
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            let types = [left.type_of().to_string(), right.type_of().to_string()];
            no_overload(operator, &[types[0].as_str(), types[1].as_str()])
        }
        ExecutionError::ValuesNotComparable(left, right) => {
            let types = [left.type_of().to_string(), right.type_of().to_string()];
            no_overload("compare", &[types[0].as_str(), types[1].as_str()])
        }
        ExecutionError::UnexpectedType { got, want } => {
            Failure::new(format!("{} stands where {} is needed", with_article(short(got)), with_article(short(want))))
        }
        ExecutionError::DivisionByZero(_) => Failure::new("division by zero"),
        ExecutionError::RemainderByZero(_) => Failure::new("remainder of a division by zero"),
        ExecutionError::Overflow(operator, ..) => {
            Failure::new(format!("`{}` leaves the range of 64-bit integers", symbol(operator)))
                .help("compute with floats: `double(x)`")
        }
        ExecutionError::IndexOutOfBounds(index) => Failure::new(match index {
            cel::Value::Int(index) => format!("there is no item [{index}]"),
            cel::Value::UInt(index) => format!("there is no item [{index}]"),
            _ => "there is no such item".to_owned(),
        }),
        ExecutionError::UndeclaredReference(name) => Failure::new(format!("there is no `{name}` in this place")),
        ExecutionError::FunctionError { function, message } => Failure::new(format!("`{function}`: {message}")),
        ExecutionError::DuplicateKey(_) => Failure::new("an object has the same member twice"),
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            Failure::new(format!("a function takes {expected} arguments, and was given {actual}"))
        }
        ExecutionError::UnsupportedKeyType(value) => {
            Failure::new(format!("{} cannot be the name of a member", with_article(&value.type_of().to_string())))
        }
        ExecutionError::UnsupportedIndex(index, value) => Failure::new(format!(
            "{} cannot be looked up in {}",
            with_article(&index.type_of().to_string()),
            with_article(&value.type_of().to_string())
        )),
        // Its text may hold whole values: cut it.
        other => Failure::new(other.to_string().chars().take(200).collect::<String>()),
    }
}

pub(crate) fn no_overload(function: &str, types: &[&str]) -> Failure {
    let types: Vec<&str> = types.iter().map(|name| short(name)).collect();
    let joined = types.iter().map(|name| with_article(name)).collect::<Vec<_>>().join(" and ");
    let message = match function {
        "compare" => format!("{joined} cannot be compared"),
        "_._" | "_[_]" => format!("{} has no members", with_article(types.first().copied().unwrap_or("value"))),
        _ => format!("`{}` does not take {joined}", symbol(function)),
    };
    let failure = Failure::new(message);
    let has = |kind: &str| types.contains(&kind);
    if has("double") && (has("int") || has("uint")) {
        failure.help("CEL does not mix integers and floats: write `double(x)` around the integer")
    } else if has("int") && has("uint") {
        failure.help("CEL does not mix `int` and `uint`: write `int(x)` or `double(x)`")
    } else if has("string") && types.len() == 2 && symbol(function) == "+" {
        failure.help("write `string(x)` around what is no text")
    } else if has("string") && types.len() == 2 {
        failure.help("a text is made a number with `int(x)` or `double(x)`")
    } else {
        failure
    }
}

/// `_+_` is `+`.
fn symbol(function: &str) -> &str {
    match function {
        "_?_:_" => "?:",
        "add" => "+",
        "sub" => "-",
        "mul" => "*",
        "div" => "/",
        "rem" => "%",
        "@in" => "in",
        name if name.starts_with(['_', '!', '-']) => name.trim_matches('_'),
        name => name,
    }
}

fn short(name: &str) -> &str {
    match name {
        "float" => "double",
        "null_type" => "null",
        name => name.split('(').next().unwrap_or(name),
    }
}
