//! A request that is ready to be run.

use wasmill_engine::Router;
use wasmill_manifest::{Answer, Request, RequestKind};
use wasmill_model::{Code, Diagnostic, ExitCode, Object, Policy, RunDocument, Secrets, attach_blobs};
use wasmill_runtime::{Bundle, BundleReader, Overrides, Recorded, Replay, ReplayDocument, Reuse, RunOptions};

use crate::Failure;
use crate::answer::json;
use crate::files::{Files, Folder};

/// What is done with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// It is run.
    #[default]
    Run,
    /// It is a run bundle, whose run is made again and held against its record.
    Replay,
}

/// A request, with its units loaded and held against its steps. Nothing of it has run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The pipeline and all that it calls.
    pub bundle: Bundle,
    /// Its inputs, as they were given.
    pub inputs: Object,
    /// What the request wants otherwise than the pipeline says.
    pub overrides: Overrides,
    /// What steps may ask for.
    pub policy: Policy,
    /// The values of secrets.
    pub secrets: Secrets,
    kind: RequestKind,
    /// What the run is held against.
    recorded: Option<RunDocument>,
}

impl Job {
    /// Loads what a request names.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(request: Request, task: Task, folder: Folder, router: &Router) -> Result<Job, Failure> {
        let Request {
            mut pipeline,
            kind,
            inputs,
            limits,
            profile,
            mut engines,
            policy,
            mut secrets,
            recorded,
            pipelines,
        } = request;
        let recorded = recorded.filter(|_| task == Task::Replay);
        if task == Task::Replay {
            let Some(recorded) = &recorded else {
                let problem = Diagnostic::new(Code::UnknownFile, "this is a run request, and says of no run");
                return Err(problem.help("`wasmill export FILE -o run.wasmill` makes a bundle").into());
            };
            if let Some(problem) = Recorded::problem(recorded) {
                return Err(problem.into());
            }
            // What computed it then may not be here.
            engines = router.engines().iter().take(1).map(|engine| engine.name.name.to_string()).collect();
        }
        let inputs = attached(inputs)?;
        let policy = policy.unwrap_or_default();
        let overrides = Overrides { limits, engines, allow_weaker: false, profile, cache: None };
        let mut files = Files::new(folder, task);
        files.place(&mut pipeline);
        let reader = BundleReader::new(&mut files, &policy, router.engines(), &overrides);
        let bundle = reader.including(pipelines).pipeline(pipeline)?;
        if recorded.is_some() {
            secrets = Recorded::secrets(secrets, &bundle);
        }
        Ok(Job { bundle, inputs, overrides, policy, secrets, kind, recorded })
    }

    /// How it is run.
    pub fn options(&self, options: RunOptions) -> RunOptions {
        let recorded = self.recorded.clone().map(Recorded::new);
        RunOptions { reuse: Reuse { recorded, ..options.reuse }, ..options }
    }

    /// What is said of its run, and how the program ends.
    ///
    /// # Errors
    /// A document that JSON cannot say.
    pub fn answer(&self, document: &RunDocument) -> Result<(Vec<u8>, ExitCode), Failure> {
        if let Some(recorded) = &self.recorded {
            let replay = Replay::of(&self.bundle, recorded, document);
            let code = if replay.same { ExitCode::Success } else { ExitCode::Failed };
            return Ok((json(&ReplayDocument::new(recorded, &replay))?, code));
        }
        let document = document.clone().escaped();
        let text = json(&Answer::of(self.kind, &document, &self.bundle.pipeline))?;
        Ok((text, document.exit_code()))
    }
}

/// Inputs, of which JSON was read as documents write it.
fn attached(inputs: Object) -> Result<Object, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut attached = Object::with_capacity(inputs.len());
    for (name, value) in inputs {
        match attach_blobs(
            &value,
            &mut |_| Err("is not looked for where Wasmill itself runs as WebAssembly".to_owned()),
        ) {
            Ok(value) => drop(attached.insert(name, value)),
            Err(error) => problems.push(
                Diagnostic::new(Code::InputUnreadable, format!("the input `{name}`: {error}"))
                    .help("give the value itself; a member of your data that is called `$blob` is written `$$blob`"),
            ),
        }
    }
    if problems.is_empty() { Ok(attached) } else { Err(problems) }
}
