//! Why there is no unit.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use wasmill_model::{Language, format_bytes, format_duration};

use crate::ToolName;

/// One thing that a compiler says about the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceProblem {
    /// The file, relative to the source's folder; empty where it is not known.
    pub file: String,
    /// The line in it, from 1; 0 where it is not known.
    pub line: u32,
    /// The column in it, from 1, in characters; 0 where it is not known.
    pub column: u32,
    /// The compiler's words, without the place.
    pub message: String,
}

impl fmt::Display for SourceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.line, self.column) {
            ("", 0, _) => {}
            (file, 0, _) => write!(f, "{file}: ")?,
            (file, line, 0) => write!(f, "{file}:{line}: ")?,
            (file, line, column) => write!(f, "{file}:{line}:{column}: ")?,
        }
        f.write_str(&self.message)
    }
}

/// Why there is no unit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The source is not there, is too large, or is no text.
    #[error("{message}")]
    Source {
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
    /// The compiler refuses the source: what it says, at least one thing.
    #[error("the {} source does not compile: {}", language.title(), problems.first().map(ToString::to_string).unwrap_or_default())]
    Compile {
        /// The language.
        language: Language,
        /// All that it says.
        problems: Vec<SourceProblem>,
    },
    /// The function is not one that glue can be made for.
    #[error("{problem}")]
    Function {
        /// What is wrong with it, and where.
        problem: SourceProblem,
        /// What to do.
        help: String,
    },
    /// A program that is needed was not found.
    #[error("{} needs {}, which was not found: looked for {looked_for}", language.title(), tool.title())]
    Missing {
        /// The language.
        language: Language,
        /// The program.
        tool: ToolName,
        /// What was looked for, and where.
        looked_for: String,
        /// The command that installs it.
        install: String,
    },
    /// A program that was found does not work.
    #[error("`{}` does not work: {message}", program.display())]
    Broken {
        /// The program.
        program: PathBuf,
        /// What it says.
        message: String,
        /// The command that installs it.
        install: String,
    },
    /// Building it would run what others wrote, and nobody said that they are trusted.
    #[error("{message}")]
    NotTrusted {
        /// What would be run.
        message: String,
    },
    /// The compiler took too long.
    #[error("compiling took longer than {}", format_duration(*.limit))]
    TimedOut {
        /// The time that it had.
        limit: Duration,
    },
    /// The compiler needed too much memory.
    #[error("compiling needed more than {} of memory", format_bytes(*.limit))]
    OutOfMemory {
        /// The bytes that each of its processes had.
        limit: u64,
    },
    /// What the compiler made or said is too large.
    #[error("compiling made more than {} of output", format_bytes(*.limit))]
    TooMuchOutput {
        /// The most bytes.
        limit: u64,
    },
    /// What the compiler made is no unit.
    #[error("what the compiler made is no unit: {message}")]
    NoUnit {
        /// What is wrong with it.
        message: String,
    },
    /// The host failed.
    #[error("{message}")]
    Host {
        /// What happened.
        message: String,
    },
}

impl BuildError {
    pub(crate) fn host(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        BuildError::Host { message: format!("{what}: {error}") }
    }
}
