//! What every engine must do, in both ways in which WasmEdge runs a unit.

use std::sync::Arc;

use wasmill_engine::conformance::{cases, check, makes_sense};
use wasmill_engine::{Binding, BoxFuture, Engine, EngineInfo, PrepareError, PreparedUnit};
use wasmill_engine_wasmedge::WasmEdgeEngine;
use wasmill_model::{Interface, LimitKind, Profile};
use wasmill_unit::Unit;

use crate::program::engine;

/// Only the cases that need a component, or fuel where none is counted.
fn left_out(engine: &dyn Engine, why: fn(&wasmill_engine::conformance::Case) -> bool) -> usize {
    let left_out: Vec<_> = cases().into_iter().filter(|case| !makes_sense(engine, case)).collect();
    assert!(left_out.iter().all(why));
    left_out.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interpreter_does_what_every_engine_must() {
    let engine = engine();
    let left_out = left_out(&engine, |case| case.interface == Interface::Component);
    let ran = check(&engine).await.unwrap_or_else(|failures| panic!("{}", failures.join("\n")));
    assert_eq!(ran + left_out, cases().len());
    assert_eq!(ran, cases().iter().filter(|case| case.interface != Interface::Component).count());
    insta::assert_snapshot!(ran, @"109");
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_units_do_what_every_engine_must() {
    let engine = Fast::new(engine());
    left_out(&engine, |case| case.interface == Interface::Component || case.needs == Some(LimitKind::Fuel));
    let ran = check(&engine).await.unwrap_or_else(|failures| panic!("{}", failures.join("\n")));
    insta::assert_snapshot!(ran, @"103");
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
