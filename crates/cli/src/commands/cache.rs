//! `wasmill cache ls | stats | clean | verify`: what is kept between runs.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use wasmill_artifact::{CacheError, CacheOptions, CodeCache, CodeKind, EntryInfo};
use wasmill_engine_wasmtime::WasmtimeEngine;
use wasmill_model::{Code, Diagnostic, Digest, ExitCode, Profile, format_bytes};

use crate::args::{CacheCommand, CleanArgs};
use crate::env_vars;
use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::render::{BOLD, DIM, GREEN, RED};
use crate::settings;

/// Does what the command says with the user's cache.
pub(crate) fn cache(command: &CacheCommand, printer: &Printer) -> Outcome {
    let Some(folder) = settings::cache_folder() else {
        let diagnostic = Diagnostic::new(Code::HostError, "there is no folder for compiled code: the user has no home")
            .help("name one in `WASMILL_CACHE_DIR`");
        return Err(Failure::host_because(diagnostic));
    };
    let cache = CodeCache::open(folder.clone()).map_err(|error| failed(&error))?;
    let done = match command {
        CacheCommand::Ls => list(&cache, &folder, printer),
        CacheCommand::Stats => stats(&cache, &folder, printer),
        CacheCommand::Clean(args) => clean(&cache, &folder, args, printer),
        CacheCommand::Verify => verify(&cache, &folder, printer),
    };
    done.map_err(|error| match error {
        Problem::Read(error) => failed(&CacheError::Io { path: folder, error }),
        Problem::Print(failure) => failure,
    })
}

fn failed(error: &CacheError) -> Failure {
    Failure::host_because(Diagnostic::new(Code::HostError, error.to_string()).help(remedy(error)))
}

/// What to do, and what the folder is named by.
pub(crate) fn remedy(error: &CacheError) -> String {
    format!("{} (`{}` names the folder)", error.help(), env_vars::WASMILL_CACHE_DIR)
}

/// What went wrong: reading the folder, or telling the user.
enum Problem {
    Read(std::io::Error),
    Print(Failure),
}

fn print(result: std::io::Result<()>, code: ExitCode) -> Result<ExitCode, Problem> {
    result.map(|()| code).map_err(|error| Problem::Print(error.into()))
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

fn since(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or_default()
}

/// `12 d`, `3 h`, `5 min`, `now`.
fn ago(time: SystemTime) -> String {
    let seconds = since(time).as_secs();
    match seconds {
        0..60 => "now".to_owned(),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `1 entry`, `2 entries`.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn list(cache: &CodeCache, folder: &Path, printer: &Printer) -> Result<ExitCode, Problem> {
    let entries = cache.entries().map_err(Problem::Read)?;
    if printer.is_json() {
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
        let document = serde_json::json!({ "wasmill": 1, "folder": folder.display().to_string(), "entries": listed });
        return print(printer.json(&document), ExitCode::Success);
    }
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
    let _ = writeln!(text, "{BOLD}{count}{BOLD:#}, {} in {}", format_bytes(bytes), folder.display());
    print(printer.text(&text), ExitCode::Success)
}

fn stats(cache: &CodeCache, folder: &Path, printer: &Printer) -> Result<ExitCode, Problem> {
    let entries = cache.entries().map_err(Problem::Read)?;
    let of = |kind: CodeKind| {
        entries.iter().filter(|entry| entry.about.as_ref().is_some_and(|about| about.kind == kind)).count()
    };
    let (modules, components) = (of(CodeKind::Module), of(CodeKind::Component));
    let unknown = entries.len() - modules - components;
    let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
    let capacity = CacheOptions::default().capacity;
    if printer.is_json() {
        let document = serde_json::json!({
            "wasmill": 1, "folder": folder.display().to_string(), "entries": entries.len(), "modules": modules,
            "components": components, "unknown": unknown, "bytes": bytes, "capacity": capacity,
        });
        return print(printer.json(&document), ExitCode::Success);
    }
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
    print(printer.text(&text), ExitCode::Success)
}

fn clean(cache: &CodeCache, folder: &Path, args: &CleanArgs, printer: &Printer) -> Result<ExitCode, Problem> {
    let version = WasmtimeEngine::description().name.version;
    let useless = |entry: &EntryInfo| entry.about.as_ref().is_none_or(|about| *about.wasmtime != *version);
    let unused = |entry: &EntryInfo| args.older_than.is_some_and(|limit| since(entry.used) >= limit);
    let cleaned = cache.clean(|entry| args.all || useless(entry) || unused(entry)).map_err(Problem::Read)?;
    let code = if cleaned.stuck == 0 { ExitCode::Success } else { ExitCode::Failed };
    if printer.is_json() {
        let document = serde_json::json!({
            "wasmill": 1, "folder": folder.display().to_string(), "removed": cleaned.entries, "bytes": cleaned.bytes,
            "stuck": cleaned.stuck, "leftovers": cleaned.leftovers,
        });
        return print(printer.json(&document), code);
    }
    let mut text = format!(
        "removed {}, {}, from {}\n",
        plural(cleaned.entries, "entry", "entries"),
        format_bytes(cleaned.bytes),
        folder.display()
    );
    if cleaned.leftovers > 0 {
        let _ = writeln!(text, "removed {} of killed processes", plural(cleaned.leftovers, "file", "files"));
    }
    if cleaned.stuck > 0 {
        let _ = writeln!(text, "{RED}{} cannot be removed{RED:#}", plural(cleaned.stuck, "entry", "entries"));
    }
    print(printer.text(&text), code)
}

fn verify(cache: &CodeCache, folder: &Path, printer: &Printer) -> Result<ExitCode, Problem> {
    let found = cache.verify().map_err(Problem::Read)?;
    let ok = found.damaged.is_empty() && found.unreadable.is_empty() && found.stuck.is_empty();
    let code = if ok { ExitCode::Success } else { ExitCode::Failed };
    if printer.is_json() {
        let damaged: Vec<_> = found
            .damaged
            .iter()
            .map(
                |entry| serde_json::json!({ "name": entry.name, "unit": entry.about.as_ref().map(|about| about.unit) }),
            )
            .collect();
        let document = serde_json::json!({
            "wasmill": 1, "folder": folder.display().to_string(), "ok": ok, "good": found.good, "bytes": found.bytes,
            "damaged": damaged, "outdated": found.outdated, "stuck": found.stuck,
            "unreadable": found.unreadable, "leftovers": found.leftovers,
        });
        return print(printer.json(&document), code);
    }
    let mut text = String::new();
    for entry in &found.damaged {
        let what = entry.about.as_ref().map_or_else(
            || "not made by this installation, or cut off".to_owned(),
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
    let good = plural(found.good, "entry", "entries");
    let _ = writeln!(text, "{GREEN}good{GREEN:#}        {good}, {}", format_bytes(found.bytes));
    print(printer.text(&text), code)
}
