//! What the host worker is asked for: requests, each answered with one JSON document.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;
use wasmill_engine::{BoxFuture, Cancel, Engine, EngineSource, Router};
use wasmill_engine_web::{Settings, WebEngine};
use wasmill_manifest::{Request, parse_request};
use wasmill_model::{Code, Diagnostic, ExitCode, RunDocument};
use wasmill_request::{Failure, Folder, Job, elsewhere, json, panic_document};
use wasmill_runtime::{Executor, Host, RunOptions, Spawner, outline};

use crate::clock::BrowserClock;
use crate::events::Events;
use crate::outline;

/// A request larger than this is a mistake: what it is read into takes several times as much of the 4 GiB that there are.
const LARGEST: usize = 128 << 20;

/// What positions are in.
const REQUEST: &str = "request";

#[wasm_bindgen]
extern "C" {
    /// Is told of a panic, which is the last thing that this worker does.
    #[wasm_bindgen(js_namespace = wasmillWorker)]
    fn panicked(message: &str, document: &str, exit_code: u8);

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues)]
    fn get_random_values(bytes: &Uint8Array) -> Uint8Array;
}

thread_local! {
    static ROUTER: RefCell<Option<Router>> = RefCell::default();
    /// The signals of runs that are under way.
    static CANCELS: RefCell<HashMap<u32, Cancel>> = RefCell::default();
}

/// An answer.
#[wasm_bindgen(getter_with_clone)]
#[derive(Clone, Debug)]
pub struct Answer {
    /// The document.
    pub text: String,
    /// How the `wasmill` program would end.
    #[wasm_bindgen(js_name = exitCode)]
    pub exit_code: u8,
}

impl From<(Vec<u8>, ExitCode)> for Answer {
    fn from((text, code): (Vec<u8>, ExitCode)) -> Self {
        Answer { text: String::from_utf8(text).unwrap_or_default(), exit_code: code as u8 }
    }
}

/// Says what becomes of a panic, in a worker of either kind.
#[wasm_bindgen(js_name = tellPanics)]
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.to_string();
        let Answer { text, exit_code } = panic_document(&message).into();
        panicked(&message, &text, exit_code);
    }));
}

/// Makes this worker a host. Calls are made in at most so many guest workers at once.
#[wasm_bindgen(js_name = hostStart)]
pub fn start(workers: usize, user_agent: String) {
    let settings = Settings { workers, user_agent, ..Settings::default() };
    let browser = EngineSource::new(WebEngine::description(&settings.user_agent), move || {
        Ok(Arc::new(WebEngine::new(settings.clone())) as Arc<dyn Engine>)
    });
    let router = Router::new([browser].into_iter().chain(elsewhere("browser")));
    ROUTER.set(Some(router));
}

/// Runs a request. `events` is told what happens, as JSON.
#[wasm_bindgen(js_name = hostRun)]
pub async fn run(id: u32, request: String, events: Option<Function>) -> Answer {
    let cancel = Cancel::new();
    CANCELS.with_borrow_mut(|cancels| cancels.insert(id, cancel.clone()));
    let answer = answer(&request, events, cancel).await;
    CANCELS.with_borrow_mut(|cancels| cancels.remove(&id));
    answer.map_or_else(|failure| failure.document().into(), Answer::from)
}

/// Cancels a run; one that has ended already is left alone.
#[wasm_bindgen(js_name = hostCancel)]
pub fn cancel(id: u32) {
    let cancel = CANCELS.with_borrow(|cancels| cancels.get(&id).cloned());
    if let Some(cancel) = cancel {
        cancel.cancel();
    }
}

/// The steps of a request's pipeline and why they wait for each other. Nothing is loaded or run.
#[wasm_bindgen(js_name = hostOutline)]
pub fn told_outline(request: &str) -> Answer {
    let told = || -> Result<(Vec<u8>, ExitCode), Failure> {
        let request = read(request, &router()?)?;
        let outline = outline(&request.pipeline)?;
        Ok((json(&outline::Document::new(&request.pipeline, &outline))?, ExitCode::Success))
    };
    told().map_or_else(|failure| failure.document().into(), Answer::from)
}

fn router() -> Result<Router, Diagnostic> {
    let router = ROUTER.with_borrow(Clone::clone);
    router.ok_or_else(|| Diagnostic::new(Code::HostError, "the worker was not started as a host"))
}

fn read(text: &str, router: &Router) -> Result<Request, Failure> {
    if text.len() > LARGEST {
        let message = format!("the request has more than {LARGEST} bytes: no request is that large");
        return Err(Diagnostic::new(Code::InputUnreadable, message).into());
    }
    let names: Vec<&str> = router.engines().iter().map(|engine| &*engine.name.name).collect();
    Ok(parse_request(REQUEST, text, &names)?)
}

async fn answer(request: &str, events: Option<Function>, cancel: Cancel) -> Result<(Vec<u8>, ExitCode), Failure> {
    let router = router()?;
    let job = Job::new(read(request, &router)?, Folder::Nowhere, &router)?;
    let document = execute(&job, router, events, cancel).await?;
    job.answer(&document)
}

async fn execute(job: &Job, router: Router, events: Option<Function>, cancel: Cancel) -> Result<RunDocument, Failure> {
    let host = Host {
        router,
        policy: job.policy.clone(),
        secrets: job.secrets.clone(),
        clock: Arc::new(BrowserClock::new()),
        spawner: Arc::new(Microtasks),
    };
    let executor = Executor::with_host(host).overriding(job.overrides.clone());
    let mut options = RunOptions { seed: random(), cancel, ..RunOptions::new(format!("{:016x}", random())) };
    if let Some(events) = events {
        options.observer = Arc::new(Events::new(events));
    }
    Ok(executor.execute_with_options(&job.bundle, job.inputs.clone(), options).await?)
}

/// A number that nobody foresees.
fn random() -> u64 {
    let mut bytes = [0; 8];
    get_random_values(&Uint8Array::new_with_length(8)).copy_to(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Has the browser poll tasks.
struct Microtasks;

impl Spawner for Microtasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        wasm_bindgen_futures::spawn_local(task);
    }
}
