//! Where the WebAssembly of a task comes from, and what it may use.

use std::path::PathBuf;

use wasmill_model::{Code, LimitOverrides, UnitSource, UnitSpec};

use super::{MILLISECOND, SECOND, boolean, present, time, whole};
use crate::keys::Keys;
use crate::reader::{Fields, Reader};
use crate::tree::{Data, Node, Span};
use crate::units;

const SOURCE: Keys = Keys {
    what: "`wasm_source`",
    example: "{ type: file, file: units/unit.wasm }",
    now: &["type", "url", "file", "path", "base64", "sha256"],
    later: &[("auth_token", "download the unit, and name it with `file`")],
};

const CONFIG: Keys = Keys {
    what: "`wasm_config`",
    example: "{ memory_limit: 64MB, timeout_ms: 5000 }",
    now: &["memory_limit", "timeout_ms", "fuel", "allow_networking", "allow_file_system"],
    later: &[],
};

const RESOURCES: Keys = Keys {
    what: "`resources`",
    example: "{ memory_mb: 64 }",
    now: &["cpu_cores", "memory_mb", "timeout_seconds"],
    later: &[("gpu", "leave it out: a unit has no GPU"), ("gpu_count", "leave it out: a unit has no GPU")],
};

/// The keys that say where a unit comes from.
const SOURCES: [&str; 3] = ["wasm_binary", "wasm_source", "code_source"];

/// The unit of a task of `type: wasm`.
pub(super) fn unit(fields: &Fields<'_>, span: Span, reader: &Reader<'_>) -> Option<UnitSpec> {
    let given: Vec<(&str, &Node)> =
        SOURCES.into_iter().filter_map(|key| present(fields, key).map(|node| (key, node))).collect();
    let module = present(fields, "wasm_module");
    let (source, sha256, place) = match given.as_slice() {
        [] => {
            let Some(node) = module else {
                let help = "give it a `wasm_binary` in base64, a `wasm_source: { file: … }` or a `wasm_module`";
                reader.error(Code::MissingKey, span, "the task does not say where its WebAssembly comes from", help);
                return None;
            };
            (module_file(reader.text(node, "wasm_module")?, node, reader)?, None, node.span)
        }
        [(key @ "wasm_binary", node)] => (units::base64(key, reader.text(node, key)?, node, reader)?, None, node.span),
        [(key, node)] => {
            let (source, sha256) = nested(key, node, reader)?;
            (source, sha256, node.span)
        }
        [(one, _), (other, node), ..] => {
            let message = format!("the task has both `{one}` and `{other}`");
            reader.error(Code::InvalidValue, node.span, message, "leave one of them out: a unit comes from one place");
            return None;
        }
    };
    Some(UnitSpec { source, sha256, location: reader.location(place) })
}

/// A module's name is its file's, with or without the ending.
fn module_file(name: &str, node: &Node, reader: &Reader<'_>) -> Option<UnitSource> {
    let UnitSource::Path(path) = units::path(name, node, reader)? else { return None };
    let has_ending = path.extension().is_some_and(|ending| ending == "wasm" || ending == "wat");
    Some(UnitSource::Path(if has_ending { path } else { PathBuf::from(format!("{name}.wasm")) }))
}

/// `wasm_source` and `code_source`.
fn nested(key: &str, node: &Node, reader: &Reader<'_>) -> Option<(UnitSource, Option<wasmill_model::Digest>)> {
    if let Data::String(text) = &node.data {
        return Some((units::place(text, node, reader)?, None));
    }
    if let Some(kind) = node.get("type")
        && matches!(kind.as_text(), Some("docker" | "git" | "gist"))
    {
        let text = kind.as_text().unwrap_or_default();
        let message = format!("`{key}` of the type `{text}` is no WebAssembly");
        reader.error(Code::Unsupported, kind.span, message, "write `type: file`, and name a `.wasm` file with `file`");
        return None;
    }
    let fields = reader.fields(node, key, &SOURCE)?;
    let sha256 = present(&fields, "sha256").and_then(|node| {
        let parsed = reader.text(node, "sha256")?.parse();
        let report = |error: wasmill_model::DigestError| {
            reader.error(Code::InvalidValue, node.span, error.to_string(), "`wasmill inspect UNIT` prints it");
        };
        parsed.map_err(report).ok()
    });
    let kind = match present(&fields, "type") {
        Some(node) => Some((reader.choice(node, "type", &["file", "url", "path", "base64"])?, node.span)),
        None => None,
    };
    let sources = ["file", "path", "url", "base64"];
    let given: Vec<(&str, &Node)> =
        sources.into_iter().filter_map(|key| present(&fields, key).map(|node| (key, node))).collect();
    let source = match given.as_slice() {
        [] => {
            let word = kind.map_or("file", |(kind, _)| kind);
            let message = format!("`{key}` has no `{word}`");
            reader.error(Code::MissingKey, super::start(node), message, format!("write `{word}: …` in it"));
            return None;
        }
        [("base64", node)] => units::base64("base64", reader.text(node, "base64")?, node, reader)?,
        [("url", node)] => units::url(reader.text(node, "url")?, node, reader)?,
        [(word, node)] => units::path(reader.text(node, word)?, node, reader)?,
        [(one, _), (other, node), ..] => {
            let message = format!("`{key}` has both `{one}` and `{other}`");
            reader.error(Code::InvalidValue, node.span, message, "leave one of them out: a unit comes from one place");
            return None;
        }
    };
    if let (Some((kind, span)), Some((word, _))) = (kind, given.first()) {
        let group = |word: &str| if word == "path" { "file".to_owned() } else { word.to_owned() };
        if group(kind) != group(word) {
            let message = format!("the type is `{kind}`, and what is there is a `{word}`");
            reader.error(Code::InvalidValue, span, message, format!("write `type: {word}`"));
            return None;
        }
    }
    Some((source, sha256))
}

/// What a task may use: `timeout_seconds` and `wasm_config`, over `resources`.
pub(super) fn limits(fields: &Fields<'_>, reader: &Reader<'_>) -> LimitOverrides {
    let mut limits = LimitOverrides {
        timeout: present(fields, "timeout_seconds").and_then(|node| time(node, "timeout_seconds", SECOND, reader)),
        ..LimitOverrides::default()
    };
    let Some(fields) = present(fields, "wasm_config").and_then(|node| reader.fields(node, "wasm_config", &CONFIG))
    else {
        return limits;
    };
    limits.memory = present(&fields, "memory_limit")
        .and_then(|node| reader.quantity(node, "memory_limit", "a size", "64MB", crate::parse_size));
    limits.fuel = present(&fields, "fuel").and_then(|node| {
        let fuel = whole(node, "fuel", reader)?;
        if fuel == 0 {
            let message = "`fuel` is zero: nothing could run";
            reader.error(Code::InvalidValue, node.span, message, "leave it out for the host's default");
        }
        Some(fuel)
    });
    let own = present(&fields, "timeout_ms").and_then(|node| time(node, "timeout_ms", MILLISECOND, reader));
    limits.timeout = [limits.timeout, own].into_iter().flatten().min();
    for (key, what, grant) in [
        ("allow_networking", "which hosts", "grants: { net: [\"api.example.com:443\"] }"),
        ("allow_file_system", "which folders", "grants: { dirs: { ./data: /data } }"),
    ] {
        if let Some(node) = present(&fields, key)
            && boolean(node, key, reader) == Some(true)
        {
            let message = format!("`{key}: true` does not say {what}, and Wasmill grants nothing by halves");
            let help =
                format!("write `false`, convert the file (`wasmill convert`), and grant them to the step: `{grant}`");
            reader.error(Code::Unsupported, node.span, message, help);
        }
    }
    limits
}

/// `resources` of a definition: limits of every task that sets none of its own.
pub(super) fn resources(node: &Node, reader: &Reader<'_>) -> LimitOverrides {
    let Some(fields) = reader.fields(node, "resources", &RESOURCES) else { return LimitOverrides::default() };
    // A step has one core, whatever it asks for.
    let _ = present(&fields, "cpu_cores").and_then(|node| {
        node.as_f64().or_else(|| {
            reader.wrong_type(node, "cpu_cores", "a number", "write `cpu_cores: 1`");
            None
        })
    });
    let memory = present(&fields, "memory_mb").and_then(|node| match whole(node, "memory_mb", reader) {
        Some(0) => {
            reader.error(
                Code::InvalidValue,
                node.span,
                "`memory_mb` is zero: nothing could run",
                "write `memory_mb: 64`",
            );
            None
        }
        megabytes => megabytes.map(|megabytes| megabytes.saturating_mul(1_000_000)),
    });
    let timeout = present(&fields, "timeout_seconds").and_then(|node| time(node, "timeout_seconds", SECOND, reader));
    LimitOverrides { memory, timeout, ..LimitOverrides::default() }
}
