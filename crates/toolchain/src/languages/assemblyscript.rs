//! AssemblyScript: the `bytes` ABI. `build.mjs`, which node runs, finds the function, gives the user's classes their JSON, and calls asc through
//! its own interface; what it found out comes back as JSON.
//!
//! Released units get one pass of Binaryen (inlining, with what it makes possible): it takes half the time of asc's `-O` on top, and what
//! that does besides the engine's compiler does as well. The collector is the incremental one: a loop that makes strings would otherwise
//! run into its limit of memory.

use serde::{Deserialize, Serialize};

use super::{Compiled, Function, Parameter, candidates, npm};
use crate::job::{Job, Mode, Run};
use crate::{BuildError, SourceProblem, Tool, ToolName};

/// Text that is given to the compiler as parts of its own library.
const GLUE: [(&str, &str); 6] = [
    ("wasi", include_str!("../../glue/assemblyscript/wasi.ts")),
    ("writer", include_str!("../../glue/assemblyscript/writer.ts")),
    ("reader", include_str!("../../glue/assemblyscript/reader.ts")),
    ("number", include_str!("../../glue/assemblyscript/number.ts")),
    ("json", include_str!("../../glue/assemblyscript/json.ts")),
    ("dom", include_str!("../../glue/assemblyscript/dom.ts")),
];

const DRIVER: (&str, &str) = (".wasmill/build.mjs", include_str!("../../glue/assemblyscript/build.mjs"));
const REQUEST: &str = ".wasmill/request.json";
const REPORT: &str = ".wasmill/report.json";
const OUTPUT: &str = ".wasmill/unit.wasm";

const SUPPORTED: &str = "parameters and results are bool, integers, f32, f64, string, arrays, Map with string keys, Set, classes, \
    JSON.Value, and all of these `| null`";

/// What the compiler is told in every case. `--debug` is for the names of functions.
const OPTIONS: [&str; 11] = [
    "--debug",
    "--runtime",
    "incremental",
    "--exportStart",
    "_initialize",
    "--use",
    "abort=__wasmill_abort",
    "--use",
    "trace=__wasmill_trace",
    "--use",
    "seed=__wasmill_seed",
];

const OPTIMIZED: [&str; 2] = ["--runPasses", "inlining-optimizing"];

/// What `build.mjs` is asked.
#[derive(Serialize)]
struct Request<'a> {
    /// The script that is asc.
    asc: &'a str,
    main: &'a str,
    function: Option<&'a str>,
    glue: Vec<&'a str>,
    options: Vec<&'a str>,
    output: &'a str,
    report: &'a str,
}

/// What it answers: one of these.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Report {
    Function(Described),
    Problems(Vec<Problem>),
    /// The wanted function is not there; these are.
    Functions(Vec<String>),
}

#[derive(Deserialize)]
struct Described {
    name: String,
    params: Vec<DescribedParameter>,
    result: Option<String>,
}

#[derive(Deserialize)]
struct DescribedParameter {
    name: String,
    kind: String,
    optional: bool,
}

#[derive(Deserialize)]
struct Problem {
    file: String,
    line: u32,
    column: u32,
    message: String,
    /// Whether it is about the function, and not about what the user wrote.
    glue: bool,
}

pub(crate) fn compile(job: &Job<'_>) -> Result<Compiled, BuildError> {
    job.source.main_text()?;
    let mut dependencies = npm::dependencies(job.source)?;
    // The compiler is ours.
    dependencies.retain(|name| name != "assemblyscript");
    if !dependencies.is_empty() && !job.trusted {
        return Err(npm::not_trusted(&dependencies));
    }
    let asc = job.tool(ToolName::Asc)?;
    if !dependencies.is_empty() {
        npm::install(job)?;
    }
    for (name, text) in GLUE {
        job.write(&format!(".wasmill/{name}.ts"), text)?;
    }
    job.write(DRIVER.0, DRIVER.1)?;
    let script = asc.args.first().and_then(|script| script.to_str()).ok_or_else(|| BuildError::Broken {
        program: asc.program.clone(),
        message: "it is not the script of the npm package `assemblyscript`".to_owned(),
        install: ToolName::Asc.install().to_owned(),
    })?;
    let optimized = (job.mode == Mode::Release).then_some(OPTIMIZED).into_iter().flatten();
    let request = Request {
        asc: script,
        main: &job.source.main,
        function: job.function,
        glue: GLUE.iter().map(|(name, _)| *name).collect(),
        options: OPTIONS.into_iter().chain(optimized).collect(),
        output: OUTPUT,
        report: REPORT,
    };
    let request = serde_json::to_vec(&request).map_err(|error| BuildError::host("the request", error))?;
    job.write(REQUEST, request)?;
    // Asc's own script would start node once more.
    let node = Tool { args: Vec::new(), ..asc.clone() };
    let ran = job.run(Run::new(&node, [DRIVER.0, REQUEST]))?;
    if !ran.succeeded {
        // Some sources are too much for it: parentheses a thousand deep.
        let said = ran.stderr.lines().find(|line| line.contains("Error")).unwrap_or(&ran.ended);
        let message = format!("asc broke off: {said}");
        let problem = SourceProblem { file: job.source.main.clone(), message, ..SourceProblem::default() };
        return Err(BuildError::Compile { language: job.language, problems: vec![problem] });
    }
    let report = serde_json::from_slice(&job.read(REPORT)?);
    match report.map_err(|error| BuildError::NoUnit { message: format!("what the compiler reports: {error}") })? {
        Report::Function(described) => Ok(Compiled { binary: job.read(OUTPUT)?, function: Some(described.into()) }),
        Report::Functions(names) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Err(candidates::none(&job.source.main, job.function, &names))
        }
        Report::Problems(problems) => Err(refused(job, problems)),
    }
}

fn refused(job: &Job<'_>, problems: Vec<Problem>) -> BuildError {
    let of_glue = problems.iter().all(|problem| problem.glue);
    let mut problems: Vec<SourceProblem> = problems
        .into_iter()
        .map(|Problem { file, line, column, message, .. }| SourceProblem { file, line, column, message })
        .collect();
    match problems.pop() {
        Some(problem) if of_glue => BuildError::Function { problem, help: SUPPORTED.to_owned() },
        last => {
            problems.extend(last);
            BuildError::Compile { language: job.language, problems }
        }
    }
}

impl From<Described> for Function {
    fn from(described: Described) -> Self {
        let parameter = |param: DescribedParameter| Parameter {
            name: param.name.into(),
            kind: param.kind,
            optional: param.optional,
        };
        Function {
            name: described.name.into(),
            params: described.params.into_iter().map(parameter).collect(),
            result: described.result,
        }
    }
}
