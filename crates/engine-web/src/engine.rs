//! The engine itself, on the host's side.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use send_wrapper::SendWrapper;
use wasmill_engine::parts::{Deadline, Number, Signature, Stop, size_of_input};
use wasmill_engine::{Binding, BoxFuture, Call, Enforced, Engine, EngineInfo, Outcome, PrepareError, PreparedUnit};
use wasmill_model::{
    EngineName, Grants, Interface, LimitKind, LimitOverrides, Limits, OutputFormat, Profile, Secrets, TrapKind, Usage,
    Value,
};
use wasmill_unit::{ComponentFunction, FunctionInfo, Unit};

use crate::compiled::{Code, Compiled};
use crate::js::Said;
use crate::outcome::{Ended, Progress, outcome};
use crate::timer::sleep;
use crate::wire::{End, Entry, InputKind, Order, Report, Wasi, for_javascript};
use crate::workers::{Lease, Workers};
use crate::{link, prepared};

/// Bytes of a 32-bit memory.
const ADDRESSABLE: u64 = 1 << 32;

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The most calls that run at once, each in a worker of its own.
    pub workers: usize,
    /// How long compiling one unit may take.
    pub compile_timeout: Duration,
    /// Bytes of units whose compiled code is kept.
    pub compiled_capacity: u64,
    /// What the browser says that it is: `navigator.userAgent`.
    pub user_agent: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            workers: 4,
            compile_timeout: Duration::from_secs(60),
            compiled_capacity: 256 << 20,
            user_agent: String::new(),
        }
    }
}

/// The browser's own engine. It lives in one thread, that of the host worker.
pub struct WebEngine {
    info: EngineInfo,
    shared: SendWrapper<Rc<Shared>>,
}

struct Shared {
    settings: Settings,
    workers: Workers,
    compiled: Compiled,
}

impl WebEngine {
    /// An engine; workers are started when they are needed.
    pub fn new(settings: Settings) -> Self {
        let shared = Shared {
            workers: Workers::new(settings.workers),
            compiled: Compiled::new(settings.compiled_capacity),
            settings: settings.clone(),
        };
        WebEngine { info: info(&settings.user_agent), shared: SendWrapper::new(Rc::new(shared)) }
    }

    /// What such an engine is and can do in this browser, without making one.
    pub fn description(user_agent: &str) -> EngineInfo {
        info(user_agent)
    }
}

impl Engine for WebEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        binding: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        let shared = self.shared.clone();
        Box::pin(SendWrapper::new(async move {
            // Ask for the function and the imports first: a mistake there should not cost a compilation.
            let info = unit.info();
            let function = info.resolve(binding.function.as_deref())?;
            let limit = shared.settings.compile_timeout;
            if info.is_component {
                link::check_component(unit, binding)?;
                let component = prepared::find(unit.digest())
                    .ok_or_else(|| PrepareError::Unsupported { message: COMPONENTS.to_owned() })?;
                let target = Target::component(unit, function)?;
                let code = shared.compiled.component(unit, &component, binding.profile, &shared.workers, limit).await?;
                let prepared = Prepared { imports_wasi: true, ..Prepared::new(unit, binding, target, code, &shared) };
                return Ok(Arc::new(prepared) as Arc<dyn PreparedUnit>);
            }
            link::check(unit, binding)?;
            if let (Interface::Core, Some(function)) = (info.interface, function) {
                link::check_function(function)?;
            }
            let entry = match (info.interface, function) {
                (Interface::Bytes, _) => Target::Bytes,
                (Interface::Command, _) => Target::Program,
                (_, Some(function)) => Target::core(function),
                (_, None) => {
                    return Err(PrepareError::Host { message: "a core unit without a function".to_owned() });
                }
            };
            let code = shared.compiled.code(unit, binding.profile, &shared.workers, limit).await?;
            let prepared: Arc<dyn PreparedUnit> = Arc::new(Prepared::new(unit, binding, entry, code, &shared));
            Ok(prepared)
        }))
    }
}

const COMPONENTS: &str = "browsers run core modules, and this is a component that was not prepared: `npx wasmill-prepare` makes core modules \
                          and JavaScript of it, which `run` is given as `prepared`";

fn info(user_agent: &str) -> EngineInfo {
    use LimitKind::{Fuel, Instances, Log, Memory, Output, TableElements, Timeout};
    EngineInfo {
        name: EngineName { name: "browser".into(), version: crate::version(user_agent).into() },
        interfaces: vec![Interface::Core, Interface::Bytes, Interface::Command, Interface::Component],
        limits: [Memory, Fuel, Timeout, Output, Log, TableElements, Instances]
            .map(|limit| (limit, Enforced::Yes))
            .to_vec(),
        profiles: Profile::ALL.to_vec(),
        at_most: LimitOverrides::default(),
        functions: Vec::new(),
        sandboxed: true,
    }
}

/// A unit that is compiled and bound.
struct Prepared {
    code: Code,
    target: Target,
    /// Whether it is set up by `_initialize`.
    initialize: bool,
    output: OutputFormat,
    profile: Profile,
    unit: Unit,
    imports_wasi: bool,
    grants: Arc<Grants>,
    secrets: Secrets,
    shared: SendWrapper<Rc<Shared>>,
}

/// What is called.
enum Target {
    Core {
        function: Arc<str>,
        signature: Signature,
        results: Vec<String>,
    },
    Bytes,
    Program,
    /// The members of what `web/src/component.js` is told, but for limits and input: the function and its types, as JSON.
    Component {
        function: String,
        is_program: bool,
    },
}

impl Target {
    fn component(unit: &Unit, function: Option<&FunctionInfo>) -> Result<Self, PrepareError> {
        let Some(function) = function else {
            let function = "\"function\":\"wasi:cli/run#run\",\"signature\":null".to_owned();
            return Ok(Target::Component { function, is_program: true });
        };
        let signature = ComponentFunction::of(&unit.bytes(), &function.name);
        let signature = signature.and_then(|signature| serde_json::to_string(&signature).ok());
        let unreadable = || PrepareError::Host { message: format!("the types of `{}` cannot be read", function.name) };
        let name = Value::text(&*function.name).to_json();
        let function = format!("\"function\":{name},\"signature\":{}", signature.ok_or_else(unreadable)?);
        Ok(Target::Component { function, is_program: false })
    }

    fn core(function: &FunctionInfo) -> Self {
        Target::Core {
            function: function.name.clone(),
            signature: Signature::of(function),
            results: function.results.clone(),
        }
    }
}

impl PreparedUnit for Prepared {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Outcome> {
        Box::pin(SendWrapper::new(self.run(call)))
    }
}

impl Prepared {
    fn new(unit: &Unit, binding: &Binding, target: Target, code: Code, shared: &SendWrapper<Rc<Shared>>) -> Self {
        Prepared {
            initialize: unit.info().other_exports.iter().any(|name| &**name == "_initialize"),
            target,
            code,
            output: binding.output,
            profile: binding.profile,
            unit: unit.clone(),
            imports_wasi: wasmill_preview1::is_imported(unit),
            grants: binding.grants.clone(),
            secrets: binding.secrets.clone(),
            shared: shared.clone(),
        }
    }

    async fn run(&self, call: Call<'_>) -> Outcome {
        // Of a function over numbers, the input is only what randomness is seeded with.
        let is_core = matches!(self.target, Target::Core { .. } | Target::Component { is_program: false, .. });
        let input = if is_core && !self.imports_wasi { Bytes::new() } else { call.input.to_bytes() };
        let bytes_in = if is_core { size_of_input(call.input) } else { input.len() as u64 };
        let usage = Usage { bytes_in, ..Usage::default() };
        let waiting = Deadline::new(call.limits.timeout, call.cancel);
        let finished = |ended: Ended, deadline: &Deadline| outcome(ended, usage, call.limits, self.output, deadline);

        let order = match waiting.check().and_then(|()| self.order(call)) {
            Ok(order) => order,
            Err(stop) => return finished(Ended::of(stop), &waiting),
        };
        if let Some((refused, peak)) = self.code.refused(call.limits) {
            let mut ended = Ended::of(End::Trap(TrapKind::Other, String::new()));
            ended.report.refused = Some(refused);
            ended.report.peak_memory = peak;
            ended.report.fuel = (self.profile != Profile::Fast).then_some(0);
            return finished(ended, &waiting);
        }
        // A step's clock starts when it has its worker: waiting among many is not its fault.
        let worker = match select(pin!(self.shared.workers.one()), call.cancel.cancelled()).await {
            Either::Left((Ok(worker), _)) => worker,
            Either::Left((Err(why), _)) => {
                let stop = Stop::Host(format!("no worker could be started: {why}"));
                return finished(Ended::of(stop), &waiting);
            }
            Either::Right(_) => return finished(Ended::of(Stop::Cancelled), &waiting),
        };
        let deadline = Deadline::new(call.limits.timeout, call.cancel);
        let ended = self.within(worker, call, &order, input, &deadline).await;
        finished(ended, &deadline)
    }

    /// The call, and the end of its worker if it comes first to the deadline.
    async fn within(&self, worker: Lease, call: Call<'_>, order: &str, input: Bytes, deadline: &Deadline) -> Ended {
        let progress = RefCell::new(Progress { peak_memory: self.code.begins_with(), ..Progress::default() });
        let called = pin!(self.called(worker, order, &input, call.limits, &progress));
        let late = pin!(sleep(deadline.remaining()).map(|()| Stop::Deadline));
        let cancelled = call.cancel.cancelled().map(|()| Stop::Cancelled);
        match select(called, select(late, cancelled)).await {
            Either::Left((ended, _)) => ended,
            Either::Right((stop, _)) => Ended::cut(stop.factor_first().0, progress.take()),
        }
    }

    async fn called(
        &self,
        mut worker: Lease,
        order: &str,
        input: &[u8],
        limits: &Limits,
        progress: &RefCell<Progress>,
    ) -> Ended {
        let during = |said: &Said| progress.borrow_mut().note(said, limits);
        let said = match worker.call(&self.code.module, order, input, during).await {
            Ok(said) => said,
            Err(why) => {
                let stop = Stop::Host(format!("the worker of the call failed: {why}"));
                return Ended::cut(stop, progress.take());
            }
        };
        during(&said);
        let ended = heard(&said, progress.take());
        if leaves_worker(&self.target, &ended.report.end) {
            worker.keep();
        }
        ended
    }

    fn order(&self, call: Call<'_>) -> Result<String, Stop> {
        let entry = match &self.target {
            Target::Core { function, signature, results } => Entry::Core {
                function: function.to_string(),
                params: signature.lower(call.input, |number: Number| number).map_err(Stop::Input)?,
                results: results.clone(),
            },
            Target::Bytes => Entry::Bytes,
            Target::Program => Entry::Program,
            Target::Component { function, is_program } => {
                let input = if *is_program { "null".to_owned() } else { for_javascript(call.input) };
                let Limits { memory, table_elements, fuel, instances, output, .. } = call.limits;
                // As text: JavaScript's numbers do not hold all of them.
                let limits = format!(
                    r#"{{"memory":"{memory}","elements":"{table_elements}","fuel":"{fuel}","instances":{instances},"output":"{output}"}}"#
                );
                let order = format!(r#"{{{function},"limits":{limits},"input":{input}}}"#);
                Entry::Component { order, is_program: *is_program }
            }
        };
        let bytes = if matches!(entry, Entry::Bytes) { size_of_input(call.input) } else { 0 };
        if bytes >= ADDRESSABLE {
            let message = format!("the input has {bytes} bytes; a 32-bit unit takes less than 4 GiB");
            return Err(Stop::Input(message));
        }
        let order = Order {
            entry,
            start: self.code.start.as_deref().map(str::to_owned),
            initialize: self.initialize,
            limits: call.limits.clone(),
            counters: self.code.counters.to_vec(),
            is_metered: self.profile != Profile::Fast,
            wasi: self.imports_wasi.then(|| self.wasi(call)),
        };
        serde_json::to_string(&order).map_err(|error| Stop::Host(format!("the call cannot be told: {error}")))
    }
}

impl Prepared {
    fn wasi(&self, call: Call<'_>) -> Wasi {
        let secret = |name: &String| Some((name.clone(), self.secrets.get(name)?.to_string()));
        Wasi {
            grants: (*self.grants).clone(),
            secrets: self.grants.secrets.iter().filter_map(secret).collect(),
            unit: self.unit.digest(),
            input: InputKind::of(call.input),
            frozen: self.profile == Profile::Deterministic,
        }
    }
}

/// What a worker said of a call at its end, and what it told before.
fn heard(said: &Said, told: Progress) -> Ended {
    if said.overflow() == Some(true) {
        return Ended::cut(End::Trap(TrapKind::StackOverflow, String::new()), told);
    }
    if let Some(why) = said.failed() {
        return Ended::cut(Stop::Host(format!("the worker of the call failed: {why}")), told);
    }
    match said.report().as_deref().map(serde_json::from_str::<Report>) {
        Some(Ok(report)) => Ended {
            // Where there was no instance, nothing counted what it would have had.
            report: Report { peak_memory: report.peak_memory.max(told.peak_memory), ..report },
            output: said.output().map(|bytes| bytes.to_vec()).unwrap_or_default(),
            log: said.log().map(|bytes| bytes.to_vec()).unwrap_or_default(),
        },
        _ => Ended::cut(Stop::Host("the worker of the call said nothing that is understood".to_owned()), told),
    }
}

/// Whether a call that ended like this left its worker as it was. One that evaluated a component's JavaScript is never used again: nobody
/// can tell what that has left behind.
fn leaves_worker(target: &Target, end: &End) -> bool {
    if matches!(target, Target::Component { .. }) {
        return false;
    }
    match end {
        End::Trap(kind, _) => *kind != TrapKind::StackOverflow,
        End::Stop(stop) => !matches!(stop, Stop::Host(_) | Stop::Deadline | Stop::Cancelled),
        End::Numbers(_) | End::Bytes | End::Json | End::Exit(_) | End::OutOfFuel => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_may_be_damaged_is_not_used_again() {
        let leaves = |end| leaves_worker(&Target::Bytes, &end);
        assert!(leaves(End::Bytes));
        assert!(leaves(End::Trap(TrapKind::Unreachable, String::new())));
        assert!(leaves(End::Stop(Stop::Log)));
        assert!(!leaves(End::Trap(TrapKind::StackOverflow, String::new())));
        assert!(!leaves(End::Stop(Stop::Host("panicked".to_owned()))));
        let component = Target::Component { function: String::new(), is_program: false };
        assert!(!leaves_worker(&component, &End::Json));
    }
}
