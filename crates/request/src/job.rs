//! A request that is ready to be run.

use wasmill_engine::Router;
use wasmill_manifest::{Answer, Request, RequestKind};
use wasmill_model::{ExitCode, Object, Policy, RunDocument, Secrets};
use wasmill_runtime::{Bundle, BundleReader, Overrides};

use crate::Failure;
use crate::answer::json;
use crate::files::{Files, Folder};

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
}

impl Job {
    /// Loads what a request names.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(request: Request, folder: Folder, router: &Router) -> Result<Job, Failure> {
        let Request { mut pipeline, kind, inputs, limits, profile, engines, policy, secrets, pipelines } = request;
        let policy = policy.unwrap_or_default();
        let overrides = Overrides { limits, engines, allow_weaker: false, profile };
        let mut files = Files::new(folder);
        files.place(&mut pipeline);
        let reader = BundleReader::new(&mut files, &policy, router.engines(), &overrides);
        let bundle = reader.including(pipelines).pipeline(pipeline)?;
        Ok(Job { bundle, inputs, overrides, policy, secrets, kind })
    }

    /// What is said of its run, and how the program ends.
    ///
    /// # Errors
    /// A document that JSON cannot say.
    pub fn answer(&self, document: &RunDocument) -> Result<(Vec<u8>, ExitCode), Failure> {
        let text = json(&Answer::of(self.kind, document, &self.bundle.pipeline))?;
        Ok((text, document.exit_code()))
    }
}
