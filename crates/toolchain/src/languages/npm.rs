//! `package.json`: what a source needs of others. npm brings it, and runs what it brings.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::job::{Job, Run};
use crate::{BuildError, SourceFiles, SourceProblem, ToolName};

const MANIFEST: &str = "package.json";

/// With one of these, npm installs what it says.
const LOCKS: [&str; 2] = ["package-lock.json", "npm-shrinkwrap.json"];

/// As npm begins a line that is about an error, from version 10 on and before.
const ERRORS: [&str; 2] = ["npm error ", "npm ERR! "];

/// Lines of npm's that are shown.
const SHOWN: usize = 4;

/// As much of `package.json` as trust depends on.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Package {
    dependencies: BTreeMap<String, serde_json::Value>,
    optional_dependencies: BTreeMap<String, serde_json::Value>,
}

/// The packages of others that a source needs to run.
///
/// # Errors
/// `package.json` is none.
pub(super) fn dependencies(files: &SourceFiles) -> Result<Vec<String>, BuildError> {
    if !files.is_folder || !files.files.contains_key(MANIFEST) {
        return Ok(Vec::new());
    }
    let package: Package = serde_json::from_str(files.text(MANIFEST)?).map_err(|error| BuildError::Source {
        message: format!("`{MANIFEST}` is broken: {error}"),
        help: "it is JSON".to_owned(),
    })?;
    Ok(package.dependencies.into_keys().chain(package.optional_dependencies.into_keys()).collect())
}

/// Why a source with these dependencies is not built for somebody who does not trust it.
pub(super) fn not_trusted(dependencies: &[String]) -> BuildError {
    let names: Vec<String> = dependencies.iter().map(|name| format!("`{name}`")).collect();
    BuildError::NotTrusted {
        message: format!(
            "`{MANIFEST}` has dependencies ({}): `npm install` would fetch them, and run what they bring, on this machine",
            names.join(", ")
        ),
    }
}

/// Installs them into the scratch folder.
pub(super) fn install(job: &Job<'_>) -> Result<(), BuildError> {
    let npm = job.tool(ToolName::Npm)?;
    let locked = LOCKS.iter().any(|lock| job.source.files.contains_key(*lock));
    let command = if locked { "ci" } else { "install" };
    let ran = job.run(Run::new(&npm, [command, "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier"]))?;
    if ran.succeeded {
        return Ok(());
    }
    let said = told(&ran.stderr);
    let said = if said.is_empty() { ran.ended } else { said };
    let message = format!("npm could not install what `{MANIFEST}` names: {said}");
    let problem = SourceProblem { file: MANIFEST.to_owned(), message, ..SourceProblem::default() };
    Err(BuildError::Compile { language: job.language, problems: vec![problem] })
}

/// The first words of npm's that say something.
fn told(stderr: &str) -> String {
    let errors = stderr.lines().filter_map(|line| ERRORS.iter().find_map(|start| line.strip_prefix(start)));
    // Every line says the code again.
    let mut code = String::new();
    let mut told = Vec::new();
    for line in errors.map(str::trim) {
        if let Some(name) = line.strip_prefix("code ") {
            code = name.trim_start_matches('E').to_lowercase();
        }
        let line = line.strip_prefix(&code).map_or(line, str::trim);
        let noise =
            ["A complete log", "Note that you can", "tarball, folder"].iter().any(|start| line.starts_with(start));
        if !line.is_empty() && !noise {
            told.push(line);
        }
    }
    told.truncate(SHOWN);
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn what_npm_says_is_shortened() {
        let said = "npm warn Unknown user config\nnpm error code E404\nnpm error 404 Not Found - GET https://r/x\nnpm error 404\n\
            npm error 404  The requested resource 'x@1' could not be found.\nnpm error 404\nnpm error 404 Note that you can also install from a\n\
            npm error 404 tarball, folder, http url, or git url.\nnpm error A complete log of this run can be found in: /x\n";
        assert_eq!(
            told(said),
            "code E404; Not Found - GET https://r/x; The requested resource 'x@1' could not be found."
        );
        assert_eq!(
            told("npm ERR! code ETARGET\nnpm ERR! notarget No matching version\n"),
            "code ETARGET; notarget No matching version"
        );
        assert_eq!(told("Killed\n"), "");
    }
}
