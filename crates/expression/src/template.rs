//! Text with `${{ … }}` in it.

use wasmill_model::{Expression, Location, Part, Template, Value};

use crate::bounds;
use crate::error::ExpressionError;
use crate::parse::parse;

const OPEN: &str = "${{";

/// Whether a text is more than itself: whether it holds `${{`, escaped or not.
pub fn has_expression(text: &str) -> bool {
    text.contains(OPEN)
}

/// Reads a text that may hold expressions. `$${{` is the text `${{`.
///
/// `location` is where the first character of `text` stands; expressions and errors get positions from it, exact on the first
/// line of the text.
///
/// # Errors
/// The first expression that is not closed or not valid.
pub fn parse_template(text: &str, location: &Location) -> Result<Template, ExpressionError> {
    parse_template_with(text, &|offset| shift(location, text, offset))
}

/// As [`parse_template`], for a caller who knows where each byte of the text stands in the file.
///
/// # Errors
/// The first expression that is not closed or not valid.
pub fn parse_template_with(text: &str, locate: &dyn Fn(usize) -> Location) -> Result<Template, ExpressionError> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut position = 0;
    while let Some(found) = text.get(position..).and_then(|rest| rest.find(OPEN)) {
        let open = position + found;
        let before = text.get(position..open).unwrap_or_default();
        if let Some(before) = before.strip_suffix('$') {
            plain.push_str(before);
            plain.push_str(OPEN);
            position = open + OPEN.len();
            continue;
        }
        plain.push_str(before);
        let start = open + OPEN.len();
        let Some(end) = end_of_expression(text, start) else {
            let mut error = ExpressionError::new("`${{` is not closed")
                .help("close it with `}}`; for the text `${{` itself write `$${{`")
                .at(open);
            error.location = locate(open);
            return Err(error);
        };
        let expression = one(text, start, end, locate)?;
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Expression(expression));
        position = end + 2;
    }
    plain.push_str(text.get(position..).unwrap_or_default());
    if parts.is_empty() {
        return Ok(Template::Literal(Value::from(plain)));
    }
    // A block scalar ends in a newline that nobody means as text.
    let is_end_of_block = plain.trim().is_empty() && plain.ends_with('\n') && parts.len() == 1;
    if !(plain.is_empty() || is_end_of_block && matches!(parts.first(), Some(Part::Expression(_)))) {
        parts.push(Part::Text(plain));
    }
    match parts.pop() {
        Some(Part::Expression(expression)) if parts.is_empty() => Ok(Template::Expression(expression)),
        Some(last) => {
            parts.push(last);
            Ok(Template::Text(parts))
        }
        None => Ok(Template::Text(parts)),
    }
}

fn one(
    text: &str,
    start: usize,
    end: usize,
    locate: &dyn Fn(usize) -> Location,
) -> Result<Expression, ExpressionError> {
    let inner = text.get(start..end).unwrap_or_default();
    let source = inner.trim();
    let begin = start + (inner.len() - inner.trim_start().len());
    let mut location = locate(begin);
    location.length = source.len();
    parse(source, location).map_err(|mut error| {
        let offset = begin + error.offset.unwrap_or(0);
        error.offset = Some(offset);
        error.location = locate(offset);
        error
    })
}

/// Where the `}}` stands that closes an expression: not one within a string or a map of the expression.
fn end_of_expression(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = 0usize;
    let mut position = start;
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b'"' | b'\'' => match bounds::end_of_string(text, position) {
                Some(end) => {
                    position = end;
                    continue;
                }
                // An unclosed string: the nearest `}}` makes the better error.
                None => return text.get(position..).and_then(|rest| rest.find("}}")).map(|at| position + at),
            },
            b'{' => open += 1,
            b'}' if open > 0 => open -= 1,
            b'}' if bytes.get(position + 1) == Some(&b'}') => return Some(position),
            _ => {}
        }
        position += 1;
    }
    // Unbalanced braces: the nearest `}}` makes the better error.
    text.get(start..).and_then(|rest| rest.find("}}")).map(|at| start + at)
}

/// The location of the byte `offset` of a text that begins at `location`.
pub(crate) fn shift(location: &Location, text: &str, offset: usize) -> Location {
    let before = text.get(..offset).unwrap_or_default();
    let mut shifted = location.clone();
    shifted.length = 0;
    if location.line == 0 {
        return shifted;
    }
    shifted.offset += offset;
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    shifted.line = shifted.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
    shifted.column = match before.rsplit_once('\n') {
        Some((_, last)) => count(last).saturating_add(1),
        None => shifted.column.saturating_add(count(before)),
    };
    shifted
}
