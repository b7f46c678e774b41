//! What every engine must do, in both ways in which WasmEdge runs a unit.

use std::sync::Arc;

use wasmill_engine::conformance::{cases, check, makes_sense};
use wasmill_engine::{Binding, BoxFuture, Engine, EngineInfo, PrepareError, PreparedUnit};
use wasmill_engine_wasmedge::WasmEdgeEngine;
use wasmill_model::{LimitKind, Profile};
use wasmill_unit::Unit;

use crate::program::engine;

/// The cases that make no sense for an engine, each with what it lacks.
fn left_out(engine: &dyn Engine) -> String {
    let cases = cases();
    let left_out = cases.iter().filter(|case| !makes_sense(engine, case)).map(|case| {
        let lacks = if engine.info().interfaces.contains(&case.interface) {
            format!("the limit {}", case.needs.unwrap())
        } else {
            format!("{} units", case.interface)
        };
        format!("{}: lacks {lacks}\n", case.name)
    });
    left_out.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interpreter_does_what_every_engine_must() {
    let engine = engine();
    insta::assert_snapshot!("left_out_by_the_interpreter", left_out(&engine));
    let ran = check(&engine).await.unwrap_or_else(|failures| panic!("{}", failures.join("\n")));
    insta::assert_snapshot!(ran, @"130");
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_units_do_what_every_engine_must() {
    let engine = Fast::new(engine());
    insta::assert_snapshot!("left_out_of_compiled_units", left_out(&engine));
    let ran = check(&engine).await.unwrap_or_else(|failures| panic!("{}", failures.join("\n")));
    insta::assert_snapshot!(ran, @"119");
}

/// The engine, for the profile `fast` only: without fuel.
struct Fast(WasmEdgeEngine, EngineInfo);

impl Fast {
    fn new(engine: WasmEdgeEngine) -> Self {
        let mut info = engine.info().clone();
        info.limits.retain(|(limit, _)| *limit != LimitKind::Fuel);
        Fast(engine, info)
    }
}

impl Engine for Fast {
    fn info(&self) -> &EngineInfo {
        &self.1
    }

    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        binding: &'a Binding,
    ) -> BoxFuture<'a, Result<Arc<dyn PreparedUnit>, PrepareError>> {
        Box::pin(async move {
            let binding = Binding { profile: Profile::Fast, ..binding.clone() };
            self.0.prepare(unit, &binding).await
        })
    }
}
