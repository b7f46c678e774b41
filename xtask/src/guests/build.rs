//! Source to unit, the same bytes wherever the checkout is: no paths, no names of the machine, no times.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::digest::sha256;
use crate::failure::{During, Failure, Outcome};
use crate::guests::source::{Language, Source};
use crate::guests::{Unit, javascript, names};
use crate::paths::{Paths, cargo};
use crate::printer::Printer;
use crate::process;
use crate::setup;
use crate::setup::c_wasm::CCompiler;
use crate::setup::rust_wasm::RustToolchain;

/// Small code. The stack is Rust's megabyte: zig's own sixteen would be part of every instance's memory.
const C_FLAGS: [&str; 6] =
    ["-std=c17", "-Wall", "-Wextra", "-Werror", "-fno-stack-protector", "-Wl,-z,stack-size=1048576"];
const SMALL: [&str; 2] = ["-Oz", "-s"];
/// A guest whose name ends like this keeps its names and lines.
const DEBUG: &str = "-debug";
const WITH_LINES: [&str; 3] = ["-O0", "-g", "-fno-sanitize=undefined"];

pub(crate) struct Builder<'a> {
    paths: &'a Paths,
    printer: &'a Printer,
    c: Option<CCompiler>,
    rust: Option<Rust>,
    /// What builds the JavaScript interpreter.
    javascript: Option<String>,
}

struct Rust {
    toolchain: RustToolchain,
    flags: Vec<String>,
}

impl<'a> Builder<'a> {
    /// With the toolchains that these sources need.
    pub(crate) fn new(paths: &'a Paths, printer: &'a Printer, sources: &[Source]) -> Outcome<Self> {
        let any = |wanted: fn(&Language) -> bool| sources.iter().any(|source| wanted(&source.language));
        let c = any(|language| matches!(language, Language::C { .. })).then(|| setup::c(paths, printer)).transpose()?;
        let rust =
            any(|language| matches!(language, Language::Rust { .. })).then(|| Rust::new(paths, printer)).transpose()?;
        let javascript = any(|language| matches!(language, Language::JavaScript));
        let javascript = javascript.then(|| javascript::toolchain(paths)).transpose()?;
        Ok(Self { paths, printer, c, rust, javascript })
    }

    /// The folder of the units.
    pub(crate) fn output(&self) -> PathBuf {
        self.paths.target.join("guests")
    }

    /// The unit of a source, and whether it had to be built: what was built from the same source by the same toolchain stays,
    /// unless it shall be built anew.
    pub(crate) fn build<'s>(&self, source: &'s Source, anew: bool) -> Outcome<(Unit<'s>, bool)> {
        let output = self.output();
        let path = output.join(&source.suite).join(format!("{}.wasm", source.name));
        let stamp = output.join(".stamps").join(&source.suite).join(&source.name);
        let toolchain = self.toolchain(&source.language)?;
        let key = |bytes: &[u8]| format!("{}\n{toolchain}\n{}\n{}\n", source.sha256, C_FLAGS.join(" "), sha256(bytes));
        if !anew
            && let Ok(bytes) = fs::read(&path)
            && fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == key(&bytes))
        {
            return Ok((Unit { source, bytes, toolchain, path }, false));
        }
        self.printer.progress(format_args!("building {} with {toolchain}", source.label()));
        for file in [&path, &stamp] {
            let folder = file.parent().unwrap_or(&output);
            fs::create_dir_all(folder).during(folder.display())?;
        }
        let bytes = match &source.language {
            Language::C { program } => self.build_c(source, *program, &path)?,
            Language::Rust { package, target, artifact } => self.build_rust(package, target, artifact)?,
            Language::JavaScript => javascript::build(self.paths, source, &path, self.printer)?,
        };
        names::exports(&bytes)
            .map_err(|failure| Failure::new(format!("what was built is no valid unit: {failure}")))?;
        fs::write(&path, &bytes).during(path.display())?;
        fs::write(&stamp, key(&bytes)).during(stamp.display())?;
        Ok((Unit { source, bytes, toolchain, path }, true))
    }

    fn toolchain(&self, language: &Language) -> Outcome<String> {
        let version = match language {
            Language::C { .. } => self.c.as_ref().map(|c| c.version.clone()),
            Language::Rust { .. } => self.rust.as_ref().map(|rust| rust.toolchain.version.clone()),
            Language::JavaScript => self.javascript.clone(),
        };
        version.ok_or_else(no_toolchain)
    }

    fn build_c(&self, source: &Source, program: bool, path: &Path) -> Outcome<Vec<u8>> {
        let mut command = self.c.as_ref().ok_or_else(no_toolchain)?.command();
        // A relative source, so that no message and no `__FILE__` tells where the checkout is.
        let style = if source.name.ends_with(DEBUG) { &WITH_LINES[..] } else { &SMALL };
        command.current_dir(&self.paths.root).args(C_FLAGS).args(style);
        if !program {
            command.arg("-mexec-model=reactor");
        }
        command.arg("-o").arg(path).arg(source.path.strip_prefix(&self.paths.root).unwrap_or(&source.path));
        process::capture(&mut command)?;
        fs::read(path).during(path.display())
    }

    fn build_rust(&self, package: &str, target: &str, artifact: &str) -> Outcome<Vec<u8>> {
        let rust = self.rust.as_ref().ok_or_else(no_toolchain)?;
        // A folder of its own: the build of Wasmill holds the lock of the other.
        let folder = self.paths.target.join("guests-build");
        let mut command = cargo();
        command.current_dir(self.paths.root.join("guests")).args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--target",
            target,
        ]);
        command.args(["--package", package, "--target-dir"]).arg(&folder);
        command
            .env("CARGO_ENCODED_RUSTFLAGS", rust.flags.join("\u{1f}"))
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_BUILD_TARGET");
        rust.toolchain.set(&mut command);
        process::capture(&mut command)?;
        let path = folder.join(target).join("release").join(artifact);
        fs::read(&path).during(path.display())
    }
}

impl Rust {
    fn new(paths: &Paths, printer: &Printer) -> Outcome<Self> {
        let toolchain = setup::rust(paths, printer)?;
        // Dependencies first: their folders must be there to be given other names.
        let mut fetch = cargo();
        fetch.current_dir(paths.root.join("guests")).args(["fetch", "--quiet", "--locked"]);
        process::capture(&mut fetch)?;
        let flags = path_flags(paths, &toolchain)?;
        Ok(Self { toolchain, flags })
    }
}

/// What keeps the folders of this machine out of a binary, so that it is the same on every one. Dependencies have to be there already.
pub(crate) fn path_flags(paths: &Paths, toolchain: &RustToolchain) -> Outcome<Vec<String>> {
    let mut renamed = vec![(paths.root.clone(), "/wasmill".to_owned())];
    let sources = cargo_home()?.join("registry").join("src");
    if let Ok(entries) = fs::read_dir(&sources) {
        renamed.extend(entries.flatten().map(|entry| (entry.path(), "/crates".to_owned())));
    }
    renamed.extend(toolchain.library_sources());
    Ok(renamed.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).collect())
}

/// Where cargo unpacks what it downloads.
fn cargo_home() -> Outcome<PathBuf> {
    match env::var_os("CARGO_HOME").filter(|value| !value.is_empty()) {
        Some(home) => Ok(home.into()),
        None => Ok(etcetera::home_dir().during("the home folder")?.join(".cargo")),
    }
}

fn no_toolchain() -> Failure {
    Failure::new("no toolchain was set up for this language")
}
