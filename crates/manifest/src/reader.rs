//! Positions and diagnostics: what every part of the mapping reports to.

use std::cell::RefCell;
use std::sync::Arc;

use wasmill_model::{Code, Diagnostic, Location};

use crate::Format;
use crate::keys::{ELSEWHERE, Keys};
use crate::tree::{Data, Member, Node, Span};

/// See [`Reader::blocks`].
const BLOCK: usize = 1024;

/// Problems for which the name is sought that was meant: whoever has more starts with these.
const SUGGESTED: usize = 100;
/// Names that are compared with one that is wrong.
const COMPARED: usize = 500;
/// Longer names, in bytes, are no slips of the pen, and comparing them costs.
const LONGEST: usize = 256;

/// The file, and what is wrong with it so far.
pub(crate) struct Reader<'a> {
    file: Arc<str>,
    text: &'a str,
    line_starts: Vec<usize>,
    /// How many characters begin before each block of [`BLOCK`] bytes, so that a file on one line costs no more than another.
    blocks: Vec<usize>,
    diagnostics: RefCell<Vec<Diagnostic>>,
    step: RefCell<Option<Arc<str>>>,
    format: Format,
}

/// The members of an object whose keys have been checked.
pub(crate) struct Fields<'n> {
    members: &'n [Member],
}

impl<'n> Fields<'n> {
    /// Those of an object that is not there.
    pub(crate) fn none() -> Self {
        Fields { members: &[] }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.member(key).map(|member| &member.value)
    }

    pub(crate) fn member(&self, key: &str) -> Option<&'n Member> {
        self.members.iter().find(|member| member.key == key)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &str, text: &'a str, format: Format) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let blocks = text
            .as_bytes()
            .chunks(BLOCK)
            .scan(0, |before, block| {
                let here = *before;
                *before += count_characters(block);
                Some(here)
            })
            .collect();
        Reader {
            file: file.into(),
            text,
            line_starts,
            blocks,
            diagnostics: RefCell::default(),
            step: RefCell::default(),
            format,
        }
    }

    /// Everything reported, in the order of the file, each once.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let mut diagnostics = self.diagnostics.into_inner();
        diagnostics.sort_by_key(|diagnostic| diagnostic.location.as_ref().map_or(0, |location| location.offset));
        diagnostics.dedup();
        diagnostics
    }

    /// The name that was probably meant, for the first [`SUGGESTED`] problems.
    pub(crate) fn nearest<'n>(&self, name: &str, among: impl Iterator<Item = &'n str>) -> Option<&'n str> {
        if self.count() < SUGGESTED { nearest(name, among) } else { None }
    }

    pub(crate) fn count(&self) -> usize {
        self.diagnostics.borrow().len()
    }

    /// The raw text of a span.
    pub(crate) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end.max(span.start)).unwrap_or_default()
    }

    pub(crate) fn location(&self, span: Span) -> Location {
        let mut offset = span.start.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|line| self.line_starts.get(line)).copied().unwrap_or(0);
        // A byte order mark takes no column.
        let mark = usize::from(start == 0 && offset > 0 && self.text.starts_with('\u{feff}'));
        let before = match self.text.as_bytes().get(start..offset) {
            Some(near) if near.len() <= BLOCK => count_characters(near),
            _ => self.characters_before(offset) - self.characters_before(start),
        };
        let column = (before + 1).saturating_sub(mark);
        Location {
            file: self.file.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            offset,
            length: span.end.saturating_sub(span.start),
        }
    }

    fn characters_before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        // Behind the last block there is nothing more to count.
        let Some(before) = self.blocks.get(block) else {
            return self.blocks.last().map_or(0, |last| last + self.tail());
        };
        before + count_characters(self.text.as_bytes().get(block * BLOCK..offset).unwrap_or_default())
    }

    /// The characters of the last block.
    fn tail(&self) -> usize {
        let start = self.blocks.len().saturating_sub(1) * BLOCK;
        count_characters(self.text.as_bytes().get(start..).unwrap_or_default())
    }

    /// From here on, diagnostics are about this step.
    pub(crate) fn set_step(&self, step: Option<Arc<str>>) {
        *self.step.borrow_mut() = step;
    }

    pub(crate) fn push(&self, mut diagnostic: Diagnostic) {
        if diagnostic.step.is_none() {
            diagnostic.step = self.step.borrow().clone();
        }
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    pub(crate) fn error(&self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::new(code, message).at(&self.location(span)).help(help));
    }

    /// A key and its value as the file's format has them, for help. The value is as YAML writes it.
    pub(crate) fn pair(&self, key: &str, value: &str) -> String {
        let is_bare = value.starts_with(['"', '…'])
            || matches!(value, "true" | "false")
            || value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        match self.format {
            Format::Toml if is_bare => format!("{key} = {value}"),
            Format::Toml => format!("{key} = \"{value}\""),
            Format::Yaml | Format::Json => format!("{key}: {value}"),
        }
    }

    /// A value of the wrong type: `` `memory` takes a size, and this is a list ``.
    pub(crate) fn wrong_type(&self, node: &Node, key: &str, takes: &str, help: &str) {
        self.error(Code::WrongType, node.span, format!("`{key}` takes {takes}, and this is {}", node.kind()), help);
    }

    /// The members of what must be an object, with every key that does not belong reported. Nothing at all is an empty object.
    pub(crate) fn fields<'n>(&self, node: &'n Node, key: &str, keys: &Keys) -> Option<Fields<'n>> {
        let members = self.members(node, key, keys.example)?;
        for member in members {
            let name = member.key.as_str();
            if keys.now.contains(&name) {
                continue;
            }
            if let Some((_, instead)) = keys.later.iter().find(|(later, _)| *later == name) {
                self.unsupported(member.key_span, &format!("`{name}`"), instead);
                continue;
            }
            let message = format!("{} has no key `{name}`", keys.what);
            if let Some((_, _, place)) = ELSEWHERE.iter().find(|(what, key, _)| (*what, *key) == (keys.what, name)) {
                self.error(Code::UnknownKey, member.key_span, message, *place);
                continue;
            }
            match self.nearest(name, keys.now.iter().copied()) {
                Some(near) => {
                    self.error(Code::UnknownKey, member.key_span, message, format!("did you mean `{near}`?"));
                }
                None => {
                    let help = format!("it has {}", listed(keys.now.iter().copied()));
                    self.error(Code::UnknownKey, member.key_span, message, help);
                }
            }
        }
        Some(Fields { members })
    }

    /// The members of what must be an object with names of the user's own.
    pub(crate) fn members<'n>(&self, node: &'n Node, key: &str, example: &str) -> Option<&'n [Member]> {
        match &node.data {
            Data::Object(members) => Some(members),
            Data::Null => Some(&[]),
            _ => {
                self.wrong_type(node, key, "an object", &format!("for example `{example}`"));
                None
            }
        }
    }

    pub(crate) fn unsupported(&self, span: Span, what: &str, instead: &str) {
        self.error(
            Code::Unsupported,
            span,
            format!("{what} is not supported by this version of Wasmill"),
            if instead.is_empty() { "leave it out; a later version will do it" } else { instead },
        );
    }

    /// What must be a text.
    pub(crate) fn text<'n>(&self, node: &'n Node, key: &str) -> Option<&'n str> {
        if let Some(text) = node.as_text() {
            return Some(text);
        }
        let help = match node.scalar_text() {
            Some(text) => format!("write it in quotes: `{}`", self.pair(key, &format!("\"{text}\""))),
            None => format!("write `{}`", self.pair(key, "…")),
        };
        self.wrong_type(node, key, "a text", &help);
        None
    }

    /// What must be one of a few words.
    pub(crate) fn choice<'n>(&self, node: &'n Node, key: &str, choices: &[&str]) -> Option<&'n str> {
        let text = self.text(node, key)?;
        if choices.contains(&text) {
            return Some(text);
        }
        let help = match self.nearest(text, choices.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it takes {}", listed(choices.iter().copied())),
        };
        self.error(Code::InvalidValue, node.span, format!("`{key}` takes no `{text}`"), help);
        None
    }

    /// A text, or a list of texts.
    pub(crate) fn texts<'n>(&self, node: &'n Node, key: &str) -> Vec<(&'n str, Span)> {
        match &node.data {
            Data::List(items) => {
                items.iter().filter_map(|item| self.text(item, key).map(|text| (text, item.span))).collect()
            }
            Data::Null => Vec::new(),
            _ => self.text(node, key).map(|text| (text, node.span)).into_iter().collect(),
        }
    }

    /// True or false; `example` is what to write.
    pub(crate) fn flag(&self, node: &Node, key: &str, example: &str) -> Option<bool> {
        match node.data {
            Data::Bool(flag) => Some(flag),
            _ => {
                self.wrong_type(node, key, "true or false", example);
                None
            }
        }
    }

    /// A number with a unit: a size, a duration, a count.
    pub(crate) fn quantity<T>(
        &self,
        node: &Node,
        key: &str,
        takes: &str,
        example: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let Some(text) = node.scalar_text().filter(|_| !matches!(node.data, Data::Bool(_))) else {
            self.wrong_type(node, key, takes, &format!("write `{}`", self.pair(key, example)));
            return None;
        };
        // A float is read as it was written: `2e9` keeps its digits.
        let raw = self.slice(node.span).trim();
        let text = if matches!(node.data, Data::Float(_)) && !raw.is_empty() { raw.to_owned() } else { text };
        read(&text)
            .map_err(|problem| {
                self.error(Code::InvalidValue, node.span, format!("`{key}` takes {takes}, and not `{text}`"), problem);
            })
            .ok()
    }
}

/// The characters that begin in these bytes of UTF-8.
fn count_characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !matches!(**byte, 0x80..=0xBF)).count()
}

/// The name that was probably meant.
fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let lower = name.to_lowercase();
    let length = lower.chars().count();
    // Each character that one has more is a slip of its own.
    let similar_length = |candidate: &&str| {
        let other = candidate.chars().count();
        candidate.len() <= LONGEST && length.abs_diff(other) <= slips(length.max(other))
    };
    among
        .filter(similar_length)
        .take(COMPARED)
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| {
            let length = candidate.chars().count().max(length);
            *distance < length && *distance <= slips(length)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How much may be wrong in a name of so many characters.
fn slips(length: usize) -> usize {
    1.max(length / 3)
}

/// `` `a`, `b` and `c` ``, cut after a dozen.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let mut names = names;
    let shown: Vec<String> = names.by_ref().take(SHOWN).map(|name| format!("`{name}`")).collect();
    // Counting them one by one for each of many problems would cost.
    let more = match names.size_hint() {
        (least, Some(most)) if least == most => least,
        _ => names.count(),
    };
    match shown.as_slice() {
        [] => "none".to_owned(),
        all if more > 0 => format!("{} and {more} more", all.join(", ")),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_another_word_is_not() {
        let near = |name| nearest(name, ["orders", "currency"].into_iter());
        assert_eq!(near("oders"), Some("orders"));
        assert_eq!(near("CURRENCI"), Some("currency"));
        assert_eq!(near("currencies-of-all-countries"), None);
        assert_eq!(nearest("b", ["a"].into_iter()), None);
    }

    #[test]
    fn only_so_many_names_of_a_similar_length_are_compared() {
        let others = |name: &'static str, count| std::iter::repeat_n(name, count);
        let found = |others| nearest("oders", Iterator::chain(others, ["orders"]));
        assert_eq!(found(others("somewhere", 10 * COMPARED)), Some("orders"));
        assert_eq!(found(others("other", COMPARED)), None);
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(nearest(&long, [long.as_str()].into_iter()), None);
    }

    #[test]
    fn only_the_first_problems_have_suggestions() {
        let reader = Reader::new("p.yaml", "", Format::Yaml);
        for _ in 0..SUGGESTED {
            assert_eq!(reader.nearest("oders", ["orders"].into_iter()), Some("orders"));
            reader.push(Diagnostic::new(Code::UnknownStep, ""));
        }
        assert_eq!(reader.nearest("oders", ["orders"].into_iter()), None);
    }

    #[test]
    fn a_dozen_names_are_listed() {
        let of = |count: usize| {
            let names: Vec<String> = (0..count).map(|one| one.to_string()).collect();
            listed(names.iter().map(String::as_str))
        };
        assert_eq!((of(0), of(1), of(3)), ("none".to_owned(), "`0`".to_owned(), "`0`, `1` and `2`".to_owned()));
        assert!(of(12).ends_with("`10` and `11`"), "{}", of(12));
        assert!(of(14).ends_with("`11` and 2 more"), "{}", of(14));
    }
}
