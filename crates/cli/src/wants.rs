//! What units want, by the imports of their binaries, against what their steps are granted.

use std::sync::Arc;

use serde::Serialize;
use wasmill_model::{FallbackTo, Grants, Pipeline, Source, Step};
use wasmill_unit::{ImportInfo, Unit};

/// One capability that a unit wants.
#[derive(Debug, Serialize)]
pub(crate) struct Want<'a> {
    /// The grant that makes it real; none where nobody provides what is imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grant: Option<&'static str>,
    /// What is imported for it: interfaces, or functions of a module.
    pub(crate) imports: Vec<String>,
    /// The steps that have it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) granted_to: Vec<Arc<str>>,
    /// What steps get that are not granted it; none where all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otherwise: Option<&'static str>,
    /// The interfaces of WASI that it goes by, or the modules: for people.
    #[serde(skip)]
    pub(crate) names: Vec<&'a str>,
}

/// What a unit wants, in the order of its imports.
pub(crate) fn of<'a>(name: &str, unit: &'a Unit, pipeline: &Pipeline) -> Vec<Want<'a>> {
    let steps: Vec<&Step> = pipeline.steps.iter().filter(|step| calls(step, name)).collect();
    let mut wants: Vec<Want<'a>> = Vec::new();
    for import in &unit.info().imports {
        let grant = import.grant;
        if grant.is_none() && import.provided {
            continue;
        }
        let place = wants.iter().position(|want| want.grant == grant);
        let want = match place.and_then(|place| wants.get_mut(place)) {
            Some(want) => want,
            None => {
                let has = |step: &&&Step| grant.is_some_and(|grant| is_granted(&step.grants, grant));
                let granted_to: Vec<_> = steps.iter().filter(has).map(|step| step.id.clone()).collect();
                let otherwise = (granted_to.len() < steps.len() || steps.is_empty()).then(|| without(import));
                wants.push(Want { grant, imports: Vec::new(), granted_to, otherwise, names: Vec::new() });
                match wants.last_mut() {
                    Some(want) => want,
                    None => continue,
                }
            }
        };
        want.imports.push(spelled(import));
        let short = short(&import.module);
        if !want.names.contains(&short) {
            want.names.push(short);
        }
    }
    wants
}

/// `module::name`, or the interface.
pub(crate) fn spelled(import: &ImportInfo) -> String {
    if import.name.is_empty() { import.module.to_string() } else { format!("{}::{}", import.module, import.name) }
}

/// `wasi:sockets` of `wasi:sockets/tcp@0.2.6`.
fn short(module: &str) -> &str {
    match module.strip_prefix("wasi:") {
        Some(_) => module.split(['/', '@']).next().unwrap_or(module),
        None => module.split('@').next().unwrap_or(module),
    }
}

fn calls(step: &Step, unit: &str) -> bool {
    let stands_in =
        |fallback: &FallbackTo| matches!(fallback, FallbackTo::Unit { unit: other, .. } if &**other == unit);
    &*step.unit == unit || step.fallback.iter().any(|fallback| stands_in(&fallback.to))
}

fn is_granted(grants: &Grants, grant: &str) -> bool {
    match grant {
        "clock" => grants.clock == Source::Real,
        "random" => grants.random == Source::Real,
        "args" => !grants.args.is_empty(),
        "env" => !grants.env.is_empty() || !grants.secrets.is_empty(),
        "dirs" => !grants.dirs.is_empty(),
        "net" => !grants.net.is_empty(),
        "functions" => !grants.functions.is_empty(),
        _ => false,
    }
}

/// What a unit gets of it that is not granted it.
fn without(import: &ImportInfo) -> &'static str {
    match import.grant {
        None => "nobody provides it",
        Some(_) if import.needs_grant => "denied, never linked",
        Some("clock" | "random") => "virtual",
        Some("net") => "denied: every use fails",
        Some("dirs") => "no folder is there",
        Some(_) => "empty",
    }
}

impl Want<'_> {
    /// `wasi:sockets (net): denied: every use fails`.
    pub(crate) fn text(&self) -> String {
        let grant = self.grant.map(|grant| format!(" ({grant})")).unwrap_or_default();
        let mut said = Vec::new();
        if !self.granted_to.is_empty() {
            let steps: Vec<&str> = self.granted_to.iter().map(|step| &**step).collect();
            said.push(format!("granted to {}", steps.join(", ")));
        }
        said.extend(self.otherwise.map(str::to_owned));
        format!("{}{grant}: {}", self.names.join(", "), said.join("; else "))
    }
}
