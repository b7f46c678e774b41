//! The interpreters: one unit a language, which every script of it is put to. JavaScript's is part of this program; Python's is made once
//! with componentize-py, and kept like any other build.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use wasmill_model::{Language, SourceText, SourceUnit};
use wasmill_unit::{HashedBytes, Interpreter, Unit};

use crate::job::Run;
use crate::{BuildError, SourceFiles, ToolName, Toolchain};

/// Built by `guests/interpreters/javascript`, and held to it by `cargo xtask guests --check`.
const JAVASCRIPT: &[u8] = include_bytes!("../interpreters/javascript.wasm");

/// Raised when it is made in another way; what it is made of is known without that.
const INTERPRETER: &str = "1";

/// What runs an interpreter's functions, in a sandbox without grants.
pub trait Interpret: Send + Sync {
    /// Calls an exported function of a component with texts. The inner error is the function's own word.
    ///
    /// # Errors
    /// It could not be called, or did not come to an end.
    fn call(&self, unit: &Unit, function: &str, arguments: &[&str]) -> Result<Result<String, String>, String>;
}

/// The interpreters that were loaded.
#[derive(Default)]
pub(crate) struct Interpreters {
    python: Mutex<BTreeMap<String, Arc<Interpreter>>>,
}

impl fmt::Debug for Interpreters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interpreters").finish_non_exhaustive()
    }
}

impl Interpreters {
    /// The interpreter of a language, and what it is.
    pub(crate) fn of(
        &self,
        language: Language,
        toolchain: &Toolchain,
    ) -> Result<(Arc<Interpreter>, String), BuildError> {
        match language {
            Language::Python => self.python(toolchain),
            _ => Ok((javascript()?, "wasmill's QuickJS".to_owned())),
        }
    }

    fn python(&self, toolchain: &Toolchain) -> Result<(Arc<Interpreter>, String), BuildError> {
        let tool = toolchain.settings().tools.find(ToolName::ComponentizePy, Language::Python)?;
        // Held while it is made: nobody else could do without it.
        let mut made = self.python.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(interpreter) = made.get(&tool.identity) {
            return Ok((interpreter.clone(), tool.version));
        }
        let files = SourceFiles { main: "app.py".to_owned(), files: python_sources(), is_folder: true };
        let text = SourceText::Code("".into());
        let source = SourceUnit { language: Language::Python, text, function: None, trusted: false };
        let key = toolchain.key(&source, &files, &tool.identity, INTERPRETER);
        let (bytes, _) = toolchain.kept(&key, || {
            toolchain.in_job(&source, &files, |job| {
                // Else it would take the packages of the machine's own Python into the build.
                job.write("venv/lib/python3/site-packages/.none", "")?;
                let args = "--wit-path interpreter.wit --world interpreter componentize --python-path . app --output python.wasm";
                let mut run = Run::new(&tool, args.split(' '));
                run.environment.push(("VIRTUAL_ENV".into(), job.folder.join("venv").into()));
                let ran = job.run(run)?;
                if ran.succeeded {
                    return job.read("python.wasm");
                }
                let message = ran.stderr.lines().last().unwrap_or(&ran.ended).to_owned();
                let install = ToolName::ComponentizePy.install().to_owned();
                Err(BuildError::Broken { program: tool.program.clone(), message, install })
            })
        })?;
        let interpreter = Arc::new(load(bytes)?);
        made.insert(tool.identity.clone(), interpreter.clone());
        Ok((interpreter, tool.version))
    }
}

fn javascript() -> Result<Arc<Interpreter>, BuildError> {
    static LOADED: OnceLock<Result<Arc<Interpreter>, String>> = OnceLock::new();
    let load =
        || Interpreter::from_hashed(HashedBytes::new(JAVASCRIPT)).map(Arc::new).map_err(|error| error.to_string());
    LOADED.get_or_init(load).clone().map_err(|message| BuildError::NoUnit { message })
}

fn load(bytes: HashedBytes) -> Result<Interpreter, BuildError> {
    Interpreter::from_hashed(bytes).map_err(|error| BuildError::NoUnit { message: error.to_string() })
}

/// `guests/interpreters/python`.
fn python_sources() -> BTreeMap<String, Bytes> {
    macro_rules! files {
        ($($name:literal),+) => {
            [$(($name, include_bytes!(concat!("../../../guests/interpreters/python/", $name)) as &[u8])),+]
        };
    }
    let files = files!(
        "answers.py",
        "app.py",
        "failures.py",
        "hashseed.wasm",
        "interpreter.wit",
        "library.py",
        "loops.py",
        "scripts.py"
    );
    // Where componentize-py looks for libraries to link.
    let name = |name: &str| match name {
        "hashseed.wasm" => "hashseed.cpython-314-wasm32-wasi.so".to_owned(),
        other => other.to_owned(),
    };
    files.into_iter().map(|(file, bytes)| (name(file), Bytes::from_static(bytes))).collect()
}
