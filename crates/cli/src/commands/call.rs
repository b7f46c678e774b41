//! `wasmill call UNIT [FUNCTION] [ARGS…]`: one unit, run as a pipeline of one step, so that it has the same limits, receipts
//! and exit codes as any other.

mod arguments;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Diagnostics, Expression, Location, Object, Pipeline, Reference, Schedule, Step, Template};

use crate::commands::run::{Job, finish};
use wasmill_runtime::{Bundle, Reuse, component_limits};

use crate::failure::{Failure, Outcome};
use crate::printer::Printer;
use crate::render::{Sources, printable};
use crate::settings::CallSettings;
use crate::standard_input::StandardInput;
use crate::unit_file::{self, UnitFile};
use crate::{folders, host};

/// The id of the one step, in the run document.
const STEP: &str = "call";
/// The name of the one output, in the run document.
const OUTPUT: &str = "result";

/// Calls the unit and prints its result.
pub(crate) fn call(settings: CallSettings, printer: &Printer) -> Outcome {
    let stdin = StandardInput::new(printer);
    let file = unit_file::load(&settings.unit, &stdin, printer)?;
    call_unit(file, settings, Sources::default(), &stdin, printer)
}

/// Calls a unit that was loaded; what is wrong may point into these texts.
pub(crate) fn call_unit(
    file: UnitFile,
    settings: CallSettings,
    mut sources: Sources,
    stdin: &StandardInput,
    printer: &Printer,
) -> Outcome {
    let meant = arguments::read(&file, &settings, stdin)?;
    let mut grants = settings.grants;
    grants.args = meant.program_arguments;
    let location = Location { file: settings.unit.as_str().into(), ..Location::default() };
    let step = Step {
        function: meant.function,
        with: meant.with,
        output: settings.output,
        limits: settings.host.overrides.limits,
        grants,
        ..Step::new(STEP, file.name.clone())
    }
    .at(&location);
    let UnitFile { name, spec, unit } = file;
    // What came from stdin stands beside nothing.
    let beside = match settings.unit.as_str() {
        "-" => Ok(None),
        _ => component_limits(&spec.source, Path::new(""), &settings.host.policy, &mut |name, text| {
            sources.add(name, text)
        }),
    };
    let beside = beside.map_err(|problems| Failure::from(Diagnostics(problems)).in_files(&sources))?;
    let mut pipeline = pipeline(&name, spec, step);
    pipeline.unit_limits.extend(beside.map(|limits| (name.clone(), limits)));
    let missing = folders::check(&pipeline);
    if !missing.is_empty() {
        return Err(Failure::invalid(missing));
    }
    let job = Job { bundle: Bundle::new(pipeline, IndexMap::from([(name, unit)])), inputs: Object::new() };
    let finished = host::run(&job, &settings.host, Reuse::default(), printer)?;
    if !printer.is_json()
        && finished.document.error.is_none()
        && let Some(receipt) = finished.document.steps.get(STEP).and_then(|report| report.attempts.last())
    {
        // What a program says on stderr is for whoever called it; where it failed, the error shows it.
        for line in receipt.log.lines() {
            printer.note(&format!("{}\n", printable(line)));
        }
    }
    finish(finished, &job, &settings.host, &sources, printer)
}

fn pipeline(name: &Arc<str>, unit: wasmill_model::UnitSpec, step: Step) -> Pipeline {
    let result = Expression {
        source: format!("steps.{STEP}.output").into(),
        references: vec![Reference::Step(STEP.into())],
        location: Location::default(),
    };
    Pipeline {
        name: name.clone(),
        dialect: wasmill_model::Dialect::Native,
        description: None,
        inputs: IndexMap::new(),
        units: IndexMap::from([(name.clone(), unit)]),
        steps: vec![step],
        outputs: IndexMap::from([(OUTPUT.into(), Template::Expression(result))]),
        schedule: Schedule::default(),
        on_failure: Default::default(),
        timeout: None,
        toolchains: IndexMap::new(),
        budget: Default::default(),
        tests: IndexMap::new(),
        unit_limits: IndexMap::new(),
        base: PathBuf::new(),
    }
}
