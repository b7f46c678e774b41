//! What is wrong, where, and what to do: every error that a user sees.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::ExitCode;

/// A place in a file. Lines and columns count from 1; a column counts characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The file, as the user named it; empty where there is none.
    pub file: Arc<str>,
    /// The line, from 1; 0 where it is not known.
    pub line: u32,
    /// The column, from 1; 0 where it is not known.
    pub column: u32,
    /// The first byte in the file.
    pub offset: usize,
    /// How many bytes are meant; 0 where it is a point.
    pub length: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => formatter.write_str(&self.file),
            line => write!(formatter, "{}:{line}:{}", self.file, self.column),
        }
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shape<'a> {
            file: &'a str,
            #[serde(skip_serializing_if = "is_zero")]
            line: u32,
            #[serde(skip_serializing_if = "is_zero")]
            column: u32,
        }
        fn is_zero(number: &u32) -> bool {
            *number == 0
        }
        Shape { file: &self.file, line: self.line, column: self.column }.serialize(serializer)
    }
}

/// One thing that is wrong.
///
/// In JSON: `{code, message, at: {file, line, column}, step, help}`; what is not known is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// What is wrong, with what was looked for.
    pub message: String,
    /// Where.
    #[serde(rename = "at", skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// The step that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Arc<str>>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic that says only what is wrong.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Diagnostic { code, message: message.into(), location: None, step: None, help: None }
    }

    /// … and where.
    #[must_use]
    pub fn at(mut self, location: &Location) -> Self {
        self.location = Some(location.clone());
        self
    }

    /// … and in which step.
    #[must_use]
    pub fn in_step(mut self, step: &Arc<str>) -> Self {
        self.step = Some(step.clone());
        self
    }

    /// … and what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(formatter, "{location}: ")?;
        }
        write!(formatter, "{} {}", self.code, self.message)
    }
}

impl std::error::Error for Diagnostic {}

/// All that is wrong with a file: never empty, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
#[error("{}", self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics(vec![diagnostic])
    }
}

/// What is printed where nothing was started, for those that read JSON.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ErrorDocument<'a> {
    /// The version of this shape.
    pub wasmill: u32,
    /// All that is wrong.
    pub errors: &'a [Diagnostic],
}

impl<'a> ErrorDocument<'a> {
    /// The document of these.
    pub const fn new(errors: &'a [Diagnostic]) -> Self {
        ErrorDocument { wasmill: 1, errors }
    }

    /// How the process ends: the manifest, a unit, an input or the command line is invalid; or all that is missing is a grant.
    pub fn exit_code(&self) -> ExitCode {
        // Whoever asks again with the grant gets on: that is another answer than a file that must be mended.
        let is_denied = !self.errors.is_empty() && self.errors.iter().all(|one| one.code == Code::MissingGrant);
        if is_denied { ExitCode::Denied } else { ExitCode::Invalid }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal,)+) => {
        /// The stable codes of errors. A code never changes its meaning, and is never used again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$name,)+];

            /// `WM0101`
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $number,)+ }
            }

            /// What it means, as the documentation says it.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc, "\n",)+),)+ }
            }
        }
    };
}

codes! {
    /// The file is no valid YAML, JSON or TOML.
    Syntax = "WM0101",
    /// A key that Wasmill does not know.
    UnknownKey = "WM0102",
    /// A key that must be there is not.
    MissingKey = "WM0103",
    /// A value of another type than the key takes.
    WrongType = "WM0104",
    /// A value that the key does not take: a bad size, duration, name, digest or choice.
    InvalidValue = "WM0105",
    /// Something that this version of Wasmill does not do.
    Unsupported = "WM0106",
    /// The file is not one that Wasmill can run, or cannot be read.
    UnknownFile = "WM0107",
    /// The same name twice.
    Duplicate = "WM0108",

    /// A step that is not in the pipeline.
    UnknownStep = "WM0201",
    /// A unit that is not in `units`.
    UnknownUnit = "WM0202",
    /// Steps that wait for each other.
    Cycle = "WM0203",
    /// An expression reads an input that is not declared.
    UnknownInput = "WM0204",
    /// An expression is not valid CEL, or reads a name that does not exist.
    Expression = "WM0205",
    /// A limit asks for more than the host allows.
    LimitAbovePolicy = "WM0206",
    /// An engine that Wasmill does not have.
    UnknownEngine = "WM0207",
    /// A profile that does not go with the step's limits or grants, or with the host's policy.
    ProfileConflict = "WM0208",
    /// An engine, or a weaker sandbox, that the host does not allow.
    EngineNotAllowed = "WM0209",

    /// A unit's file cannot be read.
    UnitNotFound = "WM0301",
    /// A unit's digest is not the one that was declared.
    DigestMismatch = "WM0302",
    /// The bytes are no valid WebAssembly.
    CorruptUnit = "WM0303",
    /// Valid WebAssembly, but not a unit that Wasmill runs.
    UnsupportedUnit = "WM0304",
    /// The unit does not export this function.
    UnknownFunction = "WM0305",
    /// The unit exports several functions (or none), and the step does not say which one.
    FunctionNeeded = "WM0306",
    /// What `with` gives is not what the function takes.
    WrongArguments = "WM0307",
    /// The unit imports something that nobody provides.
    MissingImport = "WM0308",
    /// WebAssembly text that does not parse.
    WatSyntax = "WM0309",
    /// Not valid base64.
    Base64 = "WM0310",
    /// The unit imports something that it was not granted.
    MissingGrant = "WM0311",
    /// A folder that a step is granted is not there, or is no folder.
    FolderNotFound = "WM0312",
    /// A secret that a step is granted was given no value.
    SecretMissing = "WM0313",
    /// A unit from a URL without a digest.
    DigestMissing = "WM0314",
    /// A unit cannot be fetched from its URL.
    UnitNotFetched = "WM0315",
    /// A server answered with something that Wasmill does not take: a redirect to where it does not go, or an encoded answer.
    FetchRefused = "WM0316",
    /// The source of a unit does not compile, or has no function that can be called.
    SourceInvalid = "WM0317",
    /// A program that a unit is built with was not found, or does not work.
    ToolMissing = "WM0318",
    /// Building a unit would run programs that its source brings, and nobody said that they are trusted.
    NotTrusted = "WM0319",
    /// A unit could not be built: its compiler took too long, needed too much, or made no unit.
    BuildFailed = "WM0320",
    /// A unit is not the one that was accepted (`wasmill.lock`), or was never accepted.
    UnitChanged = "WM0321",
    /// The lock of a pipeline's units (`wasmill.lock`) cannot be read.
    LockUnreadable = "WM0322",
    /// A part of a run bundle is not what it was when the bundle was made.
    BundleChanged = "WM0323",

    /// A required input was not given.
    InputMissing = "WM0401",
    /// An input was given that the pipeline does not declare.
    InputUnknown = "WM0402",
    /// An input of another type than declared.
    InputType = "WM0403",
    /// An input that fails its declared check.
    InputInvalid = "WM0404",
    /// An input that cannot be read.
    InputUnreadable = "WM0405",

    /// A unit said no.
    GuestError = "WM0601",
    /// A unit trapped.
    Trap = "WM0602",
    /// A unit used up its fuel.
    FuelExhausted = "WM0603",
    /// A unit ran past its timeout.
    TimedOut = "WM0604",
    /// A unit failed after it was refused more memory.
    MemoryExceeded = "WM0605",
    /// A unit's output was larger than it may be.
    OutputExceeded = "WM0606",
    /// A unit's log was larger than it may be.
    LogExceeded = "WM0607",
    /// A unit used a capability that it was not granted.
    Denied = "WM0608",
    /// A unit was given an input that does not fit, or an expression failed while the pipeline ran.
    InvalidInput = "WM0609",
    /// A unit turned out to be invalid when it was prepared.
    InvalidUnit = "WM0610",
    /// No engine could run a unit.
    EngineUnavailable = "WM0611",
    /// The run was cancelled.
    Cancelled = "WM0612",
    /// The host failed.
    HostError = "WM0613",

    /// The command line is not one that Wasmill takes.
    Usage = "WM0901",
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
