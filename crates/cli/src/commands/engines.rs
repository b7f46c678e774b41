//! `wasmill engines`: what there is to run units with, what each holds, and what a call costs here.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anstyle::Style;
use serde::Serialize;
use wasmill_engine::{Asked, Binding, Call, Cancel, Enforced, Engine, EngineInfo, weaker};
use wasmill_model::{ExitCode, Input, Interface, Limits, Profile, Value, format_duration};
use wasmill_unit::Unit;

use crate::engines::{self, EngineSettings};
use crate::failure::{Failure, Outcome};
use crate::host;
use crate::printer::Printer;
use crate::render::{BOLD, DIM, GREEN, RED, YELLOW, printable};
use crate::settings::EnginesSettings;

/// How long each engine is measured, and how many calls it takes at least and at most.
const MEASURED: Duration = Duration::from_millis(40);
const FEWEST_CALLS: usize = 5;
const MOST_CALLS: usize = 20_000;

/// What is called: the smallest unit that gives something.
const ADD: &str =
    r#"(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#;

/// One engine, as `--output json` has it.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) name: Arc<str>,
    pub(crate) version: Arc<str>,
    /// Whether the host's policy lets steps use it.
    allowed: bool,
    /// Whether it could be started, and works.
    available: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    interfaces: Vec<Interface>,
    profiles: Vec<Profile>,
    pub(crate) sandboxed: bool,
    /// The limits that it holds.
    holds: Vec<String>,
    /// In what its sandbox is weaker than what a step is promised.
    weaker: Vec<Arc<str>>,
    /// Microseconds of a call of a small function in a fresh instance: the median.
    #[serde(skip_serializing_if = "Option::is_none")]
    call_us: Option<f64>,
}

/// Starts each engine and measures it.
pub(crate) fn engines(settings: &EnginesSettings, printer: &Printer) -> Outcome {
    let rows = look(settings)?;
    if printer.is_json() {
        printer.json(&serde_json::json!({ "wasmill": 1, "engines": rows }))?;
    } else {
        printer.text(&describe(&rows))?;
    }
    let works = rows.iter().any(|row| row.available && row.allowed);
    Ok(if works { ExitCode::Success } else { ExitCode::Failed })
}

/// What each engine is, and whether it works.
pub(crate) fn look(settings: &EnginesSettings) -> Result<Vec<Row>, Failure> {
    let compiler = host::compiler(settings.compiler)?;
    let sources = EngineSettings { slots: 4, cache: None, compiler, coredumps: None, profiles: None };
    let router = engines::router(&sources)?;
    let asked = Asked { names: &[], allowed: &settings.policy.engines, profile: Profile::Metered, allow_weaker: true };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .map_err(|error| Failure::host(format!("no thread can be started: {error}")))?;
    let row = async |described: &EngineInfo| {
        let (info, measured) = match router.start(&described.name.name).await {
            Ok(engine) => (engine.info().clone(), measure(&*engine).await),
            Err(reason) => (described.clone(), Err(reason)),
        };
        let held = info.limits.iter().filter(|(_, how)| *how == Enforced::Yes);
        Row {
            allowed: asked.allows(&info),
            available: measured.is_ok(),
            holds: held.map(|(limit, _)| limit.to_string()).collect(),
            weaker: weaker(&info, Profile::Metered),
            call_us: measured.as_ref().ok().copied().flatten().map(|call| call.as_secs_f64() * 1e6),
            reason: measured.err(),
            name: info.name.name,
            version: info.name.version,
            interfaces: info.interfaces,
            profiles: info.profiles,
            sandboxed: info.sandboxed,
        }
    };
    Ok(router.engines().iter().map(|described| runtime.block_on(row(described))).collect())
}

/// The median of some calls; none where the engine does not run such units.
async fn measure(engine: &dyn Engine) -> Result<Option<Duration>, String> {
    if !engine.info().interfaces.contains(&Interface::Core) {
        return Ok(None);
    }
    let binary = wasmill_artifact::compile_text(ADD).map_err(|error| error.to_string())?;
    let unit = Unit::from_binary(binary).map_err(|error| error.to_string())?;
    let prepared = engine.prepare(&unit, &Binding::default()).await.map_err(|error| error.to_string())?;
    let input = Input::Positional(vec![Value::Int(2), Value::Int(3)]);
    let (limits, cancel) = (Limits::default(), Cancel::new());
    let (began, mut times) = (Instant::now(), Vec::new());
    while times.len() < FEWEST_CALLS || (began.elapsed() < MEASURED && times.len() < MOST_CALLS) {
        let start = Instant::now();
        let outcome = prepared.call(Call::new(&input, &limits, &cancel)).await;
        times.push(start.elapsed());
        if outcome.output != Some(Value::Int(5)) {
            return Err(format!("it does not work: 2 + 3 ended as {}", outcome.verdict));
        }
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied())
}

fn describe(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let (style, mark, state): (Style, char, String) = match row {
            Row { reason: Some(reason), .. } => (RED, '✘', reason.clone()),
            Row { allowed: false, name, .. } => {
                (YELLOW, '!', format!("steps may not use it: `[policy.engines] allow` does not name `{name}`"))
            }
            Row { call_us: Some(call), .. } => {
                let call = format_duration(Duration::from_secs_f64(call / 1e6));
                (GREEN, '✔', format!("a call costs {call}"))
            }
            _ => (GREEN, '✔', "works".to_owned()),
        };
        let Row { name, version, .. } = row;
        let _ = writeln!(text, "{style}{mark}{style:#} {BOLD}{name}{BOLD:#} {version}  {}", printable(&state));
        let mut list = |title: &str, words: &[String]| {
            if !words.is_empty() {
                let _ = writeln!(text, "    {DIM}{title:<13}{DIM:#} {}", words.join(", "));
            }
        };
        list("runs", &row.interfaces.iter().map(ToString::to_string).collect::<Vec<_>>());
        list("profiles", &row.profiles.iter().map(ToString::to_string).collect::<Vec<_>>());
        list("holds", &row.holds);
        let lacks = row.weaker.iter().filter(|one| &***one != "sandbox").map(|one| one.to_string());
        list("does not hold", &lacks.collect::<Vec<_>>());
        if !row.sandboxed {
            list("sandbox", &["none: it runs what is trusted".to_owned()]);
        }
    }
    text
}
