//! What there is to build: one source a guest, found by where it stands.
//!
//! `guests/<suite>/<name>.c` is C, a program when it has a `main` and a library otherwise. A Rust package of the workspace guests/
//! that names a target (`[package.metadata.wasmill] target = "..."`) is a guest, called by its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId, TargetKind};

use crate::digest::{Pieces, files};
use crate::failure::{During, Failure, Outcome};
use crate::guests::javascript;
use crate::paths::{Paths, cargo};
use crate::printer::Printer;
use crate::setup::rust_wasm::TARGETS;

/// Suites of guests/ whose units are committed, each for the example of the same name.
const EXAMPLES: &str = "examples";

/// The suite of the units that are part of Wasmill, and the folder where they are committed.
pub(crate) const BUILTIN: (&str, &str) = ("builtin", "crates/artifact/builtin");

/// A guest that is built.
pub(crate) struct Source {
    /// The folder under guests/, with slashes.
    pub(crate) suite: String,
    pub(crate) name: String,
    pub(crate) language: Language,
    /// The file or folder.
    pub(crate) path: PathBuf,
    /// Of everything that the unit is made from, and nothing that the machine adds.
    pub(crate) sha256: String,
    /// Where the unit is committed, when it is.
    pub(crate) committed: Option<PathBuf>,
}

pub(crate) enum Language {
    /// The interpreter of JavaScript: see [`javascript`].
    JavaScript,
    /// `program` has a `main`; the others are libraries whose functions are called.
    C {
        program: bool,
    },
    Rust {
        package: String,
        target: String,
        artifact: String,
    },
}

impl Source {
    pub(crate) fn label(&self) -> String {
        format!("{}/{}", self.suite, self.name)
    }

    /// Whether it is built for its committed unit alone: it takes long, and no test looks for it among the guests.
    pub(crate) fn is_interpreter(&self) -> bool {
        matches!(self.language, Language::JavaScript)
    }
}

/// Every guest that is built, in a fixed order.
pub(crate) fn find(paths: &Paths, printer: &Printer) -> Outcome<Vec<Source>> {
    let mut sources = c_sources(paths)?;
    sources.extend(rust_sources(paths, printer)?);
    sources.extend(javascript::source(paths)?);
    sources.sort_by_key(Source::label);
    let mut labels = BTreeSet::new();
    for source in &sources {
        let text = paths.root.join("guests").join(&source.suite).join(format!("{}.wat", source.name));
        if text.is_file() || !labels.insert(source.label()) {
            return Err(Failure::new(format!("two guests are called `{}`", source.label())).help("rename one of them"));
        }
    }
    Ok(sources)
}

/// Suite and name of every guest there is, WebAssembly text included, without building or asking cargo for anything.
pub(crate) fn every_name(paths: &Paths) -> Outcome<Vec<(String, String)>> {
    let guests = paths.root.join("guests");
    let mut found = BTreeSet::new();
    for file in files_of_guests(&guests)? {
        let extension = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        let place = match extension.as_str() {
            "c" | "wat" => file.with_extension(""),
            "toml" if file.ends_with("Cargo.toml") && is_guest(&file)? => file.parent().unwrap_or(&guests).to_owned(),
            _ => continue,
        };
        found.extend(suite_and_name(&guests, &place));
    }
    Ok(found.into_iter().collect())
}

/// Every file that may be a guest.
fn files_of_guests(guests: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = files(guests)?;
    found.retain(|file| !file.starts_with(guests.join(javascript::SUITE)));
    Ok(found)
}

fn is_guest(manifest: &Path) -> Outcome<bool> {
    let text = fs::read_to_string(manifest).during(manifest.display())?;
    Ok(text.contains("[package.metadata.wasmill]"))
}

/// `limits`, `spin` of `guests/limits/spin`.
fn suite_and_name(guests: &Path, place: &Path) -> Option<(String, String)> {
    let suite = place.parent()?.strip_prefix(guests).ok()?.to_string_lossy().replace('\\', "/");
    Some((suite, place.file_name()?.to_string_lossy().into_owned()))
}

fn placed(paths: &Paths, place: &Path) -> Outcome<(String, String, Option<PathBuf>)> {
    let guests = paths.root.join("guests");
    let (suite, name) = suite_and_name(&guests, place).filter(|(suite, _)| !suite.is_empty()).ok_or_else(|| {
        Failure::new(format!("{} stands in no suite", paths.shown(place))).help("move it to guests/<suite>/")
    })?;
    let folder = if suite == BUILTIN.0 {
        Some(paths.root.join(BUILTIN.1))
    } else {
        let example = suite.strip_prefix(EXAMPLES).and_then(|rest| rest.strip_prefix('/'));
        example.map(|example| paths.root.join(EXAMPLES).join(example).join("units"))
    };
    let committed = folder.map(|folder| folder.join(format!("{name}.wasm")));
    Ok((suite, name, committed))
}

fn c_sources(paths: &Paths) -> Outcome<Vec<Source>> {
    let mut sources = Vec::new();
    for file in files_of_guests(&paths.root.join("guests"))? {
        if file.extension().is_none_or(|extension| extension != "c") {
            continue;
        }
        let (suite, name, committed) = placed(paths, &file.with_extension(""))?;
        let text = fs::read_to_string(&file).during(file.display())?;
        let mut pieces = Pieces::default();
        pieces.add_files(&file)?;
        sources.push(Source {
            suite,
            name,
            language: Language::C { program: has_main(&text) },
            path: file,
            sha256: pieces.finish(),
            committed,
        });
    }
    Ok(sources)
}

fn has_main(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("int main("))
}

fn rust_sources(paths: &Paths, printer: &Printer) -> Outcome<Vec<Source>> {
    let manifest = paths.root.join("guests").join("Cargo.toml");
    if !manifest.is_file() {
        return Ok(Vec::new());
    }
    let mut command = MetadataCommand::new();
    command.cargo_path(cargo().get_program()).manifest_path(&manifest);
    command.other_options(["--locked", "--filter-platform", "wasm32-wasip2"].map(str::to_owned).to_vec());
    let metadata = command.exec().map_err(|error| {
        Failure::new(format!("guests/Cargo.toml: {error}"))
            .help("when dependencies of a guest changed: `cargo update --workspace --manifest-path guests/Cargo.toml`")
    })?;
    let settings = settings(&manifest)?;
    let mut sources = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(target) = package.metadata.pointer("/wasmill/target").and_then(|target| target.as_str()) else {
            continue;
        };
        if !TARGETS.contains(&target) {
            return Err(Failure::new(format!("{}: `{target}` is no target of guests", package.manifest_path))
                .help(format!("the targets are {}", TARGETS.join(", "))));
        }
        let Some(artifact) = artifact(package) else {
            printer.progress(format_args!("{} has neither a program nor a `cdylib`, and is passed over", package.name));
            continue;
        };
        let folder = folder(package);
        let (suite, name, committed) = placed(paths, &folder)?;
        sources.push(Source {
            suite,
            name,
            language: Language::Rust { package: package.name.to_string(), target: target.to_owned(), artifact },
            sha256: rust_digest(&metadata, package, &settings)?,
            path: folder,
            committed,
        });
    }
    Ok(sources)
}

fn folder(package: &Package) -> PathBuf {
    package.manifest_path.parent().map(|folder| folder.as_std_path().to_owned()).unwrap_or_default()
}

/// The file that cargo writes.
fn artifact(package: &Package) -> Option<String> {
    package.targets.iter().find_map(|target| {
        let library = target.kind.contains(&TargetKind::CDyLib);
        (library || target.kind.contains(&TargetKind::Bin)).then(|| {
            let stem = if library { target.name.replace('-', "_") } else { target.name.clone() };
            format!("{stem}.wasm")
        })
    })
}

/// What guests/Cargo.toml says that reaches into a unit: everything but which other guests there are.
fn settings(manifest: &Path) -> Outcome<String> {
    let text = fs::read_to_string(manifest).during(manifest.display())?;
    let mut table: toml::Table = text.parse().during(manifest.display())?;
    if let Some(toml::Value::Table(workspace)) = table.get_mut("workspace") {
        workspace.remove("members");
    }
    toml::to_string(&table).during(manifest.display())
}

/// The package, the packages beside it that it depends on, and the versions of the others: not the whole lock file, so that a
/// dependency of one guest leaves the others as they are.
fn rust_digest(metadata: &Metadata, package: &Package, settings: &str) -> Outcome<String> {
    let packages: BTreeMap<&PackageId, &Package> =
        metadata.packages.iter().map(|package| (&package.id, package)).collect();
    let nodes: BTreeMap<&PackageId, &[PackageId]> = metadata
        .resolve
        .iter()
        .flat_map(|resolve| &resolve.nodes)
        .map(|node| (&node.id, node.dependencies.as_slice()))
        .collect();
    let mut pending = vec![&package.id];
    let mut seen = BTreeSet::new();
    let mut local = BTreeMap::new();
    let mut versions = BTreeSet::new();
    while let Some(id) = pending.pop() {
        if !seen.insert(id) {
            continue;
        }
        if let Some(package) = packages.get(id) {
            if package.source.is_none() {
                local.insert(package.name.to_string(), folder(package));
            } else {
                versions.insert(format!("{} {}\n", package.name, package.version));
            }
        }
        pending.extend(nodes.get(id).copied().unwrap_or_default());
    }
    let mut pieces = Pieces::default();
    pieces.add("settings", settings.as_bytes());
    pieces.add("versions", versions.into_iter().collect::<String>().as_bytes());
    for (name, folder) in local {
        pieces.add("package", name.as_bytes());
        pieces.add_files(&folder)?;
    }
    Ok(pieces.finish())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{has_main, settings, suite_and_name};

    #[test]
    fn a_c_source_is_a_program_when_it_has_a_main() {
        assert!(has_main("#include <stdio.h>\nint main(void) { return 0; }\n"));
        assert!(!has_main("// no int main( here\nint process(void);\n"));
    }

    #[test]
    fn other_guests_do_not_change_the_settings_and_the_profile_does() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("Cargo.toml");
        let read = |members: &str, level: u8| {
            fs::write(
                &manifest,
                format!("[workspace]\nmembers = [{members}]\n[profile.release]\nopt-level = {level}\n"),
            )
            .unwrap();
            settings(&manifest).unwrap()
        };
        let first = read("\"a\"", 1);
        assert_eq!(read("\"a\", \"b\"", 1), first);
        assert_ne!(read("\"a\"", 2), first);
    }

    #[test]
    fn a_suite_may_be_two_folders_deep() {
        let pair = suite_and_name(Path::new("/w/guests"), Path::new("/w/guests/examples/report/wc"));
        assert_eq!(pair, Some(("examples/report".to_owned(), "wc".to_owned())));
    }
}
