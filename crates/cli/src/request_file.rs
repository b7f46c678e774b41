//! The `-` of `run`, `check` and `plan`: a run request on stdin, held against what the command line says.

use std::path::Path;

use wasmill_engine::EngineInfo;
use wasmill_manifest::{Request, RequestKind};
use wasmill_model::{Code, Diagnostic, Object, Policy, Secrets};
use wasmill_runtime::Overrides;

use crate::failure::Failure;
use crate::pipeline_file::{self, PipelineFile};
use crate::printer::Printer;
use crate::render::Sources;
use crate::settings::{RequestSettings, SourceSettings};
use crate::{engines, standard_input};

/// What positions are in.
const STDIN: &str = "stdin";

/// A request in which nothing is wrong that can be known before it runs.
#[derive(Debug)]
pub(crate) struct RequestFile {
    /// Its pipeline.
    pub(crate) file: PipelineFile,
    /// What it was.
    pub(crate) kind: RequestKind,
    /// Its inputs, as they are given.
    pub(crate) inputs: Object,
    /// What it may ask for: of the host and of what it says itself.
    pub(crate) policy: Policy,
    /// What it wants otherwise than its pipeline says; the flags win.
    pub(crate) overrides: Overrides,
    /// Its secrets.
    pub(crate) secrets: Secrets,
}

/// Reads the request and loads what it names.
///
/// # Errors
/// Why it cannot be read, or everything that is wrong with it.
pub(crate) fn read(
    settings: &RequestSettings,
    host: &Policy,
    flags: &Overrides,
    sources: &SourceSettings,
    printer: &Printer,
) -> Result<RequestFile, Failure> {
    let text = wasmill_manifest::request_text(standard_input::request(printer)?)?;
    let engines = engines::descriptions();
    let names: Vec<&str> = engines.iter().map(|engine| &*engine.name.name).collect();
    let texts = Sources::one(STDIN, &text);
    let request = wasmill_manifest::parse_request(STDIN, &text, &names);
    let request = request.map_err(|problems| Failure::invalid(problems).in_files(&texts))?;
    let Request { mut pipeline, kind, inputs, limits, profile, engines: wanted, policy, secrets, pipelines } = request;
    let policy = match policy {
        Some(asked) => lower(host, &asked, &engines)?,
        None => host.clone(),
    };
    let overrides = Overrides {
        limits: flags.limits.over(limits),
        engines: if flags.engines.is_empty() { wanted } else { flags.engines.clone() },
        allow_weaker: flags.allow_weaker,
        profile: flags.profile.or(profile),
    };
    wasmill_runtime::place(&mut pipeline, settings.units.as_deref().unwrap_or(Path::new("")));
    let file = pipeline_file::complete(pipeline, pipelines, &policy, &overrides, sources, texts, printer)?;
    Ok(RequestFile { file, kind, inputs, policy, overrides, secrets })
}

/// What both policies allow: whoever writes a request says nothing about this host but that it is to give less.
///
/// # Errors
/// They have no engine in common.
fn lower(host: &Policy, asked: &Policy, engines: &[EngineInfo]) -> Result<Policy, Diagnostic> {
    let allows = |name: &String| {
        if host.engines.is_empty() {
            engines.iter().any(|engine| *engine.name.name == **name && engine.sandboxed)
        } else {
            host.engines.contains(name)
        }
    };
    let both: Vec<String> = match asked.engines.as_slice() {
        [] => host.engines.clone(),
        asked => asked.iter().filter(|name| allows(name)).cloned().collect(),
    };
    // An empty list would allow all of them.
    if both.is_empty() && !asked.engines.is_empty() {
        let message = "this host allows none of the engines that the request's policy allows";
        return Err(Diagnostic::new(Code::InvalidValue, message).help("`wasmill engines` shows those that it allows"));
    }
    Ok(Policy {
        defaults: host.defaults.lower(&asked.defaults),
        ceilings: host.ceilings.lower(&asked.ceilings),
        component_memory: host.component_memory.min(asked.component_memory),
        trust_manifests: host.trust_manifests && asked.trust_manifests,
        engines: both,
        allow_weaker: host.allow_weaker && asked.allow_weaker,
    })
}

/// The request's secrets with those of the command line, which win.
///
/// # Errors
/// None that is known: each was accepted before.
pub(crate) fn secrets(request: Secrets, flags: &Secrets) -> Result<Secrets, Failure> {
    let mut all = request;
    for name in flags.names() {
        if let Some(value) = flags.get(name) {
            all.insert(name, value.clone()).map_err(|error| Failure::usage(error.to_string(), "use a longer one"))?;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowing(engines: &[&str]) -> Policy {
        Policy { engines: engines.iter().map(|one| (*one).to_owned()).collect(), ..Policy::default() }
    }

    #[test]
    fn a_request_cannot_raise_what_the_host_allows() {
        let engines = engines::descriptions();
        let both = |host: &[&str], asked: &[&str]| {
            lower(&allowing(host), &allowing(asked), &engines).map(|policy| policy.engines.join(",")).ok()
        };
        assert_eq!(both(&["wasmi", "wasmtime"], &[]).as_deref(), Some("wasmi,wasmtime"));
        assert_eq!(both(&["wasmi", "wasmtime"], &["wasmtime", "process"]).as_deref(), Some("wasmtime"));
        assert_eq!(both(&["wasmi"], &["wasmtime"]), None);
        // A host that names none has those with a sandbox.
        assert_eq!(both(&[], &["wasmi", "process"]).as_deref(), Some("wasmi"));
        assert_eq!(both(&[], &["process"]), None);
        let mut host = Policy { trust_manifests: false, allow_weaker: false, ..Policy::default() };
        host.ceilings.memory = 5;
        let mut asked = Policy::default();
        asked.ceilings.fuel = 7;
        let policy = lower(&host, &asked, &engines).unwrap();
        assert_eq!((policy.ceilings.memory, policy.ceilings.fuel), (5, 7));
        assert!(!policy.trust_manifests && !policy.allow_weaker);
    }
}
