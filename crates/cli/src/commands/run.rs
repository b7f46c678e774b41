//! `wasmill run FILE`

mod watch;

use wasmill_manifest::{Answer, ResultV1};
use wasmill_model::{Diagnostic, Dialect, Object, Pipeline, RunDocument, Value};
use wasmill_runtime::Bundle;

use crate::failure::{Failure, Outcome};
use crate::host::{self, Finished};
use crate::kept_results::KeptResults;
use crate::pipeline_file::PipelineFile;
use crate::printer::Printer;
use crate::render::Sources;
use crate::request_file::RequestFile;
use crate::settings::{HostSettings, RunSettings, Watch};
use crate::standard_input::StandardInput;
use crate::{blobs, each, inputs, lock, pipeline_file, request_file, summary};

/// Everything that a run needs to know.
#[derive(Debug)]
pub(crate) struct Job {
    /// What is run.
    pub(crate) bundle: Bundle,
    /// What it is given.
    pub(crate) inputs: Object,
}

/// Runs the pipeline and prints its outputs.
pub(crate) fn run(settings: RunSettings, printer: &Printer) -> Outcome {
    if settings.watch != Watch::No {
        return watch::watch(&settings, printer);
    }
    if let Some(each) = &settings.each {
        return each::each(&settings, each, printer);
    }
    if settings.request.is_some() {
        return request(settings, printer);
    }
    let (job, sources) = read(&settings, &StandardInput::new(printer), printer)?;
    let kept = KeptResults::open(&settings.reuse, &job.bundle, settings.host.overrides.cache, printer);
    let finished = host::run(&job, &settings.host, kept.reuse(&settings.reuse), printer);
    let finished = finished.map_err(|failure| failure.in_files(&sources))?;
    kept.note_failures(printer);
    finish(finished, &job, &settings.host, &sources, printer)
}

/// Runs what stdin says, and answers as `wasmill-wasi` does.
fn request(settings: RunSettings, printer: &Printer) -> Outcome {
    let RunSettings { inputs: flags, allow_blobs, sources, host, request, reuse, .. } = settings;
    let Some(request) = request else { return Err(Failure::host("nothing says what is run")) };
    let read = request_file::read(&request, &host.policy, &host.overrides, &sources, printer)?;
    let RequestFile { file: PipelineFile { bundle, sources }, kind, mut inputs, policy, overrides, secrets, .. } = read;
    let in_files = |problems: Vec<Diagnostic>| Failure::invalid(problems).in_files(&sources);
    let stdin = StandardInput::taken();
    inputs.extend(inputs::collect_some(&flags, &bundle.pipeline.inputs, &stdin).map_err(in_files)?);
    let inputs = blobs::attach(inputs, allow_blobs, host.blobs.as_deref()).map_err(in_files)?;
    let inputs = wasmill_runtime::bind_inputs(&bundle.pipeline, inputs).map_err(|problems| in_files(problems.0))?;
    let secrets = request_file::secrets(secrets, &host.secrets)?;
    let host = HostSettings { policy, overrides, secrets, ..host };
    let job = Job { bundle, inputs };
    let kept = KeptResults::open(&reuse, &job.bundle, host.overrides.cache, printer);
    let finished = host::run(&job, &host, kept.reuse(&reuse), printer);
    let Finished { mut document, took } = finished.map_err(|failure| failure.in_files(&sources))?;
    kept.note_failures(printer);
    printer.note(&summary::table(&document, took));
    match &request.blobs {
        Some(folder) => blobs::detach(&mut document, Some(folder), printer),
        None => document = document.escaped(),
    }
    printer.json(&Answer::of(kind, &document, &job.bundle.pipeline))?;
    Ok(document.exit_code())
}

/// Reads all that is run.
fn read(settings: &RunSettings, stdin: &StandardInput, printer: &Printer) -> Result<(Job, Sources), Failure> {
    let file = pipeline_file::read(
        &settings.file,
        &settings.host.policy,
        &settings.host.overrides,
        &settings.sources,
        printer,
    )?;
    // Whoever changes things all the time accepts them all the time.
    if settings.watch == Watch::No {
        lock::check(&settings.file, &file)?;
    }
    let in_files = |problems: Vec<Diagnostic>| Failure::invalid(problems).in_files(&file.sources);
    let given = inputs::collect(&settings.inputs, &file.bundle.pipeline.inputs, stdin).map_err(in_files)?;
    let given = blobs::attach(given, settings.allow_blobs, settings.host.blobs.as_deref()).map_err(in_files)?;
    let given = wasmill_runtime::bind_inputs(&file.bundle.pipeline, given).map_err(|problems| in_files(problems.0))?;
    Ok((Job { bundle: file.bundle, inputs: given }, file.sources))
}

/// Prints a run: outputs or document to stdout, table and error to stderr. Gives how the process ends.
pub(crate) fn finish(
    finished: Finished,
    job: &Job,
    settings: &HostSettings,
    sources: &Sources,
    printer: &Printer,
) -> Outcome {
    let Finished { mut document, took } = finished;
    printer.note(&summary::table(&document, took));
    if printer.is_json() {
        blobs::detach(&mut document, settings.blobs.as_deref(), printer);
        printer.json(&document)?;
    } else {
        // Of a run that failed and went on, what there is.
        outputs(&document, &job.bundle.pipeline, printer)?;
        if let Some(failure) = summary::failure(&document, &job.bundle, sources) {
            printer.error(&format!("\n{failure}"));
        }
    }
    Ok(document.exit_code())
}

/// The only output as it is, several as one JSON object; a manifest v1's in its own form.
fn outputs(document: &RunDocument, pipeline: &Pipeline, printer: &Printer) -> std::io::Result<()> {
    if pipeline.dialect == Dialect::PipelineV1 {
        return printer.json(&ResultV1::of(document, pipeline));
    }
    let mut outputs = document.outputs.values();
    match (outputs.next(), outputs.next()) {
        (None, _) => Ok(()),
        (Some(Value::String(text)), None) => {
            printer.bytes(text.as_bytes())?;
            if text.ends_with('\n') || text.is_empty() { Ok(()) } else { printer.bytes(b"\n") }
        }
        (Some(Value::Bytes(bytes)), None) => printer.bytes(bytes),
        (Some(value), None) => printer.json(value),
        _ => printer.json(&document.outputs),
    }
}
