//! A pipeline that was read, as one document that has all of it: for where there are no files, and nothing is built.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use wasmill_manifest::{Base64, GivenPipeline, GivenUnit, RequestDocument, included_name};
use wasmill_model::{Code, Diagnostic, Object, UnitSource};
use wasmill_unit::Unit;

use crate::Bundle;

/// The run request of a pipeline and of all that it calls: what it gives is what the file gives. Its binaries are those that were loaded,
/// whether they were in files, at URLs or built from source; its manifests are as they are written. `file` is the file that it was read
/// from, and `text` gives the manifests that the reader [was told of](crate::PipelineFiles::note).
///
/// Native programs stay behind: they are run where they stand.
///
/// # Errors
/// A manifest whose text is not there.
pub fn request_of(
    bundle: &Bundle,
    file: &Path,
    inputs: Object,
    text: &dyn Fn(&str) -> Option<Arc<str>>,
) -> Result<RequestDocument, Diagnostic> {
    let mut export =
        Export { text, root: &bundle.pipeline.base, interpreters: BTreeMap::new(), pipelines: BTreeMap::new() };
    let pipeline = export.manifest(file)?;
    let units = export.units(bundle);
    export.called(bundle)?;
    let Export { interpreters, pipelines, .. } = export;
    Ok(RequestDocument { pipeline, file: short(file), inputs, units, interpreters, pipelines })
}

struct Export<'a> {
    text: &'a dyn Fn(&str) -> Option<Arc<str>>,
    /// The folder of the pipeline that is run.
    root: &'a Path,
    interpreters: BTreeMap<String, Base64>,
    pipelines: BTreeMap<String, GivenPipeline>,
}

impl Export<'_> {
    fn manifest(&self, file: &Path) -> Result<Arc<str>, Diagnostic> {
        (self.text)(&file.to_string_lossy())
            .ok_or_else(|| Diagnostic::new(Code::UnknownFile, format!("the text of `{}` was not kept", file.display())))
    }

    /// The binaries that are not in the manifest.
    fn units(&mut self, bundle: &Bundle) -> IndexMap<Arc<str>, GivenUnit> {
        let is_in_text = |source: &UnitSource| {
            matches!(
                source,
                UnitSource::Base64(_) | UnitSource::Wat(_) | UnitSource::Builtin(_) | UnitSource::Program(_)
            )
        };
        let pipeline = &bundle.pipeline;
        let of_name = |name: &Arc<str>| pipeline.units.get(name).is_some_and(|spec| !is_in_text(&spec.source));
        let units = bundle.units.iter().filter(|(name, _)| of_name(name));
        units.map(|(name, unit)| (name.clone(), self.unit(unit, pipeline.unit_limits.get(name).copied()))).collect()
    }

    fn unit(&mut self, unit: &Unit, limits: Option<wasmill_model::LimitOverrides>) -> GivenUnit {
        let (binary, script) = unit.parts();
        if script.is_empty() {
            return GivenUnit { base64: Base64(binary.to_vec()), interpreter: None, limits };
        }
        let name: String = unit.plain().digest().to_string().chars().take(12).collect();
        self.interpreters.entry(name.clone()).or_insert_with(|| Base64(binary.to_vec()));
        GivenUnit { base64: Base64(script.to_vec()), interpreter: Some(name), limits }
    }

    /// The pipelines that it calls, and those that they call.
    fn called(&mut self, bundle: &Bundle) -> Result<(), Diagnostic> {
        let files: HashMap<&Arc<str>, PathBuf> = bundle
            .pipeline
            .units
            .iter()
            .filter_map(|(name, spec)| match &spec.source {
                UnitSource::Pipeline(path) => Some((name, bundle.pipeline.base.join(path))),
                _ => None,
            })
            .collect();
        for (name, called) in &bundle.pipelines {
            let Some(file) = files.get(name) else { continue };
            let key = included_name(file.strip_prefix(self.root).unwrap_or(file)).to_string_lossy().into_owned();
            if self.pipelines.contains_key(&key) {
                continue;
            }
            let given = GivenPipeline { pipeline: self.manifest(file)?, units: self.units(called) };
            self.pipelines.insert(key, given);
            self.called(called)?;
        }
        Ok(())
    }
}

/// The file with its folder, which may name the pipeline: where that folder is, is nobody's business.
fn short(file: &Path) -> String {
    let name = |part: Option<&OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let folder = name(file.parent().and_then(Path::file_name));
    folder.into_iter().chain(name(file.file_name())).collect::<Vec<_>>().join("/")
}
