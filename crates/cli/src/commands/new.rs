//! `wasmill new`: pipelines and steps from templates, which are part of this program.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;
use wasmill_model::{Code, Diagnostic, ExitCode, Language};

use crate::args::{NewArgs, NewCommand, NewFile};
use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::render::{DIM, GREEN};

const PIPELINE: &str = include_str!("../../templates/pipeline/pipeline.yaml");

/// Writes what is asked for; nothing that is there is written over.
pub(crate) fn new(args: &NewArgs, printer: &Printer) -> Outcome {
    let (files, next) = match &args.what {
        NewCommand::Pipeline(file) => pipeline(file)?,
        NewCommand::Step(file) => step(file)?,
    };
    for (path, text) in &files {
        write(path, text)?;
    }
    let paths: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    if printer.is_json() {
        printer.json(&json!({ "wasmill": 1, "files": paths }))?;
    } else {
        let lines: String = paths.iter().map(|path| format!("{GREEN}✔{GREEN:#} {path}\n")).collect();
        printer.text(&format!("{lines}{DIM}next:{DIM:#} {next}\n"))?;
    }
    Ok(ExitCode::Success)
}

type Files = Vec<(PathBuf, String)>;

fn pipeline(file: &NewFile) -> Result<(Files, String), Failure> {
    let language = file.lang.unwrap_or(Language::Python);
    let name = name_of(&file.name)?;
    let source = format!("main.{}", ending(language));
    let manifest = file.name.join("pipeline.yaml");
    let text =
        PIPELINE.replace("{{name}}", &name).replace("{{language}}", language.as_str()).replace("{{file}}", &source);
    let next = format!("wasmill run {}", manifest.display());
    Ok((vec![(manifest, text), (file.name.join(source), template(language).to_owned())], next))
}

fn step(file: &NewFile) -> Result<(Files, String), Failure> {
    name_of(&file.name)?;
    let language = file.lang.or_else(|| Language::of_file(&file.name)).unwrap_or(Language::Python);
    // AssemblyScript's own ending says it to no other program; `.as.ts` does to this one.
    let path = match Language::of_file(&file.name) {
        Some(_) => file.name.clone(),
        None => {
            let mut path = file.name.clone().into_os_string();
            path.push(format!(".{}", ending(language)));
            path.into()
        }
    };
    let next = format!(
        "`wasmill exec {0} --lang {language} -i price=19.99 -i quantity=3`, or in a pipeline: `{{ language: {language}, source: {0} }}`",
        path.display()
    );
    Ok((vec![(path, template(language).to_owned())], next))
}

fn ending(language: Language) -> &'static str {
    match language {
        Language::AssemblyScript => "as.ts",
        other => other.ending(),
    }
}

fn template(language: Language) -> &'static str {
    match language {
        Language::AssemblyScript => include_str!("../../templates/step/assemblyscript.ts"),
        Language::TypeScript => include_str!("../../templates/step/typescript.ts"),
        Language::JavaScript => include_str!("../../templates/step/javascript.js"),
        Language::Python => include_str!("../../templates/step/python.py"),
        Language::Rust => include_str!("../../templates/step/rust.rs"),
        Language::Go => include_str!("../../templates/step/go.go"),
        Language::C => include_str!("../../templates/step/c.c"),
        Language::Cpp => include_str!("../../templates/step/cpp.cpp"),
        Language::Wat => include_str!("../../templates/step/wat.wat"),
    }
}

/// The last part of a path, which is a name.
fn name_of(path: &Path) -> Result<String, Failure> {
    match path.file_name().and_then(|name| name.to_str()).filter(|name| !name.is_empty()) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Failure::usage(format!("`{}` is no name", path.display()), "for example `wasmill new step score`")),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let cannot = |error: io::Error| {
        let (message, help) = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                (format!("`{}` is there already", path.display()), "choose another name: nothing is written over")
            }
            _ => (format!("`{}` cannot be written: {error}", path.display()), "name a place that you may write to"),
        };
        Failure::from(Diagnostic::new(Code::Usage, message).help(help))
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let mut file = std::fs::File::create_new(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)
}
