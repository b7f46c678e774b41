//! The folder of compiled code; and the words for what was removed or checked, which are the same for every folder.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use serde::Serialize;
use wasmill_artifact::{CacheError, CacheOptions, Cleaned, CodeCache, CodeKind, EntryInfo, Verified};
use wasmill_engine_wasmtime::WasmtimeEngine;
use wasmill_model::{Digest, Profile, format_bytes};

use crate::args::{CacheCommand, CleanArgs, Part};
use crate::render::{DIM, GREEN, RED};

use super::{Told, Unwanted, ago, plural, since, word};

pub(super) fn tell(folder: &Path, command: &CacheCommand) -> Result<Told, CacheError> {
    let cache = CodeCache::open(folder.to_owned())?;
    let told = match command {
        CacheCommand::Ls(_) => list(&cache, folder),
        CacheCommand::Stats(_) => stats(&cache, folder),
        CacheCommand::Clean(args) => clean(&cache, args).map(|found| cleaned(&found, folder, word(Part::Code))),
        CacheCommand::Verify(_) => cache.verify().map(|found| verified(&found, folder, word(Part::Code))),
    };
    told.map_err(|error| CacheError::Io { path: folder.to_owned(), error })
}

/// One entry as JSON.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    size: u64,
    age_s: u64,
    unused_s: u64,
    #[serde(flatten)]
    about: Option<ListedAbout<'a>>,
}

#[derive(Serialize)]
struct ListedAbout<'a> {
    unit: Digest,
    kind: &'static str,
    profile: Profile,
    wasmtime: &'a str,
}

fn list(cache: &CodeCache, folder: &Path) -> io::Result<Told> {
    let entries = cache.entries()?;
    let listed: Vec<Listed<'_>> = entries
        .iter()
        .map(|entry| Listed {
            name: &entry.name,
            size: entry.size,
            age_s: since(entry.created).as_secs(),
            unused_s: since(entry.used).as_secs(),
            about: entry.about.as_ref().map(|about| ListedAbout {
                unit: about.unit,
                kind: about.kind.as_str(),
                profile: about.profile,
                wasmtime: &about.wasmtime,
            }),
        })
        .collect();
    let facts = serde_json::json!({ "folder": folder.display().to_string(), "entries": listed });
    let mut text = String::new();
    if !entries.is_empty() {
        let _ = writeln!(
            text,
            "{DIM}{:<12}  {:<9}  {:<13}  {:<9}  {:>10}  used{DIM:#}",
            "unit", "kind", "profile", "wasmtime", "size"
        );
    }
    for entry in &entries {
        let size = format_bytes(entry.size);
        let used = ago(entry.used);
        let _ = match &entry.about {
            Some(about) => writeln!(
                text,
                "{:<12}  {:<9}  {:<13}  {:<9}  {size:>10}  {used}",
                about.unit.short(),
                about.kind.as_str(),
                about.profile.as_str(),
                about.wasmtime
            ),
            None => {
                writeln!(
                    text,
                    "{RED}{:<49}{RED:#}  {size:>10}  {used}",
                    "of another version or installation, or damaged"
                )
            }
        };
    }
    let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
    let count = plural(entries.len() as u64, "entry", "entries");
    let _ = writeln!(text, "{count}, {} in {}", format_bytes(bytes), folder.display());
    Ok(Told::new(facts, text))
}

fn stats(cache: &CodeCache, folder: &Path) -> io::Result<Told> {
    let entries = cache.entries()?;
    let of = |kind: CodeKind| {
        entries.iter().filter(|entry| entry.about.as_ref().is_some_and(|about| about.kind == kind)).count()
    };
    let (modules, components) = (of(CodeKind::Module), of(CodeKind::Component));
    let unknown = entries.len() - modules - components;
    let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
    let capacity = CacheOptions::default().capacity;
    let facts = serde_json::json!({
        "folder": folder.display().to_string(), "entries": entries.len(), "modules": modules, "components": components,
        "unknown": unknown, "bytes": bytes, "capacity": capacity,
    });
    let mut text = String::new();
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "{DIM}{name:<10}{DIM:#} {value}");
    };
    fact("folder", folder.display().to_string());
    fact("modules", modules.to_string());
    fact("components", components.to_string());
    if unknown > 0 {
        fact("unknown", format!("{unknown} (`wasmill cache clean` removes them)"));
    }
    fact("size", format!("{} of {}", format_bytes(bytes), format_bytes(capacity)));
    Ok(Told::new(facts, text))
}

fn clean(cache: &CodeCache, args: &CleanArgs) -> io::Result<Cleaned> {
    let version = WasmtimeEngine::description().name.version;
    let useless = |entry: &EntryInfo| entry.about.as_ref().is_none_or(|about| *about.wasmtime != *version);
    let mut unwanted = Unwanted::new(args);
    cache.clean(|entry| useless(entry) || unwanted.is(entry.used, entry.size))
}

/// What was removed from a folder whose entries are called so.
pub(super) fn cleaned(cleaned: &Cleaned, folder: &Path, (one, many): (&str, &str)) -> Told {
    let facts = serde_json::json!({
        "folder": folder.display().to_string(), "removed": cleaned.entries, "bytes": cleaned.bytes,
        "stuck": cleaned.stuck, "leftovers": cleaned.leftovers,
    });
    let mut text = format!(
        "removed {}, {}, from {}\n",
        plural(cleaned.entries, one, many),
        format_bytes(cleaned.bytes),
        folder.display()
    );
    if cleaned.leftovers > 0 {
        let _ = writeln!(text, "removed {} of killed processes", plural(cleaned.leftovers, "file", "files"));
    }
    if cleaned.stuck > 0 {
        let _ = writeln!(text, "{RED}{} cannot be removed{RED:#}", plural(cleaned.stuck, one, many));
    }
    Told::new(facts, text).but(cleaned.stuck == 0)
}

/// What a full check of a folder found whose entries are called so.
pub(super) fn verified(found: &Verified, folder: &Path, (one, many): (&str, &str)) -> Told {
    let ok = found.damaged.is_empty() && found.unreadable.is_empty() && found.stuck.is_empty();
    let damaged: Vec<_> = found
        .damaged
        .iter()
        .map(|entry| serde_json::json!({ "name": entry.name, "unit": entry.about.as_ref().map(|about| about.unit) }))
        .collect();
    let facts = serde_json::json!({
        "folder": folder.display().to_string(), "ok": ok, "good": found.good, "bytes": found.bytes,
        "damaged": damaged, "outdated": found.outdated, "stuck": found.stuck,
        "unreadable": found.unreadable, "leftovers": found.leftovers,
    });
    let mut text = String::new();
    for entry in &found.damaged {
        let what = entry.about.as_ref().map_or_else(
            || match one {
                "entry" => "not made by this installation, or cut off".to_owned(),
                _ => "it has another digest than its name".to_owned(),
            },
            |about| format!("{} of unit {}", about.kind.as_str(), about.unit.short()),
        );
        let _ = writeln!(text, "{RED}damaged{RED:#}     {} ({what}); removed", entry.name);
    }
    if found.outdated > 0 {
        let _ = writeln!(text, "removed {} of another version", plural(found.outdated, "entry", "entries"));
    }
    for name in &found.stuck {
        let _ = writeln!(text, "{RED}damaged{RED:#}     {name}; it cannot be removed");
    }
    for name in &found.unreadable {
        let _ = writeln!(text, "{RED}unreadable{RED:#}  {name}");
    }
    if found.leftovers > 0 {
        let _ = writeln!(text, "removed {} of killed processes", plural(found.leftovers, "file", "files"));
    }
    let good = plural(found.good, one, many);
    let _ = writeln!(text, "{GREEN}good{GREEN:#}        {good}, {}", format_bytes(found.bytes));
    Told::new(facts, text).but(ok)
}
