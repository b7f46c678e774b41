//! What keeps an expression from overflowing the stack or running without end.

use crate::error::ExpressionError;

/// The most bytes that one expression may have.
pub const MAX_LENGTH: usize = 64 * 1024;

/// How deep an expression's syntax tree may be: operators, members and brackets that hold each other.
pub const MAX_DEPTH: usize = 48;

/// How many items `map`, `filter`, `all`, `exists` and `exists_one` may visit in one evaluation, all together, in an
/// expression of less than 256 bytes; proportionally fewer in a longer one.
pub const MAX_ITERATIONS: u64 = 1_000_000;

/// The most bytes of one result that CEL made.
pub(crate) const MAX_RESULT: usize = 256 << 20;

/// One open bracket, or the whole text: an upper bound of the depth of the tree that it becomes.
#[derive(Default)]
struct Level {
    /// The deepest of what is already behind a comma, `&&` or `||` (which CEL balances).
    best: usize,
    /// Operators since then: each holds everything before it.
    operators: usize,
    /// The deepest operand since then.
    operand: usize,
    /// The operand that is being read: members, calls and indices, each of which holds what is before it.
    chain: usize,
    /// What the bracket itself costs: a comprehension becomes several nodes.
    cost: usize,
}

impl Level {
    fn operator(&mut self) {
        self.operand = self.operand.max(std::mem::take(&mut self.chain));
        self.operators += 1;
    }

    fn depth(&self) -> usize {
        self.best.max(self.operators + self.operand.max(self.chain))
    }

    fn part(&mut self) {
        self.best = self.depth();
        (self.operators, self.operand, self.chain) = (0, 0, 0);
    }
}

/// Checks the text before any recursive parser sees it.
pub(crate) fn check(source: &str) -> Result<(), ExpressionError> {
    if source.len() > MAX_LENGTH {
        let message = format!("the expression has {} bytes, and may have {MAX_LENGTH}", source.len());
        return Err(ExpressionError::new(message).at(0).help("give large values as inputs, or compute them in a unit"));
    }
    let bytes = source.as_bytes();
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let mut position = 0;
    while let Some(&byte) = bytes.get(position) {
        let mut length = 1;
        match byte {
            b'"' | b'\'' => length = end_of_string(source, position).unwrap_or(bytes.len()) - position,
            b'/' if bytes.get(position + 1) == Some(&b'/') => {
                let rest = source.get(position..).unwrap_or_default();
                length = rest.find('\n').unwrap_or(rest.len());
            }
            b'(' | b'[' | b'{' => {
                let cost = if byte == b'(' && is_comprehension(source, position) { 5 } else { 1 };
                outer.push(std::mem::replace(&mut level, Level { cost, ..Level::default() }));
            }
            b')' | b']' | b'}' => {
                if let Some(above) = outer.pop() {
                    let inner = std::mem::replace(&mut level, above);
                    level.chain = level.chain.max(inner.depth()) + inner.cost;
                }
            }
            b',' => level.part(),
            b'&' | b'|' if bytes.get(position + 1) == Some(&byte) => {
                level.part();
                length = 2;
            }
            b'.' => level.chain += 1,
            b'<' | b'>' | b'=' | b'!' if bytes.get(position + 1) == Some(&b'=') => {
                level.operator();
                length = 2;
            }
            b'+' | b'-' | b'*' | b'/' | b'%' | b'!' | b'<' | b'>' | b'=' | b'?' | b':' => level.operator(),
            b'i' if is_word(source, position, "in") => level.operator(),
            _ => {}
        }
        if outer.len() > MAX_DEPTH || level.depth() > MAX_DEPTH {
            return Err(too_deep(position));
        }
        position += length;
    }
    let open: usize = outer.iter().map(|above| above.depth() + 1).sum();
    if open + level.depth() > MAX_DEPTH { Err(too_deep(0)) } else { Ok(()) }
}

fn too_deep(position: usize) -> ExpressionError {
    ExpressionError::new(format!("the expression nests deeper than {MAX_DEPTH}"))
        .at(position)
        .help("take it apart: compute the parts in steps of their own")
}

/// Whether the bracket at this place is that of `map(`, `filter(`, ….
fn is_comprehension(source: &str, bracket: usize) -> bool {
    let before = source.get(..bracket).unwrap_or_default().trim_end();
    ["map", "filter", "all", "exists", "exists_one", "optMap", "optFlatMap"].iter().any(|name| before.ends_with(name))
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
        for open in ["(", "[", "{", "!", "-", "a.", "1+", "a?b:", "a in ", "[a].map(x, "] {
            assert!(check(&open.repeat(MAX_LENGTH / open.len())).is_err(), "{open}");
        }
        assert!(check(&"inputs.a.b + ".repeat(40)).is_ok());
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
