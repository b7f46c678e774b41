//! A pipeline as a native manifest.

use std::sync::Arc;
use std::time::Duration;

use wasmill_model::{
    Backoff, Budget, Concurrency, DirMode, Emits, Expected, Failing, Fallback, FallbackTo, Grants, InputSpec,
    InputType, Jitter, LimitOverrides, OnFailure, OutputFormat, Part, Pipeline, Profile, Retry, Schedule, Simulated,
    Source, SourceText, Step, Strategy, Takes, Template, TestCase, TestInput, UnitSource, UnitSpec, Value, VerdictKind,
    VerdictSet, With,
};

use crate::yaml_text::Yaml;

/// A pipeline as a native manifest in YAML, which is read as the same pipeline: whatever it was read from is said as a native
/// manifest says it.
///
/// What is not in it: the positions and the folder of the file (paths stay relative to it), and the dialect.
pub fn to_yaml(pipeline: &Pipeline) -> String {
    let mut map = Map::default();
    map.put("wasmill", Yaml::plain("1"));
    map.put("name", Yaml::text(&pipeline.name));
    map.put_some("description", pipeline.description.as_deref().map(Yaml::text));
    map.put_map("inputs", pipeline.inputs.iter().map(|(name, spec)| (name.to_string(), input(spec))).collect());
    map.put_map("schedule", schedule(pipeline.schedule));
    map.put_some("timeout", pipeline.timeout.map(duration));
    if pipeline.on_failure != OnFailure::default() {
        map.put("on_failure", Yaml::text(pipeline.on_failure.as_str()));
    }
    let toolchains = pipeline.toolchains.iter();
    let toolchains = toolchains.map(|(language, path)| (language.to_string(), Yaml::text(&path.to_string_lossy())));
    map.put_map("toolchains", toolchains.collect());
    map.put_map("units", pipeline.units.iter().map(|(name, spec)| (name.to_string(), unit(spec))).collect());
    let steps = pipeline.steps.iter().map(|one| (one.id.to_string(), step(one))).collect();
    map.put("steps", Yaml::Map(steps));
    let outputs = pipeline.outputs.iter().map(|(name, output)| (name.to_string(), template(output)));
    map.put_map("outputs", outputs.collect());
    map.put_map("budget", budget(pipeline.budget));
    map.put_map("tests", pipeline.tests.iter().map(|(name, case)| (name.to_string(), test(case))).collect());
    Yaml::Map(map.0).document()
}

/// Limits as a step of a native manifest has them: `limits: { … }`.
pub fn limits_to_yaml(limits: LimitOverrides) -> String {
    Yaml::Map(vec![("limits".to_owned(), Yaml::Map(self::limits(limits)))]).document()
}

#[derive(Default)]
struct Map(Vec<(String, Yaml)>);

impl Map {
    fn put(&mut self, key: &str, value: Yaml) {
        self.0.push((key.to_owned(), value));
    }

    fn put_some(&mut self, key: &str, value: Option<Yaml>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Nothing is written for no members.
    fn put_map(&mut self, key: &str, members: Vec<(String, Yaml)>) {
        if !members.is_empty() {
            self.put(key, Yaml::Map(members));
        }
    }

    fn put_list(&mut self, key: &str, items: Vec<Yaml>) {
        if !items.is_empty() {
            self.put(key, Yaml::List(items));
        }
    }
}

fn input(spec: &InputSpec) -> Yaml {
    let mut map = Map::default();
    if spec.kind != InputType::Any {
        map.put("type", Yaml::text(spec.kind.as_str()));
    }
    // Without either, an input with a default is not required, and one without is.
    if spec.required == spec.default.is_some() {
        map.put("required", Yaml::plain(if spec.required { "true" } else { "false" }));
    }
    map.put_some("default", spec.default.as_ref().map(value));
    map.put_list("enum", spec.choices.iter().map(value).collect());
    map.put_some("min", spec.min.map(bound));
    map.put_some("max", spec.max.map(bound));
    map.put_some("pattern", spec.pattern.as_deref().map(Yaml::text));
    map.put_some("description", spec.description.as_deref().map(Yaml::text));
    Yaml::Map(map.0)
}

/// A bound is a number, whole or not.
fn bound(number: f64) -> Yaml {
    if number.fract() == 0.0 && number.abs() < 1e15 { Yaml::plain(number as i64) } else { Yaml::float(number) }
}

fn schedule(schedule: Schedule) -> Vec<(String, Yaml)> {
    let mut map = Map::default();
    if schedule.strategy != Strategy::default() {
        map.put("strategy", Yaml::text(schedule.strategy.as_str()));
    }
    if schedule.max_concurrency != Schedule::default().max_concurrency {
        map.put("max_concurrency", Yaml::plain(schedule.max_concurrency));
    }
    map.0
}

fn unit(spec: &UnitSpec) -> Yaml {
    let mut map = Map::default();
    match &spec.source {
        UnitSource::Path(path) => map.put("path", Yaml::text(&path.to_string_lossy())),
        UnitSource::Url(url) => map.put("url", Yaml::text(url)),
        UnitSource::Base64(text) => map.put("base64", Yaml::text(text)),
        UnitSource::Wat(text) => map.put("wat", Yaml::text(text)),
        UnitSource::Pipeline(path) => map.put("pipeline", Yaml::text(&path.to_string_lossy())),
        UnitSource::Program(path) => map.put("program", Yaml::text(&path.to_string_lossy())),
        UnitSource::Source(unit) => {
            map.put("language", Yaml::text(unit.language.as_str()));
            match &unit.text {
                SourceText::Path(path) => map.put("source", Yaml::text(&path.to_string_lossy())),
                SourceText::Code(text) => map.put("code", Yaml::text(text)),
            }
            map.put_some("function", unit.function.as_deref().map(Yaml::text));
            if unit.trusted {
                map.put("trusted", Yaml::plain(true));
            }
        }
        UnitSource::Builtin(builtin) => map.put("builtin", Yaml::text(builtin.as_str())),
        // The model is larger than what this version reads: whoever adds a source adds it here, as a test of all sources tells.
        _ => {}
    }
    map.put_some("sha256", spec.sha256.map(|digest| Yaml::text(&digest.to_string())));
    Yaml::Map(map.0)
}

fn step(step: &Step) -> Yaml {
    let mut map = Map::default();
    map.put_some("description", step.description.as_deref().map(Yaml::text));
    map.put("unit", Yaml::text(&step.unit));
    map.put_some("function", step.function.as_deref().map(Yaml::text));
    map.put_some("when", step.when.as_ref().map(template));
    if let Some(foreach) = &step.foreach {
        map.put("foreach", template(&foreach.items));
        map.put_some("max_parallel", foreach.max_parallel.map(Yaml::plain));
    }
    match &step.with {
        With::Inherited => {}
        With::Named(members) => {
            let members = members.iter().map(|(name, item)| (name.to_string(), template(item)));
            map.put("with", Yaml::Map(members.collect()));
        }
        With::Positional(items) => map.put("with", Yaml::List(items.iter().map(template).collect())),
        With::Single(single) => map.put("with", template(single)),
    }
    map.put_list("after", names(&step.after));
    if step.output != OutputFormat::default() {
        let format = match step.output {
            OutputFormat::Text => "text",
            OutputFormat::Json => "json",
            OutputFormat::Ndjson => "ndjson",
            OutputFormat::Bytes => "bytes",
        };
        map.put("as", Yaml::text(format));
    }
    if step.emits == Emits::Metadata {
        map.put("emits", Yaml::text("metadata"));
    }
    if step.profile != Profile::default() {
        map.put("profile", Yaml::text(step.profile.as_str()));
    }
    map.put_map("limits", limits(step.limits));
    map.put_some("timeout", step.timeout.map(duration));
    map.put_map("retry", retry(step.retry));
    map.put_list("fallback", step.fallback.iter().map(fallback).collect());
    if let Some(Concurrency { key, max }) = &step.concurrency {
        let members = vec![("key".to_owned(), Yaml::text(key)), ("max".to_owned(), Yaml::plain(max))];
        map.put("concurrency", Yaml::Map(members));
    }
    map.put_map("grants", grants(&step.grants));
    map.put_list("engine", step.engines.iter().map(|engine| Yaml::text(engine)).collect());
    if step.allow_weaker {
        map.put("allow_weaker", Yaml::plain(true));
    }
    if step.cache {
        map.put("cache", Yaml::text("auto"));
    }
    map.put_map("budget", budget(step.budget));
    map.put_map("simulate", step.simulate.as_ref().map(simulate).unwrap_or_default());
    Yaml::Map(map.0)
}

fn budget(budget: Budget) -> Vec<(String, Yaml)> {
    budget.fuel.map(|fuel| ("fuel".to_owned(), Yaml::plain(fuel))).into_iter().collect()
}

fn test(case: &TestCase) -> Yaml {
    let mut map = Map::default();
    let input = |input: &TestInput| match input {
        TestInput::Value(given) => value(given),
        TestInput::File(path, _) => Yaml::Map(vec![("$file".to_owned(), Yaml::text(&path.to_string_lossy()))]),
    };
    let expected = |expected: &Expected| match expected {
        Expected::Value(given) => value(given),
        Expected::Digest(digest) => Yaml::Map(vec![("$sha256".to_owned(), Yaml::text(&digest.to_string()))]),
    };
    map.put_map("inputs", case.inputs.iter().map(|(name, one)| (name.to_string(), input(one))).collect());
    if case.verdict != VerdictKind::Ok {
        map.put("verdict", Yaml::text(case.verdict.as_str()));
    }
    map.put_map("outputs", case.outputs.iter().map(|(name, one)| (name.to_string(), expected(one))).collect());
    let verdict = |(id, kind): (&Arc<str>, &VerdictKind)| (id.to_string(), Yaml::text(kind.as_str()));
    map.put_map("steps", case.steps.iter().map(verdict).collect());
    map.put_map("budget", budget(case.budget));
    Yaml::Map(map.0)
}

fn simulate(simulated: &Simulated) -> Vec<(String, Yaml)> {
    let mut map = Map::default();
    map.put_some("output", simulated.output.as_ref().map(value));
    map.put_some("takes", simulated.takes.map(takes));
    let failing = |(kind, failing): (&VerdictKind, &Failing)| {
        let chance = bound(failing.chance);
        let said = match failing.takes {
            None => chance,
            Some(time) => Yaml::Map(vec![("chance".to_owned(), chance), ("takes".to_owned(), takes(time))]),
        };
        (kind.as_str().to_owned(), said)
    };
    map.put_map("fails", simulated.fails.iter().map(failing).collect());
    map.0
}

fn takes(Takes { least, most }: Takes) -> Yaml {
    if least == most { duration(least) } else { Yaml::plain(format!("{}..{}", spelled(least), spelled(most))) }
}

fn names(names: &[Arc<str>]) -> Vec<Yaml> {
    names.iter().map(|name| Yaml::text(name)).collect()
}

fn limits(limits: LimitOverrides) -> Vec<(String, Yaml)> {
    let mut map = Map::default();
    map.put_some("memory", limits.memory.map(size));
    map.put_some("fuel", limits.fuel.map(Yaml::plain));
    map.put_some("timeout", limits.timeout.map(duration));
    map.put_some("output", limits.output.map(size));
    map.put_some("log", limits.log.map(size));
    map.put_some("table_elements", limits.table_elements.map(Yaml::plain));
    map.put_some("instances", limits.instances.map(Yaml::plain));
    map.0
}

fn retry(retry: Retry) -> Vec<(String, Yaml)> {
    let standard = Retry::default();
    let mut map = Map::default();
    if retry.attempts != standard.attempts {
        map.put("attempts", Yaml::plain(retry.attempts));
    }
    if retry.backoff != standard.backoff {
        let word = match retry.backoff {
            Backoff::Fixed => "fixed",
            Backoff::Exponential => "exponential",
        };
        map.put("backoff", Yaml::text(word));
    }
    if retry.initial != standard.initial {
        map.put("initial", duration(retry.initial));
    }
    if retry.max != standard.max {
        map.put("max", duration(retry.max));
    }
    if retry.jitter != standard.jitter {
        let word = match retry.jitter {
            Jitter::None => "none",
            Jitter::Full => "full",
        };
        map.put("jitter", Yaml::text(word));
    }
    if retry.on != standard.on {
        map.put("on", verdicts(retry.on));
    }
    map.0
}

fn verdicts(set: VerdictSet) -> Yaml {
    Yaml::List(set.iter().map(|kind| Yaml::text(kind.as_str())).collect())
}

fn fallback(fallback: &Fallback) -> Yaml {
    let mut map = Map::default();
    match &fallback.to {
        FallbackTo::Value(value) => map.put("value", template(value)),
        FallbackTo::Unit { unit, function } => {
            map.put("unit", Yaml::text(unit));
            map.put_some("function", function.as_deref().map(Yaml::text));
        }
        FallbackTo::Step(step) => map.put("step", Yaml::text(step)),
    }
    if fallback.on != VerdictSet::FAILURES {
        map.put("on", verdicts(fallback.on));
    }
    Yaml::Map(map.0)
}

fn grants(grants: &Grants) -> Vec<(String, Yaml)> {
    let mut map = Map::default();
    let texts = |texts: &[String]| texts.iter().map(|text| Yaml::text(text)).collect::<Vec<_>>();
    map.put_map("env", grants.env.iter().map(|(name, value)| (name.clone(), Yaml::text(value))).collect());
    map.put_list("args", texts(&grants.args));
    let dirs = grants.dirs.iter().map(|(path, grant)| {
        let place = match grant.mode {
            DirMode::Ro => Yaml::text(&grant.at),
            DirMode::Rw => {
                Yaml::Map(vec![("at".to_owned(), Yaml::text(&grant.at)), ("mode".to_owned(), Yaml::text("rw"))])
            }
        };
        (path.to_string_lossy().into_owned(), place)
    });
    map.put_map("dirs", dirs.collect());
    map.put_list("net", grants.net.iter().map(|host| Yaml::text(&host.to_string())).collect());
    for (key, source) in [("clock", grants.clock), ("random", grants.random)] {
        if source == Source::Real {
            map.put(key, Yaml::text("real"));
        }
    }
    map.put_list("secrets", texts(&grants.secrets));
    map.put_list("functions", texts(&grants.functions));
    map.0
}

/// A value where a manifest has no expressions.
fn value(value: &Value) -> Yaml {
    plain_value(value, &Yaml::text)
}

/// A value where a manifest may have them: `${{` in it is no expression.
fn literal(value: &Value) -> Yaml {
    plain_value(value, &|text| Yaml::text(&escaped(text)))
}

fn plain_value(value: &Value, text: &dyn Fn(&str) -> Yaml) -> Yaml {
    match value {
        Value::Null => Yaml::plain("null"),
        Value::Bool(value) => Yaml::plain(value),
        Value::Int(number) => Yaml::plain(number),
        Value::UInt(number) => Yaml::plain(number),
        Value::Float(number) => Yaml::float(*number),
        Value::String(string) => text(string),
        Value::Bytes(_) => Yaml::json(&value.to_json()),
        Value::List(items) => Yaml::List(items.iter().map(|item| plain_value(item, text)).collect()),
        Value::Object(members) => {
            Yaml::Map(members.iter().map(|(name, item)| (name.to_string(), plain_value(item, text))).collect())
        }
    }
}

fn template(template: &Template) -> Yaml {
    match template {
        Template::Literal(value) => literal(value),
        Template::Expression(expression) => Yaml::text(&format!("${{{{ {} }}}}", expression.source)),
        Template::Text(parts) => {
            let mut text = String::new();
            for part in parts {
                match part {
                    Part::Text(plain) => text.push_str(&escaped(plain)),
                    // A `$` before it would make it no expression.
                    Part::Expression(expression) if text.ends_with('$') => {
                        text.pop();
                        text.push_str(&format!("${{{{ \"$\" }}}}${{{{ {} }}}}", expression.source));
                    }
                    Part::Expression(expression) => text.push_str(&format!("${{{{ {} }}}}", expression.source)),
                }
            }
            Yaml::text(&text)
        }
        Template::List(items) => Yaml::List(items.iter().map(self::template).collect()),
        Template::Object(members) => {
            Yaml::Map(members.iter().map(|(name, item)| (name.to_string(), self::template(item))).collect())
        }
    }
}

/// A text that holds no expression.
fn escaped(text: &str) -> String {
    text.replace("${{", "$${{")
}

/// A size: in the largest unit in which it is whole.
fn size(bytes: u64) -> Yaml {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1_000_000, "MB"), (1 << 10, "KiB")] {
        if bytes > 0 && bytes.is_multiple_of(unit) {
            return Yaml::plain(format!("{}{name}", bytes / unit));
        }
    }
    Yaml::plain(bytes)
}

/// A duration: in the largest unit in which it is whole.
fn duration(duration: Duration) -> Yaml {
    Yaml::plain(spelled(duration))
}

fn spelled(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let units =
        [(3_600_000_000_000, "h"), (60_000_000_000, "m"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    for (unit, name) in units {
        if nanos > 0 && nanos.is_multiple_of(unit) {
            return format!("{}{name}", nanos / unit);
        }
    }
    format!("{nanos}ns")
}
