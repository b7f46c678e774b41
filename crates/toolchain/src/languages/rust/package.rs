//! Packages: a `Cargo.toml` beside the source. With dependencies or a build script it is cargo's, and runs what others wrote.

use std::ffi::OsString;
use std::path::Path;

use super::library::Library;
use super::{Prepared, TARGET, code_generation, crate_type, problems};
use crate::job::{Job, Run};
use crate::{BuildError, Tool, ToolName};

const MANIFEST: &str = "Cargo.toml";

/// A package.
pub(super) struct Package {
    pub(super) edition: String,
    /// Whether rustc alone cannot build it.
    pub(super) needs_cargo: bool,
    /// What cargo would run or fetch.
    reasons: Vec<String>,
}

/// The package that a source is, where it is one.
pub(super) fn of(job: &Job<'_>) -> Result<Option<Package>, BuildError> {
    if !job.source.is_folder || !job.source.files.contains_key(MANIFEST) {
        return Ok(None);
    }
    let manifest: toml::Table = toml::from_str(job.source.text(MANIFEST)?).map_err(|error| BuildError::Source {
        message: format!("`{MANIFEST}`: {}", error.message()),
        help: "see https://doc.rust-lang.org/cargo/reference/manifest.html".to_owned(),
    })?;
    let table = |name: &str| manifest.get(name).and_then(toml::Value::as_table);
    let names = |table: &toml::Table| table.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut reasons = Vec::new();
    for kind in ["dependencies", "build-dependencies", "target", "workspace", "patch"] {
        if let Some(table) = table(kind).filter(|table| !table.is_empty()) {
            reasons.push(format!("{kind} ({})", names(table)));
        }
    }
    let build = table("package").and_then(|package| package.get("build"));
    let build_file = build.and_then(toml::Value::as_str).unwrap_or("build.rs");
    if build.and_then(toml::Value::as_bool) != Some(false)
        && (build.is_some() || job.source.files.contains_key(build_file))
    {
        reasons.push(format!("a build script (`{build_file}`)"));
    }
    if table("lib").and_then(|lib| lib.get("proc-macro").or_else(|| lib.get("proc_macro"))).is_some() {
        reasons.push("a procedural macro".to_owned());
    }
    let needs_cargo = !reasons.is_empty();
    let edition = table("package").and_then(|package| package.get("edition")).and_then(toml::Value::as_str);
    // Cargo's own, where a manifest says nothing.
    let edition = edition.unwrap_or("2015").to_owned();
    Ok(Some(Package { edition, needs_cargo, reasons }))
}

impl Package {
    /// That whoever asks may have this built.
    pub(super) fn check(&self, job: &Job<'_>) -> Result<(), BuildError> {
        if self.needs_cargo && !job.trusted {
            let message = format!(
                "`{MANIFEST}` has {}: cargo would fetch them, and run what they bring, on this machine",
                self.reasons.join(" and ")
            );
            return Err(BuildError::NotTrusted { message });
        }
        Ok(())
    }

    /// Builds the package with cargo.
    pub(super) fn build(
        &self,
        job: &Job<'_>,
        rustc: &Tool,
        library: &Library,
        prepared: &Prepared,
    ) -> Result<Vec<u8>, BuildError> {
        let cargo = job.tool(ToolName::Cargo)?;
        let target = job.folder.join(".wasmill/target");
        let is_library = job.source.main.ends_with("lib.rs");
        let mut args: Vec<OsString> =
            ["rustc", "--release", "--message-format=json", "--target", TARGET].map(OsString::from).to_vec();
        args.push("--crate-type".into());
        args.push(crate_type(prepared).into());
        if is_library {
            args.push("--lib".into());
        }
        if job.source.files.contains_key("Cargo.lock") {
            args.push("--locked".into());
        }
        args.push("--".into());
        args.extend(code_generation(job));
        args.extend(library.args());
        let mut run = Run::new(&cargo, args);
        run.environment = vec![
            ("RUSTC".into(), rustc.program.clone().into()),
            ("CARGO_TARGET_DIR".into(), target.into()),
            ("CARGO_INCREMENTAL".into(), "0".into()),
            ("CARGO_PROFILE_RELEASE_PANIC".into(), "abort".into()),
        ];
        run.environment.extend(rustc.environment.iter().cloned());
        run.readable.push(library.folder.clone());
        let ran = job.run(run)?;
        if !ran.succeeded {
            let said = format!("{}\n{}", ran.stdout, ran.stderr);
            return Err(problems::read(&said, &prepared.written, &ran.ended));
        }
        let made = problems::artifacts(&ran.stdout).into_iter().rev().find(|file| file.ends_with(".wasm"));
        let made =
            made.as_deref().and_then(|file| Path::new(file).strip_prefix(job.folder).ok()).and_then(Path::to_str);
        match made {
            Some(file) => job.read(file),
            None => Err(BuildError::NoUnit { message: "cargo made no module".to_owned() }),
        }
    }
}
