//! An instance of a unit: the browser's own, with our functions as its imports.

use js_sys::{Array, ArrayBuffer, Function, Reflect, Uint8Array, WebAssembly};
use wasm_bindgen::prelude::*;
use wasmill_engine::parts::{Refused, Stop};
use wasmill_instrument::Counter;
use wasmill_model::{LimitKind, TrapKind};
use wasmill_preview1::RemoteMemory;

use super::current;
use crate::wire::{End, Order, Report};
use crate::{js, trap};

/// A fresh instance, nothing of which has run.
pub(super) struct Instance {
    exports: JsValue,
}

impl Instance {
    pub(super) fn new(module: &JsValue) -> Result<Self, End> {
        let instance = js::instantiate(module).map_err(|error| thrown(&error))?;
        let exports = Reflect::get(&instance, &"exports".into()).map_err(|error| thrown(&error))?;
        let instance = Instance { exports };
        current::has_memory(instance.memory().ok());
        Ok(instance)
    }

    fn export(&self, name: &str) -> Result<JsValue, End> {
        let gone = || Stop::Abi(format!("the export `{name}` is gone"));
        Reflect::get(&self.exports, &name.into()).map_err(|_| gone().into())
    }

    pub(super) fn function(&self, name: &str) -> Result<Callable, End> {
        let function = self.export(name)?.dyn_into();
        function.map(Callable).map_err(|_| Stop::Abi(format!("the export `{name}` is gone")).into())
    }

    pub(super) fn memory(&self) -> Result<UnitMemory, End> {
        let memory = self.export("memory")?.dyn_into();
        memory.map(UnitMemory).map_err(|_| Stop::Abi("the export `memory` is gone".to_owned()).into())
    }
}

impl Instance {
    /// The counters that were put into the unit, with its limits set.
    pub(super) fn counters(&self, order: &Order) -> Result<Counters, End> {
        let global = |name: &String| self.export(name)?.dyn_into().map_err(|_| Stop::Host(gone()).into());
        let counters = Counters { globals: order.counters.iter().map(global).collect::<Result<_, End>>()? };
        counters.set(Counter::MemoryLimit, clamped(order.limits.memory))?;
        counters.set(Counter::TableLimit, clamped(order.limits.table_elements))?;
        counters.set(Counter::Fuel, -stops_at(order.limits.fuel))?;
        Ok(counters)
    }
}

fn clamped(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The fuel at which a unit is stopped: one unit more than it may use, as what is used up to the last unit is not too much.
fn stops_at(limit: u64) -> i64 {
    clamped(limit.saturating_add(1))
}

fn gone() -> String {
    "a counter of the unit is gone".to_owned()
}

/// What was put into a unit, to count what it uses.
#[derive(Clone)]
pub(super) struct Counters {
    /// In the order of [`Counter::ALL`].
    globals: Vec<WebAssembly::Global>,
}

impl Counters {
    fn global(&self, counter: Counter) -> Result<&WebAssembly::Global, End> {
        let place = Counter::ALL.iter().position(|other| *other == counter);
        place.and_then(|place| self.globals.get(place)).ok_or_else(|| Stop::Host(gone()).into())
    }

    fn set(&self, counter: Counter, value: i64) -> Result<(), End> {
        self.global(counter)?.set_value(&JsValue::from(value));
        Ok(())
    }

    fn get(&self, counter: Counter) -> Result<i64, End> {
        let value = self.global(counter)?.value();
        let read = if counter.is_wide() { i64::try_from(value).ok() } else { value.as_f64().map(|value| value as i64) };
        read.ok_or_else(|| Stop::Host(gone()).into())
    }

    fn unsigned(&self, counter: Counter) -> Result<u64, End> {
        self.get(counter).map(i64::cast_unsigned)
    }

    /// Bytes of memories and tables. They never shrink.
    pub(super) fn memory(&self) -> Result<u64, End> {
        let elements = self.unsigned(Counter::Elements)?;
        Ok(self.unsigned(Counter::Memory)?.saturating_add(elements.saturating_mul(8)))
    }

    /// Puts what was counted into a report.
    pub(super) fn read(&self, order: &Order, report: &mut Report) -> Result<(), End> {
        report.peak_memory = self.memory()?;
        let of = match self.get(Counter::Refused)? {
            1 => Some((LimitKind::Memory, order.limits.memory)),
            2 => Some((LimitKind::TableElements, order.limits.table_elements)),
            _ => None,
        };
        let wanted = self.unsigned(Counter::Wanted)?;
        report.refused = of.map(|(of, limit)| Refused { of, limit, wanted });
        if order.is_metered {
            let stops = stops_at(order.limits.fuel);
            let used = self.get(Counter::Fuel)?.saturating_add(stops);
            report.fuel = Some(used.clamp(0, clamped(order.limits.fuel)).cast_unsigned());
            let is_stopped = self.get(Counter::Exhausted)? != 0;
            if let Some(end) = report.end.of_fuel(is_stopped, used >= stops) {
                report.end = end;
            }
        }
        Ok(())
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
        let arguments: Vec<JsValue> = arguments.iter().map(|number| JsValue::from(number.cast_signed())).collect();
        let number = self.call(&arguments)?.as_f64();
        let number = number.ok_or_else(|| Stop::Abi("a function of the byte interface gives no `i32`".to_owned()))?;
        Ok(number as i32 as u32)
    }
}

/// The memory of a unit. Nothing of it is borrowed: the unit may grow it whenever it runs.
pub(super) struct UnitMemory(WebAssembly::Memory);

impl UnitMemory {
    pub(super) fn size(&self) -> u32 {
        self.0.buffer().unchecked_ref::<ArrayBuffer>().byte_length()
    }

    /// These bytes, where the memory has them.
    pub(super) fn view(&self, start: u32, length: u32) -> Option<Uint8Array> {
        let end = start.checked_add(length)?;
        let all = Uint8Array::new(&self.0.buffer());
        (end <= all.length()).then(|| all.subarray(start, end))
    }

    pub(super) fn read<const COUNT: usize>(&self, start: u32) -> Option<[u8; COUNT]> {
        let mut bytes = [0; COUNT];
        self.view(start, u32::try_from(COUNT).ok()?)?.copy_to(&mut bytes);
        Some(bytes)
    }
}

impl RemoteMemory for UnitMemory {
    fn size(&self) -> u64 {
        u64::from(UnitMemory::size(self))
    }

    fn read(&self, at: u32, into: &mut [u8]) {
        let length = u32::try_from(into.len()).ok();
        if let Some(there) = length.and_then(|length| self.view(at, length)) {
            there.copy_to(into);
        }
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).ok();
        if let Some(there) = length.and_then(|length| self.view(at, length)) {
            there.copy_from(bytes);
        }
    }
}

/// What left the unit as an exception.
pub(super) fn thrown(error: &JsValue) -> End {
    if let Some(end) = current::stopped() {
        return end;
    }
    let text =
        |key: &str| Reflect::get(error, &key.into()).ok().and_then(|value| value.as_string()).unwrap_or_default();
    let (name, message) = (text("name"), text("message"));
    if trap::is_stack_overflow(&name, &message) {
        return End::Trap(TrapKind::StackOverflow, String::new());
    }
    if name == "RuntimeError" {
        let kind = trap::kind(&message);
        let detail = if kind == TrapKind::Other { message } else { String::new() };
        return End::Trap(kind, detail);
    }
    Stop::Host(format!("the browser could not run the unit: {name}: {message}")).into()
}
