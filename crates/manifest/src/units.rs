//! `units:`, and units that stand in a step.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use indexmap::IndexMap;
use wasmill_model::{Builtin, Code, Language, UnitSource, UnitSpec};

use crate::reader::Reader;
use crate::tree::{Data, Node, Span};
use crate::{keys, sources};

const SOURCES: [&str; 9] = ["path", "url", "base64", "wat", "builtin", "pipeline", "program", "source", "code"];

pub(crate) fn read(node: &Node, reader: &Reader<'_>) -> IndexMap<Arc<str>, UnitSpec> {
    let mut units = IndexMap::new();
    for member in reader.members(node, "units", "units: { stats: units/stats.wasm }").unwrap_or_default() {
        if member.key.is_empty() {
            reader.error(Code::InvalidValue, member.key_span, "a unit needs a name", "for example `stats:`");
        }
        if let Some(unit) = unit(&member.value, &member.key, member.key_span, reader) {
            units.insert(member.key.as_str().into(), unit);
        }
    }
    units
}

/// One unit: a path, or an object. None where something is wrong with it, which has been reported.
pub(crate) fn unit(node: &Node, key: &str, span: Span, reader: &Reader<'_>) -> Option<UnitSpec> {
    let location = reader.location(span);
    if let Data::String(text) = &node.data {
        return path(text, node, reader).map(|source| UnitSpec { source, sha256: None, location });
    }
    let before = reader.count();
    let fields = reader.fields(node, key, &keys::UNIT)?;
    let sha256 = fields.get("sha256").and_then(|node| {
        reader
            .text(node, "sha256")?
            .parse()
            .map_err(|error: wasmill_model::DigestError| {
                reader.error(Code::InvalidValue, node.span, error.to_string(), "`wasmill inspect UNIT` prints it");
            })
            .ok()
    });
    let given: Vec<&str> = SOURCES.into_iter().filter(|source| fields.get(source).is_some()).collect();
    let source = match given.as_slice() {
        [] => {
            // One of a later version has been reported already.
            if reader.count() == before {
                reader.error(
                    Code::MissingKey,
                    span,
                    format!("the unit `{key}` does not say where it comes from"),
                    "give it a `path`, a `url`, a `wat` or a `base64`, or a `source` or `code` in a `language`",
                );
            }
            None
        }
        ["source" | "code"] => sources::read(&fields, span, reader).map(UnitSource::Source),
        [one] => {
            sources::nothing_else(&fields, one, reader);
            fields.get(one).and_then(|node| source(one, node, reader))
        }
        [one, other, ..] => {
            if let Some(member) = fields.member(other) {
                reader.error(
                    Code::InvalidValue,
                    member.key_span,
                    format!("the unit `{key}` has both `{one}` and `{other}`"),
                    "leave one of them out: a unit comes from one place",
                );
            }
            None
        }
    };
    Some(UnitSpec { source: source?, sha256, location })
}

fn source(key: &str, node: &Node, reader: &Reader<'_>) -> Option<UnitSource> {
    let text = reader.text(node, key)?;
    match key {
        "path" => path(text, node, reader),
        "url" => url(text, node, reader),
        "pipeline" => pipeline(text, node, reader),
        "program" => program(text, node, reader),
        "builtin" => {
            let name = reader.choice(node, key, &Builtin::ALL.map(Builtin::as_str))?;
            Builtin::ALL.into_iter().find(|unit| unit.as_str() == name).map(UnitSource::Builtin)
        }
        "wat" => {
            if text.trim().is_empty() {
                reader.error(Code::InvalidValue, node.span, "`wat` is empty", "write `(module …)`");
                return None;
            }
            Some(UnitSource::Wat(text.to_owned()))
        }
        _ => base64(key, text, node, reader),
    }
}

/// A binary in the text of a key.
pub(crate) fn base64(key: &str, text: &str, node: &Node, reader: &Reader<'_>) -> Option<UnitSource> {
    // Long base64 is broken into lines.
    let compact: String = text.chars().filter(|one| !one.is_ascii_whitespace()).collect();
    let problem = match BASE64.decode(&compact) {
        Ok(bytes) if !bytes.is_empty() => return Some(UnitSource::Base64(compact)),
        Ok(_) => format!("`{key}` is empty"),
        Err(error) => format!("`{key}` is not valid: {error}"),
    };
    reader.error(Code::Base64, node.span, problem, "`base64 unit.wasm` makes it");
    None
}

/// A unit's file.
pub(crate) fn path(text: &str, node: &Node, reader: &Reader<'_>) -> Option<UnitSource> {
    if text.trim_start().starts_with('(') {
        let help = "for WebAssembly text write `wat:` before it: `unit: { wat: \"(module …)\" }`";
        reader.error(Code::InvalidValue, node.span, "this is WebAssembly text, where a path is expected", help);
        return None;
    }
    if text.starts_with("http://") || text.starts_with("https://") {
        let help = "write `url:` before it, and the unit's digest: `{ url: \"https://…\", sha256: … }`";
        reader.error(Code::InvalidValue, node.span, "this is a URL, where a path is expected", help);
        return None;
    }
    if text.trim().is_empty() {
        reader.error(Code::InvalidValue, node.span, "the path is empty", "for example `units/stats.wasm`");
        return None;
    }
    let path = PathBuf::from(text);
    // WebAssembly text is a unit as it is.
    Some(match Language::of_file(&path).filter(|language| *language != Language::Wat) {
        Some(language) => UnitSource::Source(sources::file(language, path)),
        None => UnitSource::Path(path),
    })
}

/// The file of another pipeline.
pub(crate) fn pipeline(text: &str, node: &Node, reader: &Reader<'_>) -> Option<UnitSource> {
    let wrong = |message: &str, help: &str| {
        reader.error(Code::InvalidValue, node.span, message, help);
        None
    };
    match PathBuf::from(text) {
        _ if text.trim().is_empty() => wrong("the path is empty", "for example `pipeline: report.yaml`"),
        _ if text.contains("://") => {
            wrong("this is a URL, where a path is expected", "download the pipeline, and name its file")
        }
        path if path.extension().is_some_and(|extension| extension == "wasm" || extension == "wat") => {
            wrong("this is a unit, where the file of a pipeline is expected", "write `unit: { path: … }`")
        }
        path => Some(UnitSource::Pipeline(path)),
    }
}

/// The file of a native program. It is not looked for in `PATH`: which program is run must not depend on who runs it.
fn program(text: &str, node: &Node, reader: &Reader<'_>) -> Option<UnitSource> {
    if !text.contains('/') {
        let message = format!("`{text}` is no path, and programs are not looked for in `PATH`");
        reader.error(
            Code::InvalidValue,
            node.span,
            message,
            "for example `program: /usr/bin/sort`, or `program: ./tool`",
        );
        return None;
    }
    Some(UnitSource::Program(PathBuf::from(text)))
}

/// A unit's file or URL, where a dialect has one key for both.
pub(crate) fn place(text: &str, node: &Node, reader: &Reader<'_>) -> Option<UnitSource> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return url(text, node, reader);
    }
    path(text, node, reader)
}

/// An `http` or `https` URL. Whoever fetches it reads it in full; here is said what can be said with a position.
pub(crate) fn url(text: &str, node: &Node, reader: &Reader<'_>) -> Option<UnitSource> {
    let wrong = |message: &str, help: &str| {
        reader.error(Code::InvalidValue, node.span, message, help);
        None
    };
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return wrong(
            "units are fetched from `http://` and `https://` URLs only",
            "for example `https://example.com/unit.wasm`; a file is named with `path`",
        );
    }
    if text.chars().any(|one| one.is_whitespace() || one.is_control() || one == '\\') {
        return wrong("there is a blank or a `\\` in the URL", "a blank is written `%20`");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        // The message does not repeat it.
        return wrong(
            "there is a user name or a password in the URL",
            "Wasmill sends none: download the unit by other means, and name it with `path`",
        );
    }
    if authority.is_empty() || authority.starts_with(':') {
        return wrong("there is no host in the URL", "for example `https://example.com/unit.wasm`");
    }
    Some(UnitSource::Url(text.to_owned()))
}
