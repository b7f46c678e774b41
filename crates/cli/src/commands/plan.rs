//! `wasmill plan FILE`: what would run. Nothing is compiled and nothing is started.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};
use wasmill_model::{
    Concurrency, Digest, ExitCode, Fallback, Foreach, Grants, Interface, LimitKind, Limits, OnFailure, PassedOver,
    Profile, Retry, Schedule, Source, Step, UnitSource, format_bytes,
};
use wasmill_plan::StepIndex;
use wasmill_runtime::{Bundle, LimitOrigin, Preview, PreviewStep};

use crate::failure::{Failure, Outcome};
use crate::pipeline_file::{self, PipelineFile};
use crate::printer::Printer;
use crate::render::{BOLD, DIM};
use crate::settings::PlanSettings;
use crate::summary::thousands;
use crate::{engines, request_file};
use crate::{flow, render};

/// Columns of what is printed for people.
const WIDTH: usize = 100;
/// Letters of a digest that are shown to people.
const DIGEST: usize = 12;

/// Shows what `run` would do.
pub(crate) fn plan(settings: &PlanSettings, printer: &Printer) -> Outcome {
    let PlanSettings { file: path, request, policy, sources, overrides } = settings;
    let (file, policy, overrides) = match request {
        Some(request) => {
            let read = request_file::read(request, policy, overrides, sources, printer)?;
            (read.file, read.policy, read.overrides)
        }
        None => {
            let file = pipeline_file::read(path, policy, overrides, sources, printer)?;
            (file, policy.clone(), overrides.clone())
        }
    };
    let engines = engines::descriptions();
    let PipelineFile { bundle, sources } = &file;
    let preview = wasmill_runtime::preview(bundle, &policy, &engines, &overrides)
        .map_err(|problems| Failure::from(problems).in_files(sources))?;
    let document = Document::new(bundle, &preview, &settings.file, &mut HashMap::new());
    if printer.is_json() {
        printer.json(&document)?;
    } else {
        printer.text(&document.text())?;
    }
    Ok(ExitCode::Success)
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Document<'a> {
    wasmill: u32,
    file: String,
    pipeline: &'a str,
    schedule: Schedule,
    on_failure: OnFailure,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    levels: Vec<Vec<&'a str>>,
    critical_path: Vec<&'a str>,
    order: Vec<&'a str>,
    steps: IndexMap<&'a str, Planned<'a>>,
}

/// One step.
#[derive(Serialize)]
struct Planned<'a> {
    /// From 1.
    level: u32,
    waits_for: Vec<WaitsFor<'a>>,
    unit: &'a str,
    #[serde(flatten)]
    called: Called<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    foreach: Option<Items>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<&'a Retry>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fallback: &'a [Fallback],
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<&'a Concurrency>,
    #[serde(skip)]
    notes: Vec<String>,
}

/// What a step calls.
#[derive(Serialize)]
#[serde(untagged)]
enum Called<'a> {
    Unit {
        #[serde(skip_serializing_if = "Option::is_none")]
        function: Option<&'a str>,
        interface: Interface,
        digest: Digest,
        profile: Profile,
        engines: Vec<Arc<str>>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        passed_over: &'a [PassedOver],
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        weaker: &'a [Arc<str>],
        limits: &'a Limits,
        #[serde(serialize_with = "origins")]
        limits_from: &'a [(LimitKind, LimitOrigin)],
        grants: &'a Grants,
    },
    Pipeline {
        /// Its file, as the plan of it says.
        pipeline: String,
        /// Only at the first step that calls it, wherever that stands.
        #[serde(skip_serializing_if = "Option::is_none")]
        plan: Option<Box<Document<'a>>>,
    },
}

#[derive(Serialize)]
struct WaitsFor<'a> {
    step: &'a str,
    kind: &'static str,
}

#[derive(Serialize)]
struct Items {
    items: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_parallel: Option<u32>,
}

impl<'a> Document<'a> {
    /// `shown`: the files of the pipelines that were called so far.
    fn new(bundle: &'a Bundle, preview: &'a Preview, path: &Path, shown: &mut HashMap<*const Bundle, String>) -> Self {
        let pipeline = &bundle.pipeline;
        let outline = &preview.outline;
        let step_id = |step: StepIndex| pipeline.steps.get(step.get()).map_or("", |step| &*step.id);
        let ids = |steps: &[StepIndex]| steps.iter().map(|step| step_id(*step)).collect::<Vec<_>>();
        let mut waits_for: BTreeMap<StepIndex, Vec<WaitsFor<'_>>> = BTreeMap::new();
        for edge in &outline.edges {
            let waits = WaitsFor { step: step_id(edge.first), kind: edge.kind.as_str() };
            waits_for.entry(edge.then).or_default().push(waits);
        }
        let one = |((index, step), planned): ((StepIndex, &'a Step), &'a PreviewStep)| {
            let called = match planned {
                PreviewStep::Unit(planned) => {
                    let unit = bundle.units.get(&step.unit)?;
                    Called::Unit {
                        function: planned.function.as_deref(),
                        interface: unit.interface(),
                        digest: unit.digest(),
                        profile: planned.profile,
                        engines: planned.engines.iter().map(|engine| engine.name.clone()).collect(),
                        passed_over: &planned.passed_over,
                        weaker: &planned.weaker,
                        limits: &planned.limits,
                        limits_from: &planned.origins,
                        grants: &step.grants,
                    }
                }
                PreviewStep::Pipeline(preview) => {
                    let called = bundle.pipelines.get(&step.unit)?;
                    match shown.get(&Arc::as_ptr(called)) {
                        Some(file) => Called::Pipeline { pipeline: file.clone(), plan: None },
                        None => {
                            let path = match &pipeline.units.get(&step.unit)?.source {
                                UnitSource::Pipeline(path) => pipeline.base.join(path),
                                _ => PathBuf::new(),
                            };
                            let plan = Document::new(called, preview, &path, shown);
                            shown.insert(Arc::as_ptr(called), plan.file.clone());
                            Called::Pipeline { pipeline: plan.file.clone(), plan: Some(Box::new(plan)) }
                        }
                    }
                }
            };
            let planned = Planned {
                level: outline.graph.level(index) + 1,
                waits_for: waits_for.remove(&index).unwrap_or_default(),
                unit: &step.unit,
                called,
                when: step.when.as_ref().map(flow::template),
                foreach: step.foreach.as_ref().map(Items::of),
                retry: Some(&step.retry).filter(|retry| retry.attempts > 1),
                fallback: &step.fallback,
                timeout_ms: step.timeout.map(milliseconds),
                concurrency: step.concurrency.as_ref(),
                notes: flow::notes(step),
            };
            Some((&*step.id, planned))
        };
        Document {
            wasmill: 1,
            file: path.display().to_string(),
            pipeline: &pipeline.name,
            schedule: pipeline.schedule,
            on_failure: pipeline.on_failure,
            timeout_ms: pipeline.timeout.map(milliseconds),
            levels: outline.levels().iter().map(|steps| ids(steps)).collect(),
            critical_path: ids(&outline.critical_path()),
            order: ids(outline.graph.order()),
            steps: outline.graph.steps().zip(&pipeline.steps).zip(&preview.steps).filter_map(one).collect(),
        }
    }

    /// For people.
    fn text(&self) -> String {
        let Schedule { strategy, max_concurrency } = self.schedule;
        let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let mut text = format!("{BOLD}{}{BOLD:#}: ", render::printable(self.pipeline));
        let mut facts = vec![
            format!("{} in {}", plural(self.steps.len(), "step"), plural(self.levels.len(), "level")),
            strategy.as_str().to_owned(),
            format!("at most {max_concurrency} at once"),
            self.on_failure.as_str().to_owned(),
        ];
        facts.extend(self.timeout_ms.map(|time| format!("{} in all", flow::time(Duration::from_millis(time)))));
        text.push_str(&facts.join(", "));
        text.push_str("\n\n");
        self.table(&mut text);
        let _ = writeln!(text, "\n{BOLD}critical path{BOLD:#}");
        wrap(&mut text, self.critical_path.iter().map(|id| (*id).to_owned()), " → ");
        let _ = writeln!(text, "{BOLD}one at a time{BOLD:#}");
        wrap(&mut text, self.order.iter().map(|id| (*id).to_owned()), ", ");
        self.notes(&mut text);
        self.limits(&mut text);
        for (id, step) in &self.steps {
            let Called::Pipeline { pipeline, plan } = &step.called else { continue };
            let _ = write!(text, "\n{DIM}{}{DIM:#} calls ", render::printable(id));
            let _ = match plan {
                Some(plan) => write!(text, "{}", plan.text()),
                None => writeln!(text, "{}: see above", render::printable(pipeline)),
            };
        }
        text
    }

    /// The steps, in the order of the file.
    fn table(&self, text: &mut String) {
        let header = ["step", "level", "unit", "interface", "digest", "profile", "engines"].map(str::to_owned);
        let mut rows = vec![header];
        rows.extend(self.steps.iter().map(|(id, step)| {
            let (id, level) = ((*id).to_owned(), step.level.to_string());
            match &step.called {
                Called::Unit { function, interface, digest, profile, engines, .. } => {
                    let called = match function {
                        Some(function) => flow::called(step.unit, Some(function)),
                        None => step.unit.to_owned(),
                    };
                    let digest: String = digest.to_string().chars().take(DIGEST).collect();
                    [id, level, called, interface.to_string(), digest, profile.to_string(), engines.join(", ")]
                }
                Called::Pipeline { pipeline, .. } => {
                    let nothing = String::new;
                    [id, level, pipeline.clone(), "pipeline".to_owned(), nothing(), nothing(), nothing()]
                }
            }
        }));
        let mut widths = [0; 7];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        // What is too long is cut where it is longest: names are what a user can choose.
        while widths.iter().sum::<usize>() + 2 * (widths.len() - 1) > WIDTH {
            match widths.iter_mut().max() {
                Some(widest) if *widest > 1 => *widest -= 1,
                _ => break,
            }
        }
        for (place, row) in rows.iter().enumerate() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                let cell = cut(&render::printable(cell), width);
                let _ = write!(line, "{cell:width$}  ");
            }
            let line = line.trim_end();
            let _ = if place == 0 { writeln!(text, "{DIM}{line}{DIM:#}") } else { writeln!(text, "{line}") };
        }
    }

    /// What is around the calls, and what they may do: only of steps where there is something.
    fn notes(&self, text: &mut String) {
        for (title, of) in [
            ("flow", (|step: &Planned<'_>| step.notes.clone()) as fn(&Planned<'_>) -> Vec<String>),
            ("engines", |step| match &step.called {
                Called::Unit { passed_over, weaker, .. } => engines_of(passed_over, weaker),
                Called::Pipeline { .. } => Vec::new(),
            }),
            ("grants", |step| match &step.called {
                Called::Unit { grants, .. } => granted(grants),
                Called::Pipeline { .. } => Vec::new(),
            }),
        ] {
            let all: Vec<(&str, Vec<String>)> =
                self.steps.iter().map(|(id, step)| (*id, of(step))).filter(|(_, notes)| !notes.is_empty()).collect();
            if !all.is_empty() {
                let _ = writeln!(text, "{BOLD}{title}{BOLD:#}");
            }
            for (id, notes) in all {
                let mut words = notes.into_iter();
                let first = words.next().map(|first| format!("{id}: {first}"));
                wrap(text, first.into_iter().chain(words), " · ");
            }
        }
    }

    /// Limits with where each comes from, said once for the steps that share them.
    fn limits(&self, text: &mut String) {
        let mut shared: IndexMap<Vec<String>, Vec<&str>> = IndexMap::new();
        for (id, step) in &self.steps {
            let Called::Unit { limits, limits_from, profile, .. } = &step.called else { continue };
            let words = limits_from.iter().zip(values(limits));
            let words = words.map(|((limit, origin), value)| match limit {
                LimitKind::Fuel if *profile == Profile::Fast => "fuel is not metered (profile fast)".to_owned(),
                limit => format!("{} {value} ({})", limit.to_string().replace('_', " "), shown(*origin)),
            });
            shared.entry(words.collect()).or_default().push(id);
        }
        for (words, steps) in shared {
            let who = if steps.len() == self.steps.len() && steps.len() > 1 {
                "every step".to_owned()
            } else {
                const MOST: usize = 6;
                let more = steps.len().saturating_sub(MOST);
                let names = steps.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
                if more > 0 { format!("{names} and {more} more") } else { names }
            };
            let _ = writeln!(text, "{BOLD}limits of {}{BOLD:#}", cut(&who, WIDTH - 10));
            wrap(text, words.into_iter(), " · ");
        }
    }
}

impl Items {
    fn of(foreach: &Foreach) -> Self {
        Items { items: flow::template(&foreach.items), max_parallel: foreach.max_parallel }
    }
}

fn origins<S: Serializer>(origins: &[(LimitKind, LimitOrigin)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(origins.iter().map(|(limit, origin)| (limit.to_string(), origin.as_str())))
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Whose word a limit is, for people.
fn shown(origin: LimitOrigin) -> &'static str {
    match origin {
        LimitOrigin::Component => "Component.toml",
        LimitOrigin::Policy => "host policy",
        LimitOrigin::BuiltIn => "built in",
        other => other.as_str(),
    }
}

/// The limits in the order of their origins.
fn values(limits: &Limits) -> [String; 7] {
    [
        format_bytes(limits.memory),
        thousands(limits.fuel),
        flow::time(limits.timeout),
        format_bytes(limits.output),
        format_bytes(limits.log),
        thousands(limits.table_elements),
        thousands(limits.instances.into()),
    ]
}

/// What is passed over, and in what the first that is left is weaker.
fn engines_of(passed_over: &[PassedOver], weaker: &[Arc<str>]) -> Vec<String> {
    let over = passed_over.iter().map(|over| format!("{} is passed over: {}", over.engine, over.reason));
    let weaker = (!weaker.is_empty()).then(|| format!("a weaker sandbox is allowed: no {}", weaker.join(", no ")));
    over.chain(weaker).collect()
}

/// What a step may do beyond computing; nothing where that is nothing.
fn granted(grants: &Grants) -> Vec<String> {
    let mut all = Vec::new();
    let mut list = |what: &str, names: Vec<String>| {
        if !names.is_empty() {
            all.push(format!("{what} {}", names.join(", ")));
        }
    };
    list("env", grants.env.keys().cloned().collect());
    list("args", grants.args.clone());
    let dir = |(path, dir): (&std::path::PathBuf, &wasmill_model::DirGrant)| {
        let mode = if dir.mode == wasmill_model::DirMode::Rw { " (rw)" } else { "" };
        format!("{} at {}{mode}", path.display(), dir.at)
    };
    list("dirs", grants.dirs.iter().map(dir).collect());
    list("net", grants.net.iter().map(ToString::to_string).collect());
    list("secrets", grants.secrets.clone());
    list("functions", grants.functions.clone());
    for (what, source) in [("clock", grants.clock), ("random", grants.random)] {
        if source == Source::Real {
            all.push(format!("the real {what}"));
        }
    }
    all
}

/// At most so many characters.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Words with something between them, indented, in lines that are not too long.
fn wrap(text: &mut String, words: impl Iterator<Item = String>, between: &str) {
    let mut column = 0;
    for word in words {
        let word = cut(&render::printable(&word), WIDTH - 4);
        let length = word.chars().count();
        if column == 0 {
            text.push_str("  ");
            column = 2;
        } else if column + between.chars().count() + length + 1 > WIDTH {
            text.push_str(between.trim_end());
            text.push_str("\n    ");
            column = 4;
        } else {
            text.push_str(between);
            column += between.chars().count();
        }
        text.push_str(&word);
        column += length;
    }
    text.push('\n');
}
