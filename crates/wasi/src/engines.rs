//! The engines here: wasmi, and the names of those that there are elsewhere, so that pipelines which list them say what they mean.

use std::sync::Arc;

use wasmill_engine::{Enforced, Engine, EngineInfo, EngineSource, Router};
use wasmill_engine_wasmi::{Settings, WasmiEngine};
use wasmill_model::{EngineName, Interface, LimitKind, LimitOverrides, Profile};

/// The engines, in the order in which they are tried.
pub(crate) fn router() -> Router {
    use Interface::{Bytes, Command, Component, Core, Native};
    Router::new([
        EngineSource::new(WasmiEngine::description(), || {
            Ok(Arc::new(WasmiEngine::new(Settings::default())) as Arc<dyn Engine>)
        }),
        elsewhere("wasmtime", &[Core, Bytes, Component, Command]),
        elsewhere("wasmedge", &[Core, Bytes, Command]),
        elsewhere("process", &[Native]),
    ])
}

/// An engine that there is on other hosts: it can be named, and does not start.
fn elsewhere(name: &'static str, interfaces: &[Interface]) -> EngineSource {
    use LimitKind::{Fuel, Instances, Log, Memory, Output, TableElements, Timeout};
    let info = EngineInfo {
        name: EngineName { name: name.into(), version: "".into() },
        interfaces: interfaces.to_vec(),
        limits: [Memory, Fuel, Timeout, Output, Log, TableElements, Instances]
            .map(|limit| (limit, Enforced::Yes))
            .to_vec(),
        profiles: Profile::ALL.to_vec(),
        at_most: LimitOverrides::default(),
        functions: Vec::new(),
        sandboxed: name != "process",
    };
    EngineSource::new(info, move || {
        Err(format!(
            "{name} is not there where Wasmill itself runs as WebAssembly (`\"engine\": \"wasmi\"` in the request asks for what is)"
        ))
    })
}
