//! Making and calling units.

use std::sync::Arc;

use wasmill_engine::{Binding, Call, Cancel, Engine as _, Outcome, PreparedUnit};
use wasmill_engine_wasmtime::{Settings, WasmtimeEngine};
use wasmill_model::{Grants, Input, Limits, OutputFormat, Value};
use wasmill_unit::Unit;

pub(crate) fn engine() -> WasmtimeEngine {
    WasmtimeEngine::new(Settings { slots: 8, ..Settings::default() }).unwrap()
}

/// A guest from `guests/`.
pub(crate) fn built(suite: &str, name: &str) -> Unit {
    Unit::from_binary(wasmill_testkit::guest(suite, name)).unwrap()
}

pub(crate) fn unit(wat: &str) -> Unit {
    Unit::from_binary(wat::parse_str(wat).unwrap()).unwrap()
}

pub(crate) async fn prepare(engine: &WasmtimeEngine, unit: &Unit, function: Option<&str>) -> Arc<dyn PreparedUnit> {
    prepare_with(engine, unit, function, Grants::default(), OutputFormat::Text).await
}

pub(crate) async fn prepare_with(
    engine: &WasmtimeEngine,
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

/// Bytes that the kernel has for this process under a name of `/proc/self/status`: `VmRSS`, or `VmHWM` for the most there were.
#[cfg(target_os = "linux")]
pub(crate) fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let kilobytes: String = line.chars().filter(char::is_ascii_digit).collect();
    kilobytes.parse::<u64>().unwrap() << 10
}
