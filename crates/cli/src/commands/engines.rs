//! `wasmill engines`: what there is to run units with, what each holds, and what a call costs here.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anstyle::Style;
use serde::Serialize;
use wasmill_engine::{Asked, Binding, Call, Cancel, Enforced, Engine, EngineInfo, weaker};
use wasmill_model::{ExitCode, Input, Interface, LimitKind, Limits, Profile, Value, format_duration};
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

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    info: EngineInfo,
    /// Whether the host's policy lets steps use it.
    allowed: bool,
    /// Whether it could be started.
    available: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// In what its sandbox is weaker than what a step is promised.
    weaker: Vec<Arc<str>>,
    /// Microseconds of a call of a small function in a fresh instance: the median.
    #[serde(skip_serializing_if = "Option::is_none")]
    call_us: Option<f64>,
}

/// Starts each engine and measures it.
pub(crate) fn engines(settings: &EnginesSettings, printer: &Printer) -> Outcome {
    let compiler = host::compiler(settings.compiler)?;
    let sources = EngineSettings { slots: 4, cache: None, compiler, coredumps: None };
    let router = engines::router(&sources)?;
    let asked = Asked { names: &[], allowed: &settings.policy.engines, profile: Profile::Metered, allow_weaker: true };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .map_err(|error| Failure::host(format!("no thread can be started: {error}")))?;
    let rows: Vec<Row> = router
        .engines()
        .iter()
        .map(|described| {
            let started = router.start(&described.name.name);
            let info = started.as_ref().map_or_else(|_| described.clone(), |engine| engine.info().clone());
            let measured = started.as_ref().ok().map(|engine| runtime.block_on(measure(&**engine)));
            let (call, failed) = match measured {
                Some(Ok(call)) => (call, None),
                Some(Err(reason)) => (None, Some(reason)),
                None => (None, None),
            };
            let reason = started.err().or(failed);
            Row {
                allowed: asked.allows(&info),
                available: reason.is_none(),
                reason,
                weaker: weaker(&info, Profile::Metered),
                call_us: call.map(|call| call.as_secs_f64() * 1e6),
                info,
            }
        })
        .collect();
    if printer.is_json() {
        printer.json(&serde_json::json!({ "wasmill": 1, "engines": rows }))?;
    } else {
        printer.text(&describe(&rows))?;
    }
    let works = rows.iter().any(|row| row.available && row.allowed);
    Ok(if works { ExitCode::Success } else { ExitCode::Failed })
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
            return Err(format!("it does not work: 2 + 3 ended as {:?}", outcome.verdict));
        }
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied())
}

fn describe(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let Row { info, .. } = row;
        let name = &info.name;
        let (style, mark, state): (Style, char, String) = match row {
            Row { reason: Some(reason), .. } => (RED, '✘', reason.clone()),
            Row { allowed: false, .. } => {
                (YELLOW, '!', format!("steps may not use it: `[policy.engines] allow` does not name `{}`", name.name))
            }
            Row { call_us: Some(call), .. } => {
                let call = format_duration(Duration::from_secs_f64(call / 1e6));
                (GREEN, '✔', format!("a call costs {call}"))
            }
            _ => (GREEN, '✔', "works".to_owned()),
        };
        let _ = writeln!(
            text,
            "{style}{mark}{style:#} {BOLD}{}{BOLD:#} {}  {}",
            name.name,
            name.version,
            printable(&state)
        );
        let list = |title: &str, words: Vec<String>| format!("    {DIM}{title:<12}{DIM:#} {}\n", words.join(", "));
        text += &list("runs", info.interfaces.iter().map(ToString::to_string).collect());
        text += &list("profiles", info.profiles.iter().map(ToString::to_string).collect());
        let of = |wanted: Enforced| {
            let limits = info.limits.iter().filter(move |(_, how)| *how == wanted);
            limits.map(|(limit, _): &(LimitKind, Enforced)| limit.to_string()).collect::<Vec<_>>()
        };
        text += &list("holds", of(Enforced::Yes));
        let lacks = of(Enforced::No);
        if !lacks.is_empty() {
            text += &list("does not hold", lacks);
        }
        if !info.sandboxed {
            text += &list("sandbox", vec!["none: it runs what is trusted".to_owned()]);
        }
    }
    text
}
