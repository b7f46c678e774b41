//! The call that this worker makes, as the unit's imports see it: they come from JavaScript, which hands nothing through.

use std::cell::RefCell;

use bytes::Bytes;
use js_sys::Array;
use wasm_bindgen::JsValue;
use wasmill_engine::Cancel;
use wasmill_engine::parts::{Deadline, Stop};
use wasmill_model::{Input, Secrets, Value};
use wasmill_preview1::{FUNCTIONS, Function, Memory, Meter, Preview1, Returned, Surroundings, Type, Wait, abort};

use super::instance::{Counters, UnitMemory};
use super::log::Log;
use super::{ABORT, component};
use crate::js;
use crate::wire::{End, Entry, Order, Wasi};

/// Characters that are kept of what a guest tried that it was not granted.
const MOST_DENIED: usize = 1_000;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = RefCell::default();
}

/// What imports need of the call.
pub(super) struct Current {
    memory: Option<UnitMemory>,
    counters: Option<Counters>,
    wasi: Option<(Box<Preview1>, Meter)>,
    log: Log,
    deadline: Deadline,
    /// The limit of the output.
    output: u64,
    is_program: bool,
    /// What our side stopped the guest with.
    stopped: Option<End>,
    /// What it tried first that it was not granted.
    denied: Option<(String, String)>,
}

/// What is left of a call.
#[derive(Default)]
pub(super) struct Left {
    pub(super) stopped: Option<End>,
    /// What a program wrote to stdout.
    pub(super) stdout: Option<Vec<u8>>,
    pub(super) log: Vec<u8>,
    /// What it wrote too much of.
    pub(super) over: Option<Stop>,
    pub(super) denied: Option<(String, String)>,
}

impl Current {
    pub(super) fn new(order: &Order, input: impl FnOnce() -> Bytes) -> Result<Self, Stop> {
        let is_program = matches!(order.entry, Entry::Program | Entry::Component { is_program: true, .. });
        let deadline = Deadline::new(order.limits.timeout, &Cancel::new());
        let mut wasi = order.wasi.as_ref().map(|wasi| surrounded(order, wasi, input(), is_program)).transpose()?;
        let log = Log::default();
        if let Some(preview1) = &mut wasi {
            preview1.stderr = log.capture(order.limits.log);
            if !is_program {
                preview1.stdout = preview1.stderr.clone();
            }
        }
        let wasi = wasi.map(|preview1| (preview1, Meter::new(&deadline)));
        Ok(Current {
            memory: None,
            counters: None,
            wasi,
            log,
            deadline,
            output: order.limits.output,
            is_program,
            stopped: None,
            denied: None,
        })
    }

    fn imported(&mut self, number: u32, arguments: &Array) -> Result<JsValue, End> {
        let memory = self.memory.as_mut();
        if number == ABORT {
            let argument = |index| arguments.get(index).as_f64().unwrap_or_default() as i32 as u32;
            let memory = memory.map(|memory| Memory::Remote(memory));
            return Err(abort(memory, [argument(0), argument(1), argument(2), argument(3)]).into());
        }
        let function = usize::try_from(number - 1).ok().and_then(|place| FUNCTIONS.get(place));
        let (Some(function), Some((preview1, meter))) = (function, &mut self.wasi) else {
            return Err(Stop::Host("a unit without WASI calls it".to_owned()).into());
        };
        let arguments = raw(function, arguments);
        let remote = memory.map(|memory| Memory::Remote(memory));
        let returned = preview1.call(function, &arguments, remote, meter, u64::MAX).map_err(|end| *end)?;
        self.tell();
        let number = match returned {
            Returned::Now(number) => number,
            Returned::Later(wait) => self.waited(&wait)?,
        };
        Ok(JsValue::from(number))
    }

    /// What a component asks of its WASI 0.2.
    fn asked(&mut self, what: &str, first: &JsValue, second: &JsValue) -> Result<JsValue, End> {
        let Some((preview1, _)) = &mut self.wasi else {
            return Err(Stop::Host("a unit without WASI calls it".to_owned()).into());
        };
        if what == "denied" {
            // It ends up in the receipt, and a guest may have named anything.
            let text = |value: &JsValue| -> String {
                value.as_string().unwrap_or_default().chars().take(MOST_DENIED).collect()
            };
            self.denied.get_or_insert_with(|| (text(first), text(second)));
            return Ok(JsValue::UNDEFINED);
        }
        let answer = component::asked(preview1, &self.deadline, what, first, second)?;
        self.tell();
        Ok(answer)
    }

    /// Tells the host what was logged: nothing is left of this worker if it is terminated.
    fn tell(&mut self) {
        let memory = || Some(self.counters.as_ref()?.memory().ok()? as f64);
        self.log.tell(self.deadline.elapsed(), memory);
    }

    fn waited(&mut self, wait: &Wait) -> Result<i32, End> {
        wait.pass_here(&self.deadline, |duration| js::pause(duration.as_secs_f64() * 1_000.0))?;
        let (Some(memory), Some((_, meter))) = (&mut self.memory, &mut self.wasi) else {
            return Err(Stop::Host("a unit without memory waits".to_owned()).into());
        };
        Ok(wait.over(Memory::Remote(memory), meter)?)
    }
}

/// Arguments as WebAssembly has them.
fn raw(function: &Function, arguments: &Array) -> Vec<u64> {
    let argument = |(kind, value): (&Type, JsValue)| match kind {
        Type::I32 => u64::from(value.as_f64().unwrap_or_default() as i32 as u32),
        Type::I64 => i64::try_from(value).unwrap_or_default().cast_unsigned(),
    };
    function.parameters.iter().zip(arguments.iter()).map(argument).collect()
}

fn surrounded(order: &Order, wasi: &Wasi, input: Bytes, is_program: bool) -> Result<Box<Preview1>, Stop> {
    let mut secrets = Secrets::default();
    for (name, value) in &wasi.secrets {
        // One that is too short was refused where it was given.
        let _ = secrets.insert(name.as_str(), value.as_str());
    }
    Preview1::new(&Surroundings {
        grants: &wasi.grants,
        secrets: &secrets,
        limits: &order.limits,
        unit: wasi.unit,
        input: &wasi.input.read(&input).unwrap_or(Input::Single(Value::Null)),
        stdin: match order.entry {
            Entry::Core { .. } | Entry::Component { is_program: false, .. } => Bytes::new(),
            _ => input,
        },
        stdout_is_log: !is_program,
        sink: None,
        frozen: wasi.frozen,
    })
}

/// A call begins.
pub(super) fn begin(current: Current) {
    CURRENT.set(Some(current));
}

/// The unit's memory is there.
pub(super) fn has_memory(memory: Option<UnitMemory>) {
    CURRENT.with_borrow_mut(|current| {
        if let Some(current) = current {
            current.memory = memory;
        }
    });
}

/// The unit is there, and with it what counts what it uses.
pub(super) fn has_counters(counters: Counters) {
    CURRENT.with_borrow_mut(|current| {
        if let Some(current) = current {
            current.counters = Some(counters);
        }
    });
}

/// What the guest was stopped with, where our side did.
pub(super) fn stopped() -> Option<End> {
    CURRENT.with_borrow(|current| current.as_ref()?.stopped.clone())
}

/// See [`super::imported`].
pub(super) fn imported(number: u32, arguments: &Array) -> Result<JsValue, JsValue> {
    serve(|current| current.imported(number, arguments))
}

/// See [`super::asked`].
pub(super) fn asked(what: &str, first: &JsValue, second: &JsValue) -> Result<JsValue, JsValue> {
    serve(|current| current.asked(what, first, second))
}

/// Does something for the guest; `null` is thrown where it does not go on.
fn serve(run: impl FnOnce(&mut Current) -> Result<JsValue, End>) -> Result<JsValue, JsValue> {
    CURRENT.with_borrow_mut(|current| {
        let current = current.as_mut().ok_or(JsValue::NULL)?;
        run(current).map_err(|end| {
            current.stopped.get_or_insert(end);
            JsValue::NULL
        })
    })
}

/// The call is over.
pub(super) fn end() -> Left {
    let Some(current) = CURRENT.take() else { return Left::default() };
    let mut left = Left { stopped: current.stopped, denied: current.denied, ..Left::default() };
    // A success is not taken for a stop.
    if current.is_program && left.stopped == Some(End::Exit(0)) {
        left.stopped = None;
    }
    if let Some((preview1, _)) = current.wasi {
        let (is_over, is_log) = (preview1.stdout.is_over(), preview1.stderr.is_over());
        left.over = match (is_log, is_over) {
            (true, _) => Some(Stop::Log),
            (false, true) => Some(Stop::Output { produced: current.output + 1 }),
            (false, false) => None,
        };
        left.log = preview1.stderr.take();
        left.stdout = current.is_program.then(|| preview1.stdout.take());
    }
    left
}
