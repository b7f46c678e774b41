//! How wasmi's guests call WASI preview 1: from the caller's frame to [`Preview1::call`], and how fuel is paid for it.

use std::fmt;

use wasmi::errors::HostError;
use wasmi::{AsContext as _, AsContextMut as _, Caller, Error, Extern, FuncType, Linker, Memory, ValType};
use wasmill_engine::parts::Stop;
use wasmill_preview1::{Function, MODULE, Returned, Type, Wait};

use crate::outcome::{End, Halt};
use crate::state::State;

/// A guest that stands still in a function. It travels through wasmi as an error, which leaves the guest where it is; then it goes on.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    /// What the function cost beyond what was left of the guest's slice of fuel.
    pub(crate) owed: u64,
    pub(crate) then: Then,
}

/// How the guest goes on.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// The function returns this, when others had their turn.
    Answer(i32),
    /// It returns when the wait is over, and what is due was written into this memory.
    Wait(Box<Wait>, Memory),
}

impl fmt::Display for Pause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the unit waits")
    }
}

impl HostError for Pause {}

/// Calls a function with the guest's memory and the call's WASI side.
fn serve(mut caller: Caller<'_, State>, function: &Function, arguments: &[u64]) -> Result<i32, Error> {
    let halt = |end: End| Error::host(Halt(end));
    let memory = caller.get_export("memory").and_then(Extern::into_memory);
    let left = caller.as_context().get_fuel()?;
    let (data, state) = match memory {
        Some(memory) => {
            let (data, state) = memory.data_and_store_mut(&mut caller);
            (Some(wasmill_preview1::Memory::Slice(data)), state)
        }
        None => (None, caller.data_mut()),
    };
    let State { preview1: Some(preview1), meter: Some(meter), .. } = state else {
        return Err(halt(Stop::Host("a unit without WASI calls it".to_owned()).into()));
    };
    // wasmi's own frames cannot be unwound: a panic that passed them would end the process. None leaves `call`.
    let returned = preview1.call(function, arguments, data, meter, left).map_err(|end| halt((*end).into()))?;
    let (cost, is_long) = (meter.cost(), meter.is_long());
    // What a slice has not enough for is paid when it is over; a function is never called twice.
    let owed = match left.checked_sub(cost) {
        Some(_) if cost == 0 => 0,
        Some(left) => {
            caller.as_context_mut().set_fuel(left)?;
            0
        }
        None => cost,
    };
    match returned {
        Returned::Now(answer) if owed == 0 && !is_long => Ok(answer),
        Returned::Now(answer) => Err(Error::host(Pause { owed, then: Then::Answer(answer) })),
        Returned::Later(wait) => {
            let memory = memory.ok_or_else(|| halt(Stop::Host("a unit without memory waits".to_owned()).into()))?;
            Err(Error::host(Pause { owed, then: Then::Wait(wait, memory) }))
        }
    }
}

/// Puts a function into a linker, and gives its type; none where there is no such function.
///
/// Closures whose types are known when they are compiled are called without a copy of their arguments on the heap: so there is one for each
/// list of parameters that functions of preview 1 have.
pub(crate) fn define(linker: &mut Linker<State>, name: &str) -> Result<Option<FuncType>, Error> {
    type I32 = u32;
    type I64 = u64;
    let Some(function) = Function::named(name) else { return Ok(None) };
    // A unit may import one twice.
    linker.allow_shadowing(true);
    macro_rules! wrap {
        ($(($($argument:ident $kind:ident),*))*) => {
            match (function.parameters, function.result) {
                (&[Type::I32], None) => {
                    linker.func_wrap(MODULE, name, |caller: Caller<'_, State>, code: u32| {
                        serve(caller, function, &[u64::from(code)]).map(|_| ())
                    })?;
                }
                $((&[$(Type::$kind),*], Some(Type::I32)) => {
                    linker.func_wrap(MODULE, name, |caller: Caller<'_, State>, $($argument: $kind),*| {
                        serve(caller, function, &[$(u64::from($argument)),*])
                    })?;
                })*
                _ => return Err(Error::new(format!("`{name}` has parameters that nobody foresaw"))),
            }
        };
    }
    wrap! {
        ()
        (a I32)
        (a I32, b I32)
        (a I32, b I32, c I32)
        (a I32, b I32, c I32, d I32)
        (a I32, b I32, c I32, d I32, e I32)
        (a I32, b I32, c I32, d I32, e I32, f I32)
        (a I32, b I32, c I32, d I32, e I32, f I32, g I32)
        (a I32, b I32, c I32, d I32, e I32, f I32, g I32, h I32)
        (a I32, b I64)
        (a I32, b I64, c I32)
        (a I32, b I64, c I64)
        (a I32, b I64, c I32, d I32)
        (a I32, b I64, c I64, d I32)
        (a I32, b I32, c I32, d I64, e I32)
        (a I32, b I32, c I32, d I32, e I64, f I32)
        (a I32, b I32, c I32, d I32, e I64, f I64, g I32)
        (a I32, b I32, c I32, d I32, e I32, f I64, g I64, h I32, i I32)
    }
    let kind = |kind: &Type| match kind {
        Type::I32 => ValType::I32,
        Type::I64 => ValType::I64,
    };
    Ok(Some(FuncType::new(function.parameters.iter().map(kind), function.result.iter().map(kind))))
}

#[cfg(test)]
mod tests {
    use wasmill_preview1::FUNCTIONS;

    use super::*;

    #[test]
    fn every_function_can_be_linked() {
        let engine = wasmi::Engine::default();
        let mut linker = Linker::new(&engine);
        for Function { name, .. } in FUNCTIONS {
            assert!(define(&mut linker, name).unwrap().is_some(), "{name}");
        }
        assert!(define(&mut linker, "sock_open").unwrap().is_none());
    }
}
