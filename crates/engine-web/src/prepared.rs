//! Components that were prepared elsewhere (`web/bin/prepare.mjs`), by the digest of the component: jco's JavaScript and core modules.
//!
//! Whoever hands one over says what the component does: that it was made of the component with this digest is the page's word.

use std::cell::RefCell;
use std::collections::HashMap;

use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasmill_model::Digest;

thread_local! {
    static PREPARED: RefCell<HashMap<String, Component>> = RefCell::default();
}

/// A component that browsers can run.
#[derive(Clone)]
pub(crate) struct Component {
    /// A function of JavaScript as text.
    pub(crate) source: JsValue,
    /// Core modules by the names that the source knows them by.
    pub(crate) modules: Vec<(JsValue, Uint8Array)>,
}

/// Adds components: an object `{digest: {source, modules: {name: Uint8Array}}}`. What has another shape is left out.
pub fn add_prepared(all: &JsValue) {
    let entries = |object: &JsValue| -> Vec<(JsValue, JsValue)> {
        let Some(object) = object.dyn_ref::<Object>() else { return Vec::new() };
        let pairs = Object::entries(object).to_vec().into_iter();
        pairs.map(|pair| Array::from(&pair)).map(|pair| (pair.get(0), pair.get(1))).collect()
    };
    for (digest, component) in entries(all) {
        let member = |name: &str| Reflect::get(&component, &name.into()).unwrap_or(JsValue::UNDEFINED);
        let (source, modules) = (member("source"), entries(&member("modules")));
        let modules = modules.into_iter().map(|(name, bytes)| Some((name, bytes.dyn_into::<Uint8Array>().ok()?)));
        let modules = modules.collect::<Option<Vec<_>>>();
        if let (Some(digest), true, Some(modules)) = (digest.as_string(), source.is_string(), modules) {
            PREPARED.with_borrow_mut(|prepared| prepared.insert(digest, Component { source, modules }));
        }
    }
}

/// The component with this digest.
pub(crate) fn find(digest: Digest) -> Option<Component> {
    PREPARED.with_borrow(|prepared| prepared.get(&digest.to_string()).cloned())
}
