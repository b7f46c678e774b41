//! Answers of pure calls, kept in a folder between processes: `cache: auto`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmill_artifact::ResultCache;
use wasmill_model::{Digest, Receipt, Value};
use wasmill_runtime::{Bundle, CallKey, Kept, Memo, Reuse};

use crate::commands::cache::remedy;
use crate::env_vars;
use crate::printer::Printer;
use crate::settings::ReuseSettings;

/// What is kept by one version may mean something else to another.
const VERSION: &str = concat!("wasmill ", env!("CARGO_PKG_VERSION"), " result 1\n");

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

#[derive(Serialize, Deserialize)]
struct File<R, V> {
    receipt: R,
    output: V,
}

fn name(key: &CallKey) -> Digest {
    let parts = [VERSION.as_bytes(), key.unit.as_bytes(), key.call.as_bytes(), key.input.as_bytes()];
    Digest::of(&parts.concat())
}

impl Memo for Files {
    fn lookup(&self, key: &CallKey) -> Option<Kept> {
        let found = self.0.read(&name(key))?;
        let File::<Receipt, Value> { receipt, output } = serde_json::from_slice(&found).ok()?;
        // What JSON cannot say as it is (a NaN) comes back as something else.
        let is_same = receipt.unit == key.unit && receipt.output == Some(output.digest());
        is_same.then_some(Kept { receipt, output })
    }

    fn store(&self, key: CallKey, kept: Kept) {
        // String keys and no failing member.
        if let Ok(file) = serde_json::to_vec(&File { receipt: &kept.receipt, output: &kept.output }) {
            self.0.store(&name(&key), file.into());
        }
    }
}
