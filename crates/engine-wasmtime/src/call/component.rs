//! Components: exported functions with WIT types. Text and bytes go in bulk, anything else by the component's own types.

use ::bytes::Bytes;
use wasmill_engine::parts::{Stop, size_of_value};
use wasmill_engine::{Call, PrepareError};
use wasmill_model::{Input, Value};
use wasmill_unit::FunctionInfo;
use wasmill_witjson::Lifted;
use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Func, Instance, InstancePre, Lift, Lower, Type, Val,
};

use super::{Answer, internal};
use crate::state::{MOST_HOST_BYTES, State};

pub(super) struct Entry {
    pre: InstancePre<State>,
    function: ComponentExportIndex,
    params: Vec<(String, Type)>,
    results: Vec<Type>,
    bulk: Option<(Bulk, BulkResult)>,
}

/// A value that is moved as one piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bulk {
    Text,
    Bytes,
}

/// A result that is moved as one piece of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BulkResult {
    Plain(Bulk),
    /// `result<…, string>`
    Fallible(Bulk),
}

/// Sets the most bytes that any one call, to the host or back to it, may make the host copy out of the guest, by what the result may
/// cost. A result that is over is refused by this before all of it is copied.
fn budget(store: &mut Store<State>, result: u64) {
    /// Ordinary calls to WASI need this much.
    const LEAST: u64 = 16 << 20;
    let budget = result.max(LEAST).saturating_add(1 << 16);
    store.set_hostcall_fuel(usize::try_from(budget).unwrap_or(usize::MAX));
}

/// What a result of any type may cost the host while it is lifted. wasmtime counts what values take there; the densest, a list of
/// one-digit numbers, takes 40 bytes for two bytes of JSON.
fn lifted(limit: u64) -> u64 {
    const HOST_BYTES_PER_OUTPUT_BYTE: u64 = 32;
    limit.saturating_mul(HOST_BYTES_PER_OUTPUT_BYTE).min(limit.max(MOST_HOST_BYTES as u64))
}

impl Bulk {
    fn of(kind: &Type) -> Option<Bulk> {
        match kind {
            Type::String => Some(Bulk::Text),
            Type::List(list) if list.ty() == Type::U8 => Some(Bulk::Bytes),
            _ => None,
        }
    }
}

impl BulkResult {
    fn of(kind: &Type) -> Option<BulkResult> {
        match kind {
            Type::Result(result) if matches!(result.err(), Some(Type::String)) => {
                Bulk::of(&result.ok()?).map(BulkResult::Fallible)
            }
            other => Bulk::of(other).map(BulkResult::Plain),
        }
    }
}

impl Entry {
    pub(super) fn new(pre: InstancePre<State>, function: &FunctionInfo) -> Result<Self, PrepareError> {
        let component = pre.component();
        let (instance, name) = match function.name.rsplit_once('#') {
            Some((instance, name)) => (Some(instance), name),
            None => (None, &*function.name),
        };
        let missing = || internal("the function is gone");
        let parent = match instance {
            Some(instance) => Some(component.get_export_index(None, instance).ok_or_else(missing)?),
            None => None,
        };
        let (item, index) = component.get_export(parent.as_ref(), name).ok_or_else(missing)?;
        let ComponentItem::ComponentFunc(kind) = item else { return Err(missing()) };
        let params: Vec<(String, Type)> = kind.params().map(|(name, kind)| (name.to_owned(), kind)).collect();
        let results: Vec<Type> = kind.results().collect();
        let bulk = match (params.as_slice(), results.as_slice()) {
            ([(_, param)], [result]) => Bulk::of(param).zip(BulkResult::of(result)),
            _ => None,
        };
        Ok(Entry { pre, function: index, params, results, bulk })
    }

    pub(super) async fn call(&self, store: &mut Store<State>, call: Call<'_>) -> wasmtime::Result<Answer> {
        let limit = call.limits.output;
        if let Some((param, result)) = self.bulk
            && let Some(piece) = piece(call.input, &self.params, param)
        {
            budget(store, limit);
            let instance = self.pre.instantiate_async(&mut *store).await?;
            let function = self.find(store, &instance)?;
            return match (param, result) {
                (Bulk::Text, BulkResult::Plain(kind)) => {
                    let text = std::str::from_utf8(&piece).map_err(|_| not_text())?;
                    plain(store, function, (text,), kind).await
                }
                (Bulk::Bytes, BulkResult::Plain(kind)) => plain(store, function, (&*piece,), kind).await,
                (Bulk::Text, BulkResult::Fallible(kind)) => {
                    let text = std::str::from_utf8(&piece).map_err(|_| not_text())?;
                    fallible(store, function, (text,), kind).await
                }
                (Bulk::Bytes, BulkResult::Fallible(kind)) => fallible(store, function, (&*piece,), kind).await,
            };
        }

        let most = usize::try_from(call.limits.memory).unwrap_or(usize::MAX).max(MOST_HOST_BYTES);
        let params = wasmill_witjson::lower_params(call.input, &self.params, most)
            .map_err(|error| Stop::Input(error.to_string()))?;
        budget(store, lifted(limit));
        let instance = self.pre.instantiate_async(&mut *store).await?;
        let function = self.find(store, &instance)?;
        let mut results = vec![Val::Bool(false); self.results.len()];
        function.call_async(&mut *store, &params, &mut results).await?;
        match wasmill_witjson::lift_results(&results, &self.results) {
            Lifted::Ok(value) => {
                let bytes = size_of_value(&value);
                Ok(Answer { value, bytes })
            }
            Lifted::Err(error) => Err(Stop::Guest(message(&error)).into()),
        }
    }

    fn find(&self, store: &mut Store<State>, instance: &Instance) -> Result<Func, Stop> {
        instance.get_func(store, self.function).ok_or_else(|| Stop::Abi("the function is gone".to_owned()))
    }
}

/// The one argument, where it can be handed over as it lies.
fn piece(input: &Input, params: &[(String, Type)], kind: Bulk) -> Option<Bytes> {
    let value = match input {
        Input::Single(value) => value,
        Input::Positional(list) => match list.as_slice() {
            [value] => value,
            _ => return None,
        },
        Input::Named(object) => match (params, object.len()) {
            ([(name, _)], 1) => object.get(name.as_str())?,
            _ => return None,
        },
    };
    match (kind, value) {
        (Bulk::Text | Bulk::Bytes, Value::String(_)) | (Bulk::Bytes, Value::Bytes(_)) => Some(value.to_bytes()),
        _ => None,
    }
}

fn not_text() -> Stop {
    Stop::Input("the argument is not UTF-8 text".to_owned())
}

// Results are copied while they are lifted: afterwards the guest's `post-return` runs, and may reuse their memory.

async fn plain<P>(store: &mut Store<State>, function: Func, params: P, kind: Bulk) -> wasmtime::Result<Answer>
where
    P: ComponentNamedList + Lower + Send + Sync,
{
    match kind {
        Bulk::Text => Ok(text(typed::<P, (String,)>(store, function, params).await?.0)),
        Bulk::Bytes => Ok(bytes(typed::<P, (Vec<u8>,)>(store, function, params).await?.0)),
    }
}

async fn fallible<P>(store: &mut Store<State>, function: Func, params: P, kind: Bulk) -> wasmtime::Result<Answer>
where
    P: ComponentNamedList + Lower + Send + Sync,
{
    let error = match kind {
        Bulk::Text => match typed::<P, (Result<String, String>,)>(store, function, params).await?.0 {
            Ok(answer) => return Ok(text(answer)),
            Err(error) => error,
        },
        Bulk::Bytes => match typed::<P, (Result<Vec<u8>, String>,)>(store, function, params).await?.0 {
            Ok(answer) => return Ok(bytes(answer)),
            Err(error) => error,
        },
    };
    Err(Stop::Guest(message(&Value::text(error))).into())
}

async fn typed<P, R>(store: &mut Store<State>, function: Func, params: P) -> wasmtime::Result<R>
where
    P: ComponentNamedList + Lower + Send + Sync,
    R: ComponentNamedList + Lift + Send + Sync + 'static,
{
    function.typed::<P, R>(&*store)?.call_async(&mut *store, params).await
}

fn text(answer: String) -> Answer {
    Answer { bytes: answer.len() as u64, value: Value::text(answer) }
}

fn bytes(answer: Vec<u8>) -> Answer {
    Answer { bytes: answer.len() as u64, value: Value::Bytes(answer.into()) }
}

/// What a unit said with its `err`: text as it is, anything else as JSON.
fn message(error: &Value) -> String {
    const MAX_MESSAGE: usize = 4_000;
    let text = match error {
        Value::String(text) => text.to_string(),
        Value::Null => "the unit returned an error".to_owned(),
        other => other.to_json(),
    };
    text.chars().take(MAX_MESSAGE).collect()
}
