//! The folders that steps are granted: whether they are there, before anything runs.

use wasmill_model::{Code, Diagnostic, Pipeline};

/// One problem for each granted folder that cannot be one.
pub(crate) fn check(pipeline: &Pipeline) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for step in &pipeline.steps {
        for path in step.grants.dirs.keys() {
            let path = pipeline.base.join(path);
            let why = match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => continue,
                Ok(_) => "which is no folder".to_owned(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => "which is not there".to_owned(),
                Err(error) => format!("which cannot be looked into: {error}"),
            };
            let message = format!("the step `{}` is granted the folder `{}`, {why}", step.id, path.display());
            problems.push(
                Diagnostic::new(Code::FolderNotFound, message)
                    .at(&step.grants_location)
                    .in_step(&step.id)
                    .help("make the folder, or take it out of `dirs`; paths are relative to the manifest"),
            );
        }
    }
    problems
}
