//! What `with` gives, held against what the function takes.

use std::sync::Arc;

use wasmill_model::{Code, Diagnostic, Interface, Pipeline, Step, Template, Value, With};
use wasmill_unit::{FunctionInfo, Parameter, UnitInfo};

use crate::suggestion;

/// What is wrong with the arguments of a function of a `core` or `component` unit, as far as it shows before the run.
pub(crate) fn check(step: &Step, pipeline: &Pipeline, info: &UnitInfo, function: &FunctionInfo) -> Vec<Diagnostic> {
    let check = Check { info, function };
    let mut problems = match &step.with {
        With::Inherited => check.inherited(step, pipeline),
        With::Named(members) => {
            let names: Vec<&Arc<str>> = members.keys().collect();
            let mut problems = check.named(&names);
            for param in &function.params {
                let given = param.name.as_ref().and_then(|name| members.get(name));
                problems.extend(given.and_then(|template| check.literal(param, template)));
            }
            problems
        }
        With::Positional(items) => {
            let mut problems: Vec<Diagnostic> = check.count(items.len()).into_iter().collect();
            if problems.is_empty() {
                let pairs = function.params.iter().zip(items);
                problems.extend(pairs.filter_map(|(param, template)| check.literal(param, template)));
            }
            problems
        }
        With::Single(template) => match (function.params.as_slice(), template) {
            ([param], template) => check.literal(param, template).into_iter().collect(),
            // What an expression gives is only known when it is worked out.
            (_, Template::Literal(_) | Template::Text(_)) => check.count(1).into_iter().collect(),
            ([], _) => check.count(1).into_iter().collect(),
            _ => Vec::new(),
        },
    };
    for problem in &mut problems {
        problem.location = Some(step.with_location.clone());
    }
    problems
}

/// Whether the values that a step inherits go to parameters by their names: where the function takes several, and there are
/// several.
pub(crate) fn inherits_by_name(info: &UnitInfo, function: Option<&FunctionInfo>) -> bool {
    info.takes_parameters() && function.is_some_and(|function| function.params.len() > 1)
}

struct Check<'a> {
    info: &'a UnitInfo,
    function: &'a FunctionInfo,
}

impl Check<'_> {
    fn wrong(&self, message: String) -> Diagnostic {
        Diagnostic::new(Code::WrongArguments, message).help(format!("it is `{}`", self.function.signature()))
    }

    fn inherited(&self, step: &Step, pipeline: &Pipeline) -> Vec<Diagnostic> {
        if !inherits_by_name(self.info, Some(self.function)) {
            return Vec::new();
        }
        match step.after.as_slice() {
            [] if pipeline.inputs.len() != 1 => self.named(&pipeline.inputs.keys().collect::<Vec<_>>()),
            [] | [_] => Vec::new(),
            several => self.named(&several.iter().collect::<Vec<_>>()),
        }
    }

    fn named(&self, given: &[&Arc<str>]) -> Vec<Diagnostic> {
        let params = &self.function.params;
        let name = self.function.bare_name();
        if params.iter().any(|param| param.name.is_none()) {
            let problem = self.wrong(format!("the parameters of `{name}` have no names in the binary"));
            return vec![
                problem.help(format!("give them by position: `with: [ … ]`; it is `{}`", self.function.signature())),
            ];
        }
        let known: Vec<&Arc<str>> = params.iter().filter_map(|param| param.name.as_ref()).collect();
        let mut problems = Vec::new();
        let is_open = self.info.built.as_ref().is_some_and(|built| built.open);
        for unknown in given.iter().filter(|given| !is_open && !known.contains(given)) {
            let problem = self.wrong(format!("`{name}` has no parameter `{unknown}`"));
            problems.push(
                match (suggestion::similar(unknown, known.iter().copied(), problems.len()), params.as_slice()) {
                    (Some(similar), _) => {
                        problem.help(format!("did you mean `{similar}`? It is `{}`", self.function.signature()))
                    }
                    (None, [only]) => {
                        let param = only.name.as_deref().unwrap_or_default();
                        problem.help(format!(
                            "it is `{}`; to give an object as its only parameter, write `with: {{ {param}: {{ … }} }}`",
                            self.function.signature()
                        ))
                    }
                    _ => problem,
                },
            );
        }
        let missing = params.iter().filter(|param| !self.may_be_left_out(param));
        let missing = missing.filter_map(|param| param.name.as_ref()).filter(|name| !given.contains(name));
        let missing: Vec<&str> = missing.map(|name| &**name).collect();
        if !missing.is_empty() {
            problems.push(self.wrong(format!("`{name}` also takes {}", suggestion::list(missing))));
        }
        problems
    }

    fn count(&self, given: usize) -> Option<Diagnostic> {
        let takes = self.function.params.len();
        // The last ones that may be left out.
        let least = takes - self.function.params.iter().rev().take_while(|param| param.optional).count();
        if (least..=takes).contains(&given) {
            return None;
        }
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        Some(self.wrong(format!(
            "`{}` takes {} argument{}, and is given {given}",
            self.function.bare_name(),
            if least == takes { takes.to_string() } else { format!("{least} to {takes}") },
            plural(takes)
        )))
    }

    fn may_be_left_out(&self, param: &Parameter) -> bool {
        let is_option = |kind: &str| kind.starts_with("option<");
        param.optional
            || is_option(&param.kind)
            || self.info.types.iter().any(|definition| {
                definition
                    .strip_prefix("type ")
                    .and_then(|definition| definition.split_once(" = "))
                    .is_some_and(|(name, kind)| name == param.kind && is_option(kind))
            })
    }

    /// A literal that no number of a core function can be. Components have richer types, and their engine knows them.
    fn literal(&self, param: &Parameter, template: &Template) -> Option<Diagnostic> {
        if self.info.interface != Interface::Core || self.info.built.is_some() {
            return None;
        }
        let kind = param.kind.as_str();
        let fits = match template {
            Template::Expression(_) => true,
            Template::Text(_) => return None,
            Template::List(_) | Template::Object(_) => false,
            Template::Literal(value) => fits(kind, value),
        };
        let what = match template {
            Template::Literal(value) => value.kind(),
            Template::Object(_) => "object",
            _ => "array",
        };
        (!fits).then(|| {
            let which = match &param.name {
                Some(name) => format!("the parameter `{name}`"),
                None => "a parameter".to_owned(),
            };
            let shown = match template {
                Template::Literal(value @ (Value::String(_) | Value::Float(_))) => format!(" ({})", value.to_json()),
                _ => String::new(),
            };
            self.wrong(format!(
                "{which} of `{}` is {kind}, and is given a value of type {what}{shown}",
                self.function.bare_name()
            ))
        })
    }
}

fn fits(kind: &str, value: &Value) -> bool {
    match (kind, value) {
        (_, Value::Null | Value::List(_) | Value::Object(_) | Value::Bytes(_)) => false,
        ("i32" | "i64", Value::Float(float)) => float.fract() == 0.0,
        ("i32" | "i64", Value::String(text)) => {
            let text = text.trim();
            text.starts_with("0x") || text.parse::<i128>().is_ok()
        }
        ("f32" | "f64", Value::String(text)) => text.trim().parse::<f64>().is_ok(),
        _ => true,
    }
}
