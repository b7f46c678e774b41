//! As much of Go's grammar as it takes to find functions and the names of their parameters. Whether the source is Go, the compiler says.

use std::ops::Range;

/// What glue has to know of a file.
#[derive(Debug, Default)]
pub(super) struct GoFile {
    /// Where the package's name stands.
    pub(super) package: Option<Range<usize>>,
    pub(super) functions: Vec<GoFunction>,
}

/// A function at the top of a file; methods are none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GoFunction {
    pub(super) name: String,
    /// Where the name stands.
    pub(super) at: Range<usize>,
    pub(super) params: Vec<GoField>,
    /// The types of the results.
    pub(super) results: Vec<String>,
    /// Whether it has type parameters.
    pub(super) generic: bool,
    /// Whether its body is empty.
    pub(super) empty: bool,
}

/// A parameter, as it is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GoField {
    pub(super) name: Option<String>,
    pub(super) kind: String,
    pub(super) at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Literal,
    Sign,
}

#[derive(Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
}

impl Token<'_> {
    fn is(&self, text: &str) -> bool {
        self.kind != Kind::Literal && self.text == text
    }

    fn end(&self) -> usize {
        self.start + self.text.len()
    }

    fn range(&self) -> Range<usize> {
        self.start..self.end()
    }
}

/// Reads one file.
pub(super) fn scan(source: &str) -> GoFile {
    let tokens = tokens(source);
    let mut file = GoFile::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).filter(|next| next.kind == Kind::Word);
        match next {
            Some(name) if token.is("package") && file.package.is_none() => {
                file.package = Some(name.range());
                at += 2;
            }
            Some(name) if token.is("func") => {
                let (function, after) = function(source, &tokens, name, at + 2);
                file.functions.push(function);
                at = after;
            }
            _ => at = past(&tokens, at),
        }
    }
    file
}

/// The function whose name was just read, and where its body begins.
fn function(source: &str, tokens: &[Token<'_>], name: &Token<'_>, mut at: usize) -> (GoFunction, usize) {
    let is = |at: usize, sign: &str| tokens.get(at).is_some_and(|token| token.is(sign));
    let inner = |from: usize, to: usize| tokens.get(from + 1..to.saturating_sub(1)).unwrap_or_default();
    let generic = is(at, "[");
    if generic {
        at = past(tokens, at);
    }
    let mut params = Vec::new();
    if is(at, "(") {
        let end = past(tokens, at);
        params = fields(source, inner(at, end));
        at = end;
    }
    let mut results = Vec::new();
    if is(at, "(") {
        let end = past(tokens, at);
        results = fields(source, inner(at, end)).into_iter().map(|field| field.kind).collect();
        at = end;
    } else {
        let start = at;
        while at < tokens.len() && !is(at, "{") {
            let braces = is(at, "struct") || is(at, "interface");
            at = past(tokens, at);
            if braces && is(at, "{") {
                at = past(tokens, at);
            }
        }
        results.extend(words(source, tokens.get(start..at).unwrap_or_default()));
    }
    let empty = is(at, "{") && is(at + 1, "}");
    (GoFunction { name: name.text.to_owned(), at: name.range(), params, results, generic, empty }, at)
}

/// `a, b int, c ...string`, or types alone.
fn fields(source: &str, tokens: &[Token<'_>]) -> Vec<GoField> {
    let mut entries: Vec<&[Token<'_>]> = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(token) = tokens.get(at) {
        if token.is(",") {
            entries.extend(tokens.get(start..at));
            start = at + 1;
        }
        at = past(tokens, at);
    }
    entries.extend(tokens.get(start..));
    entries.retain(|entry| !entry.is_empty());
    let named = entries.iter().any(|entry| has_name(entry));
    let mut found: Vec<GoField> = Vec::new();
    let mut later = String::new();
    for entry in entries.iter().rev() {
        let Some(first) = entry.first() else { continue };
        let own = if !named || has_name(entry) {
            words(source, entry.get(usize::from(named)..).unwrap_or_default())
        } else {
            None
        };
        if let Some(own) = own {
            later = own;
        }
        let name = named.then(|| first.text.to_owned());
        found.push(GoField { name, kind: later.clone(), at: first.start });
    }
    found.reverse();
    found
}

/// Whether an entry is a name and a type: `a int`, `a [3]int`; not `pkg.Type`, `List[int]`.
fn has_name(entry: &[Token<'_>]) -> bool {
    match entry {
        [first, second, ..] if first.kind == Kind::Word && second.is("[") => past(entry, 1) < entry.len(),
        [first, second, third, ..] if second.is(".") => first.kind == Kind::Word && third.is("."),
        [first, _, ..] => {
            first.kind == Kind::Word && !matches!(first.text, "func" | "map" | "chan" | "struct" | "interface")
        }
        _ => false,
    }
}

/// A type as it is written, in one line.
fn words(source: &str, tokens: &[Token<'_>]) -> Option<String> {
    let text = source.get(tokens.first()?.start..tokens.last()?.end())?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The token after this one, or after what it opens.
fn past(tokens: &[Token<'_>], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        if token.kind == Kind::Sign {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(rest) = source.get(start..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or_default();
        let length = |end: Option<usize>, ending: usize| end.map_or(rest.len(), |end| end + ending);
        let (kind, length) = if rest.starts_with("//") {
            (None, length(rest.find('\n'), 0))
        } else if rest.starts_with("/*") {
            (None, length(rest.get(2..).and_then(|inner| inner.find("*/")), 4))
        } else if first.is_whitespace() {
            (None, first.len_utf8())
        } else if first == '`' {
            (Some(Kind::Literal), length(rest.get(1..).and_then(|inner| inner.find('`')), 2))
        } else if first == '"' || first == '\'' {
            (Some(Kind::Literal), quoted(rest, first))
        } else if first.is_alphanumeric() || first == '_' {
            let kind = if first.is_numeric() { Kind::Literal } else { Kind::Word };
            (Some(kind), length(rest.find(|one: char| !one.is_alphanumeric() && one != '_'), 0))
        } else {
            (Some(Kind::Sign), first.len_utf8())
        };
        if let Some((kind, text)) = kind.zip(rest.get(..length)) {
            tokens.push(Token { kind, text, start });
        }
        start += length;
    }
    tokens
}

/// The length of a string or rune; one without an end goes to the end of its line.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, one) in rest.char_indices().skip(1) {
        match one {
            '\n' => return at,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if one == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(source: &str) -> String {
        let file = scan(source);
        let one = |function: &GoFunction| {
            let params: Vec<String> =
                function.params.iter().map(|p| format!("{}:{}", p.name.as_deref().unwrap_or("-"), p.kind)).collect();
            format!("{}({}) -> {}", function.name, params.join("; "), function.results.join("; "))
        };
        file.functions.iter().map(one).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn parameters_have_the_types_that_are_written_after_them() {
        assert_eq!(signature("func Add(a, b int) int { return 0 }"), "Add(a:int; b:int) -> int");
        assert_eq!(
            signature("func F(a []int, m map[string][]T, r ...string) (int, error) {}"),
            "F(a:[]int; m:map[string][]T; r:...string) -> int; error"
        );
        assert_eq!(
            signature("func F(a struct{ X, Y int }, f func(a, b int) int) struct{ Z int } {}"),
            "F(a:struct{ X, Y int }; f:func(a, b int) int) -> struct{ Z int }"
        );
        assert_eq!(
            signature("func F(int, pkg.T, List[int], map[string]int) {}"),
            "F(-:int; -:pkg.T; -:List[int]; -:map[string]int) -> "
        );
        assert_eq!(
            signature("func F(a [3]int, b *p.T,\n\tc /* why */ any,\n) (n int, err error) {}"),
            "F(a:[3]int; b:*p.T; c:any) -> int; error"
        );
        assert_eq!(signature("func F(r ...int) map[string]interface{} {}"), "F(r:...int) -> map[string]interface{}");
    }

    #[test]
    fn only_functions_at_the_top_count() {
        let source = "// func A() {}\n/* package x */ package step\nvar s = `func B() {}` + \"func C() {}\\\"\" + string('\"')\n\
            func (t T) Method(x int) {}\nvar f = func(x int) { func() {}() }\nfunc D[T any](t T) {}\nfunc main() {}\n";
        let file = scan(source);
        assert_eq!(file.package.and_then(|range| source.get(range)), Some("step"));
        let names: Vec<_> = file.functions.iter().map(|f| (f.name.as_str(), f.generic, f.empty)).collect();
        assert_eq!(names, [("D", true, true), ("main", false, true)]);
    }

    #[test]
    fn nothing_that_is_no_go_is_too_much() {
        for source in [
            "func",
            "func f",
            "func f(",
            "func f(a",
            "func f() (",
            "package",
            "\"",
            "'",
            "`",
            "/*",
            "func f[",
            "}}}}",
            "func f())(){",
        ] {
            scan(source);
        }
    }
}
