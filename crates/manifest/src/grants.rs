//! `grants:` of a step, and `profile:`, which may refuse some of them.

use std::path::PathBuf;

use indexmap::IndexMap;
use wasmill_model::{Code, DirGrant, DirMode, Grants, NetGrant, Profile, Source};

use crate::keys;
use crate::reader::{Fields, Reader};
use crate::tree::{Data, Member, Node, Span};

/// The grants of a step of this profile.
pub(crate) fn read(node: &Node, profile: Profile, reader: &Reader<'_>) -> Grants {
    let mut grants = Grants::default();
    let Some(fields) = reader.fields(node, "grants", &keys::GRANTS) else { return grants };
    if let Some(node) = fields.get("env") {
        grants.env = env(node, reader);
    }
    if let Some(node) = fields.get("args") {
        grants.args = args(node, reader);
    }
    if let Some(node) = fields.get("dirs") {
        grants.dirs = dirs(node, reader);
    }
    if let Some(node) = fields.get("net") {
        grants.net = net(node, reader);
    }
    let source = |key: &str| match fields.get(key).and_then(|node| reader.choice(node, key, &["virtual", "real"])) {
        Some("real") => Source::Real,
        _ => Source::Virtual,
    };
    grants.clock = source("clock");
    grants.random = source("random");
    if let Some(node) = fields.get("secrets") {
        grants.secrets = secrets(node, &grants.env, reader);
    }
    if let Some(node) = fields.get("functions") {
        grants.functions = functions(node, reader);
    }
    refused(&grants, profile, &fields, reader);
    grants
}

/// `profile:`
pub(crate) fn profile(node: &Node, reader: &Reader<'_>) -> Option<Profile> {
    let words = Profile::ALL.map(Profile::as_str);
    let chosen = reader.choice(node, "profile", &words)?;
    Profile::ALL.into_iter().find(|profile| profile.as_str() == chosen)
}

fn refused(grants: &Grants, profile: Profile, fields: &Fields<'_>, reader: &Reader<'_>) {
    for (key, what) in profile.refused(grants) {
        let Some(node) = fields.get(key) else { continue };
        reader.error(
            Code::ProfileConflict,
            node.span,
            format!("a step of the profile `{profile}` cannot have {what}: it could differ from run to run"),
            "take the grant out, or write `profile: metered` in the step",
        );
    }
}

fn env(node: &Node, reader: &Reader<'_>) -> IndexMap<String, String> {
    let mut env = IndexMap::new();
    for member in reader.members(node, "env", "env: { LANG: en }").unwrap_or_default() {
        if member.key.is_empty() || member.key.contains(['=', '\0']) {
            reader.error(
                Code::InvalidValue,
                member.key_span,
                format!("`{}` cannot be the name of a variable", member.key),
                "a name is not empty and has no `=` in it",
            );
            continue;
        }
        match member.value.scalar_text() {
            Some(text) => {
                env.insert(member.key.clone(), text);
            }
            None => reader.wrong_type(&member.value, &member.key, "a text", &format!("write `{}: value`", member.key)),
        }
    }
    env
}

fn args(node: &Node, reader: &Reader<'_>) -> Vec<String> {
    let items = match &node.data {
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let text = |item: &Node| {
        if item.scalar_text().is_none() {
            reader.wrong_type(item, "args", "a list of texts", "write `args: [--verbose]`");
        }
        item.scalar_text()
    };
    items.iter().filter_map(text).collect()
}

fn dirs(node: &Node, reader: &Reader<'_>) -> IndexMap<PathBuf, DirGrant> {
    let mut dirs: IndexMap<PathBuf, DirGrant> = IndexMap::new();
    for member in reader.members(node, "dirs", "dirs: { ./models: /models }").unwrap_or_default() {
        if member.key.trim().is_empty() {
            reader.error(Code::InvalidValue, member.key_span, "the folder has no path", "for example `./models`");
        }
        let Some((grant, span)) = dir(member, reader) else { continue };
        if let Some((other, _)) = dirs.iter().find(|(_, other)| other.at == grant.at) {
            reader.error(
                Code::Duplicate,
                span,
                format!("two folders are seen at `{}`: `{}` and `{}`", grant.at, other.display(), member.key),
                "give one of them another place",
            );
        }
        dirs.insert(PathBuf::from(&member.key), grant);
    }
    dirs
}

/// One folder, and where its place is written.
fn dir(member: &Member, reader: &Reader<'_>) -> Option<(DirGrant, Span)> {
    if let Data::String(at) = &member.value.data {
        let at = guest_path(at, member.value.span, reader)?;
        return Some((DirGrant { at, mode: DirMode::Ro }, member.value.span));
    }
    let fields = reader.fields(&member.value, &member.key, &keys::DIR)?;
    let mode = match fields.get("mode").and_then(|node| reader.choice(node, "mode", &["ro", "rw"])) {
        Some("rw") => DirMode::Rw,
        _ => DirMode::Ro,
    };
    let Some(node) = fields.get("at") else {
        let message = format!("the folder `{}` has no `at`", member.key);
        let help = format!("say where the unit sees it: `{{ at: /{} }}`", name_of(&member.key));
        reader.error(Code::MissingKey, member.key_span, message, help);
        return None;
    };
    let at = guest_path(reader.text(node, "at")?, node.span, reader)?;
    Some((DirGrant { at, mode }, node.span))
}

/// The last part of a path, as an example of a place.
fn name_of(path: &str) -> &str {
    let name = path.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or_default();
    if matches!(name, "" | "." | "..") { "data" } else { name }
}

/// Where a unit sees a folder, without `.` and without a `/` too many; none where it is no such place, which has been reported.
fn guest_path(text: &str, span: Span, reader: &Reader<'_>) -> Option<String> {
    match normal_guest_path(text) {
        Ok(path) => Some(path),
        Err(reason) => {
            let message = format!("`{text}` is no place for a folder: {reason}");
            reader.error(Code::InvalidValue, span, message, format!("for example `/{}`", name_of(text)));
            None
        }
    }
}

/// The path at which a unit sees a folder, in its one spelling: absolute, without `.`, empty parts and a `/` at its end.
///
/// # Errors
/// What is wrong with it: a relative path, `..`, a backslash or a NUL.
pub fn normal_guest_path(text: &str) -> Result<String, &'static str> {
    if text.contains('\\') || text.contains('\0') {
        return Err("a unit's paths are divided by `/`, on every system");
    }
    let Some(rest) = text.strip_prefix('/') else { return Err("it begins with `/`") };
    let parts: Vec<&str> = rest.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err("it has no `..`");
    }
    Ok(format!("/{}", parts.join("/")))
}

fn net(node: &Node, reader: &Reader<'_>) -> Vec<NetGrant> {
    let mut hosts = Vec::new();
    for (text, span) in reader.texts(node, "net") {
        match text.parse::<NetGrant>() {
            Ok(host) if hosts.contains(&host) => twice("net", text, span, reader),
            Ok(host) => hosts.push(host),
            Err(error) => {
                let help = "write `net: [\"api.example.com:443\"]`";
                reader.error(Code::InvalidValue, span, error.to_string(), help);
            }
        }
    }
    hosts
}

fn secrets(node: &Node, env: &IndexMap<String, String>, reader: &Reader<'_>) -> Vec<String> {
    let mut secrets: Vec<String> = Vec::new();
    for (name, span) in reader.texts(node, "secrets") {
        if !is_variable_name(name) {
            let message =
                format!("`{name}` cannot be the name of a secret: the unit reads it as an environment variable");
            let help = "a name is letters, digits and `_`, and begins with a letter or `_`: `API_KEY`";
            reader.error(Code::InvalidValue, span, message, help);
        } else if env.contains_key(name) {
            let message =
                format!("`{name}` is a secret and a variable of `env`, and the unit can see only one of them");
            reader.error(Code::Duplicate, span, message, "take it out of `env`: the run gives it its value");
        } else if secrets.iter().any(|other| other == name) {
            twice("secrets", name, span, reader);
        } else {
            secrets.push(name.to_owned());
        }
    }
    secrets
}

/// Whether this can name an environment variable everywhere: letters, digits and `_`, no digit first.
pub fn is_variable_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn functions(node: &Node, reader: &Reader<'_>) -> Vec<String> {
    let mut functions: Vec<String> = Vec::new();
    for (name, span) in reader.texts(node, "functions") {
        if name.starts_with("wasi:") {
            let message = format!("`{name}` is not a host function: WASI has grants of its own");
            reader.error(Code::InvalidValue, span, message, "write `env`, `dirs`, `net`, `clock` or `random`");
        } else if !is_interface(name) {
            let message = format!("`{name}` is no interface of host functions");
            let help = "write the package and the interface: `functions: [acme:billing/prices]`";
            reader.error(Code::InvalidValue, span, message, help);
        } else if functions.iter().any(|other| other == name) {
            twice("functions", name, span, reader);
        } else {
            functions.push(name.to_owned());
        }
    }
    functions
}

/// `namespace:package/interface`, with or without `@version`.
fn is_interface(text: &str) -> bool {
    let (path, version) = text.split_once('@').map_or((text, None), |(path, version)| (path, Some(version)));
    let word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_alphabetic())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
    let is_path = path
        .split_once(':')
        .and_then(|(namespace, rest)| rest.split_once('/').map(|(package, interface)| [namespace, package, interface]))
        .is_some_and(|words| words.into_iter().all(word));
    is_path && version.is_none_or(|version| !version.is_empty() && version.bytes().all(plain))
}

fn twice(key: &str, what: &str, span: Span, reader: &Reader<'_>) {
    reader.error(Code::Duplicate, span, format!("`{what}` stands twice in `{key}`"), "leave one of them out");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_paths_have_one_spelling() {
        for (text, path) in [("/", "/"), ("/models/", "/models"), ("//a/./b", "/a/b")] {
            assert_eq!(normal_guest_path(text).as_deref(), Ok(path), "{text}");
        }
        for text in ["", "models", "./models", "/a/../b", "/..", "C:\\models", "/a\0"] {
            assert!(normal_guest_path(text).is_err(), "{text}");
        }
    }

    #[test]
    fn interfaces_are_recognised() {
        for text in ["acme:billing/prices", "acme:billing/prices@1.0.0", "a:b-c/d"] {
            assert!(is_interface(text), "{text}");
        }
        for text in
            ["", "prices", "acme:billing", "acme/prices", "acme:billing/", "acme:billing/prices@", "a:b/c/d", "1:b/c"]
        {
            assert!(!is_interface(text), "{text}");
        }
    }
}
