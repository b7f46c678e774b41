//! Scripts: the interpreter reads them once, in its sandbox, and says what they take; from then on they are units.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use wasmill_model::{Language, SourceUnit};
use wasmill_unit::{BuiltFunction, Interpreter, Parameter};

use crate::build::{Built, GLUE};
use crate::interpreters::Interpreters;
use crate::{BuildError, SourceFiles, SourceProblem, Toolchain, languages};

/// What an interpreter exports for reading a script.
const DESCRIBE: &str = "describe";

/// What an interpreter is given.
#[derive(Serialize)]
struct Script<'a> {
    language: Language,
    main: &'a str,
    files: BTreeMap<&'a str, &'a str>,
    /// Asks the interpreter for what it need not find out again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    prepare: bool,
    /// What it said to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    prepared: Option<serde_json::Value>,
}

/// What it says of a script.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Description {
    /// There is a function to be called.
    Function {
        name: Arc<str>,
        params: Vec<Described>,
        #[serde(default)]
        prepared: Option<serde_json::Value>,
    },
    /// It is run as a whole.
    Script {
        #[serde(default)]
        prepared: Option<serde_json::Value>,
    },
}

#[derive(Deserialize)]
struct Described {
    name: Arc<str>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    optional: bool,
    /// It takes every further position, or every other name.
    #[serde(default)]
    rest: bool,
    #[serde(default)]
    keywords: bool,
}

/// What it says where something is wrong.
#[derive(Deserialize)]
struct Wrong {
    message: String,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    line: Option<u32>,
    #[serde(default)]
    column: Option<u32>,
}

pub(crate) fn build(
    toolchain: &Toolchain,
    interpreters: &Interpreters,
    source: &SourceUnit,
    files: &SourceFiles,
    began: Instant,
) -> Result<Built, BuildError> {
    let with_packages = languages::with_packages(toolchain, source, files)?;
    let files = with_packages.as_ref().unwrap_or(files);
    let (interpreter, tool) = interpreters.of(source.language, toolchain)?;
    let key = toolchain.key(source, files, &format!("{tool} {}", interpreter.unit().digest()), GLUE);
    let (section, cached) = toolchain.kept(&key, || {
        let built = describe(toolchain, &interpreter, source, files)?;
        serde_json::to_vec(&built).map_err(|error| BuildError::host("the script cannot be kept", error))
    })?;
    let built: BuiltFunction =
        serde_json::from_slice(section.bytes()).map_err(|error| BuildError::NoUnit { message: error.to_string() })?;
    Ok(Built { unit: interpreter.with(built), language: source.language, tool, cached, took: began.elapsed() })
}

fn describe(
    toolchain: &Toolchain,
    interpreter: &Interpreter,
    source: &SourceUnit,
    files: &SourceFiles,
) -> Result<BuiltFunction, BuildError> {
    // What is no text is no part of a script.
    let texts = files.files.iter().filter_map(|(name, bytes)| Some((name.as_str(), std::str::from_utf8(bytes).ok()?)));
    files.main_text()?;
    let (language, main, texts) = (source.language, files.main.as_str(), texts.collect());
    let mut script = Script { language, main, files: texts, prepare: true, prepared: None };
    let asked = serde_json::to_string(&script).map_err(|error| BuildError::host("the script", error))?;
    let Some(interpret) = &toolchain.settings().interpret else {
        return Err(BuildError::Host { message: "there is nothing here that runs interpreters".to_owned() });
    };
    let function = source.function.as_deref().unwrap_or_default();
    let said = interpret
        .call(interpreter.unit(), DESCRIBE, &[&asked, function])
        .map_err(|message| BuildError::host(format!("the {} interpreter", source.language.title()), message))?;
    let description =
        said.map_err(|error| BuildError::Compile { language: source.language, problems: vec![problem(&error)] })?;
    let description: Description = serde_json::from_str(&description)
        .map_err(|error| BuildError::host("the interpreter's description of the script", error))?;
    let mut built = match description {
        Description::Script { prepared } => {
            script.prepared = prepared;
            BuiltFunction::new(source.language, None)
        }
        Description::Function { name, params, prepared } => {
            script.prepared = prepared;
            let open = params.iter().any(|param| param.keywords);
            let params = params.into_iter().filter(|param| !param.rest && !param.keywords);
            let params = params.map(|param| Parameter {
                name: Some(param.name),
                kind: param.kind.unwrap_or_else(|| "any".to_owned()),
                optional: param.optional,
            });
            BuiltFunction { params: params.collect(), open, ..BuiltFunction::new(source.language, Some(name)) }
        }
    };
    script.prepare = false;
    let script = serde_json::to_string(&script).map_err(|error| BuildError::host("the script", error))?;
    built.script = Some(script.into());
    Ok(built)
}

fn problem(error: &str) -> SourceProblem {
    // The engine may add the last line of the log.
    match serde_json::Deserializer::from_str(error).into_iter::<Wrong>().next() {
        Some(Ok(wrong)) => SourceProblem {
            file: wrong.file.unwrap_or_default(),
            line: wrong.line.unwrap_or_default(),
            column: wrong.column.unwrap_or_default(),
            message: wrong.message,
        },
        _ => SourceProblem { message: error.to_owned(), ..SourceProblem::default() },
    }
}
