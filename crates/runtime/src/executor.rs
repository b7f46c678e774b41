//! A pipeline run in one call, also where there is no async runtime: for embedders, and for Wasmill within WebAssembly.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use wasmill_engine::{BoxFuture, Router, parts};
use wasmill_model::{Code, Diagnostic, Diagnostics, Input, Object, Pipeline, Policy, RunDocument, Secrets, Value};
use web_time::Instant;

use crate::nested::alone;
use crate::{Bundle, Clock, Host, InlineSpawner, Overrides, RunOptions, bind_inputs, link, suggestion};

/// Links pipelines and runs them, each in one call.
///
/// [`execute`](Self::execute) and [`execute_with_input`](Self::execute_with_input) are for programs with an async runtime, whichever it is;
/// [`execute_sync`](Self::execute_sync) and [`execute_with_input_sync`](Self::execute_with_input_sync) do the same on the caller's
/// thread, and need none: so it is within WASI. A pipeline that is run often is [linked](crate::link) once instead.
///
/// ```
/// use std::sync::Arc;
///
/// use wasmill_engine::Router;
/// use wasmill_engine_wasmi::{Settings, WasmiEngine};
/// use wasmill_manifest::Format;
/// use wasmill_model::Value;
/// use wasmill_runtime::{Bundle, Executor};
/// use wasmill_unit::Unit;
///
/// let manifest = r#"
///     wasmill: 1
///     inputs: { number: { type: integer, required: true } }
///     units: { double: double.wasm }
///     steps: { twice: { unit: double, with: "${{ inputs.number }}" } }
///     outputs: { twice: "${{ steps.twice.output }}" }
/// "#;
/// let pipeline = wasmill_manifest::parse("pipeline.yaml", manifest, Format::Yaml)?;
/// // Where the binaries come from is the caller's choice.
/// let double = "(module (func (export \"double\") (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))";
/// let units = [("double".into(), Unit::from_binary(wat::parse_str(double)?)?)];
/// let bundle = Bundle::new(pipeline, units.into());
///
/// let executor = Executor::new(Router::new([Arc::new(WasmiEngine::new(Settings::default()))]));
/// let document = executor.execute_with_input_sync(&bundle, 21_i64)?;
/// assert_eq!(document.outputs["twice"], Value::Int(42));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Executor {
    host: Host,
    overrides: Overrides,
}

impl Executor {
    /// An executor with these engines, the built-in policy, no secrets and the machine's clock. The steps of a run are polled by its own
    /// future, so that they share one thread.
    pub fn new(router: Router) -> Self {
        Self::with_host(Host {
            router,
            policy: Policy::default(),
            secrets: Secrets::default(),
            clock: Arc::new(SystemClock::new()),
            spawner: Arc::new(InlineSpawner::new()),
        })
    }

    /// An executor on this host.
    pub fn with_host(host: Host) -> Self {
        Executor { host, overrides: Overrides::default() }
    }

    /// The same, with something that wins over what manifests say.
    #[must_use]
    pub fn overriding(self, overrides: Overrides) -> Self {
        Executor { overrides, ..self }
    }

    /// Runs a pipeline that is given nothing: its inputs have their defaults.
    ///
    /// # Errors
    /// What is wrong with the pipeline, its units or its inputs, found before anything of it ran. Whatever happens later is in the
    /// document.
    pub async fn execute(&self, bundle: &Bundle) -> Result<RunDocument, Diagnostics> {
        self.execute_with_input(bundle, Input::Named(Object::new())).await
    }

    /// Runs a pipeline. Its inputs go by their names ([`Input::Named`], or an object), or one value stands for the only input that there
    /// is or that has to be given: the `input_data` of a manifest v1 is such a list.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub async fn execute_with_input(
        &self,
        bundle: &Bundle,
        input: impl Into<Input>,
    ) -> Result<RunDocument, Diagnostics> {
        self.execute_with_options(bundle, input, self.options()).await
    }

    /// A run with an id and a seed that nobody foresees.
    pub fn options(&self) -> RunOptions {
        RunOptions { seed: random(), ..RunOptions::new(format!("{:016x}", random())) }
    }

    /// The same, with an id, a signal and an observer of the caller's.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub async fn execute_with_options(
        &self,
        bundle: &Bundle,
        input: impl Into<Input>,
        options: RunOptions,
    ) -> Result<RunDocument, Diagnostics> {
        let inputs = bind_inputs(&bundle.pipeline, named(&bundle.pipeline, input.into())?)?;
        let linked = link(&self.host, bundle, &self.overrides).await?;
        Ok(linked.run(inputs, options).await)
    }

    /// [`execute`](Self::execute), on this thread.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub fn execute_sync(&self, bundle: &Bundle) -> Result<RunDocument, Diagnostics> {
        block_on(self.execute(bundle))
    }

    /// [`execute_with_input`](Self::execute_with_input), on this thread.
    ///
    /// # Errors
    /// As [`Executor::execute`].
    pub fn execute_with_input_sync(
        &self,
        bundle: &Bundle,
        input: impl Into<Input>,
    ) -> Result<RunDocument, Diagnostics> {
        block_on(self.execute_with_input(bundle, input))
    }
}

/// The inputs by their names.
fn named(pipeline: &Pipeline, input: Input) -> Result<Object, Diagnostic> {
    let value = match input {
        Input::Named(members) => return Ok(members),
        Input::Positional(items) => Value::from(items),
        Input::Single(value) => value,
    };
    let alone = alone(pipeline);
    match value {
        Value::Object(members) if alone.is_none() || members.keys().all(|name| pipeline.inputs.contains_key(name)) => {
            Ok((*members).clone())
        }
        value => match alone {
            Some(name) => Ok(Object::from([(name.clone(), value)])),
            None => {
                let names = suggestion::list(pipeline.inputs.keys().map(|name| &**name));
                let message =
                    format!("one value is given, and the pipeline `{}` takes its inputs by name", pipeline.name);
                Err(Diagnostic::new(Code::InputUnreadable, message).help(format!("it has {names}")))
            }
        },
    }
}

/// A number that nobody foresees.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The machine's own clock. Its sleeps ask no async runtime for a timer.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(Instant);

impl SystemClock {
    /// A clock that begins now.
    pub fn new() -> Self {
        SystemClock(Instant::now())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(parts::sleep(duration))
    }
}

/// Polls a future to its end on this thread, which sleeps while there is nothing to do.
///
/// # Panics
/// Within WebAssembly, where the future waits for what nothing there is can ever bring about.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let signal = Arc::new(Signal::new());
    let waker = Waker::from(signal.clone());
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        signal.wait();
    }
}

/// Whether somebody wants the future to be polled.
struct Signal {
    is_given: AtomicBool,
    #[cfg(not(target_family = "wasm"))]
    thread: std::thread::Thread,
}

impl Signal {
    fn new() -> Self {
        Signal {
            is_given: AtomicBool::new(false),
            #[cfg(not(target_family = "wasm"))]
            thread: std::thread::current(),
        }
    }

    #[cfg(not(target_family = "wasm"))]
    fn wait(&self) {
        while !self.is_given.swap(false, Ordering::Acquire) {
            std::thread::park();
        }
    }

    #[cfg(all(target_family = "wasm", not(target_os = "unknown")))]
    fn wait(&self) {
        // Guests that compute want to be polled again and again, and nobody else would look at the clock.
        parts::ring();
        while !self.is_given.swap(false, Ordering::Acquire) {
            assert!(parts::doze(), "the run waits, and nothing is left that could wake it");
        }
    }

    #[cfg(all(target_family = "wasm", target_os = "unknown"))]
    fn wait(&self) {
        assert!(self.is_given.swap(false, Ordering::Acquire), "this thread cannot wait: await the run instead");
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.is_given.store(true, Ordering::Release);
        #[cfg(not(target_family = "wasm"))]
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_sleeps_until_its_future_goes_on() {
        let clock = SystemClock::new();
        assert_eq!(block_on(async { 1 }), 1);
        let before = clock.now();
        block_on(clock.sleep(Duration::from_millis(20)));
        assert!(clock.now() - before >= Duration::from_millis(20));
    }
}
