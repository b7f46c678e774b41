//! What `web/src/worker.js` does for us.

use js_sys::{Array, Function, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A guest worker.
    pub(crate) type JsWorker;

    /// Starts a worker; whatever it says, and that it failed, goes to `receive`.
    #[wasm_bindgen(js_namespace = wasmillWorker, js_name = startGuest, catch)]
    pub(crate) fn start_guest(receive: &Closure<dyn FnMut(JsValue)>) -> Result<JsWorker, JsValue>;

    /// Has it make a `WebAssembly.Module`.
    #[wasm_bindgen(method, catch)]
    pub(crate) fn compile(this: &JsWorker, binary: Uint8Array) -> Result<(), JsValue>;

    /// Has it make a call.
    #[wasm_bindgen(method, catch)]
    pub(crate) fn call(this: &JsWorker, module: &JsValue, order: &str, input: Uint8Array) -> Result<(), JsValue>;

    /// Ends it, whatever it does. Nothing is received from it afterwards.
    #[wasm_bindgen(method)]
    pub(crate) fn terminate(this: &JsWorker);

    /// What a worker said.
    pub(crate) type Said;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn ready(this: &Said) -> Option<bool>;
    /// A module that was compiled.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn compiled(this: &Said) -> JsValue;
    /// Why a module was not.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn refused(this: &Said) -> Option<String>;
    /// What became of a call.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn report(this: &Said) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn output(this: &Said) -> Option<Uint8Array>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn log(this: &Said) -> Option<Uint8Array>;
    /// What a unit has logged since it was told of last, while it runs.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn logged(this: &Said) -> Option<Uint8Array>;
    /// Of a call that did not end by itself, or has not yet: the memory that it has, in bytes.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn memory(this: &Said) -> Option<f64>;
    /// Of a call that did not end by itself: the fuel that it took.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn fuel(this: &Said) -> Option<f64>;
    /// The stack overflowed where nothing can be saved of the worker.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn overflow(this: &Said) -> Option<bool>;
    /// The worker itself failed.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn failed(this: &Said) -> Option<String>;

    /// An instance of a unit, whose imports are functions of [`crate::guest`].
    #[wasm_bindgen(js_namespace = wasmillWorker, catch)]
    pub(crate) fn instantiate(module: &JsValue) -> Result<JsValue, JsValue>;

    /// Calls a function of a unit.
    #[wasm_bindgen(js_namespace = wasmillWorker, catch)]
    pub(crate) fn invoke(function: &Function, arguments: &Array) -> Result<JsValue, JsValue>;

    /// Calls a function of a component.
    #[wasm_bindgen(js_namespace = wasmillWorker, js_name = component, catch)]
    pub(crate) fn call_component(prepared: &JsValue, order: &str) -> Result<Answered, JsValue>;

    /// Tells the host what a unit has logged, and the memory that it has; of a component, JavaScript knows.
    #[wasm_bindgen(js_namespace = wasmillWorker)]
    pub(crate) fn logged(bytes: Uint8Array, memory: Option<f64>);

    /// What the last call of a component used, as JSON; none where none was begun.
    #[wasm_bindgen(js_namespace = wasmillWorker, js_name = componentUsed)]
    pub(crate) fn component_used() -> Option<String>;

    /// What a function of a component gave: one of four.
    pub(crate) type Answered;

    /// Its result as JSON.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn answer(this: &Answered) -> Option<String>;
    /// What it said with its `err`, as JSON.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn error(this: &Answered) -> Option<String>;
    /// How many bytes there were of its result or error when the limit of the output was passed.
    #[wasm_bindgen(method, getter)]
    pub(crate) fn produced(this: &Answered) -> Option<f64>;
    /// Why it was not called.
    #[wasm_bindgen(method, getter, js_name = refused)]
    pub(crate) fn not_called(this: &Answered) -> Option<String>;

    /// Does nothing for so many milliseconds, and lets nobody else do anything in this worker.
    #[wasm_bindgen(js_namespace = wasmillWorker)]
    pub(crate) fn pause(milliseconds: f64);

    #[wasm_bindgen(js_name = setTimeout)]
    pub(crate) fn set_timeout(callback: &Function, milliseconds: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    pub(crate) fn clear_timeout(timer: &JsValue);
}
