//! `wasmill call UNIT [FUNCTION] [ARGS…]`: one unit, run as a pipeline of one step, so that it has the same limits, receipts
//! and exit codes as any other.

mod arguments;

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_model::{Expression, Location, Object, Pipeline, Profile, Reference, Schedule, Step, Template};

use crate::commands::run::{Job, finish};
use crate::failure::Outcome;
use crate::host;
use crate::printer::Printer;
use crate::render::{Sources, printable};
use crate::settings::CallSettings;
use crate::standard_input::StandardInput;
use crate::unit_file::{self, UnitFile};

/// The id of the one step, in the run document.
const STEP: &str = "call";
/// The name of the one output, in the run document.
const OUTPUT: &str = "result";

/// Calls the unit and prints its result.
pub(crate) fn call(settings: CallSettings, printer: &Printer) -> Outcome {
    let stdin = StandardInput::new(printer);
    let file = unit_file::load(&settings.unit, &stdin)?;
    let meant = arguments::read(&file, &settings, &stdin)?;
    let mut grants = settings.grants;
    grants.args = meant.program_arguments;
    let location = Location { file: settings.unit.as_str().into(), ..Location::default() };
    let step = Step {
        id: STEP.into(),
        unit: file.name.clone(),
        function: meant.function,
        with: meant.with,
        after: Vec::new(),
        output: settings.output,
        limits: settings.host.limits,
        profile: Profile::default(),
        grants,
        engines: Vec::new(),
        location: location.clone(),
        with_location: location,
    };
    let UnitFile { name, spec, unit } = file;
    let job = Job {
        pipeline: Arc::new(pipeline(&name, spec, step)),
        units: IndexMap::from([(name, unit)]),
        inputs: Object::new(),
    };
    let finished = host::run(&job, &settings.host, printer)?;
    if !printer.is_json()
        && finished.document.error.is_none()
        && let Some(receipt) = finished.document.steps.get(STEP).and_then(|report| report.attempts.last())
    {
        // What a program says on stderr is for whoever called it; where it failed, the error shows it.
        for line in receipt.log.lines() {
            printer.note(&format!("{}\n", printable(line)));
        }
    }
    finish(&finished, &job, &Sources::default(), printer)
}

fn pipeline(name: &Arc<str>, unit: wasmill_model::UnitSpec, step: Step) -> Pipeline {
    let result = Expression {
        source: format!("steps.{STEP}.output").into(),
        references: vec![Reference::Step(STEP.into())],
        location: Location::default(),
    };
    Pipeline {
        name: name.clone(),
        description: None,
        inputs: IndexMap::new(),
        units: IndexMap::from([(name.clone(), unit)]),
        steps: vec![step],
        outputs: IndexMap::from([(OUTPUT.into(), Template::Expression(result))]),
        schedule: Schedule::default(),
        base: PathBuf::new(),
    }
}
