//! An instance of a unit: the browser's own, with our functions as its imports.

use std::cell::RefCell;

use js_sys::{Array, Function, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::prelude::*;
use wasmill_engine::parts::Stop;
use wasmill_model::TrapKind;

use super::abort;
use crate::wire::End;
use crate::{js, trap};

thread_local! {
    /// The call that this worker makes: its imports come from JavaScript, which hands nothing through.
    static CURRENT: RefCell<Current> = RefCell::default();
}

/// What imports need of the call.
#[derive(Default)]
struct Current {
    memory: Option<WebAssembly::Memory>,
    stopped: Option<End>,
    peak_memory: u64,
}

/// What the host's side stopped the guest with. A guest that survived being stopped was stopped all the same.
pub(super) fn stopped() -> Option<End> {
    CURRENT.with_borrow_mut(|current| current.stopped.take())
}

/// The most bytes that its exported memory had.
pub(super) fn peak_memory() -> u64 {
    CURRENT.with_borrow_mut(|current| {
        let memory = current.memory.take().map_or(0, |memory| u64::from(size(&memory)));
        memory.max(std::mem::take(&mut current.peak_memory))
    })
}

fn size(memory: &WebAssembly::Memory) -> u32 {
    memory.buffer().unchecked_ref::<js_sys::ArrayBuffer>().byte_length()
}

/// See [`super::imported`].
pub(super) fn imported(_number: u32, arguments: &Array) -> Result<JsValue, JsValue> {
    let memory = CURRENT.with_borrow(|current| current.memory.clone());
    let stop = abort::abort(memory.map(Memory).as_ref(), arguments);
    CURRENT.with_borrow_mut(|current| current.stopped.get_or_insert(stop.into()).clone());
    Err(JsValue::NULL)
}

/// A fresh instance, nothing of which has run.
pub(super) struct Instance {
    exports: JsValue,
}

impl Instance {
    pub(super) fn new(module: &JsValue) -> Result<Self, End> {
        CURRENT.with_borrow_mut(|current| *current = Current::default());
        let instance = js::instantiate(module).map_err(|error| thrown(&error))?;
        let exports = Reflect::get(&instance, &"exports".into()).map_err(|error| thrown(&error))?;
        let instance = Instance { exports };
        let memory = instance.memory().ok();
        CURRENT.with_borrow_mut(|current| current.memory = memory.map(|memory| memory.0));
        Ok(instance)
    }

    fn export(&self, name: &str) -> Result<JsValue, End> {
        let gone = || Stop::Abi(format!("the export `{name}` is gone"));
        Reflect::get(&self.exports, &name.into()).map_err(|_| gone().into())
    }

    pub(super) fn function(&self, name: &str) -> Result<Callable, End> {
        let function = self.export(name)?.dyn_into();
        function.map(Callable).map_err(|_| Stop::Abi(format!("the export `{name}` is no function")).into())
    }

    pub(super) fn memory(&self) -> Result<Memory, End> {
        let memory = self.export("memory")?.dyn_into();
        memory.map(Memory).map_err(|_| Stop::Abi("the export `memory` is gone".to_owned()).into())
    }
}

/// A function of a unit.
pub(super) struct Callable(Function);

impl Callable {
    pub(super) fn call(&self, arguments: &[JsValue]) -> Result<JsValue, End> {
        let arguments: Array = arguments.iter().collect();
        js::invoke(&self.0, &arguments).map_err(|error| thrown(&error))
    }

    /// A function of `i32`s that gives one.
    pub(super) fn ask(&self, arguments: &[u32]) -> Result<u32, End> {
        let arguments: Vec<JsValue> = arguments.iter().map(|number| JsValue::from(*number as i32)).collect();
        let number = self.call(&arguments)?.as_f64();
        let number = number.ok_or_else(|| Stop::Abi("a function of the byte interface gives no `i32`".to_owned()))?;
        Ok(number as i32 as u32)
    }
}

/// The memory of a unit. Nothing of it is borrowed: the unit may grow it whenever it runs.
pub(super) struct Memory(WebAssembly::Memory);

impl Memory {
    pub(super) fn size(&self) -> u32 {
        size(&self.0)
    }

    /// These bytes, where the memory has them.
    pub(super) fn view(&self, start: u32, length: u32) -> Option<Uint8Array> {
        let end = start.checked_add(length)?;
        let all = Uint8Array::new(&self.0.buffer());
        (end <= all.length()).then(|| all.subarray(start, end))
    }

    pub(super) fn read<const COUNT: usize>(&self, start: u32) -> Option<[u8; COUNT]> {
        let mut bytes = [0; COUNT];
        self.view(start, COUNT as u32)?.copy_to(&mut bytes);
        Some(bytes)
    }
}

/// What left the unit as an exception.
fn thrown(error: &JsValue) -> End {
    if let Some(end) = stopped() {
        return end;
    }
    let text = |key: &str| Reflect::get(error, &key.into()).ok().and_then(|value| value.as_string()).unwrap_or_default();
    let (name, message) = (text("name"), text("message"));
    if trap::is_stack_overflow(&name, &message) {
        return End::Trap(TrapKind::StackOverflow, String::new());
    }
    match name.as_str() {
        "RuntimeError" => {
            let kind = trap::kind(&message);
            let detail = if kind == TrapKind::Other { message } else { String::new() };
            End::Trap(kind, detail)
        }
        _ => Stop::Host(format!("the browser could not run the unit: {name}: {message}")).into(),
    }
}
