//! Making and calling units, on this engine and on wasmtime.

use std::sync::Arc;

use wasmill_engine::{Binding, Call, Cancel, Engine, Outcome, PreparedUnit};
use wasmill_engine_wasmi::{Settings, WasmiEngine};
use wasmill_model::{Grants, Input, Limits, OutputFormat, Value};
use wasmill_unit::Unit;

pub(crate) fn engine() -> WasmiEngine {
    WasmiEngine::new(Settings::default())
}

/// The engine that this one is held against.
pub(crate) fn wasmtime() -> wasmill_engine_wasmtime::WasmtimeEngine {
    let settings = wasmill_engine_wasmtime::Settings { slots: 8, ..Default::default() };
    wasmill_engine_wasmtime::WasmtimeEngine::new(settings).unwrap()
}

/// A guest from `guests/`.
pub(crate) fn built(suite: &str, name: &str) -> Unit {
    Unit::from_binary(wasmill_testkit::guest(suite, name)).unwrap()
}

pub(crate) fn unit(wat: &str) -> Unit {
    Unit::from_binary(wat::parse_str(wat).unwrap()).unwrap()
}

pub(crate) async fn prepare(engine: &dyn Engine, unit: &Unit, function: Option<&str>) -> Arc<dyn PreparedUnit> {
    prepare_with(engine, unit, function, Grants::default(), OutputFormat::Text).await
}

pub(crate) async fn prepare_with(
    engine: &dyn Engine,
    unit: &Unit,
    function: Option<&str>,
    grants: Grants,
    output: OutputFormat,
) -> Arc<dyn PreparedUnit> {
    let binding =
        Binding { function: function.map(str::to_owned), grants: Arc::new(grants), output, ..Binding::default() };
    engine.prepare(unit, &binding).await.unwrap()
}

pub(crate) async fn call(prepared: &Arc<dyn PreparedUnit>, input: Input, limits: &Limits) -> Outcome {
    prepared.call(Call::new(&input, limits, &Cancel::new())).await
}

pub(crate) fn text(value: &str) -> Input {
    Input::Single(Value::from(value))
}

pub(crate) fn nothing() -> Input {
    Input::Positional(Vec::new())
}

/// Waits for a future on this thread, without any runtime: what a blocking embedder does.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::task::Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
