//! JavaScript and TypeScript that use packages of others: npm brings them, and esbuild makes one file of all that the script imports. The user's
//! own files stay as they are, so that the interpreter's places are the user's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use serde::Deserialize;
use wasmill_model::{Language, SourceUnit};

use super::npm;
use crate::build::GLUE;
use crate::job::{Job, Ran, Run};
use crate::{BuildError, SourceFiles, SourceProblem, Tool, ToolName, Toolchain};

/// The name that the interpreter looks for packages under, among the script's files; no file of a source is called so.
const PACKAGES: &str = "node_modules";

const ENTRY: &str = ".wasmill/packages.js";
const BUNDLE: &str = ".wasmill/bundle.js";
const REPORT: &str = ".wasmill/report.json";

/// What the packages are made for. A browser's is what most packages have that do without Node.js. The interpreter reads the bundle in every
/// call, so it is small; functions and classes keep the names that they give themselves.
const OPTIONS: [&str; 10] = [
    "--bundle",
    "--platform=browser",
    "--format=cjs",
    "--target=es2023",
    "--define:process.env.NODE_ENV=\"production\"",
    "--define:global=globalThis",
    "--log-level=error",
    "--log-limit=20",
    "--color=false",
    "--legal-comments=none",
];
const SMALL: [&str; 2] = ["--minify", "--keep-names"];

/// What esbuild tells of the files that it read.
#[derive(Deserialize)]
struct Report {
    inputs: BTreeMap<String, File>,
}

#[derive(Default, Deserialize)]
struct File {
    imports: Vec<Import>,
}

#[derive(Deserialize)]
struct Import {
    /// The file that it was found to be.
    path: String,
    kind: String,
    /// As it is written.
    original: Option<String>,
}

/// What a script asks of others, as it is written there.
#[derive(Default, PartialEq, Eq, Debug)]
struct Wanted {
    imported: BTreeSet<String>,
    required: BTreeSet<String>,
}

/// The files of a source, and its packages, where it has any.
///
/// # Errors
/// It has some and is not trusted; npm does not get them; esbuild refuses them.
pub(crate) fn with_packages(
    toolchain: &Toolchain,
    source: &SourceUnit,
    files: &SourceFiles,
) -> Result<Option<SourceFiles>, BuildError> {
    let dependencies = npm::dependencies(files)?;
    if !matches!(source.language, Language::JavaScript | Language::TypeScript) || dependencies.is_empty() {
        return Ok(None);
    }
    if !source.trusted {
        return Err(npm::not_trusted(&dependencies));
    }
    let esbuild = toolchain.settings().tools.find(ToolName::Esbuild, source.language)?;
    // All functions of a script have the same packages.
    let source = SourceUnit { function: None, ..source.clone() };
    let (packages, _) = toolchain.kept(&toolchain.key(&source, files, &esbuild.version, GLUE), || {
        toolchain.in_job(&source, files, |job| packages(job, &esbuild))
    })?;
    let mut files = files.clone();
    files.files.insert(PACKAGES.to_owned(), packages.bytes().clone());
    Ok(Some(files))
}

fn packages(job: &Job<'_>, esbuild: &Tool) -> Result<Vec<u8>, BuildError> {
    npm::install(job)?;
    // The first time to find what is missing, and where in the user's files; and what they import.
    let metafile = format!("--metafile={REPORT}");
    bundle(job, esbuild, &job.source.main, &[&metafile])?;
    let report: Report = serde_json::from_slice(&job.read(REPORT)?)
        .map_err(|error| BuildError::NoUnit { message: format!("what esbuild reports: {error}") })?;
    job.write(ENTRY, entry(&wanted(&report, &job.source.main)))?;
    bundle(job, esbuild, ENTRY, &SMALL)?;
    job.read(BUNDLE)
}

fn bundle(job: &Job<'_>, esbuild: &Tool, file: &str, more: &[&str]) -> Result<(), BuildError> {
    let outfile = format!("--outfile={BUNDLE}");
    // Else a file could be taken for a package.
    let file = format!("./{file}");
    let args = [file.as_str(), &outfile].into_iter().chain(OPTIONS).chain(more.iter().copied());
    let ran = job.run(Run::new(esbuild, args))?;
    if ran.succeeded { Ok(()) } else { Err(refused(job, &ran)) }
}

/// What the user's own files ask for: those that the main file reaches by their places.
fn wanted(report: &Report, main: &str) -> Wanted {
    let mut wanted = Wanted::default();
    let mut seen = BTreeSet::from([main]);
    let mut next = VecDeque::from([main]);
    while let Some(file) = next.pop_front() {
        for import in report.inputs.get(file).into_iter().flat_map(|file| &file.imports) {
            let Some(original) = &import.original else { continue };
            if original.starts_with('.') {
                if seen.insert(&import.path) {
                    next.push_back(&import.path);
                }
                continue;
            }
            match import.kind.as_str() {
                "import-statement" | "dynamic-import" => wanted.imported.insert(original.clone()),
                "require-call" => wanted.required.insert(original.clone()),
                _ => false,
            };
        }
    }
    wanted
}

/// The module that has all of them: `imported` by what they are called, `required` in the same way, once they are asked for.
fn entry(wanted: &Wanted) -> String {
    let (mut imports, mut imported, mut required) = (String::new(), String::new(), String::new());
    for (index, name) in wanted.imported.iter().enumerate() {
        // Writing to a text does not fail.
        let _ = writeln!(imports, "import * as package{index} from {name:?};");
        let _ = write!(imported, " {name:?}: package{index},");
    }
    for name in &wanted.required {
        let _ = write!(required, " {name:?}: () => require({name:?}),");
    }
    format!("{imports}export const imported = {{{imported} }};\nexport const required = {{{required} }};\n")
}

/// What esbuild says, with the places in the user's files first.
fn refused(job: &Job<'_>, ran: &Ran) -> BuildError {
    let mut problems = problems(&ran.stderr);
    if problems.is_empty() {
        let message = format!("esbuild ended with {}", ran.ended);
        problems.push(SourceProblem { message, ..SourceProblem::default() });
    }
    problems.sort_by_key(|problem| !job.source.files.contains_key(&problem.file));
    BuildError::Compile { language: job.language, problems }
}

/// Blocks of these:
///
/// ```text
/// ✘ [ERROR] Could not resolve "zzz"
///
///     main.ts:3:19:
///       3 │ import z from "zzz";
///         ╵               ~~~~~
///
///   The package "fs" wasn't found on the file system but is built into node. …
/// ```
fn problems(said: &str) -> Vec<SourceProblem> {
    let mut problems: Vec<SourceProblem> = Vec::new();
    for line in said.lines() {
        if let Some((_, message)) = line.split_once("[ERROR] ") {
            problems.push(SourceProblem { message: message.trim().to_owned(), ..SourceProblem::default() });
            continue;
        }
        let Some(problem) = problems.last_mut() else { continue };
        if let (true, Some((file, line, column))) = (problem.file.is_empty(), place(line)) {
            *problem = SourceProblem { file, line, column, message: std::mem::take(&mut problem.message) };
        } else if line.contains("is built into node") {
            problem.message.push_str(": it is a part of Node.js, which scripts do not have");
        }
    }
    problems
}

/// `    main.ts:3:19:`, whose columns begin with 0.
fn place(line: &str) -> Option<(String, u32, u32)> {
    let mut parts = line.strip_prefix("    ")?.strip_suffix(':')?.rsplitn(3, ':');
    let (column, line, file) = (parts.next()?.parse::<u32>().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    (!file.starts_with(' ')).then(|| (file.to_owned(), line, column.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::{Report, entry, problems, wanted};

    #[test]
    fn what_the_users_own_files_ask_for_is_found() {
        let report: Report = serde_json::from_str(
            r#"{"inputs":{
                "main.js":{"bytes":1,"imports":[
                    {"path":"lib/a.js","kind":"import-statement","original":"./lib/a"},
                    {"path":"node_modules/ms/index.js","kind":"import-statement","original":"ms"},
                    {"path":"<runtime>","kind":"import-statement","external":true}]},
                "lib/a.js":{"imports":[
                    {"path":"main.js","kind":"require-call","original":"../main.js"},
                    {"path":"node_modules/ms/index.js","kind":"require-call","original":"ms"},
                    {"path":"node_modules/@a/b/c.js","kind":"dynamic-import","original":"@a/b/c"}]},
                "node_modules/ms/index.js":{"imports":[{"path":"x","kind":"require-call","original":"other"}]}},
              "outputs":{}}"#,
        )
        .unwrap();
        let wanted = wanted(&report, "main.js");
        assert_eq!(
            entry(&wanted),
            "import * as package0 from \"@a/b/c\";\nimport * as package1 from \"ms\";\n\
             export const imported = { \"@a/b/c\": package0, \"ms\": package1, };\nexport const required = { \"ms\": () => require(\"ms\"), };\n"
        );
    }

    #[test]
    fn problems_have_their_places() {
        let said = "✘ [ERROR] Unexpected \"=\"\n\n    lib/e.ts:4:9:\n      4 │ const x: = 1;\n        ╵          ^\n\n\
            ✘ [ERROR] Could not resolve \"fs\"\n\n    node_modules/a b/x.js:1:0:\n      1 │ a:1:2:\n        ╵ ~\n\n  \
            The package \"fs\" wasn't found on the file system but is built into node. Are you\n\n2 errors\n";
        let said: Vec<String> = problems(said).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "lib/e.ts:4:10: Unexpected \"=\"",
                "node_modules/a b/x.js:1:1: Could not resolve \"fs\": it is a part of Node.js, which scripts do not have"
            ]
        );
        assert!(problems("killed\n").is_empty());
    }
}
