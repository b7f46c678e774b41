//! The folders of units, results and large values: files by their digests.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use wasmill_artifact::{BlobStore, BuildCache, CacheError, Cleaned, Kept, ResultCache, UnitCache, Verified};
use wasmill_model::format_bytes;

use crate::args::{CacheCommand, CleanArgs, Part};
use crate::render::DIM;

use super::code::{cleaned, verified};
use super::{Told, Unwanted, ago, plural, since, word};

/// One of the folders; none of them where nothing was kept yet.
enum Files {
    Units(UnitCache),
    Builds(BuildCache),
    Results(ResultCache),
    Blobs(BlobStore),
    None,
}

impl Files {
    fn entries(&self) -> io::Result<Vec<Kept>> {
        match self {
            Files::Units(units) => units.entries(),
            Files::Builds(builds) => builds.entries(),
            Files::Results(results) => results.entries(),
            Files::Blobs(blobs) => blobs.entries(),
            Files::None => Ok(Vec::new()),
        }
    }

    fn clean(&self, args: &CleanArgs) -> io::Result<Cleaned> {
        let mut unwanted = Unwanted::new(args);
        let unwanted = |one: &Kept| unwanted.is(one.used, one.size);
        match self {
            Files::Units(units) => units.clean(unwanted),
            Files::Builds(builds) => builds.clean(unwanted),
            Files::Results(results) => results.clean(unwanted),
            Files::Blobs(blobs) => blobs.clean(unwanted),
            Files::None => Ok(Cleaned::default()),
        }
    }

    fn verify(&self) -> io::Result<Verified> {
        match self {
            Files::Units(units) => units.verify(),
            Files::Builds(builds) => builds.verify(),
            Files::Results(results) => results.verify(),
            Files::Blobs(blobs) => blobs.verify(),
            Files::None => Ok(Verified::default()),
        }
    }
}

pub(super) fn tell(part: Part, folder: &Path, command: &CacheCommand) -> Result<Told, CacheError> {
    // Looking makes no folder.
    let files = match part {
        _ if !folder.exists() => Files::None,
        Part::Blobs => Files::Blobs(BlobStore::open(folder.to_owned())?),
        Part::Builds => Files::Builds(BuildCache::open(folder.to_owned())?),
        Part::Results => Files::Results(ResultCache::open(folder.to_owned())?),
        _ => Files::Units(UnitCache::open(folder.to_owned())?),
    };
    let told = match command {
        CacheCommand::Ls(_) => list(part, &files, folder),
        CacheCommand::Stats(_) => stats(part, &files, folder),
        CacheCommand::Clean(args) => files.clean(args).map(|found| cleaned(&found, folder, word(part))),
        CacheCommand::Verify(_) => files.verify().map(|found| verified(&found, folder, word(part))),
    };
    told.map_err(|error| CacheError::Io { path: folder.to_owned(), error })
}

fn count(part: Part, number: usize) -> String {
    let (one, many) = word(part);
    plural(number as u64, one, many)
}

fn list(part: Part, files: &Files, folder: &Path) -> io::Result<Told> {
    let entries = files.entries()?;
    let listed: Vec<_> = entries
        .iter()
        .map(|entry| {
            serde_json::json!({ "digest": entry.digest, "size": entry.size, "unused_s": since(entry.used).as_secs() })
        })
        .collect();
    let mut text = String::new();
    if !entries.is_empty() {
        let _ = writeln!(text, "{DIM}{:<64}  {:>10}  used{DIM:#}", "digest", "size");
    }
    for entry in &entries {
        let _ = writeln!(text, "{}  {:>10}  {}", entry.digest, format_bytes(entry.size), ago(entry.used));
    }
    let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
    let _ = writeln!(text, "{}, {} in {}", count(part, entries.len()), format_bytes(bytes), folder.display());
    Ok(Told::new(serde_json::json!({ "folder": folder.display().to_string(), "entries": listed }), text))
}

fn stats(part: Part, files: &Files, folder: &Path) -> io::Result<Told> {
    let entries = files.entries()?;
    let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
    // Nothing removes a large value unasked.
    let capacity = match part {
        Part::Units => Some(UnitCache::CAPACITY),
        Part::Builds => Some(BuildCache::CAPACITY),
        Part::Results => Some(ResultCache::CAPACITY),
        _ => None,
    };
    let mut facts = serde_json::json!({
        "folder": folder.display().to_string(), "entries": entries.len(), "bytes": bytes,
    });
    if let (Some(capacity), Some(facts)) = (capacity, facts.as_object_mut()) {
        facts.insert("capacity".to_owned(), capacity.into());
    }
    let mut text = String::new();
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "{DIM}{name:<10}{DIM:#} {value}");
    };
    fact("folder", folder.display().to_string());
    fact(word(part).1, entries.len().to_string());
    let of = capacity.map(|capacity| format!(" of {}", format_bytes(capacity))).unwrap_or_default();
    fact("size", format_bytes(bytes) + &of);
    Ok(Told::new(facts, text))
}
