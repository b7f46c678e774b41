//! Units that are given as source: `language`, `source` or `code`, `function`, `trusted`; and `toolchains`.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use wasmill_model::{Code, FallbackTo, Language, Location, SourceText, SourceUnit, Step, UnitSource, UnitSpec};

use crate::reader::{Fields, Reader};
use crate::tree::{Node, Span};

/// A file without anything else said of it.
pub(crate) fn file(language: Language, path: PathBuf) -> SourceUnit {
    SourceUnit { language, text: SourceText::Path(path), function: None, trusted: false }
}

/// The source of a unit, or of a step's own unit, whose `function` is the step's as well.
pub(crate) fn read(fields: &Fields<'_>, span: Span, reader: &Reader<'_>) -> Option<SourceUnit> {
    let named = fields.get("language").map(|node| language(node, reader));
    let text = match (fields.get("source"), fields.get("code")) {
        (Some(node), _) => {
            let text = reader.text(node, "source")?;
            if text.trim().is_empty() {
                reader.error(Code::InvalidValue, node.span, "`source` is empty", "for example `source: clean.py`");
                return None;
            }
            SourceText::Path(PathBuf::from(text))
        }
        (None, Some(node)) => {
            let text = reader.text(node, "code")?;
            if text.trim().is_empty() {
                let help = "write a function: `code: \"def main(rows): return len(rows)\"`";
                reader.error(Code::InvalidValue, node.span, "`code` is empty", help);
                return None;
            }
            SourceText::Code(text.into())
        }
        (None, None) => return None,
    };
    let language = match (named, &text) {
        (Some(named), _) => named?,
        (None, SourceText::Path(path)) => match Language::of_file(path) {
            Some(language) => language,
            None => {
                let help = format!("write `language: …` beside it: {}", names());
                let message = format!("`{}` does not say which language it is in", path.display());
                let place = fields.get("source").map_or(span, |node| node.span);
                reader.error(Code::MissingKey, place, message, help);
                return None;
            }
        },
        (None, SourceText::Code(_)) => {
            let place = fields.member("code").map_or(span, |member| member.key_span);
            let help = format!("write `language: …` beside it: {}", names());
            reader.error(Code::MissingKey, place, "`code` needs a `language`", help);
            return None;
        }
    };
    let help = "write `trusted: true` where you trust the source and all that it depends on";
    let trusted = fields.get("trusted").and_then(|node| reader.flag(node, "trusted", help)).unwrap_or_default();
    let function = fields.get("function").and_then(|node| reader.text(node, "function")).map(Arc::from);
    Some(SourceUnit { language, text, function: function.filter(|_| names_function(language)), trusted })
}

fn language(node: &Node, reader: &Reader<'_>) -> Option<Language> {
    let text = reader.text(node, "language")?;
    if let Some(language) = Language::named(&text.to_ascii_lowercase()) {
        return Some(language);
    }
    let known = Language::ALL.map(Language::as_str);
    let help = match reader.nearest(text, known.into_iter()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", names()),
    };
    reader.error(Code::InvalidValue, node.span, format!("Wasmill builds no units in `{text}`"), help);
    None
}

fn names() -> String {
    crate::reader::listed(Language::ALL.into_iter().map(Language::as_str))
}

/// Whether the function is chosen when the unit is built. What C, C++ and WebAssembly text export is all there.
fn names_function(language: Language) -> bool {
    !matches!(language, Language::C | Language::Cpp | Language::Wat)
}

/// Keys that only source has, in a unit that is none.
pub(crate) fn nothing_else(fields: &Fields<'_>, source: &str, reader: &Reader<'_>) {
    for key in ["language", "trusted"] {
        if let Some(member) = fields.member(key) {
            let message = format!("`{key}` goes with `source` or `code`, and this is a `{source}`");
            reader.error(Code::InvalidValue, member.key_span, message, "take it out, or write `source: FILE`");
        }
    }
    // A step's own `function` is another thing.
    if source != "unit"
        && source != "pipeline"
        && let Some(member) = fields.member("function")
    {
        let help = "write `function` in the step that calls it";
        reader.error(
            Code::InvalidValue,
            member.key_span,
            "a unit that is no source has no `function` of its own",
            help,
        );
    }
}

/// A unit is built for one function: for each other one that steps call there is a unit more.
pub(crate) fn bind_functions(units: &mut IndexMap<Arc<str>, UnitSpec>, steps: &mut [Step]) {
    let mut replaced: IndexSet<Arc<str>> = IndexSet::new();
    let mut bind = |unit: &mut Arc<str>, function: Option<&str>, location: &Location| {
        let Some(function) = function else { return };
        let Some(spec) = units.get(unit) else { return };
        let UnitSource::Source(source) = &spec.source else { return };
        if !names_function(source.language) || source.function.as_deref() == Some(function) {
            return;
        }
        let other = SourceUnit { function: Some(function.into()), ..source.clone() };
        // What is wrong with the function is wrong where it is named.
        let spec = UnitSpec { source: UnitSource::Source(other), location: location.clone(), ..spec.clone() };
        let name: Arc<str> = format!("{unit} ({function})").into();
        units.entry(name.clone()).or_insert(spec);
        replaced.insert(std::mem::replace(unit, name));
    };
    for step in steps.iter_mut() {
        bind(&mut step.unit, step.function.as_deref(), &step.function_location);
        for fallback in &mut step.fallback {
            if let FallbackTo::Unit { unit, function } = &mut fallback.to {
                bind(unit, function.as_deref(), &step.location);
            }
        }
    }
    // One that is only called by other functions need not have a `main`.
    for name in replaced {
        let used = steps.iter().any(|step| {
            step.unit == name
                || step.fallback.iter().any(|one| matches!(&one.to, FallbackTo::Unit { unit, .. } if *unit == name))
        });
        if !used {
            units.shift_remove(&name);
        }
    }
}

/// `toolchains: { rust: /opt/rust/bin/rustc }`
pub(crate) fn toolchains(node: &Node, reader: &Reader<'_>) -> IndexMap<Language, PathBuf> {
    let mut found = IndexMap::new();
    for member in reader.members(node, "toolchains", "toolchains: { go: /usr/local/go/bin/go }").unwrap_or_default() {
        let Some(language) = Language::named(&member.key) else {
            let help = format!("there is {}", names());
            reader.error(Code::UnknownKey, member.key_span, format!("`{}` is no language", member.key), help);
            continue;
        };
        if let Some(text) = reader.text(&member.value, &member.key) {
            found.insert(language, PathBuf::from(text));
        }
    }
    found
}
