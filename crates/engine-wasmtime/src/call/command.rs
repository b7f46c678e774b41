//! Programs: WASI preview 1 and 0.2, stdin to stdout.

use wasmill_engine::PrepareError;
use wasmill_engine::parts::Stop;
use wasmill_model::Value;
use wasmtime::{InstancePre, ModuleExport, Store};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::CommandPre;

use super::{Answer, internal};
use crate::compile::invalid;
use crate::state::State;

/// A core module with `_start`.
pub(super) struct Program {
    pre: InstancePre<State>,
    start: ModuleExport,
}

/// A component that exports `wasi:cli/run`.
pub(super) struct ProgramComponent {
    pre: CommandPre<State>,
}

/// The value is what the caller makes of stdout.
const DONE: Answer = Answer { value: Value::Null, bytes: 0 };

impl Program {
    pub(super) fn new(pre: InstancePre<State>) -> Result<Self, PrepareError> {
        let start = pre.module().get_export_index("_start").ok_or_else(|| internal("`_start` is gone"))?;
        Ok(Program { pre, start })
    }

    pub(super) async fn call(&self, store: &mut Store<State>) -> wasmtime::Result<Answer> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let start = instance
            .get_module_export(&mut *store, &self.start)
            .and_then(wasmtime::Extern::into_func)
            .ok_or_else(|| Stop::Abi("`_start` is gone".to_owned()))?
            .typed::<(), ()>(&*store)?;
        exit(start.call_async(&mut *store, ()).await)
    }
}

impl ProgramComponent {
    pub(super) fn new(pre: wasmtime::component::InstancePre<State>) -> Result<Self, PrepareError> {
        Ok(ProgramComponent { pre: CommandPre::new(pre).map_err(|error| invalid(&error))? })
    }

    pub(super) async fn call(&self, store: &mut Store<State>) -> wasmtime::Result<Answer> {
        let command = self.pre.instantiate_async(&mut *store).await?;
        let result = command.wasi_cli_run().call_run(&mut *store).await.map(|result| match result {
            Ok(()) => Ok(()),
            Err(()) => Err(Stop::Guest("exited with an error".to_owned())),
        });
        match result {
            Ok(Ok(())) => Ok(DONE),
            Ok(Err(stop)) => Err(stop.into()),
            Err(error) => exit(Err(error)),
        }
    }
}

/// `exit(0)` unwinds like a trap, and is success.
fn exit(result: wasmtime::Result<()>) -> wasmtime::Result<Answer> {
    match result {
        Ok(()) => Ok(DONE),
        Err(error) if matches!(error.downcast_ref::<I32Exit>(), Some(I32Exit(0))) => Ok(DONE),
        Err(error) => Err(error),
    }
}
