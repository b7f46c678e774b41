//! Rust for WebAssembly: the active toolchain when it has the targets, else `rustup target add`, else Debian's packages.
//!
//! Debian's compiler brings no linker for WebAssembly of its own; it borrows `rust-lld` and `wasm-component-ld` of the active
//! toolchain. Cargo stays the active one too, and is pointed at that compiler by `RUSTC`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::failure::{During, Failure, Outcome};
use crate::paths::WASMILL_RUSTUP;
use crate::printer::Printer;
use crate::process;
use crate::setup::prefix::Prefix;
use crate::setup::{Found, Recipe, debian};

/// What guests are built for, and what Wasmill itself is checked for.
pub(crate) const TARGETS: [&str; 3] = ["wasm32-wasip1", "wasm32-wasip2", "wasm32-unknown-unknown"];

const NAME: &str = "rust-wasm32";
const PACKAGES: [&str; 3] = ["rustc", "libstd-rust-dev-wasm32", "wasi-libc"];
const LINKERS: [&str; 2] = ["rust-lld", "wasm-component-ld"];

/// Raised when the steps of the recipe change in another way than by its packages.
const REVISION: &str = "1";

/// Longer than any download of the targets takes; what hangs longer waits for nothing.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);

const REMEDY: &str = "`rustup target add wasm32-wasip1 wasm32-wasip2 wasm32-unknown-unknown`";

pub(crate) struct RustWasm;

impl Recipe for RustWasm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn purpose(&self) -> &'static str {
        "guests in Rust; the check of the crates that run inside WebAssembly"
    }

    fn find(&self, prefix: &Prefix) -> Outcome<Option<Found>> {
        Ok(toolchain(prefix)?.map(|toolchain| Found {
            place: toolchain
                .rustc
                .map_or_else(|| "the active toolchain".to_owned(), |rustc| rustc.display().to_string()),
            version: toolchain.version,
        }))
    }

    fn install(&self, prefix: &Prefix, printer: &Printer) -> Outcome {
        if env::var_os(WASMILL_RUSTUP).is_some_and(|value| value == "0") {
            printer.progress(format_args!("{WASMILL_RUSTUP}=0: rustup is left alone"));
        } else if process::find("rustup").is_some() {
            printer.progress("trying `rustup target add`");
            let mut rustup = Command::new("rustup");
            rustup.args(["target", "add"]).args(TARGETS).env("RUSTUP_MAX_RETRIES", "1");
            match process::capture_within(&mut rustup, RUSTUP_LIMIT) {
                Ok(()) if has_targets("rustc") => return Ok(()),
                Ok(()) => printer.progress("rustup added the targets to another toolchain than the active one"),
                Err(failure) => printer.progress(format_args!("rustup could not: {failure}")),
            }
        }
        printer.progress("unpacking the compiler of Debian testing (200 MB to download, 0.8 GB on disk)");
        from_debian(prefix).map_err(|failure| failure.help(REMEDY))
    }
}

/// The compiler that builds for WebAssembly.
pub(crate) struct RustToolchain {
    /// Another compiler than cargo's own.
    rustc: Option<PathBuf>,
    /// As `rustc --version` says it, and with the linkers' when they are another toolchain's.
    pub(crate) version: String,
    /// The commit whose standard library the compiler has: names its sources in binaries.
    commit: Option<String>,
    sysroot: PathBuf,
}

impl RustToolchain {
    /// Makes a cargo command use this compiler.
    pub(crate) fn set(&self, cargo: &mut Command) {
        if let Some(rustc) = &self.rustc {
            cargo.env("RUSTC", rustc);
            // A wrapper that keeps results might mix up the two compilers.
            cargo.env_remove("RUSTC_WRAPPER");
        }
    }

    /// Where installed sources of the standard library are, and the name that binaries have for it without them.
    pub(crate) fn library_sources(&self) -> Option<(PathBuf, String)> {
        self.commit.as_ref().map(|commit| (self.sysroot.join("lib/rustlib/src/rust"), format!("/rustc/{commit}")))
    }
}

/// The active toolchain, or the one of the prefix.
pub(crate) fn toolchain(prefix: &Prefix) -> Outcome<Option<RustToolchain>> {
    if has_targets("rustc") {
        return describe(None, None).map(Some);
    }
    let rustc = wrapper(&prefix.folder(NAME));
    if !prefix.is_filled(NAME, &recipe()) || !has_targets(&rustc) {
        return Ok(None);
    }
    let linker = process::capture(
        Command::new(linker_folder(&prefix.folder(NAME).join("deb/usr"))?.join("wasm-component-ld")).arg("--version"),
    );
    // A linker that is gone went with the toolchain that it was borrowed from.
    let Ok(linker) = linker else { return Ok(None) };
    describe(Some(rustc), Some(linker.trim())).map(Some)
}

fn describe(rustc: Option<PathBuf>, linker: Option<&str>) -> Outcome<RustToolchain> {
    let program = rustc.clone().unwrap_or_else(|| "rustc".into());
    let verbose = process::capture(Command::new(&program).arg("-vV"))?;
    let sysroot = process::capture(Command::new(&program).args(["--print", "sysroot"]))?;
    let field =
        |name: &str| verbose.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    let first = verbose.lines().next().unwrap_or_default().to_owned();
    Ok(RustToolchain {
        version: linker.map_or_else(|| first.clone(), |linker| format!("{first}, {linker}")),
        commit: field("commit-hash:").filter(|commit| commit != "unknown"),
        sysroot: sysroot.trim().into(),
        rustc,
    })
}

/// Whether a compiler has the standard library of every target.
fn has_targets(rustc: impl AsRef<Path>) -> bool {
    TARGETS.iter().all(|target| {
        let folder =
            process::capture(Command::new(rustc.as_ref()).args(["--print", "target-libdir", "--target", target]));
        folder.is_ok_and(|folder| {
            fs::read_dir(folder.trim()).is_ok_and(|entries| {
                entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
            })
        })
    })
}

fn recipe() -> String {
    format!("{REVISION}\n{}\n{}", PACKAGES.join(" "), LINKERS.join(" "))
}

fn wrapper(folder: &Path) -> PathBuf {
    folder.join("bin/rustc")
}

/// Where a compiler with this sysroot looks for linkers.
fn linker_folder(sysroot: &Path) -> Outcome<PathBuf> {
    let verbose = process::capture(Command::new("rustc").arg("-vV"))?;
    let host = verbose.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    Ok(sysroot.join("lib/rustlib").join(host).join("bin"))
}

fn from_debian(prefix: &Prefix) -> Outcome {
    let active = process::capture(Command::new("rustc").args(["--print", "sysroot"]))?;
    let lenders = linker_folder(Path::new(active.trim()))?;
    if let Some(missing) = LINKERS.iter().find(|name| !lenders.join(name).is_file()) {
        return Err(Failure::new(format!("looked for `{missing}` in {}; it is not there", lenders.display()))
            .help("use a toolchain of rustup, which brings it"));
    }
    let folder = prefix.emptied(NAME)?;
    let root = debian::unpack(&PACKAGES, &folder.join("deb"))?;
    let sysroot = root.path.join("usr");
    let borrowed = linker_folder(&sysroot)?;
    fs::create_dir_all(&borrowed).during(borrowed.display())?;
    for name in LINKERS {
        link(&lenders.join(name), &borrowed.join(name))?;
    }
    let wrapper = wrapper(&folder);
    root.write_wrapper("usr/bin/rustc", &[Path::new("--sysroot"), &sysroot], &wrapper)?;
    process::capture(Command::new(&wrapper).arg("-vV"))?;
    prefix.stamp(NAME, &recipe())
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> Outcome {
    std::os::unix::fs::symlink(to, at).during(at.display())
}

#[cfg(not(unix))]
fn link(to: &Path, at: &Path) -> Outcome {
    fs::copy(to, at).map(|_| ()).during(at.display())
}
