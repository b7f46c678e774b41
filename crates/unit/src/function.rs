//! Exported functions, and finding the one that a step means.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmill_model::Interface;

/// A parameter of an exported function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name: always there in components; in core modules where the name section has it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Arc<str>>,
    /// Its type as WIT or WebAssembly text writes it: `list<u8>`, `i32`. Of a unit that was built from source, as the source does.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it may be left out, whatever its type.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub optional: bool,
}

/// An exported function that a step can call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionInfo {
    /// The name that always finds it: `upper`, or `ns:pkg/iface@1.0.0#func` where it stands in an interface.
    pub name: Arc<str>,
    /// What it takes.
    pub params: Vec<Parameter>,
    /// The types of what it gives: none or one for components, any number for core modules.
    pub results: Vec<String>,
}

impl FunctionInfo {
    /// The name without its interface.
    pub fn bare_name(&self) -> &str {
        self.name.rsplit_once('#').map_or(&*self.name, |(_, bare)| bare)
    }

    /// `parse(text: string) -> list<string>`
    pub fn signature(&self) -> String {
        let params: Vec<String> = self
            .params
            .iter()
            .map(|param| match &param.name {
                Some(name) => format!("{name}{}: {}", if param.optional { "?" } else { "" }, param.kind),
                None => param.kind.clone(),
            })
            .collect();
        let results = match self.results.as_slice() {
            [] => String::new(),
            [one] => format!(" -> {one}"),
            several => format!(" -> ({})", several.join(", ")),
        };
        format!("{}({}){results}", self.name, params.join(", "))
    }
}

/// Why no function was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FunctionError {
    /// No export has this name.
    #[error("the unit does not export a function `{name}`")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The most similar export, where one is similar.
        similar: Option<Arc<str>>,
        /// Every function that there is.
        candidates: Vec<Arc<str>>,
    },
    /// Several interfaces export a function of this name.
    #[error("several interfaces of the unit export a function `{name}`")]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The full names.
        candidates: Vec<Arc<str>>,
    },
    /// The unit exports several functions, and none was named.
    #[error("the unit exports {} functions, and the step does not say which one to call", candidates.len())]
    Needed {
        /// Every function that there is.
        candidates: Vec<Arc<str>>,
    },
    /// The unit exports no function that can be called.
    #[error("the unit exports no function that a step can call")]
    None,
    /// A script that is run as a whole has no functions to choose from.
    #[error("the unit was built from a script in {language} that is run as a whole: there is no function `{name}`")]
    Script {
        /// What was asked for.
        name: String,
        /// What it is written in.
        language: &'static str,
    },
    /// A command has no functions to choose from.
    #[error("a command has no function to choose: it is run as a program")]
    Command,
}

/// Names like `__wbindgen_malloc` and `__new`: what compilers export for their own glue.
fn is_glue(name: &str) -> bool {
    name.starts_with("__") || matches!(name, "cabi_realloc" | "malloc" | "free" | "canonical_abi_realloc")
}

/// See [`crate::UnitInfo::resolve`].
pub(crate) fn resolve<'a>(
    info: &'a crate::UnitInfo,
    name: Option<&str>,
) -> Result<Option<&'a FunctionInfo>, FunctionError> {
    if let Some(built) = info.built.as_deref().filter(|built| built.name.is_none()) {
        return match name {
            None => Ok(None),
            Some(name) => Err(FunctionError::Script { name: name.to_owned(), language: built.language.title() }),
        };
    }
    if matches!(info.interface, Interface::Command | Interface::Native) && info.built.is_none() {
        return match name {
            None | Some("_start" | "run") => Ok(None),
            Some(_) => Err(FunctionError::Command),
        };
    }
    let functions = &info.functions;
    match name {
        Some(name) => named(functions, name).map(Some),
        None => only(functions).map(Some),
    }
}

fn named<'a>(functions: &'a [FunctionInfo], name: &str) -> Result<&'a FunctionInfo, FunctionError> {
    if let Some(exact) = functions.iter().find(|function| *function.name == *name) {
        return Ok(exact);
    }
    // `iface#func` and `iface@1.0.0#func` find `ns:pkg/iface@1.0.0#func` where they are unique, as the bare name does.
    let found: Vec<&FunctionInfo> = functions.iter().filter(|function| is_short_for(name, &function.name)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] if functions.is_empty() => Err(FunctionError::None),
        [] => Err(FunctionError::Unknown {
            name: name.to_owned(),
            similar: most_similar(functions, name),
            candidates: names(functions),
        }),
        several => Err(FunctionError::Ambiguous {
            name: name.to_owned(),
            candidates: several.iter().map(|function| function.name.clone()).collect(),
        }),
    }
}

fn only(functions: &[FunctionInfo]) -> Result<&FunctionInfo, FunctionError> {
    // Glue can be called, but nobody means it who names nothing.
    let mut meant = functions.iter().filter(|function| !is_glue(&function.name));
    match (meant.next(), meant.next(), functions) {
        (Some(one), None, _) | (None, None, [one]) => Ok(one),
        (_, _, []) => Err(FunctionError::None),
        (None, ..) => Err(FunctionError::Needed { candidates: names(functions) }),
        _ => Err(FunctionError::Needed {
            candidates: functions
                .iter()
                .filter(|function| !is_glue(&function.name))
                .map(|function| function.name.clone())
                .collect(),
        }),
    }
}

fn is_short_for(name: &str, full: &str) -> bool {
    let Some((interface, bare)) = full.rsplit_once('#') else { return false };
    match name.rsplit_once('#') {
        None => name == bare,
        Some((asked, asked_bare)) => {
            let without_version = |path: &str| path.split_once('@').map_or(path.len(), |(path, _)| path.len());
            let unversioned = interface.get(..without_version(interface)).unwrap_or(interface);
            let same = |candidate: &str| {
                candidate == asked || candidate.rsplit_once('/').is_some_and(|(_, short)| short == asked)
            };
            asked_bare == bare && (same(interface) || same(unversioned))
        }
    }
}

fn names(functions: &[FunctionInfo]) -> Vec<Arc<str>> {
    functions.iter().map(|function| function.name.clone()).collect()
}

/// The function whose bare or full name is nearest, where one is near enough to be a slip of the pen.
fn most_similar(functions: &[FunctionInfo], name: &str) -> Option<Arc<str>> {
    /// Beyond this, a comparison costs more than a suggestion is worth.
    const LONGEST: usize = 256;
    if name.len() > LONGEST {
        return None;
    }
    functions
        .iter()
        .filter_map(|function| {
            [function.bare_name(), &*function.name]
                .into_iter()
                .filter(|candidate| candidate.len() <= LONGEST)
                .filter_map(|candidate| {
                    let distance = strsim::levenshtein(name, candidate);
                    let near = strsim::jaro(name, candidate);
                    // Three wrong letters of three are another word.
                    let slip = distance <= 3 && distance < candidate.chars().count().min(name.chars().count());
                    (slip || near > 0.8 || name.eq_ignore_ascii_case(candidate)).then_some((distance, function))
                })
                .min_by_key(|(distance, _)| *distance)
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, function)| function.name.clone())
}
