//! Engines that there are on other hosts, so that pipelines which list them say what they mean.

use wasmill_engine::{Enforced, EngineInfo, EngineSource};
use wasmill_model::{EngineName, Interface, LimitKind, LimitOverrides, Profile};

/// The engines of other hosts, in the order in which they are tried there. They can be named, and do not start; `here` is the engine that
/// does.
pub fn elsewhere(here: &'static str) -> Vec<EngineSource> {
    use Interface::{Bytes, Command, Component, Core, Native};
    let all: [(&str, &[Interface]); 4] = [
        ("wasmtime", &[Core, Bytes, Component, Command]),
        ("wasmi", &[Core, Bytes, Command]),
        ("wasmedge", &[Core, Bytes, Command]),
        ("process", &[Native]),
    ];
    all.into_iter().filter(|(name, _)| *name != here).map(|(name, interfaces)| absent(name, interfaces, here)).collect()
}

/// An engine that is not here, and is wanted by name all the same.
fn absent(name: &'static str, interfaces: &[Interface], here: &'static str) -> EngineSource {
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
            "{name} is not there where Wasmill itself runs as WebAssembly (`\"engine\": \"{here}\"` in the request asks for what is)"
        ))
    })
}
