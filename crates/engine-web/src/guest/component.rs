//! Components: jco's JavaScript does what the canonical ABI says, and `web/src/component.js` calls it; here is what the unit may see.

use js_sys::{Array, Uint8Array};
use serde::Deserialize;
use wasm_bindgen::{JsCast as _, JsValue};
use wasmill_engine::parts::{Deadline, Refused, Stop};
use wasmill_model::{LimitKind, Value};
use wasmill_preview1::{Preview1, Randomness};

use super::current;
use super::instance::thrown;
use crate::js;
use crate::wire::{End, Order, Report, lifted};

/// Bytes of randomness that a guest may ask for in one call.
const MOST_RANDOM: u32 = 16 << 20;
/// The stream that is stdout; every other one is stderr.
const STDOUT: u32 = 1;
/// The source of randomness that is not `wasi:random/random`.
const INSECURE: u32 = 1;
/// Characters of a unit's error that are kept.
const MOST_MESSAGE: usize = 4_000;

/// Bytes that one of a value can have as JSON text (`\u0000`), and those that mark it as bytes or a string.
const MOST_ESCAPED: u64 = 6;
const MOST_AROUND: u64 = 64;
/// Bytes that a guest may write to a stream in one go.
const MOST_WRITTEN: u32 = 64 << 10;

/// What the shared counters of a component's modules say.
#[derive(Deserialize)]
struct Used {
    fuel: u64,
    memory: u64,
    /// 0 where nothing was.
    refused: u8,
    wanted: u64,
    exhausted: bool,
    /// Whether more fuel was used than there is.
    over: bool,
}

/// Calls the function that an order names.
pub(super) fn call(
    prepared: &JsValue,
    order: &Order,
    function: &str,
    is_program: bool,
    output: &mut Uint8Array,
) -> Report {
    let end = answer(prepared, order, function, is_program, output).unwrap_or_else(|end| end);
    let mut report = Report { fuel: order.is_metered.then_some(0), ..Report::of(end) };
    // Where there are none, nothing of it has run.
    let Some(used) = js::component_used() else { return report };
    // Counters that say what no counter can say were written by somebody else: nothing that they say is believed, least of all zeros.
    let Ok(Used { fuel, memory, refused, wanted, exhausted, over }) = serde_json::from_str(&used) else {
        report.end = Stop::Host(format!("the counters of the component cannot be read: {used}")).into();
        return report;
    };
    report.fuel = order.is_metered.then_some(fuel);
    report.peak_memory = memory;
    let limits = &order.limits;
    let of = match refused {
        1 => Some((LimitKind::Memory, limits.memory)),
        2 => Some((LimitKind::TableElements, limits.table_elements)),
        3 => Some((LimitKind::Instances, u64::from(limits.instances))),
        _ => None,
    };
    report.refused = of.map(|(of, limit)| Refused { of, limit, wanted });
    if let Some(end) = report.end.of_fuel(exhausted, over && order.is_metered) {
        report.end = end;
    }
    report
}

fn answer(
    prepared: &JsValue,
    order: &Order,
    function: &str,
    is_program: bool,
    output: &mut Uint8Array,
) -> Result<End, End> {
    let answered = match js::call_component(prepared, function) {
        Ok(answered) => answered,
        Err(error) => {
            return match wrong(&error) {
                // `exit(0)` unwinds like a trap, and is success.
                End::Exit(0) if is_program => Ok(End::Bytes),
                end => Err(end),
            };
        }
    };
    if let Some(end) = current::stopped() {
        return Err(end);
    }
    if let Some(why) = answered.not_called() {
        return Err(Stop::Input(why).into());
    }
    if let Some(produced) = answered.produced() {
        return Err(Stop::Output { produced: produced as u64 }.into());
    }
    if let Some(error) = answered.error() {
        return Err(if is_program { End::Exit(1) } else { Stop::Guest(message(&error)).into() });
    }
    if is_program {
        return Ok(End::Bytes);
    }
    let answer = answered.answer().unwrap_or_default();
    // The host counts what the value has; as JSON text it may have more, but never more than this.
    let produced = answer.len() as u64;
    if produced > order.limits.output.saturating_mul(MOST_ESCAPED).saturating_add(MOST_AROUND) {
        return Err(Stop::Output { produced }.into());
    }
    *output = Uint8Array::from(answer.as_bytes());
    Ok(End::Json)
}

/// What left a component as an exception. What is no trap of WebAssembly is jco's, which says like this that a rule of components was broken.
fn wrong(error: &JsValue) -> End {
    match thrown(error) {
        End::Stop(Stop::Host(message)) => Stop::Abi(message).into(),
        end => end,
    }
}

/// What a unit said with its `err`: text as it is, anything else as JSON.
fn message(error: &str) -> String {
    let text = match lifted(error.as_bytes()) {
        Ok(Value::String(text)) => text.to_string(),
        Ok(Value::Null) => "the unit returned an error".to_owned(),
        Ok(other) => other.to_json(),
        Err(_) => error.to_owned(),
    };
    text.chars().take(MOST_MESSAGE).collect()
}

/// What a component asks of its WASI 0.2. Lengths are the guest's word, and looked at before anything is allocated.
pub(super) fn asked(
    preview1: &mut Preview1,
    deadline: &Deadline,
    what: &str,
    first: &JsValue,
    second: &JsValue,
) -> Result<JsValue, End> {
    // What has another type than it must have is a component that lied about its imports.
    let other = || Stop::Abi(format!("`{what}` was asked with a value of another type"));
    let number = |value: &JsValue| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0);
        number
            .filter(|number| (0.0..=f64::from(u32::MAX)).contains(number))
            .map(|number| number as u32)
            .ok_or_else(other)
    };
    let source = |value: &JsValue| {
        Ok::<_, Stop>(if number(value)? == INSECURE { Randomness::Insecure } else { Randomness::Secure })
    };
    Ok(match what {
        "environment" => {
            let pair = |(name, value): (String, String)| Array::of2(&name.into(), &value.into());
            preview1.environment().map(pair).collect::<Array>().into()
        }
        "arguments" => preview1.arguments().map(JsValue::from).collect::<Array>().into(),
        "now" => preview1.monotonic()?.into(),
        "peek" => preview1.monotonic_unread().into(),
        "wallClock" => preview1.wall_clock()?.into(),
        "resolution" => preview1.resolution().into(),
        "sleepUntil" => {
            let wait = preview1.until(u64::try_from(first.clone()).map_err(|_| other())?);
            wait.pass_here(deadline, |duration| js::pause(duration.as_secs_f64() * 1_000.0))?;
            JsValue::UNDEFINED
        }
        "random" => {
            let length = number(first)?;
            if length > MOST_RANDOM {
                return Err(Stop::Abi(format!("{length} bytes of randomness are more than {MOST_RANDOM}")).into());
            }
            let mut bytes = vec![0; length as usize];
            preview1.random(source(second)?, &mut bytes)?;
            Uint8Array::from(bytes.as_slice()).into()
        }
        "randomNumber" => preview1.random_number(source(first)?)?.into(),
        "read" => Uint8Array::from(&*preview1.read_stdin(number(first)?.min(MOST_RANDOM) as usize)).into(),
        "write" => {
            let stream = if number(first)? == STDOUT { &preview1.stdout } else { &preview1.stderr };
            let bytes = second.dyn_ref::<Uint8Array>().ok_or_else(other)?;
            if bytes.length() > MOST_WRITTEN {
                return Err(Stop::Abi(format!("more than {MOST_WRITTEN} bytes are written at once")).into());
            }
            stream.write(&bytes.to_vec())?;
            JsValue::UNDEFINED
        }
        "exit" => return Err(End::Exit(number(first)?.cast_signed())),
        _ => return Err(Stop::Host(format!("nobody answers `{what}`")).into()),
    })
}
