//! Runtimes that Wasmill itself runs in: found, and told which folder to open.

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use crate::{Command, workspace};

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

    /// Its program: on the PATH, or where `cargo xtask setup` puts it.
    pub fn find(self) -> Option<PathBuf> {
        let name = self.name();
        let on_path = std::env::var_os("PATH")
            .and_then(|path| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()));
        let tools = std::env::var_os("WASMILL_TOOLS")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/wasmill/tools")));
        on_path.or_else(|| Some(tools?.join(name).join("bin").join(name)).filter(|file| file.is_file()))
    }

    /// The program, run with this folder opened, and named by `--units`; none: no folder is opened.
    ///
    /// # Panics
    /// When the runtime is not there; the message says how to get it.
    pub fn run(self, program: &Path, folder: Option<&Path>) -> Command {
        let found = self.find().unwrap_or_else(|| {
            let name = self.name();
            panic!("`{name}` is not found: `cargo xtask setup --only {name}` installs it, or put it on the PATH")
        });
        let mut process = Process::new(found);
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
        process.arg(program);
        if folder.is_some() {
            process.args(["--units", FOLDER]);
        }
        Command::new(process, PathBuf::new())
    }
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
