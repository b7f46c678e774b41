//! What guest workers ask for.

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
pub use wasmill_engine_web::guest::Told;

/// Makes a call of a unit.
#[wasm_bindgen(js_name = guestCall)]
pub fn call(module: &JsValue, order: &str, input: &Uint8Array) -> Told {
    wasmill_engine_web::guest::call(module, order, input)
}

/// The number of a function that a unit imports; none where there is no such function.
#[wasm_bindgen(js_name = guestImport)]
pub fn import(module: &str, name: &str) -> Option<u32> {
    wasmill_engine_web::guest::import(module, name)
}

/// A component asks something of its WASI 0.2.
///
/// # Errors
/// What is thrown, to leave the unit.
#[wasm_bindgen(js_name = guestAsked)]
pub fn asked(what: &str, first: &JsValue, second: &JsValue) -> Result<JsValue, JsValue> {
    wasmill_engine_web::guest::asked(what, first, second)
}

/// A unit calls one of its imports.
///
/// # Errors
/// What is thrown, to leave the unit.
#[wasm_bindgen(js_name = guestImported)]
pub fn imported(number: u32, arguments: &Array) -> Result<JsValue, JsValue> {
    wasmill_engine_web::guest::imported(number, arguments)
}
