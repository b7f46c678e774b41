//! A request that is ready to be run.

use wasmill_engine::Router;
use wasmill_manifest::{Request, RequestKind, ResultV1};
use wasmill_model::{Dialect, ExitCode, Object, Policy, RunDocument, Secrets};
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
        let Request { mut pipeline, kind, inputs, limits, profile, engines, policy, secrets } = request;
        let overrides = Overrides { limits, engines, allow_weaker: false, profile };
        let mut files = Files::new(folder);
        files.place(&mut pipeline);
        let bundle = BundleReader::new(&mut files, &policy, router.engines(), &overrides).pipeline(pipeline)?;
        Ok(Job { bundle, inputs, overrides, policy, secrets, kind })
    }

    /// What is said of its run, and how the program ends.
    ///
    /// # Errors
    /// A document that JSON cannot say.
    pub fn answer(&self, document: &RunDocument) -> Result<(Vec<u8>, ExitCode), Failure> {
        let text = match (self.kind, self.bundle.pipeline.dialect) {
            (RequestKind::Manifest, Dialect::PipelineV1) => json(&ResultV1::of(document, &self.bundle.pipeline))?,
            _ => json(document)?,
        };
        Ok((text, document.exit_code()))
    }
}
