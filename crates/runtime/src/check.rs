//! The steps held against their units: all that can be said without compiling or running anything.

use std::sync::Arc;

use wasmill_engine::{Asked, EngineInfo, Reasons};
use wasmill_model::{
    Code, Diagnostic, Fallback, FallbackTo, Interface, LimitOverrides, LimitViolation, OutputFormat, PassedOver,
    Pipeline, Policy, Profile, Step,
};
use wasmill_unit::{FunctionError, ImportInfo, UnitInfo, missing_import_help};

use crate::{Bundle, Overrides, nested, parameters, suggestion, wiring};

/// Everything that is wrong with a pipeline and its units, in the order of the file: steps, inputs and units that are not there,
/// cycles, functions, arguments, imports that nobody provides, limits over the policy, profiles, engines.
///
/// The bundle has what could be loaded; a step whose unit is declared and not among it is not held against it, as whoever
/// loads them says why. The pipelines that it calls are checked by themselves. `engines` are those of the host; where they are not known (the list is empty), what needs them is not
/// checked.
///
/// What is overridden is not held against the steps; what is wrong with the overrides themselves, [`link`](crate::link) says.
pub fn check(bundle: &Bundle, policy: &Policy, engines: &[EngineInfo], overrides: &Overrides) -> Vec<Diagnostic> {
    let (_, mut problems) = wiring::wire(&bundle.pipeline);
    check_steps(bundle, policy, engines, overrides, &mut problems);
    problems.sort_by_key(|problem| problem.location.as_ref().map(|location| (location.line, location.column)));
    problems
}

/// As [`check`], without what [`wiring::wire`] says. What is overridden is not held against the steps.
pub(crate) fn check_steps(
    bundle: &Bundle,
    policy: &Policy,
    engines: &[EngineInfo],
    overrides: &Overrides,
    problems: &mut Vec<Diagnostic>,
) {
    let Bundle { pipeline, units, pipelines } = bundle;
    // An import that nobody provides is the unit's fault: said once, at the first step that uses it.
    let mut seen = vec![false; units.len()];
    for step in &pipeline.steps {
        let asked = step.limits.without(overrides.limits);
        let mut found: Vec<Diagnostic> = limit_problems(asked, policy, &format!("the step `{}`", step.id))
            .into_iter()
            .map(|problem| problem.at(&step.limits_location))
            .collect();
        found.extend(profile_problems(step, overrides.profile(step), pipeline, policy, overrides));
        let asked = overrides.asked(step, policy);
        if overrides.engines.is_empty() {
            found.extend(unknown_engines(asked.names, engines));
        }
        if step.allow_weaker {
            found.extend(weaker_problem(&format!("the step `{}` says `allow_weaker`", step.id), policy));
        }
        let stands_in: Vec<Step> = step.fallback.iter().filter_map(|fallback| called_instead(step, fallback)).collect();
        for (place, called) in std::iter::once(step).chain(&stands_in).enumerate() {
            if let Some(other) = pipelines.get(&called.unit) {
                found.extend(nested::check(called, &other.pipeline, place > 0));
                found.extend(unmetered(step, pipeline, other, overrides));
                continue;
            }
            match units.get_full(&called.unit) {
                Some((place, _, unit)) => {
                    let first_use = seen.get_mut(place).is_some_and(|seen| !std::mem::replace(seen, true));
                    if first_use {
                        found.extend(missing_imports(&called.unit, unit.info(), engines));
                        let own = pipeline.unit_limits.get(&called.unit).copied().unwrap_or_default();
                        found.extend(limit_problems(
                            own,
                            policy,
                            &format!("the `Component.toml` of `{}`", called.unit),
                        ));
                    }
                    found.extend(missing_grants(called, unit.info(), engines));
                    against_unit(called, pipeline, unit.info(), &mut found);
                    found.extend(engine_fits(called, unit.interface(), &asked, engines));
                }
                None if !pipeline.units.contains_key(&called.unit) => {
                    found.push(unknown_unit(called, pipeline, problems.len()))
                }
                None => {}
            }
        }
        problems.extend(found.into_iter().map(|problem| {
            let problem = if problem.location.is_none() { problem.at(&step.location) } else { problem };
            problem.in_step(&step.id)
        }));
    }
}

/// The step with the unit that a fallback calls in its place.
fn called_instead(step: &Step, fallback: &Fallback) -> Option<Step> {
    let FallbackTo::Unit { unit, function } = &fallback.to else { return None };
    Some(Step {
        unit: unit.clone(),
        function: function.clone(),
        function_location: step.location.clone(),
        ..step.clone()
    })
}

fn unknown_unit(step: &Step, pipeline: &Pipeline, said: usize) -> Diagnostic {
    let problem = Diagnostic::new(Code::UnknownUnit, format!("there is no unit `{}` in `units`", step.unit));
    match suggestion::help(&step.unit, pipeline.units.keys(), said) {
        Some(help) => problem.help(help),
        None => problem.help(format!("declare it: `units: {{ {}: {{ path: … }} }}`", step.unit)),
    }
}

/// One problem for each limit that asks for more than the policy allows.
pub(crate) fn limit_problems(asked: LimitOverrides, policy: &Policy, who: &str) -> Vec<Diagnostic> {
    let violations = policy.resolve(asked).err().unwrap_or_default();
    let problem = |violation: LimitViolation| {
        let (limit, asked, allowed) = (violation.limit, violation.asked, violation.allowed);
        Diagnostic::new(Code::LimitAbovePolicy, format!("{who} asks for {limit}: {asked}; the host allows {allowed}"))
            .help(format!("ask for {allowed} or less, or have the host's policy raised"))
    };
    violations.into_iter().map(problem).collect()
}

/// One problem for each name that no engine has.
pub(crate) fn unknown_engines(names: &[String], engines: &[EngineInfo]) -> Vec<Diagnostic> {
    if engines.is_empty() {
        return Vec::new();
    }
    let known: Vec<Arc<str>> = engines.iter().map(|engine| engine.name.name.clone()).collect();
    let unknown = names.iter().filter(|name| !known.iter().any(|known| **known == ***name));
    unknown
        .map(|name| {
            let problem = Diagnostic::new(Code::UnknownEngine, format!("there is no engine `{name}`"));
            match suggestion::help(name, &known, 0) {
                Some(help) => problem.help(help),
                None => problem,
            }
        })
        .collect()
}

/// Where the host forbids what somebody says.
pub(crate) fn weaker_problem(who: &str, policy: &Policy) -> Option<Diagnostic> {
    let message = format!("{who}, and the host allows no weaker sandbox");
    let help = "name engines that hold every limit: `wasmill engines` shows what each one holds";
    (!policy.allow_weaker).then(|| Diagnostic::new(Code::EngineNotAllowed, message).help(help))
}

/// One problem for each thing that does not go with the profile. A limit that an engine would not hold is refused, never ignored.
fn profile_problems(
    step: &Step,
    profile: Profile,
    pipeline: &Pipeline,
    policy: &Policy,
    overrides: &Overrides,
) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let id = &step.id;
    if profile == Profile::Fast {
        let not_metered = "the profile `fast` does not meter fuel";
        let unit_fuel = pipeline.unit_limits.get(&step.unit).and_then(|limits| limits.fuel);
        let clash = if overrides.limits.fuel.is_some() {
            Some((Code::ProfileConflict, format!("this run limits fuel, and {not_metered}: the step `{id}` has it")))
        } else if step.limits.fuel.is_some() {
            Some((Code::ProfileConflict, format!("the step `{id}` limits its fuel, and {not_metered}")))
        } else if unit_fuel.is_some() {
            Some((
                Code::ProfileConflict,
                format!("the `Component.toml` of `{}` limits fuel, and {not_metered}", step.unit),
            ))
        } else if crate::link::budget(pipeline, step).is_some() {
            Some((
                Code::ProfileConflict,
                format!("there is a budget of fuel, and {not_metered}: the step `{id}` has it"),
            ))
        } else if policy.bounds_fuel() {
            let most = policy.ceilings.fuel;
            Some((
                Code::LimitAbovePolicy,
                format!("the host allows a fuel of {most}, and {not_metered}: the step `{id}` has it"),
            ))
        } else {
            None
        };
        problems.extend(clash.map(|(code, message)| {
            Diagnostic::new(code, message)
                .at(&step.limits_location)
                .help("use `metered`: in the manifest, or with `--profile metered`")
        }));
    }
    for (_, what) in profile.refused(&step.grants) {
        let message = format!("the step `{id}` is granted {what}, which a step of the profile `{profile}` cannot have");
        let help = "take the grant out, or use `metered`: in the manifest, or with `--profile metered`";
        problems.push(Diagnostic::new(Code::ProfileConflict, message).at(&step.grants_location).help(help));
    }
    problems
}

/// A budget stands over all that a step calls.
fn unmetered(step: &Step, pipeline: &Pipeline, called: &Bundle, overrides: &Overrides) -> Option<Diagnostic> {
    crate::link::budget(pipeline, step)?;
    let is_fast = |bundle: &Bundle, step: &Step| {
        overrides.profile(step) == Profile::Fast && !bundle.pipelines.contains_key(&step.unit)
    };
    let bundles = called.all();
    let inner = bundles.iter().find_map(|bundle| bundle.pipeline.steps.iter().find(|step| is_fast(bundle, step)))?;
    let message = format!(
        "there is a budget of fuel over the pipeline `{}`, and the profile `fast` does not meter fuel: its step `{}` has it",
        step.unit, inner.id
    );
    Some(Diagnostic::new(Code::ProfileConflict, message).help("use `metered` there, or with `--profile metered`"))
}

/// Where none of the engines that a step may use will do.
fn engine_fits(step: &Step, interface: Interface, asked: &Asked<'_>, engines: &[EngineInfo]) -> Option<Diagnostic> {
    let judged = asked.judged(engines, interface);
    let fits = judged.iter().any(|(_, unfit)| unfit.is_none());
    // Names that no engine has have been reported.
    if fits || engines.is_empty() || (judged.is_empty() && !asked.names.is_empty()) {
        return None;
    }
    let allowed = judged.iter().filter_map(|(place, _)| engines.get(*place)).any(|info| asked.allows(info));
    let passed_over: Vec<PassedOver> = judged.into_iter().filter_map(|(_, unfit)| unfit).collect();
    let code = if allowed { Code::EngineUnavailable } else { Code::EngineNotAllowed };
    let message = format!("no engine can run the unit `{}`: {}", step.unit, Reasons(&passed_over));
    let problem = Diagnostic::new(code, message);
    Some(match would_do(asked, interface, engines) {
        Some(help) => problem.help(help),
        None => problem,
    })
}

/// What to write, so that an engine can be used.
pub(crate) fn would_do(asked: &Asked<'_>, interface: Interface, engines: &[EngineInfo]) -> Option<String> {
    let names = |asked: &Asked<'_>| {
        let names = asked
            .candidates(engines, interface)
            .into_iter()
            .filter_map(|place| engines.get(place))
            .map(|info| &*info.name.name);
        suggestion::list(names.filter(|name| !asked.names.iter().any(|asked| asked == name)))
    };
    let others = names(&Asked { names: &[], ..*asked });
    if !others.is_empty() {
        return Some(format!("use {others}"));
    }
    let weaker = Asked { allow_weaker: true, ..*asked };
    if !weaker.candidates(engines, interface).is_empty() {
        return Some("`allow_weaker: true` in the step (or `--allow-weaker`) allows it all the same".to_owned());
    }
    let mut in_order = asked.in_order(engines).into_iter().filter_map(|place| engines.get(place));
    let lacking = in_order.find(|info| !asked.allows(info));
    lacking.map(|info| format!("the host's policy would have to name `{}` in `[policy.engines] allow`", info.name.name))
}

/// An interface without its version.
fn interface_of(import: &ImportInfo) -> &str {
    import.module.split_once('@').map_or(&*import.module, |(interface, _)| interface)
}

/// Whether it is a host function that the embedder registered.
fn is_registered(import: &ImportInfo, engines: &[EngineInfo]) -> bool {
    engines.iter().any(|engine| engine.functions.iter().any(|interface| interface == interface_of(import)))
}

/// What the unit cannot be linked without, and the step was not granted; each interface once.
fn missing_grants(step: &Step, info: &UnitInfo, engines: &[EngineInfo]) -> Vec<Diagnostic> {
    let grants = &step.grants;
    let mut missing: Vec<(&str, String)> = Vec::new();
    for import in &info.imports {
        let interface = interface_of(import);
        let grant = match import.grant {
            Some("net") if import.needs_grant && grants.net.is_empty() => "net: [\"host:port\"]".to_owned(),
            Some("dirs") if import.needs_grant && grants.dirs.is_empty() => "dirs: { ./folder: /folder }".to_owned(),
            _ if is_registered(import, engines) && !grants.functions.iter().any(|granted| granted == interface) => {
                format!("functions: [\"{interface}\"]")
            }
            _ => continue,
        };
        if !missing.iter().any(|(_, said)| *said == grant) {
            missing.push((interface, grant));
        }
    }
    let problem = |(interface, grant): (&str, String)| {
        let message = format!("the unit `{}` imports `{interface}`, which the step was not granted", step.unit);
        Diagnostic::new(Code::MissingGrant, message)
            .at(&step.grants_location)
            .help(format!("write `grants: {{ {grant} }}` in the step, if you trust the unit with it"))
    };
    missing.into_iter().map(problem).collect()
}

fn missing_imports(name: &str, info: &UnitInfo, engines: &[EngineInfo]) -> Option<Diagnostic> {
    const MOST: usize = 3;
    let is_missing = |import: &&ImportInfo| !import.provided && !is_registered(import, engines);
    let missing: Vec<&ImportInfo> = info.imports.iter().filter(is_missing).collect();
    let first = missing.first()?;
    let spell = |import: &&ImportInfo| match &*import.name {
        "" => format!("`{}`", import.module),
        name => format!("`{}::{name}`", import.module),
    };
    let mut list = missing.iter().take(MOST).map(spell).collect::<Vec<_>>().join(", ");
    if missing.len() > MOST {
        list.push_str(&format!(" and {} more", missing.len() - MOST));
    }
    let message = format!("the unit `{name}` imports {list}, which Wasmill does not provide");
    let problem = Diagnostic::new(Code::MissingImport, message);
    Some(match missing_import_help(&first.module, &first.name) {
        Some(help) => problem.help(help),
        None => problem.help("build the unit without it; `wasmill inspect` shows all that it imports"),
    })
}

fn against_unit(step: &Step, pipeline: &Pipeline, info: &UnitInfo, problems: &mut Vec<Diagnostic>) {
    let interface = info.interface;
    // A node of a manifest v1 answers in JSON, whatever its unit is; a function's result needs no reading.
    if info.takes_parameters() && step.output != OutputFormat::Text && pipeline.dialect.is_native() {
        let what = if info.built.is_some() { "built from source".to_owned() } else { format!("a {interface} unit") };
        let message = format!("`as:` is for the output of bytes units and commands, and `{}` is {what}", step.unit);
        problems.push(
            Diagnostic::new(Code::InvalidValue, message)
                .help("take `as:` out: the output of the function has a type of its own"),
        );
    }
    if !matches!(interface, Interface::Command | Interface::Native) && !step.grants.args.is_empty() {
        let message = format!("`args` are for commands, and `{}` is a {interface} unit", step.unit);
        problems.push(Diagnostic::new(Code::InvalidValue, message).help("give the function its parameters in `with:`"));
    }
    match info.resolve(step.function.as_deref()) {
        Ok(Some(function)) if info.takes_parameters() => {
            problems.extend(parameters::check(step, pipeline, info, function));
        }
        Ok(_) => {}
        Err(error) => problems.push(function_problem(&step.unit, &error).at(&step.function_location)),
    }
}

/// What is wrong with a `function:`.
pub(crate) fn function_problem(unit: &str, error: &FunctionError) -> Diagnostic {
    let list = |names: &[Arc<str>]| suggestion::list(names.iter().map(|name| &**name));
    let (code, message, help) = match error {
        FunctionError::Unknown { name, similar, candidates } => {
            let help = match similar {
                Some(similar) if candidates.len() == 1 => format!("did you mean `{similar}`?"),
                Some(similar) => format!("did you mean `{similar}`? It exports {}", list(candidates)),
                None => format!("it exports {}", list(candidates)),
            };
            (Code::UnknownFunction, format!("the unit `{unit}` does not export a function `{name}`"), help)
        }
        FunctionError::Ambiguous { name, candidates } => (
            Code::UnknownFunction,
            format!("several interfaces of the unit `{unit}` export a function `{name}`"),
            format!("name one of {}", list(candidates)),
        ),
        FunctionError::Needed { candidates } => (
            Code::FunctionNeeded,
            format!("the unit `{unit}` exports {} functions, and the step does not say which one", candidates.len()),
            format!("add `function:` with one of {}", list(candidates)),
        ),
        FunctionError::None => (
            Code::FunctionNeeded,
            format!("the unit `{unit}` exports no function that a step can call"),
            "`wasmill inspect` shows what it exports".to_owned(),
        ),
        FunctionError::Command => (
            Code::UnknownFunction,
            format!("the unit `{unit}` is a command: it is run as a program and has no function to choose"),
            "take `function:` out".to_owned(),
        ),
        other => (
            Code::UnknownFunction,
            format!("the unit `{unit}`: {other}"),
            "`wasmill inspect` shows what it exports".to_owned(),
        ),
    };
    Diagnostic::new(code, message).help(help)
}
