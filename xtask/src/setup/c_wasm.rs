//! A C compiler for WASI: clang with a WASI sysroot where both are, else zig from PyPI, which brings everything.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{During, Failure, Outcome};
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe, pypi};

const NAME: &str = "c-wasi";

/// Pinned: the same compiler gives the same bytes.
const ZIG: &str = "ziglang==0.17.0";

/// Raised when the steps of the recipe change in another way than by the version.
const REVISION: &str = "1";

/// What clang is called, in the order of preference.
const CLANGS: [&str; 8] = ["clang", "clang-23", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17"];

/// Where distributions put the C library of WASI.
const SYSROOTS: [&str; 3] = ["/usr/share/wasi-sysroot", "/opt/wasi-sdk/share/wasi-sysroot", "/opt/wasi-sysroot"];

/// Debian's `wasi-libc` is spread over /usr itself.
const DEBIAN_SYSROOT: (&str, &str) = ("/usr", "/usr/lib/wasm32-wasi");

/// What a compiler must be able to do.
const PROBE: &str = "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { char *at = malloc(9); return puts(at ? \"a\" : \"b\") < 0; }\n";

pub(crate) struct CWasm;

impl Recipe for CWasm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn purpose(&self) -> &'static str {
        "guests in C"
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        Ok(compiler(prefix)?
            .map(|compiler| Found { version: compiler.version, place: compiler.program.display().to_string() }))
    }

    fn install(&self, prefix: &Prefix, printer: &Printer) -> Outcome {
        printer
            .progress("no clang with a WASI sysroot; installing zig from PyPI (its first compile takes half a minute)");
        let folder = prefix.emptied(NAME)?;
        pypi::install(ZIG, &folder).map_err(|failure| {
            failure.help(
                "or install clang, lld and wasi-libc: `apt-get install clang lld wasi-libc libclang-rt-dev-wasm32`",
            )
        })?;
        let zig = zig(&folder, String::new());
        probe(&zig, &folder.join("probe"))?;
        prefix.stamp(NAME, &recipe())
    }
}

/// A C compiler that builds for WASI preview 1.
pub(crate) struct CCompiler {
    pub(crate) program: PathBuf,
    pub(crate) version: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
}

impl CCompiler {
    /// The compiler with its target; sources, output and flags are still to be added.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The machine's clang, or the zig of the prefix.
pub(crate) fn compiler(prefix: &Prefix) -> Outcome<Option<CCompiler>> {
    if let Some(clang) = clang() {
        return Ok(Some(clang));
    }
    if !prefix.is_filled(NAME, &recipe()) {
        return Ok(None);
    }
    let folder = prefix.folder(NAME);
    let version = process::capture(Command::new(program(&folder)).arg("version"))?;
    Ok(Some(zig(&folder, format!("zig {}", version.trim()))))
}

fn recipe() -> String {
    format!("{REVISION}\n{ZIG}")
}

fn program(folder: &Path) -> PathBuf {
    folder.join("ziglang/zig")
}

fn zig(folder: &Path, version: String) -> CCompiler {
    CCompiler {
        program: program(folder),
        version,
        arguments: ["cc", "-target", "wasm32-wasi"].map(str::to_owned).to_vec(),
        environment: vec![
            ("ZIG_GLOBAL_CACHE_DIR", folder.join("cache")),
            ("ZIG_LOCAL_CACHE_DIR", folder.join("cache/local")),
        ],
    }
}

fn clang() -> Option<CCompiler> {
    let sdk = env::var_os("WASI_SDK_PATH").map(PathBuf::from);
    let programs = sdk.iter().map(|sdk| sdk.join("bin/clang")).filter(|path| path.is_file());
    let program = programs.chain(CLANGS.iter().filter_map(|name| process::find(name))).next()?;
    let version = process::capture(Command::new(&program).arg("--version")).ok()?.lines().next()?.to_owned();
    let named = env::var_os("WASI_SYSROOT").map(PathBuf::from);
    let sysroots = named
        .into_iter()
        .chain(sdk.map(|sdk| sdk.join("share/wasi-sysroot")))
        .chain(SYSROOTS.iter().map(PathBuf::from).filter(|path| path.is_dir()))
        .chain(Path::new(DEBIAN_SYSROOT.1).is_dir().then(|| PathBuf::from(DEBIAN_SYSROOT.0)));
    let scratch = env::temp_dir().join(format!("wasmill-xtask-{}", std::process::id()));
    let mut candidates = sysroots.map(|sysroot| CCompiler {
        program: program.clone(),
        version: version.clone(),
        arguments: vec!["--target=wasm32-wasi".to_owned(), format!("--sysroot={}", sysroot.display())],
        environment: Vec::new(),
    });
    let found = candidates.find(|candidate| probe(candidate, &scratch).is_ok());
    let _ = fs::remove_dir_all(&scratch);
    found
}

/// Compiles a program and a library: what cannot do that is no compiler, however it answers to `--version`.
fn probe(compiler: &CCompiler, scratch: &Path) -> Outcome {
    fs::create_dir_all(scratch).during(scratch.display())?;
    let source = scratch.join("probe.c");
    fs::write(&source, PROBE).during(source.display())?;
    for model in ["command", "reactor"] {
        let output = scratch.join("probe.wasm");
        let mut command = compiler.command();
        command.arg(format!("-mexec-model={model}")).arg("-Oz").arg("-o").arg(&output).arg(&source);
        process::capture(&mut command)?;
        if !output.is_file() {
            return Err(Failure::new(format!("{} wrote no {}", compiler.program.display(), output.display())));
        }
    }
    Ok(())
}
