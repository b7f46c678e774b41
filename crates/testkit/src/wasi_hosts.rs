//! Runtimes that Wasmill itself runs in: found, and told which folder to open.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command as Process;

use crate::{Command, shared, workspace};

/// What the opened folder is called inside.
const FOLDER: &str = "/units";

/// A runtime for programs of WASI preview 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WasiHost {
    /// wasmtime's own program.
    Wasmtime,
    /// WasmEdge.
    WasmEdge,
    /// wazero.
    Wazero,
}

impl WasiHost {
    /// Every one of them.
    pub const ALL: [WasiHost; 3] = [WasiHost::Wasmtime, WasiHost::WasmEdge, WasiHost::Wazero];

    /// The name of its program.
    pub const fn name(self) -> &'static str {
        match self {
            WasiHost::Wasmtime => "wasmtime",
            WasiHost::WasmEdge => "wasmedge",
            WasiHost::Wazero => "wazero",
        }
    }

    /// Its program.
    pub fn find(self) -> Option<PathBuf> {
        tool(self.name())
    }

    /// The program, run with this folder opened, and named by `--units`; none: no folder is opened.
    ///
    /// # Panics
    /// When the runtime is not there; the message says how to get it.
    pub fn run(self, program: &Path, folder: Option<&Path>) -> Command {
        self.run_with(program, folder, if folder.is_some() { &["--units", FOLDER] } else { &[] })
    }

    /// The program, run with these arguments and this folder opened as `/units`.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub fn run_with(self, program: &Path, folder: Option<&Path>, arguments: &[&str]) -> Command {
        let found = self.find().unwrap_or_else(|| {
            let name = self.name();
            panic!("`{name}` is not found: `cargo xtask setup --only {name}` installs it, or put it on the PATH")
        });
        let mut process = Process::new(&found);
        match self {
            WasiHost::Wasmtime => {
                process.arg("run");
                if let Some(folder) = folder {
                    process.arg("--dir").arg(format!("{}::{FOLDER}", folder.display()));
                }
            }
            WasiHost::WasmEdge => {
                if let Some(folder) = folder {
                    process.arg("--dir").arg(format!("{FOLDER}:{}", folder.display()));
                }
            }
            WasiHost::Wazero => {
                process.arg("run").arg("-cachedir").arg(std::env::temp_dir().join("wasmill-tests-wazero"));
                if let Some(folder) = folder {
                    process.arg(format!("-mount={}:{FOLDER}:ro", folder.display()));
                }
            }
        }
        process.arg(match self {
            WasiHost::WasmEdge => compiled_by_wasmedge(&found, program),
            WasiHost::Wasmtime | WasiHost::Wazero => program.to_owned(),
        });
        process.args(arguments);
        Command::new(process, PathBuf::new())
    }
}

/// A program of others: where `cargo xtask setup` puts it, or on the PATH. (It is put there only where that of the PATH does not do.)
pub fn tool(name: &str) -> Option<PathBuf> {
    let tools = std::env::var_os("WASMILL_TOOLS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/wasmill/tools")));
    let own = tools.map(|tools| tools.join(name).join("bin").join(name)).filter(|file| file.is_file());
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    };
    own.or_else(on_path)
}

/// The program as native code, which WasmEdge else interprets: kept for all tests, of the last program that there was.
fn compiled_by_wasmedge(wasmedge: &Path, program: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    hasher.write(&fs::read(program).unwrap_or_else(|error| panic!("{} cannot be read: {error}", program.display())));
    let folder = shared().join("wasmedge");
    let compiled = folder.join(format!("{:016x}.wasm", hasher.finish()));
    fs::create_dir_all(&folder).expect("the folder of what tests share can be made");
    let lock = File::create(folder.join(".lock")).expect("the folder of what tests share can be written");
    // Tests are processes beside each other: the first one compiles, the others wait.
    lock.lock().expect("a file can be locked");
    if !compiled.is_file() {
        for old in fs::read_dir(&folder).expect("the folder can be read").flatten() {
            if old.path().extension().is_some_and(|extension| extension == "wasm") {
                let _ = fs::remove_file(old.path());
            }
        }
        let unfinished = folder.join("unfinished.tmp");
        // Without optimisation, which takes minutes.
        let mut compile = Process::new(wasmedge);
        compile.args(["compile", "--optimize", "0"]).arg(program).arg(&unfinished);
        let output = compile.output().unwrap_or_else(|error| panic!("{compile:?} does not start: {error}"));
        assert!(output.status.success(), "{compile:?}: {}", String::from_utf8_lossy(&output.stdout));
        fs::rename(&unfinished, &compiled).expect("a compiled program can be moved");
    }
    compiled
}

/// Wasmill as a program of WASI, as `cargo xtask wasi` builds it.
///
/// # Panics
/// When it was not built; the message says how it is.
pub fn wasi_program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    let program = target.join("wasi").join("wasmill-wasi.wasm");
    assert!(program.is_file(), "{} is not there: build it with `cargo xtask wasi`", program.display());
    program
}
