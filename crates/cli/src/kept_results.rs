//! Answers of pure calls, kept in a folder between processes: `cache: auto`.

use std::sync::Arc;

use wasmill_artifact::ResultCache;
use wasmill_runtime::{Bundle, CallKey, Kept, Memo, Reuse};

use crate::commands::cache::remedy;
use crate::env_vars;
use crate::printer::Printer;
use crate::settings::ReuseSettings;

/// The folder, where any step of a run wants it.
pub(crate) struct KeptResults(Option<Arc<ResultCache>>);

impl KeptResults {
    /// Opens it where a step says `cache: auto`, or `over` does. One that cannot be used is told of, and nothing is kept.
    pub(crate) fn open(settings: &ReuseSettings, bundle: &Bundle, over: Option<bool>, printer: &Printer) -> Self {
        let asks = || bundle.all().iter().flat_map(|bundle| &bundle.pipeline.steps).any(|step| step.cache);
        let folder = settings.folder.clone().filter(|_| over.unwrap_or_else(asks));
        let opened = folder.and_then(|folder| {
            let not_kept = |error| {
                let help = remedy(&error, env_vars::WASMILL_RESULTS_DIR);
                printer.note(&format!("warning: answers of pure calls are not kept: {error}\n  help: {help}\n"));
            };
            ResultCache::open(folder).map_err(not_kept).ok()
        });
        KeptResults(opened.map(Arc::new))
    }

    /// For a run.
    pub(crate) fn reuse(&self, settings: &ReuseSettings) -> Reuse {
        let asked = self.0.clone().map(|cache| Arc::new(Files(cache)) as Arc<dyn Memo>);
        Reuse { asked, verify: settings.verify, ..Reuse::default() }
    }

    /// What could not be kept is computed again by every run: slow, and nobody would know why.
    pub(crate) fn note_failures(&self, printer: &Printer) {
        if let Some((cache, message)) = self.0.as_ref().and_then(|cache| Some((cache, cache.last_failure()?))) {
            let folder = cache.folder().display();
            printer.note(&format!(
                "warning: answers of pure calls are not kept in `{folder}`: {message}\n  help: `wasmill doctor` looks at the folder\n"
            ));
        }
    }
}

struct Files(Arc<ResultCache>);

impl Memo for Files {
    fn lookup(&self, key: &CallKey) -> Option<Kept> {
        Kept::from_bytes(key, &self.0.read(&key.digest())?)
    }

    fn store(&self, key: CallKey, kept: Kept) {
        self.0.store(&key.digest(), kept.to_bytes(&key).into());
    }
}
