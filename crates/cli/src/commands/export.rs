//! `wasmill export FILE -o run.wasmill`: a run and all that it takes to make it again, in one file.

use std::path::Path;

use wasmill_model::{Code, Diagnostic, ExitCode, Interface, Policy, Receipt, RunDocument, RunVerdict, escaped};
use wasmill_runtime::{Bundle, Recorded, Reuse};
use wasmill_unit::Unit;

use crate::commands::run::Job;
use crate::failure::{Failure, Outcome};
use crate::host::{self, Finished};
use crate::printer::Printer;
use crate::settings::ExportSettings;
use crate::standard_input::StandardInput;
use crate::{blobs, inputs, lock, pipeline_file, summary, whole_file};

/// Runs the pipeline, or takes a run that was made, and writes the bundle.
pub(crate) fn export(settings: &ExportSettings, printer: &Printer) -> Outcome {
    let ExportSettings { file: path, inputs: given, run, out, allow_blobs, sources, host } = settings;
    let file = pipeline_file::read(path, &host.policy, &host.overrides, sources, printer)?;
    lock::check(path, &file)?;
    let texts = &file.sources;
    let in_files = |problems: Vec<Diagnostic>| Failure::invalid(problems).in_files(texts);
    let given = inputs::collect(given, &file.bundle.pipeline.inputs, &StandardInput::new(printer)).map_err(in_files)?;
    let given = blobs::attach(given, *allow_blobs, host.blobs.as_deref()).map_err(in_files)?;
    let bound =
        wasmill_runtime::bind_inputs(&file.bundle.pipeline, given.clone()).map_err(|problems| in_files(problems.0))?;
    let request = wasmill_runtime::request_of(&file.bundle, path, given, &|name| texts.text(name));
    let mut request = request.map_err(|problem| in_files(vec![problem]))?;
    let overrides = &host.overrides;
    request.limits = (overrides.limits != Default::default()).then_some(overrides.limits);
    request.profile = overrides.profile;
    request.engines.clone_from(&overrides.engines);
    let usual = Policy::default();
    let is_usual = host.policy.defaults == usual.defaults && host.policy.ceilings == usual.ceilings;
    request.policy = (!is_usual).then(|| host.policy.clone());

    let document = match run {
        Some(run) => {
            let document = recorded(run, *allow_blobs, host.blobs.as_deref())?;
            if let Some(why) = foreign(&file.bundle, &document) {
                let problem = Diagnostic::new(Code::InputUnreadable, format!("`{}` {why}", run.display()));
                return Err(problem.help("leave `--run` out: then the run is made now").into());
            }
            document
        }
        None => {
            let job = Job { bundle: file.bundle, inputs: bound };
            let finished = host::run(&job, host, Reuse::default(), printer);
            let Finished { document, took } = finished.map_err(|failure| failure.in_files(texts))?;
            printer.note(&summary::table(&document, took));
            if let Some(failure) = summary::failure(&document, &job.bundle, texts) {
                printer.error(&format!("\n{failure}"));
            }
            document
        }
    };
    request.inputs = request.inputs.iter().map(|(name, value)| (name.clone(), escaped(value))).collect();
    let document = document.escaped();
    let bundle = wasmill_manifest::bundle_of(&request, &document)
        .map_err(|error| Failure::host(format!("the bundle cannot be written as JSON: {error}")))?;
    let mut text = serde_json::to_vec(&bundle).map_err(|error| Failure::host(error.to_string()))?;
    text.push(b'\n');
    match out {
        Some(out) => {
            whole_file::write(out, &text)
                .map_err(|error| Failure::host(format!("`{}` cannot be written: {error}", out.display())))?;
            if printer.is_json() {
                let (run, bundle) = (&*document.run, out.display().to_string());
                printer.json(&Written { wasmill: 1, bundle, bytes: text.len(), run, verdict: document.verdict })?;
            }
            let size = wasmill_model::format_bytes(text.len() as u64);
            printer.note(&format!(
                "{}: {size}; `wasmill replay {}` makes the run again\n",
                out.display(),
                out.display()
            ));
        }
        None => printer.bytes(&text)?,
    }
    if Recorded::problem(&document).is_some() {
        printer.note("warning: the run was stopped, so that nobody can make it again: it can be looked at, and not be replayed\n");
    }
    // What was asked for is the bundle, whatever is in it; unless somebody stopped that.
    let is_cancelled = run.is_none() && document.verdict == RunVerdict::Cancelled;
    Ok(if is_cancelled { ExitCode::Cancelled } else { ExitCode::Success })
}

/// Why a run that was made is none of this pipeline as it is now, where it is none.
fn foreign(bundle: &Bundle, document: &RunDocument) -> Option<String> {
    let pipeline = &bundle.pipeline;
    if pipeline.name != document.pipeline {
        return Some(format!("is a run of the pipeline `{}`, and not of `{}`", document.pipeline, pipeline.name));
    }
    let units: Vec<_> = bundle.units.values().map(Unit::digest).collect();
    for (id, report) in &document.steps {
        let Some(step) = pipeline.steps.iter().find(|step| step.id == *id) else {
            return Some(format!("has a step `{id}`, and the pipeline has none"));
        };
        let is_native = |receipt: &&Receipt| receipt.interface == Interface::Native;
        let mut receipts = report.attempts.iter().filter(|receipt| !is_native(receipt));
        if let Some(receipt) = receipts.find(|receipt| !units.contains(&receipt.unit)) {
            return Some(format!("called another unit in step `{id}` than there is now: sha256 {}", receipt.unit));
        }
        let called = bundle.pipelines.get(&step.unit);
        if let Some(problem) =
            called.and_then(|called| report.runs.iter().find_map(|run| foreign(called, &run.document)))
        {
            return Some(format!("{problem}, in what step `{id}` calls"));
        }
    }
    None
}

/// What was written, as a document.
#[derive(serde::Serialize)]
struct Written<'a> {
    wasmill: u32,
    /// The file.
    bundle: String,
    bytes: usize,
    /// The run that is in it, and how it ended.
    run: &'a str,
    verdict: RunVerdict,
}

/// A run document that `run --output json` printed, with the large values that were taken out of it.
fn recorded(path: &Path, allow_blobs: bool, folder: Option<&Path>) -> Result<RunDocument, Failure> {
    let shown = path.display();
    let cannot = |why: String| {
        let problem = Diagnostic::new(Code::InputUnreadable, format!("`{shown}` {why}"));
        Failure::from(problem.help("give what `wasmill run FILE --output json` printed"))
    };
    let text = std::fs::read(path).map_err(|error| cannot(format!("cannot be read: {error}")))?;
    let document = serde_json::from_slice(&text);
    let mut document: RunDocument = document.map_err(|error| cannot(format!("is no run document: {error}")))?;
    let mut read = blobs::reader(folder);
    let attached = document
        .attach_blobs(&mut |reference| if allow_blobs { read(reference) } else { Err("is not looked for".to_owned()) });
    attached.map_err(|error| {
        let help = match allow_blobs {
            false => {
                "`--allow-blobs` puts in what its references stand for; or leave `--run` out: then the run is made now"
            }
            true => "name the folder that it is kept in: `--blobs DIR`; or leave `--run` out: then the run is made now",
        };
        let message = format!("`{shown}` refers to a large value: {error}");
        Failure::from(Diagnostic::new(Code::InputUnreadable, message).help(help))
    })?;
    if document.wasmill != 1 {
        return Err(cannot(format!("is of version {}, and this Wasmill knows 1", document.wasmill)));
    }
    Ok(document)
}
