//! Where each program may be, and what it needs to run there.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::{ToolName, Tools, prefix, roots};

/// A program that may do.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) roots: Vec<PathBuf>,
    pub(super) caches: Vec<PathBuf>,
    /// What makes it say its version, or fail where it is not what is needed.
    pub(super) ask: Vec<OsString>,
    /// Files that say whether it is still the same program.
    pub(super) stamps: Vec<PathBuf>,
}

/// What clang is called, in the order of preference.
const CLANGS: [&str; 8] = ["clang", "clang-23", "clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17"];

/// Where distributions put the C library of WASI.
const SYSROOTS: [&str; 3] = ["/usr/share/wasi-sysroot", "/opt/wasi-sdk/share/wasi-sysroot", "/opt/wasi-sysroot"];

/// Debian's `wasi-libc` is spread over /usr itself.
const DEBIAN_SYSROOT: (&str, &str) = ("/usr", "/usr/lib/wasm32-wasi");

/// The names that a program is looked for by.
pub(super) fn programs(name: ToolName) -> &'static [&'static str] {
    match name {
        ToolName::Rustc => &["rustc"],
        ToolName::Cargo => &["cargo"],
        ToolName::C => &["clang (with a WASI sysroot)", "zig"],
        ToolName::Go => &["go"],
        ToolName::Asc => &["asc"],
        ToolName::Esbuild => &["esbuild"],
        ToolName::Npm => &["npm"],
        ToolName::ComponentizePy => &["componentize-py"],
        ToolName::WasmOpt => &["wasm-opt"],
    }
}

/// All that there are, the first choice first.
pub(super) fn candidates(tools: &Tools, name: ToolName) -> Vec<Candidate> {
    let files = |programs: &[&str], below: &[&str]| -> Vec<PathBuf> {
        if let Some(program) = tools.named.get(&name) {
            return resolve(tools, program).into_iter().collect();
        }
        let on_path = programs.iter().filter_map(|program| on_path(tools, program));
        let setup = below.iter().filter_map(|path| Some(tools.folder.as_ref()?.join(path)));
        on_path.chain(setup).filter(|path| path.is_file()).collect()
    };
    match name {
        ToolName::Rustc => files(&["rustc"], &["rust-wasm32/bin/rustc"]).into_iter().filter_map(rustc).collect(),
        ToolName::Cargo => files(&["cargo"], &[]).into_iter().map(plain).collect(),
        ToolName::C => c(tools, files(&[], &[])),
        ToolName::Go => files(&["go"], &["go/go/bin/go"]).into_iter().map(|path| go(tools, path)).collect(),
        ToolName::Asc => {
            let below = "npm/node_modules/assemblyscript/bin/asc.js";
            files(&["asc"], &[below]).into_iter().filter_map(|path| of_node(tools, &path)).collect()
        }
        ToolName::Esbuild => {
            let below = "npm/node_modules/esbuild/bin/esbuild";
            let native = |path: PathBuf| native_esbuild(&path).unwrap_or(path);
            files(&["esbuild"], &[below]).into_iter().filter_map(|path| of_node(tools, &native(path))).collect()
        }
        ToolName::Npm => files(&["npm"], &[]).into_iter().map(plain).collect(),
        ToolName::ComponentizePy => {
            let below = "componentize-py/bin/componentize-py";
            files(&["componentize-py"], &[below]).into_iter().map(python).collect()
        }
        ToolName::WasmOpt => {
            let below = ["binaryen/bin/wasm-opt", "npm/node_modules/binaryen/bin/wasm-opt"];
            files(&["wasm-opt"], &below).into_iter().filter_map(|path| of_node(tools, &path)).collect()
        }
    }
}

fn words(args: &[&str]) -> Vec<OsString> {
    args.iter().map(OsString::from).collect()
}

fn plain(program: PathBuf) -> Candidate {
    Candidate {
        args: Vec::new(),
        environment: Vec::new(),
        roots: roots(&program),
        caches: Vec::new(),
        ask: words(&["--version"]),
        stamps: vec![program.clone()],
        program,
    }
}

/// A program that a user named: a path, or a name on the PATH.
fn resolve(tools: &Tools, named: &Path) -> Option<PathBuf> {
    if named.components().count() > 1 || named.is_file() {
        return named.is_file().then(|| std::path::absolute(named).unwrap_or_else(|_| named.to_owned()));
    }
    on_path(tools, named.to_str()?)
}

fn on_path(tools: &Tools, program: &str) -> Option<PathBuf> {
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    // A relative folder of the PATH is another one in the scratch folder.
    let folders = tools.path.iter().filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(&file)).find(|path| is_program(path))
}

/// The compiler itself, where rustup's stand-in was found: it would look for its settings in the user's home.
fn rustc(program: PathBuf) -> Option<Candidate> {
    let is_wrapper = fs::metadata(&program).is_ok_and(|metadata| metadata.len() < 4096);
    if is_wrapper {
        // Made by `cargo xtask setup`: a script, with the linkers of a toolchain of rustup.
        let mut one = plain(program);
        one.roots.extend(rustup_home().map(|home| home.join("toolchains")));
        return Some(one);
    }
    let real = behind_rustup(&program).unwrap_or_else(|| program.clone());
    if !prefix(&real)?.join("lib/rustlib/wasm32-wasip1/lib").is_dir() {
        return None;
    }
    let mut one = plain(real);
    one.stamps.push(program);
    one.stamps.extend(rustup_home().map(|home| home.join("settings.toml")));
    Some(one)
}

fn rustup_home() -> Option<PathBuf> {
    let named = std::env::var_os("RUSTUP_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".rustup")))
}

/// The `rustc` of the toolchain that rustup has chosen, where `program` is rustup.
fn behind_rustup(program: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(program).ok()?;
    let beside = program.with_file_name(format!("rustup{}", std::env::consts::EXE_SUFFIX));
    let is_rustup = real.file_stem().is_some_and(|name| name == "rustup")
        || (beside.is_file() && fs::metadata(&beside).ok()?.len() == fs::metadata(&real).ok()?.len());
    if !is_rustup {
        return None;
    }
    let home = rustup_home()?;
    let chosen = std::env::var("RUSTUP_TOOLCHAIN").ok().filter(|name| !name.is_empty());
    let chosen = chosen.or_else(|| {
        let settings = fs::read_to_string(home.join("settings.toml")).ok()?;
        let line = settings.lines().find_map(|line| line.trim().strip_prefix("default_toolchain"))?;
        Some(line.trim_start_matches([' ', '=']).trim_matches('"').to_owned())
    })?;
    let file = |name: &str| {
        home.join("toolchains").join(name).join("bin").join(format!("rustc{}", std::env::consts::EXE_SUFFIX))
    };
    let exact = file(&chosen);
    if exact.is_file() {
        return Some(exact);
    }
    // `stable` is `stable-x86_64-unknown-linux-gnu`.
    let toolchains = fs::read_dir(home.join("toolchains")).ok()?;
    let mut names: Vec<String> =
        toolchains.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
        .iter()
        .find(|name| name.starts_with(&format!("{chosen}-")))
        .map(|name| file(name))
        .filter(|path| path.is_file())
}

fn c(tools: &Tools, named: Vec<PathBuf>) -> Vec<Candidate> {
    if tools.named.contains_key(&ToolName::C) {
        return named
            .into_iter()
            .flat_map(|path| if is_zig(&path) { vec![zig(tools, path)] } else { clang(path) })
            .collect();
    }
    let sdk = std::env::var_os("WASI_SDK_PATH").map(|sdk| PathBuf::from(sdk).join("bin/clang"));
    let clangs =
        sdk.into_iter().filter(|path| path.is_file()).chain(CLANGS.iter().filter_map(|name| on_path(tools, name)));
    let zigs =
        on_path(tools, "zig").into_iter().chain(tools.folder.iter().map(|folder| folder.join("c-wasi/ziglang/zig")));
    let zigs = zigs.filter(|path| path.is_file()).map(|path| zig(tools, path));
    clangs.flat_map(clang).chain(zigs).chain(pip_zig(tools)).collect()
}

/// zig as `pip install ziglang` brings it, which puts no program on the PATH.
fn pip_zig(tools: &Tools) -> Option<Candidate> {
    let python = on_path(tools, "python3")?;
    let library = prefix(&python)?.join("lib");
    let versions = fs::read_dir(library).ok()?.flatten();
    let mut found = versions.map(|entry| entry.path().join("site-packages/ziglang/zig")).filter(|path| path.is_file());
    found.next().map(|path| zig(tools, path))
}

fn is_zig(program: &Path) -> bool {
    program.file_stem().is_some_and(|name| name == "zig")
}

fn clang(program: PathBuf) -> Vec<Candidate> {
    let own = prefix(&program).map(|prefix| prefix.join("share/wasi-sysroot"));
    let sysroots = std::env::var_os("WASI_SYSROOT")
        .map(PathBuf::from)
        .into_iter()
        .chain(own)
        .chain(SYSROOTS.iter().map(PathBuf::from));
    let sysroots = sysroots.filter(|path| path.is_dir());
    let debian = Path::new(DEBIAN_SYSROOT.1).is_dir().then(|| PathBuf::from(DEBIAN_SYSROOT.0));
    let make = |sysroot: PathBuf| {
        let mut one = plain(program.clone());
        one.args = vec!["--target=wasm32-wasi".into(), format!("--sysroot={}", sysroot.display()).into()];
        one.roots.push(sysroot);
        one
    };
    sysroots.chain(debian).map(make).collect()
}

fn zig(tools: &Tools, program: PathBuf) -> Candidate {
    let mut one = plain(program);
    one.ask = words(&["version"]);
    if let Some(cache) = tools.cache_of("zig") {
        one.environment = vec![
            ("ZIG_GLOBAL_CACHE_DIR".into(), cache.clone().into()),
            ("ZIG_LOCAL_CACHE_DIR".into(), cache.join("local").into()),
        ];
        one.caches.push(cache);
    }
    one.args = words(&["cc", "-target", "wasm32-wasi"]);
    one
}

fn go(tools: &Tools, program: PathBuf) -> Candidate {
    let mut one = plain(program);
    one.ask = words(&["version"]);
    one.environment = [("GOTOOLCHAIN", "local"), ("GOTELEMETRY", "off"), ("CGO_ENABLED", "0"), ("GOENV", "off")]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
    if let Some(cache) = tools.cache_of("go") {
        one.environment.push(("GOCACHE".into(), cache.join("build").into()));
        one.environment.push(("GOPATH".into(), cache.join("path").into()));
        one.caches.push(cache);
    }
    one
}

/// A program of an npm package: a script that node runs, or a program of its own that a script stands for.
fn of_node(tools: &Tools, path: &Path) -> Option<Candidate> {
    let real = fs::canonicalize(path).ok()?;
    let head = fs::read(&real).ok()?;
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_script = head.starts_with(b"#!") && first.windows(4).any(|word| word == b"node");
    if !is_script {
        let mut one = plain(real.clone());
        one.roots.extend(packages(&real));
        return Some(one);
    }
    let node = on_path(tools, "node")?;
    let mut one = plain(node.clone());
    // Half of a short build is node reading the compiler; from version 22 on it keeps what it made of it.
    if let Some(cache) = tools.cache_of("node") {
        one.environment.push(("NODE_COMPILE_CACHE".into(), cache.clone().into()));
        one.caches.push(cache);
    }
    one.roots.extend(packages(&real));
    one.args = vec![real.clone().into()];
    one.stamps.push(real);
    Some(one)
}

/// The program itself, where npm left the script that stands for it, as it does without packages' own scripts: node takes a tenth of a second
/// to start, and esbuild a few milliseconds.
fn native_esbuild(path: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(path).ok()?;
    let package = real.parent()?.parent()?;
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let below = format!("@esbuild/{system}-{machine}/bin/esbuild");
    // Beside it; within it, where it was installed for all.
    let folders = [package.parent()?.to_owned(), package.join("node_modules")];
    folders.into_iter().map(|folder| folder.join(&below)).find(|path| is_program(path))
}

/// The `node_modules` that a file stands in.
fn packages(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "node_modules")).map(Path::to_owned)
}

/// A program of a Python package: a script that names its own interpreter, and packages beside it or in the interpreter's own folder.
fn python(program: PathBuf) -> Candidate {
    let mut one = plain(program.clone());
    // `pip install --target FOLDER` puts programs into `FOLDER/bin`, and does not tell the interpreter where packages are.
    if let Some(folder) = prefix(&program).filter(|folder| folder.join("componentize_py").is_dir()) {
        one.environment.push(("PYTHONPATH".into(), folder.into()));
    }
    let interpreter = fs::read_to_string(&program).ok().and_then(|text| {
        let line = text.lines().next()?.strip_prefix("#!")?.trim().to_owned();
        Some(PathBuf::from(line.split_whitespace().next()?))
    });
    if let Some(interpreter) = interpreter {
        one.roots.extend(roots(&interpreter));
        // A virtual environment names the interpreter that it was made from.
        one.roots.extend(interpreter.parent().map(|bin| bin.join("../lib")));
        one.roots.extend(interpreter.parent().map(|bin| bin.join("../pyvenv.cfg")));
    }
    one
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::{Tools, candidates};
    use crate::ToolName;

    #[test]
    fn esbuild_itself_is_taken_before_the_script_that_starts_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = fs::canonicalize(folder.path()).unwrap();
        let program = |name: &str, text: &str| {
            let path = folder.join("npm/node_modules").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let tools = Tools { folder: Some(folder.clone()), ..Tools::default() };
        let found = || candidates(&tools, ToolName::Esbuild).into_iter().map(|one| one.program).collect::<Vec<_>>();
        program("esbuild/bin/esbuild", "#!/usr/bin/env node\n");
        // There is no node on this PATH.
        assert!(found().is_empty());
        let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let native = program(&format!("@esbuild/{system}-{machine}/bin/esbuild"), "ELF");
        assert_eq!(found(), [native]);
    }
}
