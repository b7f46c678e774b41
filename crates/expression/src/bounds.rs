//! What keeps an expression from overflowing the stack or running without end.

use crate::error::ExpressionError;

/// The most bytes that one expression may have.
pub const MAX_LENGTH: usize = 64 * 1024;

/// How deep an expression may nest: every bracket, and every operator or member access within one term, counts.
pub const MAX_DEPTH: usize = 160;

/// How many items `map`, `filter`, `all`, `exists` and `exists_one` may visit in one evaluation, all together, in an
/// expression of less than 256 bytes; proportionally fewer in a longer one.
pub const MAX_ITERATIONS: u64 = 1_000_000;

/// The most bytes of one result that CEL made.
pub(crate) const MAX_RESULT: usize = 256 << 20;

/// Checks the text before any recursive parser sees it.
///
/// The depth of the syntax tree is bounded from above by what stands between two commas (or `&&`, `||`, which CEL balances), on
/// every bracket level that is open.
pub(crate) fn check(source: &str) -> Result<(), ExpressionError> {
    if source.len() > MAX_LENGTH {
        return Err(ExpressionError::new(format!(
            "the expression has {} bytes, and may have {MAX_LENGTH}",
            source.len()
        ))
        .at(0)
        .help("give large values as inputs, or compute them in a unit"));
    }
    let bytes = source.as_bytes();
    let mut levels = vec![0usize];
    let mut depth = 0usize;
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b'"' | b'\'' => {
                position = end_of_string(source, position).unwrap_or(bytes.len());
                continue;
            }
            b'/' if bytes.get(position + 1) == Some(&b'/') => {
                position =
                    source.get(position..).and_then(|rest| rest.find('\n')).map_or(bytes.len(), |at| position + at);
                continue;
            }
            b'(' | b'[' | b'{' => {
                depth += 1;
                if let Some(top) = levels.last_mut() {
                    *top += 1;
                }
                levels.push(0);
            }
            b')' | b']' | b'}' => {
                if levels.len() > 1 {
                    depth -= levels.pop().unwrap_or(0);
                }
            }
            b',' => reset(&mut levels, &mut depth),
            b'&' | b'|' if bytes.get(position + 1) == Some(&byte) => {
                reset(&mut levels, &mut depth);
                position += 1;
            }
            b'.' | b'+' | b'-' | b'*' | b'/' | b'%' | b'!' | b'<' | b'>' | b'=' | b'?' | b':' => {
                depth += 1;
                if let Some(top) = levels.last_mut() {
                    *top += 1;
                }
            }
            b'i' if is_word(source, position, "in") => {
                depth += 1;
                if let Some(top) = levels.last_mut() {
                    *top += 1;
                }
                position += 1;
            }
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(ExpressionError::new(format!("the expression nests deeper than {MAX_DEPTH}"))
                .at(position)
                .help("take it apart: compute the parts in steps of their own"));
        }
        position += 1;
    }
    Ok(())
}

fn reset(levels: &mut [usize], depth: &mut usize) {
    if let Some(top) = levels.last_mut() {
        *depth -= std::mem::take(top);
    }
}

fn is_word(source: &str, at: usize, word: &str) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = source.as_bytes();
    source.get(at..).is_some_and(|rest| rest.starts_with(word))
        && !is_part(at.checked_sub(1).and_then(|before| bytes.get(before)))
        && !is_part(bytes.get(at + word.len()))
}

/// The first byte after the CEL string literal that begins with the quote at `start`; none where it is not closed.
pub(crate) fn end_of_string(source: &str, start: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    let quote = *bytes.get(start)?;
    let is_raw =
        start.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(|byte| matches!(byte, b'r' | b'R'));
    let triple = [quote; 3];
    let is_triple = bytes.get(start..start + 3) == Some(&triple);
    let mut position = start + if is_triple { 3 } else { 1 };
    loop {
        match *bytes.get(position)? {
            b'\\' if !is_raw => position += 2,
            b'\n' if !is_triple => return None,
            byte if byte == quote && !is_triple => return Some(position + 1),
            byte if byte == quote && bytes.get(position..position + 3) == Some(&triple) => return Some(position + 3),
            _ => position += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_bounded_and_breadth_is_not() {
        assert!(check(&"(".repeat(100_000)).is_err());
        for open in ["(", "[", "{", "!", "-", "a.", "1+", "a?b:", "a in "] {
            assert!(check(&open.repeat(MAX_LENGTH / open.len())).is_err(), "{open}");
        }
        for wide in ["a.b, ", "a.b && ", "a == 1 || "] {
            assert!(check(&wide.repeat(MAX_LENGTH / wide.len())).is_ok(), "{wide}");
        }
        assert!(check(&"x".repeat(MAX_LENGTH + 1)).is_err());
        assert!(check("'((((((' + \"]]]]\"").is_ok());
    }

    #[test]
    fn strings_end_where_cel_ends_them() {
        assert_eq!(end_of_string("'a' b", 0), Some(3));
        assert_eq!(end_of_string(r"'a\'' b", 0), Some(5));
        assert_eq!(end_of_string(r"r'a\' b", 1), Some(5));
        assert_eq!(end_of_string("'''a'b''' c", 0), Some(9));
        assert_eq!(end_of_string("'a", 0), None);
    }
}
