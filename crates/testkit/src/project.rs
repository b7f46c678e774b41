//! A folder of files that commands are run in, gone with the test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Command;

/// A temporary folder with a pipeline in it, and a cache of its own.
#[derive(Debug)]
pub struct Project {
    folder: TempDir,
    binary: PathBuf,
    shares_builds: bool,
}

impl Project {
    /// An empty project, whose commands run this binary: `env!("CARGO_BIN_EXE_wasmill")` in the tests of the CLI.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let folder =
            tempfile::Builder::new().prefix("wasmill-test-").tempdir().expect("a temporary folder can be made");
        std::fs::create_dir(folder.path().join("work")).expect("a temporary folder can be written");
        Project { folder, binary: binary.into(), shares_builds: false }
    }

    /// The same, with what other tests built and compiled: interpreters take many seconds for it.
    #[must_use]
    pub fn sharing_builds(mut self) -> Self {
        self.shares_builds = true;
        self
    }

    /// The folder that commands run in.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Writes a file; folders on the way are made.
    #[must_use]
    pub fn file(self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Self {
        self.write(name, contents);
        self
    }

    /// Writes a file; folders on the way are made.
    pub fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        let folder = path.parent().expect("a file stands in a folder");
        std::fs::create_dir_all(folder).expect("a temporary folder can be made");
        std::fs::write(&path, contents).unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
    }

    /// Writes a file as editors do: whoever looks meanwhile sees the former one or this one. Folders on the way come with it.
    pub fn replace(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) {
        let name = name.as_ref();
        let beside = self.folder.path().join("next");
        std::fs::create_dir(&beside).expect("a temporary folder can be made");
        let text = beside.join(name);
        std::fs::create_dir_all(text.parent().expect("a file stands in a folder")).expect("a folder can be made");
        std::fs::write(&text, contents).expect("a temporary folder can be written");
        // The first on the way that is not there takes the rest with it.
        let mut moved = PathBuf::new();
        for part in name {
            moved.push(part);
            if !self.path().join(&moved).is_dir() {
                break;
            }
        }
        std::fs::rename(beside.join(&moved), self.path().join(&moved)).expect("a temporary file can be moved");
        std::fs::remove_dir_all(&beside).expect("a temporary folder can be removed");
    }

    /// `wasmill …`, in this project, with a cache of its own and nothing on stdin.
    pub fn wasmill<I: AsRef<str>>(&self, arguments: impl IntoIterator<Item = I>) -> Command {
        self.program(&self.binary, arguments)
    }

    /// Another program, which finds the binary in `WASMILL` and calls it in the same surroundings.
    pub fn program<I: AsRef<str>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = I>,
    ) -> Command {
        let mut command = std::process::Command::new(program);
        command.env("WASMILL", &self.binary);
        command.current_dir(self.path()).env("WASMILL_CACHE_DIR", self.folder.path().join("cache"));
        command.env("WASMILL_UNITS_DIR", self.folder.path().join("units"));
        command.env("WASMILL_BLOBS_DIR", self.folder.path().join("blobs"));
        command.env("WASMILL_BUILDS_DIR", self.folder.path().join("builds"));
        command.env("WASMILL_RESULTS_DIR", self.folder.path().join("results"));
        command.env("WASMILL_TOOL_CACHES", shared().join("toolchain"));
        // The developer's own policy is none of the test's business.
        command.env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        for variable in [
            "WASMILL_POLICY",
            "NO_COLOR",
            "CLICOLOR_FORCE",
            "WASMILL_WORKERS",
            "WASMILL_COMPILER",
            "WASMILL_TOOLS",
            "WASMILL_BUILDS",
            "WASMILL_BUILDS_TTL",
            "WASMILL_BUILDS_SIZE",
            "WASMILL_BUILD_MEMORY",
            "WASMILL_BUILD_TIMEOUT",
            "WASM_CACHE_ENABLED",
            "WASM_CACHE_TTL",
            "WASM_CACHE_DIR",
            "WASMILL_COMPILE_MEMORY",
            "WASMILL_COMPILE_TIMEOUT",
            "COLUMNS",
        ] {
            command.env_remove(variable);
        }
        // Whoever runs the tests may be traced; the tests are not.
        for (variable, _) in std::env::vars_os() {
            let name = variable.to_string_lossy();
            if name.starts_with("OTEL_") || name == "TRACEPARENT" || name == "TRACESTATE" {
                command.env_remove(&variable);
            }
        }
        if self.shares_builds {
            let shared = shared();
            command.env("WASMILL_CACHE_DIR", shared.join("code")).env("WASMILL_BUILDS_DIR", shared.join("builds"));
            // Compilers of debug builds are slow, and tests run beside each other.
            command.env("WASMILL_COMPILE_TIMEOUT", "10m").env("WASMILL_BUILD_TIMEOUT", "10m");
        }
        command.args(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        Command::new(command, self.folder.path().to_owned())
    }
}

/// What outlives a test: what compilers made, which is the same in every test, and takes some of them half a minute for the first time.
pub fn shared() -> PathBuf {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/wasmill"));
    home.unwrap_or_else(std::env::temp_dir).join("tests")
}
