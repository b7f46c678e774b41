//! The contract of an engine.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use wasmill_model::{
    EngineName, Frame, Grants, Input, Interface, LimitKind, LimitOverrides, Limits, OutputFormat, Profile, Secrets,
    Usage, Value, Verdict, VerdictKind,
};
use wasmill_unit::{FunctionError, Unit};

use crate::Cancel;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How an engine bounds one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforced {
    /// The limit holds, to the unit (for time: to a few milliseconds).
    Yes,
    /// The engine cannot hold it; a router that was asked for it passes the engine over.
    No,
}

/// What an engine is and can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EngineInfo {
    /// Its name and version, as receipts have it.
    #[serde(flatten)]
    pub name: EngineName,
    /// The interfaces that it runs.
    pub interfaces: Vec<Interface>,
    /// The limits that it holds.
    pub limits: Vec<(LimitKind, Enforced)>,
    /// The profiles that it has.
    pub profiles: Vec<Profile>,
    /// Limits of its own, which no call goes over.
    #[serde(skip_serializing_if = "is_silent")]
    pub at_most: LimitOverrides,
    /// Interfaces of host functions that it links besides WASI and Wasmill's own, without versions: `acme:billing/prices`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// Where it can only be used on trust (no sandbox).
    pub sandboxed: bool,
}

fn is_silent(limits: &LimitOverrides) -> bool {
    *limits == LimitOverrides::default()
}

/// What a unit is prepared for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The function; may be left out where the unit exports exactly one.
    pub function: Option<String>,
    /// What it is allowed to do. The linker is built from this. Folders are as the host names them, absolute or relative to the
    /// process.
    pub grants: Arc<Grants>,
    /// The values of the secrets that `grants` names.
    pub secrets: Secrets,
    /// How it is metered.
    pub profile: Profile,
    /// How the output of a `bytes` unit or a `command` is read.
    pub output: OutputFormat,
}

/// One call of a prepared unit.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What the function is called with.
    pub input: &'a Input,
    /// What it may use.
    pub limits: &'a Limits,
    /// The signal that stops it.
    pub cancel: &'a Cancel,
    /// Who is told what a command writes while it runs. An engine may tell nobody: all of it is in the outcome.
    pub stdout: Option<&'a Arc<dyn StdoutSink>>,
}

impl<'a> Call<'a> {
    /// A call whose output is not waited for before its end.
    pub fn new(input: &'a Input, limits: &'a Limits, cancel: &'a Cancel) -> Self {
        Call { input, limits, cancel, stdout: None }
    }
}

/// Is told what a command writes to stdout, while it runs.
///
/// Called on the thread that runs the guest: be quick, and never block.
pub trait StdoutSink: fmt::Debug + Send + Sync {
    /// These bytes come next, and are within the limit of the output.
    fn written(&self, bytes: &[u8]);
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// The output: there if and only if the verdict is [`Verdict::Ok`].
    pub output: Option<Value>,
    /// What it used, also where it failed.
    pub usage: Usage,
    /// The log (a command's stderr), at most [`Limits::log`] bytes; invalid UTF-8 is replaced.
    pub log: String,
    /// Where it failed, innermost frame first.
    pub backtrace: Vec<Frame>,
    /// The file of its WebAssembly core dump, where the engine writes them and the unit trapped.
    pub coredump: Option<PathBuf>,
}

impl Outcome {
    /// An outcome without output.
    pub fn failed(verdict: Verdict, usage: Usage) -> Self {
        Outcome { verdict, output: None, usage, log: String::new(), backtrace: Vec::new(), coredump: None }
    }
}

/// Why a unit could not be prepared. Nothing of it has run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError {
    /// The function was not found.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// The engine does not take the binary.
    #[error("{message}")]
    InvalidUnit {
        /// The engine's words.
        message: String,
    },
    /// The engine does not run such units.
    #[error("{message}")]
    Unsupported {
        /// What it does not run.
        message: String,
    },
    /// The unit imports what nobody provides.
    #[error("the unit imports `{import}`, which Wasmill does not provide")]
    MissingImport {
        /// `module::name`, or the interface.
        import: String,
        /// What would help, where something would.
        help: Option<String>,
    },
    /// The unit imports what it was not granted.
    #[error("the unit imports `{import}`, which it was not granted")]
    MissingGrant {
        /// `module::name`, or the interface.
        import: String,
        /// What to write into the step's `grants:`, as it stands there: `net: ["api.example.com:443"]`.
        grant: String,
    },
    /// The host failed.
    #[error("{message}")]
    Host {
        /// What happened.
        message: String,
    },
}

impl PrepareError {
    /// The verdict of an attempt that fails like this.
    pub fn verdict(&self) -> VerdictKind {
        match self {
            PrepareError::Function(_) | PrepareError::InvalidUnit { .. } | PrepareError::MissingImport { .. } => {
                VerdictKind::InvalidUnit
            }
            PrepareError::MissingGrant { .. } => VerdictKind::Denied,
            PrepareError::Unsupported { .. } => VerdictKind::EngineUnavailable,
            PrepareError::Host { .. } => VerdictKind::HostError,
        }
    }
}

/// What executes units.
///
/// # Contract
/// - [`Engine::prepare`] does all that can be done before a run: compile, link, find the function. It runs no guest code.
/// - Preparing the same unit twice costs little: engines keep what they compiled, and compile once however many ask at once.
/// - An engine holds every limit that its [`EngineInfo`] says it holds, for every guest. Each has a hostile guest in the tests.
pub trait Engine: Send + Sync + 'static {
    /// What it is and can do.
    fn info(&self) -> &EngineInfo;

    /// Makes a unit ready to be called.
    ///
    /// # Errors
    /// Why it cannot be run here.
    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        binding: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>>;
}

/// A unit that is compiled, linked and bound to one function and one set of grants.
///
/// # Contract
/// - Every call is a fresh instance: nothing that a guest leaves behind is seen by another call.
/// - A call never panics and never hangs past its timeout, whatever the guest does; however it ends is an [`Outcome`].
/// - Dropping the future stops the guest.
/// - The same unit, input and limits give the same output, verdict and fuel, whenever and wherever (unless granted the
///   real clock or randomness, and times aside).
pub trait PreparedUnit: Send + Sync + 'static {
    /// Runs the function once.
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome>;
}

/// Reads the output of a `bytes` unit or a `command`, as its step's `as:` says.
///
/// # Errors
/// What the output is instead.
pub fn convert_output(bytes: Vec<u8>, format: OutputFormat) -> Result<Value, String> {
    let not_text = |error: std::str::Utf8Error| {
        format!("the output is not UTF-8 text (byte {}); use `as: bytes`", error.valid_up_to())
    };
    match format {
        OutputFormat::Bytes => Ok(Value::Bytes(bytes.into())),
        OutputFormat::Text => String::from_utf8(bytes).map(Value::from).map_err(|error| not_text(error.utf8_error())),
        OutputFormat::Json => {
            Value::from_json(&bytes).map_err(|error| format!("the output is not one JSON document: {error}"))
        }
        OutputFormat::Ndjson => {
            let text = std::str::from_utf8(&bytes).map_err(not_text)?;
            text.lines()
                .enumerate()
                .filter(|(_, line)| !line.trim().is_empty())
                .map(|(index, line)| {
                    Value::from_json(line.as_bytes())
                        .map_err(|error| format!("line {} of the output is not JSON: {error}", index + 1))
                })
                .collect::<Result<Vec<_>, _>>()
                .map(Value::from)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_read_as_the_step_says() {
        let read = |text: &str, format| convert_output(text.as_bytes().to_vec(), format);
        assert_eq!(read("{}", OutputFormat::Text), Ok(Value::from("{}")));
        assert_eq!(read("1\n\n2\r\n", OutputFormat::Ndjson), Ok(Value::from(vec![Value::Int(1), Value::Int(2)])));
        assert!(read("1\nx\n", OutputFormat::Ndjson).unwrap_err().contains("line 2"));
        assert!(read("", OutputFormat::Json).is_err());
        assert!(convert_output(vec![b'a', 0xff], OutputFormat::Text).unwrap_err().contains("byte 1"));
    }
}
