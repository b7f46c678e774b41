//! WebAssembly text: what it exports is all there is, so nothing is added.

use wasmill_unit::Unit;

use super::Compiled;
use crate::job::Job;
use crate::{BuildError, SourceProblem};

pub(crate) fn compile(job: &Job<'_>) -> Result<Compiled, BuildError> {
    let text = job.source.main_text()?;
    let binary = wasmill_artifact::compile_text(text).map_err(|error| BuildError::Compile {
        language: job.language,
        problems: vec![SourceProblem {
            file: job.source.main.clone(),
            line: error.line,
            column: error.column,
            message: error.message,
        }],
    })?;
    Unit::from_binary(binary.clone()).map_err(|error| BuildError::NoUnit { message: error.to_string() })?;
    Ok(Compiled { binary: binary.to_vec(), function: None })
}
