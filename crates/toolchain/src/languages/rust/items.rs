//! The items of a source's modules: functions and types, without the bodies of functions.
//!
//! The source is hostile and this is the host's own process, so nothing is parsed that could make the parser's stack overflow: bodies
//! are taken out before, and what is left may not go on for long without an end.

use std::collections::BTreeSet;
use std::ops::Range;

use proc_macro2::{Delimiter, Group, LineColumn, Span, TokenStream, TokenTree};
use syn::Item;

use crate::{BuildError, SourceFiles};

/// The most tokens that may stand before and around a token since the last end of an item or of a part of one.
const LONGEST: usize = 2_000;
/// The stack that parsing has: many times what the longest item takes.
pub(super) const STACK: usize = 64 << 20;
/// The deepest that groups and modules stand in each other.
const DEEPEST: usize = 64;

/// A module of the user's crate.
pub(super) struct Module {
    /// The file that it stands in.
    pub(super) file: String,
    /// Where text can be added at its end, in bytes; none at the end of the file.
    pub(super) end: Option<usize>,
    pub(super) items: Vec<Item>,
}

/// Why the items cannot be read.
pub(super) enum Unread {
    /// The compiler will say it better.
    Malformed { file: String, at: LineColumn, message: String },
    /// What is wrong with the source itself.
    Source(BuildError),
}

/// The modules of a crate, its root first. Files that are not there, and `#[path]`, are the compiler's business.
pub(super) fn modules(source: &SourceFiles) -> Result<Vec<Module>, Unread> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let folder = source.main.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    read_file(source, &source.main, &folder, &mut seen, &mut found)?;
    Ok(found)
}

fn read_file(
    source: &SourceFiles,
    file: &str,
    folder: &str,
    seen: &mut BTreeSet<String>,
    found: &mut Vec<Module>,
) -> Result<(), Unread> {
    if !seen.insert(file.to_owned()) {
        return Ok(());
    }
    let text = source.text(file).map_err(Unread::Source)?;
    let malformed = |at: Span, message: String| Unread::Malformed { file: file.to_owned(), at: at.start(), message };
    // A `#!` line and a byte order mark are no tokens; blanks in their place keep the positions.
    let blank: String;
    let code = match text.lines().next() {
        Some(line) if line.starts_with("#!") && !line.starts_with("#![") => {
            blank = text.replacen(line, &" ".repeat(line.len()), 1);
            blank.as_str()
        }
        _ => text,
    };
    let tokens: TokenStream =
        code.parse().map_err(|error: proc_macro2::LexError| malformed(error.span(), error.to_string()))?;
    if let Some(at) = too_deep(&tokens) {
        return Err(malformed(at, "this goes too deep".to_owned()));
    }
    let tokens = without_bodies(tokens, 0, 0)
        .map_err(|at| malformed(at, "this goes too deep, or on for too long".to_owned()))?;
    let parsed: syn::File = syn::parse2(tokens).map_err(|error| malformed(error.span(), error.to_string()))?;
    gather(source, Module { file: file.to_owned(), end: None, items: parsed.items }, folder, seen, found)
}

/// A module and those in it. `folder` is where the files of its own modules are.
fn gather(
    source: &SourceFiles,
    mut module: Module,
    folder: &str,
    seen: &mut BTreeSet<String>,
    found: &mut Vec<Module>,
) -> Result<(), Unread> {
    let mut inner = Vec::new();
    for item in &mut module.items {
        let Item::Mod(item) = item else { continue };
        if item.attrs.iter().any(|attribute| attribute.path().is_ident("cfg") || attribute.path().is_ident("path")) {
            continue;
        }
        let name = plain_name(&item.ident);
        match item.content.take() {
            Some((brace, items)) => {
                let end = Some(brace.span.close().byte_range().start);
                inner.push((Some(Module { file: module.file.clone(), end, items }), format!("{folder}{name}/")));
            }
            None => inner.push((None, format!("{folder}{name}"))),
        }
    }
    found.push(module);
    for (module, path) in inner {
        match module {
            Some(module) => gather(source, module, &path, seen, found)?,
            None => {
                let files = [format!("{path}.rs"), format!("{path}/mod.rs")];
                if let Some(file) = files.iter().find(|file| source.files.contains_key(*file)) {
                    read_file(source, file, &format!("{path}/"), seen, found)?;
                }
            }
        }
    }
    Ok(())
}

/// A name as JSON has it: `type` of `r#type`.
pub(super) fn plain_name(ident: &proc_macro2::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

/// The text of a part of a file.
pub(super) fn text_of<'a>(source: &'a SourceFiles, file: &str, part: Range<usize>) -> &'a str {
    source.text(file).ok().and_then(|text| text.get(part)).unwrap_or_default()
}

/// Items with `{}` in the place of the bodies of functions, implementations and all else that says nothing of types.
///
/// # Errors
/// The place of what goes on for too long.
fn without_bodies(items: TokenStream, depth: usize, before: usize) -> Result<TokenStream, Span> {
    let mut kept = Vec::new();
    let mut state = State::default();
    let mut length = before;
    for token in items {
        length += 1;
        if length > LONGEST || depth > DEEPEST {
            return Err(token.span());
        }
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !state.is_attribute => {
                let inner = match state.keyword {
                    Keyword::Mod => without_bodies(group.stream(), depth + 1, before)?,
                    Keyword::Type => {
                        short(group.stream(), depth + 1, before)?;
                        group.stream()
                    }
                    Keyword::None | Keyword::Value | Keyword::Other => TokenStream::new(),
                };
                kept.push(TokenTree::Group(with_stream(&group, inner)));
                if !matches!(state.keyword, Keyword::Value) {
                    state = State::default();
                    length = before;
                }
            }
            TokenTree::Group(group) => {
                if state.is_attribute {
                    // Neither parsed nor counted: documentation is as long as it likes.
                    length = length.saturating_sub(2);
                } else {
                    short(group.stream(), depth + 1, length)?;
                }
                state.is_attribute = false;
                kept.push(TokenTree::Group(group));
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => {
                kept.push(TokenTree::Punct(punct));
                state = State::default();
                length = before;
            }
            TokenTree::Punct(punct) => {
                state.is_attribute = punct.as_char() == '#' || (state.is_attribute && punct.as_char() == '!');
                kept.push(TokenTree::Punct(punct));
            }
            TokenTree::Ident(ident) => {
                state.see(&ident.to_string());
                kept.push(TokenTree::Ident(ident));
            }
            literal @ TokenTree::Literal(_) => kept.push(literal),
        }
    }
    Ok(kept.into_iter().collect())
}

/// Where groups stand deeper in each other than anything that a parser could follow on its stack: in attributes too, which nothing else
/// looks into.
fn too_deep(tokens: &TokenStream) -> Option<Span> {
    const MOST: usize = 200;
    let mut open = vec![(tokens.clone(), 0)];
    while let Some((tokens, depth)) = open.pop() {
        for token in tokens {
            if let TokenTree::Group(group) = token {
                if depth >= MOST {
                    return Some(group.span());
                }
                open.push((group.stream(), depth + 1));
            }
        }
    }
    None
}

/// That all parts between commas and semicolons are short.
fn short(tokens: TokenStream, depth: usize, before: usize) -> Result<(), Span> {
    let mut length = before;
    for token in tokens {
        length += 1;
        if length > LONGEST || depth > DEEPEST {
            return Err(token.span());
        }
        match token {
            TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => length = before,
            TokenTree::Group(group) => short(group.stream(), depth + 1, length)?,
            _ => {}
        }
    }
    Ok(())
}

/// A group in the same place with something else in it.
fn with_stream(group: &Group, inner: TokenStream) -> Group {
    let mut new = Group::new(group.delimiter(), inner);
    new.set_span(group.span());
    new
}

/// What kind of an item goes on.
#[derive(Clone, Copy, Default)]
enum Keyword {
    #[default]
    None,
    Mod,
    /// Its braces have fields.
    Type,
    /// Ends with a semicolon, whatever braces are in it.
    Value,
    /// Its braces are a body.
    Other,
}

#[derive(Default)]
struct State {
    keyword: Keyword,
    /// After `#`: what is in the brackets is not parsed.
    is_attribute: bool,
}

impl State {
    fn see(&mut self, word: &str) {
        let keyword = match word {
            "mod" => Keyword::Mod,
            "struct" | "enum" | "union" => Keyword::Type,
            "const" | "static" | "use" | "type" => Keyword::Value,
            "fn" | "impl" | "trait" | "macro_rules" => Keyword::Other,
            // `extern "C" {}`; `extern "C" fn` is a function in the end.
            "extern" => Keyword::None,
            _ => return,
        };
        // `const fn` is a function, and `impl` in a parameter's type is none.
        match (self.keyword, keyword) {
            (Keyword::None, _) | (Keyword::Value, Keyword::Other) => self.keyword = keyword,
            _ => {}
        }
    }
}

/// The bytes of something in its file.
pub(super) fn bytes_of(part: &impl syn::spanned::Spanned) -> Range<usize> {
    part.span().byte_range()
}

/// Where something begins, from 1.
pub(super) fn place_of(part: &impl syn::spanned::Spanned) -> (u32, u32) {
    let start = part.span().start();
    (u32::try_from(start.line).unwrap_or(0), u32::try_from(start.column + 1).unwrap_or(0))
}
