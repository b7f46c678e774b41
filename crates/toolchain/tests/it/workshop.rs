//! A toolchain on this machine's compilers, kept in as Wasmill keeps them in, and what it built.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use wasmill_artifact::CodeCache;
use wasmill_engine_wasmtime::{Attempt, Compiler, Loaded, Settings as EngineSettings, WasmtimeEngine};
use wasmill_model::{Input, Language, Limits, SourceText, SourceUnit, Value, Verdict};
use wasmill_toolchain::{BuildError, Confinement, Interpret, Mode, Settings, Toolchain, Tools};

/// Becomes a compiler: the child of the other tests. Without a `--` among its arguments it has nothing to do.
#[test]
#[ignore = "it is started by the other tests"]
#[allow(clippy::print_stderr, reason = "what it says is what the compiler would")]
fn launcher() {
    let mut args = std::env::args_os();
    if args.any(|arg| arg == "--") {
        let (_, message) = wasmill_artifact::launch(args);
        eprintln!("{message}");
        std::process::exit(126);
    }
}

static ENGINE: LazyLock<WasmtimeEngine> = LazyLock::new(|| {
    // Interpreters take longest, and stay the same.
    let cache = CodeCache::open(Path::new(env!("CARGO_TARGET_TMPDIR")).join("code")).unwrap();
    let settings =
        EngineSettings { compiler: Compiler::InProcess, cache: Some(Arc::new(cache)), ..EngineSettings::default() };
    WasmtimeEngine::new(settings).unwrap()
});

/// Interpreters are called as scripts are.
struct Sandbox;

impl Interpret for Sandbox {
    fn call(
        &self,
        unit: &wasmill_unit::Unit,
        function: &str,
        texts: &[&str],
    ) -> Result<Result<String, String>, String> {
        let loaded = ENGINE.load_unit(unit.clone()).function(function).prepare_blocking().unwrap();
        let texts = texts.iter().map(|text| Value::from(*text)).collect();
        let attempt = loaded.call_blocking(Input::Positional(texts));
        match (attempt.output, attempt.receipt.verdict) {
            (Some(Value::String(answer)), _) => Ok(Ok(answer.to_string())),
            (_, Verdict::GuestError { message }) => Ok(Err(message)),
            (_, verdict) => Err(verdict.to_string()),
        }
    }
}

/// The compilers of `cargo xtask setup` and of the PATH; their caches outlive the tests.
pub(crate) fn toolchain(mode: Mode) -> Toolchain {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/wasmill/tools"));
    let tools = std::env::var_os("WASMILL_TOOLS").map(PathBuf::from).or(home);
    let cache = wasmill_testkit::shared().join("toolchain");
    let first = ["--exact", "workshop::launcher", "--ignored", "--nocapture", "--quiet", "--test-threads=1", "--"];
    let launcher = (std::env::current_exe().unwrap(), first.map(Into::into).to_vec());
    Toolchain::new(Settings {
        tools: Tools::from_environment(tools, Some(cache)),
        confinement: Confinement {
            launcher: Some(launcher),
            // The first compile of a machine fills the caches.
            timeout: Duration::from_secs(300),
            ..Confinement::default()
        },
        mode,
        interpret: Some(Arc::new(Sandbox)),
        ..Settings::default()
    })
}

/// A source that stands in the manifest.
pub(crate) fn code(language: Language, text: &str) -> SourceUnit {
    SourceUnit { language, text: SourceText::Code(text.into()), function: None, trusted: false }
}

pub(crate) fn build(source: &SourceUnit) -> Result<Unit, BuildError> {
    build_in(source, Path::new("."))
}

pub(crate) fn build_in(source: &SourceUnit, base: &Path) -> Result<Unit, BuildError> {
    build_as(Mode::Release, source, base)
}

pub(crate) fn build_as(mode: Mode, source: &SourceUnit, base: &Path) -> Result<Unit, BuildError> {
    let built = toolchain(mode).build(source, base)?;
    Ok(Unit { bytes: built.unit.bytes().to_vec(), unit: built.unit })
}

/// Builds what is refused, and says how.
pub(crate) fn refused(source: &SourceUnit) -> String {
    match build(source) {
        Ok(_) => panic!("it was built"),
        Err(BuildError::Compile { problems, .. }) => {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        Err(BuildError::Function { problem, help }) => format!("{problem}\nhelp: {help}"),
        Err(BuildError::NotTrusted { message }) => format!("not trusted: {message}"),
        Err(error) => format!("{error:?}"),
    }
}

/// A folder of these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// A unit that was built.
pub(crate) struct Unit {
    pub(crate) bytes: Vec<u8>,
    pub(crate) unit: wasmill_unit::Unit,
}

impl Unit {
    pub(crate) fn loaded(&self, limits: Limits) -> Loaded {
        let load = ENGINE.load_unit(self.unit.clone()).limits(limits);
        load.output(wasmill_model::OutputFormat::Json).prepare_blocking().unwrap()
    }

    pub(crate) fn attempt(&self, input: &str, limits: Limits) -> Attempt {
        let value = Value::from_json(input.as_bytes()).unwrap();
        self.loaded(limits).call_blocking(match value {
            Value::Object(object) => Input::Named((*object).clone()),
            value => Input::Single(value),
        })
    }

    /// The result, or the error's words.
    pub(crate) fn call(&self, input: &str) -> Result<String, String> {
        let attempt = self.attempt(input, Limits::default());
        match (attempt.output, attempt.receipt.verdict) {
            (Some(value), _) => Ok(value.to_json()),
            (None, Verdict::GuestError { message }) => Err(message),
            (None, verdict) => Err(format!("{verdict:?}\n{}", attempt.receipt.log)),
        }
    }

    /// What it writes to its log.
    pub(crate) fn log(&self, input: &str) -> String {
        self.attempt(input, Limits::default()).receipt.log
    }

    /// How it ends that never ends.
    pub(crate) fn limited(&self, input: &str) -> Verdict {
        let limits = Limits { timeout: Duration::from_secs(2), ..Limits::default() };
        self.attempt(input, limits).receipt.verdict
    }
}
